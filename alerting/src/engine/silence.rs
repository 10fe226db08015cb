//! Silence: deadlines from the registry that run only while the collector is up and bongsu is alive.
//!
//! Each collector counts how long it has been up; a series is silent when that count has moved on by more
//! than its rule allows since the series was last heard. So an outage, a restart or an upgrade neither makes
//! anything silent nor restarts a timer.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::time::Duration;

use reading::{Quality, SeriesIndex, Timestamp};
use serde::{Deserialize, Serialize};

use super::site::Event;
use super::{Engine, Moment, Subject};
use crate::catalogue;
use crate::condition::{ConditionSettings, Transition};
use crate::decision::Action;

/// After a collector comes up, nothing behind it is silent for this long: its backlog has to come in first.
pub(super) const GRACE: Duration = Duration::from_secs(120);

/// A collector that stays down longer than this is an incident of its own.
pub(super) const DOWN_MAX: Duration = Duration::from_secs(300);

/// What raised a level is fresh while it was heard within so many report intervals (docs/formulas.md 6.7), and at
/// least within [`FRESH_MIN`].
const FRESH_INTERVALS: u32 = 3;
const FRESH_MIN: Duration = Duration::from_secs(300);

/// When a series was last heard, in the up-time of its collector.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Heard {
    pub uptime: Duration,
    /// Whether it was ever heard.
    pub ever: bool,
    /// Whether a silence rule holds on it.
    pub silent: bool,
    /// What is known against the reading that came last.
    pub quality: Quality,
    /// What is known against the newest that counts, by event time.
    pub newest: Quality,
    /// Whether there is a doubt about it.
    pub doubted: bool,
}

/// A collector, as far as silence cares.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Source {
    pub name: String,
    /// Total time it was up while bongsu was alive.
    pub uptime: Duration,
    /// Up since; `None` while down.
    pub up_since: Option<Timestamp>,
    /// Up-time is counted up to here.
    pub credited_to: Timestamp,
}

impl Source {
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_string(),
            uptime: Duration::ZERO,
            up_since: None,
            credited_to: Timestamp::MIN,
        }
    }
}

impl Engine {
    /// A collector came up or went down.
    pub fn collector(
        &mut self,
        name: &str,
        up: bool,
        reason: &str,
        now: Moment,
        out: &mut Vec<Action>,
    ) {
        let Some(at) = self.sources.iter().position(|source| source.name == name) else { return };
        if self.sources[at].up_since.is_some() == up {
            return;
        }
        self.sources[at].up_since = up.then_some(now.at);
        self.sources[at].credited_to = now.at;
        let key = ["collector-", name].concat();
        if up {
            self.mend(&key, now, out);
        } else {
            let what = catalogue::text("fault-collector-down", &[name, reason]);
            self.pending_fault(&key, what, now.at.plus(DOWN_MAX));
        }
        for site in 0..self.sites.len() {
            self.judge_pause(site, false, now.at);
            self.wake_by(site, now.at.plus(GRACE));
        }
    }

    /// Counts the up-time of every collector up to `at`, but not beyond what bongsu was alive for.
    pub(super) fn credit_uptime(&mut self, at: Timestamp) {
        let to = at.min(self.alive_until);
        for source in &mut self.sources {
            if source.up_since.is_some() {
                source.uptime += to.since(source.credited_to);
                source.credited_to = source.credited_to.max(to);
            }
        }
    }

    /// Bongsu was not running between the last record and this one: no timer that waits for evidence ran.
    pub(super) fn skip_downtime(&mut self, target: Timestamp) {
        let asleep = self.alive_until.max(self.now);
        for site in 0..self.sites.len() {
            if self.sites[site].main.live.is_running() {
                self.judge_pause(site, false, self.now); // what had ceased to be fresh by then
            }
            for monitoring in [false, true] {
                let entry = &mut self.sites[site];
                let live = &mut entry.track(monitoring).live;
                if live.is_running() {
                    live.pause(true, asleep);
                    live.pause(false, target);
                    entry.later(asleep, Event::Pause { monitoring, paused: true });
                    entry.later(target, Event::Pause { monitoring, paused: false });
                    self.wake_for_track(site, monitoring);
                }
            }
        }
        self.put_off_reminders(asleep, target);
        self.ask_again_after(asleep, target);
        for source in &mut self.sources {
            source.credited_to = source.credited_to.max(asleep);
        }
        self.credit_uptime(asleep);
        for source in &mut self.sources {
            source.credited_to = target;
        }
    }

    /// Reminders that fell into downtime are one reminder now; whoever was called has a minute to answer.
    fn put_off_reminders(&mut self, asleep: Timestamp, target: Timestamp) {
        let tracks = self.sites.iter_mut().flat_map(|site| [&mut site.main, &mut site.monitoring]);
        for incident in tracks.chain([&mut self.system]).filter_map(|track| track.incident.as_mut())
        {
            if let Some(climb) = &mut incident.climb {
                climb.slept(asleep, target);
            }
            if incident.remind_at.is_some_and(|at| at > asleep && at < target) {
                incident.remind_at = Some(target);
            }
        }
    }

    /// Whether a collector is up.
    pub fn is_up(&self, name: &str) -> bool {
        self.sources.iter().any(|source| source.name == name && source.up_since.is_some())
    }

    /// Whether the series is heard: its collector is up and no silence rule holds on it.
    pub(super) fn is_heard(&self, series: SeriesIndex) -> bool {
        let up = self.source_of(series).is_some_and(|source| source.up_since.is_some());
        let heard = self.heard[series.index()];
        up && heard.ever && !heard.silent && !self.is_cut_off(series)
    }

    /// How long ago the series stopped being fresh; `None` while it is. What nobody can hear or trust is not fresh, and
    /// may have ceased to be before that.
    pub(super) fn stale_for(&self, series: SeriesIndex) -> Option<Duration> {
        let Some(source) = self.source_of(series) else { return Some(Duration::ZERO) };
        let heard = self.heard[series.index()];
        let station = self.setup.registry.series()[series.index()].station;
        let interval = self.setup.registry.stations()[station.index()].report_interval;
        let quiet = source.uptime.saturating_sub(heard.uptime);
        let stale = quiet.saturating_sub((interval * FRESH_INTERVALS).max(FRESH_MIN));
        let is_lost =
            source.up_since.is_none() || heard.doubted || self.is_maintained(series, self.now);
        (is_lost || !stale.is_zero()).then_some(stale)
    }

    /// A series spoke.
    pub(super) fn hear(&mut self, series: SeriesIndex, now: Moment, out: &mut Vec<Action>) {
        let site = self.site_of(series);
        if self.sites[site].main.live.is_running() && self.stale_for(series).is_some() {
            // it had not been fresh for a while, and nobody has looked since: that while is no part of a dwell
            self.judge_pause(site, false, now.at);
        }
        let uptime = self.source_of(series).map_or(Duration::ZERO, |source| source.uptime);
        let heard = &mut self.heard[series.index()];
        heard.uptime = uptime;
        let news = !core::mem::replace(&mut heard.ever, true) || heard.silent;
        heard.silent = false;
        self.hear_gateway(series, now, out);
        if !news && !self.sites[site].main.live.is_paused() {
            return;
        }
        for at in self.watches_of(series) {
            if self.watches[at].state.held && self.is_silence(at) {
                self.turn_silence(at, false, now, out);
            }
        }
        self.judge_pause(site, false, now.at);
        self.wake_for_track(site, false);
    }

    /// Whether a silence rule holds on a series, as its site was told.
    pub(super) fn is_told_silent(&self, series: SeriesIndex) -> bool {
        self.watches_of(series).any(|at| self.watches[at].state.held && self.is_silence(at))
    }

    fn is_silence(&self, watch: usize) -> bool {
        matches!(self.watches[watch].settings(&self.setup), ConditionSettings::Silence(_))
    }

    fn turn_silence(&mut self, at: usize, held: bool, now: Moment, out: &mut Vec<Action>) {
        let site = self.site_of(self.watches[at].series);
        self.sites[site].later(now.at, Event::Turn { watch: at as u32, held });
        let series = self.watches[at].series;
        let uptime = self.source_of(series).map_or(Duration::ZERO, |source| source.uptime);
        let value = uptime.saturating_sub(self.heard[series.index()].uptime).as_secs_f64() / 60.0;
        self.turn(at, Transition { held, at: now.at, value }, true, now, out);
        self.judge(Subject::Main(site), now.at, now, out); // silence bears on what else it takes to hold
    }

    /// Looks which series of a site have become silent, and when the next may.
    pub(super) fn check_silence(
        &mut self,
        site: usize,
        now: Moment,
        target: Timestamp,
        out: &mut Vec<Action>,
    ) {
        let asleep = now.at > self.alive_until;
        let mut next: Option<Timestamp> = None;
        for at in self.sites[site].watches.clone() {
            let ConditionSettings::Silence(settings) = *self.watches[at].settings(&self.setup)
            else {
                continue;
            };
            let series = self.watches[at].series;
            let Some(source) = self.source_of(series) else { continue };
            let Some(up_since) = source.up_since else { continue };
            if self.watches[at].state.held || self.is_maintained(series, now.at) {
                continue;
            }
            let quiet = source.uptime.saturating_sub(self.heard[series.index()].uptime);
            let graced = up_since.plus(GRACE.min(settings.after)).max(self.gateway_grace(series));
            if quiet >= settings.after && now.at >= graced {
                self.heard[series.index()].silent = true;
                if !self.blames_gateway(series, settings.after, now, out) {
                    self.turn_silence(at, true, now, out);
                }
            } else {
                let base = if asleep { target } else { now.at };
                let due = base.plus(settings.after.saturating_sub(quiet)).max(graced);
                next = Some(next.map_or(due, |next| next.min(due)));
            }
        }
        if let Some(next) = next {
            self.wake_by(site, next.max(now.at.plus(Duration::from_nanos(1))));
        }
        self.judge_pause(site, false, now.at);
    }
}
