//! What channels may have to say, looked at before anybody hears it.

use super::*;

const CELL: &str = "\n[[channel]]\nname = \"phones\"\nkind = \"cell-broadcast\"\nurl = \"https://g.example.kr\"\nlanguages = [\"ko\"]\naudience = \"public\"\nmin-level = \"warning\"\ngroup = \"sirens\"\n";

/// Everything told of a template of one's own for 재난문자 of 90 characters: errors, and warnings.
fn told(template: &str) -> (Vec<String>, Vec<String>) {
    let mut sources = good();
    let main = sources.get_mut("bongsu.toml").expect("there is a main file");
    main.push_str(CELL);
    main.push_str(&format!(
        "\n[[text]]\nmedium = \"cell-broadcast-90\"\nlanguage = \"ko\"\ntemplate = \"{template}\"\n"
    ));
    let (errors, warnings) = match load(&sources) {
        Ok(config) => (Problems::default(), config.warnings),
        Err(problems) => (problems, Problems::default()),
    };
    let about = |problems: &Problems| {
        let all = problems.iter().map(ToString::to_string);
        all.filter(|one| one.contains("cell-broadcast-90")).collect::<Vec<_>>()
    };
    (about(&errors), about(&warnings))
}

#[test]
fn a_warning_that_leaves_out_one_of_the_five_elements_is_told() {
    const ALL: &str =
        "[{{ sender }}] {{ time }} {{ area }} {{ danger }}, {{ instruction | first_sentence }}";
    assert_eq!(told(ALL), (vec![], vec![]));
    for left_out in ["[{{ sender }}]", "{{ time }}", "{{ area }}", "{{ danger }}"] {
        let (errors, warnings) = told(&ALL.replace(left_out, ""));
        assert_eq!(errors, Vec::<String>::new(), "{left_out}");
        assert_eq!(warnings.len(), 1, "{left_out}: {warnings:#?}");
        assert!(warnings[0].contains("site `cut-12`"), "{warnings:#?}");
    }
}

#[test]
fn g13_a_template_that_people_could_not_use_is_refused() {
    for (template, wrong) in [
        ("[{{ sender }}] {{ time }} {{ area }} {{ danger }}", "does not say what to do"),
        ("[{{ sender }}] {{ time }} {{ area }} 변위속도 초과, {{ instruction }}", "변위속도"),
        ("{{ sender }} {{ time }} □□동 {{ danger }}, {{ instruction }}", "□□"),
    ] {
        let (errors, _) = told(template);
        assert!(errors.iter().any(|one| one.contains(wrong)), "{template}: {errors:#?}");
    }
    let long = "{{ sender }} {{ time }} {{ area }} {{ danger }}, {{ instruction }} ".repeat(4);
    let (errors, _) = told(&long);
    assert!(errors.iter().any(|one| one.contains("characters")), "{errors:#?}");
}
