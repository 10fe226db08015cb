//! Moments. Time is a value here: it is handed in, never asked for.

use alloc::string::{String, ToString};
use core::fmt;
use core::time::Duration;

use serde::{Deserialize, Serialize};

/// A moment in UTC, in nanoseconds since 1970-01-01T00:00:00Z. Covers the years 1677 to 2262.
///
/// Differences come from [`since`](Timestamp::since) and are never negative; sums saturate.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Timestamp(i64);

/// A text that is not a moment.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TimeError {
    /// Not RFC 3339, or without an offset, or outside the years we can hold.
    #[error("`{text}` is not an RFC 3339 time with an offset (say 2026-07-14T03:10:00+09:00)")]
    NotRfc3339 {
        /// What stood there, shortened.
        text: String,
    },
    /// A number of units since 1970 that we cannot hold.
    #[error("{value} {unit} since 1970 is outside the years 1677 to 2262")]
    OutOfReach {
        /// The number as sent.
        value: String,
        /// The unit it was said to be in.
        unit: &'static str,
    },
}

/// What a bare number counts since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EpochUnit {
    /// Seconds.
    S,
    /// Milliseconds.
    Ms,
    /// Microseconds.
    Us,
    /// Nanoseconds.
    Ns,
}

impl EpochUnit {
    /// The unit by its name on the wire: `s`, `ms`, `us`, `ns`.
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "s" => Some(Self::S),
            "ms" => Some(Self::Ms),
            "us" => Some(Self::Us),
            "ns" => Some(Self::Ns),
            _ => None,
        }
    }

    /// Its name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::S => "s",
            Self::Ms => "ms",
            Self::Us => "us",
            Self::Ns => "ns",
        }
    }

    const fn nanos(self) -> i64 {
        match self {
            Self::S => 1_000_000_000,
            Self::Ms => 1_000_000,
            Self::Us => 1_000,
            Self::Ns => 1,
        }
    }
}

impl Timestamp {
    /// The earliest moment we can hold.
    pub const MIN: Self = Self(i64::MIN);
    /// The latest moment we can hold.
    pub const MAX: Self = Self(i64::MAX);

    /// A moment from nanoseconds since 1970.
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// A moment from whole seconds since 1970, saturating at the ends.
    pub const fn from_secs(secs: i64) -> Self {
        Self(secs.saturating_mul(1_000_000_000))
    }

    /// Nanoseconds since 1970.
    pub const fn nanos(self) -> i64 {
        self.0
    }

    /// How long after `earlier` this is; zero if it is before.
    pub fn since(self, earlier: Self) -> Duration {
        let nanos = i128::from(self.0) - i128::from(earlier.0);
        Duration::from_nanos(u64::try_from(nanos.max(0)).unwrap_or(u64::MAX))
    }

    /// Hours from `origin` to this moment, negative before it. For fits: a window's own origin keeps precision.
    pub fn hours_since(self, origin: Self) -> f64 {
        (self.0.wrapping_sub(origin.0)) as f64 / 3.6e12
    }

    /// This moment moved by a duration, saturating at the latest moment.
    #[must_use]
    pub fn plus(self, by: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(by.as_nanos()).unwrap_or(i64::MAX)))
    }

    /// This moment moved back by a duration, saturating at the earliest moment.
    #[must_use]
    pub fn minus(self, by: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(by.as_nanos()).unwrap_or(i64::MAX)))
    }

    /// Reads RFC 3339 with an offset. A local time without one is refused: nobody can know what it meant.
    ///
    /// # Errors
    /// [`TimeError::NotRfc3339`].
    pub fn parse(text: &str) -> Result<Self, TimeError> {
        let refused = || TimeError::NotRfc3339 { text: text.chars().take(64).collect() };
        let moment: jiff::Timestamp = text.parse().map_err(|_| refused())?;
        i64::try_from(moment.as_nanosecond()).map(Self).map_err(|_| refused())
    }

    /// Reads a whole number of units since 1970.
    ///
    /// # Errors
    /// [`TimeError::OutOfReach`].
    pub fn from_epoch(value: i64, unit: EpochUnit) -> Result<Self, TimeError> {
        let nanos = value.checked_mul(unit.nanos());
        nanos
            .map(Self)
            .ok_or_else(|| TimeError::OutOfReach { value: value.to_string(), unit: unit.name() })
    }

    /// Reads a number of units since 1970 with a fraction, rounded to the nanosecond.
    ///
    /// # Errors
    /// [`TimeError::OutOfReach`], also for NaN and infinities.
    pub fn from_epoch_float(value: f64, unit: EpochUnit) -> Result<Self, TimeError> {
        let whole = libm::floor(value);
        let nanos = whole * unit.nanos() as f64;
        if nanos.is_nan() || nanos.abs() >= i64::MAX as f64 {
            return Err(TimeError::OutOfReach { value: value.to_string(), unit: unit.name() });
        }
        let fraction = libm::round((value - whole) * unit.nanos() as f64) as i64;
        Ok(Self((whole as i64).saturating_mul(unit.nanos()).saturating_add(fraction)))
    }
}

impl fmt::Display for Timestamp {
    /// RFC 3339 in UTC, with as many decimals as needed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_nanosecond(i128::from(self.0)) {
            Ok(moment) => moment.fmt(f),
            Err(_) => write!(f, "{}ns", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_offsets_and_refuses_local_times() {
        let seoul = Timestamp::parse("2026-07-14T03:10:00+09:00").unwrap();
        assert_eq!(seoul, Timestamp::parse("2026-07-13T18:10:00Z").unwrap());
        assert_eq!(seoul.to_string(), "2026-07-13T18:10:00Z");
        for text in ["2026-07-14T03:10:00", "2026-07-14", "yesterday", "", "9999-01-01T00:00:00Z"] {
            assert!(Timestamp::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn epochs_keep_their_nanoseconds() {
        assert_eq!(
            Timestamp::from_epoch(1_784_000_000, EpochUnit::S),
            Ok(Timestamp::from_secs(1_784_000_000))
        );
        let half = Timestamp::from_epoch_float(1_784_000_000.5, EpochUnit::S).unwrap();
        assert_eq!(half.nanos(), 1_784_000_000_500_000_000);
        let before = Timestamp::from_epoch_float(-0.25, EpochUnit::S).unwrap();
        assert_eq!(before.nanos(), -250_000_000);
        assert!(Timestamp::from_epoch(i64::MAX, EpochUnit::S).is_err());
        for value in [f64::NAN, f64::INFINITY, 1e300, -1e300] {
            assert!(Timestamp::from_epoch_float(value, EpochUnit::Ms).is_err(), "{value}");
        }
    }

    #[test]
    fn differences_are_never_negative_and_sums_saturate() {
        let (a, b) = (Timestamp::from_secs(10), Timestamp::from_secs(12));
        assert_eq!(b.since(a), Duration::from_secs(2));
        assert_eq!(a.since(b), Duration::ZERO);
        assert_eq!(Timestamp::MAX.plus(Duration::from_secs(1)), Timestamp::MAX);
        assert_eq!(Timestamp::MIN.minus(Duration::MAX), Timestamp::MIN);
    }
}
