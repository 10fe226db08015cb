//! Signboards over MQTT: lines and screens while the danger stands, blank afterwards. As with a siren, the proof is
//! the board's own answer on `…/command/result`.
//!
//! The command says until when it holds: a board that hears nothing more goes blank by itself, and ignores a command
//! past `not_after`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use alerting::catalogue::Language;
use alerting::text::Sign;
use alerting::{Alert, AttemptResult, Delivery, DeliveryKey, Hazard};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use reading::{SiteId, StationId, Timestamp};
use serde::Serialize;

use super::siren::{CommandSink, CommandTopic, ask, may_energise};
use super::{Channel, refused, retry};
use crate::operation::{Carried, Live, Operation};
use crate::probe::{Probe, Proof, Provable};
use crate::text::{Case, Medium, Texts, is_over};
use crate::time::Time;

/// The boards of a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignboardSettings {
    /// Recipient to board: the site it stands at and its station there.
    pub boards: BTreeMap<String, (SiteId, StationId)>,
    /// What they can show.
    pub sign: Sign,
    /// How long each screen is shown before the next.
    pub screen_time: Duration,
    /// In which language.
    pub language: Language,
    /// How long after the attempt a board may still obey.
    pub valid_for: Duration,
    /// Whether nobody sees them. Only then do messages of status `Test` go out.
    pub simulated: bool,
}

/// What a board is told to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "command")]
pub enum Order {
    /// Show these screens in turn.
    Show {
        /// Lines by screen.
        screens: Vec<Vec<String>>,
        /// Seconds each is shown.
        screen_s: u64,
        /// When to go blank, if nothing else is heard.
        until: String,
    },
    /// Show nothing.
    Blank,
}

#[derive(Serialize)]
struct Command<'a> {
    id: &'a str,
    #[serde(flatten)]
    order: &'a Order,
    not_after: String,
}

/// The bytes of a command.
pub fn command(key: &DeliveryKey, order: &Order, not_after: Timestamp) -> Vec<u8> {
    let command = Command { id: key.as_str(), order, not_after: not_after.to_string() };
    serde_json::to_vec(&command).expect("texts and numbers always serialize")
}

/// Commands signboards over MQTT.
pub struct Signboard<O: Operation = Live> {
    settings: SignboardSettings,
    texts: Arc<Texts>,
    sink: Arc<dyn CommandSink<O>>,
    time: Arc<dyn Time>,
}

impl<O: Operation> Signboard<O> {
    /// A channel to these boards.
    pub fn new(
        settings: SignboardSettings,
        texts: Arc<Texts>,
        sink: Arc<dyn CommandSink<O>>,
        time: Arc<dyn Time>,
    ) -> Self {
        Self { settings, texts, sink, time }
    }

    async fn show(&self, delivery: &Delivery) -> AttemptResult {
        let alert = &delivery.alert;
        if let Some(reason) = self.not_for_boards(alert) {
            return refused(reason);
        }
        let Some((site, station)) = self.settings.boards.get(&delivery.recipient) else {
            return refused(format!("no signboard `{}` is configured", delivery.recipient));
        };
        let now = self.time.now();
        let not_after = now.plus(self.settings.valid_for).min(delivery.expires_at);
        if not_after <= now {
            return retry("expired before it could be published");
        }
        let order = match self.order(delivery) {
            Ok(order) => order,
            Err(reason) => return refused(reason),
        };
        let (topic, payload) =
            (CommandTopic::new(site, station), command(&delivery.key, &order, not_after));
        match self.sink.publish(topic.clone(), payload, not_after.since(now)).await {
            Ok(()) => AttemptResult::HandedOver { reference: topic.to_string() },
            Err(reason) => retry(reason),
        }
    }

    fn not_for_boards(&self, alert: &Alert) -> Option<&'static str> {
        if alert.hazard == Hazard::Monitoring {
            return Some("a monitoring fault is nothing for a signboard");
        }
        may_energise::<O>(alert.status, self.settings.simulated).err()
    }

    fn order(&self, delivery: &Delivery) -> Result<Order, String> {
        let alert = &delivery.alert;
        if is_over(alert) {
            return Ok(Order::Blank);
        }
        let case = Case::of(Medium::Signboard, delivery, self.settings.language);
        let text = self.texts.say_anyway(&case);
        let screens = self.settings.sign.screens(&text);
        let screens =
            screens.map_err(|fault| format!("the text does not fit: {}", fault.text().en))?;
        Ok(Order::Show {
            screens,
            screen_s: self.settings.screen_time.as_secs().max(1),
            until: alert.expires_at.to_string(),
        })
    }
}

impl<O: Operation> Channel<O> for Signboard<O> {
    fn attempt<'a>(
        &'a self,
        delivery: &'a Carried<O>,
        _attempt: u32,
    ) -> BoxFuture<'a, AttemptResult> {
        self.show(delivery).boxed()
    }
}

impl<O: Operation> Provable for Signboard<O> {
    fn targets(&self) -> Vec<String> {
        self.settings.boards.keys().cloned().collect()
    }

    fn is_device(&self) -> bool {
        true
    }

    fn prove<'a>(&'a self, probe: &'a Probe) -> BoxFuture<'a, Proof> {
        ask(&*self.sink, self.settings.boards.get(probe.target()), probe).boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::{Still, alert, at, cancel, carried, text};
    use alerting::{Level, Status};
    use parking_lot::Mutex;
    use serde_json::Value;

    type Sent = Arc<Mutex<Vec<(String, Value, Duration)>>>;

    struct Broker(Sent, bool);

    impl CommandSink for Broker {
        fn publish(
            &self,
            topic: CommandTopic,
            payload: Vec<u8>,
            expiry: Duration,
        ) -> BoxFuture<'_, Result<(), String>> {
            let works = self.1;
            if works {
                self.0.lock().push((
                    topic.to_string(),
                    serde_json::from_slice(&payload).unwrap(),
                    expiry,
                ));
            }
            async move { if works { Ok(()) } else { Err("no broker".into()) } }.boxed()
        }
    }

    fn boards(simulated: bool, works: bool) -> (Signboard, Sent) {
        let sent = Sent::default();
        let place = ("cut-12".parse().unwrap(), "board-1".parse().unwrap());
        let settings = SignboardSettings {
            boards: BTreeMap::from([("cut-12-board-1".into(), place)]),
            sign: Sign { columns: 12, lines: 2, screens: 2 },
            screen_time: Duration::from_secs(3),
            language: Language::Ko,
            valid_for: Duration::from_secs(120),
            simulated,
        };
        let texts = Texts::new(vec![], text("봉수시", "Bongsu"), String::new(), String::new());
        let sink = Arc::new(Broker(sent.clone(), works));
        let clock = Arc::new(Still::new(at(90)));
        (Signboard::new(settings, Arc::new(texts), sink, clock), sent)
    }

    async fn show(board: &Signboard, alert: Alert) -> AttemptResult {
        board.attempt(&carried("sign", "cut-12-board-1", alert), 1).await
    }

    #[tokio::test]
    async fn a_board_shows_lines_until_they_expire_and_goes_blank() {
        let (board, sent) = boards(false, true);
        for alert in [alert(1, Level::Severe), alert(2, Level::Warning), cancel(3)] {
            assert!(matches!(show(&board, alert).await, AttemptResult::HandedOver { .. }));
        }
        let sent = sent.lock();
        let (topic, first, expiry) = &sent[0];
        assert_eq!((topic.as_str(), expiry.as_secs()), ("bongsu/v1/cut-12/board-1/command", 120));
        assert_eq!(first["id"], "live_cut-12_slope-failure_7_1_alert_sign_cut-12-board-1");
        assert_eq!(first["command"], "show");
        assert_eq!(first["screens"], serde_json::json!([["급경사지 붕괴위험", "즉시 대피"]]));
        assert_eq!(
            (first["screen_s"].as_u64(), &first["until"]),
            (Some(3), &"2026-07-14T08:01:20Z".into())
        );
        assert_eq!(first["not_after"], "2026-07-14T06:03:30Z");
        assert_eq!(sent[1].1["screens"][0][1], "통행금지");
        assert_eq!((&sent[2].1["command"], &sent[2].1["screens"]), (&"blank".into(), &Value::Null));
    }

    #[tokio::test]
    async fn drills_faults_and_tests_are_not_shown_and_failing_is_told() {
        let (board, sent) = boards(false, true);
        let is_refused = |result| matches!(result, AttemptResult::Refused { .. });
        for status in [Status::Exercise, Status::Test] {
            assert!(is_refused(show(&board, Alert { status, ..alert(1, Level::Severe) }).await));
        }
        let fault = Alert { hazard: Hazard::Monitoring, ..alert(1, Level::Severe) };
        assert!(is_refused(show(&board, fault).await));
        let elsewhere = carried("sign", "other", alert(1, Level::Severe));
        assert!(is_refused(board.attempt(&elsewhere, 1).await));
        assert_eq!(sent.lock().len(), 0);
        let (simulated, sent) = boards(true, true);
        let test = Alert { status: Status::Test, ..alert(1, Level::Severe) };
        assert!(!is_refused(show(&simulated, test).await));
        assert_eq!(sent.lock().len(), 1);
        let (broken, _) = boards(false, false);
        let result = show(&broken, alert(1, Level::Severe)).await;
        assert!(matches!(result, AttemptResult::Retry { .. }));
    }
}
