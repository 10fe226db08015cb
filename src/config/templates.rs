//! Templates of instruments: what a sensor of a make is, written once and named by `template` wherever one stands.
//!
//! Those of `deploy/templates/instruments.toml` are part of the program; a `[[template]]` of the main file adds one, or
//! takes the place of one of the same name. A sensor's own keys go over those of its template.

use std::collections::BTreeMap;
use std::time::Duration;

use super::problem::Problems;
use super::stations;
use super::table::{Table, id};
use super::tree::{self, At};
use super::value::{Fault, nearest, shortened};
use reading::Quantity;
use reading::id::SensorId;

const SHIPPED: &str = include_str!("../../deploy/templates/instruments.toml");
const SHIPPED_FILE: &str = "templates/instruments.toml";

/// Every template that may be named.
#[derive(Default)]
pub struct Templates(BTreeMap<String, Template>);

#[derive(Clone)]
struct Template {
    /// What is written of it, without its name and interval.
    keys: Table,
    /// How often such an instrument usually reports.
    interval: Option<Duration>,
}

impl Templates {
    /// Those of the program, and every `[[template]]` of `main` over them.
    pub fn read(main: &mut Table, problems: &mut Problems) -> Self {
        let mut all = Self::default();
        if let Some(mut shipped) = tree::parse(SHIPPED_FILE, SHIPPED, problems) {
            all.add(shipped.tables("template", problems), problems);
        }
        all.add(main.tables("template", problems), problems);
        all
    }

    fn add(&mut self, tables: Vec<Table>, problems: &mut Problems) {
        let mut seen = BTreeMap::new();
        for mut table in tables {
            table.need("name", "sensors name it, say name = \"tilt-biaxial\"", problems);
            let name = table.read("name", id::<SensorId>, problems);
            let interval = table.duration("report-interval", stations::INTERVALS, problems);
            let Some(At { value: name, place }) = name else { continue };
            if let Some(first) = seen.insert(name.to_string(), place.clone()) {
                let remedy = format!("the first is at {first}; rename one");
                problems.add(&place, format!("a second template is called `{name}`"), remedy);
            }
            let template = Template { keys: table, interval: interval.map(|at| at.value) };
            stations::check_template(&template.keys, &name, problems);
            self.0.insert(name.to_string(), template);
        }
    }

    /// A sensor with what its template says, if it names one, and how often such a one reports.
    pub fn apply(&self, mut sensor: Table, problems: &mut Problems) -> (Table, Option<Duration>) {
        match sensor.read("template", |text| self.find(text), problems) {
            None => (sensor, None),
            Some(At { value: template, .. }) => (template.keys.under(sensor), template.interval),
        }
    }

    /// What each measures.
    pub fn measures(&self) -> BTreeMap<String, Vec<Quantity>> {
        let measures = |template: &Template| {
            let mut ignored = Problems::default(); // what is wrong with it was said
            let read = template.keys.clone().reads("quantities", stations::quantity, &mut ignored);
            read.map_or_else(Vec::new, |list| list.value.into_iter().map(|at| at.value).collect())
        };
        self.0.iter().map(|(name, template)| (name.clone(), measures(template))).collect()
    }

    fn find(&self, text: &str) -> Result<Template, Fault> {
        self.0.get(text).cloned().ok_or_else(|| {
            let names = || self.0.keys().map(String::as_str);
            let remedy = match nearest(text, names()) {
                Some(name) => format!("did you mean \"{name}\"?"),
                None => format!("write one of {}", names().collect::<Vec<_>>().join(", ")),
            };
            Fault::new(format!("there is no template `{}`", shortened(text)), remedy)
        })
    }
}

/// The shipped template that an instrument of this quantity usually is of: the first that measures it.
pub fn usual(quantity: Quantity) -> Option<&'static str> {
    let mut blocks = SHIPPED.split("[[template]]").skip(1);
    let word = format!("\"{quantity}\"");
    blocks.find_map(|block| {
        let line = |key: &str| block.lines().find_map(|line| line.strip_prefix(key));
        line("quantities = ")?
            .contains(&word)
            .then(|| line("name = "))?
            .map(|name| name.trim_matches('"'))
    })
}
