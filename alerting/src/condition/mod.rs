//! Conditions: pure tests of the recent past of a series and its companions. One file per kind.
//!
//! Every kind is observed through one door with an input slot: slot 0 is the series the rule is about, further
//! slots are its companions (a temperature, a frequency, neighbours), in the order the kind names them. A kind that
//! takes one series ignores other slots. Readings come in event order over all slots together; of the same moment
//! companions come first, by slot, so that the series itself is judged with what belongs to it.

pub mod persistence;
pub mod limit;
pub mod explain;
pub mod threshold;
pub mod rate;
pub mod velocity;
pub mod acceleration;
pub mod failure_time;
pub mod amounts;
pub mod steps;
pub mod storm;
pub mod accumulation;
pub mod intensity_duration;
pub mod recent_antecedent;
pub mod effective_rain;
pub mod soil_water;
pub mod antecedent_water;
pub mod compensation;
pub mod compensated;
pub mod baseline;
pub mod cusum;
pub mod page_hinkley;
pub mod medians;
pub mod crack_growth;
pub mod wall_movement;
pub mod angular_distortion;
pub mod anchor_load;
pub mod neighbours;
pub mod disagreement;
pub mod vibration;
pub mod fft;
pub mod natural_frequency;
pub mod silence;
pub mod doubt;
pub mod anomaly;
pub mod trigger;

use alloc::boxed::Box;
use alloc::vec::Vec;

use reading::Timestamp;
use serde::{Deserialize, Serialize};

use explain::{Fact, Said};
use persistence::Mark;

/// The series a rule is about; companions have the slots after it.
pub const MAIN: u8 = 0;

/// What every kind offers. Its state is what is kept of one series: small, or boxed, because a million of them are.
trait Kind: Default {
    /// Its limits, in base units.
    type Settings;

    /// Takes one trusted reading of the series itself, at or after the one before.
    fn take_own(
        &mut self,
        settings: &Self::Settings,
        at: Timestamp,
        value: f64,
    ) -> Option<Transition>;

    /// Takes one trusted reading of a companion. A kind that takes one series ignores it.
    fn take_beside(&mut self, _settings: &Self::Settings, _slot: u8, _at: Timestamp, _value: f64) {}

    /// Takes one trusted reading of a slot, at or after the one before.
    fn observe(
        &mut self,
        settings: &Self::Settings,
        slot: u8,
        at: Timestamp,
        value: f64,
    ) -> Option<Transition> {
        if slot == MAIN {
            return self.take_own(settings, at, value);
        }
        self.take_beside(settings, slot, at, value);
        None
    }

    /// Whether it holds.
    fn held(&self) -> bool;

    /// How one says what it compares with what.
    fn said(settings: &Self::Settings) -> Said;

    /// The numbers behind where it stands now, for explanations.
    fn facts(&self, settings: &Self::Settings) -> Vec<Fact>;
}

impl<K: Kind> Kind for Box<K> {
    type Settings = K::Settings;

    fn take_own(
        &mut self,
        settings: &K::Settings,
        at: Timestamp,
        value: f64,
    ) -> Option<Transition> {
        (**self).take_own(settings, at, value)
    }

    fn take_beside(&mut self, settings: &K::Settings, slot: u8, at: Timestamp, value: f64) {
        (**self).take_beside(settings, slot, at, value);
    }

    fn held(&self) -> bool {
        (**self).held()
    }

    fn said(settings: &K::Settings) -> Said {
        K::said(settings)
    }

    fn facts(&self, settings: &K::Settings) -> Vec<Fact> {
        (**self).facts(settings)
    }
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $variant:ident $name:literal $module:ident $state:ty;)*) => {
        /// Every kind by its name.
        pub const KINDS: &[&str] = &[$($name),*];

        /// What a rule tests, with its limits in base units.
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum ConditionSettings { $($(#[$doc])* $variant($module::Settings),)* }

        /// What one condition remembers of one series and its companions.
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        pub enum ConditionState { $($(#[$doc])* $variant($state),)* }

        impl ConditionSettings {
            /// A condition of this kind that has seen nothing.
            pub fn fresh(&self) -> ConditionState {
                match self {
                    $(Self::$variant(_) => ConditionState::$variant(<$state>::default()),)*
                }
            }

            /// Its name in configuration and explanations.
            pub const fn name(&self) -> &'static str {
                match self { $(Self::$variant(_) => $name,)* }
            }

            /// How one says what it compares with what.
            pub fn said(&self) -> Said {
                match self {
                    $(Self::$variant(settings) => <$state as Kind>::said(settings),)*
                }
            }
        }

        impl ConditionState {
            /// Takes one trusted reading of a slot, in event order over all slots. A state of another kind than
            /// the settings sees nothing.
            pub fn observe(
                &mut self,
                settings: &ConditionSettings,
                slot: u8,
                at: Timestamp,
                value: f64,
            ) -> Option<Transition> {
                match (self, settings) {
                    $((Self::$variant(state), ConditionSettings::$variant(settings)) => {
                        Kind::observe(state, settings, slot, at, value)
                    })*
                    _ => None,
                }
            }

            /// Whether the condition holds.
            pub fn held(&self) -> bool {
                match self { $(Self::$variant(state) => Kind::held(state),)* }
            }

            /// The numbers behind where it stands now. A state of another kind than the settings has none.
            pub fn facts(&self, settings: &ConditionSettings) -> Vec<Fact> {
                match (self, settings) {
                    $((Self::$variant(state), ConditionSettings::$variant(settings)) => {
                        Kind::facts(state, settings)
                    })*
                    _ => Vec::new(),
                }
            }
        }
    };
}

kinds! {
    /// A value beyond a limit.
    Threshold "threshold" threshold threshold::State;
    /// A slope beyond a limit, significant against its own scatter.
    Rate "rate" rate Box<rate::State>;
    /// A velocity that begins to grow.
    Acceleration "acceleration" acceleration Box<acceleration::State>;
    /// An end of accelerating movement that is near.
    FailureTime "failure-time" failure_time Box<failure_time::State>;
    /// A running sum beyond a limit.
    Accumulation "accumulation" accumulation Box<accumulation::State>;
    /// A storm beyond an intensity–duration line.
    IntensityDuration "intensity-duration" intensity_duration Box<intensity_duration::State>;
    /// Recent rain beyond what antecedent rain leaves.
    RecentAntecedent "recent-antecedent" recent_antecedent Box<recent_antecedent::State>;
    /// Rain forgotten by halves beyond a limit.
    EffectiveRain "effective-rain" effective_rain Box<effective_rain::State>;
    /// Soil water in three tanks beyond a limit.
    SoilWater "soil-water-index" soil_water Box<soil_water::State>;
    /// Soil water above field capacity beyond a limit.
    AntecedentWater "antecedent-water-index" antecedent_water Box<antecedent_water::State>;
    /// A reading without its temperature, beyond a limit.
    Compensated "compensated" compensated Box<compensated::State>;
    /// A reading far from what is usual.
    Baseline "baseline" baseline Box<baseline::State>;
    /// Small departures from a mean that go on.
    Cusum "cusum" cusum Box<cusum::State>;
    /// A mean that shifts.
    PageHinkley "page-hinkley" page_hinkley Box<page_hinkley::State>;
    /// A crack that grows or is wide.
    CrackGrowth "crack-growth" crack_growth Box<crack_growth::State>;
    /// A wall that moves.
    WallMovement "wall-movement" wall_movement Box<wall_movement::State>;
    /// Two points that settle differently.
    AngularDistortion "angular-distortion" angular_distortion Box<angular_distortion::State>;
    /// An anchor loaded too much or too little.
    AnchorLoad "anchor-load" anchor_load Box<anchor_load::State>;
    /// A rate that neighbours bear out.
    Neighbours "neighbours" neighbours Box<neighbours::State>;
    /// An instrument apart from the others.
    Disagreement "disagreement" disagreement Box<disagreement::State>;
    /// A peak velocity beyond its table.
    Vibration "vibration" vibration Box<vibration::State>;
    /// A natural frequency that falls.
    NaturalFrequency "natural-frequency" natural_frequency Box<natural_frequency::State>;
    /// Nothing heard for too long: a deadline of the engine, which remembers nothing here.
    Silence "silence" silence silence::State;
    /// Readings nobody confirmed, or of an instrument that is not all right: what admission found.
    Doubt "doubt" doubt doubt::State;
    /// Something the series has not been known to do.
    Anomaly "anomaly" anomaly Box<anomaly::State>;
    /// A waveform that suddenly has more energy.
    Trigger "trigger" trigger Box<trigger::State>;
}

impl ConditionSettings {
    /// Whether it learns what is normal.
    pub const fn learns(&self) -> bool {
        matches!(self, Self::Anomaly(_) | Self::Baseline(_))
    }
}

impl ConditionState {
    /// While its site is above normal (`frozen`), a condition that learns what is normal learns nothing.
    pub fn freeze(&mut self, frozen: bool) {
        match self {
            Self::Anomaly(state) => state.freeze(frozen),
            Self::Baseline(state) => state.freeze(frozen),
            _ => {}
        }
    }

    /// A person has put the incident away: where a series is by then is where it belongs.
    pub fn accept(&mut self) {
        if let Self::Anomaly(state) = self {
            state.accept();
        }
    }

    /// Between which values the next reading is expected, by a condition that knows what is usual.
    pub fn expected(&self, settings: &ConditionSettings) -> Option<(f64, f64)> {
        match (self, settings) {
            (Self::Anomaly(state), ConditionSettings::Anomaly(settings)) => {
                state.verdict(settings).band
            }
            _ => None,
        }
    }

    /// When the movement is forecast to end, by a condition that knows and is to be believed.
    pub fn forecast(&self) -> Option<failure_time::forecast::Forecast> {
        match self {
            Self::FailureTime(state) => state.believed(),
            _ => None,
        }
    }

    /// Whether it learns nothing at present.
    pub fn is_frozen(&self) -> bool {
        match self {
            Self::Anomaly(state) => state.is_frozen(),
            Self::Baseline(state) => state.is_frozen(),
            _ => false,
        }
    }
}

/// A condition began or ceased to hold.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Transition {
    /// Whether it holds from now on.
    pub held: bool,
    /// The event time of the reading that decided.
    pub at: Timestamp,
    /// The number that was compared with the limit: a value, a slope an hour, a sum.
    pub value: f64,
}

/// On which side of a limit danger lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Side {
    /// At or above it.
    Above,
    /// At or below it.
    Below,
    /// At or above it in size, whatever the sign.
    Magnitude,
}

impl Side {
    /// Where a number lies between its limits. Equality is beyond; NaN is neither.
    pub fn mark(self, value: f64, raise_at: f64, clear_below: f64) -> Mark {
        let (height, raise, clear) = match self {
            Self::Above => (value, raise_at, clear_below),
            Self::Below => (-value, -raise_at, -clear_below),
            Self::Magnitude => (value.abs(), raise_at, clear_below),
        };
        if height >= raise {
            Mark::Beyond
        } else if height < clear {
            Mark::Within
        } else {
            Mark::Between
        }
    }
}
