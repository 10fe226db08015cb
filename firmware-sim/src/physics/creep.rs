//! How a slope moves: steadily, then towards failure, or for a while only.

use serde::Deserialize;

/// The creep has no reading closer than this to its end: the ground is already coming down.
const LAST_STRETCH_H: f64 = 0.05;

/// Movement of a slope over time. Hours count from the start of the scenario.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Creep {
    /// Steady movement, millimetres a day.
    pub steady_mm_per_day: f64,
    /// Degrees a post leans for each millimetre it moves.
    pub tilt_deg_per_mm: f64,
    /// Acceleration to failure.
    pub failure: Option<Failure>,
    /// Acceleration that fades, as when rain stops in time.
    pub surge: Option<Surge>,
}

/// Tertiary creep after Voight with α = 2 (Fukuzono): `v = 1 / (A (t_f − t))` (docs/formulas.md 4.1).
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Failure {
    /// When the acceleration begins, hours.
    pub onset_h: f64,
    /// When the slope fails, hours.
    pub failure_h: f64,
    /// A, per millimetre with velocity in millimetres an hour.
    pub a_per_mm: f64,
    /// When it stops accelerating and does not fail after all, hours: as Veslemannen did when the rain stopped.
    pub arrest_h: Option<f64>,
    /// How fast it then comes to rest, hours to 1/e of the velocity.
    #[serde(default = "half_a_day")]
    pub rest_h: f64,
}

fn half_a_day() -> f64 {
    12.0
}

/// A raised cosine of velocity: up to its peak and back to nothing.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Surge {
    /// When it is fastest, hours.
    pub peak_h: f64,
    /// Hours from nothing to the peak, and from the peak to nothing.
    pub half_width_h: f64,
    /// Velocity at the peak, millimetres an hour.
    pub peak_mm_per_h: f64,
}

impl Creep {
    /// Movement since the start of the scenario, millimetres; negative before it.
    pub fn displacement_mm(&self, hours: f64) -> f64 {
        self.steady_mm_per_day / 24.0 * hours
            + self.failure.map_or(0.0, |failure| failure.displacement_mm(hours))
            + self.surge.map_or(0.0, |surge| surge.displacement_mm(hours))
    }

    /// Velocity, millimetres an hour.
    pub fn velocity_mm_per_h(&self, hours: f64) -> f64 {
        self.steady_mm_per_day / 24.0
            + self.failure.map_or(0.0, |failure| failure.velocity_mm_per_h(hours))
            + self.surge.map_or(0.0, |surge| surge.velocity_mm_per_h(hours))
    }

    /// When the slope fails, hours, if it does.
    pub fn failure_h(&self) -> Option<f64> {
        self.failure.filter(|failure| failure.arrest_h.is_none()).map(|failure| failure.failure_h)
    }
}

impl Failure {
    /// Velocity, millimetres an hour; nothing before the onset, held over the last minutes, dying away after an
    /// arrest.
    pub fn velocity_mm_per_h(&self, hours: f64) -> f64 {
        if hours < self.onset_h {
            return 0.0;
        }
        let driven_h = hours.min(self.arrest_h.unwrap_or(hours));
        let velocity = 1.0 / (self.a_per_mm * self.remaining_h(driven_h));
        velocity * libm::exp(-(hours - driven_h) / self.rest_h)
    }

    /// Movement since the onset, millimetres.
    pub fn displacement_mm(&self, hours: f64) -> f64 {
        if hours <= self.onset_h {
            return 0.0;
        }
        let driven_h = hours.min(self.arrest_h.unwrap_or(hours));
        let driven =
            libm::log((self.failure_h - self.onset_h) / self.remaining_h(driven_h)) / self.a_per_mm;
        let ebbed = 1.0 - libm::exp(-(hours - driven_h) / self.rest_h);
        driven + self.velocity_mm_per_h(driven_h) * self.rest_h * ebbed
    }

    fn remaining_h(&self, hours: f64) -> f64 {
        (self.failure_h - hours).max(LAST_STRETCH_H)
    }
}

impl Surge {
    /// Velocity, millimetres an hour.
    pub fn velocity_mm_per_h(&self, hours: f64) -> f64 {
        let part = self.part(hours);
        self.peak_mm_per_h / 2.0 * (1.0 + libm::cos(core::f64::consts::PI * part))
    }

    /// Movement since it began, millimetres.
    pub fn displacement_mm(&self, hours: f64) -> f64 {
        let part = self.part(hours);
        let bend = libm::sin(core::f64::consts::PI * part) / core::f64::consts::PI;
        self.peak_mm_per_h / 2.0 * self.half_width_h * (part + 1.0 + bend)
    }

    /// −1 at its beginning, 0 at its peak, 1 at its end.
    fn part(&self, hours: f64) -> f64 {
        ((hours - self.peak_h) / self.half_width_h).clamp(-1.0, 1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(onset_h: f64, failure_h: f64) -> Failure {
        Failure { onset_h, failure_h, a_per_mm: 0.05, arrest_h: None, rest_h: 12.0 }
    }

    #[test]
    fn an_arrested_failure_comes_to_rest() {
        let arrested = Failure { arrest_h: Some(36.0), rest_h: 6.0, ..failure(0.0, 40.0) };
        assert!((arrested.velocity_mm_per_h(36.0) - 5.0).abs() < 1e-9);
        // 5 mm/h × e^-2, and 30 mm × (1 - e^-2) on the way
        assert!((arrested.velocity_mm_per_h(48.0) - 0.676_676).abs() < 1e-6);
        assert!((arrested.displacement_mm(48.0) - 46.051_702 - 25.939_942).abs() < 1e-6);
        let creep = Creep { failure: Some(arrested), ..Creep::default() };
        assert_eq!(creep.failure_h(), None);
    }

    #[test]
    fn failure_follows_the_reference_curve() {
        // docs/formulas.md 4.1: hours, velocity, displacement
        let creep = failure(0.0, 40.0);
        for (hours, velocity, moved) in [
            (0.0, 0.5, 0.0),
            (20.0, 1.0, 13.862_944),
            (30.0, 2.0, 27.725_887),
            (36.0, 5.0, 46.051_702),
            (39.0, 20.0, 73.777_589),
            (39.5, 40.0, 87.640_533),
        ] {
            assert!((creep.velocity_mm_per_h(hours) - velocity).abs() < 1e-9, "{hours} h");
            assert!((creep.displacement_mm(hours) - moved).abs() < 5e-7, "{hours} h");
        }
    }

    #[test]
    fn the_typhoon_slope_moves_as_its_table_says() {
        // the typhoon: hour, velocity in mm/h, tilt rate in °/h
        let failure = failure(15.0, 27.0);
        let creep = Creep { tilt_deg_per_mm: 0.02, failure: Some(failure), ..Creep::default() };
        for (hour, velocity, tilt_rate) in [
            (13.0, 0.0, 0.0),
            (15.0, 1.667, 0.0333),
            (17.0, 2.0, 0.04),
            (18.0, 2.222, 0.0444),
            (19.0, 2.5, 0.05),
            (20.0, 2.857, 0.0571),
            (22.0, 4.0, 0.08),
            (23.0, 5.0, 0.1),
            (25.0, 10.0, 0.2),
            (26.5, 40.0, 0.8),
        ] {
            assert!((creep.velocity_mm_per_h(hour) - velocity).abs() < 5e-4, "hour {hour}");
            let rate = creep.velocity_mm_per_h(hour) * creep.tilt_deg_per_mm;
            assert!((rate - tilt_rate).abs() < 5e-5, "hour {hour}");
        }
    }

    #[test]
    fn displacement_is_the_integral_of_velocity() {
        let surge = Surge { peak_h: 5.0, half_width_h: 4.0, peak_mm_per_h: 3.0 };
        let failure = failure(1.0, 9.0);
        let creep = Creep {
            steady_mm_per_day: 0.05,
            surge: Some(surge),
            failure: Some(failure),
            ..Creep::default()
        };
        let (dt, mut sum) = (1e-4, creep.displacement_mm(0.0));
        for step in 0..80_000 {
            sum += creep.velocity_mm_per_h((f64::from(step) + 0.5) * dt) * dt;
        }
        assert!((sum - creep.displacement_mm(8.0)).abs() < 1e-4, "{sum}");
        assert!((surge.displacement_mm(99.0) - 12.0).abs() < 1e-9, "a surge ends and stays");
        assert_eq!(surge.velocity_mm_per_h(9.5), 0.0);
        assert!(failure.displacement_mm(1e9).is_finite());
    }
}
