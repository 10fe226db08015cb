//! From a file to messages of stations, as they would send them on `…/backfill`.
//!
//! A message holds what one station measured on one day (of UTC), up to [`READINGS_MAX`] readings: cut by the file's
//! own stamps alone, so that a file that is imported again, perhaps a day longer, gives the same messages again.

use std::collections::{BTreeMap, VecDeque};
use std::io::{BufRead, Lines};
use std::path::Path;

use anyhow::{Context, bail};
use bytes::Bytes;
use reading::codec::columns::Columns;
use reading::codec::csv::{CsvReader, Row};
use reading::codec::feed::{self, DeviceFrom};
use reading::codec::naming::{Model, Naming, Placed, Target};
use reading::codec::sparkplug::Hosts;
use reading::codec::toa5::Toa5;
use reading::codec::{self, CodecError, Feed, Format, Message as Said, native};
use reading::frame::Frame;
use reading::report::{Claim, Report, Road};
use reading::{SiteId, StationId, Timestamp};

use super::ImportArgs;
use crate::cli::replay::{NOT_UTF8, RecordedFrame, open};
use crate::config::{mapped_station, mapped_target};

/// The most readings of one message.
const READINGS_MAX: usize = 500;

const DAY_NANOS: i64 = 86_400_000_000_000;

/// The collector and topic of rows: nobody else sees them.
const FILE: &str = "import";

/// A message of a station.
pub struct Message {
    /// Its site.
    pub site: String,
    /// The station.
    pub station: String,
    /// What it would send.
    pub payload: Bytes,
    /// How many readings that are.
    pub readings: usize,
}

/// What comes next out of a file.
pub enum Next {
    /// A message.
    Message(Message),
    /// A line that cannot be read: which one, and why.
    Unread(String),
}

/// A file being read.
pub struct Reader {
    name: String,
    lines: Lines<Box<dyn BufRead>>,
    number: usize,
    form: Form,
    parcels: Parcels,
    ready: VecDeque<Next>,
    is_over: bool,
}

/// How a line is read.
enum Form {
    /// Readings by the name of their series.
    Table(CsvReader),
    /// A logger's columns, below these lines; which stand above every row that is read.
    Columns { feed: Box<Feed>, head: String },
    /// Recorded frames.
    Frames,
}

/// What is gathered of each station, and the day it is of.
#[derive(Default)]
struct Parcels(BTreeMap<(String, String), (i64, Vec<Claim<'static>>)>);

impl Reader {
    /// Opens a file and finds out what it is.
    ///
    /// # Errors
    /// If it cannot be read, or an argument is missing that says what it means.
    pub fn open(args: &ImportArgs) -> anyhow::Result<Self> {
        let name = args.file.display().to_string();
        let mut lines = open(&args.file)?.lines();
        let mut number = 0;
        let mut ready = VecDeque::new();
        let mut parcels = Parcels::default();
        let form = if is_frames(&args.file) {
            Form::Frames
        } else {
            let mut next = || -> anyhow::Result<String> {
                number += 1;
                let line = lines.next().with_context(|| format!("{name} is empty"))?;
                line.with_context(|| format!("cannot read {name}"))
            };
            let first = next()?;
            let first = first.strip_prefix('\u{feff}').unwrap_or(&first).to_owned();
            if first.starts_with("\"TOA5\"") || first.starts_with("TOA5") {
                let head = [first, next()?, next()?, next()?].join("\n") + "\n";
                Form::Columns { feed: Box::new(toa5(args, &head)?), head }
            } else if !args.map.is_empty() {
                let format = Format::Csv(columns(args)?);
                Form::Columns { feed: Box::new(feed_of(args, FILE, format)?), head: first + "\n" }
            } else {
                let mut reader = CsvReader::new(args.table.options()?);
                // Usually the names of the columns.
                let read = reader.read(&first);
                take(read, &format!("{name}:1"), &mut parcels, &mut ready);
                Form::Table(reader)
            }
        };
        Ok(Self { name, lines, number, form, parcels, ready, is_over: false })
    }

    /// What comes next; none at the end.
    ///
    /// # Errors
    /// If the file cannot be read on.
    pub fn next(&mut self) -> anyhow::Result<Option<Next>> {
        while self.ready.is_empty() && !self.is_over {
            match self.lines.next().transpose() {
                Ok(Some(line)) => self.line(&line)?,
                Ok(None) => {
                    self.is_over = true;
                    self.ready.extend(self.parcels.rest().map(Next::Message));
                }
                Err(error) if error.kind() == std::io::ErrorKind::InvalidData => {
                    self.number += 1;
                    let what = format!("{}:{}: {NOT_UTF8}", self.name, self.number);
                    self.ready.push_back(Next::Unread(what));
                }
                Err(error) => {
                    return Err(error).with_context(|| format!("cannot read {}", self.name));
                }
            }
        }
        Ok(self.ready.pop_front())
    }

    fn line(&mut self, line: &str) -> anyhow::Result<()> {
        self.number += 1;
        let place = format!("{}:{}", self.name, self.number);
        if line.trim().is_empty() {
            return Ok(());
        }
        match &mut self.form {
            Form::Table(reader) => {
                take(reader.read(line), &place, &mut self.parcels, &mut self.ready);
            }
            Form::Columns { feed, head } => {
                let text = format!("{head}{line}\n");
                match columns_of(feed, &text) {
                    Ok((_, Some(column))) => bail!(
                        "{place}: nobody said what the column `{column}` is: add --map '{column}=sensor/quantity' or --ignore '{column}'"
                    ),
                    Ok((claims, None)) => {
                        for (site, station, at, claim) in claims {
                            self.parcels.add(site, station, at, claim, &mut self.ready);
                        }
                    }
                    Err(error) => {
                        let inner = format!("line {}: ", head.lines().count() + 1);
                        let said = error.to_string().replace(&inner, "");
                        let what = format!("{place}: {}: {said}", error.name());
                        self.ready.push_back(Next::Unread(what));
                    }
                }
            }
            Form::Frames => {
                if let Err(error) = frame(line, &mut self.parcels, &mut self.ready) {
                    self.ready.push_back(Next::Unread(format!("{place}: {error:#}")));
                }
            }
        }
        Ok(())
    }
}

fn is_frames(path: &Path) -> bool {
    let name = path.to_string_lossy();
    name.strip_suffix(".gz").unwrap_or(&name).ends_with(".jsonl")
}

fn take(
    read: Result<Option<Row>, impl std::fmt::Display>,
    place: &str,
    parcels: &mut Parcels,
    ready: &mut VecDeque<Next>,
) {
    match read {
        Ok(None) => {}
        Ok(Some(row)) => {
            let claim = Claim {
                sensor: row.series.sensor.to_string().into(),
                quantity: row.series.quantity.name().into(),
                value: row.value,
                unit: row.unit.map(|unit| unit.symbol().into()),
                at: Some(row.measured_at),
            };
            let (site, station) = (row.series.site.to_string(), row.series.station.to_string());
            parcels.add(site, station, row.measured_at, claim, ready);
        }
        Err(error) => ready.push_back(Next::Unread(format!("{place}: {error}"))),
    }
}

/// A claim, of which station and when.
type Claimed = (String, String, Timestamp, Claim<'static>);

/// What a row below its head says, and the first column that nobody mapped.
fn columns_of(feed: &Feed, text: &str) -> Result<(Vec<Claimed>, Option<String>), CodecError> {
    let frame = Frame {
        source: FILE,
        topic: FILE,
        payload: text.as_bytes(),
        received_at: Timestamp::default(),
        retained: false,
    };
    let mut hosts = Hosts::default();
    let decoded = feed::decode(&frame, std::slice::from_ref(feed), &mut hosts, frame.received_at)?;
    let mut claims = Vec::new();
    for told in decoded.messages {
        let Said::Report(report) = told.message else { continue };
        for claim in report.claims {
            let Some(at) = claim.at.or(report.at) else { continue };
            let claim = Claim { at: Some(at), ..claim.into_owned() };
            // A gap in a logger's table is no reading.
            if claim.value.is_finite() {
                claims.push((report.site.into(), report.station.into(), at, claim));
            }
        }
    }
    Ok((claims, decoded.unmapped.into_iter().next().map(|unmapped| unmapped.metric)))
}

/// A frame that was recorded: what it says, at its own time or at that of its receipt.
fn frame(line: &str, parcels: &mut Parcels, ready: &mut VecDeque<Next>) -> anyhow::Result<()> {
    let recorded: RecordedFrame = serde_json::from_str(line)?;
    let received_at = Timestamp::parse(&recorded.at)?;
    let payload = recorded.bytes()?;
    let frame = Frame {
        source: FILE,
        topic: &recorded.topic,
        payload: &payload,
        received_at,
        retained: false,
    };
    if let Said::Report(report) = codec::decode(&frame)? {
        for claim in report.claims {
            let at = claim.at.or(report.at).unwrap_or(received_at);
            let claim = Claim { at: Some(at), ..claim.into_owned() };
            parcels.add(report.site.into(), report.station.into(), at, claim, ready);
        }
    }
    Ok(())
}

impl Parcels {
    fn add(
        &mut self,
        site: String,
        station: String,
        at: Timestamp,
        claim: Claim<'static>,
        ready: &mut VecDeque<Next>,
    ) {
        let day = at.nanos().div_euclid(DAY_NANOS);
        let key = (site, station);
        let (of, claims) = self.0.entry(key.clone()).or_insert((day, Vec::new()));
        if *of != day || claims.len() >= READINGS_MAX {
            let claims = std::mem::take(claims);
            ready.extend(message(&key, &claims).map(Next::Message));
        }
        let (of, claims) = self.0.entry(key).or_insert((day, Vec::new()));
        *of = day;
        claims.push(claim);
    }

    fn rest(&mut self) -> impl Iterator<Item = Message> + use<> {
        std::mem::take(&mut self.0)
            .into_iter()
            .filter_map(|(key, (_, claims))| message(&key, &claims))
    }
}

fn message((site, station): &(String, String), claims: &[Claim<'static>]) -> Option<Message> {
    let report = Report {
        site,
        station,
        seq: None,
        at: None,
        heard_at: None,
        road: Road::Backfill,
        claims: claims.to_vec(),
    };
    (!claims.is_empty()).then(|| Message {
        site: site.clone(),
        station: station.clone(),
        payload: native::encode(&report).into(),
        readings: claims.len(),
    })
}

/// How a logger's file is read; it names the device itself.
fn toa5(args: &ImportArgs, head: &str) -> anyhow::Result<Feed> {
    let offset = args.table.offset()?.context(
        "a TOA5 file has local times: say with --assume-offset how far east the logger's clock is",
    )?;
    let format = Format::Toa5(Toa5 { offset, columns: Vec::new() });
    // `"TOA5","slope-7",…`: the logger, whatever it is called here.
    let logger = head.split(',').nth(1).unwrap_or_default().trim_matches('"');
    feed_of(args, logger, format)
}

fn columns(args: &ImportArgs) -> anyhow::Result<Columns> {
    Ok(Columns {
        delimiter: ',',
        names: Vec::new(),
        at: Some(args.time.clone()),
        stamps: args.table.options()?.stamps,
        device: None,
        metric: None,
        value: None,
        unit: None,
    })
}

/// A feed that reads the file: one device, which is --station.
fn feed_of(args: &ImportArgs, device: &str, format: Format) -> anyhow::Result<Feed> {
    let station =
        args.station.as_deref().context("say whose file it is: --station site/station")?;
    let (site, station): (SiteId, StationId) =
        mapped_station(station).map_err(|fault| anyhow::anyhow!("--station: {fault}"))?;
    let mut metrics: BTreeMap<String, Target> = BTreeMap::new();
    for map in &args.map {
        let Some((name, target)) = map.split_once('=') else {
            bail!("--map: `{map}` has no `=`: write NAME=sensor/quantity");
        };
        let target = mapped_target(target).map_err(|fault| anyhow::anyhow!("--map: {fault}"))?;
        metrics.insert(name.into(), target);
    }
    if metrics.is_empty() {
        bail!("say what the columns are: --map NAME=sensor/quantity, and --ignore NAME for others");
    }
    Ok(Feed {
        source: FILE.into(),
        filter: "#".into(),
        device: DeviceFrom::Topic,
        format,
        naming: Naming {
            devices: BTreeMap::from([(
                device.into(),
                Placed { site, station, model: 0, shared: false },
            )]),
            models: vec![Model { metrics, ignored: args.ignore.clone() }],
        },
        backfill: true,
    })
}
