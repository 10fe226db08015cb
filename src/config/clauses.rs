//! Clauses: what a rule tests, on which series, on how many of them.

use std::collections::BTreeSet;

use alerting::condition::ConditionSettings;
use alerting::rule::{Clause, Group, Quorum};
use reading::id::RuleId;
use reading::unit::Quantity;

use super::conditions;
use super::pattern::pattern;
use super::problem::{Place, Problems};
use super::rules::{Owner, Scope};
use super::stations::Watched;
use super::table::Table;
use super::tree::{At, Value};
use super::value::{Fault, shortened};

/// How the tests of a rule are written.
pub enum Written {
    /// In the rule itself: one clause of its name.
    Plain(Box<Test>),
    /// Each under its own header.
    Clauses(Vec<Table>),
}

/// One test: its series, what is tested, and on how many.
#[derive(Clone)]
pub struct Test {
    series: Option<At<Value>>,
    condition: Option<Table>,
    quorum: Option<At<Quorum>>,
}

/// Takes a test out of a table.
pub fn take(table: &mut Table, problems: &mut Problems) -> Test {
    table.need(
        "series",
        "say on what it is tested: series = [\"station/sensor/quantity\"]; `*` stands for anything",
        problems,
    );
    let series = table.value("series");
    table.need(
        "condition",
        "say what is tested: condition = { kind = \"threshold\", … }",
        problems,
    );
    let condition = table.table("condition", problems);
    let quorum = table.read("at-least", quorum, problems);
    Test { series, condition, quorum }
}

/// `2 stations`, `3 series`.
fn quorum(text: &str) -> Result<Quorum, Fault> {
    let refused = || {
        let what = format!("`{}` says not on how many", shortened(text));
        Fault::new(what, "write \"2 stations\" (posts that are independent) or \"2 series\"")
    };
    let (number, word) = text.trim().split_once(' ').ok_or_else(refused)?;
    let number: u8 = number.parse().ok().filter(|n| (1..=64).contains(n)).ok_or_else(refused)?;
    match word.trim() {
        "station" | "stations" => Ok(Quorum::Stations(number)),
        "series" => Ok(Quorum::Series(number)),
        _ => Err(refused()),
    }
}

/// Reads the clauses of a rule, and where each begins; `limits` go on top of a plain rule's condition.
pub fn read(
    written: &Written,
    owner: &Owner<'_>,
    limits: Option<Table>,
    scope: &Scope<'_>,
    problems: &mut Problems,
) -> Option<(Vec<Clause>, Vec<Place>)> {
    match written {
        Written::Plain(test) => {
            let mut test = Test::clone(test);
            if let Some(limits) = limits {
                test.condition = test.condition.map(|condition| condition.under(limits));
            }
            let clause = clause(test, owner.id?.value.clone(), owner.group?, scope, problems)?;
            Some((vec![clause], vec![owner.id?.place.clone()]))
        }
        Written::Clauses(tables) => {
            if let Some(limits) = limits {
                let what = "`levels` share the condition of a rule, and this one has clauses";
                problems.add(&limits.place, what, "write a [[rule]] for each level");
                return None;
            }
            let read: Vec<_> =
                tables.iter().map(|table| named(table.clone(), owner, scope, problems)).collect();
            let read: Vec<_> = read.into_iter().collect::<Option<_>>()?;
            let mut ids = BTreeSet::new();
            for (clause, place) in &read {
                if !ids.insert(clause.id.clone()) {
                    let what = format!("a second clause is called `{}`", clause.id);
                    problems.add(place, what, "give it another id");
                }
            }
            Some(read.into_iter().unzip())
        }
    }
}

fn named(
    mut table: Table,
    owner: &Owner<'_>,
    scope: &Scope<'_>,
    problems: &mut Problems,
) -> Option<(Clause, Place)> {
    table.need("id", "`when` names the clause by it, say id = \"tilt\"", problems);
    let id = table.id::<RuleId>("id", problems);
    let groups = Group::ALL.map(|group| (group.name(), group));
    let given = table.has("group");
    let group = table.choice("group", &groups, problems);
    let test = take(&mut table, problems);
    table.finish("a [[rule.clause]]", problems);
    let group = match (group, given) {
        (Some(group), _) => group,
        (None, true) => return None,
        (None, false) => owner.group?.clone(),
    };
    let id = id?;
    Some((clause(test, id.value, &group, scope, problems)?, id.place))
}

fn clause(
    test: Test,
    id: RuleId,
    group: &At<Group>,
    scope: &Scope<'_>,
    problems: &mut Problems,
) -> Option<Clause> {
    let series = read_series(test.series, scope, problems);
    let tested = test
        .condition
        .and_then(|condition| conditions::read(condition, &series, scope.watched, problems));
    check_group(group, &series, tested.as_ref().map(|tested| &tested.condition), problems);
    if let Some(quorum) = &test.quorum {
        check_quorum(quorum, &series, problems);
    }
    let tested = tested?;
    Some(Clause {
        id,
        group: group.value,
        series: series.iter().map(|series| series.name.clone()).collect::<Vec<_>>().into(),
        companions: tested.companions,
        condition: tested.condition,
        quorum: test.quorum.map_or(Quorum::ONE, |quorum| quorum.value),
    })
}

/// More witnesses than there are can never agree.
fn check_quorum(quorum: &At<Quorum>, series: &[&Watched], problems: &mut Problems) {
    let stations: BTreeSet<_> = series.iter().map(|one| &one.name.station).collect();
    let (wanted, have, what) = match quorum.value {
        Quorum::Stations(wanted) => (usize::from(wanted), stations.len(), "stations"),
        Quorum::Series(wanted) => (usize::from(wanted), series.len(), "series"),
    };
    if wanted > have && have > 0 {
        let what = format!("it asks for {wanted} {what}, and names {have}");
        problems.add(&quorum.place, what, "ask for fewer, or name more series");
    }
}

fn read_series<'a>(
    given: Option<At<Value>>,
    scope: &Scope<'a>,
    problems: &mut Problems,
) -> Vec<&'a Watched> {
    let Some(given) = given else { return Vec::new() };
    let read = |text: &str| pattern(text, scope.site);
    let Some(patterns) = Table::of("series", given).reads("series", read, problems) else {
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
    series: &[&Watched],
    condition: Option<&ConditionSettings>,
    problems: &mut Problems,
) {
    let unusual = matches!(condition, Some(ConditionSettings::Anomaly(_)));
    if condition.is_some() && unusual != (group.value == Group::Anomaly) {
        let (what, remedy) = match unusual {
            true => ("something unusual is no evidence of a kind", "write group = \"anomaly\""),
            false => (
                "a limit that somebody set is evidence of a kind",
                "write the group of the quantity, or kind = \"anomaly\"",
            ),
        };
        problems.add(&group.place, what, remedy);
        return;
    }
    if matches!(group.value, Group::Health | Group::Anomaly) {
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
    let groups = |one: &Watched| match condition {
        Some(condition) if is_of_rain(condition) => &[Group::Rain],
        Some(ConditionSettings::FailureTime(_)) => &[Group::FailureTime],
        Some(ConditionSettings::Disagreement(_)) => &[Group::Health],
        _ => groups_of(one.name.quantity),
    };
    let misplaced = series.iter().find(|one| !groups(one).contains(&group.value));
    if let Some(one) = misplaced {
        let right: Vec<_> =
            groups(one).iter().map(|group| format!("\"{}\"", group.name())).collect();
        let what =
            format!("{} is no evidence of the group {}", one.name.quantity, group.value.name());
        problems.add(&group.place, what, format!("write group = {}", right.join(" or ")));
    }
}

/// Whether a condition is about rain, even where its series counts tips.
fn is_of_rain(condition: &ConditionSettings) -> bool {
    match condition {
        ConditionSettings::Accumulation(sum) => sum.source.tip.is_some(),
        ConditionSettings::IntensityDuration(_)
        | ConditionSettings::RecentAntecedent(_)
        | ConditionSettings::EffectiveRain(_)
        | ConditionSettings::SoilWater(_)
        | ConditionSettings::AntecedentWater(_) => true,
        _ => false,
    }
}

/// Which evidence a quantity can give (docs/formulas.md 9).
pub fn groups_of(quantity: Quantity) -> &'static [Group] {
    use Quantity as Q;
    match quantity {
        Q::Rain | Q::RainRate | Q::Advisory => &[Group::Rain],
        Q::PorePressure
        | Q::SoilSuction
        | Q::GroundwaterLevel
        | Q::WaterLevel
        | Q::SoilMoisture => &[Group::Hydro],
        Q::Tilt | Q::TiltX | Q::TiltY | Q::Displacement | Q::CrackWidth | Q::Settlement => {
            &[Group::Deformation, Group::Structure, Group::FailureTime]
        }
        Q::State => &[Group::Deformation, Group::Structure],
        Q::AcousticEmission | Q::Count => &[Group::Deformation, Group::Structure],
        Q::VibrationVelocity | Q::Acceleration | Q::Strain | Q::Force | Q::Frequency => {
            &[Group::Structure]
        }
        Q::BarometricPressure | Q::RelativeHumidity | Q::Temperature => &[Group::Health],
        Q::BatteryVoltage | Q::SignalStrength | Q::SignalToNoise => &[Group::Health],
    }
}
