//! A foreign device, adopted: what its names mean goes behind the topics it was heard on, in the main file, and what it
//! measures into the file of its site.

use std::collections::BTreeMap;
use std::fmt::Write;

use anyhow::{Context, bail};
use reading::codec::Feed;
use reading::codec::naming::Target;

use super::adopt::{AdoptArgs, File, is_header};
use super::strangers::{Said, Stranger};
use super::written::quoted;
use crate::config::{Config, Fault, mapped_station, mapped_target};

/// What its metrics are, and which are passed over.
struct Make {
    metrics: BTreeMap<String, Target>,
    ignored: Vec<String>,
}

/// What has to be written: the main file, and the site's where that misses something.
pub(super) fn files(
    device: &str,
    stranger: &Stranger,
    args: &AdoptArgs,
    config: &Config,
) -> anyhow::Result<Vec<File>> {
    let Some(name) = &args.foreign.becomes else {
        bail!(
            "say which station `{device}` is: --as SITE/STATION, and what it says with --metric or --like"
        );
    };
    let (site, station) = mapped_station(name).map_err(told)?;
    let feed = feed(stranger, args, config)?;
    let make = make(device, feed, args)?;
    let named = Stranger {
        site: Some(site.to_string()),
        station: Some(station.to_string()),
        device: None,
        series: missing(&site.to_string(), &station.to_string(), &make, config),
        ..stranger.clone()
    };
    let registry = &config.setup.registry;
    let is_there = registry
        .site(site.as_str())
        .is_some_and(|site| registry.station(site, station.as_str()).is_some());
    let mut files = vec![main_file(device, name, feed, &make, args)?];
    if !is_there || !named.series.is_empty() {
        files.push(File::of(&named, args, config)?);
    }
    Ok(files)
}

fn told(fault: Fault) -> anyhow::Error {
    anyhow::anyhow!("{}: {}", fault.what, fault.remedy)
}

/// The topics it was heard on.
fn feed<'c>(stranger: &Stranger, args: &AdoptArgs, config: &'c Config) -> anyhow::Result<&'c Feed> {
    let is_meant = |feed: &&Feed| {
        feed.source == stranger.source
            && args.foreign.topic.as_ref().is_none_or(|topic| feed.filter == *topic)
    };
    let mut found = config.setup.feeds.iter().filter(is_meant);
    let source = &stranger.source;
    let first = found.next().with_context(|| format!("`{source}` has no such topic"))?;
    if found.next().is_some() {
        let all = config.setup.feeds.iter().filter(|feed| feed.source == *source);
        let all: Vec<_> = all.map(|feed| feed.filter.as_str()).collect();
        bail!("`{source}` hears several topics: say with --topic which, one of {}", all.join(", "));
    }
    Ok(first)
}

fn make(device: &str, feed: &Feed, args: &AdoptArgs) -> anyhow::Result<Make> {
    let mut make = Make { metrics: BTreeMap::new(), ignored: args.foreign.ignore.clone() };
    if let Some(like) = &args.foreign.like {
        let placed = feed.naming.devices.get(like);
        let placed =
            placed.with_context(|| format!("no device `{like}` is mapped at `{}`", feed.filter))?;
        let model = feed.naming.models.get(placed.model as usize);
        let model = model.with_context(|| format!("`{like}` has no metrics"))?;
        make.metrics.clone_from(&model.metrics);
        make.ignored.extend(model.ignored.iter().cloned());
    }
    for said in &args.foreign.metric {
        let Some((metric, target)) = said.rsplit_once('=') else {
            bail!(
                "--metric: `{said}` has no `=`: write NAME=SENSOR/QUANTITY, with the unit behind it: \"x=tilt-1/tilt-x deg\""
            );
        };
        make.metrics.insert(metric.into(), mapped_target(target).map_err(told)?);
    }
    if make.metrics.is_empty() {
        bail!(
            "say what `{device}` measures: --metric NAME=SENSOR/QUANTITY for each, or --like another of its make"
        );
    }
    Ok(make)
}

/// What the station does not have yet, as if it had said it by itself.
fn missing(site: &str, station: &str, make: &Make, config: &Config) -> Vec<Said> {
    let registry = &config.setup.registry;
    let station = registry.site(site).and_then(|site| registry.station(site, station));
    let is_there = |target: &Target| {
        station.is_some_and(|station| {
            registry.series_at(station, target.sensor.as_str(), target.quantity).is_some()
        })
    };
    let said = |target: &Target| Said {
        sensor: target.sensor.to_string(),
        quantity: target.quantity.name().into(),
        unit: target.unit.map(|unit| unit.symbol().into()),
        value: None,
        count: 0,
    };
    make.metrics.values().filter(|target| !is_there(target)).map(said).collect()
}

fn main_file(
    device: &str,
    station: &str,
    feed: &Feed,
    make: &Make,
    args: &AdoptArgs,
) -> anyhow::Result<File> {
    let added = map_text(device, station, make)?;
    let before = std::fs::read_to_string(&args.config)
        .with_context(|| format!("cannot read {}", args.config.display()))?;
    let after = with_map(&before, feed, &added)?;
    Ok(File { path: args.config.clone(), before: Some(before), after, added })
}

fn map_text(device: &str, station: &str, make: &Make) -> anyhow::Result<String> {
    let target = |(metric, target): (&String, &Target)| {
        let unit = target.unit.map(|unit| format!(" {}", unit.symbol())).unwrap_or_default();
        let meant = format!("{}/{}{unit}", target.sensor, target.quantity);
        format!("{} = {}", quoted(metric), quoted(&meant))
    };
    let metrics: Vec<_> = make.metrics.iter().map(target).collect();
    let mut text = format!(
        "[[collector.subscribe.map]]\ndevices = {{ {} = {} }}\nmetrics = {{ {} }}\n",
        quoted(device),
        quoted(station),
        metrics.join(", ")
    );
    if !make.ignored.is_empty() {
        let ignored: Vec<_> = make.ignored.iter().map(|name| quoted(name)).collect();
        writeln!(text, "ignore = [{}]", ignored.join(", "))?;
    }
    Ok(text)
}

/// The main file with a map behind those of a topic.
fn with_map(before: &str, feed: &Feed, map: &str) -> anyhow::Result<String> {
    let lines: Vec<&str> = before.lines().collect();
    let begins = |line: &str, header: &str| line.trim_start().starts_with(header);
    let says = |from: usize, wanted: &str| {
        let head = lines[from + 1..].iter().take_while(|line| !is_header(line));
        head.into_iter().any(|line| {
            let said: Option<toml::Table> = line.parse().ok();
            let (key, value) = wanted.split_once('=').unwrap_or((wanted, ""));
            said.as_ref().and_then(|said| said.get(key)?.as_str()) == Some(value)
        })
    };
    let mut is_ours = false;
    let topic = format!("topic={}", feed.filter);
    let begin = (0..lines.len()).find(|at| {
        if begins(lines[*at], "[[collector]]") {
            is_ours = says(*at, &format!("name={}", feed.source));
        }
        is_ours && begins(lines[*at], "[[collector.subscribe]]") && says(*at, &topic)
    });
    let Some(begin) = begin else {
        bail!(
            "`{}` is not written as a [[collector.subscribe]] of its own: add this to it by hand:\n{map}",
            feed.filter
        );
    };
    let is_own = |line: &str| {
        begins(line, "[[collector.subscribe.") || begins(line, "[collector.subscribe.")
    };
    let more = lines[begin + 1..].iter().position(|line| is_header(line) && !is_own(line));
    let mut end = more.map_or(lines.len(), |more| begin + 1 + more);
    // Remarks and empty lines before the next header belong to that.
    while end > begin + 1
        && (lines[end - 1].trim().is_empty() || lines[end - 1].trim_start().starts_with('#'))
    {
        end -= 1;
    }
    let (head, tail) = (lines[..end].join("\n"), lines[end..].join("\n"));
    let gap = if tail.is_empty() { "" } else { "\n" };
    Ok(format!("{head}\n\n{map}{gap}{}", tail.trim_start_matches('\n')) + gap)
}

#[cfg(test)]
mod tests {
    use super::*;
    use reading::codec::Format;
    use reading::codec::feed::DeviceFrom;
    use reading::codec::naming::Naming;

    #[test]
    fn a_map_stands_behind_those_of_its_topic() {
        let feed = |source: &str, filter: &str| Feed {
            source: source.into(),
            filter: filter.into(),
            device: DeviceFrom::Topic,
            format: Format::SenMl,
            naming: Naming::default(),
            backfill: false,
        };
        let (a, b) = ("[[collector]]\nname = \"a\"\n", "[[collector]]\nname = \"b\"\n");
        let first =
            "[[collector.subscribe]]\ntopic = \"x/+\"\n[[collector.subscribe.map]]\ndevices = {}\n";
        let second = "[[collector.subscribe]] # too\nformat = \"senml\"\ntopic = \"y/+\" # these\n";
        let text = format!("{a}{first}\n# of b\n{b}{first}\n{second}\n[http]\nlisten = \"1\"\n");
        let added = with_map(&text, &feed("b", "x/+"), "MAP\n").unwrap();
        assert_eq!(
            added,
            format!("{a}{first}\n# of b\n{b}{first}\nMAP\n\n{second}\n[http]\nlisten = \"1\"\n")
        );
        let added = with_map(&text, &feed("b", "y/+"), "MAP\n").unwrap();
        assert_eq!(
            added,
            format!("{a}{first}\n# of b\n{b}{first}\n{second}\nMAP\n\n[http]\nlisten = \"1\"\n")
        );
        let refused = with_map(&text, &feed("a", "y/+"), "MAP\n").unwrap_err().to_string();
        assert!(refused.ends_with("by hand:\nMAP\n"), "{refused}");
    }
}
