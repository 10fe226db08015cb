//! What channels and couriers are handed: the clock, the journal, the brokers.

use std::marker::PhantomData;
use std::time::Duration;

use alerting::Outcome;
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

/// Commands to devices go out through every broker of the operation: the device listens at one of them.
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
}

impl<O: Operation> CommandSink<O> for Commands<O> {
    fn publish(
        &self,
        topic: CommandTopic<O>,
        payload: Vec<u8>,
        expiry: Duration,
    ) -> BoxFuture<'_, Result<(), String>> {
        Box::pin(async move {
            // the broker counts real seconds
            let expiry = expiry.div_f64(self.speed).max(Duration::from_secs(1));
            let mut result = Err("no broker is configured to publish to".to_owned());
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
