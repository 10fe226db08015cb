//! Who may come in, and what nobody may publish.

use std::fmt;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;

use mqtt5::Result;
use mqtt5::broker::{AuthProvider, AuthResult};
use mqtt5::packet::connect::ConnectPacket;
use mqtt5::protocol::v5::reason_codes::ReasonCode;

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

/// Lets clients in, or not.
pub(crate) struct Door {
    users: Vec<User>,
    anonymous_on_loopback: bool,
}

type Answer<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

impl Door {
    pub(crate) fn new(users: Vec<User>, anonymous_on_loopback: bool) -> Self {
        Self { users, anonymous_on_loopback }
    }

    fn admits(&self, user: Option<&str>, password: Option<&[u8]>, from: SocketAddr) -> bool {
        let Some(user) = user else {
            return self.anonymous_on_loopback && from.ip().to_canonical().is_loopback();
        };
        let password = password.unwrap_or_default();
        self.users.iter().any(|known| known.name == user && known.password.is(password))
    }
}

impl AuthProvider for Door {
    fn authenticate<'a>(
        &'a self,
        connect: &'a ConnectPacket,
        from: SocketAddr,
    ) -> Answer<'a, Result<AuthResult>> {
        let user = connect.username.as_deref();
        let result = match (self.admits(user, connect.password.as_deref(), from), user) {
            (true, Some(user)) => AuthResult::success_with_user(user),
            (true, None) => AuthResult::success(),
            (false, _) => AuthResult::fail(ReasonCode::BadUsernameOrPassword),
        };
        Box::pin(async move { Ok(result) })
    }

    fn authorize_publish<'a>(
        &'a self,
        _: &str,
        _: Option<&'a str>,
        topic: &'a str,
    ) -> Answer<'a, bool> {
        let of_the_broker = topic.starts_with('$');
        Box::pin(async move { !of_the_broker })
    }

    fn authorize_subscribe<'a>(
        &'a self,
        _: &str,
        _: Option<&'a str>,
        _: &'a str,
    ) -> Answer<'a, bool> {
        Box::pin(async { true })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_known_users_and_this_machine_come_in() {
        let user = User { name: "gate-1".into(), password: Secret::new("open") };
        let (near, far): (SocketAddr, SocketAddr) =
            ("127.0.0.1:1".parse().unwrap(), "10.0.0.1:1".parse().unwrap());
        let mapped: SocketAddr = "[::ffff:127.0.0.1]:1".parse().unwrap();
        let table = [
            (None, None, near, true),
            (None, None, mapped, true),
            (None, None, far, false),
            (Some("gate-1"), Some("open"), far, true),
            (Some("gate-1"), Some("opem"), far, false),
            (Some("gate-1"), Some("ope"), far, false),
            (Some("gate-1"), None, near, false),
            (Some("gate-2"), Some("open"), near, false),
        ];
        let door = Door::new(vec![user.clone()], true);
        for (name, password, from, expected) in table {
            assert_eq!(
                door.admits(name, password.map(str::as_bytes), from),
                expected,
                "{name:?} {password:?} {from}"
            );
        }
        assert!(!Door::new(vec![user], false).admits(None, None, near));
    }

    #[test]
    fn no_secret_is_shown() {
        let user = User { name: "gate-1".into(), password: Secret::new("hunter2") };
        assert!(!format!("{user:?}").contains("hunter2"));
    }
}
