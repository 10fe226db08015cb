//! Site policy: the rules that hold, to the level of a site. How that level moves over time is [`life`](crate::life)'s.
//!
//! The table is that of docs/rules.md, first match from the top. Rain alone never exceeds 주의. One post alone never
//! makes 심각, however many of its instruments and formulas agree: that takes two witnesses, another post or a person.
//! What is only unusual is 관심.

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

/// What somebody has seen: a group of evidence, at this level or above it.
type Sign = (Group, Level);

/// The evidence of a site.
struct Seen<'h>(&'h [Held]);

impl<'h> Seen<'h> {
    fn of(&self, (group, level): Sign) -> impl Iterator<Item = &'h Held> + Clone + use<'h> {
        self.0.iter().filter(move |held| held.group == group && held.level >= level)
    }

    fn anywhere(&self, sign: Sign) -> bool {
        self.of(sign).next().is_some()
    }

    /// Whether both are seen, and not at one post alone: what one post says twice is one witness, whatever its
    /// instruments measure.
    fn apart(&self, one: Sign, other: Sign) -> bool {
        let (ones, others) = (self.of(one), self.of(other));
        let both = ones.clone().next().zip(others.clone().next());
        both.is_some_and(|(first, _)| ones.chain(others).any(|held| held.station != first.station))
    }

    /// A post moves, and rain or groundwater elsewhere says that it may.
    fn in_the_wet(&self, level: Level) -> bool {
        let moves = (Group::Deformation, level);
        [Group::Rain, Group::Hydro].into_iter().any(|water| self.apart(moves, (water, level)))
    }

    /// A post moves far, and the end is forecast from another post, or from the same one where a person has seen signs
    /// of it: a mount that slips quickens as well (docs/formulas.md 4.3).
    fn about_to_fail(&self) -> bool {
        let (moves, ends) =
            ((Group::Deformation, Level::Severe), (Group::FailureTime, Level::Severe));
        let seen = self.anywhere((Group::Report, Level::Warning));
        self.apart(moves, ends) || (seen && self.anywhere(moves) && self.anywhere(ends))
    }
}

/// The fusion table. A rain rule argues 관심, 주의, 경계, 심각 for 60, 80, 90, 100 % of the site's limit; what the
/// site makes of that is the table's. A failure-time rule argues 심각 when its gates are passed and its interval ends
/// within a day. A report confirms at the level it argues for. `blind` says that half of what watches deformation is
/// silent: in heavy rain that alone is 주의.
pub fn assess(held: &[Held], blind: bool) -> Assessment {
    use Group::{Deformation, Hydro, Rain, Report, Structure};
    use Level::{Attention, Caution, Normal, Severe, Warning};
    let seen = Seen(held);
    let posts = |group, level| seen.apart((group, level), (group, level));
    let any = |group, level| seen.anywhere((group, level));
    let rows = [
        (any(Report, Severe), Severe, "policy-severe-report"),
        (posts(Deformation, Severe), Severe, "policy-severe-two-posts"),
        (seen.in_the_wet(Severe), Severe, "policy-severe-post-and-water"),
        (seen.about_to_fail(), Severe, "policy-severe-failure-time"),
        (posts(Structure, Severe), Severe, "policy-severe-structure"),
        (any(Report, Warning), Warning, "policy-warning-report"),
        (posts(Deformation, Warning), Warning, "policy-warning-two-posts"),
        (any(Deformation, Severe), Warning, "policy-warning-one-post"),
        (seen.in_the_wet(Warning), Warning, "policy-warning-post-and-water"),
        (any(Structure, Warning), Warning, "policy-warning-structure"),
        (any(Report, Caution), Caution, "policy-caution-report"),
        (any(Deformation, Caution), Caution, "policy-caution-movement"),
        (blind && any(Rain, Caution), Caution, "policy-caution-blind"),
        (any(Rain, Caution), Caution, "policy-caution-rain"),
        (any(Hydro, Warning), Caution, "policy-caution-water"),
        (any(Structure, Caution), Caution, "policy-caution-structure"),
        (held.iter().any(|one| one.level > Normal), Attention, "policy-attention"),
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
            // a gauge and a piezometer on the post that moves share its mast and its power: no second witness
            (&[held(D, Severe, 1), held(R, Severe, 1)], Warning),
            (&[held(D, Severe, 1), held(H, Severe, 1), held(T, Severe, 1)], Warning),
            (&[held(D, Severe, 1), held(D, Caution, 2), held(R, Severe, 1)], Warning),
            (&[held(D, Warning, 1), held(R, Severe, 1), held(H, Severe, 1)], Caution),
            (&[held(D, Severe, 1), held(T, Severe, 2)], Severe),
            (&[held(D, Severe, 1), held(T, Severe, 1)], Warning), // a mount that slips quickens as well
            (&[held(D, Severe, 1), held(T, Severe, 1), held(X, Warning, 9)], Severe), // a person says so too
            (&[held(D, Severe, 1), held(X, Warning, 9)], Warning),
            (&[held(D, Severe, 1), held(T, Warning, 2)], Warning), // a gate not passed, or no interval within a day
            (&[held(D, Warning, 1), held(T, Severe, 2)], Caution), // a fit is no second movement
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
        fn what_one_post_says_alone_is_never_severe(
            held in prop::collection::vec(any_held(), 0..12), post in 0..4u32,
        ) {
            let instruments = held.into_iter().filter(|one| one.group != Group::Report);
            let alone: Vec<Held> = instruments.map(|one| Held { station: StationIndex(post), ..one }).collect();
            prop_assert!(assess(&alone, true).level < Level::Severe, "{alone:?}");
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
