//! Carries lines to the server, however long it takes.

use std::time::Duration;

use ring::rand::{SecureRandom, SystemRandom};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::batch::{Batch, Lines};
use super::influx::{Refusal, Sink};
use super::metrics::ArchiveMetrics;

/// Waits between tries: doubled from the first to the last, each with a quarter of chance.
pub const WAITS: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(60));

/// Told of a line that the server refuses: the line, and why. It is not tried again.
pub type SetAside = Box<dyn Fn(&str, &str) + Send + Sync>;

/// Carries lines to one server.
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
        while let Some(lines) = waiting.pop() {
            if lines.len() == 0 {
                continue;
            }
            match self.write(&lines, stop).await {
                None => return false,
                Some(Ok(())) => self.metrics.points_written.inc_by(lines.len() as u64),
                Some(Err(why)) => match lines.split() {
                    // one of the halves holds the line that is refused; writing the good ones again does no harm
                    Some((first, rest)) => waiting.extend([rest, first]),
                    None => self.refuse(&lines, &why),
                },
            }
        }
        true
    }

    /// Tries until it is written or refused for what it is.
    async fn write(&self, lines: &Lines, stop: &CancellationToken) -> Option<Result<(), String>> {
        let mut wait = self.waits.0;
        loop {
            let refusal = tokio::select! {
                () = stop.cancelled() => return None,
                written = self.sink.write(lines.text.clone()) => match written {
                    Ok(()) => {
                        self.metrics.is_writing(true);
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
            self.metrics.tries_failed.inc();
            if self.metrics.is_writing(false) {
                tracing::error!(why = %refusal, "the archive cannot be written; readings wait in the journal");
            } else {
                tracing::debug!(why = %refusal, "the archive still cannot be written");
            }
            tokio::select! {
                () = stop.cancelled() => return None,
                () = sleep(self.varied(wait)) => wait = (wait * 2).min(self.waits.1),
            }
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
