//! Tells a second place again and again that the desk moves: who hears nothing for a while calls people.
//!
//! Nothing is told while readings wait and nothing is decided, or while the disk is full or takes nothing: somebody
//! should look then as well.

use anyhow::Context;
use ingest::journal::{Health, Journal};
use reqwest::Client;
use serde_json::json;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::watchdog::Life;
use crate::config::{HeartbeatSettings, HttpUrl, resolve_secret};
use crate::desk::run::Progress;

/// Who is told, and how.
pub struct Heartbeat {
    settings: HeartbeatSettings,
    client: Client,
    url: reqwest::Url,
    /// Who speaks.
    sender: String,
    /// Whether the last one was heard.
    is_heard: bool,
}

impl Heartbeat {
    /// Ready to beat.
    ///
    /// # Errors
    /// An address that cannot be read or is none.
    pub fn new(settings: HeartbeatSettings, sender: String) -> anyhow::Result<Self> {
        let url = match &settings.url {
            HttpUrl::Plain(url) => url.clone(),
            HttpUrl::Secret(reference) => {
                resolve_secret(reference).context("[heartbeat] url")?.expose().to_owned()
            }
        };
        // what is wrong with it may be secret
        let url =
            url.trim().parse().map_err(|_| anyhow::anyhow!("[heartbeat] url is no address"))?;
        let client = Client::builder().timeout(settings.timeout).build()?;
        Ok(Self { settings, client, url, sender, is_heard: true })
    }

    /// Beats until `stop`.
    pub async fn run(
        mut self,
        journal: Journal,
        progress: watch::Receiver<Progress>,
        stop: CancellationToken,
    ) {
        let mut life = Life::default();
        loop {
            let position = progress.borrow().position;
            let is_writing = matches!(journal.health(), Health::Good);
            if life.is_seen(position, journal.synced()) && is_writing {
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = self.beat(position) => {}
                }
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(self.settings.every) => {}
            }
        }
    }

    async fn beat(&mut self, position: u64) {
        let body = json!({ "from": self.sender, "position": position });
        let sent = self.client.post(self.url.clone()).json(&body).send().await;
        let heard = sent.and_then(reqwest::Response::error_for_status);
        let was_heard = std::mem::replace(&mut self.is_heard, heard.is_ok());
        match heard {
            Err(error) if was_heard => {
                let error = error.without_url(); // it may hold a token
                tracing::warn!(%error, "the heartbeat is not heard; whoever listens will call somebody");
            }
            Ok(_) if !was_heard => tracing::info!("the heartbeat is heard again"),
            _ => {}
        }
    }
}
