//! Intensity–duration: the mean intensity of a storm against a published line.
//!
//! In: trusted rain of one series, in event order. Out: a [`Transition`]; its value is the intensity in parts of what
//! the line has at the storm's duration. A line that a storm crosses while it goes on is crossed. Global minimum lines
//! fire constantly in monsoon rain: use it for 관심. Source: docs/formulas.md 5.3.

use alloc::vec::Vec;

use reading::Timestamp;
use serde::{Deserialize, Serialize};

use super::amounts::{Intake, Source};
use super::explain::{Fact, Measure, Said};
use super::limit::Limit;
use super::persistence;
use super::storm::Storms;
use super::{Kind, Transition};

/// A line I = factor · D^−exponent, mm/h over hours, where it is stated.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// Millimetres an hour at one hour.
    pub factor: f64,
    /// How fast it falls.
    pub exponent: f64,
    /// The shortest and the longest duration it is stated for, hours.
    pub hours: (f64, f64),
}

impl Line {
    /// Caine 1980, world.
    pub const CAINE: Self = Self::new(14.82, 0.39);
    /// Guzzetti et al. 2008, world, a minimum.
    pub const GUZZETTI: Self = Self::new(2.20, 0.44);
    /// Seattle, 3.257 in/h at one hour (U.S. Geological Survey).
    pub const SEATTLE: Self = Self::new(82.727_8, 1.13);
    /// Korea: 478 slides, 1963 to 2012, quantile regression; stated for 4 to 76 h.
    pub const KOREA: Self = Self { hours: (4.0, 76.0), ..Self::new(9.64, 0.27) };

    /// A line stated for every duration.
    pub const fn new(factor: f64, exponent: f64) -> Self {
        Self { factor, exponent, hours: (0.0, f64::MAX) }
    }

    /// What it has at a duration in hours, if it is stated for it.
    pub fn at(&self, hours: f64) -> Option<f64> {
        let stated = (self.hours.0..=self.hours.1).contains(&hours);
        stated.then(|| self.factor * libm::pow(hours, -self.exponent))
    }
}

/// A storm beyond a line.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// What readings say about amounts.
    pub source: Source,
    /// The line.
    pub line: Line,
    /// So many dry hours in a row end a storm.
    pub dry_hours: u16,
    /// On the intensity in parts of the line.
    pub limit: Limit,
}

/// The storm that is going on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct State {
    intake: Intake,
    storms: Storms,
    persistence: persistence::State,
}

impl State {
    /// None while a storm lasts as long as the line is not stated for: that says nothing, for or against.
    fn share(&self, settings: &Settings) -> Option<f64> {
        let Some(storm) = self.storms.current() else { return Some(0.0) };
        Some(storm.intensity() / settings.line.at(storm.hours())?)
    }
}

impl Kind for State {
    type Settings = Settings;

    fn take_own(&mut self, settings: &Settings, at: Timestamp, value: f64) -> Option<Transition> {
        let amount = self.intake.take(&settings.source, value);
        self.storms.take(settings.dry_hours, at, amount);
        let share = self.share(settings);
        settings.limit.judge(&mut self.persistence, at, share)
    }

    fn held(&self) -> bool {
        self.persistence.held()
    }

    fn said(settings: &Settings) -> Said {
        Said {
            key: "evidence-intensity-duration",
            measure: Measure::Own(""),
            limit: settings.limit.raise_at,
            window: None,
        }
    }

    fn facts(&self, settings: &Settings) -> Vec<Fact> {
        let mut facts = self.persistence.facts();
        if let Some(storm) = self.storms.current() {
            facts.push(Fact::number("storm-hours", storm.hours()));
            facts.push(Fact::number("storm-depth-mm", storm.depth()));
            facts.push(Fact::number("intensity-mm-per-hour", storm.intensity()));
            let line = settings.line.at(storm.hours());
            facts.extend(line.map(|line| Fact::number("line-mm-per-hour", line)));
        }
        facts
    }
}

#[cfg(test)]
mod tests {
    use super::super::MAIN;
    use super::*;

    #[test]
    fn published_lines_have_their_published_values() {
        // docs/formulas.md 5.3: hours, Caine, Guzzetti, Korea, Seattle
        let rows = [
            (1.0, 14.820, 2.200, None, 82.728),
            (4.0, 8.631, 1.195, Some(6.630), 17.27),
            (6.0, 7.368, 1.000, Some(5.943), 10.92),
            (12.0, 5.623, 0.737, Some(4.928), 4.99),
            (24.0, 4.291, 0.543, Some(4.087), 2.28),
            (48.0, 3.275, 0.401, Some(3.390), 1.04),
            (72.0, 2.796, 0.335, Some(3.038), 0.659),
        ];
        for (hours, caine, guzzetti, korea, seattle) in rows {
            let near = |line: Line, expected: Option<f64>| match (line.at(hours), expected) {
                (Some(got), Some(expected)) => (got - expected).abs() < 0.002 * expected,
                (got, expected) => got.is_none() && expected.is_none(),
            };
            assert!(near(Line::CAINE, Some(caine)), "{hours}");
            assert!(near(Line::GUZZETTI, Some(guzzetti)), "{hours}");
            assert!(near(Line::KOREA, korea), "{hours}");
            assert!(near(Line::SEATTLE, Some(seattle)), "{hours}");
        }
        assert_eq!(Line::KOREA.at(76.1), None);
    }

    #[test]
    fn holds_from_the_hour_the_line_is_crossed_until_the_storm_is_over() {
        let settings = Settings {
            source: Source::default(),
            line: Line::CAINE,
            dry_hours: 3,
            limit: Limit::above(1.0),
        };
        let mut state = State::default();
        // 6 mm, 20 mm, 20 mm: 6 and 13 are short of the line, 15.3 mm/h over three hours is beyond its 9.66
        let rain = [6.0, 16.0, 24.0, 0.0, 0.0, 0.0, 0.0, 0.0];
        let turns: std::vec::Vec<_> = (1..)
            .zip(rain)
            .filter_map(|(hour, mm)| {
                let at = Timestamp::from_secs(hour * 3_600);
                Some((hour, state.observe(&settings, MAIN, at, mm)?.held))
            })
            .collect();
        assert_eq!(turns, [(3, true), (7, false)]);
    }

    #[test]
    fn a_storm_longer_than_its_line_is_stated_for_holds_until_it_is_over() {
        let settings = Settings {
            source: Source::default(),
            line: Line::KOREA,
            dry_hours: 24,
            limit: Limit::above(1.0),
        };
        let mut state = State::default();
        let turns: std::vec::Vec<_> = (1..140)
            .filter_map(|hour| {
                let at = Timestamp::from_secs(hour * 3_600);
                let mm = if hour <= 100 { 4.5 } else { 0.0 };
                Some((hour, state.observe(&settings, MAIN, at, mm)?.held))
            })
            .collect();
        // 4.5 mm/h crosses 9.64 D^-0.27 after 16.8 h; the line ends at 76 h, the rain at 100
        assert_eq!(turns, [(17, true), (125, false)]);
    }
}
