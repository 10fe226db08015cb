//! A desk that is fed from files: rows and frames become records, and what it decides is told.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use alerting::catalogue::Language;
use alerting::engine::ALIVE_MAX;
use alerting::{Action, AttemptResult, Decision, DeliveryKey, Hazard, Level, Outcome};
use anyhow::Context;
use ingest::journal::{Kind, Record};
use reading::codec::csv::{CsvOptions, CsvReader, Row};
use reading::codec::native;
use reading::report::{Claim, Report, Road};
use reading::{Reading, SiteId, Timestamp};

use super::{RecordedFrame, lines};
use crate::cli::compare::Played;
use crate::cli::expect::Reached;
use crate::cli::timeline::Lines;
use crate::config::Config;
use crate::desk::events::{CollectorEvent, payload};
use crate::desk::{Carried, Desk};

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
    pub(super) desk: Desk,
    pub(super) carried: Carried,
    pub(super) sequence: u64,
    pub(super) at: Timestamp,
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
    pub(super) begun: Option<Timestamp>,
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
        for line in lines(path)? {
            let (number, line) = line?;
            let row = reader.read(&line).with_context(|| format!("{}:{number}", path.display()))?;
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
        for line in lines(path)? {
            let (number, line) = line?;
            let place = || format!("{}:{number}", path.display());
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
        match (self.refused, self.rows) {
            (0, _) => {}
            (refused, 0) => eprintln!("{refused} readings or frames refused"),
            (refused, rows) => eprintln!("{refused} of {rows} rows refused"),
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

    pub(super) fn feed(
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
    pub(super) fn tell(&mut self) -> anyhow::Result<()> {
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
