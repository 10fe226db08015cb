//! The score of an anomaly, worked out over the whole past at once: every detector's numbers, the largest of each
//! block, and how rare the last number is among them. Nothing is told meanwhile, so that nothing is an echo.

use alerting::condition::anomaly;

/// Readings before the model of companions begins to learn, and before its word is taken.
const LOOKING: usize = 48;
const LEARNING: usize = 96;

/// What the score should be, and between which values the next reading is expected.
pub struct Usual {
    pub score: f64,
    pub limit: f64,
    pub band: Option<(f64, f64)>,
}

/// How rare numbers are among the largest of the blocks before: Pareto above the eighth largest, with its prior.
struct Tail {
    rate: f64,
    threshold: f64,
    count: f64,
    sum: f64,
}

impl Tail {
    fn of(maxima: &[f64], floor: f64) -> Option<Self> {
        let mut largest = maxima.to_vec();
        largest.sort_by(|a, b| b.total_cmp(a));
        let blocks = maxima.len() as f64;
        let kept = ((0.7 * blocks).ceil() as usize).clamp(2, 8);
        let threshold = largest.get(kept - 1).filter(|_| maxima.len() >= 3)?.max(floor);
        let logs = largest[..kept - 1].iter().map(|peak| (peak.max(floor) / threshold).ln());
        Some(Self {
            rate: ((kept as f64 + 0.5) / (blocks + 1.0)).min(1.0),
            threshold,
            count: 6.0 + (kept - 1) as f64,
            sum: 1.5 + logs.sum::<f64>(),
        })
    }

    fn score(&self, value: f64, readings: f64) -> f64 {
        if value <= self.threshold {
            return 0.0;
        }
        let beyond = self.count * (1.0 + (value / self.threshold).ln() / self.sum).log10();
        if beyond > self.rate.log10() { beyond - self.rate.log10() + readings.log10() } else { 0.0 }
    }

    fn reach(&self, score: f64) -> f64 {
        let beyond = (score + self.rate.log10()).max(0.0);
        let excess = self.sum * (10f64.powf(beyond / self.count) - 1.0);
        self.threshold * excess.min(64.0).exp()
    }
}

/// The largest of each whole block but the last, which waits: an event does not hide itself.
fn maxima(numbers: &[f64], per_block: usize) -> Vec<f64> {
    let blocks = numbers.chunks_exact(per_block);
    let largest = |block: &[f64]| f64::from(block.iter().copied().fold(0.0, f64::max) as f32);
    let mut maxima: Vec<f64> = blocks.map(largest).collect();
    maxima.pop();
    maxima
}

/// The score of the last of these numbers, after all before it; with fewer blocks than that nothing is said.
fn last(numbers: &[f64], per_block: usize, floor: f64, readings: f64, blocks: usize) -> f64 {
    let Some((now, before)) = numbers.split_last() else { return 0.0 };
    if maxima(numbers, per_block).len() < blocks {
        return 0.0;
    }
    let tail = Tail::of(&maxima(before, per_block), floor);
    tail.map_or(0.0, |tail| tail.score(*now, readings))
}

fn median(a: f64, b: f64, c: f64) -> f64 {
    a.max(b).min(a.min(b).max(c))
}

/// The smallest change up to each reading.
fn resolutions(values: &[f64]) -> Vec<f64> {
    let mut least = f64::INFINITY;
    let changes = values.windows(2).map(|pair| (pair[1] - pair[0]).abs());
    let each = changes.map(|change| {
        least = if change > 0.0 { least.min(change) } else { least };
        least
    });
    [f64::NAN].into_iter().chain(each).collect()
}

/// Of readings without companions, at an even interval.
pub fn usual(settings: &anomaly::Settings, values: &[f64], explained: f64) -> Option<Usual> {
    let now = values.len().checked_sub(1).filter(|now| *now > 0)?;
    let resolution = resolutions(values);
    let back = |at: usize, by: usize| values[at.saturating_sub(by)];
    let apart: Vec<f64> = (1..=now)
        .map(|at| (values[at] - median(back(at, 1), back(at, 2), back(at, 3))).abs())
        .collect();
    let middles: Vec<f64> =
        (1..=now).map(|at| median(values[at], back(at, 1), back(at, 2))).collect();
    let spike = last(&apart, 8, resolution[now], 16.0, 8);
    let scores = [spike, shift(&middles, &resolution), rough(values, &resolution), bend(values)];
    let limit =
        (settings.readings_per_false_alarm * (values.len() as f64 / 4_000.0).max(1.0)).log10();
    let middle = median(values[now], back(now, 1), back(now, 2)) + explained;
    let reach = Tail::of(&maxima(&apart, 8), resolution[now]);
    let reach = reach.map(|tail| tail.reach(limit - 16f64.log10()));
    Some(Usual {
        score: scores.into_iter().fold(0.0, f64::max),
        limit,
        band: reach.map(|reach| (middle - reach, middle + reach)),
    })
}

/// Means of 1, 2, 4 … readings against those four before.
fn shift(middles: &[f64], resolution: &[f64]) -> f64 {
    let of_scale = |scale: usize| {
        let length = 1 << scale;
        let means: Vec<f64> = middles
            .chunks_exact(length)
            .map(|block| block.iter().sum::<f64>() / length as f64)
            .collect();
        let changes: Vec<f64> = means.windows(5).map(|five| (five[4] - five[0]).abs()).collect();
        last(&changes, 4, resolution[means.len() * length], (4 * length) as f64, 0)
    };
    (0..10).map(of_scale).fold(0.0, f64::max)
}

/// The geometric mean of the changes of 32 and of 64 readings, each against the usual one.
fn rough(values: &[f64], resolution: &[f64]) -> f64 {
    let (mut usual, mut logs) = (0.0f64, Vec::new());
    for at in 1..values.len() {
        let change = (values[at] - values[at - 1]).abs();
        logs.push(if at > 3 { (change / usual.max(resolution[at] * 0.25)).ln_1p() } else { 0.0 });
        usual += (change.min(usual * 8.0 + resolution[at]) - usual) / (at as f64).min(1_000.0);
    }
    let blocks: Vec<f64> =
        logs.chunks_exact(16).map(|block| block.iter().sum::<f64>() / 16.0).collect();
    let of_width = |width: usize| {
        let means: Vec<f64> = blocks
            .windows(width)
            .map(|some| (some.iter().sum::<f64>() / width as f64).exp_m1())
            .collect();
        last(&means, width, 1e-3, (16 * width) as f64, 8)
    };
    of_width(2).max(of_width(4))
}

/// How far each change turns back on the one before, over 64 readings, against what is usual.
fn bend(values: &[f64]) -> f64 {
    let turned: Vec<f64> =
        [0.0].into_iter().chain(values.windows(2).map(|pair| pair[1] - pair[0])).collect();
    let pairs: Vec<_> = turned.windows(2).collect();
    let bend = |block: &[&[f64]]| {
        let bent: f64 = block.iter().map(|pair| (pair[1] - pair[0]).abs()).sum();
        bent / block.iter().map(|pair| pair[1].abs() + pair[0].abs()).sum::<f64>()
    };
    let bends: Vec<f64> = pairs.chunks_exact(16).map(bend).collect();
    let away: Vec<f64> = (4..=bends.len())
        .map(|upto| {
            // fewer than 64 blocks: what is usual is their plain mean
            assert!(bends.len() < 64);
            let usual = bends[..upto - 1].iter().sum::<f64>() / (upto - 1) as f64;
            (bends[upto - 4..upto].iter().sum::<f64>() / 4.0 - usual).abs()
        })
        .collect();
    last(&away, 4, 0.02, 16.0, 8)
}

/// What is left of each reading without one companion that was heard with it, by weighed least squares over all before;
/// and what the companion explains of the last.
pub fn residuals(own: &[f64], beside: &[f64]) -> (Vec<f64>, f64) {
    let looked = &beside[..LOOKING.min(beside.len())];
    let (mut middle, mut spread) = (0.0, 0.0);
    for (n, value) in (1u32..).zip(looked) {
        middle += (value - middle) / f64::from(n);
        spread += ((value - middle).abs() - spread) / f64::from(n);
    }
    let Some(first) = own.get(LOOKING) else { return (vec![], 0.0) };
    let place = |at: usize| (beside[at] - middle) / spread;
    let (mut left, mut explained) = (Vec::new(), 0.0);
    for now in LOOKING..own.len() {
        let weight = |at: usize| 0.9995f64.powi((now - 1 - at) as i32);
        // the prior: the first value, nothing of the companion, worth a thousandth of a reading, forgotten as well
        let prior = if now > LOOKING { 1e-3 * weight(LOOKING) } else { 1e-3 };
        let (mut a, mut b, mut d, mut u, mut v) = (prior, 0.0, prior, prior * first, 0.0);
        for (at, y) in own.iter().enumerate().take(now).skip(LOOKING) {
            let (w, x) = (weight(at), place(at));
            (a, b, d, u, v) = (a + w, b + w * x, d + w * x * x, u + w * y, v + w * x * y);
        }
        let det = a * d - b * b;
        explained = (d * u - b * v) / det + (a * v - b * u) / det * place(now);
        left.push(own[now] - explained);
    }
    (left.split_off(left.len().min(LEARNING)), explained)
}
