//! Traces to a collector that speaks OTLP over HTTP: what the rooms do, as spans.
//!
//! Where, as whom and how many is read from the environment as in every such program (`OTEL_EXPORTER_OTLP_ENDPOINT`,
//! `OTEL_SERVICE_NAME`, `OTEL_TRACES_SAMPLER`); without an endpoint nothing is sent. A thread of its own sends in
//! batches and drops what does not fit its queue: a collector that is away costs traces and nothing else. Spans are of
//! level debug, so that the lines of the log stay as they are.

use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider};
use tracing::Subscriber;
use tracing_opentelemetry::OpenTelemetryLayer;
use tracing_subscriber::filter::{FilterFn, filter_fn};
use tracing_subscriber::layer::{Filter, Layer};
use tracing_subscriber::registry::LookupSpan;

/// What traces are of: our rooms. The sender's own words would be traces of traces.
const OURS: [&str; 4] = ["bongsu", "ingest", "delivery", "broker"];

/// What sends; what waits is sent when it is dropped.
pub struct Sending(SdkTracerProvider);

impl Drop for Sending {
    fn drop(&mut self) {
        if let Err(error) = self.0.shutdown() {
            eprintln!("bongsu: the last traces were not sent: {error}");
        }
    }
}

/// A layer that sends spans to the collector that the environment names, if it names one.
pub fn to_collector<S>() -> Option<(impl Layer<S>, Sending)>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
    OpenTelemetryLayer<S, SdkTracer>: Layer<S>,
    FilterFn: Filter<S>,
{
    if !super::traces_wanted() {
        return None;
    }
    let exporter = SpanExporter::builder().with_http().with_protocol(Protocol::HttpBinary).build();
    let exporter = match exporter {
        Ok(exporter) => exporter,
        Err(error) => {
            eprintln!("bongsu: no traces are sent: {error}; look at OTEL_EXPORTER_OTLP_ENDPOINT");
            return None;
        }
    };
    let mut resource = Resource::builder();
    if std::env::var_os("OTEL_SERVICE_NAME").is_none() {
        resource = resource.with_service_name("bongsu");
    }
    let version = opentelemetry::KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
    let resource = resource.with_attribute(version).build();
    let provider =
        SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource).build();
    let ours = filter_fn(|metadata| {
        metadata.is_span() && OURS.contains(&metadata.target().split("::").next().unwrap_or(""))
    });
    let layer = OpenTelemetryLayer::new(provider.tracer("bongsu")).with_filter(ours);
    Some((layer, Sending(provider)))
}
