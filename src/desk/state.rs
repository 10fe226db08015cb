//! The desk's state on disk: snapshots, and which record crashed it.
//!
//! A snapshot file is `snapshot-{position}.bongsu`: `magic 8 | crc32c of the rest 4 | state`, written beside,
//! made durable, renamed. The newest good one wins; two are kept.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use alerting::Engine;
use alerting::snapshot::Snapshot;
use reading::Timestamp;
use reading::admission::{Admission, AdmissionState, Limits};
use reading::codec::sparkplug::Hosts;
use serde::{Deserialize, Serialize};

use super::Desk;
use super::waiting::Waiting;
use crate::overview::{Balance, LinkProof};

/// The layout of a snapshot: the last digit of what it begins with.
pub const LAYOUT: u8 = MAGIC[7] - b'0';

const MAGIC: [u8; 8] = *b"bongsns6";
const KEPT: usize = 2;

#[derive(Serialize, Deserialize)]
struct Stored {
    position: u64,
    at: Timestamp,
    engine: Vec<u8>,
    admission: AdmissionState,
    hosts: Hosts,
    balances: Vec<Balance>,
    waiting: Waiting,
    proofs: Vec<LinkProof>,
}

/// Where snapshots and the crash note lie.
#[derive(Clone, Debug)]
pub struct StateFolder(PathBuf);

impl StateFolder {
    /// The folder, made if there is none.
    ///
    /// # Errors
    /// What the system said.
    pub fn open(folder: PathBuf) -> io::Result<Self> {
        fs::create_dir_all(&folder)?;
        Ok(Self(folder))
    }

    /// Every snapshot, newest first.
    pub fn snapshots(&self) -> Vec<(u64, PathBuf)> {
        let Ok(entries) = fs::read_dir(&self.0) else { return Vec::new() };
        let mut found: Vec<_> = entries
            .flatten()
            .filter_map(|entry| {
                let name = entry.file_name().into_string().ok()?;
                let position: u64 =
                    name.strip_prefix("snapshot-")?.strip_suffix(".bongsu")?.parse().ok()?;
                Some((position, entry.path()))
            })
            .collect();
        found.sort_by_key(|(position, _)| std::cmp::Reverse(*position));
        found
    }

    /// Writes a snapshot and drops those beyond the newest two. Returns the position from which on the journal is
    /// still needed: after the older one kept. While there is one only, all of it is: that one may turn out damaged.
    ///
    /// # Errors
    /// What the system said; the older ones are still there.
    pub fn save(&self, desk: &Desk) -> io::Result<u64> {
        let Some(bytes) = encode(desk) else { return Ok(0) };
        let path = self.0.join(format!("snapshot-{:020}.bongsu", desk.position()));
        let new = path.with_extension("new");
        let mut file = File::create(&new)?;
        file.write_all(&MAGIC)?;
        file.write_all(&crc32c::crc32c(&bytes).to_le_bytes())?;
        file.write_all(&bytes)?;
        file.sync_all()?;
        fs::rename(&new, &path)?;
        File::open(&self.0)?.sync_all()?;
        let kept = self.snapshots();
        for (_, old) in kept.iter().skip(KEPT) {
            fs::remove_file(old)?;
        }
        Ok(kept.get(KEPT - 1).map_or(0, |(position, _)| *position))
    }

    /// The newest snapshot at or before `to` that can be read. Those that cannot are set aside and reported.
    pub fn load(&self, to: u64, skips: &BTreeSet<u64>) -> Option<Desk> {
        for (position, path) in self.snapshots().into_iter().filter(|(position, _)| *position <= to)
        {
            match decode(&path, skips.clone()) {
                Ok(desk) => return Some(desk),
                Err(reason) => {
                    tracing::error!(position, path = %path.display(), reason, "snapshot set aside, trying an older one");
                    fs::rename(&path, path.with_extension("damaged")).ok();
                }
            }
        }
        None
    }

    /// Notes that `sequence` crashed the desk; returns how often by now.
    pub fn note_crash(&self, sequence: u64) -> u32 {
        let mut note = self.crash_note();
        let times = note.crashes.entry(sequence).or_default();
        *times += 1;
        let times = *times;
        self.write_note(&note);
        times
    }

    /// Records that crashed the desk twice and are to be passed over, and those of them whose skip is not
    /// journaled yet.
    pub fn skips(&self) -> (BTreeSet<u64>, Vec<u64>) {
        let note = self.crash_note();
        let skips: BTreeSet<u64> =
            note.crashes.iter().filter(|(_, n)| **n >= 2).map(|(s, _)| *s).collect();
        let new =
            skips.iter().filter(|sequence| !note.journaled.contains(sequence)).copied().collect();
        (skips, new)
    }

    /// The skip of these records is journaled.
    pub fn skips_journaled(&self, sequences: &[u64]) {
        let mut note = self.crash_note();
        note.journaled.extend(sequences);
        self.write_note(&note);
    }

    fn note_path(&self) -> PathBuf {
        self.0.join("crashes.json")
    }

    fn crash_note(&self) -> CrashNote {
        fs::read(self.note_path())
            .ok()
            .and_then(|bytes| serde_json::from_slice(&bytes).ok())
            .unwrap_or_default()
    }

    fn write_note(&self, note: &CrashNote) {
        let write = || -> io::Result<()> {
            let new = self.note_path().with_extension("new");
            let mut file = File::create(&new)?;
            file.write_all(&serde_json::to_vec(note)?)?;
            file.sync_all()?;
            fs::rename(&new, self.note_path())
        };
        if let Err(error) = write() {
            tracing::error!(%error, path = %self.note_path().display(), "crash note cannot be written");
        }
    }
}

#[derive(Default, Serialize, Deserialize)]
struct CrashNote {
    crashes: BTreeMap<u64, u32>,
    journaled: BTreeSet<u64>,
}

fn encode(desk: &Desk) -> Option<Vec<u8>> {
    let stored = Stored {
        position: desk.position,
        at: desk.at,
        engine: desk.engine.as_ref()?.snapshot().to_bytes(),
        admission: desk.admission.export(&desk.setup.registry),
        hosts: desk.hosts.clone(),
        balances: desk.balances.values().cloned().collect(),
        waiting: Waiting::clone(&desk.waiting),
        proofs: desk.proofs.values().cloned().collect(),
    };
    postcard::to_allocvec(&stored).ok()
}

fn decode(path: &Path, skips: BTreeSet<u64>) -> Result<Desk, String> {
    let bytes = fs::read(path).map_err(|error| error.to_string())?;
    let rest = bytes.strip_prefix(&MAGIC).ok_or("not a snapshot of this layout")?;
    let (sum, rest) = rest.split_at_checked(4).ok_or("too short")?;
    if crc32c::crc32c(rest).to_le_bytes() != *sum {
        return Err("its checksum is wrong".into());
    }
    let stored: Stored = postcard::from_bytes(rest).map_err(|error| error.to_string())?;
    let snapshot = Snapshot::from_bytes(&stored.engine).map_err(|error| error.to_string())?;
    let setup = snapshot.setup().clone();
    let mut desk = Desk::new(skips);
    desk.admission = Admission::restore(&setup.registry, Limits::default(), stored.admission);
    desk.hosts = stored.hosts;
    desk.latest = vec![None; setup.registry.series().len()];
    desk.setup = std::sync::Arc::new(setup);
    desk.engine = Some(Engine::restore(snapshot));
    desk.balances =
        stored.balances.into_iter().map(|balance| (balance.source.clone(), balance)).collect();
    desk.waiting = stored.waiting.into();
    let named = |proof: LinkProof| ((proof.channel.clone(), proof.target.clone()), proof);
    desk.proofs = stored.proofs.into_iter().map(named).collect();
    (desk.position, desk.at) = (stored.position, stored.at);
    Ok(desk)
}
