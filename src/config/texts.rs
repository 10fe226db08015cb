//! Templates that an installation writes, and whether everything its channels may say fits.

use std::collections::BTreeSet;
use std::time::Duration;

use alerting::alert::{IncidentKind, Purpose};
use alerting::catalogue::Language;
use alerting::route::{Audience, Route};
use alerting::setup::Setup;
use alerting::text;
use alerting::{Alert, Hazard, IncidentId, Level, MessageType, SiteFacts};
use delivery::text::{Case, Medium, Template, Texts, examine};
use reading::Timestamp;
use reading::id::{ChannelId, SiteId};
use reading::registry::Site;

use super::channels::Channel;
use super::problem::{Place, Problems};
use super::table::Table;
use super::tree::At;
use super::value::Fault;

const HAZARDS: [(&str, Hazard); 3] = [
    ("slope-failure", Hazard::SlopeFailure),
    ("structural-damage", Hazard::StructuralDamage),
    ("monitoring", Hazard::Monitoring),
];

/// Reads a `[[text]]`.
pub fn read(mut table: Table, problems: &mut Problems) -> Option<Template> {
    let media = Medium::WORDS.map(|(word, _)| word).join(", ");
    table.need("medium", &format!("write one of {media}"), problems);
    table.need("language", "write \"ko\" or \"en\"", problems);
    table.need("template", "write what is to be said, say \"{{ area }}: {{ danger }}\"", problems);
    let medium = table.choice("medium", &Medium::WORDS, problems);
    let languages = [("ko", Language::Ko), ("en", Language::En)];
    let language = table.choice("language", &languages, problems);
    let over = table.flag("over", problems).is_some_and(|at| at.value);
    let channel = table.id::<ChannelId>("channel", problems);
    let site = table.id::<SiteId>("site", problems);
    let hazard = table.choice("hazard", &HAZARDS, problems);
    let words = Level::ALL.map(|level| (level.name(), level));
    let level = table.choice("level", &words[1..], problems);
    let source = table.read("template", template, problems);
    table.finish("[[text]]", problems);
    Some(Template {
        medium: medium?.value,
        language: language?.value,
        over,
        channel: channel.map(|at| at.value),
        site: site.map(|at| at.value),
        hazard: hazard.map(|at| at.value),
        level: level.map(|at| at.value),
        source: source?.value,
    })
}

fn template(text: &str) -> Result<String, Fault> {
    examine(text).map_err(|error| {
        let known = delivery::text::VARIABLES.join(", ");
        Fault::new(error.to_string(), format!("a template may name: {known}"))
    })?;
    Ok(text.into())
}

/// Looks at everything the channels may have to say: for each site, level and language the text is made and judged.
pub fn check(
    texts: &Texts,
    channels: &[(Channel, Route, Place)],
    setup: &Setup,
    problems: &mut Problems,
) {
    for (channel, route, place) in channels {
        let mut told = BTreeSet::new();
        for site in setup.registry.sites().iter().filter(|site| route.covers(&site.id)) {
            for (what, remedy) in faults(texts, channel, route, setup, site) {
                if told.insert((site.id.clone(), what.clone())) {
                    problems.add(place, format!("site `{}`: {what}", site.id), remedy);
                }
            }
            for what in left_out(texts, channel, route, setup, site) {
                if told.insert((site.id.clone(), what.clone())) {
                    let remedy = "say it in the template, if its own words do not";
                    problems.warn(place, format!("site `{}`: {what}", site.id), remedy);
                }
            }
        }
    }
}

fn faults(
    texts: &Texts,
    channel: &Channel,
    route: &Route,
    setup: &Setup,
    site: &Site,
) -> Vec<(String, String)> {
    let levels = Level::ALL.into_iter().filter(|level| *level >= route.min_level);
    let cases: Vec<Alert> = levels
        .chain([Level::Normal])
        .map(|level| sample(setup, site, route.audience, level))
        .collect();
    let mut found = Vec::new();
    for (medium, language) in channel.kind.speaks() {
        let limit = channel.kind.limit(medium);
        for alert in &cases {
            let case = Case { medium, channel: &channel.id, language, alert };
            let name = word(medium);
            let remedy = format!(
                "write a [[text]] medium = \"{name}\", language = \"{}\" for it, or shorten what the site says",
                language.code()
            );
            match texts.faults(&case, limit) {
                Ok(faults) => found.extend(faults.into_iter().map(|fault| {
                    let said = format!("{name} in {}: {}", language.code(), fault.text().en);
                    (said, remedy.clone())
                })),
                Err(error) => found.push((format!("{name}: {error}"), remedy)),
            }
        }
    }
    found
}

/// What warnings do not say though they should: who speaks, what may happen, where, when, and what to do.
fn left_out(
    texts: &Texts,
    channel: &Channel,
    route: &Route,
    setup: &Setup,
    site: &Site,
) -> Vec<String> {
    const SHORT: [Medium; 4] =
        [Medium::CellBroadcast90, Medium::CellBroadcast157, Medium::Sms, Medium::Speech];
    let spoken = channel.kind.speaks().into_iter().filter(|(medium, _)| SHORT.contains(medium));
    let mut found = Vec::new();
    for (medium, language) in spoken {
        for level in [Level::Warning, Level::Severe] {
            let alert = sample(setup, site, route.audience, level.max(route.min_level));
            let case = Case { medium, channel: &channel.id, language, alert: &alert };
            found.extend(texts.elements_left_out(&case).into_iter().map(|element| {
                let fault = text::Fault::NoElement(element).text().en;
                format!("{} in {}: {fault}", word(medium), language.code())
            }));
        }
    }
    found
}

fn word(medium: Medium) -> &'static str {
    Medium::WORDS.iter().find(|(_, one)| *one == medium).map_or("", |(word, _)| word)
}

/// What would be said of a site at a level; 정상 is the end of it.
fn sample(setup: &Setup, site: &Site, audience: Audience, level: Level) -> Alert {
    let (over, now) = (level == Level::Normal, Timestamp::from_nanos(1_784_000_000_000_000_000));
    let hazard = Hazard::of(site.kind);
    let instruction =
        alerting::engine::instruction(Some(&site.instruction), audience, hazard, level, over);
    Alert {
        incident: IncidentId::new(IncidentKind::Live, &site.id, hazard, 1),
        revision: 1,
        purpose: if over { Purpose::Cancel } else { Purpose::Alert },
        message_type: if over { MessageType::Cancel } else { MessageType::Alert },
        status: setup.status,
        level,
        site: SiteFacts::from(site),
        hazard,
        headline: site.name.clone(),
        description: site.area.clone(),
        instruction,
        evidence: Vec::new(),
        decided_at: now,
        measured_at: now,
        expires_at: now.plus(Duration::from_secs(7_200)),
        unrecorded: false,
        released: alerting::approval::Released::Officers,
    }
}

/// A template's names of channel and site must exist.
pub fn check_names(
    template: &At<Template>,
    channels: &[(Channel, Route, Place)],
    sites: &BTreeSet<SiteId>,
    problems: &mut Problems,
) {
    if let Some(channel) = &template.value.channel
        && !channels.iter().any(|(known, _, _)| known.id == *channel)
    {
        let what = format!("there is no channel `{channel}`");
        problems.add(&template.place, what, "name one of the channels, or take the key out");
    }
    if let Some(site) = &template.value.site
        && !sites.contains(site)
    {
        let what = format!("there is no site `{site}`");
        problems.add(&template.place, what, "name one of the sites, or take the key out");
    }
}
