//! The radio of a station: how strongly it is heard through leaves and rain, and whether a message gets through.

use reading::Timestamp;
use serde::Deserialize;

use crate::physics::moved;
use crate::random::Random;

/// How far a station is from its gateway.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RadioPlan {
    /// Received strength in dry winter air, dBm.
    pub dry_dbm: f64,
    /// From which strength on a message gets through as often as not, dBm.
    pub floor_dbm: f64,
}

/// What wet leaves and rain take at most, dB (own: 0 to 6 dB), reached at this rain, mm/h.
const RAIN: (f64, f64) = (6.0, 30.0);
/// What leaves take from May to October, dB; an own figure.
const LEAVES_DB: f64 = 4.0;
/// Spread of the strength from message to message, dB.
const FADING_DB: f64 = 3.0;

/// One message on the air.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Heard {
    /// Its strength, dBm.
    pub rssi_dbm: f64,
    /// Whether it got through.
    pub through: bool,
}

impl RadioPlan {
    /// Sends a message in this much rain, millimetres an hour. `P(loss)` is logistic in the signal over the floor.
    pub fn send(&self, at: Timestamp, rain_mm_per_h: f64, random: &mut Random) -> Heard {
        let wet = RAIN.0 * (rain_mm_per_h / RAIN.1).min(1.0);
        let leaves = if (5..=10).contains(&month(at)) { LEAVES_DB } else { 0.0 };
        let rssi_dbm = self.dry_dbm - wet - leaves + FADING_DB * random.gauss();
        let lost = 1.0 / (1.0 + libm::exp(rssi_dbm - self.floor_dbm));
        Heard { rssi_dbm, through: !random.chance(lost) }
    }
}

fn month(at: Timestamp) -> u32 {
    let text = moved(at, 9.0).to_string();
    text.get(5..7).and_then(|month| month.parse().ok()).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rain_and_leaves_cost_messages() {
        let plan = RadioPlan { dry_dbm: -112.0, floor_dbm: -120.0 };
        let through = |moment: &str, rain| {
            let at = Timestamp::parse(moment).unwrap();
            let mut random = Random::new(1, "radio");
            (0..2_000).filter(|_| plan.send(at, rain, &mut random).through).count()
        };
        let winter = through("2026-01-15T12:00:00+09:00", 0.0);
        let summer = through("2026-07-15T12:00:00+09:00", 0.0);
        let storm = through("2026-07-15T12:00:00+09:00", 50.0);
        assert!(
            winter > 1_940 && summer < winter && storm < summer - 300,
            "{winter} {summer} {storm}"
        );
    }
}
