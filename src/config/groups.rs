//! The groups of public channels: who lets them hear, by when, and what if nobody answers.

use std::time::Duration;

use alerting::approval::{ChannelGroup, Release};
use alerting::route::{Audience, Route};
use reading::id::{ChannelId, GroupId};

use super::problem::Problems;
use super::rules::provenance;
use super::table::{Table, id};
use super::tree::At;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(86_400);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Automatic,
    After,
    Required,
}

/// What a `[[group]]` says, as far as nothing is wrong with it.
pub struct GroupEntry {
    /// Its name, even if something else is wrong.
    pub name: Option<At<GroupId>>,
    /// The group.
    pub group: Option<ChannelGroup>,
    /// The channels on which approvers are asked, where they stand.
    ask: Vec<At<ChannelId>>,
}

/// Reads a `[[group]]`.
pub fn read(mut table: Table, problems: &mut Problems) -> GroupEntry {
    table.need("name", "channels name the group by it, say name = \"residents\"", problems);
    let name = table.id::<GroupId>("name", problems);
    let remedy = "write approval = \"required\", \"after\" (with a time) or \"automatic\"";
    table.need("approval", remedy, problems);
    let words =
        [("required", Kind::Required), ("after", Kind::After), ("automatic", Kind::Automatic)];
    let kind = table.choice("approval", &words, problems);
    let release = kind.as_ref().and_then(|kind| release(&mut table, kind, problems));
    let persons = table.integer("persons", 1..=2, problems);
    let remind = table.duration("remind", 10 * SECOND..=DAY, problems);
    let ask = table.reads("ask", id::<ChannelId>, problems).map_or_else(Vec::new, |ask| ask.value);
    if let Some((At { value: Kind::Automatic, .. }, persons)) = kind.as_ref().zip(persons.as_ref())
    {
        problems.add(&persons.place, "nobody is asked, so nobody agrees", "remove `persons`");
    }
    table.finish("a group", problems);
    let group = || {
        Some(ChannelGroup {
            id: name.as_ref()?.value.clone(),
            release: release?,
            persons: persons.map_or(1, |at| u8::try_from(at.value).unwrap_or(1)),
            remind: remind.map_or(2 * MINUTE, |at| at.value),
            ask: ask.iter().map(|channel| channel.value.clone()).collect(),
        })
    };
    let group = group();
    GroupEntry { name, group, ask }
}

fn release(table: &mut Table, kind: &At<Kind>, problems: &mut Problems) -> Option<Release> {
    let (after_at, rule_at) = (table.place_of("after"), table.place_of("release"));
    let after = table.duration("after", 30 * SECOND..=DAY, problems);
    let rule = provenance(table, "release", problems);
    match (kind.value, &after_at) {
        (Kind::After, None) => problems.add(
            &kind.place,
            "it does not say after how long",
            "write after = \"10 min\": counted from when an approver was reached",
        ),
        (Kind::Automatic | Kind::Required, Some(place)) => {
            problems.add(place, "`after` goes with approval = \"after\"", "remove it");
        }
        (Kind::After, Some(_)) | (Kind::Automatic | Kind::Required, None) => {}
    }
    match (kind.value, &rule_at) {
        (Kind::Automatic | Kind::After, None) => problems.add(
            &kind.place,
            "nobody wrote down that it goes out without a person",
            "write who decided so: release = { author = \"…\", date = \"…\", reason = \"…\" }",
        ),
        (Kind::Required, Some(place)) => {
            problems.add(place, "persons alone release this group, no rule does", "remove it");
        }
        (Kind::Automatic | Kind::After, Some(_)) | (Kind::Required, None) => {}
    }
    Some(match kind.value {
        Kind::Required => Release::Required,
        Kind::Automatic => Release::Automatic { rule: rule? },
        Kind::After => Release::After { wait: after?.value, rule: rule? },
    })
}

/// Checks what groups say of channels, once those are known.
pub fn check(entries: &[GroupEntry], routes: &[Route], problems: &mut Problems) {
    let officers = |channel: &ChannelId| {
        let route = routes.iter().find(|route| route.channel == *channel);
        route.map(|route| route.audience == Audience::Officers)
    };
    for entry in entries {
        for channel in &entry.ask {
            let what = match officers(&channel.value) {
                Some(true) => continue,
                Some(false) => format!("`{}` is not for officers", channel.value),
                None => format!("there is no channel `{}`", channel.value),
            };
            problems.add(&channel.place, what, "name channels on which approvers are reached");
        }
        let Some((name, group)) = entry.name.as_ref().zip(entry.group.as_ref()) else { continue };
        let asks = !matches!(group.release, Release::Automatic { .. });
        if asks && !routes.iter().any(|route| route.audience == Audience::Officers) {
            problems.add(
                &name.place,
                "nobody can be asked: there is no channel for officers",
                "add one, at least kind = \"log\"",
            );
        }
        let whole = problems.errors() == 0;
        if whole && !routes.iter().any(|route| route.group.as_ref() == Some(&name.value)) {
            problems.warn(&name.place, "no channel is released with this group", "remove it");
        }
    }
}
