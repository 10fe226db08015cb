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
use crate::catalogue::{self, Language};
use crate::condition::Transition;
use crate::condition::explain::Measure;
use crate::decision::IncidentRecord;
use crate::level::Level;
use crate::route::Audience;
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
        let fill = |language, quantity: &str| {
            let amount = |value| amount(value, &unit, language);
            let window = said.window.map(|window| catalogue::lapse(window, language));
            let (value, limit, window) =
                (amount(turn.value), amount(said.limit), window.unwrap_or_default());
            catalogue::fill(said.key, language, &[&place, quantity, &value, &limit, &window])
        };
        let text =
            Text { ko: fill(Language::Ko, &quantity.ko), en: fill(Language::En, &quantity.en) };
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
            instruction: self.instruction(
                facts,
                Audience::Officers,
                record.hazard,
                record.level,
                over,
            ),
            evidence: record.evidence.clone(),
            decided_at: record.at,
            measured_at,
            expires_at: record.at.plus(validity(level)),
            unrecorded: self.is_faulty(super::UNRECORDED),
            released: Released::Officers,
        }
    }

    pub(super) fn instruction(
        &self,
        facts: &SiteFacts,
        audience: Audience,
        hazard: Hazard,
        level: Level,
        over: bool,
    ) -> Text {
        let site = self.setup.registry.site(facts.id.as_str());
        let own = site.map(|site| &self.setup.registry.sites()[site.index()].instruction);
        instruction(own, audience, hazard, level, over)
    }
}

/// What people are to do: what the site's file says from 경계 up, and below that what those on duty do is not what
/// everybody else does.
pub fn instruction(
    own: Option<&Text>,
    audience: Audience,
    hazard: Hazard,
    level: Level,
    over: bool,
) -> Text {
    let key = match (over, level, own) {
        (true, _, _) => "instruction-over",
        (false, Level::Warning | Level::Severe, Some(own)) => return own.clone(),
        (false, _, _) if audience == Audience::Public => match hazard {
            Hazard::SlopeFailure => "public-keep-clear-slope",
            Hazard::StructuralDamage | Hazard::Monitoring => "public-keep-clear-structure",
        },
        (false, Level::Caution | Level::Warning | Level::Severe, _) => "instruction-inspect",
        (false, Level::Normal | Level::Attention, _) => "instruction-look",
    };
    catalogue::text(key, &[])
}

pub(super) fn headline(facts: &SiteFacts, hazard: Hazard, level: Level, over: bool) -> Text {
    let hazard = match hazard {
        Hazard::SlopeFailure => catalogue::text("headline-slope-failure", &[]),
        Hazard::StructuralDamage if level >= Level::Warning && !over => {
            catalogue::text("headline-structural-failure", &[])
        }
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
        ko: say(Language::Ko, &facts.name.ko, &hazard.ko),
        en: say(Language::En, &facts.name.en, &hazard.en),
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

/// A number with its unit as people say it: a length of time in words, a ratio bare.
fn amount(value: f64, unit: &str, language: Language) -> String {
    let seconds = match unit {
        "min" => value * 60.0,
        "h" => value * 3_600.0,
        "" | "1" => return number(value),
        _ => return [&*number(value), unit].join(" "),
    };
    let length = Duration::try_from_secs_f64(seconds);
    length.map_or_else(|_| number(value), |length| catalogue::lapse(length, language))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::{Limit, lint};

    #[test]
    fn everybody_is_told_what_to_do_and_nobody_what_others_do() {
        let own =
            Text { ko: "학교로 대피하십시오.".into(), en: "Go to the school.".into() };
        let on_duty = ["점검", "그래프", "이·통장", "Inspect", "chart", "patrol"];
        for hazard in [Hazard::SlopeFailure, Hazard::StructuralDamage] {
            for level in Level::ALL {
                for over in [false, true] {
                    let public = instruction(Some(&own), Audience::Public, hazard, level, over);
                    let duty = instruction(Some(&own), Audience::Officers, hazard, level, over);
                    for (language, said) in [(Language::Ko, &public.ko), (Language::En, &public.en)]
                    {
                        assert_eq!(lint(said, language, Limit::None, true), [], "{said}");
                        assert!(!on_duty.iter().any(|word| said.contains(word)), "{said}");
                    }
                    let of_site = !over && level >= Level::Warning;
                    assert_eq!(public == own, of_site, "{level:?}");
                    assert_eq!(public == duty, of_site || over, "{level:?}");
                }
            }
        }
    }

    #[test]
    fn numbers_are_said_as_people_say_them() {
        for (value, unit, ko, en) in [
            (30.0, "min", "30분", "30 min"),
            (90.0, "min", "1시간 30분", "1 h 30 min"),
            (0.5, "min", "30초", "30 s"),
            (5.25, "h", "5시간 15분", "5 h 15 min"),
            (23.999, "h", "24시간", "24 h"),
            (f64::INFINITY, "h", "–", "–"),
            (-1.0, "min", "-1.00", "-1.00"),
            (0.391, "1", "0.3910", "0.3910"),
            (4.02, "mm/h", "4.02 mm/h", "4.02 mm/h"),
            (2.5, "", "2.50", "2.50"),
        ] {
            assert_eq!(amount(value, unit, Language::Ko), ko);
            assert_eq!(amount(value, unit, Language::En), en);
        }
    }
}
