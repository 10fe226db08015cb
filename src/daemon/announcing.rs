//! What a run says in the journal of itself: that it begins, by which configuration what follows is judged, and what
//! stands open in the ledger that the journal no longer knows.

use std::collections::BTreeSet;

use alerting::{DeliveryKey, DeliveryState};
use delivery::Ledger;
use delivery::ledger::IncidentFilter;
use ingest::clock::Clock;
use ingest::journal::{Entry, Journal, Kind};

use super::collectors;
use crate::config::Config;
use crate::desk::events::{ClockStep, CollectorEvent, ORPHANS, Orphans, Skip, payload};
use crate::overview::Overview;

/// The most deliveries in one record of those that stand open.
const ORPHANS_MAX: usize = 1_000;

/// The most incidents in one record of those that stand open, and the most of all: the newest.
const ORPHAN_INCIDENTS_MAX: usize = 50;
const INCIDENTS_MAX: u32 = 10_000;

/// Journals a configuration, by which what follows is judged.
///
/// # Errors
/// If the journal takes nothing.
pub(crate) async fn announce_setup(
    journal: &Journal,
    clock: &Clock,
    config: &Config,
) -> anyhow::Result<()> {
    let entry = own_entry(Kind::Configuration, "import", payload(&config.setup), clock);
    journal.append(vec![entry]).await?;
    Ok(())
}

/// Journals that this run begins: nobody receives yet, and what is to be passed over. Returns the last record.
///
/// # Errors
/// If the journal takes nothing.
pub async fn announce(
    journal: &Journal,
    clock: &Clock,
    config: &Config,
    misfit: Option<ClockStep>,
    skips: &[u64],
) -> anyhow::Result<u64> {
    let down = CollectorEvent::down("started");
    let mut entries = vec![own_entry(Kind::Configuration, "start", payload(&config.setup), clock)];
    entries.extend(
        config.collectors.iter().map(|collector| collectors::entry(&collector.name, &down, clock)),
    );
    entries.extend(misfit.map(|step| own_entry(Kind::ClockStep, "start", payload(&step), clock)));
    entries.extend(skips.iter().map(|sequence| {
        own_entry(Kind::Skip, "start", payload(&Skip { sequence: *sequence }), clock)
    }));
    Ok(journal.append(entries).await?.last)
}

/// Journals where the ledger and a desk that has caught up with the journal disagree, for the desk to settle: what
/// decided the difference is gone. That is deliveries that stand open in the ledger and that the desk does not know,
/// deliveries that the desk waits for and the ledger knows to be settled, and incidents that are open in the ledger
/// alone. Where the journal no longer has what the desk's state stands on, `lost_before` says before which record. Returns
/// the last record, if there is anything to say.
///
/// # Errors
/// If the ledger cannot be read or the journal takes nothing.
pub async fn disown(
    journal: &Journal,
    clock: &Clock,
    ledger: &Ledger,
    believed: &Overview,
    lost_before: Option<u64>,
) -> anyhow::Result<Option<u64>> {
    let waited: BTreeSet<&DeliveryKey> = believed.owed.iter().collect();
    let mut owed = ledger.open_deliveries()?;
    owed.retain(|owed| !waited.contains(&owed.key));
    let settled = settled(ledger, &believed.owed)?;
    let open = IncidentFilter { open_only: true, site: None };
    let mut incidents = ledger.incidents(&open, INCIDENTS_MAX)?;
    incidents.retain(|incident| !believed.incidents.contains(&incident.id));

    let none = Orphans::default;
    let lost = lost_before.map(|first| Orphans { lost_before: Some(first), ..none() });
    let mut orphans: Vec<Orphans> = lost.into_iter().collect();
    orphans.extend(in_parts(&owed, ORPHANS_MAX, |owed| Orphans { owed, ..none() }));
    orphans.extend(in_parts(&settled, ORPHANS_MAX, |settled| Orphans { settled, ..none() }));
    orphans.extend(in_parts(&incidents, ORPHAN_INCIDENTS_MAX, |incidents| Orphans {
        incidents,
        ..none()
    }));
    if orphans.is_empty() {
        return Ok(None);
    }
    let entry = |one: &Orphans| own_entry(Kind::Trouble, ORPHANS, payload(one), clock);
    Ok(Some(journal.append(orphans.iter().map(entry).collect()).await?.last))
}

fn in_parts<T: Clone>(all: &[T], most: usize, part: impl Fn(Vec<T>) -> Orphans) -> Vec<Orphans> {
    all.chunks(most).map(|some| part(some.to_vec())).collect()
}

/// What of this the ledger knows to be settled, and how.
fn settled(
    ledger: &Ledger,
    waited: &[DeliveryKey],
) -> anyhow::Result<Vec<(DeliveryKey, DeliveryState)>> {
    let mut settled = Vec::new();
    for key in waited {
        let state = ledger.delivery(key)?.map(|row| row.state);
        settled.extend(state.filter(|state| state.is_final()).map(|state| (key.clone(), state)));
    }
    Ok(settled)
}

/// A record of our own.
pub fn own_entry(kind: Kind, topic: &str, payload: bytes::Bytes, clock: &Clock) -> Entry {
    Entry {
        kind,
        source: "bongsu".into(),
        topic: topic.into(),
        retained: false,
        received_at: clock.wall(),
        payload,
    }
}
