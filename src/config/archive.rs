//! `[archive]`: where readings are kept for years and for Grafana.

use std::time::Duration;

use super::collectors::secret;
use super::daemon::{base_url, is_loopback};
use super::problem::Problems;
use super::secret::SecretRef;
use super::source::Folder;
use super::table::Table;
use super::value::{Fault, shortened};

const MIB: u64 = 1 << 20;
const HOUR: Duration = Duration::from_secs(3_600);
const LAG_LEAST: Duration = Duration::from_secs(5);

/// A server with InfluxDB's second interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArchiveSettings {
    /// The server's address, without a path.
    pub url: String,
    /// The organisation; empty where the server knows none.
    pub org: String,
    /// Where points go.
    pub bucket: String,
    /// The secret, if the server asks for one.
    pub token: Option<SecretRef>,
    /// How much of the journal is kept for it while it cannot be written, bytes.
    pub hold: u64,
    /// Behind by more than this, and it is an incident.
    pub lag_max: Duration,
}

/// Reads `[archive]`.
pub fn read(mut table: Table, folder: &Folder, problems: &mut Problems) -> Option<ArchiveSettings> {
    table.need("url", "say where the server is, say url = \"http://127.0.0.1:8086\"", problems);
    table.need("bucket", "say where points go, say bucket = \"bongsu\"", problems);
    let url = table.read("url", server, problems);
    let org = table.read("org", |text| name("org", text), problems);
    let bucket = table.read("bucket", |text| name("bucket", text), problems);
    let token = secret(&mut table, "token", folder, problems);
    let hold = table.size("hold", 64 * MIB..=1 << 50, problems);
    let lag_max = table.duration("lag-max", LAG_LEAST..=365 * 24 * HOUR, problems);
    table.finish("[archive]", problems);
    if let (Some(url), Some(token)) = (&url, &token)
        && url.value.scheme() == "http"
        && !is_loopback(&url.value)
    {
        problems.warn(
            &token.place,
            "the token crosses the network in the clear",
            "reach the server by https",
        );
    }
    Some(ArchiveSettings {
        url: url?.value.as_str().trim_end_matches('/').into(),
        org: org.map_or_else(String::new, |org| org.value),
        bucket: bucket?.value,
        token: token.map(|token| token.value),
        hold: hold.map_or(10 * 1024 * MIB, |at| at.value),
        lag_max: lag_max.map_or(HOUR, |at| at.value),
    })
}

/// The client forgets the path of an address, so that points would go elsewhere.
fn server(text: &str) -> Result<reqwest::Url, Fault> {
    let url = base_url(text, &["https", "http"])?;
    if url.path() != "/" || url.query().is_some() {
        return Err(Fault::new(
            "the URL of an archive has no path",
            "name the server by host and port alone; give it a port or a name of its own at the proxy",
        ));
    }
    Ok(url)
}

fn name(key: &str, text: &str) -> Result<String, Fault> {
    if text.is_empty() || text.chars().any(char::is_control) {
        let what = format!("`{}` is no name of a {key}", shortened(text));
        return Err(Fault::new(what, "write it as the server shows it"));
    }
    Ok(text.into())
}
