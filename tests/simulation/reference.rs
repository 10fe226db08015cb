//! What must be alerted, by somebody who knows nothing of the engine: every series is looked at from its first reading
//! again each time one comes, in the order of measurement. Slow, and short enough to be believed.
//!
//! In: what was admitted, with the moments of the journal. Out: which level each site ought to have at least, and which
//! it may have at most.

use std::collections::{BTreeMap, BTreeSet};

use crate::setting::{DWELL_S, INTERVAL_S, LIMITS};

const SECOND: i64 = 1_000_000_000;
const MINUTE: i64 = 60 * SECOND;

/// Later than this is late: not evidence of a level.
const LATE: i64 = 15 * MINUTE;

/// From here to [`LATE_AT_LAST`] it hangs on when the windows happened to close: nothing is asked of the engine.
const LATE_AT_LAST: i64 = 17 * MINUTE;

/// A longer gap in a series and nothing before it counts.
const GAP: i64 = 30 * MINUTE;

/// A longer pause of the journal is downtime: nothing ran.
const ALIVE: i64 = 120 * SECOND;

/// Heard within so long, a series is fresh.
const FRESH: i64 = 3 * INTERVAL_S as i64 * SECOND;

/// One series.
#[derive(Default)]
struct Series {
    site: usize,
    /// By moment of measurement, then by value in the order of numbers.
    readings: BTreeSet<(i64, i64)>,
    /// The same with those that came too late to be sure that they count.
    all: BTreeSet<(i64, i64)>,
    /// Which of the limits are passed now, going by either.
    held: BTreeSet<usize>,
    held_by_all: BTreeSet<usize>,
    /// Which have been at any time, as far as anybody could have known when.
    ever: BTreeMap<usize, i64>,
    heard_at: i64,
    heard_uptime: i64,
    unclear_until: i64,
}

/// One site.
struct Site {
    is_slope: bool,
    /// What the evidence argues for.
    assessed: u8,
    /// What was told.
    told: u8,
    /// How much of a dwell can have run at most.
    ran: i64,
    /// The series that passed a limit while the level was up.
    raised: BTreeSet<usize>,
    late_at: i64,
}

/// The reference.
pub struct Reference {
    series: Vec<Series>,
    sites: [Site; 2],
    at: i64,
    /// The collector receives.
    is_up: bool,
    /// How long it has received while the daemon was alive.
    uptime: i64,
}

impl Reference {
    pub fn new() -> Self {
        let series = |site| Series {
            site,
            heard_at: i64::MIN / 2,
            unclear_until: i64::MIN,
            ..Series::default()
        };
        let site = |is_slope| Site {
            is_slope,
            assessed: 0,
            told: 0,
            ran: 0,
            raised: BTreeSet::new(),
            late_at: i64::MIN / 2,
        };
        Self {
            series: vec![series(0), series(0), series(1)],
            sites: [site(true), site(false)],
            at: i64::MIN,
            is_up: false,
            uptime: 0,
        }
    }

    /// The journal moves on to `at`.
    pub fn tick(&mut self, at: i64) {
        let before = std::mem::replace(&mut self.at, at);
        if before == i64::MIN {
            return;
        }
        let span = (at - before).min(ALIVE);
        // downtime is no part of how long a series was silent
        self.uptime += if self.is_up && at - before <= ALIVE { span } else { 0 };
        for site in self.sites.iter_mut().filter(|site| site.assessed < site.told) {
            // 관심 over what the past alone says was raised by no series: it waits for none
            if !self.is_up && !site.raised.is_empty() {
                continue;
            }
            let quiet = |it: &usize| self.uptime - self.series[*it].heard_uptime;
            let is_stale = site.raised.iter().any(|it| quiet(it) > FRESH + span);
            site.ran += if is_stale { 0 } else { span };
        }
    }

    /// The collector begins or ceases to receive.
    pub fn collector(&mut self, is_up: bool) {
        self.is_up = is_up;
    }

    /// A reading was admitted and can be trusted. `value` in thousandths.
    pub fn observe(
        &mut self,
        number: usize,
        measured_at: i64,
        received_at: i64,
        value: i64,
        at: i64,
    ) {
        let series = &mut self.series[number];
        let is_fresh = received_at - measured_at <= LATE && at - measured_at <= LATE;
        if !is_fresh {
            self.sites[series.site].late_at = at;
        }
        if at - measured_at > LATE && at - measured_at <= LATE_AT_LAST {
            series.unclear_until = at + 45 * MINUTE;
        }
        if at - measured_at <= LATE_AT_LAST {
            series.readings.insert((measured_at, value));
        }
        series.all.insert((measured_at, value));
        self.judge(number, is_fresh, at);
    }

    /// It was heard, whatever is known against what it said.
    pub fn hear(&mut self, number: usize, at: i64) {
        let uptime = self.uptime;
        let series = &mut self.series[number];
        (series.heard_at, series.heard_uptime) = (at, uptime);
    }

    /// When it was heard last.
    pub fn heard_at(&self, number: usize) -> i64 {
        self.series[number].heard_at
    }

    /// What is told late does not count until something fresh says the same.
    fn judge(&mut self, number: usize, is_fresh: bool, at: i64) {
        let series = &mut self.series[number];
        let counted = std::mem::take(&mut series.held);
        let counted_by_all = std::mem::take(&mut series.held_by_all);
        for (limit, rule) in LIMITS.iter().enumerate() {
            let (held, ever) = look(&series.readings, *rule, at - LATE_AT_LAST);
            if held && (is_fresh || counted.contains(&limit)) {
                series.held.insert(limit);
            }
            // where nothing came too late, both are the same readings
            let (held_by_all, ever_by_all) = match series.all.len() > series.readings.len() {
                true => look(&series.all, *rule, at - LATE_AT_LAST),
                false => (held, ever),
            };
            if held_by_all && (is_fresh || counted_by_all.contains(&limit)) {
                series.held_by_all.insert(limit);
            }
            if held || ever || held_by_all || ever_by_all {
                series.ever.insert(limit, at);
            }
        }
        let number_of_site = series.site;
        let assessed = self.level(number_of_site, |series| series.held.iter().copied().max());
        let by_all = self.level(number_of_site, |series| series.held_by_all.iter().copied().max());
        let assessed = assessed.min(by_all);
        let site = &mut self.sites[number_of_site];
        if assessed >= site.told {
            site.ran = 0;
        }
        site.assessed = assessed;
        for (it, series) in self.series.iter().enumerate() {
            if series.site == number_of_site
                && !series.held.is_empty()
                && !series.held_by_all.is_empty()
            {
                site.raised.insert(it);
            }
        }
    }

    /// The table of the policy, as far as these sites need it.
    fn level(&self, site: usize, limit_of: impl Fn(&Series) -> Option<usize>) -> u8 {
        let of_site = self.series.iter().filter(|series| series.site == site);
        let levels: Vec<u8> = of_site.filter_map(limit_of).map(|limit| LIMITS[limit].0).collect();
        let count = |least: u8| levels.iter().filter(|level| **level >= least).count();
        match self.sites[site].is_slope {
            true if count(4) >= 2 => 4,
            true if count(3) >= 2 || count(4) >= 1 => 3,
            true if count(2) >= 1 => 2,
            false if count(4) >= 2 => 4,
            false if count(3) >= 1 => 3,
            false if count(2) >= 1 => 2,
            _ => 0,
        }
    }

    /// The level a site must have been told to have at least; nothing where that is unclear.
    pub fn owed(&self, site: usize, at: i64) -> Option<u8> {
        let unclear = |series: &Series| {
            series.site == site && (series.unclear_until > at || series.held != series.held_by_all)
        };
        (!self.series.iter().any(unclear)).then(|| self.sites[site].assessed)
    }

    /// The highest level that anything known lately argues for.
    pub fn allowed(&self, site: usize, at: i64) -> u8 {
        let lately = |series: &Series| {
            let recent = series.ever.iter().filter(|(_, seen)| at - **seen <= LATE_AT_LAST);
            recent
                .map(|(limit, _)| limit)
                .chain(&series.held)
                .chain(&series.held_by_all)
                .max()
                .copied()
        };
        let level = self.level(site, lately);
        let late = u8::from(at - self.sites[site].late_at <= 60 * MINUTE);
        level.max(late)
    }

    /// A level was told. What is wrong with it, if anything.
    pub fn told(
        &mut self,
        site: usize,
        from: u8,
        to: u8,
        by_hand: bool,
        at: i64,
    ) -> Option<String> {
        let allowed = self.allowed(site, at);
        let unclear = self.owed(site, at).is_none();
        let it = &mut self.sites[site];
        // what came due between two records ran on from there
        let ran = std::mem::replace(&mut it.ran, self.at - at);
        let before = std::mem::replace(&mut it.told, to);
        if to == 0 {
            it.raised.clear();
        }
        if before != from {
            return Some(format!("it goes from {from}, and was at {before}"));
        }
        if to > from {
            return (to > allowed && !unclear)
                .then(|| format!("a false alarm: {to} told, no evidence for more than {allowed}"));
        }
        let dwell = DWELL_S[usize::from(from)];
        if by_hand {
            return (from != 4).then(|| format!("{from} is not stood down by hand"));
        }
        if from == 4 {
            return Some("심각 went by itself".into());
        }
        let short = ran + SECOND < i64::try_from(dwell).unwrap_or(i64::MAX).saturating_mul(SECOND);
        (short && !unclear).then(|| format!("{from} was left after {} s of {dwell}", ran / SECOND))
    }

    /// What was told last.
    pub fn level_told(&self, site: usize) -> u8 {
        self.sites[site].told
    }
}

/// Looks at a whole series: whether a limit holds after it, and whether it did at any time since `since`.
fn look(readings: &BTreeSet<(i64, i64)>, rule: (u8, f64, f64, u64), since: i64) -> (bool, bool) {
    let (_, raise_at, clear_below, hold_s) = rule;
    let (raise_at, clear_below) = ((raise_at * 1_000.0) as i64, (clear_below * 1_000.0) as i64);
    let hold = hold_s as i64 * SECOND;
    let (mut held, mut ever) = (false, false);
    // the last three: when, and whether beyond
    let mut recent: Vec<(i64, bool)> = Vec::new();
    let (mut run_from, mut within, mut last): (Option<i64>, u32, Option<i64>) = (None, 0, None);
    for (at, value) in readings {
        if last.is_some_and(|last| at - last > GAP) {
            recent.clear();
            (run_from, within) = (None, 0);
        }
        last = Some(*at);
        recent.push((*at, *value >= raise_at));
        if recent.len() > 3 {
            recent.remove(0);
        }
        let beyond: Vec<i64> = recent.iter().filter(|(_, is)| *is).map(|(at, _)| *at).collect();
        run_from = if beyond.len() >= 2 { run_from.or(beyond.first().copied()) } else { None };
        within = if *value < clear_below { within + 1 } else { 0 };
        if held {
            held = within < 2;
        } else {
            held = run_from.is_some_and(|from| at - from >= hold);
        }
        ever |= held && *at >= since;
    }
    (held, ever)
}
