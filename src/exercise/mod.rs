//! Drills: the whole road beside live operation, on simulated stations, with everything of its own.
//!
//! A drill is a second daemon in the same process, of the operation [`Exercise`](delivery::Exercise): its own clock,
//! broker, journal, ledger, channels, recipients, topic root, CAP feed and board, in a folder of its own under
//! `exercises/`. It shares who may sign in, and nothing else. What keeps it from the live operation are types
//! ([`delivery::operation`]).
//!
//! A real incident interrupts it: nothing more is sent, and every page of it says so. There is one drill at a time, and
//! it ends with the process.

mod plan;
mod field;
mod report;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use alerting::Level;
use alerting::catalogue::{self, Language};
use firmware_sim::Scenario;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use ingest::clock::Clock;
use parking_lot::Mutex;
use reading::Timestamp;
use reading::registry::Text;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::board::{Beside, DrillError, DrillOrder, Drills, Notice, NoticeKind, Tokens};
use crate::config::Config;
use crate::daemon::{ClockTrust, Company, Daemon};
use crate::overview::{self, Overview};
pub(crate) use plan::log_route;
use plan::{Plan, plan};
pub use report::{Group, Head, Missed, Played, Reached, Report, State};

/// A drill runs so many times as fast as real time, unless somebody says otherwise: a storm of half a day in some
/// minutes.
const SPEED: f64 = 60.0;

/// The fastest a drill may run.
const SPEED_MAX: f64 = 3_600.0;

/// A real incident of this level or more interrupts a drill.
const REAL_FROM: Level = Level::Caution;

/// How often it is looked for one.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// How long the board of an interrupted drill stays, to say why.
const LINGER: Duration = Duration::from_secs(600);

/// How many drills are listed.
const LISTED_MAX: usize = 50;

/// Starts drills, ends them, and knows what came of them.
pub struct Exercises {
    config: Config,
    folder: PathBuf,
    live: OnceLock<Live>,
    running: tokio::sync::Mutex<Option<Running>>,
    /// The head of the one that runs, for pages.
    shown: Arc<Mutex<Option<Head>>>,
}

/// The live operation, as far as a drill has to know it.
struct Live {
    overview: overview::Shared,
    tokens: Tokens,
    url: String,
}

struct Running {
    stop: CancellationToken,
    ended_by: Arc<Mutex<Option<String>>>,
    task: JoinHandle<Head>,
}

impl Exercises {
    /// For drills beside a daemon of this configuration. None starts before [`open`](Self::open).
    pub fn new(config: &Config) -> Arc<Self> {
        Arc::new(Self {
            folder: config.data_dir.join("exercises"),
            config: config.clone(),
            live: OnceLock::new(),
            running: tokio::sync::Mutex::new(None),
            shown: Arc::default(),
        })
    }

    /// From here on drills may start: the live operation runs, with its board at `http`.
    pub fn open(&self, overview: overview::Shared, tokens: Tokens, http: SocketAddr) {
        let url = self.config.http.public_url.clone().unwrap_or_else(|| format!("http://{http}"));
        self.live.set(Live { overview, tokens, url }).ok();
    }

    /// Ends the drill that runs, if one does, and waits for that.
    pub async fn shutdown(&self) {
        if let Some(running) = self.running.lock().await.take() {
            running.stop.cancel();
            running.task.await.ok();
        }
    }

    async fn begin(&self, order: DrillOrder, by: &str) -> Result<Report, DrillError> {
        let mut running = self.running.lock().await;
        if let Some(head) = self.shown.lock().as_ref() {
            return Err(DrillError::Refused(catalogue::text("exercise-other", &[&head.id])));
        }
        let live = self.live.get().ok_or_else(|| DrillError::Failed("not open yet".into()))?;
        let now = live.overview.load_full();
        if let Some(real) = real(&now) {
            return Err(DrillError::Refused(said("exercise-real", &real)));
        }
        let speed = order.speed.unwrap_or(SPEED);
        if !(1.0..=SPEED_MAX).contains(&speed) {
            return Err(DrillError::Refused(catalogue::text("exercise-speed", &[])));
        }
        let started_at = Clock::system().wall();
        let scenario = scenario(&order)?.starting_at(started_at);
        let id = id(started_at);
        let folder = self.folder.join(&id);
        let plan = plan(&self.config, &now.setup, scenario, &order.sites, &folder, speed)
            .map_err(DrillError::Refused)?;
        let failed = |error: anyhow::Error| DrillError::Failed(format!("{error:#}"));
        std::fs::create_dir_all(&folder).map_err(|error| failed(error.into()))?;
        let clock = Clock::simulated(started_at, speed);
        let interruption = Interruption { live: live.overview.clone(), url: live.url.clone() };
        let company = Company {
            tokens: Some(live.tokens.clone()),
            beside: Arc::new(interruption),
            drills: None,
        };
        let Plan { config, roads, scenario, sites } = plan;
        let url = config.http.public_url.clone();
        let starting = Daemon::with(config, &roads, clock.clone(), ClockTrust::Given, company);
        let daemon = Box::pin(starting).await.map_err(failed)?;
        let head = Head {
            id,
            scenario: scenario.name.clone(),
            speed,
            sites: sites.iter().map(ToString::to_string).collect(),
            started_at,
            started_by: by.into(),
            ended_at: None,
            state: State::Running,
            board: Some(url.unwrap_or_else(|| format!("http://{}", daemon.http))),
            note: None,
        };
        head.write(&folder).map_err(|error| failed(error.into()))?;
        *self.shown.lock() = Some(head.clone());
        tracing::info!(
            exercise = head.id,
            scenario = head.scenario,
            speed,
            by,
            "an exercise begins"
        );
        let (stop, ended_by) = (CancellationToken::new(), Arc::new(Mutex::new(None)));
        let drill = Drill {
            head: head.clone(),
            folder: folder.clone(),
            stop: stop.clone(),
            ended_by: ended_by.clone(),
            live: live.overview.clone(),
            shown: self.shown.clone(),
        };
        let task = tokio::spawn(drill.run(daemon, scenario, sites, clock));
        *running = Some(Running { stop, ended_by, task });
        Report::read(&folder, true).map_err(failed)
    }

    async fn end(&self, by: &str) -> Result<Report, DrillError> {
        let mut slot = self.running.lock().await;
        let Some(running) = slot.as_mut().filter(|_| self.shown.lock().is_some()) else {
            return Err(DrillError::Refused(catalogue::text("exercise-not-running", &[])));
        };
        *running.ended_by.lock() = Some(by.into());
        running.stop.cancel();
        let ended = (&mut running.task).await;
        *slot = None;
        let head = ended.map_err(|error| DrillError::Failed(error.to_string()))?;
        Report::read(&self.folder.join(&head.id), false)
            .map_err(|error| DrillError::Failed(format!("{error:#}")))
    }

    fn is_running(&self, id: &str) -> bool {
        self.shown.lock().as_ref().is_some_and(|head| head.id == id)
    }
}

/// One drill while it runs.
struct Drill {
    head: Head,
    folder: PathBuf,
    stop: CancellationToken,
    ended_by: Arc<Mutex<Option<String>>>,
    live: overview::Shared,
    shown: Arc<Mutex<Option<Head>>>,
}

impl Drill {
    async fn run(
        mut self,
        daemon: Daemon,
        scenario: Scenario,
        sites: std::collections::BTreeSet<reading::SiteId>,
        clock: Clock,
    ) -> Head {
        let (field_stop, silence) = (CancellationToken::new(), daemon.silence());
        let field = field::start(&daemon, &scenario, &sites, &clock, &field_stop);
        let end = clock.sleep_until(scenario.end());
        let (head, stop, folder) = (Mutex::new(self.head.clone()), self.stop.clone(), &self.folder);
        let over = async {
            let real = tokio::select! {
                () = stop.cancelled() => None,
                () = end => None,
                real = interrupted(&self.live) => Some(real),
            };
            field_stop.cancel();
            let Some(real) = real else { return };
            silence.cancel();
            tracing::warn!(
                exercise = self.head.id,
                site = real.site.en,
                "a real incident interrupts the exercise"
            );
            {
                let mut head = head.lock();
                head.state = State::Interrupted;
                head.note = Some(said("exercise-interrupted", &real));
                head.write(folder).ok();
                *self.shown.lock() = Some(head.clone());
            }
            tokio::time::timeout(LINGER, stop.cancelled()).await.ok();
        };
        let result = daemon.run_until(over).await;
        field_stop.cancel();
        field.join_all().await;
        self.head = head.into_inner();
        self.head.ended_at = Some(Clock::system().wall());
        if let Err(error) = result {
            tracing::error!(
                exercise = self.head.id,
                error = format!("{error:#}"),
                "an exercise failed"
            );
            self.head.state = State::Failed;
            self.head.note = Some(catalogue::text("exercise-fault", &[&format!("{error:#}")]));
        } else if self.head.state == State::Running {
            self.head.state = State::Ended;
            let by = self.ended_by.lock().clone();
            self.head.note = by.map(|by| catalogue::text("exercise-ended-by", &[&by]));
        }
        if let Err(error) = self.head.write(&self.folder) {
            tracing::error!(%error, "what came of the exercise cannot be written");
        }
        *self.shown.lock() = None;
        tracing::info!(exercise = self.head.id, state = ?self.head.state, "an exercise is over");
        self.head
    }
}

impl Drills for Exercises {
    fn start(&self, order: DrillOrder, by: &str) -> BoxFuture<'_, Result<Report, DrillError>> {
        let by = by.to_owned();
        async move { self.begin(order, &by).await }.boxed()
    }

    fn stop(&self, by: &str) -> BoxFuture<'_, Result<Report, DrillError>> {
        let by = by.to_owned();
        async move { self.end(&by).await }.boxed()
    }

    fn list(&self) -> Vec<Report> {
        let entries = std::fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let mut names: Vec<String> =
            entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
        names.sort_unstable_by(|a, b| b.cmp(a));
        names.iter().take(LISTED_MAX).filter_map(|id| self.report(id).ok()).collect()
    }

    fn report(&self, id: &str) -> Result<Report, DrillError> {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
        let folder = self.folder.join(id);
        if id.is_empty() || !id.chars().all(plain) || !Head::path(&folder).is_file() {
            return Err(DrillError::Unknown);
        }
        Report::read(&folder, self.is_running(id))
            .map_err(|error| DrillError::Failed(format!("{error:#}")))
    }
}

impl Beside for Exercises {
    fn now(&self) -> Option<Notice> {
        let running = self.shown.lock();
        let head = running.as_ref()?;
        let what = catalogue::text("exercise-beside", &[&head.scenario, &head.speed.to_string()]);
        Some(Notice { kind: NoticeKind::Exercise, what, link: head.board.clone() })
    }
}

/// What the board of a drill says when something really happens.
struct Interruption {
    live: overview::Shared,
    url: String,
}

impl Beside for Interruption {
    fn now(&self) -> Option<Notice> {
        let real = real(&self.live.load())?;
        let what = text(|language| {
            format!("{} {}", real.name(language), catalogue::level(real.level, language))
        });
        Some(Notice { kind: NoticeKind::Real, what, link: Some(self.url.clone()) })
    }
}

/// Something that really happens.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Real {
    site: Text,
    level: Level,
}

impl Real {
    fn name(&self, language: Language) -> &str {
        match language {
            Language::Ko => &self.site.ko,
            Language::En => &self.site.en,
        }
    }
}

/// The most serious that really happens at present, if it is serious enough. What is wrong with instruments or with
/// bongsu itself interrupts nothing.
fn real(overview: &Overview) -> Option<Real> {
    let serious = overview.sites.iter().filter(|view| {
        view.level >= REAL_FROM && view.incidents.iter().any(|id| !id.contains("_monitoring_"))
    });
    let view = serious.max_by_key(|view| view.level)?;
    let site = overview.setup.registry.sites().get(view.site.index())?;
    Some(Real { site: site.name.clone(), level: view.level })
}

async fn interrupted(live: &overview::Shared) -> Real {
    loop {
        if let Some(real) = real(&live.load()) {
            return real;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

fn said(key: &'static str, real: &Real) -> Text {
    text(|language| {
        let values = [real.name(language), catalogue::level(real.level, language)];
        catalogue::fill(key, language, &values)
    })
}

fn text(say: impl Fn(Language) -> String) -> Text {
    Text { ko: say(Language::Ko), en: say(Language::En) }
}

/// The scenario that is asked for. A path is nothing to open for whoever asks over the network.
fn scenario(order: &DrillOrder) -> Result<Scenario, DrillError> {
    let wrong =
        |error: String| DrillError::Refused(catalogue::text("exercise-scenario", &[&error]));
    let loaded = match &order.file {
        Some(text) => Scenario::parse(&order.scenario, text),
        None if order.scenario.contains(['/', '.']) => {
            return Err(wrong(format!("there is none called `{}`", order.scenario)));
        }
        None => Scenario::load(&order.scenario),
    };
    loaded.map_err(|error| {
        let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}"));
        wrong(format!("{error}{}", cause.unwrap_or_default()))
    })
}

/// Names a drill after when it began.
fn id(at: Timestamp) -> String {
    let whole = Timestamp::from_secs(at.nanos().div_euclid(1_000_000_000));
    whole.to_string().chars().filter(|c| *c != ':').collect()
}

/// What a drill left in its folder.
fn ledger(folder: &Path) -> PathBuf {
    folder.join("data").join("ledger.sqlite")
}
