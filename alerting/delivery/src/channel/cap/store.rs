//! The folder of published documents and what each says of itself.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use alerting::Alert;
use parking_lot::{Mutex, RwLock};
use quick_xml::Reader;
use quick_xml::escape::resolve_xml_entity;
use quick_xml::events::Event;
use reading::Timestamp;
use reading::id::ChannelId;

use super::document::{self, document};
use super::feed::{Feed, Shown};
use super::{CapSettings, identifier};
use crate::probe::Probe;

/// The largest document we read back; ours are a few kilobytes.
const DOCUMENT_LEN_MAX: u64 = 1 << 20;

/// Who may see a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// Everybody.
    Public,
    /// Officers.
    Restricted,
}

impl Scope {
    /// Its name in CAP.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Public => "Public",
            Self::Restricted => "Restricted",
        }
    }
}

/// A published document, as read back from its file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// Its identifier and, with `.xml`, its file.
    pub identifier: String,
    /// Who sent it.
    pub sender: String,
    /// When, as written in it.
    pub sent: String,
    /// When.
    pub sent_at: Timestamp,
    /// `Actual`, `Exercise` or `Test`.
    pub status: String,
    /// `Alert`, `Update` or `Cancel`.
    pub message_type: String,
    /// Who may see it.
    pub scope: Scope,
    /// About which incident.
    pub incident: String,
    /// How many were published about the incident before it: its place in the chain, counted from 0.
    pub place: usize,
    /// Until when it is to be believed.
    pub expires_at: Timestamp,
    /// Its headline in Korean.
    pub headline: String,
    /// Its headline in English.
    pub headline_en: String,
}

/// A document that may be published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// Its identifier.
    pub identifier: String,
    /// Its text, signed if documents are.
    pub text: String,
}

/// Why a document could not be published or the folder not be opened.
#[derive(Debug, thiserror::Error)]
pub enum CapError {
    /// The disk failed.
    #[error(
        "cap folder {path}: cannot {doing}: {source}; check free space and who may write there"
    )]
    File {
        /// The file or folder.
        path: PathBuf,
        /// What was tried.
        doing: &'static str,
        /// What the system said.
        source: std::io::Error,
    },
    /// The identifier would not be a file name.
    #[error("`{identifier}` cannot be a CAP identifier and a file name")]
    Name {
        /// What it was.
        identifier: String,
    },
    /// Something newer about the incident is published: a chain goes forward only.
    #[error("{identifier} is older than {newer}, which is published")]
    Late {
        /// Which.
        identifier: String,
        /// What is newer.
        newer: String,
    },
    /// What was written does not read back; a fault of ours.
    #[error("the document {identifier} does not read back as CAP; please report this")]
    Unreadable {
        /// Which.
        identifier: String,
    },
}

/// The published documents. Shared by the channel, which adds, and the pages, which serve.
pub struct Store {
    settings: CapSettings,
    documents: RwLock<BTreeMap<String, Published>>,
    publishing: Mutex<()>,
    /// The feeds as they were asked for last; nothing once something else is published.
    shown: Mutex<Option<Shown>>,
}

impl Store {
    /// Opens the folder, making it if there is none. Files that do not read as CAP are left alone, logged and
    /// returned: they are neither referenced nor served.
    ///
    /// # Errors
    /// [`CapError::File`].
    pub fn open(settings: CapSettings) -> Result<(Self, Vec<PathBuf>), CapError> {
        let folder = settings.folder.clone();
        fs::create_dir_all(&folder).map_err(file(&folder, "make it"))?;
        let (mut documents, mut unreadable) = (BTreeMap::new(), Vec::new());
        for entry in fs::read_dir(&folder).map_err(file(&folder, "list it"))? {
            let path = entry.map_err(file(&folder, "list it"))?.path();
            match path.extension().and_then(OsStr::to_str) {
                Some("tmp") => {
                    fs::remove_file(&path).map_err(file(&path, "remove what a crash left"))?
                }
                Some("xml") => match read(&path) {
                    Some(published) => {
                        drop(documents.insert(published.identifier.clone(), published))
                    }
                    None => unreadable.push(path),
                },
                _ => {}
            }
        }
        for path in &unreadable {
            tracing::warn!(path = %path.display(), "a file among the CAP documents does not read as one");
        }
        let documents = RwLock::new(documents);
        let store =
            Self { settings, documents, publishing: Mutex::default(), shown: Mutex::default() };
        Ok((store, unreadable))
    }

    /// Whether a document is published.
    pub fn has(&self, identifier: &str) -> bool {
        self.documents.read().contains_key(identifier)
    }

    /// What was published about an incident, oldest first.
    pub fn chain(&self, incident: &str) -> Vec<Published> {
        let documents = self.documents.read();
        let mut chain: Vec<_> =
            documents.values().filter(|p| p.incident == incident).cloned().collect();
        // Moments are whole seconds; what refers to more came later.
        chain.sort_by_key(|one| (one.place, one.sent_at));
        chain
    }

    /// The bytes of a public document, exactly as written; `None` if there is none or it is not public. Waits for
    /// the disk.
    pub fn served(&self, identifier: &str) -> Option<Vec<u8>> {
        let public =
            self.documents.read().get(identifier).is_some_and(|p| p.scope == Scope::Public);
        if public { fs::read(self.path(identifier)).ok() } else { None }
    }

    /// Every public document, newest first.
    pub fn public(&self) -> Vec<Published> {
        let documents = self.documents.read();
        let public = documents.values().filter(|published| published.scope == Scope::Public);
        let mut public: Vec<_> = public.cloned().collect();
        public.sort_by(|a, b| (b.sent_at, &b.identifier).cmp(&(a.sent_at, &a.identifier)));
        public
    }

    /// The Atom feed of public documents that have not expired, newest first.
    pub fn feed(&self, now: Timestamp) -> Feed {
        self.shown(now, |shown| &shown.atom)
    }

    /// The same as RSS 2.0, for readers that know nothing else.
    pub fn rss(&self, now: Timestamp) -> Feed {
        self.shown(now, |shown| &shown.rss)
    }

    fn shown(&self, now: Timestamp, which: impl Fn(&Shown) -> &Feed) -> Feed {
        let mut shown = self.shown.lock();
        let shown = match shown.take().filter(|shown| shown.holds_at(now)) {
            Some(same) => shown.insert(same),
            None => shown.insert(Shown::make(&self.settings, &self.documents.read(), now)),
        };
        which(shown).clone()
    }

    /// The identifier of the document about an alert in this store.
    pub fn identifier(&self, alert: &Alert) -> String {
        identifier(alert, self.settings.gateway.as_ref())
    }

    /// Writes the document about an alert; on disk under its name when this returns. One that is there stays as it
    /// is.
    ///
    /// # Errors
    /// [`CapError`]; then it is not published.
    pub fn publish(&self, alert: &Alert) -> Result<(), CapError> {
        let _one_at_a_time = self.publishing.lock();
        self.keep_draft(self.draft(alert)?)
    }

    /// The document about an alert, not yet published: the one on disk if there is one.
    ///
    /// # Errors
    /// [`CapError`].
    pub fn draft(&self, alert: &Alert) -> Result<Draft, CapError> {
        let identifier = self.identifier(alert);
        if !is_name(&identifier) {
            return Err(CapError::Name { identifier });
        }
        if self.has(&identifier) {
            let path = self.path(&identifier);
            let text = fs::read_to_string(&path).map_err(file(&path, "read a document"))?;
            return Ok(Draft { identifier, text });
        }
        for breach in self.settings.profile.breaches(alert) {
            tracing::warn!(%identifier, breach, "a CAP document breaks the profile of its receiver");
        }
        let prior = self.chain(alert.incident.as_str());
        let second = alert.decided_at.nanos().div_euclid(1_000_000_000);
        let is_newer = |one: &&Published| one.sent_at.nanos().div_euclid(1_000_000_000) > second;
        if let Some(newer) = prior.iter().find(is_newer) {
            return Err(CapError::Late { identifier, newer: newer.identifier.clone() });
        }
        let text = self.signed(document(alert, &self.settings, &prior), &identifier)?;
        Ok(Draft { identifier, text })
    }

    /// The document of a link test, signed like the others. It is not kept.
    ///
    /// # Errors
    /// [`CapError`] if it cannot be signed.
    pub fn probe(&self, probe: &Probe) -> Result<String, CapError> {
        let gateway = self.settings.gateway.as_ref().map_or("", ChannelId::as_str);
        let text = document::probe(probe.id(), probe.at(), &self.settings, gateway);
        self.signed(text, probe.id())
    }

    fn signed(&self, text: String, identifier: &str) -> Result<String, CapError> {
        let Some(signer) = &self.settings.signer else { return Ok(text) };
        signer.sign(&text).ok_or_else(|| CapError::Unreadable { identifier: identifier.into() })
    }

    /// Publishes a draft.
    ///
    /// # Errors
    /// [`CapError`]; then it is not published.
    pub fn keep(&self, draft: Draft) -> Result<(), CapError> {
        let _one_at_a_time = self.publishing.lock();
        self.keep_draft(draft)
    }

    fn keep_draft(&self, Draft { identifier, text }: Draft) -> Result<(), CapError> {
        if self.has(&identifier) {
            return Ok(());
        }
        let published =
            parse(&text).ok_or_else(|| CapError::Unreadable { identifier: identifier.clone() })?;
        self.write(&identifier, &text)?;
        self.documents.write().insert(identifier, published);
        *self.shown.lock() = None;
        Ok(())
    }

    fn path(&self, identifier: &str) -> PathBuf {
        self.settings.folder.join(format!("{identifier}.xml"))
    }

    fn write(&self, identifier: &str, text: &str) -> Result<(), CapError> {
        let (path, folder) = (self.path(identifier), &self.settings.folder);
        let passing = folder.join(format!("{identifier}.tmp"));
        let mut document = File::create(&passing).map_err(file(&passing, "make a document"))?;
        document.write_all(text.as_bytes()).map_err(file(&passing, "write a document"))?;
        document.sync_all().map_err(file(&passing, "sync a document"))?;
        fs::rename(&passing, &path).map_err(file(&path, "move a document into place"))?;
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(file(folder, "sync it"))
    }
}

/// Identifiers are made of identifiers, so this fails only on one made up from outside.
fn is_name(identifier: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    (1..=240).contains(&identifier.len()) && identifier.bytes().all(plain)
}

fn read(path: &Path) -> Option<Published> {
    if fs::metadata(path).ok()?.len() > DOCUMENT_LEN_MAX {
        return None;
    }
    let published = parse(&fs::read_to_string(path).ok()?)?;
    (path.file_stem()? == published.identifier.as_str()).then_some(published)
}

/// Reads what we write; nothing of anybody else's has to be understood here.
fn parse(text: &str) -> Option<Published> {
    let leaves = leaves(text)?;
    let first = |path: &str| leaves.iter().find(|(p, _)| p == path).map(|(_, text)| text.clone());
    let headlines: Vec<_> = leaves.iter().filter(|(p, _)| p == "alert/info/headline").collect();
    let headline = |at: usize| headlines.get(at).map(|(_, text)| text.clone()).unwrap_or_default();
    let sent = first("alert/sent")?;
    Some(Published {
        identifier: first("alert/identifier")?,
        sender: first("alert/sender")?,
        sent_at: Timestamp::parse(&sent).ok()?,
        sent,
        status: first("alert/status")?,
        message_type: first("alert/msgType")?,
        scope: if first("alert/scope")? == Scope::Public.name() {
            Scope::Public
        } else {
            Scope::Restricted
        },
        incident: first("alert/incidents")?,
        place: first("alert/references").map_or(0, |told| told.split_whitespace().count()),
        expires_at: Timestamp::parse(&first("alert/info/expires")?).ok()?,
        headline: headline(0),
        headline_en: headline(1),
    })
}

/// Every element that holds text only, by its path from the root, in order.
pub(in crate::channel) fn leaves(text: &str) -> Option<Vec<(String, String)>> {
    let mut reader = Reader::from_str(text);
    let (mut path, mut held, mut leaves) = (Vec::new(), String::new(), Vec::new());
    loop {
        match reader.read_event().ok()? {
            Event::Start(start) => {
                path.push(String::from(start.name().as_ref()));
                held.clear();
            }
            Event::Text(text) => held.push_str(&text),
            Event::GeneralRef(reference) => match reference.resolve_char_ref().ok()? {
                Some(c) => held.push(c),
                None => held.push_str(resolve_xml_entity(&reference)?),
            },
            Event::End(_) => {
                leaves.push((path.join("/"), std::mem::take(&mut held)));
                path.pop()?;
            }
            Event::Eof => return path.is_empty().then_some(leaves),
            _ => {}
        }
    }
}

fn file(path: &Path, doing: &'static str) -> impl Fn(std::io::Error) -> CapError {
    move |source| CapError::File { path: path.into(), doing, source }
}
