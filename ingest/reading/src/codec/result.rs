//! What an actuator did about a command:
//! `{"id":"…","result":"refused","reason":"battery low","state":"silent","at":"2026-07-14T03:10:00+09:00"}`.
//!
//! `id` and `result` must be there. Keys that are not ours are passed over: a receipt lost over one of them would make
//! a sounding siren look dead.

use alloc::borrow::Cow;
use alloc::vec::Vec;

use serde::Serialize;
use serde::de::{Error, MapAccess};

use super::form::{self, Faults, Object, Stamp, Text, keys};
use super::native::Rfc3339;
use super::{CodecError, Topic};
use crate::time::{EpochUnit, Timestamp};

/// What an actuator did about a command.
#[derive(Clone, Debug, PartialEq)]
pub struct CommandResult<'a> {
    /// The site part of the topic.
    pub site: &'a str,
    /// The station part of the topic.
    pub station: &'a str,
    /// The `id` of the command: the key of the delivery.
    pub id: Cow<'a, str>,
    /// What became of it.
    pub result: ResultKind,
    /// Why it was refused, in the actuator's words.
    pub reason: Option<Cow<'a, str>>,
    /// What it does now.
    pub state: Option<SirenState>,
    /// When.
    pub at: Option<Timestamp>,
}

/// What became of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ResultKind {
    /// Carried out.
    Done,
    /// Not carried out: too old, unknown, or not possible now.
    Refused,
}

/// What a siren does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SirenState {
    /// It is heard.
    Sounding,
    /// It is not.
    Silent,
}

pub(super) fn decode<'a>(
    topic: Topic<'a>,
    payload: &'a [u8],
) -> Result<CommandResult<'a>, CodecError> {
    let result = form::read::<ResultIn>(payload)?;
    Ok(CommandResult { site: topic.site, station: topic.station, ..result })
}

impl CommandResult<'_> {
    /// Writes the payload; its topic is [`Topic`].
    pub fn encode(&self) -> Vec<u8> {
        let out = ResultOut {
            id: &self.id,
            result: self.result,
            reason: self.reason.as_deref(),
            state: self.state,
            at: self.at.map(Rfc3339),
        };
        serde_json::to_vec(&out).expect("texts and numbers always have a JSON form")
    }
}

keys! { ResultKey { Id "id" Result "result" Reason "reason" State "state" At "at" TimeUnit "time_unit" } }

#[derive(Default)]
struct ResultIn<'a> {
    id: Option<Text<'a>>,
    result: Option<ResultKind>,
    reason: Option<Text<'a>>,
    state: Option<SirenState>,
    at: Option<Stamp>,
    time_unit: Option<EpochUnit>,
}

impl<'de> Object<'de> for ResultIn<'de> {
    type Key = ResultKey;
    type Out = CommandResult<'de>;
    const FORM: &'static str = "an object `{\"id\":…,\"result\":\"done\"}`";

    fn passes_over(_: &str) -> bool {
        true
    }

    fn take<A: MapAccess<'de>>(
        &mut self,
        key: ResultKey,
        map: &mut A,
        faults: &Faults,
    ) -> Result<(), A::Error> {
        match key {
            ResultKey::Id => self.id = Some(map.next_value()?),
            ResultKey::Result => self.result = Some(kind(&map.next_value::<Text>()?.0)?),
            ResultKey::Reason => self.reason = map.next_value()?,
            ResultKey::State => {
                self.state =
                    map.next_value::<Option<Text>>()?.map(|word| state(&word.0)).transpose()?
            }
            ResultKey::At => self.at = map.next_value()?,
            ResultKey::TimeUnit => self.time_unit = form::time_unit(map, faults)?,
        }
        Ok(())
    }

    fn finish<E: Error>(self, faults: &Faults) -> Result<CommandResult<'de>, E> {
        Ok(CommandResult {
            site: "",
            station: "",
            id: form::required(self.id, "id")?.0,
            result: form::required(self.result, "result")?,
            reason: self.reason.map(|text| text.0),
            state: self.state,
            at: self.at.map(|stamp| stamp.resolve(self.time_unit, faults)).transpose()?,
        })
    }
}

fn kind<E: Error>(word: &str) -> Result<ResultKind, E> {
    match word {
        "done" => Ok(ResultKind::Done),
        "refused" => Ok(ResultKind::Refused),
        _ => Err(E::custom("`result` is `done` or `refused`")),
    }
}

fn state<E: Error>(word: &str) -> Result<SirenState, E> {
    match word {
        "sounding" => Ok(SirenState::Sounding),
        "silent" => Ok(SirenState::Silent),
        _ => Err(E::custom("`state` is `sounding` or `silent`")),
    }
}

#[derive(Serialize)]
struct ResultOut<'a> {
    id: &'a str,
    result: ResultKind,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<SirenState>,
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<Rfc3339>,
}
