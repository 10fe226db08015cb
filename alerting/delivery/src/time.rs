//! The clock as this room sees it: handed in, never asked of the machine.

use futures_util::future::BoxFuture;
use reading::Timestamp;

/// The daemon's clock. Waits for due deliveries follow it; timeouts of sends are real.
pub trait Time: Send + Sync {
    /// The moment now.
    fn now(&self) -> Timestamp;

    /// Resolves once `at` is reached, at once if it has passed.
    fn sleep_until(&self, at: Timestamp) -> BoxFuture<'static, ()>;
}
