//! Neighbours: a rate that stands only if the next instruments of the chain move, too.
//!
//! In: trusted readings of one node of a chain (say an inclinometer), and as companions those of the nodes around it:
//! slots −1, +1, −2, +2 … positions away, in this order; at an end of the chain the other side stands in. A node's rate
//! counts if a node d positions away has |v| at or above its own |v| / 2^d. Where no neighbour has data it is unknown
//! whether it stands: nothing changes. Out: a [`Transition`]; its value is the node's own slope. Source:
//! docs/formulas.md 3.3 (DYNASLOPE).

use alloc::vec::Vec;

use reading::Timestamp;
use serde::{Deserialize, Serialize};

use super::explain::{Fact, Said};
use super::persistence::{self, Mark};
use super::{Kind, Transition, rate};

/// How far away a neighbour may be, in positions.
pub const WITHIN_MAX: u8 = 4;

/// A rate that neighbours bear out.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// The rate, of the node and of its neighbours.
    pub rate: rate::Settings,
}

/// The windows of the node and of each neighbour.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct State {
    own: rate::State,
    neighbours: Vec<rate::State>,
    persistence: persistence::State,
}

/// What neighbours say of a slope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Word {
    Yes,
    No,
    Unknown,
}

impl State {
    fn word(&self, settings: &Settings, at: Timestamp, slope: f64) -> Word {
        let slopes = self.neighbours.iter().enumerate().filter_map(|(i, neighbour)| {
            let positions = (i / 2 + 1) as f64;
            Some((positions, neighbour.slope(&settings.rate, at)?))
        });
        let mut known = slopes.peekable();
        if known.peek().is_none() {
            return Word::Unknown;
        }
        let bears_out =
            |(positions, other): (f64, f64)| other.abs() >= slope.abs() / libm::exp2(positions);
        if known.any(bears_out) { Word::Yes } else { Word::No }
    }
}

impl Kind for State {
    type Settings = Settings;
    fn take_beside(&mut self, settings: &Settings, slot: u8, at: Timestamp, value: f64) {
        let at_slot = usize::from(slot - 1).min(2 * usize::from(WITHIN_MAX) - 1);
        if self.neighbours.len() <= at_slot {
            self.neighbours.resize(at_slot + 1, rate::State::default());
        }
        self.neighbours[at_slot].push(&settings.rate, at, value);
    }

    fn take_own(&mut self, settings: &Settings, at: Timestamp, value: f64) -> Option<Transition> {
        self.own.push(&settings.rate, at, value);
        let (mark, slope) = self.own.judge(&settings.rate, at);
        let mark = match mark {
            Mark::Beyond => match self.word(settings, at, slope) {
                Word::Yes => Mark::Beyond,
                Word::No => Mark::Within,
                Word::Unknown => Mark::Between,
            },
            mark => mark,
        };
        self.persistence.judge(&settings.rate.persistence, at, mark, slope)
    }

    fn held(&self) -> bool {
        self.persistence.held()
    }

    fn said(settings: &Settings) -> Said {
        Said { key: "evidence-neighbours", ..rate::State::said(&settings.rate) }
    }

    fn facts(&self, settings: &Settings) -> Vec<Fact> {
        const NAMES: [&str; 2 * WITHIN_MAX as usize] = [
            "neighbour-below-1",
            "neighbour-above-1",
            "neighbour-below-2",
            "neighbour-above-2",
            "neighbour-below-3",
            "neighbour-above-3",
            "neighbour-below-4",
            "neighbour-above-4",
        ];
        let mut facts = self.persistence.facts();
        let Some(at) = self.own.newest() else { return facts };
        facts.extend(
            self.own.slope(&settings.rate, at).map(|slope| Fact::number("slope-per-hour", slope)),
        );
        let slopes = NAMES.into_iter().zip(&self.neighbours);
        facts.extend(slopes.filter_map(|(name, neighbour)| {
            Some(Fact::number(name, neighbour.slope(&settings.rate, at)?))
        }));
        facts
    }
}

#[cfg(test)]
mod tests {
    use super::super::MAIN;
    use super::super::Side;
    use super::*;
    use core::time::Duration;

    /// Whether a node that moves 1 an hour is held, beside neighbours at these slopes; `None` has no data.
    fn held(neighbours: &[Option<f64>]) -> bool {
        let settings = Settings {
            rate: rate::Settings {
                estimator: rate::Estimator::LeastSquares,
                window: Duration::from_secs(3 * 3_600),
                side: Side::Magnitude,
                raise_at: 0.5,
                clear_below: 0.4,
                samples_min: 5,
                significance: 4.0,
                short: None,
                persistence: persistence::Settings::IMMEDIATE,
            },
        };
        let mut state = State::default();
        for i in 0..40 {
            let (at, hours) = (Timestamp::from_secs(i * 600), i as f64 / 6.0);
            for (slot, slope) in (1u8..).zip(neighbours) {
                if let Some(slope) = slope {
                    state.observe(&settings, slot, at, slope * hours);
                }
            }
            state.observe(&settings, MAIN, at, hours);
        }
        state.held()
    }

    #[test]
    fn stands_if_a_neighbour_moves_enough_for_its_distance() {
        assert!(held(&[Some(0.0), Some(0.51)]));
        assert!(held(&[Some(-0.51), Some(0.0)]));
        assert!(!held(&[Some(0.0), Some(0.49)]));
        assert!(
            held(&[Some(0.0), Some(0.0), Some(0.26)]),
            "two positions away a quarter is enough"
        );
        assert!(!held(&[Some(0.0), Some(0.0), Some(0.24)]));
    }

    #[test]
    fn without_neighbours_that_speak_nothing_is_known() {
        assert!(!held(&[None, None]));
        assert!(held(&[None, Some(0.6)]));
    }
}
