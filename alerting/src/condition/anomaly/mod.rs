//! Anomaly: a series does what it has not been known to do, whatever that is.
//!
//! In: trusted readings of one series, in event order. Out: a [`Transition`] when something unusual is told, and a
//! [`Verdict`] for pages and explanations. Several plain detectors look at the same readings, each for one reason;
//! each compares its number with the largest that this very series has shown before (`tail.rs`) and says how many
//! readings out of how many would look like that by themselves. That number means the same on every sensor, in
//! every unit and at every interval: the largest speaks, once for each event.
//!
//! Nothing is tuned to a kind of sensor, nothing looks ahead, the work for a reading is bounded and the state has a
//! fixed size. What the idea is worth on recorded data, and what was tried, is in docs/anomaly.md.

mod companions;
mod evidence;
mod telling;
mod lasting;
mod pace;
mod roughness;
mod shape;
mod shift;
mod spike;
mod stuck;
mod tail;

use alloc::vec::Vec;

use reading::Timestamp;
use serde::{Deserialize, Serialize};

pub use companions::COMPANIONS_MAX;
pub use evidence::Reason;
pub use telling::{EXPERIENCE, Episode};

use super::explain::{Fact, Measure, Said};
use super::{Kind, Transition};
use companions::Companions;
use evidence::{Evidence, NEWS, Told};
use lasting::Lasting;
use pace::Pace;
use roughness::Roughness;
use shape::Shape;
use shift::Shifts;
use spike::Spikes;
use stuck::Runs;
use telling::{SHOWING, Telling};

/// How seldom it may be wrong.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// About one false alarm in so many readings, at most: at least 1000. Once a series has been watched for more
    /// than [`EXPERIENCE`] readings the number grows with them.
    pub readings_per_false_alarm: f64,
}

impl Default for Settings {
    /// One false alarm in four years of a sensor that reports four times a day.
    fn default() -> Self {
        Self { readings_per_false_alarm: 6_000.0 }
    }
}

/// What one series has been known to do. Its size does not grow.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct State {
    companions: Companions,
    seen: u64,
    pace: Pace,
    /// The last readings, newest first.
    before: [f64; 3],
    /// The smallest change ever seen, 0 while there was none: what the sensor resolves.
    resolution: f64,
    shifts: Shifts,
    roughness: Roughness,
    spikes: Spikes,
    runs: Runs,
    shape: Shape,
    /// What of the last reading its companions explain.
    explained: f64,
    told: Told,
    frozen: bool,
    held: bool,
    score: f64,
    telling: Telling,
    lasting: Lasting,
}

/// What is to be said of a series at its last reading.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Verdict {
    /// −log₁₀ of how many times a reading something as unusual is expected of this series by itself, echoes of what
    /// was told left out: 4 is once in ten thousand readings, 0 nothing to speak of.
    pub score: f64,
    /// From which score it speaks: it rises with experience.
    pub limit: f64,
    /// What was told last.
    pub told: Option<Episode>,
    /// Since when it is elsewhere than it has always been, and until when it was if it is back.
    pub lasting: Option<(Timestamp, Option<Timestamp>)>,
    /// Between which values the next reading would not be told as a spike; `None` while too little is known.
    pub band: Option<(f64, f64)>,
}

impl State {
    /// What is to be said at the last reading.
    pub fn verdict(&self, settings: &Settings) -> Verdict {
        let limit = self.telling.limit(settings, self.seen);
        let reach = self.spikes.reach(limit, self.resolution());
        let middle = median(self.before) + self.explained;
        Verdict {
            score: self.score,
            limit,
            told: self.telling.last(),
            lasting: self.lasting.span(),
            band: reach.map(|reach| (middle - reach, middle + reach)),
        }
    }

    /// A person has put away what was open: where the series is now is where it belongs, until it is told again.
    pub fn accept(&mut self) {
        self.lasting.accept(self.before[0]);
    }

    /// While an incident is open nothing is learned: what a slope does then is not its normal.
    pub fn freeze(&mut self, frozen: bool) {
        self.frozen = frozen;
    }

    /// Whether nothing is learned at present.
    pub fn is_frozen(&self) -> bool {
        self.frozen
    }
}

impl Kind for State {
    type Settings = Settings;

    /// Holds for the one reading with which an event is told. What lasts, and what becomes rarer as it goes on, is the
    /// same event: [`Episode`] follows it, and nothing turns again. `value` of the transition is the score.
    fn take_own(&mut self, settings: &Settings, at: Timestamp, value: f64) -> Option<Transition> {
        if !value.is_finite() {
            return None;
        }
        let residual = self.companions.residual(at, value, !self.frozen)?;
        self.explained = value - residual;
        self.look(at, residual);
        let evidence = self.weigh();
        let held = self.tell(settings, at, evidence);
        let turned = held != core::mem::replace(&mut self.held, held);
        turned.then_some(Transition { held, at, value: self.score })
    }

    fn take_beside(&mut self, _settings: &Settings, slot: u8, at: Timestamp, value: f64) {
        if value.is_finite() {
            self.companions.hear(slot, at, value);
        }
    }

    fn held(&self) -> bool {
        self.held
    }

    fn said(settings: &Settings) -> Said {
        Said {
            key: "evidence-anomaly",
            measure: Measure::Own(""),
            limit: libm::log10(settings.readings_per_false_alarm),
            window: None,
        }
    }

    fn facts(&self, settings: &Settings) -> Vec<Fact> {
        let verdict = self.verdict(settings);
        let mut facts = alloc::vec![
            Fact::number("score", verdict.score),
            Fact::number("score-limit", verdict.limit),
            Fact::count("readings-seen", self.seen as usize),
            Fact::flag("learning", !self.frozen),
        ];
        if let Some(told) = verdict.told {
            facts.push(Fact::flag(told.reason.name(), true));
            facts.push(Fact::moment("told-since", told.since));
            facts.push(Fact::number("told-score", told.score));
            facts.push(Fact::count("told-over-readings", told.span as usize));
        }
        if let Some((since, until)) = verdict.lasting {
            facts.push(Fact::flag("lasting", until.is_none()));
            facts.push(Fact::moment("away-since", since));
            facts.extend(until.map(|until| Fact::moment("back-at", until)));
        }
        if let Some((low, high)) = verdict.band {
            facts.push(Fact::number("expected-low", low));
            facts.push(Fact::number("expected-high", high));
        }
        facts
    }
}

impl State {
    /// Shows every detector the reading.
    fn look(&mut self, at: Timestamp, value: f64) {
        let learning = !self.frozen;
        let first = self.seen == 0;
        self.seen += 1;
        self.told.advance();
        if first {
            self.before = [value; 3];
        }
        if let Some(missing) = self.pace.observe(at) {
            self.interrupt(missing, value);
        }
        let before = self.before;
        self.before = [value, before[0], before[1]];
        if first {
            return;
        }
        let turned = value - before[0];
        let change = turned.abs();
        if change > 0.0 && (self.resolution <= 0.0 || change < self.resolution) {
            self.resolution = change;
        }
        let resolution = self.resolution();
        let stuck = self.telling.last().is_some_and(|told| told.reason == Reason::Stuck);
        self.lasting.observe(at, value, resolution, learning, !stuck || change > 0.0);
        self.runs.observe(change <= 0.0, learning);
        self.spikes.observe(value, before, resolution, learning);
        self.roughness.observe(change, resolution, learning);
        self.shifts.observe(median(self.before), resolution, learning);
        self.shape.observe(turned, learning);
    }

    /// A gap: the past still counts, but nothing is compared across it that is shorter than it.
    fn interrupt(&mut self, missing: f64, value: f64) {
        self.shifts.interrupt(missing);
        self.roughness.interrupt();
        self.shape.interrupt();
        self.runs.interrupt();
        self.before = [value; 3];
    }

    /// What the sensor resolves; a constant so far resolves anything.
    fn resolution(&self) -> f64 {
        if self.resolution > 0.0 { self.resolution } else { self.before[0].abs() * 1e-6 + 1e-9 }
    }

    /// The strongest evidence that is news. Noise makes short shifts of its own, and is called by its name.
    fn weigh(&self) -> Evidence {
        let strongest = self.strongest();
        let short = strongest.span <= roughness::SPAN_MAX;
        let noisy = (short && self.roughness.is_unusual()) || self.noise_goes_on();
        match strongest.reason {
            Reason::LevelShift | Reason::Trend | Reason::Spike if noisy => {
                Evidence { reason: Reason::Variance, ..strongest }
            }
            _ => strongest,
        }
    }

    /// Whether the noise that came with what was told lasts, however used to it one is.
    fn noise_goes_on(&self) -> bool {
        self.telling.takes_noise(self.seen) && self.roughness.goes_on()
    }

    fn strongest(&self) -> Evidence {
        self.runs
            .evidence()
            .or(self.spikes.evidence(&self.told))
            .or(self.roughness.evidence(&self.told))
            .or(self.shifts.evidence(&self.told))
            .or(self.shape.evidence(&self.told))
    }

    /// Notes what is told, or nearly so: either way its echo is no news. Says whether an event begins with it.
    fn tell(&mut self, settings: &Settings, at: Timestamp, evidence: Evidence) -> bool {
        self.score = evidence.score;
        let limit = self.telling.limit(settings, self.seen);
        let nearly = limit - NEWS;
        let shown = || self.shifts.raw(SHOWING).max(self.roughness.raw()) >= nearly;
        if self.telling.is_near(self.seen) && (shown() || self.noise_goes_on()) {
            self.telling.go_on(self.seen);
        }
        if evidence.score < nearly {
            return false;
        }
        let spoken = evidence.score >= limit;
        self.telling.count();
        self.told.tell(evidence);
        if evidence.reason == Reason::Stuck {
            self.runs.settle(evidence.score, spoken);
        }
        spoken && self.note(at, nearly, evidence)
    }

    /// Notes what is told. Says whether it is another event than what was told last.
    fn note(&mut self, at: Timestamp, nearly: f64, evidence: Evidence) -> bool {
        self.lasting.tell(at);
        let begins = self.telling.note(self.seen, at, evidence);
        if begins {
            self.roughness.remember(nearly);
        }
        begins
    }
}

/// The middle one of three.
fn median([a, b, c]: [f64; 3]) -> f64 {
    a.max(b).min(a.min(b).max(c))
}

#[cfg(test)]
mod tests;
