//! The ways out: who is told on what, from which level up, and what lets the public hear.

mod http;
mod cap;
mod chat;
mod people;
mod siren;
mod field;
mod machines;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use alerting::SiteFacts;
use alerting::catalogue::Language;
use alerting::route::Route;
use alerting::setup::Setup;
use alerting::text::Limit;
use delivery::channel::relay::RelaySettings;
use delivery::channel::signboard::SignboardSettings;
use delivery::text::Medium;
use reading::id::{ChannelId, SiteId, StationId};

use super::problem::{Place, Problems};
use super::resolve::Known;
use super::routes;
use super::source::Folder;
use super::table::{Table, choice};
use super::tree::At;

pub use cap::{CapSettings, GatewaySettings, Signing};
pub use chat::ChatSettings;
pub use field::TopicSettings;
pub use http::{HttpSettings, HttpUrl, WebhookSettings, http as over_http, http_url};
pub use machines::{
    AlertmanagerSettings, CellBroadcastSettings, CellGateway, PublicAddressChannel,
};
pub use people::{AgencyChannel, MailSettings, SmppSettings};
pub use siren::SirenSettings;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

/// One configured way out. Who hears what on it is its [`Route`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Channel {
    /// Its name.
    pub id: ChannelId,
    /// How it reaches the world.
    pub kind: ChannelKind,
    /// How often it is proved to work.
    pub test_every: Option<Duration>,
}

/// How a channel reaches the world.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChannelKind {
    /// Signed POSTs to an address.
    Webhook(WebhookSettings),
    /// A chat room.
    Chat(ChatSettings),
    /// The CAP feed of the daemon's own HTTP server.
    Cap(CapSettings),
    /// CAP pushed to a gateway.
    CapGateway(GatewaySettings),
    /// Text messages over SMPP.
    SmsSmpp(SmppSettings),
    /// Text messages through an agency.
    SmsAgency(AgencyChannel),
    /// E-mail.
    Mail(MailSettings),
    /// Sirens that take commands over MQTT.
    Siren(SirenSettings),
    /// A siren behind a relay.
    RelaySiren(RelaySettings),
    /// Signboards that take commands over MQTT.
    Signboard(SignboardSettings),
    /// Alerts for everybody, as topics of the brokers.
    Mqtt(TopicSettings),
    /// Drafts of 재난문자.
    CellBroadcast(CellBroadcastSettings),
    /// Loudspeakers.
    PublicAddress(PublicAddressChannel),
    /// A Prometheus Alertmanager.
    Alertmanager(AlertmanagerSettings),
    /// The daemon's log.
    Log,
}

impl ChannelKind {
    /// What it says in words of its own, in which languages; empty if it says nothing of the kind.
    pub fn speaks(&self) -> Vec<(Medium, Language)> {
        let both = [Language::Ko, Language::En];
        let in_all = |medium, languages: &[Language]| {
            languages.iter().map(|language| (medium, *language)).collect::<Vec<_>>()
        };
        match self {
            Self::Chat(chat) => in_all(Medium::Chat, &chat.languages),
            // Everybody is told in a language of their own.
            Self::SmsSmpp(_) | Self::SmsAgency(_) => in_all(Medium::Sms, &both),
            Self::Mail(_) => in_all(Medium::Mail, &both),
            Self::Signboard(sign) => vec![(Medium::Signboard, sign.language)],
            Self::PublicAddress(speaker) => vec![(Medium::Speech, speaker.sound.language)],
            Self::CellBroadcast(cell) => [
                in_all(Medium::CellBroadcast90, &cell.languages),
                in_all(Medium::CellBroadcast157, &cell.languages),
            ]
            .concat(),
            Self::Webhook(_)
            | Self::Cap(_)
            | Self::CapGateway(_)
            | Self::Siren(_)
            | Self::RelaySiren(_)
            | Self::Mqtt(_)
            | Self::Alertmanager(_)
            | Self::Log => Vec::new(),
        }
    }

    /// How long a text of it may be.
    pub fn limit(&self, medium: Medium) -> Limit {
        match (self, medium) {
            (_, Medium::CellBroadcast90) => Limit::CellBroadcast(90),
            (_, Medium::CellBroadcast157) => Limit::CellBroadcast(157),
            (Self::SmsSmpp(centre), _) => Limit::SmsParts(centre.parts_max),
            (Self::SmsAgency(agency), _) => Limit::MixedBytes(agency.agency.bytes_max),
            (Self::Signboard(sign), _) => Limit::Sign(sign.sign),
            _ => Limit::None,
        }
    }

    /// The devices it commands, as recipients at their sites.
    pub fn devices(&self) -> Option<&BTreeMap<String, (SiteId, StationId)>> {
        match self {
            Self::Siren(siren) => Some(&siren.sirens),
            Self::Signboard(sign) => Some(&sign.boards),
            _ => None,
        }
    }
}

/// A kind of channel, by name.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Webhook,
    Chat,
    SmsSmpp,
    SmsAgency,
    Mail,
    Cap,
    CapGateway,
    CellBroadcast,
    PublicAddress,
    Siren,
    RelaySiren,
    Signboard,
    Mqtt,
    Alertmanager,
    Log,
}

impl Kind {
    pub(super) const WORDS: [(&'static str, Self); 15] = [
        ("webhook", Self::Webhook),
        ("chat", Self::Chat),
        ("sms-smpp", Self::SmsSmpp),
        ("sms-agency", Self::SmsAgency),
        ("mail", Self::Mail),
        ("cap", Self::Cap),
        ("cap-gateway", Self::CapGateway),
        ("cell-broadcast", Self::CellBroadcast),
        ("public-address", Self::PublicAddress),
        ("siren", Self::Siren),
        ("relay-siren", Self::RelaySiren),
        ("signboard", Self::Signboard),
        ("mqtt", Self::Mqtt),
        ("alertmanager", Self::Alertmanager),
        ("log", Self::Log),
    ];

    /// How long the receipt of the far end may take, where there is one that comes later.
    pub const fn receipt_within(self) -> Option<Duration> {
        match self {
            Self::Siren | Self::Signboard => Some(Duration::from_secs(10)),
            // A phone may be switched off; what is unknown by then is tried again.
            Self::SmsSmpp => Some(Duration::from_secs(3_600)),
            Self::Webhook
            | Self::Chat
            | Self::SmsAgency
            | Self::Mail
            | Self::Cap
            | Self::CapGateway
            | Self::CellBroadcast
            | Self::PublicAddress
            | Self::RelaySiren
            | Self::Mqtt
            | Self::Alertmanager
            | Self::Log => None,
        }
    }

    /// Whether an attempt whose outcome is unknown may be repeated, unless somebody says otherwise; `None` where it
    /// always may.
    pub const fn repeat_is_safe(self) -> Option<bool> {
        match self {
            Self::Webhook
            | Self::CapGateway
            | Self::CellBroadcast
            | Self::Siren
            | Self::Signboard
            | Self::Mail => Some(true),
            Self::Chat | Self::SmsSmpp | Self::SmsAgency | Self::PublicAddress => Some(false),
            Self::Cap | Self::RelaySiren | Self::Mqtt | Self::Alertmanager | Self::Log => None,
        }
    }

    /// When a delivery is too late to matter.
    pub const fn expire_after(self) -> Duration {
        match self {
            Self::Siren | Self::RelaySiren | Self::PublicAddress => Duration::from_secs(30 * 60),
            Self::Webhook
            | Self::Chat
            | Self::SmsSmpp
            | Self::SmsAgency
            | Self::Mail
            | Self::Cap
            | Self::CapGateway
            | Self::CellBroadcast
            | Self::Signboard
            | Self::Mqtt
            | Self::Alertmanager
            | Self::Log => Duration::from_secs(6 * 3_600),
        }
    }

    /// Whether its recipients are persons of the table of contacts.
    pub const fn is_to_contacts(self) -> bool {
        matches!(self, Self::SmsSmpp | Self::SmsAgency | Self::Mail)
    }

    /// Whether people read it as it comes.
    pub const fn is_read_by_people(self) -> bool {
        self.is_to_contacts() || matches!(self, Self::Chat | Self::Log)
    }

    /// Whether it makes a sound that everybody hears.
    pub const fn is_siren(self) -> bool {
        matches!(self, Self::Siren | Self::RelaySiren)
    }

    /// Whether it can be looked at without anybody hearing or seeing an alert.
    pub const fn is_provable(self) -> bool {
        !matches!(self, Self::Log)
    }

    /// Whether its recipients are devices it names itself.
    pub const fn is_to_devices(self) -> bool {
        matches!(self, Self::Siren | Self::Signboard)
    }
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
    let words = Kind::WORDS.map(|(word, _)| word).join(", ");
    table.need("kind", &format!("write one of {words}"), problems);
    let kind = table.choice("kind", &Kind::WORDS, problems);
    let Some(At { value: kind, place }) = kind else {
        return ChannelEntry { name, ..ChannelEntry::default() };
    };
    let settings = settings(kind, &mut table, &place, folder, known, problems);
    let route = routes::read(&mut table, kind, name.as_ref(), settings.as_ref(), known, problems);
    let test_every = test_every(&mut table, kind, settings.as_ref(), problems);
    let what = Kind::WORDS.iter().find(|(_, one)| *one == kind).map_or("", |(word, _)| word);
    table.finish(&format!("a channel of kind {what}"), problems);
    let id = name.as_ref().map(|name| name.value.clone());
    let channel = id.zip(settings).map(|(id, kind)| Channel { id, kind, test_every });
    ChannelEntry { name, channel: channel.zip(route), cap: (kind == Kind::Cap).then_some(place) }
}

/// Why text messages are not tested without a number.
const NO_NUMBER: (&str, &str) =
    ("there is no number to write to", "write test-number = \"+82…\", a phone of your own");

/// How often the channel is looked at, where it can be without anybody hearing or seeing an alert.
fn test_every(
    table: &mut Table,
    kind: Kind,
    settings: Option<&ChannelKind>,
    problems: &mut Problems,
) -> Option<Duration> {
    let At { value, place } =
        table.duration("test-every", MINUTE..=366 * 24 * 60 * MINUTE, problems)?;
    let (what, remedy) = match settings {
        _ if !kind.is_provable() => (
            "a log is there or nothing is",
            "remove `test-every`; what is looked at are ways to others",
        ),
        Some(ChannelKind::SmsSmpp(centre)) if centre.test_number.is_none() => NO_NUMBER,
        Some(ChannelKind::SmsAgency(agency)) if agency.agency.test_number.is_none() => NO_NUMBER,
        Some(ChannelKind::Mail(mail)) if mail.mailbox.is_none() => (
            "a letter could not be seen to come back",
            "write mailbox = \"…\", the Maildir that mail to `from` is delivered to",
        ),
        _ => return Some(value),
    };
    problems.add(&place, what, remedy);
    None
}

fn settings(
    kind: Kind,
    table: &mut Table,
    place: &Place,
    folder: &Folder,
    known: &Known,
    problems: &mut Problems,
) -> Option<ChannelKind> {
    match kind {
        Kind::Webhook => http::webhook(table, folder, problems).map(ChannelKind::Webhook),
        Kind::Chat => chat::read(table, folder, problems).map(ChannelKind::Chat),
        Kind::Cap => Some(ChannelKind::Cap(cap::feed(table, place, folder, known, problems))),
        Kind::CapGateway => cap::gateway(table, folder, problems).map(ChannelKind::CapGateway),
        Kind::SmsSmpp => people::smpp(table, folder, problems).map(ChannelKind::SmsSmpp),
        Kind::SmsAgency => people::agency(table, folder, problems).map(ChannelKind::SmsAgency),
        Kind::Mail => people::mail(table, folder, problems).map(ChannelKind::Mail),
        Kind::Siren => siren::siren(table, known, problems).map(ChannelKind::Siren),
        Kind::RelaySiren => {
            field::relay(table, known.status, problems).map(ChannelKind::RelaySiren)
        }
        Kind::Signboard => field::signboard(table, known, problems).map(ChannelKind::Signboard),
        Kind::Mqtt => Some(ChannelKind::Mqtt(field::topics(table, known.status, problems))),
        Kind::CellBroadcast => machines::cell_broadcast(table, known.status, folder, problems)
            .map(ChannelKind::CellBroadcast),
        Kind::PublicAddress => machines::public_address(table, known.status, folder, problems)
            .map(ChannelKind::PublicAddress),
        Kind::Alertmanager => {
            machines::alertmanager(table, folder, problems).map(ChannelKind::Alertmanager)
        }
        Kind::Log => Some(ChannelKind::Log),
    }
}

/// A mailbox has one reader: each letter is taken once, and whoever takes it knows the letters of one channel.
pub fn check_mailboxes(channels: &[(Channel, Route, Place)], problems: &mut Problems) {
    let mut readers: BTreeMap<PathBuf, &ChannelId> = BTreeMap::new();
    for (channel, _, place) in channels {
        let ChannelKind::Mail(MailSettings { mailbox: Some(mailbox), .. }) = &channel.kind else {
            continue;
        };
        // However it is written, and through links: it is the same folder.
        let folder = mailbox.canonicalize().unwrap_or_else(|_| mailbox.components().collect());
        if let Some(first) = readers.get(&folder) {
            let what = format!("what comes back into this mailbox is read by `{first}` already");
            let remedy = "give each channel of kind mail a `from` and a mailbox of its own";
            problems.add(place, what, remedy);
        } else {
            readers.insert(folder, &channel.id);
        }
    }
}

/// Says of each site what of it the receivers of CAP documents do not take, where a document about it may go.
pub fn check_profiles(
    channels: &[(Channel, Route, Place)],
    setup: &Setup,
    problems: &mut Problems,
) {
    for (channel, route, place) in channels {
        let profile = match &channel.kind {
            ChannelKind::Cap(settings) => &settings.profile,
            ChannelKind::CapGateway(settings) => &settings.cap.profile,
            _ => continue,
        };
        for site in setup.registry.sites().iter().filter(|site| route.covers(&site.id)) {
            for breach in profile.breaches_of_site(&SiteFacts::from(site)) {
                let what = format!("site `{}` does not fit the profile: {breach}", site.id);
                problems.warn(place, what, "complete the site, or choose another profile");
            }
        }
    }
}

/// The languages a channel speaks, in this order.
fn languages(table: &mut Table, usual: &[Language], problems: &mut Problems) -> Vec<Language> {
    let words = [("ko", Language::Ko), ("en", Language::En)];
    let given = table.reads("languages", |text| choice("languages", text, &words), problems);
    match given {
        None => usual.to_vec(),
        Some(given) => {
            if given.value.is_empty() {
                problems.add(&given.place, "the channel speaks no language", "write [\"ko\"]");
            }
            given.value.into_iter().map(|at| at.value).collect()
        }
    }
}
