//! Walls, bridges and buildings: slow drift of tilt and cracks, strain that breathes with temperature.

use serde::Deserialize;

/// Thermal strain of concrete, millionths a degree.
const STRAIN_UE_PER_DEGC: f64 = 10.0;
/// The temperature at which strain was set to zero, °C.
const REFERENCE_C: f64 = 20.0;

/// The slow movement of a facility.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Structure {
    /// Inclination, degrees.
    pub tilt: Drift,
    /// Crack width, millimetres.
    pub crack: Drift,
    /// Strain by its own weight, millionths.
    pub dead_load_ue: f64,
}

/// A value that drifts at one rate, and from a moment on at another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Drift {
    /// The value at the start of the scenario, in the base unit.
    pub value: f64,
    /// Change a day.
    pub per_day: f64,
    /// When the change becomes `then_per_day`, hours; only read if that is not zero.
    pub from_h: f64,
    /// Change a day from `from_h` on; zero leaves the first rate.
    pub then_per_day: f64,
}

impl Drift {
    /// The value so many hours after the start.
    pub fn at(&self, hours: f64) -> f64 {
        if self.then_per_day == 0.0 || hours <= self.from_h {
            return self.value + self.per_day * hours / 24.0;
        }
        self.value + (self.per_day * self.from_h + self.then_per_day * (hours - self.from_h)) / 24.0
    }
}

impl Structure {
    /// Strain at a body temperature, millionths.
    pub fn strain_ue(&self, body_c: f64) -> f64 {
        self.dead_load_ue + STRAIN_UE_PER_DEGC * (body_c - REFERENCE_C)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wall_drifts_as_scenario_s5_says() {
        // 0.005 °/d for 20 d, then 0.02 °/d
        let tilt = Drift { value: 0.0, per_day: 0.005, from_h: 480.0, then_per_day: 0.02 };
        for (day, degrees) in
            [(0.0, 0.0), (4.58, 0.0229), (20.0, 0.1), (21.0, 0.12), (25.31, 0.2062)]
        {
            assert!((tilt.at(day * 24.0) - degrees).abs() < 1e-9, "day {day}");
        }
        assert_eq!(Drift { value: 0.25, ..Drift::default() }.at(1e4), 0.25);
    }

    #[test]
    fn strain_breathes_with_temperature() {
        let deck = Structure { dead_load_ue: 120.0, ..Structure::default() };
        assert_eq!(deck.strain_ue(20.0), 120.0);
        assert_eq!(deck.strain_ue(-5.0), -130.0);
    }
}
