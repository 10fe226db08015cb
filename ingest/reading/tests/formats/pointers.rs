//! JSON by pointers.

use proptest::prelude::*;
use reading::codec::pointers::Pointers;
use reading::codec::{CodecError, Feed, Format};
use reading::time::EpochUnit;

use super::{decode, feed, refusal, sample, told};

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

/// What Netatmo's weather stations are answered with, cut down to what is asked for: the example of a `getstationsdata`
/// answer at gist.github.com/radcliff/043cc6be892847e1be08.
const NETATMO: &[u8] = br#"{"body":{"devices":[{"_id":"70:ee:50:00:00:14","firmware":91,"modules":[
{"_id":"05:00:00:00:00:14","module_name":"Pluie","type":"NAModule3","firmware":91,"rf_status":40,"battery_vp":4103,
"dashboard_data":{"time_utc":1437990885,"Rain":0.101},"data_type":["Rain"]},
{"_id":"03:00:00:00:00:14","module_name":"Inter","type":"NAModule4","firmware":91,"rf_status":72,"battery_vp":44568,
"dashboard_data":{"time_utc":1437991550,"Noise":10,"Temperature":40.2,"Humidity":23,"min_temp":-31.7,"max_temp":46.9},
"data_type":["Temperature","CO2","Humidity"]}]}]}}"#;

fn netatmo(devices: &[(&str, &str)]) -> Feed {
    let pointers = Pointers {
        each: Some("/body/devices/0/modules".into()),
        device: Some("/_id".into()),
        at: Some("/dashboard_data/time_utc".into()),
        time_unit: Some(EpochUnit::S),
        ..Pointers::default()
    };
    let metrics = [
        ("/dashboard_data/Rain", "rain-1/rain mm"),
        ("/dashboard_data/Temperature", "air/temperature Cel"),
        ("/dashboard_data/Humidity", "air/relative-humidity %"),
    ];
    feed(Format::Json(pointers), devices, &metrics)
}

#[test]
fn reads_the_modules_of_a_rain_gauge_service() {
    let both = [("05:00:00:00:00:14", "box-1"), ("03:00:00:00:00:14", "box-2")];
    let rain = "box-1 rain-1/rain 0.101 mm 2015-07-27T09:54:45Z";
    assert_eq!(
        told(&netatmo(&both), "netatmo", NETATMO).unwrap(),
        [
            rain,
            "box-2 air/relative-humidity 23 % 2015-07-27T10:05:50Z",
            "box-2 air/temperature 40.2 Cel 2015-07-27T10:05:50Z",
        ]
    );
    // A module that nobody has mapped keeps nobody from being heard.
    let feed = netatmo(&both[..1]);
    assert_eq!(told(&feed, "netatmo", NETATMO).unwrap(), [rain]);
    let unmapped = decode(&feed, "netatmo", NETATMO).unwrap().unmapped;
    let names: Vec<_> = unmapped.iter().map(|value| value.metric.as_str()).collect();
    assert!(names.contains(&"/dashboard_data/Temperature"), "{names:?}");
    assert_eq!(refusal(&netatmo(&[]), "netatmo", NETATMO).0, "unknown-device");
}

/// What a Shelly Plus H&T tells its broker when it wakes: gist.github.com/NelsonMinar/494a0f53785c20290b395639548349fa,
/// without what it says of its memory and network.
const SHELLY: &[u8] = br#"{"src":"shellyplusht-b8d61a8b17cc","dst":"shellyplusht-b8d61a8b17cc/events",
"method":"NotifyFullStatus","params":{"ts":1680962879.62,"ble":{},"cloud":{"connected":false},
"devicepower:0":{"id":0,"battery":{"V":0.43,"percent":0},"external":{"present":true}},"humidity:0":{"id":0,"rh":42.2},
"sys":{"mac":"B8D61A8B17CC","restart_required":false,"time":null,"uptime":3},
"temperature:0":{"id":0,"tC":19.8,"tF":67.6}}}"#;

#[test]
fn reads_a_thermometer_that_wakes_to_speak() {
    let pointers = Pointers {
        device: Some("/src".into()),
        at: Some("/params/ts".into()),
        time_unit: Some(EpochUnit::S),
        ..Pointers::default()
    };
    let feed = feed(
        Format::Json(pointers),
        &[("shellyplusht-b8d61a8b17cc", "box-1")],
        &[
            ("/params/devicepower:0/battery/V", "box/battery-voltage V"),
            ("/params/humidity:0/rh", "air/relative-humidity %"),
            ("/params/temperature:0/tC", "air/temperature Cel"),
        ],
    );
    // A count of seconds with a fraction is as fine as its digits.
    let at = "2023-04-08T14:07:59.619999886Z";
    assert_eq!(
        told(&feed, "x", SHELLY).unwrap(),
        [
            format!("box-1 box/battery-voltage 0.43 V {at}"),
            format!("box-1 air/relative-humidity 42.2 % {at}"),
            format!("box-1 air/temperature 19.8 Cel {at}"),
        ]
    );
}

/// Uplinks of two network servers without a format of their own here: what stands in their envelope is read by
/// pointers.
#[test]
fn reads_the_envelopes_of_other_network_servers() {
    let Some(expected) = sample("lorawan/expected.jsonl") else { return };
    let some = |text: &str| Some(text.to_owned());
    let form = |network: &str| match network {
        "thingpark" => Some((
            Pointers {
                device: some("/DevEUI_uplink/DevEUI"),
                at: some("/DevEUI_uplink/Time"),
                ..Pointers::default()
            },
            ["/DevEUI_uplink/LrrRSSI", "/DevEUI_uplink/LrrSNR"],
        )),
        "loriot" => Some((
            Pointers {
                device: some("/EUI"),
                at: some("/ts"),
                time_unit: Some(EpochUnit::Ms),
                ..Pointers::default()
            },
            ["/rssi", "/snr"],
        )),
        _ => None,
    };
    let mut seen = 0;
    for line in String::from_utf8(expected).unwrap().lines() {
        let case: serde_json::Value = serde_json::from_str(line).unwrap();
        let Some((pointers, [strength, noise])) = form(case["network"].as_str().unwrap()) else {
            continue;
        };
        let device = case["dev_eui"].as_str().unwrap().to_uppercase();
        let feed = feed(
            Format::Json(pointers),
            &[(&device, "box-1")],
            &[(strength, "radio/signal-strength dBm"), (noise, "radio/signal-to-noise dB")],
        );
        let payload = sample(&format!("lorawan/{}", case["file"].as_str().unwrap())).unwrap();
        let at = match &case["time"] {
            serde_json::Value::String(text) => reading::Timestamp::parse(text).unwrap(),
            millis => {
                reading::Timestamp::from_epoch(millis.as_i64().unwrap(), EpochUnit::Ms).unwrap()
            }
        };
        let (rssi, snr) = (case["rssi"].as_f64().unwrap(), case["snr"].as_f64().unwrap());
        let lines = [
            format!("box-1 radio/signal-strength {rssi} dBm {at}"),
            format!("box-1 radio/signal-to-noise {snr} dB {at}"),
        ];
        let mut heard = told(&feed, "x", &payload).unwrap();
        heard.sort();
        assert_eq!(heard, lines, "{line}");
        seen += 1;
    }
    assert!(seen >= 8, "{seen}");
}

/// The document and the table of RFC 6901, section 5; `c%d` and the like are there to be taken as they stand.
#[test]
fn points_as_the_standard_does() {
    let document = br#"{"foo":["bar","baz"],"":0,"a/b":1,"c%d":2,"e^f":3,"g|h":4,"i\\j":5,"k\"l":6," ":7,"m~n":8}"#;
    let table = ["/", "/a~1b", "/c%d", "/e^f", "/g|h", "/i\\j", "/k\"l", "/ ", "/m~0n"];
    for (pointer, value) in table.iter().zip(0..) {
        let pointers = Format::Json(Pointers::default());
        let feed = feed(pointers, &[("x", "box-1")], &[(pointer, "box/count")]);
        assert_eq!(
            told(&feed, "x", document).unwrap(),
            [format!("box-1 box/count {value} - -")],
            "{pointer}"
        );
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
