//! Anchor load in both directions: too much of the design load, or too little of the lock-off load.
//!
//! In: trusted forces of one load cell. Out: a [`Transition`]; its value is the load in percent of the design load.
//! Source: docs/formulas.md 8.6 (KCS 11 10 15:2025): 80, 100, 120 % of the design load; below 80 % of the lock-off load
//! for 관심.

use alloc::vec::Vec;

use reading::Timestamp;
use serde::{Deserialize, Serialize};

use super::explain::{Fact, Measure, Said};
use super::limit::Limit;
use super::persistence::{self, Mark};
use super::{Kind, Transition};

/// An anchor that is loaded too much or too little.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// The design load, kN.
    pub design: f64,
    /// The load at lock-off, kN, and the percentage of it at or below which the anchor has slackened.
    pub slack: Option<(f64, f64)>,
    /// On the load in percent of the design load.
    pub limit: Limit,
}

/// The last load.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct State {
    load: f64,
    persistence: persistence::State,
}

/// By so many percent of the lock-off load an anchor has to recover until it counts as taut again.
const RECOVERED: f64 = 2.0;

impl Settings {
    fn mark(&self, load: f64) -> Mark {
        let loaded = self.limit.mark(100.0 * load / self.design);
        let slack =
            self.slack.map_or(Mark::Within, |(lock_off, percent)| match 100.0 * load / lock_off {
                left if left <= percent => Mark::Beyond,
                left if left > percent + RECOVERED => Mark::Within,
                _ => Mark::Between,
            });
        match (loaded, slack) {
            (Mark::Beyond, _) | (_, Mark::Beyond) => Mark::Beyond,
            (Mark::Within, Mark::Within) => Mark::Within,
            _ => Mark::Between,
        }
    }
}

impl Kind for State {
    type Settings = Settings;

    fn take_own(&mut self, settings: &Settings, at: Timestamp, value: f64) -> Option<Transition> {
        self.load = value;
        let mark = settings.mark(value);
        let value = 100.0 * value / settings.design;
        self.persistence.judge(&settings.limit.persistence, at, mark, value)
    }

    fn held(&self) -> bool {
        self.persistence.held()
    }

    fn said(settings: &Settings) -> Said {
        Said {
            key: "evidence-anchor-load",
            measure: Measure::Own("%"),
            limit: settings.limit.raise_at,
            window: None,
        }
    }

    fn facts(&self, settings: &Settings) -> Vec<Fact> {
        let mut facts = self.persistence.facts();
        facts.push(Fact::number("load-kn", self.load));
        facts.push(Fact::number("percent-of-design", 100.0 * self.load / settings.design));
        let of_lock_off =
            |(lock_off, _)| Fact::number("percent-of-lock-off", 100.0 * self.load / lock_off);
        facts.extend(settings.slack.map(of_lock_off));
        facts
    }
}

#[cfg(test)]
mod tests {
    use super::super::MAIN;
    use super::*;

    #[test]
    fn too_much_and_too_little_both_count() {
        let settings = Settings {
            design: 400.0,
            slack: Some((300.0, 80.0)),
            limit: Limit { clear_below: 90.0, ..Limit::above(100.0) },
        };
        let mut state = State::default();
        let rows = [
            (300.0, None),
            (399.0, None),
            (400.0, Some(true)),
            (370.0, None),
            (350.0, Some(false)),
            (241.0, None),
            (240.0, Some(true)),
            (245.0, None),
            (247.0, Some(false)),
        ];
        for (i, (load, expected)) in rows.into_iter().enumerate() {
            let at = Timestamp::from_secs(i as i64 * 1_800);
            let turn = state.observe(&settings, MAIN, at, load).map(|turn| turn.held);
            assert_eq!(turn, expected, "{load} kN");
        }
    }
}
