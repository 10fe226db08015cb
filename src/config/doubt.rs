//! The rules that are always there: what an instrument says that nobody confirmed, and an instrument that is not all
//! right.

use std::collections::BTreeMap;

use alerting::Level;
use alerting::condition::{ConditionSettings, doubt};
use alerting::rule::{Group, Provenance, Rule};
use reading::id::{RuleId, SeriesName};
use reading::registry::SiteKind;
use reading::{Quality, Quantity};

use super::clauses::groups_of;
use super::stations::Watched;

/// An instrument is all right again after so many clean readings (docs/formulas.md 6.7).
const CLEAN: u16 = 12;

/// `unconfirmed-deformation` and the like for what may be danger, `instrument` for what is wrong with an instrument.
pub fn defaults(watched: &[Watched], kind: Option<SiteKind>) -> Vec<Rule> {
    let mut groups: BTreeMap<Group, Vec<SeriesName>> = BTreeMap::new();
    let mut judged = Vec::new();
    for one in watched {
        if one.noise.is_some() || one.name.quantity == Quantity::Rain {
            judged.push(one.name.clone());
        }
        if let Some(group) = group(one.name.quantity, kind).filter(|_| one.noise.is_some()) {
            groups.entry(group).or_default().push(one.name.clone());
        }
    }
    let unconfirmed = groups.into_iter().filter_map(|(group, series)| {
        let id = format!("unconfirmed-{}", group.name());
        let reason =
            "a value far from the others that nothing confirms or refutes is evidence for 주의";
        rule(&id, group, Level::Caution, series, Quality::ALARMING, reason)
    });
    let reason = "a stuck instrument, or one its neighbours contradict";
    let instrument =
        rule("instrument", Group::Health, Level::Attention, judged, Quality::FAULTY, reason);
    unconfirmed.chain(instrument).collect()
}

/// What kind of evidence a quantity gives at a site, if it can mean danger.
fn group(quantity: Quantity, kind: Option<SiteKind>) -> Option<Group> {
    let groups = groups_of(quantity);
    let slope = matches!(kind, Some(SiteKind::Slope) | None);
    let wanted = if slope { Group::Deformation } else { Group::Structure };
    let group = if groups.contains(&wanted) { Some(wanted) } else { groups.first().copied() };
    group.filter(|group| *group != Group::Health)
}

fn rule(
    id: &str,
    group: Group,
    level: Level,
    series: Vec<SeriesName>,
    flags: Quality,
    reason: &str,
) -> Option<Rule> {
    let provenance =
        Provenance { author: "bongsu".into(), date: "2026-07-01".into(), reason: reason.into() };
    Some(Rule::plain(
        RuleId::new(id).ok()?,
        series.first()?.site.clone(),
        group,
        level,
        series,
        Vec::new(),
        ConditionSettings::Doubt(doubt::Settings { flags, clean: CLEAN }),
        provenance,
    ))
}
