//! The file of a site: where it is, who is in danger, what stands there.

use std::collections::BTreeSet;
use std::time::Duration;

use alerting::rule::Rule;
use alerting::setup::Policy;
use reading::id::{SiteId, StationId};
use reading::registry::{Site, SiteKind, StationEntry};

use super::daemon::bilingual;
use super::documents::Document;
use super::problem::Problems;
use super::stations::{self, Names, Stations, Watched};
use super::table::Table;
use super::tree::At;
use super::value::{Fault, nearest, shortened};
use super::{documents, doubt, geometry, rules, silence};

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(86_400);

const KINDS: [(&str, SiteKind); 5] = [
    ("slope", SiteKind::Slope),
    ("retaining-wall", SiteKind::RetainingWall),
    ("bridge", SiteKind::Bridge),
    ("building", SiteKind::Building),
    ("facility", SiteKind::Facility),
];

/// What the file of a site says. Names come back even if something else is wrong, so that other entries may
/// refer to them.
pub struct SiteEntry {
    /// Its name, and where it is given.
    pub id: Option<At<SiteId>>,
    /// The site.
    pub site: Option<Site>,
    /// Its stations.
    pub stations: Vec<StationEntry>,
    /// The names of all its stations.
    pub station_ids: BTreeSet<StationId>,
    /// The gateways they name, perhaps of other sites, and where.
    pub gateways: Vec<At<(SiteId, StationId)>>,
    /// Its criteria, the ones that are always there included.
    pub rules: Vec<Rule>,
    /// How its level moves, if it differs from the default.
    pub policy: Option<Policy>,
    /// What is written about it and lies elsewhere.
    pub documents: Vec<Document>,
}

/// Reads the file of a site. `known` is what its stations may name.
pub fn read(mut table: Table, known: &Names, problems: &mut Problems) -> SiteEntry {
    table.need("site", "begin the file with [site]", problems);
    let (id, site) = match table.table("site", problems) {
        Some(table) => read_site(table, problems),
        None => (None, None),
    };
    let policy = table.table("policy", problems).map(|table| read_policy(table, problems));
    let before = problems.errors();
    let Stations { entries: stations, ids: station_ids, gateways } =
        stations::read(&mut table, id.as_ref(), known, problems);
    let whole = problems.errors() == before && id.is_some();
    let watched = stations::watched(&stations);
    let zone = site.as_ref().map_or("UTC", |site| site.zone.as_str());
    let scope =
        rules::Scope { site: id.as_ref().map(|id| &id.value), zone, watched: &watched, whole };
    let written = rules::read(table.tables("rule", problems), &scope, problems);
    let documents = documents::read(&mut table, problems);
    table.finish("the file of a site", problems);
    let kind = site.as_ref().map(|site| site.kind);
    let rules = with_defaults(written, &watched, kind, problems);
    SiteEntry { id, site, stations, station_ids, gateways, rules, policy, documents }
}

/// The rules somebody wrote, and those that are always there.
fn with_defaults(
    written: Vec<At<Rule>>,
    watched: &[Watched],
    kind: Option<SiteKind>,
    problems: &mut Problems,
) -> Vec<Rule> {
    let silence = silence::defaults(watched, &written);
    let defaults: Vec<_> = silence.into_iter().chain(doubt::defaults(watched, kind)).collect();
    for default in &defaults {
        if let Some(same) = written.iter().find(|rule| rule.value.id == default.id) {
            let what = format!(
                "`{}` is also the rule bongsu adds for {}",
                default.id, default.clauses[0].series[0]
            );
            problems.add(&same.place, what, "give yours another id");
        }
    }
    written.into_iter().map(|rule| rule.value).chain(defaults).collect()
}

fn read_site(mut table: Table, problems: &mut Problems) -> (Option<At<SiteId>>, Option<Site>) {
    table.need("id", "topics, series and files name the site by it, say id = \"cut-12\"", problems);
    let id = table.id::<SiteId>("id", problems);
    if let Some(taken) = id.as_ref().filter(|id| id.value.as_str() == "alerts") {
        let what = "the topics of alerts for everybody begin so, not those of a site";
        problems.add(&taken.place, what, "give the site another id");
    }
    let name = bilingual(&mut table, "name", problems);
    table.need(
        "kind",
        "write kind = \"slope\", \"retaining-wall\", \"bridge\", \"building\" or \"facility\"",
        problems,
    );
    let kind = table.choice("kind", &KINDS, problems);
    table.need("location", "say where it is: location = [latitude, longitude]", problems);
    let location = geometry::location(&mut table, "location", problems);
    table.need(
        "radius",
        "say how far around people are in danger, say radius = \"300 m\"",
        problems,
    );
    let radius = table.read("radius", geometry::radius, problems);
    let polygon = geometry::polygon(&mut table, "polygon", problems);
    let area = bilingual(&mut table, "area", problems);
    let instruction = bilingual(&mut table, "instruction", problems);
    let district = table.read("district", district, problems);
    let zone = table.read("zone", zone, problems);
    table.finish("[site]", problems);
    let site = || {
        Some(Site {
            id: id.as_ref()?.value.clone(),
            name: name?,
            kind: kind?.value,
            location: location?,
            radius_km: radius?.value,
            polygon: polygon?,
            area: area?,
            instruction: instruction?,
            district: district.map_or_else(String::new, |at| at.value),
            zone: zone.map_or_else(|| "Asia/Seoul".into(), |at| at.value),
        })
    };
    let site = site();
    (id, site)
}

fn district(text: &str) -> Result<String, Fault> {
    if text.len() == 10 && text.bytes().all(|b| b.is_ascii_digit()) {
        return Ok(text.into());
    }
    Err(Fault::new(
        format!("`{}` is not a district code", shortened(text)),
        "write the ten digits of the 법정동코드",
    ))
}

fn zone(text: &str) -> Result<String, Fault> {
    if jiff::tz::TimeZone::get(text).is_ok() {
        return Ok(text.into());
    }
    let names: Vec<String> = jiff::tz::db().available().map(|name| name.to_string()).collect();
    let remedy = match nearest(text, names.iter().map(String::as_str)) {
        Some(name) => format!("did you mean \"{name}\"?"),
        None => "write a name of the IANA database, say \"Asia/Seoul\"".into(),
    };
    Err(Fault::new(format!("there is no time zone `{}`", shortened(text)), remedy))
}

fn read_policy(mut table: Table, problems: &mut Problems) -> Policy {
    let default = Policy::default();
    let mut policy = default;
    if let Some(mut dwell) = table.table("dwell", problems) {
        let mut read = |key, usual| {
            dwell.duration(key, MINUTE..=30 * DAY, problems).map_or(usual, |at| at.value)
        };
        policy.dwell_attention = read("attention", default.dwell_attention);
        policy.dwell_caution = read("caution", default.dwell_caution);
        policy.dwell_warning = read("warning", default.dwell_warning);
        dwell.finish("dwell (severe is stood down by hand)", problems);
    }
    let remind = table.duration("remind-severe", MINUTE..=DAY, problems);
    policy.remind_severe = remind.map_or(default.remind_severe, |at| at.value);
    if let Some(mut flap) = table.table("flap", problems) {
        let count = flap.integer("count", 2..=20, problems);
        let count = count.and_then(|at| u8::try_from(at.value).ok());
        policy.flap_count = count.unwrap_or(default.flap_count);
        let window = flap.duration("window", 60 * MINUTE..=30 * DAY, problems);
        policy.flap_window = window.map_or(default.flap_window, |at| at.value);
        flap.finish("flap", problems);
    }
    let close = table.duration("close-after", MINUTE..=30 * DAY, problems);
    policy.close_after = close.map_or(default.close_after, |at| at.value);
    table.finish("[policy]", problems);
    policy
}
