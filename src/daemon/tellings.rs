//! What the desk says to the field, through the collector a station is heard by: what it is asked, that its report is
//! stored, that a node is to introduce itself again.
//!
//! Each tries once. What a station is asked is said again, because the engine waits for the station's own answer; what
//! a node is asked, because its next message is noticed.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use alerting::station::Telling;
use ingest::clock::Clock;
use ingest::collector::publisher::{Publisher, Surety};
use ingest::collector::stored::StoredAcks;
use ingest::collector::topic;
use reading::codec::StationCommand;
use reading::codec::sparkplug::{self, Wish};
use tokio::runtime::Handle;
use tokio::sync::Semaphore;

use crate::config::Config;
use crate::desk::run::{StoredSink, TellSink, WishSink};

/// How many are said at once; what comes on top has to wait for its next time.
const AT_ONCE_MAX: usize = 256;

/// What a node was to be asked longer ago than this is not asked any more.
const WISH_MAX: Duration = Duration::from_secs(60);

/// Where the desk hands over what is to be said. Called on a runtime.
pub fn sink(publishers: &BTreeMap<String, Publisher>, clock: &Clock) -> TellSink {
    let (publishers, clock, tasks) = (publishers.clone(), clock.clone(), Handle::current());
    let room = Arc::new(Semaphore::new(AT_ONCE_MAX));
    Arc::new(move |telling| {
        let now = clock.at();
        let Some(publisher) = publishers.get(&telling.source) else {
            tracing::warn!(site = %telling.site, station = %telling.station, collector = telling.source, "there is no way back to this station");
            return;
        };
        let Ok(turn) = room.clone().try_acquire_owned() else { return };
        if now >= telling.until {
            return; // it was due before this run; the next time is on its way
        }
        // The broker counts real seconds; when they are over the command is said again.
        let expiry = telling.until.since(now).div_f64(clock.speed());
        let (publisher, telling) = (publisher.clone(), telling.clone());
        tasks.spawn(async move {
            let _turn = turn;
            let Telling { site, station, order, ask, not_after, .. } = telling;
            let payload = StationCommand { id: order.into(), ask, not_after }.encode();
            let topic = topic::command(site.as_str(), station.as_str());
            let said =
                publisher.publish(&topic, payload, Surety::Confirmed, false, Some(expiry)).await;
            if let Err(error) = said {
                tracing::debug!(%site, %station, %error, "a station cannot be told yet");
            }
        });
    })
}

/// Asks Sparkplug nodes through the collector they were heard by. What is old was heard before this run: who still
/// needs asking is noticed again with the next message.
pub fn wishes(publishers: &BTreeMap<String, Publisher>, clock: &Clock) -> WishSink {
    let (publishers, clock) = (publishers.clone(), clock.clone());
    Arc::new(move |wish| {
        let Wish::Rebirth { source, group, node, at } = wish;
        let Some(publisher) = publishers.get(source) else { return };
        if clock.at().since(*at) > WISH_MAX {
            return;
        }
        let topic = sparkplug::command_topic(group, node);
        match publisher.send(&topic, sparkplug::rebirth(clock.wall())) {
            Ok(()) => tracing::info!(collector = source, group, node, "a rebirth is asked for"),
            Err(error) => tracing::warn!(%error, group, node, "a rebirth cannot be asked for yet"),
        }
    })
}

/// Tells stations through the collector they report to that a report is on disk.
pub fn stored(acks: &BTreeMap<String, StoredAcks>, config: &Config) -> StoredSink {
    let acks = acks.clone();
    let registry = config.setup.registry.clone();
    Arc::new(move |site, station, seq| {
        let place =
            registry.site(site.as_str()).and_then(|at| registry.station(at, station.as_str()));
        let source = place.map(|at| registry.stations()[at.index()].source.as_str());
        if let Some(acks) = source.and_then(|source| acks.get(source)) {
            acks.note(site, station, seq);
        }
    })
}
