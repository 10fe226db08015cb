//! Can the stamp be believed? (docs/formulas.md 6.6)

use core::time::Duration;

use super::refusal::Refusal;
use crate::time::Timestamp;

/// Nothing was measured before: an earlier stamp is a clock that was never set, 2020-01-01T00:00:00Z.
pub(super) const CLOCK_FIRST: Timestamp = Timestamp::from_secs(1_577_836_800);

/// A later stamp is a clock register of all ones rather than a wrong year, 2100-01-01T00:00:00Z. Constant, so that
/// every build judges the same bytes alike.
pub(super) const CLOCK_LAST: Timestamp = Timestamp::from_secs(4_102_444_800);

/// A stamp further ahead of the receipt is not used.
pub(super) const AHEAD_MAX: Duration = Duration::from_secs(120);

/// A stamp further ahead of the receipt is refused.
pub(super) const FUTURE_MIN: Duration = Duration::from_secs(3_600);

/// A live stamp further behind the one before it, under a higher `seq`, is a step of the clock.
pub(super) const STEP_MIN: Duration = Duration::from_secs(1);

/// A reading received later than this after it was measured is old, however seldom the station reports.
const OLD_MIN: Duration = Duration::from_secs(15 * 60);

/// Messages with unusable stamps that come within this time belong to one burst.
const BURST_MAX: Duration = Duration::from_secs(5);

/// What a stamp is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stamp {
    /// The moment it names.
    Usable(Timestamp),
    /// A running clock that is ahead: the moment as sent.
    Ahead(Timestamp),
    /// None, or of a clock that was never set: its order is all it tells.
    Unset(Option<Timestamp>),
}

/// Judges a stamp against the moment of receipt.
///
/// Records from before 2020 are read with a moment of receipt from before 2020; nothing is unset then.
pub(super) fn judge(sent: Option<Timestamp>, received_at: Timestamp) -> Result<Stamp, Refusal> {
    let Some(at) = sent else { return Ok(Stamp::Unset(None)) };
    if at > CLOCK_LAST || (at < CLOCK_FIRST && received_at >= CLOCK_FIRST) {
        return Ok(Stamp::Unset(sent));
    }
    match at.since(received_at) {
        ahead if ahead > FUTURE_MIN => Err(Refusal::Future),
        ahead if ahead > AHEAD_MAX => Ok(Stamp::Ahead(at)),
        _ => Ok(Stamp::Usable(at)),
    }
}

/// Whether a moment can be used as it is.
pub(super) fn is_usable(at: Timestamp, received_at: Timestamp) -> bool {
    matches!(judge(Some(at), received_at), Ok(Stamp::Usable(_)))
}

/// Whether a stamp is of a clock that was set, however wrongly.
pub(super) fn is_set(at: Timestamp, received_at: Timestamp) -> bool {
    !matches!(judge(Some(at), received_at), Ok(Stamp::Unset(_)))
}

/// Whether a reading came too late to be news.
pub(super) fn is_old(
    measured_at: Timestamp,
    received_at: Timestamp,
    report_interval: Duration,
) -> bool {
    received_at.since(measured_at) > OLD_MIN.max(report_interval.saturating_mul(3))
}

/// How close together messages with unusable stamps make a burst: less than the station's usual rhythm.
pub(super) fn burst(report_interval: Duration) -> Duration {
    BURST_MAX.min(report_interval / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_are_worth_what_the_table_says() {
        let at = |text: &str| Timestamp::parse(text).unwrap();
        let received_at = at("2026-07-14T00:00:00Z");
        for (sent, expected) in [
            ("2026-07-14T00:00:00Z", Ok("usable")),
            ("2020-01-01T00:00:00Z", Ok("usable")),
            ("2026-07-14T00:02:00Z", Ok("usable")),
            ("2026-07-14T00:02:00.000000001Z", Ok("ahead")),
            ("2026-07-14T01:00:00Z", Ok("ahead")),
            ("2026-07-14T01:00:00.000000001Z", Err(Refusal::Future)),
            ("2099-01-01T00:00:00Z", Err(Refusal::Future)),
            ("2106-02-07T06:28:15Z", Ok("unset")),
            ("2019-12-31T23:59:59.999999999Z", Ok("unset")),
            ("1970-01-01T00:00:07Z", Ok("unset")),
            ("1677-09-21T00:12:44Z", Ok("unset")),
        ] {
            let got = judge(Some(at(sent)), received_at).map(|stamp| match stamp {
                Stamp::Usable(_) => "usable",
                Stamp::Ahead(_) => "ahead",
                Stamp::Unset(_) => "unset",
            });
            assert_eq!(got, expected, "{sent}");
        }
        assert_eq!(judge(None, received_at), Ok(Stamp::Unset(None)));
        let record = at("2015-12-18T00:15:00Z");
        assert_eq!(
            judge(Some(record), record),
            Ok(Stamp::Usable(record)),
            "a record read as of its own time"
        );
    }

    #[test]
    fn old_is_fifteen_minutes_or_three_intervals() {
        let measured_at = Timestamp::from_secs(1_784_000_000);
        for (late, interval, old) in [
            (900, 60, false),
            (901, 60, true),
            (901, 301, false),
            (10_800, 3_600, false),
            (10_801, 3_600, true),
        ] {
            let received_at = measured_at.plus(Duration::from_secs(late));
            assert_eq!(
                is_old(measured_at, received_at, Duration::from_secs(interval)),
                old,
                "{late} {interval}"
            );
        }
        assert!(!is_old(measured_at, measured_at.minus(Duration::from_secs(60)), Duration::ZERO));
    }
}
