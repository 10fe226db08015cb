//! Alerts for everybody as MQTT topics: one retained message for each incident, for any display, loudspeaker or home
//! hub that may read there. Whoever comes later finds what stands; it expires with the alert, and is taken away once
//! the danger is over.
//!
//! That the broker keeps a message says nothing of who reads it: a delivery is handed over and no more.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use alerting::approval::Released;
use alerting::{Alert, AttemptResult, Delivery, IncidentId};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use reading::SiteId;

use super::siren::may_energise;
use super::webhook::public_body;
use super::{Channel, refused, retry};
use crate::operation::{Carried, Live, Operation};
use crate::probe::{Probe, Proof, Provable};
use crate::text::is_over;
use crate::time::Time;

/// How long a broker may keep the message that it is over, until the next one takes it away.
const OVER_KEPT: Duration = Duration::from_secs(60);

/// The one target of a link test.
const BROKERS: &str = "brokers";

/// Where everybody reads of an incident. Nothing but these is retained by channels, so that the words of a drill never
/// stand where those of the live operation do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlertTopic<O: Operation = Live>(String, PhantomData<O>);

impl<O: Operation> AlertTopic<O> {
    /// Of an incident at a site.
    pub fn new(site: &SiteId, incident: &IncidentId) -> Self {
        Self(format!("{}/alerts/{site}/{incident}", O::ROOT), PhantomData)
    }

    /// One where nothing ever stands: no incident is called so.
    fn probe() -> Self {
        Self(format!("{}/alerts/bongsu/probe", O::ROOT), PhantomData)
    }

    /// The topic as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<O: Operation> fmt::Display for AlertTopic<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Where alerts are retained. The daemon supplies the MQTT clients.
pub trait AlertSink<O: Operation = Live>: Send + Sync {
    /// Publishes at QoS 1 for the broker to keep for so long; nothing takes away what it keeps. Done when every broker
    /// has acknowledged it. The error says why not, without secrets.
    fn retain(
        &self,
        topic: AlertTopic<O>,
        payload: Vec<u8>,
        expiry: Duration,
    ) -> BoxFuture<'_, Result<(), String>>;
}

/// Keeps alerts at the brokers.
pub struct Mqtt<O: Operation = Live> {
    sink: Arc<dyn AlertSink<O>>,
    time: Arc<dyn Time>,
    /// Whether nobody reads who could take a test for earnest. Only then do messages of status `Test` go out.
    simulated: bool,
    /// Where the CAP documents are, if there are any.
    cap_base_url: Option<String>,
}

impl<O: Operation> Mqtt<O> {
    /// A channel to these brokers.
    pub fn new(
        sink: Arc<dyn AlertSink<O>>,
        time: Arc<dyn Time>,
        simulated: bool,
        cap_base_url: Option<String>,
    ) -> Self {
        Self { sink, time, simulated, cap_base_url }
    }

    async fn publish(&self, delivery: &Delivery) -> AttemptResult {
        let alert = &delivery.alert;
        if let Err(reason) = self.is_for_everybody(alert) {
            return refused(reason);
        }
        let topic = AlertTopic::new(&alert.site.id, &alert.incident);
        let body = public_body(delivery, self.cap_base_url.as_deref());
        let done = if is_over(alert) {
            self.take_away(&topic, body).await
        } else {
            let now = self.time.now();
            if alert.expires_at <= now {
                return retry("expired before it could be published");
            }
            self.sink.retain(topic.clone(), body, alert.expires_at.since(now)).await
        };
        match done {
            Ok(()) => AttemptResult::HandedOver { reference: topic.to_string() },
            Err(reason) => retry(reason),
        }
    }

    /// Whoever listens hears that it is over; whoever comes later finds nothing.
    async fn take_away(&self, topic: &AlertTopic<O>, body: Vec<u8>) -> Result<(), String> {
        self.sink.retain(topic.clone(), body, OVER_KEPT).await?;
        self.sink.retain(topic.clone(), Vec::new(), OVER_KEPT).await
    }

    fn is_for_everybody(&self, alert: &Alert) -> Result<(), &'static str> {
        if alert.released == Released::Officers {
            return Err("nobody let the public hear it");
        }
        may_energise::<O>(alert.status, self.simulated)
    }
}

impl<O: Operation> Channel<O> for Mqtt<O> {
    fn attempt<'a>(
        &'a self,
        delivery: &'a Carried<O>,
        _attempt: u32,
    ) -> BoxFuture<'a, AttemptResult> {
        self.publish(delivery).boxed()
    }
}

impl<O: Operation> Provable for Mqtt<O> {
    fn targets(&self) -> Vec<String> {
        vec![BROKERS.into()]
    }

    /// Takes away what stands where nothing ever does: who may not publish or is not connected is told.
    fn prove<'a>(&'a self, _: &'a Probe) -> BoxFuture<'a, Proof> {
        let asked = self.sink.retain(AlertTopic::probe(), Vec::new(), OVER_KEPT);
        async {
            match asked.await {
                Ok(()) => Proof::Proven("every broker took an empty message".into()),
                Err(why) => Proof::Failed(why),
            }
        }
        .boxed()
    }
}

#[cfg(test)]
mod tests {
    use std::future::ready;

    use alerting::catalogue::Language;
    use alerting::{Level, Status};
    use parking_lot::Mutex;
    use serde_json::Value;

    use super::*;
    use crate::operation::Exercise;
    use crate::sample::{Still, alert, at, cancel, delivery};

    #[derive(Default)]
    struct Broker {
        kept: Mutex<Vec<(String, Vec<u8>, Duration)>>,
        down: bool,
    }

    impl<O: Operation> AlertSink<O> for Broker {
        fn retain(
            &self,
            topic: AlertTopic<O>,
            payload: Vec<u8>,
            expiry: Duration,
        ) -> BoxFuture<'_, Result<(), String>> {
            if self.down {
                return ready(Err("not connected".into())).boxed();
            }
            self.kept.lock().push((topic.to_string(), payload, expiry));
            ready(Ok(())).boxed()
        }
    }

    async fn attempt<O: Operation>(
        broker: &Arc<Broker>,
        simulated: bool,
        alert: Alert,
    ) -> AttemptResult {
        let base = Some("http://b".to_owned());
        let channel =
            Mqtt::<O>::new(broker.clone(), Arc::new(Still::new(at(100))), simulated, base);
        channel.attempt(&Carried::new(delivery("topics", "topics", alert)), 1).await
    }

    #[tokio::test]
    async fn what_stands_is_kept_until_it_expires_and_taken_away_when_it_is_over() {
        let broker = Arc::new(Broker::default());
        let topic = "bongsu/v1/alerts/cut-12/live_cut-12_slope-failure_7";
        let stands = alert(1, Level::Severe);
        let left = stands.expires_at.since(at(100));
        let evidence = stands.evidence.len();
        let result = attempt::<Live>(&broker, false, stands.clone()).await;
        assert_eq!(result, AttemptResult::HandedOver { reference: topic.into() });
        attempt::<Live>(&broker, false, cancel(2)).await;
        let kept = std::mem::take(&mut *broker.kept.lock());
        let [(first, body, until), (second, over, _), (third, nothing, _)] = kept.as_slice() else {
            panic!("{kept:?}");
        };
        assert_eq!([first, second, third], [topic; 3]);
        assert_eq!(*until, left);
        let body: Value = serde_json::from_slice(body).unwrap();
        assert_eq!((&body["level"], &body["message_type"]), (&"severe".into(), &"alert".into()));
        assert_eq!(body["headline"]["ko"], crate::text::said(&stands.headline, Language::Ko));
        assert_eq!(body["cap"], "http://b/cap/live_cut-12_slope-failure_7_1_alert.xml");
        assert!(evidence > 0 && body["evidence"] == serde_json::json!([]), "not for everybody");
        let over: Value = serde_json::from_slice(over).unwrap();
        assert_eq!(over["message_type"], "cancel");
        assert_eq!(nothing.as_slice(), b"", "nothing stands any more");
    }

    #[tokio::test]
    async fn g10_what_nobody_released_and_tests_are_not_for_everybody_and_drills_have_their_own_root()
     {
        let broker = Arc::new(Broker::default());
        let severe = || alert(1, Level::Severe);
        let held_back = Alert { released: Released::Officers, ..severe() };
        let test = || Alert { status: Status::Test, ..severe() };
        let drill = || Alert { status: Status::Exercise, ..severe() };
        for (tried, why) in [
            (attempt::<Live>(&broker, false, held_back).await, "nobody let"),
            (attempt::<Live>(&broker, false, test()).await, "a test"),
            (attempt::<Live>(&broker, true, drill()).await, "not for"),
            (attempt::<Exercise>(&broker, true, severe()).await, "not for"),
        ] {
            assert!(
                matches!(&tried, AttemptResult::Refused { reason } if reason.contains(why)),
                "{tried:?}"
            );
        }
        assert_eq!(*broker.kept.lock(), []);
        attempt::<Live>(&broker, true, test()).await;
        attempt::<Exercise>(&broker, false, drill()).await;
        let kept = broker.kept.lock();
        assert!(kept[0].0.starts_with("bongsu/v1/alerts/"), "{kept:?}");
        assert!(kept[1].0.starts_with("bongsu-exercise/v1/alerts/"), "{kept:?}");
    }

    #[tokio::test]
    async fn what_is_too_late_or_has_no_broker_is_tried_again_and_a_look_says_so() {
        let broker = Arc::new(Broker::default());
        let late = Alert { expires_at: at(99), ..alert(1, Level::Severe) };
        let tried = attempt::<Live>(&broker, false, late).await;
        assert!(matches!(tried, AttemptResult::Retry { .. }), "{tried:?}");
        let away = Arc::new(Broker { down: true, ..Broker::default() });
        let tried = attempt::<Live>(&away, false, alert(1, Level::Severe)).await;
        assert_eq!(tried, AttemptResult::Retry { reason: "not connected".into() });

        let probe = Probe::new(&"topics".parse().unwrap(), BROKERS, at(100));
        for (broker, works) in [(broker, true), (away, false)] {
            let time = Arc::new(Still::new(at(100)));
            let proof = Mqtt::<Live>::new(broker.clone(), time, false, None).prove(&probe).await;
            assert_eq!(matches!(proof, Proof::Proven(_)), works, "{proof}");
            let kept = broker.kept.lock();
            assert!(kept.iter().all(|(_, payload, _)| payload.is_empty()), "nobody reads an alert");
        }
    }
}
