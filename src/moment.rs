//! Moments as people and machines read them: in the zone of the place they are about.

use jiff::tz::TimeZone;
use jiff::{Timestamp as Moment, Zoned};
use reading::Timestamp;
use serde::Serialize;

/// Where times without a site are read.
pub(crate) const HOME_ZONE: &str = "Asia/Seoul";

/// A moment on a page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Shown {
    /// For machines: RFC 3339 with the zone's offset.
    pub iso: String,
    /// `2026-07-14`.
    pub date: String,
    /// `03:10:00`.
    pub time: String,
    /// `KST`.
    pub zone: String,
    /// Milliseconds since 1970, to count from.
    pub millis: i64,
}

impl Shown {
    pub(crate) fn new(at: Timestamp, zone: &str) -> Self {
        let local = local(at, zone);
        Self {
            iso: rfc3339(at, zone),
            date: local.strftime("%Y-%m-%d").to_string(),
            time: local.strftime("%H:%M:%S").to_string(),
            zone: local.strftime("%Z").to_string(),
            millis: at.nanos() / 1_000_000,
        }
    }
}

/// A moment in the form that `strftime` knows.
pub(crate) fn named(at: Timestamp, zone: &str, form: &str) -> String {
    local(at, zone).strftime(form).to_string()
}

/// A moment in a zone, with the zone's name: `2026-07-14 03:10:00 KST`.
pub(crate) fn zoned(at: Timestamp, zone: &str) -> String {
    named(at, zone, "%Y-%m-%d %H:%M:%S %Z")
}

/// RFC 3339 with the offset of a zone, to the millisecond. A zone nobody knows is UTC.
pub(crate) fn rfc3339(at: Timestamp, zone: &str) -> String {
    let local = local(at, zone);
    let millis = local.millisecond();
    let fraction = if millis == 0 { String::new() } else { format!(".{millis:03}") };
    format!("{}{fraction}{}", local.strftime("%Y-%m-%dT%H:%M:%S"), local.strftime("%:z"))
}

fn local(at: Timestamp, zone: &str) -> Zoned {
    let moment = Moment::from_nanosecond(i128::from(at.nanos())).unwrap_or(Moment::UNIX_EPOCH);
    moment.to_zoned(TimeZone::get(zone).unwrap_or(TimeZone::UTC))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_carry_their_zone() {
        let at = Timestamp::parse("2026-07-13T18:10:00.250Z").unwrap();
        assert_eq!(rfc3339(at, "Asia/Seoul"), "2026-07-14T03:10:00.250+09:00");
        assert_eq!(rfc3339(at, "no/where"), "2026-07-13T18:10:00.250+00:00");
        let shown = Shown::new(at, "Asia/Seoul");
        assert_eq!((&*shown.date, &*shown.time, &*shown.zone), ("2026-07-14", "03:10:00", "KST"));
        assert_eq!(Timestamp::parse(&shown.iso), Ok(at));
        assert_eq!(zoned(at, "Asia/Seoul"), "2026-07-14 03:10:00 KST");
        for at in [Timestamp::MIN, Timestamp::MAX] {
            assert!(!rfc3339(at, HOME_ZONE).is_empty());
        }
    }
}
