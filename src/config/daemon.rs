//! The main file less its collectors and channels: where data lies, who speaks, the board's address, the journal.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use alerting::Status;
use reading::registry::Text;
use reqwest::Url;

use super::problem::Problems;
use super::secret::SecretRef;
use super::source::Folder;
use super::table::Table;
use super::tree::At;
use super::value::{Fault, shortened};

const MIB: u64 = 1 << 20;
const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_secs(86_400);

/// From the measurement to the proof of an alert, unless an installation aims at something else.
const OBJECTIVE: Duration = Duration::from_secs(60);

/// Where the board, the API and the CAP feed are served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Http {
    /// The address we listen on.
    pub listen: SocketAddr,
    /// The address others know us by, without a slash at its end; for links in messages.
    pub public_url: Option<String>,
    /// What TLS is spoken with, if bongsu speaks it itself.
    pub tls: Option<Tls>,
    /// Proxies, whose word is taken for where a request came from.
    pub proxies: Vec<IpAddr>,
    /// Whether everybody may have what is public as data.
    pub open_data: bool,
}

impl Default for Http {
    fn default() -> Self {
        Self {
            listen: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8080),
            public_url: None,
            tls: None,
            proxies: vec![],
            open_data: false,
        }
    }
}

/// What the board proves itself with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// Its certificate and those that lead to its authority, PEM.
    pub certificate: PathBuf,
    /// The certificate's key, PEM.
    pub key: SecretRef,
}

/// How much of the journal is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JournalSettings {
    /// A segment is closed at this size, bytes.
    pub segment: u64,
    /// Whole segments are dropped beyond this size, bytes, never past a cursor that is still needed.
    pub retain: u64,
    /// Whole segments are dropped beyond this age.
    pub retain_age: Duration,
    /// Kept free for commands, outcomes and frames that change a level when the disk is full, bytes.
    pub reserve: u64,
}

impl Default for JournalSettings {
    fn default() -> Self {
        Self {
            segment: 64 * MIB,
            retain: 30 * 1024 * MIB,
            retain_age: 400 * DAY,
            reserve: 64 * MIB,
        }
    }
}

/// Who speaks in alerts.
pub struct Sender {
    /// CAP's `sender`.
    pub id: String,
    /// The name people read.
    pub name: Text,
    /// Where people ask; may be empty.
    pub contact: String,
}

/// The settings of the main file that need nothing else.
pub struct Daemon {
    pub data_dir: PathBuf,
    pub status: Status,
    pub sender: Sender,
    pub http: Http,
    pub journal: JournalSettings,
    pub objective: Duration,
}

/// The folder of the sites' files, by name relative to the main file.
pub fn sites_folder(table: &mut Table, problems: &mut Problems) -> At<String> {
    let given = table.text("sites", problems);
    given.unwrap_or_else(|| At { value: "sites".into(), place: table.place.clone() })
}

/// Whether alerts are in earnest.
pub fn status(table: &mut Table, problems: &mut Problems) -> Option<Status> {
    table.need(
        "status",
        "write status = \"actual\", or \"test\" while nobody may be alarmed",
        problems,
    );
    let words = [("actual", Status::Actual), ("test", Status::Test)];
    table.choice("status", &words, problems).map(|status| status.value)
}

/// Reads the rest.
pub fn read(
    table: &mut Table,
    status: Option<Status>,
    folder: &Folder,
    problems: &mut Problems,
) -> Option<Daemon> {
    table.need(
        "data-dir",
        "say where journal and ledger lie, say data-dir = \"/var/lib/bongsu\"",
        problems,
    );
    let data_dir = table.text("data-dir", problems).map(|path| folder.path().join(path.value));
    let sender = sender(table, problems);
    let http = table
        .table("http", problems)
        .map(|table| read_http(table, folder, problems))
        .unwrap_or_default();
    let journal = table
        .table("journal", problems)
        .map(|table| read_journal(table, problems))
        .unwrap_or_default();
    let objective = table.duration("delivery-objective", SECOND..=DAY, problems);
    let objective = objective.map_or(OBJECTIVE, |at| at.value);
    Some(Daemon { data_dir: data_dir?, status: status?, sender: sender?, http, journal, objective })
}

fn sender(table: &mut Table, problems: &mut Problems) -> Option<Sender> {
    let remedy = "say who speaks: sender = { id = \"bongsu@city.example.kr\", name = { ko = \"…\", en = \"…\" } }";
    table.need("sender", remedy, problems);
    let mut sender = table.table("sender", problems)?;
    sender.need("id", "CAP names the sender by it; use an address you own", problems);
    let id = sender.read("id", sender_id, problems);
    let name = bilingual(&mut sender, "name", problems);
    let contact = sender.text("contact", problems).map_or_else(String::new, |at| at.value);
    sender.finish("sender", problems);
    Some(Sender { id: id?.value, name: name?, contact })
}

/// CAP 1.2 forbids white space, commas, `<` and `&` in the sender; beyond ASCII, receivers disagree.
fn sender_id(text: &str) -> Result<String, Fault> {
    if text.chars().any(|c| !c.is_ascii_graphic() || matches!(c, ',' | '<' | '&')) {
        let what = format!("`{}` cannot be a CAP sender", shortened(text));
        return Err(Fault::new(
            what,
            "use ASCII without space, comma, `<` or `&` (say bongsu@city.example.kr)",
        ));
    }
    Ok(text.into())
}

/// A text in both languages.
pub fn bilingual(table: &mut Table, key: &'static str, problems: &mut Problems) -> Option<Text> {
    table.need(
        key,
        &format!("say it in both languages: {key} = {{ ko = \"…\", en = \"…\" }}"),
        problems,
    );
    let mut text = table.table(key, problems)?;
    text.need("ko", "say it in Korean", problems);
    text.need("en", "say it in English", problems);
    let (ko, en) = (text.text("ko", problems), text.text("en", problems));
    text.finish("a text in two languages", problems);
    Some(Text { ko: ko?.value, en: en?.value })
}

fn read_http(mut table: Table, folder: &Folder, problems: &mut Problems) -> Http {
    let default = Http::default();
    let listen = table.read("listen", address, problems);
    let public_url = table.read("public-url", |text| base_url(text, &["https", "http"]), problems);
    let tls = table.table("tls", problems).and_then(|table| tls(table, folder, problems));
    let proxies = table.reads("proxies", proxy, problems);
    let open_data = table.flag("open-data", problems);
    table.finish("[http]", problems);
    if let Some(listen) = listen.as_ref().filter(|listen| !listen.value.ip().is_loopback())
        && tls.is_none()
    {
        problems.warn(
            &listen.place,
            "the board listens beyond this machine, so tokens cross the network in the clear",
            "give it a certificate under [http.tls], or listen on 127.0.0.1 behind a proxy that speaks TLS",
        );
    }
    Http {
        listen: listen.map_or(default.listen, |listen| listen.value),
        public_url: public_url.map(|url| url.value.as_str().trim_end_matches('/').into()),
        tls,
        proxies: proxies.map_or(vec![], |at| at.value.into_iter().map(|at| at.value).collect()),
        open_data: open_data.is_some_and(|at| at.value),
    }
}

fn tls(mut table: Table, folder: &Folder, problems: &mut Problems) -> Option<Tls> {
    table.need("certificate", "name the file, say certificate = \"board.pem\"", problems);
    table.need(
        "key",
        "say where the key is, say key = \"file:/etc/bongsu/secrets/board.key\"",
        problems,
    );
    let certificate = table.text("certificate", problems);
    let key = table.read("key", |text| SecretRef::parse(text, folder.path()), problems);
    table.finish("[http.tls]", problems);
    if let Some(key) = key.as_ref().filter(|_| folder.is_on_disk()) {
        key.value.examine(&key.place, problems);
    }
    Some(Tls { certificate: folder.path().join(certificate?.value), key: key?.value })
}

/// The address of a proxy.
fn proxy(text: &str) -> Result<IpAddr, Fault> {
    text.parse().map_err(|_| {
        let what = format!("`{}` is not the address of a proxy", shortened(text));
        Fault::new(what, "write the IP address that its requests come from, say \"127.0.0.1\"")
    })
}

fn read_journal(mut table: Table, problems: &mut Problems) -> JournalSettings {
    let default = JournalSettings::default();
    let segment =
        table.size("segment", MIB..=4096 * MIB, problems).map_or(default.segment, |at| at.value);
    let retain = table.size("retain", 16 * MIB..=1 << 50, problems);
    if let Some(retain) = retain.as_ref().filter(|retain| retain.value < 2 * segment) {
        problems.add(
            &retain.place,
            "`retain` holds less than two segments",
            "retain more, or make segments smaller",
        );
    }
    let retain_age = table.duration("retain-age", DAY / 24..=36_600 * DAY, problems);
    let reserve = table.size("reserve", MIB..=4096 * MIB, problems);
    table.finish("[journal]", problems);
    JournalSettings {
        segment,
        retain: retain.map_or(default.retain, |at| at.value),
        retain_age: retain_age.map_or(default.retain_age, |at| at.value),
        reserve: reserve.map_or(default.reserve, |at| at.value),
    }
}

/// An address to listen on.
///
/// # Errors
/// A [`Fault`] for a name, or for a port without an address.
pub fn address(text: &str) -> Result<SocketAddr, Fault> {
    text.parse().map_err(|_| {
        let what = format!("`{}` is not an address to listen on", shortened(text));
        Fault::new(what, "write an IP address and a port, say \"127.0.0.1:8080\"")
    })
}

/// An absolute URL of one of the schemes, without user, password or fragment. A message shows none of it, for it
/// may hold a secret.
///
/// # Errors
/// A [`Fault`] for anything else.
pub fn base_url(text: &str, schemes: &[&str]) -> Result<Url, Fault> {
    let example = format!("write it as {}://host", schemes[0]);
    let url = Url::parse(text)
        .map_err(|error| Fault::new(format!("this is not a URL: {error}"), example.clone()))?;
    if !schemes.contains(&url.scheme()) {
        return Err(Fault::new(
            format!("`{}` URLs are not for this", shortened(url.scheme())),
            example,
        ));
    }
    if url.host_str().is_none_or(str::is_empty) {
        return Err(Fault::new("the URL names no host", example));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Fault::new(
            "the URL holds a user or password in plain",
            "take it out; secrets stand by reference",
        ));
    }
    if url.fragment().is_some() {
        return Err(Fault::new("the URL has a fragment, which is never sent", "cut it at the `#`"));
    }
    Ok(url)
}

/// Whether only this machine is meant.
pub fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}
