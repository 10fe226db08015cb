//! CAP 1.2: a document for each message, feeds of what stands, and pushing to a gateway.
//!
//! Documents are files in one folder, written whole or not at all. The folder is the truth about what was published:
//! `references` and the feed are read from it, never from what was meant to be published. A document depends on the
//! alert and on what was published before it, not on when it is written, and one that is there is never written
//! again, so a repeated attempt changes nothing.
//!
//! Restricted documents (관심, monitoring faults) stay in the folder for officers; feed and [`Store::served`] show
//! public ones only.

mod document;
mod profile;
mod signature;
mod store;
mod feed;
mod gateway;
mod readback;

use std::path::PathBuf;
use std::sync::Arc;

use alerting::{Alert, AttemptResult, Delivery, MessageType};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use reading::id::ChannelId;
use reading::registry::Text;

pub use document::{document, draft, probe, scope, zoned};
pub use feed::{Feed, mark};
pub use gateway::{Gateway, Proof, judge};
pub use profile::Profile;
pub use readback::ReadBack;
pub use signature::{CapSigner, SignerError};
pub(super) use store::leaves;
pub use store::{CapError, Draft, Published, Scope, Store};

use super::{Spoken, delivered, refused, retry};

/// Who publishes, and where.
#[derive(Clone, Debug)]
pub struct CapSettings {
    /// The folder of documents, on a local disk.
    pub folder: PathBuf,
    /// Who is responsible, as `slope-ews@city.example.kr`; see [`is_sender`].
    pub sender: String,
    /// Who is responsible, for people.
    pub sender_name: Text,
    /// Where to ask, for people; may be empty.
    pub contact: String,
    /// Who may see restricted documents, in words.
    pub restriction: String,
    /// Under which address `/cap/` is served, without a slash at the end.
    pub base_url: String,
    /// Whose documents these are, if they are pushed to a gateway; `None` for the feed.
    pub gateway: Option<ChannelId>,
    /// What their receivers ask.
    pub profile: Profile,
    /// Who signs them, if they are signed.
    pub signer: Option<Arc<CapSigner>>,
}

/// Whether a text may be a CAP sender or identifier: not empty, printable, no spaces, commas, `<` or `&`.
pub fn is_sender(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_graphic() && !matches!(c, ',' | '<' | '&'))
}

/// The identifier of the document about an alert: also its file name and the last part of its address. What a
/// gateway is sent has identifiers of its own, since it refers to other documents than the feed's.
pub fn identifier(alert: &Alert, gateway: Option<&ChannelId>) -> String {
    let name = format!("{}_{}_{}", alert.incident, alert.revision, alert.purpose.name());
    gateway.map_or_else(|| name.clone(), |gateway| format!("{name}_{gateway}"))
}

/// Where a document is served.
pub fn address(base_url: &str, identifier: &str) -> String {
    format!("{}/cap/{identifier}.xml", base_url.trim_end_matches('/'))
}

/// Publishes CAP documents.
pub struct Cap {
    store: Arc<Store>,
}

impl Cap {
    /// A channel into this store, which the pages serve from.
    pub fn new(store: Arc<Store>) -> Self {
        Self { store }
    }
}

impl Spoken for Cap {
    fn say<'a>(&'a self, delivery: &'a Delivery, _attempt: u32) -> BoxFuture<'a, AttemptResult> {
        let (store, alert) = (self.store.clone(), delivery.alert.clone());
        // Writing waits for the disk, and a started write runs to its end whatever becomes of the attempt.
        let work = tokio::task::spawn_blocking(move || publish(&store, &alert));
        async move { work.await.unwrap_or(AttemptResult::Unknown) }.boxed()
    }
}

fn publish(store: &Store, alert: &Alert) -> AttemptResult {
    let identifier = store.identifier(alert);
    if store.has(&identifier) {
        return delivered(format!("{identifier}.xml was published before"));
    }
    if alert.message_type == MessageType::Cancel && store.chain(alert.incident.as_str()).is_empty()
    {
        return delivered("nothing published, nothing to cancel: no document was written");
    }
    match store.publish(alert) {
        Ok(()) => delivered(format!("{identifier}.xml")),
        Err(error @ (CapError::Name { .. } | CapError::Late { .. })) => refused(error.to_string()),
        Err(error) => retry(error.to_string()),
    }
}

#[cfg(test)]
mod tests;
