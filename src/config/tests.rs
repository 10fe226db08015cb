//! Every kind of problem, each with its exact place; the shipped files, which have none; and any text at all.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use alerting::Level;
use alerting::condition::ConditionSettings;
use alerting::rule::Group;
use proptest::prelude::*;

use reading::SiteId;
use reading::registry::Make;

use super::channels::Kind;
use super::*;

mod rules;
mod wires;
mod audit;
mod exercise;
mod feeds;
mod field;
mod people;
mod templates;
mod texts;

const MAIN: &str = r#"data-dir = "/var/lib/bongsu"
sites = "sites"
status = "actual"
sender = { id = "bongsu@city.example.kr", name = { ko = "상황실", en = "Situation room" } }

[http]
listen = "127.0.0.1:8080"
public-url = "https://bongsu.example.kr"

[journal]
segment = "64 MiB"
retain = "30 GiB"

[[collector]]
name = "field"
kind = "mqtt"
url = "mqtts://broker.example.kr:8883"
user = "bongsu"
password = "credential:mqtt"
in-flight = 1000

[[channel]]
name = "duty"
kind = "webhook"
url = "https://duty.example.kr/hook"
secret = "env:DUTY_KEY"
audience = "officers"
min-level = "caution"
recipients = ["duty-room"]
sites = ["cut-12"]
retry = { first = "2 s", max = "5 min" }
expire-after = "6 h"

[[channel]]
name = "east"
kind = "siren"
sirens = ["cut-12/siren-1"]
audience = "public"
min-level = "severe"
group = "sirens"

[[group]]
name = "sirens"
approval = "automatic"
release = { author = "Kim", date = 2026-07-01, reason = "plan 4" }
"#;

const SITE: &str = r#"[site]
id = "cut-12"
name = { ko = "12지구", en = "Cut 12" }
kind = "slope"
location = [37.5, 127.0]
radius = "300 m"
polygon = [[37.5, 127.0], [37.5, 127.1], [37.6, 127.0], [37.5, 127.0]]
area = { ko = "아래 마을", en = "the village below" }
instruction = { ko = "대피", en = "leave" }
district = "4215010100"
zone = "Asia/Seoul"

[policy]
dwell = { caution = "3 h" }

[[station]]
id = "post-1"
source = "field"
report-interval = "10 min"

[[station.sensor]]
id = "tilt-1"
quantities = ["tilt-x", "tilt-y"]
unit = "deg"
range = ["-30 deg", "30 deg"]
lateness = "15 min"

[[station.sensor]]
id = "gauge-1"
quantities = ["rain"]
range = ["0 mm", "50 mm"]

[[station]]
id = "siren-1"

[[rule]]
id = "tilt-caution"
group = "deformation"
level = "caution"
series = ["post-*/tilt-1/tilt-*"]
condition = { kind = "rate", window = "3 h", raise-at = "0.01 deg/h", clear-below = "0.008 deg/h" }
provenance = { author = "Kim", date = "2026-07-01", reason = "Uchimura 2015" }

[[rule]]
id = "rain-caution"
group = "rain"
level = "caution"
series = ["post-1/gauge-1/rain"]
condition = { kind = "accumulation", window = "3 h", raise-at = "90 mm" }
provenance = { author = "Kim", date = "2026-07-01", reason = "KMA" }
"#;

fn good() -> BTreeMap<String, String> {
    BTreeMap::from([("bongsu.toml".into(), MAIN.into()), ("sites/cut-12.toml".into(), SITE.into())])
}

fn load(sources: &BTreeMap<String, String>) -> Result<Config, Problems> {
    Config::from_sources("bongsu.toml", sources)
}

/// The good files with one text replaced in one of them, wherever it first stands.
fn changed(from: &str, to: &str) -> BTreeMap<String, String> {
    let file = if MAIN.contains(from) { "bongsu.toml" } else { "sites/cut-12.toml" };
    edited(good(), file, from, to)
}

/// The same files with one text of one of them replaced, where it first stands.
fn edited(
    mut sources: BTreeMap<String, String>,
    file: &str,
    from: &str,
    to: &str,
) -> BTreeMap<String, String> {
    let text = sources.get_mut(file).unwrap();
    assert!(text.contains(from), "{file} holds no `{from}`");
    *text = text.replacen(from, to, 1);
    sources
}

/// Some problem stands at the place, `file:line:column`, and says that.
#[track_caller]
fn refused(sources: &BTreeMap<String, String>, place: &str, says: &str) {
    let found = problems(sources);
    let here =
        |problem: &String| problem.starts_with(&format!("{place}: ")) && problem.contains(says);
    assert!(found.iter().any(here), "nothing at {place} says `{says}`: {found:#?}");
}

fn problems(sources: &BTreeMap<String, String>) -> Vec<String> {
    match load(sources) {
        Ok(config) => config.warnings.iter().map(ToString::to_string).collect(),
        Err(problems) => problems.iter().map(ToString::to_string).collect(),
    }
}

/// What is replaced by what, and where the problem then stands.
#[rustfmt::skip]
const CASES: &[(&str, &str, &str)] = &[
    // the main file
    ("data-dir = \"/var/lib/bongsu\"\n", "", "bongsu.toml:1:1"),
    ("data-dir = \"/var/lib/bongsu\"", "data-dir = 7", "bongsu.toml:1:12"),
    ("data-dir = \"/var/lib/bongsu\"", "data-dir = \"  \"", "bongsu.toml:1:12"),
    ("sites = \"sites\"", "sites = \"places\"", "bongsu.toml:2:9"),
    ("status = \"actual\"", "status = \"aktual\"", "bongsu.toml:3:10"),
    ("status = \"actual\"", "state = \"actual\"\nstatus = \"actual\"", "bongsu.toml:3:1"),
    ("bongsu@city.example.kr", "bongsu, city", "bongsu.toml:4:17"),
    (", en = \"Situation room\"", "", "bongsu.toml:4:50"),
    ("listen = \"127.0.0.1:8080\"", "listen = \"localhost\"", "bongsu.toml:7:10"),
    ("listen = \"127.0.0.1:8080\"", "listen = \"0.0.0.0:8080\"", "bongsu.toml:7:10"),
    ("https://bongsu.example.kr", "ftp://bongsu.example.kr", "bongsu.toml:8:14"),
    ("\"64 MiB\"", "\"64\"", "bongsu.toml:11:11"),
    ("\"64 MiB\"", "\"64 KiB\"", "bongsu.toml:11:11"),
    ("\"30 GiB\"", "\"100 MiB\"", "bongsu.toml:12:10"),
    ("retain =", "retian =", "bongsu.toml:12:1"),
    ("retain = \"30 GiB\"", "retain = \"30 GiB", "bongsu.toml:12:17"),
    // collectors
    ("kind = \"mqtt\"", "kind = \"mqtt5\"", "bongsu.toml:16:8"),
    ("mqtts://broker.example.kr:8883", "tcp://broker.example.kr", "bongsu.toml:17:7"),
    ("mqtts://broker.example.kr:8883", "mqtts://broker.example.kr/x", "bongsu.toml:17:7"),
    ("mqtts://broker.example.kr:8883", "mqtts://broker.example.kr:0", "bongsu.toml:17:7"),
    ("mqtts://broker.example.kr:8883", "mqtts://me:pw@broker.example.kr", "bongsu.toml:17:7"),
    ("mqtts://broker.example.kr:8883", "mqtt://broker.example.kr", "bongsu.toml:17:7"),
    ("user = \"bongsu\"\n", "", "bongsu.toml:18:1"),
    ("password = \"credential:mqtt\"\n", "", "bongsu.toml:18:1"),
    ("credential:mqtt", "hunter2", "bongsu.toml:19:12"),
    ("in-flight = 1000", "in-flight = 0", "bongsu.toml:20:13"),
    ("in-flight = 1000", "in-flight = \"many\"", "bongsu.toml:20:13"),
    ("in-flight = 1000", "ca-file = 1", "bongsu.toml:20:11"),
    // channels
    ("name = \"east\"", "name = \"duty\"", "bongsu.toml:35:8"),
    ("name = \"east\"", "name = \"East\"", "bongsu.toml:35:8"),
    ("https://duty.example.kr/hook", "http://duty.example.kr/hook", "bongsu.toml:25:7"),
    ("secret = \"env:DUTY_KEY\"\n", "", "bongsu.toml:22:1"),
    ("env:DUTY_KEY", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "bongsu.toml:26:10"),
    ("audience = \"officers\"", "audience = \"everybody\"", "bongsu.toml:27:12"),
    ("min-level = \"caution\"", "min-level = \"normal\"", "bongsu.toml:28:13"),
    ("[\"duty-room\"]", "[]", "bongsu.toml:29:14"),
    ("[\"duty-room\"]", "[\"duty-room\", \"duty-room\"]", "bongsu.toml:29:28"),
    ("[\"duty-room\"]", "[\"+82 10 1234\"]", "bongsu.toml:29:15"),
    ("sites = [\"cut-12\"]", "sites = [\"cut-13\"]", "bongsu.toml:30:10"),
    ("sites = [\"cut-12\"]", "sites = []", "bongsu.toml:30:9"),
    ("max = \"5 min\"", "max = \"1 s\"", "bongsu.toml:31:9"),
    ("expire-after = \"6 h\"", "expire-after = \"2 s\"", "bongsu.toml:32:16"),
    ("expire-after = \"6 h\"", "receipt-within = \"6 h\"", "bongsu.toml:32:1"),
    ("cut-12/siren-1", "cut-12/siren-2", "bongsu.toml:37:11"),
    ("cut-12/siren-1", "bongsu/v1/x", "bongsu.toml:37:11"),
    ("[\"cut-12/siren-1\"]", "[]", "bongsu.toml:37:10"),
    ("[\"cut-12/siren-1\"]", "[\"cut-12/siren-1\", \"cut-12/siren-1\"]", "bongsu.toml:37:29"),
    ("[\"cut-12/siren-1\"]", "[\"cut-12/siren-1\"]\nsimulated = true", "bongsu.toml:38:13"),
    ("status = \"actual\"", "status = \"test\"", "bongsu.toml:34:1"),
    ("min-level = \"severe\"", "min-level = \"warning\"", "bongsu.toml:39:13"),
    ("group = \"sirens\"\n", "", "bongsu.toml:38:12"),
    ("group = \"sirens\"", "group = \"siren\"", "bongsu.toml:40:9"),
    ("release = { author = \"Kim\", date = 2026-07-01, reason = \"plan 4\" }\n", "", "bongsu.toml:44:12"),
    ("approval = \"automatic\"\n", "", "bongsu.toml:42:1"),
    ("approval = \"automatic\"", "approval = \"auto\"", "bongsu.toml:44:12"),
    ("approval = \"automatic\"", "approval = \"required\"", "bongsu.toml:45:1"),
    ("approval = \"automatic\"", "approval = \"after\"", "bongsu.toml:44:12"),
    ("approval = \"automatic\"", "approval = \"automatic\"\nafter = \"5 min\"", "bongsu.toml:45:1"),
    ("approval = \"automatic\"", "approval = \"automatic\"\npersons = 2", "bongsu.toml:45:11"),
    ("approval = \"automatic\"", "approval = \"automatic\"\nask = [\"east\"]", "bongsu.toml:45:8"),
    ("approval = \"automatic\"", "approval = \"automatic\"\nask = [\"dusty\"]", "bongsu.toml:45:8"),
    ("dwell = { caution = \"3 h\" }", "flap = { count = 1 }", "sites/cut-12.toml:14:18"),
    (", reason = \"plan 4\"", "", "bongsu.toml:45:11"),
    ("date = 2026-07-01", "date = \"July\"", "bongsu.toml:45:36"),
    ("recipients = [\"duty-room\"]", "group = \"sirens\"", "bongsu.toml:29:1"),
    ("kind = \"siren\"\nsirens = [\"cut-12/siren-1\"]", "kind = \"cap\"\naudience = \"officers\"\nmin-level = \"caution\"\n[[channel]]\nname = \"two\"\nkind = \"cap\"", "bongsu.toml:41:8"),
    ("https://duty.example.kr/hook\"", "https://duty.example.kr/hook\"\nauthorization = \"Bearer hunter2\"", "bongsu.toml:26:17"),
    ("kind = \"siren\"\nsirens = [\"cut-12/siren-1\"]", "kind = \"cap\"\nprofile = \"kora\"", "bongsu.toml:37:11"),
    ("kind = \"siren\"\nsirens = [\"cut-12/siren-1\"]", "kind = \"cap\"\nevent-codes = [\"SAME\"]", "bongsu.toml:37:16"),
    ("kind = \"siren\"\nsirens = [\"cut-12/siren-1\"]", "kind = \"cap\"\nsigning-certificate = \"a.pem\"", "bongsu.toml:37:23"),
    ("kind = \"siren\"\nsirens = [\"cut-12/siren-1\"]", "kind = \"cap-gateway\"\nurl = \"https://gw.example.kr\"\nproof = \"none\"", "bongsu.toml:38:9"),
    ("kind = \"siren\"\nsirens = [\"cut-12/siren-1\"]", "kind = \"chat\"\nurl = \"https://chat.example.kr\"\nlanguages = [\"jp\"]", "bongsu.toml:38:14"),
    ("[[collector]]", "[[text]]\nmedium = \"fax\"\nlanguage = \"ko\"\ntemplate = \"x\"\n[[collector]]", "bongsu.toml:15:10"),
    ("[[collector]]", "[[text]]\nmedium = \"sms\"\nlanguage = \"ko\"\ntemplate = \"{{ plaice }}\"\n[[collector]]", "bongsu.toml:17:12"),
    ("[[collector]]", "[[text]]\nmedium = \"sms\"\nlanguage = \"ko\"\ntemplate = \"{{ area\"\n[[collector]]", "bongsu.toml:17:12"),
    ("[[collector]]", "[[text]]\nmedium = \"sms\"\nlanguage = \"ko\"\nsite = \"cut-13\"\ntemplate = \"x\"\n[[collector]]", "bongsu.toml:14:1"),
    ("kind = \"siren\"\nsirens = [\"cut-12/siren-1\"]", "kind = \"sms-smpp\"\nhost = \"h\"\nsystem-id = \"0123456789abcdef\"\npassword = \"env:P\"\nsource = \"1544\"\nrecipients = [\"kim\"]", "bongsu.toml:38:13"),
    ("kind = \"siren\"\nsirens = [\"cut-12/siren-1\"]", "kind = \"mail\"\nhost = \"mail.example.kr\"\nfrom = \"nobody\"\nrecipients = [\"kim\"]", "bongsu.toml:38:8"),
    ("kind = \"siren\"\nsirens = [\"cut-12/siren-1\"]", "kind = \"mail\"\nhost = \"mail.example.kr\"\nfrom = \"a@example.kr\"\nsecurity = \"none\"\nrecipients = [\"kim\"]", "bongsu.toml:39:12"),
    ("kind = \"siren\"\nsirens = [\"cut-12/siren-1\"]", "kind = \"sms-agency\"\nurl = \"https://a.example.kr\"\nfrom = \"1544\"\nbody = \"{{ number }}\"\nroles = [\"resident\"]", "bongsu.toml:39:8"),
    ("kind = \"siren\"\nsirens = [\"cut-12/siren-1\"]", "kind = \"relay-siren\"\nat = \"relay\"\ncoil = 3", "bongsu.toml:37:6"),
    ("kind = \"siren\"\nsirens = [\"cut-12/siren-1\"]", "kind = \"relay-siren\"\nat = \"192.0.2.7:502\"\ncoil = 70000", "bongsu.toml:38:8"),
    ("kind = \"siren\"\nsirens = [\"cut-12/siren-1\"]", "kind = \"signboard\"\nboards = [\"cut-12/board-9\"]", "bongsu.toml:37:11"),
    ("kind = \"siren\"\nsirens = [\"cut-12/siren-1\"]", "kind = \"signboard\"\nboards = [\"cut-12/siren-1\"]\ncolumns = 4", "bongsu.toml:34:1"),
    ("kind = \"siren\"\nsirens = [\"cut-12/siren-1\"]", "kind = \"cell-broadcast\"\nurl = \"https://g.example.kr\"\nclass-severe = \"loud\"", "bongsu.toml:38:16"),
    ("kind = \"siren\"\nsirens = [\"cut-12/siren-1\"]", "kind = \"alertmanager\"\nurl = \"https://am.example.kr\"\npeers = [\"am2\"]", "bongsu.toml:38:10"),
    ("audience = \"public\"", "audience = \"officers\"", "bongsu.toml:38:12"),
    ("kind = \"siren\"\nsirens = [\"cut-12/siren-1\"]\naudience = \"public\"", "kind = \"mqtt\"\naudience = \"officers\"", "bongsu.toml:37:12"),
    ("kind = \"siren\"\nsirens = [\"cut-12/siren-1\"]", "kind = \"mqtt\"\nsimulated = true", "bongsu.toml:37:13"),
    // the site
    ("[site]", "[cite]", "sites/cut-12.toml:1:1"),
    ("id = \"cut-12\"", "id = \"Cut 12\"", "sites/cut-12.toml:2:6"),
    ("kind = \"slope\"", "kind = \"slop\"", "sites/cut-12.toml:4:8"),
    ("[37.5, 127.0]\n", "[127.0, 37.5]\n", "sites/cut-12.toml:5:12"),
    ("[37.5, 127.0]\n", "[37.5]\n", "sites/cut-12.toml:5:12"),
    ("\"300 m\"", "\"300\"", "sites/cut-12.toml:6:10"),
    (", [37.5, 127.0]]", "]", "sites/cut-12.toml:7:11"),
    (", [37.6, 127.0], [37.5, 127.0]]", ", [37.6, 127.0], [37.6, 127.1]]", "sites/cut-12.toml:7:11"),
    ("[37.5, 127.1], [37.6, 127.0]", "[37.6, 127.1], [37.6, 127.0], [37.5, 127.1]", "sites/cut-12.toml:7:11"),
    ("[37.5, 127.1], ", "[37.5, 227.1], ", "sites/cut-12.toml:7:27"),
    ("district = \"4215010100\"", "district = \"Bongsu\"", "sites/cut-12.toml:10:12"),
    ("Asia/Seoul", "Asia/Soul", "sites/cut-12.toml:11:8"),
    ("caution = \"3 h\"", "severe = \"3 h\"", "sites/cut-12.toml:14:11"),
    // stations and sensors
    ("id = \"siren-1\"", "id = \"post-1\"", "sites/cut-12.toml:34:6"),
    ("source = \"field\"", "source = \"feild\"", "sites/cut-12.toml:18:10"),
    ("report-interval = \"10 min\"\n", "", "sites/cut-12.toml:16:1"),
    ("report-interval = \"10 min\"", "report-interval = \"10 minutes\"", "sites/cut-12.toml:19:19"),
    ("report-interval = \"10 min\"", "report-interval = \"1 ms\"", "sites/cut-12.toml:19:19"),
    ("\"tilt-y\"", "\"tilt-x\"", "sites/cut-12.toml:23:25"),
    ("\"tilt-y\"", "\"tilt-q\"", "sites/cut-12.toml:23:25"),
    ("unit = \"deg\"", "unit = \"degree\"", "sites/cut-12.toml:24:8"),
    ("range = [\"-30 deg\", \"30 deg\"]", "range = [\"-30 deg\", 30]", "sites/cut-12.toml:25:21"),
    ("range = [\"0 mm\", \"50 mm\"]", "range = [\"0 mm\", \"50 kPa\"]", "sites/cut-12.toml:31:18"),
    ("range = [\"0 mm\", \"50 mm\"]", "range = [\"50 mm\", \"0 mm\"]", "sites/cut-12.toml:31:9"),
    ("range = [\"0 mm\", \"50 mm\"]\n", "", "sites/cut-12.toml:28:1"),
    ("lateness = \"15 min\"", "lateness = \"9 min\"", "sites/cut-12.toml:26:12"),
    ("lateness = \"15 min\"", "lateness = \"2 d\"", "sites/cut-12.toml:26:12"),
    ("lateness = \"15 min\"", "noise = \"0 deg\"", "sites/cut-12.toml:26:9"),
    ("lateness = \"15 min\"", "noise = \"1 mm\"", "sites/cut-12.toml:26:9"),
    ("lateness = \"15 min\"", "checks = \"no\"", "sites/cut-12.toml:26:10"),
    ("lateness = \"15 min\"", "votes = \"Two Words\"", "sites/cut-12.toml:26:9"),
    ("lateness = \"15 min\"", "votes = \"alone\"", "sites/cut-12.toml:16:1"),
    ("source = \"field\"\nreport", "gateway = \"gw-1\"\nreport", "sites/cut-12.toml:18:11"),
    ("source = \"field\"\nreport", "gateway = \"cut-12/GW\"\nreport", "sites/cut-12.toml:18:11"),
    ("report-interval = \"10 min\"", "report-interval = \"200 ms\"", "sites/cut-12.toml:19:19"),
    ("10 min\"\n\n[[station.sensor]]\nid = \"tilt-1\"", "1 s\"\n\n[[station.sensor]]\nlateness = \"2 h\"\nid = \"tilt-2\"\nquantities = [\"tilt\"]\nrange = [\"-1 deg\", \"1 deg\"]\n\n[[station.sensor]]\nid = \"tilt-1\"", "sites/cut-12.toml:16:1"),
    // rules
    ("id = \"rain-caution\"", "id = \"tilt-caution\"", "sites/cut-12.toml:45:6"),
    ("id = \"rain-caution\"", "id = \"silence-30-min\"", "sites/cut-12.toml:45:6"),
    ("group = \"rain\"", "group = \"deformation\"", "sites/cut-12.toml:46:9"),
    ("group = \"rain\"", "group = \"anomaly\"", "sites/cut-12.toml:46:9"),
    ("group = \"rain\"\nlevel = \"caution\"", "group = \"health\"\nlevel = \"caution\"", "sites/cut-12.toml:47:9"),
    ("level = \"caution\"\nseries = [\"post-1", "level = \"normal\"\nseries = [\"post-1", "sites/cut-12.toml:47:9"),
    ("post-1/gauge-1/rain", "post-1/gauge-2/rain", "sites/cut-12.toml:48:11"),
    ("post-1/gauge-1/rain", "cut-12/post-1/gauge-1/rain", "sites/cut-12.toml:48:11"),
    ("[\"post-1/gauge-1/rain\"]", "[\"post-1/gauge-1/rain\", \"post-1/gauge-*/rain\"]", "sites/cut-12.toml:48:34"),
    ("[\"post-1/gauge-1/rain\"]", "[]", "sites/cut-12.toml:48:10"),
    ("reason = \"KMA\"", "reason = \"\"", "sites/cut-12.toml:50:62"),
    // conditions
    ("kind = \"accumulation\"", "kind = \"accumulate\"", "sites/cut-12.toml:49:22"),
    ("window = \"3 h\", raise-at = \"90 mm\"", "raise-at = \"90 mm\"", "sites/cut-12.toml:49:13"),
    ("raise-at = \"90 mm\"", "raise-at = \"90\"", "sites/cut-12.toml:49:65"),
    ("raise-at = \"90 mm\"", "raise-at = 90", "sites/cut-12.toml:49:65"),
    ("raise-at = \"90 mm\"", "raise-at = \"90 kPa\"", "sites/cut-12.toml:49:65"),
    ("raise-at = \"90 mm\"", "raise-at = \"0 mm\", clear-below = \"-1 mm\"", "sites/cut-12.toml:49:65"),
    ("raise-at = \"90 mm\"", "raise-at = \"90 mm\", clear-below = \"91 mm\"", "sites/cut-12.toml:49:88"),
    ("raise-at = \"90 mm\"", "raise_at = \"90 mm\", raise-at = \"90 mm\"", "sites/cut-12.toml:49:54"),
    ("raise-at = \"90 mm\"", "raise-at = \"90 mm\", raise = \"5 of 3\"", "sites/cut-12.toml:49:82"),
    ("raise-at = \"90 mm\"", "raise-at = \"90 mm\", raise = \"3 of 33\"", "sites/cut-12.toml:49:82"),
    ("raise-at = \"90 mm\"", "raise-at = \"90 mm\", raise = \"0 of 3\"", "sites/cut-12.toml:49:82"),
    ("raise-at = \"90 mm\"", "raise-at = \"90 mm\", gap-max = \"9 min\"", "sites/cut-12.toml:49:84"),
    ("raise-at = \"90 mm\"", "raise-at = \"90 mm\", clear-count = 0", "sites/cut-12.toml:49:88"),
    ("\"accumulation\", window = \"3 h\"", "\"accumulation\", window = \"32 d\"", "sites/cut-12.toml:49:47"),
    ("\"accumulation\", window = \"3 h\"", "\"accumulation\", window = \"15 min\"", "sites/cut-12.toml:49:47"),
    ("\"rate\", window = \"3 h\"", "\"rate\", window = \"29 min\"", "sites/cut-12.toml:41:39"),
    ("\"rate\", window = \"3 h\"", "\"rate\", window = \"8 d\"", "sites/cut-12.toml:41:39"),
    ("\"rate\", window = \"3 h\"", "\"rate\", samples-min = 20, window = \"3 h\"", "sites/cut-12.toml:41:44"),
    ("\"rate\", window = \"3 h\"", "\"rate\", significance = -1, window = \"3 h\"", "sites/cut-12.toml:41:45"),
    ("raise-at = \"0.01 deg/h\"", "raise-at = \"0.01 deg\"", "sites/cut-12.toml:41:57"),
    ("raise-at = \"0.01 deg/h\"", "raise-at = \"0.01 mm/h\"", "sites/cut-12.toml:41:57"),
    ("raise-at = \"0.01 deg/h\"", "raise-at = \"-0.01 deg/h\"", "sites/cut-12.toml:41:57"),
    ("clear-below = \"0.008 deg/h\"", "clear-below = \"0.08 deg/h\"", "sites/cut-12.toml:41:85"),
    ("kind = \"rate\", window = \"3 h\", raise-at = \"0.01 deg/h\", clear-below = \"0.008 deg/h\"", "kind = \"threshold\", raise-at = \"31 deg\"", "sites/cut-12.toml:41:46"),
    ("kind = \"rate\", window = \"3 h\", raise-at = \"0.01 deg/h\", clear-below = \"0.008 deg/h\"", "kind = \"threshold\", raise-at = \"0 deg\"", "sites/cut-12.toml:41:46"),
    ("kind = \"rate\", window = \"3 h\", raise-at = \"0.01 deg/h\", clear-below = \"0.008 deg/h\"", "kind = \"threshold\", side = \"below\", raise-at = \"-2 deg\", clear-above = \"-3 deg\"", "sites/cut-12.toml:41:86"),
    ("kind = \"rate\", window = \"3 h\", raise-at = \"0.01 deg/h\", clear-below = \"0.008 deg/h\"", "kind = \"silence\", after = \"1 h\"", "sites/cut-12.toml:38:9"),
    ("kind = \"accumulation\", window = \"3 h\", raise-at = \"90 mm\"", "kind = \"silence\", after = \"19 min\"", "sites/cut-12.toml:49:41"),
    ("series = [\"post-*/tilt-1/tilt-*\"]\ncondition = { kind = \"rate\"", "series = [\"post-*/tilt-1/tilt-*\"]\ncondition = { kind = \"accumulation\"", "sites/cut-12.toml:41:22"),
];

/// What no other text of these tests has: tables are asked for their keys though they are empty.
const REST: &str = r#"
[http.tls]
[heartbeat]
[history]
[[layer]]
[[collector]]
name = "own"
kind = "embedded-broker"
listen = "127.0.0.1:1883"
tls = {}
users = [{}]
[[channel]]
name = "speakers"
kind = "public-address"
audience = "officers"
same = {}
"#;

/// Reads what the tests read, for whoever looks at what is asked for.
pub fn read_everything() {
    let mut rest = good();
    rest.insert("bongsu.toml".into(), MAIN.to_owned() + REST);
    load(&rest).unwrap_err();
    for (from, to, _) in CASES {
        load(&changed(from, to)).ok();
    }
    audit::the_head_is_told_at_a_time_of_day_in_a_zone();
    exercise::a_drill_has_channels_groups_and_an_address_of_its_own();
    feeds::every_format_is_understood();
    feeds::a_layout_of_raw_bytes_is_understood();
    people::ladders_rotas_and_quiet_hours_are_understood();
    people::what_is_hidden_or_gathered_is_understood_or_refused_with_its_place();
    rules::clauses_levels_and_named_rules_become_one_tree();
    templates::an_installation_has_templates_of_its_own();
    wires::each_wire_has_its_framing_and_its_form();
    wires::every_wrong_wire_is_told_with_what_to_do();
    calibrations_are_read_version_by_version();
}

#[test]
fn g13_every_problem_is_named_with_its_place() {
    assert_eq!(problems(&good()), Vec::<String>::new(), "the good files have no problem");
    let (mut said, mut missed) = (String::new(), Vec::new());
    for (from, to, place) in CASES {
        let found = problems(&changed(from, to));
        let here = |problem: &String| problem.starts_with(&format!("{place}: "));
        if !found.iter().any(here) {
            missed.push(format!("`{to}` for `{from}`: nothing at {place} in {found:#?}"));
        }
        let change = to.replace('\n', " ");
        said += &format!(
            "{} → {}\n",
            if from.len() > 40 { "…" } else { from.trim() }.replace('\n', " "),
            change.trim()
        );
        found.iter().for_each(|problem| said += &format!("    {problem}\n"));
    }
    assert!(missed.is_empty(), "{}", missed.join("\n"));
    insta::assert_snapshot!(said);
}

#[test]
fn g13_problems_are_told_together_in_the_order_of_files_and_lines() {
    let mut sources = good();
    for (file, from, to) in [
        ("sites/cut-12.toml", "\"0.008 deg/h\"", "\"0.08 deg/h\""),
        ("sites/cut-12.toml", "Asia/Seoul", "Asia/Soul"),
        ("bongsu.toml", "status = \"actual\"", "status = \"actual\"\nextra = 1"),
        ("bongsu.toml", "https://duty", "http://duty"),
    ] {
        sources = edited(sources, file, from, to);
    }
    let found = problems(&sources);
    let places: Vec<_> = found.iter().map(|problem| problem.split(": ").next().unwrap()).collect();
    assert_eq!(
        places,
        [
            "bongsu.toml:4:1",
            "bongsu.toml:26:7",
            "sites/cut-12.toml:11:8",
            "sites/cut-12.toml:41:85"
        ]
    );
}

#[test]
fn a_file_that_is_not_toml_brings_forth_no_other_problem() {
    let mut sources = good();
    sources.insert("sites/cut-12.toml".into(), "[site]\nid = \n".into());
    let found = problems(&sources);
    assert!(found.iter().all(|problem| problem.starts_with("sites/cut-12.toml:2:")), "{found:#?}");
    assert!(!found.is_empty());
}

#[test]
fn no_message_repeats_a_secret() {
    for (from, secret) in [
        ("credential:mqtt", "hunter2"),
        ("env:DUTY_KEY", "hunter2"),
        ("broker.example.kr", "user:hunter2@broker"),
        ("https://duty.example.kr/hook", "https://hunter2@duty.example.kr/hook#x"),
    ] {
        let found = problems(&changed(from, secret)).join("\n");
        assert!(!found.is_empty() && !found.contains("hunter2"), "{found}");
    }
}

#[test]
fn who_made_an_instrument_is_kept_for_people() {
    let made = "maker = \"Hanbat\"\nmodel = \"T-2\"\nserial = \"0042\"\ninstalled = 2025-11-03\n";
    let config = load(&changed(
        "[[station.sensor]]\nid = \"tilt-1\"",
        &format!("{made}[[station.sensor]]\nid = \"tilt-1\"\nserial = \"7\""),
    ));
    let registry = config.unwrap().setup.registry;
    let make = |maker: &str, model: &str, serial: &str, installed: &str| {
        Make {
            maker: maker.into(),
            model: model.into(),
            serial: serial.into(),
            installed: installed.into(),
        }
        .noted()
    };
    assert_eq!(registry.stations()[0].make, make("Hanbat", "T-2", "0042", "2025-11-03"));
    let of_series: Vec<_> = registry.series().iter().map(|series| series.make.clone()).collect();
    assert_eq!(of_series, [None, make("", "", "7", ""), make("", "", "7", "")]);
    let wrong = problems(&changed("id = \"post-1\"", "id = \"post-1\"\ninstalled = \"last year\""));
    assert!(
        wrong[0].starts_with("sites/cut-12.toml:18:13: `last year` is not a date"),
        "{wrong:?}"
    );
}

#[test]
fn silence_is_always_there_and_gives_way_to_what_is_written() {
    let config = load(&good()).unwrap();
    let silent = |config: &Config| -> Vec<(String, Duration, usize)> {
        let of = |rule: &alerting::rule::Rule| match &rule.clauses[0].condition {
            ConditionSettings::Silence(silence) => {
                Some((rule.id.to_string(), silence.after, rule.clauses[0].series.len()))
            }
            _ => None,
        };
        config.setup.rules.iter().filter_map(of).collect()
    };
    let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
    assert_eq!(silent(&config), [("silence-30-min".into(), minutes(30), 3)]);
    let rule = config.setup.rules.iter().find(|rule| rule.id.as_str() == "silence-30-min").unwrap();
    assert_eq!((rule.group, rule.level), (Group::Health, Level::Attention));

    let quick =
        load(&changed("report-interval = \"10 min\"", "report-interval = \"1 min\"")).unwrap();
    assert_eq!(silent(&quick), [("silence".into(), minutes(10), 3)], "not sooner than ten minutes");

    let own = "[[rule]]\nid = \"quiet-rain\"\ngroup = \"health\"\nlevel = \"attention\"\n\
               series = [\"*/gauge-1/rain\"]\ncondition = { kind = \"silence\", after = \"2 h\" }\n\
               provenance = { author = \"Kim\", date = \"2026-07-01\", reason = \"dry gauge\" }\n\n[[rule]]\nid = \"rain-caution\"";
    let own = load(&changed("[[rule]]\nid = \"rain-caution\"", own)).unwrap();
    assert_eq!(
        silent(&own),
        [("quiet-rain".into(), minutes(120), 1), ("silence-30-min".into(), minutes(30), 2)]
    );
}

#[test]
fn calibrations_are_read_version_by_version() {
    let with = |text: &str| {
        changed("quantities = [\"rain\"]", &format!("quantities = [\"rain\"]\n{text}"))
    };
    let text = r#"calibration = [{ polynomial = [0, 0.254] }, { from = "2026-03-01T00:00:00+09:00", table = [[0, 0.0], [10, 2.6]], offset = "0.1 mm", compensate = [{ series = "post-1/tilt-1/tilt-x", factor = 0.5, reference = "1 deg" }] }]"#;
    let config = load(&with(text)).unwrap_or_else(|problems| panic!("{problems}"));
    let series = config.setup.registry.series().iter();
    let rain = series.clone().find(|s| s.name.quantity == reading::Quantity::Rain).unwrap();
    let [first, second] = &*rain.calibrations else { panic!("{:?}", rain.calibrations) };
    assert_eq!((first.curve.value(3.0), first.offset), (0.762, 0.0));
    assert_eq!((second.curve.value(5.0), second.offset), (1.3, 0.1));
    assert_eq!(second.compensations[0].series.to_string(), "cut-12/post-1/tilt-1/tilt-x");
    for (text, word) in [
        ("calibration = [{ offset = \"1 mm\" }]", "no curve"),
        ("calibration = [{ polynomial = [1], table = [[0, 1], [1, 2]] }]", "or several"),
        ("calibration = [{ table = [[1, 1], [0, 2]] }]", "`table` is not one"),
        ("calibration = [{ polynomial = [\"1\"] }]", "no finite numbers"),
        ("calibration = [{ steinhart-hart = [1, 2, 3] }]", "not that of a thermistor"),
        ("calibration = [{ polynomial = [1], offset = \"1 kPa\" }]", "not an amount of rain"),
        ("calibration = [{ polynomial = [1], from = \"yesterday\" }]", "not a moment"),
        ("calibration = [{ polynomial = [1] }, { polynomial = [1] }]", "not later"),
        (
            "calibration = [{ polynomial = [1], compensate = [{ series = \"post-1/x/rain\", factor = 1, reference = \"0 mm\" }] }]",
            "is not there",
        ),
    ] {
        let said = problems(&with(text)).join("\n");
        assert!(said.contains(word) && said.contains("sites/cut-12.toml:"), "{text}: {said}");
    }
}

#[test]
fn what_is_left_out_has_its_default() {
    let config =
        load(&changed("\n[journal]\nsegment = \"64 MiB\"\nretain = \"30 GiB\"\n", "")).unwrap();
    assert_eq!(config.journal, JournalSettings::default());
    let rules = &config.setup.rules;
    let rate = rules.iter().find_map(|rule| match &rule.clauses[0].condition {
        ConditionSettings::Rate(rate) => Some(*rate),
        _ => None,
    });
    let rate = rate.unwrap();
    assert_eq!((rate.samples_min, rate.significance), (9, 4.0));
    let usual = rate.persistence;
    assert_eq!((usual.raise_count, usual.window_len, usual.clear_count), (3, 5, 3));
    assert_eq!((usual.hold, usual.gap_max), (Duration::ZERO, Duration::from_secs(1_800)));
    let sum = rules.iter().find_map(|rule| match &rule.clauses[0].condition {
        ConditionSettings::Accumulation(sum) => Some(*sum),
        _ => None,
    });
    assert_eq!((sum.unwrap().raise_at, sum.unwrap().clear_below), (90.0, 81.0));
    let siren = &config.setup.routes[1];
    assert_eq!(siren.recipients, ["cut-12-siren-1"]);
    assert_eq!(siren.sites.iter().map(SiteId::as_str).collect::<Vec<_>>(), ["cut-12"]);
    assert_eq!(siren.retry.receipt_within, Some(Duration::from_secs(10)));
    for series in config.setup.registry.series() {
        let is_rain = series.name.quantity == reading::Quantity::Rain;
        // one says so itself; three intervals of ten minutes are the default
        let minutes = if is_rain { 30 } else { 15 };
        assert_eq!(series.lateness, Duration::from_secs(60 * minutes), "{}", series.name);
        assert_eq!(series.noise.is_some(), !is_rain);
    }
    assert_eq!(config.setup.policy(&siren.sites[0]).dwell_warning, Duration::from_secs(12 * 3_600));
}

#[test]
fn a_simulated_clock_leaves_waits_for_others_real() {
    let config = load(&good()).unwrap();
    let fast = config.clone().for_simulated_clock(600.0);
    let (real, simulated) = (config.setup.routes[1].retry, fast.setup.routes[1].retry);
    assert_eq!(simulated.first, 600 * real.first);
    assert_eq!(simulated.receipt_within, real.receipt_within.map(|within| 600 * within));
    let attempt = simulated.first + simulated.receipt_within.unwrap();
    assert!(simulated.expire_after >= 3 * attempt, "there is time for three attempts");
    let silence = |config: &Config| -> Duration {
        let of = |rule: &alerting::rule::Rule| match &rule.clauses[0].condition {
            ConditionSettings::Silence(silence) => Some(silence.after),
            _ => None,
        };
        config.setup.rules.iter().find_map(of).unwrap()
    };
    assert_eq!(
        silence(&fast),
        silence(&config) + Duration::from_secs(1_200),
        "two seconds of real time"
    );
    let others = |config: &Config| -> Vec<alerting::rule::Rule> {
        let is_other = |rule: &&alerting::rule::Rule| {
            !matches!(rule.clauses[0].condition, ConditionSettings::Silence(_))
        };
        config.setup.rules.iter().filter(is_other).cloned().collect()
    };
    assert_eq!(others(&fast), others(&config), "evidence is a matter of measured time");
}

fn deploy() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy")
}

#[test]
fn g13_every_shipped_file_passes() {
    for main in [
        "bongsu.toml",
        "demo/bongsu.toml",
        "official/bongsu.toml",
        "rules/bongsu.toml",
        "serial/bongsu.toml",
    ] {
        let config = Config::load(&deploy().join(main))
            .unwrap_or_else(|problems| panic!("{main}:\n{problems}"));
        let folder = deploy().join(main).with_file_name("sites");
        assert_eq!(
            config.setup.registry.sites().len(),
            std::fs::read_dir(folder).unwrap().count(),
            "{main}"
        );
    }
}

#[test]
fn the_demo_is_what_stands_in_its_folder() {
    let mut on_disk = Config::load(&deploy().join("demo/bongsu.toml")).unwrap();
    let embedded = Config::demo().unwrap_or_else(|problems| panic!("{problems}"));
    on_disk.file = None;
    on_disk.data_dir = embedded.data_dir.clone();
    let name = |config: &Config| config.contacts.as_ref()?.file_name().map(ToOwned::to_owned);
    assert_eq!(name(&on_disk), name(&embedded));
    on_disk.contacts = embedded.contacts.clone();
    assert_eq!(on_disk, embedded);
}

#[test]
fn the_demo_knows_what_the_typhoon_plays() {
    let scenario = firmware_sim::Scenario::load("typhoon").unwrap();
    let config = Config::demo().unwrap();
    let registry = &config.setup.registry;
    let mut series = 0;
    for plan in scenario.sites() {
        let at = registry.site(plan.id.as_str()).unwrap_or_else(|| panic!("no site {}", plan.id));
        let site = &registry.sites()[at.index()];
        assert_eq!(
            (&site.name, &site.area, site.kind, site.location),
            (&plan.name, &plan.area, plan.kind, plan.location)
        );
        for station_plan in scenario.stations(plan) {
            let station = registry.station(at, station_plan.id.as_str()).unwrap();
            assert_eq!(
                registry.stations()[station.index()].report_interval,
                station_plan.interval()
            );
            for sensor in &station_plan.sensors {
                let found =
                    registry.series_at(station, sensor.id.as_str(), sensor.quantity).unwrap();
                assert_eq!(
                    registry.series()[found.index()].range,
                    sensor.range,
                    "{}/{}",
                    plan.id,
                    sensor.id
                );
                series += 1;
            }
        }
    }
    assert_eq!((registry.sites().len(), registry.series().len()), (scenario.sites().len(), series));
    let sirens = config.channels.iter().filter_map(|channel| match &channel.kind {
        ChannelKind::Siren(siren) => Some(siren.sirens.values()),
        _ => None,
    });
    let sirens: Vec<_> =
        sirens.flatten().map(|(site, station)| (site.to_string(), station.to_string())).collect();
    let mut played: Vec<_> =
        scenario.sirens().map(|(site, station)| (site.to_string(), station.to_string())).collect();
    played.sort();
    assert_eq!(sirens, played);
}

#[test]
fn no_site_is_called_as_the_topics_of_alerts_are() {
    let found = problems(&changed("id = \"cut-12\"", "id = \"alerts\""));
    let place = "sites/cut-12.toml:2:6: the topics of alerts";
    assert!(found.iter().any(|problem| problem.starts_with(place)), "{found:#?}");
}

#[test]
fn every_kind_of_channel_meets_bad_peers() {
    let met = include_str!("../../alerting/delivery/tests/peers.rs");
    let own = ["cap", "log"]; // files of our own: there is no far end
    for (word, _) in Kind::WORDS {
        let is_met = met.contains(&format!("\n    \"{word}\",\n"));
        assert_eq!(is_met, !own.contains(&word), "KINDS in tests/peers.rs and {word}");
    }
}

proptest! {
    #[test]
    fn any_text_is_answered_with_problems_and_no_panic(main in "\\PC{0,200}", site in "(?s).{0,200}") {
        let sources = BTreeMap::from([("bongsu.toml".to_string(), main), ("sites/a.toml".to_string(), site)]);
        prop_assert!(load(&sources).is_err());
    }

    #[test]
    fn any_damage_to_a_good_file_is_answered(cut in 0..SITE.len(), len in 0_usize..60, put in "[\\[\\]{}\"=,.0-9a-z \\n#-]{0,12}") {
        let mut sources = good();
        for text in sources.values_mut() {
            let from = text.floor_char_boundary(cut.min(text.len()));
            let to = text.floor_char_boundary((cut + len).min(text.len())).max(from);
            text.replace_range(from..to, &put);
        }
        for problem in problems(&sources) {
            prop_assert!(problem.lines().count() == 1 && problem.matches(':').count() >= 3, "{problem}");
        }
    }
}

#[test]
fn a_unit_that_is_none_is_told_from_one_of_another_quantity() {
    for (from, to, place, says) in [
        (
            "raise-at = \"90 mm\"",
            "raise-at = \"90 mn\"",
            "49:65",
            "`mn` is not a unit; did you mean \"mm\"?",
        ),
        ("raise-at = \"90 mm\"", "raise-at = \"90 kPa\"", "49:65", "`kPa` does not measure rain"),
        ("\"0.01 deg/h\"", "\"0.01 dge/h\"", "41:57", "`dge` is not a unit; did you mean \"deg\"?"),
        ("[\"0 mm\", \"50 mm\"]", "[\"0 mm\", \"50 nm\"]", "31:18", "`nm` is not a unit"),
    ] {
        refused(&changed(from, to), &format!("sites/cut-12.toml:{place}"), says);
    }
}

#[test]
fn the_page_names_every_quantity_and_unit() {
    let page = deploy().with_file_name("docs").join("configuration.md");
    let page = std::fs::read_to_string(page).unwrap();
    for quantity in reading::Quantity::ALL {
        let row = page.lines().find(|line| line.starts_with(&format!("| `{quantity}` |")));
        let row = row.unwrap_or_else(|| panic!("{quantity} is not on the page"));
        let fits = |unit: &&reading::Unit| quantity.to_base(1.0, **unit).is_ok();
        for unit in reading::Unit::ALL.iter().filter(fits) {
            assert!(row.contains(&format!("`{unit}`")), "{quantity}: {unit} is not on the page");
        }
    }
}

/// The shipped broker configuration on ports of its own, with nothing of it left out but the certificates.
#[test]
fn mosquitto_takes_the_shipped_configuration() {
    let Some(mosquitto) = mosquitto() else { return };
    let folder = tempfile::tempdir().unwrap();
    let here = |name: &str| folder.path().join(name).display().to_string();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let shipped = std::fs::read_to_string(deploy().join("mosquitto/bongsu.conf")).unwrap();
    let is_tls = |line: &&str| {
        !["listener 8883", "cafile", "certfile", "keyfile", "tls_version"]
            .iter()
            .any(|key| line.starts_with(key))
    };
    let adapted = shipped.lines().filter(is_tls).collect::<Vec<_>>().join("\n");
    let adapted = adapted
        .replace("listener 1883", &format!("listener {port}"))
        .replace("/etc/mosquitto/bongsu.passwd", &here("passwd"))
        .replace("/etc/mosquitto/bongsu.acl", &here("acl"))
        .replace("/var/lib/mosquitto/", &here(""));
    std::fs::write(here("conf"), format!("{adapted}\nuser root\n")).unwrap();
    std::fs::write(here("passwd"), "").unwrap();
    std::fs::copy(deploy().join("mosquitto/bongsu.acl"), here("acl")).unwrap();
    let mut broker = std::process::Command::new(mosquitto)
        .args(["-c", &here("conf")])
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut tries = 0;
    let answer = loop {
        let ended = broker.try_wait().unwrap();
        if std::net::TcpStream::connect(("127.0.0.1", port)).is_ok()
            || ended.is_some()
            || tries > 500
        {
            break ended;
        }
        tries += 1;
        std::thread::sleep(Duration::from_millis(20));
    };
    broker.kill().ok();
    let said = broker.wait_with_output().unwrap().stderr;
    assert!(answer.is_none() && tries <= 500, "{}", String::from_utf8_lossy(&said));
}

fn mosquitto() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]);
    let found = folders.map(|folder| folder.join("mosquitto")).find(|program| program.is_file());
    if found.is_none() {
        assert!(std::env::var_os("BONGSU_REQUIRE_SERVERS").is_none(), "mosquitto is not installed");
        println!("skipped: mosquitto not installed");
    }
    found
}
