//! What of a site cannot be: its place, its ground, what it does.

use super::is_hours;
use crate::scenario::SitePlan;
use crate::scenario::problem::{Found, Path};

pub(super) fn check(site: &SitePlan, at: &Path, found: &mut Found) {
    let (latitude, longitude) = site.location;
    let on_earth = latitude.abs() <= 90.0 && longitude.abs() <= 180.0;
    found.ensure(
        on_earth,
        at.key("location"),
        "there is no such place",
        "write latitude and longitude in degrees",
    );
    let scaled = (0.0..=10.0).contains(&site.rain_scale);
    found.ensure(
        scaled,
        at.key("rain_scale"),
        "it cannot rain so much more than elsewhere",
        "write 0 to 10",
    );
    let shifted = is_hours(site.rain_shift_h);
    found.ensure(
        shifted,
        at.key("rain_shift_h"),
        "it is no number of hours",
        "write less than a million",
    );
    let pore = site.pore;
    let drains = pore.rise_h > 0.0 && pore.recession_h > pore.rise_h;
    let what = "water that falls before it rises";
    found.ensure(
        drains,
        at.key("pore").key("recession_h"),
        what,
        "recession_h must be longer than rise_h, both above 0",
    );
    let pore =
        [("dry_kpa", pore.dry_kpa, -1_000.0), ("gain_kpa_per_mm", pore.gain_kpa_per_mm, 0.0)];
    for (key, value, least) in pore {
        let sane = (least..=1_000.0).contains(&value);
        let remedy = format!("write {least} to 1000");
        found.ensure(sane, at.key("pore").key(key), "no water presses so", remedy);
    }
    let counted = (1..=100_000).contains(&site.repeat);
    found.ensure(counted, at.key("repeat"), "so many cannot stand there", "write 1 to 100000");
    check_movement(site, at, found);
    check_ground(site, at, found);
    check_structure(site, at, found);
}

fn check_movement(site: &SitePlan, at: &Path, found: &mut Found) {
    let creep = at.key("creep");
    let rates = [
        // downslope; a post may lean either way
        ("steady_mm_per_day", site.creep.steady_mm_per_day, 0.0, 1_000.0),
        ("tilt_deg_per_mm", site.creep.tilt_deg_per_mm, -10.0, 10.0),
    ];
    for (key, rate, least, most) in rates {
        let remedy = format!("write {least} to {most}");
        let sane = (least..=most).contains(&rate);
        found.ensure(sane, creep.key(key), "nothing moves like this", remedy);
    }
    if let Some(failure) = site.creep.failure {
        let at = creep.key("failure");
        let hours = is_hours(failure.onset_h) && is_hours(failure.failure_h);
        found.ensure(
            hours,
            at.key("onset_h"),
            "it is no number of hours",
            "write less than a million",
        );
        let ordered = failure.failure_h > failure.onset_h;
        found.ensure(
            ordered,
            at.key("failure_h"),
            "it fails before it sets out",
            "write a later hour than onset_h",
        );
        let law = failure.a_per_mm > 0.0;
        found.ensure(
            law,
            at.key("a_per_mm"),
            "movement with A at or below zero never accelerates",
            "write above 0, usually 0.01 to 0.1",
        );
        let between = |arrest_h| (failure.onset_h..failure.failure_h).contains(&arrest_h);
        let within = failure.arrest_h.is_none_or(between);
        found.ensure(
            within,
            at.key("arrest_h"),
            "it is arrested before it sets out or after it fell",
            "write an hour between the two",
        );
        let rest = failure.rest_h > 0.0;
        found.ensure(rest, at.key("rest_h"), "nothing comes to rest in no time", "write above 0");
    }
    if let Some(surge) = site.creep.surge {
        let wide = surge.half_width_h > 0.0;
        found.ensure(
            wide,
            creep.key("surge").key("half_width_h"),
            "a surge of no length",
            "write above 0",
        );
        let forward = surge.peak_mm_per_h >= 0.0;
        found.ensure(
            forward,
            creep.key("surge").key("peak_mm_per_h"),
            "the slope goes uphill",
            "write 0 or more",
        );
    }
}

fn check_ground(site: &SitePlan, at: &Path, found: &mut Found) {
    if let Some(slope) = site.stability {
        let at = at.key("stability");
        let limits = [
            ("cohesion_kpa", slope.cohesion_kpa, 0.0, 500.0),
            ("friction_deg", slope.friction_deg, 0.0, 60.0),
            ("suction_friction_deg", slope.suction_friction_deg, 0.0, slope.friction_deg),
            ("unit_weight_kn_m3", slope.unit_weight_kn_m3, 10.0, 30.0),
            ("depth_m", slope.depth_m, 0.1, 100.0),
            ("slope_deg", slope.slope_deg, 1.0, 89.0),
        ];
        for (key, value, low, high) in limits {
            let what = format!("no ground has {value}");
            found.ensure(
                (low..=high).contains(&value),
                at.key(key),
                what,
                format!("write {low} to {high}"),
            );
        }
    }
    if let Some(sliding) = site.sliding {
        let at = at.key("sliding");
        found.ensure(
            site.stability.is_some(),
            at.clone(),
            "it slides, and nobody knows when",
            "add `stability`",
        );
        let positive = [
            ("onset_mm_per_h", sliding.onset_mm_per_h),
            ("a_per_mm", sliding.a_per_mm),
            ("rest_h", sliding.rest_h),
        ];
        for (key, value) in positive {
            found.ensure(value > 0.0, at.key(key), "it cannot be zero or below", "write above 0");
        }
    }
    if let Some(clay) = site.settlement {
        let at = at.key("settlement");
        for (key, value) in
            [("cv_m2_per_year", clay.cv_m2_per_year), ("drainage_m", clay.drainage_m)]
        {
            found.ensure(value > 0.0, at.key(key), "it cannot be zero or below", "write above 0");
        }
        let sinks = (0.0..=100_000.0).contains(&clay.final_mm);
        found.ensure(sinks, at.key("final_mm"), "no ground sinks so far", "write 0 to 100000 mm");
    }
    if let Some(shots) = site.blasting {
        let at = at.key("blasting");
        let daily = (0.0..=500.0).contains(&shots.per_day);
        found.ensure(daily, at.key("per_day"), "it is no number of shots a day", "write 0 to 500");
        for (key, value) in [("k", shots.k), ("n", shots.n)] {
            found.ensure(value > 0.0, at.key(key), "no shot shakes like this", "write above 0");
        }
        for (key, (low, high)) in [("charge_kg", shots.charge_kg), ("distance_m", shots.distance_m)]
        {
            found.ensure(
                low > 0.0 && low <= high,
                at.key(key),
                "it goes from more to less, or is not above zero",
                "write smallest and largest",
            );
        }
    }
    if let Some(traffic) = site.traffic {
        let at = at.key("traffic");
        let hourly = (0.0..=60.0).contains(&traffic.per_hour);
        found.ensure(
            hourly,
            at.key("per_hour"),
            "a minute has one vehicle at most here",
            "write 0 to 60",
        );
        found.ensure(
            traffic.typical_mm_per_s >= 0.0,
            at.key("typical_mm_per_s"),
            "it cannot be below zero",
            "write 0 or more",
        );
    }
}

fn check_structure(site: &SitePlan, at: &Path, found: &mut Found) {
    let at = at.key("structure");
    let built = &site.structure;
    found.ensure(
        (0.0..=300.0).contains(&built.height_m),
        at.key("height_m"),
        "no wall is as high",
        "write 0 to 300 m",
    );
    found.ensure(
        built.crack.value >= 0.0,
        at.key("crack").key("value"),
        "a crack has no width below zero",
        "write 0 or more",
    );
    let drifts = [("tilt", &built.tilt), ("crack", &built.crack), ("anchor", &built.anchor)];
    for (key, drift) in drifts {
        for (rate, per_day) in [("per_day", drift.per_day), ("then_per_day", drift.then_per_day)] {
            let sane = per_day.abs() <= 1_000.0;
            let remedy = "write -1000 to 1000";
            found.ensure(sane, at.key(key).key(rate), "nothing drifts so fast", remedy);
        }
    }
    let lost = &built.swing.lost;
    let part = (0.0..=1.0).contains(&lost.value);
    found.ensure(
        part,
        at.key("swing").key("lost").key("value"),
        "it is no part of the stiffness",
        "write 0 to 1",
    );
    found.ensure(
        built.swing.hz >= 0.0,
        at.key("swing").key("hz"),
        "nothing swings backwards",
        "write 0 or more",
    );
}
