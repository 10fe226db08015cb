//! A small MQTT 5 client that shows every byte: what was sent, and which of it was acknowledged.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

const CONNECT: u8 = 0x10;
const CONNACK: u8 = 2;
const PUBLISH_QOS_1: u8 = 0x32;
const PUBACK: u8 = 4;
const RETAIN: u8 = 1;

/// How long an answer may take.
const ANSWER_MAX: Duration = Duration::from_secs(30);

/// A connection.
pub struct Link {
    stream: TcpStream,
    received: Vec<u8>,
    next_id: u16,
}

/// A packet that came: its type and what follows its length.
pub struct Packet {
    /// 4 for PUBACK.
    pub kind: u8,
    /// The rest.
    pub body: Vec<u8>,
}

impl Link {
    /// Connects with a clean start.
    pub async fn connect(port: u16, client_id: &str) -> io::Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port)).await?;
        stream.set_nodelay(true)?;
        let mut link = Self { stream, received: Vec::new(), next_id: 0 };
        let mut body = Vec::new();
        put_text(&mut body, b"MQTT");
        body.extend([5, 2, 0, 60, 0]); // version, clean start, keep alive, no properties
        put_text(&mut body, client_id.as_bytes());
        link.stream.write_all(&packet(CONNECT, &body)).await?;
        let answer = link.answer().await?;
        match (answer.kind, answer.body.get(1)) {
            (CONNACK, Some(0)) => Ok(link),
            (kind, reason) => {
                Err(io::Error::other(format!("answer {kind} to CONNECT, reason {reason:?}")))
            }
        }
    }

    /// Publishes with QoS 1 and waits for the answer. An acknowledgement with a reason of failure is an error.
    pub async fn publish(&mut self, topic: &str, payload: &[u8]) -> io::Result<()> {
        self.publish_bytes(topic.as_bytes(), payload, false).await
    }

    /// The same with any bytes as topic, retained or not.
    pub async fn publish_bytes(
        &mut self,
        topic: &[u8],
        payload: &[u8],
        retain: bool,
    ) -> io::Result<()> {
        let id = self.next_id();
        self.send(topic, payload, retain, id).await?;
        loop {
            if let Some(acknowledged) = puback(&self.answer().await?)?
                && acknowledged == id
            {
                return Ok(());
            }
        }
    }

    /// A packet id that is not in use.
    pub fn next_id(&mut self) -> u16 {
        self.next_id = self.next_id % u16::MAX + 1;
        self.next_id
    }

    /// Writes a PUBLISH of QoS 1.
    pub async fn send(
        &mut self,
        topic: &[u8],
        payload: &[u8],
        retain: bool,
        id: u16,
    ) -> io::Result<()> {
        let mut body = Vec::with_capacity(topic.len() + payload.len() + 8);
        put_text(&mut body, topic);
        body.extend(id.to_be_bytes());
        body.push(0); // no properties
        body.extend_from_slice(payload);
        let flags = PUBLISH_QOS_1 | if retain { RETAIN } else { 0 };
        self.stream.write_all(&packet(flags, &body)).await
    }

    /// The next packet, in time.
    async fn answer(&mut self) -> io::Result<Packet> {
        timeout(ANSWER_MAX, self.packet())
            .await
            .map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
    }

    /// The next packet. Dropping the future loses nothing.
    pub async fn packet(&mut self) -> io::Result<Packet> {
        loop {
            if let Some(packet) = self.split() {
                return Ok(packet);
            }
            if self.stream.read_buf(&mut self.received).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    fn split(&mut self) -> Option<Packet> {
        let (mut len, mut at) = (0_usize, 1);
        loop {
            let byte = *self.received.get(at)?;
            len |= usize::from(byte & 0x7f) << (7 * (at - 1));
            at += 1;
            if byte & 0x80 == 0 {
                break;
            }
        }
        if self.received.len() < at + len {
            return None;
        }
        let kind = self.received[0] >> 4;
        let rest = self.received.split_off(at + len);
        let body = std::mem::replace(&mut self.received, rest).split_off(at);
        Some(Packet { kind, body })
    }
}

/// Which message a packet acknowledges, if it does.
pub fn puback(packet: &Packet) -> io::Result<Option<u16>> {
    if packet.kind != PUBACK || packet.body.len() < 2 {
        return Ok(None);
    }
    match packet.body.get(2) {
        // 0x10: nobody subscribes to it
        None | Some(0 | 0x10) => Ok(Some(u16::from_be_bytes([packet.body[0], packet.body[1]]))),
        Some(reason) => Err(io::Error::other(format!("PUBACK with reason {reason:#x}"))),
    }
}

fn put_text(into: &mut Vec<u8>, text: &[u8]) {
    into.extend(u16::try_from(text.len()).unwrap().to_be_bytes());
    into.extend_from_slice(text);
}

fn packet(first: u8, body: &[u8]) -> Vec<u8> {
    let mut packet = vec![first];
    let mut len = body.len();
    loop {
        let byte = (len & 0x7f) as u8;
        len >>= 7;
        packet.push(if len > 0 { byte | 0x80 } else { byte });
        if len == 0 {
            break;
        }
    }
    packet.extend_from_slice(body);
    packet
}
