//! What a scenario says of storms, sites, stations and sensors, and what of it cannot be.

use core::time::Duration;

use reading::registry::{SiteKind, Text};
use reading::{Quantity, SensorId, SiteId, StationId};
use serde::Deserialize;

use crate::physics::creep::Creep;
use crate::physics::infiltration::PorePlan;
use crate::physics::structure::Structure;

/// Rain by the hour.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
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
    /// What it is; decides which stations stand there.
    pub kind: SiteKind,
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
    /// The station that sounds, if there is one.
    pub siren: Option<StationId>,
    /// The highest level its truth deserves: what a run is compared with.
    pub expect: Expected,
}

/// The highest level a site's truth deserves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Expected {
    /// 정상.
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
}

impl StormPlan {
    pub(super) fn check(&self) -> Result<(), String> {
        let sane = |mm: &f64| (0.0..=300.0).contains(mm);
        ensure(self.hourly_mm.iter().all(sane), || "storm.hourly_mm must be 0 to 300 each".into())?;
        ensure((0.0..=1.0).contains(&self.noise), || "storm.noise must be 0 to 1".into())?;
        ensure(is_hours(self.begins_h), || "storm.begins_h must be a number of hours".into())
    }
}

impl SitePlan {
    pub(super) fn check(&self) -> Result<(), String> {
        let wrong = |what: &str| format!("site `{}`: {what}", self.id);
        ensure((0.0..=10.0).contains(&self.rain_scale), || wrong("rain_scale must be 0 to 10"))?;
        ensure(is_hours(self.rain_shift_h), || wrong("rain_shift_h must be a number of hours"))?;
        ensure(self.pore.rise_h > 0.0 && self.pore.recession_h > self.pore.rise_h, || {
            wrong("pore: recession_h must be longer than rise_h, both above 0")
        })?;
        if let Some(failure) = self.creep.failure {
            ensure(is_hours(failure.onset_h) && is_hours(failure.failure_h), || {
                wrong("failure: hours are below 1e6")
            })?;
            ensure(failure.failure_h > failure.onset_h, || {
                wrong("failure_h must come after onset_h")
            })?;
            ensure(failure.a_per_mm > 0.0, || wrong("a_per_mm must be above 0"))?;
        }
        if let Some(surge) = self.creep.surge {
            ensure(surge.half_width_h > 0.0, || wrong("half_width_h must be above 0"))?;
        }
        Ok(())
    }
}

impl StationPlan {
    /// Time between reports.
    pub fn interval(&self) -> Duration {
        Duration::from_secs(u64::from(self.report_s))
    }

    pub(super) fn check(&self) -> Result<(), String> {
        ensure((1..=86_400).contains(&self.report_s), || {
            format!("station `{}`: report_s must be 1 to 86400", self.id)
        })?;
        for sensor in &self.sensors {
            ensure(
                sensor.step > 0.0 && sensor.noise >= 0.0 && sensor.range.0 < sensor.range.1,
                || {
                    format!(
                        "sensor `{}/{}`: step above 0, noise at least 0, range from low to high",
                        self.id, sensor.id
                    )
                },
            )?;
        }
        Ok(())
    }
}

/// A number of hours that can be added to a moment.
pub(crate) fn is_hours(hours: f64) -> bool {
    hours.abs() < 1e6
}

pub(crate) fn ensure(holds: bool, problem: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(problem()) }
}

fn one() -> f64 {
    1.0
}
