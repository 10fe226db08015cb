//! What hears bongsu in the field beside sirens: signboards and whoever reads topics over MQTT, relays over Modbus.

use std::time::Duration;

use alerting::Status;
use alerting::catalogue::Language;
use alerting::text::Sign;
use delivery::channel::relay::{RelayRoad, RelaySettings};
use delivery::channel::signboard::SignboardSettings;

use super::siren::{by_recipient, simulated, siren_station};
use super::{MINUTE, SECOND};
use crate::config::problem::Problems;
use crate::config::resolve::Known;
use crate::config::table::Table;
use crate::config::tree::At;
use crate::config::value::Fault;

/// Reads what is said of signboards.
pub fn signboard(
    table: &mut Table,
    known: &Known,
    problems: &mut Problems,
) -> Option<SignboardSettings> {
    table.need("boards", "say which: boards = [\"site/station\"]", problems);
    let boards = table.reads("boards", |text| siren_station(text, known), problems);
    let mut count = |key, most| table.integer(key, 1..=most, problems);
    let (columns, lines, screens) =
        (count("columns", 64), count("lines", 16), count("screens", 10));
    let number = |at: Option<At<i64>>, usual| {
        at.map_or(usual, |at| usize::try_from(at.value).unwrap_or(usual))
    };
    // 2 lines of 8 to 12 characters, alternating.
    let sign =
        Sign { columns: number(columns, 12), lines: number(lines, 2), screens: number(screens, 4) };
    let screen_time = table.duration("screen-time", SECOND..=MINUTE, problems);
    let valid_for = table.duration("valid-for", SECOND..=60 * MINUTE, problems);
    let language =
        table.choice("language", &[("ko", Language::Ko), ("en", Language::En)], problems);
    let simulated = simulated(table, known.status, "sign", problems);
    Some(SignboardSettings {
        boards: by_recipient(boards?, "signboard", "boards", problems),
        sign,
        screen_time: screen_time.map_or(3 * SECOND, |at| at.value),
        language: language.map_or(Language::Ko, |at| at.value),
        valid_for: valid_for.map_or(10 * MINUTE, |at| at.value),
        simulated,
    })
}

/// Alerts for everybody at the brokers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TopicSettings {
    /// Whether nobody reads there who could take a test for earnest.
    pub simulated: bool,
}

/// Reads what is said of topics for everybody.
pub fn topics(table: &mut Table, status: Option<Status>, problems: &mut Problems) -> TopicSettings {
    TopicSettings { simulated: simulated(table, status, "reader of its topics", problems) }
}

/// Reads what is said of a relay.
pub fn relay(
    table: &mut Table,
    status: Option<Status>,
    problems: &mut Problems,
) -> Option<RelaySettings> {
    table.need(
        "at",
        "say where the relay is: at = \"192.0.2.7:502\" or at = \"/dev/ttyUSB0\"",
        problems,
    );
    table.need("coil", "say which coil closes the siren's circuit, counted from 0", problems);
    let baud = table.integer("baud", 1_200..=921_600, problems);
    let baud = baud.map_or(9_600, |at| u32::try_from(at.value).unwrap_or(9_600));
    let road = table.read("at", |text| road(text, baud), problems);
    let unit = table.integer("unit", 1..=247, problems);
    let coil = table.integer("coil", 0..=65_535, problems);
    let register = table.integer("duration-register", 0..=65_535, problems);
    let duration = table.duration("duration", SECOND..=30 * MINUTE, problems);
    let timeout = table.duration("timeout", SECOND / 10..=30 * SECOND, problems);
    let simulated = simulated(table, status, "siren", problems);
    let small = |at: At<i64>| u16::try_from(at.value).unwrap_or_default();
    Some(RelaySettings {
        road: road?.value,
        unit: unit.map_or(1, |at| u8::try_from(at.value).unwrap_or(1)),
        coil: small(coil?),
        duration_register: register.map(small),
        duration: duration.map_or(Duration::from_secs(180), |at| at.value),
        timeout: timeout.map_or(5 * SECOND, |at| at.value),
        simulated,
    })
}

fn road(text: &str, baud: u32) -> Result<RelayRoad, Fault> {
    if text.starts_with('/') {
        return Ok(RelayRoad::Serial { path: text.into(), baud });
    }
    text.parse().map(RelayRoad::Tcp).map_err(|_| {
        let remedy = "write an IP address and a port, or the path of a serial port";
        Fault::new("this is no place of a relay", remedy)
    })
}
