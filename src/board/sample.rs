//! A small world behind the board, for tests and for looking at it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use alerting::alert::{IncidentKind, Purpose};
use alerting::approval::{ApprovalState, ApprovalView, Bound, PublicText, Released};
use alerting::decision::{IncidentRecord, IncidentState};
use alerting::engine::SiteView;
use alerting::route::{Audience, Retry, Route};
use alerting::setup::Setup;
use alerting::standing::SiteOrder;
use alerting::station::{StationLife, StationOrder};
use alerting::{
    Action, Alert, Command, Decision, Delivery, DeliveryChange, DeliveryKey, DeliveryState,
    Evidence, Hazard, IncidentId, Level, MessageType, SiteFacts, Status,
};
use arc_swap::ArcSwap;
use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};
use axum::response::Response;
use delivery::channel::cap::{CapSettings, Profile, Store};
use delivery::{Batch, Ledger, QuarantineRow};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use ingest::archive::history::{History, HistoryReader, Keep, Kept};
use ingest::clock::Clock;
use parking_lot::Mutex;
use reading::registry::{
    Make, Registry, SeriesEntry, Site, SiteIndex, SiteKind, StationEntry, Text,
};
use reading::{Quality, Quantity, Reading, SeriesIndex, Timestamp};
use tempfile::TempDir;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use super::{
    App, BoardState, Check, CommandSink, DrillError, DrillOrder, Drills, Health, LinkView, Links,
    Order, Ordered, Past, PastSink, Role, Shared, Token, Tokens, Vital, live, router,
};
use crate::exercise::{self, Head, Report};
use crate::overview::{Balance, Latest, LinkProof, Overview, StationNow};
use crate::people::{self, Hasher};

pub(super) const VIEWER: &str = "viewer-0123456789abcdef0123456789abcdef";
pub(super) const ADMINISTRATOR: &str = "administrator-0123456789abcdef01234567";
pub(super) const APPROVER: &str = "approver-0123456789abcdef0123456789abcdef";
pub(super) const OPERATOR: &str = "operator-0123456789abcdef0123456789abcdef";

pub(super) const PASSWORD: &str = "correct horse battery";

pub(super) fn at(seconds: u64) -> Timestamp {
    Timestamp::parse("2026-07-14T02:30:00+09:00").unwrap().plus(Duration::from_secs(seconds))
}

pub(super) fn text(ko: &str, en: &str) -> Text {
    Text { ko: ko.into(), en: en.into() }
}

/// Everything the board is given, and the board.
pub(super) struct World {
    pub folder: TempDir,
    pub state: BoardState,
    pub overview: Arc<ArcSwap<Overview>>,
    pub ledger: Arc<Ledger>,
    pub sink: Arc<Sink>,
    pub app: Shared,
    pub stop: CancellationToken,
    pub clock: Clock,
    updates: watch::Sender<u64>,
    router: Router,
}

impl World {
    pub(super) async fn new() -> Self {
        Self::with(|_| {}).await
    }

    /// A world with other settings.
    pub(super) async fn with(change: impl FnOnce(&mut BoardState)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (ledger, _) = Ledger::open(folder.path().join("ledger.sqlite")).unwrap();
        let ledger = Arc::new(ledger);
        let overview = Arc::new(ArcSwap::from_pointee(overview(setup())));
        let (updates, changes) = watch::channel(0);
        let sink = Arc::new(Sink::new(ledger.clone()));
        let clock = Clock::manual(at(0));
        let tokens = vec![
            Token::new("pak", Role::Viewer, VIEWER).unwrap(),
            Token::new("kim", Role::Operator, OPERATOR).unwrap(),
            Token::new("lee", Role::Approver, APPROVER).unwrap(),
            Token::new("choi", Role::Administrator, ADMINISTRATOR).unwrap(),
        ];
        let mut state = BoardState {
            overview: overview.clone(),
            ledger: ledger.clone(),
            updates: changes,
            commands: sink.clone(),
            history: past(&folder),
            past: sink.clone(),
            cap: Some(Arc::new(store(&folder))),
            objective: std::time::Duration::from_secs(60),
            metrics: prometheus::Registry::new(),
            health: Arc::new(Well),
            tokens: Tokens::on(
                tokens,
                Some(people::Store::open(folder.path()).unwrap()),
                clock.clone(),
                Hasher::light(),
            ),
            clock: Arc::new(|| at(2_412)),
            public_url: None,
            beside: Arc::new(super::exercises::Alone),
            drills: Some(Arc::new(Rehearsed)),
            certificate: None,
            proxies: vec![],
            open_data: true,
            links: Arc::new(Looked),
            inspections: Arc::new(crate::inspections::Inspections::open(folder.path(), 0).unwrap()),
            speakers: Arc::new(spoken()),
            layers: vec![],
            documents: BTreeMap::new(),
            criteria: None,
            journal: folder.path().join("journal"),
            contacts: None,
            log: crate::logging::Levels::default(),
        };
        change(&mut state);
        let stop = CancellationToken::new();
        let app = App::new(state.clone(), stop.clone()).unwrap();
        let router = router(app.clone());
        live::refresh(&app, live::Look::Thorough).await;
        Self { folder, state, overview, ledger, sink, app, stop, clock, updates, router }
    }

    /// Adds a user whose password is [`PASSWORD`], chosen already.
    pub(super) async fn add_user(&self, id: &str, role: Role, areas: &str) {
        let tokens = &self.state.tokens;
        let (store, now) = (tokens.store().unwrap(), tokens.clock().wall());
        let password = tokens.hasher().hash(PASSWORD).unwrap();
        let areas = people::Areas::parse(areas).unwrap();
        let details = people::Details { name: format!("{id}의 이름"), ..Default::default() };
        let new = people::NewUser { id, role, areas, password: &password, details };
        store.add(&new, "test", now).unwrap();
        store.set_password(id, &password, false, "test", now).unwrap();
        tokens.changed().unwrap();
    }

    /// Gives a user a second factor.
    pub(super) fn add_factor(&self, id: &str) -> people::SecondFactor {
        let tokens = &self.state.tokens;
        let factor = people::SecondFactor::new().unwrap();
        let (store, now) = (tokens.store().unwrap(), tokens.clock().wall());
        store.set_factor(id, Some(&factor), "test", now).unwrap();
        tokens.changed().unwrap();
        factor
    }

    /// Signs a user in by the form; the answer, and the session's cookie as a browser sends it back.
    pub(super) async fn sign_in(&self, id: &str, password: &str, code: &str) -> (Response, String) {
        let form = format!("user={id}&password={}&code={code}", password.replace(' ', "+"));
        let asked = request(Method::POST, "/sign-in").header("origin", "http://board.test");
        let response = self.ask(asked.body("application/x-www-form-urlencoded", form)).await;
        let cookie = response.headers().get(header::SET_COOKIE);
        let cookie = cookie.map_or("", |value| value.to_str().unwrap()).split(';').next().unwrap();
        let cookie = cookie.to_owned();
        (response, cookie)
    }

    /// Commits decisions and lets the board see them.
    pub(super) async fn decide(&self, decisions: impl IntoIterator<Item = Decision>) {
        self.act(decisions.into_iter().map(Action::Decide)).await;
    }

    pub(super) async fn act(&self, actions: impl IntoIterator<Item = Action>) {
        let position = self.ledger.position() + 1;
        let mut batch = Batch::default();
        batch.decided(position, actions);
        self.ledger.commit(position, at(position), &batch).unwrap();
        self.updates.send_modify(|commits| *commits += 1);
        live::refresh(&self.app, live::Look::Commit).await;
        live::refresh(&self.app, live::Look::Tick).await;
    }

    /// Changes what the desk publishes.
    pub(super) async fn publish(&self, change: impl FnOnce(&mut Overview)) {
        let mut overview = Overview::clone(&self.overview.load_full());
        overview.sequence += 1;
        change(&mut overview);
        self.overview.store(Arc::new(overview));
        self.updates.send_modify(|commits| *commits += 1);
        live::refresh(&self.app, live::Look::Tick).await;
    }

    pub(super) async fn ask(&self, request: Request<Body>) -> Response {
        self.router.clone().oneshot(request).await.unwrap()
    }

    pub(super) async fn get(&self, path: &str, token: &str) -> Response {
        self.ask(
            request(Method::GET, path)
                .header(header::AUTHORIZATION, format!("Bearer {token}"))
                .empty(),
        )
        .await
    }

    pub(super) async fn get_json(&self, path: &str) -> serde_json::Value {
        let response = self.get(path, VIEWER).await;
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        json(response).await
    }

    pub(super) async fn get_page(&self, path: &str) -> String {
        let response = self.get(path, OPERATOR).await;
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        body(response).await
    }
}

/// A request, built up.
pub(super) struct Asked(axum::http::request::Builder);

pub(super) fn request(method: Method, path: &str) -> Asked {
    Asked(Request::builder().method(method).uri(path).header(header::HOST, "board.test"))
}

impl Asked {
    pub(super) fn header(self, name: impl AsRef<str>, value: impl AsRef<str>) -> Self {
        Self(self.0.header(name.as_ref(), value.as_ref()))
    }

    pub(super) fn empty(self) -> Request<Body> {
        self.0.body(Body::empty()).unwrap()
    }

    pub(super) fn body(self, content_type: &str, text: impl Into<String>) -> Request<Body> {
        self.0.header(header::CONTENT_TYPE, content_type).body(Body::from(text.into())).unwrap()
    }
}

pub(super) async fn body(response: Response) -> String {
    let bytes = axum::body::to_bytes(response.into_body(), 4 << 20).await.unwrap();
    String::from_utf8(bytes.to_vec()).unwrap()
}

pub(super) async fn json(response: Response) -> serde_json::Value {
    serde_json::from_str(&body(response).await).unwrap()
}

/// 재난문자 on the channel `siren`, in Korean.
fn spoken() -> super::Speakers {
    let sender = text("한밭시", "Hanbat");
    let texts = delivery::text::Texts::new(vec![], sender, "042-000-0000".into(), String::new());
    let speaker = super::Speaker {
        channel: "siren".parse().unwrap(),
        medium: delivery::text::Medium::CellBroadcast90,
        language: alerting::catalogue::Language::Ko,
        limit: alerting::text::Limit::CellBroadcast(90),
    };
    super::Speakers::new(texts, vec![speaker])
}

/// One channel, looked at a day ago.
struct Looked;

impl Links for Looked {
    fn links(&self) -> Vec<LinkView> {
        let proof = LinkProof {
            channel: "siren".into(),
            target: "north".into(),
            since: at(0),
            proved_at: Some(at(0)),
            tried_at: at(0),
            proven: true,
            what: "answered: silent".into(),
        };
        vec![LinkView {
            channel: "siren".into(),
            target: "north".into(),
            every: Some(Duration::from_secs(86_400)),
            proof: Some(proof),
            stale: false,
        }]
    }

    fn test(&self, _: &str, _: &str) -> Result<Vec<String>, Text> {
        Ok(vec!["north".into()])
    }
}

/// One drill, which is over.
struct Rehearsed;

impl Rehearsed {
    fn over() -> Report {
        let head = Head {
            id: "2026-07-14T031000Z".into(),
            scenario: "typhoon".into(),
            speed: 60.0,
            sites: vec!["gwang-3".into()],
            started_at: at(0),
            started_by: "lee".into(),
            ended_at: Some(at(600)),
            state: exercise::State::Ended,
            board: None,
            note: None,
        };
        Report { head, reached: vec![], missed: vec![], waiting: 0, incidents: vec![] }
    }
}

impl Drills for Rehearsed {
    fn start(&self, _: DrillOrder, _: &str) -> BoxFuture<'_, Result<Report, DrillError>> {
        Box::pin(async { Ok(Self::over()) })
    }

    fn stop(&self, _: &str) -> BoxFuture<'_, Result<Report, DrillError>> {
        Box::pin(async { Ok(Self::over()) })
    }

    fn list(&self) -> Vec<Report> {
        vec![Self::over()]
    }

    fn report(&self, _: &str) -> Result<Report, DrillError> {
        Ok(Self::over())
    }
}

/// Takes every order about an incident that exists, once.
pub(super) struct Sink {
    ledger: Arc<Ledger>,
    pub given: Mutex<Vec<Command>>,
    pub set: Mutex<Vec<SiteOrder>>,
    pub past: Mutex<Vec<Past>>,
    pub asked: Mutex<Vec<StationOrder>>,
    sequence: AtomicU64,
    pub broken: Mutex<Option<String>>,
}

impl Sink {
    fn new(ledger: Arc<Ledger>) -> Self {
        Self {
            ledger,
            given: Mutex::default(),
            set: Mutex::default(),
            past: Mutex::default(),
            asked: Mutex::default(),
            sequence: AtomicU64::new(7_000),
            broken: Mutex::default(),
        }
    }
}

impl PastSink for Sink {
    fn take(&self, past: Past) -> BoxFuture<'_, Result<u64, String>> {
        self.past.lock().push(past);
        std::future::ready(Ok(self.sequence.fetch_add(1, Ordering::Relaxed))).boxed()
    }
}

impl CommandSink for Sink {
    fn order(&self, order: Order) -> BoxFuture<'_, Result<Ordered, String>> {
        async move {
            if let Some(error) = self.broken.lock().clone() {
                return Err(error);
            }
            let accepted = match order {
                Order::Incident(command) => {
                    let accepted = self.ledger.incident(&command.incident).unwrap().is_some();
                    self.given.lock().push(command);
                    accepted
                }
                Order::Station(order) => {
                    self.asked.lock().push(order);
                    true
                }
                Order::Site(order) => {
                    self.set.lock().push(order);
                    true
                }
            };
            let reason = if accepted {
                text("받음", "Taken")
            } else {
                text("그런 상황 없음", "No such incident")
            };
            Ok(Ordered {
                sequence: self.sequence.fetch_add(1, Ordering::Relaxed),
                accepted,
                reason,
            })
        }
        .boxed()
    }
}

struct Well;

impl Health for Well {
    fn checks(&self) -> Vec<Check> {
        let text = alerting::catalogue::text;
        vec![
            Check::new("journal", Vital::Ok, text("vital-journal", &["good", "48213"])),
            Check::new("desk", Vital::Ok, text("vital-desk", &["0"])),
            Check::new("collector-field", Vital::Ok, text("vital-collector", &["12"])),
        ]
    }
}

/// A quarter of an hour of rain.
fn past(folder: &TempDir) -> HistoryReader {
    let path = folder.path().join("history.sqlite");
    let (mut history, _) = History::open(&path, Keep::default()).unwrap();
    let series = "gwang-3/box-1/rain-1/rain".parse().unwrap();
    let readings: Vec<_> = (0..15)
        .map(|minute| Reading {
            series: SeriesIndex(0),
            measured_at: at(minute * 60),
            received_at: at(minute * 60 + 1),
            value: 0.5,
            quality: if minute == 3 { Quality::OLD } else { Quality::GOOD },
        })
        .collect();
    let kept: Vec<_> = readings.iter().map(|reading| Kept { series: &series, reading }).collect();
    history.write(&kept, 1).unwrap();
    HistoryReader::new(path)
}

fn store(folder: &TempDir) -> Store {
    let settings = CapSettings {
        folder: folder.path().join("cap"),
        sender: "bongsu@city.example.kr".into(),
        sender_name: text("한밭시 재난상황실", "Hanbat situation room"),
        contact: String::new(),
        restriction: "officers".into(),
        base_url: "http://board.test".into(),
        gateway: None,
        profile: Profile::default(),
        signer: None,
    };
    Store::open(settings).unwrap().0
}

const SITES: [(&str, SiteKind, &str, &str, &str, &str); 14] = [
    (
        "an-1",
        SiteKind::Slope,
        "안산동 절개지 1",
        "Ansan cut slope 1",
        "안산동 산 12-3",
        "Ansan-dong 12-3",
    ),
    (
        "an-2",
        SiteKind::Slope,
        "안산동 절개지 2",
        "Ansan cut slope 2",
        "안산동 산 14",
        "Ansan-dong 14",
    ),
    (
        "boseok-bridge",
        SiteKind::Bridge,
        "보석교",
        "Boseok bridge",
        "보석천 하류",
        "Lower Boseok stream",
    ),
    (
        "daejeo-wall",
        SiteKind::RetainingWall,
        "대저 보강토옹벽",
        "Daejeo retaining wall",
        "대저초등학교 뒤",
        "Behind Daejeo school",
    ),
    (
        "gwang-3",
        SiteKind::Slope,
        "광덕산 3지구",
        "Gwangdeok 3",
        "광덕면 아래 마을 12가구",
        "12 homes below Gwangdeok",
    ),
    (
        "hanbat-apt",
        SiteKind::Building,
        "한밭아파트 3동",
        "Hanbat apartments 3",
        "중앙로 41",
        "Jungang-ro 41",
    ),
    (
        "jang-5",
        SiteKind::Slope,
        "장재골 5지구",
        "Jangjae 5",
        "장재골 경로당 위",
        "Above Jangjae senior centre",
    ),
    ("maehwa-1", SiteKind::Slope, "매화산 1지구", "Maehwa 1", "국도 43호선 옆", "Along route 43"),
    ("maehwa-2", SiteKind::Slope, "매화산 2지구", "Maehwa 2", "국도 43호선 옆", "Along route 43"),
    (
        "old-market",
        SiteKind::Facility,
        "구시장 아케이드",
        "Old market arcade",
        "시장길 7",
        "Sijang-gil 7",
    ),
    (
        "pungnam-wall",
        SiteKind::RetainingWall,
        "풍남 석축",
        "Pungnam stone wall",
        "풍남로 118",
        "Pungnam-ro 118",
    ),
    ("seo-4", SiteKind::Slope, "서원 4지구", "Seowon 4", "서원마을 진입로", "Seowon village road"),
    ("seo-7", SiteKind::Slope, "서원 7지구", "Seowon 7", "서원마을 뒤", "Behind Seowon village"),
    (
        "yong-tunnel",
        SiteKind::Facility,
        "용두터널 갱구",
        "Yongdu tunnel portal",
        "용두터널 북측",
        "North portal",
    ),
];

/// A place of its own for each site, some kilometres from the next.
fn spread(id: &str) -> (f64, f64) {
    let number = SITES.iter().position(|site| site.0 == id).unwrap_or(0);
    (36.35 + 0.03 * (number * 5 % 7) as f64, 127.38 + 0.04 * (number * 3 % 8) as f64)
}

pub(super) fn setup() -> Setup {
    let site =
        |(id, kind, ko, en, area_ko, area_en): &(&str, SiteKind, &str, &str, &str, &str)| Site {
            id: id.parse().unwrap(),
            name: text(ko, en),
            kind: *kind,
            location: spread(id),
            radius_km: 0.3,
            polygon: vec![],
            area: text(area_ko, area_en),
            instruction: Text::default(),
            district: "3020011400".into(),
            zone: "Asia/Seoul".into(),
        };
    let station = |(id, ..): &(&str, SiteKind, &str, &str, &str, &str)| StationEntry {
        series: [("tilt-1", Quantity::TiltX), ("rain-1", Quantity::Rain)]
            .map(|(sensor, quantity)| SeriesEntry {
                range: (-1e6, 1e6),
                ..SeriesEntry::of(sensor.parse().unwrap(), quantity)
            })
            .to_vec(),
        make: Make {
            maker: "Hanbat Sensors".into(),
            installed: "2025-11-03".into(),
            ..Make::default()
        }
        .noted(),
        ..StationEntry::of(id.parse().unwrap(), "box-1".parse().unwrap(), "field")
    };
    let route = |channel: &str, audience| Route {
        channel: channel.parse().unwrap(),
        recipients: vec!["duty".into()],
        concerned: BTreeMap::new(),
        sites: vec![],
        min_level: Level::Caution,
        audience,
        group: (audience == Audience::Public).then(|| "public".parse().unwrap()),
        personal: false,
        quiet: None,
        gather: None,
        retry: Retry {
            first: Duration::from_secs(5),
            max: Duration::from_secs(300),
            expire_after: Duration::from_secs(3_600),
            receipt_within: None,
            repeat_is_safe: true,
        },
    };
    Setup {
        registry: Registry::new(
            SITES.iter().map(site).collect(),
            SITES.iter().map(station).collect(),
        ),
        rules: vec![],
        policies: BTreeMap::new(),
        routes: vec![
            route("cap", Audience::Public),
            route("duty-hook", Audience::Officers),
            route("siren", Audience::Public),
        ],
        groups: vec![],
        ladders: vec![],
        rotas: vec![],
        inhibitions: vec![],
        zones: BTreeMap::new(),
        status: Status::Actual,
        sender: text("한밭시 재난안전상황실", "Hanbat situation room"),
        feeds: vec![],
        sources: vec!["field".into()],
    }
}

fn overview(setup: Setup) -> Overview {
    let sites = (0..setup.registry.sites().len()).map(view).collect();
    let (quality, expected) = (Quality::OLD, Some((0.05, 0.15)));
    let latest = Latest { measured_at: at(2_400), value: 0.125, quality, expected, forecast: None };
    let latest =
        (0..setup.registry.series().len()).map(|n| (n % 2 == 1).then_some(latest)).collect();
    let mut life = StationLife::default();
    life.there = Some((true, at(60)));
    life.battery_v = Some(12.7);
    life.firmware = "1.2.0".into();
    let station = StationNow { life, heard_at: Some(at(2_400)), ..StationNow::default() };
    let stations = vec![station; setup.registry.stations().len()];
    Overview {
        sequence: 48_213,
        at: at(2_412),
        setup: Arc::new(setup),
        sites,
        latest,
        stations,
        standing: vec![],
        zeros: BTreeMap::new(),
        balances: vec![Balance {
            source: "field".into(),
            received: 20_188,
            decoded: 20_181,
            quarantined: 7,
            claimed: 121_086,
            admitted: 121_002,
            refused: 12,
            duplicate: 72,
            held: 0,
            missing: 3,
        }],
        system_level: Level::Normal,
        proofs: Vec::new(),
        owed: Vec::new(),
        incidents: Vec::new(),
        waiting: Arc::default(),
    }
}

fn view(number: usize) -> SiteView {
    SiteView {
        site: SiteIndex(number as u32),
        level: Level::Normal,
        unknown: false,
        assessed: Level::Normal,
        silent: 0,
        series: 2,
        maintained: 0,
        silenced_until: None,
        incidents: vec![],
    }
}

pub(super) fn incident_id(site: &str, sequence: u64) -> IncidentId {
    IncidentId::new(IncidentKind::Live, &site.parse().unwrap(), Hazard::SlopeFailure, sequence)
}

pub(super) fn evidence(level: Level) -> Evidence {
    Evidence {
        rule: "tilt-rate".into(),
        series: "gwang-3/box-1/tilt-1/tilt-x".into(),
        level,
        value: 0.12,
        unit: "deg/h".into(),
        measured_at: at(2_000),
        text: text(
            "tilt-1 경사 x 변화율 0.12 deg/h (기준 0.1 deg/h, 최근 1시간)",
            "tilt-1 tilt x rate 0.12 deg/h (limit 0.1 deg/h over 1 h)",
        ),
    }
}

pub(super) fn moved(site: &str, from: Level, to: Level, seconds: u64, reason: Text) -> Decision {
    Decision::Level {
        at: at(seconds),
        site: site.parse().unwrap(),
        hazard: Hazard::SlopeFailure,
        from,
        to,
        measured_at: at(seconds - 5),
        reason,
        evidence: vec![evidence(to)],
        why: vec![],
    }
}

pub(super) fn record(
    site: &str,
    sequence: u64,
    level: Level,
    seconds: u64,
    what: Text,
) -> IncidentRecord {
    IncidentRecord {
        id: incident_id(site, sequence),
        revision: 1,
        at: at(seconds),
        opened_at: at(seconds),
        site: site.parse().unwrap(),
        hazard: Hazard::SlopeFailure,
        state: IncidentState::Open,
        level,
        peak: level,
        acknowledged_by: None,
        what,
        evidence: vec![evidence(level)],
        late_detected: false,
        hidden_by: None,
        approvals: vec![],
    }
}

pub(super) fn alert(site: &str, sequence: u64, level: Level) -> Alert {
    let setup = setup();
    let found = &setup.registry.sites()[setup.registry.site(site).unwrap().index()];
    Alert {
        incident: incident_id(site, sequence),
        revision: 1,
        purpose: Purpose::Alert,
        message_type: MessageType::Alert,
        status: Status::Actual,
        level,
        site: SiteFacts::from(found),
        hazard: Hazard::SlopeFailure,
        headline: text("붕괴 위험", "Slope may fail"),
        description: text("사면이 움직이고 있습니다.", "The slope is moving."),
        instruction: text("대피하십시오.", "Leave now."),
        evidence: vec![evidence(level)],
        decided_at: at(2_100),
        measured_at: at(2_090),
        expires_at: at(9_300),
        released: Released::Persons { persons: vec!["lee".into()] },
        unrecorded: false,
    }
}

pub(super) fn owed(channel: &str, recipient: &str, alert: Alert) -> Delivery {
    let channel = channel.parse().unwrap();
    Delivery {
        key: DeliveryKey::new(&alert.incident, alert.revision, alert.purpose, &channel, recipient),
        channel,
        recipient: recipient.into(),
        owed_at: alert.decided_at,
        due_at: alert.decided_at,
        expires_at: alert.expires_at,
        alert,
    }
}

pub(super) fn settled(delivery: &Delivery, state: DeliveryState, note: &str) -> Action {
    Action::Change(DeliveryChange {
        key: delivery.key.clone(),
        channel: delivery.channel.clone(),
        state,
        attempts: 1,
        due_at: at(2_110),
        note: note.into(),
        at: at(2_110),
    })
}

pub(super) fn quarantined(position: u64, topic: &str, preview: &str) -> QuarantineRow {
    QuarantineRow {
        position,
        at: at(60),
        source: "field".into(),
        topic: topic.into(),
        reason: "not-json".into(),
        detail: "expected value at line 1 column 1".into(),
        len: preview.len() as u64,
        preview: preview.into(),
    }
}

/// What the public is to be told.
pub(super) fn words() -> PublicText {
    PublicText {
        headline: text("붕괴 위험", "The slope may collapse"),
        description: text("비탈면이 움직입니다.", "The slope moves."),
        instruction: text("광덕초 체육관으로 대피하십시오.", "Go to the school."),
    }
}

/// The incident at Gwangdeok climbs, and it is asked whether the public may hear [`words`].
pub(super) async fn asked(world: &World) -> Bound {
    let bound = Bound::new(Level::Severe, &words());
    let what = text("주의 → 심각: 승인 대기", "Caution → Severe: asked");
    let incident = IncidentRecord {
        state: IncidentState::AwaitingApproval,
        revision: 3,
        approvals: vec![ApprovalView {
            group: "public".parse().unwrap(),
            state: ApprovalState::Asked,
            bound: bound.clone(),
            text: Some(words()),
            agreed: vec![],
            persons: 1,
            answers_at: Some(at(2_900)),
            note: String::new(),
        }],
        ..record("gwang-3", 14_007, Level::Severe, 2_300, what)
    };
    world.decide([Decision::Incident(incident)]).await;
    bound
}

/// A night on which something is going on.
pub(super) async fn night(world: &World) {
    use Level::{Attention, Caution, Normal, Severe, Warning};
    let movement =
        text("지점 1곳 이상 1차 기준 초과", "Movement beyond the 1st criterion at a post");
    let post = text("지점 1곳 3차 기준 초과", "A post beyond the 3rd criterion");
    let two = text(
        "서로 다른 지점 2곳 이상 3차 기준 초과",
        "Two independent posts or more beyond the 3rd criterion",
    );
    let rule = |site: &str, level, seconds| Decision::Rule {
        at: at(seconds),
        site: site.parse().unwrap(),
        held: true,
        evidence: evidence(level),
    };
    let moving = |site, from, to, seconds, why: &Text, sequence| {
        let level = |level| {
            [alerting::catalogue::Language::Ko, alerting::catalogue::Language::En]
                .map(|language| alerting::catalogue::level(level, language))
        };
        let ([from_ko, from_en], [to_ko, to_en]) = (level(from), level(to));
        let what = text(
            &format!("{from_ko} → {to_ko}: {}", why.ko),
            &format!("{from_en} → {to_en}: {}", why.en),
        );
        [
            moved(site, from, to, seconds, why.clone()),
            Decision::Incident(record(site, sequence, to, seconds, what)),
        ]
    };
    world.decide([rule("jang-5", Attention, 300)]).await;
    world
        .decide(moving(
            "jang-5",
            Normal,
            Attention,
            300,
            &text("살펴볼 징후가 있음", "Something to look at"),
            9_000,
        ))
        .await;
    world.decide([rule("an-2", Caution, 620)]).await;
    world.decide(moving("an-2", Normal, Caution, 620, &movement, 11_200)).await;
    world.decide(moving("gwang-3", Normal, Caution, 900, &movement, 14_007)).await;
    world.decide(moving("seo-7", Normal, Warning, 1_500, &post, 19_120)).await;
    world.decide([rule("gwang-3", Severe, 2_030)]).await;
    world.decide(moving("gwang-3", Caution, Severe, 2_031, &two, 14_007)).await;
    let acknowledged = IncidentRecord {
        revision: 2,
        acknowledged_by: Some("kim".into()),
        opened_at: at(1_500),
        ..record(
            "seo-7",
            19_120,
            Warning,
            2_200,
            text("kim 확인: 현장 예찰조 출동", "Acknowledged by kim: patrol on its way"),
        )
    };
    world
        .decide([
            Decision::Command {
                at: at(2_200),
                command: "acknowledge".into(),
                incident: Some(incident_id("seo-7", 19_120)),
                by: "kim".into(),
                from: "api".into(),
                given: "patrol on its way".into(),
                accepted: true,
                reason: text(
                    "kim 확인: 현장 예찰조 출동",
                    "Acknowledged by kim: patrol on its way",
                ),
            },
            Decision::Incident(acknowledged),
        ])
        .await;
    let [cap, hook, siren] = ["cap", "duty-hook", "siren"]
        .map(|channel| owed(channel, "duty", alert("gwang-3", 14_007, Severe)));
    world
        .act([
            Action::Owe(cap.clone()),
            Action::Owe(hook.clone()),
            Action::Owe(siren.clone()),
            settled(&cap, DeliveryState::Delivered, "published"),
            settled(&hook, DeliveryState::Refused, "status 410"),
            settled(&siren, DeliveryState::HandedOver, "sent"),
        ])
        .await;
    world
        .publish(|overview| {
            let setup = overview.setup.clone();
            let mut set = |site: &str, level, assessed, unknown, silent, incident: Option<u64>| {
                let number = setup.registry.site(site).unwrap().index();
                overview.sites[number] = SiteView {
                    level,
                    assessed,
                    unknown,
                    silent,
                    incidents: incident
                        .iter()
                        .map(|sequence| incident_id(site, *sequence).to_string())
                        .collect(),
                    ..view(number)
                };
            };
            set("gwang-3", Severe, Severe, false, 0, Some(14_007));
            set("seo-7", Warning, Caution, false, 0, Some(19_120));
            set("an-2", Caution, Caution, true, 1, Some(11_200));
            set("jang-5", Attention, Attention, false, 0, Some(9_000));
            set("old-market", Normal, Normal, true, 2, None);
        })
        .await;
}
