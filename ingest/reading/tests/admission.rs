//! Whatever stations claim: every claim has one fate, and nothing depends on when a snapshot was taken.

#![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

mod field;

use std::time::Duration;

use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use reading::admission::{Admission, AdmissionState, Limits, Refused, Tally};
use reading::codec::{Identity, native};
use reading::frame::Frame;
use reading::registry::SeriesEntry;
use reading::report::{Claim, Report, Road};
use reading::{Quality, Quantity, Reading, Registry, Timestamp};

fn registry() -> Registry {
    let series = |sensor, quantity: Quantity| {
        let noise = (sensor == "one" && quantity == Quantity::TiltX).then_some(0.01);
        let base = field::series(sensor, quantity, quantity.base_unit(), (-5.0, 5.0));
        SeriesEntry { noise, votes: noise.map(|_| "pair".into()), ..base }
    };
    let all = [("one", Quantity::TiltX), ("one", Quantity::Rain), ("two", Quantity::TiltX)];
    let station = |site| {
        field::station(
            site,
            "box",
            Duration::from_secs(60),
            all.map(|(sensor, quantity)| series(sensor, quantity)).into(),
        )
    };
    Registry::new(vec![field::site("a"), field::site("b")], vec![station("a"), station("b")])
}

#[derive(Clone, Debug)]
struct Sent {
    site: &'static str,
    source: &'static str,
    retained: bool,
    road: Road,
    received_at: Timestamp,
    seq: Option<u64>,
    at: Option<Timestamp>,
    claims: Vec<Claim<'static>>,
}

impl Sent {
    fn put(
        &self,
        registry: &Registry,
        admission: &mut Admission,
    ) -> (Tally, Vec<Reading>, Vec<Refused>) {
        let report = Report {
            site: self.site,
            station: "box",
            seq: self.seq,
            at: self.at,
            heard_at: None,
            road: self.road,
            claims: self.claims.clone(),
        };
        let payload = native::encode(&report);
        let payload = Identity::Payload.bytes(&report, &payload);
        let (received_at, retained) = (self.received_at, self.retained);
        let frame = Frame { source: self.source, topic: "", payload, received_at, retained };
        let (mut out, mut refused) = (vec![], vec![]);
        let tally = admission.admit(registry, &report, &frame, received_at, &mut out, &mut refused);
        (tally, out, refused)
    }
}

const NOON: i64 = 1_784_000_000;

/// Few distinct values, so that repeats, conflicts and steps happen.
fn any_at() -> impl Strategy<Value = Option<Timestamp>> {
    prop_oneof![
        6 => (-20..20_i64).prop_map(|minute| Some(NOON + 60 * minute)),
        1 => Just(Some(NOON + 7_200)),
        1 => (0..3_i64).prop_map(Some),
        1 => Just(Some(5_000_000_000)),
        2 => Just(None),
    ]
    .prop_map(|secs| secs.map(Timestamp::from_secs))
}

prop_compose! {
    fn any_claim()(
        sensor in prop::sample::select(vec!["one", "one", "two", "three"]),
        quantity in prop::sample::select(vec!["tilt-x", "tilt-x", "rain", "warp"]),
        value in prop::sample::select(vec![0.0, 1.0, 2.0, 9.0, f64::NAN, f64::INFINITY, 1e308]),
        unit in of(prop::sample::select(vec!["deg", "mm", "rad", "cubit"])),
        at in any_at(),
    ) -> Claim<'static> {
        Claim { sensor: sensor.into(), quantity: quantity.into(), value, unit: unit.map(Into::into), at }
    }
}

prop_compose! {
    fn any_sent()(
        site in prop::sample::select(vec!["a", "a", "a", "b", "c"]),
        stranger in prop::bool::weighted(0.05),
        retained in prop::bool::weighted(0.05),
        backfill in prop::bool::weighted(0.3),
        second in 0..1_200_i64,
        seq in of(0..6_u64),
        at in any_at(),
        claims in vec(any_claim(), 0..6),
    ) -> Sent {
        let road = if backfill { Road::Backfill } else { Road::Live };
        let source = if stranger { "serial" } else { "mqtt" };
        Sent { site, source, retained, road, received_at: Timestamp::from_secs(NOON + second), seq, at, claims }
    }
}

proptest! {
    #[test]
    fn g09_every_claim_is_admitted_refused_a_duplicate_or_held(messages in vec(any_sent(), 0..60)) {
        let registry = registry();
        let mut admission = Admission::new(&registry, Limits { messages: 16, past: 16, stamps: 4 });
        let mut total = Tally::default();
        for sent in &messages {
            let (tally, out, refused) = sent.put(&registry, &mut admission);
            prop_assert!(tally.is_balanced(), "{tally:?}");
            prop_assert_eq!(tally.claimed, sent.claims.len() as u64);
            let held = out.iter().filter(|r| r.quality.has(Quality::HELD)).count();
            prop_assert_eq!(tally.admitted, (out.len() - held) as u64);
            prop_assert_eq!(tally.refused, refused.len() as u64);
            total += tally;
            prop_assert!(total.is_balanced() && total.held >= 0, "{total:?}");
            for reading in out {
                let (low, high) = registry.series()[reading.series.index()].range;
                prop_assert!((low..=high).contains(&reading.value));
                let replaced = reading.quality.has(Quality::TIME_REPLACED);
                prop_assert!(!replaced || reading.measured_at == reading.received_at);
                prop_assert!(reading.measured_at.since(reading.received_at) <= Duration::from_secs(120));
            }
        }
        let mut released = vec![];
        admission.expire(&registry, Timestamp::MAX, |_| true, &mut released);
        prop_assert_eq!(released.len() as i64, total.held, "what waits is decided in the end");
        prop_assert_eq!((admission.next_deadline(), admission.holding()), (None, 0));
        prop_assert!(total.is_balanced());
    }

    #[test]
    fn g08_a_message_that_says_which_one_it_is_counts_once(messages in vec(any_sent(), 1..12)) {
        let registry = registry();
        let mut admission = Admission::new(&registry, Limits::default());
        for sent in &messages {
            sent.put(&registry, &mut admission);
        }
        for sent in messages.iter().filter(|sent| sent.seq.is_some() || sent.at.is_some()) {
            let (tally, out, _) = sent.put(&registry, &mut admission);
            prop_assert!(out.is_empty(), "{tally:?} {out:?}");
        }
    }

    #[test]
    fn g04_a_restart_at_any_point_changes_nothing(messages in vec(any_sent(), 1..40), cut in any::<prop::sample::Index>()) {
        let registry = registry();
        let limits = Limits { messages: 8, past: 8, stamps: 3 };
        let mut whole = Admission::new(&registry, limits);
        let mut cut_short = Admission::new(&registry, limits);
        let cut = cut.index(messages.len());
        for (i, sent) in messages.iter().enumerate() {
            if i == cut {
                let stored = serde_json::to_vec(&cut_short.export(&registry)).unwrap();
                let state: AdmissionState = serde_json::from_slice(&stored).unwrap();
                cut_short = Admission::restore(&registry, limits, state);
            }
            let (one, two) = (sent.put(&registry, &mut whole), sent.put(&registry, &mut cut_short));
            prop_assert_eq!(format!("{one:?}"), format!("{two:?}"));
            let now = sent.received_at;
            let mut decided = [vec![], vec![]];
            whole.expire(&registry, now, |_| true, &mut decided[0]);
            cut_short.expire(&registry, now, |_| true, &mut decided[1]);
            prop_assert_eq!(&decided[0], &decided[1]);
            prop_assert_eq!(whole.next_deadline(), cut_short.next_deadline());
        }
        prop_assert_eq!(whole.export(&registry), cut_short.export(&registry));
    }

    /// Of one message, a series has at most one live reading whose time was replaced.
    #[test]
    fn g08_a_burst_has_one_live_reading(claims in vec(any_claim(), 0..30)) {
        let registry = registry();
        let mut admission = Admission::new(&registry, Limits::default());
        let sent = Sent {
            site: "a", source: "mqtt", retained: false, road: Road::Live,
            received_at: Timestamp::from_secs(NOON), seq: None, at: None, claims,
        };
        let (_, out, _) = sent.put(&registry, &mut admission);
        for series in 0..registry.series().len() {
            let live = out.iter().filter(|r| {
                r.series.index() == series && r.quality.has(Quality::TIME_REPLACED) && !r.quality.has(Quality::TIME_UNKNOWN)
            });
            let of_series = out.iter().any(|r| r.series.index() == series && r.quality.has(Quality::TIME_REPLACED));
            prop_assert_eq!(live.count(), usize::from(of_series));
        }
    }
}
