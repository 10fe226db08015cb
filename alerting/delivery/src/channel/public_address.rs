//! 마을방송: a message as sound, a chime and a voice, posted as a WAV file to the device that plays it.
//!
//! The voice is that of `espeak-ng`, if the machine has it; without one there is the chime alone, and the receipt
//! says so. A SAME header may lead, for receivers that know it. What is not in earnest is not played.

mod sound;
mod voice;

use std::sync::Arc;

use alerting::catalogue::Language;
use alerting::{AttemptResult, Delivery, Hazard, Status};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;

pub use sound::{RATE, SameHeader, chime, same, wav};

use super::http::Peer;
use super::{Channel, refused};
use crate::operation::Carried;
use crate::probe::{Probe, Proof, Provable};
use crate::text::{Case, Medium, Texts};

/// What is played.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicAddressSettings {
    /// In which language.
    pub language: Language,
    /// How often it is said; village broadcasts say it three times.
    pub times: usize,
    /// The header that leads, if one does.
    pub same: Option<SameHeader>,
    /// Whether nobody hears it. Only then do messages of status `Test` go out.
    pub simulated: bool,
}

/// Plays messages.
pub struct PublicAddress {
    peer: Peer,
    settings: PublicAddressSettings,
    texts: Arc<Texts>,
}

impl PublicAddress {
    /// A channel to the device that takes WAV files at this address.
    pub fn new(peer: Peer, settings: PublicAddressSettings, texts: Arc<Texts>) -> Self {
        Self { peer, settings, texts }
    }

    async fn play(&self, delivery: &Delivery) -> AttemptResult {
        let alert = &delivery.alert;
        match (alert.hazard, alert.status) {
            (Hazard::Monitoring, _) => {
                return refused("a monitoring fault is nothing for the public");
            }
            (_, Status::Exercise) => return refused("an exercise is not played"),
            (_, Status::Test) if !self.settings.simulated => {
                return refused("a test is not played");
            }
            (_, Status::Test | Status::Actual) => {}
        }
        let case = Case::of(Medium::Speech, delivery, self.settings.language);
        let text = self.texts.say_anyway(&case);
        let (settings, decided_at) = (self.settings.clone(), alert.decided_at);
        let work = tokio::task::spawn_blocking(move || {
            let spoken = voice::speak(&text, settings.language);
            let has_voice = spoken.is_ok();
            if let Err(reason) = &spoken {
                tracing::warn!(reason, "there is no voice; the chime goes out alone");
            }
            let header = settings.same.as_ref().map(|header| same(header, decided_at));
            (sound::message(header, &spoken.unwrap_or_default(), settings.times), has_voice)
        });
        let Ok((samples, has_voice)) = work.await else { return AttemptResult::Unknown };
        match self.post(&samples, delivery.key.as_str()).await {
            AttemptResult::Delivered { receipt } if !has_voice => {
                AttemptResult::Delivered { receipt: format!("{receipt}; chime only, no voice") }
            }
            verdict => verdict,
        }
    }

    async fn post(&self, samples: &[i16], id: &str) -> AttemptResult {
        let request = self.peer.post("audio/wav", wav(samples));
        match self.peer.ask(request.header("Idempotency-Key", id)).await {
            Ok(answer) => answer.judged(),
            Err(result) => result,
        }
    }
}

impl Channel for PublicAddress {
    fn attempt<'a>(&'a self, delivery: &'a Carried, _attempt: u32) -> BoxFuture<'a, AttemptResult> {
        self.play(delivery).boxed()
    }
}

impl Provable for PublicAddress {
    fn targets(&self) -> Vec<String> {
        vec!["device".into()]
    }

    /// A second of silence: the device takes and plays it like any other file, and nobody hears anything.
    fn prove<'a>(&'a self, probe: &'a Probe) -> BoxFuture<'a, Proof> {
        async { self.post(&sound::silence(1.0), probe.id()).await.into() }.boxed()
    }
}

#[cfg(test)]
mod tests;
