//! What people see and say: the board's page, the API, live events, sign-in, the CAP feed, the daemon's vitals.
//!
//! A view: it reads what desk, ledger and CAP store publish, decides nothing, and may be slow or fall over without
//! a delivery noticing. What people order leaves through [`CommandSink`] into the journal like everything else.
//!
//! One task (`live`) looks at the ledger whenever the desk committed and keeps `facts` for everybody; the page is
//! drawn from them and live events are told from them, so that watchers cost no queries. All that clients can pile up
//! is bounded: connections, watchers, sessions, bodies, lists, remembered orders, and the time anything may take.
//!
//! Who may do what stands in `routes` alone.

mod language;
mod problem;
mod tokens;
mod sessions;
mod shares;
mod devices;
mod throttle;
mod access;
mod sign_in;
mod account;
mod keeper;
mod door;
mod tls;
mod guard;
mod metrics;
mod facts;
mod words;
mod templates;
mod chart;
mod derived;
mod map;
mod labels;
mod drafts;
mod criteria;
mod administration;
mod reports;
mod inspections;
mod page;
mod api;
mod live;
mod cap;
mod exercises;
mod ogc;
mod open;
mod links;
mod vitals;
mod log;
mod assets;
#[cfg(test)]
mod sample;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use alerting::Command;
use alerting::engine::Verb;
use alerting::standing::{SiteAsk, SiteOrder};
use alerting::station::StationOrder;
use axum::Router;
use axum::body::Bytes;
use axum::extract::DefaultBodyLimit;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{get, post};
use delivery::channel::cap::Store;
use delivery::contacts::Directory;
use delivery::{Ledger, LedgerError};
use futures_util::future::BoxFuture;
use ingest::archive::history::{HistoryError, HistoryReader};
use reading::codec::PAYLOAD_LEN_MAX;
use reading::registry::Text;
use reading::{SiteId, Timestamp};
use tokio::net::TcpListener;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinError;
use tokio_util::sync::CancellationToken;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;

use crate::criteria::Criteria;
use crate::inspections::PHOTO_LEN_MAX;
use crate::overview;
use problem::Problem;

pub use crate::people::{Person, Role};
pub use drafts::{Speaker, Speakers};
pub use exercises::{Beside, DrillError, DrillOrder, Drills, Notice, NoticeKind};
pub use links::{LinkView, Links};
pub use tls::{Certificate, TlsError};
pub use tokens::{Token, TokenError, Tokens};
pub use vitals::{Check, Health, Vital};

/// The largest request body, bytes.
pub const BODY_LEN_MAX: usize = 64 * 1024;

/// How many watch the live events at once. Of the last quarter, one person has none beyond as many.
pub const WATCHERS_MAX: usize = 256;
const WATCHERS_SPARE: usize = WATCHERS_MAX / 4;

/// How many reads of the ledger and other files run for clients at once; further ones wait their turn.
const READS_MAX: usize = 4;

/// How many run for those who are not signed in.
const PUBLIC_READS_MAX: usize = 2;

/// How many reads of the history run for clients at once.
const HISTORY_READS_MAX: usize = 4;

/// How many passwords are looked at once; each takes 19 MiB and a core for a while.
const HASHING_MAX: usize = 2;

/// How long open requests may take to end when we stop.
const STOP_GRACE: Duration = Duration::from_secs(5);

/// Where a person's order goes: the daemon journals it and waits for the desk's decision.
pub trait CommandSink: Send + Sync {
    /// Hands an order over. Ends once the desk has decided, or with the reason why it could not be journaled.
    fn order(&self, order: Order) -> BoxFuture<'_, Result<Ordered, String>>;
}

/// What a person orders.
#[derive(Clone, Debug, PartialEq)]
pub enum Order {
    /// About an incident.
    Incident(Command),
    /// Of a station.
    Station(StationOrder),
    /// About a site.
    Site(SiteOrder),
}

impl Order {
    /// Names this one order.
    pub fn id(&self) -> &str {
        match self {
            Self::Incident(command) => &command.id,
            Self::Station(order) => &order.id,
            Self::Site(order) => &order.id,
        }
    }

    /// What of it is the same when it is asked for again: not the address of a phone that changed its network, and not
    /// what is reckoned from the moment it is asked for ("for 2 h", "reads 0").
    fn repeated(&self) -> Self {
        let mut order = self.clone();
        match &mut order {
            Self::Incident(command) => command.from.clear(),
            Self::Station(order) => order.from.clear(),
            Self::Site(order) => {
                order.from.clear();
                match &mut order.ask {
                    SiteAsk::Silence { until, .. }
                    | SiteAsk::Maintain { until, .. }
                    | SiteAsk::Report { until, .. } => *until = Timestamp::MAX,
                    SiteAsk::ReZero { offset, .. } => *offset = 0.0,
                    SiteAsk::End { .. } => {}
                }
            }
        }
        order
    }

    /// What is ordered.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Incident(command) => command.verb.name(),
            Self::Station(order) => order.ask.name(),
            Self::Site(order) => order.ask.name(),
        }
    }
}

/// Where readings of the past go that somebody hands over.
pub trait PastSink: Send + Sync {
    /// Journals a message. Ends once the desk has it, with its position, or with the reason why it could not be.
    fn take(&self, past: Past) -> BoxFuture<'_, Result<u64, String>>;
}

/// A message of the past.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Past {
    /// The collector its station reports through.
    pub source: String,
    /// Its topic, `bongsu/v1/{site}/{station}/backfill`.
    pub topic: String,
    /// The message as a station would send it there.
    pub payload: Bytes,
}

/// What the desk decided on an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ordered {
    /// The journal position of the order.
    pub sequence: u64,
    /// Whether it was taken.
    pub accepted: bool,
    /// Why not, or what follows.
    pub reason: Text,
}

/// What the board is given by the daemon.
#[derive(Clone)]
pub struct BoardState {
    /// Where everything stands, as published by the desk.
    pub overview: overview::Shared,
    /// Decisions, incidents, deliveries, quarantine.
    pub ledger: Arc<Ledger>,
    /// Changes after each commit of the desk.
    pub updates: watch::Receiver<u64>,
    /// Where orders go.
    pub commands: Arc<dyn CommandSink>,
    /// The past of every series.
    pub history: HistoryReader,
    /// Where readings of the past go.
    pub past: Arc<dyn PastSink>,
    /// The published CAP documents, if there is such a channel.
    pub cap: Option<Arc<Store>>,
    /// How soon after the measurement an alert is to be proven delivered.
    pub objective: Duration,
    /// Every metric of the process.
    pub metrics: prometheus::Registry,
    /// How the daemon is doing.
    pub health: Arc<dyn Health>,
    /// Who may come in.
    pub tokens: Tokens,
    /// What people call the time: the daemon's clock, which may be simulated.
    pub clock: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    /// The address others know us by, if configured.
    pub public_url: Option<String>,
    /// What goes on beside what this board shows.
    pub beside: Arc<dyn Beside>,
    /// Who starts and ends drills, where there may be any.
    pub drills: Option<Arc<dyn Drills>>,
    /// What TLS is spoken with, if it is spoken here.
    pub certificate: Option<Certificate>,
    /// Proxies, whose word is taken for where a request came from.
    pub proxies: Vec<std::net::IpAddr>,
    /// Whether `/open/` is there.
    pub open_data: bool,
    /// Who looks at the ways out.
    pub links: Arc<dyn Links>,
    /// What people found at sites.
    pub inspections: Arc<crate::inspections::Inspections>,
    /// What channels say.
    pub speakers: Arc<Speakers>,
    /// What the map shows beside the sites.
    pub layers: Vec<crate::config::Layer>,
    /// Where what is written about sites lies.
    pub documents: BTreeMap<SiteId, Vec<crate::config::Document>>,
    /// The files of the criteria, if there are any.
    pub criteria: Option<Arc<Criteria>>,
    /// The folder of the journal, out of which single messages are read again.
    pub journal: PathBuf,
    /// Who can be reached, if there is a table of them.
    pub contacts: Option<Arc<Directory>>,
    /// How loud the log is.
    pub log: crate::logging::Levels,
}

/// Why the board could not be served.
#[derive(Debug, thiserror::Error)]
pub enum BoardError {
    /// A metric could not be registered; a fault of ours.
    #[error("board: a metric is registered twice; please report this")]
    Metrics(#[from] prometheus::Error),
    /// A page that is part of the program does not parse; a fault of ours.
    #[error("board: a page does not parse; please report this")]
    Template(#[from] minijinja::Error),
    /// There is no chance to be had.
    #[error(transparent)]
    People(#[from] crate::people::PeopleError),
    /// The listener failed.
    #[error("board: cannot serve; check the address it listens on")]
    Serve(#[from] std::io::Error),
}

/// What every handler shares.
struct App {
    state: BoardState,
    live: live::Live,
    orders: api::Remembered,
    throttle: throttle::Throttle,
    devices: devices::Devices,
    templates: templates::Templates,
    assets: assets::Assets,
    map: Vec<map::Drawn>,
    metrics: metrics::Metrics,
    reads: Arc<Semaphore>,
    public_reads: Arc<Semaphore>,
    history_reads: Arc<Semaphore>,
    hashing: Arc<Semaphore>,
    rehearsing: Arc<Semaphore>,
    watchers: Arc<Semaphore>,
    watching: shares::Shares<Arc<str>>,
    stop: CancellationToken,
}

type Shared = Arc<App>;

/// A turn among those who work beside the tasks that serve.
async fn turn(turns: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit, Problem> {
    turns.clone().acquire_owned().await.map_err(|error| Problem::fault("wait for a turn", &error))
}

/// Works beside the tasks that serve. The turn ends with the work: whoever wanted it may have gone long before, and
/// couriers share the threads.
async fn in_turn<T: Send + 'static>(
    turn: OwnedSemaphorePermit,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, JoinError> {
    tokio::task::spawn_blocking(move || {
        let _turn = turn;
        work()
    })
    .await
}

impl App {
    fn new(state: BoardState, stop: CancellationToken) -> Result<Shared, BoardError> {
        let assets = assets::Assets::new();
        Ok(Arc::new(Self {
            live: live::Live::new(&state),
            orders: api::Remembered::default(),
            throttle: throttle::Throttle::default(),
            devices: devices::Devices::new(&state.tokens.own_secret()?),
            templates: templates::Templates::new(&assets, state.beside.clone())?,
            assets,
            map: map::layers(&state.layers),
            metrics: metrics::Metrics::register(&state.metrics)?,
            reads: Arc::new(Semaphore::new(READS_MAX)),
            public_reads: Arc::new(Semaphore::new(PUBLIC_READS_MAX)),
            history_reads: Arc::new(Semaphore::new(HISTORY_READS_MAX)),
            hashing: Arc::new(Semaphore::new(HASHING_MAX)),
            rehearsing: Arc::new(Semaphore::new(1)),
            watchers: Arc::new(Semaphore::new(WATCHERS_MAX)),
            watching: shares::Shares::new(WATCHERS_SPARE),
            stop,
            state,
        }))
    }

    /// Whether browsers reach us by TLS.
    fn is_sealed(&self) -> bool {
        let url = self.state.public_url.as_deref();
        url.map_or(self.state.certificate.is_some(), |url| url.starts_with("https://"))
    }

    fn now(&self) -> Timestamp {
        (self.state.clock)()
    }

    /// Reads the ledger beside the tasks that serve.
    async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Ledger) -> Result<T, LedgerError> + Send + 'static,
    ) -> Result<T, Problem> {
        let (doing, ledger) = ("read the ledger", self.state.ledger.clone());
        let read = self.beside(doing, move || work(&ledger)).await?;
        read.map_err(|error| Problem::fault(doing, &error))
    }

    /// Works with files beside the tasks that serve.
    async fn beside<T: Send + 'static>(
        &self,
        doing: &'static str,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Problem> {
        let turn = turn(&self.reads).await?;
        in_turn(turn, work).await.map_err(|error| Problem::fault(doing, &error))
    }

    /// Reads the history beside the tasks that serve.
    async fn read_history<T: Send + 'static>(
        &self,
        work: impl FnOnce(&HistoryReader) -> Result<T, HistoryError> + Send + 'static,
    ) -> Result<T, Problem> {
        let turn = turn(&self.history_reads).await?;
        let history = self.state.history.clone();
        match in_turn(turn, move || work(&history)).await {
            Ok(Ok(read)) => Ok(read),
            Ok(Err(error)) => {
                tracing::warn!(%error, "history could not be read");
                let why = "the history is not there just now; it is made again from the journal";
                Err(Problem::from(problem::Kind::Busy).detail(why))
            }
            Err(error) => Err(Problem::fault("read the history", &error)),
        }
    }
}

/// Serves the board until `stop`, then lets open requests end.
///
/// # Errors
/// [`BoardError`]; trouble with a client is no error.
pub async fn serve(
    listener: TcpListener,
    state: BoardState,
    stop: CancellationToken,
) -> Result<(), BoardError> {
    let app = App::new(state, stop.clone())?;
    live::refresh(&app, live::Look::Thorough).await;
    let publisher = tokio::spawn(live::keep_publishing(app.clone()));
    let keeper = tokio::spawn(keeper::keep(app.clone()));
    let tls = app.state.certificate.as_ref().map(|certificate| certificate.acceptor().clone());
    let door = door::Door::new(listener, tls, &app.state.proxies, app.metrics.crowded.clone());
    let service = router(app).into_make_service_with_connect_info::<Peer>();
    let server = axum::serve(door, service).with_graceful_shutdown(stop.clone().cancelled_owned());
    let stopped = async {
        stop.cancelled().await;
        tokio::time::sleep(STOP_GRACE).await;
    };
    let result = tokio::select! {
        ended = async { server.await } => ended.map_err(BoardError::from),
        () = stopped => {
            tracing::warn!("some board connections did not end in time");
            Ok(())
        }
    };
    publisher.abort();
    if stop.is_cancelled() {
        keeper.await.ok();
    } else {
        keeper.abort();
    }
    result
}

/// Where a request came from.
#[derive(Clone, Copy, Debug)]
struct Peer(SocketAddr);

impl axum::extract::connect_info::Connected<axum::serve::IncomingStream<'_, door::Door>> for Peer {
    fn connect_info(stream: axum::serve::IncomingStream<'_, door::Door>) -> Self {
        Self(*stream.remote_addr())
    }
}

fn router(app: Shared) -> Router {
    routes(&app)
        .fallback(problem::not_found)
        .method_not_allowed_fallback(problem::method_not_allowed)
        .layer(DefaultBodyLimit::max(BODY_LEN_MAX))
        .layer(from_fn(guard::limit_time))
        .layer(CatchPanicLayer::custom(guard::Panics(app.metrics.panics.clone())))
        .layer(from_fn_with_state(app.clone(), guard::count))
        .layer(from_fn_with_state(app.clone(), problem::speak))
        .layer(from_fn(language::choose))
        .layer(from_fn_with_state(app.clone(), guard::harden))
        .layer(from_fn_with_state(app.clone(), access::trace))
        .layer(CompressionLayer::new())
        .with_state(app)
}

/// Every address and who may use it. What is not listed is not there.
fn routes(app: &Shared) -> Router<Shared> {
    let anybody = Router::new()
        .route("/healthz", get(vitals::health))
        .route("/readyz", get(vitals::ready))
        .route("/cap/feed.atom", get(cap::feed))
        .route("/cap/feed.rss", get(cap::rss))
        .route("/cap/{document}", get(cap::document))
        .route("/assets/{file}", get(assets::serve))
        .route("/sign-in", get(sign_in::form).post(sign_in::with_form))
        .route("/sign-in/{code}", get(sign_in::with_link))
        .route("/sign-out", post(sign_in::out));
    let viewers = Router::new()
        .route("/", get(page::board))
        .route("/board/now", get(page::now))
        .route("/administration", get(administration::system))
        .route("/administration/channels", get(administration::channels))
        .route("/administration/stations", get(administration::stations))
        .route("/administration/quarantine", get(administration::quarantine))
        .route("/administration/rules", get(administration::rules))
        .route("/administration/rules/{site}", get(administration::site_rules))
        .route("/administration/standing", get(administration::standing))
        .route("/administration/duty", get(administration::duty))
        .route("/reports", get(reports::index))
        .route("/reports/shift", get(reports::shift))
        .route("/reports/month", get(reports::month))
        .route("/reports/incidents/{id}", get(reports::incident))
        .route("/wall", get(page::wall))
        .route("/wall/now", get(page::wall_now))
        .route("/account", get(account::page))
        .route("/account/password", post(account::password))
        .route("/account/second-factor", post(account::second_factor))
        .route("/account/others", post(account::others))
        .route("/exercises", get(exercises::page))
        .route("/sites/{site}", get(page::site))
        .route("/sites/{site}/now", get(page::site_now))
        .route("/incidents/{id}", get(page::incident))
        .route("/incidents/{id}/now", get(page::incident_now))
        .route("/incidents/{id}/approval", get(page::approval))
        .route("/metrics", get(vitals::metrics))
        .route("/api/v1/openapi.json", get(api::openapi))
        .route("/api/v1/sites", get(api::sites))
        .route("/api/v1/sites/{site}", get(api::site))
        .route("/api/v1/series/{site}/{station}/{sensor}/{quantity}/readings", get(api::readings))
        .route("/api/v1/incidents", get(api::incidents))
        .route("/api/v1/incidents/{id}", get(api::incident))
        .route("/api/v1/inspections", get(inspections::list))
        .route("/photos/{photo}", get(inspections::photo))
        .route("/api/v1/stations", get(api::stations))
        .route("/api/v1/stations/{site}/{station}", get(api::station))
        .route("/api/v1/alerts", get(api::alerts))
        .route("/api/v1/silences", get(api::silences))
        .route("/api/v1/maintenance", get(api::maintenance))
        .route("/api/v1/reports", get(api::reports))
        .route("/api/v1/zeros", get(api::zeros))
        .route("/api/v1/deliveries", get(api::deliveries))
        .route("/ogc", get(ogc::landing))
        .route("/ogc/api", get(ogc::description))
        .route("/ogc/conformance", get(ogc::conformance))
        .route("/ogc/collections", get(ogc::collections))
        .route("/ogc/collections/{collection}", get(ogc::collection))
        .route("/ogc/collections/{collection}/items", get(ogc::items))
        .route("/ogc/collections/{collection}/items/{feature}", get(ogc::item))
        .route("/api/v1/deliveries/{key}", get(api::delivery))
        .route("/api/v1/quarantine", get(api::quarantine))
        .route("/api/v1/rules", get(criteria::list))
        .route("/api/v1/adoptions", get(api::adoptions))
        .route("/api/v1/balance", get(api::balance))
        .route("/api/v1/channels", get(links::list))
        .route("/api/v1/exercises", get(exercises::list))
        .route("/api/v1/exercises/{id}/report", get(exercises::report))
        .route("/api/v1/events", get(live::events))
        .route_layer(from_fn_with_state((app.clone(), Role::Viewer), access::require));
    let operators = Router::new()
        .route("/api/v1/silences", post(api::silence))
        .route("/api/v1/maintenance", post(api::maintain))
        .route("/api/v1/zeros", post(api::re_zero))
        .route("/api/v1/sites/{site}/reports", post(api::report))
        .route("/api/v1/sites/{site}/inspections", post(inspections::order))
        .route("/api/v1/sites/{site}/inspections/{inspection}/entries", post(inspections::note))
        .route("/api/v1/sites/{site}/inspections/{inspection}/close", post(inspections::close))
        .route(
            "/api/v1/sites/{site}/photos",
            post(inspections::take_photo).layer(DefaultBodyLimit::max(PHOTO_LEN_MAX)),
        )
        .route("/api/v1/silences/{standing}/end", post(api::end))
        .route("/api/v1/maintenance/{standing}/end", post(api::end))
        .route("/api/v1/reports/{standing}/end", post(api::end))
        .route("/api/v1/incidents/{id}/acknowledge", api::order(Verb::Acknowledge))
        .route("/api/v1/incidents/{id}/stand-down", api::order(Verb::StandDown))
        .route("/api/v1/incidents/{id}/note", api::order(Verb::Note))
        .route("/api/v1/incidents/{id}/close", api::order(Verb::Close))
        .route("/api/v1/incidents/{id}/drafts", post(drafts::drafts))
        .route("/api/v1/stations/{site}/{station}/orders", post(api::order_station))
        .route("/api/v1/deliveries/{key}/delivered", api::settle(true))
        .route("/api/v1/deliveries/{key}/not-delivered", api::settle(false))
        .route("/api/v1/audit", get(api::audit))
        .route("/api/v1/sites/{site}/rules", post(criteria::try_out))
        .route("/api/v1/proposals/{id}", get(criteria::proposal))
        .route("/administration/audit", get(administration::audit))
        .route("/administration/contacts", get(administration::contacts))
        .route("/api/v1/channels/{channel}/test", post(links::test))
        .route_layer(from_fn_with_state((app.clone(), Role::Operator), access::require));
    let approvers = Router::new()
        .route("/api/v1/incidents/{id}/approve", api::order(Verb::Approve))
        .route("/api/v1/incidents/{id}/reject", api::order(Verb::Reject))
        .route("/incidents/{id}/approval", post(page::answer))
        .route("/api/v1/exercises", post(exercises::start))
        .route("/api/v1/exercises/stop", post(exercises::stop))
        .route_layer(from_fn_with_state((app.clone(), Role::Approver), access::require));
    let administrators = Router::new()
        .route("/administration/people", get(administration::people))
        .route("/api/v1/quarantine/{position}/re-run", post(api::re_run))
        .route("/api/v1/log", get(log::levels).post(log::set))
        .route("/api/v1/users", post(administration::add_user))
        .route("/api/v1/users/{user}", post(administration::change_user))
        .route(
            "/api/v1/sites/{site}/stations/{station}/backfill",
            post(api::backfill).layer(DefaultBodyLimit::max(PAYLOAD_LEN_MAX)),
        )
        .route_layer(from_fn_with_state((app.clone(), Role::Administrator), access::require));
    let opened = Router::new()
        .route("/open/catalog.jsonld", get(open::catalog))
        .route("/open/{file}", get(open::file))
        .route_layer(from_fn_with_state(app.clone(), open::gate));
    anybody.merge(opened).merge(viewers).merge(operators).merge(approvers).merge(administrators)
}
