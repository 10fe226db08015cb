//! Campbell TOA5.

use proptest::prelude::*;
use reading::codec::csv::UtcOffset;
use reading::codec::toa5::{self, Toa5};
use reading::codec::{CodecError, Feed, Format};
use reading::report::Claim;

use super::{decode, feed, refusal, sample, told};

fn seoul() -> UtcOffset {
    UtcOffset::parse("+09:00").unwrap()
}

fn logger(columns: &[&str]) -> Feed {
    let columns = columns.iter().map(|column| (*column).into()).collect();
    let format = Format::Toa5(Toa5 { offset: seoul(), columns });
    let metrics = [
        ("BattV", "power/battery-voltage"),
        ("AirT_C(42)", "air/temperature Cel"),
        ("RelHumid_Avg(3)", "air/relative-humidity"),
        ("tilt_x", "tilt-1/tilt-x deg"),
    ];
    feed(
        format,
        &[("TestLogger", "box-1"), ("TestLogger/Daily", "box-2"), ("/dev/ttyS1", "box-3")],
        &metrics,
    )
}

const HEADER: &str = "\"TOA5\",\"TestLogger\",\"CR1000X\",\"12342\",\"CR1000X.Std.03.02\",\"CPU:x.CR1X\",\"2438\",\"Hourly\"\r\n\
    \"TIMESTAMP\",\"RECORD\",\"BattV\",\"tilt_x\",\"note\"\r\n\"TS\",\"RN\",\"Volts\",\"furlong\",\"\"\r\n\"\",\"\",\"Avg\",\"Smp\",\"\"\r\n";

#[test]
fn reads_a_table_and_rows_of_a_described_one() {
    let table = format!(
        "{HEADER}\"2026-07-14 03:10:00\",10,13.23,-0.5,\"a, b\"\r\n\"2026-07-14 03:20:00.25\",11,\"NAN\",0.5,\"\"\r\n"
    );
    assert_eq!(
        told(&logger(&[]), "x", table.as_bytes()).unwrap(),
        [
            "box-1 power/battery-voltage 13.23 V 2026-07-13T18:10:00Z",
            "box-1 tilt-1/tilt-x -0.5 deg 2026-07-13T18:10:00Z",
            "box-1 power/battery-voltage NaN V 2026-07-13T18:20:00.25Z",
            "box-1 tilt-1/tilt-x 0.5 deg 2026-07-13T18:20:00.25Z",
        ]
    );
    let rows = logger(&["TIMESTAMP", "RECORD", "BattV"]);
    assert_eq!(
        told(&rows, "/dev/ttyS1", b"\"2026-07-14 03:10:00\",7,12.5\r\n").unwrap(),
        ["box-3 power/battery-voltage 12.5 - 2026-07-13T18:10:00Z"]
    );
}

#[test]
fn every_damage_has_a_name_and_a_line() {
    let logger = logger(&[]);
    let row = "\"2026-07-14 03:10:00\",10,13.23,1,x";
    let whole = format!("{HEADER}{row}\r\n");
    assert!(decode(&logger, "x", whole.as_bytes()).is_ok());
    for (payload, name, says) in [
        (String::new(), "empty-payload", ""),
        (row.into(), "wrong-shape", "no TOA5 header"),
        (format!("{HEADER}{row},1"), "wrong-shape", "line 5: the row has 6 fields, the header 5"),
        (
            format!("{HEADER}\"2026-07-14 03:10:00\",10,13.2"),
            "wrong-shape",
            "line 5: the row has 3",
        ),
        (format!("{HEADER}\"2026-07-14 03:1"), "wrong-shape", "quote is not closed"),
        (format!("{HEADER}\"2026-13-14 03:10:00\",10,13.23,1,x"), "bad-time", "line 5"),
        (format!("{HEADER}12,10,13.23,1,x"), "bad-time", "line 5"),
        (whole.replace("\"TIMESTAMP\"", "\"TIME\""), "wrong-shape", "TIMESTAMP"),
        (whole.replace("tilt_x", "BattV"), "wrong-shape", "same name"),
        (whole.replace("\"Volts\",", ""), "wrong-shape", "differ in length"),
        (whole.replace(",\"Hourly\"", ""), "wrong-shape", "8 fields"),
        (HEADER.lines().next().unwrap().into(), "wrong-shape", "missing"),
        (whole.replace("TestLogger", "Other"), "unknown-device", "`Other`"),
    ] {
        let (got, text) = refusal(&logger, "x", payload.as_bytes());
        assert!(got == name && text.contains(says), "{payload}: {got}: {text}");
    }
    let unmapped =
        decode(&logger, "x", whole.replace("tilt_x", "tilt_z").as_bytes()).unwrap().unmapped;
    assert_eq!(unmapped.len(), 1);
    assert_eq!(
        (unmapped[0].device.as_str(), unmapped[0].metric.as_str()),
        ("TestLogger", "tilt_z")
    );
}

#[test]
fn reads_the_tables_of_real_loggers_and_refuses_damaged_ones() {
    let logger = logger(&[]);
    let Some(hourly) = sample("serial/toa5/TestLogger_Hourly_1.dat") else { return };
    let lines = told(&logger, "x", &hourly).unwrap();
    assert_eq!(lines[0], "box-1 power/battery-voltage 13.23 V 2021-06-18T12:00:00Z");
    assert_eq!(lines[1], "box-1 air/temperature 26.29 Cel 2021-06-18T12:00:00Z");
    assert_eq!(lines[2], "box-1 air/relative-humidity 49.31 % 2021-06-18T12:00:00Z");
    let daily = sample("serial/toa5/TestLogger_Daily_1.dat").unwrap();
    let unmapped = decode(&logger, "x", &daily).unwrap().unmapped;
    assert!(!unmapped.is_empty() && unmapped.iter().all(|one| one.device == "TestLogger/Daily"));
    for number in 1..=12 {
        let damaged = sample(&format!("serial/toa5/TestLogger_Hourly_Bad{number:02}.dat")).unwrap();
        let (name, text) = refusal(&logger, "x", &damaged);
        assert!(matches!(name, "wrong-shape" | "empty-payload"), "{number}: {name}: {text}");
    }
}

/// A vibrating-wire piezometer and a tiltmeter at a CR1000: columns and rows of the example in Trimble's T4D Server
/// manual (4.6, `LoggerNet DAT File Format`), which shortens the header; a monitoring system streams rows without one.
#[test]
fn reads_a_piezometer_and_a_tiltmeter_of_a_monitoring_system() {
    let columns = [
        "TIMESTAMP",
        "RECORD",
        "batt_volt_Min",
        "PTemp",
        "VWHz(1)",
        "VWTemp(1)",
        "ELSC(1)",
        "ELTemp(1)",
    ];
    let rows = "\"2010-08-25 10:40:00\",50383,13.19,20.29,2810.662,20.53,-1.380652,23.05\n\
                \"2010-08-25 10:41:00\",50384,13.19,20.30,2810.667,20.53,-1.380481,23.05\n";
    let columns = columns.map(Into::into).to_vec();
    let mut logger = feed(
        Format::Toa5(Toa5 { offset: seoul(), columns }),
        &[("x", "box-1")],
        &[("VWHz(1)", "piezo-1/frequency Hz"), ("ELSC(1)", "tilt-1/tilt-x deg")],
    );
    logger.naming.models[0].ignored = vec!["*".into()];
    assert_eq!(
        told(&logger, "x", rows.as_bytes()).unwrap(),
        [
            "box-1 piezo-1/frequency 2810.662 Hz 2010-08-25T01:40:00Z",
            "box-1 tilt-1/tilt-x -1.380652 deg 2010-08-25T01:40:00Z",
            "box-1 piezo-1/frequency 2810.667 Hz 2010-08-25T01:41:00Z",
            "box-1 tilt-1/tilt-x -1.380481 deg 2010-08-25T01:41:00Z",
        ]
    );
    let shortened = ["\"TOA5\",\"CR1000\",\"32304\"\n", rows].concat();
    assert_eq!(refusal(&logger, "x", shortened.as_bytes()).0, "wrong-shape");
}

/// Sixty lines of a weather station on the ice of Greenland, of 45 columns: units nobody knows, numbers in quotes.
#[test]
fn reads_a_table_from_the_ice() {
    let Some(table) = sample("serial/toa5/promice-SlimTableMem1-head.dat") else { return };
    let mut station = feed(
        Format::Toa5(Toa5 { offset: UtcOffset::ZERO, columns: vec![] }),
        &[("CR1000_kpc_u", "box-1")],
        &[
            ("AirPressure_Avg", "air/barometric-pressure"),
            ("Temperature_Avg", "air/temperature"),
            ("TiltX_Avg", "tilt-1/tilt-x deg"),
            ("VoltageBatteries", "power/battery-voltage"),
        ],
    );
    assert_eq!(refusal(&station, "x", &table).0, "too-many-readings", "with every column");
    station.naming.models[0].ignored = vec!["*".into()];
    let lines = told(&station, "x", &table).unwrap();
    assert_eq!(lines[0], "box-1 air/barometric-pressure 913 hPa 2019-05-26T12:00:00Z");
    assert_eq!(lines.len(), 4 * 56);
    assert_eq!(
        lines[220..],
        [
            "box-1 air/barometric-pressure 918 hPa 2019-05-28T19:00:00Z",
            "box-1 air/temperature 0.346 Cel 2019-05-28T19:00:00Z",
            "box-1 tilt-1/tilt-x -1.845 deg 2019-05-28T19:00:00Z",
            "box-1 power/battery-voltage 11.73 V 2019-05-28T19:00:00Z",
        ]
    );
}

#[test]
fn what_is_written_reads_back() {
    let at = reading::Timestamp::parse("2026-07-13T18:10:00Z").unwrap();
    let claim = |sensor: &'static str, value, at| Claim {
        sensor: sensor.into(),
        quantity: "".into(),
        value,
        unit: Some("V".into()),
        at: Some(at),
    };
    let later = at.plus(std::time::Duration::from_millis(600_500));
    let claims =
        [claim("BattV", 12.5, at), claim("BattV", 12.25, later), claim("tilt_x", 1e-7, later)];
    let text = toa5::encode("TestLogger", "Hourly", seoul(), &claims);
    let lines = told(&logger(&[]), "x", text.as_bytes()).unwrap();
    assert_eq!(
        lines,
        [
            "box-1 power/battery-voltage 12.5 V 2026-07-13T18:10:00Z",
            "box-1 tilt-1/tilt-x NaN deg 2026-07-13T18:10:00Z",
            "box-1 power/battery-voltage 12.25 V 2026-07-13T18:20:00.5Z",
            "box-1 tilt-1/tilt-x 0.0000001 deg 2026-07-13T18:20:00.5Z",
        ]
    );
}

proptest! {
    #[test]
    fn no_text_is_too_strange(text in "(\"TOA5\",)?[\",\\r\\nA-Za-z0-9 :.-]{0,300}", columns in any::<bool>()) {
        let logger = logger(if columns { &["TIMESTAMP", "BattV"] } else { &[] });
        if let Err(error) = decode(&logger, "x", text.as_bytes()) {
            prop_assert!(CodecError::NAMES.contains(&error.name()));
        }
    }

    #[test]
    fn a_damaged_table_does_no_harm(place in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<bool>()) {
        let mut table = format!("{HEADER}\"2026-07-14 03:10:00\",10,13.23,1,x\r\n").into_bytes();
        let place = place.index(table.len());
        if cut { table.truncate(place); } else { table[place] = byte; }
        if let Err(error) = decode(&logger(&[]), "x", &table) {
            prop_assert!(CodecError::NAMES.contains(&error.name()));
        }
    }
}
