//! Naming series of a site: `station/sensor/quantity`, with `*` for anything within a part.

use reading::id::SiteId;

use super::stations::Watched;
use super::value::{Fault, nearest, shortened};

/// `station/sensor/quantity`, where `*` stands for any letters within a part.
pub struct Pattern([String; 3]);

/// Reads a pattern of the series of a site.
///
/// # Errors
/// A [`Fault`] for anything else.
pub fn pattern(text: &str, site: Option<&SiteId>) -> Result<Pattern, Fault> {
    let parts: Vec<&str> = text.split('/').collect();
    match parts.as_slice() {
        [station, sensor, quantity] if parts.iter().all(|part| !part.is_empty()) => {
            Ok(Pattern([station, sensor, quantity].map(|part| part.to_string())))
        }
        [first, rest @ ..]
            if rest.len() == 3 && site.is_some_and(|site| site.as_str() == *first) =>
        {
            let remedy = format!("leave the site out: \"{}\"", shortened(&rest.join("/")));
            Err(Fault::new(format!("`{}` names its own site", shortened(text)), remedy))
        }
        _ => {
            let what = format!("`{}` is not a series of this site", shortened(text));
            Err(Fault::new(what, "write station/sensor/quantity, say \"post-*/tilt-1/tilt-x\""))
        }
    }
}

impl Pattern {
    /// As it was written.
    pub fn text(&self) -> String {
        shortened(&self.0.join("/"))
    }

    /// Whether a series is meant.
    pub fn matches(&self, watched: &Watched) -> bool {
        let [station, sensor, quantity] = &self.0;
        let name = &watched.name;
        fits(station, name.station.as_str())
            && fits(sensor, name.sensor.as_str())
            && fits(quantity, name.quantity.name())
    }

    /// What to do about a pattern that means none of these.
    pub fn advice(&self, watched: &[Watched]) -> String {
        let short = |one: &Watched| {
            format!("{}/{}/{}", one.name.station, one.name.sensor, one.name.quantity)
        };
        let names: Vec<String> = watched.iter().map(short).collect();
        match nearest(&self.0.join("/"), names.iter().map(String::as_str)) {
            Some(name) => format!("did you mean \"{name}\"?"),
            None if names.is_empty() => "give a [[station]] sensors first".into(),
            None => format!("the site has {}", names.join(", ")),
        }
    }
}

/// Whether `text` is `pattern` with something in place of each `*`.
fn fits(pattern: &str, text: &str) -> bool {
    let Some((head, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(mut text) = text.strip_prefix(head) else { return false };
    let mut parts: Vec<&str> = rest.split('*').collect();
    let last = parts.pop().unwrap_or_default();
    for part in parts {
        let Some(at) = text.find(part) else { return false };
        text = &text[at + part.len()..];
    }
    text.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::fits;

    #[test]
    fn a_star_stands_for_anything_within_a_part() {
        for (pattern, text, expected) in [
            ("post-1", "post-1", true),
            ("post-1", "post-12", false),
            ("post-*", "post-12", true),
            ("*", "anything", true),
            ("*-1", "tilt-1", true),
            ("*-1", "tilt-12", false),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-c", false),
            ("a*a", "a", false),
            ("**", "x", true),
            ("", "x", false),
        ] {
            assert_eq!(fits(pattern, text), expected, "{pattern} {text}");
        }
    }
}
