//! A siren that obeys commands, answers them, and never sounds longer than it may.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use reading::codec::Root;
use reading::{SiteId, StationId, Timestamp};
use rumqttc::{PublishOptions, QoS};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::link::session::{Address, Heard, Session, Will};
use crate::link::tls::identity;
use crate::message::{Status, Topics, json, korean_time};
use crate::pace::Pace;

/// The only pattern that a slope may sound (재난위험경보).
const PATTERN: &str = "disaster-warning";
/// Commands whose answer is remembered, so that a repeated one is answered and not obeyed again.
const REMEMBERED_MAX: usize = 64;
/// Messages on their way to the broker.
const WINDOW: u16 = 16;

/// How the device behaves.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Never answers and never sounds: a dead device behind a living connection.
    pub mute: bool,
    /// From command to answer.
    pub answer_delay: Duration,
    /// The longest it sounds, whatever a command says.
    pub duration_max: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            mute: false,
            answer_delay: Duration::from_millis(300),
            duration_max: Duration::from_secs(300),
        }
    }
}

/// What the horn does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// It can be heard.
    Sounding,
    /// It cannot.
    #[default]
    Silent,
}

/// What a siren has done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Heeded {
    /// What it does now.
    pub state: State,
    /// How often it began to sound.
    pub sounded: u64,
    /// How many commands it answered, repeated ones included.
    pub answered: u64,
}

/// The answer to a command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Answer {
    /// The command's own id.
    pub id: String,
    /// `done` or `refused`.
    pub result: &'static str,
    /// Why it was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What the horn does now.
    pub state: State,
    /// When.
    pub at: String,
}

#[derive(Deserialize)]
struct Command {
    id: String,
    command: String,
    /// About which incident: what one says, another does not take back.
    #[serde(default)]
    incident: String,
    pattern: Option<String>,
    duration_s: Option<f64>,
    screens: Option<Vec<Vec<String>>>,
    until: Option<String>,
    not_after: Option<String>,
}

/// The device without its connection: commands and moments in, answers out.
#[derive(Debug, Default)]
pub struct Horn {
    settings: Settings,
    /// Until when, by incident; it sounds while any of them has time left.
    until: BTreeMap<String, Timestamp>,
    /// What the board under the horn shows, and until when.
    shown: Option<(Vec<Vec<String>>, Timestamp)>,
    sounded: u64,
    remembered: VecDeque<Answer>,
}

impl Horn {
    /// A silent horn.
    pub fn new(settings: Settings) -> Self {
        Self { settings, ..Self::default() }
    }

    /// What it does at `now`.
    pub fn state(&self, now: Timestamp) -> State {
        if now < self.silent_at() { State::Sounding } else { State::Silent }
    }

    /// When the last of those who made it sound has had their time; in the past if it is silent.
    fn silent_at(&self) -> Timestamp {
        self.until.values().copied().max().unwrap_or(Timestamp::MIN)
    }

    /// Obeys a command. Nothing if it is mute or cannot tell what it was asked.
    pub fn obey(&mut self, payload: &[u8], now: Timestamp) -> Option<Answer> {
        if self.settings.mute {
            return None;
        }
        let command: Command = serde_json::from_slice(payload).ok()?;
        if let Some(before) = self.remembered.iter().find(|answer| answer.id == command.id) {
            return Some(Answer { state: self.state(now), ..before.clone() });
        }
        let refusal = self.carry_out(&command, now).err();
        let answer = Answer {
            id: command.id,
            result: if refusal.is_none() { "done" } else { "refused" },
            reason: refusal,
            state: self.state(now),
            at: korean_time(now),
        };
        if self.remembered.len() == REMEMBERED_MAX {
            self.remembered.pop_front();
        }
        self.remembered.push_back(answer.clone());
        Some(answer)
    }

    fn carry_out(&mut self, command: &Command, now: Timestamp) -> Result<(), String> {
        if let Some(text) = &command.not_after {
            let not_after =
                Timestamp::parse(text).map_err(|_| "not_after is not a time".to_owned())?;
            if now > not_after {
                return Err("too late: not_after has passed".into());
            }
        }
        match command.command.as_str() {
            "stop" => drop(self.until.remove(&command.incident)),
            "sound" => self.sound(command, now)?,
            "show" => self.show(command, now)?,
            "blank" => self.shown = None,
            "test" => {} // the answer is all there is to it
            other => {
                return Err(format!(
                    "unknown command `{}`",
                    other.chars().take(40).collect::<String>()
                ));
            }
        }
        Ok(())
    }

    fn sound(&mut self, command: &Command, now: Timestamp) -> Result<(), String> {
        if command.pattern.as_deref() != Some(PATTERN) {
            return Err(format!("no such pattern; this siren knows `{PATTERN}`"));
        }
        let wanted =
            command.duration_s.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        let wanted = wanted.ok_or("duration_s is missing or not a duration")?;
        self.until.retain(|_, until| now < *until);
        let until = now.plus(wanted.min(self.settings.duration_max));
        self.until.insert(command.incident.clone(), until);
        self.sounded += 1;
        Ok(())
    }

    /// What the board under the horn shows at `now`: lines by screen, nothing once they expired.
    pub fn shown(&self, now: Timestamp) -> &[Vec<String>] {
        match &self.shown {
            Some((screens, until)) if now < *until => screens,
            _ => &[],
        }
    }

    fn show(&mut self, command: &Command, now: Timestamp) -> Result<(), String> {
        let screens = command.screens.clone().filter(|screens| !screens.is_empty());
        let screens = screens.ok_or("there is nothing to show")?;
        let until = command.until.as_deref().and_then(|text| Timestamp::parse(text).ok());
        let until = until.ok_or("until is missing or not a time")?;
        if until <= now {
            return Err("too late: it has expired".into());
        }
        self.shown = Some((screens, until));
        Ok(())
    }

    fn heeded(&self, now: Timestamp, answered: u64) -> Heeded {
        Heeded { state: self.state(now), sounded: self.sounded, answered }
    }
}

/// A siren on a broker.
#[derive(Debug)]
pub struct Siren {
    topics: Topics,
    client_id: String,
    horn: Horn,
    heeded: watch::Sender<Heeded>,
}

impl Siren {
    /// The siren that is `station` of `site`.
    pub fn new(site: &SiteId, station: &StationId, settings: Settings) -> Self {
        Self {
            topics: Topics::new(site, station),
            client_id: identity(site, station),
            horn: Horn::new(settings),
            heeded: watch::Sender::new(Heeded::default()),
        }
    }

    /// The same siren listening under another root: that of a drill.
    #[must_use]
    pub fn under(mut self, root: Root, site: &SiteId, station: &StationId) -> Self {
        self.topics = Topics::under(root, site, station);
        self
    }

    /// What it does, to look at or to wait for.
    pub fn watch(&self) -> watch::Receiver<Heeded> {
        self.heeded.subscribe()
    }

    /// Serves commands until `stop`: subscribes, says `online` (retained; `offline` is its will), answers each
    /// command after its delay, falls silent by itself.
    pub async fn run(mut self, address: &Address, pace: &Pace, stop: CancellationToken) {
        let will = Will::retained(self.topics.status(), json(&Status::offline()));
        let polling = CancellationToken::new();
        let mut session =
            Session::open(address, &self.client_id, Some(will), WINDOW, polling.clone());
        tokio::select! {
            () = stop.cancelled() => (),
            () = self.serve(&mut session, pace) => (),
        }
        let offline = json(&Status::offline());
        let options = PublishOptions::at_least_once().retained();
        session.client.try_publish(self.topics.status(), offline, options).ok();
        session.close().await;
        polling.cancel();
    }

    async fn serve(&mut self, session: &mut Session, pace: &Pace) {
        let mut answered = 0;
        loop {
            let silent_at = self.horn.silent_at();
            let silence_at = if pace.now() < silent_at { silent_at } else { Timestamp::MAX };
            tokio::select! {
                heard = session.incoming.recv() => match heard {
                    Some(Heard::Connected(_)) => self.announce(session, pace.now()).await,
                    Some(Heard::Away) => {}
                    Some(Heard::Message(publish)) => {
                        pace.sleep_until(pace.now().plus(self.horn.settings.answer_delay)).await;
                        answered += u64::from(self.answer(session, &publish.payload, pace.now()).await);
                    }
                    None => return,
                },
                () = pace.sleep_until(silence_at) => {}
            }
            self.heeded.send_replace(self.horn.heeded(pace.now(), answered));
        }
    }

    async fn announce(&self, session: &Session, now: Timestamp) {
        let client = &session.client;
        client.subscribe(self.topics.command(), QoS::AtLeastOnce).await.ok();
        let options = PublishOptions::at_least_once().retained();
        client.publish(self.topics.status(), json(&Status::online(now)), options).await.ok();
    }

    /// Whether there was something to answer.
    async fn answer(&mut self, session: &Session, payload: &[u8], now: Timestamp) -> bool {
        let Some(answer) = self.horn.obey(payload, now) else {
            tracing::debug!(topic = self.topics.command(), "command not answered");
            return false;
        };
        let options = PublishOptions::at_least_once();
        session.client.publish(self.topics.result(), json(&answer), options).await.is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_secs(1_784_000_000 + seconds)
    }

    fn sound(id: &str, duration_s: f64, not_after: i64) -> Vec<u8> {
        let not_after = korean_time(at(not_after));
        format!(
            r#"{{"id":"{id}","command":"sound","pattern":"disaster-warning","duration_s":{duration_s},"not_after":"{not_after}"}}"#
        )
        .into_bytes()
    }

    #[test]
    fn sounds_for_its_time_and_answers_a_repeat_without_starting_over() {
        let mut horn = Horn::new(Settings::default());
        let answer = horn.obey(&sound("a", 180.0, 60), at(0)).unwrap();
        assert_eq!(
            (answer.id.as_str(), answer.result, answer.state),
            ("a", "done", State::Sounding)
        );
        let again = horn.obey(&sound("a", 180.0, 60), at(170)).unwrap();
        assert_eq!((again.result, again.state), ("done", State::Sounding));
        assert_eq!(horn.state(at(179)), State::Sounding);
        assert_eq!(horn.state(at(180)), State::Silent);
        assert_eq!(horn.sounded, 1);
    }

    #[test]
    fn the_device_limits_duration_itself() {
        let mut horn =
            Horn::new(Settings { duration_max: Duration::from_secs(10), ..Settings::default() });
        horn.obey(&sound("a", 1e9, 60), at(0)).unwrap();
        assert_eq!((horn.state(at(9)), horn.state(at(10))), (State::Sounding, State::Silent));
    }

    #[test]
    fn what_is_too_late_or_unknown_is_refused_with_a_reason() {
        let cases: [(Vec<u8>, &str); 6] = [
            (sound("late", 180.0, -1), "too late"),
            (sound("long", f64::from(-1), 60), "duration_s"),
            (
                br#"{"id":"p","command":"sound","pattern":"air-raid","duration_s":1}"#.to_vec(),
                "pattern",
            ),
            (br#"{"id":"q","command":"sound","duration_s":1}"#.to_vec(), "pattern"),
            (br#"{"id":"u","command":"explode"}"#.to_vec(), "unknown command"),
            (br#"{"id":"t","command":"stop","not_after":"soon"}"#.to_vec(), "not_after"),
        ];
        for (payload, reason) in cases {
            let mut horn = Horn::new(Settings::default());
            let answer = horn.obey(&payload, at(0)).unwrap();
            assert_eq!((answer.result, answer.state), ("refused", State::Silent));
            assert!(
                answer.reason.as_deref().is_some_and(|text| text.contains(reason)),
                "{answer:?}"
            );
        }
    }

    #[test]
    fn a_board_shows_until_it_expires_or_is_told_to_go_blank() {
        let show = |until: i64| {
            let until = korean_time(at(until));
            format!(
                r#"{{"id":"s-{until}","command":"show","screens":[["붕괴위험","통행금지"]],"screen_s":3,"until":"{until}"}}"#
            )
        };
        let mut post = Horn::new(Settings::default());
        assert_eq!(post.obey(show(60).as_bytes(), at(0)).unwrap().result, "done");
        assert_eq!((post.shown(at(59)).len(), post.shown(at(60)).len()), (1, 0));
        assert_eq!(post.state(at(59)), State::Silent, "showing makes no sound");
        assert_eq!(post.obey(show(90).as_bytes(), at(0)).unwrap().result, "done");
        assert_eq!(post.obey(br#"{"id":"b","command":"blank"}"#, at(1)).unwrap().result, "done");
        assert!(post.shown(at(2)).is_empty());
        assert_eq!(post.obey(show(-1).as_bytes(), at(0)).unwrap().result, "refused");
        let nothing = br#"{"id":"n","command":"show","screens":[],"until":"2027-01-01T00:00:00Z"}"#;
        assert_eq!(post.obey(nothing, at(0)).unwrap().result, "refused");
    }

    #[test]
    fn stop_is_a_command() {
        let mut horn = Horn::new(Settings::default());
        horn.obey(&sound("a", 180.0, 60), at(0)).unwrap();
        let answer = horn.obey(br#"{"id":"b","command":"stop"}"#, at(5)).unwrap();
        assert_eq!((answer.result, answer.state), ("done", State::Silent));
        let json = String::from_utf8(json(&answer)).unwrap();
        assert!(
            json.starts_with(r#"{"id":"b","result":"done","state":"silent","at":"2026-07-1"#),
            "{json}"
        );
    }

    #[test]
    fn a_siren_that_two_sites_share_is_silent_once_both_say_so() {
        let named = |id: &str, command: &str, incident: &str| {
            format!(r#"{{"id":"{id}","command":"{command}","incident":"{incident}","pattern":"disaster-warning","duration_s":180}}"#)
                .into_bytes()
        };
        let mut horn = Horn::new(Settings::default());
        horn.obey(&named("1", "sound", "north"), at(0)).unwrap();
        horn.obey(&named("2", "sound", "south"), at(10)).unwrap();
        assert_eq!(horn.obey(&named("3", "stop", "north"), at(20)).unwrap().state, State::Sounding);
        assert_eq!(horn.obey(&named("4", "stop", "south"), at(30)).unwrap().state, State::Silent);
    }

    #[test]
    fn a_mute_siren_and_nonsense_get_no_answer() {
        let mut mute = Horn::new(Settings { mute: true, ..Settings::default() });
        assert_eq!(mute.obey(&sound("a", 180.0, 60), at(0)), None);
        let mut horn = Horn::new(Settings::default());
        for nonsense in [&b""[..], b"{", b"[]", b"{\"command\":\"stop\"}", b"\xff"] {
            assert_eq!(horn.obey(nonsense, at(0)), None);
        }
    }

    #[test]
    fn memory_of_commands_is_bounded() {
        let mut horn = Horn::new(Settings::default());
        for n in 0..1_000 {
            horn.obey(&sound(&format!("c-{n}"), 1.0, 60), at(0)).unwrap();
        }
        assert_eq!(horn.remembered.len(), REMEMBERED_MAX);
    }
}
