//! What the world is configured as: a slope with two posts and a siren, a bridge with one box, four ways out. The
//! limits the reference judges by stand here beside the text they are taken from.

use std::collections::BTreeMap;
use std::time::Duration;

use bongsu::config::Config;

pub const MAIN: &str = r#"data-dir = "data"
status = "test"
sender = { id = "world@bongsu.example", name = { ko = "시험", en = "World" } }
[http]
listen = "127.0.0.1:0"
[[collector]]
name = "field"
kind = "embedded-broker"
listen = "127.0.0.1:0"

[[group]]
name = "residents"
approval = "required"
remind = "5 min"
[[group]]
name = "sirens"
approval = "automatic"
release = { author = "world", date = "2026-07-01", reason = "sirens sound at once" }

[[channel]]
name = "duty"
kind = "webhook"
url = "http://127.0.0.1:9/"
secret = "file:duty.key"
audience = "officers"
min-level = "attention"
recipients = ["night-desk", "duty-room"]

[[channel]]
name = "room"
kind = "chat"
url = "http://127.0.0.1:9/"
audience = "officers"
min-level = "caution"

[[channel]]
name = "feed"
kind = "cap"
profile = "none"
audience = "public"
min-level = "warning"
group = "residents"

[[channel]]
name = "alarm"
kind = "siren"
sirens = ["slope-1/siren-1"]
simulated = true
receipt-within = "10 s"
audience = "public"
min-level = "severe"
group = "sirens"
"#;

/// A site with its boxes and one rule of movement; `boxes` are stations with one sensor each.
fn site(
    id: &str,
    about: &str,
    boxes: &[(&str, &str, &str)],
    rule: (&str, &str),
    series: &str,
) -> String {
    let station = |(station, sensor, quantity): &(&str, &str, &str)| {
        format!(
            r#"[[station]]
id = "{station}"
report-interval = "2 min"
[[station.sensor]]
id = "{sensor}"
quantities = ["{quantity}"]
range = ["-10 mm", "500 mm"]
lateness = "15 min"
checks = false
"#
        )
    };
    let boxes: String = boxes.iter().map(station).collect();
    let (rule, group) = rule;
    format!(
        r#"[site]
id = "{id}"
{about}
radius = "100 m"
[policy]
dwell = {{ attention = "10 min", caution = "20 min", warning = "30 min" }}
flap = {{ count = 20, window = "1 h" }}
{boxes}[[rule]]
id = "{rule}"
group = "{group}"
levels = {{ caution = {{ raise-at = "5 mm", clear-below = "4 mm" }}, warning = {{ raise-at = "10 mm", clear-below = "9 mm", hold = "5 min" }}, severe = {{ raise-at = "20 mm", clear-below = "18 mm" }} }}
series = ["{series}"]
condition = {{ kind = "threshold", side = "above", raise = "2 of 3", clear-count = 2, gap-max = "30 min" }}
provenance = {{ author = "world", date = 2026-07-01, reason = "a world to test in" }}
[[rule]]
id = "silent"
group = "health"
level = "attention"
series = ["{series}"]
condition = {{ kind = "silence", after = "12 min" }}
provenance = {{ author = "world", date = 2026-07-01, reason = "a world to test in" }}
"#
    )
}

fn slope() -> String {
    let about = r#"name = { ko = "비탈", en = "Slope" }
kind = "slope"
location = [37.5, 128.2]
area = { ko = "아랫마을", en = "the village below" }
instruction = { ko = "대피하십시오", en = "Leave" }"#;
    let posts = [("post-1", "ext-1", "displacement"), ("post-2", "ext-1", "displacement")];
    let slope =
        site("slope-1", about, &posts, ("move", "deformation"), "post-*/ext-1/displacement");
    slope + "[[station]]\nid = \"siren-1\"\n"
}

fn bridge() -> String {
    let about = r#"name = { ko = "다리", en = "Bridge" }
kind = "bridge"
location = [37.6, 128.2]
area = { ko = "교량", en = "the bridge" }
instruction = { ko = "우회하십시오", en = "Keep off" }"#;
    let boxes = [("box-1", "crack-1", "crack-width")];
    site("bridge-1", about, &boxes, ("crack", "structure"), "box-1/crack-1/crack-width")
}

/// The boxes of the field: site, station, sensor, quantity.
pub const BOXES: [(&str, &str, &str, &str); 3] = [
    ("slope-1", "post-1", "ext-1", "displacement"),
    ("slope-1", "post-2", "ext-1", "displacement"),
    ("bridge-1", "box-1", "crack-1", "crack-width"),
];

/// Seconds between reports.
pub const INTERVAL_S: u32 = 120;

/// What the rules above say: level (2 주의, 3 경계, 4 심각), limit, what ends it, how long it has to be so.
pub const LIMITS: [(u8, f64, f64, u64); 3] =
    [(2, 5.0, 4.0, 0), (3, 10.0, 9.0, 300), (4, 20.0, 18.0, 0)];

/// How long a level is kept, seconds, by level; 심각 by hand.
pub const DWELL_S: [u64; 5] = [0, 600, 1_200, 1_800, u64::MAX];

/// Nothing heard for so long, seconds.
pub const SILENT_AFTER_S: u64 = 720;

/// How long the siren may take to answer.
pub const RECEIPT_WITHIN: Duration = Duration::from_secs(10);

/// Who is told on which channel from which level up; only officers, who hear without anybody's approval.
pub const OFFICERS: [(&str, &str, u8); 3] =
    [("duty", "night-desk", 1), ("duty", "duty-room", 1), ("room", "room", 2)];

/// The configuration of every world.
pub fn config() -> Config {
    let sources = BTreeMap::from([
        ("bongsu.toml".into(), MAIN.into()),
        ("sites/slope-1.toml".into(), slope()),
        ("sites/bridge-1.toml".into(), bridge()),
    ]);
    Config::from_sources("bongsu.toml", &sources).unwrap_or_else(|problems| {
        panic!("{:?}", problems.iter().map(ToString::to_string).collect::<Vec<_>>())
    })
}
