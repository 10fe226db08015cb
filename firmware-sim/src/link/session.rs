//! One MQTT 5 connection: kept up by a task of its own, spoken to through a client and a bounded queue.
//!
//! The task that polls never waits for the client's own queue, or both would wait for ever.

use std::str::FromStr;
use std::time::Duration;
use std::{fmt, io};

use rumqttc::{
    AsyncClient, Event, EventLoop, LastWill, MqttOptions, NetworkOptions, Packet, Publish, QoS,
    Transport,
};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::link::tls::Tls;
use crate::random::Random;

/// Received messages that wait to be read; more are dropped, as a small device would.
const INCOMING_LEN_MAX: usize = 256;
/// Windows of messages that may wait in a client: who sends a window again finds room behind what was there before.
const QUEUES: usize = 4;
/// The largest message a station takes.
pub(crate) const PACKET_SIZE_MAX: u32 = 64 * 1024;
/// How long a broker waits for a word of ours, half as long again.
pub(crate) const KEEP_ALIVE: Duration = Duration::from_secs(30);
/// First and longest wait before another try to connect.
const RETRY_DELAY: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(30));
/// How long a polite end may take.
pub(crate) const CLOSE_GRACE: Duration = Duration::from_secs(2);

/// Where a broker is and who we are to it: `mqtt://[user:password@]host[:port]`, or `mqtts://…` over TLS. The password
/// is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Address {
    host: String,
    port: u16,
    user: Option<(String, String)>,
    is_tls: bool,
    tls: Tls,
}

/// A way to a broker, over TLS or not.
pub(crate) type Stream = Box<dyn Both>;

/// Bytes both ways.
pub(crate) trait Both: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Both for T {}

/// A text that is not a broker's address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "not a broker: {problem}; write mqtt://host:1883, mqtt://user:password@host:1883 or mqtts://host:8883"
)]
pub struct NotAnAddress {
    problem: &'static str,
}

impl Address {
    /// A broker without sign-in.
    pub fn new(host: &str, port: u16) -> Self {
        Self { host: host.into(), port, user: None, is_tls: false, tls: Tls::default() }
    }

    /// The same broker over TLS, with what that needs.
    #[must_use]
    pub fn with_tls(self, tls: Tls) -> Self {
        Self { is_tls: true, tls, ..self }
    }

    /// Whether what is said there is said over TLS.
    pub fn is_tls(&self) -> bool {
        self.is_tls
    }

    /// Who we are there, and the password.
    pub(crate) fn user(&self) -> Option<(&str, &str)> {
        self.user.as_ref().map(|(name, word)| (name.as_str(), word.as_str()))
    }

    /// Opens a way to the broker for `client_id`.
    pub(crate) async fn dial(&self, client_id: &str) -> io::Result<Stream> {
        let tcp = TcpStream::connect((self.host.as_str(), self.port)).await?;
        tcp.set_nodelay(true)?;
        if self.is_tls {
            return Ok(Box::new(self.tls.over(tcp, &self.host, client_id).await?));
        }
        Ok(Box::new(tcp))
    }

    /// The same broker as a named user.
    #[must_use]
    pub fn with_user(mut self, name: &str, password: &str) -> Self {
        self.user = Some((name.into(), password.into()));
        self
    }
}

impl FromStr for Address {
    type Err = NotAnAddress;

    fn from_str(text: &str) -> Result<Self, NotAnAddress> {
        let problem = |problem| NotAnAddress { problem };
        let (rest, is_tls) = match (text.strip_prefix("mqtt://"), text.strip_prefix("mqtts://")) {
            (Some(rest), _) => (rest, false),
            (None, Some(rest)) => (rest, true),
            (None, None) => return Err(problem("it must begin with mqtt:// or mqtts://")),
        };
        let (user, place) = match rest.rsplit_once('@') {
            Some((user, place)) => (Some(user), place),
            None => (None, rest),
        };
        let place = place.trim_end_matches('/');
        let (host, port) = match place.rsplit_once(':') {
            Some((host, port)) => {
                (host, port.parse().map_err(|_| problem("the port is not 1 to 65535"))?)
            }
            None => (place, if is_tls { 8883 } else { 1883 }),
        };
        if host.is_empty() || host.contains('/') {
            return Err(problem("the host is missing or holds a path"));
        }
        let user = user.map(|user| user.split_once(':').unwrap_or((user, "")));
        Ok(Self {
            host: host.into(),
            port,
            user: user.map(|(name, word)| (name.into(), word.into())),
            is_tls,
            tls: Tls::default(),
        })
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "mqtt{}://{}{}:{}",
            if self.is_tls { "s" } else { "" },
            if self.user.is_some() { "…@" } else { "" },
            self.host,
            self.port
        )
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// What a connection tells its owner.
#[derive(Debug)]
pub(crate) enum Heard {
    /// It is up, for the first time or again: subscribe now. The number is that of its will.
    Connected(u64),
    /// It is down, and tried again.
    Away,
    /// Somebody sent something.
    Message(Box<Publish>),
}

/// What a broker says of us once we are gone.
pub(crate) struct Will {
    pub topic: String,
    /// Its bytes in the connection of this number, counted from 0.
    pub payload: Box<dyn Fn(u64) -> Vec<u8> + Send>,
    pub retain: bool,
}

impl Will {
    /// The same bytes in every connection, kept by the broker.
    pub fn retained(topic: String, payload: Vec<u8>) -> Self {
        Self { topic, payload: Box::new(move |_| payload.clone()), retain: true }
    }

    /// What stands in the hello of the connection of this number.
    pub(crate) fn of(&self, connection: u64) -> LastWill {
        let payload = (self.payload)(connection);
        LastWill::new(self.topic.clone(), payload, QoS::AtLeastOnce, self.retain, None)
    }
}

/// A connection and the task that keeps it up.
pub(crate) struct Session {
    /// To publish and subscribe.
    pub client: AsyncClient,
    /// What comes in.
    pub incoming: mpsc::Receiver<Heard>,
    poller: JoinHandle<()>,
}

impl Session {
    /// Begins to connect, and goes on until stopped. `window` bounds what is on its way unacknowledged.
    pub fn open(
        address: &Address,
        client_id: &str,
        will: Option<Will>,
        window: u16,
        stop: CancellationToken,
    ) -> Self {
        let mut options = options(address, client_id, window);
        if let Some(will) = &will {
            options.set_last_will(will.of(0));
        }
        let (client, eventloop) =
            AsyncClient::builder(options).capacity(QUEUES * usize::from(window)).build();
        let (heard, incoming) = mpsc::channel(INCOMING_LEN_MAX);
        let retry = Retry::new(client_id);
        let poller = tokio::spawn(async move {
            tokio::select! {
                () = stop.cancelled() => (),
                () = poll(eventloop, heard, retry, will) => (),
            }
        });
        Self { client, incoming, poller }
    }

    /// Says good-bye, so that the broker does not publish the will, and waits a little for it to be said.
    pub async fn close(self) {
        self.client.disconnect_with_timeout(CLOSE_GRACE).await.ok();
        let stopper = self.poller.abort_handle();
        if tokio::time::timeout(CLOSE_GRACE, self.poller).await.is_err() {
            stopper.abort();
        }
    }
}

/// Options all our connections share: clean start, small packets, no waiting for more to send.
pub(crate) fn options(address: &Address, client_id: &str, window: u16) -> MqttOptions {
    let mut options = MqttOptions::new(client_id, (address.host.clone(), address.port));
    let mut network = NetworkOptions::new();
    network.set_tcp_nodelay(true);
    options.set_network_options(network);
    options.set_keep_alive(KEEP_ALIVE.as_secs() as u16);
    options.set_clean_start(true);
    options.set_max_packet_size(Some(PACKET_SIZE_MAX));
    options.set_outgoing_inflight_upper_limit(window);
    options.set_max_request_batch(usize::from(window));
    if let Some((name, password)) = &address.user {
        options.set_credentials(name.clone(), password.clone());
    }
    if address.is_tls {
        options.set_transport(Transport::tls_with_config(address.tls.configuration(client_id)));
    }
    options
}

async fn poll(
    mut eventloop: EventLoop,
    heard: mpsc::Sender<Heard>,
    mut retry: Retry,
    will: Option<Will>,
) {
    let mut connection = 0;
    // whether it is up or away is told once there is room: who does not know waits for ever
    let mut owed = None;
    loop {
        if let Some(state) = owed.take()
            && let Err(TrySendError::Full(state)) = heard.try_send(state)
        {
            owed = Some(state);
        }
        match eventloop.poll().await {
            Ok(Event::Incoming(Packet::ConnAck(_))) => {
                retry.reset();
                owed = Some(Heard::Connected(connection));
            }
            Ok(Event::Incoming(Packet::Publish(publish))) => {
                if heard.try_send(Heard::Message(Box::new(publish))).is_err() {
                    tracing::warn!("message to a simulated station dropped: its queue is full");
                }
            }
            Ok(_) => (),
            Err(rumqttc::ConnectionError::RequestsDone) => return,
            Err(error) => {
                let delay = retry.next_delay();
                tracing::debug!(%error, ?delay, "broker not reachable");
                heard.try_send(Heard::Away).ok();
                (owed, connection) = (None, connection + 1);
                if let Some(will) = &will {
                    eventloop.options.set_last_will(will.of(connection));
                }
                tokio::time::sleep(delay).await;
            }
        }
    }
}

/// Waits that double up to a limit, each a little different so that devices do not return as one.
pub(crate) struct Retry {
    failures: u32,
    random: Random,
}

impl Retry {
    pub(crate) fn new(name: &str) -> Self {
        Self { failures: 0, random: Random::new(0, name) }
    }

    pub(crate) fn reset(&mut self) {
        self.failures = 0;
    }

    pub(crate) fn next_delay(&mut self) -> Duration {
        let (first, longest) = RETRY_DELAY;
        let delay = first.saturating_mul(1 << self.failures.min(10)).min(longest);
        self.failures = self.failures.saturating_add(1);
        delay.mul_f64(self.random.between(0.5, 1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_keep_their_password_to_themselves() {
        assert_eq!("mqtt://127.0.0.1:1884".parse(), Ok(Address::new("127.0.0.1", 1884)));
        assert_eq!("mqtt://localhost".parse(), Ok(Address::new("localhost", 1883)));
        let signed_in: Address = "mqtt://gate:se@cret@broker:1/".parse().unwrap();
        assert_eq!(signed_in, Address::new("broker", 1).with_user("gate", "se@cret"));
        assert_eq!(format!("{signed_in:?} {signed_in}"), "mqtt://…@broker:1 mqtt://…@broker:1");
        let over_tls: Address = "mqtts://broker".parse().unwrap();
        assert_eq!(over_tls.to_string(), "mqtts://broker:8883");
        for bad in
            ["broker:1883", "amqp://broker", "mqtt://", "mqtt://a:b", "mqtt://a/b", "mqtts://:1"]
        {
            assert!(bad.parse::<Address>().is_err(), "{bad}");
        }
    }

    #[test]
    fn waits_grow_to_the_limit_and_start_over() {
        let mut retry = Retry::new("test");
        let delays: Vec<Duration> = (0..20).map(|_| retry.next_delay()).collect();
        assert!(delays[0] <= RETRY_DELAY.0 && delays[0] >= RETRY_DELAY.0 / 2);
        assert!(delays[8..].iter().all(|d| *d >= RETRY_DELAY.1 / 2 && *d <= RETRY_DELAY.1));
        retry.reset();
        assert!(retry.next_delay() <= RETRY_DELAY.0);
    }
}
