//! What channels would say, before anybody hears it: the text of each medium and language, how long it is, how long it
//! may be, and what is wrong with it.

use alerting::alert::Purpose;
use alerting::approval::{ApprovalView, PublicText, Released};
use alerting::catalogue::Language;
use alerting::decision::IncidentRecord;
use alerting::route::{Audience, Route};
use alerting::setup::Setup;
use alerting::text::{self, Limit};
use alerting::{Alert, Level, MessageType, SiteFacts};
use axum::Json;
use axum::extract::State;
use delivery::ledger::AlertQuery;
use delivery::text::{Case, Medium, Texts};
use reading::Timestamp;
use reading::id::{ChannelId, GroupId};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Shared;
use super::api::{Named, Sent};
use super::problem::{Kind, Problem};
use super::words::{say, site};
use crate::config::Config;

/// Every channel that says something in words, and the words.
pub struct Speakers {
    texts: Texts,
    speakers: Vec<Speaker>,
}

/// One channel, in one medium and language.
#[derive(Clone, Debug)]
pub struct Speaker {
    /// The channel.
    pub channel: ChannelId,
    /// What carries its words.
    pub medium: Medium,
    /// In which language.
    pub language: Language,
    /// How long a text of it may be.
    pub limit: Limit,
}

impl Speakers {
    /// Those of a configuration.
    pub fn of(config: &Config) -> Self {
        let of = |channel: &crate::config::Channel| {
            let (id, kind) = (channel.id.clone(), channel.kind.clone());
            let said = channel.kind.speaks().into_iter();
            said.map(move |(medium, language)| {
                let limit = kind.limit(medium);
                Speaker { channel: id.clone(), medium, language, limit }
            })
        };
        Self::new(config.texts(), config.channels.iter().flat_map(of).collect())
    }

    /// These, with these words.
    pub fn new(texts: Texts, speakers: Vec<Speaker>) -> Self {
        Self { texts, speakers }
    }

    /// What those would say who hear of this.
    pub(super) fn drafts(&self, alert: &Alert, setup: &Setup) -> Vec<Draft> {
        let hears = |speaker: &&Speaker| {
            let route = setup.route(&speaker.channel).map(|(_, route)| route);
            route
                .is_some_and(|route| route.covers(&alert.site.id) && alert.level >= route.min_level)
        };
        self.speakers.iter().filter(hears).map(|speaker| self.draft(speaker, alert)).collect()
    }

    fn draft(&self, speaker: &Speaker, alert: &Alert) -> Draft {
        let Speaker { channel, medium, language, limit } = speaker;
        let case = Case { medium: *medium, channel, language: *language, alert };
        let text = self.texts.say_anyway(&case);
        let faults = self.texts.faults(&case, *limit).unwrap_or_default();
        let name = Medium::WORDS.into_iter().find(|(_, one)| one == medium);
        Draft {
            channel: channel.to_string(),
            medium: name.map_or("", |(name, _)| name),
            language: language.code(),
            characters: text::length(&text),
            mixed_bytes: text::mixed_bytes(&text),
            sms_parts: text::sms_parts(&text).len(),
            most: most(*limit),
            fits: text::too_long(&text, *limit).is_empty(),
            faults: faults.iter().map(text::Fault::text).collect(),
            text,
        }
    }
}

/// How long it may be, in the unit that counts; empty for what may be as long as it likes.
fn most(limit: Limit) -> String {
    match limit {
        Limit::None => String::new(),
        Limit::CellBroadcast(characters) => format!("{characters} / {} B", 2 * characters),
        Limit::SmsParts(parts) => format!("{parts} SMS"),
        Limit::MixedBytes(bytes) => format!("{bytes} B"),
        Limit::Sign(sign) => format!("{}×{}×{}", sign.columns, sign.lines, sign.screens),
    }
}

/// One text.
#[derive(Debug, Serialize)]
pub(super) struct Draft {
    pub channel: String,
    medium: &'static str,
    language: &'static str,
    text: String,
    characters: usize,
    mixed_bytes: usize,
    sms_parts: usize,
    most: String,
    fits: bool,
    faults: Vec<reading::registry::Text>,
}

/// The message about an incident at a level in these words; `None` where it is about no site.
pub(super) fn alert_of(
    record: &IncidentRecord,
    setup: &Setup,
    level: Level,
    words: &PublicText,
    now: Timestamp,
) -> Option<Alert> {
    let PublicText { headline, description, instruction } = words.clone();
    let measured = record.evidence.iter().map(|one| one.measured_at).max();
    Some(Alert {
        incident: record.id.clone(),
        revision: record.revision,
        purpose: Purpose::Alert,
        message_type: MessageType::Update,
        status: setup.status,
        level,
        site: SiteFacts::from(site(setup, record.site.as_str())?),
        hazard: record.hazard,
        headline,
        description,
        instruction,
        evidence: record.evidence.clone(),
        decided_at: now,
        measured_at: measured.unwrap_or(record.at),
        expires_at: now,
        unrecorded: false,
        released: Released::default(),
    })
}

/// What channels could not say in an approver's words, though they can in those that are asked about: too long for
/// them, or with something wrong that was not there before. In words, empty if they fit everywhere.
pub(super) async fn misfits(
    app: &Shared,
    incident: &str,
    group: Option<&GroupId>,
    words: &PublicText,
    language: Language,
) -> Result<Vec<String>, Problem> {
    let id = alerting::IncidentId::from_text(incident);
    let group = group.cloned();
    let known = app
        .read(move |ledger| {
            let Some(found) = ledger.incident(&id)? else { return Ok(None) };
            let asked = words_of(&found.record, group.as_ref(), ledger)?;
            Ok(asked.map(|asked| (found.record, asked)))
        })
        .await?;
    let Some((record, (level, asked))) = known else { return Ok(Vec::new()) };
    let setup = &app.live.facts().overview.setup;
    let drafts = |words: &PublicText| {
        let alert = alert_of(&record, setup, level, words, app.now());
        alert.map(|alert| app.state.speakers.drafts(&alert, setup)).unwrap_or_default()
    };
    let is_public = |draft: &Draft| {
        let of = |route: &&Route| route.channel.as_str() == draft.channel;
        setup.routes.iter().find(of).is_some_and(|route| route.audience == Audience::Public)
    };
    let mut wrong = Vec::new();
    for (before, after) in drafts(&asked).into_iter().zip(drafts(words)) {
        if !is_public(&after) {
            continue; // people on duty hear what bongsu says, in its words
        }
        for fault in after.faults.iter().filter(|fault| !before.faults.contains(fault)) {
            let Draft { channel, medium, language: of, .. } = &after;
            wrong.push(format!("{channel}, {medium} ({of}): {}", say(fault, language)));
        }
    }
    Ok(wrong)
}

/// What is asked about, of one group or the first, or was told last: its level and words.
pub(super) fn words_of(
    record: &IncidentRecord,
    group: Option<&GroupId>,
    ledger: &delivery::Ledger,
) -> Result<Option<(Level, PublicText)>, delivery::LedgerError> {
    let of_group = |view: &&ApprovalView| group.is_none_or(|group| *group == view.group);
    let asked = record.approvals.iter().filter(of_group).find_map(|view| {
        let text = view.text.clone()?;
        Some((view.bound.level, text))
    });
    if asked.is_some() {
        return Ok(asked);
    }
    let query = AlertQuery { incident: Some(record.id.clone()), ..AlertQuery::default() };
    let told = ledger.alerts(&query, 1)?.into_iter().next();
    Ok(told.map(|row| {
        let Alert { level, headline, description, instruction, .. } = row.alert;
        (level, PublicText { headline, description, instruction })
    }))
}

/// What somebody would like to say.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wished {
    #[serde(default)]
    level: Option<Level>,
    text: PublicText,
}

/// `POST /api/v1/incidents/{id}/drafts`: what channels would say in these words. Nothing is ordered by it.
pub(super) async fn drafts(
    State(app): State<Shared>,
    Named(id): Named,
    Sent(wished): Sent<Wished>,
) -> Result<Json<Value>, Problem> {
    let id = alerting::IncidentId::from_text(&id);
    let found = app.read(move |ledger| ledger.incident(&id)).await?.ok_or(Kind::NotFound)?;
    let setup = &app.live.facts().overview.setup;
    let (record, Wished { level, text }) = (found.record, wished);
    let level = level.unwrap_or(record.level);
    let complaints = text.complaints(level);
    let alert = alert_of(&record, setup, level, &text, app.now()).ok_or(Kind::NotFound)?;
    let items = app.state.speakers.drafts(&alert, setup);
    Ok(Json(json!({ "items": items, "next": null, "complaints": complaints })))
}
