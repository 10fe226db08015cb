//! What somebody may do, and where.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// What somebody may do. Each includes those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Looks.
    Viewer,
    /// Acknowledges, stands down, writes notes, puts away.
    Operator,
    /// Lets the public hear, or not.
    Approver,
    /// Everything.
    Administrator,
}

impl Role {
    /// Every role, the least first.
    pub const ALL: [Self; 4] = [Self::Viewer, Self::Operator, Self::Approver, Self::Administrator];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Approver => "approver",
            Self::Administrator => "administrator",
        }
    }

    /// The role of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.name() == name)
    }
}

/// What a token is good for, at most; its user's role bounds it too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// `/metrics` and nothing else.
    Metrics,
    /// Looks.
    Read,
    /// What an operator orders.
    Order,
    /// What an approver answers.
    Approve,
    /// Everything.
    Administer,
}

impl Scope {
    /// Every scope, the least first.
    pub const ALL: [Self; 5] =
        [Self::Metrics, Self::Read, Self::Order, Self::Approve, Self::Administer];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Metrics => "metrics",
            Self::Read => "read",
            Self::Order => "order",
            Self::Approve => "approve",
            Self::Administer => "administer",
        }
    }

    /// The scope of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.name() == name)
    }

    /// The role it lets its bearer have at most.
    pub const fn role(self) -> Role {
        match self {
            Self::Metrics | Self::Read => Role::Viewer,
            Self::Order => Role::Operator,
            Self::Approve => Role::Approver,
            Self::Administer => Role::Administrator,
        }
    }
}

/// Where somebody's role holds: sites, or the beginnings of district codes; empty means everywhere.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Areas(Arc<[String]>);

/// What is no area.
#[derive(Debug, thiserror::Error)]
#[error(
    "`{0}` is neither the beginning of a district code (2 to 10 digits) nor a site's id; part them with commas, or write `all`"
)]
pub struct AreaFault(String);

impl Areas {
    /// Reads `11110,cut-12`; `all` or nothing is everywhere.
    ///
    /// # Errors
    /// [`AreaFault`] names the first that is none.
    pub fn parse(text: &str) -> Result<Self, AreaFault> {
        let mut areas = Vec::new();
        for area in text.split(',').map(str::trim).filter(|area| !area.is_empty()) {
            if area == "all" {
                return Ok(Self::default());
            }
            if !is_district(area) && !reading::id::is_id(area) {
                return Err(AreaFault(area.chars().take(80).collect()));
            }
            areas.push(area.to_owned());
        }
        Ok(Self(areas.into()))
    }

    /// Whether a site with this district code lies in them.
    pub fn covers(&self, site: &str, district: &str) -> bool {
        let concerns = |area: &String| {
            area == site || (is_district(area) && district.starts_with(area.as_str()))
        };
        self.is_everywhere() || self.0.iter().any(concerns)
    }

    /// Whether the role holds wherever it is.
    pub fn is_everywhere(&self) -> bool {
        self.0.is_empty()
    }
}

impl std::fmt::Display for Areas {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.is_everywhere() { "all" } else { "" })?;
        f.write_str(&self.0.join(","))
    }
}

/// Codes of 법정동 and of what they lie in: province 2, city 5, town 8, village 10 digits.
fn is_district(area: &str) -> bool {
    (2..=10).contains(&area.len()) && area.bytes().all(|byte| byte.is_ascii_digit())
}

/// Somebody who was let in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// By what name the journal knows them: a user's id.
    pub name: Arc<str>,
    /// What they may do.
    pub role: Role,
    /// Where they may do it.
    pub areas: Areas,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn areas_are_districts_and_what_lies_in_them_or_sites() {
        // areas, site, its district, covered
        let table = [
            ("", "cut-12", "", true),
            ("all", "cut-12", "1111010100", true),
            ("11110", "cut-12", "1111010100", true),
            ("11110", "cut-12", "1114010100", false),
            ("11110", "cut-12", "", false),
            ("11140, 11110", "cut-12", "1111010100", true),
            ("cut-12", "cut-12", "", true),
            ("cut-12", "cut-1", "1111010100", false),
            ("1111010100", "cut-12", "11110", false),
        ];
        for (areas, site, district, covered) in table {
            let read = Areas::parse(areas).unwrap();
            assert_eq!(read.covers(site, district), covered, "{areas} {site} {district}");
            assert_eq!(Areas::parse(&read.to_string()).unwrap(), read);
        }
        for bad in ["서울", "../etc", "A-1", "cut 12"] {
            assert!(Areas::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn names_are_read_as_they_are_written() {
        for role in Role::ALL {
            assert_eq!(Role::parse(role.name()), Some(role));
        }
        for scope in Scope::ALL {
            assert_eq!(Scope::parse(scope.name()), Some(scope));
        }
        assert_eq!((Role::parse("root"), Scope::parse("*")), (None, None));
    }
}
