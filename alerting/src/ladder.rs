//! The ladder: who is called one after the other until somebody answers.
//!
//! An incident that nobody has acknowledged, or whose public message waits for a person, climbs: the first rung is
//! called at once, the next when the time its level allows has passed. The last rung is not the end: nobody answered,
//! that is said aloud, and everybody on every rung is called again, round after round. Deadlines run on the journal's
//! `at`, so a restart keeps them; after downtime people have [`AGAIN_MIN`] to answer first.

use alloc::vec::Vec;
use core::time::Duration;

use reading::Timestamp;
use reading::id::{ChannelId, LadderId, RotaId, SiteId};
use serde::{Deserialize, Serialize};

use crate::approval::AGAIN_MIN;
use crate::level::Level;

/// Who is called one after the other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ladder {
    /// Its name.
    pub id: LadderId,
    /// For these sites; empty means all that no other ladder names, bongsu itself among them.
    pub sites: Vec<SiteId>,
    /// From this level up.
    pub min_level: Level,
    /// How long a rung has to answer.
    pub within: Within,
    /// Who is called, from the first on; never empty.
    pub rungs: Vec<Rung>,
}

/// Who is called together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rung {
    /// On which channels.
    pub channels: Vec<ChannelId>,
    /// Persons by name, on channels that reach persons; other channels are told as they are.
    pub persons: Vec<alloc::string::String>,
    /// Whoever is on duty then.
    pub rota: Option<RotaId>,
}

/// How long a rung has to answer, by level (ours: 3 min at 심각).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Within {
    /// At 관심.
    pub attention: Duration,
    /// At 주의.
    pub caution: Duration,
    /// At 경계.
    pub warning: Duration,
    /// At 심각.
    pub severe: Duration,
}

impl Default for Within {
    fn default() -> Self {
        Self {
            attention: Duration::from_secs(60 * 60),
            caution: Duration::from_secs(20 * 60),
            warning: Duration::from_secs(5 * 60),
            severe: Duration::from_secs(3 * 60),
        }
    }
}

impl Within {
    /// At this level.
    pub const fn at(&self, level: Level) -> Duration {
        match level {
            Level::Normal | Level::Attention => self.attention,
            Level::Caution => self.caution,
            Level::Warning => self.warning,
            Level::Severe => self.severe,
        }
    }
}

/// The ladder of a site, or of bongsu itself if none.
pub fn ladder_for<'a>(ladders: &'a [Ladder], site: &SiteId) -> Option<&'a Ladder> {
    let named = ladders.iter().find(|ladder| ladder.sites.contains(site));
    named.or_else(|| ladders.iter().find(|ladder| ladder.sites.is_empty()))
}

/// How far an incident has climbed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Climb {
    /// Which ladder.
    pub ladder: LadderId,
    /// The rung that was called last, from 0.
    pub rung: u8,
    /// At which level.
    pub level: Level,
    /// When the next is due.
    pub due_at: Timestamp,
    /// How often nobody answered on any rung.
    pub rounds: u32,
}

/// Whom to call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// Those on this rung.
    Rung(u8),
    /// Nobody on the ladder answered: everybody on it.
    Everybody,
}

impl Climb {
    /// At the foot of a ladder, the first rung to be called.
    pub fn begin(ladder: &Ladder, level: Level, now: Timestamp) -> Self {
        let due_at = now.plus(ladder.within.at(level));
        Self { ladder: ladder.id.clone(), rung: 0, level, due_at, rounds: 0 }
    }

    /// Whom to call now, if anybody: a rung had its time, or the level rose and whoever was called has to know. What is
    /// called can be heard from `heard_from` on; the time to answer runs from then.
    pub fn go_on(
        &mut self,
        ladder: &Ladder,
        level: Level,
        now: Timestamp,
        heard_from: impl Fn(Call) -> Timestamp,
    ) -> Option<Call> {
        let last = (ladder.rungs.len().max(1) - 1) as u8;
        let call = if self.due_at <= now {
            if self.rung < last && self.rounds == 0 {
                self.rung += 1;
                Call::Rung(self.rung)
            } else {
                self.rounds += 1;
                Call::Everybody
            }
        } else if level > self.level {
            if self.rounds == 0 { Call::Rung(self.rung) } else { Call::Everybody }
        } else {
            return None;
        };
        self.level = level;
        let time = match call {
            Call::Rung(_) => ladder.within.at(level),
            Call::Everybody => ladder.within.at(level) * u32::from(last + 1),
        };
        self.due_at = heard_from(call).max(now).plus(time);
        Some(call)
    }

    /// Nobody could answer until `awake`.
    pub fn slept(&mut self, asleep: Timestamp, awake: Timestamp) {
        if self.due_at > asleep {
            self.due_at = self.due_at.max(awake.plus(AGAIN_MIN));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    fn ladder() -> Ladder {
        let rung = Rung { channels: vec!["sms".parse().unwrap()], persons: vec![], rota: None };
        Ladder {
            id: "duty".parse().unwrap(),
            sites: vec![],
            min_level: Level::Caution,
            within: Within::default(),
            rungs: vec![rung.clone(), rung.clone(), rung],
        }
    }

    fn secs(secs: i64) -> Timestamp {
        Timestamp::from_secs(secs)
    }

    #[test]
    fn a_ladder_is_climbed_by_level_and_goes_round_at_its_end() {
        use Call::{Everybody, Rung};
        use Level::{Caution, Severe, Warning};
        let ladder = ladder();
        let mut climb = Climb::begin(&ladder, Caution, secs(0));
        // seconds, level, who is called, when the next is due
        for (at, level, called, due) in [
            (0, Caution, None, 1_200),
            (1_199, Caution, None, 1_200),
            (1_200, Caution, Some(Rung(1)), 2_400),
            (1_300, Warning, Some(Rung(1)), 1_600), // the level rose: they hear of it, and have less time
            (1_400, Caution, None, 1_600),          // it fell: nobody is called for that
            (1_600, Warning, Some(Rung(2)), 1_900),
            (1_900, Warning, Some(Everybody), 2_800),
            (2_000, Severe, Some(Everybody), 2_540),
            (2_540, Severe, Some(Everybody), 3_080),
        ] {
            assert_eq!(climb.go_on(&ladder, level, secs(at), |_| secs(at)), called, "{at}");
            assert_eq!(climb.due_at, secs(due), "{at}");
        }
        assert_eq!(climb.rounds, 2);
    }

    #[test]
    fn downtime_gives_people_a_minute_and_no_more_than_that() {
        let ladder = ladder();
        let mut climb = Climb::begin(&ladder, Level::Severe, secs(0));
        climb.slept(secs(100), secs(5_000));
        assert_eq!(climb.due_at, secs(5_060), "its time passed while nobody could answer");
        climb.slept(secs(5_010), secs(5_020));
        assert_eq!(climb.due_at, secs(5_080));
        climb.slept(secs(5_021), secs(5_022));
        assert_eq!(climb.due_at, secs(5_082));
    }

    #[test]
    fn what_is_heard_in_the_morning_is_answered_from_then() {
        let ladder = ladder();
        let mut climb = Climb::begin(&ladder, Level::Caution, secs(0));
        climb.go_on(&ladder, Level::Caution, secs(1_200), |_| secs(20_000));
        assert_eq!(climb.due_at, secs(21_200));
    }
}
