//! Shape: how far each change turns back on the one before, over the last 64 readings.
//!
//! The bend of a block is Σ |c − c′| / Σ (|c| + |c′|) of neighbouring changes: 0 along a ramp, 1 where every change is
//! undone by the next, about three quarters in plain noise. It knows neither level nor size, so that what it says is
//! not said by shifts or noise already: something that wandered begins to swing, or what was restless runs smooth.

use serde::{Deserialize, Serialize};

use super::evidence::{Evidence, Reason, Told};
use super::tail::Tail;

/// So many readings make a block.
const BLOCK: u16 = 16;
/// Blocks looked at together.
const WIDTH: usize = 4;
/// Readings looked at together.
const SPAN: u32 = BLOCK as u32 * WIDTH as u32;
/// A rhythm is the rarest of events: its share of false alarms is a quarter of a single scale's.
const SHARE: f64 = 0.25;
/// Experience in blocks before it speaks.
const BLOCKS_MIN: u32 = 8;
/// The usual bend follows over so many blocks.
const MEMORY: f64 = 64.0;
/// A bend is known so well.
const RESOLUTION: f64 = 0.02;

/// The bends of the last blocks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Shape {
    before: f64,
    /// Of the block under way: turned back, and moved at all.
    bent: f64,
    moved: f64,
    counted: u16,
    bends: [f64; WIDTH],
    known: u8,
    usual: f64,
    seen: u32,
    tail: Tail,
    score: f32,
}

impl Shape {
    /// Takes one change, with its sign.
    pub fn observe(&mut self, change: f64, learning: bool) {
        let before = core::mem::replace(&mut self.before, change);
        self.bent += (change - before).abs();
        self.moved += change.abs() + before.abs();
        self.counted += 1;
        if self.counted == BLOCK {
            let bend = if self.moved > 0.0 { Some(self.bent / self.moved) } else { None };
            self.interrupt();
            if let Some(bend) = bend.filter(|bend| bend.is_finite()) {
                self.close_block(bend, learning);
            }
        }
    }

    /// Readings are missing: the block under way does not count.
    pub fn interrupt(&mut self) {
        (self.bent, self.moved, self.counted) = (0.0, 0.0, 0);
    }

    /// The evidence, if it is no echo of what was told.
    pub fn evidence(&self, told: &Told) -> Evidence {
        let score = f64::from(self.score);
        if self.tail.blocks() < BLOCKS_MIN || !told.is_news_of_shape(score) {
            return Evidence::NONE;
        }
        Evidence { score, reason: Reason::Shape, span: SPAN }
    }

    fn close_block(&mut self, bend: f64, learning: bool) {
        self.bends.rotate_right(1);
        self.bends[0] = bend;
        self.known = (self.known + 1).min(WIDTH as u8);
        if usize::from(self.known) == WIDTH && self.seen > 0 {
            let mean = self.bends.iter().sum::<f64>() / WIDTH as f64;
            let away = (mean - self.usual).abs();
            let rarity = self.tail.rarity(away, RESOLUTION);
            let readings = f64::from(SPAN) * SHARE;
            self.score = if rarity > 0.0 { (rarity + libm::log10(readings)) as f32 } else { 0.0 };
            if learning {
                self.tail.learn(away, WIDTH as u16);
            }
        }
        if learning {
            self.seen = self.seen.saturating_add(1);
            self.usual += (bend - self.usual) / f64::from(self.seen).min(MEMORY);
        }
    }
}
