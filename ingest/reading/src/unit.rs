//! Quantities and units. Inside, every value of a quantity is in its base unit (docs/formulas.md 1).

use alloc::string::{String, ToString};
use core::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// What kind of measure a unit or quantity is; only like converts to like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Dimension {
    Angle,
    Length,
    LengthRate,
    Pressure,
    Ratio,
    Velocity,
    Acceleration,
    Strain,
    Force,
    Temperature,
    Frequency,
    Voltage,
    PowerLevel,
    LevelDifference,
    Count,
    State,
    CountRate,
}

macro_rules! quantities {
    ($($(#[$doc:meta])* $variant:ident $name:literal $base:ident)*) => {
        /// What a series measures. Each has one base unit, in which limits and rates are kept.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Quantity { $($(#[$doc])* $variant,)* }

        impl Quantity {
            /// Every quantity, in the order of this file.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// Its name on the wire, in configuration and in series names.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),* }
            }

            /// The quantity of that name.
            pub fn parse(name: &str) -> Option<Self> {
                match name { $($name => Some(Self::$variant),)* _ => None }
            }

            /// The unit in which every value of it is kept.
            pub const fn base_unit(self) -> Unit {
                match self { $(Self::$variant => Unit::$base),* }
            }
        }
    };
}

quantities! {
    /// Inclination of an instrument without a named axis.
    Tilt "tilt" Degree
    /// Inclination about the first axis of the instrument.
    TiltX "tilt-x" Degree
    /// Inclination about the second axis.
    TiltY "tilt-y" Degree
    /// Movement along the slope; positive is downslope or opening.
    Displacement "displacement" Millimetre
    /// Opening of a crack or joint; positive is opening.
    CrackWidth "crack-width" Millimetre
    /// Vertical movement of a foundation or surface.
    Settlement "settlement" Millimetre
    /// Rain fallen since the report before.
    Rain "rain" Millimetre
    /// Rain intensity as the instrument gives it.
    RainRate "rain-rate" MillimetrePerHour
    /// Pressure of water in the ground.
    PorePressure "pore-pressure" Kilopascal
    /// Suction measured by a tensiometer.
    SoilSuction "soil-suction" Kilopascal
    /// Air pressure.
    BarometricPressure "barometric-pressure" Kilopascal
    /// Height of the groundwater table above its reference.
    GroundwaterLevel "groundwater-level" Metre
    /// Stage of a stream or reservoir.
    WaterLevel "water-level" Metre
    /// Volumetric water content.
    SoilMoisture "soil-moisture" One
    /// Relative humidity of air, as a ratio.
    RelativeHumidity "relative-humidity" One
    /// Peak particle velocity of a vibration.
    VibrationVelocity "vibration-velocity" MillimetrePerSecond
    /// Acceleration.
    Acceleration "acceleration" MetrePerSecondSquared
    /// Strain, in millionths.
    Strain "strain" Microstrain
    /// Force in an anchor or bearing.
    Force "force" Kilonewton
    /// Temperature of air, soil or structure.
    Temperature "temperature" Celsius
    /// Natural frequency of a structure.
    Frequency "frequency" Hertz
    /// Acoustic emission hits.
    AcousticEmission "acoustic-emission" PerMinute
    /// A switch or wire: 0 as built, 1 tripped.
    State "state" Boolean
    /// Supply of a station.
    BatteryVoltage "battery-voltage" Volt
    /// Received signal strength of a radio.
    SignalStrength "signal-strength" DecibelMilliwatt
    /// Signal to noise of a radio.
    SignalToNoise "signal-to-noise" Decibel
    /// Something counted.
    Count "count" Count
    /// The grade of an official product in force, say 1 for a watch and 2 for a warning; 0 is none.
    Advisory "advisory" Count
}

macro_rules! units {
    ($($(#[$doc:meta])* $variant:ident $dimension:ident $factor:literal $symbol:literal $(| $other:literal)*)*) => {
        /// A unit a station or a rule may write.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Unit { $($(#[$doc])* $variant,)* }

        impl Unit {
            /// Every unit, in the order of this file.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The symbol we write.
            pub const fn symbol(self) -> &'static str {
                match self { $(Self::$variant => $symbol),* }
            }

            /// The unit of that symbol: ours, UCUM's, or SenML's.
            pub fn parse(symbol: &str) -> Option<Self> {
                match symbol { $($symbol $(| $other)* => Some(Self::$variant),)* _ => None }
            }

            const fn dimension(self) -> Dimension {
                match self { $(Self::$variant => Dimension::$dimension),* }
            }

            /// How many of the dimension's first unit one of this is.
            const fn factor(self) -> f64 {
                match self { $(Self::$variant => $factor),* }
            }
        }
    };
}

units! {
    /// Degree of arc.
    Degree Angle 1.0 "deg" | "°"
    /// Radian.
    Radian Angle 57.295_779_513_082_32 "rad"
    /// Thousandth of a radian.
    Milliradian Angle 0.057_295_779_513_082_32 "mrad"
    /// Second of arc.
    ArcSecond Angle 0.000_277_777_777_777_777_8 "arcsec" | "''"
    /// Slope of one millimetre in a metre.
    MillimetrePerMetre Angle 0.057_295_779_513_082_32 "mm/m"
    /// Millimetre.
    Millimetre Length 1.0 "mm"
    /// Micrometre.
    Micrometre Length 0.001 "um" | "µm"
    /// Centimetre.
    Centimetre Length 10.0 "cm"
    /// Metre.
    Metre Length 1000.0 "m"
    /// Inch.
    Inch Length 25.4 "in" | "[in_i]"
    /// Millimetre an hour.
    MillimetrePerHour LengthRate 1.0 "mm/h"
    /// Inch an hour.
    InchPerHour LengthRate 25.4 "in/h"
    /// Kilopascal.
    Kilopascal Pressure 1.0 "kPa"
    /// Pascal.
    Pascal Pressure 0.001 "Pa"
    /// Hectopascal.
    Hectopascal Pressure 0.1 "hPa" | "mbar"
    /// Metre of water at 4 °C, 9.80665 kPa.
    MetreOfWater Pressure 9.806_65 "mH2O" | "m[H2O]"
    /// A ratio, 0 to 1.
    One Ratio 1.0 "1" | "/" | "m3/m3"
    /// A hundredth.
    Percent Ratio 0.01 "%" | "%RH"
    /// Millimetre a second.
    MillimetrePerSecond Velocity 1.0 "mm/s"
    /// Centimetre a second (kine), the unit of Korean vibration tables.
    CentimetrePerSecond Velocity 10.0 "cm/s" | "kine"
    /// Metre a second.
    MetrePerSecond Velocity 1000.0 "m/s"
    /// Metre a second squared.
    MetrePerSecondSquared Acceleration 1.0 "m/s2" | "m/s²"
    /// A hundredth of a metre a second squared.
    Gal Acceleration 0.01 "Gal" | "gal"
    /// Standard gravity.
    StandardGravity Acceleration 9.806_65 "g" | "[g]"
    /// A millionth of strain.
    Microstrain Strain 1.0 "ue" | "µε" | "ppm" | "10*-6" | "um/m" | "µm/m"
    /// Kilonewton.
    Kilonewton Force 1.0 "kN"
    /// Newton.
    Newton Force 0.001 "N"
    /// Degree Celsius.
    Celsius Temperature 1.0 "Cel" | "degC" | "°C"
    /// Hertz.
    Hertz Frequency 1.0 "Hz"
    /// Volt.
    Volt Voltage 1.0 "V"
    /// Thousandth of a volt.
    Millivolt Voltage 0.001 "mV"
    /// Decibel over a milliwatt.
    DecibelMilliwatt PowerLevel 1.0 "dBm"
    /// Decibel.
    Decibel LevelDifference 1.0 "dB"
    /// Pieces.
    Count Count 1.0 "count"
    /// 0 or 1.
    Boolean State 1.0 "bool"
    /// Once a minute.
    PerMinute CountRate 1.0 "1/min"
}

/// A unit that does not measure the quantity.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{unit}` does not measure {quantity}; its base unit is `{base}`")]
pub struct UnitMismatch {
    /// What was measured.
    pub quantity: &'static str,
    /// The unit as written.
    pub unit: String,
    /// The unit values of it are kept in.
    pub base: &'static str,
}

/// Hours in each period a rate may be written per.
const PERIODS: [(&str, f64); 7] = [
    ("s", 1.0 / 3_600.0),
    ("min", 1.0 / 60.0),
    ("h", 1.0),
    ("d", 24.0),
    ("day", 24.0),
    ("week", 168.0),
    ("a", 8_766.0),
];

impl Quantity {
    /// Converts `value` to the base unit: degree for tilt, millimetre for crack width.
    ///
    /// # Errors
    /// [`UnitMismatch`] if `unit` does not measure this quantity.
    pub fn to_base(self, value: f64, unit: Unit) -> Result<f64, UnitMismatch> {
        let base = self.base_unit();
        if unit == base {
            return Ok(value);
        }
        if unit.dimension() != base.dimension() {
            return Err(self.mismatch(unit.symbol()));
        }
        Ok(value * unit.factor() / base.factor())
    }

    /// Converts a change per time, say `5 mm/d`, to base units an hour.
    ///
    /// # Errors
    /// [`UnitMismatch`] if `unit` is not a unit of this quantity over `s`, `min`, `h`, `d`, `week` or `a`.
    pub fn rate_to_base(self, value: f64, unit: &str) -> Result<f64, UnitMismatch> {
        let refused = || self.mismatch(unit);
        let (amount, period) = unit.rsplit_once('/').ok_or_else(refused)?;
        let hours = PERIODS.iter().find(|(name, _)| *name == period).ok_or_else(refused)?.1;
        let amount = Unit::parse(amount).ok_or_else(refused)?;
        Ok(self.to_base(value, amount).map_err(|_| refused())? / hours)
    }

    fn mismatch(self, unit: &str) -> UnitMismatch {
        UnitMismatch {
            quantity: self.name(),
            unit: unit.chars().take(32).collect::<String>(),
            base: self.base_unit().symbol(),
        }
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.symbol())
    }
}

macro_rules! as_text {
    ($($name:ident, $text:ident, $what:literal)*) => {$(
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.$text())
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                Self::parse(&text).ok_or_else(|| {
                    serde::de::Error::custom(["unknown ", $what, " `", &text, "`"].concat().to_string())
                })
            }
        }
    )*};
}

as_text! {
    Quantity, name, "quantity"
    Unit, symbol, "unit"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(a: f64, b: f64) -> bool {
        (a - b).abs() <= 1e-7 * b.abs().max(1e-12)
    }

    #[test]
    fn converts_as_the_tables_of_the_field_say() {
        // docs/formulas.md 1, and UCUM
        let table = [
            (Quantity::TiltX, 1.0, "mm/m", 0.057_295_8),
            (Quantity::TiltX, 100.0, "arcsec", 0.027_777_8),
            (Quantity::Tilt, 1.0, "rad", 57.295_779_51),
            (Quantity::PorePressure, 1.0, "mH2O", 9.806_65),
            (Quantity::PorePressure, 30.0, "hPa", 3.0),
            (Quantity::Rain, 1.0, "in", 25.4),
            (Quantity::VibrationVelocity, 1.0, "cm/s", 10.0),
            (Quantity::Acceleration, 1.0, "g", 9.806_65),
            (Quantity::GroundwaterLevel, 250.0, "cm", 2.5),
            (Quantity::SoilMoisture, 42.0, "%", 0.42),
            (Quantity::Force, 1500.0, "N", 1.5),
        ];
        for (quantity, value, unit, expected) in table {
            let got = quantity.to_base(value, Unit::parse(unit).unwrap()).unwrap();
            assert!((got - expected).abs() <= 1e-6 * expected, "{quantity} {value} {unit}: {got}");
        }
    }

    #[test]
    fn rates_are_kept_an_hour() {
        let seconds_of_arc = Quantity::Tilt.rate_to_base(30.0, "arcsec/d").unwrap();
        assert!(near(seconds_of_arc, 30.0 / 3600.0 / 24.0));
        assert!((seconds_of_arc - 3.4722e-4).abs() < 1e-8);
        assert!(near(Quantity::Displacement.rate_to_base(24.0, "mm/d").unwrap(), 1.0));
        assert!(near(Quantity::CrackWidth.rate_to_base(0.3, "mm/week").unwrap(), 0.3 / 168.0));
        for bad in ["mm", "kPa/h", "mm/fortnight", "", "/h"] {
            assert!(Quantity::Displacement.rate_to_base(1.0, bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn only_like_converts_to_like() {
        for &quantity in Quantity::ALL {
            assert_eq!(quantity.to_base(2.5, quantity.base_unit()), Ok(2.5));
            for &unit in Unit::ALL {
                let same = unit.dimension() == quantity.base_unit().dimension();
                assert_eq!(quantity.to_base(1.0, unit).is_ok(), same, "{quantity} {unit}");
            }
        }
    }

    #[test]
    fn names_and_symbols_read_back() {
        for &quantity in Quantity::ALL {
            assert_eq!(Quantity::parse(quantity.name()), Some(quantity));
        }
        for &unit in Unit::ALL {
            assert_eq!(Unit::parse(unit.symbol()), Some(unit));
        }
    }
}
