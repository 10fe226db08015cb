//! The ways in: brokers we subscribe to, the broker we may be ourselves, ports and buses.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::channels::{self, HttpSettings};
use super::daemon::{address, base_url, is_loopback};
use super::feeds::{self, FeedEntry};
use super::problem::Problems;
use super::secret::SecretRef;
use super::source::Folder;
use super::table::{Table, id};
use super::tree::At;
use super::wires::{self, Bus, ModbusSettings, SerialSettings, Wires};
use broker::TlsSettings;
use reading::codec::Feed;
use reading::id::ChannelId as Name;

const DAY: Duration = Duration::from_secs(86_400);

/// With fewer messages on their way, every one would wait for the disk by itself.
const IN_FLIGHT_MIN: i64 = 16;

/// One configured way in.
#[derive(Clone, Debug, PartialEq)]
pub struct Collector {
    /// Its name: the `source` of stations, a label of metrics.
    pub name: String,
    /// How it collects.
    pub kind: CollectorKind,
}

/// How a collector collects.
#[derive(Clone, Debug, PartialEq)]
pub enum CollectorKind {
    /// Subscribes to a broker.
    Mqtt(MqttSettings),
    /// Is the broker.
    EmbeddedBroker(BrokerSettings),
    /// Listens to a port.
    Serial(SerialSettings),
    /// Asks units on a bus.
    Modbus(ModbusSettings),
    /// Fetches a document.
    Http(FetchSettings),
}

impl Collector {
    /// How its frames are read, where their topics do not say it.
    pub fn feed(&self) -> Option<&Feed> {
        match &self.kind {
            CollectorKind::Mqtt(_) | CollectorKind::EmbeddedBroker(_) | CollectorKind::Http(_) => {
                None
            }
            CollectorKind::Serial(settings) => Some(&settings.feed),
            CollectorKind::Modbus(settings) => Some(&settings.feed),
        }
    }
}

/// A broker to subscribe to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MqttSettings {
    /// Its host, by name or address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Whether it is spoken to over TLS.
    pub tls: bool,
    /// Who we are to it.
    pub user: Option<String>,
    /// How we prove it.
    pub password: Option<SecretRef>,
    /// Whom we believe, as PEM; none means the authorities the system trusts.
    pub ca_file: Option<PathBuf>,
    /// The folder of the book of gateways, if each publishes below its own name there.
    pub gateways: Option<PathBuf>,
    /// How many messages may be unacknowledged: the window of backpressure.
    pub in_flight: u16,
    /// How long the broker keeps our session while we are away, whole seconds.
    pub session_expiry: Duration,
}

/// A document that is fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchSettings {
    /// Where it is.
    pub http: HttpSettings,
    /// How often it is fetched.
    pub interval: Duration,
}

/// The embedded broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokerSettings {
    /// Where stations reach it. Port 0 takes a free one.
    pub listen: SocketAddr,
    /// Who may connect; nobody listed and no gateways means everybody, which is for loopback alone.
    pub users: Vec<BrokerUser>,
    /// The folder of the book of gateways.
    pub gateways: Option<PathBuf>,
    /// How gateways reach it over TLS.
    pub tls: Option<TlsSettings>,
}

/// Somebody who may connect to the embedded broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokerUser {
    /// The name they give.
    pub name: String,
    /// How they prove it.
    pub password: SecretRef,
}

/// The name of a collector entry, as far as it has one, the collector if nothing is wrong with it, and what a wire
/// says.
pub struct CollectorEntry {
    pub name: Option<At<String>>,
    pub collector: Option<Collector>,
    pub wires: Wires,
    /// The foreign topics it reads.
    pub feeds: Vec<FeedEntry>,
}

#[derive(Clone, Copy)]
enum Kind {
    Mqtt,
    EmbeddedBroker,
    Serial,
    Modbus(Bus),
    Http,
}

const KINDS: [(&str, Kind); 6] = [
    ("mqtt", Kind::Mqtt),
    ("embedded-broker", Kind::EmbeddedBroker),
    ("serial", Kind::Serial),
    ("modbus-rtu", Kind::Modbus(Bus::Rtu)),
    ("modbus-tcp", Kind::Modbus(Bus::Tcp)),
    ("http", Kind::Http),
];

/// Reads a `[[collector]]`.
pub fn read(mut table: Table, folder: &Folder, problems: &mut Problems) -> CollectorEntry {
    table.need("name", "stations name their collector by it, say name = \"field\"", problems);
    let name = table.id::<Name>("name", problems).map(|name| name.map(|name| name.to_string()));
    table.need(
        "kind",
        "write kind = \"mqtt\", \"embedded-broker\", \"serial\", \"modbus-rtu\", \"modbus-tcp\" or \"http\"",
        problems,
    );
    let kind = table.choice("kind", &KINDS, problems).map(|kind| kind.value);
    let source = name.as_ref().map_or("", |name| name.value.as_str());
    let feeds = match kind {
        Some(Kind::Mqtt | Kind::EmbeddedBroker) => feeds::read(&mut table, source, problems),
        Some(Kind::Http) => feeds::fetched(&mut table, source, problems).into_iter().collect(),
        Some(Kind::Serial | Kind::Modbus(_)) | None => Vec::new(),
    };
    let (kind, wires) = match kind {
        Some(Kind::Mqtt) => {
            let hosts = feeds.iter().any(|entry| feeds::host(&entry.feed).is_some());
            (mqtt(table, hosts, folder, problems).map(CollectorKind::Mqtt), Wires::default())
        }
        Some(Kind::EmbeddedBroker) => {
            (broker(table, folder, problems).map(CollectorKind::EmbeddedBroker), Wires::default())
        }
        Some(Kind::Serial) => wires::read(source, problems, |reader| {
            wires::serial(table, reader).map(CollectorKind::Serial)
        }),
        Some(Kind::Modbus(bus)) => wires::read(source, problems, |reader| {
            wires::modbus(table, bus, reader).map(CollectorKind::Modbus)
        }),
        Some(Kind::Http) => {
            (fetch(table, folder, problems).map(CollectorKind::Http), Wires::default())
        }
        None => (None, Wires::default()),
    };
    let collector =
        name.as_ref().zip(kind).map(|(name, kind)| Collector { name: name.value.clone(), kind });
    CollectorEntry { name, collector, wires, feeds }
}

fn fetch(mut table: Table, folder: &Folder, problems: &mut Problems) -> Option<FetchSettings> {
    let http = channels::over_http(&mut table, folder, problems);
    table.need("interval", "say how often it is fetched, say interval = \"10 min\"", problems);
    let interval = table.duration("interval", DAY / 86_400..=DAY, problems);
    table.finish("a collector of kind http", problems);
    Some(FetchSettings { http: http?, interval: interval?.value })
}

/// `hosts`: it is a Sparkplug host.
fn mqtt(
    mut table: Table,
    hosts: bool,
    folder: &Folder,
    problems: &mut Problems,
) -> Option<MqttSettings> {
    table.need(
        "url",
        "say where the broker is, say url = \"mqtts://broker.example.kr:8883\"",
        problems,
    );
    let url = table.read("url", |text| base_url(text, &["mqtts", "mqtt"]), problems);
    check_pair(&table, problems);
    let user = table.text("user", problems);
    let password = secret(&mut table, "password", folder, problems);
    let ca_file = table.text("ca-file", problems);
    let in_flight = table.integer("in-flight", IN_FLIGHT_MIN..=i64::from(u16::MAX), problems);
    let session_expiry = table.duration("session-expiry", DAY / 1_440..=366 * DAY, problems);
    let gateways = table.text("gateways", problems);
    if let (Some(gateways), true) = (&gateways, hosts) {
        problems.add(
            &gateways.place,
            "Sparkplug nodes publish below spBv1.0/ and not below the name of a gateway",
            "read them through a collector of their own, without `gateways`",
        );
    }
    table.finish("a collector of kind mqtt", problems);
    let url = url?;
    let tls = url.value.scheme() == "mqtts";
    if !tls && !is_loopback(&url.value) {
        problems.warn(
            &url.place,
            "readings and the password cross the network in the clear",
            "use mqtts:// with ca-file, or make sure that nobody else is on that network",
        );
    }
    if url.value.port() == Some(0) {
        problems.add(&url.place, "port 0 is no port", "write the broker's port, or leave it out");
    }
    if !matches!(url.value.path(), "" | "/") || url.value.query().is_some() {
        problems.add(
            &url.place,
            "an MQTT broker has no path",
            "write the scheme, host and port alone",
        );
    }
    if let Some(file) = &ca_file {
        check_ca(file, tls, folder, problems);
    }
    Some(MqttSettings {
        host: url.value.host_str()?.trim_start_matches('[').trim_end_matches(']').into(),
        port: url.value.port().unwrap_or(if tls { 8883 } else { 1883 }),
        tls,
        user: user.map(|user| user.value),
        password: password.map(|password| password.value),
        ca_file: ca_file.map(|file| folder.path().join(file.value)),
        gateways: gateways.map(|gateways| folder.path().join(gateways.value)),
        in_flight: in_flight.map_or(1_000, |at| at.value as u16),
        session_expiry: session_expiry.map_or(7 * DAY, |at| at.value),
    })
}

/// A user alone proves nothing, and a password alone names nobody.
fn check_pair(table: &Table, problems: &mut Problems) {
    match (table.place_of("user"), table.place_of("password")) {
        (Some(place), None) => {
            problems.add(&place, "`user` stands without `password`", "add password = \"file:…\"")
        }
        (None, Some(place)) => {
            problems.add(&place, "`password` stands without `user`", "add user = \"…\"")
        }
        (Some(_), Some(_)) | (None, None) => {}
    }
}

fn check_ca(file: &At<String>, tls: bool, folder: &Folder, problems: &mut Problems) {
    if !tls {
        problems.add(
            &file.place,
            "`ca-file` without TLS checks nothing",
            "use an mqtts:// URL, or remove it",
        );
    }
    readable(file, folder, problems);
}

/// Refuses a file that cannot be opened.
pub fn readable(file: &At<String>, folder: &Folder, problems: &mut Problems) {
    let path = folder.path().join(&file.value);
    if folder.is_on_disk()
        && let Err(error) = std::fs::File::open(&path)
    {
        let what = format!("cannot read {}: {error}", path.display());
        problems.add(&file.place, what, "put the authority's certificate (PEM) there");
    }
}

/// A secret by reference; what is wrong with its file is a warning.
pub fn secret(
    table: &mut Table,
    key: &'static str,
    folder: &Folder,
    problems: &mut Problems,
) -> Option<At<SecretRef>> {
    let secret = table.read(key, |text| SecretRef::parse(text, folder.path()), problems)?;
    if folder.is_on_disk() {
        secret.value.examine(&secret.place, problems);
    }
    Some(secret)
}

fn broker(mut table: Table, folder: &Folder, problems: &mut Problems) -> Option<BrokerSettings> {
    table.need("listen", "say where stations reach it, say listen = \"127.0.0.1:1883\"", problems);
    let listen = table.read("listen", address, problems);
    let users: Vec<_> = table
        .tables("users", problems)
        .into_iter()
        .filter_map(|table| user(table, folder, problems))
        .collect();
    let gateways = table.text("gateways", problems);
    let tls = table.table("tls", problems).map(|table| broker_tls(table, folder, problems));
    table.finish("a collector of kind embedded-broker", problems);
    let listen = listen?;
    if users.is_empty() && gateways.is_none() && !listen.value.ip().is_loopback() {
        problems.add(
            &listen.place,
            "everybody on the network may speak as any station",
            "listen on 127.0.0.1, or list who may connect: users = [{ name = \"gateway-1\", password = \"file:…\" }]",
        );
    }
    Some(BrokerSettings {
        listen: listen.value,
        users,
        gateways: gateways.map(|gateways| folder.path().join(gateways.value)),
        tls: tls.flatten(),
    })
}

fn broker_tls(mut table: Table, folder: &Folder, problems: &mut Problems) -> Option<TlsSettings> {
    table.need("listen", "say where gateways reach it, say listen = \"0.0.0.0:8883\"", problems);
    table.need("certificate", "bongsu gateway broker HOST makes one", problems);
    table.need("key", "the key of the certificate, PEM", problems);
    let listen = table.read("listen", address, problems);
    let mut file = |key| {
        let file = table.text(key, problems)?;
        readable(&file, folder, problems);
        Some(folder.path().join(file.value))
    };
    let (certificate, key, authority) = (file("certificate"), file("key"), file("authority"));
    table.finish("`tls` of the broker", problems);
    Some(TlsSettings { listen: listen?.value, certificate: certificate?, key: key?, authority })
}

fn user(mut table: Table, folder: &Folder, problems: &mut Problems) -> Option<BrokerUser> {
    table.need("name", "say who may connect", problems);
    table.need("password", "say how they prove it: password = \"file:…\"", problems);
    let name = table.read("name", id::<Name>, problems);
    let password = secret(&mut table, "password", folder, problems);
    table.finish("a user of the broker", problems);
    Some(BrokerUser { name: name?.value.to_string(), password: password?.value })
}
