//! What shakes the ground: shots in a quarry and heavy vehicles. Peak particle velocity of each minute.

use reading::Timestamp;
use serde::Deserialize;

use crate::physics::moved;
use crate::random::Random;

/// Blasting somewhere near.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BlastingPlan {
    /// Shots of a working day, between nine and five.
    pub per_day: f64,
    /// Least and largest charge a delay, kilograms.
    pub charge_kg: (f64, f64),
    /// Nearest and farthest shot, metres.
    pub distance_m: (f64, f64),
    /// K of the site's line, with velocity in centimetres a second.
    pub k: f64,
    /// n of the site's line.
    pub n: f64,
}

impl BlastingPlan {
    /// Peak particle velocity of a shot, millimetres a second: `K (D / √W)^−n`, the square-root scaled distance
    /// (자승근 환산거리) of KCS 11 10 15 3.11.
    pub fn peak_mm_per_s(&self, charge_kg: f64, distance_m: f64) -> f64 {
        10.0 * self.k * libm::pow(distance_m / libm::sqrt(charge_kg), -self.n)
    }
}

/// Heavy vehicles on a road beside it.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrafficPlan {
    /// Heavy vehicles an hour by day; a tenth of it from ten at night to six.
    pub per_hour: f64,
    /// What one in the middle makes, millimetres a second; others spread about it by half.
    pub typical_mm_per_s: f64,
}

/// The shaking of one place, minute by minute.
#[derive(Clone, Debug)]
pub struct Shaking {
    blasting: Option<BlastingPlan>,
    traffic: Option<TrafficPlan>,
    random: Random,
    peak_mm_per_s: f64,
}

impl Shaking {
    /// A place that nothing has shaken yet.
    pub fn new(
        blasting: Option<BlastingPlan>,
        traffic: Option<TrafficPlan>,
        random: Random,
    ) -> Self {
        Self { blasting, traffic, random, peak_mm_per_s: 0.0 }
    }

    /// The minute that ends at `at`.
    pub fn step(&mut self, at: Timestamp) {
        let (hour, weekday) = korean_hour(at);
        self.peak_mm_per_s = 0.0;
        if let Some(traffic) = self.traffic {
            let quiet = !(6..22).contains(&hour);
            let chance = traffic.per_hour / 60.0 * if quiet { 0.1 } else { 1.0 };
            if self.random.chance(chance) {
                self.peak_mm_per_s =
                    traffic.typical_mm_per_s * libm::exp(0.5 * self.random.gauss());
            }
        }
        if let Some(blasting) = self.blasting {
            let works = weekday < 6 && (9..17).contains(&hour);
            if self.random.chance(if works { blasting.per_day / (8.0 * 60.0) } else { 0.0 }) {
                let charge = self.random.between(blasting.charge_kg.0, blasting.charge_kg.1);
                let away = self.random.between(blasting.distance_m.0, blasting.distance_m.1);
                self.peak_mm_per_s = self.peak_mm_per_s.max(blasting.peak_mm_per_s(charge, away));
            }
        }
    }

    /// The peak of the minute, millimetres a second.
    pub fn peak_mm_per_s(&self) -> f64 {
        self.peak_mm_per_s
    }
}

/// Hour of the day in Korea, and the day of the week from Monday 0.
fn korean_hour(at: Timestamp) -> (u32, u32) {
    let secs = moved(at, 9.0).nanos().div_euclid(1_000_000_000);
    let (day, second) = (secs.div_euclid(86_400), secs.rem_euclid(86_400));
    // 1970-01-01 was a Thursday
    ((second / 3_600) as u32, (day + 3).rem_euclid(7) as u32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::time::Duration;

    const QUARRY: BlastingPlan = BlastingPlan {
        per_day: 5.0,
        charge_kg: (1.0, 5.0),
        distance_m: (40.0, 150.0),
        k: 200.0,
        n: 1.6,
    };

    #[test]
    fn a_shot_follows_the_scaled_distance() {
        // docs/formulas.md 11: 0.3825 and 1.1597 cm/s
        assert!((QUARRY.peak_mm_per_s(4.0, 100.0) - 3.825).abs() < 5e-3);
        assert!((QUARRY.peak_mm_per_s(4.0, 50.0) - 11.597).abs() < 5e-3);
    }

    #[test]
    fn shots_come_in_working_hours_and_vehicles_mostly_by_day() {
        let monday = Timestamp::parse("2026-07-13T00:00:00+09:00").unwrap();
        assert_eq!(korean_hour(monday), (0, 0));
        let traffic = TrafficPlan { per_hour: 12.0, typical_mm_per_s: 0.2 };
        let mut shaking = Shaking::new(Some(QUARRY), Some(traffic), Random::new(1, "shaking"));
        let (mut shots, mut by_day, mut by_night) = (0, 0, 0);
        for minute in 1..=28 * 1_440_u64 {
            let at = monday.plus(Duration::from_secs(60 * minute));
            shaking.step(at);
            let (hour, weekday) = korean_hour(at);
            let peak = shaking.peak_mm_per_s();
            assert!(peak < 40.0);
            if peak > 1.2 {
                shots += 1;
                assert!((9..17).contains(&hour) && weekday < 6, "{at}: {peak}");
            } else if peak > 0.0 {
                *(if (6..22).contains(&hour) { &mut by_day } else { &mut by_night }) += 1;
            }
        }
        assert!((80..160).contains(&shots), "5 a day over 24 days: {shots}");
        assert!((4_700..6_000).contains(&by_day), "12 an hour for 16 h of 28 days: {by_day}");
        assert!((150..400).contains(&by_night), "{by_night}");
    }
}
