//! Companions: what a series shares with its neighbours and with the weather is taken away before anything is compared.
//!
//! A linear model of the series on the newest values of its companions, fitted by recursive least squares with
//! forgetting (docs/formulas.md 7); what is handed on is the error of its prediction, made before the model learns from
//! the reading. The first readings only tell how far each companion moves, the next ones only teach the model.

use reading::Timestamp;
use serde::{Deserialize, Serialize};

use super::pace::Pace;

/// The most companions of a series.
pub const COMPANIONS_MAX: usize = 4;

const TERMS: usize = COMPANIONS_MAX + 1;
/// So many readings tell the middle and the spread of each companion.
const LOOKING: u32 = 48;
/// And so many more teach the model before its word is taken.
const LEARNING: u32 = 96;
/// Forgetting: a reading counts half after 1400 more, slower than any shift that is looked for.
const KEPT: f64 = 0.9995;
/// The variance of what is not known, and the most it may grow to while nothing moves (docs/formulas.md 7).
const UNKNOWN: f64 = 1_000.0;
/// A companion that missed so many of its own reports says nothing about now.
const STALE: f64 = 3.5;

/// What is known of the companions of one series.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Companions {
    companions: [Companion; COMPANIONS_MAX],
    seen: u32,
    weights: [f64; TERMS],
    /// Row by row; empty of meaning until the model learns.
    variance: [[f64; TERMS]; TERMS],
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Companion {
    pace: Pace,
    newest: Option<(Timestamp, f64)>,
    heard: u32,
    middle: f64,
    spread: f64,
}

impl Companions {
    /// Takes a companion's reading; slots count from 1.
    pub fn hear(&mut self, slot: u8, at: Timestamp, value: f64) {
        let Some(companion) = self.companions.get_mut(usize::from(slot).wrapping_sub(1)) else {
            return;
        };
        companion.pace.observe(at);
        companion.newest = Some((at, value));
        if companion.heard < LOOKING {
            companion.heard += 1;
            let share = 1.0 / f64::from(companion.heard);
            companion.middle += share * (value - companion.middle);
            companion.spread += share * ((value - companion.middle).abs() - companion.spread);
        }
    }

    /// What of `value` the companions do not explain. `None` while the model is young, or a companion is silent.
    /// Without companions it is the value itself.
    pub fn residual(&mut self, at: Timestamp, value: f64, learning: bool) -> Option<f64> {
        if self.companions.iter().all(|companion| companion.heard == 0) {
            return Some(value);
        }
        let terms = self.terms(at)?;
        self.seen = self.seen.saturating_add(1);
        if self.seen <= LOOKING {
            return None;
        }
        if self.seen == LOOKING + 1 {
            self.weights[0] = value;
            for (at, row) in self.variance.iter_mut().enumerate() {
                row[at] = UNKNOWN;
            }
        }
        let predicted: f64 =
            terms.iter().zip(&self.weights).map(|(term, weight)| term * weight).sum();
        let error = value - predicted;
        if learning {
            self.learn(&terms, error);
        }
        (self.seen > LOOKING + LEARNING).then_some(error)
    }

    /// The constant, and where each companion stands between its usual ends.
    fn terms(&self, at: Timestamp) -> Option<[f64; TERMS]> {
        let mut terms = [0.0; TERMS];
        terms[0] = 1.0;
        for (term, companion) in terms[1..].iter_mut().zip(&self.companions) {
            let Some((heard_at, value)) = companion.newest else { continue };
            let age = at.since(heard_at).as_secs_f64();
            if companion.pace.interval() > 0.0 && age > STALE * companion.pace.interval() {
                return None;
            }
            *term = (value - companion.middle) / companion.spread.max(1e-12);
        }
        Some(terms)
    }

    fn learn(&mut self, terms: &[f64; TERMS], error: f64) {
        let mut gain = [0.0; TERMS];
        for (gain, row) in gain.iter_mut().zip(&self.variance) {
            *gain = row.iter().zip(terms).map(|(cell, term)| cell * term).sum();
        }
        let news: f64 = gain.iter().zip(terms).map(|(gain, term)| gain * term).sum();
        let companions = &self.companions;
        // a slot without a companion is no term: what is not known of it says nothing, and must not grow
        let is_used = |at: &usize| *at == 0 || companions[at - 1].newest.is_some();
        let used = || (0..TERMS).filter(is_used);
        let trace: f64 = used().map(|at| self.variance[at][at]).sum();
        // while nothing moves nothing is learned, and nothing may be forgotten
        let kept = if trace < UNKNOWN * used().count() as f64 { KEPT } else { 1.0 };
        for row in used() {
            self.weights[row] += gain[row] / (kept + news) * error;
            for column in used() {
                let spent = gain[row] * gain[column] / (kept + news);
                self.variance[row][column] = (self.variance[row][column] - spent) / kept;
            }
        }
    }
}
