//! `bongsu replay`: the same desk over a recorded journal, recorded frames, or a table of readings, at full speed.

mod frame;
mod player;
mod journal;

use std::fs::File;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use alerting::catalogue::Language;
use anyhow::{Context, bail};

use super::compare::{self, Played};
use super::expect::Expectations;
use super::stamps::TableArgs;
use super::{NO, bad_configuration, failed};
use crate::config::Config;
use crate::sheet;
pub(super) use frame::RecordedFrame;
pub use journal::side_by_side;
pub(super) use journal::skipped;
pub use player::{Heard, Player};

/// Evaluates recorded data at full speed and prints the timeline
#[derive(Clone, Debug, clap::Args)]
#[command(group(clap::ArgGroup::new("what").required(true).args(["journal", "frames", "csv"])))]
pub struct ReplayArgs {
    /// A journal folder, replayed with the configuration recorded in it
    #[arg(long, value_name = "DIR")]
    pub journal: Option<PathBuf>,
    /// Recorded frames: one {"at","topic","payload"} a line
    #[arg(long, value_name = "FILE")]
    pub frames: Option<PathBuf>,
    /// Readings: series,measured_at,value,unit (or without unit), or two columns with --series; may be gzipped
    #[arg(long, value_name = "FILE")]
    pub csv: Option<PathBuf>,
    /// The configuration; with --journal this makes it a what-if
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    #[command(flatten)]
    /// What a table does not say itself
    pub table: TableArgs,
    /// Every decision as JSON, one a line
    #[arg(long)]
    pub json: bool,
    /// Fail if an expected level comes late, or an unexpected one comes
    #[arg(long, value_name = "FILE")]
    pub expect: Option<PathBuf>,
    /// Another configuration over the same history: says what it would raise otherwise, and how often a year
    #[arg(long, value_name = "FILE", conflicts_with = "expect")]
    pub against: Option<PathBuf>,
}

/// Replays, prints, and judges if asked to. The status is 1 if what was expected did not happen.
pub fn run(args: &ReplayArgs, language: Language) -> ExitCode {
    let config = match args.config.as_deref().map(Config::load).transpose() {
        Ok(config) => config,
        Err(problems) => return bad_configuration(&problems),
    };
    let against = match args.against.as_deref().map(Config::load).transpose() {
        Ok(against) => against,
        Err(problems) => return bad_configuration(&problems),
    };
    let done = match &against {
        Some(against) => compare(args, config.as_ref(), against, language).map(|()| true),
        None => replay(args, config.as_ref(), language),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(NO),
        Err(error) => failed(&error),
    }
}

fn replay(args: &ReplayArgs, config: Option<&Config>, language: Language) -> anyhow::Result<bool> {
    let expectations = args.expect.as_deref().map(Expectations::load).transpose()?;
    let out = std::io::BufWriter::new(std::io::stdout().lock());
    let mut player = Player::new(out, args.json, language);
    play(args, config, &mut player)?;
    let complaints =
        expectations.map(|expected| expected.judge(&player.reached)).unwrap_or_default();
    for complaint in &complaints {
        eprintln!("{complaint}");
    }
    Ok(complaints.is_empty())
}

/// Plays the history twice and tells the difference.
fn compare(
    args: &ReplayArgs,
    config: Option<&Config>,
    against: &Config,
    language: Language,
) -> anyhow::Result<()> {
    let played = |config: Option<&Config>| -> anyhow::Result<Played> {
        let mut player = Player::new(std::io::sink(), false, language);
        play(args, config, &mut player)?;
        Ok(player.played())
    };
    let (before, after) = (played(config)?, played(Some(against))?);
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    compare::tell(&before, &after, args.json, language, &mut out)?;
    Ok(out.flush()?)
}

fn play<W: Write>(
    args: &ReplayArgs,
    config: Option<&Config>,
    player: &mut Player<W>,
) -> anyhow::Result<()> {
    if let Some(folder) = &args.journal {
        player.play_journal(folder, config)?;
    } else {
        let config = config.context(
            "--csv and --frames need --config: what the series are and which rules apply",
        )?;
        player.begin(config);
        if let Some(path) = &args.csv {
            player.play_csv(path, args.table.options()?)?;
        } else if let Some(path) = &args.frames {
            player.play_frames(path)?;
        }
        player.close_windows();
    }
    player.finish()
}

/// What to do about a line that is no text.
pub(super) const NOT_UTF8: &str = "not UTF-8; make it so, say with iconv -f CP949 -t UTF-8";

/// The lines of a file, numbered from 1.
pub(super) fn lines(
    path: &Path,
) -> anyhow::Result<impl Iterator<Item = anyhow::Result<(usize, String)>>> {
    let name = path.display();
    let numbered = (1..).zip(open(path)?.lines());
    Ok(numbered.map(move |(number, line)| match line {
        Ok(line) => Ok((number, line)),
        Err(error) if error.kind() == ErrorKind::InvalidData => {
            bail!("{name}:{number}: {NOT_UTF8}")
        }
        Err(error) => Err(error).with_context(|| format!("cannot read {name}")),
    }))
}

/// Opens a text file, gzipped or not; a Parquet file is read as the CSV it would be.
pub(super) fn open(path: &Path) -> anyhow::Result<Box<dyn BufRead>> {
    let file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
    let mut file = BufReader::new(file);
    if file.fill_buf()?.starts_with(b"PAR1") {
        return sheet::read_parquet(file.into_inner()).with_context(|| path.display().to_string());
    }
    let gzipped = file.fill_buf()?.starts_with(&[0x1f, 0x8b]);
    let plain: Box<dyn Read> =
        if gzipped { Box::new(flate2::bufread::MultiGzDecoder::new(file)) } else { Box::new(file) };
    Ok(Box::new(BufReader::new(plain)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_is_no_text_is_told_with_its_place() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("past.csv");
        std::fs::write(&path, b"series,measured_at,value\n\xb0\xad\xbf\xec,1,2\n").unwrap();
        let read: Vec<_> = lines(&path).unwrap().collect();
        assert_eq!(*read[0].as_ref().unwrap(), (1, "series,measured_at,value".to_owned()));
        let said = read[1].as_ref().unwrap_err().to_string();
        assert!(said.contains("past.csv:2: not UTF-8"), "{said}");
    }
}
