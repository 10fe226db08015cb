//! A port of the machine: opened by its path, given up when it is gone.

use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::time::sleep;
use tokio_serial::{FlowControl, SerialPortBuilderExt, SerialStream};

use super::config::{DataBits, LineConfig, Parity, StopBits};

/// How often we look whether the path still leads to the port we have open. An adapter that is pulled out is an end of
/// file at once; one that came back under another number while a link follows it is only seen here.
pub(super) const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Why a port cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LineError {
    /// It cannot be opened.
    #[error("cannot open {path}: {reason}; {remedy}")]
    Open {
        /// Its path.
        path: String,
        /// What the system says.
        reason: String,
        /// What to do.
        remedy: &'static str,
    },
    /// It ended.
    #[error("{path} is gone: the adapter was pulled out, or lost its power")]
    Gone {
        /// Its path.
        path: String,
    },
    /// It fails.
    #[error("{path} fails: {reason}")]
    Failed {
        /// Its path.
        path: String,
        /// What the system says.
        reason: String,
    },
    /// The path leads to another device by now.
    #[error("{path} leads to another device by now, or to none")]
    Moved {
        /// Its path.
        path: String,
    },
}

/// A port that is open.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) stream: SerialStream,
    path: PathBuf,
    device: u64,
}

impl Line {
    /// Opens a port for us alone. Does not wait for a carrier.
    pub(super) fn open(config: &LineConfig) -> Result<Self, LineError> {
        let device =
            device_of(&config.path).map_err(|error| refused(&config.path, error.into()))?;
        let stream = builder(config).open_native_async().map_err(|e| refused(&config.path, e))?;
        Ok(Self { stream, path: config.path.clone(), device })
    }

    /// Whether its path still leads to it.
    pub(super) fn look(&self) -> Result<(), LineError> {
        match device_of(&self.path) {
            Ok(device) if device == self.device => Ok(()),
            Ok(_) | Err(_) => Err(LineError::Moved { path: shown(&self.path) }),
        }
    }

    /// What a read came to: how many bytes, of which none is the end.
    pub(super) fn heard(&self, read: io::Result<usize>) -> Result<usize, LineError> {
        match read {
            Ok(0) => Err(LineError::Gone { path: shown(&self.path) }),
            Ok(len) => Ok(len),
            Err(error) => Err(failed(&self.path, &error)),
        }
    }
}

/// Listens to a port for a while, to `len_max` bytes at most: for a person who looks at it.
///
/// # Errors
/// `LineError` if it cannot be opened, or is lost.
pub async fn overhear(
    config: &LineConfig,
    listen_for: Duration,
    len_max: usize,
) -> Result<Vec<u8>, LineError> {
    let mut line = Line::open(config)?;
    let (mut heard, mut buffer) = (Vec::new(), [0; 1_024]);
    let until = sleep(listen_for);
    tokio::pin!(until);
    while heard.len() < len_max {
        let read = tokio::select! {
            () = &mut until => break,
            read = line.stream.read(&mut buffer) => read,
        };
        let len = line.heard(read)?;
        heard.extend_from_slice(&buffer[..len.min(len_max - heard.len())]);
    }
    Ok(heard)
}

/// What an error of a port that was open means: EIO and the like are what a pulled adapter gives.
pub(super) fn failed(path: &Path, error: &io::Error) -> LineError {
    const EIO: i32 = 5;
    const ENXIO: i32 = 6;
    const ENODEV: i32 = 19;
    let path = shown(path);
    match (error.raw_os_error(), error.kind()) {
        (Some(EIO | ENXIO | ENODEV), _)
        | (_, io::ErrorKind::BrokenPipe | io::ErrorKind::UnexpectedEof) => LineError::Gone { path },
        _ => LineError::Failed { path, reason: error.to_string() },
    }
}

fn refused(path: &Path, error: tokio_serial::Error) -> LineError {
    use tokio_serial::ErrorKind;
    let remedy = match error.kind() {
        ErrorKind::NoDevice if path.exists() => "another program has it open, stop that one first",
        ErrorKind::NoDevice | ErrorKind::Io(io::ErrorKind::NotFound) => {
            "plug it in, or look under /dev/serial/by-id for its name"
        }
        ErrorKind::Io(io::ErrorKind::PermissionDenied) => {
            "add the service user to the group of the port, often dialout"
        }
        _ => "look at path and baud",
    };
    LineError::Open { path: shown(path), reason: error.to_string(), remedy }
}

fn builder(config: &LineConfig) -> tokio_serial::SerialPortBuilder {
    tokio_serial::new(config.path.to_string_lossy(), config.baud)
        .data_bits(match config.data_bits {
            DataBits::Seven => tokio_serial::DataBits::Seven,
            DataBits::Eight => tokio_serial::DataBits::Eight,
        })
        .parity(match config.parity {
            Parity::None => tokio_serial::Parity::None,
            Parity::Even => tokio_serial::Parity::Even,
            Parity::Odd => tokio_serial::Parity::Odd,
        })
        .stop_bits(match config.stop_bits {
            StopBits::One => tokio_serial::StopBits::One,
            StopBits::Two => tokio_serial::StopBits::Two,
        })
        .flow_control(FlowControl::None)
}

fn device_of(path: &Path) -> io::Result<u64> {
    std::fs::metadata(path).map(|found| found.rdev())
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}
