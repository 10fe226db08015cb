//! What a drill is made of: a scenario's sites with their instruments and criteria, ways out of the drill's own.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use alerting::approval::{ChannelGroup, Release};
use alerting::catalogue;
use alerting::route::{Audience, Retry, Route};
use alerting::setup::Setup;
use alerting::{Level, Status};
use firmware_sim::Scenario;
use reading::id::{ChannelId, GroupId};
use reading::registry::Text;
use reading::{Registry, SiteId, StationId};

use crate::config::{
    BrokerSettings, Collector, CollectorKind, Config, ExerciseSettings, JournalSettings, Problems,
};
use crate::daemon::DrillRoads;

/// The one collector of a drill: its own broker.
const SOURCE: &str = "exercise";

const MIB: u64 = 1 << 20;

/// All that a drill needs to start.
pub struct Plan {
    /// As a daemon is configured.
    pub config: Config,
    /// Its ways out.
    pub roads: DrillRoads,
    /// What happens.
    pub scenario: Scenario,
    /// Where.
    pub sites: BTreeSet<SiteId>,
}

/// Plans a drill of `scenario` beside an operation of `live`, whose field is `setup` at present.
///
/// A site of the scenario that is configured plays with its own instruments, criteria and people; another one with
/// those of the demo.
///
/// # Errors
/// What cannot be, in words.
pub fn plan(
    live: &Config,
    setup: &Setup,
    scenario: Scenario,
    wanted: &[String],
    folder: &Path,
    speed: f64,
) -> Result<Plan, Text> {
    let demo = Config::demo().map_err(|_| catalogue::text("exercise-scenario", &["demo"]))?.setup;
    let sites = sites(&scenario, wanted, setup, &demo)?;
    let settings = &live.exercise;
    let registry =
        Registry::gather(&[&setup.registry, &demo.registry], |site| sites.contains(site), SOURCE);
    let devices = devices(&scenario, &registry);
    let group = settings.groups.first().map(|group| group.id.clone());
    let roads = roads(settings, &devices, speed);
    let parts = [setup, &demo];
    let from = |part: usize, site: &SiteId| {
        let first = parts.iter().position(|one| one.registry.site(site.as_str()).is_some());
        sites.contains(site) && first == Some(part)
    };
    let of_parts = || parts.iter().enumerate();
    let setup = Setup {
        rules: of_parts()
            .flat_map(|(part, one)| one.rules.iter().filter(move |rule| from(part, &rule.site)))
            .cloned()
            .collect(),
        policies: of_parts()
            .flat_map(|(part, one)| one.policies.iter().filter(move |(site, _)| from(part, site)))
            .map(|(site, policy)| (site.clone(), *policy))
            .collect(),
        registry,
        routes: routes(settings, &roads, group.as_ref()),
        groups: settings.groups.iter().map(|group| in_real_time(group, speed)).collect(),
        status: Status::Exercise,
        sender: setup.sender.clone(),
        sources: vec![SOURCE.into()],
        zones: setup.zones.clone(),
        // Nobody is called who takes no part: no ladders, no rotas.
        ..Setup::empty()
    };
    let broker = BrokerSettings {
        listen: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0),
        users: Vec::new(),
        gateways: None,
        tls: None,
    };
    let config = Config {
        data_dir: folder.join("data"),
        contacts: settings.contacts.clone(),
        http: settings.http.clone(),
        journal: JournalSettings {
            segment: 16 * MIB,
            retain: 1_024 * MIB,
            retain_age: Duration::from_secs(10 * 86_400),
            reserve: 16 * MIB,
        },
        archive: None,
        head: None,
        collectors: vec![Collector {
            name: SOURCE.into(),
            kind: CollectorKind::EmbeddedBroker(broker),
        }],
        channels: Vec::new(),
        exercise: ExerciseSettings::default(),
        setup,
        warnings: Problems::default(),
        ..live.clone()
    };
    Ok(Plan { config: config.for_simulated_clock(speed), roads, scenario, sites })
}

fn sites(
    scenario: &Scenario,
    wanted: &[String],
    live: &Setup,
    demo: &Setup,
) -> Result<BTreeSet<SiteId>, Text> {
    let played: BTreeSet<SiteId> = scenario.sites().iter().map(|site| site.id.clone()).collect();
    let unknown = |site: &str| catalogue::text("exercise-site-unknown", &[site]);
    let chosen: BTreeSet<SiteId> = match wanted {
        [] => played,
        _ => {
            let known = |name: &String| played.iter().find(|site| site.as_str() == name).cloned();
            wanted
                .iter()
                .map(|name| known(name).ok_or_else(|| unknown(name)))
                .collect::<Result<_, _>>()?
        }
    };
    let has = |setup: &Setup, site: &SiteId| setup.registry.site(site.as_str()).is_some();
    match chosen.iter().find(|site| !has(live, site) && !has(demo, site)) {
        Some(site) => Err(unknown(site.as_str())),
        None => Ok(chosen),
    }
}

/// The sirens of the scenario that are registered, with the boards under them.
fn devices(scenario: &Scenario, registry: &Registry) -> Vec<(SiteId, StationId)> {
    let stands = |site: &SiteId, station: &StationId| {
        let site = registry.site(site.as_str())?;
        registry.station(site, station.as_str())
    };
    let sirens = scenario.sirens().filter(|(site, station)| stands(site, station).is_some());
    sirens.map(|(site, station)| (site.clone(), station.clone())).collect()
}

fn roads(settings: &ExerciseSettings, devices: &[(SiteId, StationId)], speed: f64) -> DrillRoads {
    let recipient = |(site, station): &(SiteId, StationId)| format!("{site}-{station}");
    let sirens = devices.iter().enumerate().map(|(at, place)| {
        (name(&format!("exercise-siren-{}", at + 1)), recipient(place), place.clone())
    });
    let boards: BTreeMap<_, _> =
        devices.iter().map(|place| (recipient(place), place.clone())).collect();
    DrillRoads {
        channels: settings.channels.clone(),
        log: log_route().channel,
        cap: name("exercise-cap"),
        topics: name("exercise-topics"),
        sirens: sirens.collect(),
        boards: (!boards.is_empty()).then(|| (name("exercise-signboards"), boards)),
        speed,
    }
}

/// Who hears what: what every drill has, and those who take part.
fn routes(settings: &ExerciseSettings, roads: &DrillRoads, group: Option<&GroupId>) -> Vec<Route> {
    let public = |channel: &ChannelId, min_level| Route {
        channel: channel.clone(),
        recipients: vec![channel.to_string()],
        min_level,
        audience: Audience::Public,
        group: group.cloned(),
        ..log_route()
    };
    let answered = |route: Route| Route {
        retry: Retry { receipt_within: Some(Duration::from_secs(10)), ..route.retry },
        ..route
    };
    let mut all = vec![log_route()];
    all.extend([&roads.cap, &roads.topics].map(|channel| public(channel, Level::Warning)));
    all.extend(roads.sirens.iter().map(|(channel, recipient, (site, _))| {
        let route = Route {
            recipients: vec![recipient.clone()],
            sites: vec![site.clone()],
            ..public(channel, Level::Severe)
        };
        answered(route)
    }));
    all.extend(roads.boards.iter().map(|(channel, boards)| {
        let mut there: BTreeMap<SiteId, Vec<String>> = BTreeMap::new();
        for (recipient, (site, _)) in boards {
            there.entry(site.clone()).or_default().push(recipient.clone());
        }
        let route = Route {
            recipients: Vec::new(),
            sites: there.keys().cloned().collect(),
            concerned: there,
            ..public(channel, Level::Warning)
        };
        answered(route)
    }));
    all.extend(settings.routes.iter().cloned());
    all
}

/// The log of a drill, which officers hear: nobody need be reached for an approval to be asked.
pub(crate) fn log_route() -> Route {
    Route {
        channel: name("exercise-log"),
        recipients: vec!["exercise-log".into()],
        concerned: BTreeMap::new(),
        sites: Vec::new(),
        min_level: Level::Attention,
        audience: Audience::Officers,
        group: None,
        personal: false,
        quiet: None,
        gather: None,
        retry: Retry {
            first: Duration::from_secs(2),
            max: Duration::from_secs(300),
            expire_after: Duration::from_secs(1_800),
            receipt_within: None,
            repeat_is_safe: true,
        },
    }
}

/// People answer in their own time, whatever the speed of the storm.
fn in_real_time(group: &ChannelGroup, speed: f64) -> ChannelGroup {
    let mut group = group.clone();
    if let Release::After { wait, .. } = &mut group.release {
        *wait = wait.mul_f64(speed);
    }
    group
}

fn name(text: &str) -> ChannelId {
    ChannelId::new(text).expect("names of ours are identifiers")
}
