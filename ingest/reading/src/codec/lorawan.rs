//! Uplinks of LoRaWAN devices, whichever network server sent them.
//!
//! The metrics are those of a configured layout of the raw bytes, if one is for the port; else the numbers of the
//! object that the network server decoded, by their keys, `a.b` for what stands deeper. `radio.rssi` (dBm) and
//! `radio.snr` (dB) are of the gateway that heard it best. The device is its EUI in lower case. The same uplink
//! delivered twice, with other gateways or under another id, is known by device, session address, counter and bytes.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::gather::{Gatherer, Point, PointUnit};
use super::layout::Layout;
use super::value::Value;
use super::{CodecError, shorten};
use crate::report::Road;
use crate::time::Timestamp;

/// What an uplink says, before its metrics are read.
pub(super) struct Uplink<'v> {
    /// The EUI, or another name where there is none.
    pub(super) device: String,
    /// The address of its session.
    pub(super) address: &'v str,
    pub(super) port: u8,
    pub(super) counter: u64,
    /// When the server or a gateway heard it: the device has no clock of its own.
    pub(super) heard_at: Option<Timestamp>,
    /// The raw bytes, as base64.
    pub(super) data: Option<&'v str>,
    /// What the network server made of them.
    pub(super) object: Option<&'v Value<'v>>,
    /// Strength and signal to noise at the best gateway.
    pub(super) radio: Option<(f64, f64)>,
}

impl Uplink<'_> {
    pub(super) fn gather(
        self,
        layouts: &[Layout],
        gatherer: &mut Gatherer<'_>,
    ) -> Result<(), CodecError> {
        let data = self.data.map(base64).transpose()?.unwrap_or_default();
        let layout = layouts.iter().find(|layout| layout.is_for(self.port));
        let mut push = |metric: &str, value| {
            gatherer.push(Point {
                device: &self.device,
                metric,
                value,
                unit: PointUnit::None,
                at: None,
                road: Road::Live,
            })
        };
        match (layout, self.object) {
            (Some(layout), _) if !data.is_empty() => {
                layout.read(&data, |name, value| push(name, Some(value)))?;
            }
            (_, Some(object)) => flatten("", object, &mut push)?,
            (_, None) if !data.is_empty() => {
                return Err(CodecError::NoLayout { port: self.port });
            }
            (_, None) => {} // nothing but the radio: a device that only checks in
        }
        for (metric, unit, value) in self
            .radio
            .iter()
            .flat_map(|(rssi, snr)| [("radio.rssi", "dBm", *rssi), ("radio.snr", "dB", *snr)])
        {
            gatherer.offer(Point {
                device: &self.device,
                metric,
                value: Some(value),
                unit: PointUnit::Standard(unit),
                at: None,
                road: Road::Live,
            })?;
        }
        gatherer.heard_at = self.heard_at;
        let placed = gatherer.naming().device(&self.device);
        gatherer.seq = placed.filter(|(placed, _)| !placed.shared).map(|_| self.counter);
        let head = format!("{}/{}/{}/{}/", self.device, self.address, self.counter, self.port);
        gatherer.identity = Some([head.as_bytes(), &data].concat());
        Ok(())
    }
}

/// Every number of an object, with the way to it. Depth is bounded by the reader of the tree.
fn flatten(
    path: &str,
    value: &Value<'_>,
    push: &mut impl FnMut(&str, Option<f64>) -> Result<(), CodecError>,
) -> Result<(), CodecError> {
    let deeper = |key: &str| if path.is_empty() { key.into() } else { format!("{path}.{key}") };
    match value {
        Value::Object(entries) => {
            entries.iter().try_for_each(|(key, value)| flatten(&deeper(key), value, push))
        }
        Value::List(items) => items
            .iter()
            .enumerate()
            .try_for_each(|(i, value)| flatten(&deeper(&format!("{i}")), value, push)),
        Value::Null => Ok(()),
        Value::Text(_) => push(path, None),
        Value::Flag(_) | Value::Whole(_) | Value::Number(_) => push(path, value.number()),
    }
}

/// The strongest of several gateways. Servers leave out what is zero.
pub(super) fn best_radio(gateways: &[Value<'_>]) -> Option<(f64, f64)> {
    let number = |gateway: &Value<'_>, key| gateway.get(key).and_then(Value::number).unwrap_or(0.0);
    let radio = |gateway| (number(gateway, "rssi"), number(gateway, "snr"));
    gateways.iter().map(radio).max_by(|a, b| a.0.total_cmp(&b.0))
}

/// A port as the servers write it: left out for zero.
pub(super) fn port(value: Option<&Value<'_>>) -> Result<u8, CodecError> {
    let Some(value) = value else { return Ok(0) };
    let port = value.whole().and_then(|port| u8::try_from(port).ok());
    port.ok_or_else(|| wrong("the port is not a whole number from 0 to 255"))
}

/// A counter, left out for zero.
pub(super) fn counter(value: Option<&Value<'_>>) -> Result<u64, CodecError> {
    let Some(value) = value else { return Ok(0) };
    value.whole().ok_or_else(|| wrong("the counter is not a whole number from 0 on"))
}

/// A stamp, if there is one.
pub(super) fn stamp(value: Option<&Value<'_>>) -> Result<Option<Timestamp>, CodecError> {
    match value {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Text(text)) => Timestamp::parse(text)
            .map(Some)
            .map_err(|error| CodecError::BadTime { problem: format!("{error}") }),
        Some(_) => Err(CodecError::BadTime { problem: "the time is no text".into() }),
    }
}

/// An EUI: 16 hexadecimal digits, in lower case.
pub(super) fn eui(text: &str) -> Result<String, CodecError> {
    match text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        true => Ok(text.to_ascii_lowercase()),
        false => Err(wrong(&format!("`{}` is not a device EUI", shorten(text)))),
    }
}

pub(super) fn wrong(problem: &str) -> CodecError {
    CodecError::WrongShape { problem: problem.into() }
}

/// Base64 with padding (RFC 4648 section 4).
fn base64(text: &str) -> Result<Vec<u8>, CodecError> {
    let bad = || wrong("`data` is not base64");
    let digits = text.trim_end_matches('=');
    if !text.len().is_multiple_of(4) || text.len() - digits.len() > 2 {
        return Err(bad());
    }
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    for group in digits.as_bytes().chunks(4) {
        let mut bits = 0_u32;
        for digit in group {
            bits = bits << 6 | value_of(*digit).ok_or_else(bad)?;
        }
        bits <<= 6 * (4 - group.len());
        bytes.extend(&bits.to_be_bytes()[1..group.len()]);
    }
    Ok(bytes)
}

fn value_of(digit: u8) -> Option<u32> {
    Some(u32::from(match digit {
        b'A'..=b'Z' => digit - b'A',
        b'a'..=b'z' => digit - b'a' + 26,
        b'0'..=b'9' => digit - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    }))
}

/// Writes bytes as base64 with padding.
pub(super) fn to_base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let mut whole = [0; 4];
        whole[1..=group.len()].copy_from_slice(group);
        let bits = u32::from_be_bytes(whole);
        for place in 0..4 {
            let digit = DIGITS[(bits >> (18 - 6 * place) & 63) as usize];
            text.push(if place <= group.len() { char::from(digit) } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_that_of_the_standard() {
        for (bytes, text) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(to_base64(bytes.as_bytes()), text);
            assert_eq!(base64(text).unwrap(), bytes.as_bytes());
        }
        for bad in ["Zg", "Zg=", "Z===", "====", "Zm9v*A==", "Zm=v"] {
            assert!(base64(bad).is_err(), "{bad}");
        }
    }
}
