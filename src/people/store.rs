//! `people.sqlite`. What comes out of the personal table is noted in the same transaction.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;
use reading::Timestamp;
use rusqlite::{Connection, ErrorCode, OptionalExtension, Row, Transaction, params};
use serde_json::{Value, json};

use super::role::{Areas, Role, Scope};
use super::roster::{Roster, Token, User};
use super::second_factor::SecondFactor;
use super::{PeopleError, user_id};
use crate::store::{self, OpenError};

type Result<T> = std::result::Result<T, PeopleError>;

const FILE: &str = "people.sqlite";

/// The layout of the file.
pub const LAYOUT: i64 = 1;

const SCHEMA: &str = "
CREATE TABLE user (
    id TEXT PRIMARY KEY, role TEXT NOT NULL, areas TEXT NOT NULL, password TEXT NOT NULL,
    must_change INTEGER NOT NULL, disabled INTEGER NOT NULL DEFAULT 0, factor BLOB,
    step INTEGER NOT NULL DEFAULT 0, epoch INTEGER NOT NULL DEFAULT 1, made_at INTEGER NOT NULL) STRICT;
CREATE TABLE person (
    id TEXT PRIMARY KEY REFERENCES user (id), name TEXT NOT NULL, phone TEXT NOT NULL, mail TEXT NOT NULL) STRICT;
CREATE TABLE session (
    key BLOB PRIMARY KEY, user TEXT NOT NULL REFERENCES user (id), epoch INTEGER NOT NULL, second INTEGER NOT NULL,
    opened_at INTEGER NOT NULL, seen_at INTEGER NOT NULL) STRICT;
CREATE TABLE token (
    name TEXT PRIMARY KEY, digest BLOB NOT NULL UNIQUE, user TEXT NOT NULL REFERENCES user (id),
    scope TEXT NOT NULL, made_at INTEGER NOT NULL, expires_at INTEGER NOT NULL) STRICT;
CREATE TABLE note (id INTEGER PRIMARY KEY, kind TEXT NOT NULL, body TEXT NOT NULL) STRICT;
";

const DETAIL_LEN_MAX: usize = 200;

/// Somebody to be added.
pub struct NewUser<'a> {
    /// By which they are known; never used again.
    pub id: &'a str,
    /// What they may do.
    pub role: Role,
    /// Where.
    pub areas: Areas,
    /// The hash of their first password.
    pub password: &'a str,
    /// What is personal about them.
    pub details: Details,
}

/// What is personal about a user. Empty texts are unknown.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Details {
    /// What they are called.
    pub name: String,
    /// Their number.
    pub phone: String,
    /// Their address.
    pub mail: String,
}

impl std::fmt::Debug for Details {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Details")
    }
}

impl Details {
    fn checked(&self) -> Result<&Self> {
        for (what, text) in [("name", &self.name), ("phone", &self.phone), ("mail", &self.mail)] {
            if text.chars().count() > DETAIL_LEN_MAX || text.chars().any(char::is_control) {
                return Err(PeopleError::Detail(what));
            }
        }
        Ok(self)
    }
}

/// A session as it survives a restart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// The SHA-256 of its secret.
    pub key: [u8; 32],
    /// Whose.
    pub user: Arc<str>,
    /// The user's epoch when it was opened.
    pub epoch: i64,
    /// Whether a second factor was given.
    pub second: bool,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// When it was used last, to the minute.
    pub seen_at: Timestamp,
}

/// A token, as its list shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenRow {
    /// What it is called.
    pub name: String,
    /// Whose.
    pub user: String,
    /// What for.
    pub scope: Scope,
    /// Until when.
    pub expires_at: Timestamp,
}

/// Something that belongs into the audit trail and is not there yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// Which.
    pub id: i64,
    /// What kind of entry.
    pub kind: String,
    /// The entry, JSON.
    pub body: String,
}

/// The file, open.
pub struct Store {
    connection: Mutex<Connection>,
}

trait Doing<T> {
    fn doing(self, doing: &'static str) -> Result<T>;
}

impl<T> Doing<T> for rusqlite::Result<T> {
    fn doing(self, doing: &'static str) -> Result<T> {
        self.map_err(|source| PeopleError::Database { doing, source })
    }
}

impl Store {
    /// Opens the file in the data directory; made, for its owner alone, if there is none.
    ///
    /// # Errors
    /// [`PeopleError`].
    pub fn open(data_dir: &Path) -> Result<Self> {
        let path = data_dir.join(FILE);
        close_to_others(&path)?;
        let connection = store::open(&path, SCHEMA, LAYOUT).map_err(|error| match error {
            OpenError::Database(source) => PeopleError::Database { doing: "open the file", source },
            OpenError::Newer(found) => PeopleError::Newer { path, found },
        })?;
        connection.pragma_update(None, "secure_delete", "on").doing("set up the file")?;
        Ok(Self { connection: Mutex::new(connection) })
    }

    /// Adds a user, who has to choose a password at the first sign-in.
    ///
    /// # Errors
    /// [`PeopleError::Taken`], also for somebody who was erased: an id means one person for good.
    pub fn add(&self, new: &NewUser<'_>, by: &str, now: Timestamp) -> Result<()> {
        let (id, details) = (user_id(new.id)?, new.details.checked()?);
        self.change("add a user", |transaction| {
            let values =
                params![id, new.role.name(), new.areas.to_string(), new.password, now.nanos()];
            let added = transaction.execute(
                "INSERT INTO user (id, role, areas, password, must_change, made_at) VALUES (?, ?, ?, ?, 1, ?)",
                values,
            );
            match added {
                Err(rusqlite::Error::SqliteFailure(failure, _))
                    if failure.code == ErrorCode::ConstraintViolation =>
                {
                    return Err(PeopleError::Taken(id.into()));
                }
                added => added.doing("add a user")?,
            };
            write_details(transaction, id, details)?;
            let role = new.role.name();
            let entry = json!({ "what": "added", "user": id, "role": role, "areas": new.areas.to_string() });
            note(transaction, "user", by, now, entry)
        })
    }

    /// Replaces what is personal about a user.
    ///
    /// # Errors
    /// [`PeopleError::Unknown`], [`PeopleError::Detail`].
    pub fn set_details(&self, id: &str, details: &Details, by: &str, now: Timestamp) -> Result<()> {
        let details = details.checked()?;
        self.change("write what is personal", |transaction| {
            known(transaction, id)?;
            write_details(transaction, id, details)?;
            note(transaction, "user", by, now, json!({ "what": "details", "user": id }))
        })
    }

    /// Forgets what is personal about a user and lets them in no more. Their id stays.
    ///
    /// # Errors
    /// [`PeopleError::Unknown`].
    pub fn erase(&self, id: &str, by: &str, now: Timestamp) -> Result<()> {
        self.change("erase a person", |transaction| {
            known(transaction, id)?;
            transaction.execute("DELETE FROM person WHERE id = ?", [id]).doing("erase a person")?;
            transaction
                .execute(
                    "UPDATE user SET disabled = 1, password = '', factor = NULL, epoch = epoch + 1 WHERE id = ?",
                    [id],
                )
                .doing("erase a person")?;
            note(transaction, "user", by, now, json!({ "what": "erased", "user": id }))
        })
    }

    /// Lets a user in no more, or again. Every session of theirs ends, and their tokens are worth nothing.
    ///
    /// # Errors
    /// [`PeopleError::Unknown`].
    pub fn set_disabled(&self, id: &str, disabled: bool, by: &str, now: Timestamp) -> Result<()> {
        let what = if disabled { "disabled" } else { "enabled" };
        self.update(
            id,
            "UPDATE user SET disabled = ?, epoch = epoch + 1 WHERE id = ?",
            params![disabled, id],
            by,
            now,
            json!({ "what": what, "user": id }),
        )
    }

    /// Changes what a user may do, and where, by their tokens too. Every session of theirs ends.
    ///
    /// # Errors
    /// [`PeopleError::Unknown`].
    pub fn set_role(
        &self,
        id: &str,
        role: Role,
        areas: &Areas,
        by: &str,
        now: Timestamp,
    ) -> Result<()> {
        let areas = areas.to_string();
        self.update(
            id,
            "UPDATE user SET role = ?, areas = ?, epoch = epoch + 1 WHERE id = ?",
            params![role.name(), areas, id],
            by,
            now,
            json!({ "what": "role", "user": id, "role": role.name(), "areas": areas }),
        )
    }

    /// Sets a password by its hash: a user's own, or one that has to be changed. Every session of theirs ends.
    ///
    /// # Errors
    /// [`PeopleError::Unknown`].
    pub fn set_password(
        &self,
        id: &str,
        hash: &str,
        must_change: bool,
        by: &str,
        now: Timestamp,
    ) -> Result<()> {
        self.update(
            id,
            "UPDATE user SET password = ?, must_change = ?, epoch = epoch + 1 WHERE id = ?",
            params![hash, must_change, id],
            by,
            now,
            json!({ "what": "password", "user": id }),
        )
    }

    /// Sets up a second factor, or takes it away, which ends every session of theirs.
    ///
    /// # Errors
    /// [`PeopleError::Unknown`].
    pub fn set_factor(
        &self,
        id: &str,
        factor: Option<&SecondFactor>,
        by: &str,
        now: Timestamp,
    ) -> Result<()> {
        let bytes = factor.map(|factor| factor.bytes().to_vec());
        let gone = factor.is_none();
        let what = if gone { "second-factor-removed" } else { "second-factor" };
        self.update(
            id,
            "UPDATE user SET factor = ?, step = 0, epoch = epoch + ? WHERE id = ?",
            params![bytes, i64::from(gone), id],
            by,
            now,
            json!({ "what": what, "user": id }),
        )
    }

    /// Uses up the code of a step; whether it, and no later one, was used before.
    ///
    /// # Errors
    /// If the database fails.
    pub fn use_step(&self, id: &str, step: u64) -> Result<bool> {
        let step = i64::try_from(step).unwrap_or(i64::MAX);
        let used = self
            .connection
            .lock()
            .execute("UPDATE user SET step = ?1 WHERE id = ?2 AND step < ?1", params![step, id])
            .doing("use a code")?;
        Ok(used == 1)
    }

    /// What is personal about users, by id. That `by` read it, and of whom, is noted.
    ///
    /// # Errors
    /// If the database fails.
    pub fn details(&self, by: &str, now: Timestamp) -> Result<Vec<(String, Details)>> {
        self.change("read what is personal", |transaction| {
            let rows: Vec<(String, Details)> =
                rows(transaction, "SELECT id, name, phone, mail FROM person ORDER BY id", |row| {
                    let details =
                        Details { name: row.get(1)?, phone: row.get(2)?, mail: row.get(3)? };
                    Ok((row.get(0)?, details))
                })?;
            let of: Vec<&str> = rows.iter().map(|(id, _)| id.as_str()).collect();
            note(transaction, "personal-data", by, now, json!({ "what": "read", "of": of }))?;
            Ok(rows)
        })
    }

    /// Everybody and every token as of now.
    ///
    /// # Errors
    /// If the database fails.
    pub fn roster(&self) -> Result<Roster> {
        let mut connection = self.connection.lock();
        let transaction = connection.transaction().doing("read the users")?;
        let users =
            "SELECT id, role, areas, password, must_change, disabled, factor, epoch FROM user";
        let tokens = "SELECT digest, user, scope, expires_at FROM token";
        let users: Vec<User> = rows(&transaction, users, user)?;
        Ok(Roster {
            users: users.into_iter().map(|user| (user.id.clone(), user)).collect(),
            tokens: rows(&transaction, tokens, |row| {
                Ok(Token {
                    digest: row.get(0)?,
                    user: row.get::<_, String>(1)?.into(),
                    scope: scope(row, 2)?,
                    expires_at: Timestamp::from_nanos(row.get(3)?),
                })
            })?,
        })
    }

    /// A number that differs after another process has changed something.
    ///
    /// # Errors
    /// If the database fails.
    pub fn version(&self) -> Result<i64> {
        let connection = self.connection.lock();
        connection
            .pragma_query_value(None, "data_version", |row| row.get(0))
            .doing("look for changes")
    }

    /// Adds a token by the SHA-256 of its text.
    ///
    /// # Errors
    /// [`PeopleError::Unknown`], [`PeopleError::TokenTaken`].
    pub fn add_token(
        &self,
        token: &TokenRow,
        digest: &[u8; 32],
        by: &str,
        now: Timestamp,
    ) -> Result<()> {
        let TokenRow { name, user, scope, expires_at } = token;
        self.change("add a token", |transaction| {
            known(transaction, user)?;
            let added = transaction.execute(
                "INSERT OR IGNORE INTO token (name, digest, user, scope, made_at, expires_at)
                 VALUES (?, ?, ?, ?, ?, ?)",
                params![name, digest, user, scope.name(), now.nanos(), expires_at.nanos()],
            );
            if added.doing("add a token")? == 0 {
                return Err(PeopleError::TokenTaken(name.clone()));
            }
            let entry =
                json!({ "what": "token", "user": user, "token": name, "scope": scope.name() });
            note(transaction, "user", by, now, entry)
        })
    }

    /// Takes a token back.
    ///
    /// # Errors
    /// [`PeopleError::NoToken`].
    pub fn revoke_token(&self, name: &str, by: &str, now: Timestamp) -> Result<()> {
        self.change("take a token back", |transaction| {
            let gone = transaction.execute("DELETE FROM token WHERE name = ?", [name]);
            if gone.doing("take a token back")? == 0 {
                return Err(PeopleError::NoToken(name.into()));
            }
            note(transaction, "user", by, now, json!({ "what": "token-revoked", "token": name }))
        })
    }

    /// Every token, by name.
    ///
    /// # Errors
    /// If the database fails.
    pub fn tokens(&self) -> Result<Vec<TokenRow>> {
        let mut connection = self.connection.lock();
        let transaction = connection.transaction().doing("read the tokens")?;
        rows(&transaction, "SELECT name, user, scope, expires_at FROM token ORDER BY name", |row| {
            Ok(TokenRow {
                name: row.get(0)?,
                user: row.get(1)?,
                scope: scope(row, 2)?,
                expires_at: Timestamp::from_nanos(row.get(3)?),
            })
        })
    }

    /// Every session that was kept.
    ///
    /// # Errors
    /// If the database fails.
    pub fn sessions(&self) -> Result<Vec<Kept>> {
        let mut connection = self.connection.lock();
        let transaction = connection.transaction().doing("read the sessions")?;
        let wanted = "SELECT key, user, epoch, second, opened_at, seen_at FROM session";
        rows(&transaction, wanted, |row| {
            Ok(Kept {
                key: row.get(0)?,
                user: row.get::<_, String>(1)?.into(),
                epoch: row.get(2)?,
                second: row.get(3)?,
                opened_at: Timestamp::from_nanos(row.get(4)?),
                seen_at: Timestamp::from_nanos(row.get(5)?),
            })
        })
    }

    /// Makes the kept sessions these and no others.
    ///
    /// # Errors
    /// If the database fails.
    pub fn keep_sessions(&self, sessions: &[Kept]) -> Result<()> {
        let doing = "keep the sessions";
        self.change(doing, |transaction| {
            transaction.execute("DELETE FROM session", []).doing(doing)?;
            let mut insert = transaction
                .prepare(
                    "INSERT INTO session (key, user, epoch, second, opened_at, seen_at)
                     SELECT ?1, id, ?3, ?4, ?5, ?6 FROM user WHERE id = ?2",
                )
                .doing(doing)?;
            for one in sessions {
                let (opened, seen) = (one.opened_at.nanos(), one.seen_at.nanos());
                insert
                    .execute(params![one.key, &*one.user, one.epoch, one.second, opened, seen])
                    .doing(doing)?;
            }
            Ok(())
        })
    }

    /// What the trail does not have yet, oldest first.
    ///
    /// # Errors
    /// If the database fails.
    pub fn notes(&self) -> Result<Vec<Note>> {
        let mut connection = self.connection.lock();
        let transaction = connection.transaction().doing("read the notes")?;
        rows(&transaction, "SELECT id, kind, body FROM note ORDER BY id LIMIT 256", |row| {
            Ok(Note { id: row.get(0)?, kind: row.get(1)?, body: row.get(2)? })
        })
    }

    /// The trail has everything up to this note.
    ///
    /// # Errors
    /// If the database fails.
    pub fn noted(&self, id: i64) -> Result<()> {
        let connection = self.connection.lock();
        connection
            .execute("DELETE FROM note WHERE id <= ?", [id])
            .doing("take notes away")
            .map(|_| ())
    }

    fn change<T>(
        &self,
        doing: &'static str,
        work: impl FnOnce(&Transaction<'_>) -> Result<T>,
    ) -> Result<T> {
        let mut connection = self.connection.lock();
        let transaction = immediate(&mut connection)?;
        let done = work(&transaction)?;
        transaction.commit().doing(doing)?;
        Ok(done)
    }

    fn update(
        &self,
        id: &str,
        sql: &'static str,
        values: impl rusqlite::Params,
        by: &str,
        now: Timestamp,
        entry: Value,
    ) -> Result<()> {
        self.change("change a user", |transaction| {
            if transaction.execute(sql, values).doing("change a user")? == 0 {
                return Err(PeopleError::Unknown(id.into()));
            }
            note(transaction, "user", by, now, entry)
        })
    }
}

fn immediate(connection: &mut Connection) -> Result<Transaction<'_>> {
    let behavior = rusqlite::TransactionBehavior::Immediate;
    connection.transaction_with_behavior(behavior).doing("begin to write")
}

/// Makes the file before the database does, which would let others read it.
fn close_to_others(path: &PathBuf) -> Result<()> {
    let file = |doing| move |source| PeopleError::File { path: path.clone(), doing, source };
    let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    match made {
        Ok(_) => {
            // Made by root for the service: it belongs to whom the folder belongs.
            if let Some(owner) = path.parent().and_then(|folder| fs::metadata(folder).ok()) {
                chown(path, Some(owner.uid()), Some(owner.gid())).ok();
            }
            Ok(())
        }
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            let mode = fs::metadata(path).map_err(file("look at it"))?.permissions().mode();
            if mode & 0o077 != 0 {
                fs::set_permissions(path, fs::Permissions::from_mode(0o600))
                    .map_err(file("close it to others"))?;
            }
            Ok(())
        }
        Err(source) => Err(file("make it")(source)),
    }
}

fn rows<T>(
    transaction: &Transaction<'_>,
    sql: &str,
    read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
) -> Result<Vec<T>> {
    let doing = "read";
    let mut statement = transaction.prepare(sql).doing(doing)?;
    let rows = statement.query_map([], read).doing(doing)?;
    rows.collect::<rusqlite::Result<_>>().doing(doing)
}

fn user(row: &Row<'_>) -> rusqlite::Result<User> {
    let factor: Option<[u8; 20]> = row.get(6)?;
    let areas: String = row.get(2)?;
    let role: String = row.get(1)?;
    Ok(User {
        id: row.get::<_, String>(0)?.into(),
        role: Role::parse(&role).ok_or_else(|| unreadable(1))?,
        areas: Areas::parse(&areas).map_err(|_| unreadable(2))?,
        password: row.get::<_, String>(3)?.into(),
        must_change: row.get(4)?,
        disabled: row.get(5)?,
        factor: factor.map(SecondFactor::kept),
        epoch: row.get(7)?,
    })
}

fn scope(row: &Row<'_>, column: usize) -> rusqlite::Result<Scope> {
    Scope::parse(&row.get::<_, String>(column)?).ok_or_else(|| unreadable(column))
}

fn unreadable(column: usize) -> rusqlite::Error {
    rusqlite::Error::InvalidColumnType(column, "a word of ours".into(), rusqlite::types::Type::Text)
}

/// Whether there is a user of that id.
fn known(transaction: &Transaction<'_>, id: &str) -> Result<()> {
    let found = transaction
        .query_row("SELECT 1 FROM user WHERE id = ?", [id], |_| Ok(()))
        .optional()
        .doing("look for a user")?;
    found.ok_or_else(|| PeopleError::Unknown(id.into()))
}

fn write_details(transaction: &Transaction<'_>, id: &str, details: &Details) -> Result<()> {
    let Details { name, phone, mail } = details;
    let sql = "INSERT OR REPLACE INTO person (id, name, phone, mail) VALUES (?, ?, ?, ?)";
    transaction.execute(sql, [id, name, phone, mail]).doing("write what is personal").map(|_| ())
}

/// Notes for the trail who did what when.
fn note(
    transaction: &Transaction<'_>,
    kind: &str,
    by: &str,
    now: Timestamp,
    mut entry: Value,
) -> Result<()> {
    entry["by"] = by.into();
    entry["done_at"] = now.to_string().into();
    transaction
        .execute("INSERT INTO note (kind, body) VALUES (?, ?)", [kind, &entry.to_string()])
        .doing("note for the trail")
        .map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_secs(1_780_000_000 + seconds as i64)
    }

    fn store() -> (tempfile::TempDir, Store) {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        (folder, store)
    }

    fn add(store: &Store, id: &str, role: Role) {
        let details = Details {
            name: "홍길동 이몽룡".into(),
            phone: "+82-10-0000-0000".into(),
            mail: "hong@city.example.kr".into(),
        };
        let areas = Areas::parse("11110").unwrap();
        let new = NewUser { id, role, areas, password: "$hash", details };
        store.add(&new, "administrator", at(0)).unwrap();
    }

    #[test]
    fn users_are_kept_and_told_apart() {
        let (folder, store) = store();
        add(&store, "hong", Role::Operator);
        let again = NewUser {
            id: "hong",
            role: Role::Viewer,
            areas: Areas::default(),
            password: "$",
            details: Details::default(),
        };
        assert!(matches!(store.add(&again, "x", at(0)), Err(PeopleError::Taken(_))));
        for bad in ["administrator", "Kim", "", "../etc", "김"] {
            let bad =
                NewUser { id: bad, details: Details::default(), areas: Areas::default(), ..again };
            assert!(matches!(store.add(&bad, "x", at(0)), Err(PeopleError::Id(_))));
        }
        assert!(matches!(
            store.set_password("lee", "$", false, "x", at(0)),
            Err(PeopleError::Unknown(_))
        ));
        let mode = fs::metadata(folder.path().join(FILE)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let other = Store::open(folder.path()).unwrap();
        let before = store.version().unwrap();
        other.set_disabled("hong", true, "x", at(1)).unwrap();
        assert_ne!(store.version().unwrap(), before, "another process is noticed");
        let roster = store.roster().unwrap();
        let hong = roster.user("hong").unwrap();
        assert!(hong.disabled && hong.must_change);
        assert!(roster.holder("hong", hong.epoch).is_none(), "who is disabled holds nothing");
    }

    #[test]
    fn what_changes_a_user_ends_their_sessions() {
        let (_folder, store) = store();
        add(&store, "hong", Role::Approver);
        let epoch = |store: &Store| store.roster().unwrap().user("hong").unwrap().epoch;
        let token = TokenRow {
            name: "script".into(),
            user: "hong".into(),
            scope: Scope::Order,
            expires_at: at(100),
        };
        store.add_token(&token, &[7; 32], "x", at(0)).unwrap();
        assert!(matches!(
            store.add_token(&token, &[8; 32], "x", at(0)),
            Err(PeopleError::TokenTaken(_))
        ));
        let (person, scope) = store.roster().unwrap().bearer(&[7; 32], at(99)).unwrap();
        assert_eq!((person.role, scope), (Role::Operator, Scope::Order), "the lesser of both");
        assert!(store.roster().unwrap().bearer(&[7; 32], at(100)).is_none(), "it expires");
        assert!(store.roster().unwrap().bearer(&[8; 32], at(0)).is_none());
        let factor = SecondFactor::new().unwrap();
        type Change<'a> = &'a dyn Fn(&Store) -> Result<()>;
        let table: [(&str, bool, Change<'_>); 5] = [
            ("a factor set up", false, &|s| s.set_factor("hong", Some(&factor), "x", at(1))),
            ("a factor taken away", true, &|s| s.set_factor("hong", None, "x", at(1))),
            ("another password", true, &|s| s.set_password("hong", "$", false, "x", at(1))),
            ("another role", true, &|s| {
                s.set_role("hong", Role::Viewer, &Areas::default(), "x", at(1))
            }),
            ("let in no more", true, &|s| s.set_disabled("hong", true, "x", at(1))),
        ];
        for (what, ends, change) in table {
            let before = epoch(&store);
            change(&store).unwrap();
            assert_eq!(epoch(&store) != before, ends, "{what}");
        }
        assert!(store.roster().unwrap().bearer(&[7; 32], at(0)).is_none());
        store.revoke_token("script", "x", at(2)).unwrap();
        assert!(matches!(store.revoke_token("script", "x", at(2)), Err(PeopleError::NoToken(_))));
    }

    #[test]
    fn a_code_is_used_once() {
        let (_folder, store) = store();
        add(&store, "hong", Role::Approver);
        for (step, taken) in [(10, true), (10, false), (9, false), (11, true)] {
            assert_eq!(store.use_step("hong", step).unwrap(), taken, "{step}");
        }
    }

    #[test]
    fn who_is_erased_leaves_an_id_and_no_byte_more() {
        let (folder, store) = store();
        add(&store, "hong", Role::Operator);
        add(&store, "lee", Role::Viewer);
        let new = Details { name: "성춘향".into(), ..Details::default() };
        store.set_details("lee", &new, "administrator", at(1)).unwrap();
        store.erase("hong", "administrator", at(2)).unwrap();
        let mut bytes = Vec::new();
        for entry in fs::read_dir(folder.path()).unwrap() {
            bytes.extend(fs::read(entry.unwrap().path()).unwrap());
        }
        let has = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
        assert!(has("성춘향"));
        for gone in ["홍길동", "0000-0000", "hong@city"] {
            assert!(!has(gone), "{gone}");
        }
        assert!(matches!(
            store.add(
                &NewUser {
                    id: "hong",
                    role: Role::Viewer,
                    areas: Areas::default(),
                    password: "$",
                    details: Details::default()
                },
                "x",
                at(3)
            ),
            Err(PeopleError::Taken(_))
        ));
    }

    #[test]
    fn whoever_reads_what_is_personal_is_noted() {
        let (_folder, store) = store();
        add(&store, "hong", Role::Operator);
        store.noted(store.notes().unwrap().last().unwrap().id).unwrap();
        let read = store.details("kim", at(5)).unwrap();
        assert_eq!(read[0].1.name, "홍길동 이몽룡");
        let notes = store.notes().unwrap();
        assert_eq!(notes.len(), 1);
        assert_eq!(notes[0].kind, "personal-data");
        let body: Value = serde_json::from_str(&notes[0].body).unwrap();
        assert_eq!((&body["by"], &body["of"]), (&json!("kim"), &json!(["hong"])));
        assert!(!notes[0].body.contains("홍길동"), "the trail has no names");
        assert!(store.details("kim", at(6)).is_ok_and(|_| store.notes().unwrap().len() == 2));
    }

    #[test]
    fn sessions_are_there_after_a_restart() {
        let (folder, store) = store();
        add(&store, "hong", Role::Operator);
        let kept = |user: &str| Kept {
            key: [3; 32],
            user: user.into(),
            epoch: 1,
            second: true,
            opened_at: at(1),
            seen_at: at(2),
        };
        store.keep_sessions(&[kept("hong"), Kept { key: [4; 32], ..kept("nobody") }]).unwrap();
        drop(store);
        let store = Store::open(folder.path()).unwrap();
        assert_eq!(store.sessions().unwrap(), [kept("hong")]);
        store.keep_sessions(&[]).unwrap();
        assert_eq!(store.sessions().unwrap(), []);
    }
}
