//! `[audit]`: to whom the head of the audit trail is told, day by day.

use jiff::civil::Time;
use jiff::tz::TimeZone;
use reading::id::ChannelId;

use super::channels::{Channel, ChannelKind};
use super::problem::Problems;
use super::table::{Table, id};
use super::value::{Fault, nearest, shortened};

/// Where and when the head of the trail is told.
#[derive(Clone, Debug, PartialEq)]
pub struct HeadSettings {
    /// On which channels.
    pub channels: Vec<ChannelId>,
    /// At which time of the day.
    pub at: Time,
    /// In which zone.
    pub zone: TimeZone,
}

/// Reads `[audit]`.
pub fn read(
    mut table: Table,
    channels: &[&Channel],
    problems: &mut Problems,
) -> Option<HeadSettings> {
    let remedy = "name channels that write: head-to = [\"duty-mail\"]";
    table.need("head-to", remedy, problems);
    let to = table.reads("head-to", |text| writing(text, channels), problems);
    let at = table.read("head-at", time, problems);
    let zone = table.read("zone", zone, problems);
    let place = table.place.clone();
    table.finish("[audit]", problems);
    let to = to?;
    if to.value.is_empty() {
        problems.add(&place, "the head of the trail is told to nobody", remedy);
    }
    Some(HeadSettings {
        channels: to.value.into_iter().map(|at| at.value).collect(),
        at: at.map_or(Time::constant(9, 0, 0, 0), |at| at.value),
        zone: match zone {
            Some(zone) => zone.value,
            None => TimeZone::get("Asia/Seoul").unwrap_or(TimeZone::UTC),
        },
    })
}

/// A channel that can carry it: one that writes, to people or programs that keep what they get.
fn writing(text: &str, channels: &[&Channel]) -> Result<ChannelId, Fault> {
    let name: ChannelId = id(text)?;
    let known = || channels.iter().map(|channel| channel.id.as_str());
    let Some(channel) = channels.iter().find(|channel| channel.id == name) else {
        let remedy = match nearest(text, known()) {
            Some(word) => format!("did you mean \"{word}\"?"),
            None => "add a [[channel]] of this name, or name another".into(),
        };
        return Err(Fault::new(format!("there is no channel `{name}`"), remedy));
    };
    match channel.kind {
        ChannelKind::Mail(_)
        | ChannelKind::Cap(_)
        | ChannelKind::CapGateway(_)
        | ChannelKind::Webhook(_)
        | ChannelKind::Chat(_)
        | ChannelKind::Log => Ok(name),
        ChannelKind::SmsSmpp(_)
        | ChannelKind::SmsAgency(_)
        | ChannelKind::Siren(_)
        | ChannelKind::RelaySiren(_)
        | ChannelKind::Signboard(_)
        | ChannelKind::Mqtt(_)
        | ChannelKind::CellBroadcast(_)
        | ChannelKind::PublicAddress(_)
        | ChannelKind::Alertmanager(_) => Err(Fault::new(
            format!("`{name}` is no channel for the head of the trail"),
            "name one of kind mail, cap, cap-gateway, webhook, chat or log",
        )),
    }
}

fn time(text: &str) -> Result<Time, Fault> {
    let fault = || {
        let what = format!("`{}` is no time of the day", shortened(text));
        Fault::new(what, "write hours and minutes, say \"09:00\"")
    };
    let (hour, minute) = text.split_once(':').ok_or_else(fault)?;
    let number = |text: &str| text.parse::<i8>().ok().filter(|_| text.len() == 2);
    let (hour, minute) = number(hour).zip(number(minute)).ok_or_else(fault)?;
    Time::new(hour, minute, 0, 0).map_err(|_| fault())
}

fn zone(text: &str) -> Result<TimeZone, Fault> {
    TimeZone::get(text).map_err(|_| {
        let what = format!("`{}` is no time zone", shortened(text));
        Fault::new(what, "write its name, say \"Asia/Seoul\"")
    })
}
