//! How often somebody may fail to sign in.
//!
//! 256 random bits are not guessed at any rate, so the right token opens whatever happened before. Passwords are
//! guessed: an attempt is counted before the password is looked at, by address and by user, and past the limit none is
//! looked at. Nobody locks an officer out for long by failing in their place: addresses are forgiven after a minute,
//! and failures elsewhere do not count where that user is known: in a browser in which they signed in before, or in
//! a session of theirs.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use parking_lot::Mutex;
use reading::Timestamp;

use crate::people::user_id;

/// How many failures an address may have in [`WINDOW`].
const FAILURES_MAX: u32 = 10;

/// Seconds until failures are forgotten.
pub(super) const WINDOW_SECS: u32 = 60;

const WINDOW: Duration = Duration::from_secs(WINDOW_SECS as u64);

/// How many failures a user may have in [`USER_WINDOW`] where they are not known, and in each place where they are.
const USER_FAILURES_MAX: u32 = 20;

const USER_WINDOW: Duration = Duration::from_secs(900);

/// How many addresses, and how many users, are told apart; for a further one the count that began first is forgotten, so
/// that nobody is refused for what others do.
const TOLD_APART_MAX: usize = 4_096;

/// How often an address may ask for open data in [`WINDOW`].
const ASKED_MAX: u32 = 60;

#[derive(Default)]
pub(super) struct Throttle {
    addresses: Counts<IpAddr>,
    users: Counts<String>,
    asked: Counts<IpAddr>,
}

/// Whose password is tried, and where.
#[derive(Clone, Copy, Debug)]
pub(super) struct Attempt<'a> {
    /// Whose, as somebody says.
    pub user: &'a str,
    /// What the place is called in which they are known, if it is one.
    pub known: Option<&'a str>,
    /// From which address.
    pub address: IpAddr,
}

impl Attempt<'_> {
    /// Under what it counts. A user's id has no space.
    fn key(&self) -> String {
        self.known.map_or_else(|| self.user.to_owned(), |known| format!("{} {known}", self.user))
    }
}

impl Throttle {
    /// Counts a failure; whether it is one too many.
    pub(super) fn failed(&self, address: IpAddr, now: Timestamp) -> bool {
        self.addresses.count(whole(address), now, WINDOW) > FAILURES_MAX
    }

    /// Counts a request for open data; whether it is one too many.
    pub(super) fn asked(&self, address: IpAddr, now: Timestamp) -> bool {
        self.asked.count(whole(address), now, WINDOW) > ASKED_MAX
    }

    /// Counts an attempt with a password; whether it is one too many to be looked at. What no user can be called is
    /// counted by address alone.
    pub(super) fn attempt(&self, attempt: Attempt<'_>, now: Timestamp) -> bool {
        if self.failed(attempt.address, now) {
            return true;
        }
        user_id(attempt.user).is_ok()
            && self.users.count(attempt.key(), now, USER_WINDOW) > USER_FAILURES_MAX
    }

    /// The attempt was none of those that count.
    pub(super) fn forgive(&self, attempt: Attempt<'_>) {
        self.addresses.forgive(&whole(attempt.address));
        self.users.forgive(&attempt.key());
    }
}

/// Failures by whom they are of, and since when.
struct Counts<K>(Mutex<HashMap<K, (u32, Timestamp)>>);

impl<K> Default for Counts<K> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Hash + Eq + Clone> Counts<K> {
    fn count(&self, key: K, now: Timestamp, window: Duration) -> u32 {
        let mut failures = self.0.lock();
        if failures.len() >= TOLD_APART_MAX && !failures.contains_key(&key) {
            failures.retain(|_, (_, since)| now.since(*since) < window);
            let first = failures.iter().min_by_key(|(_, (_, since))| *since);
            let first =
                first.map(|(key, _)| key.clone()).filter(|_| failures.len() >= TOLD_APART_MAX);
            if let Some(first) = first {
                failures.remove(&first);
            }
        }
        let (count, since) = failures.entry(key).or_insert((0, now));
        if now.since(*since) >= window {
            (*count, *since) = (0, now);
        }
        *count = count.saturating_add(1);
        *count
    }

    fn forgive(&self, key: &K) {
        if let Some((count, _)) = self.0.lock().get_mut(key) {
            *count = count.saturating_sub(1);
        }
    }
}

/// One household has a whole /64.
pub(super) fn whole(address: IpAddr) -> IpAddr {
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

    fn by(user: &str, address: IpAddr) -> Attempt<'_> {
        Attempt { user, known: None, address }
    }

    #[test]
    fn a_user_is_guessed_at_so_often_and_no_more_and_is_not_locked_out_where_they_are_known() {
        let throttle = Throttle::default();
        let from = |n: u32| IpAddr::V4((0x0a00_0000 + n).into());
        let at = Timestamp::from_secs(0);
        let looked_at = (0..100).filter(|n| !throttle.attempt(by("kim", from(*n)), at)).count();
        assert_eq!(looked_at, USER_FAILURES_MAX as usize);
        let phone = |n: u32| Attempt { known: Some("phone"), ..by("kim", from(n)) };
        assert!(!throttle.attempt(phone(100), at), "wherever they carry it");
        throttle.forgive(phone(100));
        let looked_at = (101..300).filter(|n| !throttle.attempt(phone(*n), at)).count();
        assert_eq!(looked_at, USER_FAILURES_MAX as usize, "who stole it guesses no faster");
        let desk = Attempt { known: Some("desk"), ..by("kim", from(400)) };
        assert!(!throttle.attempt(desk, at), "and keeps them out of no other place");
        assert!(!throttle.attempt(by("lee", from(401)), at), "somebody else is somebody else");
        assert!(!throttle.attempt(by("kim", from(402)), at.plus(USER_WINDOW)));
    }

    #[test]
    fn strangers_take_neither_room_nor_a_user_s_turn() {
        let throttle = Throttle::default();
        let from = |n: u32| IpAddr::V4((0x0a00_0000 + n).into());
        let at = Timestamp::from_secs(0);
        throttle.attempt(by(&"x".repeat(60_000), from(0)), at);
        for _ in 0..100 {
            throttle.attempt(by("kim", from(1)), at);
        }
        let counted = |name: &str| throttle.users.0.lock().get(name).map(|(count, _)| *count);
        assert_eq!(throttle.users.0.lock().len(), 1, "no user is called that");
        assert_eq!(
            counted("kim"),
            Some(FAILURES_MAX),
            "an address past its limit counts for nobody"
        );
        for n in 0..5_000_u32 {
            let at = at.plus(Duration::from_millis(1 + u64::from(n)));
            throttle.attempt(by(&format!("user-{n}"), from(n + 2)), at);
        }
        assert!(counted("user-4999").is_some() && counted("kim").is_none(), "the oldest made room");
        let later = at.plus(Duration::from_secs(6));
        let looked_at = |n: &u32| !throttle.attempt(by("lee", from(9_000 + *n)), later);
        assert_eq!((0..100).filter(looked_at).count(), USER_FAILURES_MAX as usize, "by their own");
    }

    #[test]
    fn what_is_told_apart_is_bounded() {
        let throttle = Throttle::default();
        for n in 0..10_000_u32 {
            let (user, address) = (n.to_string(), IpAddr::V4(n.into()));
            throttle.attempt(by(&user, address), Timestamp::from_secs(0));
        }
        assert!(throttle.addresses.0.lock().len() <= TOLD_APART_MAX + 1);
        assert!(throttle.users.0.lock().len() <= TOLD_APART_MAX + 1);
    }
}
