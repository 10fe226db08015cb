//! What came of a drill: who was reached and how fast, what failed, who answered. Read from the drill's own ledger, so
//! it can be asked for while the drill runs, and after a crash.
//!
//! A drill's time runs faster than that of people. All times in here are real ones.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use alerting::catalogue::{self, Language};
use alerting::decision::Verdict;
use alerting::{Decision, DeliveryState, Hazard, Level};
use delivery::Ledger;
use delivery::ledger::{DeliveryFilter, DeliveryRow, IncidentFilter, IncidentView};
use reading::Timestamp;
use reading::registry::Text;
use serde::{Deserialize, Serialize};

use super::ledger;

/// How many deliveries are read at once, and at most.
const PAGE: u32 = 1_000;
const DELIVERIES_MAX: usize = 100_000;

/// How many incidents are told about.
const INCIDENTS_MAX: u32 = 200;

/// Where a drill stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// It goes on.
    Running,
    /// It came to its end, or somebody ended it.
    Ended,
    /// A real incident ended it.
    Interrupted,
    /// It broke.
    Failed,
    /// The process ended under it.
    CutOff,
}

impl State {
    /// Its word in the catalogue.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Running => "exercise-state-running",
            Self::Ended => "exercise-state-ended",
            Self::Interrupted => "exercise-state-interrupted",
            Self::Failed => "exercise-state-failed",
            Self::CutOff => "exercise-state-cut-off",
        }
    }

    /// Whether it goes on.
    pub const fn is_running(self) -> bool {
        matches!(self, Self::Running)
    }
}

/// A drill, as its folder has it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Head {
    /// Its name: when it began.
    pub id: String,
    /// What was played.
    pub scenario: String,
    /// How many times as fast as real time.
    pub speed: f64,
    /// Where.
    pub sites: Vec<String>,
    /// When it began, real time.
    pub started_at: Timestamp,
    /// Who began it.
    pub started_by: String,
    /// When it ended, real time.
    pub ended_at: Option<Timestamp>,
    /// Where it stands.
    pub state: State,
    /// Its board, while it runs.
    pub board: Option<String>,
    /// How it ended, in words.
    pub note: Option<Text>,
}

impl Head {
    /// Where it lies.
    pub fn path(folder: &Path) -> PathBuf {
        folder.join("exercise.json")
    }

    /// Writes it down, whole or not at all.
    ///
    /// # Errors
    /// What the system said.
    pub fn write(&self, folder: &Path) -> std::io::Result<()> {
        let fresh = folder.join("exercise.json.new");
        std::fs::write(&fresh, serde_json::to_vec_pretty(self)?)?;
        std::fs::rename(fresh, Self::path(folder))
    }
}

/// Whoever was reached on one channel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reached {
    /// On which channel.
    pub channel: String,
    /// Who.
    pub recipient: String,
    /// How many messages arrived, or were taken by a medium that gives no receipts.
    pub messages: usize,
    /// Seconds from when the first was decided until it had arrived.
    pub first_s: f64,
    /// The same for the median of all.
    pub median_s: f64,
    /// The same for the slowest.
    pub slowest_s: f64,
}

/// Whoever was not reached, though somebody should have been.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Missed {
    /// On which channel.
    pub channel: String,
    /// Who.
    pub recipient: String,
    /// How many messages.
    pub messages: usize,
    /// Why the last one did not arrive.
    pub reason: String,
}

/// An incident that was played, and what people did about it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Played {
    /// Which.
    pub incident: String,
    /// Where.
    pub site: String,
    /// How serious it became.
    pub peak: Level,
    /// Who acknowledged it first.
    pub acknowledged_by: Option<String>,
    /// Seconds until then.
    pub acknowledged_s: Option<f64>,
    /// What the public might have heard.
    pub groups: Vec<Group>,
}

/// How a group of channels was released.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Group {
    /// Which.
    pub group: String,
    /// `released`, `rejected`, or `asked` where nobody answered.
    pub verdict: String,
    /// Who answered first.
    pub by: Vec<String>,
    /// Seconds from when it was first asked until then.
    pub after_s: Option<f64>,
}

/// What came of a drill.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Which drill.
    pub head: Head,
    /// Who was reached, and how fast.
    pub reached: Vec<Reached>,
    /// Who was not.
    pub missed: Vec<Missed>,
    /// Messages still on their way.
    pub waiting: usize,
    /// What was played, and what people did about it.
    pub incidents: Vec<Played>,
}

impl Report {
    /// Reads it from the folder of a drill; `runs` says whether that still goes on.
    ///
    /// # Errors
    /// What cannot be read.
    pub fn read(folder: &Path, runs: bool) -> anyhow::Result<Self> {
        let mut head: Head = serde_json::from_slice(&std::fs::read(Head::path(folder))?)?;
        if head.state.is_running() && !runs {
            head.state = State::CutOff;
        }
        let ledger = Ledger::open_read_only(ledger(folder))?;
        let scale = Scale(head.speed);
        let (reached, missed, waiting) = counted(&deliveries(&ledger)?, scale);
        let mut incidents = Vec::new();
        for record in ledger.incidents(&IncidentFilter::default(), INCIDENTS_MAX)? {
            if record.hazard != Hazard::Monitoring
                && let Some(view) = ledger.incident(&record.id)?
            {
                incidents.push(played(&view, scale));
            }
        }
        incidents.reverse();
        Ok(Self { head, reached, missed, waiting, incidents })
    }

    /// The report for people, line by line.
    pub fn lines(&self, language: Language) -> Vec<String> {
        let say = |key, values: &[&str]| catalogue::fill(key, language, values);
        let head = &self.head;
        let state = catalogue::message(head.state.key(), language);
        let mut lines = vec![say(
            "exercise-title",
            &[&head.id, &head.scenario, &head.speed.to_string(), state],
        )];
        if let Some(note) = &head.note {
            lines.push(match language {
                Language::Ko => note.ko.clone(),
                Language::En => note.en.clone(),
            });
        }
        for played in &self.incidents {
            let peak = catalogue::level(played.peak, language);
            lines.push(say("exercise-incident", &[&played.site, &played.incident, peak]));
            lines.push(match (&played.acknowledged_by, played.acknowledged_s) {
                (Some(by), Some(after)) => {
                    say("exercise-acknowledged", &[by, &seconds(after, language)])
                }
                _ => say("exercise-acknowledged-nobody", &[]),
            });
            lines.extend(played.groups.iter().map(|group| group.line(language)));
        }
        for one in &self.reached {
            let times = [one.first_s, one.median_s, one.slowest_s].map(|s| seconds(s, language));
            let count = one.messages.to_string();
            let [first, median, slowest] = &times;
            let values = [&one.channel, &one.recipient, &count, first, median, slowest];
            lines.push(say("exercise-reached", &values.map(String::as_str)));
        }
        if self.reached.is_empty() {
            lines.push(say("exercise-nobody", &[]));
        }
        for one in &self.missed {
            lines.push(say("exercise-failed", &[&one.channel, &one.recipient, &one.reason]));
        }
        if self.missed.is_empty() {
            lines.push(say("exercise-failed-none", &[]));
        }
        if self.waiting > 0 {
            lines.push(say("exercise-waiting", &[&self.waiting.to_string()]));
        }
        lines
    }
}

impl Group {
    fn line(&self, language: Language) -> String {
        let say = |key, values: &[&str]| catalogue::fill(key, language, values);
        let by = self.by.join(", ");
        let after = seconds(self.after_s.unwrap_or_default(), language);
        let what = match self.verdict.as_str() {
            "released" => say("exercise-group-released", &[&by, &after]),
            "rejected" => say("exercise-group-rejected", &[&by, &after]),
            _ => say("exercise-group-asked", &[]),
        };
        say("exercise-group", &[&self.group, &what])
    }
}

/// How many times as fast as real time a drill ran.
#[derive(Clone, Copy)]
struct Scale(f64);

impl Scale {
    /// Real seconds between two moments of the drill.
    fn between(self, from: Timestamp, to: Timestamp) -> f64 {
        to.since(from).as_secs_f64() / self.0
    }
}

fn seconds(seconds: f64, language: Language) -> String {
    let (value, ko, en) =
        if seconds < 90.0 { (seconds, "초", " s") } else { (seconds / 60.0, "분", " min") };
    format!("{value:.1}{}", if language == Language::Ko { ko } else { en })
}

fn deliveries(ledger: &Ledger) -> anyhow::Result<Vec<DeliveryRow>> {
    let mut all: Vec<DeliveryRow> = Vec::new();
    while all.len() < DELIVERIES_MAX {
        let before = all.last().map(|row| row.id);
        let page = ledger.deliveries(&DeliveryFilter { before, ..Default::default() }, PAGE)?;
        if page.is_empty() {
            break;
        }
        all.extend(page);
    }
    all.reverse();
    Ok(all)
}

fn counted(rows: &[DeliveryRow], scale: Scale) -> (Vec<Reached>, Vec<Missed>, usize) {
    let mut times: BTreeMap<(String, String), Vec<f64>> = BTreeMap::new();
    let mut missed: BTreeMap<(String, String), (usize, String)> = BTreeMap::new();
    let mut waiting = 0;
    for row in rows {
        let who = (row.channel.to_string(), row.recipient.clone());
        match row.state {
            DeliveryState::Delivered | DeliveryState::Unconfirmed | DeliveryState::HandedOver => {
                times.entry(who).or_default().push(scale.between(row.owed_at, row.changed_at));
            }
            DeliveryState::Refused | DeliveryState::Expired | DeliveryState::InDoubt => {
                let (count, reason) = missed.entry(who).or_default();
                (*count, *reason) = (*count + 1, format!("{} ({})", row.note, row.state.name()));
            }
            DeliveryState::Queued | DeliveryState::Attempting => waiting += 1,
            DeliveryState::Superseded => {}
        }
    }
    let reached = times.into_iter().map(|((channel, recipient), times)| {
        let first_s = times.first().copied().unwrap_or_default();
        let mut sorted = times;
        sorted.sort_by(f64::total_cmp);
        Reached {
            channel,
            recipient,
            messages: sorted.len(),
            first_s,
            median_s: sorted[sorted.len() / 2],
            slowest_s: sorted[sorted.len() - 1],
        }
    });
    let missed = missed.into_iter().map(|((channel, recipient), (messages, reason))| Missed {
        channel,
        recipient,
        messages,
        reason,
    });
    (reached.collect(), missed.collect(), waiting)
}

fn played(view: &IncidentView, scale: Scale) -> Played {
    let record = &view.record;
    let mut acknowledged = None;
    let mut groups: BTreeMap<String, (Timestamp, Group)> = BTreeMap::new();
    for row in &view.timeline {
        match &row.decision {
            Decision::Incident(revision) if acknowledged.is_none() => {
                acknowledged = revision
                    .acknowledged_by
                    .clone()
                    .map(|by| (by, scale.between(record.opened_at, revision.at)));
            }
            Decision::Approval { at, group, verdict, by, .. } => {
                let (asked_at, known) = groups.entry(group.to_string()).or_insert_with(|| {
                    let group = Group {
                        group: group.to_string(),
                        verdict: Verdict::Asked.name().into(),
                        by: Vec::new(),
                        after_s: None,
                    };
                    (*at, group)
                });
                if matches!(verdict, Verdict::Released | Verdict::Rejected)
                    && known.after_s.is_none()
                {
                    known.verdict = verdict.name().into();
                    known.by.clone_from(by);
                    known.after_s = Some(scale.between(*asked_at, *at));
                }
            }
            _ => {}
        }
    }
    let (acknowledged_by, acknowledged_s) = acknowledged.unzip();
    Played {
        incident: record.id.to_string(),
        site: record.site.to_string(),
        peak: record.peak,
        acknowledged_by,
        acknowledged_s,
        groups: groups.into_values().map(|(_, group)| group).collect(),
    }
}
