//! A recorded journal, played with what is recorded in it or with another configuration.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::Path;
use std::time::Duration;

use alerting::catalogue::Language;
use ingest::journal::{Kind, Reader, Record};
use reading::Timestamp;

use super::Player;
use crate::cli::compare::Played;
use crate::config::Config;
use crate::desk::Desk;
use crate::desk::events::{Skip, payload};

/// How many records are taken between two outputs.
const BATCH_MAX: usize = 4_096;

impl<W: Write> Player<W> {
    /// Replays a journal with what is recorded in it, or with another configuration.
    ///
    /// # Errors
    /// If the journal cannot be read or the output not be written.
    pub fn play_journal(&mut self, folder: &Path, what_if: Option<&Config>) -> anyhow::Result<()> {
        if what_if.is_some() {
            eprintln!("what-if: the configuration given is used instead of the recorded one");
        }
        self.desk = Desk::new(skipped(folder)?);
        let mut reader = Reader::open_folder(folder, 0)?;
        let setup = what_if.map(|config| payload(&config.setup));
        loop {
            let batch = reader.next_batch(BATCH_MAX, Duration::ZERO)?;
            if batch.is_empty() && batch.gap().is_none() {
                return Ok(());
            }
            if let Some(gap) = batch.gap() {
                eprintln!("{gap}");
            }
            for record in batch.iter() {
                self.take_record(&record, setup.as_ref());
            }
            self.tell()?;
        }
    }

    /// Takes a record of a journal, with another configuration in place of the recorded one if given.
    fn take_record(&mut self, record: &Record<'_>, setup: Option<&bytes::Bytes>) {
        let record = match (setup, record.kind) {
            (Some(setup), Kind::Configuration) => Record { payload: setup, ..*record },
            _ => *record,
        };
        self.begun.get_or_insert(record.at);
        self.desk.apply(&record, &mut self.carried);
    }

    /// Replays a journal up to a moment, with what is recorded in it.
    ///
    /// # Errors
    /// If the journal cannot be read.
    pub fn play_journal_to(&mut self, folder: &Path, to: Timestamp) -> anyhow::Result<()> {
        self.desk = Desk::new(skipped(folder)?);
        let mut reader = Reader::open_folder(folder, 0)?;
        loop {
            let batch = reader.next_batch(BATCH_MAX, Duration::ZERO)?;
            let mut over = batch.is_empty() && batch.gap().is_none();
            for record in batch.iter() {
                over |= record.at > to;
                if over {
                    break;
                }
                self.desk.apply(&record, &mut self.carried);
            }
            self.carried.clear();
            if over {
                break;
            }
        }
        if self.desk.at() > Timestamp::MIN {
            (self.sequence, self.at) = (self.desk.position(), self.desk.at());
            self.feed(Kind::Tick, "replay", "", &[], to, false);
        }
        Ok(())
    }
}

/// Plays a journal as it was judged and as another configuration judges it, record by record, for as long as `goes_on`;
/// from `since` on, after what stands before it about the configuration. And whether all of it was played.
///
/// # Errors
/// If the journal cannot be read.
pub fn side_by_side(
    folder: &Path,
    other: &Config,
    since: Timestamp,
    goes_on: &dyn Fn() -> bool,
) -> anyhow::Result<(Played, Played, bool)> {
    let skips = skipped(folder)?;
    let player = || {
        let mut player = Player::new(std::io::sink(), false, Language::Ko);
        player.desk = Desk::new(skips.clone());
        player
    };
    let (mut was, mut would) = (player(), player());
    let setup = payload(&other.setup);
    let mut reader = Reader::open_folder(folder, 0)?;
    loop {
        if !goes_on() {
            return Ok((was.played(), would.played(), false));
        }
        let batch = reader.next_batch(BATCH_MAX, Duration::ZERO)?;
        if batch.is_empty() && batch.gap().is_none() {
            return Ok((was.played(), would.played(), true));
        }
        let wanted = |record: &Record<'_>| record.at >= since || record.kind == Kind::Configuration;
        for record in batch.iter().filter(wanted) {
            was.take_record(&record, None);
            would.take_record(&record, Some(&setup));
        }
        was.tell()?;
        would.tell()?;
    }
}

/// The records a journal says were set aside: known before they are reached.
pub fn skipped(folder: &Path) -> anyhow::Result<BTreeSet<u64>> {
    let mut reader = Reader::open_folder(folder, 0)?;
    let mut skips = BTreeSet::new();
    loop {
        let batch = reader.next_batch(BATCH_MAX, Duration::ZERO)?;
        if batch.is_empty() && batch.gap().is_none() {
            return Ok(skips);
        }
        let records = batch.iter().filter(|record| record.kind == Kind::Skip);
        skips.extend(records.filter_map(|record| {
            serde_json::from_slice::<Skip>(record.payload).ok().map(|skip| skip.sequence)
        }));
    }
}
