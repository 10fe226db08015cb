//! The archive: every admitted reading, level and incident, written to InfluxDB for Grafana and for later years.
//!
//! A view: it reads what journal and ledger hold, at its own pace and from its own cursors, and nothing waits for it.
//! An outage of days costs nothing as long as the journal reaches back that far; writing a point again changes nothing,
//! because a point is the same wherever it is written from.
//!
//! # Schema
//!
//! | measurement | tags | fields | time |
//! |---|---|---|---|
//! | `reading` | `site`, `station`, `sensor`, `quantity`; `copy` where another value may have the same stamp | `value` in the base unit of the quantity, `received_at` in seconds since 1970, `quality` as the flags' bits | measured |
//! | `level` | `site`, `hazard` | `level` 0 to 4 | decided |
//! | `station` | `site`, `station` | `online` (0 or 1), `battery_v`, `rssi_dbm` as far as it says so | received |
//! | `incident` | `site`, `hazard`, `state` | `level`, `revision`, `id` (text) | decided |
//! | `site` | `site`, `kind` | `latitude`, `longitude`, `level` (its highest), `name_ko`, `name_en` (texts) | configured, decided |
//! | `limit` | `site`, `station`, `sensor`, `quantity`, `rule`, `level` | `value` in the base unit, `below` (0 or 1) | configured |
//! | `probe` | | `ok`, 1 | the server's moment, see [`Carrier`] |
//!
//! Every number is a float, so that no field ever changes its type. Tags are names from the configuration and closed
//! lists: their number is that of the series configured. `copy` is a digest of the value: sixteen bits of it where the
//! value contradicts another, `u` and four bits where the time is not known, so that of a burst without a clock the one
//! that stands for now is never written over.
//!
//! It works with whatever has InfluxDB's `/api/v2/write`: InfluxDB 2, InfluxDB 3, VictoriaMetrics.

mod batch;
mod carrier;
pub mod history;
mod influx;
mod metrics;
mod point;

pub use batch::Batch;
pub use carrier::{Carrier, SetAside, WAITS};
pub use influx::{Access, Influx, Made, Refusal, Sink};
pub use metrics::ArchiveMetrics;
pub use point::{Place, incident, level, limit, reading, site, station};
