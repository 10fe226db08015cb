//! Which site is looked at first.

use std::cmp::Reverse;

use alerting::engine::SiteView;
use reading::Timestamp;

use crate::board::words::look;

/// The looks of sites, worst first. What cannot be seen stands above what is at least seen to be mild.
pub(super) const LOOKS: [&str; 6] =
    ["severe", "warning", "caution", "unknown", "attention", "normal"];

/// Sorts by: how it looks, how soon it is forecast to fail, what the evidence argues for, how little of it is seen.
pub(in crate::board) fn rank(view: &SiteView, fails_at: Option<Timestamp>) -> impl Ord + use<> {
    let look = LOOKS.iter().position(|name| *name == look(view)).unwrap_or(0);
    let soon = fails_at.unwrap_or(Timestamp::MAX);
    (look, soon, Reverse(view.assessed), Reverse(view.silent))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alerting::Level;
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
        sorted.sort_by_key(|view| rank(view, None));
        assert_eq!(sorted, order);
        let (far, near) = (Timestamp::from_secs(9_000), Timestamp::from_secs(6_000));
        let mut severe = [(&order[0], None), (&order[0], Some(far)), (&order[0], Some(near))];
        severe.sort_by_key(|(view, fails_at)| rank(view, *fails_at));
        assert_eq!(severe.map(|(_, at)| at), [Some(near), Some(far), None], "least time first");
        assert!(rank(&order[0], None) < rank(&order[2], Some(near)), "but the level before all");
        for level in Level::ALL {
            assert!(LOOKS.contains(&level.name()), "{level}");
        }
    }
}
