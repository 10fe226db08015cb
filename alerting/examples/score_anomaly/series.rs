//! Recorded series: `timestamp,value` with a header, oldest first.

use std::fs;
use std::io::Read;
use std::path::Path;

use anyhow::{Context, Result, bail};
use reading::Timestamp;

/// One recorded series.
#[derive(Clone)]
pub struct Series {
    /// The stamps as written.
    pub stamps: Vec<String>,
    /// What a detector is shown. Stamps without an offset are taken as UTC: only differences matter.
    pub rows: Vec<(Timestamp, f64)>,
}

impl Series {
    /// Reads a file, unpacking it if its name ends in `gz`.
    pub fn open(path: &Path) -> Result<Self> {
        let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        let mut text = String::new();
        if path.extension().is_some_and(|extension| extension == "gz") {
            flate2::read::GzDecoder::new(bytes.as_slice()).read_to_string(&mut text)?;
        } else {
            text = String::from_utf8(bytes)?;
        }
        Self::parse(&text).with_context(|| path.display().to_string())
    }

    /// Reads the text of a file.
    pub fn parse(text: &str) -> Result<Self> {
        let mut series = Self { stamps: Vec::new(), rows: Vec::new() };
        for (number, line) in text.lines().enumerate().skip(1).filter(|(_, l)| !l.is_empty()) {
            let Some((stamp, value)) = line.split_once(',') else {
                bail!("line {}: not `timestamp,value`", number + 1);
            };
            // what is no number is no reading, and is answered all the same
            let value = value.split(',').next().unwrap_or_default().trim().parse();
            let value = value.unwrap_or(f64::NAN);
            let at = moment(stamp).with_context(|| format!("line {}", number + 1))?;
            series.stamps.push(stamp.to_owned());
            series.rows.push((at, value));
        }
        Ok(series)
    }
}

/// A stamp; without an offset it is taken as UTC: only differences matter.
pub fn moment(stamp: &str) -> Result<Timestamp> {
    let stamp = stamp.trim().replacen(' ', "T", 1);
    Ok(Timestamp::parse(&stamp).or_else(|_| Timestamp::parse(&format!("{stamp}Z")))?)
}
