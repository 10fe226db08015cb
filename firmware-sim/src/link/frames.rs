//! Our own frames on a wire: COBS with a number and a CRC, kept until the other side says that they are on disk.
//!
//! As a box does it: a few on their way at once, each said again after a while without an answer; while they wait,
//! newer ones wait behind them, and the oldest are given up when there is no more room.

use std::collections::VecDeque;
use std::time::Duration;

use reading::codec::link::{LINK_LEN_MAX, LinkFrame, report as frame};
use reading::codec::native;
use reading::report::{Report, Road};
use tokio::io::AsyncReadExt;
use tokio::sync::mpsc;
use tokio_serial::SerialStream;
use tokio_util::sync::CancellationToken;

use super::mqtt::{Buffer, ROOM, Totals};
use super::report::report;
use super::serial::{Port, say};
use crate::message::Message;
use crate::pace::Stopwatch;

/// Frames on their way without an answer.
const WINDOW: usize = 8;
/// How long an answer may take before a frame is said again: a disk may be slow.
const AGAIN_AFTER: Duration = Duration::from_secs(2);
/// How often it is looked whether one is due.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// The longest body that fits a frame, whatever bytes it has.
const BODY_LEN_MAX: usize = LINK_LEN_MAX - LINK_LEN_MAX / 254 - 8;

/// Says each report until it is answered; ends when the messages do and nothing is owed.
pub(super) async fn tell(
    (_near, far): (Port, SerialStream),
    mut messages: mpsc::Receiver<Message>,
    stop: CancellationToken,
) -> Totals {
    let mut talk = Talk {
        far,
        number: 0,
        on_the_way: VecDeque::new(),
        waiting: Buffer::new(ROOM),
        heard: Vec::new(),
        stopwatch: Stopwatch::start(),
        totals: Totals::default(),
    };
    tokio::select! {
        () = stop.cancelled() => (),
        () = talk.carry(&mut messages) => (),
    }
    talk.totals.forgotten += talk.waiting.forgotten;
    talk.totals
}

struct Talk {
    far: SerialStream,
    number: u16,
    on_the_way: VecDeque<Said>,
    waiting: Buffer,
    heard: Vec<u8>,
    stopwatch: Stopwatch,
    totals: Totals,
}

/// A frame without an answer yet.
struct Said {
    number: u16,
    crc: u16,
    bytes: Vec<u8>,
    at: Duration,
}

impl Talk {
    async fn carry(&mut self, messages: &mut mpsc::Receiver<Message>) {
        let mut more = true;
        let mut look = tokio::time::interval(LOOK_EVERY);
        let mut bytes = [0; 512];
        while more || !self.on_the_way.is_empty() || !self.waiting.is_empty() {
            tokio::select! {
                message = messages.recv(), if more => match message {
                    Some(message) => self.take(message).await,
                    None => more = false,
                },
                read = self.far.read(&mut bytes) => match read {
                    Ok(count) => self.hear(&bytes[..count]).await,
                    Err(error) => {
                        tracing::debug!(%error, "nobody is on the wire");
                        tokio::time::sleep(LOOK_EVERY).await;
                    }
                },
                _ = look.tick() => self.say_again().await,
            }
        }
    }

    async fn take(&mut self, message: Message) {
        if self.on_the_way.len() < WINDOW {
            return self.say(message).await;
        }
        self.totals.buffered += 1;
        self.waiting.keep(message);
    }

    async fn say(&mut self, message: Message) {
        let whole = message.whole();
        let Some(report) = report(&message, &whole) else { return };
        for body in bodies(&report) {
            self.number = self.number.wrapping_add(1);
            let (bytes, crc) = frame(report.road, self.number, &body);
            let mut damaged = bytes.clone();
            message.turn_over(&mut damaged);
            self.write(&damaged).await;
            let at = self.stopwatch.elapsed();
            self.totals.sent += 1;
            self.on_the_way.push_back(Said { number: self.number, crc, bytes, at });
        }
    }

    async fn write(&mut self, bytes: &[u8]) {
        if !say(&mut self.far, bytes).await {
            tracing::debug!("the wire is full, nobody listens");
        }
    }

    async fn hear(&mut self, bytes: &[u8]) {
        self.heard.extend_from_slice(bytes);
        while let Some(end) = self.heard.iter().position(|byte| *byte == 0) {
            let piece: Vec<u8> = self.heard.drain(..=end).collect();
            let Ok(answer) = LinkFrame::read(&piece[..end]) else { continue };
            let before = self.on_the_way.len();
            self.on_the_way.retain(|said| !answer.is_stored(said.number, said.crc));
            self.totals.acknowledged += (before - self.on_the_way.len()) as u64;
        }
        if self.heard.len() > LINK_LEN_MAX {
            self.heard.clear();
        }
        while self.on_the_way.len() < WINDOW
            && let Some(message) = self.waiting.next()
        {
            self.say(message).await;
        }
    }

    async fn say_again(&mut self) {
        let now = self.stopwatch.elapsed();
        let late = |said: &&mut Said| now.saturating_sub(said.at) >= AGAIN_AFTER;
        let mut again = Vec::new();
        for said in self.on_the_way.iter_mut().filter(late) {
            said.at = now;
            again.push(said.bytes.clone());
        }
        for bytes in again {
            self.totals.repeated += 1;
            self.write(&bytes).await;
        }
    }
}

/// The bodies of a report: CBOR, one if it fits a frame, else one for each claim's moment of those that do.
fn bodies(report: &Report<'_>) -> Vec<Vec<u8>> {
    let whole = native::encode_cbor(report);
    if whole.len() <= BODY_LEN_MAX || report.claims.len() < 2 {
        return vec![whole];
    }
    // halves of a report of the past have no number: it would be taken for one that came twice
    let (first, second) = report.claims.split_at(report.claims.len() / 2);
    let half = |claims: &[_]| Report {
        seq: None,
        road: Road::Backfill,
        claims: claims.to_vec(),
        ..report.clone()
    };
    [half(first), half(second)].iter().flat_map(bodies).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use reading::report::Claim;

    #[test]
    fn a_report_too_long_for_a_frame_is_cut_and_nothing_is_lost() {
        let claim = |number: usize| Claim {
            sensor: format!("tilt-{number}").into(),
            quantity: "tilt-x".into(),
            value: number as f64 + 0.123,
            unit: Some("deg".into()),
            at: None,
        };
        let report = Report {
            site: "cut-12",
            station: "post-1",
            seq: Some(1),
            at: Some(reading::Timestamp::from_secs(1_784_000_000)),
            heard_at: None,
            road: Road::Backfill,
            claims: (0..400).map(claim).collect(),
        };
        let bodies = bodies(&report);
        assert!(bodies.len() > 1);
        for body in &bodies {
            let (bytes, _) = frame(Road::Backfill, 1, body);
            assert!(LinkFrame::read(&bytes[1..bytes.len() - 1]).is_ok(), "{}", body.len());
        }
    }
}
