//! What stands in each room.

use alerting::catalogue::{self, Language};
use alerting::standing::{Sign, What};
use axum::extract::State;
use axum::response::Html;
use reading::Timestamp;
use serde::Deserialize;

use super::{Cell, Field, Form, Room, Table, draw, sites};
use crate::board::access::Asking;
use crate::board::api::Asked;
use crate::board::language::Reads;
use crate::board::moment::{HOME_ZONE, Shown};
use crate::board::page::number;
use crate::board::problem::Problem;
use crate::board::words::say;
use crate::board::{Role, Shared};
use crate::desk::waiting::StrangerName;

/// How many entries a page lists.
const ROWS_MAX: usize = 100;

/// How many stations or rules are listed; what is beyond is for the API.
const LISTED_MAX: usize = 1_000;

type Page = Result<Html<String>, Problem>;

fn shown(at: Timestamp) -> Option<Shown> {
    Some(Shown::new(at, HOME_ZONE))
}

/// `/administration`: whether bongsu itself works.
pub(in crate::board) async fn system(
    State(app): State<Shared>,
    asking: Asking,
    Reads(language): Reads,
) -> Page {
    let facts = app.live.facts();
    let overview = &facts.overview;
    let mut about = Table::new("office-about", &["office-what", "office-value"], language);
    let version = env!("CARGO_PKG_VERSION").to_owned();
    for (key, value) in [
        ("office-version", version),
        ("board-position", overview.sequence.to_string()),
        ("office-deliveries-open", overview.deliveries_open.to_string()),
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
    let tables = vec![checks, about, balance];
    draw(
        &app,
        &asking,
        language,
        "/administration",
        Room { title: "office-system", tables, ..Room::default() },
    )
}

/// `/administration/channels`: when each way out was proved last, and buttons to try it now.
pub(in crate::board) async fn channels(
    State(app): State<Shared>,
    asking: Asking,
    Reads(language): Reads,
) -> Page {
    let heads = ["board-channel", "office-target", "board-proved", "office-result", "office-try"];
    let mut links = Table::new("office-links", &heads, language);
    let may = asking.person.role >= Role::Operator && asking.person.areas.is_everywhere();
    let mut offered = String::new();
    for link in app.state.links.links() {
        let proof = link.proof.as_ref();
        let vital = match proof {
            Some(proof) if proof.proven && !link.stale => "ok",
            Some(proof) if proof.proven => "degraded",
            Some(_) => "failed",
            None => "starting",
        };
        let word = catalogue::lookup(&["board-vital-", vital].concat(), language).unwrap_or(vital);
        let first = offered != link.channel;
        let test = Form {
            post: format!("/api/v1/channels/{}/test", link.channel),
            submit: catalogue::message("office-test", language),
            ..Form::default()
        };
        offered.clone_from(&link.channel);
        links.rows.push(vec![
            Cell::text(&link.channel),
            Cell::text(&link.target),
            Cell::at(proof.and_then(|proof| proof.proved_at).and_then(shown)),
            Cell { vital: Some(vital), ..Cell::text(word) }
                .small(proof.map_or("", |proof| &proof.what)),
            Cell::order((may && first).then_some(test)),
        ]);
    }
    let heads =
        ["board-channel", "office-audience", "incident-recipient", "site-level", "office-group"];
    let mut routes = Table::new("office-routes", &heads, language);
    for route in &app.live.facts().overview.setup.routes {
        let audience = match route.audience {
            alerting::route::Audience::Officers => "office-officers",
            alerting::route::Audience::Public => "office-public",
        };
        let level =
            Cell::text(catalogue::level(route.min_level, language)).looking(route.min_level.name());
        routes.rows.push(vec![
            Cell::text(route.channel.as_str()),
            Cell::text(catalogue::message(audience, language)),
            Cell::text(route.recipients.join(", ")),
            level,
            Cell::text(route.group.as_ref().map_or("", |group| group.as_str())),
        ]);
    }
    let room = Room {
        title: "office-channels",
        about: Some("office-channels-about"),
        tables: vec![links, routes],
        ..Room::default()
    };
    draw(&app, &asking, language, "/administration/channels", room)
}

/// `/administration/stations`: how each stands, and who waits to be adopted.
pub(in crate::board) async fn stations(
    State(app): State<Shared>,
    asking: Asking,
    Reads(language): Reads,
) -> Page {
    let facts = app.live.facts();
    let overview = &facts.overview;
    let heads = [
        "office-who",
        "board-source",
        "office-heard",
        "office-messages",
        "office-said",
        "office-adopt",
    ];
    let mut waiting = Table::new("board-waiting", &heads, language);
    for (stranger, heard) in overview.waiting.iter() {
        let name = match &stranger.name {
            StrangerName::Station(site, station) => format!("{site}/{station}"),
            StrangerName::Device(device) => device.clone(),
        };
        let said = heard.said.iter().map(|((sensor, quantity), said)| {
            format!(
                "{sensor} {quantity} {} {}",
                number(said.value),
                said.unit.as_deref().unwrap_or("")
            )
        });
        let adopt = match &stranger.name {
            StrangerName::Station(site, station) => format!("bongsu site adopt {site}/{station}"),
            StrangerName::Device(_) => "bongsu site adopt --help".into(),
        };
        waiting.rows.push(vec![
            Cell::text(name),
            Cell::text(&stranger.source),
            Cell::at(shown(heard.last_at)),
            Cell::number(heard.messages),
            Cell::text(said.collect::<Vec<_>>().join(" · ")),
            Cell::text(adopt),
        ]);
    }
    let heads = [
        "office-station",
        "incident-stands",
        "office-heard",
        "office-battery",
        "office-firmware",
        "office-series",
    ];
    let mut table = Table::new("office-stations", &heads, language);
    let registry = &overview.setup.registry;
    let stations = registry.stations().iter().enumerate().zip(&overview.stations);
    for ((at, station), now) in stations.take(LISTED_MAX) {
        let site = &registry.sites()[station.site.index()];
        let series = registry.series_of(reading::registry::StationIndex(at as u32));
        let (vital, key) = match now.life.there {
            Some((true, _)) => ("ok", "office-there"),
            Some((false, _)) => ("failed", "office-gone"),
            None => ("starting", "office-unheard"),
        };
        table.rows.push(vec![
            Cell::text(format!("{}/{}", site.id, station.id))
                .linked(format!("/sites/{}", site.id))
                .small(say(&site.name, language)),
            Cell { vital: Some(vital), ..Cell::text(catalogue::message(key, language)) },
            Cell::at(now.heard_at.and_then(shown)),
            Cell::text(
                now.life.battery_v.map_or(String::new(), |volts| format!("{} V", number(volts))),
            ),
            Cell::text(&*now.life.firmware),
            Cell::number(series.len()),
        ]);
    }
    let room = Room {
        title: "office-stations",
        about: Some("office-stations-about"),
        tables: vec![waiting, table],
        ..Room::default()
    };
    draw(&app, &asking, language, "/administration/stations", room)
}

#[derive(Deserialize)]
pub(in crate::board) struct Back {
    before: Option<i64>,
}

/// `/administration/quarantine`: what could not be understood or believed, and why.
pub(in crate::board) async fn quarantine(
    State(app): State<Shared>,
    asking: Asking,
    Reads(language): Reads,
    Asked(Back { before }): Asked<Back>,
) -> Page {
    let rows = app.read(move |ledger| ledger.quarantine(before, ROWS_MAX as u32)).await?;
    let heads = [
        "incident-when",
        "board-source",
        "office-reason",
        "office-topic",
        "office-preview",
        "board-position",
    ];
    let mut table = Table::new("board-quarantined", &heads, language);
    for view in &rows {
        let row = &view.row;
        table.rows.push(vec![
            Cell::at(shown(row.at)),
            Cell::text(&row.source),
            Cell::text(&row.reason).small(&row.detail),
            Cell::text(&row.topic),
            Cell::text(row.preview.chars().take(200).collect::<String>()),
            Cell::number(row.position),
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
    draw(&app, &asking, language, "/administration/quarantine", room)
}

/// `/administration/rules`: every criterion and where it comes from.
pub(in crate::board) async fn rules(
    State(app): State<Shared>,
    asking: Asking,
    Reads(language): Reads,
) -> Page {
    let facts = app.live.facts();
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
            Cell::text(rule.site.as_str()).linked(format!("/sites/{}", rule.site)),
            Cell::text(rule.id.as_str()).small(rule.group.name()),
            Cell::text(catalogue::level(rule.level, language)).looking(rule.level.name()),
            Cell::text(conditions.join(" · ")),
            Cell::text(rule.version()),
            Cell::text(format!("{}, {}", provenance.author, provenance.date))
                .small(&provenance.reason),
        ]);
    }
    let room = Room {
        title: "office-rules",
        about: Some("office-rules-about"),
        tables: vec![table],
        ..Room::default()
    };
    draw(&app, &asking, language, "/administration/rules", room)
}

/// `/administration/standing`: silences, maintenance, reports and zeros; what ends them, and forms for new ones.
pub(in crate::board) async fn standing(
    State(app): State<Shared>,
    asking: Asking,
    Reads(language): Reads,
) -> Page {
    let facts = app.live.facts();
    let overview = &facts.overview;
    let may = asking.person.role >= Role::Operator;
    let heads = [
        "office-what",
        "office-about-what",
        "office-by",
        "board-order-reason",
        "office-from",
        "office-until",
        "board-end",
    ];
    let mut table = Table::new("office-standing", &heads, language);
    for one in overview.standing.iter().filter(|one| one.until > overview.at) {
        let (word, about, path) = match &one.what {
            What::Silence { scope, .. } => {
                let sites = scope.sites.iter().map(ToString::to_string);
                let series = scope.series.iter().map(ToString::to_string);
                let rules = scope.rules.iter().map(ToString::to_string);
                let all: Vec<String> = sites.chain(series).chain(rules).collect();
                ("board-set-silence", all.join(", "), "silences")
            }
            What::Maintenance { site, station, sensor } => {
                let sensor = sensor.as_ref().map(|sensor| format!("/{sensor}")).unwrap_or_default();
                ("board-set-maintenance", format!("{site}/{station}{sensor}"), "maintenance")
            }
            What::Report { site, sign, .. } => {
                let sign = catalogue::message(sign.key(), language);
                ("board-set-report", format!("{site}: {sign}"), "reports")
            }
        };
        let end = Form {
            post: format!("/api/v1/{path}/{}/end", one.id),
            fields: vec![Field::reason(language)],
            submit: catalogue::message("board-end", language),
            ..Form::default()
        };
        table.rows.push(vec![
            Cell::text(catalogue::message(word, language)).small(&one.id),
            Cell::text(about),
            Cell::text(&one.by),
            Cell::text(&one.reason),
            Cell::at(shown(one.from)),
            Cell::at(shown(one.until)),
            Cell::order(may.then_some(end)),
        ]);
    }
    let heads =
        ["office-series-name", "office-from", "office-offset", "office-by", "board-order-reason"];
    let mut zeros = Table::new("office-zeros", &heads, language);
    for (series, versions) in &overview.zeros {
        for zero in versions {
            let unit = series.quantity.base_unit().symbol();
            zeros.rows.push(vec![
                Cell::text(series.to_string()),
                Cell::at(shown(zero.from)),
                Cell::text(format!("{} {unit}", number(zero.offset))),
                Cell::text(&zero.by),
                Cell::text(&zero.reason),
            ]);
        }
    }
    let forms = if may { set(&overview.setup, language) } else { vec![] };
    let room = Room {
        title: "office-standing",
        about: Some("office-standing-about"),
        tables: vec![table, zeros],
        forms,
        ..Room::default()
    };
    draw(&app, &asking, language, "/administration/standing", room)
}

/// Forms for what people set for a while.
fn set(setup: &alerting::setup::Setup, language: Language) -> Vec<Form> {
    let lasts = |value: &str| Field::text("for", "office-for", language).needed().with(value);
    let submit = catalogue::message("office-set", language);
    let title = |key| catalogue::message(key, language).to_owned();
    let silence = Form {
        title: title("board-set-silence"),
        post: "/api/v1/silences".into(),
        fields: vec![
            Field::list("sites", "office-sites", language).needed(),
            lasts("2 h"),
            Field::reason(language),
        ],
        submit,
        about: title("office-silence-about"),
    };
    let maintenance = Form {
        title: title("board-set-maintenance"),
        post: "/api/v1/maintenance".into(),
        fields: vec![
            Field::choice("site", "office-site", sites(setup, language), language),
            Field::text("station", "office-station", language).needed(),
            Field::text("sensor", "office-sensor", language),
            lasts("2 h"),
            Field::reason(language),
        ],
        submit,
        about: title("office-maintenance-about"),
    };
    vec![silence, maintenance]
}

/// The form by which somebody says what they see at a site.
pub(in crate::board) fn report_form(site: &str, language: Language) -> Form {
    let signs = Sign::ALL
        .map(|sign| (sign.name().to_owned(), catalogue::message(sign.key(), language).to_owned()));
    let confirmed = Field {
        name: "confirmed",
        label: catalogue::message("report-confirmed", language).into(),
        kind: "flag",
        ..Field::default()
    };
    Form {
        title: catalogue::message("report-title", language).into(),
        post: format!("/api/v1/sites/{site}/reports"),
        fields: vec![
            Field::choice("sign", "report-sign", signs.to_vec(), language),
            Field::text("note", "board-note", language),
            Field::photo(site, language),
            confirmed,
        ],
        submit: catalogue::message("report-send", language),
        about: catalogue::message("report-about", language).into(),
    }
}

/// `/administration/duty`: who is on duty now, and who is called one after the other. Persons by their ids.
pub(in crate::board) async fn duty(
    State(app): State<Shared>,
    asking: Asking,
    Reads(language): Reads,
) -> Page {
    let facts = app.live.facts();
    let setup = &facts.overview.setup;
    let now = app.now();
    let heads = ["office-rota", "office-on-duty", "office-persons"];
    let mut rotas = Table::new("office-rotas", &heads, language);
    for rota in &setup.rotas {
        let mut persons: Vec<&str> =
            rota.shifts.iter().flat_map(|shift| &shift.persons).map(String::as_str).collect();
        persons.sort_unstable();
        persons.dedup();
        let on_duty = rota.on_duty(now, setup.offsets(HOME_ZONE));
        rotas.rows.push(vec![
            Cell::text(rota.id.as_str()),
            Cell::text(on_duty.join(", ")),
            Cell::text(persons.join(", ")),
        ]);
    }
    let heads = ["office-ladder", "site-level", "office-rungs", "office-sites"];
    let mut ladders = Table::new("office-ladders", &heads, language);
    for ladder in &setup.ladders {
        let rungs = ladder.rungs.iter().enumerate().map(|(at, rung)| {
            let channels: Vec<&str> =
                rung.channels.iter().map(|channel| channel.as_str()).collect();
            let rota = rung.rota.as_ref().map(|rota| rota.as_str().to_owned());
            let who: Vec<String> = rung.persons.iter().cloned().chain(rota).collect();
            format!("{}. {} ({})", at + 1, who.join(", "), channels.join(", "))
        });
        let sites: Vec<&str> = ladder.sites.iter().map(|site| site.as_str()).collect();
        let everywhere = catalogue::message("office-everywhere", language);
        ladders.rows.push(vec![
            Cell::text(ladder.id.as_str()),
            Cell::text(catalogue::level(ladder.min_level, language))
                .looking(ladder.min_level.name()),
            Cell::text(rungs.collect::<Vec<_>>().join(" → ")),
            Cell::text(if sites.is_empty() { everywhere.into() } else { sites.join(", ") }),
        ]);
    }
    let room = Room {
        title: "office-duty",
        about: Some("office-duty-about"),
        tables: vec![rotas, ladders],
        ..Room::default()
    };
    draw(&app, &asking, language, "/administration/duty", room)
}

#[derive(Deserialize)]
pub(in crate::board) struct Search {
    q: Option<String>,
    before: Option<i64>,
}

/// The longest text that is searched for.
const SEARCH_LEN_MAX: usize = 100;

/// `/administration/audit`: the trail, newest first, and what in it holds some words.
pub(in crate::board) async fn audit(
    State(app): State<Shared>,
    asking: Asking,
    Reads(language): Reads,
    Asked(Search { q, before }): Asked<Search>,
) -> Page {
    let wanted: String = q.unwrap_or_default().trim().chars().take(SEARCH_LEN_MAX).collect();
    let searched = wanted.clone();
    let rows =
        app.read(move |ledger| ledger.audit_with(&searched, before, ROWS_MAX as u32)).await?;
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
    draw(&app, &asking, language, "/administration/audit", room)
}
