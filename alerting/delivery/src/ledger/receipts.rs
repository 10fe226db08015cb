//! Matching receipts to deliveries that were handed over.

use alerting::DeliveryKey;
use reading::id::ChannelId;
use rusqlite::params;

use super::due::list;
use super::{Ledger, Result};

impl Ledger {
    /// The delivery of a channel that was handed over under a reference: its key, its attempt and every reference in
    /// its note, which are separated by spaces. `None` if none waits for a receipt under it.
    ///
    /// # Errors
    /// [`LedgerError::Database`](super::LedgerError::Database).
    pub fn handed_over(
        &self,
        channel: &ChannelId,
        reference: &str,
    ) -> Result<Option<(DeliveryKey, u32, Vec<String>)>> {
        let sql = "SELECT key, attempts, note FROM deliveries
            WHERE channel = ? AND state = 'handed-over' AND instr(note, ?) > 0 ORDER BY id DESC";
        self.write(|connection| {
            let rows = list(connection, sql, params![channel.as_str(), reference], |row| {
                let key = DeliveryKey::from_text(row.get_ref(0)?.as_str()?);
                let note: Vec<String> =
                    row.get_ref(2)?.as_str()?.split(' ').map(str::to_owned).collect();
                Ok((key, row.get::<_, u32>(1)?, note))
            })?;
            Ok(rows.into_iter().find(|(_, _, note)| note.iter().any(|known| known == reference)))
        })
    }
}
