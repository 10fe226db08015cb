use std::future::ready;

use alerting::alert::Purpose;
use parking_lot::Mutex;
use serde_json::{Value, json};

use super::*;
use crate::sample::{Still, alert, at, cancel, carried};

#[derive(Default)]
struct Broker {
    published: Mutex<Vec<(String, Value, Duration)>>,
    down: bool,
}

impl CommandSink for Broker {
    fn publish(
        &self,
        topic: CommandTopic,
        payload: Vec<u8>,
        expiry: Duration,
    ) -> BoxFuture<'_, Result<(), String>> {
        if self.down {
            return ready(Err("not connected".into())).boxed();
        }
        self.published.lock().push((
            topic.to_string(),
            serde_json::from_slice(&payload).unwrap(),
            expiry,
        ));
        ready(Ok(())).boxed()
    }
}

async fn attempt(broker: Arc<Broker>, simulated: bool, alert: Alert) -> AttemptResult {
    let station = ("cut-12".parse().unwrap(), "siren-1".parse().unwrap());
    let settings = SirenSettings {
        sirens: [("mast".into(), station)].into(),
        simulated,
        ..SirenSettings::default()
    };
    let siren = Siren::new(settings, broker, Arc::new(Still::new(at(100))));
    siren.attempt(&carried("siren", "mast", alert), 1).await
}

#[tokio::test]
async fn a_severe_alert_sounds_and_what_follows_stops() {
    let broker = Arc::new(Broker::default());
    let result = attempt(broker.clone(), false, alert(1, Level::Severe)).await;
    let topic = "bongsu/v1/cut-12/siren-1/command";
    assert_eq!(result, AttemptResult::HandedOver { reference: topic.into() });
    attempt(broker.clone(), false, alert(2, Level::Warning)).await;
    attempt(broker.clone(), false, cancel(3)).await;

    let published = std::mem::take(&mut *broker.published.lock());
    let id =
        |revision, purpose| format!("live_cut-12_slope-failure_7_{revision}_{purpose}_siren_mast");
    let not_after = "2026-07-14T06:03:40Z";
    let expected = [
        json!({"id": id(1, "alert"), "command": "sound", "incident": "live_cut-12_slope-failure_7", "pattern": "disaster-warning", "duration_s": 180, "not_after": not_after}),
        json!({"id": id(2, "alert"), "command": "stop", "incident": "live_cut-12_slope-failure_7", "not_after": not_after}),
        json!({"id": id(3, "cancel"), "command": "stop", "incident": "live_cut-12_slope-failure_7", "not_after": not_after}),
    ];
    for ((at, command, expiry), expected) in published.into_iter().zip(expected) {
        assert_eq!((at.as_str(), command, expiry), (topic, expected, Duration::from_secs(120)));
    }
}

#[test]
fn only_slopes_and_structures_at_severe_sound() {
    for level in Level::ALL {
        for (hazard, message_type) in [
            (Hazard::SlopeFailure, MessageType::Alert),
            (Hazard::StructuralDamage, MessageType::Update),
            (Hazard::SlopeFailure, MessageType::Cancel),
            (Hazard::Monitoring, MessageType::Alert),
        ] {
            let order = Order::of(&Alert { hazard, message_type, ..alert(1, level) });
            let expected = match (hazard, message_type, level) {
                (Hazard::Monitoring, ..) => None,
                (_, MessageType::Alert | MessageType::Update, Level::Severe) => {
                    Some(Order::Sound(Pattern::DisasterWarning))
                }
                _ => Some(Order::Stop),
            };
            assert_eq!(order, expected, "{hazard:?} {message_type:?} {level}");
        }
    }
    let reminder = Alert { purpose: Purpose::Reminder, ..alert(2, Level::Severe) };
    assert_eq!(Order::of(&reminder), Some(Order::Sound(Pattern::DisasterWarning)));
}

#[tokio::test]
async fn drills_and_tests_make_no_sound() {
    for (status, simulated, goes_out) in [
        (Status::Actual, false, true),
        (Status::Actual, true, true),
        (Status::Test, true, true),
        (Status::Test, false, false),
        (Status::Exercise, false, false),
        (Status::Exercise, true, false),
    ] {
        for message in [alert(1, Level::Severe), cancel(2)] {
            let broker = Arc::new(Broker::default());
            let result = attempt(broker.clone(), simulated, Alert { status, ..message }).await;
            assert_eq!(
                matches!(result, AttemptResult::HandedOver { .. }),
                goes_out,
                "{status:?} {simulated}"
            );
            assert_eq!(
                matches!(result, AttemptResult::Refused { .. }),
                !goes_out,
                "{status:?} {simulated}"
            );
            assert_eq!(broker.published.lock().len(), usize::from(goes_out));
        }
    }
}

#[tokio::test]
async fn a_command_expires_with_its_delivery_and_failing_is_told() {
    let broker = Arc::new(Broker::default());
    let soon = Alert { expires_at: at(130), ..alert(1, Level::Severe) };
    attempt(broker.clone(), false, soon).await;
    assert_eq!(broker.published.lock()[0].2, Duration::from_secs(30));
    let past = Alert { expires_at: at(100), ..alert(1, Level::Severe) };
    assert!(matches!(attempt(broker.clone(), false, past).await, AttemptResult::Retry { .. }));
    assert_eq!(broker.published.lock().len(), 1);

    let down = Arc::new(Broker { down: true, ..Broker::default() });
    let result = attempt(down, false, alert(1, Level::Severe)).await;
    assert_eq!(result, AttemptResult::Retry { reason: "not connected".into() });

    let siren = Siren::new(SirenSettings::default(), broker, Arc::new(Still::new(at(100))));
    let nobody = siren.attempt(&carried("siren", "mast", alert(1, Level::Severe)), 1).await;
    assert!(matches!(nobody, AttemptResult::Refused { .. }));
}
