//! The socket to a broker, which we own under `rumqttc`.
//!
//! Three things it does that a plain stream does not:
//! - it reads what the kernel has in large pieces, so that a backlog costs few calls;
//! - it tells the kernel to acknowledge at once what it read: a broker with Nagle's algorithm on (mosquitto's
//!   default) otherwise waits for our delayed acknowledgement, 40 ms each time;
//! - it holds back what is written until we are about to wait for the broker, so that a hundred PUBACKs leave in
//!   one segment. `rumqttc` flushes after each.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use rumqttc::{MqttOptions, Transport};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::config::{BrokerUrl, MqttConfig};

/// How long a connection may take to stand, from the name to CONNACK.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How much is read from the kernel at once, in bytes.
const INBOX_LEN: usize = 64 << 10;
/// How much is held back before it goes out in any case, in bytes.
const OUTBOX_LEN: usize = 16 << 10;

/// Why no connection can be prepared.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The CA file cannot be read.
    #[error(
        "collector `{collector}`: cannot read ca_file {path}; check the path and the service user's rights"
    )]
    CaFile {
        /// The collector.
        collector: String,
        /// The file.
        path: String,
        /// What the system says.
        source: io::Error,
    },
    /// The machine has no certificate authorities.
    #[error(
        "collector `{collector}`: the machine's certificate authorities cannot be loaded ({reason}); set ca_file"
    )]
    NoAuthorities {
        /// The collector.
        collector: String,
        /// What went wrong.
        reason: String,
    },
}

/// Makes connections to one broker, all alike but for who connects.
#[derive(Clone)]
pub(super) struct Connector {
    url: BrokerUrl,
    transport: Transport,
    credentials: Option<(String, Vec<u8>)>,
    user: Option<String>,
    keep_alive: u16,
    max_packet_size: u32,
}

impl Connector {
    /// Prepares connections as configured; reads the CA file.
    pub(super) fn new(config: &MqttConfig) -> Result<Self, ConnectError> {
        let password = config.password.as_ref().map(|password| password.reveal().to_vec());
        Ok(Self {
            url: config.url.clone(),
            transport: transport(config)?,
            credentials: config.user.clone().zip(password),
            user: config.user.clone(),
            keep_alive: u16::try_from(config.keep_alive.as_secs()).unwrap_or(u16::MAX),
            max_packet_size: config.max_packet_size,
        })
    }

    /// The options every connection starts from, and the lever of its socket.
    pub(super) fn options(&self, client_id: &str) -> (MqttOptions, Held) {
        let held = Held::default();
        let mut options = MqttOptions::new(client_id, (self.url.host.as_str(), self.url.port));
        options.set_transport(self.transport.clone());
        options.set_keep_alive(self.keep_alive);
        options.set_connect_timeout(CONNECT_TIMEOUT);
        options.set_max_packet_size(Some(self.max_packet_size));
        match (&self.credentials, &self.user) {
            (Some((user, password)), _) => {
                _ = options.set_credentials(user.clone(), password.clone())
            }
            (None, Some(user)) => _ = options.set_username(user.clone()),
            (None, None) => {}
        }
        let (url, lever) = (self.url.clone(), held.clone());
        options.set_socket_connector(move |_, _| {
            let (url, held) = (url.clone(), lever.clone());
            async move { BrokerStream::connect(&url, held).await }
        });
        (options, held)
    }
}

fn transport(config: &MqttConfig) -> Result<Transport, ConnectError> {
    if !config.url.tls {
        return Ok(Transport::tcp());
    }
    let collector = || config.name.clone();
    let Some(path) = &config.ca_file else {
        return Transport::try_tls_with_default_config().map_err(|error| {
            ConnectError::NoAuthorities { collector: collector(), reason: error.to_string() }
        });
    };
    let ca = std::fs::read(path).map_err(|source| ConnectError::CaFile {
        collector: collector(),
        path: path.display().to_string(),
        source,
    })?;
    Ok(Transport::tls(ca, None, None))
}

/// Whether a socket holds writes back. Starts holding.
#[derive(Clone, Debug, Default)]
pub(super) struct Held(Arc<AtomicBool>);

impl Held {
    /// From now on a flush sends: for the farewell, after which nobody reads any more.
    pub(super) fn release(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn is_released(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// The stream `rumqttc` speaks over.
pub(super) struct BrokerStream {
    tcp: TcpStream,
    held: Held,
    inbox: Box<[u8]>,
    /// What of `inbox` is not handed on yet.
    unread: std::ops::Range<usize>,
    outbox: Vec<u8>,
    /// How much of `outbox` the kernel has taken.
    sent: usize,
}

impl BrokerStream {
    async fn connect(url: &BrokerUrl, held: Held) -> io::Result<Self> {
        let tcp = TcpStream::connect((url.host.as_str(), url.port)).await?;
        tcp.set_nodelay(true)?;
        Ok(Self {
            tcp,
            held,
            inbox: vec![0; INBOX_LEN].into_boxed_slice(),
            unread: 0..0,
            outbox: Vec::with_capacity(OUTBOX_LEN),
            sent: 0,
        })
    }

    /// Gives the kernel what is held back.
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.sent < self.outbox.len() {
            let taken = ready!(Pin::new(&mut self.tcp).poll_write(cx, &self.outbox[self.sent..]))?;
            if taken == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.sent += taken;
        }
        self.outbox.clear();
        self.sent = 0;
        Poll::Ready(Ok(()))
    }

    /// Takes what the kernel has, as much as fits.
    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut buffer = ReadBuf::new(&mut self.inbox);
        ready!(Pin::new(&mut self.tcp).poll_read(cx, &mut buffer))?;
        self.unread = 0..buffer.filled().len();
        if !self.unread.is_empty() {
            acknowledge_at_once(&self.tcp);
        }
        Poll::Ready(Ok(()))
    }
}

/// The kernel leaves this mode by itself, so it is set again after every read. Only speed hangs on it.
#[cfg(target_os = "linux")]
fn acknowledge_at_once(tcp: &TcpStream) {
    socket2::SockRef::from(tcp).set_tcp_quickack(true).ok();
}

#[cfg(not(target_os = "linux"))]
fn acknowledge_at_once(_: &TcpStream) {}

impl AsyncRead for BrokerStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.unread.is_empty() {
            // We are about to wait for the broker: what it may be waiting for goes first.
            if let Poll::Ready(Err(error)) = this.poll_send(cx) {
                return Poll::Ready(Err(error));
            }
            ready!(this.poll_receive(cx))?;
        }
        let len = this.unread.len().min(out.remaining());
        let start = this.unread.start;
        out.put_slice(&this.inbox[start..start + len]);
        this.unread.start += len;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for BrokerStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.outbox.len() >= OUTBOX_LEN {
            ready!(self.poll_send(cx))?;
        }
        let len = data.len().min(OUTBOX_LEN);
        self.outbox.extend_from_slice(&data[..len]);
        Poll::Ready(Ok(len))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.held.is_released() {
            return Poll::Ready(Ok(())); // goes out with the next read at the latest
        }
        ready!(self.poll_send(cx))?;
        Pin::new(&mut self.tcp).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_send(cx))?;
        Pin::new(&mut self.tcp).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    async fn pair() -> (BrokerStream, TcpStream, Held) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = BrokerUrl {
            host: "127.0.0.1".into(),
            port: listener.local_addr().unwrap().port(),
            tls: false,
        };
        let held = Held::default();
        let (ours, theirs) =
            tokio::join!(BrokerStream::connect(&url, held.clone()), listener.accept());
        (ours.unwrap(), theirs.unwrap().0, held)
    }

    #[tokio::test]
    async fn writes_leave_together_when_we_wait_for_the_broker() {
        let (mut ours, mut theirs, _held) = pair().await;
        for _ in 0..100 {
            ours.write_all(b"ack ").await.unwrap();
            ours.flush().await.unwrap();
        }
        assert_eq!(theirs.try_read(&mut [0; 8]).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        let exchange = async {
            let mut all = [0; 400];
            theirs.read_exact(&mut all).await.unwrap();
            theirs.write_all(b"ok").await.unwrap();
            all
        };
        let mut answer = [0; 2];
        let (read, all) = tokio::join!(ours.read_exact(&mut answer), exchange);
        read.unwrap();
        assert_eq!(&answer, b"ok");
        assert_eq!(all, b"ack ".repeat(100)[..]);
    }

    #[tokio::test]
    async fn the_farewell_leaves_without_a_read() {
        let (mut ours, mut theirs, held) = pair().await;
        ours.write_all(b"ack ").await.unwrap();
        held.release();
        ours.write_all(b"bye").await.unwrap();
        ours.flush().await.unwrap();
        let mut all = [0; 7];
        theirs.read_exact(&mut all).await.unwrap();
        assert_eq!(&all, b"ack bye");
    }

    #[tokio::test]
    async fn every_byte_arrives_in_order_in_both_directions() {
        let (ours, theirs, _held) = pair().await;
        let data: Vec<u8> = (0..1_000_000_u32).map(|i| (i % 251) as u8).collect();
        let (mut our_in, mut our_out) = tokio::io::split(ours);
        let (mut their_in, mut their_out) = theirs.into_split();
        let (up, down) = (data.clone(), data.clone());
        let sent = tokio::spawn(async move {
            our_out.write_all(&up).await.unwrap();
            our_out.shutdown().await.unwrap();
        });
        let answered = tokio::spawn(async move { their_out.write_all(&down).await.unwrap() });
        let (mut got, mut heard) = (Vec::new(), Vec::new());
        tokio::join!(async { their_in.read_to_end(&mut heard).await.unwrap() }, async {
            let mut piece = vec![0; 7_777];
            while got.len() < data.len() {
                let n = our_in.read(&mut piece).await.unwrap();
                got.extend_from_slice(&piece[..n]);
            }
        });
        sent.await.unwrap();
        answered.await.unwrap();
        assert!(got == data && heard == data);
    }
}
