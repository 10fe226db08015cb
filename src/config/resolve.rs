//! The walk through all files: collectors first, then sites, then what refers to them.

use std::collections::{BTreeMap, BTreeSet};

use alerting::Status;
use alerting::engine::SYSTEM_ZONE;
use alerting::route::Route;
use alerting::rule::Rule;
use alerting::setup::{Policy, Setup};
use delivery::text::{Template, Texts};
use ingest::archive::history::Keep;
use reading::Timestamp;
use reading::id::{GroupId, SiteId, StationId};
use reading::registry::Registry;

use super::Config;
use super::channels::{self, Channel, ChannelEntry};
use super::collectors::{self, Collector};
use super::contacts;
use super::daemon::{self, Daemon};
use super::exercise::{self, ExerciseEntry};
use super::feeds::{self, FeedEntry};
use super::groups::{self, GroupEntry};
use super::inhibitions::{self, InhibitEntry};
use super::ladders::{self, LadderEntry};
use super::problem::{Place, Problems};
use super::rotas::{self, RotaEntry};
use super::sites::{self, SiteEntry};
use super::source::Folder;
use super::stations::Names;
use super::table::Table;
use super::templates::Templates;
use super::texts;
use super::tree::At;
use super::validity::offsets;
use super::wires::{self, Claimed};
use super::{archive, audit, heartbeat, history, layers};

/// What other entries may refer to.
pub struct Known {
    /// Whether alerts are in earnest, if that is known.
    pub status: Option<Status>,
    /// Whether others can follow a link to us.
    pub has_public_url: bool,
    /// The sites, even those with something wrong.
    pub sites: BTreeSet<SiteId>,
    /// Their stations.
    pub stations: BTreeSet<(SiteId, StationId)>,
    /// The groups of public channels, even those with something wrong.
    pub groups: BTreeSet<GroupId>,
    /// Whether every file of a site could be read: only then is an unknown name a mistake.
    pub sites_whole: bool,
    /// Their district codes; empty where one is unknown.
    pub districts: BTreeMap<SiteId, String>,
    /// The table of persons.
    pub contacts: contacts::Known,
}

impl Known {
    fn new(entries: &[SiteEntry], sites_whole: bool) -> Self {
        let named = || entries.iter().filter_map(|entry| Some((&entry.id.as_ref()?.value, entry)));
        let stations = named().flat_map(|(site, entry)| {
            entry.station_ids.iter().map(|id| (site.clone(), id.clone()))
        });
        let sites = named().map(|(site, _)| site.clone()).collect();
        Self {
            status: None,
            has_public_url: false,
            sites,
            stations: stations.collect(),
            groups: BTreeSet::new(),
            sites_whole,
            districts: named()
                .filter_map(|(id, entry)| Some((id.clone(), entry.site.as_ref()?.district.clone())))
                .collect(),
            contacts: contacts::Known::default(),
        }
    }
}

/// Reads everything, and gives it if there is no error.
///
/// # Errors
/// Every problem, sorted.
pub fn resolve(main: &str, folder: &Folder<'_>) -> Result<Config, Problems> {
    let mut problems = Problems::default();
    let config = read(main, folder, &mut problems);
    problems.sort();
    match config {
        Some(config) if problems.errors() == 0 => Ok(Config { warnings: problems, ..config }),
        _ => Err(problems),
    }
}

fn read(main: &str, folder: &Folder<'_>, problems: &mut Problems) -> Option<Config> {
    let mut table = folder.parse(main, problems)?;
    let Ways { sources, collectors, claimed, feeds } =
        read_collectors(&mut table, folder, problems);
    let known = Names { templates: Templates::read(&mut table, problems), sources };
    let sites = daemon::sites_folder(&mut table, problems);
    let (entries, sites_whole) = read_sites(&sites, folder, &known, problems);
    let sites = sites.value.into();
    let (sources, instruments) = (known.sources, known.templates.measures());
    if sites_whole {
        wires::check(&claimed, &entries, problems);
    }
    let status = daemon::status(&mut table, problems);
    let daemon = daemon::read(&mut table, status, folder, problems);
    let layers = layers::read(&mut table, folder, problems);
    let archive = table.table("archive", problems);
    let archive = archive.map(|table| archive::read(table, folder, problems));
    let history = table.table("history", problems);
    let history = history.map_or_else(Keep::default, |table| history::read(table, problems));
    let heartbeat = table.table("heartbeat", problems);
    let heartbeat = heartbeat.map(|table| heartbeat::read(table, folder, problems));
    let has_public_url = daemon.as_ref().is_some_and(|daemon| daemon.http.public_url.is_some());
    let released = read_groups(&mut table, problems);
    let groups = released.iter().filter_map(|entry| entry.name.as_ref());
    let groups = groups.map(|name| name.value.clone()).collect();
    let contacts = contacts::read(&mut table, folder, problems);
    let known =
        Known { status, has_public_url, groups, contacts, ..Known::new(&entries, sites_whole) };
    check_gateways(&entries, &known, problems);
    let channels = read_channels(&mut table, folder, &known, problems);
    let templates = read_templates(&mut table, &channels, &known, problems);
    let named: Vec<&Channel> = channels.iter().map(|(channel, _, _)| channel).collect();
    let head = table.table("audit", problems);
    let head = head.and_then(|table| audit::read(table, &named, problems));
    let drills = table.table("exercise", problems);
    let drills = drills.map(|table| exercise::read(table, folder, &known, &channels, problems));
    let routes: Vec<Route> = channels.iter().map(|(_, route, _)| route.clone()).collect();
    groups::check(&released, &routes, problems);
    let rotas = read_rotas(&mut table, problems);
    let ladders = read_ladders(&mut table, &known, problems);
    let inhibitions = read_inhibitions(&mut table, &known, problems);
    ladders::check(&ladders, &rotas, &routes, &known.contacts, problems);
    table.finish("the main file", problems);
    let Daemon { data_dir, status, sender, http, journal, objective } = daemon?;
    let documents = entries.iter().filter(|entry| !entry.documents.is_empty());
    let documents = documents
        .filter_map(|entry| Some((entry.id.as_ref()?.value.clone(), entry.documents.clone())));
    let documents = documents.collect();
    let (registry, rules, policies) = field(entries);
    if sites_whole && problems.errors() == 0 {
        feeds.iter().for_each(|entry| feeds::check(entry, &registry, problems));
    }
    if sites_whole && problems.errors() == 0 {
        inhibitions::check(&inhibitions, &registry, &rules, problems);
    }
    let zones = zones(&registry, &ladders, &routes);
    let setup = Setup {
        registry,
        rules,
        policies,
        routes,
        groups: released.into_iter().filter_map(|entry| entry.group).collect(),
        ladders: ladders.into_iter().filter_map(|entry| entry.ladder).collect(),
        rotas: rotas.into_iter().filter_map(|entry| entry.rota).collect(),
        inhibitions: inhibitions.into_iter().filter_map(|entry| entry.inhibition).collect(),
        zones,
        status,
        sender: sender.name,
        sources,
        feeds: collectors
            .iter()
            .filter_map(Collector::feed)
            .cloned()
            .chain(feeds.into_iter().map(|entry| entry.feed))
            .collect(),
    };
    let link = http.public_url.clone().unwrap_or_default();
    let texts = Texts::new(templates.clone(), setup.sender.clone(), sender.contact.clone(), link);
    channels::check_mailboxes(&channels, problems);
    if problems.errors() == 0 {
        texts::check(&texts, &channels, &setup, problems);
        channels::check_profiles(&channels, &setup, problems);
        if let Some(ExerciseEntry { spoken, .. }) = &drills {
            let drill = Setup { status: Status::Exercise, ..setup.clone() };
            texts::check(&texts, spoken, &drill, problems);
        }
    }
    let channels = channels.into_iter().map(|(channel, _, _)| channel).collect();
    let warnings = Problems::default();
    Some(Config {
        file: None,
        data_dir,
        sender_id: sender.id,
        contact: sender.contact,
        contacts: known.contacts.file,
        templates,
        http,
        layers,
        documents,
        journal,
        objective,
        archive: archive.flatten(),
        history,
        heartbeat: heartbeat.flatten(),
        head,
        sites,
        instruments,
        collectors,
        channels,
        exercise: drills.map(|entry| entry.settings).unwrap_or_default(),
        setup,
        warnings,
    })
}

fn read_groups(table: &mut Table, problems: &mut Problems) -> Vec<GroupEntry> {
    let (mut entries, mut seen) = (Vec::new(), Seen::default());
    for entry in table.tables("group", problems) {
        let entry = groups::read(entry, problems);
        if let Some(name) = &entry.name {
            seen.add("group", name, problems);
        }
        entries.push(entry);
    }
    entries
}

fn read_rotas(table: &mut Table, problems: &mut Problems) -> Vec<RotaEntry> {
    let (mut entries, mut seen) = (Vec::new(), Seen::default());
    for entry in table.tables("rota", problems) {
        let entry = rotas::read(entry, problems);
        if let Some(name) = &entry.name {
            seen.add("rota", name, problems);
        }
        entries.push(entry);
    }
    entries
}

fn read_ladders(table: &mut Table, known: &Known, problems: &mut Problems) -> Vec<LadderEntry> {
    let (mut entries, mut seen) = (Vec::new(), Seen::default());
    for entry in table.tables("ladder", problems) {
        let entry = ladders::read(entry, known, problems);
        if let Some(name) = &entry.name {
            seen.add("ladder", name, problems);
        }
        entries.push(entry);
    }
    entries
}

fn read_inhibitions(
    table: &mut Table,
    known: &Known,
    problems: &mut Problems,
) -> Vec<InhibitEntry> {
    let (mut entries, mut seen) = (Vec::new(), Seen::default());
    for entry in table.tables("inhibit", problems) {
        let entry = inhibitions::read(entry, known, problems);
        if let Some(name) = &entry.name {
            seen.add("inhibition", name, problems);
        }
        entries.push(entry);
    }
    entries
}

/// The offsets of every zone that a rota or quiet hours may be read in: those of the sites, and our own.
fn zones(
    registry: &Registry,
    ladders: &[LadderEntry],
    routes: &[Route],
) -> BTreeMap<String, Vec<(Timestamp, i32)>> {
    if ladders.is_empty() && routes.iter().all(|route| route.quiet.is_none()) {
        return BTreeMap::new();
    }
    let zones = registry.sites().iter().map(|site| site.zone.as_str()).chain([SYSTEM_ZONE]);
    zones.map(|zone| (zone.to_owned(), offsets(zone))).collect()
}

/// The ways in.
#[derive(Default)]
struct Ways {
    /// The names of all collectors.
    sources: Vec<String>,
    /// Those with nothing wrong.
    collectors: Vec<Collector>,
    /// Whom ports and buses name.
    claimed: Vec<Claimed>,
    /// What they read of foreign devices.
    feeds: Vec<FeedEntry>,
}

/// Every collector. Two must not have the same wire: one of them would wait for it for ever.
fn read_collectors(table: &mut Table, folder: &Folder<'_>, problems: &mut Problems) -> Ways {
    table.need(
        "collector",
        "say how readings come in: [[collector]] name = \"field\", kind = \"mqtt\", …",
        problems,
    );
    let (mut ways, mut seen) = (Ways::default(), Seen::default());
    let mut ports: BTreeMap<String, Place> = BTreeMap::new();
    for entry in table.tables("collector", problems) {
        let entry = collectors::read(entry, folder, problems);
        if let Some(name) = entry.name {
            seen.add("collector", &name, problems);
            ways.sources.push(name.value);
        }
        if let Some(At { value: port, place }) = entry.wires.port {
            match ports.get(&port) {
                Some(first) => {
                    let remedy = format!("the first is at {first}; list there all that is on it");
                    problems.add(&place, format!("a second collector has {port}"), remedy);
                }
                None => _ = ports.insert(port, place),
            }
        }
        ways.claimed.extend(entry.wires.claimed);
        ways.collectors.extend(entry.collector);
        ways.feeds.extend(entry.feeds);
    }
    ways
}

/// What every site's file says, and whether each could be read.
fn read_sites(
    place: &At<String>,
    folder: &Folder<'_>,
    known: &Names,
    problems: &mut Problems,
) -> (Vec<SiteEntry>, bool) {
    let before = problems.errors();
    let files = folder.list(place, problems);
    if files.is_empty() && problems.errors() == before {
        let what = format!("there is no site: `{}` holds no *.toml file", place.value);
        problems.add(&place.place, what, "add one file a site");
    }
    let (mut entries, mut seen) = (Vec::new(), Seen::default());
    for file in &files {
        let Some(table) = folder.parse(file, problems) else { continue };
        let entry = sites::read(table, known, problems);
        if let Some(id) = &entry.id {
            seen.add("site", id, problems);
        }
        entries.push(entry);
    }
    let whole = !files.is_empty()
        && entries.len() == files.len()
        && entries.iter().all(|entry| entry.id.is_some());
    (entries, whole)
}

/// A gateway is a station of some site.
fn check_gateways(entries: &[SiteEntry], known: &Known, problems: &mut Problems) {
    let named = entries.iter().flat_map(|entry| &entry.gateways);
    for At { value: (site, id), place } in named.filter(|_| known.sites_whole) {
        if !known.stations.contains(&(site.clone(), id.clone())) {
            let what = format!("there is no station `{id}` at `{site}`");
            problems.add(place, what, "add a [[station]] for the gateway, sensors or not");
        }
    }
}

fn read_channels(
    table: &mut Table,
    folder: &Folder<'_>,
    known: &Known,
    problems: &mut Problems,
) -> Vec<(Channel, Route, Place)> {
    if !table.has("channel") {
        problems.warn(
            &table.place,
            "there is no [[channel]]: nobody will be told",
            "add one, at least kind = \"log\"",
        );
    }
    let (mut channels, mut feed, mut seen) = (Vec::new(), None, Seen::default());
    for entry in table.tables("channel", problems) {
        let place = entry.place.clone();
        let ChannelEntry { name, channel, cap } = channels::read(entry, folder, known, problems);
        if let Some(name) = name {
            seen.add("channel", &name, problems);
        }
        if let Some(second) = cap.as_ref().filter(|_| feed.is_some()) {
            problems.add(second, "there is one CAP feed, and two channels of it", "make them one");
        }
        feed = feed.or(cap);
        channels.extend(channel.map(|(channel, route)| (channel, route, place)));
    }
    channels
}

/// The templates that an installation writes.
fn read_templates(
    table: &mut Table,
    channels: &[(Channel, Route, Place)],
    known: &Known,
    problems: &mut Problems,
) -> Vec<Template> {
    let mut templates = Vec::new();
    for entry in table.tables("text", problems) {
        let place = entry.place.clone();
        let Some(value) = texts::read(entry, problems) else { continue };
        let template = At { value, place };
        if known.sites_whole {
            texts::check_names(&template, channels, &known.sites, problems);
        }
        templates.push(template.value);
    }
    templates
}

/// What stands in the field, the criteria by site and name, and the policies that differ from the default.
fn field(entries: Vec<SiteEntry>) -> (Registry, Vec<Rule>, BTreeMap<SiteId, Policy>) {
    let (mut sites, mut stations, mut rules, mut policies) =
        (Vec::new(), Vec::new(), Vec::new(), BTreeMap::new());
    for entry in entries {
        if let Some((id, policy)) = entry.id.zip(entry.policy) {
            policies.insert(id.value, policy);
        }
        sites.extend(entry.site);
        stations.extend(entry.stations);
        rules.extend(entry.rules);
    }
    rules.sort_by(|a, b| (&a.site, &a.id).cmp(&(&b.site, &b.id)));
    (Registry::new(sites, stations), rules, policies)
}

/// Names that are taken, and where the first of each stands.
#[derive(Default)]
struct Seen(BTreeMap<String, Place>);

impl Seen {
    fn add(&mut self, what: &str, name: &At<impl ToString>, problems: &mut Problems) {
        let text = name.value.to_string();
        match self.0.get(&text) {
            Some(first) => {
                problems.add(
                    &name.place,
                    format!("a second {what} is called `{text}`"),
                    format!("the first is at {first}; rename one"),
                );
            }
            None => {
                self.0.insert(text, name.place.clone());
            }
        }
    }
}
