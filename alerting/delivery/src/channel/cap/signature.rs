//! An enveloped XML signature over the bytes served (XML-DSig, exclusive canonicalization), so that a document can
//! be proven ours wherever it was copied to.
//!
//! The canonical form is made for what [`document`](super::document()) writes and nothing else: one namespace,
//! declared at the root; no other attributes, no comments, no processing instructions.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use quick_xml::Reader;
use quick_xml::escape::resolve_xml_entity;
use quick_xml::events::{BytesStart, Event};
use ring::digest::{SHA256, digest};
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};

const DSIG: &str = "http://www.w3.org/2000/09/xmldsig#";
const EXCLUSIVE: &str = "http://www.w3.org/2001/10/xml-exc-c14n#";
const ENVELOPED: &str = "http://www.w3.org/2000/09/xmldsig#enveloped-signature";
const SHA256_NAME: &str = "http://www.w3.org/2001/04/xmlenc#sha256";

/// Why a key cannot sign. Never repeats the key.
#[derive(Debug, thiserror::Error)]
pub enum SignerError {
    /// Not a key we can use.
    #[error(
        "the signing key is not a P-256 or RSA key (2048 bit or more) as PKCS#8 in PEM; make one with `openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256`"
    )]
    Key,
    /// Not a certificate.
    #[error("the certificate of the signing key is not PEM")]
    Certificate,
}

enum Key {
    Ecdsa(Box<EcdsaKeyPair>),
    Rsa(Box<RsaKeyPair>),
}

/// Signs documents.
pub struct CapSigner {
    key: Key,
    certificate: Option<String>,
    random: SystemRandom,
}

impl std::fmt::Debug for CapSigner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CapSigner(***)")
    }
}

impl CapSigner {
    /// A signer from a PKCS#8 key in PEM, with the certificate that goes into each signature, if there is one.
    ///
    /// # Errors
    /// [`SignerError`].
    pub fn from_pem(key: &[u8], certificate: Option<&[u8]>) -> Result<Self, SignerError> {
        let random = SystemRandom::new();
        let der = PrivatePkcs8KeyDer::from_pem_slice(key).map_err(|_| SignerError::Key)?;
        let der = der.secret_pkcs8_der();
        let ecdsa = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der, &random);
        let key = match ecdsa {
            Ok(key) => Key::Ecdsa(Box::new(key)),
            Err(_) => {
                Key::Rsa(Box::new(RsaKeyPair::from_pkcs8(der).map_err(|_| SignerError::Key)?))
            }
        };
        let certificate = match certificate {
            Some(pem) => {
                let der =
                    CertificateDer::from_pem_slice(pem).map_err(|_| SignerError::Certificate)?;
                Some(BASE64.encode(der))
            }
            None => None,
        };
        Ok(Self { key, certificate, random })
    }

    /// The document with its signature as last child of `alert`; as it was if the system has no randomness.
    pub fn sign(&self, document: &str) -> Option<String> {
        let end = document.rfind("</alert>")?;
        let content = BASE64.encode(digest(&SHA256, canonical(document)?.as_bytes()));
        let info = self.signed_info(&content);
        // What is signed is SignedInfo on its own, where it has to declare its prefix itself.
        let alone =
            info.replacen("<ds:SignedInfo>", &format!(r#"<ds:SignedInfo xmlns:ds="{DSIG}">"#), 1);
        let value = BASE64.encode(self.signature(alone.as_bytes())?);
        let certificate = self.certificate.as_ref().map(|der| {
            format!("<ds:KeyInfo><ds:X509Data><ds:X509Certificate>{der}</ds:X509Certificate></ds:X509Data></ds:KeyInfo>")
        });
        let signature = format!(
            r#"<ds:Signature xmlns:ds="{DSIG}">{info}<ds:SignatureValue>{value}</ds:SignatureValue>{}</ds:Signature>"#,
            certificate.unwrap_or_default()
        );
        let (before, after) = document.split_at(end);
        Some([before, &signature, after].concat())
    }

    fn signed_info(&self, content: &str) -> String {
        let method = match self.key {
            Key::Ecdsa(_) => "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256",
            Key::Rsa(_) => "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
        };
        let named = |name: &str, algorithm: &str| {
            format!(r#"<ds:{name} Algorithm="{algorithm}"></ds:{name}>"#)
        };
        [
            "<ds:SignedInfo>".into(),
            named("CanonicalizationMethod", EXCLUSIVE),
            named("SignatureMethod", method),
            r#"<ds:Reference URI=""><ds:Transforms>"#.into(),
            named("Transform", ENVELOPED),
            named("Transform", EXCLUSIVE),
            "</ds:Transforms>".into(),
            named("DigestMethod", SHA256_NAME),
            format!("<ds:DigestValue>{content}</ds:DigestValue></ds:Reference></ds:SignedInfo>"),
        ]
        .concat()
    }

    fn signature(&self, bytes: &[u8]) -> Option<Vec<u8>> {
        match &self.key {
            Key::Ecdsa(key) => Some(key.sign(&self.random, bytes).ok()?.as_ref().to_vec()),
            Key::Rsa(key) => {
                let mut signature = vec![0; key.public().modulus_len()];
                key.sign(&RSA_PKCS1_SHA256, &self.random, bytes, &mut signature).ok()?;
                Some(signature)
            }
        }
    }
}

/// Exclusive canonical XML of a document of ours.
fn canonical(document: &str) -> Option<String> {
    let mut reader = Reader::from_str(document);
    let (mut out, mut depth) = (String::with_capacity(document.len()), 0_usize);
    loop {
        match reader.read_event().ok()? {
            Event::Start(start) => {
                depth += 1;
                open(&mut out, &start)?;
            }
            Event::Text(text) if depth > 0 => {
                let text = text.replace("\r\n", "\n").replace('\r', "\n");
                text.chars().for_each(|c| escaped(c, &mut out));
            }
            Event::GeneralRef(reference) => match reference.resolve_char_ref().ok()? {
                Some(c) => escaped(c, &mut out),
                None => resolve_xml_entity(&reference)?.chars().for_each(|c| escaped(c, &mut out)),
            },
            Event::End(end) => {
                depth = depth.checked_sub(1)?;
                out.push_str("</");
                out.push_str(end.name().as_ref());
                out.push('>');
            }
            Event::Eof => return (depth == 0).then_some(out),
            Event::Decl(_) | Event::Text(_) => {}
            _ => return None, // nothing else is ever written
        }
    }
}

fn open(out: &mut String, start: &BytesStart<'_>) -> Option<()> {
    out.push('<');
    out.push_str(start.name().as_ref());
    for attribute in start.attributes() {
        let attribute = attribute.ok()?;
        out.push_str(&format!(r#" {}="{}""#, attribute.key.as_ref(), attribute.value));
    }
    out.push('>');
    Some(())
}

fn escaped(c: char, out: &mut String) {
    match c {
        '&' => out.push_str("&amp;"),
        '<' => out.push_str("&lt;"),
        '>' => out.push_str("&gt;"),
        '\r' => out.push_str("&#xD;"),
        c => out.push(c),
    }
}
