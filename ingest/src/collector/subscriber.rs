//! A durable session: connected, subscribed, received from, and back again after every loss.
//!
//! It subscribes only if the broker does not have the session (CONNACK says so), or if the broker never confirmed
//! that it subscribed. In the second case the session is there without us knowing what is in it, and `rumqttc`
//! would not send a subscription on it; so we come again with [`Resume::Change`].

use tokio::time::sleep;

use super::backoff::Backoff;
use super::drain;
use super::event::Happening;
use super::identity::Identity;
use super::receiving::{Ended, Receiving, Reception, Step};
use super::resume::Resume;
use super::seat::Standing;

/// One session of a collector, for as long as the daemon runs.
pub(super) struct Subscriber {
    reception: Reception,
    identity: Identity,
    resume: Resume,
    standing: Standing,
    /// Ends the sessions of filters we had before; their ids come back when it is done.
    drain: Option<drain::Task>,
}

/// How a connection ended.
enum Outcome {
    /// We were told to stop.
    Stopped,
    /// The session is there but was never subscribed: come again at once, able to subscribe.
    ComeAgain,
    /// It broke, or could not be made.
    Lost(String),
}

impl Subscriber {
    /// A session that connects as `identity` says.
    pub(super) fn new(reception: Reception, identity: Identity) -> Self {
        Self {
            reception,
            identity,
            resume: Resume::Receive,
            standing: Standing::default(),
            drain: None,
        }
    }

    /// Receives until told to stop.
    pub(super) async fn run(mut self) {
        let (clock, cancel) =
            (self.reception.seat.clock.clone(), self.reception.seat.cancel.clone());
        let mut backoff = Backoff::default();
        loop {
            let began = clock.at();
            match self.connection().await {
                Outcome::Stopped => break,
                Outcome::ComeAgain => continue,
                Outcome::Lost(reason) => self.standing.down(&self.reception.seat, &reason),
            }
            tokio::select! {
                () = cancel.cancelled() => break,
                () = sleep(backoff.after(began, &clock)) => {}
            }
        }
        if let Some(drain) = self.drain.take() {
            drain.stopped().await;
        }
        self.standing.stopped(&self.reception.seat);
    }

    /// One connection, from CONNECT to its end.
    async fn connection(&mut self) -> Outcome {
        let client_id = self.identity.current().client_id.clone();
        let mut receiving = match Receiving::open(&self.reception, &client_id, self.resume) {
            Ok(receiving) => receiving,
            Err(ended) => return Outcome::Lost(ended.to_string()),
        };
        let outcome = self.receive(&mut receiving).await;
        match outcome {
            Outcome::Stopped => receiving.close(false).await,
            Outcome::ComeAgain | Outcome::Lost(_) => receiving.abandon().await,
        }
        outcome
    }

    async fn receive(&mut self, receiving: &mut Receiving) -> Outcome {
        let cancel = self.reception.seat.cancel.clone();
        loop {
            tokio::select! {
                biased;
                () = cancel.cancelled() => return Outcome::Stopped,
                drained = drain::next(&mut self.drain) => self.drained(drained),
                step = receiving.next() => match step.and_then(|step| self.follow(receiving, step)) {
                    Ok(None) => {}
                    Ok(Some(outcome)) => return outcome,
                    Err(ended) => return Outcome::Lost(ended.to_string()),
                },
            }
        }
    }

    /// Does what the broker's word asks for.
    fn follow(&mut self, receiving: &Receiving, step: Step) -> Result<Option<Outcome>, Ended> {
        match step {
            Step::Connected { session_present } => self.connected(receiving, session_present),
            Step::Subscribed { refused } if refused.is_empty() => {
                self.remember_subscribed(true);
                self.reception.seat.tell(Happening::Subscribed);
                self.up(false);
                Ok(None)
            }
            Step::Subscribed { refused } => {
                let filters = &self.identity.current().filters;
                let named = |(place, code): &(usize, String)| {
                    format!("{}: {code}", filters.get(*place).map_or("?", String::as_str))
                };
                let list: Vec<_> = refused.iter().map(named).collect();
                Ok(Some(Outcome::Lost(format!(
                    "the broker refused to subscribe us ({}); check its access rules",
                    list.join(", ")
                ))))
            }
            Step::Unsubscribed => Ok(None),
        }
    }

    fn connected(
        &mut self,
        receiving: &Receiving,
        session_present: bool,
    ) -> Result<Option<Outcome>, Ended> {
        let resume = std::mem::replace(&mut self.resume, Resume::Receive);
        match (session_present, self.identity.is_subscribed(), resume) {
            (true, true, _) => {
                self.up(true);
                Ok(None)
            }
            (true, false, Resume::Receive) => {
                self.resume = Resume::Change;
                Ok(Some(Outcome::ComeAgain))
            }
            (_, subscribed, _) => {
                if subscribed {
                    self.remember_subscribed(false);
                    self.reception.seat.tell(Happening::SessionLost);
                }
                receiving.subscribe(&self.identity.current().filters)?;
                Ok(None)
            }
        }
    }

    fn up(&mut self, session_present: bool) {
        self.standing.up(&self.reception.seat, session_present);
        if self.drain.is_none() && !self.identity.old().is_empty() {
            // Only now: what is published from here on reaches the new session.
            self.drain = Some(drain::Task::start(&self.reception, self.identity.old()));
        }
    }

    fn drained(&mut self, client_id: String) {
        if let Err(error) = self.identity.forget(&client_id) {
            tracing::error!(%error, "a drained session stays remembered");
        }
    }

    /// A memory that cannot be written costs a second subscription after the next start, no frame.
    fn remember_subscribed(&mut self, subscribed: bool) {
        if let Err(error) = self.identity.set_subscribed(subscribed) {
            tracing::error!(%error, "the subscription is not remembered");
        }
    }
}
