//! Alerts and deliveries for the tests of this room.

use alerting::alert::{Hazard, IncidentKind, Purpose};
use alerting::approval::Released;
use alerting::decision::{IncidentRecord, IncidentState};
use alerting::{
    Action, Alert, AttemptResult, Decision, Delivery, DeliveryChange, DeliveryKey, DeliveryState,
    Evidence, IncidentId, Level, MessageType, Outcome, SiteFacts, Status,
};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use reading::Timestamp;
use reading::id::ChannelId;
use reading::registry::{SiteKind, Text};
use std::path::PathBuf;

use crate::courier::{OutcomeSink, SinkError};
use crate::operation::Carried;
use crate::time::Time;

pub fn at(seconds: i64) -> Timestamp {
    Timestamp::parse("2026-07-14T06:00:00Z")
        .unwrap()
        .plus(std::time::Duration::from_secs(seconds as u64))
}

pub fn text(ko: &str, en: &str) -> Text {
    Text { ko: ko.into(), en: en.into() }
}

pub fn incident(sequence: u64) -> IncidentId {
    IncidentId::new(IncidentKind::Live, &"cut-12".parse().unwrap(), Hazard::SlopeFailure, sequence)
}

pub fn alert(revision: u32, level: Level) -> Alert {
    let first = revision == 1;
    Alert {
        incident: incident(7),
        revision,
        purpose: Purpose::Alert,
        message_type: if first { MessageType::Alert } else { MessageType::Update },
        status: Status::Actual,
        level,
        site: SiteFacts {
            id: "cut-12".parse().unwrap(),
            name: text("산12-3 급경사지", "San 12-3 cut slope"),
            kind: SiteKind::Slope,
            location: (37.12345, 127.12345),
            radius_km: 0.3,
            polygon: vec![],
            area: text("△△동 산12-3 하부", "Below San 12-3"),
            district: "4113510300".into(),
            zone: "Asia/Seoul".into(),
        },
        hazard: Hazard::SlopeFailure,
        headline: text(
            "△△동 산12-3 급경사지 붕괴 위험, 즉시 대피",
            "Slope may collapse at San 12-3. Leave now.",
        ),
        description: text("사면이 빠르게 움직이고 있습니다.", "The slope is moving fast."),
        instruction: text("□□초 체육관으로 대피하십시오.", "Go to the school gym."),
        evidence: vec![Evidence {
            rule: "tilt-rate".into(),
            series: "cut-12/box-1/tilt-1/tilt-x".into(),
            level,
            value: 0.12,
            unit: "deg/h".into(),
            measured_at: at(i64::from(revision)),
            text: text("경사가 변한다", "The tilt changes"),
        }],
        decided_at: at(20 + 60 * i64::from(revision)),
        measured_at: at(60 * i64::from(revision)),
        expires_at: at(20 + 60 * i64::from(revision) + 7_200),
        released: Released::Persons { persons: vec!["kim".into()] },
        unrecorded: false,
    }
}

pub fn cancel(revision: u32) -> Alert {
    Alert {
        message_type: MessageType::Cancel,
        purpose: Purpose::Cancel,
        ..alert(revision, Level::Normal)
    }
}

/// A delivery as a courier of the live operation holds it.
pub fn carried(channel: &str, recipient: &str, alert: Alert) -> Carried {
    Carried::new(delivery(channel, recipient, alert))
}

pub fn delivery(channel: &str, recipient: &str, alert: Alert) -> Delivery {
    let channel: ChannelId = channel.parse().unwrap();
    Delivery {
        key: DeliveryKey::new(&alert.incident, alert.revision, alert.purpose, &channel, recipient),
        channel,
        recipient: recipient.into(),
        owed_at: alert.decided_at,
        due_at: alert.decided_at,
        expires_at: alert.expires_at,
        alert,
    }
}

pub fn change(
    delivery: &Delivery,
    state: DeliveryState,
    attempts: u32,
    due_at: Timestamp,
    note: &str,
) -> Action {
    Action::Change(DeliveryChange {
        key: delivery.key.clone(),
        channel: delivery.channel.clone(),
        state,
        attempts,
        due_at,
        note: note.into(),
        at: due_at,
    })
}

pub fn level(at: Timestamp, from: Level, to: Level) -> Decision {
    Decision::Level {
        at,
        site: "cut-12".parse().unwrap(),
        hazard: Hazard::SlopeFailure,
        from,
        to,
        measured_at: at,
        reason: text("규칙", "rule"),
        evidence: vec![],
        why: vec![],
    }
}

pub fn record(sequence: u64, revision: u32, state: IncidentState) -> IncidentRecord {
    IncidentRecord {
        id: incident(sequence),
        revision,
        at: at(60 * i64::from(revision)),
        opened_at: at(60),
        site: "cut-12".parse().unwrap(),
        hazard: Hazard::SlopeFailure,
        state,
        level: Level::Warning,
        peak: Level::Severe,
        acknowledged_by: None,
        what: text("바뀜", "changed"),
        evidence: vec![],
        late_detected: false,
        hidden_by: None,
        approvals: vec![],
    }
}

pub fn is_delivered(result: &AttemptResult) -> bool {
    matches!(result, AttemptResult::Delivered { .. })
}

/// A clock that stands where it is put.
pub struct Still(pub Mutex<Timestamp>);

impl Still {
    pub fn new(at: Timestamp) -> Self {
        Self(Mutex::new(at))
    }
}

impl Time for Still {
    fn now(&self) -> Timestamp {
        *self.0.lock()
    }

    fn sleep_until(&self, at: Timestamp) -> BoxFuture<'static, ()> {
        if at <= self.now() {
            futures_util::future::ready(()).boxed()
        } else {
            futures_util::future::pending().boxed()
        }
    }
}

/// Outcomes as they are journaled.
#[derive(Clone, Default)]
pub struct Journal(pub std::sync::Arc<Mutex<Vec<Outcome>>>);

impl OutcomeSink for Journal {
    fn append(&self, outcome: Outcome) -> BoxFuture<'_, Result<(), SinkError>> {
        self.0.lock().push(outcome);
        futures_util::future::ready(Ok(())).boxed()
    }
}

/// Waits until something is so.
pub async fn until(what: &str, is: impl Fn() -> bool) {
    for _ in 0..2_000 {
        if is() {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("never: {what}");
}

/// The folder of recorded data, if there is one here.
pub fn test_data() -> Option<PathBuf> {
    let folder = std::env::var_os("BONGSU_TEST_DATA").map(PathBuf::from);
    if folder.is_none() {
        println!("skipped: BONGSU_TEST_DATA is not set");
    }
    folder
}

/// A program, if it is installed. Where everything must be, its absence fails the test.
pub fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]);
    let found = folders.map(|folder| folder.join(name)).find(|path| path.is_file());
    if found.is_none() {
        assert!(std::env::var_os("BONGSU_REQUIRE_SERVERS").is_none(), "{name} is not installed");
        println!("skipped: {name} not installed");
    }
    found
}
