//! Temperature of the air in central Korea, and of an instrument that follows it slowly.

use reading::Timestamp;

use crate::random::Random;

/// How slowly an instrument follows the air, hours.
const LAG_H: f64 = 1.5;
/// Weather that the sines do not know: its spread in °C and how much of it is left after a minute.
const WEATHER: (f64, f64) = (0.6, 0.98);

/// Air and instrument temperature, stepped in time.
#[derive(Clone, Debug)]
pub struct Thermal {
    random: Random,
    weather_c: f64,
    air_c: f64,
    body_c: f64,
}

impl Thermal {
    /// An instrument in balance with the air at `at`.
    pub fn new(at: Timestamp, random: Random) -> Self {
        let air_c = air_mean_c(at);
        Self { random, weather_c: 0.0, air_c, body_c: air_c }
    }

    /// Lets `dt_h` hours pass until `at`.
    pub fn step(&mut self, at: Timestamp, dt_h: f64) {
        let (spread, kept) = WEATHER;
        self.weather_c =
            kept * self.weather_c + spread * libm::sqrt(1.0 - kept * kept) * self.random.gauss();
        self.air_c = air_mean_c(at) + self.weather_c;
        self.body_c += (self.air_c - self.body_c) * (1.0 - libm::exp(-dt_h / LAG_H));
    }

    /// Air temperature, °C.
    pub fn air_c(&self) -> f64 {
        self.air_c
    }

    /// Temperature inside an instrument, °C.
    pub fn body_c(&self) -> f64 {
        self.body_c
    }
}

/// Mean air temperature of a season and hour (own), °C; days and hours are those of Korea.
pub fn air_mean_c(at: Timestamp) -> f64 {
    let days = (at.nanos() as f64 / 3.6e12 + 9.0) / 24.0;
    let day_of_year = days % 365.25;
    let hour = (days - libm::floor(days)) * 24.0;
    let turn = core::f64::consts::TAU;
    12.5 + 14.0 * libm::cos(turn * (day_of_year - 205.0) / 365.25)
        + 5.0 * libm::cos(turn * (hour - 15.0) / 24.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn summer_afternoons_are_warm_and_winter_nights_cold() {
        let mean = |text| air_mean_c(Timestamp::parse(text).unwrap());
        assert!((mean("2026-07-24T15:00:00+09:00") - 31.5).abs() < 0.1);
        assert!((mean("2026-01-22T03:00:00+09:00") - -6.5).abs() < 0.1);
    }

    #[test]
    fn an_instrument_follows_late_and_flatter() {
        let start = Timestamp::parse("2026-07-14T00:00:00+09:00").unwrap();
        let mut thermal = Thermal::new(start, Random::new(1, "air"));
        let (mut air, mut body) = (Vec::new(), Vec::new());
        for minute in 1..=2_880_u64 {
            thermal.step(start.plus(core::time::Duration::from_secs(minute * 60)), 1.0 / 60.0);
            air.push(thermal.air_c());
            body.push(thermal.body_c());
        }
        let span = |course: &[f64]| {
            course.iter().copied().fold(f64::MIN, f64::max)
                - course.iter().copied().fold(f64::MAX, f64::min)
        };
        assert!(span(&body[1_440..]) < span(&air[1_440..]));
        assert!(span(&body[1_440..]) > 6.0, "the day is felt: {}", span(&body[1_440..]));
    }
}
