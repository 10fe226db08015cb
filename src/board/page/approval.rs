//! `/incidents/{id}/approval`: what an approver sees on a phone. What would be heard, by whom; one tap opens the
//! answer, the second gives it. Works without scripts.

use std::hash::{DefaultHasher, Hash, Hasher};

use alerting::approval::{ApprovalState, ApprovalView, Bound, PublicText};
use alerting::catalogue::{self, Language};
use alerting::decision::IncidentRecord;
use alerting::engine::Verb;
use alerting::setup::Setup;
use alerting::{IncidentId, Level};
use axum::Form;
use axum::extract::State;
use axum::extract::rejection::FormRejection;
use axum::response::Html;
use minijinja::context;
use minijinja::value::{Serde, Value};
use reading::registry::Text;
use serde::{Deserialize, Serialize};

use super::incident::hearers_of_group;
use crate::board::Shared;
use crate::board::access::Asking;
use crate::board::api::{Said, give};
use crate::board::drafts::misfits;
use crate::board::language::Reads;
use crate::board::problem::{Kind, Problem};
use crate::board::words::{hazard, say, site_name, zone};
use crate::moment::Shown;
use crate::people::Role;

/// How much evidence stands above the answer, the weightiest first; the incident's page has all of it.
const EVIDENCE_MAX: usize = 5;

/// One group that is asked about.
#[derive(Serialize)]
pub(super) struct Question {
    group: String,
    state: &'static str,
    level: &'static str,
    word: &'static str,
    text_hash: String,
    text: Option<PublicText>,
    agreed: String,
    persons: u8,
    answers_at: Option<Shown>,
    note: String,
    /// Who would hear it.
    hearers: String,
    /// Names the answer, so that a second tap is the same one.
    key: String,
}

/// The page.
pub(in crate::board) async fn approval(
    State(app): State<Shared>,
    asking: Asking,
    reads: Reads,
    crate::board::api::Named(id): crate::board::api::Named,
) -> Result<Html<String>, Problem> {
    draw(&app, &asking, reads, &id, None).await
}

/// What the page's form says. Words that were left as they are say nothing new.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::board) struct Answer {
    verb: String,
    key: String,
    group: String,
    level: String,
    text_hash: String,
    #[serde(default)]
    reason: String,
    #[serde(default)]
    headline_ko: Option<String>,
    #[serde(default)]
    headline_en: Option<String>,
    #[serde(default)]
    description_ko: Option<String>,
    #[serde(default)]
    description_en: Option<String>,
    #[serde(default)]
    instruction_ko: Option<String>,
    #[serde(default)]
    instruction_en: Option<String>,
}

impl Answer {
    /// The words as sent, with the line ends of a form made ours; words that somebody emptied are words, too.
    fn text(&self) -> Option<PublicText> {
        let all = [&self.headline_ko, &self.headline_en, &self.description_ko];
        let more = [&self.description_en, &self.instruction_ko, &self.instruction_en];
        if all.into_iter().chain(more).all(Option::is_none) {
            return None;
        }
        let plain = |said: &Option<String>| {
            said.as_deref().unwrap_or_default().replace("\r\n", "\n").trim().to_owned()
        };
        let text = |ko, en| Text { ko: plain(ko), en: plain(en) };
        Some(PublicText {
            headline: text(&self.headline_ko, &self.headline_en),
            description: text(&self.description_ko, &self.description_en),
            instruction: text(&self.instruction_ko, &self.instruction_en),
        })
    }

    fn said(&self) -> Result<Said, Problem> {
        let bad = |what: &str| Problem::from(Kind::BadRequest).detail(what);
        let level = Level::parse(&self.level).ok_or_else(|| bad("`level` is no level"))?;
        let group = self.group.parse().map_err(|_| bad("`group` is no group"))?;
        let bound = Bound { level, hash: self.text_hash.clone() };
        let text = self.text().filter(|text| text.hash() != bound.hash);
        Ok(Said {
            reason: self.reason.clone(),
            group: Some(group),
            bound: Some(bound),
            text,
            settled: None,
        })
    }
}

/// Takes the form.
pub(in crate::board) async fn answer(
    State(app): State<Shared>,
    asking: Asking,
    reads: Reads,
    crate::board::api::Named(id): crate::board::api::Named,
    sent: Result<Form<Answer>, FormRejection>,
) -> Result<Html<String>, Problem> {
    let Form(answer) =
        sent.map_err(|error| Problem::from(Kind::BadRequest).detail(error.body_text()))?;
    let verb = match answer.verb.as_str() {
        "approve" => Verb::Approve,
        "reject" => Verb::Reject,
        _ => return Err(Problem::from(Kind::BadRequest).detail("`verb` is approve or reject")),
    };
    let mut said = answer.said()?;
    if verb == Verb::Reject {
        said.text = None;
    }
    let mut wrong = Vec::new();
    if verb.needs_reason() && said.reason.trim().is_empty() {
        wrong.push(catalogue::message("command-needs-reason", reads.0).to_owned());
    }
    if let Some(words) = &said.text {
        wrong.extend(misfits(&app, &id, said.group.as_ref(), words, reads.0).await?);
    }
    if !wrong.is_empty() {
        let outcome = context! { taken => false, said => wrong.join("; ") };
        return draw(&app, &asking, reads, &id, Some(outcome)).await;
    }
    // A second tap says the same and is the same order; words that were mended after a refusal are another.
    let mut content = DefaultHasher::new();
    (verb.name(), &said.reason, said.text.as_ref().map(PublicText::hash)).hash(&mut content);
    let key = format!("{}-{:016x}", answer.key, content.finish());
    let ordered = give(&app, &asking, verb, &id, key, said).await?;
    let Reads(language) = reads;
    let outcome = context! {
        taken => ordered.accepted,
        said => say(&ordered.reason, language),
        sequence => ordered.sequence,
    };
    draw(&app, &asking, reads, &id, Some(outcome)).await
}

async fn draw(
    app: &Shared,
    asking: &Asking,
    Reads(language): Reads,
    id: &str,
    outcome: Option<Value>,
) -> Result<Html<String>, Problem> {
    let id = IncidentId::from_text(id);
    let wanted = id.clone();
    let found = app.read(move |ledger| ledger.incident(&wanted)).await?.ok_or(Kind::NotFound)?;
    let record = found.record;
    let setup = &app.live.facts().overview.setup;
    let place = record.site.as_str();
    let questions = questions(&record, setup, zone(setup, Some(place)), language);
    let context = context! {
        id => record.id.as_str(),
        site => site_name(setup, place, language),
        hazard => hazard(record.hazard, language),
        look => record.level.name(),
        word => catalogue::level(record.level, language),
        what => say(&record.what, language),
        evidence => record.evidence.iter().take(EVIDENCE_MAX).map(|one| say(&one.text, language).to_owned()).collect::<Vec<_>>(),
        questions => Value::from(Serde(questions)),
        may_approve => asking.may(Role::Approver, setup, place),
        lacks_second => asking.person.role >= Role::Approver && asking.lacks_second_factor(),
        person => &*asking.person.name,
        outcome,
    };
    app.templates.page("approval.html", language, context)
}

/// Every group that was asked about.
pub(super) fn questions(
    record: &IncidentRecord,
    setup: &Setup,
    zone: &str,
    language: Language,
) -> Vec<Question> {
    record.approvals.iter().map(|view| question(view, record, setup, zone, language)).collect()
}

fn question(
    view: &ApprovalView,
    record: &IncidentRecord,
    setup: &Setup,
    zone: &str,
    language: Language,
) -> Question {
    let open = !record.state.is_over() || view.state == ApprovalState::Asked;
    let state = match view.state {
        ApprovalState::Asked => "asked",
        ApprovalState::Released => "released",
        ApprovalState::Rejected if open => "rejected",
        ApprovalState::Rejected => "past",
    };
    Question {
        group: view.group.to_string(),
        state,
        level: view.bound.level.name(),
        word: catalogue::level(view.bound.level, language),
        text_hash: view.bound.hash.clone(),
        text: view.text.clone(),
        agreed: view.agreed.join(", "),
        persons: view.persons,
        answers_at: view.answers_at.map(|at| Shown::new(at, zone)),
        note: view.note.clone(),
        hearers: hearers_of_group(record, setup, language, &view.group, view.bound.level),
        key: key_of(record, view, state),
    }
}

/// Names the answer to a question as it stands: the same whenever the page is drawn, so that it is drawn anew only when
/// there is something new, and another as soon as the question is.
fn key_of(record: &IncidentRecord, view: &ApprovalView, state: &str) -> String {
    let (id, revision, group) = (&record.id, record.revision, &view.group);
    let (hash, agreed) = (&view.bound.hash, view.agreed.len());
    format!("{id}-{revision}-{group}-{}-{hash}-{state}-{agreed}", view.bound.level.name())
}
