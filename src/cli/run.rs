//! `bongsu run`: the daemon, until it is told to stop.

use std::path::PathBuf;
use std::process::ExitCode;

use ingest::clock::Clock;
use tokio::signal::unix::{SignalKind, signal};

use super::{asked_to_stop, bad_configuration, failed};
use crate::config::Config;
use crate::daemon::{ClockTrust, Daemon};
use crate::logging::{self, LogFormat};

/// Runs the daemon until SIGTERM; SIGHUP takes over a changed configuration
#[derive(Clone, Debug, clap::Args)]
pub struct RunArgs {
    /// The main file
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
    /// Start at once even if the wall clock lies behind the journal or far ahead of it
    #[arg(long)]
    pub accept_clock: bool,
    /// The form of the log on standard error
    #[arg(long, value_enum, default_value_t)]
    pub log: LogFormat,
}

/// Runs it.
pub fn run(args: &RunArgs) -> ExitCode {
    let _log = logging::start(args.log, "info,mqtt5=warn,opentelemetry=warn");
    let config = match Config::load(&args.config) {
        Ok(config) => config,
        Err(problems) => return bad_configuration(&problems),
    };
    for warning in config.warnings.iter() {
        tracing::warn!(%warning, "configuration");
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&error.into()),
    };
    match runtime.block_on(serve(config, args)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(&error),
    }
}

async fn serve(config: Config, args: &RunArgs) -> anyhow::Result<()> {
    let stop = asked_to_stop()?;
    let mut hangup = signal(SignalKind::hangup())?;
    tokio::pin!(stop);
    let trust = if args.accept_clock { ClockTrust::Given } else { ClockTrust::Checked };
    let daemon = tokio::select! {
        () = &mut stop => return Ok(()),
        daemon = Daemon::start(config, Clock::system(), trust) => daemon?,
    };
    let scheme = if daemon.certificate.is_some() { "https" } else { "http" };
    tracing::info!(board = %format!("{scheme}://{}", daemon.http), broker = ?daemon.broker, "running");
    sd_notify::notify(&[sd_notify::NotifyState::Ready]).ok();
    let reloads = daemon.reloads();
    let path = &args.config;
    let asked = async move {
        loop {
            tokio::select! {
                () = &mut stop => return,
                _ = hangup.recv() => {}
            }
            reloads.renew_certificate();
            match Config::load(path) {
                Ok(config) => match reloads.take_over(config).await {
                    Ok(()) => tracing::info!("configuration taken over"),
                    Err(error) => tracing::error!(
                        error = format!("{error:#}"),
                        "configuration not taken over, the one before stays"
                    ),
                },
                Err(problems) => {
                    for problem in problems.iter() {
                        tracing::error!(%problem, "configuration not taken over, the one before stays");
                    }
                }
            }
        }
    };
    daemon.run_until(asked).await
}
