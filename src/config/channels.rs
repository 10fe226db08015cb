//! The ways out: who is told on what, from which level up, and what lets the public hear.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use alerting::Status;
use alerting::route::Route;
use reading::id::{ChannelId, SiteId, StationId};

use super::collectors::secret;
use super::daemon::{base_url, is_loopback};
use super::problem::{Place, Problems};
use super::resolve::Known;
use super::routes;
use super::secret::SecretRef;
use super::source::Folder;
use super::table::Table;
use super::tree::At;
use super::value::{Fault, nearest, shortened};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

/// One configured way out. Who hears what on it is its [`Route`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Channel {
    /// Its name.
    pub id: ChannelId,
    /// How it reaches the world.
    pub kind: ChannelKind,
}

/// How a channel reaches the world.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChannelKind {
    /// Signed POSTs to an address.
    Webhook(WebhookSettings),
    /// The CAP feed of the daemon's own HTTP server.
    Cap(CapSettings),
    /// Sirens that take commands over MQTT.
    Siren(SirenSettings),
    /// The daemon's log.
    Log,
}

/// Where a webhook goes and how it is signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookSettings {
    /// The address.
    pub url: WebhookUrl,
    /// The key it is signed with, `whsec_…`.
    pub secret: SecretRef,
    /// How long one attempt may take, real time.
    pub timeout: Duration,
    /// Authorities to believe instead of the system's, as PEM.
    pub ca_file: Option<PathBuf>,
}

/// What CAP documents say beside the alert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CapSettings {
    /// Where to ask, for people; may be empty.
    pub contact: String,
    /// Who may see documents that are not for the public, in words.
    pub restriction: String,
}

impl Default for CapSettings {
    fn default() -> Self {
        Self {
            contact: String::new(), restriction: "재난안전 담당자 (officers on duty)".into()
        }
    }
}

/// An address, or where one is found that must not be seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WebhookUrl {
    /// As written.
    Plain(String),
    /// Somewhere else, because it holds a token.
    Secret(SecretRef),
}

/// The sirens of a channel and how they sound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SirenSettings {
    /// Recipient to siren: the site it stands at and its station there.
    pub sirens: BTreeMap<String, (SiteId, StationId)>,
    /// How long a siren sounds, on its own clock.
    pub duration: Duration,
    /// How long after an attempt a siren may still obey.
    pub valid_for: Duration,
    /// Whether nothing behind this channel makes a sound.
    pub simulated: bool,
}

/// A kind of channel, by name.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Webhook,
    Cap,
    Siren,
    Log,
}

impl Kind {
    const WORDS: [(&'static str, Self); 4] = [
        ("webhook", Self::Webhook),
        ("cap", Self::Cap),
        ("siren", Self::Siren),
        ("log", Self::Log),
    ];
}

/// What a `[[channel]]` says, as far as nothing is wrong with it.
#[derive(Default)]
pub struct ChannelEntry {
    /// Its name, even if something else is wrong.
    pub name: Option<At<ChannelId>>,
    /// The channel and who hears what on it.
    pub channel: Option<(Channel, Route)>,
    /// Where it says that it is the CAP feed, if it is.
    pub cap: Option<Place>,
}

/// Reads a `[[channel]]`.
pub fn read(
    mut table: Table,
    folder: &Folder,
    known: &Known,
    problems: &mut Problems,
) -> ChannelEntry {
    let remedy = "deliveries and metrics name the channel by it, say name = \"duty-webhook\"";
    table.need("name", remedy, problems);
    let name = table.id::<ChannelId>("name", problems);
    table.need("kind", "write kind = \"webhook\", \"cap\", \"siren\" or \"log\"", problems);
    let kind = table.choice("kind", &Kind::WORDS, problems);
    let Some(At { value: kind, place }) = kind else {
        return ChannelEntry { name, ..ChannelEntry::default() };
    };
    let settings = match kind {
        Kind::Webhook => webhook(&mut table, folder, problems).map(ChannelKind::Webhook),
        Kind::Siren => siren(&mut table, known, problems).map(ChannelKind::Siren),
        Kind::Cap => Some(ChannelKind::Cap(cap(&mut table, &place, known, problems))),
        Kind::Log => Some(ChannelKind::Log),
    };
    let route = routes::read(&mut table, kind, name.as_ref(), settings.as_ref(), known, problems);
    let what = Kind::WORDS.iter().find(|(_, one)| *one == kind).map_or("", |(word, _)| word);
    table.finish(&format!("a channel of kind {what}"), problems);
    let id = name.as_ref().map(|name| name.value.clone());
    let channel = id.zip(settings).map(|(id, kind)| Channel { id, kind });
    ChannelEntry { name, channel: channel.zip(route), cap: (kind == Kind::Cap).then_some(place) }
}

fn webhook(table: &mut Table, folder: &Folder, problems: &mut Problems) -> Option<WebhookSettings> {
    table.need("url", "say where to post, say url = \"https://duty.example.kr/hook\"", problems);
    table.need(
        "secret",
        "say where the signing key is: secret = \"file:…\"; it reads whsec_ and base64",
        problems,
    );
    let url = table.read("url", |text| webhook_url(text, folder), problems);
    let secret = secret(table, "secret", folder, problems);
    let timeout = table.duration("timeout", SECOND / 10..=MINUTE, problems);
    let ca_file = table.text("ca-file", problems);
    if let Some(file) = &ca_file {
        super::collectors::readable(file, folder, problems);
    }
    Some(WebhookSettings {
        url: url?.value,
        secret: secret?.value,
        timeout: timeout.map_or(10 * SECOND, |at| at.value),
        ca_file: ca_file.map(|file| folder.path().join(file.value)),
    })
}

fn cap(table: &mut Table, place: &Place, known: &Known, problems: &mut Problems) -> CapSettings {
    if !known.has_public_url && known.status == Some(Status::Actual) {
        problems.warn(
            place,
            "CAP documents will name an address that only this machine knows",
            "set public-url under [http] to what others reach the feed by",
        );
    }
    let usual = CapSettings::default();
    let contact = table.text("contact", problems).map_or(usual.contact, |text| text.value);
    let restriction =
        table.text("restriction", problems).map_or(usual.restriction, |text| text.value);
    CapSettings { contact, restriction }
}

fn webhook_url(text: &str, folder: &Folder) -> Result<WebhookUrl, Fault> {
    if ["file:", "env:", "credential:"].iter().any(|scheme| text.starts_with(scheme)) {
        return SecretRef::parse(text, folder.path()).map(WebhookUrl::Secret);
    }
    let url = base_url(text, &["https", "http"])?;
    if url.scheme() == "http" && !is_loopback(&url) {
        return Err(Fault::new("the alert would cross the network in the clear", "use https://"));
    }
    Ok(WebhookUrl::Plain(url.into()))
}

fn siren(table: &mut Table, known: &Known, problems: &mut Problems) -> Option<SirenSettings> {
    table.need("sirens", "say which: sirens = [\"site/station\"]", problems);
    let sirens = table.reads("sirens", |text| siren_station(text, known), problems);
    let duration = table.duration("duration", SECOND..=30 * MINUTE, problems);
    let valid_for = table.duration("valid-for", SECOND..=60 * MINUTE, problems);
    let simulated = table.flag("simulated", problems);
    match (&simulated, known.status) {
        (Some(At { value: true, place }), Some(Status::Actual)) => {
            problems.add(
                place,
                "a simulated siren warns nobody",
                "remove `simulated`, or set status = \"test\"",
            );
        }
        (None | Some(At { value: false, .. }), Some(Status::Test)) => {
            let place = simulated.as_ref().map_or(&table.place, |flag| &flag.place);
            problems.add(
                place,
                "a test must not reach a real siren",
                "write simulated = true where nothing makes a sound, or take the channel out",
            );
        }
        _ => {}
    }
    Some(SirenSettings {
        sirens: by_recipient(sirens?, problems),
        duration: duration.map_or(3 * MINUTE, |at| at.value),
        valid_for: valid_for.map_or(2 * MINUTE, |at| at.value),
        simulated: simulated.is_some_and(|flag| flag.value),
    })
}

/// Sirens under the names they have as recipients.
fn by_recipient(
    sirens: At<Vec<At<(SiteId, StationId)>>>,
    problems: &mut Problems,
) -> BTreeMap<String, (SiteId, StationId)> {
    if sirens.value.is_empty() {
        problems.add(
            &sirens.place,
            "the channel names no siren",
            "write sirens = [\"site/station\"]",
        );
    }
    let mut named = BTreeMap::new();
    for At { value: (site, station), place } in sirens.value {
        let name = format!("{site}-{station}");
        if named.insert(name.clone(), (site, station)).is_some() {
            problems.add(&place, format!("a second siren is called `{name}`"), "remove one");
        }
    }
    named
}

fn siren_station(text: &str, known: &Known) -> Result<(SiteId, StationId), Fault> {
    let refused = || {
        let what = format!("`{}` is not a station", shortened(text));
        Fault::new(what, "write site/station, as in sirens = [\"cut-12/siren-1\"]")
    };
    let (site, station) = text.split_once('/').ok_or_else(refused)?;
    let siren: (SiteId, StationId) =
        (site.parse().map_err(|_| refused())?, station.parse().map_err(|_| refused())?);
    if known.sites_whole && !known.stations.contains(&siren) {
        let names: Vec<_> =
            known.stations.iter().map(|(site, station)| format!("{site}/{station}")).collect();
        let remedy = match nearest(text, names.iter().map(String::as_str)) {
            Some(name) => format!("did you mean \"{name}\"?"),
            None => format!("add [[station]] id = \"{}\" to the file of {}", siren.1, siren.0),
        };
        return Err(Fault::new(format!("there is no station `{}`", shortened(text)), remedy));
    }
    Ok(siren)
}
