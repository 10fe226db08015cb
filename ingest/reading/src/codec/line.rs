//! Lines of delimited fields, as loggers and spreadsheets write them (RFC 4180).

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;

/// The most fields of one line.
pub(super) const FIELDS_MAX: usize = 1_024;

/// The lines of a text with their numbers, without line ends and empty ones.
pub(super) fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let numbered =
        text.split('\n').enumerate().map(|(i, line)| (i + 1, line.trim_end_matches('\r')));
    numbered.filter(|(_, line)| !line.trim().is_empty())
}

/// Takes a line apart. A field may stand in double quotes, in which two are one.
///
/// # Errors
/// What is wrong with it.
pub(super) fn fields(line: &str, delimiter: char) -> Result<Vec<Cow<'_, str>>, &'static str> {
    let (mut fields, mut rest) = (Vec::new(), Some(line));
    while let Some(text) = rest {
        if fields.len() == FIELDS_MAX {
            return Err("it has more than 1024 fields");
        }
        let trimmed = text.trim_start_matches(' ');
        let (field, after) = match trimmed.strip_prefix('"') {
            Some(quoted) => {
                let (field, after) = unquote(quoted)?;
                match after.trim_start_matches(' ').strip_prefix(delimiter) {
                    Some(after) => (field, Some(after)),
                    None if after.trim().is_empty() => (field, None),
                    None => return Err("something stands behind a closing quote"),
                }
            }
            None => match text.split_once(delimiter) {
                Some((field, after)) => (Cow::Borrowed(field.trim()), Some(after)),
                None => (Cow::Borrowed(text.trim()), None),
            },
        };
        fields.push(field);
        rest = after;
    }
    Ok(fields)
}

/// The text up to the closing quote, and what follows it.
fn unquote(text: &str) -> Result<(Cow<'_, str>, &str), &'static str> {
    let mut whole = String::new();
    let mut rest = text;
    loop {
        let (part, after) = rest.split_once('"').ok_or("a quote is not closed")?;
        match after.strip_prefix('"') {
            Some(after) => {
                whole.push_str(part);
                whole.push('"');
                rest = after;
            }
            None if whole.is_empty() => return Ok((Cow::Borrowed(part), after)),
            None => {
                whole.push_str(part);
                return Ok((Cow::Owned(whole), after));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_told_apart_as_the_standard_says() {
        for (line, expected) in [
            ("a,b", &["a", "b"][..]),
            ("\"a,b\",c", &["a,b", "c"]),
            ("\"a\"\"b\", \"c\" ,d", &["a\"b", "c", "d"]),
            ("a,,", &["a", "", ""]),
            ("\"\",x", &["", "x"]),
            (" 1 , 2", &["1", "2"]),
            ("\"\"\"\"", &["\""]),
        ] {
            assert_eq!(fields(line, ',').unwrap(), expected, "{line}");
        }
        for bad in ["\"a", "\"a\"b,c", "a,\"b\"\"", &",".repeat(2_000)] {
            assert!(fields(bad, ',').is_err(), "{bad}");
        }
    }
}
