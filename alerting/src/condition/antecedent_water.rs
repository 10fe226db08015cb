//! Antecedent water index: what the soil holds above or below field capacity.
//!
//! Below field capacity (index < 0) water is only taken up or evaporated; above, it also drains by δ = exp(−k·Δt):
//! below `A += P − ET`, above `A = A·δ + (P − ET)/Δt · (1 − δ)/k`, never under −capacity. With a step of an hour this
//! is the reference; with another step the input is taken as a rate, so that no rain is lost. In: trusted rain of one
//! series. Out: a [`Transition`]; its value is the index in millimetres. Source: docs/formulas.md 5.4 (U.S. Geological
//! Survey, *thresh*).

use alloc::vec::Vec;
use core::time::Duration;

use reading::Timestamp;
use serde::{Deserialize, Serialize};

use super::amounts::{Intake, Source};
use super::explain::{Fact, Measure, Said};
use super::limit::Limit;
use super::persistence;
use super::steps::{Ended, Steps};
use super::{Kind, Transition};

/// Antecedent water beyond a limit.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// What readings say about amounts.
    pub source: Source,
    /// The step of the index.
    pub step: Duration,
    /// What the soil takes before it drains, millimetres.
    pub field_capacity: f64,
    /// How fast it drains above, an hour.
    pub drain: f64,
    /// What evaporates, millimetres an hour, by month from January (months of UTC).
    pub evaporation: [f64; 12],
    /// It says nothing before it has run for so long: the soil begins dry.
    pub warm_up: Duration,
    /// On the index, millimetres.
    pub limit: Limit,
}

impl Settings {
    /// The index after a step in which `rain` millimetres fell and which ended at `ended_at`.
    fn after(&self, index: f64, rain: f64, ended_at: Timestamp) -> f64 {
        let hours = self.step.as_secs_f64() / 3_600.0;
        let month = month_of(ended_at);
        let gained = rain - self.evaporation[month] * hours;
        let next = if index < 0.0 {
            index + gained
        } else {
            let kept = libm::exp(-self.drain * hours);
            index * kept + gained / hours * (1.0 - kept) / self.drain
        };
        next.max(-self.field_capacity)
    }
}

/// The month of a moment in UTC, January being 0 (the civil calendar by days, as Hinnant has it).
fn month_of(at: Timestamp) -> usize {
    let days = at.nanos().div_euclid(86_400_000_000_000) + 719_468;
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    ((from_march + 2) % 12) as usize
}

/// The index at the end of the last step, and the step that is open.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct State {
    intake: Intake,
    steps: Steps,
    index: Option<f64>,
    since: Option<Timestamp>,
    persistence: persistence::State,
}

impl State {
    fn take(&mut self, settings: &Settings, at: Timestamp, value: f64) {
        let dry = -settings.field_capacity;
        match self.steps.take(settings.step, at, self.intake.take(&settings.source, value)) {
            Ended::Steps(steps) => {
                let after = |index, step: super::steps::Step| {
                    settings.after(index, step.amount(), step.ended_at(settings.step))
                };
                self.index = Some(steps.fold(self.index.unwrap_or(dry), after));
            }
            Ended::Lost => {
                self.index = Some(dry);
                self.since = None;
            }
        }
        self.since.get_or_insert(at);
    }

    /// The index as it will be at the end of the open step if no more falls.
    fn now(&self, settings: &Settings) -> Option<f64> {
        let open = self.steps.open()?;
        Some(settings.after(self.index?, open.amount(), open.ended_at(settings.step)))
    }
}

impl Kind for State {
    type Settings = Settings;

    fn take_own(&mut self, settings: &Settings, at: Timestamp, value: f64) -> Option<Transition> {
        self.take(settings, at, value);
        let warm = self.since.is_some_and(|since| at.since(since) >= settings.warm_up);
        let index = self.now(settings).filter(|_| warm);
        settings.limit.judge(&mut self.persistence, at, index)
    }

    fn held(&self) -> bool {
        self.persistence.held()
    }

    fn said(settings: &Settings) -> Said {
        Said {
            key: "evidence-antecedent-water-index",
            measure: Measure::Own("mm"),
            limit: settings.limit.raise_at,
            window: None,
        }
    }

    fn facts(&self, settings: &Settings) -> Vec<Fact> {
        let mut facts = self.persistence.facts();
        facts.extend(self.now(settings).map(|index| Fact::number("index-mm", index)));
        facts.extend(self.since.map(|since| Fact::moment("runs-since", since)));
        facts
    }
}

#[cfg(test)]
mod tests {
    use super::super::MAIN;
    use super::*;

    fn settings() -> Settings {
        Settings {
            source: Source::default(),
            step: Duration::from_secs(3_600),
            field_capacity: 180.0,
            drain: 0.01,
            evaporation: [0.054 * 0.254; 12],
            warm_up: Duration::ZERO,
            limit: Limit::above(20.0),
        }
    }

    #[test]
    fn steps_below_and_above_field_capacity_as_published() {
        // 0.20 in in an hour, evaporation 0.054 hundredths of an inch
        let after = |from| settings().after(from, 5.08, Timestamp::from_secs(3_600));
        assert!((after(-50.0) - -44.933_72).abs() < 5e-6, "{}", after(-50.0));
        assert!((after(10.0) - 14.941_54).abs() < 5e-6, "{}", after(10.0));
        assert_eq!(settings().after(-179.999, 0.0, Timestamp::from_secs(0)), -180.0);
    }

    #[test]
    fn a_shorter_step_loses_no_rain() {
        let quarter = Settings { step: Duration::from_secs(900), ..settings() };
        let four =
            (0..4).fold(10.0, |index, _| quarter.after(index, 1.27, Timestamp::from_secs(0)));
        let one = settings().after(10.0, 5.08, Timestamp::from_secs(0));
        assert!((four - one).abs() < 0.02, "{four} {one}");
    }

    #[test]
    fn months_are_those_of_the_calendar() {
        for (text, month) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2024-02-29T23:59:59Z", 1),
            ("2024-03-01T00:00:00Z", 2),
            ("2026-12-31T23:59:59Z", 11),
            ("1969-12-31T23:59:59Z", 11),
        ] {
            assert_eq!(month_of(Timestamp::parse(text).unwrap()), month, "{text}");
        }
    }

    #[test]
    fn dry_soil_takes_rain_before_it_counts() {
        let mut state = State::default();
        let mut raised = None;
        for hour in 1..=30i64 {
            let turn = state.observe(&settings(), MAIN, Timestamp::from_secs(hour * 3_600), 10.0);
            raised = raised.or(turn.map(|turn| (hour, turn.held)));
        }
        // 180 mm fill it, in 19 hours as a little evaporates; two more bring it to 20 mm, but for what drains: three
        assert_eq!(raised, Some((21, true)));
    }
}
