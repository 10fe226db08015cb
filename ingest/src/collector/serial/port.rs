//! A port that talks: lines of text, or our own frames.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use reading::codec::link::{self, LinkFrame, LinkKind};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinHandle;
use tokio::time::{interval, sleep, timeout};

use super::config::{Framing, PortConfig};
use super::header::Header;
use super::line::{LOOK_EVERY, Line, LineError};
use super::splitter::{Piece, Splitter};
use super::storing::{Answers, Storing};
use super::{REOPEN_MAX, seat};
use crate::collector::backoff::Backoff;
use crate::collector::limit::Limit;
use crate::collector::mqtt::Wiring;
use crate::collector::pace::BURST;
use crate::collector::seat::{Seat, Standing};
use crate::collector::{Intake, PAYLOAD_LEN_MAX};

/// How much is read at once.
const READ_LEN: usize = 4_096;
/// A port that said nothing for so long after it was opened begins with the start of a frame.
const QUIET: Duration = Duration::from_millis(100);
/// How long an answer may take to leave: a line that is held does not hold us.
const SAY_WITHIN: Duration = Duration::from_secs(1);

const _: () = assert!(link::LINK_LEN_MAX < PAYLOAD_LEN_MAX);

/// Starts to listen; returns before the port is open. Runs until `wiring.cancel`.
pub fn start(config: PortConfig, intake: Arc<dyn Intake>, wiring: &Wiring) -> JoinHandle<()> {
    let seat = seat(&config.name, wiring);
    let topic = config.line.path.display().to_string();
    let (storing, answers) = Storing::start(seat.clone(), &topic, intake);
    let (header, limit) = (Header::default(), Limit::new(BURST));
    tokio::spawn(Port { config, topic, seat, storing, answers, header, limit }.run())
}

struct Port {
    config: PortConfig,
    /// Its path, by which it is called.
    topic: String,
    seat: Seat<()>,
    storing: Storing,
    answers: Answers,
    header: Header,
    limit: Limit,
}

impl Port {
    async fn run(mut self) {
        let (clock, cancel) = (self.seat.clock.clone(), self.seat.cancel.clone());
        let (mut standing, mut backoff) = (Standing::default(), Backoff::up_to(REOPEN_MAX));
        loop {
            let began = clock.at();
            let lost = match Line::open(&self.config.line) {
                Ok(line) => {
                    standing.up(&self.seat, true);
                    self.listen(line).await
                }
                Err(error) => Some(error),
            };
            let Some(error) = lost else { break };
            standing.down(&self.seat, &error.to_string());
            tokio::select! {
                () = cancel.cancelled() => break,
                () = sleep(backoff.after(began, &clock)) => {}
            }
        }
        self.storing.finish().await;
        standing.stopped(&self.seat);
    }

    /// Takes what comes; why the port was lost, or nothing if we were told to stop.
    async fn listen(&mut self, mut line: Line) -> Option<LineError> {
        let mut splitter = Splitter::new(self.config.framing);
        self.header = Header::default(); // another logger may be behind the path now
        let (mut buffer, mut look) = ([0; READ_LEN], interval(LOOK_EVERY));
        let mut quiet = Box::pin(sleep(QUIET));
        let lost = loop {
            tokio::select! {
                biased;
                () = self.seat.cancel.cancelled() => return None,
                Some(answer) = self.answers.recv() => say(&mut line, &answer, &self.seat).await,
                _ = look.tick() => if let Err(error) = line.look() { break error },
                read = line.stream.read(&mut buffer) => {
                    if quiet.is_elapsed() && !splitter.is_inside() {
                        splitter.align();
                    }
                    match line.heard(read) {
                        Ok(len) => splitter.feed(&buffer[..len], |piece| self.take(piece)),
                        Err(error) => break error,
                    }
                }
                () = &mut quiet, if !quiet.is_elapsed() => {}
            }
        };
        if splitter.is_inside() {
            self.count_partial();
        }
        Some(lost)
    }

    fn take(&mut self, piece: Piece) {
        let metrics = &self.seat.metrics;
        match piece {
            Piece::Frame(line) if self.config.framing == Framing::Toa5 => {
                if let Some(table) = self.header.with_row(line) {
                    self.store(table, None);
                }
            }
            Piece::Frame(bytes) => {
                let answer = self.answer(&bytes);
                self.store(bytes, answer);
            }
            Piece::Cut(bytes) => {
                metrics.cut.with_label_values(&[&*self.seat.collector]).inc();
                self.store(bytes, None);
            }
            Piece::Partial => self.count_partial(),
        }
    }

    /// Hands a frame on, unless the port says more than anybody needs: a frame of our own is then not answered.
    fn store(&self, payload: Bytes, answer: Option<Vec<u8>>) {
        if self.limit.passes(&self.seat, &self.topic) {
            self.storing.take(payload, answer);
        }
    }

    /// What to say once a frame is on disk. One that is damaged is stored and not answered.
    fn answer(&self, bytes: &Bytes) -> Option<Vec<u8>> {
        if self.config.framing != Framing::Link {
            return None;
        }
        let frame = LinkFrame::read(bytes).ok()?;
        matches!(frame.kind, LinkKind::Report(_)).then(|| link::stored(frame.number, frame.crc))
    }

    fn count_partial(&self) {
        self.seat.metrics.partial.with_label_values(&[&*self.seat.collector]).inc();
    }
}

/// Says that a frame is on disk. If it does not arrive, the station sends its frame again.
async fn say(line: &mut Line, answer: &[u8], seat: &Seat<()>) {
    let said = timeout(SAY_WITHIN, line.stream.write_all(answer)).await;
    if !matches!(said, Ok(Ok(()))) {
        tracing::debug!(collector = %seat.collector, "an answer could not be sent");
    }
}
