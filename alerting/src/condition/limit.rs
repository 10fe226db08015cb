//! A limit with persistence: how most kinds judge the one number they make of what they see.

use reading::Timestamp;
use serde::{Deserialize, Serialize};

use super::persistence::{self, Mark};
use super::{Side, Transition};

/// From where a number counts, from where it ends, how often and how long.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Limit {
    /// On which side danger lies.
    pub side: Side,
    /// At or beyond this counts towards raising.
    pub raise_at: f64,
    /// Short of this counts towards clearing; not beyond `raise_at`.
    pub clear_below: f64,
    /// How often and how long.
    pub persistence: persistence::Settings,
}

impl Limit {
    /// Danger above a value, one reading raises and one clears: for tests.
    pub const fn above(raise_at: f64) -> Self {
        Self {
            side: Side::Above,
            raise_at,
            clear_below: raise_at,
            persistence: persistence::Settings::IMMEDIATE,
        }
    }

    /// Where a number lies.
    pub fn mark(&self, value: f64) -> Mark {
        self.side.mark(value, self.raise_at, self.clear_below)
    }

    /// Judges a number; without one, nothing is said, but time has passed.
    pub fn judge(
        &self,
        state: &mut persistence::State,
        at: Timestamp,
        value: Option<f64>,
    ) -> Option<Transition> {
        let mark = value.map_or(Mark::Between, |value| self.mark(value));
        state.judge(&self.persistence, at, mark, value.unwrap_or(f64::NAN))
    }
}
