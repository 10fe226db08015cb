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
    /// Height of the wall, metres: its top moves by the tilt over this height.
    pub height_m: f64,
    /// Force in an anchor, kilonewtons.
    pub anchor: Drift,
    /// How a deck swings.
    pub swing: Swing,
}

/// The first natural frequency of a deck: it falls with stiffness, and with heat.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Swing {
    /// As built, at 20 °C, hertz.
    pub hz: f64,
    /// The part of its stiffness that is lost.
    pub lost: Drift,
    /// How it moves with temperature, part a degree.
    pub part_per_degc: f64,
}

impl Swing {
    /// Frequency so many hours after the start, at a temperature: `f₀ √(1 − loss)`, as f grows with the root of
    /// stiffness (docs/formulas.md 8.2).
    pub fn hz_at(&self, hours: f64, body_c: f64) -> f64 {
        let left = (1.0 - self.lost.at(hours)).max(0.0);
        self.hz * libm::sqrt(left) * (1.0 + self.part_per_degc * (body_c - REFERENCE_C))
    }
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
    /// How far the top of the wall has moved since the start, millimetres.
    pub fn top_mm(&self, hours: f64) -> f64 {
        let turned = self.tilt.at(hours) - self.tilt.value;
        self.height_m * 1_000.0 * libm::tan(turned.to_radians())
    }

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
    fn the_top_of_a_wall_moves_with_its_tilt() {
        // docs/formulas.md 8.5: 0.02° of 5 m are 1.745 mm, 0.005° are 0.4363 mm
        let tilt = Drift { value: 1.0, per_day: 0.02, ..Drift::default() };
        let wall = Structure { height_m: 5.0, tilt, ..Structure::default() };
        assert!((wall.top_mm(24.0) - 1.745_3).abs() < 5e-5);
        assert!((wall.top_mm(6.0) - 0.436_3).abs() < 5e-5);
    }

    #[test]
    fn a_deck_swings_slower_as_it_weakens_and_warms() {
        // docs/formulas.md 8.2: -5 % of stiffness is -2.53 % of frequency, -10 % -5.13 %, -20 % -10.56 %
        for (lost, part) in [(0.05, 0.0253), (0.1, 0.0513), (0.2, 0.1056)] {
            let lost = Drift { value: lost, ..Drift::default() };
            let deck = Swing { hz: 3.2, lost, part_per_degc: -0.001 };
            assert!((1.0 - deck.hz_at(0.0, 20.0) / 3.2 - part).abs() < 5e-5);
            assert!((deck.hz_at(0.0, 40.0) / deck.hz_at(0.0, 20.0) - 0.98).abs() < 1e-12);
        }
    }

    #[test]
    fn strain_breathes_with_temperature() {
        let deck = Structure { dead_load_ue: 120.0, ..Structure::default() };
        assert_eq!(deck.strain_ue(20.0), 120.0);
        assert_eq!(deck.strain_ue(-5.0), -130.0);
    }
}
