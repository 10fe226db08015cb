//! What a message says, for links that say the same in bytes of their own.

use reading::Timestamp;
use reading::codec::{Message as Said, decode};
use reading::frame::Frame;
use reading::report::{Claim, Report};

use crate::message::Message;

/// The report in `payload`, bytes of `message` as the station made them; nothing if it is none.
pub(super) fn report<'a>(message: &'a Message, payload: &'a [u8]) -> Option<Report<'a>> {
    let frame = Frame {
        source: "firmware-sim",
        topic: &message.topic,
        payload,
        received_at: message.sent_at,
        retained: message.retain,
    };
    match decode(&frame) {
        Ok(Said::Report(report)) => Some(report),
        Ok(Said::Status(_) | Said::Receipt(_)) | Err(_) => None,
    }
}

/// The claims of a report by the moment they are of, in the order sent.
pub(super) fn rows<'r, 'a>(report: &'r Report<'a>) -> Vec<(Timestamp, Vec<&'r Claim<'a>>)> {
    let mut rows: Vec<(Timestamp, Vec<&Claim<'_>>)> = Vec::new();
    for claim in &report.claims {
        let Some(at) = claim.at.or(report.at) else { continue };
        match rows.last_mut() {
            Some((of, claims)) if *of == at => claims.push(claim),
            _ => rows.push((at, vec![claim])),
        }
    }
    rows
}

/// What a value is called where it has one name: `tilt-1/tilt-x`.
pub(super) fn name(claim: &Claim<'_>) -> String {
    format!("{}/{}", claim.sensor, claim.quantity)
}
