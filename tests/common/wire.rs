//! Serial lines that socat holds: bongsu on one end, an instrument of the test on the other.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::eventually;
use super::servers::program;

/// A line with two ends. Cut when dropped.
pub struct Wire {
    /// The end bongsu opens.
    pub ours: PathBuf,
    /// The end of the instrument.
    pub theirs: PathBuf,
    socat: Child,
}

impl Wire {
    /// Lays one in a folder, unless there is no socat.
    pub async fn lay(folder: &Path) -> Option<Self> {
        let (ours, theirs) = (folder.join("ours"), folder.join("theirs"));
        let end = |path: &Path| format!("PTY,link={},raw,echo=0", path.display());
        let socat = Command::new(program("socat")?)
            .args([end(&ours), end(&theirs)])
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        eventually("the wire is laid", || async {
            (ours.exists() && theirs.exists()).then_some(())
        })
        .await;
        Some(Self { ours, theirs, socat })
    }

    /// The far end, to say and hear by.
    pub fn far_end(&self) -> File {
        OpenOptions::new().read(true).write(true).open(&self.theirs).unwrap()
    }

    /// An instrument that says a line ten times a second until it is dropped.
    pub fn instrument(&self, line: &'static str) -> Instrument {
        let (path, off) = (self.theirs.clone(), Arc::new(AtomicBool::new(false)));
        let stop = off.clone();
        std::thread::spawn(move || {
            let mut port = OpenOptions::new().write(true).open(path).unwrap();
            while !stop.load(Ordering::Relaxed) && port.write_all(line.as_bytes()).is_ok() {
                std::thread::sleep(Duration::from_millis(100));
            }
        });
        Instrument(off)
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.socat.kill().ok();
        self.socat.wait().ok();
        for end in [&self.ours, &self.theirs] {
            std::fs::remove_file(end).ok(); // killed, socat leaves its links behind
        }
    }
}

/// Speaks until it is dropped.
pub struct Instrument(Arc<AtomicBool>);

impl Drop for Instrument {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
