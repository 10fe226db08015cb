//! What collectors stand before: brokers, gateways of a bus, servers that publish documents.

use std::time::Duration;

use alerting::catalogue::text;
use ingest::clock::Clock;
use ingest::collector::config::{Filters, MqttConfig};
use ingest::collector::http;
use ingest::collector::probe::{self, Seen};
use ingest::collector::serial::config::Way;
use reading::Timestamp;
use reading::codec::sparkplug::Hosts;
use reading::codec::{CodecError, Feed, Message, Root, feed};
use reading::frame::Frame;

use crate::board::{Check, Vital};
use crate::config::{Collector, CollectorKind, Config};
use crate::daemon::collectors::{broker_config, filters, http_config, mqtt_config, mqtt_filters};
use crate::vitals::{self, Subscribed, same};

/// How long a gateway may take to answer.
pub(super) const ANSWER_MAX: Duration = Duration::from_secs(5);

/// What a collector stands before. Its port was looked at.
pub(super) async fn look_at(
    collector: &Collector,
    config: &Config,
    listen_for: Duration,
) -> Vec<Check> {
    let name = &collector.name;
    let feeds: Vec<Feed> =
        config.setup.feeds.iter().filter(|feed| feed.source == *name).cloned().collect();
    let prepared = match &collector.kind {
        CollectorKind::Serial(_) => return Vec::new(),
        CollectorKind::Modbus(settings) => return way(name, &settings.bus.way).await,
        CollectorKind::Http(settings) => {
            let check = format!("http-{name}");
            return vec![match http_config(name, settings) {
                Ok(config) => document(check, &config, &feeds).await,
                Err(error) => failed(check, &format!("{error:#}")),
            }];
        }
        CollectorKind::Mqtt(settings) => mqtt_config(name, settings, &config.data_dir)
            .map(|prepared| (prepared, mqtt_filters(Root::Field, settings, &feeds))),
        CollectorKind::EmbeddedBroker(settings) => {
            broker_config(name, settings.listen, &config.data_dir)
                .map(|prepared| (prepared, filters(Root::Field, &feeds)))
        }
    };
    let check = format!("broker-{name}");
    match prepared {
        Ok((prepared, filters)) => broker(check, prepared, filters, listen_for).await,
        Err(error) => vec![failed(check, &format!("{error:#}"))],
    }
}

fn failed(name: String, reason: &str) -> Check {
    Check::new(name, Vital::Failed, same(reason))
}

/// Whether a gateway takes a connection.
async fn way(collector: &str, way: &Way) -> Vec<Check> {
    let Way::Tcp { host, port } = way else { return Vec::new() };
    let connecting = tokio::net::TcpStream::connect((host.as_str(), *port));
    let (vital, detail) = match tokio::time::timeout(ANSWER_MAX, connecting).await {
        Ok(Ok(_)) => (Vital::Ok, same(way.to_string())),
        Ok(Err(error)) => (Vital::Failed, same(format!("{way}: {error}"))),
        Err(_) => {
            let words = [way.to_string(), ANSWER_MAX.as_secs().to_string()];
            let words = words.each_ref().map(String::as_str);
            (Vital::Failed, text("vital-way-silent", &words))
        }
    };
    vec![Check::new(format!("modbus-{collector}"), vital, detail)]
}

/// Whether a server publishes a document, and what can be read of it.
async fn document(name: String, config: &http::HttpConfig, feeds: &[Feed]) -> Check {
    let bytes = match http::fetch_once(config).await {
        Ok(Ok(bytes)) => bytes,
        Ok(Err(error)) => {
            let detail = text("vital-document-away", &[&error.to_string()]);
            return Check::new(name, Vital::Failed, detail);
        }
        Err(error) => return failed(name, &error.to_string()),
    };
    let len = bytes.len().to_string();
    match values(&config.name, &bytes, feeds, Clock::system().wall()) {
        Err(error) => {
            let words = [&*len, error.name(), &error.to_string()];
            Check::new(name, Vital::Failed, text("vital-document-unreadable", &words))
        }
        Ok((0, unmapped)) => {
            let words = [&*len, &unmapped.to_string()];
            Check::new(name, Vital::Degraded, text("vital-document-empty", &words))
        }
        Ok((known, unmapped)) => {
            let words = [&*len, &known.to_string(), &unmapped.to_string()];
            Check::new(name, Vital::Ok, text("vital-document", &words))
        }
    }
}

/// How many values of a document are ours, and how many no table names.
fn values(
    source: &str,
    payload: &[u8],
    feeds: &[Feed],
    now: Timestamp,
) -> Result<(usize, usize), CodecError> {
    let frame = Frame { source, topic: source, payload, received_at: now, retained: false };
    let mut hosts = Hosts::default();
    let decoded = feed::decode(&frame, feeds, &mut hosts, now)?;
    let known = decoded.messages.iter().map(|told| match &told.message {
        Message::Report(report) => report.claims.len(),
        Message::Status(_) | Message::Receipt(_) => 0,
    });
    Ok((known.sum(), decoded.unmapped.len()))
}

async fn broker(
    name: String,
    mut config: MqttConfig,
    filters: Filters,
    listen_for: Duration,
) -> Vec<Check> {
    config.filters = filters;
    match probe::look(&config, listen_for).await {
        Err(error) => vec![failed(name, &error.to_string())],
        Ok(seen) => told(&name, &config, &seen, listen_for),
    }
}

fn told(name: &str, config: &MqttConfig, seen: &Seen, listen_for: Duration) -> Vec<Check> {
    let version = seen.version.as_deref().unwrap_or("$SYS/broker/version: -");
    let reached = Check::new(name, Vital::Ok, same(format!("{} ({version})", config.url)));
    let session =
        vitals::session(format!("{name}-session"), seen.persists, seen.version.as_deref());
    let topics = seen.filters.iter().map(|(filter, matched)| {
        let subscribed = match matched.granted {
            true => Subscribed::Heard(matched.messages, listen_for.as_secs()),
            false => Subscribed::Refused,
        };
        vitals::subscription(format!("{name}-topic"), filter, &subscribed)
    });
    let strays = seen.strays.iter().map(|topic| {
        Check::new(format!("{name}-stray"), Vital::Degraded, text("vital-stray", &[topic]))
    });
    [reached, session].into_iter().chain(topics).chain(strays).collect()
}

#[cfg(test)]
mod tests {
    use ingest::collector::probe::Matched;

    use super::*;

    #[test]
    fn a_refused_filter_and_a_forgetful_broker_fail() {
        let config = MqttConfig::new("field", "mqtt://localhost".parse().unwrap(), "/tmp");
        let mut seen = Seen { persists: Some(true), ..Seen::default() };
        let worst = |seen: &Seen| {
            let checks = told("broker-field", &config, seen, Duration::from_secs(10));
            checks.iter().map(|check| check.vital).max().unwrap()
        };
        assert_eq!(worst(&seen), Vital::Ok);
        seen.filters.insert("a/#".into(), Matched { granted: false, messages: 0 });
        assert_eq!(worst(&seen), Vital::Failed);
        seen.filters.clear();
        seen.version = Some("mosquitto version 2.0.15".into());
        assert_eq!(worst(&seen), Vital::Degraded);
        seen.persists = Some(false);
        assert_eq!(worst(&seen), Vital::Failed);
        let forgets = told("broker-field", &config, &seen, Duration::from_secs(10));
        for words in [&forgets[1].detail.ko, &forgets[1].detail.en] {
            assert!(words.contains("persistence true"), "{words}");
        }
    }
}
