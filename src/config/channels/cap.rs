//! CAP: the feed, and gateways it is pushed to.

use std::path::PathBuf;

use alerting::Status;
use delivery::channel::cap::{Profile, Proof};

use super::http::{HttpSettings, HttpUrl, http, http_url};
use crate::config::collectors::{readable, secret};
use crate::config::problem::{Place, Problems};
use crate::config::resolve::Known;
use crate::config::secret::SecretRef;
use crate::config::source::Folder;
use crate::config::table::Table;
use crate::config::value::{Fault, shortened};

/// What CAP documents say beside the alert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CapSettings {
    /// Where to ask, for people; may be empty.
    pub contact: String,
    /// Who may see documents that are not for the public, in words.
    pub restriction: String,
    /// What their receivers ask beyond CAP itself.
    pub profile: Profile,
    /// Who signs them, if they are signed.
    pub signing: Option<Signing>,
}

/// What documents are signed with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signing {
    /// The key, PKCS#8 in PEM.
    pub key: SecretRef,
    /// Its certificate in PEM, which then stands in each signature.
    pub certificate: Option<PathBuf>,
}

/// A gateway that documents are pushed to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GatewaySettings {
    /// Where to.
    pub http: HttpSettings,
    /// What the documents say beside the alert.
    pub cap: CapSettings,
    /// What proves that it took one.
    pub proof: Proof,
    /// Where it shows a document that it took, with `{id}` for the identifier.
    pub read_back: Option<HttpSettings>,
}

/// Reads what is said of the feed.
pub fn feed(
    table: &mut Table,
    place: &Place,
    folder: &Folder,
    known: &Known,
    problems: &mut Problems,
) -> CapSettings {
    if !known.has_public_url && known.status == Some(Status::Actual) {
        problems.warn(
            place,
            "CAP documents will name an address that only this machine knows",
            "set public-url under [http] to what others reach the feed by",
        );
    }
    documents(table, folder, problems)
}

/// Reads what is said of a gateway.
pub fn gateway(
    table: &mut Table,
    folder: &Folder,
    problems: &mut Problems,
) -> Option<GatewaySettings> {
    let http = http(table, folder, problems);
    let words = [("acknowledgement", Proof::Acknowledgement), ("status", Proof::Status)];
    let proof = table.choice("proof", &words, problems);
    let shown = table.read("read-back", |text| shown_at(text, folder), problems);
    let cap = documents(table, folder, problems);
    let proof = proof.map_or(Proof::Acknowledgement, |at| at.value);
    let http = http?;
    let read_back = shown.map(|at| HttpSettings { url: at.value, ..http.clone() });
    Some(GatewaySettings { http, cap, proof, read_back })
}

/// An address with a place for the identifier of a document.
fn shown_at(text: &str, folder: &Folder) -> Result<HttpUrl, Fault> {
    let url = http_url(text, folder)?;
    match &url {
        HttpUrl::Plain(_) if !text.contains("{id}") => Err(Fault::new(
            "it does not say where the identifier of a document goes",
            "write it as \"https://gateway.example.kr/cap/{id}.xml\"",
        )),
        HttpUrl::Plain(_) | HttpUrl::Secret(_) => Ok(url),
    }
}

fn documents(table: &mut Table, folder: &Folder, problems: &mut Problems) -> CapSettings {
    let contact = table.text("contact", problems).map_or_else(String::new, |text| text.value);
    let restriction = table
        .text("restriction", problems)
        .map_or_else(|| "재난안전 담당자 (officers on duty)".into(), |text| text.value);
    let profile = profile(table, problems);
    let signing = signing(table, folder, problems);
    CapSettings { contact, restriction, profile, signing }
}

/// A profile that has a name.
type Preset = fn() -> Profile;

fn profile(table: &mut Table, problems: &mut Problems) -> Profile {
    let words: [(&str, Preset); 3] =
        [("none", Profile::default), ("korea", Profile::korea), ("ipaws", Profile::ipaws)];
    let mut profile =
        table.choice("profile", &words, problems).map_or_else(Profile::korea, |at| (at.value)());
    let mut pairs = |key, into: &mut Vec<(String, String)>, problems: &mut Problems| {
        if let Some(given) = table.reads(key, pair, problems) {
            *into = given.value.into_iter().map(|at| at.value).collect();
        }
    };
    pairs("event-codes", &mut profile.event_codes, problems);
    pairs("geocodes", &mut profile.geocodes, problems);
    if let Some(codes) = table.reads("codes", |text| Ok(text.to_owned()), problems) {
        profile.codes = codes.value.into_iter().map(|at| at.value).collect();
    }
    for (key, most) in
        [("headline-max", &mut profile.headline_max), ("text-max", &mut profile.text_max)]
    {
        if let Some(given) = table.integer(key, 20..=10_000, problems) {
            *most = usize::try_from(given.value).unwrap_or(usize::MAX);
        }
    }
    profile
}

fn pair(text: &str) -> Result<(String, String), Fault> {
    let refused = || {
        let what = format!("`{}` is not a name and a value", shortened(text));
        Fault::new(what, "write them with `=` between, say \"SAME=CEM\"")
    };
    let (name, value) = text.split_once('=').ok_or_else(refused)?;
    let (name, value) = (name.trim(), value.trim());
    if name.is_empty() || value.is_empty() {
        return Err(refused());
    }
    Ok((name.into(), value.into()))
}

fn signing(table: &mut Table, folder: &Folder, problems: &mut Problems) -> Option<Signing> {
    let key = secret(table, "signing-key", folder, problems);
    let certificate = table.text("signing-certificate", problems);
    if let Some(file) = &certificate {
        readable(file, folder, problems);
        if key.is_none() {
            problems.add(
                &file.place,
                "a certificate signs nothing by itself",
                "say where its key is: signing-key = \"file:…\"",
            );
        }
    }
    let certificate = certificate.map(|file| folder.path().join(file.value));
    key.map(|key| Signing { key: key.value, certificate })
}
