//! Every user and token as of one moment, for questions that must not wait for the disk.

use std::collections::BTreeMap;
use std::sync::Arc;

use reading::Timestamp;

use super::role::{Areas, Person, Role, Scope};
use super::second_factor::SecondFactor;

/// A user, without what is personal about them.
#[derive(Clone, Debug)]
pub struct User {
    /// By which journal and trail know them.
    pub id: Arc<str>,
    /// What they may do.
    pub role: Role,
    /// Where.
    pub areas: Areas,
    /// Whether they have to choose a password before anything else.
    pub must_change: bool,
    /// Whether they are let in no more.
    pub disabled: bool,
    /// Changes whenever every session of theirs has to end.
    pub epoch: i64,
    pub(super) password: Arc<str>,
    pub(super) factor: Option<SecondFactor>,
}

impl User {
    /// The hash of their password.
    pub fn password(&self) -> &str {
        &self.password
    }

    /// Their second factor, if they have set one up.
    pub const fn factor(&self) -> Option<&SecondFactor> {
        self.factor.as_ref()
    }

    /// As the board asks about them.
    pub fn person(&self) -> Person {
        Person { name: self.id.clone(), role: self.role, areas: self.areas.clone() }
    }
}

/// A token as it is kept.
#[derive(Clone, Debug)]
pub(super) struct Token {
    pub digest: [u8; 32],
    pub user: Arc<str>,
    pub scope: Scope,
    pub expires_at: Timestamp,
}

/// Everybody.
#[derive(Debug, Default)]
pub struct Roster {
    pub(super) users: BTreeMap<Arc<str>, User>,
    pub(super) tokens: Vec<Token>,
}

impl Roster {
    /// The user of that id, whether or not they are let in.
    pub fn user(&self, id: &str) -> Option<&User> {
        self.users.get(id)
    }

    /// Every user, by id.
    pub fn users(&self) -> impl Iterator<Item = &User> {
        self.users.values()
    }

    /// The user of that id if they are let in and nothing ended their sessions since `epoch`.
    pub fn holder(&self, id: &str, epoch: i64) -> Option<&User> {
        self.users.get(id).filter(|user| !user.disabled && user.epoch == epoch)
    }

    /// Whose token has this SHA-256, what they may do with it, and what it is good for. Looks at every token,
    /// whichever fits.
    pub fn bearer(&self, digest: &[u8; 32], now: Timestamp) -> Option<(Person, Scope)> {
        let mut found = None;
        for token in &self.tokens {
            let pairs = token.digest.iter().zip(digest);
            let difference = pairs.fold(0, |sum, (a, b)| sum | (a ^ b));
            if std::hint::black_box(difference) == 0 {
                found = Some(token);
            }
        }
        let token = found.filter(|token| now < token.expires_at)?;
        let person = self.users.get(&token.user).filter(|user| !user.disabled)?.person();
        Some((Person { role: person.role.min(token.scope.role()), ..person }, token.scope))
    }
}
