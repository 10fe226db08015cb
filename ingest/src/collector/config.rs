//! What a collector is told: which broker, as whom, what to subscribe to.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use super::gateways::PREFIX;
use super::pace::BURST_KEPT;
use super::topic;

/// The least window of unacknowledged frames that makes sense.
pub const RECEIVE_MAXIMUM_MIN: u16 = 16;

/// A broker, and what to receive from it.
#[derive(Clone, Debug)]
pub struct MqttConfig {
    /// The collector's name: the source of its frames, and the start of its client ids.
    pub name: String,
    /// Where the broker is.
    pub url: BrokerUrl,
    /// As whom to sign in.
    pub user: Option<String>,
    /// With which password.
    pub password: Option<Password>,
    /// The authority that signed the broker's certificate, in PEM. Without one the machine's own are trusted.
    pub ca_file: Option<PathBuf>,
    /// How many frames may be on their way unacknowledged, per session: the backpressure.
    pub receive_maximum: u16,
    /// What to subscribe to.
    pub filters: Filters,
    /// The folder of a book of gateways, if each publishes below its own name; the filters are then
    /// [`behind_gateways`](Filters::behind_gateways).
    pub gateways: Option<PathBuf>,
    /// How many messages one sender may send at once.
    pub sender_burst: u32,
    /// As which Sparkplug host the publishing connection says that it is there, in place of the daemon's own status.
    pub sparkplug_host: Option<String>,
    /// Where the client ids are remembered.
    pub data_dir: PathBuf,
    /// How long a connection may be silent before it is probed. Whole seconds.
    pub keep_alive: Duration,
    /// How long the broker keeps what we have not received while we are away. Whole seconds.
    pub session_expiry: Duration,
    /// The longest packet the broker may send us, in bytes; it drops longer ones without a word to us.
    pub max_packet_size: u32,
}

impl MqttConfig {
    /// Everything as we recommend it, for a broker at `url`.
    pub fn new(name: impl Into<String>, url: BrokerUrl, data_dir: impl Into<PathBuf>) -> Self {
        Self {
            name: name.into(),
            url,
            user: None,
            password: None,
            ca_file: None,
            receive_maximum: 1_000,
            filters: Filters::native(),
            gateways: None,
            sender_burst: BURST_KEPT,
            sparkplug_host: None,
            data_dir: data_dir.into(),
            keep_alive: Duration::from_secs(15),
            session_expiry: Duration::from_secs(7 * 86_400),
            max_packet_size: 16 << 20,
        }
    }
}

/// What each receiving session subscribes to. A session without filters is not opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filters {
    /// Live readings, and the topics of foreign devices.
    pub telemetry: Vec<String>,
    /// Answers to commands, and who is there.
    pub receipts: Vec<String>,
    /// Old readings.
    pub backfill: Vec<String>,
}

impl Filters {
    /// The topics of our own stations.
    pub fn native() -> Self {
        Self::under(topic::Root::Field)
    }

    /// The same under a given root.
    pub fn under(root: topic::Root) -> Self {
        let moved = |filter: &str| filter.replacen(topic::ROOT, root.as_str(), 1);
        Self {
            telemetry: vec![moved(topic::TELEMETRY)],
            receipts: vec![moved(topic::RESULT), moved(topic::STATUS)],
            backfill: vec![moved(topic::BACKFILL)],
        }
    }

    /// The same below the names of gateways.
    #[must_use]
    pub fn behind_gateways(self) -> Self {
        let below = |filters: Vec<String>| {
            filters.into_iter().map(|filter| format!("{PREFIX}/+/{filter}")).collect()
        };
        Self {
            telemetry: below(self.telemetry),
            receipts: below(self.receipts),
            backfill: below(self.backfill),
        }
    }

    /// Every filter of every session.
    pub fn all(&self) -> impl Iterator<Item = &str> {
        self.telemetry.iter().chain(&self.receipts).chain(&self.backfill).map(String::as_str)
    }
}

/// A password that shows itself to nobody.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(Box<[u8]>);

impl Password {
    /// Takes a password. MQTT takes any bytes.
    pub fn new(secret: impl Into<Vec<u8>>) -> Self {
        Self(secret.into().into_boxed_slice())
    }

    pub(super) fn reveal(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

/// Where a broker is: `mqtt://host[:port]`, or `mqtts://host[:port]` for TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokerUrl {
    /// Its name or address, without the brackets of an IPv6 one.
    pub host: String,
    /// Its port: 1883, with TLS 8883, if none is given.
    pub port: u16,
    /// Whether to speak TLS.
    pub tls: bool,
}

/// A text that does not say where a broker is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is not a broker: write mqtt://host:1883, or mqtts://host:8883 for TLS; user and password have keys of their own"
)]
pub struct NotABroker {
    /// What stood there, shortened; nothing of it if it may hold a password.
    pub text: String,
}

impl FromStr for BrokerUrl {
    type Err = NotABroker;

    fn from_str(text: &str) -> Result<Self, NotABroker> {
        let refused = || NotABroker {
            text: if text.contains('@') {
                "…@…".into()
            } else {
                text.chars().take(80).collect()
            },
        };
        let (scheme, rest) = text.split_once("://").ok_or_else(refused)?;
        let tls = match scheme {
            "mqtt" => false,
            "mqtts" => true,
            _ => return Err(refused()),
        };
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        let (host, port) = split_port(authority).ok_or_else(refused)?;
        let port = match port {
            Some(port) => port.parse().ok().filter(|port| *port != 0).ok_or_else(refused)?,
            None if tls => 8883,
            None => 1883,
        };
        Ok(Self { host: host.into(), port, tls })
    }
}

/// Host and port of `host`, `host:port`, `[v6]` or `[v6]:port`.
fn split_port(authority: &str) -> Option<(&str, Option<&str>)> {
    if let Some(rest) = authority.strip_prefix('[') {
        let (host, after) = rest.split_once(']')?;
        host.parse::<std::net::Ipv6Addr>().ok()?;
        return match after {
            "" => Some((host, None)),
            _ => Some((host, Some(after.strip_prefix(':')?))),
        };
    }
    let (host, port) = match authority.split_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (authority, None),
    };
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    (!host.is_empty() && host.chars().all(plain)).then_some((host, port))
}

impl fmt::Display for BrokerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "mqtts" } else { "mqtt" };
        match self.host.contains(':') {
            true => write!(f, "{scheme}://[{}]:{}", self.host, self.port),
            false => write!(f, "{scheme}://{}:{}", self.host, self.port),
        }
    }
}

/// Why a configuration cannot be run.
#[derive(Debug, thiserror::Error)]
pub enum MqttConfigError {
    /// No usable name.
    #[error("collector `{name}`: use 1 to 64 lower-case letters a-z, digits and `-` as its name")]
    Name {
        /// What stood there.
        name: String,
    },
    /// Not a filter.
    #[error(
        "collector `{name}`: `{filter}` is not a topic filter; `+` stands for one level, `#` for all that follow and only at the end"
    )]
    Filter {
        /// The collector.
        name: String,
        /// What stood there.
        filter: String,
    },
    /// A password without a user.
    #[error("collector `{name}`: a password needs a user; set `user` too")]
    PasswordWithoutUser {
        /// The collector.
        name: String,
    },
    /// A window too small.
    #[error(
        "collector `{name}`: receive_maximum is below {RECEIVE_MAXIMUM_MIN}; 1000 suits most brokers"
    )]
    ReceiveMaximum {
        /// The collector.
        name: String,
    },
    /// A packet size that leaves no room for a report.
    #[error("collector `{name}`: max_packet_size is below 1024 bytes; 16 MiB suits most brokers")]
    MaxPacketSize {
        /// The collector.
        name: String,
    },
    /// A CA file for a connection that does not speak TLS.
    #[error(
        "collector `{name}`: ca_file is set but the broker is {url}; write mqtts:// to speak TLS"
    )]
    CaWithoutTls {
        /// The collector.
        name: String,
        /// The broker.
        url: BrokerUrl,
    },
}

impl MqttConfig {
    /// Whether this can be run at all, without touching a file or the network.
    ///
    /// # Errors
    /// [`MqttConfigError`], the first problem found.
    pub fn check(&self) -> Result<(), MqttConfigError> {
        let name = || self.name.clone();
        if !reading::id::is_id(&self.name) {
            return Err(MqttConfigError::Name { name: name() });
        }
        if let Some(filter) = self.filters.all().find(|filter| !topic::is_filter(filter)) {
            return Err(MqttConfigError::Filter { name: name(), filter: filter.into() });
        }
        if self.password.is_some() && self.user.is_none() {
            return Err(MqttConfigError::PasswordWithoutUser { name: name() });
        }
        if self.receive_maximum < RECEIVE_MAXIMUM_MIN {
            return Err(MqttConfigError::ReceiveMaximum { name: name() });
        }
        if self.max_packet_size < 1_024 {
            return Err(MqttConfigError::MaxPacketSize { name: name() });
        }
        if self.ca_file.is_some() && !self.url.tls {
            return Err(MqttConfigError::CaWithoutTls { name: name(), url: self.url.clone() });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brokers_are_found_by_their_url() {
        let table = [
            ("mqtt://localhost", "mqtt://localhost:1883"),
            ("mqtt://10.0.0.1:18830/", "mqtt://10.0.0.1:18830"),
            ("mqtts://broker.example.kr", "mqtts://broker.example.kr:8883"),
            ("mqtts://[::1]", "mqtts://[::1]:8883"),
            ("mqtt://[fe80::1]:1", "mqtt://[fe80::1]:1"),
        ];
        for (text, expected) in table {
            assert_eq!(text.parse::<BrokerUrl>().unwrap().to_string(), expected);
        }
        for bad in [
            "",
            "localhost:1883",
            "tcp://a",
            "mqtt://",
            "mqtt://a:0",
            "mqtt://a:x",
            "mqtt://a:70000",
            "mqtt://::1",
            "mqtt://a/b",
            "mqtt://[a]",
        ] {
            assert!(bad.parse::<BrokerUrl>().is_err(), "{bad}");
        }
    }

    #[test]
    fn no_secret_is_shown() {
        let error = "mqtt://user:hunter2@host".parse::<BrokerUrl>().unwrap_err();
        assert!(!error.to_string().contains("hunter2"));
        let mut config = MqttConfig::new("field", "mqtt://localhost".parse().unwrap(), "/tmp");
        config.password = Some(Password::new("hunter2"));
        assert!(!format!("{config:?}").contains("hunter2"));
    }

    #[test]
    fn problems_are_found_before_the_start() {
        let good = || MqttConfig::new("field", "mqtt://localhost".parse().unwrap(), "/tmp");
        assert!(good().check().is_ok());
        let spoilers: [fn(&mut MqttConfig); 6] = [
            |c| c.name = "My Field".into(),
            |c| c.filters.telemetry.push("a/#/b".into()),
            |c| c.password = Some(Password::new("x")),
            |c| c.receive_maximum = 0,
            |c| c.max_packet_size = 0,
            |c| c.ca_file = Some("/ca.pem".into()),
        ];
        for (index, spoil) in spoilers.into_iter().enumerate() {
            let mut config = good();
            spoil(&mut config);
            assert!(config.check().is_err(), "{index}");
        }
    }
}
