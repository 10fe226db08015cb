//! Webhooks as Standard Webhooks: a signed POST whose `webhook-id` is the delivery key, so that a receiver which
//! honours ids is told once.
//!
//! By the standard a 2xx is the receiver's word that it has it, and there is no better proof to be had. Taken for no
//! answer: a 2xx with a page of HTML, and one whose body says that it failed. Addresses and keys never reach logs,
//! errors or receipts: only scheme and host are shown.

mod body;

use std::sync::Arc;

use alerting::{AttemptResult, Delivery};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use ring::hmac;

pub use body::{body, public_body};

use super::Spoken;
use super::http::{HttpError, HttpSettings, Peer};
use crate::probe::{Probe, Proof, Provable};
use crate::secret::Secret;
use crate::time::Time;

/// Lengths of a Standard Webhooks key, bytes.
const KEY_LENS: std::ops::RangeInclusive<usize> = 24..=64;

/// Where a webhook goes and how it is signed.
#[derive(Clone, Debug)]
pub struct WebhookSettings {
    /// Where to.
    pub http: HttpSettings,
    /// `whsec_` and the key in base64, 24 to 64 bytes.
    pub secret: Secret,
    /// Under which address `/cap/` is served, if CAP is published; without a slash at the end.
    pub cap_base_url: Option<String>,
}

/// Why a webhook cannot be set up. None of these repeats the setting itself.
#[derive(Debug, thiserror::Error)]
pub enum WebhookError {
    /// Not a peer.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// Not a key.
    #[error(
        "the webhook's secret is not `whsec_` followed by 24 to 64 bytes in base64; make one with `echo whsec_$(head -c 32 /dev/urandom | base64)`"
    )]
    Secret,
}

/// Signs as Standard Webhooks does: `v1,` and base64 of HMAC-SHA256 over `id.timestamp.body`.
pub struct Signer(hmac::Key);

impl Signer {
    /// Reads `whsec_<base64>`.
    ///
    /// # Errors
    /// [`WebhookError::Secret`].
    pub fn new(secret: &Secret) -> Result<Self, WebhookError> {
        let text = secret.expose().trim().strip_prefix("whsec_").ok_or(WebhookError::Secret)?;
        let key = BASE64.decode(text).map_err(|_| WebhookError::Secret)?;
        if !KEY_LENS.contains(&key.len()) {
            return Err(WebhookError::Secret);
        }
        Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, &key)))
    }

    /// The value of `webhook-signature`; `timestamp` in seconds since 1970.
    pub fn sign(&self, id: &str, timestamp: i64, body: &[u8]) -> String {
        let mut context = hmac::Context::with_key(&self.0);
        context.update(format!("{id}.{timestamp}.").as_bytes());
        context.update(body);
        format!("v1,{}", BASE64.encode(context.sign()))
    }
}

/// Posts alerts to one address.
pub struct Webhook {
    peer: Peer,
    signer: Signer,
    cap_base_url: Option<String>,
    time: Arc<dyn Time>,
}

impl Webhook {
    /// A channel to this address.
    ///
    /// # Errors
    /// [`WebhookError`] if a setting cannot be used.
    pub fn new(settings: &WebhookSettings, time: Arc<dyn Time>) -> Result<Self, WebhookError> {
        Ok(Self {
            peer: Peer::new(&settings.http)?,
            signer: Signer::new(&settings.secret)?,
            cap_base_url: settings.cap_base_url.clone(),
            time,
        })
    }

    async fn post(&self, delivery: &Delivery) -> AttemptResult {
        self.send(delivery.key.as_str(), body(delivery, self.cap_base_url.as_deref())).await
    }

    async fn send(&self, id: &str, body: Vec<u8>) -> AttemptResult {
        let timestamp = self.time.now().nanos().div_euclid(1_000_000_000);
        let signature = self.signer.sign(id, timestamp, &body);
        let request = self
            .peer
            .post("application/json", body)
            .header("webhook-id", id)
            .header("webhook-timestamp", timestamp)
            .header("webhook-signature", signature);
        match self.peer.ask(request).await {
            Ok(answer) => answer.judged(),
            Err(result) => result,
        }
    }
}

impl Spoken for Webhook {
    fn say<'a>(&'a self, delivery: &'a Delivery, _attempt: u32) -> BoxFuture<'a, AttemptResult> {
        self.post(delivery).boxed()
    }
}

impl Provable for Webhook {
    fn targets(&self) -> Vec<String> {
        vec!["address".into()]
    }

    /// A signed event of another type than alerts have.
    fn prove<'a>(&'a self, probe: &'a Probe) -> BoxFuture<'a, Proof> {
        async {
            let event = serde_json::json!({ "type": "bongsu.test", "id": probe.id(), "at": probe.at().to_string() });
            self.send(probe.id(), event.to_string().into_bytes()).await.into()
        }
        .boxed()
    }
}

#[cfg(test)]
mod tests;
