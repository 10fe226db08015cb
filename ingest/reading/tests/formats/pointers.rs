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
