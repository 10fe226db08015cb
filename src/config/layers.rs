//! What the operator puts on the map beside the sites: districts, hazard zones, shelters, underground utilities, each a
//! GeoJSON file (RFC 7946) of their own.

use std::path::Path;

use reading::registry::Text;
use serde_json::Value;

use super::daemon::bilingual;
use super::problem::Problems;
use super::source::Folder;
use super::table::Table;
use super::tree::At;

/// How many layers there may be.
const LAYERS_MAX: usize = 12;

/// The largest file, bytes.
const FILE_LEN_MAX: u64 = 8 << 20;

/// How many points the shapes of a layer may have together: every wall draws all of them.
const POINTS_MAX: usize = 20_000;

/// What a layer shows, and so how it is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LayerKind {
    /// Who is responsible where.
    District,
    /// Where it is dangerous by law or by survey.
    HazardZone,
    /// Where people go.
    Shelter,
    /// Pipes and cables underground.
    Utility,
}

impl LayerKind {
    /// Every kind, by its name in configuration.
    pub const WORDS: [(&'static str, Self); 4] = [
        ("district", Self::District),
        ("hazard-zone", Self::HazardZone),
        ("shelter", Self::Shelter),
        ("utility", Self::Utility),
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        Self::WORDS.into_iter().find(|(_, kind)| *kind == self).map_or("", |(name, _)| name)
    }
}

/// A layer of the map.
#[derive(Clone, Debug, PartialEq)]
pub struct Layer {
    /// What people call it.
    pub name: Text,
    /// What it shows.
    pub kind: LayerKind,
    /// What is drawn.
    pub shapes: Vec<Shape>,
}

/// One thing on the map. Places are longitude and latitude, degrees, WGS 84.
#[derive(Clone, Debug, PartialEq)]
pub struct Shape {
    /// What it is called, if its file says so (`name` among its properties).
    pub name: String,
    /// Where it is.
    pub form: Form,
}

/// The form of a shape.
#[derive(Clone, Debug, PartialEq)]
pub enum Form {
    /// A place.
    Point((f64, f64)),
    /// A line.
    Line(Vec<(f64, f64)>),
    /// Rings: the first is around it, the others are holes.
    Area(Vec<Vec<(f64, f64)>>),
}

/// Reads every `[[layer]]`.
pub fn read(table: &mut Table, folder: &Folder, problems: &mut Problems) -> Vec<Layer> {
    let tables = table.tables("layer", problems);
    if let Some(table) = tables.get(LAYERS_MAX) {
        let what = format!("there are more than {LAYERS_MAX} layers");
        problems.add(&table.place, what, "put what belongs together into one file");
    }
    tables.into_iter().filter_map(|table| layer(table, folder, problems)).collect()
}

fn layer(mut table: Table, folder: &Folder, problems: &mut Problems) -> Option<Layer> {
    let kinds =
        "say what it shows: kind = \"district\", \"hazard-zone\", \"shelter\" or \"utility\"";
    table.need("kind", kinds, problems);
    table.need("file", "name a GeoJSON file, say file = \"map/shelters.geojson\"", problems);
    let name = bilingual(&mut table, "name", problems);
    let kind = table.choice("kind", &LayerKind::WORDS, problems);
    let file = table.text("file", problems);
    table.finish("a layer of the map", problems);
    let At { value: file, place } = file?;
    let shapes = if folder.is_on_disk() {
        shapes_of(&folder.path().join(&file)).unwrap_or_else(|(what, remedy)| {
            problems.add(&place, format!("{file}: {what}"), remedy);
            Vec::new()
        })
    } else {
        Vec::new()
    };
    Some(Layer { name: name?, kind: kind?.value, shapes })
}

type Refused = (String, &'static str);

fn shapes_of(path: &Path) -> Result<Vec<Shape>, Refused> {
    let rights = "put the file there, readable for the user bongsu runs as";
    let length = std::fs::metadata(path).map_err(|error| (error.to_string(), rights))?.len();
    if length > FILE_LEN_MAX {
        let what = format!("it has {length} bytes, more than {FILE_LEN_MAX}");
        return Err((what, "make it coarser, say with ogr2ogr -simplify 0.0005"));
    }
    let text = std::fs::read_to_string(path).map_err(|error| (error.to_string(), rights))?;
    shapes(&text)
}

/// The shapes of a GeoJSON text.
fn shapes(text: &str) -> Result<Vec<Shape>, Refused> {
    let remedy =
        "write GeoJSON (RFC 7946), say with ogr2ogr -f GeoJSON -lco RFC7946=YES -t_srs EPSG:4326";
    let value: Value = serde_json::from_str(text).map_err(|error| (error.to_string(), remedy))?;
    let mut found = Vec::new();
    gather(&value, "", 0, &mut found).map_err(|what| (what, remedy))?;
    let points: usize = found.iter().map(points_of).sum();
    if points > POINTS_MAX {
        let what = format!("its shapes have {points} points, more than {POINTS_MAX}");
        return Err((what, "make it coarser, say with ogr2ogr -simplify 0.0005"));
    }
    Ok(found)
}

fn points_of(shape: &Shape) -> usize {
    match &shape.form {
        Form::Point(_) => 1,
        Form::Line(line) => line.len(),
        Form::Area(rings) => rings.iter().map(Vec::len).sum(),
    }
}

/// How deep collections may lie in one another.
const DEPTH_MAX: u32 = 4;

fn gather(value: &Value, name: &str, depth: u32, found: &mut Vec<Shape>) -> Result<(), String> {
    let kind = value["type"].as_str().unwrap_or_default();
    let of = |key: &str| value[key].as_array().map_or(&[][..], Vec::as_slice);
    let mut add = |form| found.push(Shape { name: name.to_owned(), form });
    let coordinates = &value["coordinates"];
    match kind {
        "FeatureCollection" | "GeometryCollection" if depth < DEPTH_MAX => {
            let key = if kind == "FeatureCollection" { "features" } else { "geometries" };
            return of(key).iter().try_for_each(|one| gather(one, name, depth + 1, found));
        }
        "Feature" if value["geometry"].is_null() => {}
        "Feature" => {
            let name = value["properties"]["name"].as_str().unwrap_or_default();
            let name: String = name.chars().take(80).collect();
            return gather(&value["geometry"], &name, depth + 1, found);
        }
        "Point" => add(Form::Point(place(coordinates)?)),
        "MultiPoint" => line(coordinates)?.into_iter().for_each(|at| add(Form::Point(at))),
        "LineString" => add(Form::Line(line(coordinates)?)),
        "MultiLineString" => lines(coordinates)?.into_iter().for_each(|one| add(Form::Line(one))),
        "Polygon" => add(Form::Area(lines(coordinates)?)),
        "MultiPolygon" => {
            for rings in array(coordinates)? {
                add(Form::Area(lines(rings)?));
            }
        }
        other => return Err(format!("`{other}` is no kind of GeoJSON, or lies too deep")),
    }
    Ok(())
}

fn array(value: &Value) -> Result<&Vec<Value>, String> {
    value.as_array().ok_or_else(|| "coordinates are not where they belong".to_owned())
}

fn lines(value: &Value) -> Result<Vec<Vec<(f64, f64)>>, String> {
    array(value)?.iter().map(line).collect()
}

fn line(value: &Value) -> Result<Vec<(f64, f64)>, String> {
    array(value)?.iter().map(place).collect()
}

fn place(value: &Value) -> Result<(f64, f64), String> {
    let (longitude, latitude) = (value[0].as_f64(), value[1].as_f64());
    match (longitude, latitude) {
        (Some(x), Some(y)) if x.abs() <= 180.0 && y.abs() <= 90.0 => Ok((x, y)),
        _ => Err(format!("{value} is no longitude and latitude in degrees")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_geometry_is_read_with_its_name() {
        let text = r#"{"type":"FeatureCollection","features":[
            {"type":"Feature","properties":{"name":"체육관"},"geometry":{"type":"Point","coordinates":[127.1,37.2,30]}},
            {"type":"Feature","properties":{},"geometry":null},
            {"type":"Feature","properties":null,"geometry":{"type":"GeometryCollection","geometries":[
                {"type":"LineString","coordinates":[[127,37],[128,38]]},
                {"type":"MultiPolygon","coordinates":[[[[127,37],[128,37],[128,38],[127,37]]]]}]}},
            {"type":"Feature","properties":{"name":"관로"},"geometry":{"type":"MultiLineString","coordinates":[[[1,2],[3,4]],[[5,6],[7,8]]]}}]}"#;
        let found = shapes(text).unwrap();
        assert_eq!(found.len(), 5);
        assert_eq!((&*found[0].name, &found[0].form), ("체육관", &Form::Point((127.1, 37.2))));
        assert_eq!(found.iter().map(points_of).sum::<usize>(), 1 + 2 + 4 + 4);
        assert_eq!(found[4].name, "관로");
    }

    #[test]
    fn what_is_no_map_is_refused_with_what_is_wrong() {
        let deep = format!(
            "{}{}",
            "{\"type\":\"GeometryCollection\",\"geometries\":[".repeat(9),
            "]}".repeat(9)
        );
        let many = vec!["[127,37]"; POINTS_MAX + 1].join(",");
        let many = format!(r#"{{"type":"MultiPoint","coordinates":[{many}]}}"#);
        for (text, what) in [
            ("", "EOF"),
            (r#"{"type":"Topology"}"#, "`Topology`"),
            (r#"{"type":"Point","coordinates":[4500000,200]}"#, "degrees"),
            (r#"{"type":"Polygon","coordinates":[1]}"#, "where they belong"),
            (&deep, "too deep"),
            (&many, "20001 points"),
        ] {
            let (said, _) = shapes(text).unwrap_err();
            assert!(said.contains(what), "{said}");
        }
    }
}
