//! How wide the intervals have to be: the evidence behind the two constants of `failure_time/forecast.rs`.
//!
//! For each forecast, the widening with which its interval would just hold the truth; nine tenths of the forecasts want
//! less than the widening that is shipped. Leaving out one group in turn says what a widening chosen on the others does
//! for those it was not chosen on.

use std::fmt::Write as _;
use std::time::Duration;

use alerting::condition::failure_time::Settings;

use crate::chance::Chance;
use crate::rows::{self, Row};
use crate::{LEFT, LIMIT_MM, Series};

/// What `forecast.rs` ships.
pub const TO_LIMIT: f64 = 1.5;
pub const ASYMPTOTE: f64 = 2.0;

/// How long a velocity stays above or below the law's: by this from one reading to the next, three hours in all.
const KEPT: f64 = 0.945;

/// So many of the intervals are to hold the truth.
const SHARE: f64 = 0.9;

/// After so much of the life to the asymptote a movement without a known limit gives way.
const GIVES_WAY: [f64; 5] = [1.0, 0.99, 0.97, 0.95, 0.9];

/// What each forecast of one group wants.
pub struct Group {
    name: String,
    wanted: Vec<f64>,
    /// How many of them end after the earliest of the fit alone.
    after_fitted: usize,
}

/// The recorded cracks, to the length at which they break, by quarters in their order. The interval is even in the
/// logarithm of the time left.
pub fn cracks(all: &[Series], group: usize) -> Vec<Group> {
    let of = |(number, part): (usize, &[Series])| {
        let mut wanted = Vec::new();
        for one in part {
            let forecasts = rows::forecasts(&one.rows, Some(LIMIT_MM));
            for left in LEFT {
                let Some((now, [at, _, high])) = believed(one, &forecasts, left) else { continue };
                let (truth, at, high) = (one.end - now, at - now, high - now);
                wanted.push(TO_LIMIT * (truth / at).ln().abs() / (high / at).ln());
            }
        }
        Group {
            name: format!("specimens {} to {}", number * group + 1, (number + 1) * group),
            wanted,
            after_fitted: 0,
        }
    };
    all.chunks(group).enumerate().map(of).collect()
}

/// Simulated runaways without a limit: Voight's law with α = 2, uneven by up to 30 % of the velocity for hours, read
/// every ten minutes with a noise of a quarter of the smallest stretch, until it gives way after that part of its life
/// to the asymptote; by how far they move. What comes before the latest is held, so that only what comes later wants
/// more.
pub fn runaways(part: f64) -> Vec<Group> {
    let settings = Settings {
        velocity: alerting::condition::velocity::Settings {
            increment: 0.2,
            interval_min: Duration::from_secs(600),
            interval_max: Duration::from_secs(6 * 3_600),
        },
        ..rows::settings(None)
    };
    let group = |size: f64| {
        let mut group = Group { name: format!("{size} mm"), wanted: vec![], after_fitted: 0 };
        for seed in 0..120 {
            let mut chance = Chance(seed * 4 + size as u64 + 1);
            let one = runaway(size, part, &mut chance);
            let forecasts = rows::forecasts_with(&one.rows, &settings);
            for left in LEFT {
                let Some((now, [at, low, high])) = believed(&one, &forecasts, left) else {
                    continue;
                };
                assert!(low <= now, "it may be any moment");
                group.wanted.push((ASYMPTOTE * (one.end - at) / (high - at)).max(0.0));
                let fitted = forecasts[row_at(&one, left)].fitted_from;
                group.after_fitted += usize::from(one.end >= fitted);
            }
        }
        group
    };
    [10.0, 20.0, 40.0, 80.0].map(group).into()
}

/// A movement of that size, in mm, at half of its time; seconds.
fn runaway(size: f64, part: f64, chance: &mut Chance) -> Series {
    let (life, uneven) = (50.0 + 80.0 * chance.even(), 0.3 * chance.even());
    let law = |hour: f64| size / 2f64.ln() * (life / (life - hour)).ln();
    let (mut place, mut swell, mut rows) = (0.0, 0.0, Vec::new());
    for row in 0..(life * part * 6.0) as usize {
        let hour = row as f64 / 6.0;
        rows.push((row as f64 * 600.0, place + 0.05 * chance.normal()));
        swell = KEPT * swell + (1.0 - KEPT * KEPT).sqrt() * chance.normal();
        if hour + 1.0 / 6.0 < life {
            place += (law(hour + 1.0 / 6.0) - law(hour)) * (uneven * swell).exp();
        }
    }
    Series { rows, end: life * part * 3_600.0 }
}

/// The moment and the forecast then, with so much of the life left.
fn believed(one: &Series, forecasts: &[Row], left: f64) -> Option<(f64, [f64; 3])> {
    let at = row_at(one, left);
    Some((one.rows[at].0, forecasts[at].forecast?))
}

fn row_at(one: &Series, left: f64) -> usize {
    let life = one.end - one.rows[0].0;
    one.rows.partition_point(|(t, _)| *t <= one.end - left * life) - 1
}

/// How many of the intervals hold the truth when they are so wide.
pub fn held<'g>(groups: impl Iterator<Item = &'g Group>, shipped: f64) -> (usize, usize) {
    let wanted: Vec<f64> = groups.flat_map(|group| group.wanted.iter().copied()).collect();
    (wanted.iter().filter(|wanted| **wanted <= shipped).count(), wanted.len())
}

/// The tables of the page.
pub fn table(title: &str, shipped: f64, groups: &[Group]) -> String {
    let mut out = format!(
        "| {title}: left out | 90 % of the others ask for | so wide, it holds | as shipped ({shipped}), it holds |\n\
         |---|---|---|---|\n"
    );
    let said = |(held, of): (usize, usize)| {
        format!("{held} of {of} ({:.0} %)", 100.0 * held as f64 / of as f64)
    };
    for (number, group) in groups.iter().enumerate() {
        let others = groups.iter().enumerate().filter(|(other, _)| *other != number);
        let width =
            wide_enough(others.flat_map(|(_, other)| other.wanted.iter().copied()).collect());
        let one = || std::iter::once(group);
        let (chosen, shipped) = (said(held(one(), width)), said(held(one(), shipped)));
        writeln!(out, "| {} | {width:.2} | {chosen} | {shipped} |", group.name).unwrap();
    }
    let all = wide_enough(groups.iter().flat_map(|group| group.wanted.iter().copied()).collect());
    let shipped = said(held(groups.iter(), shipped));
    writeln!(out, "| **none** | {all:.2} | | {shipped} |").unwrap();
    out
}

/// What becomes of movements that give way before their asymptote: with the early edge the fit has, and as shipped.
pub fn given_way() -> String {
    let mut out = String::from(
        "| it gives way after | forecasts | between the edges of the fit | from now to the latest, as shipped |\n\
         |---|---|---|---|\n",
    );
    for part in GIVES_WAY {
        let groups = runaways(part);
        let (held, of) = held(groups.iter(), ASYMPTOTE);
        let early = of - groups.iter().map(|group| group.after_fitted).sum::<usize>();
        let said = |held: usize| format!("{held} ({:.0} %)", 100.0 * held as f64 / of as f64);
        let life = 100.0 * part;
        writeln!(
            out,
            "| {life:.0} % of its life | {of} | {} | {} |",
            said(held - early),
            said(held)
        )
        .unwrap();
    }
    out
}

/// What nine tenths of them want.
fn wide_enough(mut wanted: Vec<f64>) -> f64 {
    wanted.sort_by(f64::total_cmp);
    let at = (SHARE * wanted.len() as f64).ceil() as usize;
    wanted.get(at.saturating_sub(1)).copied().unwrap_or(f64::NAN)
}
