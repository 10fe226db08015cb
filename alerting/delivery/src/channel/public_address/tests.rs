use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

use alerting::{Alert, Level};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use parking_lot::Mutex;
use reading::Timestamp;
use tempfile::TempDir;

use super::*;
use crate::channel::http::HttpSettings;
use crate::sample::{alert, carried, program, text};
use crate::secret::Secret;

fn header() -> SameHeader {
    SameHeader {
        originator: "CIV".into(),
        event: "EVI".into(),
        location: "000000".into(),
        station: "SLOPEWCH".into(),
        valid_for: Duration::from_secs(3_600),
    }
}

#[test]
fn a_header_has_the_text_and_length_of_the_worked_example() {
    let at = Timestamp::parse("2026-07-14T12:30:00Z").unwrap();
    assert_eq!(header().text(at), "ZCZC-CIV-EVI-000000+0100-1951230-SLOPEWCH-");
    let seconds = same(&header(), at).len() as f64 / f64::from(RATE);
    assert!((seconds - 4.672_64).abs() < 0.000_2, "{seconds}");
}

#[test]
fn multimon_ng_decodes_the_header_out_of_the_whole_message() {
    let Some(multimon) = program("multimon-ng") else { return };
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("message.raw");
    let at = Timestamp::parse("2026-07-14T12:30:00Z").unwrap();
    let samples = sound::message(Some(same(&header(), at)), &[0; 1_000], 1);
    let raw: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
    std::fs::write(&path, raw).unwrap();
    let mut command = Command::new(multimon);
    let output = command.args(["-q", "-a", "EAS", "-t", "raw"]).arg(&path).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.contains("ZCZC-CIV-EVI-000000+0100-1951230-SLOPEWCH-"), "{said}");
    assert!(said.contains("NNNN"), "{said}");
}

async fn device() -> (SocketAddr, Arc<Mutex<Vec<Bytes>>>) {
    async fn take(State(seen): State<Arc<Mutex<Vec<Bytes>>>>, body: Bytes) {
        seen.lock().push(body);
    }
    let seen: Arc<Mutex<Vec<Bytes>>> = Arc::default();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let limit = axum::extract::DefaultBodyLimit::max(64 << 20);
    let app = Router::new().fallback(take).layer(limit).with_state(seen.clone());
    tokio::spawn(async move { axum::serve(listener, app).await });
    (address, seen)
}

#[tokio::test]
async fn a_device_gets_a_chime_and_a_voice_and_nothing_that_is_not_in_earnest() {
    rustls::crypto::ring::default_provider().install_default().ok();
    let has_voice = program("espeak-ng").is_some();
    let (address, seen) = device().await;
    let peer = Peer::new(&HttpSettings {
        url: Secret::new(format!("http://{address}/play")),
        timeout: Duration::from_secs(30),
        authorities_pem: None,
        authorization: None,
    });
    let settings =
        PublicAddressSettings { language: Language::Ko, times: 3, same: None, simulated: false };
    let texts = Texts::new(vec![], text("봉수시", "Bongsu"), String::new(), String::new());
    let channel = PublicAddress::new(peer.unwrap(), settings, Arc::new(texts));
    for status in [Status::Exercise, Status::Test] {
        let sent = carried("pa", "village", Alert { status, ..alert(1, Level::Severe) });
        assert!(matches!(channel.attempt(&sent, 1).await, AttemptResult::Refused { .. }));
    }
    assert_eq!(seen.lock().len(), 0);
    let sent = carried("pa", "village", alert(1, Level::Severe));
    let AttemptResult::Delivered { receipt } = channel.attempt(&sent, 1).await else { panic!() };
    assert_eq!(receipt.contains("no voice"), !has_voice, "{receipt}");
    let wav = seen.lock()[0].clone();
    assert!(wav.starts_with(b"RIFF") && wav.len() % 2 == 0);
    let seconds = (wav.len() - 44) as f64 / 2.0 / f64::from(RATE);
    let chimes = 4.0;
    assert!(
        if has_voice { seconds > chimes + 6.0 } else { (seconds - chimes).abs() < 0.1 },
        "{seconds}"
    );
}
