//! What a board asks beside the lists: how each channel is doing, and incidents page by page.

use std::time::Duration;

use alerting::decision::IncidentRecord;
use alerting::{Alert, Delivery, IncidentId};
use reading::id::ChannelId;
use reading::{SiteId, Timestamp};
use rusqlite::params;

use super::due::list;
use super::view::{json, named};
use super::{Ledger, Result};

/// How many of the newest deliveries a tally looks at, so that it costs the same after years.
const TALLIED_MAX: i64 = 20_000;

/// How the deliveries of a channel stand.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DeliveryTally {
    /// The channel.
    pub channel: ChannelId,
    /// Not settled: queued, in hand, waiting for a receipt or in doubt.
    pub owed: u64,
    /// Refused or expired in the time asked for.
    pub failed: u64,
    /// Proven in the time asked for.
    pub delivered: u64,
    /// Handed over in the time asked for, on a medium that proves nothing.
    pub unconfirmed: u64,
    /// Of the alerts that were proven: within the objective, from the measurement to the proof.
    pub in_time: u64,
    /// Of the alerts that were proven: later than that.
    pub late: u64,
}

/// Which incidents to list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IncidentQuery {
    /// Only those going on, or only those that are over.
    pub open: Option<bool>,
    /// Only those at this site.
    pub site: Option<SiteId>,
    /// Only those before this one, for the next page of a list.
    pub before: Option<IncidentId>,
    /// Only those at one of these sites.
    pub sites: Option<Vec<SiteId>>,
    /// Only those that were going on at some moment of this time.
    pub during: Option<During>,
}

/// From a moment to a moment, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct During {
    /// Its beginning.
    pub from: Timestamp,
    /// Its end.
    pub to: Timestamp,
}

/// Which alerts are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AlertQuery {
    /// Only those about this incident.
    pub incident: Option<IncidentId>,
    /// Only those about one of these sites.
    pub sites: Option<Vec<SiteId>>,
    /// Only those decided in this time.
    pub during: Option<During>,
    /// Only those before this one, for the next page of a list.
    pub before: Option<i64>,
}

/// An alert, once for all who were told.
#[derive(Clone, Debug, PartialEq)]
pub struct AlertRow {
    /// Grows with each; that of the first delivery.
    pub id: i64,
    /// What was told.
    pub alert: Alert,
}

fn names(sites: Option<&Vec<SiteId>>) -> Option<String> {
    let quoted = |site: &SiteId| format!("\"{site}\"");
    Some(format!("[{}]", sites?.iter().map(quoted).collect::<Vec<_>>().join(",")))
}

impl Ledger {
    /// How each channel is doing, among the newest twenty thousand deliveries; failed and delivered since a moment.
    ///
    /// # Errors
    /// [`LedgerError::Database`](super::LedgerError::Database).
    pub fn delivery_tally(
        &self,
        since: Timestamp,
        objective: Duration,
    ) -> Result<Vec<DeliveryTally>> {
        let sql = "SELECT channel,
                sum(state IN ('queued', 'attempting', 'handed-over', 'in-doubt')),
                sum(state IN ('refused', 'expired') AND changed_at >= ?1),
                sum(state = 'delivered' AND changed_at >= ?1),
                sum(state = 'unconfirmed' AND changed_at >= ?1),
                sum(CASE WHEN state = 'delivered' AND purpose = 'alert' AND changed_at >= ?1
                    THEN changed_at - json_extract(body, '$.alert.measured_at') <= ?3 ELSE 0 END),
                sum(CASE WHEN state = 'delivered' AND purpose = 'alert' AND changed_at >= ?1
                    THEN changed_at - json_extract(body, '$.alert.measured_at') > ?3 ELSE 0 END)
            FROM deliveries WHERE id > (SELECT coalesce(max(id), 0) FROM deliveries) - ?2
            GROUP BY channel ORDER BY channel";
        self.read(|connection| {
            let objective = i64::try_from(objective.as_nanos()).unwrap_or(i64::MAX);
            list(connection, sql, params![since.nanos(), TALLIED_MAX, objective], |row| {
                Ok(DeliveryTally {
                    channel: named(row, 0, |text| ChannelId::new(text).ok())?,
                    owed: row.get::<_, i64>(1)? as u64,
                    failed: row.get::<_, i64>(2)? as u64,
                    delivered: row.get::<_, i64>(3)? as u64,
                    unconfirmed: row.get::<_, i64>(4)? as u64,
                    in_time: row.get::<_, i64>(5)? as u64,
                    late: row.get::<_, i64>(6)? as u64,
                })
            })
        })
    }

    /// Incidents as they stand, newest first, page by page.
    ///
    /// # Errors
    /// [`LedgerError::Database`](super::LedgerError::Database).
    pub fn incidents_page(&self, query: &IncidentQuery, limit: u32) -> Result<Vec<IncidentRecord>> {
        let sql = "SELECT body FROM incidents WHERE (state = ?1 OR ?1 IS NULL) AND (site = ?2 OR ?2 IS NULL)
                AND (?3 IS NULL OR (opened_at, id) < (SELECT opened_at, id FROM incidents WHERE id = ?3))
                AND (?5 IS NULL OR site IN (SELECT value FROM json_each(?5)))
                AND (?6 IS NULL OR opened_at <= ?7 AND (state = 'open' OR at >= ?6))
            ORDER BY opened_at DESC, id DESC LIMIT ?4";
        let state = query.open.map(|open| if open { "open" } else { "closed" });
        let site = query.site.as_ref().map(SiteId::as_str);
        let before = query.before.as_ref().map(IncidentId::as_str);
        let during = query.during.map(|during| (during.from.nanos(), during.to.nanos()));
        let (from, to) = during.unzip();
        let values = params![state, site, before, limit, names(query.sites.as_ref()), from, to];
        self.read(|connection| list(connection, sql, values, |row| json(row, 0)))
    }

    /// What was told, newest first, page by page: each revision once, however many were told.
    ///
    /// # Errors
    /// [`LedgerError::Database`](super::LedgerError::Database).
    pub fn alerts(&self, query: &AlertQuery, limit: u32) -> Result<Vec<AlertRow>> {
        let sql = "SELECT id, body FROM deliveries d
            WHERE purpose IN ('alert', 'cancel') AND (incident = ?1 OR ?1 IS NULL) AND id < ?2
                AND (?3 IS NULL OR site IN (SELECT value FROM json_each(?3)))
                AND (?4 IS NULL OR owed_at BETWEEN ?4 AND ?5)
                AND NOT EXISTS (SELECT 1 FROM deliveries e WHERE e.incident = d.incident
                    AND e.revision = d.revision AND e.purpose = d.purpose AND e.id < d.id)
            ORDER BY id DESC LIMIT ?6";
        let during = query.during.map(|during| (during.from.nanos(), during.to.nanos()));
        let (from, to) = during.unzip();
        let incident = query.incident.as_ref().map(IncidentId::as_str);
        let before = query.before.unwrap_or(i64::MAX);
        let values = params![incident, before, names(query.sites.as_ref()), from, to, limit];
        self.read(|connection| {
            list(connection, sql, values, |row| {
                let delivery: Delivery = json(row, 1)?;
                Ok(AlertRow { id: row.get(0)?, alert: delivery.alert })
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use alerting::decision::IncidentState;
    use alerting::{Action, Decision, DeliveryState, Level};

    use super::*;
    use crate::ledger::Batch;
    use crate::sample::{alert, at, change, delivery, incident, record};

    fn ledger(actions: impl IntoIterator<Item = Action>) -> (tempfile::TempDir, Ledger) {
        let folder = tempfile::tempdir().unwrap();
        let (ledger, _) = Ledger::open(folder.path().join("ledger.sqlite")).unwrap();
        let mut batch = Batch::default();
        batch.decided(1, actions);
        ledger.commit(1, at(0), &batch).unwrap();
        (folder, ledger)
    }

    #[test]
    fn channels_are_counted_each_for_itself() {
        let told = |channel, who| delivery(channel, who, alert(1, Level::Severe));
        let (proven, refused, old) = (told("hook", "a"), told("hook", "b"), told("hook", "c"));
        let mail = told("mail", "kim");
        let (_folder, ledger) = ledger([
            Action::Owe(proven.clone()),
            Action::Owe(refused.clone()),
            Action::Owe(old.clone()),
            Action::Owe(told("siren", "north")),
            Action::Owe(mail.clone()),
            change(&proven, DeliveryState::Delivered, 1, at(500), ""),
            change(&refused, DeliveryState::Refused, 1, at(500), ""),
            change(&old, DeliveryState::Expired, 1, at(400), ""),
            change(&mail, DeliveryState::Unconfirmed, 1, at(500), "250"),
        ]);
        let tally =
            |channel: &str, [owed, failed, delivered, unconfirmed, in_time, late]: [u64; 6]| {
                let channel = channel.parse().unwrap();
                DeliveryTally { channel, owed, failed, delivered, unconfirmed, in_time, late }
            };
        // measured at 60, proven at 500
        let (in_time, late) = (Duration::from_secs(440), Duration::from_secs(439));
        assert_eq!(
            ledger.delivery_tally(at(450), in_time).unwrap(),
            [
                tally("hook", [0, 1, 1, 0, 1, 0]),
                tally("mail", [0, 0, 0, 1, 0, 0]),
                tally("siren", [1, 0, 0, 0, 0, 0])
            ]
        );
        let all = ledger.delivery_tally(at(0), late).unwrap();
        assert_eq!(all[0], tally("hook", [0, 2, 1, 0, 0, 1]));
    }

    #[test]
    fn incidents_come_page_by_page_without_gap_or_repeat() {
        let records = (1..=7).map(|n| {
            record(n, 1, if n % 2 == 0 { IncidentState::Open } else { IncidentState::Closed })
        });
        let (_folder, ledger) =
            ledger(records.map(|record| Action::Decide(Decision::Incident(record))));
        for (open, all) in [
            (None, vec![7, 6, 5, 4, 3, 2, 1]),
            (Some(true), vec![6, 4, 2]),
            (Some(false), vec![7, 5, 3, 1]),
        ] {
            let (mut seen, mut before) = (vec![], None);
            loop {
                let query = IncidentQuery {
                    open,
                    site: Some("cut-12".parse().unwrap()),
                    before: before.clone(),
                    ..IncidentQuery::default()
                };
                let page = ledger.incidents_page(&query, 2).unwrap();
                let Some(last) = page.last() else { break };
                before = Some(last.id.clone());
                seen.extend(page.into_iter().map(|record| record.id));
            }
            assert_eq!(seen, all.into_iter().map(incident).collect::<Vec<_>>(), "{open:?}");
        }
        let elsewhere =
            IncidentQuery { site: Some("cut-13".parse().unwrap()), ..IncidentQuery::default() };
        assert!(ledger.incidents_page(&elsewhere, 2).unwrap().is_empty());
        for (sites, found) in [(vec![], 0), (vec!["cut-12"], 7), (vec!["cut-13"], 0)] {
            let sites = Some(sites.into_iter().map(|site| site.parse().unwrap()).collect());
            let query = IncidentQuery { sites, ..IncidentQuery::default() };
            assert_eq!(ledger.incidents_page(&query, 10).unwrap().len(), found);
        }
    }

    #[test]
    fn an_alert_is_listed_once_however_many_were_told() {
        let owe = |channel, who, revision| {
            Action::Owe(delivery(channel, who, Alert { revision, ..alert(1, Level::Severe) }))
        };
        let (_folder, ledger) = ledger([
            owe("hook", "a", 1),
            owe("hook", "b", 1),
            owe("siren", "north", 1),
            owe("hook", "a", 2),
            owe("hook", "b", 2),
        ]);
        let told = |query: &AlertQuery| {
            let rows = ledger.alerts(query, 10).unwrap();
            rows.iter().map(|row| row.alert.revision).collect::<Vec<_>>()
        };
        assert_eq!(told(&AlertQuery::default()), [2, 1]);
        let newest = ledger.alerts(&AlertQuery::default(), 1).unwrap();
        let before = Some(newest[0].id);
        assert_eq!(told(&AlertQuery { before, ..AlertQuery::default() }), [1]);
        let incident = Some(incident(9));
        assert!(told(&AlertQuery { incident, ..AlertQuery::default() }).is_empty());
        let (first, last) = (Timestamp::MIN, Timestamp::MAX);
        let day_before = at(0).minus(std::time::Duration::from_secs(86_400));
        for (from, to, found) in [(first, last, 2), (first, day_before, 0)] {
            let during = Some(During { from, to });
            assert_eq!(told(&AlertQuery { during, ..AlertQuery::default() }).len(), found);
        }
    }
}
