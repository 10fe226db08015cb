//! `bongsu score`: the simulator's catalogue through the real desk, as often as asked for. What was hit and how early,
//! what was missed, what was false, and what became of faults, against the targets of docs/formulas.md 9.

mod play;
mod tally;
mod page;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use firmware_sim::scenario::SitePlan;
use firmware_sim::{Scenario, scenario};
use reading::registry::SiteKind;

use super::{bad_configuration, failed};
use crate::config::{Config, Problems, demo_sources};
use tally::Tally;

/// Plays the simulator's scenarios through the desk and says what was hit, missed and false
#[derive(Clone, Debug, clap::Args)]
pub struct ScoreArgs {
    /// The rules: a configuration with a file in sites/ for each kind of site, named as the scenarios' sites are
    #[arg(long, value_name = "FILE", default_value = "deploy/rules/bongsu.toml")]
    pub config: PathBuf,
    /// About so many quiet site-years are played
    #[arg(long, default_value_t = 10)]
    pub years: u32,
    /// How often each scenario with an event is played, each time otherwise; as often as there are years if not given
    #[arg(long)]
    pub events: Option<u32>,
    /// Where all chance comes from
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// By which part sizes and times differ from one time to the next, 0 to 0.9
    #[arg(long, default_value_t = 0.3)]
    pub vary: f64,
    /// Only these scenarios; all that have rules if none is named
    #[arg(long, value_name = "NAME")]
    pub scenario: Vec<String>,
    /// Write the tables into this page, between its markers, instead of printing them
    #[arg(long, value_name = "FILE")]
    pub page: Option<PathBuf>,
}

/// The scenario in which nothing happens: it is played by years, the others by events.
const QUIET: &str = "quiet-year";

/// A scenario of more sites is played less often.
const SITES_USUAL: u64 = 5;

/// The slope of the demo that lends its criteria.
const SLOPE: &str = "cut-slope-01";

/// Plays, counts, and writes the tables.
pub fn run(args: &ScoreArgs) -> ExitCode {
    match score(args) {
        Ok(Ok(tally)) => match tell(args, &tally) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => failed(&error),
        },
        Ok(Err(problems)) => bad_configuration(&problems),
        Err(error) => failed(&error),
    }
}

fn tell(args: &ScoreArgs, tally: &Tally) -> anyhow::Result<()> {
    let tables = page::tables(args, tally);
    match &args.page {
        None => print!("{tables}"),
        Some(path) => {
            let text = std::fs::read_to_string(path)
                .with_context(|| format!("cannot read {}", path.display()))?;
            let text = page::put(&text, &tables)
                .with_context(|| format!("{} has no place for the tables", path.display()))?;
            std::fs::write(path, text)
                .with_context(|| format!("cannot write {}", path.display()))?;
        }
    }
    Ok(())
}

fn score(args: &ScoreArgs) -> anyhow::Result<Result<Tally, Problems>> {
    let mut tally = Tally::default();
    let wanted =
        |name: &&str| args.scenario.is_empty() || args.scenario.iter().any(|it| it == name);
    for name in scenario::embedded().filter(wanted) {
        let whole = Scenario::load(name)?;
        let Some(sources) = sources(&args.config, &whole)? else {
            tally.left_out.push(name.to_owned());
            continue;
        };
        let config = match Config::from_sources(page_name(&args.config), &sources) {
            Ok(config) => config,
            Err(problems) => return Ok(Err(problems)),
        };
        let each = whole.duration_h / 8_766.0 * whole.sites().len() as f64;
        let rounds = match name {
            QUIET => (f64::from(args.years) / each).round() as u64,
            _ => rounds(args.events.unwrap_or(args.years), whole.sites().len()),
        };
        for round in 0..rounds.max(1) {
            let seed = args.seed.wrapping_add(round);
            let varied = whole.clone().varied(seed, args.vary);
            let played = play::play(&config, &varied, seed)?;
            tally.count(&varied, &played);
        }
        eprintln!("{name}: played {} times", rounds.max(1));
    }
    Ok(Ok(tally))
}

fn page_name(path: &Path) -> &str {
    path.file_name().and_then(|name| name.to_str()).unwrap_or_default()
}

/// How often a scenario is played: one of very many sites less often in proportion, for each is a time of its own.
fn rounds(events: u32, sites: usize) -> u64 {
    let events = u64::from(events);
    (events * SITES_USUAL).div_ceil(sites.max(1) as u64).min(events)
}

/// The main file and those of the scenario's sites: of the configuration, the first one's for a second of its kind, else
/// of the demo, whose first slope also lends its criteria to slopes that no file names. None if a site has no file.
fn sources(main: &Path, scenario: &Scenario) -> anyhow::Result<Option<BTreeMap<String, String>>> {
    let folder = main.parent().unwrap_or(Path::new(""));
    let read = |path: &Path| {
        std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
    };
    let mut sources = BTreeMap::from([(page_name(main).to_owned(), read(main)?)]);
    for site in scenario.sites() {
        let file = format!("sites/{}.toml", site.id);
        let path = folder.join(&file);
        let text = match path.is_file() {
            true => Some(read(&path)?),
            false => of_twin(folder, site)?.or_else(|| of_demo(site)),
        };
        let Some(text) = text else { return Ok(None) };
        sources.insert(file, text);
    }
    Ok(Some(sources))
}

/// For `bridge-2` what the configuration has for `bridge`.
fn of_twin(folder: &Path, site: &SitePlan) -> anyhow::Result<Option<String>> {
    let Some(first) = site.id.as_str().strip_suffix("-2") else { return Ok(None) };
    let path = folder.join(format!("sites/{first}.toml"));
    if !path.is_file() {
        return Ok(None);
    }
    let text = std::fs::read_to_string(&path)
        .with_context(|| format!("cannot read {}", path.display()))?;
    Ok(Some(renamed(&text, first, site)))
}

fn renamed(text: &str, first: &str, site: &SitePlan) -> String {
    text.replacen(&format!("id = \"{first}\""), &format!("id = \"{}\"", site.id), 1)
}

/// What the demo has for a site of this name, or for a slope like its own.
fn of_demo(site: &SitePlan) -> Option<String> {
    let mut demo = demo_sources();
    if let Some(text) = demo.remove(&format!("sites/{}.toml", site.id)) {
        return Some(text);
    }
    let like = demo.remove(&format!("sites/{SLOPE}.toml"))?;
    (site.kind == SiteKind::Slope).then(|| renamed(&like, SLOPE, site))
}

#[cfg(test)]
mod tests {
    use super::super::expect::Expectations;
    use super::*;

    fn deploy(file: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy").join(file)
    }

    /// Every scenario as it is written, through the desk, against its own timeline. What runs for months, or for a
    /// whole region, takes minutes without optimisation and is played where BONGSU_LONG is set.
    #[test]
    fn every_scenario_raises_what_its_timeline_says() {
        for name in scenario::embedded() {
            let scenario = Scenario::load(name).unwrap();
            let sites = scenario.sites().len();
            let long = scenario.duration_h * sites as f64 > 3_000.0 || sites > 12;
            if long && std::env::var_os("BONGSU_LONG").is_none() {
                continue;
            }
            let library = deploy("rules/bongsu.toml");
            let sources = sources(&library, &scenario).unwrap().unwrap();
            let config = Config::from_sources("bongsu.toml", &sources);
            let config = config.unwrap_or_else(|problems| panic!("{problems}"));
            let played = play::play(&config, &scenario, 1).unwrap();
            let expected = Expectations::parse(scenario::expected(name).unwrap()).unwrap();
            assert_eq!(expected.judge(&played.raised), Vec::<String>::new(), "{name}");
        }
    }

    #[test]
    fn a_slope_that_fails_is_a_hit_with_its_lead_and_one_that_only_frightens_is_none() {
        let args = ScoreArgs {
            config: deploy("rules/bongsu.toml"),
            years: 1,
            events: Some(2),
            seed: 1,
            vary: 0.2,
            scenario: vec!["slope-failure".into(), "lightning".into()],
            page: None,
        };
        let Ok(Ok(tally)) = score(&args) else { panic!("the library is good") };
        let severe = tally.hits(alerting::Level::Severe);
        assert_eq!((severe.due, severe.leads.len()), (2, 2));
        assert!(severe.leads.iter().all(|hours| (0.5..12.0).contains(hours)), "{:?}", severe.leads);
        assert_eq!(tally.falses(alerting::Level::Warning), 0);
        assert!(tally.faults().any(|(kind, found, _)| kind == "silence" && found == "silent"));
        let tables = page::tables(&args, &tally);
        assert!(tables.contains("| 심각 severe | 2 of 2"), "{tables}");
    }

    #[test]
    fn a_scenario_of_many_sites_is_played_less_often() {
        assert_eq!([1, 5, 12, 25].map(|sites| rounds(20, sites)), [20, 20, 9, 4]);
        assert_eq!(rounds(1, 25), 1);
    }

    #[test]
    fn every_scenario_of_the_catalogue_has_rules() {
        for name in scenario::embedded() {
            let scenario = Scenario::load(name).unwrap();
            let sources = sources(&deploy("rules/bongsu.toml"), &scenario).unwrap();
            let sources = sources.unwrap_or_else(|| panic!("{name}: no file for one of its sites"));
            Config::from_sources("bongsu.toml", &sources).unwrap_or_else(|e| panic!("{name}: {e}"));
        }
    }
}
