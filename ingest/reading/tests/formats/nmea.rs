//! NMEA 0183.

use proptest::collection::vec;
use proptest::prelude::*;
use reading::codec::nmea::Nmea;
use reading::codec::{CodecError, Feed, Format};

use super::{decode, feed, refusal, sample, told};

const PORT: &str = "/dev/ttyS1";

fn receiver(origin: Option<(f64, f64, f64)>) -> Feed {
    let metrics = [
        ("fix", "gnss/count"),
        ("north", "gnss/displacement"),
        ("altitude", "gnss/water-level"),
        ("tilt-x", "tilt-1/tilt-x"),
        ("Baro", "air/barometric-pressure"),
    ];
    let mut feed = feed(Format::Nmea(Nmea { origin }), &[(PORT, "box-1")], &metrics);
    feed.naming.models[0].ignored = vec!["*".into()];
    feed
}

fn summed(body: &str) -> String {
    format!("${body}*{:02X}\r\n", body.bytes().fold(0, |sum, byte| sum ^ byte))
}

#[test]
fn a_position_is_metres_from_the_origin_at_the_nearest_time() {
    // Received at 03:33:20; 23:59 was yesterday, 04:00 is to come.
    let gga = |time: &str, lat: &str| {
        summed(&format!("GPGGA,{time},{lat},N,12700.0000,E,4,12,0.6,100.0,M,20.0,M,,"))
    };
    let feed = receiver(Some((37.5, 127.0, 119.0)));
    let lines = told(&feed, PORT, gga("235900.00", "3730.0006").as_bytes()).unwrap();
    assert_eq!(lines[0], "box-1 gnss/count 4 - 2026-07-13T23:59:00Z");
    assert_eq!(lines[1], "box-1 gnss/water-level 120 m 2026-07-13T23:59:00Z");
    // A hundred-thousandth of a degree of latitude at 37.5 N is 1.10989 m; the height adds 1.9e-5 of it.
    let north: f64 = lines[2].split(' ').nth(2).unwrap().parse().unwrap();
    assert!((north - 1.10991).abs() < 1e-4, "{north}");
    let lines = told(&feed, PORT, gga("040000.5", "3730.0000").as_bytes()).unwrap();
    assert!(lines[0].ends_with(" 2026-07-14T04:00:00.5Z"), "{lines:?}");
    let none = summed("GNGGA,,,,,,0,,,,,,,,");
    assert_eq!(told(&feed, PORT, none.as_bytes()).unwrap(), ["box-1 gnss/count 0 - -"]);
}

#[test]
fn transducers_are_metrics_by_name() {
    let xdr = summed("WIXDR,A,0.31,D,tilt-x,P,1.5,B,Baro,G,7,,other,C,,C,gone");
    assert_eq!(
        told(&receiver(None), PORT, xdr.as_bytes()).unwrap(),
        ["box-1 tilt-1/tilt-x 0.31 deg -", "box-1 air/barometric-pressure 150 kPa -"]
    );
}

/// What real instruments print, and what is made of it.
#[test]
fn reads_what_instruments_print() {
    // A Jewell (Applied Geomechanics) LILY borehole tiltmeter, serial number N1212, set to XDR: the example that the
    // reader of a slope's tiltmeters quotes.
    let tilt = "$YXXDR,A,-00.920,D,N,A,-00.210,D,E,C,030.045,C,T-N1212*57";
    // Airmar weather stations: as logged from a WX series on a moving mount, April 2018 and by its pitch.
    let airmar = "$YXXDR,C,,C,WCHR,C,,C,WCHT,C,28.2,C,HINX,P,1.0090,B,STNP*55\r\n\
                  $YXXDR,A,86.0,D,PTCH,A,-85.2,D,ROLL*71\r\n";
    // A Vaisala WXT520: air and supply as the comments of collectd's plugin for it quote its answer to `0R`, rain as
    // the test of another reader does. It counts transducers of each kind from 0, so that a number alone names nothing,
    // and gives rain in millimetres where the standard has cubic metres.
    let vaisala = "$WIXDR,C,24.1,C,0,H,43.7,P,0,P,969.9,H,0*46\r\n\
                   $WIXDR,V,0.02,M,0,Z,10,s,0,R,0.7,M,0,V,0.0,M,1,Z,0,s,1,R,0.0,M,1,R,25.6,M,2,R,0.0,M,3*65\r\n\
                   $WIXDR,C,23.5,C,2,U,24.1,N,0,U,24.5,V,1,U,3.520,V,2*7E\r\n";
    // An OceanServer OS5000 compass, the example of gpsd's `NMEA Revealed`.
    let compass = "$HCXDR,A,171,D,PITCH,A,-37,D,ROLL,G,367,,MAGX,G,2420,,MAGY,G,-8984,,MAGZ*41\r\n";
    let metrics = [
        ("N", "tilt-1/tilt-x"),
        ("E", "tilt-1/tilt-y"),
        ("T-N1212", "tilt-1/temperature"),
        ("STNP", "air/barometric-pressure"),
        ("PTCH", "box/tilt-x"),
        ("ROLL", "box/tilt-y"),
        ("PITCH", "box/tilt"),
        ("C0", "air/temperature"),
        ("H0", "air/relative-humidity"),
        ("P0", "air/barometric-pressure"),
        ("V0", "rain-1/rain mm"),
        ("R0", "rain-1/rain-rate mm/h"),
        ("U2", "box/battery-voltage"),
    ];
    let mut feed = feed(Format::Nmea(Nmea::default()), &[(PORT, "box-1")], &metrics);
    feed.naming.models[0].ignored = vec!["*".into()];
    for (lines, expected) in [
        (
            tilt,
            &[
                "tilt-1/tilt-x -0.92 deg",
                "tilt-1/tilt-y -0.21 deg",
                "tilt-1/temperature 30.045 Cel",
            ][..],
        ),
        (
            airmar,
            &[
                "air/barometric-pressure 100.89999999999999 kPa",
                "box/tilt-x 86 deg",
                "box/tilt-y -85.2 deg",
            ],
        ),
        (
            vaisala,
            &[
                "air/temperature 24.1 Cel",
                "air/relative-humidity 43.7 %",
                "air/barometric-pressure 969.9 hPa",
                "rain-1/rain 0.02 mm",
                "rain-1/rain-rate 0.7 mm/h",
                "box/battery-voltage 3.52 V",
            ],
        ),
        (compass, &["box/tilt 171 deg", "box/tilt-y -37 deg"]),
    ] {
        let heard = told(&feed, PORT, lines.as_bytes()).unwrap();
        let expected: Vec<_> = expected.iter().map(|line| format!("box-1 {line} -")).collect();
        assert_eq!(heard, expected);
    }
}

#[test]
fn every_damage_has_a_name() {
    for (line, name) in [
        ("$GPGGA,1*00", "bad-checksum"),
        ("$GPGGA,1", "wrong-shape"),
        ("GPGGA,1*00", "wrong-shape"),
        ("$GPGGA,1*+1", "wrong-shape"),
        ("$GPGGA,1*0", "wrong-shape"),
        (&*summed("GPGGA,250000,3730.0,N,12700.0,E,1,4,1,1,M,1,M,,"), "wrong-shape"),
        (&*summed("GPGGA,120000,3760.0,N,12700.0,E,1,4,1,1,M,1,M,,"), "wrong-shape"),
        (&*summed("GPGGA,120000,9130.0,N,12700.0,E,1,4,1,1,M,1,M,,"), "wrong-shape"),
        (&*summed("GPGGA,120000,3730.0,X,12700.0,E,1,4,1,1,M,1,M,,"), "wrong-shape"),
        (&*summed("GPGGA,120000,3730.0,N,nan,E,1,4,1,1,M,1,M,,"), "wrong-shape"),
        (&*summed("GPGGA"), "wrong-shape"),
        (&*summed("WIXDR,A,1,D"), "wrong-shape"),
        (&*summed("WIXDR,A,one,D,tilt-x"), "wrong-shape"),
    ] {
        let (got, text) = refusal(&receiver(None), PORT, line.as_bytes());
        assert!(got == name && text.contains("line 1"), "{line}: {got}: {text}");
    }
    assert_eq!(refusal(&receiver(None), PORT, &[b'$', 0xff]).0, "not-utf8");
    assert_eq!(
        refusal(&receiver(None), "other", summed("WIXDR,A,1,D,x").as_bytes()).0,
        "unknown-device"
    );
    assert!(told(&receiver(None), PORT, summed("GPGSA,A,3").as_bytes()).unwrap().is_empty());
}

/// A fix of a Quectel L70 as gpsd's daemon tests have it, and what gpsd makes of it.
#[test]
fn reads_a_fix_of_a_receiver() {
    let sentence = "$GPGGA,150119.000,5104.0859,N,11405.7387,W,2,8,0.94,1102.4,M,-17.5,M,,*53";
    let mut all = feed(
        Format::Nmea(Nmea::default()),
        &[(PORT, "box-1")],
        &[
            ("latitude", "gnss/tilt-x"),
            ("longitude", "gnss/tilt-y"),
            ("altitude", "gnss/water-level"),
        ],
    );
    all.naming.models[0].ignored = vec!["*".into()];
    let lines = told(&all, PORT, sentence.as_bytes()).unwrap();
    let values: Vec<f64> =
        lines.iter().map(|line| line.split(' ').nth(2).unwrap().parse().unwrap()).collect();
    assert!(
        (values[0] - 51.068_098_333).abs() < 1e-9 && (values[1] + 114.095_645).abs() < 1e-9,
        "{lines:?}"
    );
    assert!((values[2] - 1_084.9).abs() < 1e-9, "above the ellipsoid: {lines:?}");
}

/// Every position that gpsd makes of the logs of real receivers, we make too; what is no sentence is refused by name.
#[test]
fn reads_positions_as_gpsd_does() {
    // The log, at least how many sentences and positions; two are of other, binary protocols.
    for (name, enough) in [
        ("quectel-L70", (100, 3)),
        ("ublox-f9p-hpnmea", (100, 3)),
        ("nmea-fuzzy-cases", (20, 10)),
        ("trimble-smt-360", (0, 0)),
        ("naujoks-ntrip", (0, 0)),
    ] {
        let Some(log) = sample(&format!("serial/nmea/{name}.log")) else { return };
        let check = sample(&format!("serial/nmea/{name}.log.chk")).unwrap();
        let check: Vec<(f64, f64)> = check
            .split(|byte| *byte == b'\n')
            .filter_map(|line| serde_json::from_slice::<serde_json::Value>(line).ok())
            .filter_map(|fix| Some((fix["lat"].as_f64()?, fix["lon"].as_f64()?)))
            .collect();
        let (mut sentences, mut positions) = (0, 0);
        for line in log.split(|byte| *byte == b'\n') {
            let mut all = feed(
                Format::Nmea(Nmea::default()),
                &[(PORT, "box-1")],
                &[("latitude", "gnss/tilt-x"), ("longitude", "gnss/tilt-y")],
            );
            all.naming.models[0].ignored = vec!["*".into()];
            let lines = match told(&all, PORT, line) {
                Ok(lines) => lines,
                Err(error) => {
                    let is_sentence = line.starts_with(b"$G");
                    assert!(!is_sentence && CodecError::NAMES.contains(&error.name()), "{error}");
                    continue;
                }
            };
            sentences += 1;
            let [latitude, longitude] = lines.as_slice() else { continue };
            let value = |line: &str| line.split(' ').nth(2).unwrap().parse::<f64>().unwrap();
            let (latitude, longitude) = (value(latitude), value(longitude));
            let same = |(a, b): &(f64, f64)| {
                // They are written there with nine digits.
                (a - latitude).abs() < 1e-9 && (b - longitude).abs() < 1e-9
            };
            assert!(check.iter().any(same), "{name}: {}", String::from_utf8_lossy(line));
            positions += 1;
        }
        assert!((sentences, positions) >= enough, "{name}: {sentences} {positions}");
    }
}

proptest! {
    #[test]
    fn no_sentence_is_too_strange(body in "(GPGGA|WIXDR)?([,A-Z0-9.$*-]|\\PC){0,90}", right in any::<bool>()) {
        let line = if right { summed(&body) } else { body };
        for origin in [None, Some((37.5, 127.0, 0.0))] {
            if let Err(error) = decode(&receiver(origin), PORT, line.as_bytes()) {
                prop_assert!(CodecError::NAMES.contains(&error.name()));
            }
        }
    }

    #[test]
    fn no_bytes_are_too_strange(bytes in vec(any::<u8>(), 0..120), place in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut damaged = summed("WIXDR,A,0.31,D,tilt-x,P,1.5,B,Baro").into_bytes();
        let place = place.index(damaged.len());
        damaged[place] = byte;
        for payload in [&bytes, &damaged] {
            if let Err(error) = decode(&receiver(None), PORT, payload) {
                prop_assert!(CodecError::NAMES.contains(&error.name()));
            }
        }
    }
}
