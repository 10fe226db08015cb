//! A scenario as a small picture in text: what falls, what moves, and when it ends.

use reading::registry::SiteKind;

use crate::course::{self, Column};
use crate::scenario::{Scenario, SitePlan};

const COLUMNS: usize = 60;
const BARS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// Name, size, title, story, and a line of bars for the rain and for what happens at the most eventful site.
pub fn of(scenario: &Scenario, seed: u64) -> String {
    let mut text = format!(
        "{:15} {}, {}\n  {} / {}\n",
        scenario.name,
        counted(scenario.sites().len(), "site"),
        length(scenario.duration_h),
        scenario.title.ko,
        scenario.title.en
    );
    if let Some(story) = &scenario.story {
        text += &format!("  {}\n  {}\n", story.ko, story.en);
    }
    let highest = scenario.sites().iter().map(|site| site.expect).max();
    let Some(site) = scenario.sites().iter().find(|site| Some(site.expect) == highest) else {
        return text;
    };
    let course = course::of(scenario, site, seed, COLUMNS);
    let rain: Vec<f64> = course.iter().map(|column| column.rain_mm).collect();
    let total: f64 = rain.iter().sum();
    if total > 0.0 {
        text += &format!("  rain  {}  {total:.0} mm\n", bars(&rain));
    }
    text + &happening(scenario, site, &course)
}

fn happening(scenario: &Scenario, site: &SitePlan, course: &[Column]) -> String {
    let (word, unit, values): (&str, &str, Vec<f64>) = match site.kind {
        SiteKind::Slope => {
            ("moves", "mm", course.iter().map(|it| it.truth.displacement_mm).collect())
        }
        SiteKind::RetainingWall => {
            ("leans", "°", course.iter().map(|it| it.truth.tilt_deg).collect())
        }
        SiteKind::Bridge => ("crack", "mm", course.iter().map(|it| it.truth.crack_mm).collect()),
        SiteKind::Building | SiteKind::Facility => {
            ("shake", "mm/s", course.iter().map(|it| it.shaking_mm_per_s).collect())
        }
    };
    let most = values.iter().copied().fold(0.0, f64::max);
    let end = course.iter().find_map(|it| it.truth.failed_at).map_or(String::new(), |at| {
        format!(", fails at hour {:.1}", at.hours_since(scenario.start))
    });
    format!("  {word} {}  {most:.3} {unit} at {}{end}\n", bars(&values), site.id)
}

/// A bar for each value, the largest full.
fn bars(values: &[f64]) -> String {
    let most = values.iter().copied().fold(0.0, f64::max);
    let bar = |value: &f64| {
        let part = if most > 0.0 { value.max(0.0) / most } else { 0.0 };
        // whatever there is shows
        let eighths = if part > 0.0 { libm::ceil(part * 8.0) as usize } else { 0 };
        BARS[eighths.min(8)]
    };
    values.iter().map(bar).collect()
}

fn counted(count: usize, word: &str) -> String {
    format!("{count} {word}{}", if count == 1 { "" } else { "s" })
}

fn length(hours: f64) -> String {
    if hours < 96.0 { format!("{hours} h") } else { format!("{:.0} d", hours / 24.0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_as_long_as_what_they_show() {
        assert_eq!(bars(&[0.0, 0.001, 0.5, 1.0]), " ▁▄█");
        assert_eq!(bars(&[0.0, 0.0]), "  ");
    }

    #[test]
    fn a_picture_says_what_happens_and_when() {
        let scenario = Scenario::load("slope-failure").unwrap();
        let text = of(&scenario, 1);
        for part in ["slope-failure   1 site, 36 h", "366 mm", "fails at hour 27.0", "태풍과"] {
            assert!(text.contains(part), "{text}");
        }
        assert!(text.lines().all(|line| line.chars().count() < 120), "{text}");
    }
}
