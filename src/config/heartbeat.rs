//! `[heartbeat]`: whom bongsu tells that it is alive, so that somebody learns when it is not.

use std::time::Duration;

use super::channels::{HttpUrl, http_url};
use super::problem::Problems;
use super::source::Folder;
use super::table::Table;

const SECOND: Duration = Duration::from_secs(1);

/// Where and how often.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeartbeatSettings {
    /// Where to: a second place, that calls people when it hears nothing.
    pub url: HttpUrl,
    /// How often, real time.
    pub every: Duration,
    /// How long an answer may take.
    pub timeout: Duration,
}

/// Reads `[heartbeat]`.
pub fn read(
    mut table: Table,
    folder: &Folder,
    problems: &mut Problems,
) -> Option<HeartbeatSettings> {
    let remedy = "say who listens, say url = \"https://watch.example.kr/beat/bongsu\"";
    table.need("url", remedy, problems);
    let url = table.read("url", |text| http_url(text, folder), problems);
    let every = table.duration("every", SECOND..=3_600 * SECOND, problems);
    let timeout = table.duration("timeout", SECOND / 10..=60 * SECOND, problems);
    table.finish("[heartbeat]", problems);
    Some(HeartbeatSettings {
        url: url?.value,
        every: every.map_or(60 * SECOND, |at| at.value),
        timeout: timeout.map_or(10 * SECOND, |at| at.value),
    })
}
