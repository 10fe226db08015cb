//! What one seed has in store: how long, what the ground does, and everything that goes wrong.

use firmware_sim::random::Random;

/// How a channel behaves.
#[derive(Clone, Copy, Debug, Default)]
pub struct Mood {
    /// It cannot be reached just now.
    pub fails: f64,
    /// Nobody knows what became of the attempt.
    pub unknown: f64,
    /// It refuses for good.
    pub refuses: f64,
    /// It says that it told somebody, and has not.
    pub lies: f64,
    /// It takes long.
    pub slow: f64,
    /// It panics.
    pub panics: f64,
    /// It never answers.
    pub hangs: f64,
}

/// The plan of a run. Each kind of trouble is in some of the seeds only, so that many are nearly calm.
#[derive(Clone, Debug)]
pub struct Plan {
    pub hours: f64,
    pub stories: [u32; 3],
    /// How often the process ends at any of its steps, and at most how often.
    pub crash: f64,
    pub crashes_max: u32,
    /// Power is cut, and not only the process killed.
    pub power_cuts: bool,
    pub sync_fails: bool,
    pub fills_up: bool,
    pub rot: bool,
    pub snapshot_rot: bool,
    pub ledger_lost: bool,
    /// Small segments that are dropped early.
    pub retention: bool,
    pub wall_steps: bool,
    pub wall_jumps: bool,
    /// How much too fast the daemon's wall clock runs, millionths.
    pub wall_drift: f64,
    pub collector_down: bool,
    pub box_ills: bool,
    pub link_cuts: bool,
    /// How often work is left lying for a while.
    pub lazy: f64,
    pub moods: [Mood; 4],
    /// How likely people do what they are asked.
    pub diligence: f64,
    pub hurry: bool,
}

impl Plan {
    pub fn of(seed: u64) -> Self {
        let mut random = Random::new(seed, "plan");
        let is = |random: &mut Random, often: f64| random.chance(often);
        let crashes = is(&mut random, 0.7);
        let story = random.below(4) as u32;
        let alone = random.chance(0.3);
        Self {
            hours: random.between(0.8, 2.2),
            stories: [story, if alone { 0 } else { story }, random.below(4) as u32],
            crash: if crashes { random.between(0.000_5, 0.01) } else { 0.0 },
            crashes_max: if crashes { 1 + random.below(6) as u32 } else { 0 },
            power_cuts: is(&mut random, 0.6),
            sync_fails: is(&mut random, 0.15),
            fills_up: is(&mut random, 0.1),
            rot: is(&mut random, 0.06),
            snapshot_rot: is(&mut random, 0.15),
            ledger_lost: is(&mut random, 0.06),
            retention: is(&mut random, 0.1),
            wall_steps: is(&mut random, 0.2),
            wall_jumps: is(&mut random, 0.08),
            wall_drift: Random::new(seed, "drift").between(-100.0, 100.0),
            collector_down: is(&mut random, 0.2),
            box_ills: is(&mut random, 0.3),
            link_cuts: is(&mut random, 0.4),
            lazy: if random.chance(0.5) { random.unit() * 0.2 } else { 0.0 },
            moods: std::array::from_fn(|number| Mood {
                hangs: hangs(seed, number),
                ..mood(&mut random)
            }),
            diligence: [0.0, 0.5, 0.95][random.below(3)],
            hurry: random.chance(0.3),
        }
    }
}

fn mood(random: &mut Random) -> Mood {
    let some = |random: &mut Random, often: f64, most: f64| {
        if random.chance(often) { random.unit() * most } else { 0.0 }
    };
    Mood {
        fails: some(random, 0.4, 0.8),
        unknown: some(random, 0.3, 0.5),
        refuses: some(random, 0.08, 0.1),
        lies: some(random, 0.08, 0.1),
        slow: some(random, 0.4, 0.7),
        panics: some(random, 0.05, 0.2),
        hangs: 0.0,
    }
}

/// A stream of its own, as for drift: what else a seed has in store stays what it was.
fn hangs(seed: u64, channel: usize) -> f64 {
    let mut random = Random::new(seed, &format!("hangs/{channel}"));
    if random.chance(0.1) { random.unit() * 0.5 } else { 0.0 }
}
