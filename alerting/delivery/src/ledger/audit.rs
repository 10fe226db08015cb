//! The audit trail (G12): every decision, approval, send, receipt, sign-in and configuration, each bound to the one
//! before it by SHA-256, so that a changed, missing or moved entry is found, and which one.
//!
//! An entry's hash is `SHA-256(hash before ‖ id ‖ at ‖ length of kind ‖ kind ‖ length of body ‖ body)`, numbers
//! big-endian in eight bytes; the first is bound to 32 zero bytes. The body of a decision lies in `decisions`
//! alone; of a message to be delivered the trail has the digest, the message lies in `deliveries`. What is exported
//! is one JSON object a line, whole, and verifies without the ledger.

use std::io::BufRead;
use std::path::Path;

use alerting::{Delivery, DeliveryChange, DeliveryKey};
use reading::Timestamp;
use ring::digest::{self, SHA256};
use rusqlite::{Connection, Row, Transaction, TransactionBehavior, params};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::due::list;
use super::{Doing, Ledger, LedgerError, Result, open};

/// What the trail needs in the file.
pub(super) const SCHEMA: &str = "
CREATE TABLE audit (
    id INTEGER PRIMARY KEY, at INTEGER NOT NULL, kind TEXT NOT NULL, decision INTEGER, body TEXT NOT NULL,
    hash BLOB NOT NULL);
CREATE TRIGGER audit_never_changes BEFORE UPDATE ON audit
    BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END;
CREATE TRIGGER audit_never_goes BEFORE DELETE ON audit
    BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END;
";

/// The hash before the first entry.
const GENESIS: [u8; 32] = [0; 32];

/// How many entries are read at once.
const PAGE_LEN: u32 = 1_000;

/// An entry of the trail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuditRow {
    /// Counts from 1 without a gap.
    pub id: i64,
    /// When, nanoseconds since 1970.
    pub at: i64,
    /// What kind of thing: a decision's kind, `owed`, `send`, `delivery`, `sign-in`, `configuration`.
    pub kind: String,
    /// What exactly, as JSON.
    pub body: String,
    /// What binds it to those before it, hexadecimal.
    pub hash: String,
}

/// The end of a trail that holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuditHead {
    /// How many entries there are.
    pub entries: i64,
    /// The hash of the last.
    pub head: String,
}

/// Why a trail does not hold.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// An entry is not what was written.
    #[error("entry {id} was changed, or one before it was taken out: its hash does not fit")]
    Changed {
        /// The first that does not fit.
        id: i64,
    },
    /// An entry is missing.
    #[error("entry {expected} is missing: {found} follows")]
    Missing {
        /// Which.
        expected: i64,
        /// What stands in its place.
        found: i64,
    },
    /// A message that is owed is not the one that was decided.
    #[error("entry {id}: the message of delivery {delivery} was changed")]
    Message {
        /// The entry that owes it.
        id: i64,
        /// Which delivery.
        delivery: String,
    },
    /// A line is no entry.
    #[error("line {line}: this is no entry of a trail")]
    Line {
        /// Which, from 1.
        line: usize,
    },
    /// The export ends before its head.
    #[error("the trail ends after entry {entries} without its head: something was cut off")]
    Cut {
        /// The last entry there is.
        entries: i64,
    },
    /// The head is not that of the entries.
    #[error("the head does not fit the entries before it")]
    Head,
    /// The ledger cannot be read.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The file cannot be read.
    #[error("cannot read the trail")]
    Read(#[from] std::io::Error),
}

/// Follows a trail entry by entry.
struct Chain {
    entries: i64,
    hash: [u8; 32],
}

impl Chain {
    const fn new() -> Self {
        Self { entries: 0, hash: GENESIS }
    }

    fn take(&mut self, row: &AuditRow) -> std::result::Result<(), AuditError> {
        let expected = self.entries + 1;
        if row.id != expected {
            return Err(AuditError::Missing { expected, found: row.id });
        }
        self.hash = bind(&self.hash, row.id, row.at, &row.kind, &row.body);
        if hex(&self.hash) != row.hash {
            return Err(AuditError::Changed { id: row.id });
        }
        self.entries = row.id;
        Ok(())
    }

    fn head(&self) -> AuditHead {
        AuditHead { entries: self.entries, head: hex(&self.hash) }
    }
}

fn bind(before: &[u8; 32], id: i64, at: i64, kind: &str, body: &str) -> [u8; 32] {
    let mut context = digest::Context::new(&SHA256);
    context.update(before);
    for number in [id, at] {
        context.update(&number.to_be_bytes());
    }
    for text in [kind, body] {
        context.update(&(text.len() as u64).to_be_bytes());
        context.update(text.as_bytes());
    }
    let mut hash = GENESIS;
    hash.copy_from_slice(context.finish().as_ref());
    hash
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Adds an entry. `decision` is the id of the decision whose body it is, kept there alone.
pub(super) fn append(
    transaction: &Transaction<'_>,
    at: Timestamp,
    kind: &str,
    decision: Option<i64>,
    body: &str,
) -> Result<()> {
    let doing = "add to the audit trail";
    let mut last = transaction
        .prepare_cached("SELECT id, hash FROM audit ORDER BY id DESC LIMIT 1")
        .doing(doing)?;
    let mut rows = last.query([]).doing(doing)?;
    let (id, before) = match rows.next().doing(doing)? {
        Some(row) => (row.get::<_, i64>(0).doing(doing)?, row.get::<_, [u8; 32]>(1).doing(doing)?),
        None => (0, GENESIS),
    };
    let hash = bind(&before, id + 1, at.nanos(), kind, body);
    let kept = if decision.is_some() { "" } else { body };
    transaction
        .prepare_cached(
            "INSERT INTO audit (id, at, kind, decision, body, hash) VALUES (?, ?, ?, ?, ?, ?)",
        )
        .and_then(|mut insert| {
            insert.execute(params![id + 1, at.nanos(), kind, decision, kept, hash])
        })
        .doing(doing)?;
    Ok(())
}

/// A message is owed: its digest, since the message itself lies beside.
pub(super) fn owed(transaction: &Transaction<'_>, delivery: &Delivery, body: &str) -> Result<()> {
    let digest = hex(digest::digest(&SHA256, body.as_bytes()).as_ref());
    let entry = json!({ "delivery": delivery.key.as_str(), "digest": digest });
    append(transaction, delivery.owed_at, "owed", None, &entry.to_string())
}

/// A configuration was taken over: its digest, since the journal has it whole.
pub(super) fn configured(
    transaction: &Transaction<'_>,
    position: u64,
    bytes: &[u8],
    at: Timestamp,
) -> Result<()> {
    let digest = hex(digest::digest(&SHA256, bytes).as_ref());
    let entry = json!({ "position": position, "digest": digest });
    append(transaction, at, "configuration", None, &entry.to_string())
}

/// A message is sent now.
pub(super) fn sent(
    transaction: &Transaction<'_>,
    key: &DeliveryKey,
    attempt: u32,
    at: Timestamp,
) -> Result<()> {
    let entry = json!({ "delivery": key.as_str(), "attempt": attempt });
    append(transaction, at, "send", None, &entry.to_string())
}

/// What became of a message: outcomes and receipts.
pub(super) fn changed(transaction: &Transaction<'_>, change: &DeliveryChange) -> Result<()> {
    let body = serde_json::to_string(change)
        .map_err(|source| LedgerError::Body { table: "audit", source })?;
    append(transaction, change.at, "delivery", None, &body)
}

const ENTRY: &str = "SELECT a.id, a.at, a.kind, coalesce(d.body, a.body), a.hash
    FROM audit a LEFT JOIN decisions d ON d.id = a.decision";

fn entry(row: &Row<'_>) -> rusqlite::Result<AuditRow> {
    Ok(AuditRow {
        id: row.get(0)?,
        at: row.get(1)?,
        kind: row.get(2)?,
        body: row.get(3)?,
        hash: hex(&row.get::<_, Vec<u8>>(4)?),
    })
}

impl Ledger {
    /// Adds what no decision says: a sign-in, a configuration. `body` is JSON and names persons by id.
    ///
    /// # Errors
    /// If the database fails.
    pub fn audit(&self, at: Timestamp, kind: &str, body: &serde_json::Value) -> Result<()> {
        let doing = "add to the audit trail";
        self.write(|connection| {
            let transaction = connection
                .transaction_with_behavior(TransactionBehavior::Immediate)
                .doing(doing)?;
            append(&transaction, at, kind, None, &body.to_string())?;
            transaction.commit().doing(doing)
        })
    }

    /// The end of the trail as it stands; what is before it is for [`Trail`] to verify.
    ///
    /// # Errors
    /// If the database fails.
    pub fn audit_head(&self) -> Result<AuditHead> {
        let sql = "SELECT id, hash FROM audit ORDER BY id DESC LIMIT 1";
        let rows = self.read(|connection| {
            list(connection, sql, [], |row| {
                Ok(AuditHead { entries: row.get(0)?, head: hex(&row.get::<_, Vec<u8>>(1)?) })
            })
        })?;
        Ok(rows.into_iter().next().unwrap_or_else(|| Chain::new().head()))
    }

    /// Entries after `id` (0 for all), oldest first.
    ///
    /// # Errors
    /// If the database fails.
    pub fn audit_after(&self, id: i64, limit: u32) -> Result<Vec<AuditRow>> {
        self.read(|connection| page(connection, id, limit))
    }

    /// Entries that hold `words` somewhere, letters large or small, newest first; all if `words` is empty.
    ///
    /// # Errors
    /// If the database fails.
    pub fn audit_with(
        &self,
        words: &str,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<AuditRow>> {
        let sql = format!(
            "{ENTRY} WHERE a.id < ?1 AND (?2 = '' OR a.kind = ?2
                OR instr(lower(coalesce(d.body, a.body)), lower(?2)) > 0)
            ORDER BY a.id DESC LIMIT ?3"
        );
        let values = params![before.unwrap_or(i64::MAX), words, limit];
        self.read(|connection| list(connection, &sql, values, entry))
    }
}

fn page(connection: &Connection, after: i64, limit: u32) -> Result<Vec<AuditRow>> {
    let sql = format!("{ENTRY} WHERE a.id > ? ORDER BY a.id LIMIT ?");
    list(connection, &sql, params![after, limit], entry)
}

/// The trail of a ledger that nobody needs to have open.
pub struct Trail(Connection);

impl Trail {
    /// Opens the ledger at `path` for reading.
    ///
    /// # Errors
    /// If the database cannot be opened.
    pub fn open(path: &Path) -> Result<Self> {
        open::reader(path).map(Self)
    }

    /// Hands over every entry in order, checked; gives the head.
    ///
    /// # Errors
    /// [`AuditError`] at the first entry that does not hold.
    pub fn follow(
        &self,
        mut each: impl FnMut(&AuditRow) -> std::io::Result<()>,
    ) -> std::result::Result<AuditHead, AuditError> {
        let mut chain = Chain::new();
        loop {
            let rows = page(&self.0, chain.entries, PAGE_LEN)?;
            if rows.is_empty() {
                return Ok(chain.head());
            }
            for row in &rows {
                chain.take(row)?;
                self.check_message(row)?;
                each(row)?;
            }
        }
    }

    fn check_message(&self, row: &AuditRow) -> std::result::Result<(), AuditError> {
        #[derive(Deserialize)]
        struct Owed {
            delivery: String,
            digest: String,
        }
        if row.kind != "owed" {
            return Ok(());
        }
        let Ok(owed) = serde_json::from_str::<Owed>(&row.body) else {
            return Err(AuditError::Changed { id: row.id });
        };
        let sql = "SELECT body FROM deliveries WHERE key = ?";
        let found = list(&self.0, sql, [&owed.delivery], |row| row.get::<_, String>(0))?;
        let digest = |body: &String| hex(digest::digest(&SHA256, body.as_bytes()).as_ref());
        if found.first().map(digest) != Some(owed.digest) {
            return Err(AuditError::Message { id: row.id, delivery: owed.delivery });
        }
        Ok(())
    }
}

/// Verifies an export: one entry a line, then the head.
///
/// # Errors
/// [`AuditError`] at the first line that does not hold.
pub fn verify_export(lines: impl BufRead) -> std::result::Result<AuditHead, AuditError> {
    let mut chain = Chain::new();
    let mut head = None;
    for (number, line) in lines.split(b'\n').enumerate() {
        let (line, bad) = (line?, AuditError::Line { line: number + 1 });
        if head.is_some() {
            return Err(bad);
        }
        // as it was written, to the byte: another spelling of the same entry is another line
        match (serde_json::from_slice::<AuditRow>(&line), serde_json::from_slice(&line)) {
            (Ok(row), _) if serde_json::to_vec(&row).is_ok_and(|same| same == line) => {
                chain.take(&row)?;
            }
            (_, Ok(end))
                if serde_json::to_vec::<AuditHead>(&end).is_ok_and(|same| same == line) =>
            {
                head = Some(end);
            }
            _ => return Err(bad),
        }
    }
    match head {
        None => Err(AuditError::Cut { entries: chain.entries }),
        Some(head) if head == chain.head() => Ok(head),
        Some(_) => Err(AuditError::Head),
    }
}

#[cfg(test)]
mod tests;
