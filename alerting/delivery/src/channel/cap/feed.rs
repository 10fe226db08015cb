//! The feeds over published documents: Atom (RFC 4287) and RSS 2.0. They are made when something is published or
//! expires, and handed out as they are in between, however many ask.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use reading::Timestamp;
use ring::digest;

use super::document::Xml;
use super::store::{Published, Scope};
use super::{CapSettings, address};
use alerting::catalogue::{Language, message};

/// The longest feed; what is older is reached through the references of what is newer.
const ENTRIES_MAX: usize = 100;

/// A feed as it is served; cloning it copies nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Feed {
    /// The document.
    pub text: Bytes,
    /// What tells it from any other; the same as long as it says the same.
    pub mark: Arc<str>,
}

impl Feed {
    fn of(text: String) -> Self {
        Self { mark: mark(text.as_bytes()).into(), text: text.into() }
    }

    /// The document as text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.text).unwrap_or_default()
    }
}

/// What tells some bytes from any others, for an entity tag.
pub fn mark(bytes: &[u8]) -> String {
    let digest = digest::digest(&digest::SHA256, bytes);
    digest.as_ref().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

/// Both feeds, and how long they say what stands if nothing is published.
#[derive(Clone, Debug)]
pub(super) struct Shown {
    from: Timestamp,
    until: Timestamp,
    pub atom: Feed,
    pub rss: Feed,
}

impl Shown {
    /// As of `now`.
    pub fn make(
        settings: &CapSettings,
        documents: &BTreeMap<String, Published>,
        now: Timestamp,
    ) -> Self {
        let ends = public(documents).map(|one| one.expires_at).filter(|at| *at > now);
        Self {
            from: now,
            until: ends.min().unwrap_or(Timestamp::MAX),
            atom: Feed::of(atom(settings, documents, now)),
            rss: Feed::of(rss(settings, documents, now)),
        }
    }

    /// Whether they still say what stands.
    pub fn holds_at(&self, now: Timestamp) -> bool {
        (self.from..self.until).contains(&now)
    }
}

/// Public documents that have not expired, newest first.
fn standing(documents: &BTreeMap<String, Published>, now: Timestamp) -> Vec<&Published> {
    let mut standing: Vec<_> = public(documents).filter(|p| p.expires_at > now).collect();
    standing.sort_by(|a, b| (b.sent_at, &b.identifier).cmp(&(a.sent_at, &a.identifier)));
    standing.truncate(ENTRIES_MAX);
    standing
}

fn public(documents: &BTreeMap<String, Published>) -> impl Iterator<Item = &Published> {
    documents.values().filter(|p| p.scope == Scope::Public)
}

fn atom(settings: &CapSettings, documents: &BTreeMap<String, Published>, now: Timestamp) -> String {
    let newest = public(documents).max_by_key(|p| p.sent_at);
    let base = settings.base_url.trim_end_matches('/');

    let mut xml = Xml::new();
    xml.open("feed", Some(("xmlns", "http://www.w3.org/2005/Atom")));
    xml.leaf("id", &format!("urn:bongsu:cap:feed:{}", settings.sender));
    xml.leaf("title", &title(settings));
    xml.leaf("updated", newest.map_or("1970-01-01T00:00:00Z", |p| &p.sent));
    xml.open("author", None);
    xml.leaf("name", author(settings));
    xml.close("author");
    let own = format!("{base}/cap/feed.atom");
    xml.empty("link", &[("rel", "self"), ("type", "application/atom+xml"), ("href", &own)]);
    for published in standing(documents, now) {
        entry(&mut xml, settings, published);
    }
    xml.close("feed");
    xml.text()
}

fn rss(settings: &CapSettings, documents: &BTreeMap<String, Published>, now: Timestamp) -> String {
    let base = settings.base_url.trim_end_matches('/');
    let mut xml = Xml::new();
    xml.open("rss", Some(("version", "2.0")));
    xml.open("channel", None);
    xml.leaf("title", &title(settings));
    xml.leaf("link", &format!("{base}/cap/feed.atom"));
    xml.leaf("description", author(settings));
    if let Some(newest) = public(documents).max_by_key(|p| p.sent_at) {
        xml.leaf("lastBuildDate", &rfc822(newest.sent_at));
    }
    for published in standing(documents, now) {
        xml.open("item", None);
        xml.leaf("title", &published.headline);
        xml.leaf("link", &address(&settings.base_url, &published.identifier));
        xml.leaf("description", &published.headline_en);
        xml.leaf("category", &published.message_type);
        xml.open("guid", Some(("isPermaLink", "false")));
        xml.words(&format!("urn:bongsu:cap:{}", published.identifier));
        xml.close("guid");
        xml.leaf("pubDate", &rfc822(published.sent_at));
        xml.close("item");
    }
    xml.close("channel");
    xml.close("rss");
    xml.text()
}

/// A moment as RSS writes it, in UTC.
fn rfc822(at: Timestamp) -> String {
    let at = jiff::Timestamp::from_nanosecond(i128::from(at.nanos())).unwrap_or_default();
    at.strftime("%a, %d %b %Y %H:%M:%S +0000").to_string()
}

fn entry(xml: &mut Xml, settings: &CapSettings, published: &Published) {
    let href = address(&settings.base_url, &published.identifier);
    xml.open("entry", None);
    xml.leaf("id", &format!("urn:bongsu:cap:{}", published.identifier));
    xml.leaf("title", &published.headline);
    xml.leaf("updated", &published.sent);
    xml.leaf("published", &published.sent);
    xml.leaf("summary", &published.headline_en);
    for (scheme, term) in [("status", &published.status), ("msgType", &published.message_type)] {
        let scheme = format!("urn:oasis:names:tc:emergency:cap:1.2:{scheme}");
        xml.empty("category", &[("scheme", &scheme), ("term", term)]);
    }
    xml.empty("link", &[("rel", "alternate"), ("type", "application/cap+xml"), ("href", &href)]);
    xml.close("entry");
}

fn author(settings: &CapSettings) -> &str {
    let names = [&settings.sender_name.ko, &settings.sender_name.en, &settings.sender];
    names.into_iter().find(|name| !name.is_empty()).map_or("", String::as_str)
}

fn title(settings: &CapSettings) -> String {
    let words = [message("cap-feed-title", Language::Ko), message("cap-feed-title", Language::En)];
    format!("{} · {}", author(settings), words.join(" / "))
}
