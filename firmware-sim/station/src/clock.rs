//! What time the box thinks it is: counted from 1970 after power came on, right once somebody has told it.

/// A clock that only counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Clock {
    /// What it was told, and when by its own count, milliseconds.
    told: Option<(i64, u64)>,
}

impl Clock {
    /// Somebody says what time it is, milliseconds since 1970.
    pub fn set(&mut self, now_ms: i64, uptime_ms: u64) {
        self.told = Some((now_ms, uptime_ms));
    }

    /// Milliseconds since 1970; since power came on while nobody has told it better.
    pub fn read(&self, uptime_ms: u64) -> i64 {
        let (told_ms, told_at) = self.told.unwrap_or((0, 0));
        told_ms.saturating_add_unsigned(uptime_ms.saturating_sub(told_at))
    }

    /// Whether anybody has told it.
    pub fn is_set(&self) -> bool {
        self.told.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_counts_from_1970_until_it_is_told() {
        let mut clock = Clock::default();
        assert_eq!((clock.read(90_000), clock.is_set()), (90_000, false));
        clock.set(1_784_000_000_000, 100_000);
        assert_eq!(clock.read(160_000), 1_784_000_060_000);
    }
}
