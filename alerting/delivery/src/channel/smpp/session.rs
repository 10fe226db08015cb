//! The session with a message centre: bind, window, link tests, holding back when told to, coming back when lost.

use std::collections::{BTreeMap, VecDeque};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use rusmpp::pdus::{BindTransceiver, DeliverSmResp, SubmitSm};
use rusmpp::tokio_codec::CommandCodec;
use rusmpp::types::COctetString;
use rusmpp::values::InterfaceVersion;
use rusmpp::{Command, CommandStatus, Pdu};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Interval, MissedTickBehavior, Sleep, interval, sleep, timeout};
use tokio_util::codec::Framed;

use super::book::Book;
use super::{SmppError, SmppSettings};

/// Waits between tries to connect: doubled from the first to the last.
const RECONNECT: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(30));

/// Waits after the centre said that we are too fast: doubled from the first to the last.
const HOLD_BACK: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(8));

/// A message on its way to the centre.
pub struct Submit {
    /// What is sent.
    pub message: SubmitSm,
    /// Where the centre's id goes, or why there is none.
    pub answer: oneshot::Sender<Result<String, Failure>>,
    /// Whether it may have reached the centre.
    pub sent: Arc<AtomicBool>,
    /// How often the centre was too busy for it.
    pub held_back: u32,
}

/// Why a message has no id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The centre never had it.
    NotSent(String),
    /// It was sent and not answered.
    Lost,
    /// The centre will not take it.
    Refused(String),
}

type Wire = Framed<TcpStream, CommandCodec>;

/// The bind of these settings.
///
/// # Errors
/// [`SmppError`] if one does not fit.
pub fn bind(settings: &SmppSettings) -> Result<BindTransceiver, SmppError> {
    fn field<const MOST: usize>(
        name: &'static str,
        text: &str,
    ) -> Result<COctetString<1, MOST>, SmppError> {
        text.parse().map_err(|_| SmppError(name))
    }
    Ok(BindTransceiver::builder()
        .system_id(field("system-id", &settings.system_id)?)
        .password(field("password", settings.password.expose())?)
        .system_type(field("system-type", &settings.system_type)?)
        .interface_version(InterfaceVersion::Smpp3_4)
        .build())
}

/// Holds a session as long as somebody may send.
pub async fn run(
    settings: SmppSettings,
    bind: BindTransceiver,
    mut queue: mpsc::Receiver<Submit>,
    book: Arc<Book>,
) {
    let mut wait = RECONNECT.0;
    while !queue.is_closed() {
        let reason = match timeout(settings.timeout, connect(&settings, bind.clone())).await {
            Ok(Ok(wire)) => {
                wait = RECONNECT.0;
                tracing::info!(host = settings.host, "bound to the message centre");
                Serving::new(wire, &settings, &book).run(&mut queue).await
            }
            Ok(Err(reason)) => reason,
            Err(_) => "no answer in time".into(),
        };
        tracing::warn!(host = settings.host, reason, "no session with the message centre");
        turn_away(&mut queue, &reason, wait).await;
        wait = (wait * 2).min(RECONNECT.1);
    }
}

/// Answers whoever wants to send that there is no session, for a while.
async fn turn_away(queue: &mut mpsc::Receiver<Submit>, reason: &str, wait: Duration) {
    let turning = async {
        while let Some(submit) = queue.recv().await {
            submit.answer.send(Err(Failure::NotSent(reason.to_owned()))).ok();
        }
    };
    timeout(wait, turning).await.ok();
}

async fn connect(settings: &SmppSettings, bind: BindTransceiver) -> Result<Wire, String> {
    let address = (settings.host.as_str(), settings.port);
    let stream = TcpStream::connect(address).await.map_err(|error| error.to_string())?;
    stream.set_nodelay(true).ok();
    let mut wire = Framed::new(stream, CommandCodec::new());
    send(&mut wire, CommandStatus::EsmeRok, 1, bind).await?;
    match wire.next().await {
        Some(Ok(answer)) if answer.status() == CommandStatus::EsmeRok => Ok(wire),
        Some(Ok(answer)) => Err(format!("the centre refused the bind: {:?}", answer.status())),
        Some(Err(error)) => Err(format!("the answer to the bind is no SMPP: {error}")),
        None => Err("the centre closed the connection".into()),
    }
}

async fn send(
    wire: &mut Wire,
    status: CommandStatus,
    sequence: u32,
    pdu: impl Into<Pdu>,
) -> Result<(), String> {
    wire.send(Command::new(status, sequence, pdu)).await.map_err(|error| error.to_string())
}

/// A bound session.
struct Serving<'a> {
    wire: Wire,
    settings: &'a SmppSettings,
    book: &'a Book,
    sequence: u32,
    unanswered: BTreeMap<u32, Submit>,
    held_back: VecDeque<Submit>,
    held_until: Option<Pin<Box<Sleep>>>,
    link_tried: Option<u32>,
}

impl<'a> Serving<'a> {
    fn new(wire: Wire, settings: &'a SmppSettings, book: &'a Book) -> Self {
        Self {
            wire,
            settings,
            book,
            sequence: 1,
            unanswered: BTreeMap::new(),
            held_back: VecDeque::new(),
            held_until: None,
            link_tried: None,
        }
    }

    /// Serves until the session ends, and says why it did.
    async fn run(mut self, queue: &mut mpsc::Receiver<Submit>) -> String {
        let mut link = interval(self.settings.enquire_every);
        link.set_missed_tick_behavior(MissedTickBehavior::Delay);
        link.reset();
        loop {
            match self.turn(queue, &mut link).await {
                Ok(true) => {}
                Ok(false) => {
                    self.unbind().await;
                    return "nobody sends any more".into();
                }
                Err(reason) => return self.fail(reason),
            }
        }
    }

    async fn turn(
        &mut self,
        queue: &mut mpsc::Receiver<Submit>,
        link: &mut Interval,
    ) -> Result<bool, String> {
        // Whoever gave up waiting makes room for others.
        self.unanswered.retain(|_, submit| !submit.answer.is_closed());
        self.held_back.retain(|submit| !submit.answer.is_closed());
        let room = self.unanswered.len() < self.settings.window.max(1) && self.held_back.is_empty();
        let held = self.held_back.front().map(|submit| hold_back(submit.held_back));
        match held {
            None => self.held_until = None,
            Some(wait) if self.held_until.is_none() => {
                self.held_until = Some(Box::pin(sleep(wait)))
            }
            Some(_) => {}
        }
        tokio::select! {
            heard = self.wire.next() => match heard {
                Some(Ok(command)) => self.hear(command).await?,
                Some(Err(error)) => return Err(format!("what the centre sent is no SMPP: {error}")),
                None => return Err("the centre closed the connection".into()),
            },
            submit = queue.recv(), if room => match submit {
                Some(submit) => self.submit(submit).await?,
                None => return Ok(false),
            },
            () = maybe(&mut self.held_until) => {
                self.held_until = None;
                if let Some(submit) = self.held_back.pop_front() {
                    self.submit(submit).await?;
                }
            }
            _ = link.tick() => self.try_link().await?,
        }
        Ok(true)
    }

    async fn submit(&mut self, submit: Submit) -> Result<(), String> {
        if submit.answer.is_closed() {
            return Ok(());
        }
        let sequence = self.next_sequence();
        submit.sent.store(true, Ordering::Release);
        let message = submit.message.clone();
        self.unanswered.insert(sequence, submit);
        send(&mut self.wire, CommandStatus::EsmeRok, sequence, message).await
    }

    async fn hear(&mut self, command: Command) -> Result<(), String> {
        let (status, sequence) = (command.status(), command.sequence_number());
        match command.pdu() {
            Some(Pdu::SubmitSmResp(answer)) => {
                self.answered(sequence, status, answer.message_id().as_str().to_owned());
            }
            Some(Pdu::DeliverSm(message)) => {
                self.book.take(message).await;
                let answer = DeliverSmResp::default();
                send(&mut self.wire, CommandStatus::EsmeRok, sequence, answer).await?;
            }
            Some(Pdu::EnquireLink) => {
                send(&mut self.wire, CommandStatus::EsmeRok, sequence, Pdu::EnquireLinkResp)
                    .await?;
            }
            Some(Pdu::EnquireLinkResp) => self.link_tried = None,
            Some(Pdu::Unbind) => {
                send(&mut self.wire, CommandStatus::EsmeRok, sequence, Pdu::UnbindResp).await.ok();
                return Err("the centre ended the session".into());
            }
            _ if status != CommandStatus::EsmeRok => {
                self.answered(sequence, status, String::new());
            }
            _ => {
                tracing::debug!(command = ?command.id(), "a message of the centre that says nothing to us")
            }
        }
        Ok(())
    }

    fn answered(&mut self, sequence: u32, status: CommandStatus, id: String) {
        let Some(mut submit) = self.unanswered.remove(&sequence) else {
            tracing::debug!(sequence, "an answer of the centre to nothing we wait for");
            return;
        };
        match status {
            CommandStatus::EsmeRok => drop(submit.answer.send(Ok(id))),
            CommandStatus::EsmeRthrottled | CommandStatus::EsmeRmsgqful => {
                submit.held_back += 1;
                submit.sent.store(false, Ordering::Release);
                self.held_back.push_back(submit);
            }
            status => drop(submit.answer.send(Err(Failure::Refused(format!("{status:?}"))))),
        }
    }

    async fn try_link(&mut self) -> Result<(), String> {
        if self.link_tried.is_some() {
            return Err("the centre does not answer enquire_link".into());
        }
        let sequence = self.next_sequence();
        self.link_tried = Some(sequence);
        send(&mut self.wire, CommandStatus::EsmeRok, sequence, Pdu::EnquireLink).await
    }

    async fn unbind(&mut self) {
        let sequence = self.next_sequence();
        send(&mut self.wire, CommandStatus::EsmeRok, sequence, Pdu::Unbind).await.ok();
    }

    /// Sequence numbers run from 1 to 0x7FFFFFFF.
    fn next_sequence(&mut self) -> u32 {
        self.sequence = self.sequence % 0x7FFF_FFFF + 1;
        self.sequence
    }

    fn fail(self, reason: String) -> String {
        for submit in self.unanswered.into_values() {
            submit.answer.send(Err(Failure::Lost)).ok();
        }
        for submit in self.held_back {
            submit.answer.send(Err(Failure::NotSent(reason.clone()))).ok();
        }
        reason
    }
}

/// Waits for a moment, for ever if there is none.
async fn maybe(moment: &mut Option<Pin<Box<Sleep>>>) {
    match moment {
        Some(moment) => moment.await,
        None => std::future::pending().await,
    }
}

fn hold_back(times: u32) -> Duration {
    HOLD_BACK.0.saturating_mul(1 << times.saturating_sub(1).min(10)).min(HOLD_BACK.1)
}
