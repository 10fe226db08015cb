//! Whose turn it is on a bus, and who has to wait: a unit that does not answer is asked less and less often, so that
//! its silence does not cost the others their time.

use std::time::Duration;

use reading::Timestamp;

/// The longest that a silent unit is left alone, unless it is asked less often anyway: so soon one that is back is
/// heard.
const SILENT_MAX: Duration = Duration::from_secs(60);

/// The turns of a bus.
#[derive(Debug)]
pub(super) struct Turns(Vec<Turn>);

#[derive(Debug)]
struct Turn {
    due: Timestamp,
    interval: Duration,
    failures: u32,
}

impl Turns {
    /// Everybody is due at once.
    pub(super) fn new(intervals: impl IntoIterator<Item = Duration>, now: Timestamp) -> Self {
        let turn = |interval| Turn { due: now, interval, failures: 0 };
        Self(intervals.into_iter().map(turn).collect())
    }

    /// Who has waited longest, and when it is due. Those that answer go first: a silent one costs them its whole wait.
    pub(super) fn next(&self, now: Timestamp) -> Option<(usize, Timestamp)> {
        let order = |(_, turn): &(usize, &Turn)| (turn.due.max(now), turn.failures, turn.due);
        let (at, turn) = self.0.iter().enumerate().min_by_key(order)?;
        Some((at, turn.due))
    }

    /// A unit answered, with whatever: it is asked again after its interval, and never twice to make up for lost time.
    pub(super) fn answered(&mut self, at: usize, now: Timestamp) {
        let turn = &mut self.0[at];
        turn.failures = 0;
        turn.due = turn.due.plus(turn.interval);
        if turn.due < now {
            turn.due = now.plus(turn.interval);
        }
    }

    /// A unit did not answer: it waits twice as long as the last time.
    pub(super) fn failed(&mut self, at: usize, now: Timestamp) {
        let turn = &mut self.0[at];
        turn.failures = turn.failures.saturating_add(1);
        let doubled =
            turn.interval.saturating_mul(1_u32.checked_shl(turn.failures).unwrap_or(u32::MAX));
        turn.due = now.plus(doubled.min(SILENT_MAX.max(turn.interval)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_secs(secs)
    }

    #[test]
    fn everybody_comes_in_turn() {
        let mut turns = Turns::new([10 * SECOND, 5 * SECOND], at(0));
        assert_eq!(turns.next(at(0)), Some((0, at(0))));
        turns.answered(0, at(0));
        assert_eq!(turns.next(at(0)), Some((1, at(0))));
        turns.answered(1, at(1));
        assert_eq!(
            turns.next(at(1)),
            Some((1, at(5))),
            "from when it was due, so that it does not drift"
        );
        turns.answered(1, at(31));
        assert_eq!(turns.next(at(31)), Some((0, at(10))));
        turns.answered(0, at(31));
        assert_eq!(turns.next(at(31)), Some((1, at(36))), "what was missed is not made up for");
    }

    #[test]
    fn a_silent_unit_waits_longer_and_longer_up_to_a_minute() {
        let mut turns = Turns::new([5 * SECOND, 600 * SECOND], at(0));
        turns.answered(1, at(0));
        let mut waits = Vec::new();
        for _ in 0..40 {
            let (unit, due) = turns.next(at(0)).unwrap();
            assert_eq!(unit, 0);
            turns.failed(0, due);
            waits.push(turns.next(due).unwrap().1.since(due).as_secs());
            turns.0[1].due = due.plus(600 * SECOND);
        }
        assert_eq!(waits[..5], [10, 20, 40, 60, 60]);
        assert_eq!(waits.last(), Some(&60));
        let mut slow = Turns::new([600 * SECOND], at(0));
        slow.failed(0, at(0));
        assert_eq!(slow.next(at(0)), Some((0, at(600))), "never more often than when it answers");
    }

    #[test]
    fn of_two_that_are_due_the_one_that_answers_goes_first() {
        let mut turns = Turns::new([SECOND, SECOND], at(0));
        turns.failed(0, at(0));
        turns.answered(1, at(0));
        turns.answered(1, at(1));
        assert_eq!(turns.next(at(9)).unwrap().0, 1);
        turns.answered(1, at(9));
        assert_eq!(turns.next(at(9)).unwrap().0, 0);
    }
}
