//! Rules: a condition bound to series of a site, with a level, an evidence group, and who set it and why.

use std::collections::BTreeSet;

use alerting::Level;
use alerting::condition::ConditionSettings;
use alerting::rule::{Group, Provenance, Rule};
use reading::id::{RuleId, SiteId};
use reading::unit::Quantity;

use super::conditions;
use super::pattern::pattern;
use super::problem::Problems;
use super::stations::Watched;
use super::table::Table;
use super::tree::At;

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
    let tested = condition
        .and_then(|condition| conditions::read(condition, &series, scope.watched, problems));
    table.need("provenance", PROVENANCE, problems);
    let provenance = provenance(&mut table, "provenance", problems);
    table.finish("a [[rule]]", problems);
    if let Some(group) = &group {
        check_group(
            group,
            level.as_ref(),
            &series,
            tested.as_ref().map(|tested| &tested.condition),
            problems,
        );
    }
    let (id, tested) = (id?, tested?);
    let rule = Rule::plain(
        id.value,
        scope.site?.clone(),
        group?.value,
        level?.value,
        series.iter().map(|series| series.name.clone()).collect(),
        tested.companions,
        tested.condition,
        provenance?,
    );
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
