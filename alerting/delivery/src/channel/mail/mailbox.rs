//! The mailbox of the address letters come from: a Maildir that a mail server, mbsync or fetchmail delivers to.
//!
//! What lies in `new` is read once and moved to `cur`, as every reader of a Maildir does: ours as seen, what people
//! wrote as it is. It moves only when what it said is journaled, so a crash in between says it again, which is known as
//! a repeat.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use alerting::{AttemptResult, DeliveryKey, DeliveryState};
use parking_lot::Mutex;
use tokio::sync::oneshot;

use super::notice::{Came, read};
use crate::receipts::{Fate, Kept, Receipts};

/// How often it is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// How many letters are taken at a look, and how much of each is read, bytes: notices put first what counts.
const LETTERS_MAX: usize = 100;
const LETTER_LEN_MAX: u64 = 256 << 10;

/// What is told to whoever waits for a letter of a link test.
type Told = Result<(), String>;

/// A Maildir that is watched.
pub struct Mailbox {
    folder: PathBuf,
    receipts: Receipts,
    awaited: Mutex<BTreeMap<String, oneshot::Sender<Told>>>,
}

/// One letter as it lies in `new`.
struct Letter {
    name: OsString,
    bytes: Vec<u8>,
}

impl Mailbox {
    /// The Maildir in this folder; what comes back settles deliveries through `receipts`.
    pub fn new(folder: PathBuf, receipts: Receipts) -> Self {
        Self { folder, receipts, awaited: Mutex::default() }
    }

    /// Waits from now on for the letter of a link test.
    pub fn expect(&self, probe: &str) -> oneshot::Receiver<Told> {
        let (told, waiting) = oneshot::channel();
        let mut awaited = self.awaited.lock();
        awaited.retain(|_, told| !told.is_closed());
        awaited.insert(probe.to_owned(), told);
        waiting
    }

    /// Looks for ever.
    pub async fn watch(self: Arc<Self>) {
        let mut is_told = false;
        loop {
            let mailbox = self.clone();
            match tokio::task::spawn_blocking(move || mailbox.letters()).await {
                Ok(Ok(letters)) => {
                    is_told = false;
                    for letter in letters {
                        self.take(letter).await;
                    }
                }
                Ok(Err(error)) if !std::mem::replace(&mut is_told, true) => {
                    tracing::error!(%error, channel = %self.receipts.channel(), folder = %self.folder.display(), "the mailbox cannot be read: bounces are not noted");
                }
                Ok(Err(_)) | Err(_) => {}
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// The oldest letters in `new`; their names begin with when they came.
    fn letters(&self) -> io::Result<Vec<Letter>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(self.folder.join("new"))? {
            names.push(entry?.file_name());
        }
        names.sort();
        names.truncate(LETTERS_MAX);
        let read = |name: OsString| {
            let mut bytes = Vec::new();
            let file = File::open(self.folder.join("new").join(&name))?;
            file.take(LETTER_LEN_MAX).read_to_end(&mut bytes)?;
            Ok(Letter { name, bytes })
        };
        let told = |letter: io::Result<Letter>| {
            letter
                .inspect_err(|error| {
                    tracing::error!(%error, folder = %self.folder.display(), "something in `new` cannot be read as a letter: move it away");
                })
                .ok()
        };
        Ok(names.into_iter().map(read).filter_map(told).collect())
    }

    async fn take(&self, Letter { name, bytes }: Letter) {
        let channel = self.receipts.channel();
        let is_ours = match read(&bytes) {
            Came::Loop(probe) => {
                self.tell(&probe, Ok(()));
                true
            }
            Came::Notice { about, fate, said } => {
                let is_probe = self.tell(&about, Err(format!("it bounced: {said}")));
                if !is_probe && !self.notice(&about, fate, said).await {
                    return; // not written down yet that it was sent: it stays until the next look
                }
                true
            }
            Came::Other => {
                // What a person wrote is theirs; the log says that there was something.
                tracing::info!(%channel, length = bytes.len(), "somebody answered a mail");
                false
            }
        };
        let flags = if is_ours { ":2,S" } else { ":2," };
        let mut seen = name.clone();
        seen.push(flags);
        let (from, to) = (self.folder.join("new").join(name), self.folder.join("cur").join(seen));
        let moved = tokio::task::spawn_blocking(move || fs::rename(from, to)).await;
        if let Ok(Err(error)) = moved {
            tracing::error!(%error, %channel, folder = %self.folder.display(), "a letter that was read cannot be moved to `cur` and is read again");
        }
    }

    /// Whether somebody waited for it.
    fn tell(&self, probe: &str, told: Told) -> bool {
        let waiting = self.awaited.lock().remove(probe);
        waiting.is_some_and(|waiting| waiting.send(told).is_ok())
    }

    /// Takes a notice about a letter. `false` if it is too early for it.
    async fn notice(&self, about: &str, fate: Fate, said: String) -> bool {
        let channel = self.receipts.channel();
        let key = DeliveryKey::from_text(about);
        let result = match fate {
            Fate::OnItsWay => {
                tracing::info!(%channel, delivery = about, said, "a mail is on its way still");
                return true;
            }
            Fate::Delivered => AttemptResult::Delivered { receipt: said },
            Fate::Lost => AttemptResult::Refused { reason: format!("it bounced: {said}") },
        };
        match self.receipts.stands(&key).await {
            Some((DeliveryState::Attempting, _)) => return false,
            Some((
                DeliveryState::Unconfirmed | DeliveryState::HandedOver | DeliveryState::InDoubt,
                attempt,
            )) => {
                tracing::warn!(%channel, delivery = about, ?result, "a mail came back");
                self.receipts.settle(key, attempt, result).await;
            }
            Some((DeliveryState::Delivered | DeliveryState::Refused, _)) => {
                self.receipts.note(Kept::Duplicate, about).await;
            }
            Some((
                DeliveryState::Queued | DeliveryState::Superseded | DeliveryState::Expired,
                _,
            ))
            | None => {
                tracing::warn!(%channel, about, "a notice about a mail that is not known, or over");
                self.receipts.note(Kept::Unknown, about).await;
            }
        }
        true
    }
}
