//! ChirpStack v4 uplink events, JSON: topic `application/{id}/device/{eui}/event/up`.
//!
//! ```json
//! {"deduplicationId":"…","time":"2026-07-14T03:10:00+09:00","deviceInfo":{"devEui":"70b3d57ba0003bb8",…},
//!  "devAddr":"017d1f70","fCnt":20,"fPort":1,"data":"AgL4AAMABAJYQJoAAAxU","object":{"tilt":0.12},
//!  "rxInfo":[{"gatewayId":"…","gwTime":"…","rssi":-106,"snr":3.0}]}
//! ```
//!
//! Fields that are zero are left out by the server. Without `time`, that of a gateway holds, and without one none.

use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};

use serde::Serialize;

use super::CodecError;
use super::gather::Gatherer;
use super::layout::Layout;
use super::lorawan::{Uplink, best_radio, counter, eui, port, stamp, to_base64, wrong};
use super::value::{self, Value};
use crate::frame::Frame;
use crate::time::Timestamp;

pub(super) fn decode(
    layouts: &[Layout],
    frame: &Frame<'_>,
    gatherer: &mut Gatherer<'_>,
) -> Result<(), CodecError> {
    let message = value::read(frame.payload)?;
    let device = message.get("deviceInfo").and_then(|info| info.get("devEui")?.text());
    let device = eui(device.ok_or_else(|| wrong("there is no deviceInfo.devEui"))?)?;
    let gateways = message.get("rxInfo").map(Value::list).unwrap_or_default();
    let mut at = stamp(message.get("time"))?;
    for key in ["gwTime", "nsTime", "time"] {
        for gateway in gateways {
            at = at.or(stamp(gateway.get(key))?);
        }
    }
    let uplink = Uplink {
        device,
        address: message.get("devAddr").and_then(Value::text).unwrap_or_default(),
        port: port(message.get("fPort"))?,
        counter: counter(message.get("fCnt"))?,
        heard_at: at,
        data: message.get("data").and_then(Value::text),
        object: message.get("object").filter(|object| matches!(object, Value::Object(_))),
        radio: best_radio(gateways),
    };
    uplink.gather(layouts, gatherer)
}

/// An uplink to write.
#[derive(Clone, Debug)]
pub struct Up<'a> {
    /// The device EUI.
    pub device: &'a str,
    /// The address of its session.
    pub address: &'a str,
    /// The frame counter.
    pub counter: u32,
    /// The port.
    pub port: u8,
    /// When the server had it.
    pub at: Option<Timestamp>,
    /// The raw bytes.
    pub data: &'a [u8],
    /// What the server decoded from them.
    pub object: &'a [(&'a str, f64)],
    /// The gateways that heard it, each with strength and signal to noise.
    pub gateways: &'a [(&'a str, i32, f64)],
}

/// Writes an uplink event as the server does: what is zero is left out.
pub fn encode(up: &Up<'_>) -> alloc::vec::Vec<u8> {
    let out = UpOut {
        time: up.at.map(|at| at.to_string()),
        device_info: DeviceInfo { dev_eui: up.device },
        dev_addr: up.address,
        f_cnt: up.counter,
        f_port: up.port,
        data: to_base64(up.data),
        object: up.object.iter().copied().collect(),
        rx_info: up
            .gateways
            .iter()
            .map(|&(gateway_id, rssi, snr)| RxInfo { gateway_id, rssi, snr })
            .collect(),
    };
    serde_json::to_vec(&out).expect("texts and numbers always have a JSON form")
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct UpOut<'a> {
    #[serde(skip_serializing_if = "is_default")]
    time: Option<String>,
    device_info: DeviceInfo<'a>,
    dev_addr: &'a str,
    #[serde(skip_serializing_if = "is_default")]
    f_cnt: u32,
    #[serde(skip_serializing_if = "is_default")]
    f_port: u8,
    #[serde(skip_serializing_if = "is_default")]
    data: String,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    object: BTreeMap<&'a str, f64>,
    rx_info: alloc::vec::Vec<RxInfo<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DeviceInfo<'a> {
    dev_eui: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RxInfo<'a> {
    gateway_id: &'a str,
    #[serde(skip_serializing_if = "is_default")]
    rssi: i32,
    #[serde(skip_serializing_if = "is_default")]
    snr: f64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zeros_are_left_out_as_the_server_does() {
        let up = Up {
            device: "70b3d57ba0003bb8",
            address: "",
            counter: 0,
            port: 0,
            at: None,
            data: &[],
            object: &[],
            gateways: &[("g", 0, 0.0)],
        };
        let text = String::from_utf8(encode(&up)).unwrap();
        assert_eq!(
            text,
            r#"{"deviceInfo":{"devEui":"70b3d57ba0003bb8"},"devAddr":"","rxInfo":[{"gatewayId":"g"}]}"#
        );
    }
}
