//! Sites and stations as CSV: a row for each series, which says its station and site again; one without series has a
//! row without a sensor, a site without stations one without a station.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::held::{Held, HeldMake, HeldSeries, HeldSite, HeldStation};
use super::number::Exact;
use delivery::contacts::csv_rows;

const COLUMNS: [&str; 37] = [
    "site",
    "name_ko",
    "name_en",
    "kind",
    "latitude",
    "longitude",
    "radius_km",
    "polygon",
    "area_ko",
    "area_en",
    "instruction_ko",
    "instruction_en",
    "district",
    "zone",
    "station",
    "source",
    "report_interval_s",
    "gateway",
    "station_latitude",
    "station_longitude",
    "station_maker",
    "station_model",
    "station_serial",
    "station_installed",
    "sensor",
    "quantity",
    "unit",
    "low",
    "high",
    "lateness_s",
    "noise",
    "votes",
    "maker",
    "model",
    "serial",
    "installed",
    "calibrations",
];

/// As CSV.
pub fn write(held: &Held) -> serde_json::Result<String> {
    let mut text = row(COLUMNS.map(str::to_owned).to_vec());
    for site in &held.sites {
        let of_site = site_cells(site)?;
        let mut stations = held.stations_of(&site.id).peekable();
        if stations.peek().is_none() {
            text += &row(of_site.clone());
        }
        for station in stations {
            let of_station = [of_site.clone(), station_cells(station)].concat();
            if station.series.is_empty() {
                text += &row(of_station.clone());
            }
            for series in &station.series {
                text += &row([of_station.clone(), series_cells(series)?].concat());
            }
        }
    }
    Ok(text)
}

fn site_cells(site: &HeldSite) -> serde_json::Result<Vec<String>> {
    let HeldSite { id, name_ko, name_en, location, radius_km, area_ko, area_en, .. } = site.clone();
    let polygon = if site.polygon.is_empty() { String::new() } else { json(&site.polygon)? };
    let (latitude, longitude) = (location.0.to_string(), location.1.to_string());
    let kind = json(&site.kind)?.trim_matches('"').to_owned();
    let (ko, en) = (site.instruction_ko.clone(), site.instruction_en.clone());
    let (district, zone) = (site.district.clone(), site.zone.clone());
    Ok(vec![
        id,
        name_ko,
        name_en,
        kind,
        latitude,
        longitude,
        radius_km.to_string(),
        polygon,
        area_ko,
        area_en,
        ko,
        en,
        district,
        zone,
    ])
}

fn station_cells(station: &HeldStation) -> Vec<String> {
    let (latitude, longitude) = match &station.location {
        Some((latitude, longitude)) => (latitude.to_string(), longitude.to_string()),
        None => Default::default(),
    };
    let HeldStation { id, source, gateway, .. } = station.clone();
    let interval = station.report_interval_s.to_string();
    let first = vec![id, source, interval, gateway.unwrap_or_default(), latitude, longitude];
    [first, make_cells(&station.make)].concat()
}

fn make_cells(make: &HeldMake) -> Vec<String> {
    let HeldMake { maker, model, serial, installed } = make.clone();
    vec![maker, model, serial, installed]
}

fn series_cells(series: &HeldSeries) -> serde_json::Result<Vec<String>> {
    let HeldSeries { sensor, quantity, unit, low, high, lateness_s, noise, votes, .. } =
        series.clone();
    let first = vec![
        sensor,
        quantity,
        unit,
        low.to_string(),
        high.to_string(),
        lateness_s.to_string(),
        noise.map_or_else(String::new, |noise| noise.to_string()),
        votes.unwrap_or_default(),
    ];
    let calibrations = match series.calibrations.is_empty() {
        true => String::new(),
        false => json(&series.calibrations)?,
    };
    Ok([first, make_cells(&series.make), vec![calibrations]].concat())
}

fn json(value: &impl Serialize) -> serde_json::Result<String> {
    serde_json::to_string(value)
}

/// Cells as a row, the last ones empty if there are fewer than columns.
fn row(mut cells: Vec<String>) -> String {
    cells.resize(COLUMNS.len(), String::new());
    let quoted = |cell: &String| match cell.contains([',', '"', '\n', '\r']) {
        true => format!("\"{}\"", cell.replace('"', "\"\"")),
        false => cell.clone(),
    };
    cells.iter().map(quoted).collect::<Vec<_>>().join(",") + "\r\n"
}

/// From CSV.
///
/// # Errors
/// What is wrong, with the line and the column.
pub fn read(text: &str) -> Result<Held, String> {
    let mut rows = csv_rows(text.strip_prefix('\u{feff}').unwrap_or(text));
    let (_, names) = rows.next().ok_or("1: the file is empty")?;
    let mut places = Vec::new();
    for column in COLUMNS {
        let place = names.iter().position(|name| name == column);
        places.push(place.ok_or_else(|| format!("1: the column `{column}` is missing"))?);
    }
    if let Some(name) = names.iter().find(|name| !COLUMNS.contains(&name.as_str())) {
        return Err(format!("1: `{name}` is not a column of a registry; remove it"));
    }
    let mut held = Held::default();
    for (line, cells) in rows.filter(|(_, cells)| cells.iter().any(|cell| !cell.is_empty())) {
        if cells.len() != names.len() {
            return Err(format!("{line}: the row has {} cells, not {}", cells.len(), names.len()));
        }
        Row { line, cells: &cells, places: &places }.add_to(&mut held)?;
    }
    Ok(held)
}

/// One row, by the names of its columns.
struct Row<'r> {
    line: usize,
    cells: &'r [String],
    places: &'r [usize],
}

impl Row<'_> {
    fn add_to(&self, held: &mut Held) -> Result<(), String> {
        let site = self.site()?;
        match held.sites.iter().find(|known| known.id == site.id) {
            None => held.sites.push(site),
            Some(known) if *known == site => {}
            Some(_) => return self.wrong("site", "an earlier row says something else of it"),
        }
        if self.cell("station").is_empty() {
            return Ok(());
        }
        let station = self.station()?;
        let is_it = |known: &&mut HeldStation| known.id == station.id && known.site == station.site;
        let known = match held.stations.iter_mut().find(is_it) {
            None => {
                held.stations.push(station);
                held.stations.last_mut()
            }
            Some(known) => {
                let series = known.series.clone();
                if *known != (HeldStation { series, ..station }) {
                    return self.wrong("station", "an earlier row says something else of it");
                }
                Some(known)
            }
        };
        if let (Some(known), false) = (known, self.cell("sensor").is_empty()) {
            known.series.push(self.series()?);
        }
        Ok(())
    }

    fn site(&self) -> Result<HeldSite, String> {
        let text = |column| self.cell(column).to_owned();
        Ok(HeldSite {
            id: text("site"),
            name_ko: text("name_ko"),
            name_en: text("name_en"),
            kind: self.word("kind")?,
            location: (self.number("latitude")?, self.number("longitude")?),
            radius_km: self.number("radius_km")?,
            polygon: self.json("polygon")?,
            area_ko: text("area_ko"),
            area_en: text("area_en"),
            instruction_ko: text("instruction_ko"),
            instruction_en: text("instruction_en"),
            district: text("district"),
            zone: text("zone"),
        })
    }

    fn station(&self) -> Result<HeldStation, String> {
        let place = (self.optional("station_latitude")?, self.optional("station_longitude")?);
        Ok(HeldStation {
            site: self.cell("site").into(),
            id: self.cell("station").into(),
            source: self.cell("source").into(),
            report_interval_s: self.number("report_interval_s")?,
            gateway: Some(self.cell("gateway").to_owned()).filter(|gateway| !gateway.is_empty()),
            location: place.0.zip(place.1),
            make: self.make([
                "station_maker",
                "station_model",
                "station_serial",
                "station_installed",
            ]),
            series: Vec::new(),
        })
    }

    fn series(&self) -> Result<HeldSeries, String> {
        Ok(HeldSeries {
            sensor: self.cell("sensor").into(),
            quantity: self.cell("quantity").into(),
            unit: self.cell("unit").into(),
            low: self.number("low")?,
            high: self.number("high")?,
            lateness_s: self.number("lateness_s")?,
            noise: self.optional("noise")?,
            votes: Some(self.cell("votes").to_owned()).filter(|votes| !votes.is_empty()),
            make: self.make(["maker", "model", "serial", "installed"]),
            calibrations: self.json("calibrations")?,
        })
    }

    fn make(&self, [maker, model, serial, installed]: [&'static str; 4]) -> HeldMake {
        let text = |column| self.cell(column).to_owned();
        HeldMake {
            maker: text(maker),
            model: text(model),
            serial: text(serial),
            installed: text(installed),
        }
    }

    fn cell(&self, column: &'static str) -> &str {
        let at = COLUMNS.iter().position(|name| *name == column);
        at.and_then(|at| self.cells.get(self.places[at])).map_or("", String::as_str)
    }

    fn number(&self, column: &'static str) -> Result<Exact, String> {
        match self.optional(column)? {
            Some(number) => Ok(number),
            None => self.wrong(column, "it is empty, and a number is wanted"),
        }
    }

    fn optional(&self, column: &'static str) -> Result<Option<Exact>, String> {
        let cell = self.cell(column);
        if cell.is_empty() {
            return Ok(None);
        }
        match cell.parse().ok().filter(|number: &f64| number.is_finite()) {
            Some(number) => Ok(Some(Exact(number))),
            None => self.wrong(column, &format!("`{cell}` is not a number")),
        }
    }

    fn word<T: DeserializeOwned>(&self, column: &'static str) -> Result<T, String> {
        let cell = self.cell(column);
        serde_json::from_value(cell.into()).or_else(|error| self.wrong(column, &error.to_string()))
    }

    fn json<T: DeserializeOwned + Default>(&self, column: &'static str) -> Result<T, String> {
        match self.cell(column) {
            "" => Ok(T::default()),
            cell => {
                serde_json::from_str(cell).or_else(|error| self.wrong(column, &error.to_string()))
            }
        }
    }

    fn wrong<T>(&self, column: &str, what: &str) -> Result<T, String> {
        Err(format!("{}: column `{column}`: {what}", self.line))
    }
}
