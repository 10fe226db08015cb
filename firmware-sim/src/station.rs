//! One instrument box: the truth as it sees it, stamped by its own clock, in messages of its own.

use core::time::Duration;

use reading::{Quantity, SiteId, Timestamp};

use crate::fault::{FaultLog, Injected, Kind, Script, Scripted};
use crate::message::{Message, Report, Status, Topics, Value, json, korean_time};
use crate::physics::Truth;
use crate::random::Random;
use crate::scenario::{AfterFailure, Scenario, SensorPlan, SitePlan, StationPlan};

/// How long instruments show the end of their range before the slope has buried them.
const RAIL: Duration = Duration::from_secs(600);
/// Seconds from sample to send: the modem's share.
const LATENCY_S: (f64, f64) = (0.2, 2.0);
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

/// One instrument box.
#[derive(Clone, Debug)]
pub struct Station {
    site: SiteId,
    plan: StationPlan,
    topics: Topics,
    random: Random,
    script: Script,
    /// Chance of faults; a stream of its own, so that a fault changes no other number.
    trouble: Random,
    reboots: usize,
    clock: Clock,
    sensors: Vec<Sensor>,
    seq: u64,
    backlog: Vec<Sample>,
    backlog_batch: usize,
}

/// A clock that is a little wrong, and a little more every day.
#[derive(Clone, Debug)]
struct Clock {
    set_at: Timestamp,
    offset_s: f64,
    drift_ppm: f64,
}

#[derive(Clone, Debug)]
struct Sensor {
    plan: SensorPlan,
    zero: f64,
    stuck_at: Option<f64>,
    tips_mm: Option<f64>,
    interval_h: f64,
    poured_mm: f64,
}

/// What a station measured at one moment, by its own clock.
#[derive(Clone, Debug)]
struct Sample {
    stamp: Timestamp,
    values: Vec<f64>,
}

impl Station {
    /// A station of `site`, with noise, zeros and clock drawn from `seed`; `faults` may be those of others as well.
    pub fn new(
        scenario: &Scenario,
        site: &SitePlan,
        plan: &StationPlan,
        faults: &[Scripted],
        seed: u64,
    ) -> Self {
        let mut random = Random::new(seed, &format!("{}/{}", site.id, plan.id));
        let trouble = Random::new(seed, &format!("{}/{}/trouble", site.id, plan.id));
        let sensors = plan
            .sensors
            .iter()
            .map(|sensor| Sensor::new(sensor, plan.interval(), &mut random))
            .collect();
        let clock = Clock {
            set_at: scenario.start,
            offset_s: 0.3 * random.gauss(),
            drift_ppm: 5.0 * random.gauss(),
        };
        Self {
            site: site.id.clone(),
            plan: plan.clone(),
            topics: Topics::new(&site.id, &plan.id),
            script: Script::new(faults, &site.id, &plan.id, scenario.start),
            trouble,
            reboots: 0,
            random,
            clock,
            sensors,
            seq: 0,
            backlog: Vec::new(),
            backlog_batch: scenario.backlog_batch,
        }
    }

    /// How long after a whole interval this station measures, so that stations do not speak as one.
    pub fn draw_phase(&mut self) -> Duration {
        let millis = self.random.below(self.plan.report_s as usize * 1_000);
        Duration::from_millis(millis as u64)
    }

    /// Time between samples.
    pub fn interval(&self) -> Duration {
        self.plan.interval()
    }

    /// The faults it was given.
    pub(crate) fn script(&self) -> &Script {
        &self.script
    }

    /// The retained word that it is there.
    pub fn birth(&self, at: Timestamp) -> Message {
        let payload = json(&Status::online(at));
        Message { sent_at: at, topic: self.topics.status(), payload, retain: true }
    }

    /// Measures and reports at once. Nothing if the station is silent or gone.
    pub fn report(&mut self, at: Timestamp, truth: &Truth, log: &mut FaultLog) -> Option<Message> {
        let sample = self.sample(at, truth, log)?;
        let latency = Duration::from_secs_f64(self.random.between(LATENCY_S.0, LATENCY_S.1));
        let reboots = self.script.begun(Kind::Reboot, at);
        if reboots > self.reboots {
            self.reboots = reboots;
            self.seq = 0;
            self.log(log, at, Kind::Reboot);
        }
        let payload = self.encode(std::slice::from_ref(&sample));
        if let Some((from, until)) = self.script.span(Kind::HalfOpen, at) {
            self.log(log, at, Kind::HalfOpen);
            let unknown_s = self.script.at(Kind::HalfOpen, at).next().map_or(0.0, |it| it.size);
            if at.since(from).as_secs_f64() < unknown_s {
                return None;
            }
            return Some(self.late(until.plus(latency), payload));
        }
        if let Some((kind, until)) = self.away(at) {
            self.log(log, at, kind);
            return Some(self.late(until.plus(latency), payload));
        }
        let topic = self.topics.telemetry();
        Some(Message { sent_at: at.plus(latency), topic, payload, retain: false })
    }

    /// Why it cannot send, and until when.
    fn away(&self, at: Timestamp) -> Option<(Kind, Timestamp)> {
        if let Some((_, until)) = self.script.span(Kind::Outage, at) {
            return Some((Kind::Outage, until));
        }
        let (from, _) = self.script.span(Kind::Flapping, at)?;
        let every_s = self.script.at(Kind::Flapping, at).next()?.size.max(1.0);
        let turns = libm::floor(at.since(from).as_secs_f64() / every_s);
        // away first, then there, then away
        let is_away = turns % 2.0 == 0.0;
        is_away
            .then(|| (Kind::Flapping, from.plus(Duration::from_secs_f64((turns + 1.0) * every_s))))
    }

    fn late(&self, sent_at: Timestamp, payload: Vec<u8>) -> Message {
        Message { sent_at, topic: self.topics.backfill(), payload, retain: false }
    }

    /// Measures and keeps it; a full batch leaves at `sent_at` as one message on the backfill road.
    pub fn store(
        &mut self,
        at: Timestamp,
        truth: &Truth,
        log: &mut FaultLog,
        sent_at: Timestamp,
    ) -> Option<Message> {
        let sample = self.sample(at, truth, log)?;
        self.backlog.push(sample);
        if self.backlog.len() >= self.backlog_batch { self.flush(sent_at) } else { None }
    }

    /// What is left of the backlog, if anything.
    pub fn flush(&mut self, sent_at: Timestamp) -> Option<Message> {
        if self.backlog.is_empty() {
            return None;
        }
        let samples = core::mem::take(&mut self.backlog);
        let payload = self.encode(&samples);
        Some(Message { sent_at, topic: self.topics.backfill(), payload, retain: false })
    }

    fn sample(&mut self, at: Timestamp, truth: &Truth, log: &mut FaultLog) -> Option<Sample> {
        let rail = match (truth.failed_at, self.plan.after_failure) {
            (None, _) | (_, AfterFailure::Survives) => false,
            (Some(failed_at), AfterFailure::Rail) if at < failed_at.plus(RAIL) => true,
            (Some(_), AfterFailure::Silent | AfterFailure::Rail) => return None,
        };
        let silent = self.script.holds(Kind::Silence, at);
        let values = (0..self.sensors.len())
            .map(|index| self.measure(index, at, truth, rail, log))
            .collect();
        if silent {
            self.log(log, at, Kind::Silence);
            return None;
        }
        Some(Sample { stamp: self.stamp(at, log), values })
    }

    fn measure(
        &mut self,
        index: usize,
        at: Timestamp,
        truth: &Truth,
        rail: bool,
        log: &mut FaultLog,
    ) -> f64 {
        let noise = self.random.gauss();
        let sensor = &mut self.sensors[index];
        let true_value = sensor.read(truth, self.plan.share, noise);
        let mut value = if rail { sensor.plan.range.1 } else { true_value };
        if !self.script.is_empty() {
            value = sensor.trouble(value, at, truth, &self.script, &mut self.trouble, |kind| {
                log.record(injected(&self.site, &self.plan, at, kind));
            });
        }
        sensor.show(value)
    }

    fn stamp(&self, at: Timestamp, log: &mut FaultLog) -> Timestamp {
        if let Some((rebooted_at, _)) = self.script.span(Kind::ClockUnset, at) {
            self.log(log, at, Kind::ClockUnset);
            return Timestamp::from_secs(0).plus(at.since(rebooted_at));
        }
        let jump_s: f64 = self.script.at(Kind::ClockJump, at).map(|fault| fault.size).sum();
        if jump_s != 0.0 {
            self.log(log, at, Kind::ClockJump);
        }
        self.clock.reads(at, jump_s)
    }

    fn encode(&mut self, samples: &[Sample]) -> Vec<u8> {
        self.seq += 1;
        let last = samples.last().map_or(Timestamp::MIN, |sample| sample.stamp);
        let mut readings = Vec::with_capacity(samples.len() * self.sensors.len());
        for sample in samples {
            let at = (sample.stamp != last).then(|| korean_time(sample.stamp));
            for (sensor, value) in self.sensors.iter().zip(&sample.values) {
                readings.push(Value {
                    sensor: sensor.plan.id.as_str(),
                    quantity: sensor.plan.quantity.name(),
                    value: *value,
                    unit: sensor.plan.quantity.base_unit().symbol(),
                    at: at.clone(),
                });
            }
        }
        json(&Report { seq: self.seq, at: korean_time(last), readings })
    }

    fn log(&self, log: &mut FaultLog, at: Timestamp, kind: Kind) {
        log.record(injected(&self.site, &self.plan, at, kind));
    }

    /// Notes a fault of the way to the broker.
    pub(crate) fn note(&self, log: &mut FaultLog, at: Timestamp, kind: Kind) {
        self.log(log, at, kind);
    }
}

fn injected(site: &SiteId, plan: &StationPlan, at: Timestamp, kind: Kind) -> Injected {
    Injected { at, site: site.clone(), station: plan.id.clone(), kind }
}

impl Clock {
    /// What it shows at `at`, in whole milliseconds.
    fn reads(&self, at: Timestamp, jump_s: f64) -> Timestamp {
        let drift_s = at.hours_since(self.set_at) * 3_600.0 * self.drift_ppm * 1e-6;
        let wrong_ms = libm::round((self.offset_s + drift_s + jump_s) * 1e3) as i64;
        Timestamp::from_nanos(
            (at.nanos() / 1_000_000).saturating_add(wrong_ms).saturating_mul(1_000_000),
        )
    }
}

impl Sensor {
    fn new(plan: &SensorPlan, interval: Duration, random: &mut Random) -> Self {
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
    fn trouble(
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

    fn read(&mut self, truth: &Truth, share: f64, noise: f64) -> f64 {
        let value = truth.value(self.plan.quantity, share);
        if self.plan.quantity == Quantity::Rain {
            // A report says what fell since the one before; the first one has none before it.
            let before = self.tips_mm.replace(value).unwrap_or(value);
            return value - before;
        }
        let feels_c =
            if self.plan.quantity == Quantity::Displacement { truth.air_c } else { truth.body_c };
        value + self.zero + self.plan.per_degc * (feels_c - REFERENCE_C) + self.plan.noise * noise
    }

    /// The value as displayed: in whole steps, inside the range.
    fn show(&self, value: f64) -> f64 {
        let (low, high) = self.plan.range;
        // Dividing by the inverse gives the double nearest the decimal, so that it prints short.
        let per_unit = libm::round(1.0 / self.plan.step);
        let shown = libm::round(value.clamp(low, high) * per_unit) / per_unit;
        // Not -0.0: it prints differently and means nothing.
        shown + 0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sensor(quantity: &str, step: f64) -> Sensor {
        let plan = SensorPlan {
            id: "s-1".parse().unwrap(),
            quantity: Quantity::parse(quantity).unwrap(),
            noise: 0.0,
            step,
            per_degc: 0.0,
            range: (-15.0, 15.0),
            zeroed: true,
        };
        Sensor { plan, zero: 0.0, stuck_at: None, tips_mm: None, interval_h: 0.0, poured_mm: 0.0 }
    }

    #[test]
    fn values_are_shown_in_whole_steps_inside_the_range() {
        for (step, value, shown) in [
            (0.001, 0.123_49, "0.123"),
            (0.2, 0.6, "0.6"),
            (0.2, 0.71, "0.8"),
            (0.1, -0.04, "0.0"),
            (0.001, 99.0, "15.0"),
        ] {
            assert_eq!(serde_json::to_string(&sensor("tilt-x", step).show(value)).unwrap(), shown);
        }
    }

    #[test]
    fn clocks_are_wrong_by_offset_drift_and_jump() {
        let at = Timestamp::parse("2026-07-14T00:00:00Z").unwrap();
        let clock = Clock { set_at: at, offset_s: -0.25, drift_ppm: 10.0 };
        assert_eq!(clock.reads(at, 0.0).to_string(), "2026-07-13T23:59:59.75Z");
        let next_day = at.plus(Duration::from_secs(86_400));
        assert_eq!(clock.reads(next_day, 0.0).to_string(), "2026-07-15T00:00:00.614Z");
        assert_eq!(clock.reads(at, 9.0 * 3_600.0).to_string(), "2026-07-14T08:59:59.75Z");
    }
}
