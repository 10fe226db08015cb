use std::net::SocketAddr;
use std::time::Duration;

use alerting::Level;
use axum::Router;
use axum::body::{Body as Answer, Bytes};
use axum::extract::State;
use axum::http::{self, Request};
use axum::response::IntoResponse;
use futures_util::stream;
use parking_lot::Mutex;
use serde_json::Value;

use super::*;
use crate::channel::Channel;
use crate::sample::{Still, alert, at, carried, delivery, is_delivered, test_data};

const SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";

#[test]
fn signs_as_the_standard_does() {
    let Some(data) = test_data() else { return };
    let vectors = std::fs::read_to_string(data.join("conformance/webhook/vectors.jsonl")).unwrap();
    let mut checked = 0;
    for line in vectors.lines() {
        let vector: Value = serde_json::from_str(line).unwrap();
        let field = |name: &str| vector[name].as_str().unwrap();
        let signer = Signer::new(&Secret::new(field("secret"))).unwrap();
        let timestamp = field("webhook-timestamp").parse().unwrap();
        let signature = signer.sign(field("webhook-id"), timestamp, field("body").as_bytes());
        assert_eq!(signature, field("webhook-signature"), "{line}");
        checked += 1;
    }
    assert!(checked >= 2);
}

fn settings(url: &str) -> WebhookSettings {
    rustls::crypto::ring::default_provider().install_default().ok();
    WebhookSettings {
        http: HttpSettings {
            url: Secret::new(url),
            timeout: Duration::from_secs(20),
            authorities_pem: None,
            authorization: None,
        },
        secret: Secret::new(SECRET),
        cap_base_url: Some("https://alerts.example.kr/".into()),
    }
}

fn clock() -> Arc<Still> {
    Arc::new(Still::new(at(90)))
}

async fn attempt(settings: &WebhookSettings) -> AttemptResult {
    let webhook = Webhook::new(settings, clock()).unwrap();
    webhook.attempt(&carried("hook", "office", alert(1, Level::Severe)), 1).await
}

type Seen = Arc<Mutex<Vec<(http::request::Parts, Bytes)>>>;

/// A receiver on a free port; what it answers is the last part of the path.
async fn receiver() -> (SocketAddr, Seen) {
    async fn answer(
        State(seen): State<Seen>,
        request: Request<Answer>,
    ) -> axum::response::Response {
        let (parts, body) = request.into_parts();
        let path = parts.uri.path().to_owned();
        let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
        seen.lock().push((parts, body));
        match path.rsplit('/').next().unwrap_or_default() {
            "endless" => {
                let chunk = || Ok::<_, std::io::Error>(Bytes::from_static(&[b'x'; 4096]));
                Answer::from_stream(stream::repeat_with(chunk)).into_response()
            }
            "never" => std::future::pending().await,
            "elsewhere" => (http::StatusCode::FOUND, [("location", "/200")]).into_response(),
            status => {
                let status = http::StatusCode::from_u16(status.parse().unwrap()).unwrap();
                (status, [("retry-after", "120")], "said").into_response()
            }
        }
    }
    let seen = Seen::default();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let app = Router::new().fallback(answer).with_state(seen.clone());
    tokio::spawn(async move { axum::serve(listener, app).await });
    (address, seen)
}

#[tokio::test]
async fn a_real_receiver_gets_a_signed_body_with_everything_in_it() {
    let (address, seen) = receiver().await;
    let result =
        attempt(&settings(&format!("http://user:pass@{address}/in/204?token=hidden"))).await;
    assert!(is_delivered(&result), "{result:?}");
    let (parts, body) = seen.lock().pop().unwrap();
    let header = |name: &str| parts.headers[name].to_str().unwrap().to_owned();

    let id = "live_cut-12_slope-failure_7_1_alert_hook_office";
    assert_eq!((parts.method.as_str(), parts.uri.query()), ("POST", Some("token=hidden")));
    assert_eq!(header("content-type"), "application/json");
    assert_eq!(header("webhook-id"), id);
    assert_eq!(header("webhook-timestamp"), at(90).nanos().div_euclid(1_000_000_000).to_string());
    let key = BASE64.decode(SECRET.trim_start_matches("whsec_")).unwrap();
    let signed =
        [id.as_bytes(), b".", header("webhook-timestamp").as_bytes(), b".", &body].concat();
    let signature =
        BASE64.decode(header("webhook-signature").strip_prefix("v1,").unwrap()).unwrap();
    hmac::verify(&hmac::Key::new(hmac::HMAC_SHA256, &key), &signed, &signature).unwrap();

    let body: Value = serde_json::from_slice(&body).unwrap();
    for (pointer, expected) in [
        ("/type", "bongsu.alert"),
        ("/id", id),
        ("/incident", "live_cut-12_slope-failure_7"),
        ("/purpose", "alert"),
        ("/message_type", "alert"),
        ("/level", "severe"),
        ("/status", "actual"),
        ("/site/id", "cut-12"),
        ("/headline/ko", "△△동 산12-3 급경사지 붕괴 위험, 즉시 대피"),
        ("/headline/en", "Slope may collapse at San 12-3. Leave now."),
        ("/decided_at", "2026-07-14T15:01:20+09:00"),
        ("/evidence/0/rule", "tilt-rate"),
        ("/cap", "https://alerts.example.kr/cap/live_cut-12_slope-failure_7_1_alert.xml"),
    ] {
        assert_eq!(body.pointer(pointer).and_then(Value::as_str), Some(expected), "{pointer}");
    }
    assert_eq!(body["revision"], 1);
    assert_eq!(body["evidence"][0]["value"], 0.12);
}

#[test]
fn a_body_says_the_same_at_every_attempt_and_survives_odd_numbers() {
    let mut odd = alert(1, Level::Severe);
    odd.evidence[0].value = f64::NAN;
    odd.headline.ko = "\u{0}\"\\\n".into();
    let odd = delivery("hook", "office", odd);
    let body: Value = serde_json::from_slice(&body(&odd, None)).unwrap();
    assert_eq!(body["evidence"][0]["value"], Value::Null);
    assert_eq!(body["headline"]["ko"], "\u{0}\"\\\n");
    assert_eq!(body["cap"], Value::Null);
}

#[tokio::test]
async fn every_answer_has_its_meaning() {
    let (address, seen) = receiver().await;
    for (path, expected) in [
        ("200", "delivered"),
        ("202", "delivered"),
        ("endless", "delivered"),
        ("400", "refused"),
        ("401", "refused"),
        ("404", "refused"),
        ("410", "refused"),
        ("408", "retry"),
        ("425", "retry"),
        ("429", "retry"),
        ("500", "retry"),
        ("503", "retry"),
        ("elsewhere", "retry"),
    ] {
        let result = attempt(&settings(&format!("http://{address}/{path}"))).await;
        let (got, said) = match &result {
            AttemptResult::Delivered { receipt } => ("delivered", receipt),
            AttemptResult::Retry { reason } => ("retry", reason),
            AttemptResult::Refused { reason } => ("refused", reason),
            AttemptResult::HandedOver { .. } | AttemptResult::Unknown => {
                panic!("{path}: {result:?}")
            }
        };
        assert_eq!(got, expected, "{path}: {said}");
        assert!(path != "429" || said.ends_with("answered 429, retry after 120"), "{said}");
    }
    assert_eq!(seen.lock().len(), 13, "redirects are not followed");
}

#[tokio::test]
async fn silence_and_absence_are_tried_again_without_telling_secrets() {
    let (address, _seen) = receiver().await;
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let short = Duration::from_millis(50);
    for (url, timeout) in [
        (format!("http://user:passw0rd@{address}/hidden-path/never?token=hidden"), short),
        (
            format!("http://user:passw0rd@{nobody}/hidden-path?token=hidden"),
            Duration::from_secs(20),
        ),
        (
            "http://user:passw0rd@no-such-host.invalid/hidden-path?token=hidden".into(),
            Duration::from_secs(20),
        ),
    ] {
        let mut settings = settings(&url);
        settings.http.timeout = timeout;
        let AttemptResult::Retry { reason } = attempt(&settings).await else { panic!("{url}") };
        for secret in ["passw0rd", "hidden", "user", SECRET] {
            assert!(!reason.contains(secret), "{reason}");
        }
        assert!(reason.starts_with("http://"), "{reason}");
    }
}

#[test]
fn settings_that_cannot_work_are_named_without_being_repeated() {
    let good = settings("https://hooks.example.kr/x");
    let with = |url: &str, secret: &str, pem: Option<&str>| WebhookSettings {
        http: HttpSettings {
            url: Secret::new(url),
            authorities_pem: pem.map(|pem| pem.as_bytes().to_vec()),
            ..good.http.clone()
        },
        secret: Secret::new(secret),
        ..good.clone()
    };
    for (bad, part) in [
        (with("hidden", SECRET, None), "url"),
        (with("ftp://hidden/x", SECRET, None), "url"),
        (with("mailto:hidden@example.kr", SECRET, None), "url"),
        (with("https://h/x", "hidden", None), "secret"),
        (with("https://h/x", "whsec_hidden!", None), "secret"),
        (with("https://h/x", "whsec_aGlkZGVu", None), "secret"),
        (
            with(
                "https://h/x",
                SECRET,
                Some("-----BEGIN CERTIFICATE-----\nhidden\n-----END CERTIFICATE-----\n"),
            ),
            "authorities",
        ),
    ] {
        let error = Webhook::new(&bad, clock()).err().expect(part).to_string();
        assert!(error.contains(part) && !error.contains("hidden"), "{part}: {error}");
    }
    let shown = format!("{:?}", with("https://hidden/x", "whsec_hidden", None));
    assert!(!shown.contains("hidden"), "{shown}");
}
