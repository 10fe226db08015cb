use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use alerting::{Level, Status};
use parking_lot::Mutex;
use serde_json::Value;
use tempfile::TempDir;

use super::*;
use crate::channel::Channel;
use crate::contacts::Directory;
use crate::sample::{Still, alert, at, cancel, carried, program, text};

/// A mail server out of another house (aiosmtpd). It prints each message as Python's own mail reader sees it.
const SERVER: &str = r#"
import asyncio, email, email.policy, json, sys
from aiosmtpd.controller import Controller
class Handler:
    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("gone"): return "550 5.1.1 <%s>: no such person" % address
        if address.startswith("busy"): return "451 4.3.2 try later"
        envelope.rcpt_tos.append(address); return "250 OK"
    async def handle_DATA(self, server, session, envelope):
        m = email.message_from_bytes(envelope.content, policy=email.policy.default)
        parts = {p.get_content_type(): p.get_content() for p in m.walk() if not p.is_multipart()}
        parts = {k: v.decode() if isinstance(v, bytes) else v for k, v in parts.items()}
        print(json.dumps({"from": str(m["from"]), "to": str(m["to"]), "subject": str(m["subject"]), "id": m["message-id"].strip(),
            "references": m["references"].strip(), "date": str(m["date"]), "auto": m["auto-submitted"], "parts": parts,
            "defects": [str(d) for p in m.walk() for d in p.defects], "envelope": envelope.mail_from}), flush=True)
        return "250 2.0.0 queued as 4711"
c = Controller(Handler(), hostname="127.0.0.1", port=int(sys.argv[1]))
c.start(); print("listening", flush=True)
sys.stdin.read()
"#;

struct Server {
    process: Child,
    port: u16,
    seen: Arc<Mutex<Vec<Value>>>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

impl Server {
    fn start() -> Option<Self> {
        program("aiosmtpd")?;
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        // Debian's own interpreter: the package installs nothing for another one.
        let mut command = Command::new("/usr/bin/python3");
        command
            .args(["-c", SERVER, &port.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        assert_eq!(lines.next().unwrap().unwrap(), "listening");
        let seen: Arc<Mutex<Vec<Value>>> = Arc::default();
        let into = seen.clone();
        std::thread::spawn(move || {
            let lines = lines.map_while(Result::ok);
            lines.for_each(|line| into.lock().push(serde_json::from_str(&line).unwrap()));
        });
        Some(Self { process, port, seen })
    }
}

const CONTACTS: &str = "id,mail,language,phone\nduty,duty@city.example.kr,ko,\nforeman,foreman@city.example.kr,en,\ngone,gone@city.example.kr,,\nbusy,busy@city.example.kr,,\nphone,,,010-1234-5678\n";

fn channel(port: u16, folder: &TempDir, timeout: Duration) -> Mail {
    rustls::crypto::ring::default_provider().install_default().ok();
    let contacts = folder.path().join("contacts.csv");
    std::fs::write(&contacts, CONTACTS).unwrap();
    let addresses =
        Addresses::new(Arc::new(Directory::new(contacts)), Arc::new(Still::new(at(90))));
    let texts = Texts::new(vec![], text("봉수시", "Bongsu city"), String::new(), String::new());
    let settings = MailSettings {
        host: "127.0.0.1".into(),
        port,
        security: Security::None,
        credentials: None,
        authorities_pem: None,
        from: "bongsu@city.example.kr".into(),
        timeout,
    };
    Mail::new(&settings, Arc::new(texts), addresses).unwrap()
}

#[tokio::test]
async fn a_real_server_gets_text_html_and_a_map_in_one_thread() {
    let Some(server) = Server::start() else { return };
    let folder = TempDir::new().unwrap();
    let mail = channel(server.port, &folder, Duration::from_secs(20));
    let mut drill = alert(2, Level::Severe);
    drill.status = Status::Exercise;
    drill.headline.ko = "<b>대피</b> & \"이동\"\r\nBcc: all@example.kr".into();
    for (recipient, alert) in
        [("duty", alert(1, Level::Severe)), ("duty", drill), ("foreman", cancel(3))]
    {
        let result = mail.attempt(&carried("mail", recipient, alert), 1).await;
        let AttemptResult::HandedOver { reference } = &result else { panic!("{result:?}") };
        assert!(reference.contains("queued as 4711"), "{reference}");
    }
    let seen = loop {
        let seen = server.seen.lock().clone();
        if seen.len() == 3 {
            break seen;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    };
    let said = |at: usize, key: &str| seen[at][key].as_str().unwrap_or_default().to_owned();
    assert_eq!(said(0, "subject"), "△△동 산12-3 급경사지 붕괴 위험, 즉시 대피");
    assert_eq!(said(0, "to"), "duty@city.example.kr");
    assert!(said(0, "from").contains("봉수시"), "{}", said(0, "from"));
    assert_eq!(said(0, "id"), "<live_cut-12_slope-failure_7_1_alert_mail_duty@city.example.kr>");
    assert_eq!(said(0, "auto"), "auto-generated");
    assert_eq!(said(0, "date"), "Tue, 14 Jul 2026 06:01:20 +0000");
    for letter in &seen {
        assert_eq!(letter["references"], "<live_cut-12_slope-failure_7@city.example.kr>");
        assert_eq!(letter["defects"], Value::Array(vec![]));
        let parts = &letter["parts"];
        assert!(parts["image/svg+xml"].as_str().unwrap().starts_with("<svg"), "{parts}");
        assert!(parts["text/plain"].is_string() && parts["text/html"].is_string(), "{parts}");
    }
    assert_eq!(said(1, "subject"), "[훈련] <b>대피</b> & \"이동\" Bcc: all@example.kr");
    let html = seen[1]["parts"]["text/html"].as_str().unwrap();
    assert!(html.contains("&lt;b&gt;대피") && !html.contains("<b>대피"), "{html}");
    assert!(seen[2]["parts"]["text/plain"].as_str().unwrap().contains("Go to the school gym."));
}

#[tokio::test]
async fn what_a_server_says_decides_and_is_kept_without_the_address() {
    let Some(server) = Server::start() else { return };
    let folder = TempDir::new().unwrap();
    let mail = channel(server.port, &folder, Duration::from_secs(20));
    for (recipient, expected, part) in [
        ("gone", "refused", "no such person"),
        ("busy", "retry", "try later"),
        ("phone", "refused", "no mail address"),
        ("nobody", "refused", "no contact `nobody`"),
    ] {
        let result = mail.attempt(&carried("mail", recipient, alert(1, Level::Severe)), 1).await;
        let (got, said) = match result {
            AttemptResult::Refused { reason } => ("refused", reason),
            AttemptResult::Retry { reason } => ("retry", reason),
            other => panic!("{other:?}"),
        };
        assert_eq!(got, expected, "{said}");
        assert!(said.contains(part) && !said.contains("@city"), "{said}");
    }
}

#[tokio::test]
async fn g06_a_server_that_is_gone_or_says_nothing_is_tried_again() {
    let folder = TempDir::new().unwrap();
    let hole = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = hole.local_addr().unwrap().port();
    for hold in [true, false] {
        let listener = hold.then(|| hole.try_clone().unwrap());
        let port = if hold { port } else { 1 };
        let mail = channel(port, &folder, Duration::from_millis(200));
        let result = mail.attempt(&carried("mail", "duty", alert(1, Level::Severe)), 1).await;
        assert!(matches!(result, AttemptResult::Retry { .. }), "{result:?}");
        drop(listener);
    }
}

#[test]
fn a_map_is_a_picture_whatever_the_site_says() {
    let mut site = alert(1, Level::Severe).site;
    assert!(map(&site).contains("<circle") && map(&site).contains("200 m"));
    site.polygon = vec![(37.12, 127.12), (37.12, 127.13), (37.13, 127.12), (37.12, 127.12)];
    assert!(map(&site).contains("<polygon"));
    (site.radius_km, site.location, site.name.ko) = (f64::NAN, (f64::NAN, 0.0), "<&>\u{0}".into());
    site.polygon.clear();
    assert!(map(&site).contains("&lt;&amp;&gt;"));
}
