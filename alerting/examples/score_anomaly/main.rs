//! Plays recorded series through the anomaly condition, and the trigger over waveforms, as they ship.
//!
//! `cargo run --release -p alerting --example score_anomaly -- --data DIR --out DIR` plays every series that
//! `DIR/labels.json` names and writes `timestamp,anomaly_score,alert` for each; the labels are shown to no condition.
//! With `--scorer FILE` the scorer is run over them, and over its own baseline, and the tables in `docs/evaluation.md`
//! and the tables and pictures of `docs/anomaly.md` are made anew. Without arguments one series is read from standard
//! input and answered on standard output.

#[path = "../../tests/common/mod.rs"]
mod common;
mod series;
mod labels;
mod play;
mod engine;
mod made_up;
mod count;
mod nab;
mod worst;
mod needs;
mod picture;
mod groups;
mod page;

use std::fs;
use std::io::{Read, Write, stdin, stdout};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Parser;

use labels::Label;
use play::Said;
use series::Series;
use worst::Played;

/// Plays recorded series through the conditions, as they ship.
#[derive(Parser)]
struct Arguments {
    /// The folder with `labels.json` and the series.
    #[arg(long, requires = "out")]
    data: Option<PathBuf>,
    /// Where the answers go.
    #[arg(long)]
    out: Option<PathBuf>,
    /// The scorer of that data, a Python program.
    #[arg(long, requires = "data")]
    scorer: Option<PathBuf>,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let Some((data, out)) = arguments.data.zip(arguments.out) else {
        let mut text = String::new();
        stdin().read_to_string(&mut text)?;
        let series = Series::parse(&text)?;
        let said = play::play(&series.rows);
        return Ok(stdout().write_all(answer(&series, &said).as_bytes())?);
    };
    let played = all(&data, &out)?;
    if let Some(scorer) = arguments.scorer {
        page::write(&data, &out, &scorer, &played)?;
    }
    Ok(())
}

/// Every series that `labels.json` names.
fn all(data: &Path, out: &Path) -> Result<Vec<Played>> {
    let mut played = Vec::new();
    for label in Label::all(data)? {
        let path = out.join(format!("{}.csv", label.id));
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let series = Series::open(&data.join(&label.file))?;
        let said = play::play(&series.rows);
        fs::write(&path, answer(&series, &said))
            .with_context(|| format!("cannot write {}", path.display()))?;
        played.push(Played { label, series, said });
    }
    Ok(played)
}

fn answer(series: &Series, said: &[Said]) -> String {
    let mut text = String::from("timestamp,anomaly_score,alert\n");
    for (stamp, said) in series.stamps.iter().zip(said) {
        text.push_str(&format!("{stamp},{:.4},{}\n", said.score, u8::from(said.alert)));
    }
    text
}
