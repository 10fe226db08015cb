//! The Things Stack v3 uplink messages, JSON: topic `v3/{application}@{tenant}/devices/{device}/up`.
//!
//! ```json
//! {"end_device_ids":{"device_id":"tilt-7","dev_eui":"70B3D57BA0000BCE","dev_addr":"260B1234"},
//!  "received_at":"…","uplink_message":{"f_port":85,"f_cnt":10335,"frm_payload":"A88AAAAAKCMH",
//!   "decoded_payload":{"angle_x":0.12},"rx_metadata":[{"gateway_ids":{…},"rssi":-35,"snr":13.2}],"received_at":"…"}}
//! ```
//!
//! Fields that are zero are left out by the server. What it marks as simulated was made by hand in its console and is
//! refused. A device without an EUI is named by its `device_id`.

use alloc::string::ToString;

use super::CodecError;
use super::gather::Gatherer;
use super::layout::Layout;
use super::lorawan::{Uplink, best_radio, counter, eui, port, stamp, wrong};
use super::value::{self, Value};
use crate::frame::Frame;

pub(super) fn decode(
    layouts: &[Layout],
    frame: &Frame<'_>,
    gatherer: &mut Gatherer<'_>,
) -> Result<(), CodecError> {
    let message = value::read(frame.payload)?;
    if message.get("simulated").is_some_and(|flag| *flag == Value::Flag(true)) {
        return Err(wrong("the message is simulated: it was made in the server's console"));
    }
    let ids = message.get("end_device_ids").ok_or_else(|| wrong("there is no end_device_ids"))?;
    let id = |key| ids.get(key).and_then(Value::text);
    let device = match (id("dev_eui"), id("device_id")) {
        (Some(text), _) => eui(text)?,
        (None, Some(text)) => text.to_string(),
        (None, None) => return Err(wrong("there is no end_device_ids.dev_eui")),
    };
    let up = message.get("uplink_message").ok_or_else(|| wrong("there is no uplink_message"))?;
    let at = match stamp(up.get("received_at"))? {
        Some(at) => Some(at),
        None => stamp(message.get("received_at"))?,
    };
    let uplink = Uplink {
        device,
        address: id("dev_addr").unwrap_or_default(),
        port: port(up.get("f_port"))?,
        counter: counter(up.get("f_cnt"))?,
        heard_at: at,
        data: up.get("frm_payload").and_then(Value::text),
        object: up.get("decoded_payload").filter(|object| matches!(object, Value::Object(_))),
        radio: best_radio(up.get("rx_metadata").map(Value::list).unwrap_or_default()),
    };
    uplink.gather(layouts, gatherer)
}
