//! A small certificate authority: certificates for gateways and for a broker, and the list of those revoked.
//!
//! It is a folder: `ca.crt`, `ca.key` (its owner's alone), `crl.pem`, and a certificate with its key for each name.
//! Keys are ECDSA P-256. The list is written anew with every revocation and is good for ten years: a broker that found
//! it out of date would let nobody in.

use std::io;
use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DistinguishedName,
    DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose,
    RevokedCertParams, SerialNumber, date_time_ymd,
};
use ring::digest::{SHA256, digest};

use crate::digest::{NoChance, chance};
use crate::file::{write_private, write_public};
use crate::gateway::{Book, Certificate};

/// The name of the authority.
const NAME: &str = "bongsu gateways";

/// How long the authority and its lists are good, years.
const AUTHORITY_YEARS: i32 = 20;
const LIST_YEARS: i32 = 10;

/// How long a certificate is good, years. Somebody has to climb the slope to put in a new one.
const CERTIFICATE_YEARS: i32 = 5;

/// A day: year, month, day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Day(pub i32, pub u8, pub u8);

impl Day {
    fn at(self) -> impl Fn(i32) -> Self {
        // there is a 28th in every month of every year
        move |years| Self(self.0 + years, self.1, self.2.min(28))
    }

    fn text(self) -> String {
        format!("{:04}-{:02}-{:02}", self.0, self.1, self.2)
    }
}

macro_rules! moment {
    ($day:expr) => {{
        let Day(year, month, day) = $day;
        date_time_ymd(year, month, day)
    }};
}

/// Why a certificate could not be made.
#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    /// A file cannot be read or written.
    #[error("cannot read or write {}; check who owns it", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A key that is none, or a name no certificate can have.
    #[error("the certificate cannot be made; is {}/ca.key the key of the authority?", folder.display())]
    Making {
        /// The authority's folder.
        folder: PathBuf,
        /// What is wrong.
        source: rcgen::Error,
    },
    /// No random numbers.
    #[error(transparent)]
    Chance(#[from] NoChance),
}

/// The authority in a folder.
pub struct Authority {
    folder: PathBuf,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    /// The authority of this folder, made if there is none.
    ///
    /// # Errors
    /// [`AuthorityError`].
    pub fn open(folder: &Path, today: Day) -> Result<Self, AuthorityError> {
        let making = |source| AuthorityError::Making { folder: folder.into(), source };
        let path = folder.join("ca.key");
        let (key, is_new) = match std::fs::read_to_string(&path) {
            Ok(text) => (KeyPair::from_pem(&text).map_err(making)?, false),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                (KeyPair::generate().map_err(making)?, true)
            }
            Err(source) => return Err(AuthorityError::File { path, source }),
        };
        let params = authority_params(today);
        if is_new {
            let made = params.self_signed(&key).map_err(making)?;
            file(&path, |path| write_private(path, key.serialize_pem().as_bytes()))?;
            file(&folder.join("ca.crt"), |path| write_public(path, made.pem().as_bytes()))?;
        }
        let authority = Self { folder: folder.into(), issuer: Issuer::new(params, key) };
        if is_new {
            authority.list(&Book::default(), today)?;
        }
        Ok(authority)
    }

    /// A certificate for a gateway: `NAME.crt` and `NAME.key` in the folder.
    ///
    /// # Errors
    /// [`AuthorityError`].
    pub fn certify_gateway(&self, name: &str, today: Day) -> Result<Certificate, AuthorityError> {
        self.certify(name, &[], ExtendedKeyUsagePurpose::ClientAuth, today)
    }

    /// A certificate for a broker under these names and addresses: `NAME.crt` and `NAME.key`, named after the first.
    ///
    /// # Errors
    /// [`AuthorityError`].
    pub fn certify_broker(
        &self,
        hosts: &[String],
        today: Day,
    ) -> Result<Certificate, AuthorityError> {
        let name = hosts.first().map_or("broker", String::as_str);
        self.certify(name, hosts, ExtendedKeyUsagePurpose::ServerAuth, today)
    }

    fn certify(
        &self,
        name: &str,
        hosts: &[String],
        usage: ExtendedKeyUsagePurpose,
        today: Day,
    ) -> Result<Certificate, AuthorityError> {
        let making = |source| AuthorityError::Making { folder: self.folder.clone(), source };
        let mut serial: [u8; 16] = chance()?;
        serial[0] = serial[0] & 0x7f | 0x40; // positive, and always of the same length
        let until = today.at()(CERTIFICATE_YEARS);
        let mut params = CertificateParams::new(hosts).map_err(making)?;
        params.distinguished_name = named(name);
        (params.not_before, params.not_after) = (moment!(today), moment!(until));
        params.serial_number = Some(SerialNumber::from_slice(&serial));
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![usage];
        params.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate().map_err(making)?;
        let made = params.signed_by(&key, &self.issuer).map_err(making)?;
        let place = |end: &str| self.folder.join(format!("{name}.{end}"));
        file(&place("key"), |path| write_private(path, key.serialize_pem().as_bytes()))?;
        file(&place("crt"), |path| write_public(path, made.pem().as_bytes()))?;
        Ok(Certificate {
            serial: hexadecimal(&serial),
            sha256: fingerprint(made.der()),
            until: until.text(),
        })
    }

    /// Writes `crl.pem`: every certificate of the book that was revoked.
    ///
    /// # Errors
    /// [`AuthorityError`].
    pub fn list(&self, book: &Book, today: Day) -> Result<(), AuthorityError> {
        let making = |source| AuthorityError::Making { folder: self.folder.clone(), source };
        let revoked = book.iter().filter(|(_, gateway)| gateway.revoked);
        let revoked = revoked.filter_map(|(_, gateway)| gateway.certificate.as_ref());
        let revoked_certs = revoked
            .map(|certificate| RevokedCertParams {
                serial_number: SerialNumber::from_slice(&bytes_of(&certificate.serial)),
                revocation_time: moment!(today),
                reason_code: None,
                invalidity_date: None,
            })
            .collect();
        let number: [u8; 8] = chance()?;
        let params = CertificateRevocationListParams {
            this_update: moment!(today),
            next_update: moment!(today.at()(LIST_YEARS)),
            crl_number: SerialNumber::from_slice(&number),
            issuing_distribution_point: None,
            revoked_certs,
            key_identifier_method: KeyIdMethod::Sha256,
        };
        let list = params.signed_by(&self.issuer).map_err(making)?;
        let text = list.pem().map_err(making)?;
        file(&self.folder.join("crl.pem"), |path| write_public(path, text.as_bytes()))
    }
}

/// The same every time: what is signed names its issuer by these.
fn authority_params(today: Day) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = named(NAME);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    (params.not_before, params.not_after) = (moment!(today), moment!(today.at()(AUTHORITY_YEARS)));
    params
}

fn named(name: &str) -> DistinguishedName {
    let mut distinguished = DistinguishedName::new();
    distinguished.push(DnType::CommonName, name);
    distinguished
}

fn file(path: &Path, work: impl Fn(&Path) -> io::Result<()>) -> Result<(), AuthorityError> {
    work(path).map_err(|source| AuthorityError::File { path: path.into(), source })
}

/// SHA-256 over a certificate, hexadecimal.
pub(crate) fn fingerprint(certificate: &[u8]) -> String {
    hexadecimal(digest(&SHA256, certificate).as_ref())
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn bytes_of(hexadecimal: &str) -> Vec<u8> {
    let pairs = (0..hexadecimal.len() / 2).map(|at| hexadecimal.get(2 * at..2 * at + 2));
    pairs.filter_map(|pair| u8::from_str_radix(pair?, 16).ok()).collect()
}
