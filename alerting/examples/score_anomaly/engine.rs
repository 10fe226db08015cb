//! One series through the whole engine, where what is told opens an incident, and nothing is learned while that is
//! open.

use alerting::condition::explain::Amount;
use alerting::condition::{ConditionSettings, anomaly};
use alerting::engine::{Engine, Moment};
use alerting::level::Level;
use alerting::rule::Group;
use alerting::setup::Setup;
use anyhow::{Context, Result};
use reading::registry::{Registry, SeriesEntry, Site, StationEntry};
use reading::{Quality, Quantity, Reading, SeriesIndex, Timestamp};

use crate::common::{rule, setup};
use crate::play::Said;

const SERIES: &str = "post-1/tilt-1/tilt-x";

/// A site with one station that reports as often as the record does.
fn registry(rows: &[(Timestamp, f64)]) -> Result<Registry> {
    let mut intervals: Vec<_> = rows.windows(2).map(|pair| pair[1].0.since(pair[0].0)).collect();
    intervals.sort_unstable();
    let site = Site::of("cut-1".parse()?, (37.5, 127.0));
    let station = StationEntry {
        series: vec![SeriesEntry::of("tilt-1".parse()?, Quantity::TiltX)],
        report_interval: intervals.get(intervals.len() / 2).copied().unwrap_or_default(),
        ..StationEntry::of("cut-1".parse()?, "post-1".parse()?, "field")
    };
    Ok(Registry::new(vec![site], vec![station]))
}

/// What is told of each reading, and of how many nothing was learned. The site has this one rule.
pub fn play(rows: &[(Timestamp, f64)]) -> Result<(Vec<Said>, usize)> {
    let condition = ConditionSettings::Anomaly(anomaly::Settings::default());
    let rules = vec![rule("cut-1", "odd", Group::Anomaly, Level::Attention, &[SERIES], condition)];
    let (site, odd) = (rules[0].site.clone(), rules[0].id.clone());
    let first = rows.first().context("a series without readings")?.0;
    let setup = Setup { rules, registry: registry(rows)?, ..setup() };
    let mut engine = Engine::new(setup, first);
    let mut actions = Vec::new();
    engine.collector("field", true, "", Moment { at: first, sequence: 1 }, &mut actions);
    let (mut said, mut frozen) = (Vec::new(), 0);
    for (number, (at, value)) in rows.iter().enumerate() {
        let now = Moment { at: *at, sequence: number as u64 + 2 };
        engine.tick(now, &mut actions);
        let before = engine.view()[0].level;
        if value.is_finite() {
            let series = SeriesIndex(0);
            let (measured_at, received_at) = (*at, *at);
            let reading =
                Reading { series, measured_at, received_at, value: *value, quality: Quality::GOOD };
            engine.observe(&reading, now, &mut actions);
        }
        actions.clear();
        let alert = engine.view()[0].level > before;
        let finding = engine.look_into(&site, &odd).context("the rule is not there")?;
        let facts = &finding.clauses[0].series[0].facts;
        let amount =
            |name: &str| facts.iter().find(|fact| fact.name == name).map(|fact| &fact.value);
        frozen += usize::from(amount("learning") == Some(&Amount::Flag(false)));
        said.push(Said { score: 0.0, alert, why: "" });
    }
    Ok((said, frozen))
}
