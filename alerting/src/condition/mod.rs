//! Conditions: pure tests of the recent past of one series. One file per kind.

pub mod persistence;
pub mod threshold;
pub mod rate;
pub mod accumulation;
pub mod silence;

use reading::Timestamp;
use serde::{Deserialize, Serialize};

use persistence::Mark;

/// What a rule tests, with its limits in base units.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ConditionSettings {
    /// A value beyond a limit.
    Threshold(threshold::Settings),
    /// A slope beyond a limit, significant against its own scatter.
    Rate(rate::Settings),
    /// A running sum beyond a limit.
    Accumulation(accumulation::Settings),
    /// Nothing heard for too long.
    Silence(silence::Settings),
}

/// What one condition remembers of one series.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum ConditionState {
    /// Of a threshold.
    Threshold(threshold::State),
    /// Of a rate.
    Rate(rate::State),
    /// Of an accumulation.
    Accumulation(accumulation::State),
    /// Silence remembers nothing: it is a deadline of the engine.
    Silence,
}

/// A condition began or ceased to hold.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Transition {
    /// Whether it holds from now on.
    pub held: bool,
    /// The event time of the reading that decided.
    pub at: Timestamp,
    /// The number that was compared with the limit: a value, a slope an hour, a sum.
    pub value: f64,
}

impl ConditionSettings {
    /// A condition of this kind that has seen nothing.
    pub fn fresh(&self) -> ConditionState {
        match self {
            Self::Threshold(_) => ConditionState::Threshold(threshold::State::default()),
            Self::Rate(_) => ConditionState::Rate(rate::State::default()),
            Self::Accumulation(_) => ConditionState::Accumulation(accumulation::State::default()),
            Self::Silence(_) => ConditionState::Silence,
        }
    }

    /// Its name in configuration and explanations.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Threshold(_) => "threshold",
            Self::Rate(_) => "rate",
            Self::Accumulation(_) => "accumulation",
            Self::Silence(_) => "silence",
        }
    }
}

impl ConditionState {
    /// Takes one trusted reading in event order. A state of another kind than the settings sees nothing.
    pub fn observe(
        &mut self,
        settings: &ConditionSettings,
        at: Timestamp,
        value: f64,
    ) -> Option<Transition> {
        match (self, settings) {
            (Self::Threshold(state), ConditionSettings::Threshold(settings)) => {
                state.observe(settings, at, value)
            }
            (Self::Rate(state), ConditionSettings::Rate(settings)) => {
                state.observe(settings, at, value)
            }
            (Self::Accumulation(state), ConditionSettings::Accumulation(settings)) => {
                state.observe(settings, at, value)
            }
            _ => None,
        }
    }

    /// Whether the condition holds.
    pub fn held(&self) -> bool {
        match self {
            Self::Threshold(state) => state.held(),
            Self::Rate(state) => state.held(),
            Self::Accumulation(state) => state.held(),
            Self::Silence => false,
        }
    }
}

/// On which side of a limit danger lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Side {
    /// At or above it.
    Above,
    /// At or below it.
    Below,
    /// At or above it in size, whatever the sign.
    Magnitude,
}

impl Side {
    /// Where a number lies between its limits. Equality is beyond; NaN is neither.
    pub fn mark(self, value: f64, raise_at: f64, clear_below: f64) -> Mark {
        let (height, raise, clear) = match self {
            Self::Above => (value, raise_at, clear_below),
            Self::Below => (-value, -raise_at, -clear_below),
            Self::Magnitude => (value.abs(), raise_at, clear_below),
        };
        if height >= raise {
            Mark::Beyond
        } else if height < clear {
            Mark::Within
        } else {
            Mark::Between
        }
    }
}
