//! Trigger: a waveform suddenly has more energy than it had: a tremor, a rockfall, a blow.
//!
//! In: samples of one geophone or accelerometer, in event order. Out: a [`Transition`] when the short-term energy is
//! so many times the long-term one, and when it has fallen back. The classic ratio of two averages (STA/LTA; R. Allen,
//! 1978), as recursive means over time, so that a lost sample does no harm. Several stations that trigger together
//! are a rule with `at-least = "3 stations"`: each holds for `hold`, in which the wave reaches the others.

use alloc::vec::Vec;
use core::f64::consts::TAU;
use core::time::Duration;

use reading::Timestamp;
use serde::{Deserialize, Serialize};

use super::explain::{Fact, Measure, Said};
use super::{Kind, Transition};

/// One sample counts at most for so many times the long-term energy: a glitch is not a wave.
const SAMPLE_MAX: f64 = 20.0;

/// When a waveform has triggered.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// The short-term mean: about as long as a strong shake.
    pub short: Duration,
    /// The long-term mean: what is usual just now. Nothing is said before it has been watched for so long.
    pub long: Duration,
    /// Slower movement than this, in Hz, is taken away first: offset, drift, wind, microseism.
    pub high_pass: f64,
    /// The ratio of the two energies at which it triggers.
    pub raise_at: f64,
    /// Below this ratio it is over.
    pub clear_below: f64,
    /// It holds for at least so long.
    pub hold: Duration,
}

impl Default for Settings {
    /// 0.3 s against 10 s above 5 Hz, five times, until twice, for at least 3 s.
    fn default() -> Self {
        Self {
            short: Duration::from_millis(300),
            long: Duration::from_secs(10),
            high_pass: 5.0,
            raise_at: 5.0,
            clear_below: 2.0,
            hold: Duration::from_secs(3),
        }
    }
}

/// Two running energies.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct State {
    started_at: Timestamp,
    last: Option<(Timestamp, f64)>,
    /// What is left after the slow movement is taken away.
    fast: f64,
    short: f64,
    long: f64,
    /// While it holds: since when.
    since: Option<Timestamp>,
}

impl State {
    /// How many times the usual energy there is now.
    pub fn ratio(&self) -> f64 {
        if self.long > 0.0 { self.short / self.long } else { 0.0 }
    }

    /// Takes a sample into both means; plain means until they are as old as they are long.
    fn take(&mut self, settings: &Settings, at: Timestamp, value: f64) {
        let gap = self.last.is_none_or(|(last, _)| at.since(last) > settings.long);
        let (last, before) = match self.last.replace((at, value)) {
            Some(last) if !gap => last,
            _ => {
                let since = self.since;
                *self = Self { started_at: at, last: Some((at, value)), since, ..Self::default() };
                return;
            }
        };
        let passed = at.since(last).as_secs_f64();
        if passed <= 0.0 {
            return; // two values for one moment are no movement
        }
        let age = at.since(self.started_at).as_secs_f64().max(passed);
        let kept = libm::exp(-TAU * settings.high_pass * passed);
        // an absurd sample must not make the energies infinite
        self.fast = (kept * (self.fast + value - before)).clamp(-1e150, 1e150);
        if self.long > 0.0 && age > settings.short.as_secs_f64() {
            let most = libm::sqrt(SAMPLE_MAX * self.long);
            self.fast = self.fast.clamp(-most, most);
        }
        let energy = self.fast * self.fast;
        let share =
            |length: Duration| (1.0 - libm::exp(-passed / length.as_secs_f64())).max(passed / age);
        self.short += share(settings.short) * (energy - self.short);
        self.long += share(settings.long) * (energy - self.long);
    }
}

impl Kind for State {
    type Settings = Settings;

    /// `value` of the transition is the ratio.
    fn take_own(&mut self, settings: &Settings, at: Timestamp, value: f64) -> Option<Transition> {
        if !value.is_finite() {
            return None;
        }
        self.take(settings, at, value);
        let ratio = self.ratio();
        let held = match self.since {
            None => at.since(self.started_at) >= settings.long && ratio >= settings.raise_at,
            Some(since) => ratio >= settings.clear_below || at.since(since) < settings.hold,
        };
        if held == self.since.is_some() {
            return None;
        }
        self.since = held.then_some(at);
        Some(Transition { held, at, value: ratio })
    }

    fn held(&self) -> bool {
        self.since.is_some()
    }

    fn said(settings: &Settings) -> Said {
        Said {
            key: "evidence-trigger",
            measure: Measure::Own(""),
            limit: settings.raise_at,
            window: Some(settings.long),
        }
    }

    fn facts(&self, _settings: &Settings) -> Vec<Fact> {
        let mut facts = alloc::vec![Fact::number("energy-ratio", self.ratio())];
        facts.extend(self.since.map(|since| Fact::moment("triggered-at", since)));
        facts
    }
}

#[cfg(test)]
mod tests {
    use super::super::MAIN;
    use super::*;
    use proptest::prelude::*;

    /// A minute at 50 Hz of noise with what `event` adds from second 30 on; the seconds at which it turned.
    fn play(offset: f64, event: impl Fn(f64) -> f64) -> Vec<(f64, bool)> {
        let settings = Settings::default();
        let mut state = State::default();
        let mut seed = 1u32;
        let mut turns = Vec::new();
        for row in 0..3_000i64 {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let noise = f64::from(seed >> 8) / f64::from(1u32 << 23) - 1.0;
            let second = row as f64 / 50.0;
            let wave = if second < 30.0 { 0.0 } else { event(second - 30.0) };
            let at = Timestamp::from_nanos(row * 20_000_000);
            let turn = Kind::observe(&mut state, &settings, MAIN, at, offset + noise + wave);
            turns.extend(turn.map(|turn| (second, turn.held)));
        }
        turns
    }

    #[test]
    fn a_tremor_triggers_within_half_a_second_and_ends() {
        let turns = play(-2_500.0, |s| 20.0 * libm::exp(-s) * libm::sin(TAU * 8.0 * s));
        assert!(
            matches!(turns[..], [(on, true), (off, false)] if on < 30.5 && off < 40.0),
            "{turns:?}"
        );
    }

    #[test]
    fn neither_a_glitch_nor_a_slow_swell_nor_a_shift_is_a_wave() {
        let glitch = |s: f64| if s < 0.02 { 1e9 } else { 0.0 };
        let swell = |s: f64| 20.0 * libm::sin(TAU * 0.2 * s);
        for turns in [play(0.0, |_| 0.0), play(0.0, glitch), play(0.0, swell), play(0.0, |_| 10.0)]
        {
            assert!(turns.is_empty(), "{turns:?}");
        }
    }

    proptest! {
        #[test]
        fn any_samples_are_survived(
            samples in prop::collection::vec((0u64..30_000_000_000, any::<f64>()), 0..200),
        ) {
            let settings = Settings::default();
            let mut state = State::default();
            let mut at = Timestamp::from_secs(0);
            for (step, value) in samples {
                at = at.plus(Duration::from_nanos(step));
                Kind::observe(&mut state, &settings, MAIN, at, value);
                prop_assert!(!state.ratio().is_nan());
            }
        }
    }
}
