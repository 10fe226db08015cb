//! Doubt: readings that were not confirmed, or of an instrument that is not all right.
//!
//! It starts from what admission found, not from the value, which nobody can trust: it may be the first sign of a
//! failure, or of a broken instrument, and a person has to look either way. It holds until enough readings without such
//! a flag have come, so that a restless instrument is told once.

use alloc::vec::Vec;

use reading::{Quality, Timestamp};
use serde::{Deserialize, Serialize};

use super::explain::{Fact, Measure, Said};
use super::{Kind, Transition};

/// When a series is in doubt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// From a reading with any of these flags …
    pub flags: Quality,
    /// … until so many in a row without one (docs/formulas.md 6.7: 12).
    pub clean: u16,
}

/// How many clean readings came since the last doubtful one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    clean: u16,
}

impl State {
    /// A doubtful reading came.
    pub fn doubt(&mut self) {
        self.clean = 0;
    }

    /// A clean reading came; whether it was the last it takes.
    pub fn believe(&mut self, settings: &Settings) -> bool {
        self.clean = self.clean.saturating_add(1);
        self.clean >= settings.clean
    }
}

impl Kind for State {
    type Settings = Settings;

    fn take_own(&mut self, _: &Settings, _: Timestamp, _: f64) -> Option<Transition> {
        None
    }

    fn held(&self) -> bool {
        false
    }

    fn said(settings: &Settings) -> Said {
        let alarming = settings.flags.has_any(Quality::ALARMING);
        let key = if alarming { "evidence-unconfirmed" } else { "evidence-instrument" };
        Said { key, measure: Measure::Base, limit: 0.0, window: None }
    }

    fn facts(&self, settings: &Settings) -> Vec<Fact> {
        alloc::vec![
            Fact::count("clean", usize::from(self.clean)),
            Fact::count("clean-needed", usize::from(settings.clean)),
        ]
    }
}
