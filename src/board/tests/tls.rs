//! TLS spoken by the board itself.

use super::*;
use crate::config::{SecretRef, Tls};

/// Writes a certificate of its own for 127.0.0.1.
fn write_certificate(folder: &std::path::Path) -> (Tls, reqwest::Certificate) {
    let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".into()]).unwrap();
    let (certificate, key) = (folder.join("board.pem"), folder.join("board.key"));
    std::fs::write(&certificate, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let trusted = reqwest::Certificate::from_pem(made.cert.pem().as_bytes()).unwrap();
    (Tls { certificate, key: SecretRef::File(key) }, trusted)
}

#[tokio::test]
async fn the_board_speaks_tls_and_shows_a_renewed_certificate() {
    rustls::crypto::ring::default_provider().install_default().ok();
    let folder = tempfile::tempdir().unwrap();
    let (settings, first) = write_certificate(folder.path());
    let certificate = Certificate::load(&settings).unwrap();
    let world = World::new().await;
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let state = BoardState {
        metrics: prometheus::Registry::new(),
        certificate: Some(certificate.clone()),
        ..world.state.clone()
    };
    let stop = CancellationToken::new();
    let served = tokio::spawn(serve(listener, state, stop.clone()));
    let client = |trusted: &reqwest::Certificate| {
        reqwest::Client::builder()
            .tls_certs_only([trusted.clone()])
            .timeout(Duration::from_secs(20))
            .build()
            .unwrap()
    };
    let url = format!("https://{address}/healthz");
    let answer = client(&first).get(&url).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert!(answer.headers().contains_key("strict-transport-security"));
    assert_eq!(answer.text().await.unwrap(), "ok\njournal: ok\ndesk: ok\ncollector-field: ok\n");
    // who does not speak it is let go, and holds up nobody
    let _silent = tokio::net::TcpStream::connect(address).await.unwrap();
    assert!(reqwest::get(format!("http://{address}/healthz")).await.is_err());

    let (_, second) = write_certificate(folder.path());
    assert!(client(&second).get(&url).send().await.is_err(), "not before it is read again");
    certificate.renew().unwrap();
    assert_eq!(client(&second).get(&url).send().await.unwrap().status(), 200);
    assert!(client(&first).get(&url).send().await.is_err());

    std::fs::write(&settings.certificate, "no certificate").unwrap();
    assert!(matches!(certificate.renew(), Err(TlsError::Empty(_))));
    assert_eq!(client(&second).get(&url).send().await.unwrap().status(), 200, "the last good one");
    stop.cancel();
    served.await.unwrap().unwrap();
}

#[test]
fn what_does_not_belong_together_is_refused() {
    let [one, other] = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let (settings, _) = write_certificate(one.path());
    let (others, _) = write_certificate(other.path());
    let mixed = Tls { key: others.key, ..settings.clone() };
    assert!(matches!(Certificate::load(&mixed), Err(TlsError::Useless(_))));
    let missing = Tls { certificate: one.path().join("none.pem"), ..settings };
    assert!(matches!(Certificate::load(&missing), Err(TlsError::Certificate { .. })));
}
