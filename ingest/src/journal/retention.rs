//! What may be removed: closed segments, oldest first, never what the engine still needs.

use std::collections::BTreeMap;

use reading::Timestamp;

use super::cut::Cut;
use super::segment::Segment;
use super::shared::Shared;

/// What must not be removed.
#[derive(Debug, Default)]
pub(super) struct Needs {
    /// The first record the engine may have to read again. Until it is set, everything is kept.
    pub floor: u64,
    /// What views have not read yet.
    pub holds: BTreeMap<String, Hold>,
}

/// What one view has not read yet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hold {
    /// The first record it needs.
    pub from: u64,
    /// How long the segments may be that are kept for it.
    pub bytes_max: u64,
}

impl Shared {
    /// Removes what is too old or too much. Under `pressure` (the disk is full) removes one segment whatever its
    /// age and whoever holds it, except the engine. Says whether anything went.
    pub(super) fn trim(&self, now: Timestamp, pressure: bool) -> bool {
        let mut removed = false;
        while let Some((oldest, next)) = self.files.segments.oldest() {
            let too_old = now.since(next.opened_at) > self.config.age_max;
            let too_much = self.files.segments.size().1 > self.config.bytes_max;
            if !(too_old || too_much || pressure) || !self.let_go(&oldest, pressure) {
                break;
            }
            if let Err(error) = self.files.disk.remove(&oldest.path) {
                tracing::error!(segment = %oldest.path.display(), %error, "cannot remove old journal segment");
                break;
            }
            self.files.segments.drop_oldest();
            removed = true;
            if pressure {
                break;
            }
        }
        if removed && let Err(error) = self.files.disk.sync_folder(&self.files.folder) {
            tracing::warn!(%error, "removal of old journal segments may not last");
        }
        removed
    }

    /// Whether everybody can do without a segment; views that cannot any longer are told.
    fn let_go(&self, segment: &Segment, pressure: bool) -> bool {
        let mut needs = self.needs.lock();
        let last = segment.last();
        if last >= needs.floor {
            return false;
        }
        let within = |hold: &Hold| self.files.segments.bytes_from(hold.from) <= hold.bytes_max;
        if !pressure && needs.holds.values().any(|hold| hold.from <= last && within(hold)) {
            return false;
        }
        for (view, hold) in needs.holds.iter_mut().filter(|(_, hold)| hold.from <= last) {
            let cut = Cut::Trimmed { view: view.clone(), from: hold.from, to: last };
            tracing::error!(
                view,
                from = hold.from,
                to = last,
                "view fell too far behind, records lost to it"
            );
            self.metrics.lost_records.inc_by(last - hold.from + 1);
            self.queue.remark(vec![cut.entry(self.clock.wall())]);
            hold.from = last + 1;
        }
        true
    }
}
