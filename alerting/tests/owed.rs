//! What is owed and what becomes of it: attempts that fail, receipts that come late, twice or for nothing, persons who
//! settle what is in doubt, in any order.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::collections::BTreeMap;
use std::time::Duration;

use alerting::alert::Purpose;
use alerting::delivery::{AttemptResult, DeliveryKey, DeliveryState, Outcome};
use alerting::engine::{Answer, Settled, TrailHead, Verb};
use alerting::outbox::{FAILURES_MAX, Outbox};
use alerting::route::Retry;
use alerting::snapshot::Snapshot;
use alerting::{Action, Command, Decision, Engine};
use common::*;
use proptest::prelude::*;
use reading::Timestamp;

/// Routes that differ in what they know: one is proven at once, one waits for receipts, one must not be repeated.
fn roads() -> alerting::setup::Setup {
    let mut setup = setup();
    setup.routes[0].recipients = vec!["kim".into(), "lee".into()];
    let mut siren = setup.routes[1].clone();
    siren.channel = "siren".parse().unwrap();
    siren.retry.receipt_within = Some(Duration::from_secs(10));
    let mut sms = setup.routes[0].clone();
    sms.channel = "sms".parse().unwrap();
    sms.retry.repeat_is_safe = false;
    setup.routes.extend([siren, sms]);
    setup
}

/// What the ledger would hold, made of actions.
#[derive(Default)]
struct Books {
    rows: BTreeMap<DeliveryKey, Row>,
    taken: usize,
}

struct Row {
    state: DeliveryState,
    attempts: u32,
    due_at: Timestamp,
    expires_at: Timestamp,
    chain: (String, String, String, bool),
    revision: u32,
    note: String,
}

impl Books {
    fn read(&mut self, actions: &[Action]) {
        for action in &actions[self.taken..] {
            match action {
                Action::Owe(delivery) => {
                    let alert = &delivery.alert;
                    let row = Row {
                        state: DeliveryState::Queued,
                        attempts: 0,
                        due_at: delivery.due_at,
                        expires_at: delivery.expires_at,
                        chain: (
                            alert.incident.to_string(),
                            delivery.channel.to_string(),
                            delivery.recipient.clone(),
                            alert.purpose == Purpose::Approval,
                        ),
                        revision: alert.revision,
                        note: String::new(),
                    };
                    assert!(self.rows.insert(delivery.key.clone(), row).is_none());
                }
                Action::Change(change) => {
                    let row = self.rows.get_mut(&change.key).unwrap();
                    let may_change = !row.state.is_final()
                        || [DeliveryState::Superseded, DeliveryState::Unconfirmed]
                            .contains(&row.state);
                    assert!(may_change, "{}: {:?} to {:?}", change.key, row.state, change.state);
                    row.state = change.state;
                    row.attempts = change.attempts;
                    row.due_at = change.due_at;
                    row.note = change.note.clone();
                }
                Action::Decide(_) | Action::Tell(_) => {}
            }
        }
        self.taken = actions.len();
    }

    fn due(&self, now: Timestamp) -> Vec<DeliveryKey> {
        let due = |row: &Row| {
            row.state == DeliveryState::Queued && row.due_at <= now && row.expires_at > now
        };
        self.rows.iter().filter(|(_, row)| due(row)).map(|(key, _)| key.clone()).collect()
    }

    fn in_state(&self, state: DeliveryState) -> Vec<DeliveryKey> {
        self.rows.iter().filter(|(_, row)| row.state == state).map(|(key, _)| key.clone()).collect()
    }
}

fn result(which: u8) -> AttemptResult {
    match which {
        0 => AttemptResult::Delivered { receipt: "200".into() },
        1 => AttemptResult::HandedOver { reference: "topic".into() },
        2 => AttemptResult::Retry { reason: "503".into() },
        3 => AttemptResult::Refused { reason: "404".into() },
        _ => AttemptResult::Unknown,
    }
}

#[derive(Clone, Debug)]
enum Event {
    Read { series: u32, value: f64 },
    Wait(u64),
    Carry(u8),
    Receipt { which: usize, accepted: bool },
    Stranger,
    Settle { which: usize, delivered: bool },
    Order(Verb),
    Restart,
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let value = prop_oneof![Just(0.0), Just(1.4), Just(3.5)];
    let event = prop_oneof![
        4 => (0..6u32, value).prop_map(|(series, value)| Event::Read { series, value }),
        3 => (1..4_000u64).prop_map(Event::Wait),
        8 => (0..5u8).prop_map(Event::Carry),
        2 => (any::<usize>(), any::<bool>())
            .prop_map(|(which, accepted)| Event::Receipt { which, accepted }),
        1 => Just(Event::Stranger),
        1 => (any::<usize>(), any::<bool>())
            .prop_map(|(which, delivered)| Event::Settle { which, delivered }),
        1 => (0..Verb::ALL.len()).prop_map(|at| Event::Order(Verb::ALL[at])),
        1 => Just(Event::Restart),
    ];
    prop::collection::vec(event, 1..160)
}

/// What was sent, in order, by chain.
type Sent = BTreeMap<(String, String, String, bool), Vec<u32>>;

/// Plays what happens.
fn played(events: Vec<Event>) -> (World, Books, Sent) {
    let mut world = World::new(roads());
    world.delivers = false;
    let (mut books, mut sent) = (Books::default(), BTreeMap::<_, Vec<u32>>::new());
    for (n, event) in events.into_iter().enumerate() {
        let at = world.engine.now().plus(Duration::from_secs(2));
        match event {
            Event::Read { series, value } => {
                (0..4)
                    .for_each(|i| world.read(at.plus(Duration::from_secs(60 * i)), series, value));
            }
            Event::Wait(seconds) => drop(world.tick(at.plus(Duration::from_secs(seconds)))),
            Event::Carry(which) => {
                let now = world.tick(at);
                books.read(&world.actions);
                for key in books.due(now.at) {
                    let row = &books.rows[&key];
                    sent.entry(row.chain.clone()).or_default().push(row.revision);
                    let outcome = Outcome { key, attempt: row.attempts + 1, result: result(which) };
                    world.engine.settle(&outcome, now, &mut world.actions);
                    books.read(&world.actions);
                }
            }
            Event::Receipt { which, accepted } => {
                let now = world.tick(at);
                books.read(&world.actions);
                // of any delivery there ever was: awaited, late, or for the second time
                let keys: Vec<_> = books.rows.keys().collect();
                let Some(key) = keys.get(which % keys.len().max(1)) else { continue };
                let answer = Answer { key: key.as_str(), accepted, silent: false, note: "echo" };
                world.engine.receipt(&answer, now, &mut world.actions);
            }
            Event::Stranger => {
                let now = world.tick(at);
                let before = world.actions.len();
                for id in
                    ["", "live_cut-1", "live_cut-1_slope-failure_9_1_alert_siren_x", "\u{1f4a5}"]
                {
                    let answer = Answer { key: id, accepted: true, silent: false, note: "who" };
                    let odd = world.engine.receipt(&answer, now, &mut world.actions);
                    assert_eq!(odd, Some("receipt-unknown"));
                }
                assert_eq!(world.actions.len(), before, "a receipt for nothing changes nothing");
            }
            Event::Settle { which, delivered } => {
                let now = world.tick(at);
                books.read(&world.actions);
                let doubt = books.in_state(DeliveryState::InDoubt);
                let Some(key) = doubt.get(which % doubt.len().max(1)) else { continue };
                let command = settles(n, key, delivered);
                world.engine.obey(&command, now, &mut world.actions);
            }
            Event::Order(verb) => {
                let open = world.engine.view().into_iter().flat_map(|site| site.incidents).next();
                let incident = alerting::IncidentId::from_text(&open.unwrap_or_default());
                let command = Command::new(&n.to_string(), verb, incident, "kim", "because");
                let now = world.tick(at);
                world.engine.obey(&command, now, &mut world.actions);
            }
            Event::Restart => {
                let bytes = world.engine.snapshot().to_bytes();
                world.engine = Engine::restore(Snapshot::from_bytes(&bytes).unwrap());
            }
        }
    }
    world.tick(world.engine.now().plus(Duration::from_secs(86_400)));
    books.read(&world.actions);
    (world, books, sent)
}

fn settles(n: usize, key: &DeliveryKey, delivered: bool) -> Command {
    let settled = Some(Settled { delivery: key.clone(), delivered, attempt: None });
    let incident = key.incident().unwrap();
    Command { settled, ..Command::new(&n.to_string(), Verb::Settle, incident, "kim", "asked them") }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn g05_whatever_comes_of_attempts_nobody_hears_the_old_after_the_new_and_all_is_settled(
        events in events()
    ) {
        let (world, books, sent) = played(events);
        for (chain, revisions) in sent {
            prop_assert!(revisions.is_sorted(), "{chain:?}: {revisions:?}");
        }
        let now = world.engine.now();
        for (key, row) in &books.rows {
            prop_assert!(row.state.is_final() || row.expires_at > now, "{key}: {:?}", row.state);
        }
    }
}

/// A slope that moves, and what is owed for it.
fn moving() -> (World, Books) {
    let mut world = World::new(roads());
    world.delivers = false;
    for i in 0..4 {
        world.read(minute(i), 0, 1.4);
    }
    let mut books = Books::default();
    books.read(&world.actions);
    (world, books)
}

fn come_to(world: &mut World, books: &mut Books, key: &DeliveryKey, which: u8) -> DeliveryState {
    let at = books.rows[key].due_at.max(world.engine.now().plus(Duration::from_secs(1)));
    let now = world.tick(at);
    let outcome =
        Outcome { key: key.clone(), attempt: books.rows[key].attempts + 1, result: result(which) };
    world.engine.settle(&outcome, now, &mut world.actions);
    books.read(&world.actions);
    books.rows[key].state
}

fn on(books: &Books, channel: &str) -> DeliveryKey {
    books.rows.iter().find(|(_, row)| row.chain.1 == channel).unwrap().0.clone()
}

#[test]
fn g05_a_person_settles_what_is_in_doubt() {
    for (delivered, becomes) in [(true, DeliveryState::Delivered), (false, DeliveryState::Queued)] {
        let (mut world, mut books) = moving();
        let key = on(&books, "sms");
        assert_eq!(come_to(&mut world, &mut books, &key, 4), DeliveryState::InDoubt);
        let mut order = |id: usize, command: Command| {
            let now = world.tick(world.engine.now().plus(Duration::from_secs(1)));
            world.engine.obey(&Command { id: id.to_string(), ..command }, now, &mut world.actions);
            let said = world.decisions().filter_map(|decision| match decision {
                Decision::Command { accepted, reason, .. } => Some((*accepted, reason.en.clone())),
                _ => None,
            });
            let said = said.last().unwrap();
            books.read(&world.actions);
            said
        };
        let stranger = settles(0, &on(&moving().1, "duty"), true);
        assert!(!order(1, stranger).0, "what is not in doubt is not settled");
        let silent = Command { reason: " ".into(), ..settles(0, &key, delivered) };
        assert!(!order(2, silent).0, "without a reason");
        let (taken, said) = order(3, settles(0, &key, delivered));
        assert!(taken && said.contains("kim") && said.contains("asked them"), "{said}");
        assert!(!order(4, settles(0, &key, delivered)).0, "once");
        assert_eq!(books.rows[&key].state, becomes);
        assert!(books.rows[&key].note.contains("asked them"), "{}", books.rows[&key].note);
    }
}

#[test]
fn g05_a_person_s_word_on_one_attempt_is_not_taken_for_a_later_one() {
    for (delivered, becomes) in [(true, DeliveryState::Delivered), (false, DeliveryState::InDoubt)]
    {
        let (mut world, mut books) = moving();
        let key = on(&books, "sms");
        let say = |world: &mut World, books: &mut Books, n, delivered| {
            let mut command = settles(n, &key, delivered);
            command.settled.as_mut().unwrap().attempt = Some(1);
            let now = world.tick(world.engine.now().plus(Duration::from_secs(1)));
            world.engine.obey(&command, now, &mut world.actions);
            books.read(&world.actions);
            books.rows[&key].state
        };
        assert_eq!(come_to(&mut world, &mut books, &key, 4), DeliveryState::InDoubt);
        assert_eq!(say(&mut world, &mut books, 1, false), DeliveryState::Queued);
        assert_eq!(come_to(&mut world, &mut books, &key, 4), DeliveryState::InDoubt);
        // somebody else, late, still of the first: that it arrived is proof, that it did not says nothing of the second
        assert_eq!(say(&mut world, &mut books, 2, delivered), becomes);
    }
}

#[test]
fn g05_a_mail_that_comes_back_is_noted_once_and_said_on_the_others() {
    for by_hand in [false, true] {
        let (mut world, mut books) = moving();
        let key = on(&books, "sms");
        assert_eq!(come_to(&mut world, &mut books, &key, 1), DeliveryState::Unconfirmed);
        let mut told = |n: usize, delivered: bool| {
            let now = world.tick(world.engine.now().plus(Duration::from_secs(60)));
            let reason = "bounced: 5.1.1 no such person".to_string();
            let result = match delivered {
                true => AttemptResult::Delivered { receipt: "250 delivered".into() },
                false => AttemptResult::Refused { reason },
            };
            match by_hand {
                true => {
                    world.engine.obey(&settles(n, &key, delivered), now, &mut world.actions);
                }
                false => {
                    let outcome = Outcome { key: key.clone(), attempt: 1, result };
                    world.engine.settle(&outcome, now, &mut world.actions);
                }
            }
            books.read(&world.actions);
            books.rows[&key].state
        };
        assert_eq!(told(0, false), DeliveryState::Refused);
        assert_eq!(told(1, true), DeliveryState::Refused, "once");
        assert_eq!(books.rows[&key].attempts, 1);
        let is_said = |action: &Action| {
            matches!(action, Action::Owe(delivery) if delivery.channel.as_str() != "sms"
                && delivery.alert.description.en.contains(key.as_str()))
        };
        assert!(world.actions.iter().any(is_said), "somebody has to know");
    }
}

#[test]
fn g05_what_a_medium_took_and_never_proves_is_not_called_delivered() {
    let (mut world, mut books) = moving();
    let key = on(&books, "duty");
    assert_eq!(come_to(&mut world, &mut books, &key, 1), DeliveryState::Unconfirmed);
}

#[test]
fn g05_a_siren_is_not_sounded_again_after_its_cancel() {
    let mut setup = roads();
    setup.routes.retain(|route| route.channel.as_str() == "siren");
    setup.routes[0].retry.receipt_within = Some(Duration::from_secs(3_600));
    let mut world = World::new(setup);
    world.delivers = false;
    let mut books = Books::default();
    for i in 0..5 {
        world.read(minute(i), 0, 3.5);
        world.read(minute(i), 1, 3.5);
    }
    books.read(&world.actions);
    let sounded = books.due(world.engine.now()).pop().unwrap();
    assert_eq!(come_to(&mut world, &mut books, &sounded, 1), DeliveryState::HandedOver);
    // a newer revision is owed and proven before the receipt of the first is missed
    let (main, now) = (books.rows[&sounded].chain.0.clone(), world.engine.now());
    let incident = alerting::IncidentId::from_text(&main);
    for i in 1..8 {
        for series in [0, 1] {
            world.read(now.plus(Duration::from_secs(60 * i)), series, 0.0);
        }
    }
    let command = Command::new("down", Verb::StandDown, incident, "kim", "it holds");
    let at = world.tick(world.engine.now().plus(Duration::from_secs(1)));
    world.engine.obey(&command, at, &mut world.actions);
    books.read(&world.actions);
    let newer: Vec<_> = books.due(world.engine.now());
    assert!(!newer.is_empty() && newer != [sounded.clone()], "something newer is owed");
    for key in newer {
        assert_eq!(come_to(&mut world, &mut books, &key, 0), DeliveryState::Delivered);
    }
    world.tick(now.plus(Duration::from_secs(3_700)));
    books.read(&world.actions);
    assert_eq!(books.rows[&sounded].state, DeliveryState::Superseded);
}

#[test]
fn g05_a_receipt_that_is_late_repeated_false_or_for_nothing_is_named_and_changes_nothing() {
    let mut setup = roads();
    setup.routes.retain(|route| route.channel.as_str() == "siren");
    let mut world = World::new(setup);
    world.delivers = false;
    for i in 0..5 {
        world.read(minute(i), 0, 3.5);
        world.read(minute(i), 1, 3.5);
    }
    let mut books = Books::default();
    books.read(&world.actions);
    let key = books.due(world.engine.now()).pop().unwrap();
    assert_eq!(come_to(&mut world, &mut books, &key, 1), DeliveryState::HandedOver);
    let mut hear = |key: &str, accepted: bool, silent: bool| {
        let now = world.tick(world.engine.now().plus(Duration::from_millis(10)));
        let answer = Answer { key, accepted, silent, note: "echo" };
        let odd = world.engine.receipt(&answer, now, &mut world.actions);
        books.read(&world.actions);
        (odd, books.rows.get(&DeliveryKey::from_text(key)).map(|row| row.state))
    };
    // it says that it did it, and that it makes no sound: that is no proof
    assert_eq!(hear(key.as_str(), true, true), (None, Some(DeliveryState::Queued)));
    assert_eq!(hear(key.as_str(), true, false), (None, Some(DeliveryState::Delivered)));
    let again = (Some("receipt-repeated"), Some(DeliveryState::Delivered));
    assert_eq!(hear(key.as_str(), true, false), again);
    assert_eq!(hear(key.as_str(), false, false), again, "nor does it take back what it said");
    assert_eq!(hear("nobody's", true, false), (Some("receipt-unknown"), None));
    // what expired is not made good by an answer that comes after all
    let (mut world, mut books) = moving();
    let late = on(&books, "duty");
    world.tick(minute(6 * 60 + 30));
    books.read(&world.actions);
    assert!(books.rows[&late].state.is_final(), "{:?}", books.rows[&late].state);
    let now = world.tick(minute(6 * 60 + 31));
    let answer = Answer { key: late.as_str(), accepted: true, silent: false, note: "echo" };
    assert_eq!(world.engine.receipt(&answer, now, &mut world.actions), Some("receipt-late"));
}

#[test]
fn g05_the_answer_to_what_a_newer_revision_overtook_in_hand_is_its_proof() {
    let mut setup = roads();
    setup.routes.retain(|route| route.channel.as_str() == "siren");
    let mut world = World::new(setup);
    world.delivers = false;
    let mut books = Books::default();
    for i in 0..5 {
        world.read(minute(i), 0, 3.5);
    }
    books.read(&world.actions);
    let in_hand = books.due(world.engine.now()).pop().unwrap();
    for i in 5..10 {
        world.read(minute(i), 1, 3.5);
    }
    books.read(&world.actions);
    assert_eq!(books.rows[&in_hand].state, DeliveryState::Superseded);
    assert_eq!(come_to(&mut world, &mut books, &in_hand, 1), DeliveryState::Unconfirmed);
    let now = world.tick(world.engine.now().plus(Duration::from_millis(10)));
    let answer = Answer { key: in_hand.as_str(), accepted: true, silent: false, note: "echo" };
    assert_eq!(world.engine.receipt(&answer, now, &mut world.actions), None);
    books.read(&world.actions);
    assert_eq!(books.rows[&in_hand].state, DeliveryState::Delivered);
    let again = world.engine.receipt(&answer, now, &mut world.actions);
    assert_eq!(again, Some("receipt-repeated"));
}

#[test]
fn g05_an_answer_that_is_faster_than_the_attempt_proves_that_attempt() {
    let mut setup = roads();
    setup.routes.retain(|route| route.channel.as_str() == "siren");
    let mut world = World::new(setup);
    world.delivers = false;
    for i in 0..5 {
        world.read(minute(i), 0, 3.5);
    }
    let mut books = Books::default();
    books.read(&world.actions);
    let key = books.due(world.engine.now()).pop().unwrap();
    let now = world.tick(world.engine.now().plus(Duration::from_millis(10)));
    let answer = Answer { key: key.as_str(), accepted: true, silent: false, note: "echo" };
    assert_eq!(world.engine.receipt(&answer, now, &mut world.actions), None);
    assert_eq!(come_to(&mut world, &mut books, &key, 1), DeliveryState::Delivered);
    assert_eq!(books.rows[&key].attempts, 1, "the first is the only one it can be about");
}

#[test]
fn what_was_replaced_and_never_answered_is_forgotten_when_its_time_is_over() {
    let (world, _) = moving();
    let first = world.actions.iter().find_map(|action| match action {
        Action::Owe(delivery) => Some(delivery.clone()),
        _ => None,
    });
    let first = first.unwrap();
    let mut newer = first.clone();
    newer.alert.revision += 1;
    newer.key = DeliveryKey::from_text("newer");
    let receipt_within = Some(Duration::from_secs(10));
    let retry = Retry { receipt_within, ..world.engine.setup().routes[0].retry };
    let (mut outbox, mut out, now) = (Outbox::default(), Vec::new(), first.due_at);
    let come =
        |key: &DeliveryKey, which| Outcome { key: key.clone(), attempt: 1, result: result(which) };
    outbox.owe(first.clone(), retry, now, &mut out);
    outbox.settle(&come(&first.key, 1), now, &mut out);
    outbox.owe(newer.clone(), retry, now, &mut out);
    outbox.settle(&come(&newer.key, 0), now, &mut out);
    outbox.tick(now.plus(Duration::from_secs(10)), &mut out);
    outbox.tick(first.expires_at, &mut out);
    assert_eq!(outbox.next_deadline(), None);
    let kept = serde_json::to_value(&outbox).unwrap();
    assert_eq!(kept["owed"], serde_json::json!({}), "of deliveries that are over nothing is left");
}

#[test]
fn g06_a_channel_out_of_order_is_said_on_the_others_before_anything_expires() {
    let (mut world, mut books) = moving();
    let key = on(&books, "sms");
    let about = |world: &World| {
        let faults = world.actions.iter().filter_map(|action| match action {
            Action::Owe(delivery) if delivery.alert.site.id.as_str() == "bongsu" => Some(delivery),
            _ => None,
        });
        faults.map(|d| (d.channel.to_string(), d.alert.description.en.clone())).collect::<Vec<_>>()
    };
    for times in 1..=FAILURES_MAX {
        assert!(about(&world).is_empty(), "not after {times}");
        assert_eq!(come_to(&mut world, &mut books, &key, 2), DeliveryState::Queued, "kept");
    }
    let told = about(&world);
    assert!(
        told.iter().any(|(channel, what)| channel == "duty" && what.contains("sms")),
        "{told:?}"
    );
    // it works again: that is over as well
    assert_eq!(come_to(&mut world, &mut books, &key, 0), DeliveryState::Delivered);
    world.tick(world.engine.now().plus(Duration::from_secs(3_600)));
    assert_eq!(world.engine.system_level(), alerting::Level::Normal);
}

#[test]
fn g12_the_head_of_the_trail_is_owed_to_whoever_keeps_it_and_to_nobody_else() {
    let mut world = World::new(roads());
    let now = world.tick(minute(1));
    let head =
        TrailHead { entries: 17, head: "ab".repeat(32), channels: vec!["duty".parse().unwrap()] };
    let from = world.actions.len();
    world.engine.tell_head(&head, now, &mut world.actions);
    let owed: Vec<_> = world.actions[from..]
        .iter()
        .map(|action| match action {
            Action::Owe(delivery) => delivery,
            other => panic!("{other:?}"),
        })
        .collect();
    let told: Vec<_> = owed.iter().map(|d| (d.channel.as_str(), d.recipient.as_str())).collect();
    assert_eq!(told, [("duty", "kim"), ("duty", "lee")]);
    for delivery in owed {
        let text = &delivery.alert.description;
        assert!(text.ko.contains(&head.head) && text.en.contains(&head.head));
        assert_eq!(delivery.alert.released, alerting::approval::Released::Officers);
    }
}

/// What a newer revision has overtaken is not sent again, though its receipt does not come.
#[test]
fn g05_what_was_handed_over_is_not_repeated_behind_a_newer_revision() {
    let mut world = World::new(roads());
    let (mut books, moment) = (Books::default(), |minutes: i64| minute(minutes));
    world.delivers = false;
    for i in 0..5 {
        world.read(moment(i), 0, 3.5); // one post: 경계
    }
    books.read(&world.actions);
    let of_siren = |books: &Books| {
        let mut rows: Vec<_> =
            books.rows.iter().filter(|(_, row)| row.chain.1 == "siren").collect();
        rows.sort_by_key(|(_, row)| row.revision);
        rows.iter().map(|(key, row)| ((*key).clone(), row.state)).collect::<Vec<_>>()
    };
    let (first, state) = of_siren(&books).last().unwrap().clone();
    assert_eq!(state, DeliveryState::Queued);
    let now = world.tick(moment(5));
    let result = AttemptResult::HandedOver { reference: "topic".into() };
    world.engine.settle(
        &Outcome { key: first.clone(), attempt: 1, result },
        now,
        &mut world.actions,
    );
    for i in 0..5 {
        world.read(now.at.plus(Duration::from_secs(1 + i)), 1, 3.5); // two: 심각
    }
    world.tick(now.at.plus(Duration::from_secs(30)));
    books.read(&world.actions);
    let rows = of_siren(&books);
    assert_eq!(rows.iter().find(|(key, _)| *key == first).unwrap().1, DeliveryState::Superseded);
    assert_eq!(rows.last().unwrap().1, DeliveryState::Queued, "the newer one says it all");
}
