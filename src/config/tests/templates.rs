//! Templates of instruments: what a sensor takes over, what it says itself, and what is refused where.

use std::collections::BTreeMap;
use std::time::Duration;

use reading::Quantity;

use super::{MAIN, load, refused};
use crate::config::Config;

const TEN_LINES: &str = r#"[site]
id = "cut-31"
name = { ko = "31지구 급경사지", en = "Cut 31" }
kind = "slope"
location = [37.5, 128.2]
radius = "300 m"
area = { ko = "봉수시 31통", en = "Block 31" }
instruction = { ko = "마을회관으로 대피하십시오.", en = "Go to the village hall." }
[[station]]
id = "post-1"
sensor = [{ id = "tilt-1", template = "tilt-biaxial" }, { id = "rain-1", template = "rain-gauge" }]
"#;

fn with(main: &str, site: &str) -> BTreeMap<String, String> {
    let channels = MAIN.find("[[channel]]").unwrap();
    let main = format!("{}{main}", &MAIN[..channels]);
    BTreeMap::from([("bongsu.toml".into(), main), ("sites/cut-31.toml".into(), site.into())])
}

fn loaded(main: &str, site: &str) -> Config {
    load(&with(main, site)).unwrap_or_else(|problems| panic!("{problems}"))
}

#[test]
fn a_site_of_ten_lines_is_one() {
    let registry = loaded("", TEN_LINES).setup.registry;
    assert_eq!(registry.stations()[0].report_interval, Duration::from_secs(600));
    let series: Vec<_> = registry
        .series()
        .iter()
        .map(|series| (series.name.to_string(), series.range, series.noise))
        .collect();
    assert_eq!(
        series,
        [
            ("cut-31/post-1/rain-1/rain".into(), (0.0, 40.0), None),
            ("cut-31/post-1/tilt-1/tilt-x".into(), (-15.0, 15.0), Some(0.01)),
            ("cut-31/post-1/tilt-1/tilt-y".into(), (-15.0, 15.0), Some(0.01)),
        ]
    );
}

#[test]
fn every_shipped_template_is_a_sensor() {
    let shipped = include_str!("../../../deploy/templates/instruments.toml");
    let names: Vec<_> = shipped
        .lines()
        .filter_map(|line| line.strip_prefix("name = \"")?.strip_suffix('"'))
        .collect();
    assert!(names.len() >= 8);
    let sensors: Vec<_> =
        names.iter().map(|name| format!("{{ id = \"{name}\", template = \"{name}\" }}")).collect();
    let (head, _) = TEN_LINES.split_once("[[station]]").unwrap();
    let site = format!("{head}[[station]]\nid = \"box\"\nsensor = [{}]", sensors.join(", "));
    let registry = loaded("", &site).setup.registry;
    for name in names {
        let of = registry.series().iter().find(|series| series.name.sensor.as_str() == name);
        assert!(of.is_some_and(|series| series.range.0 < series.range.1), "{name}");
        let documented = include_str!("../../../docs/configuration.md");
        assert!(documented.contains(&format!("`{name}`")), "{name} is not documented");
    }
}

#[test]
fn every_quantity_has_a_usual_instrument() {
    let config = loaded("", TEN_LINES);
    for quantity in Quantity::ALL {
        let usual = config.usual_instrument(*quantity).unwrap_or_else(|| panic!("{quantity}"));
        assert!(config.instruments[usual].contains(quantity), "{quantity}: {usual}");
    }
    assert_eq!(config.usual_instrument(Quantity::TiltY), Some("tilt-biaxial"));
}

#[test]
fn what_a_sensor_says_itself_goes_over_its_template() {
    let site = TEN_LINES
        .replace(
            "template = \"tilt-biaxial\"",
            "template = \"tilt-biaxial\", quantities = [\"tilt-x\"], range = [\"-5 deg\", \"5 deg\"], serial = \"77\"",
        )
        .replace("id = \"post-1\"", "id = \"post-1\"\nreport-interval = \"1 min\"");
    let registry = loaded("", &site).setup.registry;
    assert_eq!(registry.stations()[0].report_interval, Duration::from_secs(60));
    let [_, tilt] = registry.series() else { panic!("{registry:?}") };
    assert_eq!((tilt.name.quantity, tilt.range), (Quantity::TiltX, (-5.0, 5.0)));
    assert_eq!((tilt.noise, &*tilt.make.as_ref().unwrap().serial), (Some(0.01), "77"));
}

#[test]
pub fn an_installation_has_templates_of_its_own() {
    let main = "[[template]]\nname = \"tilt-biaxial\"\nquantities = [\"tilt-x\"]\nrange = [\"-1 deg\", \"1 deg\"]\nmaker = \"Hanbat\"\n";
    let registry = loaded(main, TEN_LINES).setup.registry;
    let [_, tilt] = registry.series() else { panic!("{registry:?}") };
    assert_eq!((tilt.range, &*tilt.make.as_ref().unwrap().maker), ((-1.0, 1.0), "Hanbat"));
}

#[test]
fn g13_what_is_wrong_with_templates_is_told_with_its_place() {
    let template = "[[template]]\nname = \"post\"\nquantities = [\"tilt-x\"]\nrange = [\"-1 deg\", \"1 deg\"]\n";
    let line = MAIN[..MAIN.find("[[channel]]").unwrap()].lines().count();
    for (main, site, place, says) in [
        (
            String::new(),
            TEN_LINES.replace("tilt-biaxial", "tilt-biaxal"),
            "sites/cut-31.toml:11:39".to_owned(),
            "there is no template `tilt-biaxal`; did you mean \"tilt-biaxial\"?",
        ),
        (
            template.replace("deg\"]", "mm\"]"),
            TEN_LINES.into(),
            format!("bongsu.toml:{}:20", line + 4),
            "is not an amount of tilt-x",
        ),
        (
            format!("{template}colour = \"red\"\n"),
            TEN_LINES.into(),
            format!("bongsu.toml:{}:1", line + 5),
            "`colour` is not a key",
        ),
        (
            template.repeat(2),
            TEN_LINES.into(),
            format!("bongsu.toml:{}:8", line + 6),
            "a second template is called `post`",
        ),
        (
            template.replace("name = \"post\"\n", ""),
            TEN_LINES.into(),
            format!("bongsu.toml:{}:1", line + 1),
            "`name` is missing",
        ),
    ] {
        refused(&with(&main, &site), &place, says);
    }
}
