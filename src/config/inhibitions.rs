//! What is not sent beside graver things.

use alerting::Level;
use alerting::inhibition::Inhibition;
use alerting::rule::Rule;
use alerting::standing::Scope;
use reading::id::{ChannelId, RuleId, SeriesName};
use reading::registry::Registry;

use super::problem::{Place, Problems};
use super::resolve::Known;
use super::routes::known_site;
use super::rules::provenance;
use super::table::{Table, id};
use super::tree::At;
use super::validity;
use super::value::Fault;

/// What an `[[inhibit]]` says, and where.
pub struct InhibitEntry {
    /// Its name, even if something else is wrong.
    pub name: Option<At<ChannelId>>,
    /// The inhibition, as far as nothing is wrong with it.
    pub inhibition: Option<Inhibition>,
    place: Place,
}

/// Reads an `[[inhibit]]`. Hours of its `valid` are those of bongsu's own zone.
pub fn read(mut table: Table, known: &Known, problems: &mut Problems) -> InhibitEntry {
    let place = table.place.clone();
    table.need("name", "name it: incidents that it hides say so", problems);
    table.need(
        "while",
        "say while what: while = { sites = [\"…\"], level = \"warning\" }",
        problems,
    );
    table.need("hides", "say what is hidden: hides = { sites = [\"…\"] }", problems);
    table.need("provenance", "say who decided it: { author, date, reason }", problems);
    let name = table.id::<ChannelId>("name", problems);
    let during =
        table.table("while", problems).and_then(|table| read_while(table, known, problems));
    let hides = table.table("hides", problems).map(|table| read_scope(table, known, problems));
    if hides.as_ref().is_some_and(Scope::is_empty) {
        problems.add(&place, "it hides everything", "name sites, series or rules in `hides`");
    }
    let valid = validity::read(&mut table, alerting::engine::SYSTEM_ZONE, problems);
    let provenance = provenance(&mut table, "provenance", problems);
    table.finish("an inhibition", problems);
    let inhibition = || {
        let (sites, level) = during?;
        Some(Inhibition {
            id: name.as_ref()?.value.to_string(),
            sites,
            level,
            hides: hides?,
            valid,
            provenance: provenance?,
        })
    };
    let inhibition = inhibition();
    InhibitEntry { name, inhibition, place }
}

fn read_while(
    mut table: Table,
    known: &Known,
    problems: &mut Problems,
) -> Option<(Vec<reading::SiteId>, Level)> {
    table.need("sites", "name the sites that are graver", problems);
    table.need("level", "say from which level on", problems);
    let sites = table.reads("sites", |text| known_site(text, known), problems);
    let words = Level::ALL.map(|level| (level.name(), level));
    let level = table.choice("level", &words[2..], problems);
    table.finish("while", problems);
    Some((sites?.value.into_iter().map(|site| site.value).collect(), level?.value))
}

fn read_scope(mut table: Table, known: &Known, problems: &mut Problems) -> Scope {
    let sites = table.reads("sites", |text| known_site(text, known), problems);
    let series = table.reads("series", series, problems);
    let rules = table.reads("rules", id::<RuleId>, problems);
    table.finish("hides", problems);
    Scope { sites: values(sites), series: values(series), rules: values(rules) }
}

fn series(text: &str) -> Result<SeriesName, Fault> {
    let remedy = "write site/station/sensor/quantity";
    text.parse().map_err(|error| Fault::new(format!("{error}"), remedy))
}

fn values<T>(list: Option<At<Vec<At<T>>>>) -> Vec<T> {
    list.map_or_else(Vec::new, |list| list.value.into_iter().map(|one| one.value).collect())
}

/// Checks that what is hidden exists.
pub fn check(
    entries: &[InhibitEntry],
    registry: &Registry,
    rules: &[Rule],
    problems: &mut Problems,
) {
    for entry in entries {
        let Some(scope) = entry.inhibition.as_ref().map(|one| &one.hides) else { continue };
        for series in scope.series.iter().filter(|series| registry.find(series).is_none()) {
            problems.add(&entry.place, format!("there is no series `{series}`"), "mend its name");
        }
        for rule in scope.rules.iter().filter(|id| !rules.iter().any(|rule| rule.id == **id)) {
            problems.add(&entry.place, format!("no site has a rule `{rule}`"), "mend its name");
        }
    }
}
