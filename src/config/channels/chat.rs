//! Chat rooms.

use alerting::catalogue::Language;

use super::http::{HttpSettings, http};
use super::languages;
use crate::config::problem::Problems;
use crate::config::source::Folder;
use crate::config::table::Table;

/// A chat room with an incoming webhook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChatSettings {
    /// Where to.
    pub http: HttpSettings,
    /// In these languages, in this order.
    pub languages: Vec<Language>,
}

/// Reads what is said of a chat room.
pub fn read(table: &mut Table, folder: &Folder, problems: &mut Problems) -> Option<ChatSettings> {
    let http = http(table, folder, problems);
    let languages = languages(table, &[Language::Ko, Language::En], problems);
    Some(ChatSettings { http: http?, languages })
}
