//! Carries lines to the server, however long it takes.

use std::time::Duration;

use bytes::Bytes;
use ring::rand::{SecureRandom, SystemRandom};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use super::batch::{Batch, Lines};
use super::influx::{Refusal, Sink};
use super::metrics::ArchiveMetrics;

/// Waits between tries: doubled from the first to the last, each with a quarter of chance.
pub const WAITS: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(60));

/// Told of a line that the server refuses: the line, and why. It is not tried again.
pub type SetAside = Box<dyn Fn(&str, &str) + Send + Sync>;

/// A line that any server takes that takes lines at all. Without a stamp, so that no retention is too short for it.
const PROBE: &[u8] = b"probe ok=1\n";

/// Carries lines to one server.
///
/// A server that refuses one line for what it is gets the others. One that refuses every line is asked for a line of
/// our own first: if it refuses that too it is the server and not the lines, and they wait as in any other trouble.
pub struct Carrier<S> {
    sink: S,
    set_aside: SetAside,
    metrics: ArchiveMetrics,
    random: SystemRandom,
    waits: (Duration, Duration),
}

impl<S: Sink> Carrier<S> {
    /// Carries to `sink`, with `waits` between tries: the first and the longest, mostly [`WAITS`].
    pub fn new(
        sink: S,
        set_aside: SetAside,
        metrics: ArchiveMetrics,
        waits: (Duration, Duration),
    ) -> Self {
        Self { sink, set_aside, metrics, random: SystemRandom::new(), waits }
    }

    /// Writes the batch and leaves it empty; done when the server has every line that it does not refuse. False if
    /// told to stop before.
    pub async fn carry(&self, batch: &mut Batch, stop: &CancellationToken) -> bool {
        let mut waiting = vec![batch.take()];
        let mut takes_lines = false;
        while let Some(lines) = waiting.pop() {
            if lines.len() == 0 {
                continue;
            }
            match self.write(&lines.text, stop).await {
                None => return false,
                Some(Ok(())) => {
                    takes_lines = true;
                    self.metrics.points_written.inc_by(lines.len() as u64);
                }
                Some(Err(why)) => match lines.split() {
                    // one of the halves holds the line that is refused; writing the good ones again does no harm
                    Some((first, rest)) => waiting.extend([rest, first]),
                    None if takes_lines => self.refuse(&lines, &why),
                    None => match self.probe(stop).await {
                        None => return false,
                        Some(at_once) => {
                            takes_lines = at_once; // else it was the server, and the line has its turn again
                            waiting.push(lines);
                        }
                    },
                },
            }
        }
        true
    }

    /// Waits until the server takes a line of which nothing can be wrong, and whether it did at once; nothing if told
    /// to stop before.
    async fn probe(&self, stop: &CancellationToken) -> Option<bool> {
        let (mut wait, mut at_once) = (self.waits.0, true);
        while let Err(why) = self.write(&Bytes::from_static(PROBE), stop).await? {
            at_once = false;
            self.failed(&format!("it refuses whatever it is sent: {why}"));
            if !self.pause(&mut wait, stop).await {
                return None;
            }
        }
        Some(at_once)
    }

    /// Tries until it is written or refused for what it is.
    async fn write(&self, lines: &Bytes, stop: &CancellationToken) -> Option<Result<(), String>> {
        let mut wait = self.waits.0;
        loop {
            let refusal = tokio::select! {
                () = stop.cancelled() => return None,
                written = self.sink.write(lines.clone()).instrument(tracing::debug_span!("archive", bytes = lines.len())) => match written {
                    Ok(()) => {
                        self.metrics.works();
                        return Some(Ok(()));
                    }
                    Err(refusal) => refusal,
                },
            };
            match &refusal {
                Refusal::Bad(why) => return Some(Err(why.clone())),
                Refusal::TooLarge => return Some(Err(refusal.to_string())),
                Refusal::Later(_) | Refusal::Denied(_) => {}
            }
            self.failed(&refusal.to_string());
            if !self.pause(&mut wait, stop).await {
                return None;
            }
        }
    }

    fn failed(&self, why: &str) {
        self.metrics.tries_failed.inc();
        if self.metrics.fails(why) {
            tracing::error!(why, "the archive cannot be written; readings wait in the journal");
        } else {
            tracing::debug!(why, "the archive still cannot be written");
        }
    }

    /// Waits between tries, longer the next time; false if told to stop.
    async fn pause(&self, wait: &mut Duration, stop: &CancellationToken) -> bool {
        let now = self.varied(*wait);
        *wait = (*wait * 2).min(self.waits.1);
        tokio::select! {
            () = stop.cancelled() => false,
            () = sleep(now) => true,
        }
    }

    fn refuse(&self, lines: &Lines, why: &str) {
        self.metrics.points_refused.inc();
        let line = String::from_utf8_lossy(&lines.text);
        (self.set_aside)(line.trim_end(), why);
    }

    fn varied(&self, wait: Duration) -> Duration {
        let mut byte = [0];
        let part = self.random.fill(&mut byte).map_or(0, |()| u32::from(byte[0]));
        wait + wait / 4 * part / 255
    }
}
