//! One value of a report: how raw samples become one number, and in which steps it is shown.

/// How the samples between two reports become one value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Merge {
    /// Their mean: movement, pressure, temperature.
    Mean,
    /// Their sum: tips of a bucket.
    Sum,
    /// The largest: vibration.
    Peak,
}

/// One instrument's value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Channel {
    /// How samples become one value.
    pub merge: Merge,
    /// The smallest difference it shows; above zero.
    pub step: f64,
    /// What it can show, least and most.
    pub range: (f64, f64),
    /// A change from one report to the next that puts the box into alert mode.
    pub alarming: Option<f64>,
}

/// What was sampled since the last report.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Samples {
    count: u32,
    sum: f64,
    peak: f64,
}

impl Samples {
    pub(crate) fn take(&mut self, value: f64) {
        self.peak = if self.count == 0 { value } else { self.peak.max(value) };
        self.count += 1;
        self.sum += value;
    }

    /// The value of the report, and nothing sampled from here on. `None` if there was no sample.
    pub(crate) fn close(&mut self, channel: &Channel) -> Option<f64> {
        let Self { count, sum, peak } = core::mem::take(self);
        let value = match channel.merge {
            Merge::Mean => sum / f64::from(count),
            Merge::Sum => sum,
            Merge::Peak => peak,
        };
        (count > 0).then(|| channel.show(value))
    }
}

impl Channel {
    /// The value in whole steps, inside the range.
    pub fn show(&self, value: f64) -> f64 {
        let (low, high) = self.range;
        let inside = if value < low {
            low
        } else if value > high {
            high
        } else {
            value
        };
        // dividing by the inverse gives the double nearest the decimal, so that it prints short
        let per_unit = round(1.0 / self.step);
        let shown = if per_unit >= 1.0 {
            round(inside * per_unit) / per_unit
        } else {
            round(inside / self.step) * self.step
        };
        // not -0.0: it prints differently and means nothing
        shown + 0.0
    }
}

/// To the nearest whole number, halves away from zero: `core` has no `round` on older toolchains of small chips.
fn round(value: f64) -> f64 {
    const WHOLE: f64 = 4_503_599_627_370_496.0;
    if !(-WHOLE..WHOLE).contains(&value) {
        return value;
    }
    let whole = value as i64;
    let rest = value - whole as f64;
    let up = if rest >= 0.5 {
        1
    } else if rest <= -0.5 {
        -1
    } else {
        0
    };
    (whole + up) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn channel(merge: Merge, step: f64) -> Channel {
        Channel { merge, step, range: (-15.0, 15.0), alarming: None }
    }

    #[test]
    fn values_are_shown_in_whole_steps_inside_the_range() {
        for (step, value, shown) in [
            (0.001, 0.123_49, 0.123),
            (0.2, 0.71, 0.8),
            (0.1, -0.04, 0.0),
            (0.001, 99.0, 15.0),
            (5.0, 7.6, 10.0),
        ] {
            let got = channel(Merge::Mean, step).show(value);
            assert_eq!((got, got.is_sign_negative()), (shown, false), "{value} in steps of {step}");
        }
        assert_eq!((round(2.5), round(-2.5), round(1e300)), (3.0, -3.0, 1e300));
    }

    #[test]
    fn samples_become_one_value_as_the_instrument_asks() {
        for (merge, value) in [(Merge::Mean, 2.0), (Merge::Sum, 6.0), (Merge::Peak, 3.0)] {
            let mut samples = Samples::default();
            [1.0, 3.0, 2.0].into_iter().for_each(|value| samples.take(value));
            assert_eq!(samples.close(&channel(merge, 0.1)), Some(value));
            assert_eq!(samples.close(&channel(merge, 0.1)), None, "nothing since");
        }
    }
}
