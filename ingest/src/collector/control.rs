//! One request to a broker and its answer on another topic: for plugins that are told what to do over MQTT, as
//! mosquitto's dynamic security is. For a person who asks; it leaves nothing behind.

use std::time::Duration;

use bytes::Bytes;
use rumqttc::{AsyncClient, Event as PollEvent, Packet, PublishOptions, QoS, SubscribeReasonCode};
use tokio::time::timeout;

use super::config::MqttConfig;
use super::connection::Connector;
use super::probe::ProbeError;

/// How long the answer may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Publishes `payload` on `topic` and waits for what comes on `answers`.
///
/// # Errors
/// [`ProbeError`], also if the answer may not be subscribed to or does not come.
pub async fn request(
    config: &MqttConfig,
    topic: &str,
    answers: &str,
    payload: Vec<u8>,
) -> Result<Bytes, ProbeError> {
    config.check()?;
    let connector = Connector::new(config)?;
    let url = || config.url.to_string();
    let broken = |reason: String| ProbeError::Connect { url: url(), reason };
    let (mut options, held) =
        connector.options(&format!("{}-control-{}", config.name, std::process::id()));
    options.set_clean_start(true);
    held.release();
    let (client, mut eventloop) = AsyncClient::builder(options).capacity(8).build();
    let mut payload = Some(payload);
    let asking = async {
        loop {
            match eventloop.poll().await.map_err(|error| broken(error.to_string()))? {
                PollEvent::Incoming(Packet::ConnAck(_)) => {
                    client.try_subscribe(answers, QoS::AtLeastOnce).ok();
                }
                PollEvent::Incoming(Packet::SubAck(ack)) => {
                    let granted = |code: &SubscribeReasonCode| {
                        matches!(code, SubscribeReasonCode::Success(_))
                    };
                    if !ack.return_codes.iter().all(granted) {
                        return Err(broken(format!("may not subscribe to {answers}")));
                    }
                    if let Some(payload) = payload.take() {
                        client.try_publish(topic, payload, PublishOptions::at_least_once()).ok();
                    }
                }
                PollEvent::Incoming(Packet::Publish(publish)) => return Ok(publish.payload),
                _ => {}
            }
        }
    };
    let answer = timeout(PATIENCE, asking).await.map_err(|_| ProbeError::Silent { url: url() })?;
    client.try_disconnect().ok();
    timeout(Duration::from_secs(1), async { while eventloop.poll().await.is_ok() {} }).await.ok();
    answer
}
