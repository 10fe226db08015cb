//! Lines, tables and frames over pseudo-terminals.

use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;

use firmware_sim::link::serial::{self, Speech};
use firmware_sim::link::{lines, mqtt::Totals, toa5};
use firmware_sim::scenario::{SensorPlan, StationPlan};
use firmware_sim::{Scenario, World};
use ingest::collector::event::Role;
use ingest::collector::serial::config::{Framing, LineConfig, PortConfig};
use ingest::collector::serial::port;
use reading::Timestamp;
use reading::codec::csv::UtcOffset;
use reading::codec::pattern::{LineField, LineForm, LineTime, Pattern};
use reading::codec::toa5::Toa5;
use reading::codec::{Feed, Format, PortForm, Speaker};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::heard::{Hand, feed_of, heard, long_until, measured, small};
use crate::support::{Bench, Recording, soon};

const SEED: u64 = 7;

/// A field on wires in a folder, and a collector for each.
struct Cabinet {
    folder: TempDir,
    hand: Hand,
    field: JoinHandle<Totals>,
    stop: CancellationToken,
    intake: Arc<Recording>,
    bench: Bench,
    ports: Vec<JoinHandle<()>>,
}

impl Cabinet {
    async fn open(
        scenario: &Scenario,
        speech: Speech,
        framing: Framing,
        intake: Arc<Recording>,
    ) -> Self {
        let folder = TempDir::new().unwrap();
        let hand = Hand::at(scenario.start);
        let (pace, stop) = (hand.pace(), CancellationToken::new());
        let world = World::new(scenario, SEED).until(scenario.end());
        let (path, stopped) = (folder.path().to_owned(), stop.clone());
        let field = tokio::spawn(async move {
            // the messages before the first report lay the wires
            serial::publish(world, &path, &speech, &pace, stopped).await.unwrap()
        });
        let bench = Bench::new();
        let mut ports = Vec::new();
        for station in scenario.stations(&scenario.sites()[0]) {
            let path = folder.path().join(format!("slope-1--{}", station.id));
            long_until("the wire is laid", || path.exists()).await;
            let config = PortConfig {
                name: station.id.to_string(),
                line: LineConfig::new(path, 115_200),
                framing,
            };
            ports.push(port::start(config, intake.clone(), &bench.wiring));
        }
        let up = || bench.metric("ingest_connected") >= ports.len() as f64;
        long_until("every port is open", up).await;
        bench.told.up(Role::Telemetry).await;
        Self { folder, hand, field, stop, intake, bench, ports }
    }

    /// Lets the field say all it has.
    async fn run(&self, scenario: &Scenario) {
        self.hand.move_to(scenario.end());
    }

    async fn close(self) -> Totals {
        self.bench.wiring.cancel.cancel();
        for port in self.ports {
            soon("a port ends", port).await.unwrap();
        }
        self.stop.cancel();
        let totals = soon("the field ends", self.field).await.unwrap();
        let left = std::fs::read_dir(self.folder.path()).unwrap().count();
        assert_eq!(left, 0, "no link is left behind");
        totals
    }
}

fn path_of(folder: &Path, station: &StationPlan) -> String {
    folder.join(format!("slope-1--{}", station.id)).display().to_string()
}

fn speaker(station: &StationPlan) -> Speaker {
    Speaker { site: "slope-1".parse().unwrap(), station: station.id.clone() }
}

fn port_feeds(
    scenario: &Scenario,
    folder: &Path,
    format: impl Fn(&StationPlan) -> PortForm,
) -> Vec<Feed> {
    let stations = scenario.stations(&scenario.sites()[0]).iter();
    let feed = |station: &StationPlan| {
        let form = Format::Port(format(station));
        feed_of(scenario, station.id.as_str(), &path_of(folder, station), form, |it| {
            it.id.to_string()
        })
    };
    stations.map(feed).collect()
}

fn line_form(station: &StationPlan) -> PortForm {
    let field = |(number, sensor): (usize, &SensorPlan)| LineField {
        group: format!("v{number}"),
        sensor: sensor.id.clone(),
        quantity: sensor.quantity,
        unit: Some(sensor.quantity.base_unit()),
    };
    PortForm::Lines(vec![LineForm {
        pattern: Pattern::new(&lines::pattern(station)).unwrap(),
        speaker: speaker(station),
        fields: station.sensors.iter().enumerate().map(field).collect(),
        time: Some(LineTime { group: lines::TIME.into(), format: String::new(), offset_s: 0 }),
    }])
}

/// Whether everything was heard as it was measured, except the first report of a station: who opens a port in the
/// middle of a line cannot know where it began.
fn all_but_the_first(scenario: &Scenario, intake: &Recording, feeds: &[Feed]) -> bool {
    let (said, expected) = (heard(&intake.frames(), feeds).0, measured(scenario, SEED));
    let first = |(station, series, at): &(String, String, String)| {
        let of_series = expected.keys().filter(|(of, name, _)| of == station && name == series);
        of_series.map(|(.., at)| at).min() == Some(at)
    };
    let wrong = said.iter().find(|(key, value)| expected.get(*key) != Some(*value));
    assert_eq!(wrong, None, "nobody measured this");
    expected.keys().all(|key| said.contains_key(key) || first(key))
}

#[tokio::test]
async fn lines_of_text_are_heard_to_the_last_value() {
    let scenario = small("");
    let cabinet = Cabinet::open(&scenario, Speech::Lines, Framing::Lines, Recording::open()).await;
    let feeds = port_feeds(&scenario, cabinet.folder.path(), line_form);
    cabinet.run(&scenario).await;
    long_until("all is heard", || all_but_the_first(&scenario, &cabinet.intake, &feeds)).await;
    assert_eq!(cabinet.close().await.forgotten, 0);
}

#[tokio::test]
async fn tables_of_a_logger_are_heard_to_the_last_value() {
    let scenario = small("");
    let cabinet = Cabinet::open(&scenario, Speech::Toa5, Framing::Toa5, Recording::open()).await;
    let offset = UtcOffset::parse(toa5::OFFSET).unwrap();
    let form = || Format::Toa5(Toa5 { offset, columns: Vec::new() });
    let feed = |station: &StationPlan| {
        let path = path_of(cabinet.folder.path(), station);
        feed_of(&scenario, station.id.as_str(), &path, form(), |it| it.id.to_string())
    };
    let feeds: Vec<Feed> = scenario.stations(&scenario.sites()[0]).iter().map(feed).collect();
    cabinet.run(&scenario).await;
    long_until("all is heard", || all_but_the_first(&scenario, &cabinet.intake, &feeds)).await;
    cabinet.close().await;
}

#[tokio::test]
async fn frames_are_kept_until_they_are_on_disk_and_damaged_ones_are_said_again() {
    let scenario = small("flip = 0.3");
    let cabinet = Cabinet::open(&scenario, Speech::Frames, Framing::Link, Recording::shut()).await;
    let feeds =
        port_feeds(&scenario, cabinet.folder.path(), |station| PortForm::Link(speaker(station)));
    cabinet.run(&scenario).await;
    cabinet.intake.is_asked(1).await;
    assert_eq!(cabinet.intake.len(), 0, "the disk is full");
    cabinet.intake.set_open(true);
    let expected = measured(&scenario, SEED);
    long_until("all is heard", || heard(&cabinet.intake.frames(), &feeds).0 == expected).await;
    let (_, refused) = heard(&cabinet.intake.frames(), &feeds);
    assert!(refused > 0, "some were damaged on the way");
    long_until("each is answered", || cabinet.field.is_finished()).await;
    let totals = cabinet.close().await;
    println!("{totals:?}, {refused} refused");
    assert_eq!(totals.acknowledged, totals.sent, "nothing is owed");
    assert!(totals.repeated > 0 && totals.buffered > 0 && totals.forgotten == 0);
}

#[tokio::test]
async fn a_flipped_bit_on_a_line_is_seen_as_what_it_is() {
    let scenario = small("flip = 1.0");
    let cabinet = Cabinet::open(&scenario, Speech::Lines, Framing::Lines, Recording::open()).await;
    let feeds = port_feeds(&scenario, cabinet.folder.path(), line_form);
    cabinet.run(&scenario).await;
    let expected = measured(&scenario, SEED);
    long_until("much of it is heard", || cabinet.intake.len() > 40).await;
    let (said, refused) = heard(&cabinet.intake.frames(), &feeds);
    println!("{} of {} values came, {refused} lines were refused", said.len(), expected.len());
    assert!(refused > 0 && said != expected);
    cabinet.close().await;
}

/// What a reader in Python that knows nothing of ours hears of `post-1`; none where there is no Python.
async fn read_by_others(speech: Speech, form: &'static str) -> Option<Vec<String>> {
    let scenario = small("");
    let folder = TempDir::new().unwrap();
    let (hand, stop) = (Hand::at(scenario.start), CancellationToken::new());
    let (world, pace) = (World::new(&scenario, SEED).until(scenario.end()), hand.pace());
    let (ports, stopped) = (folder.path().to_owned(), stop.clone());
    let field = tokio::spawn(async move {
        serial::publish(world, &ports, &speech, &pace, stopped).await.unwrap()
    });
    let path = folder.path().join("slope-1--post-1");
    long_until("the wire is laid", || path.exists()).await;
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/field/wire_reader.py");
    let count =
        measured(&scenario, SEED).keys().filter(|(station, ..)| station == "post-1").count();
    let mut reader = Command::new("python3");
    reader.arg(program).arg(path).args([form, &count.to_string()]);
    let Ok(mut reader) = reader.stdout(Stdio::piped()).kill_on_drop(true).spawn() else {
        assert!(std::env::var_os("BONGSU_REQUIRE_SERVERS").is_none(), "python3 is not installed");
        println!("skipped: python3 not installed");
        return None;
    };
    let mut lines = BufReader::new(reader.stdout.take().unwrap()).lines();
    assert_eq!(lines.next_line().await.unwrap().as_deref(), Some("open"));
    hand.move_to(scenario.end());
    let mut said = Vec::new();
    while let Some(line) = lines.next_line().await.unwrap() {
        said.push(line);
    }
    assert!(reader.wait().await.unwrap().success());
    stop.cancel();
    soon("the field ends", field).await.unwrap();
    Some(said)
}

/// What `post-1` measures, as that reader says it.
fn post_1() -> Vec<String> {
    let all = measured(&small(""), SEED);
    let mut lines: Vec<String> = all
        .into_iter()
        .filter(|((station, ..), _)| station == "post-1")
        .map(|((_, series, at), value)| {
            let at = Timestamp::parse(&at).unwrap().nanos() / 1_000_000;
            format!("{series} {at} {value}")
        })
        .collect();
    lines.sort_unstable();
    lines
}

#[tokio::test]
async fn tables_are_read_by_the_csv_of_python_to_the_last_value() {
    let Some(said) = read_by_others(Speech::Toa5, "toa5").await else { return };
    assert_eq!(said, post_1());
}

#[tokio::test]
async fn frames_are_read_and_answered_by_a_program_that_knows_the_definition_alone() {
    let Some(said) = read_by_others(Speech::Frames, "frames").await else { return };
    assert_eq!(said, post_1());
}
