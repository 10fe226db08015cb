//! The desk by itself: records in, what is to be carried out back.

use std::collections::BTreeSet;

use alerting::catalogue::Language;
use alerting::{Action, Decision, Hazard, Level};
use delivery::Ledger;
use ingest::clock::Clock;
use ingest::journal::{Config as JournalConfig, Cut, Entry, Journal, Kind, Record};
use proptest::prelude::*;
use reading::Timestamp;

use super::events::{CollectorEvent, Skip, payload};
use super::state::StateFolder;
use super::{Carried, Desk, recovery};
use crate::cli::explain;
use crate::config::Config;

mod foreign;

const START: i64 = 1_784_000_000;

fn at(second: i64) -> Timestamp {
    Timestamp::from_secs(START + second)
}

/// One record as it would lie in the journal.
#[derive(Clone, Debug)]
struct Line {
    kind: Kind,
    topic: String,
    payload: Vec<u8>,
    second: i64,
}

fn line(kind: Kind, topic: &str, payload: impl Into<Vec<u8>>, second: i64) -> Line {
    Line { kind, topic: topic.into(), payload: payload.into(), second }
}

fn opening() -> Vec<Line> {
    let config = Config::demo().expect("the demo's configuration is good");
    vec![
        line(Kind::Configuration, "", payload(&config.setup).to_vec(), 0),
        line(Kind::Collector, "", payload(&CollectorEvent::up()).to_vec(), 0),
    ]
}

/// A reading of a post of the demo, one a minute.
fn reading(post: &str, minute: i64, mm: f64) -> Line {
    let at = at(minute * 60);
    let text = format!(
        r#"{{"seq":{minute},"at":"{at}","readings":[{{"sensor":"ext-1","quantity":"displacement","value":{mm},"unit":"mm"}}]}}"#
    );
    line(Kind::Frame, &format!("bongsu/v1/cut-slope-01/{post}/telemetry"), text, minute * 60)
}

/// Eight hours in which both posts of a slope begin to move after two.
fn moving_slope() -> Vec<Line> {
    let mut lines = opening();
    for minute in 0..480 {
        let hours = ((minute - 120).max(0) as f64) / 60.0;
        for post in ["post-1", "post-2"] {
            lines.push(reading(post, minute, hours * hours));
        }
    }
    lines
}

fn apply(desk: &mut Desk, lines: &[Line], from: u64, carried: &mut Carried) {
    for (i, line) in lines.iter().enumerate() {
        let at = at(line.second);
        let record = Record {
            sequence: from + i as u64,
            at,
            received_at: at,
            kind: line.kind,
            retained: false,
            source: "field",
            topic: &line.topic,
            payload: &line.payload,
        };
        desk.apply(&record, carried);
    }
}

fn run(lines: &[Line]) -> (Desk, Carried) {
    let (mut desk, mut carried) = (Desk::new(BTreeSet::new()), Carried::default());
    apply(&mut desk, lines, 1, &mut carried);
    (desk, carried)
}

fn bytes(carried: &Carried) -> Vec<u8> {
    serde_json::to_vec(&carried.batch.actions).expect("actions serialise")
}

#[test]
fn g04_a_wall_clock_that_is_set_moves_no_deadline() {
    let lines = moving_slope();
    let (_, calm) = run(&lines);
    for hours in [-1_i64, 1] {
        let step = super::events::ClockStep { nanos: hours * 3_600_000_000_000 };
        let mut stepped = lines.clone();
        let second = stepped[600].second;
        stepped.insert(600, line(Kind::ClockStep, "", payload(&step).to_vec(), second));
        let (_, set) = run(&stepped);
        // what was decided about the slope, without its numbers: one record more shifts those of incidents
        let decided = |carried: &Carried| {
            let of_slope = carried.batch.actions.iter().filter_map(|(_, action)| match action {
                Action::Decide(Decision::Level { at, site, to, .. }) => {
                    Some((*at, site.clone(), *to))
                }
                _ => None,
            });
            of_slope.filter(|(_, site, _)| site.as_str() != "bongsu").collect::<Vec<_>>()
        };
        assert_eq!(decided(&set), decided(&calm), "{hours} h");
        let owed = |carried: &Carried| {
            let due = carried.batch.actions.iter().filter_map(|(_, action)| match action {
                Action::Owe(delivery) if delivery.alert.site.id.as_str() != "bongsu" => {
                    Some((delivery.due_at, delivery.expires_at, delivery.channel.clone()))
                }
                _ => None,
            });
            due.collect::<Vec<_>>()
        };
        assert_eq!(owed(&set), owed(&calm), "{hours} h");
    }
}

/// Applies records one after the other; whoever is asked for an approval is reached five seconds later.
fn answered(lines: &[Line]) -> Carried {
    let (mut desk, mut all, mut sequence) = (Desk::new(BTreeSet::new()), Carried::default(), 0);
    let mut outcomes: Vec<Line> = Vec::new();
    let mut waiting = lines.iter().cloned().peekable();
    loop {
        let second = waiting.peek().map_or(i64::MAX, |line| line.second);
        let line = match outcomes.first() {
            Some(outcome) if outcome.second <= second => outcomes.remove(0),
            _ => match waiting.next() {
                Some(line) => line,
                None => return all,
            },
        };
        sequence += 1;
        let mut carried = Carried::default();
        apply(&mut desk, std::slice::from_ref(&line), sequence, &mut carried);
        for (_, action) in &carried.batch.actions {
            let Action::Owe(delivery) = action else { continue };
            if delivery.key.is_for(alerting::alert::Purpose::Approval) {
                let result = alerting::AttemptResult::Delivered { receipt: "200".into() };
                let outcome = alerting::Outcome { key: delivery.key.clone(), attempt: 1, result };
                let payload = payload(&outcome).to_vec();
                outcomes.push(self::line(Kind::Outcome, "", payload, line.second + 5));
            }
        }
        all.batch.actions.append(&mut carried.batch.actions);
    }
}

/// A night at the demo's slopes, where every group waits for ten minutes: in a zone with these offsets, and with the
/// wall clock set by `step` hours at `from`.
fn asked_night(offsets: &[(Timestamp, i32)], step: Option<(i64, i64)>) -> Carried {
    let mut config = Config::demo().expect("the demo's configuration is good");
    for group in &mut config.setup.groups {
        let rule = alerting::rule::Provenance::default();
        group.release =
            alerting::approval::Release::After { wait: std::time::Duration::from_secs(600), rule };
    }
    for zone in config.setup.zones.values_mut() {
        *zone = offsets.to_vec();
    }
    let mut lines = moving_slope();
    lines[0] = line(Kind::Configuration, "", payload(&config.setup).to_vec(), 0);
    if let Some((hours, second)) = step {
        let nanos = hours * 3_600_000_000_000;
        let at = lines.iter().position(|line| line.second > second).unwrap_or(lines.len());
        let step = super::events::ClockStep { nanos };
        lines.insert(at, line(Kind::ClockStep, "", payload(&step).to_vec(), second));
    }
    answered(&lines)
}

#[test]
fn g04_summer_time_of_other_zones_and_a_clock_that_is_set_move_no_countdown() {
    // group, verdict and moment of every question about a slope
    let verdicts = |carried: &Carried| {
        let of = carried.batch.actions.iter().filter_map(|(_, action)| match action {
            Action::Decide(Decision::Approval { at, incident, group, verdict, .. }) => {
                let slope = incident.as_str().contains("cut-slope");
                slope.then(|| (group.clone(), format!("{verdict:?}"), *at))
            }
            _ => None,
        });
        of.collect::<Vec<_>>()
    };
    let seoul = [(at(-86_400), 32_400)];
    let calm = verdicts(&asked_night(&seoul, None));
    let asked = calm.iter().find(|one| one.1 == "Asked").expect("somebody is asked").2;
    let released = calm.iter().find(|one| one.1 == "Released").expect("the rule answers").2;
    let waited = released.since(asked).as_secs();
    assert!((600..=665).contains(&waited), "ten minutes from reaching somebody: {waited} s");
    // The clocks change, or are set, while it is waited.
    let change = asked.plus(std::time::Duration::from_secs(300));
    for (zone, before, after) in [
        ("Berlin begins", 3_600, 7_200),
        ("Berlin ends", 7_200, 3_600),
        ("New York begins", -18_000, -14_400),
        ("New York ends", -14_400, -18_000),
        ("Lord Howe, half an hour", 37_800, 39_600),
        ("Troll, two hours", 0, 7_200),
    ] {
        let offsets = [(at(-86_400), before), (change, after)];
        assert_eq!(verdicts(&asked_night(&offsets, None)), calm, "{zone}");
    }
    let second = change.since(at(0)).as_secs() as i64;
    for hours in [-25, -1, 1, 25] {
        assert_eq!(verdicts(&asked_night(&seoul, Some((hours, second)))), calm, "{hours} h");
    }
}

#[test]
fn g02_a_desk_restored_from_a_snapshot_goes_on_byte_for_byte() {
    let lines = moving_slope();
    let (_, whole) = run(&lines);
    assert!(
        whole
            .batch
            .actions
            .iter()
            .any(|(_, a)| matches!(a, Action::Decide(Decision::Level { to: Level::Severe, .. })))
    );
    let folder = tempfile::tempdir().expect("a folder");
    let state = StateFolder::open(folder.path().into()).expect("a folder");
    for cut in [3, 200, 401, 777] {
        let (before, after) = lines.split_at(cut);
        let (desk, mut carried) = run(before);
        state.save(&desk).expect("saved");
        let mut desk = state.load(cut as u64, &BTreeSet::new()).expect("loaded");
        assert_eq!(desk.position(), cut as u64);
        apply(&mut desk, after, cut as u64 + 1, &mut carried);
        assert_eq!(bytes(&carried), bytes(&whole), "cut at {cut}");
    }
}

#[test]
fn g14_a_damaged_snapshot_is_set_aside_and_the_older_one_taken() {
    let lines = moving_slope();
    let folder = tempfile::tempdir().expect("a folder");
    let state = StateFolder::open(folder.path().into()).expect("a folder");
    for cut in [100, 200] {
        state.save(&run(&lines[..cut]).0).expect("saved");
    }
    let (_, newest) = state.snapshots().remove(0);
    let mut damaged = std::fs::read(&newest).expect("readable");
    let middle = damaged.len() / 2;
    damaged[middle] ^= 1;
    std::fs::write(&newest, damaged).expect("writable");
    let desk = state.load(u64::MAX, &BTreeSet::new()).expect("the older one");
    assert_eq!(desk.position(), 100);
    assert!(newest.with_extension("damaged").exists(), "a person can look at it");
}

#[test]
fn g14_a_record_that_crashed_the_desk_twice_is_passed_over_and_reported() {
    let folder = tempfile::tempdir().expect("a folder");
    let state = StateFolder::open(folder.path().into()).expect("a folder");
    assert_eq!(state.note_crash(50), 1);
    assert_eq!(state.skips(), (BTreeSet::new(), vec![]), "once may be chance");
    assert_eq!(state.note_crash(50), 2);
    let (skips, new) = state.skips();
    assert_eq!((skips.clone(), new), (BTreeSet::from([50]), vec![50]));

    let mut lines = moving_slope();
    lines.push(line(Kind::Skip, "start", payload(&Skip { sequence: 50 }).to_vec(), 480 * 60));
    let (mut desk, mut carried) = (Desk::new(skips), Carried::default());
    apply(&mut desk, &lines, 1, &mut carried);
    let received: u64 = desk.overview().balances.iter().map(|b| b.received).sum();
    assert_eq!(received, 960 - 1, "the record is passed over");
    let told = carried.batch.actions.iter().any(|(_, action)| match action {
        Action::Decide(Decision::Incident(record)) => {
            let mut said = record.evidence.iter().map(|evidence| &evidence.text.en);
            record.site.as_str() == "bongsu" && said.any(|text| text.contains("50"))
        }
        _ => false,
    });
    assert!(told, "and that is an incident");
    state.skips_journaled(&[50]);
    assert_eq!(state.skips().1, Vec::<u64>::new(), "journaled once");
}

#[test]
fn g06_with_a_disk_that_takes_nothing_alerts_go_out_and_say_that_they_are_unrecorded() {
    let remark = |cut: Cut, second| {
        line(Kind::Cut, "", serde_json::to_vec(&cut).expect("serialises"), second)
    };
    let mut lines = moving_slope();
    let (from, to) = (lines.len() / 2, lines.len() / 4 * 3);
    let second = |lines: &[Line], at: usize| lines[at].second;
    let (failed, mended) = (second(&lines, from), second(&lines, to));
    lines.insert(to, remark(Cut::Recorded { from: 9, to: 99 }, mended));
    lines.insert(from, remark(Cut::Unrecorded { after: 8 }, failed));
    let (_, carried) = run(&lines);
    let span = from as u64 + 1..to as u64 + 2;
    let mut unrecorded = 0;
    for (position, action) in &carried.batch.actions {
        if let Action::Owe(delivery) = action
            && delivery.alert.purpose == alerting::Purpose::Alert
        {
            assert_eq!(delivery.alert.unrecorded, span.contains(position), "at {position}");
            unrecorded += u64::from(delivery.alert.unrecorded);
        }
    }
    assert!(unrecorded > 1, "the slope goes on to move, and bongsu speaks of itself");
    let stored = carried.stored.len();
    assert_eq!(
        stored,
        lines.len() - 2 - opening().len() - (to - from),
        "nothing is said to be stored"
    );
}

#[test]
fn g14_a_ledger_that_lost_decisions_makes_the_desk_start_from_the_journal() {
    let folder = tempfile::tempdir().expect("a folder");
    let state = StateFolder::open(folder.path().join("state")).expect("a folder");
    let clock = Clock::manual(at(0));
    let journal = Journal::open(&folder.path().join("journal"), JournalConfig::default(), clock, 0)
        .expect("opens");
    let entries: Vec<Entry> = moving_slope()[..200]
        .iter()
        .map(|line| Entry {
            kind: line.kind,
            source: "field".into(),
            topic: line.topic.as_str().into(),
            retained: false,
            received_at: at(line.second),
            payload: line.payload.clone().into(),
        })
        .collect();
    journal.append_blocking(entries).expect("appended");
    state.save(&run(&moving_slope()[..150]).0).expect("saved");
    let from = |ledger| {
        recovery::start("desk", &state, ledger, &journal, &BTreeSet::new()).desk.position()
    };
    assert_eq!(from(200), 150, "the snapshot");
    assert_eq!(from(150), 150);
    assert_eq!(from(149), 0, "the ledger is behind it");
    assert_eq!(from(0), 0);
}

#[test]
fn the_timeline_is_told_in_both_languages() {
    let (desk, carried) = run(&moving_slope());
    for (language, word) in [(Language::Ko, "심각"), (Language::En, "Severe")] {
        let lines = crate::cli::timeline::Lines { setup: desk.setup(), language };
        let told: Vec<_> =
            carried.batch.actions.iter().filter_map(|(_, action)| lines.line(action)).collect();
        assert!(told.iter().any(|line| line.contains(word) && line.contains("KST")), "{told:?}");
    }
}

fn any_frame() -> impl Strategy<Value = Line> {
    let topic = prop_oneof![
        Just("bongsu/v1/cut-slope-01/post-1/telemetry".to_owned()),
        Just("bongsu/v1/cut-slope-01/post-9/telemetry".to_owned()),
        Just("bongsu/v1/nowhere/post-1/backfill".to_owned()),
        Just("bongsu/v1/cut-slope-01/siren-1/command/result".to_owned()),
        "[ -~]{0,40}",
    ];
    let value = prop_oneof![
        any::<f64>().prop_map(|v| format!(
            r#"{{"seq":1,"at":"{}","readings":[{{"sensor":"ext-1","quantity":"displacement","value":{v:e},"unit":"mm"}}]}}"#,
            at(60)
        )),
        "[ -~]{0,60}",
        Just(r#"{"id":"x","result":"done"}"#.to_owned()),
        Just(r#"{"readings":[{"sensor":"tilt-1","quantity":"tilt-x","value":1,"unit":"furlong"}]}"#.to_owned()),
    ];
    (topic, value, 0..600i64)
        .prop_map(|(topic, text, second)| line(Kind::Frame, &topic, text, second))
}

proptest! {
    #[test]
    fn g09_balances_hold_after_every_record(frames in prop::collection::vec(any_frame(), 1..60)) {
        let (mut desk, mut carried) = run(&opening());
        let mut frames = frames;
        frames.sort_by_key(|frame| frame.second);
        for (i, frame) in frames.iter().enumerate() {
            apply(&mut desk, std::slice::from_ref(frame), 10 + i as u64, &mut carried);
            for balance in desk.overview().balances {
                prop_assert!(balance.holds(), "{balance:?}");
            }
        }
        let received: u64 = desk.overview().balances.iter().map(|b| b.received).sum();
        prop_assert_eq!(received, frames.len() as u64);
    }

    #[test]
    fn records_of_our_own_that_cannot_be_read_stop_nothing(
        kind in 0..Kind::ALL.len(), junk in prop::collection::vec(any::<u8>(), 0..40),
    ) {
        let (mut desk, mut carried) = run(&opening());
        apply(&mut desk, &[line(Kind::ALL[kind], "x", junk, 1)], 5, &mut carried);
        prop_assert_eq!(desk.position(), 5);
    }
}

/// A data folder in which the moving slope was journaled and decided.
fn decided() -> (tempfile::TempDir, Carried) {
    let folder = tempfile::tempdir().expect("a folder");
    let clock = Clock::manual(at(0));
    let path = folder.path().join("journal");
    let journal = Journal::open(&path, JournalConfig::default(), clock.clone(), 0).expect("opens");
    for line in moving_slope() {
        clock.advance(std::time::Duration::from_nanos(
            at(line.second).since(clock.wall()).as_nanos() as u64,
        ));
        let entry = Entry {
            kind: line.kind,
            source: "field".into(),
            topic: line.topic.as_str().into(),
            retained: false,
            received_at: at(line.second),
            payload: line.payload.into(),
        };
        journal.append_blocking(vec![entry]).expect("appended");
    }
    let (desk, carried) = run(&moving_slope());
    let (ledger, _) = Ledger::open(folder.path().join("ledger.sqlite")).expect("opens");
    ledger.commit(desk.position(), desk.at(), &carried.batch).expect("commits");
    (folder, carried)
}

#[test]
fn g11_every_level_of_an_incident_is_explained_from_the_ledger() {
    let (folder, carried) = decided();
    let incident = carried.batch.actions.iter().find_map(|(_, action)| match action {
        Action::Decide(Decision::Incident(record)) if record.hazard == Hazard::SlopeFailure => {
            Some(record.id.as_str().to_string())
        }
        _ => None,
    });
    let incident = incident.expect("an incident");
    let ask = |json, language| {
        let mut out = Vec::new();
        let known = explain::explain(folder.path(), &incident, json, language, &mut out);
        assert!(known.expect("reads"));
        String::from_utf8(out).expect("text")
    };
    for (language, words) in [
        (Language::Ko, ["기준 ", "성립: post-1/ext-1", "정상 → "]),
        (Language::En, ["rule ", "holds: post-1/ext-1", "Normal → "]),
    ] {
        let said = ask(false, language);
        assert!(words.iter().all(|word| said.contains(word)), "{said}");
    }
    for line in ask(true, Language::En).lines() {
        let line: serde_json::Value = serde_json::from_str(line).expect("JSON");
        let rule = &line["why"][0];
        assert!(rule["version"].as_str().is_some_and(|version| version.len() == 16), "{line}");
        assert!(rule["clauses"][0]["series"][0]["facts"].is_object(), "{line}");
    }
    let none = explain::explain(folder.path(), "none", false, Language::En, Vec::new());
    assert!(!none.expect("reads"));
}

#[test]
fn g11_why_a_rule_did_not_hold_is_told_as_far_back_as_the_journal_reaches() {
    let (folder, _) = decided();
    let series = "cut-slope-01/post-1/ext-1/displacement".parse().expect("a name");
    let config = Config::demo().expect("good");
    let rules = config.setup.rules.iter().filter(|rule| rule.site.as_str() == "cut-slope-01");
    let rule = rules
        .filter(|rule| rule.level == Level::Severe)
        .find(|rule| rule.clauses[0].series.contains(&series))
        .expect("the demo has one");
    let ask = |rule: &str, second: i64| {
        let mut out = Vec::new();
        let asked = (rule, &*at(second).to_string());
        explain::why_not(folder.path(), &series, asked, true, Language::En, &mut out)
            .map(|known| (known, String::from_utf8(out).expect("text")))
    };
    let (known, early) = ask(rule.id.as_str(), 3_600).expect("replays");
    let early: serde_json::Value = serde_json::from_str(&early).expect("JSON");
    assert!(known && early["holds"] == false && early["counts"] == false, "{early}");
    let (_, late) = ask(rule.id.as_str(), 480 * 60).expect("replays");
    let late: serde_json::Value = serde_json::from_str(&late).expect("JSON");
    assert!(late["holds"] == true, "{late}");
    assert!(!ask("no-such-rule", 3_600).expect("replays").0);
    assert!(ask(rule.id.as_str(), -3_600).is_err(), "what came before the journal is gone");
}

#[test]
fn g05_what_stands_open_and_nobody_knows_is_given_up_and_said() {
    let mut lines = moving_slope();
    let (_, calm) = run(&lines);
    let owed = calm.batch.actions.iter().rev().find_map(|(_, action)| match action {
        Action::Owe(delivery) if delivery.alert.site.id.as_str() != "bongsu" => Some(delivery),
        _ => None,
    });
    let known = owed.expect("something is owed to the end").clone();
    let still = |key: &str| alerting::StillOwed {
        key: alerting::DeliveryKey::from_text(key),
        channel: known.channel.clone(),
        attempts: 1,
    };
    let stranger = "live_cut-slope-01_slope-failure_7_3_alert_duty_office";
    let orphans = super::events::Orphans {
        owed: vec![still(known.key.as_str()), still(stranger)],
        ..super::events::Orphans::default()
    };
    let second = lines.last().map_or(0, |line| line.second);
    lines.push(line(Kind::Trouble, super::events::ORPHANS, payload(&orphans).to_vec(), second));
    let (_, carried) = run(&lines);
    let position = lines.len() as u64;
    let changed: Vec<_> = carried
        .batch
        .actions
        .iter()
        .filter_map(|(at, action)| match action {
            Action::Change(change) if *at == position => Some((change.key.as_str(), change.state)),
            _ => None,
        })
        .collect();
    assert_eq!(changed, [(stranger, alerting::DeliveryState::Expired)], "what is known stays");
    let told = carried.batch.actions.iter().any(|(_, action)| match action {
        Action::Owe(delivery) => {
            let evidence = delivery.alert.evidence.iter().map(|one| one.text.en.as_str());
            delivery.alert.site.id.as_str() == "bongsu"
                && evidence.into_iter().any(|said| said.contains(stranger))
        }
        _ => false,
    });
    assert!(told, "officers hear which");
}

#[test]
fn g05_g14_where_records_are_gone_the_ledger_is_believed_and_what_nobody_knows_ends_loudly() {
    let lines = moving_slope();
    let (_, calm) = run(&lines);
    let owed = calm.batch.actions.iter().rev().find_map(|(_, action)| match action {
        Action::Owe(delivery) if delivery.alert.site.id.as_str() != "bongsu" => Some(delivery),
        _ => None,
    });
    let sent = owed.expect("something is owed to the end").key.clone();
    let record = calm.batch.actions.iter().rev().find_map(|(_, action)| match action {
        Action::Decide(Decision::Incident(record)) if !record.state.is_over() => Some(record),
        _ => None,
    });
    let known = record.expect("an incident is open").clone();
    let stranger = alerting::decision::IncidentRecord {
        id: alerting::IncidentId::from_text("live_cut-slope-01_slope-failure_7"),
        ..known.clone()
    };
    let orphans = super::events::Orphans {
        lost_before: Some(7),
        settled: vec![(sent.clone(), alerting::DeliveryState::Delivered)],
        incidents: vec![known.clone(), stranger.clone()],
        ..super::events::Orphans::default()
    };
    let second = lines.last().map_or(0, |line| line.second);
    let mut gone = lines.clone();
    gone.push(line(Kind::Trouble, super::events::ORPHANS, payload(&orphans).to_vec(), second));
    let position = gone.len() as u64;
    gone.push(line(Kind::Tick, "", [], second + 86_400)); // everything that is owed expires
    let mut silent = lines;
    silent.push(line(Kind::Tick, "", [], second + 86_400));
    let changes = |carried: &Carried| {
        let of_sent = carried.batch.actions.iter().filter_map(|(_, action)| match action {
            Action::Change(change) if change.key == sent => Some(change.state),
            _ => None,
        });
        of_sent.collect::<Vec<_>>()
    };
    let (believed, carried) = run(&gone);
    assert_eq!(changes(&run(&silent).1), [alerting::DeliveryState::Expired]);
    assert_eq!(changes(&carried), [], "what was delivered is not called lost, nor sent again");
    assert!(!believed.overview().owed.contains(&sent));
    let closed: Vec<_> = carried
        .batch
        .actions
        .iter()
        .filter_map(|(at, action)| match action {
            Action::Decide(Decision::Incident(one)) if *at == position => Some(one),
            _ => None,
        })
        .filter(|one| one.site.as_str() != "bongsu")
        .map(|one| (&one.id, one.state))
        .collect();
    assert_eq!(closed, [(&stranger.id, alerting::decision::IncidentState::Closed)]);
    let told = |part: &str| {
        carried.batch.actions.iter().any(|(_, action)| match action {
            Action::Owe(delivery) if delivery.alert.site.id.as_str() == "bongsu" => {
                delivery.alert.evidence.iter().any(|one| one.text.en.contains(part))
            }
            _ => false,
        })
    };
    assert!(told(stranger.id.as_str()) && told("before record 7"), "officers hear of both");
}

/// That one snapshot may turn out damaged, and then all of the journal is wanted.
#[test]
fn the_journal_is_needed_whole_until_there_are_two_snapshots() {
    let folder = tempfile::tempdir().expect("a folder");
    let state = StateFolder::open(folder.path().into()).expect("a folder");
    let lines = moving_slope();
    let (mut desk, mut carried) = (Desk::new(BTreeSet::new()), Carried::default());
    let mut needed = Vec::new();
    for (part, from) in lines[..300].chunks(100).zip([1, 101, 201]) {
        apply(&mut desk, part, from, &mut carried);
        needed.push(state.save(&desk).expect("saved"));
    }
    assert_eq!(needed, [0, 100, 200]);
}

/// A value far from the others waits for what comes next; where nothing does it is told as unconfirmed, to views as well.
#[test]
fn what_waited_is_shown_once_it_is_decided() {
    use reading::Quality;
    let mut lines = opening();
    let still = |minute: i64| 0.01 * (minute % 3) as f64;
    lines.extend((0..60).map(|minute| reading("post-1", minute, still(minute))));
    lines.push(reading("post-1", 60, 30.0));
    lines.extend((61..120).map(|minute| line(Kind::Tick, "", "", minute * 60)));
    let (mut desk, mut carried) = (Desk::new(BTreeSet::new()).tapped(), Carried::default());
    apply(&mut desk, &lines, 1, &mut carried);
    let told = carried.readings.iter().filter(|one| one.value == 30.0);
    let told: Vec<_> = told.map(|one| one.quality).collect();
    assert!(
        matches!(told[..], [held, told] if held.has(Quality::HELD) && told.has(Quality::UNCONFIRMED)),
        "{told:?}"
    );
    let admitted = carried.readings.iter().filter(|one| !one.quality.has(Quality::HELD)).count();
    assert_eq!(
        admitted as u64,
        desk.overview().balances.iter().map(|one| one.admitted).sum::<u64>()
    );
}
