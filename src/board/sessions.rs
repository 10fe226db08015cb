//! Sessions and one-time links: bounded, in memory, gone with the process.

use std::collections::HashMap;
use std::time::Duration;

use parking_lot::Mutex;
use reading::Timestamp;

use super::tokens::{Digest, Person};

/// How many sessions there are at most; the one not seen for the longest makes room.
pub(super) const SESSIONS_MAX: usize = 1_024;

/// How long a session lasts without being used. A wall screen uses its own all the time.
const IDLE_MAX: Duration = Duration::from_secs(12 * 3_600);

/// How long a session lasts at most.
const AGE_MAX: Duration = Duration::from_secs(7 * 86_400);

const LINKS_MAX: usize = 64;

const LINK_AGE_MAX: Duration = Duration::from_secs(600);

#[derive(Default)]
pub(super) struct Sessions {
    open: Mutex<HashMap<Digest, Session>>,
}

struct Session {
    person: Person,
    opened_at: Timestamp,
    seen_at: Timestamp,
}

impl Session {
    fn lasts(&self, now: Timestamp) -> bool {
        now.since(self.seen_at) < IDLE_MAX && now.since(self.opened_at) < AGE_MAX
    }
}

impl Sessions {
    pub(super) fn open(&self, key: Digest, person: Person, now: Timestamp) {
        let mut open = self.open.lock();
        if open.len() >= SESSIONS_MAX {
            open.retain(|_, session| session.lasts(now));
        }
        if open.len() >= SESSIONS_MAX
            && let Some(oldest) =
                open.iter().min_by_key(|(_, session)| session.seen_at).map(|(key, _)| *key)
        {
            open.remove(&oldest);
        }
        open.insert(key, Session { person, opened_at: now, seen_at: now });
    }

    /// Whose session this is, which is seen by that.
    pub(super) fn touch(&self, key: &Digest, now: Timestamp) -> Option<Person> {
        let mut open = self.open.lock();
        let session = open.get_mut(key)?;
        if !session.lasts(now) {
            open.remove(key);
            return None;
        }
        session.seen_at = now;
        Some(session.person.clone())
    }

    pub(super) fn close(&self, key: &Digest) {
        self.open.lock().remove(key);
    }
}

#[derive(Default)]
pub(super) struct Links {
    open: Mutex<HashMap<Digest, (Person, Timestamp)>>,
}

impl Links {
    pub(super) fn add(&self, key: Digest, person: Person, now: Timestamp) {
        let mut open = self.open.lock();
        open.retain(|_, (_, made_at)| now.since(*made_at) < LINK_AGE_MAX);
        if open.len() >= LINKS_MAX
            && let Some(oldest) =
                open.iter().min_by_key(|(_, (_, made_at))| *made_at).map(|(key, _)| *key)
        {
            open.remove(&oldest);
        }
        open.insert(key, (person, now));
    }

    /// Whom it lets in, once.
    pub(super) fn take(&self, key: &Digest, now: Timestamp) -> Option<Person> {
        let (person, made_at) = self.open.lock().remove(key)?;
        (now.since(made_at) < LINK_AGE_MAX).then_some(person)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::board::tokens::Role;

    fn person(name: &str) -> Person {
        Person { name: name.into(), role: Role::Viewer }
    }

    fn hours(hours: u64) -> Timestamp {
        Timestamp::from_secs(0).plus(Duration::from_secs(hours * 3_600))
    }

    #[test]
    fn a_session_lasts_while_it_is_used_and_no_longer_than_a_week() {
        let sessions = Sessions::default();
        let (used, left) = (Digest::of("used"), Digest::of("left"));
        sessions.open(used, person("kim"), hours(0));
        sessions.open(left, person("lee"), hours(0));
        for hour in (0..168).step_by(6) {
            assert!(sessions.touch(&used, hours(hour)).is_some(), "{hour}");
        }
        assert_eq!(sessions.touch(&left, hours(12)), None);
        assert_eq!(sessions.touch(&used, hours(168)), None);
        sessions.open(used, person("kim"), hours(200));
        sessions.close(&used);
        assert_eq!(sessions.touch(&used, hours(200)), None);
    }

    #[test]
    fn when_full_the_one_not_seen_for_the_longest_goes() {
        let sessions = Sessions::default();
        let key = |n: usize| Digest::of(&n.to_string());
        for n in 0..SESSIONS_MAX {
            sessions.open(key(n), person("kim"), hours(0).plus(Duration::from_secs(n as u64)));
        }
        sessions.touch(&key(0), hours(1));
        sessions.open(key(SESSIONS_MAX), person("lee"), hours(2));
        assert_eq!(sessions.open.lock().len(), SESSIONS_MAX);
        assert!(sessions.touch(&key(0), hours(2)).is_some());
        assert_eq!(sessions.touch(&key(1), hours(2)), None);
    }
}
