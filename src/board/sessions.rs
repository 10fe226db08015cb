//! Sessions and one-time links: bounded, in memory; the sessions of users are kept on the disk beside.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use reading::Timestamp;

use super::tokens::Digest;
use crate::people::{Kept, Person, SecondFactor};

/// How many sessions there are at most; the one not seen for the longest makes room.
pub(super) const SESSIONS_MAX: usize = 1_024;

/// How many of them are one user's, or one token's; of theirs too the one not seen for the longest makes room.
const SESSIONS_EACH_MAX: usize = SESSIONS_MAX / 16;

/// How long a session lasts without being used. A wall screen uses its own all the time.
const IDLE_MAX: Duration = Duration::from_secs(12 * 3_600);

/// How long a session lasts at most.
const AGE_MAX: Duration = Duration::from_secs(7 * 86_400);

/// How exactly it is kept when a session was used last.
const SEEN_EVERY: Duration = Duration::from_secs(300);

const LINKS_MAX: usize = 64;

const LINK_AGE_MAX: Duration = Duration::from_secs(600);

#[derive(Default)]
pub(super) struct Sessions {
    open: Mutex<HashMap<Digest, Session>>,
    /// Whether the kept ones are others by now.
    changed: AtomicBool,
}

/// Whose a session is.
#[derive(Clone)]
pub(super) enum Holder {
    /// A user, who may be changed or let in no more while it lasts.
    User { id: Arc<str>, epoch: i64 },
    /// Whoever has the token of this digest, for as long as it is good.
    Bearer(Digest),
    /// Whoever came by a link.
    Given(Person),
}

impl Holder {
    fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::User { id, .. }, Self::User { id: other, .. }) => id == other,
            (Self::Bearer(token), Self::Bearer(other)) => token == other,
            (Self::Given(person), Self::Given(other)) => person.name == other.name,
            _ => false,
        }
    }
}

pub(super) struct Session {
    holder: Holder,
    second: bool,
    /// The second factor that is being set up.
    factor: Option<SecondFactor>,
    opened_at: Timestamp,
    seen_at: Timestamp,
}

impl Session {
    pub(super) fn new(holder: Holder, second: bool, now: Timestamp) -> Self {
        Self { holder, second, factor: None, opened_at: now, seen_at: now }
    }

    fn lasts(&self, now: Timestamp) -> bool {
        now.since(self.seen_at) < IDLE_MAX && now.since(self.opened_at) < AGE_MAX
    }

    fn is_of(&self, user: &str) -> bool {
        matches!(&self.holder, Holder::User { id, .. } if **id == *user)
    }
}

impl Sessions {
    pub(super) fn open(&self, key: Digest, session: Session) {
        let now = session.opened_at;
        let mut open = self.open.lock();
        if open.len() >= SESSIONS_MAX {
            open.retain(|_, session| session.lasts(now));
        }
        let own = |(_, other): &(&Digest, &Session)| other.holder.is_same(&session.holder);
        let seen = |(_, session): &(&Digest, &Session)| session.seen_at;
        let oldest = if open.iter().filter(own).count() >= SESSIONS_EACH_MAX {
            open.iter().filter(own).min_by_key(seen)
        } else {
            open.iter().min_by_key(seen).filter(|_| open.len() >= SESSIONS_MAX)
        };
        if let Some(oldest) = oldest.map(|(key, _)| *key) {
            open.remove(&oldest);
        }
        open.insert(key, session);
        self.changed.store(true, Ordering::Relaxed);
    }

    /// Whose session this is, which is seen by that, and whether a second factor was given.
    pub(super) fn touch(&self, key: &Digest, now: Timestamp) -> Option<(Holder, bool)> {
        let mut open = self.open.lock();
        let session = open.get_mut(key)?;
        if !session.lasts(now) {
            open.remove(key);
            self.changed.store(true, Ordering::Relaxed);
            return None;
        }
        if now.since(session.seen_at) >= SEEN_EVERY {
            self.changed.store(true, Ordering::Relaxed);
        }
        session.seen_at = session.seen_at.max(now);
        Some((session.holder.clone(), session.second))
    }

    pub(super) fn strengthen(&self, key: &Digest) {
        if let Some(session) = self.open.lock().get_mut(key) {
            (session.second, session.factor) = (true, None);
            self.changed.store(true, Ordering::Relaxed);
        }
    }

    /// The second factor that is being set up here; `fresh` if none is.
    pub(super) fn factor_to_be(&self, key: &Digest, fresh: SecondFactor) -> Option<SecondFactor> {
        Some(self.open.lock().get_mut(key)?.factor.get_or_insert(fresh).clone())
    }

    /// How many sessions a user has that their epoch did not end.
    pub(super) fn count(&self, user: &str, epoch: i64) -> usize {
        let is = |session: &&Session| {
            session.is_of(user)
                && matches!(session.holder, Holder::User { epoch: of, .. } if of == epoch)
        };
        self.open.lock().values().filter(is).count()
    }

    pub(super) fn close(&self, key: &Digest) {
        self.open.lock().remove(key);
        self.changed.store(true, Ordering::Relaxed);
    }

    pub(super) fn close_others(&self, user: &str, but: &Digest) {
        self.open.lock().retain(|key, session| key == but || !session.is_of(user));
        self.changed.store(true, Ordering::Relaxed);
    }

    /// Takes up the sessions of users that an earlier process had open.
    pub(super) fn restore(&self, kept: Vec<Kept>) {
        let session = |kept: Kept| {
            let holder = Holder::User { id: kept.user, epoch: kept.epoch };
            let Kept { second, opened_at, seen_at, .. } = kept;
            (Digest(kept.key), Session { holder, second, factor: None, opened_at, seen_at })
        };
        self.open.lock().extend(kept.into_iter().take(SESSIONS_MAX).map(session));
    }

    /// The sessions of users, to be kept; `None` if those that are kept are the same.
    pub(super) fn to_keep(&self, now: Timestamp) -> Option<Vec<Kept>> {
        if !self.changed.swap(false, Ordering::Relaxed) {
            return None;
        }
        let mut open = self.open.lock();
        open.retain(|_, session| session.lasts(now));
        let kept = |(key, session): (&Digest, &Session)| match &session.holder {
            Holder::User { id, epoch } => Some(Kept {
                key: key.0,
                user: id.clone(),
                epoch: *epoch,
                second: session.second,
                opened_at: session.opened_at,
                seen_at: session.seen_at,
            }),
            Holder::Bearer(_) | Holder::Given(_) => None,
        };
        Some(open.iter().filter_map(kept).collect())
    }

    /// What was to be kept was not.
    pub(super) fn not_kept(&self) {
        self.changed.store(true, Ordering::Relaxed);
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

    fn user(name: &str) -> Holder {
        Holder::User { id: name.into(), epoch: 1 }
    }

    fn hours(hours: u64) -> Timestamp {
        Timestamp::from_secs(0).plus(Duration::from_secs(hours * 3_600))
    }

    #[test]
    fn a_session_lasts_while_it_is_used_and_no_longer_than_a_week() {
        let sessions = Sessions::default();
        let (used, left) = (Digest::of("used"), Digest::of("left"));
        sessions.open(used, Session::new(user("kim"), false, hours(0)));
        sessions.open(left, Session::new(user("lee"), false, hours(0)));
        for hour in (0..168).step_by(6) {
            assert!(sessions.touch(&used, hours(hour)).is_some(), "{hour}");
        }
        assert!(sessions.touch(&left, hours(12)).is_none());
        assert!(sessions.touch(&used, hours(168)).is_none());
        sessions.open(used, Session::new(user("kim"), false, hours(200)));
        sessions.close(&used);
        assert!(sessions.touch(&used, hours(200)).is_none());
    }

    #[test]
    fn when_full_the_one_not_seen_for_the_longest_goes() {
        let sessions = Sessions::default();
        let key = |n: usize| Digest::of(&n.to_string());
        for n in 0..SESSIONS_MAX {
            let at = hours(0).plus(Duration::from_secs(n as u64));
            sessions.open(key(n), Session::new(user(&format!("user-{}", n % 32)), false, at));
        }
        sessions.touch(&key(0), hours(1));
        sessions.open(key(SESSIONS_MAX), Session::new(user("lee"), false, hours(2)));
        assert_eq!(sessions.open.lock().len(), SESSIONS_MAX);
        assert!(sessions.touch(&key(0), hours(2)).is_some());
        assert!(sessions.touch(&key(1), hours(2)).is_none());
    }

    #[test]
    fn one_user_s_sessions_make_room_for_their_own() {
        let sessions = Sessions::default();
        let key = |n: usize| Digest::of(&n.to_string());
        sessions.open(Digest::of("lee"), Session::new(user("lee"), false, hours(0)));
        for n in 0..=SESSIONS_EACH_MAX {
            let at = hours(1).plus(Duration::from_secs(n as u64));
            sessions.open(key(n), Session::new(user("kim"), false, at));
        }
        assert_eq!(sessions.count("kim", 1), SESSIONS_EACH_MAX);
        assert!(sessions.touch(&key(0), hours(2)).is_none());
        assert!(sessions.touch(&Digest::of("lee"), hours(2)).is_some(), "older, and another's");
    }

    #[test]
    fn what_is_kept_is_what_is_taken_up_again() {
        let sessions = Sessions::default();
        let [desk, phone, link] = ["desk", "phone", "link"].map(Digest::of);
        sessions.open(desk, Session::new(user("kim"), true, hours(0)));
        sessions.open(phone, Session::new(user("kim"), false, hours(1)));
        let areas = crate::people::Areas::default();
        let role = crate::people::Role::Viewer;
        let given = Holder::Given(Person { name: "demo".into(), role, areas });
        sessions.open(link, Session::new(given, true, hours(1)));
        let kept = sessions.to_keep(hours(2)).unwrap();
        assert_eq!(kept.len(), 2, "a link's session ends with the process");
        assert!(sessions.to_keep(hours(2)).is_none(), "nothing changed");
        let again = Sessions::default();
        again.restore(kept);
        assert!(matches!(again.touch(&desk, hours(3)), Some((Holder::User { .. }, true))));
        assert!(matches!(again.touch(&phone, hours(3)), Some((Holder::User { .. }, false))));
        assert!(again.touch(&link, hours(3)).is_none());
        again.close_others("kim", &desk);
        assert_eq!((again.count("kim", 1), again.touch(&phone, hours(3)).is_none()), (1, true));
    }
}
