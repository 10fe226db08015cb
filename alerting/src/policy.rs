//! Site policy: the rules that hold, to the level of a site. How that level moves over time is [`life`](crate::life)'s.
//!
//! The table is that of docs/rules.md, first match from the top. Rain alone never exceeds 주의; one post alone never
//! makes 심각 without a second line of evidence; sensors on one post count as one; what is only unusual is 관심.

use alloc::collections::BTreeSet;

use reading::StationIndex;

use crate::level::Level;
use crate::rule::Group;

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
}
