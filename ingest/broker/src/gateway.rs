//! Gateways: who speaks for which stations, and how each proves who it is.
//!
//! The book of gateways is one file. A gateway publishes for its own stations and hears what is said to them, and
//! nothing else; the same rights are written as files for mosquitto. Passwords stand in it as PBKDF2 digests, in the
//! writing mosquitto has, so that one book serves both.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use reading::codec::{About, Topic, is_filter, matches};
use reading::{SiteId, StationId};
use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::file::write_private;

/// The file of the book, in its folder.
const BOOK: &str = "gateways.json";

/// A gateway as it stands in the book.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gateway {
    /// For which stations it speaks.
    pub speaks_for: Vec<Scope>,
    /// Topics of foreign devices it may publish, as MQTT filters.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub topics: Vec<String>,
    /// Its password; none if it has a certificate alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<Digest>,
    /// Its certificate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<Certificate>,
    /// It is not let in any more.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub revoked: bool,
}

/// A certificate of our own authority.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Certificate {
    /// Its serial number, hexadecimal.
    pub serial: String,
    /// SHA-256 over all of it, hexadecimal.
    pub sha256: String,
    /// It is valid until the end of this day, `2028-07-14`.
    pub until: String,
}

/// A whole site, or one station of it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Scope {
    /// The site.
    pub site: SiteId,
    /// The station; all of the site's if none.
    pub station: Option<StationId>,
}

/// A text that names no site and no station.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` names no site and no station: write SITE or SITE/STATION")]
pub struct NotAScope(String);

impl FromStr for Scope {
    type Err = NotAScope;

    fn from_str(text: &str) -> Result<Self, NotAScope> {
        let refused = || NotAScope(text.chars().take(80).collect());
        let (site, station) = match text.split_once('/') {
            Some((site, station)) => (site, Some(station)),
            None => (text, None),
        };
        let station = match station {
            Some(station) => Some(StationId::new(station).map_err(|_| refused())?),
            None => None,
        };
        Ok(Self { site: SiteId::new(site).map_err(|_| refused())?, station })
    }
}

impl TryFrom<String> for Scope {
    type Error = NotAScope;

    fn try_from(text: String) -> Result<Self, NotAScope> {
        text.parse()
    }
}

impl From<Scope> for String {
    fn from(scope: Scope) -> Self {
        scope.to_string()
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.station {
            Some(station) => write!(f, "{}/{station}", self.site),
            None => write!(f, "{}", self.site),
        }
    }
}

impl Scope {
    fn covers(&self, site: &str, station: &str) -> bool {
        let is_station = |own: &StationId| own.as_str() == station;
        self.site.as_str() == site && self.station.as_ref().is_none_or(is_station)
    }

    /// Its part of a topic filter: `cut-12/+` or `cut-12/post-1`.
    pub(crate) fn levels(&self) -> String {
        let station = self.station.as_ref().map_or("+", StationId::as_str);
        format!("{}/{station}", self.site)
    }
}

impl Gateway {
    /// Whether it may publish there.
    pub fn may_publish(&self, topic: &str) -> bool {
        if self.revoked {
            return false;
        }
        match Topic::parse(topic) {
            Ok(Topic { site, station, .. }) => {
                self.speaks_for.iter().any(|scope| scope.covers(site, station))
            }
            Err(_) => {
                let ours = topic.starts_with("bongsu") || topic.starts_with('$');
                !ours && self.topics.iter().any(|filter| matches(filter, topic))
            }
        }
    }

    /// Whether it may subscribe to that: what is said to its own stations, and to everybody.
    pub fn may_subscribe(&self, filter: &str) -> bool {
        if !self.revoked && filter.starts_with(ALERTS) {
            return true;
        }
        let said = |scope: &Scope| {
            ["stored", "command"].iter().any(|about| {
                let whole = format!("bongsu/v1/{}/{about}", scope.levels());
                whole == filter || (!filter.contains(['+', '#']) && matches(&whole, filter))
            })
        };
        !self.revoked && self.speaks_for.iter().any(said)
    }
}

/// What the topics of alerts begin with, which everybody reads who is let in.
pub(crate) const ALERTS: &str = "bongsu/v1/alerts/";

/// What a gateway publishes on its own topics.
pub(crate) const SAYS: [About; 4] = About::ALL;

/// The book of gateways.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Book {
    gateways: BTreeMap<String, Gateway>,
}

/// Why a book cannot be read or changed.
#[derive(Debug, thiserror::Error)]
pub enum BookError {
    /// The file cannot be read or written.
    #[error("cannot read or write {}; check who owns it", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file holds something else.
    #[error("{} is no book of gateways; put back a copy of it", path.display())]
    Damaged {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        source: serde_json::Error,
    },
    /// A name that is taken.
    #[error("there is a gateway `{0}` already; revoke it first, or take another name")]
    Taken(String),
    /// A name nobody has.
    #[error("there is no gateway `{0}`; see bongsu gateway list")]
    Unknown(String),
    /// A name that cannot be one.
    #[error("`{0}` is no name: use 1 to 64 of a-z, 0-9 and -")]
    BadName(String),
    /// A filter that is none, or reaches our own topics.
    #[error("`{0}` is no topic of foreign devices: write an MQTT filter outside of bongsu/ and $")]
    BadFilter(String),
}

impl Book {
    /// The book in a folder; empty if there is none yet.
    ///
    /// # Errors
    /// [`BookError`].
    pub fn open(folder: &Path) -> Result<Self, BookError> {
        let path = folder.join(BOOK);
        match std::fs::read(&path) {
            Ok(bytes) => {
                serde_json::from_slice(&bytes).map_err(|source| BookError::Damaged { path, source })
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(source) => Err(BookError::File { path, source }),
        }
    }

    /// Writes the book, readable for its owner alone; whoever reads it sees the old one or the new one.
    ///
    /// # Errors
    /// [`BookError::File`].
    pub fn save(&self, folder: &Path) -> Result<(), BookError> {
        let path = folder.join(BOOK);
        let text = serde_json::to_vec_pretty(self)
            .map_err(|source| BookError::Damaged { path: path.clone(), source })?;
        write_private(&path, &text).map_err(|source| BookError::File { path, source })
    }

    /// Takes in a gateway. One that was revoked may be taken in anew.
    ///
    /// # Errors
    /// [`BookError`], and nothing has changed.
    pub fn add(&mut self, name: &str, gateway: Gateway) -> Result<(), BookError> {
        if !reading::id::is_id(name) {
            return Err(BookError::BadName(name.chars().take(80).collect()));
        }
        let is_foreign = |filter: &&String| {
            is_filter(filter)
                && !filter.starts_with(['$', '+', '#'])
                && !filter.starts_with("bongsu")
        };
        if let Some(bad) = gateway.topics.iter().find(|filter| !is_foreign(filter)) {
            return Err(BookError::BadFilter(bad.clone()));
        }
        if self.gateways.get(name).is_some_and(|known| !known.revoked) {
            return Err(BookError::Taken(name.into()));
        }
        self.gateways.insert(name.into(), gateway);
        Ok(())
    }

    /// Lets a gateway in no more.
    ///
    /// # Errors
    /// [`BookError::Unknown`].
    pub fn revoke(&mut self, name: &str) -> Result<&Gateway, BookError> {
        let unknown = || BookError::Unknown(name.into());
        let gateway = self.gateways.get_mut(name).ok_or_else(unknown)?;
        gateway.revoked = true;
        Ok(gateway)
    }

    /// Every gateway, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Gateway)> {
        self.gateways.iter().map(|(name, gateway)| (name.as_str(), gateway))
    }

    /// The gateway of that name.
    pub fn get(&self, name: &str) -> Option<&Gateway> {
        self.gateways.get(name)
    }

    /// Who has the certificate with this digest, if it is let in.
    pub(crate) fn holder(&self, sha256: &str) -> Option<&str> {
        let has = |gateway: &Gateway| {
            let own = gateway.certificate.as_ref();
            !gateway.revoked && own.is_some_and(|certificate| certificate.sha256 == sha256)
        };
        self.iter().find(|(_, gateway)| has(gateway)).map(|(name, _)| name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gateway(scopes: &[&str], topics: &[&str]) -> Gateway {
        Gateway {
            speaks_for: scopes.iter().map(|scope| scope.parse().unwrap()).collect(),
            topics: topics.iter().map(|topic| (*topic).into()).collect(),
            password: None,
            certificate: None,
            revoked: false,
        }
    }

    #[test]
    fn a_gateway_speaks_for_its_own_stations_and_hears_what_is_said_to_them() {
        let gateway = gateway(&["cut-12", "wall-3/post-1"], &["application/7/#"]);
        for (topic, may) in [
            ("bongsu/v1/cut-12/post-1/telemetry", true),
            ("bongsu/v1/cut-12/post-9/backfill", true),
            ("bongsu/v1/cut-12/post-9/status", true),
            ("bongsu/v1/cut-12/siren-1/command/result", true),
            ("bongsu/v1/wall-3/post-1/telemetry", true),
            ("bongsu/v1/wall-3/post-2/telemetry", false),
            ("bongsu/v1/cut-13/post-1/telemetry", false),
            ("bongsu/v1/cut-12/post-1/command", false),
            ("bongsu/v1/cut-12/post-1/stored", false),
            ("bongsu/v1/cut-12/post-1/telemetry/x", false),
            ("bongsu/v1/alerts/cut-12", false),
            ("bongsu-exercise/v1/cut-12/post-1/telemetry", false),
            ("application/7/device/x/event/up", true),
            ("application/8/device/x/event/up", false),
            ("$SYS/broker", false),
        ] {
            assert_eq!(gateway.may_publish(topic), may, "{topic}");
        }
        for (filter, may) in [
            ("bongsu/v1/cut-12/+/stored", true),
            ("bongsu/v1/cut-12/post-1/command", true),
            ("bongsu/v1/wall-3/post-1/command", true),
            ("bongsu/v1/wall-3/+/command", false),
            ("bongsu/v1/+/+/command", false),
            ("bongsu/v1/cut-12/post-1/telemetry", false),
            ("bongsu/v1/cut-12/#", false),
            ("bongsu/v1/alerts/#", true),
            ("bongsu/v1/alerts/wall-3/+", true),
            ("bongsu/v1/#", false),
            ("bongsu/v1/+/#", false),
            ("#", false),
        ] {
            assert_eq!(gateway.may_subscribe(filter), may, "{filter}");
        }
        let revoked = Gateway { revoked: true, ..gateway };
        assert!(!revoked.may_publish("bongsu/v1/cut-12/post-1/telemetry"));
        assert!(!revoked.may_subscribe("bongsu/v1/cut-12/+/stored"));
        assert!(!revoked.may_subscribe("bongsu/v1/alerts/#"));
    }

    #[test]
    fn the_book_reads_back_and_refuses_what_would_open_too_much() {
        let folder = std::env::temp_dir().join(format!("bongsu-book-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let mut book = Book::open(&folder).unwrap();
        book.add("gateway-1", gateway(&["cut-12"], &["spBv1.0/slopes/#"])).unwrap();
        assert!(matches!(book.add("gateway-1", gateway(&[], &[])), Err(BookError::Taken(_))));
        for name in ["", "Gateway", "a b", "a/b", "a\nuser bongsu"] {
            assert!(
                matches!(book.add(name, gateway(&["a"], &[])), Err(BookError::BadName(_))),
                "{name}"
            );
        }
        for filter in ["#", "+/x", "bongsu/#", "$SYS/#", "$CONTROL/#", "", "a/#/b"] {
            let asked = gateway(&["a"], &[filter]);
            assert!(matches!(book.add("g", asked), Err(BookError::BadFilter(_))), "{filter}");
        }
        book.save(&folder).unwrap();
        assert_eq!(Book::open(&folder).unwrap(), book);
        book.revoke("gateway-1").unwrap();
        assert!(matches!(book.revoke("gateway-2"), Err(BookError::Unknown(_))));
        book.add("gateway-1", gateway(&["cut-12"], &[])).unwrap();
        std::fs::write(folder.join(BOOK), "{").unwrap();
        assert!(matches!(Book::open(&folder), Err(BookError::Damaged { .. })));
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
