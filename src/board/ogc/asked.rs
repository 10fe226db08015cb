//! What a request for features asks for: a box, a time, a page.

use delivery::ledger::During;
use reading::Timestamp;
use serde::Deserialize;

use crate::board::problem::{Kind, Problem, escaped};

/// How many features a page has if nobody says how many, and at most.
pub(super) const LIMIT: u32 = 100;
pub(super) const LIMIT_MAX: u32 = 1_000;

/// A query that may say in which language problems are told, and nothing else.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::board) struct Nothing {
    #[serde(default, rename = "lang")]
    _lang: Option<String>,
}

/// The query of `items`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::board) struct ItemsAsked {
    bbox: Option<String>,
    datetime: Option<String>,
    limit: Option<u32>,
    after: Option<String>,
    #[serde(default, rename = "lang")]
    _lang: Option<String>,
}

impl ItemsAsked {
    /// What of it a next page asks for, too.
    pub(super) fn query(&self) -> String {
        let pair = |(name, value): (&str, &Option<String>)| {
            value.as_ref().map(|value| format!("&{name}={}", escaped(value)))
        };
        [("bbox", &self.bbox), ("datetime", &self.datetime)].into_iter().filter_map(pair).collect()
    }
}

/// The same, understood.
#[derive(Debug)]
pub(super) struct Wanted {
    pub area: Option<Area>,
    pub during: Option<During>,
    pub limit: u32,
    pub after: Option<String>,
}

/// From west to east and from south to north, degrees. West may lie east of east: then it is across 180°.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Area {
    west: f64,
    south: f64,
    east: f64,
    north: f64,
}

impl Area {
    /// Whether a latitude and longitude lie in it.
    pub(super) fn has(&self, (latitude, longitude): (f64, f64)) -> bool {
        let across = if self.west <= self.east {
            (self.west..=self.east).contains(&longitude)
        } else {
            longitude >= self.west || longitude <= self.east
        };
        across && (self.south..=self.north).contains(&latitude)
    }

    fn read(text: &str) -> Option<Self> {
        let numbers: Vec<f64> =
            text.split(',').map(|part| part.trim().parse().ok()).collect::<Option<_>>()?;
        let (west, south, east, north) = match *numbers {
            [west, south, east, north] | [west, south, _, east, north, _] => {
                (west, south, east, north)
            }
            _ => return None,
        };
        let fits = numbers.iter().all(|number| number.is_finite())
            && south <= north
            && [west, east].iter().all(|degrees| degrees.abs() <= 180.0)
            && [south, north].iter().all(|degrees| degrees.abs() <= 90.0);
        fits.then_some(Self { west, south, east, north })
    }
}

impl Wanted {
    pub(super) fn read(asked: ItemsAsked) -> Result<Self, Problem> {
        let bad = |what: &str| Problem::from(Kind::BadRequest).detail(what);
        let area = match asked.bbox {
            Some(text) => Some(Area::read(&text).ok_or_else(|| {
                bad("`bbox` is west,south,east,north in degrees, or six numbers with heights")
            })?),
            None => None,
        };
        let during = match asked.datetime {
            Some(text) => Some(during(&text).ok_or_else(|| {
                bad("`datetime` is a moment of RFC 3339, or from/to, where `..` is open")
            })?),
            None => None,
        };
        let limit = asked.limit.unwrap_or(LIMIT);
        if limit == 0 {
            return Err(bad("`limit` is 1 or more"));
        }
        // More than the most is no fault: the page is shorter than was asked for.
        Ok(Self { area, during, limit: limit.min(LIMIT_MAX), after: asked.after })
    }
}

fn during(text: &str) -> Option<During> {
    let moment = |text: &str| Timestamp::parse(text).ok();
    let Some((from, to)) = text.split_once('/') else {
        let at = moment(text)?;
        return Some(During { from: at, to: at });
    };
    let open = |text: &str| text.is_empty() || text == "..";
    if open(from) && open(to) {
        return None;
    }
    let from = if open(from) { Timestamp::MIN } else { moment(from)? };
    let to = if open(to) { Timestamp::MAX } else { moment(to)? };
    (from <= to).then_some(During { from, to })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boxes_are_read_and_have_what_lies_in_them() {
        // box, latitude, longitude, has it
        let table = [
            ("126,36,128,38", 37.0, 127.0, true),
            ("126,36,-50,128,38,3000", 37.0, 127.0, true),
            ("126,36,128,38", 35.9, 127.0, false),
            ("126,36,128,38", 37.0, 128.1, false),
            ("170,-20,-170,20", 0.0, 175.0, true),
            ("170,-20,-170,20", 0.0, -175.0, true),
            ("170,-20,-170,20", 0.0, 0.0, false),
        ];
        for (text, latitude, longitude, has) in table {
            let area = Area::read(text).unwrap();
            assert_eq!(area.has((latitude, longitude)), has, "{text} {latitude} {longitude}");
        }
        for bad in ["", "1,2,3", "1,2,3,4,5", "a,b,c,d", "126,38,128,36", "0,0,181,1", "NaN,0,1,1"]
        {
            assert_eq!(Area::read(bad), None, "{bad}");
        }
    }

    #[test]
    fn times_are_moments_or_open_at_an_end() {
        let at = |text| Timestamp::parse(text).unwrap();
        let one = "2026-07-14T03:00:00+09:00";
        let table = [
            (one.to_owned(), at(one), at(one)),
            (format!("{one}/.."), at(one), Timestamp::MAX),
            (format!("/{one}"), Timestamp::MIN, at(one)),
            (format!("{one}/2026-07-15T00:00:00Z"), at(one), at("2026-07-15T00:00:00Z")),
        ];
        for (text, from, to) in table {
            assert_eq!(during(&text), Some(During { from, to }), "{text}");
        }
        for bad in ["", "now", "../..", "/", "2026-07-15T00:00:00Z/2026-07-14T00:00:00Z", "2026"] {
            assert_eq!(during(bad), None, "{bad}");
        }
    }
}
