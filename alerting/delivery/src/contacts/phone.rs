//! Numbers of telephones, as people write them in Korea and as networks want them (E.164).

use std::fmt;

/// A number with its country, `+821012345678`. `Debug` does not show it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Phone(String);

impl fmt::Debug for Phone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Phone(***)")
    }
}

/// Why a text is not a number. Never repeats it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PhoneFault {
    /// Something else than digits and what is written between them.
    #[error("the phone number holds something else than digits, spaces, `-`, `.` and brackets")]
    Letters,
    /// Neither with a country nor Korean.
    #[error("the phone number begins neither with + nor with 0")]
    NoCountry,
    /// Too short or too long.
    #[error("the phone number has too few or too many digits")]
    Length,
}

impl Phone {
    /// Reads a number: with `+` and its country, or Korean with its leading zero.
    ///
    /// # Errors
    /// [`PhoneFault`].
    pub fn parse(text: &str) -> Result<Self, PhoneFault> {
        let text = text.trim();
        let between = |c: char| c.is_whitespace() || matches!(c, '-' | '.' | '(' | ')' | '/');
        let digits: String = text.chars().filter(|c| !between(*c) && *c != '+').collect();
        if digits.is_empty()
            || !digits.bytes().all(|b| b.is_ascii_digit())
            || text.rfind('+') > Some(0)
        {
            return Err(PhoneFault::Letters);
        }
        let number = if text.starts_with('+') {
            // +82 010… and +82 (0)10… are often written and never dialled
            match digits.strip_prefix("820") {
                Some(national) => format!("82{national}"),
                None => digits,
            }
        } else if let Some(international) = digits.strip_prefix("00") {
            international.to_owned()
        } else {
            format!("82{}", digits.strip_prefix('0').ok_or(PhoneFault::NoCountry)?)
        };
        let fits = match number.strip_prefix("82") {
            // a mobile has ten digits after the country, elder ones nine; other numbers eight to ten
            Some(national) if national.starts_with('1') => (9..=10).contains(&national.len()),
            Some(national) => (8..=10).contains(&national.len()),
            None => (8..=15).contains(&number.len()),
        };
        if fits { Ok(Self(format!("+{number}"))) } else { Err(PhoneFault::Length) }
    }

    /// The number with `+` and country.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The digits alone, as SMPP has them.
    pub fn digits(&self) -> &str {
        &self.0[1..]
    }

    /// As written within Korea, if it is Korean.
    pub fn national(&self) -> String {
        self.0.strip_prefix("+82").map_or_else(|| self.0.clone(), |rest| format!("0{rest}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_as_people_write_them() {
        for (text, number) in [
            ("010-1234-5678", "+821012345678"),
            ("01012345678", "+821012345678"),
            ("+82 10 1234 5678", "+821012345678"),
            ("+82 (0)10-1234-5678", "+821012345678"),
            ("0082 10 1234 5678", "+821012345678"),
            ("02-123-4567", "+8221234567"),
            ("031.123.4567", "+82311234567"),
            ("+1 202 555 0143", "+12025550143"),
            ("011-234-5678", "+82112345678"),
        ] {
            assert_eq!(
                Phone::parse(text).map(|p| p.as_str().to_owned()),
                Ok(number.into()),
                "{text}"
            );
        }
        assert_eq!(Phone::parse("+82 10 1234 5678").unwrap().national(), "01012345678");
    }

    #[test]
    fn broken_numbers_are_named() {
        for (text, fault) in [
            ("", PhoneFault::Letters),
            ("010-12O4-5678", PhoneFault::Letters),
            ("010+12345678", PhoneFault::Letters),
            ("１０", PhoneFault::Letters),
            ("1234-5678", PhoneFault::NoCountry),
            ("010-123-456", PhoneFault::Length),
            ("010-1234-56789", PhoneFault::Length),
            ("+82", PhoneFault::Length),
            ("+1234567890123456", PhoneFault::Length),
        ] {
            assert_eq!(Phone::parse(text), Err(fault), "{text}");
        }
    }
}
