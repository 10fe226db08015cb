//! Rules: a condition bound to series of a site, with a level, an evidence group, and who set it and why.

use std::collections::BTreeSet;

use alerting::Level;
use alerting::condition::ConditionSettings;
use alerting::rule::{Group, Provenance, Rule};
use reading::id::{RuleId, SiteId};
use reading::unit::Quantity;

use super::conditions;
use super::problem::Problems;
use super::stations::Watched;
use super::table::Table;
use super::tree::At;
use super::value::{Fault, nearest, shortened};

/// Reads every `[[rule]]` of a site; each comes with the place of its id. `whole` says that nothing is wrong with
/// the site's stations: only then is a pattern that matches nothing a mistake.
pub fn read(
    tables: Vec<Table>,
    site: Option<&At<SiteId>>,
    watched: &[Watched],
    whole: bool,
    problems: &mut Problems,
) -> Vec<At<Rule>> {
    let (mut rules, mut ids) = (Vec::new(), BTreeSet::new());
    for mut table in tables {
        table.need(
            "id",
            "explanations name the rule by it, say id = \"tilt-rate-caution\"",
            problems,
        );
        let id = table.id::<RuleId>("id", problems);
        if let Some(id) = &id
            && !ids.insert(id.value.clone())
        {
            problems.add(
                &id.place,
                format!("a second rule is called `{}`", id.value),
                "give it another id",
            );
        }
        let scope = Scope { site: site.map(|site| &site.value), watched, whole };
        rules.extend(read_rule(table, id, &scope, problems));
    }
    rules
}

struct Scope<'a> {
    site: Option<&'a SiteId>,
    watched: &'a [Watched],
    whole: bool,
}

fn read_rule(
    mut table: Table,
    id: Option<At<RuleId>>,
    scope: &Scope<'_>,
    problems: &mut Problems,
) -> Option<At<Rule>> {
    table.need(
        "group",
        "write group = \"rain\", \"hydro\", \"deformation\", \"structure\" or \"health\"",
        problems,
    );
    let group = table.choice("group", &Group::ALL.map(|group| (group.name(), group)), problems);
    table.need("level", "say which level it argues for, say level = \"caution\"", problems);
    let level =
        table.choice("level", &Level::ALL.map(|level| (level.name(), level))[1..], problems);
    let series = read_series(&mut table, scope, problems);
    table.need(
        "condition",
        "say what is tested: condition = { kind = \"threshold\", … }",
        problems,
    );
    let condition = table.table("condition", problems);
    let condition = condition.and_then(|condition| conditions::read(condition, &series, problems));
    table.need("provenance", PROVENANCE, problems);
    let provenance = provenance(&mut table, "provenance", problems);
    table.finish("a [[rule]]", problems);
    if let Some(group) = &group {
        check_group(group, level.as_ref(), &series, condition.as_ref(), problems);
    }
    let id = id?;
    let rule = Rule {
        id: id.value,
        site: scope.site?.clone(),
        group: group?.value,
        level: level?.value,
        series: series.iter().map(|series| series.name.clone()).collect(),
        condition: condition?,
        provenance: provenance?,
    };
    Some(At { value: rule, place: id.place })
}

fn read_series<'a>(
    table: &mut Table,
    scope: &Scope<'a>,
    problems: &mut Problems,
) -> Vec<&'a Watched> {
    table.need(
        "series",
        "say on what it is tested: series = [\"station/sensor/quantity\"]; `*` stands for anything",
        problems,
    );
    let Some(patterns) = table.reads("series", |text| pattern(text, scope.site), problems) else {
        return Vec::new();
    };
    if patterns.value.is_empty() {
        problems.add(
            &patterns.place,
            "the rule is about no series",
            "write series = [\"station/sensor/quantity\"]",
        );
    }
    let mut matched = BTreeSet::new();
    for pattern in &patterns.value {
        let hits = (0..scope.watched.len()).filter(|at| pattern.value.matches(&scope.watched[*at]));
        let before = matched.len();
        let mut any = false;
        hits.for_each(|at| {
            any = true;
            matched.insert(at);
        });
        if !any && scope.whole {
            problems.add(
                &pattern.place,
                format!("no series is called `{}`", pattern.value.text()),
                pattern.value.advice(scope.watched),
            );
        } else if any && matched.len() == before {
            problems.warn(
                &pattern.place,
                format!("`{}` adds no series", pattern.value.text()),
                "remove it",
            );
        }
    }
    matched.into_iter().map(|at| &scope.watched[at]).collect()
}

/// `station/sensor/quantity`, where `*` stands for any letters within a part.
struct Pattern([String; 3]);

fn pattern(text: &str, site: Option<&SiteId>) -> Result<Pattern, Fault> {
    let parts: Vec<&str> = text.split('/').collect();
    match parts.as_slice() {
        [station, sensor, quantity] if parts.iter().all(|part| !part.is_empty()) => {
            Ok(Pattern([station, sensor, quantity].map(|part| part.to_string())))
        }
        [first, rest @ ..]
            if rest.len() == 3 && site.is_some_and(|site| site.as_str() == *first) =>
        {
            let remedy = format!("leave the site out: \"{}\"", shortened(&rest.join("/")));
            Err(Fault::new(format!("`{}` names its own site", shortened(text)), remedy))
        }
        _ => {
            let what = format!("`{}` is not a series of this site", shortened(text));
            Err(Fault::new(what, "write station/sensor/quantity, say \"post-*/tilt-1/tilt-x\""))
        }
    }
}

impl Pattern {
    fn text(&self) -> String {
        shortened(&self.0.join("/"))
    }

    fn matches(&self, watched: &Watched) -> bool {
        let [station, sensor, quantity] = &self.0;
        let name = &watched.name;
        fits(station, name.station.as_str())
            && fits(sensor, name.sensor.as_str())
            && fits(quantity, name.quantity.name())
    }

    fn advice(&self, watched: &[Watched]) -> String {
        let short = |one: &Watched| {
            format!("{}/{}/{}", one.name.station, one.name.sensor, one.name.quantity)
        };
        let names: Vec<String> = watched.iter().map(short).collect();
        match nearest(&self.0.join("/"), names.iter().map(String::as_str)) {
            Some(name) => format!("did you mean \"{name}\"?"),
            None if names.is_empty() => "give a [[station]] sensors first".into(),
            None => format!("the site has {}", names.join(", ")),
        }
    }
}

/// Whether `text` is `pattern` with something in place of each `*`.
fn fits(pattern: &str, text: &str) -> bool {
    let Some((head, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(mut text) = text.strip_prefix(head) else { return false };
    let mut parts: Vec<&str> = rest.split('*').collect();
    let last = parts.pop().unwrap_or_default();
    for part in parts {
        let Some(at) = text.find(part) else { return false };
        text = &text[at + part.len()..];
    }
    text.ends_with(last)
}

/// A criterion in the wrong group would be weighed wrongly: rain alone must never look like movement.
fn check_group(
    group: &At<Group>,
    level: Option<&At<Level>>,
    series: &[&Watched],
    condition: Option<&ConditionSettings>,
    problems: &mut Problems,
) {
    if group.value == Group::Health {
        if let Some(level) = level.filter(|level| level.value > Level::Attention) {
            let what = format!("whether we can see never argues for {}", level.value);
            problems.add(&level.place, what, "write level = \"attention\"");
        }
        return;
    }
    if matches!(condition, Some(ConditionSettings::Silence(_))) {
        problems.add(
            &group.place,
            "silence says whether we can see, nothing else",
            "write group = \"health\"",
        );
        return;
    }
    let misplaced = series.iter().find(|one| !groups_of(one.name.quantity).contains(&group.value));
    if let Some(one) = misplaced {
        let right: Vec<_> = groups_of(one.name.quantity)
            .iter()
            .map(|group| format!("\"{}\"", group.name()))
            .collect();
        let what =
            format!("{} is no evidence of the group {}", one.name.quantity, group.value.name());
        problems.add(&group.place, what, format!("write group = {}", right.join(" or ")));
    }
}

/// Which evidence a quantity can give (domain.md 3.8).
fn groups_of(quantity: Quantity) -> &'static [Group] {
    use Quantity as Q;
    match quantity {
        Q::Rain | Q::RainRate => &[Group::Rain],
        Q::PorePressure
        | Q::SoilSuction
        | Q::GroundwaterLevel
        | Q::WaterLevel
        | Q::SoilMoisture => &[Group::Hydro],
        Q::Tilt
        | Q::TiltX
        | Q::TiltY
        | Q::Displacement
        | Q::CrackWidth
        | Q::Settlement
        | Q::State => &[Group::Deformation, Group::Structure],
        Q::AcousticEmission | Q::Count => &[Group::Deformation, Group::Structure],
        Q::VibrationVelocity | Q::Acceleration | Q::Strain | Q::Force | Q::Frequency => {
            &[Group::Structure]
        }
        Q::BarometricPressure | Q::RelativeHumidity | Q::Temperature => &[Group::Health],
        Q::BatteryVoltage | Q::SignalStrength | Q::SignalToNoise => &[Group::Health],
    }
}

const PROVENANCE: &str =
    "say who set it, when and why: provenance = { author = \"…\", date = \"…\", reason = \"…\" }";

/// Who decided something, when, and why.
pub fn provenance(
    table: &mut Table,
    key: &'static str,
    problems: &mut Problems,
) -> Option<Provenance> {
    let mut table = table.table(key, problems)?;
    table.need("author", "say who decided it", problems);
    table.need("date", "say when, as 2026-07-01", problems);
    table.need("reason", "say why, with the source", problems);
    let author = table.text("author", problems);
    let date = table.date("date", problems);
    let reason = table.text("reason", problems);
    table.finish(key, problems);
    Some(Provenance { author: author?.value, date: date?.value, reason: reason?.value })
}

#[cfg(test)]
mod tests {
    use super::fits;

    #[test]
    fn a_star_stands_for_anything_within_a_part() {
        for (pattern, text, expected) in [
            ("post-1", "post-1", true),
            ("post-1", "post-12", false),
            ("post-*", "post-12", true),
            ("*", "anything", true),
            ("*-1", "tilt-1", true),
            ("*-1", "tilt-12", false),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-c", false),
            ("a*a", "a", false),
            ("**", "x", true),
            ("", "x", false),
        ] {
            assert_eq!(fits(pattern, text), expected, "{pattern} {text}");
        }
    }
}
