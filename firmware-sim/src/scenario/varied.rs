//! The same scenario otherwise: sizes and times a little different for each seed, so that nothing is tuned to one.

use super::Scenario;
use crate::physics::moved;
use crate::random::Random;

impl Scenario {
    /// The scenario with what its slopes do, how much it rains and how noisy instruments are made larger or smaller by
    /// up to the part `share`, and beginning up to a day later. What was expected of exact times no longer is.
    #[must_use]
    pub fn varied(mut self, seed: u64, share: f64) -> Self {
        let share = if share.is_finite() { share.clamp(0.0, 0.9) } else { 0.0 };
        let mut random = Random::new(seed, "varied");
        self.start =
            moved(self.start, random.between(0.0, 24.0) * f64::from(u8::from(share > 0.0)));
        for site in &mut self.sites {
            let mut random = Random::new(seed, &format!("{}/varied", site.id));
            let mut factor = || 1.0 + share * random.between(-1.0, 1.0);
            site.rain_scale *= factor();
            site.creep.steady_mm_per_day *= factor();
            site.creep.tilt_deg_per_mm *= factor();
            if let Some(failure) = &mut site.creep.failure {
                let life = factor();
                failure.failure_h = failure.onset_h + (failure.failure_h - failure.onset_h) * life;
                failure.arrest_h =
                    failure.arrest_h.map(|at| failure.onset_h + (at - failure.onset_h) * life);
                failure.a_per_mm *= factor();
                failure.rest_h *= factor();
            }
            if let Some(surge) = &mut site.creep.surge {
                surge.peak_mm_per_h *= factor();
                surge.half_width_h *= factor();
            }
            if let Some(sliding) = &mut site.sliding {
                sliding.onset_mm_per_h *= factor();
                sliding.a_per_mm *= factor();
                sliding.rest_h *= factor();
            }
            if let Some(slope) = &mut site.stability {
                slope.cohesion_kpa *= factor();
            }
        }
        for sensor in self.layouts.values_mut().flatten().flat_map(|station| &mut station.sensors) {
            sensor.noise *= 1.0 + share * random.between(-1.0, 1.0);
            sensor.per_degc *= 1.0 + share * random.between(-1.0, 1.0);
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_changes_sizes_within_the_share_and_order_stays() {
        let whole = Scenario::load("typhoon").unwrap();
        for seed in 0..50 {
            let varied = whole.clone().varied(seed, 0.3);
            for (site, was) in varied.sites().iter().zip(whole.sites()) {
                let part = site.rain_scale / was.rain_scale;
                assert!((0.7..=1.3).contains(&part), "{part}");
                if let (Some(failure), Some(was)) = (site.creep.failure, was.creep.failure) {
                    let life =
                        (failure.failure_h - failure.onset_h) / (was.failure_h - was.onset_h);
                    assert!((0.7..=1.3).contains(&life), "{life}");
                }
            }
        }
        let same = whole.clone().varied(3, 0.0);
        assert_eq!(
            (same.start, same.sites()[0].rain_scale),
            (whole.start, whole.sites()[0].rain_scale)
        );
    }
}
