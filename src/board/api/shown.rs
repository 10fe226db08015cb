//! How the API shows what the engine and the ledger hold. Wire forms are made here by hand: what is stored may
//! change without a client noticing.

use alerting::approval::ApprovalView;
use alerting::catalogue::Language;
use alerting::decision::IncidentRecord;
use alerting::engine::SiteView;
use alerting::setup::Setup;
use alerting::{Decision, Evidence};
use delivery::ledger::{AlertRow, DecisionRow, DeliveryRow, LevelRow, QuarantineView};
use reading::Timestamp;
use reading::registry::{Make, Site, Text};
use serde_json::{Value, json};

use super::readings::expected;
use crate::board::words::{place, sentence, zone};
use crate::desk::waiting::{Heard, Stranger, StrangerName};
use crate::explained;
use crate::moment::{HOME_ZONE, rfc3339};
use crate::overview::Overview;
use crate::owed;

/// A decision, as in `/api/v1/events` and in timelines.
pub(in crate::board) fn decision(row: &DecisionRow, setup: &Setup) -> Value {
    let decision = &row.decision;
    let site = place(decision);
    let zone = zone(setup, site);
    json!({
        "id": row.id,
        "position": row.position,
        "kind": decision.kind(),
        "at": rfc3339(decision.at(), zone),
        "site": site,
        "incident": decision.incident().map(|id| id.as_str()),
        "text": {
            "ko": sentence(decision, setup, Language::Ko),
            "en": sentence(decision, setup, Language::En),
        },
        "detail": detail(decision, setup, zone),
    })
}

fn detail(decision: &Decision, setup: &Setup, zone: &str) -> Value {
    match decision {
        Decision::Rule { held, evidence: of, .. } => {
            json!({ "held": held, "evidence": evidence(of, zone) })
        }
        Decision::Level { hazard, from, to, measured_at, reason, evidence, why, .. } => json!({
            "hazard": hazard.name(),
            "from": from.name(),
            "to": to.name(),
            "measured_at": rfc3339(*measured_at, zone),
            "reason": text(reason),
            "evidence": all(evidence, zone),
            "why": why.iter().map(|one| explained::shown(one, &|at| rfc3339(at, zone))).collect::<Vec<_>>(),
        }),
        Decision::Reset { what, .. } => json!({ "what": what }),
        Decision::Recorded { hazard, from, to, measured_at, .. } => json!({
            "hazard": hazard.name(),
            "from": from.name(),
            "to": to.name(),
            "measured_at": rfc3339(*measured_at, zone),
        }),
        Decision::Incident(record) => incident(record, setup),
        Decision::Command { command, by, from, given, accepted, reason, .. } => json!({
            "command": command,
            "by": by,
            "from": from,
            "given": given,
            "accepted": accepted,
            "reason": text(reason),
        }),
        Decision::Station { station, event, order, what, .. } => json!({
            "station": station.as_str(),
            "event": event.name(),
            "order": order,
            "what": text(what),
        }),
        Decision::Expired { standing, .. } => json!({ "standing": standing }),
        Decision::Approval { group, bound, verdict, by, .. } => json!({
            "group": group.as_str(),
            "level": bound.level.name(),
            "text_hash": bound.hash,
            "verdict": verdict.name(),
            "by": by,
        }),
    }
}

/// An incident as it stands.
pub(super) fn incident(record: &IncidentRecord, setup: &Setup) -> Value {
    let zone = zone(setup, Some(record.site.as_str()));
    json!({
        "id": record.id.as_str(),
        "site": record.site.as_str(),
        "hazard": record.hazard.name(),
        "state": record.state.name(),
        "level": record.level.name(),
        "peak": record.peak.name(),
        "revision": record.revision,
        "opened_at": rfc3339(record.opened_at, zone),
        "revised_at": rfc3339(record.at, zone),
        "hidden_by": record.hidden_by,
        "acknowledged_by": record.acknowledged_by,
        "what": text(&record.what),
        "late_detected": record.late_detected,
        "approvals": record.approvals.iter().map(|one| approval(one, zone)).collect::<Vec<_>>(),
        "evidence": all(&record.evidence, zone),
    })
}

/// How a group of channels stands that was asked about; `text` while somebody may still answer.
fn approval(view: &ApprovalView, zone: &str) -> Value {
    json!({
        "group": view.group.as_str(),
        "state": view.state,
        "level": view.bound.level.name(),
        "text_hash": view.bound.hash,
        "text": view.text,
        "agreed": view.agreed,
        "persons": view.persons,
        "answers_at": view.answers_at.map(|at| rfc3339(at, zone)),
        "note": view.note,
    })
}

fn all(evidence_of: &[Evidence], zone: &str) -> Vec<Value> {
    evidence_of.iter().map(|one| evidence(one, zone)).collect()
}

fn evidence(evidence: &Evidence, zone: &str) -> Value {
    json!({
        "rule": evidence.rule,
        "series": evidence.series,
        "level": evidence.level.name(),
        "value": evidence.value,
        "unit": evidence.unit,
        "measured_at": rfc3339(evidence.measured_at, zone),
        "text": text(&evidence.text),
    })
}

fn text(text: &Text) -> Value {
    json!({ "ko": text.ko, "en": text.en })
}

/// A site and where it stands; `since` the level was reached, unless it has always been normal.
pub(super) fn site(
    site: &Site,
    view: Option<&SiteView>,
    levels: &[LevelRow],
    at: Timestamp,
) -> Value {
    let since = view.and_then(|view| since(levels, site, view));
    json!({
        "id": site.id.as_str(),
        "name": text(&site.name),
        "kind": site.kind,
        "area": text(&site.area),
        "district": site.district,
        "location": { "latitude": site.location.0, "longitude": site.location.1 },
        "radius_km": site.radius_km,
        "zone": site.zone,
        "level": view.map(|view| view.level.name()),
        "unknown": view.is_none_or(|view| view.unknown),
        "assessed": view.map(|view| view.assessed.name()),
        "since": since.map(|since| rfc3339(since, &site.zone)),
        "silent": view.map(|view| view.silent),
        "maintained": view.map(|view| view.maintained),
        "silenced_until": view
            .and_then(|view| view.silenced_until)
            .map(|until| rfc3339(until, &site.zone)),
        "series": view.map(|view| view.series),
        "incidents": view.map(|view| view.incidents.clone()).unwrap_or_default(),
        "as_of": rfc3339(at, &site.zone),
    })
}

/// Since when a site is at its level.
pub(in crate::board) fn since(
    levels: &[LevelRow],
    site: &Site,
    view: &SiteView,
) -> Option<Timestamp> {
    levels
        .iter()
        .filter(|row| row.site == site.id && row.level == view.level)
        .map(|row| row.at)
        .min()
}

/// The stations of a site, with the newest reading of each series.
pub(super) fn stations(overview: &Overview, site: &Site) -> Vec<Value> {
    let registry = &overview.setup.registry;
    let here = registry
        .stations()
        .iter()
        .enumerate()
        .filter(|(_, s)| registry.sites()[s.site.index()].id == site.id);
    here.map(|(number, station)| {
        let series = registry.series_of(reading::registry::StationIndex(number as u32));
        json!({
            "id": station.id.as_str(),
            "source": station.source,
            "report_interval_s": station.report_interval.as_secs_f64(),
            "location": station.location.map(|(latitude, longitude)| {
                json!({ "latitude": latitude, "longitude": longitude })
            }),
            "make": make(station.make.as_deref()),
            "series": series.map(|at| one_series(overview, at, &site.zone)).collect::<Vec<_>>(),
        })
    })
    .collect()
}

/// Who made it; what nobody wrote down is left out.
fn make(make: Option<&Make>) -> Value {
    let Some(make) = make else { return Value::Null };
    let known = [
        ("maker", &make.maker),
        ("model", &make.model),
        ("serial", &make.serial),
        ("installed", &make.installed),
    ];
    let known = known.into_iter().filter(|(_, text)| !text.is_empty());
    known.map(|(key, text)| (key.to_owned(), json!(text))).collect::<serde_json::Map<_, _>>().into()
}

fn one_series(overview: &Overview, at: usize, zone: &str) -> Value {
    let series = &overview.setup.registry.series()[at];
    let latest = overview.latest.get(at).copied().flatten();
    json!({
        "name": series.name.to_string(),
        "quantity": series.name.quantity.name(),
        "unit": series.name.quantity.base_unit().symbol(),
        "make": make(series.make.as_deref()),
        "latest": latest.map(|latest| json!({
            "value": latest.value,
            "measured_at": rfc3339(latest.measured_at, zone),
            "quality": latest.quality.words().collect::<Vec<_>>(),
            "expected": latest.expected.map(expected),
        })),
    })
}

/// What was told.
pub(in crate::board) fn alert(row: &AlertRow) -> Value {
    let alert = &row.alert;
    let zone = &alert.site.zone;
    json!({
        "id": row.id,
        "incident": alert.incident.as_str(),
        "revision": alert.revision,
        "site": alert.site.id.as_str(),
        "hazard": alert.hazard.name(),
        "purpose": alert.purpose.name(),
        "message_type": alert.message_type,
        "status": alert.status,
        "level": alert.level.name(),
        "headline": text(&alert.headline),
        "description": text(&alert.description),
        "instruction": text(&alert.instruction),
        "decided_at": rfc3339(alert.decided_at, zone),
        "measured_at": rfc3339(alert.measured_at, zone),
        "expires_at": rfc3339(alert.expires_at, zone),
        "evidence": all(&alert.evidence, zone),
    })
}

/// A delivery as it stands.
pub(super) fn delivery(row: &DeliveryRow, setup: &Setup) -> Value {
    let zone = zone(setup, Some(row.site.as_str()));
    owed::shown(row, &|at| rfc3339(at, zone))
}

/// Who waits to be adopted, with what they said.
pub(super) fn stranger(stranger: &Stranger, heard: &Heard) -> Value {
    let (site, station, device) = match &stranger.name {
        StrangerName::Station(site, station) => (Some(site), Some(station), None),
        StrangerName::Device(device) => (None, None, Some(device)),
    };
    let said = heard.said.iter().map(|((sensor, quantity), said)| {
        json!({
            "sensor": sensor,
            "quantity": quantity,
            "unit": said.unit,
            "value": said.value,
            "count": said.count,
        })
    });
    json!({
        "source": stranger.source,
        "site": site,
        "station": station,
        "device": device,
        "first_at": rfc3339(heard.first_at, HOME_ZONE),
        "last_at": rfc3339(heard.last_at, HOME_ZONE),
        "messages": heard.messages,
        "report_interval_s": heard.interval().map(|interval| interval.as_secs_f64()),
        "series": said.collect::<Vec<_>>(),
    })
}

/// A frame that could not be decoded.
pub(super) fn quarantined(view: &QuarantineView) -> Value {
    let row = &view.row;
    json!({
        "id": view.id,
        "position": row.position,
        "at": rfc3339(row.at, HOME_ZONE),
        "source": row.source,
        "topic": row.topic,
        "reason": row.reason,
        "detail": row.detail,
        "length": row.len,
        "preview": row.preview,
    })
}
