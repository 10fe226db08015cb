//! What of a scenario cannot be: all of it, each with its place.

mod site;
mod station;

use std::collections::BTreeSet;

use super::Scenario;
use super::problem::{Found, Path};
use crate::fault::{Chance, Kind, Scripted};

/// No heavier hour was ever measured near Korea, millimetres.
const HOUR_MAX_MM: f64 = 300.0;

impl Scenario {
    pub(super) fn check(&self, found: &mut Found) {
        let top = Path::default();
        let mut seen = BTreeSet::new();
        found.ensure(
            !self.sites.is_empty(),
            top.key("sites"),
            "it has no site",
            "add a [[sites]] table",
        );
        let spans = [("history_h", self.history_h, 1e5), ("duration_h", self.duration_h, 1e6)];
        for (key, hours, most) in spans {
            let sane = (0.0..=most).contains(&hours);
            found.ensure(
                sane,
                top.key(key),
                "it is no span of time",
                format!("write 0 to {most} hours"),
            );
        }
        let batch = self.backlog_batch;
        found.ensure(
            batch > 0,
            top.key("backlog_batch"),
            "a message holds nothing",
            "write at least 1",
        );
        self.check_rain(found);
        self.rates.check(&top.key("rates"), found);
        for (number, site) in self.sites.iter().enumerate() {
            let at = top.key("sites").item(number);
            let is_new = seen.insert(&site.id);
            found.ensure(
                is_new,
                at.key("id"),
                format!("site `{}` is there twice", site.id),
                "rename one",
            );
            let known = self.layouts.contains_key(site.layout());
            let what = format!("no layout `{}`", site.layout());
            found.ensure(
                known,
                at.key(if site.layout.is_some() { "layout" } else { "kind" }),
                what,
                "add it under [layouts], or name one that is there",
            );
            site::check(site, &at, found);
        }
        for (name, stations) in &self.layouts {
            for (number, station) in stations.iter().enumerate() {
                station::check(station, &top.key("layouts").key(name).item(number), found);
            }
        }
        for (number, fault) in self.faults.iter().enumerate() {
            self.check_fault(fault, &top.key("faults").item(number), found);
        }
        for (number, chance) in self.chances.iter().enumerate() {
            check_chance(chance, &top.key("chances").item(number), found);
        }
    }

    fn check_rain(&self, found: &mut Found) {
        let at = Path::default().key("storm");
        for (hour, mm) in self.storm.hourly_mm.iter().enumerate() {
            let place = at.key("hourly_mm").item(hour);
            let what = format!("{mm} mm cannot fall in an hour");
            found.ensure((0.0..=HOUR_MAX_MM).contains(mm), place, what, "write 0 to 300");
        }
        let noise = (0.0..=1.0).contains(&self.storm.noise);
        found.ensure(noise, at.key("noise"), "rain is as uneven as 0 to 1", "write 0 to 1");
        let begins = is_hours(self.storm.begins_h);
        found.ensure(
            begins,
            at.key("begins_h"),
            "it is no number of hours",
            "write less than a million",
        );
        let Some(climate) = &self.climate else { return };
        let at = Path::default().key("climate");
        let (least, most) = climate.annual_mm;
        let annual = least >= 0.0 && least <= most && most <= 10_000.0;
        found.ensure(
            annual,
            at.key("annual_mm"),
            "no year rains like this",
            "write least and most, 0 to 10000 mm",
        );
        let share = |part: f64| (0.0..=1.0).contains(&part);
        found.ensure(
            share(climate.wet_share),
            at.key("wet_share"),
            "it is no part of the year's rain",
            "write 0 to 1",
        );
        found.ensure(
            share(climate.heavy_share),
            at.key("heavy_share"),
            "it is no part of the storms",
            "write 0 to 1",
        );
        let storms = [climate.storms.0, climate.storms.1];
        let sane = storms.iter().all(|storms| (1.0..=500.0).contains(storms));
        found.ensure(
            sane,
            at.key("storms"),
            "no season has so many storms",
            "write 1 to 500 for each season",
        );
    }

    fn check_fault(&self, fault: &Scripted, at: &Path, found: &mut Found) {
        let site = self.sites.iter().find(|site| site.id == fault.site);
        let station =
            site.and_then(|site| self.stations(site).iter().find(|it| it.id == fault.station));
        let (key, what) = match (site, station) {
            (None, _) => ("site", format!("there is no site `{}`", fault.site)),
            _ => ("station", format!("no station `{}` stands at `{}`", fault.station, fault.site)),
        };
        found.ensure(station.is_some(), at.key(key), what, "name one that is there");
        if let (Some(station), Some(sensor)) = (station, &fault.sensor) {
            let there = station.sensors.iter().any(|it| it.id == *sensor);
            let what = format!("no sensor `{sensor}` at `{}/{}`", fault.site, fault.station);
            found.ensure(there, at.key("sensor"), what, "name one that is there");
        }
        found.ensure(
            is_hours(fault.at_h),
            at.key("at_h"),
            "it is no number of hours",
            "write less than a million",
        );
        let lasts = is_hours(fault.for_h) && fault.for_h >= 0.0;
        found.ensure(lasts, at.key("for_h"), "it is no span of time", "write 0 to a million hours");
        let needs = !matches!(fault.kind, Kind::Step | Kind::Gain | Kind::Reboot);
        let what = "it lasts no time and would never be seen";
        found.ensure(!needs || fault.for_h > 0.0, at.key("for_h"), what, "say how many hours");
        check_size(fault.kind, fault.size, &at.key("size"), found);
    }
}

fn check_size(kind: Kind, size: f64, at: &Path, found: &mut Found) {
    found.ensure(size.abs() < 1e6, at.clone(), "nothing is as large", "write less than a million");
    let (holds, what) = match kind {
        Kind::Noise => (size > 0.0, "noise is a multiple of what it should be"),
        Kind::UnitMix => (size != 0.0, "a unit is a multiple of another"),
        Kind::Flapping => (size >= 1.0, "it comes and goes every so many seconds"),
        Kind::HalfOpen | Kind::Delay | Kind::WaterTest | Kind::RainOnAe => {
            (size >= 0.0, "it cannot be below zero")
        }
        _ => (true, ""),
    };
    found.ensure(holds, at.clone(), what, "write a larger size");
}

fn check_chance(chance: &Chance, at: &Path, found: &mut Found) {
    let often = chance.per_year > 0.0 && chance.per_year <= 1e5;
    found.ensure(
        often,
        at.key("per_year"),
        "it is no number of times a year",
        "write above 0, to 100000",
    );
    let spans = [("for_h", chance.for_h), ("size", chance.size)];
    for (key, (low, high)) in spans {
        found.ensure(
            low <= high,
            at.key(key),
            "the smallest is above the largest",
            "change their places",
        );
    }
    let lasts = chance.for_h.0 >= 0.0 && is_hours(chance.for_h.1);
    found.ensure(lasts, at.key("for_h"), "it is no span of time", "write 0 to a million hours");
    check_size(chance.kind, chance.size.0, &at.key("size"), found);
    check_size(chance.kind, chance.size.1, &at.key("size"), found);
}

/// A number of hours that can be added to a moment.
fn is_hours(hours: f64) -> bool {
    hours.abs() < 1e6
}

#[cfg(test)]
mod tests {
    use crate::scenario::Scenario;

    const EVERYTHING: &str = r#"
name = "everything"
title = { ko = "전부", en = "Everything" }
start = "2026-07-14T00:00:00+09:00"
duration_h = 24.0
[climate]
annual_mm = [1200.0, 1400.0]
[rates]
loss = 0.1
delay_max_s = 60.0
[[chances]]
kind = "stuck"
per_year = 2.0
for_h = [1.0, 2.0]
[[layouts.slope]]
id = "post-1"
report_s = 60
samples = 5
alert = [60, 3600]
room = 100
share = 0.5
power = { battery_wh = 100.0, panel_w = 20.0, load_w = 0.6 }
radio = { dry_dbm = -90.0, floor_dbm = -120.0 }
sensors = [{ id = "tilt-1", quantity = "tilt-x", noise = 0.01, step = 0.001, range = [-30.0, 30.0], alarming = 0.1 }]
[[sites]]
id = "slope-1"
kind = "slope"
name = { ko = "비탈면", en = "Slope" }
area = { ko = "아래", en = "below" }
location = [37.5, 128.2]
expect = "normal"
creep = { steady_mm_per_day = 0.1, tilt_deg_per_mm = 0.02, surge = { peak_h = 6.0, half_width_h = 1.0, peak_mm_per_h = 2.0 } }
pore = { dry_kpa = -6.0, gain_kpa_per_mm = 0.1, rise_h = 3.0, recession_h = 60.0 }
stability = { cohesion_kpa = 7.0, friction_deg = 33.0, suction_friction_deg = 15.0, unit_weight_kn_m3 = 19.0, depth_m = 2.0, slope_deg = 37.0 }
sliding = { onset_mm_per_h = 0.6, a_per_mm = 0.06, rest_h = 6.0 }
settlement = { final_mm = 80.0, cv_m2_per_year = 2.0, drainage_m = 3.0 }
structure = { height_m = 5.0, crack = { value = 0.1, per_day = 0.01 }, swing = { hz = 3.2, lost = { value = 0.1 } } }
blasting = { per_day = 5.0, charge_kg = [1.0, 5.0], distance_m = [40.0, 150.0], k = 200.0, n = 1.6 }
traffic = { per_hour = 6.0, typical_mm_per_s = 0.15 }
[[faults]]
site = "slope-1"
station = "post-1"
kind = "half-open"
at_h = 1.0
for_h = 1.0
size = 60.0
"#;

    /// What is written otherwise, what is said about it, and what to do.
    const IMPOSSIBLE: &[(&str, &str, &str, &str)] = &[
        ("annual_mm = [1200.0,", "annual_mm = [-1.0,", "no year rains like this", "least and most"),
        ("loss = 0.1", "loss = -0.1", "no part of all messages", "write 0 to 1"),
        ("delay_max_s = 60.0", "delay_max_s = -60.0", "it is no delay", "write 0 to"),
        ("per_year = 2.0", "per_year = -2.0", "no number of times a year", "above 0"),
        ("for_h = [1.0, 2.0]", "for_h = [2.0, 1.0]", "above the largest", "change their places"),
        ("report_s = 60", "report_s = 0", "no time between reports", "1 to 86400 s"),
        ("samples = 5", "samples = 0", "no box is made so", "write 1 to"),
        ("alert = [60, 3600]", "alert = [0, 3600]", "no alert mode", "two times"),
        ("room = 100", "room = 0", "no box is made so", "write 1 to"),
        ("share = 0.5", "share = nan", "it is no number", "one with an end"),
        ("battery_wh = 100.0", "battery_wh = 0.0", "nothing is fed so", "above 0"),
        ("load_w = 0.6", "load_w = -0.6", "nothing is fed so", "0 or more"),
        ("dry_dbm = -90.0", "dry_dbm = 90.0", "no radio is heard", "dBm"),
        ("noise = 0.01", "noise = -0.01", "noise cannot be below zero", "0 or more"),
        ("step = 0.001", "step = 0.0", "shows every difference", "above 0"),
        ("[-30.0, 30.0]", "[30.0, -30.0]", "ends before it begins", "[low, high]"),
        ("alarming = 0.1", "alarming = 0.0", "every report would alarm", "above 0"),
        ("quantity = \"tilt-x\"", "quantity = \"tilt-w\"", "tilt-w", "such as tilt-x"),
        (
            "quantity = \"tilt-x\"",
            "quantity = \"water-level\"",
            "water-level is not simulated",
            "another quantity",
        ),
        (
            "steady_mm_per_day = 0.1",
            "steady_mm_per_day = 1e9",
            "nothing moves like this",
            "write 0 to 1000",
        ),
        (
            "steady_mm_per_day = 0.1",
            "steady_mm_per_day = -0.1",
            "nothing moves like this",
            "write 0 to 1000",
        ),
        ("gain_kpa_per_mm = 0.1", "gain_kpa_per_mm = -0.1", "no water presses so", "0 to 1000"),
        ("half_width_h = 1.0", "half_width_h = 0.0", "a surge of no length", "above 0"),
        ("rise_h = 3.0", "rise_h = 90.0", "falls before it rises", "longer than rise_h"),
        ("friction_deg = 33.0", "friction_deg = 90.0", "no ground has 90", "write 0 to 60"),
        ("suction_friction_deg = 15.0", "suction_friction_deg = 40.0", "no ground has 40", "to 33"),
        ("depth_m = 2.0", "depth_m = -2.0", "no ground has -2", "write 0.1 to 100"),
        ("slope_deg = 37.0", "slope_deg = 0.0", "no ground has 0", "write 1 to 89"),
        ("onset_mm_per_h = 0.6", "onset_mm_per_h = 0.0", "zero or below", "above 0"),
        ("final_mm = 80.0", "final_mm = -80.0", "no ground sinks so far", "0 to 100000"),
        ("drainage_m = 3.0", "drainage_m = 0.0", "zero or below", "above 0"),
        ("height_m = 5.0", "height_m = -5.0", "no wall is as high", "0 to 300"),
        ("per_day = 0.01", "per_day = 1e4", "nothing drifts so fast", "write -1000"),
        ("lost = { value = 0.1 }", "lost = { value = 1.1 }", "no part of the stiffness", "0 to 1"),
        ("charge_kg = [1.0,", "charge_kg = [0.0,", "not above zero", "smallest and largest"),
        ("n = 1.6", "n = -1.6", "no shot shakes like this", "above 0"),
        ("per_hour = 6.0", "per_hour = 600.0", "one vehicle at most", "0 to 60"),
        (
            "site = \"slope-1\"",
            "site = \"slope-2\"",
            "there is no site `slope-2`",
            "one that is there",
        ),
        (
            "station = \"post-1\"",
            "station = \"post-2\"",
            "no station `post-2`",
            "one that is there",
        ),
        ("size = 60.0", "size = -60.0", "it cannot be below zero", "larger"),
        ("kind = \"half-open\"", "kind = \"half\"", "unknown variant", "correct it"),
        ("at_h = 1.0", "at_hour = 1.0", "unknown field", "take it out"),
    ];

    #[test]
    fn what_no_field_has_is_refused_with_its_place_and_what_to_do() {
        Scenario::parse("everything.toml", EVERYTHING).unwrap_or_else(|error| panic!("{error}"));
        for (from, to, what, remedy) in IMPOSSIBLE {
            assert!(EVERYTHING.contains(from), "the test needs `{from}`");
            let text = EVERYTHING.replacen(from, to, 1);
            let error = Scenario::parse("everything.toml", &text).unwrap_err().to_string();
            let line = EVERYTHING.lines().position(|line| line.contains(from)).unwrap() + 1;
            assert!(error.contains(what) && error.contains(remedy), "{to}: {error}");
            let place = format!("everything.toml:{line}:");
            assert!(error.lines().any(|it| it.starts_with(&place)), "{to}: {error}");
        }
        let sites = EVERYTHING.find("[[sites]]").unwrap();
        let error =
            Scenario::parse("everything.toml", &EVERYTHING[..sites]).unwrap_err().to_string();
        assert!(error.contains("it has no site; add a [[sites]] table"), "{error}");
    }
}
