//! Samples: the chime, the SAME header, the file they are put into.

use std::f64::consts::TAU;
use std::time::Duration;

use reading::Timestamp;

/// Samples a second, that of the voice.
pub const RATE: u32 = 22_050;

/// Bits a second, and the tones of a one and a zero, Hz (47 CFR 11.31).
const BAUD: f64 = 520.833_333;
const MARK: f64 = 2_083.333_333;
const SPACE: f64 = 1_562.5;

/// Leads every burst.
const PREAMBLE: [u8; 16] = [0xAB; 16];

/// How loud, of the most.
const LOUDNESS: f64 = 0.6;

/// What a SAME header says beside the time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SameHeader {
    /// Who: three letters, `CIV` for civil authorities.
    pub originator: String,
    /// What: three letters, `EVI` for evacuate immediately.
    pub event: String,
    /// Where: six digits.
    pub location: String,
    /// From which station: up to eight characters.
    pub station: String,
    /// How long it holds.
    pub valid_for: Duration,
}

impl SameHeader {
    /// The header as text: `ZCZC-CIV-EVI-000000+0100-1951230-SLOPEWCH-`.
    pub fn text(&self, at: Timestamp) -> String {
        let at = jiff::Timestamp::from_nanosecond(i128::from(at.nanos())).unwrap_or_default();
        let minutes = self.valid_for.as_secs() / 60;
        let valid = format!("{:02}{:02}", (minutes / 60).min(99), minutes % 60);
        let (originator, event, location, station) =
            (&self.originator, &self.event, &self.location, &self.station);
        format!(
            "ZCZC-{originator}-{event}-{location}+{valid}-{}-{station:8}-",
            at.strftime("%j%H%M")
        )
    }
}

/// The header three times, a second apart.
pub fn same(header: &SameHeader, at: Timestamp) -> Vec<i16> {
    thrice(&header.text(at))
}

fn thrice(text: &str) -> Vec<i16> {
    let one = burst(text.as_bytes());
    [one.clone(), silence(1.0), one.clone(), silence(1.0), one].concat()
}

/// Bytes as tones, the lowest bit first, without a jump in phase.
fn burst(text: &[u8]) -> Vec<i16> {
    let bytes = PREAMBLE.iter().chain(text);
    let bits: Vec<bool> =
        bytes.flat_map(|byte| (0..8).map(move |bit| byte >> bit & 1 == 1)).collect();
    let rate = f64::from(RATE);
    let count = (bits.len() as f64 / BAUD * rate).round() as usize;
    let mut phase = 0.0_f64;
    (0..count)
        .map(|at| {
            let bit = (at as f64 / rate * BAUD) as usize;
            let tone = if bits.get(bit).copied().unwrap_or(true) { MARK } else { SPACE };
            phase = (phase + TAU * tone / rate) % TAU;
            sample(phase.sin())
        })
        .collect()
}

/// Four falling tones.
pub fn chime() -> Vec<i16> {
    [784.0, 659.3, 587.3, 523.3].iter().flat_map(|tone| bell(*tone)).collect()
}

fn bell(tone: f64) -> Vec<i16> {
    let rate = f64::from(RATE);
    let ring = |at: u32| {
        let seconds = f64::from(at) / rate;
        sample((TAU * tone * seconds).sin() * (-3.0 * seconds).exp())
    };
    (0..RATE / 2).map(ring).collect()
}

pub fn silence(seconds: f64) -> Vec<i16> {
    vec![0; (seconds * f64::from(RATE)) as usize]
}

fn sample(value: f64) -> i16 {
    (value * LOUDNESS * f64::from(i16::MAX)) as i16
}

/// Header, chime, and the voice so many times; the end of message where a header led.
pub fn message(header: Option<Vec<i16>>, voice: &[i16], times: usize) -> Vec<i16> {
    let mut samples = Vec::new();
    let has_header = header.is_some();
    if let Some(header) = header {
        samples.extend(header);
        samples.extend(silence(1.0));
    }
    samples.extend(chime());
    for _ in 0..if voice.is_empty() { 0 } else { times } {
        samples.extend(silence(0.5));
        samples.extend_from_slice(voice);
    }
    samples.extend(chime());
    if has_header {
        samples.extend(silence(1.0));
        samples.extend(thrice("NNNN"));
    }
    samples
}

/// A WAV file: one channel, 16 bits.
pub fn wav(samples: &[i16]) -> Vec<u8> {
    let length = u32::try_from(samples.len() * 2).unwrap_or(u32::MAX - 36);
    let mut file = Vec::with_capacity(44 + samples.len() * 2);
    file.extend(b"RIFF");
    file.extend((36 + length).to_le_bytes());
    file.extend(b"WAVEfmt ");
    file.extend(16_u32.to_le_bytes());
    file.extend([1_u8, 0, 1, 0]); // PCM, one channel
    file.extend(RATE.to_le_bytes());
    file.extend((RATE * 2).to_le_bytes());
    file.extend([2_u8, 0, 16, 0]);
    file.extend(b"data");
    file.extend(length.to_le_bytes());
    samples.iter().for_each(|sample| file.extend(sample.to_le_bytes()));
    file
}
