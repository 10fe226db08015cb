//! What argues: of the watches that hold, those whose rule holds too, given how its clauses make it.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use core::time::Duration;

use reading::{StationIndex, Timestamp};

use super::Engine;
use super::standing::report_held;
use super::watch::Watch;
use crate::condition::ConditionSettings;
use crate::level::Level;
use crate::policy::{self, Assessment, Held};
use crate::rule::{Group, Quorum, Rule};

/// Which of the states of a watch counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum View {
    /// What people were told, old evidence included.
    Told,
    /// What makes the level: told, and not old.
    Live,
    /// What ordered arrival gives.
    Recorded,
}

impl View {
    fn holds(self, watch: &Watch) -> bool {
        match self {
            Self::Told => watch.state.held,
            Self::Live => watch.state.held && watch.state.fresh,
            Self::Recorded => watch.state.recorded,
        }
    }
}

/// On what a clause holds.
#[derive(Clone, Debug, Default)]
struct Tally {
    stations: BTreeSet<StationIndex>,
    series: u32,
    /// The same without what is silent.
    heard_stations: BTreeSet<StationIndex>,
    heard_series: u32,
    /// Only what holds at the post that is asked about counts.
    alone: bool,
}

impl Tally {
    fn has(&self, post: StationIndex, negated: bool) -> bool {
        match negated {
            true => self.heard_stations.contains(&post),
            false => self.stations.contains(&post),
        }
    }

    fn meets(&self, quorum: Quorum, negated: bool) -> bool {
        let (stations, series) = match negated {
            true => (&self.heard_stations, self.heard_series),
            false => (&self.stations, self.series),
        };
        match quorum {
            Quorum::Stations(least) => stations.len() >= usize::from(least.max(1)),
            Quorum::Series(least) => series >= u32::from(least.max(1)),
        }
    }
}

impl Engine {
    /// The watches of a site that hold and speak for a rule that holds and counts at `at`, in the track of monitoring
    /// or not. `also` is taken to hold whatever its state.
    pub(super) fn arguing(
        &self,
        site: usize,
        monitoring: bool,
        view: View,
        at: Timestamp,
        also: Option<usize>,
    ) -> Vec<usize> {
        let holds = |at: usize| view.holds(&self.watches[at]) || also == Some(at);
        let held = self.sites[site].watches.clone().filter(|at| holds(*at));
        let held: Vec<usize> = held.filter(|at| self.argues_in(*at, monitoring)).collect();
        let composite = |at: &&usize| !self.watches[**at].rule(&self.setup).is_plain();
        let mut rules: BTreeMap<u32, bool> =
            held.iter().filter(composite).map(|at| (self.watches[*at].rule, false)).collect();
        for (rule, truth) in &mut rules {
            *truth = self.setup.rules[*rule as usize].counts_at(at)
                && self.rule_holds(site, *rule, view, at, also, None);
        }
        let speaks = |at: &usize| {
            let watch = &self.watches[*at];
            rules.get(&watch.rule).copied().unwrap_or(true)
                && watch.rule(&self.setup).speaks(watch.clause)
        };
        held.into_iter().filter(speaks).collect()
    }

    /// Whether the clauses of a rule make it hold. With `alone`, whether this post would make it hold by itself: the
    /// rule's own clauses count there only, where they are about the post at all, and one post is enough for them.
    pub(super) fn rule_holds(
        &self,
        site: usize,
        rule: u32,
        view: View,
        at: Timestamp,
        also: Option<usize>,
        alone: Option<StationIndex>,
    ) -> bool {
        let definition = &self.setup.rules[rule as usize];
        let mut tallies = alloc::vec![Tally::default(); definition.clauses.len()];
        let of_rule = |number: &usize| self.watches[*number].rule == rule;
        for number in self.sites[site].watches.clone().filter(of_rule) {
            let (watch, station) = (&self.watches[number], self.station_of(&self.watches[number]));
            let tally = &mut tallies[usize::from(watch.clause)];
            tally.alone |= alone == Some(station) && definition.is_witness(watch.clause);
            if view.holds(watch) || also == Some(number) {
                tally.series += 1;
                tally.stations.insert(station);
                if !self.is_silent(watch, view, at) {
                    tally.heard_series += 1;
                    tally.heard_stations.insert(station);
                }
            }
        }
        definition.when.holds(&|clause, negated| {
            let clause = usize::from(clause);
            let quorum = definition.clauses.get(clause).map_or(Quorum::ONE, |c| c.quorum);
            tallies.get(clause).is_some_and(|tally| match alone {
                Some(post) if tally.alone => tally.has(post, negated),
                _ => tally.meets(quorum, negated),
            })
        })
    }

    /// Whether a silence rule holds on the series of a watch, or nothing comes through its gateway, or somebody works
    /// on it at `at`.
    pub(super) fn is_silent(&self, watch: &Watch, view: View, at: Timestamp) -> bool {
        if self.is_maintained(watch.series, at) {
            return true;
        }
        if matches!(view, View::Told) && self.is_cut_off(watch.series) {
            return true;
        }
        let of_series = self.watches_of(watch.series).map(|at| &self.watches[at]);
        of_series
            .filter(|one| matches!(one.settings(&self.setup), ConditionSettings::Silence(_)))
            .any(|one| view.holds(one))
    }

    /// What the arguing watches of a track add up to at `at`.
    pub(super) fn assessment(
        &self,
        site: usize,
        monitoring: bool,
        view: View,
        at: Timestamp,
    ) -> Assessment {
        let mut held = self.held(site, monitoring, view, at);
        if !monitoring && !self.standing.is_empty() {
            held.extend(self.reports_at(site, at).map(report_held));
        }
        let wet = held.iter().any(|h| h.group == Group::Rain && h.level >= Level::Caution);
        policy::assess(&held, wet && self.is_blind(site, view, at))
    }

    /// The longest dwell that rules arguing for at least this level ask for.
    pub(super) fn dwell_asked(
        &self,
        site: usize,
        monitoring: bool,
        view: View,
        level: Level,
        at: Timestamp,
    ) -> Option<Duration> {
        if !self.sites[site].asks_dwell {
            return None;
        }
        let rules = self.arguing(site, monitoring, view, at, None).into_iter();
        let rules = rules.map(|at| self.watches[at].rule(&self.setup));
        rules.filter(|rule| rule.level >= level).filter_map(|rule| rule.dwell).max()
    }

    /// Whether half of the series that watch deformation are silent.
    fn is_blind(&self, site: usize, view: View, at: Timestamp) -> bool {
        let watches = self.sites[site].watches.clone().map(|at| &self.watches[at]);
        let moving = watches.filter(|watch| watch.clause(&self.setup).group == Group::Deformation);
        let series: BTreeMap<_, _> =
            moving.map(|watch| (watch.series, self.is_silent(watch, view, at))).collect();
        let silent = series.values().filter(|silent| **silent).count();
        silent > 0 && silent * 2 >= series.len()
    }

    /// What the arguing watches of a track say to the policy of their site.
    fn held(&self, site: usize, monitoring: bool, view: View, at: Timestamp) -> Vec<Held> {
        let mut held = Vec::new();
        let mut composite: BTreeMap<u32, BTreeSet<StationIndex>> = BTreeMap::new();
        for number in self.arguing(site, monitoring, view, at, None) {
            let watch = &self.watches[number];
            let (rule, station) = (watch.rule(&self.setup), self.station_of(watch));
            if rule.is_plain() {
                held.push(Held { group: rule.group, level: rule.level, station });
            } else if rule.is_witness(watch.clause) {
                composite.entry(watch.rule).or_default().insert(station);
            }
        }
        for (number, posts) in composite {
            let Rule { group, level, .. } = self.setup.rules[number as usize];
            let posts = self.witnesses(site, number, &posts, view, at).into_iter();
            held.extend(posts.map(|station| Held { group, level, station }));
        }
        held
    }

    /// The posts that bear witness for a rule of several clauses: those that would make it hold by themselves. Where
    /// it takes several to make it hold they are one witness together. Two are as good as more.
    fn witnesses(
        &self,
        site: usize,
        rule: u32,
        posts: &BTreeSet<StationIndex>,
        view: View,
        at: Timestamp,
    ) -> Vec<StationIndex> {
        let alone = |post: &StationIndex| self.rule_holds(site, rule, view, at, None, Some(*post));
        let witnesses: Vec<StationIndex> = posts.iter().copied().filter(alone).take(2).collect();
        match witnesses.is_empty() {
            true => posts.first().copied().into_iter().collect(),
            false => witnesses,
        }
    }

    /// Whether a watch belongs to the track of monitoring, or to the other.
    pub(super) fn argues_in(&self, watch: usize, monitoring: bool) -> bool {
        (self.watches[watch].rule(&self.setup).group == Group::Health) == monitoring
    }
}
