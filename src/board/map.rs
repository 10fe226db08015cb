//! The map as numbers and paths: the outline of Korea, the operator's layers, and where the sites are.
//!
//! One plane for all: [`EAST`] units to a degree of longitude east of 124°, [`SOUTH`] to a degree of latitude south of
//! 43.5°. At 36° north both are equally long, so that a circle is a circle, near enough for the peninsula.

use std::fmt::Write;

use reading::registry::Text;
use serde::Serialize;

use crate::config::{Form, Layer, Shape};

const EAST: f64 = 809.0;
const SOUTH: f64 = 1_000.0;
const WEST_EDGE: f64 = 124.0;
const NORTH_EDGE: f64 = 43.5;

/// The least that is shown at first, in units: some 30 km, so that one site alone is seen with what is around it.
const SPAN_MIN: f64 = 300.0;

/// The least that is shown of several sites, in units: some 6 km.
const NEAR_MIN: f64 = 60.0;

/// What is shown where there is no site: the south of the peninsula.
const HOME: View = View { x: 500.0, y: 4_800.0, width: 4_300.0, height: 5_700.0 };

/// A place in the plane, in hundredths of a unit: about a metre.
pub(super) fn place((latitude, longitude): (f64, f64)) -> (f64, f64) {
    let hundredths = |value: f64| (value * 100.0).round() / 100.0;
    let (x, y) = ((longitude - WEST_EDGE) * EAST, (NORTH_EDGE - latitude) * SOUTH);
    (hundredths(x), hundredths(y))
}

/// A part of the plane.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(super) struct View {
    x: f64,
    y: f64,
    width: f64,
    height: f64,
}

impl View {
    /// The part that holds all of these, with room around them.
    pub(super) fn around(places: impl Iterator<Item = (f64, f64)>) -> Self {
        let none = (f64::INFINITY, f64::NEG_INFINITY, f64::INFINITY, f64::NEG_INFINITY);
        let (west, east, north, south) =
            places.fold(none, |(w, e, n, s), (x, y)| (w.min(x), e.max(x), n.min(y), s.max(y)));
        if west > east {
            return HOME;
        }
        let apart = (east - west).max(south - north);
        // as wide as high, so that names find room on every side
        let side = if apart > 0.0 { (apart * 1.3).max(NEAR_MIN) } else { SPAN_MIN };
        let (width, height) = (side, side);
        let (x, y) = ((west + east - width) / 2.0, (north + south - height) / 2.0);
        Self { x: x.round(), y: y.round(), width: width.round(), height: height.round() }
    }

    /// Its corner and its size.
    pub(super) fn bounds(&self) -> (f64, f64, f64, f64) {
        (self.x, self.y, self.width, self.height)
    }

    /// How large a mark on it is that is well seen from afar.
    pub(super) fn mark(&self) -> f64 {
        (self.width.max(self.height) / 15.0).round()
    }
}

/// A layer, ready to be put into a page.
#[derive(Debug, Serialize)]
pub(super) struct Drawn {
    pub name: Text,
    pub kind: &'static str,
    pub areas: Vec<Path>,
    pub lines: Vec<Path>,
    pub points: Vec<Point>,
}

#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Path {
    name: String,
    d: String,
}

#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Point {
    name: String,
    x: f64,
    y: f64,
}

/// Draws the operator's layers, once.
pub(super) fn layers(layers: &[Layer]) -> Vec<Drawn> {
    layers.iter().map(drawn).collect()
}

fn drawn(layer: &Layer) -> Drawn {
    let mut drawn = Drawn {
        name: layer.name.clone(),
        kind: layer.kind.name(),
        areas: vec![],
        lines: vec![],
        points: vec![],
    };
    for Shape { name, form } in &layer.shapes {
        let name = name.clone();
        match form {
            Form::Point((longitude, latitude)) => {
                let (x, y) = place((*latitude, *longitude));
                drawn.points.push(Point { name, x, y });
            }
            Form::Line(line) => drawn.lines.push(Path { name, d: path(line, "") }),
            Form::Area(rings) => {
                let d = rings.iter().map(|ring| path(ring, "z")).collect();
                drawn.areas.push(Path { name, d });
            }
        }
    }
    drawn
}

fn path(line: &[(f64, f64)], end: &str) -> String {
    let mut path = String::with_capacity(line.len() * 14);
    for (number, (longitude, latitude)) in line.iter().enumerate() {
        let (x, y) = place((*latitude, *longitude));
        let verb = if number == 0 { 'M' } else { 'L' };
        write!(path, "{verb}{x} {y}").expect("writing to text");
    }
    path + end
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::LayerKind;

    #[test]
    fn places_lie_where_the_outline_has_them() {
        // Seoul and Busan; the outline's southernmost coast is Jeju's, about 33.1° north
        assert_eq!(place((37.5665, 126.978)), (2409.2, 5933.5));
        assert_eq!(place((35.1796, 129.0756)), (4106.16, 8320.4));
        let outline = super::super::templates::SOURCES;
        let (_, outline) = outline.iter().find(|(name, _)| *name == "korea.html").unwrap();
        assert!(outline.len() < 30_000, "{}", outline.len());
    }

    #[test]
    fn the_view_holds_every_site_and_some_room() {
        assert_eq!(View::around(std::iter::empty()), HOME);
        let one = View::around([(1_000.0, 5_000.0)].into_iter());
        assert_eq!((one.x, one.y, one.width), (850.0, 4_850.0, SPAN_MIN));
        let two = View::around([(1_000.0, 5_000.0), (2_000.0, 5_010.0)].into_iter());
        assert_eq!((two.x, two.width, two.height), (850.0, 1_300.0, 1_300.0));
        let near = View::around([(1_000.0, 5_000.0), (1_001.0, 5_000.0)].into_iter());
        assert_eq!(near.width, NEAR_MIN);
        assert!(two.mark() > 10.0);
    }

    #[test]
    fn layers_become_paths() {
        let shape = |form| Shape { name: "n".into(), form };
        let ring = vec![(124.0, 43.5), (125.0, 43.5), (125.0, 42.5), (124.0, 43.5)];
        let layer = Layer {
            name: Text::default(),
            kind: LayerKind::HazardZone,
            shapes: vec![
                shape(Form::Area(vec![ring.clone()])),
                shape(Form::Line(ring)),
                shape(Form::Point((124.5, 43.0))),
            ],
        };
        let drawn = layers(&[layer]).remove(0);
        assert_eq!(drawn.areas[0].d, "M0 0L809 0L809 1000L0 0z");
        assert_eq!(drawn.lines[0].d, "M0 0L809 0L809 1000L0 0");
        assert_eq!(drawn.points[0], Point { name: "n".into(), x: 404.5, y: 500.0 });
    }
}
