//! The voice: espeak-ng, which is handed the text on its input and answers with a WAV file.

use std::io::{Read, Write};
use std::process::{Command, Stdio};

use alerting::catalogue::Language;

use super::sound::RATE;

/// The longest answer, bytes: three minutes.
const ANSWER_LEN_MAX: u64 = 180 * 2 * RATE as u64;

/// The text as samples at [`RATE`].
///
/// # Errors
/// Why there is no voice.
pub fn speak(text: &str, language: Language) -> Result<Vec<i16>, String> {
    let voice = match language {
        Language::Ko => "ko",
        Language::En => "en",
    };
    let mut program = Command::new("espeak-ng")
        .args(["-v", voice, "-s", "140", "--stdin", "--stdout"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| format!("espeak-ng cannot be started: {error}"))?;
    if let Some(mut input) = program.stdin.take() {
        input.write_all(text.as_bytes()).map_err(|error| error.to_string())?;
    }
    let mut bytes = Vec::new();
    if let Some(output) = program.stdout.take() {
        output.take(ANSWER_LEN_MAX).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    }
    program.kill().ok(); // it has ended, or says more than anybody listens to
    program.wait().map_err(|error| error.to_string())?;
    samples(&bytes).ok_or_else(|| "espeak-ng did not answer with sound".into())
}

/// The samples of a WAV file of one channel and 16 bits at our rate. A file written to a pipe does not know its own
/// length, so what follows the header of `data` counts.
fn samples(bytes: &[u8]) -> Option<Vec<i16>> {
    let number = |at: usize| Some(u16::from_le_bytes([*bytes.get(at)?, *bytes.get(at + 1)?]));
    let is_ours = bytes.starts_with(b"RIFF")
        && number(22)? == 1
        && u32::from(number(24)?) == RATE
        && number(34)? == 16;
    let data = bytes.windows(4).position(|four| four == b"data")? + 8;
    let pairs = bytes.get(data..)?.chunks_exact(2);
    is_ours.then(|| pairs.map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect())
}
