//! Rain of a year: storms that come by chance, most of them in the wet season.

use reading::Timestamp;
use serde::Deserialize;

use crate::physics::moved;
use crate::random::Random;

/// What a year of rain adds up to, and how it comes. The defaults are those of central Korea.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ClimatePlan {
    /// The least and the most rain of a year, millimetres.
    pub annual_mm: (f64, f64),
    /// Which part of it falls from July to September.
    pub wet_share: f64,
    /// Storms of those three months, and of the other nine.
    pub storms: (f64, f64),
    /// Which part of the storms of the wet season is heavy: four times the rain of the others.
    pub heavy_share: f64,
}

impl Default for ClimatePlan {
    fn default() -> Self {
        Self {
            annual_mm: (1_200.0, 1_400.0),
            wet_share: 0.6,
            storms: (26.0, 43.0),
            heavy_share: 0.2,
        }
    }
}

const YEAR_H: usize = 8_766;
/// Hours of the year at which July begins and September has ended, by the clock of Korea.
const WET_H: (usize, usize) = (181 * 24, 273 * 24);
/// Mean length of a storm in the wet season and outside of it, hours.
const LENGTH_H: (f64, f64) = (10.0, 7.0);
/// The heaviest hour a generated storm may have, millimetres: near the Korean record.
const HOUR_MAX_MM: f64 = 140.0;

/// Rain of each hour from `from` on, for `hours` hours.
pub fn hourly_mm(
    plan: &ClimatePlan,
    from: Timestamp,
    hours: usize,
    random: &mut Random,
) -> Vec<f64> {
    let offset = hour_of_year(from);
    let mut rain = Vec::with_capacity(offset + hours + YEAR_H);
    while rain.len() < offset + hours {
        rain.extend(one_year(plan, random));
    }
    rain[offset..offset + hours].to_vec()
}

fn one_year(plan: &ClimatePlan, random: &mut Random) -> Vec<f64> {
    let annual = random.between(plan.annual_mm.0, plan.annual_mm.1);
    let mut wet = vec![0.0; YEAR_H];
    let mut dry = vec![0.0; YEAR_H];
    let wet_hours = (WET_H.1 - WET_H.0) as f64;
    for _ in 0..libm::round(plan.storms.0) as usize {
        let begins = WET_H.0 + (random.unit() * wet_hours) as usize;
        let depth = if random.chance(plan.heavy_share) { 4.0 } else { 1.0 };
        storm(&mut wet, begins, depth, LENGTH_H.0, random);
    }
    for _ in 0..libm::round(plan.storms.1) as usize {
        let at = (random.unit() * (YEAR_H as f64 - wet_hours)) as usize;
        let begins = if at < WET_H.0 { at } else { at + (WET_H.1 - WET_H.0) };
        storm(&mut dry, begins, 1.0, LENGTH_H.1, random);
    }
    scale(&mut wet, annual * plan.wet_share);
    scale(&mut dry, annual * (1.0 - plan.wet_share));
    wet.iter().zip(&dry).map(|(wet, dry)| (wet + dry).min(HOUR_MAX_MM)).collect()
}

/// A storm that swells to a peak somewhere within it and ebbs away; its depth is exponential about `depth`.
fn storm(rain: &mut [f64], begins: usize, depth: f64, mean_h: f64, random: &mut Random) {
    let exponential = |unit: f64| -libm::log(1.0 - unit);
    let length = (mean_h * exponential(random.unit())).clamp(1.0, 60.0);
    let depth = depth * exponential(random.unit());
    let peak = random.between(0.2, 0.8);
    let hours = libm::ceil(length) as usize;
    for hour in 0..hours {
        let part = (hour as f64 + 0.5) / hours as f64;
        let shape = if part < peak { part / peak } else { (1.0 - part) / (1.0 - peak) };
        let uneven = random.between(0.5, 1.5);
        if let Some(cell) = rain.get_mut(begins + hour) {
            *cell += depth * (0.2 + shape) * uneven / hours as f64;
        }
    }
}

fn scale(rain: &mut [f64], total: f64) {
    let sum: f64 = rain.iter().sum();
    let factor = if sum > 0.0 { total / sum } else { 0.0 };
    rain.iter_mut().for_each(|mm| *mm *= factor);
}

/// The hour of the year by the clock of Korea.
fn hour_of_year(at: Timestamp) -> usize {
    let text = moved(at, 9.0).to_string();
    let year: i32 = text.get(..4).and_then(|year| year.parse().ok()).unwrap_or(1970);
    let begins = Timestamp::parse(&format!("{year:04}-01-01T00:00:00+09:00"));
    let hours = begins.map_or(0.0, |begins| at.hours_since(begins));
    (hours.max(0.0) as usize).min(YEAR_H - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn year(seed: u64) -> Vec<f64> {
        let from = Timestamp::parse("2026-01-01T00:00:00+09:00").unwrap();
        hourly_mm(&ClimatePlan::default(), from, 8_760, &mut Random::new(seed, "sky"))
    }

    #[test]
    fn a_year_adds_up_and_most_of_it_falls_in_the_wet_season() {
        for seed in 0..20 {
            let rain = year(seed);
            let total: f64 = rain.iter().sum();
            let wet: f64 = rain[WET_H.0..WET_H.1].iter().sum();
            assert!((1_150.0..=1_401.0).contains(&total), "seed {seed}: {total} mm");
            assert!((0.55..0.65).contains(&(wet / total)), "seed {seed}: {}", wet / total);
            let rainy = rain.iter().filter(|mm| **mm > 0.1).count();
            assert!((300..1_200).contains(&rainy), "seed {seed}: it rains in {rainy} hours");
        }
    }

    #[test]
    fn the_year_begins_where_the_scenario_does() {
        let july = Timestamp::parse("2026-07-01T00:00:00+09:00").unwrap();
        assert_eq!(hour_of_year(july), 181 * 24);
        let rain = hourly_mm(&ClimatePlan::default(), july, 92 * 24, &mut Random::new(1, "sky"));
        assert_eq!(rain.len(), 92 * 24);
        assert_eq!(rain[..], year(1)[181 * 24..273 * 24]);
    }
}
