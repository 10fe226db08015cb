//! A site of a scenario as SVG: what is true, what its instruments said, and which levels are expected when.

use std::collections::BTreeMap;
use std::fmt::Write;

use reading::codec::{Message, decode};
use reading::frame::Frame;
use reading::{Quantity, Timestamp};
use serde::Deserialize;

use crate::course::{self, Column};
use crate::link::memory::World;
use crate::scenario::{Scenario, SitePlan};

const WIDTH: f64 = 960.0;
const PANEL: f64 = 130.0;
const LEFT: f64 = 90.0;
const RIGHT: f64 = 20.0;
const TOP: f64 = 60.0;
const COLUMNS: usize = 480;
/// More readings of a series are thinned out: a dot more would not be seen.
const DOTS_MAX: usize = 1_500;

/// The colours people know the levels by.
const LEVELS: [(&str, &str); 4] = [
    ("attention", "#1565c0"),
    ("caution", "#f9a825"),
    ("warning", "#ef6c00"),
    ("severe", "#c62828"),
];

/// A level that is expected of a site, as `bongsu replay --expect` reads it.
#[derive(Clone, Debug, Deserialize)]
struct Due {
    site: String,
    level: String,
    from: Option<String>,
    by: Option<String>,
}

#[derive(Default, Deserialize)]
struct Timeline {
    #[serde(default)]
    level: Vec<Due>,
}

/// One series as its station told it.
struct Told {
    quantity: Quantity,
    name: String,
    values: Vec<(Timestamp, f64)>,
}

/// The picture of one site; `expected` is the text of a timeline, where there is one.
pub fn svg(scenario: &Scenario, site: &SitePlan, seed: u64, expected: Option<&str>) -> String {
    let course = course::of(scenario, site, seed, COLUMNS);
    let told = told(scenario, site, seed);
    let panels = 1 + told.len();
    let height = TOP + PANEL * panels as f64 + 40.0;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"{WIDTH}\" height=\"{height}\" fill=\"#ffffff\"/>\n\
         <text x=\"{LEFT}\" y=\"24\" font-size=\"16\">{} / {} — {}</text>\n",
        escaped(&scenario.title.ko),
        escaped(&scenario.title.en),
        site.id
    );
    let canvas = Canvas { scenario, height };
    canvas.legend(&mut out);
    canvas.rain(&mut out, &course);
    for (number, series) in told.iter().enumerate() {
        canvas.series(&mut out, TOP + PANEL * (number as f64 + 1.0), series, &course);
    }
    canvas.levels(&mut out, site, expected);
    canvas.hours(&mut out);
    out + "</svg>\n"
}

/// What the site's stations say, faults and losses and all, by series.
fn told(scenario: &Scenario, site: &SitePlan, seed: u64) -> Vec<Told> {
    let mut series: BTreeMap<(String, Quantity), Vec<(Timestamp, f64)>> = BTreeMap::new();
    let alone = scenario.clone().with_site(site);
    for message in World::new(&alone, seed).until(alone.end()) {
        let frame = Frame {
            source: "plot",
            topic: &message.topic,
            payload: &message.payload,
            received_at: message.sent_at,
            retained: message.retain,
        };
        let Ok(Message::Report(report)) = decode(&frame) else { continue };
        for claim in &report.claims {
            let Some(quantity) = Quantity::parse(&claim.quantity) else { continue };
            let name = format!("{}/{}/{}", report.station, claim.sensor, claim.quantity);
            let at = claim.at.or(report.at).unwrap_or(message.sent_at);
            series.entry((name, quantity)).or_default().push((at, claim.value));
        }
    }
    let told = |((name, quantity), values)| Told { quantity, name, values };
    series.into_iter().filter(|((_, quantity), _)| *quantity != Quantity::Rain).map(told).collect()
}

struct Canvas<'s> {
    scenario: &'s Scenario,
    height: f64,
}

impl Canvas<'_> {
    fn x(&self, at: Timestamp) -> f64 {
        let part = at.hours_since(self.scenario.start) / self.scenario.duration_h.max(1e-9);
        LEFT + part.clamp(0.0, 1.0) * (WIDTH - LEFT - RIGHT)
    }

    fn legend(&self, out: &mut String) {
        let dots = "<circle cx=\"100\" cy=\"42\" r=\"2\" fill=\"#546e7a\"/><text x=\"108\" y=\"46\">readings (관측)</text>";
        let line = "<path d=\"M240 42h24\" stroke=\"#000000\" stroke-width=\"1.5\"/><text x=\"270\" y=\"46\">truth (실제)</text>";
        writeln!(out, "{dots}{line}").ok();
        for (number, (level, colour)) in LEVELS.iter().enumerate() {
            let x = 380.0 + 110.0 * number as f64;
            let end = x + 24.0;
            writeln!(out, "<path d=\"M{x} 42H{end}\" stroke=\"{colour}\" stroke-width=\"3\"/><text x=\"{}\" y=\"46\">{level}</text>", end + 6.0).ok();
        }
    }

    fn frame(&self, out: &mut String, top: f64, name: &str, low: f64, high: f64) {
        let (bottom, right) = (top + PANEL - 24.0, WIDTH - RIGHT);
        writeln!(
            out,
            "<path d=\"M{LEFT} {top}V{bottom}H{right}\" fill=\"none\" stroke=\"#9e9e9e\"/>"
        )
        .ok();
        writeln!(
            out,
            "<text x=\"{}\" y=\"{}\" fill=\"#424242\">{}</text>",
            LEFT + 6.0,
            top + 12.0,
            escaped(name)
        )
        .ok();
        for (value, y) in [(high, top + 10.0), (low, bottom)] {
            writeln!(
                out,
                "<text x=\"{}\" y=\"{y}\" text-anchor=\"end\">{}</text>",
                LEFT - 6.0,
                short(value)
            )
            .ok();
        }
    }

    fn rain(&self, out: &mut String, course: &[Column]) {
        let hours = self.scenario.duration_h / course.len() as f64;
        let rates: Vec<f64> =
            course.iter().map(|column| column.rain_mm / hours.max(1e-9)).collect();
        let most = rates.iter().copied().fold(1.0, f64::max);
        self.frame(out, TOP, "rain (강우), mm/h", 0.0, most);
        let width = (WIDTH - LEFT - RIGHT) / course.len() as f64;
        let depth = PANEL - 24.0;
        for (column, rate) in course.iter().zip(&rates).filter(|(_, rate)| **rate > 0.0) {
            let (x, tall) = (self.x(column.at) - width, rate / most * depth);
            writeln!(out, "<rect x=\"{x:.2}\" y=\"{:.2}\" width=\"{width:.2}\" height=\"{tall:.2}\" fill=\"#64b5f6\"/>", TOP + depth - tall).ok();
        }
    }

    fn series(&self, out: &mut String, top: f64, series: &Told, course: &[Column]) {
        let truth: Vec<f64> = course
            .iter()
            .map(|column| match series.quantity {
                Quantity::VibrationVelocity => column.shaking_mm_per_s,
                quantity => column.truth.value(quantity, 1.0),
            })
            .collect();
        // where the zero of an instrument stands anywhere, the truth is drawn from its first reading on
        let zero = series
            .values
            .first()
            .zip(truth.first())
            .map_or(0.0, |((_, value), truth)| value - truth);
        let zero = if zero.abs() > self.span(&truth) * 0.05 { zero } else { 0.0 };
        let all = || {
            series
                .values
                .iter()
                .map(|(_, value)| *value)
                .chain(truth.iter().map(|value| value + zero))
        };
        let (low, high) = (all().fold(f64::MAX, f64::min), all().fold(f64::MIN, f64::max));
        let (low, high) = if high - low < 1e-9 { (low - 0.5, high + 0.5) } else { (low, high) };
        let y = |value: f64| top + (PANEL - 24.0) * (1.0 - (value - low) / (high - low));
        self.frame(
            out,
            top,
            &format!("{}, {}", series.name, series.quantity.base_unit().symbol()),
            low,
            high,
        );
        let every = series.values.len().div_ceil(DOTS_MAX).max(1);
        for (at, value) in series.values.iter().step_by(every) {
            writeln!(
                out,
                "<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"1.2\" fill=\"#546e7a\"/>",
                self.x(*at),
                y(*value)
            )
            .ok();
        }
        let points = course
            .iter()
            .zip(&truth)
            .map(|(column, value)| format!("{:.1},{:.1}", self.x(column.at), y(value + zero)));
        writeln!(
            out,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"#000000\"/>",
            points.collect::<Vec<_>>().join(" ")
        )
        .ok();
    }

    fn span(&self, values: &[f64]) -> f64 {
        values.iter().copied().fold(f64::MIN, f64::max)
            - values.iter().copied().fold(f64::MAX, f64::min)
    }

    /// From when to when a level is expected, as a band, with a line where it is late.
    fn levels(&self, out: &mut String, site: &SitePlan, expected: Option<&str>) {
        let timeline: Timeline =
            expected.and_then(|text| toml::from_str(text).ok()).unwrap_or_default();
        let moment =
            |text: &Option<String>| text.as_deref().and_then(|text| Timestamp::parse(text).ok());
        for due in timeline.level.iter().filter(|due| due.site == site.id.as_str()) {
            let colour = LEVELS
                .iter()
                .find(|(level, _)| *level == due.level)
                .map_or("#424242", |(_, colour)| colour);
            let from = self.x(moment(&due.from).unwrap_or(self.scenario.start));
            let by = self.x(moment(&due.by).unwrap_or(self.scenario.end()));
            let bottom = self.height - 64.0;
            writeln!(out, "<rect x=\"{from:.1}\" y=\"{TOP}\" width=\"{:.1}\" height=\"{:.1}\" fill=\"{colour}\" opacity=\"0.12\"/>", (by - from).max(1.0), bottom - TOP).ok();
            writeln!(out, "<path d=\"M{by:.1} {TOP}V{bottom:.1}\" stroke=\"{colour}\" stroke-dasharray=\"4 3\"/>").ok();
        }
    }

    fn hours(&self, out: &mut String) {
        let y = self.height - 24.0;
        for tick in 0..=6 {
            let hours = self.scenario.duration_h * f64::from(tick) / 6.0;
            let x = LEFT + (WIDTH - LEFT - RIGHT) * f64::from(tick) / 6.0;
            let label = if self.scenario.duration_h > 96.0 {
                format!("{} d", short(hours / 24.0))
            } else {
                format!("{} h", short(hours))
            };
            writeln!(out, "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"middle\">{label}</text>")
                .ok();
        }
    }
}

fn short(value: f64) -> String {
    let places = if value.abs() >= 100.0 {
        0
    } else if value.abs() >= 1.0 {
        1
    } else {
        3
    };
    let text = format!("{value:.places$}");
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plot_shows_truth_readings_and_what_is_expected() {
        let scenario = Scenario::load("slope-failure").unwrap();
        let expected = "[[level]]\nsite = \"cut-slope\"\nlevel = \"severe\"\nby = \"2026-07-15T00:00:00+09:00\"\n";
        let text = svg(&scenario, &scenario.sites()[0], 1, Some(expected));
        assert!(text.starts_with("<svg ") && text.ends_with("</svg>\n"));
        for part in [
            "post-1/tilt-1/tilt-x, deg",
            "weather/pore-1/pore-pressure, kPa",
            "rain (강우)",
            "30 h",
        ] {
            assert!(text.contains(part), "no {part}");
        }
        assert_eq!(
            text.matches("<polyline").count(),
            5,
            "a line of truth in each panel of instruments"
        );
        assert!(text.matches("<circle").count() > 500, "dots");
        // hour 24 of 36 in a drawing from 90 to 940
        assert!(text.contains("<path d=\"M656.7 60V"), "the line where severe is late");
        assert!(!text.contains("NaN"));
    }

    #[test]
    fn numbers_are_short() {
        for (value, text) in
            [(0.0, "0"), (1234.5, "1234"), (12.0, "12"), (0.05, "0.05"), (-3.25, "-3.2")]
        {
            assert_eq!(short(value), text);
        }
    }
}
