//! What each kind of condition remembers of a series, in bytes: measured, and compared with docs/configuration.md.

#![allow(
    unsafe_code,
    clippy::allow_attributes,
    reason = "an allocator that counts is unsafe by its nature"
)]

mod common;

#[path = "kinds/examples.rs"]
#[allow(dead_code, reason = "the stories serve another test as well")]
mod examples;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::collections::BTreeMap;
use std::time::Duration;

use alerting::condition::KINDS;
use examples::{Example, ROWS, every};
use reading::Timestamp;

struct Counting;

thread_local! {
    /// What this thread holds: what the test's own harness does meanwhile is not counted.
    static HELD: Cell<isize> = const { Cell::new(0) };
}

fn held() -> isize {
    HELD.get()
}

fn count(bytes: usize, sign: isize) {
    HELD.try_with(|held| held.set(held.get() + sign * bytes as isize)).ok();
}

// SAFETY: everything is handed to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size(), 1);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        count(layout.size(), -1);
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// What a watch takes beside the heap of its two states: see `a_watch_is_small_whatever_it_watches`.
const WATCH: usize = 80;

/// The bytes a rule takes for one series after so many rows of its story, every so often: live and recorded.
fn bytes(example: &Example, rows: usize, every: Duration) -> usize {
    let story = example.story(1, 1.0);
    let slots = example.slots.len();
    let before = held();
    let mut state = example.settings.fresh();
    for row in 0..rows {
        let at = Timestamp::from_secs(1_784_000_000).plus(every * row as u32);
        for of in &story[row % ROWS * slots..][..slots] {
            state.observe(&example.settings, of.slot, at, of.value);
        }
    }
    WATCH + 2 * usize::try_from(held() - before).expect("a state takes no less than nothing")
}

/// Kind, bytes at its own pace, bytes at that or a second's: the largest of its examples.
fn measured() -> BTreeMap<&'static str, (usize, usize)> {
    let mut table: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for example in every() {
        let usual = bytes(&example, ROWS, example.every);
        let flooded = bytes(&example, 20_000, example.every.min(Duration::from_secs(1)));
        let row = table.entry(example.settings.name()).or_default();
        *row = (row.0.max(usual), row.1.max(flooded).max(usual));
    }
    table
}

#[test]
fn the_bytes_of_each_kind_are_what_the_manual_says() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/configuration.md");
    let manual = std::fs::read_to_string(path).expect("the manual stands beside the code");
    let table = measured();
    let mut wrong = Vec::new();
    for kind in KINDS {
        let (usual, flooded) = table[kind];
        let stated = manual.lines().find_map(|line| {
            let cells: Vec<&str> = line.strip_prefix("| `")?.split('|').map(str::trim).collect();
            let [name, usual, flooded, ""] = cells[..] else { return None };
            let number = |cell: &str| cell.replace(' ', "").parse::<usize>().ok();
            (name == format!("{kind}`")).then_some((number(usual)?, number(flooded)?))
        });
        // vectors grow as the library likes: a tenth to and fro
        let near = |stated: usize, found: usize| stated.abs_diff(found) * 10 <= found;
        if !stated.is_some_and(|(a, b)| near(a, usual) && near(b, flooded)) {
            wrong.push(format!("| `{kind}` | {usual} | {flooded} |"));
        }
    }
    assert!(wrong.is_empty(), "docs/configuration.md should say:\n{}", wrong.join("\n"));
}
