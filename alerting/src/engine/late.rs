//! Late: readings that come after their window has closed, judged as of their own time, told to officers, never a level
//! by themselves (G8).
//!
//! A condition of one series sees what came late, in a state of its own. A condition of several sees it in its place
//! among all that is known of its series: of those the engine keeps the past ([`PAST_MAX`](crate::window::PAST_MAX)
//! readings each), so that a late reading is judged beside what its companions said then. Where a companion comes later
//! than what it bears out, that is judged again. Only what learns beside others is not judged late.

use alloc::format;
use alloc::vec::Vec;
use core::time::Duration;

use reading::registry::Text;
use reading::{SeriesIndex, Timestamp};

use super::arguing::View;
use super::feed::{self, Fed};
use super::watch::Late;
use super::{Engine, Moment, Subject};
use crate::alert::Purpose;
use crate::catalogue;
use crate::condition::{MAIN, Transition};
use crate::decision::{Action, Decision};
use crate::level::Level;
use crate::window::Sample;

/// How long the condition over late readings is kept after the last of them.
const KEPT: Duration = Duration::from_secs(3_600);

/// How long is waited for more of a companion before what it bears out is judged again.
const AGAIN_AFTER: Duration = Duration::from_secs(60);

impl Engine {
    /// Takes a trusted sample whose window closed before it came.
    pub(super) fn observe_late(
        &mut self,
        series: SeriesIndex,
        sample: Sample,
        now: Moment,
        out: &mut Vec<Action>,
    ) {
        self.keep_past(series, sample);
        for at in self.watches_of(series) {
            self.late_for(at, Fed::main(sample), now, out);
        }
        for entry in self.feeds.fed_by(series) {
            let (at, slot) = self.feeds.entry(entry);
            self.late_for(at, Fed { slot, sample }, now, out);
        }
    }

    /// Keeps a sample that no window holds any more, where its series is judged beside others.
    pub(super) fn keep_past(&mut self, series: SeriesIndex, sample: Sample) {
        if let Some(past) = self.pasts.get_mut(&series.0) {
            past.insert(sample);
        }
    }

    /// Shows a watch a sample that it has passed.
    pub(super) fn late_for(&mut self, at: usize, fed: Fed, now: Moment, out: &mut Vec<Action>) {
        let site = self.site_of(self.watches[at].series);
        if fed.slot != MAIN {
            if let Some(late) = self.late.get_mut(&(at as u32))
                && fed.sample.at <= late.span.1
            {
                late.again = true;
                self.wake_by(site, now.at.plus(AGAIN_AFTER));
            }
            return;
        }
        let settings = self.watches[at].settings(&self.setup);
        if settings.learns() && self.feeds.inputs(at).is_some() {
            return; // of what was usual beside the others then nothing is kept
        }
        let late = self.late.entry(at as u32).or_insert_with(|| Late::new(settings));
        let moment = fed.sample.at;
        let beside = self.feeds.inputs(at).is_some();
        let anew = late.again || moment < late.span.1 || (beside && moment == late.span.1);
        let after = if anew { Timestamp::MIN } else { late.span.1 };
        late.span = (late.span.0.min(moment), late.span.1.max(moment));
        late.arrived_at = now.at;
        let stream = match self.feeds.inputs(at) {
            None => alloc::vec![fed],
            Some(inputs) => feed::known(inputs, &self.pasts, &self.windows, after, late.span.1),
        };
        self.judge_late(at, &stream, anew, now, out);
        self.wake_by(site, now.at.plus(KEPT));
    }

    /// Judges what a companion has come for, once no more of them come with it.
    pub(super) fn late_again(&mut self, site: usize, now: Moment, out: &mut Vec<Action>) {
        for at in self.sites[site].watches.clone() {
            let Some(late) = self.late.get(&(at as u32)).filter(|late| late.again) else {
                continue;
            };
            let Some(inputs) = self.feeds.inputs(at) else { continue };
            let upto = late.span.1;
            let stream = feed::known(inputs, &self.pasts, &self.windows, Timestamp::MIN, upto);
            self.judge_late(at, &stream, true, now, out);
        }
    }

    /// What more of the past makes of a watch, after what was seen late before, or anew.
    fn judge_late(
        &mut self,
        at: usize,
        stream: &[Fed],
        anew: bool,
        now: Moment,
        out: &mut Vec<Action>,
    ) {
        let settings = self.watches[at].settings(&self.setup);
        let Some(late) = self.late.get_mut(&(at as u32)) else { return };
        if anew {
            (late.state, late.again) = (settings.fresh(), false);
        }
        for turn in late.observe(settings, stream) {
            self.late_detected(at, turn, now, out);
        }
    }

    /// A raise came from late data: officers hear of it, with its time; no level is made of the past.
    pub(super) fn late_detected(
        &mut self,
        at: usize,
        turn: Transition,
        now: Moment,
        out: &mut Vec<Action>,
    ) {
        let subject = self.subject_of(at);
        let (Subject::Main(site) | Subject::Monitoring(site)) = subject else { return };
        let monitoring = matches!(subject, Subject::Monitoring(_));
        if !self.arguing(site, monitoring, View::Told, now.at, Some(at)).contains(&at) {
            return; // its rule needs more than this, or it only speaks against one
        }
        let evidence = self.evidence(at, &turn);
        let why = self.finding_late(at, &turn);
        let delay = format!("{}", now.at.since(turn.at).as_secs() / 60);
        let what = Text {
            ko: catalogue::fill("what-late", catalogue::Language::Ko, &[&evidence.text.ko, &delay]),
            en: catalogue::fill("what-late", catalogue::Language::En, &[&evidence.text.en, &delay]),
        };
        let policy = self.policy_of(subject);
        let track = self.track_of(subject);
        let assessed = track.live.assessed();
        if track.live.level() == Level::Normal {
            track.live.assess(Level::Attention.max(assessed), &policy, now.at);
            track.live.assess(assessed, &policy, now.at);
            let (hazard, to, id) = (track.hazard, track.live.level(), self.site_id(subject));
            let reason = catalogue::text("policy-late", &[]);
            let from = Level::Normal;
            let evidence = alloc::vec![evidence];
            out.push(Action::Decide(Decision::Level {
                at: now.at,
                site: id,
                hazard,
                from,
                to,
                measured_at: turn.at,
                reason,
                evidence,
                why,
            }));
        }
        self.revise(subject, what, Some(Purpose::Alert), true, turn.at, now, out);
        self.wake_for_track(site, monitoring);
    }

    /// Forgets the conditions over late readings of a site of which none has come for long.
    pub(super) fn forget_late(&mut self, site: usize, now: Timestamp) {
        let kept = self.sites[site].watches.clone();
        self.late.retain(|watch, late| {
            !kept.contains(&(*watch as usize)) || now.since(late.arrived_at) < KEPT
        });
    }
}
