//! Readers of the public feed as they are on a bad day: half a request and no more, an answer nobody takes, nonsense.
//! The feed is for everybody, so anybody may come like that; whoever reads honestly gets it all the same.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use super::*;

/// How many of each kind come at once.
const MANY: usize = 10;

/// What is asked over and over by somebody who takes no answer: more than the buffers between us hold.
const GREEDY: usize = 1_000;

async fn bad_readers(address: std::net::SocketAddr) -> Vec<TcpStream> {
    let mut held = Vec::new();
    for _ in 0..MANY {
        // half open: it never says what it wants
        let mut half = TcpStream::connect(address).await.unwrap();
        half.write_all(b"GET /cap/feed.atom HTTP/1.1\r\nho").await.unwrap();
        held.push(half);
        // slow: it asks and asks, and reads nothing
        let slow = TcpStream::connect(address).await.unwrap();
        let asked = b"GET /cap/feed.atom HTTP/1.1\r\nhost: b\r\n\r\n".repeat(GREEDY);
        let mut sent = 0;
        while sent < asked.len() {
            match slow.try_write(&asked[sent..]) {
                Ok(more) => sent += more,
                Err(_) => break, // it will not take more either
            }
        }
        held.push(slow);
        // lying: it announces what it does not send
        let mut liar = TcpStream::connect(address).await.unwrap();
        let lie = b"POST /cap/feed.atom HTTP/1.1\r\nhost: b\r\ncontent-length: 999999999\r\n\r\nx";
        liar.write_all(lie).await.unwrap();
        held.push(liar);
    }
    held
}

async fn answer_to(address: std::net::SocketAddr, said: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(said).await.unwrap();
    let mut heard = vec![0; 64];
    let read = tokio::time::timeout(Duration::from_secs(20), stream.read(&mut heard));
    let read = read.await.expect("it is answered or left").unwrap_or(0);
    String::from_utf8_lossy(&heard[..read]).into_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g06_whoever_reads_the_feed_badly_costs_no_other_reader_anything() {
    rustls::crypto::ring::default_provider().install_default().ok();
    let world = World::new().await;
    let store = world.state.cap.clone().unwrap();
    store.publish(&alert("gwang-3", 14_007, Level::Severe)).unwrap();
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let stop = CancellationToken::new();
    let state = BoardState { metrics: prometheus::Registry::new(), ..world.state.clone() };
    let serving = tokio::spawn(serve(listener, state, stop.clone()));
    let held = bad_readers(address).await;

    let nonsense = answer_to(address, b"\0\xff\xfe nonsense\r\n\r\n").await;
    assert!(nonsense.is_empty() || nonsense.starts_with("HTTP/1.1 400"), "{nonsense}");
    let written = answer_to(address, b"PUT /cap/feed.atom HTTP/1.1\r\nhost: b\r\n\r\n").await;
    assert!(written.starts_with("HTTP/1.1 4"), "the feed is read, not written: {written}");

    let client = reqwest::Client::builder().timeout(Duration::from_secs(20)).build().unwrap();
    let document = "/cap/live_gwang-3_slope-failure_14007_1_alert.xml";
    for _ in 0..10 {
        let feed = client.get(format!("http://{address}/cap/feed.atom"));
        // a tag that is not ours is no reason to say that nothing has changed
        let feed = feed.header(IF_NONE_MATCH, "W/\"0000\"").send().await.unwrap();
        assert_eq!(feed.status(), StatusCode::OK);
        assert!(feed.text().await.unwrap().contains(document));
        let one = client.get(format!("http://{address}{document}")).send().await.unwrap();
        assert_eq!(
            one.bytes().await.unwrap(),
            store.served(&document[5..document.len() - 4]).unwrap()
        );
    }
    stop.cancel();
    let ended = tokio::time::timeout(Duration::from_secs(30), serving).await;
    ended.expect("nobody who hangs on holds up the end").unwrap().unwrap();
    drop(held);
}
