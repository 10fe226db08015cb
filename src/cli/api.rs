//! A running daemon, asked over its API.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

use alerting::catalogue::Language;
use anyhow::{Context, bail};
use reqwest::StatusCode;
use serde::Deserialize;
use serde_json::Value;

/// How long an answer may take.
const ANSWER_MAX: Duration = Duration::from_secs(30);

/// How often a request is tried while the daemon is too busy for it.
const TRIES: u32 = 8;

/// Where the daemon is, and who asks
#[derive(Clone, Debug, clap::Args)]
pub struct Door {
    /// The board's address
    #[arg(long, global = true, default_value = "http://127.0.0.1:8080")]
    pub url: String,
    /// A file with a token, say DATA-DIR/board-token
    #[arg(long, global = true)]
    pub token_file: Option<PathBuf>,
    /// As JSON
    #[arg(long, global = true)]
    pub json: bool,
}

impl Door {
    /// The daemon behind it, which answers in this language.
    ///
    /// # Errors
    /// If it is not said who asks, or the token cannot be read.
    pub fn open(&self, language: Language) -> anyhow::Result<Api> {
        let file = self.token_file.as_deref();
        let file = file.context("say who asks: --token-file DATA-DIR/board-token")?;
        Ok(Api { language: Some(language), ..Api::new(&self.url, file)? })
    }
}

/// Who is asked, and by whom.
pub struct Api {
    client: reqwest::Client,
    url: String,
    token: String,
    language: Option<Language>,
    answer_max: Duration,
}

/// What became of something that was sent.
pub enum Sent {
    /// It was taken.
    Taken,
    /// It was not, and will not be if it is sent again.
    Refused(String),
}

#[derive(Deserialize)]
struct Problem {
    detail: Option<String>,
    title: Option<String>,
}

impl Api {
    /// The daemon at `url`, asked with the token of a file.
    ///
    /// # Errors
    /// If the token cannot be read.
    pub fn new(url: &str, token_file: &Path) -> anyhow::Result<Self> {
        rustls::crypto::ring::default_provider().install_default().ok();
        let token = std::fs::read_to_string(token_file)
            .with_context(|| format!("cannot read the token in {}", token_file.display()))?;
        let (url, token) = (url.trim_end_matches('/').into(), token.trim().into());
        let client = reqwest::Client::builder().build()?;
        Ok(Self { client, url, token, language: None, answer_max: ANSWER_MAX })
    }

    /// The same, waiting this long for each answer.
    pub fn patient(self, answer_max: Duration) -> Self {
        Self { answer_max, ..self }
    }

    /// Hands something over that may be handed over again.
    ///
    /// # Errors
    /// Who did not answer, or lets nobody in with this token.
    pub async fn post(
        &self,
        path: &str,
        content_type: &str,
        body: bytes::Bytes,
    ) -> anyhow::Result<Sent> {
        let url = format!("{}{path}", self.url);
        let request =
            || self.client.post(&url).header("content-type", content_type).body(body.clone());
        self.ask(request).await
    }

    /// What is at a path of the API; nothing if there is no such thing.
    ///
    /// # Errors
    /// Who did not answer, or said something else.
    pub async fn get(&self, path: &str, query: &[(&str, String)]) -> anyhow::Result<Option<Value>> {
        let mut url = reqwest::Url::parse(&format!("{}{path}", self.url))
            .with_context(|| format!("{} is no address", self.url))?;
        url.query_pairs_mut().extend_pairs(query);
        let asked = self.signed(self.client.get(url)).send().await;
        let answer = asked.with_context(|| self.unanswered())?;
        let (status, body) = (answer.status(), answer.text().await?);
        if status == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        if !status.is_success() {
            bail!("{path} answered {status}: {}", said(&body, status));
        }
        serde_json::from_str(&body).map(Some).context("the answer cannot be read")
    }

    /// Gives an order once. What the daemon answered if it was taken; nothing if the desk refused, which is printed.
    ///
    /// # Errors
    /// Who did not answer, or said something else.
    pub async fn order(&self, path: &str, body: &Value) -> anyhow::Result<Option<String>> {
        let request = self.signed(self.client.post(format!("{}{path}", self.url)));
        let request = request.header("Idempotency-Key", idempotency_key()?).json(body);
        let sent = request.send().await;
        let answer = sent.with_context(|| self.unanswered())?;
        let (status, body) = (answer.status(), answer.text().await?);
        if status.is_success() {
            return Ok(Some(body));
        }
        let said = said(&body, status);
        if matches!(status, StatusCode::CONFLICT | StatusCode::NOT_FOUND) {
            eprintln!("{said}");
            return Ok(None);
        }
        bail!("{path} answered {status}: {said}")
    }

    fn unanswered(&self) -> String {
        format!(
            "no answer from {}: is bongsu running, and its board there? --url says where ([http] listen)",
            self.url
        )
    }

    /// A request by whoever asks, in their language.
    fn signed(&self, request: reqwest::RequestBuilder) -> reqwest::RequestBuilder {
        let request = request.bearer_auth(&self.token).timeout(self.answer_max);
        match self.language {
            Some(language) => request.header("Accept-Language", language.code()),
            None => request,
        }
    }

    async fn ask(&self, request: impl Fn() -> reqwest::RequestBuilder) -> anyhow::Result<Sent> {
        let mut wait = Duration::from_millis(250);
        for tried in 1.. {
            let answer = self.signed(request()).send().await;
            let is_last = tried == TRIES;
            let answer = match answer {
                Ok(answer) if !is_last && is_busy(answer.status()) => None,
                // A connection that broke may have been the daemon's last; one that never was says so at once.
                Err(error) if !is_last && !error.is_connect() => None,
                answer => Some(answer),
            };
            if let Some(answer) = answer {
                let answer = answer.with_context(|| self.unanswered())?;
                return self.judge(answer).await;
            }
            tokio::time::sleep(wait).await;
            wait *= 2;
        }
        unreachable!("the last try returns")
    }

    async fn judge(&self, answer: reqwest::Response) -> anyhow::Result<Sent> {
        let (status, url) = (answer.status(), answer.url().clone());
        let body = answer.text().await?;
        if status.is_success() {
            return Ok(Sent::Taken);
        }
        let said = said(&body, status);
        match status.as_u16() {
            400 | 404 | 409 | 413 | 422 => Ok(Sent::Refused(said)),
            _ => bail!("{url} answered {status}: {said}"),
        }
    }
}

/// Runs what asks a daemon.
///
/// # Errors
/// Its own.
pub fn block_on<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(work)
}

fn said(body: &str, status: StatusCode) -> String {
    let problem: Problem =
        serde_json::from_str(body).unwrap_or(Problem { detail: None, title: None });
    problem.detail.or(problem.title).unwrap_or_else(|| status.to_string())
}

/// Names this one order, so that a repetition on the way is carried out once.
fn idempotency_key() -> anyhow::Result<String> {
    let mut bytes = [0u8; 16];
    std::fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn is_busy(status: StatusCode) -> bool {
    matches!(status.as_u16(), 429 | 503 | 504)
}
