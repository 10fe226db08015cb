//! What the box keeps: its last reports, those the other side has and those it does not have yet.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

/// One report.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// Its number.
    pub seq: u64,
    /// When, by the box's own clock, milliseconds since 1970.
    pub stamp_ms: i64,
    /// A value for each channel that had a sample, as (channel, value).
    pub values: Vec<(usize, f64)>,
}

/// A ring of reports; the oldest goes when it is full, sent or not, as memory cards have it.
#[derive(Clone, Debug)]
pub struct Store {
    room: usize,
    reports: VecDeque<(Report, bool)>,
    given_up: u64,
}

impl Store {
    /// Room for so many; at least one.
    pub fn new(room: usize) -> Self {
        Self { room: room.max(1), reports: VecDeque::new(), given_up: 0 }
    }

    /// Keeps a report that was not sent yet.
    pub fn keep(&mut self, report: Report) {
        if self.reports.len() == self.room
            && let Some((_, sent)) = self.reports.pop_front()
        {
            self.given_up += u64::from(!sent);
        }
        self.reports.push_back((report, false));
    }

    /// The newest report.
    pub fn newest(&self) -> Option<&Report> {
        self.reports.back().map(|(report, _)| report)
    }

    /// Takes out the reports that were not sent yet as sent from now on, newest first: what is of now goes before
    /// what is of the past.
    pub fn drain(&mut self) -> Vec<Report> {
        let unsent = self.reports.iter_mut().rev().filter(|(_, sent)| !sent);
        unsent
            .map(|(report, sent)| {
                *sent = true;
                report.clone()
            })
            .collect()
    }

    /// Those of a run of numbers that are still here, oldest first.
    pub fn again(&self, from: u64, to: u64) -> Vec<Report> {
        let asked = self.reports.iter().filter(|(report, _)| (from..=to).contains(&report.seq));
        asked.map(|(report, _)| report.clone()).collect()
    }

    /// How many wait to be sent.
    pub fn waiting(&self) -> usize {
        self.reports.iter().filter(|(_, sent)| !sent).count()
    }

    /// How many went before they were sent.
    pub fn given_up(&self) -> u64 {
        self.given_up
    }

    /// Nothing is left: power went.
    pub fn clear(&mut self) {
        self.reports.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(seq: u64) -> Report {
        Report { seq, stamp_ms: 0, values: Vec::new() }
    }

    #[test]
    fn what_was_not_sent_waits_and_the_newest_goes_first() {
        let mut store = Store::new(4);
        (1..=3).for_each(|seq| store.keep(report(seq)));
        let seqs = |reports: Vec<Report>| reports.iter().map(|it| it.seq).collect::<Vec<_>>();
        assert_eq!(seqs(store.drain()), [3, 2, 1]);
        assert_eq!(seqs(store.drain()), [0; 0]);
        store.keep(report(4));
        assert_eq!((store.waiting(), seqs(store.again(2, 9))), (1, alloc::vec![2, 3, 4]));
    }

    #[test]
    fn a_full_ring_gives_up_the_oldest_and_says_so() {
        let mut store = Store::new(2);
        (1..=5).for_each(|seq| store.keep(report(seq)));
        assert_eq!((store.waiting(), store.given_up()), (2, 3));
    }
}
