//! How often somebody may fail to sign in.
//!
//! 256 random bits are not guessed at any rate. What this protects is the log and the processor, so it counts
//! failures only: the right token opens whatever happened before, and nobody can lock an officer out by failing in
//! their place, as from behind the same proxy.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use parking_lot::Mutex;
use reading::Timestamp;

/// How many failures an address may have in [`WINDOW`].
const FAILURES_MAX: u32 = 10;

/// Seconds until failures are forgotten.
pub(super) const WINDOW_SECS: u32 = 60;

const WINDOW: Duration = Duration::from_secs(WINDOW_SECS as u64);

/// How many addresses are told apart; further ones count as one.
const ADDRESSES_MAX: usize = 4_096;

#[derive(Default)]
pub(super) struct Throttle {
    failures: Mutex<HashMap<IpAddr, (u32, Timestamp)>>,
}

impl Throttle {
    /// Counts a failure; whether it is one too many.
    pub(super) fn failed(&self, address: IpAddr, now: Timestamp) -> bool {
        let mut failures = self.failures.lock();
        let mut key = whole(address);
        if failures.len() >= ADDRESSES_MAX && !failures.contains_key(&key) {
            failures.retain(|_, (_, since)| now.since(*since) < WINDOW);
            if failures.len() >= ADDRESSES_MAX {
                key = Ipv6Addr::UNSPECIFIED.into();
            }
        }
        let (count, since) = failures.entry(key).or_insert((0, now));
        if now.since(*since) >= WINDOW {
            (*count, *since) = (0, now);
        }
        *count = count.saturating_add(1);
        *count > FAILURES_MAX
    }
}

/// One household has a whole /64.
fn whole(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(six) => match six.to_ipv4_mapped() {
            Some(four) => four.into(),
            None => Ipv6Addr::from_bits(six.to_bits() & !u128::from(u64::MAX)).into(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_count_by_address_and_are_forgotten() {
        let throttle = Throttle::default();
        let [one, other]: [IpAddr; 2] =
            ["2001:db8::1".parse().unwrap(), "2001:db8:0:1::1".parse().unwrap()];
        let neighbour = "2001:db8::ffff".parse().unwrap();
        let at = Timestamp::from_secs(0);
        for n in 0..FAILURES_MAX {
            assert!(!throttle.failed(one, at), "{n}");
        }
        assert!(throttle.failed(neighbour, at));
        assert!(!throttle.failed(other, at));
        assert!(!throttle.failed(one, at.plus(WINDOW)));
    }

    #[test]
    fn addresses_are_bounded() {
        let throttle = Throttle::default();
        for n in 0..10_000_u32 {
            throttle.failed(IpAddr::V4(n.into()), Timestamp::from_secs(0));
        }
        assert!(throttle.failures.lock().len() <= ADDRESSES_MAX + 1);
    }
}
