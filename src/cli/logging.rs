//! The log: to standard error, as text or JSON, filtered by `BONGSU_LOG` (`info`, or `ingest=debug,info`).

use tracing_subscriber::EnvFilter;

/// In which form the log is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One object a line.
    Json,
}

/// Starts the log. `default` applies where `BONGSU_LOG` says nothing.
pub fn start(format: LogFormat, default: &str) {
    let filter = EnvFilter::try_from_env("BONGSU_LOG").unwrap_or_else(|_| EnvFilter::new(default));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let started = match format {
        LogFormat::Text => {
            log.with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr())).try_init()
        }
        LogFormat::Json => log.json().try_init(),
    };
    if let Err(error) = started {
        eprintln!("bongsu: the log cannot be started: {error}");
    }
}
