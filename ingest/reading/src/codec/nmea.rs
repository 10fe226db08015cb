//! NMEA 0183 sentences: where a receiver is (GGA) and what transducers measure (XDR). Others are passed over.
//!
//! ```text
//! $GPGGA,150119.000,5104.0859,N,11405.7387,W,2,8,0.94,1102.4,M,-17.5,M,,*53
//! $WIXDR,C,19.52,C,TempAir,A,0.31,D,tilt-x*31
//! ```
//!
//! Every sentence must carry its checksum. A GGA gives `latitude`, `longitude` (degrees), `altitude` (metres above the
//! ellipsoid), `fix`, `satellites`, `hdop`, and, with a configured origin, `east`, `north`, `up` in metres from it;
//! without a fix only `fix`. It tells the time of day alone: the day is the one that brings it nearest to the receipt.
//! An XDR transducer is a metric by its name; one that has only a number, or nothing, by its kind and that (`C0`, `H0`,
//! `P`), because instruments count the transducers of each kind anew. The device is the topic, for a serial line its
//! port.

use alloc::borrow::Cow;
use alloc::format;
use alloc::string::String;
use core::time::Duration;

use serde::{Deserialize, Serialize};

use super::gather::{Gatherer, Point, PointUnit};
use super::line::lines;
use super::{CodecError, form, shorten};
use crate::frame::Frame;
use crate::report::Road;
use crate::time::Timestamp;

/// What sentences do not say themselves.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Nmea {
    /// Where `east`, `north` and `up` are counted from: latitude and longitude, degrees, and metres above the
    /// ellipsoid.
    pub origin: Option<(f64, f64, f64)>,
}

const DAY: i64 = 86_400;

pub(super) fn decode(
    nmea: &Nmea,
    frame: &Frame<'_>,
    gatherer: &mut Gatherer<'_>,
) -> Result<(), CodecError> {
    for (number, line) in lines(form::text_of(frame.payload)?) {
        let body = sentence(line).map_err(|fault| fault.at_line(number))?;
        let (address, data) = body.split_once(',').unwrap_or((body, ""));
        let problem = match address.get(address.len().saturating_sub(3)..) {
            Some("GGA") => position(nmea, data, frame, gatherer),
            Some("XDR") => transducers(data, frame, gatherer),
            _ => continue,
        };
        problem.map_err(|fault| fault.at_line(number))?;
    }
    Ok(())
}

/// The text between `$` and `*` of a sentence whose checksum is right.
///
/// # Errors
/// What is wrong with it.
pub fn sentence(line: &str) -> Result<&str, NmeaFault> {
    let line = line.trim();
    let (body, sum) = line
        .strip_prefix(['$', '!'])
        .and_then(|line| line.rsplit_once('*'))
        .ok_or(NmeaFault::Form("a sentence is `$…*hh`"))?;
    let told = match sum.as_bytes() {
        [_, _] => u8::from_str_radix(sum, 16).ok().filter(|_| !sum.starts_with('+')),
        _ => None,
    };
    let told =
        told.ok_or(NmeaFault::Form("a sentence ends with `*` and two hexadecimal digits"))?;
    let counted = body.bytes().fold(0, |sum, byte| sum ^ byte);
    if told == counted { Ok(body) } else { Err(NmeaFault::Checksum { told, counted }) }
}

/// Why a sentence is not read.
#[derive(Clone, Debug, PartialEq)]
pub enum NmeaFault {
    /// Not a sentence, or one that does not say what it should.
    Form(&'static str),
    /// Damaged on the way.
    Checksum {
        /// The sum at its end.
        told: u8,
        /// The sum of its bytes.
        counted: u8,
    },
    /// What the whole message is refused for.
    Whole(CodecError),
}

impl NmeaFault {
    fn at_line(self, number: usize) -> CodecError {
        match self {
            Self::Form(problem) => {
                CodecError::WrongShape { problem: format!("line {number}: {problem}") }
            }
            Self::Checksum { told, counted } => CodecError::BadChecksum {
                problem: format!(
                    "line {number}: the sum is {counted:02X}, the sentence says {told:02X}"
                ),
            },
            Self::Whole(error) => error,
        }
    }
}

impl From<CodecError> for NmeaFault {
    fn from(error: CodecError) -> Self {
        Self::Whole(error)
    }
}

fn position(
    nmea: &Nmea,
    data: &str,
    frame: &Frame<'_>,
    gatherer: &mut Gatherer<'_>,
) -> Result<(), NmeaFault> {
    let mut fields = data.split(',');
    let mut next = || fields.next().unwrap_or_default();
    let at = moment(next(), frame.received_at)?;
    let (latitude, north_south, longitude, east_west) = (next(), next(), next(), next());
    let (fix, satellites, hdop) = (number(next()), number(next()), number(next()));
    let (height, _, separation) = (number(next()), next(), number(next()));
    let fix = fix
        .filter(|fix| (0.0..=9.0).contains(fix))
        .ok_or(NmeaFault::Form("GGA without a fix field"))?;
    let mut push = |metric, value: Option<f64>, unit| {
        let Some(value) = value else { return Ok(()) };
        gatherer.push(Point {
            device: frame.topic,
            metric,
            value: Some(value),
            unit,
            at,
            road: Road::Live,
        })
    };
    push("fix", Some(fix), PointUnit::None)?;
    if fix == 0.0 {
        return Ok(());
    }
    let latitude = degrees(latitude, north_south, ("N", "S"), 90.0)?;
    let longitude = degrees(longitude, east_west, ("E", "W"), 180.0)?;
    let altitude = height.map(|height| height + separation.unwrap_or(0.0));
    push("satellites", satellites, PointUnit::None)?;
    push("hdop", hdop, PointUnit::None)?;
    push("latitude", Some(latitude), PointUnit::Standard("deg"))?;
    push("longitude", Some(longitude), PointUnit::Standard("deg"))?;
    push("altitude", altitude, PointUnit::Standard("m"))?;
    if let Some(origin) = nmea.origin {
        let (east, north) = from_origin(origin, latitude, longitude);
        push("east", Some(east), PointUnit::Standard("m"))?;
        push("north", Some(north), PointUnit::Standard("m"))?;
        push("up", altitude.map(|altitude| altitude - origin.2), PointUnit::Standard("m"))?;
    }
    Ok(())
}

/// Metres east and north of the origin, by the radii of curvature of WGS 84 there: good to a millimetre within a
/// hundred metres.
fn from_origin(origin: (f64, f64, f64), latitude: f64, longitude: f64) -> (f64, f64) {
    const EQUATOR: f64 = 6_378_137.0;
    const ECCENTRICITY_SQUARED: f64 = 6.694_379_990_141_316e-3;
    let (at, height) = (origin.0.to_radians(), origin.2);
    let bent = 1.0 - ECCENTRICITY_SQUARED * libm::sin(at) * libm::sin(at);
    let across = EQUATOR / libm::sqrt(bent);
    let along = across * (1.0 - ECCENTRICITY_SQUARED) / bent;
    let turned = match longitude - origin.1 {
        far if far > 180.0 => far - 360.0,
        far if far < -180.0 => far + 360.0,
        near => near,
    };
    let north = (latitude - origin.0).to_radians() * (along + height);
    let east = turned.to_radians() * (across + height) * libm::cos(at);
    (east, north)
}

fn transducers(
    data: &str,
    frame: &Frame<'_>,
    gatherer: &mut Gatherer<'_>,
) -> Result<(), NmeaFault> {
    let mut fields = data.split(',');
    while let Some(kind) = fields.next() {
        let (Some(value), Some(unit), Some(name)) = (fields.next(), fields.next(), fields.next())
        else {
            return Err(NmeaFault::Form("XDR has four fields for each transducer"));
        };
        if value.is_empty() {
            continue;
        }
        let value = number(value).ok_or(NmeaFault::Form("an XDR value is not a number"))?;
        let (factor, unit) = transducer_unit(kind, unit);
        let counted = name.bytes().all(|byte| byte.is_ascii_digit());
        let name = if counted { Cow::Owned([kind, name].concat()) } else { Cow::Borrowed(name) };
        gatherer.push(Point {
            device: frame.topic,
            metric: &name,
            value: Some(value * factor),
            unit,
            at: None,
            road: Road::Live,
        })?;
    }
    Ok(())
}

/// The unit of a transducer by its kind and letter, and what to multiply by.
fn transducer_unit<'a>(kind: &str, unit: &'a str) -> (f64, PointUnit<'a>) {
    match (kind, unit) {
        ("A", "D") => (1.0, PointUnit::Standard("deg")),
        ("C", "C") => (1.0, PointUnit::Standard("Cel")),
        ("D", "M") => (1.0, PointUnit::Standard("m")),
        ("F", "H") => (1.0, PointUnit::Standard("Hz")),
        ("H", "P") => (1.0, PointUnit::Standard("%RH")),
        ("N", "N") => (1.0, PointUnit::Standard("N")),
        ("P", "B") => (100.0, PointUnit::Standard("kPa")),
        ("P", "P") => (1.0, PointUnit::Standard("Pa")),
        ("P", "H") => (1.0, PointUnit::Standard("hPa")), // as weather transmitters write it
        ("U", "V") => (1.0, PointUnit::Standard("V")),
        (_, "") => (1.0, PointUnit::None),
        (_, unit) => (1.0, PointUnit::Noted(unit)),
    }
}

/// `hhmmss.sss` on the day that brings it nearest to the receipt; none if the receiver has no time yet.
fn moment(text: &str, received_at: Timestamp) -> Result<Option<Timestamp>, NmeaFault> {
    if text.is_empty() {
        return Ok(None);
    }
    let bad = NmeaFault::Form("a time of day is hhmmss.ss");
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let all_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.len() != 6 || !all_digits(whole) || !all_digits(fraction) || fraction.len() > 9 {
        return Err(bad);
    }
    let part = |at: usize| whole[at..at + 2].parse::<i64>().unwrap_or(99);
    let (hours, minutes, seconds) = (part(0), part(2), part(4));
    if hours > 23 || minutes > 59 || seconds > 60 {
        return Err(bad);
    }
    let nanos = format!("{fraction:0<9}").parse::<u64>().unwrap_or(0);
    let of_day = hours * 3_600 + minutes * 60 + seconds;
    let received = received_at.nanos().div_euclid(1_000_000_000);
    let on_the_day = received - received.rem_euclid(DAY) + of_day;
    let nearest = match on_the_day - received {
        ahead if ahead > DAY / 2 => on_the_day - DAY,
        behind if behind < -DAY / 2 => on_the_day + DAY,
        _ => on_the_day,
    };
    Ok(Some(Timestamp::from_secs(nearest).plus(Duration::from_nanos(nanos))))
}

/// `ddmm.mmm` with a hemisphere, degrees.
fn degrees(
    text: &str,
    hemisphere: &str,
    (positive, negative): (&str, &str),
    max: f64,
) -> Result<f64, NmeaFault> {
    let bad = NmeaFault::Form("a position is ddmm.mmm and a hemisphere");
    let value = number(text).filter(|value| *value >= 0.0).ok_or(bad.clone())?;
    let whole = libm::floor(value / 100.0);
    let minutes = value - whole * 100.0;
    let size = whole + minutes / 60.0;
    if minutes >= 60.0 || size > max {
        return Err(bad);
    }
    match hemisphere {
        side if side == positive => Ok(size),
        side if side == negative => Ok(-size),
        _ => Err(bad),
    }
}

fn number(text: &str) -> Option<f64> {
    text.parse().ok().filter(|value: &f64| value.is_finite())
}

impl core::fmt::Display for NmeaFault {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let text: String = match self.clone().at_line(1) {
            CodecError::WrongShape { problem } | CodecError::BadChecksum { problem } => problem,
            other => shorten(&alloc::string::ToString::to_string(&other)),
        };
        f.write_str(&text)
    }
}
