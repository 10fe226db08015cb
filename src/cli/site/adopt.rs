//! `bongsu site adopt`: who speaks and is not registered, into the file of its site.
//!
//! Written as a person would write it: sensors by template, the report interval as it was heard. The configuration is
//! checked with it, and left as it was if anything is wrong with it then.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use reading::Quantity;

use super::device;
use super::strangers::{self, Said, Stranger};
use super::written::{self, NewSite, quoted};
use crate::cli::api::{Api, block_on};
use crate::cli::{NO, bad_configuration, failed};
use crate::config::{Config, Problems};

/// Writes a station that waits to be adopted into the file of its site; without one, lists who waits
#[derive(Clone, Debug, clap::Args)]
pub struct AdoptArgs {
    /// Who: site/station, or a foreign device as its format calls it
    pub station: Option<String>,
    #[command(flatten)]
    /// What is said of a foreign device
    pub foreign: ForeignArgs,
    /// The main file; the sites' files lie beside it
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
    /// The board's address; by the configuration if not given
    #[arg(long)]
    pub url: Option<String>,
    /// A file with a token; DATA-DIR/board-token if not given
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// The data folder of a daemon that is stopped: who waited when it stopped
    #[arg(long, value_name = "DIR", conflicts_with_all = ["url", "token_file"])]
    pub data_dir: Option<PathBuf>,
    /// What an instrument is: sensor=template, or sensor/quantity=template; else by what it measures
    #[arg(long, value_name = "SENSOR=TEMPLATE")]
    pub template: Vec<String>,
    /// How often it reports, say "10 min"; as it was heard if not given
    #[arg(long)]
    pub report_interval: Option<String>,
    #[command(flatten)]
    /// What is said of a site that is new
    pub site: SiteArgs,
    /// Who waits as JSON, one a line
    #[arg(long)]
    pub json: bool,
}

/// What is said of a foreign device
#[derive(Clone, Debug, clap::Args)]
pub struct ForeignArgs {
    /// A foreign device: the station it is, site/station
    #[arg(long = "as", value_name = "SITE/STATION")]
    pub becomes: Option<String>,
    /// A foreign device: what a value is, "angle_x=tilt-1/tilt-x deg"; as many as needed
    #[arg(long, value_name = "NAME=SENSOR/QUANTITY")]
    pub metric: Vec<String>,
    /// A foreign device: another one of its make, whose values mean the same
    #[arg(long, value_name = "DEVICE")]
    pub like: Option<String>,
    /// A foreign device: a value to pass over, or "*" for all that are not named
    #[arg(long, value_name = "NAME")]
    pub ignore: Vec<String>,
    /// A foreign device: the topic of the subscription it was heard on, if its collector has several
    #[arg(long, value_name = "FILTER")]
    pub topic: Option<String>,
}

/// What is said of a site that is new
#[derive(Clone, Debug, clap::Args)]
pub struct SiteArgs {
    /// A new site: latitude,longitude
    #[arg(long, value_name = "LAT,LON", allow_hyphen_values = true)]
    pub location: Option<String>,
    /// A new site: what it is, slope, retaining-wall, bridge, building or facility
    #[arg(long, default_value = "slope")]
    pub kind: String,
    /// A new site: its Korean name; its id if not given
    #[arg(long, value_name = "NAME")]
    pub name_ko: Option<String>,
    /// A new site: its English name
    #[arg(long, value_name = "NAME")]
    pub name_en: Option<String>,
    /// A new site: how far around people are in danger
    #[arg(long, default_value = "300 m")]
    pub radius: String,
}

/// Adopts, or lists. The status is 1 if there is nobody of that name.
pub fn run(args: &AdoptArgs) -> ExitCode {
    let config = match Config::load(&args.config) {
        Ok(config) => config,
        Err(problems) => return bad_configuration(&problems),
    };
    match carry_out(args, &config) {
        Ok(Done::Yes) => ExitCode::SUCCESS,
        Ok(Done::No) => ExitCode::from(NO),
        Ok(Done::Refused(problems)) => bad_configuration(&problems),
        Err(error) => failed(&error),
    }
}

enum Done {
    Yes,
    No,
    Refused(Problems),
}

fn carry_out(args: &AdoptArgs, config: &Config) -> anyhow::Result<Done> {
    let waiting = waiting(args, config)?;
    let Some(name) = &args.station else {
        waiting.iter().try_for_each(|stranger| list(stranger, args.json))?;
        return Ok(Done::Yes);
    };
    let is_meant = |stranger: &&Stranger| {
        let (site, station) = (stranger.site.as_deref(), stranger.station.as_deref());
        let is_station =
            site.zip(station).is_some_and(|(site, station)| format!("{site}/{station}") == *name);
        is_station || stranger.device.as_ref() == Some(name)
    };
    let Some(stranger) = waiting.iter().filter(is_meant).max_by_key(|stranger| stranger.messages)
    else {
        eprintln!(
            "{name} does not wait to be adopted; `bongsu site adopt` without a name lists who does"
        );
        return Ok(Done::No);
    };
    let files = match &stranger.device {
        Some(device) => device::files(device, stranger, args, config)?,
        None => vec![File::of(stranger, args, config)?],
    };
    let problems = write(&files, &args.config)?;
    for File { path, added, .. } in &files {
        match problems {
            Some(_) => {
                eprintln!("{} is left as it was; this did not fit:\n{added}", path.display());
            }
            None => println!("{}:\n{}", path.display(), added.trim_start()),
        }
    }
    if let Some(problems) = problems {
        return Ok(Done::Refused(problems));
    }
    println!("reload bongsu (SIGHUP) to take it over");
    Ok(Done::Yes)
}

fn waiting(args: &AdoptArgs, config: &Config) -> anyhow::Result<Vec<Stranger>> {
    if let Some(data_dir) = &args.data_dir {
        return strangers::of_stopped(data_dir);
    }
    let url = args.url.clone().unwrap_or_else(|| format!("http://{}", config.http.listen));
    let token = args.token_file.clone().unwrap_or_else(|| config.data_dir.join("board-token"));
    let api = Api::new(&url, &token)?;
    block_on(strangers::of_running(&api))
}

fn list(stranger: &Stranger, json: bool) -> anyhow::Result<()> {
    if json {
        println!("{}", serde_json::to_string(stranger)?);
        return Ok(());
    }
    let Stranger { source, site, station, device, messages, series, .. } = stranger;
    let name = match (site, station, device) {
        (Some(site), Some(station), _) => format!("{site}/{station}"),
        (_, _, Some(device)) => {
            format!(
                "{device} (foreign: say which station it is with --as, and what it says with --metric or --like)"
            )
        }
        _ => return Ok(()),
    };
    println!("{name}  through `{source}`, {messages} messages");
    for said in series {
        let unit = said.unit.as_deref().unwrap_or("");
        let value = said.value.map_or_else(|| "–".into(), |value| value.to_string());
        println!("    {}/{} = {value} {unit} ({} times)", said.sensor, said.quantity, said.count);
    }
    Ok(())
}

/// A file of the configuration, and what is added to it.
pub(super) struct File {
    pub(super) path: PathBuf,
    /// What it was; none if it is new.
    pub(super) before: Option<String>,
    pub(super) after: String,
    pub(super) added: String,
}

impl File {
    /// The site's, with a station and its sensors.
    pub(super) fn of(
        stranger: &Stranger,
        args: &AdoptArgs,
        config: &Config,
    ) -> anyhow::Result<Self> {
        let (site, station) = (stranger.site.as_deref(), stranger.station.as_deref());
        let (site, station) = site.zip(station).context("a station has a site and a name")?;
        let registry = &config.setup.registry;
        let folder = args.config.parent().unwrap_or(Path::new("")).join(&config.sites);
        let sensors = sensors(stranger, args, config)?;
        let Some(known) = registry.site(site) else {
            let added = new_site(site, &args.site)?
                + &station_text(stranger, station, args, config, &sensors)?;
            let path = folder.join(format!("{site}.toml"));
            return Ok(Self { path, before: None, after: added.clone(), added });
        };
        let path = file_of(&folder, site)?;
        let before = std::fs::read_to_string(&path)
            .with_context(|| format!("cannot read {}", path.display()))?;
        let (after, added) = match registry.station(known, station) {
            Some(_) => (with_sensors(&before, station, &sensors)?, sensors),
            None => {
                let added = station_text(stranger, station, args, config, &sensors)?;
                (format!("{}\n{added}", before.trim_end_matches('\n').to_owned() + "\n"), added)
            }
        };
        Ok(Self { path, before: Some(before), after, added })
    }

    fn put(&self, text: &str) -> anyhow::Result<()> {
        let new = self.path.with_extension("toml.new");
        std::fs::write(&new, text).with_context(|| format!("cannot write {}", new.display()))?;
        std::fs::rename(&new, &self.path)
            .with_context(|| format!("cannot write {}", self.path.display()))
    }

    fn put_back(&self) -> anyhow::Result<()> {
        match &self.before {
            Some(before) => self.put(before),
            None if self.path.exists() => Ok(std::fs::remove_file(&self.path)?),
            None => Ok(()),
        }
    }
}

/// Writes all of them; what is wrong with the configuration then, if anything is: it is as it was before in that case.
fn write(files: &[File], main: &Path) -> anyhow::Result<Option<Problems>> {
    let written = files.iter().try_for_each(|file| file.put(&file.after));
    let problems = match &written {
        Ok(()) => Config::load(main).err(),
        Err(_) => None,
    };
    if written.is_err() || problems.is_some() {
        files.iter().try_for_each(File::put_back)?;
    }
    written.map(|()| problems)
}

/// The file that has a site: usually it is called like it.
fn file_of(folder: &Path, site: &str) -> anyhow::Result<PathBuf> {
    let is_of = |path: &PathBuf| {
        let text = std::fs::read_to_string(path).unwrap_or_default();
        let table: Option<toml::Table> = text.parse().ok();
        let id = table.as_ref().and_then(|table| table.get("site")?.get("id")?.as_str());
        id == Some(site)
    };
    let mut files = std::fs::read_dir(folder)
        .with_context(|| format!("cannot read {}", folder.display()))?
        .map(|entry| Ok(entry?.path()))
        .collect::<std::io::Result<Vec<_>>>()?;
    files.retain(|path| path.extension().is_some_and(|end| end == "toml"));
    files.sort();
    files
        .into_iter()
        .find(is_of)
        .with_context(|| format!("no file of {} has the site {site}", folder.display()))
}

fn new_site(id: &str, said: &SiteArgs) -> anyhow::Result<String> {
    let Some(location) = &said.location else {
        bail!(
            "the site `{id}` is new: say where it is with --location LAT,LON, and --name-ko, --name-en, --kind, --radius"
        );
    };
    let location = location.split_once(',').and_then(|(latitude, longitude)| {
        Some((latitude.trim().parse().ok()?, longitude.trim().parse().ok()?))
    });
    let ko = said.name_ko.as_deref().unwrap_or(id);
    let en = said.name_en.as_deref().unwrap_or(id);
    let site = NewSite {
        id,
        name: (ko, en),
        kind: &said.kind,
        location: location.context("--location is latitude,longitude, say 37.5121,128.1904")?,
        radius: &said.radius,
        area: (ko, en),
        instruction: (
            "이곳에서 벗어나 안전한 곳으로 대피하십시오.",
            "Leave this place and go where it is safe.",
        ),
    };
    Ok(site.text() + "\n")
}

fn station_text(
    stranger: &Stranger,
    station: &str,
    args: &AdoptArgs,
    config: &Config,
    sensors: &str,
) -> anyhow::Result<String> {
    let mut text = format!("[[station]]\nid = {}\n", quoted(station));
    if config.setup.sources.len() > 1 {
        writeln!(text, "source = {}", quoted(&stranger.source))?;
    }
    let heard = stranger
        .report_interval_s
        .map(|secs| written::usual_interval(Duration::from_secs_f64(secs)));
    match (&args.report_interval, heard) {
        (Some(said), _) => writeln!(text, "report-interval = {}", quoted(said))?,
        (None, Some(heard)) => writeln!(text, "report-interval = {}", written::duration(heard))?,
        (None, None) => {} // as the templates say
    }
    Ok(text + sensors)
}

/// Every sensor that nobody registered, by template.
fn sensors(stranger: &Stranger, args: &AdoptArgs, config: &Config) -> anyhow::Result<String> {
    let mut text = String::new();
    let mut entries: BTreeMap<(&str, String), Vec<Quantity>> = BTreeMap::new();
    for Said { sensor, quantity, .. } in &stranger.series {
        let Some(quantity) = Quantity::parse(quantity) else {
            writeln!(text, "# `{sensor}` also sends `{quantity}`, which is no quantity of ours")?;
            continue;
        };
        let template = template(sensor, quantity, args, config)?;
        entries.entry((sensor, template)).or_default().push(quantity);
    }
    for ((sensor, template), quantities) in entries {
        write!(
            text,
            "\n[[station.sensor]]\nid = {}\ntemplate = {}\n",
            quoted(sensor),
            quoted(&template)
        )?;
        if config.instruments[&template] != quantities {
            let names: Vec<_> = quantities.iter().map(|quantity| quoted(quantity.name())).collect();
            writeln!(text, "quantities = [{}]", names.join(", "))?;
        }
    }
    Ok(text)
}

/// The template of an instrument: the one that was named, or the first that measures this.
fn template(
    sensor: &str,
    quantity: Quantity,
    args: &AdoptArgs,
    config: &Config,
) -> anyhow::Result<String> {
    let exact = format!("{sensor}/{quantity}");
    for named in &args.template {
        let Some((what, template)) = named.split_once('=') else {
            bail!("--template: `{named}` has no `=`: write sensor=template");
        };
        let Some(measures) = config.instruments.get(template) else {
            let known: Vec<_> = config.instruments.keys().map(String::as_str).collect();
            bail!("there is no template `{template}`: write one of {}", known.join(", "));
        };
        if what == exact || what == sensor && measures.contains(&quantity) {
            return Ok(template.into());
        }
    }
    let usual = config.usual_instrument(quantity);
    usual.map(str::to_owned).with_context(|| {
        format!("no template measures {quantity}: name one with --template {sensor}=…")
    })
}

/// Whether a line begins a table.
pub(super) fn is_header(line: &str) -> bool {
    let said = line.split('#').next().unwrap_or(line);
    said.trim_start().starts_with('[') && said.trim_end().ends_with(']') && !said.contains('=')
}

/// The text of a file with sensors behind those that a station has.
fn with_sensors(before: &str, station: &str, sensors: &str) -> anyhow::Result<String> {
    let wanted = format!("id = {}", quoted(station));
    let lines: Vec<&str> = before.lines().collect();
    let is_station = |line: &str| line.trim_start().starts_with("[[station]]");
    let is_own = |line: &str| {
        line.trim_start().starts_with("[[station.") || line.trim_start().starts_with("[station.")
    };
    let end_of = |from: usize| {
        let more = lines[from + 1..].iter().position(|line| is_header(line) && !is_own(line));
        more.map_or(lines.len(), |more| from + 1 + more)
    };
    let block = (0..lines.len()).filter(|at| is_station(lines[*at])).find(|at| {
        let head = lines[at + 1..end_of(*at)].iter().take_while(|line| !is_own(line));
        head.into_iter()
            .any(|line| line.split('#').next().is_some_and(|said| said.trim() == wanted))
    });
    let Some(block) = block else {
        bail!(
            "the station `{station}` is not written as a [[station]] of its own: add this to it by hand:\n{sensors}"
        );
    };
    let mut end = end_of(block);
    // Remarks and empty lines before the next header belong to that.
    while end > block + 1
        && (lines[end - 1].trim().is_empty() || lines[end - 1].trim_start().starts_with('#'))
    {
        end -= 1;
    }
    let (head, tail) = (lines[..end].join("\n"), lines[end..].join("\n"));
    Ok(format!("{head}\n{sensors}{}{tail}\n", if tail.is_empty() { "" } else { "\n" })
        .replace("\n\n\n", "\n\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "[site]\nid = \"a\"\n\n[[station]] # one\nid = \"box-1\"\n\n[[station.sensor]]\nid = \"x\"\ncalibration = [\n  { polynomial = [0, 1] },\n]\n\n# the other\n[[station]]\nid = \"box-2\"\nsensor = [{ id = \"x\" }]\n\n[[rule]]\nid = \"r\"\n";

    #[test]
    fn sensors_stand_behind_those_of_their_station() {
        let sensors = "\n[[station.sensor]]\nid = \"new\"\ntemplate = \"rain-gauge\"\n";
        let text = with_sensors(FILE, "box-1", sensors).unwrap();
        let table: toml::Table = text.parse().unwrap();
        let stations = table["station"].as_array().unwrap();
        let ids = |at: usize| -> Vec<&str> {
            let sensors = stations[at]["sensor"].as_array().unwrap().iter();
            sensors.map(|sensor| sensor["id"].as_str().unwrap()).collect()
        };
        assert_eq!((ids(0), ids(1)), (vec!["x", "new"], vec!["x"]));
        assert!(text.contains("\n\n# the other\n[[station]]"), "{text}");
        assert!(with_sensors(FILE, "box-3", sensors).is_err());
    }
}
