//! What couriers ask: what is due, what is in hand, and the mark made before each send.

use alerting::{Delivery, DeliveryKey, StillOwed};
use reading::Timestamp;
use reading::id::ChannelId;
use rusqlite::{Connection, OptionalExtension, Params, TransactionBehavior, params};

use super::{Doing, Ledger, Result, audit};

/// A delivery that may be attempted now.
#[derive(Debug)]
pub struct DueDelivery {
    /// Which.
    pub key: DeliveryKey,
    /// The number this attempt will have.
    pub attempt: u32,
    /// What to carry; an error if another version wrote a body this one cannot read.
    pub delivery: std::result::Result<Delivery, serde_json::Error>,
}

/// A delivery that was in a courier's hand when the process ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InHand {
    /// Which.
    pub key: DeliveryKey,
    /// The attempt whose outcome is unknown.
    pub attempt: u32,
}

impl Ledger {
    /// Deliveries of a channel that may be attempted at `now`: the most serious first, then the longest due. Only
    /// queued ones, so that none is taken again before the desk has seen what came of it.
    ///
    /// # Errors
    /// [`LedgerError::Database`](super::LedgerError::Database).
    pub fn due(&self, channel: &ChannelId, now: Timestamp, limit: u32) -> Result<Vec<DueDelivery>> {
        let sql = "SELECT key, attempts, body FROM deliveries
            WHERE channel = ?1 AND state = 'queued' AND due_at <= ?2 AND expires_at > ?2
            ORDER BY level DESC, due_at, id LIMIT ?3";
        self.write(|connection| {
            let values = params![channel.as_str(), now.nanos(), limit];
            list(connection, sql, values, |row| {
                Ok(DueDelivery {
                    key: DeliveryKey::from_text(row.get_ref(0)?.as_str()?),
                    attempt: row.get::<_, u32>(1)? + 1,
                    delivery: serde_json::from_str(row.get_ref(2)?.as_str()?),
                })
            })
        })
    }

    /// The first moment after `now` at which a queued delivery of a channel becomes due.
    ///
    /// # Errors
    /// [`LedgerError::Database`](super::LedgerError::Database).
    pub fn next_due(&self, channel: &ChannelId, now: Timestamp) -> Result<Option<Timestamp>> {
        let sql = "SELECT min(due_at) FROM deliveries WHERE channel = ? AND state = 'queued' AND due_at > ?";
        self.write(|connection| {
            let values = params![channel.as_str(), now.nanos()];
            let found: Option<Option<i64>> = connection
                .prepare_cached(sql)
                .and_then(|mut statement| statement.query_row(values, |row| row.get(0)).optional())
                .doing("find what is due next")?;
            Ok(found.flatten().map(Timestamp::from_nanos))
        })
    }

    /// Writes down that a delivery is about to be sent; on disk when this returns. `false` if it is not to be sent:
    /// it was superseded, expired or taken since it was listed. Repeating a mark whose answer was lost is harmless.
    ///
    /// # Errors
    /// [`LedgerError::Database`](super::LedgerError::Database); then it must not be sent.
    pub fn mark_attempting(&self, key: &DeliveryKey, attempt: u32, at: Timestamp) -> Result<bool> {
        let doing = "mark a delivery as being sent";
        let mark = "UPDATE deliveries SET state = 'attempting', changed_at = ?1 WHERE key = ?2 AND attempts = ?3
            AND (state = 'queued' OR (state = 'attempting' AND changed_at = ?1))";
        let note = "INSERT OR REPLACE INTO attempts (key, attempt, started_at) VALUES (?, ?, ?)";
        self.write(|connection| {
            let transaction = connection
                .transaction_with_behavior(TransactionBehavior::Immediate)
                .doing(doing)?;
            let values = params![at.nanos(), key.as_str(), attempt.saturating_sub(1)];
            let taken = transaction
                .prepare_cached(mark)
                .and_then(|mut mark| mark.execute(values))
                .doing(doing)?;
            if taken == 0 {
                return Ok(false);
            }
            let values = params![key.as_str(), attempt, at.nanos()];
            transaction
                .prepare_cached(note)
                .and_then(|mut note| note.execute(values))
                .doing(doing)?;
            audit::sent(&transaction, key, attempt, at)?;
            transaction.commit().doing(doing)?;
            Ok(true)
        })
    }

    /// Deliveries of a channel left in hand: at a start, the attempts whose outcome nobody knows.
    ///
    /// # Errors
    /// [`LedgerError::Database`](super::LedgerError::Database).
    pub fn in_hand(&self, channel: &ChannelId) -> Result<Vec<InHand>> {
        let sql = "SELECT key, attempts FROM deliveries WHERE channel = ? AND state = 'attempting' ORDER BY id";
        self.write(|connection| {
            list(connection, sql, [channel.as_str()], |row| {
                let key = DeliveryKey::from_text(row.get_ref(0)?.as_str()?);
                Ok(InHand { key, attempt: row.get::<_, u32>(1)? + 1 })
            })
        })
    }

    /// Everything that stands open, whatever its channel, in the order it was owed.
    ///
    /// # Errors
    /// [`LedgerError::Database`](super::LedgerError::Database).
    pub fn open_deliveries(&self) -> Result<Vec<StillOwed>> {
        let sql = "SELECT key, channel, attempts FROM deliveries
            WHERE state IN ('queued', 'attempting', 'handed-over', 'in-doubt') ORDER BY id";
        let open = self.write(|connection| {
            list(connection, sql, [], |row| {
                let key = DeliveryKey::from_text(row.get_ref(0)?.as_str()?);
                let channel = row.get_ref(1)?.as_str()?.parse::<ChannelId>();
                let attempts = row.get(2)?;
                Ok(channel.ok().map(|channel| StillOwed { key, channel, attempts }))
            })
        })?;
        Ok(open.into_iter().flatten().collect())
    }

    /// How many deliveries of a channel wait or are in hand.
    ///
    /// # Errors
    /// [`LedgerError::Database`](super::LedgerError::Database).
    pub fn depth(&self, channel: &ChannelId) -> Result<u64> {
        let sql = "SELECT (SELECT count(*) FROM deliveries WHERE channel = ?1 AND state = 'queued')
            + (SELECT count(*) FROM deliveries WHERE channel = ?1 AND state = 'attempting')";
        self.write(|connection| {
            connection
                .prepare_cached(sql)
                .and_then(|mut statement| {
                    statement.query_row([channel.as_str()], |row| row.get::<_, i64>(0))
                })
                .map(|count| count as u64)
                .doing("count what is queued")
        })
    }
}

pub(super) fn list<T>(
    connection: &Connection,
    sql: &str,
    values: impl Params,
    read: impl FnMut(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
) -> Result<Vec<T>> {
    let mut statement = connection.prepare_cached(sql).doing("read")?;
    let rows = statement.query_map(values, read).doing("read")?;
    rows.collect::<rusqlite::Result<_>>().doing("read")
}
