//! Pages for those who run bongsu: whether it works, its ways out, its stations, what was set aside, the criteria, who
//! is on duty, the trail, and who may come in.
//!
//! Every page is tables and forms as data, drawn by one template. Forms go to the API that programs use, so there is
//! one way to order anything; what is only to be read works without scripts.

mod system;
mod channels;
mod stations;
mod quarantine;
mod rules;
mod standing;
mod duty;
mod contacts;
mod audit;
mod people;

use alerting::catalogue::{self, Language};
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::response::Html;
use minijinja::context;
use minijinja::value::{Serde, Value, merge_maps};
use reading::Timestamp;
use serde::Serialize;

use super::access::Asking;
use super::language::Reads;
use super::page::head;
use super::problem::Problem;
use super::{Role, Shared};
use crate::moment::{HOME_ZONE, Shown};

pub(super) use audit::audit;
pub(super) use channels::channels;
pub(super) use contacts::contacts;
pub(super) use duty::duty;
pub(super) use people::{add_user, change_user, people};
pub(super) use quarantine::quarantine;
pub(super) use rules::{rules, site_rules};
pub(super) use standing::{report_form, standing};
pub(super) use stations::stations;
pub(super) use system::system;

/// The rooms, by address and name, with who may enter.
const ROOMS: [(&str, &str, Role); 10] = [
    ("/administration", "office-system", Role::Viewer),
    ("/administration/channels", "office-channels", Role::Viewer),
    ("/administration/stations", "office-stations", Role::Viewer),
    ("/administration/quarantine", "office-quarantine", Role::Viewer),
    ("/administration/rules", "office-rules", Role::Viewer),
    ("/administration/standing", "office-standing", Role::Viewer),
    ("/administration/duty", "office-duty", Role::Viewer),
    ("/administration/contacts", "office-contacts", Role::Operator),
    ("/administration/audit", "office-audit", Role::Operator),
    ("/administration/people", "office-people", Role::Administrator),
];

/// How many entries a page lists.
const ROWS_MAX: usize = 100;

/// How many stations or rules are listed; what is beyond is for the API.
const LISTED_MAX: usize = 1_000;

/// The longest text that is searched for.
const SEARCH_LEN_MAX: usize = 100;

type Page = Result<Html<String>, Problem>;

/// A room: what stands in it, and what can be done there.
#[derive(Default)]
struct Room {
    /// Its name in the catalogue.
    title: &'static str,
    /// A sentence about it, in the catalogue.
    about: Option<&'static str>,
    /// What is looked for, where there is a search.
    search: Option<String>,
    tables: Vec<Table>,
    forms: Vec<Form>,
    /// Where older entries are.
    older: Option<String>,
}

#[derive(Serialize)]
pub(super) struct Table {
    caption: &'static str,
    heads: Vec<&'static str>,
    pub rows: Vec<Vec<Cell>>,
    /// What is said where there is more than it lists.
    cut: Option<String>,
}

impl Table {
    /// A table whose caption and heads are keys of the catalogue.
    pub(super) fn new(caption: &'static str, heads: &[&'static str], language: Language) -> Self {
        let say = |key: &&'static str| catalogue::message(key, language);
        Self {
            caption: say(&caption),
            heads: heads.iter().map(say).collect(),
            rows: vec![],
            cut: None,
        }
    }

    /// Says that there is more than is listed, if so.
    pub(super) fn cut(self, more: bool, language: Language) -> Self {
        let count = self.rows.len().to_string();
        let cut = more.then(|| catalogue::fill("office-cut", language, &[&count]));
        Self { cut, ..self }
    }

    /// As CSV (RFC 4180), with a mark that tells spreadsheets it is UTF-8.
    pub(super) fn csv(&self) -> String {
        let heads = self.heads.iter().map(|head| quoted(head)).collect::<Vec<_>>().join(",");
        let row = |cells: &Vec<Cell>| {
            cells.iter().map(|cell| quoted(&cell.plain())).collect::<Vec<_>>().join(",")
        };
        let rows = self.rows.iter().map(row);
        let cut = self.cut.iter().map(|cut| quoted(cut));
        let lines: Vec<String> = std::iter::once(heads).chain(rows).chain(cut).collect();
        format!("\u{feff}{}\r\n", lines.join("\r\n"))
    }
}

/// A field of CSV. What a spreadsheet would take for a formula begins with a quote.
fn quoted(text: &str) -> String {
    let formula =
        text.starts_with(['=', '+', '-', '@', '\t', '\r']) && text.parse::<f64>().is_err();
    let text = if formula { format!("'{text}") } else { text.to_owned() };
    if text.contains(['"', ',', '\n', '\r']) {
        return format!("\"{}\"", text.replace('"', "\"\""));
    }
    text
}

/// What stands in one place of a table.
#[derive(Default, Serialize)]
pub(super) struct Cell {
    text: String,
    at: Option<Shown>,
    /// A level, or a vital sign: drawn by colour and shape beside the word.
    look: Option<&'static str>,
    vital: Option<&'static str>,
    href: Option<String>,
    /// Small print beneath.
    small: String,
    order: Option<Form>,
}

impl Cell {
    pub(super) fn text(text: impl Into<String>) -> Self {
        Self { text: text.into(), ..Self::default() }
    }

    pub(super) fn number(number: impl ToString) -> Self {
        Self::text(number.to_string())
    }

    pub(super) fn at(at: Option<Shown>) -> Self {
        Self { at, ..Self::default() }
    }

    pub(super) fn small(self, small: impl Into<String>) -> Self {
        Self { small: small.into(), ..self }
    }

    /// With the colour and shape of a level.
    pub(super) fn looking(self, look: &'static str) -> Self {
        Self { look: Some(look), ..self }
    }

    /// With a link.
    pub(super) fn linked(self, href: String) -> Self {
        Self { href: Some(href), ..self }
    }

    /// Without anything drawn.
    fn plain(&self) -> String {
        let at = self.at.as_ref().map(|at| at.iso.as_str());
        [self.text.as_str(), at.unwrap_or_default()].concat()
    }

    fn order(order: Option<Form>) -> Self {
        Self { order, ..Self::default() }
    }
}

/// Something that may be ordered; sent as JSON to the API.
#[derive(Default, Serialize)]
pub(super) struct Form {
    pub title: String,
    pub post: String,
    pub fields: Vec<Field>,
    pub submit: &'static str,
    /// What follows from it.
    pub about: String,
}

/// What is asked for in a form.
#[derive(Default, Serialize)]
pub(super) struct Field {
    name: &'static str,
    label: String,
    /// `text`, `list` (split at commas), `choice`, `flag`, `fixed`, `photo` (sent to `value` afterwards), `words` (many
    /// lines).
    kind: &'static str,
    value: String,
    options: Vec<(String, String)>,
    required: bool,
}

impl Field {
    pub(super) fn text(name: &'static str, label: &'static str, language: Language) -> Self {
        let label = catalogue::message(label, language).into();
        Self { name, label, kind: "text", ..Self::default() }
    }

    fn list(name: &'static str, label: &'static str, language: Language) -> Self {
        Self { kind: "list", ..Self::text(name, label, language) }
    }

    pub(super) fn choice(
        name: &'static str,
        label: &'static str,
        options: Vec<(String, String)>,
        language: Language,
    ) -> Self {
        Self { kind: "choice", options, required: true, ..Self::text(name, label, language) }
    }

    pub(super) fn needed(self) -> Self {
        Self { required: true, ..self }
    }

    fn with(self, value: &str) -> Self {
        Self { value: value.into(), ..self }
    }

    /// What is sent as it is, unseen.
    pub(super) fn fixed(name: &'static str, value: &str) -> Self {
        Self { name, kind: "fixed", value: value.into(), ..Self::default() }
    }

    /// A photograph of a site, sent after the rest.
    pub(super) fn photo(site: &str, language: Language) -> Self {
        let value = format!("/api/v1/sites/{site}/photos");
        Self { kind: "photo", value, ..Self::text("photo", "work-photo", language) }
    }

    /// Why, which is always asked for.
    fn reason(language: Language) -> Self {
        Self::text("reason", "board-order-reason", language).needed()
    }
}

/// The sites, to choose from.
fn sites(setup: &alerting::setup::Setup, language: Language) -> Vec<(String, String)> {
    let sites = setup.registry.sites().iter();
    sites
        .map(|site| (site.id.to_string(), super::words::say(&site.name, language).into()))
        .collect()
}

/// Who looks into a room, and how it is drawn for them.
pub(super) struct Office {
    app: Shared,
    asking: Asking,
    language: Language,
}

impl FromRequestParts<Shared> for Office {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Shared) -> Result<Self, Problem> {
        let asking = Asking::from_request_parts(parts, app).await?;
        let Ok(Reads(language)) = Reads::from_request_parts(parts, app).await;
        Ok(Self { app: app.clone(), asking, language })
    }
}

impl Office {
    fn draw(&self, here: &str, room: Room) -> Page {
        let Self { app, asking, language } = self;
        let (facts, language) = (app.live.facts(), *language);
        let open = ROOMS.iter().filter(|(_, _, role)| asking.person.role >= *role);
        let rooms: Vec<_> =
            open.map(|(address, key, _)| (*address, catalogue::message(key, language))).collect();
        let context = context! {
            here => "administration",
            room => here,
            rooms,
            title => catalogue::message(room.title, language),
            about => room.about.map(|key| catalogue::message(key, language)),
            search => room.search,
            tables => Value::from(Serde(room.tables)),
            forms => Value::from(Serde(room.forms)),
            older => room.older,
        };
        let context = merge_maps([head(app, &facts, asking, language), context]);
        app.templates.page("administration.html", language, context)
    }
}

fn shown(at: Timestamp) -> Option<Shown> {
    Some(Shown::new(at, HOME_ZONE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_a_spreadsheet_and_nothing_in_it_is_a_formula() {
        let mut table = Table::new("office-rules", &["office-what", "office-by"], Language::En);
        table.rows.push(vec![Cell::text("a, \"b\""), Cell::text("=1+1")]);
        table.rows.push(vec![Cell::text("-2.5"), Cell::text("line\nbreak")]);
        let text = table.csv();
        assert_eq!(text, "\u{feff}What,By\r\n\"a, \"\"b\"\"\",'=1+1\r\n-2.5,\"line\nbreak\"\r\n");
    }

    #[test]
    fn every_room_has_a_name() {
        for (address, key, _) in ROOMS {
            assert!(catalogue::lookup(key, Language::Ko).is_some(), "{address}");
        }
    }
}
