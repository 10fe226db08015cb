//! The boxes of the field with their firmware, what they truly see, and links that lose, repeat, reorder, delay, turn
//! bits over, die half and flap. A box keeps what was not acknowledged, as one that speaks with QoS 1 does.

use std::collections::BTreeMap;

use firmware_sim::random::Random;
use reading::Timestamp;
use station::{Channel, Firmware, Merge, Settings};

use crate::setting::{BOXES, INTERVAL_S};

/// A movement: it rises from one moment to another, stays, and goes back. Seconds since the beginning, millimetres.
#[derive(Clone, Copy, Debug)]
struct Movement {
    from: f64,
    rises: f64,
    stays: f64,
    falls: f64,
    size: f64,
}

/// How bad the way to the collector is.
#[derive(Clone, Copy, Debug)]
pub struct Link {
    loss: f64,
    ack_loss: f64,
    repeat: f64,
    late: f64,
    flip: f64,
}

impl Link {
    const GOOD: Self = Self { loss: 0.0, ack_loss: 0.0, repeat: 0.0, late: 0.0, flip: 0.0 };
}

/// A message on its way.
#[derive(Clone, Debug)]
pub struct Message {
    pub bytes: Vec<u8>,
    /// When it was made, true time.
    pub made_at: Timestamp,
    /// When it was measured by the box's clock, milliseconds.
    pub stamp_ms: i64,
    pub value: f64,
}

/// One box.
pub struct Post {
    pub place: (&'static str, &'static str, &'static str, &'static str),
    firmware: Firmware,
    switched_on_at: Timestamp,
    /// How much too fast its clock runs, millionths: as cheap crystals do.
    drift: f64,
    link: Link,
    /// The connection stands.
    pub up: bool,
    movements: Vec<Movement>,
    noise: f64,
    random: Random,
    pub waiting: BTreeMap<u64, Message>,
    sent: u64,
    /// Since when it has not been restarted.
    pub boots: u32,
}

/// Where and when what was sent arrives, and as what.
pub struct Arrival {
    pub after_s: f64,
    pub bytes: Vec<u8>,
    /// Not what was sent.
    pub is_spoilt: bool,
}

impl Post {
    pub fn new(number: usize, seed: u64, start: Timestamp, hours: f64, story: u32) -> Self {
        let place = BOXES[number];
        let mut random = Random::new(seed, &format!("post/{number}"));
        let channel =
            Channel { merge: Merge::Mean, step: 0.1, range: (-9.9, 499.0), alarming: None };
        let settings = Settings { report_s: INTERVAL_S, samples: 1, alert: (60, 600), room: 400 };
        let switched_on_at =
            start.minus(std::time::Duration::from_secs(random.below(100_000) as u64));
        let drift = Random::new(seed, &format!("drift/{number}")).between(-200.0, 200.0);
        let mut firmware = Firmware::new(settings, vec![channel]);
        firmware.set_time(millis(start), uptime(switched_on_at, start, drift));
        let bad = |random: &mut Random, often: f64, most: f64| {
            if random.chance(often) { random.unit() * most } else { 0.0 }
        };
        let link = Link {
            loss: bad(&mut random, 0.5, 0.3),
            ack_loss: bad(&mut random, 0.5, 0.3),
            repeat: bad(&mut random, 0.4, 0.3),
            late: bad(&mut random, 0.4, 0.4),
            flip: bad(&mut random, 0.1, 0.05),
        };
        let movements = movements(&mut random, story, hours);
        let noise = [0.0, 0.1, 0.4][random.below(3)];
        Self {
            place,
            firmware,
            switched_on_at,
            drift,
            link,
            up: true,
            movements,
            noise,
            random,
            waiting: BTreeMap::new(),
            sent: 0,
            boots: 0,
        }
    }

    /// What is so, in millimetres.
    pub fn truth(&self, at_s: f64) -> f64 {
        self.movements.iter().map(|movement| movement.at(at_s)).sum()
    }

    /// It measures and makes a report; nothing if it sleeps. Gives the number of the message.
    pub fn report(&mut self, now: Timestamp, at_s: f64) -> Option<u64> {
        let noise = self.noise * self.random.gauss();
        let raw = self.truth(at_s) + noise;
        self.firmware.sample(&[raw]);
        self.firmware.report(uptime(self.switched_on_at, now, self.drift))?;
        let report = self.firmware.drain().into_iter().next()?;
        let (_, value) = report.values[0];
        let (_, _, sensor, quantity) = self.place;
        let bytes = format!(
            r#"{{"seq":{},"at":{},"time_unit":"ms","readings":[{{"sensor":"{sensor}","quantity":"{quantity}","value":{value},"unit":"mm"}}]}}"#,
            report.seq, report.stamp_ms
        );
        self.sent += 1;
        let message =
            Message { bytes: bytes.into(), made_at: now, stamp_ms: report.stamp_ms, value };
        self.waiting.insert(self.sent, message);
        Some(self.sent)
    }

    /// Seconds to the next report.
    pub fn interval_s(&self, now: Timestamp) -> u32 {
        self.firmware.interval_s(uptime(self.switched_on_at, now, self.drift))
    }

    /// Sends a message: nothing, one or several things arrive, or nothing for long.
    pub fn send(&mut self, number: u64) -> Vec<Arrival> {
        let (link, random) = (self.link, &mut self.random);
        let Some(message) = self.waiting.get(&number) else { return Vec::new() };
        if !self.up || random.chance(link.loss) {
            return Vec::new();
        }
        let copies = if random.chance(link.repeat) { 2 } else { 1 };
        let arrival = |_| {
            let mut bytes = message.bytes.clone();
            let is_spoilt = random.chance(link.flip);
            if is_spoilt {
                let bit = random.below(bytes.len() * 8);
                bytes[bit / 8] ^= 1 << (bit % 8);
            }
            let after_s = if random.chance(link.late) {
                random.between(1.0, 700.0)
            } else {
                random.between(0.05, 2.0)
            };
            Arrival { after_s, bytes, is_spoilt }
        };
        (0..copies).map(arrival).collect()
    }

    /// Whether the acknowledgement gets through.
    pub fn hears_answer(&mut self) -> bool {
        self.up && !self.random.chance(self.link.ack_loss)
    }

    /// Which topic a message goes to: what is old goes its own road.
    pub fn topic(&self, number: u64, now: Timestamp) -> String {
        let (site, station, ..) = self.place;
        let old = self.waiting.get(&number).is_some_and(|message| {
            now.since(message.made_at) > std::time::Duration::from_secs(20 * 60)
        });
        let road = if old { "backfill" } else { "telemetry" };
        format!("bongsu/v1/{site}/{station}/{road}")
    }

    /// Something happens to the box itself.
    pub fn suffer(&mut self, ill: Ill, now: Timestamp) {
        let on = uptime(self.switched_on_at, now, self.drift);
        match ill {
            Ill::Reboot => {
                self.firmware.boot();
                self.switched_on_at = now;
                self.waiting.clear();
                self.boots += 1;
            }
            Ill::ForgetTime => self.firmware.forget_time(),
            Ill::Jump(by_ms) => self.firmware.set_time(millis(now) + by_ms, on),
            Ill::Resync => self.firmware.set_time(millis(now), on),
        }
    }

    /// From here on nothing goes wrong on the way.
    pub fn heal(&mut self, now: Timestamp) {
        self.link = Link::GOOD;
        self.up = true;
        self.suffer(Ill::Resync, now);
    }
}

/// What may happen to a box.
#[derive(Clone, Copy, Debug)]
pub enum Ill {
    Reboot,
    ForgetTime,
    Jump(i64),
    Resync,
}

impl Movement {
    fn at(&self, at_s: f64) -> f64 {
        let since = at_s - self.from;
        let (top, end) = (self.rises + self.stays, self.rises + self.stays + self.falls);
        if since <= 0.0 || since >= end {
            0.0
        } else if since < self.rises {
            self.size * since / self.rises
        } else if since <= top {
            self.size
        } else {
            self.size * (end - since) / self.falls
        }
    }
}

/// What happens to the ground: 0 nothing, 1 a little, more the graver; the same story for the posts of a slope.
fn movements(random: &mut Random, story: u32, hours: f64) -> Vec<Movement> {
    let mut movements = Vec::new();
    let count = if story == 0 { 0 } else { 1 + random.below(2) };
    for _ in 0..count {
        let size = match story {
            0 => 0.0,
            1 => random.between(4.0, 8.0),
            2 => random.between(8.0, 16.0),
            _ => random.between(16.0, 40.0),
        };
        let from = random.between(0.0, hours * 3_600.0 * 0.6);
        movements.push(Movement {
            from,
            rises: random.between(60.0, 3_600.0),
            stays: random.between(0.0, 3_600.0),
            falls: random.between(60.0, 1_800.0),
            size,
        });
    }
    movements
}

pub fn millis(at: Timestamp) -> i64 {
    at.nanos() / 1_000_000
}

/// Milliseconds since it was switched on, by its own crystal.
fn uptime(since: Timestamp, now: Timestamp, drift: f64) -> u64 {
    (now.since(since).as_secs_f64() * (1_000.0 + drift / 1_000.0)) as u64
}
