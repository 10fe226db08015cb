//! The end of a session whose filters we no longer have.
//!
//! The broker still holds what it queued for it. We connect under its old client id, ask for nothing more
//! (UNSUBSCRIBE, so that it runs dry even while stations keep publishing), take and store what is there, and when
//! nothing came for a while tell the broker to forget it. The new session subscribed before that, so nothing falls
//! between the two; what both have is a duplicate, which admission drops.

use std::future::pending;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::backoff::Backoff;
use super::event::Happening;
use super::identity::Session;
use super::receiving::{Ended, Receiving, Reception, Step};
use super::resume::Resume;

/// How long nothing must come until a session counts as empty.
const QUIET: Duration = Duration::from_secs(2);

/// Drains sessions one after the other, beside the live one.
pub(super) struct Task {
    done: mpsc::Receiver<String>,
    task: JoinHandle<()>,
}

impl Task {
    /// Starts draining.
    pub(super) fn start(reception: &Reception, sessions: &[Session]) -> Self {
        let (tell, done) = mpsc::channel(sessions.len().max(1));
        let task = tokio::spawn(drain_all(reception.clone(), sessions.to_vec(), tell));
        Self { done, task }
    }

    /// Resolves once the task has ended: it does when all is drained, or when told to stop.
    pub(super) async fn stopped(self) {
        self.task.await.ok();
    }
}

/// The client id of the next session that was drained and ended.
pub(super) async fn next(task: &mut Option<Task>) -> String {
    match task {
        Some(running) => match running.done.recv().await {
            Some(client_id) => client_id,
            None => pending().await,
        },
        None => pending().await,
    }
}

async fn drain_all(reception: Reception, sessions: Vec<Session>, tell: mpsc::Sender<String>) {
    let seat = &reception.seat;
    for session in sessions {
        let mut backoff = Backoff::default();
        loop {
            match drain(&reception, &session).await {
                Ok(Some(frames)) => {
                    tracing::info!(collector = %seat.collector, client_id = session.client_id, frames, "former session drained and ended");
                    seat.tell(Happening::Drained { client_id: session.client_id.clone(), frames });
                    tell.send(session.client_id.clone()).await.ok();
                    break;
                }
                Ok(None) => return,
                Err(error) => {
                    tracing::debug!(collector = %seat.collector, client_id = session.client_id, %error, "draining a former session broke off");
                }
            }
            tokio::select! {
                () = seat.cancel.cancelled() => return,
                () = sleep(backoff.next()) => {}
            }
        }
    }
}

/// Drains one session and ends it: how many frames were in it, or nothing if we were told to stop.
async fn drain(reception: &Reception, session: &Session) -> Result<Option<u64>, Ended> {
    let mut receiving = Receiving::open(reception, &session.client_id, Resume::Change)?;
    let emptied = tokio::select! {
        () = reception.seat.cancel.cancelled() => Ok(false),
        emptied = empty(&mut receiving, session) => emptied.map(|()| true),
    };
    let frames = receiving.received();
    match emptied {
        Ok(emptied) => {
            receiving.close(emptied).await;
            Ok(emptied.then_some(frames))
        }
        Err(ended) => {
            receiving.abandon().await;
            Err(ended)
        }
    }
}

/// Receives until the session holds nothing any more.
async fn empty(receiving: &mut Receiving, session: &Session) -> Result<(), Ended> {
    loop {
        match receiving.next().await? {
            Step::Connected { session_present: false } => return Ok(()),
            Step::Connected { session_present: true } => receiving.unsubscribe(&session.filters)?,
            Step::Unsubscribed => break,
            Step::Subscribed { .. } => {}
        }
    }
    loop {
        let before = receiving.received();
        tokio::select! {
            step = receiving.next() => drop(step?),
            () = sleep(QUIET) => if receiving.received() == before && receiving.is_stored() { return Ok(()) },
        }
    }
}
