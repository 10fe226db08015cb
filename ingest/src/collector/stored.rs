//! Telling stations which of their reports are on disk: `…/stored`.
//!
//! A gateway that must not lose keeps a report until this names its `seq`; a broker's PUBACK is only the broker's
//! promise. Sent with QoS 0, gathered for a moment so that a burst costs one message a station: `{"seq":17}`, or
//! `{"from":12,"seq":17}` for a run without gaps. One that is lost costs a repetition, which admission drops.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use reading::{SiteId, StationId};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::publisher::Publisher;
use super::topic::{self, Root};

/// How long acknowledgements are gathered.
const GATHER: Duration = Duration::from_millis(200);
/// How many runs may wait, over all stations; more are dropped, and the stations send again.
const RUNS_MAX: usize = 16_384;

/// Gathers acknowledgements and sends them. Cloning is cheap.
#[derive(Clone)]
pub struct StoredAcks {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    waiting: Mutex<Waiting>,
    filled: Notify,
}

impl StoredAcks {
    /// Starts the task that sends to stations under `root`; it ends after `cancel`, having sent what was gathered.
    pub fn start(
        publisher: Publisher,
        root: Root,
        cancel: CancellationToken,
    ) -> (Self, JoinHandle<()>) {
        let shared = Arc::<Shared>::default();
        let task = tokio::spawn(send_gathered(shared.clone(), publisher, root, cancel));
        (Self { shared }, task)
    }

    /// The report `seq` of a station is on disk. Never waits.
    pub fn note(&self, site: &SiteId, station: &StationId, seq: u64) {
        self.shared.waiting.lock().note(site, station, seq);
        self.shared.filled.notify_one();
    }
}

/// Runs of report numbers by station.
#[derive(Debug, Default)]
struct Waiting {
    stations: BTreeMap<(SiteId, StationId), Vec<Run>>,
    runs: usize,
}

/// Numbers without a gap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Run {
    from: u64,
    seq: u64,
}

impl Waiting {
    fn note(&mut self, site: &SiteId, station: &StationId, seq: u64) {
        let runs = self.stations.entry((site.clone(), station.clone())).or_default();
        // Nearly always the report after the last one.
        if runs.iter_mut().rev().any(|run| run.extend(seq)) {
            return;
        }
        if self.runs < RUNS_MAX {
            runs.push(Run { from: seq, seq });
            self.runs += 1;
        }
    }

    fn take(&mut self) -> BTreeMap<(SiteId, StationId), Vec<Run>> {
        self.runs = 0;
        std::mem::take(&mut self.stations)
    }
}

impl Run {
    /// Takes a number up if it is in the run or continues it at either end.
    fn extend(&mut self, seq: u64) -> bool {
        if seq.checked_add(1).is_some_and(|next| next == self.from) {
            self.from = seq;
        } else if self.seq.checked_add(1) == Some(seq) {
            self.seq = seq;
        }
        (self.from..=self.seq).contains(&seq)
    }

    fn payload(self) -> String {
        match self.from == self.seq {
            true => format!(r#"{{"seq":{}}}"#, self.seq),
            false => format!(r#"{{"from":{},"seq":{}}}"#, self.from, self.seq),
        }
    }
}

async fn send_gathered(
    shared: Arc<Shared>,
    publisher: Publisher,
    root: Root,
    cancel: CancellationToken,
) {
    loop {
        tokio::select! {
            () = cancel.cancelled() => break,
            () = shared.filled.notified() => {}
        }
        tokio::select! {
            () = cancel.cancelled() => break,
            () = sleep(GATHER) => {}
        }
        send(&shared, &publisher, root);
    }
    send(&shared, &publisher, root);
}

fn send(shared: &Shared, publisher: &Publisher, root: Root) {
    let stations = shared.waiting.lock().take();
    for ((site, station), runs) in stations {
        for run in runs {
            // Not connected, or a full queue: the station sends its report again, and is told then.
            let topic = topic::stored(root, site.as_str(), station.as_str());
            if let Err(error) = publisher.send(&topic, run.payload()) {
                tracing::trace!(%site, %station, %error, "stored acknowledgement not sent");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gathered(seqs: &[u64]) -> Vec<String> {
        let (site, station) = (SiteId::new("cut-1").unwrap(), StationId::new("box-1").unwrap());
        let mut waiting = Waiting::default();
        seqs.iter().for_each(|seq| waiting.note(&site, &station, *seq));
        waiting
            .take()
            .remove(&(site, station))
            .unwrap_or_default()
            .into_iter()
            .map(Run::payload)
            .collect()
    }

    #[test]
    fn runs_are_told_as_one() {
        let table: [(&[u64], &[&str]); 7] = [
            (&[], &[]),
            (&[17], &[r#"{"seq":17}"#]),
            (&[12, 13, 14], &[r#"{"from":12,"seq":14}"#]),
            (&[14, 13, 12, 13], &[r#"{"from":12,"seq":14}"#]),
            (&[1, 2, 9, 3], &[r#"{"from":1,"seq":3}"#, r#"{"seq":9}"#]),
            (&[7, 0], &[r#"{"seq":7}"#, r#"{"seq":0}"#]),
            (&[u64::MAX, 0], &[r#"{"seq":18446744073709551615}"#, r#"{"seq":0}"#]),
        ];
        for (seqs, expected) in table {
            assert_eq!(gathered(seqs), expected, "{seqs:?}");
        }
    }

    #[test]
    fn what_waits_is_bounded() {
        let (site, station) = (SiteId::new("cut-1").unwrap(), StationId::new("box-1").unwrap());
        let mut waiting = Waiting::default();
        (0..RUNS_MAX as u64 + 100).for_each(|i| waiting.note(&site, &station, i * 2));
        assert_eq!(waiting.runs, RUNS_MAX);
    }
}
