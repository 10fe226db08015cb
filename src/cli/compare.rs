//! `bongsu replay --against`: two configurations over the same history. What each would have raised, when, and how
//! often a year at each site.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;

use alerting::Level;
use alerting::catalogue::{self, Language};
use alerting::condition::ConditionSettings;
use alerting::condition::persistence::{self, chance};
use alerting::rule::Rule;
use alerting::setup::Setup;
use reading::{SiteId, Timestamp};
use serde_json::json;

use super::expect::Reached;

const YEAR_SECS: f64 = 365.25 * 86_400.0;

/// Two raises of a level within this are the same one, found a little earlier or later.
const SAME: std::time::Duration = std::time::Duration::from_secs(6 * 3_600);

/// The probability that one quiet reading is beyond a limit for which chance is told: docs/formulas.md 2.
const EACH: f64 = 0.01;

/// What one configuration made of a history.
pub struct Played {
    /// The configuration.
    pub setup: std::sync::Arc<Setup>,
    /// Every level that was raised, monitoring left out.
    pub raised: Vec<Reached>,
    /// The first and the last moment of the history.
    pub span: (Timestamp, Timestamp),
}

impl Played {
    fn years(&self) -> f64 {
        self.span.1.since(self.span.0).as_secs_f64() / YEAR_SECS
    }
}

/// Tells how the second differs from the first.
///
/// # Errors
/// If the output cannot be written.
pub fn tell(
    before: &Played,
    after: &Played,
    json: bool,
    language: Language,
    out: &mut impl Write,
) -> std::io::Result<()> {
    for (sign, reached) in differences(&before.raised, &after.raised) {
        let (site, level) = (reached.site.as_str(), reached.level);
        if json {
            let change = if sign == '+' { "new" } else { "gone" };
            let line = json!({ "change": change, "site": site, "level": level.name(), "at": reached.at.to_string() });
            writeln!(out, "{line}")?;
        } else {
            writeln!(out, "{sign} {}  {site}  {}", reached.at, catalogue::level(level, language))?;
        }
    }
    tell_rates(before, after, json, language, out)?;
    tell_rules(before, after, json, language, out)
}

/// Raises only one of them has: `-` of the first, `+` of the second; by time.
fn differences<'r>(before: &'r [Reached], after: &'r [Reached]) -> Vec<(char, &'r Reached)> {
    let same = |a: &Reached, b: &Reached| {
        let apart = if a.at > b.at { a.at.since(b.at) } else { b.at.since(a.at) };
        a.site == b.site && a.level == b.level && apart <= SAME
    };
    let only = |sign: char, of: &'r [Reached], other: &'r [Reached]| -> Vec<(char, &'r Reached)> {
        let mut left: Vec<&Reached> = other.iter().collect();
        let mut only = Vec::new();
        for one in of {
            match left.iter().position(|other| same(one, other)) {
                Some(at) => drop(left.remove(at)), // each counts for one only
                None => only.push((sign, one)),
            }
        }
        only
    };
    let mut all = only('-', before, after);
    all.extend(only('+', after, before));
    all.sort_by_key(|(sign, reached)| (reached.at, *sign));
    all
}

type Counts<'r> = BTreeMap<(&'r SiteId, Level), usize>;

fn counts(raised: &[Reached]) -> Counts<'_> {
    let mut counts = Counts::new();
    for reached in raised {
        *counts.entry((&reached.site, reached.level)).or_default() += 1;
    }
    counts
}

fn tell_rates(
    before: &Played,
    after: &Played,
    json: bool,
    language: Language,
    out: &mut impl Write,
) -> std::io::Result<()> {
    let (first, second) = (counts(&before.raised), counts(&after.raised));
    let years = before.years().max(after.years());
    for key in of_every_site(&before.setup, &after.setup) {
        let (was, is) = (first.get(&key).copied(), second.get(&key).copied());
        let (was, is) = (was.unwrap_or(0), is.unwrap_or(0));
        let a_year = |count: usize| if years > 0.0 { count as f64 / years } else { f64::NAN };
        let (site, level) = (key.0.as_str(), key.1);
        if json {
            let line = json!({
                "site": site, "level": level.name(), "years": years,
                "before": was, "after": is, "before_a_year": a_year(was), "after_a_year": a_year(is),
            });
            writeln!(out, "{line}")?;
        } else {
            let numbers =
                [was.to_string(), per_year(a_year(was)), is.to_string(), per_year(a_year(is))];
            let [was, was_a_year, is, is_a_year] = &numbers;
            let parts = [site, catalogue::level(level, language), was, was_a_year, is, is_a_year];
            writeln!(out, "{}", catalogue::fill("compare-rate", language, &parts))?;
        }
    }
    if !json {
        let days = format!("{:.1}", years * 365.25);
        writeln!(out, "{}", catalogue::fill("compare-span", language, &[&days]))?;
    }
    Ok(())
}

/// Every level that can be raised at every site that one of them has: what was never raised is an answer as well.
fn of_every_site<'s>(before: &'s Setup, after: &'s Setup) -> Vec<(&'s SiteId, Level)> {
    let sites = before.registry.sites().iter().chain(after.registry.sites());
    let sites: BTreeSet<&SiteId> = sites.map(|site| &site.id).collect();
    let raised = Level::ALL.into_iter().filter(|level| *level > Level::Normal);
    sites.into_iter().flat_map(|site| raised.clone().map(move |level| (site, level))).collect()
}

fn per_year(rate: f64) -> String {
    if rate.is_finite() { format!("{rate:.1}") } else { "–".into() }
}

/// Rules that are new, gone or worded otherwise, with how often a year noise alone would make each hold.
fn tell_rules(
    before: &Played,
    after: &Played,
    json: bool,
    language: Language,
    out: &mut impl Write,
) -> std::io::Result<()> {
    let of = |setup: &Setup| -> BTreeMap<String, (String, Option<f64>)> {
        let rules = setup.rules.iter();
        let entry = |rule: &Rule| {
            let name = format!("{}/{}", rule.site, rule.id);
            (name, (rule.version(), by_chance(rule, setup)))
        };
        rules.map(entry).collect()
    };
    let (first, second) = (of(&before.setup), of(&after.setup));
    let names: BTreeSet<&String> = first.keys().chain(second.keys()).collect();
    for name in names {
        let (was, is) = (first.get(name), second.get(name));
        if was.map(|(version, _)| version) == is.map(|(version, _)| version) {
            continue;
        }
        let (was_chance, is_chance) =
            (was.and_then(|(_, chance)| *chance), is.and_then(|(_, chance)| *chance));
        if json {
            let version =
                |one: Option<&(String, Option<f64>)>| one.map(|(version, _)| version.clone());
            let line = json!({
                "rule": name, "before": version(was), "after": version(is),
                "by_chance_a_year_before": was_chance, "by_chance_a_year_after": is_chance,
            });
            writeln!(out, "{line}")?;
        } else {
            let said =
                |chance: Option<f64>| chance.map_or("–".to_string(), |n| format!("{n:.3}"));
            let version = |one: Option<&(String, Option<f64>)>| {
                one.map_or("–".to_string(), |(version, _)| version.clone())
            };
            let parts = [version(was), version(is), said(was_chance), said(is_chance)];
            let [was, is, was_chance, is_chance] = &parts;
            let parts = [name.as_str(), was, is, was_chance, is_chance];
            writeln!(out, "{}", catalogue::fill("compare-rule", language, &parts))?;
        }
    }
    Ok(())
}

/// How often a year noise would make a plain rule of counted readings hold on each of its series, if one quiet reading
/// in a hundred were beyond its limit. A bound from below: readings of the field are alike their neighbours.
fn by_chance(rule: &Rule, setup: &Setup) -> Option<f64> {
    let clause = rule.clauses.first().filter(|_| rule.is_plain())?;
    let persistence: &persistence::Settings = match &clause.condition {
        ConditionSettings::Threshold(threshold) => &threshold.persistence,
        _ => return None,
    };
    let series = setup.registry.find(clause.series.first()?)?;
    let station = setup.registry.series()[series.index()].station;
    let interval = setup.registry.stations()[station.index()].report_interval.as_secs_f64();
    Some(chance(EACH, persistence.raise_count, persistence.window_len) * YEAR_SECS / interval)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reached(site: &str, level: Level, hour: i64) -> Reached {
        Reached { site: site.parse().unwrap(), level, at: Timestamp::from_secs(hour * 3_600) }
    }

    #[test]
    fn what_only_one_of_them_raises_is_told() {
        let before = [reached("a", Level::Caution, 0), reached("a", Level::Caution, 100)];
        let after = [
            reached("a", Level::Caution, 2),
            reached("a", Level::Warning, 3),
            reached("b", Level::Caution, 50),
        ];
        let told: Vec<_> = differences(&before, &after)
            .into_iter()
            .map(|(sign, reached)| (sign, reached.site.as_str(), reached.level))
            .collect();
        assert_eq!(
            told,
            [('+', "a", Level::Warning), ('+', "b", Level::Caution), ('-', "a", Level::Caution)]
        );
    }

    #[test]
    fn rates_are_counted_by_the_year() {
        let sites = |ids: &[&str]| {
            let site = |id: &&str| reading::registry::Site::of(id.parse().unwrap(), (37.5, 127.0));
            let registry = reading::registry::Registry::new(ids.iter().map(site).collect(), vec![]);
            std::sync::Arc::new(Setup { registry, ..Setup::empty() })
        };
        let (one, two) = (sites(&["a"]), sites(&["a", "b"]));
        let played = |setup: &std::sync::Arc<Setup>, raised: Vec<Reached>| Played {
            setup: std::sync::Arc::clone(setup),
            raised,
            span: (Timestamp::from_secs(0), Timestamp::from_secs((YEAR_SECS / 2.0) as i64)),
        };
        let (before, after) = (
            played(&one, vec![reached("a", Level::Caution, 0); 3]),
            played(&two, vec![reached("a", Level::Caution, 0)]),
        );
        let mut out = Vec::new();
        tell(&before, &after, false, Language::En, &mut out).unwrap();
        let said = String::from_utf8(out).unwrap();
        assert!(said.contains("before 3 (6.0 a year), after 1 (2.0 a year)"), "{said}");
        // every site with every level, raised or not
        let lines = said.lines().filter(|line| line.contains(" a year), after ")).count();
        assert_eq!(lines, 2 * 4, "{said}");
        assert!(said.contains("before 0 (0.0 a year), after 0 (0.0 a year)"), "{said}");
    }
}
