//! What the desk shows of itself to views: published after each batch, never waited for.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use alerting::condition::failure_time::forecast::Forecast;
use alerting::engine::SiteView;
use alerting::setup::Setup;
use alerting::standing::{Standing, Zero};
use alerting::station::StationLife;
use alerting::{DeliveryKey, IncidentId, Level};
use arc_swap::ArcSwap;
use reading::admission::StationClock;
use reading::{Quality, SeriesName, Timestamp};
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
    /// What people have set for a while, and what of that ended lately.
    pub standing: Vec<Standing>,
    /// The zeros people have set, by series and rising moment.
    pub zeros: BTreeMap<SeriesName, Vec<Zero>>,
    /// What became of every frame and claim, by source.
    pub balances: Vec<Balance>,
    /// Whether bongsu itself works.
    pub system_level: Level,
    /// Deliveries not settled.
    pub owed: Vec<DeliveryKey>,
    /// Every open incident, also of bongsu itself.
    pub incidents: Vec<IncidentId>,
    /// Who speaks and is not registered.
    pub waiting: Arc<Waiting>,
    /// When ways out were proved last, by channel and target.
    pub proofs: Vec<LinkProof>,
}

/// When a target of a channel was looked at, and proved, last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, serde::Deserialize)]
pub struct LinkProof {
    /// The channel.
    pub channel: String,
    /// Which of its targets.
    pub target: String,
    /// When it was looked at first.
    pub since: Timestamp,
    /// When it was proved last.
    pub proved_at: Option<Timestamp>,
    /// When it was looked at last.
    pub tried_at: Timestamp,
    /// Whether that proved it.
    pub proven: bool,
    /// By what, or why not.
    pub what: String,
}

impl LinkProof {
    /// Until when it was known to work: since when nobody knows.
    pub fn good_until_now(&self) -> Timestamp {
        self.proved_at.unwrap_or(self.since)
    }

    /// Whether the proof is older than two turns: one may fail by chance.
    pub fn is_stale(&self, every: Duration, now: Timestamp) -> bool {
        now.since(self.good_until_now()) > every * 2
    }
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
    /// When the movement is forecast to end, where a rule knows and is to be believed.
    pub forecast: Option<Forecast>,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proof_is_stale_after_two_turns_also_where_there_never_was_one() {
        let (at, day) =
            (|hour: i64| Timestamp::from_secs(hour * 3_600), Duration::from_secs(86_400));
        let proof = |proved_at| LinkProof {
            channel: "siren".into(),
            target: "mast".into(),
            since: at(0),
            proved_at,
            tried_at: at(0),
            proven: false,
            what: String::new(),
        };
        for (proved_at, now, stale) in [
            (None, at(48), false),
            (None, at(49), true),
            (Some(at(24)), at(72), false),
            (Some(at(24)), at(73), true),
        ] {
            assert_eq!(proof(proved_at).is_stale(day, now), stale, "{proved_at:?} {now:?}");
        }
    }
}
