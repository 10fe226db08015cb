//! Pictures of what went wrong: the series, what was to be found, and when the detector spoke.

use std::fmt::Write;

use reading::Timestamp;

use crate::series::Series;

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 150.0;
const TOP: f64 = 22.0;
/// So many columns, each drawn from its lowest to its highest value.
const COLUMNS: usize = 300;

/// What is drawn beside the series.
pub struct Marks<'a> {
    /// The line above the picture.
    pub title: &'a str,
    /// What was to be found.
    pub sought: &'a [(Timestamp, Timestamp)],
    /// When the detector spoke.
    pub alerts: &'a [Timestamp],
    /// What the picture is about.
    pub subject: Timestamp,
}

/// The picture as SVG, readable without a style sheet, in light and dark.
pub fn draw(series: &Series, marks: &Marks<'_>) -> String {
    let rows = &series.rows;
    let (Some(first), Some(last)) = (rows.first(), rows.last()) else { return String::new() };
    let span = last.0.since(first.0).as_secs_f64().max(1e-9);
    let x = |at: Timestamp| at.since(first.0).as_secs_f64() / span * WIDTH;
    let values = rows.iter().map(|row| row.1);
    let low = values.clone().fold(f64::INFINITY, f64::min);
    let high = values.fold(f64::NEG_INFINITY, f64::max);
    let y =
        |value: f64| TOP + (HEIGHT - 8.0) * (1.0 - (value - low) / (high - low).max(1e-12)) + 4.0;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {}\" font-family=\"sans-serif\" \
         font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n<text x=\"4\" y=\"15\">{}</text>\n",
        TOP + HEIGHT,
        marks.title
    );
    let bottom = TOP + HEIGHT;
    for (from, to) in marks.sought {
        let (left, width) = (x(*from), (x(*to) - x(*from)).max(1.0));
        let _ = writeln!(
            svg,
            "<rect x=\"{left:.1}\" y=\"{TOP}\" width=\"{width:.1}\" height=\"{HEIGHT}\" fill=\"#fc6\" opacity=\".5\"/>"
        );
    }
    let mut path = String::new();
    for column in rows.chunks(rows.len().div_ceil(COLUMNS).max(1)) {
        let values = column.iter().map(|row| row.1);
        let lowest = values.clone().fold(f64::INFINITY, f64::min);
        let highest = values.fold(f64::NEG_INFINITY, f64::max);
        let at = x(column[0].0);
        let command = if path.is_empty() { 'M' } else { 'L' };
        let _ = write!(path, "{command}{at:.0} {:.0}", y(lowest));
        if y(lowest) - y(highest) >= 1.0 {
            let _ = write!(path, "V{:.0}", y(highest));
        }
    }
    let _ = writeln!(svg, "<path d=\"{path}\" fill=\"none\" stroke=\"#357\"/>");
    for alert in marks.alerts {
        let at = x(*alert);
        let _ = writeln!(
            svg,
            "<path d=\"M{at:.1} {TOP}V{bottom}\" stroke=\"#c22\" stroke-dasharray=\"3 3\"/>"
        );
    }
    let at = x(marks.subject);
    let _ = writeln!(svg, "<path d=\"M{at:.1} {bottom}l-5 -9h10z\" fill=\"#c22\"/>");
    svg.push_str("</svg>\n");
    svg
}
