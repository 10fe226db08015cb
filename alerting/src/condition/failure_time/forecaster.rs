//! A movement followed since its onset: when it will end, and whether to believe it.
//!
//! In: displacements in event order, and what may drive them. Out: a [`Forecast`] with the gates it passes. Sources:
//! docs/formulas.md 4.2 and 4.3.

use alloc::collections::VecDeque;
use core::time::Duration;

use reading::Timestamp;
use serde::{Deserialize, Serialize};

use super::super::acceleration::Means;
use super::super::explain::Fact;
use super::super::velocity::Intervals;
use super::Settings;
use super::forecast::{Forecast, Sample};

/// The most stretches kept since the onset; then neighbours are joined, so that all of the movement stays in the line
/// to the asymptote.
const SINCE_MAX: usize = 40;
/// How many of the last stretches make the line to a limit: near the end the law holds for the last of the way only.
const RECENT_MAX: usize = 20;

/// Velocities of the short and the long mean that find the onset of acceleration.
const MEANS: (usize, usize) = (3, 7);
/// The mean velocity below this part of its peak: the movement slows down, the line to the asymptote begins anew.
const SLOWED: f64 = 0.5;
/// The mean velocity back at so much of that before the onset: the movement is over, and everything begins anew.
const CALMED: f64 = 1.5;
/// So many forecasts in a row have to agree.
const STABLE_COUNT: usize = 3;
/// A trigger that has rested for so long no longer drives what slows down.
const TRIGGER_RESTED: Duration = Duration::from_secs(3 * 3_600);
/// Why a forecast is not believed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gates {
    /// Enough velocities, on a line that is one.
    pub fitted: bool,
    /// Much faster, and much farther, than before the onset.
    pub moving: bool,
    /// The last forecasts agree.
    pub stable: bool,
    /// The interval is narrow enough to be of use.
    pub useful: bool,
    /// Not slowing down after its trigger ended.
    pub driven: bool,
}

impl Gates {
    /// Whether all are passed.
    pub const fn passed(&self) -> bool {
        self.fitted && self.moving && self.stable && self.useful && self.driven
    }
}

/// A forecast with what is to be said of it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Judged {
    /// What is forecast.
    pub forecast: Forecast,
    /// Whether to believe it.
    pub gates: Gates,
    /// Whether the end is the limit.
    pub to_limit: bool,
}

/// The movement since its onset: forecasts the end.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Forecaster {
    intervals: Intervals,
    means: Means,
    /// The direction of the movement: 1 or −1.
    sign: f64,
    /// The lowest long mean of the velocity: how fast it is at rest.
    rest: Option<f64>,
    /// Where the movement began to accelerate.
    onset: Option<f64>,
    peak: f64,
    since: VecDeque<Sample>,
    recent: VecDeque<Sample>,
    /// The times the last fits gave.
    before: VecDeque<Timestamp>,
    rained_at: Option<Timestamp>,
    last: Option<Judged>,
}

impl Forecaster {
    /// Takes one displacement, at or after what was taken before. Says what is forecast if there is news.
    pub fn take(&mut self, settings: &Settings, at: Timestamp, value: f64) -> Option<Judged> {
        let moved = self.intervals.take(&settings.velocity, at, value)?;
        self.turn_with(moved.per_hour);
        let place = (moved.places.0 * self.sign, moved.places.1 * self.sign);
        self.means.push(MEANS.1, moved.per_hour * self.sign);
        self.follow(Sample::between(moved.times, place));
        self.last = self.judge(settings, at, value * self.sign);
        self.last
    }

    /// Takes what drives the movement, say rain.
    pub fn take_trigger(&mut self, at: Timestamp, amount: f64) {
        if amount > 0.0 {
            self.rained_at = Some(at);
        }
    }

    /// The last forecast.
    pub fn last(&self) -> Option<&Judged> {
        self.last.as_ref()
    }

    /// What it has seen of the movement, for explanations.
    pub(super) fn facts(&self) -> impl Iterator<Item = Fact> {
        let at_rest = self.rest.map(|rest| Fact::number("velocity-at-rest", rest));
        let now = self.means.of_last(MEANS.0).map(|now| Fact::number("velocity-now", now));
        let stretches = Fact::count("stretches", self.since.len());
        core::iter::once(stretches).chain(at_rest).chain(now)
    }

    /// A movement the other way is another movement.
    fn turn_with(&mut self, velocity: f64) {
        let sign = if velocity < 0.0 { -1.0 } else { 1.0 };
        if velocity != 0.0 && sign != self.sign {
            let Self { intervals, rained_at, .. } = core::mem::take(self);
            *self = Self { intervals, rained_at, sign, ..Self::default() };
        }
    }

    fn follow(&mut self, sample: Sample) {
        let (short, long) = (self.means.of_last(MEANS.0), self.means.of_last(MEANS.1));
        let crossed = self.means.is_crossed(MEANS.0, MEANS.1) == Some(true);
        if self.onset.is_none() && crossed {
            self.onset = Some(sample.place.0);
        }
        self.rest = match (self.rest, long) {
            (Some(rest), Some(long)) => Some(rest.min(long)),
            (rest, long) => rest.or(long),
        };
        let now = short.unwrap_or_else(|| sample.velocity());
        if self.rest.is_some_and(|rest| now <= CALMED * rest) && now < SLOWED * self.peak {
            self.onset = None;
            self.rest = long;
            self.recent.clear();
        }
        self.peak = self.peak.max(now);
        if now < SLOWED * self.peak || sample.velocity() <= 0.0 {
            self.peak = now;
            self.since.clear();
            self.before.clear();
        }
        if sample.velocity() > 0.0 {
            self.keep(sample);
        }
    }

    fn keep(&mut self, sample: Sample) {
        self.recent.push_back(sample);
        while self.recent.len() > RECENT_MAX {
            self.recent.pop_front();
        }
        if self.onset.is_some() {
            self.since.push_back(sample);
        }
        if self.since.len() > SINCE_MAX {
            let joined = self.since.make_contiguous().chunks(2).map(|pair| match pair {
                [one, next] => one.with(next),
                [one, ..] => *one,
                [] => sample,
            });
            self.since = joined.collect();
        }
    }

    fn judge(&mut self, settings: &Settings, at: Timestamp, place: f64) -> Option<Judged> {
        let (rest, from) = self.rest.zip(self.onset)?;
        let limit = settings.limit.map(|limit| limit.abs());
        let to_limit = limit.and_then(|limit| Forecast::of_limit(&self.recent, place, limit, at));
        let asymptote = Forecast::of_asymptote(&self.since, at);
        let (forecast, is_limit) = match (to_limit, asymptote) {
            (Some(limit), _) => (limit, true),
            (None, Some(asymptote)) => (asymptote, false),
            (None, None) => return None,
        };
        self.before.push_back(forecast.at);
        while self.before.len() > STABLE_COUNT {
            self.before.pop_front();
        }
        let now = self.means.of_last(MEANS.0)?;
        let gates = Gates {
            fitted: settings.is_fitted(&forecast, is_limit),
            moving: now >= settings.speedup * rest && place - from >= settings.moved_min,
            stable: is_limit || self.is_stable(settings, &forecast, at),
            useful: is_limit || is_useful(settings, &forecast, at),
            driven: !self.is_fading(at),
        };
        Some(Judged { forecast, gates, to_limit: is_limit })
    }

    fn is_stable(&self, settings: &Settings, forecast: &Forecast, at: Timestamp) -> bool {
        let near = settings.stable_within * forecast.remaining(at).as_secs_f64();
        let apart = |other: &Timestamp| {
            other.since(forecast.at).max(forecast.at.since(*other)).as_secs_f64()
        };
        self.before.len() >= STABLE_COUNT && self.before.iter().all(|other| apart(other) <= near)
    }

    /// Rain has ended and the movement slows down: what drove it is over (Veslemannen, October 2014).
    fn is_fading(&self, at: Timestamp) -> bool {
        let rested = self.rained_at.is_some_and(|rained| at.since(rained) >= TRIGGER_RESTED);
        rested && self.means.of_last(MEANS.0) < self.means.of_last(MEANS.1)
    }
}

impl Settings {
    fn is_fitted(&self, forecast: &Forecast, to_limit: bool) -> bool {
        let enough = forecast.samples >= usize::from(self.samples_min);
        let line =
            forecast.explained >= self.explained_min && forecast.significance >= self.significance;
        enough && forecast.interval.is_some() && (to_limit || line)
    }
}

fn is_useful(settings: &Settings, forecast: &Forecast, at: Timestamp) -> bool {
    let left = forecast.remaining(at).as_secs_f64();
    let narrow = |(low, high): (Timestamp, Timestamp)| {
        left > 0.0 && high.since(low).as_secs_f64() < settings.width_max * left
    };
    forecast.interval.is_some_and(narrow)
}
