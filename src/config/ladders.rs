//! Who is called one after the other until somebody answers.

use std::collections::BTreeMap;
use std::time::Duration;

use alerting::Level;
use alerting::ladder::{Ladder, Rung, Within};
use alerting::route::{Audience, Route};
use reading::id::{ChannelId, LadderId, RotaId, SiteId};

use super::contacts;
use super::problem::{Place, Problems};
use super::resolve::Known;
use super::rotas::RotaEntry;
use super::routes::known_site;
use super::table::{Table, id};
use super::tree::At;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

/// How many rungs a ladder may have.
const RUNGS_MAX: usize = 16;

/// What a `[[ladder]]` says, as far as nothing is wrong with it.
pub struct LadderEntry {
    /// Its name, even if something else is wrong.
    pub name: Option<At<LadderId>>,
    /// The ladder.
    pub ladder: Option<Ladder>,
    place: Place,
    sites: Vec<At<SiteId>>,
    channels: Vec<At<ChannelId>>,
    rotas: Vec<At<RotaId>>,
    persons: Vec<At<String>>,
}

/// Reads a `[[ladder]]`.
pub fn read(mut table: Table, known: &Known, problems: &mut Problems) -> LadderEntry {
    table.need("name", "name it, say name = \"standby\"", problems);
    table.need("rung", "say who is called: [[ladder.rung]] channels = [\"sms\"], …", problems);
    let mut entry = LadderEntry {
        name: table.id::<LadderId>("name", problems),
        ladder: None,
        place: table.place.clone(),
        sites: Vec::new(),
        channels: Vec::new(),
        rotas: Vec::new(),
        persons: Vec::new(),
    };
    let sites = table.reads("sites", |text| known_site(text, known), problems);
    entry.sites = sites.map_or_else(Vec::new, |sites| sites.value);
    let words = Level::ALL.map(|level| (level.name(), level));
    let min_level = table.choice("min-level", &words[1..], problems);
    let within = table.table("within", problems).map(|table| read_within(table, problems));
    let mut rungs = Vec::new();
    let given = table.tables("rung", problems);
    if given.len() > RUNGS_MAX {
        let remedy = format!("a ladder has at most {RUNGS_MAX}; put persons together");
        problems.add(&table.place, "there are too many rungs", remedy);
    }
    let wanted = given.len();
    for rung in given {
        rungs.extend(entry.read_rung(rung, problems));
    }
    table.finish("a ladder", problems);
    let name = entry.name.as_ref().filter(|_| rungs.len() == wanted && wanted > 0);
    entry.ladder = name.map(|name| Ladder {
        id: name.value.clone(),
        sites: entry.sites.iter().map(|site| site.value.clone()).collect(),
        min_level: min_level.map_or(Level::Caution, |at| at.value),
        within: within.unwrap_or_default(),
        rungs,
    });
    entry
}

fn read_within(mut table: Table, problems: &mut Problems) -> Within {
    let usual = Within::default();
    let mut read = |key, usual| {
        let given = table.duration(key, 30 * SECOND..=24 * 60 * MINUTE, problems);
        given.map_or(usual, |at| at.value)
    };
    let within = Within {
        attention: read("attention", usual.attention),
        caution: read("caution", usual.caution),
        warning: read("warning", usual.warning),
        severe: read("severe", usual.severe),
    };
    let place = table.place.clone();
    table.finish("within", problems);
    let rising = [within.attention, within.caution, within.warning, within.severe];
    if !rising.is_sorted_by(|milder, graver| milder >= graver) {
        let remedy = "let people have less time at a higher level";
        problems.add(&place, "a higher level has more time than a lower one", remedy);
    }
    within
}

impl LadderEntry {
    fn read_rung(&mut self, mut table: Table, problems: &mut Problems) -> Option<Rung> {
        table.need("channels", "say how they are called: channels = [\"sms\"]", problems);
        let channels = table.reads("channels", id::<ChannelId>, problems);
        let persons = table.reads("persons", id::<ChannelId>, problems);
        let rota = table.id::<RotaId>("rota", problems);
        let place = table.place.clone();
        table.finish("a rung", problems);
        let channels = channels?.value;
        if channels.is_empty() {
            problems.add(&place, "the rung calls on no channel", "name one");
        }
        let persons: Vec<At<String>> = persons
            .map_or_else(Vec::new, |persons| persons.value)
            .into_iter()
            .map(|one| one.map(|id| id.to_string()))
            .collect();
        self.channels.extend(channels.iter().cloned());
        self.persons.extend(persons.iter().cloned());
        self.rotas.extend(rota.clone());
        Some(Rung {
            channels: channels.into_iter().map(|channel| channel.value).collect(),
            persons: persons.into_iter().map(|person| person.value).collect(),
            rota: rota.map(|rota| rota.value),
        })
    }
}

/// Checks what ladders and rotas say of channels, persons and each other, once those are known.
pub fn check(
    ladders: &[LadderEntry],
    rotas: &[RotaEntry],
    routes: &[Route],
    contacts: &contacts::Known,
    problems: &mut Problems,
) {
    let mut taken: BTreeMap<Option<&SiteId>, &Place> = BTreeMap::new();
    for entry in ladders {
        let sites = entry.sites.iter().map(|site| (Some(&site.value), &site.place));
        let all = entry.sites.is_empty().then_some((None, &entry.place));
        for (site, place) in sites.chain(all) {
            match taken.get(&site) {
                Some(first) => {
                    let what = match site {
                        Some(site) => format!("`{site}` has a second ladder"),
                        None => "a second ladder is for all sites".into(),
                    };
                    problems.add(
                        place,
                        what,
                        format!("the first is at {first}; name sites in one"),
                    );
                }
                None => _ = taken.insert(site, place),
            }
        }
        entry.check_ways(rotas, routes, problems);
    }
    let named = rotas.iter().flat_map(|rota| &rota.persons);
    let named = named.chain(ladders.iter().flat_map(|ladder| &ladder.persons));
    let Some(contacts) = &contacts.table else { return };
    for person in named.filter(|person| !contacts.by_id.contains_key(&person.value)) {
        let what = format!("there is no contact `{}`", person.value);
        problems.add(&person.place, what, "add a line for them to the table of contacts");
    }
}

impl LadderEntry {
    fn check_ways(&self, rotas: &[RotaEntry], routes: &[Route], problems: &mut Problems) {
        for channel in &self.channels {
            let route = routes.iter().find(|route| route.channel == channel.value);
            let what = match route.map(|route| route.audience) {
                Some(Audience::Officers) => continue,
                Some(Audience::Public) => format!("`{}` is not for officers", channel.value),
                None => format!("there is no channel `{}`", channel.value),
            };
            problems.add(&channel.place, what, "name a channel for officers");
        }
        for rota in &self.rotas {
            let known = rotas.iter().filter_map(|entry| entry.name.as_ref());
            if !known.into_iter().any(|name| name.value == rota.value) {
                let what = format!("there is no rota `{}`", rota.value);
                problems.add(&rota.place, what, "add [[rota]] name = \"…\" with its shifts");
            }
        }
        let Some(ladder) = &self.ladder else { return };
        for rung in &ladder.rungs {
            let of_rung = |channel: &ChannelId| {
                routes
                    .iter()
                    .find(|route| route.channel == *channel)
                    .is_some_and(|route| route.personal)
            };
            let nobody = rung.persons.is_empty() && rung.rota.is_none();
            if nobody && rung.channels.iter().any(of_rung) {
                problems.add(
                    &self.place,
                    "a rung calls nobody on a channel to persons",
                    "write persons = [\"…\"] or rota = \"…\"",
                );
            }
        }
    }
}
