//! Channels that fail and lie, and those they reach. An attempt waits until the world says what becomes of it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use alerting::{AttemptResult, Delivery, Outcome};
use bongsu::daemon::Outcomes;
use delivery::{Carried, Channel, OutcomeSink, SinkError};
use futures_util::future::{BoxFuture, pending};
use parking_lot::Mutex;
use tokio::sync::{Notify, oneshot};

/// What the world lets an attempt come to.
#[derive(Clone, Debug)]
pub enum Reply {
    Result(AttemptResult),
    Panic,
}

/// An attempt in hand.
pub struct InHand {
    pub delivery: Delivery,
    pub attempt: u32,
    pub reply: oneshot::Sender<Reply>,
}

/// Where a channel and the world meet.
#[derive(Default)]
pub struct Meeting {
    pub in_hand: Mutex<Option<InHand>>,
    /// Something is up to the world.
    pub turn: Notify,
}

/// A way out of the world.
pub struct WayOut(pub Arc<Meeting>);

impl Channel for WayOut {
    fn attempt<'a>(&'a self, delivery: &'a Carried, attempt: u32) -> BoxFuture<'a, AttemptResult> {
        Box::pin(async move {
            let (reply, answer) = oneshot::channel();
            let delivery: Delivery = (**delivery).clone();
            *self.0.in_hand.lock() = Some(InHand { delivery, attempt, reply });
            self.0.turn.notify_one();
            match answer.await {
                Ok(Reply::Result(result)) => result,
                Ok(Reply::Panic) => std::panic::resume_unwind(Box::new(())), // without the hook that prints
                Err(_) => pending().await,                                   // the process ended
            }
        })
    }
}

/// What the next outcome meets on its way into the journal.
pub const PASSES: u8 = 0;
/// The process ends before it is appended.
pub const LOST: u8 = 1;
/// The process ends while it is appended.
pub const DOOMED: u8 = 2;

/// The daemon's own way for outcomes into the journal, with a place to end the process at.
pub struct Road {
    pub inner: Outcomes,
    pub fate: Arc<AtomicU8>,
    pub stuck: Arc<Notify>,
}

impl OutcomeSink for Road {
    fn append(&self, outcome: Outcome) -> BoxFuture<'_, Result<(), SinkError>> {
        Box::pin(async move {
            let fate = self.fate.load(Ordering::SeqCst);
            if fate != LOST {
                self.inner.append(outcome).await?;
            }
            if fate != PASSES {
                self.stuck.notify_one();
                pending::<()>().await;
            }
            Ok(())
        })
    }
}

/// One message as it reached somebody.
#[derive(Clone, Debug, PartialEq)]
pub struct Heard {
    pub at: i64,
    pub delivery: Delivery,
    pub attempt: u32,
}

/// Everybody who can be reached, and what reached them.
#[derive(Default)]
pub struct Ears {
    /// In the order heard, each time.
    pub heard: Vec<Heard>,
    /// Those of whom a channel said that they were told, and who were not.
    pub lied: BTreeMap<String, u32>,
}
