//! A folder with a configuration and the data of one daemon.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::hook::{Hook, SECRET};
use super::{free_port, now};

/// Where readings come from.
#[derive(Clone, Copy)]
pub enum Road {
    /// The embedded broker, on this port.
    Embedded(u16),
    /// A broker of somebody else's, on this port.
    Mqtt(u16),
}

/// A configuration on disk. Removed when dropped.
pub struct Setting {
    folder: TempDir,
    /// The main file's text.
    pub main: String,
}

impl Setting {
    /// A daemon with one way in.
    pub fn new(road: Road) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("sites")).unwrap();
        let collector = match road {
            Road::Embedded(port) => {
                format!("kind = \"embedded-broker\"\nlisten = \"127.0.0.1:{port}\"")
            }
            Road::Mqtt(port) => format!("kind = \"mqtt\"\nurl = \"mqtt://127.0.0.1:{port}\""),
        };
        let main = format!(
            r#"data-dir = "data"
status = "test"
sender = {{ id = "test@bongsu.example", name = {{ ko = "시험", en = "Test" }} }}

[http]
listen = "127.0.0.1:0"

[journal]
segment = "1 MiB"
retain = "1 GiB"
reserve = "1 MiB"

[[collector]]
name = "field"
{collector}
"#
        );
        Self { folder, main }
    }

    /// A daemon with an embedded broker, on one port however often it is started.
    pub fn embedded() -> Self {
        Self::new(Road::Embedded(free_port()))
    }

    /// A daemon with an embedded broker that watches `bridge-1` and tells a webhook of it.
    pub fn bridge_told_to(hook: &Hook) -> Self {
        let mut setting = Self::embedded();
        setting.add_hook(hook);
        setting.site("bridge-1", &bridge("bridge-1"));
        setting
    }

    /// Adds to the main file.
    pub fn add(&mut self, text: &str) {
        writeln!(self.main, "\n{text}").unwrap();
    }

    /// Adds a webhook called `hook` for officers, from attention up, that tries again soon.
    pub fn add_hook(&mut self, hook: &Hook) {
        let secret = self.folder.path().join("hook-key");
        std::fs::write(&secret, SECRET).unwrap();
        let url = hook.url();
        self.add(&format!(
            r#"[[channel]]
name = "hook"
kind = "webhook"
url = "{url}"
secret = "file:hook-key"
audience = "officers"
min-level = "attention"
retry = {{ first = "0.3 s", max = "2 s" }}"#
        ));
    }

    /// Writes the file of a site.
    pub fn site(&self, id: &str, text: &str) {
        std::fs::write(self.folder.path().join(format!("sites/{id}.toml")), text).unwrap();
    }

    /// Writes the main file; where it is.
    pub fn write(&self) -> PathBuf {
        let file = self.folder.path().join("bongsu.toml");
        std::fs::write(&file, &self.main).unwrap();
        file
    }

    /// The data folder.
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// The folder of it all.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
}

/// Crack width in millimetres from which the crack of [`bridge`] argues for attention, caution and warning.
pub const LIMITS: [f64; 3] = [10.0, 20.0, 30.0];

/// A bridge with a crack: three rules, each of which one reading raises, for what leaps is not held back. Rules and
/// stations may be added behind.
pub fn bridge(id: &str) -> String {
    let mut text = head(id, "bridge") + &crack_box("box-1", "");
    for (level, limit) in ["attention", "caution", "warning"].iter().zip(LIMITS) {
        text += &rule(
            &format!("crack-{level}"),
            "structure",
            level,
            "box-1/crack-1/crack-width",
            &format!("{limit} mm"),
        );
    }
    text
}

/// A station with a crack; it hears nothing but `source`, if one is named.
pub fn crack_box(id: &str, source: &str) -> String {
    let source = if source.is_empty() { String::new() } else { format!("source = \"{source}\"\n") };
    format!(
        r#"
[[station]]
id = "{id}"
{source}report-interval = "5 s"

[[station.sensor]]
id = "crack-1"
quantities = ["crack-width"]
range = ["-1 mm", "100 mm"]
lateness = "1 min"
checks = false
"#
    )
}

/// The beginning of the file of a site.
pub fn head(id: &str, kind: &str) -> String {
    format!(
        r#"[site]
id = "{id}"
name = {{ ko = "{id} 시설", en = "{id}" }}
kind = "{kind}"
location = [37.5, 128.2]
radius = "100 m"
area = {{ ko = "시험 구역", en = "the test area" }}
instruction = {{ ko = "대피하십시오.", en = "Leave." }}
"#
    )
}

/// A threshold that one reading raises, and one clears a tenth below.
pub fn rule(id: &str, group: &str, level: &str, series: &str, raise_at: &str) -> String {
    format!(
        r#"
[[rule]]
id = "{id}"
group = "{group}"
level = "{level}"
series = ["{series}"]
condition = {{ kind = "threshold", raise-at = "{raise_at}", raise = "1 of 1", clear-count = 1 }}
provenance = {{ author = "test", date = "2026-07-01", reason = "test" }}
"#
    )
}

/// A foreign subscription to every Sparkplug node: the device `slopes/edge/crack` is the box of [`bridge`], its
/// `opening` the crack.
pub const SPARKPLUG: &str = r#"[[collector.subscribe]]
topic = "spBv1.0/#"
format = "sparkplug-b"
host-id = "bongsu"

[[collector.subscribe.map]]
devices = { "slopes/edge/crack" = "bridge-1/box-1" }
metrics = { opening = "crack-1/crack-width" }"#;

/// Where a station says what it measures.
pub fn telemetry(site: &str, station: &str) -> String {
    format!("bongsu/v1/{site}/{station}/telemetry")
}

/// A crack of this width, measured now.
pub fn crack(seq: u64, width: f64) -> String {
    format!(
        r#"{{"seq":{seq},"at":"{}","readings":[{{"sensor":"crack-1","quantity":"crack-width","value":{width:?},"unit":"mm"}}]}}"#,
        now()
    )
}
