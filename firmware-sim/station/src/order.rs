//! What a box can be asked, and what it answers.

use alloc::vec::Vec;

use crate::store::Report;

/// Something the box is asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Report every so many seconds from now on.
    Interval {
        /// Seconds.
        every_s: u32,
    },
    /// Report every so many seconds for a while.
    AlertMode {
        /// Seconds.
        every_s: u32,
        /// How long, seconds.
        lasting_s: u32,
    },
    /// Send these reports again.
    Resend {
        /// The first number.
        from: u64,
        /// The last number.
        to: u64,
    },
    /// Blink.
    Identify,
}

/// What became of an order.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// Carried out; these reports go again.
    Done(Vec<Report>),
    /// Not carried out, and why.
    Refused(&'static str),
}

/// The longest interval a box takes: it is heard of once a day at least.
pub const INTERVAL_MAX_S: u32 = 86_400;

impl Order {
    /// Why it cannot be carried out.
    pub fn problem(&self) -> Option<&'static str> {
        let sane = |seconds: u32| (1..=INTERVAL_MAX_S).contains(&seconds);
        match *self {
            Self::Interval { every_s } if !sane(every_s) => Some("interval is not 1 s to a day"),
            Self::AlertMode { every_s, lasting_s } if !sane(every_s) || !sane(lasting_s) => {
                Some("alert mode is not 1 s to a day")
            }
            Self::Resend { from, to } if from > to => Some("the run ends before it begins"),
            _ => None,
        }
    }
}
