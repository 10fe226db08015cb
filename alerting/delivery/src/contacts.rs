//! Who can be reached, and where: one table of persons, kept in one file and read anew when it changes, so that a
//! person who is taken out of it is forgotten. Journal, ledger and configuration know persons by identifier only.
//!
//! The file is CSV with a header: `id,name,role,areas,phone,mail,language,consent,valid-from,valid-until`. Rows that
//! cannot be used are named and left out; two rows of the same person are one.

mod csv;
mod phone;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use alerting::catalogue::Language;
use alerting::{AttemptResult, Delivery};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use parking_lot::Mutex;
use reading::id::ChannelId;

pub use csv::rows as csv_rows;
pub use phone::{Phone, PhoneFault};

use crate::time::Time;

/// The largest table that is read, bytes.
const FILE_LEN_MAX: u64 = 32 << 20;

/// Columns of the table. `id` and one of `phone` and `mail` are needed.
pub const COLUMNS: [&str; 10] = [
    "id",
    "name",
    "role",
    "areas",
    "phone",
    "mail",
    "language",
    "consent",
    "valid-from",
    "valid-until",
];

/// A person or a post that can be reached.
#[derive(Clone, PartialEq, Eq)]
pub struct Contact {
    /// By which everything else knows them.
    pub id: String,
    /// What they are called.
    pub name: String,
    /// What they are: `officer`, `resident`, a word of the installation.
    pub roles: Vec<String>,
    /// Where: sites, or the beginning of district codes; empty means everywhere.
    pub areas: Vec<String>,
    /// Their number.
    pub phone: Option<Phone>,
    /// Their address.
    pub mail: Option<String>,
    /// What they read.
    pub language: Language,
    /// From when on the entry holds.
    pub valid_from: Option<Date>,
    /// The last day it holds.
    pub valid_until: Option<Date>,
}

impl std::fmt::Debug for Contact {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Contact").field("id", &self.id).finish_non_exhaustive()
    }
}

impl Contact {
    /// Whether the entry holds on a day.
    pub fn is_valid(&self, day: Date) -> bool {
        self.valid_from.is_none_or(|from| from <= day)
            && self.valid_until.is_none_or(|until| day <= until)
    }

    /// Whether they are concerned by a site with this district code.
    pub fn is_at(&self, site: &str, district: &str) -> bool {
        let concerns = |area: &String| {
            area == site
                || area == "all"
                || (is_district(area) && district.starts_with(area.as_str()))
        };
        self.areas.is_empty() || self.areas.iter().any(concerns)
    }

    fn merge(&mut self, other: Self) {
        for (into, from) in [(&mut self.roles, other.roles), (&mut self.areas, other.areas)] {
            into.extend(from);
            into.sort();
            into.dedup();
        }
        self.phone = self.phone.take().or(other.phone);
        self.mail = self.mail.take().or(other.mail);
    }
}

/// A row that was left out or taken together with another, without what stands in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowNote {
    /// Which line of the file, from 1; the header is the first.
    pub line: usize,
    /// Whether the row is left out.
    pub refused: bool,
    /// Why.
    pub what: String,
}

/// The table as read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contacts {
    /// Everybody, by identifier.
    pub by_id: BTreeMap<String, Contact>,
    /// What was wrong with rows.
    pub notes: Vec<RowNote>,
    /// Rows read, without the header.
    pub rows: usize,
}

impl Contacts {
    /// Reads a table. In a text that is no UTF-8, what cannot be read is refused row by row.
    ///
    /// # Errors
    /// The header, if it is not one.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        let text = String::from_utf8_lossy(bytes);
        let mut rows = csv::rows(text.trim_start_matches('\u{feff}'));
        let (_, header) =
            rows.next().ok_or("the file is empty; its first line names the columns")?;
        let columns: Vec<String> = header.iter().map(|name| name.trim().to_lowercase()).collect();
        if let Some(unknown) = columns.iter().find(|name| !COLUMNS.contains(&name.as_str())) {
            let unknown: String = unknown.chars().take(40).collect();
            return Err(format!("there is no column `{unknown}`; write {}", COLUMNS.join(",")));
        }
        if !columns.iter().any(|name| name == "id") {
            return Err(format!("there is no column `id`; write {}", COLUMNS.join(",")));
        }
        let mut table = Self::default();
        for (line, fields) in rows.filter(|(_, fields)| fields.iter().any(|f| !f.trim().is_empty()))
        {
            table.rows += 1;
            let field = |name: &str| {
                let at = columns.iter().position(|column| column == name)?;
                Some(fields.get(at)?.trim()).filter(|text| !text.is_empty())
            };
            match contact(&field) {
                Ok(contact) => table.add(contact, line),
                Err(what) => table.notes.push(RowNote { line, refused: true, what }),
            }
        }
        Ok(table)
    }

    /// Adds a row, to a person who is there already if it is the same one.
    fn add(&mut self, contact: Contact, line: usize) {
        let is_same = |other: &Contact| {
            other.id == contact.id
                || (contact.phone.is_some() && other.phone == contact.phone)
                || (contact.mail.is_some() && other.mail == contact.mail)
        };
        let same = self.by_id.values_mut().find(|other| is_same(other));
        match same {
            None => {
                self.by_id.insert(contact.id.clone(), contact);
            }
            Some(other) if other.id == contact.id && has_other_address(other, &contact) => {
                let what =
                    format!("`{}` stands in the table with another number or address", contact.id);
                self.notes.push(RowNote { line, refused: true, what });
            }
            Some(other) => {
                let what = format!("the same as `{}`: taken together", other.id);
                self.notes.push(RowNote { line, refused: false, what });
                other.merge(contact);
            }
        }
    }

    /// Identifiers of those with one of these roles who are concerned by a site.
    pub fn concerned(&self, roles: &[String], site: &str, district: &str) -> Vec<String> {
        let fits = |contact: &&Contact| {
            contact.roles.iter().any(|role| roles.contains(role)) && contact.is_at(site, district)
        };
        self.by_id.values().filter(fits).map(|contact| contact.id.clone()).collect()
    }
}

fn has_other_address(one: &Contact, other: &Contact) -> bool {
    let differ = |a: Option<&str>, b: Option<&str>| a.is_some() && b.is_some() && a != b;
    differ(one.phone.as_ref().map(Phone::as_str), other.phone.as_ref().map(Phone::as_str))
        || differ(one.mail.as_deref(), other.mail.as_deref())
}

/// The parts of a district code that stand for a whole area: two digits for a province, up to ten for a 동·리.
fn is_district(area: &str) -> bool {
    (2..=10).contains(&area.len()) && area.bytes().all(|b| b.is_ascii_digit())
}

fn contact<'a>(field: &impl Fn(&str) -> Option<&'a str>) -> Result<Contact, String> {
    let id = field("id").ok_or("no id")?;
    id.parse::<ChannelId>().map_err(|_| "the id is not 1 to 64 of a-z, 0-9 and -".to_owned())?;
    let words = |name| {
        let text: &str = field(name).unwrap_or_default();
        let words = text.split([';', '|', ' ']).filter(|word| !word.is_empty());
        words.map(str::to_owned).collect::<Vec<_>>()
    };
    let phone = field("phone").map(Phone::parse).transpose().map_err(|fault| fault.to_string())?;
    let mail = field("mail").map(address).transpose()?;
    if phone.is_none() && mail.is_none() {
        return Err("neither phone nor mail".into());
    }
    let day = |name: &str| {
        let read = |text: &str| {
            text.parse::<Date>().map_err(|_| format!("`{name}` is not a day like 2026-07-01"))
        };
        field(name).map(read).transpose()
    };
    let roles = words("role");
    if day("consent")?.is_none() && roles.iter().any(|role| role == "resident") {
        return Err("a resident without the day of consent".into());
    }
    let language = match field("language") {
        None => Language::Ko,
        Some(tag) => Language::parse(tag).ok_or("the language is neither ko nor en")?,
    };
    Ok(Contact {
        id: id.into(),
        name: field("name").unwrap_or_default().into(),
        roles,
        areas: words("areas"),
        phone,
        mail,
        language,
        valid_from: day("valid-from")?,
        valid_until: day("valid-until")?,
    })
}

fn address(text: &str) -> Result<String, String> {
    let mailbox: Result<lettre::Address, _> = text.parse();
    mailbox.map(|address| address.to_string()).map_err(|_| "the mail is not an address".into())
}

/// Why a person cannot be reached.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ContactError {
    /// The table cannot be read now.
    #[error("{0}")]
    Unreadable(String),
    /// It does not have them, or not any more.
    #[error("{0}")]
    Nobody(String),
}

/// Persons as channels ask for them: by recipient, on the day it is.
#[derive(Clone)]
pub struct Addresses {
    directory: Arc<Directory>,
    time: Arc<dyn Time>,
}

impl Addresses {
    /// From this table, by this clock.
    pub fn new(directory: Arc<Directory>, time: Arc<dyn Time>) -> Self {
        Self { directory, time }
    }

    /// The recipient of a delivery.
    ///
    /// # Errors
    /// What the attempt comes to, if there is none.
    pub async fn recipient(&self, delivery: &Delivery) -> Result<Contact, AttemptResult> {
        let nanos = i128::from(self.time.now().nanos());
        let now = jiff::Timestamp::from_nanosecond(nanos).unwrap_or_default();
        let zone = TimeZone::get(&delivery.alert.site.zone).unwrap_or(TimeZone::UTC);
        let (directory, id) = (self.directory.clone(), delivery.recipient.clone());
        let day = now.to_zoned(zone).date();
        let found = tokio::task::spawn_blocking(move || directory.contact(&id, day)).await;
        match found {
            Ok(Ok(contact)) => Ok(contact),
            Ok(Err(error @ ContactError::Nobody(_))) => {
                Err(AttemptResult::Refused { reason: error.to_string() })
            }
            Ok(Err(error)) => Err(AttemptResult::Retry { reason: error.to_string() }),
            Err(_) => Err(AttemptResult::Unknown),
        }
    }

    /// The recipient of a text message, and the number.
    ///
    /// # Errors
    /// What the attempt comes to, if there is none.
    pub async fn phone(&self, delivery: &Delivery) -> Result<(Contact, Phone), AttemptResult> {
        let contact = self.recipient(delivery).await?;
        match contact.phone.clone() {
            Some(phone) => Ok((contact, phone)),
            None => {
                let reason = format!("contact `{}` has no phone number", contact.id);
                Err(AttemptResult::Refused { reason })
            }
        }
    }
}

/// The table on disk, read again whenever it changed.
pub struct Directory {
    path: PathBuf,
    read: Mutex<Option<(SystemTime, Arc<Contacts>)>>,
}

impl Directory {
    /// The table in this file.
    pub fn new(path: PathBuf) -> Self {
        Self { path, read: Mutex::new(None) }
    }

    /// The table as it is now. Waits for the disk.
    ///
    /// # Errors
    /// Why it cannot be read, without what stands in it.
    pub fn contacts(&self) -> Result<Arc<Contacts>, String> {
        let shown = self.path.display();
        let failed =
            |error: std::io::Error| format!("cannot read the contacts in {shown}: {error}");
        let metadata = std::fs::metadata(&self.path).map_err(failed)?;
        if metadata.len() > FILE_LEN_MAX {
            return Err(format!("the contacts in {shown} are larger than 32 MiB"));
        }
        let changed = metadata.modified().map_err(failed)?;
        let mut read = self.read.lock();
        if let Some((at, contacts)) = &*read
            && *at == changed
        {
            return Ok(contacts.clone());
        }
        let bytes = std::fs::read(&self.path).map_err(failed)?;
        let contacts = Contacts::parse(&bytes).map_err(|what| format!("{shown}: {what}"))?;
        for note in contacts.notes.iter().filter(|note| note.refused) {
            tracing::warn!(line = note.line, what = note.what, "a contact is left out");
        }
        let contacts = Arc::new(contacts);
        *read = Some((changed, contacts.clone()));
        Ok(contacts)
    }

    /// A person, if the entry holds on this day.
    ///
    /// # Errors
    /// [`ContactError`]; names the identifier and nothing else.
    pub fn contact(&self, id: &str, day: Date) -> Result<Contact, ContactError> {
        let contacts = self.contacts().map_err(ContactError::Unreadable)?;
        let unknown = || ContactError::Nobody(format!("there is no contact `{id}`"));
        let contact = contacts.by_id.get(id).ok_or_else(unknown)?;
        if !contact.is_valid(day) {
            let what = format!("the entry of contact `{id}` does not hold on {day}");
            return Err(ContactError::Nobody(what));
        }
        Ok(contact.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "\
id,name,role,areas,phone,mail,language,consent,valid-from,valid-until
duty-1,당직,officer,,010-1234-5678,duty@city.example.kr,,,,
village-head,\"이장, 윗말\",resident;leader,cut-12,+82 10 2345 6789,,ko,2026-01-01,,2026-12-31
village-head-again,이장,resident,cut-13,01023456789,,ko,2026-02-01,,
no-consent,주민,resident,cut-12,010-9999-0000,,,,,
broken,주민,officer,cut-12,010-12,,,,,
Bad Id,주민,officer,cut-12,010-1111-2222,,,,,
nobody,주민,officer,,,,,,,
english,Foreman,officer,4113510,,foreman@city.example.kr,en,,,
duty-1,당직,officer,,010-5555-5555,,,,,
";

    fn day(text: &str) -> Date {
        text.parse().unwrap()
    }

    #[test]
    fn good_rows_are_taken_bad_ones_named_and_the_same_person_is_one() {
        let table = Contacts::parse(TABLE.as_bytes()).unwrap();
        let ids: Vec<_> = table.by_id.keys().map(String::as_str).collect();
        assert_eq!(ids, ["duty-1", "english", "village-head"]);
        let head = &table.by_id["village-head"];
        assert_eq!(
            (head.name.as_str(), head.areas.join(" ")),
            ("이장, 윗말", "cut-12 cut-13".into())
        );
        assert_eq!(head.phone.as_ref().unwrap().as_str(), "+821023456789");
        let notes: Vec<_> = table.notes.iter().map(|n| (n.line, n.refused)).collect();
        assert_eq!(notes, [(4, false), (5, true), (6, true), (7, true), (8, true), (10, true)]);
        assert_eq!(table.rows, 9, "every row is accounted for");
        let refused = table.notes.iter().filter(|note| note.refused).count();
        assert_eq!(table.by_id.len() + table.notes.len() - refused + refused, table.rows);
        for note in &table.notes {
            assert!(!note.what.contains("9999") && !note.what.contains("주민"), "{}", note.what);
        }
        assert!(!format!("{head:?}").contains("1023456789"));
    }

    #[test]
    fn validity_role_and_area_decide_who_is_concerned() {
        let table = Contacts::parse(TABLE.as_bytes()).unwrap();
        let head = &table.by_id["village-head"];
        assert!(head.is_valid(day("2026-12-31")) && !head.is_valid(day("2027-01-01")));
        let roles = |roles: &[&str]| roles.iter().map(|r| r.to_string()).collect::<Vec<_>>();
        let concerned =
            |r: &[&str], site: &str, district: &str| table.concerned(&roles(r), site, district);
        assert_eq!(concerned(&["resident"], "cut-13", ""), ["village-head"]);
        assert_eq!(concerned(&["resident"], "cut-14", ""), Vec::<String>::new());
        assert_eq!(concerned(&["officer"], "cut-14", "4113510300"), ["duty-1", "english"]);
        assert_eq!(concerned(&["officer"], "cut-14", "2613510300"), ["duty-1"]);
    }

    #[test]
    fn a_table_that_is_none_is_refused_and_other_encodings_lose_no_other_row() {
        assert!(Contacts::parse(b"").unwrap_err().contains("empty"));
        assert!(Contacts::parse(b"id,fax\na,b\n").unwrap_err().contains("fax"));
        assert!(Contacts::parse(b"name,phone\na,b\n").unwrap_err().contains("`id`"));
        // EUC-KR in the name, as spreadsheets save it
        let korean = [
            &b"\xef\xbb\xbfid,name,phone\r\na,"[..],
            b"\xc8\xab\xb1\xe6\xb5\xbf,010-1234-5678\r\n",
        ]
        .concat();
        let table = Contacts::parse(&korean).unwrap();
        assert_eq!((table.by_id.len(), table.notes.len()), (1, 0));
    }

    #[test]
    fn a_person_taken_out_of_the_file_is_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("contacts.csv");
        std::fs::write(&path, TABLE).unwrap();
        let directory = Directory::new(path.clone());
        assert!(directory.contact("duty-1", day("2026-07-14")).is_ok());
        assert!(
            directory
                .contact("village-head", day("2027-07-14"))
                .unwrap_err()
                .to_string()
                .contains("hold")
        );
        std::fs::write(&path, "id,phone\nother,010-1111-2222\n").unwrap();
        let later = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(4_000_000_000);
        std::fs::File::options().append(true).open(&path).unwrap().set_modified(later).unwrap();
        assert!(
            directory
                .contact("duty-1", day("2026-07-14"))
                .unwrap_err()
                .to_string()
                .contains("no contact")
        );
    }
}
