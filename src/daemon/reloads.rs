//! Takes over a changed configuration while the daemon runs.

use anyhow::bail;
use ingest::clock::Clock;
use ingest::journal::{Journal, Kind};
use parking_lot::Mutex;

use super::announcing::own_entry;
use crate::board::Certificate;
use crate::config::Config;
use crate::desk::events::payload;

/// Takes over changed configurations while the daemon runs.
pub struct Reloads {
    running: Mutex<Config>,
    certificate: Option<Certificate>,
    journal: Journal,
    clock: Clock,
}

impl Reloads {
    /// Of a daemon that runs with this configuration.
    pub(super) fn new(
        config: Config,
        certificate: Option<Certificate>,
        journal: Journal,
        clock: Clock,
    ) -> Self {
        Self { running: Mutex::new(config), certificate, journal, clock }
    }

    /// Reads the board's certificate again, whatever else becomes of the reload.
    pub fn renew_certificate(&self) {
        match self.certificate.as_ref().map(Certificate::renew) {
            None => {}
            Some(Ok(())) => tracing::info!("the board's certificate was read again"),
            Some(Err(error)) => tracing::error!(
                error = &error as &dyn std::error::Error,
                "the board's certificate cannot be read, the one before is shown on"
            ),
        }
    }

    /// Takes over what decides: sites, rules, policies, who hears what. Ways in and out need a restart.
    ///
    /// # Errors
    /// Why the running one stays.
    pub async fn take_over(&self, config: Config) -> anyhow::Result<()> {
        let same = {
            let running = self.running.lock();
            (
                &config.channels,
                &config.collectors,
                &config.http,
                &config.data_dir,
                &config.journal,
                &config.archive,
                &config.history,
                &config.exercise,
                &config.heartbeat,
            ) == (
                &running.channels,
                &running.collectors,
                &running.http,
                &running.data_dir,
                &running.journal,
                &running.archive,
                &running.history,
                &running.exercise,
                &running.heartbeat,
            )
        };
        if !same {
            bail!(
                "channels, collectors, http, journal, archive, history, exercise, heartbeat or data-dir changed: restart bongsu to take them over"
            );
        }
        let setup = payload(&config.setup);
        let entry = own_entry(Kind::Configuration, "reload", setup.clone(), &self.clock);
        self.journal.append(vec![entry]).await?;
        self.journal.set_opening(setup);
        *self.running.lock() = config;
        Ok(())
    }
}
