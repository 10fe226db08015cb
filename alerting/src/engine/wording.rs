//! Wording: evidence and messages in numbers and words.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use reading::Timestamp;
use reading::registry::Text;

use super::arguing::View;
use super::standing::report_evidence;
use super::{Engine, Subject};
use crate::alert::{Alert, Evidence, Hazard, MessageType, Purpose, SiteFacts};
use crate::approval::Released;
use crate::catalogue;
use crate::condition::Transition;
use crate::condition::explain::Measure;
use crate::decision::IncidentRecord;
use crate::level::Level;
use crate::setup::Policy;

impl Engine {
    /// What a turn of a watch says, in numbers and words.
    pub(super) fn evidence(&self, at: usize, turn: &Transition) -> Evidence {
        let watch = &self.watches[at];
        let (rule, clause) = (watch.rule(&self.setup), watch.clause(&self.setup));
        let name = &self.setup.registry.series()[watch.series.index()].name;
        let base = name.quantity.base_unit().symbol();
        let place = format!("{}/{}", name.station, name.sensor);
        let said = clause.condition.said();
        let unit = match said.measure {
            Measure::Base => base.into(),
            Measure::BasePerHour => format!("{base}/h"),
            Measure::Own(unit) => unit.into(),
        };
        let quantity = catalogue::quantity(name.quantity);
        let (value, limit) = (number(turn.value), number(said.limit));
        let window = said.window.map(span).unwrap_or_default();
        let fill = |language, quantity: &str| {
            let parts = [&place, quantity, &value, &unit, &limit, &window];
            catalogue::fill(said.key, language, &parts)
        };
        let text = Text {
            ko: fill(catalogue::Language::Ko, &quantity.ko),
            en: fill(catalogue::Language::En, &quantity.en),
        };
        Evidence {
            rule: match rule.clauses.len() {
                0 | 1 => rule.id.as_str().into(),
                _ => format!("{}/{}", rule.id, clause.id),
            },
            series: format!("{name}"),
            level: rule.level,
            value: turn.value,
            unit,
            measured_at: turn.at,
            text,
        }
    }

    /// Everything that holds in a track, worst first.
    pub(super) fn evidence_of(&self, subject: Subject) -> Vec<Evidence> {
        let (site, monitoring) = match subject {
            Subject::Main(site) => (site, false),
            Subject::Monitoring(site) => (site, true),
            Subject::System => return self.fault_evidence(),
        };
        let held = self.arguing(site, monitoring, View::Told, self.now, None).into_iter();
        let mut evidence: Vec<Evidence> = held
            .map(|at| {
                let (value, measured_at) = self.watches[at].state.decided();
                self.evidence(at, &Transition { held: true, at: measured_at, value })
            })
            .collect();
        if !monitoring {
            evidence.extend(self.reports_at(site, self.now).map(report_evidence));
        }
        evidence.sort_by(|a, b| b.level.cmp(&a.level).then_with(|| a.series.cmp(&b.series)));
        evidence
    }

    pub(super) fn compose(
        &self,
        facts: &SiteFacts,
        record: &IncidentRecord,
        purpose: Purpose,
        message_type: MessageType,
        measured_at: Timestamp,
    ) -> Alert {
        let over = message_type == MessageType::Cancel;
        let level = if over { Level::Normal } else { record.level };
        Alert {
            incident: record.id.clone(),
            revision: record.revision,
            purpose,
            message_type,
            status: self.setup.status,
            level,
            site: facts.clone(),
            hazard: record.hazard,
            headline: headline(facts, record.hazard, record.level, over),
            description: description(record),
            instruction: self.instruction(facts, record.level, over),
            evidence: record.evidence.clone(),
            decided_at: record.at,
            measured_at,
            expires_at: record.at.plus(validity(level)),
            unrecorded: self.is_faulty(super::UNRECORDED),
            released: Released::Officers,
        }
    }

    pub(super) fn instruction(&self, facts: &SiteFacts, level: Level, over: bool) -> Text {
        let site = self.setup.registry.site(facts.id.as_str());
        match (over, level, site) {
            (true, _, _) => catalogue::text("instruction-over", &[]),
            (false, Level::Warning | Level::Severe, Some(site)) => {
                self.setup.registry.sites()[site.index()].instruction.clone()
            }
            (false, Level::Caution | Level::Warning | Level::Severe, _) => {
                catalogue::text("instruction-inspect", &[])
            }
            (false, Level::Normal | Level::Attention, _) => {
                catalogue::text("instruction-look", &[])
            }
        }
    }
}

pub(super) fn headline(facts: &SiteFacts, hazard: Hazard, level: Level, over: bool) -> Text {
    let hazard = match hazard {
        Hazard::SlopeFailure => catalogue::text("headline-slope-failure", &[]),
        Hazard::StructuralDamage => catalogue::text("headline-structural-damage", &[]),
        Hazard::Monitoring => catalogue::text("hazard-monitoring", &[]),
    };
    let say = |language, name: &str, hazard: &str| {
        let word = if over {
            catalogue::message("word-over", language)
        } else {
            catalogue::level(level, language)
        };
        catalogue::fill("headline", language, &[word, name, hazard])
    };
    Text {
        ko: say(catalogue::Language::Ko, &facts.name.ko, &hazard.ko),
        en: say(catalogue::Language::En, &facts.name.en, &hazard.en),
    }
}

fn description(record: &IncidentRecord) -> Text {
    let mut text = record.what.clone();
    for evidence in record.evidence.iter().take(5) {
        text.ko.push_str("\n- ");
        text.ko.push_str(&evidence.text.ko);
        text.en.push_str("\n- ");
        text.en.push_str(&evidence.text.en);
    }
    text
}

/// How long a message is to be believed (CAP 1.2 `expires`).
fn validity(level: Level) -> Duration {
    match level {
        Level::Severe => Duration::from_secs(2 * 3_600),
        Level::Warning => Duration::from_secs(6 * 3_600),
        Level::Caution | Level::Attention => Duration::from_secs(24 * 3_600),
        Level::Normal => Duration::from_secs(3_600),
    }
}

/// When those who were told are told again: before the message before runs out.
pub(super) fn remind_after(policy: &Policy, level: Level) -> Option<Duration> {
    match level {
        Level::Normal | Level::Attention => None,
        Level::Caution | Level::Warning => Some(validity(level) / 2),
        Level::Severe => Some(policy.remind_severe.min(validity(level) / 2)),
    }
}

/// A number as people read it: four significant decimals below one, fewer above.
fn number(value: f64) -> String {
    match value.abs() {
        none if !none.is_finite() => String::from("–"),
        large if large >= 100.0 => format!("{value:.1}"),
        middle if middle >= 1.0 => format!("{value:.2}"),
        _ => format!("{value:.4}"),
    }
}

fn span(window: Duration) -> String {
    let minutes = window.as_secs() / 60;
    if minutes.is_multiple_of(60) {
        format!("{} h", minutes / 60)
    } else {
        format!("{minutes} min")
    }
}
