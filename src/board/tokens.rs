//! Who may come in: users with a password, tokens, one-time links; and the sessions they open.
//!
//! A token is 256 random bits. Only its SHA-256 is kept; comparing takes the same time whichever token it is. All of
//! it runs on real time, also where the daemon's clock is simulated.
//!
//! Users are those of [`crate::people`], as of the last look at their file. Their sessions survive a restart; those
//! of the administrator's token and of links end with the process.

use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use ingest::clock::Clock;
use parking_lot::Mutex;
use ring::digest;

use super::sessions::{Holder, Links, Session, Sessions};
use crate::people::{
    self, Hasher, PeopleError, Person, Role, Roster, Scope, SecondFactor, Store, User,
};

/// The administrator's token, made at the first start.
const FILE: &str = "board-token";

/// The shortest token we take: shorter ones can be guessed.
const TOKEN_LEN_MIN: usize = 32;

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
        let person = Person { name: name.into(), role, areas: people::Areas::default() };
        Ok(Self { person, digest: Digest::of(text) })
    }

    /// The SHA-256 of a new one, which is what is kept, and its text, which is shown once.
    ///
    /// # Errors
    /// [`PeopleError::Random`].
    pub fn made() -> Result<([u8; 32], String), PeopleError> {
        let text = secret()?;
        Ok((Digest::of(&text).0, text))
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
    /// The users cannot be read or written, or there is no chance to be had.
    #[error(transparent)]
    People(#[from] PeopleError),
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
    hasher: Hasher,
    store: Option<Store>,
    roster: ArcSwap<Roster>,
    /// Which state of the file the roster is of.
    version: Mutex<i64>,
}

/// Somebody who is in, and how they came in.
#[derive(Clone, Debug)]
pub(super) struct Entered {
    pub person: Person,
    /// Whether they gave a second factor, or need none: what a one-time link opens.
    pub second: bool,
    /// Whether they have to choose a password before anything else.
    pub must_change: bool,
    /// Whether they are a user, with a password to change.
    pub user: bool,
}

/// Why somebody with a password was not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// No such user, another password, or a code that does not fit.
    Wrong,
    /// The password fits; their second factor is asked for.
    CodeNeeded,
}

impl Tokens {
    /// These tokens and no others, and no users.
    pub fn new(tokens: Vec<Token>) -> Self {
        Self::on(tokens, None, Clock::system(), Hasher::default())
    }

    /// The same on a clock of one's own, for tests.
    pub(super) fn on(
        tokens: Vec<Token>,
        store: Option<Store>,
        clock: Clock,
        hasher: Hasher,
    ) -> Self {
        let inner = Inner {
            tokens,
            sessions: Sessions::default(),
            links: Links::default(),
            clock,
            hasher,
            store,
            roster: ArcSwap::default(),
            version: Mutex::new(-1),
        };
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
        let token = Token::new("administrator", Role::Administrator, &text)?;
        let store = Store::open(data_dir)?;
        Ok(Self::on(vec![token], Some(store), Clock::system(), Hasher::default()).taken_up()?)
    }

    /// The same with the users and the sessions that are kept.
    pub(super) fn taken_up(self) -> Result<Self, PeopleError> {
        self.look_again()?;
        if let Some(store) = &self.inner.store {
            self.inner.sessions.restore(store.sessions()?);
        }
        Ok(self)
    }

    /// What only we know and is the same after a restart: the digest of the first token.
    ///
    /// # Errors
    /// [`PeopleError::Random`], where there is no token.
    pub(super) fn own_secret(&self) -> Result<Digest, PeopleError> {
        match self.inner.tokens.first() {
            Some(token) => Ok(token.digest),
            None => Ok(Digest::of(&secret()?)),
        }
    }

    /// The users' file.
    pub(super) fn store(&self) -> Option<&Store> {
        self.inner.store.as_ref()
    }

    /// Hashes and compares passwords.
    pub(super) fn hasher(&self) -> &Hasher {
        &self.inner.hasher
    }

    /// Looks whether users changed, and who still holds a session. Waits for the disk.
    ///
    /// # Errors
    /// [`PeopleError`]; then everybody is as before.
    pub(super) fn look_again(&self) -> Result<(), PeopleError> {
        let Some(store) = &self.inner.store else { return Ok(()) };
        let mut version = self.inner.version.lock();
        let found = store.version()?;
        if *version != found {
            self.inner.roster.store(Arc::new(store.roster()?));
            *version = found;
        }
        Ok(())
    }

    /// The same after a change of our own.
    ///
    /// # Errors
    /// [`PeopleError`].
    pub(super) fn changed(&self) -> Result<(), PeopleError> {
        if let Some(store) = &self.inner.store {
            self.inner.roster.store(Arc::new(store.roster()?));
        }
        Ok(())
    }

    /// Writes the users' sessions down, if they changed. Waits for the disk.
    ///
    /// # Errors
    /// [`PeopleError`]; then they are written at the next turn.
    pub(super) fn keep_sessions(&self) -> Result<(), PeopleError> {
        let Some(store) = &self.inner.store else { return Ok(()) };
        match self.inner.sessions.to_keep(self.now()) {
            Some(kept) => {
                store.keep_sessions(&kept).inspect_err(|_| self.inner.sessions.not_kept())
            }
            None => Ok(()),
        }
    }

    fn now(&self) -> reading::Timestamp {
        self.inner.clock.wall()
    }

    /// The user of that id, whether or not they are let in.
    pub(super) fn user(&self, id: &str) -> Option<User> {
        self.inner.roster.load().user(id).cloned()
    }

    /// Lets a user in by password, and by their code if they have a second factor; whether they gave one. Takes as
    /// long for nobody as for somebody. Waits for the processor and the disk.
    pub(super) fn check(
        &self,
        id: &str,
        password: &str,
        code: &str,
    ) -> Result<(User, bool), Refusal> {
        let user = self.user(id).filter(|user| !user.disabled && !user.password().is_empty());
        let hash = user.as_ref().map(User::password);
        if !self.inner.hasher.verify(password, hash) {
            return Err(Refusal::Wrong);
        }
        let user = user.ok_or(Refusal::Wrong)?;
        let Some(factor) = user.factor() else { return Ok((user, false)) };
        if code.trim().is_empty() {
            return Err(Refusal::CodeNeeded);
        }
        if self.uses(factor, id, code) { Ok((user, true)) } else { Err(Refusal::Wrong) }
    }

    /// Whether a code fits and was not used before.
    pub(super) fn uses(&self, factor: &SecondFactor, id: &str, code: &str) -> bool {
        let used = || self.inner.store.as_ref()?.use_step(id, factor.step(code, self.now())?).ok();
        used().unwrap_or(false)
    }

    /// A path that signs `name` in once, within ten minutes: `/sign-in/…`, to be put behind the board's address.
    ///
    /// # Errors
    /// [`PeopleError::Random`].
    pub fn one_time_link(&self, name: &str, role: Role) -> Result<String, TokenError> {
        let code = secret()?;
        let person = Person { name: name.into(), role, areas: people::Areas::default() };
        self.inner.links.add(Digest::of(&code), person, self.now());
        Ok(format!("/sign-in/{code}"))
    }

    /// Whose token this is, and what it is good for. Looks at every token, whichever fits.
    pub(super) fn find(&self, text: &str) -> Option<(Person, Scope)> {
        self.bearer(&Digest::of(text))
    }

    /// The same of a token that is known by its digest.
    pub(super) fn bearer(&self, given: &Digest) -> Option<(Person, Scope)> {
        let mut found = None;
        for token in &self.inner.tokens {
            if token.digest.same(given) {
                found = Some((token.person.clone(), Scope::Administer));
            }
        }
        found.or_else(|| self.inner.roster.load().bearer(&given.0, self.now()))
    }

    /// Who this one-time code lets in; it is used up.
    pub(super) fn redeem(&self, code: &str) -> Option<Person> {
        self.inner.links.take(&Digest::of(code), self.now())
    }

    /// Opens a session and gives its secret.
    pub(super) fn open_session(&self, holder: Holder, second: bool) -> Result<String, PeopleError> {
        let secret = secret()?;
        self.inner.sessions.open(Digest::of(&secret), Session::new(holder, second, self.now()));
        Ok(secret)
    }

    /// Whose session this is; it lasts on.
    pub(super) fn session(&self, key: &Digest) -> Option<Entered> {
        let (holder, second) = self.inner.sessions.touch(key, self.now())?;
        match holder {
            Holder::Given(person) => {
                Some(Entered { person, second, must_change: false, user: false })
            }
            Holder::Bearer(digest) => {
                let Some((person, _)) = self.bearer(&digest) else {
                    self.inner.sessions.close(key);
                    return None;
                };
                Some(Entered { person, second, must_change: false, user: false })
            }
            Holder::User { id, epoch } => {
                let roster = self.inner.roster.load();
                let Some(user) = roster.holder(&id, epoch) else {
                    self.inner.sessions.close(key);
                    return None;
                };
                let must_change = user.must_change;
                Some(Entered { person: user.person(), second, must_change, user: true })
            }
        }
    }

    /// The second factor was given in this session.
    pub(super) fn strengthen(&self, key: &Digest) {
        self.inner.sessions.strengthen(key);
    }

    /// How many sessions a user has.
    pub(super) fn sessions_of(&self, user: &User) -> usize {
        self.inner.sessions.count(&user.id, user.epoch)
    }

    /// The second factor that is being set up in a session: made at the first look, the same until it is confirmed.
    pub(super) fn factor_to_be(&self, key: &Digest) -> Result<Option<SecondFactor>, PeopleError> {
        Ok(self.inner.sessions.factor_to_be(key, SecondFactor::new()?))
    }

    pub(super) fn close_session(&self, key: &Digest) {
        self.inner.sessions.close(key);
    }

    /// Ends every session of a user but one.
    pub(super) fn close_others(&self, id: &str, but: &Digest) {
        self.inner.sessions.close_others(id, but);
    }

    /// Real time, for whoever has to do with signing in.
    pub(super) fn clock(&self) -> &Clock {
        &self.inner.clock
    }
}

/// The SHA-256 of a secret.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Digest(pub(super) [u8; 32]);

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
fn secret() -> Result<String, PeopleError> {
    let bytes: [u8; 32] = people::random()?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Writes a new token under another name and moves it into place, so that a crash leaves none or a whole one.
fn create(path: &Path) -> Result<String, TokenError> {
    let file = |doing| move |source| TokenError::File { path: path.into(), doing, source };
    let text = secret()?;
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
            assert_eq!(tokens.find(text.trim()).unwrap().0.role, Role::Administrator);
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
        assert_eq!(&*tokens.find(text).unwrap().0.name, "kim");
        for wrong in ["", &text[..31], &format!("{text}0"), &text.to_uppercase()] {
            assert_eq!(tokens.find(wrong), None, "{wrong}");
        }
        assert!(!format!("{:?}", Token::new("kim", Role::Viewer, text)).contains("0123"));
    }

    #[test]
    fn a_link_works_once_and_for_ten_minutes() {
        let clock = Clock::manual(reading::Timestamp::from_secs(0));
        let tokens = Tokens::on(vec![], None, clock.clone(), Hasher::light());
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
