//! A straight line through points, and what it leaves uncertain.

/// Least squares of y = a + b·t.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Line {
    /// How many points.
    pub count: usize,
    /// Where it is at t = 0.
    pub intercept: f64,
    /// How fast it rises.
    pub slope: f64,
    /// The mean of t.
    pub mean: f64,
    /// The sum of squares of t about its mean.
    pub spread: f64,
    /// The scatter about the line: its standard deviation with n − 2 degrees of freedom.
    pub scatter: f64,
    /// The part of the variance that the line explains.
    pub explained: f64,
}

impl Line {
    /// The line through points; `None` with fewer than three, or without distance between them.
    pub fn through(points: impl Iterator<Item = (f64, f64)> + Clone) -> Option<Self> {
        let count = points.clone().count();
        let n = count as f64;
        let (sum_t, sum_y) =
            points.clone().fold((0.0, 0.0), |(sum_t, sum_y), (t, y)| (sum_t + t, sum_y + y));
        let (mean, mean_y) = (sum_t / n, sum_y / n);
        let (mut s_tt, mut s_ty, mut s_yy) = (0.0, 0.0, 0.0);
        for (t, y) in points {
            s_tt += (t - mean) * (t - mean);
            s_ty += (t - mean) * (y - mean_y);
            s_yy += (y - mean_y) * (y - mean_y);
        }
        if count < 3 || s_tt <= 0.0 {
            return None;
        }
        let slope = s_ty / s_tt;
        let residual = (s_yy - slope * s_ty).max(0.0);
        Some(Self {
            count,
            intercept: mean_y - slope * mean,
            slope,
            mean,
            spread: s_tt,
            scatter: libm::sqrt(residual / (n - 2.0)),
            explained: if s_yy > 0.0 { 1.0 - residual / s_yy } else { 0.0 },
        })
    }

    /// The slope in its own standard errors.
    pub fn significance(&self) -> f64 {
        if self.slope == 0.0 {
            return 0.0;
        }
        self.slope.abs() * libm::sqrt(self.spread) / self.scatter
    }

    /// Student's factor for this many points.
    pub fn student(&self) -> f64 {
        student(self.count - 2)
    }

    /// Where it crosses zero, and Fieller's 95 % interval of that; no interval where it is unbounded (g ≥ 1).
    pub fn zero(&self) -> (f64, Option<(f64, f64)>) {
        let at = -self.intercept / self.slope;
        let away = at - self.mean;
        let factor = self.student() * self.scatter / self.slope.abs();
        let g = factor * factor / self.spread;
        if g >= 1.0 || !at.is_finite() {
            return (at, None);
        }
        let inner = (1.0 - g) / self.count as f64 + away * away / self.spread;
        let half = factor * libm::sqrt(inner);
        (at, Some((self.mean + (away - half) / (1.0 - g), self.mean + (away + half) / (1.0 - g))))
    }
}

/// Student's 0.975 quantile, by degrees of freedom from 1.
const STUDENT: [f64; 30] = [
    12.706_205, 4.302_653, 3.182_446, 2.776_445, 2.570_582, 2.446_912, 2.364_624, 2.306_004,
    2.262_157, 2.228_139, 2.200_985, 2.178_813, 2.160_369, 2.144_787, 2.131_450, 2.119_905,
    2.109_816, 2.100_922, 2.093_024, 2.085_963, 2.079_614, 2.073_873, 2.068_658, 2.063_899,
    2.059_539, 2.055_529, 2.051_831, 2.048_407, 2.045_230, 2.042_272,
];

/// Student's 0.975 quantile; beyond 30 degrees of freedom by the expansion about the normal one.
fn student(freedom: usize) -> f64 {
    if let Some(quantile) = STUDENT.get(freedom.max(1) - 1) {
        return *quantile;
    }
    let (z, f) = (1.959_963_984_540_054_f64, freedom as f64);
    let z3 = z * z * z;
    let (z5, z7) = (z3 * z * z, z3 * z3 * z);
    z + (z3 + z) / (4.0 * f)
        + (5.0 * z5 + 16.0 * z3 + 3.0 * z) / (96.0 * f * f)
        + (3.0 * z7 + 19.0 * z5 + 17.0 * z3 - 15.0 * z) / (384.0 * f * f * f)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(got: f64, expected: f64, tolerance: f64) {
        assert!((got - expected).abs() <= tolerance, "{got} is not {expected}");
    }

    #[test]
    fn vector_c2_zero_of_a_noisy_line_with_fiellers_interval() {
        let inverse = [1.98, 1.83, 1.57, 1.42, 1.18, 1.03, 0.79, 0.60];
        let points = inverse.iter().enumerate().map(|(i, y)| (4.0 * i as f64, *y));
        let line = Line::through(points).unwrap();
        near(line.intercept, 1.996_666_7, 1e-7);
        near(line.slope, -0.049_761_9, 1e-7);
        near(line.explained, 0.997_624_8, 1e-7);
        let (at, interval) = line.zero();
        near(at, 40.124_402, 1e-6);
        let (low, high) = interval.unwrap();
        near(low, 38.834_106, 2e-6);
        near(high, 41.539_131, 2e-6);
        let away = at - line.mean;
        let se = line.scatter / line.slope.abs()
            * libm::sqrt(1.0 / line.count as f64 + away * away / line.spread);
        near(se, 0.551_501, 1e-6);
    }

    #[test]
    fn a_line_that_may_be_level_has_no_interval() {
        let line =
            Line::through([(0.0, 1.0), (1.0, 0.5), (2.0, 1.1), (3.0, 0.7)].into_iter()).unwrap();
        assert_eq!(line.zero().1, None);
        assert_eq!(Line::through([(1.0, 1.0), (1.0, 2.0), (1.0, 3.0)].into_iter()), None);
        assert_eq!(Line::through([(1.0, 1.0)].into_iter()), None);
    }

    #[test]
    fn students_factor_goes_on_smoothly_beyond_its_table() {
        near(student(31), 2.039_513, 2e-5);
        near(student(60), 2.000_298, 2e-5);
        assert!(student(30) > student(31));
    }
}
