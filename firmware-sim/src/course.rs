//! What is true at a site over the whole of a scenario, in as many columns as are asked for: for pictures.

use core::time::Duration;

use reading::Timestamp;

use crate::physics::{Site, Truth};
use crate::scenario::{Scenario, SitePlan};

/// What is true in one column of a picture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Column {
    /// Its end.
    pub at: Timestamp,
    /// Rain that fell in it, millimetres.
    pub rain_mm: f64,
    /// The strongest shaking in it, millimetres a second.
    pub shaking_mm_per_s: f64,
    /// What is true at its end.
    pub truth: Truth,
}

/// The truth of one site from the start of a scenario to its end.
pub fn of(scenario: &Scenario, site: &SitePlan, seed: u64, columns: usize) -> Vec<Column> {
    let mut state = Site::new(scenario, site, seed);
    state.advance_to(scenario.start);
    let width = Duration::from_secs_f64(scenario.duration_h * 3_600.0 / columns.max(1) as f64);
    let minute = Duration::from_secs(60);
    let mut at = scenario.start;
    let column = |number: usize| {
        let end = scenario.start.plus(width * (number as u32 + 1));
        let (mut rain_mm, mut shaking): (f64, f64) = (0.0, 0.0);
        while at.plus(minute) <= end {
            at = at.plus(minute);
            state.advance_to(at);
            let truth = state.truth(at);
            rain_mm += truth.minute_mm;
            shaking = shaking.max(truth.vibration_mm_per_s);
        }
        Column { at: end, rain_mm, shaking_mm_per_s: shaking, truth: state.truth(end) }
    };
    (0..columns.max(1)).map(column).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_course_adds_up_to_the_storm_and_ends_with_the_slope() {
        let scenario = Scenario::load("slope-failure").unwrap();
        let course = of(&scenario, &scenario.sites()[0], 1, 60);
        let rain: f64 = course.iter().map(|column| column.rain_mm).sum();
        assert!((rain - 366.0).abs() < 0.1, "{rain}");
        let failed = course.iter().position(|column| column.truth.failed_at.is_some());
        assert_eq!(failed, Some(44), "36 minutes a column, and the end at hour 27");
    }
}
