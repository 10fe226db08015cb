//! The board in a real browser: Debian's Chromium, told what to do over WebDriver.
//!
//! With `BONGSU_AXE` (axe-core's `axe.min.js`) every page is looked at for what keeps people out; with
//! `BONGSU_SCREENSHOTS` (a folder) pictures of the pages are kept.

use std::path::PathBuf;
use std::process::Stdio;

use alerting::Decision;
use alerting::approval::{ApprovalState, ApprovalView, Bound, PublicText};
use alerting::decision::IncidentState;
use base64::Engine as _;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use super::*;

const DRIVER: &str = "chromedriver";

/// How long the browser may take for anything on a busy machine.
const DUE: Duration = Duration::from_secs(60);

/// A browser.
struct Browser {
    client: reqwest::Client,
    /// Where its session is spoken to.
    session: String,
    /// What keeps people out, page by page.
    found: parking_lot::Mutex<Vec<String>>,
    _driver: Child,
}

impl Browser {
    /// Starts one; `None` where there is none.
    async fn start() -> Option<Self> {
        if std::env::var_os("BONGSU_LONG").is_none() {
            println!("skipped: BONGSU_LONG is not set");
            return None;
        }
        rustls::crypto::ring::default_provider().install_default().ok();
        let spawned = Command::new(DRIVER)
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn();
        let Ok(mut driver) = spawned else {
            assert!(std::env::var_os("BONGSU_REQUIRE_SERVERS").is_none(), "{DRIVER} not installed");
            println!("skipped: {DRIVER} not installed");
            return None;
        };
        let mut lines = BufReader::new(driver.stdout.take().unwrap()).lines();
        let port = loop {
            let line = lines.next_line().await.unwrap().expect("the driver says its port");
            if let Some((_, port)) = line.rsplit_once("successfully on port ") {
                break port.trim_end_matches('.').to_owned();
            }
        };
        let client = reqwest::Client::builder().timeout(DUE).no_proxy().build().unwrap();
        let arguments = [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--lang=ko",
            "--disable-background-networking",
        ];
        let wanted = json!({ "capabilities": { "alwaysMatch": {
            "browserName": "chrome",
            "goog:chromeOptions": { "args": arguments },
            "goog:loggingPrefs": { "browser": "ALL" },
        }}});
        let base = format!("http://127.0.0.1:{port}/session");
        let began: Value =
            client.post(&base).body(wanted.to_string()).send().await.unwrap().json().await.unwrap();
        let id = began["value"]["sessionId"].as_str().unwrap_or_else(|| panic!("{began}"));
        let session = format!("{base}/{id}");
        Some(Self { client, session, found: Default::default(), _driver: driver })
    }

    async fn tell(&self, path: &str, what: Value) -> Value {
        let asked = self.client.post(format!("{}/{path}", self.session)).body(what.to_string());
        let mut said: Value = asked.send().await.unwrap().json().await.unwrap();
        let value = said["value"].take();
        assert!(value["error"].is_null(), "{path} {what}: {value}");
        value
    }

    async fn open(&self, url: &str) {
        self.tell("url", json!({ "url": url })).await;
    }

    async fn run(&self, script: &str) -> Value {
        self.tell("execute/sync", json!({ "script": script, "args": [] })).await
    }

    async fn size(&self, width: u32, height: u32, mobile: bool) {
        let metrics =
            json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": mobile });
        let command = json!({ "cmd": "Emulation.setDeviceMetricsOverride", "params": metrics });
        self.tell("goog/cdp/execute", command).await;
    }

    async fn find(&self, css: &str) -> String {
        let found = self.tell("element", json!({ "using": "css selector", "value": css })).await;
        found.as_object().unwrap().values().next().unwrap().as_str().unwrap().to_owned()
    }

    async fn tap(&self, css: &str) {
        let element = self.find(css).await;
        self.tell(&format!("element/{element}/click"), json!({})).await;
    }

    async fn write(&self, css: &str, text: &str) {
        let element = self.find(css).await;
        self.tell(&format!("element/{element}/value"), json!({ "text": text })).await;
    }

    /// Waits until a script says yes.
    async fn until(&self, condition: &str) {
        let waited = Clock::system();
        let begun = waited.at();
        while self.run(&format!("return Boolean({condition})")).await != true {
            if waited.at().since(begun) > DUE {
                let page = self.run("return document.body.innerText").await;
                panic!("never: {condition}\n{page}");
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// What somebody looks like at a page, kept if pictures are wanted.
    async fn picture(&self, name: &str) {
        let Some(folder) = std::env::var_os("BONGSU_SCREENSHOTS").map(PathBuf::from) else {
            return;
        };
        let asked = self.client.get(format!("{}/screenshot", self.session));
        let said: Value = asked.send().await.unwrap().json().await.unwrap();
        let engine = base64::engine::general_purpose::STANDARD;
        let bytes = engine.decode(said["value"].as_str().unwrap()).unwrap();
        std::fs::write(folder.join(format!("{name}.png")), bytes).unwrap();
    }

    /// Nothing is wider than the screen, and axe-core finds nothing that keeps people out.
    async fn look(&self, page: &str) {
        let wide = self.run("return document.documentElement.scrollWidth - innerWidth").await;
        if wide.as_i64().unwrap() > 0 {
            self.found.lock().push(format!("{page} is {wide} px wider than the screen"));
        }
        let Some(axe) = std::env::var_os("BONGSU_AXE") else {
            return println!("skipped: BONGSU_AXE is not set");
        };
        self.run(&std::fs::read_to_string(axe).unwrap()).await;
        let rules = "const [done] = arguments; axe.run({ resultTypes: ['violations'] }).then((found) => done(found.violations.map((one) => `${one.id}: ${one.help} ${one.nodes.slice(0, 3).map((node) => node.html.slice(0, 200)).join(' ')}`)), (error) => done([String(error)]));";
        let found = self.tell("execute/async", json!({ "script": rules, "args": [] })).await;
        let found = found.as_array().unwrap().iter();
        self.found.lock().extend(found.map(|one| format!("{page}: {one}")));
    }

    /// What the browser complained about: scripts that failed, what the security policy kept out.
    async fn complaints(&self) -> Vec<String> {
        let lines = self.tell("se/log", json!({ "type": "browser" })).await;
        let lines = lines.as_array().unwrap().iter();
        let severe = lines.filter(|line| line["level"] == "SEVERE");
        severe.map(|line| line["message"].as_str().unwrap_or_default().to_owned()).collect()
    }

    async fn end(self) {
        self.client.delete(&self.session).send().await.ok();
    }
}

fn words() -> PublicText {
    PublicText {
        headline: text("붕괴 위험", "The slope may collapse"),
        description: text("비탈면이 움직입니다.", "The slope moves."),
        instruction: text("광덕초 체육관으로 대피하십시오.", "Go to the school."),
    }
}

/// The incident at a slope climbs, and the public is asked about.
async fn climb(world: &World) {
    let mut incident = record(
        "gwang-3",
        14_007,
        Level::Severe,
        2_300,
        text("주의 → 심각: 승인 대기", "Caution → Severe: asked"),
    );
    incident.state = IncidentState::AwaitingApproval;
    incident.revision = 3;
    incident.approvals = vec![ApprovalView {
        group: "public".parse().unwrap(),
        state: ApprovalState::Asked,
        bound: Bound::new(Level::Severe, &words()),
        text: Some(words()),
        agreed: vec![],
        persons: 1,
        answers_at: Some(at(2_900)),
        note: String::new(),
    }];
    world.decide([Decision::Incident(incident)]).await;
    world
        .publish(|overview| {
            let site = overview.setup.registry.site("gwang-3").unwrap();
            overview.sites[site.index()].level = Level::Severe;
        })
        .await;
}

#[tokio::test]
async fn an_officer_sees_an_incident_climb_approves_on_a_phone_and_sees_the_siren_confirm() {
    let Some(browser) = Browser::start().await else { return };
    let world = World::with(|state| {
        let clock = Clock::simulated(at(2_412), 1.0);
        state.clock = Arc::new(move || clock.wall());
    })
    .await;
    night(&world).await;
    world.add_user("jang", Role::Approver, "all").await;
    let factor = world.add_factor("jang");
    world
        .publish(|overview| {
            let site = overview.setup.registry.site("gwang-3").unwrap();
            overview.sites[site.index()].level = Level::Caution;
        })
        .await;
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let board = format!("http://{}", listener.local_addr().unwrap());
    // the world's own board is the one that is served: what it is told shows
    let (stop, app) = (CancellationToken::new(), world.app.clone());
    let door = crate::board::door::Door::new(listener, None);
    let service =
        crate::board::router(app).into_make_service_with_connect_info::<crate::board::Peer>();
    let serving = tokio::spawn(
        axum::serve(door, service)
            .with_graceful_shutdown(stop.clone().cancelled_owned())
            .into_future(),
    );

    // sign in, as somebody does at three in the morning
    browser.size(390, 844, true).await;
    browser.open(&format!("{board}/wall?lang=ko")).await;
    browser.write("#user", "jang").await;
    browser.write("#password", PASSWORD).await;
    browser.write("#code", &factor.code(world.state.tokens.clock().wall())).await;
    browser.look("sign-in").await;
    browser.tap("form button.main").await;

    // the wall, where an incident climbs without anybody touching anything
    browser.size(1_920, 1_080, false).await;
    browser.until("document.getElementById('link')?.dataset.state === 'live'").await;
    browser.run("window.untouched = true").await;
    let severe =
        "document.querySelector('#map-places a[href=\"/sites/gwang-3\"][data-look=severe]')";
    assert_eq!(browser.run(&format!("return {severe}")).await, Value::Null);
    let clock = Clock::system();
    let begun = clock.at();
    climb(&world).await;
    browser.until(severe).await;
    println!("on the wall after {} ms", clock.at().since(begun).as_millis());
    assert_eq!(browser.run("return window.untouched").await, true, "without a reload");
    browser.look("wall").await;
    browser.picture("wall").await;

    // on a phone: two taps
    browser.size(390, 844, true).await;
    let incident = format!("{board}/incidents/live_gwang-3_slope-failure_14007");
    browser.open(&incident).await;
    browser.until("document.getElementById('link')?.dataset.state === 'live'").await;
    browser.look("incident on a phone").await;
    browser.picture("incident-phone").await;
    browser.tap("#approvals details.words summary").await;
    browser.until("document.querySelector('.drafts').innerText.includes('B')").await;
    browser.tap("#approvals details.words summary").await;
    browser.tap("#approvals summary.main").await;
    browser.until("document.querySelector('#approvals [value=approve]').checkVisibility()").await;
    browser.tap("#approvals [value=approve]").await;
    browser
        .until("location.pathname.endsWith('/approval') && document.querySelector('[role=status]')")
        .await;
    browser.look("approval").await;
    let given = world.sink.given.lock().clone();
    assert_eq!(given.len(), 1, "{given:?}");
    assert_eq!((given[0].by.as_str(), given[0].verb.name()), ("jang", "approve"));
    assert_eq!(given[0].bound.as_ref().unwrap().hash, words().hash(), "what was seen");

    // the siren says that it sounds
    browser.open(&incident).await;
    browser.until("document.getElementById('link')?.dataset.state === 'live'").await;
    let delivery = owed("siren", "north", alert("gwang-3", 14_007, Level::Severe));
    let done = settled(&delivery, DeliveryState::Delivered, "sounded 180 s");
    world.act([alerting::Action::Owe(delivery), done]).await;
    browser
        .until("document.getElementById('deliveries').innerText.includes('sounded 180 s')")
        .await;

    // every page, as narrow as a phone and as wide as a desk
    let pages = [
        "/",
        "/wall",
        "/sites/gwang-3",
        "/exercises",
        "/account",
        "/reports",
        "/reports/shift",
        "/reports/month?month=2026-07",
        "/administration",
        "/administration/channels",
        "/administration/stations",
        "/administration/quarantine",
        "/administration/rules",
        "/administration/standing",
        "/administration/duty",
        "/administration/audit",
    ];
    for (width, height, mobile) in [(360, 740, true), (3_840, 2_160, false), (1_280, 800, false)] {
        browser.size(width, height, mobile).await;
        for page in pages {
            browser.open(&format!("{board}{page}")).await;
            browser.look(&format!("{page} at {width}")).await;
        }
    }
    browser.open(&format!("{board}/?lang=ko")).await;
    browser.picture("board").await;
    for (page, name) in [
        ("/sites/gwang-3", "site"),
        ("/administration/channels", "channels"),
        ("/reports/shift", "shift"),
    ] {
        browser.open(&format!("{board}{page}")).await;
        browser.picture(name).await;
    }
    let found = browser.found.lock().join("\n");
    assert!(found.is_empty(), "{found}");

    // paper
    browser.open(&format!("{board}/reports/incidents/live_gwang-3_slope-failure_14007")).await;
    let pdf = browser.tell("print", json!({ "page": { "width": 21.0, "height": 29.7 } })).await;
    let engine = base64::engine::general_purpose::STANDARD;
    let pdf = engine.decode(pdf.as_str().unwrap()).unwrap();
    assert!(pdf.starts_with(b"%PDF") && pdf.len() > 5_000, "{} bytes", pdf.len());

    // a board that goes away says so
    browser.open(&format!("{board}/wall")).await;
    browser.until("document.getElementById('link')?.dataset.state === 'live'").await;
    assert_eq!(browser.complaints().await, Vec::<String>::new());
    world.stop.cancel();
    stop.cancel();
    browser.until("document.getElementById('link').dataset.state === 'stale'").await;
    assert_eq!(browser.run("return document.getElementById('stale').hidden").await, false);
    serving.abort();
    browser.end().await;
}
