//! Natural frequency: how far a structure's own frequency has fallen below its reference.
//!
//! In: either frequencies that a logger has worked out, or samples at a fixed rate, of which this makes frequencies
//! itself (Welch: Hann blocks that overlap by half, averaged; the peak near the reference, refined by a parabola); as
//! companion a temperature, without which the weather is in it. Out: a [`Transition`]; its value is the drop in
//! percent. Source: docs/formulas.md 8.2, vector H1.

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::time::Duration;

use reading::Timestamp;
use serde::{Deserialize, Serialize};

use super::compensation::{self, Compensation};
use super::explain::{Fact, Measure, Said};
use super::limit::Limit;
use super::persistence::{self, Mark};
use super::{Kind, Transition, fft};

/// The longest block.
pub const BLOCK_MAX: u16 = 8_192;

/// How samples become frequencies.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Welch {
    /// Samples a second.
    pub rate: f64,
    /// Samples of a block: a power of two, at most [`BLOCK_MAX`].
    pub block: u16,
    /// So many blocks make one frequency.
    pub averages: u16,
}

/// A fall of the natural frequency.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// How samples become frequencies; `None`: readings are frequencies.
    pub welch: Option<Welch>,
    /// The frequency of the structure as it was, hertz.
    pub reference: f64,
    /// The mode is looked for within this part of the reference.
    pub within: f64,
    /// The temperature's part, if there is a thermometer.
    pub compensation: Option<compensation::Settings>,
    /// On the drop, percent.
    pub limit: Limit,
}

/// The spectrum that is being averaged, and what it has come to.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct State {
    samples: VecDeque<f64>,
    last: Option<Timestamp>,
    spectrum: Vec<f64>,
    blocks: u16,
    frequency: f64,
    drop: f64,
    compensation: Compensation,
    persistence: persistence::State,
}

impl Welch {
    /// The bins about the reference, with a neighbour on each side.
    fn bins(&self, reference: f64, within: f64) -> (usize, usize) {
        let bin = |hertz: f64| hertz * f64::from(self.block) / self.rate;
        let low = libm::floor(bin(reference * (1.0 - within))) as usize;
        let high = libm::ceil(bin(reference * (1.0 + within))) as usize;
        let last = usize::from(self.block) / 2 - 1;
        (low.clamp(1, last), high.clamp(1, last))
    }
}

impl State {
    /// Takes a sample; gives a frequency when enough blocks are full.
    fn sample(
        &mut self,
        settings: &Settings,
        welch: &Welch,
        at: Timestamp,
        value: f64,
    ) -> Option<f64> {
        let last = self.last.replace(at);
        if last == Some(at) {
            return None; // a second value for one moment is no sample of the next
        }
        if last.is_some_and(|last| at.since(last).as_secs_f64() * welch.rate > 1.5) {
            self.samples.clear(); // a block is of one piece
        }
        self.samples.push_back(value);
        let length = usize::from(welch.block);
        if self.samples.len() < length {
            return None;
        }
        self.add_block(settings, welch);
        self.samples.drain(..length / 2);
        if self.blocks < welch.averages {
            return None;
        }
        let found = self.peak(settings, welch);
        self.spectrum.clear();
        self.blocks = 0;
        found
    }

    fn add_block(&mut self, settings: &Settings, welch: &Welch) {
        let n = self.samples.len();
        let mean = self.samples.iter().sum::<f64>() / n as f64;
        let block: Vec<f64> = self
            .samples
            .iter()
            .enumerate()
            .map(|(i, value)| (value - mean) * fft::hann(i, n))
            .collect();
        let power = fft::power(&block);
        let (low, high) = welch.bins(settings.reference, settings.within);
        self.spectrum.resize(high - low + 3, 0.0);
        for (sum, power) in self.spectrum.iter_mut().zip(&power[low - 1..=high + 1]) {
            *sum += power;
        }
        self.blocks += 1;
    }

    /// The highest bin, refined; at an edge of the search there is no peak.
    fn peak(&self, settings: &Settings, welch: &Welch) -> Option<f64> {
        let inner = 1..self.spectrum.len() - 1;
        let at = inner.max_by(|a, b| self.spectrum[*a].total_cmp(&self.spectrum[*b]))?;
        let magnitude = |at: usize| libm::sqrt(self.spectrum[at]);
        let is_peak = magnitude(at) > magnitude(at - 1) && magnitude(at) > magnitude(at + 1);
        let (low, _) = welch.bins(settings.reference, settings.within);
        let bin = (low - 1 + at) as f64
            + fft::parabola(magnitude(at - 1), magnitude(at), magnitude(at + 1));
        is_peak.then(|| bin * welch.rate / f64::from(welch.block))
    }

    fn judge(&mut self, settings: &Settings, at: Timestamp, frequency: f64) -> Option<Transition> {
        let searched = (frequency / settings.reference - 1.0).abs() <= settings.within;
        self.frequency = frequency;
        let percent = |departure: f64| -100.0 * departure / settings.reference;
        let drop = match &settings.compensation {
            _ if !searched => None,
            None => Some(percent(frequency - settings.reference)),
            Some(compensation) => {
                self.compensation.residual(compensation, at, frequency).map(percent)
            }
        };
        self.drop = drop.unwrap_or(f64::NAN);
        let quiet = drop.is_none_or(|drop| settings.limit.mark(drop) != Mark::Beyond);
        let turn = settings.limit.judge(&mut self.persistence, at, drop);
        if let Some(compensation) = settings.compensation.as_ref().filter(|_| searched) {
            let may = quiet && !self.persistence.held();
            self.compensation.learn(compensation, at, frequency, may);
        }
        turn
    }
}

impl Kind for State {
    type Settings = Settings;
    fn take_beside(&mut self, _settings: &Settings, _slot: u8, at: Timestamp, value: f64) {
        self.compensation.take(at, value);
    }

    fn take_own(&mut self, settings: &Settings, at: Timestamp, value: f64) -> Option<Transition> {
        let frequency = match &settings.welch {
            None => Some(value),
            Some(welch) => self.sample(settings, welch, at, value),
        };
        self.judge(settings, at, frequency?)
    }

    fn held(&self) -> bool {
        self.persistence.held()
    }

    fn said(settings: &Settings) -> Said {
        Said {
            key: "evidence-natural-frequency",
            measure: Measure::Own("%"),
            limit: settings.limit.raise_at,
            window: None,
        }
    }

    fn facts(&self, settings: &Settings) -> Vec<Fact> {
        let mut facts = self.persistence.facts();
        facts.push(Fact::number("frequency-hz", self.frequency));
        facts.push(Fact::number("drop-percent", self.drop));
        if settings.welch.is_some() {
            facts.push(Fact::count("blocks", usize::from(self.blocks)));
        }
        if settings.compensation.is_some() {
            facts.extend(self.compensation.facts());
        }
        facts
    }
}

/// How long it takes until samples make a frequency.
pub fn takes(welch: &Welch) -> Duration {
    let blocks = f64::from(welch.averages.max(1)) + 1.0;
    Duration::from_secs_f64(blocks * f64::from(welch.block) / 2.0 / welch.rate)
}

#[cfg(test)]
mod tests {
    use super::super::MAIN;
    use super::*;
    use core::f64::consts::TAU;

    const WELCH: Welch = Welch { rate: 100.0, block: 1_024, averages: 8 };

    fn settings(welch: Option<Welch>) -> Settings {
        Settings {
            welch,
            reference: 3.2,
            within: 0.15,
            compensation: None,
            limit: Limit::above(3.0),
        }
    }

    /// What the frequencies come to, with noise as large as the sine.
    fn frequencies(hertz: f64, gap_at: Option<usize>) -> Vec<f64> {
        let mut state = State::default();
        let (mut seed, mut out) = (9u32, Vec::new());
        for i in 0..12_000usize {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let noise = f64::from(seed) / f64::from(u32::MAX) - 0.5;
            let late = gap_at.map_or(0, |gap| if i >= gap { 50_000_000 } else { 0 });
            let at = Timestamp::from_nanos(i as i64 * 10_000_000 + late);
            let value = 5.0 + 0.5 * libm::sin(TAU * hertz * i as f64 / 100.0) + noise;
            out.extend(state.sample(&settings(Some(WELCH)), &WELCH, at, value));
        }
        out
    }

    #[test]
    fn blocks_find_a_mode_in_noise_to_a_few_millihertz() {
        for hertz in [2.9, 3.217, 3.4] {
            let found = frequencies(hertz, None);
            assert_eq!(found.len(), 2);
            assert!(found.iter().all(|found| (found - hertz).abs() < 0.01), "{hertz}: {found:?}");
        }
    }

    #[test]
    fn a_mode_outside_the_search_is_none_and_a_gap_begins_a_block_anew() {
        assert!(frequencies(5.0, None).len() <= 2);
        assert_eq!(frequencies(3.2, Some(11_000)).len(), 2);
    }

    #[test]
    fn takes_as_long_as_it_says() {
        assert_eq!(takes(&WELCH), Duration::from_secs_f64(9.0 * 512.0 / 100.0));
    }

    #[test]
    fn a_softer_structure_swings_more_slowly() {
        // docs/formulas.md 8.2: stiffness less 5, 10, 20 %
        for (stiffness, drop) in [(0.95_f64, 2.53), (0.9, 5.13), (0.8, 10.56)] {
            let mut state = State::default();
            let turn = state.observe(
                &settings(None),
                MAIN,
                Timestamp::from_secs(0),
                3.2 * libm::sqrt(stiffness),
            );
            assert!((state.drop - drop).abs() < 0.006, "{}", state.drop);
            assert_eq!(turn.is_some(), drop >= 3.0);
        }
        let mut state = State::default();
        assert_eq!(
            state.observe(&settings(None), MAIN, Timestamp::from_secs(0), 1.0),
            None,
            "another mode"
        );
    }
}
