//! The listener: so many connections and no more, not all of them to one, and none that stands still.

use std::future::Future;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use prometheus::IntCounter;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Sleep, sleep};
use tokio_rustls::server::TlsStream;
use tokio_rustls::{Accept, TlsAcceptor};

use super::shares::{Share, Shares};
use super::throttle::whole;

/// How many connections are open at once; further ones wait in the system's queue.
const CONNECTIONS_MAX: usize = 1_024;

/// Of the last so many, one address may have none beyond as many. A proxy of ours may: it speaks for many.
const CONNECTIONS_SPARE: usize = CONNECTIONS_MAX / 4;

/// How long a connection may go without a byte either way. Live events beat more often.
const STILL_MAX: Duration = Duration::from_secs(60);

/// How long to wait when the system has no descriptor left for another connection.
const ACCEPT_AGAIN: Duration = Duration::from_millis(500);

pub(super) struct Door {
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    places: Arc<Semaphore>,
    shares: Shares<IpAddr>,
    spare: usize,
    proxies: Vec<IpAddr>,
    refused: IntCounter,
    still_max: Duration,
}

impl Door {
    /// A listener that speaks TLS, if it is given with what. Counts whom it refuses.
    pub(super) fn new(
        listener: TcpListener,
        tls: Option<TlsAcceptor>,
        proxies: &[IpAddr],
        refused: IntCounter,
    ) -> Self {
        Self {
            listener,
            tls,
            places: Arc::new(Semaphore::new(CONNECTIONS_MAX)),
            shares: Shares::new(CONNECTIONS_SPARE),
            spare: CONNECTIONS_SPARE,
            proxies: proxies.to_vec(),
            refused,
            still_max: STILL_MAX,
        }
    }

    /// The share of whoever is at the other end; `None` if they hold theirs already and few places are left.
    fn share(&self, peer: IpAddr) -> Option<Option<Share<IpAddr>>> {
        if self.proxies.contains(&peer.to_canonical()) {
            return Some(None);
        }
        let few_left = self.places.available_permits() < self.spare;
        self.shares.take(whole(peer), few_left).map(Some)
    }
}

impl axum::serve::Listener for Door {
    type Io = Connection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Connection, SocketAddr) {
        let place =
            self.places.clone().acquire_owned().await.expect("the semaphore is never closed");
        loop {
            match self.listener.accept().await {
                Ok((stream, peer)) => {
                    let Some(share) = self.share(peer.ip()) else {
                        self.refused.inc();
                        continue;
                    };
                    stream.set_nodelay(true).ok();
                    let stream = match &self.tls {
                        None => Stream::Plain(stream),
                        Some(tls) => Stream::Greeting(Box::new(tls.accept(stream))),
                    };
                    let place = (place, share);
                    return (Connection::new(stream, self.still_max, place), peer);
                }
                Err(error) if of_the_client(&error) => {}
                Err(error) => {
                    tracing::warn!(%error, "the board cannot take a connection");
                    sleep(ACCEPT_AGAIN).await;
                }
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

fn of_the_client(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::ConnectionRefused | ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset
    )
}

/// What bytes go over. The greeting of TLS is part of the connection, so that it holds up no other.
enum Stream {
    Plain(TcpStream),
    Greeting(Box<Accept<TcpStream>>),
    Sealed(Box<TlsStream<TcpStream>>),
}

impl Stream {
    /// Waits for the greeting, where there is one, and goes on with what it came to.
    fn poll_with<T>(
        &mut self,
        context: &mut Context<'_>,
        work: impl FnOnce(Pin<&mut dyn Both>, &mut Context<'_>) -> Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if let Self::Greeting(greeting) = self {
            let sealed = ready!(Pin::new(greeting.as_mut()).poll(context))?;
            *self = Self::Sealed(Box::new(sealed));
        }
        match self {
            Self::Plain(stream) => {
                let stream: Pin<&mut TcpStream> = Pin::new(stream);
                work(stream, context)
            }
            Self::Sealed(stream) => {
                let stream: Pin<&mut TlsStream<TcpStream>> = Pin::new(stream.as_mut());
                work(stream, context)
            }
            Self::Greeting(_) => Poll::Pending, // never: it ended above
        }
    }
}

/// Read from and written to.
trait Both: AsyncRead + AsyncWrite {}

impl<T: AsyncRead + AsyncWrite> Both for T {}

/// A connection that ends when nothing moves on it for [`STILL_MAX`]: a client that sends half a request, or takes
/// no more of an answer, holds its place no longer than that.
pub(super) struct Connection {
    stream: Stream,
    still: Pin<Box<Sleep>>,
    still_max: Duration,
    _place: Place,
}

/// A place among all, and one of the share of its address.
type Place = (OwnedSemaphorePermit, Option<Share<IpAddr>>);

impl Connection {
    fn new(stream: Stream, still_max: Duration, place: Place) -> Self {
        Self { stream, still: Box::pin(sleep(still_max)), still_max, _place: place }
    }

    /// What came of a read or write: a move sets the time back, none in time ends the connection.
    fn moved<T>(
        &mut self,
        context: &mut Context<'_>,
        result: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if result.is_ready() {
            self.still = Box::pin(sleep(self.still_max));
            return result;
        }
        ready!(self.still.as_mut().poll(context));
        Poll::Ready(Err(ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let result =
            self.stream.poll_with(context, |stream, context| stream.poll_read(context, buffer));
        self.moved(context, result)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let result =
            self.stream.poll_with(context, |stream, context| stream.poll_write(context, bytes));
        self.moved(context, result)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = self
            .stream
            .poll_with(context, |stream, context| stream.poll_write_vectored(context, parts));
        self.moved(context, result)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream.poll_with(context, |stream, context| stream.poll_flush(context))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream.poll_with(context, |stream, context| stream.poll_shutdown(context))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::serve::Listener;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::time::timeout;

    const DUE: Duration = Duration::from_secs(20);

    async fn door(places: usize, still_max: Duration) -> (Door, SocketAddr) {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let refused = IntCounter::new("refused", "refused").unwrap();
        let door = Door::new(listener, None, &[], refused);
        (Door { places: Arc::new(Semaphore::new(places)), still_max, ..door }, address)
    }

    #[tokio::test]
    async fn who_stands_still_is_let_go() {
        let (mut door, address) = door(1, Duration::from_millis(50)).await;
        let mut client = TcpStream::connect(address).await.unwrap();
        client.write_all(b"GET / HT").await.unwrap();
        let (mut connection, _) = door.accept().await;
        let mut half = [0; 8];
        connection.read_exact(&mut half).await.unwrap();
        let error = timeout(DUE, connection.read_u8()).await.expect("it ends").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        let answer = vec![0; 64 << 20];
        let error =
            timeout(DUE, connection.write_all(&answer)).await.expect("it ends").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut, "nobody takes the answer");
    }

    #[tokio::test]
    async fn when_all_places_are_taken_the_next_waits_for_one() {
        let (mut door, address) = door(1, STILL_MAX).await;
        let _clients = [
            TcpStream::connect(address).await.unwrap(),
            TcpStream::connect(address).await.unwrap(),
        ];
        let (first, _) = door.accept().await;
        assert!(futures_util::FutureExt::now_or_never(door.accept()).is_none());
        drop(first);
        timeout(DUE, door.accept()).await.expect("a place is free");
    }

    #[tokio::test]
    async fn one_address_leaves_places_for_others_unless_it_is_a_proxy() {
        for (proxies, refused) in [(&[][..], 1), (&["127.0.0.1".parse().unwrap()], 0)] {
            let (door, address) = door(4, STILL_MAX).await;
            let mut door =
                Door { shares: Shares::new(1), spare: 3, proxies: proxies.to_vec(), ..door };
            let _first = TcpStream::connect(address).await.unwrap();
            let first = door.accept().await;
            let mut second = TcpStream::connect(address).await.unwrap();
            let accepted = futures_util::FutureExt::now_or_never(door.accept());
            assert_eq!((accepted.is_none(), door.refused.get()), (refused == 1, refused));
            if refused == 1 {
                let ended = timeout(DUE, second.read(&mut [0])).await.expect("it ends");
                assert!(matches!(ended, Ok(0) | Err(_)), "{ended:?}");
            }
            drop((first, accepted));
        }
    }
}
