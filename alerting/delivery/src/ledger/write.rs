//! Writing what the desk decided: one transaction a batch.

use alerting::alert::Hazard;
use alerting::decision::IncidentRecord;
use alerting::{Action, Decision, Delivery, DeliveryChange, DeliveryState, Level};
use reading::{SiteId, Timestamp};
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};
use serde::Serialize;

use super::{Doing, LedgerError, QUARANTINE_ROWS_MAX, Result, Side, audit};

const COMMIT: &str = "commit";

/// What a run of journal records came to.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// What the engine decided, each with the journal position it came from, in order.
    pub actions: Vec<(u64, Action)>,
    /// Frames that could not be decoded.
    pub quarantine: Vec<QuarantineRow>,
    /// Configurations taken over, each with its journal position and its bytes: the trail has their digest.
    pub configured: Vec<(u64, Vec<u8>)>,
    /// Receipts that settled nothing, each with its journal position and moment: for the trail.
    pub receipts: Vec<(u64, Timestamp, serde_json::Value)>,
}

/// A frame that could not be decoded. Its bytes are in the journal at `position`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuarantineRow {
    /// Where in the journal.
    pub position: u64,
    /// When it was journaled.
    pub at: Timestamp,
    /// The collector it came through.
    pub source: String,
    /// The topic or port.
    pub topic: String,
    /// The refusal, by name.
    pub reason: String,
    /// What exactly was wrong.
    pub detail: String,
    /// Its length in bytes.
    pub len: u64,
    /// Its beginning, made printable.
    pub preview: String,
}

impl Batch {
    /// Adds what the record at `position` came to.
    pub fn decided(&mut self, position: u64, actions: impl IntoIterator<Item = Action>) {
        self.actions.extend(actions.into_iter().map(|action| (position, action)));
    }

    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        self.actions.is_empty()
            && self.quarantine.is_empty()
            && self.configured.is_empty()
            && self.receipts.is_empty()
    }
}

pub(super) fn position(connection: &Connection) -> Result<u64> {
    let sql = "SELECT value FROM meta WHERE name = 'position'";
    let value: Option<i64> =
        connection.query_row(sql, [], |row| row.get(0)).optional().doing("read the position")?;
    Ok(value.unwrap_or(0) as u64)
}

/// Writes down whose a new ledger is.
pub(super) fn claim(connection: &Connection, side: Side) -> Result<()> {
    let sql = "INSERT OR REPLACE INTO meta VALUES ('exercise', ?)";
    connection.execute(sql, [side == Side::Exercise]).doing("claim a new ledger")?;
    Ok(())
}

/// Whose a ledger is; before it was written down there was the live operation alone.
pub(super) fn side(connection: &Connection) -> Result<Side> {
    let sql = "SELECT value FROM meta WHERE name = 'exercise'";
    let value: Option<bool> =
        connection.query_row(sql, [], |row| row.get(0)).optional().doing("read whose it is")?;
    Ok(if value.unwrap_or(false) { Side::Exercise } else { Side::Live })
}

/// Writes what came from positions past `after`. What another operation owes is left out, loudly: it is a fault of
/// ours, and must not reach anybody.
pub(super) fn commit(
    connection: &mut Connection,
    side: Side,
    after: u64,
    position: u64,
    at: Timestamp,
    batch: &Batch,
) -> Result<()> {
    let transaction =
        connection.transaction_with_behavior(TransactionBehavior::Immediate).doing(COMMIT)?;
    for (position, bytes) in batch.configured.iter().filter(|(position, _)| *position > after) {
        audit::configured(&transaction, *position, bytes, at)?;
    }
    for (_, at, body) in batch.receipts.iter().filter(|(position, ..)| *position > after) {
        audit::append(&transaction, *at, "receipt", None, &body.to_string())?;
    }
    for (position, action) in batch.actions.iter().filter(|(position, _)| *position > after) {
        match action {
            Action::Decide(decision) => decide(&transaction, *position, decision)?,
            Action::Owe(delivery) if !side.carries(delivery.alert.status) => {
                tracing::error!(delivery = %delivery.key, side = side.name(), "a delivery of another operation is left out; please report this");
            }
            Action::Owe(delivery) => owe(&transaction, delivery)?,
            Action::Change(change) => self::change(&transaction, change)?,
            Action::Tell(_) => {} // said again until it is answered, which is a decision
        }
    }
    quarantine(&transaction, after, &batch.quarantine)?;
    set(&transaction, "position", position as i64)?;
    set(&transaction, "at", at.nanos())?;
    transaction.commit().doing(COMMIT)
}

fn decide(transaction: &Transaction<'_>, position: u64, decision: &Decision) -> Result<()> {
    let sql = "INSERT INTO decisions (position, at, kind, site, incident, body) VALUES (?, ?, ?, ?, ?, ?)";
    let said = body("decisions", decision)?;
    run(
        transaction,
        sql,
        params![
            position as i64,
            decision.at().nanos(),
            decision.kind(),
            decision.site().map(SiteId::as_str),
            decision.incident().map(|id| id.as_str()),
            said,
        ],
    )?;
    let id = transaction.last_insert_rowid();
    audit::append(transaction, decision.at(), decision.kind(), Some(id), &said)?;
    match decision {
        Decision::Level { at, site, hazard, to, measured_at, .. } => {
            stand(transaction, site, *hazard, *to, *at, *measured_at)
        }
        Decision::Incident(record) => incident(transaction, record),
        Decision::Rule { .. }
        | Decision::Reset { .. }
        | Decision::Recorded { .. }
        | Decision::Command { .. }
        | Decision::Station { .. }
        | Decision::Expired { .. }
        | Decision::Approval { .. } => Ok(()),
    }
}

fn stand(
    transaction: &Transaction<'_>,
    site: &SiteId,
    hazard: Hazard,
    level: Level,
    at: Timestamp,
    measured_at: Timestamp,
) -> Result<()> {
    let sql = "INSERT OR REPLACE INTO levels (site, hazard, level, at, measured_at) VALUES (?, ?, ?, ?, ?)";
    run(
        transaction,
        sql,
        params![site.as_str(), hazard.name(), level.name(), at.nanos(), measured_at.nanos()],
    )?;
    Ok(())
}

fn incident(transaction: &Transaction<'_>, record: &IncidentRecord) -> Result<()> {
    let sql = "INSERT OR REPLACE INTO incidents (id, site, state, opened_at, at, body) VALUES (?, ?, ?, ?, ?, ?)";
    let state = if record.state.is_over() { "closed" } else { "open" };
    let (id, site) = (record.id.as_str(), record.site.as_str());
    let body = body("incidents", record)?;
    run(
        transaction,
        sql,
        params![id, site, state, record.opened_at.nanos(), record.at.nanos(), body],
    )?;
    Ok(())
}

fn owe(transaction: &Transaction<'_>, delivery: &Delivery) -> Result<()> {
    let sql = "INSERT INTO deliveries (key, channel, recipient, site, incident, revision, purpose, level, state,
            attempts, owed_at, due_at, expires_at, changed_at, note, body)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?, ?, ?, ?, '', ?) ON CONFLICT (key) DO NOTHING";
    let alert = &delivery.alert;
    let said = body("deliveries", delivery)?;
    let added = run(
        transaction,
        sql,
        params![
            delivery.key.as_str(),
            delivery.channel.as_str(),
            delivery.recipient,
            alert.site.id.as_str(),
            alert.incident.as_str(),
            alert.revision,
            alert.purpose.name(),
            alert.level as i64,
            DeliveryState::Queued.name(),
            delivery.owed_at.nanos(),
            delivery.due_at.nanos(),
            delivery.expires_at.nanos(),
            delivery.owed_at.nanos(),
            said,
        ],
    )?;
    if added > 0 {
        audit::owed(transaction, delivery, &said)?;
    }
    Ok(())
}

fn change(transaction: &Transaction<'_>, change: &DeliveryChange) -> Result<()> {
    let sql = "UPDATE deliveries SET state = ?, attempts = ?, due_at = ?, note = ?, changed_at = ? WHERE key = ?";
    let key = change.key.as_str();
    let (due_at, at) = (change.due_at.nanos(), change.at.nanos());
    let known = run(
        transaction,
        sql,
        params![change.state.name(), change.attempts, due_at, change.note, at, key],
    )?;
    if known == 0 {
        tracing::warn!(delivery = key, "the ledger does not know a delivery that changed");
    }
    audit::changed(transaction, change)?;
    settle(transaction, change)
}

/// The attempt that led to this change, if one did. What happens to a delivery after its attempt was settled
/// (superseded, expired) is no result of the attempt; a receipt, or its failing to come, is.
fn settle(transaction: &Transaction<'_>, change: &DeliveryChange) -> Result<()> {
    let (result, open_only) = match change.state {
        DeliveryState::Attempting => return Ok(()),
        DeliveryState::Queued => ("retry", false),
        DeliveryState::HandedOver
        | DeliveryState::Delivered
        | DeliveryState::Unconfirmed
        | DeliveryState::Refused
        | DeliveryState::InDoubt => (change.state.name(), false),
        DeliveryState::Superseded | DeliveryState::Expired => (change.state.name(), true),
    };
    let sql = "UPDATE attempts SET settled_at = ?, result = ?, note = ?
        WHERE key = ? AND attempt = ? AND (settled_at IS NULL OR NOT ?)";
    let (at, key) = (change.at.nanos(), change.key.as_str());
    run(transaction, sql, params![at, result, change.note, key, change.attempts, open_only])?;
    Ok(())
}

fn quarantine(transaction: &Transaction<'_>, after: u64, rows: &[QuarantineRow]) -> Result<()> {
    let sql = "INSERT INTO quarantine (position, at, source, topic, reason, detail, len, preview)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?)";
    let mut added = 0_i64;
    for row in rows.iter().filter(|row| row.position > after) {
        let (position, at, len) = (row.position as i64, row.at.nanos(), row.len as i64);
        let values =
            params![position, at, row.source, row.topic, row.reason, row.detail, len, row.preview];
        added += run(transaction, sql, values)? as i64;
    }
    if added == 0 {
        return Ok(());
    }
    run(transaction, "UPDATE meta SET value = value + ? WHERE name = 'quarantined'", [added])?;
    let surplus = "DELETE FROM quarantine WHERE id <= (SELECT max(id) FROM quarantine) - ?";
    run(transaction, surplus, [QUARANTINE_ROWS_MAX as i64])?;
    Ok(())
}

fn set(transaction: &Transaction<'_>, name: &str, value: i64) -> Result<()> {
    run(
        transaction,
        "INSERT OR REPLACE INTO meta (name, value) VALUES (?, ?)",
        params![name, value],
    )?;
    Ok(())
}

fn run(transaction: &Transaction<'_>, sql: &str, values: impl rusqlite::Params) -> Result<usize> {
    transaction
        .prepare_cached(sql)
        .and_then(|mut statement| statement.execute(values))
        .doing(COMMIT)
}

fn body(table: &'static str, value: &impl Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(|source| LedgerError::Body { table, source })
}
