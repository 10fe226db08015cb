//! Shifts: the mean of the last readings against the mean some while before, on ten scales at once.
//!
//! Blocks of 1, 2, 4 … 512 readings; on each scale the newest block is compared with the one four blocks earlier,
//! so that changes over 4 to 2048 readings are seen, fast ones early and slow ones with the noise averaged out.
//! A median of three goes before it: a single reading that returns is a spike, no shift.

use serde::{Deserialize, Serialize};

use super::evidence::{Evidence, Reason, Told};
use super::tail::Tail;

/// How many scales: lags from 4 to 2048 readings.
pub(super) const SCALES: usize = 10;
/// How many blocks lie between the two that are compared.
const LAG: usize = 4;

/// Every scale, smallest first.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Shifts {
    scales: [Scale; SCALES],
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Scale {
    /// The last block means, newest first, and how many of them count.
    means: [f64; LAG + 1],
    known: u8,
    /// The mean waiting for its neighbour to make a block of the next scale.
    half: Option<f64>,
    tail: Tail,
    score: f32,
    /// Whether most of the change lies between two neighbouring blocks.
    sudden: bool,
}

impl Shifts {
    /// Takes one reading (median of three) with the resolution of the series.
    pub fn observe(&mut self, value: f64, resolution: f64, learning: bool) {
        let mut carried = value;
        for (scale, state) in self.scales.iter_mut().enumerate() {
            state.push(carried, scale, resolution, learning);
            match state.half.take() {
                Some(half) => carried = f64::midpoint(half, carried),
                None => {
                    state.half = Some(carried);
                    return;
                }
            }
        }
    }

    /// So many readings are missing: scales whose blocks are shorter than the gap start anew.
    pub fn interrupt(&mut self, missing: f64) {
        for (scale, state) in self.scales.iter_mut().enumerate() {
            if missing > (2u64 << scale) as f64 {
                state.known = 0;
                state.half = None;
                state.score = 0.0;
                state.tail.forget_running();
            }
        }
    }

    /// The strongest evidence that is not an echo of what was told.
    pub fn evidence(&self, told: &Told) -> Evidence {
        let mut best = Evidence::NONE;
        for (scale, state) in self.scales.iter().enumerate() {
            let score = f64::from(state.score);
            if score > best.score && told.is_news_of_shift(scale, score) {
                let reason = if state.sudden { Reason::LevelShift } else { Reason::Trend };
                best = Evidence { score, reason, span: 4 << scale };
            }
        }
        best
    }

    /// The highest score over at most `span` readings, an echo or not.
    pub fn raw(&self, span: u32) -> f64 {
        let short = self.scales.iter().enumerate().take_while(|(scale, _)| 4 << scale <= span);
        short.map(|(_, state)| f64::from(state.score)).fold(0.0, f64::max)
    }
}

impl Scale {
    fn push(&mut self, mean: f64, scale: usize, resolution: f64, learning: bool) {
        self.means.rotate_right(1);
        self.means[0] = mean;
        self.known = (self.known + 1).min(LAG as u8 + 1);
        if usize::from(self.known) <= LAG {
            return;
        }
        let change = (self.means[0] - self.means[LAG]).abs();
        let readings = (LAG << scale) as f64;
        let rarity = self.tail.rarity(change, resolution);
        self.score = if rarity > 0.0 { (rarity + libm::log10(readings)) as f32 } else { 0.0 };
        let largest =
            self.means.windows(2).map(|pair| (pair[0] - pair[1]).abs()).fold(0.0, f64::max);
        self.sudden = largest > 0.6 * change;
        if learning {
            self.tail.learn(change, LAG as u16);
        }
    }
}
