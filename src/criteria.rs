//! The files of the criteria: what they say now, what somebody proposes they say, and what that would have made of the
//! recorded past.
//!
//! Files stay the source. Nothing here writes one: a proposal is a patch (unified diff) that whoever looks after the
//! files applies, checks and reloads.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use alerting::catalogue::Language;
use alerting::rule::Rule;
use alerting::setup::Setup;
use reading::Timestamp;
use similar::TextDiff;

use crate::cli::{compare, replay};
use crate::config::{Config, Problems};

/// The longest file of a site that is looked at, bytes: a request takes no more either.
pub const FILE_LEN_MAX: usize = 56 * 1024;

/// Where the files and the recorded past are.
#[derive(Clone, Debug)]
pub struct Criteria {
    main: PathBuf,
    sites: PathBuf,
    journal: PathBuf,
}

/// Why a file of criteria could not be looked at.
#[derive(Debug, thiserror::Error)]
pub enum CriteriaError {
    /// No file is about this site.
    #[error("no file of {folder} is about the site `{site}`")]
    NoFile {
        /// The folder of the sites' files.
        folder: String,
        /// Which site.
        site: String,
    },
    /// The system would not let us.
    #[error("cannot read {path}: {source}")]
    Io {
        /// What could not be read.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// It is too long to be looked at here.
    #[error("{path} has more than {FILE_LEN_MAX} bytes; change it where it lies")]
    TooLong {
        /// Which file.
        path: String,
    },
    /// The recorded past could not be played.
    #[error("the recorded past cannot be played: {0}")]
    Past(String),
}

/// How a criterion differs between what runs and what a file says.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// Where.
    pub site: String,
    /// Which.
    pub rule: String,
    /// What runs; `None` if only the file has it.
    pub running: Option<Rule>,
    /// What the file says; `None` if only what runs has it.
    pub written: Option<Rule>,
}

/// The file of a site.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SiteFile {
    /// Relative to the main file.
    pub name: String,
    /// What stands in it.
    pub text: String,
}

/// What other criteria would have made of the past.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rehearsal {
    /// What is told, a line each; none where nothing would have been different.
    pub lines: Vec<String>,
    /// The past that was played.
    pub span: (Timestamp, Timestamp),
    /// Whether that is all that was asked for.
    pub whole: bool,
}

impl Criteria {
    /// The files a configuration was read from; `None` for one that is part of the program.
    pub fn of(config: &Config) -> Option<Self> {
        let main = config.file.clone()?;
        let journal = config.data_dir.join("journal");
        Some(Self { main, sites: config.sites.clone(), journal })
    }

    /// What the files say now. Waits for the disk.
    ///
    /// # Errors
    /// Every problem of every file.
    pub fn written(&self) -> Result<Config, Problems> {
        Config::load(&self.main)
    }

    /// The file of a site. Waits for the disk.
    ///
    /// # Errors
    /// If there is none, or it cannot be read.
    pub fn file(&self, site: &str) -> Result<SiteFile, CriteriaError> {
        let folder = self.main.parent().unwrap_or(Path::new("")).join(&self.sites);
        let failed =
            |path: &Path, source| CriteriaError::Io { path: path.display().to_string(), source };
        let entries = std::fs::read_dir(&folder).map_err(|error| failed(&folder, error))?;
        let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
        let mut paths: Vec<PathBuf> =
            paths.filter(|path| path.extension().is_some_and(|end| end == "toml")).collect();
        paths.sort();
        for path in paths {
            let text = std::fs::read_to_string(&path).map_err(|error| failed(&path, error))?;
            if !is_about(&text, site) {
                continue;
            }
            if text.len() > FILE_LEN_MAX {
                return Err(CriteriaError::TooLong { path: path.display().to_string() });
            }
            let file = path.file_name().unwrap_or_default().to_string_lossy();
            let folder = self.sites.display().to_string();
            return Ok(SiteFile { name: format!("{}/{file}", folder.trim_end_matches('/')), text });
        }
        Err(CriteriaError::NoFile { folder: folder.display().to_string(), site: site.into() })
    }

    /// The configuration as it would be if a file said something else. Waits for the disk.
    ///
    /// # Errors
    /// Every problem of every file.
    pub fn if_it_said(&self, file: &str, text: &str) -> Result<Config, Problems> {
        Config::load_with(&self.main, &BTreeMap::from([(file.to_owned(), text.to_owned())]))
    }

    /// Plays the recorded past from `since` on as it was judged and as `other` judges it, for as long as `goes_on`.
    ///
    /// # Errors
    /// If the past cannot be read.
    pub fn rehearse(
        &self,
        other: &Config,
        since: Timestamp,
        language: Language,
        goes_on: impl Fn() -> bool,
    ) -> Result<Rehearsal, CriteriaError> {
        let failed = |error: anyhow::Error| CriteriaError::Past(format!("{error:#}"));
        let (was, would, whole) =
            replay::side_by_side(&self.journal, other, since, &goes_on).map_err(failed)?;
        let mut told = Vec::new();
        compare::tell(&was, &would, false, language, &mut told)
            .map_err(|error| failed(error.into()))?;
        let lines = String::from_utf8_lossy(&told).lines().map(str::to_owned).collect();
        Ok(Rehearsal { lines, span: was.span, whole })
    }
}

/// Whether a file of a site is about this one. What does not parse is about none: the check says what is wrong with it.
fn is_about(text: &str, site: &str) -> bool {
    let table: Option<toml::Table> = text.parse().ok();
    let id = table.as_ref().and_then(|table| table.get("site")?.get("id")?.as_str());
    id == Some(site)
}

/// How the criteria of two configurations differ, by site and name.
pub fn differences(running: &Setup, written: &Setup) -> Vec<Difference> {
    let by_name = |setup: &Setup| -> BTreeMap<(String, String), Rule> {
        let named = |rule: &Rule| ((rule.site.to_string(), rule.id.to_string()), rule.clone());
        setup.rules.iter().map(named).collect()
    };
    let (mut runs, mut says) = (by_name(running), by_name(written));
    let names: BTreeSet<_> = runs.keys().chain(says.keys()).cloned().collect();
    let difference = |name: (String, String)| {
        let (running, written) = (runs.remove(&name), says.remove(&name));
        let (site, rule) = name;
        (running != written).then_some(Difference { site, rule, running, written })
    };
    names.into_iter().filter_map(difference).collect()
}

/// The change of a file as a patch.
pub fn patch(file: &SiteFile, text: &str) -> String {
    let (before, after) = (format!("a/{}", file.name), format!("b/{}", file.name));
    TextDiff::from_lines(&*file.text, text).unified_diff().header(&before, &after).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_found_by_what_it_is_about_and_a_change_is_a_patch() {
        assert!(is_about("[site]\nid = \"cut-12\"\n", "cut-12"));
        assert!(!is_about("[site]\nid = \"cut-12\"\n", "cut-1"));
        assert!(
            !is_about("[site\nid = \"cut-12\"\n", "cut-12"),
            "what does not parse is about none"
        );
        let file = SiteFile { name: "sites/a.toml".into(), text: "one\ntwo\nthree\n".into() };
        let text = patch(&file, "one\n2\nthree\n");
        assert!(text.starts_with("--- a/sites/a.toml\n+++ b/sites/a.toml\n@@ "), "{text}");
        assert!(text.contains("\n-two\n+2\n"), "{text}");
        assert_eq!(patch(&file, &file.text), "");
    }

    #[test]
    fn criteria_differ_by_name_and_wording() {
        let running = Config::demo().unwrap().setup;
        assert_eq!(differences(&running, &running), []);
        let mut written = running.clone();
        let gone = written.rules.remove(0);
        written.rules[0].provenance.reason = "another".into();
        let mut fresh = written.rules[1].clone();
        fresh.id = "quite-new".parse().unwrap();
        written.rules.push(fresh);
        let found = differences(&running, &written);
        let said: Vec<_> = found
            .iter()
            .map(|one| (one.rule.as_str(), one.running.is_some(), one.written.is_some()))
            .collect();
        assert_eq!(found.len(), 3, "{said:?}");
        assert!(said.contains(&(gone.id.as_str(), true, false)), "{said:?}");
        assert!(said.contains(&("quite-new", false, true)), "{said:?}");
    }
}
