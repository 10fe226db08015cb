//! Who works with bongsu: users with a role and the districts it holds in, their passwords, second factors, sessions
//! and tokens, and the one table of what is personal about them.
//!
//! All of it lies in `people.sqlite` in the data directory, readable by its owner alone; the daemon and `bongsu user`
//! have it open at the same time. Table `person` alone has names, numbers and addresses: a row that is taken out is
//! overwritten on the disk, and every reading of it is noted for the audit trail. Journal, ledger and trail know
//! people by their user id.

mod role;
mod password;
mod second_factor;
mod store;
mod roster;

use std::path::PathBuf;

pub use password::{Hasher, Weak, check, generated};
pub use role::{AreaFault, Areas, Person, Role, Scope};
pub use roster::{Roster, User};
pub use second_factor::{SecondFactor, digits};
pub use store::{Details, Kept, LAYOUT, NewUser, Note, Store, TokenRow};

/// Ids that nobody may have: what speaks for bongsu itself, and the administrator's token.
pub const RESERVED: [&str; 4] = ["administrator", "bongsu", "demo", "system"];

/// Why something could not be done with people.
#[derive(Debug, thiserror::Error)]
pub enum PeopleError {
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
    /// The database failed.
    #[error("people: cannot {doing}; is there room on the disk, and is the file whole?")]
    Database {
        /// What was tried.
        doing: &'static str,
        /// What the database said.
        source: rusqlite::Error,
    },
    /// The file was written by a newer version.
    #[error("{path} was written by a newer version of bongsu (layout {found}); run that version")]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its layout.
        found: i64,
    },
    /// There is no such user.
    #[error("there is no user `{0}`; `bongsu user list` names them")]
    Unknown(String),
    /// There is one already.
    #[error("there is a user `{0}` already")]
    Taken(String),
    /// There is a token of that name already.
    #[error("there is a token `{0}` already, of them or of somebody else; choose another --name")]
    TokenTaken(String),
    /// An id that is not one, or that nobody may have.
    #[error("`{0}` cannot be a user's id: 1 to 64 of a-z, 0-9 and -, and none of {RESERVED:?}")]
    Id(String),
    /// A text of a person that is too long or not printable.
    #[error("{0} is too long or has characters that cannot be printed")]
    Detail(&'static str),
    /// There is no such token.
    #[error("there is no token `{0}`; `bongsu user tokens` names them")]
    NoToken(String),
    /// A password could not be hashed; a fault of ours.
    #[error("a password could not be hashed ({0}); please report this")]
    Hash(String),
    /// The system gave no randomness.
    #[error("the system gives no random numbers; without them nobody can sign in safely")]
    Random,
}

/// Checks a user's id.
///
/// # Errors
/// [`PeopleError::Id`].
pub fn user_id(text: &str) -> Result<&str, PeopleError> {
    if !reading::id::is_id(text) || RESERVED.contains(&text) {
        return Err(PeopleError::Id(text.chars().take(80).collect()));
    }
    Ok(text)
}

/// Fills bytes with chance.
///
/// # Errors
/// [`PeopleError::Random`].
pub fn random<const N: usize>() -> Result<[u8; N], PeopleError> {
    use ring::rand::{SecureRandom, SystemRandom};
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).map_err(|_| PeopleError::Random)?;
    Ok(bytes)
}
