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

/// So many of what is nearly told are expected in a thousand readings of a series: one for each of about three
/// detectors that do not depend on each other.
const NEARLY: f64 = 3.0;

/// Up to so many readings the configured rate of false alarms is kept; with more experience it falls in proportion,
/// so that a fast sensor does not cry every hour of its life.
pub const EXPERIENCE: f64 = 4_000.0;

/// How seldom it may be wrong.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// About one false alarm in so many readings, at most: at least 1000. Once a series has been watched for more
    /// than [`EXPERIENCE`] readings the number grows with them.
    pub readings_per_false_alarm: f64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { readings_per_false_alarm: 5_000.0 }
    }
}

/// What one series has been known to do. Its size does not grow.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct State {
    companions: Companions,
    seen: u64,
    /// How often something was told or nearly so.
    nearly: u32,
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
    last: Option<Episode>,
    lasting: Lasting,
    /// The reading up to which something told belongs to what was told last.
    lasts_until: u64,
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

/// Something that was told.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Episode {
    /// When it was told first.
    pub since: Timestamp,
    /// When it was last told, having become rarer.
    pub last: Timestamp,
    /// Why.
    pub reason: Reason,
    /// The score it was last told with.
    pub score: f64,
    /// Over how many readings it showed.
    pub span: u32,
}

impl State {
    /// What is to be said at the last reading.
    pub fn verdict(&self, settings: &Settings) -> Verdict {
        let limit = self.limit(settings);
        let reach = self.spikes.reach(limit, self.resolution());
        let middle = median(self.before) + self.explained;
        Verdict {
            score: self.score,
            limit,
            told: self.last,
            lasting: self.lasting.span(),
            band: reach.map(|reach| (middle - reach, middle + reach)),
        }
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

    /// Holds for the one reading with which something is told: what lasts is told once, and again only when it has
    /// become three times as rare. `value` of the transition is the score.
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
        let stuck = self.last.is_some_and(|told| told.reason == Reason::Stuck);
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
        let noisy = strongest.span <= roughness::SPAN_MAX && self.roughness.is_unusual();
        match strongest.reason {
            Reason::LevelShift | Reason::Trend | Reason::Spike if noisy => {
                Evidence { reason: Reason::Variance, ..strongest }
            }
            _ => strongest,
        }
    }

    fn strongest(&self) -> Evidence {
        self.runs
            .evidence()
            .or(self.spikes.evidence(&self.told))
            .or(self.roughness.evidence(&self.told))
            .or(self.shifts.evidence(&self.told))
            .or(self.shape.evidence(&self.told))
    }

    /// Notes what is told, or nearly so: either way its echo is no news. Says whether it is enough to speak.
    fn tell(&mut self, settings: &Settings, at: Timestamp, evidence: Evidence) -> bool {
        self.score = evidence.score;
        let limit = self.limit(settings);
        if evidence.score < limit - NEWS {
            return false;
        }
        let spoken = evidence.score >= limit;
        self.nearly = self.nearly.saturating_add(1);
        self.told.tell(evidence);
        if evidence.reason == Reason::Stuck {
            self.runs.settle(evidence.score, spoken);
        }
        if spoken {
            self.note(at, evidence);
        }
        spoken
    }

    fn note(&mut self, at: Timestamp, evidence: Evidence) {
        let Evidence { score, reason, span } = evidence;
        let since = match self.last {
            Some(before) if self.seen <= self.lasts_until => before.since,
            _ => at,
        };
        self.last = Some(Episode { since, last: at, reason, score, span });
        self.lasting.tell(at);
        self.lasts_until = self.seen + 2 * u64::from(span) + 16;
    }

    /// The score from which it speaks. With more experience it must be rarer; and a series that is told of more often
    /// than the scores say it should be has tails that the past does not show, and is believed less in proportion.
    fn limit(&self, settings: &Settings) -> f64 {
        let seen = self.seen as f64;
        let experience = (seen / EXPERIENCE).max(1.0);
        let expected = NEARLY * (1.0 + seen / 1_000.0);
        let excess = (f64::from(self.nearly) / expected).max(1.0);
        libm::log10(settings.readings_per_false_alarm * experience * excess)
    }
}

/// The middle one of three.
fn median([a, b, c]: [f64; 3]) -> f64 {
    a.max(b).min(a.min(b).max(c))
}

#[cfg(test)]
mod tests {
    use super::super::MAIN;
    use super::*;
    use alloc::vec::Vec;

    /// Noise of even spread in ±1, the same on every machine.
    fn noise(seed: u64) -> impl FnMut() -> f64 {
        let mut state = seed.wrapping_mul(2) | 1;
        move || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as f64 / f64::from(1u32 << 30) - 1.0
        }
    }

    fn told(values: impl IntoIterator<Item = f64>) -> Vec<(usize, Reason)> {
        let settings = Settings::default();
        let mut state = State::default();
        let mut told = Vec::new();
        for (row, value) in values.into_iter().enumerate() {
            let at = Timestamp::from_secs(row as i64 * 600);
            let turn = Kind::observe(&mut state, &settings, MAIN, at, value);
            if turn.is_some_and(|turn| turn.held) {
                told.push((row, state.verdict(&settings).told.unwrap().reason));
            }
        }
        told
    }

    /// A quiet sensor with noise, to which `event` adds something from row 2000 on.
    fn sensor(event: impl Fn(f64, f64) -> f64) -> Vec<(usize, Reason)> {
        let (mut noise, mut more) = (noise(7), noise(8));
        told((0..2_400).map(|row| {
            let usual = 10.0 + noise();
            let since = f64::from(row) - 2_000.0;
            if since < 0.0 { usual } else { usual + event(since, more()) }
        }))
    }

    #[test]
    fn tells_each_kind_of_event_soon_and_by_its_name() {
        type Event = fn(f64, f64) -> f64;
        let table: &[(&str, Event, Reason, usize)] = &[
            ("step", |_, _| 5.0, Reason::LevelShift, 4),
            ("drift", |since, _| since * 0.05, Reason::Trend, 100),
            ("noise", |_, more| more * 2.5, Reason::Variance, 64),
            ("spike", |since, _| if since < 1.0 { 40.0 } else { 0.0 }, Reason::Spike, 1),
        ];
        for (name, event, reason, within) in table {
            let told = sensor(event);
            let first = told.iter().find(|(row, _)| *row >= 2_000).expect(name);
            assert!(first.0 <= 2_000 + within, "{name}: {told:?}");
            assert!(told.iter().any(|(_, said)| said == reason), "{name}: {told:?}");
            assert!(told.len() <= 4, "{name} is told over and over: {told:?}");
        }
    }

    #[test]
    fn what_swings_where_it_wandered_is_told_by_its_shape() {
        let (mut noise, mut place, mut way) = (noise(19), 0.0f64, 1.0f64);
        let told = told((0..6_000).map(|row| {
            // the same changes all the time: they go on in one direction for a while, and then each undoes the last
            let turns = if row < 5_000 { noise() > 0.7 } else { true };
            way = match (turns, place) {
                (_, ..-6.0) => 1.0,
                (_, 6.0..) => -1.0,
                (true, _) => -way,
                (false, _) => way,
            };
            place += way * (1.0 + 0.5 * noise());
            place
        }));
        assert!(told.iter().any(|(row, why)| *row >= 5_000 && *why == Reason::Shape), "{told:?}");
        assert!(told.iter().filter(|(row, _)| *row < 5_000).count() <= 2, "{told:?}");
    }

    #[test]
    fn a_value_that_freezes_is_told_once_where_values_move() {
        let mut noise = noise(3);
        let moving: Vec<f64> = (0..1_000).map(|_| noise()).collect();
        let frozen = moving.iter().copied().chain([moving[999]; 500]);
        let told = told(frozen);
        assert_eq!(told.iter().filter(|(_, why)| *why == Reason::Stuck).count(), 1, "{told:?}");
    }

    #[test]
    fn a_dry_gauge_is_not_stuck() {
        let rain = (0..6_000).map(|row| if row % 700 < 5 { 0.2 } else { 0.0 });
        assert!(told(rain).iter().all(|(_, why)| *why != Reason::Stuck));
    }

    #[test]
    fn the_score_says_how_often_it_is_wrong() {
        // 40 quiet sensors, 8000 readings each, of which it speaks about once in 5000
        let alarms: usize = (0..40)
            .map(|seed| {
                let mut noise = noise(seed + 100);
                told((0..8_000).map(|_| noise())).len()
            })
            .sum();
        assert!((4..=80).contains(&alarms), "{alarms} in 320000 readings");
    }

    #[test]
    fn units_and_intervals_do_not_matter() {
        let mut noise = noise(11);
        let values: Vec<f64> =
            (0..3_000).map(|row| noise() + if row > 2_500 { 4.0 } else { 0.0 }).collect();
        let plain = told(values.iter().copied());
        assert!(!plain.is_empty());
        assert_eq!(plain, told(values.iter().map(|value| value * 1_024.0)));
    }

    #[test]
    fn nothing_is_learned_while_an_incident_is_open() {
        let settings = Settings::default();
        let mut noise = noise(5);
        let mut state = State::default();
        let mut row = 0;
        let mut show = |state: &mut State, value: f64| {
            row += 1;
            Kind::observe(state, &settings, MAIN, Timestamp::from_secs(row * 60), value);
        };
        (0..2_000).for_each(|_| show(&mut state, noise()));
        let band = |state: &State| state.spikes.reach(5.0, 1.0);
        let before = band(&state);
        state.freeze(true);
        (0..500).for_each(|_| show(&mut state, noise() * 50.0));
        assert_eq!(band(&state), before, "frozen");
        state.freeze(false);
        (0..500).for_each(|_| show(&mut state, noise() * 50.0));
        assert_ne!(band(&state), before, "learning again");
    }

    #[test]
    fn what_was_told_lasts_until_the_series_is_back_however_used_to_it_one_is() {
        let settings = Settings::default();
        let (mut state, mut noise) = (State::default(), noise(17));
        let mut lasting = Vec::new();
        for row in 0..12_000i64 {
            let away = if (2_000..9_000).contains(&row) { 20.0 } else { 0.0 };
            Kind::observe(&mut state, &settings, MAIN, Timestamp::from_secs(row), noise() + away);
            let lasts = state.verdict(&settings).lasting;
            lasting.push(lasts.is_some_and(|(_, until)| until.is_none()));
        }
        // the levels before it are far outside every window by then, and its own noise is what is usual
        assert!(lasting[2_010..8_990].iter().all(|lasts| *lasts));
        assert!(lasting[9_100..].iter().filter(|lasts| **lasts).count() < 200);
    }

    /// A post that tilts with the warmth of the day, beside a thermometer, and slips a little after 4000 readings.
    fn slip_in_the_warmth_of_the_day(beside: bool) -> Vec<usize> {
        let (settings, mut noise) = (Settings::default(), noise(13));
        let mut state = State::default();
        let mut told = Vec::new();
        for row in 0..4_200u32 {
            let at = Timestamp::from_secs(i64::from(row) * 600);
            let day = f64::from(row) / 144.0;
            let warmth = 15.0
                + 8.0 * libm::sin(core::f64::consts::TAU * day)
                + 3.0 * libm::sin(day)
                + noise();
            if beside {
                Kind::observe(&mut state, &settings, 1, at, warmth);
            }
            let slip = if row < 4_000 { 0.0 } else { 0.006 };
            let tilt = 0.002 * warmth + 0.001 * noise() + slip;
            let turn = Kind::observe(&mut state, &settings, MAIN, at, tilt);
            told.extend(turn.filter(|turn| turn.held).map(|_| row as usize));
        }
        told
    }

    #[test]
    fn what_a_companion_explains_hides_nothing() {
        let alone = slip_in_the_warmth_of_the_day(false);
        assert!(
            alone.iter().all(|row| *row < 4_000),
            "the warmth moves it more than that: {alone:?}"
        );
        let beside = slip_in_the_warmth_of_the_day(true);
        let first = beside.iter().find(|row| **row >= 4_000);
        assert!(first.is_some_and(|row| *row < 4_016), "{beside:?}");
        assert!(beside.iter().filter(|row| **row < 4_000).count() <= 2, "{beside:?}");
    }

    #[test]
    fn state_is_bounded() {
        assert!(size_of::<State>() <= 8 * 1_024, "{} bytes", size_of::<State>());
        let mut noise = noise(2);
        let mut state = State::default();
        let settings = Settings::default();
        for row in 0..100_000i64 {
            Kind::observe(&mut state, &settings, MAIN, Timestamp::from_secs(row), noise());
        }
        let bytes = postcard::to_allocvec(&state).unwrap();
        assert!(bytes.len() <= 8 * 1_024, "{} bytes in a snapshot", bytes.len());
        assert_eq!(postcard::from_bytes::<State>(&bytes).unwrap(), state);
    }

    #[test]
    fn any_input_is_survived() {
        let odd = [f64::NAN, f64::INFINITY, 0.0, -0.0, f64::MAX, f64::MIN, 1e-320, 5.0];
        let mut state = State::default();
        let settings = Settings::default();
        for row in 0..20_000usize {
            let at = Timestamp::from_secs((row / 3) as i64 * if row % 97 == 0 { 1_000 } else { 1 });
            Kind::observe(&mut state, &settings, MAIN, at, odd[(row * 7 + row / 5) % odd.len()]);
            assert!(!state.verdict(&settings).score.is_nan(), "row {row}");
        }
    }
}
