//! Sites and stations as GeoJSON (RFC 7946): each a point, the area of a site a polygon. Longitude comes first there.

use serde::{Deserialize, Serialize};

use super::held::{Held, HeldSite, HeldStation};
use super::number::Exact;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Collection {
    #[serde(rename = "type")]
    kind: Kind,
    features: Vec<Feature>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Feature {
    #[serde(rename = "type")]
    kind: Kind,
    geometry: Option<Geometry>,
    properties: Properties,
}

#[derive(Serialize, Deserialize, PartialEq)]
enum Kind {
    FeatureCollection,
    Feature,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "type", content = "coordinates")]
enum Geometry {
    Point((Exact, Exact)),
    Polygon(Vec<Vec<(Exact, Exact)>>),
}

/// One of the three.
#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Properties {
    /// What maps show.
    title: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    site: Option<HeldSite>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    station: Option<HeldStation>,
    /// The site whose area the polygon is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    area_of: Option<String>,
}

fn swapped((a, b): &(Exact, Exact)) -> (Exact, Exact) {
    (*b, *a)
}

/// As GeoJSON.
pub fn write(held: &Held) -> serde_json::Result<String> {
    let mut features = Vec::new();
    let mut feature = |geometry, properties| {
        features.push(Feature { kind: Kind::Feature, geometry, properties });
    };
    for site in &held.sites {
        let title = site.name_ko.clone();
        let place = Some(Geometry::Point(swapped(&site.location)));
        let of_site = Properties { title, site: Some(site.clone()), ..Properties::default() };
        feature(place, of_site);
        if !site.polygon.is_empty() {
            let ring = site.polygon.iter().map(swapped).collect();
            let (title, area_of) = (site.area_ko.clone(), Some(site.id.clone()));
            let of_area = Properties { title, area_of, ..Properties::default() };
            feature(Some(Geometry::Polygon(vec![ring])), of_area);
        }
        for station in held.stations_of(&site.id) {
            let title = format!("{}/{}", station.site, station.id);
            let place = station.location.as_ref().map(|at| Geometry::Point(swapped(at)));
            let of_station =
                Properties { title, station: Some(station.clone()), ..Properties::default() };
            feature(place, of_station);
        }
    }
    serde_json::to_string_pretty(&Collection { kind: Kind::FeatureCollection, features })
}

/// From GeoJSON. What somebody moved on a map is where it is: geometry goes before what properties say of it.
///
/// # Errors
/// What is wrong, with line and column or the feature.
pub fn read(text: &str) -> Result<Held, String> {
    let collection: Collection = serde_json::from_str(text)
        .map_err(|error| format!("{}:{}: {error}", error.line(), error.column()))?;
    if collection.kind != Kind::FeatureCollection {
        return Err("1:1: it is no FeatureCollection; export one to see its form".into());
    }
    let (mut held, mut areas) = (Held::default(), Vec::new());
    for (at, Feature { kind, geometry, properties }) in collection.features.into_iter().enumerate()
    {
        let wrong = |what: &str| Err(format!("features/{at}: {what}"));
        if kind != Kind::Feature {
            return wrong("it is no Feature");
        }
        match (properties.site, properties.station, properties.area_of, geometry) {
            (Some(site), None, None, Some(Geometry::Point(place))) => {
                held.sites.push(HeldSite { location: swapped(&place), ..site });
            }
            (None, Some(station), None, place) => {
                let location = match place {
                    None => None,
                    Some(Geometry::Point(place)) => Some(swapped(&place)),
                    Some(Geometry::Polygon(_)) => return wrong("a station is a point"),
                };
                held.stations.push(HeldStation { location, ..station });
            }
            (None, None, Some(site), Some(Geometry::Polygon(rings))) => {
                let [ring] = rings.as_slice() else {
                    return wrong("an area is one ring, without holes");
                };
                areas.push((at, site, ring.iter().map(swapped).collect::<Vec<_>>()));
            }
            _ => {
                return wrong(
                    "its properties are neither a `site` with a point, a `station`, nor `area_of` a site with a polygon",
                );
            }
        }
    }
    for site in &mut held.sites {
        site.polygon.clear();
    }
    for (at, id, ring) in areas {
        match held.sites.iter_mut().find(|site| site.id == id) {
            Some(site) => site.polygon = ring,
            None => return Err(format!("features/{at}: there is no site `{id}` in the file")),
        }
    }
    Ok(held)
}
