//! Rain by the minute from an hourly profile, and the bucket that counts it.

use crate::random::Random;

/// What one tip of the bucket measures, in millimetres.
pub const TIP_MM: f64 = 0.2;

/// An hourly profile spread over minutes: rising and falling with its neighbours, a little uneven, and each
/// hour adding up to exactly what the profile says.
#[derive(Clone, Debug)]
pub struct Storm {
    hourly_mm: Vec<f64>,
    noise: f64,
    random: Random,
    next: usize,
    minutes_mm: [f64; 60],
}

impl Storm {
    /// A storm of `hourly_mm`; `noise` from 0 (smooth) to 1 (showers) makes minutes differ.
    pub fn new(hourly_mm: Vec<f64>, noise: f64, random: Random) -> Self {
        Self { hourly_mm, noise, random, next: 0, minutes_mm: [0.0; 60] }
    }

    /// Rain of the next minute, in millimetres; nothing once the profile has ended.
    pub fn next_minute_mm(&mut self) -> f64 {
        let (hour, minute) = (self.next / 60, self.next % 60);
        if hour >= self.hourly_mm.len() {
            return 0.0;
        }
        if minute == 0 {
            self.spread(hour);
        }
        self.next += 1;
        self.minutes_mm[minute]
    }

    fn spread(&mut self, hour: usize) {
        let total = self.hourly_mm[hour];
        let before = if hour == 0 { 0.0 } else { self.hourly_mm[hour - 1] };
        let after = self.hourly_mm.get(hour + 1).copied().unwrap_or(0.0);
        for minute in 0..60 {
            let middle_h = (minute as f64 + 0.5) / 60.0;
            let shape = if middle_h < 0.5 {
                lerp(f64::midpoint(before, total), total, middle_h * 2.0)
            } else {
                lerp(total, f64::midpoint(total, after), middle_h * 2.0 - 1.0)
            };
            let uneven = (1.0 + self.noise * self.random.gauss()).max(0.0);
            self.minutes_mm[minute] = shape * uneven;
        }
        let sum: f64 = self.minutes_mm.iter().sum();
        let factor = if sum > 0.0 { total / sum } else { 0.0 };
        self.minutes_mm.iter_mut().for_each(|mm| *mm *= factor);
    }
}

fn lerp(from: f64, to: f64, part: f64) -> f64 {
    from + (to - from) * part
}

/// A tipping bucket: counts whole tips, keeps the rest for the next.
#[derive(Clone, Debug, Default)]
pub struct Gauge {
    caught_mm: f64,
}

impl Gauge {
    /// Rain falls into the funnel.
    pub fn catch(&mut self, mm: f64) {
        self.caught_mm += mm;
    }

    /// Tips since the gauge was set up.
    pub fn tips(&self) -> u64 {
        // The small share keeps rounding of sums from swallowing a tip.
        libm::floor(self.caught_mm / TIP_MM + 1e-9) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S2_MM: [f64; 22] = [
        2.0, 4.0, 6.0, 8.0, 10.0, 12.0, 15.0, 18.0, 20.0, 25.0, 30.0, 40.0, 50.0, 45.0, 30.0, 20.0,
        12.0, 8.0, 5.0, 3.0, 2.0, 1.0,
    ];

    #[test]
    fn every_hour_adds_up_and_minutes_differ() {
        let mut storm = Storm::new(S2_MM.to_vec(), 0.4, Random::new(3, "storm"));
        let mut gauge = Gauge::default();
        for expected in S2_MM {
            let minutes: Vec<f64> = (0..60).map(|_| storm.next_minute_mm()).collect();
            assert!((minutes.iter().sum::<f64>() - expected).abs() < 1e-9);
            assert!(
                minutes.iter().all(|mm| *mm >= 0.0) && minutes.windows(2).any(|w| w[0] != w[1])
            );
            minutes.iter().for_each(|mm| gauge.catch(*mm));
        }
        assert_eq!(gauge.tips(), 1_830, "366 mm in tips of 0.2 mm");
        assert_eq!(storm.next_minute_mm(), 0.0, "after the profile it is dry");
    }

    #[test]
    fn without_noise_rain_rises_towards_a_wetter_hour() {
        let mut storm = Storm::new(vec![10.0, 20.0], 0.0, Random::new(1, ""));
        let minutes: Vec<f64> = (0..60).map(|_| storm.next_minute_mm()).collect();
        assert!(minutes.windows(2).all(|pair| pair[0] <= pair[1]), "{minutes:?}");
    }
}
