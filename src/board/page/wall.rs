//! `/wall`: what hangs on the wall of a situation room. The map, who is in danger, what goes on, whether the ways out
//! work and how much is seen; in letters that are read from four metres.

use std::collections::BTreeMap;

use alerting::catalogue::Language;
use axum::extract::State;
use axum::response::Html;
use minijinja::context;
use minijinja::value::{Serde, Value, merge_maps};
use serde::Serialize;

use super::rows::{self, CheckRow, Count};
use super::sorted::rank;
use super::{head, words};
use crate::board::access::Asking;
use crate::board::facts::{Facts, Returns};
use crate::board::labels::{self, Label, Named};
use crate::board::language::Reads;
use crate::board::map::{self, View};
use crate::board::problem::Problem;
use crate::board::{Shared, Vital};
use crate::moment::{HOME_ZONE, Shown};

/// How many sites the map marks; the mildest are left out beyond, and that is said.
const MARKS_MAX: usize = 1_500;

/// How many sites are listed: more do not fit on a wall.
const LISTED_MAX: usize = 40;

/// A site on the map.
#[derive(Serialize)]
struct Mark {
    id: String,
    name: String,
    look: &'static str,
    word: &'static str,
    x: f64,
    y: f64,
    /// Its name beside it, where that is to be read.
    label: Option<Label>,
}

/// How large what is normal is drawn, of the size of a mark; the style sheet says the same.
const CALM: f64 = 0.62;

/// The page.
pub(in crate::board) async fn wall(
    State(app): State<Shared>,
    asking: Asking,
    Reads(language): Reads,
) -> Result<Html<String>, Problem> {
    let facts = app.live.facts();
    let context = context! {
        layers => Value::from(Serde(&app.map)),
        here => "wall",
        ..merge_maps([head(&app, &facts, &asking, language), drawn(&facts, &asking, language)])
    };
    app.templates.page("wall.html", language, context)
}

/// `/wall/now`: the part of it that changes.
pub(in crate::board) async fn wall_now(
    State(app): State<Shared>,
    asking: Asking,
    Reads(language): Reads,
) -> Result<Html<String>, Problem> {
    let facts = app.live.facts();
    app.templates.page("wall-now.html", language, drawn(&facts, &asking, language))
}

fn drawn(facts: &Facts, asking: &Asking, language: Language) -> Value {
    let (sites, _) = rows::sites(facts, language);
    let listed: Vec<_> = sites.into_iter().filter(|site| !site.is_calm()).collect();
    let unlisted = rows::watched(&facts.overview).saturating_sub(listed.len().min(LISTED_MAX));
    let (mut marks, unmarked) = marks(facts, language);
    let view = View::around(marks.iter().map(|mark| (mark.x, mark.y)));
    name(&mut marks, &view);
    let numbers: BTreeMap<String, usize> = marks
        .iter()
        .filter_map(|mark| Some((mark.id.clone(), mark.label.as_ref()?.number?)))
        .collect();
    marks.reverse(); // the worst is drawn over the others
    let Returns { heard, series, percent, newest } = facts.returns();
    let troubled = facts.checks.iter().filter(|check| check.vital != Vital::Ok);
    let troubled: Vec<_> = troubled.map(|check| CheckRow::new(check, language)).collect();
    let counts: Vec<Count> = rows::counts(&facts.overview, language);
    context! {
        mark => &facts.mark,
        last_decision => facts.last_decision.unwrap_or(0),
        counts => Value::from(Serde(counts)),
        listed => Value::from(Serde(&listed[..listed.len().min(LISTED_MAX)])),
        unlisted,
        silences => rows::silences(&facts.overview),
        incidents => Value::from(Serde(rows::incidents(facts, asking, language))),
        channels => Value::from(Serde(rows::channels(facts))),
        marks => Value::from(Serde(marks)),
        numbers => Value::from(Serde(numbers)),
        unmarked,
        view => Value::from(Serde(view)),
        size => view.mark(),
        letter => view.mark() * labels::LETTER,
        heard,
        series,
        percent,
        newest => Value::from(Serde(newest.map(|at| Shown::new(at, HOME_ZONE)))),
        troubled => Value::from(Serde(troubled)),
        ledger_readable => facts.ledger_readable,
    }
}

/// Gives names to those that are listed beside the map, the worst first.
fn name(marks: &mut [Mark], view: &View) {
    let named: Vec<Named<'_>> = marks
        .iter()
        .enumerate()
        .map(|(at, mark)| {
            let calm = mark.look == "normal";
            let name = (!calm && at < LISTED_MAX).then_some(mark.name.as_str());
            Named { x: mark.x, y: mark.y, scale: if calm { CALM } else { 1.0 }, name }
        })
        .collect();
    let labels = labels::placed(&named, view.mark(), view.bounds());
    for (mark, label) in marks.iter_mut().zip(labels) {
        mark.label = label;
    }
}

/// Every site as a mark, the worst first.
fn marks(facts: &Facts, language: Language) -> (Vec<Mark>, usize) {
    let overview = &facts.overview;
    let registry = &overview.setup.registry;
    let mut views: Vec<_> = overview.sites.iter().collect();
    let fails_at = |site: usize| Some(facts.leads.get(&site)?.at);
    views.sort_by_key(|view| rank(view, fails_at(view.site.index())));
    let unmarked = views.len().saturating_sub(MARKS_MAX);
    views.truncate(MARKS_MAX);
    let mark = |view: &&alerting::engine::SiteView| {
        let site = registry.sites().get(view.site.index())?;
        let (x, y) = map::place(site.location);
        Some(Mark {
            id: site.id.to_string(),
            name: words::say(&site.name, language).into(),
            look: words::look(view),
            word: words::look_word(view, language),
            x,
            y,
            label: None,
        })
    };
    (views.iter().filter_map(mark).collect(), unmarked)
}
