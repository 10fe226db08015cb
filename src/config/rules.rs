//! Rules: clauses bound to series of a site, with a level, an evidence group, and who set it and why.

use std::collections::BTreeSet;
use std::time::Duration;

use alerting::Level;
use alerting::rule::{Clause, Group, Provenance, Rule};
use alerting::validity::Validity;
use reading::id::{RuleId, SiteId};

use super::clauses::{self, Written};
use super::problem::{Place, Problems};
use super::stations::Watched;
use super::table::Table;
use super::tree::At;
use super::validity;
use super::when::{self, Term};

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(86_400);

/// What rules of a site are read against.
pub struct Scope<'a> {
    /// The site, if its name is known.
    pub site: Option<&'a SiteId>,
    /// The zone its calendar is in.
    pub zone: &'a str,
    /// Its series.
    pub watched: &'a [Watched],
    /// Whether nothing is wrong with its stations: only then is a pattern that matches nothing a mistake.
    pub whole: bool,
}

/// A rule as written, before other rules it names are looked up.
pub struct Draft {
    /// Where its id stands.
    pub place: Place,
    /// Its name.
    pub id: RuleId,
    /// What kind of evidence it gives.
    pub group: Group,
    /// The level it argues for.
    pub level: Level,
    /// Its own clauses, and where each begins.
    pub clauses: Vec<Clause>,
    /// Where each clause begins.
    pub clause_places: Vec<Place>,
    /// How they make it, if that is written.
    pub when: Option<Term>,
    /// When it counts.
    pub valid: Option<Validity>,
    dwell: Option<Duration>,
    provenance: Provenance,
}

/// Reads every `[[rule]]` of a site; each comes with the place of its id.
pub fn read(tables: Vec<Table>, scope: &Scope<'_>, problems: &mut Problems) -> Vec<At<Rule>> {
    let (mut drafts, mut ids): (Vec<Draft>, _) = (Vec::new(), BTreeSet::new());
    for mut table in tables {
        table.need(
            "id",
            "explanations name the rule by it, say id = \"tilt-rate-caution\"",
            problems,
        );
        let id = table.id::<RuleId>("id", problems);
        drafts.extend(read_rule(table, id, scope, problems));
    }
    for draft in &drafts {
        if !ids.insert(draft.id.clone()) {
            let what = format!("a second rule is called `{}`", draft.id);
            problems.add(&draft.place, what, "give it another id");
        }
    }
    when::check_groups(&drafts, problems);
    (0..drafts.len()).filter_map(|at| settled(at, &drafts, scope, problems)).collect()
}

fn settled(
    at: usize,
    drafts: &[Draft],
    scope: &Scope<'_>,
    problems: &mut Problems,
) -> Option<At<Rule>> {
    let (clauses, when) = when::settle(at, drafts, problems)?;
    let Draft { place, id, group, level, valid, dwell, provenance, .. } = &drafts[at];
    let rule = Rule {
        id: id.clone(),
        site: scope.site?.clone(),
        group: *group,
        level: *level,
        clauses,
        when,
        valid: valid.clone(),
        dwell: *dwell,
        provenance: provenance.clone(),
    };
    Some(At { value: rule, place: place.clone() })
}

/// The groups a rule may be of; what people saw comes from people.
fn groups() -> Vec<(&'static str, Group)> {
    let written = Group::ALL.into_iter().filter(|group| *group != Group::Report);
    written.map(|group| (group.name(), group)).collect()
}

fn read_rule(
    mut table: Table,
    id: Option<At<RuleId>>,
    scope: &Scope<'_>,
    problems: &mut Problems,
) -> Vec<Draft> {
    table.need(
        "group",
        "write group = \"rain\", \"hydro\", \"deformation\", \"failure-time\", \"structure\", \"health\" or \"anomaly\"",
        problems,
    );
    let group = table.choice("group", &groups(), problems);
    let levels = read_levels(&mut table, problems);
    let written = match table.has("clause") {
        true => Written::Clauses(table.tables("clause", problems)),
        false => Written::Plain(Box::new(clauses::take(&mut table, problems))),
    };
    let when = table.value("when").and_then(|value| when::term(value, 0, problems));
    let valid = validity::read(&mut table, scope.zone, problems);
    let dwell = table.duration("dwell", MINUTE..=30 * DAY, problems).map(|at| at.value);
    table.need("provenance", PROVENANCE, problems);
    let provenance = provenance(&mut table, "provenance", problems);
    table.finish("a [[rule]]", problems);
    let mut drafts = Vec::new();
    for level in levels {
        check_level(group.as_ref(), &level.level, problems);
        let read = |problems: &mut Problems| -> Option<Draft> {
            let owner = Owner { id: id.as_ref(), group: group.as_ref() };
            let (clauses, clause_places) =
                clauses::read(&written, &owner, level.limits.clone(), scope, problems)?;
            let (id, group) = (id.as_ref()?, group.as_ref()?);
            let name = match level.limits {
                None => id.value.clone(),
                Some(_) => {
                    RuleId::new(&format!("{}-{}", id.value, level.level.value.name())).ok()?
                }
            };
            Some(Draft {
                place: id.place.clone(),
                id: name,
                group: group.value,
                level: level.level.value,
                clauses,
                clause_places,
                when: when.clone(),
                valid: valid.clone(),
                dwell: level.dwell.or(dwell),
                provenance: provenance.clone()?,
            })
        };
        drafts.extend(read(problems));
    }
    drafts
}

/// A level a rule argues for, and what is different about it where several share one `[[rule]]`.
struct LevelEntry {
    level: At<Level>,
    limits: Option<Table>,
    dwell: Option<Duration>,
}

/// `level = "caution"`, or `levels = { caution = { raise-at = … }, severe = { … } }`.
fn read_levels(table: &mut Table, problems: &mut Problems) -> Vec<LevelEntry> {
    let one = Level::ALL.map(|level| (level.name(), level));
    if !table.has("levels") {
        table.need("level", "say which level it argues for, say level = \"caution\"", problems);
        let level = table.choice("level", &one[1..], problems);
        return level
            .map(|level| LevelEntry { level, limits: None, dwell: None })
            .into_iter()
            .collect();
    }
    if let Some(place) = table.place_of("level") {
        problems.add(&place, "there are `levels` beside `level`", "keep one of them");
        table.value("level");
    }
    let Some(mut levels) = table.table("levels", problems) else { return Vec::new() };
    let mut entries = Vec::new();
    for (name, level) in &one[1..] {
        let place = levels.place_of(name);
        if let Some((mut limits, place)) = levels.table(name, problems).zip(place) {
            let dwell = limits.duration("dwell", MINUTE..=30 * DAY, problems).map(|at| at.value);
            entries.push(LevelEntry {
                level: At { value: *level, place },
                limits: Some(limits),
                dwell,
            });
        }
    }
    if entries.is_empty() {
        problems.add(
            &levels.place,
            "it names no level",
            "write levels = { caution = { raise-at = \"…\" } }",
        );
    }
    levels.finish("levels", problems);
    entries
}

/// Whose clauses are read.
pub struct Owner<'a> {
    /// The rule's id.
    pub id: Option<&'a At<RuleId>>,
    /// The rule's group, which is that of its clauses unless they say otherwise.
    pub group: Option<&'a At<Group>>,
}

/// Whether we can see is no reason to warn anybody below.
fn check_level(group: Option<&At<Group>>, level: &At<Level>, problems: &mut Problems) {
    let who = match group.map(|group| group.value) {
        Some(Group::Health) => "whether we can see",
        Some(Group::Anomaly) => "something unusual alone",
        _ => return,
    };
    if level.value > Level::Attention {
        let what = format!("{who} never argues for {}", level.value);
        problems.add(&level.place, what, "write level = \"attention\"");
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
