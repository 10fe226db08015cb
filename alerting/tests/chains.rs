//! What each recipient hears of an incident is one chain: an alert, updates of it, a cancel, and nothing after the
//! cancel but another alert. Whatever comes in, in whatever order, whatever people order meanwhile.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::collections::BTreeMap;
use std::time::Duration;

use alerting::alert::{MessageType, Purpose};
use alerting::engine::Verb;
use alerting::snapshot::Snapshot;
use alerting::{Action, Command, Engine, IncidentId, Level};
use common::*;
use proptest::prelude::*;

/// One published message of a chain: its revision, its kind, its level.
type Link = (u32, MessageType, Level);

#[derive(Clone, Debug)]
enum Event {
    Read { series: u32, value: f64, late: u64 },
    Wait(u64),
    Order(Verb),
    Restart,
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let value = prop_oneof![Just(0.0), Just(1.4), Just(3.5)];
    let event = prop_oneof![
        5 => (0..6u32, value, 0..1_800u64)
            .prop_map(|(series, value, late)| Event::Read { series, value, late }),
        3 => (60..40_000u64).prop_map(Event::Wait),
        1 => (0..Verb::ALL.len()).prop_map(|at| Event::Order(Verb::ALL[at])),
        1 => Just(Event::Restart),
    ];
    prop::collection::vec(event, 1..120)
}

fn played(events: Vec<Event>) -> World {
    let mut world = World::new(setup());
    for (n, event) in events.into_iter().enumerate() {
        let now = world.engine.now().plus(Duration::from_secs(30));
        match event {
            Event::Read { series, value, late } => (0..4).for_each(|i| {
                let at = now.plus(Duration::from_secs(60 * i));
                let measured_at = at.minus(Duration::from_secs(late));
                world.arrive(Arrival { at, measured_at, series, value });
            }),
            Event::Wait(seconds) => drop(world.tick(now.plus(Duration::from_secs(seconds)))),
            Event::Restart => {
                let bytes = world.engine.snapshot().to_bytes();
                world.engine = Engine::restore(Snapshot::from_bytes(&bytes).unwrap());
            }
            Event::Order(verb) => {
                let open = world.engine.view().into_iter().flat_map(|site| site.incidents).next();
                let incident = IncidentId::from_text(&open.unwrap_or_default());
                let command = Command::new(&n.to_string(), verb, incident, "kim", "because");
                let at = world.tick(now);
                world.engine.obey(&command, at, &mut world.actions);
            }
        }
    }
    world.tick(world.engine.now().plus(Duration::from_secs(3 * 86_400)));
    world
}

proptest! {
    #[test]
    fn g05_every_recipient_hears_one_chain(events in events()) {
        let world = played(events);
        let mut chains: BTreeMap<(String, String), Vec<Link>> = BTreeMap::new();
        let mut keys = std::collections::BTreeSet::new();
        for action in &world.actions {
            let Action::Owe(delivery) = action else { continue };
            prop_assert!(keys.insert(delivery.key.clone()), "{} twice", delivery.key);
            let alert = &delivery.alert;
            if alert.purpose == Purpose::Approval {
                continue;
            }
            let chain = (alert.incident.to_string(), delivery.channel.to_string());
            chains.entry(chain).or_default().push((alert.revision, alert.message_type, alert.level));
        }
        for ((incident, channel), chain) in chains {
            let mut told = false;
            let mut revision = 0;
            for (next, message_type, level) in &chain {
                prop_assert!(*next > revision, "{incident} {channel}: {chain:?}");
                revision = *next;
                let fits = match message_type {
                    MessageType::Alert => !told,
                    MessageType::Update | MessageType::Cancel => told,
                };
                prop_assert!(fits, "{incident} {channel}: {chain:?}");
                told = *message_type != MessageType::Cancel;
                prop_assert_eq!(*level == Level::Normal, !told, "a cancel says it is over, nothing else does");
            }
            prop_assert_ne!(channel == "public" && chain.len() > 400, true, "the public is not flooded");
        }
    }
}
