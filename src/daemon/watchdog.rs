//! systemd's watchdog, fed from the decision loop: a daemon that takes readings and decides nothing is started again.

use std::time::Duration;

use ingest::journal::Journal;
use sd_notify::NotifyState;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::desk::run::Progress;

/// How many signs of life fall into the time after which the watchdog bites.
const SIGNS: u32 = 4;

/// Feeds the watchdog, if there is one, until `stop`: as long as the desk moves or has nothing to do.
pub async fn run(journal: Journal, progress: watch::Receiver<Progress>, stop: CancellationToken) {
    let Some(patience) = sd_notify::watchdog_enabled() else { return stop.cancelled().await };
    let mut life = Life::default();
    loop {
        if life.is_seen(progress.borrow().position, journal.synced()) {
            sd_notify::notify(&[NotifyState::Watchdog]).ok(); // it bites if nobody hears
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep((patience / SIGNS).max(Duration::from_millis(100))) => {}
        }
    }
}

/// What the desk was seen at last.
#[derive(Debug, Default)]
pub(super) struct Life {
    position: u64,
}

impl Life {
    /// Whether the desk has moved since it was looked at last, or has applied everything there is.
    pub fn is_seen(&mut self, position: u64, synced: u64) -> bool {
        let has_moved = position != self.position;
        self.position = position;
        has_moved || position >= synced
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_desk_that_stands_still_before_work_is_no_sign_of_life() {
        let mut life = Life::default();
        for (position, synced, expected) in [
            (0, 0, true),     // nothing to do
            (0, 40, false),   // work, and it has not begun
            (12, 90, true),   // slow is alive
            (12, 120, false), // stuck
            (12, 120, false),
            (120, 120, true),
            (120, 120, true),
        ] {
            assert_eq!(life.is_seen(position, synced), expected, "{position} of {synced}");
        }
    }
}
