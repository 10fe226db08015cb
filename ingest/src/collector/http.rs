//! A document that somebody publishes over HTTP, fetched again and again: warnings and forecasts of authorities.
//!
//! Whatever comes with status 2xx and is not too long is a frame, also a page of words: the codec names what it is. Any
//! other answer, none in time, or one that does not end, is no frame: the collector is down and says why, and tries
//! again after a wait that doubles up to the interval. No error holds the address, which may hold a key.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use reqwest::redirect::Policy;
use reqwest::{Certificate, Client, Response, StatusCode};
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::backoff::Backoff;
use super::event::Role;
use super::mqtt::Wiring;
use super::seat::{Seat, Standing};
use super::{Intake, Taken};

/// The longest document that is taken, in bytes: what codecs read.
pub const DOCUMENT_LEN_MAX: usize = reading::codec::PAYLOAD_LEN_MAX;

/// The wait after the first failure.
const RETRY_FIRST: Duration = Duration::from_secs(5);

/// What the metrics call it, beside the units of a bus.
const UNIT: &str = "http";

/// A document to fetch.
#[derive(Clone, Debug)]
pub struct HttpConfig {
    /// The collector's name: the source of its frames, and their topic.
    pub name: String,
    /// Where it is.
    pub url: Hidden,
    /// The whole value of the `Authorization` header.
    pub authorization: Option<Hidden>,
    /// How often it is fetched, by the journal's clock.
    pub interval: Duration,
    /// How long one attempt may take, real time.
    pub timeout: Duration,
    /// The authority to believe, in PEM. Without one those of the system.
    pub ca_file: Option<PathBuf>,
}

/// A text that shows itself to nobody.
#[derive(Clone, PartialEq, Eq)]
pub struct Hidden(Box<str>);

impl Hidden {
    /// Hides a text.
    pub fn new(text: &str) -> Self {
        Self(text.into())
    }
}

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hidden(…)")
    }
}

/// Why a document cannot be fetched at all.
#[derive(Debug, thiserror::Error)]
pub enum HttpConfigError {
    /// The authority's file.
    #[error("collector `{name}`: {path} is not read; put the authority's certificate (PEM) there")]
    Authority {
        /// The collector.
        name: String,
        /// Its file.
        path: PathBuf,
        /// What the system, or TLS, said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// No client can be made.
    #[error("collector `{name}`: no way to speak HTTP: {source}")]
    Client {
        /// The collector.
        name: String,
        /// What is missing.
        source: reqwest::Error,
    },
}

/// Why a fetch came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// It answers with another status than 2xx.
    #[error("it answered {0}")]
    Status(StatusCode),
    /// What it sends is no document of ours.
    #[error("it sends more than {DOCUMENT_LEN_MAX} bytes")]
    TooLong,
    /// There was no answer, or not all of it.
    #[error("{0}")]
    Lost(#[source] reqwest::Error),
}

/// Fetches a document once, for a person who asks.
///
/// # Errors
/// [`FetchError`] within, [`HttpConfigError`] before anything is asked.
pub async fn fetch_once(config: &HttpConfig) -> Result<Result<Bytes, FetchError>, HttpConfigError> {
    Ok(fetch(&client(config)?, config).await)
}

impl FetchError {
    /// Its word in the metrics.
    const fn outcome(&self) -> &'static str {
        match self {
            Self::Status(_) => "exception",
            Self::TooLong => "bad",
            Self::Lost(_) => "silence",
        }
    }
}

/// Starts fetching; ends when `wiring` says stop.
///
/// # Errors
/// [`HttpConfigError`], before anything is asked.
pub fn start(
    config: HttpConfig,
    intake: Arc<dyn Intake>,
    wiring: &Wiring,
) -> Result<JoinHandle<()>, HttpConfigError> {
    let client = client(&config)?;
    let seat = Seat {
        collector: config.name.as_str().into(),
        role: Role::Telemetry,
        connector: (),
        clock: wiring.clock.clone(),
        metrics: wiring.metrics.clone(),
        listener: wiring.listener.clone(),
        cancel: wiring.cancel.clone(),
    };
    Ok(tokio::spawn(Fetcher { config, client, seat, intake }.run()))
}

fn client(config: &HttpConfig) -> Result<Client, HttpConfigError> {
    let mut builder = Client::builder()
        .timeout(config.timeout)
        .redirect(Policy::none()) // a page to sign in to is no document
        .user_agent(concat!("bongsu/", env!("CARGO_PKG_VERSION")));
    if let Some(path) = &config.ca_file {
        let refused = |source: Box<dyn std::error::Error + Send + Sync>| {
            HttpConfigError::Authority { name: config.name.clone(), path: path.clone(), source }
        };
        let pem = std::fs::read(path).map_err(|error| refused(error.into()))?;
        let authority = Certificate::from_pem(&pem).map_err(|error| refused(error.into()))?;
        builder = builder.add_root_certificate(authority);
    }
    builder.build().map_err(|source| HttpConfigError::Client { name: config.name.clone(), source })
}

struct Fetcher {
    config: HttpConfig,
    client: Client,
    seat: Seat<()>,
    intake: Arc<dyn Intake>,
}

impl Fetcher {
    async fn run(self) {
        let (mut standing, mut is_up, mut failures) = (Standing::default(), false, 0_u32);
        let cancel = self.seat.cancel.clone();
        let work = async {
            loop {
                let fetched = fetch(&self.client, &self.config).await;
                let outcome = fetched.as_ref().map_or_else(FetchError::outcome, |_| "answer");
                let labels = [&*self.seat.collector, UNIT, outcome];
                self.seat.metrics.polls.with_label_values(&labels).inc();
                let wait = match fetched {
                    Ok(document) => {
                        if !is_up {
                            standing.up(&self.seat, true);
                        }
                        (is_up, failures) = (true, 0);
                        self.store(document).await;
                        self.config.interval
                    }
                    Err(error) => {
                        standing.down(&self.seat, &error.to_string());
                        (is_up, failures) = (false, failures.saturating_add(1));
                        self.retry_after(failures)
                    }
                };
                let due = self.seat.clock.at().plus(wait);
                self.seat.clock.sleep_until(due).await;
            }
        };
        tokio::select! {
            () = cancel.cancelled() => {}
            () = work => {}
        }
        standing.stopped(&self.seat);
    }

    fn retry_after(&self, failures: u32) -> Duration {
        let doubled = 1_u32.checked_shl(failures.saturating_sub(1)).unwrap_or(u32::MAX);
        RETRY_FIRST.saturating_mul(doubled).min(self.config.interval)
    }

    /// Tries until it is done: nobody else keeps the document as it was.
    async fn store(&self, payload: Bytes) {
        let (collector, clock) = (&self.seat.collector, &self.seat.clock);
        let frame = Taken {
            source: collector.clone(),
            topic: collector.clone(),
            payload,
            retained: false,
            received_at: clock.wall(),
        };
        let mut backoff = Backoff::default();
        while let Err(error) = self.intake.store(vec![frame.clone()]).await {
            tracing::warn!(%collector, %error, "frames wait");
            sleep(backoff.next()).await;
        }
        self.seat.metrics.frames.with_label_values(&[collector]).inc();
    }
}

async fn fetch(client: &Client, config: &HttpConfig) -> Result<Bytes, FetchError> {
    // What went wrong is told, and the address never: it may hold a key.
    let lost = |error: reqwest::Error| FetchError::Lost(error.without_url());
    let mut request = client.get(&*config.url.0);
    if let Some(authorization) = &config.authorization {
        request = request.header("authorization", &*authorization.0);
    }
    let answer = request.send().await.map_err(lost)?;
    if !answer.status().is_success() {
        return Err(FetchError::Status(answer.status()));
    }
    read(answer).await.map_err(|error| error.map_or(FetchError::TooLong, lost))
}

/// The whole of an answer; no error at all for one that is too long.
async fn read(mut answer: Response) -> Result<Bytes, Option<reqwest::Error>> {
    if answer.content_length().is_some_and(|len| len > DOCUMENT_LEN_MAX as u64) {
        return Err(None);
    }
    let mut document = BytesMut::new();
    while let Some(chunk) = answer.chunk().await.map_err(Some)? {
        if document.len() + chunk.len() > DOCUMENT_LEN_MAX {
            return Err(None);
        }
        document.extend_from_slice(&chunk);
    }
    Ok(document.freeze())
}
