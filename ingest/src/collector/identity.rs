//! Who a session is, remembered across restarts.
//!
//! A broker keeps a session by its client id. Ours is the collector's name, the session's role and a hash of what
//! it subscribes to: other filters make another session, and the old one is drained and ended. So that it can be
//! found, it is written here before we connect as somebody new. The file also remembers whether the broker ever
//! confirmed the subscription: a session that exists without it would stay silent for ever.
//!
//! One JSON file per session, `mqtt-{collector}-{role}.json`, replaced as a whole.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use ring::digest;
use serde::{Deserialize, Serialize};

use super::event::Role;

/// How many sessions may wait to be drained; older ones are forgotten, and the broker lets them expire.
const OLD_MAX: usize = 8;

/// Why the memory of sessions cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// Not readable.
    #[error("cannot read {path}, which remembers the MQTT session; check the data directory")]
    Read {
        /// The file.
        path: String,
        /// What the system says.
        source: io::Error,
    },
    /// Not writable.
    #[error(
        "cannot write {path}, which remembers the MQTT session; check the data directory and the disk"
    )]
    Write {
        /// The file.
        path: String,
        /// What the system says.
        source: io::Error,
    },
}

/// A session by its client id, with what it subscribed to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Session {
    pub(super) client_id: String,
    pub(super) filters: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Remembered {
    current: Session,
    subscribed: bool,
    old: Vec<Session>,
}

/// The identity of one session, as the file has it.
#[derive(Debug)]
pub(super) struct Identity {
    path: PathBuf,
    remembered: Remembered,
}

impl Identity {
    /// Opens the memory of one session and makes it say who connects now, before anybody does.
    pub(super) fn open(
        data_dir: &Path,
        collector: &str,
        role: Role,
        filters: &[String],
    ) -> Result<Self, IdentityError> {
        let path = data_dir.join(format!("mqtt-{collector}-{}.json", role.name()));
        let current =
            Session { client_id: client_id(collector, role, filters), filters: filters.to_vec() };
        let before = read(&path)?;
        let remembered = succeed(before.clone(), current);
        let identity = Self { path, remembered };
        if before.as_ref() != Some(&identity.remembered) {
            identity.save()?;
        }
        Ok(identity)
    }

    /// Who connects now.
    pub(super) fn current(&self) -> &Session {
        &self.remembered.current
    }

    /// Whether the broker confirmed the subscription once.
    pub(super) fn is_subscribed(&self) -> bool {
        self.remembered.subscribed
    }

    /// The sessions of filters we no longer have.
    pub(super) fn old(&self) -> &[Session] {
        &self.remembered.old
    }

    /// Remembers whether the subscription stands.
    pub(super) fn set_subscribed(&mut self, subscribed: bool) -> Result<(), IdentityError> {
        if self.remembered.subscribed == subscribed {
            return Ok(());
        }
        self.remembered.subscribed = subscribed;
        self.save()
    }

    /// Forgets a session that was drained and ended.
    pub(super) fn forget(&mut self, client_id: &str) -> Result<(), IdentityError> {
        self.remembered.old.retain(|session| session.client_id != client_id);
        self.save()
    }

    fn save(&self) -> Result<(), IdentityError> {
        write(&self.path, &self.remembered).map_err(|source| IdentityError::Write {
            path: self.path.display().to_string(),
            source,
        })
    }
}

/// What is remembered once `current` takes over.
fn succeed(before: Option<Remembered>, current: Session) -> Remembered {
    let Some(before) = before else {
        return Remembered { current, subscribed: false, old: Vec::new() };
    };
    if before.current.client_id == current.client_id {
        return before;
    }
    let mut old = before.old;
    old.push(before.current);
    old.retain(|session| session.client_id != current.client_id); // back to filters we had before
    old.drain(..old.len().saturating_sub(OLD_MAX));
    Remembered { current, subscribed: false, old }
}

/// Name, role, and what it subscribes to, in any order.
fn client_id(collector: &str, role: Role, filters: &[String]) -> String {
    let mut sorted: Vec<&str> = filters.iter().map(String::as_str).collect();
    sorted.sort_unstable();
    let hash = digest::digest(&digest::SHA256, sorted.join("\n").as_bytes());
    let hash: String = hash.as_ref()[..6].iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{collector}-{}-{hash}", role.name())
}

/// The file's content; nothing if there is none, or if it makes no sense: then the session is as good as new, and
/// what the broker still has for it comes back on the same client id.
fn read(path: &Path) -> Result<Option<Remembered>, IdentityError> {
    match fs::read(path) {
        Ok(bytes) => Ok(serde_json::from_slice(&bytes)
            .inspect_err(|error| {
                tracing::warn!(path = %path.display(), %error, "memory of the mqtt session is unreadable, starting anew");
            })
            .ok()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(IdentityError::Read { path: path.display().to_string(), source }),
    }
}

/// Replaces the file as a whole, durably.
fn write(path: &Path, remembered: &Remembered) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let draft = path.with_extension("json.new");
    let mut file = File::create(&draft)?;
    file.write_all(&serde_json::to_vec_pretty(remembered)?)?;
    file.sync_all()?;
    fs::rename(&draft, path)?;
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filters(list: &[&str]) -> Vec<String> {
        list.iter().map(|filter| (*filter).to_string()).collect()
    }

    #[test]
    fn the_id_follows_the_filters_not_their_order() {
        let id = |list: &[&str]| client_id("field", Role::Telemetry, &filters(list));
        assert_eq!(id(&["a", "b"]), id(&["b", "a"]));
        assert_ne!(id(&["a", "b"]), id(&["a"]));
        assert_ne!(client_id("field", Role::Backfill, &filters(&["a"])), id(&["a"]));
        assert!(id(&["a"]).starts_with("field-telemetry-"));
    }

    #[test]
    fn remembers_across_restarts_and_drains_what_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let open = |list: &[&str]| {
            Identity::open(folder.path(), "field", Role::Telemetry, &filters(list)).unwrap()
        };
        let mut first = open(&["a"]);
        assert!(!first.is_subscribed() && first.old().is_empty());
        first.set_subscribed(true).unwrap();
        let was = first.current().clone();

        assert!(open(&["a"]).is_subscribed(), "same filters, same session");

        let mut changed = open(&["a", "b"]);
        assert!(!changed.is_subscribed());
        assert_eq!(changed.old(), std::slice::from_ref(&was));
        changed.set_subscribed(true).unwrap();
        changed.forget(&was.client_id).unwrap();
        let again = open(&["a", "b"]);
        assert!(again.is_subscribed() && again.old().is_empty());
    }

    #[test]
    fn coming_back_to_former_filters_does_not_drain_ourselves() {
        let folder = tempfile::tempdir().unwrap();
        let open = |list: &[&str]| {
            Identity::open(folder.path(), "field", Role::Telemetry, &filters(list)).unwrap()
        };
        let first = open(&["a"]).current().client_id.clone();
        open(&["b"]);
        let back = open(&["a"]);
        assert_eq!(back.current().client_id, first);
        assert!(back.old().iter().all(|session| session.client_id != first));
        assert!(!back.is_subscribed(), "it may have been ended meanwhile");
    }

    #[test]
    fn a_torn_file_starts_anew_and_old_sessions_are_bounded() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mqtt-field-telemetry.json");
        fs::write(&path, b"{\"current\":").unwrap();
        for i in 0..20 {
            Identity::open(folder.path(), "field", Role::Telemetry, &filters(&[&format!("f{i}")]))
                .unwrap();
        }
        let last =
            Identity::open(folder.path(), "field", Role::Telemetry, &filters(&["f19"])).unwrap();
        assert_eq!(last.old().len(), OLD_MAX);
    }
}
