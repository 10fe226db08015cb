//! A receiver of webhooks that honours ids and checks signatures by itself.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use parking_lot::Mutex;
use ring::hmac;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::Dice;

/// The key both sides share: 33 times the letter `k`.
pub const SECRET: &str = "whsec_a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2tr";

/// One alert, however often it came.
#[derive(Clone, Debug)]
pub struct Alert {
    /// The bytes of the first time.
    pub body: Bytes,
    /// How often it was taken.
    pub taken: u32,
    /// How often it was put off.
    pub put_off: u32,
}

impl Alert {
    /// The body.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

struct Shared {
    alerts: Mutex<BTreeMap<String, Alert>>,
    wrong: Mutex<Vec<String>>,
    manners: Mutex<Option<Dice>>,
}

/// A receiver. Ends when dropped.
pub struct Hook {
    /// Where it listens.
    pub address: SocketAddr,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

impl Hook {
    /// Takes everything at once.
    pub async fn willing() -> Self {
        Self::with(None).await
    }

    /// Takes its time, and sends one in eight away to come again.
    pub async fn moody(seed: u64) -> Self {
        Self::with(Some(Dice::new(seed))).await
    }

    async fn with(manners: Option<Dice>) -> Self {
        let shared = Arc::new(Shared {
            alerts: Mutex::default(),
            wrong: Mutex::default(),
            manners: Mutex::new(manners),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let app = axum::Router::new().route("/hook", post(take)).with_state(shared.clone());
        let task = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { address, shared, task }
    }

    /// Its address.
    pub fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    /// Every alert by its id. Nothing may have been wrong with any request.
    pub fn alerts(&self) -> BTreeMap<String, Alert> {
        let wrong = self.shared.wrong.lock();
        assert!(wrong.is_empty(), "{wrong:#?}");
        self.shared.alerts.lock().clone()
    }

    /// The alerts that were taken, as JSON, in the order of their ids.
    pub fn taken(&self) -> Vec<Value> {
        self.alerts().values().filter(|alert| alert.taken > 0).map(Alert::json).collect()
    }
}

impl Drop for Hook {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn take(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let (delay, put_off) = match &mut *shared.manners.lock() {
        None => (0, false),
        Some(dice) => (dice.below(150), dice.once_in(8)),
    };
    let answer = match examine(&shared, &headers, &body, put_off) {
        Ok(()) if put_off => StatusCode::SERVICE_UNAVAILABLE,
        Ok(()) => StatusCode::NO_CONTENT,
        Err(problem) => {
            shared.wrong.lock().push(problem);
            StatusCode::BAD_REQUEST
        }
    };
    // Whoever is killed meanwhile was heard and does not know it.
    tokio::time::sleep(Duration::from_millis(delay)).await;
    answer
}

fn examine(
    shared: &Shared,
    headers: &HeaderMap,
    body: &Bytes,
    put_off: bool,
) -> Result<(), String> {
    let text = |name: &str| {
        let value = headers.get(name).and_then(|value| value.to_str().ok());
        value.map(str::to_owned).ok_or_else(|| format!("no header {name}"))
    };
    let (id, timestamp) = (text("webhook-id")?, text("webhook-timestamp")?);
    let signed = [format!("{id}.{timestamp}.").as_bytes(), body].concat();
    let key = hmac::Key::new(hmac::HMAC_SHA256, &[b'k'; 33]);
    let expected = format!("v1,{}", base64(hmac::sign(&key, &signed).as_ref()));
    if text("webhook-signature")? != expected {
        return Err(format!("{id}: the signature is wrong"));
    }
    let json: Value = serde_json::from_slice(body).map_err(|error| format!("{id}: {error}"))?;
    if json["id"] != id.as_str() {
        return Err(format!("{id}: the body says it is {}", json["id"]));
    }
    let mut alerts = shared.alerts.lock();
    let alert = alerts.entry(id.clone()).or_insert_with(|| Alert {
        body: body.clone(),
        taken: 0,
        put_off: 0,
    });
    if alert.body != *body {
        return Err(format!("{id}: came again with another body"));
    }
    if put_off {
        alert.put_off += 1
    } else {
        alert.taken += 1
    }
    Ok(())
}

fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let word = chunk.iter().fold(0_u32, |word, byte| word << 8 | u32::from(*byte))
            << (8 * (3 - chunk.len()));
        for place in 0..4 {
            let letter = LETTERS[(word >> (18 - 6 * place)) as usize & 63];
            text.push(if place > chunk.len() { '=' } else { char::from(letter) });
        }
    }
    text
}
