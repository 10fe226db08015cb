//! The board in a real browser: Debian's Chromium, told what to do over WebDriver.
//!
//! With `BONGSU_AXE` (axe-core's `axe.min.js`) every page is looked at for what keeps people out; with
//! `BONGSU_SCREENSHOTS` (a folder) pictures of the pages are kept.

use std::path::PathBuf;
use std::process::Stdio;

use base64::Engine as _;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use super::*;
use crate::people::SecondFactor;

mod night;
mod map;
mod readers;
mod line;

const DRIVER: &str = "chromedriver";

/// How long the browser may take for anything on a busy machine.
const DUE: Duration = Duration::from_secs(60);

/// What is pressed and lower than 44 px on a screen as narrow as a phone; links within a text are as high as it.
const TOO_LOW: &str = "if (innerWidth > 700) return []; const pressed = document.querySelectorAll('button, select, summary, input:not([type=checkbox]):not([type=hidden]), nav a, .ranges a, .sites h3 a, .incidents h3 a'); return [...pressed].filter((one) => one.checkVisibility() && one.offsetHeight < 44).slice(0, 5).map((one) => one.outerHTML.slice(0, 150));";

/// A browser.
struct Browser {
    client: reqwest::Client,
    /// Where its session is spoken to.
    session: String,
    /// What keeps people out, page by page.
    found: parking_lot::Mutex<Vec<String>>,
    _driver: Child,
    _turn: tokio::sync::MutexGuard<'static, ()>,
}

/// One at a time: a browser has enough to do with two cores.
static TURN: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

impl Browser {
    /// Starts one; `None` where there is none.
    async fn start() -> Option<Self> {
        if std::env::var_os("BONGSU_LONG").is_none() {
            println!("skipped: BONGSU_LONG is not set");
            return None;
        }
        rustls::crypto::ring::default_provider().install_default().ok();
        let turn = TURN.lock().await;
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
        Some(Self { client, session, found: Default::default(), _driver: driver, _turn: turn })
    }

    async fn tell(&self, path: &str, what: Value) -> Value {
        let value = self.ask(path, &what).await;
        assert!(value["error"].is_null(), "{path} {what}: {value}");
        value
    }

    async fn ask(&self, path: &str, what: &Value) -> Value {
        let asked = self.client.post(format!("{}/{path}", self.session)).body(what.to_string());
        let mut said: Value = asked.send().await.unwrap().json().await.unwrap();
        said["value"].take()
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
        self.browser("Emulation.setDeviceMetricsOverride", metrics).await;
    }

    /// Tells the browser itself, over its own protocol.
    async fn browser(&self, command: &str, params: Value) -> Value {
        self.tell("goog/cdp/execute", json!({ "cmd": command, "params": params })).await
    }

    /// Presses a key, as `Tab`, wherever the focus is.
    async fn press(&self, key: &str) {
        let text = match key {
            "Enter" => "\r",
            one if one.chars().count() == 1 => one,
            _ => "",
        };
        let code = match key {
            "Tab" => 9,
            "Enter" => 13,
            "Escape" => 27,
            "ArrowRight" => 39,
            _ => 0,
        };
        for kind in ["keyDown", "keyUp"] {
            let event =
                json!({ "type": kind, "key": key, "text": text, "windowsVirtualKeyCode": code });
            self.browser("Input.dispatchKeyEvent", event).await;
        }
    }

    /// Until the page hears of what happens by itself.
    async fn live(&self) {
        self.until("document.getElementById('link')?.dataset.state === 'live'").await;
    }

    async fn find(&self, css: &str) -> String {
        let found = self.tell("element", json!({ "using": "css selector", "value": css })).await;
        found.as_object().unwrap().values().next().unwrap().as_str().unwrap().to_owned()
    }

    /// A page that renews itself may do so between the look and the finger: then it is looked for again.
    async fn tap(&self, css: &str) {
        for _ in 0..5 {
            let element = self.find(css).await;
            let said = self.ask(&format!("element/{element}/click"), &json!({})).await;
            if said["error"] != "stale element reference" {
                assert!(said["error"].is_null(), "{css}: {said}");
                return;
            }
        }
        panic!("{css} is renewed whenever it is touched");
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

    /// Nothing is wider than the screen, on a phone nothing that is pressed is lower than 44 px, and axe-core finds
    /// nothing that keeps people out.
    async fn look(&self, page: &str) {
        let wide = self.run("return document.documentElement.scrollWidth - innerWidth").await;
        if wide.as_i64().unwrap() > 0 {
            self.found.lock().push(format!("{page} is {wide} px wider than the screen"));
        }
        let low = self.run(TOO_LOW).await;
        let low = low.as_array().unwrap().iter();
        self.found.lock().extend(low.map(|one| format!("{page}: lower than a finger: {one}")));
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

/// A board that is served, and the world behind it.
struct Room {
    world: World,
    board: String,
    factor: SecondFactor,
    stop: CancellationToken,
    serving: tokio::task::JoinHandle<std::io::Result<()>>,
}

impl Room {
    /// A night, and jang who may approve.
    async fn open(change: impl FnOnce(&mut BoardState)) -> Self {
        let world = World::with(|state| {
            let clock = Clock::simulated(at(2_412), 1.0);
            state.clock = Arc::new(move || clock.wall());
            change(state);
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
        let door = crate::board::door::Door::new(listener, None, &[], app.metrics.crowded.clone());
        let service =
            crate::board::router(app).into_make_service_with_connect_info::<crate::board::Peer>();
        let serving = axum::serve(door, service)
            .with_graceful_shutdown(stop.clone().cancelled_owned())
            .into_future();
        Self { world, board, factor, stop, serving: tokio::spawn(serving) }
    }

    /// The incident at a slope climbs, and the public is asked about.
    async fn climb(&self) {
        asked(&self.world).await;
        self.world
            .publish(|overview| {
                let site = overview.setup.registry.site("gwang-3").unwrap();
                overview.sites[site.index()].level = Level::Severe;
            })
            .await;
    }

    /// Fills in who one is; the form is still to be sent.
    async fn introduce(&self, browser: &Browser) {
        browser.write("#user", "jang").await;
        browser.write("#password", PASSWORD).await;
        let code = self.factor.code(self.world.state.tokens.clock().wall());
        browser.write("#code", &code).await;
    }

    /// Signs in, and goes to a page.
    async fn enter(&self, browser: &Browser, page: &str) {
        browser.open(&format!("{}{page}", self.board)).await;
        self.introduce(browser).await;
        browser.tap("form button.main").await;
    }

    async fn close(self, browser: Browser) {
        self.world.stop.cancel();
        self.stop.cancel();
        self.serving.abort();
        browser.end().await;
    }
}
