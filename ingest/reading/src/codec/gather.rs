//! From what foreign devices call things to reports of our stations.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;

use super::naming::{Naming, Placed};
use super::{CodecError, READINGS_MAX, shorten};
use crate::report::{Claim, Report, Road};
use crate::time::Timestamp;
use crate::unit::Unit;

/// One value as a foreign format has it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Point<'p> {
    pub(super) device: &'p str,
    pub(super) metric: &'p str,
    /// The number; a text or bytes are none.
    pub(super) value: Option<f64>,
    pub(super) unit: PointUnit<'p>,
    pub(super) at: Option<Timestamp>,
    pub(super) road: Road,
}

/// What a format says about the unit.
#[derive(Clone, Copy, Debug)]
pub(super) enum PointUnit<'p> {
    /// Nothing.
    None,
    /// A symbol of a standard: it holds whatever the table says.
    Standard(&'p str),
    /// What somebody wrote there: the table knows better.
    Noted(&'p str),
}

/// A value that no table of ours knows.
#[derive(Clone, Debug, PartialEq)]
pub struct Unmapped {
    /// The device, as the format names it, shortened.
    pub device: String,
    /// The metric, shortened.
    pub metric: String,
    /// The number as sent.
    pub value: f64,
    /// Its stamp as sent.
    pub at: Option<Timestamp>,
}

/// Takes points and sorts them into reports, one a station and road.
pub(super) struct Gatherer<'n> {
    /// The running number of the message, if it has one.
    pub(super) seq: Option<u64>,
    /// When a network server or gateway heard it.
    pub(super) heard_at: Option<Timestamp>,
    /// What the message is known again by, if not by its bytes.
    pub(super) identity: Option<Vec<u8>>,
    /// Whether a stamp follows from the receipt: the same bytes may come again and mean something new.
    pub(super) relative: bool,
    naming: &'n Naming,
    reports: Vec<Report<'n>>,
    unmapped: Vec<Unmapped>,
    stranger: Option<String>,
    count: usize,
    known: bool,
}

/// What points came to.
pub(super) struct Gathered<'n> {
    pub(super) reports: Vec<Report<'n>>,
    pub(super) unmapped: Vec<Unmapped>,
}

impl<'n> Gatherer<'n> {
    pub(super) fn new(naming: &'n Naming) -> Self {
        Self {
            seq: None,
            heard_at: None,
            identity: None,
            relative: false,
            naming,
            reports: Vec::new(),
            unmapped: Vec::new(),
            stranger: None,
            count: 0,
            known: false,
        }
    }

    /// The table, for formats that must know which names there are.
    pub(super) fn naming(&self) -> &'n Naming {
        self.naming
    }

    /// Takes one value.
    ///
    /// # Errors
    /// [`CodecError::TooManyReadings`].
    pub(super) fn push(&mut self, point: Point<'_>) -> Result<(), CodecError> {
        let Some((placed, model)) = self.naming.device(point.device) else {
            self.note_stranger(point.device);
            return self.leave(point);
        };
        self.known = true;
        let Some(target) = model.metrics.get(point.metric) else {
            return if model.ignores(point.metric) { Ok(()) } else { self.leave(point) };
        };
        self.count()?;
        let unit = match (point.unit, target.unit) {
            (PointUnit::Standard(symbol), _) | (PointUnit::Noted(symbol), None) => {
                Some(kept(symbol))
            }
            (PointUnit::Noted(_) | PointUnit::None, Some(unit)) => Some(unit.symbol().into()),
            (PointUnit::None, None) => None,
        };
        let claim = Claim {
            sensor: target.sensor.as_str().into(),
            quantity: target.quantity.name().into(),
            value: point.value.unwrap_or(f64::NAN),
            unit,
            at: point.at,
        };
        self.report(placed, point.road).claims.push(claim);
        Ok(())
    }

    /// Notes a device that no table knows, also one that says nothing that could be taken.
    pub(super) fn note_stranger(&mut self, device: &str) {
        self.stranger.get_or_insert_with(|| shorten(device));
    }

    /// Takes a value that not everybody wants: one that no table names is passed over.
    pub(super) fn offer(&mut self, point: Point<'_>) -> Result<(), CodecError> {
        let wanted = self
            .naming
            .device(point.device)
            .is_some_and(|(_, model)| model.metrics.contains_key(point.metric));
        if wanted { self.push(point) } else { Ok(()) }
    }

    /// What it came to.
    ///
    /// # Errors
    /// [`CodecError::UnknownDevice`] if nobody known spoke.
    pub(super) fn finish(self) -> Result<Gathered<'n>, CodecError> {
        match self.stranger {
            Some(device) if !self.known => {
                Err(CodecError::UnknownDevice { device, said: self.unmapped })
            }
            _ => Ok(Gathered { reports: self.reports, unmapped: self.unmapped }),
        }
    }

    /// Keeps what is in no table, if it is a number.
    fn leave(&mut self, point: Point<'_>) -> Result<(), CodecError> {
        let Some(value) = point.value else { return Ok(()) };
        self.count()?;
        let (device, metric) = (shorten(point.device), shorten(point.metric));
        self.unmapped.push(Unmapped { device, metric, value, at: point.at });
        Ok(())
    }

    fn count(&mut self) -> Result<(), CodecError> {
        self.count += 1;
        if self.count <= READINGS_MAX {
            return Ok(());
        }
        let problem =
            alloc::format!("more than {READINGS_MAX} readings in one message: send several");
        Err(CodecError::TooManyReadings { problem })
    }

    /// The report of a station; neighbours in a message mostly belong to the same.
    fn report(&mut self, placed: &'n Placed, road: Road) -> &mut Report<'n> {
        let (site, station) = (placed.site.as_str(), placed.station.as_str());
        let same = |report: &Report<'_>| {
            report.road == road && report.station == station && report.site == site
        };
        let at = self.reports.iter().rposition(same).unwrap_or_else(|| {
            let claims = Vec::new();
            self.reports.push(Report {
                site,
                station,
                seq: None,
                at: None,
                heard_at: None,
                road,
                claims,
            });
            self.reports.len() - 1
        });
        &mut self.reports[at]
    }
}

/// A symbol of ours as we write it, another as it stands.
fn kept(symbol: &str) -> Cow<'static, str> {
    match Unit::parse(symbol) {
        Some(unit) => unit.symbol().into(),
        None => shorten(symbol).into(),
    }
}
