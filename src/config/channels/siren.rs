//! Sirens that take commands over MQTT.

use std::collections::BTreeMap;
use std::time::Duration;

use alerting::Status;
use reading::id::{SiteId, StationId};

use super::{MINUTE, SECOND};
use crate::config::problem::Problems;
use crate::config::resolve::Known;
use crate::config::table::Table;
use crate::config::tree::At;
use crate::config::value::{Fault, nearest, shortened};

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

/// Reads what is said of sirens.
pub fn siren(table: &mut Table, known: &Known, problems: &mut Problems) -> Option<SirenSettings> {
    table.need("sirens", "say which: sirens = [\"site/station\"]", problems);
    let sirens = table.reads("sirens", |text| siren_station(text, known), problems);
    let duration = table.duration("duration", SECOND..=30 * MINUTE, problems);
    let valid_for = table.duration("valid-for", SECOND..=60 * MINUTE, problems);
    let simulated = simulated(table, known.status, "siren", problems);
    Some(SirenSettings {
        sirens: by_recipient(sirens?, "siren", "sirens", problems),
        duration: duration.map_or(3 * MINUTE, |at| at.value),
        valid_for: valid_for.map_or(2 * MINUTE, |at| at.value),
        simulated,
    })
}

/// Whether nothing behind a channel reaches anybody. In earnest it must, in a test it must not.
pub fn simulated(
    table: &mut Table,
    status: Option<Status>,
    what: &str,
    problems: &mut Problems,
) -> bool {
    let simulated = table.flag("simulated", problems);
    match (&simulated, status) {
        (Some(At { value: true, place }), Some(Status::Actual)) => {
            problems.add(
                place,
                format!("a simulated {what} warns nobody"),
                "remove `simulated`, or set status = \"test\"",
            );
        }
        (None | Some(At { value: false, .. }), Some(Status::Test)) => {
            let place = simulated.as_ref().map_or(&table.place, |flag| &flag.place);
            problems.add(
                place,
                format!("a test must not reach a real {what}"),
                "write simulated = true where nothing reaches anybody, or take the channel out",
            );
        }
        _ => {}
    }
    simulated.is_some_and(|flag| flag.value)
}

/// Devices under the names they have as recipients.
pub fn by_recipient(
    sirens: At<Vec<At<(SiteId, StationId)>>>,
    what: &str,
    key: &str,
    problems: &mut Problems,
) -> BTreeMap<String, (SiteId, StationId)> {
    if sirens.value.is_empty() {
        problems.add(
            &sirens.place,
            format!("the channel names no {what}"),
            format!("write {key} = [\"site/station\"]"),
        );
    }
    let mut named = BTreeMap::new();
    for At { value: (site, station), place } in sirens.value {
        let name = format!("{site}-{station}");
        if named.insert(name.clone(), (site, station)).is_some() {
            problems.add(&place, format!("a second {what} is called `{name}`"), "remove one");
        }
    }
    named
}

/// A station of a site, by both names.
///
/// # Errors
/// A [`Fault`] if there is none.
pub fn siren_station(text: &str, known: &Known) -> Result<(SiteId, StationId), Fault> {
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
