use super::*;
use crate::sample::{alert, cancel, text};
use alerting::text::{Sign, Unit, length};

#[test]
fn moments_are_those_of_the_place_also_where_the_clocks_are_changed() {
    let mut told = alert(1, Level::Severe);
    told.site.zone = "America/New_York".into();
    for (at, ko, en) in [
        ("2026-03-08T06:59:00Z", "3월 8일 01:59", "8 March 01:59"),
        ("2026-03-08T07:00:00Z", "3월 8일 03:00", "8 March 03:00"),
        ("2026-11-01T05:30:00Z", "11월 1일 01:30", "1 November 01:30"),
        ("2026-11-01T06:30:00Z", "11월 1일 01:30", "1 November 01:30"),
        ("2026-11-01T07:30:00Z", "11월 1일 02:30", "1 November 02:30"),
    ] {
        told.decided_at = reading::Timestamp::parse(at).unwrap();
        assert_eq!(moment(&told, Language::Ko, true), ko);
        assert_eq!(moment(&told, Language::En, true), en);
    }
}

fn texts(templates: Vec<Template>) -> Texts {
    Texts::new(templates, text("봉수시", "Bongsu city"), "031-000-0000".into(), String::new())
}

fn channel() -> ChannelId {
    "sms".parse().unwrap()
}

fn say(texts: &Texts, medium: Medium, language: Language, alert: &Alert) -> String {
    texts.say(&Case { medium, channel: &channel(), language, alert }).unwrap()
}

#[test]
fn every_medium_speaks_both_languages_and_fits() {
    let texts = texts(vec![]);
    for (level, cancelled) in
        [(Level::Severe, false), (Level::Warning, false), (Level::Normal, true)]
    {
        let alert = if cancelled { cancel(2) } else { alert(1, level) };
        for (name, medium) in Medium::WORDS {
            for language in [Language::Ko, Language::En] {
                let case = Case { medium, channel: &channel(), language, alert: &alert };
                let said = texts.say(&case).unwrap();
                assert!(!said.is_empty() && !said.contains("{{"), "{name}: {said}");
                let limit = match (medium, language) {
                    (Medium::CellBroadcast90, Language::Ko) => Limit::CellBroadcast(90),
                    (Medium::CellBroadcast157, _) => Limit::CellBroadcast(157),
                    (Medium::Signboard, Language::Ko) => {
                        Limit::Sign(Sign { columns: 12, lines: 2, screens: 1 })
                    }
                    _ => Limit::None,
                };
                let mut faults = texts.faults(&case, limit).unwrap();
                // the sample's own names are made of such marks
                faults.retain(|fault| !matches!(fault, Fault::Placeholder(_)));
                assert_eq!(faults, [], "{name} {}: {said}", language.code());
            }
        }
    }
}

#[test]
fn the_short_text_reads_as_an_officer_would_write_it() {
    let texts = texts(vec![]);
    let said = say(&texts, Medium::CellBroadcast90, Language::Ko, &alert(1, Level::Severe));
    assert_eq!(
        said,
        "[봉수시] 7.14. 15:01 △△동 산12-3 하부 급경사지 붕괴 위험, □□초 체육관으로 대피하십시오."
    );
    assert!(length(&said) <= 90);
    let drill = Alert { status: Status::Exercise, ..alert(1, Level::Severe) };
    assert!(say(&texts, Medium::Sms, Language::Ko, &drill).starts_with("[훈련] [봉수시]"));
    assert!(say(&texts, Medium::Sms, Language::En, &drill).starts_with("[Exercise] [Bongsu city]"));
}

#[test]
fn the_five_elements_are_in_every_warning_and_what_is_left_out_is_named() {
    let alert = alert(1, Level::Severe);
    for medium in [Medium::CellBroadcast90, Medium::CellBroadcast157, Medium::Sms, Medium::Speech] {
        for language in [Language::Ko, Language::En] {
            let case = Case { medium, channel: &channel(), language, alert: &alert };
            assert_eq!(texts(vec![]).elements_left_out(&case), [], "{medium:?}");
        }
    }
    let own = template("{{ headline }}!", None, None);
    let case =
        Case { medium: Medium::Sms, channel: &channel(), language: Language::Ko, alert: &alert };
    assert_eq!(
        texts(vec![own]).elements_left_out(&case),
        [Element::Source, Element::Time, Element::Guidance]
    );
}

fn template(source: &str, site: Option<&str>, level: Option<Level>) -> Template {
    Template {
        medium: Medium::Sms,
        language: Language::Ko,
        over: false,
        channel: None,
        site: site.map(|site| site.parse().unwrap()),
        hazard: None,
        level,
        source: source.into(),
    }
}

#[test]
fn the_closest_template_is_taken() {
    let texts = texts(vec![
        template("site", Some("cut-12"), None),
        template("level", None, Some(Level::Severe)),
        template("other site", Some("cut-13"), Some(Level::Severe)),
        template("any", None, None),
    ]);
    assert_eq!(say(&texts, Medium::Sms, Language::Ko, &alert(1, Level::Severe)), "site");
    let mut elsewhere = alert(1, Level::Severe);
    elsewhere.site.id = "cut-14".parse().unwrap();
    assert_eq!(say(&texts, Medium::Sms, Language::Ko, &elsewhere), "level");
    elsewhere.level = Level::Warning;
    assert_eq!(say(&texts, Medium::Sms, Language::Ko, &elsewhere), "any");
    assert!(say(&texts, Medium::Sms, Language::En, &elsewhere).contains("Bongsu city"));
}

#[test]
fn a_template_with_something_wrong_is_named_and_never_silences_a_warning() {
    for (source, part) in [
        ("{{ headline", "does not read"),
        ("{% if x %}", "does not read"),
        ("{{ plaice }}", "plaice"),
        ("{% for x in evidence %}{{ x }}{% endfor %}", "evidence"),
    ] {
        let error = examine(source).unwrap_err().to_string();
        assert!(error.contains(part), "{source}: {error}");
    }
    for (key, _) in Medium::WORDS {
        for over in [false, true] {
            let medium = Medium::WORDS.iter().find(|(word, _)| *word == key).unwrap().1;
            for language in [Language::Ko, Language::En] {
                assert_eq!(examine(catalogue::message(medium.template(over), language)), Ok(()));
            }
        }
    }
    let texts = texts(vec![template("{{ headline | no_such_filter }}", None, None)]);
    let alert = alert(1, Level::Severe);
    let case =
        Case { medium: Medium::Sms, channel: &channel(), language: Language::Ko, alert: &alert };
    assert!(texts.say(&case).is_err());
    assert!(texts.say_anyway(&case).contains("대피하십시오"));
}

#[test]
fn a_text_that_does_not_fit_is_named() {
    let mut long = alert(1, Level::Severe);
    long.site.area.ko = "가".repeat(80);
    let case = Case {
        medium: Medium::CellBroadcast90,
        channel: &channel(),
        language: Language::Ko,
        alert: &long,
    };
    let faults = texts(vec![]).faults(&case, Limit::CellBroadcast(90)).unwrap();
    assert!(matches!(faults[0], Fault::TooLong { most: 90, unit: Unit::Characters, .. }));
}
