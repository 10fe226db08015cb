//! What all scenarios came to together.

use std::collections::BTreeMap;

use alerting::Level;
use firmware_sim::Scenario;
use firmware_sim::scenario::{Expected, SitePlan};
use reading::registry::SiteKind;

use super::play::{Played, Truth};

/// Velocities from which ground deserves caution, warning, severe, millimetres an hour: 1 mm/d, 2 and 4 mm/h
/// (docs/rules.md).
const DESERVES: [(f64, Level); 3] =
    [(4.0, Level::Severe), (2.0, Level::Warning), (1.0 / 24.0, Level::Caution)];

/// Everything that was counted.
#[derive(Debug, Default)]
pub struct Tally {
    /// Scenarios for which there are no rules.
    pub left_out: Vec<String>,
    rows: BTreeMap<(String, String), Row>,
    hits: BTreeMap<Level, Hits>,
    falses: BTreeMap<Level, u64>,
    false_years: f64,
    worst: BTreeMap<Level, u64>,
    faults: BTreeMap<(String, &'static str), u64>,
    unfounded: BTreeMap<&'static str, u64>,
}

/// A site of a scenario, over all the times it was played.
#[derive(Clone, Debug, Default)]
pub struct Row {
    /// How often.
    pub played: u64,
    /// How long together, years.
    pub years: f64,
    /// How often it came down.
    pub failed: u64,
    /// How often each level was deserved as the highest, from normal to severe.
    pub deserved: [u64; 5],
    /// How often it was reached as the highest.
    pub reached: [u64; 5],
    /// How often less was reached than what happened asks for.
    pub below: u64,
    /// How often more.
    pub above: u64,
}

/// Slopes that failed, and how long before a level stood.
#[derive(Clone, Debug, Default)]
pub struct Hits {
    /// How many failed.
    pub due: u64,
    /// How long before, for those for which it stood in time, hours.
    pub leads: Vec<f64>,
}

impl Tally {
    /// Counts a scenario that was played.
    pub fn count(&mut self, scenario: &Scenario, played: &Played) {
        for site in scenario.sites() {
            let truth = played.truth.get(&site.id).copied().unwrap_or_default();
            self.count_site(scenario, site, truth, played);
        }
        for (fault, word) in &played.faults {
            *self.faults.entry((fault.kind.name(), word)).or_default() += 1;
        }
        for (word, count) in &played.unfounded {
            *self.unfounded.entry(word).or_default() += count;
        }
    }

    fn count_site(&mut self, scenario: &Scenario, site: &SitePlan, truth: Truth, played: &Played) {
        let deserved = deserved(site, truth);
        let raised: Vec<_> = played.raised.iter().filter(|it| it.site == site.id).collect();
        let reached = raised.iter().map(|it| it.level).max().unwrap_or(Level::Normal);
        let years = scenario.duration_h / 8_766.0;
        let row = (scenario.name.clone(), name_of(scenario, site).to_owned());
        let row = self.rows.entry(row).or_default();
        row.played += 1;
        row.years += years;
        row.failed += u64::from(truth.failed_at.is_some());
        row.deserved[deserved as usize] += 1;
        row.reached[reached as usize] += 1;
        row.below += u64::from(reached < deserved && is_due(site, truth, deserved));
        row.above += u64::from(reached > deserved);
        if let Some(failed_at) = truth.failed_at {
            for level in [Level::Caution, Level::Warning, Level::Severe] {
                let hits = self.hits.entry(level).or_default();
                hits.due += 1;
                let first = raised.iter().find(|it| it.level >= level && it.at < failed_at);
                hits.leads.extend(first.map(|it| failed_at.hours_since(it.at)));
            }
            return;
        }
        self.false_years += years;
        for level in [Level::Caution, Level::Warning, Level::Severe] {
            let count =
                raised.iter().filter(|it| it.level == level && level > deserved).count() as u64;
            *self.falses.entry(level).or_default() += count;
            let worst = self.worst.entry(level).or_default();
            *worst = (*worst).max(count);
        }
    }

    /// Sites of scenarios, in the order of their names.
    pub fn rows(&self) -> impl Iterator<Item = (&str, &str, &Row)> {
        self.rows.iter().map(|((scenario, site), row)| (scenario.as_str(), site.as_str(), row))
    }

    /// How slopes that failed were told of.
    pub fn hits(&self, level: Level) -> Hits {
        self.hits.get(&level).cloned().unwrap_or_default()
    }

    /// How often a level was raised at sites that did not deserve it.
    pub fn falses(&self, level: Level) -> u64 {
        self.falses.get(&level).copied().unwrap_or_default()
    }

    /// The most of them at one site in one scenario.
    pub fn worst(&self, level: Level) -> u64 {
        self.worst.get(&level).copied().unwrap_or_default()
    }

    /// Site-years in which nothing came down.
    pub fn false_years(&self) -> f64 {
        self.false_years
    }

    /// Kind of fault, what was said of it, and how often.
    pub fn faults(&self) -> impl Iterator<Item = (&str, &'static str, u64)> {
        self.faults.iter().map(|((kind, word), count)| (kind.as_str(), *word, *count))
    }

    /// Flags on readings of boxes that had nothing.
    pub fn unfounded(&self) -> impl Iterator<Item = (&'static str, u64)> {
        self.unfounded.iter().map(|(word, count)| (*word, *count))
    }
}

/// The name a site stands under: one that is there many times (`slope-02-7`) under that of the first.
fn name_of<'s>(scenario: &Scenario, site: &'s SitePlan) -> &'s str {
    let id = site.id.as_str();
    let first = id.rsplit_once('-').map(|(first, _)| first);
    let first = first.filter(|first| scenario.sites().iter().any(|one| one.id.as_str() == *first));
    first.unwrap_or(id)
}

/// Whether the level has to come. Rain and instruments for a person to look at deserve one that need not.
fn is_due(site: &SitePlan, truth: Truth, deserved: Level) -> bool {
    let moves = truth.failed_at.is_some() || truth.fastest_mm_per_h >= DESERVES[2].0;
    deserved >= Level::Caution && (moves || site.kind != SiteKind::Slope)
}

/// The highest level that what really happened deserves.
fn deserved(site: &SitePlan, truth: Truth) -> Level {
    if truth.failed_at.is_some() {
        return Level::Severe;
    }
    let written = match site.expect {
        Expected::Normal => Level::Normal,
        Expected::Attention => Level::Attention,
        Expected::Caution => Level::Caution,
        Expected::Warning => Level::Warning,
        Expected::Severe => Level::Severe,
    };
    if site.kind != SiteKind::Slope {
        return written;
    }
    let moves = DESERVES.iter().find(|(from, _)| truth.fastest_mm_per_h >= *from);
    let moved = moves.map_or(written.min(Level::Caution), |(_, level)| *level);
    // what was about to come down when the rain ended was no false alarm
    if truth.gave_way { moved.max(Level::Warning) } else { moved }
}
