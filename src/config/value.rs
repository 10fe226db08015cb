//! What stands between quotes: durations, sizes, numbers with units, counts, dates.

use std::time::Duration;

/// A text that does not say what it should: what is wrong with it, and what to write instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What is wrong.
    pub what: String,
    /// What to do.
    pub remedy: String,
}

impl Fault {
    /// A fault with its remedy.
    pub fn new(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { what: what.into(), remedy: remedy.into() }
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}; {}", self.what, self.remedy)
    }
}

/// Nanoseconds in each period.
const PERIODS: [(&str, f64); 6] =
    [("ms", 1e6), ("s", 1e9), ("min", 60e9), ("h", 3_600e9), ("d", 86_400e9), ("week", 604_800e9)];

/// Bytes in each size.
const SIZES: [(&str, u64); 5] =
    [("B", 1), ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("TiB", 1 << 40)];

/// The longest duration: what is longer is a slip.
const DURATION_MAX_NS: f64 = 100.0 * 366.0 * 86_400e9;

/// A number and what stands behind it: `0.1 deg/h` gives `0.1` and `deg/h`.
pub fn number_with_unit(text: &str) -> Option<(f64, &str)> {
    let text = text.trim();
    let digits = |c: char| c.is_ascii_digit() || matches!(c, '.' | '-' | '+' | '_' | 'e' | 'E');
    let (number, unit) = match text.split_once(char::is_whitespace) {
        Some((number, unit)) => (number, unit.trim_start()),
        None => text.split_at(text.find(|c| !digits(c)).unwrap_or(text.len())),
    };
    let number: f64 = number.replace('_', "").parse().ok()?;
    number.is_finite().then_some((number, unit))
}

/// `15 min`, `3 h`, `10 d`.
///
/// # Errors
/// A [`Fault`] for anything else.
pub fn duration(text: &str) -> Result<Duration, Fault> {
    let refused = || {
        let what = format!("`{}` is not a duration", shortened(text));
        Fault::new(what, "write a number and one of ms, s, min, h, d, week (say \"15 min\")")
    };
    let (number, unit) = number_with_unit(text).ok_or_else(refused)?;
    let period = PERIODS.iter().find(|(name, _)| *name == unit).ok_or_else(refused)?.1;
    let nanos = number * period;
    if !(0.0..=DURATION_MAX_NS).contains(&nanos) {
        let what = format!("`{}` is not between nothing and a hundred years", shortened(text));
        return Err(Fault::new(what, "write a duration that can pass"));
    }
    Ok(Duration::from_nanos(nanos.round() as u64))
}

/// A duration as one would write it.
pub fn duration_text(duration: Duration) -> String {
    let nanos = duration.as_nanos() as f64;
    let fits = |(_, period): &&(&str, f64)| nanos >= *period && nanos % period == 0.0;
    match PERIODS[..5].iter().rev().find(fits) {
        Some((unit, period)) => format!("{} {unit}", nanos / period),
        None => format!("{} s", duration.as_secs_f64()),
    }
}

/// `64 MiB`, `30 GiB`.
///
/// # Errors
/// A [`Fault`] for anything else.
pub fn size(text: &str) -> Result<u64, Fault> {
    let refused = || {
        let what = format!("`{}` is not a size", shortened(text));
        Fault::new(what, "write a number and one of B, KiB, MiB, GiB, TiB (say \"64 MiB\")")
    };
    let (number, unit) = number_with_unit(text).ok_or_else(refused)?;
    let factor = SIZES.iter().find(|(name, _)| *name == unit).ok_or_else(refused)?.1;
    let bytes = number * factor as f64;
    if (0.0..1e18).contains(&bytes) { Ok(bytes.round() as u64) } else { Err(refused()) }
}

/// A size as one would write it.
pub fn size_text(bytes: u64) -> String {
    let fits = |(_, factor): &&(&str, u64)| bytes >= *factor && bytes.is_multiple_of(*factor);
    let (unit, factor) = SIZES.iter().rev().find(fits).unwrap_or(&SIZES[0]);
    format!("{} {unit}", bytes / factor)
}

/// `3 of 5`.
///
/// # Errors
/// A [`Fault`] for anything else.
pub fn count_of(text: &str) -> Result<(u32, u32), Fault> {
    let numbers = text
        .split_once(" of ")
        .and_then(|(n, m)| Some((n.trim().parse().ok()?, m.trim().parse().ok()?)));
    numbers.ok_or_else(|| {
        let what = format!("`{}` is not a count of readings", shortened(text));
        Fault::new(what, "write how many of the last readings must agree (say \"3 of 5\")")
    })
}

/// A day of the calendar, `2026-07-01`.
///
/// # Errors
/// A [`Fault`] for anything else.
pub fn date(text: &str) -> Result<String, Fault> {
    match text.parse::<jiff::civil::Date>() {
        Ok(date) => Ok(date.to_string()),
        Err(_) => Err(Fault::new(
            format!("`{}` is not a date", shortened(text)),
            "write it as 2026-07-01",
        )),
    }
}

/// The word of `words` that `text` was probably meant to be, capitals or not; of two as near, the one with the fewest other
/// letters, that begins the same and is as long.
pub fn nearest<'w>(text: &str, words: impl IntoIterator<Item = &'w str>) -> Option<&'w str> {
    let tolerance = 1 + text.chars().count() / 4;
    let alike = |word: &str| {
        let begins = word.chars().next() == text.chars().next();
        (!begins, word.len().abs_diff(text.len()))
    };
    let small = text.to_lowercase();
    let measured = words.into_iter().map(|word| {
        (distance(&small, &word.to_lowercase()), distance(text, word), alike(word), word)
    });
    let (distance, _, _, word) = measured.min()?;
    (distance <= tolerance).then_some(word)
}

/// How many letters must be added, dropped, changed or swapped with their neighbour to get from one to the other.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) =
        (a.chars().take(80).collect(), b.chars().take(80).collect());
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let change = above[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut least = change.min(above[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                least = least.min(before[j - 2] + 1);
            }
            row.push(least);
        }
        before = std::mem::replace(&mut above, row);
    }
    above[b.len()]
}

/// A text from outside, cut and freed of control characters so that a message stays one line.
pub fn shortened(text: &str) -> String {
    text.chars().take(60).map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_a_number_and_a_unit() {
        for (text, seconds) in [
            ("15 min", 900.0),
            ("3 h", 10_800.0),
            ("10 d", 864_000.0),
            ("2s", 2.0),
            ("1.5 h", 5_400.0),
            ("250 ms", 0.25),
            ("0 s", 0.0),
        ] {
            assert_eq!(duration(text), Ok(Duration::from_secs_f64(seconds)), "{text}");
        }
        for text in [
            "",
            "15",
            "min",
            "15 minutes",
            "-3 h",
            "1e300 h",
            "nan s",
            "3 h 5 min",
            "inf d",
            "+-1 s",
        ] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_written_back_reads_the_same() {
        for text in ["15 min", "3 h", "10 d", "2 s", "250 ms", "0 s", "90 min"] {
            let meant = duration(text).unwrap();
            assert_eq!(duration(&duration_text(meant)), Ok(meant), "{text}");
        }
        assert_eq!(duration_text(Duration::from_secs(5_400)), "90 min");
        for text in ["64 MiB", "30 GiB", "1000 B", "1 KiB"] {
            assert_eq!(size_text(size(text).unwrap()), text);
        }
    }

    #[test]
    fn sizes_and_counts_say_what_they_count() {
        assert_eq!(size("64 MiB"), Ok(64 << 20));
        for text in ["64", "64 MB", "-1 MiB", "1e30 GiB", "MiB"] {
            assert!(size(text).is_err(), "{text}");
        }
        assert_eq!(count_of("3 of 5"), Ok((3, 5)));
        for text in ["3", "3/5", "of 5", "-1 of 2", "3 of", "a of b"] {
            assert!(count_of(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_nearest_word_is_near() {
        let words = ["raise-at", "clear-below", "window", "hold", "gap-max"];
        let table = [
            ("raise_at", Some("raise-at")),
            ("clear-bellow", Some("clear-below")),
            ("windwo", Some("window")),
            ("hodl", Some("hold")),
            ("HOLD", Some("hold")),
            ("max-gap", None),
            ("colour", None),
            ("", None),
        ];
        for (text, word) in table {
            assert_eq!(nearest(text, words), word, "{text}");
        }
    }
}
