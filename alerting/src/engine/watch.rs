//! A watch: one clause of a rule on one series.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;

use reading::{SeriesIndex, Timestamp};
use serde::{Deserialize, Serialize};

use super::feed::Fed;
use crate::condition::{ConditionSettings, ConditionState, Transition};
use crate::rule::{Clause, Rule};
use crate::setup::Setup;

/// One clause of a rule on one series, with its condition kept twice (see the module comment of the engine).
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Watch {
    /// Which rule, in `setup.rules`.
    pub rule: u32,
    /// Which of its clauses.
    pub clause: u8,
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
    /// Whether it held there at some time since the level recorded left normal.
    pub recorded_raised: bool,
    /// What was said of it, if it ever held: most never do.
    spoken: Option<Box<Spoken>>,
}

/// What was said of a watch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Spoken {
    /// The number that decided, and when it was measured.
    decided: (f64, Timestamp),
    /// What was told and is not yet confirmed by the closed history.
    told: Vec<Told>,
}

impl Default for Spoken {
    fn default() -> Self {
        Self { decided: UNDECIDED, told: Vec::new() }
    }
}

const UNDECIDED: (f64, Timestamp) = (0.0, Timestamp::MIN);

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
    /// The oldest and the newest of them, of its main series.
    pub span: (Timestamp, Timestamp),
    /// Of which raises was told, the last [`TOLD_MAX`] of them.
    told: VecDeque<Timestamp>,
    /// A companion has come since, of a time that was judged without it.
    pub again: bool,
    /// When the last of them arrived (`at`).
    pub arrived_at: Timestamp,
}

/// How many raises of the past are remembered as told, for each watch.
const TOLD_MAX: usize = 32;

impl Late {
    /// Has seen nothing.
    pub fn new(settings: &ConditionSettings) -> Self {
        Self {
            state: settings.fresh(),
            span: (Timestamp::MAX, Timestamp::MIN),
            told: VecDeque::new(),
            again: false,
            arrived_at: Timestamp::MIN,
        }
    }

    /// Shows it more of the past, in order. Returns the raises that nobody was told of.
    pub fn observe(&mut self, settings: &ConditionSettings, stream: &[Fed]) -> Vec<Transition> {
        let mut news = Vec::new();
        for Fed { slot, sample } in stream {
            let turn = self.state.observe(settings, *slot, sample.at, sample.value);
            news.extend(turn.filter(|turn| {
                turn.held && turn.at >= self.span.0 && !self.told.contains(&turn.at)
            }));
        }
        self.told.extend(news.iter().map(|turn| turn.at));
        while self.told.len() > TOLD_MAX {
            self.told.pop_front();
        }
        news
    }
}

/// Every rule on every series it names, by series and rule.
pub(crate) fn all(setup: &Setup) -> Vec<Watch> {
    let count = clauses(setup).map(|(_, _, clause)| clause.series.len()).sum();
    let mut watches = Vec::with_capacity(count);
    for (rule, clause, definition) in clauses(setup) {
        for name in definition.series.iter() {
            let Some(series) = setup.registry.find(name) else { continue };
            let fresh = definition.condition.fresh();
            let state = WatchState {
                closed: fresh.clone(),
                live: fresh,
                held: false,
                fresh: false,
                raised: false,
                recorded: false,
                recorded_raised: false,
                spoken: None,
            };
            watches.push(Watch { rule, clause, series, state });
        }
    }
    let order = |watch: &Watch| (watch.series, &watch.rule(setup).id, watch.clause);
    watches.sort_unstable_by(|a, b| order(a).cmp(&order(b)));
    watches.dedup_by(|a, b| order(a) == order(b));
    watches
}

fn clauses(setup: &Setup) -> impl Iterator<Item = (u32, u8, &Clause)> {
    setup.rules.iter().enumerate().flat_map(|(rule, definition)| {
        let clauses = definition.clauses.iter().enumerate();
        clauses.map(move |(clause, definition)| (rule as u32, clause as u8, definition))
    })
}

impl Watch {
    /// Its rule.
    pub fn rule<'s>(&self, setup: &'s Setup) -> &'s Rule {
        &setup.rules[self.rule as usize]
    }

    /// Its clause.
    pub fn clause<'s>(&self, setup: &'s Setup) -> &'s Clause {
        &self.rule(setup).clauses[usize::from(self.clause)]
    }

    /// What it tests.
    pub fn settings<'s>(&self, setup: &'s Setup) -> &'s ConditionSettings {
        &self.clause(setup).condition
    }
}

impl WatchState {
    /// The number that decided, and when it was measured; [`Timestamp::MIN`] if it never held.
    pub fn decided(&self) -> (f64, Timestamp) {
        self.spoken.as_ref().map_or(UNDECIDED, |spoken| spoken.decided)
    }

    /// Notes the number that decided.
    pub fn decide(&mut self, value: f64, measured_at: Timestamp) {
        self.spoken.get_or_insert_default().decided = (value, measured_at);
    }

    fn told(&self) -> &[Told] {
        self.spoken.as_ref().map_or(&[], |spoken| &spoken.told)
    }

    fn told_mut(&mut self) -> &mut [Told] {
        self.spoken.as_mut().map_or(&mut [], |spoken| &mut spoken.told)
    }

    fn tell(&mut self, told: Told) {
        self.spoken.get_or_insert_default().told.push(told);
    }

    /// Takes the newest sample. The turn, if any, is noted as told.
    pub fn observe_newest(&mut self, settings: &ConditionSettings, fed: Fed) -> Option<Transition> {
        let turn = self.live.observe(settings, fed.slot, fed.sample.at, fed.sample.value)?;
        if turn.held {
            self.tell(Told { from: turn.at, to: None, borne_out: false });
        } else if let Some(last) = self.told_mut().last_mut() {
            last.to = last.to.or(Some(turn.at));
        }
        Some(turn)
    }

    /// Goes over all open samples again after one fell behind others. Returns the turns the site has to hear:
    /// raises nobody was told of, each with its end, and at last the state as it now is.
    pub fn observe_again(
        &mut self,
        settings: &ConditionSettings,
        open: impl Iterator<Item = Fed>,
    ) -> Vec<Transition> {
        let mut spans = Vec::new();
        if self.closed.held() {
            spans.push(Span { from: Timestamp::MIN, to: None, value: self.decided().0 });
        }
        let frozen = self.live.is_frozen();
        self.live = self.closed.clone();
        self.live.freeze(frozen);
        let mut newest = Timestamp::MIN;
        for Fed { slot, sample } in open {
            newest = sample.at;
            match self.live.observe(settings, slot, sample.at, sample.value) {
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
                self.told().iter().any(|told| told.meets(span)) || span.from == Timestamp::MIN;
            if !known {
                self.tell(Told { from: span.from, to: span.to, borne_out: false });
                turns.push(Transition { held: true, at: span.from, value: span.value });
                if let Some(to) = span.to {
                    turns.push(Transition { held: false, at: to, value: span.value });
                }
            }
        }
        for told in self.told_mut() {
            let span = spans.iter().rev().find(|span| told.meets(span));
            told.to = span.map_or(told.to.or(Some(newest)), |span| span.to);
        }
        let held_last = turns.last().map_or(self.held, |turn| turn.held);
        if held_last != self.live.held() {
            let value = spans.last().map_or(self.decided().0, |span| span.value);
            turns.push(Transition { held: self.live.held(), at: newest, value });
        }
        turns
    }

    /// Takes a sample that the window closed over. Returns the turn of the recorded history.
    pub fn observe_closed(
        &mut self,
        settings: &ConditionSettings,
        Fed { slot, sample }: Fed,
    ) -> Option<Transition> {
        let turn = self.closed.observe(settings, slot, sample.at, sample.value);
        if self.closed.held() {
            for told in self.told_mut() {
                told.borne_out |= told.from <= sample.at && told.to.is_none_or(|to| to > sample.at);
            }
        }
        turn
    }

    /// Takes out what was told, is over, and is closed over: returns how many of those were not borne out.
    pub fn not_borne_out(&mut self, closed_to: Timestamp) -> usize {
        let Some(spoken) = self.spoken.as_mut().filter(|spoken| !spoken.told.is_empty()) else {
            return 0;
        };
        let over = |told: &Told| told.to.is_some_and(|to| to <= closed_to);
        let missed = spoken.told.iter().filter(|told| over(told) && !told.borne_out).count();
        spoken.told.retain(|told| !over(told));
        missed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_watch_is_small_whatever_it_watches() {
        // a million series with three thresholds have three million of them: what is large is boxed
        assert_eq!(size_of::<ConditionState>(), 24);
        assert_eq!(size_of::<Watch>(), 80);
    }
}
