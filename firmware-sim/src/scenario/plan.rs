//! What a scenario says of storms, sites, stations and sensors.

use core::time::Duration;

use reading::registry::{SiteKind, Text};
use reading::{Quantity, SensorId, SiteId, StationId};
use serde::{Deserialize, Serialize};

use crate::physics::creep::Creep;
use crate::physics::infiltration::PorePlan;
use crate::physics::power::PowerPlan;
use crate::physics::radio::RadioPlan;
use crate::physics::settlement::Consolidation;
use crate::physics::stability::{InfiniteSlope, Sliding};
use crate::physics::structure::Structure;
use crate::physics::vibration::{BlastingPlan, TrafficPlan};

/// Rain by the hour.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StormPlan {
    /// When the first hour begins, hours after the start.
    pub begins_h: f64,
    /// Rain of each hour, millimetres.
    pub hourly_mm: Vec<f64>,
    /// How uneven minutes are, 0 to 1.
    pub noise: f64,
}

/// One site and its truth.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SitePlan {
    /// Its identifier.
    pub id: SiteId,
    /// What it is.
    pub kind: SiteKind,
    /// Which stations stand there: a name under `[layouts]`, or one of those every scenario knows. That of its kind
    /// if there is none.
    pub layout: Option<String>,
    /// What people call it.
    pub name: Text,
    /// The place in words.
    pub area: Text,
    /// Latitude and longitude, degrees.
    pub location: (f64, f64),
    /// How much later than elsewhere it rains, hours.
    #[serde(default)]
    pub rain_shift_h: f64,
    /// How much of the rain falls here.
    #[serde(default = "one")]
    pub rain_scale: f64,
    /// How the slope moves.
    #[serde(default)]
    pub creep: Creep,
    /// How a facility drifts.
    #[serde(default)]
    pub structure: Structure,
    /// How rain becomes pore pressure.
    #[serde(default)]
    pub pore: PorePlan,
    /// What the slope is made of: gives it a factor of safety.
    pub stability: Option<InfiniteSlope>,
    /// How it goes when that falls below one.
    pub sliding: Option<Sliding>,
    /// Ground that settles under a load.
    pub settlement: Option<Consolidation>,
    /// Shots near it.
    pub blasting: Option<BlastingPlan>,
    /// Heavy vehicles beside it.
    pub traffic: Option<TrafficPlan>,
    /// The station that sounds, if there is one.
    pub siren: Option<StationId>,
    /// How many of its kind there are, this one included; the others have ids with `-2`, `-3`, … behind.
    #[serde(default = "once")]
    pub repeat: usize,
    /// The highest level its truth deserves: what a run is compared with.
    pub expect: Expected,
}

impl SitePlan {
    /// The name of the layout of its stations.
    pub fn layout(&self) -> &str {
        self.layout.as_deref().unwrap_or(self.kind_name())
    }

    /// What it is, as configuration has it.
    pub fn kind_name(&self) -> &'static str {
        match self.kind {
            SiteKind::Slope => "slope",
            SiteKind::RetainingWall => "retaining-wall",
            SiteKind::Bridge => "bridge",
            SiteKind::Building => "building",
            SiteKind::Facility => "facility",
        }
    }
}

/// The highest level a site's truth deserves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Expected {
    /// 정상.
    #[default]
    Normal,
    /// 관심.
    Attention,
    /// 주의.
    Caution,
    /// 경계.
    Warning,
    /// 심각.
    Severe,
}

/// One instrument box.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StationPlan {
    /// Its identifier.
    pub id: StationId,
    /// Seconds between reports.
    pub report_s: u32,
    /// How much of the site's movement it takes part in.
    #[serde(default = "one")]
    pub share: f64,
    /// Samples that one report is made of: their mean, their sum or their peak as the quantity asks.
    #[serde(default = "once")]
    pub samples: usize,
    /// Seconds between reports in alert mode, and how long that lasts, seconds. Sensors say what is `alarming`.
    #[serde(default = "alert")]
    pub alert: (u32, u32),
    /// How many reports it keeps while it cannot send.
    #[serde(default = "room")]
    pub room: usize,
    /// Battery and panel; mains if there is none.
    pub power: Option<PowerPlan>,
    /// Its radio; a cable if there is none.
    pub radio: Option<RadioPlan>,
    /// What it does once the slope has failed.
    #[serde(default)]
    pub after_failure: AfterFailure,
    /// Its instruments' series.
    pub sensors: Vec<SensorPlan>,
}

/// What a station does once the slope it stands on has failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AfterFailure {
    /// It stands beside the slope and goes on.
    #[default]
    Survives,
    /// It is buried at once.
    Silent,
    /// Its instruments show the end of their range for ten minutes, then it is silent.
    Rail,
}

/// One series of a station.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SensorPlan {
    /// The instrument.
    pub id: SensorId,
    /// What it measures, reported in the base unit.
    pub quantity: Quantity,
    /// Standard deviation of its noise, base unit.
    #[serde(default)]
    pub noise: f64,
    /// The smallest difference it shows, base unit.
    pub step: f64,
    /// How its zero moves with temperature, base unit a degree Celsius about 20 °C.
    #[serde(default)]
    pub per_degc: f64,
    /// What it can show, base unit.
    pub range: (f64, f64),
    /// A change from one report to the next that puts the station into alert mode, base unit.
    pub alarming: Option<f64>,
    /// Its zero was set when it was mounted; otherwise it stands anywhere.
    #[serde(default)]
    pub zeroed: bool,
}

impl StationPlan {
    /// Time between reports.
    pub fn interval(&self) -> Duration {
        Duration::from_secs(u64::from(self.report_s))
    }
}

fn alert() -> (u32, u32) {
    (60, 3_600)
}

fn room() -> usize {
    4_096
}

fn once() -> usize {
    1
}

fn one() -> f64 {
    1.0
}
