//! The Atom feed (RFC 4287) over published documents.

use std::collections::BTreeMap;

use reading::Timestamp;

use super::document::Xml;
use super::store::{Published, Scope};
use super::{CapSettings, address};
use alerting::catalogue::{Language, message};

/// The longest feed; what is older is reached through the references of what is newer.
const ENTRIES_MAX: usize = 100;

pub(super) fn feed(
    settings: &CapSettings,
    documents: &BTreeMap<String, Published>,
    now: Timestamp,
) -> String {
    let public = || documents.values().filter(|p| p.scope == Scope::Public);
    let mut standing: Vec<_> = public().filter(|p| p.expires_at > now).collect();
    standing.sort_by(|a, b| (b.sent_at, &b.identifier).cmp(&(a.sent_at, &a.identifier)));
    standing.truncate(ENTRIES_MAX);
    let newest = public().max_by_key(|p| p.sent_at);
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
    for published in standing {
        entry(&mut xml, settings, published);
    }
    xml.close("feed");
    xml.text()
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
