//! TLS before the broker: what it takes off the wire goes on to the broker on this machine.
//!
//! A gateway may show a certificate of our own [authority](crate::authority); the book says whose it is and whether it
//! is still good, so that a revoked one is turned away at once, whatever a list of revocations says. Who shows none
//! signs in by password. Clients of other authorities are turned away.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::RwLock;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use crate::authority::fingerprint;
use crate::door::Arrivals;
use crate::gateway::Book;

/// How long a handshake may take.
const HANDSHAKE_MAX: Duration = Duration::from_secs(10);
/// How many shake hands at once; others wait to be accepted.
const HANDSHAKES_MAX: usize = 128;
/// After the system would not give us a connection.
const PAUSE: Duration = Duration::from_millis(200);
/// How often it is looked whether a holder is still let in.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How gateways reach the broker over TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsSettings {
    /// Address and port; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The broker's certificate, PEM, with those between it and the authority.
    pub certificate: PathBuf,
    /// Its key, PEM.
    pub key: PathBuf,
    /// The authority whose certificates gateways may show, PEM; none if they come by password alone.
    pub authority: Option<PathBuf>,
}

/// Reads certificate, key and authority.
///
/// # Errors
/// Which file is wrong, and how.
pub(crate) fn acceptor(settings: &TlsSettings) -> Result<TlsAcceptor, String> {
    let chain = certificates(&settings.certificate)?;
    let named = |path: &Path, what: &dyn std::fmt::Display| format!("{}: {what}", path.display());
    let key = PrivateKeyDer::from_pem_file(&settings.key)
        .map_err(|error| named(&settings.key, &error))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    let builder = match &settings.authority {
        None => builder.with_no_client_auth(),
        Some(path) => {
            let mut roots = RootCertStore::empty();
            for certificate in certificates(path)? {
                roots.add(certificate).map_err(|error| named(path, &error))?;
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
                .allow_unauthenticated()
                .build()
                .map_err(|error| named(path, &error))?;
            builder.with_client_cert_verifier(verifier)
        }
    };
    let config = builder
        .with_single_cert(chain, key)
        .map_err(|error| named(&settings.certificate, &error))?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let named = |what: &dyn std::fmt::Display| format!("{}: {what}", path.display());
    let read = CertificateDer::pem_file_iter(path).map_err(|error| named(&error))?;
    let all: Vec<_> = read.collect::<Result<_, _>>().map_err(|error| named(&error))?;
    if all.is_empty() { Err(named(&"there is no certificate in it")) } else { Ok(all) }
}

/// What connections share.
#[derive(Clone)]
pub(crate) struct Terminal {
    pub acceptor: TlsAcceptor,
    /// Where the broker listens.
    pub broker: SocketAddr,
    pub book: Arc<RwLock<Book>>,
    pub arrivals: Arc<Arrivals>,
    pub cancel: CancellationToken,
}

impl Terminal {
    /// Takes connections until told to stop.
    pub(crate) async fn run(self, listener: TcpListener) {
        let hands = Arc::new(Semaphore::new(HANDSHAKES_MAX));
        loop {
            let Ok(hand) = hands.clone().acquire_owned().await else { return };
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = self.cancel.cancelled() => return,
            };
            match accepted {
                Ok((stream, from)) => {
                    let terminal = self.clone();
                    tokio::spawn(async move { terminal.serve(stream, from, hand).await });
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    sleep(PAUSE).await;
                }
            }
        }
    }

    async fn serve<H>(self, stream: TcpStream, from: SocketAddr, hand: H) {
        stream.set_nodelay(true).ok();
        let shaken = match timeout(HANDSHAKE_MAX, self.acceptor.accept(stream)).await {
            Ok(Ok(shaken)) => shaken,
            Ok(Err(error)) => {
                tracing::info!(%from, %error, "a TLS client was turned away");
                return;
            }
            Err(_) => return,
        };
        drop(hand);
        let shown = shaken.get_ref().1.peer_certificates().and_then(<[_]>::first);
        let holder = match shown {
            None => None,
            Some(certificate) => {
                let print = fingerprint(certificate);
                let Some(holder) = self.book.read().holder(&print).map(str::to_owned) else {
                    tracing::warn!(%from, certificate = print, "a certificate that is revoked, or not in the book, was shown");
                    return;
                };
                Some(holder)
            }
        };
        if let Err(error) = self.pass_on(shaken, holder).await {
            tracing::debug!(%from, %error, "a TLS connection ended");
        }
    }

    async fn pass_on<S>(&self, mut stream: S, holder: Option<String>) -> io::Result<()>
    where
        S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
    {
        let ip = self.broker.ip(); // one of our own
        let socket = if ip.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        socket.set_nodelay(true)?;
        socket.bind((ip, 0).into())?;
        let own = socket.local_addr()?;
        self.arrivals.come(own, holder.clone());
        let passed = async {
            let mut broker = socket.connect(self.broker).await?;
            tokio::select! {
                passed = copy_bidirectional(&mut stream, &mut broker) => passed.map(drop),
                () = self.revoked(holder.as_deref()) => Ok(()),
                () = self.cancel.cancelled() => Ok(()),
            }
        };
        let ended = passed.await;
        self.arrivals.go(own);
        ended
    }

    /// Resolves when the holder of a certificate is let in no more.
    async fn revoked(&self, holder: Option<&str>) {
        let Some(holder) = holder else { return std::future::pending().await };
        while self.book.read().get(holder).is_some_and(|gateway| !gateway.revoked) {
            sleep(LOOK_EVERY).await;
        }
    }
}
