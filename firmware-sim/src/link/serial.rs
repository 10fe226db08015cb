//! Stations on wires: a pseudo-terminal for each, or for each site where the wire is a bus.
//!
//! A folder gets a link for each port, `{site}--{station}` or `{site}`, that leads to the terminal, like the names
//! under `/dev/serial/by-id`. On a wire nobody listens on, what is said is lost, unless the form has answers.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_serial::{SerialPort, SerialStream};
use tokio_util::sync::CancellationToken;

use super::modbus::{Bus, Units};
use super::mqtt::Totals;
use super::{frames, lines, toa5};
use crate::message::Message;
use crate::pace::Pace;

/// Messages that wait for one wire.
const LANE_LEN_MAX: usize = 256;
/// How long a wire may take what is said before it is lost.
const SAY_WITHIN: Duration = Duration::from_secs(1);

/// What runs on the wires.
#[derive(Clone, Debug)]
pub enum Speech {
    /// Lines of text.
    Lines,
    /// Tables of a Campbell logger.
    Toa5,
    /// Our own frames, kept until they are said to be on disk.
    Frames,
    /// Registers that somebody asks for.
    Modbus(Units),
}

/// Wires that cannot be laid.
#[derive(Debug, thiserror::Error)]
#[error("cannot make the port {}; is the folder yours to write in?", path.display())]
pub struct SerialError {
    /// Which.
    pub path: PathBuf,
    /// What the system says.
    pub source: io::Error,
}

/// The near end of a wire, and the link that leads to it. Taken away with it.
pub struct Port {
    /// Held open: without it there is no wire while nobody listens.
    _near: SerialStream,
    link: PathBuf,
}

impl Port {
    /// Lays a wire that `link` leads to, and gives its far end; what was there before is replaced.
    ///
    /// # Errors
    /// [`SerialError`].
    pub fn lay(link: &Path) -> Result<(Self, SerialStream), SerialError> {
        let wrong = |source| SerialError { path: link.into(), source };
        let (far, near) = SerialStream::pair().map_err(|error| wrong(error.into()))?;
        let Some(terminal) = near.name() else {
            return Err(wrong(io::Error::other("the terminal has no name")));
        };
        if let Some(folder) = link.parent() {
            std::fs::create_dir_all(folder).map_err(wrong)?;
        }
        // A link replaces a link at once: whoever opens the path finds the old wire or the new one.
        let draft = link.with_extension("new");
        std::fs::remove_file(&draft).ok();
        std::os::unix::fs::symlink(terminal, &draft).map_err(wrong)?;
        std::fs::rename(&draft, link).map_err(wrong)?;
        Ok((Self { _near: near, link: link.into() }, far))
    }
}

impl Drop for Port {
    fn drop(&mut self) {
        std::fs::remove_file(&self.link).ok();
    }
}

/// Says something, if the wire takes it in time.
pub(super) async fn say(far: &mut SerialStream, bytes: &[u8]) -> bool {
    matches!(tokio::time::timeout(SAY_WITHIN, far.write_all(bytes)).await, Ok(Ok(())))
}

/// The name of the wire a message takes: that of its station, or of its site on a bus.
fn wire_of(topic: &str, speech: &Speech) -> Option<String> {
    let mut levels = topic.split('/').skip(2);
    let (site, station) = (levels.next()?, levels.next()?);
    Some(match speech {
        Speech::Modbus(_) => site.to_owned(),
        Speech::Lines | Speech::Toa5 | Speech::Frames => format!("{site}--{station}"),
    })
}

/// Says `messages` on wires under `folder`, each at its own moment by `pace`. Wires stay until `stop`, except those of
/// frames: they are gone once each frame is answered.
///
/// # Errors
/// [`SerialError`] if a wire cannot be laid.
pub async fn publish(
    messages: impl Iterator<Item = Message> + Send,
    folder: &Path,
    speech: &Speech,
    pace: &Pace,
    stop: CancellationToken,
) -> Result<Totals, SerialError> {
    let mut tasks = JoinSet::new();
    let mut lanes: BTreeMap<String, mpsc::Sender<Message>> = BTreeMap::new();
    let dispatching = async {
        for message in messages {
            pace.sleep_until(message.sent_at).await;
            let Some(wire) = wire_of(&message.topic, speech) else { continue };
            let lane = match lanes.get(&wire) {
                Some(lane) => lane,
                None => {
                    let (lane, heard) = mpsc::channel(LANE_LEN_MAX);
                    let (pace, stop) = (pace.clone(), stop.clone());
                    let link = folder.join(&wire);
                    match speech {
                        Speech::Lines => {
                            drop(tasks.spawn(tell(Port::lay(&link)?, lines::write, heard, stop)))
                        }
                        Speech::Toa5 => {
                            drop(tasks.spawn(tell(Port::lay(&link)?, toa5::write, heard, stop)))
                        }
                        Speech::Frames => {
                            drop(tasks.spawn(frames::tell(Port::lay(&link)?, heard, stop)))
                        }
                        Speech::Modbus(units) => {
                            let bus = Bus::new(units, &wire, pace);
                            drop(tasks.spawn(bus.serve(Port::lay(&link)?, link, heard, stop)));
                        }
                    }
                    lanes.entry(wire).or_insert(lane)
                }
            };
            if lane.send(message).await.is_err() {
                return Ok(());
            }
        }
        Ok(())
    };
    tokio::select! {
        () = stop.cancelled() => (),
        laid = dispatching => laid?,
    }
    drop(lanes);
    let mut totals = Totals::default();
    while let Some(lane) = tasks.join_next().await {
        match lane {
            Ok(lane) => totals.add(lane),
            Err(error) => tracing::error!(%error, "a wire of the simulated field ended badly"),
        }
    }
    Ok(totals)
}

/// Says what `write` makes of each message, and hears nothing, until `stop`.
async fn tell(
    (_near, mut far): (Port, SerialStream),
    write: fn(&Message) -> Vec<u8>,
    mut messages: mpsc::Receiver<Message>,
    stop: CancellationToken,
) -> Totals {
    let mut totals = Totals::default();
    loop {
        let message = tokio::select! {
            () = stop.cancelled() => return totals,
            message = messages.recv() => match message {
                Some(message) => message,
                None => {
                    // what was said may not have been read yet: the wire stays
                    stop.cancelled().await;
                    return totals;
                }
            },
        };
        let mut bytes = write(&message);
        message.turn_over(&mut bytes);
        if bytes.is_empty() {
            continue;
        }
        if say(&mut far, &bytes).await {
            totals.sent += 1;
        } else {
            totals.forgotten += 1;
        }
    }
}
