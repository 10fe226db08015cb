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
use crate::channel::Channel;
use crate::sample::{alert, at, cancel, carried, incident, is_delivered, program, test_data, text};

fn settings(folder: &Path) -> CapSettings {
    CapSettings {
        folder: folder.into(),
        sender: "slope-ews@city.example.kr".into(),
        sender_name: text("○○시 재난안전대책본부", "○○ City Disaster Headquarters"),
        contact: "031-000-0000".into(),
        restriction: "officers on duty".into(),
        base_url: "https://alerts.example.kr".into(),
        gateway: None,
        profile: Profile::default(),
        signer: None,
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
        Cap::new(self.store.clone()).attempt(&carried("cap", "public", alert), 1).await
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
fn g12_the_head_goes_out_as_a_cap_note_between_systems() {
    let folder = TempDir::new().unwrap();
    let head = "ab".repeat(32);
    let told = Alert {
        purpose: Purpose::TrailHead,
        hazard: Hazard::Monitoring,
        description: text("확인값", &format!("17 entries: {head}")),
        released: alerting::approval::Released::Officers,
        ..alert(1, Level::Attention)
    };
    let document = document(&told, &settings(folder.path()), &[]);
    assert_eq!(leaf(&document, "alert/status"), "System");
    assert_eq!(leaf(&document, "alert/scope"), "Restricted");
    assert_eq!(leaf(&document, "alert/note"), format!("17 entries: {head}"));
    assert_eq!(leaf(&document, "alert/identifier"), "live_cut-12_slope-failure_7_1_trail-head");
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
        // summer time begins: two o'clock is three; it ends: half past one comes twice, told apart by the offset
        ("2026-03-08T06:59:59Z", "America/New_York", "2026-03-08T01:59:59-05:00"),
        ("2026-03-08T07:00:00Z", "America/New_York", "2026-03-08T03:00:00-04:00"),
        ("2026-11-01T05:30:00Z", "America/New_York", "2026-11-01T01:30:00-04:00"),
        ("2026-11-01T06:30:00Z", "America/New_York", "2026-11-01T01:30:00-05:00"),
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
    let identifier = identifier(&alert(1, Level::Severe), None);
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

/// A document is written beside its place, synced, moved, and the folder synced: whatever of that a crash leaves, the
/// next attempt makes it one document, the same bytes, to which the next message refers.
#[tokio::test]
async fn g05_a_crash_at_any_step_of_publishing_leaves_one_document() {
    let whole = Office::new();
    whole.send(alert(1, Level::Severe)).await;
    let name = identifier(&alert(1, Level::Severe), None);
    let bytes = whole.document(&name);
    let half = &bytes[..bytes.char_indices().nth(bytes.chars().count() / 2).unwrap().0];
    for (left, ending) in [
        ("", None),
        ("", Some("tmp")),
        (half, Some("tmp")),
        (&bytes, Some("tmp")),
        (&bytes, Some("xml")),
    ] {
        let office = Office::new();
        if let Some(ending) = ending {
            fs::write(office.folder.path().join(format!("{name}.{ending}")), left).unwrap();
        }
        let (store, unreadable) = Store::open(settings(office.folder.path())).unwrap();
        assert!(unreadable.is_empty(), "{ending:?}");
        let office = Office { store: Arc::new(store), ..office };
        assert!(is_delivered(&office.send(alert(1, Level::Severe)).await));
        assert_eq!((office.files(), office.document(&name)), (1, bytes.clone()), "{ending:?}");
        assert!(is_delivered(&office.send(cancel(2)).await));
        let cancelled = identifier(&cancel(2), None);
        let reference = format!(",{name},");
        assert_eq!(office.document(&cancelled).matches(&reference).count(), 1, "{ending:?}");
    }
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
    assert!(!office.store.has(&identifier(&alert(1, Level::Severe), None)));
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
    let feed = feed.as_str();
    assert_eq!(
        texts(feed, "feed/entry/id"),
        [
            "urn:bongsu:cap:live_cut-12_slope-failure_7_3_alert",
            "urn:bongsu:cap:live_cut-12_slope-failure_7_2_alert",
        ]
    );
    assert_eq!(leaf(feed, "feed/updated"), "2026-07-14T15:03:20+09:00");
    assert_eq!(leaf(feed, "feed/entry/title"), "△△동 산12-3 급경사지 붕괴 위험, 즉시 대피");
    let link = r#"<link rel="alternate" type="application/cap+xml" href="https://alerts.example.kr/cap/live_cut-12_slope-failure_7_3_alert.xml"/>"#;
    assert!(feed.contains(link), "{feed}");
    assert_eq!(
        office.store.served("live_cut-12_slope-failure_7_1_alert"),
        None,
        "for officers only"
    );

    let later = office.store.feed(at(300));
    assert_eq!(texts(later.as_str(), "feed/entry/id").len(), 1);
    assert_eq!(leaf(later.as_str(), "feed/updated"), leaf(feed, "feed/updated"));
    assert_eq!(texts(office.store.feed(at(99_999)).as_str(), "feed/entry/id").len(), 0);
}

/// What a stranger takes to stand, having read the feed, every document it names, and nothing else.
fn standing_for_a_stranger(store: &Store, now: Timestamp) -> Vec<(String, String)> {
    let feed = store.feed(now);
    let names = texts(feed.as_str(), "feed/entry/id");
    let served = |name: &String| {
        let bytes = store.served(name.strip_prefix("urn:bongsu:cap:").unwrap()).unwrap();
        String::from_utf8(bytes).unwrap()
    };
    let documents: Vec<String> = names.iter().map(served).collect();
    let replaced: BTreeSet<String> = documents
        .iter()
        .flat_map(|one| texts(one, "alert/references"))
        .flat_map(|all| {
            all.split(' ').map(|one| one.split(',').nth(1).unwrap().to_owned()).collect::<Vec<_>>()
        })
        .collect();
    documents
        .iter()
        .filter(|one| leaf(one, "alert/msgType") != "Cancel")
        .filter(|one| Timestamp::parse(&leaf(one, "alert/info/expires")).unwrap() > now)
        .map(|one| (leaf(one, "alert/identifier"), leaf(one, "alert/info/severity")))
        .filter(|(identifier, _)| !replaced.contains(identifier))
        .collect()
}

#[tokio::test]
async fn a_stranger_follows_update_cancel_and_expiry_and_the_tag_moves_then_alone() {
    let office = Office::new();
    let mut tags = Vec::new();
    let mut stands = |second: i64, expected: &[(u32, &str)]| {
        let now = at(second);
        let name = |(revision, severity): &(u32, &str)| {
            (format!("live_cut-12_slope-failure_7_{revision}_alert"), (*severity).to_owned())
        };
        let expected: Vec<_> = expected.iter().map(name).collect();
        assert_eq!(standing_for_a_stranger(&office.store, now), expected, "at {second}");
        let (atom, rss) = (office.store.feed(now), office.store.rss(now));
        for later in 0..3 {
            let later = now.plus(std::time::Duration::from_secs(later));
            assert_eq!(office.store.feed(later), atom, "nothing was published, nothing expired");
            assert_eq!(office.store.rss(later), rss);
            assert_eq!(office.store.feed(later).text.as_ptr(), atom.text.as_ptr(), "made once");
        }
        assert!(!tags.contains(&atom.mark), "what says something else has another tag");
        tags.push(atom.mark);
    };
    stands(0, &[]);
    office.send(alert(1, Level::Warning)).await;
    stands(90, &[(1, "Severe")]);
    office.send(alert(2, Level::Severe)).await;
    stands(150, &[(2, "Extreme")]);
    office.send(cancel(3)).await;
    stands(210, &[]);
    // the alert is over by itself before what took it back is: nobody sees it stand again
    for second in [7_280, 7_340] {
        stands(second, &[]);
    }
    // and so from the disk, by whoever starts next
    let after = Store::open(settings(office.folder.path())).unwrap().0;
    assert_eq!(after.feed(at(210)).mark, tags[3]);
}

/// Keys of a kind, made by the program everybody has.
fn key(folder: &Path, algorithm: &[&str]) -> Option<(Vec<u8>, PathBuf)> {
    let openssl = program("openssl")?;
    let (key, public) = (folder.join("key.pem"), folder.join("public.pem"));
    let made = Command::new(&openssl)
        .arg("genpkey")
        .args(algorithm)
        .arg("-out")
        .arg(&key)
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
    let written = Command::new(&openssl)
        .args(["pkey", "-pubout", "-in"])
        .arg(&key)
        .arg("-out")
        .arg(&public)
        .output();
    assert!(written.unwrap().status.success());
    Some((fs::read(&key).unwrap(), public))
}

fn is_signed(xmlsec: &Path, public: &Path, document: &Path) -> bool {
    let mut command = Command::new(xmlsec);
    command.arg("--verify").arg("--pubkey-pem").arg(public).arg(document);
    command.output().unwrap().status.success()
}

#[test]
fn xmlsec1_verifies_every_signature_and_no_changed_byte() {
    let Some(xmlsec) = program("xmlsec1") else { return };
    for algorithm in [
        &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"][..],
        &["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
    ] {
        let folder = TempDir::new().unwrap();
        let Some((key, public)) = key(folder.path(), algorithm) else { return };
        let signer = Arc::new(CapSigner::from_pem(&key, None).unwrap());
        let documents = folder.path().join("cap");
        let settings = CapSettings { signer: Some(signer), ..settings(&documents) };
        let (store, _) = Store::open(settings).unwrap();
        let mut runner = TestRunner::deterministic();
        for revision in 1..=30 {
            let alert = match revision {
                1 => alert(1, Level::Severe),
                _ => {
                    let any = any_alert().new_tree(&mut runner).unwrap().current();
                    // A chain goes forward only.
                    Alert { revision, decided_at: at(20 + 60 * i64::from(revision)), ..any }
                }
            };
            store.publish(&alert).unwrap();
            let path = documents.join(format!("{}.xml", store.identifier(&alert)));
            let text = fs::read_to_string(&path).unwrap();
            assert!(is_signed(&xmlsec, &public, &path), "{text}");
            let changed = text.replacen("<info>", "<info> ", 1);
            assert_ne!(changed, text);
            let forged = folder.path().join("forged.xml");
            fs::write(&forged, changed).unwrap();
            assert!(!is_signed(&xmlsec, &public, &forged));
        }
        if let Some(refused) = refused_by_schema(&documents) {
            assert_eq!(refused, BTreeSet::new());
        }
        let (again, unreadable) = Store::open(super::tests::settings(&documents)).unwrap();
        assert!(unreadable.is_empty() && again.chain("live_cut-12_slope-failure_7").len() == 30);
    }
}

#[test]
fn what_is_no_key_is_named_and_not_repeated() {
    for bad in ["", "hidden", "-----BEGIN PRIVATE KEY-----\nhidden\n-----END PRIVATE KEY-----\n"] {
        let error = CapSigner::from_pem(bad.as_bytes(), None).unwrap_err().to_string();
        assert!(error.contains("openssl genpkey") && !error.contains("hidden"), "{error}");
    }
}

/// Reads feeds as anybody would, with nothing of ours: Python's own XML and date readers.
const STRANGER: &str = r#"
import email.utils, os, sys, datetime, xml.etree.ElementTree as et
folder, base = sys.argv[1:3]
atom = {"a": "http://www.w3.org/2005/Atom"}
feed = et.parse(os.path.join(folder, "feed.atom")).getroot()
assert feed.tag == "{%s}feed" % atom["a"], feed.tag
for name in ("id", "title", "updated"):
    assert len(feed.findall("a:" + name, atom)) == 1, name
links = []
for entry in feed.findall("a:entry", atom):
    for name in ("id", "title", "updated"):
        assert len(entry.findall("a:" + name, atom)) == 1, name
    datetime.datetime.fromisoformat(entry.find("a:updated", atom).text)
    links += [link.get("href") for link in entry.findall("a:link", atom) if link.get("type") == "application/cap+xml"]
rss = et.parse(os.path.join(folder, "feed.rss")).getroot()
assert rss.tag == "rss" and rss.get("version") == "2.0"
items = rss.findall("channel/item")
for item in items:
    assert email.utils.parsedate_to_datetime(item.find("pubDate").text).tzinfo
    assert item.find("guid").get("isPermaLink") == "false"
assert [item.find("link").text for item in items] == links, links
cap = "{urn:oasis:names:tc:emergency:cap:1.2}"
for link in links:
    assert link.startswith(base + "/cap/"), link
    alert = et.parse(os.path.join(folder, "cap", link[len(base) + 5:])).getroot()
    assert alert.tag == cap + "alert" and alert.find(cap + "scope").text == "Public"
    assert alert.find(cap + "identifier").text + ".xml" == link[len(base) + 5:]
print(len(links))
"#;

#[tokio::test]
async fn a_stranger_reads_both_feeds_and_every_document_they_name() {
    let Some(python) = program("python3") else { return };
    let folder = TempDir::new().unwrap();
    let (store, _) = Store::open(settings(&folder.path().join("cap"))).unwrap();
    for revision in 1..=3 {
        store.publish(&alert(revision, Level::Severe)).unwrap();
    }
    store
        .publish(&Alert { incident: crate::sample::incident(8), ..alert(1, Level::Attention) })
        .unwrap();
    fs::write(folder.path().join("feed.atom"), store.feed(at(0)).text).unwrap();
    fs::write(folder.path().join("feed.rss"), store.rss(at(0)).text).unwrap();
    let mut command = Command::new(python);
    command.args(["-c", STRANGER]).arg(folder.path()).arg("https://alerts.example.kr");
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(
        String::from_utf8_lossy(&output.stdout).trim(),
        "3",
        "the restricted one is not named"
    );
    if let Some(refused) = refused_by_schema(&folder.path().join("cap")) {
        assert_eq!(refused, BTreeSet::new());
    }
}

#[test]
fn a_profile_says_what_does_not_fit_and_its_codes_stand_in_the_document() {
    let folder = TempDir::new().unwrap();
    let mut odd = alert(1, Level::Severe);
    odd.site.district.clear();
    odd.site.polygon = vec![(37.0, 127.0); 101];
    odd.headline.ko = "가".repeat(158);
    let breaches = Profile::korea().breaches(&odd);
    assert_eq!(breaches.len(), 3, "{breaches:?}");
    assert_eq!(Profile::korea().breaches(&alert(1, Level::Severe)), Vec::<String>::new());
    let settings = CapSettings { profile: Profile::ipaws(), ..settings(folder.path()) };
    let document = document(&alert(1, Level::Severe), &settings, &[]);
    assert_eq!(leaf(&document, "alert/code"), "IPAWSv1.0");
    assert_eq!(texts(&document, "alert/info/eventCode/valueName"), ["SAME", "SAME"]);
    assert_eq!(
        texts(&document, "alert/info/area/geocode/valueName"),
        ["KR-LAWD", "SAME", "KR-LAWD", "SAME"]
    );
    fs::write(folder.path().join("ipaws.xml"), document).unwrap();
    if let Some(refused) = refused_by_schema(folder.path()) {
        assert_eq!(refused, BTreeSet::new());
    }
}

mod pushing {
    use super::super::gateway::judge;
    use super::*;
    use crate::channel::http::{Answer, HttpSettings, Peer};
    use crate::probe::{Probe, Provable};
    use crate::secret::Secret;
    use axum::Router;
    use axum::extract::State;
    use axum::http::StatusCode;
    use parking_lot::Mutex;
    use std::time::Duration;

    const ID: &str = "live_cut-12_slope-failure_7_1_alert_push";

    fn cap_answer(kind: &str, about: &str, note: &str) -> String {
        format!(
            r#"<?xml version="1.0"?><alert xmlns="urn:oasis:names:tc:emergency:cap:1.2"><identifier>GW-1</identifier><sender>gw@example.kr</sender><sent>2026-07-14T15:02:00+09:00</sent><status>System</status><msgType>{kind}</msgType><scope>Private</scope><addresses>x</addresses><note>{note}</note><references>slope-ews@city.example.kr,{about},2026-07-14T15:01:20+09:00</references></alert>"#
        )
    }

    fn answer(status: u16, body: impl Into<Vec<u8>>) -> Answer {
        let status = reqwest::StatusCode::from_u16(status).unwrap();
        Answer { status, said: format!("gw answered {}", status.as_u16()), body: body.into() }
    }

    #[test]
    fn an_answer_is_judged_by_its_body_as_well() {
        let soap = r#"<s:Envelope xmlns:s="x"><s:Body><s:Fault><faultstring>no</faultstring></s:Fault></s:Body></s:Envelope>"#;
        let korean: Vec<u8> =
            [&b"<result><error>"[..], &[0xb0, 0xc5, 0xba, 0xce], b"</error></result>"].concat();
        let table: Vec<(Answer, Proof, &str, &str)> = vec![
            (answer(200, ""), Proof::Status, "delivered", "200"),
            (answer(200, ""), Proof::Acknowledgement, "retry", "without an acknowledgement"),
            (answer(200, cap_answer("Ack", ID, "")), Proof::Acknowledgement, "delivered", ID),
            (
                answer(200, cap_answer("Ack", "other", "")),
                Proof::Acknowledgement,
                "retry",
                "another",
            ),
            (
                answer(200, cap_answer("Error", ID, "bad area")),
                Proof::Status,
                "refused",
                "bad area",
            ),
            (
                answer(200, r#"{"error":"no such sender"}"#),
                Proof::Status,
                "refused",
                "no such sender",
            ),
            (answer(200, r#"{"status":"REJECTED","id":1}"#), Proof::Status, "refused", "REJECTED"),
            (answer(200, r#"{"success":false}"#), Proof::Status, "refused", "success"),
            (answer(200, r#"{"error":null,"status":"ok"}"#), Proof::Status, "delivered", "200"),
            (answer(200, soap), Proof::Status, "refused", "no"),
            (answer(200, korean), Proof::Status, "refused", "not UTF-8"),
            (answer(200, "<html><body>hello</body></html>"), Proof::Status, "delivered", "200"),
            (answer(200, vec![0xff; 100]), Proof::Status, "delivered", "200"),
            (answer(500, cap_answer("Ack", ID, "")), Proof::Status, "retry", "500"),
            (answer(403, ""), Proof::Status, "refused", "403"),
        ];
        for (answer, proof, expected, part) in table {
            let (got, said) = match judge(&answer, ID, proof) {
                AttemptResult::Delivered { receipt } => ("delivered", receipt),
                AttemptResult::Retry { reason } => ("retry", reason),
                AttemptResult::Refused { reason } => ("refused", reason),
                other => panic!("{other:?}"),
            };
            assert_eq!(got, expected, "{said}");
            assert!(said.contains(part), "{said}");
        }
    }

    /// A gateway that acknowledges, unless it is told to refuse everything or to say nothing.
    async fn gateway(refuses: Arc<Mutex<bool>>) -> (std::net::SocketAddr, Arc<Mutex<Vec<String>>>) {
        type Held = (Arc<Mutex<bool>>, Arc<Mutex<Vec<String>>>);
        async fn take(State((refuses, seen)): State<Held>, body: String) -> String {
            let identifier = leaf(&body, "alert/identifier");
            seen.lock().push(body);
            cap_answer(if *refuses.lock() { "Error" } else { "Ack" }, &identifier, "busy")
        }
        let seen = Arc::new(Mutex::new(Vec::new()));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let app = Router::new().fallback(take).with_state((refuses, seen.clone()));
        tokio::spawn(async move { axum::serve(listener, app).await });
        (address, seen)
    }

    #[tokio::test]
    async fn a_link_test_is_a_document_of_status_test_that_is_acknowledged_and_shown() {
        rustls::crypto::ring::default_provider().install_default().ok();
        let refuses = Arc::new(Mutex::new(false));
        let (address, seen) = gateway(refuses.clone()).await;
        let shown = seen.clone();
        let first = Arc::new(Mutex::new(true));
        let show = move |uri: axum::http::Uri| {
            // A gateway takes a while to show what it took.
            let is_early = std::mem::take(&mut *first.lock());
            let found = shown
                .lock()
                .iter()
                .find(|document| {
                    uri.path() == format!("/shown/{}.xml", leaf(document, "alert/identifier"))
                })
                .cloned();
            let answer = match found.filter(|_| !is_early) {
                Some(document) => (StatusCode::OK, document),
                None => (StatusCode::NOT_FOUND, String::new()),
            };
            std::future::ready(answer)
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let shows = format!("http://{}/shown/{{id}}.xml", listener.local_addr().unwrap());
        let app = Router::new().fallback(show);
        tokio::spawn(async move { axum::serve(listener, app).await });
        let peer = |url: String| {
            let (timeout, url) = (Duration::from_secs(20), Secret::new(url));
            let settings =
                HttpSettings { url, timeout, authorities_pem: None, authorization: None };
            Peer::new(&settings).unwrap()
        };
        let folder = TempDir::new().unwrap();
        let settings =
            CapSettings { gateway: Some("push".parse().unwrap()), ..settings(folder.path()) };
        let store = Arc::new(Store::open(settings).unwrap().0);
        let to = peer(format!("http://{address}/cap"));
        let channel = Gateway::new(to, store.clone(), Proof::Acknowledgement, Some(peer(shows)));
        let probe = Probe::new(&"push".parse().unwrap(), "gateway", at(90));
        let proof = channel.prove(&probe).await.to_string();
        assert!(proof.starts_with("proven") && proof.ends_with("and shows it"), "{proof}");
        let document = seen.lock()[0].clone();
        assert_eq!(leaf(&document, "alert/status"), "Test");
        assert_eq!(leaf(&document, "alert/scope"), "Private");
        assert!(!document.contains("<info>"), "it is about nothing");
        assert!(store.chain(probe.id()).is_empty() && !store.has(probe.id()), "no chain of it");
        std::fs::write(folder.path().join("probe.xml"), document).unwrap();
        if let Some(refused) = refused_by_schema(folder.path()) {
            assert_eq!(refused, std::collections::BTreeSet::new());
        }
        *refuses.lock() = true;
        let proof = channel.prove(&probe).await.to_string();
        assert!(proof.starts_with("failed") && proof.contains("busy"), "{proof}");
    }

    #[tokio::test]
    async fn a_gateway_is_referred_to_what_it_took_and_nothing_else() {
        rustls::crypto::ring::default_provider().install_default().ok();
        let refuses = Arc::new(Mutex::new(false));
        let (address, seen) = gateway(refuses.clone()).await;
        let folder = TempDir::new().unwrap();
        let settings =
            CapSettings { gateway: Some("push".parse().unwrap()), ..settings(folder.path()) };
        let store = Arc::new(Store::open(settings).unwrap().0);
        let peer = Peer::new(&HttpSettings {
            url: Secret::new(format!("http://{address}/cap")),
            timeout: Duration::from_secs(20),
            authorities_pem: None,
            authorization: Some(Secret::new("Bearer hidden")),
        });
        let channel = Gateway::new(peer.unwrap(), store, Proof::Acknowledgement, None);
        let push = |alert| {
            let delivery = carried("push", "gw", alert);
            let channel = &channel;
            async move { channel.attempt(&delivery, 1).await }
        };
        let nothing = push(cancel(1)).await;
        assert!(is_delivered(&nothing) && seen.lock().is_empty(), "{nothing:?}");
        assert!(is_delivered(&push(alert(1, Level::Warning)).await));
        *refuses.lock() = true;
        assert!(matches!(push(alert(2, Level::Warning)).await, AttemptResult::Refused { .. }));
        *refuses.lock() = false;
        assert!(is_delivered(&push(alert(3, Level::Severe)).await));
        assert!(
            is_delivered(&push(alert(3, Level::Severe)).await),
            "a repeat is the same document"
        );
        let seen = seen.lock().clone();
        assert_eq!(seen[2], seen[3]);
        let references = leaf(&seen[2], "alert/references");
        assert!(references.contains(ID) && !references.contains("_2_alert"), "{references}");
        assert_eq!(leaf(&seen[2], "alert/msgType"), "Update");
    }
}

#[tokio::test]
async fn the_feed_is_bounded() {
    let office = Office::new();
    for revision in 1..=105 {
        office.store.publish(&alert(revision, Level::Severe)).unwrap();
    }
    let ids = texts(office.store.feed(at(0)).as_str(), "feed/entry/id");
    assert_eq!(ids.len(), 100);
    assert!(ids[0].ends_with("_105_alert") && ids[99].ends_with("_6_alert"));
    let empty = Office::new().store.feed(at(0));
    let empty = empty.as_str();
    assert_eq!(leaf(empty, "feed/updated"), "1970-01-01T00:00:00Z");
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
        prop::sample::select(vec![
            Purpose::Alert,
            Purpose::Reminder,
            Purpose::Cancel,
            Purpose::TrailHead,
        ]),
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
        let mut two = [0, 1].map(|_| any_alert.new_tree(&mut runner).unwrap().current());
        two.sort_by_key(|alert| alert.decided_at);
        for (revision, alert) in (1..=2).zip(two) {
            let alert = Alert { revision, ..alert };
            office.store.publish(&alert).unwrap();
            let document = office.document(&identifier(&alert, None));
            let languages = texts(&document, "alert/info/language");
            assert_eq!(languages, ["ko-KR", "en-US"]);
            for name in ["urgency", "severity", "certainty", "responseType", "expires"] {
                let both = texts(&document, &format!("alert/info/{name}"));
                assert!(both.len() == 2 && both[0] == both[1], "{name}: {both:?}");
            }
            assert_eq!(leaf(&document, "alert/references").is_empty(), revision == 1);
            fs::write(folder.path().join(format!("{case:03}-{revision}.xml")), document).unwrap();
        }
        fs::write(folder.path().join("feed"), office.store.feed(Timestamp::MIN).text).unwrap();
        assert!(leaves(&fs::read_to_string(folder.path().join("feed")).unwrap()).is_some());
    }
    fs::remove_file(folder.path().join("feed")).unwrap();
    let Some(refused) = refused_by_schema(folder.path()) else { return };
    assert_eq!(refused, BTreeSet::new());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn updates_and_cancels_in_any_order_make_one_chain_or_are_refused(
        told in prop::collection::vec((0_u64..2, 1_u32..12, 0_u8..3, any::<bool>()), 1..14),
    ) {
        let mut office = Office::new();
        let mut published: Vec<(u64, String)> = Vec::new();
        for (number, revision, kind, restart) in told {
            let mut alert = match kind {
                0 => alert(revision, Level::Warning),
                1 => Alert { message_type: MessageType::Update, ..alert(revision, Level::Severe) },
                _ => cancel(revision),
            };
            alert.incident = incident(number + 1);
            if restart {
                office.store = Arc::new(Store::open(settings(office.folder.path())).unwrap().0);
            }
            let identifier = identifier(&alert, None);
            let is_new = !office.store.has(&identifier);
            let result = publish(&office.store, &alert);
            let is_there = office.store.has(&identifier);
            match &result {
                AttemptResult::Delivered { .. } if is_new && is_there => {
                    published.push((number, identifier));
                }
                AttemptResult::Delivered { .. } => {}
                AttemptResult::Refused { .. } => prop_assert!(is_new && !is_there),
                other => prop_assert!(false, "{other:?}"),
            }
        }
        for number in 0..2 {
            let own = published.iter().filter(|(one, _)| *one == number);
            let mut before: Vec<String> = Vec::new();
            for (_, name) in own {
                let document = office.document(name);
                let told = leaf(&document, "alert/references");
                let references: Vec<&str> =
                    told.split_whitespace().filter_map(|one| one.split(',').nth(1)).collect();
                prop_assert_eq!(&references, &before, "{} refers to all before it", name);
                let kind = leaf(&document, "alert/msgType");
                prop_assert_eq!(kind == "Alert", before.is_empty(), "{}: {}", name, kind);
                before.push(name.clone());
            }
        }
    }
}
