//! Disagreement: an instrument that says something else than those beside it, by the vote of the median.
//!
//! In: trusted readings of one series, and of at least two others of the same as companions; amounts of rain are summed
//! over a window first. It is suspect while |x − median| is above the larger of an amount and a part of the median.
//! Out: a [`Transition`]; its value is the distance. Source: docs/formulas.md 6.5.

use alloc::vec::Vec;
use core::time::Duration;

use reading::Timestamp;
use serde::{Deserialize, Serialize};

use super::amounts::Sum;
use super::explain::{Fact, Measure, Said};
use super::persistence::{self, Mark};
use super::rate::median;
use super::{Kind, Transition};

/// The most others.
pub const OTHERS_MAX: usize = 15;

/// An instrument apart from the others.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// So far apart nobody wonders (4 σ, own), base units.
    pub apart: f64,
    /// Nor in so large a part of the median (0.1).
    pub share: f64,
    /// Amounts are summed over so long; `None`: readings are compared as they are.
    pub sum_over: Option<Duration>,
    /// A reading older than this has no vote.
    pub stale_after: Duration,
    /// How often and how long.
    pub persistence: persistence::Settings,
}

/// The last word of one instrument.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Voice {
    last: Option<(Timestamp, f64)>,
    sum: Sum,
}

impl Voice {
    fn take(&mut self, settings: &Settings, at: Timestamp, value: f64) {
        self.last = Some((at, value));
        if settings.sum_over.is_some() {
            self.sum.add(at, libm::round(value * 1_000.0) as i64);
        }
    }

    fn says(&mut self, settings: &Settings, at: Timestamp) -> Option<f64> {
        let (then, value) = self.last?;
        let fresh = at.since(then) <= settings.stale_after;
        let value = settings.sum_over.map_or(value, |over| {
            self.sum.forget(at.minus(over));
            self.sum.total()
        });
        fresh.then_some(value)
    }
}

/// What the instrument and the others said last.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct State {
    own: Voice,
    others: Vec<Voice>,
    /// The vote, and the distance from it.
    last: Option<(f64, f64)>,
    persistence: persistence::State,
}

impl State {
    /// The median of all, with the instrument itself; `None` with fewer than two others.
    fn vote(&mut self, settings: &Settings, at: Timestamp, own: f64) -> Option<f64> {
        let mut said: Vec<f64> =
            self.others.iter_mut().filter_map(|voice| voice.says(settings, at)).collect();
        if said.len() < 2 {
            return None;
        }
        said.push(own);
        Some(median(&mut said))
    }
}

impl Kind for State {
    type Settings = Settings;
    fn take_beside(&mut self, settings: &Settings, slot: u8, at: Timestamp, value: f64) {
        let at_slot = usize::from(slot - 1).min(OTHERS_MAX - 1);
        if self.others.len() <= at_slot {
            self.others.resize(at_slot + 1, Voice::default());
        }
        self.others[at_slot].take(settings, at, value);
    }

    fn take_own(&mut self, settings: &Settings, at: Timestamp, value: f64) -> Option<Transition> {
        self.own.take(settings, at, value);
        let own = self.own.says(settings, at)?;
        self.last = self.vote(settings, at, own).map(|vote| (vote, (own - vote).abs()));
        let mark = match self.last {
            None => Mark::Between,
            Some((vote, apart)) if apart > settings.apart.max(settings.share * vote.abs()) => {
                Mark::Beyond
            }
            Some(_) => Mark::Within,
        };
        let value = self.last.map_or(f64::NAN, |(_, apart)| apart);
        self.persistence.judge(&settings.persistence, at, mark, value)
    }

    fn held(&self) -> bool {
        self.persistence.held()
    }

    fn said(settings: &Settings) -> Said {
        Said {
            key: "evidence-disagreement",
            measure: Measure::Base,
            limit: settings.apart,
            window: settings.sum_over,
        }
    }

    fn facts(&self, _settings: &Settings) -> Vec<Fact> {
        let mut facts = self.persistence.facts();
        facts.push(Fact::count(
            "others",
            self.others.iter().filter(|one| one.last.is_some()).count(),
        ));
        if let Some((vote, apart)) = self.last {
            facts.push(Fact::number("median", vote));
            facts.push(Fact::number("apart", apart));
        }
        facts
    }
}

#[cfg(test)]
mod tests {
    use super::super::MAIN;
    use super::*;

    fn settings(sum_over: Option<Duration>, apart: f64, raise_count: u8) -> Settings {
        Settings {
            apart,
            share: 0.1,
            sum_over,
            stale_after: Duration::from_secs(3_600),
            persistence: persistence::Settings {
                raise_count,
                window_len: raise_count,
                ..persistence::Settings::IMMEDIATE
            },
        }
    }

    fn turns(settings: &Settings, rows: &[[f64; 3]]) -> Vec<(usize, bool)> {
        let mut state = State::default();
        let mut turns = Vec::new();
        for (i, [own, one, other]) in rows.iter().enumerate() {
            let at = Timestamp::from_secs(i as i64 * 900);
            state.observe(settings, 1, at, *one);
            state.observe(settings, 2, at, *other);
            let turn = state.observe(settings, MAIN, at, *own);
            turns.extend(turn.map(|turn| (i, turn.held)));
        }
        turns
    }

    #[test]
    fn two_of_three_outvote_the_third_after_three_readings() {
        let rows =
            [[1.0, 1.0, 1.1], [3.0, 1.0, 1.1], [3.0, 1.0, 1.1], [3.0, 1.0, 1.1], [3.0, 3.1, 3.0]];
        assert_eq!(turns(&settings(None, 0.5, 3), &rows), [(3, true), (4, false)]);
        // the one that is right is not suspect
        let right: Vec<_> = rows.iter().map(|[a, b, c]| [*b, *a, *c]).collect();
        assert_eq!(turns(&settings(None, 0.5, 3), &right), []);
    }

    #[test]
    fn a_gauge_that_pours_alone_is_suspect() {
        // MLP on 2015-11-08: 0.19, 0.53, 0.44, 0.07 in within an hour, the others dry (docs/formulas.md 6.5)
        let hour = Some(Duration::from_secs(3_600));
        let inches = [0.0, 0.19, 0.53, 0.44, 0.07, 0.0, 0.0, 0.0, 0.0, 0.0];
        let rows: Vec<_> = inches.iter().map(|inch| [inch * 25.4, 0.0, 0.0]).collect();
        assert_eq!(turns(&settings(hour, 20.0, 1), &rows), [(3, true), (6, false)]);
        // and one that stays dry while the others pour
        let dry: Vec<_> = inches.iter().map(|inch| [0.0, inch * 25.4, inch * 25.4]).collect();
        assert_eq!(turns(&settings(hour, 10.0, 1), &dry)[0], (2, true));
    }

    #[test]
    fn with_one_other_there_is_no_vote() {
        let mut state = State::default();
        for i in 0..10 {
            let at = Timestamp::from_secs(i * 900);
            state.observe(&settings(None, 0.5, 1), 1, at, 0.0);
            assert_eq!(state.observe(&settings(None, 0.5, 1), MAIN, at, 9.0), None);
        }
    }
}
