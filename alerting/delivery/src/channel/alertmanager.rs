//! Prometheus Alertmanager, API v2: one alert an incident, at every peer of a cluster.
//!
//! Labels never change while an incident lasts, or it would become another alert; level and texts are annotations.
//! An alert stands until `endsAt`, the moment the message is to be believed to; reminders come before that and move
//! it. What is over ends now.

use alerting::{Alert, AttemptResult, Delivery, Level, Status};
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, join_all};
use serde_json::{Value, json};

use super::cap::zoned;
use super::http::{Answer, Peer};
use super::{Channel, delivered, retry};
use crate::operation::Carried;
use crate::probe::{Probe, Proof, Provable};
use crate::text::is_over;

/// Sends to every peer.
pub struct Alertmanager {
    peers: Vec<Peer>,
    link: String,
}

impl Alertmanager {
    /// A channel to these peers, whose addresses end before `/api/v2`. `link` is where to look; may be empty.
    pub fn new(peers: Vec<Peer>, link: String) -> Self {
        Self { peers, link }
    }

    /// Done when every peer has it: each may be the only one left to tell.
    async fn send(&self, delivery: &Delivery) -> AttemptResult {
        let body = body(&delivery.alert, &self.link);
        let asked = self.peers.iter().map(|peer| self.post(peer, body.clone()));
        let mut said = Vec::new();
        let mut worst = None;
        for result in join_all(asked).await {
            match result {
                AttemptResult::Delivered { receipt } => said.push(receipt),
                other => worst = worse(worst, other),
            }
        }
        worst.unwrap_or_else(|| delivered(said.join(", ")))
    }

    async fn post(&self, peer: &Peer, body: Vec<u8>) -> AttemptResult {
        let request = peer.request(reqwest::Method::POST, peer.below(&["api", "v2", "alerts"]));
        let request = request.header(reqwest::header::CONTENT_TYPE, "application/json").body(body);
        match peer.ask(request).await {
            Ok(answer) => taken(&answer),
            Err(result) => result,
        }
    }
}

impl Channel for Alertmanager {
    fn attempt<'a>(&'a self, delivery: &'a Carried, _attempt: u32) -> BoxFuture<'a, AttemptResult> {
        self.send(delivery).boxed()
    }
}

impl Provable for Alertmanager {
    fn targets(&self) -> Vec<String> {
        (1..=self.peers.len()).map(|number| format!("peer-{number}")).collect()
    }

    /// Asks a peer how it is.
    fn prove<'a>(&'a self, probe: &'a Probe) -> BoxFuture<'a, Proof> {
        async {
            let number = probe.target().strip_prefix("peer-").and_then(|n| n.parse::<usize>().ok());
            let peer = number.and_then(|n| self.peers.get(n.checked_sub(1)?));
            let Some(peer) = peer else { return Proof::Failed("there is no such peer".into()) };
            let status = peer.below(&["api", "v2", "status"]);
            match peer.ask(peer.request(reqwest::Method::GET, status)).await {
                Ok(answer) => taken(&answer).into(),
                Err(result) => result.into(),
            }
        }
        .boxed()
    }
}

/// What a peer's answer is worth. It says yes with a status alone or in JSON; whatever says it in another way (a proxy,
/// a portal) is no Alertmanager.
fn taken(answer: &Answer) -> AttemptResult {
    let is_its_own = answer.body.trim_ascii().is_empty()
        || serde_json::from_slice::<serde::de::IgnoredAny>(&answer.body).is_ok();
    match answer.judged() {
        AttemptResult::Delivered { receipt } if !is_its_own => {
            retry(format!("{receipt}, in a way no Alertmanager does"))
        }
        judged => judged,
    }
}

/// What may get better is tried again, even if another peer will never take it.
fn worse(before: Option<AttemptResult>, now: AttemptResult) -> Option<AttemptResult> {
    match before {
        Some(retry @ AttemptResult::Retry { .. }) => Some(retry),
        _ => Some(now),
    }
}

/// The alert as Alertmanager has it.
pub fn body(alert: &Alert, link: &str) -> Vec<u8> {
    let zone = &alert.site.zone;
    let over = is_over(alert);
    let ends_at = if over { alert.decided_at } else { alert.expires_at };
    let level = if over { Level::Normal } else { alert.level };
    let mut labels = json!({
        "alertname": format!("bongsu-{}", alert.hazard.name()),
        "incident": alert.incident.as_str(),
        "site": alert.site.id.as_str(),
        "hazard": alert.hazard.name(),
    });
    match alert.status {
        Status::Actual => {}
        Status::Exercise => labels["status"] = Value::from("exercise"),
        Status::Test => labels["status"] = Value::from("test"),
    }
    let mut one = json!({
        "labels": labels,
        "annotations": {
            "level": level.name(),
            "revision": alert.revision.to_string(),
            "summary": alert.headline.ko, "summary_en": alert.headline.en,
            "description": alert.description.ko, "description_en": alert.description.en,
            "instruction": alert.instruction.ko, "instruction_en": alert.instruction.en,
        },
        // A peer keeps the earliest start it was told; without one it would take the end for it.
        "startsAt": zoned(alert.decided_at, zone),
        "endsAt": zoned(ends_at, zone),
    });
    if !link.is_empty() {
        one["generatorURL"] = Value::from(link);
    }
    serde_json::to_vec(&json!([one])).expect("texts always serialize")
}

#[cfg(test)]
mod tests {
    use std::process::{Child, Command, Stdio};
    use std::time::Duration;

    use tempfile::TempDir;

    use super::*;
    use crate::channel::http::HttpSettings;
    use crate::sample::{alert, cancel, carried, is_delivered, program};
    use crate::secret::Secret;

    struct Server {
        process: Child,
        url: String,
        _folder: TempDir,
    }

    impl Drop for Server {
        fn drop(&mut self) {
            self.process.kill().ok();
            self.process.wait().ok();
        }
    }

    fn free() -> u16 {
        std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
    }

    async fn get(url: &str) -> Option<Value> {
        let answer = reqwest::get(url).await.ok()?;
        serde_json::from_slice(&answer.bytes().await.ok()?).ok()
    }

    impl Server {
        async fn start() -> Option<Self> {
            rustls::crypto::ring::default_provider().install_default().ok();
            let program = program("prometheus-alertmanager")?;
            let (folder, port) = (TempDir::new().unwrap(), free());
            let config = folder.path().join("config.yml");
            std::fs::write(&config, "route:\n  receiver: nobody\nreceivers:\n- name: nobody\n")
                .unwrap();
            let mut command = Command::new(program);
            command
                .arg(format!("--config.file={}", config.display()))
                .arg(format!("--storage.path={}", folder.path().join("data").display()))
                .arg(format!("--web.listen-address=127.0.0.1:{port}"))
                .arg("--cluster.listen-address=")
                .stdout(Stdio::null())
                .stderr(Stdio::null());
            let process = command.spawn().unwrap();
            let server = Self { process, url: format!("http://127.0.0.1:{port}"), _folder: folder };
            for _ in 0..1_000 {
                if get(&format!("{}/api/v2/status", server.url)).await.is_some() {
                    return Some(server);
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            panic!("alertmanager does not answer");
        }

        async fn alerts(&self) -> Vec<Value> {
            let all = get(&format!("{}/api/v2/alerts?active=true", self.url)).await.unwrap();
            all.as_array().unwrap().clone()
        }
    }

    fn peer(url: &str) -> Peer {
        rustls::crypto::ring::default_provider().install_default().ok();
        let settings = HttpSettings {
            url: Secret::new(url),
            timeout: Duration::from_secs(20),
            authorities_pem: None,
            authorization: None,
        };
        Peer::new(&settings).unwrap()
    }

    /// The sample's moments, moved to where Alertmanager's clock was when it started.
    async fn now(server: &Server, mut alert: Alert) -> Alert {
        let status = get(&format!("{}/api/v2/status", server.url)).await.unwrap();
        let started: jiff::Timestamp = status["uptime"].as_str().unwrap().parse().unwrap();
        alert.decided_at = reading::Timestamp::from_nanos(started.as_nanosecond() as i64);
        alert.expires_at = alert.decided_at.plus(Duration::from_secs(7_200));
        alert
    }

    #[tokio::test]
    async fn a_real_alertmanager_holds_one_alert_an_incident_until_it_is_over() {
        let Some(server) = Server::start().await else { return };
        let channel = Alertmanager::new(vec![peer(&server.url)], "https://b.example.kr/".into());
        for (revision, level) in [(1, Level::Caution), (2, Level::Severe)] {
            let sent = carried("am", "am", now(&server, alert(revision, level)).await);
            let result = channel.attempt(&sent, 1).await;
            assert!(is_delivered(&result), "{result:?}");
        }
        let standing = server.alerts().await;
        assert_eq!(standing.len(), 1, "a revision is the same alert: {standing:?}");
        let one = &standing[0];
        assert_eq!(one["labels"]["incident"], "live_cut-12_slope-failure_7");
        assert_eq!(one["annotations"]["level"], "severe");
        assert_eq!(one["generatorURL"], "https://b.example.kr/");
        let over = carried("am", "am", now(&server, cancel(3)).await);
        assert!(is_delivered(&channel.attempt(&over, 1).await));
        for _ in 0..1_000 {
            if server.alerts().await.is_empty() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("still standing: {:?}", server.alerts().await);
    }

    #[test]
    fn a_yes_that_no_alertmanager_gives_is_none() {
        for (status, body, expected) in [
            (200, "", "delivered"),
            (200, "\n", "delivered"),
            (202, "{\"message\":\"alerts created\"}", "delivered"),
            (200, "{\"error\":\"storage is read-only\"}", "refused"),
            (200, "\u{feff} <!DOCTYPE html><title>Sign in</title>", "retry"),
            (200, "OK", "retry"),
            (200, "{\"half", "retry"),
            (503, "", "retry"),
            (400, "", "refused"),
        ] {
            let answer = Answer {
                status: reqwest::StatusCode::from_u16(status).unwrap(),
                said: "it".into(),
                body: body.into(),
            };
            let came = match taken(&answer) {
                AttemptResult::Delivered { .. } => "delivered",
                AttemptResult::Refused { .. } => "refused",
                AttemptResult::Retry { .. } => "retry",
                other => panic!("{other:?}"),
            };
            assert_eq!(came, expected, "{status} {body}");
        }
    }

    #[tokio::test]
    async fn a_peer_that_is_gone_is_tried_again_though_another_has_it() {
        let Some(server) = Server::start().await else { return };
        let gone = format!("http://127.0.0.1:{}", free());
        let channel = Alertmanager::new(vec![peer(&server.url), peer(&gone)], String::new());
        let sent = carried("am", "am", now(&server, alert(1, Level::Severe)).await);
        let result = channel.attempt(&sent, 1).await;
        assert!(matches!(result, AttemptResult::Retry { .. }), "{result:?}");
        assert_eq!(server.alerts().await.len(), 1);
    }
}
