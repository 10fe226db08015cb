//! The trail, and what in it holds some words.

use reading::Timestamp;
use serde::Deserialize;

use super::{Cell, Office, Page, ROWS_MAX, Room, SEARCH_LEN_MAX, Table, shown};
use crate::board::api::Asked;

#[derive(Deserialize)]
pub(in crate::board) struct Search {
    q: Option<String>,
    before: Option<i64>,
}

/// `/administration/audit`: the trail, newest first, and what in it holds some words.
pub(in crate::board) async fn audit(
    office: Office,
    Asked(Search { q, before }): Asked<Search>,
) -> Page {
    let language = office.language;
    let wanted: String = q.unwrap_or_default().trim().chars().take(SEARCH_LEN_MAX).collect();
    let searched = wanted.clone();
    let rows = office
        .app
        .read(move |ledger| ledger.audit_with(&searched, before, ROWS_MAX as u32))
        .await?;
    let heads = ["office-entry", "incident-when", "office-kind", "office-body"];
    let mut table = Table::new("office-audit", &heads, language);
    for row in &rows {
        table.rows.push(vec![
            Cell::number(row.id).small(row.hash.chars().take(12).collect::<String>()),
            Cell::at(shown(Timestamp::from_nanos(row.at))),
            Cell::text(&row.kind),
            Cell::text(row.body.chars().take(600).collect::<String>()),
        ]);
    }
    let older = rows.last().filter(|_| rows.len() == ROWS_MAX).map(|last| {
        let asked = [("q", wanted.as_str()), ("before", &last.id.to_string())];
        let url = reqwest::Url::parse_with_params("http://board/", asked);
        url.ok().and_then(|url| Some(format!("?{}", url.query()?))).unwrap_or_default()
    });
    let room = Room {
        title: "office-audit",
        about: Some("office-audit-about"),
        search: Some(wanted),
        tables: vec![table],
        older,
        ..Room::default()
    };
    office.draw("/administration/audit", room)
}
