//! Inhibition: while something graver goes on, notices of less are not sent beside it.

use alloc::string::String;
use alloc::vec::Vec;

use reading::id::SiteId;
use serde::{Deserialize, Serialize};

use crate::level::Level;
use crate::rule::Provenance;
use crate::standing::Scope;
use crate::validity::Validity;

/// While one of these sites is at a level, notices of a lower one about others are hidden.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Inhibition {
    /// Its name.
    pub id: String,
    /// While one of these is …
    pub sites: Vec<SiteId>,
    /// … at this level or above …
    pub level: Level,
    /// … these are hidden, as far as they are milder.
    pub hides: Scope,
    /// When it counts; always if nothing is said.
    pub valid: Option<Validity>,
    /// Who wrote it, when and why.
    pub provenance: Provenance,
}
