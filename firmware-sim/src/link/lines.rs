//! Reports as lines of text: `post-1,2026-07-14T03:10:00+09:00,0.12,0.03`, one for each moment, values in the order of
//! the station's series.

use super::report::{report, rows};
use crate::message::{Message, korean_time};
use crate::scenario::StationPlan;

/// The group of a line that holds its moment.
pub const TIME: &str = "t";

/// The pattern of a station's lines: `t` is the moment, `v0`, `v1` and so on the values of its series.
pub fn pattern(station: &StationPlan) -> String {
    let values = (0..station.sensors.len()).map(|number| format!(",(?<v{number}>[-+.0-9]+)"));
    format!("^{},(?<{TIME}>[^,]+){}$", station.id, values.collect::<String>())
}

/// The lines of a message; none if it says nothing that is measured.
pub fn write(message: &Message) -> Vec<u8> {
    let whole = message.whole();
    let Some(report) = report(message, &whole) else { return Vec::new() };
    let mut text = String::new();
    for (at, claims) in rows(&report) {
        text.push_str(&format!("{},{}", report.station, korean_time(at)));
        claims.iter().for_each(|claim| text.push_str(&format!(",{}", claim.value)));
        text.push_str("\r\n");
    }
    text.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::Flip;
    use reading::Timestamp;

    #[test]
    fn a_line_for_each_moment_and_a_flipped_bit_is_one_of_the_line() {
        let payload = br#"{"seq":1,"at":"2026-07-14T00:10:00+09:00","readings":[
            {"sensor":"tilt-1","quantity":"tilt-x","value":0.1,"unit":"deg","at":"2026-07-14T00:00:00+09:00"},
            {"sensor":"tilt-1","quantity":"tilt-x","value":-0.2,"unit":"deg"}]}"#;
        let topic = "bongsu/v1/cut-12/post-1/backfill".to_owned();
        let mut message = Message::new(Timestamp::from_secs(0), topic, payload.to_vec());
        let lines =
            "post-1,2026-07-14T00:00:00+09:00,0.1\r\npost-1,2026-07-14T00:10:00+09:00,-0.2\r\n";
        assert_eq!(String::from_utf8(write(&message)).unwrap(), lines);
        let flip = Flip::at(0.3);
        flip.turn(&mut message.payload);
        message.flips.push(flip);
        let mut bytes = write(&message);
        assert_eq!(bytes, lines.as_bytes(), "the box itself is sound");
        message.turn_over(&mut bytes);
        let turned: u32 = bytes.iter().zip(lines.bytes()).map(|(a, b)| (a ^ b).count_ones()).sum();
        assert_eq!(turned, 1);
    }
}
