//! Publishers and encoders of other people, against a daemon: Eclipse paho (Python), mqtt.js, and bytes that other
//! libraries made.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::io::Write;
use std::process::{Command, Stdio};

use common::daemon::Daemon;
use common::servers::Mosquitto;
use common::setting::{Road, SPARKPLUG, Setting, bridge, crack, telemetry};
use common::{free_port, hex, unhex};
use serde_json::{Value, json};

/// A publisher of somebody else's.
#[derive(Clone, Copy, Debug)]
enum Peer {
    Paho,
    MqttJs,
}

/// Where Debian keeps what its node programs import.
const NODE_PATH: &str = "/usr/share/nodejs";

impl Peer {
    /// How it is started, unless it is not installed.
    fn command(self) -> Option<Command> {
        let (program, try_out, script, name) = match self {
            Self::Paho => (
                "/usr/bin/python3",
                ["-c", "import paho.mqtt.client"],
                "tests/peers/with_paho.py",
                "python3-paho-mqtt",
            ),
            Self::MqttJs => {
                ("node", ["-e", "require('mqtt')"], "tests/peers/with_mqttjs.js", "node-mqtt")
            }
        };
        let command = || {
            let mut command = Command::new(program);
            command.env("NODE_PATH", NODE_PATH).stdin(Stdio::piped()).stderr(Stdio::piped());
            command
        };
        let tried = command().args(try_out).stderr(Stdio::null()).status();
        if !tried.is_ok_and(|status| status.success()) {
            let required = std::env::var_os("BONGSU_REQUIRE_SERVERS").is_some_and(|set| set == "1");
            assert!(!required, "{name} is not installed");
            println!("skipped: {name} not installed");
            return None;
        }
        let mut command = command();
        command.arg(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(script));
        Some(command)
    }

    /// Publishes and waits until the broker has acknowledged all of it.
    async fn publish(
        self,
        port: u16,
        protocol: u8,
        messages: Vec<(String, Vec<u8>)>,
    ) -> Option<()> {
        let mut command = self.command()?;
        command.args([port.to_string(), protocol.to_string()]);
        let lines: String = messages
            .into_iter()
            .map(|(topic, payload)| format!("{}\n", json!({"topic": topic, "hex": hex(&payload)})))
            .collect();
        let ended = tokio::task::spawn_blocking(move || {
            let mut child = command.spawn().unwrap();
            child.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
            child.wait_with_output().unwrap()
        });
        let ended = tokio::time::timeout(common::PATIENCE, ended).await.unwrap().unwrap();
        let said = String::from_utf8_lossy(&ended.stderr);
        assert!(ended.status.success(), "{self:?} over MQTT {protocol}: {said}");
        Some(())
    }
}

/// The newest value of the crack, in millimetres.
async fn opening(daemon: &Daemon) -> f64 {
    let site = daemon.json("/api/v1/sites/bridge-1").await;
    site["stations"][0]["series"][0]["latest"]["value"].as_f64().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn paho_and_mqtt_js_are_heard_behind_mosquitto_and_by_our_own_broker() {
    let mosquitto = Mosquitto::start().await.map(|broker| (Road::Mqtt(broker.port), broker));
    let (road, _broker) = mosquitto.unzip();
    for road in [Some(Road::Embedded(free_port())), road].into_iter().flatten() {
        let (Road::Embedded(port) | Road::Mqtt(port)) = road;
        let setting = Setting::new(road);
        setting.site("bridge-1", &bridge("bridge-1"));
        let daemon = Daemon::start(&setting.write()).await;
        let mut seq = 0;
        for peer in [Peer::Paho, Peer::MqttJs] {
            for protocol in [4, 5] {
                let mut report = || {
                    seq += 1;
                    let width = 1.0 + seq as f64 / 100.0;
                    (telemetry("bridge-1", "box-1"), crack(seq, width).into_bytes())
                };
                let reports = vec![report(), report(), report()];
                if peer.publish(port, protocol, reports).await.is_some() {
                    daemon.admits(seq).await;
                } else {
                    seq -= 3;
                }
            }
        }
        assert_eq!(daemon.balance("field").await["refused"], 0);
        assert_eq!(daemon.stop().await.errors(), Vec::<Value>::new());
    }
}

/// A node, its device with a metric and its alias, and a value by the alias alone, as `sparkplug-payload` 1.0.3 for
/// node (the encoder of Eclipse Tahu) writes them.
const MESSAGES: [(&str, &str); 3] = [
    (
        "spBv1.0/slopes/NBIRTH/edge",
        "0880fae8f2f533120b0a05626453657120085800121a0a144e6f646520436f6e74726f6c2f52656269727468200b70001800",
    ),
    (
        "spBv1.0/slopes/DBIRTH/edge/crack",
        "0881fae8f2f53312300a076f70656e696e6710031881fae8f2f533200a4a110a07656e67556e69741206080c42026d6d690000\
         00000000f03f12120a056c6162656c1004200c7a05637261636b1801",
    ),
    (
        "spBv1.0/slopes/DDATA/edge/crack",
        "08e0ceecf2f5331214100318e0ceecf2f533200a69000000000000f43f1802",
    ),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sparkplug_node_that_another_library_encoded_is_born_and_heard() {
    let mut setting = Setting::embedded();
    setting.add(SPARKPLUG);
    setting.site("bridge-1", &bridge("bridge-1"));
    let daemon = Daemon::start(&setting.write()).await;
    let messages =
        MESSAGES.iter().map(|(topic, digits)| ((*topic).to_owned(), unhex(digits))).collect();
    if Peer::Paho.publish(daemon.broker(), 4, messages).await.is_none() {
        return;
    }
    daemon.admits(2).await;
    assert_eq!(opening(&daemon).await, 1.25);
    assert_eq!(daemon.balance("field").await["quarantined"], 0);
    assert_eq!(daemon.stop().await.errors(), Vec::<Value>::new());
}

/// A pack as `kpn-senml` 1.0.1 for Python writes it, in both forms.
const SENML_JSON: &str = r#"[{"n": "opening", "v": 0.00125, "bn": "urn:dev:mac:0024befffe804ff1:", "bu": "m"}, {"n": "temperature", "v": 21.5, "u": "Cel"}]"#;
const SENML_CBOR: &str = "82a400676f70656e696e6702fb3f547ae147ae147b21781d75726e3a6465763a6d61633a303032346265666666\
    653830346666313a23616da3006b74656d706572617475726502fb4035800000000000016343656c";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn senml_that_another_library_encoded_is_heard() {
    let mut setting = Setting::embedded();
    setting.add(
        r#"[[collector.subscribe]]
topic = "things/+"
format = "senml"

[[collector.subscribe.map]]
devices = { "urn:dev:mac:0024befffe804ff1" = "bridge-1/box-1" }
metrics = { opening = "crack-1/crack-width" }
ignore = ["temperature"]"#,
    );
    setting.site("bridge-1", &bridge("bridge-1"));
    let daemon = Daemon::start(&setting.write()).await;
    for (count, payload) in [(1, SENML_JSON.as_bytes().to_vec()), (2, unhex(SENML_CBOR))] {
        let message = ("things/one".to_owned(), payload);
        if Peer::MqttJs.publish(daemon.broker(), 5, vec![message]).await.is_none() {
            return;
        }
        daemon.admits(count).await;
        assert_eq!(opening(&daemon).await, 1.25, "a metre is a thousand millimetres");
    }
    assert_eq!(daemon.stop().await.errors(), Vec::<Value>::new());
}
