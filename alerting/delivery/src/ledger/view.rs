//! What pages and exports ask. These run on connections of their own and see what is committed.

use alerting::decision::IncidentRecord;
use alerting::{DeliveryKey, DeliveryState, Hazard, IncidentId, Level, Purpose};
use reading::id::ChannelId;
use reading::{SiteId, Timestamp};
use rusqlite::types::Type;
use rusqlite::{Row, params};
use serde::de::DeserializeOwned;

use super::due::list;
use super::row::{
    AttemptRow, DecisionRow, DeliveryFilter, DeliveryRow, IncidentFilter, IncidentView, LevelRow,
    QuarantineView,
};
use super::{During, Ledger, QuarantineRow, Result};

/// The longest timeline of one incident: what is older is reached through `decisions_after`.
const TIMELINE_LEN_MAX: usize = 1_000;

/// Every query fails only with [`LedgerError::Database`](super::LedgerError::Database).
impl Ledger {
    /// What was decided on the command journaled at `position`, if it was about this incident; `None` for a command
    /// about none.
    ///
    /// # Errors
    /// If the database fails.
    pub fn command_at(
        &self,
        position: u64,
        incident: Option<&IncidentId>,
    ) -> Result<Option<DecisionRow>> {
        let sql = "SELECT id, position, body FROM decisions
            WHERE position = ? AND kind = 'command' AND incident IS ? LIMIT 1";
        let values = params![position as i64, incident.map(IncidentId::as_str)];
        Ok(self.read(|connection| list(connection, sql, values, decision))?.pop())
    }

    /// Decisions after `id` (0 for all), oldest first.
    ///
    /// # Errors
    /// If the database fails.
    pub fn decisions_after(&self, id: i64, limit: u32) -> Result<Vec<DecisionRow>> {
        let sql = "SELECT id, position, body FROM decisions WHERE id > ? ORDER BY id LIMIT ?";
        self.read(|connection| list(connection, sql, params![id, limit], decision))
    }

    /// The newest decisions, newest first; `before` an id for the next page.
    ///
    /// # Errors
    /// If the database fails.
    pub fn decisions_before(&self, before: Option<i64>, limit: u32) -> Result<Vec<DecisionRow>> {
        let sql = "SELECT id, position, body FROM decisions WHERE id < ? ORDER BY id DESC LIMIT ?";
        self.read(|connection| {
            list(connection, sql, params![before.unwrap_or(i64::MAX), limit], decision)
        })
    }

    /// Incidents as they stand, newest first.
    ///
    /// # Errors
    /// If the database fails.
    pub fn incidents(&self, filter: &IncidentFilter, limit: u32) -> Result<Vec<IncidentRecord>> {
        let sql = "SELECT body FROM incidents WHERE (state = 'open' OR NOT ?1) AND (site = ?2 OR ?2 IS NULL)
            ORDER BY opened_at DESC, id DESC LIMIT ?3";
        let values = params![filter.open_only, filter.site.as_ref().map(SiteId::as_str), limit];
        self.read(|connection| list(connection, sql, values, |row| json(row, 0)))
    }

    /// One incident with its timeline.
    ///
    /// # Errors
    /// If the database fails.
    pub fn incident(&self, id: &IncidentId) -> Result<Option<IncidentView>> {
        let found = "SELECT body FROM incidents WHERE id = ?";
        let during = "SELECT * FROM (SELECT id, position, body FROM decisions WHERE incident = ?1
                UNION SELECT id, position, body FROM decisions
                    WHERE site = ?2 AND kind = 'level' AND at BETWEEN ?3 AND ?4
                ORDER BY id DESC LIMIT ?5) ORDER BY id";
        self.read(|connection| {
            let records =
                list(connection, found, [id.as_str()], |row| json::<IncidentRecord>(row, 0))?;
            let Some(record) = records.into_iter().next() else { return Ok(None) };
            let (site, from, to) =
                (record.site.as_str(), record.opened_at.nanos(), record.at.nanos());
            let values = params![id.as_str(), site, from, to, TIMELINE_LEN_MAX as i64 + 1];
            let mut timeline = list(connection, during, values, decision)?;
            let surplus = timeline.len().saturating_sub(TIMELINE_LEN_MAX);
            timeline.drain(..surplus);
            Ok(Some(IncidentView { record, timeline, has_older: surplus > 0 }))
        })
    }

    /// Deliveries, newest first.
    ///
    /// # Errors
    /// If the database fails.
    pub fn deliveries(&self, filter: &DeliveryFilter, limit: u32) -> Result<Vec<DeliveryRow>> {
        let sql = format!(
            "{DELIVERY} WHERE (incident = ?1 OR ?1 IS NULL) AND (channel = ?2 OR ?2 IS NULL)
                AND (state = ?3 OR ?3 IS NULL) AND id < ?4
            ORDER BY id DESC LIMIT ?5"
        );
        let values = params![
            filter.incident.as_ref().map(IncidentId::as_str),
            filter.channel.as_ref().map(ChannelId::as_str),
            filter.state.map(DeliveryState::name),
            filter.before.unwrap_or(i64::MAX),
            limit,
        ];
        self.read(|connection| list(connection, &sql, values, delivery))
    }

    /// One delivery.
    ///
    /// # Errors
    /// If the database fails.
    pub fn delivery(&self, key: &DeliveryKey) -> Result<Option<DeliveryRow>> {
        let sql = format!("{DELIVERY} WHERE key = ?");
        Ok(self.read(|connection| list(connection, &sql, [key.as_str()], delivery))?.pop())
    }

    /// When something was owed for this purpose the last time.
    ///
    /// # Errors
    /// If the database fails.
    pub fn last_owed(&self, purpose: Purpose) -> Result<Option<Timestamp>> {
        let sql = "SELECT owed_at FROM deliveries WHERE purpose = ? ORDER BY id DESC LIMIT 1";
        let found =
            self.read(|connection| list(connection, sql, [purpose.name()], |row| moment(row, 0)))?;
        Ok(found.into_iter().next())
    }

    /// The attempts of a delivery, in order.
    ///
    /// # Errors
    /// If the database fails.
    pub fn attempts(&self, key: &DeliveryKey) -> Result<Vec<AttemptRow>> {
        let sql = "SELECT attempt, started_at, settled_at, result, note FROM attempts WHERE key = ? ORDER BY attempt";
        self.read(|connection| {
            list(connection, sql, [key.as_str()], |row| {
                Ok(AttemptRow {
                    attempt: row.get(0)?,
                    started_at: moment(row, 1)?,
                    settled_at: row.get::<_, Option<i64>>(2)?.map(Timestamp::from_nanos),
                    result: row.get(3)?,
                    note: row.get(4)?,
                })
            })
        })
    }

    /// The level of every site that ever left normal, by site and hazard.
    ///
    /// # Errors
    /// If the database fails.
    pub fn site_levels(&self) -> Result<Vec<LevelRow>> {
        let sql = "SELECT site, hazard, level, at, measured_at FROM levels ORDER BY site, hazard";
        self.read(|connection| {
            list(connection, sql, [], |row| {
                Ok(LevelRow {
                    site: named(row, 0, |text| SiteId::new(text).ok())?,
                    hazard: named(row, 1, hazard)?,
                    level: named(row, 2, Level::parse)?,
                    at: moment(row, 3)?,
                    measured_at: moment(row, 4)?,
                })
            })
        })
    }

    /// Quarantined frames, newest first; `before` an id for the next page.
    ///
    /// # Errors
    /// If the database fails.
    pub fn quarantine(&self, before: Option<i64>, limit: u32) -> Result<Vec<QuarantineView>> {
        let sql = "SELECT id, position, at, source, topic, reason, detail, len, preview
            FROM quarantine WHERE id < ? ORDER BY id DESC LIMIT ?";
        self.read(|connection| {
            list(connection, sql, params![before.unwrap_or(i64::MAX), limit], |row| {
                Ok(QuarantineView { id: row.get(0)?, row: quarantined(row)? })
            })
        })
    }

    /// How many frames were quarantined in a time, by source and reason. What is no longer kept is not counted: the
    /// newest [`QUARANTINE_ROWS_MAX`](super::QUARANTINE_ROWS_MAX) are.
    ///
    /// # Errors
    /// If the database fails.
    pub fn quarantined_during(&self, during: &During) -> Result<Vec<(String, String, u64)>> {
        let sql = "SELECT source, reason, count(*) FROM quarantine WHERE at >= ? AND at < ?
            GROUP BY source, reason ORDER BY source, reason";
        self.read(|connection| {
            list(connection, sql, params![during.from.nanos(), during.to.nanos()], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get::<_, i64>(2)? as u64))
            })
        })
    }

    /// How many frames were ever quarantined.
    ///
    /// # Errors
    /// If the database fails.
    pub fn quarantined_total(&self) -> Result<u64> {
        let sql = "SELECT value FROM meta WHERE name = 'quarantined'";
        self.read(|connection| {
            let found = list(connection, sql, [], |row| row.get::<_, i64>(0))?;
            Ok(found.first().copied().unwrap_or(0) as u64)
        })
    }
}

/// What [`delivery`] reads.
const DELIVERY: &str =
    "SELECT id, key, channel, recipient, site, incident, revision, purpose, level, state, attempts,
    owed_at, due_at, expires_at, changed_at, note FROM deliveries";

fn decision(row: &Row<'_>) -> rusqlite::Result<DecisionRow> {
    Ok(DecisionRow {
        id: row.get(0)?,
        position: row.get::<_, i64>(1)? as u64,
        decision: json(row, 2)?,
    })
}

fn delivery(row: &Row<'_>) -> rusqlite::Result<DeliveryRow> {
    Ok(DeliveryRow {
        id: row.get(0)?,
        key: DeliveryKey::from_text(row.get_ref(1)?.as_str()?),
        channel: named(row, 2, |text| ChannelId::new(text).ok())?,
        recipient: row.get(3)?,
        site: named(row, 4, |text| SiteId::new(text).ok())?,
        incident: IncidentId::from_text(row.get_ref(5)?.as_str()?),
        revision: row.get(6)?,
        purpose: row.get(7)?,
        level: rank(row, 8)?,
        state: named(row, 9, |text| {
            DeliveryState::ALL.into_iter().find(|state| state.name() == text)
        })?,
        attempts: row.get(10)?,
        owed_at: moment(row, 11)?,
        due_at: moment(row, 12)?,
        expires_at: moment(row, 13)?,
        changed_at: moment(row, 14)?,
        note: row.get(15)?,
    })
}

fn quarantined(row: &Row<'_>) -> rusqlite::Result<QuarantineRow> {
    Ok(QuarantineRow {
        position: row.get::<_, i64>(1)? as u64,
        at: moment(row, 2)?,
        source: row.get(3)?,
        topic: row.get(4)?,
        reason: row.get(5)?,
        detail: row.get(6)?,
        len: row.get::<_, i64>(7)? as u64,
        preview: row.get(8)?,
    })
}

fn hazard(name: &str) -> Option<Hazard> {
    [Hazard::SlopeFailure, Hazard::StructuralDamage, Hazard::Monitoring]
        .into_iter()
        .find(|hazard| hazard.name() == name)
}

pub(super) fn moment(row: &Row<'_>, column: usize) -> rusqlite::Result<Timestamp> {
    row.get(column).map(Timestamp::from_nanos)
}

fn rank(row: &Row<'_>, column: usize) -> rusqlite::Result<Level> {
    let rank: u8 = row.get(column)?;
    Level::ALL
        .get(usize::from(rank))
        .copied()
        .ok_or_else(|| strange(column, Type::Integer, format!("no level {rank}")))
}

pub(super) fn named<T>(
    row: &Row<'_>,
    column: usize,
    parse: impl Fn(&str) -> Option<T>,
) -> rusqlite::Result<T> {
    let text = row.get_ref(column)?.as_str()?;
    parse(text)
        .ok_or_else(|| strange(column, Type::Text, format!("`{text}` is not a name we know")))
}

pub(super) fn json<T: DeserializeOwned>(row: &Row<'_>, column: usize) -> rusqlite::Result<T> {
    serde_json::from_str(row.get_ref(column)?.as_str()?)
        .map_err(|error| strange(column, Type::Text, error))
}

fn strange(
    column: usize,
    kind: Type,
    error: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, kind, error.into())
}
