//! The log: to standard error, as text or JSON, and louder or quieter by room while bongsu runs.
//!
//! `BONGSU_LOG` says how loud it begins (`info`, or `ingest=debug,info`). What is changed later holds until the end of
//! the process: a restart speaks as it was configured. With the feature `opentelemetry`, `traces` go to a collector.

#[cfg(feature = "opentelemetry")]
mod traces;

use std::io::IsTerminal;
use std::str::FromStr;
use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry, reload};

/// In which form the log is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One object a line.
    Json,
}

/// A part of the program that speaks for itself, and whose words are its: beginnings of targets.
type Room = (&'static str, &'static [&'static str]);

/// Every room, in the order data walks through them.
const ROOMS: [Room; 9] = [
    ("collector", &["ingest::collector", "rumqttc"]),
    ("broker", &["broker", "mqtt5"]),
    ("journal", &["ingest::journal", "ingest::clock"]),
    ("archive", &["ingest::archive", "bongsu::daemon::archive", "bongsu::daemon::history"]),
    ("desk", &["bongsu::desk"]),
    ("delivery", &["delivery", "bongsu::daemon::channels"]),
    ("board", &["bongsu::board"]),
    ("exercise", &["bongsu::exercise"]),
    ("daemon", &["bongsu"]),
];

/// How loud a room may be, from nothing to everything.
const LEVELS: [(&str, LevelFilter); 6] = [
    ("off", LevelFilter::OFF),
    ("error", LevelFilter::ERROR),
    ("warn", LevelFilter::WARN),
    ("info", LevelFilter::INFO),
    ("debug", LevelFilter::DEBUG),
    ("trace", LevelFilter::TRACE),
];

/// The levels of the log of this process.
static OF_THE_PROCESS: OnceLock<Levels> = OnceLock::new();

/// Keeps what is written on the way until it is dropped: traces that wait are sent then.
#[derive(Default)]
pub struct Log {
    #[cfg(feature = "opentelemetry")]
    _traces: Option<traces::Sending>,
}

/// Starts the log. `default` applies where `BONGSU_LOG` says nothing.
pub fn start(format: LogFormat, default: &str) -> Log {
    let said = std::env::var("BONGSU_LOG").unwrap_or_else(|_| default.into());
    let begin = Targets::from_str(&said).unwrap_or_else(|error| {
        eprintln!("bongsu: BONGSU_LOG={said} cannot be read ({error}); using {default}");
        Targets::from_str(default).unwrap_or_default()
    });
    let (filter, handle) = reload::Layer::new(begin.clone());
    let levels = Levels { targets: Arc::new(Mutex::new(begin)), handle: Some(handle) };
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let lines = match format {
        LogFormat::Text => lines.with_ansi(std::io::stderr().is_terminal()).boxed(),
        LogFormat::Json => lines.json().boxed(),
    };
    let log = tracing_subscriber::registry().with(lines.with_filter(filter));
    #[cfg(feature = "opentelemetry")]
    let (log, traces) = {
        let (layer, sending) = traces::to_collector().unzip();
        (log.with(layer), sending)
    };
    if let Err(error) = log.try_init() {
        eprintln!("bongsu: the log cannot be started: {error}");
        return Log::default();
    }
    OF_THE_PROCESS.set(levels).ok();
    if cfg!(not(feature = "opentelemetry")) && traces_wanted() {
        tracing::warn!(
            "this program was built without the feature opentelemetry: no traces are sent"
        );
    }
    Log {
        #[cfg(feature = "opentelemetry")]
        _traces: traces,
    }
}

/// Whether the environment names a collector of traces, as every program that speaks OTLP reads it.
fn traces_wanted() -> bool {
    ["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"]
        .iter()
        .any(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()))
}

/// How loud each room is, to be looked at and changed while the log is written.
#[derive(Clone, Default)]
pub struct Levels {
    targets: Arc<Mutex<Targets>>,
    /// None where no log is written: tests of rooms.
    handle: Option<reload::Handle<Targets, Registry>>,
}

/// Why a level was not changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LevelError {
    /// No such room.
    #[error("there is no room `{0}`; write one of {rooms}, or all", rooms = names(&ROOMS))]
    Room(String),
    /// No such level.
    #[error("`{0}` is no level; write one of {levels}", levels = names(&LEVELS))]
    Level(String),
    /// The log has ended, with the process.
    #[error("the log has ended")]
    Ended,
}

fn names<T>(list: &[(&'static str, T)]) -> String {
    list.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
}

impl Levels {
    /// Those of the log that this process writes.
    pub fn of_the_process() -> Self {
        OF_THE_PROCESS.get().cloned().unwrap_or_default()
    }

    /// Every room with its level.
    pub fn all(&self) -> Vec<(&'static str, &'static str)> {
        let targets = self.targets.lock();
        ROOMS.iter().map(|room| (room.0, name(level(&targets, room)))).collect()
    }

    /// Makes a room, or `all` of them, as loud as a level, and leaves the others as they are.
    ///
    /// # Errors
    /// [`LevelError`]; nothing is changed then.
    pub fn set(&self, room: &str, wanted: &str) -> Result<(), LevelError> {
        let found = LEVELS.iter().find(|(name, _)| *name == wanted);
        let (_, wanted) = *found.ok_or_else(|| LevelError::Level(wanted.into()))?;
        if room != "all" && ROOMS.iter().all(|(name, _)| *name != room) {
            return Err(LevelError::Room(room.into()));
        }
        let mut targets = self.targets.lock();
        let changed = ROOMS.iter().fold(targets.clone(), |changed, one| {
            // Rooms lie in one another: each is named, so that none moves with another.
            let level = if room == "all" || room == one.0 { wanted } else { level(&targets, one) };
            changed.with_targets(one.1.iter().map(|target| (*target, level)))
        });
        if let Some(handle) = &self.handle {
            handle.reload(changed.clone()).map_err(|_| LevelError::Ended)?;
        }
        *targets = changed;
        Ok(())
    }
}

/// How loud a room is.
fn level(targets: &Targets, (_, of): &Room) -> LevelFilter {
    let hears = |level: LevelFilter| {
        level.into_level().is_some_and(|level| targets.would_enable(of[0], &level))
    };
    LEVELS
        .into_iter()
        .rev()
        .map(|(_, level)| level)
        .find(|level| hears(*level))
        .unwrap_or(LevelFilter::OFF)
}

fn name(level: LevelFilter) -> &'static str {
    LEVELS.iter().find(|(_, one)| *one == level).map_or("off", |(name, _)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Levels {
        let targets = Targets::from_str(text).unwrap();
        Levels { targets: Arc::new(Mutex::new(targets)), handle: None }
    }

    fn level_of(levels: &Levels, room: &str) -> &'static str {
        levels.all().into_iter().find(|(name, _)| *name == room).unwrap().1
    }

    #[test]
    fn rooms_begin_as_the_environment_says() {
        // BONGSU_LOG, room, how loud
        for (text, room, level) in [
            ("info", "journal", "info"),
            ("info,mqtt5=warn", "broker", "info"),
            ("ingest=debug,info", "collector", "debug"),
            ("ingest=debug,info", "board", "info"),
            ("bongsu::board=trace,warn", "board", "trace"),
            ("bongsu::board=trace,warn", "daemon", "warn"),
            ("off", "desk", "off"),
        ] {
            assert_eq!(level_of(&of(text), room), level, "{text}: {room}");
        }
    }

    #[test]
    fn one_room_is_made_louder_and_the_others_stay_as_they_are() {
        let levels = of("ingest::archive=debug,warn");
        for (room, _) in ROOMS {
            let before = levels.all();
            levels.set(room, "trace").unwrap();
            let moved: Vec<_> =
                before.iter().zip(levels.all()).filter(|(a, b)| **a != *b).collect();
            assert_eq!(moved.len(), 1, "{room}: {moved:?}");
            assert_eq!(level_of(&levels, room), "trace");
            levels.set(room, before.iter().find(|(name, _)| *name == room).unwrap().1).unwrap();
            assert_eq!(levels.all(), before);
        }
        levels.set("all", "error").unwrap();
        assert!(levels.all().iter().all(|(_, level)| *level == "error"));
    }

    #[test]
    fn what_is_no_room_or_level_is_refused_by_name_and_changes_nothing() {
        let levels = of("info");
        let before = levels.all();
        for (room, level, says) in [
            (
                "kitchen",
                "debug",
                "there is no room `kitchen`; write one of collector, broker, journal",
            ),
            ("journal", "loud", "`loud` is no level; write one of off, error, warn"),
        ] {
            let refused = levels.set(room, level).unwrap_err().to_string();
            assert!(refused.starts_with(says), "{refused}");
        }
        assert_eq!(levels.all(), before);
    }
}
