//! Who can be reached, and where: the table of persons. That somebody read it goes into the trail.

use alerting::catalogue;
use serde::Deserialize;
use serde_json::json;

use super::{Cell, Office, Page, Room, SEARCH_LEN_MAX, Table};
use crate::board::api::Asked;
use crate::board::problem::{Kind, Problem};

/// How many persons a page lists.
const LISTED_MAX: usize = 200;

#[derive(Deserialize)]
pub(in crate::board) struct Search {
    q: Option<String>,
}

/// `/administration/contacts`: persons whose id, name, role or area begins with what is looked for.
pub(in crate::board) async fn contacts(office: Office, Asked(Search { q }): Asked<Search>) -> Page {
    let language = office.language;
    let wanted: String = q.unwrap_or_default().trim().chars().take(SEARCH_LEN_MAX).collect();
    let room = Room {
        title: "office-contacts",
        about: Some("office-contacts-about"),
        search: Some(wanted.clone()),
        ..Room::default()
    };
    let Some(directory) = office.app.state.contacts.clone() else {
        let about = Some("office-contacts-none");
        return office.draw("/administration/contacts", Room { about, search: None, ..room });
    };
    let (ledger, at) = (office.app.state.ledger.clone(), office.app.now());
    let by = office.asking.person.name.to_string();
    let read = move || {
        // who read it is in the trail before it is shown
        let body = json!({ "what": "read", "by": by });
        ledger
            .audit(at, "contacts", &body)
            .map_err(|error| Problem::fault("read contacts", &error))?;
        directory.contacts().map_err(|error| Problem::from(Kind::Busy).detail(error))
    };
    let table = office.app.beside("read contacts", read).await??;
    let heads = [
        "office-user",
        "office-name",
        "office-role",
        "office-areas",
        "office-reach",
        "office-until",
    ];
    let mut persons = Table::new("office-contacts", &heads, language);
    let lower = wanted.to_lowercase();
    let fits = |words: &[String]| words.iter().any(|word| word.to_lowercase().starts_with(&lower));
    let found = table.by_id.values().filter(|one| {
        one.id.starts_with(&lower)
            || one.name.to_lowercase().contains(&lower)
            || fits(&one.roles)
            || fits(&one.areas)
    });
    let mut more = false;
    for (number, one) in found.enumerate() {
        if number == LISTED_MAX {
            more = true;
            break;
        }
        let phone = one.phone.as_ref().map_or("", |phone| phone.as_str());
        let mail = one.mail.as_deref().unwrap_or_default();
        let everywhere = catalogue::message("office-everywhere", language).to_owned();
        let areas = if one.areas.is_empty() { everywhere } else { one.areas.join(", ") };
        persons.rows.push(vec![
            Cell::text(&one.id),
            Cell::text(&one.name).small(one.language.code()),
            Cell::text(one.roles.join(", ")),
            Cell::text(areas),
            Cell::text([phone, mail].join(" ").trim()),
            Cell::text(one.valid_until.map(|day| day.to_string()).unwrap_or_default()),
        ]);
    }
    let heads = ["office-line", "office-reason"];
    let mut left_out = Table::new("office-left-out", &heads, language);
    for note in &table.notes {
        left_out.rows.push(vec![Cell::number(note.line), Cell::text(&note.what)]);
    }
    let tables = vec![persons.cut(more, language), left_out];
    office.draw("/administration/contacts", Room { tables, ..room })
}
