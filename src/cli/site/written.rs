//! Sites and stations as they are written in a site's file.

use std::fmt::Write;
use std::time::Duration;

/// A text in quotes.
pub fn quoted(text: &str) -> String {
    toml::Value::String(text.into()).to_string()
}

/// Intervals people use; what is measured between two messages is a little more or less than one of them.
const USUAL_SECS: [u64; 21] = [
    1, 2, 5, 10, 15, 20, 30, 60, 120, 300, 600, 900, 1_200, 1_800, 3_600, 7_200, 10_800, 21_600,
    43_200, 86_400, 604_800,
];

/// The interval that was probably meant: the next usual one that is not much shorter, so that nobody counts as silent.
pub fn usual_interval(measured: Duration) -> Duration {
    let least = measured.mul_f64(0.9);
    let usual = USUAL_SECS.into_iter().map(Duration::from_secs);
    usual.into_iter().find(|usual| *usual >= least).unwrap_or(Duration::from_secs(604_800))
}

/// A duration as the files have it.
pub fn duration(duration: Duration) -> String {
    quoted(&crate::config::duration_text(duration))
}

/// A `[site]`, of what somebody said of it.
pub struct NewSite<'a> {
    /// Its identifier.
    pub id: &'a str,
    /// What people call it, Korean and English.
    pub name: (&'a str, &'a str),
    /// What it is.
    pub kind: &'a str,
    /// Latitude and longitude.
    pub location: (f64, f64),
    /// How far around people are in danger.
    pub radius: &'a str,
    /// The place in words.
    pub area: (&'a str, &'a str),
    /// What to do.
    pub instruction: (&'a str, &'a str),
}

impl NewSite<'_> {
    /// Its beginning of a file.
    pub fn text(&self) -> String {
        let both =
            |(ko, en): (&str, &str)| format!("{{ ko = {}, en = {} }}", quoted(ko), quoted(en));
        let (latitude, longitude) = self.location;
        let mut text = String::new();
        let lines = [
            "[site]".to_owned(),
            format!("id = {}", quoted(self.id)),
            format!("name = {}", both(self.name)),
            format!("kind = {}", quoted(self.kind)),
            format!("location = [{latitude:?}, {longitude:?}]"),
            format!("radius = {}", quoted(self.radius)),
            format!("area = {}", both(self.area)),
            format!("instruction = {}", both(self.instruction)),
        ];
        for line in lines {
            writeln!(text, "{line}").ok();
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_measured_is_rounded_to_what_was_meant() {
        for (measured, meant) in [
            (0.2, 1),
            (59.0, 60),
            (61.0, 60),
            (66.0, 60),
            (70.0, 120),
            (598.0, 600),
            (1e9, 604_800),
        ] {
            let usual = usual_interval(Duration::from_secs_f64(measured));
            assert_eq!(usual, Duration::from_secs(meant), "{measured}");
        }
    }

    #[test]
    fn texts_stay_what_they_are() {
        for text in ["plain", "a \"quoted\" one", "back\\slash", "두 줄\n입니다"] {
            let table: toml::Table = format!("it = {}", quoted(text)).parse().unwrap();
            assert_eq!(table["it"].as_str(), Some(text));
        }
    }
}
