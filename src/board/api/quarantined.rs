//! A message that was set aside, read again as the configuration reads it today.

use std::path::Path;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use bytes::Bytes;
use ingest::journal::{Kind as RecordKind, Reader};
use reading::Timestamp;
use reading::codec::feed;
use reading::codec::sparkplug::Hosts;
use reading::codec::{Message, PAYLOAD_LEN_MAX, native};
use reading::frame::Frame;
use serde_json::{Value, json};

use super::asked::Named;
use super::orders::Giver;
use super::past::source;
use crate::board::problem::{Kind, Problem};
use crate::board::{Past, Shared};

/// A frame as it was received.
struct Kept {
    source: String,
    topic: String,
    payload: Vec<u8>,
    received_at: Timestamp,
    retained: bool,
}

/// `POST /api/v1/quarantine/{position}/re-run`: what it says is handed over as readings of the past, which are recorded
/// and raise nothing now. What was taken before is a repetition, and known as one.
pub(in crate::board) async fn re_run(
    State(app): State<Shared>,
    giver: Giver,
    Named(position): Named<u64>,
) -> Result<Json<Value>, Problem> {
    let journal = app.state.journal.clone();
    let kept = app.beside("read the journal", move || frame(&journal, position)).await??;
    let pasts = pasts(&app, &kept)?;
    let by = &*giver.asking.person.name;
    let body = json!({ "what": "re-run", "position": position, "by": by });
    let (at, ledger) = (app.now(), app.state.ledger.clone());
    let noted = app.beside("note a re-run", move || ledger.audit(at, "quarantine", &body)).await?;
    noted.map_err(|error| Problem::fault("note a re-run", &error))?;
    let (mut readings, mut last) = (0, 0);
    for (past, count) in pasts {
        let taken = app.state.past.take(past).await;
        last = taken.map_err(|error| Problem::from(Kind::Busy).detail(error))?;
        readings += count;
    }
    tracing::info!(by, position, readings, "a message that was set aside was read again");
    Ok(Json(json!({ "sequence": last, "readings": readings })))
}

/// The frame at a position of the journal.
fn frame(journal: &Path, position: u64) -> Result<Kept, Problem> {
    let fault =
        |error: &(dyn std::error::Error + 'static)| Problem::fault("read the journal", error);
    let mut reader = Reader::open_folder(journal, position).map_err(|error| fault(&error))?;
    let batch = reader.next_batch(1, Duration::ZERO).map_err(|error| fault(&error))?;
    let record = batch.iter().next().filter(|record| record.sequence == position);
    let record = record.filter(|record| record.kind == RecordKind::Frame).ok_or_else(|| {
        let what = "the journal has no message at this position, or no longer";
        Problem::from(Kind::NotFound).detail(what)
    })?;
    Ok(Kept {
        source: record.source.into(),
        topic: record.topic.into(),
        payload: record.payload.to_vec(),
        received_at: record.received_at,
        retained: record.retained,
    })
}

/// What it says to the configuration that runs, as messages of the past, each with how many readings it has.
fn pasts(app: &Shared, kept: &Kept) -> Result<Vec<(Past, usize)>, Problem> {
    let setup = app.live.facts().overview.setup.clone();
    let refused = |what: String| Problem::from(Kind::Refused).detail(what);
    let frame = Frame {
        source: &kept.source,
        topic: &kept.topic,
        payload: &kept.payload,
        received_at: kept.received_at,
        retained: kept.retained,
    };
    // what a Sparkplug node said before is not known here: its aliases stay unread
    let mut hosts = Hosts::default();
    let decoded =
        feed::decode_under(setup.root(), &frame, &setup.feeds, &mut hosts, kept.received_at)
            .map_err(|error| refused(format!("{}: {error}", error.name())))?;
    let mut pasts = Vec::new();
    for told in &decoded.messages {
        let Message::Report(report) = &told.message else { continue };
        let source = source(app, report.site, report.station).ok_or_else(|| {
            refused(format!("no station {}/{} is configured", report.site, report.station))
        })?;
        // what carries no time was measured when it came, not now
        let at = report.at.or(report.heard_at).unwrap_or(kept.received_at);
        let report = reading::report::Report { at: Some(at), ..report.clone() };
        let payload = Bytes::from(native::encode(&report));
        if payload.len() > PAYLOAD_LEN_MAX {
            return Err(refused("it says more than one message of the past may".into()));
        }
        let topic = format!("bongsu/v1/{}/{}/backfill", report.site, report.station);
        pasts.push((Past { source, topic, payload }, report.claims.len()));
    }
    if pasts.is_empty() {
        return Err(refused("it can be read, but holds no readings".into()));
    }
    Ok(pasts)
}
