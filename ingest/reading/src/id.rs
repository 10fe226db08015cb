//! Identifiers: lower-case ASCII letters, digits and `-`, up to 64 characters, so that they fit a topic
//! level, a file name, a URL part and a CAP identifier unescaped.

use alloc::string::String;
use alloc::sync::Arc;
use core::fmt;
use core::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::unit::Quantity;

/// The longest identifier.
pub const ID_LEN_MAX: usize = 64;

/// A text that is not an identifier.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not an identifier: use 1 to 64 lower-case letters a-z, digits and `-`")]
pub struct NotAnId {
    /// What stood there, shortened.
    pub text: String,
}

/// Whether `text` may be an identifier.
pub fn is_id(text: &str) -> bool {
    (1..=ID_LEN_MAX).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

// Eight bytes each: a million series have four million of them, nearly all alike and shared (see `Registry::share`).
macro_rules! identifiers {
    ($($(#[$doc:meta])* $name:ident)*) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<String>);

        impl $name {
            /// Checks and takes a text.
            ///
            /// # Errors
            /// [`NotAnId`].
            pub fn new(text: &str) -> Result<Self, NotAnId> {
                if is_id(text) { Ok(Self(Arc::new(text.into()))) } else { Err(NotAnId { text: text.chars().take(80).collect() }) }
            }

            /// The identifier as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = NotAnId;
            fn from_str(text: &str) -> Result<Self, NotAnId> {
                Self::new(text)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                Self::new(&text).map_err(serde::de::Error::custom)
            }
        }
    )*};
}

identifiers! {
    /// A slope or facility (지구·시설물).
    SiteId
    /// The instrument box at a site.
    StationId
    /// One instrument of a station.
    SensorId
    /// A rule of a site.
    RuleId
    /// A configured way out.
    ChannelId
    /// Channels that people release together.
    GroupId
    /// Who is called one after the other.
    LadderId
    /// Who is on duty when.
    RotaId
}

/// The full name of a series: `site/station/sensor/quantity`, always four parts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SeriesName {
    /// Where.
    pub site: SiteId,
    /// Which box.
    pub station: StationId,
    /// Which instrument.
    pub sensor: SensorId,
    /// What it measures.
    pub quantity: Quantity,
}

/// A text that is not a series name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is not a series: write site/station/sensor/quantity (say cut-12/box-1/tilt-1/tilt-x)"
)]
pub struct NotASeries {
    /// What stood there, shortened.
    pub text: String,
}

impl FromStr for SeriesName {
    type Err = NotASeries;
    fn from_str(text: &str) -> Result<Self, NotASeries> {
        let refused = || NotASeries { text: text.chars().take(280).collect() };
        let mut parts = text.split('/');
        let mut part = || parts.next().ok_or_else(refused);
        let (site, station, sensor, quantity) = (part()?, part()?, part()?, part()?);
        if parts.next().is_some() {
            return Err(refused());
        }
        Ok(Self {
            site: site.parse().map_err(|_| refused())?,
            station: station.parse().map_err(|_| refused())?,
            sensor: sensor.parse().map_err(|_| refused())?,
            quantity: Quantity::parse(quantity).ok_or_else(refused)?,
        })
    }
}

impl fmt::Display for SeriesName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}/{}", self.site, self.station, self.sensor, self.quantity.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn identifiers_fit_every_place_they_go() {
        for good in ["a", "cut-12", "0", &"x".repeat(64)] {
            assert!(SiteId::new(good).is_ok(), "{good}");
        }
        for bad in ["", "A", "a b", "a/b", "급경사지", "a_b", "a.b", "a+", &"x".repeat(65)] {
            assert!(SiteId::new(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn series_names_have_four_parts() {
        let name: SeriesName = "cut-12/box-1/tilt-1/tilt-x".parse().unwrap();
        assert_eq!(name.to_string(), "cut-12/box-1/tilt-1/tilt-x");
        for bad in ["a/b/c", "a/b/c/tilt-x/d", "a/b/c/warp", "A/b/c/tilt-x", ""] {
            assert!(bad.parse::<SeriesName>().is_err(), "{bad}");
        }
    }
}
