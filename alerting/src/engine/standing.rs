//! Standing: what people set for a while is taken, begins, bears on what is decided, and ends.

use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::time::Duration;

use reading::{
    Quality, Quantity, Reading, SeriesIndex, SeriesName, SiteId, StationIndex, Timestamp,
};

use super::site::Event;
use super::{Engine, Moment, Subject};
use crate::alert::Evidence;
use crate::catalogue::{self, Language};
use crate::decision::{Action, Decision};
use crate::explanation::Finding;
use crate::level::Level;
use crate::policy::Held;
use crate::rule::Group;
use crate::standing::{
    ENDED_KEPT, LASTS_MAX, STANDING_MAX, Scope, SiteAsk, SiteOrder, Standing, What, ZEROS_MAX,
    Zero, zero_at,
};
use reading::registry::Text;

/// A report is nobody's post: it is its own witness.
const NO_STATION: StationIndex = StationIndex(u32::MAX);

/// Stretches in which somebody works on a series, by its number.
pub(crate) type Upkeep = BTreeMap<u32, Vec<(Timestamp, Timestamp)>>;

impl Engine {
    /// Carries out an order about a site, and says in a decision whether and why.
    pub fn order(&mut self, order: &SiteOrder, now: Moment, out: &mut Vec<Action>) {
        if !self.is_new_order(&order.id) {
            return;
        }
        let before = out.len();
        let result = self.set(order, now, out);
        let (accepted, reason) = match result {
            Ok(reason) => (true, reason),
            Err(reason) => (false, reason),
        };
        let decision = Decision::Command {
            at: now.at,
            command: order.ask.name().into(),
            incident: None,
            by: order.by.clone(),
            from: order.from.clone(),
            given: order.reason.clone(),
            accepted,
            reason,
        };
        out.insert(before, Action::Decide(decision));
    }

    /// What stands, or stood until lately.
    pub fn standing(&self) -> &[Standing] {
        &self.standing
    }

    /// The zeros people have set, by series and rising moment.
    pub fn zeros(&self) -> &BTreeMap<SeriesName, Vec<Zero>> {
        &self.zeros
    }

    fn set(&mut self, order: &SiteOrder, now: Moment, out: &mut Vec<Action>) -> Result<Text, Text> {
        if order.reason.trim().is_empty() && !matches!(order.ask, SiteAsk::Report { .. }) {
            return Err(catalogue::text("command-needs-reason", &[]));
        }
        match &order.ask {
            SiteAsk::Silence { scope, from, until, severe } => {
                self.knows_scope(scope)?;
                let what = What::Silence { scope: scope.clone(), severe: *severe };
                self.stand(order, from.unwrap_or(now.at), *until, what, now, out)
            }
            SiteAsk::Maintain { site, station, sensor, until } => {
                let (site, station, sensor) = (site.clone(), station.clone(), sensor.clone());
                let place = [site.as_str(), station.as_str()].join("/");
                let what = What::Maintenance { site, station, sensor };
                if self.maintained_by(&what).is_empty() {
                    return Err(unknown(&place));
                }
                self.stand(order, now.at, *until, what, now, out)
            }
            SiteAsk::Report { site, sign, confirmed, until } => {
                self.knows_site(site)?;
                let (site, sign, confirmed) = (site.clone(), *sign, *confirmed);
                let what = What::Report { site, sign, confirmed };
                self.stand(order, now.at, *until, what, now, out)
            }
            SiteAsk::ReZero { series, offset } => self.re_zero(order, series, *offset, now),
            SiteAsk::End { standing } => self.end(standing, &order.by, now, out),
        }
    }

    fn knows_site(&self, site: &SiteId) -> Result<(), Text> {
        match self.setup.registry.site(site.as_str()) {
            Some(_) => Ok(()),
            None => Err(unknown(site.as_str())),
        }
    }

    fn knows_scope(&self, scope: &Scope) -> Result<(), Text> {
        if scope.is_empty() {
            return Err(catalogue::text("command-scope", &[]));
        }
        scope.sites.iter().try_for_each(|site| self.knows_site(site))?;
        if let Some(series) = scope.series.iter().find(|s| self.setup.registry.find(s).is_none()) {
            return Err(unknown(&series.to_string()));
        }
        let mut rules = scope.rules.iter();
        match rules.find(|id| !self.setup.rules.iter().any(|rule| rule.id == **id)) {
            Some(rule) => Err(unknown(rule.as_str())),
            None => Ok(()),
        }
    }

    /// Sets something for a while. From now on, or from a moment to come, it bears on its sites.
    fn stand(
        &mut self,
        order: &SiteOrder,
        from: Timestamp,
        until: Timestamp,
        what: What,
        now: Moment,
        out: &mut Vec<Action>,
    ) -> Result<Text, Text> {
        let from = from.max(now.at);
        if until <= from {
            return Err(catalogue::text("command-ends-before", &[]));
        }
        if until.since(from) > LASTS_MAX {
            let days = (LASTS_MAX.as_secs() / 86_400).to_string();
            return Err(catalogue::text("command-too-long", &[&days]));
        }
        self.standing.retain(|one| one.until.plus(ENDED_KEPT) > now.at);
        if self.standing.iter().filter(|one| one.until > now.at).count() >= STANDING_MAX {
            return Err(catalogue::text("command-too-many", &[&STANDING_MAX.to_string()]));
        }
        let standing = Standing {
            id: String::new(),
            by: order.by.clone(),
            reason: order.reason.trim().into(),
            at: now.at,
            from,
            until,
            noted: false,
            what,
        };
        let id = alloc::format!("{}-{}", standing.kind(), now.sequence);
        let standing = Standing { id: id.clone(), ..standing };
        self.standing.push(standing.clone());
        self.see_standing();
        self.bear(&standing, now, out);
        // a length of time: which zone it is read in is not known here
        let say = |language| {
            let length = catalogue::lapse(until.since(from), language);
            catalogue::fill("standing-set", language, &[&id, &length])
        };
        Ok(Text { ko: say(Language::Ko), en: say(Language::En) })
    }

    fn end(
        &mut self,
        id: &str,
        by: &str,
        now: Moment,
        out: &mut Vec<Action>,
    ) -> Result<Text, Text> {
        let open = |one: &&mut Standing| one.id == id && one.until > now.at;
        let Some(standing) = self.standing.iter_mut().find(open) else { return Err(over(id)) };
        standing.until = now.at;
        standing.from = standing.from.min(now.at);
        standing.noted = true;
        let standing = standing.clone();
        self.see_standing();
        self.restart_silence(&standing);
        self.bear(&standing, now, out);
        Ok(catalogue::text("standing-ended", &[id, by]))
    }

    /// Judges anew what something that began or ended bears on.
    fn bear(&mut self, standing: &Standing, now: Moment, out: &mut Vec<Action>) {
        for site in 0..self.sites.len() {
            if !standing.concerns(&self.setup.registry.sites()[site].id) {
                continue;
            }
            self.sites[site].turns_at = None;
            self.wake_for_calendar(site, now.at);
            if !matches!(standing.what, What::Silence { .. }) {
                self.sites[site].later(now.at, Event::Calendar);
                self.judge_site(site, now, out);
                self.check_silence(site, now, now.at, out);
            }
            if let What::Report { .. } = standing.what
                && standing.holds_at(now.at)
            {
                let evidence = report_evidence(standing);
                self.merge(Subject::Main(site), &evidence, now, out);
            }
            self.tell_hidden(site, now, out);
        }
    }

    /// Notes what is over at a site by the clock.
    pub(super) fn standing_over(&mut self, site: usize, now: Moment, out: &mut Vec<Action>) {
        let id = self.setup.registry.sites()[site].id.clone();
        let over = |one: &&mut Standing| one.until <= now.at && one.concerns(&id);
        let mut ended = Vec::new();
        for standing in self.standing.iter_mut().filter(over) {
            if !core::mem::replace(&mut standing.noted, true) {
                ended.push(standing.clone());
            }
        }
        for standing in ended {
            self.restart_silence(&standing);
            let what = catalogue::text("standing-expired", &[&standing.id, &standing.by]);
            let site = match &standing.what {
                What::Silence { scope, .. } => scope.sites.first().cloned(),
                What::Maintenance { site, .. } | What::Report { site, .. } => Some(site.clone()),
            };
            let standing = standing.id;
            out.push(Action::Decide(Decision::Expired { at: now.at, site, standing, what }));
        }
        self.tell_hidden(site, now, out);
    }

    /// Where the next of what stands at a site begins or ends, after a moment.
    pub(super) fn standing_edge(&self, site: usize, after: Timestamp) -> Option<Timestamp> {
        if self.standing.is_empty() {
            return None;
        }
        let id = &self.setup.registry.sites()[site].id;
        let here = self.standing.iter().filter(|one| one.concerns(id));
        here.flat_map(|one| [one.from, one.until]).filter(|at| *at > after).min()
    }

    fn re_zero(
        &mut self,
        order: &SiteOrder,
        series: &SeriesName,
        offset: f64,
        now: Moment,
    ) -> Result<Text, Text> {
        if self.setup.registry.find(series).is_none() {
            return Err(unknown(&series.to_string()));
        }
        if !offset.is_finite() || matches!(series.quantity, Quantity::Rain) {
            return Err(catalogue::text("command-no-zero", &[&series.to_string()]));
        }
        let (by, reason) = (order.by.clone(), order.reason.trim().into());
        let versions = self.zeros.entry(series.clone()).or_default();
        if versions.len() >= ZEROS_MAX {
            versions.remove(0);
        }
        versions.push(Zero { from: now.at, offset, by, reason });
        let unit = series.quantity.base_unit().symbol();
        let values = [&series.to_string(), &alloc::format!("{offset:+}"), unit];
        Ok(catalogue::text("standing-zero", &values))
    }

    /// The zero of a series that is in force at a moment of measurement.
    pub fn zero_of(&self, series: SeriesIndex, at: Timestamp) -> Option<&Zero> {
        if self.zeros.is_empty() {
            return None;
        }
        let name = &self.setup.registry.series().get(series.index())?.name;
        zero_at(self.zeros.get(name)?, at)
    }

    /// Whether somebody was working on a series at a moment.
    pub fn is_maintained(&self, series: SeriesIndex, at: Timestamp) -> bool {
        let spans = self.upkeep.get(&series.0).map_or(&[][..], Vec::as_slice);
        spans.iter().any(|(from, until)| *from <= at && at < *until)
    }

    /// A reading as it counts here: from the zero in force when it was measured, and marked if somebody was working on
    /// its instrument then.
    pub fn as_set(&self, reading: &Reading) -> Reading {
        let mut reading = *reading;
        if let Some(zero) = self.zero_of(reading.series, reading.measured_at) {
            reading.value += zero.offset;
        }
        if self.is_maintained(reading.series, reading.measured_at) {
            reading.quality |= Quality::MAINTENANCE;
        }
        reading
    }

    /// How long nobody was heard counts anew after maintenance.
    fn restart_silence(&mut self, standing: &Standing) {
        for series in self.maintained_by(&standing.what) {
            let uptime = self.source_of(series).map_or(Duration::ZERO, |source| source.uptime);
            self.heard[series.index()].uptime = uptime;
        }
    }

    fn maintained_by(&self, what: &What) -> Vec<SeriesIndex> {
        let What::Maintenance { site, station, sensor } = what else { return Vec::new() };
        let registry = &self.setup.registry;
        let at = registry.site(site.as_str()).and_then(|s| registry.station(s, station.as_str()));
        let all = at.map(|at| registry.series_of(at)).unwrap_or_default();
        let named = |at: &usize| {
            sensor.as_ref().is_none_or(|sensor| registry.series()[*at].name.sensor == *sensor)
        };
        all.filter(named).map(|at| SeriesIndex(at as u32)).collect()
    }

    /// Works out anew on which series somebody works when.
    pub(crate) fn see_standing(&mut self) {
        let mut upkeep = Upkeep::new();
        for standing in &self.standing {
            for series in self.maintained_by(&standing.what) {
                upkeep.entry(series.0).or_default().push((standing.from, standing.until));
            }
        }
        self.upkeep = upkeep;
    }

    /// Waits for what stands to begin or end, after a snapshot.
    pub(crate) fn wait_for_standing(&mut self) {
        for site in 0..self.sites.len() {
            if self.standing_edge(site, self.now).is_some() {
                self.sites[site].turns_at = None;
                self.wake_for_calendar(site, self.now);
            }
        }
    }

    /// What people reported at a site that is evidence at a moment.
    pub(super) fn reports_at(&self, site: usize, at: Timestamp) -> impl Iterator<Item = &Standing> {
        let id = &self.setup.registry.sites()[site].id;
        let reports = self.standing.iter().filter(|one| matches!(one.what, What::Report { .. }));
        reports.filter(move |one| one.concerns(id) && one.holds_at(at))
    }
}

/// What a report says to the policy of its site.
pub(super) fn report_held(report: &Standing) -> Held {
    let level = report_level(report);
    Held { group: Group::Report, level, station: NO_STATION }
}

/// A report as a line of evidence.
pub(super) fn report_evidence(report: &Standing) -> Evidence {
    let level = report_level(report);
    let said = |language| {
        let What::Report { sign, confirmed, .. } = &report.what else { return String::new() };
        let key = if *confirmed { "report-confirmed" } else { "report-unconfirmed" };
        let sign = catalogue::message(sign.key(), language);
        catalogue::fill(key, language, &[sign, &report.by, &report.reason])
    };
    Evidence {
        rule: report.id.clone(),
        series: String::new(),
        level,
        value: 0.0,
        unit: String::new(),
        measured_at: report.from,
        text: Text { ko: said(Language::Ko), en: said(Language::En) },
    }
}

/// A report as what a rule came to: there are no clauses, a person said so.
pub(super) fn report_finding(report: &Standing) -> Finding {
    Finding {
        rule: report.id.clone(),
        version: report.by.clone(),
        group: Group::Report,
        level: report_level(report),
        holds: true,
        counts: true,
        valid: true,
        clauses: Vec::new(),
    }
}

fn report_level(report: &Standing) -> Level {
    match report.what {
        What::Report { sign, confirmed, .. } => sign.level(confirmed),
        What::Silence { .. } | What::Maintenance { .. } => Level::Normal,
    }
}

fn unknown(name: &str) -> Text {
    catalogue::text("command-unknown", &[name])
}

fn over(standing: &str) -> Text {
    catalogue::text("command-standing-over", &[standing])
}
