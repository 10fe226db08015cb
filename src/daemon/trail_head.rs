//! Once a day the head of the audit trail goes into the journal, and from there to whoever is to keep it.

use std::sync::Arc;
use std::time::Duration;

use alerting::Purpose;
use alerting::engine::TrailHead;
use delivery::{Ledger, LedgerError};
use ingest::clock::Clock;
use ingest::journal::{Entry, Journal, Kind};
use jiff::{Timestamp as Instant, ToSpan};
use reading::Timestamp;
use tokio_util::sync::CancellationToken;

use crate::config::HeadSettings;
use crate::desk::events::payload;

/// How long a ledger that cannot be read is left alone.
const WAIT: Duration = Duration::from_secs(60);

/// Runs until `stop` or the journal's end. A day whose time went by while bongsu was not running is made up for.
pub async fn run(
    settings: HeadSettings,
    journal: Journal,
    clock: Clock,
    ledger: Arc<Ledger>,
    stop: CancellationToken,
) {
    let told = async {
        let mut last = loop {
            match look(&ledger, |ledger| ledger.last_owed(Purpose::TrailHead)).await {
                Some(last) => break last.unwrap_or_else(|| clock.at()),
                None => clock.sleep_until(clock.at().plus(WAIT)).await,
            }
        };
        loop {
            clock.sleep_until(next(last, &settings)).await;
            let Some(head) = look(&ledger, Ledger::audit_head).await else {
                clock.sleep_until(clock.at().plus(WAIT)).await;
                continue;
            };
            last = clock.at();
            let head = TrailHead {
                entries: head.entries,
                head: head.head,
                channels: settings.channels.clone(),
            };
            let entry = Entry {
                kind: Kind::TrailHead,
                source: "audit".into(),
                topic: "".into(),
                retained: false,
                received_at: clock.wall(),
                payload: payload(&head),
            };
            if journal.append(vec![entry]).await.is_err() {
                return;
            }
        }
    };
    tokio::select! {
        () = stop.cancelled() => {}
        () = told => {}
    }
}

/// The first moment after `last` at which the clock on the wall shows the time that is set. A time that a change of the
/// clocks leaves out comes as much later.
fn next(last: Timestamp, settings: &HeadSettings) -> Timestamp {
    let last = Instant::from_nanosecond(i128::from(last.nanos())).unwrap_or_default();
    let today = last.to_zoned(settings.zone.clone()).date();
    let on =
        |date: jiff::civil::Date| date.to_datetime(settings.at).to_zoned(settings.zone.clone());
    let days = [Some(today), today.checked_add(1.day()).ok(), today.checked_add(2.days()).ok()];
    let mut moments = days.into_iter().flatten().filter_map(|date| on(date).ok());
    let found = moments.find(|moment| moment.timestamp() > last);
    let nanos = found.map(|moment| moment.timestamp().as_nanosecond());
    let nanos = nanos.and_then(|nanos| i64::try_from(nanos).ok());
    nanos.map_or(Timestamp::MAX, Timestamp::from_nanos)
}

async fn look<T: Send + 'static>(
    ledger: &Arc<Ledger>,
    question: impl FnOnce(&Ledger) -> Result<T, LedgerError> + Send + 'static,
) -> Option<T> {
    let ledger = ledger.clone();
    match tokio::task::spawn_blocking(move || question(&ledger)).await {
        Ok(Ok(answer)) => Some(answer),
        Ok(Err(error)) => {
            tracing::warn!(%error, "the head of the audit trail cannot be read");
            None
        }
        Err(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::Time;
    use jiff::tz::TimeZone;

    use super::*;

    #[test]
    fn a_day_has_one_head_also_where_the_clocks_are_changed() {
        let settings = |zone: &str, hour| HeadSettings {
            channels: vec![],
            at: Time::constant(hour, 30, 0, 0),
            zone: TimeZone::get(zone).unwrap(),
        };
        // zone, hour, after which moment, the next
        for (zone, hour, last, expected) in [
            ("Asia/Seoul", 9, "2026-07-14T00:00:00Z", "2026-07-14T00:30:00Z"),
            ("Asia/Seoul", 9, "2026-07-14T00:30:00Z", "2026-07-15T00:30:00Z"),
            // 2:30 is left out on 8 March and there twice on 1 November
            ("America/New_York", 2, "2026-03-07T07:30:00Z", "2026-03-08T07:30:00Z"),
            ("America/New_York", 2, "2026-03-08T07:30:00Z", "2026-03-09T06:30:00Z"),
            ("America/New_York", 1, "2026-10-31T05:30:00Z", "2026-11-01T05:30:00Z"),
            ("America/New_York", 1, "2026-11-01T05:30:00Z", "2026-11-02T06:30:00Z"),
        ] {
            let at = |text: &str| Timestamp::parse(text).unwrap();
            assert_eq!(next(at(last), &settings(zone, hour)), at(expected), "{zone} {last}");
        }
    }
}
