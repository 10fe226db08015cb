//! Wall movement: how far the top of a wall has moved in a day and in a week, by the classes of KCS 11 10 15.
//!
//! In: trusted tilts, taken at the height of the wall, or displacements of its top. Differences are those of six-hour
//! medians, in size. A class begins above its bounds: equality stays in the lower one. Out: a [`Transition`]; its value
//! is the larger part of the class's bounds, in percent. Source: docs/formulas.md 8.5.

use alloc::vec::Vec;
use core::time::Duration;

use reading::Timestamp;
use serde::{Deserialize, Serialize};

use super::explain::{Fact, Measure, Said};
use super::medians::Medians;
use super::persistence::{self, Mark};
use super::{Kind, Transition};

const BLOCK: Duration = Duration::from_secs(6 * 3_600);
const DAY: Duration = Duration::from_secs(86_400);
const KEPT: Duration = Duration::from_secs(9 * 86_400);

/// The class from which it counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// 주의 요망: over 1 mm a day or 2 mm a week.
    Caution,
    /// 특별관리: over 2 mm a day or 4 mm a week.
    Special,
    /// 시급한 대책: over 4 mm a day or 10 mm a week.
    Urgent,
}

impl Class {
    /// Millimetres a day and a week that are still below it.
    pub const fn bounds(self) -> (f64, f64) {
        match self {
            Self::Caution => (1.0, 2.0),
            Self::Special => (2.0, 4.0),
            Self::Urgent => (4.0, 10.0),
        }
    }
}

/// Movement of a wall in or above a class.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// Readings are tilts in degrees, and the top is so high, millimetres; `None`: readings are millimetres.
    pub height: Option<f64>,
    /// From which class on.
    pub class: Class,
    /// How often and how long.
    pub persistence: persistence::Settings,
}

/// The medians of one wall.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct State {
    medians: Medians,
    persistence: persistence::State,
}

impl State {
    /// Millimetres in the last day and week, as far as known.
    fn changes(&self) -> (Option<f64>, Option<f64>) {
        let size = |days: u32| self.medians.change(days * DAY).map(f64::abs);
        (size(1), size(7))
    }

    fn percent(&self, settings: &Settings) -> Option<f64> {
        let (day, week) = self.changes();
        let (of_day, of_week) = settings.class.bounds();
        let day = day.map(|mm| 100.0 * mm / of_day);
        let week = week.map(|mm| 100.0 * mm / of_week);
        day.into_iter().chain(week).reduce(f64::max)
    }
}

impl Kind for State {
    type Settings = Settings;

    fn take_own(&mut self, settings: &Settings, at: Timestamp, value: f64) -> Option<Transition> {
        let top = settings.height.map_or(value, |height| height * libm::tan(value.to_radians()));
        self.medians.take(BLOCK, KEPT, at, top);
        let percent = self.percent(settings);
        let mark = match percent {
            None => Mark::Between,
            Some(percent) if percent > 100.0 => Mark::Beyond,
            Some(_) => Mark::Within,
        };
        let value = percent.unwrap_or(f64::NAN);
        self.persistence.judge(&settings.persistence, at, mark, value)
    }

    fn held(&self) -> bool {
        self.persistence.held()
    }

    fn said(_settings: &Settings) -> Said {
        Said {
            key: "evidence-wall-movement",
            measure: Measure::Own("%"),
            limit: 100.0,
            window: None,
        }
    }

    fn facts(&self, _settings: &Settings) -> Vec<Fact> {
        let mut facts = self.persistence.facts();
        let (day, week) = self.changes();
        facts.extend(day.map(|mm| Fact::number("day-mm", mm)));
        facts.extend(week.map(|mm| Fact::number("week-mm", mm)));
        facts
    }
}

#[cfg(test)]
mod tests {
    use super::super::MAIN;
    use super::*;

    /// The highest class that holds after so many days of a steady movement.
    fn class_after(days: i64, height: Option<f64>, at_hour: impl Fn(f64) -> f64) -> Option<Class> {
        let held = |class: &Class| {
            let persistence = persistence::Settings::IMMEDIATE;
            let settings = Settings { height, class: *class, persistence };
            let mut state = State::default();
            for hour in 0..days * 24 {
                let value = at_hour(hour as f64);
                state.observe(&settings, MAIN, Timestamp::from_secs(hour * 3_600), value);
            }
            state.held()
        };
        [Class::Urgent, Class::Special, Class::Caution].into_iter().find(held)
    }

    #[test]
    fn equality_stays_in_the_lower_class() {
        // a step of so many millimetres within the day, and one spread over the week
        for (mm, class) in [
            (1.0, None),
            (1.01, Some(Class::Caution)),
            (2.0, Some(Class::Caution)),
            (2.01, Some(Class::Special)),
            (4.0, Some(Class::Special)),
            (4.01, Some(Class::Urgent)),
        ] {
            assert_eq!(
                class_after(9, None, |h| if h < 198.0 { 0.0 } else { mm }),
                class,
                "{mm} mm a day"
            );
        }
        for (mm, class) in [
            (2.0, None),
            (4.0, Some(Class::Caution)),
            (10.0, Some(Class::Special)),
            (10.1, Some(Class::Urgent)),
        ] {
            let weekly = |hour: f64| mm * libm::floor(hour / 6.0) / 28.0;
            assert_eq!(class_after(20, None, weekly), class, "{mm} mm a week");
        }
    }

    #[test]
    fn a_wall_that_tilts_as_in_the_scenario() {
        // docs/formulas.md 8.5: 5 m, 0.005 deg a day is 3.05 mm a week at the top (주의); 0.02 deg a day is 12.2 mm (심각)
        let wall = Some(5_000.0);
        assert_eq!(class_after(12, wall, |hour| 0.005 * hour / 24.0), Some(Class::Caution));
        assert_eq!(class_after(12, wall, |hour| 0.02 * hour / 24.0), Some(Class::Urgent));
        assert_eq!(class_after(12, wall, |_| 1.0), None);
    }
}
