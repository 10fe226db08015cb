//! A stand-in for an authority's server: it answers, and it fails in every way servers do.

#![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use ingest::clock::Clock;
use ingest::collector::event::{Event, Happening};
use ingest::collector::http::{self, DOCUMENT_LEN_MAX, Hidden, HttpConfig};
use ingest::collector::metrics::CollectorMetrics;
use ingest::collector::mqtt::Wiring;
use ingest::collector::{Intake, IntakeError, Taken};
use parking_lot::Mutex;
use prometheus::Registry;
use reading::Timestamp;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

const PATIENCE: Duration = Duration::from_secs(30);

/// What the server does at one request.
#[derive(Clone)]
enum Answer {
    /// Says this, with this status.
    Says(&'static str, String),
    /// Says how long it will be, and a part of it, and no more.
    Hangs,
    /// Sends without end.
    Floods,
    /// Hangs up without a word.
    Leaves,
}

#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<Taken>>>);

impl Intake for Kept {
    fn store(&self, frames: Vec<Taken>) -> BoxFuture<'_, Result<(), IntakeError>> {
        self.0.lock().extend(frames);
        Box::pin(std::future::ready(Ok(())))
    }
}

/// Answers in order, then as the last time. Gives the requests.
async fn server(answers: Vec<Answer>) -> (std::net::SocketAddr, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let requests: Arc<Mutex<Vec<String>>> = Arc::default();
    let (asked, mut answers) = (requests.clone(), VecDeque::from(answers));
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = vec![0; 4_096];
            let len = stream.read(&mut request).await.unwrap();
            asked.lock().push(String::from_utf8_lossy(&request[..len]).into_owned());
            let answer =
                if answers.len() > 1 { answers.pop_front() } else { answers.front().cloned() };
            tokio::spawn(async move {
                match answer.unwrap() {
                    Answer::Says(status, body) => {
                        let head = format!(
                            "HTTP/1.1 {status}\r\ncontent-length: {}\r\nlocation: /other\r\nconnection: close\r\n\r\n",
                            body.len()
                        );
                        stream.write_all(format!("{head}{body}").as_bytes()).await.ok();
                    }
                    Answer::Hangs => {
                        stream
                            .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"level\"")
                            .await
                            .ok();
                        std::future::pending::<()>().await;
                    }
                    Answer::Floods => {
                        let head = "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n";
                        stream.write_all(head.as_bytes()).await.ok();
                        while stream.write_all(&[b' '; 65_536]).await.is_ok() {}
                    }
                    Answer::Leaves => {}
                }
            });
        }
    });
    (address, requests)
}

async fn eventually(what: &str, is_so: impl Fn() -> bool) {
    let found = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, found).await.unwrap_or_else(|_| panic!("{what}"));
}

#[tokio::test]
async fn g06_a_server_that_fails_in_every_way_costs_its_own_readings_only_and_is_come_back_to() {
    rustls::crypto::ring::default_provider().install_default().ok();
    let good = |level: u32| Answer::Says("200 OK", format!("{{\"level\":{level}}}"));
    let (address, requests) = server(vec![
        good(1),
        Answer::Says("500 Internal Server Error", "{\"level\":9}".into()),
        Answer::Says("302 Found", "{\"level\":9}".into()),
        Answer::Hangs,
        Answer::Leaves,
        Answer::Says("200 OK", "x".repeat(DOCUMENT_LEN_MAX + 1)),
        Answer::Floods,
        Answer::Says("200 OK", "<html>점검 중</html>".into()),
        good(2),
    ])
    .await;
    let (kept, registry) = (Kept::default(), Registry::new());
    let told: Arc<Mutex<Vec<String>>> = Arc::default();
    let listener = told.clone();
    let cancel = CancellationToken::new();
    let wiring = Wiring {
        clock: Clock::simulated(Timestamp::from_secs(1_784_000_000), 200.0),
        metrics: CollectorMetrics::register(&registry).unwrap(),
        listener: Arc::new(move |event: Event| {
            listener.lock().push(match event.happening {
                Happening::Up { .. } => "up".into(),
                Happening::Down { reason } => format!("down: {reason}"),
                other => panic!("{other:?}"),
            });
        }),
        cancel: cancel.clone(),
    };
    let config = HttpConfig {
        name: "kfs".into(),
        url: Hidden::new(&format!("http://{address}/product?key=hunter2")),
        authorization: Some(Hidden::new("Bearer hunter3")),
        interval: Duration::from_secs(60),
        timeout: Duration::from_millis(500),
        ca_file: None,
    };
    assert!(!format!("{config:?}").contains("hunter"));
    let task = http::start(config, Arc::new(kept.clone()), &wiring).unwrap();
    eventually("the last document comes", || {
        kept.0.lock().iter().any(|frame| frame.payload.as_ref() == b"{\"level\":2}")
    })
    .await;
    cancel.cancel();
    tokio::time::timeout(PATIENCE, task).await.unwrap().unwrap();

    let kept = kept.0.lock();
    let mut documents: Vec<&[u8]> = kept.iter().map(|frame| frame.payload.as_ref()).collect();
    documents.dedup();
    assert_eq!(
        documents,
        [&b"{\"level\":1}"[..], "<html>점검 중</html>".as_bytes(), b"{\"level\":2}"]
    );
    assert!(kept.iter().all(|frame| &*frame.source == "kfs" && &*frame.topic == "kfs"));
    let told = told.lock().clone();
    assert_eq!(told.len(), 4, "each change is told once: {told:?}");
    assert_eq!((&*told[0], &*told[2]), ("up", "up"));
    assert!(told[1].contains("500") && told[3] == "down: stopped", "{told:?}");
    assert!(!told.concat().contains("hunter"), "{told:?}");
    let count = |outcome: &str| {
        let families = registry.gather();
        let polls = families.iter().find(|family| family.name() == "ingest_polls_total").unwrap();
        let of = |metric: &&prometheus::proto::Metric| {
            metric.get_label().iter().any(|label| label.value() == outcome)
        };
        polls.get_metric().iter().find(of).map_or(0.0, |metric| metric.get_counter().get_value())
    };
    assert_eq!((count("exception"), count("silence"), count("bad")), (2.0, 2.0, 2.0));
    let requests = requests.lock();
    assert!(requests[0].starts_with("GET /product?key=hunter2 HTTP/1.1"), "{}", requests[0]);
    assert!(requests[0].contains("authorization: Bearer hunter3"), "{}", requests[0]);
}
