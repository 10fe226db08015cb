//! One question to one unit, and what came of it.
//!
//! `tokio-modbus` does the protocol. Between it and the wire stands [`Tap`], which forgets what was on the line before
//! the question (on a bus that belongs to us alone nobody speaks unasked: it is late), and remembers what came after,
//! so that an answer that is none can be journaled as it was.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use parking_lot::Mutex;
use reading::codec::modbus::{Answer, Question, RegisterTable};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use tokio_modbus::client::{Client, Context as ModbusContext, rtu, tcp};
use tokio_modbus::slave::{Slave, SlaveContext};
use tokio_modbus::{Error, ExceptionCode, Request, Response};
use tokio_serial::SerialStream;

use super::config::{LineConfig, Way};
use super::line::{Line, LineError, failed};

/// How long a connection may take to stand.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a gateway that takes one connection only may take to let go of the last.
const LET_GO: Duration = Duration::from_millis(250);
/// What is remembered of an answer: an RTU frame has 256 bytes at most, one over TCP 260.
const HEARD_MAX: usize = 512;

/// Why a bus cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BusError {
    /// Its port.
    #[error(transparent)]
    Line(#[from] LineError),
    /// Its address.
    #[error(
        "cannot connect to {way}: {reason}; look at the address, and whether the gateway takes one connection only"
    )]
    Connect {
        /// Where.
        way: String,
        /// What the system says.
        reason: String,
    },
    /// Its connection.
    #[error("the connection to {way} broke: {reason}")]
    Broken {
        /// Where.
        way: String,
        /// What the system says.
        reason: String,
    },
}

/// What became of a question.
#[derive(Debug)]
pub(super) enum Outcome {
    /// Something came.
    Answer(Answer),
    /// Nothing came.
    Silence,
    /// The gateway hung up instead, again and again: over this question, as far as can be known.
    HungUp(BusError),
    /// The way to the bus is lost.
    Lost(BusError),
}

/// A bus that can be asked.
pub(super) struct Asking {
    way: Way,
    bus: Bus,
    timeout: Duration,
    /// How long the line is left alone before a question.
    quiet: Duration,
}

enum Bus {
    Rtu(Tap<Line>),
    /// None is connected after an answer that is late or wrong, so that it is not taken for another. The next question
    /// connects: some gateways take one connection only, and need a moment to let go of the last.
    Tcp(Option<Connection>),
}

struct Connection {
    context: ModbusContext,
    heard: Tap<TcpStream>,
}

impl Asking {
    /// Opens the port, or connects.
    pub(super) async fn open(
        way: &Way,
        answer_within: Duration,
        quiet: Duration,
    ) -> Result<Self, BusError> {
        let (bus, quiet) = match way {
            Way::Rtu(config) => {
                (Bus::Rtu(Tap::new(Line::open(config)?)), quiet.max(frame_gap(config)))
            }
            Way::Tcp { .. } => (Bus::Tcp(Some(connect(way).await?)), quiet),
        };
        Ok(Self { way: way.clone(), bus, timeout: answer_within, quiet })
    }

    /// Whether the port is still behind its path.
    pub(super) fn look(&self) -> Result<(), BusError> {
        match &self.bus {
            Bus::Rtu(line) => Ok(line.0.lock().wire.look()?),
            Bus::Tcp(_) => Ok(()),
        }
    }

    /// Asks, and waits for the answer: for the timeout and the quiet before it, and over TCP as long as it takes to
    /// connect.
    pub(super) async fn ask(&mut self, question: &Question) -> Outcome {
        sleep(self.quiet).await;
        match &mut self.bus {
            Bus::Rtu(line) => {
                line.forget();
                // A client of its own for each question: nothing of a late answer lives on in it.
                let mut context = rtu::attach_slave(line.clone(), Slave(question.unit));
                let came = timeout(self.timeout, context.call(request(question))).await;
                let heard = line.heard();
                match came.map(|came| understood(question, came)) {
                    Ok(Ok(answer)) => Outcome::Answer(answer.unwrap_or(Answer::Bad(heard))),
                    Ok(Err(error)) => Outcome::Lost(self.broken(&error)),
                    Err(_) if heard.is_empty() => Outcome::Silence,
                    Err(_) => Outcome::Answer(Answer::Bad(heard)),
                }
            }
            Bus::Tcp(connection) => {
                let kept = connection.take();
                self.ask_over(kept, question).await
            }
        }
    }

    /// Asks over the connection that stands, if one does. A gateway may have hung up while nobody asked, or hold on to
    /// our last connection for a moment: then over a new one.
    async fn ask_over(&mut self, kept: Option<Connection>, question: &Question) -> Outcome {
        let (mut kept, mut made) = (kept, 0);
        loop {
            let mut connection = match kept.take() {
                Some(connection) => connection,
                None => {
                    made += 1;
                    match connect(&self.way).await {
                        Ok(connection) => connection,
                        Err(_) if made == 1 => {
                            sleep(LET_GO).await;
                            continue;
                        }
                        Err(error) => return Outcome::Lost(error),
                    }
                }
            };
            let Connection { context, heard } = &mut connection;
            context.set_slave(Slave(question.unit));
            heard.forget();
            let came = timeout(self.timeout, context.call(request(question))).await;
            let heard = heard.heard();
            return match came.map(|came| understood(question, came)) {
                Ok(Ok(Some(answer))) => {
                    self.bus = Bus::Tcp(Some(connection));
                    Outcome::Answer(answer)
                }
                Ok(Err(error)) if made == 2 => Outcome::HungUp(self.broken(&error)),
                Ok(Err(_)) => {
                    drop(connection);
                    sleep(if made == 0 { Duration::ZERO } else { LET_GO }).await;
                    continue;
                }
                Err(_) if heard.is_empty() => Outcome::Silence,
                Ok(Ok(None)) | Err(_) => Outcome::Answer(Answer::BadTcp(heard)),
            };
        }
    }

    fn broken(&self, error: &io::Error) -> BusError {
        match &self.way {
            Way::Rtu(config) => failed(&config.path, error).into(),
            Way::Tcp { .. } => {
                BusError::Broken { way: self.way.to_string(), reason: error.to_string() }
            }
        }
    }
}

async fn connect(way: &Way) -> Result<Connection, BusError> {
    let failed = |reason: String| BusError::Connect { way: way.to_string(), reason };
    let Way::Tcp { host, port } = way else { return Err(failed("it is no address".into())) };
    let connecting = TcpStream::connect((host.as_str(), *port));
    let stream = match timeout(CONNECT_TIMEOUT, connecting).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => return Err(failed(error.to_string())),
        Err(_) => return Err(failed(format!("no answer within {CONNECT_TIMEOUT:?}"))),
    };
    stream.set_nodelay(true).map_err(|error| failed(error.to_string()))?;
    let heard = Tap::new(stream);
    Ok(Connection { context: tcp::attach(heard.clone()), heard })
}

/// What ends a frame: 3.5 characters, and 1.75 ms where that would be less (Modbus over Serial Line V1.02, 2.5.1.1).
fn frame_gap(config: &LineConfig) -> Duration {
    (config.character() * 7 / 2).max(Duration::from_micros(1_750))
}

fn request(question: &Question) -> Request<'static> {
    let Question { table, address, count, .. } = *question;
    match table {
        RegisterTable::Coil => Request::ReadCoils(address, count),
        RegisterTable::DiscreteInput => Request::ReadDiscreteInputs(address, count),
        RegisterTable::Holding => Request::ReadHoldingRegisters(address, count),
        RegisterTable::Input => Request::ReadInputRegisters(address, count),
    }
}

/// The answer, none if it is not one to this question, or why the wire is broken.
fn understood(
    question: &Question,
    came: Result<Result<Response, ExceptionCode>, Error>,
) -> Result<Option<Answer>, io::Error> {
    let count = usize::from(question.count);
    Ok(match came {
        Ok(Ok(Response::ReadCoils(mut bits) | Response::ReadDiscreteInputs(mut bits)))
            if bits.len().div_ceil(8) == count.div_ceil(8) && bits.len() >= count =>
        {
            bits.truncate(count);
            Some(Answer::Bits(bits))
        }
        Ok(Ok(
            Response::ReadHoldingRegisters(registers) | Response::ReadInputRegisters(registers),
        )) if registers.len() == count => Some(Answer::Registers(registers)),
        Ok(Err(exception)) => Some(Answer::Exception(exception.into())),
        // A frame that cannot be read is the protocol's word for a damaged one.
        Ok(Ok(_)) | Err(Error::Protocol(_)) => None,
        Err(Error::Transport(error)) if error.kind() == io::ErrorKind::InvalidData => None,
        Err(Error::Transport(error)) => return Err(error),
    })
}

/// A wire, and what came over it since the last question. Cloning gives the same one.
struct Tap<W>(Arc<Mutex<Tapped<W>>>);

struct Tapped<W> {
    wire: W,
    heard: Vec<u8>,
}

impl<W: Wire> Tap<W> {
    fn new(wire: W) -> Self {
        Self(Arc::new(Mutex::new(Tapped { wire, heard: Vec::new() })))
    }

    /// Forgets what came, also what nobody has read yet. What is broken shows with the question.
    fn forget(&self) {
        let mut tapped = self.0.lock();
        let mut late = [0; HEARD_MAX];
        // As much as a busy line could have brought meanwhile, and no more: noise must not keep us here.
        for _ in 0..16 {
            match tapped.wire.try_take(&mut late) {
                Ok(1..) => {}
                Ok(0) | Err(_) => break,
            }
        }
        tapped.heard.clear();
    }

    fn heard(&self) -> Vec<u8> {
        std::mem::take(&mut self.0.lock().heard)
    }
}

impl<W> Clone for Tap<W> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<W> std::fmt::Debug for Tap<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tap")
    }
}

/// What a tap can be on.
trait Wire: Send + 'static {
    type Stream: AsyncRead + AsyncWrite + Unpin;
    fn stream(&mut self) -> Pin<&mut Self::Stream>;
    /// What is there already, without waiting.
    fn try_take(&mut self, buffer: &mut [u8]) -> io::Result<usize>;
}

impl Wire for Line {
    type Stream = SerialStream;

    fn stream(&mut self) -> Pin<&mut SerialStream> {
        Pin::new(&mut self.stream)
    }

    fn try_take(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.try_read(buffer)
    }
}

impl Wire for TcpStream {
    type Stream = TcpStream;

    fn stream(&mut self) -> Pin<&mut TcpStream> {
        Pin::new(self)
    }

    fn try_take(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.try_read(buffer)
    }
}

impl<W: Wire> AsyncRead for Tap<W> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut tapped = self.0.lock();
        let before = out.filled().len();
        ready!(tapped.wire.stream().poll_read(cx, out))?;
        let came = &out.filled()[before..];
        let room = HEARD_MAX.saturating_sub(tapped.heard.len());
        tapped.heard.extend_from_slice(&came[..came.len().min(room)]);
        Poll::Ready(Ok(()))
    }
}

impl<W: Wire> AsyncWrite for Tap<W> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.0.lock().wire.stream().poll_write(cx, data)
    }

    /// The kernel sends by itself; to flush a port is to block the thread until it has.
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// Asks once, as a person would: connects, asks, hangs up.
///
/// # Errors
/// `BusError` if there is no way to the bus.
pub async fn ask_once(
    way: &Way,
    question: &Question,
    answer_within: Duration,
) -> Result<Option<Answer>, BusError> {
    let mut asking = Asking::open(way, answer_within, Duration::ZERO).await?;
    match asking.ask(question).await {
        Outcome::Answer(answer) => Ok(Some(answer)),
        Outcome::Silence => Ok(None),
        Outcome::HungUp(error) | Outcome::Lost(error) => Err(error),
    }
}
