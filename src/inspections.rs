//! What people found where they stood: orders to inspect, repair or diagnose, what came of them, and photographs.
//!
//! A file of its own beside the ledger, `inspections.sqlite`, and a folder `photos/`: nothing decides by them, and
//! neither is needed for an alert to go out. What is decided by what somebody sees is a report (신고·예찰), which the
//! engine takes. Who did what also goes into the audit trail.

use std::path::{Path, PathBuf};

use parking_lot::Mutex;
use reading::Timestamp;
use ring::digest;
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::{Deserialize, Serialize};

use crate::store::{self, OpenError};
use crate::vitals;

/// The largest photograph, bytes.
pub const PHOTO_LEN_MAX: usize = 8 << 20;

/// How many photographs are kept; whoever runs bongsu moves old ones away.
pub const PHOTOS_MAX: i64 = 50_000;

/// How much they may take up together, bytes.
pub const PHOTOS_LEN_MAX: i64 = 20 << 30;

/// The longest text.
pub const TEXT_LEN_MAX: usize = 2_000;

/// How many changes are remembered by the name their client gave them.
pub const NAMES_MAX: i64 = 10_000;

const FILE: &str = "inspections.sqlite";
const FOLDER: &str = "photos";
/// Layout of the file.
pub const LAYOUT: i64 = 1;

const SCHEMA: &str = "
CREATE TABLE inspection (
    id INTEGER PRIMARY KEY, site TEXT NOT NULL, incident TEXT NOT NULL, kind TEXT NOT NULL, what TEXT NOT NULL,
    due TEXT NOT NULL, opened_at INTEGER NOT NULL, opened_by TEXT NOT NULL,
    closed_at INTEGER, closed_by TEXT, result TEXT);
CREATE INDEX inspection_site ON inspection (site, id);
CREATE TABLE entry (
    id INTEGER PRIMARY KEY, inspection INTEGER NOT NULL REFERENCES inspection (id), at INTEGER NOT NULL, by TEXT NOT NULL,
    note TEXT NOT NULL);
CREATE INDEX entry_inspection ON entry (inspection, id);
CREATE TABLE photo (
    id TEXT NOT NULL, site TEXT NOT NULL, about TEXT NOT NULL, form TEXT NOT NULL, length INTEGER NOT NULL,
    at INTEGER NOT NULL, by TEXT NOT NULL, PRIMARY KEY (id, site, about));
CREATE INDEX photo_site ON photo (site, at);
";

/// What was done under which name. Apart from the layout, for files that were made before there was one.
const NAMES: &str = "
CREATE TABLE IF NOT EXISTS given (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, said TEXT NOT NULL, inspection INTEGER NOT NULL)";

/// What is ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Work {
    /// 현장점검: somebody goes and looks.
    Inspection,
    /// 보수·보강: something is mended.
    Repair,
    /// 정밀안전진단: engineers diagnose it.
    Diagnosis,
}

impl Work {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Inspection, Self::Repair, Self::Diagnosis];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Inspection => "inspection",
            Self::Repair => "repair",
            Self::Diagnosis => "diagnosis",
        }
    }

    /// Its word in the catalogue.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Inspection => "work-inspection",
            Self::Repair => "work-repair",
            Self::Diagnosis => "work-diagnosis",
        }
    }

    fn parse(name: &str) -> Self {
        Self::ALL.into_iter().find(|work| work.name() == name).unwrap_or(Self::Inspection)
    }
}

/// What a photograph is written in, by its first bytes, whatever its sender calls it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// JPEG.
    Jpeg,
    /// PNG.
    Png,
    /// WebP.
    WebP,
}

impl Form {
    /// The form of these bytes, if they are a photograph.
    pub fn of(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [0xFF, 0xD8, 0xFF, ..] => Some(Self::Jpeg),
            [0x89, b'P', b'N', b'G', 0x0D, 0x0A, 0x1A, 0x0A, ..] => Some(Self::Png),
            [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some(Self::WebP),
            _ => None,
        }
    }

    /// Its media type.
    pub const fn media(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
            Self::WebP => "image/webp",
        }
    }

    fn parse(media: &str) -> Option<Self> {
        [Self::Jpeg, Self::Png, Self::WebP].into_iter().find(|form| form.media() == media)
    }
}

/// What somebody is to do at a site, and what came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Inspection {
    /// Which.
    pub id: i64,
    /// Where.
    pub site: String,
    /// Because of which incident; empty if of none.
    pub incident: String,
    /// What kind of work.
    pub kind: Work,
    /// What is to be done.
    pub what: String,
    /// By which day, as people wrote it; may be empty.
    pub due: String,
    /// When it was ordered.
    pub opened_at: Timestamp,
    /// By whom, by user id.
    pub opened_by: String,
    /// What was noted on the way.
    pub entries: Vec<Entry>,
    /// What came of it, once it is done.
    pub done: Option<Done>,
}

/// A note on the way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// When.
    pub at: Timestamp,
    /// By whom.
    pub by: String,
    /// What.
    pub note: String,
}

/// What came of work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Done {
    /// When.
    pub at: Timestamp,
    /// Who says so.
    pub by: String,
    /// What was found, or done.
    pub result: String,
}

/// A photograph.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Photo {
    /// The beginning of its SHA-256, hexadecimal: the same picture is kept once.
    pub id: String,
    /// Of which site.
    pub site: String,
    /// What it belongs to: a report by its id, `inspection-{id}`, or nothing.
    pub about: String,
    /// Its media type.
    pub media: &'static str,
    /// Bytes.
    pub length: i64,
    /// When it came.
    pub at: Timestamp,
    /// From whom.
    pub by: String,
}

/// Work as it is ordered.
pub struct NewWork<'a> {
    /// Where.
    pub site: &'a str,
    /// Because of which incident; empty if of none.
    pub incident: &'a str,
    /// What kind.
    pub kind: Work,
    /// What is to be done.
    pub what: &'a str,
    /// By which day; may be empty.
    pub due: &'a str,
}

/// Why something was not taken.
#[derive(Debug, thiserror::Error)]
pub enum InspectionError {
    /// There is no such work, or it is done.
    #[error("there is no such work under way")]
    Unknown,
    /// It says nothing, or too much.
    #[error("a text has 1 to {TEXT_LEN_MAX} characters")]
    Text,
    /// Something else was done under this name.
    #[error("this name was used for something else")]
    Reused,
    /// What came is no photograph.
    #[error("a photograph is JPEG, PNG or WebP")]
    NoPhoto,
    /// There are as many as are kept.
    #[error("no more photographs are kept: move old ones out of the folder `photos`")]
    Full,
    /// The disk has no room to spare.
    #[error("the disk has no room for photographs: readings and alerts need what is left")]
    NoRoom,
    /// The file or a photograph failed.
    #[error("{doing}: {source}; check the disk and the rights of the data directory")]
    Database {
        /// What was being done.
        doing: &'static str,
        /// Why it failed.
        source: rusqlite::Error,
    },
    /// A photograph could not be written or read.
    #[error("{}: {source}; check the disk and the rights of the data directory", path.display())]
    Photo {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file was written by a newer version.
    #[error("{} has layout {found}, which is newer than this version knows", path.display())]
    Newer {
        /// Which file.
        path: PathBuf,
        /// Its layout.
        found: i64,
    },
}

type Result<T> = std::result::Result<T, InspectionError>;

trait Doing<T> {
    fn doing(self, doing: &'static str) -> Result<T>;
}

impl<T> Doing<T> for rusqlite::Result<T> {
    fn doing(self, doing: &'static str) -> Result<T> {
        self.map_err(|source| InspectionError::Database { doing, source })
    }
}

/// The file and the photographs.
pub struct Inspections {
    connection: Mutex<Connection>,
    folder: PathBuf,
    leave: u64,
}

impl Inspections {
    /// Opens the file in the data directory; made if there is none. Photographs leave so many bytes of the disk alone.
    ///
    /// # Errors
    /// [`InspectionError`].
    pub fn open(data_dir: &Path, leave: u64) -> Result<Self> {
        let (path, folder) = (data_dir.join(FILE), data_dir.join(FOLDER));
        let connection = store::open(&path, SCHEMA, LAYOUT).map_err(|error| match error {
            OpenError::Database(source) => {
                InspectionError::Database { doing: "open inspections", source }
            }
            OpenError::Newer(found) => InspectionError::Newer { path, found },
        })?;
        connection.execute_batch(NAMES).doing("open inspections")?;
        std::fs::create_dir_all(&folder)
            .map_err(|source| InspectionError::Photo { path: folder.clone(), source })?;
        Ok(Self { connection: Mutex::new(connection), folder, leave })
    }

    /// Does something about work once under its name, however often it is asked and whatever restarts lie between. The
    /// number of the work, and whether it was done now.
    ///
    /// # Errors
    /// [`InspectionError::Reused`] if something else was done under the name, what `with` fails of, or the file.
    pub fn once(
        &self,
        name: &str,
        said: &str,
        with: impl FnOnce(&Changes<'_>) -> Result<i64>,
    ) -> Result<(i64, bool)> {
        let doing = "do something once";
        let mut connection = self.connection.lock();
        let transaction = connection.transaction().doing(doing)?;
        let sql = "SELECT said, inspection FROM given WHERE name = ?";
        let before = transaction.query_row(sql, [name], |row| Ok((row.get(0)?, row.get(1)?)));
        let before: Option<(String, i64)> = before.optional().doing(doing)?;
        if let Some((before, id)) = before {
            return if before == said { Ok((id, false)) } else { Err(InspectionError::Reused) };
        }
        let id = with(&Changes(&transaction))?;
        let sql = "INSERT INTO given (name, said, inspection) VALUES (?, ?, ?)";
        transaction.execute(sql, params![name, said, id]).doing(doing)?;
        let sql = "DELETE FROM given WHERE id <= (SELECT max(id) FROM given) - ?";
        transaction.execute(sql, [NAMES_MAX]).doing(doing)?;
        transaction.commit().doing(doing)?;
        Ok((id, true))
    }

    /// Work at a site, or anywhere; newest first.
    ///
    /// # Errors
    /// If the file fails.
    pub fn list(
        &self,
        site: Option<&str>,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<Inspection>> {
        let doing = "list work";
        let connection = self.connection.lock();
        let mut found = connection
            .prepare(
                "SELECT id, site, incident, kind, what, due, opened_at, opened_by, closed_at, closed_by, result
                FROM inspection WHERE (site = ?1 OR ?1 IS NULL) AND id < ?2 ORDER BY id DESC LIMIT ?3",
            )
            .doing(doing)?;
        let values = params![site, before.unwrap_or(i64::MAX), limit];
        let rows = found.query_map(values, inspection).doing(doing)?;
        let mut all = rows.collect::<rusqlite::Result<Vec<Inspection>>>().doing(doing)?;
        let mut entries = connection
            .prepare(
                "SELECT at, by, note FROM (SELECT id, at, by, note FROM entry WHERE inspection = ?
                ORDER BY id DESC LIMIT 200) ORDER BY id",
            )
            .doing(doing)?;
        for one in &mut all {
            let rows = entries.query_map([one.id], |row| {
                Ok(Entry { at: moment(row, 0)?, by: row.get(1)?, note: row.get(2)? })
            });
            one.entries = rows.and_then(Iterator::collect).doing(doing)?;
        }
        Ok(all)
    }

    /// Keeps a photograph.
    ///
    /// # Errors
    /// [`InspectionError::NoPhoto`], [`InspectionError::Full`], [`InspectionError::NoRoom`], or if the disk fails.
    pub fn keep(
        &self,
        site: &str,
        about: &str,
        bytes: &[u8],
        by: &str,
        at: Timestamp,
    ) -> Result<Photo> {
        let form = Form::of(bytes).ok_or(InspectionError::NoPhoto)?;
        let digest = digest::digest(&digest::SHA256, bytes);
        let id: String =
            digest.as_ref().iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        let connection = self.connection.lock();
        let new = i64::try_from(bytes.len()).unwrap_or(i64::MAX);
        if !has_room(&connection, new)? {
            self.forget_moved(&connection)?;
            if !has_room(&connection, new)? {
                return Err(InspectionError::Full);
            }
        }
        let room = vitals::free(&self.folder);
        if room.is_ok_and(|room| room < self.leave.saturating_add(bytes.len() as u64)) {
            return Err(InspectionError::NoRoom);
        }
        let path = self.folder.join(&id);
        let failed = |source| InspectionError::Photo { path: path.clone(), source };
        // under another name first: what is there under its own is whole
        let half = self.folder.join(format!("{id}.part"));
        std::fs::write(&half, bytes).map_err(failed)?;
        std::fs::rename(&half, &path).map_err(failed)?;
        let values = params![id, site, about, form.media(), new, at.nanos(), by];
        let sql =
            "INSERT INTO photo (id, site, about, form, length, at, by) VALUES (?, ?, ?, ?, ?, ?, ?)
            ON CONFLICT DO NOTHING";
        connection.execute(sql, values).doing("keep a photograph")?;
        let (site, about, by) = (site.into(), about.into(), by.into());
        Ok(Photo { id, site, about, media: form.media(), length: new, at, by })
    }

    /// The photographs of a site, newest first.
    ///
    /// # Errors
    /// If the file fails.
    pub fn photos(&self, site: &str, limit: u32) -> Result<Vec<Photo>> {
        let doing = "list photographs";
        let sql = "SELECT id, site, about, form, length, at, by FROM photo WHERE site = ?
            ORDER BY at DESC, id LIMIT ?";
        let connection = self.connection.lock();
        let mut found = connection.prepare(sql).doing(doing)?;
        let rows = found.query_map(params![site, limit], photo).doing(doing)?;
        rows.collect::<rusqlite::Result<Vec<_>>>().doing(doing)
    }

    /// A photograph with its bytes.
    ///
    /// # Errors
    /// If the disk fails.
    pub fn photo(&self, id: &str) -> Result<Option<(Photo, Vec<u8>)>> {
        let sql = "SELECT id, site, about, form, length, at, by FROM photo WHERE id = ?";
        let found = self.connection.lock().query_row(sql, [id], photo).optional();
        let Some(photo) = found.doing("find a photograph")? else { return Ok(None) };
        let path = self.folder.join(&photo.id);
        match std::fs::read(&path) {
            Ok(bytes) => Ok(Some((photo, bytes))),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None), // moved away
            Err(source) => Err(InspectionError::Photo { path, source }),
        }
    }

    /// Forgets photographs that whoever runs bongsu moved away.
    fn forget_moved(&self, connection: &Connection) -> Result<()> {
        let doing = "forget photographs that were moved away";
        let mut ids = connection.prepare("SELECT DISTINCT id FROM photo").doing(doing)?;
        let ids = ids.query_map([], |row| row.get(0)).and_then(Iterator::collect).doing(doing)?;
        for id in Vec::<String>::into_iter(ids).filter(|id| !self.folder.join(id).exists()) {
            connection.execute("DELETE FROM photo WHERE id = ?", [id]).doing(doing)?;
        }
        Ok(())
    }
}

/// What is done about work, within one transaction.
pub struct Changes<'a>(&'a Connection);

impl Changes<'_> {
    /// Orders work; its number.
    ///
    /// # Errors
    /// [`InspectionError::Text`], or if the file fails.
    pub fn order(&self, new: &NewWork<'_>, by: &str, at: Timestamp) -> Result<i64> {
        let (what, due) = (text(new.what)?, new.due.trim());
        if due.chars().count() > 40 {
            return Err(InspectionError::Text);
        }
        let values = params![new.site, new.incident, new.kind.name(), what, due, at.nanos(), by];
        self.0
            .execute(
                "INSERT INTO inspection (site, incident, kind, what, due, opened_at, opened_by)
                VALUES (?, ?, ?, ?, ?, ?, ?)",
                values,
            )
            .doing("order work")?;
        Ok(self.0.last_insert_rowid())
    }

    /// Notes something on the way; the number of the work.
    ///
    /// # Errors
    /// [`InspectionError::Unknown`] if there is no such work under way at the site.
    pub fn note(&self, site: &str, id: i64, note: &str, by: &str, at: Timestamp) -> Result<i64> {
        let note = text(note)?;
        let sql = "INSERT INTO entry (inspection, at, by, note)
            SELECT id, ?, ?, ? FROM inspection WHERE id = ? AND site = ? AND closed_at IS NULL";
        let values = params![at.nanos(), by, note, id, site];
        match self.0.execute(sql, values).doing("note work")? {
            0 => Err(InspectionError::Unknown),
            _ => Ok(id),
        }
    }

    /// What came of work, which closes it; the number of the work.
    ///
    /// # Errors
    /// [`InspectionError::Unknown`] if there is no such work under way at the site.
    pub fn close(&self, site: &str, id: i64, result: &str, by: &str, at: Timestamp) -> Result<i64> {
        let result = text(result)?;
        let sql = "UPDATE inspection SET closed_at = ?, closed_by = ?, result = ?
            WHERE id = ? AND site = ? AND closed_at IS NULL";
        let values = params![at.nanos(), by, result, id, site];
        match self.0.execute(sql, values).doing("close work")? {
            0 => Err(InspectionError::Unknown),
            _ => Ok(id),
        }
    }
}

fn has_room(connection: &Connection, new: i64) -> Result<bool> {
    let sql = "SELECT count(*), coalesce(sum(length), 0) FROM photo";
    let counted = connection.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?)));
    let (count, length): (i64, i64) = counted.doing("count photographs")?;
    Ok(count < PHOTOS_MAX && length.saturating_add(new) <= PHOTOS_LEN_MAX)
}

fn text(text: &str) -> Result<&str> {
    let text = text.trim();
    let good = (1..=TEXT_LEN_MAX).contains(&text.chars().count())
        && !text.chars().any(|c| c.is_control() && c != '\n' && c != '\r');
    if good { Ok(text) } else { Err(InspectionError::Text) }
}

fn moment(row: &Row<'_>, column: usize) -> rusqlite::Result<Timestamp> {
    row.get(column).map(Timestamp::from_nanos)
}

fn inspection(row: &Row<'_>) -> rusqlite::Result<Inspection> {
    let closed: Option<i64> = row.get(8)?;
    let done = match closed {
        Some(at) => {
            Some(Done { at: Timestamp::from_nanos(at), by: row.get(9)?, result: row.get(10)? })
        }
        None => None,
    };
    Ok(Inspection {
        id: row.get(0)?,
        site: row.get(1)?,
        incident: row.get(2)?,
        kind: Work::parse(&row.get::<_, String>(3)?),
        what: row.get(4)?,
        due: row.get(5)?,
        opened_at: moment(row, 6)?,
        opened_by: row.get(7)?,
        entries: vec![],
        done,
    })
}

fn photo(row: &Row<'_>) -> rusqlite::Result<Photo> {
    let media: String = row.get(3)?;
    Ok(Photo {
        id: row.get(0)?,
        site: row.get(1)?,
        about: row.get(2)?,
        media: Form::parse(&media).unwrap_or(Form::Jpeg).media(),
        length: row.get(4)?,
        at: moment(row, 5)?,
        by: row.get(6)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_secs(second)
    }

    #[test]
    fn work_is_ordered_noted_and_closed_once_by_its_result() {
        let folder = tempfile::tempdir().unwrap();
        let all = Inspections::open(folder.path(), 0).unwrap();
        let new = NewWork {
            site: "cut-12",
            incident: "live_cut-12_slope-failure_7",
            kind: Work::Repair,
            what: " 배수로 정비 ",
            due: "2026-08-01",
        };
        let order = |all: &Inspections, said: &str| {
            all.once("kim/k-1", said, |changes| changes.order(&new, "kim", at(1)))
        };
        let (id, true) = order(&all, "s").unwrap() else { panic!("done now") };
        let note = |key: &str, site: &str| {
            all.once(key, "n", |changes| changes.note(site, id, "장비 투입", "lee", at(2)))
        };
        note("lee/k-2", "cut-12").unwrap();
        assert!(matches!(note("lee/k-3", "cut-13"), Err(InspectionError::Unknown)));
        let close = |key: &str, result: &str| {
            all.once(key, result, |changes| changes.close("cut-12", id, result, "lee", at(3)))
        };
        assert!(matches!(close("lee/k-4", "  "), Err(InspectionError::Text)));
        close("lee/k-4", "완료").unwrap();
        assert!(matches!(close("lee/k-5", "다시"), Err(InspectionError::Unknown)));
        drop(all);
        let again = Inspections::open(folder.path(), 0).unwrap();
        assert_eq!(order(&again, "s").unwrap(), (id, false), "whatever restarts lie between");
        assert!(matches!(order(&again, "other"), Err(InspectionError::Reused)));
        let one = again.list(Some("cut-12"), None, 10).unwrap().remove(0);
        assert_eq!(
            (one.what.as_str(), one.kind, one.entries.len()),
            ("배수로 정비", Work::Repair, 1)
        );
        assert_eq!(one.done.unwrap().result, "완료");
        assert!(again.list(Some("cut-13"), None, 10).unwrap().is_empty());
    }

    #[test]
    fn photographs_leave_the_disk_what_others_need() {
        let folder = tempfile::tempdir().unwrap();
        let jpeg = [0xFF, 0xD8, 0xFF, 0xE0];
        let full = Inspections::open(folder.path(), u64::MAX).unwrap();
        let refused = full.keep("cut-12", "", &jpeg, "kim", at(1));
        assert!(matches!(refused, Err(InspectionError::NoRoom)));
        assert_eq!(std::fs::read_dir(folder.path().join(FOLDER)).unwrap().count(), 0);
        assert!(full.photos("cut-12", 1).unwrap().is_empty());
        drop(full);
        let room = Inspections::open(folder.path(), 0).unwrap();
        room.keep("cut-12", "", &jpeg, "kim", at(2)).unwrap();
    }

    #[test]
    fn a_photograph_is_what_its_bytes_say_and_is_kept_once() {
        let folder = tempfile::tempdir().unwrap();
        let all = Inspections::open(folder.path(), 0).unwrap();
        let jpeg = [&[0xFF, 0xD8, 0xFF, 0xE0][..], b"<script>"].concat();
        for bad in [
            &b"<html><script>alert(1)</script>"[..],
            b"GIF89a",
            b"",
            b"\x89PN",
            b"%PDF-1.7",
            b"<svg",
        ] {
            let refused = all.keep("cut-12", "", bad, "kim", at(1));
            assert!(matches!(refused, Err(InspectionError::NoPhoto)), "{bad:?}");
        }
        let kept = all.keep("cut-12", "inspection-1", &jpeg, "kim", at(1)).unwrap();
        assert_eq!(all.keep("cut-12", "inspection-1", &jpeg, "kim", at(2)).unwrap().id, kept.id);
        assert_eq!(all.photos("cut-12", 10).unwrap().len(), 1);
        all.keep("cut-13", "", &jpeg, "kim", at(3)).unwrap();
        assert_eq!(all.photos("cut-13", 10).unwrap().len(), 1, "the same picture of another site");
        let (photo, bytes) = all.photo(&kept.id).unwrap().unwrap();
        assert_eq!((photo.media, bytes), ("image/jpeg", jpeg));
        assert!(all.photo("../inspections.sqlite").unwrap().is_none(), "only what the file names");
        let names = std::fs::read_dir(folder.path().join("photos")).unwrap().count();
        assert_eq!(names, 1, "nothing half-written is left");
        std::fs::remove_file(folder.path().join("photos").join(&kept.id)).unwrap();
        assert!(all.photo(&kept.id).unwrap().is_none(), "it was moved away");
        all.forget_moved(&all.connection.lock()).unwrap();
        assert!(all.photos("cut-12", 10).unwrap().is_empty());
    }
}
