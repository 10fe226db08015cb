//! What of a station cannot be: its rhythm, its supply, its instruments.

use std::collections::BTreeSet;

use reading::Quantity;

use crate::scenario::StationPlan;
use crate::scenario::problem::{Found, Path};

pub(super) fn check(station: &StationPlan, at: &Path, found: &mut Found) {
    let interval = (1..=86_400).contains(&station.report_s);
    found.ensure(
        interval,
        at.key("report_s"),
        "it is no time between reports",
        "report_s must be 1 to 86400 s",
    );
    let counts = [("samples", station.samples, 10_000), ("room", station.room, 1_000_000)];
    for (key, count, most) in counts {
        let remedy = format!("write 1 to {most}");
        found.ensure((1..=most).contains(&count), at.key(key), "no box is made so", remedy);
    }
    let (every_s, lasting_s) = station.alert;
    let alert = [every_s, lasting_s].iter().all(|seconds| (1..=86_400).contains(seconds));
    found.ensure(alert, at.key("alert"), "it is no alert mode", "write two times of 1 to 86400 s");
    let share = station.share.abs() <= 10.0;
    found.ensure(share, at.key("share"), "it takes no such part in a movement", "write 0 to 1");
    check_supply(station, at, found);
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
        let alarming = sensor.alarming.is_none_or(|change| change > 0.0);
        found.ensure(alarming, at.key("alarming"), "every report would alarm it", "write above 0");
        let heat = sensor.per_degc.abs() <= 1e3;
        found.ensure(heat, at.key("per_degc"), "no instrument is so", "write -1000 to 1000");
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

fn check_supply(station: &StationPlan, at: &Path, found: &mut Found) {
    if let Some(power) = station.power {
        let at = at.key("power");
        let limits = [
            ("battery_wh", power.battery_wh, f64::MIN_POSITIVE),
            ("panel_w", power.panel_w, 0.0),
            ("load_w", power.load_w, 0.0),
        ];
        for (key, value, least) in limits {
            let sane = (least..=1e6).contains(&value);
            let remedy = if least > 0.0 { "write above 0" } else { "write 0 or more" };
            found.ensure(sane, at.key(key), "nothing is fed so", remedy);
        }
    }
    if let Some(radio) = station.radio {
        let at = at.key("radio");
        for (key, dbm) in [("dry_dbm", radio.dry_dbm), ("floor_dbm", radio.floor_dbm)] {
            let heard = (-200.0..=50.0).contains(&dbm);
            found.ensure(heard, at.key(key), "no radio is heard like this", "write -200 to 50 dBm");
        }
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
