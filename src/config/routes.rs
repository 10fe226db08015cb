//! Who hears a channel, from which level up, for which sites, and how deliveries are tried.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use alerting::Level;
use alerting::route::{Audience, Retry, Route};
use alerting::validity::QuietHours;
use reading::id::{ChannelId, GroupId, SiteId, StationId};

use super::channels::{CellGateway, ChannelKind, Kind};
use super::problem::Problems;
use super::resolve::Known;
use super::rotas;
use super::table::{Table, id};
use super::tree::At;
use super::value::{Fault, nearest};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(86_400);

/// Reads what every channel says, whatever its kind.
pub fn read(
    table: &mut Table,
    kind: Kind,
    name: Option<&At<ChannelId>>,
    settings: Option<&ChannelKind>,
    known: &Known,
    problems: &mut Problems,
) -> Option<Route> {
    table.need("audience", "write audience = \"officers\" or audience = \"public\"", problems);
    table.need("min-level", "say from which level up, say min-level = \"caution\"", problems);
    let audience = table.choice(
        "audience",
        &[("officers", Audience::Officers), ("public", Audience::Public)],
        problems,
    );
    let words = Level::ALL.map(|level| (level.name(), level));
    let min_level = table.choice("min-level", &words[1..], problems);
    let sites = table.reads("sites", |text| known_site(text, known), problems);
    if let Some(none) = sites.as_ref().filter(|sites| sites.value.is_empty()) {
        problems.add(
            &none.place,
            "the channel is for no site",
            "name one, or remove the key: then it is for all",
        );
    }
    let group = group(table, audience.as_ref(), known, problems);
    check_public(kind, settings, audience.as_ref(), problems);
    if kind.is_siren() {
        check_siren(min_level.as_ref(), problems);
    }
    let devices = settings.and_then(ChannelKind::devices);
    let recipients = match devices {
        // A siren warns of everything its channel is for; a signboard speaks of the place it stands at.
        Some(devices) if kind.is_siren() => devices.keys().cloned().collect(),
        Some(_) => Vec::new(),
        None if kind.is_to_devices() => Vec::new(),
        None if kind.is_to_contacts() => persons(table, known, problems),
        None => recipients(table, name, problems),
    };
    let concerned = match devices {
        Some(devices) if !kind.is_siren() => at_their_sites(devices),
        _ if kind.is_to_contacts() => {
            concerned(table, known, recipients.is_empty(), audience.as_ref(), problems)
        }
        _ => BTreeMap::new(),
    };
    let of_devices = || {
        let sites: BTreeSet<_> =
            devices.into_iter().flatten().map(|(_, (site, _))| site.clone()).collect();
        sites.into_iter().collect()
    };
    let retry = retry(table, kind, problems);
    let quiet = quiet(table, audience.as_ref(), problems);
    let gather = gather(table, kind, audience.as_ref(), problems);
    Some(Route {
        channel: name?.value.clone(),
        recipients,
        concerned,
        sites: sites.map_or_else(of_devices, |sites| {
            sites.value.into_iter().map(|site| site.value).collect()
        }),
        min_level: min_level?.value,
        audience: audience?.value,
        group,
        retry: retry?,
        personal: kind.is_to_contacts(),
        quiet,
        gather,
    })
}

/// How long little things wait for company. Only where people read: what is read by a program is not grouped for it.
fn gather(
    table: &mut Table,
    kind: Kind,
    audience: Option<&At<Audience>>,
    problems: &mut Problems,
) -> Option<Duration> {
    let gather = table.duration("gather", 10 * SECOND..=10 * MINUTE, problems)?;
    if let Some(At { value: Audience::Public, .. }) = audience {
        problems.add(&gather.place, "what the public hears waits for nothing", "remove it");
    } else if !kind.is_read_by_people() {
        let remedy = "remove it; SMS, mail, chat and log gather";
        problems.add(&gather.place, "a program reads this channel", remedy);
    }
    Some(gather.value)
}

/// When officers are left alone with little things. The public only hears what must not wait.
fn quiet(
    table: &mut Table,
    audience: Option<&At<Audience>>,
    problems: &mut Problems,
) -> Option<QuietHours> {
    let quiet = table.read("quiet-hours", rotas::quiet, problems)?;
    if let Some(At { value: Audience::Public, .. }) = audience {
        problems.add(&quiet.place, "the public hears at any hour", "remove it");
    }
    Some(quiet.value)
}

/// The name of a site that exists.
pub(super) fn known_site(text: &str, known: &Known) -> Result<SiteId, Fault> {
    let site: SiteId = id(text)?;
    if known.sites_whole && !known.sites.contains(&site) {
        let remedy = match nearest(text, known.sites.iter().map(SiteId::as_str)) {
            Some(word) => format!("did you mean \"{word}\"?"),
            None => "add its file to the folder of sites, or take it out of the list".into(),
        };
        return Err(Fault::new(format!("there is no site `{site}`"), remedy));
    }
    Ok(site)
}

/// Nobody lets the public hear but a person or a rule that somebody wrote down: the channel's group says which.
fn group(
    table: &mut Table,
    audience: Option<&At<Audience>>,
    known: &Known,
    problems: &mut Problems,
) -> Option<GroupId> {
    let given = table.place_of("group");
    let group = table.read("group", |text| known_group(text, known), problems);
    match (audience?.value, given) {
        (Audience::Public, None) => problems.add(
            &audience?.place,
            "nothing lets the public hear on this channel",
            "name the [[group]] it is released with: group = \"…\"",
        ),
        (Audience::Officers, Some(place)) => {
            problems.add(&place, "`group` is for the public; officers always hear", "remove it");
        }
        (Audience::Public, Some(_)) | (Audience::Officers, None) => {}
    }
    group.map(|group| group.value)
}

fn known_group(text: &str, known: &Known) -> Result<GroupId, Fault> {
    let group: GroupId = id(text)?;
    if known.groups.contains(&group) {
        return Ok(group);
    }
    let remedy = match nearest(text, known.groups.iter().map(GroupId::as_str)) {
        Some(word) => format!("did you mean \"{word}\"?"),
        None => format!("add [[group]] name = \"{group}\", approval = \"required\""),
    };
    Err(Fault::new(format!("there is no group `{group}`"), remedy))
}

/// What everybody sees or hears is for the public: only as policy released it.
fn check_public(
    kind: Kind,
    settings: Option<&ChannelKind>,
    audience: Option<&At<Audience>>,
    problems: &mut Problems,
) {
    let Some(At { value: Audience::Officers, place }) = audience else { return };
    let what = match settings {
        _ if kind.is_siren() => "everybody hears a siren, not officers alone",
        Some(ChannelKind::Signboard(_)) => "everybody sees a signboard, not officers alone",
        Some(ChannelKind::Mqtt(_)) => "everybody reads the topics of alerts, not officers alone",
        Some(ChannelKind::PublicAddress(_)) => "everybody hears a loudspeaker, not officers alone",
        Some(ChannelKind::CellBroadcast(cell)) if cell.gateway == CellGateway::Ecbe => {
            "everybody gets what a cell broadcast centre is given"
        }
        _ => return,
    };
    problems.add(place, what, "write audience = \"public\"");
}

fn check_siren(min_level: Option<&At<Level>>, problems: &mut Problems) {
    if let Some(level) = min_level.filter(|level| level.value != Level::Severe) {
        problems.add(
            &level.place,
            "a siren sounds at severe and not before",
            "write min-level = \"severe\"",
        );
    }
}

fn at_their_sites(
    devices: &BTreeMap<String, (SiteId, StationId)>,
) -> BTreeMap<SiteId, Vec<String>> {
    let mut there: BTreeMap<SiteId, Vec<String>> = BTreeMap::new();
    for (name, (site, _)) in devices {
        there.entry(site.clone()).or_default().push(name.clone());
    }
    there
}

/// Persons by name: each must be in the table of contacts.
fn persons(table: &mut Table, known: &Known, problems: &mut Problems) -> Vec<String> {
    if known.contacts.file.is_none() {
        problems.add(
            &table.place,
            "there is no table of contacts to find numbers and addresses in",
            "write contacts = \"contacts.csv\" at the head of the main file",
        );
    }
    if !table.has("recipients") {
        return Vec::new();
    }
    let place = table.place_of("recipients").unwrap_or_else(|| table.place.clone());
    let names = recipients(table, None, problems);
    if let Some(contacts) = &known.contacts.table {
        for name in names.iter().filter(|name| !contacts.by_id.contains_key(*name)) {
            let what = format!("there is no contact `{name}`");
            problems.add(&place, what, "add a line for them to the table of contacts");
        }
    }
    names
}

/// Persons by what they are: for each site those of the table whom it concerns.
fn concerned(
    table: &mut Table,
    known: &Known,
    needed: bool,
    audience: Option<&At<Audience>>,
    problems: &mut Problems,
) -> BTreeMap<SiteId, Vec<String>> {
    let Some(roles) = table.reads("roles", id::<ChannelId>, problems) else {
        if needed {
            problems.add(
                &table.place,
                "the channel tells nobody",
                "write recipients = [\"…\"], or roles = [\"officer\"] of the table of contacts",
            );
        }
        return BTreeMap::new();
    };
    if let Some(At { value: Audience::Officers, .. }) = audience
        && let Some(role) = roles.value.iter().find(|role| role.value.as_str() == "resident")
    {
        problems.add(&role.place, "residents are the public", "write audience = \"public\"");
    }
    let Some(contacts) = &known.contacts.table else { return BTreeMap::new() };
    let names: Vec<String> = roles.value.iter().map(|role| role.value.to_string()).collect();
    let of_site = |(site, district): (&SiteId, &String)| {
        (site.clone(), contacts.concerned(&names, site.as_str(), district))
    };
    let concerned: BTreeMap<_, _> = known.districts.iter().map(of_site).collect();
    if concerned.values().all(Vec::is_empty) {
        problems.warn(
            &roles.place,
            "nobody in the table of contacts has this role",
            "check its spelling",
        );
    }
    concerned
}

fn recipients(
    table: &mut Table,
    name: Option<&At<ChannelId>>,
    problems: &mut Problems,
) -> Vec<String> {
    let Some(given) = table.reads("recipients", id::<ChannelId>, problems) else {
        return name.map(|name| name.value.to_string()).into_iter().collect();
    };
    if given.value.is_empty() {
        problems.add(&given.place, "the channel has no recipient", "name one, or remove the key");
    }
    let mut names: Vec<String> = Vec::new();
    for recipient in given.value {
        let name = recipient.value.to_string();
        if names.contains(&name) {
            problems.add(&recipient.place, format!("`{name}` is there twice"), "remove one");
        }
        names.push(name);
    }
    names
}

fn retry(table: &mut Table, kind: Kind, problems: &mut Problems) -> Option<Retry> {
    let (mut first, mut max) = (2 * SECOND, 5 * MINUTE);
    if let Some(mut waits) = table.table("retry", problems) {
        let place = waits.place.clone();
        first = waits
            .duration("first", SECOND / 10..=60 * MINUTE, problems)
            .map_or(first, |at| at.value);
        max = waits.duration("max", SECOND / 10..=DAY, problems).map_or(max, |at| at.value);
        waits.finish("retry", problems);
        if max < first {
            problems.add(
                &place,
                "`max` is below `first`",
                "let the longest wait be at least the first one",
            );
        }
    }
    let receipt_within = kind.receipt_within().map(|usual| {
        let given = table.duration("receipt-within", SECOND..=24 * 60 * MINUTE, problems);
        given.map_or(usual, |at| at.value)
    });
    let repeat_is_safe = kind
        .repeat_is_safe()
        .is_none_or(|usual| table.flag("repeat-is-safe", problems).map_or(usual, |at| at.value));
    let expire_after = table.duration("expire-after", SECOND..=30 * DAY, problems);
    if let Some(expire) =
        expire_after.as_ref().filter(|at| at.value <= first + receipt_within.unwrap_or_default())
    {
        problems.add(
            &expire.place,
            "it expires before a second attempt",
            "let `expire-after` be longer",
        );
    }
    let expire_after = expire_after.map_or(kind.expire_after(), |at| at.value);
    Some(Retry { first, max, expire_after, receipt_within, repeat_is_safe })
}
