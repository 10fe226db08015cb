//! Where rain goes: the soil tanks, and the pressure of water in the ground.

use serde::Deserialize;

/// Three soil tanks with the nation-wide constants of Ishihara and Kobatake (docs/formulas.md 5.5).
///
/// The explicit step is part of the index: an hourly one and a ten-minute one are different indices.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Tanks {
    /// Water in the first, second and third tank, millimetres.
    pub stored_mm: [f64; 3],
}

const PERCOLATION_PER_H: [f64; 3] = [0.12, 0.05, 0.01];
/// Water content of dry and of saturated soil.
const MOISTURE: (f64, f64) = (0.12, 0.42);

impl Tanks {
    /// One explicit step of `dt_h` hours in which `rain_mm` fell.
    pub fn step(&mut self, rain_mm: f64, dt_h: f64) {
        let [s1, s2, s3] = self.stored_mm;
        let above = |stored: f64, outlet: f64| (stored - outlet).max(0.0);
        let q1 = 0.10 * above(s1, 15.0) + 0.15 * above(s1, 60.0);
        let q2 = 0.05 * above(s2, 15.0);
        let q3 = 0.01 * above(s3, 15.0);
        let [b1, b2, b3] = PERCOLATION_PER_H;
        self.stored_mm = [
            (s1 - (b1 * s1 + q1) * dt_h + rain_mm).max(0.0),
            (s2 - (b2 * s2 + q2) * dt_h + b1 * s1 * dt_h).max(0.0),
            (s3 - (b3 * s3 + q3) * dt_h + b2 * s2 * dt_h).max(0.0),
        ];
    }

    /// Soil water index (토양우량지수), millimetres.
    pub fn index_mm(&self) -> f64 {
        self.stored_mm.iter().sum()
    }

    /// Volumetric water content of the upper soil (own).
    pub fn moisture(&self) -> f64 {
        let (dry, saturated) = MOISTURE;
        (dry + (self.stored_mm[0] + self.stored_mm[1]) / 400.0).clamp(dry, saturated)
    }
}

/// How rain becomes pressure at one piezometer.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PorePlan {
    /// Pressure before any rain, kilopascals.
    pub dry_kpa: f64,
    /// Highest rise that one millimetre of rain causes, kilopascals.
    pub gain_kpa_per_mm: f64,
    /// Time constant of the rise, hours.
    pub rise_h: f64,
    /// Time constant of the recession, hours; longer than the rise.
    pub recession_h: f64,
}

impl Default for PorePlan {
    fn default() -> Self {
        Self { dry_kpa: 4.0, gain_kpa_per_mm: 0.06, rise_h: 2.0, recession_h: 96.0 }
    }
}

/// Two linear reservoirs in parallel: pressure rises within hours of rain and falls over days.
#[derive(Clone, Debug)]
pub struct PorePressure {
    plan: PorePlan,
    gain: f64,
    slow: f64,
    fast: f64,
}

impl PorePressure {
    /// A piezometer in dry ground.
    pub fn new(plan: &PorePlan) -> Self {
        let peak_h = plan.peak_h();
        let peak = libm::exp(-peak_h / plan.recession_h) - libm::exp(-peak_h / plan.rise_h);
        Self { plan: *plan, gain: plan.gain_kpa_per_mm / peak, slow: 0.0, fast: 0.0 }
    }

    /// Lets `dt_h` hours pass, at whose end `rain_mm` arrives. Exact for any step.
    pub fn step(&mut self, rain_mm: f64, dt_h: f64) {
        self.slow = self.slow * libm::exp(-dt_h / self.plan.recession_h) + rain_mm;
        self.fast = self.fast * libm::exp(-dt_h / self.plan.rise_h) + rain_mm;
    }

    /// Pressure now, kilopascals.
    pub fn kpa(&self) -> f64 {
        self.plan.dry_kpa + self.gain * (self.slow - self.fast)
    }
}

impl PorePlan {
    /// Hours from a burst of rain to the highest pressure.
    pub fn peak_h(&self) -> f64 {
        let (rise, recession) = (self.rise_h, self.recession_h);
        libm::log(recession / rise) * rise * recession / (recession - rise)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(rain_mm: &[f64], dt_h: f64) -> Vec<f64> {
        let mut tanks = Tanks::default();
        let steps = (1.0 / dt_h).round() as usize;
        let mut index = Vec::new();
        for hour in rain_mm {
            (0..steps).for_each(|_| tanks.step(hour * dt_h, dt_h));
            index.push(tanks.index_mm());
        }
        index
    }

    fn check(got: &[f64], expected: &[f64], within: f64) {
        assert_eq!(got.len(), expected.len());
        for (hour, (got, expected)) in got.iter().zip(expected).enumerate() {
            assert!((got - expected).abs() <= within, "hour {}: {got} is not {expected}", hour + 1);
        }
    }

    #[test]
    fn soil_water_follows_vector_d2() {
        let rain = [30.0, 30.0, 30.0, 0.0, 0.0, 0.0];
        check(&after(&rain, 1.0), &[30.0, 58.5, 84.51, 76.4277, 72.0173, 68.4196], 5e-5);
        check(
            &after(&rain, 1.0 / 6.0),
            &[29.7774, 57.4421, 82.6993, 77.1702, 73.1164, 69.7507],
            5e-5,
        );
    }

    #[test]
    fn soil_water_follows_vector_d3() {
        let mut rain = vec![10.0; 12];
        rain.extend([0.0; 12]);
        let index = after(&rain, 1.0);
        check(
            &[index[5], index[11], index[17], index[23]],
            &[54.666, 93.798, 75.363, 66.938],
            5e-4,
        );
    }

    #[test]
    fn soil_water_of_the_typhoon_scenario() {
        // the typhoon: rain from hour 6 on; hours 13 to 25
        let rain = [
            0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 2.0, 4.0, 6.0, 8.0, 10.0, 12.0, 15.0, 18.0, 20.0, 25.0,
            30.0, 40.0, 50.0, 45.0, 30.0, 20.0, 12.0, 8.0, 5.0, 3.0, 2.0, 1.0,
        ];
        let index = after(&rain, 1.0);
        for (hour, expected) in [
            (13, 69.11),
            (15, 104.88),
            (17, 153.61),
            (18, 186.27),
            (19, 208.11),
            (20, 212.26),
            (22, 199.78),
            (23, 191.48),
            (25, 177.18),
        ] {
            // the table counts the rain of hour h as fallen by the end of it
            assert!((index[hour] - expected).abs() < 0.005, "hour {hour}: {}", index[hour]);
        }
    }

    #[test]
    fn moisture_stays_between_dry_and_saturated() {
        assert_eq!(Tanks::default().moisture(), 0.12);
        assert_eq!(Tanks { stored_mm: [200.0, 100.0, 0.0] }.moisture(), 0.42);
        assert!((Tanks { stored_mm: [20.0, 20.0, 50.0] }.moisture() - 0.22).abs() < 1e-12);
    }

    #[test]
    fn pressure_peaks_when_and_as_high_as_planned() {
        let plan = PorePlan { dry_kpa: 3.0, gain_kpa_per_mm: 0.1, rise_h: 2.0, recession_h: 120.0 };
        let mut pore = PorePressure::new(&plan);
        pore.step(10.0, 1.0);
        assert!((pore.kpa() - 3.0).abs() < 1e-12, "rain needs time to get there");
        let course: Vec<f64> = (0..2_000)
            .map(|_| {
                pore.step(0.0, 0.1);
                pore.kpa()
            })
            .collect();
        let (peak, highest) = course
            .iter()
            .enumerate()
            .fold((0, 0.0), |best, (i, p)| if *p > best.1 { (i, *p) } else { best });
        assert!((highest - 4.0).abs() < 1e-3, "{highest}");
        assert!(((peak as f64 + 1.0) * 0.1 - plan.peak_h()).abs() <= 0.1, "{peak}");
        assert!(
            course[1_999] > 3.2 && course[1_999] < 3.3,
            "recession takes days: {}",
            course[1_999]
        );
    }
}
