//! What the names of foreign devices mean here: one table for every foreign format.
//!
//! A device is what the format says speaks (a dev EUI, `group/node/device`, a logger's name), a metric is what it
//! calls a value. Devices of one make share one list of metrics. Nothing is guessed: what is not in the table is told.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::id::{SensorId, SiteId, StationId};
use crate::unit::{Quantity, Unit};

/// The table of one subscription.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Naming {
    /// Which station each device is.
    pub devices: BTreeMap<String, Placed>,
    /// What the metrics of each make mean; devices point here.
    pub models: Vec<Model>,
}

/// Where a device stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Placed {
    /// The site of its station.
    pub site: SiteId,
    /// Its station.
    pub station: StationId,
    /// Its make: a place in [`Naming::models`].
    pub model: u32,
    /// Whether another device is the same station: what each counts is then no count of the station's.
    #[serde(default)]
    pub shared: bool,
}

/// The metrics of a make.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Model {
    /// Which instrument and quantity each metric is.
    pub metrics: BTreeMap<String, Target>,
    /// Metrics that are passed over in silence; `*` stands for all that are not listed.
    pub ignored: Vec<String>,
}

/// What a metric is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Target {
    /// The instrument.
    pub sensor: SensorId,
    /// What it measures.
    pub quantity: Quantity,
    /// The unit of numbers that come without a unit of a standard; without it the registry's holds.
    pub unit: Option<Unit>,
}

impl Naming {
    /// The device of that name.
    pub(super) fn device(&self, name: &str) -> Option<(&Placed, &Model)> {
        let placed = self.devices.get(name)?;
        Some((placed, self.models.get(placed.model as usize)?))
    }
}

impl Model {
    pub(super) fn ignores(&self, metric: &str) -> bool {
        self.ignored.iter().any(|ignored| ignored == "*" || ignored == metric)
    }
}
