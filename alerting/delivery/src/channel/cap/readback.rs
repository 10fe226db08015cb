//! Reading our own feed back as a stranger would: over the network, by the address others know, believing nothing.

use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use quick_xml::events::Event;
use quick_xml::{Reader, XmlVersion};
use reading::Timestamp;
use reqwest::Url;

use super::store::{Store, leaves};
use crate::channel::http::Peer;
use crate::probe::{Probe, Proof, Provable};

/// The longest feed and document that is read, bytes.
const LEN_MAX: usize = 4 << 20;

/// How many documents of the feed are read, the newest first.
const DOCUMENTS_MAX: usize = 20;

/// What every CAP 1.2 document has, by path, and what it may say there; empty: anything but nothing.
const REQUIRED: [(&str, &[&str]); 10] = [
    ("alert/identifier", &[]),
    ("alert/sender", &[]),
    ("alert/sent", &[]),
    ("alert/status", &["Actual", "Exercise", "System", "Test", "Draft"]),
    ("alert/msgType", &["Alert", "Update", "Cancel", "Ack", "Error"]),
    ("alert/scope", &["Public", "Restricted", "Private"]),
    ("alert/info/event", &[]),
    ("alert/info/urgency", &["Immediate", "Expected", "Future", "Past", "Unknown"]),
    ("alert/info/severity", &["Extreme", "Severe", "Moderate", "Minor", "Unknown"]),
    ("alert/info/certainty", &["Observed", "Likely", "Possible", "Unlikely", "Unknown"]),
];

/// The namespace of CAP 1.2.
const NAMESPACE: &str = "urn:oasis:names:tc:emergency:cap:1.2";

/// The feed as others see it.
pub struct ReadBack {
    feed: Peer,
    store: Arc<Store>,
}

impl ReadBack {
    /// Reads this feed back and compares it with what was published.
    pub fn new(feed: Peer, store: Arc<Store>) -> Self {
        Self { feed, store }
    }

    async fn read(&self, now: Timestamp) -> Result<String, String> {
        let feed = self.get(self.feed.address().clone()).await?;
        let found = links(&feed).ok_or("the feed is not well-formed XML")?;
        let told: Vec<String> = links(self.store.feed(now).as_str()).unwrap_or_default();
        if let Some(missing) = told.iter().find(|one| !found.contains(one)) {
            return Err(format!("the feed does not have {missing}"));
        }
        for link in found.iter().take(DOCUMENTS_MAX) {
            let url = Url::parse(link).map_err(|_| format!("`{link}` is no address"))?;
            let name =
                url.path_segments().and_then(|mut parts| parts.next_back()).unwrap_or_default();
            let name = name.trim_end_matches(".xml").to_owned();
            let text = self.get(url).await?;
            judge(&text, &name).map_err(|what| format!("{name}: {what}"))?;
        }
        Ok(format!("{} documents read back", found.len()))
    }

    async fn get(&self, url: Url) -> Result<String, String> {
        let asked = self.feed.request(reqwest::Method::GET, url.clone()).send().await;
        let mut answer = asked.map_err(|error| error.without_url().to_string())?;
        if !answer.status().is_success() {
            return Err(format!("{} answered {}", url.path(), answer.status().as_u16()));
        }
        let mut bytes = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(|e| e.without_url().to_string())? {
            bytes.extend_from_slice(&chunk);
            if bytes.len() > LEN_MAX {
                return Err(format!("{} is longer than {LEN_MAX} bytes", url.path()));
            }
        }
        String::from_utf8(bytes).map_err(|_| format!("{} is not UTF-8", url.path()))
    }
}

impl Provable for ReadBack {
    fn targets(&self) -> Vec<String> {
        vec!["feed".into()]
    }

    fn prove<'a>(&'a self, probe: &'a Probe) -> BoxFuture<'a, Proof> {
        async {
            match self.read(probe.at()).await {
                Ok(what) => Proof::Proven(what),
                Err(why) => Proof::Failed(why),
            }
        }
        .boxed()
    }
}

/// The addresses of documents that a feed names. Nothing if it does not read as XML.
fn links(feed: &str) -> Option<Vec<String>> {
    let mut reader = Reader::from_str(feed);
    let mut links = Vec::new();
    loop {
        match reader.read_event().ok()? {
            Event::Start(tag) | Event::Empty(tag) if tag.local_name().as_ref() == "link" => {
                let value = |name: &str| {
                    let found = tag.try_get_attribute(name).ok()??;
                    found
                        .normalized_value(XmlVersion::Implicit1_0)
                        .ok()
                        .map(|text| text.into_owned())
                };
                if value("type").as_deref() == Some("application/cap+xml") {
                    links.push(value("href")?);
                }
            }
            Event::Eof => return Some(links),
            _ => {}
        }
    }
}

/// Whether a stranger would take a document: CAP 1.2, whole, under its own name, with a chain that can be followed.
fn judge(text: &str, name: &str) -> Result<(), String> {
    if !text.contains(NAMESPACE) {
        return Err(format!("it is not of the namespace {NAMESPACE}"));
    }
    let leaves = leaves(text).ok_or("it is not well-formed XML")?;
    let values = |path: &str| {
        leaves
            .iter()
            .filter(move |(at, _)| at == path)
            .map(|(_, text)| text.clone())
            .collect::<Vec<_>>()
    };
    for (path, words) in REQUIRED {
        let found = values(path);
        let is_good = |text: &String| match words {
            [] => !text.trim().is_empty(),
            words => words.contains(&text.as_str()),
        };
        if found.is_empty() || !found.iter().all(is_good) {
            return Err(format!("{path} is missing or says what CAP does not know"));
        }
    }
    if values("alert/identifier") != [name] {
        return Err("it is served under another name than its own".into());
    }
    let moments = values("alert/sent").into_iter().chain(values("alert/info/expires"));
    if let Some(bad) = moments.into_iter().find(|text| Timestamp::parse(text).is_err()) {
        return Err(format!("`{bad}` is not a time"));
    }
    if values("alert/info/area/areaDesc").is_empty() {
        return Err("it names no area".into());
    }
    let (kind, references) = (values("alert/msgType"), values("alert/references"));
    let is_triple = |one: &str| one.split(',').count() == 3;
    let chain: Vec<&str> = references.iter().flat_map(|text| text.split_whitespace()).collect();
    match kind.first().map(String::as_str) {
        Some("Update" | "Cancel")
            if chain.is_empty() || !chain.iter().all(|one| is_triple(one)) =>
        {
            Err("it takes back or goes on with nothing that can be found".into())
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"<?xml version="1.0"?><alert xmlns="urn:oasis:names:tc:emergency:cap:1.2">
<identifier>a_1</identifier><sender>x@y</sender><sent>2026-07-14T03:10:00+09:00</sent><status>Actual</status>
<msgType>Alert</msgType><scope>Public</scope><info><category>Geo</category><event>slope</event>
<urgency>Immediate</urgency><severity>Extreme</severity><certainty>Likely</certainty>
<expires>2026-07-14T05:10:00+09:00</expires><area><areaDesc>village</areaDesc></area></info></alert>"#;

    #[test]
    fn a_stranger_takes_a_whole_document_and_names_what_is_wrong_with_another() {
        assert_eq!(judge(GOOD, "a_1"), Ok(()));
        for (from, to, expected) in [
            ("cap:1.2", "cap:1.1", "namespace"),
            ("<status>Actual</status>", "", "alert/status"),
            ("Extreme", "Terrible", "alert/info/severity"),
            ("<identifier>a_1", "<identifier>b_1", "another name"),
            ("2026-07-14T05", "soon", "not a time"),
            ("<areaDesc>village</areaDesc>", "<circle>1,2 3</circle>", "no area"),
            ("<msgType>Alert", "<msgType>Update", "nothing that can be found"),
            ("</alert>", "", "well-formed"),
        ] {
            assert!(GOOD.contains(from), "{from}");
            let what = judge(&GOOD.replace(from, to), "a_1").unwrap_err();
            assert!(what.contains(expected), "{from}: {what}");
        }
    }

    #[test]
    fn the_documents_of_a_feed_are_found_and_its_own_address_is_not_one() {
        let feed = r#"<feed xmlns="http://www.w3.org/2005/Atom"><link rel="self" type="application/atom+xml" href="http://a/cap/feed.atom"/>
<entry><link rel="alternate" type="application/cap+xml" href="http://a/cap/x.xml?a=1&amp;b=2"/></entry></feed>"#;
        assert_eq!(links(feed), Some(vec!["http://a/cap/x.xml?a=1&b=2".into()]));
        assert_eq!(links("<feed><entry></feed>"), None);
    }
}
