//! Whether a slope holds: the infinite slope after Mohr and Coulomb, with water pressure and with suction.

use serde::Deserialize;

/// A long slope of one soil over a slip surface that runs parallel to the ground.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InfiniteSlope {
    /// Effective cohesion c′, kilopascals.
    pub cohesion_kpa: f64,
    /// Effective angle of friction φ′, degrees.
    pub friction_deg: f64,
    /// How strength grows with suction: φᵇ, degrees.
    pub suction_friction_deg: f64,
    /// Unit weight γ, kilonewtons a cubic metre.
    pub unit_weight_kn_m3: f64,
    /// Depth of the slip surface z, measured straight down, metres.
    pub depth_m: f64,
    /// Inclination of the ground β, degrees.
    pub slope_deg: f64,
}

impl InfiniteSlope {
    /// Strength over stress at the slip surface, where the water has `pore_kpa`; below zero that is suction.
    ///
    /// `FS = [c′ + (γ z cos²β − u⁺) tan φ′ + u⁻ tan φᵇ] / (γ z sin β cos β)`: Skempton and DeLory 1957 for the
    /// infinite slope, Fredlund, Morgenstern and Widger 1978 for the share of suction.
    pub fn factor_of_safety(&self, pore_kpa: f64) -> f64 {
        let weight = self.unit_weight_kn_m3 * self.depth_m;
        let beta = self.slope_deg.to_radians();
        let (sin, cos) = (libm::sin(beta), libm::cos(beta));
        let tan = |degrees: f64| libm::tan(degrees.to_radians());
        let pressed = (weight * cos * cos - pore_kpa.max(0.0)).max(0.0) * tan(self.friction_deg);
        let sucked = (-pore_kpa).max(0.0) * tan(self.suction_friction_deg);
        (self.cohesion_kpa + pressed + sucked) / (weight * sin * cos)
    }
}

/// How the ground goes once strength is spent, and how it comes to rest again.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sliding {
    /// Velocity with which it sets out when the factor of safety falls below one, millimetres an hour.
    pub onset_mm_per_h: f64,
    /// A of Voight's law with α = 2, per millimetre: left alone it fails after `1 / (A v)` hours.
    pub a_per_mm: f64,
    /// How fast it comes to rest when strength has returned, hours to 1/e of the velocity.
    pub rest_h: f64,
}

/// A slope as it goes, stepped in time.
///
/// While the factor of safety is below one, velocity follows Voight's law `dv/dt = A v²` (Voight 1988, α = 2 as
/// Fukuzono 1985): 1/v falls by A each hour, exactly. While it is above, velocity dies away exponentially, and the
/// slope does not fail: so Veslemannen did in October 2014 when the rain stopped.
#[derive(Clone, Debug)]
pub struct Slide {
    slope: InfiniteSlope,
    sliding: Sliding,
    velocity_mm_per_h: f64,
    moved_mm: f64,
    failed: bool,
}

/// Closer to the end than this the ground is already coming down, hours.
const LAST_STRETCH_H: f64 = 0.05;

impl Slide {
    /// A slope at rest.
    pub fn new(slope: InfiniteSlope, sliding: Sliding) -> Self {
        Self { slope, sliding, velocity_mm_per_h: 0.0, moved_mm: 0.0, failed: false }
    }

    /// Lets `dt_h` hours pass under a pressure of water.
    pub fn step(&mut self, pore_kpa: f64, dt_h: f64) {
        if self.failed {
            return;
        }
        let a = self.sliding.a_per_mm;
        if self.slope.factor_of_safety(pore_kpa) >= 1.0 {
            let kept = libm::exp(-dt_h / self.sliding.rest_h);
            self.moved_mm += self.velocity_mm_per_h * self.sliding.rest_h * (1.0 - kept);
            self.velocity_mm_per_h *= kept;
            return;
        }
        let from = self.velocity_mm_per_h.max(self.sliding.onset_mm_per_h);
        let left_h = 1.0 / (a * from);
        if left_h - dt_h <= LAST_STRETCH_H {
            self.failed = true;
            self.moved_mm += libm::log((left_h / LAST_STRETCH_H).max(1.0)) / a;
            self.velocity_mm_per_h = 1.0 / (a * LAST_STRETCH_H);
            return;
        }
        self.moved_mm += libm::log(left_h / (left_h - dt_h)) / a;
        self.velocity_mm_per_h = 1.0 / (a * (left_h - dt_h));
    }

    /// How far it went since it was set up, millimetres.
    pub fn moved_mm(&self) -> f64 {
        self.moved_mm
    }

    /// How fast it goes, millimetres an hour.
    pub fn velocity_mm_per_h(&self) -> f64 {
        self.velocity_mm_per_h
    }

    /// Whether it has come down.
    pub fn has_failed(&self) -> bool {
        self.failed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slope() -> InfiniteSlope {
        InfiniteSlope {
            cohesion_kpa: 5.0,
            friction_deg: 32.0,
            suction_friction_deg: 15.0,
            unit_weight_kn_m3: 19.0,
            depth_m: 2.0,
            slope_deg: 35.0,
        }
    }

    #[test]
    fn safety_of_a_worked_slope() {
        // by hand: γ z cos²β = 25.498, γ z sin β cos β = 17.854, tan 32° = 0.62487, tan 15° = 0.26795
        for (pore_kpa, safety) in [
            (-10.0, 1.322_529),
            (0.0, 1.172_453),
            (3.0, 1.067_457),
            (6.0, 0.962_462),
            (10.0, 0.822_467),
        ] {
            let got = slope().factor_of_safety(pore_kpa);
            assert!((got - safety).abs() < 1e-6, "{pore_kpa} kPa: {got}");
        }
        // dry and without cohesion it is tan φ / tan β, whatever the depth
        let sand = InfiniteSlope { cohesion_kpa: 0.0, depth_m: 7.0, ..slope() };
        let ratio = libm::tan(32_f64.to_radians()) / libm::tan(35_f64.to_radians());
        assert!((sand.factor_of_safety(0.0) - ratio).abs() < 1e-12);
    }

    #[test]
    fn strength_that_stays_lost_ends_where_voight_says() {
        // from 0.5 mm/h with A = 0.05 per mm it is the reference curve of 40 h
        let sliding = Sliding { onset_mm_per_h: 0.5, a_per_mm: 0.05, rest_h: 6.0 };
        let mut slide = Slide::new(slope(), sliding);
        let mut hours = 0.0;
        for (until, velocity, moved) in
            [(20.0, 1.0, 13.862_944), (36.0, 5.0, 46.051_702), (39.0, 20.0, 73.777_589)]
        {
            while hours < until - 1e-9 {
                slide.step(8.0, 1.0 / 60.0);
                hours += 1.0 / 60.0;
            }
            assert!((slide.velocity_mm_per_h() - velocity).abs() < 1e-6, "{until} h");
            assert!((slide.moved_mm() - moved).abs() < 1e-6, "{until} h: {}", slide.moved_mm());
        }
        (0..60).for_each(|_| slide.step(8.0, 1.0 / 60.0));
        assert!(slide.has_failed() && slide.moved_mm().is_finite());
    }

    #[test]
    fn strength_that_returns_in_time_brings_it_to_rest() {
        let sliding = Sliding { onset_mm_per_h: 0.5, a_per_mm: 0.05, rest_h: 6.0 };
        let mut slide = Slide::new(slope(), sliding);
        (0..36 * 60).for_each(|_| slide.step(8.0, 1.0 / 60.0));
        (0..12 * 60).for_each(|_| slide.step(2.0, 1.0 / 60.0));
        // 5 mm/h × e^-2, and 30 mm × (1 - e^-2) on the way
        assert!((slide.velocity_mm_per_h() - 0.676_676).abs() < 1e-5);
        assert!((slide.moved_mm() - 46.051_702 - 25.939_942).abs() < 1e-4, "{}", slide.moved_mm());
        assert!(!slide.has_failed());
    }
}
