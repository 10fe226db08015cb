//! Whether the wall clock can be believed at start.
//!
//! Stamps of stations are judged by it, so a clock that lies behind the journal, or far ahead of it, is waited for: a
//! machine without a clock of its own starts in the past and is set by the network within a minute or two. But not for
//! ever: a daemon that waits for a person evaluates nothing. Then it goes on, and the doubt is an incident.

use std::path::Path;
use std::time::Duration;

use ingest::clock::Clock;
use reading::Timestamp;

use crate::desk::events::ClockStep;

/// A wall clock further than this past the journal is doubted, unless it is known to be synchronised.
const AHEAD_MAX: Duration = Duration::from_secs(30 * 86_400);

/// How long the clock is waited for, real time.
const WAIT_MAX: Duration = Duration::from_secs(120);

/// How often it is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What systemd-timesyncd makes once the clock is set by the network; chrony's and ntpd's `time-sync` helpers too.
const SYNCHRONIZED: &str = "/run/systemd/timesync/synchronized";

/// Whether a doubtful clock is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClockTrust {
    /// It is taken as it is: somebody vouches for it, or it is simulated.
    Given,
    /// It is waited for while it is in doubt.
    Checked,
}

/// Waits until the wall clock fits the journal's last moment or is known to be synchronised. Says by how much it does
/// not fit when it goes on all the same.
pub async fn settle(
    clock: &Clock,
    last_at: Option<Timestamp>,
    trust: ClockTrust,
) -> Option<ClockStep> {
    let began = clock.at();
    let mut is_told = false;
    loop {
        let waited = clock.at().since(began);
        let doubt = misfit(clock.wall(), last_at?.plus(waited))?;
        if doubt.nanos > 0 && Path::new(SYNCHRONIZED).exists() {
            return None;
        }
        let seconds = doubt.nanos / 1_000_000_000;
        if trust == ClockTrust::Given || waited >= WAIT_MAX {
            tracing::error!(
                seconds,
                "the wall clock does not fit the journal; set it, time goes on from the journal"
            );
            return Some(doubt);
        }
        if !std::mem::replace(&mut is_told, true) {
            tracing::warn!(
                seconds,
                "the wall clock does not fit the journal: waiting 2 min for it to be set; --accept-clock starts at once"
            );
            let state = sd_notify::NotifyState::Status("waiting for the clock to be set");
            sd_notify::notify(&[state]).ok(); // only for who looks at the service
        }
        clock.sleep_until(clock.at().plus(LOOK_EVERY)).await;
    }
}

/// How far the wall clock lies behind the journal's last moment, or too far ahead of it.
fn misfit(wall: Timestamp, journal_at: Timestamp) -> Option<ClockStep> {
    let nanos = |span: Duration| i64::try_from(span.as_nanos()).unwrap_or(i64::MAX);
    if wall < journal_at {
        return Some(ClockStep { nanos: -nanos(journal_at.since(wall)) });
    }
    let ahead = wall.since(journal_at);
    (ahead > AHEAD_MAX).then(|| ClockStep { nanos: nanos(ahead) })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: Timestamp = Timestamp::from_nanos(1_784_000_000_000_000_000);

    fn behind(by: Duration) -> (Clock, Option<Timestamp>) {
        let clock = Clock::manual(NOON);
        clock.resume_at(NOON.plus(by));
        let last_at = Some(clock.at());
        (clock, last_at)
    }

    async fn tick(clock: &Clock, seconds: u32) {
        for _ in 0..seconds {
            clock.advance(LOOK_EVERY);
            for _ in 0..10 {
                tokio::task::yield_now().await;
            }
        }
    }

    #[tokio::test]
    async fn a_clock_that_is_set_in_time_leaves_no_doubt() {
        let (clock, last_at) = behind(Duration::from_secs(5_000));
        let waiting = tokio::spawn({
            let clock = clock.clone();
            async move { settle(&clock, last_at, ClockTrust::Checked).await }
        });
        tick(&clock, 60).await;
        assert!(!waiting.is_finished(), "it waits");
        clock.set_wall(clock.at());
        tick(&clock, 2).await;
        assert_eq!(waiting.await.unwrap(), None);
    }

    #[tokio::test]
    async fn nobody_is_waited_for_longer_than_two_minutes() {
        let (clock, last_at) = behind(Duration::from_secs(5_000));
        let waiting = tokio::spawn({
            let clock = clock.clone();
            async move { settle(&clock, last_at, ClockTrust::Checked).await }
        });
        tokio::task::yield_now().await; // it looks at the clock before that moves
        tick(&clock, 125).await;
        let doubt = waiting.await.unwrap().unwrap();
        assert_eq!(doubt.nanos / 1_000_000_000, -5_000);
    }

    #[tokio::test]
    async fn a_clock_that_is_vouched_for_is_not_waited_for_and_its_misfit_is_told() {
        let (clock, last_at) = behind(Duration::from_secs(5_000));
        assert!(settle(&clock, last_at, ClockTrust::Given).await.is_some());
        assert_eq!(
            settle(&clock, None, ClockTrust::Checked).await,
            None,
            "nothing to compare with"
        );
        let soon = Clock::manual(NOON);
        soon.resume_at(NOON.minus(AHEAD_MAX));
        assert_eq!(settle(&soon, Some(NOON.minus(AHEAD_MAX)), ClockTrust::Checked).await, None);
    }
}
