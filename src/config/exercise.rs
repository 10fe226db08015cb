//! `[exercise]`: who takes part in drills, on channels of their own, and where a drill's board is.
//!
//! A channel of a drill is a type of its own ([`ExerciseChannel`]): nothing makes one of a channel of the live
//! operation, and what sounds or is shown to everybody has no variant. The simulated sirens and signboards of a
//! scenario, its log and its CAP feed are there by themselves.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use alerting::Status;
use alerting::approval::{ChannelGroup, Release};
use alerting::route::Route;
use reading::id::{ChannelId, GroupId};

use super::channels::{
    self, AgencyChannel, Channel, ChannelEntry, ChannelKind, ChatSettings, HttpUrl, MailSettings,
    SmppSettings, WebhookSettings,
};
use super::daemon::{Http, address, base_url};
use super::problem::{Place, Problems};
use super::resolve::Known;
use super::source::Folder;
use super::table::Table;
use super::{contacts, groups};

/// Who takes part in drills, and how they are reached.
#[derive(Clone, Debug, PartialEq)]
pub struct ExerciseSettings {
    /// Where a drill's own board is served while it runs.
    pub http: Http,
    /// Who takes part, with numbers and addresses.
    pub contacts: Option<PathBuf>,
    /// The ways to them; who hears what on them is in `routes`, in the same order.
    pub channels: Vec<ExerciseChannel>,
    /// Who hears what.
    pub routes: Vec<Route>,
    /// How what the public would hear is released in a drill.
    pub groups: Vec<ChannelGroup>,
}

/// A way to those who take part in drills.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExerciseChannel {
    /// Its name.
    pub id: ChannelId,
    /// How it reaches them.
    pub kind: ExerciseKind,
}

/// How those who take part are reached: by words alone, each marked as a drill.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExerciseKind {
    /// Signed POSTs to an address.
    Webhook(WebhookSettings),
    /// A chat room.
    Chat(ChatSettings),
    /// Text messages over SMPP.
    SmsSmpp(SmppSettings),
    /// Text messages through an agency.
    SmsAgency(AgencyChannel),
    /// E-mail.
    Mail(MailSettings),
}

impl Default for ExerciseSettings {
    fn default() -> Self {
        let http = Http { listen: any_port(), ..Http::default() };
        let group = ChannelGroup {
            id: GroupId::new("exercise").expect("a name of ours"),
            release: Release::Required,
            persons: 1,
            remind: std::time::Duration::from_secs(120),
            ask: Vec::new(),
        };
        Self { http, contacts: None, channels: vec![], routes: vec![], groups: vec![group] }
    }
}

fn any_port() -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0)
}

/// What `[exercise]` says.
pub struct ExerciseEntry {
    /// The settings, as far as nothing is wrong with them.
    pub settings: ExerciseSettings,
    /// The same channels as whoever checks texts knows them.
    pub spoken: Vec<(Channel, Route, Place)>,
}

/// Reads `[exercise]`. `live` is what the live operation has, which a drill must not use.
pub fn read(
    mut table: Table,
    folder: &Folder,
    known: &Known,
    live: &[(Channel, Route, Place)],
    problems: &mut Problems,
) -> ExerciseEntry {
    let listen = table.read("listen", address, problems);
    let public_url = table.read("public-url", |text| base_url(text, &["https", "http"]), problems);
    let contacts = contacts::read(&mut table, folder, problems);
    let mut entries = Vec::new();
    for group in table.tables("group", problems) {
        entries.push(groups::read(group, problems));
    }
    let names = entries.iter().filter_map(|entry| entry.name.as_ref());
    let known = Known {
        status: Some(Status::Exercise),
        has_public_url: public_url.is_some(),
        sites: known.sites.clone(),
        stations: known.stations.clone(),
        groups: names.map(|name| name.value.clone()).collect(),
        sites_whole: false, // a scenario may bring sites of its own
        districts: known.districts.clone(),
        contacts: contacts.clone(),
    };
    let (mut all, mut routes, mut spoken) = (Vec::new(), Vec::new(), Vec::new());
    for entry in table.tables("channel", problems) {
        let place = entry.place.clone();
        let ChannelEntry { channel, .. } = channels::read(entry, folder, &known, problems);
        let Some((channel, route)) = channel else { continue };
        check(&channel, &place, live, problems);
        if channel.test_every.is_some() {
            let remedy = "remove `test-every`: a drill is a test itself";
            problems.add(&place, "channels of a drill are not tested by themselves", remedy);
        }
        if let ChannelKind::Mail(MailSettings { mailbox: Some(_), .. }) = &channel.kind {
            let remedy = "remove `mailbox`: what comes back of a drill is for a person to see";
            problems.add(&place, "a mailbox has one reader, the live operation", remedy);
        }
        if all.iter().any(|one: &ExerciseChannel| one.id == channel.id) {
            let what = format!("a second channel of the drill is called `{}`", channel.id);
            problems.add(&place, what, "rename one");
        }
        spoken.push((channel.clone(), route.clone(), place.clone()));
        match exercise_kind(channel.kind) {
            Ok(kind) => all.push(ExerciseChannel { id: channel.id, kind }),
            Err((what, remedy)) => problems.add(&place, what, remedy),
        }
        routes.push(route);
    }
    groups::check(&entries, &with_log(&routes), problems);
    table.finish("[exercise]", problems);
    let default = ExerciseSettings::default();
    let groups: Vec<_> = entries.into_iter().filter_map(|entry| entry.group).collect();
    let settings = ExerciseSettings {
        http: Http {
            listen: listen.map_or(default.http.listen, |at| at.value),
            public_url: public_url.map(|url| url.value.as_str().trim_end_matches('/').into()),
            ..Http::default()
        },
        contacts: contacts.file,
        channels: all,
        routes,
        groups: if groups.is_empty() { default.groups } else { groups },
    };
    ExerciseEntry { settings, spoken }
}

/// The routes with that of the log, which every drill has.
fn with_log(routes: &[Route]) -> Vec<Route> {
    routes.iter().cloned().chain([crate::exercise::log_route()]).collect()
}

/// A drill reaches nobody by the road of the live operation: whoever hears both could not tell them apart in time.
fn check(
    channel: &Channel,
    place: &Place,
    live: &[(Channel, Route, Place)],
    problems: &mut Problems,
) {
    let same = |(one, _, _): &&(Channel, Route, Place)| {
        one.id == channel.id
            || address_of(&one.kind).is_some_and(|to| Some(to) == address_of(&channel.kind))
    };
    if let Some((one, _, first)) = live.iter().find(same) {
        let what = format!("the drill would speak where `{}` speaks in earnest", one.id);
        let remedy = format!(
            "give the drill a name, a room and an address of its own; the live channel is at {first}"
        );
        problems.add(place, what, remedy);
    }
}

fn address_of(kind: &ChannelKind) -> Option<&HttpUrl> {
    match kind {
        ChannelKind::Webhook(hook) => Some(&hook.http.url),
        ChannelKind::Chat(chat) => Some(&chat.http.url),
        _ => None,
    }
}

fn exercise_kind(kind: ChannelKind) -> Result<ExerciseKind, (&'static str, &'static str)> {
    const THERE: &str = "take it out: every drill has one of its own";
    match kind {
        ChannelKind::Webhook(settings) => Ok(ExerciseKind::Webhook(settings)),
        ChannelKind::Chat(settings) => Ok(ExerciseKind::Chat(settings)),
        ChannelKind::SmsSmpp(settings) => Ok(ExerciseKind::SmsSmpp(settings)),
        ChannelKind::SmsAgency(settings) => Ok(ExerciseKind::SmsAgency(settings)),
        ChannelKind::Mail(settings) => Ok(ExerciseKind::Mail(settings)),
        ChannelKind::Cap(_) => Err(("a drill has its CAP feed by itself", THERE)),
        ChannelKind::Mqtt(_) => Err(("a drill has its topics by itself", THERE)),
        ChannelKind::Log => Err(("a drill has its log by itself", THERE)),
        ChannelKind::Siren(_) | ChannelKind::Signboard(_) => Err((
            "a drill commands the simulated sirens and signboards of its scenario, and no others",
            "take it out",
        )),
        ChannelKind::RelaySiren(_)
        | ChannelKind::CapGateway(_)
        | ChannelKind::CellBroadcast(_)
        | ChannelKind::PublicAddress(_)
        | ChannelKind::Alertmanager(_) => Err((
            "a drill does not reach the public or the machines of others",
            "name channels to those who take part: webhook, chat, sms-smpp, sms-agency or mail",
        )),
    }
}
