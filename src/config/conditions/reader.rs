//! One condition being read: the keys that many kinds share.

use std::ops::RangeInclusive;
use std::time::Duration;

use alerting::condition::Side;
use alerting::condition::amounts::Source;
use alerting::condition::limit::Limit;
use alerting::condition::persistence;
use reading::id::SeriesName;
use reading::unit::Quantity;

use super::super::companions;
use super::super::limits::{
    Limits, Per, ReadLimit, limit, limits, limits_read_by, measure, percent, ratio,
};
use super::super::problem::{Place, Problems};
use super::super::stations::Watched;
use super::super::table::Table;
use super::super::tree::At;
use super::super::value::duration_text;
use super::{SECOND, holds_reports, longest, persistence_from, window};

/// How often and how long, unless the rule says otherwise.
#[derive(Clone, Copy)]
pub struct Usual {
    /// `raise`.
    pub raise: &'static str,
    /// `clear-count`.
    pub clear: u8,
}

impl Usual {
    /// For what one reading says surely.
    pub const ONE: Self = Self { raise: "1 of 1", clear: 1 };
    /// For what is noisy (docs/formulas.md 2).
    pub const THREE: Self = Self { raise: "3 of 5", clear: 3 };
}

/// What a limit is written in.
#[derive(Clone, Copy)]
pub enum In {
    /// The unit of the series.
    Series,
    /// The unit of the series over time.
    SeriesRate,
    /// A unit of this quantity.
    Of(Quantity),
    /// `80 %`.
    Percent,
    /// `1/500`.
    Ratio,
    /// A number without unit; the text is an example.
    Number(&'static str),
}

/// One condition being read.
pub struct Reader<'r> {
    /// Its keys.
    pub table: &'r mut Table,
    /// Where its kind stands.
    pub kind: Place,
    /// The series it is about.
    pub series: &'r [&'r Watched],
    /// Every series of the site.
    pub watched: &'r [Watched],
    /// What is wrong.
    pub problems: &'r mut Problems,
    /// What each of its series is judged with.
    pub companions: Vec<Vec<SeriesName>>,
}

impl Reader<'_> {
    /// Reports a key that must be there and is not.
    pub fn need(&mut self, key: &str, remedy: &str) {
        self.table.need(key, remedy, self.problems);
    }

    /// Only these quantities make sense here.
    pub fn only(&mut self, quantities: &[Quantity], why: &str) {
        let other = self.series.iter().find(|one| !quantities.contains(&one.name.quantity));
        if let Some(other) = other {
            self.series = &[]; // so that nothing more is said of them
            let names: Vec<_> = quantities.iter().map(|quantity| quantity.name()).collect();
            let what = format!("{} {why}", other.name.quantity);
            self.problems.add(&self.kind, what, format!("use a series of {}", names.join(", ")));
        }
    }

    /// Reads a limit and its persistence.
    pub fn limit(&mut self, side: Side, written_in: In, usual: Usual) -> Option<Limit> {
        let limits = self.limits(side, written_in);
        let persistence = self.persistence(usual);
        let limits = limits?;
        let (raise_at, clear_below) = (limits.raise_at.value, limits.clear_below);
        Some(Limit { side, raise_at, clear_below, persistence: persistence? })
    }

    /// Reads a limit that is a size: nothing is above it as a matter of course.
    pub fn positive_limit(&mut self, written_in: In, usual: Usual) -> Option<Limit> {
        let limits = self.limits(Side::Above, written_in);
        let persistence = self.persistence(usual);
        let Limits { raise_at, clear_below } = limits?;
        if raise_at.value <= 0.0 {
            let remedy = "write a limit above 0";
            self.problems.add(&raise_at.place, "it is always at or above this", remedy);
        }
        let (side, raise_at) = (Side::Above, raise_at.value);
        Some(Limit { side, raise_at, clear_below, persistence: persistence? })
    }

    /// Reads `raise-at` and `clear-below`.
    pub fn limits(&mut self, side: Side, written_in: In) -> Option<Limits> {
        let (table, problems) = (&mut *self.table, &mut *self.problems);
        let (example, read): (String, Box<ReadLimit<'_>>) = match written_in {
            In::Series => return limits(table, side, Per::Itself, self.series, problems),
            In::SeriesRate => return limits(table, side, Per::Time, self.series, problems),
            In::Of(quantity) => (
                format!("\"3 {}\"", quantity.base_unit()),
                Box::new(move |table, key, problems| {
                    table.read(key, |text| measure(text, quantity, Per::Itself), problems)
                }),
            ),
            In::Percent => (
                "\"80 %\"".into(),
                Box::new(|table, key, problems| table.read(key, percent, problems)),
            ),
            In::Ratio => (
                "\"1/500\"".into(),
                Box::new(|table, key, problems| table.read(key, ratio, problems)),
            ),
            In::Number(example) => {
                (example.into(), Box::new(|table, key, problems| table.number(key, problems)))
            }
        };
        limits_read_by(table, side, &example, &*read, problems)
    }

    /// Reads one of the given words, or takes the usual one.
    pub fn choice<T: Copy>(&mut self, key: &'static str, words: &[(&str, T)], usual: T) -> T {
        self.table.choice(key, words, self.problems).map_or(usual, |at| at.value)
    }

    /// A table within this one, about the same series.
    pub fn part<'p>(&'p mut self, table: &'p mut Table) -> Reader<'p> {
        Reader {
            table,
            kind: self.kind.clone(),
            series: self.series,
            watched: self.watched,
            problems: self.problems,
            companions: Vec::new(),
        }
    }

    /// Reads a measure of the series, or of how fast it changes, that is not negative.
    pub fn rate_of(&mut self, key: &'static str, per: Per) -> Option<At<f64>> {
        let series = self.series;
        let given = self.table.read(key, |text| limit(text, per, series), self.problems)?;
        if given.value < 0.0 {
            self.problems.add(&given.place, format!("`{key}` is below 0"), "write 0 or more");
        }
        Some(given)
    }

    /// Reads `raise`, `hold`, `clear-count` and `gap-max`.
    pub fn persistence(&mut self, usual: Usual) -> Option<persistence::Settings> {
        persistence_from(self.table, usual.raise, usual.clear, self.series, self.problems)
    }

    /// Reads a required `window` of at least so many report intervals.
    pub fn window(&mut self, least: u32, most: Duration) -> Option<At<Duration>> {
        window(self.table, least, most, self.series, self.problems)
    }

    /// Reads a duration, or takes the usual one.
    pub fn duration(
        &mut self,
        key: &'static str,
        usual: Duration,
        bounds: RangeInclusive<Duration>,
    ) -> Duration {
        self.table.duration(key, bounds, self.problems).map_or(usual, |at| at.value)
    }

    /// Reads how far back it looks, at least so many report intervals, if that is said.
    pub fn span(
        &mut self,
        key: &'static str,
        least: u32,
        bounds: RangeInclusive<Duration>,
    ) -> Option<Duration> {
        let given = self.table.duration(key, bounds, self.problems)?;
        holds_reports(key, &given, least, self.series, self.problems);
        Some(given.value)
    }

    /// The same where there is a usual one, which may be too short for these series as well.
    pub fn span_or(
        &mut self,
        key: &'static str,
        usual: Duration,
        least: u32,
        bounds: RangeInclusive<Duration>,
    ) -> Duration {
        let given = self.table.duration(key, bounds, self.problems);
        let span = given.unwrap_or_else(|| At { value: usual, place: self.kind.clone() });
        holds_reports(key, &span, least, self.series, self.problems);
        span.value
    }

    /// Reads `sampled-every`, how often a waveform is sampled where a report carries many samples; else a report is
    /// one.
    pub fn sampled_every(&mut self) -> Duration {
        let report = longest(self.series).unwrap_or(SECOND);
        self.duration("sampled-every", report, Duration::from_millis(1)..=report)
    }

    /// Reads a number within bounds, or takes the usual one.
    pub fn number(&mut self, key: &'static str, usual: f64, bounds: RangeInclusive<f64>) -> f64 {
        let Some(given) = self.table.number(key, self.problems) else { return usual };
        if !bounds.contains(&given.value) {
            let remedy = format!("write something from {} to {}", bounds.start(), bounds.end());
            self.problems.add(&given.place, format!("`{key}` is out of bounds"), remedy);
        }
        given.value
    }

    /// Reads a whole number within bounds, or takes the usual one.
    pub fn integer(&mut self, key: &'static str, usual: i64, bounds: RangeInclusive<i64>) -> i64 {
        self.table.integer(key, bounds, self.problems).map_or(usual, |at| at.value)
    }

    /// Reads a measure of a quantity.
    pub fn measure(&mut self, key: &'static str, quantity: Quantity) -> Option<At<f64>> {
        self.table.read(key, |text| measure(text, quantity, Per::Itself), self.problems)
    }

    /// Reads a measure of what the series are, above zero.
    pub fn size(&mut self, key: &'static str, quantity: Quantity) -> Option<f64> {
        let given = self.measure(key, quantity)?;
        if given.value <= 0.0 {
            self.problems.add(
                &given.place,
                format!("`{key}` is not above 0"),
                "write a size above 0",
            );
        }
        Some(given.value)
    }

    /// Reads a measure of the series that is above zero.
    pub fn size_of(&mut self, key: &'static str) -> Option<f64> {
        let given = self.rate_of(key, Per::Itself)?;
        if given.value == 0.0 {
            self.problems.add(&given.place, format!("`{key}` is 0"), "write a size above 0");
        }
        Some(given.value)
    }

    /// Reads a companion for each series, if the key is there. Says whether it is.
    pub fn companion(&mut self, key: &'static str, quantity: Quantity) -> bool {
        if !self.table.has(key) {
            return false;
        }
        let place = self.table.place_of(key);
        let found = companions::one_each(self.table, key, self.series, self.watched, self.problems);
        let Some(found) = found else { return true };
        let wrong = found.value.iter().find(|name| name.quantity != quantity);
        if let Some((wrong, place)) = wrong.zip(place) {
            let what = format!("{wrong} is no series of {quantity}");
            self.problems.add(&place, what, format!("name a series of {quantity}"));
        }
        self.companions.resize(self.series.len(), Vec::new());
        for (of, name) in self.companions.iter_mut().zip(found.value) {
            of.push(name);
        }
        true
    }

    /// Reads what readings of rain say: amounts, tips, or running totals.
    pub fn amounts(&mut self) -> Source {
        let counter = self.table.flag("counter", self.problems).is_some_and(|flag| flag.value);
        let counts = self.series.iter().any(|one| one.name.quantity == Quantity::Count);
        let place = self.table.place_of("wraps-at");
        let wraps_at = self.table.number("wraps-at", self.problems);
        if let Some(place) = place.filter(|_| !counter) {
            let remedy = "write counter = true, or remove it";
            self.problems.add(&place, "only a running total wraps", remedy);
        }
        if let Some(wraps_at) = wraps_at.as_ref().filter(|at| at.value <= 0.0) {
            self.problems.add(
                &wraps_at.place,
                "`wraps-at` is not above 0",
                "write where it begins again, say 65536",
            );
        }
        let place = self.table.place_of("tip");
        let tip = self.size("tip", Quantity::Rain);
        if let Some(place) = place.filter(|_| !counts) {
            let what = "these readings are millimetres already";
            self.problems.add(&place, what, "remove `tip`; it is for series of count");
        }
        Source { counter, wraps_at: wraps_at.map(|at| at.value), tip }
    }

    /// Reads what readings of rain say, for kinds that need millimetres.
    pub fn rain(&mut self) -> Source {
        self.only(&[Quantity::Rain, Quantity::Count], "is no rain");
        let counts = self.series.iter().any(|one| one.name.quantity == Quantity::Count);
        if counts {
            self.need("tip", "say how much one count is, say tip = \"0.2 mm\"");
        }
        self.amounts()
    }

    /// Reads `step`, the step of an index: it divides the hour or is a multiple of it, and holds a report.
    pub fn step(&mut self, usual: Duration) -> Duration {
        let place = self.table.place_of("step");
        let bounds = Duration::from_secs(60)..=Duration::from_secs(86_400);
        let step = self.span_or("step", usual, 1, bounds);
        let Some(place) = place else { return step };
        let (step_s, hour) = (step.as_secs(), 3_600);
        if hour % step_s.max(1) != 0 && step_s % hour != 0 {
            let what = format!("steps of {} do not meet the hour", duration_text(step));
            self.problems.add(&place, what, "write 10 min, 15 min, 30 min or 1 h");
        }
        step
    }
}
