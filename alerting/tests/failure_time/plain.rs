//! Plain inverse velocity, as it is often done: a line through the last twelve 1/v, each over three readings.

use crate::rows::Row;

const WINDOW: usize = 12;
const SMOOTH: usize = 3;

/// By least squares.
pub fn least_squares(rows: &[(f64, f64)]) -> Vec<Row> {
    through(rows, |points| {
        let n = points.len() as f64;
        let (mt, my) = points.iter().fold((0.0, 0.0), |(a, b), (t, y)| (a + t / n, b + y / n));
        let slope = points.iter().map(|(t, y)| (t - mt) * (y - my)).sum::<f64>()
            / points.iter().map(|(t, _)| (t - mt) * (t - mt)).sum::<f64>();
        (slope, my - slope * mt)
    })
}

/// By the median of all slopes.
pub fn theil_sen(rows: &[(f64, f64)]) -> Vec<Row> {
    through(rows, |points| {
        let mut slopes = Vec::new();
        for (i, (t, y)) in points.iter().enumerate() {
            let later = points[i + 1..].iter().filter(|(other, _)| other > t);
            slopes.extend(later.map(|(other, above)| (above - y) / (other - t)));
        }
        let slope = crate::median(slopes);
        (slope, crate::median(points.iter().map(|(t, y)| y - slope * t).collect()))
    })
}

fn through(rows: &[(f64, f64)], line: impl Fn(&[(f64, f64)]) -> (f64, f64)) -> Vec<Row> {
    let mut inverse: Vec<(f64, f64)> = Vec::new();
    let mut out = Vec::new();
    for (k, (t, value)) in rows.iter().enumerate() {
        if let Some((from, before)) = k.checked_sub(SMOOTH).map(|k| rows[k])
            && *t > from
            && *value > before
        {
            inverse.push(((t + from) / 2.0, (t - from) / (value - before)));
        }
        let mut forecast = None;
        if inverse.len() >= WINDOW {
            let last = &inverse[inverse.len() - WINDOW..];
            let origin = last[0].0;
            let points: Vec<_> = last.iter().map(|(t, y)| (t - origin, *y)).collect();
            let (slope, intercept) = line(&points);
            let at = origin - intercept / slope;
            let likely = slope < 0.0 && at > *t && at < t + 20.0 * (t - rows[0].0);
            forecast = likely.then_some([at, f64::NAN, f64::NAN]);
        }
        out.push(Row { forecast, fitted_from: f64::NAN });
    }
    out
}
