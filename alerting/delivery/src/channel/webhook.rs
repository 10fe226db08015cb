//! Webhooks as Standard Webhooks: a signed POST whose `webhook-id` is the delivery key, so that a receiver which
//! honours ids is told once.
//!
//! Any 2xx is proof. 408, 425, 429, 5xx, redirects (never followed) and network trouble are tried again; every
//! other answer is final. Addresses and keys never reach logs, errors or receipts: only scheme and host are shown.

mod body;

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use alerting::{AttemptResult, Delivery};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use reqwest::header::{CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use reqwest::{Response, StatusCode, Url};
use ring::hmac;

pub use body::body;

use super::{Channel, delivered, refused, retry};
use crate::secret::Secret;
use crate::time::Time;

/// How much of an answer is read, so that its connection can be used again.
const ANSWER_LEN_MAX: usize = 64 << 10;

/// How long reading the rest of an answer may take; its status is known by then.
const ANSWER_REST: Duration = Duration::from_secs(1);

/// Lengths of a Standard Webhooks key, bytes.
const KEY_LENS: std::ops::RangeInclusive<usize> = 24..=64;

/// Where a webhook goes and how it is signed.
#[derive(Clone, Debug)]
pub struct WebhookSettings {
    /// `https://…` or `http://…`; may hold user, password or token.
    pub url: Secret,
    /// `whsec_` and the key in base64, 24 to 64 bytes.
    pub secret: Secret,
    /// How long one attempt may take.
    pub timeout: Duration,
    /// Certificates in PEM to trust instead of the system's, for a receiver with its own authority.
    pub authorities_pem: Option<Vec<u8>>,
    /// Under which address `/cap/` is served, if CAP is published; without a slash at the end.
    pub cap_base_url: Option<String>,
}

/// Why a webhook cannot be set up. None of these repeats the setting itself.
#[derive(Debug, thiserror::Error)]
pub enum WebhookError {
    /// Not an address.
    #[error("the webhook's url is not an http or https address with a host")]
    Url,
    /// Not a key.
    #[error(
        "the webhook's secret is not `whsec_` followed by 24 to 64 bytes in base64; make one with `echo whsec_$(head -c 32 /dev/urandom | base64)`"
    )]
    Secret,
    /// Not certificates.
    #[error("the webhook's authorities are not certificates in PEM")]
    Authorities,
    /// The client could not be made.
    #[error("cannot make an HTTP client; check the system's certificates: {0}")]
    Client(String),
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
    client: reqwest::Client,
    url: Url,
    shown: String,
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
        let url = Url::parse(settings.url.expose().trim()).map_err(|_| WebhookError::Url)?;
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
            return Err(WebhookError::Url);
        }
        Ok(Self {
            client: client(settings, &url)?,
            shown: url.origin().ascii_serialization(),
            signer: Signer::new(&settings.secret)?,
            cap_base_url: settings.cap_base_url.clone(),
            url,
            time,
        })
    }

    async fn post(&self, delivery: &Delivery) -> AttemptResult {
        let body = body(delivery, self.cap_base_url.as_deref());
        let (id, timestamp) =
            (delivery.key.as_str(), self.time.now().nanos().div_euclid(1_000_000_000));
        let request = self
            .client
            .post(self.url.clone())
            .header(CONTENT_TYPE, "application/json")
            .header("webhook-id", id)
            .header("webhook-timestamp", timestamp)
            .header("webhook-signature", self.signer.sign(id, timestamp, &body))
            .body(body);
        match request.send().await {
            Ok(mut response) => {
                let result = verdict(response.status(), response.headers(), &self.shown);
                drain(&mut response).await;
                result
            }
            Err(error) if error.is_builder() => {
                refused(format!("{}: {}", self.shown, reason(error)))
            }
            Err(error) => retry(format!("{}: {}", self.shown, reason(error))),
        }
    }
}

impl Channel for Webhook {
    fn attempt<'a>(
        &'a self,
        delivery: &'a Delivery,
        _attempt: u32,
    ) -> BoxFuture<'a, AttemptResult> {
        self.post(delivery).boxed()
    }
}

/// The environment's proxies are left out: what reaches people is decided by configuration alone.
fn client(settings: &WebhookSettings, url: &Url) -> Result<reqwest::Client, WebhookError> {
    let builder = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .timeout(settings.timeout)
        .user_agent(concat!("bongsu/", env!("CARGO_PKG_VERSION")));
    if let Some(pem) = &settings.authorities_pem {
        let authorities =
            reqwest::Certificate::from_pem_bundle(pem).map_err(|_| WebhookError::Authorities)?;
        return builder.tls_certs_only(authorities).build().map_err(|_| WebhookError::Authorities);
    }
    // Plain http needs no certificates, and a machine without any must still start.
    let builder = if url.scheme() == "http" { builder.tls_certs_only([]) } else { builder };
    builder.build().map_err(|error| WebhookError::Client(reason(error)))
}

fn verdict(status: StatusCode, headers: &HeaderMap, shown: &str) -> AttemptResult {
    let mut said = format!("{shown} answered {}", status.as_u16());
    if let Some(after) = headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()) {
        let after: String = after.chars().take(40).collect();
        let _ = write!(said, ", retry after {after}");
    }
    let again = [StatusCode::REQUEST_TIMEOUT, StatusCode::TOO_EARLY, StatusCode::TOO_MANY_REQUESTS];
    match status {
        status if status.is_success() => delivered(said),
        status if status.is_client_error() && !again.contains(&status) => refused(said),
        _ => retry(said),
    }
}

/// Reads what is left of an answer, within bounds; the verdict stands by now.
async fn drain(response: &mut Response) {
    let rest = async {
        let mut len = 0;
        while let Ok(Some(chunk)) = response.chunk().await {
            len += chunk.len();
            if len > ANSWER_LEN_MAX {
                return;
            }
        }
    };
    let _ = tokio::time::timeout(ANSWER_REST, rest).await;
}

/// What went wrong, cause by cause, without the address.
fn reason(error: reqwest::Error) -> String {
    let timed_out = error.is_timeout();
    let error = error.without_url();
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(error) = cause {
        let _ = write!(text, ": {error}");
        cause = error.source();
    }
    if timed_out { "no answer in time".into() } else { text }
}

#[cfg(test)]
mod tests;
