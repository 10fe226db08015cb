//! Decisions as lines for people, in the site's zone.

use alerting::catalogue::{self, Language};
use alerting::setup::Setup;
use alerting::{Action, Decision, DeliveryState, Hazard};
use reading::registry::Text;
use reading::{SiteId, Timestamp};

use crate::moment::zoned;

/// Writes what happened, a line each.
pub struct Lines<'a> {
    /// Whose names and zones are used.
    pub setup: &'a Setup,
    /// In which language.
    pub language: Language,
}

impl Lines<'_> {
    /// The line of an action, if it is worth one.
    pub fn line(&self, action: &Action) -> Option<String> {
        match action {
            Action::Decide(decision) => self.decision(decision),
            Action::Owe(_) | Action::Tell(_) => None,
            Action::Change(change) => {
                if !change.state.is_final() || change.state == DeliveryState::Superseded {
                    return None;
                }
                let word = catalogue::delivery_state(change.state, self.language);
                Some(format!(
                    "{}  {word}  {}  {}",
                    self.time(change.at, None),
                    change.channel,
                    change.note
                ))
            }
        }
    }

    fn decision(&self, decision: &Decision) -> Option<String> {
        match decision {
            Decision::Level { at, site, hazard, from, to, reason, evidence, .. } => {
                let (from, to) =
                    (catalogue::level(*from, self.language), catalogue::level(*to, self.language));
                let why = evidence
                    .first()
                    .map(|e| format!(" — {}", self.pick(&e.text)))
                    .unwrap_or_default();
                let time = self.time(*at, Some(site));
                // that we see less moves nothing that was seen: a level of its own
                let hazard = if *hazard == Hazard::Monitoring {
                    format!("{}  ", catalogue::message("hazard-monitoring", self.language))
                } else {
                    String::new()
                };
                Some(format!("{time}  {site}  {hazard}{from} → {to}  {}{why}", self.pick(reason)))
            }
            Decision::Incident(record) if record.late_detected => Some(format!(
                "{}  {}  {}",
                self.time(record.at, Some(&record.site)),
                record.site,
                self.pick(&record.what)
            )),
            Decision::Command { at, command, by, accepted, reason, .. } => {
                let sign = if *accepted { "✓" } else { "✗" };
                Some(format!(
                    "{}  {sign} {command}  {by}  {}",
                    self.time(*at, None),
                    self.pick(reason)
                ))
            }
            Decision::Expired { at, site, what, .. } => {
                Some(format!("{}  {}", self.time(*at, site.as_ref()), self.pick(what)))
            }
            Decision::Reset { at, site, what } => {
                let parts = what.iter().take(5).map(|p| format!("{} ({})", p.rule, p.series));
                let parts = parts.collect::<Vec<_>>().join(", ");
                let count = what.len().to_string();
                let said = catalogue::fill("what-reset", self.language, &[&count, &parts]);
                Some(format!("{}  {site}  {said}", self.time(*at, Some(site))))
            }
            Decision::Approval { at, incident, group, bound, verdict, by } => {
                let key = ["board-approval-", verdict.name()].concat();
                let verdict = catalogue::lookup(&key, self.language).unwrap_or(verdict.name());
                let (level, who) = (catalogue::level(bound.level, self.language), by.join(", "));
                let values = [group.as_str(), level, verdict, &who];
                let said = catalogue::fill("board-approval", self.language, &values);
                let site = incident.as_str().split('_').nth(1).unwrap_or_default();
                Some(format!("{}  {site}  {said}", self.time(*at, None)))
            }
            Decision::Station { at, site, station, what, .. } => {
                let time = self.time(*at, Some(site));
                Some(format!("{time}  {site}/{station}  {}", self.pick(what)))
            }
            Decision::Incident(_) | Decision::Rule { .. } | Decision::Recorded { .. } => None,
        }
    }

    /// A moment in the zone of a site; of the first site where none is named.
    pub fn time(&self, at: Timestamp, site: Option<&SiteId>) -> String {
        let sites = self.setup.registry.sites();
        let site = site.and_then(|id| sites.iter().find(|site| site.id == *id)).or(sites.first());
        zoned(at, site.map_or("UTC", |site| site.zone.as_str()))
    }

    fn pick<'t>(&self, text: &'t Text) -> &'t str {
        match self.language {
            Language::Ko => &text.ko,
            Language::En => &text.en,
        }
    }
}
