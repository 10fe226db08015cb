//! `bongsu demo`: the whole road on this machine alone, in simulated time.

mod mail;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use alerting::catalogue::Language;
use alerting::{Action, Decision, DeliveryState, Level};
use anyhow::{Context, bail};
use firmware_sim::link::field::Field;
use firmware_sim::link::mqtt::{Connections, Options, Totals};
use firmware_sim::link::session::Address;
use firmware_sim::siren::{self, Siren};
use firmware_sim::{Pace, Scenario, World};
use ingest::clock::Clock;
use reading::Timestamp;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use mail::MailCatcher;

use super::timeline::Lines;
use super::{asked_to_stop, failed};
use crate::board::Role;
use crate::config::{ChannelKind, Config, DEMO_CONTACTS};
use crate::daemon::{ClockTrust, Daemon};
use crate::logging::{self, LogFormat};

/// How many connections the simulated field shares.
const CONNECTIONS: usize = 4;

/// Shows the whole road on this machine alone: simulated slopes in a typhoon, a broker, alerts, sirens, the board
#[derive(Clone, Debug, clap::Args)]
pub struct DemoArgs {
    /// End by itself after this much real time, say 90s
    #[arg(long = "for", value_name = "TIME", value_parser = duration)]
    pub run_for: Option<Duration>,
    /// How many times as fast as real time
    #[arg(long, default_value_t = 600.0)]
    pub speed: f64,
    /// What happens in the field
    #[arg(long, default_value = "typhoon")]
    pub scenario: String,
    /// Where the board is served
    #[arg(long, default_value = "127.0.0.1:8080")]
    pub http: SocketAddr,
    /// Where data is kept; a folder of its own that is removed at the end, if not given
    #[arg(long)]
    pub data_dir: Option<PathBuf>,
    /// All chance comes from it
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// No field of its own: say how firmware-sim plays it in a process of its own, by the same clock
    #[arg(long)]
    pub without_field: bool,
}

/// Reads `90s`, `2min` or plain seconds.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let factor = match &text[digits.len()..] {
        "" | "s" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3_600.0,
        other => return Err(format!("`{other}` is not a unit: write 90s, 5min or 1h")),
    };
    let number: f64 =
        digits.parse().map_err(|_| format!("`{text}` is not a time: write 90s, 5min or 1h"))?;
    Duration::try_from_secs_f64(number * factor).map_err(|error| error.to_string())
}

/// Runs it.
pub fn run(args: &DemoArgs, language: Language) -> ExitCode {
    let _log = logging::start(LogFormat::Text, "warn");
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&error.into()),
    };
    match runtime.block_on(play(args, language)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(&error),
    }
}

async fn play(args: &DemoArgs, language: Language) -> anyhow::Result<()> {
    let stop = asked_to_stop()?;
    if !(args.speed.is_finite() && (1.0..=100_000.0).contains(&args.speed)) {
        bail!("--speed must lie between 1 and 100000");
    }
    if !args.http.ip().is_loopback() {
        bail!("the demo listens on loopback only; give --http 127.0.0.1:PORT");
    }
    let scenario = Scenario::load(&args.scenario)?;
    let began_at = Clock::system().wall();
    let clock = Clock::simulated(scenario.start, args.speed);
    let own_folder = Folder::new(args.data_dir.clone())?;
    let mut config = match Config::demo() {
        Ok(config) => config.for_simulated_clock(args.speed),
        Err(problems) => bail!("the demo's own configuration is bad: {:?}", problems.iter().next()),
    };
    config.data_dir = own_folder.path().join("data");
    config.http.listen = args.http;
    let catcher = MailCatcher::open(&own_folder.path().join("mail")).await?;
    for channel in &mut config.channels {
        if let ChannelKind::Mail(mail) = &mut channel.kind {
            mail.port = catcher.port()?;
        }
    }
    let contacts = own_folder.path().join("contacts.csv");
    std::fs::write(&contacts, DEMO_CONTACTS)?;
    config.contacts = Some(contacts);
    let _mail = AbortOnDropHandle::new(tokio::spawn(catcher.run(language)));

    let daemon = Daemon::start(config, clock.clone(), ClockTrust::Given).await?;
    let broker = daemon.broker.context("the demo's configuration has no embedded broker")?;
    let link = daemon.tokens.one_time_link("demo", Role::Administrator)?;
    greet(&daemon, &link, broker, args, language);
    let field = CancellationToken::new();
    let mut devices = JoinSet::new();
    if args.without_field {
        say_field(broker, began_at, args, language);
    } else {
        play_field(&mut devices, &scenario, broker, &clock, args, &field);
    }
    println!();

    let teller = tokio::spawn(tell(
        daemon.ledger.clone(),
        daemon.progress.clone(),
        daemon.setup().clone(),
        language,
    ));
    let (ledger, overview) = (daemon.ledger.clone(), daemon.overview.clone());
    let ends = async {
        match args.run_for {
            Some(run_for) => tokio::time::sleep(run_for).await,
            None => std::future::pending().await,
        }
    };
    let (stopping, field_stop) = (field.clone(), field);
    daemon
        .run_until(async move {
            tokio::select! {
                () = stop => {}
                () = ends => {}
            }
            stopping.cancel();
        })
        .await?;
    field_stop.cancel();
    let mut totals = Totals::default();
    while let Some(device) = devices.join_next().await {
        let device = device?;
        totals.sent += device.sent;
        totals.acknowledged += device.acknowledged;
    }
    teller.abort();
    summarise(&ledger, &overview, totals, language)
}

fn greet(daemon: &Daemon, link: &str, broker: SocketAddr, args: &DemoArgs, language: Language) {
    let base = format!("http://{}", daemon.http);
    let say = |key: &'static str, value: &str| {
        println!("{}", alerting::catalogue::fill(key, language, &[value]))
    };
    say("demo-title", &args.speed.to_string());
    say("demo-board", &format!("{base}{link}"));
    say("demo-cap", &format!("{base}/cap/feed.atom"));
    say("demo-broker", &format!("mqtt://{broker}"));
}

/// How the field is played by another process: what it needs to have the same clock.
fn say_field(broker: SocketAddr, began_at: Timestamp, args: &DemoArgs, language: Language) {
    let DemoArgs { scenario, speed, seed, .. } = args;
    let command = format!(
        "firmware-sim run --scenario {scenario} --mqtt mqtt://{broker} --speed {speed} --since {began_at} --seed {seed}"
    );
    println!("{}", alerting::catalogue::fill("demo-field", language, &[&command]));
}

/// Starts the stations and sirens of the scenario, in this process and by its clock.
fn play_field(
    devices: &mut JoinSet<Totals>,
    scenario: &Scenario,
    broker: SocketAddr,
    clock: &Clock,
    args: &DemoArgs,
    stop: &CancellationToken,
) {
    let address = Address::new(&broker.ip().to_string(), broker.port());
    let pace = {
        let clock = clock.clone();
        Pace::new(move || clock.wall(), args.speed)
    };
    for (site, station) in scenario.sirens() {
        let siren = Siren::new(site, station, siren::Settings::default());
        let (address, pace, stop) = (address.clone(), pace.clone(), stop.clone());
        devices.spawn(async move {
            siren.run(&address, &pace, stop).await;
            Totals::default()
        });
    }
    let world = Field::new(World::new(scenario, args.seed), scenario.end());
    let options = Options {
        address,
        connections: Connections::Shared { client_id: "field".into(), count: CONNECTIONS },
        until_stored: None,
        field: Some(world.clone()),
    };
    let stop = stop.clone();
    devices.spawn(
        async move { firmware_sim::link::mqtt::publish(world, &options, &pace, stop).await },
    );
}

/// Prints a line for each thing that happens.
async fn tell(
    ledger: std::sync::Arc<delivery::Ledger>,
    mut progress: tokio::sync::watch::Receiver<crate::desk::run::Progress>,
    setup: alerting::setup::Setup,
    language: Language,
) {
    let lines = Lines { setup: &setup, language };
    let (mut last, mut decided) = (0, u64::MAX);
    loop {
        let now = progress.borrow_and_update().decided;
        if now != decided {
            decided = now;
            let ledger = ledger.clone();
            let news = tokio::task::spawn_blocking(move || ledger.decisions_after(last, 500)).await;
            let Ok(Ok(news)) = news else { return };
            for row in news {
                last = row.id;
                // boxes come, miss a number and are asked again all night: the board has that
                if matches!(row.decision, Decision::Station { .. }) {
                    continue;
                }
                if let Some(line) = lines.line(&Action::Decide(row.decision)) {
                    println!("{line}");
                }
            }
        }
        if progress.changed().await.is_err() {
            return;
        }
    }
}

fn summarise(
    ledger: &delivery::Ledger,
    overview: &crate::overview::Shared,
    totals: Totals,
    language: Language,
) -> anyhow::Result<()> {
    let overview = overview.load();
    let state =
        |state| delivery::ledger::DeliveryFilter { state: Some(state), ..Default::default() };
    let count = |wanted| ledger.deliveries(&state(wanted), 10_000).map(|rows| rows.len());
    let (delivered, expired) = (count(DeliveryState::Delivered)?, count(DeliveryState::Expired)?);
    let severe = overview.sites.iter().filter(|site| site.level == Level::Severe).count();
    let balance = overview.balances.iter().map(|b| (b.received, b.admitted, b.holds()));
    let (received, admitted, holds) = balance
        .fold((0, 0, true), |(r, a, h), (received, admitted, holds)| {
            (r + received, a + admitted, h && holds)
        });
    println!();
    let values = [
        totals.sent.to_string(),
        received.to_string(),
        admitted.to_string(),
        severe.to_string(),
        delivered.to_string(),
        expired.to_string(),
    ];
    let values: Vec<&str> = values.iter().map(String::as_str).collect();
    println!("{}", alerting::catalogue::fill("demo-summary", language, &values));
    if !holds {
        bail!("the balance of frames and readings does not hold");
    }
    Ok(())
}

/// A folder of our own that is removed at the end, or the one that was asked for.
enum Folder {
    Given(PathBuf),
    Own(PathBuf),
}

impl Folder {
    fn new(given: Option<PathBuf>) -> anyhow::Result<Self> {
        if let Some(path) = given {
            return Ok(Self::Given(path));
        }
        let path = std::env::temp_dir().join(format!("bongsu-demo-{}", std::process::id()));
        std::fs::create_dir_all(&path)
            .with_context(|| format!("cannot make {}", path.display()))?;
        Ok(Self::Own(path))
    }

    fn path(&self) -> &PathBuf {
        match self {
            Self::Given(path) | Self::Own(path) => path,
        }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Self::Own(path) = self {
            std::fs::remove_dir_all(path).ok();
        }
    }
}
