//! What was found, and what was false, as the scorer counts it: of any part of the series, at any limit.

use anyhow::Result;
use reading::Timestamp;

use crate::worst::Played;

const YEAR_S: f64 = 31_557_600.0;
/// So many limits are tried, from what nothing reaches to what one reading in ten does.
const LIMITS: usize = 240;

/// What was found of so much, and what was false in so long.
#[derive(Clone, Copy, Default)]
pub struct Count {
    pub found: usize,
    pub events: usize,
    pub wrong: usize,
    /// How long one sensor, to which nothing happens, was counted.
    pub years: f64,
}

impl Count {
    /// Found of how many, in words.
    pub fn share(&self) -> String {
        let share = 100.0 * self.found as f64 / self.events.max(1) as f64;
        format!("{} of {} ({share:.1} %)", self.found, self.events)
    }

    /// False alarms a sensor-year.
    pub fn rate(&self) -> f64 {
        self.wrong as f64 / self.years.max(1e-9)
    }
}

/// With the alert as shipped, or from so far above its limit on.
pub fn count(of: &[&Played], limit: Option<f64>) -> Result<Count> {
    let mut all = Count::default();
    for one in of {
        let excused = one.label.excused()?;
        let warm = one.label.warm_from()?;
        let spoke: Vec<(Timestamp, bool)> = one
            .rows()
            .map(|(at, said)| {
                (at, at > warm && limit.map_or(said.alert, |limit| said.score >= limit))
            })
            .collect();
        let sought = one.label.sought()?;
        all.events += sought.len();
        all.found += sought.iter().filter(|event| is_found(&spoke, event.from, event.to)).count();
        if sought.is_empty() || one.label.suite != "domain" {
            all.years += one.label.sensor_years;
            let free = |at: &Timestamp| !excused.iter().any(|(from, to)| (from..=to).contains(&at));
            let alerts = spoke.iter().filter(|(at, on)| *on && free(at)).map(|(at, _)| *at);
            all.wrong += episodes(alerts, one.label.merge_s);
        }
    }
    Ok(all)
}

/// An alert that was on before the event does not find it before it has been off.
fn is_found(spoke: &[(Timestamp, bool)], from: Timestamp, to: Timestamp) -> bool {
    let begin = spoke.partition_point(|(at, _)| *at < from);
    let held = begin.checked_sub(1).is_some_and(|before| spoke[before].1);
    let mut rows = spoke[begin..].iter().skip_while(|(_, on)| held && *on);
    rows.any(|(at, on)| *on && *at <= to)
}

fn episodes(alerts: impl Iterator<Item = Timestamp>, merge_s: f64) -> usize {
    let mut last = None;
    let begins = alerts.filter(|at| {
        let near = last.replace(*at).is_some_and(|last| at.since(last).as_secs_f64() <= merge_s);
        !near
    });
    begins.count()
}

/// Of every limit with at most so many false alarms, the highest that finds most.
pub fn at_most(of: &[&Played], wrong_max: usize) -> Result<Option<(Count, f64)>> {
    let mut best: Option<(Count, f64)> = None;
    for limit in limits(of)? {
        let now = count(of, Some(limit))?;
        if now.wrong <= wrong_max && best.is_none_or(|(best, _)| now.found > best.found) {
            best = Some((now, limit));
        }
    }
    Ok(best)
}

/// What random alarms at that rate would find.
pub fn by_chance(of: &[&Played], rate: f64) -> Result<f64> {
    let mut chances = Vec::new();
    for event in
        of.iter().map(|one| one.label.sought()).collect::<Result<Vec<_>>>()?.iter().flatten()
    {
        let years = event.to.since(event.from).as_secs_f64() / YEAR_S;
        chances.push(1.0 - (-rate * years).exp());
    }
    Ok(chances.iter().sum::<f64>() / chances.len().max(1) as f64)
}

/// Limits worth trying, highest first: scores that so many readings reach.
fn limits(of: &[&Played]) -> Result<Vec<f64>> {
    let mut scores = Vec::new();
    for one in of {
        let warm = one.label.warm_from()?;
        let live = one.rows().filter(|(at, said)| *at > warm && said.score.is_finite());
        scores.extend(live.map(|(_, said)| said.score));
    }
    scores.sort_by(|a, b| b.total_cmp(a));
    let step = |at: usize| {
        let share = 10f64.powf(-6.0 + 5.0 * at as f64 / LIMITS as f64);
        scores.get((share * scores.len() as f64) as usize).copied()
    };
    let mut limits: Vec<f64> = (0..=LIMITS).filter_map(step).collect();
    limits.dedup();
    Ok(limits)
}
