//! Text messages over SMPP 3.4: UCS-2, long texts in parts, receipts of the phone.
//!
//! One session, bound as long as the daemon runs (`session`). What the centre took is handed over; the phone's
//! receipts come later and may be early, late, doubled or about messages that are not ours: each is matched by the
//! centre's message id or counted.

mod book;
mod report;
mod session;

use std::sync::Arc;
use std::time::Duration;

use alerting::catalogue::{self, Language};
use alerting::text::sms_parts;
use alerting::{AttemptResult, Delivery};
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, join_all};
use rusmpp::pdus::SubmitSm;
use rusmpp::types::{COctetString, OctetString};
use rusmpp::values::{DataCoding, EsmClass, Npi, RegisteredDelivery, Ton};
use tokio::sync::{mpsc, oneshot};
use tokio_util::task::AbortOnDropHandle;

use book::{Book, Whose};
use session::{Failure, Submit};

use super::{Spoken, refused, retry};
use crate::contacts::Addresses;
use crate::probe::{Probe, Proof, Provable};
use crate::receipts::Receipts;
use crate::secret::Secret;
use crate::text::{Case, Medium, Texts};

/// `esm_class` of a part: a user data header leads the text.
const HEADED: u8 = 0x40;

/// `registered_delivery`: tell us what became of it, well or ill.
const RECEIPT: u8 = 0x01;

/// How long the phone of a link test may take: it is ours, and switched on.
const LOOK_RECEIPT_WITHIN: Duration = Duration::from_secs(120);

/// Where the message centre is and who we are to it.
#[derive(Clone, Debug)]
pub struct SmppSettings {
    /// Its host.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Our name there, up to 15 characters.
    pub system_id: String,
    /// Our password there, up to 8 characters.
    pub password: Secret,
    /// What we are to it; often empty.
    pub system_type: String,
    /// The number messages come from.
    pub source: String,
    /// The most messages it has not answered yet.
    pub window: usize,
    /// How long it may take to answer.
    pub timeout: Duration,
    /// How often the link is tried.
    pub enquire_every: Duration,
    /// A number of our own that link tests write to, in international form.
    pub test_number: Option<String>,
}

/// Why a channel cannot be set up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` does not fit its SMPP field: ASCII, system-id up to 15, password up to 8, system-type up to 12, source up to 20"
)]
pub struct SmppError(&'static str);

/// Sends text messages.
pub struct Smpp {
    settings: SmppSettings,
    texts: Arc<Texts>,
    addresses: Addresses,
    book: Arc<Book>,
    queue: mpsc::Sender<Submit>,
    _session: AbortOnDropHandle<()>,
}

impl Smpp {
    /// A channel over this centre; its session begins at once.
    ///
    /// # Errors
    /// [`SmppError`] if a setting does not fit.
    pub fn new(
        settings: SmppSettings,
        texts: Arc<Texts>,
        addresses: Addresses,
        receipts: Receipts,
    ) -> Result<Self, SmppError> {
        let bind = session::bind(&settings)?;
        let _: COctetString<1, 21> = settings.source.parse().map_err(|_| SmppError("source"))?;
        let book = Arc::new(Book::new(receipts));
        let (queue, waiting) = mpsc::channel(settings.window.max(1));
        let session = session::run(settings.clone(), bind, waiting, book.clone());
        let session = AbortOnDropHandle::new(tokio::spawn(session));
        Ok(Self { settings, texts, addresses, book, queue, _session: session })
    }

    async fn send(&self, delivery: &Delivery, attempt: u32) -> AttemptResult {
        let (contact, phone) = match self.addresses.phone(delivery).await {
            Ok(found) => found,
            Err(result) => return result,
        };
        let text = self.texts.say_anyway(&Case::of(Medium::Sms, delivery, contact.language));
        let parts = sms_parts(&text);
        let Some(messages) = self.messages(&parts, phone.digits(), delivery.key.as_str()) else {
            return refused(format!("the number of contact `{}` does not fit SMPP", contact.id));
        };
        let sending = self.book.expect_receipts();
        let answers = join_all(messages.into_iter().map(|message| self.submit(message))).await;
        let result = verdict(answers);
        let handed_over = match &result {
            AttemptResult::HandedOver { reference } => {
                Some((Whose::Delivery(delivery.key.clone(), attempt), ids(reference)))
            }
            _ => None,
        };
        self.book.sent(sending, handed_over).await;
        result
    }

    /// A short message to a number of our own, which has to say that it has it.
    async fn look(&self, number: &str, probe: &Probe) -> Proof {
        let text = catalogue::message("probe-line", Language::Ko);
        let Some(messages) = self.messages(&sms_parts(text), number, probe.id()) else {
            return Proof::Failed("the number for tests does not fit SMPP".into());
        };
        let sending = self.book.expect_receipts();
        let answers = join_all(messages.into_iter().map(|message| self.submit(message))).await;
        let (told, receipt) = oneshot::channel();
        let reference = match verdict(answers) {
            AttemptResult::HandedOver { reference } => reference,
            result => {
                self.book.sent(sending, None).await;
                return result.into();
            }
        };
        self.book.sent(sending, Some((Whose::Look(told), ids(&reference)))).await;
        match tokio::time::timeout(LOOK_RECEIPT_WITHIN, receipt).await {
            Ok(Ok(result)) => result.into(),
            Ok(Err(_)) | Err(_) => {
                Proof::Failed("the centre took it, and the phone did not say that it has it".into())
            }
        }
    }

    fn messages(&self, parts: &[Vec<u16>], number: &str, key: &str) -> Option<Vec<SubmitSm>> {
        // The reference holds the parts of one message together at the phone; the same for a repeat.
        let reference = key.bytes().fold(0_u8, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte));
        let total = u8::try_from(parts.len()).ok()?;
        let message = |(at, part): (usize, &Vec<u16>)| {
            let mut bytes = Vec::new();
            if total > 1 {
                bytes.extend([5, 0, 3, reference, total, u8::try_from(at + 1).ok()?]);
            }
            bytes.extend(part.iter().flat_map(|unit| unit.to_be_bytes()));
            let class = if total > 1 { HEADED } else { 0 };
            let message = SubmitSm::builder()
                .source_addr_ton(source_type(&self.settings.source))
                .source_addr_npi(Npi::Isdn)
                .source_addr(self.settings.source.parse().ok()?)
                .dest_addr_ton(Ton::International)
                .dest_addr_npi(Npi::Isdn)
                .destination_addr(number.parse().ok()?)
                .esm_class(EsmClass::from(class))
                .registered_delivery(RegisteredDelivery::from(RECEIPT))
                .data_coding(DataCoding::Ucs2)
                .short_message(OctetString::from_vec(bytes).ok()?)
                .build();
            Some(message)
        };
        parts.iter().enumerate().map(message).collect()
    }

    async fn submit(&self, message: SubmitSm) -> Result<String, Failure> {
        let (submit, answer) = Submit::new(message);
        let sent = submit.sent.clone();
        let road = async {
            self.queue
                .send(submit)
                .await
                .map_err(|_| Failure::NotSent("the session ended".into()))?;
            answer.await.unwrap_or(Err(Failure::Lost))
        };
        match tokio::time::timeout(self.settings.timeout, road).await {
            Ok(answer) => answer,
            Err(_) if sent.load(std::sync::atomic::Ordering::Acquire) => Err(Failure::Lost),
            Err(_) => {
                Err(Failure::NotSent("the message centre is not reached or holds us back".into()))
            }
        }
    }
}

impl Spoken for Smpp {
    fn say<'a>(&'a self, delivery: &'a Delivery, attempt: u32) -> BoxFuture<'a, AttemptResult> {
        self.send(delivery, attempt).boxed()
    }
}

impl Provable for Smpp {
    fn targets(&self) -> Vec<String> {
        self.settings.test_number.iter().map(|_| "own-number".into()).collect()
    }

    fn within(&self) -> Duration {
        self.settings.timeout + LOOK_RECEIPT_WITHIN
    }

    fn prove<'a>(&'a self, probe: &'a Probe) -> BoxFuture<'a, Proof> {
        async {
            match self.settings.test_number.as_deref() {
                Some(number) => self.look(number, probe).await,
                None => Proof::Failed("there is no number for tests".into()),
            }
        }
        .boxed()
    }
}

/// The ids in a reference, one for each part.
fn ids(reference: &str) -> Vec<String> {
    reference.split(' ').map(str::to_owned).collect()
}

/// A sender of letters is a name, one of digits a number.
fn source_type(source: &str) -> Ton {
    match source.bytes().all(|b| b.is_ascii_digit()) {
        true if source.starts_with('0') || source.len() < 9 => Ton::National,
        true => Ton::International,
        false => Ton::Alphanumeric,
    }
}

/// What all parts together came to. Once a part may have gone out, a repeat may be a second message.
fn verdict(answers: Vec<Result<String, Failure>>) -> AttemptResult {
    let mut ids = Vec::new();
    let (mut lost, mut not_sent, mut no) = (false, None, None);
    for answer in answers {
        match answer {
            Ok(id) => ids.push(id),
            Err(Failure::Lost) => lost = true,
            Err(Failure::NotSent(reason)) => not_sent = Some(reason),
            Err(Failure::Refused(reason)) => no = Some(reason),
        }
    }
    match (no, lost, not_sent) {
        (Some(reason), _, _) => refused(format!("the message centre refused it: {reason}")),
        (None, true, _) => AttemptResult::Unknown,
        (None, false, Some(_)) if !ids.is_empty() => AttemptResult::Unknown,
        (None, false, Some(reason)) => retry(reason),
        (None, false, None) => AttemptResult::HandedOver { reference: ids.join(" ") },
    }
}

impl Submit {
    fn new(message: SubmitSm) -> (Self, oneshot::Receiver<Result<String, Failure>>) {
        let (answer, waiting) = oneshot::channel();
        (Self { message, answer, sent: Arc::default(), held_back: 0 }, waiting)
    }
}

#[cfg(test)]
mod tests;
