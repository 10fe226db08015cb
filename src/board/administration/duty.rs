//! Who is on duty, and who is called one after the other.

use alerting::catalogue;

use super::{Cell, Office, Page, Room, Table};
use crate::moment::HOME_ZONE;

/// `/administration/duty`: who is on duty now, and who is called one after the other. Persons by their ids.
pub(in crate::board) async fn duty(office: Office) -> Page {
    let language = office.language;
    let facts = office.app.live.facts();
    let setup = &facts.overview.setup;
    let now = office.app.now();
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
    office.draw("/administration/duty", room)
}
