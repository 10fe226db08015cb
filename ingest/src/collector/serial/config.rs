//! What ports and buses are told. Configuration has checked it by then.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use reading::codec::modbus::ModbusUnit;

/// A port, and how fast and in which form characters run on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineConfig {
    /// Where it is: best a path that follows the adapter, `/dev/serial/by-id/…`.
    pub path: PathBuf,
    /// Characters a second, times their bits.
    pub baud: u32,
    /// Bits of a character, 7 or 8.
    pub data_bits: DataBits,
    /// What checks a character.
    pub parity: Parity,
    /// What ends a character.
    pub stop_bits: StopBits,
}

/// Bits of a character.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DataBits {
    /// Seven.
    Seven,
    /// Eight.
    Eight,
}

/// What checks a character.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parity {
    /// Nothing.
    None,
    /// A bit that makes the ones even.
    Even,
    /// A bit that makes them odd.
    Odd,
}

/// What ends a character.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopBits {
    /// One bit.
    One,
    /// Two bits.
    Two,
}

impl LineConfig {
    /// 8N1, as most instruments come.
    pub fn new(path: impl Into<PathBuf>, baud: u32) -> Self {
        let (data_bits, parity, stop_bits) = (DataBits::Eight, Parity::None, StopBits::One);
        Self { path: path.into(), baud, data_bits, parity, stop_bits }
    }

    /// How long one character takes.
    pub fn character(&self) -> Duration {
        let data = if self.data_bits == DataBits::Seven { 7 } else { 8 };
        let parity = u32::from(self.parity != Parity::None);
        let stop = if self.stop_bits == StopBits::Two { 2 } else { 1 };
        Duration::from_secs(1) * (1 + data + parity + stop) / self.baud.max(1)
    }
}

impl fmt::Display for LineConfig {
    /// As people write it: `/dev/ttyUSB0 9600 8N1`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let data = if self.data_bits == DataBits::Seven { 7 } else { 8 };
        let parity = match self.parity {
            Parity::None => 'N',
            Parity::Even => 'E',
            Parity::Odd => 'O',
        };
        let stop = if self.stop_bits == StopBits::Two { 2 } else { 1 };
        write!(f, "{} {} {data}{parity}{stop}", self.path.display(), self.baud)
    }
}

/// A port that talks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortConfig {
    /// The collector's name: the source of its frames.
    pub name: String,
    /// The port.
    pub line: LineConfig,
    /// How frames stand on it.
    pub framing: Framing,
}

/// How frames stand in a stream of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// Lines of text, ended by CR, LF or both.
    Lines,
    /// The same, where four lines above a table say what its rows hold: each row goes with them.
    Toa5,
    /// Our own frames, answered once they are on disk.
    Link,
}

/// A bus, and who is asked on it.
#[derive(Clone, Debug, PartialEq)]
pub struct BusConfig {
    /// The collector's name: the source of its frames.
    pub name: String,
    /// How to reach it.
    pub way: Way,
    /// Who is asked.
    pub units: Vec<UnitConfig>,
    /// How long an answer may take to be whole.
    pub timeout: Duration,
    /// How long the line is left alone between an answer and the next question; on RTU never less than the 3.5
    /// characters that end a frame.
    pub quiet: Duration,
}

/// How to reach a bus.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Way {
    /// Over a port.
    Rtu(LineConfig),
    /// Over the network.
    Tcp {
        /// Name or address.
        host: String,
        /// Port, 502 by custom.
        port: u16,
    },
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rtu(line) => write!(f, "{}", line.path.display()),
            Self::Tcp { host, port } => write!(f, "{host}:{port}"),
        }
    }
}

/// A unit, and how often it is asked.
#[derive(Clone, Debug, PartialEq)]
pub struct UnitConfig {
    /// What it is and what is read from it.
    pub map: ModbusUnit,
    /// How often.
    pub interval: Duration,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_told_as_people_write_it_and_knows_its_speed() {
        let plain = LineConfig::new("/dev/ttyUSB0", 9_600);
        assert_eq!(plain.to_string(), "/dev/ttyUSB0 9600 8N1");
        assert_eq!(plain.character().as_micros(), 1_041);
        let odd = LineConfig {
            data_bits: DataBits::Seven,
            parity: Parity::Even,
            stop_bits: StopBits::Two,
            ..LineConfig::new("a", 115_200)
        };
        assert_eq!(odd.to_string(), "a 115200 7E2");
        assert_eq!(odd.character().as_micros(), 95);
    }
}
