//! `--expect`: which levels ought to come at which site, and by when. Anything else is unexpected.
//!
//! ```toml
//! [[level]]
//! site = "cut-12"
//! level = "warning"
//! from = "2026-07-14T19:00:00+09:00"   # not before (may be left out)
//! by = "2026-07-14T20:00:00+09:00"     # no later
//!
//! [[may]]                              # what may come, and need not
//! site = "cut-12"
//! level = "caution"
//! times = 6                            # at most (any number if left out)
//! ```
//!
//! With `sites = ["cut-12"]` at the top only those are judged.

use std::path::Path;

use alerting::{Decision, Level};
use anyhow::Context;
use reading::{SiteId, Timestamp};
use serde::Deserialize;

/// What a file says ought to happen.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expectations {
    sites: Option<Vec<SiteId>>,
    #[serde(default)]
    level: Vec<Expected>,
    #[serde(default)]
    may: Vec<Allowed>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Allowed {
    site: SiteId,
    level: Level,
    times: Option<usize>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    site: SiteId,
    level: Level,
    from: Option<String>,
    by: String,
}

/// A level that was reached.
#[derive(Clone, Debug, PartialEq)]
pub struct Reached {
    /// Where.
    pub site: SiteId,
    /// How high.
    pub level: Level,
    /// When (`at`).
    pub at: Timestamp,
}

impl Reached {
    /// What a decision reached, if it raised a level.
    pub fn of(decision: &Decision) -> Option<Self> {
        match decision {
            Decision::Level { at, site, from, to, .. } if to > from => {
                Some(Self { site: site.clone(), level: *to, at: *at })
            }
            _ => None,
        }
    }
}

impl Expectations {
    /// Reads a file.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn load(path: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read {}", path.display()))?;
        Self::parse(&text)
            .with_context(|| format!("{} is not a file of expectations", path.display()))
    }

    /// Reads a text.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> anyhow::Result<Self> {
        let all: Self = toml::from_str(text)?;
        for expected in &all.level {
            Timestamp::parse(&expected.by)?;
            expected.from.as_deref().map(Timestamp::parse).transpose()?;
        }
        Ok(all)
    }

    /// Every way in which what was reached is not what was expected, a line each.
    pub fn judge(&self, reached: &[Reached]) -> Vec<String> {
        let mut complaints = Vec::new();
        for expected in &self.level {
            // a level counts as reached by a higher one
            let first =
                reached.iter().find(|r| r.site == expected.site && r.level >= expected.level);
            let (Ok(by), from) = (Timestamp::parse(&expected.by), expected.from.as_deref()) else {
                continue;
            };
            let from = from.and_then(|text| Timestamp::parse(text).ok()).unwrap_or(Timestamp::MIN);
            let (site, level) = (&expected.site, expected.level);
            match first {
                None => {
                    complaints.push(format!("{site}: {level} was expected by {by} and never came"))
                }
                Some(r) if r.at > by => complaints.push(format!(
                    "{site}: {level} was expected by {by} and came late, at {}",
                    r.at
                )),
                Some(r) if r.at < from => {
                    complaints.push(format!(
                        "{site}: {level} was not expected before {from} and came at {}",
                        r.at
                    ));
                }
                Some(_) => {}
            }
        }
        let judged = |site: &SiteId| self.sites.as_ref().is_none_or(|sites| sites.contains(site));
        let unexpected = |r: &&Reached| judged(&r.site) && !self.is_known(r);
        let say = |r: &Reached| format!("{}: {} at {} was not expected", r.site, r.level, r.at);
        complaints.extend(reached.iter().filter(unexpected).map(say));
        complaints.extend(self.may.iter().filter_map(|allowed| allowed.exceeded(reached)));
        complaints
    }

    fn is_known(&self, r: &Reached) -> bool {
        self.level.iter().any(|e| e.site == r.site && e.level >= r.level)
            || self.may.iter().any(|e| e.site == r.site && e.level >= r.level)
    }
}

impl Allowed {
    fn exceeded(&self, reached: &[Reached]) -> Option<String> {
        let came = reached.iter().filter(|r| r.site == self.site && r.level == self.level).count();
        let (site, level) = (&self.site, self.level);
        let times = self.times.filter(|times| came > *times)?;
        Some(format!("{site}: {level} came {came} times, and may come {times} times"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_come_may_come_so_often() {
        let text = r#"
            sites = ["a"]
            [[may]]
            site = "a"
            level = "caution"
            times = 2
        "#;
        let expected = Expectations::parse(text).unwrap();
        let caution = || reached("a", Level::Caution, "2026-07-14T10:00:00Z");
        let elsewhere = reached("b", Level::Severe, "2026-07-14T10:00:00Z");
        assert!(expected.judge(&[]).is_empty());
        assert!(expected.judge(&[caution(), caution(), elsewhere]).is_empty());
        let said = expected.judge(&[caution(), caution(), caution()]);
        assert!(said.len() == 1 && said[0].contains("3 times"), "{said:?}");
        let said = expected.judge(&[reached("a", Level::Warning, "2026-07-14T10:00:00Z")]);
        assert!(said.len() == 1 && said[0].contains("not expected"), "{said:?}");
    }

    fn reached(site: &str, level: Level, at: &str) -> Reached {
        Reached { site: site.parse().unwrap(), level, at: Timestamp::parse(at).unwrap() }
    }

    #[test]
    fn late_missing_early_and_unexpected_levels_are_told_apart() {
        let text = r#"
            [[level]]
            site = "a"
            level = "caution"
            by = "2026-07-14T10:00:00Z"
            [[level]]
            site = "a"
            level = "severe"
            from = "2026-07-14T11:00:00Z"
            by = "2026-07-14T12:00:00Z"
        "#;
        let expected = Expectations::parse(text).unwrap();
        let caution = |at| reached("a", Level::Caution, at);
        let severe = |at| reached("a", Level::Severe, at);
        let good = [caution("2026-07-14T10:00:00Z"), severe("2026-07-14T11:30:00Z")];
        assert_eq!(expected.judge(&good), Vec::<String>::new());
        for (reached, word) in [
            (vec![caution("2026-07-14T10:00:01Z"), severe("2026-07-14T11:30:00Z")], "late"),
            (vec![caution("2026-07-14T09:00:00Z")], "never came"),
            (vec![severe("2026-07-14T10:00:00Z")], "not expected before"),
            (
                good.iter()
                    .cloned()
                    .chain([reached("b", Level::Attention, "2026-07-14T09:00:00Z")])
                    .collect(),
                "was not expected",
            ),
        ] {
            let said = expected.judge(&reached);
            assert!(said.len() == 1 && said[0].contains(word), "{said:?}");
        }
        assert!(Expectations::parse("[[level]]\nsite='a'\nlevel='red'\nby='x'").is_err());
    }
}
