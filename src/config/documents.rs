//! What is written about a site and lies elsewhere: drawings, diagnoses, photographs, by their links.

use reading::registry::Text;

use super::daemon::bilingual;
use super::problem::Problems;
use super::table::Table;
use super::value::{Fault, shortened};

/// How many a site may have.
const DOCUMENTS_MAX: usize = 50;

/// Something written about a site.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// What people call it.
    pub name: Text,
    /// Where it lies; browsers go there, bongsu never does.
    pub url: String,
}

/// Reads every `[[document]]` of a site.
pub fn read(table: &mut Table, problems: &mut Problems) -> Vec<Document> {
    let tables = table.tables("document", problems);
    if let Some(table) = tables.get(DOCUMENTS_MAX) {
        let what = format!("there are more than {DOCUMENTS_MAX} documents");
        problems.add(&table.place, what, "link a page that lists them");
    }
    tables.into_iter().filter_map(|table| document(table, problems)).collect()
}

fn document(mut table: Table, problems: &mut Problems) -> Option<Document> {
    table.need("url", "say where it lies: url = \"https://files.example.kr/…\"", problems);
    let name = bilingual(&mut table, "name", problems);
    let url = table.read("url", address, problems);
    table.finish("a document of a site", problems);
    Some(Document { name: name?, url: url?.value })
}

fn address(text: &str) -> Result<String, Fault> {
    let url = reqwest::Url::parse(text).ok();
    let url =
        url.filter(|url| matches!(url.scheme(), "https" | "http") && url.password().is_none());
    url.map(|url| url.to_string()).ok_or_else(|| {
        let what = format!("`{}` is no address that a browser may follow", shortened(text));
        Fault::new(what, "begin it with https:// or http://, without a password in it")
    })
}
