//! A map of the endangered area as SVG: its outline, the site, a scale, north. It needs no tiles and no network.

use std::fmt::Write as _;

use alerting::SiteFacts;

use super::escaped;

/// Metres of one degree of latitude.
const METRES_PER_DEGREE: f64 = 111_320.0;

/// Width and height of the picture.
const SIZE: f64 = 480.0;

/// Room around what is drawn.
const MARGIN: f64 = 40.0;

/// Lengths a scale may show, metres.
const SCALES: [f64; 10] =
    [10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1_000.0, 2_000.0, 5_000.0, 10_000.0];

/// The map of a site, north up.
pub fn map(site: &SiteFacts) -> String {
    // Metres east and north of the site; near enough over a few kilometres.
    let (latitude, longitude) = site.location;
    let narrowing = latitude.to_radians().cos();
    let metres = |(lat, lon): (f64, f64)| {
        ((lon - longitude) * METRES_PER_DEGREE * narrowing, (lat - latitude) * METRES_PER_DEGREE)
    };
    let ring: Vec<(f64, f64)> = site.polygon.iter().copied().map(metres).collect();
    let circle = site.radius_km * 1_000.0;
    let farthest = ring.iter().map(|(east, north)| east.abs().max(north.abs()));
    let reach = if ring.is_empty() { circle } else { farthest.fold(0.0, f64::max) };
    let reach = if reach.is_finite() && reach > 0.0 { reach } else { 100.0 };
    let scale = (SIZE / 2.0 - MARGIN) / reach;
    let place = |(east, north): (f64, f64)| (SIZE / 2.0 + east * scale, SIZE / 2.0 - north * scale);
    let area = if ring.is_empty() {
        format!(r#"<circle cx="{0}" cy="{0}" r="{1:.1}" {AREA}/>"#, SIZE / 2.0, reach * scale)
    } else {
        let points: Vec<String> =
            ring.into_iter().map(place).map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
        format!(r#"<polygon points="{}" {AREA}/>"#, points.join(" "))
    };
    let mut svg = format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" width="{SIZE}" height="{SIZE}" viewBox="0 0 {SIZE} {SIZE}" font-family="sans-serif" font-size="14"><rect width="{SIZE}" height="{SIZE}" fill="#FAFAFA"/>{area}<circle cx="{0}" cy="{0}" r="5" fill="#212121"/>"##,
        SIZE / 2.0
    );
    let _ = write!(svg, "{}{}", ruler(scale), text(site));
    svg.push_str("</svg>\n");
    svg
}

const AREA: &str = r##"fill="#C62828" fill-opacity="0.25" stroke="#C62828" stroke-width="2""##;

/// A bar of a round length, and where north is.
fn ruler(scale: f64) -> String {
    let fits = |metres: &&f64| *metres * scale <= SIZE / 3.0;
    let metres = SCALES.iter().rev().find(fits).copied().unwrap_or(SCALES[0]);
    let label =
        if metres >= 1_000.0 { format!("{} km", metres / 1_000.0) } else { format!("{metres} m") };
    let (y, end) = (SIZE - 14.0, MARGIN + metres * scale);
    format!(
        r##"<path d="M{MARGIN} {y}H{end:.1}" stroke="#212121" stroke-width="3"/><text x="{:.1}" y="{y}">{label}</text><path d="M{n} 34V14l-5 9m5 -9l5 9" stroke="#212121" fill="none" stroke-width="2"/><text x="{n}" y="50" text-anchor="middle">N</text>"##,
        end + 8.0,
        n = SIZE - 24.0,
    )
}

fn text(site: &SiteFacts) -> String {
    let (latitude, longitude) = site.location;
    let name: String = site.name.ko.chars().filter(|c| !c.is_control()).take(40).collect();
    let name = escaped(&name);
    format!(
        r#"<text x="12" y="22">{name}</text><text x="12" y="40" font-size="11">{latitude:.5}, {longitude:.5}</text>"#
    )
}
