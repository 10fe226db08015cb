//! A pseudo-terminal behind a link, like an adapter behind `/dev/serial/by-id`.

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{Mode, OFlags};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};
use tempfile::TempDir;
use tokio::time::sleep;

use crate::support::soon;

/// How long a port may take to be noticed gone, and to be open again once it is back.
const REOPENED_WITHIN: Duration = Duration::from_secs(10);

/// Waits for what must come of a port that was pulled out.
pub async fn in_time<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(REOPENED_WITHIN, future).await {
        Ok(value) => value,
        Err(_) => panic!("{what}: not within {REOPENED_WITHIN:?}"),
    }
}

/// A place where an adapter can be plugged in.
pub struct Socket {
    folder: TempDir,
}

/// The far end of the wire.
pub struct Pty {
    master: OwnedFd,
    heard: Vec<u8>,
}

impl Socket {
    pub fn new() -> Self {
        Self { folder: TempDir::new().unwrap() }
    }

    /// The path collectors are told.
    pub fn path(&self) -> PathBuf {
        self.folder.path().join("instrument")
    }

    /// Plugs a new adapter in; what was there before is forgotten.
    pub fn plug(&self) -> Pty {
        let (pty, path) = Pty::open();
        self.unplug();
        std::os::unix::fs::symlink(path, self.path()).unwrap();
        pty
    }

    /// Takes the link away, as udev does.
    pub fn unplug(&self) {
        std::fs::remove_file(self.path()).ok();
    }
}

impl Pty {
    fn open() -> (Self, PathBuf) {
        let master =
            openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let path = PathBuf::from(ptsname(&master, Vec::new()).unwrap().into_string().unwrap());
        make_raw(&path);
        let flags = rustix::fs::fcntl_getfl(&master).unwrap();
        rustix::fs::fcntl_setfl(&master, flags | OFlags::NONBLOCK).unwrap();
        (Self { master, heard: Vec::new() }, path)
    }

    /// Sends bytes up the wire.
    pub async fn say(&self, mut bytes: &[u8]) {
        let all = async {
            while !bytes.is_empty() {
                match rustix::io::write(&self.master, bytes) {
                    Ok(written) => bytes = &bytes[written..],
                    Err(rustix::io::Errno::AGAIN) => sleep(Duration::from_millis(1)).await,
                    Err(error) => panic!("{error}"),
                }
            }
        };
        soon("the wire takes the bytes", all).await;
    }

    /// Waits for bytes down the wire until `found` finds something in them, and forgets what it has used.
    pub async fn hear<T>(&mut self, what: &str, found: impl Fn(&[u8]) -> Option<(T, usize)>) -> T {
        soon(what, async {
            loop {
                if let Some((found, used)) = found(&self.heard) {
                    self.heard.drain(..used);
                    return found;
                }
                let before = self.heard.len();
                if self.heard().len() == before {
                    sleep(Duration::from_millis(1)).await;
                }
            }
        })
        .await
    }

    /// What has come down the wire by now. While nobody has the other end open, to read is an error.
    pub fn heard(&mut self) -> &[u8] {
        let mut buffer = [0; 256];
        while let Ok(len @ 1..) = rustix::io::read(&self.master, &mut buffer) {
            self.heard.extend_from_slice(&buffer[..len]);
        }
        &self.heard
    }
}

/// Nothing on the way turns one byte into another, also before anybody has set the port up.
fn make_raw(path: &Path) {
    let slave = rustix::fs::open(path, OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).unwrap();
    let mut settings = tcgetattr(&slave).unwrap();
    settings.make_raw();
    tcsetattr(&slave, OptionalActions::Now, &settings).unwrap();
}
