//! The simulated field of a drill: the stations and sirens of its scenario, on the drill's own broker, under the root
//! of drills.

use std::collections::BTreeSet;

use firmware_sim::link::mqtt::{Connections, Options, publish};
use firmware_sim::link::session::Address;
use firmware_sim::siren::{self, Siren};
use firmware_sim::{Message, Pace, Scenario, World};
use ingest::clock::Clock;
use reading::SiteId;
use reading::codec::Root;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::daemon::Daemon;

/// How many connections the simulated stations share.
const CONNECTIONS: usize = 2;

/// All chance comes from it: the same scenario is the same drill.
const SEED: u64 = 1;

/// Plays the scenario until it ends or `stop`.
pub fn start(
    daemon: &Daemon,
    scenario: &Scenario,
    sites: &BTreeSet<SiteId>,
    clock: &Clock,
    stop: &CancellationToken,
) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    let Some(broker) = daemon.broker else { return tasks };
    let address = Address::new(&broker.ip().to_string(), broker.port());
    let pace = {
        let shown = clock.clone();
        Pace::new(move || shown.wall(), clock.speed())
    };
    for (site, station) in scenario.sirens().filter(|(site, _)| sites.contains(site)) {
        let siren = Siren::new(site, station, siren::Settings::default());
        let siren = siren.under(Root::Exercise, site, station);
        let (address, pace, stop) = (address.clone(), pace.clone(), stop.clone());
        tasks.spawn(async move { siren.run(&address, &pace, stop).await });
    }
    let options = Options {
        address,
        connections: Connections::Shared { client_id: "exercise-field".into(), count: CONNECTIONS },
        until_stored: None,
        field: None,
    };
    let (world, sites, end) = (World::new(scenario, SEED), sites.clone(), scenario.end());
    let stop = stop.clone();
    tasks.spawn(async move {
        let messages = world.until(end).filter_map(move |message| moved(message, &sites));
        publish(messages, &options, &pace, stop).await;
    });
    tasks
}

/// A message of the scenario as the drill hears it; nothing if its site takes no part.
fn moved(message: Message, sites: &BTreeSet<SiteId>) -> Option<Message> {
    let rest = Root::Field.strip(&message.topic)?;
    let (site, _) = rest.split_once('/')?;
    sites
        .iter()
        .any(|one| one.as_str() == site)
        .then(|| Message { topic: format!("{}/{rest}", Root::Exercise.as_str()), ..message })
}
