//! The connection behind the [`publisher`](super::publisher): clean start, birth and will, and an ear for what the
//! broker says it dropped.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use reading::codec::sparkplug;
use rumqttc::{
    AsyncClient, Event as PollEvent, EventLoop, LastWill, Packet, PublishOptions, QoS,
    SubscribeFilterInput,
};
use tokio::time::{sleep, timeout};

use super::backoff::Backoff;
use super::connection::Held;
use super::event::Happening;
use super::seat::{Seat, Standing};
use super::topic;

/// How many messages may wait to be sent; more are refused.
pub(super) const QUEUE_LEN: usize = 256;
/// How long the farewell may take.
const FAREWELL_MAX: Duration = Duration::from_secs(3);

/// What a connection says of itself, retained: by its birth, and by its will or farewell.
#[derive(Clone)]
struct Presence {
    topic: String,
    online: String,
    offline: String,
}

impl Presence {
    /// Of the daemon, or of a Sparkplug host, whose will and birth carry the same moment.
    fn of(seat: &Seat, host: Option<&str>) -> Self {
        match host {
            None => Self {
                topic: topic::daemon(&client_id(&seat.collector)),
                online: r#"{"state":"online"}"#.into(),
                offline: r#"{"state":"offline"}"#.into(),
            },
            Some(host) => {
                let at = seat.clock.wall();
                Self {
                    topic: sparkplug::state_topic(host),
                    online: sparkplug::state(true, at),
                    offline: sparkplug::state(false, at),
                }
            }
        }
    }
}

/// The task that keeps the connection.
pub(super) struct Connection {
    seat: Seat,
    /// Where [`Publisher`](super::publisher::Publisher) finds the client while the connection stands.
    current: Current,
    standing: Standing,
    /// The Sparkplug host it speaks for, if it does.
    host: Option<String>,
    /// What the broker last said it dropped.
    dropped: Option<u64>,
}

/// The client of the connection that stands, if one does.
pub(super) type Current = Arc<Mutex<Option<AsyncClient>>>;

impl Connection {
    /// A connection that shows its client in `current` while it stands.
    pub(super) fn new(seat: Seat, current: Current, host: Option<String>) -> Self {
        Self { seat, current, standing: Standing::default(), host, dropped: None }
    }

    /// Connects, and again after every loss, until told to stop.
    pub(super) async fn run(mut self) {
        let cancel = self.seat.cancel.clone();
        let mut backoff = Backoff::default();
        loop {
            let began = self.seat.clock.at();
            let Err(reason) = self.connection().await else { break };
            self.standing.down(&self.seat, &reason);
            tokio::select! {
                () = cancel.cancelled() => break,
                () = sleep(backoff.after(began, &self.seat.clock)) => {}
            }
        }
        self.standing.stopped(&self.seat);
    }

    /// One connection. Ends well only when told to stop.
    async fn connection(&mut self) -> Result<(), String> {
        let presence = Presence::of(&self.seat, self.host.as_deref());
        let (client, mut eventloop, held) = self.open(&presence)?;
        let cancel = self.seat.cancel.clone();
        let outcome = loop {
            let event = tokio::select! {
                biased;
                () = cancel.cancelled() => break Ok(()),
                event = eventloop.poll() => event,
            };
            match event {
                Ok(event) => self.see(&client, event, &presence),
                Err(error) => break Err(error.to_string()),
            }
        };
        self.current.lock().take();
        if outcome.is_ok() {
            timeout(FAREWELL_MAX, farewell(&presence, &client, &mut eventloop, &held)).await.ok();
        }
        outcome
    }

    fn open(&self, presence: &Presence) -> Result<(AsyncClient, EventLoop, Held), String> {
        let client_id = client_id(&self.seat.collector);
        let (mut options, held) = self.seat.connector.options(&client_id);
        options.set_clean_start(true);
        options.set_max_request_batch(QUEUE_LEN);
        options.set_last_will(LastWill::new(
            presence.topic.as_str(),
            presence.offline.clone(),
            QoS::AtLeastOnce,
            true,
            None,
        ));
        let (client, eventloop) = AsyncClient::builder(options)
            .capacity(QUEUE_LEN)
            .try_build()
            .map_err(|error| error.to_string())?;
        Ok((client, eventloop, held))
    }

    fn see(&mut self, client: &AsyncClient, event: PollEvent, presence: &Presence) {
        match event {
            PollEvent::Incoming(Packet::ConnAck(_)) => self.connected(client, presence),
            // The will of a connection before this one may come late: nodes must not believe it.
            PollEvent::Incoming(Packet::Publish(publish))
                if self.host.is_some()
                    && publish.topic == presence.topic.as_bytes()
                    && publish.payload.windows(5).any(|word| word == b"false") =>
            {
                self.say_online(client, presence);
            }
            PollEvent::Incoming(Packet::Publish(publish))
                if publish.topic == topic::DROPPED.as_bytes() =>
            {
                self.count_dropped(&publish.payload);
            }
            PollEvent::Incoming(Packet::Publish(publish))
                if publish.topic == topic::VERSION.as_bytes() =>
            {
                let version = String::from_utf8_lossy(&publish.payload).into_owned();
                self.seat.tell(Happening::Version { version });
            }
            _ => {}
        }
    }

    fn connected(&mut self, client: &AsyncClient, presence: &Presence) {
        let own = [topic::DROPPED, topic::VERSION];
        let own = own.into_iter().map(|filter| SubscribeFilterInput::new(filter, QoS::AtMostOnce));
        let mut subscribed = client.try_subscribe_many(own);
        if self.host.is_some() {
            // Before the birth, as the specification wants it.
            let own = client.try_subscribe(presence.topic.as_str(), QoS::AtLeastOnce);
            subscribed = subscribed.and(own);
        }
        if let Err(error) = subscribed {
            tracing::error!(collector = %self.seat.collector, %error, "the broker's own words are not heard");
        }
        self.say_online(client, presence);
        self.dropped = None; // the broker may have restarted, and counts from nothing then
        *self.current.lock() = Some(client.clone());
        self.standing.up(&self.seat, false);
    }

    fn say_online(&self, client: &AsyncClient, presence: &Presence) {
        let birth = PublishOptions::at_least_once().retained();
        if let Err(error) =
            client.try_publish(presence.topic.as_str(), presence.online.clone(), birth)
        {
            tracing::error!(collector = %self.seat.collector, %error, "the daemon's status is not published");
        }
    }

    /// The broker's own count since its start; told when it grows.
    fn count_dropped(&mut self, payload: &[u8]) {
        let Some(total) =
            std::str::from_utf8(payload).ok().and_then(|text| text.trim().parse::<u64>().ok())
        else {
            return;
        };
        let gauge = self.seat.metrics.broker_dropped.with_label_values(&[&*self.seat.collector]);
        gauge.set(i64::try_from(total).unwrap_or(i64::MAX));
        let more = total.saturating_sub(self.dropped.replace(total).unwrap_or(total));
        if more > 0 {
            tracing::error!(collector = %self.seat.collector, more, total, "the broker drops messages; raise its max_queued_messages");
            self.seat.tell(Happening::BrokerDropped { more, total });
        }
    }
}

fn client_id(collector: &str) -> String {
    format!("{collector}-publisher")
}

/// Says that we go, which a regular DISCONNECT keeps the will from doing.
async fn farewell(
    presence: &Presence,
    client: &AsyncClient,
    eventloop: &mut EventLoop,
    held: &Held,
) {
    held.release();
    let last = PublishOptions::at_least_once().retained();
    let told = client.try_publish_tracked(presence.topic.as_str(), presence.offline.clone(), last);
    let Ok(notice) = told else { return }; // the will says it
    let mut confirmed = pin!(notice.wait_async());
    loop {
        tokio::select! {
            _ = &mut confirmed => break,
            event = eventloop.poll() => if event.is_err() { return },
        }
    }
    if client.try_disconnect().is_ok() {
        while eventloop.poll().await.is_ok() {}
    }
}
