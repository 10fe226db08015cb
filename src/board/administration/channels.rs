//! The ways out: when each was proved last, who hears what on it, and buttons to try it now.

use alerting::catalogue;

use super::{Cell, Form, Office, Page, Room, Table, shown};
use crate::board::Role;

/// `/administration/channels`: when each way out was proved last, and buttons to try it now.
pub(in crate::board) async fn channels(office: Office) -> Page {
    let language = office.language;
    let heads = ["board-channel", "office-target", "board-proved", "office-result", "office-try"];
    let mut links = Table::new("office-links", &heads, language);
    let may =
        office.asking.person.role >= Role::Operator && office.asking.person.areas.is_everywhere();
    let mut offered = String::new();
    for link in office.app.state.links.links() {
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
    for route in &office.app.live.facts().overview.setup.routes {
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
    office.draw("/administration/channels", room)
}
