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

use std::collections::BTreeMap;
use std::io::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use ingest::clock::Stopwatch;
use parking_lot::Mutex;
use world::World;

/// How many seeds a run without a wish for more takes.
const SEEDS: u64 = 2_500;

/// How many the long form takes.
const SEEDS_LONG: u64 = 20_000;

/// Seeds that found something once; docs/simulation.md says what.
const FOUND: [u64; 8] = [40, 149, 207, 361, 382, 1_959, 3_640, 3_865];

/// Plays a seed to its end. What does not hold.
fn play(seed: u64) -> Vec<String> {
    play_for(seed, |_| ()).0
}

/// Plays a seed to its end. What does not hold, and what is asked of the world then; nothing if it panicked.
fn play_for<T>(seed: u64, asked: impl Fn(&World) -> T) -> (Vec<String>, Option<T>) {
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
        (world.faults.clone(), Some(asked(&world)))
    }));
    played.unwrap_or_else(|panic| {
        let why = panic.downcast_ref::<String>().cloned();
        let why = why.or_else(|| panic.downcast_ref::<&str>().map(|why| (*why).to_owned()));
        (vec![format!("a panic: {}", why.unwrap_or_default())], None)
    })
}

fn number(name: &str, usual: u64) -> u64 {
    std::env::var(name).map_or(usual, |text| text.parse().expect("a whole number"))
}

/// How long the machine may take for one seed: what takes longer hangs, and that is a fault as well.
const PATIENCE: Duration = Duration::from_secs(300);

/// Ends the test, with the seed's number, if a seed hangs: a thread that waits for good cannot be ended by itself.
fn watch_over(playing: &Mutex<BTreeMap<u64, Stopwatch>>, is_over: &AtomicBool) {
    while !is_over.load(Ordering::Relaxed) {
        std::thread::park_timeout(Duration::from_secs(1));
        let hangs =
            playing.lock().iter().find(|(_, since)| since.elapsed() > PATIENCE).map(|it| *it.0);
        if let Some(seed) = hangs {
            // Not `eprintln`: what that says is kept until the test ends, and it will not.
            let _ = writeln!(
                std::io::stderr(),
                "seed {seed} hangs\nplay it again: BONGSU_SEED={seed} cargo test --test simulation g01"
            );
            std::process::exit(101);
        }
    }
}

/// Plays seeds on every core, and stops at the first that fails.
fn play_all(from: u64, count: u64) {
    let (next, failed) = (AtomicU64::new(from), AtomicBool::new(false));
    let found = Mutex::new(Vec::new());
    let (playing, is_over) = (Mutex::new(BTreeMap::new()), AtomicBool::new(false));
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        let watch = scope.spawn(|| watch_over(&playing, &is_over));
        let players: Vec<_> = (0..threads)
            .map(|_| {
                scope.spawn(|| {
                    while !failed.load(Ordering::Relaxed) {
                        let seed = next.fetch_add(1, Ordering::Relaxed);
                        if seed >= from + count {
                            return;
                        }
                        playing.lock().insert(seed, Stopwatch::start());
                        let faults = play(seed);
                        playing.lock().remove(&seed);
                        if !faults.is_empty() {
                            found.lock().push((seed, faults));
                            failed
                                .store(std::env::var_os("BONGSU_ALL").is_none(), Ordering::Relaxed);
                        }
                    }
                })
            })
            .collect();
        let ended: Vec<_> = players.into_iter().map(|player| player.join()).collect();
        is_over.store(true, Ordering::Relaxed);
        watch.thread().unpark();
        assert!(ended.iter().all(Result::is_ok), "a player ended badly");
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
        assert_eq!(play(seed), Vec::<String>::new(), "seed {seed}");
    }
}

#[test]
fn g02_the_same_seed_gives_the_same_world() {
    for seed in 0..24 {
        let once = play_for(seed, verdict::digest);
        assert_eq!(once, play_for(seed, verdict::digest), "seed {seed}");
    }
}
