//! Passwords: argon2id, what is too weak, and ones made by chance.

use std::sync::OnceLock;

use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};
use icu_normalizer::ComposingNormalizerBorrowed;

use super::{PeopleError, random};

/// The shortest password, characters. Length is what counts (NIST SP 800-63B, 5.1.1.2); no classes of characters.
pub const LEN_MIN: usize = 12;

/// The longest, bytes: what is hashed is bounded.
pub const LEN_MAX: usize = 512;

/// How many different characters there are at least.
const DIFFERENT_MIN: usize = 5;

/// Letters and digits that nobody takes for another when they are read out.
const CLEAR: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";

/// Why a password is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weak {
    /// Shorter than `LEN_MIN`.
    Short,
    /// Longer than `LEN_MAX`.
    Long,
    /// The user's id stands in it.
    HasId,
    /// A few characters over and over, or a row of the keyboard.
    Plain,
}

impl Weak {
    /// Its key in the catalogue.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Short => "account-weak-short",
            Self::Long => "account-weak-long",
            Self::HasId => "account-weak-id",
            Self::Plain => "account-weak-plain",
        }
    }
}

/// Whether a password may be used by a user.
///
/// # Errors
/// [`Weak`].
pub fn check(password: &str, id: &str) -> Result<(), Weak> {
    let lower = password.to_lowercase();
    let mut different: Vec<char> = lower.chars().collect();
    different.sort_unstable();
    different.dedup();
    let rows = ["1234567890123", "qwertyuiopasdfghjkl", "abcdefghijklmnopqrstuvwxyz", "password"];
    match () {
        () if password.len() > LEN_MAX => Err(Weak::Long),
        () if password.chars().count() < LEN_MIN => Err(Weak::Short),
        () if id.len() > 2 && lower.contains(id) => Err(Weak::HasId),
        () if different.len() < DIFFERENT_MIN || rows.iter().any(|row| alike(&lower, row)) => {
            Err(Weak::Plain)
        }
        () => Ok(()),
    }
}

/// Whether a password is little more than a row everybody knows.
fn alike(password: &str, row: &str) -> bool {
    let known = row.get(..8).unwrap_or(row);
    let rest = password.replace(known, "");
    rest.len() < password.len() && rest.chars().count() < LEN_MIN - known.len() + 1
}

/// A password by chance, to be changed at the first sign-in: 80 bits in groups that can be read out.
///
/// # Errors
/// [`PeopleError::Random`].
pub fn generated() -> Result<String, PeopleError> {
    let bytes: [u8; 16] = random()?;
    let letters: Vec<u8> = bytes.iter().map(|byte| CLEAR[usize::from(byte % 32)]).collect();
    Ok(letters.chunks(4).map(String::from_utf8_lossy).collect::<Vec<_>>().join("-"))
}

/// Hashes passwords and compares them.
pub struct Hasher {
    argon: Argon2<'static>,
    /// The hash of nobody's password: an unknown user takes as long as a known one.
    nobody: OnceLock<String>,
}

impl Default for Hasher {
    /// 19 MiB, two passes, one lane (OWASP's first choice for argon2id).
    fn default() -> Self {
        Self::with(Params::DEFAULT)
    }
}

impl Hasher {
    /// With parameters so small that tests are fast.
    #[cfg(test)]
    pub fn light() -> Self {
        Self::with(Params::new(64, 1, 1, None).unwrap())
    }

    fn with(params: Params) -> Self {
        let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        Self { argon, nobody: OnceLock::new() }
    }

    /// The hash of a password with a salt of its own, in PHC form. Takes a while: not for a task that serves others.
    ///
    /// # Errors
    /// [`PeopleError`].
    pub fn hash(&self, password: &str) -> Result<String, PeopleError> {
        let fault = |error: argon2::password_hash::Error| PeopleError::Hash(error.to_string());
        let salt = SaltString::encode_b64(&random::<16>()?).map_err(fault)?;
        let password = composed(password);
        self.argon
            .hash_password(password.as_bytes(), &salt)
            .map(|hash| hash.to_string())
            .map_err(fault)
    }

    /// Whether a password has this hash; without a hash it takes as long and has not.
    pub fn verify(&self, password: &str, hash: Option<&str>) -> bool {
        let nobody = || self.nobody.get_or_init(|| self.hash("nobody at all").unwrap_or_default());
        let kept = hash.unwrap_or_else(|| nobody());
        if password.len() > LEN_MAX {
            return false;
        }
        let fits = PasswordHash::new(kept).is_ok_and(|kept| {
            self.argon.verify_password(composed(password).as_bytes(), &kept).is_ok()
        });
        fits && hash.is_some()
    }
}

/// Hangul comes in one piece or in three, by keyboard; a password is the same either way.
fn composed(password: &str) -> String {
    ComposingNormalizerBorrowed::new_nfc().normalize(password).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_argon2id_and_fits_its_password_alone() {
        let hasher = Hasher::default();
        let hash = hasher.hash("봉수대에 불이 오르면 뛴다").unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        let light = Hasher::light();
        let hash = light.hash("봉수대에 불이 오르면 뛴다").unwrap();
        assert_ne!(
            hash,
            light.hash("봉수대에 불이 오르면 뛴다").unwrap(),
            "each has a salt of its own"
        );
        let in_pieces: String = icu_normalizer::DecomposingNormalizerBorrowed::new_nfd()
            .normalize("봉수대에 불이 오르면 뛴다")
            .into_owned();
        assert!(light.verify("봉수대에 불이 오르면 뛴다", Some(&hash)));
        assert!(light.verify(&in_pieces, Some(&hash)));
        for (password, hash) in [
            ("봉수대에 불이 오르면 뛴다!", Some(&*hash)),
            ("", Some(&*hash)),
            ("nobody at all", None),
            ("봉수대에 불이 오르면 뛴다", Some("")),
            ("봉수대에 불이 오르면 뛴다", Some("$argon2id$broken")),
        ] {
            assert!(!light.verify(password, hash), "{password}");
        }
    }

    #[test]
    fn weak_passwords_are_refused_by_what_is_wrong_with_them() {
        let table = [
            ("correct horse battery", Ok(())),
            ("비탈면이 밤에 운다 12", Ok(())),
            ("short", Err(Weak::Short)),
            ("kimchulsoo-7731", Err(Weak::HasId)),
            ("aaaabbbbaaaabbbb", Err(Weak::Plain)),
            ("password1234", Err(Weak::Plain)),
            ("qwertyuiop12", Err(Weak::Plain)),
            ("123456789012", Err(Weak::Plain)),
        ];
        for (password, expected) in table {
            assert_eq!(check(password, "kimchulsoo"), expected, "{password}");
        }
        assert_eq!(check(&"x1y2z3".repeat(100), "kim"), Err(Weak::Long));
    }

    #[test]
    fn what_is_made_by_chance_is_strong_and_never_the_same() {
        let (one, other) = (generated().unwrap(), generated().unwrap());
        assert_ne!(one, other);
        assert_eq!((one.len(), check(&one, "kim")), (19, Ok(())));
    }
}
