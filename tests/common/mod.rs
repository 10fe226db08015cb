//! What tests of the whole daemon share: the real program in a folder of its own, real MQTT, a receiver of webhooks.
#![expect(dead_code, reason = "each test file uses its part")]

pub mod daemon;
pub mod hook;
pub mod journal;
pub mod link;
mod ports;
pub mod refusals;
pub mod servers;
pub mod setting;
pub mod wire;

use std::future::Future;
use std::time::Duration;

use ingest::clock::Clock;
pub use ports::free_port;
use reading::Timestamp;

/// The longest a test waits for anything.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Looks again and again until there is an answer.
pub async fn eventually<T, F: Future<Output = Option<T>>>(
    what: &str,
    look: impl FnMut() -> F,
) -> T {
    within(PATIENCE, what, look).await
}

/// Looks again and again until there is an answer, for so long.
pub async fn within<T, F: Future<Output = Option<T>>>(
    patience: Duration,
    what: &str,
    mut look: impl FnMut() -> F,
) -> T {
    let found = tokio::time::timeout(patience, async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    found.await.unwrap_or_else(|_| panic!("{what}: not within {patience:?}"))
}

/// The wall clock.
pub fn now() -> Timestamp {
    Clock::system().wall()
}

/// Bytes as hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Hexadecimal digits as bytes; space between them says nothing.
pub fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.chunks(2).map(byte).collect()
}

/// Numbers that look random and are the same in every run (splitmix64).
#[derive(Clone)]
pub struct Dice(u64);

impl Dice {
    /// The sequence of this seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From 0 to less than `bound`.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.roll() % bound
    }

    /// True once in `times`, on average.
    pub fn once_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }
}
