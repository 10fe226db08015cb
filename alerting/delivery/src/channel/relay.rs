//! Sirens behind a relay that speaks Modbus: a coil is set, and read back; what it reads is the proof.
//!
//! A relay knows no patterns: the horn behind it is wired for 재난위험경보 and nothing else, so there is nothing to choose.
//! Where the device has a register for how long, it falls silent by itself; where it has none, we switch it off after
//! that time, also if it is found on at a start.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use alerting::{AttemptResult, Status};
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, ready};
use parking_lot::Mutex;
use tokio::time::{sleep, timeout};
use tokio_modbus::client::{Context, Reader, Writer, rtu, tcp};
use tokio_modbus::prelude::Slave;
use tokio_serial::SerialStream;
use tokio_util::task::AbortOnDropHandle;

use super::siren::Order;
use super::{Channel, delivered, refused, retry};
use crate::operation::Carried;
use crate::probe::{Probe, Proof, Provable};

/// Where the relay is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RelayRoad {
    /// Modbus TCP.
    Tcp(SocketAddr),
    /// Modbus RTU on a serial port that nothing else uses.
    Serial {
        /// The port.
        path: String,
        /// Its speed, bit/s.
        baud: u32,
    },
}

/// A relay with a siren behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelaySettings {
    /// Where it is.
    pub road: RelayRoad,
    /// Its unit, 1 to 247.
    pub unit: u8,
    /// The coil, from 0.
    pub coil: u16,
    /// The register of the seconds it stays on, from 0, if it has one.
    pub duration_register: Option<u16>,
    /// How long the siren sounds.
    pub duration: Duration,
    /// How long one attempt may take.
    pub timeout: Duration,
    /// Whether nothing behind it makes a sound. Only then does `Test` reach it.
    pub simulated: bool,
}

/// Switches a relay.
pub struct Relay {
    settings: Arc<RelaySettings>,
    /// One conversation at a time: a bus has one master.
    bus: Arc<tokio::sync::Mutex<()>>,
    /// What switches it off in the end.
    watch: Mutex<Option<AbortOnDropHandle<()>>>,
}

impl Relay {
    /// A channel to this relay. Its state is read at once, and if it is on it is switched off after its time.
    pub fn new(settings: RelaySettings) -> Self {
        let relay =
            Self { settings: Arc::new(settings), bus: Arc::default(), watch: Mutex::new(None) };
        relay.watch_over(true);
        relay
    }

    async fn switch(&self, on: bool) -> AttemptResult {
        let _alone = self.bus.lock().await;
        let result = match timeout(self.settings.timeout, set(&self.settings, on)).await {
            Ok(Ok(read)) if read == on => {
                let word = if on { "on" } else { "off" };
                delivered(format!("coil {} reads {word}", self.settings.coil))
            }
            Ok(Ok(_)) => retry(format!("coil {} was set and does not read so", self.settings.coil)),
            Ok(Err(reason)) => retry(reason),
            Err(_) => retry("no answer in time"),
        };
        drop(_alone);
        if on && matches!(result, AttemptResult::Delivered { .. }) {
            self.watch_over(false);
        }
        result
    }

    /// Switches it off after its time, where the device does not.
    fn watch_over(&self, at_start: bool) {
        let (settings, bus) = (self.settings.clone(), self.bus.clone());
        let watching = async move {
            if at_start && !found_on(&settings, &bus).await {
                return;
            }
            if settings.duration_register.is_some() {
                return;
            }
            sleep(settings.duration).await;
            let mut wait = Duration::from_secs(1);
            loop {
                let _alone = bus.lock().await;
                match timeout(settings.timeout, set(&settings, false)).await {
                    Ok(Ok(false)) => return,
                    _ => tracing::error!(coil = settings.coil, "a siren cannot be switched off"),
                }
                drop(_alone);
                sleep(wait).await;
                wait = (wait * 2).min(Duration::from_secs(30));
            }
        };
        *self.watch.lock() = Some(AbortOnDropHandle::new(tokio::spawn(watching)));
    }
}

impl Channel for Relay {
    fn attempt<'a>(&'a self, delivery: &'a Carried, _attempt: u32) -> BoxFuture<'a, AttemptResult> {
        let refusal = match delivery.alert.status {
            Status::Test if !self.settings.simulated => "a test does not sound real sirens",
            Status::Exercise => "an exercise does not sound sirens",
            Status::Test | Status::Actual => match Order::of(&delivery.alert) {
                Some(Order::Sound(_)) => return self.switch(true).boxed(),
                Some(Order::Stop) => return self.switch(false).boxed(),
                None => "a monitoring fault is nothing for a siren",
            },
        };
        ready(refused(refusal)).boxed()
    }
}

impl Provable for Relay {
    fn targets(&self) -> Vec<String> {
        vec![format!("coil-{}", self.settings.coil)]
    }

    /// Reads the coil, and sets none.
    fn prove<'a>(&'a self, _: &'a Probe) -> BoxFuture<'a, Proof> {
        async {
            let _alone = self.bus.lock().await;
            let read = async {
                let mut relay = connect(&self.settings).await?;
                read_coil(&mut relay, self.settings.coil).await
            };
            match timeout(self.settings.timeout, read).await {
                Ok(Ok(on)) => Proof::Proven(format!(
                    "coil {} reads {}",
                    self.settings.coil,
                    if on { "on" } else { "off" }
                )),
                Ok(Err(reason)) => Proof::Failed(reason),
                Err(_) => Proof::Failed("no answer in time".into()),
            }
        }
        .boxed()
    }
}

async fn found_on(settings: &RelaySettings, bus: &tokio::sync::Mutex<()>) -> bool {
    let _alone = bus.lock().await;
    let read = async {
        let mut relay = connect(settings).await?;
        read_coil(&mut relay, settings.coil).await
    };
    match timeout(settings.timeout, read).await {
        Ok(Ok(true)) => {
            tracing::warn!(coil = settings.coil, "a siren's relay is on at the start");
            true
        }
        Ok(Ok(false)) => false,
        Ok(Err(reason)) => {
            tracing::warn!(reason, "a siren's relay cannot be read at the start");
            false
        }
        Err(_) => {
            tracing::warn!("a siren's relay does not answer at the start");
            false
        }
    }
}

/// Sets the coil and reads it back.
async fn set(settings: &RelaySettings, on: bool) -> Result<bool, String> {
    let mut relay = connect(settings).await?;
    if let Some(register) = settings.duration_register.filter(|_| on) {
        let seconds = u16::try_from(settings.duration.as_secs()).unwrap_or(u16::MAX);
        said(relay.write_single_register(register, seconds).await)?;
    }
    said(relay.write_single_coil(settings.coil, on).await)?;
    read_coil(&mut relay, settings.coil).await
}

async fn read_coil(relay: &mut Context, coil: u16) -> Result<bool, String> {
    let read = said(relay.read_coils(coil, 1).await)?;
    read.first().copied().ok_or_else(|| "the relay answered with no coil".into())
}

async fn connect(settings: &RelaySettings) -> Result<Context, String> {
    let unit = Slave(settings.unit);
    match &settings.road {
        RelayRoad::Tcp(address) => tcp::connect_slave(*address, unit)
            .await
            .map_err(|error| format!("the relay at {address} is not reached: {error}")),
        RelayRoad::Serial { path, baud } => {
            let port = SerialStream::open(&tokio_serial::new(path, *baud))
                .map_err(|error| format!("cannot open {path}: {error}"))?;
            Ok(rtu::attach_slave(port, unit))
        }
    }
}

/// An answer of the relay: the wire may fail, and the relay may say no.
fn said<T, E: std::fmt::Display, X: std::fmt::Debug>(
    answer: Result<Result<T, X>, E>,
) -> Result<T, String> {
    match answer {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(exception)) => Err(format!("the relay says no: {exception:?}")),
        Err(error) => Err(format!("the relay does not answer: {error}")),
    }
}

#[cfg(test)]
mod tests;
