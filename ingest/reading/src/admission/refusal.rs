//! Why a claim is not believed.

use alloc::string::String;
use core::fmt;

use serde::{Deserialize, Serialize};

use crate::report::{Claim, Report};
use crate::time::Timestamp;

macro_rules! refusals {
    ($($(#[$doc:meta])* $variant:ident $name:literal $remedy:literal)*) => {
        /// Why a claim is not admitted.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum Refusal { $($(#[$doc])* $variant,)* }

        impl Refusal {
            /// Every reason, in the order in which they are looked for.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// Its name, for counting.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),* }
            }

            /// What to do about it.
            pub const fn remedy(self) -> &'static str {
                match self { $(Self::$variant => $remedy),* }
            }
        }
    };
}

refusals! {
    /// The broker had kept the message: nobody knows how long.
    Retained "retained" "publish readings without the retain flag"
    /// The registry has no such site.
    UnknownSite "unknown-site" "add the site to the configuration, or correct the topic"
    /// The site has no such station.
    UnknownStation "unknown-station" "add the station to its site, or correct the topic"
    /// The station reports through another collector.
    ForeignSource "foreign-source" "a station speaks through one collector: correct its `source`, or find out who speaks for it"
    /// No quantity of ours.
    UnknownQuantity "unknown-quantity" "use one of the quantities of the documentation"
    /// The station has no such instrument, or it does not measure that.
    UnknownSensor "unknown-sensor" "add the sensor and its quantity to the station, or correct the message"
    /// No unit of ours.
    UnknownUnit "unknown-unit" "use one of the units of the documentation"
    /// A unit that does not measure the quantity.
    UnitMismatch "unit-mismatch" "send a unit that measures the quantity"
    /// A raw number from before the first calibration.
    NotCalibrated "not-calibrated" "let the first calibration of the sensor begin earlier, or send a value with its unit"
    /// NaN or an infinity.
    NotFinite "not-finite" "look at the instrument and its wiring"
    /// Outside what the instrument can say.
    OutOfRange "out-of-range" "look at the instrument; if it is right, widen the range of the series"
    /// Stamped more than an hour ahead of us.
    Future "future" "set the clock of the station"
    /// Stamped ahead of us by half hours, message after message.
    OtherZone "other-zone" "the station sends the time of another zone: let it send UTC, or the offset of its own"
}

/// A claim that was not admitted, as people see it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Refused {
    /// Why.
    pub reason: Refusal,
    /// The series as written, shortened, without control characters.
    pub series: String,
    /// The number as sent.
    pub value: f64,
    /// The unit as sent, shortened.
    pub unit: Option<String>,
    /// The stamp as sent.
    pub at: Option<Timestamp>,
}

impl Refused {
    pub(super) fn new(reason: Refusal, report: &Report<'_>, claim: &Claim<'_>) -> Self {
        let parts = [report.site, report.station, &claim.sensor, &claim.quantity];
        Self {
            reason,
            series: parts.map(printable).join("/"),
            value: claim.value,
            unit: claim.unit.as_deref().map(printable),
            at: claim.at.or(report.at),
        }
    }
}

/// At most this much of each foreign text is kept.
const PART_CHARS_MAX: usize = 64;

fn printable(text: &str) -> String {
    text.chars().take(PART_CHARS_MAX).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = self.unit.as_deref().unwrap_or("");
        write!(
            f,
            "{} = {} {unit}: {}: {}",
            self.series,
            self.value,
            self.reason.name(),
            self.reason.remedy()
        )
    }
}
