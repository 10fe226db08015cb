//! E-mail: text and HTML, a map of the endangered area, a chart of what decided, one thread an incident.
//!
//! The server's word that it took a message is all there is at first: what it cannot deliver later comes back to `from`
//! as a bounce, and is noted where the mailbox of that address is watched. An address it refuses at once is a refusal.
//! The `Message-ID` is the delivery's key, so a repeat is seen as one. What the server says is kept without the address
//! in it.

mod letter;
mod map;
mod chart;
mod notice;
mod mailbox;

use std::sync::Arc;
use std::time::Duration;

use alerting::catalogue::{self, Language};
use alerting::{AttemptResult, Delivery};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, CertificateStore, Tls, TlsParameters};
use lettre::{Address, AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};

pub use chart::{Past, chart};
pub use letter::letter;
pub use mailbox::Mailbox;
pub use map::map;
pub use notice::{Came, read};

use lettre::message::header::{HeaderName, HeaderValue};
use tokio_util::task::AbortOnDropHandle;

use super::{Spoken, refused, retry};
use crate::contacts::Addresses;
use crate::probe::{Probe, Proof, Provable};
use crate::secret::Secret;
use crate::text::Texts;

/// How the connection is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Security {
    /// TLS from the first byte (port 465).
    Tls,
    /// STARTTLS, required (port 587).
    StartTls,
    /// In the clear, to this machine.
    None,
}

/// The server and who writes.
#[derive(Clone, Debug)]
pub struct MailSettings {
    /// Its host.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the connection is protected.
    pub security: Security,
    /// User and password there, if it asks.
    pub credentials: Option<(String, Secret)>,
    /// Certificates in PEM to trust instead of the system's.
    pub authorities_pem: Option<Vec<u8>>,
    /// The address messages come from and bounces go to.
    pub from: String,
    /// How long one attempt may take.
    pub timeout: Duration,
}

/// Why a channel cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum MailError {
    /// Not an address.
    #[error("`from` is not a mail address")]
    From,
    /// TLS cannot be set up.
    #[error("the connection cannot be protected: {0}; check ca-file")]
    Tls(String),
}

/// The header that names a link test, however its `Message-ID` was rewritten on the way.
const PROBE_HEADER: &str = "X-Bongsu-Probe";

/// How long a chart may take.
const CHART_WITHIN: Duration = Duration::from_secs(2);

/// How long the letter of a link test may take to come back: mail waits for greylisting and for whoever fetches it.
const LOOP_WITHIN: Duration = Duration::from_secs(300);

/// Sends mail.
pub struct Mail {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Address,
    timeout: Duration,
    texts: Arc<Texts>,
    addresses: Addresses,
    past: Past,
    mailbox: Option<Watched>,
}

/// The mailbox of `from`, and the task that looks into it.
struct Watched {
    mailbox: Arc<Mailbox>,
    _watch: AbortOnDropHandle<()>,
}

impl Mail {
    /// A channel over this server; charts are drawn of `past`. What comes back is read from `mailbox`, where there is
    /// one.
    ///
    /// # Errors
    /// [`MailError`] if a setting cannot be used.
    pub fn new(
        settings: &MailSettings,
        texts: Arc<Texts>,
        addresses: Addresses,
        past: Past,
        mailbox: Option<Mailbox>,
    ) -> Result<Self, MailError> {
        let from: Address = settings.from.parse().map_err(|_| MailError::From)?;
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&settings.host)
            .port(settings.port)
            .timeout(Some(settings.timeout))
            .tls(tls(settings)?);
        if let Some((user, password)) = &settings.credentials {
            builder = builder.credentials(Credentials::new(user.clone(), password.expose().into()));
        }
        let mailbox = mailbox.map(|mailbox| {
            let mailbox = Arc::new(mailbox);
            let watch = AbortOnDropHandle::new(tokio::spawn(mailbox.clone().watch()));
            Watched { mailbox, _watch: watch }
        });
        let (transport, timeout) = (builder.build(), settings.timeout);
        Ok(Self { transport, from, timeout, texts, addresses, past, mailbox })
    }

    async fn send(&self, delivery: &Delivery) -> AttemptResult {
        let contact = match self.addresses.recipient(delivery).await {
            Ok(contact) => contact,
            Err(result) => return result,
        };
        let Some(mail) = &contact.mail else {
            return refused(format!("contact `{}` has no mail address", contact.id));
        };
        let chart = self.chart(delivery).await;
        match letter(delivery, &contact, mail, &self.from, &self.texts, chart) {
            Ok(letter) => self.hand_over(letter, mail).await,
            Err(reason) => refused(reason),
        }
    }

    /// A letter goes without its chart rather than late.
    async fn chart(&self, delivery: &Delivery) -> Option<String> {
        let (alert, past) = (delivery.alert.clone(), self.past.clone());
        let drawing = tokio::task::spawn_blocking(move || chart(&alert, &past));
        tokio::time::timeout(CHART_WITHIN, drawing).await.ok()?.ok()?
    }

    async fn hand_over(&self, letter: Message, to: &str) -> AttemptResult {
        // The library's own timeout ends with the connection; a repeat carries the same Message-ID.
        let sending = tokio::time::timeout(self.timeout, self.transport.send(letter));
        let Ok(answer) = sending.await else { return retry("no answer in time") };
        match answer {
            Ok(response) => {
                let said: String = response.message().collect::<Vec<_>>().join(" ");
                let said = without(&format!("{} {said}", response.code()), to);
                AttemptResult::HandedOver { reference: said }
            }
            Err(error) => verdict(&error, to),
        }
    }

    /// A letter to the address letters come from.
    fn loop_letter(&self, probe: &Probe) -> Result<Message, String> {
        let name = HeaderName::new_from_ascii_str(PROBE_HEADER);
        let letter = Message::builder()
            .from(self.from.clone().into())
            .to(self.from.clone().into())
            .message_id(Some(format!("<{}@{}>", probe.id(), self.from.domain())))
            .raw_header(HeaderValue::new(name, probe.id().into()))
            .subject(catalogue::message("probe-subject", Language::Ko));
        let both = [Language::Ko, Language::En].map(|one| catalogue::message("probe-text", one));
        let text = format!("{}\r\n{}\r\n", both.join("\r\n"), probe.id());
        letter.body(text).map_err(|error| error.to_string())
    }

    async fn look(&self, watched: &Watched, probe: &Probe) -> Proof {
        let letter = match self.loop_letter(probe) {
            Ok(letter) => letter,
            Err(why) => return Proof::Failed(why),
        };
        let back = watched.mailbox.expect(probe.id());
        match self.hand_over(letter, self.from.as_ref()).await {
            AttemptResult::HandedOver { .. } => {}
            result => return result.into(),
        }
        match tokio::time::timeout(LOOP_WITHIN, back).await {
            Ok(Ok(Ok(()))) => Proof::Proven("the letter came back".into()),
            Ok(Ok(Err(why))) => Proof::Failed(why),
            Ok(Err(_)) | Err(_) => {
                Proof::Failed("the server took the letter, and it did not come back".into())
            }
        }
    }
}

impl Spoken for Mail {
    fn say<'a>(&'a self, delivery: &'a Delivery, _attempt: u32) -> BoxFuture<'a, AttemptResult> {
        self.send(delivery).boxed()
    }
}

fn tls(settings: &MailSettings) -> Result<Tls, MailError> {
    if settings.security == Security::None {
        return Ok(Tls::None);
    }
    let failed = |error: Error| MailError::Tls(error.to_string());
    let mut parameters = TlsParameters::builder(settings.host.clone());
    if let Some(pem) = &settings.authorities_pem {
        let certificate = Certificate::from_pem(pem).map_err(failed)?;
        parameters =
            parameters.certificate_store(CertificateStore::None).add_root_certificate(certificate);
    }
    let parameters = parameters.build().map_err(failed)?;
    Ok(match settings.security {
        Security::Tls => Tls::Wrapper(parameters),
        Security::StartTls | Security::None => Tls::Required(parameters),
    })
}

/// 5xx is final; 4xx and everything else may be better later.
fn verdict(error: &Error, mail: &str) -> AttemptResult {
    let mut said = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        said = format!("{said}: {error}");
        cause = error.source();
    }
    let said = without(&said, mail);
    if error.is_permanent() { refused(said) } else { retry(said) }
}

/// What a server says, without the address in it and on one line.
fn without(said: &str, mail: &str) -> String {
    let line: String =
        said.chars().map(|c| if c.is_control() { ' ' } else { c }).take(400).collect();
    line.replace(mail, "(address)").replace(&mail.to_lowercase(), "(address)")
}

impl Provable for Mail {
    fn targets(&self) -> Vec<String> {
        self.mailbox.iter().map(|_| "own-address".into()).collect()
    }

    fn within(&self) -> Duration {
        self.timeout + LOOP_WITHIN
    }

    /// A letter to the address letters come from, which has to come back.
    fn prove<'a>(&'a self, probe: &'a Probe) -> BoxFuture<'a, Proof> {
        async move {
            match &self.mailbox {
                Some(watched) => self.look(watched, probe).await,
                None => Proof::Failed("there is no mailbox in which it could come back".into()),
            }
        }
        .boxed()
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests;
