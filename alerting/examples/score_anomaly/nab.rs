//! The score of the Numenta Anomaly Benchmark (version 1.1, standard profile) for any part of it and any limit: an
//! alert finds the window it is in and counts the more the earlier it is there; every other alert counts against.

use std::collections::BTreeSet;
use std::fmt::Write;

use anyhow::{Result, ensure};

use crate::play::Said;
use crate::worst::Played;

/// What an alert outside every window costs, in parts of a window found.
const FALSE_COSTS: f64 = 0.11;
/// So many limits are tried between the lowest and the highest score.
const LIMITS: usize = 400;

/// One file, as far as the score needs it.
struct File<'p> {
    said: &'p [Said],
    windows: Vec<(usize, usize)>,
}

/// Kinds of files left out in turn.
pub fn left_out(played: &[Played]) -> Result<String> {
    let all: Vec<&Played> = played.iter().filter(|one| one.label.suite == "nab").collect();
    let kind = |one: &Played| one.label.id.split('/').nth(1).unwrap_or_default().to_owned();
    let kinds: BTreeSet<String> = all.iter().map(|one| kind(one)).collect();
    let mut text = String::new();
    for name in kinds {
        let (group, others): (Vec<&Played>, Vec<&Played>) =
            all.iter().copied().partition(|one| kind(one) == name);
        let (group, others) = (files(&group)?, files(&others)?);
        let windows: usize = group.iter().map(|file| file.windows.len()).sum();
        let limit = best(&others);
        let at = |limit: f64| said(&group, |said| said.score >= limit);
        let own = if windows == 0 { "".to_owned() } else { at(best(&group)) };
        let shipped = said(&group, |said| said.alert);
        writeln!(text, "| {name} | {windows} | {shipped} | {} | {own} |", at(limit))?;
    }
    Ok(text)
}

/// The score of all files as shipped.
pub fn as_shipped(played: &[Played]) -> Result<f64> {
    let all: Vec<&Played> = played.iter().filter(|one| one.label.suite == "nab").collect();
    score_of(&all)
}

/// The score of some files by their alerts.
pub fn score_of(some: &[&Played]) -> Result<f64> {
    Ok(score(&files(some)?, |said| said.alert))
}

fn said(files: &[File<'_>], speaks: impl Fn(&Said) -> bool + Copy) -> String {
    let windows: usize = files.iter().map(|file| file.windows.len()).sum();
    match windows {
        0 => {
            let spoke = |file: &File<'_>| {
                file.said[probation(file.said.len())..].iter().filter(|said| speaks(said)).count()
            };
            format!("{} false", files.iter().map(spoke).sum::<usize>())
        }
        _ => format!("{:.1}", score(files, speaks)),
    }
}

fn files<'p>(of: &[&'p Played]) -> Result<Vec<File<'p>>> {
    let file = |one: &&'p Played| {
        let row = |at| one.series.rows.iter().position(|row| row.0 == at).unwrap_or_default();
        let windows =
            one.label.sought()?.iter().map(|sought| (row(sought.from), row(sought.to))).collect();
        ensure!(
            one.said.len() == one.series.rows.len(),
            "{}: rows without an answer",
            one.label.id
        );
        Ok(File { said: &one.said, windows })
    };
    of.iter().map(file).collect()
}

/// The limit with the best score.
fn best(files: &[File<'_>]) -> f64 {
    let scores = || files.iter().flat_map(|file| file.said).map(|said| said.score);
    let high = scores().fold(f64::NEG_INFINITY, f64::max);
    let low = -2.0_f64;
    let limits = (0..=LIMITS).map(|at| high - (high - low) * at as f64 / LIMITS as f64);
    let scored = limits.map(|limit| (score(files, |said| said.score >= limit), limit));
    scored.max_by(|a, b| a.0.total_cmp(&b.0)).map_or(high, |best| best.1)
}

/// 0 for silence, 100 for every window found at its first reading and nothing else said.
fn score(files: &[File<'_>], speaks: impl Fn(&Said) -> bool) -> f64 {
    let (mut got, mut windows) = (0.0, 0);
    for file in files {
        let from = probation(file.said.len());
        let spoke: Vec<usize> =
            (from..file.said.len()).filter(|row| speaks(&file.said[*row])).collect();
        windows += file.windows.len();
        for (begin, end) in &file.windows {
            let width = (end - begin) as f64 + 1.0;
            let first = spoke.iter().find(|row| (begin..=end).contains(row));
            // what is not found costs 1 and what is found in time is worth 1: beyond silence it is worth both
            got += first.map_or(0.0, |row| {
                1.0 + falling(-((end - row) as f64 + 1.0) / width) / falling(-1.0)
            });
        }
        for row in &spoke {
            if !file.windows.iter().any(|(begin, end)| (begin..=end).contains(&row)) {
                let before = file.windows.iter().rfind(|(_, end)| end < row);
                let late =
                    before.map(|(begin, end)| (row - end) as f64 / ((end - begin) as f64).max(1.0));
                got += FALSE_COSTS * late.map_or(-1.0, falling);
            }
        }
    }
    100.0 * got / (2 * windows) as f64
}

/// Near the left end of a window almost 1, at its right end 0, far behind it -1.
fn falling(x: f64) -> f64 {
    if x > 3.0 { -1.0 } else { 2.0 / (1.0 + (5.0 * x).exp()) - 1.0 }
}

/// So many readings of a file are for learning.
fn probation(rows: usize) -> usize {
    (rows * 15 / 100).min(750)
}
