//! Who is called when: ladders, rotas, quiet hours; and what is refused where.

use alerting::Level;
use std::time::Duration;

use super::{MAIN, edited, good, load, problems, refused};

const LADDER: &str = r#"
[[ladder]]
name = "standby"
min-level = "warning"
within = { warning = "6 min", severe = "2 min" }
[[ladder.rung]]
channels = ["duty"]
[[ladder.rung]]
channels = ["duty"]
persons = ["lee"]
rota = "nights"

[[rota]]
name = "nights"
[[rota.shift]]
persons = ["kim", "park"]
turns = "7 d"
from = 2026-06-29
hours = "18:00..09:00"
[[rota.shift]]
persons = ["choi"]
days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
hours = "09:00..18:00"
"#;

fn with(text: &str) -> std::collections::BTreeMap<String, String> {
    let mut sources = good();
    let quiet = MAIN.replace(
        "expire-after = \"6 h\"\n",
        "expire-after = \"6 h\"\nquiet-hours = \"22:00..07:00\"\n",
    );
    sources.insert("bongsu.toml".into(), quiet + text);
    sources
}

#[test]
pub fn ladders_rotas_and_quiet_hours_are_understood() {
    assert_eq!(problems(&with(LADDER)), Vec::<String>::new());
    let setup = load(&with(LADDER)).unwrap().setup;
    let ladder = &setup.ladders[0];
    assert_eq!((ladder.rungs.len(), ladder.min_level), (2, Level::Warning));
    assert_eq!(ladder.within.at(Level::Severe), Duration::from_secs(120));
    assert_eq!(ladder.within.at(Level::Caution), Duration::from_secs(1_200), "the usual one");
    let offsets = setup.offsets("Asia/Seoul");
    let on_duty = |text: &str| {
        let at = reading::Timestamp::parse(text).unwrap();
        setup.rotas[0].on_duty(at, offsets).join(" ")
    };
    for (text, expected) in [
        ("2026-06-29T18:00:00+09:00", "kim"),
        ("2026-07-07T03:00:00+09:00", "park"),
        ("2026-07-14T12:00:00+09:00", "choi"),
    ] {
        assert_eq!(on_duty(text), expected, "{text}");
    }
    let quiet = setup.routes.iter().find_map(|route| route.quiet).unwrap();
    assert_eq!((quiet.from, quiet.to), (1_320, 420));
}

#[test]
fn g13_what_is_wrong_with_those_who_are_called_is_told_with_its_place() {
    let line =
        |text: &str| with(LADDER)["bongsu.toml"].lines().position(|l| l == text).unwrap() + 1;
    let (ladder, rota) = (line("[[ladder]]"), line("[[rota]]"));
    for (from, to, row, column) in [
        ("name = \"standby\"\n", "", ladder, 1),
        ("\"6 min\"", "\"1 min\"", ladder + 3, 10),
        ("within = {", "within = { normal = \"1 h\",", ladder + 3, 12),
        (
            "[[ladder.rung]]\nchannels = [\"duty\"]\n[[",
            "[[ladder.rung]]\nchannels = [\"dusty\"]\n[[",
            ladder + 5,
            13,
        ),
        (
            "[[ladder.rung]]\nchannels = [\"duty\"]\n[[",
            "[[ladder.rung]]\nchannels = [\"east\"]\n[[",
            ladder + 5,
            13,
        ),
        (
            "[[ladder.rung]]\nchannels = [\"duty\"]\n[[",
            "[[ladder.rung]]\nchannels = []\n[[",
            ladder + 4,
            1,
        ),
        ("rota = \"nights\"", "rota = \"days\"", ladder + 9, 8),
        ("min-level = \"warning\"\nwithin", "sites = [\"cut-13\"]\nwithin", ladder + 2, 10),
        (
            "[[rota]]",
            "[[ladder]]\nname = \"other\"\n[[ladder.rung]]\nchannels = [\"duty\"]\n[[rota]]",
            rota,
            1,
        ),
        ("from = 2026-06-29\n", "", rota + 4, 9),
        ("turns = \"7 d\"", "turns = \"36 h\"", rota + 4, 9),
        ("\"mon\"", "\"monday\"", rota + 9, 9),
        ("persons = [\"choi\"]", "persons = []", rota + 8, 11),
        ("\"sat\", ", "", rota, 1), // nobody on Saturdays, a warning
    ] {
        let sources = edited(with(LADDER), "bongsu.toml", from, to);
        refused(&sources, &format!("bongsu.toml:{row}:{column}"), "");
    }
    let siren = MAIN.replace(
        "min-level = \"severe\"\n",
        "min-level = \"severe\"\nquiet-hours = \"22:00..07:00\"\n",
    );
    let sources = [("bongsu.toml".into(), siren), ("sites/cut-12.toml".into(), super::SITE.into())];
    assert!(problems(&sources.into()).iter().any(|problem| problem.contains("hears at any hour")));
}

const INHIBIT: &str = r#"
[[inhibit]]
name = "rain-first"
while = { sites = ["cut-12"], level = "warning" }
hides = { rules = ["rain-caution"] }
provenance = { author = "Kim", date = 2026-07-01, reason = "plan 6" }
"#;

#[test]
pub fn what_is_hidden_or_gathered_is_understood_or_refused_with_its_place() {
    let setup = load(&with(INHIBIT)).unwrap().setup;
    assert_eq!(setup.inhibitions[0].level, Level::Warning);
    let head = with("")["bongsu.toml"].lines().count() + 2;
    for (from, to, row, column) in [
        ("hides = { rules = [\"rain-caution\"] }", "hides = {}", head, 1),
        ("rain-caution", "rain", head, 1),
        ("\"cut-12\"], level", "\"cut-13\"], level", head + 2, 20),
        ("\"warning\"", "\"attention\"", head + 2, 39),
    ] {
        let sources = edited(with(INHIBIT), "bongsu.toml", from, to);
        refused(&sources, &format!("bongsu.toml:{row}:{column}"), "");
    }
    let gathers = |audience: &str| {
        let from = format!("audience = \"{audience}\"\n");
        MAIN.replace(&from, &format!("{from}gather = \"2 min\"\n"))
    };
    for (main, expected) in [
        (gathers("officers"), "a program reads this channel"),
        (gathers("public"), "waits for nothing"),
    ] {
        let sources =
            [("bongsu.toml".into(), main), ("sites/cut-12.toml".into(), super::SITE.into())];
        assert!(
            problems(&sources.into()).iter().any(|problem| problem.contains(expected)),
            "{expected}"
        );
    }
    let log = gathers("officers").replacen(
        "kind = \"webhook\"\nurl = \"https://duty.example.kr/hook\"\nsecret = \"env:DUTY_KEY\"",
        "kind = \"log\"",
        1,
    );
    let sources = [("bongsu.toml".into(), log), ("sites/cut-12.toml".into(), super::SITE.into())];
    let routes = load(&sources.into()).unwrap().setup.routes;
    assert_eq!(routes[0].gather, Some(Duration::from_secs(120)));
}
