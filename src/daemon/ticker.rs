//! Carries time when nothing else does: a tick when something is due, and one a minute as a sign of life.

use std::time::Duration;

use alerting::engine::ALIVE_MAX;
use ingest::clock::Clock;
use ingest::journal::{Entry, Journal, Kind};
use reading::Timestamp;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::desk::events::{ClockStep, payload};
use crate::desk::run::Progress;

/// How often the wall clock is compared with the journal's, real time.
const STEP_CHECK_EVERY: Duration = Duration::from_secs(1);

/// Runs until `stop` or the journal's end.
pub async fn run(
    journal: Journal,
    clock: Clock,
    mut progress: watch::Receiver<Progress>,
    stop: CancellationToken,
) {
    let steps = watch_steps(journal.clone(), clock.clone());
    let ticks = async {
        loop {
            let due = due(&progress.borrow_and_update(), journal.at());
            tokio::select! {
                changed = progress.changed() => if changed.is_err() { return },
                () = clock.sleep_until(due) => if !tick(&journal, &clock, due, &mut progress).await { return },
            }
        }
    };
    tokio::select! {
        () = stop.cancelled() => {}
        () = steps => {}
        () = ticks => {}
    }
}

/// When the next tick is due if nothing else carries time until then: the desk has come so far, and so has the journal.
pub fn due(seen: &Progress, journal_at: Timestamp) -> Timestamp {
    let alive = seen.at.max(journal_at).plus(ALIVE_MAX / 2);
    seen.next_deadline.map_or(alive, |due| due.min(alive))
}

/// Journals a tick unless something else carried time past `due` meanwhile, and waits until the desk has it.
async fn tick(
    journal: &Journal,
    clock: &Clock,
    due: Timestamp,
    progress: &mut watch::Receiver<Progress>,
) -> bool {
    let entry = Entry {
        kind: Kind::Tick,
        source: "ticker".into(),
        topic: "".into(),
        retained: false,
        received_at: clock.wall(),
        payload: bytes::Bytes::new(),
    };
    if journal.at() <= due && journal.append(vec![entry]).await.is_err() {
        return false;
    }
    progress.wait_for(|progress| progress.at >= due).await.is_ok()
}

async fn watch_steps(journal: Journal, clock: Clock) {
    loop {
        tokio::time::sleep(STEP_CHECK_EVERY).await;
        let Some(step) = clock.detect_step() else { continue };
        tracing::warn!(nanos = step.nanos, "the wall clock was set");
        let entry = Entry {
            kind: Kind::ClockStep,
            source: "clock".into(),
            topic: "".into(),
            retained: false,
            received_at: step.wall,
            payload: payload(&ClockStep { nanos: step.nanos }),
        };
        if journal.append(vec![entry]).await.is_err() {
            return;
        }
    }
}
