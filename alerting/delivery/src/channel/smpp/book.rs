//! Which of our deliveries a message of the centre belongs to.
//!
//! A delivery of several parts is proven when the phone has all of them, and lost when one is. Receipts may come
//! before the centre answered the last part, so those of nobody are kept while anything is being sent.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use alerting::{AttemptResult, DeliveryKey};
use parking_lot::Mutex;
use rusmpp::pdus::DeliverSm;
use tokio::sync::oneshot;

use super::report::{Report, text};
use crate::receipts::{Fate, Kept, Receipts};

/// Deliveries that wait for receipts; the oldest are then found in the ledger.
const WAITING_MAX: usize = 10_000;

/// Receipts kept until the centre has answered what they are about.
const EARLY_MAX: usize = 256;

struct Waiting {
    whose: Whose,
    ids: Vec<String>,
    missing: BTreeSet<String>,
}

/// Who waits for receipts.
pub enum Whose {
    /// A delivery, at this attempt.
    Delivery(DeliveryKey, u32),
    /// A link test.
    Look(oneshot::Sender<AttemptResult>),
}

#[derive(Default)]
struct Pages {
    waiting: BTreeMap<u64, Waiting>,
    by_id: BTreeMap<String, u64>,
    entered: u64,
    early: VecDeque<Report>,
}

/// The deliveries of a channel that wait for receipts.
pub struct Book {
    receipts: Receipts,
    pages: Mutex<Pages>,
    sending: Arc<AtomicUsize>,
}

/// Something is being sent as long as this lives.
pub struct Sending(Arc<AtomicUsize>);

impl Drop for Sending {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// What a settled delivery came to.
struct Settled {
    waiting: Waiting,
    result: AttemptResult,
}

impl Book {
    /// An empty book.
    pub fn new(receipts: Receipts) -> Self {
        Self { receipts, pages: Mutex::default(), sending: Arc::default() }
    }

    /// From now on receipts may come for what is not entered yet.
    pub fn expect_receipts(&self) -> Sending {
        self.sending.fetch_add(1, Ordering::AcqRel);
        Sending(self.sending.clone())
    }

    /// Enters what was handed over, if anything was, and takes the receipts that came while it was being sent.
    pub async fn sent(&self, sending: Sending, handed_over: Option<(Whose, Vec<String>)>) {
        let early = {
            let mut pages = self.pages.lock();
            drop(sending); // under the lock: whoever finds nothing entered and nothing being sent is right
            if let Some((whose, ids)) = handed_over {
                pages.enter(Waiting { whose, missing: ids.iter().cloned().collect(), ids });
            }
            std::mem::take(&mut pages.early)
        };
        for report in early {
            self.receipt(report).await;
        }
    }

    /// Takes a message of the centre.
    pub async fn take(&self, message: &DeliverSm) {
        match Report::read(message) {
            Some(report) => self.receipt(report).await,
            None => {
                // What a person wrote is theirs; the log says that there was something.
                let length = text(message).chars().count();
                tracing::info!(channel = %self.receipts.channel(), length, coding = ?message.data_coding, "somebody answered a text message");
            }
        }
    }

    async fn receipt(&self, report: Report) {
        if report.fate == Fate::OnItsWay {
            return;
        }
        let mut place = self.place(&report);
        if matches!(place, Place::Nowhere) && self.entered_from_ledger(&report).await {
            place = self.place(&report);
        }
        match place {
            Place::Settles(Settled { waiting, result }) => match waiting.whose {
                Whose::Delivery(key, attempt) => {
                    self.receipts.settle(key, attempt, result).await;
                }
                Whose::Look(told) => drop(told.send(result)), // nobody waits for a look that took too long
            },
            Place::Known => {}
            Place::Duplicate => self.receipts.note(Kept::Duplicate, &report.id).await,
            Place::Nowhere => {
                self.receipts.note(Kept::Unknown, &report.id).await;
                tracing::warn!(channel = %self.receipts.channel(), id = report.id, said = report.said, "a receipt of a message that is not known");
            }
        }
    }

    /// Finds the place of a receipt, at one moment: what is entered, settled or sent beside it cannot slip through.
    fn place(&self, report: &Report) -> Place {
        let mut pages = self.pages.lock();
        if pages.by_id.contains_key(&report.id) {
            return match pages.settle(report) {
                Some(settled) => {
                    self.receipts.remember(&settled.waiting.ids);
                    Place::Settles(settled)
                }
                None => Place::Known,
            };
        }
        if self.receipts.is_settled(&report.id) {
            return Place::Duplicate;
        }
        if self.sending.load(Ordering::Acquire) > 0 && pages.early.len() < EARLY_MAX {
            pages.early.push_back(report.clone());
            return Place::Known;
        }
        Place::Nowhere
    }

    /// Enters what was handed over before a restart; what of it was received before, nobody knows any more.
    async fn entered_from_ledger(&self, report: &Report) -> bool {
        let Some((key, attempt, ids)) = self.receipts.find(&report.id).await else { return false };
        let missing = BTreeSet::from([report.id.clone()]);
        let whose = Whose::Delivery(key, attempt);
        self.pages.lock().enter(Waiting { whose, ids, missing });
        true
    }
}

/// Where a receipt belongs.
enum Place {
    /// It is the last that was missing.
    Settles(Settled),
    /// To what is being sent, or to a part of what waits.
    Known,
    /// To what is settled.
    Duplicate,
    /// To nothing in the book.
    Nowhere,
}

impl Pages {
    fn enter(&mut self, waiting: Waiting) {
        self.entered += 1;
        for id in &waiting.ids {
            self.by_id.insert(id.clone(), self.entered);
        }
        self.waiting.insert(self.entered, waiting);
        while self.waiting.len() > WAITING_MAX
            && let Some((page, _)) = self.waiting.pop_first()
        {
            self.by_id.retain(|_, at| *at != page);
        }
    }

    fn settle(&mut self, report: &Report) -> Option<Settled> {
        let page = *self.by_id.get(&report.id)?;
        let waiting = self.waiting.get_mut(&page)?;
        waiting.missing.remove(&report.id);
        let result = match report.fate {
            Fate::Delivered if waiting.missing.is_empty() => {
                AttemptResult::Delivered { receipt: format!("the phone has it: {}", report.said) }
            }
            Fate::Lost => {
                AttemptResult::Refused { reason: format!("not delivered: {}", report.said) }
            }
            Fate::Delivered | Fate::OnItsWay => return None,
        };
        let waiting = self.waiting.remove(&page)?;
        self.by_id.retain(|_, at| *at != page);
        Some(Settled { waiting, result })
    }
}
