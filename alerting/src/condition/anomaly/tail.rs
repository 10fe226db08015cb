//! How often a statistic has been this large: the largest values of its past, and the chance of one beyond them.
//!
//! In: one non-negative statistic, evaluation after evaluation. Out: how often the same series, left alone, would be
//! expected to show a value as large. The past is cut into blocks long enough to be nearly independent, each
//! gives its largest value, and the eight largest of those are kept. Beyond the lowest of them the tail is taken as
//! Pareto with an unknown exponent under a Gamma prior, whose predictive distribution is in closed form:
//! `P(D > d | D > u) = (b / (b + ln(d/u)))^a` with `a` = prior + kept values, `b` = prior + Σ ln(xᵢ/u)
//! (peaks over threshold; Hill's estimator is the same without the prior). With little experience the tail is
//! heavy, and nothing is ever impossible.

use serde::{Deserialize, Serialize};

/// How many of the largest block maxima are kept.
const PEAKS: usize = 8;
/// The threshold lies so deep in few blocks: the upper seven tenths of them are the tail.
const TAIL_SHARE: f64 = 0.7;
/// The prior of the tail's exponent: worth six observations, with mean 4 (a fifth of the exceedances are half
/// as large again as the threshold).
const PRIOR_COUNT: f64 = 6.0;
const PRIOR_SUM: f64 = 1.5;

/// The largest values of a statistic's past.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Tail {
    /// Largest first.
    peaks: [f32; PEAKS],
    /// How many blocks have been learned.
    blocks: u32,
    /// The largest of the block under way, and how many evaluations it has had.
    running: f32,
    evaluations: u16,
    /// The block before, learned one block late, so that an event does not hide itself.
    waiting: Option<f32>,
}

impl Tail {
    /// How many blocks have been learned.
    pub fn blocks(&self) -> u32 {
        self.blocks
    }

    /// How rare `value` is: −log₁₀ of the expected number of blocks out of one that reach it. 0 where nothing is
    /// unusual or too little is known. Values below `floor` (the resolution) count as `floor`.
    pub fn rarity(&self, value: f64, floor: f64) -> f64 {
        let Some((rate, threshold, count, sum)) = self.fit(floor) else { return 0.0 };
        if value <= threshold {
            return 0.0;
        }
        let excess = libm::log(value / threshold);
        count * libm::log10(1.0 + excess / sum) - libm::log10(rate)
    }

    /// The value whose rarity is `rarity`: the inverse of [`rarity`](Self::rarity); `None` while too little is
    /// known.
    pub fn value_at(&self, rarity: f64, floor: f64) -> Option<f64> {
        let (rate, threshold, count, sum) = self.fit(floor)?;
        let beyond = (rarity + libm::log10(rate)).max(0.0);
        let excess = sum * (libm::pow(10.0, beyond / count) - 1.0);
        Some(threshold * libm::exp(excess.min(64.0)))
    }

    /// Takes one evaluation; `per_block` of them make a block.
    pub fn learn(&mut self, value: f64, per_block: u16) {
        self.running = self.running.max(value as f32);
        self.evaluations += 1;
        if self.evaluations >= per_block {
            if let Some(value) = self.waiting.replace(self.running) {
                self.insert(value);
            }
            self.forget_running();
        }
    }

    /// Takes a whole block at once, without delay.
    pub fn learn_block(&mut self, value: f64) {
        self.insert(value as f32);
    }

    /// What was seen since the last whole block no longer counts: a gap lies between.
    pub fn forget_running(&mut self) {
        self.running = 0.0;
        self.evaluations = 0;
    }

    /// Exceedances a block, the threshold, and the exponent's posterior (count, sum).
    fn fit(&self, floor: f64) -> Option<(f64, f64, f64, f64)> {
        if self.blocks < 3 {
            return None;
        }
        let blocks = f64::from(self.blocks);
        let kept = (libm::ceil(TAIL_SHARE * blocks) as usize).clamp(2, PEAKS);
        let at_least = |peak: f32| f64::from(peak).max(floor);
        let threshold = at_least(self.peaks[kept - 1]);
        let logs = self.peaks[..kept - 1].iter().map(|peak| libm::log(at_least(*peak) / threshold));
        let sum = PRIOR_SUM + logs.sum::<f64>();
        let count = PRIOR_COUNT + (kept - 1) as f64;
        let rate = ((kept as f64 + 0.5) / (blocks + 1.0)).min(1.0);
        Some((rate, threshold, count, sum))
    }

    fn insert(&mut self, mut value: f32) {
        self.blocks = self.blocks.saturating_add(1);
        for peak in &mut self.peaks {
            if value > *peak {
                core::mem::swap(peak, &mut value);
            }
        }
    }
}
