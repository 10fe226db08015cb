//! The worst misses and the worst false alarms, with a picture of each and what it would need.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use anyhow::Result;
use reading::Timestamp;

use crate::labels::Label;
use crate::needs;
use crate::picture::{Marks, draw};
use crate::play::Said;
use crate::series::Series;

/// So many of each are shown.
const SHOWN: usize = 10;

/// A series with what the detector made of it.
pub struct Played {
    pub label: Label,
    pub series: Series,
    pub said: Vec<Said>,
}

impl Played {
    /// Every moment with what was said then.
    pub fn rows(&self) -> impl Iterator<Item = (Timestamp, &Said)> {
        self.series.rows.iter().map(|row| row.0).zip(&self.said)
    }
}

/// Something that went wrong.
struct Fault<'a> {
    played: &'a Played,
    /// What was missed, or why it spoke.
    what: String,
    at: Timestamp,
    /// How far the score was above the limit; below it for a miss.
    margin: f64,
}

/// Draws them into `folder` and says so in Markdown.
pub fn pictures(played: &[Played], folder: &Path) -> Result<String> {
    fs::create_dir_all(folder)?;
    let (mut misses, mut alarms) = (Vec::new(), Vec::new());
    for one in played.iter().filter(|one| one.label.suite != "rain") {
        misses.extend(missed(one)?);
        if one.label.suite == "nab" || one.label.sought()?.is_empty() {
            alarms.extend(false_alarms(one)?);
        }
    }
    // field series first: they are what this is for
    let field = |fault: &Fault<'_>| fault.played.label.suite == "nab";
    misses.sort_by(|a, b| field(a).cmp(&field(b)).then(a.margin.total_cmp(&b.margin)));
    alarms.sort_by(|a, b| field(a).cmp(&field(b)).then(b.margin.total_cmp(&a.margin)));
    let (missed, wrong) = (misses.len(), alarms.len());
    let mut text =
        format!("{missed} misses and {wrong} false alarms in all; field series first.\n");
    for (name, faults) in [("miss", &misses), ("false", &alarms)] {
        for (number, fault) in faults.iter().take(SHOWN).enumerate() {
            let file = format!("{name}-{:02}.svg", number + 1);
            fs::write(folder.join(&file), picture(fault)?)?;
            let id = &fault.played.label.id;
            let _ = write!(
                text,
                "\n![{name} {}: {id}](anomaly/{file})\n\n{}\n",
                number + 1,
                needs::of(name, id)
            );
        }
    }
    Ok(text)
}

fn picture(fault: &Fault<'_>) -> Result<String> {
    let Played { label, series, said } = fault.played;
    let sought = label.sought()?;
    let spoke = series.rows.iter().zip(said).filter(|(_, said)| said.alert).map(|(row, _)| row.0);
    Ok(draw(
        series,
        &Marks {
            title: &format!("{}: {} ({:+.1})", label.id, fault.what, fault.margin),
            sought: &sought.iter().map(|sought| (sought.from, sought.to)).collect::<Vec<_>>(),
            alerts: &spoke.collect::<Vec<_>>(),
            subject: fault.at,
        },
    ))
}

fn missed(played: &Played) -> Result<Vec<Fault<'_>>> {
    let rows = || played.rows();
    let faults = played.label.sought()?.into_iter().filter_map(|sought| {
        let within = || rows().filter(|(at, _)| (sought.from..=sought.to).contains(at));
        if within().any(|(_, said)| said.alert) {
            return None;
        }
        let best = within().max_by(|a, b| a.1.score.total_cmp(&b.1.score))?;
        let what = format!("{} not found", sought.kind);
        Some(Fault { played, what, at: best.0, margin: best.1.score })
    });
    Ok(faults.collect())
}

fn false_alarms(played: &Played) -> Result<Vec<Fault<'_>>> {
    let mut excused = played.label.excused()?;
    if played.label.suite == "nab" {
        // the corpus leaves out a part of each file for learning
        let probation = (played.series.rows.len() * 15 / 100).min(750);
        let end = played.series.rows.get(probation).map_or(Timestamp::MIN, |row| row.0);
        excused.push((Timestamp::MIN, end));
    }
    let rows = played.series.rows.iter().zip(&played.said).filter(|(_, said)| said.alert);
    let counted = rows.filter(|(row, _)| !excused.iter().any(|(a, b)| (*a..=*b).contains(&row.0)));
    let fault = |(row, said): (&(Timestamp, f64), &Said)| Fault {
        played,
        what: format!("false alarm, {}", said.why),
        at: row.0,
        margin: said.score,
    };
    Ok(counted.map(fault).collect())
}
