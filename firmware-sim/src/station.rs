//! One instrument box: the truth as its instruments see it, and the firmware that makes messages of it.
//!
//! What the box decides is in the crate `station`, which needs no host. Here is what that crate cannot know: the world
//! around it, its crystal, its battery and its radio.

mod sensor;
mod orders;

use core::time::Duration;

use reading::{Quantity, SiteId, Timestamp};
use station::{Channel, Firmware, Merge, Settings};

use crate::fault::{FaultLog, Injected, Kind, Script, Scripted};
use crate::message::{Message, Report, Status, Topics, Value, json, korean_time};
use crate::physics::power::Power;
use crate::physics::{Truth, moved};
use crate::random::Random;
use crate::scenario::{AfterFailure, Scenario, SensorPlan, SitePlan, StationPlan};
use sensor::Sensor;

/// How long instruments show the end of their range before the slope has buried them.
const RAIL: Duration = Duration::from_secs(600);
/// Seconds from sample to send: the modem's share.
const LATENCY_S: (f64, f64) = (0.2, 2.0);
/// What a report costs on the backfill road after the live one, so that what is of now is there first.
const AFTER_LIVE: Duration = Duration::from_millis(50);
/// How often somebody tells a box the time; a crystal of 30 ppm is 2.6 s wrong by then.
const SYNC_EVERY: Duration = Duration::from_secs(86_400);
/// Power came on so long before the first report, hours.
const POWER_ON_H: f64 = 24.0;

/// One instrument box.
#[derive(Clone, Debug)]
pub struct Station {
    site: SiteId,
    plan: StationPlan,
    topics: Topics,
    random: Random,
    script: Script,
    /// Chance of faults and of the radio; a stream of its own, so that they change no other number.
    trouble: Random,
    firmware: Firmware,
    crystal: Crystal,
    /// Cycles of power, and by how much the clock is wrong by script, as far as the firmware was made to know.
    cycles: usize,
    clock_lost: bool,
    jumped_s: f64,
    synced_at: Timestamp,
    power: Option<Power>,
    rssi_dbm: f64,
    sensors: Vec<Sensor>,
    backlog: Vec<Sample>,
    backlog_batch: usize,
}

/// What counts the time of the box: a little too fast or too slow, and told the time a little wrong.
#[derive(Clone, Copy, Debug)]
struct Crystal {
    power_on_at: Timestamp,
    offset_s: f64,
    drift_ppm: f64,
}

/// What a station measured at one moment, by its own clock.
#[derive(Clone, Debug)]
struct Sample {
    stamp: Timestamp,
    values: Vec<(usize, f64)>,
}

impl Station {
    /// A station of `site`, with noise, zeros and crystal drawn from `seed`; `faults` may be those of others as well.
    pub fn new(
        scenario: &Scenario,
        site: &SitePlan,
        plan: &StationPlan,
        faults: &[Scripted],
        seed: u64,
    ) -> Self {
        let mut random = Random::new(seed, &format!("{}/{}", site.id, plan.id));
        let trouble = Random::new(seed, &format!("{}/{}/trouble", site.id, plan.id));
        let every = plan.interval().div_f64(plan.samples.max(1) as f64);
        let mount = |sensor: &SensorPlan| Sensor::new(sensor, every, &mut random);
        let sensors = plan.sensors.iter().map(mount).collect();
        let power_on_at = moved(scenario.start, -scenario.history_h - POWER_ON_H);
        let crystal = Crystal {
            power_on_at,
            offset_s: 0.3 * random.gauss(),
            drift_ppm: 5.0 * random.gauss(),
        };
        let settings = Settings {
            report_s: plan.report_s,
            samples: u32::try_from(plan.samples).unwrap_or(u32::MAX),
            alert: plan.alert,
            room: plan.room,
        };
        let channels = plan.sensors.iter().map(channel).collect();
        let mut station = Self {
            site: site.id.clone(),
            plan: plan.clone(),
            topics: Topics::new(&site.id, &plan.id),
            script: Script::new(faults, &site.id, &plan.id, scenario.start),
            trouble,
            firmware: Firmware::new(settings, channels),
            crystal,
            cycles: 0,
            clock_lost: false,
            jumped_s: 0.0,
            synced_at: power_on_at,
            power: plan.power.map(|plan| Power::new(plan, power_on_at)),
            rssi_dbm: plan.radio.map_or(-60.0, |radio| radio.dry_dbm),
            random,
            sensors,
            backlog: Vec::new(),
            backlog_batch: scenario.backlog_batch,
        };
        station.resync(power_on_at, 0.0);
        station
    }

    /// How long after a whole interval this station measures, so that stations do not speak as one.
    pub fn draw_phase(&mut self) -> Duration {
        let millis = self.random.below(self.plan.report_s as usize * 1_000);
        Duration::from_millis(millis as u64)
    }

    /// Time from a report at `at` to the next, as the firmware has it.
    pub fn interval(&self, at: Timestamp) -> Duration {
        Duration::from_secs(u64::from(self.firmware.interval_s(self.crystal.uptime_ms(at))))
    }

    /// Time from a sample at `at` to the next.
    pub fn next_sample(&self, at: Timestamp) -> Duration {
        Duration::from_millis(self.firmware.sample_ms(self.crystal.uptime_ms(at)))
    }

    /// The faults it was given.
    pub(crate) fn script(&self) -> &Script {
        &self.script
    }

    /// Where its messages go and where it is told what to do.
    pub fn topics(&self) -> &Topics {
        &self.topics
    }

    /// How many reports it keeps.
    pub fn room(&self) -> usize {
        self.plan.room
    }

    /// The retained word that it is there.
    pub fn birth(&self, at: Timestamp) -> Message {
        let mut status = Status::online(at);
        if let Some(power) = &self.power {
            status.battery_v = Some(libm::round(power.volts() * 100.0) / 100.0);
        }
        status.rssi_dbm = self.plan.radio.map(|_| libm::round(self.rssi_dbm));
        status.buffer = Some(self.plan.room as u64);
        let payload = json(&status);
        Message { retain: true, ..Message::new(at, self.topics.status(), payload) }
    }

    /// Samples; once there are enough, reports and sends what can be sent: the report of now first, then what waited.
    /// Each with its number. Nothing if the station is silent, asleep, without a link, or gone.
    pub fn report(
        &mut self,
        at: Timestamp,
        truth: &Truth,
        log: &mut FaultLog,
    ) -> Vec<(u64, Message)> {
        let latency = Duration::from_secs_f64(self.random.between(LATENCY_S.0, LATENCY_S.1));
        if !self.measure(at, truth, log) {
            return Vec::new();
        }
        let Some(report) = self.firmware.report(self.crystal.uptime_ms(at)) else {
            return Vec::new();
        };
        let now = report.seq;
        if self.is_cut_off(now, at, truth, log) {
            return Vec::new();
        }
        let mut messages = Vec::new();
        let mut sent_at = at.plus(latency);
        for report in self.firmware.drain() {
            let is_live = report.seq == now;
            let topic = if is_live { self.topics.telemetry() } else { self.topics.backfill() };
            let payload = self.encoded(&report);
            messages.push((report.seq, Message::new(sent_at, topic, payload)));
            sent_at = sent_at.plus(AFTER_LIVE);
        }
        messages
    }

    /// Whether report `seq`, sent at `at`, does not arrive. What the box knows of stays with it; what it does not is
    /// lost.
    fn is_cut_off(&mut self, seq: u64, at: Timestamp, truth: &Truth, log: &mut FaultLog) -> bool {
        if let Some((from, _)) = self.script.span(Kind::HalfOpen, at) {
            let unknown_s = self.script.at(Kind::HalfOpen, at).next().map_or(0.0, |it| it.size);
            if at.since(from).as_secs_f64() < unknown_s {
                let lost: Vec<u64> =
                    self.firmware.drain().into_iter().map(|report| report.seq).collect();
                lost.into_iter().for_each(|seq| self.note(log, at, Kind::HalfOpen, seq));
            } else {
                self.note(log, at, Kind::Outage, seq);
            }
            return true;
        }
        if let Some(kind) = self.away(at) {
            self.note(log, at, kind, seq);
            return true;
        }
        let Some(radio) = self.plan.radio else { return false };
        let heard = radio.send(at, truth.minute_mm * 60.0, &mut self.trouble);
        self.rssi_dbm = heard.rssi_dbm;
        if !heard.through {
            self.note(log, at, Kind::Unheard, seq);
        }
        !heard.through
    }

    /// Why it cannot send.
    fn away(&self, at: Timestamp) -> Option<Kind> {
        if self.script.holds(Kind::Outage, at) {
            return Some(Kind::Outage);
        }
        let (from, _) = self.script.span(Kind::Flapping, at)?;
        let every_s = self.script.at(Kind::Flapping, at).next()?.size.max(1.0);
        // away first, then there, then away
        let is_away = libm::floor(at.since(from).as_secs_f64() / every_s) % 2.0 == 0.0;
        is_away.then_some(Kind::Flapping)
    }

    /// Measures and keeps it; a full batch leaves at `sent_at` as one message on the backfill road.
    pub fn store(
        &mut self,
        at: Timestamp,
        truth: &Truth,
        log: &mut FaultLog,
        sent_at: Timestamp,
    ) -> Option<Message> {
        if !self.measure(at, truth, log) {
            return None;
        }
        let (stamp_ms, values) = self.firmware.measured(self.crystal.uptime_ms(at))?;
        self.backlog.push(Sample { stamp: from_ms(stamp_ms), values });
        if self.backlog.len() >= self.backlog_batch { self.flush(sent_at) } else { None }
    }

    /// What is left of the backlog, if anything.
    pub fn flush(&mut self, sent_at: Timestamp) -> Option<Message> {
        if self.backlog.is_empty() {
            return None;
        }
        let samples = core::mem::take(&mut self.backlog);
        let seq = self.firmware.number();
        let payload = self.encode(seq, &samples);
        Some(Message::new(sent_at, self.topics.backfill(), payload))
    }

    /// Gives the firmware a sample, its supply and its clock. True once there are enough for a report; not if there is
    /// no box any more, or no power.
    fn measure(&mut self, at: Timestamp, truth: &Truth, log: &mut FaultLog) -> bool {
        let rail = match (truth.failed_at, self.plan.after_failure) {
            (None, _) | (_, AfterFailure::Survives) => false,
            (Some(failed_at), AfterFailure::Rail) if at < failed_at.plus(RAIL) => true,
            (Some(_), AfterFailure::Silent | AfterFailure::Rail) => return false,
        };
        if let Some(power) = &mut self.power {
            power.step(at, truth.air_c, truth.minute_mm, self.firmware.is_asleep());
            self.firmware.supply(power.volts());
        }
        self.keep_time(at, log);
        let raw: Vec<f64> =
            (0..self.sensors.len()).map(|index| self.raw(index, at, truth, rail, log)).collect();
        let is_complete = self.firmware.sample(&raw);
        if self.script.holds(Kind::Silence, at) {
            self.log(log, at, Kind::Silence);
            self.firmware.measured(self.crystal.uptime_ms(at));
            return false;
        }
        is_complete
    }

    fn raw(
        &mut self,
        index: usize,
        at: Timestamp,
        truth: &Truth,
        rail: bool,
        log: &mut FaultLog,
    ) -> f64 {
        let noise = self.random.gauss();
        let sensor = &mut self.sensors[index];
        let value = match sensor.plan.quantity {
            _ if rail => sensor.plan.range.1,
            Quantity::BatteryVoltage => self.power.as_ref().map_or(12.7, Power::volts),
            Quantity::SignalStrength => self.rssi_dbm,
            _ => sensor.read(truth, self.plan.share, noise),
        };
        if self.script.is_empty() {
            return value;
        }
        sensor.trouble(value, at, truth, &self.script, &mut self.trouble, |kind| {
            log.record(injected(&self.site, &self.plan, at, kind));
        })
    }

    /// What the script does to power and clock.
    fn keep_time(&mut self, at: Timestamp, log: &mut FaultLog) {
        let cycles = self.script.begun(Kind::Reboot, at) + self.script.begun(Kind::ClockUnset, at);
        let lost = self.script.span(Kind::ClockUnset, at);
        if cycles > self.cycles {
            self.cycles = cycles;
            self.firmware.boot();
            self.crystal.power_on_at = lost.map_or(at, |(from, _)| from);
            self.clock_lost = true;
            self.log(log, at, Kind::Reboot);
        }
        if lost.is_some() {
            return self.log(log, at, Kind::ClockUnset);
        }
        let jump_s: f64 = self.script.at(Kind::ClockJump, at).map(|fault| fault.size).sum();
        if jump_s != 0.0 {
            self.log(log, at, Kind::ClockJump);
        }
        let due = at.since(self.synced_at) >= SYNC_EVERY;
        if self.clock_lost || due || jump_s != self.jumped_s {
            (self.clock_lost, self.jumped_s) = (false, jump_s);
            self.resync(at, jump_s);
        }
    }

    /// Somebody tells the box the time, a little wrong.
    fn resync(&mut self, at: Timestamp, jump_s: f64) {
        let wrong_ms = libm::round((self.crystal.offset_s + jump_s) * 1e3) as i64;
        let now_ms = (at.nanos() / 1_000_000).saturating_add(wrong_ms);
        self.firmware.set_time(now_ms, self.crystal.uptime_ms(at));
        self.synced_at = at;
    }

    fn encoded(&self, report: &station::Report) -> Vec<u8> {
        let sample = Sample { stamp: from_ms(report.stamp_ms), values: report.values.clone() };
        self.encode(report.seq, core::slice::from_ref(&sample))
    }

    fn encode(&self, seq: u64, samples: &[Sample]) -> Vec<u8> {
        let last = samples.last().map_or(Timestamp::MIN, |sample| sample.stamp);
        let mut readings = Vec::with_capacity(samples.len() * self.sensors.len());
        for sample in samples {
            let at = (sample.stamp != last).then(|| korean_time(sample.stamp));
            for (index, value) in &sample.values {
                let plan = &self.sensors[*index].plan;
                readings.push(Value {
                    sensor: plan.id.as_str(),
                    quantity: plan.quantity.name(),
                    value: *value,
                    unit: plan.quantity.base_unit().symbol(),
                    at: at.clone(),
                });
            }
        }
        json(&Report { seq, at: korean_time(last), readings })
    }

    fn log(&self, log: &mut FaultLog, at: Timestamp, kind: Kind) {
        log.record(injected(&self.site, &self.plan, at, kind));
    }

    /// Notes what befell report `seq` on the way to the broker.
    pub(crate) fn note(&self, log: &mut FaultLog, at: Timestamp, kind: Kind, seq: u64) {
        log.record(Injected { seq: Some(seq), ..injected(&self.site, &self.plan, at, kind) });
    }
}

fn injected(site: &SiteId, plan: &StationPlan, at: Timestamp, kind: Kind) -> Injected {
    Injected { at, site: site.clone(), station: plan.id.clone(), kind, seq: None }
}

fn from_ms(stamp_ms: i64) -> Timestamp {
    Timestamp::from_nanos(stamp_ms.saturating_mul(1_000_000))
}

/// How the firmware handles a sensor: what is counted is summed, what shakes is kept at its peak.
fn channel(sensor: &SensorPlan) -> Channel {
    let merge = match sensor.quantity {
        Quantity::Rain | Quantity::Count => Merge::Sum,
        Quantity::VibrationVelocity | Quantity::Acceleration | Quantity::State => Merge::Peak,
        _ => Merge::Mean,
    };
    Channel { merge, step: sensor.step, range: sensor.range, alarming: sensor.alarming }
}

impl Crystal {
    /// Milliseconds since power came on, by its own count.
    fn uptime_ms(&self, at: Timestamp) -> u64 {
        let true_ms = at.since(self.power_on_at).as_secs_f64() * 1e3;
        libm::round(true_ms * (1.0 + self.drift_ppm * 1e-6)) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crystal_counts_a_little_wrong() {
        let power_on_at = Timestamp::parse("2026-07-14T00:00:00Z").unwrap();
        let crystal = Crystal { power_on_at, offset_s: 0.0, drift_ppm: 10.0 };
        assert_eq!(crystal.uptime_ms(power_on_at), 0);
        assert_eq!(crystal.uptime_ms(moved(power_on_at, 24.0)), 86_400_864);
        assert_eq!(crystal.uptime_ms(moved(power_on_at, -1.0)), 0);
    }
}
