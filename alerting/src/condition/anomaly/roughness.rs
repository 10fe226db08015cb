//! Roughness: how much neighbouring readings differ, over the last 32 and 64.
//!
//! The geometric mean of the changes, each against the usual one: a few jumps hardly move it, many small ones do.

use serde::{Deserialize, Serialize};

use super::evidence::{Evidence, Reason, Told};
use super::tail::Tail;

/// So many readings make a block.
const BLOCK: u16 = 16;
/// Blocks looked at together.
const WIDTHS: [usize; 2] = [2, 4];
/// The most readings looked at together.
pub(super) const SPAN_MAX: u32 = 64;
/// From this score on, noise explains what short shifts there are: once in a thousand readings.
const UNUSUAL: f32 = 3.0;
/// Experience in blocks before it speaks.
const BLOCKS_MIN: u32 = 8;
/// The usual change follows over so many readings.
const MEMORY: f64 = 1_000.0;

/// The changes of the last blocks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Roughness {
    /// The usual change from one reading to the next.
    usual: f64,
    seen: u32,
    sum: f64,
    counted: u16,
    blocks: [f64; 4],
    known: u8,
    tails: [Tail; WIDTHS.len()],
    scores: [f32; WIDTHS.len()],
}

impl Roughness {
    /// Takes the size of one change.
    pub fn observe(&mut self, change: f64, resolution: f64, learning: bool) {
        self.seen = self.seen.saturating_add(1);
        if self.seen > 3 {
            self.sum += libm::log(change / self.usual.max(resolution * 0.25) + 1.0);
        }
        if learning {
            let clipped = change.min(self.usual * 8.0 + resolution);
            self.usual += (clipped - self.usual) / f64::from(self.seen).min(MEMORY);
        }
        self.counted += 1;
        if self.counted == BLOCK {
            self.close_block(learning);
        }
    }

    /// Readings are missing: the block under way does not count.
    pub fn interrupt(&mut self) {
        self.counted = 0;
        self.sum = 0.0;
    }

    /// The strongest evidence that is not an echo of what was told.
    pub fn evidence(&self, told: &Told) -> Evidence {
        let mut best = Evidence::NONE;
        for ((width, tail), score) in WIDTHS.iter().zip(&self.tails).zip(self.scores) {
            let score = f64::from(score);
            if tail.blocks() >= BLOCKS_MIN && score > best.score && told.is_news_of_noise(score) {
                let span = u32::from(BLOCK) * *width as u32;
                best = Evidence { score, reason: Reason::Variance, span };
            }
        }
        best
    }

    /// Whether the last blocks are rough enough to explain what else is unusual in them.
    pub fn is_unusual(&self) -> bool {
        let known =
            self.tails.iter().zip(self.scores).filter(|(tail, _)| tail.blocks() >= BLOCKS_MIN);
        known.into_iter().any(|(_, score)| score >= UNUSUAL)
    }

    fn close_block(&mut self, learning: bool) {
        self.blocks.rotate_right(1);
        self.blocks[0] = self.sum / f64::from(BLOCK);
        self.known = (self.known + 1).min(4);
        self.interrupt();
        for (i, width) in
            WIDTHS.into_iter().enumerate().filter(|(_, w)| *w <= usize::from(self.known))
        {
            let mean = self.blocks[..width].iter().sum::<f64>() / width as f64;
            let value = libm::exp(mean) - 1.0;
            let rarity = self.tails[i].rarity(value, 1e-3);
            let readings = f64::from(BLOCK) * width as f64;
            self.scores[i] =
                if rarity > 0.0 { (rarity + libm::log10(readings)) as f32 } else { 0.0 };
            if learning {
                self.tails[i].learn(value, width as u16);
            }
        }
    }
}
