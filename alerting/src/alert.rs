//! The message about an incident: alert, update, cancel. What a channel needs is all in here, so that an
//! attempt made tomorrow says what was decided today.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use reading::registry::{Site, SiteKind, Text};
use reading::{SiteId, Timestamp};
use serde::{Deserialize, Deserializer, Serialize};

use crate::approval::Released;
use crate::level::Level;

/// What may happen at a site. One incident is open per site and hazard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Hazard {
    /// 붕괴: a slope or wall fails.
    SlopeFailure,
    /// 구조 손상: a structure is damaged or fails.
    StructuralDamage,
    /// 계측 장애: we cannot see; silence of stations, a collector, or bongsu itself.
    Monitoring,
}

impl Hazard {
    /// Its name in identifiers.
    pub const fn name(self) -> &'static str {
        match self {
            Self::SlopeFailure => "slope-failure",
            Self::StructuralDamage => "structural-damage",
            Self::Monitoring => "monitoring",
        }
    }

    /// The hazard a site of this kind is watched for.
    pub const fn of(kind: SiteKind) -> Self {
        match kind {
            SiteKind::Slope | SiteKind::RetainingWall => Self::SlopeFailure,
            SiteKind::Bridge | SiteKind::Building | SiteKind::Facility => Self::StructuralDamage,
        }
    }
}

/// Whether people are in danger or practising.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum IncidentKind {
    /// It is so.
    Live,
    /// A drill.
    Exercise,
}

impl IncidentKind {
    /// What messages of this status are about.
    pub const fn of(status: Status) -> Self {
        match status {
            Status::Exercise => Self::Exercise,
            Status::Actual | Status::Test => Self::Live,
        }
    }

    /// Its name in identifiers.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Exercise => "exercise",
        }
    }
}

/// `{kind}_{site}_{hazard}_{sequence of the record that opened it}`: derived from the journal, never from
/// chance. Its characters fit a URL part, a file name and a CAP identifier as they are.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct IncidentId(String);

impl IncidentId {
    /// The id of the incident that the record `sequence` opened.
    pub fn new(kind: IncidentKind, site: &SiteId, hazard: Hazard, sequence: u64) -> Self {
        Self(format!("{}_{site}_{}_{sequence}", kind.name(), hazard.name()))
    }

    /// An id as somebody wrote it; whether it exists is for the engine to say.
    pub fn from_text(text: &str) -> Self {
        Self(text.into())
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for IncidentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why this message is sent; part of its delivery key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Purpose {
    /// The level or the evidence changed.
    Alert,
    /// It is still so.
    Reminder,
    /// It is over, or was not borne out.
    Cancel,
    /// Somebody has to say whether the public may hear.
    Approval,
    /// Nobody has answered yet: whoever hears this is to.
    Call,
    /// The head of the audit trail, for somebody else to keep.
    TrailHead,
    /// Little things about several sites at once.
    Digest,
}

impl Purpose {
    /// Its name in delivery keys.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Alert => "alert",
            Self::Reminder => "reminder",
            Self::Cancel => "cancel",
            Self::Approval => "approval",
            Self::Call => "call",
            Self::TrailHead => "trail-head",
            Self::Digest => "digest",
        }
    }
}

/// How the message stands to those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MessageType {
    /// The first about its incident.
    Alert,
    /// Supersedes those before it.
    Update,
    /// Revokes those before it.
    Cancel,
}

/// Whether it is meant in earnest. A message of another status cannot become `Actual`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// In earnest.
    Actual,
    /// A drill.
    Exercise,
    /// A trial of the system, as everything the demo sends.
    Test,
}

/// What a message says of its site, as it was when decided.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SiteFacts {
    /// Its identifier.
    pub id: SiteId,
    /// What people call it.
    pub name: Text,
    /// What it is.
    pub kind: SiteKind,
    /// Latitude and longitude, degrees, WGS 84.
    pub location: (f64, f64),
    /// Radius of the endangered circle, kilometres.
    pub radius_km: f64,
    /// The endangered area as a closed ring of latitude and longitude; empty means the circle.
    pub polygon: Vec<(f64, f64)>,
    /// The place in words.
    pub area: Text,
    /// Administrative code (법정동), empty if unknown.
    pub district: String,
    /// IANA time zone in which times are shown.
    pub zone: String,
}

impl From<&Site> for SiteFacts {
    fn from(site: &Site) -> Self {
        Self {
            id: site.id.clone(),
            name: site.name.clone(),
            kind: site.kind,
            location: site.location,
            radius_km: site.radius_km,
            polygon: site.polygon.clone(),
            area: site.area.clone(),
            district: site.district.clone(),
            zone: site.zone.clone(),
        }
    }
}

/// One line of evidence: which rule holds on what, and since when.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// The rule, by name.
    pub rule: String,
    /// The series, by full name; empty where the evidence is silence of a whole collector.
    pub series: String,
    /// What the rule argues for.
    pub level: Level,
    /// The value that decided, in `unit`; not a number, in JSON `null`, where it was not a number that decided.
    #[serde(deserialize_with = "number_or_none")]
    pub value: f64,
    /// Its unit.
    pub unit: String,
    /// When that was measured.
    pub measured_at: Timestamp,
    /// In plain words.
    pub text: Text,
}

/// JSON writes what is not a number as `null`, and what is owed has to be read back; a snapshot keeps it as it is.
fn number_or_none<'de, D: Deserializer<'de>>(from: D) -> Result<f64, D::Error> {
    if from.is_human_readable() {
        Ok(Option::deserialize(from)?.unwrap_or(f64::NAN))
    } else {
        f64::deserialize(from)
    }
}

/// One message about one revision of one incident.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Alert {
    /// About which incident.
    pub incident: IncidentId,
    /// About which revision of it.
    pub revision: u32,
    /// Why it is sent.
    pub purpose: Purpose,
    /// How it stands to those before it.
    pub message_type: MessageType,
    /// Whether it is in earnest.
    pub status: Status,
    /// How serious it is now.
    pub level: Level,
    /// Where.
    pub site: SiteFacts,
    /// What may happen.
    pub hazard: Hazard,
    /// One line.
    pub headline: Text,
    /// What was seen.
    pub description: Text,
    /// What to do.
    pub instruction: Text,
    /// Why, rule by rule.
    pub evidence: Vec<Evidence>,
    /// When it was decided (the journal's `at`).
    pub decided_at: Timestamp,
    /// When the newest deciding reading was measured.
    pub measured_at: Timestamp,
    /// Until when it is to be believed.
    pub expires_at: Timestamp,
    /// It was decided while the disk took nothing: a restart may know nothing of it.
    #[serde(default)]
    pub unrecorded: bool,
    /// Who let it out.
    #[serde(default)]
    pub released: Released,
}
