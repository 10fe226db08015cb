//! `bongsu site`: what stands in the field, into the sites' files and out of them.

mod adopt;
mod strangers;
mod written;

use std::process::ExitCode;

pub use adopt::AdoptArgs;

/// Stations that wait to be adopted
#[derive(Clone, Debug, clap::Subcommand)]
pub enum SiteCommand {
    /// Adopts, or lists who waits.
    Adopt(AdoptArgs),
}

/// Carries one out.
pub fn run(command: &SiteCommand) -> ExitCode {
    match command {
        SiteCommand::Adopt(args) => adopt::run(args),
    }
}
