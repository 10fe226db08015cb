//! Who may come in, and who may say and hear what.
//!
//! Configured users may everything but speak as the broker. Gateways of the [`Book`] may what is theirs: by password,
//! or by the certificate they showed to [`tls`](crate::tls). What a gateway may not say is refused, counted and named.

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

use mqtt5::Result;
use mqtt5::broker::{AuthProvider, AuthResult};
use mqtt5::packet::connect::ConnectPacket;
use mqtt5::protocol::v5::reason_codes::ReasonCode;
use parking_lot::{Mutex, RwLock};

use crate::gateway::{Book, Gateway};

/// A password that shows itself to nobody.
#[derive(Clone)]
pub struct Secret(Box<[u8]>);

impl Secret {
    /// Takes a password. MQTT takes any bytes.
    pub fn new(secret: impl Into<Vec<u8>>) -> Self {
        Self(secret.into().into_boxed_slice())
    }

    /// Compares in a time that tells nothing about where the two differ.
    fn is(&self, other: &[u8]) -> bool {
        self.0.len() == other.len()
            && self.0.iter().zip(other).fold(0, |differs, (a, b)| differs | (a ^ b)) == 0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Who may sign in.
#[derive(Clone, Debug)]
pub struct User {
    /// By which name.
    pub name: String,
    /// With which password.
    pub password: Secret,
}

/// Something a gateway was not allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trespass {
    /// To publish there.
    Publish,
    /// To subscribe to that.
    Subscribe,
    /// To leave a will there; it was not let in.
    Will,
}

impl Trespass {
    /// Its name in metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Publish => "publish",
            Self::Subscribe => "subscribe",
            Self::Will => "will",
        }
    }
}

/// Told of what gateways were not allowed: which one, what, and the topic as it wrote it. Must not wait.
pub type Watchman = Arc<dyn Fn(&str, Trespass, &str) + Send + Sync>;

/// Where those come from who came through TLS: from which of our own addresses, and whose certificate they showed.
#[derive(Default)]
pub(crate) struct Arrivals(Mutex<HashMap<SocketAddr, Option<String>>>);

impl Arrivals {
    /// Somebody comes from `from`, having shown the certificate of `holder`, or none.
    pub(crate) fn come(&self, from: SocketAddr, holder: Option<String>) {
        self.0.lock().insert(from, holder);
    }

    /// They have gone.
    pub(crate) fn go(&self, from: SocketAddr) {
        self.0.lock().remove(&from);
    }

    /// Whether they came through TLS, and whose certificate they showed.
    fn find(&self, from: SocketAddr) -> Option<Option<String>> {
        self.0.lock().get(&from).cloned()
    }
}

/// Lets clients in, or not.
pub(crate) struct Door {
    users: Vec<User>,
    anonymous_on_loopback: bool,
    book: Arc<RwLock<Book>>,
    arrivals: Arc<Arrivals>,
    watchman: Option<Watchman>,
}

/// As whom somebody comes in.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Guest {
    /// Without a name, from this machine.
    Nobody,
    /// As a user or a gateway.
    Named(String),
}

type Answer<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

impl Door {
    pub(crate) fn new(
        users: Vec<User>,
        anonymous_on_loopback: bool,
        book: Arc<RwLock<Book>>,
        arrivals: Arc<Arrivals>,
        watchman: Option<Watchman>,
    ) -> Self {
        Self { users, anonymous_on_loopback, book, arrivals, watchman }
    }

    /// As whom somebody is let in, if at all. Takes some milliseconds where a password is looked at.
    fn admits(
        &self,
        user: Option<&str>,
        password: Option<&[u8]>,
        from: SocketAddr,
    ) -> Option<Guest> {
        let arrival = self.arrivals.find(from);
        let holder = arrival.as_ref().and_then(Option::as_deref);
        let Some(user) = user else {
            if let Some(holder) = holder {
                return Some(Guest::Named(holder.into()));
            }
            let near = arrival.is_none() && from.ip().to_canonical().is_loopback();
            return (self.anonymous_on_loopback && near).then_some(Guest::Nobody);
        };
        if holder.is_some_and(|holder| holder != user) {
            return None; // whoever shows a certificate comes as its holder
        }
        let password = password.unwrap_or_default();
        let is_user =
            self.users.iter().any(|known| known.name == user && known.password.is(password));
        let known = self.book.read().get(user).cloned();
        let is_gateway = || {
            known.filter(|gateway| !gateway.revoked).is_some_and(|gateway| {
                holder == Some(user) || gateway.password.is_some_and(|own| own.is_of(password))
            })
        };
        (is_user || is_gateway()).then(|| Guest::Named(user.into()))
    }

    /// Whether somebody who is in may do something: configured users may, gateways where `is_theirs` says so.
    fn may(&self, user: Option<&str>, is_theirs: impl Fn(&Gateway) -> bool) -> bool {
        let Some(user) = user else { return true };
        self.users.iter().any(|known| known.name == user)
            || self.book.read().get(user).is_some_and(is_theirs)
    }

    fn tell(&self, user: Option<&str>, what: Trespass, topic: &str) {
        if let (Some(watchman), Some(user)) = (&self.watchman, user) {
            watchman(user, what, topic);
        }
    }

    fn authenticated(&self, connect: &ConnectPacket, from: SocketAddr) -> AuthResult {
        let refused = || AuthResult::fail(ReasonCode::BadUsernameOrPassword);
        let asked = (connect.username.as_deref(), connect.password.as_deref());
        let Some(guest) = self.admits(asked.0, asked.1, from) else { return refused() };
        let name = match &guest {
            Guest::Nobody => None,
            Guest::Named(name) => Some(name.as_str()),
        };
        if let Some(will) = &connect.will
            && (will.topic.starts_with('$')
                || !self.may(name, |gateway| gateway.may_publish(&will.topic)))
        {
            self.tell(name, Trespass::Will, &will.topic);
            return AuthResult::fail(ReasonCode::NotAuthorized);
        }
        match guest {
            Guest::Nobody => AuthResult::success(),
            Guest::Named(name) => AuthResult::success_with_user(name),
        }
    }
}

impl AuthProvider for Door {
    fn authenticate<'a>(
        &'a self,
        connect: &'a ConnectPacket,
        from: SocketAddr,
    ) -> Answer<'a, Result<AuthResult>> {
        Box::pin(async move { Ok(self.authenticated(connect, from)) })
    }

    fn authorize_publish<'a>(
        &'a self,
        _: &str,
        user: Option<&'a str>,
        topic: &'a str,
    ) -> Answer<'a, bool> {
        let of_the_broker = topic.starts_with('$');
        let may = !of_the_broker && self.may(user, |gateway| gateway.may_publish(topic));
        if !may {
            self.tell(user, Trespass::Publish, topic);
        }
        Box::pin(async move { may })
    }

    fn authorize_subscribe<'a>(
        &'a self,
        _: &str,
        user: Option<&'a str>,
        filter: &'a str,
    ) -> Answer<'a, bool> {
        let may = self.may(user, |gateway| gateway.may_subscribe(filter));
        if !may {
            self.tell(user, Trespass::Subscribe, filter);
        }
        Box::pin(async move { may })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Digest;

    fn book() -> Arc<RwLock<Book>> {
        let gateway = |revoked| Gateway {
            speaks_for: vec!["cut-12".parse().unwrap()],
            topics: vec![],
            password: Some(Digest::of("sesame").unwrap()),
            certificate: None,
            revoked,
        };
        let mut book = Book::default();
        book.add("gate-1", gateway(false)).unwrap();
        book.add("gate-9", gateway(true)).unwrap();
        Arc::new(RwLock::new(book))
    }

    fn door(anonymous_on_loopback: bool) -> Door {
        let user = User { name: "bongsu".into(), password: Secret::new("open") };
        Door::new(vec![user], anonymous_on_loopback, book(), Arc::default(), None)
    }

    #[test]
    fn only_known_users_gateways_and_this_machine_come_in() {
        let (near, far): (SocketAddr, SocketAddr) =
            ("127.0.0.1:1".parse().unwrap(), "10.0.0.1:1".parse().unwrap());
        let mapped: SocketAddr = "[::ffff:127.0.0.1]:1".parse().unwrap();
        let (plain, shown): (SocketAddr, SocketAddr) =
            ("127.0.0.1:2".parse().unwrap(), "127.0.0.1:3".parse().unwrap());
        let door = door(true);
        door.arrivals.come(plain, None);
        door.arrivals.come(shown, Some("gate-1".into()));
        for (name, password, from, expected) in [
            (None, None, near, true),
            (None, None, mapped, true),
            (None, None, far, false),
            (Some("bongsu"), Some("open"), far, true),
            (Some("bongsu"), Some("opem"), far, false),
            (Some("bongsu"), Some("ope"), far, false),
            (Some("bongsu"), None, near, false),
            (Some("gate-1"), Some("sesame"), far, true),
            (Some("gate-1"), Some("sesam"), far, false),
            (Some("gate-1"), None, far, false),
            (Some("gate-2"), Some("sesame"), near, false),
            (Some("gate-9"), Some("sesame"), near, false), // revoked
            (None, None, plain, false),                    // through TLS is not from this machine
            (Some("gate-1"), Some("sesame"), plain, true),
            (None, None, shown, true),
            (Some("gate-1"), None, shown, true),
            (Some("bongsu"), Some("open"), shown, false), // somebody else's certificate
        ] {
            let admitted = door.admits(name, password.map(str::as_bytes), from).is_some();
            assert_eq!(admitted, expected, "{name:?} {password:?} {from}");
        }
        assert_eq!(door.admits(None, None, shown), Some(Guest::Named("gate-1".into())));
        assert_eq!(self::door(false).admits(None, None, near), None);
    }

    #[test]
    fn gateways_may_what_is_theirs_and_users_everything() {
        let door = door(true);
        let may = |user, topic: &str| door.may(user, |gateway| gateway.may_publish(topic));
        for (user, topic, expected) in [
            (None, "bongsu/v1/wall-3/box/telemetry", true),
            (Some("bongsu"), "bongsu/v1/wall-3/box/command", true),
            (Some("gate-1"), "bongsu/v1/cut-12/box/telemetry", true),
            (Some("gate-1"), "bongsu/v1/wall-3/box/telemetry", false),
            (Some("gate-9"), "bongsu/v1/cut-12/box/telemetry", false),
            (Some("gone"), "bongsu/v1/cut-12/box/telemetry", false),
        ] {
            assert_eq!(may(user, topic), expected, "{user:?} {topic}");
        }
    }

    #[test]
    fn no_secret_is_shown() {
        let user = User { name: "gate-1".into(), password: Secret::new("hunter2") };
        assert!(!format!("{user:?}").contains("hunter2"));
    }
}
