//! Our own broker: its publish hook is the collector.
//!
//! The broker asks before it acknowledges a message, and gets its answer once the intake has the frame: so the
//! sender's own PUBACK means "on disk" (G1, end to end). Messages of many senders wait together and share one
//! fsync. A station that waits for its answer sends nothing meanwhile; that is the backpressure.

use std::sync::Arc;
use std::time::Duration;

use broker::{PublishHook, Published, Qos, Verdict};
use futures_util::future::BoxFuture;
use tokio_util::sync::CancellationToken;

use super::config::Filters;
use super::event::{Event, Happening, Listener, Role};
use super::limit::Word;
use super::metrics::CollectorMetrics;
use super::mqtt::Wiring;
use super::pace::{BURST, Paces};
use super::storing::BACKFILL_RATE;
use super::subscriptions::Subscriptions;
use super::{Intake, PAYLOAD_LEN_MAX, Taken, keep, topic};
use crate::clock::Clock;

/// How long a sender waits for the disk before its connection is closed unanswered.
pub const HOLD_MAX: Duration = Duration::from_secs(10);

/// The collector of the embedded broker.
#[derive(Clone)]
pub struct Embedded {
    shared: Arc<Shared>,
}

struct Shared {
    source: Arc<str>,
    filters: Filters,
    subscriptions: Subscriptions,
    intake: Arc<dyn Intake>,
    clock: Clock,
    metrics: CollectorMetrics,
    listener: Listener,
    paces: Paces,
    /// Who was too fast.
    word: Word,
    cancel: CancellationToken,
    /// Held by the old message whose turn it is.
    turn: tokio::sync::Mutex<()>,
}

impl Embedded {
    /// A collector by the name of `source` that takes what `filters` match. Once told to stop it withholds.
    pub fn new(source: &str, filters: Filters, intake: Arc<dyn Intake>, wiring: &Wiring) -> Self {
        Self {
            shared: Arc::new(Shared {
                source: source.into(),
                subscriptions: Subscriptions::new(&wiring.metrics, source, filters.all()),
                filters,
                intake,
                clock: wiring.clock.clone(),
                metrics: wiring.metrics.clone(),
                listener: wiring.listener.clone(),
                paces: Paces::new(BURST),
                word: Word::new(),
                cancel: wiring.cancel.clone(),
                turn: tokio::sync::Mutex::default(),
            }),
        }
    }
}

impl PublishHook for Embedded {
    fn on_publish(&self, message: Published) -> BoxFuture<'static, Verdict> {
        let shared = self.shared.clone();
        Box::pin(async move {
            // A topic with a mistake in it is kept, to be refused by name.
            if !shared.subscriptions.count(&message.topic) && !topic::is_stray(&message.topic) {
                return Verdict::Accept; // nothing of the field's: our own words, or not for us
            }
            shared.keep_pace(&message).await;
            let is = |filters: &[String]| filters.iter().any(|f| topic::matches(f, &message.topic));
            if is(&shared.filters.backfill) && !is(&shared.filters.telemetry) {
                shared.wait_for_turn().await;
            }
            shared.store(message).await
        })
    }
}

impl Shared {
    /// One that sends too fast waits, however many connections it has; it is counted and told.
    async fn keep_pace(&self, message: &Published) {
        let sender = message.user.as_ref().unwrap_or(&message.client_id);
        let wait = self.paces.wait(sender);
        if wait.is_zero() {
            return;
        }
        self.metrics.paced.with_label_values(&[&*self.source]).inc();
        if let Some(frames) = self.word.count(sender) {
            tracing::warn!(collector = &*self.source, %sender, frames, "sender slowed");
            (self.listener)(Event {
                collector: self.source.to_string(),
                role: Role::Telemetry,
                happening: Happening::Slowed { sender: sender.to_string(), frames },
            });
        }
        tokio::time::sleep(wait.min(HOLD_MAX)).await;
    }

    /// Stores one message and says whether it may be acknowledged.
    async fn store(&self, message: Published) -> Verdict {
        let qos = message.qos;
        let collector = &*self.source;
        if message.payload.len() > PAYLOAD_LEN_MAX {
            self.metrics.cut.with_label_values(&[collector]).inc();
        }
        self.metrics.in_flight.with_label_values(&[collector, "embedded"]).inc();
        let stored = self.hold(self.taken(message)).await;
        self.metrics.in_flight.with_label_values(&[collector, "embedded"]).dec();
        match (stored, qos) {
            (true, _) => {
                self.metrics.frames.with_label_values(&[collector]).inc();
                Verdict::Accept
            }
            (false, Qos::AtMostOnce) => {
                self.metrics.dropped.with_label_values(&[collector]).inc();
                Verdict::Accept // there is nothing to acknowledge
            }
            (false, Qos::AtLeastOnce | Qos::ExactlyOnce) => Verdict::Withhold,
        }
    }

    /// What is of now stays first: of old messages so many are stored a second, whoever sends them.
    async fn wait_for_turn(&self) {
        let turn = async {
            let _held = self.turn.lock().await;
            tokio::time::sleep(Duration::from_secs(1) / BACKFILL_RATE).await;
        };
        tokio::select! {
            () = turn => {}
            () = self.cancel.cancelled() => {}
        }
    }

    /// Whether the frame got on disk in time.
    async fn hold(&self, frame: Taken) -> bool {
        let timer = self.metrics.store_seconds.start_timer();
        let stored = tokio::select! {
            stored = tokio::time::timeout(HOLD_MAX, self.intake.store(vec![frame])) => stored,
            () = self.cancel.cancelled() => return false,
        };
        timer.observe_duration();
        match stored {
            Ok(Ok(())) => true,
            Ok(Err(error)) => {
                tracing::warn!(collector = &*self.source, %error, "acknowledgement withheld");
                false
            }
            Err(_) => {
                tracing::warn!(
                    collector = &*self.source,
                    "acknowledgement withheld: the disk does not keep up"
                );
                false
            }
        }
    }

    fn taken(&self, message: Published) -> Taken {
        Taken {
            source: self.source.clone(),
            topic: message.topic,
            payload: keep(message.payload),
            retained: false, // fresh from its sender, whatever the broker keeps
            received_at: self.clock.wall(),
        }
    }
}
