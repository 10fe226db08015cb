//! Ways to other people's systems: Alertmanager, gateways to 재난문자, devices that play sound.

use alerting::Status;
use alerting::catalogue::Language;
use delivery::channel::cell_broadcast::{Class, Classes};
use delivery::channel::public_address::{PublicAddressSettings, SameHeader};

use super::http::{HttpSettings, http, http_url};
use super::{MINUTE, languages, siren};
use crate::config::problem::Problems;
use crate::config::source::Folder;
use crate::config::table::Table;
use crate::config::value::{Fault, shortened};

/// The peers of an Alertmanager.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlertmanagerSettings {
    /// Each of them.
    pub peers: Vec<HttpSettings>,
}

/// A gateway for drafts of 재난문자.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CellBroadcastSettings {
    /// Where to.
    pub http: HttpSettings,
    /// What it speaks.
    pub gateway: CellGateway,
    /// Which class a level asks for.
    pub classes: Classes,
    /// In these languages.
    pub languages: Vec<Language>,
    /// Whether nobody hears it.
    pub simulated: bool,
}

/// A device that plays sound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicAddressChannel {
    /// Where to.
    pub http: HttpSettings,
    /// What is played.
    pub sound: PublicAddressSettings,
}

/// What a gateway for drafts speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CellGateway {
    /// The draft as JSON.
    Json,
    /// CAP of status `Draft`.
    Cap,
    /// The ECBE interface of a cell broadcast centre.
    Ecbe,
}

/// Reads what is said of an Alertmanager: `url` and the addresses of its other peers.
pub fn alertmanager(
    table: &mut Table,
    folder: &Folder,
    problems: &mut Problems,
) -> Option<AlertmanagerSettings> {
    let first = http(table, folder, problems);
    let others = table.reads("peers", |text| http_url(text, folder), problems);
    let first = first?;
    let others = others.map(|others| others.value).unwrap_or_default();
    let like_first = |url| HttpSettings { url, ..first.clone() };
    let others: Vec<_> = others.into_iter().map(|other| like_first(other.value)).collect();
    let peers = std::iter::once(first.clone()).chain(others).collect();
    Some(AlertmanagerSettings { peers })
}

/// Reads what is said of a gateway for drafts.
pub fn cell_broadcast(
    table: &mut Table,
    status: Option<Status>,
    folder: &Folder,
    problems: &mut Problems,
) -> Option<CellBroadcastSettings> {
    let http = http(table, folder, problems);
    let words =
        [("json", CellGateway::Json), ("cap", CellGateway::Cap), ("ecbe", CellGateway::Ecbe)];
    let gateway =
        table.choice("gateway", &words, problems).map_or(CellGateway::Json, |at| at.value);
    let words = [
        ("critical", Class::Critical),
        ("emergency", Class::Emergency),
        ("guidance", Class::Guidance),
    ];
    let usual = Classes::default();
    let severe = table.choice("class-severe", &words, problems).map_or(usual.severe, |at| at.value);
    let warning =
        table.choice("class-warning", &words, problems).map_or(usual.warning, |at| at.value);
    let languages = languages(table, &[Language::Ko], problems);
    // A draft alarms nobody; a centre broadcasts what it is given.
    let simulated = gateway == CellGateway::Ecbe
        && siren::simulated(table, status, "cell broadcast centre", problems);
    let classes = Classes { severe, warning };
    Some(CellBroadcastSettings { http: http?, gateway, classes, languages, simulated })
}

/// Reads what is said of a device that plays sound.
pub fn public_address(
    table: &mut Table,
    status: Option<Status>,
    folder: &Folder,
    problems: &mut Problems,
) -> Option<PublicAddressChannel> {
    let http = http(table, folder, problems);
    let language =
        table.choice("language", &[("ko", Language::Ko), ("en", Language::En)], problems);
    let times = table.integer("times", 1..=10, problems);
    let same = table.table("same", problems).and_then(|table| same(table, problems));
    let simulated = siren::simulated(table, status, "loudspeaker", problems);
    let sound = PublicAddressSettings {
        language: language.map_or(Language::Ko, |at| at.value),
        times: times.map_or(3, |at| usize::try_from(at.value).unwrap_or(3)),
        same,
        simulated,
    };
    Some(PublicAddressChannel { http: http?, sound })
}

/// A SAME header: letters and digits of fixed lengths.
fn same(mut table: Table, problems: &mut Problems) -> Option<SameHeader> {
    let of = |count: std::ops::RangeInclusive<usize>, is: fn(&u8) -> bool, what: &'static str| {
        move |text: &str| {
            let fits = count.contains(&text.len()) && text.bytes().all(|byte| is(&byte));
            let refused = || {
                Fault::new(format!("`{}` is not {what}", shortened(text)), format!("write {what}"))
            };
            fits.then(|| text.to_owned()).ok_or_else(refused)
        }
    };
    let letters = || of(3..=3, u8::is_ascii_uppercase, "three capital letters");
    let originator = table.read("originator", letters(), problems);
    let event = table.read("event", letters(), problems);
    let location = table.read("location", of(6..=6, u8::is_ascii_digit, "six digits"), problems);
    table.need("station", "say who sends it: up to eight capital letters and digits", problems);
    let is_station = |byte: &u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
    let station = "one to eight capital letters and digits";
    let station = table.read("station", of(1..=8, is_station, station), problems);
    let valid_for = table.duration("valid-for", 15 * MINUTE..=99 * 60 * MINUTE, problems);
    table.finish("same", problems);
    Some(SameHeader {
        originator: originator.map_or_else(|| "CIV".into(), |at| at.value),
        event: event.map_or_else(|| "EVI".into(), |at| at.value),
        location: location.map_or_else(|| "000000".into(), |at| at.value),
        station: station?.value,
        valid_for: valid_for.map_or(60 * MINUTE, |at| at.value),
    })
}
