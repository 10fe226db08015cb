//! What `--help` shows below the options: how a command is mostly called, and what its status means.

/// Below the list of commands.
pub const FIRST: &str = "First steps:
  bongsu demo
  bongsu check --config /etc/bongsu/bongsu.toml
  bongsu doctor --config /etc/bongsu/bongsu.toml
  bongsu run --config /etc/bongsu/bongsu.toml

Exit status: 0 done, 1 the answer is no, 2 wrong usage, 70 it could not be done, 78 bad configuration";

/// How commands are mostly called.
pub const EXAMPLES: &[(&str, &[&str])] = &[
    ("acknowledge", &["bongsu acknowledge INCIDENT --token-file /var/lib/bongsu/board-token"]),
    (
        "approve",
        &["bongsu approve INCIDENT --group residents --token-file /var/lib/bongsu/board-token"],
    ),
    ("backup", &["bongsu backup --data-dir /var/lib/bongsu --to /mnt/backup/2026-07-14"]),
    ("check", &["bongsu check --config /etc/bongsu/bongsu.toml"]),
    ("deliveries", &["bongsu deliveries --state expired --token-file /var/lib/bongsu/board-token"]),
    (
        "demo",
        &[
            "bongsu demo",
            "bongsu demo --for 90s --speed 1200",
            "bongsu --lang en demo --http 127.0.0.1:8081",
        ],
    ),
    (
        "doctor",
        &[
            "bongsu doctor --config /etc/bongsu/bongsu.toml",
            "bongsu doctor serial /dev/ttyUSB0",
            "bongsu doctor serial /dev/ttyUSB0 --unit 17 --table input --address 100",
        ],
    ),
    (
        "explain",
        &[
            "bongsu explain INCIDENT --config /etc/bongsu/bongsu.toml",
            "bongsu explain --why-not cut-12/post-1/tilt-1/tilt-x --rule tilt-rate --at 2026-07-14T03:00:00+09:00 \\\n      --config /etc/bongsu/bongsu.toml",
        ],
    ),
    (
        "export",
        &[
            "bongsu export readings --config /etc/bongsu/bongsu.toml --from 2026-07-01T00:00:00+09:00 --to 2026-08-01T00:00:00+09:00",
            "bongsu export incidents --format geojson --config /etc/bongsu/bongsu.toml",
        ],
    ),
    (
        "gateway",
        &[
            "bongsu gateway add gate-1 --speaks-for cut-12",
            "bongsu gateway add gate-2 --speaks-for bridge-3/deck-1 --certificate",
            "bongsu gateway list",
        ],
    ),
    (
        "import",
        &[
            "bongsu import july.csv --token-file /var/lib/bongsu/board-token",
            "bongsu import tilt.csv --series cut-12/post-1/tilt-1/tilt-x --config /etc/bongsu/bongsu.toml",
            "bongsu import logger.dat --station cut-12/post-1 --map 'TiltX=tilt-1/tilt-x deg' --ignore '*' \\\n      --token-file /var/lib/bongsu/board-token",
        ],
    ),
    (
        "replay",
        &[
            "bongsu replay --csv readings.csv --config /etc/bongsu/bongsu.toml",
            "bongsu replay --journal /var/lib/bongsu/journal --json",
            "bongsu replay --journal /var/lib/bongsu/journal --config new.toml --against old.toml",
        ],
    ),
    ("restore", &["bongsu restore --from /mnt/backup/2026-07-14 --data-dir /var/lib/bongsu"]),
    (
        "silence",
        &[
            "bongsu silence add --site cut-12 --for '2 h' --reason 'works on site' \\\n      --token-file /var/lib/bongsu/board-token",
        ],
    ),
    ("test", &["bongsu test /etc/bongsu/tests"]),
    (
        "user",
        &[
            "bongsu user add kim --role approver --areas 11110 --name 'Kim, duty room'",
            "bongsu user list",
        ],
    ),
];

/// Examples as they stand below the options of a command.
pub fn below(lines: &[&str]) -> String {
    let title = if lines.len() == 1 { "Example:" } else { "Examples:" };
    let lines = lines.iter().map(|line| format!("  {line}"));
    std::iter::once(title.to_owned()).chain(lines).collect::<Vec<_>>().join("\n")
}
