//! Passwords as they are kept: PBKDF2 with HMAC-SHA-512, in the writing of `mosquitto_passwd`.

use std::fmt;
use std::num::NonZeroU32;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::pbkdf2;
use ring::rand::{SecureRandom, SystemRandom};
use serde::{Deserialize, Serialize};

/// Rounds. A password of ours has 160 bits of chance, which no number of rounds is needed for; a broker that comes back
/// lets thousands of gateways in at once, which many rounds would hold up.
const ROUNDS: NonZeroU32 = NonZeroU32::new(10_000).expect("not zero");

/// The most rounds of a digest that is believed.
const ROUNDS_MAX: u32 = 1_000_000;

const SALT_LEN: usize = 12;
const DIGEST_LEN: usize = 64;

/// The digest of a password: `$7$rounds$salt$digest`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Digest(String);

/// The machine gave no chance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the system has no random numbers to give; try again later")]
pub struct NoChance;

/// A new password, 32 letters and digits out of 160 bits of chance.
///
/// # Errors
/// [`NoChance`].
pub fn new_password() -> Result<String, NoChance> {
    const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let bytes: [u8; 32] = chance()?;
    Ok(bytes.iter().map(|byte| char::from(LETTERS[usize::from(byte % 32)])).collect())
}

/// So many random bytes.
pub(crate) fn chance<const N: usize>() -> Result<[u8; N], NoChance> {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).map_err(|_| NoChance)?;
    Ok(bytes)
}

impl Digest {
    /// The digest of a password, under a new salt.
    ///
    /// # Errors
    /// [`NoChance`].
    pub fn of(password: &str) -> Result<Self, NoChance> {
        let salt: [u8; SALT_LEN] = chance()?;
        let mut digest = [0; DIGEST_LEN];
        pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA512, ROUNDS, &salt, password.as_bytes(), &mut digest);
        Ok(Self(format!("$7${ROUNDS}${}${}", STANDARD.encode(salt), STANDARD.encode(digest))))
    }

    /// Whether it is that of this password. Takes some milliseconds.
    pub fn is_of(&self, password: &[u8]) -> bool {
        let Some((rounds, salt, digest)) = self.parts() else { return false };
        pbkdf2::verify(pbkdf2::PBKDF2_HMAC_SHA512, rounds, &salt, password, &digest).is_ok()
    }

    /// As it stands in a password file.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn parts(&self) -> Option<(NonZeroU32, Vec<u8>, Vec<u8>)> {
        let mut parts = self.0.strip_prefix("$7$")?.split('$');
        let rounds: u32 = parts.next()?.parse().ok()?;
        let (salt, digest) = (parts.next()?, parts.next()?);
        let rounds = NonZeroU32::new(rounds).filter(|rounds| rounds.get() <= ROUNDS_MAX)?;
        let digest = STANDARD.decode(digest).ok().filter(|digest| digest.len() == DIGEST_LEN)?;
        Some((rounds, STANDARD.decode(salt).ok()?, digest))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Digest(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_of_its_password_alone() {
        let password = new_password().unwrap();
        let digest = Digest::of(&password).unwrap();
        assert!(digest.is_of(password.as_bytes()) && !digest.is_of(b"") && !digest.is_of(b"x"));
        assert_ne!(digest, Digest::of(&password).unwrap(), "another salt");
        assert!(!format!("{digest:?}").contains(&digest.0));
        assert_eq!(password.len(), 32);
        assert_ne!(password, new_password().unwrap());
    }

    #[test]
    fn a_digest_of_mosquitto_is_read_and_nonsense_lets_nobody_in() {
        // mosquitto_passwd 2.0.11, user `gate`, password `open sesame`
        let made = include_str!("../tests/mosquitto.passwd").trim();
        let (_, made) = made.split_once(':').unwrap();
        assert!(Digest(made.into()).is_of(b"open sesame"));
        assert!(!Digest(made.into()).is_of(b"open sesam"));
        for bad in ["", "$7$", "$7$0$AAAA$AAAA", "$6$abc$def", "$7$4294967295$AAAA$AAAA"] {
            assert!(!Digest(bad.into()).is_of(b""), "{bad}");
        }
    }
}
