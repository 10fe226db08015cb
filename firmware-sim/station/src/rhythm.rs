//! How often the box reports: as it was set, faster for a while in alert mode, slower on a weak battery.

/// Below this a box saves power: twice the interval (12 V lead-acid; a customary figure).
pub const LOW_V: f64 = 11.8;
/// Below this it sleeps and reports nothing, until [`AWAKE_V`].
pub const CRITICAL_V: f64 = 11.2;
/// At this a sleeping box wakes.
pub const AWAKE_V: f64 = 12.0;

/// When the next report is due.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rhythm {
    normal_s: u32,
    alert: Option<(u32, u64)>,
    saving: bool,
    asleep: bool,
}

impl Rhythm {
    /// A report every so many seconds; at least one.
    pub fn new(normal_s: u32) -> Self {
        Self { normal_s: normal_s.max(1), alert: None, saving: false, asleep: false }
    }

    /// From now on, every so many seconds.
    pub fn set(&mut self, normal_s: u32) {
        *self = Self { normal_s: normal_s.max(1), alert: None, ..*self };
    }

    /// Every so many seconds until a moment of its own count, then as before.
    pub fn alert(&mut self, every_s: u32, until_ms: u64) {
        self.alert = Some((every_s.max(1), until_ms));
    }

    /// What the supply shows, volts.
    pub fn supply(&mut self, volts: f64) {
        self.asleep = volts < CRITICAL_V || (self.asleep && volts < AWAKE_V);
        self.saving = volts < LOW_V;
    }

    /// Whether it sleeps.
    pub fn is_asleep(&self) -> bool {
        self.asleep
    }

    /// Whether it reports faster than it was set.
    pub fn is_alert(&self, uptime_ms: u64) -> bool {
        self.alert.is_some_and(|(_, until_ms)| uptime_ms < until_ms)
    }

    /// Seconds to the next report.
    pub fn interval_s(&self, uptime_ms: u64) -> u32 {
        match self.alert {
            Some((every_s, until_ms)) if uptime_ms < until_ms => every_s.min(self.normal_s),
            _ if self.saving => self.normal_s.saturating_mul(2),
            _ => self.normal_s,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alert_mode_is_faster_and_ends_by_itself() {
        let mut rhythm = Rhythm::new(600);
        rhythm.alert(60, 3_600_000);
        assert_eq!((rhythm.interval_s(0), rhythm.is_alert(0)), (60, true));
        assert_eq!((rhythm.interval_s(3_600_000), rhythm.is_alert(3_600_000)), (600, false));
        rhythm.set(300);
        assert_eq!(rhythm.interval_s(0), 300, "an order takes the place of the mode");
    }

    #[test]
    fn a_weak_battery_slows_it_and_a_critical_one_puts_it_to_sleep() {
        let mut rhythm = Rhythm::new(600);
        for (volts, interval, asleep) in [
            (12.6, 600, false),
            (11.7, 1_200, false),
            (11.1, 1_200, true),
            (11.9, 600, true),
            (12.1, 600, false),
        ] {
            rhythm.supply(volts);
            assert_eq!((rhythm.interval_s(0), rhythm.is_asleep()), (interval, asleep), "{volts} V");
        }
        rhythm.supply(11.7);
        rhythm.alert(60, 1_000);
        assert_eq!(rhythm.interval_s(0), 60, "danger goes before the battery");
    }
}
