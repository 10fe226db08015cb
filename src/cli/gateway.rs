//! `bongsu gateway`: who speaks for which stations, and how each proves it.
//!
//! One folder holds the book of gateways, a small certificate authority, and both as files for a mosquitto, written
//! anew with every change. The embedded broker follows the book while it runs.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use alerting::catalogue::{self, Language};
use anyhow::{Context, bail};
use broker::authority::{Authority, Day};
use broker::gateway::{Book, Gateway, Scope};
use broker::{Digest, mosquitto, new_password};
use clap::Subcommand;
use ingest::clock::Clock;
use ingest::collector::config::{BrokerUrl, MqttConfig, Password};
use ingest::collector::control;
use serde_json::json;

use super::failed;

/// Who speaks for which stations: credentials, rights, certificates
#[derive(Clone, Debug, clap::Args)]
pub struct GatewayArgs {
    #[command(subcommand)]
    what: What,
    /// The folder of the book of gateways
    #[arg(long, global = true, default_value = "gateways")]
    folder: PathBuf,
    /// A broker with mosquitto's dynamic security plugin to tell as well, mqtt(s)://host[:port]
    #[arg(long, global = true, value_name = "URL", requires = "admin")]
    dynamic_security: Option<BrokerUrl>,
    /// Its administrator
    #[arg(long, global = true, requires = "admin_password_file")]
    admin: Option<String>,
    /// A file with the administrator's password
    #[arg(long, global = true)]
    admin_password_file: Option<PathBuf>,
    /// The authority that signed the broker's certificate, PEM
    #[arg(long, global = true)]
    ca_file: Option<PathBuf>,
    /// As JSON
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Clone, Debug, Subcommand)]
enum What {
    /// Takes in a gateway and shows its password, once
    Add {
        /// Its name: 1 to 64 of a-z, 0-9 and -
        name: String,
        /// SITE or SITE/STATION it speaks for; as many as needed
        #[arg(long, required_unless_present = "listens")]
        speaks_for: Vec<Scope>,
        /// It speaks for nobody: a display or a loudspeaker that reads alerts for everybody
        #[arg(long, conflicts_with_all = ["speaks_for", "topic"])]
        listens: bool,
        /// An MQTT filter of foreign topics it may publish; as many as needed
        #[arg(long)]
        topic: Vec<String>,
        /// Makes a certificate in place of a password
        #[arg(long)]
        certificate: bool,
    },
    /// Every gateway
    List,
    /// Lets a gateway in no more
    Revoke {
        /// Which
        name: String,
    },
    /// Makes a certificate for a broker, under the names and addresses gateways reach it by
    Broker {
        /// The first names the files
        #[arg(required = true)]
        hosts: Vec<String>,
    },
}

/// Does it.
pub fn run(args: &GatewayArgs, language: Language) -> ExitCode {
    match work(args, language) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(&error),
    }
}

fn work(args: &GatewayArgs, language: Language) -> anyhow::Result<()> {
    let folder = &args.folder;
    let today = today(&Clock::system())?;
    let mut book = Book::open(folder)?;
    match &args.what {
        What::List => {
            list(&book, args.json, language);
            Ok(())
        }
        What::Add { name, speaks_for, listens, topic, certificate } => {
            make(folder)?;
            let mut gateway = Gateway {
                speaks_for: if *listens { Vec::new() } else { speaks_for.clone() },
                topics: topic.clone(),
                password: None,
                certificate: None,
                revoked: false,
            };
            // Whether the name and the topics are good, before anything is written.
            book.clone().add(name, gateway.clone())?;
            let mut password = None;
            if *certificate {
                let authority = Authority::open(folder, today)?;
                authority.list(&book, today)?; // with the one it may have had, which the book forgets
                gateway.certificate = Some(authority.certify_gateway(name, today)?);
            } else {
                let made = new_password()?;
                gateway.password = Some(Digest::of(&made)?);
                password = Some(made);
            }
            if let Some(password) = &password {
                control(args, mosquitto::take_in(name, &gateway, password))?;
            }
            book.add(name, gateway.clone())?;
            keep(&book, folder)?;
            added(args, name, &gateway, password.as_deref(), language);
            Ok(())
        }
        What::Revoke { name } => {
            let had = book.revoke(name)?.clone();
            if had.password.is_some() {
                control(args, mosquitto::let_go(name))?;
            }
            keep(&book, folder)?;
            if had.certificate.is_some() {
                Authority::open(folder, today)?.list(&book, today)?;
            }
            println!("{}", catalogue::fill("gateway-revoked", language, &[name]));
            Ok(())
        }
        What::Broker { hosts } => {
            make(folder)?;
            Authority::open(folder, today)?.certify_broker(hosts, today)?;
            let name = folder.join(&hosts[0]).display().to_string();
            println!("{name}.crt\n{name}.key");
            Ok(())
        }
    }
}

/// The folder, its owner's alone: keys lie in it.
fn make(folder: &Path) -> anyhow::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    let cannot = || format!("cannot make {}", folder.display());
    std::fs::create_dir_all(folder).with_context(cannot)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let private = std::fs::Permissions::from_mode(0o750);
        std::fs::set_permissions(folder, private).with_context(cannot)?;
    }
    Ok(())
}

/// Writes the book, and what a mosquitto reads of it.
fn keep(book: &Book, folder: &Path) -> anyhow::Result<()> {
    book.save(folder)?;
    mosquitto::write(book, folder).with_context(|| format!("cannot write to {}", folder.display()))
}

fn added(
    args: &GatewayArgs,
    name: &str,
    gateway: &Gateway,
    password: Option<&str>,
    language: Language,
) {
    let files = gateway.certificate.as_ref().map(|_| {
        ["crt", "key"].map(|end| args.folder.join(format!("{name}.{end}")).display().to_string())
    });
    if args.json {
        println!("{}", json!({ "name": name, "password": password, "files": files }));
        return;
    }
    if let Some(password) = password {
        println!("{}", catalogue::fill("gateway-password", language, &[name, password]));
    }
    for file in files.iter().flatten() {
        println!("{file}");
    }
}

fn list(book: &Book, as_json: bool, language: Language) {
    for (name, gateway) in book.iter() {
        let scopes: Vec<String> = gateway.speaks_for.iter().map(Scope::to_string).collect();
        let certificate = gateway.certificate.as_ref();
        if as_json {
            let line = json!({
                "name": name,
                "speaks_for": scopes,
                "topics": gateway.topics,
                "password": gateway.password.is_some(),
                "certificate_until": certificate.map(|one| &one.until),
                "revoked": gateway.revoked,
            });
            println!("{line}");
            continue;
        }
        let proof = match certificate {
            Some(one) => catalogue::fill("gateway-certificate", language, &[&one.until]),
            None => catalogue::message("gateway-by-password", language).to_owned(),
        };
        let revoked = if gateway.revoked { "gateway-word-revoked" } else { "gateway-word-good" };
        let topics = gateway.topics.join(" ");
        let words = catalogue::message(revoked, language);
        println!("{name}  {words}  {proof}  {} {topics}", scopes.join(" "));
    }
}

/// Tells the dynamic security plugin, if one was named.
fn control(args: &GatewayArgs, payload: Vec<u8>) -> anyhow::Result<()> {
    let (Some(url), Some(admin), Some(file)) =
        (&args.dynamic_security, &args.admin, &args.admin_password_file)
    else {
        return Ok(());
    };
    let password = std::fs::read_to_string(file)
        .with_context(|| format!("cannot read the password in {}", file.display()))?;
    let mut config = MqttConfig::new("gateway", url.clone(), args.folder.clone());
    config.user = Some(admin.clone());
    config.password = Some(Password::new(password.trim_end_matches(['\r', '\n'])));
    config.ca_file.clone_from(&args.ca_file);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let asked = control::request(&config, mosquitto::CONTROL, mosquitto::CONTROL_RESPONSE, payload);
    let answer = runtime.block_on(asked)?;
    if let Err(why) = mosquitto::answered(&answer) {
        bail!("{url}: {why}");
    }
    Ok(())
}

/// The day it is, by this machine's clock.
fn today(clock: &Clock) -> anyhow::Result<Day> {
    let text = clock.wall().to_string();
    let mut parts = text.split(['-', 'T']);
    let mut part = || parts.next().context("the clock shows no day");
    Ok(Day(part()?.parse()?, part()?.parse()?, part()?.parse()?))
}
