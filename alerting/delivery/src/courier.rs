//! Couriers: one task for each channel. One attempt at a time, one outcome for each attempt.
//!
//! The order is what makes crashes harmless: the ledger has `attempting` on disk, then the channel sends, then the
//! outcome is in the journal, then the next delivery is taken. Whatever stands at `attempting` when a courier starts
//! was in hand when the process ended, and its outcome is journaled as unknown; the outbox decides what that means.
//! So start couriers after the desk has applied the whole journal: an outcome that is journaled is known.
//!
//! A channel that fails again and again is left to rest and tried with one delivery at a time (`breaker`).
//!
//! A channel runs in a task of its own. One that hangs is cut off, one that panics is caught; both attempts end as
//! unknown, and no other courier notices. Trouble with the ledger is waited out; trouble with the journal ends the
//! courier, and with it the daemon, since what was sent could not be remembered.

mod breaker;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use alerting::{AttemptResult, DeliveryKey, Outcome};
use futures_util::future::BoxFuture;
use reading::Timestamp;
use reading::id::ChannelId;
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use tracing::Instrument;

use breaker::{Breaker, Turn};

use crate::channel::Channel;
use crate::ledger::{DueDelivery, Ledger, LedgerError, Owed};
use crate::metrics::Metrics;
use crate::operation::{Carried, Live, Operation};
use crate::time::Time;

/// How long an attempt may take at most, whatever the channel's own timeout.
pub const ATTEMPT_MAX: Duration = Duration::from_secs(60);

/// How long an attempt may still take once the daemon stops.
pub const GRACE: Duration = Duration::from_secs(5);

/// Waits after a failure of the ledger: doubled from the first to the last.
const LEDGER_WAIT: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(30));

/// Why an outcome could not be journaled.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct SinkError(pub String);

/// Where outcomes go: the journal.
pub trait OutcomeSink: Send + Sync {
    /// Appends an outcome; done when it is on disk.
    fn append(&self, outcome: Outcome) -> BoxFuture<'_, Result<(), SinkError>>;
}

/// Why a courier ended before it was told to.
#[derive(Debug, thiserror::Error)]
pub enum CourierError {
    /// The journal takes no outcomes.
    #[error(
        "channel `{channel}`: what became of delivery {delivery} cannot be journaled; it will be asked for at the next start"
    )]
    Journal {
        /// The channel.
        channel: ChannelId,
        /// The delivery.
        delivery: DeliveryKey,
        /// What the journal said.
        source: SinkError,
    },
}

/// The task of one channel of the operation `O`.
pub struct Courier<O: Operation = Live> {
    name: ChannelId,
    channel: Arc<dyn Channel<O>>,
    owed: Owed<O>,
    outcomes: Arc<dyn OutcomeSink>,
    time: Arc<dyn Time>,
    metrics: Metrics,
    waker: Arc<Notify>,
    attempt_max: Duration,
    grace: Duration,
    breaker: Breaker,
}

/// What one [turn](Courier::turn) of a courier came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turned {
    /// Something was due and is dealt with; there may be more.
    Carried,
    /// Nothing is due. The first moment at which something will be, if anything is queued.
    Idle(Option<Timestamp>),
    /// The channel is out of order and left alone until then.
    Resting(Timestamp),
}

impl<O: Operation> Courier<O> {
    /// A courier for the channel of this name, who carries what is owed.
    pub fn new(
        name: ChannelId,
        channel: Arc<dyn Channel<O>>,
        owed: Owed<O>,
        outcomes: Arc<dyn OutcomeSink>,
        time: Arc<dyn Time>,
        metrics: Metrics,
    ) -> Self {
        let waker = Arc::new(Notify::new());
        Self {
            name,
            channel,
            owed,
            outcomes,
            time,
            metrics,
            waker,
            attempt_max: ATTEMPT_MAX,
            grace: GRACE,
            breaker: Breaker::default(),
        }
    }

    /// Limits an attempt to `attempt_max`, and to `grace` once the daemon stops.
    #[must_use]
    pub fn limited(self, attempt_max: Duration, grace: Duration) -> Self {
        Self { attempt_max, grace, ..self }
    }

    /// What wakes it: call `notify_one` after each commit that owes or moves a delivery of this channel.
    pub fn waker(&self) -> Arc<Notify> {
        self.waker.clone()
    }

    /// Carries deliveries until told to stop.
    ///
    /// # Errors
    /// [`CourierError`] if an outcome cannot be journaled.
    pub async fn run(mut self, stop: CancellationToken) -> Result<(), CourierError> {
        self.begin(&stop).await?;
        while !stop.is_cancelled() {
            match self.turn(&stop).await? {
                Turned::Carried => {}
                Turned::Idle(next) => self.rest(next, &stop).await,
                Turned::Resting(until) => self.leave_alone(until, &stop).await,
            }
        }
        Ok(())
    }

    /// Before the first turn: reports every delivery that was in hand when the process ended.
    ///
    /// # Errors
    /// [`CourierError`] if an outcome cannot be journaled.
    pub async fn begin(&self, stop: &CancellationToken) -> Result<(), CourierError> {
        self.settle_in_hand(stop).await?;
        self.metrics.resting(&self.name, false);
        Ok(())
    }

    /// Carries what is due next, if anything is; waits for nothing but the ledger, the channel and the journal.
    ///
    /// # Errors
    /// [`CourierError`] if an outcome cannot be journaled.
    pub async fn turn(&mut self, stop: &CancellationToken) -> Result<Turned, CourierError> {
        let now = self.time.now();
        if let Some(until) = self.breaker.rests_until(now) {
            return Ok(Turned::Resting(until));
        }
        match self.next(now, stop).await {
            Some(due) => self.carry(due, stop).await.map(|()| Turned::Carried),
            None => {
                let name = self.name.clone();
                let next = self.ask(stop, move |ledger| ledger.next_due(&name, now)).await;
                Ok(Turned::Idle(next.flatten()))
            }
        }
    }

    /// Waits while the channel rests; what is owed stays queued.
    async fn leave_alone(&self, until: Timestamp, stop: &CancellationToken) {
        tokio::select! {
            () = stop.cancelled() => {}
            () = self.time.sleep_until(until) => {}
        }
    }

    async fn settle_in_hand(&self, stop: &CancellationToken) -> Result<(), CourierError> {
        let name = self.name.clone();
        let in_hand = self.ask(stop, move |ledger| ledger.in_hand(&name)).await.unwrap_or_default();
        for left in in_hand {
            tracing::warn!(channel = %self.name, delivery = %left.key, attempt = left.attempt, "stopped while in hand");
            self.tell(left.key, left.attempt, AttemptResult::Unknown).await?;
        }
        Ok(())
    }

    async fn next(&self, now: Timestamp, stop: &CancellationToken) -> Option<DueDelivery> {
        let name = self.name.clone();
        let found = self
            .ask(stop, move |ledger| Ok((ledger.due(&name, now, 1)?, ledger.depth(&name)?)))
            .await;
        let (due, depth) = found?;
        self.metrics.waiting(&self.name, depth);
        due.into_iter().next()
    }

    /// Waits until something may be due.
    async fn rest(&self, next: Option<Timestamp>, stop: &CancellationToken) {
        let due = async {
            match next {
                Some(at) => self.time.sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = stop.cancelled() => {}
            () = self.waker.notified() => {}
            () = due => {}
        }
    }

    async fn carry(
        &mut self,
        due: DueDelivery,
        stop: &CancellationToken,
    ) -> Result<(), CourierError> {
        let (key, attempt, at) = (due.key.clone(), due.attempt, self.time.now());
        let marked = self.ask(stop, move |ledger| ledger.mark_attempting(&key, attempt, at)).await;
        if marked != Some(true) {
            return Ok(());
        }
        let delivery = match due.delivery {
            Ok(delivery) => Arc::new(Carried::new(delivery)),
            Err(error) => {
                let reason = format!("the stored message cannot be read: {error}");
                return self.tell(due.key, attempt, AttemptResult::Refused { reason }).await;
            }
        };
        // Cut off by the stop: it stays in hand, and the next start reports it.
        let Some(result) = self.attempt(delivery.clone(), attempt, stop).await else {
            return Ok(());
        };
        let turn = self.breaker.take(&result, self.time.now());
        self.note(turn);
        self.tell(due.key, attempt, result).await
    }

    fn note(&self, turn: Option<Turn>) {
        match turn {
            None => {}
            Some(Turn::Opened) => {
                self.metrics.resting(&self.name, true);
                tracing::warn!(channel = %self.name, "a channel fails again and again, and is tried with one delivery at a time");
            }
            Some(Turn::Closed) => {
                self.metrics.resting(&self.name, false);
                tracing::info!(channel = %self.name, "a channel works again");
            }
        }
    }

    /// One attempt, in a task of its own; nothing if the daemon stopped before it came to an end.
    async fn attempt(
        &self,
        delivery: Arc<Carried<O>>,
        attempt: u32,
        stop: &CancellationToken,
    ) -> Option<AttemptResult> {
        let (channel, carried) = (self.channel.clone(), delivery.clone());
        let span = tracing::debug_span!("attempt", channel = %self.name, delivery = %delivery.key, attempt);
        let sending = async move { channel.attempt(&carried, attempt).await };
        let task = tokio::spawn(sending.instrument(span));
        let task = timeout(self.attempt_max, AbortOnDropHandle::new(task));
        let stopped = async {
            stop.cancelled().await;
            sleep(self.grace).await;
        };
        let trouble = tokio::select! {
            ended = task => match ended {
                Ok(Ok(result)) => return Some(result),
                Ok(Err(_)) => "panicked",
                Err(_) => "hung",
            },
            () = stopped => return None,
        };
        tracing::error!(channel = %self.name, delivery = %delivery.key, attempt, trouble, "an attempt did not end well");
        Some(AttemptResult::Unknown)
    }

    async fn tell(
        &self,
        key: DeliveryKey,
        attempt: u32,
        result: AttemptResult,
    ) -> Result<(), CourierError> {
        self.metrics.attempted(&self.name, &result);
        tracing::debug!(channel = %self.name, delivery = %key, attempt, result = ?result, "attempted");
        let outcome = Outcome { key: key.clone(), attempt, result };
        let told = self.outcomes.append(outcome).await;
        told.map_err(|source| CourierError::Journal {
            channel: self.name.clone(),
            delivery: key,
            source,
        })
    }

    /// Asks the ledger off the async threads. While it fails, waits and asks again; nothing once stopped.
    async fn ask<T: Send + 'static>(
        &self,
        stop: &CancellationToken,
        question: impl Fn(&Ledger) -> Result<T, LedgerError> + Send + Sync + 'static,
    ) -> Option<T> {
        let question = Arc::new(question);
        let mut wait = LEDGER_WAIT.0;
        loop {
            let (ledger, asked) = (self.owed.ledger().clone(), question.clone());
            let answer = tokio::task::spawn_blocking(move || asked(&ledger)).await;
            match answer.expect("the ledger does not panic") {
                Ok(answer) => return Some(answer),
                Err(error) => self.complain(&error),
            }
            tokio::select! {
                () = stop.cancelled() => return None,
                () = sleep(wait) => wait = (wait * 2).min(LEDGER_WAIT.1),
            }
        }
    }

    fn complain(&self, error: &LedgerError) {
        self.metrics.failed(&self.name);
        let source = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
        tracing::error!(channel = %self.name, %error, source, "a courier cannot use the ledger and waits");
    }
}

impl<O: Operation> fmt::Debug for Courier<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Courier").field("channel", &self.name).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
