//! How long a delivery took, step by step.

use alerting::{Delivery, DeliveryKey, Purpose};
use reading::Timestamp;
use reading::id::ChannelId;

use super::due::list;
use super::view::{json, moment};
use super::{Ledger, Result};

/// The moments of a delivery that was proven, in the journal's time but for the first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Course {
    /// On which channel.
    pub channel: ChannelId,
    /// Why it was sent.
    pub purpose: Purpose,
    /// When the newest deciding reading was measured.
    pub measured_at: Timestamp,
    /// When the alert was decided.
    pub decided_at: Timestamp,
    /// When the attempt that arrived was marked.
    pub started_at: Timestamp,
    /// When the proof came.
    pub proven_at: Timestamp,
}

impl Ledger {
    /// The course of a delivery whose proof is in the ledger; `None` if there is none, or no attempt of it.
    ///
    /// # Errors
    /// [`LedgerError::Database`](super::LedgerError::Database).
    pub fn course(&self, key: &DeliveryKey) -> Result<Option<Course>> {
        let sql = "SELECT d.body, a.started_at, d.changed_at FROM deliveries d
            JOIN attempts a ON a.key = d.key AND a.attempt = d.attempts
            WHERE d.key = ? AND d.state = 'delivered'";
        self.read(|connection| {
            let rows = list(connection, sql, [key.as_str()], |row| {
                let delivery: Delivery = json(row, 0)?;
                Ok(Course {
                    channel: delivery.channel,
                    purpose: delivery.alert.purpose,
                    measured_at: delivery.alert.measured_at,
                    decided_at: delivery.alert.decided_at,
                    started_at: moment(row, 1)?,
                    proven_at: moment(row, 2)?,
                })
            })?;
            Ok(rows.into_iter().next())
        })
    }
}

#[cfg(test)]
mod tests {
    use alerting::{Action, DeliveryState, Level};

    use super::*;
    use crate::ledger::Batch;
    use crate::metrics::Metrics;
    use crate::sample::{alert, at, change, delivery};

    #[test]
    fn a_proof_that_comes_through_the_journal_is_timed_from_the_measurement_step_by_step() {
        let folder = tempfile::tempdir().unwrap();
        let (ledger, _) = Ledger::open(folder.path().join("ledger.sqlite")).unwrap();
        let siren = delivery("siren", "north", alert(1, Level::Severe)); // measured at 60, decided at 80
        let mut batch = Batch::default();
        batch.decided(1, [Action::Owe(siren.clone())]);
        ledger.commit(1, at(80), &batch).unwrap();
        assert_eq!(ledger.course(&siren.key).unwrap(), None, "nothing is proven");
        assert!(ledger.mark_attempting(&siren.key, 1, at(82)).unwrap());
        let mut batch = Batch::default();
        batch.decided(2, [change(&siren, DeliveryState::Delivered, 1, at(87), "echo")]);
        ledger.commit(2, at(87), &batch).unwrap();
        let course = ledger.course(&siren.key).unwrap().unwrap();
        let moments = [course.measured_at, course.decided_at, course.started_at, course.proven_at];
        assert_eq!(moments, [at(60), at(80), at(82), at(87)]);

        let registry = prometheus::Registry::new();
        let metrics = Metrics::register(&registry).unwrap();
        metrics.proven(&course);
        let text = prometheus::TextEncoder::new().encode_to_string(&registry.gather()).unwrap();
        for (stage, seconds) in [("decision", 20), ("sending", 2), ("receipt", 5), ("total", 27)] {
            let line = format!(
                r#"delivery_latency_seconds_sum{{channel="siren",stage="{stage}"}} {seconds}"#
            );
            assert!(text.contains(&line), "{line} in\n{text}");
        }
    }
}
