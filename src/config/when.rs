//! How clauses make a rule: the tree that is written, and the checks it has to pass.
//!
//! ```toml
//! when = { all = ["tilt", { any = ["rain", { rule = "soaked" }] }, { not = "frozen" }] }
//! when = { at-least = 2, of = ["tilt", "crack", "strain"] }
//! ```
//! A rule named in it takes part with its clauses, as they stand there.

use alerting::rule::{Clause, Group, When};
use reading::id::RuleId;

use super::problem::{Place, Problems};
use super::rules::Draft;
use super::table::Table;
use super::tree::{At, Value};
use super::value::{nearest, shortened};

/// The deepest nesting.
const DEPTH_MAX: usize = 8;

/// The most clauses of a rule, those of rules it names included.
const CLAUSES_MAX: usize = 64;

const REMEDY: &str = "write a clause's name, or { all = […] }, { any = […] }, { not = … }, { at-least = 2, of = […] } or { rule = \"…\" }";

/// What is written, before names are looked up.
#[derive(Clone, Debug)]
pub enum Term {
    /// A clause of the rule.
    Clause(At<String>),
    /// Another rule of the site.
    Rule(At<String>),
    /// Every one.
    All(Vec<Term>),
    /// One at least.
    Any(Vec<Term>),
    /// So many at least.
    AtLeast(u8, Vec<Term>),
    /// Not this.
    Not(Box<Term>),
}

/// Reads what stands behind `when`.
pub fn term(value: At<Value>, depth: usize, problems: &mut Problems) -> Option<Term> {
    let At { value, place } = value;
    match value {
        _ if depth > DEPTH_MAX => {
            problems.add(
                &place,
                "it is nested too deep",
                "make it a rule of its own and name that",
            );
            None
        }
        Value::Text(name) => Some(Term::Clause(At { value: name, place })),
        Value::Table(table) => branch(table, depth, problems),
        other => {
            problems.add(&place, format!("this is {}, no clause", other.name()), REMEDY);
            None
        }
    }
}

fn branch(mut table: Table, depth: usize, problems: &mut Problems) -> Option<Term> {
    let place = table.place.clone();
    let keys = ["all", "any", "not", "at-least", "rule"];
    if keys.iter().filter(|key| table.has(key)).count() != 1 {
        problems.add(&place, "it is not one of all, any, not, at-least, rule", REMEDY);
        return None;
    }
    let term = if table.has("all") {
        Term::All(parts(&mut table, "all", depth, problems)?)
    } else if table.has("any") {
        Term::Any(parts(&mut table, "any", depth, problems)?)
    } else if table.has("not") {
        Term::Not(Box::new(term(table.value("not")?, depth + 1, problems)?))
    } else if table.has("rule") {
        Term::Rule(table.text("rule", problems)?)
    } else {
        let least = table.integer("at-least", 1..=CLAUSES_MAX as i64, problems)?;
        table.need("of", "say of what: { at-least = 2, of = [\"a\", \"b\", \"c\"] }", problems);
        let of = parts(&mut table, "of", depth, problems)?;
        if least.value > of.len() as i64 {
            let what = format!("{} of {} can never be", least.value, of.len());
            problems.add(&least.place, what, "write a smaller number, or more clauses");
        }
        Term::AtLeast(least.value as u8, of)
    };
    table.finish("when", problems);
    Some(term)
}

fn parts(
    table: &mut Table,
    key: &'static str,
    depth: usize,
    problems: &mut Problems,
) -> Option<Vec<Term>> {
    let At { value: items, place } = table.list(key, problems)?;
    if items.is_empty() {
        problems.add(&place, format!("`{key}` names nothing"), REMEDY);
        return None;
    }
    let read: Vec<_> = items.into_iter().map(|item| term(item, depth + 1, problems)).collect();
    read.into_iter().collect()
}

/// The clauses of a rule and how they make it, with those of the rules it names.
pub fn settle(at: usize, drafts: &[Draft], problems: &mut Problems) -> Option<(Vec<Clause>, When)> {
    let mut builder = Builder { drafts, clauses: Vec::new(), problems };
    let when = builder.rule(at, "", &mut vec![at])?;
    let clauses = builder.clauses;
    let draft = &drafts[at];
    if clauses.len() > CLAUSES_MAX {
        let what = format!("the rule has {} clauses", clauses.len());
        problems.add(
            &draft.place,
            what,
            format!("a rule has at most {CLAUSES_MAX}; make it several"),
        );
        return None;
    }
    if clauses.len() > 1 || draft.when.is_some() {
        check_evidence(draft, &clauses, &when, problems);
    }
    Some((clauses, when))
}

struct Builder<'a> {
    drafts: &'a [Draft],
    clauses: Vec<Clause>,
    problems: &'a mut Problems,
}

impl Builder<'_> {
    /// Takes over the clauses of a rule, named after `prefix`, and gives its tree. `path` leads to it.
    fn rule(&mut self, at: usize, prefix: &str, path: &mut Vec<usize>) -> Option<When> {
        let draft = &self.drafts[at];
        let first = self.clauses.len();
        for clause in &draft.clauses {
            let name = match (prefix, draft.clauses.len()) {
                ("", _) => clause.id.as_str().to_string(),
                (prefix, 1) => prefix.to_string(),
                (prefix, _) => format!("{prefix}-{}", clause.id),
            };
            let id = RuleId::new(&name).ok().unwrap_or_else(|| clause.id.clone());
            if self.clauses.iter().any(|other| other.id == id) {
                let what = format!("two clauses would be called `{id}`");
                self.problems.add(&draft.place, what, "rename one of them");
                return None;
            }
            self.clauses.push(Clause { id, ..clause.clone() });
        }
        match &draft.when {
            Some(term) => self.tree(term, at, first, path),
            None if draft.clauses.len() == 1 => Some(When::Clause(first as u8)),
            None => Some(When::All(
                (first..self.clauses.len()).map(|at| When::Clause(at as u8)).collect(),
            )),
        }
    }

    fn tree(
        &mut self,
        term: &Term,
        at: usize,
        first: usize,
        path: &mut Vec<usize>,
    ) -> Option<When> {
        let mut all = |builder: &mut Self, terms: &[Term]| -> Option<Vec<When>> {
            terms.iter().map(|term| builder.tree(term, at, first, path)).collect()
        };
        Some(match term {
            Term::Clause(name) => When::Clause((first + self.own(name, at)?) as u8),
            Term::Rule(name) => self.named(name, path)?,
            Term::All(terms) => When::All(all(self, terms)?),
            Term::Any(terms) => When::Any(all(self, terms)?),
            Term::AtLeast(least, terms) => When::AtLeast(*least, all(self, terms)?),
            Term::Not(inner) => When::Not(Box::new(self.tree(inner, at, first, path)?)),
        })
    }

    fn own(&mut self, name: &At<String>, at: usize) -> Option<usize> {
        let clauses = &self.drafts[at].clauses;
        let found = clauses.iter().position(|clause| clause.id.as_str() == name.value);
        if found.is_none() {
            let names = clauses.iter().map(|clause| clause.id.as_str());
            let remedy = match nearest(&name.value, names.clone()) {
                Some(word) => format!("did you mean \"{word}\"?"),
                None => format!("the rule has {}", names.collect::<Vec<_>>().join(", ")),
            };
            let what = format!("the rule has no clause `{}`", shortened(&name.value));
            self.problems.add(&name.place, what, remedy);
        }
        found
    }

    fn named(&mut self, name: &At<String>, path: &mut Vec<usize>) -> Option<When> {
        let found = self.drafts.iter().position(|draft| draft.id.as_str() == name.value);
        let Some(at) = found else {
            let names = self.drafts.iter().map(|draft| draft.id.as_str());
            let remedy = match nearest(&name.value, names) {
                Some(word) => format!("did you mean \"{word}\"?"),
                None => "name a rule of this site".into(),
            };
            let what = format!("the site has no rule `{}`", shortened(&name.value));
            self.problems.add(&name.place, what, remedy);
            return None;
        };
        if path.contains(&at) {
            let way: Vec<&str> =
                path.iter().chain([&at]).map(|at| self.drafts[*at].id.as_str()).collect();
            let what = format!("the rule leads back to itself: {}", way.join(" → "));
            self.problems.add(&name.place, what, "name clauses instead, or break the circle");
            return None;
        }
        if self.drafts[at].valid.is_some() {
            let what = format!("`{}` does not always count", name.value);
            self.problems.add(&name.place, what, "name a rule without `valid`");
        }
        path.push(at);
        let when = self.rule(at, name.value.as_str(), path);
        path.pop();
        when
    }
}

/// A rule has to stand on evidence of its own group, and every clause has to bear on it.
fn check_evidence(draft: &Draft, clauses: &[Clause], when: &When, problems: &mut Problems) {
    let own = |at: u8| clauses.get(usize::from(at)).is_some_and(|c| c.group == draft.group);
    if possible(when, &own) != Some(false) {
        let what =
            format!("it could hold without any evidence of its group {}", draft.group.name());
        let remedy = "make a clause of that group a must: { all = [\"…\", …] }";
        problems.add(&draft.place, what, remedy);
    }
    let named = |at: u8| when.names(at, false) || when.names(at, true);
    for (at, clause) in clauses.iter().enumerate().filter(|(at, _)| !named(*at as u8)) {
        let place = draft.clause_places.get(at).unwrap_or(&draft.place);
        let what = format!("`when` does not name the clause `{}`", clause.id);
        problems.add(place, what, "name it there, or remove it");
    }
}

/// What the tree says if no clause of the own group holds and nothing is known of the others.
fn possible(when: &When, own: &impl Fn(u8) -> bool) -> Option<bool> {
    let count = |of: &[When]| {
        let said: Vec<_> = of.iter().map(|when| possible(when, own)).collect();
        let sure = said.iter().filter(|one| **one == Some(true)).count();
        (sure, sure + said.iter().filter(|one| one.is_none()).count())
    };
    let least = |wanted: usize, of: &[When]| match count(of) {
        (sure, _) if sure >= wanted => Some(true),
        (_, most) if most < wanted => Some(false),
        _ => None,
    };
    match when {
        When::Clause(at) if own(*at) => Some(false),
        When::Clause(_) => None,
        When::All(of) => least(of.len(), of),
        When::Any(of) => least(1, of),
        When::AtLeast(wanted, of) => least(usize::from(*wanted), of),
        When::Not(inner) => possible(inner, own).map(|held| !held),
    }
}

/// No series may be evidence of two groups at a site: what moves would count twice. A failure time is drawn from the
/// same movement and counts beside it by design.
pub fn check_groups(drafts: &[Draft], problems: &mut Problems) {
    let mut seen: std::collections::BTreeMap<_, (Group, &Draft)> =
        std::collections::BTreeMap::new();
    let kin = |group: Group| match group {
        Group::FailureTime => Group::Deformation,
        other => other,
    };
    for draft in drafts {
        let clauses = draft
            .clauses
            .iter()
            .enumerate()
            .filter(|(_, c)| !matches!(c.group, Group::Health | Group::Anomaly));
        for (at, clause) in clauses {
            for series in clause.series.iter() {
                let (group, first) = *seen.entry(series).or_insert((kin(clause.group), draft));
                if group != kin(clause.group) {
                    let place: &Place = draft.clause_places.get(at).unwrap_or(&draft.place);
                    let what = format!(
                        "{series} is evidence of {} here and of {} in `{}`: it would count twice",
                        clause.group.name(),
                        group.name(),
                        first.id
                    );
                    problems.add(place, what, "give it one group at the site");
                    return;
                }
            }
        }
    }
}
