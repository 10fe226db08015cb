//! To whom the head of the audit trail is told.

use super::*;

/// The shipped box with an `[audit]`.
fn with(audit: &str) -> Result<Config, Problems> {
    let read = |name: &str| std::fs::read_to_string(deploy().join("serial").join(name)).unwrap();
    let main =
        read("bongsu.toml").replacen("[[collector]]", &format!("{audit}\n\n[[collector]]"), 1);
    let sources = BTreeMap::from([
        ("bongsu.toml".to_string(), main),
        ("sites/cut-21.toml".to_string(), read("sites/cut-21.toml")),
    ]);
    Config::from_sources("bongsu.toml", &sources)
}

#[test]
pub fn the_head_is_told_at_a_time_of_day_in_a_zone() {
    let head = |audit: &str| with(audit).unwrap_or_else(|problems| panic!("{problems}")).head;
    assert_eq!(head(""), None);
    let usual = head("[audit]\nhead-to = [\"log\"]").unwrap();
    assert_eq!((usual.at.hour(), usual.at.minute()), (9, 0));
    assert_eq!(usual.zone.iana_name(), Some("Asia/Seoul"));
    let other = "[audit]\nhead-to = [\"log\"]\nhead-at = \"23:30\"\nzone = \"America/New_York\"";
    let other = head(other).unwrap();
    assert_eq!((other.at.hour(), other.at.minute()), (23, 30));
    assert_eq!(other.zone.iana_name(), Some("America/New_York"));
}

#[test]
fn g13_what_is_wrong_with_the_audit_table_is_told_with_its_place() {
    for (audit, expected) in [
        ("", "`head-to` is missing"),
        ("head-to = []", "the head of the trail is told to nobody"),
        ("head-to = [\"lgo\"]", "there is no channel `lgo`; did you mean \"log\"?"),
        ("head-to = [\"log\"]\nhead-at = \"9\"", "`9` is no time of the day"),
        ("head-to = [\"log\"]\nhead-at = \"24:00\"", "`24:00` is no time of the day"),
        ("head-to = [\"log\"]\nzone = \"Seoul\"", "`Seoul` is no time zone"),
        ("head-to = [\"log\"]\nat = \"09:00\"", "`at`"),
    ] {
        let problems = with(&format!("[audit]\n{audit}")).expect_err(audit).to_string();
        assert!(problems.contains(expected), "{audit}: {problems}");
        assert!(problems.contains("bongsu.toml:"), "{problems}");
    }
}
