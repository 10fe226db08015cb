//! The journal of a daemon that is stopped, for what somebody hands over meanwhile.

use std::path::Path;

use anyhow::Context;
use delivery::Ledger;
use ingest::clock::Clock;
use ingest::journal::Journal;
use reading::registry::Registry;
use serde_json::json;

use super::past::Message;
use crate::board::Past;
use crate::cli::api::Sent;
use crate::config::Config;
use crate::daemon;
use crate::safekeeping::layout;
use crate::sheet::Form;

/// An open journal, and who is registered.
pub struct Stopped {
    journal: Journal,
    clock: Clock,
    registry: Registry,
}

impl Stopped {
    /// Opens the journal of a configuration, and journals the configuration: what comes is judged by it.
    ///
    /// # Errors
    /// If a daemon has the journal, or it cannot be opened.
    pub async fn open(config: &Config) -> anyhow::Result<Self> {
        layout::check(&config.data_dir)?;
        let clock = Clock::system();
        let seen = seen(&config.data_dir)?;
        let journal = daemon::open_journal(config, clock.clone(), seen).with_context(|| {
            "cannot open the journal; if bongsu runs, hand the file to it with --url and --token-file"
        })?;
        daemon::announce_setup(&journal, &clock, config).await?;
        Ok(Self { journal, clock, registry: config.setup.registry.clone() })
    }

    /// Journals a message of a station that is registered.
    ///
    /// # Errors
    /// If the journal takes nothing.
    pub async fn take(&self, message: &Message) -> anyhow::Result<Sent> {
        let Message { site, station, payload, .. } = message;
        let found = self.registry.site(site).and_then(|at| self.registry.station(at, station));
        let Some(found) = found else {
            return Ok(Sent::Refused("there is no such station".into()));
        };
        let past = Past {
            source: self.registry.stations()[found.index()].source.clone(),
            topic: format!("bongsu/v1/{site}/{station}/backfill"),
            payload: payload.clone(),
        };
        self.journal.append(vec![daemon::past::entry(past, &self.clock)]).await?;
        Ok(Sent::Taken)
    }

    /// Notes in the trail that records of elsewhere were taken in.
    ///
    /// # Errors
    /// If the ledger cannot be written.
    pub fn note(&self, config: &Config, form: Form, records: u64) -> anyhow::Result<()> {
        let (ledger, _) = Ledger::open(config.data_dir.join("ledger.sqlite"))?;
        let entry = json!({ "what": form.name(), "records": records, "by": "command line" });
        Ok(ledger.audit(self.clock.wall(), "import", &entry)?)
    }

    /// Lets go of the journal, with everything on disk.
    pub async fn close(self) {
        self.journal.shutdown().await;
    }
}

/// The last record that anybody beside the journal knows of.
fn seen(folder: &Path) -> anyhow::Result<u64> {
    std::fs::create_dir_all(folder)
        .with_context(|| format!("cannot make the data folder {}", folder.display()))?;
    let (_, opened) = Ledger::open(folder.join("ledger.sqlite"))?;
    Ok(opened.position.max(daemon::newest_snapshot(folder)?))
}
