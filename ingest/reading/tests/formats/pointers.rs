//! JSON by pointers.

use proptest::prelude::*;
use reading::codec::pointers::Pointers;
use reading::codec::{CodecError, Feed, Format};
use reading::time::EpochUnit;

use super::{decode, feed, refusal, told};

fn wide() -> Feed {
    let pointers = Pointers {
        device: Some("/id".into()),
        at: Some("/ts".into()),
        time_unit: Some(EpochUnit::Ms),
        ..Pointers::default()
    };
    feed(
        Format::Json(pointers),
        &[("7", "box-1")],
        &[("/data/tilt/0", "tilt-1/tilt-x deg"), ("/data/p~1q", "piezo-1/pore-pressure")],
    )
}

fn long() -> Feed {
    let some = |text: &str| Some(text.to_owned());
    let pointers = Pointers {
        each: some("/values"),
        at: some("/when"),
        metric: some("/name"),
        value: some("/v"),
        unit: some("/u"),
        ..Pointers::default()
    };
    feed(Format::Json(pointers), &[("gw/7", "box-1")], &[("p", "piezo-1/pore-pressure")])
}

#[test]
fn values_are_found_by_their_pointers() {
    let message =
        br#"{"id":7,"ts":1783966200000,"data":{"tilt":["0.5",9],"p/q":12,"more":{}},"x":[]}"#;
    assert_eq!(
        told(&wide(), "x", message).unwrap(),
        [
            "box-1 piezo-1/pore-pressure 12 - 2026-07-13T18:10:00Z",
            "box-1 tilt-1/tilt-x 0.5 deg 2026-07-13T18:10:00Z"
        ]
    );
    let message = br#"{"values":[{"name":"p","v":1.5,"u":"mH2O","when":"2026-07-14T03:10:00+09:00"},{"name":"p","v":true}]}"#;
    assert_eq!(
        told(&long(), "gw/7", message).unwrap(),
        [
            "box-1 piezo-1/pore-pressure 1.5 mH2O 2026-07-13T18:10:00Z",
            "box-1 piezo-1/pore-pressure 1 - -"
        ]
    );
    let text = told(&wide(), "x", br#"{"id":"7","data":{"p/q":"n/a"}}"#).unwrap();
    assert_eq!(
        text,
        ["box-1 piezo-1/pore-pressure NaN - -"],
        "what is no number is refused by admission"
    );
}

/// Warnings in force as a weather service lists them: a code for each region, a kind, a grade in words.
fn warnings() -> Feed {
    let some = |text: &str| Some(text.to_owned());
    let pointers = Pointers {
        each: some("/items"),
        device: some("/region"),
        metric: some("/kind"),
        value: some("/grade"),
        words: [("주의보", 1.0), ("경보", 2.0)].map(|(word, n)| (word.to_owned(), n)).into(),
        otherwise: Some(0.0),
        updated: some("/made"),
        offset: reading::codec::csv::UtcOffset::parse("+09:00"),
        stale_after: std::time::Duration::from_secs(3_600),
        ..Pointers::default()
    };
    feed(
        Format::Json(pointers),
        &[("L1090", "box-1"), ("L1091", "box-2")],
        &[("호우", "rain/advisory"), ("태풍", "typhoon/advisory")],
    )
}

#[test]
fn a_list_of_what_is_in_force_says_what_is_not() {
    // Received at 2026-07-14 12:33:20 there.
    let document =
        |made: &str, items: &str| format!(r#"{{"made":"2026-07-14 {made}","items":[{items}]}}"#);
    let items = r#"{"region":"L1090","kind":"호우","grade":"경보"},{"region":"L9999","kind":"호우","grade":"주의보"},{"region":"L1091","kind":"호우","grade":"?"}"#;
    assert_eq!(
        told(&warnings(), "kma", document("12:30:00", items).as_bytes()).unwrap(),
        [
            "box-1 rain/advisory 2 - -",
            "box-1 typhoon/advisory 0 - -",
            "box-2 rain/advisory NaN - -",
            "box-2 typhoon/advisory 0 - -",
        ]
    );
    let quiet = told(&warnings(), "kma", document("12:30:00", "").as_bytes()).unwrap();
    assert_eq!(quiet.len(), 4);
    assert!(quiet.iter().all(|line| line.ends_with("advisory 0 - -")), "{quiet:?}");

    for (document, name) in [
        (document("11:33:19", ""), "stale"),
        (document("noon", ""), "bad-time"),
        (r#"{"items":[]}"#.to_owned(), "wrong-shape"),
        (r#"{"made":"2026-07-14 12:30:00"}"#.to_owned(), "wrong-shape"),
        ("<html>점검 중</html>".to_owned(), "not-json"),
    ] {
        assert_eq!(refusal(&warnings(), "kma", document.as_bytes()).0, name, "{document}");
    }
}

#[test]
fn every_wrong_message_has_a_name() {
    for (message, name, says) in [
        ("{", "not-json", ""),
        (r#"{"id":7,"id":7}"#, "duplicate-key", "`id`"),
        (r#"{"ts":1}"#, "wrong-shape", "no name at `/id`"),
        (r#"{"id":8,"data":{"p/q":1}}"#, "unknown-device", "`8`"),
        (r#"{"id":7,"data":{"p":1}}"#, "wrong-shape", "nothing stands"),
        (r#"{"id":7,"ts":"soon","data":{"p/q":1}}"#, "bad-time", "/ts"),
        (r#"{"id":7,"ts":1e300,"data":{"p/q":1}}"#, "bad-time", "/ts"),
        (r#"{"id":7,"ts":[],"data":{"p/q":1}}"#, "bad-time", "/ts"),
    ] {
        let (got, text) = refusal(&wide(), "x", message.as_bytes());
        assert!(got == name && text.contains(says), "{message}: {got}: {text}");
    }
    assert_eq!(refusal(&long(), "gw/7", br#"{"values":{}}"#).0, "wrong-shape");
    assert_eq!(refusal(&long(), "gw/7", br#"{"values":[{"name":1,"v":1}]}"#).0, "wrong-shape");
    let many = vec![r#"{"name":"p","v":1}"#; 1_025].join(",");
    assert_eq!(
        refusal(&long(), "gw/7", format!(r#"{{"values":[{many}]}}"#).as_bytes()).0,
        "too-many-readings"
    );
}

proptest! {
    #[test]
    fn no_json_is_too_strange(text in r#"\{("(id|ts|data|values|name|v)":(7|"7"|1e5|null|\{"tilt":\[1\]\}|\[\{"name":"p","v":1\}\]),?){0,6}\}?"#) {
        for feed in [wide(), long()] {
            if let Err(error) = decode(&feed, "gw/7", text.as_bytes()) {
                prop_assert!(CodecError::NAMES.contains(&error.name()));
            }
        }
    }
}
