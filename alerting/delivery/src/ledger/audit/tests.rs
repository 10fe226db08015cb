use alerting::decision::IncidentState;
use alerting::{Action, Decision, DeliveryState, Level};
use rusqlite::Connection;

use super::*;
use crate::ledger::Batch;
use crate::sample::{alert, at, change, delivery, record};

/// A ledger with an incident, a delivery sent and proven, a sign-in; where it lies.
fn lived() -> (tempfile::TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.sqlite");
    let (ledger, _) = Ledger::open(&path).unwrap();
    let told = delivery("hook", "duty", alert(1, Level::Severe));
    let mut batch = Batch::default();
    let opened = Decision::Incident(record(7, 1, IncidentState::Open));
    batch.decided(1, [Action::Decide(opened), Action::Owe(told.clone())]);
    ledger.commit(1, at(0), &batch).unwrap();
    assert!(ledger.mark_attempting(&told.key, 1, at(1)).unwrap());
    ledger.audit(at(2), "sign-in", &json!({ "by": "kim", "from": "board 10.0.0.7" })).unwrap();
    let mut batch = Batch::default();
    batch.decided(2, [change(&told, DeliveryState::Delivered, 1, at(3), "200")]);
    ledger.commit(2, at(3), &batch).unwrap();
    (folder, path)
}

fn exported(path: &Path) -> Vec<u8> {
    let mut out = Vec::new();
    let trail = Trail::open(path).unwrap();
    let head = trail
        .follow(|row| {
            serde_json::to_writer(&mut out, row)?;
            out.push(b'\n');
            Ok(())
        })
        .unwrap();
    serde_json::to_writer(&mut out, &head).unwrap();
    out
}

#[test]
fn g12_everything_that_counts_is_in_the_trail_in_order() {
    let (_folder, path) = lived();
    let mut kinds = Vec::new();
    let head = Trail::open(&path).unwrap().follow(|row| {
        kinds.push(row.kind.clone());
        Ok(())
    });
    assert_eq!(kinds, ["incident", "owed", "send", "sign-in", "delivery"]);
    assert_eq!(head.unwrap().entries, 5);
    let (ledger, _) = Ledger::open(&path).unwrap();
    let page = ledger.audit_after(2, 2).unwrap();
    assert_eq!(page.iter().map(|row| row.id).collect::<Vec<_>>(), [3, 4]);
    assert!(page[1].body.contains("kim"));
}

#[test]
fn g12_any_byte_of_an_export_that_is_changed_or_cut_is_found() {
    let (_folder, path) = lived();
    let whole = exported(&path);
    assert_eq!(verify_export(&whole[..]).unwrap().entries, 5);
    let line_of = |place: usize| whole[..place].iter().filter(|byte| **byte == b'\n').count() + 1;
    for place in 0..whole.len() {
        for flip in [1, 0x20, 0x80] {
            let mut changed = whole.clone();
            changed[place] ^= flip;
            let error = verify_export(&changed[..]).expect_err("it was changed");
            let found = match &error {
                AuditError::Line { line } => *line,
                AuditError::Changed { id } | AuditError::Missing { found: id, .. } => *id as usize,
                _ => line_of(place),
            };
            // a line feed that is lost or won moves the lines behind it
            let near =
                found.abs_diff(line_of(place)) <= 1 || matches!(error, AuditError::Missing { .. });
            assert!(near, "byte {place} of line {}: {error}", line_of(place));
        }
        assert!(verify_export(&whole[..place]).is_err(), "cut after {place} bytes");
    }
}

#[test]
fn g12_an_entry_that_is_changed_in_the_ledger_is_found_by_its_number() {
    let changes = [
        ("UPDATE audit SET at = at + 1 WHERE id = 3", 3),
        ("UPDATE audit SET kind = 'sent' WHERE id = 3", 3),
        ("UPDATE audit SET body = replace(body, 'kim', 'lee') WHERE id = 4", 4),
        ("UPDATE audit SET hash = zeroblob(32) WHERE id = 2", 2),
        ("DELETE FROM audit WHERE id = 2", 2),
        ("DELETE FROM audit WHERE id = 1", 1),
        ("UPDATE decisions SET body = replace(body, 'warning', 'caution')", 1),
        ("UPDATE deliveries SET body = replace(body, 'Leave now', 'Stay here')", 2),
    ];
    for (tampering, number) in changes {
        let (_folder, path) = lived();
        let forger = Connection::open(&path).unwrap();
        forger
            .execute_batch(
                "DROP TRIGGER audit_never_changes; DROP TRIGGER audit_never_goes;
                 DROP TRIGGER decisions_never_change;",
            )
            .unwrap();
        assert!(forger.execute(tampering, []).unwrap() > 0, "{tampering}");
        let error = Trail::open(&path).unwrap().follow(|_| Ok(())).expect_err(tampering);
        let found = match error {
            AuditError::Changed { id } | AuditError::Message { id, .. } => id,
            AuditError::Missing { expected, .. } => expected,
            other => panic!("{tampering}: {other}"),
        };
        assert_eq!(found, number, "{tampering}");
    }
}

#[test]
fn g12_the_trail_itself_refuses_to_be_changed() {
    let (_folder, path) = lived();
    let forger = Connection::open(&path).unwrap();
    for tampering in ["UPDATE audit SET body = ''", "DELETE FROM audit"] {
        assert!(forger.execute(tampering, []).is_err(), "{tampering}");
    }
}

#[test]
fn a_ledger_of_the_layout_before_begins_its_trail() {
    let (_folder, path) = lived();
    let old = Connection::open(&path).unwrap();
    old.execute_batch("DROP TABLE audit; PRAGMA user_version = 1;").unwrap();
    drop(old);
    let (ledger, opened) = Ledger::open(&path).unwrap();
    assert_eq!((opened.damaged, opened.position), (None, 2), "nothing is lost by it");
    assert_eq!(ledger.audit_after(0, 10).unwrap(), []);
}
