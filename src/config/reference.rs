//! Every key that readers ask for, as docs/reference.md has them: gathered from the readers themselves while the texts
//! of the other tests are read, so that a key that is added stands there or a test fails.
//!
//! `BONGSU_WRITE=1 cargo test -p bongsu --lib config::reference` writes the page.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use super::{Config, conditions, tests};

/// What was asked of one table.
#[derive(Clone, Debug, Default)]
pub struct Notes {
    /// Keys, and what is written there.
    pub asked: Vec<(&'static str, String)>,
    /// Keys that must be there.
    pub needed: Vec<String>,
}

/// What is known of a key.
#[derive(Clone, Debug, Default)]
struct Key {
    written: BTreeSet<String>,
    needed: bool,
}

type Tables = BTreeMap<String, BTreeMap<String, Key>>;

thread_local! {
    static LEARNED: RefCell<Tables> = RefCell::default();
}

/// Keeps what was asked of a table.
pub fn learn(what: &str, notes: Notes) {
    LEARNED.with_borrow_mut(|tables| {
        let keys = tables.entry(what.to_owned()).or_default();
        for (key, written) in notes.asked {
            keys.entry(key.to_owned()).or_default().written.insert(written);
        }
        for key in notes.needed {
            keys.entry(key).or_default().needed = true;
        }
    });
}

/// Reads every text there is.
fn everything() -> Tables {
    conditions::tests::every_kind_is_read();
    tests::read_everything();
    let deploy = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy");
    for main in ["", "demo", "rules", "serial", "official", "compose", "kubernetes/example/main"] {
        Config::load(&deploy.join(main).join("bongsu.toml")).ok();
    }
    LEARNED.take()
}

fn page(tables: &Tables) -> String {
    let mut page = String::from(
        "# Every key\n\nGathered from the program's own readers; a test says that this page is what they read. What keys mean, and what
holds where one is left out, stands in [configuration.md](configuration.md). A key that is not listed for its table is refused.\n",
    );
    for (what, keys) in tables {
        let title = what.trim_start_matches("a ").trim_start_matches("an ");
        write!(page, "\n## {title}\n\n| key | what is written there | |\n|---|---|---|\n").unwrap();
        for (name, key) in keys {
            let written = key.written.iter().map(String::as_str).collect::<Vec<_>>().join("; or ");
            let needed = if key.needed { "required" } else { "" };
            writeln!(page, "| `{name}` | {written} | {needed} |").unwrap();
        }
    }
    page
}

#[test]
fn the_page_has_every_key_that_is_read() {
    let page = page(&everything());
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/reference.md");
    if std::env::var_os("BONGSU_WRITE").is_some() {
        std::fs::write(&file, &page).unwrap();
    }
    let there = std::fs::read_to_string(&file).unwrap_or_default();
    let differs = page.lines().zip(there.lines()).find(|(new, old)| new != old);
    assert!(
        page == there,
        "{differs:?}: write it anew: BONGSU_WRITE=1 cargo test -p bongsu --lib config::reference"
    );
}

/// Files of source below a folder.
fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        match entry.path() {
            path if path.is_dir() => sources(&path, found),
            path if path.extension().is_some_and(|end| end == "rs") => found.push(path),
            _ => {}
        }
    }
}

/// What stands in quotes behind each of some beginnings.
fn quoted_after<'t>(text: &'t str, begins: &[&str]) -> Vec<&'t str> {
    let rest = begins.iter().flat_map(|begin| text.split(begin).skip(1));
    rest.filter_map(|rest| rest.trim_start().strip_prefix('"')?.split('"').next()).collect()
}

#[test]
fn no_reader_is_left_out() {
    let tables = everything();
    let known: BTreeSet<&str> =
        tables.values().flat_map(BTreeMap::keys).map(String::as_str).collect();
    let mut files = Vec::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/config"), &mut files);
    files.retain(|file| {
        !file.to_string_lossy().contains("tests") && !file.ends_with("reference.rs")
    });
    let mut left_out = BTreeSet::new();
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        let code = text.split("#[cfg(test)]\nmod").next().unwrap();
        for what in quoted_after(code, &["table.finish("]) {
            if !tables.contains_key(what) {
                left_out.insert(format!("table {what}"));
            }
        }
        let readers = [
            "text", "read", "id", "choice", "duration", "size", "integer", "number", "flag",
            "date", "list", "reads", "table", "tables", "value",
        ];
        let asks: Vec<String> = readers.iter().map(|reader| format!("table.{reader}(")).collect();
        for key in quoted_after(code, &asks.iter().map(String::as_str).collect::<Vec<_>>()) {
            if !known.contains(key) {
                left_out.insert(format!("key {key} in {}", file.display()));
            }
        }
    }
    assert!(left_out.is_empty(), "no test reads: {left_out:#?}");
}
