//! `bongsu site export` and `import`: a registry from one installation to another, or to a map and back.
//!
//! What is imported is written as files of sites that are not there yet. Rules and levels are no part of it: nobody
//! hands over what is dangerous at a slope in a table.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};

use super::held::{Held, HeldSite};
use super::{geojson, table};
use crate::cli::{NO, bad_configuration, failed};
use crate::config::{Config, Problems};

/// A form of file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Form {
    /// GeoJSON, for maps.
    Geojson,
    /// CSV, for spreadsheets.
    Csv,
}

impl Form {
    fn of(path: &Path, given: Option<Self>) -> anyhow::Result<Self> {
        let end = path.extension().and_then(|end| end.to_str()).unwrap_or_default();
        match (given, end) {
            (Some(form), _) => Ok(form),
            (None, "geojson" | "json") => Ok(Self::Geojson),
            (None, "csv") => Ok(Self::Csv),
            (None, _) => bail!("say what {} is: --format geojson or --format csv", path.display()),
        }
    }
}

/// Writes sites, stations and sensors of a configuration as GeoJSON or CSV
#[derive(Clone, Debug, clap::Args)]
pub struct ExportArgs {
    /// The main file
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
    /// In which form
    #[arg(long, value_enum, default_value = "geojson")]
    pub format: Form,
    /// Where to; standard output if not given
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

/// Writes the files of sites that a GeoJSON or CSV file has and a configuration has not
#[derive(Clone, Debug, clap::Args)]
pub struct TakeArgs {
    /// A file as `bongsu site export` writes it
    pub file: PathBuf,
    /// The main file; the sites' files lie beside it
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
    /// Its form, if its name does not say it
    #[arg(long, value_enum)]
    pub format: Option<Form>,
}

/// Exports.
pub fn export(args: &ExportArgs) -> ExitCode {
    let config = match Config::load(&args.config) {
        Ok(config) => config,
        Err(problems) => return bad_configuration(&problems),
    };
    let held = Held::of(&config.setup.registry);
    let written = match args.format {
        Form::Geojson => geojson::write(&held),
        Form::Csv => table::write(&held),
    };
    let done = written.map_err(Into::into).and_then(|text| match &args.out {
        Some(path) => {
            std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
        }
        None => {
            print!("{text}");
            Ok(())
        }
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(&error),
    }
}

/// What became of an import.
enum Done {
    /// It is taken; so many sites are new.
    Taken(Vec<PathBuf>),
    /// Something of it cannot be, and nothing was.
    Refused(Vec<String>),
    /// It would not pass the check, and nothing was taken.
    Unfit(Problems),
}

/// Imports. The status is 1 if the file cannot be taken as it is, and 78 if the configuration would not be good with
/// it.
pub fn import(args: &TakeArgs) -> ExitCode {
    let config = match Config::load(&args.config) {
        Ok(config) => config,
        Err(problems) => return bad_configuration(&problems),
    };
    match take(args, &config) {
        Ok(Done::Taken(files)) => {
            files.iter().for_each(|file| println!("{}", file.display()));
            println!(
                "{} sites are new; write their rules, then reload bongsu (SIGHUP)",
                files.len()
            );
            ExitCode::SUCCESS
        }
        Ok(Done::Refused(why)) => {
            why.iter().for_each(|why| eprintln!("{why}"));
            ExitCode::from(NO)
        }
        Ok(Done::Unfit(problems)) => {
            eprintln!("nothing was taken; the files would have these problems:");
            bad_configuration(&problems)
        }
        Err(error) => failed(&error),
    }
}

fn take(args: &TakeArgs, config: &Config) -> anyhow::Result<Done> {
    let shown = args.file.display();
    let text =
        std::fs::read_to_string(&args.file).with_context(|| format!("cannot read {shown}"))?;
    let read = match Form::of(&args.file, args.format)? {
        Form::Geojson => geojson::read(&text),
        Form::Csv => table::read(&text),
    };
    let held = match read {
        Ok(held) => held,
        Err(why) => return Ok(Done::Refused(vec![format!("{shown}:{why}")])),
    };
    let here = Held::of(&config.setup.registry);
    let (new, mut why) = sorted_out(&held, &here);
    let lost = |site: &str| !held.sites.iter().any(|known| known.id == site);
    let lost = held.stations.iter().filter(|station| lost(&station.site));
    why.extend(lost.map(|station| {
        format!(
            "{shown}: station `{}/{}` is of a site that the file does not have",
            station.site, station.id
        )
    }));
    if !why.is_empty() {
        return Ok(Done::Refused(why));
    }
    let folder = args.config.parent().unwrap_or(Path::new("")).join(&config.sites);
    let mut files = Vec::new();
    for site in new {
        let path = folder.join(format!("{}.toml", site.id));
        if !reading::id::is_id(&site.id) || path.exists() {
            why.push(format!(
                "{shown}: site `{}` cannot have the file {}; rename it",
                site.id,
                path.display()
            ));
        }
        files.push((path, held.file(site, &config.setup.sources)));
    }
    if !why.is_empty() {
        return Ok(Done::Refused(why));
    }
    written(&files, &args.config)
}

/// The sites that are new, and why others cannot be taken. What is there already and says the same is neither.
fn sorted_out<'h>(held: &'h Held, here: &Held) -> (Vec<&'h HeldSite>, Vec<String>) {
    let (mut new, mut why) = (Vec::new(), Vec::new());
    for site in &held.sites {
        let Some(known) = here.sites.iter().find(|known| known.id == site.id) else {
            new.push(site);
            continue;
        };
        let same = known == site && held.stations_of(&site.id).eq(here.stations_of(&site.id));
        if !same {
            why.push(format!(
                "site `{}` is there already and says something else; change its file, or remove it from the import",
                site.id
            ));
        }
    }
    (new, why)
}

/// Writes all files, or none.
fn written(files: &[(PathBuf, String)], main: &Path) -> anyhow::Result<Done> {
    let put = || -> anyhow::Result<()> {
        files.iter().try_for_each(|(path, text)| {
            std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
        })
    };
    let done = put().map(|()| Config::load(main));
    if let Ok(Ok(_)) = done {
        return Ok(Done::Taken(files.iter().map(|(path, _)| path.clone()).collect()));
    }
    for (path, _) in files {
        std::fs::remove_file(path).ok(); // it was not there before
    }
    done.map(|loaded| Done::Unfit(loaded.err().unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::number::Exact;
    use super::*;

    fn deploy() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy")
    }

    #[test]
    fn every_shipped_registry_survives_both_forms_and_its_own_files() {
        for main in [
            "bongsu.toml",
            "demo/bongsu.toml",
            "rules/bongsu.toml",
            "serial/bongsu.toml",
            "official/bongsu.toml",
        ] {
            let config = Config::load(&deploy().join(main)).unwrap();
            let held = Held::of(&config.setup.registry);
            assert_eq!(geojson::read(&geojson::write(&held).unwrap()).unwrap(), held, "{main}");
            assert_eq!(table::read(&table::write(&held).unwrap()).unwrap(), held, "{main}");
            // Written back as files, in a folder of its own.
            let folder = tempfile::tempdir().unwrap();
            std::fs::create_dir(folder.path().join("sites")).unwrap();
            let text = std::fs::read_to_string(deploy().join(main)).unwrap();
            std::fs::write(folder.path().join("bongsu.toml"), without_references(&text)).unwrap();
            let people = deploy().join(main).with_file_name("contacts.csv");
            if people.exists() {
                std::fs::copy(people, folder.path().join("contacts.csv")).unwrap();
            }
            for site in &held.sites {
                let text = held.file(site, &config.setup.sources);
                std::fs::write(folder.path().join(format!("sites/{}.toml", site.id)), text)
                    .unwrap();
            }
            let again = Config::load(&folder.path().join("bongsu.toml"));
            let again = again.unwrap_or_else(|problems| panic!("{main}:\n{problems}"));
            assert_eq!(again.setup.registry, config.setup.registry, "{main}");
        }
    }

    /// Whatever a file of a site can say of an instrument.
    const RICH: &str = r#"[site]
id = "cut-1"
name = { ko = "\"일\" 지구", en = "One, two" }
kind = "retaining-wall"
location = [37.51213456789, 128.1904]
radius = "250 m"
polygon = [[37.5, 127.0], [37.5, 127.1], [37.6, 127.0], [37.5, 127.0]]
area = { ko = "구역", en = "area" }
instruction = { ko = "대피", en = "Leave" }
zone = "Asia/Seoul"

[[station]]
id = "gw"

[[station]]
id = "box-1"
report-interval = "90 s"
gateway = "gw"
location = [37.5, 128.2]
serial = "0042"

[[station.sensor]]
id = "pz-1"
quantities = ["temperature"]
range = ["-40 Cel", "80 Cel"]
installed = 2025-11-03
calibration = [{ steinhart-hart = [1.4051e-3, 2.369e-4, 1.019e-7], offset = "0.3 Cel" }]

[[station.sensor]]
id = "pz-1"
quantities = ["pore-pressure"]
unit = "hPa"
range = ["-512.3 hPa", "350 kPa"]
checks = false
[[station.sensor.calibration]]
table = [[0, 0], [10, 5.5]]
[[station.sensor.calibration]]
from = "2026-03-01T00:00:00+09:00"
polynomial = [828.53, -2.3260e-3, -9.5792e-5]
offset = "-5.2538 kPa"
compensate = [{ series = "box-1/pz-1/temperature", factor = -0.262, reference = "20.2 Cel" }]

[[station.sensor]]
id = "tilt-1"
quantities = ["tilt-x"]
unit = "mrad"
range = ["-30 mrad", "30 mrad"]
noise = "0.005 mrad"
lateness = "20 min"
"#;

    #[test]
    fn mounting_and_calibrations_are_handed_over_to_the_last_bit() {
        let main = "data-dir = \"d\"\nstatus = \"test\"\nsender = { id = \"a@b\", name = { ko = \"시험\", en = \"Test\" } }\n[[collector]]\nname = \"field\"\nkind = \"embedded-broker\"\nlisten = \"127.0.0.1:0\"\n";
        let load = |site: &str| {
            let sources = [("bongsu.toml", main), ("sites/cut-1.toml", site)];
            let sources = sources.map(|(name, text)| (name.to_owned(), text.to_owned()));
            let loaded = Config::from_sources("bongsu.toml", &sources.into());
            loaded.unwrap_or_else(|problems| panic!("{problems}\n{site}")).setup.registry
        };
        let registry = load(RICH);
        let held = Held::of(&registry);
        for held in [
            geojson::read(&geojson::write(&held).unwrap()).unwrap(),
            table::read(&table::write(&held).unwrap()).unwrap(),
        ] {
            assert_eq!(load(&held.file(&held.sites[0], &["field".into()])), registry);
        }
    }

    /// A main file without the files beside it.
    fn without_references(text: &str) -> String {
        let lines = text.lines().filter(|line| !line.starts_with("ca-file"));
        lines.collect::<Vec<_>>().join("\n")
    }

    fn demo() -> Held {
        Held::of(&Config::demo().unwrap().setup.registry)
    }

    proptest! {
        #[test]
        fn any_words_and_numbers_survive_both_forms(
            word in "[ -~가-힣\n\",;]{0,20}",
            number in prop::num::f64::NORMAL,
        ) {
            let mut held = demo();
            held.sites[0].name_ko.clone_from(&word);
            held.sites[0].instruction_en.clone_from(&word);
            held.stations[0].make.model.clone_from(&word);
            held.stations[0].series[0].high = Exact(number);
            prop_assert_eq!(&geojson::read(&geojson::write(&held).unwrap()).unwrap(), &held);
            prop_assert_eq!(&table::read(&table::write(&held).unwrap()).unwrap(), &held);
        }
    }

    #[test]
    fn what_cannot_be_read_is_named_with_its_place() {
        let json = geojson::write(&demo()).unwrap();
        let table = table::write(&demo()).unwrap();
        for (from, to, says) in [
            ("\"Feature\"", "\"Fiature\"", ":"),
            ("\"kind\": \"bridge\"", "\"kind\": \"brigde\"", "unknown variant `brigde`"),
            ("\"type\": \"Point\"", "\"type\": \"LineString\"", "unknown variant `LineString`"),
            ("\"zone\"", "\"zoon\"", "unknown field `zoon`"),
            ("\"site\": {", "\"place\": {", "unknown field `place`"),
        ] {
            let error = geojson::read(&json.replacen(from, to, 1)).unwrap_err();
            let (line, _) = error.split_once(':').unwrap();
            assert!(
                line.parse::<usize>().is_ok_and(|line| line > 1) && error.contains(says),
                "{error}"
            );
        }
        for (from, to, says) in [
            ("name_en", "name_e", "1: the column `name_en` is missing"),
            (",bridge,", ",brigde,", "2: column `kind`"),
            ("\r\nbridge-01,", "\r\nbridge-01,,", "2: the row has 38 cells, not 37"),
        ] {
            let error = table::read(&table.replacen(from, to, 1)).unwrap_err();
            assert!(error.starts_with(says), "{error}");
        }
    }

    #[test]
    fn what_is_there_and_says_something_else_is_refused() {
        let (held, mut other) = (demo(), demo());
        assert_eq!(sorted_out(&held, &held).0.len() + sorted_out(&held, &held).1.len(), 0);
        other.stations[0].report_interval_s = Exact(7.0);
        let (new, why) = sorted_out(&other, &held);
        assert!(new.is_empty() && why.len() == 1, "{why:?}");
        assert_eq!(sorted_out(&held, &Held::default()).0.len(), held.sites.len());
    }
}
