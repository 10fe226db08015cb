//! Stuck: the same value again and again, longer than this series does by itself.
//!
//! A run is rare when it is so by the share of repeats seen (docs/formulas.md 6.2) and by the longest runs seen: a dry
//! gauge or a coarse sensor repeats for days and means nothing by it.

use serde::{Deserialize, Serialize};

use super::evidence::{Evidence, NEWS, Reason};
use super::tail::Tail;

/// Shorter runs say nothing (docs/formulas.md 6.2).
const RUN_MIN: u32 = 12;
/// Experience in finished runs before it speaks.
const RUNS_MIN: u32 = 20;

/// The run under way and those before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Runs {
    run: u32,
    repeats: u32,
    seen: u32,
    finished: Tail,
    /// The score the run was told with, 0 if it was not; once it was spoken of it is not told again.
    told: f32,
    spoken: bool,
}

impl Runs {
    /// Takes whether the value is the one before.
    pub fn observe(&mut self, repeated: bool, learning: bool) {
        if learning {
            self.seen = self.seen.saturating_add(1);
            self.repeats = self.repeats.saturating_add(u32::from(repeated));
        }
        if repeated {
            self.run = self.run.saturating_add(1);
        } else {
            if learning {
                self.finished.learn_block(f64::from(self.run.max(1)));
            }
            self.interrupt();
        }
    }

    /// Readings are missing: the run ends, and says nothing about how long runs are.
    pub fn interrupt(&mut self) {
        self.run = 1;
        self.told = 0.0;
        self.spoken = false;
    }

    /// The run has been told with this score, or even spoken of.
    pub fn settle(&mut self, score: f64, spoken: bool) {
        self.told = score as f32;
        self.spoken = spoken;
    }

    /// What the run under way says, if it is news.
    pub fn evidence(&self) -> Evidence {
        let finished = self.finished.blocks();
        if self.spoken || self.run < RUN_MIN || finished < RUNS_MIN {
            return Evidence::NONE;
        }
        let share = (f64::from(self.repeats) + 1.0) / (f64::from(self.seen) + 2.0);
        let by_share = -f64::from(self.run - 1) * libm::log10(share);
        let rarity = self.finished.rarity(f64::from(self.run), 1.0);
        let readings_a_run = f64::from(self.seen.max(1)) / f64::from(finished);
        let by_runs = if rarity > 0.0 { rarity + libm::log10(readings_a_run) } else { 0.0 };
        let score = by_share.min(by_runs);
        if self.told > 0.0 && score <= f64::from(self.told) + NEWS {
            return Evidence::NONE;
        }
        Evidence { score, reason: Reason::Stuck, span: self.run }
    }
}
