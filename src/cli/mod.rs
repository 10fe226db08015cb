//! The commands, one file each.

pub mod run;
pub mod demo;
pub mod check;
pub mod doctor;
pub mod stamps;
pub mod replay;
pub mod compare;
pub mod test;
pub mod score;
pub mod explain;
mod api;
pub mod order;
pub mod set;
pub mod import;
pub mod channel;
pub mod examples;
pub mod exercise;
pub mod station;
pub mod deliveries;
pub mod gateway;
pub mod site;
pub mod archive;
pub mod export;
pub mod healthy;
pub mod safekeeping;
pub mod audit;
pub mod user;
pub mod timeline;
pub mod expect;
pub mod log;

use std::process::ExitCode;

/// The answer is no.
pub const NO: u8 = 1;
/// Wrong usage, as the parser says it.
pub const WRONG_USAGE: u8 = 2;
/// A fault of ours, or of the machine.
pub const FAULT: u8 = 70;
/// Bad configuration.
pub const BAD_CONFIGURATION: u8 = 78;

/// Prints an error with everything that led to it, once, and gives the status of a fault.
pub fn failed(error: &anyhow::Error) -> ExitCode {
    eprintln!("bongsu: {error:#}");
    ExitCode::from(FAULT)
}

/// The status of what was to be done: 0 if it was, 1 if the answer is no.
pub fn status(done: anyhow::Result<bool>) -> ExitCode {
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(NO),
        Err(error) => failed(&error),
    }
}

/// Prints problems of a configuration and gives its status.
pub fn bad_configuration(problems: &crate::config::Problems) -> ExitCode {
    for problem in problems.iter() {
        eprintln!("{problem}");
    }
    ExitCode::from(BAD_CONFIGURATION)
}

/// Resolves at the first SIGTERM or SIGINT.
///
/// # Errors
/// If the system gives no signals.
pub fn asked_to_stop() -> std::io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut terminate, mut interrupt) =
        (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
