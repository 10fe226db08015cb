//! Makes a snapshot of the desk now and then, on a thread that the desk does not wait for.

use std::sync::Arc;
use std::time::Duration;

use delivery::Ledger;
use ingest::journal::Journal;
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::desk::run::{Progress, make_snapshot};
use crate::desk::state::StateFolder;

/// How often one is made, real time.
const EVERY: Duration = Duration::from_secs(300);

/// Runs until told to stop.
pub async fn keep(
    state: StateFolder,
    journal: Journal,
    ledger: Arc<Ledger>,
    progress: watch::Receiver<Progress>,
    stop: CancellationToken,
) {
    let mut last = progress.borrow().position;
    while timeout(EVERY, stop.cancelled()).await.is_err() {
        let seen = *progress.borrow();
        if seen.position == last {
            continue;
        }
        let (state, journal, ledger) = (state.clone(), journal.clone(), ledger.clone());
        let made =
            tokio::task::spawn_blocking(move || make_snapshot(&state, &journal, &ledger, seen))
                .await;
        match made {
            Ok(Ok(position)) => {
                last = position;
                tracing::debug!(position, "snapshot made");
            }
            Ok(Err(error)) => {
                tracing::error!(%error, "no snapshot was made; the journal is kept until one is")
            }
            Err(error) => tracing::error!(%error, "making a snapshot panicked; please report this"),
        }
    }
}
