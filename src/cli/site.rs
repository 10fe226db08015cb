//! `bongsu site`: what stands in the field, into the sites' files and out of them.

mod adopt;
mod device;
mod strangers;
mod written;
mod number;
mod held;
mod geojson;
mod table;
mod exchange;

use std::process::ExitCode;

pub use adopt::AdoptArgs;
pub use exchange::{ExportArgs, TakeArgs};

/// What to do with the registry
#[derive(Clone, Debug, clap::Subcommand)]
pub enum SiteCommand {
    /// Adopts, or lists who waits.
    Adopt(Box<AdoptArgs>),
    /// Writes the registry as GeoJSON or CSV.
    Export(ExportArgs),
    /// Takes sites that are new from such a file.
    Import(TakeArgs),
}

/// Carries one out.
pub fn run(command: &SiteCommand) -> ExitCode {
    match command {
        SiteCommand::Adopt(args) => adopt::run(args),
        SiteCommand::Export(args) => exchange::export(args),
        SiteCommand::Import(args) => exchange::import(args),
    }
}
