//! Who may come in: tokens with a role, sessions and one-time links.
//!
//! A token is 256 random bits. Only its SHA-256 is kept in memory; comparing takes the same time whichever token it
//! is. All of it runs on real time, also where the daemon's clock is simulated.

use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ingest::clock::Clock;
use ring::digest;
use ring::rand::{SecureRandom, SystemRandom};
use serde::{Deserialize, Serialize};

use super::sessions::{Links, Sessions};

/// The administrator's token, made at the first start.
const FILE: &str = "board-token";

/// The shortest token we take: shorter ones can be guessed.
const TOKEN_LEN_MIN: usize = 32;

/// What somebody may do. Each includes those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Looks.
    Viewer,
    /// Acknowledges, stands down, writes notes, puts away.
    Operator,
    /// Lets the public hear, or not.
    Approver,
    /// Everything.
    Administrator,
}

impl Role {
    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Approver => "approver",
            Self::Administrator => "administrator",
        }
    }
}

/// Somebody who was let in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// By what name the journal knows them.
    pub name: Arc<str>,
    /// What they may do.
    pub role: Role,
}

/// A token as it is kept: never its text.
#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    person: Person,
    digest: Digest,
}

impl Token {
    /// A token with this text.
    ///
    /// # Errors
    /// [`TokenError::Short`].
    pub fn new(name: &str, role: Role, text: &str) -> Result<Self, TokenError> {
        if text.len() < TOKEN_LEN_MIN {
            return Err(TokenError::Short { name: name.into() });
        }
        Ok(Self { person: Person { name: name.into(), role }, digest: Digest::of(text) })
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token").field("person", &self.person).finish_non_exhaustive()
    }
}

/// Why the tokens could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// Too easy to guess.
    #[error(
        "the token of `{name}` is shorter than {TOKEN_LEN_MIN} characters; make one with: head -c 32 /dev/urandom | sha256sum"
    )]
    Short {
        /// Whose.
        name: String,
    },
    /// The file cannot be read or written.
    #[error("{path}: cannot {doing}; check that the data directory belongs to the service's user")]
    File {
        /// The file.
        path: PathBuf,
        /// What was tried.
        doing: &'static str,
        /// What the system said.
        source: std::io::Error,
    },
    /// The system gave no randomness.
    #[error("the system gives no random numbers; without them nobody can sign in safely")]
    Random,
}

/// Everybody who may come in. Cloning shares them.
#[derive(Clone)]
pub struct Tokens {
    inner: Arc<Inner>,
}

struct Inner {
    tokens: Vec<Token>,
    sessions: Sessions,
    links: Links,
    clock: Clock,
}

impl Tokens {
    /// These tokens and no others.
    pub fn new(tokens: Vec<Token>) -> Self {
        Self::on(tokens, Clock::system())
    }

    /// The same on a clock of one's own, for tests.
    pub(super) fn on(tokens: Vec<Token>, clock: Clock) -> Self {
        let inner = Inner { tokens, sessions: Sessions::default(), links: Links::default(), clock };
        Self { inner: Arc::new(inner) }
    }

    /// The administrator's token out of `board-token` in the data directory; made, readable by its owner alone, if
    /// there is none.
    ///
    /// # Errors
    /// [`TokenError`].
    pub fn load_or_create(data_dir: &Path) -> Result<Self, TokenError> {
        let path = data_dir.join(FILE);
        let text = match fs::read_to_string(&path) {
            Ok(text) => {
                warn_if_open(&path);
                text.trim().to_string()
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => create(&path)?,
            Err(source) => return Err(TokenError::File { path, doing: "read it", source }),
        };
        Ok(Self::new(vec![Token::new("administrator", Role::Administrator, &text)?]))
    }

    /// A path that signs `name` in once, within ten minutes: `/sign-in/…`, to be put behind the board's address.
    ///
    /// # Errors
    /// [`TokenError::Random`].
    pub fn one_time_link(&self, name: &str, role: Role) -> Result<String, TokenError> {
        let code = random()?;
        let person = Person { name: name.into(), role };
        self.inner.links.add(Digest::of(&code), person, self.inner.clock.at());
        Ok(format!("/sign-in/{code}"))
    }

    /// Whose token this is. Looks at every token, whichever fits.
    pub(super) fn find(&self, text: &str) -> Option<Person> {
        let given = Digest::of(text);
        let mut found = None;
        for token in &self.inner.tokens {
            if token.digest.same(&given) {
                found = Some(token.person.clone());
            }
        }
        found
    }

    /// Who this one-time code lets in; it is used up.
    pub(super) fn redeem(&self, code: &str) -> Option<Person> {
        self.inner.links.take(&Digest::of(code), self.inner.clock.at())
    }

    /// Opens a session and gives its secret.
    pub(super) fn open_session(&self, person: Person) -> Result<String, TokenError> {
        let secret = random()?;
        self.inner.sessions.open(Digest::of(&secret), person, self.inner.clock.at());
        Ok(secret)
    }

    /// Whose session this is; it lasts on.
    pub(super) fn session(&self, key: &Digest) -> Option<Person> {
        self.inner.sessions.touch(key, self.inner.clock.at())
    }

    pub(super) fn close_session(&self, key: &Digest) {
        self.inner.sessions.close(key);
    }

    /// Real time, for whoever has to do with signing in.
    pub(super) fn clock(&self) -> &Clock {
        &self.inner.clock
    }
}

/// The SHA-256 of a secret.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Digest([u8; 32]);

impl Digest {
    pub(super) fn of(secret: &str) -> Self {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(digest::digest(&digest::SHA256, secret.as_bytes()).as_ref());
        Self(bytes)
    }

    /// Compares all of it, wherever the first difference is.
    fn same(&self, other: &Self) -> bool {
        let difference = self.0.iter().zip(&other.0).fold(0, |sum, (a, b)| sum | (a ^ b));
        std::hint::black_box(difference) == 0
    }
}

/// 256 random bits as text.
fn random() -> Result<String, TokenError> {
    let mut bytes = [0; 32];
    SystemRandom::new().fill(&mut bytes).map_err(|_| TokenError::Random)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Writes a new token under another name and moves it into place, so that a crash leaves none or a whole one.
fn create(path: &Path) -> Result<String, TokenError> {
    let file = |doing| move |source| TokenError::File { path: path.into(), doing, source };
    let text = random()?;
    let fresh = path.with_extension("new");
    fs::remove_file(&fresh).ok();
    let mut out = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&fresh)
        .map_err(file("make it"))?;
    writeln!(out, "{text}").and_then(|()| out.sync_all()).map_err(file("write it"))?;
    fs::rename(&fresh, path).map_err(file("move it into place"))?;
    tracing::info!(path = %path.display(), "made the administrator's token for the board");
    Ok(text)
}

fn warn_if_open(path: &Path) {
    let mode = fs::metadata(path).map_or(0, |metadata| metadata.permissions().mode());
    if mode & 0o077 != 0 {
        tracing::warn!(path = %path.display(), "others can read the board's token; chmod 600 it and make a new one");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn the_first_start_makes_a_token_for_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let tokens = Tokens::load_or_create(folder.path()).unwrap();
        let path = folder.path().join(FILE);
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let again = Tokens::load_or_create(folder.path()).unwrap();
        for tokens in [tokens, again] {
            assert_eq!(tokens.find(text.trim()).unwrap().role, Role::Administrator);
            assert_eq!(tokens.find(&text), None, "the line break is not part of it");
        }
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
    }

    #[test]
    fn what_can_be_guessed_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        for text in ["", "\n", "hunter2"] {
            fs::write(folder.path().join(FILE), text).unwrap();
            assert!(
                matches!(Tokens::load_or_create(folder.path()), Err(TokenError::Short { .. })),
                "{text:?}"
            );
        }
    }

    #[test]
    fn a_token_is_found_by_all_of_it() {
        let text = "0123456789abcdef0123456789abcdef";
        let tokens = Tokens::new(vec![
            Token::new("kim", Role::Viewer, text).unwrap(),
            Token::new("lee", Role::Operator, &text.replace('0', "x")).unwrap(),
        ]);
        assert_eq!(&*tokens.find(text).unwrap().name, "kim");
        for wrong in ["", &text[..31], &format!("{text}0"), &text.to_uppercase()] {
            assert_eq!(tokens.find(wrong), None, "{wrong}");
        }
        assert!(!format!("{:?}", Token::new("kim", Role::Viewer, text)).contains("0123"));
    }

    #[test]
    fn a_link_works_once_and_for_ten_minutes() {
        let clock = Clock::manual(reading::Timestamp::from_secs(0));
        let tokens = Tokens::on(vec![], clock.clone());
        let code = |tokens: &Tokens| {
            let link = tokens.one_time_link("demo", Role::Operator).unwrap();
            link.strip_prefix("/sign-in/").unwrap().to_string()
        };
        let (used, late) = (code(&tokens), code(&tokens));
        assert_ne!(used, late);
        assert_eq!(tokens.redeem(&used).unwrap().role, Role::Operator);
        assert_eq!(tokens.redeem(&used), None);
        clock.advance(Duration::from_secs(601));
        assert_eq!(tokens.redeem(&late), None);
    }
}
