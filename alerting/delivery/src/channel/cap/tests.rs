use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use alerting::alert::{Hazard, Purpose};
use alerting::{Level, Status};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use reading::Timestamp;
use tempfile::TempDir;

use super::store::leaves;
use super::*;
use crate::sample::{alert, at, cancel, delivery, is_delivered, program, test_data, text};

fn settings(folder: &Path) -> CapSettings {
    CapSettings {
        folder: folder.into(),
        sender: "slope-ews@city.example.kr".into(),
        sender_name: text("○○시 재난안전대책본부", "○○ City Disaster Headquarters"),
        contact: "031-000-0000".into(),
        restriction: "officers on duty".into(),
        base_url: "https://alerts.example.kr".into(),
    }
}

struct Office {
    folder: TempDir,
    store: Arc<Store>,
}

impl Office {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let (store, unreadable) = Store::open(settings(folder.path())).unwrap();
        assert_eq!(unreadable, Vec::<PathBuf>::new());
        Self { folder, store: Arc::new(store) }
    }

    async fn send(&self, alert: Alert) -> AttemptResult {
        Cap::new(self.store.clone()).attempt(&delivery("cap", "public", alert), 1).await
    }

    fn document(&self, identifier: &str) -> String {
        fs::read_to_string(self.folder.path().join(format!("{identifier}.xml"))).unwrap()
    }

    fn files(&self) -> usize {
        fs::read_dir(self.folder.path()).unwrap().count()
    }
}

/// The texts of the leaf elements at a path, in order.
fn texts(document: &str, path: &str) -> Vec<String> {
    leaves(document)
        .expect("well-formed")
        .into_iter()
        .filter(|(p, _)| p == path)
        .map(|(_, text)| text)
        .collect()
}

fn leaf(document: &str, path: &str) -> String {
    texts(document, path).into_iter().next().unwrap_or_default()
}

#[test]
fn a_document_reads_as_an_officer_expects() {
    let folder = TempDir::new().unwrap();
    let document = document(&alert(1, Level::Severe), &settings(folder.path()), &[]);
    let expected = r#"<?xml version="1.0" encoding="UTF-8"?>
<alert xmlns="urn:oasis:names:tc:emergency:cap:1.2">
  <identifier>live_cut-12_slope-failure_7_1_alert</identifier>
  <sender>slope-ews@city.example.kr</sender>
  <sent>2026-07-14T15:01:20+09:00</sent>
  <status>Actual</status>
  <msgType>Alert</msgType>
  <scope>Public</scope>
  <incidents>live_cut-12_slope-failure_7</incidents>
  <info>
    <language>ko-KR</language>
    <category>Geo</category>
    <event>급경사지 붕괴 위험</event>
    <responseType>Evacuate</responseType>
    <urgency>Immediate</urgency>
    <severity>Extreme</severity>
    <certainty>Likely</certainty>
    <expires>2026-07-14T17:01:20+09:00</expires>
    <senderName>○○시 재난안전대책본부</senderName>
    <headline>△△동 산12-3 급경사지 붕괴 위험, 즉시 대피</headline>
    <description>사면이 빠르게 움직이고 있습니다.</description>
    <instruction>□□초 체육관으로 대피하십시오.</instruction>
    <contact>031-000-0000</contact>
    <parameter>
      <valueName>level</valueName>
      <value>severe</value>
    </parameter>
    <area>
      <areaDesc>△△동 산12-3 하부</areaDesc>
      <circle>37.123450,127.123450 0.3</circle>
      <geocode>
        <valueName>KR-LAWD</valueName>
        <value>4113510300</value>
      </geocode>
    </area>
  </info>
  <info>
    <language>en-US</language>
    <category>Geo</category>
    <event>Slope failure danger</event>
    <responseType>Evacuate</responseType>
    <urgency>Immediate</urgency>
    <severity>Extreme</severity>
    <certainty>Likely</certainty>
    <expires>2026-07-14T17:01:20+09:00</expires>
    <senderName>○○ City Disaster Headquarters</senderName>
    <headline>Slope may collapse at San 12-3. Leave now.</headline>
    <description>The slope is moving fast.</description>
    <instruction>Go to the school gym.</instruction>
    <contact>031-000-0000</contact>
    <parameter>
      <valueName>level</valueName>
      <value>severe</value>
    </parameter>
    <area>
      <areaDesc>Below San 12-3</areaDesc>
      <circle>37.123450,127.123450 0.3</circle>
      <geocode>
        <valueName>KR-LAWD</valueName>
        <value>4113510300</value>
      </geocode>
    </area>
  </info>
</alert>
"#;
    assert_eq!(document, expected);
}

#[test]
fn levels_become_the_words_of_the_table() {
    let folder = TempDir::new().unwrap();
    let table = [
        (alert(1, Level::Attention), ["Monitor", "Future", "Minor", "Possible", "Restricted"]),
        (alert(1, Level::Caution), ["Prepare", "Expected", "Moderate", "Possible", "Public"]),
        (alert(1, Level::Warning), ["Prepare", "Expected", "Severe", "Likely", "Public"]),
        (alert(1, Level::Severe), ["Evacuate", "Immediate", "Extreme", "Likely", "Public"]),
        (
            Alert { hazard: Hazard::Monitoring, ..alert(1, Level::Caution) },
            ["Assess", "Expected", "Moderate", "Possible", "Restricted"],
        ),
    ];
    for (alert, expected) in table {
        let document = document(&alert, &settings(folder.path()), &[]);
        let info = |name: &str| leaf(&document, &format!("alert/info/{name}"));
        let got = [
            info("responseType"),
            info("urgency"),
            info("severity"),
            info("certainty"),
            leaf(&document, "alert/scope"),
        ];
        assert_eq!(got, expected, "{}", alert.level);
        assert_eq!(leaf(&document, "alert/restriction").is_empty(), expected[4] == "Public");
    }
}

#[test]
fn moments_are_written_as_cap_wants_them() {
    let moment = |text: &str| Timestamp::parse(text).unwrap();
    for (at, zone, expected) in [
        ("2026-07-14T06:20:00.999999999Z", "Asia/Seoul", "2026-07-14T15:20:00+09:00"),
        ("2026-07-14T06:20:00Z", "UTC", "2026-07-14T06:20:00-00:00"),
        ("2026-01-14T06:20:00Z", "Europe/London", "2026-01-14T06:20:00-00:00"),
        ("2026-07-14T06:20:00Z", "America/St_Johns", "2026-07-14T03:50:00-02:30"),
        ("2026-07-14T06:20:00Z", "Nowhere/At_All", "2026-07-14T06:20:00-00:00"),
        // Local mean time has seconds, and once lay farther off than XML Schema knows.
        ("1900-01-01T00:00:00Z", "Asia/Seoul", "1900-01-01T00:00:00-00:00"),
        ("1800-01-01T00:00:00Z", "America/Metlakatla", "1800-01-01T00:00:00-00:00"),
    ] {
        assert_eq!(zoned(moment(at), zone), expected, "{at} {zone}");
    }
}

#[test]
fn an_area_is_a_closed_ring_latitude_first_or_else_a_circle() {
    let folder = TempDir::new().unwrap();
    let drawn = |polygon: &[(f64, f64)], location, radius_km| {
        let mut alert = alert(1, Level::Severe);
        (alert.site.polygon, alert.site.location, alert.site.radius_km) =
            (polygon.to_vec(), location, radius_km);
        let document = document(&alert, &settings(folder.path()), &[]);
        (leaf(&document, "alert/info/area/polygon"), leaf(&document, "alert/info/area/circle"))
    };
    let (home, ring) = ((37.5, 127.0), [(37.0, 127.0), (37.0, 127.1), (37.1, 127.1)]);
    let closed =
        "37.000000,127.000000 37.000000,127.100000 37.100000,127.100000 37.000000,127.000000";
    assert_eq!(drawn(&ring, home, 0.3), (closed.into(), String::new()));
    let already = [ring[0], ring[1], ring[2], ring[0]];
    assert_eq!(drawn(&already, home, 0.3).0, closed);
    let circle = (String::new(), "37.500000,127.000000 0.3".to_owned());
    for no_ring in
        [&ring[..2], &[(f64::NAN, 0.0); 4], &[(127.0, 37.0), (127.1, 37.0), (127.1, 37.1)]]
    {
        assert_eq!(drawn(no_ring, home, 0.3), circle);
    }
    assert_eq!(drawn(&[], home, 0.0).1, "37.500000,127.000000 0");
    assert_eq!(drawn(&[], home, f64::INFINITY), (String::new(), String::new()));
}

#[test]
fn what_is_not_in_earnest_says_so_in_words() {
    let folder = TempDir::new().unwrap();
    for (status, name, mark) in
        [(Status::Exercise, "Exercise", "[훈련] "), (Status::Test, "Test", "[시험] ")]
    {
        let document =
            document(&Alert { status, ..alert(1, Level::Severe) }, &settings(folder.path()), &[]);
        assert_eq!(leaf(&document, "alert/status"), name);
        assert!(leaf(&document, "alert/info/headline").starts_with(mark));
        assert!(leaf(&document, "alert/note").contains("실제 상황이 아닙니다"));
    }
}

#[tokio::test]
async fn updates_and_cancels_refer_to_exactly_what_was_published() {
    let office = Office::new();
    // Revision 1 never went out: the first that readers see is an alert.
    office.send(alert(2, Level::Caution)).await;
    office.send(alert(4, Level::Severe)).await;
    office.send(Alert { incident: crate::sample::incident(99), ..alert(1, Level::Severe) }).await;
    assert!(is_delivered(&office.send(cancel(5)).await));
    let id = |end: &str| format!("live_cut-12_slope-failure_7_{end}");
    let first = office.document(&id("2_alert"));
    assert_eq!(
        (leaf(&first, "alert/msgType"), leaf(&first, "alert/references")),
        ("Alert".into(), String::new())
    );
    let second = office.document(&id("4_alert"));
    let reference =
        "slope-ews@city.example.kr,live_cut-12_slope-failure_7_2_alert,2026-07-14T15:02:20+09:00";
    assert_eq!(
        (leaf(&second, "alert/msgType").as_str(), leaf(&second, "alert/references").as_str()),
        ("Update", reference)
    );
    let last = office.document(&id("5_cancel"));
    assert_eq!(leaf(&last, "alert/msgType"), "Cancel");
    let both = format!(
        "{reference} slope-ews@city.example.kr,{},2026-07-14T15:04:20+09:00",
        id("4_alert")
    );
    assert_eq!(leaf(&last, "alert/references"), both);
    assert_eq!(leaf(&last, "alert/info/responseType"), "AllClear");
    assert_eq!(leaf(&last, "alert/scope"), "Public", "who heard the alarm hears that it is over");
}

#[tokio::test]
async fn g05_a_repeated_attempt_publishes_nothing_new_also_after_a_restart() {
    let office = Office::new();
    office.send(alert(1, Level::Severe)).await;
    let identifier = identifier(&alert(1, Level::Severe));
    let before = office.document(&identifier);
    fs::write(office.folder.path().join("other.tmp"), "half a document").unwrap();
    fs::write(office.folder.path().join("stranger.xml"), "<alert>").unwrap();
    let (store, unreadable) = Store::open(settings(office.folder.path())).unwrap();
    assert_eq!(unreadable, [office.folder.path().join("stranger.xml")]);
    let office = Office { store: Arc::new(store), ..office };
    let again = Alert { headline: text("다름", "different"), ..alert(1, Level::Severe) };
    assert!(is_delivered(&office.send(again).await));
    assert_eq!(office.document(&identifier), before);
    assert_eq!(office.files(), 2, "what a crash left is gone, what is not ours is left alone");
    assert_eq!(office.store.served(&identifier).unwrap(), before.as_bytes());
}

#[tokio::test]
async fn nothing_published_is_nothing_to_cancel() {
    let office = Office::new();
    let result = office.send(cancel(2)).await;
    assert!(
        matches!(&result, AttemptResult::Delivered { receipt } if receipt.contains("nothing to cancel"))
    );
    assert_eq!(office.files(), 0);
}

#[tokio::test]
async fn a_folder_that_cannot_be_written_is_tried_again() {
    let office = Office::new();
    fs::remove_dir(office.folder.path()).unwrap();
    assert!(matches!(office.send(alert(1, Level::Severe)).await, AttemptResult::Retry { .. }));
    assert!(!office.store.has(&identifier(&alert(1, Level::Severe))));
    fs::create_dir(office.folder.path()).unwrap();
    assert!(is_delivered(&office.send(alert(1, Level::Severe)).await));
}

#[tokio::test]
async fn an_identifier_from_outside_names_no_file_elsewhere() {
    let office = Office::new();
    for name in ["../../etc/passwd", "a b", "a,b", "", &"x".repeat(300)] {
        let made_up =
            Alert { incident: alerting::IncidentId::from_text(name), ..alert(1, Level::Severe) };
        let result = office.send(made_up).await;
        assert!(
            matches!(result, AttemptResult::Refused { .. }) || name.is_empty(),
            "{name}: {result:?}"
        );
    }
    assert_eq!(office.store.served("../secret"), None);
}

#[tokio::test]
async fn the_feed_lists_public_alerts_newest_first_until_they_expire() {
    let office = Office::new();
    office.send(alert(1, Level::Attention)).await;
    office.send(alert(2, Level::Caution)).await;
    office.send(Alert { expires_at: at(300), ..alert(3, Level::Severe) }).await;
    let feed = office.store.feed(at(299));
    assert_eq!(
        texts(&feed, "feed/entry/id"),
        [
            "urn:bongsu:cap:live_cut-12_slope-failure_7_3_alert",
            "urn:bongsu:cap:live_cut-12_slope-failure_7_2_alert",
        ]
    );
    assert_eq!(leaf(&feed, "feed/updated"), "2026-07-14T15:03:20+09:00");
    assert_eq!(leaf(&feed, "feed/entry/title"), "△△동 산12-3 급경사지 붕괴 위험, 즉시 대피");
    let link = r#"<link rel="alternate" type="application/cap+xml" href="https://alerts.example.kr/cap/live_cut-12_slope-failure_7_3_alert.xml"/>"#;
    assert!(feed.contains(link), "{feed}");
    assert_eq!(
        office.store.served("live_cut-12_slope-failure_7_1_alert"),
        None,
        "for officers only"
    );

    let later = office.store.feed(at(300));
    assert_eq!(texts(&later, "feed/entry/id").len(), 1);
    assert_eq!(leaf(&later, "feed/updated"), leaf(&feed, "feed/updated"));
    assert_eq!(texts(&office.store.feed(at(99_999)), "feed/entry/id").len(), 0);
}

#[tokio::test]
async fn the_feed_is_bounded() {
    let office = Office::new();
    for revision in 1..=105 {
        office.store.publish(&alert(revision, Level::Severe)).unwrap();
    }
    let ids = texts(&office.store.feed(at(0)), "feed/entry/id");
    assert_eq!(ids.len(), 100);
    assert!(ids[0].ends_with("_105_alert") && ids[99].ends_with("_6_alert"));
    let empty = Office::new().store.feed(at(0));
    assert_eq!(leaf(&empty, "feed/updated"), "1970-01-01T00:00:00Z");
}

/// The files of a folder that the OASIS schema refuses.
fn refused_by_schema(folder: &Path) -> Option<BTreeSet<String>> {
    let (data, xmllint) = (test_data()?, program("xmllint")?);
    let mut files: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let mut command = Command::new(xmllint);
    command
        .args(["--nonet", "--noout", "--schema"])
        .arg(data.join("conformance/cap/CAP-v1.2.xsd"))
        .args(&files);
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let name = |path: &Path| path.file_name().unwrap().to_string_lossy().into_owned();
    let valid =
        |path: &PathBuf| said.lines().any(|line| line == format!("{} validates", path.display()));
    let refused: BTreeSet<_> =
        files.iter().filter(|path| !valid(path)).map(|path| name(path)).collect();
    assert_eq!(output.status.success(), refused.is_empty(), "{said}");
    refused.iter().for_each(|name| println!("{name}: {said}"));
    Some(refused)
}

#[test]
fn the_schema_can_say_no() {
    let Some(data) = test_data() else { return };
    for (folder, all) in [("valid", false), ("invalid", true)] {
        let folder = data.join("conformance/cap").join(folder);
        let Some(refused) = refused_by_schema(&folder) else { return };
        assert_eq!(refused.len(), if all { fs::read_dir(folder).unwrap().count() } else { 0 });
    }
}

fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![
        ".{0,40}",
        any::<String>(),
        "[\\x00-\\x1f<>&'\"\\]\u{fffe}\u{ffff}가-힣]{0,30}",
        Just("]]><![CDATA[ &amp; &#0; <alert> \r\n".to_owned()),
        Just(String::new()),
    ]
}

fn any_words() -> impl Strategy<Value = Text> {
    (any_text(), any_text()).prop_map(|(ko, en)| Text { ko, en })
}

fn any_degrees() -> impl Strategy<Value = (f64, f64)> {
    prop_oneof![4 => (-90.0..90.0, -180.0..180.0), 1 => (any::<f64>(), any::<f64>())]
}

fn any_alert() -> impl Strategy<Value = Alert> {
    let kinds = (
        prop::sample::select(vec![
            Hazard::SlopeFailure,
            Hazard::StructuralDamage,
            Hazard::Monitoring,
        ]),
        prop::sample::select(vec![Purpose::Alert, Purpose::Reminder, Purpose::Cancel]),
        prop::sample::select(vec![MessageType::Alert, MessageType::Update, MessageType::Cancel]),
        prop::sample::select(vec![Status::Actual, Status::Exercise, Status::Test]),
        prop::sample::select(Level::ALL.to_vec()),
        prop::sample::select(vec![
            "Asia/Seoul",
            "UTC",
            "Pacific/Kiritimati",
            "America/St_Johns",
            "?",
        ]),
    );
    let words = [any_words(), any_words(), any_words(), any_words(), any_words()];
    let place =
        (any_degrees(), prop::collection::vec(any_degrees(), 0..8), any::<f64>(), any_text());
    (kinds, words, place, any::<i64>(), any::<i64>()).prop_map(
        |(kinds, words, place, decided, expires)| {
            let mut alert = alert(1, kinds.4);
            (alert.hazard, alert.purpose, alert.message_type, alert.status) =
                (kinds.0, kinds.1, kinds.2, kinds.3);
            alert.site.zone = kinds.5.into();
            [
                alert.headline,
                alert.description,
                alert.instruction,
                alert.site.area,
                alert.site.name,
            ] = words;
            (alert.site.location, alert.site.polygon, alert.site.radius_km, alert.site.district) =
                place;
            alert.decided_at = Timestamp::from_nanos(decided);
            alert.expires_at = Timestamp::from_nanos(expires);
            alert
        },
    )
}

#[test]
fn every_document_is_valid_whatever_the_alert_says() {
    let folder = TempDir::new().unwrap();
    let (mut runner, any_alert) = (TestRunner::deterministic(), any_alert());
    for case in 0..400 {
        let office = Office::new();
        for revision in 1..=2 {
            let alert = Alert { revision, ..any_alert.new_tree(&mut runner).unwrap().current() };
            office.store.publish(&alert).unwrap();
            let document = office.document(&identifier(&alert));
            let languages = texts(&document, "alert/info/language");
            assert_eq!(languages, ["ko-KR", "en-US"]);
            for name in ["urgency", "severity", "certainty", "responseType", "expires"] {
                let both = texts(&document, &format!("alert/info/{name}"));
                assert!(both.len() == 2 && both[0] == both[1], "{name}: {both:?}");
            }
            assert_eq!(leaf(&document, "alert/references").is_empty(), revision == 1);
            fs::write(folder.path().join(format!("{case:03}-{revision}.xml")), document).unwrap();
        }
        fs::write(folder.path().join("feed"), office.store.feed(Timestamp::MIN)).unwrap();
        assert!(leaves(&fs::read_to_string(folder.path().join("feed")).unwrap()).is_some());
    }
    fs::remove_file(folder.path().join("feed")).unwrap();
    let Some(refused) = refused_by_schema(folder.path()) else { return };
    assert_eq!(refused, BTreeSet::new());
}
