//! Whether bongsu itself works: its parts, what stands in its queues, whether everything that came is accounted for.

use alerting::catalogue;

use super::{Cell, Office, Page, Room, Table};
use crate::board::words::say;
use crate::safekeeping::layout::Layouts;

/// What waits and how far readers have come: the metrics that say so, and how each is called in the catalogue.
const QUEUES: [(&str, &str); 6] = [
    ("journal_append_queue_depth", "queue-journal"),
    ("desk_position_records", "queue-desk"),
    ("journal_reader_lag_records", "queue-readers"),
    ("archive_lag_records", "queue-archive"),
    ("delivery_queue_depth", "queue-deliveries"),
    ("ingest_in_flight", "queue-ingest"),
];

/// Every queue and cursor of the process, as its metrics have them.
fn queues(office: &Office) -> Table {
    let language = office.language;
    let mut table =
        Table::new("office-queues", &["office-what", "office-of", "office-value"], language);
    let families = office.app.state.metrics.gather();
    for (name, key) in QUEUES {
        for family in families.iter().filter(|family| family.name() == name) {
            for metric in family.get_metric() {
                let labels: Vec<&str> =
                    metric.get_label().iter().map(|label| label.value()).collect();
                table.rows.push(vec![
                    Cell::text(catalogue::message(key, language)),
                    Cell::text(labels.join(" · ")),
                    Cell::number(metric.get_gauge().get_value()),
                ]);
            }
        }
    }
    table
}

/// Which layouts the files of the data directory have.
fn versions(office: &Office) -> Table {
    let language = office.language;
    let mut table = Table::new("office-layouts", &["office-part", "office-version"], language);
    for (part, layout) in Layouts::ours().layouts {
        table.rows.push(vec![Cell::text(part), Cell::number(layout)]);
    }
    table
}

/// `/administration`: whether bongsu itself works.
pub(in crate::board) async fn system(office: Office) -> Page {
    let language = office.language;
    let facts = office.app.live.facts();
    let overview = &facts.overview;
    let mut about = Table::new("office-about", &["office-what", "office-value"], language);
    let version = env!("CARGO_PKG_VERSION").to_owned();
    for (key, value) in [
        ("office-version", version),
        ("board-position", overview.sequence.to_string()),
        ("office-deliveries-open", overview.owed.len().to_string()),
        ("board-quarantined", facts.quarantined.to_string()),
        ("office-sites", overview.sites.len().to_string()),
        ("office-series", overview.setup.registry.series().len().to_string()),
        ("site-rules", overview.setup.rules.len().to_string()),
    ] {
        about.rows.push(vec![Cell::text(catalogue::message(key, language)), Cell::text(value)]);
    }
    let mut checks =
        Table::new("office-checks", &["office-part", "incident-stands", "office-detail"], language);
    for check in &facts.checks {
        let word = ["board-vital-", check.vital.word()].concat();
        let word = catalogue::lookup(&word, language).unwrap_or(check.vital.word());
        let vital = Cell { vital: Some(check.vital.word()), ..Cell::text(word) };
        checks.rows.push(vec![
            Cell::text(&check.name),
            vital,
            Cell::text(say(&check.detail, language)),
        ]);
    }
    let heads = [
        "board-source",
        "board-sum",
        "board-received",
        "board-set-aside",
        "board-claimed",
        "board-admitted",
        "board-refused",
        "board-duplicate",
        "board-held",
        "board-missing",
    ];
    let mut balance = Table::new("board-balance", &heads, language);
    for row in &overview.balances {
        let key = if row.holds() { "board-balance-holds" } else { "board-balance-differs" };
        let counts = [
            row.received,
            row.quarantined,
            row.claimed,
            row.admitted,
            row.refused,
            row.duplicate,
            row.held,
            row.missing,
        ];
        let sum = Cell::text(catalogue::message(key, language));
        let mut cells = vec![Cell::text(&row.source), sum];
        cells.extend(counts.map(Cell::number));
        balance.rows.push(cells);
    }
    let queues = queues(&office);
    let tables = vec![checks, queues, about, balance, versions(&office)];
    office.draw("/administration", Room { title: "office-system", tables, ..Room::default() })
}
