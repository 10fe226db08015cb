//! The JSON that a webhook posts. Wire names live here and nowhere else.

use alerting::alert::Hazard;
use alerting::{Alert, Delivery, Level, MessageType, Purpose, Status};
use reading::Timestamp;
use reading::registry::{SiteKind, Text};
use serde::Serialize;

use super::super::cap::{self, zoned};

#[derive(Serialize)]
struct Body<'a> {
    r#type: &'static str,
    id: &'a str,
    incident: &'a str,
    revision: u32,
    purpose: Purpose,
    message_type: MessageType,
    level: Level,
    status: Status,
    hazard: Hazard,
    site: SiteBody<'a>,
    headline: &'a Text,
    description: &'a Text,
    instruction: &'a Text,
    decided_at: String,
    measured_at: String,
    expires_at: String,
    evidence: Vec<EvidenceBody<'a>>,
    cap: Option<String>,
    /// False while bongsu's disk takes nothing: a restart may know nothing of this alert.
    recorded: bool,
}

#[derive(Serialize)]
struct SiteBody<'a> {
    id: &'a str,
    name: &'a Text,
    kind: SiteKind,
    latitude: f64,
    longitude: f64,
    radius_km: f64,
    area: &'a Text,
    district: &'a str,
}

#[derive(Serialize)]
struct EvidenceBody<'a> {
    rule: &'a str,
    series: &'a str,
    level: Level,
    value: f64,
    unit: &'a str,
    measured_at: String,
    text: &'a Text,
}

/// The JSON that is posted for a delivery. The same for every attempt.
pub fn body(delivery: &Delivery, cap_base_url: Option<&str>) -> Vec<u8> {
    write(delivery, evidence(&delivery.alert), cap_base_url)
}

/// The same for everybody: without rules and readings, which are for officers.
pub fn public_body(delivery: &Delivery, cap_base_url: Option<&str>) -> Vec<u8> {
    write(delivery, Vec::new(), cap_base_url)
}

fn write(
    delivery: &Delivery,
    evidence: Vec<EvidenceBody<'_>>,
    cap_base_url: Option<&str>,
) -> Vec<u8> {
    let alert = &delivery.alert;
    let shown = |at: Timestamp| zoned(at, &alert.site.zone);
    let body = Body {
        r#type: "bongsu.alert",
        id: delivery.key.as_str(),
        incident: alert.incident.as_str(),
        revision: alert.revision,
        purpose: alert.purpose,
        message_type: alert.message_type,
        level: alert.level,
        status: alert.status,
        hazard: alert.hazard,
        site: site(alert),
        headline: &alert.headline,
        description: &alert.description,
        instruction: &alert.instruction,
        decided_at: shown(alert.decided_at),
        measured_at: shown(alert.measured_at),
        expires_at: shown(alert.expires_at),
        evidence,
        cap: cap_base_url.map(|base| cap::address(base, &cap::identifier(alert, None))),
        recorded: !alert.unrecorded,
    };
    serde_json::to_vec(&body).expect("texts and numbers always serialize")
}

fn site(alert: &Alert) -> SiteBody<'_> {
    let site = &alert.site;
    SiteBody {
        id: site.id.as_str(),
        name: &site.name,
        kind: site.kind,
        latitude: site.location.0,
        longitude: site.location.1,
        radius_km: site.radius_km,
        area: &site.area,
        district: &site.district,
    }
}

fn evidence(alert: &Alert) -> Vec<EvidenceBody<'_>> {
    let lines = alert.evidence.iter().map(|e| EvidenceBody {
        rule: &e.rule,
        series: &e.series,
        level: e.level,
        value: e.value,
        unit: &e.unit,
        measured_at: zoned(e.measured_at, &alert.site.zone),
        text: &e.text,
    });
    lines.collect()
}
