//! What a registry is, apart from rules and levels: the form in which sites are handed from one installation to
//! another.
//!
//! Made from a configuration and written back as the file of a site; both ways nothing of it is lost.

use std::fmt::Write;
use std::time::Duration;

use reading::calibration::{Calibration, Curve};
use reading::registry::{Make, Registry, Series, Site, SiteIndex, SiteKind, Station, Text};
use reading::{Quantity, StationIndex, Timestamp};
use serde::{Deserialize, Serialize};

use super::number::Exact;
use super::written::{self, quoted};
use crate::config::usual_noise;

/// A site with what stands at it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeldSite {
    pub id: String,
    pub name_ko: String,
    pub name_en: String,
    pub kind: SiteKind,
    /// Latitude and longitude.
    pub location: (Exact, Exact),
    pub radius_km: Exact,
    /// Who is in danger, more closely: a closed ring of latitudes and longitudes.
    #[serde(default)]
    pub polygon: Vec<(Exact, Exact)>,
    pub area_ko: String,
    pub area_en: String,
    pub instruction_ko: String,
    pub instruction_en: String,
    #[serde(default)]
    pub district: String,
    pub zone: String,
}

/// A station with its series.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeldStation {
    pub site: String,
    pub id: String,
    pub source: String,
    pub report_interval_s: Exact,
    /// The station that forwards for it, as site/station.
    #[serde(default)]
    pub gateway: Option<String>,
    #[serde(default)]
    pub location: Option<(Exact, Exact)>,
    #[serde(default)]
    pub make: HeldMake,
    #[serde(default)]
    pub series: Vec<HeldSeries>,
}

/// Who made it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HeldMake {
    pub maker: String,
    pub model: String,
    pub serial: String,
    pub installed: String,
}

/// One series of a sensor.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeldSeries {
    pub sensor: String,
    pub quantity: String,
    /// The unit of readings without one.
    pub unit: String,
    /// What the instrument can say, in the base unit.
    pub low: Exact,
    pub high: Exact,
    pub lateness_s: Exact,
    /// Its usual noise, in the base unit; none if its values are not judged by it.
    #[serde(default)]
    pub noise: Option<Exact>,
    #[serde(default)]
    pub votes: Option<String>,
    #[serde(default)]
    pub make: HeldMake,
    #[serde(default)]
    pub calibrations: Vec<HeldCalibration>,
}

/// A version of how raw numbers become values.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeldCalibration {
    /// From when on; none is ever.
    #[serde(default)]
    pub from: Option<String>,
    #[serde(default)]
    pub polynomial: Option<Vec<Exact>>,
    #[serde(default)]
    pub table: Option<Vec<(Exact, Exact)>>,
    #[serde(default)]
    pub steinhart_hart: Option<Vec<Exact>>,
    /// In the base unit.
    pub offset: Exact,
    #[serde(default)]
    pub compensate: Vec<HeldCompensation>,
}

/// What another series does to it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeldCompensation {
    /// The other one, as station/sensor/quantity.
    pub series: String,
    pub factor: Exact,
    /// In its base unit.
    pub reference: Exact,
}

/// Sites and stations, by name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Held {
    pub sites: Vec<HeldSite>,
    pub stations: Vec<HeldStation>,
}

impl Held {
    /// All of a registry.
    pub fn of(registry: &Registry) -> Self {
        let stations = registry.stations().iter().enumerate();
        Self {
            sites: registry.sites().iter().map(HeldSite::of).collect(),
            stations: stations
                .map(|(at, station)| HeldStation::of(registry, StationIndex(at as u32), station))
                .collect(),
        }
    }

    /// The stations of a site.
    pub fn stations_of<'h>(&'h self, site: &'h str) -> impl Iterator<Item = &'h HeldStation> {
        self.stations.iter().filter(move |station| station.site == site)
    }

    /// The file of a site. `sources` are the collectors of the installation it is for.
    pub fn file(&self, site: &HeldSite, sources: &[String]) -> String {
        let mut text = site.text();
        for station in self.stations_of(&site.id) {
            station.write(&mut text, sources);
        }
        text
    }
}

fn both(ko: &str, en: &str) -> String {
    format!("{{ ko = {}, en = {} }}", quoted(ko), quoted(en))
}

fn point((latitude, longitude): &(Exact, Exact)) -> String {
    format!("[{latitude}, {longitude}]")
}

fn listed(items: impl IntoIterator<Item = String>) -> String {
    format!("[{}]", items.into_iter().collect::<Vec<_>>().join(", "))
}

fn seconds(seconds: Exact) -> String {
    written::duration(Duration::try_from_secs_f64(seconds.0).unwrap_or_default())
}

impl HeldSite {
    fn of(site: &Site) -> Self {
        let Text { ko: name_ko, en: name_en } = site.name.clone();
        let Text { ko: area_ko, en: area_en } = site.area.clone();
        let Text { ko: instruction_ko, en: instruction_en } = site.instruction.clone();
        Self {
            id: site.id.to_string(),
            name_ko,
            name_en,
            kind: site.kind,
            location: exact(site.location),
            radius_km: Exact(site.radius_km),
            polygon: site.polygon.iter().copied().map(exact).collect(),
            area_ko,
            area_en,
            instruction_ko,
            instruction_en,
            district: site.district.clone(),
            zone: site.zone.clone(),
        }
    }

    fn text(&self) -> String {
        let mut lines = vec![
            "[site]".to_owned(),
            format!("id = {}", quoted(&self.id)),
            format!("name = {}", both(&self.name_ko, &self.name_en)),
            format!("kind = \"{}\"", self.kind.name()),
            format!("location = {}", point(&self.location)),
            format!("radius = \"{} km\"", self.radius_km),
        ];
        if !self.polygon.is_empty() {
            lines.push(format!("polygon = {}", listed(self.polygon.iter().map(point))));
        }
        lines.push(format!("area = {}", both(&self.area_ko, &self.area_en)));
        lines.push(format!("instruction = {}", both(&self.instruction_ko, &self.instruction_en)));
        if !self.district.is_empty() {
            lines.push(format!("district = {}", quoted(&self.district)));
        }
        lines.push(format!("zone = {}\n", quoted(&self.zone)));
        lines.join("\n")
    }
}

fn exact((a, b): (f64, f64)) -> (Exact, Exact) {
    (Exact(a), Exact(b))
}

impl HeldStation {
    fn of(registry: &Registry, at: StationIndex, station: &Station) -> Self {
        let site = |at: SiteIndex| registry.sites()[at.index()].id.to_string();
        let gateway = station.gateway.map(|at| {
            let gateway = &registry.stations()[at.index()];
            format!("{}/{}", site(gateway.site), gateway.id)
        });
        Self {
            site: site(station.site),
            id: station.id.to_string(),
            source: station.source.clone(),
            report_interval_s: Exact(station.report_interval.as_secs_f64()),
            gateway,
            location: station.location.map(exact),
            make: HeldMake::of(station.make.as_deref()),
            series: registry.series()[registry.series_of(at)].iter().map(HeldSeries::of).collect(),
        }
    }

    fn write(&self, text: &mut String, sources: &[String]) {
        let mut lines = vec!["\n[[station]]".to_owned(), format!("id = {}", quoted(&self.id))];
        if sources.len() != 1 {
            lines.push(format!("source = {}", quoted(&self.source)));
        }
        if !self.series.is_empty() {
            lines.push(format!("report-interval = {}", seconds(self.report_interval_s)));
        }
        if let Some(gateway) = &self.gateway {
            lines.push(format!("gateway = {}", quoted(gateway)));
        }
        if let Some(location) = &self.location {
            lines.push(format!("location = {}", point(location)));
        }
        self.make.lines(&mut lines);
        for series in &self.series {
            series.lines(&mut lines);
        }
        writeln!(text, "{}", lines.join("\n")).ok();
    }
}

impl HeldMake {
    fn of(make: Option<&Make>) -> Self {
        let Make { maker, model, serial, installed } = make.cloned().unwrap_or_default();
        Self { maker, model, serial, installed }
    }

    fn lines(&self, lines: &mut Vec<String>) {
        let said = [
            ("maker", &self.maker),
            ("model", &self.model),
            ("serial", &self.serial),
            ("installed", &self.installed),
        ];
        let said = said.into_iter().filter(|(_, text)| !text.is_empty());
        lines.extend(said.map(|(key, text)| format!("{key} = {}", quoted(text))));
    }
}

impl HeldSeries {
    fn of(series: &Series) -> Self {
        Self {
            sensor: series.name.sensor.to_string(),
            quantity: series.name.quantity.name().into(),
            unit: series.unit.symbol().into(),
            low: Exact(series.range.0),
            high: Exact(series.range.1),
            lateness_s: Exact(series.lateness.as_secs_f64()),
            noise: series.noise.map(Exact),
            votes: series.votes.as_deref().map(Into::into),
            make: HeldMake::of(series.make.as_deref()),
            calibrations: series.calibrations.iter().map(HeldCalibration::of).collect(),
        }
    }

    fn lines(&self, lines: &mut Vec<String>) {
        // One that does not parse is refused by the configuration, with its place.
        let quantity = Quantity::parse(&self.quantity);
        let base = quantity.map_or("", |quantity| quantity.base_unit().symbol());
        lines.extend([
            "\n[[station.sensor]]".to_owned(),
            format!("id = {}", quoted(&self.sensor)),
            format!("quantities = [{}]", quoted(&self.quantity)),
            format!("unit = {}", quoted(&self.unit)),
            format!("range = [\"{} {base}\", \"{} {base}\"]", self.low, self.high),
            format!("lateness = {}", seconds(self.lateness_s)),
        ]);
        match (self.noise, quantity.and_then(usual_noise)) {
            (Some(noise), _) => lines.push(format!("noise = \"{noise} {base}\"")),
            (None, Some(_)) => lines.push("checks = false".into()),
            (None, None) => {}
        }
        lines.extend(self.votes.iter().map(|votes| format!("votes = {}", quoted(votes))));
        self.make.lines(lines);
        for calibration in &self.calibrations {
            calibration.lines(base, lines);
        }
    }
}

impl HeldCalibration {
    fn of(version: &Calibration) -> Self {
        let numbers = |terms: &[f64]| terms.iter().copied().map(Exact).collect();
        let (mut polynomial, mut table, mut steinhart_hart) = (None, None, None);
        match &version.curve {
            Curve::Polynomial(terms) => polynomial = Some(numbers(terms)),
            Curve::Table(points) => table = Some(points.iter().copied().map(exact).collect()),
            Curve::SteinhartHart(terms) => steinhart_hart = Some(numbers(terms)),
        }
        let compensate = version.compensations.iter().map(|one| HeldCompensation {
            series: format!("{}/{}/{}", one.series.station, one.series.sensor, one.series.quantity),
            factor: Exact(one.factor),
            reference: Exact(one.reference),
        });
        Self {
            from: (version.from != Timestamp::MIN).then(|| version.from.to_string()),
            polynomial,
            table,
            steinhart_hart,
            offset: Exact(version.offset),
            compensate: compensate.collect(),
        }
    }

    fn lines(&self, base: &str, lines: &mut Vec<String>) {
        let numbers = |terms: &[Exact]| listed(terms.iter().map(Exact::to_string));
        lines.push("[[station.sensor.calibration]]".into());
        lines.extend(self.from.iter().map(|from| format!("from = {}", quoted(from))));
        lines.extend(self.polynomial.iter().map(|at| format!("polynomial = {}", numbers(at))));
        lines.extend(
            self.table.iter().map(|at| format!("table = {}", listed(at.iter().map(point)))),
        );
        lines.extend(
            self.steinhart_hart.iter().map(|at| format!("steinhart-hart = {}", numbers(at))),
        );
        lines.push(format!("offset = \"{} {base}\"", self.offset));
        let one = |one: &HeldCompensation| {
            let quantity = one.series.rsplit('/').next().and_then(Quantity::parse);
            let base = quantity.map_or("", |quantity| quantity.base_unit().symbol());
            format!(
                "{{ series = {}, factor = {}, reference = \"{} {base}\" }}",
                quoted(&one.series),
                one.factor,
                one.reference
            )
        };
        if !self.compensate.is_empty() {
            lines.push(format!("compensate = {}", listed(self.compensate.iter().map(one))));
        }
    }
}
