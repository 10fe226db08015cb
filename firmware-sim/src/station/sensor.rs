//! One instrument: what it makes of the truth, and what faults make of that.

use core::time::Duration;

use reading::{Quantity, Timestamp};

use crate::fault::{Kind, Script, Scripted};
use crate::physics::Truth;
use crate::random::Random;
use crate::scenario::SensorPlan;

/// What changes a value, in this order.
const ALTERING: [Kind; 13] = [
    Kind::Gain,
    Kind::UnitMix,
    Kind::Drift,
    Kind::Offset,
    Kind::Step,
    Kind::Noise,
    Kind::Bird,
    Kind::RainOnAe,
    Kind::Clogged,
    Kind::WaterTest,
    Kind::Spike,
    Kind::Rail,
    Kind::WireBreak,
];
/// The temperature at which instruments were set to zero, °C.
const REFERENCE_C: f64 = 20.0;

/// One instrument.
#[derive(Clone, Debug)]
pub(super) struct Sensor {
    pub plan: SensorPlan,
    zero: f64,
    stuck_at: Option<f64>,
    tips_mm: Option<f64>,
    interval_h: f64,
    poured_mm: f64,
}

impl Sensor {
    /// An instrument as it was mounted, its zero drawn by chance unless it was set.
    pub fn new(plan: &SensorPlan, interval: Duration, random: &mut Random) -> Self {
        let zero = match plan.quantity {
            _ if plan.zeroed => 0.0,
            Quantity::Tilt | Quantity::TiltX | Quantity::TiltY => random.between(-0.4, 0.4),
            // The wire is set with some of its length out.
            Quantity::Displacement => random.between(20.0, 60.0),
            _ => 0.0,
        };
        let interval_h = interval.as_secs_f64() / 3_600.0;
        Self { plan: plan.clone(), zero, stuck_at: None, tips_mm: None, interval_h, poured_mm: 0.0 }
    }

    /// What faults make of a value.
    pub fn trouble(
        &mut self,
        mut value: f64,
        at: Timestamp,
        truth: &Truth,
        script: &Script,
        random: &mut Random,
        mut log: impl FnMut(Kind),
    ) -> f64 {
        let id = self.plan.id.clone();
        for kind in ALTERING {
            for (hours, fault) in script.since(kind, at).filter(|(_, fault)| fault.concerns(&id)) {
                value = self.altered(value, hours, truth, fault, random);
                log(kind);
            }
        }
        if script.at(Kind::Stuck, at).any(|fault| fault.concerns(&self.plan.id)) {
            value = *self.stuck_at.get_or_insert(value);
            log(Kind::Stuck);
        } else {
            self.stuck_at = None;
        }
        value
    }

    /// A value that one fault has had for so many hours.
    fn altered(
        &mut self,
        value: f64,
        hours: f64,
        truth: &Truth,
        fault: &Scripted,
        random: &mut Random,
    ) -> f64 {
        let size = fault.size;
        let quantity = self.plan.quantity;
        let is = |wanted| quantity == wanted;
        match fault.kind {
            Kind::Offset | Kind::Step | Kind::Spike => value + size,
            Kind::Drift => value + size * hours.min(fault.for_h) / 24.0,
            Kind::Noise => value + self.plan.noise * (size - 1.0) * random.gauss(),
            Kind::Rail if size < 0.0 => self.plan.range.0,
            Kind::Rail | Kind::WireBreak => self.plan.range.1,
            Kind::Gain => value * (1.0 + size),
            Kind::UnitMix => value * size,
            Kind::Bird if random.chance(0.5) => value + size * random.unit(),
            Kind::RainOnAe if is(Quantity::AcousticEmission) => {
                value + size * truth.minute_mm * 60.0
            }
            Kind::Clogged if is(Quantity::Rain) => 0.0,
            Kind::WaterTest if is(Quantity::Rain) => {
                self.poured_mm += size * self.interval_h;
                // a bucket counts whole tips and keeps the rest
                let tips = libm::floor(self.poured_mm / self.plan.step) * self.plan.step;
                self.poured_mm -= tips;
                value + tips
            }
            _ => value,
        }
    }

    /// What it shows of the truth, before faults. Rain is what fell since the time before.
    pub fn read(&mut self, truth: &Truth, share: f64, noise: f64) -> f64 {
        let value = truth.value(self.plan.quantity, share);
        if self.plan.quantity == Quantity::Rain {
            // A report says what fell since the one before; the first one has none before it.
            let before = self.tips_mm.replace(value).unwrap_or(value);
            return value - before;
        }
        if matches!(self.plan.quantity, Quantity::BatteryVoltage | Quantity::SignalStrength) {
            return value;
        }
        let feels_c =
            if self.plan.quantity == Quantity::Displacement { truth.air_c } else { truth.body_c };
        value + self.zero + self.plan.per_degc * (feels_c - REFERENCE_C) + self.plan.noise * noise
    }
}
