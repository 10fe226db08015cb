//! A small world for tests of the engine: sites with posts, rules a person would write, and a journal in memory.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::allow_attributes,
    reason = "each test file uses a part of it; a test may panic"
)]

pub mod chance;

use std::time::Duration;

use alerting::alert::Status;
use alerting::approval::{ChannelGroup, Release};
use alerting::condition::{
    ConditionSettings, Side, accumulation, anomaly, persistence, rate, silence, threshold,
};
use alerting::delivery::{AttemptResult, Outcome};
use alerting::engine::Moment;
use alerting::level::Level;
use alerting::route::{Audience, Retry, Route};
use alerting::rule::{Group, Provenance, Quorum, Rule, When};
use alerting::setup::Setup;
use alerting::validity::Validity;
use alerting::{Action, Decision, Engine};
use reading::registry::{Registry, SeriesEntry, Site, StationEntry, Text};
use reading::{Quality, Quantity, Reading, SeriesIndex, Timestamp};

pub const START: i64 = 1_784_000_000;
pub const LATENESS: Duration = Duration::from_secs(900);

pub fn minute(minutes: i64) -> Timestamp {
    Timestamp::from_secs(START + minutes * 60)
}

pub fn text(text: &str) -> Text {
    Text { ko: text.into(), en: text.into() }
}

fn site(id: &str) -> Site {
    Site {
        name: text(id),
        area: text("below the slope"),
        instruction: text("leave now"),
        district: "4113510300".into(),
        ..Site::of(id.parse().unwrap(), (37.5, 127.0))
    }
}

fn post(site: &str, id: &str, quantities: &[(&str, Quantity)]) -> StationEntry {
    let entry = |(sensor, quantity): &(&str, Quantity)| SeriesEntry {
        range: (-1e6, 1e6),
        lateness: LATENESS,
        ..SeriesEntry::of(sensor.parse().unwrap(), *quantity)
    };
    StationEntry {
        series: quantities.iter().map(entry).collect(),
        ..StationEntry::of(site.parse().unwrap(), id.parse().unwrap(), "field")
    }
}

pub fn persist(raise_count: u8, window_len: u8, clear_count: u8) -> persistence::Settings {
    persistence::Settings {
        raise_count,
        window_len,
        hold: Duration::ZERO,
        clear_count,
        gap_max: Duration::from_secs(1_800),
    }
}

pub fn rule(
    site: &str,
    id: &str,
    group: Group,
    level: Level,
    series: &[&str],
    condition: ConditionSettings,
) -> Rule {
    let series = series.iter().map(|s| format!("{site}/{s}").parse().unwrap()).collect();
    let (id, site) = (id.parse().unwrap(), site.parse().unwrap());
    Rule::plain(id, site, group, level, series, vec![], condition, Provenance::default())
}

pub fn above(
    raise_at: f64,
    clear_below: f64,
    persistence: persistence::Settings,
) -> ConditionSettings {
    ConditionSettings::Threshold(threshold::Settings {
        side: Side::Above,
        raise_at,
        clear_below,
        persistence,
    })
}

fn rate_of(raise_at: f64) -> ConditionSettings {
    ConditionSettings::Rate(rate::Settings {
        estimator: rate::Estimator::LeastSquares,
        window: Duration::from_secs(3_600),
        side: Side::Magnitude,
        raise_at,
        clear_below: raise_at * 0.8,
        samples_min: 7,
        short: None,
        significance: 4.0,
        persistence: persist(3, 5, 3),
    })
}

pub fn route(channel: &str, min_level: Level, audience: Audience) -> Route {
    Route {
        channel: channel.parse().unwrap(),
        recipients: vec!["all".into()],
        concerned: std::collections::BTreeMap::new(),
        sites: vec![],
        min_level,
        audience,
        group: (audience == Audience::Public).then(|| "public".parse().unwrap()),
        retry: Retry {
            first: Duration::from_secs(2),
            max: Duration::from_secs(300),
            expire_after: Duration::from_secs(6 * 3_600),
            receipt_within: None,
            repeat_is_safe: true,
        },
        personal: false,
        quiet: None,
        gather: None,
    }
}

pub fn written() -> Provenance {
    Provenance { author: "test".into(), ..Provenance::default() }
}

pub fn group(id: &str, release: Release) -> ChannelGroup {
    let remind = Duration::from_secs(60);
    ChannelGroup { id: id.parse().unwrap(), release, persons: 1, remind, ask: vec![] }
}

/// Two slopes with two posts and a rain gauge each, rules on tilt and rain, silence on everything.
pub fn setup() -> Setup {
    let mut stations = Vec::new();
    let mut rules = Vec::new();
    for site in ["cut-1", "cut-2"] {
        stations.push(post(site, "post-1", &[("tilt-1", Quantity::TiltX)]));
        stations.push(post(site, "post-2", &[("tilt-1", Quantity::TiltX)]));
        stations.push(post(site, "rain-1", &[("gauge-1", Quantity::Rain)]));
        let tilts = ["post-1/tilt-1/tilt-x", "post-2/tilt-1/tilt-x"];
        let all = ["post-1/tilt-1/tilt-x", "post-2/tilt-1/tilt-x", "rain-1/gauge-1/rain"];
        rules.push(rule(
            site,
            "tilt-caution",
            Group::Deformation,
            Level::Caution,
            &tilts,
            above(1.0, 0.8, persist(2, 3, 3)),
        ));
        rules.push(rule(
            site,
            "tilt-severe",
            Group::Deformation,
            Level::Severe,
            &tilts,
            above(3.0, 2.5, persist(3, 5, 3)),
        ));
        rules.push(rule(
            site,
            "tilt-rate",
            Group::Deformation,
            Level::Warning,
            &tilts,
            rate_of(2.0),
        ));
        let rain = ConditionSettings::Accumulation(accumulation::Settings {
            source: Default::default(),
            window: Duration::from_secs(3 * 3_600),
            raise_at: 90.0,
            clear_below: 80.0,
            persistence: persist(1, 1, 3),
        });
        rules.push(rule(
            site,
            "rain-3h",
            Group::Rain,
            Level::Caution,
            &["rain-1/gauge-1/rain"],
            rain,
        ));
        let quiet =
            ConditionSettings::Silence(silence::Settings { after: Duration::from_secs(3 * 3_600) });
        rules.push(rule(site, "silence", Group::Health, Level::Attention, &all, quiet));
    }
    Setup {
        registry: Registry::new(vec![site("cut-1"), site("cut-2")], stations),
        rules,
        policies: Default::default(),
        routes: vec![
            route("duty", Level::Attention, Audience::Officers),
            route("public", Level::Warning, Audience::Public),
        ],
        groups: vec![group("public", Release::Automatic { rule: written() })],
        ladders: vec![],
        rotas: vec![],
        inhibitions: vec![],
        zones: Default::default(),
        status: Status::Actual,
        sender: text("test office"),
        feeds: vec![],
        sources: vec!["field".into()],
    }
}

/// The same with rules of several clauses: movement on both posts unless it is dry; movement at night only, kept
/// for longer; water or movement.
pub fn composed() -> Setup {
    let mut setup = setup();
    for site in ["cut-1", "cut-2"] {
        let tilts = ["post-1/tilt-1/tilt-x", "post-2/tilt-1/tilt-x"];
        let moving = |id: &str, at: f64| {
            let condition = above(at, at * 0.8, persist(2, 3, 2));
            rule(site, id, Group::Deformation, Level::Severe, &tilts, condition)
        };
        let dry = ConditionSettings::Threshold(threshold::Settings {
            side: Side::Below,
            raise_at: 0.3,
            clear_below: 0.5,
            persistence: persist(2, 3, 2),
        });
        let dry = rule(site, "dry", Group::Rain, Level::Caution, &["rain-1/gauge-1/rain"], dry);
        let mut both = moving("both", 1.5);
        both.clauses[0].quorum = Quorum::Stations(2);
        both.clauses.extend(dry.clauses);
        both.when = When::All(vec![When::Clause(0), When::Not(Box::new(When::Clause(1)))]);
        let mut night = moving("night", 0.9);
        night.level = Level::Warning;
        night.valid = Some(Validity { hours: Some((270, 345)), ..Validity::default() });
        // freshness runs on arrival, so no dwell may end within a test
        night.dwell = Some(Duration::from_secs(4 * 3_600));
        setup.rules.extend([both, night]);
    }
    setup.rules.sort_by(|a, b| (&a.site, &a.id).cmp(&(&b.site, &b.id)));
    setup
}

/// Anomalies of every tilt, judged beside the other post and the gauge.
pub fn accompanied() -> Setup {
    let mut setup = setup();
    setup.rules.clear();
    for site in ["cut-1", "cut-2"] {
        let name = |series: &str| format!("{site}/{series}").parse().unwrap();
        let all = ["post-1/tilt-1/tilt-x", "post-2/tilt-1/tilt-x", "rain-1/gauge-1/rain"];
        let condition =
            ConditionSettings::Anomaly(anomaly::Settings { readings_per_false_alarm: 200.0 });
        let mut odd = rule(site, "odd", Group::Deformation, Level::Caution, &all[..2], condition);
        odd.clauses[0].companions =
            vec![vec![name(all[1]), name(all[2])], vec![name(all[0]), name(all[2])]];
        setup.rules.push(odd);
    }
    setup
}

/// One reading on its way: when measured, when it arrives, on which series.
#[derive(Clone, Copy, Debug)]
pub struct Arrival {
    pub at: Timestamp,
    pub measured_at: Timestamp,
    pub series: u32,
    pub value: f64,
}

/// An engine with its journal position, collector up.
pub struct World {
    pub engine: Engine,
    pub sequence: u64,
    pub actions: Vec<Action>,
    /// Whether every delivery is proven at the next record.
    pub delivers: bool,
    settled: usize,
}

impl World {
    pub fn new(setup: Setup) -> Self {
        let engine = Engine::new(setup, minute(0));
        let mut world =
            Self { engine, sequence: 0, actions: Vec::new(), delivers: true, settled: 0 };
        let now = world.tick(minute(0));
        world.engine.collector("field", true, "", now, &mut world.actions);
        world
    }

    /// The next journal record: time passes to `at`, at most a minute at a time, as in a running daemon.
    pub fn tick(&mut self, at: Timestamp) -> Moment {
        while at.since(self.engine.now()) > Duration::from_secs(60) {
            let next = self.engine.now().plus(Duration::from_secs(60));
            self.record(next);
        }
        self.record(at)
    }

    /// One record at `at`, whatever lies between: after downtime.
    pub fn record(&mut self, at: Timestamp) -> Moment {
        self.sequence += 1;
        let now = Moment { at: at.max(self.engine.now()), sequence: self.sequence };
        self.engine.tick(now, &mut self.actions);
        self.settle(now);
        now
    }

    fn settle(&mut self, now: Moment) {
        let owed = self.actions[self.settled..].iter().filter_map(|action| match action {
            Action::Owe(delivery) => Some(delivery.key.clone()),
            Action::Decide(_) | Action::Change(_) | Action::Tell(_) => None,
        });
        let owed: Vec<_> = owed.collect();
        self.settled = self.actions.len();
        for key in owed.into_iter().filter(|_| self.delivers) {
            let result = AttemptResult::Delivered { receipt: "test".into() };
            self.engine.settle(&Outcome { key, attempt: 1, result }, now, &mut self.actions);
        }
    }

    pub fn arrive(&mut self, arrival: Arrival) {
        let now = self.tick(arrival.at);
        let reading = Reading {
            series: SeriesIndex(arrival.series),
            measured_at: arrival.measured_at,
            received_at: now.at,
            value: arrival.value,
            quality: Quality::GOOD,
        };
        self.engine.observe(&reading, now, &mut self.actions);
    }

    /// A reading measured the moment it arrives.
    pub fn read(&mut self, at: Timestamp, series: u32, value: f64) {
        self.arrive(Arrival { at, measured_at: at, series, value });
    }

    pub fn decisions(&self) -> impl Iterator<Item = &Decision> {
        self.actions.iter().filter_map(|action| match action {
            Action::Decide(decision) => Some(decision),
            Action::Owe(_) | Action::Change(_) | Action::Tell(_) => None,
        })
    }

    /// The recorded history: site, from, to, event time.
    pub fn recorded(&self) -> Vec<(String, Level, Level, Timestamp)> {
        self.decisions()
            .filter_map(|decision| match decision {
                Decision::Recorded { site, from, to, measured_at, .. } => {
                    Some((site.to_string(), *from, *to, *measured_at))
                }
                _ => None,
            })
            .collect()
    }

    pub fn level(&self, site: usize) -> Level {
        self.engine.view()[site].level
    }

    pub fn bytes(&self) -> Vec<u8> {
        serde_json::to_vec(&self.actions).unwrap()
    }
}
