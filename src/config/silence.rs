//! The rule that is always there: a series nobody has heard of for too long, unless the site says it otherwise.

use std::collections::BTreeMap;
use std::time::Duration;

use alerting::Level;
use alerting::condition::{ConditionSettings, silence};
use alerting::rule::{Group, Provenance, Rule};
use reading::id::{RuleId, SeriesName};

use super::stations::Watched;
use super::tree::At;
use super::value::duration_text;

/// A station is silent after so many report intervals …
const INTERVALS: u32 = 3;

/// … but never sooner than this, so that one slow reconnection is no fault (docs/formulas.md 6.7).
const LEAST: Duration = Duration::from_secs(10 * 60);

/// The rules for the series that no silence rule of the site is about: `silence`, and `silence-30-min` and the
/// like for series that report less often.
pub fn defaults(watched: &[Watched], written: &[At<Rule>]) -> Vec<Rule> {
    let mut groups: BTreeMap<Duration, Vec<SeriesName>> = BTreeMap::new();
    for one in watched.iter().filter(|one| !is_covered(&one.name, written)) {
        groups.entry((INTERVALS * one.interval).max(LEAST)).or_default().push(one.name.clone());
    }
    groups.into_iter().filter_map(|(after, series)| rule(after, series)).collect()
}

fn is_covered(series: &SeriesName, written: &[At<Rule>]) -> bool {
    let clauses = written.iter().flat_map(|rule| &rule.value.clauses);
    clauses
        .filter(|clause| matches!(clause.condition, ConditionSettings::Silence(_)))
        .any(|clause| clause.series.contains(series))
}

fn rule(after: Duration, series: Vec<SeriesName>) -> Option<Rule> {
    let name = match after {
        LEAST => "silence".into(),
        longer => format!("silence-{}", duration_text(longer).replace([' ', '.'], "-")),
    };
    Some(Rule::plain(
        RuleId::new(&name).ok()?,
        series.first()?.site.clone(),
        Group::Health,
        Level::Attention,
        series,
        Vec::new(),
        ConditionSettings::Silence(silence::Settings { after }),
        Provenance {
            author: "bongsu".into(),
            date: "2026-07-01".into(),
            reason: "silent after three report intervals, at least 10 min; no data is never safety"
                .into(),
        },
    ))
}
