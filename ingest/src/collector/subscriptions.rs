//! What a collector subscribes to, and how much comes on each.

use prometheus::IntCounter;

use super::metrics::CollectorMetrics;
use super::topic::matches;

/// Filters of one collector, each with its count.
pub(super) struct Subscriptions(Vec<(String, IntCounter)>);

impl Subscriptions {
    /// These filters; their counts begin with nothing, and are seen from now on.
    pub(super) fn new<'f>(
        metrics: &CollectorMetrics,
        collector: &str,
        filters: impl Iterator<Item = &'f str>,
    ) -> Self {
        let counted = |filter: &str| metrics.matched.with_label_values(&[collector, filter]);
        Self(filters.map(|filter| (filter.to_owned(), counted(filter))).collect())
    }

    /// Counts a message for every filter it fits; whether it fits any.
    pub(super) fn count(&self, topic: &str) -> bool {
        let fitting = self.0.iter().filter(|(filter, _)| matches(filter, topic));
        fitting.inspect(|(_, counter)| counter.inc()).count() > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_counts_for_every_filter_it_fits() {
        let metrics = CollectorMetrics::register(&prometheus::Registry::new()).unwrap();
        let filters = ["a/+", "a/#", "b"];
        let subscriptions = Subscriptions::new(&metrics, "field", filters.into_iter());
        let fits: Vec<_> =
            ["a/b", "a/b/c", "c", "a/b"].map(|topic| subscriptions.count(topic)).into();
        assert_eq!(fits, [true, true, false, true]);
        assert_eq!(filters.map(|filter| metrics.matched("field", filter)), [2, 3, 0]);
    }
}
