//! The error lines of one world: a subscriber that hears every thread and knows whose it is.

use std::cell::RefCell;
use std::fmt::{Debug, Write};
use std::sync::{Arc, Once};

use parking_lot::Mutex;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

/// The error lines of one world.
pub type Lines = Arc<Mutex<Vec<String>>>;

thread_local! {
    static MINE: RefCell<Option<Lines>> = const { RefCell::new(None) };
}

/// From here on, what this thread complains of belongs to this world.
pub fn take_thread(lines: &Lines) {
    MINE.with_borrow_mut(|mine| *mine = Some(Arc::clone(lines)));
}

/// The same, for a thread that may belong to it already.
pub fn join_thread(lines: &Lines) {
    MINE.with_borrow_mut(|mine| {
        mine.get_or_insert_with(|| Arc::clone(lines));
    });
}

/// Listens, once for the process.
pub fn listen() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| tracing::subscriber::set_global_default(Ear).expect("nobody else listens"));
}

struct Ear;

#[derive(Default)]
struct Words(String);

impl Visit for Words {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        match field.name() {
            "message" => self.0.insert_str(0, &format!("{value:?} ")),
            name => write!(self.0, "{name}={value:?} ").expect("a String takes everything"),
        }
    }
}

impl Subscriber for Ear {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() == Level::ERROR
    }

    fn max_level_hint(&self) -> Option<tracing::level_filters::LevelFilter> {
        Some(tracing::level_filters::LevelFilter::ERROR)
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut words = Words::default();
        event.record(&mut words);
        let mine = MINE.with_borrow(|mine| mine.clone());
        match mine {
            Some(lines) => lines.lock().push(words.0),
            None => eprintln!("an error line of nobody's: {}", words.0),
        }
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}
