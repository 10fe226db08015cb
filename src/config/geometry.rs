//! Where a site is and who is in danger: points, circles and rings on the map.

use super::problem::{Place, Problems};
use super::table::{Table, as_number};
use super::tree::{At, Value};
use super::value::{Fault, number_with_unit, shortened};

/// The largest endangered circle, kilometres.
const RADIUS_MAX_KM: f64 = 50.0;

/// `[latitude, longitude]` in degrees.
pub fn location(
    table: &mut Table,
    key: &'static str,
    problems: &mut Problems,
) -> Option<(f64, f64)> {
    let pair = table.list(key, problems)?;
    point(&pair.value, &pair.place, problems)
}

fn point(pair: &[At<Value>], place: &Place, problems: &mut Problems) -> Option<(f64, f64)> {
    let numbers: Vec<f64> = pair.iter().filter_map(|item| as_number(&item.value)).collect();
    let (&[latitude, longitude], 2) = (numbers.as_slice(), pair.len()) else {
        problems.add(
            place,
            "a point is not two numbers",
            "write latitude and longitude, say [37.5665, 126.9780]",
        );
        return None;
    };
    if latitude.abs() <= 90.0 && longitude.abs() <= 180.0 {
        return Some((latitude, longitude));
    }
    let swapped = longitude.abs() <= 90.0 && latitude.abs() <= 180.0;
    let remedy = if swapped {
        "put the latitude first, then the longitude"
    } else {
        "write degrees, WGS 84"
    };
    problems.add(place, format!("[{latitude}, {longitude}] is not on the Earth"), remedy);
    None
}

/// `300 m` or `1.5 km`, in kilometres.
///
/// # Errors
/// A [`Fault`] for anything else.
pub fn radius(text: &str) -> Result<f64, Fault> {
    let refused = || {
        let what = format!("`{}` is not the radius of a site", shortened(text));
        Fault::new(what, "write metres or kilometres up to 50 km (say \"300 m\")")
    };
    let km = match number_with_unit(text).ok_or_else(refused)? {
        (number, "m") => number / 1_000.0,
        (number, "km") => number,
        _ => return Err(refused()),
    };
    if km > 0.0 && km <= RADIUS_MAX_KM { Ok(km) } else { Err(refused()) }
}

/// A closed ring of points that does not cross itself; empty if none is given.
pub fn polygon(
    table: &mut Table,
    key: &'static str,
    problems: &mut Problems,
) -> Option<Vec<(f64, f64)>> {
    if !table.has(key) {
        table.list(key, problems);
        return Some(Vec::new());
    }
    let At { value: items, place } = table.list(key, problems)?;
    let mut ring = Vec::new();
    for item in &items {
        match &item.value {
            Value::List(pair) => ring.push(point(pair, &item.place, problems)?),
            _ => {
                problems.add(
                    &item.place,
                    "a point is not two numbers",
                    "write [[latitude, longitude], …]",
                );
                return None;
            }
        }
    }
    match fault_of(&ring) {
        Some((what, remedy)) => {
            problems.add(&place, what, remedy);
            None
        }
        None => Some(ring),
    }
}

/// The most points of a polygon: what receivers of CAP take (100 pairs, as IPAWS does), the first one again at the end
/// included.
const POINTS_MAX: usize = 100;

fn fault_of(ring: &[(f64, f64)]) -> Option<(&'static str, &'static str)> {
    if ring.len() > POINTS_MAX {
        return Some((
            "the polygon has more than 100 points, which CAP receivers cut or refuse",
            "leave out corners that change little, or use a circle: radius = \"…\"",
        ));
    }
    if ring.len() < 4 {
        return Some((
            "the polygon has fewer than four points",
            "three corners and the first one again are the least",
        ));
    }
    if ring.first() != ring.last() {
        return Some(("the polygon is not closed", "write the first point again at the end"));
    }
    if ring.windows(2).any(|pair| pair[0] == pair[1]) {
        return Some(("the polygon has the same point twice in a row", "remove one of them"));
    }
    crosses_itself(ring).then_some((
        "the polygon crosses itself",
        "write its corners in the order one walks around it",
    ))
}

/// Whether two edges of a closed ring that are not neighbours meet.
fn crosses_itself(ring: &[(f64, f64)]) -> bool {
    let edges: Vec<_> = ring.windows(2).map(|pair| (pair[0], pair[1])).collect();
    let neighbours = |i: usize, j: usize| j == i + 1 || (i == 0 && j == edges.len() - 1);
    (0..edges.len())
        .any(|i| (i + 1..edges.len()).any(|j| !neighbours(i, j) && edges_meet(edges[i], edges[j])))
        || (0..edges.len()).any(|i| folds_back(edges[i], edges[(i + 1) % edges.len()]))
}

type Point = (f64, f64);

/// Twice the signed area of a triangle: which way one turns at `b`.
fn turn(a: Point, b: Point, c: Point) -> f64 {
    (b.0 - a.0) * (c.1 - a.1) - (b.1 - a.1) * (c.0 - a.0)
}

fn edges_meet((a, b): (Point, Point), (c, d): (Point, Point)) -> bool {
    let (abc, abd, cda, cdb) = (turn(a, b, c), turn(a, b, d), turn(c, d, a), turn(c, d, b));
    let apart = |one: f64, other: f64| (one > 0.0 && other < 0.0) || (one < 0.0 && other > 0.0);
    if apart(abc, abd) && apart(cda, cdb) {
        return true;
    }
    let within = |p: Point, q: Point, r: Point| {
        (p.0.min(q.0)..=p.0.max(q.0)).contains(&r.0) && (p.1.min(q.1)..=p.1.max(q.1)).contains(&r.1)
    };
    (abc == 0.0 && within(a, b, c))
        || (abd == 0.0 && within(a, b, d))
        || (cda == 0.0 && within(c, d, a))
        || (cdb == 0.0 && within(c, d, b))
}

/// Whether the second edge runs back along the first.
fn folds_back((a, b): (Point, Point), (_, c): (Point, Point)) -> bool {
    let back = (a.0 - b.0) * (c.0 - b.0) + (a.1 - b.1) * (c.1 - b.1);
    turn(a, b, c) == 0.0 && back > 0.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rings_are_closed_and_do_not_cross() {
        let square = [(0.0, 0.0), (0.0, 1.0), (1.0, 1.0), (1.0, 0.0), (0.0, 0.0)];
        let triangle = [(0.0, 0.0), (0.0, 1.0), (1.0, 0.0), (0.0, 0.0)];
        let hollow = [(0.0, 0.0), (0.0, 4.0), (4.0, 4.0), (1.0, 2.0), (4.0, 0.0), (0.0, 0.0)];
        for good in [&square[..], &triangle, &hollow] {
            assert_eq!(fault_of(good), None, "{good:?}");
        }
        let bow = [(0.0, 0.0), (1.0, 1.0), (1.0, 0.0), (0.0, 1.0), (0.0, 0.0)];
        let touching = [(0.0, 0.0), (0.0, 2.0), (2.0, 2.0), (0.0, 1.0), (2.0, 0.0), (0.0, 0.0)];
        let flat = [(0.0, 0.0), (1.0, 0.0), (0.5, 0.0), (0.0, 0.0)];
        for (bad, word) in [
            (&bow[..], "crosses"),
            (&touching, "crosses"),
            (&flat, "crosses"),
            (&square[..4], "closed"),
            (&square[..3], "four"),
            (&[(0.0, 0.0), (0.0, 0.0), (1.0, 1.0), (0.0, 0.0)], "twice"),
        ] {
            assert!(fault_of(bad).is_some_and(|(what, _)| what.contains(word)), "{bad:?}");
        }
    }

    #[test]
    fn radii_are_metres_or_kilometres() {
        assert_eq!(radius("300 m"), Ok(0.3));
        assert_eq!(radius("1.5 km"), Ok(1.5));
        for bad in ["300", "0 m", "-1 km", "51 km", "3 mm", ""] {
            assert!(radius(bad).is_err(), "{bad}");
        }
    }
}
