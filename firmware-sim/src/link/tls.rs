//! TLS, and who each station is to the broker: a certificate of its own, as `bongsu gateway add` makes them.
//!
//! A folder holds `ca.crt`, whom we believe, and for each station `{site}--{station}.crt` and `.key`, both PEM. That
//! name is the station's client id as well. Who has no certificate there signs in by name and password, or not at all.

use std::collections::BTreeMap;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{fmt, io};

use reading::{SiteId, StationId};
use rumqttc::TlsConfiguration;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Who a station is to a broker.
pub fn identity(site: &SiteId, station: &StationId) -> String {
    format!("{site}--{station}")
}

/// Whom we believe, and certificates and keys by identity. Keys are never shown.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Tls {
    authority: Arc<Vec<u8>>,
    identities: Arc<BTreeMap<String, Pair>>,
}

/// A certificate and its key.
type Pair = (Vec<u8>, Vec<u8>);

/// A folder of identities that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// No authority.
    #[error("cannot read {}; it is the authority that signed the broker's certificate", path.display())]
    NoAuthority {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A station without a certificate, or with half of one.
    #[error(
        "cannot read {}; make it with `bongsu gateway add {identity} --speaks-for {scope} --certificate`",
        path.display()
    )]
    NoIdentity {
        /// The file.
        path: PathBuf,
        /// Whose.
        identity: String,
        /// For which station.
        scope: String,
        /// What the system says.
        source: io::Error,
    },
}

impl Tls {
    /// Believes the authority in `path`, PEM; nobody has a certificate.
    ///
    /// # Errors
    /// [`TlsError::NoAuthority`].
    pub fn believing(path: &Path) -> Result<Self, TlsError> {
        let authority = std::fs::read(path)
            .map_err(|source| TlsError::NoAuthority { path: path.into(), source })?;
        Ok(Self { authority: Arc::new(authority), identities: Arc::default() })
    }

    /// The same, with the certificates that stand in `folder` for these stations: each must have one.
    ///
    /// # Errors
    /// [`TlsError::NoIdentity`].
    pub fn with_identities<'a>(
        self,
        folder: &Path,
        stations: impl Iterator<Item = (&'a SiteId, &'a StationId)>,
    ) -> Result<Self, TlsError> {
        let mut identities = BTreeMap::new();
        for (site, station) in stations {
            let identity = identity(site, station);
            let read = |end: &str| {
                let path = folder.join(format!("{identity}.{end}"));
                std::fs::read(&path).map_err(|source| TlsError::NoIdentity {
                    path,
                    identity: identity.clone(),
                    scope: format!("{site}/{station}"),
                    source,
                })
            };
            let pair = (read("crt")?, read("key")?);
            identities.insert(identity, pair);
        }
        Ok(Self { identities: Arc::new(identities), ..self })
    }

    /// Speaks TLS over `tcp` with `host`, as `client_id`.
    pub(crate) async fn over(
        &self,
        tcp: TcpStream,
        host: &str,
        client_id: &str,
    ) -> io::Result<TlsStream<TcpStream>> {
        let config = self.client(client_id).map_err(io::Error::other)?;
        let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
        TlsConnector::from(Arc::new(config)).connect(name, tcp).await
    }

    fn client(&self, client_id: &str) -> Result<ClientConfig, Box<dyn Error + Send + Sync>> {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(&self.authority) {
            roots.add(certificate?)?;
        }
        let ring = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(ring)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots);
        let Some((certificates, key)) = self.identities.get(client_id) else {
            return Ok(config.with_no_client_auth());
        };
        let certificates =
            CertificateDer::pem_slice_iter(certificates).collect::<Result<Vec<_>, _>>()?;
        Ok(config.with_client_auth_cert(certificates, PrivateKeyDer::from_pem_slice(key)?)?)
    }

    /// What the connection of `client_id` needs.
    pub(crate) fn configuration(&self, client_id: &str) -> TlsConfiguration {
        TlsConfiguration::Simple {
            ca: self.authority.to_vec(),
            alpn: None,
            client_auth: self.identities.get(client_id).cloned(),
        }
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("identities", &self.identities.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_no_certificate_is_told_how_to_get_one() {
        let folder = tempfile::tempdir().unwrap();
        let (site, station) = ("cut-12".parse().unwrap(), "post-1".parse().unwrap());
        let ca = folder.path().join("ca.crt");
        let error = Tls::believing(&ca).unwrap_err().to_string();
        assert!(error.contains("ca.crt") && error.contains("authority"), "{error}");
        std::fs::write(&ca, "it").unwrap();
        std::fs::write(folder.path().join("cut-12--post-1.crt"), "a certificate").unwrap();
        let with = || {
            let stations = [(&site, &station)].into_iter();
            Tls::believing(&ca).unwrap().with_identities(folder.path(), stations)
        };
        let error = with().unwrap_err().to_string();
        let remedy = "bongsu gateway add cut-12--post-1 --speaks-for cut-12/post-1 --certificate";
        assert!(error.contains("cut-12--post-1.key") && error.contains(remedy), "{error}");
        std::fs::write(folder.path().join("cut-12--post-1.key"), "secret").unwrap();
        let shown = format!("{:?}", with().unwrap());
        assert_eq!(shown, "Tls { identities: 1, .. }");
    }
}
