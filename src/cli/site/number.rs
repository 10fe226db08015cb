//! Numbers that come back from JSON as they went in.

use std::fmt;

use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A number that is written so that it is read as the same one, to the last bit: as a JSON number where the reader
/// gives it back, which it does with up to some fifteen digits, else as text.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Exact(pub f64);

impl fmt::Display for Exact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0) // the shortest text that is this number
    }
}

impl Serialize for Exact {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let text = self.to_string();
        let is_read_back = serde_json::from_str(&text).is_ok_and(|read: f64| read == self.0);
        if is_read_back {
            serializer.serialize_f64(self.0)
        } else {
            serializer.serialize_str(&text)
        }
    }
}

impl<'de> Deserialize<'de> for Exact {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Number)
    }
}

struct Number;

impl Visitor<'_> for Number {
    type Value = Exact;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number")
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Exact, E> {
        Ok(Exact(value))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Exact, E> {
        Ok(Exact(value as f64))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Exact, E> {
        Ok(Exact(value as f64))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Exact, E> {
        let read = text.parse().ok().filter(|number: &f64| number.is_finite());
        read.map(Exact).ok_or_else(|| E::custom(format!("`{text}` is not a number")))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_number_comes_back(number in prop::num::f64::NORMAL | prop::num::f64::ZERO) {
            let text = serde_json::to_string(&Exact(number)).unwrap();
            prop_assert_eq!(serde_json::from_str::<Exact>(&text).unwrap(), Exact(number));
        }
    }

    #[test]
    fn what_people_write_stays_a_number() {
        for (number, text) in [(37.5121, "37.5121"), (-0.5, "-0.5"), (300.0, "300.0")] {
            assert_eq!(serde_json::to_string(&Exact(number)).unwrap(), text);
        }
        assert_eq!(serde_json::from_str::<Exact>("12").unwrap(), Exact(12.0));
        assert!(serde_json::from_str::<Exact>("\"12 mm\"").is_err());
    }
}
