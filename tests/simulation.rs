//! The world run from a seed: stations, links, disk, clock, people and channels that fail, on virtual time, around the
//! daemon's own journal, desk, ledger and couriers. docs/simulation.md says what is in it, what it found and how to run
//! it.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

#[expect(dead_code, reason = "the journal's own tests use more of it")]
#[path = "../ingest/tests/journal/disk.rs"]
mod disk;
#[path = "simulation/setting.rs"]
mod setting;
#[path = "simulation/plan.rs"]
mod plan;
#[path = "simulation/lines.rs"]
mod lines;
#[path = "simulation/platter.rs"]
mod platter;
#[path = "simulation/field.rs"]
mod field;
#[path = "simulation/people.rs"]
mod people;
#[path = "simulation/ways_out.rs"]
mod ways_out;
#[path = "simulation/life.rs"]
mod life;
#[path = "simulation/world.rs"]
mod world;
#[path = "simulation/reference.rs"]
mod reference;
#[path = "simulation/verdict.rs"]
mod verdict;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use parking_lot::Mutex;
use world::World;

/// How many seeds a run without a wish for more takes.
const SEEDS: u64 = 300;

/// How many the long form takes.
const SEEDS_LONG: u64 = 20_000;

/// Seeds that found something once; docs/simulation.md says what.
const FOUND: [u64; 5] = [40, 149, 207, 361, 382];

/// Plays a seed to its end. What does not hold, and a number for all that happened.
fn play(seed: u64) -> (Vec<String>, u64) {
    lines::listen();
    let played = catch_unwind(AssertUnwindSafe(|| {
        let mut world = World::new(seed);
        world.run();
        verdict::judge(&mut world);
        if std::env::var_os("BONGSU_SEED").is_some() {
            eprintln!(
                "{:?}\n{:?} {} records, {} heard, {} s",
                world.plan,
                world.done,
                world.seen.len(),
                world.ears.heard.len(),
                world.second()
            );
        }
        (world.faults.clone(), verdict::digest(&world))
    }));
    played.unwrap_or_else(|panic| {
        let why = panic.downcast_ref::<String>().cloned();
        let why = why.or_else(|| panic.downcast_ref::<&str>().map(|why| (*why).to_owned()));
        (vec![format!("a panic: {}", why.unwrap_or_default())], 0)
    })
}

fn number(name: &str, usual: u64) -> u64 {
    std::env::var(name).map_or(usual, |text| text.parse().expect("a whole number"))
}

/// Plays seeds on every core, and stops at the first that fails.
fn play_all(from: u64, count: u64) {
    let (next, failed) = (AtomicU64::new(from), AtomicBool::new(false));
    let found = Mutex::new(Vec::new());
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while !failed.load(Ordering::Relaxed) {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= from + count {
                        return;
                    }
                    let (faults, _) = play(seed);
                    if !faults.is_empty() {
                        found.lock().push((seed, faults));
                        failed.store(std::env::var_os("BONGSU_ALL").is_none(), Ordering::Relaxed);
                    }
                }
            });
        }
    });
    let mut found = found.into_inner();
    found.sort();
    let said: Vec<String> = found
        .iter()
        .map(|(seed, faults)| format!("seed {seed}: {}", faults.join("\n  ")))
        .collect();
    assert!(
        found.is_empty(),
        "{}\nplay one again: BONGSU_SEED={} cargo test --test simulation g01",
        said.join("\n"),
        found[0].0
    );
}

/// Who is owed an alert is told, once, whatever goes wrong: G1 to G10.
#[test]
fn g01_to_g10_hold_in_the_world() {
    if let Ok(seed) = std::env::var("BONGSU_SEED") {
        return play_all(seed.parse().expect("a whole number"), 1);
    }
    let long = std::env::var_os("BONGSU_LONG").is_some();
    let from = number("BONGSU_SEEDS_FROM", 0);
    play_all(from, number("BONGSU_SEEDS", if long { SEEDS_LONG } else { SEEDS }));
}

#[test]
fn seeds_that_found_something_find_nothing_any_more() {
    for seed in FOUND {
        assert_eq!(play(seed).0, Vec::<String>::new(), "seed {seed}");
    }
}

#[test]
fn g02_the_same_seed_gives_the_same_world() {
    for seed in 0..24 {
        assert_eq!(play(seed), play(seed), "seed {seed}");
    }
}
