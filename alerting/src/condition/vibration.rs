//! Vibration: peak particle velocity against tables that depend on frequency.
//!
//! A logger sends two series for each event: the peak of one component, and as companion the dominant frequency of the
//! same moment. A peak without a frequency is judged by the strictest value of its table. Out: a [`Transition`]; its
//! value is the peak in percent of the limit at its frequency. Source: docs/formulas.md 8.1 (DIN 4150-3, KCS 11 10 15).

use alloc::vec::Vec;
use core::time::Duration;

use reading::Timestamp;
use serde::{Deserialize, Serialize};

use super::explain::{Fact, Measure, Said};
use super::limit::Limit;
use super::persistence;
use super::{Kind, Transition};

/// A frequency belongs to a peak if it is at most so much older.
const SAME_EVENT: Duration = Duration::from_secs(2);

/// Limits by frequency; the peak of any component, mm/s.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Table {
    /// DIN 4150-3, short-term, at the foundation: industrial buildings.
    Din4150Industrial,
    /// The same: dwellings.
    Din4150Dwelling,
    /// The same: sensitive and listed buildings.
    Din4150Sensitive,
    /// 환경분쟁조정위원회 class Ⅰ: reinforced concrete.
    KoreaClass1,
    /// Class Ⅱ: concrete, brick.
    KoreaClass2,
    /// Class Ⅲ: masonry, cement block.
    KoreaClass3,
    /// Class Ⅳ: altered class Ⅲ, historic.
    KoreaClass4,
    /// Road open-blasting guideline (2006), heritage and computers: 2 mm/s.
    KoreaRoadHeritage,
    /// The same, houses and apartments: 3 to 5, of which the lower.
    KoreaRoadHouse,
    /// The same, commercial buildings: 10.
    KoreaRoadCommercial,
    /// USBM RI 8507, drywall.
    UsbmDrywall,
    /// USBM RI 8507, plaster.
    UsbmPlaster,
}

impl Table {
    /// The limit at a frequency, mm/s: level beyond the corners, straight between them.
    pub fn limit(self, hertz: f64) -> f64 {
        match self {
            Self::Din4150Industrial => between(&[(10.0, 20.0), (50.0, 40.0), (100.0, 50.0)], hertz),
            Self::Din4150Dwelling => between(&[(10.0, 5.0), (50.0, 15.0), (100.0, 20.0)], hertz),
            Self::Din4150Sensitive => between(&[(10.0, 3.0), (50.0, 8.0), (100.0, 10.0)], hertz),
            Self::KoreaClass1 => between(&[(10.0, 15.0), (40.0, 45.0), (100.0, 50.0)], hertz),
            Self::KoreaClass2 => between(&[(10.0, 10.0), (40.0, 25.0), (100.0, 30.0)], hertz),
            Self::KoreaClass3 => between(&[(10.0, 5.0), (40.0, 15.0), (100.0, 20.0)], hertz),
            Self::KoreaClass4 => between(&[(10.0, 2.5), (40.0, 7.5), (100.0, 10.0)], hertz),
            Self::KoreaRoadHeritage => 2.0,
            Self::KoreaRoadHouse => 3.0,
            Self::KoreaRoadCommercial => 10.0,
            Self::UsbmDrywall => usbm(19.0, hertz),
            Self::UsbmPlaster => usbm(12.7, hertz),
        }
    }

    /// The limit at the worst frequency from 1 Hz up.
    pub fn strictest(self) -> f64 {
        self.limit(1.0)
    }
}

fn between(corners: &[(f64, f64); 3], hertz: f64) -> f64 {
    let [first, .., last] = corners;
    if hertz <= first.0 {
        return first.1;
    }
    for pair in corners.windows(2) {
        let ((from, low), (to, high)) = (pair[0], pair[1]);
        if hertz <= to {
            return low + (high - low) * (hertz - from) / (to - from);
        }
    }
    last.1
}

/// RI 8507: rising with the frequency to a plateau, and from it to 50.8 mm/s.
fn usbm(plateau: f64, hertz: f64) -> f64 {
    (4.79 * hertz).min(plateau).max((1.277 * hertz).min(50.8))
}

/// A peak beyond its table.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// The table.
    pub table: Table,
    /// On the peak in percent of the table.
    pub limit: Limit,
}

/// The last event.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct State {
    frequency: Option<(Timestamp, f64)>,
    /// Peak, frequency if known, limit.
    last: Option<(f64, Option<f64>, f64)>,
    persistence: persistence::State,
}

impl Kind for State {
    type Settings = Settings;
    fn take_beside(&mut self, _settings: &Settings, _slot: u8, at: Timestamp, value: f64) {
        self.frequency = Some((at, value));
    }

    fn take_own(&mut self, settings: &Settings, at: Timestamp, value: f64) -> Option<Transition> {
        let same = |(then, hertz): &(Timestamp, f64)| at.since(*then) <= SAME_EVENT && *hertz > 0.0;
        let hertz = self.frequency.filter(same).map(|(_, hertz)| hertz);
        let limit = hertz.map_or(settings.table.strictest(), |hertz| settings.table.limit(hertz));
        self.last = Some((value, hertz, limit));
        settings.limit.judge(&mut self.persistence, at, Some(100.0 * value.abs() / limit))
    }

    fn held(&self) -> bool {
        self.persistence.held()
    }

    fn said(settings: &Settings) -> Said {
        Said {
            key: "evidence-vibration",
            measure: Measure::Own("%"),
            limit: settings.limit.raise_at,
            window: None,
        }
    }

    fn facts(&self, _settings: &Settings) -> Vec<Fact> {
        let mut facts = self.persistence.facts();
        if let Some((peak, hertz, limit)) = self.last {
            facts.push(Fact::number("peak-mm-per-second", peak));
            facts.push(Fact::number("limit-mm-per-second", limit));
            facts.extend(hertz.map(|hertz| Fact::number("frequency-hz", hertz)));
        }
        facts
    }
}

#[cfg(test)]
mod tests {
    use super::super::MAIN;
    use super::*;

    #[test]
    fn vector_g1_tables_by_frequency() {
        // docs/formulas.md 8.1
        for (table, hertz, limit) in [
            (Table::Din4150Industrial, 25.0, 27.5),
            (Table::Din4150Dwelling, 25.0, 8.75),
            (Table::Din4150Sensitive, 25.0, 4.875),
            (Table::Din4150Industrial, 75.0, 45.0),
            (Table::Din4150Dwelling, 75.0, 17.5),
            (Table::Din4150Sensitive, 75.0, 9.0),
            (Table::Din4150Dwelling, 5.0, 5.0),
            (Table::Din4150Dwelling, 500.0, 20.0),
            (Table::KoreaClass3, 25.0, 10.0),
            (Table::KoreaClass4, 25.0, 5.0),
            (Table::KoreaClass2, 70.0, 27.5),
            (Table::KoreaClass1, 120.0, 50.0),
            (Table::UsbmDrywall, 30.0, 38.31),
            (Table::UsbmDrywall, 2.0, 9.58),
            (Table::UsbmDrywall, 10.0, 19.0),
            (Table::UsbmPlaster, 5.0, 12.7),
            (Table::UsbmPlaster, 60.0, 50.8),
            (Table::KoreaRoadHouse, 60.0, 3.0),
        ] {
            let got = table.limit(hertz);
            assert!((got - limit).abs() < 1e-9, "{table:?} at {hertz} Hz: {got} is not {limit}");
        }
    }

    #[test]
    fn an_event_is_judged_at_its_frequency_and_without_one_strictly() {
        let settings = Settings { table: Table::KoreaClass3, limit: Limit::above(100.0) };
        let event = |hertz: Option<f64>, peak: f64| {
            let mut state = State::default();
            let at = Timestamp::from_secs(1_000);
            if let Some(hertz) = hertz {
                state.observe(&settings, 1, at, hertz);
            }
            state.observe(&settings, MAIN, at, peak).map(|turn| (turn.held, turn.value))
        };
        // blasts: 50 m with 4 kg gives 11.6 mm/s, 100 m gives 3.8
        let (held, percent) = event(Some(25.0), 11.6).unwrap();
        assert!(held && (percent - 116.0).abs() < 1e-9);
        assert_eq!(event(Some(25.0), 3.8), None);
        assert_eq!(
            event(None, 5.0).map(|turn| turn.0),
            Some(true),
            "5 mm/s is the limit under 10 Hz"
        );
        assert_eq!(event(Some(0.0), 5.0).map(|turn| turn.0), Some(true));
    }

    #[test]
    fn a_frequency_of_another_event_is_none() {
        let settings = Settings { table: Table::KoreaClass3, limit: Limit::above(100.0) };
        let mut state = State::default();
        state.observe(&settings, 1, Timestamp::from_secs(0), 40.0);
        let turn = state.observe(&settings, MAIN, Timestamp::from_secs(60), 5.0);
        assert!(turn.unwrap().held);
    }
}
