//! What the desk shows of itself to views: published after each batch, never waited for.

use std::sync::Arc;

use alerting::Level;
use alerting::engine::SiteView;
use alerting::setup::Setup;
use alerting::station::StationLife;
use arc_swap::ArcSwap;
use reading::admission::StationClock;
use reading::{Quality, Timestamp};
use serde::Serialize;

use crate::desk::waiting::Waiting;

/// Where everything stands as of one journal record.
#[derive(Clone, Debug)]
pub struct Overview {
    /// The record it is as of.
    pub sequence: u64,
    /// The journal's `at` of that record.
    pub at: Timestamp,
    /// The configuration in force.
    pub setup: Arc<Setup>,
    /// Every site, by number.
    pub sites: Vec<SiteView>,
    /// The newest reading of every series, by number; `None` until one came.
    pub latest: Vec<Option<Latest>>,
    /// Every station, by number.
    pub stations: Vec<StationNow>,
    /// What became of every frame and claim, by source.
    pub balances: Vec<Balance>,
    /// Whether bongsu itself works.
    pub system_level: Level,
    /// Deliveries not settled.
    pub deliveries_open: usize,
    /// Who speaks and is not registered.
    pub waiting: Arc<Waiting>,
}

/// The newest reading of one series.
#[derive(Clone, Copy, Debug)]
pub struct Latest {
    /// When it was measured.
    pub measured_at: Timestamp,
    /// In the base unit.
    pub value: f64,
    /// What is known against it.
    pub quality: Quality,
    /// Between which values it was expected, where a rule knows what is usual.
    pub expected: Option<(f64, f64)>,
}

/// How one station stands, beside what it measures.
#[derive(Clone, Debug, Default)]
pub struct StationNow {
    /// What it says of itself, what is missing of it, what it was asked.
    pub life: StationLife,
    /// The journal's moment at which a live message of it was last heard.
    pub heard_at: Option<Timestamp>,
    /// How its clock runs against ours.
    pub clock: StationClock,
}

/// G9: frames received = decoded + quarantined; readings claimed = admitted + refused + duplicate + held.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, serde::Deserialize)]
pub struct Balance {
    /// The collector.
    pub source: String,
    /// Frames journaled.
    pub received: u64,
    /// Frames that were understood.
    pub decoded: u64,
    /// Frames set aside with a reason.
    pub quarantined: u64,
    /// Readings that stations claimed.
    pub claimed: u64,
    /// Readings believed.
    pub admitted: u64,
    /// Readings refused with a reason.
    pub refused: u64,
    /// Readings that had come before.
    pub duplicate: u64,
    /// Readings that wait until it is known what they are.
    pub held: u64,
    /// Messages that stations numbered and that have not come though a later one did. They stand in no balance, because
    /// we never had them.
    pub missing: u64,
}

impl Balance {
    /// Whether nothing was lost between the counts.
    pub const fn holds(&self) -> bool {
        self.received == self.decoded + self.quarantined
            && self.claimed == self.admitted + self.refused + self.duplicate + self.held
    }
}

/// The newest overview, shared with every view.
pub type Shared = Arc<ArcSwap<Overview>>;
