//! `bongsu doctor --config FILE`: everything a configuration names, looked at from where the daemon would stand.

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use alerting::catalogue::Language;
use ingest::clock::Clock;
use ingest::collector::config::MqttConfig;
use ingest::collector::probe::{self, Seen};
use ingest::collector::serial::config::Way;
use reading::Timestamp;
use serde::Deserialize;
use serde_json::json;

use super::good;
use crate::board::{Check, Vital};
use crate::cli::bad_configuration;
use crate::config::{Collector, CollectorKind, Config};
use crate::daemon::collectors::{broker_config, mqtt_config};
use crate::vitals;

/// How long the daemon, or a gateway, may take to answer.
const ANSWER_MAX: Duration = Duration::from_secs(5);
/// A series that is silent for so many report intervals is worth a word,
const INTERVALS_MAX: f64 = 3.0;
/// but not within this, seconds: reports are late at times.
const AGE_MAX_LEAST: f64 = 900.0;

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
    report.tell(&configuration(&config, language))?;
    report.tell(&vitals::clock(Clock::system().wall(), None))?;
    report.tell(&synchronised(language).await)?;
    report.tell(&vitals::disk(&config.data_dir, config.journal.reserve))?;
    report.tell_all(vitals::ports(&config.collectors))?;
    for collector in &config.collectors {
        let checks = look_at(collector, &config, Duration::from_secs(listen_s), language).await;
        report.tell_all(checks)?;
    }
    report.tell_all(daemon(&config, language).await)?;
    Ok(good(report.worst != Vital::Failed))
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
        if self.as_json {
            return writeln!(
                self.out,
                "{}",
                json!({ "check": name, "state": vital.word(), "detail": detail })
            );
        }
        let word = match (vital, self.language) {
            (Vital::Ok, Language::Ko) => "정상",
            (Vital::Degraded, Language::Ko) => "주의",
            (Vital::Starting, Language::Ko) => "시작",
            (Vital::Failed, Language::Ko) => "이상",
            (vital, Language::En) => vital.word(),
        };
        writeln!(self.out, "{word:<9} {name:<24} {detail}")
    }

    fn tell_all(&mut self, checks: Vec<Check>) -> std::io::Result<()> {
        checks.iter().try_for_each(|check| self.tell(check))
    }
}

fn check(name: impl Into<String>, vital: Vital, detail: impl Into<String>) -> Check {
    Check { name: name.into(), vital, detail: detail.into() }
}

fn say(language: Language, ko: String, en: String) -> String {
    match language {
        Language::Ko => ko,
        Language::En => en,
    }
}

fn configuration(config: &Config, language: Language) -> Check {
    match config.warnings.warnings() {
        0 => check("configuration", Vital::Ok, say(language, "문제 없음".into(), "good".into())),
        n => {
            let detail = say(
                language,
                format!("경고 {n}건: bongsu check"),
                format!("{n} warnings, see bongsu check"),
            );
            check("configuration", Vital::Degraded, detail)
        }
    }
}

/// Whether the machine's clock follows a time server, as the system says.
async fn synchronised(language: Language) -> Check {
    let asked = tokio::task::spawn_blocking(|| {
        std::process::Command::new("timedatectl")
            .args(["show", "--property=NTPSynchronized", "--value"])
            .output()
    });
    let said = match tokio::time::timeout(ANSWER_MAX, asked).await {
        Ok(Ok(Ok(output))) => String::from_utf8_lossy(&output.stdout).trim().to_string(),
        _ => String::new(),
    };
    let (vital, ko, en) = match said.as_str() {
        "yes" => (Vital::Ok, "시각 서버와 맞음", "follows a time server"),
        "no" => (
            Vital::Failed,
            "시각 서버와 맞지 않음: chrony 나 systemd-timesyncd 를 켜십시오",
            "follows no time server: start chrony or systemd-timesyncd",
        ),
        _ => (
            Vital::Degraded,
            "시스템이 알려 주지 않음 (timedatectl)",
            "the system does not say (timedatectl)",
        ),
    };
    check("clock-sync", vital, say(language, ko.into(), en.into()))
}

async fn look_at(
    collector: &Collector,
    config: &Config,
    listen_for: Duration,
    language: Language,
) -> Vec<Check> {
    let prepared = match &collector.kind {
        CollectorKind::Serial(_) => return Vec::new(), // its port was looked at
        CollectorKind::Http(_) => return Vec::new(), // its servers count who asks; /readyz says whether it answers
        CollectorKind::Modbus(settings) => return way(&collector.name, &settings.bus.way).await,
        CollectorKind::Mqtt(settings) => mqtt_config(&collector.name, settings, &config.data_dir),
        CollectorKind::EmbeddedBroker(settings) => {
            broker_config(&collector.name, settings, settings.listen, &config.data_dir)
        }
    };
    let name = format!("broker-{}", collector.name);
    let prepared = match prepared {
        Ok(prepared) => prepared,
        Err(error) => return vec![check(name, Vital::Failed, format!("{error:#}"))],
    };
    match probe::look(&prepared, listen_for).await {
        Err(error) => vec![check(name, Vital::Failed, error.to_string())],
        Ok(seen) => broker(&name, &prepared, &seen, listen_for, language),
    }
}

/// Whether a gateway takes a connection. A port was looked at.
async fn way(collector: &str, way: &Way) -> Vec<Check> {
    let Way::Tcp { host, port } = way else { return Vec::new() };
    let connecting = tokio::net::TcpStream::connect((host.as_str(), *port));
    let (vital, detail) = match tokio::time::timeout(ANSWER_MAX, connecting).await {
        Ok(Ok(_)) => (Vital::Ok, way.to_string()),
        Ok(Err(error)) => (Vital::Failed, format!("{way}: {error}")),
        Err(_) => (Vital::Failed, format!("{way}: no answer within {ANSWER_MAX:?}")),
    };
    vec![check(format!("modbus-{collector}"), vital, detail)]
}

fn broker(
    name: &str,
    config: &MqttConfig,
    seen: &Seen,
    listen_for: Duration,
    language: Language,
) -> Vec<Check> {
    let version = seen.version.as_deref().unwrap_or("$SYS/broker/version: -");
    let mut checks = vec![check(name, Vital::Ok, format!("{} ({version})", config.url))];
    let (vital, detail) = match (seen.trouble(), seen.persists) {
        (Some(trouble), Some(false)) => (Vital::Failed, trouble.to_string()),
        (Some(trouble), _) => (Vital::Degraded, trouble.to_string()),
        (None, Some(_)) => {
            (Vital::Ok, say(language, "세션이 유지됨".into(), "sessions persist".into()))
        }
        (None, None) => (
            Vital::Degraded,
            say(language, "세션 유지를 시험하지 못함".into(), "could not be tried".into()),
        ),
    };
    checks.push(check(format!("{name}-session"), vital, detail));
    for (filter, matched) in &seen.filters {
        let (n, s) = (matched.messages, listen_for.as_secs());
        let (vital, detail) = match matched.granted {
            true => (
                Vital::Ok,
                say(
                    language,
                    format!("{filter}: {s}초 동안 {n}건"),
                    format!("{filter}: {n} in {s} s"),
                ),
            ),
            false => (
                Vital::Failed,
                say(
                    language,
                    format!("{filter}: 브로커가 거절함, 권한(ACL)을 확인하십시오"),
                    format!("{filter}: refused by the broker, look at its access rules"),
                ),
            ),
        };
        checks.push(check(format!("{name}-topic"), vital, detail));
    }
    checks
}

/// What the daemon says of itself and of every series, if it runs.
async fn daemon(config: &Config, language: Language) -> Vec<Check> {
    let base = format!("http://{}", config.http.listen);
    let Ok(client) = reqwest::Client::builder().timeout(ANSWER_MAX).build() else {
        return Vec::new();
    };
    let Ok(answer) = client.get(format!("{base}/readyz")).send().await else {
        let detail = say(
            language,
            format!("{base} 에서 응답 없음: 실행 중이 아님"),
            format!("no answer at {base}: it does not run"),
        );
        return vec![check("daemon", Vital::Degraded, detail)];
    };
    let text = answer.text().await.unwrap_or_default();
    let vital = |word: &str| {
        [Vital::Ok, Vital::Degraded, Vital::Starting, Vital::Failed]
            .into_iter()
            .find(|vital| vital.word() == word)
    };
    let of_line = |line: &str| {
        let (name, word) = line.split_once(": ")?;
        Some(check(format!("daemon-{name}"), vital(word)?, word))
    };
    let mut checks: Vec<_> = text.lines().filter_map(of_line).collect();
    match series(&client, &base, config, language).await {
        Ok(ages) => checks.extend(ages),
        Err(error) => checks.push(check("series", Vital::Degraded, format!("{error:#}"))),
    }
    checks
}

#[derive(Deserialize)]
struct SiteShown {
    as_of: String,
    stations: Vec<StationShown>,
}

#[derive(Deserialize)]
struct StationShown {
    report_interval_s: f64,
    series: Vec<SeriesShown>,
}

#[derive(Deserialize)]
struct SeriesShown {
    name: String,
    latest: Option<LatestShown>,
}

#[derive(Deserialize)]
struct LatestShown {
    measured_at: String,
}

/// How old each series is, as the daemon sees it.
async fn series(
    client: &reqwest::Client,
    base: &str,
    config: &Config,
    language: Language,
) -> anyhow::Result<Vec<Check>> {
    let file = config.data_dir.join("board-token");
    let token = std::fs::read_to_string(&file).map_err(|error| {
        anyhow::anyhow!("{}: {error}; series are shown to who may read it", file.display())
    })?;
    let mut checks = Vec::new();
    for site in config.setup.registry.sites() {
        let url = format!("{base}/api/v1/sites/{}", site.id);
        let answer = client.get(&url).bearer_auth(token.trim()).send().await?.error_for_status()?;
        let shown: SiteShown = serde_json::from_slice(&answer.bytes().await?)?;
        let now = Timestamp::parse(&shown.as_of)?;
        for station in &shown.stations {
            checks.extend(
                station
                    .series
                    .iter()
                    .map(|series| age(series, station.report_interval_s, now, language)),
            );
        }
    }
    Ok(checks)
}

fn age(series: &SeriesShown, interval_s: f64, now: Timestamp, language: Language) -> Check {
    let name = format!("series {}", series.name);
    let at = series.latest.as_ref().and_then(|latest| Timestamp::parse(&latest.measured_at).ok());
    let Some(at) = at else {
        return check(
            name,
            Vital::Degraded,
            say(language, "온 적 없음".into(), "never heard".into()),
        );
    };
    let age = now.since(at).as_secs_f64();
    let vital = if age > (INTERVALS_MAX * interval_s).max(AGE_MAX_LEAST) {
        Vital::Degraded
    } else {
        Vital::Ok
    };
    check(name, vital, say(language, format!("{age:.0}초 전"), format!("{age:.0} s old")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_series_is_old_by_its_own_interval() {
        let now = Timestamp::from_secs(1_784_000_000);
        let series = |age_s: Option<u64>| SeriesShown {
            name: "a/b/c/tilt-x".into(),
            latest: age_s.map(|age| LatestShown {
                measured_at: now.minus(Duration::from_secs(age)).to_string(),
            }),
        };
        let table = [
            (Some(60), 60.0, Vital::Ok),
            (Some(899), 60.0, Vital::Ok),
            (Some(901), 60.0, Vital::Degraded),
            (Some(901), 600.0, Vital::Ok),
            (Some(1_801), 600.0, Vital::Degraded),
            (None, 60.0, Vital::Degraded),
        ];
        for (age_s, interval, vital) in table {
            assert_eq!(age(&series(age_s), interval, now, Language::En).vital, vital, "{age_s:?}");
        }
    }

    #[test]
    fn a_refused_filter_and_a_forgetful_broker_fail() {
        let config = MqttConfig::new("field", "mqtt://localhost".parse().unwrap(), "/tmp");
        let mut seen = Seen { persists: Some(true), ..Seen::default() };
        let worst = |seen: &Seen| {
            let checks =
                broker("broker-field", &config, seen, Duration::from_secs(10), Language::En);
            checks.iter().map(|check| check.vital).max().unwrap()
        };
        assert_eq!(worst(&seen), Vital::Ok);
        seen.filters.insert("a/#".into(), probe::Matched { granted: false, messages: 0 });
        assert_eq!(worst(&seen), Vital::Failed);
        seen.filters.clear();
        seen.version = Some("mosquitto version 2.0.15".into());
        assert_eq!(worst(&seen), Vital::Degraded);
        seen.persists = Some(false);
        assert_eq!(worst(&seen), Vital::Failed);
    }
}
