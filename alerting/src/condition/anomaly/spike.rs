//! Spikes: one reading far from the median of the three before it.

use serde::{Deserialize, Serialize};

use super::evidence::{Evidence, Reason, Told};
use super::median;
use super::tail::Tail;

/// So many readings make a block.
const BLOCK: u16 = 8;
/// A spike is the only test of its kind where shifts and noise have many: its share of false alarms is twice theirs.
const SHARE: f64 = 2.0;
/// Experience in blocks before it speaks.
const BLOCKS_MIN: u32 = 8;

/// How far readings have been from the three before them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Spikes {
    tail: Tail,
    score: f32,
}

impl Spikes {
    /// Takes a reading with the three before it, newest first.
    pub fn observe(&mut self, value: f64, before: [f64; 3], resolution: f64, learning: bool) {
        let distance = (value - median(before)).abs();
        let rarity = self.tail.rarity(distance, resolution);
        let readings = f64::from(BLOCK) * SHARE;
        self.score = if rarity > 0.0 { (rarity + libm::log10(readings)) as f32 } else { 0.0 };
        if learning {
            self.tail.learn(distance, BLOCK);
        }
    }

    /// What the last reading says.
    pub fn evidence(&self, told: &Told) -> Evidence {
        let score = f64::from(self.score);
        if self.tail.blocks() < BLOCKS_MIN || !told.is_news_of_spike(score) {
            return Evidence::NONE;
        }
        Evidence { score, reason: Reason::Spike, span: 1 }
    }

    /// How far from the median of the last three a reading may lie before its score reaches `score`.
    pub fn reach(&self, score: f64, resolution: f64) -> Option<f64> {
        self.tail.value_at(score - libm::log10(f64::from(BLOCK) * SHARE), resolution)
    }
}
