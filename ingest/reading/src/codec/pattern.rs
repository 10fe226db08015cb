//! Lines of text, as instruments print them: a regular expression with named groups says what is what.
//!
//! ```text
//! ^T1,(?<x>[-+.0-9]+),(?<y>[-+.0-9]+)$      x is tilt-1/tilt-x in deg, y is tilt-1/tilt-y
//! ```
//! The first form that fits is taken, and all of it: a group without a number refuses the line, one that did not take
//! part claims nothing. `NAN`, `INF` and an empty group claim a value that is not finite. A form without fields knows a
//! line that says nothing, say a banner. Patterns see bytes, match in time linear in the line, and know no Unicode
//! classes: `\d` is `0` to `9`.

use alloc::borrow::Cow;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use jiff::fmt::strtime::BrokenDownTime;
use regex::bytes::{Captures, Regex, RegexBuilder};
use serde::{Deserialize, Serialize};

use super::port::{PortError, Speaker};
use super::shorten;
use crate::id::SensorId;
use crate::report::{Claim, Report, Road};
use crate::time::Timestamp;
use crate::unit::{Quantity, Unit};

/// The longest line that is read, in bytes, without its end.
pub const LINE_LEN_MAX: usize = 4_096;

/// How large a pattern may become once compiled, in bytes.
const PATTERN_SIZE_MAX: usize = 1 << 20;

/// A line that is known.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LineForm {
    /// What it looks like.
    pub pattern: Pattern,
    /// Who says it.
    pub speaker: Speaker,
    /// What its groups are.
    pub fields: Vec<LineField>,
    /// Which group says when, if one does.
    pub time: Option<LineTime>,
}

/// A group that holds a value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LineField {
    /// The group's name.
    pub group: String,
    /// The instrument.
    pub sensor: SensorId,
    /// What it measures.
    pub quantity: Quantity,
    /// In what; the series' own if it is not said.
    pub unit: Option<Unit>,
}

/// A group that holds the time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineTime {
    /// The group's name.
    pub group: String,
    /// What it looks like, in the conversions of `strftime`; RFC 3339 if empty.
    pub format: String,
    /// Seconds east of Greenwich, where the format has no offset of its own.
    pub offset_s: i32,
}

/// A compiled pattern, which is its text to everybody else.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Pattern(Regex);

impl Pattern {
    /// Compiles a pattern.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn new(text: &str) -> Result<Self, String> {
        let built = RegexBuilder::new(text).unicode(false).size_limit(PATTERN_SIZE_MAX).build();
        built.map(Self).map_err(|error| error.to_string())
    }

    /// Its text.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The names of its groups.
    pub fn groups(&self) -> impl Iterator<Item = &str> {
        self.0.capture_names().flatten()
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl TryFrom<String> for Pattern {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::new(&text)
    }
}

impl From<Pattern> for String {
    fn from(pattern: Pattern) -> Self {
        pattern.as_str().into()
    }
}

impl LineTime {
    /// Whether the format gives a moment at all: one without a day, say, does not.
    pub fn is_usable(&self) -> bool {
        let moment = jiff::Timestamp::UNIX_EPOCH.to_zoned(jiff::tz::TimeZone::UTC);
        self.format.is_empty()
            || jiff::fmt::strtime::format(&self.format, &moment)
                .is_ok_and(|text| self.read(&text).is_some())
    }

    fn read(&self, text: &str) -> Option<Timestamp> {
        if self.format.is_empty() {
            return Timestamp::parse(text).ok();
        }
        let broken = BrokenDownTime::parse(&self.format, text).ok()?;
        let moment = match broken.to_timestamp() {
            Ok(moment) => moment,
            Err(_) => {
                let offset = jiff::tz::Offset::from_seconds(self.offset_s).ok()?;
                offset.to_timestamp(broken.to_datetime().ok()?).ok()?
            }
        };
        i64::try_from(moment.as_nanosecond()).ok().map(Timestamp::from_nanos)
    }
}

/// Reads a line.
pub(super) fn decode<'a>(forms: &'a [LineForm], line: &[u8]) -> Result<Report<'a>, PortError> {
    if line.len() > LINE_LEN_MAX {
        return Err(PortError::TooLong { max: LINE_LEN_MAX });
    }
    let fits = |form: &'a LineForm| Some((form, form.pattern.0.captures(line)?));
    let Some((form, groups)) = forms.iter().find_map(fits) else {
        return Err(PortError::NoPattern { line: shorten(&String::from_utf8_lossy(line)) });
    };
    let claims = form.fields.iter().filter_map(|field| field.claim(&groups).transpose());
    Ok(Report {
        site: form.speaker.site.as_str(),
        station: form.speaker.station.as_str(),
        seq: None,
        at: form.time.as_ref().map_or(Ok(None), |time| time.stamp(&groups))?,
        heard_at: None,
        road: Road::Live,
        claims: claims.collect::<Result<_, _>>()?,
    })
}

impl LineTime {
    fn stamp(&self, groups: &Captures<'_>) -> Result<Option<Timestamp>, PortError> {
        let Some(text) = text_of(groups, &self.group) else { return Ok(None) };
        let moment = self.read(text.trim()).ok_or_else(|| PortError::NotATime {
            group: self.group.clone(),
            text: shorten(&text),
            format: if self.format.is_empty() { "RFC 3339".into() } else { self.format.clone() },
        })?;
        Ok(Some(moment))
    }
}

impl LineField {
    fn claim(&self, groups: &Captures<'_>) -> Result<Option<Claim<'_>>, PortError> {
        let Some(text) = text_of(groups, &self.group) else { return Ok(None) };
        let trimmed = text.trim();
        let value = match trimmed {
            "" => f64::NAN,
            _ => trimmed.parse().map_err(|_| PortError::NotANumber {
                group: self.group.clone(),
                text: shorten(&text),
            })?,
        };
        Ok(Some(Claim {
            sensor: Cow::Borrowed(self.sensor.as_str()),
            quantity: Cow::Borrowed(self.quantity.name()),
            value,
            unit: self.unit.map(|unit| Cow::Borrowed(unit.symbol())),
            at: None,
        }))
    }
}

fn text_of<'l>(groups: &Captures<'l>, name: &str) -> Option<Cow<'l, str>> {
    groups.name(name).map(|group| String::from_utf8_lossy(group.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use proptest::prelude::*;

    fn speaker() -> Speaker {
        Speaker { site: "cut-12".parse().unwrap(), station: "box-1".parse().unwrap() }
    }

    fn field(group: &str, sensor: &str, quantity: Quantity, unit: Option<Unit>) -> LineField {
        LineField { group: group.into(), sensor: sensor.parse().unwrap(), quantity, unit }
    }

    fn forms() -> Vec<LineForm> {
        vec![
            LineForm {
                pattern: Pattern::new(r"^T1,(?<t>[^,]*),(?<x>[^,]*)(?:,(?<y>[^,]*))?$").unwrap(),
                speaker: speaker(),
                fields: vec![
                    field("x", "tilt-1", Quantity::TiltX, Some(Unit::Degree)),
                    field("y", "tilt-1", Quantity::TiltY, None),
                ],
                time: Some(LineTime {
                    group: "t".into(),
                    format: "%Y/%m/%d %H:%M:%S".into(),
                    offset_s: 9 * 3_600,
                }),
            },
            LineForm {
                pattern: Pattern::new("^#").unwrap(),
                speaker: speaker(),
                fields: vec![],
                time: None,
            },
        ]
    }

    type Said = (Option<Timestamp>, Vec<(String, f64, Option<String>)>);

    fn read(line: &[u8]) -> Result<Said, &'static str> {
        let forms = forms();
        let report = decode(&forms, line).map_err(|error| error.name())?;
        let claims = report.claims.iter().map(|claim| {
            let name = alloc::format!("{}/{}", claim.sensor, claim.quantity);
            (name, claim.value, claim.unit.as_deref().map(String::from))
        });
        Ok((report.at, claims.collect()))
    }

    #[test]
    fn groups_become_claims_in_the_time_of_the_instrument() {
        let (at, claims) = read(b"T1,2026/07/14 03:10:00,-0.12, 3e-2 ").unwrap();
        assert_eq!(at, Some(Timestamp::parse("2026-07-14T03:10:00+09:00").unwrap()));
        let expected = [
            ("tilt-1/tilt-x".to_string(), -0.12, Some("deg".to_string())),
            ("tilt-1/tilt-y".to_string(), 0.03, None),
        ];
        assert_eq!(claims, expected);
    }

    #[test]
    fn what_is_missing_is_not_made_up() {
        let (_, claims) = read(b"T1,2026/07/14 03:10:00,1").unwrap();
        assert_eq!(claims.len(), 1, "a group that took no part claims nothing");
        let (_, claims) = read(b"T1,2026/07/14 03:10:00,NAN,").unwrap();
        assert!(claims.iter().all(|(_, value, _)| value.is_nan()) && claims.len() == 2);
        assert_eq!(read(b"# started").unwrap().1, []);
    }

    #[test]
    fn names_what_is_wrong_with_a_line() {
        let long = [b'#'; LINE_LEN_MAX + 1];
        let table: [(&[u8], &str); 6] = [
            (b"T2,2026/07/14 03:10:00,1", "no-pattern"),
            (b"", "no-pattern"),
            (b"T1,2026/07/14 03:10:00,1.2.3", "not-a-number"),
            (b"T1,2026/07/14 03:10:00,\xB0", "not-a-number"),
            (b"T1,2026/07/34 03:10:00,1", "not-a-time"),
            (&long, "too-long"),
        ];
        for (line, name) in table {
            assert_eq!(read(line), Err(name), "{}", String::from_utf8_lossy(line));
        }
    }

    #[test]
    fn a_format_may_carry_its_own_offset() {
        let with =
            LineTime { group: "t".into(), format: "%Y-%m-%dT%H:%M:%S%z".into(), offset_s: 0 };
        let plain = LineTime { group: "t".into(), format: String::new(), offset_s: 0 };
        let epoch = LineTime { group: "t".into(), format: "%s".into(), offset_s: 3_600 };
        let moment = Timestamp::parse("2026-07-14T03:10:00+09:00").ok();
        assert_eq!(with.read("2026-07-14T03:10:00+0900"), moment);
        assert_eq!(plain.read("2026-07-14T03:10:00+09:00"), moment);
        assert_eq!(epoch.read("1783966200"), moment);
        for (format, usable) in
            [("", true), ("%s", true), ("%Y/%m/%d %H:%M", true), ("%H:%M", false), ("%!", false)]
        {
            let time = LineTime { format: format.into(), ..plain.clone() };
            assert_eq!(time.is_usable(), usable, "{format}");
        }
    }

    #[test]
    fn a_pattern_is_its_text_in_the_journal_and_bounded() {
        let form = &forms()[0];
        let text = serde_json::to_string(form).unwrap();
        assert_eq!(serde_json::from_str::<LineForm>(&text).unwrap(), *form);
        assert!(Pattern::new("(").is_err());
        assert!(Pattern::new("(?:a{1000}){1000}").is_err());
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(line: Vec<u8>) {
            read(&line).ok();
        }
    }
}
