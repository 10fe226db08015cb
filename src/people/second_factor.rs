//! The second factor: codes that change every thirty seconds (TOTP, RFC 6238), as any authenticator app makes them.

use std::fmt::Write as _;

use reading::Timestamp;
use ring::hmac;

use super::{PeopleError, random};

/// Seconds a code lasts.
const STEP_SECS: u64 = 30;

/// How many steps a clock may be off, either way.
const DRIFT: u64 = 1;

const DIGITS: u32 = 6;

const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// What a user's app and we know, and nobody else.
#[derive(Clone, PartialEq, Eq)]
pub struct SecondFactor([u8; 20]);

impl std::fmt::Debug for SecondFactor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SecondFactor")
    }
}

impl SecondFactor {
    /// A new one.
    ///
    /// # Errors
    /// [`PeopleError::Random`].
    pub fn new() -> Result<Self, PeopleError> {
        random().map(Self)
    }

    /// One that was kept.
    pub const fn kept(bytes: [u8; 20]) -> Self {
        Self(bytes)
    }

    /// To be kept.
    pub const fn bytes(&self) -> &[u8; 20] {
        &self.0
    }

    /// As it is typed into an app: base 32, in groups of four.
    pub fn text(&self) -> String {
        let letters = self.base32();
        let groups: Vec<&str> =
            (0..letters.len()).step_by(4).map(|at| &letters[at..at + 4]).collect();
        groups.join(" ")
    }

    /// As an app takes it over by being opened.
    pub fn address(&self, user: &str) -> String {
        format!("otpauth://totp/bongsu:{user}?secret={}&issuer=bongsu", self.base32())
    }

    fn base32(&self) -> String {
        let group = |five: &[u8]| {
            let bits = five.iter().fold(0_u64, |bits, byte| bits << 8 | u64::from(*byte));
            (0..8).rev().map(move |at| char::from(BASE32[(bits >> (at * 5) & 31) as usize]))
        };
        self.0.chunks(5).flat_map(group).collect()
    }

    /// At which step a code is right, if it is now or one step to either side. Looks at all of them.
    pub fn step(&self, code: &str, now: Timestamp) -> Option<u64> {
        let given = digits(code)?;
        let here = u64::try_from(now.nanos()).ok()? / 1_000_000_000 / STEP_SECS;
        let mut found = None;
        for step in here.saturating_sub(DRIFT)..=here + DRIFT {
            if same(hotp(&self.0, step, DIGITS).as_bytes(), given.as_bytes()) {
                found = Some(step);
            }
        }
        found
    }

    /// The code of a moment, for tests.
    #[cfg(test)]
    pub fn code(&self, now: Timestamp) -> String {
        hotp(&self.0, now.nanos() as u64 / 1_000_000_000 / STEP_SECS, DIGITS)
    }
}

/// The digits of a code as it was typed, with spaces or without.
pub fn digits(code: &str) -> Option<String> {
    let digits: String = code.chars().filter(|c| !c.is_whitespace()).take(16).collect();
    (digits.len() == DIGITS as usize && digits.bytes().all(|byte| byte.is_ascii_digit()))
        .then_some(digits)
}

fn same(one: &[u8], other: &[u8]) -> bool {
    let difference = one.iter().zip(other).fold(0, |sum, (a, b)| sum | (a ^ b));
    one.len() == other.len() && std::hint::black_box(difference) == 0
}

/// HOTP, RFC 4226 section 5.3: HMAC-SHA-1 of the counter, truncated where its last nibble says.
fn hotp(secret: &[u8], counter: u64, digits: u32) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret);
    let tag = hmac::sign(&key, &counter.to_be_bytes());
    let bytes = tag.as_ref();
    let at = usize::from(bytes[bytes.len() - 1] & 0xf);
    let word = bytes[at..at + 4].iter().fold(0_u32, |word, byte| word << 8 | u32::from(*byte));
    let mut text = String::new();
    write!(text, "{:0width$}", (word & 0x7fff_ffff) % 10_u32.pow(digits), width = digits as usize)
        .ok();
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_vectors_of_rfc_4226_and_rfc_6238() {
        let secret = b"12345678901234567890";
        let counted = [
            "755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583",
            "399871", "520489",
        ];
        for (counter, code) in counted.into_iter().enumerate() {
            assert_eq!(hotp(secret, counter as u64, 6), code, "{counter}");
        }
        for (seconds, code) in [
            (59, "94287082"),
            (1_111_111_109, "07081804"),
            (1_111_111_111, "14050471"),
            (1_234_567_890, "89005924"),
            (2_000_000_000, "69279037"),
            (20_000_000_000_u64, "65353130"),
        ] {
            assert_eq!(hotp(secret, seconds / STEP_SECS, 8), code, "{seconds}");
        }
    }

    #[test]
    fn a_code_holds_for_its_step_and_one_to_either_side() {
        let factor = SecondFactor::kept(*b"12345678901234567890");
        let at = Timestamp::from_secs;
        // asked at, typed, step it is of
        let table = [
            (59, "287082", Some(1)),
            (59, " 287 082 ", Some(1)),
            (60, "287082", Some(1)),
            (89, "287082", Some(1)),
            (90, "287082", None),
            (29, "287082", Some(1)),
            (59, "755224", Some(0)),
            (59, "287083", None),
            (59, "94287082", None),
            (59, "", None),
            (59, "２８７０８２", None),
        ];
        for (seconds, typed, step) in table {
            assert_eq!(factor.step(typed, at(seconds)), step, "{seconds} {typed}");
        }
    }

    #[test]
    fn an_app_reads_what_we_know() {
        let factor = SecondFactor::kept(*b"12345678901234567890");
        // RFC 4648 base 32 of the twenty bytes
        assert_eq!(factor.text(), "GEZD GNBV GY3T QOJQ GEZD GNBV GY3T QOJQ");
        assert_eq!(
            factor.address("kim"),
            "otpauth://totp/bongsu:kim?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=bongsu"
        );
        assert_ne!(SecondFactor::new().unwrap(), SecondFactor::new().unwrap());
        assert!(!format!("{factor:?}").contains("GEZ"));
    }
}
