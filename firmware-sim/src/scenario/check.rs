//! What of a scenario cannot be: all of it, each with its place.

use std::collections::BTreeSet;

use reading::Quantity;

use super::problem::{Found, Path};
use super::{Scenario, SitePlan, StationPlan};
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
            check_site(site, &at, found);
        }
        for (name, stations) in &self.layouts {
            for (number, station) in stations.iter().enumerate() {
                check_station(station, &top.key("layouts").key(name).item(number), found);
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

fn check_site(site: &SitePlan, at: &Path, found: &mut Found) {
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
    let counted = (1..=100_000).contains(&site.repeat);
    found.ensure(counted, at.key("repeat"), "so many cannot stand there", "write 1 to 100000");
    check_movement(site, at, found);
    check_ground(site, at, found);
    check_structure(site, at, found);
}

fn check_movement(site: &SitePlan, at: &Path, found: &mut Found) {
    let creep = at.key("creep");
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
        let arrest = failure.arrest_h.unwrap_or(failure.onset_h);
        let within = (failure.onset_h..failure.failure_h).contains(&arrest);
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
    }
    if let Some(shots) = site.blasting {
        let at = at.key("blasting");
        let daily = (0.0..=500.0).contains(&shots.per_day);
        found.ensure(daily, at.key("per_day"), "it is no number of shots a day", "write 0 to 500");
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

fn check_station(station: &StationPlan, at: &Path, found: &mut Found) {
    let interval = (1..=86_400).contains(&station.report_s);
    found.ensure(
        interval,
        at.key("report_s"),
        "it is no time between reports",
        "report_s must be 1 to 86400 s",
    );
    found.ensure(
        !station.sensors.is_empty(),
        at.key("sensors"),
        "it measures nothing",
        "add a sensor",
    );
    let mut seen = BTreeSet::new();
    for (number, sensor) in station.sensors.iter().enumerate() {
        let at = at.key("sensors").item(number);
        let is_new = seen.insert((&sensor.id, sensor.quantity));
        found.ensure(is_new, at.key("id"), "the same series twice", "rename one");
        found.ensure(
            sensor.step > 0.0,
            at.key("step"),
            "no instrument shows every difference",
            "write a step above 0",
        );
        found.ensure(
            sensor.noise >= 0.0,
            at.key("noise"),
            "noise cannot be below zero",
            "write 0 or more",
        );
        let (low, high) = sensor.range;
        found.ensure(
            low < high,
            at.key("range"),
            "the range ends before it begins",
            "write [low, high]",
        );
        let simulated = is_simulated(sensor.quantity);
        let what = format!("{} is not simulated", sensor.quantity);
        found.ensure(
            simulated,
            at.key("quantity"),
            what,
            "leave the sensor out, or choose another quantity",
        );
    }
}

/// Whether [`crate::physics::Truth`] says anything about it.
fn is_simulated(quantity: Quantity) -> bool {
    use Quantity as Q;
    matches!(
        quantity,
        Q::Tilt
            | Q::TiltX
            | Q::TiltY
            | Q::Displacement
            | Q::CrackWidth
            | Q::Settlement
            | Q::Rain
            | Q::PorePressure
            | Q::GroundwaterLevel
            | Q::SoilMoisture
            | Q::VibrationVelocity
            | Q::Strain
            | Q::Force
            | Q::Temperature
            | Q::Frequency
            | Q::AcousticEmission
            | Q::State
            | Q::BatteryVoltage
            | Q::SignalStrength
    )
}

/// A number of hours that can be added to a moment.
fn is_hours(hours: f64) -> bool {
    hours.abs() < 1e6
}
