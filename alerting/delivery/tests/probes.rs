//! Link tests of ways that have no silent words of their own: what the far end gets is no alert, and what it answers
//! counts as it does for one.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use alerting::catalogue::Language;
use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use delivery::channel::cap::{CapSettings, Profile};
use delivery::channel::cell_broadcast::{CellBroadcast, Classes, Road};
use delivery::channel::chat::Chat;
use delivery::channel::http::{HttpSettings, Peer};
use delivery::channel::public_address::{PublicAddress, PublicAddressSettings};
use delivery::channel::sms_http::{Agency, AgencySettings};
use delivery::contacts::{Addresses, Directory, Phone};
use delivery::text::Texts;
use delivery::{Probe, Provable, Secret, Time};
use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use reading::Timestamp;
use reading::registry::Text;
use serde_json::Value;

/// What a peer was asked: the method, the path, the `Idempotency-Key`, the body.
type Asked = (Method, String, String, Vec<u8>);

#[derive(Clone)]
struct Held {
    asked: Arc<Mutex<Vec<Asked>>>,
    answer: (StatusCode, &'static str),
}

/// Somebody who answers always the same.
async fn peer(status: u16, body: &'static str) -> (SocketAddr, Arc<Mutex<Vec<Asked>>>) {
    async fn take(
        State(held): State<Held>,
        method: Method,
        uri: Uri,
        headers: HeaderMap,
        body: axum::body::Bytes,
    ) -> (StatusCode, &'static str) {
        let key = headers.get("idempotency-key").and_then(|key| key.to_str().ok());
        let key = key.unwrap_or_default().to_owned();
        held.asked.lock().push((method, uri.path().to_owned(), key, body.to_vec()));
        held.answer
    }
    let answer = (StatusCode::from_u16(status).unwrap(), body);
    let held = Held { asked: Arc::default(), answer };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let app = Router::new().fallback(take).with_state(held.clone());
    tokio::spawn(async move { axum::serve(listener, app).await });
    (address, held.asked)
}

struct Still;

impl Time for Still {
    fn now(&self) -> Timestamp {
        Timestamp::from_secs(1_784_000_000)
    }

    fn sleep_until(&self, _: Timestamp) -> BoxFuture<'static, ()> {
        Box::pin(std::future::pending())
    }
}

fn text() -> Text {
    Text { ko: "봉수시".into(), en: "Bongsu".into() }
}

/// The ways out that are looked at here.
const KINDS: [&str; 6] =
    ["chat", "agency", "public-address", "draft-json", "draft-cap", "draft-ecbe"];

fn way(kind: &str, at: SocketAddr) -> Box<dyn Provable> {
    rustls::crypto::ring::default_provider().install_default().ok();
    let settings = HttpSettings {
        url: Secret::new(format!("http://{at}/way")),
        timeout: Duration::from_secs(20),
        authorities_pem: None,
        authorization: None,
    };
    let peer = Peer::new(&settings).unwrap();
    let texts = Arc::new(Texts::new(vec![], text(), String::new(), String::new()));
    let cell = |peer, road| {
        Box::new(CellBroadcast::new(
            peer,
            road,
            Classes::default(),
            vec![Language::Ko],
            texts.clone(),
        ))
    };
    match kind {
        "chat" => Box::new(Chat::new(peer, texts, vec![Language::Ko, Language::En])),
        "agency" => {
            let settings = AgencySettings {
                content_type: "application/json".into(),
                body: r#"{"to":"{{ to }}","text":"{{ text }}","ref":"{{ id }}"}"#.into(),
                from: "15440000".into(),
                reference: Some("/id".into()),
                bytes_max: 2_000,
                test_number: Some(Phone::parse("+821012345678").unwrap()),
            };
            let nobody = Arc::new(Directory::new(std::path::PathBuf::new()));
            Box::new(Agency::new(peer, settings, texts, Addresses::new(nobody, Arc::new(Still))))
        }
        "public-address" => {
            let settings = PublicAddressSettings {
                language: Language::Ko,
                times: 3,
                same: None,
                simulated: false,
            };
            Box::new(PublicAddress::new(peer, settings, texts))
        }
        "draft-json" => cell(peer, Road::Json),
        "draft-cap" => cell(peer, Road::Cap(Box::new(cap()))),
        _ => cell(peer, Road::Ecbe { name: "bongsu".into(), simulated: false }),
    }
}

fn cap() -> CapSettings {
    CapSettings {
        folder: std::path::PathBuf::new(),
        sender: "test@bongsu.example".into(),
        sender_name: text(),
        contact: String::new(),
        restriction: String::new(),
        base_url: String::new(),
        gateway: Some("cell".parse().unwrap()),
        profile: Profile::korea(),
        signer: None,
    }
}

async fn look(kind: &str, status: u16, body: &'static str) -> (String, Vec<Asked>) {
    let (address, asked) = peer(status, body).await;
    let way = way(kind, address);
    assert_eq!(way.targets().len(), 1, "{kind}");
    let channel = "way".parse().unwrap();
    let probe = Probe::new(&channel, &way.targets()[0], Timestamp::from_secs(1_784_000_000));
    let proof = way.prove(&probe).await.to_string();
    let asked = asked.lock().clone();
    (proof, asked)
}

#[tokio::test]
async fn g10_what_is_looked_at_gets_no_alert() {
    for kind in KINDS {
        let (proof, asked) = look(kind, 200, r#"{"id":"M1"}"#).await;
        assert!(proof.starts_with("proven"), "{kind}: {proof}");
        let [(method, path, key, body)] = &asked[..] else { panic!("{kind}: {}", asked.len()) };
        let json: Value = serde_json::from_slice(body).unwrap_or_default();
        let text = String::from_utf8_lossy(body).into_owned();
        match kind {
            "chat" => {
                let said = json["text"].as_str().unwrap();
                assert!(said.contains("[시험]") && said.contains("[Test]"), "{said}");
                assert!(json.get("attachments").is_none(), "no bar in the colour of a level");
            }
            "agency" => {
                assert_eq!(json["to"], "01012345678");
                assert!(json["text"].as_str().unwrap().contains("[시험]"), "{json}");
                assert!(json["ref"].as_str().unwrap().starts_with("probe_way_own-number_"));
            }
            "public-address" => {
                assert!(key.starts_with("probe_way_device_"), "{key}");
                assert_eq!((&body[..4], &body[8..12]), (&b"RIFF"[..], &b"WAVE"[..]));
                assert!(body.len() > 20_000 && body[44..].iter().all(|byte| *byte == 0), "silence");
            }
            "draft-json" => {
                assert_eq!(
                    (&json["type"], &json["broadcast"]),
                    (&"bongsu.test".into(), &false.into())
                );
                assert!(json.get("texts").is_none() && json.get("class").is_none(), "{json}");
            }
            "draft-cap" => {
                assert!(
                    text.contains("<status>Test</status>") && !text.contains("<info>"),
                    "{text}"
                );
            }
            _ => {
                assert_eq!((method, path.as_str()), (&Method::DELETE, "/way/message/65535"));
                assert!(body.is_empty(), "nothing that could be broadcast");
            }
        }
    }
}

#[tokio::test]
async fn a_far_end_that_refuses_lies_or_is_broken_proves_nothing() {
    for kind in KINDS {
        for (status, body) in [
            (200, r#"{"error":"no such room"}"#),
            (200, r#"{"status":"fail","id":"M1"}"#),
            (403, ""),
            (500, ""),
            (302, ""),
        ] {
            let (proof, _) = look(kind, status, body).await;
            assert!(proof.starts_with("failed"), "{kind} {status} {body}: {proof}");
        }
    }
    let (proof, _) = look("agency", 200, "OK").await;
    assert!(proof.starts_with("failed"), "an id proves it, not a word: {proof}");
    let (proof, _) = look("draft-ecbe", 404, "").await;
    assert!(proof.starts_with("proven"), "the message is not there, and the centre is: {proof}");
}
