//! A chart of the deciding series as SVG: the last day before the decision, with the moment that decided.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use alerting::{Alert, Evidence};
use reading::{SeriesName, Timestamp};

use super::escaped;
use crate::channel::cap::zoned;

/// What was measured lately: moments and values of a series from a moment to another, in order, in its base unit. Waits
/// for a disk, and knows nothing of what nobody kept.
pub type Past = Arc<dyn Fn(&str, Timestamp, Timestamp) -> Vec<(Timestamp, f64)> + Send + Sync>;

/// How long before the decision it begins.
const REACH: Duration = Duration::from_secs(24 * 3_600);

/// Size of the picture, and the room around what is drawn.
const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 240.0;
const MARGIN: f64 = 44.0;

/// The evidence that decided: of the highest level, and of that the newest.
fn deciding(alert: &Alert) -> Option<&Evidence> {
    alert.evidence.iter().max_by_key(|evidence| (evidence.level, evidence.measured_at))
}

/// The chart of an alert; nothing where nothing was measured.
pub fn chart(alert: &Alert, past: &Past) -> Option<String> {
    let evidence = deciding(alert)?;
    let name: SeriesName = evidence.series.parse().ok()?;
    let unit = name.quantity.base_unit().symbol();
    let to = evidence.measured_at;
    let from = to.minus(REACH);
    let mut points = past(&evidence.series, from, to.plus(Duration::from_secs(1)));
    // What decided may not be kept yet; a rate or a sum is in another unit than what was measured.
    let same_unit = evidence.unit == unit;
    if same_unit && points.last().is_none_or(|(at, _)| *at < to) {
        points.push((to, evidence.value));
    }
    points.retain(|(at, value)| value.is_finite() && (from..=to).contains(at));
    (!points.is_empty()).then(|| draw(alert, evidence, unit, from, to, &points))
}

fn draw(
    alert: &Alert,
    evidence: &Evidence,
    unit: &str,
    from: Timestamp,
    to: Timestamp,
    points: &[(Timestamp, f64)],
) -> String {
    let values = points.iter().map(|(_, value)| *value);
    let (low, high) =
        values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)));
    let reach = if high > low { high - low } else { high.abs().max(1.0) };
    let x = |at: Timestamp| {
        let part = at.since(from).as_secs_f64() / REACH.as_secs_f64();
        MARGIN + part.clamp(0.0, 1.0) * (WIDTH - 2.0 * MARGIN)
    };
    let y = |value: f64| {
        let part = ((value - low) / reach).clamp(0.0, 1.0);
        HEIGHT - MARGIN - part * (HEIGHT - 2.0 * MARGIN)
    };
    let mut path = String::new();
    for (at, (moment, value)) in points.iter().enumerate() {
        let verb = if at == 0 { 'M' } else { 'L' };
        let _ = write!(path, "{verb}{:.1} {:.1}", x(*moment), y(*value));
    }
    if points.len() == 1 {
        path.push_str("h1"); // a point by itself is seen, too
    }
    let (left, right, top, ground) = (MARGIN, WIDTH - MARGIN, MARGIN, HEIGHT - MARGIN);
    let clock = |at| escaped(&zoned(at, &alert.site.zone).replace('T', " "));
    let number = |value: f64| escaped(&format!("{value:.4} {unit}"));
    let series = escaped(&evidence.series);
    let why = escaped(&evidence.text.ko.chars().take(80).collect::<String>());
    let decided = x(to);
    format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12"><rect width="{WIDTH}" height="{HEIGHT}" fill="#FAFAFA"/><text x="{left}" y="16" font-size="14">{series}</text><text x="{left}" y="34">{why}</text><path d="M{left} {top}V{ground}H{right}" stroke="#616161" fill="none"/><path d="M{decided:.1} {top}V{ground}" stroke="#C62828" stroke-dasharray="4 3"/><path d="{path}" stroke="#1565C0" stroke-width="2" fill="none"/><text x="{left}" y="{below}">{begin}</text><text x="{right}" y="{below}" text-anchor="end">{end}</text><text x="{right}" y="{top}" text-anchor="end">{most}</text><text x="{right}" y="{ground}" dy="-4" text-anchor="end">{least}</text></svg>
"##,
        below = HEIGHT - 16.0,
        begin = clock(from),
        end = clock(to),
        most = number(high),
        least = number(low),
    )
}

#[cfg(test)]
mod tests {
    use alerting::Level;

    use super::*;
    use crate::sample::alert;

    #[test]
    fn the_last_day_of_what_decided_is_drawn_in_its_own_unit() {
        let told = alert(1, Level::Severe);
        let decided = told.evidence[0].measured_at;
        let past: Past = Arc::new(move |series, from, to| {
            assert_eq!(series, "cut-12/box-1/tilt-1/tilt-x");
            assert_eq!(to.since(from), REACH + Duration::from_secs(1));
            let hour = |n: u64| (from.plus(Duration::from_secs(n * 3_600)), n as f64 / 10.0);
            (0..24).map(hour).chain([(decided, f64::NAN)]).collect()
        });
        let svg = chart(&told, &past).unwrap();
        assert_eq!(svg.matches('L').count(), 23, "a rate is not mixed with what was measured");
        assert!(svg.contains("2.3000 deg") && svg.contains("2026-07-14 15:00:01+09:00"), "{svg}");
        let mut same = told;
        (same.evidence[0].unit, same.evidence[0].text.ko) = ("deg".into(), "<&>\"".into());
        let svg = chart(&same, &past).unwrap();
        assert!(svg.contains("&lt;&amp;&gt;&quot;") && !svg.contains("NaN"), "{svg}");
    }

    #[test]
    fn without_a_past_what_decided_stands_alone_and_without_that_nothing() {
        let nobody: Past = Arc::new(|_, _, _| vec![]);
        let mut told = alert(1, Level::Severe);
        assert_eq!(chart(&told, &nobody), None, "the rate is no reading");
        told.evidence[0].unit = "deg".into();
        assert!(chart(&told, &nobody).unwrap().contains("h1"));
        told.evidence[0].series = "a fault".into();
        assert_eq!(chart(&told, &nobody), None);
        told.evidence.clear();
        assert_eq!(chart(&told, &nobody), None);
    }
}
