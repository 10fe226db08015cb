//! Which site is looked at first.

use alerting::Level;
use alerting::engine::SiteView;

use crate::board::words::look;

/// The looks of sites, worst first. What cannot be seen stands above what is at least seen to be mild.
pub(super) const LOOKS: [&str; 6] =
    ["severe", "warning", "caution", "unknown", "attention", "normal"];

/// Sorts by: how it looks, what the evidence argues for, how little of it is seen.
pub(super) fn rank(view: &SiteView) -> (usize, std::cmp::Reverse<Level>, std::cmp::Reverse<usize>) {
    let look = LOOKS.iter().position(|name| *name == look(view)).unwrap_or(0);
    (look, std::cmp::Reverse(view.assessed), std::cmp::Reverse(view.silent))
}

#[cfg(test)]
mod tests {
    use super::*;
    use reading::registry::SiteIndex;

    #[test]
    fn the_worst_stands_first_and_what_cannot_be_seen_above_what_is_mild() {
        let view = |level, unknown, assessed, silent| SiteView {
            site: SiteIndex(0),
            level,
            unknown,
            assessed,
            silent,
            series: 4,
            maintained: 0,
            silenced_until: None,
            incidents: vec![],
        };
        use Level::{Attention, Caution, Normal, Severe, Warning};
        let order = [
            view(Severe, true, Severe, 1),
            view(Severe, false, Caution, 0),
            view(Warning, false, Warning, 0),
            view(Caution, false, Normal, 0),
            view(Normal, true, Normal, 4),
            view(Normal, true, Normal, 2),
            view(Attention, false, Attention, 0),
            view(Normal, false, Normal, 0),
        ];
        let mut sorted = order.to_vec();
        sorted.reverse();
        sorted.sort_by_key(rank);
        assert_eq!(sorted, order);
        for level in Level::ALL {
            assert!(LOOKS.contains(&level.name()), "{level}");
        }
    }
}
