//! The whole configuration as one struct: load, check, resolve.
//!
//! One main file for the daemon, one file a site beside it. Every file is parsed into a tree in which each key
//! and value knows its place, walked once by hand, and every problem is collected ([`Problems`]) before anything
//! starts. What comes out is [`Setup`], which decides, and the settings of the rooms that do I/O. Secrets stay
//! references until start ([`resolve_secret`]).

mod problem;
mod value;
mod tree;
mod table;
#[cfg(test)]
mod reference;
mod source;
mod secret;
mod geometry;
mod archive;
mod history;
mod daemon;
mod layouts;
mod feeds;
mod collectors;
mod wires;
mod calibration;
mod stations;
mod templates;
mod limits;
mod pattern;
mod companions;
mod conditions;
mod validity;
mod when;
mod clauses;
mod rules;
mod silence;
mod doubt;
mod sites;
mod groups;
mod rotas;
mod ladders;
mod inhibitions;
mod contacts;
mod routes;
mod channels;
mod texts;
mod audit;
mod layers;
mod documents;
mod heartbeat;
mod exercise;
mod resolve;
mod demo;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use alerting::condition::ConditionSettings;
use alerting::setup::Setup;
use delivery::text::{Template, Texts};
use ingest::archive::history::Keep;
use reading::{Quantity, SiteId};

pub use archive::ArchiveSettings;
pub use audit::HeadSettings;
pub use channels::{
    AgencyChannel, AlertmanagerSettings, CapSettings, CellBroadcastSettings, CellGateway, Channel,
    ChannelKind, ChatSettings, GatewaySettings, HttpSettings, HttpUrl, MailSettings,
    PublicAddressChannel, Signing, SirenSettings, SmppSettings, TopicSettings, WebhookSettings,
};
pub use collectors::{
    BrokerSettings, BrokerUser, Collector, CollectorKind, FetchSettings, MqttSettings,
};
pub use daemon::{Http, JournalSettings, Tls};
pub use demo::CONTACTS as DEMO_CONTACTS;
pub use demo::sources as demo_sources;
pub use documents::Document;
pub use exercise::{ExerciseChannel, ExerciseKind, ExerciseSettings};
pub use feeds::host as sparkplug_host;
pub(crate) use feeds::{station as mapped_station, target as mapped_target};
pub use heartbeat::HeartbeatSettings;
pub use layers::{Form, Layer, LayerKind, Shape};
pub use problem::{Gravity, Place, Problem, Problems};
pub use secret::{SecretError, SecretRef, resolve_secret};
pub(crate) use stations::usual_noise;
pub(crate) use value::Fault;
pub(crate) use value::{duration, duration_text};
pub use wires::{ModbusSettings, SerialSettings};

use resolve::resolve;
use source::Folder;

const DAY: Duration = Duration::from_secs(86_400);

/// What a report may need in real time from a simulated station to the desk on a busy machine.
const ROAD_MAX: Duration = Duration::from_secs(2);

/// Everything that is set, resolved and checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// The main file, if it was read from one.
    pub file: Option<PathBuf>,
    /// Where journal, ledger and history lie.
    pub data_dir: PathBuf,
    /// CAP's `sender`; the name people read is in `setup`.
    pub sender_id: String,
    /// Where people ask, in messages; may be empty.
    pub contact: String,
    /// The table of persons that can be reached, if there is one.
    pub contacts: Option<PathBuf>,
    /// What is said in place of the catalogue's own words.
    pub templates: Vec<Template>,
    /// Where the board is served.
    pub http: Http,
    /// What the map shows beside the sites.
    pub layers: Vec<Layer>,
    /// What is written about sites and lies elsewhere.
    pub documents: BTreeMap<SiteId, Vec<Document>>,
    /// How much of the journal is kept.
    pub journal: JournalSettings,
    /// How soon after the measurement an alert is to be proven delivered.
    pub objective: Duration,
    /// Where readings are kept for years, if anywhere.
    pub archive: Option<ArchiveSettings>,
    /// How much of the past the board can draw by itself.
    pub history: Keep,
    /// Whom it tells that it is alive, if anybody.
    pub heartbeat: Option<HeartbeatSettings>,
    /// To whom the head of the audit trail is told, if to anybody.
    pub head: Option<HeadSettings>,
    /// The folder of the sites' files, relative to the main file.
    pub sites: PathBuf,
    /// The templates of instruments, and what each measures.
    pub instruments: BTreeMap<String, Vec<Quantity>>,
    /// The ways in.
    pub collectors: Vec<Collector>,
    /// The ways out; who hears what on them is in `setup.routes`, in the same order.
    pub channels: Vec<Channel>,
    /// Who takes part in drills, and how they are reached.
    pub exercise: ExerciseSettings,
    /// What decides, as the journal records it: no secrets, no addresses.
    pub setup: Setup,
    /// What somebody should look at.
    pub warnings: Problems,
}

impl Config {
    /// Loads a main file and the sites' files it names.
    ///
    /// # Errors
    /// Every problem of every file, and the warnings among them.
    pub fn load(path: &Path) -> Result<Self, Problems> {
        Self::load_with(path, &BTreeMap::new())
    }

    /// The same where some files say something else than on disk, by their path relative to the main file.
    ///
    /// # Errors
    /// Every problem of every file, and the warnings among them.
    pub fn load_with(path: &Path, changed: &BTreeMap<String, String>) -> Result<Self, Problems> {
        let main = path.file_name().unwrap_or_default().to_string_lossy();
        let folder = Folder::changed(path.parent().unwrap_or(Path::new("")), changed);
        Ok(Self { file: Some(path.into()), ..resolve(&main, &folder)? })
    }

    /// The same from texts by file name, `sites/cut-12.toml` for the file of a site: for the demo and for tests.
    /// Files the configuration refers to are not looked at.
    ///
    /// # Errors
    /// Every problem of every file, and the warnings among them.
    pub fn from_sources(main: &str, sources: &BTreeMap<String, String>) -> Result<Self, Problems> {
        resolve(main, &Folder::given(sources))
    }

    /// The demo's configuration, which is part of the program.
    ///
    /// # Errors
    /// Its problems; that it has none is tested.
    pub fn demo() -> Result<Self, Problems> {
        Self::from_sources(demo::MAIN, &demo::sources())
    }

    /// The template that a sensor of this quantity usually is of: the first that measures it alone, or else at all.
    pub fn usual_instrument(&self, quantity: Quantity) -> Option<&str> {
        templates::usual(quantity)
    }

    /// What channels say, in words of the installation where it has some.
    pub fn texts(&self) -> Texts {
        let link = self.http.public_url.clone().unwrap_or_default();
        Texts::new(self.templates.clone(), self.setup.sender.clone(), self.contact.clone(), link)
    }

    /// The same configuration where journal time runs `speed` times as fast as real time: waits that end when
    /// another machine answers are real, so they last `speed` times as long in the journal's time, and silence is
    /// given what the road takes.
    #[must_use]
    pub fn for_simulated_clock(mut self, speed: f64) -> Self {
        for route in &mut self.setup.routes {
            let retry = &mut route.retry;
            retry.first = retry.first.mul_f64(speed);
            retry.max = retry.max.mul_f64(speed);
            retry.receipt_within = retry.receipt_within.map(|within| within.mul_f64(speed));
            let attempts = 3 * (retry.first + retry.receipt_within.unwrap_or_default());
            retry.expire_after = retry.expire_after.max(attempts);
        }
        for group in &mut self.setup.groups {
            group.remind = group.remind.mul_f64(speed);
        }
        for ladder in &mut self.setup.ladders {
            let within = &mut ladder.within;
            for time in [
                &mut within.attention,
                &mut within.caution,
                &mut within.warning,
                &mut within.severe,
            ] {
                *time = time.mul_f64(speed);
            }
        }
        for channel in &mut self.channels {
            match &mut channel.kind {
                ChannelKind::Siren(siren) => siren.valid_for = siren.valid_for.mul_f64(speed),
                ChannelKind::Signboard(sign) => sign.valid_for = sign.valid_for.mul_f64(speed),
                _ => {}
            }
        }
        for clause in self.setup.rules.iter_mut().flat_map(|rule| &mut rule.clauses) {
            if let ConditionSettings::Silence(silence) = &mut clause.condition {
                silence.after += ROAD_MAX.mul_f64(speed);
            }
        }
        self.setup.registry.set_road(ROAD_MAX.mul_f64(speed));
        self
    }
}
