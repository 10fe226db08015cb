//! What one record came to, as lines for the archive.

use alerting::condition::{ConditionSettings, Side};
use alerting::engine::SiteView;
use alerting::rule::Rule;
use alerting::{Action, Decision};
use ingest::archive::{self, Batch, Place};
use reading::registry::Site;
use reading::{SeriesName, Timestamp};

use crate::desk::{Carried, Desk};

/// Adds what one record came to.
pub fn write(desk: &Desk, carried: &Carried, batch: &mut Batch) {
    let registry = &desk.setup().registry;
    for one in &carried.readings {
        let line = archive::reading(&registry.series()[one.series.index()].name, one);
        add(batch, line);
    }
    for facts in &carried.statuses {
        let place = (facts.site.as_str(), facts.station.as_str());
        let told = (facts.battery_v, facts.rssi_dbm);
        add(batch, archive::station(place, facts.online, told, facts.at));
    }
    let mut moved = Vec::new();
    for (_, action) in &carried.batch.actions {
        let Action::Decide(decision) = action else { continue };
        add(batch, line_of(decision));
        if let Decision::Level { site, .. } = decision {
            moved.push(site);
        }
    }
    let is_configured = !carried.batch.configured.is_empty();
    if is_configured {
        limits(&desk.setup().rules, desk.at(), batch);
    }
    if is_configured || !moved.is_empty() {
        for (site, view) in registry.sites().iter().zip(desk.views()) {
            if is_configured || moved.contains(&&site.id) {
                add(batch, place(site, &view, desk.at()));
            }
        }
    }
}

fn add(batch: &mut Batch, line: Option<String>) {
    if let Some(line) = line {
        batch.push(&line);
    }
}

fn line_of(decision: &Decision) -> Option<String> {
    match decision {
        Decision::Level { at, site, hazard, to, .. } => {
            archive::level(site.as_str(), hazard.name(), *to as u8, *at)
        }
        Decision::Incident(record) => {
            let place = (record.site.as_str(), record.hazard.name(), record.state.name());
            let (level, revision) = (record.level as u8, record.revision);
            archive::incident(record.id.as_str(), place, (level, revision), record.at)
        }
        _ => None,
    }
}

fn place(site: &Site, view: &SiteView, at: Timestamp) -> Option<String> {
    let place = Place {
        site: site.id.as_str(),
        kind: site.kind.name(),
        location: site.location,
        name: (&site.name.ko, &site.name.en),
        level: view.level as u8,
    };
    archive::site(&place, at)
}

/// Limits that a chart of the series can draw: those of values, not of rates or sums.
fn limits(rules: &[Rule], at: Timestamp, batch: &mut Batch) {
    for rule in rules {
        let [clause] = rule.clauses.as_slice() else { continue };
        let ConditionSettings::Threshold(limit) = &clause.condition else { continue };
        let said = (rule.id.as_str(), rule.level.name());
        let drawn = |series: &SeriesName| {
            archive::limit(series, said, (limit.raise_at, limit.side == Side::Below), at)
        };
        clause.series.iter().for_each(|series| add(batch, drawn(series)));
    }
}
