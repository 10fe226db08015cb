//! Accumulation: the running sum of amounts, such as rain, over a window.
//!
//! Amounts are kept as whole thousandths of the base unit, so that what is added is subtracted again to the
//! last digit: a gauge that tips 0.254 mm counts 254. Source: domain.md 3.4.1.

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::time::Duration;

use reading::Timestamp;
use serde::{Deserialize, Serialize};

use super::explain::{Fact, Measure, Said};
use super::persistence;
use super::{Kind, MAIN, Side, Transition};

/// The most amounts kept apart; beyond, the two oldest count as one at the later stamp, which errs on the
/// side of more rain.
pub const AMOUNTS_MAX: usize = 4_096;

/// Running sum of amounts over a window.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// How far back amounts count: a reading at `t` covers what was measured after `t - window`, up to `t`.
    pub window: Duration,
    /// A sum at or above this, in the base unit, counts towards raising.
    pub raise_at: f64,
    /// A sum below this counts towards clearing; not above `raise_at`.
    pub clear_below: f64,
    /// How often and how long.
    pub persistence: persistence::Settings,
}

/// The amounts within the window; dry readings take no place.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct State {
    amounts: VecDeque<(Timestamp, i64)>,
    sum: i64,
    persistence: persistence::State,
}

impl Kind for State {
    type Settings = Settings;

    // `value` of the transition is the sum
    fn observe(
        &mut self,
        settings: &Settings,
        slot: u8,
        at: Timestamp,
        value: f64,
    ) -> Option<Transition> {
        if slot != MAIN {
            return None;
        }
        self.add(at, libm::round(value * 1_000.0) as i64);
        let from = at.minus(settings.window);
        while let Some((_, amount)) = self.amounts.pop_front_if(|(t, _)| *t <= from) {
            self.sum -= amount;
        }
        let sum = self.sum as f64 / 1_000.0;
        let mark = Side::Above.mark(sum, settings.raise_at, settings.clear_below);
        let turned = self.persistence.observe(&settings.persistence, at, mark)?;
        Some(Transition { held: turned, at, value: sum })
    }

    fn held(&self) -> bool {
        self.persistence.held()
    }

    fn said(settings: &Settings) -> Said {
        Said {
            key: "evidence-accumulation",
            measure: Measure::Base,
            limit: settings.raise_at,
            window: Some(settings.window),
        }
    }

    fn facts(&self, _settings: &Settings) -> Vec<Fact> {
        let mut facts = self.persistence.facts();
        facts.push(Fact::number("sum", self.sum as f64 / 1_000.0));
        facts.push(Fact::count("amounts", self.amounts.len()));
        facts
    }
}

impl State {
    fn add(&mut self, at: Timestamp, amount: i64) {
        if amount <= 0 {
            return; // negative rain is no rain
        }
        self.sum = self.sum.saturating_add(amount);
        self.amounts.push_back((at, amount));
        if self.amounts.len() > AMOUNTS_MAX
            && let Some((_, oldest)) = self.amounts.pop_front()
            && let Some(next) = self.amounts.front_mut()
        {
            next.1 = next.1.saturating_add(oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(hours: u64, raise_at: f64) -> Settings {
        Settings {
            window: Duration::from_secs(hours * 3_600),
            raise_at,
            clear_below: raise_at,
            persistence: persistence::Settings::IMMEDIATE,
        }
    }

    #[test]
    fn a_year_of_tips_leaves_nothing_behind() {
        let mut state = State::default();
        let limits = settings(3, 1e9);
        for i in 0..35_040i64 {
            state.observe(&limits, MAIN, Timestamp::from_secs(i * 900), 0.254);
            assert!(state.sum <= 12 * 254, "{}", state.sum);
        }
        state.observe(&limits, MAIN, Timestamp::from_secs(35_040 * 900 + 10_800), 0.0);
        assert_eq!((state.sum, state.amounts.len()), (0, 0));
    }

    #[test]
    fn raises_when_the_sum_of_the_window_is_reached() {
        // typhoon scenario of domain.md 6.2 S2: 3-hour sums 45 at hour 13, 63 at 15, 95 at 17
        let rain = [2, 4, 6, 8, 10, 12, 15, 18, 20, 25, 30, 40, 50];
        let mut state = State::default();
        let raised = rain.iter().enumerate().find_map(|(i, mm)| {
            let hour = 6 + i as i64;
            let at = Timestamp::from_secs(hour * 3_600);
            state.observe(&settings(3, 90.0), MAIN, at, f64::from(*mm)).map(|t| (hour, t.value))
        });
        assert_eq!(raised, Some((17, 95.0)));
    }

    #[test]
    fn too_many_amounts_err_on_the_side_of_rain() {
        let mut state = State::default();
        let limits = settings(24 * 365, 1e9);
        for i in 0..10_000 {
            state.observe(&limits, MAIN, Timestamp::from_secs(i), 0.2);
        }
        assert_eq!(state.sum, 10_000 * 200);
        assert_eq!(state.amounts.len(), AMOUNTS_MAX);
    }
}
