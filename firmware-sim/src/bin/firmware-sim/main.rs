//! `firmware-sim`: the simulated field against a broker or into a file, and a flood of messages to measure with.

mod run;
mod wiring;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::{Args, Parser, Subcommand};
use firmware_sim::link::session::Address;
use firmware_sim::{Scenario, flood, pace, picture, plot, scenario};
use tokio_util::sync::CancellationToken;

/// The simulated field: slopes, instruments, gateways and sirens, from a scenario and a seed.
#[derive(Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run a scenario against a broker or on wires, or write its messages to a file as fast as possible
    Run(Box<run::Run>),
    /// Print the collectors that a bongsu.toml needs to hear a scenario
    Wiring(wiring::Wiring),
    /// List the scenarios that come with the program, each with a small picture
    List(List),
    /// Draw a site of a scenario as SVG: what is true, what instruments said, which levels are expected
    Plot(Plot),
    /// Print which levels a scenario is expected to raise, for `bongsu replay --expect`
    Expect(Expect),
    /// Flood a broker with numbered telemetry and say how fast it went
    Flood(Flood),
}

#[derive(Args)]
struct List {
    /// Names alone, one a line
    #[arg(long)]
    names: bool,
}

#[derive(Args)]
struct Plot {
    /// An embedded scenario, or the path of a .toml file
    #[arg(long, default_value = "typhoon")]
    scenario: String,
    /// Which site; the first one if not given
    #[arg(long)]
    site: Option<String>,
    /// Where all chance comes from
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// A file of expected levels; that of an embedded scenario if not given
    #[arg(long, value_name = "FILE")]
    expect: Option<PathBuf>,
    /// The file to write, or - for standard output
    #[arg(long, value_name = "FILE", default_value = "-")]
    out: PathBuf,
}

#[derive(Args)]
struct Expect {
    /// An embedded scenario
    scenario: String,
}

#[derive(Args)]
struct Flood {
    /// A broker: mqtt://[user:password@]host[:port]
    #[arg(long, value_name = "URL")]
    mqtt: Address,
    /// How many stations speak
    #[arg(long, default_value_t = 100)]
    stations: u32,
    /// How many messages in all
    #[arg(long, default_value_t = 100_000)]
    messages: u64,
    /// Messages a second in all; 0 for as fast as it goes
    #[arg(long, default_value_t = 0.0)]
    rate: f64,
    /// Readings in each message
    #[arg(long, default_value_t = 1)]
    readings_per_message: u32,
    /// Connections the stations share
    #[arg(long, default_value_t = 1)]
    connections: u32,
}

#[tokio::main]
async fn main() -> ExitCode {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    match dispatch(Cli::parse().command).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("firmware-sim: {error:#}");
            ExitCode::from(if error.is::<firmware_sim::scenario::ScenarioError>() {
                78
            } else {
                70
            })
        }
    }
}

async fn dispatch(command: Command) -> anyhow::Result<()> {
    let stop = CancellationToken::new();
    let on_signal = stop.clone();
    tokio::spawn(async move {
        tokio::signal::ctrl_c().await.ok();
        on_signal.cancel();
    });
    match command {
        Command::List(how) => list(how.names),
        Command::Plot(plot) => draw(&plot),
        Command::Expect(what) => tell_expected(&what.scenario),
        Command::Run(run) => run.start(stop).await,
        Command::Wiring(wiring) => wiring.print(),
        Command::Flood(plan) => run_flood(plan, stop).await,
    }
}

fn list(names: bool) -> anyhow::Result<()> {
    for name in scenario::embedded() {
        if names {
            println!("{name}");
        } else {
            println!("{}", picture::of(&Scenario::load(name)?, 1));
        }
    }
    Ok(())
}

fn draw(plot: &Plot) -> anyhow::Result<()> {
    let scenario = Scenario::load(&plot.scenario)?;
    let wanted = |site: &&scenario::SitePlan| {
        plot.site.as_ref().is_none_or(|wanted| wanted == site.id.as_str())
    };
    let Some(site) = scenario.sites().iter().find(wanted) else {
        let ids: Vec<&str> = scenario.sites().iter().map(|site| site.id.as_str()).collect();
        bail!("no such site; {} has {}", scenario.name, ids.join(", "));
    };
    let expected = match &plot.expect {
        Some(path) => Some(
            std::fs::read_to_string(path)
                .with_context(|| format!("cannot read {}", path.display()))?,
        ),
        None => scenario::expected(&plot.scenario).map(str::to_owned),
    };
    let text = plot::svg(&scenario, site, plot.seed, expected.as_deref());
    if plot.out.as_os_str() == "-" {
        return Ok(std::io::stdout().write_all(text.as_bytes())?);
    }
    std::fs::write(&plot.out, text).with_context(|| format!("cannot write {}", plot.out.display()))
}

fn tell_expected(name: &str) -> anyhow::Result<()> {
    let text = scenario::expected(name).with_context(|| {
        format!("no scenario `{name}`: `firmware-sim list` names those there are")
    })?;
    print!("{text}");
    Ok(())
}

async fn run_flood(flood: Flood, stop: CancellationToken) -> anyhow::Result<()> {
    let plan = flood::Plan {
        stations: flood.stations,
        messages: flood.messages,
        rate: flood.rate,
        readings: flood.readings_per_message,
        connections: flood.connections,
    };
    let result = flood::run(&flood.mqtt, &plan, pace::wall_now, stop).await;
    let seconds = result.elapsed.as_secs_f64();
    println!(
        "{} sent, {} acknowledged in {seconds:.3} s: {:.0} messages/s, {:.0} readings/s",
        result.sent,
        result.acknowledged,
        result.acknowledged as f64 / seconds,
        result.acknowledged as f64 * f64::from(plan.readings) / seconds,
    );
    if result.acknowledged < plan.messages {
        bail!("{} messages were not acknowledged", plan.messages - result.acknowledged);
    }
    Ok(())
}

/// `90s`, `15m`, `10h`, or bare seconds.
fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("`{text}` is not a duration: write 90s, 15m or 10h");
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let factor = match &text[digits.len()..] {
        "" | "s" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3_600.0,
        "d" => 86_400.0,
        _ => return Err(wrong()),
    };
    let amount: f64 = digits.parse().map_err(|_| wrong())?;
    Duration::try_from_secs_f64(amount * factor).map_err(|_| wrong())
}
