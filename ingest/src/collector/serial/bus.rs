//! A bus of Modbus units: one task owns it and asks one question at a time.

use std::sync::Arc;

use reading::codec::modbus::{Answer, Polled, Question, questions};
use tokio::task::JoinHandle;
use tokio::time::{interval, sleep};

pub use super::ask::ask_once;
use super::ask::{Asking, BusError, Outcome};
use super::config::BusConfig;
use super::line::LOOK_EVERY;
use super::storing::Storing;
use super::turns::Turns;
use super::{REOPEN_MAX, seat};
use crate::collector::Intake;
use crate::collector::backoff::Backoff;
use crate::collector::mqtt::Wiring;
use crate::collector::seat::{Seat, Standing};

/// Starts to ask; returns before the bus is open. Runs until `wiring.cancel`.
pub fn start(config: BusConfig, intake: Arc<dyn Intake>, wiring: &Wiring) -> JoinHandle<()> {
    let seat = seat(&config.name, wiring);
    // A bus says nothing back: the other end of the answers is dropped.
    let (storing, _) = Storing::start(seat.clone(), &config.way.to_string(), intake);
    let asked = config.units.iter().map(|unit| questions(&unit.map)).collect();
    let turns = Turns::new(config.units.iter().map(|unit| unit.interval), seat.clock.at());
    tokio::spawn(Round { config, asked, turns, seat, storing, hung_up: 0 }.run())
}

struct Round {
    config: BusConfig,
    /// What each unit is asked.
    asked: Vec<Vec<Question>>,
    turns: Turns,
    seat: Seat<()>,
    storing: Storing,
    /// How many turns in a row ended with the gateway hanging up.
    hung_up: usize,
}

/// What a unit came to in its turn.
enum Heard {
    Yes,
    No,
    HungUp(BusError),
}

impl Round {
    async fn run(mut self) {
        let (clock, cancel) = (self.seat.clock.clone(), self.seat.cancel.clone());
        let (mut standing, mut backoff) = (Standing::default(), Backoff::up_to(REOPEN_MAX));
        loop {
            let began = clock.at();
            let lost = tokio::select! {
                () = cancel.cancelled() => None,
                lost = self.connection(&mut standing) => Some(lost),
            };
            let Some(error) = lost else { break };
            standing.down(&self.seat, &error.to_string());
            tokio::select! {
                () = cancel.cancelled() => break,
                () = sleep(backoff.after(began, &clock)) => {}
            }
        }
        self.storing.finish().await;
        standing.stopped(&self.seat);
    }

    /// Asks everybody in turn until the way to the bus is lost.
    async fn connection(&mut self, standing: &mut Standing) -> BusError {
        let BusConfig { way, timeout, quiet, .. } = &self.config;
        let mut asking = match Asking::open(way, *timeout, *quiet).await {
            Ok(asking) => asking,
            Err(error) => return error,
        };
        standing.up(&self.seat, true);
        self.hung_up = 0;
        let (clock, mut look) = (self.seat.clock.clone(), interval(LOOK_EVERY));
        loop {
            let Some((unit, due)) = self.turns.next(clock.at()) else {
                return std::future::pending().await; // nobody to ask
            };
            tokio::select! {
                biased;
                _ = look.tick() => if let Err(error) = asking.look() { return error },
                () = clock.sleep_until(due) => if let Err(error) = self.turn(unit, &mut asking).await { return error },
            }
        }
    }

    async fn turn(&mut self, unit: usize, asking: &mut Asking) -> Result<(), BusError> {
        let mut heard = Heard::Yes;
        for question in self.asked[unit].clone() {
            // Noise may spoil an answer, and what was late another's; a unit that is silent is not asked more.
            let asked = match self.ask(&question, asking).await? {
                Asked::Bad => self.ask(&question, asking).await?,
                asked => asked,
            };
            heard = match asked {
                Asked::Good => Heard::Yes,
                Asked::Bad | Asked::Silent => Heard::No,
                Asked::HungUp(error) => Heard::HungUp(error),
            };
            if !matches!(heard, Heard::Yes) {
                break;
            }
        }
        let now = self.seat.clock.at();
        match heard {
            Heard::Yes => self.turns.answered(unit, now),
            Heard::No | Heard::HungUp(_) => self.turns.failed(unit, now),
        }
        match heard {
            // A gateway may hang up over a unit that is not there; over every one of them it is the gateway.
            Heard::HungUp(error) => {
                self.hung_up += 1;
                if self.hung_up >= self.asked.len() { Err(error) } else { Ok(()) }
            }
            Heard::Yes | Heard::No => {
                self.hung_up = 0;
                Ok(())
            }
        }
    }

    /// Asks one question and stores what came.
    async fn ask(&self, question: &Question, asking: &mut Asking) -> Result<Asked, BusError> {
        let (asked, name, answer) = match asking.ask(question).await {
            Outcome::Lost(error) => return Err(error),
            Outcome::HungUp(error) => (Asked::HungUp(error), "hung-up", None),
            Outcome::Silence => (Asked::Silent, "silence", None),
            Outcome::Answer(answer) => match &answer {
                Answer::Registers(_) | Answer::Bits(_) => (Asked::Good, "answer", Some(answer)),
                Answer::Exception(_) => (Asked::Good, "exception", Some(answer)),
                Answer::Bad(_) | Answer::BadTcp(_) => (Asked::Bad, "bad", Some(answer)),
            },
        };
        let unit = question.unit.to_string();
        self.seat.metrics.polls.with_label_values(&[&*self.seat.collector, &unit, name]).inc();
        if let Some(answer) = answer {
            let polled = Polled { at: self.seat.clock.wall(), question: *question, answer };
            self.storing.take(polled.write().into(), None);
        }
        Ok(asked)
    }
}

enum Asked {
    Good,
    Bad,
    Silent,
    HungUp(BusError),
}
