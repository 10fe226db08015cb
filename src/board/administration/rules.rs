//! Every criterion and where it comes from, what the files say otherwise, and what somebody proposes.

use alerting::catalogue;

use super::{Cell, Field, Form, LISTED_MAX, Office, Page, Room, Table, shown};
use crate::board::Role;
use crate::board::api::Named;
use crate::board::criteria::{self, change, files, refused};
use crate::board::problem::Problem;
use crate::criteria::differences;
use reading::Timestamp;

/// How many proposals are listed.
const PROPOSALS_MAX: u32 = 50;

/// `/administration/rules`.
pub(in crate::board) async fn rules(office: Office) -> Page {
    let language = office.language;
    let facts = office.app.live.facts();
    let setup = &facts.overview.setup;
    let heads = [
        "office-site",
        "site-rule",
        "site-level",
        "site-condition",
        "office-rule-version",
        "site-provenance",
    ];
    let mut table = Table::new("site-rules", &heads, language);
    for rule in setup.rules.iter().take(LISTED_MAX) {
        let conditions: Vec<&str> =
            rule.clauses.iter().map(|clause| clause.condition.name()).collect();
        let provenance = &rule.provenance;
        table.rows.push(vec![
            Cell::text(rule.site.as_str()).linked(format!("/administration/rules/{}", rule.site)),
            Cell::text(rule.id.as_str()).small(rule.group.name()),
            Cell::text(catalogue::level(rule.level, language)).looking(rule.level.name()),
            Cell::text(conditions.join(" · ")),
            Cell::text(rule.version()),
            Cell::text(format!("{}, {}", provenance.author, provenance.date))
                .small(&provenance.reason),
        ]);
    }
    let more = setup.rules.len() > LISTED_MAX;
    let mut tables = vec![table.cut(more, language)];
    if office.app.state.criteria.is_some() {
        tables.insert(0, written(&office).await?);
    }
    tables.push(proposals(&office).await?);
    let room = Room {
        title: "office-rules",
        about: Some("office-rules-about"),
        tables,
        ..Room::default()
    };
    office.draw("/administration/rules", room)
}

/// What the files say otherwise than what runs, or what is wrong with them.
async fn written(office: &Office) -> Result<Table, Problem> {
    let language = office.language;
    let files = files(&office.app)?;
    let read = office.app.beside("read the configuration", move || files.written()).await?;
    let heads =
        ["office-site", "site-rule", "office-change", "criteria-running", "criteria-written"];
    let mut table = Table::new("criteria-differences", &heads, language);
    let running = office.app.live.facts().overview.setup.clone();
    match read {
        Ok(config) => {
            for one in differences(&running, &config.setup) {
                let version = |rule: Option<&alerting::rule::Rule>| {
                    rule.map(alerting::rule::Rule::version).unwrap_or_default()
                };
                table.rows.push(vec![
                    Cell::text(&one.site).linked(format!("/administration/rules/{}", one.site)),
                    Cell::text(&one.rule),
                    Cell::text(catalogue::message(change(&one).1, language)),
                    Cell::text(version(one.running.as_ref())),
                    Cell::text(version(one.written.as_ref())),
                ]);
            }
        }
        Err(problems) => {
            for problem in problems.iter() {
                let wrong = catalogue::message("criteria-wrong", language);
                let mut row = vec![
                    Cell::text(problem.place.to_string()),
                    Cell::text(""),
                    Cell { vital: Some("failed"), ..Cell::text(wrong) },
                ];
                row.extend([Cell::text(&problem.what), Cell::text(&problem.remedy)]);
                table.rows.push(row);
            }
        }
    }
    Ok(table)
}

async fn proposals(office: &Office) -> Result<Table, Problem> {
    let language = office.language;
    let heads =
        ["incident-when", "office-site", "office-by", "board-order-reason", "criteria-patch"];
    let mut table = Table::new("criteria-proposals", &heads, language);
    if office.asking.person.role < Role::Operator {
        return Ok(table); // they stand in the audit trail, which is for operators
    }
    let rows =
        office.app.read(|ledger| ledger.audit_with(criteria::KIND, None, PROPOSALS_MAX)).await?;
    let more = rows.len() == PROPOSALS_MAX as usize;
    for row in rows.iter().filter(|row| row.kind == criteria::KIND) {
        let Ok(body) = serde_json::from_str::<serde_json::Value>(&row.body) else { continue };
        let said = |key: &str| body[key].as_str().unwrap_or_default().to_owned();
        table.rows.push(vec![
            Cell::at(shown(Timestamp::from_nanos(row.at))),
            Cell::text(said("site")).linked(format!("/administration/rules/{}", said("site"))),
            Cell::text(said("by")),
            Cell::text(said("reason")),
            Cell::text(said("id")).linked(format!("/api/v1/proposals/{}", said("id"))),
        ]);
    }
    Ok(table.cut(more, language))
}

/// `/administration/rules/{site}`: the file of a site, to be read, tried with other words, and proposed otherwise.
pub(in crate::board) async fn site_rules(office: Office, Named(site): Named) -> Page {
    let language = office.language;
    let facts = office.app.live.facts();
    crate::board::words::site(&facts.overview.setup, &site)
        .ok_or(crate::board::problem::Kind::NotFound)?;
    let here = "/administration/rules";
    if office.app.state.criteria.is_none() {
        let about = Some("criteria-no-files");
        return office.draw(here, Room { title: "office-rules", about, ..Room::default() });
    }
    let (files, wanted) = (files(&office.app)?, site.clone());
    let read = office.app.beside("read the configuration", move || files.file(&wanted)).await?;
    let file = read.map_err(refused)?;
    let propose = Field { kind: "flag", ..Field::text("propose", "criteria-propose", language) };
    let form = Form {
        title: file.name,
        post: format!("/api/v1/sites/{site}/rules"),
        fields: vec![
            Field { kind: "words", ..Field::text("text", "criteria-text", language) }
                .needed()
                .with(&file.text),
            Field::text("reason", "board-order-reason", language),
            propose,
        ],
        submit: catalogue::message("criteria-try", language),
        about: catalogue::message("criteria-about", language).into(),
    };
    let room = Room {
        title: "office-rules",
        about: Some("criteria-files"),
        tables: vec![proposals(&office).await?],
        forms: vec![form],
        ..Room::default()
    };
    office.draw(here, room)
}
