//! What people order: into the journal, and back with what the desk decided.

use std::sync::Arc;
use std::time::Duration;

use alerting::{Command, Decision};
use delivery::Ledger;
use futures_util::future::BoxFuture;
use ingest::clock::Clock;
use ingest::journal::{Entry, Journal, Kind};
use reading::registry::Text;
use tokio::sync::watch;
use tokio::time::timeout;

use crate::board::{CommandSink, Ordered};
use crate::desk::events::payload;
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

    async fn give(&self, command: Command) -> Result<Ordered, String> {
        let entry = Entry {
            kind: Kind::Command,
            source: command.by.as_str().into(),
            topic: command.verb.name().into(),
            retained: false,
            received_at: self.clock.wall(),
            payload: payload(&command),
        };
        let sequence =
            self.journal.append(vec![entry]).await.map_err(|error| error.to_string())?.last;
        let mut progress = self.progress.clone();
        progress
            .wait_for(|progress| progress.position >= sequence)
            .await
            .map_err(|_| "the desk has stopped".to_owned())?;
        let (ledger, id) = (self.ledger.clone(), command.incident.clone());
        let decided = tokio::task::spawn_blocking(move || ledger.command_at(sequence, &id)).await;
        let decision =
            decided.map_err(|error| error.to_string())?.map_err(|error| error.to_string())?;
        let (accepted, reason) = match decision.map(|row| row.decision) {
            Some(Decision::Command { accepted, reason, .. }) => (accepted, reason),
            _ => (
                true,
                Text {
                    ko: "이미 처리된 요청입니다".into(),
                    en: "This order was carried out before".into(),
                },
            ),
        };
        Ok(Ordered { sequence, accepted, reason })
    }
}

impl CommandSink for Orders {
    fn order(&self, command: Command) -> BoxFuture<'_, Result<Ordered, String>> {
        Box::pin(async move {
            timeout(ANSWER_MAX, self.give(command))
                .await
                .unwrap_or_else(|_| Err("the journal takes nothing at present; try again".into()))
        })
    }
}
