//! What people order: into the journal, and back with what the desk decided.

use std::sync::Arc;
use std::time::Duration;

use alerting::catalogue::text;
use alerting::{Decision, IncidentId};
use delivery::Ledger;
use futures_util::future::BoxFuture;
use ingest::clock::Clock;
use ingest::journal::{Entry, Journal, Kind};
use tokio::sync::watch;
use tokio::time::timeout;

use crate::board::{CommandSink, Order, Ordered};
use crate::desk::events::{SITE_ORDER, STATION_ORDER, payload};
use crate::desk::run::Progress;

/// How long an answer may take.
const ANSWER_MAX: Duration = Duration::from_secs(8);

/// Orders on their way to the desk.
pub struct Orders {
    journal: Journal,
    clock: Clock,
    ledger: Arc<Ledger>,
    progress: watch::Receiver<Progress>,
}

impl Orders {
    /// Orders into this journal.
    pub fn new(
        journal: Journal,
        clock: Clock,
        ledger: Arc<Ledger>,
        progress: watch::Receiver<Progress>,
    ) -> Self {
        Self { journal, clock, ledger, progress }
    }

    async fn give(&self, order: Order) -> Result<Ordered, String> {
        let (by, topic, incident, payload): (_, _, Option<IncidentId>, _) = match &order {
            Order::Incident(command) => {
                let incident = command.incident.clone();
                (&command.by, command.verb.name(), Some(incident), payload(command))
            }
            Order::Station(order) => (&order.by, STATION_ORDER, None, payload(order)),
            Order::Site(order) => (&order.by, SITE_ORDER, None, payload(order)),
        };
        let entry = Entry {
            kind: Kind::Command,
            source: by.as_str().into(),
            topic: topic.into(),
            retained: false,
            received_at: self.clock.wall(),
            payload,
        };
        let sequence =
            self.journal.append(vec![entry]).await.map_err(|error| error.to_string())?.last;
        let mut progress = self.progress.clone();
        progress
            .wait_for(|progress| progress.position >= sequence)
            .await
            .map_err(|_| "the desk has stopped".to_owned())?;
        let ledger = self.ledger.clone();
        let decided =
            tokio::task::spawn_blocking(move || ledger.command_at(sequence, incident.as_ref()))
                .await;
        let decision =
            decided.map_err(|error| error.to_string())?.map_err(|error| error.to_string())?;
        let (accepted, reason) = match decision.map(|row| row.decision) {
            Some(Decision::Command { accepted, reason, .. }) => (accepted, reason),
            // The desk knows it from before. What came of it then may have been a refusal.
            _ => (false, text("command-repeated", &[])),
        };
        Ok(Ordered { sequence, accepted, reason })
    }
}

impl CommandSink for Orders {
    fn order(&self, order: Order) -> BoxFuture<'_, Result<Ordered, String>> {
        Box::pin(async move {
            timeout(ANSWER_MAX, self.give(order))
                .await
                .unwrap_or_else(|_| Err("the journal takes nothing at present; try again".into()))
        })
    }
}
