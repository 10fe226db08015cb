//! The box itself: one structure that the host wakes.

use alloc::collections::VecDeque;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::channel::{Channel, Samples};
use crate::clock::Clock;
use crate::order::{Answer, Order};
use crate::rhythm::Rhythm;
use crate::store::{Report, Store};

/// How many orders it remembers, so that one that comes again is answered again and obeyed once.
const ORDERS_MAX: usize = 16;

/// How a box is set.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// Seconds between reports.
    pub report_s: u32,
    /// How many samples a report is made of, spread over the interval; at least one.
    pub samples: u32,
    /// Seconds between reports in alert mode, and how long that lasts after the last reason for it.
    pub alert: (u32, u32),
    /// How many reports it keeps.
    pub room: usize,
}

/// One instrument box.
#[derive(Clone, Debug)]
pub struct Firmware {
    settings: Settings,
    channels: Vec<Channel>,
    samples: Vec<Samples>,
    shown: Vec<Option<f64>>,
    /// How many samples were taken since the last report.
    taken: u32,
    clock: Clock,
    rhythm: Rhythm,
    store: Store,
    seq: u64,
    obeyed: VecDeque<(String, Answer)>,
}

impl Firmware {
    /// A box that was just switched on.
    pub fn new(settings: Settings, channels: Vec<Channel>) -> Self {
        Self {
            samples: alloc::vec![Samples::default(); channels.len()],
            shown: alloc::vec![None; channels.len()],
            taken: 0,
            clock: Clock::default(),
            rhythm: Rhythm::new(settings.report_s),
            store: Store::new(settings.room),
            seq: 0,
            obeyed: VecDeque::new(),
            settings,
            channels,
        }
    }

    /// Power went and came back: it counts from one, does not know the time, and what it kept is gone.
    pub fn boot(&mut self) {
        *self = Self::new(self.settings, core::mem::take(&mut self.channels));
    }

    /// Its clock lost the time; the rest goes on.
    pub fn forget_time(&mut self) {
        self.clock = Clock::default();
    }

    /// Somebody says what time it is, milliseconds since 1970.
    pub fn set_time(&mut self, now_ms: i64, uptime_ms: u64) {
        self.clock.set(now_ms, uptime_ms);
    }

    /// What time it thinks it is, milliseconds since 1970.
    pub fn time_ms(&self, uptime_ms: u64) -> i64 {
        self.clock.read(uptime_ms)
    }

    /// Takes a raw value of each channel. True once there are as many as a report is made of.
    pub fn sample(&mut self, raw: &[f64]) -> bool {
        self.taken += 1;
        for (samples, value) in self.samples.iter_mut().zip(raw) {
            samples.take(*value);
        }
        self.taken >= self.settings.samples
    }

    /// Closes what was sampled since the last time: when that is, and a value for each channel. `None` while it sleeps,
    /// or if nothing was sampled.
    pub fn measured(&mut self, uptime_ms: u64) -> Option<(i64, Vec<(usize, f64)>)> {
        self.taken = 0;
        let mut values = Vec::with_capacity(self.channels.len());
        let mut alarmed = false;
        for (index, channel) in self.channels.iter().enumerate() {
            let Some(value) = self.samples[index].close(channel) else { continue };
            let before = self.shown[index].replace(value).unwrap_or(value);
            let change = if value > before { value - before } else { before - value };
            alarmed |= channel.alarming.is_some_and(|limit| change >= limit);
            values.push((index, value));
        }
        if self.rhythm.is_asleep() || values.is_empty() {
            return None;
        }
        if alarmed {
            let (every_s, lasting_s) = self.settings.alert;
            self.rhythm.alert(every_s, uptime_ms.saturating_add(u64::from(lasting_s) * 1_000));
        }
        Some((self.clock.read(uptime_ms), values))
    }

    /// Makes a report of what was sampled since the last one, and keeps it to be sent.
    pub fn report(&mut self, uptime_ms: u64) -> Option<&Report> {
        let (stamp_ms, values) = self.measured(uptime_ms)?;
        let seq = self.number();
        self.store.keep(Report { seq, stamp_ms, values });
        self.store.newest()
    }

    /// The next number, for messages that the host makes of several reports.
    pub fn number(&mut self) -> u64 {
        self.seq += 1;
        self.seq
    }

    /// The link is up: what waits is sent, newest first.
    pub fn drain(&mut self) -> Vec<Report> {
        self.store.drain()
    }

    /// What the supply shows, volts.
    pub fn supply(&mut self, volts: f64) {
        self.rhythm.supply(volts);
    }

    /// Seconds to the next report.
    pub fn interval_s(&self, uptime_ms: u64) -> u32 {
        self.rhythm.interval_s(uptime_ms)
    }

    /// Milliseconds to the next sample.
    pub fn sample_ms(&self, uptime_ms: u64) -> u64 {
        u64::from(self.interval_s(uptime_ms)) * 1_000 / u64::from(self.settings.samples.max(1))
    }

    /// Whether it sleeps until the battery has recovered.
    pub fn is_asleep(&self) -> bool {
        self.rhythm.is_asleep()
    }

    /// What it keeps.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Carries out an order, once for each id; one that comes again is answered again. An order whose time is over is
    /// refused, if the box knows the time.
    pub fn obey(&mut self, id: &str, order: Order, not_after_ms: i64, uptime_ms: u64) -> Answer {
        if let Some((_, answer)) = self.obeyed.iter().find(|(known, _)| known == id) {
            return answer.clone();
        }
        let late = self.clock.is_set() && self.clock.read(uptime_ms) > not_after_ms;
        let answer = match order.problem() {
            _ if late => Answer::Refused("too late"),
            Some(problem) => Answer::Refused(problem),
            None => Answer::Done(self.carry_out(order, uptime_ms)),
        };
        if self.obeyed.len() == ORDERS_MAX {
            self.obeyed.pop_front();
        }
        self.obeyed.push_back((id.to_string(), answer.clone()));
        answer
    }

    fn carry_out(&mut self, order: Order, uptime_ms: u64) -> Vec<Report> {
        match order {
            Order::Interval { every_s } => self.rhythm.set(every_s),
            Order::AlertMode { every_s, lasting_s } => {
                self.rhythm.alert(every_s, uptime_ms.saturating_add(u64::from(lasting_s) * 1_000));
            }
            Order::Resend { from, to } => return self.store.again(from, to),
            Order::Identify => {}
        }
        Vec::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::channel::Merge;

    fn firmware() -> Firmware {
        let tilt =
            Channel { merge: Merge::Mean, step: 0.001, range: (-30.0, 30.0), alarming: Some(0.05) };
        let rain = Channel { merge: Merge::Sum, step: 0.2, range: (0.0, 50.0), alarming: None };
        let settings = Settings { report_s: 600, samples: 2, alert: (60, 3_600), room: 100 };
        Firmware::new(settings, alloc::vec![tilt, rain])
    }

    #[test]
    fn a_report_is_numbered_averaged_and_stamped_by_its_own_clock() {
        let mut box_ = firmware();
        box_.set_time(1_784_000_000_000, 0);
        assert_eq!(box_.sample_ms(0), 300_000, "two samples a report");
        assert!(!box_.sample(&[0.100, 0.2]) && box_.sample(&[0.102, 0.4]));
        let report = box_.report(600_000).cloned();
        let values = alloc::vec![(0, 0.101), (1, 0.6)];
        assert_eq!(report, Some(Report { seq: 1, stamp_ms: 1_784_000_600_000, values }));
        assert_eq!(box_.report(1_200_000), None, "nothing was sampled");
    }

    #[test]
    fn what_moves_is_reported_faster_for_a_while() {
        let mut box_ = firmware();
        for (minute, tilt, interval) in
            [(0, 0.0, 600), (10, 0.02, 600), (20, 0.08, 60), (21, 0.08, 60)]
        {
            box_.sample(&[tilt, 0.0]);
            box_.report(minute * 60_000);
            assert_eq!(box_.interval_s(minute * 60_000), interval, "minute {minute}");
        }
        assert_eq!(box_.interval_s(80 * 60_000), 600, "an hour after the last reason");
    }

    #[test]
    fn without_a_link_it_keeps_and_afterwards_sends_what_is_of_now_first() {
        let mut box_ = firmware();
        for number in 0..5 {
            box_.sample(&[0.0, 0.0]);
            box_.report(number * 600_000);
        }
        let seqs: Vec<u64> = box_.drain().iter().map(|report| report.seq).collect();
        assert_eq!(seqs, [5, 4, 3, 2, 1]);
        assert_eq!(box_.drain(), []);
    }

    #[test]
    fn orders_are_obeyed_once_answered_always_and_refused_with_a_reason() {
        let mut box_ = firmware();
        box_.set_time(1_000_000, 0);
        for _ in 0..3 {
            box_.sample(&[0.0, 0.0]);
            box_.report(0);
        }
        let later = 9_000_000;
        assert_eq!(
            box_.obey("a", Order::Interval { every_s: 30 }, later, 0),
            Answer::Done(Vec::new())
        );
        assert_eq!(box_.interval_s(0), 30);
        assert_eq!(
            box_.obey("b", Order::Interval { every_s: 60 }, later, 0),
            Answer::Done(Vec::new())
        );
        assert_eq!(
            box_.obey("a", Order::Interval { every_s: 30 }, later, 0),
            Answer::Done(Vec::new())
        );
        assert_eq!(box_.interval_s(0), 60, "a repeat is not obeyed again");
        let Answer::Done(again) = box_.obey("c", Order::Resend { from: 2, to: 9 }, later, 0) else {
            panic!("it has them");
        };
        assert_eq!(again.iter().map(|report| report.seq).collect::<Vec<_>>(), [2, 3]);
        for (id, order, not_after, why) in [
            ("d", Order::Identify, 0, "too late"),
            ("e", Order::Interval { every_s: 0 }, later, "interval is not 1 s to a day"),
            ("f", Order::Resend { from: 3, to: 2 }, later, "the run ends before it begins"),
        ] {
            assert_eq!(box_.obey(id, order, not_after, 0), Answer::Refused(why));
        }
    }

    #[test]
    fn a_reboot_counts_from_one_in_1970_and_a_resync_mends_the_clock() {
        let mut box_ = firmware();
        box_.set_time(1_784_000_000_000, 0);
        box_.sample(&[0.0, 0.0]);
        box_.report(0);
        box_.boot();
        box_.sample(&[0.0, 0.0]);
        let report = box_.report(30_000).cloned().map(|report| (report.seq, report.stamp_ms));
        assert_eq!(report, Some((1, 30_000)));
        box_.set_time(1_784_000_100_000, 60_000);
        assert_eq!(box_.time_ms(90_000), 1_784_000_130_000);
    }

    #[test]
    fn a_sleeping_box_says_nothing() {
        let mut box_ = firmware();
        box_.supply(11.0);
        box_.sample(&[0.0, 0.0]);
        assert_eq!(box_.report(0), None);
        box_.supply(12.2);
        box_.sample(&[0.0, 0.0]);
        assert_eq!(box_.report(600_000).map(|report| report.seq), Some(1));
    }
}
