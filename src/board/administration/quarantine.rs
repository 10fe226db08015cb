//! What could not be understood or believed, why, and whether it can be by now.

use alerting::catalogue;
use serde::Deserialize;

use super::{Cell, Form, Office, Page, ROWS_MAX, Room, Table, shown};
use crate::board::Role;
use crate::board::api::Asked;

#[derive(Deserialize)]
pub(in crate::board) struct Back {
    before: Option<i64>,
}

/// `/administration/quarantine`.
pub(in crate::board) async fn quarantine(
    office: Office,
    Asked(Back { before }): Asked<Back>,
) -> Page {
    let language = office.language;
    let rows = office.app.read(move |ledger| ledger.quarantine(before, ROWS_MAX as u32)).await?;
    let person = &office.asking.person;
    let may = person.role >= Role::Administrator && person.areas.is_everywhere();
    let heads = [
        "incident-when",
        "board-source",
        "office-reason",
        "office-topic",
        "office-preview",
        "board-position",
        "office-re-run",
    ];
    let mut table = Table::new("board-quarantined", &heads, language);
    for view in &rows {
        let row = &view.row;
        let again = Form {
            post: format!("/api/v1/quarantine/{}/re-run", row.position),
            submit: catalogue::message("office-re-run", language),
            ..Form::default()
        };
        table.rows.push(vec![
            Cell::at(shown(row.at)),
            Cell::text(&row.source),
            Cell::text(&row.reason).small(&row.detail),
            Cell::text(&row.topic),
            Cell::text(row.preview.chars().take(200).collect::<String>()),
            Cell::number(row.position),
            Cell::order(may.then_some(again)),
        ]);
    }
    let older = rows.last().filter(|_| rows.len() == ROWS_MAX);
    let room = Room {
        title: "office-quarantine",
        about: Some("office-quarantine-about"),
        tables: vec![table],
        older: older.map(|last| format!("?before={}", last.id)),
        ..Room::default()
    };
    office.draw("/administration/quarantine", room)
}
