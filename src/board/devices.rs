//! Browsers in which somebody signed in before, told by a cookie: guesses made elsewhere do not keep a user out there
//! (OWASP, "Slow down online guessing attacks with device cookies").
//!
//! The cookie opens nothing. It names no user and is kept nowhere: for each user it has a number and what only we could
//! have made of number and user.

use axum::http::HeaderMap;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as URL_SAFE_NO_PAD;
use ring::hmac;

use super::access::cookie;
use super::tokens::Digest;
use crate::people::{self, PeopleError};

/// Its name.
pub(super) const DEVICE: &str = "bongsu-device";

/// How long a browser is known, seconds.
pub(super) const KNOWN_SECS: u32 = 180 * 86_400;

/// How many users one browser knows: those of a shift share a desk.
const USERS_MAX: usize = 8;

/// Between the parts of the cookie; it needs no quoting.
const NEXT: char = '~';

/// Between the number of a part and what we made of it.
const OF: char = '.';

/// How long a part is: 16 bytes, 32 bytes and the dot.
const PART_LEN: usize = 22 + 1 + 43;

pub(super) struct Devices(hmac::Key);

impl Devices {
    /// Those that are known by cookies made with this secret.
    pub(super) fn new(secret: &Digest) -> Self {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &secret.0);
        let own = hmac::sign(&key, b"bongsu known devices");
        Self(hmac::Key::new(hmac::HMAC_SHA256, own.as_ref()))
    }

    /// What the browser is called in which this user signed in before.
    pub(super) fn known(&self, headers: &HeaderMap, user: &str) -> Option<String> {
        let held = cookie(headers, DEVICE)?;
        held.split(NEXT).take(USERS_MAX).find_map(|part| {
            let (number, made) = part.split_once(OF)?;
            let made = URL_SAFE_NO_PAD.decode(made).ok()?;
            hmac::verify(&self.0, &said(number, user), &made).ok()?;
            Some(number.to_owned())
        })
    }

    /// The cookie of a browser in which this user has signed in, beside what it holds of others.
    ///
    /// # Errors
    /// [`PeopleError::Random`].
    pub(super) fn knowing(&self, headers: &HeaderMap, user: &str) -> Result<String, PeopleError> {
        let held = cookie(headers, DEVICE).unwrap_or_default();
        let is_well = |part: &&str| part.len() == PART_LEN;
        let known = self.known(headers, user);
        let is_other =
            |part: &&str| known.as_deref().is_none_or(|known| part.split(OF).next() != Some(known));
        let others = held.split(NEXT).filter(is_well).filter(is_other).take(USERS_MAX - 1);
        let number: [u8; 16] = people::random()?;
        let number = URL_SAFE_NO_PAD.encode(number);
        let made = hmac::sign(&self.0, &said(&number, user));
        let own = format!("{number}{OF}{}", URL_SAFE_NO_PAD.encode(made));
        Ok(std::iter::once(&*own).chain(others).collect::<Vec<_>>().join("~"))
    }
}

/// What is signed. A user's id has no space.
fn said(number: &str, user: &str) -> Vec<u8> {
    format!("{number} {user}").into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::header::COOKIE;

    fn with(value: &str) -> HeaderMap {
        HeaderMap::from_iter([(COOKIE, format!("{DEVICE}={value}").parse().unwrap())])
    }

    #[test]
    fn a_browser_knows_who_signed_in_there_and_nobody_else() {
        let devices = Devices::new(&Digest::of("secret"));
        let kim = devices.knowing(&HeaderMap::new(), "kim").unwrap();
        assert_eq!(kim.len(), PART_LEN);
        let number = devices.known(&with(&kim), "kim").unwrap();
        assert!(devices.known(&with(&kim), "lee").is_none());
        assert!(Devices::new(&Digest::of("other")).known(&with(&kim), "kim").is_none());
        let both = devices.knowing(&with(&kim), "lee").unwrap();
        assert_eq!(devices.known(&with(&both), "kim"), Some(number.clone()));
        let again = devices.knowing(&with(&both), "kim").unwrap();
        assert_eq!(again.split(NEXT).count(), 2, "each user once");
        assert_ne!(devices.known(&with(&again), "kim"), Some(number), "a new number each time");
        let mut many = again;
        for n in 0..20 {
            many = devices.knowing(&with(&many), &format!("user-{n}")).unwrap();
        }
        assert_eq!(many.len(), USERS_MAX * (PART_LEN + 1) - 1);
        assert!(devices.known(&with(&many), "user-19").is_some());
        assert!(devices.known(&with(&many), "kim").is_none(), "the oldest made room");
    }

    #[test]
    fn what_we_did_not_make_knows_nobody_and_is_not_kept() {
        let devices = Devices::new(&Digest::of("secret"));
        let kim = devices.knowing(&HeaderMap::new(), "kim").unwrap();
        let (number, made) = kim.split_once(OF).unwrap();
        let cut = format!("{number}.{}", &made[1..]);
        let other = format!("{}.{made}", "A".repeat(22));
        let long = "~".repeat(10_000) + &kim;
        for forged in ["", ".", "~", "x.y", &cut, &other, &long, &format!("{number} kim.{made}")] {
            assert!(devices.known(&with(forged), "kim").is_none(), "{forged}");
            assert!(devices.knowing(&with(forged), "kim").unwrap().len() <= 2 * PART_LEN + 1);
        }
    }
}
