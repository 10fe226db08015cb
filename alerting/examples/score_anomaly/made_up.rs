//! Series that nothing happens to, made up after kinds of sensors that no record here is of: how often something is
//! told, against how often the settings promise. Seeded: the same on every machine.

use std::f64::consts::TAU;
use std::fmt::Write;

use alerting::condition::anomaly;
use anyhow::Result;
use reading::Timestamp;

use crate::common::chance::Chance;
use crate::play;

/// Readings of one series, and of how many worlds each kind is.
const READINGS: usize = 15_000;
const WORLDS: u64 = 4;
/// Nothing is counted before so many: what is known by then is too little for more than a guess.
const WARM: usize = READINGS / 3;
/// One false alarm in so many readings is promised.
const PROMISED: [f64; 4] = [1_000.0, 6_000.0, 20_000.0, 100_000.0];

/// A kind of sensor: its interval in seconds, and what one series of it does.
type Kind = (&'static str, i64, fn(&mut Chance) -> Vec<f64>);

const KINDS: [Kind; 13] = [
    ("tilt, 10 min", 600, |chance| {
        let day = chance.day(600.0, 0.01);
        chance.series(0.002, 0.001, move |row, _| day(row) + 1e-6 * row)
    }),
    ("crack width, 1 h", 3_600, |chance| {
        let (day, year) = (chance.day(3_600.0, 0.03), chance.wave(8_766.0, 0.2));
        chance.series(0.01, 0.01, move |row, _| day(row) + year(row))
    }),
    ("extensometer, 10 min", 600, |chance| {
        let mut place = 0.0;
        chance.series(0.05, 0.01, move |_, shock| {
            place += 0.005 * shock;
            place
        })
    }),
    ("satellite position, 1 d", 86_400, |chance| {
        let (year, mut flicker) = (chance.wave(365.25, 3.0), 0.0);
        chance.series(2.0, 0.1, move |row, shock| {
            flicker = 0.95 * flicker + shock;
            year(row) + flicker
        })
    }),
    ("river level, 15 min", 900, |chance| {
        let mut storms = chance.storms(400.0, 30.0);
        chance.series(0.005, 0.001, move |_, _| 0.02 * storms(0.995))
    }),
    ("strain, 1 min", 60, |chance| {
        let (day, mut traffic) = (chance.day(60.0, 20.0), chance.storms(40.0, 8.0));
        chance.series(0.5, 0.1, move |row, _| day(row) + traffic(0.2))
    }),
    ("natural frequency, 10 min", 600, |chance| {
        let day = chance.day(600.0, 0.02);
        chance.series(0.01, 0.001, move |row, _| 3.2 + day(row))
    }),
    ("anchor load, 1 h", 3_600, |chance| {
        let day = chance.day(3_600.0, 1.5);
        chance.series(0.3, 0.1, move |row, _| 400.0 - 8.0 * (1.0 + row / 500.0).ln() + day(row))
    }),
    ("pore pressure, 30 min", 1_800, |chance| {
        let mut weather = 0.0;
        chance.series(0.05, 0.01, move |_, shock| {
            weather = 0.99 * weather + 0.1 * shock;
            30.0 + weather
        })
    }),
    ("settlement, 1 d", 86_400, |chance| {
        chance.series(0.5, 0.1, |row, _| 60.0 * (1.0 - (-row / 3_000.0).exp()))
    }),
    ("soil moisture, 15 min", 900, |chance| {
        let mut fronts = chance.storms(700.0, 6.0);
        chance.series(0.002, 0.001, move |_, _| 0.18 + 0.01 * fronts(0.998))
    }),
    ("air temperature, 10 min", 600, |chance| {
        let (day, mut weather) = (chance.day(600.0, 5.0), 0.0);
        chance.series(0.1, 0.1, move |row, shock| {
            weather = 0.999 * weather + 0.15 * shock;
            15.0 + day(row) + weather
        })
    }),
    ("vibration, 1 min", 60, |chance| {
        let mut wind = 0.0;
        chance.series(0.0, 0.001, move |_, shock| {
            wind = 0.98 * wind + 0.15 * shock;
            0.05 * f64::exp(wind)
        })
    }),
];

/// The table.
pub fn table() -> Result<String> {
    let mut text = String::from("| kind | readings counted |");
    for promised in PROMISED {
        write!(text, " one in {promised}: promised, told |")?;
    }
    text.push_str("\n|---|---|---|---|---|---|\n");
    let mut sum = Tally::default();
    for (name, interval, series) in KINDS {
        let mut tally = Tally::default();
        for world in 0..WORLDS {
            tally.take(interval, &series(&mut of_world(world)));
        }
        writeln!(text, "| {name} | {}", tally.said())?;
        sum.add(&tally);
    }
    writeln!(text, "| **together** | {}", sum.said())?;
    Ok(text)
}

/// How often something was told in so many readings, and how often that was promised.
#[derive(Default)]
struct Tally {
    readings: usize,
    promised: [f64; PROMISED.len()],
    told: [usize; PROMISED.len()],
}

impl Tally {
    fn take(&mut self, interval: i64, values: &[f64]) {
        let row =
            |(row, value): (usize, &f64)| (Timestamp::from_secs(row as i64 * interval), *value);
        let rows: Vec<(Timestamp, f64)> = values.iter().enumerate().map(row).collect();
        self.readings += rows.len() - WARM;
        for (at, readings_per_false_alarm) in PROMISED.into_iter().enumerate() {
            let said = play::with(anomaly::Settings { readings_per_false_alarm }, &rows);
            self.told[at] += said[WARM..].iter().filter(|said| said.alert).count();
            // with more experience it is rarer in proportion
            let a_reading = |seen: usize| {
                (anomaly::EXPERIENCE / seen as f64).min(1.0) / readings_per_false_alarm
            };
            self.promised[at] += (WARM..rows.len()).map(a_reading).sum::<f64>();
        }
    }

    fn add(&mut self, other: &Self) {
        self.readings += other.readings;
        for at in 0..PROMISED.len() {
            self.promised[at] += other.promised[at];
            self.told[at] += other.told[at];
        }
    }

    fn said(&self) -> String {
        let columns = self
            .promised
            .iter()
            .zip(self.told)
            .map(|(promised, told)| format!("{promised:.1}, {told}"));
        let columns: Vec<String> = columns.collect();
        format!("{} | {} |", self.readings, columns.join(" | "))
    }
}

/// The source of what happens in one world.
fn of_world(world: u64) -> Chance {
    Chance(world.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(7))
}

impl Chance {
    /// A wave of so many readings with a chance phase.
    fn wave(&mut self, readings: f64, size: f64) -> impl Fn(f64) -> f64 + use<> {
        let phase = self.even();
        move |row| size * (TAU * (row / readings + phase)).sin()
    }

    /// A wave of a day.
    fn day(&mut self, interval: f64, size: f64) -> impl Fn(f64) -> f64 + use<> {
        self.wave(86_400.0 / interval, size)
    }

    /// Something that comes once in so many readings, `mean` large on the average, and recedes.
    fn storms(&mut self, every: f64, mean: f64) -> impl FnMut(f64) -> f64 + use<> {
        let mut own = Self(self.0 ^ 0xabcd);
        let mut left = 0.0;
        move |kept| {
            left *= kept;
            if own.even() < 1.0 / every {
                left += -mean * own.even().ln();
            }
            left
        }
    }

    /// What the sensor reads: the truth by row and a shock of its own, with noise, rounded to what it resolves.
    fn series(
        &mut self,
        noise: f64,
        step: f64,
        mut truth: impl FnMut(f64, f64) -> f64,
    ) -> Vec<f64> {
        let row = |row: usize| {
            let shock = self.normal();
            let value = truth(row as f64, shock) + noise * self.normal();
            (value / step).round() * step
        };
        (0..READINGS).map(row).collect()
    }
}
