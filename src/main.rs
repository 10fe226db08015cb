//! The `bongsu` program: arguments, language, one command.

use std::process::ExitCode;

use alerting::catalogue::Language;
use alerting::engine::Verb;
use bongsu::cli::{
    archive, audit, channel, check, deliveries, demo, doctor, exercise, explain, export, gateway,
    healthy, import, order, replay, run, safekeeping, score, set, site, station, test, user,
};
use clap::{Parser, Subcommand};

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

fn main() -> ExitCode {
    rustls::crypto::ring::default_provider().install_default().ok();
    let arguments = Arguments::parse();
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
