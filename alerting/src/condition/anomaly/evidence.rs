//! Evidence: how rare what is seen is, why, and whether it has been told already.

use serde::{Deserialize, Serialize};

use super::shift::SCALES;

/// Why something is unusual.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// The level changed within a short part of the time looked at.
    LevelShift,
    /// The level moved all along the time looked at.
    Trend,
    /// Neighbouring readings differ more than usual.
    Variance,
    /// One reading far from those before it.
    Spike,
    /// The same value for too long.
    Stuck,
    /// Changes follow each other otherwise than they did.
    Shape,
}

impl Reason {
    /// Its name in explanations.
    pub const fn name(self) -> &'static str {
        match self {
            Self::LevelShift => "level-shift",
            Self::Trend => "trend",
            Self::Variance => "variance",
            Self::Spike => "spike",
            Self::Stuck => "stuck",
            Self::Shape => "shape",
        }
    }
}

/// What one detector says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Evidence {
    /// −log₁₀ of how many times a reading the same is expected of the series by itself.
    pub score: f64,
    /// Why.
    pub reason: Reason,
    /// Over how many readings.
    pub span: u32,
}

impl Evidence {
    /// Nothing unusual.
    pub const NONE: Self = Self { score: 0.0, reason: Reason::Spike, span: 0 };

    /// The stronger of two.
    pub fn or(self, other: Self) -> Self {
        if other.score > self.score { other } else { self }
    }
}

/// So much more than what was told is news: three times as rare.
pub(super) const NEWS: f64 = 0.5;
/// A single reading goes through the median of three into the shortest scales only.
const SPIKE_SCALES: usize = 2;
/// A shift is echoed on a scale while the blocks it went into are compared, in blocks of the scale: the newest, four
/// between, the one it is compared with, and as long as the score of that comparison stands.
const ECHO_BLOCKS: u64 = 6;
const ECHO_MIN: u64 = 8;
const NOISE_ECHO: u64 = 128;
const SPIKE_ECHO: u64 = 64;
const SHAPE_ECHO: u64 = 256;

/// What was told, for as long as its echo lasts: one event passes through every scale, and is told once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Told {
    /// How many readings have been seen.
    now: u64,
    shifts: [Echo; SCALES],
    noise: Echo,
    spike: Echo,
    shape: Echo,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Echo {
    until: u64,
    score: f32,
}

impl Told {
    /// One more reading.
    pub fn advance(&mut self) {
        self.now += 1;
    }

    /// This has been told.
    pub fn tell(&mut self, evidence: Evidence) {
        let (now, score) = (self.now, evidence.score);
        let scales = if evidence.span == 1 { SPIKE_SCALES } else { SCALES };
        for (scale, echo) in self.shifts[..scales].iter_mut().enumerate() {
            echo.extend(now, (ECHO_BLOCKS << scale) + ECHO_MIN, score);
        }
        self.noise.extend(now, NOISE_ECHO, score);
        self.spike.extend(now, SPIKE_ECHO, score);
        self.shape.extend(now, SHAPE_ECHO, score);
    }

    pub fn is_news_of_shift(&self, scale: usize, score: f64) -> bool {
        self.shifts[scale].lets(self.now, score)
    }

    pub fn is_news_of_noise(&self, score: f64) -> bool {
        self.noise.lets(self.now, score)
    }

    pub fn is_news_of_shape(&self, score: f64) -> bool {
        self.shape.lets(self.now, score)
    }

    pub fn is_news_of_spike(&self, score: f64) -> bool {
        self.spike.lets(self.now, score)
    }
}

impl Echo {
    fn extend(&mut self, now: u64, readings: u64, score: f64) {
        let score = score as f32;
        self.score = if now < self.until { self.score.max(score) } else { score };
        self.until = self.until.max(now + readings);
    }

    fn lets(&self, now: u64, score: f64) -> bool {
        now >= self.until || score > f64::from(self.score) + NEWS
    }
}
