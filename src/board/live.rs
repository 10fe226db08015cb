//! Live events: one task that looks at the ledger for everybody, and a stream for each who watches.
//!
//! A stream begins with `hello` (where everything stands), then tells every `decision` after the cursor its client
//! gave (`Last-Event-ID`, or `?after=`), in order and without a gap, and an `overview` when things moved, at most
//! one a second and at least one in eleven. What is told is written once and shared by all who watch. What a slow
//! client has not taken is not kept for it: it goes on from its cursor, out of memory if that reaches, else out of the
//! ledger.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use alerting::setup::Setup;
use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use delivery::ledger::DecisionRow;
use futures_util::{FutureExt, stream};
use parking_lot::Mutex;
use prometheus::IntGauge;
use serde::Deserialize;
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::time::{Interval, MissedTickBehavior, interval, sleep};

use super::access::Asking;
use super::api::{Asked, decision};
use super::facts::Facts;
use super::problem::{Kind, Problem};
use super::shares::Share;
use super::{BoardState, Shared, WATCHERS_SPARE};

/// How many told decisions are kept for clients that come back.
const KEPT_MAX: usize = 1_024;

/// How many decisions are read from the ledger at once for a client that was away.
const READ_MAX: u32 = 256;

/// How long a commit is left to those who must hear of it before those who watch are told.
const AFTER: Duration = Duration::from_millis(50);

/// The shortest time between two looks at the ledger.
const SPACING: Duration = Duration::from_millis(100);

/// How often things that make no decision are looked at.
const TICK: Duration = Duration::from_secs(1);

/// Every so many ticks the ledger is read although the desk committed nothing, and where everything stands is told
/// although nothing moved, so that clients know they are not cut off.
const THOROUGH: u64 = 10;

/// How often a stream makes sure that the session or the token it belongs to still holds.
const BEAT: Duration = Duration::from_secs(10);

/// When a client that was cut off should come back.
const RETRY: Duration = Duration::from_secs(2);

/// What is told to everybody.
pub(super) struct Live {
    now: watch::Sender<Arc<Now>>,
    kept: Mutex<VecDeque<(i64, Bytes)>>,
}

struct Now {
    facts: Arc<Facts>,
    /// Where everything stands, for who comes and for who watches, and its number.
    hello: Bytes,
    overview: Bytes,
    number: u64,
    /// Whether things moved since that event.
    moved: bool,
}

impl Live {
    pub(super) fn new(state: &BoardState) -> Self {
        let facts = Arc::new(Facts::unread(state));
        let now = Now::new(facts.clone(), &facts.told(state), 0);
        Self { now: watch::Sender::new(Arc::new(now)), kept: Mutex::default() }
    }

    /// What is known now.
    pub(super) fn facts(&self) -> Arc<Facts> {
        self.now.borrow().facts.clone()
    }

    /// Keeps new decisions, oldest first.
    fn keep(&self, told: impl Iterator<Item = (i64, Bytes)>) {
        let mut kept = self.kept.lock();
        kept.extend(told);
        let surplus = kept.len().saturating_sub(KEPT_MAX);
        kept.drain(..surplus);
    }

    /// The kept decisions after `cursor`; `None` if older ones are needed.
    fn kept_after(&self, cursor: i64) -> Option<Vec<(i64, Bytes)>> {
        let kept = self.kept.lock();
        let (oldest, _) = kept.front()?;
        // Ids of the ledger have no gaps: decisions are only ever added.
        (*oldest <= cursor + 1)
            .then(|| kept.iter().filter(|(id, _)| *id > cursor).cloned().collect())
    }
}

impl Now {
    fn new(facts: Arc<Facts>, told: &str, number: u64) -> Self {
        let retry = RETRY.as_millis();
        let hello = format!("event: hello\nretry: {retry}\ndata: {told}\n\n").into();
        let overview = format!("event: overview\ndata: {told}\n\n").into();
        Self { facts, hello, overview, number, moved: false }
    }
}

/// A decision as an event.
fn event(row: &DecisionRow, setup: &Setup) -> (i64, Bytes) {
    let (id, told) = (row.id, decision(row, setup));
    (id, format!("event: decision\nid: {id}\ndata: {told}\n\n").into())
}

/// Publishes until the board stops. A panic is counted, and publishing goes on.
pub(super) async fn keep_publishing(app: Shared) {
    while AssertUnwindSafe(publish(&app)).catch_unwind().await.is_err() {
        app.metrics.panics.inc();
        tracing::error!("publishing to the board panicked; please report this");
        sleep(TICK).await;
    }
}

async fn publish(app: &Shared) {
    let mut updates = app.state.updates.clone();
    let mut tick = interval(TICK);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut desk_is_there = true;
    let mut ticks = 0_u64;
    loop {
        let look = tokio::select! {
            () = app.stop.cancelled() => return,
            _ = tick.tick() => {
                ticks += 1;
                if ticks.is_multiple_of(THOROUGH) { Look::Thorough } else { Look::Tick }
            }
            changed = updates.changed(), if desk_is_there => {
                desk_is_there = changed.is_ok();
                Look::Commit
            }
        };
        if look == Look::Commit {
            sleep(AFTER).await;
        }
        refresh(app, look).await;
        tokio::select! {
            () = app.stop.cancelled() => return,
            () = sleep(SPACING) => {}
        }
    }
}

/// Why to look at what is new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    /// The desk committed: decisions are told at once.
    Commit,
    /// A second passed: the rest is told too.
    Tick,
    /// The same, and the ledger is read whether or not the desk committed.
    Thorough,
}

/// Collects what is new and tells it.
pub(super) async fn refresh(app: &Shared, look: Look) {
    let ticked = look != Look::Commit;
    let before = app.live.now.borrow().clone();
    let worker = app.clone();
    let known = before.facts.clone();
    let work = move || {
        let (facts, fresh) = Facts::collect(&worker.state, &known, look == Look::Thorough);
        let setup = &facts.overview.setup;
        let fresh: Vec<_> = fresh.iter().map(|row| event(row, setup)).collect();
        let told = ticked.then(|| facts.told(&worker.state));
        (facts, fresh, told)
    };
    let (facts, fresh, told) = match tokio::task::spawn_blocking(work).await {
        Ok(collected) => collected,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => return, // the runtime is stopping
        },
    };
    let moved = before.moved || !facts.is_same(&before.facts);
    let due = look == Look::Thorough || ticked && moved;
    if fresh.is_empty() && !due && (!moved || before.moved) {
        return;
    }
    let wakes = due || !fresh.is_empty();
    app.live.keep(fresh.into_iter());
    let facts = Arc::new(facts);
    let next = match told.filter(|_| due) {
        Some(told) => Now::new(facts, &told, before.number + 1),
        None => {
            let (hello, overview) = (before.hello.clone(), before.overview.clone());
            Now { facts, hello, overview, number: before.number, moved }
        }
    };
    app.live.now.send_if_modified(|now| {
        *now = Arc::new(next);
        wakes
    });
}

#[derive(Deserialize)]
pub(super) struct Resume {
    after: Option<i64>,
}

/// `/api/v1/events`.
pub(super) async fn events(
    State(app): State<Shared>,
    asking: Asking,
    Asked(resume): Asked<Resume>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let few_left = app.watchers.available_permits() <= WATCHERS_SPARE;
    let share = app.watching.take(asking.person.name.clone(), few_left);
    let (Some(share), Ok(place)) = (share, app.watchers.clone().try_acquire_owned()) else {
        app.metrics.watchers_refused.inc();
        return Err(Problem::from(Kind::Busy).retry_after(RETRY.as_secs() as u32));
    };
    let place = Place::new(&app.metrics.watchers, place, share);
    let resumed = headers.get("last-event-id").and_then(|id| id.to_str().ok()?.parse().ok());
    let stream =
        stream::unfold(Watcher::new(app, asking, resumed.or(resume.after), place), Watcher::next);
    let events = [(CONTENT_TYPE, "text/event-stream"), (CACHE_CONTROL, "no-cache")];
    // Proxies that gather an answer before they pass it on would hold events back.
    Ok((events, [("x-accel-buffering", "no")], Body::from_stream(stream)).into_response())
}

/// One who watches.
struct Watcher {
    app: Shared,
    asking: Asking,
    changes: watch::Receiver<Arc<Now>>,
    /// The newest decision that was told.
    cursor: i64,
    /// The number of the newest overview that was told.
    number: u64,
    waiting: VecDeque<Bytes>,
    beat: Interval,
    _place: Place,
}

/// A place among those who watch.
struct Place {
    watchers: IntGauge,
    _permit: OwnedSemaphorePermit,
    _share: Share<Arc<str>>,
}

impl Place {
    fn new(watchers: &IntGauge, permit: OwnedSemaphorePermit, share: Share<Arc<str>>) -> Self {
        watchers.inc();
        Self { watchers: watchers.clone(), _permit: permit, _share: share }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.watchers.dec();
    }
}

impl Watcher {
    fn new(app: Shared, asking: Asking, after: Option<i64>, place: Place) -> Self {
        let changes = app.live.now.subscribe();
        let now = changes.borrow().clone();
        let newest = now.facts.last_decision.unwrap_or(0);
        // A cursor from before the ledger was replaced may lie ahead of it.
        let cursor = after.unwrap_or(newest).clamp(0, newest);
        let mut beat = interval(BEAT);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        beat.reset();
        let waiting = VecDeque::from([now.hello.clone()]);
        Self { app, asking, changes, cursor, number: now.number, waiting, beat, _place: place }
    }

    async fn next(mut self) -> Option<(Result<Bytes, Infallible>, Self)> {
        loop {
            self.pulse()?;
            if let Some(event) = self.waiting.pop_front() {
                return Some((Ok(event), self));
            }
            self.take_decisions().await;
            self.take_overview();
            if !self.waiting.is_empty() {
                continue;
            }
            tokio::select! {
                () = self.app.stop.cancelled() => return None,
                changed = self.changes.changed() => changed.ok()?,
                _ = self.beat.tick() => {}
            }
        }
    }

    async fn take_decisions(&mut self) {
        let newest = self.changes.borrow_and_update().facts.last_decision.unwrap_or(0);
        if newest <= self.cursor {
            return;
        }
        let told = match self.app.live.kept_after(self.cursor) {
            Some(told) => told,
            None => self.read_decisions().await,
        };
        if let Some((id, _)) = told.last() {
            self.cursor = *id;
        }
        self.waiting.extend(told.into_iter().map(|(_, told)| told));
    }

    /// Out of the ledger; nothing if it cannot be read, to be tried again when something changes.
    async fn read_decisions(&self) -> Vec<(i64, Bytes)> {
        let cursor = self.cursor;
        let rows = self
            .app
            .read(move |ledger| ledger.decisions_after(cursor, READ_MAX))
            .await
            .unwrap_or_default();
        let setup = &self.app.live.facts().overview.setup;
        rows.iter().map(|row| event(row, setup)).collect()
    }

    fn take_overview(&mut self) {
        let now = self.changes.borrow_and_update().clone();
        if now.number != self.number {
            self.number = now.number;
            self.waiting.push_back(now.overview.clone());
        }
    }

    /// Ends with the session or the token it belongs to.
    fn pulse(&self) -> Option<()> {
        self.asking.lasts(&self.app).then_some(())
    }
}
