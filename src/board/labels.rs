//! Where names stand on the map: beside their marks, none over another name or over a mark that matters more.
//!
//! A name that finds no place near its mark stands further off with a line to it; one that finds none at all gives way
//! to a number, which the list beside the map says too.

use serde::Serialize;

/// How high letters are, of the size of a mark.
pub(super) const LETTER: f64 = 0.72;

/// How far off names stand at most, in sizes of a mark: next to it, or at the end of a line.
const RINGS: [f64; 4] = [0.62, 1.5, 2.4, 3.4];

/// From a mark, below first: what people expect under a sign.
const DIRECTIONS: [(f64, f64); 8] = [
    (0.0, 1.0),
    (0.0, -1.0),
    (1.0, 0.0),
    (-1.0, 0.0),
    (0.8, 0.8),
    (-0.8, 0.8),
    (0.8, -0.8),
    (-0.8, -0.8),
];

/// A mark that may have a name.
pub(super) struct Named<'a> {
    pub x: f64,
    pub y: f64,
    /// How large it is drawn, of the size of a mark.
    pub scale: f64,
    /// Its name, if that is to be read on the map.
    pub name: Option<&'a str>,
}

/// A name on the map, from its mark.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Label {
    pub text: String,
    /// The middle of its foot.
    pub x: f64,
    pub y: f64,
    /// Whether a line leads to it, and where that ends.
    pub line: Option<(f64, f64)>,
    /// Whether it is a number in place of the name.
    pub number: Option<usize>,
}

/// A place that is taken.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Area {
    left: f64,
    top: f64,
    right: f64,
    bottom: f64,
}

impl Area {
    fn around(x: f64, y: f64, width: f64, height: f64) -> Self {
        let (half, rise) = (width / 2.0, height / 2.0);
        Self { left: x - half, top: y - rise, right: x + half, bottom: y + rise }
    }

    fn meets(&self, other: &Self) -> bool {
        self.left < other.right
            && other.left < self.right
            && self.top < other.bottom
            && other.top < self.bottom
    }

    fn is_within(&self, other: &Self) -> bool {
        self.left >= other.left
            && self.right <= other.right
            && self.top >= other.top
            && self.bottom <= other.bottom
    }
}

/// How wide a text is, in heights of its letters: Hangul is as wide as high, what Latin needs is about half of that.
fn width(text: &str) -> f64 {
    let wide = |c: char| if c as u32 >= 0x1100 { 1.0 } else { 0.6 };
    text.chars().map(wide).sum()
}

/// Places names in their order, the most important first. `size` is that of a mark; `bounds` is x, y, width and height
/// of what is seen.
pub(super) fn placed(
    marks: &[Named<'_>],
    size: f64,
    bounds: (f64, f64, f64, f64),
) -> Vec<Option<Label>> {
    let (x, y, wide, high) = bounds;
    let seen = Area { left: x, top: y, right: x + wide, bottom: y + high };
    let mut taken: Vec<Area> = marks
        .iter()
        .map(|mark| Area::around(mark.x, mark.y, size * mark.scale, size * mark.scale))
        .collect();
    let letter = size * LETTER;
    let mut numbers = 0;
    let mut place = |(at, mark): (usize, &Named<'_>)| {
        let name = mark.name?;
        let free = |taken: &[Area], area: &Area| {
            let others = taken.iter().enumerate().filter(|(other, _)| *other != at);
            area.is_within(&seen) && others.into_iter().all(|(_, other)| !area.meets(other))
        };
        let found = spots(mark, name, size).find(|(_, area)| free(&taken, area));
        if let Some((label, area)) = found {
            taken.push(area);
            return Some(label);
        }
        numbers += 1;
        let text = numbers.to_string();
        let area = Area::around(mark.x, mark.y, width(&text) * letter, letter);
        taken.push(area);
        Some(Label { text, x: 0.0, y: letter * 0.35, line: None, number: Some(numbers) })
    };
    marks.iter().enumerate().map(&mut place).collect()
}

/// Where the name of a mark could stand, the nearest first.
fn spots<'a>(
    mark: &'a Named<'_>,
    name: &'a str,
    size: f64,
) -> impl Iterator<Item = (Label, Area)> + 'a {
    let letter = size * LETTER;
    let (wide, high) = (width(name) * letter, letter * 1.2);
    RINGS.into_iter().flat_map(move |ring| {
        DIRECTIONS.into_iter().map(move |(right, down)| {
            let reach = size * (ring * mark.scale.max(0.8));
            let (x, y) = (right * (reach + wide / 2.0), down * (reach + high / 2.0));
            let area = Area::around(mark.x + x, mark.y + y, wide, high);
            let far = ring > RINGS[0];
            let line = far.then_some((right * reach, down * reach));
            (Label { text: name.into(), x, y: y + letter * 0.35, line, number: None }, area)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: f64 = 20.0;
    const BOUNDS: (f64, f64, f64, f64) = (0.0, 0.0, 300.0, 300.0);

    fn area(mark: &Named<'_>, label: &Label) -> Area {
        let letter = SIZE * LETTER;
        let (x, y) = (mark.x + label.x, mark.y + label.y - letter * 0.35);
        Area::around(x, y, width(&label.text) * letter, letter)
    }

    fn check(places: &[(f64, f64)]) -> Vec<Label> {
        let names: Vec<String> = (0..places.len()).map(|n| format!("광덕산 {n}지구")).collect();
        let mark = |((x, y), name): (&(f64, f64), &'static str)| Named {
            x: *x,
            y: *y,
            scale: 1.0,
            name: Some(name),
        };
        let names = names.into_iter().map(|name| &*name.leak());
        let marks: Vec<Named<'static>> = places.iter().zip(names).map(mark).collect();
        let labels: Vec<Label> = placed(&marks, SIZE, BOUNDS).into_iter().flatten().collect();
        assert_eq!(labels.len(), places.len(), "every name is there, or a number for it");
        let areas: Vec<Area> =
            marks.iter().zip(&labels).map(|(mark, label)| area(mark, label)).collect();
        for (at, one) in areas.iter().enumerate().filter(|(at, _)| labels[*at].number.is_none()) {
            for (other, area) in areas.iter().enumerate().skip(at + 1) {
                assert!(!one.meets(area), "{:?} over {:?}", labels[at], labels[other]);
            }
            for (other, mark) in marks.iter().enumerate().filter(|(other, _)| *other != at) {
                let mark = Area::around(mark.x, mark.y, SIZE, SIZE);
                assert!(!one.meets(&mark), "{:?} over the mark {other}", labels[at]);
            }
        }
        labels
    }

    #[test]
    fn a_name_alone_stands_under_its_mark() {
        let label = check(&[(150.0, 150.0)]).remove(0);
        assert_eq!((label.x, label.line, label.number), (0.0, None, None));
        assert!(label.y > SIZE / 2.0);
    }

    #[test]
    fn names_of_sites_that_stand_close_do_not_overlap() {
        let two = check(&[(150.0, 150.0), (158.0, 152.0)]);
        assert!(two.iter().all(|label| label.number.is_none()), "{two:?}");
        let row: Vec<(f64, f64)> = (0..6).map(|n| (120.0 + 12.0 * f64::from(n), 150.0)).collect();
        check(&row);
    }

    #[test]
    fn what_finds_no_place_is_a_number() {
        let crowd: Vec<(f64, f64)> = (0..40)
            .map(|n| (140.0 + f64::from(n % 7) * 3.0, 140.0 + f64::from(n / 7) * 3.0))
            .collect();
        let labels = check(&crowd);
        let numbers: Vec<usize> = labels.iter().filter_map(|label| label.number).collect();
        assert!(!numbers.is_empty() && numbers.len() < 40, "{numbers:?}");
        assert_eq!(numbers, (1..=numbers.len()).collect::<Vec<_>>(), "in order");
    }

    #[test]
    fn what_has_no_name_stands_in_the_way_all_the_same() {
        let mark = |x, name| Named { x, y: 150.0, scale: 1.0, name };
        let marks = [mark(150.0, Some("가")), Named { y: 165.0, ..mark(150.0, None) }];
        let labels = placed(&marks, SIZE, BOUNDS);
        assert_eq!(labels[1], None);
        assert!(labels[0].as_ref().is_some_and(|label| label.y < 0.0), "not below: {labels:?}");
    }
}
