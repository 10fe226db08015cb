//! The ways out of a drill: those who take part, and the devices of its scenario. Made of the configuration of drills
//! alone; every one is a channel of the operation [`Exercise`].

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use alerting::catalogue::Language;
use alerting::text::Sign;
use anyhow::Context;
use delivery::channel::Rehearsed;
use delivery::channel::cap::Profile;
use delivery::channel::log::Log;
use delivery::channel::signboard::{Signboard, SignboardSettings};
use delivery::channel::siren::{Siren, SirenSettings};
use delivery::{Channel, Exercise};
use reading::id::ChannelId;
use reading::{SiteId, StationId};

use super::{Channels, Ground, Roads, build};
use crate::config::{CapSettings, Config, ExerciseChannel, ExerciseKind};

/// What a board of a scenario can show (2 lines of 8 to 12 characters, alternating).
const SIGN: Sign = Sign { columns: 12, lines: 2, screens: 4 };

/// A device as a recipient: what it is called, and where it stands.
pub type Devices = BTreeMap<String, (SiteId, StationId)>;

/// The ways out of a drill.
pub struct DrillRoads {
    /// To those who take part.
    pub channels: Vec<ExerciseChannel>,
    /// The channel of the log.
    pub log: ChannelId,
    /// The channel of the CAP feed.
    pub cap: ChannelId,
    /// The channel of the topics of alerts.
    pub topics: ChannelId,
    /// The channel of each simulated siren, with what it is as a recipient and where it stands.
    pub sirens: Vec<(ChannelId, String, (SiteId, StationId))>,
    /// The channel of the simulated signboards, and what they are as recipients.
    pub boards: Option<(ChannelId, Devices)>,
    /// How much faster than real time the drill runs.
    pub speed: f64,
}

impl Roads for DrillRoads {
    type Operation = Exercise;

    fn has_cap(&self, _: &Config) -> bool {
        true
    }

    fn lay(&self, ground: &Ground<'_, Exercise>) -> anyhow::Result<Channels<Exercise>> {
        let mut all = Channels { channels: Vec::new(), cap: None, links: Vec::new() };
        let feed = build::feed(ground, &feed_settings(ground), &mut all.cap)?;
        all.channels.push((self.cap.clone(), Arc::new(Rehearsed::new(feed))));
        all.channels.push((self.log.clone(), Arc::new(Rehearsed::new(Log))));
        all.channels.push((self.topics.clone(), Arc::new(build::topics(ground, true))));
        for (id, recipient, place) in &self.sirens {
            let settings = SirenSettings {
                sirens: BTreeMap::from([(recipient.clone(), place.clone())]),
                valid_for: Duration::from_secs(120).mul_f64(self.speed),
                simulated: true,
                ..SirenSettings::default()
            };
            let siren =
                Siren::<Exercise>::new(settings, ground.commands.clone(), ground.time.clone());
            all.channels.push((id.clone(), Arc::new(siren)));
        }
        if let Some((id, boards)) = &self.boards {
            all.channels.push((id.clone(), Arc::new(self.signboards(ground, boards))));
        }
        for channel in &self.channels {
            let built = person(ground, channel)
                .with_context(|| format!("channel `{}` of the drill", channel.id))?;
            all.channels.push((channel.id.clone(), built));
        }
        Ok(all)
    }
}

impl DrillRoads {
    fn signboards(&self, ground: &Ground<'_, Exercise>, boards: &Devices) -> Signboard<Exercise> {
        let settings = SignboardSettings {
            boards: boards.clone(),
            sign: SIGN,
            screen_time: Duration::from_secs(3),
            language: Language::Ko,
            valid_for: Duration::from_secs(600).mul_f64(self.speed),
            simulated: true,
        };
        let (texts, time) = (ground.texts.clone(), ground.time.clone());
        Signboard::new(settings, texts, ground.commands.clone(), time)
    }
}

fn person(
    ground: &Ground<'_, Exercise>,
    channel: &ExerciseChannel,
) -> anyhow::Result<Arc<dyn Channel<Exercise>>> {
    Ok(match &channel.kind {
        ExerciseKind::Webhook(settings) => {
            Arc::new(Rehearsed::new(build::webhook(ground, settings)?))
        }
        ExerciseKind::Chat(settings) => Arc::new(Rehearsed::new(build::chat(ground, settings)?)),
        ExerciseKind::SmsSmpp(settings) => {
            Arc::new(Rehearsed::new(build::centre(ground, settings, &channel.id)?))
        }
        ExerciseKind::SmsAgency(settings) => {
            Arc::new(Rehearsed::new(build::agency(ground, settings)?))
        }
        ExerciseKind::Mail(settings) => {
            Arc::new(Rehearsed::new(build::post(ground, settings, &channel.id)?))
        }
    })
}

/// A drill's documents are signed by nobody and sent to nobody.
fn feed_settings(ground: &Ground<'_, Exercise>) -> CapSettings {
    CapSettings {
        contact: ground.config.contact.clone(),
        restriction: "훈련 참가자 (those who take part in the exercise)".into(),
        profile: Profile::default(),
        signing: None,
    }
}
