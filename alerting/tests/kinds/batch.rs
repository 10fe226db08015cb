//! Every kind against its formula worked out over the whole past at once, on random data: the streaming form adds
//! nothing and forgets nothing. Numbers agree to a part in 10⁹ (of what is summed), significances and what a model has
//! learned to a part in 10⁶.

use std::collections::BTreeMap;
use std::time::Duration;

use alerting::condition::explain::Amount;
use alerting::condition::limit::Limit;
use alerting::condition::rate::Estimator;
use alerting::condition::{
    ConditionSettings as Of, ConditionState, angular_distortion, anomaly, baseline, compensated,
    cusum, natural_frequency, page_hinkley, persistence, rate, trigger, vibration, wall_movement,
};
use reading::Timestamp;

use super::examples::{DAY, Example, HOUR, Row, every};
use super::unusual::{residuals, usual as usual_of};

/// What a kind should say of the rows: facts by name, each with its tolerance.
type Expected = Vec<(&'static str, f64, f64)>;

const NEAR: f64 = 1e-9;
const LEARNED: f64 = 1e-6;

#[test]
fn every_kind_equals_its_batch_formula_on_random_data() {
    let mut compared: BTreeMap<&str, usize> = BTreeMap::new();
    for seed in 0..6 {
        for example in every().into_iter().map(out_of_reach) {
            let rows = example.story(seed, 0.2 + 0.2 * seed as f64);
            *compared.entry(example.settings.name()).or_default() += compare(&example, &rows);
        }
    }
    for (kind, count) in compared {
        let none = ["silence", "doubt"].contains(&kind);
        assert!(none || count >= 50, "{kind}: {count} numbers compared");
    }
}

/// Limits that nothing reaches, for kinds that learn only while nothing is beyond them.
fn out_of_reach(mut example: Example) -> Example {
    let far = |limit: &mut Limit| (limit.raise_at, limit.clear_below) = (1e12, 1e12);
    match &mut example.settings {
        Of::Compensated(compensated::Settings {
            test: compensated::Test::Value(limit), ..
        }) => far(limit),
        Of::Baseline(s) => far(&mut s.limit),
        Of::Cusum(s) => far(&mut s.limit),
        Of::AngularDistortion(s) => s.baseline = Some(0.5),
        Of::Anomaly(s) => s.readings_per_false_alarm = 1e12,
        _ => {}
    }
    example
}

fn compare(example: &Example, rows: &[Row]) -> usize {
    let mut state = example.settings.fresh();
    let mut compared = 0;
    for (at, row) in rows.iter().enumerate() {
        state.observe(&example.settings, row.slot, row.at, row.value);
        if row.slot == 0 && at % 23 == 0 {
            compared += agree(example, &state, &rows[..=at]);
        }
    }
    compared
}

fn agree(example: &Example, state: &ConditionState, rows: &[Row]) -> usize {
    let facts = state.facts(&example.settings);
    let expected = expected(&example.settings, rows);
    for (name, value, tolerance) in &expected {
        let found = facts.iter().find(|fact| fact.name == *name).map(|fact| match fact.value {
            Amount::Number(number) => number,
            Amount::Count(count) => count as f64,
            Amount::Flag(flag) => f64::from(u8::from(flag)),
            Amount::Moment(_) => f64::NAN,
        });
        let near = |found: f64| (found - value).abs() <= tolerance * value.abs().max(1.0);
        let kind = example.settings.name();
        assert!(
            found.is_some_and(near),
            "{kind} after {} rows: {name} is {found:?}, not {value}",
            rows.len()
        );
    }
    expected.len()
}

fn expected(settings: &Of, rows: &[Row]) -> Expected {
    let own: Vec<(Timestamp, f64)> = of_slot(rows, 0);
    let now = own[own.len() - 1];
    match settings {
        Of::Threshold(s) => {
            let marks =
                own.iter().map(|(at, value)| (*at, *value >= s.raise_at, *value < s.clear_below));
            vec![("held", held(&s.persistence, &marks.collect::<Vec<_>>()), 0.0)]
        }
        Of::Rate(s) => line(s, &own, now.0),
        Of::Acceleration(s) => {
            let velocities = hourly(&own);
            let mean = |name, count: u8| {
                let from = velocities.len().checked_sub(usize::from(count))?;
                Some((name, mean(&velocities[from..]), NEAR))
            };
            [mean("short-mean-per-hour", s.short), mean("long-mean-per-hour", s.long)]
                .into_iter()
                .flatten()
                .collect()
        }
        Of::FailureTime(s) => {
            let velocities = stretches(s.velocity.increment, s.velocity.interval_max, &own);
            let onward: Vec<f64> =
                velocities.iter().rev().take_while(|v| **v >= 0.0).copied().collect();
            let turned = onward.len() < velocities.len();
            let known = onward.len() >= 3 && !turned;
            known.then(|| ("velocity-now", mean(&onward[..3]), NEAR)).into_iter().collect()
        }
        Of::Accumulation(s) => vec![("sum", fell(&own, now.0.minus(s.window), now.0), NEAR)],
        Of::IntensityDuration(s) => storm(s.dry_hours, &own),
        Of::RecentAntecedent(s) => {
            let from = now.0.minus(s.recent);
            let (recent, before) =
                (fell(&own, from, now.0), fell(&own, from.minus(s.antecedent), from));
            let excess = recent - (s.base - s.slope * before).max(0.0);
            vec![
                ("recent-mm", recent, NEAR),
                ("antecedent-mm", before, NEAR),
                ("excess-mm", excess, NEAR),
            ]
        }
        Of::EffectiveRain(s) => {
            let names = ["left-1-mm", "left-2-mm"];
            let left = |half: Duration| {
                own.iter()
                    .map(|(at, mm)| {
                        thousandths(*mm)
                            * 0.5f64.powf(hours(*at, now.0) / (half.as_secs_f64() / 3_600.0))
                    })
                    .sum::<f64>()
            };
            names
                .into_iter()
                .zip(&s.parts)
                .map(|(name, part)| (name, left(part.half_life), NEAR))
                .collect()
        }
        Of::SoilWater(s) => {
            let mut tanks = [0.0f64; 3];
            for rain in by_hour(&own).into_values() {
                let [a, b, c] = tanks;
                let out = 0.10 * (a - 15.0).max(0.0) + 0.15 * (a - 60.0).max(0.0);
                tanks = [
                    a - 0.12 * a - out + rain,
                    b - 0.05 * b - 0.05 * (b - 15.0).max(0.0) + 0.12 * a,
                    c - 0.01 * c - 0.01 * (c - 15.0).max(0.0) + 0.05 * b,
                ];
            }
            assert_eq!(s.step, HOUR);
            vec![("index-mm", tanks.iter().sum(), NEAR), ("tank-2-mm", tanks[1], NEAR)]
        }
        Of::AntecedentWater(s) => {
            let hours = by_hour(&own);
            if hours.len() < 2 {
                return vec![];
            }
            let mut index = -s.field_capacity;
            for rain in hours.into_values() {
                let net = rain - s.evaporation[0];
                let kept = (-s.drain).exp();
                index = if index < 0.0 {
                    index + net
                } else {
                    index * kept + net * (1.0 - kept) / s.drain
                };
                index = index.max(-s.field_capacity);
            }
            vec![("index-mm", index, NEAR)]
        }
        Of::Compensated(s) => compensated(s, rows),
        Of::Baseline(s) => usual(s, &own),
        Of::Cusum(s) => sums(s, &own),
        Of::PageHinkley(s) => shift(s, &own),
        Of::CrackGrowth(s) if s.compensation.is_none() => {
            // the slope is that of when the last block ended
            let open = by_block(&own).last_key_value().map_or(0, |(_, block)| block.len());
            let from = own[own.len() - open].0.minus(s.window);
            let kept: Vec<_> = medians(&own).into_iter().filter(|(at, _)| *at >= from).collect();
            let enough = kept.len() >= 8;
            enough.then(|| ("growth-per-hour", theil_sen(&kept).0, NEAR)).into_iter().collect()
        }
        Of::CrackGrowth(_) => vec![],
        Of::WallMovement(s) => walls(s, &own),
        Of::AngularDistortion(s) => distortion(s, rows, now),
        Of::AnchorLoad(s) => vec![
            ("percent-of-design", 100.0 * now.1 / s.design, NEAR),
            ("percent-of-lock-off", 100.0 * now.1 / 300.0, NEAR),
        ],
        Of::Neighbours(s) => {
            let slope = |slot| least_squares(&s.rate, &of_slot(rows, slot), now.0).map(|fit| fit.0);
            let names = [("slope-per-hour", 0), ("neighbour-below-1", 1), ("neighbour-above-1", 2)];
            names.into_iter().filter_map(|(name, slot)| Some((name, slope(slot)?, NEAR))).collect()
        }
        Of::Disagreement(_) => {
            let mut said: Vec<f64> = (0..4).map(|slot| newest(rows, slot)).collect();
            let vote = median(&mut said);
            vec![("median", vote, NEAR), ("apart", (now.1 - vote).abs(), NEAR)]
        }
        Of::Vibration(s) => {
            assert_eq!(s.table, vibration::Table::KoreaClass3);
            let hertz = newest(rows, 1);
            let limit = match hertz {
                ..=10.0 => 5.0,
                ..=40.0 => 5.0 + (hertz - 10.0) / 3.0,
                ..=100.0 => 15.0 + (hertz - 40.0) / 12.0,
                _ => 20.0,
            };
            vec![("limit-mm-per-second", limit, NEAR), ("peak-mm-per-second", now.1, NEAR)]
        }
        Of::NaturalFrequency(s) => frequency(s, &own),
        Of::Trigger(s) => energies(s, &own),
        Of::Anomaly(s) => unusual(s, rows),
        Of::Silence(_) | Of::Doubt(_) => vec![], // not made of values: told.rs
    }
}

fn of_slot(rows: &[Row], slot: u8) -> Vec<(Timestamp, f64)> {
    rows.iter().filter(|row| row.slot == slot).map(|row| (row.at, row.value)).collect()
}

fn newest(rows: &[Row], slot: u8) -> f64 {
    rows.iter().rev().find(|row| row.slot == slot).map_or(f64::NAN, |row| row.value)
}

fn hours(from: Timestamp, to: Timestamp) -> f64 {
    to.since(from).as_secs_f64() / 3_600.0
}

fn mean(of: &[f64]) -> f64 {
    of.iter().sum::<f64>() / of.len() as f64
}

fn median(of: &mut [f64]) -> f64 {
    of.sort_by(f64::total_cmp);
    let middle = of.len() / 2;
    if of.len() % 2 == 1 { of[middle] } else { (of[middle - 1] + of[middle]) / 2.0 }
}

/// What holds after all marks: (when, beyond, within), by looking back from each row anew.
fn held(settings: &persistence::Settings, marks: &[(Timestamp, bool, bool)]) -> f64 {
    let mut held = false;
    for end in 1..=marks.len() {
        let past = &marks[..end];
        let last = |count: u8| &past[end.saturating_sub(usize::from(count))..];
        let enough = |upto: &[(Timestamp, bool, bool)]| {
            let recent = &upto[upto.len().saturating_sub(usize::from(settings.window_len))..];
            recent.iter().filter(|mark| mark.1).count() >= usize::from(settings.raise_count)
        };
        let clear = last(settings.clear_count);
        let cleared =
            clear.len() == usize::from(settings.clear_count) && clear.iter().all(|mark| mark.2);
        if held {
            held = !cleared;
        } else if enough(past) {
            // the run of rows at which enough were beyond, and the first one beyond that made it
            let begin =
                (1..=end).rev().take_while(|upto| enough(&marks[..*upto])).last().unwrap_or(end);
            let from = begin.saturating_sub(usize::from(settings.window_len));
            let first = marks[from..begin]
                .iter()
                .find(|mark| mark.1)
                .map_or(past[end - 1].0, |mark| mark.0);
            held = !cleared && past[end - 1].0.since(first) >= settings.hold;
        }
    }
    f64::from(u8::from(held))
}

/// Slope and intercept by the normal equations, and the slope in its standard errors.
fn least_squares(
    settings: &rate::Settings,
    own: &[(Timestamp, f64)],
    now: Timestamp,
) -> Option<(f64, f64, f64)> {
    let from = now.minus(settings.window);
    let points: Vec<_> = own.iter().filter(|(at, _)| *at >= from).collect();
    let origin = points.first()?.0;
    if points.len() < usize::from(settings.samples_min) || now.since(origin) < settings.window / 2 {
        return None;
    }
    let n = points.len() as f64;
    let (mut t, mut y, mut tt, mut ty) = (0.0, 0.0, 0.0, 0.0);
    for (at, value) in &points {
        let hour = hours(origin, *at);
        (t, y, tt, ty) = (t + hour, y + value, tt + hour * hour, ty + hour * value);
    }
    let slope = (n * ty - t * y) / (n * tt - t * t);
    let intercept = (y - slope * t) / n;
    let error: f64 = points
        .iter()
        .map(|(at, value)| (value - intercept - slope * hours(origin, *at)).powi(2))
        .sum();
    let spread = tt - t * t / n;
    Some((slope, intercept, slope.abs() / (error / (n - 2.0) / spread).sqrt()))
}

/// The median of all slopes, and Mann–Kendall's statistic.
fn theil_sen(points: &[(Timestamp, f64)]) -> (f64, f64) {
    let mut slopes = Vec::new();
    let mut score = 0.0f64;
    for (i, (then, before)) in points.iter().enumerate() {
        for (at, value) in &points[i + 1..] {
            slopes.push((value - before) / hours(*then, *at));
            score += if value > before {
                1.0
            } else if value < before {
                -1.0
            } else {
                0.0
            };
        }
    }
    let n = points.len() as f64;
    (median(&mut slopes), score.abs() / (n * (n - 1.0) * (2.0 * n + 5.0) / 18.0).sqrt())
}

fn line(settings: &rate::Settings, own: &[(Timestamp, f64)], now: Timestamp) -> Expected {
    let Some((slope, intercept, significance)) = least_squares(settings, own, now) else {
        return vec![];
    };
    match settings.estimator {
        Estimator::LeastSquares => vec![
            ("slope-per-hour", slope, NEAR),
            ("intercept", intercept, NEAR),
            ("significance", significance, LEARNED),
        ],
        Estimator::TheilSen => {
            let from = now.minus(settings.window);
            let points: Vec<_> = own.iter().filter(|(at, _)| *at >= from).copied().collect();
            let (slope, significance) = theil_sen(&points);
            vec![("slope-per-hour", slope, NEAR), ("significance", significance, NEAR)]
        }
    }
}

fn hourly(own: &[(Timestamp, f64)]) -> Vec<f64> {
    let each_hour: Vec<_> = own.iter().step_by(6).collect();
    each_hour
        .windows(2)
        .map(|pair| ((pair[1].1 - pair[0].1) / hours(pair[0].0, pair[1].0)).abs())
        .collect()
}

/// Velocities of stretches that end when something has moved, or it takes too long.
fn stretches(increment: f64, longest: Duration, own: &[(Timestamp, f64)]) -> Vec<f64> {
    let mut velocities = Vec::new();
    let mut from = own[0];
    for (at, value) in &own[1..] {
        if (value - from.1).abs() >= increment || at.since(from.0) >= longest {
            velocities.push((value - from.1) / hours(from.0, *at));
            from = (*at, *value);
        }
    }
    velocities
}

/// Gauges count whole thousandths of a millimetre.
fn thousandths(mm: f64) -> f64 {
    if mm > 0.0 { (mm * 1_000.0).round() / 1_000.0 } else { 0.0 }
}

/// What fell after one moment, up to another.
fn fell(own: &[(Timestamp, f64)], after: Timestamp, upto: Timestamp) -> f64 {
    own.iter().filter(|(at, _)| *at > after && *at <= upto).map(|(_, mm)| thousandths(*mm)).sum()
}

/// Rain by the hour that ends, dry ones between them.
fn by_hour(own: &[(Timestamp, f64)]) -> BTreeMap<i64, f64> {
    let hour = |at: Timestamp| (at.nanos() - 1).div_euclid(3_600_000_000_000) + 1;
    let (first, last) = (hour(own[0].0), hour(own[own.len() - 1].0));
    let mut hours: BTreeMap<i64, f64> = (first..=last).map(|at| (at, 0.0)).collect();
    for (at, mm) in own {
        *hours.entry(hour(*at)).or_default() += thousandths(*mm);
    }
    hours
}

/// The storm that the last wet hour belongs to, if it is not over.
fn storm(dry: u16, own: &[(Timestamp, f64)]) -> Expected {
    let hours: Vec<f64> = by_hour(own).into_values().collect();
    // the hour that is open is not dry yet
    let last_wet = hours.iter().rposition(|mm| *mm > 0.0);
    let Some(last) = last_wet.filter(|last| hours.len() - 1 - last <= usize::from(dry)) else {
        return vec![];
    };
    let mut first = last;
    for at in (0..last).rev() {
        if hours[at] > 0.0 {
            first = at;
        } else if first - at >= usize::from(dry) {
            break;
        }
    }
    let (length, depth) = ((last - first + 1) as f64, hours[first..=last].iter().sum::<f64>());
    vec![
        ("storm-hours", length, 0.0),
        ("storm-depth-mm", depth, NEAR),
        ("intensity-mm-per-hour", depth / length, NEAR),
    ]
}

/// The reading without its temperature, by ridge regression on all readings before it.
fn compensated(settings: &compensated::Settings, rows: &[Row]) -> Expected {
    assert!((settings.compensation.forgetting - 1.0).abs() < f64::EPSILON);
    if matches!(settings.test, compensated::Test::Rate(_)) {
        return vec![]; // the rule of the value has the same model
    }
    let (own, air) = (of_slot(rows, 0), of_slot(rows, 1));
    let now = own.len() - 1;
    if own[now].0.since(own[0].0) < settings.compensation.warm_up {
        return vec![];
    }
    // (ΦᵀΦ + I/1000) θ = Φᵀy
    let (mut a, mut b, mut d, mut u, mut v) = (1e-3, 0.0, 1e-3, 0.0, 0.0);
    for ((_, y), (_, t)) in own[..now].iter().zip(&air) {
        let t = t - 20.0;
        (a, b, d, u, v) = (a + 1.0, b + t, d + t * t, u + y, v + t * y);
    }
    let det = a * d - b * b;
    let (offset, per_degree) = ((d * u - b * v) / det, (a * v - b * u) / det);
    vec![("residual", own[now].1 - offset - per_degree * (air[now].1 - 20.0), LEARNED)]
}

/// Mean and deviation by the weights all readings have by now.
fn usual(settings: &baseline::Settings, own: &[(Timestamp, f64)]) -> Expected {
    let warm = settings.warm_up as usize;
    if own.len() <= warm {
        return vec![];
    }
    let first: Vec<f64> = own[..warm].iter().map(|(_, value)| *value).collect();
    let begun = mean(&first);
    let variance = first.iter().map(|value| (value - begun).powi(2)).sum::<f64>() / warm as f64;
    let rest = &own[warm..];
    let kept = |after: usize| (1.0 - settings.weight).powi(after as i32);
    let weighed = |of: fn(f64) -> f64| -> f64 {
        let each = rest.iter().rev().enumerate();
        each.map(|(after, (_, value))| settings.weight * kept(after) * of(*value)).sum()
    };
    let moving = kept(rest.len()) * begun + weighed(|value| value);
    let square = kept(rest.len()) * (variance + begun * begun) + weighed(|value| value * value);
    vec![
        ("mean", moving, NEAR),
        ("sigma", (square - moving * moving).max(0.0).sqrt(), LEARNED),
        ("reference-mean", begun, NEAR),
        ("reference-sigma", variance.sqrt(), NEAR),
    ]
}

/// The largest sum of the last so many departures, for any so many.
fn sums(settings: &cusum::Settings, own: &[(Timestamp, f64)]) -> Expected {
    let warm = settings.warm_up as usize;
    if own.len() <= warm {
        return vec![];
    }
    let first: Vec<f64> = own[..warm].iter().map(|(_, value)| *value).collect();
    let usual = mean(&first);
    let sigma =
        (first.iter().map(|value| (value - usual).powi(2)).sum::<f64>() / warm as f64).sqrt();
    let most = |sign: f64| {
        let (mut sum, mut most) = (0.0f64, 0.0f64);
        for (_, value) in own[warm..].iter().rev() {
            sum += sign * (value - usual) / sigma.max(settings.sigma_min) - settings.slack;
            most = most.max(sum);
        }
        most
    };
    vec![("sum-up", most(1.0), LEARNED), ("sum-down", most(-1.0), LEARNED)]
}

/// The sum of departures from the mean so far, over its least.
fn shift(settings: &page_hinkley::Settings, own: &[(Timestamp, f64)]) -> Expected {
    let over = |sign: f64| {
        let (mut total, mut sum, mut least) = (0.0, 0.0, 0.0f64);
        for (n, (_, value)) in own.iter().enumerate() {
            total += value;
            sum += sign * (value - total / (n + 1) as f64) - settings.slack;
            least = least.min(sum);
        }
        sum - least
    };
    vec![("sum-up", over(1.0), LEARNED), ("sum-down", over(-1.0), LEARNED)]
}

fn by_block(own: &[(Timestamp, f64)]) -> BTreeMap<i64, Vec<f64>> {
    let mut blocks: BTreeMap<i64, Vec<f64>> = BTreeMap::new();
    for (at, value) in own {
        blocks.entry(at.nanos().div_euclid(6 * 3_600_000_000_000)).or_default().push(*value);
    }
    blocks
}

/// Medians of blocks of six hours that are over, at their middle.
fn medians(own: &[(Timestamp, f64)]) -> Vec<(Timestamp, f64)> {
    let mut blocks = by_block(own);
    blocks.pop_last();
    let six = 6 * 3_600_000_000_000i64;
    let middle = |(number, mut values): (i64, Vec<f64>)| {
        (Timestamp::from_nanos(number * six + six / 2), median(&mut values))
    };
    blocks.into_iter().map(middle).collect()
}

fn walls(settings: &wall_movement::Settings, own: &[(Timestamp, f64)]) -> Expected {
    let height = settings.height.unwrap_or_default();
    let tops: Vec<_> =
        own.iter().map(|(at, tilt)| (*at, height * tilt.to_radians().tan())).collect();
    let medians = medians(&tops);
    let Some((now, value)) = medians.last().copied() else { return vec![] };
    let before = medians.iter().rev().find(|(at, _)| now.since(*at) >= DAY && *at < now);
    before.map(|(_, before)| ("day-mm", (value - before).abs(), LEARNED)).into_iter().collect()
}

fn distortion(
    settings: &angular_distortion::Settings,
    rows: &[Row],
    now: (Timestamp, f64),
) -> Expected {
    let difference = now.1 - newest(rows, 1);
    let away = difference - settings.baseline.unwrap_or_default();
    vec![("difference-mm", difference, NEAR), ("distortion", away.abs() / settings.distance, NEAR)]
}

fn unusual(settings: &anomaly::Settings, rows: &[Row]) -> Expected {
    let values = |slot| of_slot(rows, slot).into_iter().map(|(_, value)| value).collect::<Vec<_>>();
    let (own, beside) = (values(0), values(1));
    let (own, explained) = if beside.is_empty() { (own, 0.0) } else { residuals(&own, &beside) };
    let Some(usual) = usual_of(settings, &own, explained) else { return vec![] };
    let band = usual
        .band
        .into_iter()
        .flat_map(|(low, high)| [("expected-low", low, LEARNED), ("expected-high", high, LEARNED)]);
    [("score", usual.score, LEARNED), ("score-limit", usual.limit, NEAR)]
        .into_iter()
        .chain(band)
        .collect()
}

fn frequency(settings: &natural_frequency::Settings, own: &[(Timestamp, f64)]) -> Expected {
    let Some(welch) = settings.welch else {
        return vec![("frequency-hz", own[own.len() - 1].1, NEAR)];
    };
    let (length, averages) = (usize::from(welch.block), usize::from(welch.averages));
    // blocks that overlap by half, so many to a frequency
    let blocks = if own.len() < length { 0 } else { (own.len() - length) / (length / 2) + 1 };
    let Some(last) = (blocks / averages).checked_sub(1) else { return vec![] };
    let bins = length / 2;
    let mut power = vec![0.0; bins];
    for block in last * averages..(last + 1) * averages {
        let samples: Vec<f64> =
            own[block * length / 2..][..length].iter().map(|(_, value)| *value).collect();
        let level = mean(&samples);
        for (bin, power) in power.iter_mut().enumerate() {
            let (mut re, mut im) = (0.0, 0.0);
            for (i, sample) in samples.iter().enumerate() {
                let turn = core::f64::consts::TAU * i as f64 / length as f64;
                let tapered = (sample - level) * (0.5 - 0.5 * turn.cos());
                re += tapered * (turn * bin as f64).cos();
                im -= tapered * (turn * bin as f64).sin();
            }
            *power += re * re + im * im;
        }
    }
    let magnitude = |bin: usize| power[bin].sqrt().ln();
    let near = |bin: &usize| {
        let hertz = *bin as f64 * welch.rate / length as f64;
        (hertz / settings.reference - 1.0).abs() <= settings.within
    };
    let Some(top) = (1..bins - 1).filter(near).max_by(|a, b| power[*a].total_cmp(&power[*b]))
    else {
        return vec![];
    };
    let (left, peak, right) = (magnitude(top - 1), magnitude(top), magnitude(top + 1));
    if peak <= left || peak <= right {
        return vec![];
    }
    let hertz = (top as f64 + 0.5 * (left - right) / (left - 2.0 * peak + right)) * welch.rate
        / length as f64;
    vec![("frequency-hz", hertz, LEARNED)]
}

/// Both energies by the weights all samples have by now.
fn energies(settings: &trigger::Settings, own: &[(Timestamp, f64)]) -> Expected {
    let step = own[1..].first().map_or(0.0, |(at, _)| at.since(own[0].0).as_secs_f64());
    let kept = (-core::f64::consts::TAU * settings.high_pass * step).exp();
    let fast: Vec<f64> = (1..own.len())
        .map(|n| (1..=n).map(|j| kept.powi((n - j + 1) as i32) * (own[j].1 - own[j - 1].1)).sum())
        .collect();
    let energy = |length: Duration| {
        let share =
            |n: usize| (1.0 - (-step / length.as_secs_f64()).exp()).max(1.0 / (n + 1) as f64);
        let later = |n: usize| (n + 1..fast.len()).map(|m| 1.0 - share(m)).product::<f64>();
        (0..fast.len()).map(|n| share(n) * later(n) * fast[n] * fast[n]).sum::<f64>()
    };
    let (short, long) = (energy(settings.short), energy(settings.long));
    // a sample that stands out is cut, which the sum does not know
    let cut = fast.iter().any(|fast| fast * fast > 8.0 * long);
    if long > 0.0 && !cut { vec![("energy-ratio", short / long, LEARNED)] } else { vec![] }
}
