//! What goes wrong between the truth and the broker, by chance or by plan, and a record of it.

use std::collections::{BTreeMap, VecDeque};
use std::sync::mpsc::SyncSender;
use std::time::Duration;

use reading::{Quantity, SensorId, SiteId, StationId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::message::Message;
use crate::physics::moved;
use crate::random::Random;
use crate::scenario::problem::{Found, Path};

/// How many injected faults are remembered; the counts go on after that.
const RECORDS_MAX: usize = 65_536;
/// How long what stays is followed, hours: longer than any scenario.
const FOR_GOOD_H: f64 = 1e6;

/// What can go wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A message never arrives.
    Loss,
    /// A message arrives twice.
    Repeat,
    /// A message arrives late, behind others.
    Delay,
    /// A message changes places with the one behind it.
    Reorder,
    /// One bit of a message is turned over.
    Flip,
    /// One sample jumps by `size`.
    Spike,
    /// The value stands still.
    Stuck,
    /// The value is shifted by `size` while it lasts.
    Offset,
    /// The mount slips: the value is shifted by `size` and stays so.
    Step,
    /// The value drifts by `size` a day, and stays where it got.
    Drift,
    /// The noise is `size` times what it should be.
    Noise,
    /// The value is at the end of its range, the low one if `size` is below zero.
    Rail,
    /// The wire is torn: the high end of the range.
    WireBreak,
    /// The value is too large by the part `size`, and stays so.
    Gain,
    /// The value is `size` times what it should be: centimetres for millimetres.
    UnitMix,
    /// A bird sits on the wire, now and then: shifted by up to `size`.
    Bird,
    /// Rain drums on the sensor: `size` hits for each millimetre an hour.
    RainOnAe,
    /// The funnel is clogged: no rain is counted.
    Clogged,
    /// Somebody pours water into the gauge: `size` millimetres an hour that did not fall.
    WaterTest,
    /// The station's clock is wrong by `size` seconds.
    ClockJump,
    /// The station's clock counts from 1970.
    ClockUnset,
    /// The station begins anew and counts its reports from one.
    Reboot,
    /// The station says nothing and forgets what it measured.
    Silence,
    /// The station cannot send; it sends everything once it can again.
    Outage,
    /// The connection is dead and the station does not know it for `size` seconds: what it sends by then is lost.
    HalfOpen,
    /// The connection comes and goes every `size` seconds; what is sent while it is away comes late.
    Flapping,
    /// The radio is not heard through rain and leaves; what was to be sent waits. The weather does it, and no scenario.
    #[serde(skip_deserializing)]
    Unheard,
}

impl Kind {
    /// Whether it is a fault of an instrument, and not of the box or of the way to the broker.
    pub fn is_of_instrument(self) -> bool {
        matches!(
            self,
            Self::Spike
                | Self::Stuck
                | Self::Offset
                | Self::Step
                | Self::Drift
                | Self::Noise
                | Self::Rail
                | Self::WireBreak
                | Self::Gain
                | Self::UnitMix
                | Self::Bird
                | Self::RainOnAe
                | Self::Clogged
                | Self::WaterTest
        )
    }

    /// Whether it befalls messages on their way, each for itself.
    pub fn is_of_link(self) -> bool {
        matches!(
            self,
            Self::Loss
                | Self::Repeat
                | Self::Delay
                | Self::Reorder
                | Self::Flip
                | Self::Outage
                | Self::HalfOpen
                | Self::Flapping
                | Self::Unheard
        )
    }

    /// Whether it leaves the instrument otherwise than it was, for good.
    pub fn stays(self) -> bool {
        matches!(self, Self::Step | Self::Drift | Self::Gain)
    }

    /// Its name in scenarios.
    pub fn name(self) -> String {
        serde_json::to_value(self)
            .ok()
            .and_then(|name| Some(name.as_str()?.to_owned()))
            .unwrap_or_default()
    }
}

/// A fault that comes by chance, so often at every instrument it can strike.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Chance {
    /// What.
    pub kind: Kind,
    /// How often a year at each instrument; at each station for faults of the box and of its link.
    pub per_year: f64,
    /// Shortest and longest, hours.
    pub for_h: (f64, f64),
    /// Smallest and largest, as the kind needs it.
    #[serde(default)]
    pub size: (f64, f64),
    /// Which instruments; all if there is none.
    #[serde(default)]
    pub quantities: Vec<Quantity>,
}

impl Chance {
    /// Draws when and where it happens to one instrument between two moments, hours after the start.
    pub(crate) fn draw(&self, random: &mut Random, from_h: f64, to_h: f64) -> Vec<(f64, f64, f64)> {
        let mut drawn = Vec::new();
        let mut at_h = from_h;
        loop {
            // waiting times of a Poisson process
            at_h -= libm::log(1.0 - random.unit()) * 8_766.0 / self.per_year.max(1e-9);
            let for_h = random.between(self.for_h.0, self.for_h.1);
            let size = random.between(self.size.0, self.size.1);
            if at_h >= to_h {
                return drawn;
            }
            drawn.push((at_h, for_h, size));
        }
    }
}

/// Chances of each fault, per message or per value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rates {
    /// Part of messages that never arrive.
    pub loss: f64,
    /// Part of messages that arrive twice.
    pub repeat: f64,
    /// Part of messages that arrive late.
    pub delay: f64,
    /// The longest such delay, seconds.
    pub delay_max_s: f64,
    /// Part of messages with a flipped bit.
    pub flip: f64,
    /// Part of messages that change places with the one behind them.
    pub reorder: f64,
}

impl Rates {
    pub(crate) fn check(&self, at: &Path, found: &mut Found) {
        let parts = [
            ("loss", self.loss),
            ("repeat", self.repeat),
            ("delay", self.delay),
            ("flip", self.flip),
            ("reorder", self.reorder),
        ];
        for (key, part) in parts {
            found.ensure(
                (0.0..=1.0).contains(&part),
                at.key(key),
                "it is no part of all messages",
                "write 0 to 1",
            );
        }
        let sane = (0.0..1e6).contains(&self.delay_max_s);
        found.ensure(sane, at.key("delay_max_s"), "it is no delay", "write 0 to a million seconds");
    }
}

/// A fault at a stated place and time.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scripted {
    /// Where.
    pub site: SiteId,
    /// Which box.
    pub station: StationId,
    /// Which instrument, for faults of a value; all of the box if absent.
    pub sensor: Option<SensorId>,
    /// What.
    pub kind: Kind,
    /// When it begins, hours after the start.
    pub at_h: f64,
    /// How long it lasts, hours; a spike is one sample, however long the next one takes.
    #[serde(default)]
    pub for_h: f64,
    /// How large, as the kind says it.
    #[serde(default)]
    pub size: f64,
}

/// A fault that was injected.
#[derive(Clone, Debug, PartialEq)]
pub struct Injected {
    /// When the message was sampled or should have been sent.
    pub at: Timestamp,
    /// The site.
    pub site: SiteId,
    /// The box.
    pub station: StationId,
    /// What was done.
    pub kind: Kind,
    /// The number of the report it befell, where it befell one.
    pub seq: Option<u64>,
}

/// The truth about faults: how many of each, and the latest of them.
#[derive(Clone, Debug, Default)]
pub struct FaultLog {
    counts: BTreeMap<Kind, u64>,
    latest: VecDeque<Injected>,
    listener: Option<SyncSender<Injected>>,
}

impl FaultLog {
    /// How many faults of a kind were injected.
    pub fn count(&self, kind: Kind) -> u64 {
        self.counts.get(&kind).copied().unwrap_or(0)
    }

    /// The latest injected faults, oldest first; at most 65 536.
    pub fn latest(&self) -> impl Iterator<Item = &Injected> {
        self.latest.iter()
    }

    /// Tells every fault of a link from here on, as it happens; waits for who is behind.
    pub(crate) fn tell(&mut self, listener: SyncSender<Injected>) {
        self.listener = Some(listener);
    }

    pub(crate) fn record(&mut self, injected: Injected) {
        if injected.kind.is_of_link()
            && let Some(listener) = &self.listener
        {
            // who has gone does not want to know
            listener.send(injected.clone()).ok();
        }
        *self.counts.entry(injected.kind).or_insert(0) += 1;
        if self.latest.len() == RECORDS_MAX {
            self.latest.pop_front();
        }
        self.latest.push_back(injected);
    }
}

/// The scripted faults of one station.
#[derive(Clone, Debug, Default)]
pub struct Script {
    faults: Vec<(Timestamp, Timestamp, Scripted)>,
}

impl Script {
    /// Those of `faults` that concern one station, with hours counted from `start`.
    pub fn new(faults: &[Scripted], site: &SiteId, station: &StationId, start: Timestamp) -> Self {
        let mine = faults.iter().filter(|fault| fault.site == *site && fault.station == *station);
        let timed = |fault: &Scripted| {
            let for_h = if fault.kind.stays() { FOR_GOOD_H } else { fault.for_h };
            (moved(start, fault.at_h), moved(start, fault.at_h + for_h), fault.clone())
        };
        Self { faults: mine.map(timed).collect() }
    }

    /// The faults of `kind` at `at`.
    pub fn at(&self, kind: Kind, at: Timestamp) -> impl Iterator<Item = &Scripted> {
        self.faults
            .iter()
            .filter(move |(from, to, f)| f.kind == kind && *from <= at && at < *to)
            .map(|(_, _, f)| f)
    }

    /// The faults of `kind` at `at`, each with the hours since it began.
    pub fn since(&self, kind: Kind, at: Timestamp) -> impl Iterator<Item = (f64, &Scripted)> {
        self.faults
            .iter()
            .filter(move |(from, to, f)| f.kind == kind && *from <= at && at < *to)
            .map(move |(from, _, f)| (at.hours_since(*from), f))
    }

    /// How many faults of `kind` have begun by `at`.
    pub fn begun(&self, kind: Kind, at: Timestamp) -> usize {
        self.faults.iter().filter(|(from, _, fault)| fault.kind == kind && *from <= at).count()
    }

    /// Whether there is any.
    pub fn is_empty(&self) -> bool {
        self.faults.is_empty()
    }

    /// Whether a fault of `kind` holds at `at`.
    pub fn holds(&self, kind: Kind, at: Timestamp) -> bool {
        self.at(kind, at).next().is_some()
    }

    /// When the fault of `kind` that holds at `at` began and will end.
    pub fn span(&self, kind: Kind, at: Timestamp) -> Option<(Timestamp, Timestamp)> {
        let holding = |(from, to, fault): &&(Timestamp, Timestamp, Scripted)| {
            fault.kind == kind && *from <= at && at < *to
        };
        self.faults.iter().find(holding).map(|(from, to, _)| (*from, *to))
    }
}

impl Scripted {
    /// Whether it concerns that instrument.
    pub fn concerns(&self, sensor: &SensorId) -> bool {
        self.sensor.as_ref().is_none_or(|mine| mine == sensor)
    }
}

/// What becomes of one message on its way: nothing, one, or two messages, and the faults that did it. `interval` is
/// the time to the next one.
pub fn transmit(
    rates: &Rates,
    interval: Duration,
    random: &mut Random,
    mut message: Message,
) -> (Vec<Message>, Vec<Kind>) {
    let mut kinds = Vec::new();
    // Always the same number of draws, so that one rate changes no other fault.
    let draws =
        [random.unit(), random.unit(), random.unit(), random.unit(), random.unit(), random.unit()];
    let reordered = random.unit() < rates.reorder;
    if draws[0] < rates.loss {
        return (Vec::new(), vec![Kind::Loss]);
    }
    if draws[1] < rates.delay {
        kinds.push(Kind::Delay);
        message.sent_at =
            message.sent_at.plus(Duration::from_secs_f64(rates.delay_max_s * draws[2]));
    }
    if reordered {
        kinds.push(Kind::Reorder);
        message.sent_at = message.sent_at.plus(interval.mul_f64(1.5));
    }
    if draws[3] < rates.flip {
        kinds.push(Kind::Flip);
        damage(&mut message, draws[4]);
    }
    let mut sent = vec![message];
    if draws[5] < rates.repeat {
        kinds.push(Kind::Repeat);
        sent.push(sent[0].clone());
    }
    (sent, kinds)
}

/// Turns over the bit at `part` of the way through a message.
pub(crate) fn damage(message: &mut Message, part: f64) {
    let flip = Flip::at(part);
    flip.turn(&mut message.payload);
    message.flips.push(flip);
}

/// A bit that is turned over, by how far into the bytes it stands. Turned over twice, it is as it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flip(u32);

impl Flip {
    /// The bit at `part` of the way, 0 to 1.
    pub fn at(part: f64) -> Self {
        Self((part * f64::from(u32::MAX)) as u32)
    }

    /// Turns it over in `bytes`.
    pub fn turn(self, bytes: &mut [u8]) {
        let bits = bytes.len() as u64 * 8;
        let bit = (bits * u64::from(self.0)) >> 32;
        if let Some(byte) = bytes.get_mut((bit / 8) as usize) {
            *byte ^= 1 << (bit % 8);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTERVAL: Duration = Duration::from_secs(60);

    fn message() -> Message {
        let payload = b"{\"seq\":1}".to_vec();
        Message::new(Timestamp::from_secs(100), "bongsu/v1/a/b/telemetry".into(), payload)
    }

    #[test]
    fn rates_are_kept_within_chance() {
        let rates = Rates {
            loss: 0.02,
            repeat: 0.05,
            delay: 0.1,
            delay_max_s: 60.0,
            flip: 0.01,
            reorder: 0.0,
        };
        let mut random = Random::new(11, "faults");
        let mut counts: BTreeMap<Kind, f64> = BTreeMap::new();
        let (mut arrived, total) = (0_usize, 50_000);
        for _ in 0..total {
            let (sent, kinds) = transmit(&rates, INTERVAL, &mut random, message());
            arrived += sent.len();
            kinds.iter().for_each(|kind| *counts.entry(*kind).or_default() += 1.0);
            let lost = kinds.contains(&Kind::Loss);
            assert_eq!(
                sent.len(),
                if lost { 0 } else { 1 + usize::from(kinds.contains(&Kind::Repeat)) }
            );
            for message in sent {
                assert!(message.sent_at <= Timestamp::from_secs(160));
                let same = message.payload == super::tests::message().payload;
                assert_eq!(same, !kinds.contains(&Kind::Flip));
            }
        }
        let passed = 0.98;
        for (kind, rate) in [
            (Kind::Loss, 0.02),
            (Kind::Repeat, 0.05 * passed),
            (Kind::Delay, 0.1 * passed),
            (Kind::Flip, 0.01 * passed),
        ] {
            let expected = rate * f64::from(total);
            let spread = (expected * (1.0 - rate)).sqrt();
            assert!(
                (counts[&kind] - expected).abs() < 5.0 * spread,
                "{kind:?}: {} of {expected}",
                counts[&kind]
            );
        }
        assert_eq!(arrived as f64, f64::from(total) - counts[&Kind::Loss] + counts[&Kind::Repeat]);
    }

    #[test]
    fn no_rate_means_no_fault() {
        let (sent, kinds) =
            transmit(&Rates::default(), INTERVAL, &mut Random::new(1, ""), message());
        assert_eq!((sent, kinds), (vec![message()], Vec::new()));
    }

    #[test]
    fn what_changes_places_leaves_behind_the_next() {
        let rates = Rates { reorder: 1.0, ..Rates::default() };
        let (sent, kinds) = transmit(&rates, INTERVAL, &mut Random::new(1, ""), message());
        assert_eq!((sent.len(), kinds), (1, vec![Kind::Reorder]));
        assert_eq!(sent[0].sent_at, Timestamp::from_secs(190));
    }

    #[test]
    fn chance_strikes_as_often_as_it_says() {
        let chance = Chance {
            kind: Kind::Spike,
            per_year: 6.0,
            for_h: (0.0, 1.0),
            size: (2.0, 3.0),
            quantities: Vec::new(),
        };
        let mut struck = 0;
        for instrument in 0..200 {
            let mut random = Random::new(3, &instrument.to_string());
            for (at_h, for_h, size) in chance.draw(&mut random, 0.0, 8_766.0) {
                struck += 1;
                assert!((0.0..8_766.0).contains(&at_h) && (0.0..1.0).contains(&for_h));
                assert!((2.0..3.0).contains(&size));
            }
        }
        // 1200 expected, with a spread of 35
        assert!((1_050..1_350).contains(&struck), "{struck}");
    }

    #[test]
    fn a_flip_turns_one_bit() {
        for part in [0.0, 0.5, 0.999_999, 1.0] {
            let (before, mut after) = ([0_u8; 5], [0_u8; 5]);
            Flip::at(part).turn(&mut after);
            let turned: u32 = before.iter().zip(after).map(|(a, b)| (a ^ b).count_ones()).sum();
            assert_eq!(turned, 1);
            Flip::at(part).turn(&mut after);
            assert_eq!(before, after, "turned over twice");
        }
        Flip::at(0.5).turn(&mut []);
    }
}
