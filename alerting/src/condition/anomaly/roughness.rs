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
const UNUSUAL: f64 = 3.0;
/// Experience in blocks before it speaks.
const BLOCKS_MIN: u32 = 8;
/// A mean of changes is known so well, in parts of the usual one.
const RESOLUTION: f64 = 1e-3;
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
    /// What the last [`SPAN_MAX`] readings came to where the event told last would just have been told, 0 while nothing
    /// was.
    told_from: f64,
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
        self.raw() >= UNUSUAL
    }

    /// The highest score, an echo or not.
    pub fn raw(&self) -> f64 {
        let known =
            self.tails.iter().zip(self.scores).filter(|(tail, _)| tail.blocks() >= BLOCKS_MIN);
        known.map(|(_, score)| f64::from(score)).fold(0.0, f64::max)
    }

    /// An event was told: from what on, by what was known then, the last readings go on showing it as noise.
    pub fn remember(&mut self, score: f64) {
        let (width, tail) = (WIDTHS[WIDTHS.len() - 1], &self.tails[WIDTHS.len() - 1]);
        let rarity = score - libm::log10(f64::from(BLOCK) * width as f64);
        let known = tail.value_at(rarity, RESOLUTION).filter(|_| tail.blocks() >= BLOCKS_MIN);
        self.told_from = known.map_or(0.0, |value| value * self.usual);
    }

    /// Whether the last readings are as rough as would have been told when the event was, though one may be used to it.
    pub fn goes_on(&self) -> bool {
        let mean = self.blocks.iter().sum::<f64>() / self.blocks.len() as f64;
        let full = usize::from(self.known) == self.blocks.len();
        full && self.told_from > 0.0 && (libm::exp(mean) - 1.0) * self.usual >= self.told_from
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
            let rarity = self.tails[i].rarity(value, RESOLUTION);
            let readings = f64::from(BLOCK) * width as f64;
            self.scores[i] =
                if rarity > 0.0 { (rarity + libm::log10(readings)) as f32 } else { 0.0 };
            if learning {
                self.tails[i].learn(value, width as u16);
            }
        }
    }
}
