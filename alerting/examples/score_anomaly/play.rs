//! One series through the conditions, as they ship.

use alerting::condition::{
    ConditionSettings, ConditionState, MAIN, anomaly, recent_antecedent, trigger,
};
use reading::Timestamp;

/// What is said at one reading.
pub struct Said {
    /// How far the score is above the limit from which the condition speaks.
    pub score: f64,
    /// Whether it speaks.
    pub alert: bool,
    /// Why, when it speaks.
    pub why: &'static str,
}

impl Said {
    const NOTHING: Self = Self { score: 0.0, alert: false, why: "" };
}

/// A series of more samples a second than this is a waveform: what ships for it is the trigger.
const WAVEFORM_HZ: f64 = 10.0;

/// Shows the condition every reading, in order. In configuration a person says which condition is for a series; here
/// its sampling does, from its first two stamps.
pub fn play(rows: &[(Timestamp, f64)]) -> Vec<Said> {
    if is_waveform(rows) { waveform(rows) } else { plain(rows) }
}

/// Whether the trigger is for it.
pub fn is_waveform(rows: &[(Timestamp, f64)]) -> bool {
    let interval = rows.get(1).zip(rows.first()).map(|(b, a)| b.0.since(a.0).as_secs_f64());
    interval.is_some_and(|interval| interval < 1.0 / WAVEFORM_HZ)
}

/// The published rain rule, recent against antecedent rain, over amounts in inches: whether it holds, row by row.
pub fn rain(rows: &[(Timestamp, f64)]) -> Vec<bool> {
    let condition = ConditionSettings::RecentAntecedent(recent_antecedent::Settings::SEATTLE);
    let mut state = condition.fresh();
    let held = rows.iter().map(|(at, inches)| {
        state.observe(&condition, MAIN, *at, inches * 25.4);
        state.held()
    });
    held.collect()
}

/// The anomaly condition over readings that are no waveform.
pub fn plain(rows: &[(Timestamp, f64)]) -> Vec<Said> {
    with(anomaly::Settings::default(), rows)
}

/// The same with other settings.
pub fn with(settings: anomaly::Settings, rows: &[(Timestamp, f64)]) -> Vec<Said> {
    let condition = ConditionSettings::Anomaly(settings);
    let mut state = condition.fresh();
    let said = rows.iter().map(|(at, value)| {
        state.observe(&condition, MAIN, *at, *value);
        let ConditionState::Anomaly(anomaly) = &state else { return Said::NOTHING };
        let verdict = anomaly.verdict(&settings);
        let why = verdict.told.map_or("", |told| told.reason.name());
        Said { score: verdict.score - verdict.limit, alert: state.held(), why }
    });
    said.collect()
}

fn waveform(rows: &[(Timestamp, f64)]) -> Vec<Said> {
    let settings = trigger::Settings::default();
    let condition = ConditionSettings::Trigger(settings);
    let mut state = condition.fresh();
    let said = rows.iter().map(|(at, value)| {
        state.observe(&condition, MAIN, *at, *value);
        let ConditionState::Trigger(trigger) = &state else { return Said::NOTHING };
        let score = (trigger.ratio() / settings.raise_at).max(1e-9).log10();
        Said { score, alert: state.held(), why: "trigger" }
    });
    said.collect()
}
