//! One rule of each kind of condition, and a story that makes it hold: quiet, a movement or a storm, and its end.

use std::time::Duration;

use alerting::condition::amounts::Source;
use alerting::condition::anchor_load;
use alerting::condition::effective_rain::Part;
use alerting::condition::intensity_duration::Line;
use alerting::condition::limit::Limit;
use alerting::condition::natural_frequency::Welch;
use alerting::condition::rate::{Estimator, Short};
use alerting::condition::vibration::Table;
use alerting::condition::{
    ConditionSettings as Of, Side, acceleration, accumulation, angular_distortion, anomaly,
    antecedent_water, baseline, compensated, compensation, crack_growth, cusum, disagreement,
    doubt, effective_rain, failure_time, intensity_duration, natural_frequency, neighbours,
    page_hinkley, persistence, rate, recent_antecedent, silence, soil_water, threshold, trigger,
    velocity, vibration, wall_movement,
};
use reading::{Quality, Quantity, Timestamp};

use crate::common::persist;

pub const HOUR: Duration = Duration::from_secs(3_600);
pub const DAY: Duration = Duration::from_secs(86_400);
/// Rows of a story: three days and a half of a reading every ten minutes.
pub const ROWS: usize = 504;
/// The row at which something begins.
pub const ONSET: usize = 220;

/// One value of one slot at one moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Row {
    pub slot: u8,
    pub at: Timestamp,
    pub value: f64,
}

/// A rule of one kind.
pub struct Example {
    pub settings: Of,
    /// What its series measures, and its companions.
    pub slots: &'static [Quantity],
    /// How often they report.
    pub every: Duration,
    /// The value of a slot in a row; the noise is in ±1, the strength that of what happens.
    pub value: fn(row: usize, slot: u8, noise: f64, strength: f64) -> f64,
}

impl Example {
    /// Its story: of the same moment companions come first, by slot.
    pub fn story(&self, seed: u64, strength: f64) -> Vec<Row> {
        let mut rows = Vec::new();
        let mut noise = noise(seed);
        for row in 0..ROWS {
            let at = Timestamp::from_secs(1_784_000_000).plus(self.every * row as u32);
            let slots = (1..self.slots.len()).chain([0]);
            rows.extend(slots.map(|slot| {
                let slot = slot as u8;
                Row { slot, at, value: (self.value)(row, slot, noise(), strength) }
            }));
        }
        rows
    }
}

/// Noise of even spread in ±1, the same on every machine.
pub fn noise(seed: u64) -> impl FnMut() -> f64 {
    let mut state = seed.wrapping_mul(2) | 1;
    move || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as f64 / f64::from(1u32 << 30) - 1.0
    }
}

/// From 0 to 1 ever faster over 100 rows, there for 60, back within 20.
fn event(row: usize) -> f64 {
    match row.checked_sub(ONSET) {
        None => 0.0,
        Some(since @ 0..100) => (since as f64 / 100.0).powi(2),
        Some(100..160) => 1.0,
        Some(since @ 160..180) => 1.0 - (since - 160) as f64 / 20.0,
        Some(_) => 0.0,
    }
}

fn moves(row: usize, _slot: u8, noise: f64, strength: f64) -> f64 {
    20.0 * strength * event(row) + 0.02 * noise
}

fn creeps(row: usize, _slot: u8, noise: f64, strength: f64) -> f64 {
    0.02 * row as f64 + 20.0 * strength * event(row) + 0.001 * noise
}

/// Creeps, then fails at row 450 by an inverse velocity that falls in a straight line; then nothing moves any more.
fn fails(row: usize, slot: u8, noise: f64, strength: f64) -> f64 {
    const LASTS: f64 = 230.0;
    let since = (row as f64 - ONSET as f64).clamp(0.0, LASTS - 2.0);
    let crept = 0.02 * row.min(ONSET) as f64;
    match slot {
        0 => strength * (crept + 0.3 * LASTS * (LASTS / (LASTS - since)).ln()) + 0.002 * noise,
        _ => f64::from(u8::from(row.is_multiple_of(50))),
    }
}

fn rains(row: usize, _slot: u8, noise: f64, strength: f64) -> f64 {
    let drizzle = if noise > 0.9 { 0.5 } else { 0.0 };
    let storm = if (ONSET..ONSET + 60).contains(&row) { 4.0 + 2.0 * noise } else { 0.0 };
    drizzle + strength * storm
}

fn air(row: usize) -> f64 {
    15.0 + 8.0 * (row as f64 / 144.0 * core::f64::consts::TAU).sin()
}

fn breathes(row: usize, slot: u8, noise: f64, strength: f64) -> f64 {
    match slot {
        0 => 0.3 + 0.01 * (air(row) - 20.0) + 0.002 * noise + strength * event(row),
        _ => air(row) + 0.05 * noise,
    }
}

fn settles(row: usize, slot: u8, noise: f64, strength: f64) -> f64 {
    if slot == 0 { 40.0 * strength * event(row) + 0.1 * noise } else { 0.1 * noise }
}

fn loads(row: usize, _slot: u8, noise: f64, strength: f64) -> f64 {
    300.0 + 200.0 * strength * event(row) + noise
}

/// All nodes of a chain, the further away the less.
fn chain(row: usize, slot: u8, noise: f64, strength: f64) -> f64 {
    20.0 * strength * event(row) / (1.0 + f64::from(slot) * 0.3) + 0.01 * noise
}

fn alone(row: usize, slot: u8, noise: f64, strength: f64) -> f64 {
    if slot == 0 { moves(row, slot, noise, strength) } else { 0.05 * noise }
}

fn shakes(row: usize, slot: u8, noise: f64, strength: f64) -> f64 {
    match slot {
        0 => 0.2 * noise + 10.0 * strength * event(row),
        _ => 25.0 + 20.0 * noise,
    }
}

fn softens(row: usize, slot: u8, noise: f64, strength: f64) -> f64 {
    match slot {
        0 => 3.2 - 0.002 * (air(row) - 20.0) + 0.004 * noise - 0.3 * strength * event(row),
        _ => air(row) + 0.05 * noise,
    }
}

/// Samples of a mode at 3.2 Hz, and of one at 2.9 Hz for a while.
fn sways(row: usize, _slot: u8, noise: f64, strength: f64) -> f64 {
    let lower = if (ONSET..ONSET + 90).contains(&row) { 0.3 * strength } else { 0.0 };
    let hertz = 3.2 - lower;
    (row as f64 * 0.05 * hertz * core::f64::consts::TAU).sin() + 0.1 * noise
}

fn trembles(row: usize, _slot: u8, noise: f64, strength: f64) -> f64 {
    noise * if (ONSET..ONSET + 40).contains(&row) { 1.0 + 30.0 * strength } else { 1.0 }
}

fn limit(side: Side, raise_at: f64, clear_below: f64) -> Limit {
    Limit { side, raise_at, clear_below, persistence: persist(2, 3, 3) }
}

fn slope(estimator: Estimator) -> rate::Settings {
    rate::Settings {
        estimator,
        window: 3 * HOUR,
        side: Side::Magnitude,
        raise_at: 0.5,
        clear_below: 0.4,
        samples_min: 9,
        significance: if estimator == Estimator::TheilSen { 2.0 } else { 4.0 },
        short: Some(Short { window: HOUR, raise_at: 2.0, clear_below: 1.6, samples_min: 4 }),
        persistence: persist(3, 5, 3),
    }
}

const THERMOMETER: compensation::Settings = compensation::Settings {
    lag: None,
    forgetting: 1.0,
    freeze_rate: None,
    warm_up: DAY,
    stale_after: HOUR,
};

const EVERY: Duration = Duration::from_secs(600);

/// Every kind at least once, in the order of the closed set.
pub fn every() -> Vec<Example> {
    let source = Source::default();
    let plain = |settings, slots, value| Example { settings, slots, every: EVERY, value };
    use Quantity::{
        CrackWidth, Displacement, Force, Frequency, Rain, Settlement, Temperature, TiltX,
        VibrationVelocity,
    };
    let gap = persist(2, 3, 3);
    vec![
        plain(
            Of::Threshold(threshold::Settings {
                side: Side::Above,
                raise_at: 10.0,
                clear_below: 8.0,
                persistence: persistence::Settings { hold: HOUR, ..gap },
            }),
            &[TiltX],
            moves,
        ),
        plain(Of::Rate(slope(Estimator::LeastSquares)), &[TiltX], moves),
        plain(Of::Rate(slope(Estimator::TheilSen)), &[TiltX], moves),
        plain(
            Of::Acceleration(acceleration::Settings {
                velocity: velocity::Settings {
                    increment: 0.0,
                    interval_min: HOUR,
                    interval_max: HOUR,
                },
                short: 3,
                long: 7,
                floor: 0.5,
                persistence: persistence::Settings { gap_max: 3 * HOUR, ..persist(1, 1, 3) },
            }),
            &[Displacement],
            creeps,
        ),
        plain(
            Of::FailureTime(failure_time::Settings {
                velocity: velocity::Settings {
                    increment: 0.5,
                    interval_min: EVERY,
                    interval_max: 36 * EVERY,
                },
                limit: None,
                samples_min: 7,
                explained_min: 0.9,
                significance: 4.0,
                speedup: 3.0,
                moved_min: 2.5,
                stable_within: 0.2,
                width_max: 0.6,
                raise_within: DAY,
                pessimistic: 0.3,
                persistence: persist(1, 1, 3),
            }),
            &[Displacement, Rain],
            fails,
        ),
        plain(
            Of::Accumulation(accumulation::Settings {
                source,
                window: 3 * HOUR,
                raise_at: 40.0,
                clear_below: 30.0,
                persistence: persist(1, 1, 3),
            }),
            &[Rain],
            rains,
        ),
        plain(
            Of::IntensityDuration(intensity_duration::Settings {
                source,
                line: Line::KOREA,
                dry_hours: 3,
                limit: limit(Side::Above, 1.0, 0.8),
            }),
            &[Rain],
            rains,
        ),
        plain(
            Of::RecentAntecedent(recent_antecedent::Settings {
                source,
                recent: 12 * HOUR,
                antecedent: DAY,
                base: 60.0,
                slope: 0.67,
                persistence: gap,
            }),
            &[Rain],
            rains,
        ),
        plain(
            Of::EffectiveRain(effective_rain::Settings {
                source,
                parts: vec![
                    Part { half_life: 3 * HOUR / 2, raise_at: 40.0, clear_below: 30.0 },
                    Part { half_life: 8 * HOUR, raise_at: 90.0, clear_below: 70.0 },
                ],
                persistence: gap,
            }),
            &[Rain],
            rains,
        ),
        plain(
            Of::SoilWater(soil_water::Settings {
                source,
                step: HOUR,
                warm_up: 2 * HOUR,
                limit: limit(Side::Above, 90.0, 70.0),
            }),
            &[Rain],
            rains,
        ),
        plain(
            Of::AntecedentWater(antecedent_water::Settings {
                source,
                step: HOUR,
                field_capacity: 40.0,
                drain: 0.1,
                evaporation: [0.2; 12],
                warm_up: 2 * HOUR,
                limit: limit(Side::Above, 20.0, 15.0),
            }),
            &[Rain],
            rains,
        ),
        plain(
            Of::Compensated(compensated::Settings {
                compensation: THERMOMETER,
                test: compensated::Test::Value(limit(Side::Magnitude, 0.2, 0.15)),
            }),
            &[TiltX, Temperature],
            breathes,
        ),
        plain(
            Of::Compensated(compensated::Settings {
                compensation: THERMOMETER,
                test: compensated::Test::Rate(rate::Settings {
                    raise_at: 0.05,
                    clear_below: 0.04,
                    short: None,
                    ..slope(Estimator::LeastSquares)
                }),
            }),
            &[TiltX, Temperature],
            breathes,
        ),
        plain(
            Of::Baseline(baseline::Settings {
                weight: 0.01,
                warm_up: 100,
                sigma_min: 0.001,
                reference: true,
                limit: limit(Side::Magnitude, 6.0, 4.0),
            }),
            &[TiltX],
            moves,
        ),
        plain(
            Of::Cusum(cusum::Settings {
                usual: None,
                warm_up: 100,
                sigma_min: 0.001,
                slack: 0.5,
                limit: limit(Side::Above, 12.0, 6.0),
            }),
            &[TiltX],
            moves,
        ),
        plain(
            Of::PageHinkley(page_hinkley::Settings {
                slack: 0.05,
                memory: 10_000,
                limit: limit(Side::Magnitude, 5.0, 2.0),
            }),
            &[TiltX],
            moves,
        ),
        plain(
            Of::CrackGrowth(crack_growth::Settings {
                window: 3 * DAY,
                width: Some(18.0),
                compensation: None,
                limit: limit(Side::Above, 0.05, 0.04),
            }),
            &[CrackWidth],
            moves,
        ),
        plain(
            Of::CrackGrowth(crack_growth::Settings {
                window: 3 * DAY,
                width: None,
                compensation: Some(compensation::Settings { warm_up: HOUR, ..THERMOMETER }),
                limit: limit(Side::Above, 0.004, 0.003),
            }),
            &[CrackWidth, Temperature],
            breathes,
        ),
        plain(
            Of::WallMovement(wall_movement::Settings {
                height: Some(50.0),
                class: wall_movement::Class::Caution,
                persistence: persist(1, 1, 3),
            }),
            &[TiltX],
            moves,
        ),
        plain(
            Of::AngularDistortion(angular_distortion::Settings {
                distance: 6_000.0,
                baseline: None,
                stale_after: HOUR,
                limit: limit(Side::Above, 0.002, 0.0016),
            }),
            &[Settlement, Settlement],
            settles,
        ),
        plain(
            Of::AnchorLoad(anchor_load::Settings {
                design: 400.0,
                slack: Some((300.0, 80.0)),
                limit: limit(Side::Above, 100.0, 95.0),
            }),
            &[Force],
            loads,
        ),
        plain(
            Of::Neighbours(neighbours::Settings { rate: slope(Estimator::LeastSquares) }),
            &[Displacement, Displacement, Displacement],
            chain,
        ),
        plain(
            Of::Disagreement(disagreement::Settings {
                apart: 1.0,
                share: 0.1,
                sum_over: None,
                stale_after: HOUR,
                persistence: gap,
            }),
            &[Displacement, Displacement, Displacement, Displacement],
            alone,
        ),
        plain(
            Of::Vibration(vibration::Settings {
                table: Table::KoreaClass3,
                limit: limit(Side::Above, 70.0, 60.0),
            }),
            &[VibrationVelocity, Frequency],
            shakes,
        ),
        plain(
            Of::NaturalFrequency(natural_frequency::Settings {
                welch: None,
                reference: 3.2,
                within: 0.2,
                compensation: Some(THERMOMETER),
                limit: limit(Side::Above, 3.0, 2.0),
            }),
            &[Frequency, Temperature],
            softens,
        ),
        Example {
            every: Duration::from_millis(50),
            ..plain(
                Of::NaturalFrequency(natural_frequency::Settings {
                    welch: Some(Welch { rate: 20.0, block: 64, averages: 2 }),
                    reference: 3.2,
                    within: 0.2,
                    compensation: None,
                    limit: Limit { persistence: persist(1, 1, 2), ..limit(Side::Above, 4.0, 2.0) },
                }),
                &[VibrationVelocity],
                sways,
            )
        },
        plain(Of::Silence(silence::Settings { after: HOUR }), &[TiltX], moves),
        plain(
            Of::Doubt(doubt::Settings { flags: Quality::UNCONFIRMED, clean: 12 }),
            &[TiltX],
            moves,
        ),
        plain(
            Of::Anomaly(anomaly::Settings { readings_per_false_alarm: 1_000.0 }),
            &[TiltX],
            moves,
        ),
        plain(
            Of::Anomaly(anomaly::Settings { readings_per_false_alarm: 1_000.0 }),
            &[TiltX, Temperature],
            breathes,
        ),
        Example {
            every: Duration::from_millis(10),
            ..plain(
                Of::Trigger(trigger::Settings {
                    short: Duration::from_millis(100),
                    long: Duration::from_secs(1),
                    hold: Duration::from_millis(200),
                    ..Default::default()
                }),
                &[VibrationVelocity],
                trembles,
            )
        },
    ]
}

/// Kinds whose word is not made of values: what was not heard, and what admission found.
pub fn is_told_otherwise(settings: &Of) -> bool {
    matches!(settings, Of::Silence(_) | Of::Doubt(_))
}
