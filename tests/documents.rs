//! The commands of the README and of the quick start, run as they stand there: with the real program, in a folder that
//! stands in for the machine. A command that nobody says how to run is a failure.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Output};

use common::daemon::{Daemon, PROGRAM};
use common::hook::Hook;
use common::link::Link;
use common::servers::program;
use common::setting::{Setting, crack, telemetry};
use common::{eventually, free_port};

const README: &str = include_str!("../README.md");
const QUICK_START: &str = include_str!("../docs/quick-start.md");

/// Blocks of a page: what stands behind the fence, and what stands within.
fn blocks(page: &str) -> Vec<(&str, String)> {
    let mut blocks = Vec::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        if let Some(kind) = line.strip_prefix("```") {
            let within: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
            blocks.push((kind, within.join("\n") + "\n"));
        }
    }
    blocks
}

/// A command of our own in a folder of commands.
fn shim(folder: &Path, name: &str, script: &str) {
    let path = folder.join(name);
    fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// Commands that stand in for those of the machine: the program was built by whoever runs this test, nobody gets other
/// rights, and the demo ends by itself.
fn shims(folder: &Path, url: &str, data: &str) {
    let asks = "acknowledge|stand-down|healthy|station";
    shim(
        folder,
        "bongsu",
        &format!(
            "case $1 in\n{asks}) exec {PROGRAM} \"$@\" --url {url};;\nuser) exec {PROGRAM} \"$@\" --data-dir {data};;\n*) exec {PROGRAM} \"$@\";;\nesac"
        ),
    );
    let built = format!("mkdir -p target/release && ln -sf {PROGRAM} target/release/bongsu");
    shim(
        folder,
        "cargo",
        &format!(
            "case $* in\n'build --release --locked') {built};;\n'run --release -- demo') exec {PROGRAM} demo --for 3s;;\n*) echo \"not expected: cargo $*\" >&2; exit 2;;\nesac"
        ),
    );
    shim(folder, "sudo", "exec \"$@\"");
}

/// Runs a script in a folder, with a folder of commands before all others.
async fn bash(script: &str, within: &Path, commands: &Path) -> Output {
    let path = format!("{}:{}", commands.display(), std::env::var("PATH").unwrap());
    // A loop that waits for what never comes ends here, and says how far it came.
    let mut command = Command::new("timeout");
    command.args(["60", "bash", "-c", script]).current_dir(within).env("PATH", path);
    command.env("LC_ALL", "en_US.UTF-8").env_remove("BONGSU_LOG");
    let done = tokio::task::spawn_blocking(move || command.output().unwrap());
    done.await.unwrap()
}

fn said(output: &Output) -> String {
    [&output.stdout[..], &output.stderr].map(String::from_utf8_lossy).concat()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_quick_start_leads_where_it_says() {
    if program("mosquitto_pub").is_none() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (http, mqtt) = (free_port().to_string(), free_port().to_string());
    let local = |text: &str| text.replace("8080", &http).replace("1883", &mqtt);
    let commands = folder.path().join("commands");
    fs::create_dir(&commands).unwrap();
    shims(&commands, &format!("http://127.0.0.1:{http}"), "unused");
    let mut script =
        String::from("set -euo pipefail\ntrap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n");
    for (kind, text) in blocks(QUICK_START) {
        match kind.split_once(' ') {
            // Before the program that is being tried comes the one that stands in for it.
            None if kind == "sh" => {
                let text = local(&text).replace("$PWD/target/release:", "$PWD/commands:");
                script += &format!("set -x\n{text}");
            }
            Some(("toml", file)) => {
                script += &format!("cat >{file} <<'END'\n{}END\n", local(&text))
            }
            _ => panic!("say what this block is, ```sh or ```toml FILE: {text}"),
        }
    }
    script += "echo led there\n";
    let output = bash(&script, folder.path(), &commands).await;
    let said = said(&output);
    let log = fs::read_to_string(folder.path().join("quick/log")).unwrap_or_default();
    assert!(output.status.success() && said.contains("led there"), "{said}\n{log}");
    for shown in ["crack-attention", "a whole backup", "acknowledge live_bridge-1"] {
        assert!(said.contains(shown), "{shown}: {said}");
    }
}

/// What comes of a command of the README.
#[derive(Clone, Copy, Debug)]
enum Comes {
    /// It is run here and ends with this status.
    To(i32),
    /// It is what runs this test: that it takes these words is looked at.
    Ourselves,
}

/// Every command of the README, word for word without what is said about it, and what comes of it here.
const COMMANDS: &[(&str, Comes)] = &[
    ("cargo run --release -- demo", Comes::To(0)),
    ("./test.sh --install", Comes::Ourselves),
    (
        "cargo build --release --locked && sudo install target/release/bongsu /usr/bin/bongsu",
        Comes::To(0),
    ),
    ("sudo install -d /etc/bongsu/sites", Comes::To(0)),
    ("bongsu check --config /etc/bongsu/bongsu.toml", Comes::To(0)),
    ("sudo bongsu user add kim --role approver --areas 11110 --name \"…\"", Comes::To(0)),
    ("bongsu acknowledge INCIDENT --token-file /var/lib/bongsu/board-token", Comes::To(0)),
    (
        // Only 심각 is stood down: the answer is no.
        "bongsu stand-down INCIDENT --reason \"inspected on site\" --token-file /var/lib/bongsu/board-token",
        Comes::To(1),
    ),
    ("bongsu replay --journal /var/lib/bongsu/journal --json", Comes::To(0)),
    ("bongsu replay --csv readings.csv --config bongsu.toml", Comes::To(0)),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_command_of_the_readme_does_what_it_says() {
    let hook = Hook::willing().await;
    let setting = Setting::bridge_told_to(&hook);
    let config = setting.write();
    let daemon = Daemon::start(&config).await;
    let mut link = Link::connect(daemon.broker(), "box").await.unwrap();
    link.publish(&telemetry("bridge-1", "box-1"), crack(1, 12.0).as_bytes()).await.unwrap();
    let incident = eventually("there is an incident", || async {
        daemon.list("/api/v1/incidents?").await.pop()?["id"].as_str().map(String::from)
    })
    .await;

    // the machine: its configuration and data are the running daemon's
    let machine = tempfile::tempdir().unwrap();
    let root = machine.path().to_str().unwrap();
    for folder in ["commands", "etc", "usr/bin", "var/lib"] {
        fs::create_dir_all(machine.path().join(folder)).unwrap();
    }
    symlink(setting.folder(), machine.path().join("etc/bongsu")).unwrap();
    symlink(setting.data(), machine.path().join("var/lib/bongsu")).unwrap();
    let commands = machine.path().join("commands");
    shims(&commands, &daemon.url(""), setting.data().to_str().unwrap());
    fs::copy(&config, machine.path().join("bongsu.toml")).unwrap();
    for beside in ["sites", "hook-key"] {
        symlink(setting.folder().join(beside), machine.path().join(beside)).unwrap();
    }
    let readings = "series,measured_at,value,unit\nbridge-1/box-1/crack-1/crack-width,2026-07-14T03:00:00Z,35,mm\n";
    fs::write(machine.path().join("readings.csv"), readings).unwrap();
    let local = |text: &str| {
        let paths = ["/etc/bongsu", "/var/lib/bongsu", "/usr/bin"];
        let moved = paths
            .iter()
            .fold(text.to_owned(), |text, path| text.replace(path, &format!("{root}{path}")));
        moved.replace("INCIDENT", &incident)
    };

    let mut run = Vec::new();
    for (kind, text) in blocks(README) {
        match kind {
            "text" => continue,
            "sh" => {}
            _ => panic!(
                "say what this block is, ```sh for commands or ```text for what they print: {text}"
            ),
        }
        for line in text.lines() {
            let command = line.split("  #").next().unwrap().trim();
            let known = COMMANDS.iter().find(|(known, _)| *known == command);
            let (_, comes) =
                known.unwrap_or_else(|| panic!("say in COMMANDS what comes of: {command}"));
            match comes {
                Comes::To(status) => {
                    let output = bash(&local(command), machine.path(), &commands).await;
                    assert_eq!(output.status.code(), Some(*status), "{command}: {}", said(&output));
                }
                Comes::Ourselves => {
                    let (file, words) = command.split_once(' ').unwrap();
                    let help = bash(
                        &format!("{file} --help"),
                        Path::new(env!("CARGO_MANIFEST_DIR")),
                        &commands,
                    )
                    .await;
                    assert!(
                        help.status.success() && said(&help).contains(words),
                        "{}",
                        said(&help)
                    );
                }
            }
            run.push(command.to_owned());
        }
    }
    for (command, _) in COMMANDS {
        assert!(run.iter().any(|run| run == command), "the README has no command: {command}");
    }
    daemon.stop().await;
}

/// Commands that stand in sentences, and where they are run: a file, and what it has of them.
const IN_SENTENCES: &[(&str, &str, &str)] = &[
    ("apt-get install gcc libc6-dev", "test.sh", "Debian and Ubuntu: gcc libc6-dev"),
    ("apt-get install mosquitto-clients", "test.sh", "[mosquitto_pub]=mosquitto-clients"),
    (
        "apt install ./target/debian/bongsu_*.deb",
        "deploy/debian/test.sh",
        "-i /run/packages/first.deb",
    ),
    ("cargo deb", "deploy/debian/test.sh", "cargo deb "),
    ("cargo install --locked cargo-deb", "test.sh", "cargo install --quiet --locked"),
    ("cargo run --release -- demo", "README.md", "\ncargo run --release -- demo"),
    ("cargo test", "test.sh", "cargo test "),
];

/// What stands between backticks in sentences, on one line.
fn spans(page: &str) -> Vec<String> {
    let mut is_block = false;
    let text: Vec<&str> = page
        .lines()
        .filter(|line| {
            let is_fence = line.trim_start().starts_with("```");
            is_block ^= is_fence;
            !is_block && !is_fence
        })
        .collect();
    let text = text.join(" ");
    text.split('`').skip(1).step_by(2).map(String::from).collect()
}

#[test]
fn no_command_of_a_sentence_is_run_nowhere() {
    let programs = ["apt", "apt-get", "bongsu", "cargo", "docker", "kubectl", "sudo", "systemctl"];
    let is_command = |span: &String| {
        let word = span.split_once(' ').map_or("", |(word, _)| word);
        programs.contains(&word) || word.starts_with("./")
    };
    let pages = [README, QUICK_START].map(spans).concat();
    let found: Vec<String> = pages.into_iter().filter(is_command).collect();
    for command in &found {
        let known = IN_SENTENCES.iter().any(|(known, ..)| known == command);
        assert!(known, "say in IN_SENTENCES where this is run: {command}");
    }
    for (command, file, says) in IN_SENTENCES {
        assert!(found.iter().any(|found| found == command), "no sentence has: {command}");
        let tree = Path::new(env!("CARGO_MANIFEST_DIR"));
        let text = fs::read_to_string(tree.join(file)).unwrap();
        assert!(text.contains(says), "{file} does not run: {command}");
    }
    for (page, text) in [("README.md", README), ("docs/quick-start.md", QUICK_START)] {
        let indented = text.lines().find(|line| line.starts_with(' ') && line.contains("```"));
        assert_eq!(indented, None, "{page}: a block that is not looked at");
    }
}
