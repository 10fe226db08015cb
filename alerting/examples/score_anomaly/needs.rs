//! What each of the worst would need, written by a person who has looked at the picture.

/// By what went wrong and the series.
const NEEDS: &[(&str, &str, &str)] = &[];

/// What it would need, in a sentence.
pub fn of(what: &str, id: &str) -> &'static str {
    let found = NEEDS.iter().find(|(kind, series, _)| *kind == what && *series == id);
    found.map_or("Not yet looked at.", |(_, _, needs)| needs)
}
