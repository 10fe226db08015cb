//! Asking before acknowledging.
//!
//! `mqtt5` awaits its event handler's `on_client_publish` before it routes a message and before it writes PUBACK or
//! PUBREC. It knows three answers: go on, consider it handled (and acknowledge), replace the message. None of them
//! says "do not acknowledge", so to withhold we do two things: drop the router's entry of the client, upon which its
//! connection is closed, and replace the message by one of QoS 0 to a topic nobody can subscribe to, which is
//! not acknowledged. Nothing more of that connection is acknowledged, so the order of acknowledgements holds.
//!
//! A will does not pass there. It is routed like a message without a sender; if it is retained, `on_retained_set`
//! shows it. That is also called for ordinary retained messages, right after they passed `on_client_publish` in the
//! same task, which is how the two are told apart. One that is not retained, as a Sparkplug node leaves, is shown when
//! its connection ends without a DISCONNECT, in the task that it began in: another connection of the same name may have
//! begun meanwhile.

use std::collections::{HashMap, HashSet};
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use mqtt5::QoS;
use mqtt5::broker::router::MessageRouter;
use mqtt5::broker::{
    BrokerEventHandler, ClientConnectEvent, ClientDisconnectEvent, ClientPublishEvent,
    PublishAction, RetainedSetEvent,
};
use mqtt5::packet::publish::PublishPacket;
use parking_lot::Mutex;
use tokio::task;
use tokio_util::sync::CancellationToken;

/// A topic nobody can subscribe to by wildcard, and nobody does by name.
const NOWHERE: &str = "$bongsu/withheld";

/// How surely a message was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Qos {
    /// Never acknowledged.
    AtMostOnce,
    /// Acknowledged with PUBACK.
    AtLeastOnce,
    /// Acknowledged with PUBREC, and routed after PUBREL.
    ExactlyOnce,
}

/// A message as a client published it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// Who sent it; empty for a will, which the broker sends.
    pub client_id: Arc<str>,
    /// As whom that client signed in.
    pub user: Option<Arc<str>>,
    /// Where it goes.
    pub topic: Arc<str>,
    /// The bytes.
    pub payload: Bytes,
    /// How surely.
    pub qos: Qos,
    /// Whether the broker is to keep it for those who subscribe later.
    pub retain: bool,
    /// Whether it is the will of a client that went without a word.
    pub will: bool,
}

/// What becomes of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Route it and acknowledge it.
    Accept,
    /// Do neither, and close the client's connection, so that it sends the message again.
    Withhold,
}

/// The answer of a hook.
pub type VerdictFuture = Pin<Box<dyn Future<Output = Verdict> + Send>>;

/// Who is asked about every message before it is acknowledged.
pub trait PublishHook: Send + Sync + 'static {
    /// Decides about one message. The client waits for the answer and is not served meanwhile, not even with its
    /// pings: answer well within a keep-alive.
    fn on_publish(&self, message: Published) -> VerdictFuture;
}

/// The hook as `mqtt5` sees it.
pub(crate) struct Asking {
    hook: Arc<dyn PublishHook>,
    cancel: CancellationToken,
    router: OnceLock<Arc<MessageRouter>>,
    /// Clients can connect: wills that fire are theirs, not what a start finds.
    serving: AtomicBool,
    /// As whom each client is in.
    users: Mutex<HashMap<Arc<str>, Arc<str>>>,
    /// Clients whose connection is about to be closed.
    withheld: Mutex<HashSet<Arc<str>>>,
    /// Retained messages that passed the hook and are about to be shown again, by task and topic.
    announced: Mutex<HashSet<(Option<task::Id>, Arc<str>)>>,
    /// Wills that are not retained, by the task of their connection.
    wills: Mutex<HashMap<Option<task::Id>, Published>>,
}

type Answer<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

impl Asking {
    pub(crate) fn new(hook: Arc<dyn PublishHook>, cancel: CancellationToken) -> Self {
        Self {
            hook,
            cancel,
            router: OnceLock::new(),
            serving: AtomicBool::new(false),
            users: Mutex::default(),
            withheld: Mutex::default(),
            announced: Mutex::default(),
            wills: Mutex::default(),
        }
    }

    /// Hands over what connections are closed with.
    pub(crate) fn set_router(&self, router: Arc<MessageRouter>) {
        self.router.set(router).ok();
    }

    /// From now on wills are shown to the hook.
    pub(crate) fn serve(&self) {
        self.serving.store(true, Ordering::Relaxed);
    }

    /// Ends the connections of these users.
    pub(crate) async fn cut_off(&self, users: &[String]) {
        let is_theirs = |user: &str| users.iter().any(|gone| gone == user);
        let clients: Vec<Arc<str>> = {
            let known = self.users.lock();
            let theirs = known.iter().filter(|(_, user)| is_theirs(user));
            theirs.map(|(client, _)| client.clone()).collect()
        };
        let Some(router) = self.router.get() else { return };
        for client in clients {
            router.disconnect_client(&client).await;
        }
    }

    /// Asks the hook; a broker that stops withholds.
    async fn ask(&self, message: Published) -> Verdict {
        tokio::select! {
            verdict = self.hook.on_publish(message) => verdict,
            () = self.cancel.cancelled() => Verdict::Withhold,
        }
    }

    async fn published(&self, event: ClientPublishEvent) -> PublishAction {
        if self.withheld.lock().contains(&event.client_id) {
            return nowhere();
        }
        let (client_id, topic, retain) =
            (event.client_id.clone(), event.topic.clone(), event.retain);
        match self.ask(message(event)).await {
            Verdict::Accept => {
                if retain {
                    self.announced.lock().insert((task::try_id(), topic));
                }
                PublishAction::Continue
            }
            Verdict::Withhold => {
                self.withheld.lock().insert(client_id.clone());
                if let Some(router) = self.router.get() {
                    router.disconnect_client(&client_id).await;
                }
                nowhere()
            }
        }
    }

    async fn retained(&self, event: RetainedSetEvent) {
        let announced = self.announced.lock().remove(&(task::try_id(), event.topic.clone()));
        let of_the_broker = event.topic.starts_with('$');
        if announced || of_the_broker || !self.shows_wills() {
            return;
        }
        let will = Published {
            client_id: "".into(),
            user: None,
            topic: event.topic,
            payload: event.payload,
            qos: qos(event.qos),
            retain: true,
            will: true,
        };
        self.ask(will).await; // nobody waits for an acknowledgement of a will
    }

    fn shows_wills(&self) -> bool {
        self.serving.load(Ordering::Relaxed) && !self.cancel.is_cancelled()
    }
}

/// What a client leaves to be said without being kept. That it may was looked at when it came in.
fn will(event: &ClientConnectEvent) -> Option<Published> {
    Some(Published {
        client_id: "".into(),
        user: None,
        topic: event.will_topic.clone()?,
        payload: event.will_payload.clone()?,
        qos: qos(event.will_qos?),
        retain: event.will_retain?,
        will: true,
    })
    .filter(|will| !will.retain)
}

fn nowhere() -> PublishAction {
    PublishAction::Transform(PublishPacket::new(NOWHERE, Bytes::new(), QoS::AtMostOnce))
}

fn message(event: ClientPublishEvent) -> Published {
    Published {
        client_id: event.client_id,
        user: event.user_id,
        topic: event.topic,
        payload: event.payload,
        qos: qos(event.qos),
        retain: event.retain,
        will: false,
    }
}

fn qos(qos: QoS) -> Qos {
    match qos {
        QoS::AtMostOnce => Qos::AtMostOnce,
        QoS::AtLeastOnce => Qos::AtLeastOnce,
        QoS::ExactlyOnce => Qos::ExactlyOnce,
    }
}

impl BrokerEventHandler for Asking {
    fn on_client_connect<'a>(&'a self, event: ClientConnectEvent) -> Answer<'a, ()> {
        self.withheld.lock().remove(&event.client_id);
        if let Some(will) = will(&event) {
            self.wills.lock().insert(task::try_id(), will);
        }
        if let Some(user) = event.user_id {
            self.users.lock().insert(event.client_id, user);
        }
        Box::pin(async {})
    }

    fn on_client_publish<'a>(&'a self, event: ClientPublishEvent) -> Answer<'a, PublishAction> {
        Box::pin(self.published(event))
    }

    fn on_retained_set<'a>(&'a self, event: RetainedSetEvent) -> Answer<'a, ()> {
        Box::pin(self.retained(event))
    }

    fn on_client_disconnect<'a>(&'a self, event: ClientDisconnectEvent) -> Answer<'a, ()> {
        self.withheld.lock().remove(&event.client_id);
        self.users.lock().remove(&event.client_id);
        let this_task = task::try_id();
        self.announced.lock().retain(|(task, _)| *task != this_task);
        let will = self.wills.lock().remove(&this_task);
        let spoken = will.filter(|_| event.unexpected && self.shows_wills());
        Box::pin(async move {
            if let Some(will) = spoken {
                self.ask(will).await;
            }
        })
    }
}
