//! Gateways behind a broker of somebody else's. Each publishes below its own name, `gateway/{name}/…`, and to keep it
//! there is all that such a broker has to do: one line of its access rules. For which stations it speaks stands in our
//! book, and a message for another's is refused here.

use std::path::{Path, PathBuf};
use std::time::Duration;

use broker::gateway::{Book, BookError};
use parking_lot::RwLock;
use tokio_util::sync::CancellationToken;

/// The first level of what gateways publish; their name is the second.
pub const PREFIX: &str = "gateway";

/// How often it is looked whether the book has changed.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The book, and what it says of topics.
pub(super) struct Gateways {
    folder: PathBuf,
    book: RwLock<Book>,
}

/// What a topic comes to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Said<'t> {
    /// Its gateway may say this; the topic without the gateway's name.
    Own { gateway: &'t str, topic: &'t str },
    /// It may not. `known`: it is one of ours.
    Foreign { gateway: &'t str, topic: &'t str, known: bool },
}

impl Gateways {
    /// The gateways of a book, which is followed as it changes.
    pub(super) fn open(folder: &Path) -> Result<Self, BookError> {
        Ok(Self { folder: folder.into(), book: RwLock::new(Book::open(folder)?) })
    }

    /// Whether who says something may.
    pub(super) fn judge<'t>(&self, topic: &'t str) -> Said<'t> {
        let parts = topic.strip_prefix(PREFIX).and_then(|rest| rest.strip_prefix('/'));
        let (gateway, topic) = parts.and_then(|rest| rest.split_once('/')).unwrap_or(("", topic));
        let book = self.book.read();
        match book.get(gateway) {
            Some(known) if known.may_publish(topic) => Said::Own { gateway, topic },
            known => Said::Foreign { gateway, topic, known: known.is_some() },
        }
    }

    /// Takes over the book whenever it has changed, until told to stop.
    pub(super) async fn follow(&self, cancel: CancellationToken) {
        loop {
            tokio::select! {
                () = tokio::time::sleep(LOOK_EVERY) => {}
                () = cancel.cancelled() => return,
            }
            let folder = self.folder.clone();
            match tokio::task::spawn_blocking(move || Book::open(&folder)).await {
                Ok(Ok(read)) if read != *self.book.read() => {
                    tracing::info!(
                        gateways = read.iter().count(),
                        "the book of gateways has changed"
                    );
                    *self.book.write() = read;
                }
                Ok(Ok(_)) | Err(_) => {}
                Ok(Err(error)) => {
                    tracing::warn!(%error, "the book of gateways cannot be read; the one before holds");
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use broker::gateway::Gateway;

    #[test]
    fn a_gateway_is_believed_about_its_own_stations_alone() {
        let folder = tempfile::tempdir().unwrap();
        let gateway = |revoked| Gateway {
            speaks_for: vec!["cut-12".parse().unwrap()],
            topics: vec!["spBv1.0/slopes/#".into()],
            password: None,
            certificate: None,
            revoked,
        };
        let mut book = Book::default();
        book.add("gate-1", gateway(false)).unwrap();
        book.add("gate-2", gateway(true)).unwrap();
        book.save(folder.path()).unwrap();
        let gateways = Gateways::open(folder.path()).unwrap();
        let own = |topic| Said::Own { gateway: "gate-1", topic };
        let (telemetry, foreign) = ("bongsu/v1/cut-12/a/telemetry", "bongsu/v1/cut-13/a/telemetry");
        let table = [
            ("gateway/gate-1/bongsu/v1/cut-12/a/telemetry", own(telemetry)),
            ("gateway/gate-1/spBv1.0/slopes/NDATA/x", own("spBv1.0/slopes/NDATA/x")),
            (
                "gateway/gate-1/bongsu/v1/cut-13/a/telemetry",
                Said::Foreign { gateway: "gate-1", topic: foreign, known: true },
            ),
            (
                "gateway/gate-2/bongsu/v1/cut-12/a/telemetry",
                Said::Foreign { gateway: "gate-2", topic: telemetry, known: true },
            ),
            (
                "gateway/gate-3/bongsu/v1/cut-12/a/telemetry",
                Said::Foreign { gateway: "gate-3", topic: telemetry, known: false },
            ),
            (telemetry, Said::Foreign { gateway: "", topic: telemetry, known: false }),
            (
                "gateway/gate-1",
                Said::Foreign { gateway: "", topic: "gateway/gate-1", known: false },
            ),
        ];
        for (topic, said) in table {
            assert_eq!(gateways.judge(topic), said, "{topic}");
        }
    }
}
