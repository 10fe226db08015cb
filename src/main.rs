//! The `bongsu` program: arguments, language, one command.

use std::process::ExitCode;

use alerting::catalogue::Language;
use alerting::engine::Verb;
use bongsu::cli::{
    archive, audit, channel, check, deliveries, demo, doctor, examples, exercise, explain, export,
    gateway, healthy, import, log, order, replay, run, safekeeping, score, set, site, station,
    test, user,
};
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

/// Disaster-safety early warning for steep slopes and aging facilities: from field gateway to siren
#[derive(Parser)]
#[command(version, about, max_term_width = 100)]
struct Arguments {
    /// Korean or English; by the locale if not given
    #[arg(long, global = true, value_parser = language)]
    lang: Option<Language>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Run(run::RunArgs),
    Demo(demo::DemoArgs),
    Check(check::CheckArgs),
    Doctor(doctor::DoctorArgs),
    Healthy(healthy::HealthyArgs),
    Replay(replay::ReplayArgs),
    Test(test::TestArgs),
    Score(score::ScoreArgs),
    Explain(explain::ExplainArgs),
    Export(export::ExportArgs),
    Import(import::ImportArgs),
    /// What stands in the field: who waits to be adopted, and the registry as GeoJSON or CSV
    #[command(subcommand)]
    Site(site::SiteCommand),
    Archive(archive::ArchiveArgs),
    Audit(audit::AuditArgs),
    Backup(safekeeping::BackupArgs),
    Restore(safekeeping::RestoreArgs),
    Deliveries(deliveries::DeliveriesArgs),
    Settle(deliveries::SettleArgs),
    User(user::UserArgs),
    Exercise(exercise::ExerciseArgs),
    Station(station::StationArgs),
    Gateway(gateway::GatewayArgs),
    Log(log::LogArgs),
    Channel(channel::ChannelArgs),
    /// Says that somebody has seen an incident and is on it
    Acknowledge(order::OrderArgs),
    /// 해제: lowers 심각 by one level, by hand
    StandDown(order::OrderArgs),
    /// 발령 승인: lets the public hear what waits for it
    Approve(order::OrderArgs),
    /// The public is not to hear what waits for it; takes --reason
    Reject(order::OrderArgs),
    /// Writes a note about an incident; takes --reason
    Note(order::OrderArgs),
    /// Puts away an incident that is all clear
    Close(order::OrderArgs),
    Silence(set::SilenceArgs),
    Maintenance(set::MaintenanceArgs),
    Report(set::ReportArgs),
    ReZero(set::ReZeroArgs),
}

fn language(text: &str) -> Result<Language, String> {
    Language::parse(text)
        .ok_or_else(|| format!("`{text}` is not a language we speak: write ko or en"))
}

/// The language of the locale; Korean where it says nothing we know.
fn locale() -> Language {
    let set = ["LC_ALL", "LC_MESSAGES", "LANG"]
        .iter()
        .find_map(|name| std::env::var(name).ok().filter(|v| !v.is_empty()));
    set.and_then(|tag| Language::parse(&tag)).unwrap_or_default()
}

/// The arguments as clap derives them, with examples below their help.
fn command() -> clap::Command {
    let whole = Arguments::command().after_help(examples::FIRST);
    examples::EXAMPLES.iter().fold(whole, |whole, (name, lines)| {
        whole.mut_subcommand(name, |one| one.after_help(examples::below(lines)))
    })
}

fn main() -> ExitCode {
    rustls::crypto::ring::default_provider().install_default().ok();
    let parsed = Arguments::from_arg_matches(&command().get_matches());
    let arguments = parsed.unwrap_or_else(|error| error.exit());
    let language = arguments.lang.unwrap_or_else(locale);
    match arguments.command {
        Command::Run(args) => run::run(&args),
        Command::Demo(args) => demo::run(&args, language),
        Command::Check(args) => check::run(&args, language),
        Command::Healthy(args) => healthy::run(&args),
        Command::Doctor(args) => doctor::run(&args, language),
        Command::Replay(args) => replay::run(&args, language),
        Command::Test(args) => test::run(&args, language),
        Command::Score(args) => score::run(&args),
        Command::Explain(args) => explain::run(&args, language),
        Command::Export(args) => export::run(&args),
        Command::Import(args) => import::run(&args),
        Command::Site(command) => site::run(&command),
        Command::Archive(args) => archive::run(&args, language),
        Command::Backup(args) => safekeeping::back_up(&args, language),
        Command::Restore(args) => safekeeping::restore(&args, language),
        Command::Audit(args) => audit::run(&args, language),
        Command::Deliveries(args) => deliveries::list(&args, language),
        Command::Settle(args) => deliveries::settle(&args),
        Command::User(args) => user::run(&args, language),
        Command::Exercise(args) => exercise::run(&args, language),
        Command::Station(args) => station::run(&args, language),
        Command::Log(args) => log::run(&args, language),
        Command::Gateway(args) => gateway::run(&args, language),
        Command::Channel(args) => channel::run(&args, language),
        Command::Acknowledge(args) => order::run(Verb::Acknowledge, &args),
        Command::StandDown(args) => order::run(Verb::StandDown, &args),
        Command::Approve(args) => order::run(Verb::Approve, &args),
        Command::Reject(args) => order::run(Verb::Reject, &args),
        Command::Note(args) => order::run(Verb::Note, &args),
        Command::Close(args) => order::run(Verb::Close, &args),
        Command::Silence(args) => set::silence(&args, language),
        Command::Maintenance(args) => set::maintenance(&args, language),
        Command::Report(args) => set::report(&args, language),
        Command::ReZero(args) => set::re_zero(&args, language),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A line as a shell takes it apart: quotes and lines that go on.
    fn words(line: &str) -> Vec<String> {
        let line = line.replace("\\\n", " ");
        let parts = line.split('\'').enumerate();
        let words = parts.flat_map(|(at, part)| match at % 2 {
            1 => vec![part.to_owned()],
            _ => part.split_whitespace().map(str::to_owned).collect(),
        });
        words.collect()
    }

    #[test]
    fn every_example_of_a_help_is_a_command() {
        command().debug_assert();
        for (name, lines) in examples::EXAMPLES {
            assert!(!lines.is_empty(), "{name}");
            for line in *lines {
                let words = words(line);
                assert!(words.contains(&(*name).to_owned()), "{name}: {line}");
                if let Err(error) = command().try_get_matches_from(&words) {
                    panic!("{line}: {error}");
                }
            }
        }
        let names: Vec<_> = examples::EXAMPLES.iter().map(|(name, _)| name).collect();
        assert!(names.is_sorted());
    }
}
