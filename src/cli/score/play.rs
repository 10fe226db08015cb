//! One scenario through the desk: what was raised, and what was said of each fault.

use std::collections::{BTreeMap, BTreeSet};

use alerting::catalogue::Language;
use firmware_sim::fault::{Kind, Scripted};
use firmware_sim::{Scenario, World};
use reading::{Quality, SiteId, Timestamp};

use crate::cli::expect::Reached;
use crate::cli::replay::Player;
use crate::config::Config;

/// What one scenario came to.
pub struct Played {
    /// Levels that were raised for the danger itself.
    pub raised: Vec<Reached>,
    /// When each slope that fails came down, and how fast the fastest moment of each site was, mm/h.
    pub truth: BTreeMap<SiteId, Truth>,
    /// Every fault of an instrument, a box or a link, and what was said of it.
    pub faults: Vec<(Scripted, &'static str)>,
    /// Flags on instruments at which nothing was wrong then, by word: how many readings.
    pub unfounded: BTreeMap<&'static str, u64>,
}

/// What a site really did.
#[derive(Clone, Copy, Debug, Default)]
pub struct Truth {
    /// When it came down.
    pub failed_at: Option<Timestamp>,
    /// Its fastest movement short of that, millimetres an hour.
    pub fastest_mm_per_h: f64,
    /// For a while its strength was spent, whether it came down or not.
    pub gave_way: bool,
}

/// How long after a fault its traces may still come, hours.
const GRACE_H: f64 = 3.0;

/// Plays a scenario.
pub fn play(config: &Config, scenario: &Scenario, seed: u64) -> anyhow::Result<Played> {
    let mut world = World::new(scenario, seed);
    let mut found = Found::new(scenario, world.script());
    let mut player = Player::new(std::io::sink(), false, Language::En).tapped();
    player.begin(config);
    let mut truth: BTreeMap<SiteId, Truth> = BTreeMap::new();
    let end = scenario.end();
    while let Some(message) = world.next_before(end) {
        let silent_before = player.reached.len();
        player.take_frame(message.sent_at, &message.topic, &message.payload, message.retain)?;
        let mut parts = message.topic.split('/').skip(2);
        let (Some(site), Some(station)) = (parts.next(), parts.next()) else { continue };
        found.hear(&player, site, station, message.sent_at);
        for silence in player.reached[silent_before..].iter() {
            found.silence(silence);
        }
        if let Some(index) = scenario.sites().iter().position(|it| it.id.as_str() == site)
            && let Some(state) = world.site(index)
        {
            let now = state.truth(message.sent_at);
            let known = truth.entry(scenario.sites()[index].id.clone()).or_default();
            known.failed_at = now.failed_at;
            if now.failed_at.is_none() {
                known.fastest_mm_per_h = known.fastest_mm_per_h.max(now.velocity_mm_per_h);
                known.gave_way |= now.safety.is_some_and(|safety| safety < 1.0);
            }
        }
    }
    player.close_windows();
    player.finish()?;
    let (faults, unfounded) = found.settled();
    Ok(Played { raised: player.raised.clone(), truth, faults, unfounded })
}

/// What was said while each fault lasted.
struct Found {
    faults: Vec<(Scripted, Timestamp, Timestamp)>,
    said: Vec<BTreeSet<&'static str>>,
    unfounded: BTreeMap<&'static str, u64>,
}

impl Found {
    fn new(scenario: &Scenario, script: &[Scripted]) -> Self {
        let moment = |hours: f64| {
            let by = std::time::Duration::from_secs_f64(hours.max(0.0) * 3_600.0);
            scenario.start.plus(by)
        };
        let timed = |fault: &Scripted| {
            (fault.clone(), moment(fault.at_h), moment(fault.at_h + fault.for_h + GRACE_H))
        };
        let faults: Vec<_> = script.iter().map(timed).collect();
        let said = vec![BTreeSet::new(); faults.len()];
        Self { faults, said, unfounded: BTreeMap::new() }
    }

    /// What became of one message: its readings with their flags, or why they were refused.
    fn hear(&mut self, player: &Player<std::io::Sink>, site: &str, station: &str, at: Timestamp) {
        let registry = &player.desk().setup().registry;
        for reading in &player.heard.readings {
            let Some(word) = word(reading.quality) else { continue };
            let name = &registry.series()[reading.series.index()].name;
            let mut founded = false;
            for (number, (fault, from, to)) in self.faults.iter().enumerate() {
                let here = fault.site == name.site && fault.station == name.station;
                let sensor = fault.sensor.as_ref().is_none_or(|sensor| *sensor == name.sensor);
                if here && sensor && *from <= at && at < *to {
                    self.said[number].insert(word);
                    founded = true;
                }
            }
            if !founded && self.is_quiet(name.site.as_str(), name.station.as_str(), at) {
                *self.unfounded.entry(word).or_default() += 1;
            }
        }
        if !player.heard.refused.is_empty() {
            for (number, (fault, from, to)) in self.faults.iter().enumerate() {
                let here = fault.site.as_str() == site && fault.station.as_str() == station;
                if here && *from <= at && at < *to {
                    let duplicate = player.heard.refused.iter().all(|name| *name == "duplicate");
                    self.said[number].insert(if duplicate { "duplicate" } else { "refused" });
                }
            }
        }
    }

    /// Whether nothing at all is wrong with a box, now or for good.
    fn is_quiet(&self, site: &str, station: &str, at: Timestamp) -> bool {
        !self.faults.iter().any(|(fault, from, to)| {
            let here = fault.site.as_str() == site && fault.station.as_str() == station;
            here && *from <= at && (fault.kind.stays() || at < *to)
        })
    }

    /// A site's instruments were found silent, or doubtful: that is told by site.
    fn silence(&mut self, reached: &Reached) {
        for (number, (fault, from, to)) in self.faults.iter().enumerate() {
            let silences = matches!(
                fault.kind,
                Kind::Silence | Kind::Outage | Kind::HalfOpen | Kind::Flapping
            );
            if silences && fault.site == reached.site && *from <= reached.at && reached.at < *to {
                self.said[number].insert("silent");
            }
        }
    }

    fn settled(self) -> (Vec<(Scripted, &'static str)>, BTreeMap<&'static str, u64>) {
        let faults = self.faults.into_iter().zip(self.said);
        let settled = |((fault, _, _), said): ((Scripted, _, _), BTreeSet<&'static str>)| {
            // where faults lie upon each other, what suits this one is said of this one
            let right = right(fault.kind).iter().find(|word| said.contains(**word));
            let strongest = WORDS.iter().find(|word| said.contains(**word));
            (fault, right.or(strongest).copied().unwrap_or("nothing"))
        };
        (faults.map(settled).collect(), self.unfounded)
    }
}

/// What may be said of a fault, the most telling first.
pub const WORDS: [&str; 12] = [
    "rail",
    "stuck",
    "clock",
    "step",
    "spike",
    "contradicted",
    "unconfirmed",
    "silent",
    "refused",
    "duplicate",
    "late",
    "nothing",
];

/// What ought to be said of a fault; where that is nothing, it ought to do no harm.
pub fn right(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Spike | Kind::Bird => &["spike", "unconfirmed", "step"],
        Kind::Step | Kind::Offset => &["step", "unconfirmed"],
        Kind::Gain | Kind::UnitMix => &["step", "contradicted", "unconfirmed", "refused"],
        Kind::Stuck => &["stuck"],
        Kind::Rail | Kind::WireBreak => &["rail"],
        Kind::Noise => &["spike", "contradicted"],
        Kind::Clogged | Kind::WaterTest => &["contradicted", "stuck"],
        Kind::ClockJump | Kind::ClockUnset | Kind::Reboot => &["clock", "refused"],
        Kind::Silence => &["silent"],
        Kind::Outage | Kind::Flapping | Kind::HalfOpen | Kind::Unheard => &["silent", "late"],
        Kind::Flip => &["refused"],
        Kind::Delay | Kind::Reorder => &["late"],
        Kind::Repeat => &["duplicate"],
        Kind::Loss | Kind::Drift | Kind::RainOnAe => &[],
    }
}

/// The most telling flag of a reading.
fn word(quality: Quality) -> Option<&'static str> {
    let clock = Quality::TIME_REPLACED
        .or(Quality::TIME_UNKNOWN)
        .or(Quality::CLOCK_STEP)
        .or(Quality::CLOCK_AHEAD);
    let table = [
        (Quality::RAIL, "rail"),
        (Quality::STUCK, "stuck"),
        (clock, "clock"),
        (Quality::STEP, "step"),
        (Quality::SPIKE, "spike"),
        (Quality::ISOLATED.or(Quality::DISAGREES), "contradicted"),
        (Quality::UNCONFIRMED, "unconfirmed"),
        (Quality::OLD.or(Quality::BACKFILL).or(Quality::OUT_OF_ORDER), "late"),
    ];
    table.into_iter().find(|(flag, _)| quality.has_any(*flag)).map(|(_, word)| word)
}
