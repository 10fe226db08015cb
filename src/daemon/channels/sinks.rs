//! What channels and couriers are handed: the clock, the journal, the brokers.

use std::marker::PhantomData;
use std::time::Duration;

use alerting::Outcome;
use delivery::channel::mqtt::{AlertSink, AlertTopic};
use delivery::channel::siren::{CommandSink, CommandTopic};
use delivery::{Operation, OutcomeSink, SinkError, Time};
use futures_util::future::BoxFuture;
use ingest::clock::Clock;
use ingest::collector::publisher::{Publisher, Surety};
use ingest::journal::{Entry, Journal, Kind};
use reading::Timestamp;

use crate::desk::events::payload;

/// The daemon's clock, as couriers see it.
pub struct DaemonTime(pub Clock);

impl Time for DaemonTime {
    fn now(&self) -> Timestamp {
        self.0.at()
    }

    fn sleep_until(&self, at: Timestamp) -> BoxFuture<'static, ()> {
        Box::pin(self.0.sleep_until(at))
    }
}

/// What attempts came to goes into the journal.
pub struct Outcomes {
    /// Where they go.
    pub journal: Journal,
    /// When they came.
    pub clock: Clock,
}

impl OutcomeSink for Outcomes {
    fn append(&self, outcome: Outcome) -> BoxFuture<'_, Result<(), SinkError>> {
        Box::pin(async move {
            let entry = Entry {
                kind: Kind::Outcome,
                source: "courier".into(),
                topic: "".into(),
                retained: false,
                received_at: self.clock.wall(),
                payload: payload(&outcome),
            };
            self.journal
                .append(vec![entry])
                .await
                .map(drop)
                .map_err(|error| SinkError(error.to_string()))
        })
    }
}

/// Why nothing is published.
const NO_BROKER: &str = "no broker is configured to publish to";

/// Commands to devices, and alerts for everybody, go out through every broker of the operation.
pub struct Commands<O: Operation> {
    /// The way to each broker.
    publishers: Vec<Publisher>,
    /// How much faster than real time the daemon's clock runs.
    speed: f64,
    operation: PhantomData<O>,
}

impl<O: Operation> Commands<O> {
    /// Through these brokers, with a clock that runs `speed` times as fast as real time.
    pub fn new(publishers: Vec<Publisher>, speed: f64) -> Self {
        Self { publishers, speed, operation: PhantomData }
    }

    /// How long a broker keeps a message: it counts real seconds.
    fn kept(&self, expiry: Duration) -> Duration {
        expiry.div_f64(self.speed).max(Duration::from_secs(1))
    }
}

impl<O: Operation> CommandSink<O> for Commands<O> {
    fn publish(
        &self,
        topic: CommandTopic<O>,
        payload: Vec<u8>,
        expiry: Duration,
    ) -> BoxFuture<'_, Result<(), String>> {
        Box::pin(async move {
            let expiry = self.kept(expiry);
            // the device listens at one of them
            let mut result = Err(NO_BROKER.to_owned());
            for publisher in &self.publishers {
                let sent = publisher
                    .publish(
                        topic.as_str(),
                        payload.clone(),
                        Surety::Confirmed,
                        false,
                        Some(expiry),
                    )
                    .await;
                result = match (sent, result) {
                    (Ok(()), _) | (Err(_), Ok(())) => Ok(()),
                    (Err(error), Err(_)) => Err(error.to_string()),
                };
            }
            result
        })
    }
}

impl<O: Operation> AlertSink<O> for Commands<O> {
    fn retain(
        &self,
        topic: AlertTopic<O>,
        payload: Vec<u8>,
        expiry: Duration,
    ) -> BoxFuture<'_, Result<(), String>> {
        Box::pin(async move {
            let expiry = Some(self.kept(expiry));
            // people read at any of them: one that does not have it must not show what was before
            let sent = self.publishers.iter().map(|publisher| {
                publisher.publish(topic.as_str(), payload.clone(), Surety::Confirmed, true, expiry)
            });
            let sent = futures_util::future::join_all(sent).await;
            if sent.is_empty() {
                return Err(NO_BROKER.to_owned());
            }
            sent.into_iter().collect::<Result<(), _>>().map_err(|error| error.to_string())
        })
    }
}
