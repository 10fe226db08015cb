use std::net::SocketAddr;
use std::time::Duration;

use alerting::text::pages;
use alerting::{Alert, Level};
use axum::Router;
use axum::extract::State;
use axum::http::{Method, StatusCode, Uri};
use parking_lot::Mutex;
use serde_json::Value;

use super::*;
use crate::channel::http::HttpSettings;
use crate::sample::{alert, cancel, carried, delivery, incident, text};
use crate::secret::Secret;

#[test]
fn serial_numbers_are_laid_out_as_computed() {
    assert_eq!(serial_number(1, 0x123, 5), 0x5235);
    assert_eq!(serial_number(0, 0, 0), 0);
    assert_eq!(serial_number(3, 0x3FF, 15), 0xFFFF);
}

fn texts() -> Arc<Texts> {
    Arc::new(Texts::new(vec![], text("봉수시", "Bongsu"), String::new(), String::new()))
}

#[test]
fn a_draft_has_a_class_both_lengths_and_what_is_behind_it() {
    let classes = Classes::default();
    for (alert, class) in [
        (alert(1, Level::Severe), Class::Emergency),
        (alert(1, Level::Warning), Class::Guidance),
        (cancel(2), Class::Guidance),
    ] {
        let sent = delivery("cbs", "room", alert);
        let draft = Draft::new(&sent, &classes, &[Language::Ko], &texts());
        assert_eq!((draft.class, draft.fault()), (class, None));
        for (wording, limit) in draft.wordings.iter().zip([90, 157]) {
            assert!(wording.limit == limit && wording.fits(), "{}", wording.text);
        }
        let json: Value = serde_json::from_slice(&draft.json(&sent)).unwrap();
        assert_eq!(json["broadcast"], false, "a draft, and it says so");
        assert_eq!(json["texts"][0]["pages"], pages(&draft.wordings[0].text));
        assert_eq!(json["evidence"][0]["rule"], "tilt-rate");
        let again = Draft::new(&sent, &classes, &[Language::Ko], &texts());
        assert_eq!(again, draft, "the same at every attempt");
    }
    let first = Draft::new(
        &delivery("cbs", "room", alert(1, Level::Severe)),
        &classes,
        &[Language::Ko],
        &texts(),
    );
    let next = Draft::new(
        &delivery("cbs", "room", alert(2, Level::Severe)),
        &classes,
        &[Language::Ko],
        &texts(),
    );
    assert_eq!(first.serial_number() + 1, next.serial_number(), "an update of the same message");
}

#[test]
fn what_fits_in_neither_length_is_not_handed_over() {
    let mut long = alert(1, Level::Severe);
    long.site.area.ko = "가".repeat(150);
    let sent = delivery("cbs", "room", long);
    let draft = Draft::new(&sent, &Classes::default(), &[Language::Ko], &texts());
    assert!(draft.fault().is_some());
    let both = Draft::new(&sent, &Classes::default(), &[Language::Ko, Language::En], &texts());
    assert_eq!(both.best().map(|w| w.language), Some(Language::En));
}

type Asked = (Method, String, String);
type Held = (Arc<Mutex<Vec<Asked>>>, Arc<Mutex<Vec<u64>>>);

/// A centre as osmo-cbc's ECBE interface describes it: one message for each identifier.
async fn centre() -> (SocketAddr, Held) {
    async fn take(
        State((asked, held)): State<Held>,
        method: Method,
        uri: Uri,
        body: String,
    ) -> StatusCode {
        asked.lock().push((method.clone(), uri.path().to_owned(), body.clone()));
        let mut held = held.lock();
        match method {
            Method::POST => {
                let body: Value = serde_json::from_str(&body).unwrap();
                let id = body["smscb_message"]["message_id"].as_u64().unwrap();
                if held.contains(&id) {
                    return StatusCode::CONFLICT;
                }
                held.push(id);
                StatusCode::CREATED
            }
            _ => {
                let id: u64 = uri.path().rsplit('/').next().unwrap().parse().unwrap();
                let found = held.contains(&id);
                held.retain(|known| *known != id);
                if found { StatusCode::OK } else { StatusCode::NOT_FOUND }
            }
        }
    }
    let held = Held::default();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let app = Router::new().fallback(take).with_state(held.clone());
    tokio::spawn(async move { axum::serve(listener, app).await });
    (address, held)
}

fn channel(url: String, road: Road) -> CellBroadcast {
    rustls::crypto::ring::default_provider().install_default().ok();
    let peer = Peer::new(&HttpSettings {
        url: Secret::new(url),
        timeout: Duration::from_secs(20),
        authorities_pem: None,
        authorization: None,
    });
    CellBroadcast::new(peer.unwrap(), road, Classes::default(), vec![Language::Ko], texts())
}

#[tokio::test]
async fn a_centre_holds_one_message_a_class_and_no_incident_removes_that_of_another() {
    let (address, (asked, held)) = centre().await;
    let road = Road::Ecbe { name: "bongsu".into(), simulated: false };
    let channel = channel(format!("http://{address}/api/ecbe/v1"), road);
    let send = async |alert: Alert| channel.attempt(&carried("cbs", "c", alert), 1).await;
    assert!(matches!(send(alert(1, Level::Severe)).await, AttemptResult::HandedOver { .. }));
    let (method, path, body) = asked.lock()[0].clone();
    assert_eq!((method, path.as_str()), (Method::POST, "/api/ecbe/v1/message"));
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(body["smscb_message"]["message_id"], 4371);
    assert_eq!(body["smscb_message"]["payload"]["payload_decoded"]["character_set"], "ucs2");
    assert_eq!(body["smscb_message"]["serial_nr"]["serial_nr_decoded"]["update_nr"], 1);
    let other = |alert: Alert| Alert { incident: incident(99), ..alert };
    assert!(matches!(send(other(alert(1, Level::Severe))).await, AttemptResult::Retry { .. }));
    send(other(cancel(2))).await;
    assert_eq!(*held.lock(), [4371], "still that of the first");
    assert!(matches!(send(alert(2, Level::Warning)).await, AttemptResult::HandedOver { .. }));
    assert_eq!(*held.lock(), [4372], "the class went down with the level");
    send(cancel(3)).await;
    assert_eq!(*held.lock(), Vec::<u64>::new());
    for status in [Status::Test, Status::Exercise] {
        let result = send(Alert { status, ..alert(1, Level::Severe) }).await;
        assert!(
            matches!(result, AttemptResult::Refused { .. }),
            "nothing but earnest is broadcast"
        );
    }
}

#[test]
fn as_cap_it_is_a_draft_with_its_texts() {
    let sent = delivery("cbs", "room", alert(1, Level::Severe));
    let draft = Draft::new(&sent, &Classes::default(), &[Language::Ko], &texts());
    let settings = CapSettings {
        folder: std::path::PathBuf::new(),
        sender: "a@b".into(),
        sender_name: text("봉수시", "Bongsu"),
        contact: String::new(),
        restriction: "officers".into(),
        base_url: String::new(),
        gateway: None,
        profile: cap::Profile::default(),
        signer: None,
    };
    let document = cap::draft(&sent.alert, &settings, &draft.parameters());
    assert!(document.contains("<status>Draft</status>") && document.contains("긴급재난문자"));
    assert!(document.contains("KR-CBS-text-90-ko") && document.contains("KR-CBS-text-157-ko"));
    let drill = Alert { status: Status::Exercise, ..sent.alert };
    assert!(cap::draft(&drill, &settings, &[]).contains("<status>Exercise</status>"));
}
