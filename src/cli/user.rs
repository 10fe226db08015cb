//! `bongsu user`: who may come in, beside a running daemon or without one; a running one knows within a second or two.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use alerting::catalogue::{self, Language};
use anyhow::{Context, bail};
use ingest::clock::Clock;
use serde_json::json;

use super::{NO, failed};
use crate::board::Token;
use crate::people::{
    self, Areas, Details, Hasher, NewUser, PeopleError, Role, Scope, SecondFactor, Store, TokenRow,
};

/// By what name the trail knows whoever stands at the machine.
const BY: &str = "command line";

/// The longest a token may last.
const TOKEN_AGE_MAX: Duration = Duration::from_secs(10 * 366 * 86_400);

/// Adds, lists, changes and erases users, their passwords, second factors and tokens
#[derive(Clone, Debug, clap::Args)]
pub struct UserArgs {
    #[command(subcommand)]
    what: What,
    /// The data directory
    #[arg(long, global = true, default_value = "/var/lib/bongsu")]
    data_dir: PathBuf,
}

/// What somebody may do, and where
#[derive(Clone, Debug, clap::Args)]
struct Rights {
    /// viewer, operator, approver or administrator
    #[arg(long, value_parser = role)]
    role: Role,
    /// Where: beginnings of district codes, sites, or all
    #[arg(long, default_value = "all", value_parser = Areas::parse)]
    areas: Areas,
}

/// What is personal about somebody
#[derive(Clone, Debug, clap::Args)]
struct Personal {
    /// What they are called
    #[arg(long, default_value = "")]
    name: String,
    /// Their number
    #[arg(long, default_value = "")]
    phone: String,
    /// Their address
    #[arg(long, default_value = "")]
    mail: String,
}

impl Personal {
    fn details(&self) -> Details {
        let Self { name, phone, mail } = self.clone();
        Details { name, phone, mail }
    }
}

#[derive(Clone, Debug, clap::Subcommand)]
enum What {
    /// Adds a user and prints a first password, which has to be changed at the first sign-in
    Add {
        /// By which journal and trail know them, for good; no name
        id: String,
        #[command(flatten)]
        rights: Rights,
        #[command(flatten)]
        personal: Personal,
        /// A file with the first password, instead of one by chance
        #[arg(long)]
        password_file: Option<PathBuf>,
    },
    /// Lists users: what they may do, where, and whether they have a second factor
    List {
        /// With names, numbers and addresses; that they were read goes into the trail
        #[arg(long)]
        names: bool,
        /// One object a line
        #[arg(long)]
        json: bool,
    },
    /// Changes what a user may do, and where
    Role {
        /// Who
        id: String,
        #[command(flatten)]
        rights: Rights,
    },
    /// Replaces what is personal about a user
    Details {
        /// Who
        id: String,
        #[command(flatten)]
        personal: Personal,
    },
    /// Lets a user in no more; every session of theirs ends
    Disable {
        /// Who
        id: String,
    },
    /// Lets a user in again
    Enable {
        /// Who
        id: String,
    },
    /// Forgets what is personal about a user, and lets them in no more; the id stays
    Erase {
        /// Who
        id: String,
    },
    /// Prints another first password
    Password {
        /// Who
        id: String,
        /// A file with it, instead of one by chance
        #[arg(long)]
        password_file: Option<PathBuf>,
    },
    /// Sets up a second factor and prints it, or takes it away
    SecondFactor {
        /// Who
        id: String,
        /// Takes it away, as when a phone is lost; the user sets up another
        #[arg(long)]
        remove: bool,
    },
    /// Makes a token for programs and prints it, once
    Token {
        /// Whose; it may do no more than they
        id: String,
        /// What it is called
        #[arg(long)]
        name: String,
        /// metrics, read, order, approve or administer
        #[arg(long, value_parser = scope)]
        scope: Scope,
        /// How long it lasts, say 90d
        #[arg(long = "for", value_name = "TIME", value_parser = days)]
        lasts: Duration,
    },
    /// Lists tokens
    Tokens {
        /// One object a line
        #[arg(long)]
        json: bool,
    },
    /// Takes a token back
    Revoke {
        /// Its name
        name: String,
    },
}

fn role(text: &str) -> Result<Role, String> {
    Role::parse(text).ok_or_else(|| words(Role::ALL.map(Role::name)))
}

fn scope(text: &str) -> Result<Scope, String> {
    Scope::parse(text).ok_or_else(|| words(Scope::ALL.map(Scope::name)))
}

fn words<const N: usize>(words: [&str; N]) -> String {
    format!("write one of: {}", words.join(", "))
}

fn days(text: &str) -> Result<Duration, String> {
    let days = text.strip_suffix('d').and_then(|days| days.trim().parse::<u64>().ok());
    let lasts = days.and_then(|days| days.checked_mul(86_400)).map(Duration::from_secs);
    lasts
        .filter(|lasts| !lasts.is_zero() && *lasts <= TOKEN_AGE_MAX)
        .ok_or_else(|| "write a number of days, say 90d; 3660d at most".into())
}

/// Runs it. The status is 1 if there is no such user or token, or there is one already.
pub fn run(args: &UserArgs, language: Language) -> ExitCode {
    match carried_out(args, language) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => match error.downcast_ref::<PeopleError>() {
            Some(
                PeopleError::Unknown(_)
                | PeopleError::Taken(_)
                | PeopleError::TokenTaken(_)
                | PeopleError::Id(_)
                | PeopleError::Detail(_)
                | PeopleError::NoToken(_),
            ) => {
                eprintln!("{error}");
                ExitCode::from(NO)
            }
            _ => failed(&error),
        },
    }
}

fn carried_out(args: &UserArgs, language: Language) -> anyhow::Result<()> {
    if !args.data_dir.is_dir() {
        bail!("there is no data directory {}; give --data-dir", args.data_dir.display());
    }
    let store = Store::open(&args.data_dir)?;
    let now = Clock::system().wall();
    let say = |key: &'static str, values: &[&str]| {
        println!("{}", catalogue::fill(key, language, values));
    };
    match &args.what {
        What::Add { id, rights, personal, password_file } => {
            people::user_id(id)?;
            let (password, hash) = password(id, password_file.as_ref(), language)?;
            let Rights { role, areas } = rights.clone();
            let new = NewUser { id, role, areas, password: &hash, details: personal.details() };
            store.add(&new, BY, now)?;
            say("user-added", &[id, role.name(), &password]);
        }
        What::List { names, json } => list(&store, *names, *json, language)?,
        What::Role { id, rights } => {
            store.set_role(id, rights.role, &rights.areas, BY, now)?;
            say("user-changed", &[id]);
        }
        What::Details { id, personal } => {
            store.set_details(id, &personal.details(), BY, now)?;
            say("user-changed", &[id]);
        }
        What::Disable { id } => {
            store.set_disabled(id, true, BY, now)?;
            say("user-disabled", &[id]);
        }
        What::Enable { id } => {
            store.set_disabled(id, false, BY, now)?;
            say("user-enabled", &[id]);
        }
        What::Erase { id } => {
            store.erase(id, BY, now)?;
            say("user-erased", &[id]);
        }
        What::Password { id, password_file } => {
            let (password, hash) = password(id, password_file.as_ref(), language)?;
            store.set_password(id, &hash, true, BY, now)?;
            say("user-password", &[id, &password]);
        }
        What::SecondFactor { id, remove: true } => {
            store.set_factor(id, None, BY, now)?;
            say("user-factor-removed", &[id]);
        }
        What::SecondFactor { id, remove: false } => {
            let factor = SecondFactor::new()?;
            store.set_factor(id, Some(&factor), BY, now)?;
            say("user-factor", &[id, &factor.text(), &factor.address(id)]);
        }
        What::Token { id, name, scope, lasts } => {
            let (token, text) = Token::made()?;
            let row = TokenRow {
                name: people::user_id(name)?.to_owned(),
                user: id.clone(),
                scope: *scope,
                expires_at: now.plus(*lasts),
            };
            store.add_token(&row, &token, BY, now)?;
            say("user-token", &[name, id, scope.name(), &row.expires_at.to_string(), &text]);
        }
        What::Tokens { json } => tokens(&store, *json)?,
        What::Revoke { name } => {
            store.revoke_token(name, BY, now)?;
            say("user-token-revoked", &[name]);
        }
    }
    Ok(())
}

/// A first password, by chance or out of a file, and its hash.
fn password(
    id: &str,
    file: Option<&PathBuf>,
    language: Language,
) -> anyhow::Result<(String, String)> {
    let password = match file {
        None => people::generated()?,
        Some(file) => std::fs::read_to_string(file)
            .with_context(|| format!("cannot read the password in {}", file.display()))?
            .trim_end_matches(['\r', '\n'])
            .to_owned(),
    };
    if let Err(weak) = people::check(&password, id) {
        bail!("{}", catalogue::message(weak.key(), language));
    }
    let hash = Hasher::default().hash(&password)?;
    Ok((if file.is_some() { "***".into() } else { password }, hash))
}

fn list(store: &Store, names: bool, as_json: bool, language: Language) -> anyhow::Result<()> {
    let roster = store.roster()?;
    let details = if names { store.details(BY, Clock::system().wall())? } else { Vec::new() };
    for user in roster.users() {
        let own = details.iter().find(|(id, _)| **id == *user.id).map(|(_, details)| details);
        if as_json {
            let mut line = json!({
                "id": &*user.id,
                "role": user.role.name(),
                "areas": user.areas.to_string(),
                "disabled": user.disabled,
                "second_factor": user.factor().is_some(),
                "must_change_password": user.must_change,
            });
            if let Some(own) = own {
                line["name"] = own.name.as_str().into();
                line["phone"] = own.phone.as_str().into();
                line["mail"] = own.mail.as_str().into();
            }
            println!("{line}");
            continue;
        }
        let states = [
            (user.disabled, "user-state-disabled"),
            (user.must_change, "user-state-must-change"),
            (user.factor().is_some(), "user-state-factor"),
        ];
        let states = states.iter().filter(|(is, _)| *is);
        let states: Vec<_> = states.map(|(_, key)| catalogue::message(key, language)).collect();
        let own =
            own.map_or(String::new(), |own| format!("  {}  {}  {}", own.name, own.phone, own.mail));
        println!("{}  {}  {}  {}{own}", user.id, user.role.name(), user.areas, states.join(", "));
    }
    Ok(())
}

fn tokens(store: &Store, as_json: bool) -> anyhow::Result<()> {
    for TokenRow { name, user, scope, expires_at } in store.tokens()? {
        if as_json {
            let expires_at = expires_at.to_string();
            println!(
                "{}",
                json!({ "name": name, "user": user, "scope": scope.name(), "expires_at": expires_at })
            );
        } else {
            println!("{name}  {user}  {}  {expires_at}", scope.name());
        }
    }
    Ok(())
}
