//! E-mail: text and HTML, a map of the endangered area, one thread an incident.
//!
//! The server's word that it took a message is all there is: what it cannot deliver later comes back to `from` as a
//! bounce. An address it refuses at once is a refusal. The `Message-ID` is the delivery's key, so a repeat is seen as
//! one. What the server says is kept without the address in it.

mod letter;
mod map;

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

pub use letter::letter;
pub use map::map;

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

/// Sends mail.
pub struct Mail {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Address,
    timeout: Duration,
    texts: Arc<Texts>,
    addresses: Addresses,
}

impl Mail {
    /// A channel over this server.
    ///
    /// # Errors
    /// [`MailError`] if a setting cannot be used.
    pub fn new(
        settings: &MailSettings,
        texts: Arc<Texts>,
        addresses: Addresses,
    ) -> Result<Self, MailError> {
        let from: Address = settings.from.parse().map_err(|_| MailError::From)?;
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&settings.host)
            .port(settings.port)
            .timeout(Some(settings.timeout))
            .tls(tls(settings)?);
        if let Some((user, password)) = &settings.credentials {
            builder = builder.credentials(Credentials::new(user.clone(), password.expose().into()));
        }
        Ok(Self { transport: builder.build(), from, timeout: settings.timeout, texts, addresses })
    }

    async fn send(&self, delivery: &Delivery) -> AttemptResult {
        let contact = match self.addresses.recipient(delivery).await {
            Ok(contact) => contact,
            Err(result) => return result,
        };
        let Some(mail) = &contact.mail else {
            return refused(format!("contact `{}` has no mail address", contact.id));
        };
        let letter = match letter(delivery, &contact, mail, &self.from, &self.texts) {
            Ok(letter) => letter,
            Err(reason) => return refused(reason),
        };
        // The library's own timeout ends with the connection; a repeat carries the same Message-ID.
        let sending = tokio::time::timeout(self.timeout, self.transport.send(letter));
        let Ok(answer) = sending.await else { return retry("no answer in time") };
        match answer {
            Ok(response) => {
                let said: String = response.message().collect::<Vec<_>>().join(" ");
                let said = without(&format!("{} {said}", response.code()), mail);
                AttemptResult::HandedOver { reference: said }
            }
            Err(error) => verdict(&error, mail),
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
        vec!["own-address".into()]
    }

    /// A letter to the address letters come from: the server takes it, and a person sees it come back.
    fn prove<'a>(&'a self, probe: &'a Probe) -> BoxFuture<'a, Proof> {
        async {
            let letter = Message::builder()
                .from(self.from.clone().into())
                .to(self.from.clone().into())
                .message_id(Some(format!("<{}@bongsu>", probe.id())))
                .subject(catalogue::message("probe-subject", Language::Ko))
                .body(format!(
                    "{}\r\n{}\r\n{}\r\n",
                    catalogue::message("probe-text", Language::Ko),
                    catalogue::message("probe-text", Language::En),
                    probe.id()
                ));
            let letter = match letter {
                Ok(letter) => letter,
                Err(error) => return Proof::Failed(error.to_string()),
            };
            let sending = tokio::time::timeout(self.timeout, self.transport.send(letter));
            let own = self.from.to_string();
            match sending.await {
                Err(_) => Proof::Failed("no answer in time".into()),
                Ok(Err(error)) => verdict(&error, &own).into(),
                Ok(Ok(response)) => {
                    let said: String = response.message().collect::<Vec<_>>().join(" ");
                    Proof::Proven(without(&format!("{} {said}", response.code()), &own))
                }
            }
        }
        .boxed()
    }
}

#[cfg(test)]
mod tests;
