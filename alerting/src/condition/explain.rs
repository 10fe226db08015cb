//! What a condition says of itself: the numbers behind a decision, and how a sentence about it is filled.

use alloc::borrow::Cow;
use core::time::Duration;

use reading::Timestamp;
use serde::{Deserialize, Serialize};

/// One thing a condition knows about how it decided.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fact {
    /// Its name: lower-case words joined by `-`, the same in every language.
    pub name: Cow<'static, str>,
    /// What it is.
    pub value: Amount,
}

/// What a [`Fact`] says.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Amount {
    /// A number; its unit follows from its name and the series.
    Number(f64),
    /// How many.
    Count(u64),
    /// When.
    Moment(Timestamp),
    /// Whether.
    Flag(bool),
}

impl Fact {
    /// A number.
    pub const fn number(name: &'static str, value: f64) -> Self {
        Self { name: Cow::Borrowed(name), value: Amount::Number(value) }
    }

    /// How many.
    pub const fn count(name: &'static str, value: usize) -> Self {
        Self { name: Cow::Borrowed(name), value: Amount::Count(value as u64) }
    }

    /// When.
    pub const fn moment(name: &'static str, value: Timestamp) -> Self {
        Self { name: Cow::Borrowed(name), value: Amount::Moment(value) }
    }

    /// Whether.
    pub const fn flag(name: &'static str, value: bool) -> Self {
        Self { name: Cow::Borrowed(name), value: Amount::Flag(value) }
    }
}

/// The unit of the number a condition compares with its limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// The base unit of the series.
    Base,
    /// The base unit of the series, an hour.
    BasePerHour,
    /// A unit of its own, whatever the series is in; empty for a bare number.
    Own(&'static str),
}

/// How one says what a condition compares with what.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Said {
    /// The sentence in the catalogue: place, quantity, value, unit, limit, window.
    pub key: &'static str,
    /// In which unit value and limit are.
    pub measure: Measure,
    /// What the value is compared with.
    pub limit: f64,
    /// How far back it looks, if it does.
    pub window: Option<Duration>,
}
