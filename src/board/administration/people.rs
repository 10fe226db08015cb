//! Who may come in: users, what they may do and where. That somebody read names and numbers goes into the trail.

use alerting::catalogue::{self, Language};
use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Cell, Field, Form, Office, Page, Room, Table};
use crate::board::access::Asking;
use crate::board::api::{Named, Sent};
use crate::board::page::role_key;
use crate::board::problem::{Kind, Problem};
use crate::board::sign_in::turn;
use crate::board::{App, Shared, in_turn};
use crate::people::{self, Areas, Details, NewUser, PeopleError, Role, Store};

/// `/administration/people`.
pub(in crate::board) async fn people(office: Office) -> Page {
    let language = office.language;
    let by = office.asking.person.name.clone();
    let reading = office.app.clone();
    let read = move || {
        let store = store(&reading)?;
        let now = reading.state.tokens.clock().wall();
        let (roster, details) = (store.roster(), store.details(&by, now));
        Ok::<_, Problem>((roster.map_err(fault)?, details.map_err(fault)?))
    };
    let (roster, details) = office.app.beside("read users", read).await??;
    let heads = [
        "office-user",
        "office-name",
        "office-role",
        "office-areas",
        "account-factor",
        "incident-stands",
        "office-change",
    ];
    let mut table = Table::new("office-people", &heads, language);
    for user in roster.users() {
        let of = details.iter().find(|(id, _)| **id == *user.id).map(|(_, details)| details);
        let factor = if user.factor().is_some() { "office-yes" } else { "office-no" };
        let stands = if user.disabled { "office-disabled" } else { "office-enabled" };
        let contact =
            of.map(|of| [of.phone.as_str(), of.mail.as_str()].join(" ")).unwrap_or_default();
        table.rows.push(vec![
            Cell::text(&*user.id),
            Cell::text(of.map_or("", |of| &of.name)).small(contact.trim()),
            Cell::text(catalogue::message(role_key(user.role), language)),
            Cell::text(user.areas.to_string()),
            Cell::text(catalogue::message(factor, language)),
            Cell::text(catalogue::message(stands, language)),
            Cell::order((*user.id != *office.asking.person.name).then(|| change(user, language))),
        ]);
    }
    let room = Room {
        title: "office-people",
        about: Some("office-people-about"),
        tables: vec![table],
        forms: vec![add(language)],
        ..Room::default()
    };
    office.draw("/administration/people", room)
}

fn roles(language: Language) -> Vec<(String, String)> {
    let word = |role: Role| catalogue::message(role_key(role), language).to_owned();
    Role::ALL.map(|role| (role.name().to_owned(), word(role))).to_vec()
}

fn add(language: Language) -> Form {
    Form {
        title: catalogue::message("office-add-user", language).into(),
        post: "/api/v1/users".into(),
        fields: vec![
            Field::text("id", "office-user", language).needed(),
            Field::choice("role", "office-role", roles(language), language),
            Field::text("areas", "office-areas", language).needed().with("all"),
            Field::text("name", "office-name", language),
            Field::text("phone", "office-phone", language),
            Field::text("mail", "office-mail", language),
        ],
        submit: catalogue::message("office-add", language),
        about: catalogue::message("office-add-user-about", language).into(),
    }
}

fn change(user: &people::User, language: Language) -> Form {
    let word = |what: Change| {
        let key = ["office-user-", what.name()].concat();
        (what.name().to_owned(), catalogue::lookup(&key, language).unwrap_or(what.name()).into())
    };
    let enable = if user.disabled { Change::Enable } else { Change::Disable };
    let mut options = vec![word(enable), word(Change::Password)];
    if user.factor().is_some() {
        options.push(word(Change::SecondFactor));
    }
    for role in Role::ALL.into_iter().filter(|role| *role != user.role) {
        let said = catalogue::fill(
            "office-user-role",
            language,
            &[catalogue::message(role_key(role), language)],
        );
        options.push((role.name().to_owned(), said));
    }
    options.push(word(Change::Erase));
    Form {
        post: format!("/api/v1/users/{}", user.id),
        fields: vec![Field::choice("what", "office-change", options, language)],
        submit: catalogue::message("office-change", language),
        ..Form::default()
    }
}

/// What may be changed about a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(in crate::board) enum Change {
    Enable,
    Disable,
    /// Another first password.
    Password,
    /// Takes the second factor away.
    SecondFactor,
    Erase,
    Viewer,
    Operator,
    Approver,
    Administrator,
}

impl Change {
    const fn name(self) -> &'static str {
        match self {
            Self::Enable => "enable",
            Self::Disable => "disable",
            Self::Password => "password",
            Self::SecondFactor => "second-factor",
            Self::Erase => "erase",
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Approver => "approver",
            Self::Administrator => "administrator",
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::board) struct Added {
    id: String,
    role: String,
    #[serde(default = "everywhere")]
    areas: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    phone: String,
    #[serde(default)]
    mail: String,
}

fn everywhere() -> String {
    "all".into()
}

/// `POST /api/v1/users`: the first password is in the answer, and nowhere else.
pub(in crate::board) async fn add_user(
    State(app): State<Shared>,
    asking: Asking,
    Sent(added): Sent<Added>,
) -> Result<Json<Value>, Problem> {
    let role = Role::parse(&added.role).ok_or_else(|| Problem::unfit("`role` is no role"))?;
    let areas = Areas::parse(&added.areas).map_err(|fault| Problem::unfit(fault.to_string()))?;
    let by = asking.person.name.clone();
    changing(&app, move |app, store| {
        let first = people::generated()?;
        let password = app.state.tokens.hasher().hash(&first)?;
        let details = Details { name: added.name, phone: added.phone, mail: added.mail };
        let new = NewUser { id: &added.id, role, areas, password: &password, details };
        store.add(&new, &by, app.state.tokens.clock().wall())?;
        Ok(json!({ "id": added.id, "password": first }))
    })
    .await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::board) struct Changed {
    what: Change,
}

/// `POST /api/v1/users/{user}`.
pub(in crate::board) async fn change_user(
    State(app): State<Shared>,
    asking: Asking,
    Named(id): Named,
    Sent(Changed { what }): Sent<Changed>,
) -> Result<Json<Value>, Problem> {
    if *asking.person.name == *id {
        let what = "ask another administrator to change what you may do yourself";
        return Err(Problem::from(Kind::Refused).detail(what));
    }
    let by = asking.person.name.clone();
    changing(&app, move |app, store| {
        let now = app.state.tokens.clock().wall();
        let mut said = json!({ "id": id, "done": what.name() });
        match what {
            Change::Enable => store.set_disabled(&id, false, &by, now)?,
            Change::Disable => store.set_disabled(&id, true, &by, now)?,
            Change::Erase => store.erase(&id, &by, now)?,
            Change::SecondFactor => store.set_factor(&id, None, &by, now)?,
            Change::Password => {
                let first = people::generated()?;
                let password = app.state.tokens.hasher().hash(&first)?;
                store.set_password(&id, &password, true, &by, now)?;
                said["password"] = json!(first);
            }
            Change::Viewer | Change::Operator | Change::Approver | Change::Administrator => {
                let roster = store.roster()?;
                let user = roster.user(&id).ok_or_else(|| PeopleError::Unknown(id.clone()))?;
                let role = Role::parse(what.name()).unwrap_or(user.role);
                store.set_role(&id, role, &user.areas, &by, now)?;
            }
        }
        Ok(said)
    })
    .await
}

/// Changes something about users beside the tasks that serve, one password at a time.
async fn changing(
    app: &Shared,
    work: impl FnOnce(&App, &Store) -> Result<Value, PeopleError> + Send + 'static,
) -> Result<Json<Value>, Problem> {
    let turn = turn(app).await?;
    let worker = app.clone();
    let done = in_turn(turn, move || {
        let said = work(&worker, store(&worker)?).map_err(refused)?;
        worker.state.tokens.changed().map_err(fault)?;
        Ok(Json(said))
    });
    done.await.map_err(|error| Problem::fault("change a user", &error))?
}

fn store(app: &App) -> Result<&Store, Problem> {
    let none = || Problem::from(Kind::Busy).detail("there are no users here, only tokens");
    app.state.tokens.store().ok_or_else(none)
}

fn refused(error: PeopleError) -> Problem {
    match error {
        PeopleError::Unknown(_) => Kind::NotFound.into(),
        PeopleError::Taken(_) | PeopleError::TokenTaken(_) => {
            Problem::from(Kind::Refused).detail(error.to_string())
        }
        PeopleError::Id(_) | PeopleError::Detail(_) => Problem::unfit(error.to_string()),
        other => fault(other),
    }
}

fn fault(error: PeopleError) -> Problem {
    Problem::fault("change users", &error)
}
