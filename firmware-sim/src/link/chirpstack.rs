//! Reports as the uplinks of a LoRaWAN network server publishes them: ChirpStack v4, JSON, one event for each report.
//!
//! A device is a station; its EUI is made of its name. Values stand in `object`, called `tilt-1/tilt-x`, and in `data`
//! as 32-bit floats. The radio has a checksum: what is damaged never becomes an event. A box of this kind has no clock
//! and no road for the past: what it could not send when it measured is lost.

use std::collections::BTreeMap;

use reading::codec::chirpstack::{Up, encode};
use reading::report::Road;
use reading::{SiteId, StationId};

use super::report::{name, report};
use crate::message::Message;
use crate::random::fnv1a;

/// The application all devices belong to.
pub const APPLICATION: &str = "firmware-sim";
/// The port of every uplink.
const PORT: u8 = 2;
/// The gateway that hears them: its EUI, how strongly, and signal to noise.
const HEARD_BY: (&str, i32, f64) = ("00005efffe534d01", -97, 6.5);
/// A counter that falls by more than this was started anew: the device joined again.
const REJOIN: u64 = 1_000;

/// The EUI of a station's radio: locally administered, from its name.
pub fn eui(site: &SiteId, station: &StationId) -> String {
    device(site.as_str(), station.as_str())
}

fn device(site: &str, station: &str) -> String {
    let name = fnv1a(&format!("{site}/{station}"));
    format!("{:016x}", name & !(0x01 << 56) | (0x02 << 56))
}

/// The network server: what it knows of each device.
#[derive(Clone, Debug, Default)]
pub struct Server {
    devices: BTreeMap<String, Session>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Session {
    joined: u64,
    newest: u64,
}

impl Server {
    /// The event of a report, if it becomes one.
    pub fn uplink(&mut self, message: &Message) -> Option<Message> {
        if !message.flips.is_empty() {
            return None;
        }
        let report = report(message, &message.payload).filter(|it| it.road == Road::Live)?;
        let seq = report.seq?;
        let eui = device(report.site, report.station);
        let session = self.devices.entry(eui.clone()).or_default();
        if seq + REJOIN < session.newest || (seq == 1 && session.newest > 1) {
            *session = Session { joined: session.joined + 1, newest: seq };
        }
        session.newest = session.newest.max(seq);
        let address = format!("{:08x}", (fnv1a(&eui) as u32).wrapping_add(session.joined as u32));
        let names: Vec<String> = report.claims.iter().map(name).collect();
        let values = report.claims.iter().map(|claim| claim.value);
        let object: Vec<(&str, f64)> = names.iter().map(String::as_str).zip(values).collect();
        let data: Vec<u8> =
            object.iter().flat_map(|(_, value)| (*value as f32).to_be_bytes()).collect();
        let payload = encode(&Up {
            device: &eui,
            address: &address,
            counter: seq as u32,
            port: PORT,
            at: Some(message.sent_at),
            data: &data,
            object: &object,
            gateways: &[HEARD_BY],
        });
        let topic = format!("application/{APPLICATION}/device/{eui}/event/up");
        Some(Message::new(message.sent_at, topic, payload))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::Flip;
    use reading::Timestamp;

    fn message(road: &str, seq: u64) -> Message {
        let payload = format!(
            r#"{{"seq":{seq},"at":"2026-07-14T00:00:00Z","readings":[{{"sensor":"tilt-1","quantity":"tilt-x","value":0.5,"unit":"deg"}}]}}"#
        );
        let topic = format!("bongsu/v1/cut-12/post-1/{road}");
        Message::new(Timestamp::from_secs(1_784_000_000), topic, payload.into_bytes())
    }

    fn said(message: Option<Message>) -> Option<serde_json::Value> {
        serde_json::from_slice(&message?.payload).ok()
    }

    #[test]
    fn an_uplink_has_the_shape_of_the_servers() {
        let mut server = Server::default();
        let event = server.uplink(&message("telemetry", 7)).unwrap();
        let eui = eui(&"cut-12".parse().unwrap(), &"post-1".parse().unwrap());
        assert_eq!(event.topic, format!("application/firmware-sim/device/{eui}/event/up"));
        let event = said(Some(event)).unwrap();
        assert_eq!(event["deviceInfo"]["devEui"], eui.as_str());
        assert_eq!((&event["fCnt"], &event["fPort"]), (&7.into(), &2.into()));
        assert_eq!(event["object"]["tilt-1/tilt-x"], 0.5);
        assert_eq!(event["data"], "PwAAAA==");
        assert_eq!(event["rxInfo"][0]["rssi"], -97);
    }

    #[test]
    fn what_is_old_or_damaged_never_comes_and_who_starts_anew_joins_again() {
        let mut server = Server::default();
        assert_eq!(server.uplink(&message("backfill", 1)), None);
        let damaged = Message { flips: vec![Flip::at(0.5)], ..message("telemetry", 1) };
        assert_eq!(server.uplink(&damaged), None);
        let mut address =
            |seq| said(server.uplink(&message("telemetry", seq))).unwrap()["devAddr"].clone();
        let first = address(5);
        assert_eq!((address(6), address(4)), (first.clone(), first.clone()), "out of order");
        assert_ne!(address(1), first, "a reboot");
    }
}
