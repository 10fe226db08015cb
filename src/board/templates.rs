//! The pages, as part of the program. Everything put into them is escaped.

use std::sync::Arc;

use alerting::catalogue::{self, Language};
use axum::response::Html;
use minijinja::syntax::SyntaxConfig;
use minijinja::value::Rest;
use minijinja::{Environment, ErrorKind, State, UndefinedBehavior, Value, context};

use super::assets::Assets;
use super::chart::{HEIGHT, SPARK_HEIGHT, SPARK_WIDTH, WIDTH};
use super::exercises::{self, Beside};
use super::problem::Problem;

/// Name and text of every page and part.
pub(super) const SOURCES: [(&str, &str); 33] = [
    ("layout.html", include_str!("templates/layout.html")),
    ("macros.html", include_str!("templates/macros.html")),
    ("beside.html", include_str!("templates/beside.html")),
    ("beside-now.html", include_str!("templates/beside-now.html")),
    ("counts.html", include_str!("templates/counts.html")),
    ("exercises.html", include_str!("templates/exercises.html")),
    ("shapes.html", include_str!("templates/shapes.html")),
    ("top.html", include_str!("templates/top.html")),
    ("live.html", include_str!("templates/live.html")),
    ("order.html", include_str!("templates/order.html")),
    ("korea.html", include_str!("templates/korea.html")),
    ("board.html", include_str!("templates/board.html")),
    ("chart.html", include_str!("templates/chart.html")),
    ("series.html", include_str!("templates/series.html")),
    ("form-texts.html", include_str!("templates/form-texts.html")),
    ("tables.html", include_str!("templates/tables.html")),
    ("report.html", include_str!("templates/report.html")),
    ("reports.html", include_str!("templates/reports.html")),
    ("form.html", include_str!("templates/form.html")),
    ("administration.html", include_str!("templates/administration.html")),
    ("questions.html", include_str!("templates/questions.html")),
    ("incident.html", include_str!("templates/incident.html")),
    ("incident-now.html", include_str!("templates/incident-now.html")),
    ("wall.html", include_str!("templates/wall.html")),
    ("wall-now.html", include_str!("templates/wall-now.html")),
    ("site.html", include_str!("templates/site.html")),
    ("site-now.html", include_str!("templates/site-now.html")),
    ("set.html", include_str!("templates/set.html")),
    ("approval.html", include_str!("templates/approval.html")),
    ("account.html", include_str!("templates/account.html")),
    ("now.html", include_str!("templates/now.html")),
    ("sign-in.html", include_str!("templates/sign-in.html")),
    ("problem.html", include_str!("templates/problem.html")),
];

pub(super) struct Templates {
    environment: Environment<'static>,
    beside: Arc<dyn Beside>,
}

impl Templates {
    /// Every page says what goes on beside.
    pub(super) fn new(assets: &Assets, beside: Arc<dyn Beside>) -> Result<Self, minijinja::Error> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::SemiStrict);
        environment
            .set_syntax(SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build()?);
        environment.add_function("t", translated);
        environment.add_global("style", assets.address("board.css"));
        environment.add_global("script", assets.address("board.js"));
        environment.add_global("orders_script", assets.address("orders.js"));
        environment.add_global("mapper", assets.address("map.js"));
        environment.add_global("icon", assets.address("icon.svg"));
        environment.add_global("chart_width", WIDTH);
        environment.add_global("chart_height", HEIGHT);
        environment.add_global("spark_width", SPARK_WIDTH);
        environment.add_global("spark_height", SPARK_HEIGHT);
        environment.add_global("forms_script", assets.address("forms.js"));
        environment.add_global("counter", assets.address("counters.js"));
        for (name, source) in SOURCES {
            environment.add_template(name, source)?;
        }
        Ok(Self { environment, beside })
    }

    /// A page in a language.
    pub(super) fn page(
        &self,
        name: &str,
        language: Language,
        context: Value,
    ) -> Result<Html<String>, Problem> {
        let beside = exercises::drawn(&*self.beside, language);
        let context = context! { lang => language.code(), beside, ..context };
        let drawn =
            self.environment.get_template(name).and_then(|template| template.render(context));
        drawn.map(Html).map_err(|error| Problem::fault("draw a page", &error))
    }
}

/// `t("board-sites", 3)`: the catalogue's message in the page's language, filled in.
fn translated(
    state: &State<'_, '_>,
    key: &str,
    values: Rest<Value>,
) -> Result<String, minijinja::Error> {
    let language =
        state.lookup("lang").and_then(|lang| Language::parse(lang.as_str()?)).unwrap_or_default();
    let missing = || {
        minijinja::Error::new(ErrorKind::UndefinedError, format!("the catalogue has no `{key}`"))
    };
    let message = catalogue::lookup(key, language).ok_or_else(missing)?;
    let values: Vec<String> = values.iter().map(Value::to_string).collect();
    Ok(super::words::filled(message, &values))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_catalogue_has_every_text_of_every_page() {
        let mut used = 0;
        for (name, source) in SOURCES {
            for rest in source.split("t(\"").skip(1) {
                let key = rest.split('"').next().unwrap();
                // `t("board-vital-" ~ word)`: the words are checked where they are made.
                if key.ends_with('-') {
                    continue;
                }
                used += 1;
                assert!(catalogue::lookup(key, Language::Ko).is_some(), "{name}: {key}");
            }
        }
        assert!(used > 30, "{used}");
    }

    #[test]
    fn no_page_has_script_or_style_inside() {
        for (name, source) in SOURCES {
            assert!(!source.contains("style="), "{name}");
            assert!(!source.contains("<style"), "{name}");
            assert!(!source.contains(" onclick"), "{name}");
            assert_eq!(
                source.matches("<script").count(),
                source.matches("<script type=\"module\" src=").count(),
                "{name}"
            );
            assert!(!source.contains("|safe"), "{name}: everything is escaped");
            assert!(
                !source.contains("http://") && !source.contains("https://"),
                "{name}: nothing from elsewhere"
            );
        }
    }
}
