//! Chat rooms: an incoming webhook as Slack and Mattermost have it. The address is the key, so it is never shown.
//!
//! These take no ids: a repeated message is shown twice.

use std::sync::Arc;

use alerting::catalogue::{self, Language};
use alerting::{AttemptResult, Delivery, Level};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use serde_json::json;

use super::Spoken;
use super::http::Peer;
use crate::probe::{Probe, Proof, Provable};
use crate::text::{Case, Medium, Texts, is_over};

/// Posts to a chat room.
pub struct Chat {
    peer: Peer,
    texts: Arc<Texts>,
    languages: Vec<Language>,
}

impl Chat {
    /// A channel into a room, speaking these languages.
    pub fn new(peer: Peer, texts: Arc<Texts>, languages: Vec<Language>) -> Self {
        Self { peer, texts, languages }
    }

    async fn post(&self, body: Vec<u8>) -> AttemptResult {
        match self.peer.ask(self.peer.post("application/json", body)).await {
            Ok(answer) => answer.judged(),
            Err(result) => result,
        }
    }
}

impl Spoken for Chat {
    fn say<'a>(&'a self, delivery: &'a Delivery, _attempt: u32) -> BoxFuture<'a, AttemptResult> {
        self.post(body(delivery, &self.texts, &self.languages)).boxed()
    }
}

impl Provable for Chat {
    fn targets(&self) -> Vec<String> {
        vec!["room".into()]
    }

    /// One line that says that nothing is happening: a room has no way to be asked quietly.
    fn prove<'a>(&'a self, _: &'a Probe) -> BoxFuture<'a, Proof> {
        let lines = self.languages.iter().map(|one| catalogue::message("probe-line", *one));
        let body = json!({ "text": lines.collect::<Vec<_>>().join("\n") });
        async move { self.post(body.to_string().into_bytes()).await.into() }.boxed()
    }
}

/// The JSON that is posted: one line to be notified by, and the text beside a bar in the colour of the level.
pub fn body(delivery: &Delivery, texts: &Texts, languages: &[Language]) -> Vec<u8> {
    let alert = &delivery.alert;
    let says = |language: &Language| {
        escaped(&texts.say_anyway(&Case::of(Medium::Chat, delivery, *language)))
    };
    let said: Vec<String> = languages.iter().map(says).collect();
    let first = said.first().and_then(|text| text.lines().next()).unwrap_or_default();
    let colour = colour(if is_over(alert) { Level::Normal } else { alert.level });
    let body = json!({
        "text": first,
        "attachments": [{ "color": colour, "fallback": first, "text": said.join("\n\n") }],
    });
    serde_json::to_vec(&body).expect("texts always serialize")
}

/// Text as these rooms take it, where `<…>` are links and `<!channel>` calls everybody.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// The colours of the levels.
pub const fn colour(level: Level) -> &'static str {
    match level {
        Level::Normal => "#2E7D32",
        Level::Attention => "#1565C0",
        Level::Caution => "#F9A825",
        Level::Warning => "#EF6C00",
        Level::Severe => "#C62828",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::{alert, cancel, delivery, text};
    use serde_json::Value;

    #[test]
    fn a_room_gets_a_line_a_colour_and_both_languages_and_cannot_be_shouted_at() {
        let texts = Texts::new(vec![], text("봉수시", "Bongsu"), String::new(), String::new());
        let mut alert = alert(1, Level::Severe);
        alert.headline.ko = "<!channel> & 대피".into();
        let sent = delivery("room", "room", alert);
        let body: Value =
            serde_json::from_slice(&body(&sent, &texts, &[Language::Ko, Language::En])).unwrap();
        assert_eq!(body["text"], "&lt;!channel&gt; &amp; 대피");
        assert_eq!(body["attachments"][0]["color"], "#C62828");
        let text = body["attachments"][0]["text"].as_str().unwrap();
        assert!(text.contains("체육관") && text.contains("Go to the school gym."), "{text}");
        let over: Value = serde_json::from_slice(&super::body(
            &delivery("room", "room", cancel(2)),
            &texts,
            &[Language::Ko],
        ))
        .unwrap();
        assert_eq!(over["attachments"][0]["color"], "#2E7D32");
    }
}
