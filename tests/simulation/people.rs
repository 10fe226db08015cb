//! Officers: they answer late, or never, or twice; some stand 심각 down, some settle what is in doubt.

use alerting::decision::{IncidentRecord, IncidentState, Verdict};
use alerting::engine::{Settled, Verb};
use alerting::{Command, Decision, Level};
use delivery::ledger::DeliveryRow;
use firmware_sim::random::Random;

use crate::world::Event;

/// Everybody who orders something.
pub struct People {
    /// Where they are in the ledger's decisions, and which record the last of those came from.
    pub cursor: i64,
    pub position: u64,
    pub position_next: u64,
    /// What somebody approved: incident, group, level.
    pub approved: Vec<(String, String, Level)>,
    random: Random,
    diligence: f64,
    hurry: bool,
    orders: u32,
}

impl People {
    pub fn new(seed: u64, diligence: f64, hurry: bool) -> Self {
        Self {
            cursor: 0,
            position: 0,
            position_next: 0,
            approved: Vec::new(),
            random: Random::new(seed, "people"),
            diligence,
            hurry,
            orders: 0,
        }
    }

    /// Something was decided: who does what about it, and after how long.
    pub fn hear(&mut self, decision: &Decision) -> Vec<(f64, Event)> {
        match decision {
            Decision::Approval { incident, group, bound, verdict: Verdict::Asked, .. } => {
                if !self.random.chance(self.diligence) {
                    return Vec::new();
                }
                let verb = if self.random.chance(0.1) { Verb::Reject } else { Verb::Approve };
                let mut command = self.command(verb, incident.clone());
                command.group = Some(group.clone());
                command.bound = Some(bound.clone());
                vec![self.order(command)]
            }
            Decision::Incident(record) if record.state == IncidentState::Open => {
                if !self.random.chance(self.diligence * 0.5) {
                    return Vec::new();
                }
                let command = self.command(Verb::Acknowledge, record.id.clone());
                vec![self.order(command)]
            }
            _ => Vec::new(),
        }
    }

    /// They look at what is open.
    pub fn look_round(
        &mut self,
        doubts: &[(bool, DeliveryRow)],
        incidents: &[IncidentRecord],
        is_over: bool,
    ) -> Vec<(f64, Event)> {
        let mut orders = Vec::new();
        for (heard, row) in doubts {
            if is_over || self.random.chance(self.diligence * 0.5) {
                let mut command = self.command(Verb::Settle, row.incident.clone());
                let (delivery, attempt) = (row.key.clone(), Some(row.attempts));
                command.settled = Some(Settled { delivery, delivered: *heard, attempt });
                orders.push(self.order(command)); // they say what they saw, however late
            }
        }
        for record in incidents.iter().filter(|record| record.level == Level::Severe) {
            if is_over || self.random.chance(self.diligence * 0.3) {
                let command = self.command(Verb::StandDown, record.id.clone());
                orders.push(self.order(command));
            }
        }
        orders
    }

    /// An order may be in the journal from now on.
    pub fn given(&mut self, payload: &[u8]) {
        let Ok(command) = serde_json::from_slice::<Command>(payload) else { return };
        if let (Verb::Approve, Some(group), Some(bound)) =
            (command.verb, command.group, command.bound)
        {
            self.approved.push((command.incident.to_string(), group.to_string(), bound.level));
        }
    }

    fn command(&mut self, verb: Verb, incident: alerting::IncidentId) -> Command {
        self.orders += 1;
        Command::new(&format!("order-{}", self.orders), verb, incident, "han", "seen")
    }

    fn order(&mut self, command: Command) -> (f64, Event) {
        let after_s = match self.hurry {
            true => self.random.between(0.2, 30.0),
            false => self.random.between(20.0, 2_400.0),
        };
        let (id, verb) = (command.id.clone(), command.verb.name().to_owned());
        let payload = serde_json::to_vec(&command).expect("a command is JSON");
        (after_s, Event::Order { id, by: "han".into(), verb, payload, tries: 0 })
    }
}
