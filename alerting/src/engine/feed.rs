//! Companions: series that a watch is judged with beside its main one.
//!
//! A watch with companions sees the readings of all its series as one stream in event order. Each series keeps its
//! own window; the stream is their merge, ordered by time, then companions by slot, then the main series, then
//! value, so that arrival order leaves no trace. What falls at or before the site's closed time has been passed by
//! the stream and is late for it. Series without companions take no part in any of this.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use reading::{SeriesIndex, Timestamp};

use super::watch::Watch;
use crate::condition::MAIN;
use crate::setup::Setup;
use crate::window::{Past, Sample, Window};

/// A sample of one of the series of a watch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Fed {
    /// Of which: the main series, or the companion of this slot.
    pub slot: u8,
    /// What and when.
    pub sample: Sample,
}

impl Fed {
    /// Of the main series.
    pub fn main(sample: Sample) -> Self {
        Self { slot: MAIN, sample }
    }

    /// Its place in the stream.
    pub fn order(&self, other: &Self) -> core::cmp::Ordering {
        let rank = |fed: &Self| (fed.sample.at, fed.slot == MAIN, fed.slot);
        rank(self).cmp(&rank(other)).then_with(|| self.sample.value.total_cmp(&other.sample.value))
    }
}

/// Which watches have companions, and which series are one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Feeds {
    /// By watch: its series, the main one first.
    inputs: BTreeMap<u32, Vec<SeriesIndex>>,
    /// First of each series in `fed`, and one past the last; empty if there are no companions at all.
    fed_from: Vec<u32>,
    /// Watches a series is a companion of, with its slot.
    fed: Vec<(u32, u8)>,
}

impl Feeds {
    pub fn new(setup: &Setup, watches: &[Watch]) -> Self {
        let mut inputs = BTreeMap::new();
        for (at, watch) in watches.iter().enumerate() {
            let names = companions(setup, watch);
            let found: Vec<_> = names.iter().filter_map(|name| setup.registry.find(name)).collect();
            if !names.is_empty() && found.len() == names.len() {
                inputs.insert(at as u32, [alloc::vec![watch.series], found].concat());
            }
        }
        let mut feeds = Self { inputs, ..Self::default() };
        if !feeds.inputs.is_empty() {
            feeds.number(setup.registry.series().len());
        }
        feeds
    }

    fn number(&mut self, series: usize) {
        let mut pairs: Vec<(usize, u32, u8)> = Vec::new();
        for (watch, inputs) in &self.inputs {
            let further = inputs.iter().enumerate().skip(1);
            pairs.extend(further.map(|(slot, series)| (series.index(), *watch, slot as u8)));
        }
        pairs.sort_unstable();
        self.fed_from = (0..=series)
            .map(|series| pairs.partition_point(|(of, _, _)| *of < series) as u32)
            .collect();
        self.fed = pairs.into_iter().map(|(_, watch, slot)| (watch, slot)).collect();
    }

    /// The series of a watch that has companions, the main one first.
    pub fn inputs(&self, watch: usize) -> Option<&[SeriesIndex]> {
        if self.inputs.is_empty() {
            return None;
        }
        self.inputs.get(&(watch as u32)).map(Vec::as_slice)
    }

    /// Nothing of the past yet, for every series that is judged beside others. What learns is not judged late.
    pub fn pasts(&self, setup: &Setup, watches: &[Watch]) -> BTreeMap<u32, Past> {
        let judged = |at: &u32| !watches[*at as usize].settings(setup).learns();
        let inputs = self.inputs.iter().filter(|(at, _)| judged(at)).flat_map(|(_, inputs)| inputs);
        inputs.map(|series| (series.0, Past::default())).collect()
    }

    /// The watches a series is a companion of, with its slot.
    pub fn fed_by(&self, series: SeriesIndex) -> core::ops::Range<usize> {
        match self.fed_from.get(series.index()..series.index() + 2) {
            Some(ends) => ends[0] as usize..ends[1] as usize,
            None => 0..0,
        }
    }

    /// The entry of [`Feeds::fed_by`].
    pub fn entry(&self, at: usize) -> (usize, u8) {
        let (watch, slot) = self.fed[at];
        (watch as usize, slot)
    }
}

/// The companions of a watch, by name.
pub(crate) fn companions<'s>(setup: &'s Setup, watch: &Watch) -> &'s [reading::SeriesName] {
    watch.clause(setup).companions_of(&setup.registry.series()[watch.series.index()].name)
}

/// Whether nothing open of these series comes after this in the stream.
pub(crate) fn is_newest(inputs: &[SeriesIndex], windows: &[Window], fed: Fed) -> bool {
    inputs.iter().enumerate().all(|(slot, series)| {
        let newest = windows[series.index()].newest();
        newest.is_none_or(|sample| Fed { slot: slot as u8, sample: *sample }.order(&fed).is_le())
    })
}

/// What is open of these series after `closed_to`, as one stream.
pub(crate) fn merged(inputs: &[SeriesIndex], windows: &[Window], closed_to: Timestamp) -> Vec<Fed> {
    let mut stream: Vec<Fed> = Vec::new();
    for (slot, series) in inputs.iter().enumerate() {
        let open = windows[series.index()].open().filter(|sample| sample.at > closed_to);
        stream.extend(open.map(|sample| Fed { slot: slot as u8, sample: *sample }));
    }
    stream.sort_by(Fed::order);
    stream
}

/// What is known of these series up to a moment, that moment included, as one stream: closed, and open.
pub(crate) fn known(
    inputs: &[SeriesIndex],
    pasts: &BTreeMap<u32, Past>,
    windows: &[Window],
    after: Timestamp,
    upto: Timestamp,
) -> Vec<Fed> {
    let mut stream: Vec<Fed> = Vec::new();
    for (slot, series) in inputs.iter().enumerate() {
        let closed = pasts.get(&series.0).into_iter().flat_map(|past| past.between(after, upto));
        let open = windows[series.index()].open();
        let open = open.filter(|sample| sample.at > after && sample.at <= upto);
        stream.extend(closed.chain(open).map(|sample| Fed { slot: slot as u8, sample: *sample }));
    }
    stream.sort_by(Fed::order);
    stream
}
