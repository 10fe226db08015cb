//! Which messages of a station came, by the numbers it gives them.

use alloc::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::report::Road;

/// How many runs of missing numbers are remembered; the oldest are given up.
const RUNS_MAX: usize = 8;

/// A number that jumps by more is another count, not a loss: a message a second for eleven days.
const JUMP_MAX: u64 = 1_000_000;

/// The numbers of a station's messages, as far as they came.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Numbers {
    /// The highest, of the count that is under way.
    last: Option<u64>,
    /// What lies below it and did not come: first and last, in order, none touching another.
    missing: VecDeque<(u64, u64)>,
}

impl Numbers {
    /// Takes note of a number: how many are missing before it, and whether it was missing itself (0 or 1).
    ///
    /// A live number at or below the last one that is not missing begins a new count: the station was started again,
    /// and what was missing before is not known under these numbers any more.
    pub(super) fn take(&mut self, seq: u64, road: Road) -> (u64, u64) {
        if self.find(seq) {
            return (0, 1);
        }
        let Some(last) = self.last else {
            self.last = Some(seq);
            return (0, 0);
        };
        if seq == last {
            return (0, 0);
        }
        let ahead = seq.saturating_sub(last);
        match road {
            Road::Backfill if ahead != 1 => return (0, 0), // an old one, or one of a buffer sent in any order
            Road::Backfill | Road::Live => self.last = Some(seq),
        }
        if !(1..=JUMP_MAX).contains(&ahead) {
            self.missing.clear();
            return (0, 0);
        }
        if ahead > 1 {
            if self.missing.len() == RUNS_MAX {
                self.missing.pop_front();
            }
            self.missing.push_back((last + 1, seq - 1));
        }
        (ahead - 1, 0)
    }

    /// The runs that did not come, lowest first.
    pub(super) fn missing(&self) -> impl Iterator<Item = (u64, u64)> {
        self.missing.iter().copied()
    }

    /// Takes a number out of the run it is missing in, if it is.
    fn find(&mut self, seq: u64) -> bool {
        let run = self.missing.iter().position(|(from, to)| (*from..=*to).contains(&seq));
        let Some(at) = run else { return false };
        let (from, to) = self.missing[at];
        match (from == seq, to == seq) {
            (true, true) => drop(self.missing.remove(at)),
            (true, false) => self.missing[at].0 = seq + 1,
            (false, true) => self.missing[at].1 = seq - 1,
            (false, false) => {
                self.missing[at].1 = seq - 1;
                self.missing.insert(at + 1, (seq + 1, to));
                if self.missing.len() > RUNS_MAX {
                    self.missing.pop_front();
                }
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    type Pairs = Vec<(u64, u64)>;

    /// Numbers as they came, then how many were missing before each and whether it was itself.
    fn taken(came: &[(u64, Road)]) -> (Pairs, Pairs) {
        let mut numbers = Numbers::default();
        let fates = came.iter().map(|(seq, road)| numbers.take(*seq, *road)).collect();
        (fates, numbers.missing().collect())
    }

    #[test]
    fn gaps_are_counted_once_and_not_at_a_reboot() {
        use Road::{Backfill, Live};
        let (fates, left) = taken(&[(7, Live), (8, Live), (12, Live)]);
        assert_eq!((fates, left), ([(0, 0), (0, 0), (3, 0)].into(), [(9, 11)].into()));
        let (fates, left) = taken(&[(7, Live), (12, Live), (0, Live), (1, Live)]);
        assert_eq!((fates[2..].to_vec(), left), ([(0, 0), (0, 0)].into(), [].into()));
        let (fates, left) = taken(&[(7, Live), (u64::MAX, Live), (3, Live), (5, Live)]);
        assert_eq!((fates[1], fates[3], left), ((0, 0), (1, 0), [(4, 4)].into()));
        let (_, left) = taken(&[(7, Live), (9, Live), (9, Live)]);
        assert_eq!(left, [(8, 8)], "a message in two parts is no reboot");
        let (fates, _) = taken(&[(7, Live), (8, Backfill), (9, Live), (30, Backfill), (10, Live)]);
        assert!(fates.iter().all(|fate| *fate == (0, 0)), "{fates:?}");
    }

    #[test]
    fn what_comes_late_or_again_fills_its_gap() {
        use Road::{Backfill, Live};
        let (fates, left) = taken(&[
            (1, Live),
            (10, Live),
            (5, Live), // overtaken on the way: no reboot
            (11, Live),
            (2, Backfill),
            (9, Backfill),
            (9, Backfill),
        ]);
        assert_eq!(fates[2..], [(0, 1), (0, 0), (0, 1), (0, 1), (0, 0)]);
        assert_eq!(left, [(3, 4), (6, 8)]);
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut numbers = Numbers::default();
        for seq in (0..1_000).step_by(3) {
            numbers.take(seq, Road::Live);
        }
        assert_eq!(numbers.missing().count(), RUNS_MAX);
        assert_eq!(numbers.missing().last(), Some((997, 998)));
        numbers.take(1_100, Road::Live);
        numbers.take(1_050, Road::Live);
        assert_eq!(numbers.missing().count(), RUNS_MAX);
    }
}
