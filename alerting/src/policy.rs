//! Site policy: the rules that hold, to the level of a site; and how that level moves over time.
//!
//! The table is domain.md 3.8, first match from the top. Rain alone never exceeds 주의; one post alone never
//! makes 심각 without a second line of evidence; sensors on one post count as one; what is only unusual is 관심.

use alloc::collections::BTreeSet;
use core::time::Duration;

use reading::{StationIndex, Timestamp};
use serde::{Deserialize, Serialize};

use crate::level::Level;
use crate::rule::Group;
use crate::setup::Policy;

/// One rule that holds on one series, as far as the policy cares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// What kind of evidence it gives.
    pub group: Group,
    /// The level it argues for.
    pub level: Level,
    /// The post it stands on: sensors of one post are one witness.
    pub station: StationIndex,
}

/// The level a site ought to have, and the message key of the row that says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Assessment {
    /// The level.
    pub level: Level,
    /// The row of the table, as a catalogue key.
    pub row: &'static str,
}

/// What the evidence adds up to.
struct Sums {
    deformation: [usize; 5],
    structure: [usize; 5],
    rain: Level,
    hydro: Level,
    /// That failure is near, as far as a fit that passed its gates can say.
    failing: Level,
    reported: Level,
    any: bool,
}

impl Sums {
    fn of(held: &[Held]) -> Self {
        let posts = |group: Group, level: Level| -> usize {
            let of_group = held.iter().filter(|h| h.group == group && h.level >= level);
            of_group.map(|h| h.station).collect::<BTreeSet<_>>().len()
        };
        let highest = |group: Group| {
            held.iter().filter(|h| h.group == group).map(|h| h.level).max().unwrap_or_default()
        };
        Self {
            deformation: Level::ALL.map(|level| posts(Group::Deformation, level)),
            structure: Level::ALL.map(|level| posts(Group::Structure, level)),
            rain: highest(Group::Rain),
            hydro: highest(Group::Hydro),
            failing: highest(Group::FailureTime),
            reported: highest(Group::Report),
            any: held.iter().any(|h| h.level > Level::Normal),
        }
    }

    fn moving(&self, level: Level) -> usize {
        self.deformation[level as usize]
    }

    fn strained(&self, level: Level) -> usize {
        self.structure[level as usize]
    }
}

/// The fusion table. A rain rule argues 관심, 주의, 경계, 심각 for 60, 80, 90, 100 % of the site's limit; what the
/// site makes of that is the table's. A failure-time rule argues 심각 when its gates are passed and its interval ends
/// within a day. A report confirms at the level it argues for. `blind` says that half of what watches deformation is
/// silent: in heavy rain that alone is 주의.
pub fn assess(held: &[Held], blind: bool) -> Assessment {
    use Level::{Attention, Caution, Normal, Severe, Warning};
    let sums = Sums::of(held);
    let (moving, strained) = (|l| sums.moving(l), |l| sums.strained(l));
    let soaked = sums.rain >= Severe || sums.hydro >= Severe;
    let wet = sums.rain >= Warning || sums.hydro >= Warning;
    let failing = sums.failing >= Severe;
    let rows = [
        (sums.reported >= Severe, Severe, "policy-severe-report"),
        (moving(Severe) >= 2, Severe, "policy-severe-two-posts"),
        (moving(Severe) >= 1 && soaked, Severe, "policy-severe-post-and-water"),
        (moving(Severe) >= 1 && failing, Severe, "policy-severe-failure-time"),
        (strained(Severe) >= 2, Severe, "policy-severe-structure"),
        (sums.reported >= Warning, Warning, "policy-warning-report"),
        (moving(Warning) >= 2, Warning, "policy-warning-two-posts"),
        (moving(Severe) >= 1, Warning, "policy-warning-one-post"),
        (moving(Warning) >= 1 && wet, Warning, "policy-warning-post-and-water"),
        (strained(Warning) >= 1, Warning, "policy-warning-structure"),
        (sums.reported >= Caution, Caution, "policy-caution-report"),
        (moving(Caution) >= 1, Caution, "policy-caution-movement"),
        (blind && sums.rain >= Caution, Caution, "policy-caution-blind"),
        (sums.rain >= Caution, Caution, "policy-caution-rain"),
        (sums.hydro >= Warning, Caution, "policy-caution-water"),
        (strained(Caution) >= 1, Caution, "policy-caution-structure"),
        (sums.any, Attention, "policy-attention"),
    ];
    let row = rows.into_iter().find(|(holds, _, _)| *holds);
    row.map_or(Assessment { level: Normal, row: "policy-normal" }, |(_, level, row)| Assessment {
        level,
        row,
    })
}

/// The level of a site for one hazard as it moves: up at once, down one level at a time after its dwell, and
/// from 심각 only by hand.
///
/// The dwell runs while the evidence is below the level and fresh; it pauses while what raised it is silent,
/// because no data is never safety.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Machine {
    level: Level,
    assessed: Level,
    paused: bool,
    /// How much of the dwell has run, and since when it runs again.
    ran: Duration,
    running_since: Option<Timestamp>,
    /// What a rule that argued for the level asks for beyond the site's dwell.
    dwell: Option<Duration>,
}

impl Machine {
    /// The level.
    pub fn level(&self) -> Level {
        self.level
    }

    /// What the evidence argues for at present.
    pub fn assessed(&self) -> Level {
        self.assessed
    }

    /// The evidence now argues for `assessed`. Returns the level before, if it went up.
    pub fn assess(&mut self, assessed: Level, now: Timestamp) -> Option<Level> {
        self.assessed = assessed;
        if assessed > self.level {
            let before = core::mem::replace(&mut self.level, assessed);
            self.dwell = None;
            self.stop();
            return Some(before);
        }
        if assessed == self.level {
            self.stop();
        } else {
            self.run(now);
        }
        None
    }

    /// A rule that argues for the level as it is asks for this dwell; the longest asked for counts.
    pub fn keep(&mut self, dwell: Option<Duration>) {
        self.dwell = self.dwell.max(dwell);
    }

    /// Pauses the dwell while what raised the level is silent, or lets it run on.
    pub fn pause(&mut self, paused: bool, now: Timestamp) {
        if paused && let Some(since) = self.running_since.take() {
            self.ran += now.since(since);
        }
        self.paused = paused;
        if !paused && self.assessed < self.level {
            self.run(now);
        }
    }

    /// Whether the way down is paused.
    pub fn is_paused(&self) -> bool {
        self.paused
    }

    /// Whether the dwell runs.
    pub fn is_running(&self) -> bool {
        self.running_since.is_some()
    }

    /// When the next step down is due.
    pub fn due_at(&self, policy: &Policy) -> Option<Timestamp> {
        let since = self.running_since?;
        let usual = dwell(policy, self.level)?;
        Some(since.plus(self.dwell.unwrap_or(usual).saturating_sub(self.ran)))
    }

    /// Takes the step down if it is due. Returns the level before.
    pub fn step_down(&mut self, policy: &Policy, now: Timestamp) -> Option<Level> {
        if self.due_at(policy)? > now {
            return None;
        }
        Some(self.lower(now))
    }

    /// An officer lowers 심각 by hand. Returns the level before, or `None` if it is not 심각 or the evidence for
    /// it still holds.
    pub fn stand_down(&mut self, now: Timestamp) -> Option<Level> {
        (self.level == Level::Severe && self.assessed < Level::Severe).then(|| self.lower(now))
    }

    fn lower(&mut self, now: Timestamp) -> Level {
        let before = self.level;
        self.level = before.milder();
        self.dwell = None;
        self.stop();
        if self.assessed < self.level {
            self.run(now);
        }
        before
    }

    fn run(&mut self, now: Timestamp) {
        if !self.paused && self.running_since.is_none() {
            self.running_since = Some(now);
        }
    }

    fn stop(&mut self) {
        self.running_since = None;
        self.ran = Duration::ZERO;
    }
}

fn dwell(policy: &Policy, level: Level) -> Option<Duration> {
    match level {
        Level::Normal | Level::Severe => None,
        Level::Attention => Some(policy.dwell_attention),
        Level::Caution => Some(policy.dwell_caution),
        Level::Warning => Some(policy.dwell_warning),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    fn held(group: Group, level: Level, post: u32) -> Held {
        Held { group, level, station: StationIndex(post) }
    }

    #[test]
    fn the_table_of_the_field() {
        use Group::{
            Anomaly, Deformation as D, FailureTime as T, Health, Hydro as H, Rain as R,
            Report as X, Structure as S,
        };
        use Level::{Attention, Caution, Normal, Severe, Warning};
        let table: &[(&[Held], Level)] = &[
            (&[], Normal),
            (&[held(D, Severe, 1), held(D, Severe, 2)], Severe),
            // two axes of one tiltmeter, two instruments of one post: one witness
            (&[held(D, Severe, 1), held(D, Severe, 1)], Warning),
            (&[held(D, Severe, 1), held(R, Severe, 9)], Severe),
            (&[held(D, Severe, 1), held(H, Severe, 9)], Severe),
            (&[held(D, Severe, 1), held(R, Warning, 9)], Warning),
            (&[held(D, Warning, 1), held(D, Warning, 2)], Warning),
            (&[held(D, Warning, 1), held(R, Warning, 9)], Warning),
            (&[held(D, Warning, 1), held(R, Caution, 9)], Caution),
            (&[held(D, Caution, 1)], Caution),
            (&[held(R, Severe, 9)], Caution), // rain alone never exceeds 주의
            (&[held(R, Attention, 9)], Attention),
            (&[held(H, Severe, 9)], Caution),
            (&[held(H, Caution, 9)], Attention),
            (&[held(S, Caution, 1)], Caution),
            (&[held(S, Warning, 1)], Warning),
            (&[held(S, Severe, 1)], Warning),
            (&[held(S, Severe, 1), held(S, Severe, 2)], Severe),
            (&[held(Health, Severe, 1)], Attention),
            (&[held(D, Severe, 1), held(T, Severe, 1)], Severe),
            (&[held(D, Severe, 1), held(T, Warning, 1)], Warning), // a gate not passed, or no interval within a day
            (&[held(D, Warning, 1), held(T, Severe, 1)], Caution), // a fit is no second movement
            (&[held(T, Severe, 1)], Attention),
            (&[held(X, Severe, 1)], Severe),
            (&[held(X, Warning, 1)], Warning),
            (&[held(X, Caution, 1)], Caution),
            (&[held(X, Attention, 1)], Attention),
            // anomalies alone never exceed 관심, however many, and lend no weight to a single witness
            (
                &[held(Anomaly, Severe, 1), held(Anomaly, Severe, 2), held(Anomaly, Severe, 3)],
                Attention,
            ),
            (&[held(Anomaly, Severe, 1), held(D, Warning, 2)], Caution),
            (&[held(Anomaly, Severe, 1), held(R, Attention, 2)], Attention),
        ];
        for (held, expected) in table {
            assert_eq!(assess(held, false).level, *expected, "{held:?}");
        }
        let heavy = [held(R, Caution, 9)];
        assert_eq!(assess(&heavy, true).row, "policy-caution-blind");
        assert_eq!(assess(&[held(R, Attention, 9)], true).level, Attention);
        assert_eq!(assess(&[], true).level, Normal);
    }

    fn any_held() -> impl Strategy<Value = Held> {
        (0..Group::ALL.len(), 0..Level::ALL.len(), 0..4u32)
            .prop_map(|(g, l, post)| held(Group::ALL[g], Level::ALL[l], post))
    }

    proptest! {
        #[test]
        fn more_evidence_is_never_a_milder_level(
            held in prop::collection::vec(any_held(), 0..8), more in any_held(),
        ) {
            let mut with: Vec<Held> = held.clone();
            with.push(more);
            prop_assert!(assess(&with, false).level >= assess(&held, false).level);
        }

        #[test]
        fn worse_evidence_is_never_a_milder_level(
            held in prop::collection::vec(any_held(), 1..8), at in 0usize..8,
        ) {
            let mut worse = held.clone();
            let at = at % worse.len();
            worse[at].level = Level::ALL[(worse[at].level as usize + 1).min(4)];
            prop_assert!(assess(&worse, false).level >= assess(&held, false).level);
        }
    }

    fn at(hour: i64) -> Timestamp {
        Timestamp::from_secs(hour * 3_600)
    }

    #[test]
    fn a_rule_may_keep_what_it_raised_longer() {
        let policy = Policy::default();
        let hours = |hours: u64| Some(Duration::from_secs(hours * 3_600));
        let mut machine = Machine::default();
        machine.assess(Level::Caution, at(0));
        machine.keep(hours(24));
        machine.keep(hours(6));
        machine.keep(None);
        machine.assess(Level::Normal, at(1));
        assert_eq!(machine.due_at(&policy), Some(at(25)));
        assert_eq!(machine.step_down(&policy, at(25)), Some(Level::Caution));
        assert_eq!(machine.due_at(&policy), Some(at(26)), "관심 is the site's again");
    }

    #[test]
    fn goes_up_at_once_and_down_one_level_at_a_time() {
        let policy = Policy::default();
        let mut machine = Machine::default();
        assert_eq!(machine.assess(Level::Warning, at(0)), Some(Level::Normal));
        machine.assess(Level::Normal, at(1));
        assert_eq!(machine.due_at(&policy), Some(at(13)));
        assert_eq!(machine.step_down(&policy, at(12)), None);
        assert_eq!(machine.step_down(&policy, at(13)), Some(Level::Warning));
        assert_eq!(machine.due_at(&policy), Some(at(16)));
        machine.assess(Level::Caution, at(14));
        assert_eq!(machine.due_at(&policy), None, "evidence is back: the dwell starts anew");
        machine.assess(Level::Normal, at(15));
        assert_eq!(machine.step_down(&policy, at(18)), Some(Level::Caution));
        assert_eq!(machine.step_down(&policy, at(19)), Some(Level::Attention));
        assert_eq!(machine.level(), Level::Normal);
    }

    #[test]
    fn severe_is_lowered_by_hand_only_and_not_against_the_evidence() {
        let policy = Policy::default();
        let mut machine = Machine::default();
        machine.assess(Level::Severe, at(0));
        assert_eq!(machine.stand_down(at(1)), None, "it still holds");
        machine.assess(Level::Normal, at(2));
        assert_eq!(machine.due_at(&policy), None);
        assert_eq!(machine.step_down(&policy, at(10_000)), None);
        assert_eq!(machine.stand_down(at(10_000)), Some(Level::Severe));
        assert_eq!(machine.level(), Level::Warning);
    }

    #[test]
    fn g07_silence_pauses_the_way_down() {
        let policy = Policy::default();
        let mut machine = Machine::default();
        machine.assess(Level::Caution, at(0));
        machine.assess(Level::Normal, at(1));
        machine.pause(true, at(2));
        assert_eq!(machine.due_at(&policy), None);
        machine.pause(false, at(100));
        assert_eq!(machine.due_at(&policy), Some(at(102)), "one of three hours had run");
    }
}
