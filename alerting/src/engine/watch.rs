//! A watch: one rule on one series.

use alloc::vec::Vec;

use reading::{SeriesIndex, Timestamp};
use serde::{Deserialize, Serialize};

use crate::condition::{ConditionState, MAIN, Transition};
use crate::setup::Setup;
use crate::window::Sample;

/// One rule on one series, with its condition kept twice (see the module comment of the engine).
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Watch {
    /// Which rule, in `setup.rules`.
    pub rule: usize,
    /// On which series.
    pub series: SeriesIndex,
    /// What moves.
    pub state: WatchState,
}

/// What moves in a watch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct WatchState {
    /// Has seen everything that arrived, in event order.
    pub live: ConditionState,
    /// Has seen what the lateness window closed over.
    pub closed: ConditionState,
    /// Whether it holds, as the site was told.
    pub held: bool,
    /// Whether what it holds on is not old; old evidence never makes a level.
    pub fresh: bool,
    /// Whether it held at some time since the level left normal: its silence pauses the way down.
    pub raised: bool,
    /// Whether it holds in the recorded history.
    pub recorded: bool,
    /// The number that decided, and when it was measured.
    pub decided: (f64, Timestamp),
    /// What was told and is not yet confirmed by the closed history.
    pub told: Vec<Told>,
}

/// A stretch of event time in which a watch was told to hold.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Told {
    /// From when.
    pub from: Timestamp,
    /// Until when; `None` while it lasts.
    pub to: Option<Timestamp>,
    /// The closed history has it too.
    pub borne_out: bool,
}

impl Told {
    fn meets(&self, span: &Span) -> bool {
        self.to.is_none_or(|to| to > span.from) && span.to.is_none_or(|to| to > self.from)
    }
}

/// A stretch of event time in which a condition held.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Span {
    from: Timestamp,
    to: Option<Timestamp>,
    value: f64,
}

/// The condition of a watch over readings that came after their window had closed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Late {
    /// What it has seen of them.
    pub state: ConditionState,
    /// The newest of them.
    pub last: Timestamp,
    /// When the last of them arrived (`at`).
    pub arrived_at: Timestamp,
}

/// Every rule on every series it names, by series and rule.
pub(crate) fn all(setup: &Setup) -> Vec<Watch> {
    let mut watches = Vec::new();
    for (rule, definition) in setup.rules.iter().enumerate() {
        for name in &definition.series {
            let Some(series) = setup.registry.find(name) else { continue };
            let fresh = definition.condition.fresh();
            let state = WatchState {
                closed: fresh.clone(),
                live: fresh,
                held: false,
                fresh: false,
                raised: false,
                recorded: false,
                decided: (0.0, Timestamp::MIN),
                told: Vec::new(),
            };
            watches.push(Watch { rule, series, state });
        }
    }
    watches.sort_by(|a, b| {
        (a.series, &setup.rules[a.rule].id).cmp(&(b.series, &setup.rules[b.rule].id))
    });
    watches.dedup_by(|a, b| a.series == b.series && a.rule == b.rule);
    watches
}

impl WatchState {
    /// Takes the newest sample. The turn, if any, is noted as told.
    pub fn observe_newest(
        &mut self,
        settings: &crate::condition::ConditionSettings,
        sample: Sample,
    ) -> Option<Transition> {
        let turn = self.live.observe(settings, MAIN, sample.at, sample.value)?;
        if turn.held {
            self.told.push(Told { from: turn.at, to: None, borne_out: false });
        } else if let Some(last) = self.told.last_mut() {
            last.to = last.to.or(Some(turn.at));
        }
        Some(turn)
    }

    /// Goes over all open samples again after one fell behind others. Returns the turns the site has to hear:
    /// raises nobody was told of, each with its end, and at last the state as it now is.
    pub fn observe_again<'a>(
        &mut self,
        settings: &crate::condition::ConditionSettings,
        open: impl Iterator<Item = &'a Sample>,
    ) -> Vec<Transition> {
        let mut spans = Vec::new();
        if self.closed.held() {
            spans.push(Span { from: Timestamp::MIN, to: None, value: self.decided.0 });
        }
        self.live = self.closed.clone();
        let mut newest = Timestamp::MIN;
        for sample in open {
            newest = sample.at;
            match self.live.observe(settings, MAIN, sample.at, sample.value) {
                Some(turn) if turn.held => {
                    spans.push(Span { from: turn.at, to: None, value: turn.value });
                }
                Some(turn) => {
                    if let Some(span) = spans.last_mut() {
                        span.to = Some(turn.at);
                    }
                }
                None => {}
            }
        }
        self.reconcile(&spans, newest)
    }

    fn reconcile(&mut self, spans: &[Span], newest: Timestamp) -> Vec<Transition> {
        let mut turns = Vec::new();
        for span in spans {
            let known =
                self.told.iter().any(|told| told.meets(span)) || span.from == Timestamp::MIN;
            if !known {
                self.told.push(Told { from: span.from, to: span.to, borne_out: false });
                turns.push(Transition { held: true, at: span.from, value: span.value });
                if let Some(to) = span.to {
                    turns.push(Transition { held: false, at: to, value: span.value });
                }
            }
        }
        for told in &mut self.told {
            let span = spans.iter().rev().find(|span| told.meets(span));
            told.to = span.map_or(told.to.or(Some(newest)), |span| span.to);
        }
        let held_last = turns.last().map_or(self.held, |turn| turn.held);
        if held_last != self.live.held() {
            let value = spans.last().map_or(self.decided.0, |span| span.value);
            turns.push(Transition { held: self.live.held(), at: newest, value });
        }
        turns
    }

    /// Takes a sample that the window closed over. Returns the turn of the recorded history.
    pub fn observe_closed(
        &mut self,
        settings: &crate::condition::ConditionSettings,
        sample: Sample,
    ) -> Option<Transition> {
        let turn = self.closed.observe(settings, MAIN, sample.at, sample.value);
        if self.closed.held() {
            for told in &mut self.told {
                told.borne_out |= told.from <= sample.at && told.to.is_none_or(|to| to > sample.at);
            }
        }
        turn
    }

    /// Takes out what was told, is over, and is closed over: returns how many of those were not borne out.
    pub fn not_borne_out(&mut self, closed_to: Timestamp) -> usize {
        if self.told.is_empty() {
            return 0;
        }
        let over = |told: &Told| told.to.is_some_and(|to| to <= closed_to);
        let missed = self.told.iter().filter(|told| over(told) && !told.borne_out).count();
        self.told.retain(|told| !over(told));
        missed
    }
}
