use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use alerting::{Action, DeliveryState, Level, Status};
use parking_lot::Mutex;
use serde_json::Value;
use tempfile::TempDir;

use super::*;
use crate::channel::Channel;
use crate::contacts::Directory;
use crate::ledger::{Batch, Ledger};
use crate::metrics::Metrics;
use crate::ports::free_port;
use crate::receipts::Receipts;
use crate::sample::{Journal, Still, alert, at, cancel, carried, change, program, text, until};

/// A mail server out of another house (aiosmtpd). It prints each message as Python's own mail reader sees it.
const SERVER: &str = r#"
import asyncio, email, email.policy, json, mailbox, sys
from aiosmtpd.controller import Controller
from email.message import Message
from email.mime.message import MIMEMessage
from email.mime.multipart import MIMEMultipart
from email.mime.nonmultipart import MIMENonMultipart
from email.mime.text import MIMEText
box = mailbox.Maildir(sys.argv[2])
def bounced(envelope, to):
    letter = MIMEMultipart("report", report_type="delivery-status")
    letter["Subject"], letter["From"], letter["To"] = "Undelivered", "MAILER-DAEMON@mx.example.kr", envelope.mail_from
    letter.attach(MIMEText("죄송합니다", _charset="euc-kr"))
    whole, one = Message(), Message()
    whole["Reporting-MTA"] = "dns; mx.example.kr"
    one["Final-Recipient"], one["Action"], one["Status"] = "rfc822; " + to, "failed", "5.2.1"
    one["Diagnostic-Code"] = "smtp; 550 5.2.1 <%s> is closed" % to
    status = MIMENonMultipart("message", "delivery-status"); status.set_payload([whole, one])
    letter.attach(status)
    letter.attach(MIMEMessage(email.message_from_bytes(envelope.content)))
    return letter.as_bytes()
class Handler:
    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("gone"): return "550 5.1.1 <%s>: no such person" % address
        if address.startswith("busy"): return "451 4.3.2 try later"
        envelope.rcpt_tos.append(address); return "250 OK"
    async def handle_DATA(self, server, session, envelope):
        for to in envelope.rcpt_tos:
            if to.startswith("late"): box.add(bounced(envelope, to))
            elif to.startswith("bongsu"): box.add(envelope.content)
        m = email.message_from_bytes(envelope.content, policy=email.policy.default)
        parts = {p.get_content_type(): p.get_content() for p in m.walk() if not p.is_multipart()}
        parts = {k: v.decode() if isinstance(v, bytes) else v for k, v in parts.items()}
        print(json.dumps({"from": str(m["from"]), "to": str(m["to"]), "subject": str(m["subject"]), "id": m["message-id"].strip(),
            "references": (m["references"] or "").strip(), "date": str(m["date"]), "auto": m["auto-submitted"], "parts": parts, "files": [p.get_filename() for p in m.walk() if p.get_filename()],
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
    box_folder: TempDir,
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
        let port = free_port();
        let box_folder = TempDir::new().unwrap();
        // Debian's own interpreter: the package installs nothing for another one.
        let mut command = Command::new("/usr/bin/python3");
        command
            .args(["-c", SERVER, &port.to_string()])
            .arg(box_folder.path().join("box"))
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
        Some(Self { process, port, seen, box_folder })
    }
}

const CONTACTS: &str = "id,mail,language,phone\nduty,duty@city.example.kr,ko,\nforeman,foreman@city.example.kr,en,\ngone,gone@city.example.kr,,\nbusy,busy@city.example.kr,,\nphone,,,010-1234-5678\nlate,late@city.example.kr,,\n";

fn channel(port: u16, folder: &TempDir, timeout: Duration) -> Mail {
    from("bongsu@city.example.kr", port, folder, timeout, None)
}

fn from(
    from: &str,
    port: u16,
    folder: &TempDir,
    timeout: Duration,
    mailbox: Option<Mailbox>,
) -> Mail {
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
        from: from.into(),
        timeout,
    };
    let past: Past = Arc::new(|_, from, to| vec![(from, 1.0), (to, 2.0)]);
    Mail::new(&settings, Arc::new(texts), addresses, past, mailbox).unwrap()
}

#[tokio::test]
async fn a_real_server_gets_text_html_a_map_and_a_chart_in_one_thread() {
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
        assert_eq!(letter["files"], serde_json::json!(["map.svg", "chart.svg"]));
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

/// A mailbox beside a server, and what is journaled of what comes to it.
struct Post {
    ledger: Arc<Ledger>,
    journal: Journal,
    registry: prometheus::Registry,
    folder: TempDir,
}

impl Post {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let ledger = Arc::new(Ledger::open(folder.path().join("ledger.sqlite")).unwrap().0);
        Self { ledger, journal: Journal::default(), registry: prometheus::Registry::new(), folder }
    }

    fn mailbox(&self, server: &Server) -> Mailbox {
        let receipts = Receipts::new(
            "mail".parse().unwrap(),
            self.ledger.clone(),
            Arc::new(self.journal.clone()),
            Metrics::register(&self.registry).unwrap(),
            Arc::new(Still::new(at(90))),
        );
        Mailbox::new(server.maildir(), receipts)
    }

    fn stands(&self, position: u64, delivery: &Delivery, state: DeliveryState) {
        let mut batch = Batch::default();
        let change = change(delivery, state, 1, at(100), "250 queued");
        batch.decided(position, [Action::Owe(delivery.clone()), change]);
        self.ledger.commit(position, at(100), &batch).unwrap();
    }

    fn kept(&self, kept: &str) -> f64 {
        let families = self.registry.gather();
        let all = families.iter().filter(|family| family.name() == "delivery_receipts_total");
        let metrics = all.flat_map(|family| family.get_metric());
        let of = metrics.filter(|one| one.get_label().iter().any(|label| label.value() == kept));
        of.map(|metric| metric.get_counter().get_value()).sum()
    }
}

impl Server {
    fn maildir(&self) -> std::path::PathBuf {
        self.box_folder.path().join("box")
    }

    fn letters(&self, part: &str) -> Vec<String> {
        let names = std::fs::read_dir(self.maildir().join(part)).unwrap();
        names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }
}

#[tokio::test]
async fn g05_a_letter_that_bounces_days_later_is_noted_whatever_else_lies_in_the_mailbox() {
    let Some(server) = Server::start() else { return };
    let post = Post::new();
    let mail = from(
        "bongsu@city.example.kr",
        server.port,
        &post.folder,
        Duration::from_secs(20),
        Some(post.mailbox(&server)),
    );
    let sent = carried("mail", "late", alert(1, Level::Severe));
    post.stands(1, &sent, DeliveryState::Attempting);
    let new = server.maildir().join("new");
    for (name, letter) in
        [("1", &b"Subject: =?euc-kr?B?vsuw2g==?=\r\n\r\n\xbe\xcb\xb0\xda"[..]), ("2", b"\x00\xff")]
    {
        std::fs::write(new.join(name), letter).unwrap();
    }
    let result = mail.attempt(&sent, 1).await;
    assert!(matches!(result, AttemptResult::HandedOver { .. }), "{result:?}");
    until("what people wrote is left to people", || {
        server.letters("cur").iter().filter(|name| name.ends_with(":2,")).count() == 2
    })
    .await;
    assert_eq!(server.letters("new").len(), 1, "nobody wrote down yet that it was sent");
    post.stands(2, &sent, DeliveryState::Unconfirmed);
    until("a bounce is journaled", || !post.journal.0.lock().is_empty()).await;
    let outcome = post.journal.0.lock()[0].clone();
    assert_eq!((&outcome.key, outcome.attempt), (&sent.key, 1));
    let AttemptResult::Refused { reason } = outcome.result else { panic!("{outcome:?}") };
    assert_eq!(reason, "it bounced: 5.2.1 smtp; 550 5.2.1 (address) is closed");
    until("it was read", || server.letters("new").is_empty()).await;

    post.stands(3, &sent, DeliveryState::Refused);
    mail.attempt(&sent, 2).await;
    mail.attempt(&carried("mail", "late", alert(9, Level::Severe)), 1).await;
    until("a repeat and a stranger are counted", || {
        post.kept("duplicate") == 1.0 && post.kept("unknown") == 1.0
    })
    .await;
    assert_eq!(post.journal.0.lock().len(), 1);
}

#[tokio::test]
async fn a_link_test_is_proven_by_the_letter_that_comes_back_and_not_by_the_server() {
    let Some(server) = Server::start() else { return };
    for (who, expected) in [
        ("bongsu@city.example.kr", Proof::Proven("the letter came back".into())),
        (
            "late@city.example.kr",
            Proof::Failed("it bounced: 5.2.1 smtp; 550 5.2.1 (address) is closed".into()),
        ),
    ] {
        let post = Post::new();
        let (limit, mailbox) = (Duration::from_secs(20), post.mailbox(&server));
        let mail = from(who, server.port, &post.folder, limit, Some(mailbox));
        assert_eq!(mail.targets(), ["own-address"]);
        let probe = Probe::new(&"mail".parse().unwrap(), "own-address", at(100));
        assert_eq!(mail.prove(&probe).await, expected, "{who}");
    }
    let folder = TempDir::new().unwrap();
    let mail = channel(server.port, &folder, Duration::from_secs(20));
    assert!(mail.targets().is_empty(), "without a mailbox nothing comes back");
}
