//! Time of failure (붕괴예상시각) from accelerating movement, and when not to trust it.
//!
//! In: trusted displacements of one series, in event order; as companion the rain that may drive them. Out: a
//! [`Transition`] when a forecast that passes every gate says that the end, at the latest, is nearer than a limit; its
//! value is the time left, in hours. It ceases when the forecast is withdrawn. A forecast never lowers a level and is
//! never told to the public as a clock time. Sources: docs/formulas.md 4.2 and 4.3.

pub mod line;
pub mod forecast;
mod forecaster;

use alloc::vec::Vec;
use core::time::Duration;

use reading::Timestamp;
use serde::{Deserialize, Serialize};

use super::explain::{Fact, Measure, Said};
use super::persistence::{self, Mark};
use super::velocity;
use super::{Kind, Transition};
pub use forecaster::{Forecaster, Gates, Judged};

/// A forecast that no longer passes its gates is withdrawn after so long.
const WITHDRAWN_AFTER: Duration = Duration::from_secs(6 * 3_600);

/// When to forecast, and when to believe it. The defaults are those of docs/formulas.md 4.3.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// How velocities are made.
    pub velocity: velocity::Settings,
    /// A displacement that is the end, beside the asymptote; the earlier end counts.
    pub limit: Option<f64>,
    /// Fewer velocities say nothing.
    pub samples_min: u8,
    /// How much of the variance a line to the asymptote has to explain.
    pub explained_min: f64,
    /// How many of its standard errors the line's slope has to be, for the asymptote.
    pub significance: f64,
    /// How much faster than before the onset it has to be.
    pub speedup: f64,
    /// How far it has to have moved since the onset.
    pub moved_min: f64,
    /// By how much of the time left the last forecasts may differ.
    pub stable_within: f64,
    /// How wide the interval may be, in parts of the time left.
    pub width_max: f64,
    /// Holds while the end, at the latest, is nearer than this.
    pub raise_within: Duration,
    /// The nearest end that a steeper last phase would give, in parts of the time left, to show beside it.
    pub pessimistic: f64,
    /// How often and how long.
    pub persistence: persistence::Settings,
}

/// The forecaster of one series and what it was last believed to say.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct State {
    forecaster: Forecaster,
    believed_at: Option<Timestamp>,
    persistence: persistence::State,
}

impl State {
    /// What is forecast at present, if it is to be believed.
    pub fn believed(&self) -> Option<forecast::Forecast> {
        let judged = self.forecaster.last().filter(|judged| judged.gates.passed());
        judged.map(|judged| judged.forecast)
    }

    fn mark(&mut self, settings: &Settings, at: Timestamp) -> (Mark, f64) {
        let judged = self.forecaster.last().copied();
        let believed = judged.filter(|judged| judged.gates.passed());
        if let Some((_, latest)) = believed.and_then(|judged| judged.forecast.interval) {
            self.believed_at = Some(at);
            let left = believed.map_or(f64::NAN, |judged| hours(judged.forecast.remaining(at)));
            let near = latest.since(at) < settings.raise_within;
            return (if near { Mark::Beyond } else { Mark::Between }, left);
        }
        let kept = self.believed_at.is_some_and(|last| at.since(last) < WITHDRAWN_AFTER);
        (if kept && judged.is_some() { Mark::Between } else { Mark::Within }, f64::NAN)
    }
}

impl Kind for State {
    type Settings = Settings;
    fn take_beside(&mut self, _settings: &Settings, _slot: u8, at: Timestamp, value: f64) {
        self.forecaster.take_trigger(at, value);
    }

    fn take_own(&mut self, settings: &Settings, at: Timestamp, value: f64) -> Option<Transition> {
        self.forecaster.take(settings, at, value);
        let (mark, left) = self.mark(settings, at);
        self.persistence.judge(&settings.persistence, at, mark, left)
    }

    fn held(&self) -> bool {
        self.persistence.held()
    }

    fn said(settings: &Settings) -> Said {
        Said {
            key: "evidence-failure-time",
            measure: Measure::Own("h"),
            limit: hours(settings.raise_within),
            window: None,
        }
    }

    fn facts(&self, settings: &Settings) -> Vec<Fact> {
        let mut facts = self.persistence.facts();
        facts.extend(self.forecaster.facts());
        if let Some(judged) = self.forecaster.last() {
            facts.extend(facts_of(settings, judged));
        }
        facts
    }
}

fn facts_of(settings: &Settings, judged: &Judged) -> Vec<Fact> {
    let Judged { forecast, gates, to_limit } = judged;
    let left = forecast.remaining(forecast.made_at);
    let pessimistic = forecast.made_at.plus(left.mul_f64(settings.pessimistic));
    let mut facts = Vec::from([
        Fact::moment("made-at", forecast.made_at),
        Fact::moment("forecast", forecast.at),
        Fact::moment("pessimistic", pessimistic),
        Fact::flag("to-limit", *to_limit),
        Fact::count("samples-used", forecast.samples),
        Fact::number("explained", forecast.explained),
        Fact::number("significance", forecast.significance),
        Fact::number("fit-slope", forecast.slope),
        Fact::number("fit-intercept", forecast.intercept),
        Fact::flag("gate-fitted", gates.fitted),
        Fact::flag("gate-moving", gates.moving),
        Fact::flag("gate-stable", gates.stable),
        Fact::flag("gate-useful", gates.useful),
        Fact::flag("gate-driven", gates.driven),
    ]);
    facts.extend(forecast.origin.map(|origin| Fact::moment("fit-origin", origin)));
    let interval = forecast.between().into_iter();
    facts.extend(
        interval
            .flat_map(|(low, high)| [Fact::moment("earliest", low), Fact::moment("latest", high)]),
    );
    facts
}

fn hours(duration: Duration) -> f64 {
    duration.as_secs_f64() / 3_600.0
}

#[cfg(test)]
mod tests;
