use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use alerting::{Alert, Level};
use parking_lot::Mutex;
use tempfile::TempDir;

use super::book::Book;
use super::report::{Report, text};
use super::*;
use crate::channel::Channel;
use crate::contacts::Directory;
use crate::ledger::Ledger;
use crate::metrics::Metrics;
use crate::ports::free_port;
use crate::receipts::Fate;
use crate::sample::{Journal, Still, alert, at, carried, program, text as both, until};

/// A message centre out of another house (Net::SMPP). What it does is said at its start; it prints what it gets.
const CENTRE: &str = r#"
use strict; use warnings; use Net::SMPP; use IO::Handle;
my ($port, $mood) = @ARGV;
STDOUT->autoflush(1);
my $listen = Net::SMPP->new_listen('127.0.0.1', port => $port, smpp_version => 0x34, Timeout => undef)
    or die "cannot listen: $!";
print "listening\n";
my ($number, $seen, @waiting) = (0, 0);
use IO::Select;
while (1) {
    my $c = $listen->accept or next;
    while (1) {
        # Slow: it answers the oldest only when nothing more comes.
        while (@waiting && !IO::Select->new($c)->can_read(0.1)) {
            $c->submit_sm_resp(seq => (shift @waiting)->{seq}, message_id => sprintf("M%03d", ++$number));
        }
        my $pdu = $c->read_pdu() or last;
        my $cmd = $pdu->{cmd};
        if ($cmd == Net::SMPP::CMD_bind_transceiver) {
            print "bind $pdu->{system_id} $pdu->{password}\n";
            if ($mood eq 'stranger') { $c->bind_transceiver_resp(seq => $pdu->{seq}, status => 0x0e, system_id => 'x'); last }
            $c->bind_transceiver_resp(seq => $pdu->{seq}, system_id => 'centre');
        } elsif ($cmd == Net::SMPP::CMD_submit_sm) {
            $seen++;
            if ($mood eq 'slow') { push @waiting, $pdu; print "waiting ", scalar(@waiting), "\n"; next }
            if ($mood eq 'busy' && $seen <= 2) { print "busy\n"; $c->submit_sm_resp(seq => $pdu->{seq}, status => 0x58, message_id => ''); next }
            if ($mood eq 'no') { $c->submit_sm_resp(seq => $pdu->{seq}, status => 0x0b, message_id => ''); next }
            if ($mood eq 'silent') { print "swallowed\n"; next }
            my $id = sprintf "M%03d", ++$number;
            print "submit $id $pdu->{destination_addr} $pdu->{data_coding} $pdu->{esm_class} $pdu->{registered_delivery} ", unpack('H*', $pdu->{short_message}), "\n";
            my $receipt = sub {
                my ($about, $stat) = @_;
                $c->deliver_sm(source_addr => '821012345678', destination_addr => '15440000', esm_class => 4, async => 1,
                    short_message => "id:$about sub:001 dlvrd:001 submit date:2607141501 done date:2607141502 stat:$stat err:000 text:");
            };
            if ($mood eq 'early') { $receipt->($id, 'DELIVRD'); }
            $c->submit_sm_resp(seq => $pdu->{seq}, message_id => $id);
            if ($mood eq 'good') { $receipt->($id, 'ENROUTE'); $receipt->($id, 'DELIVRD'); $receipt->($id, 'DELIVRD'); $receipt->('nobody', 'DELIVRD'); }
            if ($mood eq 'off') { $receipt->($id, 'UNDELIV'); }
            if ($mood eq 'chatty') {
                $c->deliver_sm(source_addr => '821012345678', destination_addr => '15440000', esm_class => 0, async => 1, data_coding => 14, short_message => "\xbe\xcb\xb0\xda");
                $receipt->($id, 'DELIVRD');
            }
        } elsif ($cmd == Net::SMPP::CMD_enquire_link) {
            print "link\n";
            $c->enquire_link_resp(seq => $pdu->{seq}) unless $mood eq 'deaf';
        } elsif ($cmd == Net::SMPP::CMD_unbind) {
            $c->unbind_resp(seq => $pdu->{seq}); last;
        }
    }
    print "closed\n";
    close $c;
}
"#;

struct Centre {
    process: Child,
    port: u16,
    said: Arc<Mutex<Vec<String>>>,
}

impl Drop for Centre {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

impl Centre {
    fn start(mood: &str) -> Option<Self> {
        let perl = program("perl")?;
        let has = Command::new(&perl).args(["-MNet::SMPP", "-e", "1"]).output().unwrap();
        if !has.status.success() {
            assert!(
                std::env::var_os("BONGSU_REQUIRE_SERVERS").is_none(),
                "Net::SMPP is not installed"
            );
            println!("skipped: Net::SMPP not installed");
            return None;
        }
        let port = free_port();
        let mut command = Command::new(perl);
        command.args(["-e", CENTRE, &port.to_string(), mood]);
        let mut process = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        assert_eq!(lines.next().unwrap().unwrap(), "listening");
        let said: Arc<Mutex<Vec<String>>> = Arc::default();
        let heard = said.clone();
        std::thread::spawn(move || {
            lines.map_while(Result::ok).for_each(|line| heard.lock().push(line))
        });
        Some(Self { process, port, said })
    }

    fn said(&self, begin: &str) -> Vec<String> {
        self.said.lock().iter().filter(|line| line.starts_with(begin)).cloned().collect()
    }
}

struct Office {
    _folder: TempDir,
    journal: Journal,
    registry: prometheus::Registry,
    channel: Smpp,
}

impl Office {
    fn new(port: u16, timeout: Duration) -> Self {
        let folder = TempDir::new().unwrap();
        let contacts = folder.path().join("contacts.csv");
        std::fs::write(&contacts, "id,phone,mail\nhead,010-1234-5678,\nmail-only,,a@example.kr\n")
            .unwrap();
        let ledger = Arc::new(Ledger::open(folder.path().join("ledger.sqlite")).unwrap().0);
        let (journal, registry) = (Journal::default(), prometheus::Registry::new());
        let metrics = Metrics::register(&registry).unwrap();
        let clock = Arc::new(Still::new(at(90)));
        let receipts = Receipts::new(
            "sms".parse().unwrap(),
            ledger,
            Arc::new(journal.clone()),
            metrics,
            clock.clone(),
        );
        let addresses = Addresses::new(Arc::new(Directory::new(contacts)), clock);
        let settings = SmppSettings {
            test_number: Some("821012345678".into()),
            host: "127.0.0.1".into(),
            port,
            system_id: "bongsu".into(),
            password: Secret::new("secret08"),
            system_type: String::new(),
            source: "15440000".into(),
            window: WINDOW,
            timeout,
            enquire_every: Duration::from_millis(200),
        };
        let texts = Texts::new(vec![], both("봉수시", "Bongsu"), String::new(), String::new());
        let channel = Smpp::new(settings, Arc::new(texts), addresses, receipts).unwrap();
        Self { _folder: folder, journal, registry, channel }
    }

    async fn send(&self, alert: Alert) -> AttemptResult {
        self.channel.attempt(&carried("sms", "head", alert), 1).await
    }

    fn receipts(&self, kept: &str) -> f64 {
        let families = self.registry.gather();
        let family = families.iter().find(|family| family.name() == "delivery_receipts_total");
        let metric = family.and_then(|family| {
            family.get_metric().iter().find(|m| m.get_label().iter().any(|l| l.value() == kept))
        });
        metric.map_or(0.0, |metric| metric.get_counter().get_value())
    }
}

const WINDOW: usize = 3;

const LONG: Duration = Duration::from_secs(20);

/// An alert whose text takes more than one part, with characters beyond the plane in it.
fn long() -> Alert {
    let mut alert = alert(1, Level::Severe);
    alert.site.area.ko = ["가".repeat(40), "🚨".into(), "나".repeat(60)].concat();
    alert
}

#[tokio::test]
async fn a_centre_takes_a_long_text_in_parts_and_its_receipts_prove_it() {
    let Some(centre) = Centre::start("good") else { return };
    let office = Office::new(centre.port, LONG);
    let AttemptResult::HandedOver { reference } = office.send(long()).await else { panic!() };
    let ids: Vec<&str> = reference.split(' ').collect();
    assert!(ids.len() > 1, "{reference}");
    until("every part is told", || centre.said("submit").len() >= ids.len()).await;
    let submitted = centre.said("submit");
    assert_eq!(ids.len(), submitted.len(), "{reference}");
    assert_eq!(centre.said("bind"), ["bind bongsu secret08"]);
    let mut said = String::new();
    for (at, line) in submitted.iter().enumerate() {
        let words: Vec<&str> = line.split(' ').collect();
        assert_eq!(words[2..6], ["821012345678", "8", "64", "1"], "UCS-2, headed, with receipt");
        let bytes: Vec<u8> = (0..words[6].len())
            .step_by(2)
            .map(|i| u8::from_str_radix(&words[6][i..i + 2], 16).unwrap())
            .collect();
        assert_eq!(
            (&bytes[..3], bytes[4], bytes[5]),
            (&[5, 0, 3][..], ids.len() as u8, at as u8 + 1)
        );
        assert!(bytes.len() <= 140);
        let units: Vec<u16> =
            bytes[6..].chunks(2).map(|p| u16::from_be_bytes([p[0], p[1]])).collect();
        said.push_str(&String::from_utf16(&units).expect("no surrogate is split"));
    }
    assert!(said.starts_with("[봉수시]") && said.contains('🚨'), "{said}");
    until("a proof", || !office.journal.0.lock().is_empty()).await;
    let outcome = office.journal.0.lock()[0].clone();
    assert_eq!(
        (outcome.attempt, outcome.key.as_str()),
        (1, "live_cut-12_slope-failure_7_1_alert_sms_head")
    );
    assert!(
        matches!(&outcome.result, AttemptResult::Delivered { receipt } if receipt.contains("DELIVRD"))
    );
    until("every odd receipt counted", || {
        office.receipts("unknown") >= ids.len() as f64 && office.receipts("duplicate") >= 1.0
    })
    .await;
    assert_eq!((office.receipts("settled"), office.journal.0.lock().len()), (1.0, 1));
    until("the link is tried", || !centre.said("link").is_empty()).await;
}

#[tokio::test]
async fn what_a_centre_answers_decides() {
    for (mood, expected) in [
        ("early", "handed-over"),
        ("busy", "handed-over"),
        ("off", "handed-over"),
        ("chatty", "handed-over"),
        ("no", "refused"),
        ("silent", "unknown"),
        ("stranger", "retry"),
    ] {
        let Some(centre) = Centre::start(mood) else { return };
        let short = matches!(mood, "silent" | "stranger");
        let office =
            Office::new(centre.port, if short { Duration::from_millis(1_500) } else { LONG });
        let result = office.send(alert(1, Level::Severe)).await;
        let got = match &result {
            AttemptResult::HandedOver { .. } => "handed-over",
            AttemptResult::Refused { .. } => "refused",
            AttemptResult::Unknown => "unknown",
            AttemptResult::Retry { .. } => "retry",
            AttemptResult::Delivered { .. } => "delivered",
        };
        assert_eq!(got, expected, "{mood}: {result:?}");
        match mood {
            "busy" => assert_eq!(centre.said("busy").len(), 2, "held back and sent again"),
            "early" | "chatty" => until("a proof", || !office.journal.0.lock().is_empty()).await,
            "off" => {
                until("a loss", || !office.journal.0.lock().is_empty()).await;
                let outcome = office.journal.0.lock()[0].clone();
                assert!(
                    matches!(outcome.result, AttemptResult::Refused { reason } if reason.contains("UNDELIV"))
                );
            }
            _ => {}
        }
    }
}

#[tokio::test]
async fn no_more_messages_wait_for_an_answer_than_the_window_has_room_for() {
    let Some(centre) = Centre::start("slow") else { return };
    let office = Office::new(centre.port, LONG);
    let sends = (1..=8).map(|revision| office.send(Alert { revision, ..long() }));
    for result in join_all(sends).await {
        assert!(matches!(result, AttemptResult::HandedOver { .. }), "{result:?}");
    }
    let waiting = centre.said("waiting");
    assert!(waiting.len() >= 16, "each takes more than one part: {waiting:?}");
    let most = waiting.iter().map(|line| line["waiting ".len()..].parse::<usize>().unwrap()).max();
    assert_eq!(most, Some(WINDOW), "it is used in full and never overrun");
}

#[tokio::test]
async fn a_link_test_is_proven_by_the_phone_and_not_by_the_centre() {
    for (mood, expected) in [
        ("good", "proven: the phone has it: DELIVRD err:000"),
        ("early", "proven: the phone has it: DELIVRD err:000"),
        ("off", "failed: not delivered: UNDELIV err:000"),
        ("no", "failed: the message centre refused it: EsmeRinvdstadr"),
    ] {
        let Some(centre) = Centre::start(mood) else { return };
        let office = Office::new(centre.port, LONG);
        let probe = Probe::new(&"sms".parse().unwrap(), "own-number", at(100));
        assert_eq!(office.channel.prove(&probe).await.to_string(), expected, "{mood}");
        assert!(office.journal.0.lock().is_empty(), "a look is no delivery");
    }
}

#[tokio::test]
async fn g06_a_centre_that_is_deaf_or_gone_is_left_and_come_back_to() {
    let Some(centre) = Centre::start("deaf") else { return };
    let office = Office::new(centre.port, LONG);
    until("left for being deaf", || centre.said("bind").len() >= 2).await;
    drop(office);
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    // A hole: it takes connections and never says a word.
    let office = Office::new(nobody.local_addr().unwrap().port(), Duration::from_millis(300));
    let result = office.send(alert(1, Level::Severe)).await;
    assert!(matches!(result, AttemptResult::Retry { .. }), "{result:?}");
}

#[tokio::test]
async fn who_cannot_be_reached_by_phone_is_named_by_identifier_alone() {
    let Some(centre) = Centre::start("good") else { return };
    let office = Office::new(centre.port, LONG);
    for (recipient, part) in [("nobody", "no contact `nobody`"), ("mail-only", "no phone number")] {
        let sent = carried("sms", recipient, alert(1, Level::Severe));
        let AttemptResult::Refused { reason } = office.channel.attempt(&sent, 1).await else {
            panic!()
        };
        assert!(reason.contains(part), "{reason}");
    }
    assert_eq!(centre.said("submit").len(), 0);
}

#[test]
fn receipts_are_read_however_they_are_written() {
    use rusmpp::pdus::DeliverSm;
    let message = |class: u8, text: &[u8]| {
        let text = OctetString::from_vec(text.to_vec()).unwrap();
        DeliverSm::builder().esm_class(EsmClass::from(class)).short_message(text).build()
    };
    for (text, id, fate) in [
        (&b"id:123 sub:001 dlvrd:001 submit date:2607141501 done date:2607141502 stat:DELIVRD err:000 text:abc"[..], "123", Fate::Delivered),
        (b"id:abc stat:undeliv err:005", "abc", Fate::Lost),
        (b"ID:x Stat:EXPIRED", "x", Fate::Lost),
        (b"id:x stat:ACCEPTD", "x", Fate::OnItsWay),
        (b"id:x", "x", Fate::OnItsWay),
        (b"id:x stat:\xbe\xcb", "x", Fate::OnItsWay),
    ] {
        let report = Report::read(&message(4, text)).unwrap();
        assert_eq!((report.id.as_str(), report.fate), (id, fate));
    }
    assert_eq!(
        Report::read(&message(0, b"id:1 stat:DELIVRD")),
        None,
        "a person may write anything"
    );
    assert_eq!(Report::read(&message(4, b"nothing")), None);
    let coded = |coding: u8, bytes: &[u8]| {
        let mut message = message(0, bytes);
        message.data_coding = DataCoding::from(coding);
        text(&message)
    };
    assert_eq!(coded(8, &[0xB3, 0x00, 0xD5, 0x3C]), "대피");
    assert_eq!(coded(3, &[0xe9]), "é");
    assert!(coded(14, &[0xbe, 0xcb]).contains("becb"));
    assert_eq!(coded(8, &[0xD8]), "\u{fffd}");
}

#[tokio::test]
async fn after_a_restart_the_ledger_knows_what_a_receipt_is_about() {
    let folder = TempDir::new().unwrap();
    let ledger = Arc::new(Ledger::open(folder.path().join("ledger.sqlite")).unwrap().0);
    let sent = carried("sms", "head", alert(1, Level::Severe));
    let mut batch = crate::ledger::Batch::default();
    let handed =
        crate::sample::change(&sent, alerting::DeliveryState::HandedOver, 1, at(100), "M001 M002");
    batch.decided(1, vec![alerting::Action::Owe((*sent).clone()), handed]);
    ledger.commit(1, at(100), &batch).unwrap();
    let journal = Journal::default();
    let metrics = Metrics::unread();
    let clock = Arc::new(Still::new(at(110)));
    let receipts = Receipts::new(
        "sms".parse().unwrap(),
        ledger.clone(),
        Arc::new(journal.clone()),
        metrics,
        clock,
    );
    let book = Book::new(receipts);
    let receipt = OctetString::from_vec(b"id:M002 stat:DELIVRD err:000".to_vec()).unwrap();
    let message = rusmpp::pdus::DeliverSm::builder()
        .esm_class(EsmClass::from(4))
        .short_message(receipt)
        .build();
    book.take(&message).await;
    let outcome = journal.0.lock().pop().unwrap();
    assert_eq!((outcome.key, outcome.attempt), (sent.key.clone(), 1));
}
