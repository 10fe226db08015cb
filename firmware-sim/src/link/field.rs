//! A world behind many connections: its messages come out in their order, and what a connection hears goes in.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use reading::Timestamp;

use crate::link::memory::World;
use crate::message::Message;

/// A world that several tasks share. Its messages are those before `end`.
#[derive(Clone, Debug)]
pub struct Field {
    world: Arc<Mutex<World>>,
    end: Timestamp,
}

impl Field {
    /// Shares `world`, whose messages end at `end`.
    pub fn new(world: World, end: Timestamp) -> Self {
        Self { world: Arc::new(Mutex::new(world)), end }
    }

    /// A station is told something: its answer, and what it sends again.
    pub fn tell(&self, topic: &str, payload: &[u8], at: Timestamp) -> Vec<Message> {
        self.world().tell(topic, payload, at)
    }

    /// What a station says of itself when its connection is up; `base` is what its topics begin with.
    pub fn birth(&self, base: &str, at: Timestamp) -> Option<Message> {
        self.world().birth(base, at)
    }

    /// How many reports a station keeps.
    pub fn room(&self, base: &str) -> Option<usize> {
        self.world().room(base)
    }

    fn world(&self) -> MutexGuard<'_, World> {
        // a world is whole between two of its steps, whoever panicked
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Iterator for Field {
    type Item = Message;

    fn next(&mut self) -> Option<Message> {
        let end = self.end;
        self.world().next_before(end)
    }
}
