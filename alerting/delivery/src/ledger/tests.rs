use std::fs;
use std::path::{Path, PathBuf};

use alerting::decision::IncidentState;
use alerting::{Action, Decision, Delivery, DeliveryKey, DeliveryState, Level};
use reading::Timestamp;
use tempfile::TempDir;

use super::*;
use crate::sample::{alert, at, change, delivery, incident, level, record};

struct Desk {
    folder: TempDir,
    ledger: Ledger,
}

impl Desk {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let (ledger, opened) = Ledger::open(folder.path().join("ledger.sqlite")).unwrap();
        assert_eq!(opened, LedgerOpened { position: 0, damaged: None });
        Self { folder, ledger }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("ledger.sqlite")
    }

    fn commit(&self, position: u64, actions: impl IntoIterator<Item = Action>) {
        let mut batch = Batch::default();
        batch.decided(position, actions);
        self.ledger.commit(position, at(position as i64), &batch).unwrap();
    }

    fn reopen(self) -> (Self, LedgerOpened) {
        let Self { folder, ledger } = self;
        drop(ledger);
        let (ledger, opened) = Ledger::open(folder.path().join("ledger.sqlite")).unwrap();
        (Self { folder, ledger }, opened)
    }

    fn state(&self, delivery: &Delivery) -> DeliveryState {
        let rows = self.ledger.deliveries(&DeliveryFilter::default(), 100).unwrap();
        rows.into_iter().find(|row| row.key == delivery.key).unwrap().state
    }

    fn due(&self, now: Timestamp) -> Vec<String> {
        let due = self.ledger.due(&"hook".parse().unwrap(), now, 10).unwrap();
        due.into_iter().map(|due| due.delivery.unwrap().recipient).collect()
    }
}

fn hook(recipient: &str, level: Level) -> Delivery {
    delivery("hook", recipient, alert(1, level))
}

fn quarantined(position: u64) -> QuarantineRow {
    QuarantineRow {
        position,
        at: at(0),
        source: "mqtt".into(),
        topic: "bongsu/v1/cut-12/box-1/telemetry".into(),
        reason: "not-json".into(),
        detail: "line 1".into(),
        len: 3,
        preview: "{[\"".into(),
    }
}

#[test]
fn what_is_committed_is_there_after_reopening() {
    let desk = Desk::new();
    let owed = hook("office", Level::Severe);
    desk.commit(
        4,
        [Action::Decide(level(at(4), Level::Caution, Level::Severe)), Action::Owe(owed.clone())],
    );
    let (desk, opened) = desk.reopen();
    assert_eq!(opened, LedgerOpened { position: 4, damaged: None });
    let due = desk.ledger.due(&owed.channel, owed.due_at, 10).unwrap();
    assert_eq!(due.len(), 1);
    assert_eq!((&due[0].key, due[0].attempt), (&owed.key, 1));
    assert_eq!(due[0].delivery.as_ref().unwrap(), &owed);
    assert_eq!(desk.ledger.site_levels().unwrap()[0].level, Level::Severe);
}

#[test]
fn a_position_is_applied_once_whatever_batches_it_comes_in() {
    let desk = Desk::new();
    let decided =
        |position: u64| Action::Decide(level(at(position as i64), Level::Normal, Level::Attention));
    desk.commit(3, [decided(3)]);
    desk.commit(3, [decided(3)]);
    desk.commit(2, [decided(2)]);
    let mut straddling = Batch::default();
    straddling.decided(3, [decided(3)]);
    straddling.decided(4, [decided(4)]);
    straddling.quarantine = vec![quarantined(3), quarantined(4)];
    desk.ledger.commit(5, at(5), &straddling).unwrap();
    let positions: Vec<_> =
        desk.ledger.decisions_after(0, 10).unwrap().iter().map(|row| row.position).collect();
    assert_eq!(positions, [3, 4]);
    assert_eq!(desk.ledger.quarantined_total().unwrap(), 1);
    assert_eq!(desk.ledger.position(), 5);
}

#[test]
fn a_batch_is_in_whole_or_not_at_all() {
    let desk = Desk::new();
    desk.ledger.write(|db| db.execute_batch("DROP TABLE quarantine").doing("break it")).unwrap();
    let mut batch = Batch { quarantine: vec![quarantined(1)], ..Batch::default() };
    batch.decided(1, [Action::Owe(hook("office", Level::Severe))]);
    assert!(desk.ledger.commit(1, at(1), &batch).is_err());
    assert_eq!(desk.ledger.position(), 0);
    assert_eq!(
        desk.due(Timestamp::MAX.minus(std::time::Duration::from_nanos(1))),
        Vec::<String>::new()
    );
    assert_eq!(desk.ledger.depth(&"hook".parse().unwrap()).unwrap(), 0);
}

#[test]
fn the_most_serious_comes_first_and_nothing_early_late_or_elsewhere() {
    let desk = Desk::new();
    let now = at(1_000);
    let owed = |recipient: &str, level, due: i64, expires: i64| {
        Action::Owe(Delivery { due_at: at(due), expires_at: at(expires), ..hook(recipient, level) })
    };
    desk.commit(
        1,
        [
            owed("mild", Level::Caution, 10, 9_000),
            owed("severe-late", Level::Severe, 30, 9_000),
            owed("severe-early", Level::Severe, 20, 9_000),
            owed("expired", Level::Severe, 20, 1_000),
            owed("future", Level::Severe, 1_001, 9_000),
            Action::Owe(delivery("other", "elsewhere", alert(1, Level::Severe))),
        ],
    );
    assert_eq!(desk.due(now), ["severe-early", "severe-late", "mild"]);
    assert_eq!(desk.ledger.next_due(&"hook".parse().unwrap(), now).unwrap(), Some(at(1_001)));
    assert_eq!(desk.ledger.next_due(&"hook".parse().unwrap(), at(2_000)).unwrap(), None);
    assert_eq!(desk.ledger.depth(&"hook".parse().unwrap()).unwrap(), 5);
}

#[test]
fn g05_a_delivery_is_marked_durably_before_it_is_sent_and_never_taken_twice() {
    let desk = Desk::new();
    let owed = hook("office", Level::Severe);
    desk.commit(1, [Action::Owe(owed.clone())]);
    assert!(desk.ledger.mark_attempting(&owed.key, 1, at(100)).unwrap());
    assert!(
        desk.ledger.mark_attempting(&owed.key, 1, at(100)).unwrap(),
        "a lost answer may be asked for again"
    );
    assert!(!desk.ledger.mark_attempting(&owed.key, 1, at(101)).unwrap());
    assert_eq!(desk.due(at(1_000)), Vec::<String>::new());

    let (desk, _) = desk.reopen();
    let left = desk.ledger.in_hand(&owed.channel).unwrap();
    assert_eq!(left, [InHand { key: owed.key.clone(), attempt: 1 }]);
    assert_eq!(desk.due(at(1_000)), Vec::<String>::new());

    desk.commit(
        2,
        [change(&owed, DeliveryState::Queued, 1, at(200), "stopped while in hand; repeated")],
    );
    assert_eq!(desk.ledger.in_hand(&owed.channel).unwrap(), []);
    let due = desk.ledger.due(&owed.channel, at(200), 10).unwrap();
    assert_eq!(due[0].attempt, 2);
    assert!(
        !desk.ledger.mark_attempting(&owed.key, 1, at(300)).unwrap(),
        "an old attempt is not a new one"
    );
    assert!(desk.ledger.mark_attempting(&owed.key, 2, at(300)).unwrap());
    desk.commit(3, [change(&owed, DeliveryState::Delivered, 2, at(301), "hook answered 204")]);
    let attempts = desk.ledger.attempts(&owed.key).unwrap();
    let told: Vec<_> =
        attempts.iter().map(|a| (a.attempt, a.started_at, a.result.as_deref().unwrap())).collect();
    assert_eq!(told, [(1, at(100), "retry"), (2, at(300), "delivered")]);
    assert_eq!(attempts[1].note.as_deref(), Some("hook answered 204"));
    assert_eq!(desk.state(&owed), DeliveryState::Delivered);
}

#[test]
fn what_happens_after_an_attempt_was_settled_is_not_its_result() {
    let desk = Desk::new();
    let (siren, mast) = (hook("siren", Level::Severe), hook("mast", Level::Severe));
    desk.commit(1, [Action::Owe(siren.clone()), Action::Owe(mast.clone())]);
    for owed in [&siren, &mast] {
        desk.ledger.mark_attempting(&owed.key, 1, at(100)).unwrap();
    }
    desk.commit(2, [change(&siren, DeliveryState::HandedOver, 1, at(101), "topic")]);
    desk.commit(3, [change(&siren, DeliveryState::Expired, 1, at(200), "too late to matter")]);
    desk.commit(4, [change(&mast, DeliveryState::Expired, 1, at(200), "failed past its time")]);
    let result = |key: &DeliveryKey| desk.ledger.attempts(key).unwrap()[0].result.clone().unwrap();
    assert_eq!(result(&siren.key), "handed-over");
    assert_eq!(result(&mast.key), "expired");
    assert_eq!(desk.state(&siren), DeliveryState::Expired);
}

#[test]
fn owing_again_changes_nothing() {
    let desk = Desk::new();
    let owed = hook("office", Level::Severe);
    desk.commit(1, [Action::Owe(owed.clone())]);
    desk.commit(2, [change(&owed, DeliveryState::Delivered, 1, at(50), "done")]);
    desk.commit(3, [Action::Owe(owed.clone())]);
    assert_eq!(desk.state(&owed), DeliveryState::Delivered);
}

#[test]
fn pages_see_incidents_with_their_timeline() {
    let desk = Desk::new();
    desk.commit(1, [Action::Decide(level(at(30), Level::Normal, Level::Attention))]);
    desk.commit(
        2,
        [
            Action::Decide(level(at(60), Level::Attention, Level::Warning)),
            Action::Decide(Decision::Incident(record(2, 1, IncidentState::Open))),
        ],
    );
    desk.commit(3, [Action::Decide(Decision::Incident(record(2, 2, IncidentState::Closed)))]);
    desk.commit(4, [Action::Decide(Decision::Incident(record(9, 1, IncidentState::Open)))]);

    let list = |filter| -> Vec<_> {
        desk.ledger
            .incidents(&filter, 10)
            .unwrap()
            .into_iter()
            .map(|r| (r.id, r.revision))
            .collect()
    };
    assert_eq!(list(IncidentFilter::default()), [(incident(9), 1), (incident(2), 2)]);
    assert_eq!(list(IncidentFilter { open_only: true, site: None }), [(incident(9), 1)]);
    let elsewhere = Some("cut-13".parse().unwrap());
    assert_eq!(list(IncidentFilter { open_only: false, site: elsewhere }), []);

    let view = desk.ledger.incident(&incident(2)).unwrap().unwrap();
    assert_eq!(view.record.revision, 2);
    let kinds: Vec<_> =
        view.timeline.iter().map(|row| (row.position, row.decision.kind())).collect();
    assert_eq!(kinds, [(2, "level"), (2, "incident"), (3, "incident")]);
    assert_eq!(desk.ledger.incident(&incident(3)).unwrap(), None);
    let newest = desk.ledger.decisions_before(None, 2).unwrap();
    assert_eq!(newest.iter().map(|row| row.position).collect::<Vec<_>>(), [4, 3]);
}

#[test]
fn deliveries_are_listed_by_page_and_filter() {
    let desk = Desk::new();
    let all: Vec<_> = ["a", "b", "c"].map(|recipient| hook(recipient, Level::Warning)).into();
    desk.commit(1, all.iter().cloned().map(Action::Owe));
    desk.commit(2, [change(&all[1], DeliveryState::Refused, 1, at(9), "gone")]);
    let list = |filter: DeliveryFilter, limit| -> Vec<_> {
        desk.ledger
            .deliveries(&filter, limit)
            .unwrap()
            .into_iter()
            .map(|row| (row.id, row.recipient))
            .collect()
    };
    let page = list(DeliveryFilter::default(), 2);
    assert_eq!(page.iter().map(|(_, r)| r.as_str()).collect::<Vec<_>>(), ["c", "b"]);
    let rest = list(DeliveryFilter { before: Some(page[1].0), ..Default::default() }, 2);
    assert_eq!(rest[0].1, "a");
    let refused = DeliveryFilter { state: Some(DeliveryState::Refused), ..Default::default() };
    assert_eq!(list(refused, 9)[0].1, "b");
    let about = DeliveryFilter { incident: Some(incident(1)), ..Default::default() };
    assert_eq!(list(about, 9), []);
    let row = &desk.ledger.deliveries(&DeliveryFilter::default(), 1).unwrap()[0];
    assert_eq!((row.level, row.purpose.as_str(), row.revision), (Level::Warning, "alert", 1));
}

#[test]
fn the_quarantine_keeps_the_newest_and_counts_all() {
    let desk = Desk::new();
    let many = QUARANTINE_ROWS_MAX + 10;
    let rows = (1..=many).map(quarantined).collect();
    desk.ledger.commit(many, at(0), &Batch { quarantine: rows, ..Batch::default() }).unwrap();
    assert_eq!(desk.ledger.quarantined_total().unwrap(), many);
    let page = desk.ledger.quarantine(None, 2).unwrap();
    assert_eq!(page.iter().map(|view| view.row.position).collect::<Vec<_>>(), [many, many - 1]);
    assert_eq!(page[0].row, quarantined(many));
    let oldest = desk.ledger.quarantine(Some(12), 9).unwrap();
    assert_eq!(oldest.iter().map(|view| view.id).collect::<Vec<_>>(), [11]);
}

#[test]
fn decisions_never_change_and_never_go() {
    let desk = Desk::new();
    desk.commit(1, [Action::Decide(level(at(1), Level::Normal, Level::Severe))]);
    for tampering in ["UPDATE decisions SET body = ''", "DELETE FROM decisions"] {
        let refused =
            desk.ledger.write(|db| db.execute_batch(tampering).doing("tamper")).unwrap_err();
        let source = std::error::Error::source(&refused).unwrap().to_string();
        assert!(source.contains("append-only"), "{tampering}: {source}");
    }
}

fn damage(path: &Path, how: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = fs::read(path).unwrap();
    how(&mut bytes);
    fs::write(path, bytes).unwrap();
}

#[test]
fn g14_a_damaged_ledger_is_set_aside_and_reported() {
    type Harm = fn(&mut Vec<u8>);
    let harms: [(&str, Harm); 4] = [
        ("garbage", |bytes| bytes.fill(0x5a)),
        ("cut to nothing", Vec::clear),
        ("cut in half", |bytes| bytes.truncate(bytes.len() / 2 + 100)),
        ("pages overwritten", |bytes| {
            let from = 4096;
            bytes[from..].fill(0xff);
        }),
    ];
    for (name, harm) in harms {
        let desk = Desk::new();
        desk.commit(8, [Action::Owe(hook("office", Level::Severe))]);
        let (path, Desk { folder, ledger }) = (desk.path(), desk);
        drop(ledger);
        damage(&path, harm);
        let before = fs::read(&path).unwrap();

        let (ledger, opened) = Ledger::open(&path).unwrap();
        let aside = folder.path().join("ledger.sqlite.damaged-1");
        assert_eq!(opened, LedgerOpened { position: 0, damaged: Some(aside.clone()) }, "{name}");
        assert_eq!(fs::read(&aside).unwrap(), before, "{name}: kept as it was");
        ledger.commit(1, at(1), &Batch::default()).unwrap();
        drop(ledger);

        damage(&path, harm);
        let (_, opened) = Ledger::open(&path).unwrap();
        assert_eq!(
            opened.damaged,
            Some(folder.path().join("ledger.sqlite.damaged-2")),
            "{name}: numbered"
        );
    }
}

#[test]
fn g14_a_lost_file_with_its_log_left_is_damage_not_a_fresh_start() {
    let desk = Desk::new();
    desk.commit(8, []);
    let wal = desk.folder.path().join("ledger.sqlite-wal");
    let kept = fs::read(&wal).unwrap();
    let (path, Desk { folder, ledger }) = (desk.path(), desk);
    drop(ledger);
    fs::remove_file(&path).unwrap();
    fs::write(&wal, kept).unwrap();
    let (_, opened) = Ledger::open(&path).unwrap();
    assert_eq!(opened.position, 0);
    assert!(opened.damaged.is_some());
    assert!(folder.path().join("ledger.sqlite.damaged-1-wal").exists());
}

#[test]
fn a_newer_ledger_is_left_alone() {
    let desk = Desk::new();
    desk.ledger.write(|db| db.pragma_update(None, "user_version", 99).doing("age it")).unwrap();
    let (path, Desk { folder: _folder, ledger }) = (desk.path(), desk);
    drop(ledger);
    let error = Ledger::open(&path).err().unwrap();
    assert!(matches!(error, LedgerError::Newer { found: 99, .. }), "{error}");
    assert!(path.exists());
}

#[test]
fn what_a_crash_left_of_a_new_file_is_no_obstacle() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("ledger.sqlite.new"), "half").unwrap();
    let (_, opened) = Ledger::open(folder.path().join("ledger.sqlite")).unwrap();
    assert_eq!(opened.damaged, None);
    assert!(Ledger::open(folder.path().join("no/such/folder/ledger.sqlite")).is_err());
}

#[test]
fn pages_read_while_the_desk_writes() {
    let desk = Desk::new();
    let writing = desk.ledger.writer.lock();
    assert_eq!(desk.ledger.decisions_after(0, 10).unwrap(), []);
    drop(writing);
}

#[test]
fn g06_a_ledger_that_cannot_be_written_goes_on_in_memory_and_comes_back_as_it_was() {
    let desk = Desk::new();
    let (before, after) = (hook("before", Level::Severe), hook("after", Level::Severe));
    desk.commit(1, [Action::Owe(before.clone())]);
    desk.ledger
        .write(|connection| {
            connection.pragma_update(None, "query_only", true).doing("stand in for a bad disk")
        })
        .unwrap();
    let mut batch = Batch::default();
    batch.decided(2, [Action::Owe(after.clone())]);
    assert!(desk.ledger.commit(2, at(2), &batch).is_err());
    desk.ledger.go_on_in_memory().unwrap();
    desk.ledger.commit(2, at(2), &batch).unwrap();
    assert_eq!(desk.due(after.due_at), ["before", "after"], "what was owed still is");
    assert!(desk.ledger.mark_attempting(&after.key, 1, at(3)).unwrap());
    assert_eq!(desk.state(&after), DeliveryState::Attempting, "pages see it too");
    assert!(desk.ledger.is_in_memory());
    let (desk, opened) = desk.reopen();
    assert_eq!(opened.position, 1, "the journal is applied again from there");
    assert!(!desk.ledger.is_in_memory());
    assert_eq!(desk.due(after.due_at), ["before"]);
}
