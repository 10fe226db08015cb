//! Says to stations what they are asked, through the collector they are heard by.
//!
//! Tries once: what does not get through is said again, because the engine waits for the station's own answer.

use std::collections::BTreeMap;
use std::sync::Arc;

use alerting::station::Telling;
use ingest::clock::Clock;
use ingest::collector::publisher::{Publisher, Surety};
use ingest::collector::topic;
use reading::codec::StationCommand;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;

use crate::desk::run::TellSink;

/// How many are said at once; what comes on top has to wait for its next time.
const AT_ONCE_MAX: usize = 256;

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
