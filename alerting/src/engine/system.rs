//! Bongsu itself: what is wrong with it, and the incident about that.

use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use reading::registry::Text;
use reading::{SiteId, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Engine, Moment, Subject};
use crate::alert::{Evidence, Purpose};
use crate::decision::Action;
use crate::incident::Incident;
use crate::level::Level;
use crate::life::Rise;
use crate::policy::Assessment;
use crate::setup::Policy;

/// The site id under which bongsu speaks of itself; no site may be called so.
pub const SYSTEM_SITE: &str = "bongsu";

/// The zone bongsu itself lives in.
pub const SYSTEM_ZONE: &str = "Asia/Seoul";

/// A fault of bongsu itself is kept as an incident for ten minutes after it is mended, so that it does not flap.
pub(super) const SYSTEM_POLICY: Policy = Policy {
    dwell_attention: Duration::from_secs(600),
    dwell_caution: Duration::from_secs(600),
    dwell_warning: Duration::from_secs(600),
    remind_severe: Duration::from_secs(3_600),
    flap_count: 3,
    flap_window: Duration::from_secs(24 * 3_600),
    close_after: Duration::from_secs(24 * 3_600),
};

/// Something wrong with bongsu itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Fault {
    /// In words.
    pub what: Text,
    /// It counts from here on; before, it may still mend itself.
    pub from: Timestamp,
    /// It counts until here; `None` until it is mended.
    pub until: Option<Timestamp>,
}

impl Engine {
    /// Something is wrong that may mend itself before `from`.
    pub(super) fn pending_fault(&mut self, key: &str, what: Text, from: Timestamp) {
        self.faults.insert(key.into(), Fault { what, from, until: None });
        self.wake_system_by(from);
    }

    /// Makes the level of bongsu itself follow its faults; `news` is told even if the level stays.
    pub(super) fn judge_system(&mut self, news: Option<Text>, now: Moment, out: &mut Vec<Action>) {
        let active = self.faults.values().any(|fault| fault.from <= now.at);
        let level = if active { Level::Caution } else { Level::Normal };
        let rise = self.system.live.assess(level, &SYSTEM_POLICY, now.at);
        if let Some(Rise { before: from, latched }) = rise {
            let row = if latched { "policy-latched" } else { "policy-system" };
            self.level_moved(Subject::System, from, Assessment { level, row }, now.at, now, out);
        } else if let Some(what) = news.filter(|_| active) {
            self.revise(Subject::System, what, Some(Purpose::Alert), false, now.at, now, out);
        }
        self.wake_for_system();
    }

    /// Does everything that is due about bongsu itself.
    pub(super) fn wake_system(&mut self, now: Moment, out: &mut Vec<Action>) {
        self.faults.retain(|_, fault| fault.until.is_none_or(|until| until > now.at));
        let fresh =
            self.faults.values().find(|fault| fault.from == now.at).map(|fault| fault.what.clone());
        self.judge_system(fresh, now, out);
        if let Some(from) = self.system.live.step_down(&SYSTEM_POLICY, now.at) {
            let assessment =
                Assessment { level: self.system.live.level(), row: "policy-step-down" };
            self.level_moved(Subject::System, from, assessment, now.at, now, out);
        }
        self.remind_subject(Subject::System, now, out);
        self.ladder_due(Subject::System, now, out);
        self.close_due(Subject::System, now, out);
        self.wake_for_system();
    }

    fn wake_for_system(&mut self) {
        let faults =
            self.faults.values().flat_map(|fault| [Some(fault.from), fault.until]).flatten();
        let due = faults
            .chain(self.system.live.due_at(&SYSTEM_POLICY))
            .chain(self.system.incidents().filter_map(Incident::due_at))
            .filter(|at| *at > self.now)
            .min();
        if let Some(due) = due {
            self.wake_system_by(due);
        }
    }

    /// What is wrong, as lines of evidence.
    pub(super) fn fault_evidence(&self) -> Vec<Evidence> {
        let active = self.faults.iter().filter(|(_, fault)| fault.from <= self.now);
        active
            .map(|(key, fault)| Evidence {
                rule: key.clone(),
                series: String::new(),
                level: Level::Caution,
                value: 0.0,
                unit: String::new(),
                measured_at: fault.from,
                text: fault.what.clone(),
            })
            .collect()
    }
}

pub(super) fn system_site() -> SiteId {
    SiteId::new(SYSTEM_SITE).unwrap_or_else(|_| unreachable!("the constant is an identifier"))
}
