//! The supply of a station: a battery, a panel, the sun of Korea, cold and cloud.

use reading::Timestamp;
use serde::Deserialize;

use crate::physics::moved;

/// How a station is fed.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PowerPlan {
    /// What the battery holds at 25 °C, watt hours.
    pub battery_wh: f64,
    /// What the panel gives in full sun, watts.
    pub panel_w: f64,
    /// What the station draws, watts.
    pub load_w: f64,
}

/// What is left of the sun under rain clouds; an own figure.
const CLOUDED: f64 = 0.15;
/// What a box in deep sleep draws of its usual load: a clock and a voltmeter; an own figure.
const ASLEEP: f64 = 0.02;
/// Below this a LiFePO4 battery takes no charge, °C: makers' data sheets.
const CHARGES_FROM_C: f64 = 5.0;
/// Part of the capacity at a temperature, LiFePO4: makers' data sheets.
const CAPACITY: [(f64, f64); 3] = [(-20.0, 0.5), (0.0, 0.8), (25.0, 1.0)];

/// The supply of one station, stepped in time.
#[derive(Clone, Debug)]
pub struct Power {
    plan: PowerPlan,
    stored_wh: f64,
    at: Timestamp,
    air_c: f64,
}

impl Power {
    /// A full battery.
    pub fn new(plan: PowerPlan, at: Timestamp) -> Self {
        Self { stored_wh: plan.battery_wh, plan, at, air_c: 25.0 }
    }

    /// Lets time pass until `at`, in this air and rain (millimetres in a minute); a box asleep draws next to nothing.
    pub fn step(&mut self, at: Timestamp, air_c: f64, rain_mm: f64, asleep: bool) {
        let hours = at.hours_since(self.at).max(0.0);
        let cloud = if rain_mm > 0.0 { CLOUDED } else { 1.0 };
        let charge_w =
            if air_c >= CHARGES_FROM_C { self.plan.panel_w * sun(at) * cloud } else { 0.0 };
        let load_w = self.plan.load_w * if asleep { ASLEEP } else { 1.0 };
        let full = self.plan.battery_wh * capacity(air_c);
        self.stored_wh = (self.stored_wh + (charge_w - load_w) * hours).clamp(0.0, full);
        (self.at, self.air_c) = (at, air_c);
    }

    /// Its voltage: 11.0 V empty to 12.8 V full, a straight line between. An own figure near lead-acid.
    pub fn volts(&self) -> f64 {
        11.0 + 1.8 * self.stored_wh / self.plan.battery_wh.max(1e-9)
    }
}

fn capacity(air_c: f64) -> f64 {
    let [cold, cool, warm] = CAPACITY;
    let (from, to) = if air_c < cool.0 { (cold, cool) } else { (cool, warm) };
    let part = ((air_c - from.0) / (to.0 - from.0)).clamp(0.0, 1.0);
    from.1 + (to.1 - from.1) * part
}

/// How much of the full sun there is: half a sine from six to six.
fn sun(at: Timestamp) -> f64 {
    let hour = moved(at, 9.0).nanos().rem_euclid(86_400_000_000_000) as f64 / 3.6e12;
    libm::sin(core::f64::consts::PI * (hour - 6.0) / 12.0).max(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::time::Duration;

    /// Hours until the battery is empty without a panel.
    fn lasts(air_c: f64) -> f64 {
        let start = Timestamp::parse("2026-01-01T00:00:00+09:00").unwrap();
        let plan = PowerPlan { battery_wh: 12.0 * 70.0, panel_w: 0.0, load_w: 0.6 };
        let mut power = Power::new(plan, start);
        let mut at = start;
        while power.stored_wh > 0.0 {
            at = at.plus(Duration::from_secs(600));
            power.step(at, air_c, 0.0, false);
        }
        at.hours_since(start)
    }

    #[test]
    fn a_battery_lasts_as_long_as_the_worked_example() {
        // 70 Ah at 12 V and 0.6 W: 1400 h at 25 °C, half of it at -20 °C
        assert!((lasts(25.0) - 1_400.0).abs() < 0.5, "{}", lasts(25.0));
        assert!((lasts(-20.0) - 700.0).abs() < 0.5, "{}", lasts(-20.0));
    }

    #[test]
    fn the_sun_fills_it_by_day_and_not_in_frost() {
        let noon = Timestamp::parse("2026-07-01T12:00:00+09:00").unwrap();
        assert!((sun(noon) - 1.0).abs() < 1e-9 && sun(moved(noon, 9.0)) == 0.0);
        let plan = PowerPlan { battery_wh: 100.0, panel_w: 20.0, load_w: 0.6 };
        let after = |air_c| {
            let mut power = Power::new(plan, noon);
            power.stored_wh = 50.0;
            power.step(moved(noon, 1.0), air_c, 0.0, false);
            power.stored_wh
        };
        assert!(after(20.0) > 60.0 && after(0.0) < 50.0);
    }

    #[test]
    fn a_box_asleep_lives_on_next_to_nothing() {
        let start = Timestamp::parse("2026-01-01T00:00:00+09:00").unwrap();
        let plan = PowerPlan { battery_wh: 100.0, panel_w: 0.0, load_w: 1.0 };
        let after = |asleep| {
            let mut power = Power::new(plan, start);
            power.step(moved(start, 50.0), 25.0, 0.0, asleep);
            power.stored_wh
        };
        assert_eq!((after(false), after(true)), (50.0, 99.0));
    }
}
