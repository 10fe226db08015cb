//! What the engine decided, in a person's words.

use alerting::catalogue::{self, Language};
use alerting::engine::{SYSTEM_SITE, SiteView};
use alerting::setup::Setup;
use alerting::{Decision, Hazard, Level};
use reading::registry::{Site, SiteKind, Text};

use crate::moment::{HOME_ZONE, Shown};

/// A message with `{0}`, `{1}` … filled in. What is filled in is not looked at again.
pub(super) fn filled(message: &str, values: &[String]) -> String {
    let mut text = String::with_capacity(message.len() + 32);
    let mut rest = message;
    while let Some(start) = rest.find('{') {
        text.push_str(&rest[..start]);
        let place = rest[start + 1..]
            .split_once('}')
            .and_then(|(place, after)| Some((place.parse::<usize>().ok()?, after)));
        match place {
            Some((place, after)) => {
                text.push_str(values.get(place).map_or("", String::as_str));
                rest = after;
            }
            None => {
                text.push('{');
                rest = &rest[start + 1..];
            }
        }
    }
    text + rest
}

/// A text in one language, in the other if that one says nothing.
pub(super) fn say(text: &Text, language: Language) -> &str {
    let (first, second) = match language {
        Language::Ko => (&text.ko, &text.en),
        Language::En => (&text.en, &text.ko),
    };
    if first.is_empty() { second } else { first }
}

/// The site of that name, if it is one in the field.
pub(super) fn site<'a>(setup: &'a Setup, id: &str) -> Option<&'a Site> {
    setup.registry.site(id).map(|index| &setup.registry.sites()[index.index()])
}

/// What people call a site; its identifier once it is gone from the configuration.
pub(super) fn site_name(setup: &Setup, id: &str, language: Language) -> String {
    match site(setup, id) {
        Some(site) => say(&site.name, language).into(),
        None if id == SYSTEM_SITE => catalogue::message("board-system-site", language).into(),
        None => id.into(),
    }
}

/// In which zone times at a site are read.
pub(super) fn zone<'a>(setup: &'a Setup, id: Option<&str>) -> &'a str {
    id.and_then(|id| site(setup, id)).map_or(HOME_ZONE, |site| &site.zone)
}

/// At which site a decision was made; that of an order is in the name of its incident.
pub(super) fn place(decision: &Decision) -> Option<&str> {
    match decision.site() {
        Some(site) => Some(site.as_str()),
        None => decision.incident().and_then(|incident| site_of(incident.as_str())),
    }
}

/// The site in the name of an incident.
pub(super) fn site_of(incident: &str) -> Option<&str> {
    incident.split('_').nth(1)
}

/// How a site is drawn: by its level, but what cannot be seen is never drawn as normal.
pub(super) fn look(view: &SiteView) -> &'static str {
    if view.unknown && view.level == Level::Normal { "unknown" } else { view.level.name() }
}

/// The word for [`look`].
pub(super) fn look_word(view: &SiteView, language: Language) -> &'static str {
    match look(view) {
        "unknown" => catalogue::message("level-unknown", language),
        _ => catalogue::level(view.level, language),
    }
}

pub(super) fn hazard(hazard: Hazard, language: Language) -> &'static str {
    let key = match hazard {
        // beside the name of a slope, which is called one
        Hazard::SlopeFailure => "headline-slope-failure",
        Hazard::StructuralDamage => "hazard-structural-damage",
        Hazard::Monitoring => "hazard-monitoring",
    };
    catalogue::message(key, language)
}

pub(super) fn kind(kind: SiteKind, language: Language) -> &'static str {
    let key = match kind {
        SiteKind::Slope => "board-kind-slope",
        SiteKind::RetainingWall => "board-kind-retaining-wall",
        SiteKind::Bridge => "board-kind-bridge",
        SiteKind::Building => "board-kind-building",
        SiteKind::Facility => "board-kind-facility",
    };
    catalogue::message(key, language)
}

/// A decision in one sentence.
pub(super) fn sentence(decision: &Decision, setup: &Setup, language: Language) -> String {
    let level = |level| catalogue::level(level, language);
    match decision {
        Decision::Rule { held, evidence, .. } => {
            let key = if *held { "board-rule-held" } else { "board-rule-ceased" };
            catalogue::fill(key, language, &[&evidence.rule, say(&evidence.text, language)])
        }
        Decision::Level { from, to, reason, .. } => catalogue::fill(
            "what-moved",
            language,
            &[level(*from), level(*to), say(reason, language)],
        ),
        Decision::Recorded { from, to, measured_at, .. } => {
            let at = Shown::new(*measured_at, zone(setup, place(decision)));
            let at = format!("{} {} {}", at.date, at.time, at.zone);
            catalogue::fill("board-recorded", language, &[level(*from), level(*to), &at])
        }
        Decision::Reset { what, .. } => {
            let parts = what.iter().take(5).map(|part| format!("{} ({})", part.rule, part.series));
            let parts = parts.collect::<Vec<_>>().join(", ");
            catalogue::fill("what-reset", language, &[&what.len().to_string(), &parts])
        }
        Decision::Incident(record) => say(&record.what, language).into(),
        Decision::Command { command, by, accepted, reason, .. } => {
            let key = if *accepted { "board-command-taken" } else { "board-command-refused" };
            let verb = ["board-", command].concat();
            let verb = catalogue::lookup(&verb, language).unwrap_or(command);
            catalogue::fill(key, language, &[by, verb, say(reason, language)])
        }
        Decision::Station { station, what, .. } => {
            format!("{station}: {}", say(what, language))
        }
        Decision::Expired { what, .. } => say(what, language).into(),
        Decision::Approval { group, bound, verdict, by, .. } => {
            let key = ["board-approval-", verdict.name()].concat();
            let verdict = catalogue::lookup(&key, language).unwrap_or(verdict.name());
            let who = by.join(", ");
            let values = [group.as_str(), level(bound.level), verdict, &who];
            catalogue::fill("board-approval", language, &values)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_filled_in_is_not_looked_at_again() {
        let values = ["{1}".to_string(), "b".to_string()];
        assert_eq!(filled("{0}-{1}-{0}", &values), "{1}-b-{1}");
        assert_eq!(filled("a { b {x} {9} {", &values), "a { b {x}  {");
        assert_eq!(filled("", &values), "");
    }

    #[test]
    fn what_cannot_be_seen_is_never_normal() {
        let view = |level, unknown| SiteView {
            site: reading::registry::SiteIndex(0),
            level,
            unknown,
            assessed: level,
            silent: 0,
            series: 1,
            maintained: 0,
            silenced_until: None,
            incidents: vec![],
        };
        for (level, unknown, drawn) in [
            (Level::Normal, false, "normal"),
            (Level::Normal, true, "unknown"),
            (Level::Attention, true, "attention"),
            (Level::Severe, true, "severe"),
        ] {
            assert_eq!(look(&view(level, unknown)), drawn);
        }
    }
}
