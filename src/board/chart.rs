//! Charts as a few numbers and paths: drawn on the server, read without scripts.
//!
//! In: points of the history, the time they are of, and limits. Out: what a page puts into an `<svg>` of
//! [`WIDTH`] × [`HEIGHT`] units. A gap in the data is a gap in the line.

use std::fmt::Write;
use std::time::Duration;

use ingest::archive::history::Point;
use reading::Timestamp;
use serde::Serialize;

/// Size of a chart, in its own units.
pub(super) const WIDTH: f64 = 640.0;
pub(super) const HEIGHT: f64 = 160.0;

/// How many labels stand beside a chart.
const LABELS: usize = 4;

/// How wide what is expected is drawn, beyond the end of the time shown.
const EXPECTED_WIDTH: f64 = 10.0;

/// Points further apart than this many times their usual distance are not joined.
const JOINED: u32 = 3;

/// A chart, ready to be put into a page.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(super) struct Chart {
    /// The mean, as a path.
    pub line: String,
    /// From the least to the greatest, as a path.
    pub band: String,
    /// Amounts, from the ground up.
    pub bars: Vec<Bar>,
    /// Where the next reading is expected, beside the end of the line.
    pub expected: Option<Bar>,
    /// The limits that lie within.
    pub limits: Vec<Limit>,
    /// What the height means.
    pub values: Vec<Label>,
    /// What the width means.
    pub moments: Vec<Label>,
    /// The present, where the chart reaches beyond it.
    pub now: Option<f64>,
    /// When the movement is forecast to end.
    pub end: Option<End>,
}

/// When something is forecast, on the width of a chart.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(super) struct End {
    at: f64,
    x: f64,
    width: f64,
}

/// One amount.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(super) struct Bar {
    x: f64,
    y: f64,
    width: f64,
    height: f64,
}

/// A line that a value must not cross.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Limit {
    /// How high it is drawn.
    pub y: f64,
    /// The level it argues for.
    pub look: &'static str,
    /// Its word and value.
    pub word: String,
}

/// A word beside the chart.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Label {
    at: f64,
    text: String,
}

/// A limit before it is drawn.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Wish {
    pub value: f64,
    pub look: &'static str,
    pub word: String,
}

/// What a chart is drawn from.
pub(super) struct Drawing<'a> {
    pub points: &'a [Point],
    pub from: Timestamp,
    pub to: Timestamp,
    /// The time between two points.
    pub every: Duration,
    pub limits: &'a [Wish],
    /// Between which values the next one is expected.
    pub expected: Option<(f64, f64)>,
    /// Whether points are amounts, such as rain, that add up.
    pub adds_up: bool,
    /// Names a moment.
    pub name: &'a dyn Fn(Timestamp) -> String,
}

/// Size of a curve in a table, in its own units.
pub(super) const SPARK_WIDTH: f64 = 120.0;
pub(super) const SPARK_HEIGHT: f64 = 28.0;

impl Drawing<'_> {
    /// Only the curve, for a table; nothing of it without points.
    pub(super) fn spark(&self) -> Option<String> {
        let scale = self.scale()?;
        let (across, up) = (SPARK_WIDTH / WIDTH, SPARK_HEIGHT / HEIGHT);
        let mut path = String::new();
        for stretch in self.stretches() {
            for (at, point) in stretch.iter().enumerate() {
                let value = if self.adds_up { point.sum } else { point.mean };
                let (x, y) = (self.x(point.at) * across, scale.y(value) * up);
                let verb = if at == 0 { 'M' } else { 'L' };
                write!(path, "{verb}{x:.1} {y:.1}").expect("writing to text");
            }
            if stretch.len() == 1 {
                path.push_str("h1");
            }
        }
        Some(path)
    }

    /// The chart; nothing of it without points.
    pub(super) fn draw(&self) -> Option<Chart> {
        let scale = self.scale()?;
        let mut chart =
            Chart { values: scale.labels(), moments: self.moments(), ..Chart::default() };
        if self.adds_up {
            chart.bars = self.points.iter().map(|point| self.bar(&scale, point)).collect();
        } else {
            for stretch in self.stretches() {
                chart.line.push_str(&self.line(&scale, stretch));
                chart.band.push_str(&self.band(&scale, stretch));
            }
        }
        let within = self.limits.iter().filter(|wish| scale.holds(wish.value));
        chart.limits = within
            .map(|wish| Limit { y: scale.y(wish.value), look: wish.look, word: wish.word.clone() })
            .collect();
        chart.expected = self.expected.map(|expected| scale.strip(expected));
        Some(chart)
    }

    /// The same reaching on to when the movement is forecast to end, but no further on than it reaches back.
    pub(super) fn with_end(self, end: Option<[Timestamp; 3]>) -> Option<Chart> {
        let Some([earliest, at, latest]) = end.filter(|[_, at, _]| *at < self.beyond()) else {
            return self.draw();
        };
        let now = self.to;
        let to = latest.max(now).min(self.beyond());
        let reaching = Drawing { to, ..self };
        let mut chart = reaching.draw()?;
        let (x, until) = (reaching.x(earliest), reaching.x(latest));
        chart.now = Some(reaching.x(now).round());
        chart.end = Some(End { at: reaching.x(at), x, width: (until - x).max(1.0) });
        Some(chart)
    }

    fn beyond(&self) -> Timestamp {
        self.to.plus(self.to.since(self.from))
    }

    fn scale(&self) -> Option<Scale> {
        let value =
            |point: &Point| if self.adds_up { [0.0, point.sum] } else { [point.min, point.max] };
        let values = self.points.iter().flat_map(value).filter(|value| value.is_finite());
        let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
            (low.min(value), high.max(value))
        });
        (low <= high).then(|| {
            let (mut low, mut high) = (low, high);
            // a limit is worth seeing if it does not flatten what was measured
            let reach = (high - low).max(high.abs().max(low.abs()) * 0.02).max(1e-9);
            let limits = self.limits.iter().map(|wish| wish.value);
            let wished =
                limits.chain(self.expected.into_iter().flat_map(|(one, other)| [one, other]));
            let near = low - 4.0 * reach..=high + 4.0 * reach;
            for value in wished.filter(|value| near.contains(value)) {
                low = low.min(value);
                high = high.max(value);
            }
            Scale::around(low, high)
        })
    }

    fn x(&self, at: Timestamp) -> f64 {
        let whole = self.to.since(self.from).as_secs_f64().max(1e-9);
        (at.since(self.from).as_secs_f64() / whole).clamp(0.0, 1.0) * WIDTH
    }

    /// Points that are near enough to each other to be joined.
    fn stretches(&self) -> impl Iterator<Item = &[Point]> {
        let far = self.every * JOINED;
        self.points.chunk_by(move |one, next| next.at.since(one.at) <= far)
    }

    fn line(&self, scale: &Scale, stretch: &[Point]) -> String {
        let mut path = String::new();
        for (at, point) in stretch.iter().enumerate() {
            let (x, y) = (self.x(point.at), scale.y(point.mean));
            let verb = if at == 0 { 'M' } else { 'L' };
            write!(path, "{verb}{x:.1} {y:.1}").expect("writing to text");
        }
        if stretch.len() == 1 {
            path.push_str("h1"); // a point by itself is seen, too
        }
        path
    }

    fn band(&self, scale: &Scale, stretch: &[Point]) -> String {
        let mut path = String::new();
        let edge = |path: &mut String, verb, point: &Point, value| {
            let (x, y) = (self.x(point.at), scale.y(value));
            write!(path, "{verb}{x:.1} {y:.1}").expect("writing to text");
        };
        for (at, point) in stretch.iter().enumerate() {
            edge(&mut path, if at == 0 { 'M' } else { 'L' }, point, point.max);
        }
        for point in stretch.iter().rev() {
            edge(&mut path, 'L', point, point.min);
        }
        path.push('Z');
        path
    }

    fn bar(&self, scale: &Scale, point: &Point) -> Bar {
        let (x, end) = (self.x(point.at), self.x(point.at.plus(self.every)));
        let y = scale.y(point.sum);
        let tenths = |value: f64| (value * 10.0).round() / 10.0;
        Bar {
            x: tenths(x),
            y: tenths(y),
            width: tenths((end - x - 0.6).max(0.8)),
            height: tenths(scale.y(0.0) - y),
        }
    }

    fn moments(&self) -> Vec<Label> {
        let whole = self.to.since(self.from);
        (0..=LABELS as u32)
            .map(|part| {
                let at = self.from.plus(whole * part / LABELS as u32);
                Label { at: self.x(at).round(), text: (self.name)(at) }
            })
            .collect()
    }
}

/// Values to heights, between two round numbers.
struct Scale {
    low: f64,
    high: f64,
    step: f64,
}

impl Scale {
    fn around(low: f64, high: f64) -> Self {
        let reach = (high - low).max(low.abs().max(high.abs()) * 1e-3).max(1e-6);
        let rough = reach / (LABELS - 1) as f64;
        let ten = 10f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].map(|n| n * ten).into_iter().find(|step| *step >= rough);
        let step = step.unwrap_or(10.0 * ten);
        let (low, high) = ((low / step).floor() * step, (high / step).ceil() * step);
        Self { low, high: if high > low { high } else { low + step }, step }
    }

    fn holds(&self, value: f64) -> bool {
        (self.low..=self.high).contains(&value)
    }

    fn y(&self, value: f64) -> f64 {
        let part = ((value - self.low) / (self.high - self.low)).clamp(0.0, 1.0);
        ((1.0 - part) * HEIGHT * 10.0).round() / 10.0
    }

    /// From one value to another, beside the chart; cut off where it goes beyond.
    fn strip(&self, (low, high): (f64, f64)) -> Bar {
        let (bottom, top) = (self.y(low), self.y(high));
        let height = (bottom - top).max(1.0);
        Bar { x: WIDTH, y: top.min(HEIGHT - height), width: EXPECTED_WIDTH, height }
    }

    fn labels(&self) -> Vec<Label> {
        let count = ((self.high - self.low) / self.step).round() as usize;
        let digits = (-self.step.log10().floor()).clamp(0.0, 6.0) as usize;
        (0..=count)
            .map(|at| {
                let value = self.low + at as f64 * self.step;
                let value = if value.abs() < self.step / 2.0 { 0.0 } else { value };
                Label { at: self.y(value), text: format!("{value:.digits$}") }
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(minute: i64, min: f64, mean: f64, max: f64) -> Point {
        let at = Timestamp::from_secs(minute * 60);
        Point { at, count: 2, min, max, mean, sum: mean * 2.0, quality: 0 }
    }

    fn drawing<'a>(points: &'a [Point], limits: &'a [Wish], adds_up: bool) -> Drawing<'a> {
        Drawing {
            points,
            from: Timestamp::from_secs(0),
            to: Timestamp::from_secs(6_400),
            every: Duration::from_secs(60),
            limits,
            expected: None,
            adds_up,
            name: &|at| (at.nanos() / 1_000_000_000).to_string(),
        }
    }

    #[test]
    fn a_line_breaks_where_nothing_was_measured() {
        let points = [point(0, 0.0, 1.0, 2.0), point(1, 1.0, 2.0, 3.0), point(60, 2.0, 3.0, 4.0)];
        let chart = drawing(&points, &[], false).draw().unwrap();
        assert_eq!(chart.line, "M0.0 120.0L6.0 80.0M360.0 40.0h1");
        assert!(
            chart.band.starts_with("M0.0 80.0L6.0 40.0L6.0 120.0L0.0 160.0Z"),
            "{}",
            chart.band
        );
        let texts: Vec<_> = chart.values.iter().map(|label| label.text.as_str()).collect();
        assert_eq!(texts, ["0", "2", "4"]);
        let moments: Vec<_> = chart.moments.iter().map(|label| label.text.as_str()).collect();
        assert_eq!(moments, ["0", "1600", "3200", "4800", "6400"]);
    }

    #[test]
    fn a_limit_is_drawn_where_it_does_not_flatten_what_was_measured() {
        let points = [point(0, 1.0, 1.0, 1.0), point(1, 2.0, 2.0, 2.0)];
        let wish = |value, look| Wish { value, look, word: String::new() };
        let chart = drawing(&points, &[wish(4.0, "caution"), wish(400.0, "severe")], false).draw();
        let chart = chart.unwrap();
        assert_eq!(chart.limits.len(), 1, "{:?}", chart.limits);
        assert_eq!((chart.limits[0].look, chart.limits[0].y), ("caution", 0.0));
    }

    #[test]
    fn what_is_expected_stands_at_the_end_where_it_does_not_flatten_what_was_measured() {
        let points = [point(0, 1.0, 1.0, 1.0), point(1, 2.0, 2.0, 2.0)];
        for (expected, y, height) in
            [((1.0, 3.0), 0.0, 160.0), ((-1e9, 2.0), 0.0, 160.0), ((500.0, 501.0), 0.0, 1.0)]
        {
            let drawing = Drawing { expected: Some(expected), ..drawing(&points, &[], false) };
            let strip = drawing.draw().unwrap().expected;
            assert_eq!(
                strip,
                Some(Bar { x: WIDTH, y, width: EXPECTED_WIDTH, height }),
                "{expected:?}"
            );
        }
    }

    #[test]
    fn a_curve_for_a_table_is_the_same_curve_smaller() {
        let points = [point(0, 1.0, 1.0, 1.0), point(1, 2.0, 2.0, 2.0), point(60, 1.0, 1.0, 1.0)];
        let spark = drawing(&points, &[], false).spark().unwrap();
        assert_eq!(spark, "M0.0 28.0L1.1 0.0M67.5 28.0h1", "a gap stays a gap");
        assert_eq!(drawing(&[], &[], false).spark(), None);
    }

    #[test]
    fn amounts_stand_on_the_ground() {
        let points = [point(0, 0.0, 0.5, 1.0), point(10, 0.0, 2.0, 2.0)];
        let chart = drawing(&points, &[], true).draw().unwrap();
        assert!(chart.line.is_empty());
        assert_eq!(chart.bars[0], Bar { x: 0.0, y: 120.0, width: 5.4, height: 40.0 });
        assert_eq!((chart.bars[1].y, chart.bars[1].height), (0.0, 160.0));
    }

    #[test]
    fn nothing_measured_is_no_chart_and_one_value_is_one() {
        assert_eq!(drawing(&[], &[], false).draw(), None);
        let still = [point(0, 5.0, 5.0, 5.0)];
        let chart = drawing(&still, &[], false).draw().unwrap();
        assert!(chart.values.len() >= 2 && !chart.line.contains("NaN"), "{chart:?}");
        let wild = [point(0, f64::MIN, 0.0, f64::MAX), point(1, 1e-300, 1e-300, 1e-300)];
        let chart = drawing(&wild, &[], false).draw().unwrap();
        assert!(chart.values.len() < 20, "{chart:?}");
    }
}
