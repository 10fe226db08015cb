//! Explaining: what every rule looked at, for the trail and for whoever asks why, or why not.

use alloc::collections::BTreeSet;
use alloc::string::ToString;
use alloc::vec::Vec;

use reading::Timestamp;
use reading::id::RuleId;
use reading::{SeriesIndex, SeriesName, SiteId};

use super::arguing::View;
use super::standing::report_finding;
use super::{Engine, Subject};
use crate::condition::Transition;
use crate::condition::explain::{Amount, Fact};
use crate::condition::failure_time::forecast::Forecast;
use crate::explanation::{ClauseFinding, Finding, SERIES_MAX, SeriesFinding};

impl Engine {
    /// What the rules came to that argue in a track, worst first.
    pub(super) fn findings(&self, subject: Subject) -> Vec<Finding> {
        let (site, monitoring) = match subject {
            Subject::Main(site) => (site, false),
            Subject::Monitoring(site) => (site, true),
            Subject::System => return Vec::new(),
        };
        let arguing = self.arguing(site, monitoring, View::Told, self.now, None);
        let rules: BTreeSet<u32> = arguing.into_iter().map(|at| self.watches[at].rule).collect();
        let mut findings: Vec<Finding> =
            rules.into_iter().map(|rule| self.finding(site, rule, true)).collect();
        if !monitoring {
            findings.extend(self.reports_at(site, self.now).map(report_finding));
        }
        findings.sort_by(|a, b| b.level.cmp(&a.level).then_with(|| a.rule.cmp(&b.rule)));
        findings
    }

    /// How a rule of a site stands: whether it holds, and what each clause sees. `None` if there is no such rule.
    pub fn look_into(&self, site: &SiteId, rule: &RuleId) -> Option<Finding> {
        let at = self.setup.registry.site(site.as_str())?;
        let rule = self.setup.rules.iter().position(|r| r.site == *site && r.id == *rule)?;
        Some(self.finding(at.index(), rule as u32, false))
    }

    /// Between which values the next reading of a series is expected, where a rule knows what is usual there: in the
    /// base unit, the narrowest if several do.
    pub fn expected(&self, series: SeriesIndex) -> Option<(f64, f64)> {
        let watches = self.watches.get(self.watches_of(series))?.iter();
        let bands =
            watches.filter_map(|watch| watch.state.live.expected(watch.settings(&self.setup)));
        bands.min_by(|a, b| (a.1 - a.0).total_cmp(&(b.1 - b.0)))
    }

    /// When the movement that a series measures is forecast to end, where a rule knows and is to be believed: the
    /// earliest if several do.
    pub fn forecast(&self, series: SeriesIndex) -> Option<Forecast> {
        let watches = self.watches.get(self.watches_of(series))?.iter();
        watches.filter_map(|watch| watch.state.live.forecast()).min_by_key(|forecast| forecast.at)
    }

    /// What late data brought to light: the rule as it stands, with the number that data gave.
    pub(super) fn finding_late(&self, at: usize, turn: &Transition) -> Vec<Finding> {
        let watch = &self.watches[at];
        let mut finding = self.finding(self.site_of(watch.series), watch.rule, true);
        if let (Some(clause), Some(late)) =
            (finding.clauses.get_mut(usize::from(watch.clause)), self.late.get(&(at as u32)))
        {
            let mut series = self.series_finding(at);
            series.text = self.evidence(at, turn).text;
            series.decided = Some((turn.at, turn.value));
            series.facts = told(late.state.facts(watch.settings(&self.setup)));
            clause.series.retain(|other| other.series != series.series);
            clause.series.insert(0, series);
        }
        alloc::vec![finding]
    }

    fn finding(&self, site: usize, rule: u32, only_holding: bool) -> Finding {
        let definition = &self.setup.rules[rule as usize];
        let valid = definition.counts_at(self.now);
        let clauses = 0..definition.clauses.len() as u8;
        Finding {
            rule: definition.id.to_string(),
            version: definition.version(),
            group: definition.group,
            level: definition.level,
            holds: self.rule_holds(site, rule, View::Told, self.now, None, None),
            counts: valid && self.rule_holds(site, rule, View::Live, self.now, None, None),
            valid,
            clauses: clauses.map(|at| self.clause_finding(site, rule, at, only_holding)).collect(),
        }
    }

    fn clause_finding(
        &self,
        site: usize,
        rule: u32,
        clause: u8,
        only_holding: bool,
    ) -> ClauseFinding {
        let definition = &self.setup.rules[rule as usize];
        let tested = &definition.clauses[usize::from(clause)];
        let all = self.sites[site].watches.clone();
        let all =
            all.filter(|at| self.watches[*at].rule == rule && self.watches[*at].clause == clause);
        let (holding, resting): (Vec<usize>, Vec<usize>) =
            all.partition(|at| self.watches[*at].state.held);
        let resting = if only_holding && definition.is_plain() { Vec::new() } else { resting };
        let of = tested.series.len() as u32;
        let listed = holding.iter().chain(&resting).take(SERIES_MAX);
        ClauseFinding {
            clause: tested.id.to_string(),
            condition: tested.condition.name().to_string(),
            negated: definition.when.names(clause, true),
            quorum: tested.quorum,
            holding: holding.len() as u32,
            of,
            series: listed.map(|at| self.series_finding(*at)).collect(),
        }
    }

    fn series_finding(&self, at: usize) -> SeriesFinding {
        let watch = &self.watches[at];
        let settings = watch.settings(&self.setup);
        let newest = self.windows[watch.series.index()].newest();
        let (value, measured_at) = watch.state.decided();
        let is_number = measured_at > Timestamp::MIN && value.is_finite();
        let decided = is_number.then_some((measured_at, value));
        let (at_present, number) =
            if watch.state.held { (measured_at, value) } else { self.seen(at) };
        let turn = Transition { held: watch.state.held, at: at_present, value: number };
        let evidence = self.evidence(at, &turn);
        let mut facts = watch.state.live.facts(settings);
        if let Some(zero) = self.zero_of(watch.series, at_present) {
            facts.push(Fact::number("zero-offset", zero.offset));
            facts.push(Fact::moment("zero-from", zero.from));
        }
        if self.is_maintained(watch.series, self.now) {
            facts.push(Fact::flag("maintenance", true));
        }
        let heard = &self.heard[watch.series.index()];
        SeriesFinding {
            series: evidence.series,
            holds: watch.state.held,
            fresh: watch.state.fresh,
            silent: self.is_silent(watch, View::Told, self.now),
            reading: newest.map(|sample| (sample.at, sample.value)),
            quality: if newest.is_some() { heard.newest } else { heard.quality },
            quality_last: heard.quality,
            decided,
            limit: settings.said().limit,
            unit: evidence.unit,
            facts: told(facts),
            text: evidence.text,
        }
    }

    /// The newest reading of a watch's series, for want of a number that decided.
    fn seen(&self, at: usize) -> (Timestamp, f64) {
        let newest = self.windows[self.watches[at].series.index()].newest();
        newest.map_or((Timestamp::MIN, f64::NAN), |sample| (sample.at, sample.value))
    }

    /// The rules of a series' site that have a clause on it, by id.
    pub fn rules_on(&self, series: &SeriesName) -> Vec<RuleId> {
        let Some(at) = self.setup.registry.find(series) else { return Vec::new() };
        let ids: BTreeSet<&RuleId> =
            self.watches_of(at).map(|at| &self.watches[at].rule(&self.setup).id).collect();
        ids.into_iter().cloned().collect()
    }
}

/// A number that is none says nothing, and could not be stored.
fn told(mut facts: Vec<Fact>) -> Vec<Fact> {
    facts.retain(|fact| !matches!(fact.value, Amount::Number(number) if !number.is_finite()));
    facts
}
