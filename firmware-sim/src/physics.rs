//! What is true at a site: rain falls, water rises, ground creeps, walls drift, the day warms and cools.
//!
//! Stepped by the minute, read at any moment. Knows no instrument: noise and faults come later.

pub mod climate;
pub mod rain;
pub mod infiltration;
pub mod stability;
pub mod creep;
pub mod thermal;
pub mod structure;
pub mod settlement;
pub mod vibration;
pub mod power;
pub mod radio;

use core::time::Duration;

use reading::{Quantity, Timestamp};

use crate::random::Random;
use crate::scenario::{Scenario, SitePlan};

const MINUTE: Duration = Duration::from_secs(60);
const MINUTE_H: f64 = 1.0 / 60.0;
/// The day before the first report lets temperature and soil forget that they were started.
const WARM_UP: Duration = Duration::from_secs(24 * 3_600);

/// Acoustic emission at rest, and for each millimetre an hour, hits a minute. Own figures: emission grows with
/// velocity, how much differs from site to site.
const EMISSION: (f64, f64) = (2.0, 5.0);

/// The true state of one site, advanced minute by minute.
#[derive(Clone, Debug)]
pub struct Site {
    start: Timestamp,
    minute: Timestamp,
    storm: rain::Storm,
    storm_begins_at: Timestamp,
    gauge: rain::Gauge,
    tanks: infiltration::Tanks,
    pore: infiltration::PorePressure,
    thermal: thermal::Thermal,
    creep: creep::Creep,
    slide: Option<stability::Slide>,
    slope: Option<stability::InfiniteSlope>,
    slid_at: Option<Timestamp>,
    structure: structure::Structure,
    consolidation: Option<settlement::Consolidation>,
    shaking: vibration::Shaking,
    minute_mm: f64,
}

/// What is true at one moment. Values in the base unit of their quantity.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Truth {
    /// Movement of the slope, millimetres downslope.
    pub displacement_mm: f64,
    /// Inclination of whatever stands there, degrees: the slope's creep and the structure's drift together.
    pub tilt_deg: f64,
    /// Opening of the crack, millimetres.
    pub crack_mm: f64,
    /// Velocity of the slope, millimetres an hour.
    pub velocity_mm_per_h: f64,
    /// Factor of safety of the slope, where the scenario says what it is made of.
    pub safety: Option<f64>,
    /// Strain of the structure, millionths.
    pub strain_ue: f64,
    /// Force in the anchor, kilonewtons.
    pub force_kn: f64,
    /// First natural frequency of the deck, hertz.
    pub frequency_hz: f64,
    /// Settlement of the ground, millimetres.
    pub settlement_mm: f64,
    /// Peak particle velocity of the last minute, millimetres a second.
    pub vibration_mm_per_s: f64,
    /// Acoustic emission of the ground, hits a minute.
    pub emission_per_min: f64,
    /// Rain of the last minute, millimetres.
    pub minute_mm: f64,
    /// Pressure of water in the ground, kilopascals.
    pub pore_kpa: f64,
    /// Volumetric water content.
    pub moisture: f64,
    /// Rain since the state was started, in tips of the bucket.
    pub rain_tips: u64,
    /// Air temperature, °C.
    pub air_c: f64,
    /// Temperature inside an instrument, °C.
    pub body_c: f64,
    /// The slope has come down.
    pub failed_at: Option<Timestamp>,
}

impl Site {
    /// The state of `plan`'s site as long before `start` as it takes to settle.
    pub fn new(scenario: &Scenario, plan: &SitePlan, seed: u64) -> Self {
        let start = scenario.start;
        let minute = moved(start, -scenario.history_h).minus(WARM_UP);
        let random = |what: &str| Random::new(seed, &format!("{}/{what}", plan.id));
        let (rain_begins_at, hourly_mm) = scenario.rain_at(plan, seed);
        let minute = minute.min(rain_begins_at.minus(WARM_UP));
        let slope = plan.stability;
        let slide =
            slope.zip(plan.sliding).map(|(slope, going)| stability::Slide::new(slope, going));
        Self {
            start,
            minute,
            storm: rain::Storm::new(hourly_mm, scenario.storm.noise, random("rain")),
            storm_begins_at: rain_begins_at,
            gauge: rain::Gauge::default(),
            tanks: infiltration::Tanks::default(),
            pore: infiltration::PorePressure::new(&plan.pore),
            thermal: thermal::Thermal::new(minute, random("air")),
            creep: plan.creep.clone(),
            slide,
            slope,
            slid_at: None,
            structure: plan.structure.clone(),
            consolidation: plan.settlement,
            shaking: vibration::Shaking::new(plan.blasting, plan.traffic, random("shaking")),
            minute_mm: 0.0,
        }
    }

    /// Steps to the last whole minute at or before `at`. Moments before the state are left as they are.
    pub fn advance_to(&mut self, at: Timestamp) {
        while self.minute.plus(MINUTE) <= at {
            self.minute = self.minute.plus(MINUTE);
            let rain_mm =
                if self.minute > self.storm_begins_at { self.storm.next_minute_mm() } else { 0.0 };
            self.minute_mm = rain_mm;
            self.gauge.catch(rain_mm);
            self.tanks.step(rain_mm, MINUTE_H);
            self.pore.step(rain_mm, MINUTE_H);
            self.thermal.step(self.minute, MINUTE_H);
            self.shaking.step(self.minute);
            if let Some(slide) = &mut self.slide {
                slide.step(self.pore.kpa(), MINUTE_H);
                if slide.has_failed() {
                    self.slid_at.get_or_insert(self.minute);
                }
            }
        }
    }

    /// What is true at `at`, which must not lie before the minute the state was advanced to.
    pub fn truth(&self, at: Timestamp) -> Truth {
        let hours = at.hours_since(self.start);
        let slid_mm = self.slide.as_ref().map_or(0.0, stability::Slide::moved_mm);
        let slope_mm = self.creep.displacement_mm(hours) + slid_mm;
        let velocity = self.creep.velocity_mm_per_h(hours)
            + self.slide.as_ref().map_or(0.0, stability::Slide::velocity_mm_per_h);
        let scripted = self.creep.failure_h().filter(|end| hours >= *end);
        Truth {
            displacement_mm: slope_mm + self.structure.top_mm(hours),
            velocity_mm_per_h: velocity,
            safety: self.slope.map(|slope| slope.factor_of_safety(self.pore.kpa())),
            tilt_deg: slope_mm * self.creep.tilt_deg_per_mm + self.structure.tilt.at(hours),
            crack_mm: self.structure.crack.at(hours),
            strain_ue: self.structure.strain_ue(self.thermal.body_c()),
            force_kn: self.structure.anchor.at(hours),
            frequency_hz: self.structure.swing.hz_at(hours, self.thermal.body_c()),
            settlement_mm: self.consolidation.map_or(0.0, |clay| clay.settled_mm(hours)),
            vibration_mm_per_s: self.shaking.peak_mm_per_s(),
            emission_per_min: EMISSION.0 + EMISSION.1 * velocity,
            minute_mm: self.minute_mm,
            pore_kpa: self.pore.kpa(),
            moisture: self.tanks.moisture(),
            rain_tips: self.gauge.tips(),
            air_c: self.thermal.air_c(),
            body_c: self.thermal.body_c(),
            failed_at: scripted.map(|end| moved(self.start, end)).or(self.slid_at),
        }
    }

    /// Soil water index with the step of this state, one minute, in millimetres.
    pub fn soil_water_mm(&self) -> f64 {
        self.tanks.index_mm()
    }
}

impl Truth {
    /// The true value of `quantity` for an instrument that takes part in `share` of the movement.
    ///
    /// Rain is the total since the state was started, in millimetres; what was not simulated is zero.
    pub fn value(&self, quantity: Quantity, share: f64) -> f64 {
        match quantity {
            Quantity::Tilt | Quantity::TiltX => self.tilt_deg * share,
            // Posts lean downslope; the other axis sees a fifth of it.
            Quantity::TiltY => self.tilt_deg * share * 0.2,
            Quantity::Displacement => self.displacement_mm * share,
            Quantity::CrackWidth => self.crack_mm,
            Quantity::Strain => self.strain_ue,
            Quantity::Force => self.force_kn,
            Quantity::Frequency => self.frequency_hz,
            Quantity::Settlement => self.settlement_mm,
            Quantity::VibrationVelocity => self.vibration_mm_per_s,
            Quantity::AcousticEmission => self.emission_per_min,
            // A wire or switch across the slope trips when the ground has come down.
            Quantity::State => f64::from(u8::from(self.failed_at.is_some())),
            Quantity::PorePressure => self.pore_kpa,
            Quantity::GroundwaterLevel => self.pore_kpa / 9.806_65,
            Quantity::SoilMoisture => self.moisture,
            Quantity::Rain => self.rain_tips as f64 * rain::TIP_MM,
            Quantity::Temperature => self.body_c,
            _ => 0.0,
        }
    }
}

/// `at` moved by a number of hours, forwards or back.
pub(crate) fn moved(at: Timestamp, hours: f64) -> Timestamp {
    let by = Duration::from_secs_f64(hours.abs() * 3_600.0);
    if hours < 0.0 { at.minus(by) } else { at.plus(by) }
}
