//! Receipts that come later, on another road than the attempt: each is matched to its delivery and journaled as what
//! the attempt came to in the end. What matches nothing is counted and named, never guessed at.

use std::collections::VecDeque;
use std::sync::Arc;

use alerting::{AttemptResult, DeliveryKey, DeliveryState, Outcome};
use parking_lot::Mutex;
use reading::id::ChannelId;
use serde_json::json;

use crate::courier::OutcomeSink;
use crate::ledger::Ledger;
use crate::metrics::Metrics;
use crate::time::Time;

/// References whose receipt has come, so that a repeat is known as one.
const SETTLED_MAX: usize = 4_096;

/// How much of a reference is kept that is none of ours, characters.
const REFERENCE_LEN_MAX: usize = 100;

/// What became of a message, as its receipt says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It arrived.
    Delivered,
    /// It will not get there.
    Lost,
    /// Neither yet.
    OnItsWay,
}

/// What became of a receipt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// It settled a delivery.
    Settled,
    /// It says again what was said before.
    Duplicate,
    /// It refers to nothing we wait for: never ours, or too late.
    Unknown,
}

impl Kept {
    /// Its name in metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Settled => "settled",
            Self::Duplicate => "duplicate",
            Self::Unknown => "unknown",
        }
    }
}

/// The receipts of one channel.
pub struct Receipts {
    channel: ChannelId,
    ledger: Arc<Ledger>,
    outcomes: Arc<dyn OutcomeSink>,
    metrics: Metrics,
    time: Arc<dyn Time>,
    settled: Mutex<VecDeque<String>>,
}

impl Receipts {
    /// For the channel of this name.
    pub fn new(
        channel: ChannelId,
        ledger: Arc<Ledger>,
        outcomes: Arc<dyn OutcomeSink>,
        metrics: Metrics,
        time: Arc<dyn Time>,
    ) -> Self {
        let settled = Mutex::new(VecDeque::new());
        Self { channel, ledger, outcomes, metrics, time, settled }
    }

    /// The channel they are for.
    pub fn channel(&self) -> &ChannelId {
        &self.channel
    }

    /// Counts what became of a receipt, for those that settle nothing.
    pub fn count(&self, kept: Kept) -> Kept {
        self.metrics.receipt(&self.channel, kept.name());
        kept
    }

    /// Counts a receipt that settled nothing, and writes it into the trail.
    pub async fn note(&self, kept: Kept, reference: &str) {
        self.count(kept);
        let (ledger, at) = (self.ledger.clone(), self.time.now());
        let reference: String = reference.chars().take(REFERENCE_LEN_MAX).collect();
        let entry = json!({
            "channel": self.channel.as_str(), "reference": reference,
            "kept": format!("receipt-{}", kept.name()),
        });
        let written =
            tokio::task::spawn_blocking(move || ledger.audit(at, "receipt", &entry)).await;
        if let Ok(Err(error)) = written {
            tracing::error!(%error, channel = %self.channel, "a receipt that settles nothing cannot be written into the trail");
        }
    }

    /// Whether a receipt of this reference came before.
    pub fn is_settled(&self, reference: &str) -> bool {
        self.settled.lock().iter().any(|known| known == reference)
    }

    /// The delivery that was handed over under a reference, its attempt, and all of its references.
    pub async fn find(&self, reference: &str) -> Option<(DeliveryKey, u32, Vec<String>)> {
        let (ledger, channel) = (self.ledger.clone(), self.channel.clone());
        let reference = reference.to_owned();
        let found =
            tokio::task::spawn_blocking(move || ledger.handed_over(&channel, &reference)).await;
        match found {
            Ok(Ok(found)) => found,
            Ok(Err(error)) => {
                tracing::error!(%error, channel = %self.channel, "a receipt cannot be matched: the ledger cannot be read");
                None
            }
            Err(_) => None,
        }
    }

    /// Where a delivery of this channel stands, and its attempt; `None` if it is none.
    pub async fn stands(&self, key: &DeliveryKey) -> Option<(DeliveryState, u32)> {
        let (ledger, wanted) = (self.ledger.clone(), key.clone());
        let found = tokio::task::spawn_blocking(move || ledger.delivery(&wanted)).await;
        match found {
            Ok(Ok(row)) => {
                row.filter(|row| row.channel == self.channel).map(|row| (row.state, row.attempts))
            }
            Ok(Err(error)) => {
                tracing::error!(%error, channel = %self.channel, "a receipt cannot be matched: the ledger cannot be read");
                None
            }
            Err(_) => None,
        }
    }

    /// Remembers references that are settled from now on.
    pub fn remember(&self, references: &[String]) {
        let mut settled = self.settled.lock();
        settled.extend(references.iter().cloned());
        let beyond = settled.len().saturating_sub(SETTLED_MAX);
        settled.drain(..beyond);
    }

    /// Journals what a delivery came to in the end.
    pub async fn settle(&self, key: DeliveryKey, attempt: u32, result: AttemptResult) -> Kept {
        if let Err(error) =
            self.outcomes.append(Outcome { key: key.clone(), attempt, result }).await
        {
            tracing::error!(%error, delivery = %key, channel = %self.channel, "a receipt cannot be journaled");
        }
        self.count(Kept::Settled)
    }
}
