//! Which device is which station, and which of its metrics is which series.

use std::collections::BTreeMap;

use reading::codec::naming::{Model, Naming, Placed, Target};
use reading::codec::pointers::is_pointer;
use reading::id::SeriesName;
use reading::{Quantity, SensorId, SiteId, StationId, Unit};

use crate::config::problem::{Place, Problems};
use crate::config::stations;
use crate::config::table::{Table, Written, id};
use crate::config::tree::At;
use crate::config::value::{Fault, shortened};

/// The names of a subscription, with the places of what they refer to.
#[derive(Default)]
pub struct Named {
    pub naming: Naming,
    pub stations: Vec<(Place, SiteId, StationId)>,
    pub series: Vec<(Place, SeriesName)>,
}

/// Reads every `[[collector.subscribe.map]]`.
pub fn naming(table: &mut Table, metrics_are_pointers: bool, problems: &mut Problems) -> Named {
    let mut named = Named::default();
    for mut map in table.tables("map", problems) {
        map.need(
            "devices",
            "say which device is which station: devices = { \"…\" = \"site/station\" }",
            problems,
        );
        let devices = map.table("devices", problems).map(Table::into_texts);
        let metrics = map.table("metrics", problems).map(Table::into_texts);
        let ignored = names(&mut map, "ignore", problems);
        map.finish("a [[collector.subscribe.map]]", problems);
        let index = named.naming.models.len() as u32;
        let mut placed = Vec::new();
        for (name, value) in devices.into_iter().flatten() {
            let Some(station) = understood(&name.value, value, station, problems) else { continue };
            let (site, station) = station.value.clone();
            named.stations.push((name.place.clone(), site.clone(), station.clone()));
            placed.push((site.clone(), station.clone()));
            let entry = Placed { site, station, model: index, shared: false };
            if named.naming.devices.insert(name.value.clone(), entry).is_some() {
                let what = format!("the device `{}` is mapped twice", shortened(&name.value));
                problems.add(&name.place, what, "remove one");
            }
        }
        let mut model = Model { metrics: BTreeMap::new(), ignored };
        for (name, value) in metrics.into_iter().flatten() {
            if metrics_are_pointers && !is_pointer(&name.value) {
                let what = format!("`{}` is not a JSON pointer", shortened(&name.value));
                problems.add(
                    &name.place,
                    what,
                    "write where the number stands: \"/data/tilt/x\" (RFC 6901)",
                );
            }
            let Some(target) = understood(&name.value, value, target, problems) else { continue };
            for (site, station) in &placed {
                let Target { sensor, quantity, .. } = target.value.clone();
                let (site, station) = (site.clone(), station.clone());
                named
                    .series
                    .push((target.place.clone(), SeriesName { site, station, sensor, quantity }));
            }
            model.metrics.insert(name.value, target.value);
        }
        named.naming.models.push(model);
    }
    note_shared(&mut named.naming);
    named
}

/// Marks devices that are one station together.
fn note_shared(naming: &mut Naming) {
    let mut devices: BTreeMap<(SiteId, StationId), u32> = BTreeMap::new();
    for placed in naming.devices.values() {
        *devices.entry((placed.site.clone(), placed.station.clone())).or_default() += 1;
    }
    for placed in naming.devices.values_mut() {
        placed.shared = devices[&(placed.site.clone(), placed.station.clone())] > 1;
    }
}

fn understood<T>(
    key: &str,
    value: Written,
    parse: fn(&str) -> Result<T, Fault>,
    problems: &mut Problems,
) -> Option<At<T>> {
    match value {
        Err((place, kind)) => {
            problems.add(&place, format!("`{}` is {kind}", shortened(key)), "write it in quotes");
            None
        }
        Ok(text) => match parse(&text.value) {
            Ok(value) => Some(At { value, place: text.place }),
            Err(fault) => {
                problems.add(&text.place, fault.what, fault.remedy);
                None
            }
        },
    }
}

/// `site/station`.
pub fn station(text: &str) -> Result<(SiteId, StationId), Fault> {
    let (site, station) = text.split_once('/').ok_or_else(|| {
        Fault::new(
            format!("`{}` is not a station", shortened(text)),
            "write it as \"site/station\"",
        )
    })?;
    Ok((id(site)?, id(station)?))
}

/// `sensor/quantity`, with the unit of the numbers where the device does not say it.
pub fn target(text: &str) -> Result<Target, Fault> {
    let (name, symbol) =
        text.split_once(' ').map_or((text, None), |(name, unit)| (name, Some(unit)));
    let (sensor, word) = name.split_once('/').ok_or_else(|| {
        Fault::new(
            format!("`{}` is not a sensor and its quantity", shortened(text)),
            "write it as \"tilt-1/tilt-x\", with the unit of the numbers if the device does not say it: \"tilt-1/tilt-x deg\"",
        )
    })?;
    let sensor: SensorId = id(sensor)?;
    let quantity = stations::quantity(word)?;
    let unit = symbol.map(|symbol| unit_of(quantity, symbol.trim())).transpose()?;
    Ok(Target { sensor, quantity, unit })
}

fn unit_of(quantity: Quantity, symbol: &str) -> Result<Unit, Fault> {
    let unit = stations::unit(symbol)?;
    match quantity.to_base(1.0, unit) {
        Ok(_) => Ok(unit),
        Err(mismatch) => Err(Fault::new(mismatch.to_string(), "write a unit of the quantity")),
    }
}

/// Reads a list of names; none if it is not there.
pub fn names(table: &mut Table, key: &'static str, problems: &mut Problems) -> Vec<String> {
    let read = table.reads(key, |text| Ok(text.to_owned()), problems);
    read.map(|list| list.value.into_iter().map(|name| name.value).collect()).unwrap_or_default()
}
