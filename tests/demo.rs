//! The demo as a stranger runs it, and the field it plays against the configuration it is judged by.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use bongsu::config::{ChannelKind, Config};
use common::daemon::{PROGRAM, Said, told};
use common::{eventually, journal};
use firmware_sim::Scenario;
use reading::Timestamp;

/// The demo's time runs so many times as fast, unless told otherwise.
const SPEED: u32 = 600;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g09_the_demo_shows_an_incident_soon_severe_within_a_minute_and_ends_by_itself() {
    rustls::crypto::ring::default_provider().install_default().ok();
    let mut demo = Command::new(PROGRAM)
        .args(["demo", "--for", "40s", "--seed", "7", "--lang", "en", "--http", "127.0.0.1:0"])
        .env_remove("BONGSU_LOG")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let (said, complaints) =
        (Said::collect(demo.stdout.take().unwrap()), Said::collect(demo.stderr.take().unwrap()));
    let board = eventually("it says where the board is", || async {
        said.lines().iter().find_map(|line| Some(line.split_once("http://")?.1.to_owned()))
    })
    .await;
    let origin = board.split('/').next().unwrap();
    let feed = reqwest::get(format!("http://{origin}/cap/feed.atom")).await.unwrap();
    assert!(feed.status().is_success());

    let status = eventually("it ends by itself", || {
        let ended = demo.try_wait().unwrap();
        async move { ended }
    })
    .await;
    let (lines, complaints) = (said.lines(), complaints.lines());
    assert_eq!(status.code(), Some(0), "{lines:#?}\n{complaints:#?}");
    assert!(!complaints.iter().any(|line| line.contains("ERROR")), "{complaints:#?}");

    let start = Scenario::load("typhoon").unwrap().start;
    let moves: Vec<(Timestamp, &String)> = lines
        .iter()
        .filter(|line| line.contains(" → "))
        .map(|line| (printed(line), line))
        .collect();
    let (first, line) = moves.first().expect("something happens");
    assert!(*first <= start.plus(Duration::from_secs(15) * SPEED), "too late: {line}");
    let (severe, line) =
        moves.iter().find(|(_, line)| line.contains("→ Severe")).expect("severe comes");
    assert!(*severe <= start.plus(Duration::from_secs(60) * SPEED), "too late: {line}");

    let summary = lines.iter().rfind(|line| !line.is_empty()).unwrap();
    let digits = |c: char| !c.is_ascii_digit();
    let numbers: Vec<u64> =
        summary.split(digits).filter_map(|number| number.parse().ok()).collect();
    let [sent, received, admitted, severe, delivered, expired] = numbers[..] else {
        panic!("{summary}")
    };
    assert!(sent > 1_000 && received > 1_000 && admitted > received, "{summary}");
    assert!(severe >= 1 && delivered >= 1, "{summary}");
    assert_eq!(expired, 0, "{summary}");
}

/// `firmware-sim`, if it stands beside the program under test, as it does when the whole workspace is tested.
fn simulator() -> Option<PathBuf> {
    let path = Path::new(PROGRAM).with_file_name("firmware-sim");
    if !path.is_file() {
        assert!(std::env::var_os("BONGSU_REQUIRE_SERVERS").is_none(), "{path:?} is not built");
        println!("skipped: firmware-sim is not built");
        return None;
    }
    Some(path)
}

/// A process that does not outlive its test.
struct Process(Child);

impl Process {
    fn start(mut command: Command) -> (Self, Said) {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let said = Said::collect(child.stdout.take().unwrap());
        (Self(child), said)
    }

    async fn stop(&mut self) {
        let id = self.0.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        eventually("it ends", || {
            let ended = self.0.try_wait().unwrap();
            async move { ended }
        })
        .await;
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g09_a_field_in_a_process_of_its_own_stands_on_the_demos_clock() {
    let Some(simulator) = simulator() else { return };
    let folder = tempfile::TempDir::new().unwrap();
    let mut demo = Command::new(PROGRAM);
    demo.args(["demo", "--without-field", "--seed", "7", "--lang", "en", "--http", "127.0.0.1:0"])
        .arg("--data-dir")
        .arg(folder.path())
        .env_remove("BONGSU_LOG");
    let (mut demo, said) = Process::start(demo);
    let arguments = eventually("it says how the field is played", || async {
        said.lines().iter().find_map(|line| Some(line.split_once("firmware-sim ")?.1.to_owned()))
    })
    .await;
    let mut field = Command::new(simulator);
    field.args(arguments.split(' '));
    let (mut field, _) = Process::start(field);
    let warned = eventually("the level is reached", || async {
        said.lines()
            .into_iter()
            .find(|line| line.contains("cut-slope-01 ") && line.contains("→ Warning"))
    })
    .await;
    field.stop().await;
    demo.stop().await;

    let start = Scenario::load("typhoon").unwrap().start;
    let warned_at = printed(&warned);
    assert!(warned_at > start, "before anything moved: {warned}");
    let delays: Vec<f64> = journal::frames(&folder.path().join("data"))
        .iter()
        .filter(|record| record.topic.ends_with("/telemetry"))
        .filter_map(|record| {
            let measured_at = Timestamp::parse(record.json()["at"].as_str()?).ok()?;
            Some(record.at.hours_since(measured_at))
        })
        .collect();
    assert!(delays.len() > 100, "{} reports came", delays.len());
    let least = delays.iter().copied().fold(f64::INFINITY, f64::min);
    // wrong by their crystals, and by what two processes need to ask one clock; the nearest came within seconds of real time
    assert!((-0.05..1.0).contains(&least), "the clocks differ by {least} h");
}

#[tokio::test]
async fn nobody_gives_a_daemon_in_earnest_another_clock() {
    for option in ["--speed", "--since"] {
        let (status, said) = told(&["run", option, "60", "--lang", "en"]).await;
        assert_eq!(status, 2, "{said}");
        assert!(said.contains(option), "{said}");
    }
}

/// The moment at the beginning of a line, in Korean time.
fn printed(line: &str) -> Timestamp {
    let (moment, _) = line.split_once(" KST").expect("lines begin with a moment in Korean time");
    Timestamp::parse(&format!("{}+09:00", moment.replace(' ', "T"))).unwrap()
}

#[test]
fn everything_the_typhoon_plays_is_configured_and_nothing_else() {
    let scenario = Scenario::load("typhoon").unwrap();
    let config = Config::demo().unwrap();
    let registry = &config.setup.registry;

    let played: BTreeSet<(String, String)> = scenario
        .sites()
        .iter()
        .map(|site| (site.id.to_string(), format!("{:?}", site.kind)))
        .collect();
    let configured =
        registry.sites().iter().map(|site| (site.id.to_string(), format!("{:?}", site.kind)));
    assert_eq!(configured.collect::<BTreeSet<_>>(), played);

    let mut played = BTreeSet::new();
    for site in scenario.sites() {
        for station in scenario.stations(site) {
            let series = station.sensors.iter().map(|sensor| (&sensor.id, sensor.quantity));
            played.extend(series.map(|(sensor, quantity)| {
                format!("{}/{}/{sensor}/{quantity}", site.id, station.id)
            }));
        }
    }
    let configured: BTreeSet<String> =
        registry.series().iter().map(|series| series.name.to_string()).collect();
    assert_eq!(configured, played);

    let played: BTreeSet<(String, String)> =
        scenario.sirens().map(|(site, station)| (site.to_string(), station.to_string())).collect();
    let mut commanded = BTreeSet::new();
    for channel in &config.channels {
        let ChannelKind::Siren(siren) = &channel.kind else { continue };
        assert!(siren.simulated, "{}: a demo energises nothing", channel.id);
        commanded.extend(
            siren.sirens.values().map(|(site, station)| (site.to_string(), station.to_string())),
        );
    }
    assert_eq!(commanded, played);
    for (site, station) in &played {
        let site = registry.site(site).unwrap();
        assert!(registry.station(site, station).is_some(), "{station} answers and must be known");
    }
    for station in registry.stations() {
        let site = &registry.sites()[station.site.index()];
        let plan = scenario.sites().iter().find(|plan| plan.id == site.id).unwrap();
        let interval = scenario.stations(plan).iter().find(|plan| plan.id == station.id);
        if let Some(plan) = interval {
            assert_eq!(
                station.report_interval.as_secs(),
                u64::from(plan.report_s),
                "{}/{}",
                site.id,
                station.id
            );
        }
    }
}
