//! Uplinks of LoRaWAN devices behind a real broker: what the servers leave out, what they say twice, and both ways to
//! say it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reading::Timestamp;
use serde_json::{Value, json};

use super::common::daemon::Daemon;
use super::common::link::Link;
use super::common::servers::Mosquitto;
use super::common::setting::{Road, Setting, crack_box};
use super::common::{eventually, now};
use super::site;

/// Bytes on port 85: a tag, then hundredths of a millimetre.
const LAYOUT: &str = r#"
[[collector.subscribe.payload]]
ports = [85]
[[collector.subscribe.payload.block]]
tag = "03 82"
len = 2
fields = [{ name = "crack", at = 0, type = "u16-le", scale = 0.01 }]
"#;

const EUI: &str = "70b3d57ba0003bb8";

/// A network server.
#[derive(Clone, Copy, Debug)]
enum Server {
    ChirpStack,
    TheThingsStack,
}

/// What a device said, as a server has it: what is none or zero is left out.
#[derive(Clone, Default)]
struct Up {
    counter: u64,
    port: u8,
    data: Vec<u8>,
    object: Option<Value>,
    heard_at: Option<Timestamp>,
    gateway: &'static str,
}

impl Server {
    fn station(self) -> &'static str {
        match self {
            Self::ChirpStack => "chirpstack",
            Self::TheThingsStack => "things-stack",
        }
    }

    fn subscription(self) -> String {
        let (topic, format) = match self {
            Self::ChirpStack => ("application/+/device/+/event/up", "chirpstack-v4"),
            Self::TheThingsStack => ("v3/+/devices/+/up", "the-things-stack-v3"),
        };
        let station = self.station();
        let map = format!(
            "[[collector.subscribe.map]]\ndevices = {{ \"{EUI}\" = \"bridge-1/{station}\" }}\n\
             metrics = {{ crack = \"crack-1/crack-width mm\" }}\nignore = [\"*\"]\n"
        );
        let head = format!("[[collector.subscribe]]\ntopic = \"{topic}\"\nformat = \"{format}\"\n");
        [&head, LAYOUT, &map].concat()
    }

    fn topic(self) -> String {
        match self {
            Self::ChirpStack => format!("application/1/device/{EUI}/event/up"),
            Self::TheThingsStack => "v3/bridges@ttn/devices/crack-7/up".into(),
        }
    }

    fn message(self, up: &Up) -> Value {
        let data = STANDARD.encode(&up.data);
        let time = up.heard_at.map(|at| at.to_string());
        let mut message = match self {
            Self::ChirpStack => json!({
                "deduplicationId": up.gateway, "time": time, "deviceInfo": {"devEui": EUI},
                "devAddr": "017d1f70", "fCnt": up.counter, "fPort": up.port, "data": data,
                "object": up.object, "rxInfo": [{"gatewayId": up.gateway, "rssi": -90}],
            }),
            Self::TheThingsStack => json!({
                "end_device_ids": {"device_id": "crack-7", "dev_eui": EUI.to_uppercase(), "dev_addr": "260B1234"},
                "received_at": time,
                "uplink_message": {
                    "f_cnt": up.counter, "f_port": up.port, "frm_payload": data, "decoded_payload": up.object,
                    "rx_metadata": [{"gateway_ids": {"gateway_id": up.gateway}, "rssi": -90}],
                },
            }),
        };
        leave_out(&mut message);
        message
    }
}

/// Takes out what is nothing or zero, as the servers do.
fn leave_out(value: &mut Value) {
    if let Value::Object(fields) = value {
        fields.values_mut().for_each(leave_out);
        fields.retain(|_, value| !(value.is_null() || *value == json!(0) || *value == json!("")));
    }
}

/// The crack of a station, once it is so wide.
async fn crack(daemon: &Daemon, station: &str, mm: f64) -> Value {
    eventually(&format!("{station} says {mm} mm"), || async {
        let site = daemon.json("/api/v1/sites/bridge-1").await;
        let found = site["stations"].as_array()?.iter().find(|one| one["id"] == station)?;
        let latest = found["series"][0]["latest"].clone();
        (latest["value"] == mm).then_some(latest)
    })
    .await
}

fn measured_at(latest: &Value) -> Timestamp {
    Timestamp::parse(latest["measured_at"].as_str().unwrap()).unwrap()
}

async fn duplicates(daemon: &Daemon) -> u64 {
    daemon.balance("field").await["duplicate"].as_u64().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_uplink_is_heard_once_at_its_moment_whatever_its_server_leaves_out() {
    let Some(broker) = Mosquitto::start().await else { return };
    let mut setting = Setting::new(Road::Mqtt(broker.port));
    let servers = [Server::ChirpStack, Server::TheThingsStack];
    for server in servers {
        setting.add(&server.subscription());
    }
    setting.site("bridge-1", &site(&servers.map(|one| crack_box(one.station(), "field")).concat()));
    let daemon = Daemon::start(&setting.write()).await;
    let mut link = Link::connect(broker.port, "server").await.unwrap();
    for server in servers {
        let mut say = async |up: &Up| {
            let message = server.message(up);
            link.publish(&server.topic(), message.to_string().as_bytes()).await.unwrap();
        };
        // The first frame of a session: its counter is zero and left out, and nobody says when.
        let began = Timestamp::from_nanos(now().nanos() / 1_000_000 * 1_000_000); // it is shown in milliseconds
        let decoded = |mm: f64| Some(json!({"crack": mm, "note": "ok"}));
        let first =
            Up { port: 2, data: vec![7], object: decoded(1.5), gateway: "a", ..Up::default() };
        assert!(!server.message(&first).to_string().contains("\"fCnt\""), "{server:?}");
        assert!(!server.message(&first).to_string().contains("\"f_cnt\""), "{server:?}");
        say(&first).await;
        let latest = crack(&daemon, server.station(), 1.5).await;
        let at = measured_at(&latest);
        assert!(at >= began && at <= now(), "without a moment it is of its receipt: {latest}");

        // The same over two more gateways, as one more message each.
        let before = duplicates(&daemon).await;
        for gateway in ["b", "c"] {
            say(&Up { gateway, heard_at: Some(now()), ..first.clone() }).await;
        }
        eventually("both are known again", || async {
            (duplicates(&daemon).await == before + 2).then_some(())
        })
        .await;

        // Its moment is the server's, where the server says one.
        let moment = Timestamp::from_secs(now().nanos() / 1_000_000_000 - 1);
        let second =
            Up { counter: 1, heard_at: Some(moment), object: decoded(1.75), ..first.clone() };
        say(&second).await;
        let latest = crack(&daemon, server.station(), 1.75).await;
        assert_eq!(measured_at(&latest), moment, "{server:?}");

        // Bytes that no server decoded: 0x00c8 hundredths, by the table.
        let raw = Up { counter: 2, port: 85, data: vec![3, 0x82, 0xc8, 0], object: None, ..second };
        say(&Up { heard_at: Some(now()), ..raw }).await;
        crack(&daemon, server.station(), 2.0).await;
    }
    let balance = daemon.balance("field").await;
    assert_eq!((&balance["admitted"], &balance["duplicate"]), (&6.into(), &4.into()), "{balance}");
    assert_eq!(
        (&balance["quarantined"], &balance["holds"]),
        (&0.into(), &true.into()),
        "{balance}"
    );
    assert_eq!(daemon.stop().await.errors(), Vec::<Value>::new());
}
