//! How each station stands, and who waits to be adopted.

use alerting::catalogue;

use super::{Cell, LISTED_MAX, Office, Page, Room, Table, shown};
use crate::board::page::number;
use crate::board::words::say;
use crate::desk::waiting::StrangerName;

/// `/administration/stations`: how each stands, and who waits to be adopted.
pub(in crate::board) async fn stations(office: Office) -> Page {
    let language = office.language;
    let facts = office.app.live.facts();
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
        tables: vec![waiting, table.cut(registry.stations().len() > LISTED_MAX, language)],
        ..Room::default()
    };
    office.draw("/administration/stations", room)
}
