//! `bongsu replay`: the same desk over a recorded journal, recorded frames, or a table of readings, at full speed.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use alerting::catalogue::Language;
use alerting::engine::ALIVE_MAX;
use alerting::{Action, Decision, Hazard, Level};
use alerting::{AttemptResult, DeliveryKey, Outcome};
use anyhow::{Context, bail};
use ingest::journal::{Kind, Reader, Record};
use reading::codec::csv::{CsvOptions, CsvReader, Row};
use reading::codec::native;
use reading::report::{Claim, Report, Road};
use reading::{Reading, SiteId, Timestamp};
use serde::Deserialize;

use super::compare::{self, Played};
use super::expect::{Expectations, Reached};
use super::stamps::TableArgs;
use super::timeline::Lines;
use super::{NO, bad_configuration, failed};
use crate::config::Config;
use crate::desk::events::{CollectorEvent, Skip, payload};
use crate::desk::{Carried, Desk};

/// How many records are taken between two outputs.
const BATCH_MAX: usize = 4_096;

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
    /// Readings: series,measured_at,value[,unit], or two columns with --series; may be gzipped
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

/// A recorded frame, as `firmware-sim run --out` writes it.
#[derive(Deserialize)]
pub(super) struct RecordedFrame {
    /// When it was received.
    pub at: String,
    /// Its topic.
    pub topic: String,
    payload: Option<serde_json::Value>,
    /// In place of `payload` where the bytes are no text.
    payload_hex: Option<String>,
    #[serde(default)]
    retain: bool,
}

impl RecordedFrame {
    /// The bytes it had.
    ///
    /// # Errors
    /// If what stands there says none, or two.
    pub fn bytes(&self) -> anyhow::Result<Vec<u8>> {
        match (&self.payload, &self.payload_hex) {
            (Some(serde_json::Value::String(text)), None) => Ok(text.clone().into_bytes()),
            (Some(other), None) => Ok(serde_json::to_vec(other)?),
            (None, Some(hex)) => {
                unhex(hex).context("`payload_hex` is not pairs of hexadecimal digits")
            }
            _ => bail!("write either `payload` or `payload_hex`"),
        }
    }
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let pairs = text.len() / 2;
    let byte = |at: usize| u8::from_str_radix(text.get(2 * at..2 * at + 2)?, 16).ok();
    text.len().is_multiple_of(2).then(|| (0..pairs).map(byte).collect()).flatten()
}

/// What became of the readings of a record.
#[derive(Clone, Debug, Default)]
pub struct Heard {
    /// Those admitted.
    pub readings: Vec<Reading>,
    /// Why others were not, by name.
    pub refused: Vec<&'static str>,
}

/// A desk that is fed from files.
pub struct Player<W: Write> {
    desk: Desk,
    carried: Carried,
    sequence: u64,
    at: Timestamp,
    out: W,
    json: bool,
    language: Language,
    /// Every level that was raised, in order.
    pub reached: Vec<Reached>,
    /// The same without monitoring.
    pub raised: Vec<Reached>,
    /// What became of the readings of the last record, from a player that was tapped.
    pub heard: Heard,
    /// Where each site stands, monitoring left out.
    levels: BTreeMap<SiteId, Level>,
    /// The first moment of the history.
    begun: Option<Timestamp>,
    rows: u64,
    refused: u64,
    /// The configuration and the collectors, until the first row says what time it is.
    opening: Option<(bytes::Bytes, Vec<String>)>,
}

impl<W: Write> Player<W> {
    /// A player that writes to `out`.
    pub fn new(out: W, json: bool, language: Language) -> Self {
        Self {
            desk: Desk::new(Default::default()),
            carried: Carried::default(),
            sequence: 0,
            at: Timestamp::MIN,
            out,
            json,
            language,
            reached: Vec::new(),
            raised: Vec::new(),
            heard: Heard::default(),
            levels: BTreeMap::new(),
            begun: None,
            rows: 0,
            refused: 0,
            opening: None,
        }
    }

    /// The player, telling also what became of each reading.
    #[must_use]
    pub fn tapped(self) -> Self {
        Self { desk: self.desk.tapped(), ..self }
    }

    /// Replays a journal with what is recorded in it, or with another configuration.
    ///
    /// # Errors
    /// If the journal cannot be read or the output not be written.
    pub fn play_journal(&mut self, folder: &Path, what_if: Option<&Config>) -> anyhow::Result<()> {
        if what_if.is_some() {
            eprintln!("what-if: the configuration given is used instead of the recorded one");
        }
        self.desk = Desk::new(skipped(folder)?);
        let mut reader = Reader::open_folder(folder, 0)?;
        let setup = what_if.map(|config| payload(&config.setup));
        loop {
            let batch = reader.next_batch(BATCH_MAX, Duration::ZERO)?;
            if batch.is_empty() && batch.gap().is_none() {
                return Ok(());
            }
            if let Some(gap) = batch.gap() {
                eprintln!("{gap}");
            }
            for record in batch.iter() {
                let record = match (&setup, record.kind) {
                    (Some(setup), Kind::Configuration) => Record { payload: setup, ..record },
                    _ => record,
                };
                self.begun.get_or_insert(record.at);
                self.desk.apply(&record, &mut self.carried);
            }
            self.tell()?;
        }
    }

    /// Replays a journal up to a moment, with what is recorded in it.
    ///
    /// # Errors
    /// If the journal cannot be read.
    pub fn play_journal_to(&mut self, folder: &Path, to: Timestamp) -> anyhow::Result<()> {
        self.desk = Desk::new(skipped(folder)?);
        let mut reader = Reader::open_folder(folder, 0)?;
        loop {
            let batch = reader.next_batch(BATCH_MAX, Duration::ZERO)?;
            let mut over = batch.is_empty() && batch.gap().is_none();
            for record in batch.iter() {
                over |= record.at > to;
                if over {
                    break;
                }
                self.desk.apply(&record, &mut self.carried);
            }
            self.carried.clear();
            if over {
                break;
            }
        }
        if self.desk.at() > Timestamp::MIN {
            (self.sequence, self.at) = (self.desk.position(), self.desk.at());
            self.feed(Kind::Tick, "replay", "", &[], to, false);
        }
        Ok(())
    }

    /// The desk as it stands.
    pub fn desk(&self) -> &Desk {
        &self.desk
    }

    /// Takes one row of a table.
    ///
    /// # Errors
    /// If the output cannot be written.
    pub fn take_row(&mut self, row: &Row) -> anyhow::Result<()> {
        self.play_row(row);
        self.tell()
    }

    /// Lets time pass up to a moment.
    ///
    /// # Errors
    /// If the output cannot be written.
    pub fn wait_until(&mut self, at: Timestamp) -> anyhow::Result<()> {
        self.pass_time(at);
        self.feed(Kind::Tick, "replay", "", &[], at, false);
        self.tell()
    }

    /// Where each site stands that ever left normal, monitoring left out.
    pub fn levels(&self) -> &BTreeMap<SiteId, Level> {
        &self.levels
    }

    /// How many rows were refused.
    pub fn refused(&self) -> u64 {
        self.refused
    }

    /// What came of the history.
    pub fn played(self) -> Played {
        let last = self.desk.at().max(self.at);
        let span = (self.begun.unwrap_or(last), last);
        Played { setup: Arc::clone(self.desk.setup()), raised: self.raised, span }
    }

    /// Begins with a configuration; the first row sets the time.
    pub fn begin(&mut self, config: &Config) {
        self.opening = Some((payload(&config.setup), config.setup.sources.clone()));
    }

    /// Replays a table of readings, each received the moment it was measured, or when the one before it was.
    ///
    /// # Errors
    /// A row that cannot be read, with its line.
    pub fn play_csv(&mut self, path: &Path, options: CsvOptions) -> anyhow::Result<()> {
        let mut reader = CsvReader::new(options);
        for (number, line) in open(path)?.lines().enumerate() {
            let line = line.with_context(|| format!("cannot read {}", path.display()))?;
            let row =
                reader.read(&line).with_context(|| format!("{}:{}", path.display(), number + 1))?;
            if let Some(row) = row {
                self.take_row(&row)?;
            }
        }
        Ok(())
    }

    /// Replays recorded frames, each received when it was recorded.
    ///
    /// # Errors
    /// A line that is not a recorded frame.
    pub fn play_frames(&mut self, path: &Path) -> anyhow::Result<()> {
        for (number, line) in open(path)?.lines().enumerate() {
            let line = line.with_context(|| format!("cannot read {}", path.display()))?;
            let place = || format!("{}:{}", path.display(), number + 1);
            let frame: RecordedFrame = serde_json::from_str(&line).with_context(place)?;
            let at = Timestamp::parse(&frame.at).with_context(place)?;
            let bytes = frame.bytes().with_context(place)?;
            self.take_frame(at, &frame.topic, &bytes, frame.retain)?;
        }
        Ok(())
    }

    /// Takes one frame, received at a moment.
    ///
    /// # Errors
    /// If the output cannot be written.
    pub fn take_frame(
        &mut self,
        at: Timestamp,
        topic: &str,
        bytes: &[u8],
        retained: bool,
    ) -> anyhow::Result<()> {
        self.pass_time(at);
        let source = self.source_of(topic);
        self.feed(Kind::Frame, &source, topic, bytes, at, retained);
        self.tell()
    }

    /// Lets every lateness window close. In one step, as if nothing had run meanwhile: that the file has an end is
    /// no silence of a station.
    pub fn close_windows(&mut self) {
        let lateness =
            self.desk.setup().registry.series().iter().map(|series| series.lateness).max();
        let end = self.at.plus(lateness.unwrap_or_default() * 2 + ALIVE_MAX);
        if self.opening.is_none() {
            self.feed(Kind::Tick, "replay", "", &[], end, false);
        }
    }

    /// Prints what is left and how much was read.
    ///
    /// # Errors
    /// If the output cannot be written.
    pub fn finish(&mut self) -> anyhow::Result<()> {
        self.tell()?;
        self.out.flush()?;
        if self.refused > 0 {
            eprintln!("{} of {} rows refused", self.refused, self.rows);
        }
        Ok(())
    }

    fn play_row(&mut self, row: &Row) {
        self.pass_time(row.measured_at);
        let name = &row.series;
        let claim = Claim {
            sensor: name.sensor.as_str().into(),
            quantity: name.quantity.name().into(),
            value: row.value,
            unit: row.unit.map(|unit| unit.symbol().into()),
            at: None,
        };
        let report = Report {
            site: name.site.as_str(),
            station: name.station.as_str(),
            seq: None,
            at: Some(row.measured_at),
            heard_at: None,
            road: Road::Live,
            claims: vec![claim],
        };
        let topic = format!("bongsu/v1/{}/{}/telemetry", name.site, name.station);
        let source = self.source_of(&topic);
        self.rows += 1;
        self.feed(Kind::Frame, &source, &topic, &native::encode(&report), row.measured_at, false);
    }

    /// The collector a station reports through, as the daemon would have seen it.
    fn source_of(&self, topic: &str) -> Arc<str> {
        let registry = &self.desk.setup().registry;
        let mut parts = topic.split('/').skip(2);
        let station = parts.next().zip(parts.next()).and_then(|(site, station)| {
            registry
                .station(registry.site(site)?, station)
                .map(|at| registry.stations()[at.index()].source.as_str())
        });
        station.unwrap_or("replay").into()
    }

    /// A daemon that was alive all the while journaled something at least every minute.
    fn pass_time(&mut self, to: Timestamp) {
        if let Some((setup, sources)) = self.opening.take() {
            self.at = to;
            self.begun = Some(to);
            self.feed(Kind::Configuration, "replay", "", &setup, to, false);
            let up = payload(&CollectorEvent::up());
            for source in sources {
                self.feed(Kind::Collector, &source, "", &up, to, false);
            }
        }
        while to.since(self.at) > ALIVE_MAX / 2 {
            let next = self.at.plus(ALIVE_MAX / 2);
            self.feed(Kind::Tick, "replay", "", &[], next, false);
        }
    }

    fn feed(
        &mut self,
        kind: Kind,
        source: &str,
        topic: &str,
        payload: &[u8],
        at: Timestamp,
        retained: bool,
    ) {
        self.sequence += 1;
        self.at = self.at.max(at);
        let record = Record {
            sequence: self.sequence,
            at: self.at,
            received_at: self.at,
            kind,
            retained,
            source,
            topic,
            payload,
        };
        let told = self.carried.batch.actions.len();
        self.desk.apply(&record, &mut self.carried);
        self.settle(told, at);
    }

    /// Nothing is sent, and everything owed since counts as delivered: otherwise it would expire, and bongsu report
    /// itself as broken.
    fn settle(&mut self, from: usize, at: Timestamp) {
        let since = self.carried.batch.actions.get(from..).unwrap_or_default();
        let owed: Vec<DeliveryKey> =
            since.iter().filter_map(|(_, action)| owed(action).cloned()).collect();
        for key in owed {
            let result = AttemptResult::Delivered { receipt: "replayed, not sent".into() };
            self.feed(
                Kind::Outcome,
                "replay",
                "",
                &payload(&Outcome { key, attempt: 1, result }),
                at,
                false,
            );
        }
    }

    /// Prints what was decided since.
    fn tell(&mut self) -> anyhow::Result<()> {
        self.refused += self.carried.refusals.values().sum::<u64>();
        self.heard.readings.clone_from(&self.carried.readings);
        self.heard.refused = self.carried.refusals.keys().copied().collect();
        if !self.carried.batch.actions.is_empty() {
            let setup = Arc::clone(self.desk.setup());
            let lines = Lines { setup: &setup, language: self.language };
            for (position, action) in &self.carried.batch.actions {
                if let Action::Decide(decision) = action {
                    self.reached.extend(Reached::of(decision));
                    if let Decision::Level { site, hazard, to, .. } = decision
                        && *hazard != Hazard::Monitoring
                    {
                        self.raised.extend(Reached::of(decision));
                        self.levels.insert(site.clone(), *to);
                    }
                }
                if self.json {
                    serde_json::to_writer(
                        &mut self.out,
                        &JsonLine { position: *position, action },
                    )?;
                    writeln!(self.out)?;
                } else if let Some(line) = lines.line(action) {
                    writeln!(self.out, "{line}")?;
                }
            }
        }
        self.carried.clear();
        Ok(())
    }
}

#[derive(serde::Serialize)]
struct JsonLine<'a> {
    position: u64,
    #[serde(flatten)]
    action: &'a Action,
}

fn owed(action: &Action) -> Option<&DeliveryKey> {
    match action {
        Action::Owe(delivery) => Some(&delivery.key),
        Action::Decide(_) | Action::Change(_) | Action::Tell(_) => None,
    }
}

/// The records a journal says were set aside: known before they are reached.
pub(super) fn skipped(folder: &Path) -> anyhow::Result<std::collections::BTreeSet<u64>> {
    let mut reader = Reader::open_folder(folder, 0)?;
    let mut skips = std::collections::BTreeSet::new();
    loop {
        let batch = reader.next_batch(BATCH_MAX, Duration::ZERO)?;
        if batch.is_empty() && batch.gap().is_none() {
            return Ok(skips);
        }
        let records = batch.iter().filter(|record| record.kind == Kind::Skip);
        skips.extend(records.filter_map(|record| {
            serde_json::from_slice::<Skip>(record.payload).ok().map(|skip| skip.sequence)
        }));
    }
}

/// Opens a text file, gzipped or not.
pub(super) fn open(path: &Path) -> anyhow::Result<Box<dyn BufRead>> {
    let file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
    let mut file = BufReader::new(file);
    let gzipped = file.fill_buf()?.starts_with(&[0x1f, 0x8b]);
    let plain: Box<dyn Read> =
        if gzipped { Box::new(flate2::bufread::MultiGzDecoder::new(file)) } else { Box::new(file) };
    Ok(Box::new(BufReader::new(plain)))
}
