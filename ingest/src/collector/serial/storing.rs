//! From a port to the intake: frames wait in a bounded queue, and all that wait are stored together.
//!
//! A port cannot be asked to wait. When the queue is full, because the disk is, frames are dropped and counted: one of
//! our own is not answered then, so its station sends it again.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use prometheus::IntGauge;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use crate::collector::backoff::Backoff;
use crate::collector::seat::Seat;
use crate::collector::{Intake, Taken};

/// How many frames may wait, of 4 KiB at most: more than a wire at 115 200 baud brings in ten seconds.
const QUEUE_LEN: usize = 4_096;
/// How many are stored at once.
const BATCH_MAX: usize = 1_024;
/// How long what waits may take to be stored once we were told to stop: nobody else has it.
const FAREWELL: Duration = Duration::from_secs(5);

/// Where frames of one port go.
pub(super) struct Storing {
    seat: Seat<()>,
    topic: Arc<str>,
    queue: mpsc::Sender<Arrival>,
    waiting: IntGauge,
    task: JoinHandle<()>,
}

struct Arrival {
    frame: Taken,
    answer: Option<Vec<u8>>,
}

/// What is to be said on the port: that frames are on disk.
pub(super) type Answers = mpsc::Receiver<Vec<u8>>;

impl Storing {
    /// Starts to store; answers come back once their frame is on disk.
    pub(super) fn start(seat: Seat<()>, topic: &str, intake: Arc<dyn Intake>) -> (Self, Answers) {
        let (queue, arrivals) = mpsc::channel(QUEUE_LEN);
        let (say, answers) = mpsc::channel(QUEUE_LEN);
        let labels = [&*seat.collector, seat.role.name()];
        let waiting = seat.metrics.in_flight.with_label_values(&labels);
        let task = Task { seat: seat.clone(), intake, say, waiting: waiting.clone() };
        let task = tokio::spawn(task.run(arrivals));
        (Self { seat, topic: topic.into(), queue, waiting, task }, answers)
    }

    /// Takes a frame that came just now; `answer` is said once it is on disk.
    pub(super) fn take(&self, payload: Bytes, answer: Option<Vec<u8>>) {
        let frame = Taken {
            source: self.seat.collector.clone(),
            topic: self.topic.clone(),
            payload,
            retained: false,
            received_at: self.seat.clock.wall(),
        };
        self.waiting.inc();
        if self.queue.try_send(Arrival { frame, answer }).is_err() {
            self.waiting.dec();
            self.seat.metrics.dropped.with_label_values(&[&*self.seat.collector]).inc();
        }
    }

    /// Takes nothing any more; resolves when what waited is stored, or given up.
    pub(super) async fn finish(self) {
        drop(self.queue);
        let mut task = self.task;
        if timeout(FAREWELL, &mut task).await.is_err() {
            tracing::warn!(collector = %self.seat.collector, "frames were not stored in time and are lost");
            task.abort();
        }
    }
}

struct Task {
    seat: Seat<()>,
    intake: Arc<dyn Intake>,
    say: mpsc::Sender<Vec<u8>>,
    waiting: IntGauge,
}

impl Task {
    async fn run(self, mut arrivals: mpsc::Receiver<Arrival>) {
        let mut batch = Vec::new();
        while arrivals.recv_many(&mut batch, BATCH_MAX).await > 0 {
            let (frames, answers): (Vec<_>, Vec<_>) =
                batch.drain(..).map(|arrival| (arrival.frame, arrival.answer)).unzip();
            self.store(frames).await;
            for answer in answers.into_iter().flatten() {
                self.say.try_send(answer).ok(); // nobody there to say it: the station asks again
            }
        }
    }

    /// Tries until it is done: what cannot be stored now may be later, and whoever sent it does not keep it.
    async fn store(&self, frames: Vec<Taken>) {
        let collector = &*self.seat.collector;
        let mut backoff = Backoff::default();
        loop {
            let timer = self.seat.metrics.store_seconds.start_timer();
            match self.intake.store(frames.clone()).await {
                Ok(()) => {
                    timer.observe_duration();
                    self.seat
                        .metrics
                        .frames
                        .with_label_values(&[collector])
                        .inc_by(frames.len() as u64);
                    self.waiting.sub(frames.len() as i64);
                    return;
                }
                Err(error) => {
                    timer.stop_and_discard();
                    tracing::warn!(collector, %error, "frames wait");
                    sleep(backoff.next()).await;
                }
            }
        }
    }
}
