//! What time it is: the only file that asks.
//!
//! Two times run here. *Wall* is what people call the time; it may be wrong and may be set. *At* only ever goes
//! forward: it starts where wall or the journal is (whichever is later) and follows the monotonic clock, so that
//! deadlines, dwell and silence do not feel anybody set a clock. A simulated clock runs both at a speed of its
//! own; a manual one moves when a test says so.

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use parking_lot::Mutex;
use reading::Timestamp;
use tokio::sync::watch;

/// The smallest difference between wall and `at` that counts as somebody having set the clock.
pub const STEP_MIN: Duration = Duration::from_secs(1);

/// The longest single sleep towards a deadline, so that a clock moved meanwhile is noticed.
const SLEEP_MAX: Duration = Duration::from_secs(30);

/// A clock that all rooms share. Cloning is cheap and gives the same clock.
#[derive(Clone)]
pub struct Clock {
    inner: Arc<Inner>,
}

struct Inner {
    source: Source,
    /// How `at` lies to the running time of the source.
    offset: Mutex<Offset>,
}

enum Source {
    System { started: Instant },
    Simulated { started: Instant, origin: Timestamp, speed: f64 },
    Manual { hands: watch::Sender<Hands> },
}

/// The hands of a manual clock.
#[derive(Clone, Copy)]
struct Hands {
    wall: Timestamp,
    elapsed: Duration,
}

#[derive(Clone, Copy)]
struct Offset {
    /// `at` when the source had run for no time.
    base: Timestamp,
    /// Wall minus `at` in nanoseconds, as last accepted: a change is a step.
    wall_ahead: i64,
}

/// Somebody or something set the wall clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// By how many nanoseconds the wall clock was moved, negative if back.
    pub nanos: i64,
    /// The wall clock after it.
    pub wall: Timestamp,
    /// When it was noticed.
    pub at: Timestamp,
}

impl Clock {
    /// The machine's clock.
    pub fn system() -> Self {
        Self::start(Source::System { started: now() })
    }

    /// A clock that starts at `origin` and runs `speed` times as fast as the machine's.
    ///
    /// # Panics
    /// If `speed` is not a positive finite number: check it where it is read.
    pub fn simulated(origin: Timestamp, speed: f64) -> Self {
        assert!(speed.is_finite() && speed > 0.0, "the speed of a clock is a positive number");
        Self::start(Source::Simulated { started: now(), origin, speed })
    }

    /// A clock that stands at `start` until [`advance`](Self::advance) moves it. For tests.
    pub fn manual(start: Timestamp) -> Self {
        Self::start(Source::Manual {
            hands: watch::Sender::new(Hands { wall: start, elapsed: Duration::ZERO }),
        })
    }

    fn start(source: Source) -> Self {
        let offset =
            Mutex::new(Offset { base: source.wall().minus(source.elapsed()), wall_ahead: 0 });
        Self { inner: Arc::new(Inner { source, offset }) }
    }

    /// What people call the time. May be wrong, may jump.
    pub fn wall(&self) -> Timestamp {
        self.inner.source.wall()
    }

    /// The moment that never goes back, whichever thread asks.
    pub fn at(&self) -> Timestamp {
        // Asked under the lock: the base never moves between reading it and reading the time that runs on it.
        let offset = self.inner.offset.lock();
        offset.base.plus(self.inner.source.elapsed())
    }

    /// Makes sure that `at` is at or past `floor` from now on. With a journal's last `at`, time goes on where the
    /// journal stopped even if the wall clock is behind it; with [`wall`](Self::wall), it follows a clock that
    /// was set forward.
    pub fn resume_at(&self, floor: Timestamp) {
        let mut offset = self.inner.offset.lock();
        let elapsed = self.inner.source.elapsed();
        let wall = self.inner.source.wall();
        offset.base = offset.base.max(floor.minus(elapsed));
        offset.wall_ahead = difference(wall, offset.base.plus(elapsed));
        drop(offset);
        self.turn(|_| ()); // wakes those who sleep on a manual clock
    }

    /// Whether the wall clock was set since this was last asked, by more than [`STEP_MIN`]. `at` does not follow.
    pub fn detect_step(&self) -> Option<Step> {
        let mut offset = self.inner.offset.lock();
        let at = offset.base.plus(self.inner.source.elapsed());
        let wall = self.inner.source.wall();
        let wall_ahead = difference(wall, at);
        let nanos = wall_ahead.saturating_sub(offset.wall_ahead);
        if u128::from(nanos.unsigned_abs()) <= STEP_MIN.as_nanos() {
            return None;
        }
        offset.wall_ahead = wall_ahead;
        Some(Step { nanos, wall, at })
    }

    /// How many seconds of this clock pass in one second of the machine's.
    pub fn speed(&self) -> f64 {
        match self.inner.source {
            Source::Simulated { speed, .. } => speed,
            Source::System { .. } | Source::Manual { .. } => 1.0,
        }
    }

    /// How long the machine takes while this clock moves by `span`.
    pub fn real(&self, span: Duration) -> Duration {
        let speed = self.speed();
        if speed == 1.0 {
            return span;
        }
        Duration::try_from_secs_f64(span.as_secs_f64() / speed).unwrap_or(Duration::MAX)
    }

    /// Waits until [`at`](Self::at) is at or past `deadline`. Dropping the future ends the wait.
    pub fn sleep_until(&self, deadline: Timestamp) -> impl Future<Output = ()> + Send + 'static {
        let clock = self.clone();
        async move {
            while clock.at() < deadline {
                clock.wait(deadline).await;
            }
        }
    }

    /// Waits until the deadline may be there; the caller looks again.
    async fn wait(&self, deadline: Timestamp) {
        match &self.inner.source {
            Source::Manual { hands } => {
                let mut moved = hands.subscribe();
                // Subscribed before looking again: a move in between is seen here or wakes us.
                if self.at() < deadline {
                    moved.changed().await.ok();
                }
            }
            Source::System { .. } | Source::Simulated { .. } => {
                tokio::time::sleep(self.real(deadline.since(self.at())).min(SLEEP_MAX)).await;
            }
        }
    }

    /// Moves a manual clock forward, wall and `at` together. Does nothing to other clocks.
    pub fn advance(&self, by: Duration) {
        self.turn(|hands| {
            hands.wall = hands.wall.plus(by);
            hands.elapsed = hands.elapsed.saturating_add(by);
        });
    }

    /// Sets the wall clock of a manual clock, as a person or a time server would. Does nothing to other clocks.
    pub fn set_wall(&self, wall: Timestamp) {
        self.turn(|hands| hands.wall = wall);
    }

    fn turn(&self, change: impl FnOnce(&mut Hands)) {
        if let Source::Manual { hands } = &self.inner.source {
            hands.send_modify(change);
        }
    }
}

impl std::fmt::Debug for Clock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Clock").field("at", &self.at()).field("speed", &self.speed()).finish()
    }
}

impl Source {
    fn wall(&self) -> Timestamp {
        match self {
            Self::System { .. } => system_wall(),
            Self::Simulated { origin, .. } => origin.plus(self.elapsed()),
            Self::Manual { hands } => hands.borrow().wall,
        }
    }

    /// How long this source has run, in its own time.
    fn elapsed(&self) -> Duration {
        match self {
            Self::System { started } => now().saturating_duration_since(*started),
            Self::Simulated { started, speed, .. } => {
                let real = now().saturating_duration_since(*started);
                // Rounding is monotone, so a later call never gives less.
                Duration::try_from_secs_f64(real.as_secs_f64() * speed).unwrap_or(Duration::MAX)
            }
            Self::Manual { hands } => hands.borrow().elapsed,
        }
    }
}

/// Measures how long the machine takes for something: real time, for metrics and I/O limits.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    /// Starts one.
    pub fn start() -> Self {
        Self(now())
    }

    /// Time since the start.
    pub fn elapsed(&self) -> Duration {
        now().saturating_duration_since(self.0)
    }
}

fn difference(a: Timestamp, b: Timestamp) -> i64 {
    a.nanos().saturating_sub(b.nanos())
}

#[expect(clippy::disallowed_methods, reason = "this file is where the monotonic clock is read")]
fn now() -> Instant {
    Instant::now()
}

/// The machine's wall clock; before 1970 and after 2262 it stands at those ends of what is sane.
#[expect(clippy::disallowed_methods, reason = "this file is where the wall clock is read")]
fn system_wall() -> Timestamp {
    let since_1970 =
        SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
    Timestamp::from_nanos(0).plus(since_1970)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: Timestamp = Timestamp::from_secs(1_784_000_000);

    fn secs(secs: u64) -> Duration {
        Duration::from_secs(secs)
    }

    #[test]
    fn at_goes_on_from_the_journal_when_the_wall_is_behind_it() {
        let clock = Clock::manual(NOON);
        clock.resume_at(NOON.plus(secs(500)));
        assert_eq!(clock.at(), NOON.plus(secs(500)));
        clock.advance(secs(10));
        assert_eq!(clock.at(), NOON.plus(secs(510)));
        assert_eq!(clock.wall(), NOON.plus(secs(10)));
        assert_eq!(clock.detect_step(), None, "a wall that lags from the start was not set");
    }

    #[test]
    fn at_starts_at_the_wall_when_the_journal_is_behind_it() {
        let clock = Clock::manual(NOON);
        clock.resume_at(NOON.minus(secs(60)));
        assert_eq!(clock.at(), NOON);
    }

    #[test]
    fn setting_the_wall_is_noticed_once_and_at_does_not_follow() {
        let clock = Clock::manual(NOON);
        // how far the wall is set, what is noticed
        for (set, noticed) in
            [(0_i64, false), (900, false), (1_001, true), (-3_600_000, true), (-800, false)]
        {
            let (at, wall) = (clock.at(), clock.wall());
            let nanos = set * 1_000_000;
            clock.set_wall(Timestamp::from_nanos(wall.nanos() + nanos));
            assert_eq!(clock.at(), at);
            let step = clock.detect_step();
            assert_eq!(step.is_some(), noticed, "{set} ms");
            assert_eq!(clock.detect_step(), None, "only once");
            if !noticed {
                clock.set_wall(wall);
            }
        }
        clock.set_wall(clock.wall().plus(secs(7)));
        let step = clock.detect_step().unwrap();
        assert_eq!((step.nanos, step.wall), (7_000_000_000, clock.wall()));
    }

    #[test]
    fn at_never_goes_back_across_threads() {
        for clock in [Clock::system(), Clock::simulated(NOON, 600.0)] {
            let last = Mutex::new(clock.at());
            std::thread::scope(|scope| {
                for turn in 0..4_u64 {
                    let (clock, last) = (&clock, &last);
                    scope.spawn(move || {
                        for i in 0..5_000 {
                            let mut last = last.lock();
                            let at = clock.at();
                            assert!(at >= *last);
                            *last = at;
                            if turn == 0 && i % 1_000 == 0 {
                                clock.resume_at(at.plus(secs(3)));
                            }
                        }
                    });
                }
            });
        }
    }

    #[test]
    fn a_simulated_clock_scales_both_ways() {
        let clock = Clock::simulated(NOON, 600.0);
        assert!(clock.at() >= NOON && clock.wall() >= NOON);
        assert_eq!(clock.real(secs(600)), secs(1));
        assert_eq!(Clock::system().real(secs(600)), secs(600));
        assert_eq!(clock.detect_step(), None);
    }

    #[tokio::test]
    async fn sleepers_wake_when_their_moment_is_there_and_not_before() {
        let clock = Clock::manual(NOON);
        let sleeper = tokio::spawn(clock.sleep_until(NOON.plus(secs(60))));
        clock.advance(secs(59));
        tokio::task::yield_now().await;
        assert!(!sleeper.is_finished());
        clock.advance(secs(1));
        sleeper.await.unwrap();
        Clock::simulated(NOON, 100_000.0).sleep_until(NOON.plus(secs(60))).await;
        clock.sleep_until(NOON).await;
    }
}
