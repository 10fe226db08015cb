//! Looks after what lies beside the ledger about people: who was changed by `bongsu user`, which sessions are to
//! survive a restart, and what belongs into the trail.

use std::sync::Arc;
use std::time::Duration;

use delivery::Ledger;
use reading::Timestamp;

use super::tokens::Tokens;
use super::{App, Shared};

/// How often.
const EVERY: Duration = Duration::from_secs(1);

/// Keeps until the board stops, and once more then.
pub(super) async fn keep(app: Shared) {
    let mut trouble = false;
    loop {
        let stopping = tokio::time::timeout(EVERY, app.stop.cancelled()).await.is_ok();
        let kept = turn(&app).await;
        if let (Err(error), false) = (&kept, trouble) {
            tracing::error!(
                error,
                "the people's file cannot be kept; who may come in is as it was"
            );
        }
        trouble = kept.is_err();
        if stopping {
            return;
        }
    }
}

/// One turn.
pub(super) async fn turn(app: &App) -> Result<(), String> {
    let (tokens, ledger, now) = (app.state.tokens.clone(), app.state.ledger.clone(), app.now());
    let turn = tokio::task::spawn_blocking(move || work(&tokens, &ledger, now)).await;
    turn.map_err(|error| error.to_string())?
}

fn work(tokens: &Tokens, ledger: &Arc<Ledger>, now: Timestamp) -> Result<(), String> {
    let told = |error: &dyn std::error::Error| error.to_string();
    tokens.look_again().map_err(|error| told(&error))?;
    tokens.keep_sessions().map_err(|error| told(&error))?;
    let Some(store) = tokens.store() else { return Ok(()) };
    for note in store.notes().map_err(|error| told(&error))? {
        let body = serde_json::from_str(&note.body).unwrap_or_default();
        // Into the trail before it is taken away: a crash between writes it twice rather than never.
        ledger.audit(now, &note.kind, &body).map_err(|error| told(&error))?;
        store.noted(note.id).map_err(|error| told(&error))?;
    }
    Ok(())
}
