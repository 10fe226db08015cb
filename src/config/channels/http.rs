//! What every channel over HTTP says: where to, with what to prove it, how long to wait.

use std::path::PathBuf;
use std::time::Duration;

use super::{MINUTE, SECOND};
use crate::config::collectors::{readable, secret};
use crate::config::daemon::{base_url, is_loopback};
use crate::config::problem::Problems;
use crate::config::secret::SecretRef;
use crate::config::source::Folder;
use crate::config::table::Table;
use crate::config::value::Fault;

/// Where a channel over HTTP goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpSettings {
    /// The address.
    pub url: HttpUrl,
    /// The whole value of the `Authorization` header.
    pub authorization: Option<SecretRef>,
    /// How long one attempt may take, real time.
    pub timeout: Duration,
    /// Authorities to believe instead of the system's, as PEM.
    pub ca_file: Option<PathBuf>,
}

/// An address, or where one is found that must not be seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HttpUrl {
    /// As written.
    Plain(String),
    /// Somewhere else, because it holds a token.
    Secret(SecretRef),
}

/// Where a webhook goes and how it is signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookSettings {
    /// Where to.
    pub http: HttpSettings,
    /// The key it is signed with, `whsec_…`.
    pub secret: SecretRef,
}

/// Reads what is said of a webhook.
pub fn webhook(
    table: &mut Table,
    folder: &Folder,
    problems: &mut Problems,
) -> Option<WebhookSettings> {
    let http = http(table, folder, problems);
    table.need(
        "secret",
        "say where the signing key is: secret = \"file:…\"; it reads whsec_ and base64",
        problems,
    );
    let secret = secret(table, "secret", folder, problems);
    Some(WebhookSettings { http: http?, secret: secret?.value })
}

/// Reads where a channel over HTTP goes.
pub fn http(table: &mut Table, folder: &Folder, problems: &mut Problems) -> Option<HttpSettings> {
    table.need("url", "say where it is, say url = \"https://duty.example.kr/hook\"", problems);
    let url = table.read("url", |text| http_url(text, folder), problems);
    let authorization = secret(table, "authorization", folder, problems);
    let timeout = table.duration("timeout", SECOND / 10..=MINUTE, problems);
    let ca_file = table.text("ca-file", problems);
    if let Some(file) = &ca_file {
        readable(file, folder, problems);
    }
    Some(HttpSettings {
        url: url?.value,
        authorization: authorization.map(|at| at.value),
        timeout: timeout.map_or(10 * SECOND, |at| at.value),
        ca_file: ca_file.map(|file| folder.path().join(file.value)),
    })
}

/// An address to post to, or a reference to one.
///
/// # Errors
/// A [`Fault`] for anything else, and for one that crosses the network in the clear.
pub fn http_url(text: &str, folder: &Folder) -> Result<HttpUrl, Fault> {
    if ["file:", "env:", "credential:"].iter().any(|scheme| text.starts_with(scheme)) {
        return SecretRef::parse(text, folder.path()).map(HttpUrl::Secret);
    }
    let url = base_url(text, &["https", "http"])?;
    if url.scheme() == "http" && !is_loopback(&url) {
        return Err(Fault::new(
            "what goes there would cross the network in the clear",
            "use https://",
        ));
    }
    Ok(HttpUrl::Plain(url.into()))
}
