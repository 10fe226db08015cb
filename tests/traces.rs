//! What the rooms do, as traces at a collector that stands in for any that speaks OTLP over HTTP.
#![cfg(feature = "opentelemetry")]
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use common::daemon::Daemon;
use common::eventually;
use common::hook::Hook;
use common::link::Link;
use common::setting::{Setting, crack, telemetry};
use parking_lot::Mutex;
use prost::Message;

/// What is looked at of a request, by the numbers of `opentelemetry/proto/trace/v1/trace.proto`.
#[derive(Clone, PartialEq, Message)]
struct Export {
    #[prost(message, repeated, tag = "1")]
    resources: Vec<OfResource>,
}

#[derive(Clone, PartialEq, Message)]
struct OfResource {
    #[prost(message, optional, tag = "1")]
    resource: Option<Resource>,
    #[prost(message, repeated, tag = "2")]
    scopes: Vec<OfScope>,
}

#[derive(Clone, PartialEq, Message)]
struct Resource {
    #[prost(message, repeated, tag = "1")]
    attributes: Vec<Attribute>,
}

#[derive(Clone, PartialEq, Message)]
struct OfScope {
    #[prost(message, repeated, tag = "2")]
    spans: Vec<Span>,
}

#[derive(Clone, PartialEq, Message)]
struct Span {
    #[prost(bytes = "vec", tag = "1")]
    trace_id: Vec<u8>,
    #[prost(string, tag = "5")]
    name: String,
    #[prost(fixed64, tag = "7")]
    began: u64,
    #[prost(fixed64, tag = "8")]
    ended: u64,
    #[prost(message, repeated, tag = "9")]
    attributes: Vec<Attribute>,
}

#[derive(Clone, PartialEq, Message)]
struct Attribute {
    #[prost(string, tag = "1")]
    key: String,
    #[prost(message, optional, tag = "2")]
    value: Option<AnyValue>,
}

#[derive(Clone, PartialEq, Message)]
struct AnyValue {
    #[prost(string, optional, tag = "1")]
    text: Option<String>,
}

fn text(attributes: &[Attribute], key: &str) -> Option<String> {
    attributes.iter().find(|one| one.key == key)?.value.clone()?.text
}

type Taken = Arc<Mutex<Vec<Export>>>;

async fn take(State(taken): State<Taken>, headers: HeaderMap, body: Bytes) -> StatusCode {
    assert_eq!(headers["content-type"], "application/x-protobuf");
    taken.lock().push(Export::decode(body).unwrap());
    StatusCode::OK
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collector_hears_what_every_room_does() {
    let taken = Taken::default();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    // an archive beside it, so that its room has something to do
    let router = Router::new()
        .route("/v1/traces", post(take))
        .route("/api/v2/write", post(async || StatusCode::NO_CONTENT))
        .with_state(taken.clone());
    let collector = tokio::spawn(async { axum::serve(listener, router).await });

    let hook = Hook::willing().await;
    let mut setting = Setting::bridge_told_to(&hook);
    setting.add(&format!("[archive]\nurl = \"{endpoint}\"\nbucket = \"bongsu\""));
    let variables = [("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str())];
    let mut daemon = Daemon::spawn_with(&setting.write(), &variables);
    daemon.ready().await;
    let mut link = Link::connect(daemon.broker(), "box").await.unwrap();
    link.publish(&telemetry("bridge-1", "box-1"), crack(1, 15.0).as_bytes()).await.unwrap();
    eventually("somebody is told", || async { (!hook.taken().is_empty()).then_some(()) }).await;
    daemon.json("/api/v1/sites").await;
    eventually("it is archived", || async {
        (daemon.metric("archive_points_written_total", "").await > 0.0).then_some(())
    })
    .await;
    let said = daemon.stop().await;
    assert!(said.errors().is_empty(), "{:#?}", said.errors());

    let exports = taken.lock().clone();
    let resources: Vec<&OfResource> = exports.iter().flat_map(|export| &export.resources).collect();
    assert!(!resources.is_empty(), "something was sent before it ended");
    for one in &resources {
        let of = &one.resource.as_ref().unwrap().attributes;
        assert_eq!(text(of, "service.name").as_deref(), Some("bongsu"));
        assert_eq!(text(of, "service.version").as_deref(), Some(env!("CARGO_PKG_VERSION")));
    }
    let spans: Vec<&Span> =
        resources.iter().flat_map(|one| &one.scopes).flat_map(|scope| &scope.spans).collect();
    let names: BTreeSet<&str> = spans.iter().map(|span| span.name.as_str()).collect();
    assert_eq!(names, BTreeSet::from(["archive", "attempt", "decide", "request", "store"]));
    assert!(spans.iter().all(|span| span.trace_id.len() == 16 && span.began <= span.ended));
    let attempt = spans.iter().find(|span| span.name == "attempt").unwrap();
    assert_eq!(text(&attempt.attributes, "channel").as_deref(), Some("hook"));
    let routes: BTreeSet<_> =
        spans.iter().filter_map(|span| text(&span.attributes, "route")).collect();
    assert!(routes.contains("/api/v1/sites"), "{routes:?}");
    collector.abort();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collector_that_is_away_costs_traces_and_nothing_else() {
    let hook = Hook::willing().await;
    let setting = Setting::bridge_told_to(&hook);
    let nobody = format!("http://127.0.0.1:{}", common::free_port());
    let variables = [("OTEL_EXPORTER_OTLP_ENDPOINT", nobody.as_str())];
    let mut daemon = Daemon::spawn_with(&setting.write(), &variables);
    daemon.ready().await;
    let mut link = Link::connect(daemon.broker(), "box").await.unwrap();
    link.publish(&telemetry("bridge-1", "box-1"), crack(1, 15.0).as_bytes()).await.unwrap();
    eventually("somebody is told", || async { (!hook.taken().is_empty()).then_some(()) }).await;
    daemon.stop().await;
}
