//! The ways out: who is told on what, from which level up, and what lets the public hear.

mod http;
mod cap;
mod chat;
mod siren;

use std::time::Duration;

use alerting::catalogue::Language;
use alerting::route::Route;
use alerting::text::Limit;
use delivery::text::Medium;
use reading::id::ChannelId;

use super::problem::{Place, Problems};
use super::resolve::Known;
use super::routes;
use super::source::Folder;
use super::table::{Table, choice};
use super::tree::At;

pub use cap::{CapSettings, GatewaySettings, Signing};
pub use chat::ChatSettings;
pub use http::{HttpSettings, HttpUrl, WebhookSettings};
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
    /// Sirens that take commands over MQTT.
    Siren(SirenSettings),
    /// The daemon's log.
    Log,
}

impl ChannelKind {
    /// What it says in words of its own, in which languages; empty if it says nothing of the kind.
    pub fn speaks(&self) -> Vec<(Medium, Language)> {
        let (medium, languages) = match self {
            Self::Chat(chat) => (Medium::Chat, &chat.languages),
            Self::Webhook(_) | Self::Cap(_) | Self::CapGateway(_) | Self::Siren(_) | Self::Log => {
                return Vec::new();
            }
        };
        languages.iter().map(|language| (medium, *language)).collect()
    }
}

impl ChannelKind {
    /// How long a text of it may be.
    pub fn limit(&self, medium: Medium) -> Limit {
        match (self, medium) {
            (_, Medium::CellBroadcast90) => Limit::CellBroadcast(90),
            (_, Medium::CellBroadcast157) => Limit::CellBroadcast(157),
            _ => Limit::None,
        }
    }
}

/// A kind of channel, by name.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Webhook,
    Chat,
    Cap,
    CapGateway,
    Siren,
    Log,
}

impl Kind {
    const WORDS: [(&'static str, Self); 6] = [
        ("webhook", Self::Webhook),
        ("chat", Self::Chat),
        ("cap", Self::Cap),
        ("cap-gateway", Self::CapGateway),
        ("siren", Self::Siren),
        ("log", Self::Log),
    ];

    /// How long the receipt of the far end may take, where there is one that comes later.
    pub const fn receipt_within(self) -> Option<Duration> {
        match self {
            Self::Siren => Some(Duration::from_secs(10)),
            Self::Webhook | Self::Chat | Self::Cap | Self::CapGateway | Self::Log => None,
        }
    }

    /// Whether an attempt whose outcome is unknown may be repeated, unless somebody says otherwise; `None` where it
    /// always may.
    pub const fn repeat_is_safe(self) -> Option<bool> {
        match self {
            Self::Webhook | Self::CapGateway | Self::Siren => Some(true),
            Self::Chat => Some(false),
            Self::Cap | Self::Log => None,
        }
    }

    /// When a delivery is too late to matter.
    pub const fn expire_after(self) -> Duration {
        match self {
            Self::Siren => Duration::from_secs(30 * 60),
            Self::Webhook | Self::Chat | Self::Cap | Self::CapGateway | Self::Log => {
                Duration::from_secs(6 * 3_600)
            }
        }
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
    let what = Kind::WORDS.iter().find(|(_, one)| *one == kind).map_or("", |(word, _)| word);
    table.finish(&format!("a channel of kind {what}"), problems);
    let id = name.as_ref().map(|name| name.value.clone());
    let channel = id.zip(settings).map(|(id, kind)| Channel { id, kind });
    ChannelEntry { name, channel: channel.zip(route), cap: (kind == Kind::Cap).then_some(place) }
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
        Kind::Siren => siren::siren(table, known, problems).map(ChannelKind::Siren),
        Kind::Log => Some(ChannelKind::Log),
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
