//! Who takes part in drills: what `[exercise]` may say, and what it must not.

use super::*;

fn main_with(exercise: &str) -> BTreeMap<String, String> {
    let mut sources = good();
    let main = sources.get_mut("bongsu.toml").expect("there is a main file");
    main.push_str("\n[exercise]\n");
    main.push_str(exercise);
    sources
}

#[test]
fn what_is_tested_in_turn_can_be_proved_by_more_than_an_alert() {
    let every = |text: &str| {
        let mut sources = good();
        let main = sources.get_mut("bongsu.toml").expect("there is a main file");
        *main = main.replacen("retry = { first", &format!("{text}\nretry = {{ first"), 1);
        Config::from_sources("bongsu.toml", &sources)
    };
    let config = every("test-every = \"1 d\"").expect("a webhook can be tested");
    assert_eq!(config.channels[0].test_every, Some(Duration::from_secs(86_400)));
    let mut sources = good();
    let main = sources.get_mut("bongsu.toml").expect("there is a main file");
    main.push_str(
        "\n[[channel]]\nname = \"log\"\nkind = \"log\"\naudience = \"officers\"\nmin-level = \"caution\"\ntest-every = \"1 d\"\n",
    );
    let problems = Config::from_sources("bongsu.toml", &sources).expect_err("a log proves nothing");
    let told: Vec<String> = problems.iter().map(ToString::to_string).collect();
    assert!(told.iter().any(|one| one.contains("there or nothing is")), "{told:#?}");
}

#[test]
fn what_has_to_come_back_needs_somewhere_to_come_back_to() {
    const MAIL: &str = "kind = \"mail\"\nhost = \"mx.example.kr\"\nfrom = \"ews@city.example.kr\"\nrecipients = [\"kim\"]\naudience = \"officers\"\n";
    const AGENCY: &str = "kind = \"sms-agency\"\nurl = \"https://sms.example.kr/send\"\nfrom = \"15440000\"\nbody = '{{ text }}'\nrecipients = [\"kim\"]\naudience = \"officers\"\n";
    const GATEWAY: &str = "kind = \"cap-gateway\"\nurl = \"https://cap.example.kr/in\"\nprofile = \"none\"\naudience = \"officers\"\n";
    for (channel, more, expected) in [
        (MAIL, "", Some("could not be seen to come back")),
        (MAIL, "mailbox = \"/var/mail/ews\"\n", None),
        (AGENCY, "", Some("no number to write to")),
        (AGENCY, "test-number = \"+82-10-1234-5678\"\n", None),
        (AGENCY, "test-number = \"soon\"\n", Some("phone number")),
        (GATEWAY, "", None),
        (GATEWAY, "read-back = \"https://cap.example.kr/{id}.xml\"\n", None),
        (GATEWAY, "read-back = \"https://cap.example.kr/last.xml\"\n", Some("identifier")),
        (GATEWAY, "read-back = \"http://cap.example.kr/{id}.xml\"\n", Some("in the clear")),
    ] {
        let mut sources = good();
        let main = sources.get_mut("bongsu.toml").expect("there is a main file");
        main.push_str(&format!(
            "\n[[channel]]\nname = \"looked-at\"\nmin-level = \"caution\"\ntest-every = \"1 d\"\n{channel}{more}"
        ));
        let told = problems(&sources);
        // Whether there is a table of contacts is not what this is about.
        let told: Vec<_> = told.into_iter().filter(|one| !one.contains("contacts")).collect();
        let is_expected = match expected {
            Some(part) => told.iter().any(|one| one.contains(part)),
            None => told.is_empty(),
        };
        assert!(is_expected, "{more}: {told:#?}");
    }
}

#[test]
fn g13_two_channels_do_not_read_one_mailbox() {
    let mail = |name: &str, mailbox: &str| {
        format!(
            "\n[[channel]]\nname = \"{name}\"\nkind = \"mail\"\nhost = \"mx.example.kr\"\nfrom = \"ews@city.example.kr\"\naudience = \"officers\"\nmin-level = \"caution\"\nrecipients = [\"kim\"]\nmailbox = \"{mailbox}\"\n"
        )
    };
    for (second, is_refused) in
        [("/var/mail/ews", true), ("/var//mail/./ews/", true), ("/var/mail/other", false)]
    {
        let mut sources = good();
        let main = sources.get_mut("bongsu.toml").expect("there is a main file");
        main.push_str(&mail("mail-1", "/var/mail/ews"));
        main.push_str(&mail("mail-2", second));
        let told = problems(&sources);
        let refused = told.iter().filter(|one| one.contains("read by `mail-1` already")).count();
        assert_eq!(refused, usize::from(is_refused), "{second}: {told:#?}");
    }
}

#[test]
fn a_polygon_that_cap_receivers_would_cut_is_refused_with_its_place() {
    let ring = |points: usize| {
        let corner = |n: usize| {
            let angle = std::f64::consts::TAU * (n % (points - 1)) as f64 / (points - 1) as f64;
            format!("[{:.6}, {:.6}]", 37.5 + 0.01 * angle.sin(), 128.2 + 0.01 * angle.cos())
        };
        (0..points).map(corner).collect::<Vec<_>>().join(", ")
    };
    for (points, good_one) in [(100, true), (101, false)] {
        let mut sources = good();
        let site = sources.get_mut("sites/cut-12.toml").expect("there is a site");
        let ours = "polygon = [[37.5, 127.0], [37.5, 127.1], [37.6, 127.0], [37.5, 127.0]]";
        assert!(site.contains(ours));
        *site = site.replace(ours, &format!("polygon = [{}]", ring(points)));
        let told = problems(&sources);
        let is_told = told
            .iter()
            .any(|one| one.contains("more than 100 points") && one.contains("sites/cut-12.toml:"));
        assert_eq!(is_told, !good_one, "{points}: {told:#?}");
    }
}

const ROOM: &str = r#"
[[exercise.channel]]
name = "trainees"
kind = "webhook"
url = "https://drill.example.kr/hook"
secret = "env:DRILL_KEY"
audience = "officers"
min-level = "attention"
"#;

#[test]
pub fn a_drill_has_channels_groups_and_an_address_of_its_own() {
    let groups = "listen = \"127.0.0.1:8090\"\n[[exercise.group]]\nname = \"all\"\napproval = \"required\"\n";
    let config = Config::from_sources("bongsu.toml", &main_with(&format!("{groups}{ROOM}")));
    let exercise = config.expect("it is good").exercise;
    assert_eq!(exercise.http.listen.port(), 8_090);
    assert_eq!(exercise.channels[0].id.as_str(), "trainees");
    assert_eq!(exercise.routes[0].channel.as_str(), "trainees");
    assert_eq!(exercise.groups[0].id.as_str(), "all");
    let without = Config::from_sources("bongsu.toml", &good()).expect("it is good").exercise;
    assert!(without.channels.is_empty(), "a drill needs no configuration");
    assert_eq!(without.groups.len(), 1, "and asks for approval all the same");
}

#[test]
fn g10_a_drill_that_would_reach_the_live_operation_is_refused_with_its_place() {
    let table = [
        (
            ROOM.replace("https://drill.example.kr/hook", "https://duty.example.kr/hook"),
            "speaks in earnest",
        ),
        (ROOM.replace("trainees", "duty"), "speaks in earnest"),
        (ROOM.replace("kind = \"webhook\"", "kind = \"siren\""), "simulated sirens"),
        (format!("{ROOM}{ROOM}"), "a second channel of the drill"),
        ("contact = \"x\"\n".into(), "`contact`"),
        (
            ROOM.replace(
                "kind = \"webhook\"\nurl = \"https://drill.example.kr/hook\"\nsecret = \"env:DRILL_KEY\"",
                "kind = \"mail\"\nhost = \"mx.example.kr\"\nfrom = \"ews@city.example.kr\"\nrecipients = [\"kim\"]\nmailbox = \"/var/mail/ews\"",
            ),
            "one reader",
        ),
    ];
    for (exercise, expected) in table {
        let exercise = match exercise.contains("\"siren\"") {
            true => {
                exercise
                    .replace(
                        "url = \"https://drill.example.kr/hook\"\nsecret = \"env:DRILL_KEY\"",
                        "sirens = [\"cut-12/siren-1\"]",
                    )
                    .replace("officers", "public\"\ngroup = \"all")
                    .replace("attention", "severe")
                    + "[[exercise.group]]\nname = \"all\"\napproval = \"required\"\n"
            }
            false => exercise,
        };
        let problems =
            Config::from_sources("bongsu.toml", &main_with(&exercise)).expect_err(expected);
        let told: Vec<String> = problems.iter().map(ToString::to_string).collect();
        assert!(
            told.iter().any(|one| one.contains(expected) && one.contains("bongsu.toml:")),
            "{expected}: {told:#?}"
        );
    }
}
