//! Sirens: one MQTT command each way, sound or stop. The proof is the siren's own answer on `…/command/result`, which
//! comes back through the journal; a command that was only published is handed over.
//!
//! The command names the delivery, so that a siren which honours ids sounds once however often it is told. It stops
//! by itself after its duration and ignores a command past `not_after`. The command also names the incident: a siren
//! that two sites share falls silent when the last of them says stop, not the first.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use alerting::alert::Hazard;
use alerting::{Alert, AttemptResult, DeliveryKey, IncidentId, Level, MessageType, Status};
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, ready};
use reading::{SiteId, StationId, Timestamp};
use serde::Serialize;

use super::{Channel, refused, retry};
use crate::operation::{Carried, Live, Operation};
use crate::probe::{Probe, Proof, Provable};
use crate::time::Time;

/// Where a device of the operation `O` listens. Nothing but these is published by channels, so that the words of a
/// drill never reach a topic of the field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandTopic<O: Operation = Live>(String, PhantomData<O>);

impl<O: Operation> CommandTopic<O> {
    /// Where a station is told what to do.
    pub fn new(site: &SiteId, station: &StationId) -> Self {
        Self(format!("{}/{site}/{station}/command", O::ROOT), PhantomData)
    }

    /// The topic as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<O: Operation> fmt::Display for CommandTopic<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Where commands are published. The daemon supplies the MQTT client.
pub trait CommandSink<O: Operation = Live>: Send + Sync {
    /// Publishes at QoS 1 with a message expiry; done when the broker has acknowledged it. The error says why not,
    /// without secrets.
    fn publish(
        &self,
        topic: CommandTopic<O>,
        payload: Vec<u8>,
        expiry: Duration,
    ) -> BoxFuture<'_, Result<(), String>>;
}

/// The sirens of a channel.
#[derive(Clone, Debug)]
pub struct SirenSettings {
    /// Recipient to siren: the site it stands at and its station there.
    pub sirens: BTreeMap<String, (SiteId, StationId)>,
    /// How long a siren sounds, on its own clock. 재난위험경보 is 180 s.
    pub duration: Duration,
    /// How long after the attempt a siren may still obey.
    pub valid_for: Duration,
    /// Whether nothing behind this channel makes a sound. Only then do messages of status `Test` go out.
    pub simulated: bool,
}

impl Default for SirenSettings {
    fn default() -> Self {
        Self {
            sirens: BTreeMap::new(),
            duration: Duration::from_secs(180),
            valid_for: Duration::from_secs(120),
            simulated: false,
        }
    }
}

/// How long a device may take up a question.
const QUESTION_VALID: Duration = Duration::from_secs(600);

/// What a siren sounds. The civil defence signals have no variant here: people obey them differently (an air raid
/// sends them into shelters), so none can be reached from an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pattern {
    /// 재난위험경보: 2 s rising, 2 s falling.
    DisasterWarning,
}

/// What a siren is told to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Sound.
    Sound(Pattern),
    /// Be silent.
    Stop,
}

impl Order {
    /// What an alert asks of a siren: sound while slope or structure is at 심각, silence below. A monitoring fault
    /// asks nothing: it must not silence a siren that sounds for the slope beside it.
    pub fn of(alert: &Alert) -> Option<Self> {
        match alert.hazard {
            Hazard::Monitoring => return None,
            Hazard::SlopeFailure | Hazard::StructuralDamage => {}
        }
        let severe = alert.level == Level::Severe;
        Some(match alert.message_type {
            MessageType::Alert | MessageType::Update if severe => {
                Self::Sound(Pattern::DisasterWarning)
            }
            MessageType::Alert | MessageType::Update | MessageType::Cancel => Self::Stop,
        })
    }
}

/// A question to a device, which makes no sound and shows nothing: it answers what it does at present.
#[derive(Serialize)]
struct Question<'a> {
    id: &'a str,
    command: &'static str,
    not_after: String,
}

/// Asks a device under its id. There is no pattern, no duration and no text in the question, so none can come of it.
pub(super) async fn ask<O: Operation>(
    sink: &dyn CommandSink<O>,
    place: Option<&(SiteId, StationId)>,
    probe: &Probe,
) -> Proof {
    let Some((site, station)) = place else {
        return Proof::Failed(format!("no device `{}` is configured", probe.target()));
    };
    let not_after = probe.at().plus(QUESTION_VALID).to_string();
    let question = Question { id: probe.id(), command: "test", not_after };
    let payload = serde_json::to_vec(&question).expect("texts always serialize");
    match sink.publish(CommandTopic::new(site, station), payload, QUESTION_VALID).await {
        Ok(()) => Proof::Asked,
        Err(reason) => Proof::Failed(reason),
    }
}

#[derive(Serialize)]
struct Command<'a> {
    id: &'a str,
    command: &'static str,
    incident: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pattern: Option<Pattern>,
    #[serde(skip_serializing_if = "Option::is_none")]
    duration_s: Option<u64>,
    not_after: String,
}

/// The bytes of a command.
pub fn command(
    key: &DeliveryKey,
    incident: &IncidentId,
    order: Order,
    duration: Duration,
    not_after: Timestamp,
) -> Vec<u8> {
    let (name, pattern, duration_s) = match order {
        Order::Sound(pattern) => ("sound", Some(pattern), Some(duration.as_secs())),
        Order::Stop => ("stop", None, None),
    };
    let not_after = not_after.to_string();
    let (id, incident) = (key.as_str(), incident.as_str());
    let command = Command { id, command: name, incident, pattern, duration_s, not_after };
    serde_json::to_vec(&command).expect("texts and numbers always serialize")
}

/// Whether a device that everybody hears or sees may be commanded by a message of this status. Those of a drill hang on
/// a root of their own, where none but simulated ones listen.
pub(super) fn may_energise<O: Operation>(
    status: Status,
    simulated: bool,
) -> Result<(), &'static str> {
    match status {
        _ if !O::carries(status) => Err("this is not for the devices of this operation"),
        Status::Test if !simulated => Err("a test reaches no real devices"),
        Status::Actual | Status::Exercise | Status::Test => Ok(()),
    }
}

/// Commands sirens over MQTT.
pub struct Siren<O: Operation = Live> {
    settings: SirenSettings,
    sink: Arc<dyn CommandSink<O>>,
    time: Arc<dyn Time>,
}

impl<O: Operation> Siren<O> {
    /// A channel to these sirens.
    pub fn new(
        settings: SirenSettings,
        sink: Arc<dyn CommandSink<O>>,
        time: Arc<dyn Time>,
    ) -> Self {
        Self { settings, sink, time }
    }
}

impl<O: Operation> Channel<O> for Siren<O> {
    fn attempt<'a>(
        &'a self,
        delivery: &'a Carried<O>,
        _attempt: u32,
    ) -> BoxFuture<'a, AttemptResult> {
        if let Err(reason) = may_energise::<O>(delivery.alert.status, self.settings.simulated) {
            return ready(refused(reason)).boxed();
        }
        let Some(order) = Order::of(&delivery.alert) else {
            return ready(refused("a monitoring fault is nothing for a siren")).boxed();
        };
        let Some((site, station)) = self.settings.sirens.get(&delivery.recipient) else {
            return ready(refused(format!("no siren `{}` is configured", delivery.recipient)))
                .boxed();
        };
        let now = self.time.now();
        let not_after = now.plus(self.settings.valid_for).min(delivery.expires_at);
        if not_after <= now {
            return ready(retry("expired before it could be published")).boxed();
        }
        let topic = CommandTopic::new(site, station);
        let payload = command(
            &delivery.key,
            &delivery.alert.incident,
            order,
            self.settings.duration,
            not_after,
        );
        async move {
            match self.sink.publish(topic.clone(), payload, not_after.since(now)).await {
                Ok(()) => AttemptResult::HandedOver { reference: topic.to_string() },
                Err(reason) => retry(reason),
            }
        }
        .boxed()
    }
}

impl<O: Operation> Provable for Siren<O> {
    fn targets(&self) -> Vec<String> {
        self.settings.sirens.keys().cloned().collect()
    }

    fn is_device(&self) -> bool {
        true
    }

    fn prove<'a>(&'a self, probe: &'a Probe) -> BoxFuture<'a, Proof> {
        ask(&*self.sink, self.settings.sirens.get(probe.target()), probe).boxed()
    }
}

#[cfg(test)]
mod tests;
