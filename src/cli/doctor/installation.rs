//! `bongsu doctor --config FILE`: everything a configuration names, looked at from where the daemon would stand.

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use alerting::catalogue::{self, Language, text};
use ingest::archive::Refusal;
use ingest::clock::Clock;
use serde_json::json;

use super::{good, running, sources};
use crate::board::{Check, Vital};
use crate::cli::bad_configuration;
use crate::config::{ArchiveSettings, Config};
use crate::daemon::archive::connect;
use crate::vitals;

/// Looks at everything. Problems of the configuration are told as `check` does.
///
/// # Errors
/// If nothing can be printed.
pub async fn run(
    path: &Path,
    listen_s: u64,
    as_json: bool,
    language: Language,
    out: &mut impl Write,
) -> anyhow::Result<ExitCode> {
    let config = match Config::load(path) {
        Ok(config) => config,
        Err(problems) => return Ok(bad_configuration(&problems)),
    };
    let mut report = Report { as_json, language, worst: Vital::Ok, out };
    report.tell(&configuration(&config))?;
    report.tell(&vitals::clock(Clock::system().wall(), None))?;
    if let Ok(synchronised) = tokio::task::spawn_blocking(vitals::clock_sync).await {
        report.tell(&synchronised)?;
    }
    report.tell(&vitals::disk(&config.data_dir, config.journal.reserve))?;
    report.tell_all(vitals::ports(&config.collectors))?;
    for collector in &config.collectors {
        let checks = sources::look_at(collector, &config, Duration::from_secs(listen_s)).await;
        report.tell_all(checks)?;
    }
    if let Some(settings) = &config.archive {
        report.tell(&archive(settings).await)?;
    }
    report.tell_all(running::look(&config).await)?;
    Ok(good(report.worst != Vital::Failed))
}

/// Whether the archive would take points. None is written, and nothing depends on it.
async fn archive(settings: &ArchiveSettings) -> Check {
    let ArchiveSettings { url, bucket, .. } = settings;
    let degraded = |detail| Check::new("archive", Vital::Degraded, detail);
    let server = match connect(settings, settings.token.as_ref()) {
        Ok(server) => server,
        Err(error) => return degraded(vitals::same(format!("{error:#}"))),
    };
    match server.try_out().await {
        Ok(()) => Check::new("archive", Vital::Ok, text("vital-archive-takes", &[url, bucket])),
        Err(Refusal::Denied(why)) => degraded(text("vital-archive-denied", &[url, &why])),
        Err(why) => degraded(text("vital-archive-later", &[url, &why.to_string()])),
    }
}

fn configuration(config: &Config) -> Check {
    let (vital, detail) = match config.warnings.warnings() {
        0 => (Vital::Ok, text("vital-configuration", &[])),
        n => (Vital::Degraded, text("vital-configuration-warned", &[&n.to_string()])),
    };
    Check::new("configuration", vital, detail)
}

struct Report<'o, W> {
    as_json: bool,
    language: Language,
    worst: Vital,
    out: &'o mut W,
}

impl<W: Write> Report<'_, W> {
    fn tell(&mut self, check: &Check) -> std::io::Result<()> {
        self.worst = self.worst.max(check.vital);
        let Check { name, vital, detail } = check;
        let detail = match self.language {
            Language::Ko => &detail.ko,
            Language::En => &detail.en,
        };
        if self.as_json {
            let line = json!({ "check": name, "state": vital.word(), "detail": detail });
            return writeln!(self.out, "{line}");
        }
        let key = ["board-vital-", vital.word()].concat();
        let word = catalogue::lookup(&key, self.language).unwrap_or(vital.word());
        writeln!(self.out, "{word:<9} {name:<24} {detail}")
    }

    fn tell_all(&mut self, checks: Vec<Check>) -> std::io::Result<()> {
        checks.iter().try_for_each(|check| self.tell(check))
    }
}
