//! One connection to a broker in as little memory as a box has: ten thousand of them stand in one process.
//!
//! Packets are rumqttc's; its client is for a daemon that has one or a few connections. It holds a bit for each of 65 536
//! packet numbers four times over, two buffers of 8 KiB and a second task, 75 KiB for each connection. This one holds what is
//! being read or written and nothing else.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::time::Duration;

use bytes::BytesMut;
use rumqttc::{
    ConnAck, Connect, ConnectAuth, ConnectProperties, ConnectReturnCode, Disconnect,
    DisconnectReasonCode, Packet, PubAck, PubAckReason, Publish, QoS, Subscribe, SubscribeFilter,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::time::{Interval, MissedTickBehavior, Sleep};

use crate::link::session::{Address, KEEP_ALIVE, PACKET_SIZE_MAX, Retry, Stream, Will};
use crate::message::Message;

/// How long a broker may take until it has said that it takes us.
const CONNECT_WITHIN: Duration = Duration::from_secs(20);
/// How often there is something to hear from a broker that is there.
const BEAT: Duration = Duration::from_secs(KEEP_ALIVE.as_secs() / 2);
/// Beats without a word after which it is gone.
const SILENT_MAX: u32 = 4;
/// What is read at a time.
const READ_LEN: usize = 512;
/// Numbers of publications; those above are for subscriptions.
const IDS: u16 = 60_000;

/// What a connection tells its owner.
#[derive(Debug)]
pub(super) enum Said {
    /// It is up, for the first time or again: subscribe now. Nothing of an earlier connection is on its way any more.
    Up,
    /// It is down, or could not come up, and is tried again.
    Away(Broken),
    /// The broker has the publication of this number, or refused it.
    Answered(u16, PubAckReason),
    /// Somebody sent something.
    Message(Publish),
}

/// Why a connection is down.
#[derive(Debug, thiserror::Error)]
pub(super) enum Broken {
    /// The network.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// What came is no MQTT, or what was to go is more than the broker takes.
    #[error("{0}")]
    Packet(#[from] rumqttc::Error),
    /// The broker does not take us.
    #[error("the broker refused the connection: {0:?}")]
    Refused(ConnectReturnCode),
    /// The broker ended it.
    #[error("the broker ended the connection: {0:?}")]
    Ended(DisconnectReasonCode),
}

/// One connection, kept up for ever.
pub(super) struct Line {
    address: Address,
    client_id: String,
    will: Option<Will>,
    window: u16,
    /// How often it was up or tried: the number of its will.
    connection: u64,
    retry: Retry,
    state: State,
    id: u16,
}

type Coming = Pin<Box<dyn Future<Output = Result<Wire, Broken>> + Send>>;

enum State {
    Resting(Pin<Box<Sleep>>),
    Coming(Coming),
    Up(Box<Wire>),
}

/// A connection that is up.
struct Wire {
    reader: ReadHalf<Stream>,
    writer: WriteHalf<Stream>,
    /// Read, and not yet a whole packet.
    came: BytesMut,
    /// To be written.
    goes: BytesMut,
    unflushed: bool,
    beat: Interval,
    /// Beats since something came, and whether something went since the last.
    silent: u32,
    spoke: bool,
    /// What the broker allows: messages on their way, and bytes of a packet.
    window: u16,
    packet_size_max: Option<u32>,
}

impl Line {
    /// A connection that [`next`](Self::next) will bring up. `window` bounds what is on its way.
    pub fn new(address: &Address, client_id: String, will: Option<Will>, window: u16) -> Self {
        let retry = Retry::new(&client_id);
        let state = State::Resting(Box::pin(tokio::time::sleep(Duration::ZERO)));
        Self {
            address: address.clone(),
            client_id,
            will,
            window,
            connection: 0,
            retry,
            state,
            id: 0,
        }
    }

    /// Messages that may be on their way, as the broker and we have it; none while it is down.
    pub fn window(&self) -> usize {
        match &self.state {
            State::Up(wire) => usize::from(wire.window.min(self.window)),
            State::Resting(_) | State::Coming(_) => 0,
        }
    }

    /// What happens next. Dropping this future loses nothing.
    pub async fn next(&mut self) -> Said {
        loop {
            let happened = match &mut self.state {
                State::Resting(rest) => {
                    rest.await;
                    self.state = State::Coming(self.connect());
                    continue;
                }
                State::Coming(coming) => coming.await.map(|wire| {
                    self.state = State::Up(Box::new(wire));
                    self.retry.reset();
                    Some(Said::Up)
                }),
                State::Up(wire) => wire.step().await,
            };
            match happened {
                Ok(Some(said)) => return said,
                Ok(None) => {}
                Err(broken) => {
                    self.connection += 1;
                    let rest = tokio::time::sleep(self.retry.next_delay());
                    self.state = State::Resting(Box::pin(rest));
                    return Said::Away(broken);
                }
            }
        }
    }

    /// Puts a message on its way, QoS 1; its number, or nothing if it is larger than the broker takes.
    ///
    /// Leaves at the next turn of [`next`](Self::next). While the connection is down it goes nowhere: ask
    /// [`window`](Self::window).
    pub fn publish(&mut self, message: &Message) -> Option<u16> {
        self.id = self.id % IDS + 1;
        let mut publish = Publish::new(
            message.topic.as_str(),
            QoS::AtLeastOnce,
            bytes::Bytes::copy_from_slice(&message.payload),
            None,
        );
        (publish.pkid, publish.retain) = (self.id, message.retain);
        self.say(&Packet::Publish(publish)).then_some(self.id)
    }

    /// Asks for what is sent on `filter`.
    pub fn subscribe(&mut self, filter: String, qos: QoS) {
        let mut subscribe = Subscribe::new(SubscribeFilter::new(filter, qos), None);
        // few enough that none is in use twice: they are asked for when a connection comes up
        self.id = self.id % IDS + 1;
        subscribe.pkid = IDS + self.id % (u16::MAX - IDS) + 1;
        self.say(&Packet::Subscribe(subscribe));
    }

    /// Says good-bye, so that the broker does not publish the will.
    pub async fn close(mut self) {
        self.say(&Packet::Disconnect(Disconnect::new(DisconnectReasonCode::NormalDisconnection)));
        let State::Up(mut wire) = self.state else { return };
        while wire.owes() && wire.write().await.is_ok() {}
        wire.writer.shutdown().await.ok();
        // A socket closed over what was not read resets the connection, and the broker may lose the good-bye with it.
        while wire.read().await.is_ok() {
            wire.came.clear();
        }
    }

    fn say(&mut self, packet: &Packet) -> bool {
        let State::Up(wire) = &mut self.state else { return false };
        packet.write(&mut wire.goes, wire.packet_size_max).is_ok()
    }

    fn connect(&self) -> Coming {
        let (address, client_id) = (self.address.clone(), self.client_id.clone());
        let properties =
            ConnectProperties { max_packet_size: Some(PACKET_SIZE_MAX), ..Default::default() };
        let connect = Connect {
            keep_alive: KEEP_ALIVE.as_secs() as u16,
            client_id: client_id.clone(),
            clean_start: true,
            properties: Some(properties),
        };
        let will = self.will.as_ref().map(|will| will.of(self.connection));
        let auth = match address.user() {
            Some((username, password)) => ConnectAuth::UsernamePassword {
                username: username.to_owned(),
                password: password.to_owned().into(),
            },
            None => ConnectAuth::None,
        };
        let hello = Packet::Connect(connect, will, auth);
        Box::pin(async move {
            let coming = async {
                let (reader, writer) = tokio::io::split(address.dial(&client_id).await?);
                Wire::new(reader, writer).greeted(&hello).await
            };
            let late = || io::Error::new(io::ErrorKind::TimedOut, "the broker does not answer");
            tokio::time::timeout(CONNECT_WITHIN, coming).await.map_err(|_| late())?
        })
    }
}

impl Wire {
    fn new(reader: ReadHalf<Stream>, writer: WriteHalf<Stream>) -> Self {
        let mut beat = tokio::time::interval(BEAT);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self {
            reader,
            writer,
            came: BytesMut::new(),
            goes: BytesMut::new(),
            unflushed: false,
            beat,
            silent: 0,
            spoke: true,
            window: u16::MAX,
            packet_size_max: None,
        }
    }

    /// Says who we are, and waits until the broker takes us.
    async fn greeted(mut self, hello: &Packet) -> Result<Self, Broken> {
        hello.write(&mut self.goes, None)?;
        while self.owes() {
            self.write().await?;
        }
        let ConnAck { code, properties, .. } = loop {
            match self.packet()? {
                Some(Packet::ConnAck(answer)) => break answer,
                Some(_) => return Err(rumqttc::Error::ProtocolError.into()),
                None => self.read().await?,
            }
        };
        if code != ConnectReturnCode::Success {
            return Err(Broken::Refused(code));
        }
        if let Some(properties) = properties {
            self.window = properties.receive_max.unwrap_or(u16::MAX);
            self.packet_size_max = properties.max_packet_size;
        }
        Ok(self)
    }

    /// One thing that happens: a packet, or something was read, written or is due.
    async fn step(&mut self) -> Result<Option<Said>, Broken> {
        if let Some(packet) = self.packet()? {
            return self.understand(packet);
        }
        let owes = self.owes();
        let Self { reader, writer, came, goes, unflushed, beat, .. } = self;
        let due = tokio::select! {
            read = read(reader, came) => { read?; self.silent = 0; false }
            written = write(writer, goes, unflushed), if owes => { written?; self.spoke = true; false }
            _ = beat.tick() => true,
        };
        if due {
            self.beat()?;
        }
        Ok(None)
    }

    fn understand(&mut self, packet: Packet) -> Result<Option<Said>, Broken> {
        Ok(match packet {
            Packet::PubAck(PubAck { pkid, reason, .. }) => Some(Said::Answered(pkid, reason)),
            Packet::Publish(publish) => {
                if publish.qos == QoS::AtLeastOnce {
                    PubAck::new(publish.pkid, None).write(&mut self.goes)?;
                }
                Some(Said::Message(publish))
            }
            Packet::Disconnect(end) => return Err(Broken::Ended(end.reason_code)),
            _ => None,
        })
    }

    /// Asks for a word if there was nothing to say; gives up a broker from which nothing came for long.
    fn beat(&mut self) -> Result<(), Broken> {
        self.silent += 1;
        if self.silent > SILENT_MAX {
            return Err(io::Error::new(io::ErrorKind::TimedOut, "the broker is silent").into());
        }
        if !core::mem::take(&mut self.spoke) || self.silent > 1 {
            Packet::PingReq.write(&mut self.goes, None)?;
        }
        Ok(())
    }

    fn packet(&mut self) -> Result<Option<Packet>, Broken> {
        match Packet::read(&mut self.came, Some(PACKET_SIZE_MAX)) {
            Ok(packet) => Ok(Some(packet)),
            Err(rumqttc::Error::InsufficientBytes(_)) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn owes(&self) -> bool {
        !self.goes.is_empty() || self.unflushed
    }

    async fn read(&mut self) -> Result<(), Broken> {
        Ok(read(&mut self.reader, &mut self.came).await?)
    }

    async fn write(&mut self) -> Result<(), Broken> {
        Ok(write(&mut self.writer, &mut self.goes, &mut self.unflushed).await?)
    }
}

/// Reads what there is. Dropping this future loses nothing.
async fn read(reader: &mut ReadHalf<Stream>, came: &mut BytesMut) -> io::Result<()> {
    came.reserve(READ_LEN);
    match reader.read_buf(came).await? {
        0 => Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the broker hung up")),
        _ => Ok(()),
    }
}

/// Writes a part of what is to go, or flushes. Dropping this future loses nothing.
async fn write(
    writer: &mut WriteHalf<Stream>,
    goes: &mut BytesMut,
    unflushed: &mut bool,
) -> io::Result<()> {
    if goes.is_empty() {
        writer.flush().await?;
        *unflushed = false;
        return Ok(());
    }
    *unflushed = true;
    writer.write_buf(goes).await?;
    if goes.is_empty() {
        // a burst is not kept room for
        *goes = BytesMut::new();
    }
    Ok(())
}
