//! Link tests: looks whether a way out works, before it is needed.
//!
//! A [`Probe`] is a type of its own beside deliveries of the live operation and of drills. It holds no message and no
//! level: whatever takes one can say that there is a way, and nothing else. A siren is asked in its own silent words, a
//! relay's coil is read, an own address is written to.
//!
//! What a device answers on `…/command/result` comes back through the journal under the probe's id, like a receipt.

use std::fmt;
use std::time::Duration;

use alerting::AttemptResult;
use futures_util::future::BoxFuture;
use reading::Timestamp;
use reading::id::ChannelId;

/// What the ids of probes start with. No delivery's key does: those begin with the kind of their incident.
const MARK: &str = "probe_";

/// How long a look may take where nobody says otherwise, real time.
const LOOK_MAX: Duration = Duration::from_secs(60);

/// One look at one target of a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    id: String,
    target: String,
    at: Timestamp,
}

impl Probe {
    /// A look at a target of a channel at this moment.
    pub fn new(channel: &ChannelId, target: &str, at: Timestamp) -> Self {
        let target = target.to_owned();
        Self { id: format!("{MARK}{channel}_{target}_{}", at.nanos()), target, at }
    }

    /// Its id: a repeated one is the same look.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What is looked at.
    pub fn target(&self) -> &str {
        &self.target
    }

    /// When.
    pub fn at(&self) -> Timestamp {
        self.at
    }
}

/// Channel and target of a probe, by its id. Nothing if it is none of a probe.
pub fn named(id: &str) -> Option<(&str, &str)> {
    let (channel, rest) = id.strip_prefix(MARK)?.split_once('_')?;
    let (target, at) = rest.rsplit_once('_')?;
    at.parse::<i64>().ok().map(|_| (channel, target))
}

/// What a look came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proof {
    /// The way works, as this shows.
    Proven(String),
    /// The far end was asked and answers through the journal.
    Asked,
    /// It does not, or it cannot be said.
    Failed(String),
}

impl fmt::Display for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Proven(what) => write!(f, "proven: {what}"),
            Self::Asked => f.write_str("asked"),
            Self::Failed(why) => write!(f, "failed: {why}"),
        }
    }
}

impl From<AttemptResult> for Proof {
    /// As an attempt to say something harmless came out.
    fn from(result: AttemptResult) -> Self {
        match result {
            AttemptResult::Delivered { receipt: what }
            | AttemptResult::HandedOver { reference: what } => Self::Proven(what),
            AttemptResult::Retry { reason } | AttemptResult::Refused { reason } => {
                Self::Failed(reason)
            }
            AttemptResult::Unknown => Self::Failed("it is not known what became of it".into()),
        }
    }
}

/// A way out that can be looked at without anybody hearing or seeing an alert.
pub trait Provable: Send + Sync {
    /// What can be looked at, by name.
    fn targets(&self) -> Vec<String>;

    /// Whether targets are devices that answer through the journal: they are asked at the start, too.
    fn is_device(&self) -> bool {
        false
    }

    /// How long a look may take at most.
    fn within(&self) -> Duration {
        LOOK_MAX
    }

    /// Looks once. Has timeouts of its own.
    fn prove<'a>(&'a self, probe: &'a Probe) -> BoxFuture<'a, Proof>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_probe_names_its_channel_and_target_and_no_delivery_is_taken_for_one() {
        let channel: ChannelId = "siren-east".parse().unwrap();
        let probe = Probe::new(&channel, "cut-12-siren-1", Timestamp::from_secs(1_784_000_000));
        assert_eq!(named(probe.id()), Some(("siren-east", "cut-12-siren-1")));
        for other in [
            "live_cut-12_slope-failure_7_1_alert_siren_mast",
            "probe_",
            "probe_a",
            "probe_a_b",
            "probe_a_b_c",
            "",
        ] {
            assert_eq!(named(other), None, "{other}");
        }
    }
}
