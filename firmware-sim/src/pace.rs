//! The time by which the simulated field runs: the daemon's clock in the demo, our own in the binary.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use reading::Timestamp;

/// The longest single sleep, so that a clock that was moved is noticed.
const SLEEP_MAX: Duration = Duration::from_millis(50);
/// The shortest, the grain of timers.
const SLEEP_MIN: Duration = Duration::from_millis(1);

/// A running time: what it shows, and how fast it runs.
#[derive(Clone)]
pub struct Pace {
    now: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    speed: f64,
}

impl Pace {
    /// Follows somebody else's clock, which runs about `speed` times as fast as real time.
    pub fn new(now: impl Fn() -> Timestamp + Send + Sync + 'static, speed: f64) -> Self {
        Self { now: Arc::new(now), speed: sane(speed) }
    }

    /// A clock of our own that shows `start` now and runs `speed` times as fast as real time.
    pub fn own(start: Timestamp, speed: f64) -> Self {
        let stopwatch = Stopwatch::start();
        let speed = sane(speed);
        Self::new(move || start.plus(scaled(stopwatch.elapsed(), speed)), speed)
    }

    /// Somebody else's clock, as far as it can be told from here: it showed `start` when this machine's showed `began_at`,
    /// and runs `speed` times as fast. It stands at `start` before that.
    pub fn since(began_at: Timestamp, start: Timestamp, speed: f64) -> Self {
        let speed = sane(speed);
        Self::new(move || start.plus(scaled(wall_now().since(began_at), speed)), speed)
    }

    /// The moment it is.
    pub fn now(&self) -> Timestamp {
        (self.now)()
    }

    /// Waits until it is `at`; not at all if it already was.
    pub async fn sleep_until(&self, at: Timestamp) {
        loop {
            let left = at.since(self.now());
            if left.is_zero() {
                return;
            }
            tokio::time::sleep(left.div_f64(self.speed).clamp(SLEEP_MIN, SLEEP_MAX)).await;
        }
    }
}

impl fmt::Debug for Pace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pace").field("now", &self.now()).field("speed", &self.speed).finish()
    }
}

/// `real` time as a clock has it that runs `speed` times as fast.
fn scaled(real: Duration, speed: f64) -> Duration {
    Duration::try_from_secs_f64(real.as_secs_f64() * speed).unwrap_or(Duration::MAX)
}

/// A speed that arithmetic bears: a thousandth to a billion, real time if it is no number.
fn sane(speed: f64) -> f64 {
    if speed.is_nan() { 1.0 } else { speed.clamp(1e-3, 1e9) }
}

/// Measures real time.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    /// Starts one.
    #[expect(
        clippy::disallowed_methods,
        reason = "run alone, the simulated field has a time of its own"
    )]
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// Time since the start.
    pub fn elapsed(self) -> Duration {
        self.0.elapsed()
    }
}

/// The wall clock, for a run that is to look like the present.
#[expect(
    clippy::disallowed_methods,
    reason = "run alone, the simulated field has a time of its own"
)]
pub fn wall_now() -> Timestamp {
    let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_secs(0).plus(since_1970)
}
