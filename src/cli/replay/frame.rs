//! A recorded frame: one line of a file.

use anyhow::{Context, bail};
use serde::Deserialize;

/// A recorded frame, as `firmware-sim run --out` writes it.
#[derive(Deserialize)]
pub struct RecordedFrame {
    /// When it was received.
    pub at: String,
    /// Its topic.
    pub topic: String,
    payload: Option<serde_json::Value>,
    /// In place of `payload` where the bytes are no text.
    payload_hex: Option<String>,
    /// Whether the broker had kept it.
    #[serde(default)]
    pub retain: bool,
}

impl RecordedFrame {
    /// The bytes it had.
    ///
    /// # Errors
    /// If what stands there says none, or two.
    pub fn bytes(&self) -> anyhow::Result<Vec<u8>> {
        match (&self.payload, &self.payload_hex) {
            (Some(serde_json::Value::String(text)), None) => Ok(text.clone().into_bytes()),
            (Some(other), None) => Ok(serde_json::to_vec(other)?),
            (None, Some(hex)) => {
                unhex(hex).context("`payload_hex` is not pairs of hexadecimal digits")
            }
            _ => bail!("write either `payload` or `payload_hex`"),
        }
    }
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let pairs = text.len() / 2;
    let byte = |at: usize| u8::from_str_radix(text.get(2 * at..2 * at + 2)?, 16).ok();
    text.len().is_multiple_of(2).then(|| (0..pairs).map(byte).collect()).flatten()
}
