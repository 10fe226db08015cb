//! Whether a station is there:
//! `{"state":"online","at":…,"battery_v":12.7,"rssi_dbm":-71,"firmware":"1.2.0","buffer":360}`, retained; `offline` is
//! the will its broker publishes for it.
//!
//! Only `state` must be there. Keys that are not ours are passed over: they change no decision, and a newer firmware
//! may say more about itself.

use alloc::borrow::Cow;
use alloc::vec::Vec;

use serde::Serialize;
use serde::de::{Error, MapAccess};

use super::form::{self, Faults, Natural, Number, Object, Stamp, Text, keys};
use super::native::Rfc3339;
use super::{CodecError, Topic};
use crate::time::{EpochUnit, Timestamp};

/// What a station says about itself.
#[derive(Clone, Debug, PartialEq)]
pub struct StatusReport<'a> {
    /// The site part of the topic.
    pub site: &'a str,
    /// The station part of the topic.
    pub station: &'a str,
    /// Whether it is there.
    pub state: StationState,
    /// When it said so. A will was written when the connection began, so its stamp says little.
    pub at: Option<Timestamp>,
    /// Its supply, volts, finite.
    pub battery_v: Option<f64>,
    /// How strongly its radio hears, dBm, finite.
    pub rssi_dbm: Option<f64>,
    /// Its software.
    pub firmware: Option<Cow<'a, str>>,
    /// How many of its last messages it keeps and can send again.
    pub buffer: Option<u64>,
}

/// Whether a station is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum StationState {
    /// Connected.
    Online,
    /// Gone, by its own word or by its broker's.
    Offline,
}

pub(super) fn decode<'a>(
    topic: Topic<'a>,
    payload: &'a [u8],
) -> Result<StatusReport<'a>, CodecError> {
    let status = form::read::<StatusIn>(payload)?;
    Ok(StatusReport { site: topic.site, station: topic.station, ..status })
}

impl<'a> StatusReport<'a> {
    /// A station that is there or not, and says no more.
    pub fn of(site: &'a str, station: &'a str, state: StationState) -> Self {
        Self {
            site,
            station,
            state,
            at: None,
            battery_v: None,
            rssi_dbm: None,
            firmware: None,
            buffer: None,
        }
    }

    /// Writes the payload; its topic is [`Topic`].
    pub fn encode(&self) -> Vec<u8> {
        let out = StatusOut {
            state: self.state,
            at: self.at.map(Rfc3339),
            battery_v: self.battery_v,
            rssi_dbm: self.rssi_dbm,
            firmware: self.firmware.as_deref(),
            buffer: self.buffer,
        };
        serde_json::to_vec(&out).expect("texts and numbers always have a JSON form")
    }
}

keys! { StatusKey { State "state" At "at" TimeUnit "time_unit" BatteryV "battery_v" RssiDbm "rssi_dbm" Firmware "firmware" Buffer "buffer" } }

#[derive(Default)]
struct StatusIn<'a> {
    state: Option<StationState>,
    at: Option<Stamp>,
    time_unit: Option<EpochUnit>,
    battery_v: Option<Number>,
    rssi_dbm: Option<Number>,
    firmware: Option<Text<'a>>,
    buffer: Option<Natural>,
}

impl<'de> Object<'de> for StatusIn<'de> {
    type Key = StatusKey;
    type Out = StatusReport<'de>;
    const FORM: &'static str = "an object `{\"state\":\"online\"}`";

    fn passes_over(_: &str) -> bool {
        true
    }

    fn take<A: MapAccess<'de>>(
        &mut self,
        key: StatusKey,
        map: &mut A,
        faults: &Faults,
    ) -> Result<(), A::Error> {
        match key {
            StatusKey::State => self.state = Some(state(&map.next_value::<Text>()?.0)?),
            StatusKey::At => self.at = map.next_value()?,
            StatusKey::TimeUnit => self.time_unit = form::time_unit(map, faults)?,
            StatusKey::BatteryV => self.battery_v = map.next_value()?,
            StatusKey::RssiDbm => self.rssi_dbm = map.next_value()?,
            StatusKey::Firmware => self.firmware = map.next_value()?,
            StatusKey::Buffer => self.buffer = map.next_value()?,
        }
        Ok(())
    }

    fn finish<E: Error>(self, faults: &Faults) -> Result<StatusReport<'de>, E> {
        let finite = |number: Option<Number>| number.map(|n| n.0).filter(|n| n.is_finite());
        Ok(StatusReport {
            at: self.at.map(|stamp| stamp.resolve(self.time_unit, faults)).transpose()?,
            battery_v: finite(self.battery_v),
            rssi_dbm: finite(self.rssi_dbm),
            firmware: self.firmware.map(|text| text.0),
            buffer: self.buffer.map(|number| number.0),
            ..StatusReport::of("", "", form::required(self.state, "state")?)
        })
    }
}

fn state<E: Error>(word: &str) -> Result<StationState, E> {
    match word {
        "online" => Ok(StationState::Online),
        "offline" => Ok(StationState::Offline),
        _ => Err(E::custom("`state` is `online` or `offline`")),
    }
}

#[derive(Serialize)]
struct StatusOut<'a> {
    state: StationState,
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<Rfc3339>,
    #[serde(skip_serializing_if = "Option::is_none")]
    battery_v: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rssi_dbm: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    firmware: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    buffer: Option<u64>,
}
