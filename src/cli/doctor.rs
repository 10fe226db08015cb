//! `bongsu doctor`: does it work, and if not, why? Looks at everything a configuration names, without touching any of
//! it.

mod guess;
mod installation;
mod sources;
mod running;
mod serial;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use alerting::catalogue::Language;

use super::{NO, failed};

/// Looks at an installation: clock, disk, ports, brokers, what comes in; or at one serial port
#[derive(Clone, Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct DoctorArgs {
    #[command(subcommand)]
    what: Option<What>,
    /// The main file
    #[arg(long, value_name = "FILE", required = true)]
    config: Option<PathBuf>,
    /// How many seconds to listen to what each subscription brings
    #[arg(long = "for", value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=3600))]
    listen_s: u64,
    /// One JSON object a line
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Debug, clap::Subcommand)]
enum What {
    Serial(serial::SerialArgs),
}

/// Looks, and tells. The status is 0 if nothing is wrong, 1 if something is.
pub fn run(args: &DoctorArgs, language: Language) -> ExitCode {
    rustls::crypto::ring::default_provider().install_default().ok();
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&error.into()),
    };
    let mut out = std::io::stdout().lock();
    let looked = runtime.block_on(async {
        match (&args.what, &args.config) {
            (Some(What::Serial(port)), _) => serial::run(port, language, &mut out).await.map(good),
            (None, Some(config)) => {
                installation::run(config, args.listen_s, args.json, language, &mut out).await
            }
            (None, None) => Ok(ExitCode::from(NO)), // the parser asks for one of them
        }
    });
    out.flush().ok();
    looked.unwrap_or_else(|error| failed(&error))
}

fn good(is_good: bool) -> ExitCode {
    if is_good { ExitCode::SUCCESS } else { ExitCode::from(NO) }
}
