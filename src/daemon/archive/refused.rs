//! Points that the archive refuses for what they are: kept for a person, one JSON object a line.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use ingest::clock::Clock;
use serde_json::json;

/// The file in the archive's folder.
pub const FILE: &str = "refused.jsonl";

/// Beyond this the file makes way for a new one, bytes; the one before is kept.
const LEN_MAX: u64 = 4 << 20;

/// Keeps them.
pub struct Refused {
    file: PathBuf,
    clock: Clock,
}

impl Refused {
    /// In the archive's folder.
    pub fn new(folder: &Path, clock: Clock) -> Self {
        Self { file: folder.join(FILE), clock }
    }

    /// Keeps one line, and why the server refused it.
    pub fn keep(&self, line: &str, why: &str) {
        tracing::error!(line, why, "the archive refuses a point for what it is; it is set aside");
        if let Err(error) = self.append(line, why) {
            tracing::error!(%error, path = %self.file.display(), "the point cannot be set aside");
        }
    }

    fn append(&self, line: &str, why: &str) -> io::Result<()> {
        if fs::metadata(&self.file).is_ok_and(|found| found.len() > LEN_MAX) {
            fs::rename(&self.file, self.file.with_extension("before.jsonl"))?;
        }
        let row = json!({ "at": self.clock.wall().to_string(), "why": why, "line": line });
        let mut file = OpenOptions::new().create(true).append(true).open(&self.file)?;
        file.write_all(format!("{row}\n").as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_refused_is_kept_and_the_file_does_not_grow_for_ever() {
        let folder = tempfile::tempdir().unwrap();
        let refused = Refused::new(folder.path(), Clock::system());
        let file = folder.path().join(FILE);
        refused.keep("reading,a=b value=1 7", "too old");
        let row: serde_json::Value =
            serde_json::from_str(fs::read_to_string(&file).unwrap().trim()).unwrap();
        assert_eq!(
            (row["line"].as_str(), row["why"].as_str()),
            (Some("reading,a=b value=1 7"), Some("too old"))
        );
        fs::write(&file, vec![b' '; LEN_MAX as usize + 1]).unwrap();
        refused.keep("reading,a=b value=2 8", "too old");
        assert!(fs::metadata(&file).unwrap().len() < 200);
        assert!(fs::metadata(file.with_extension("before.jsonl")).unwrap().len() > LEN_MAX);
    }
}
