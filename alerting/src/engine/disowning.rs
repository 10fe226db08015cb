//! What the ledger has and the journal no more: records are gone, and whatever followed from them is brought to an end
//! that somebody hears of. What it was about is judged anew by the readings that come.

use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use super::system::SYSTEM_SITE;
use super::{Engine, Moment};
use crate::alert::IncidentId;
use crate::catalogue;
use crate::decision::{Action, Decision, IncidentRecord, IncidentState};
use crate::delivery::{DeliveryKey, DeliveryState, StillOwed};

/// How long it is said.
const SAID_FOR: Duration = Duration::from_secs(24 * 3_600);

/// How many are named.
const NAMED: usize = 5;

impl Engine {
    /// What stands open in the ledger at a start. Whatever of it nobody here knows was decided by records that are
    /// gone: nobody can revise, repeat or cancel it, so it is given up, and that is said.
    pub fn disown(&mut self, owed: &[StillOwed], now: Moment, out: &mut Vec<Action>) {
        let at = now.at;
        let strangers: Vec<&str> = owed
            .iter()
            .filter(|one| self.outbox.disown(one, at, out))
            .map(|one| one.key.as_str())
            .collect();
        self.say_disowned("deliveries-disowned", "fault-deliveries-disowned", &strangers, now, out);
    }

    /// What this state waits for and the ledger knows to be settled: what settled it is gone, it is settled all the
    /// same, and not tried again.
    pub fn recall(&mut self, settled: &[(DeliveryKey, DeliveryState)]) {
        settled.iter().for_each(|(key, state)| self.outbox.recall(key, *state));
    }

    /// Incidents that are open in the ledger. One that nobody here knows goes on with nobody: it is closed, and
    /// somebody has to look.
    pub fn put_away_strangers(
        &mut self,
        open: &[IncidentRecord],
        now: Moment,
        out: &mut Vec<Action>,
    ) {
        let known: BTreeSet<&IncidentId> = self.open_incidents().collect();
        let strangers: Vec<_> = open.iter().filter(|one| !known.contains(&one.id)).collect();
        for one in &strangers {
            let closed = IncidentRecord {
                revision: one.revision + 1,
                at: now.at,
                state: IncidentState::Closed,
                what: catalogue::text("what-closed-records-lost", &[]),
                ..IncidentRecord::clone(one)
            };
            out.push(Action::Decide(Decision::Incident(closed)));
        }
        let of_sites = strangers.iter().filter(|one| one.site.as_str() != SYSTEM_SITE);
        let names: Vec<&str> = of_sites.map(|one| one.id.as_str()).collect();
        self.say_disowned("incidents-disowned", "fault-incidents-disowned", &names, now, out);
    }

    fn say_disowned(
        &mut self,
        key: &str,
        text: &'static str,
        names: &[&str],
        now: Moment,
        out: &mut Vec<Action>,
    ) {
        if names.is_empty() {
            return;
        }
        let named: String = names[..names.len().min(NAMED)].join(", ");
        let what = catalogue::text(text, &[&format!("{}", names.len()), &named]);
        self.fault(key, what, Some(now.at.plus(SAID_FOR)), now, out);
    }
}
