//! What has to be true after a run: the guarantees, one by one.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use alerting::decision::IncidentState;
use alerting::{Action, Decision, DeliveryState, Hazard, Level, Purpose, alert::MessageType};
use bongsu::desk::events::CollectorEvent;
use bongsu::desk::{Carried, Desk};
use delivery::ledger::{DecisionRow, DeliveryFilter, DeliveryRow};
use ingest::journal::{Kind, Record};
use reading::{SiteId, Timestamp};

use crate::life::{Seen, no_skips};
use crate::reference::Reference;
use crate::setting::{OFFICERS, RECEIPT_WITHIN, SILENT_AFTER_S};
use crate::world::World;

/// The rule of what a start gives up, because what decided it is gone.
const DISOWNED: &str = "deliveries-disowned";

/// How long it is said that a delivery was lost.
const SAID_FOR: std::time::Duration = std::time::Duration::from_secs(3_600);

/// What may be complained of, and when: part of the line, and whether it is excused.
type Excuse = (&'static str, fn(&World) -> bool);

const EXCUSES: [Excuse; 11] = [
    ("disk full, the journal goes on in its reserve", |world| world.done.filled_up),
    ("journal segment failed", |world| world.done.sync_failed),
    ("delivery lost", |_| true), // and looked at below
    ("an attempt did not end well", |world| world.done.panicked),
    ("snapshot set aside", |world| world.done.snapshot_rot),
    ("ledger is damaged", |world| world.done.ledger_lost),
    ("journal damaged, records lost", |world| world.done.rot),
    ("records are missing from the journal", |world| world.done.rot),
    ("journal records are gone", |world| world.done.rot),
    ("configuration record cannot be read", |world| world.done.rot),
    ("cannot set damaged part aside", |world| world.done.rot && world.done.filled_up),
];

/// Looks at everything; adds what does not hold to the world's faults.
pub fn judge(world: &mut World) {
    if !world.faults.is_empty() {
        return;
    }
    let rows = {
        let life = world.life.as_ref().expect("it runs to the end");
        let decisions = life.ledger.decisions_after(0, u32::MAX).expect("a ledger is read");
        let deliveries = life
            .ledger
            .deliveries(&DeliveryFilter::default(), 1_000_000)
            .expect("a ledger is read");
        (decisions, deliveries)
    };
    let (decisions, deliveries) = rows;
    let mut faults = Vec::new();
    lines(world, &mut faults);
    balances(world, &mut faults);
    acknowledged(world, &mut faults);
    if !world.done.rot {
        replay(world, &decisions, &deliveries, &mut faults);
    }
    told_once(world, &mut faults);
    in_order(world, &mut faults);
    released(world, &mut faults);
    settled(world, &decisions, &deliveries, &mut faults);
    owed(world, &decisions, &deliveries, &mut faults);
    for fault in faults {
        world.fault(fault);
    }
}

/// An unexpected error line fails the run.
fn lines(world: &World, faults: &mut Vec<String>) {
    let lines = world.lines.lock();
    let excused = |line: &str| EXCUSES.iter().any(|(part, is)| line.contains(part) && is(world));
    if let Some(line) = lines.iter().find(|line| !excused(line)) {
        faults.push(format!("an error line: {line}"));
    }
}

/// G9: per source, and against what lies in the journal.
fn balances(world: &World, faults: &mut Vec<String>) {
    let life = world.life.as_ref().expect("it runs");
    let mut received: BTreeMap<&str, u64> = BTreeMap::new();
    for record in world.seen.iter().filter(|r| matches!(r.kind, Kind::Frame | Kind::Receipt)) {
        *received.entry(record.source.as_str()).or_default() += 1;
    }
    for balance in life.desk().overview().balances {
        if !balance.holds() {
            faults.push(format!("G9: {balance:?}"));
        }
        let lay = received.get(balance.source.as_str()).copied().unwrap_or_default();
        if balance.received != lay && !world.done.rot {
            faults.push(format!("G9: {} frames received, {lay} in the journal", balance.received));
        }
    }
}

/// G1: what stations were told is safe is in the journal, with its value.
fn acknowledged(world: &World, faults: &mut Vec<String>) {
    if world.done.rot {
        return;
    }
    let mut lies: BTreeSet<(String, i64, i64)> = BTreeSet::new();
    for record in world.seen.iter().filter(|record| record.kind == Kind::Frame) {
        if let Some((stamp, value)) = claim(&record.payload) {
            let place = record.topic.rsplit_once('/').map_or("", |(place, _)| place);
            lies.insert((place.into(), stamp, thousandths(value)));
        }
    }
    for (post, stamp, value) in &world.safe {
        let (site, station, ..) = world.posts[*post].place;
        if !lies.contains(&(format!("bongsu/v1/{site}/{station}"), *stamp, thousandths(*value))) {
            faults.push(format!(
                "G1: {site}/{station} at {stamp}: {value} was acknowledged and is gone"
            ));
            return;
        }
    }
}

/// Stamp and value of a report, by somebody who knows no codec.
fn claim(payload: &[u8]) -> Option<(i64, f64)> {
    let value: serde_json::Value = serde_json::from_slice(payload).ok()?;
    Some((value.get("at")?.as_i64()?, value.get("readings")?.get(0)?.get("value")?.as_f64()?))
}

fn thousandths(value: f64) -> i64 {
    (value * 1_000.0).round() as i64
}

/// G2, G3, G4, G7, G8: the journal applied from its first record gives what the ledger has, and what the reference
/// asks for.
fn replay(
    world: &World,
    decisions: &[DecisionRow],
    deliveries: &[DeliveryRow],
    faults: &mut Vec<String>,
) {
    let mut desk = Desk::new(no_skips()).tapped();
    let mut carried = Carried::default();
    let mut watch = Watch::new(world);
    let mut stored = decisions.iter().peekable();
    let (mut owed, mut moved) = (BTreeSet::new(), BTreeMap::new());
    for seen in &world.seen {
        carried.clear();
        desk.apply(&record(seen), &mut carried);
        for (position, action) in &carried.batch.actions {
            match action {
                Action::Decide(decision) => {
                    let row = stored.next();
                    if row.is_none_or(|row| (row.position, &row.decision) != (*position, decision))
                    {
                        let row = row.map(|row| (row.position, &row.decision));
                        faults.push(format!(
                            "G2: the ledger has {row:?}, the replay {position} {decision:?}"
                        ));
                        return;
                    }
                }
                Action::Owe(delivery) => drop(owed.insert(delivery.key.clone())),
                Action::Change(change) => drop(moved.insert(change.key.clone(), change.state)),
                Action::Tell(_) => {}
            }
        }
        if std::env::var_os("BONGSU_TRACE").is_some() {
            trace(seen, &carried);
        }
        if let Some(fault) = watch.take(seen, &carried) {
            faults.push(format!("record {} ({}): {fault}", seen.sequence, seen.kind.name()));
            return;
        }
    }
    if let Some(row) = stored.next() {
        faults.push(format!("G2: the ledger has {row:?}, the replay nothing"));
    }
    let kept: BTreeSet<_> = deliveries.iter().map(|row| row.key.clone()).collect();
    if let Some(key) = owed.symmetric_difference(&kept).next() {
        faults.push(format!("G2: delivery {key} is not in both the ledger and the replay"));
    }
    for row in deliveries {
        let state = moved.get(&row.key).copied().unwrap_or(DeliveryState::Queued);
        if state != row.state {
            let (key, kept) = (&row.key, row.state.name());
            faults
                .push(format!("G2: {key} is {kept} in the ledger, {} in the replay", state.name()));
            return;
        }
    }
}

/// What a person sees who looks for the reason.
fn trace(seen: &Seen, carried: &Carried) {
    let second = seen.at.nanos() as f64 / 1e9 - 1_784_000_000.0;
    let text = String::from_utf8_lossy(&seen.payload);
    let short: String = text.chars().take(190).collect();
    eprintln!("{:>5} {second:>10.3} {} {} {short}", seen.sequence, seen.kind.name(), seen.topic);
    for reading in &carried.readings {
        eprintln!("      reading {} {} {:?}", reading.measured_at, reading.value, reading.quality);
    }
    for (_, action) in &carried.batch.actions {
        match action {
            Action::Decide(Decision::Level { site, hazard, from, to, .. }) => {
                eprintln!("      level {site} {} {from} {to}", hazard.name());
            }
            Action::Decide(Decision::Rule { held, evidence, .. }) => {
                eprintln!(
                    "      rule {} {} {held} {}",
                    evidence.rule, evidence.series, evidence.value
                );
            }
            Action::Decide(Decision::Incident(record)) => {
                eprintln!(
                    "      incident {} r{} {:?} {} hidden {:?}",
                    record.id, record.revision, record.state, record.level, record.hidden_by
                );
            }
            Action::Decide(_) | Action::Tell(_) => {}
            Action::Owe(delivery) => eprintln!("      owe {}", delivery.key),
            Action::Change(change) => {
                eprintln!("      {} {}: {}", change.key, change.state.name(), change.note)
            }
        }
    }
}

fn record(seen: &Seen) -> Record<'_> {
    Record {
        sequence: seen.sequence,
        at: seen.at,
        received_at: seen.received_at,
        kind: seen.kind,
        retained: seen.retained,
        source: &seen.source,
        topic: &seen.topic,
        payload: &seen.payload,
    }
}

/// Looks over the desk's shoulder, record by record.
struct Watch<'w> {
    world: &'w World,
    reference: Reference,
    /// What was admitted of each series: stamp and value.
    admitted: BTreeSet<(u32, i64, i64)>,
    open: BTreeMap<(String, Hazard), (String, bool)>,
    /// Where deliveries stand, and since when.
    states: BTreeMap<String, (DeliveryState, Timestamp)>,
}

impl<'w> Watch<'w> {
    fn new(world: &'w World) -> Self {
        let (admitted, open, states) = Default::default();
        Self { world, reference: Reference::new(), admitted, open, states }
    }

    fn take(&mut self, seen: &Seen, carried: &Carried) -> Option<String> {
        let at = seen.at.nanos();
        self.reference.tick(at);
        if seen.kind == Kind::Collector
            && let Ok(event) = serde_json::from_slice::<CollectorEvent>(&seen.payload)
        {
            self.reference.collector(event.up);
        }
        // what came due before the record came of what was known before it
        let decisions = || {
            carried.batch.actions.iter().filter_map(|(_, action)| match action {
                Action::Decide(decision) => Some(decision),
                Action::Owe(_) | Action::Change(_) | Action::Tell(_) => None,
            })
        };
        for decision in decisions().filter(|decision| decision.at() < seen.at) {
            if let Some(fault) = self.decided(seen, decision) {
                return Some(fault);
            }
        }
        for reading in &carried.readings {
            if let Some(fault) = self.admit(seen, reading) {
                return Some(fault);
            }
        }
        for decision in decisions().filter(|decision| decision.at() >= seen.at) {
            if let Some(fault) = self.decided(seen, decision) {
                return Some(fault);
            }
        }
        if let Some(fault) = self.receipt(seen, carried) {
            return Some(fault);
        }
        for (site, name) in ["slope-1", "bridge-1"].into_iter().enumerate() {
            let told = self.reference.level_told(site);
            if let Some(least) = self.reference.owed(site, at).filter(|least| *least > told) {
                return Some(format!(
                    "an alert is missing: {name} is owed level {least} and has {told}"
                ));
            }
        }
        None
    }

    /// G1: what the far end proves is proven by that very record. G5: what it does not prove in time is not taken for
    /// done.
    fn receipt(&mut self, seen: &Seen, carried: &Carried) -> Option<String> {
        let waited = (seen.kind == Kind::Receipt)
            .then(|| serde_json::from_slice::<serde_json::Value>(&seen.payload).ok())
            .flatten()
            .and_then(|receipt| Some(receipt.get("id")?.as_str()?.to_owned()))
            .filter(|key| self.is_handed_over(key));
        for (_, action) in &carried.batch.actions {
            if let Action::Change(change) = action {
                self.states.insert(change.key.to_string(), (change.state, change.at));
            }
        }
        if let Some(lost) = waited.filter(|key| self.is_handed_over(key)) {
            return Some(format!("G1: the receipt of {lost} is lost"));
        }
        let forgotten = |(_, (state, since)): &(&String, &(DeliveryState, Timestamp))| {
            *state == DeliveryState::HandedOver && seen.at.since(*since) > RECEIPT_WITHIN
        };
        let (key, (_, since)) = self.states.iter().find(forgotten)?;
        Some(format!("G5: {key} has waited for its receipt since {since}"))
    }

    fn is_handed_over(&self, key: &str) -> bool {
        self.states.get(key).is_some_and(|(state, _)| *state == DeliveryState::HandedOver)
    }

    /// G8: once, by its own time, and old where it is.
    fn admit(&mut self, seen: &Seen, reading: &reading::Reading) -> Option<String> {
        use reading::Quality;
        let number = self.number(reading.series.index());
        let (measured, received) = (reading.measured_at.nanos(), reading.received_at.nanos());
        let old = received - measured > 15 * 60 * 1_000_000_000;
        if reading.quality.has(Quality::OLD) != old && !reading.quality.has(Quality::TIME_UNKNOWN) {
            return Some(format!(
                "G8: {reading:?} is {} and not marked so",
                if old { "old" } else { "not old" }
            ));
        }
        let value = thousandths(reading.value);
        let stamp = claim(&seen.payload).map(|(stamp, _)| stamp);
        // Under a number of its own, as a flipped bit may give it, what came before is a clock set back: both are kept.
        let own = stamp.is_some_and(|stamp| stamp * 1_000_000 == measured)
            && !reading.quality.has(Quality::CLOCK_STEP);
        if own && !self.admitted.insert((reading.series.0, measured, value)) {
            return Some(format!("G8: {reading:?} was admitted twice"));
        }
        if !reading.quality.has(Quality::BACKFILL) {
            self.reference.hear(number, seen.at.nanos());
        }
        if reading.quality.is_trusted() {
            self.reference.observe(number, measured, received, value, seen.at.nanos());
        }
        None
    }

    /// Series are numbered by sorted names: the bridge comes first.
    fn number(&self, series: usize) -> usize {
        [2, 0, 1][series]
    }

    fn decided(&mut self, seen: &Seen, decision: &Decision) -> Option<String> {
        match decision {
            Decision::Level { site, hazard, from, to, at, .. } => {
                self.level(seen, site.as_str(), *hazard, (*from, *to), *at)
            }
            Decision::Rule { held: true, evidence, at, .. } if evidence.rule == "silent" => {
                let number = match evidence.series.as_str() {
                    series if series.starts_with("slope-1/post-1") => 0,
                    series if series.starts_with("slope-1/post-2") => 1,
                    _ => 2,
                };
                let quiet = at.nanos() - self.reference.heard_at(number);
                (quiet < SILENT_AFTER_S as i64 * 1_000_000_000).then(|| {
                    format!(
                        "{} is called silent after {} s",
                        evidence.series,
                        quiet / 1_000_000_000
                    )
                })
            }
            Decision::Incident(record) => {
                let place = (record.site.to_string(), record.hazard);
                let over = matches!(record.state, IncidentState::AllClear | IncidentState::Closed);
                let before = self.open.insert(place, (record.id.to_string(), over));
                before
                    .filter(|(id, over)| *id != record.id.as_str() && !over)
                    .map(|(id, _)| format!("G4: incident {} opened while {id} goes on", record.id))
            }
            _ => None,
        }
    }

    fn level(
        &mut self,
        seen: &Seen,
        site: &str,
        hazard: Hazard,
        (from, to): (Level, Level),
        at: Timestamp,
    ) -> Option<String> {
        let number = match site {
            "slope-1" => 0,
            "bridge-1" => 1,
            _ => return None,
        };
        if hazard == Hazard::Monitoring {
            return None;
        }
        let own = !matches!(seen.kind, Kind::Frame | Kind::Command);
        if own && to > from && !self.world.done.rot {
            return Some(format!("G4: {site} went up to {to} without a reading"));
        }
        let by_hand =
            seen.kind == Kind::Command && to < from && at == seen.at && from == Level::Severe;
        let fault = self.reference.told(number, from as u8, to as u8, by_hand, at.nanos());
        fault.map(|fault| format!("{site}: {fault}"))
    }
}

/// G5: where a medium has no ids, nobody is told twice below 경계.
fn told_once(world: &World, faults: &mut Vec<String>) {
    if world.done.ledger_lost || world.done.rot {
        return;
    }
    let mut times: BTreeMap<&str, u32> = BTreeMap::new();
    for heard in world.ears.heard.iter().filter(|it| it.delivery.channel.as_str() == "room") {
        let times = times.entry(heard.delivery.key.as_str()).or_default();
        *times += 1;
        if *times > 1 && heard.delivery.alert.level < Level::Warning {
            faults.push(format!("G5: {} was said {times} times", heard.delivery.key));
        }
    }
}

/// G5: nobody hears the old after the new.
fn in_order(world: &World, faults: &mut Vec<String>) {
    let mut newest: BTreeMap<(&str, &str, &str), u32> = BTreeMap::new();
    for heard in &world.ears.heard {
        let delivery = &heard.delivery;
        if !matches!(delivery.alert.purpose, Purpose::Alert | Purpose::Reminder | Purpose::Cancel) {
            continue;
        }
        let place = (
            delivery.alert.incident.as_str(),
            delivery.channel.as_str(),
            delivery.recipient.as_str(),
        );
        let newest = newest.entry(place).or_default();
        if delivery.alert.revision < *newest {
            faults.push(format!("G5: {} was heard after revision {newest}", delivery.key));
        }
        *newest = (*newest).max(delivery.alert.revision);
    }
}

/// G10: the public hears what somebody approved, and that it is over.
fn released(world: &World, faults: &mut Vec<String>) {
    let mut warned = BTreeSet::new();
    for heard in world.ears.heard.iter().filter(|it| it.delivery.channel.as_str() == "feed") {
        let alert = &heard.delivery.alert;
        let incident = alert.incident.to_string();
        let is_over = alert.message_type == MessageType::Cancel && warned.contains(&incident);
        let approved = world.people.approved.iter().any(|(of, group, level)| {
            *of == incident && group == "residents" && *level == alert.level
        });
        if !approved && !is_over {
            faults.push(format!("G10: {} was heard and nobody approved it", heard.delivery.key));
        }
        warned.insert(incident);
    }
}

/// G5: every delivery ended; what was called delivered was heard; what was lost was reported.
fn settled(
    world: &World,
    decisions: &[DecisionRow],
    deliveries: &[DeliveryRow],
    faults: &mut Vec<String>,
) {
    let heard: BTreeSet<&str> =
        world.ears.heard.iter().map(|heard| heard.delivery.key.as_str()).collect();
    for row in deliveries {
        let key = row.key.as_str();
        let excused = world.ears.lied.contains_key(key) || world.done.rot;
        match row.state {
            state @ (DeliveryState::Delivered | DeliveryState::Unconfirmed)
                if !heard.contains(key) && !excused =>
            {
                faults.push(format!("G5: {key} is called {} and nobody heard it", state.name()));
            }
            state @ (DeliveryState::Refused | DeliveryState::Expired)
                if row.site.as_str() != "bongsu" && !is_reported(row, decisions, deliveries) =>
            {
                faults.push(format!("G5: {key} is {} and nobody says so", state.name()));
            }
            DeliveryState::Delivered
            | DeliveryState::Unconfirmed
            | DeliveryState::Refused
            | DeliveryState::Expired
            | DeliveryState::Superseded => {}
            open => faults.push(format!("G5: {key} is left {}", open.name())),
        }
        // a receipt that came before the delivery was settled settles it
        let proven = world.receipts_safe.get(key).and_then(|number| {
            world.seen.iter().find(|seen| seen.sequence == *number).map(|seen| seen.at)
        });
        let is_used = matches!(row.state, DeliveryState::Delivered | DeliveryState::Superseded)
            || proven.is_some_and(|proven| row.changed_at < proven);
        if proven.is_some() && !is_used && !world.done.rot {
            faults.push(format!(
                "G1: the receipt of {key} was acknowledged, and it is {}",
                row.state.name()
            ));
        }
    }
}

/// What is lost on a channel is said once, and for an hour after the last loss: when it was said of this one first.
fn said_since(row: &DeliveryRow, deliveries: &[DeliveryRow]) -> Timestamp {
    let lost = |it: &&DeliveryRow| {
        it.channel == row.channel
            && matches!(it.state, DeliveryState::Refused | DeliveryState::Expired)
    };
    let mut losses: Vec<Timestamp> =
        deliveries.iter().filter(lost).map(|it| it.changed_at).collect();
    losses.sort_unstable();
    let earlier = losses.into_iter().rev().filter(|at| *at <= row.changed_at);
    earlier.fold(row.changed_at, |since, at| if since.since(at) <= SAID_FOR { at } else { since })
}

/// Whether somebody is told that a delivery was lost.
fn is_reported(row: &DeliveryRow, decisions: &[DecisionRow], deliveries: &[DeliveryRow]) -> bool {
    let since = said_since(row, deliveries);
    let key = format!("delivery-{}", row.channel);
    decisions.iter().any(|it| match &it.decision {
        Decision::Incident(record) => {
            record.site.as_str() == "bongsu"
                && record.evidence.iter().any(|evidence| {
                    evidence.rule == key && record.at >= since
                        || evidence.rule == DISOWNED && record.at >= row.changed_at
                })
        }
        _ => false,
    })
}

/// Who must hear of a level does, or it is reported that they did not.
fn owed(
    world: &World,
    decisions: &[DecisionRow],
    deliveries: &[DeliveryRow],
    faults: &mut Vec<String>,
) {
    let mut rose: Option<(&SiteId, Hazard)> = None;
    for row in decisions {
        if let Decision::Level { site, hazard, from, to, .. } = &row.decision
            && to > from
            && site.as_str() != "bongsu"
        {
            rose = Some((site, *hazard));
        }
        let Decision::Incident(record) = &row.decision else { continue };
        if rose != Some((&record.site, record.hazard)) {
            continue;
        }
        rose = None;
        if record.hidden_by.is_some() {
            continue; // something graver is told of that site, or people wanted it so
        }
        for (channel, recipient, least) in OFFICERS {
            if (record.level as u8) < least || world.done.rot {
                continue;
            }
            let mine = |it: &&DeliveryRow| {
                it.incident == record.id
                    && it.channel.as_str() == channel
                    && it.recipient == recipient
                    && it.revision >= record.revision
                    && ["alert", "reminder", "cancel"].contains(&it.purpose.as_str())
            };
            let chain: Vec<_> = deliveries.iter().filter(mine).collect();
            let first = chain.iter().find(|it| it.revision == record.revision);
            if first.is_none() {
                faults.push(format!(
                    "{recipient} on {channel} is owed {} r{}",
                    record.id, record.revision
                ));
            }
            let ended = chain.iter().any(|it| match it.state {
                DeliveryState::Delivered | DeliveryState::Unconfirmed => true,
                DeliveryState::Refused | DeliveryState::Expired => {
                    is_reported(it, decisions, deliveries)
                }
                _ => false,
            });
            if !ended {
                faults.push(format!(
                    "{recipient} on {channel} never heard of {} r{} and nobody says so",
                    record.id, record.revision
                ));
            }
        }
    }
}

/// All that happened, in one number: the same seed gives the same one. Segments are named by chance, so names are left
/// out.
pub fn digest(world: &World) -> u64 {
    let mut hasher = DefaultHasher::new();
    for seen in &world.seen {
        (seen.sequence, seen.at.nanos(), seen.received_at.nanos(), seen.kind.name())
            .hash(&mut hasher);
        (&seen.source, &seen.topic, scrubbed(&String::from_utf8_lossy(&seen.payload)))
            .hash(&mut hasher);
    }
    for heard in &world.ears.heard {
        (heard.at, heard.attempt, heard.delivery.key.as_str()).hash(&mut hasher);
        scrubbed(&heard.delivery.alert.description.en).hash(&mut hasher);
    }
    if let Some(life) = &world.life {
        for row in life.ledger.decisions_after(0, u32::MAX).expect("a ledger is read") {
            let decision = serde_json::to_string(&row.decision).expect("a decision is JSON");
            (row.position, scrubbed(&decision)).hash(&mut hasher);
        }
        let rows = life.ledger.deliveries(&DeliveryFilter::default(), 1_000_000);
        for row in rows.expect("a ledger is read") {
            (row.key.as_str(), row.state.name(), row.attempts, row.changed_at.nanos())
                .hash(&mut hasher);
        }
    }
    world.faults.hash(&mut hasher);
    hasher.finish()
}

fn scrubbed(text: &str) -> String {
    let mut all = String::new();
    for part in text.split(".journal") {
        let cut = part.len().saturating_sub(8);
        all.push_str(part.get(..cut).unwrap_or(part));
    }
    all
}
