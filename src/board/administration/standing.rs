//! What people set for a while: silences, maintenance, what they saw; and zeros.

use alerting::catalogue::{self, Language};
use alerting::standing::{Sign, What};

use super::{Cell, Field, Form, Office, Page, Room, Table, shown, sites};
use crate::board::Role;
use crate::board::page::number;

/// `/administration/standing`: silences, maintenance, reports and zeros; what ends them, and forms for new ones.
pub(in crate::board) async fn standing(office: Office) -> Page {
    let language = office.language;
    let facts = office.app.live.facts();
    let overview = &facts.overview;
    let may = office.asking.person.role >= Role::Operator;
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
    office.draw("/administration/standing", room)
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
