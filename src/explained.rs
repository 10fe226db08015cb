//! Findings of the engine, for people and for programs: why a rule holds, or why it does not.

use std::fmt::Write as _;

use alerting::catalogue::{self, Language};
use alerting::condition::explain::{Amount, Fact};
use alerting::explanation::{ClauseFinding, Finding, SeriesFinding};
use alerting::rule::Quorum;
use reading::Timestamp;
use reading::registry::Text;
use serde_json::{Value, json};

/// A finding as JSON; `moment` writes moments.
pub fn shown(finding: &Finding, moment: &dyn Fn(Timestamp) -> String) -> Value {
    json!({
        "rule": finding.rule,
        "version": finding.version,
        "group": finding.group.name(),
        "level": finding.level.name(),
        "holds": finding.holds,
        "counts": finding.counts,
        "valid": finding.valid,
        "clauses": finding.clauses.iter().map(|clause| clause_shown(clause, moment)).collect::<Vec<_>>(),
    })
}

fn clause_shown(clause: &ClauseFinding, moment: &dyn Fn(Timestamp) -> String) -> Value {
    json!({
        "clause": clause.clause,
        "condition": clause.condition,
        "negated": clause.negated,
        "at_least": quorum(clause.quorum),
        "holding": clause.holding,
        "of": clause.of,
        "series": clause.series.iter().map(|series| series_shown(series, moment)).collect::<Vec<_>>(),
    })
}

fn series_shown(series: &SeriesFinding, moment: &dyn Fn(Timestamp) -> String) -> Value {
    let pair = |pair: &Option<(Timestamp, f64)>| {
        pair.map(|(at, value)| json!({ "measured_at": moment(at), "value": value }))
    };
    let fact = |fact: &Fact| {
        let value = match fact.value {
            Amount::Number(number) => json!(number),
            Amount::Count(count) => json!(count),
            Amount::Moment(at) => json!(moment(at)),
            Amount::Flag(flag) => json!(flag),
        };
        (fact.name.to_string(), value)
    };
    json!({
        "series": series.series,
        "holds": series.holds,
        "fresh": series.fresh,
        "silent": series.silent,
        "reading": pair(&series.reading),
        "quality": series.quality.words().collect::<Vec<_>>(),
        "quality_last": series.quality_last.words().collect::<Vec<_>>(),
        "decided": pair(&series.decided),
        "limit": series.limit,
        "unit": series.unit,
        "facts": series.facts.iter().map(fact).collect::<serde_json::Map<_, _>>(),
        "text": { "ko": series.text.ko, "en": series.text.en },
    })
}

fn quorum(quorum: Quorum) -> String {
    match quorum {
        Quorum::Stations(least) => format!("{} stations", least.max(1)),
        Quorum::Series(least) => format!("{} series", least.max(1)),
    }
}

/// A finding in lines for people.
pub fn lines(
    finding: &Finding,
    language: Language,
    moment: &dyn Fn(Timestamp) -> String,
) -> Vec<String> {
    let stands = match (finding.counts, finding.valid, finding.holds) {
        (true, _, _) => "explain-holds",
        (false, false, _) => "explain-out-of-season",
        (false, true, true) => "explain-old",
        (false, true, false) => "explain-holds-not",
    };
    let level = catalogue::level(finding.level, language);
    let parts = [finding.rule.as_str(), &finding.version, finding.group.name(), level];
    let mut lines = vec![
        catalogue::fill("explain-rule", language, &parts),
        format!("  {}", catalogue::message(stands, language)),
    ];
    for clause in &finding.clauses {
        lines.push(format!("  {}", clause_line(clause, language)));
        for series in &clause.series {
            lines.push(format!("    {}", series_line(series, language)));
            lines.push(format!("      {}", numbers_line(series, language, moment)));
        }
    }
    lines
}

fn clause_line(clause: &ClauseFinding, language: Language) -> String {
    let key = if clause.negated { "explain-clause-not" } else { "explain-clause" };
    let (holding, of) = (clause.holding.to_string(), clause.of.to_string());
    let needs = quorum(clause.quorum);
    let parts = [clause.clause.as_str(), &clause.condition, &holding, &of, &needs];
    catalogue::fill(key, language, &parts)
}

fn series_line(series: &SeriesFinding, language: Language) -> String {
    let key = match (series.holds, series.silent) {
        (true, false) => "explain-series-holds",
        (true, true) => "explain-series-holds-silent",
        (false, false) => "explain-series-rests",
        (false, true) => "explain-series-silent",
    };
    catalogue::fill(key, language, &[pick(&series.text, language)])
}

fn numbers_line(
    series: &SeriesFinding,
    language: Language,
    moment: &dyn Fn(Timestamp) -> String,
) -> String {
    let mut line = match series.reading {
        Some((at, value)) => {
            let (at, value, quality) = (moment(at), value.to_string(), series.quality.to_string());
            catalogue::fill("explain-reading", language, &[&at, &value, &quality])
        }
        None => catalogue::message("explain-no-reading", language).to_string(),
    };
    if series.quality_last != series.quality {
        let said = catalogue::fill("explain-last", language, &[&series.quality_last.to_string()]);
        let _ = write!(line, "  {said}");
    }
    for fact in &series.facts {
        let value = match fact.value {
            Amount::Number(number) => format!("{number:.6}"),
            Amount::Count(count) => count.to_string(),
            Amount::Moment(at) => moment(at),
            Amount::Flag(flag) => flag.to_string(),
        };
        let _ = write!(line, "  {}={value}", fact.name);
    }
    line
}

fn pick(text: &Text, language: Language) -> &str {
    match language {
        Language::Ko => &text.ko,
        Language::En => &text.en,
    }
}
