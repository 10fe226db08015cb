//! Reports as a Campbell logger sends them: a TOA5 table with its header above each report, the station's name as the
//! logger's and `TABLE` as the table's. Columns are called `tilt-1/tilt-x`; stamps are the time of Korea.

use reading::codec::csv::UtcOffset;
use reading::codec::toa5::encode;
use reading::report::Claim;

use super::report::{name, report};
use crate::message::Message;

/// The name of every table.
pub const TABLE: &str = "Report";
/// How far east loggers' clocks are.
pub const OFFSET: &str = "+09:00";

/// The table of a message; none if it says nothing that is measured.
pub fn write(message: &Message) -> Vec<u8> {
    let whole = message.whole();
    let (Some(report), Some(offset)) = (report(message, &whole), UtcOffset::parse(OFFSET)) else {
        return Vec::new();
    };
    let column = |claim: &Claim<'_>| Claim {
        sensor: name(claim).into(),
        at: claim.at.or(report.at),
        ..claim.clone().into_owned()
    };
    let claims: Vec<Claim<'_>> = report.claims.iter().map(column).collect();
    encode(report.station, TABLE, offset, &claims).into_bytes()
}
