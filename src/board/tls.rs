//! TLS by certificate files, read anew on SIGHUP: a certificate that was renewed is shown to the next who comes.

use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio_rustls::TlsAcceptor;

use crate::config::{SecretError, Tls, resolve_secret};

/// Why the board cannot speak TLS.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The certificate's file cannot be read.
    #[error("cannot read the board's certificate {path}; check that it is there, in PEM")]
    Certificate {
        /// The file.
        path: PathBuf,
        /// What was wrong with it.
        source: rustls::pki_types::pem::Error,
    },
    /// There is no certificate in the file.
    #[error(
        "{0} holds no certificate; put the board's own first, then those that lead to its authority"
    )]
    Empty(PathBuf),
    /// The key is not where it should be.
    #[error("the key of the board's certificate")]
    Secret(#[from] SecretError),
    /// The key is no key.
    #[error("the key of the board's certificate is no private key in PEM")]
    Key(#[source] rustls::pki_types::pem::Error),
    /// The key is of no use.
    #[error("the key of the board's certificate cannot be used, or belongs to another certificate")]
    Useless(#[from] rustls::Error),
}

/// The board's certificate, shared with whoever renews it.
#[derive(Clone)]
pub struct Certificate {
    settings: Tls,
    shown: Arc<Shown>,
    acceptor: TlsAcceptor,
}

#[derive(Debug)]
struct Shown(ArcSwap<CertifiedKey>);

impl ResolvesServerCert for Shown {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.load_full())
    }
}

impl Certificate {
    /// Reads certificate and key.
    ///
    /// # Errors
    /// [`TlsError`].
    pub fn load(settings: &Tls) -> Result<Self, TlsError> {
        let shown = Arc::new(Shown(ArcSwap::from_pointee(read(settings)?)));
        let provider = Arc::new(ring::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(shown.clone());
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        let acceptor = TlsAcceptor::from(Arc::new(config));
        Ok(Self { settings: settings.clone(), shown, acceptor })
    }

    /// Reads them again.
    ///
    /// # Errors
    /// [`TlsError`]; then the one before is shown on.
    pub fn renew(&self) -> Result<(), TlsError> {
        self.shown.0.store(Arc::new(read(&self.settings)?));
        Ok(())
    }

    pub(super) const fn acceptor(&self) -> &TlsAcceptor {
        &self.acceptor
    }
}

fn read(settings: &Tls) -> Result<CertifiedKey, TlsError> {
    let path = &settings.certificate;
    let unreadable = |source| TlsError::Certificate { path: path.clone(), source };
    let chain = CertificateDer::pem_file_iter(path).map_err(unreadable)?;
    let chain: Vec<_> = chain.collect::<Result<_, _>>().map_err(unreadable)?;
    if chain.is_empty() {
        return Err(TlsError::Empty(path.clone()));
    }
    let key = resolve_secret(&settings.key)?;
    let key = PrivateKeyDer::from_pem_slice(key.expose().as_bytes()).map_err(TlsError::Key)?;
    let certified = CertifiedKey::new(chain, ring::sign::any_supported_type(&key)?);
    certified.keys_match()?;
    Ok(certified)
}
