//! Every kind of condition before the same questions: what it equals, what changes nothing, what it makes of bad input,
//! what it remembers, and how it does in the engine beside its companions.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

#[path = "../common/mod.rs"]
mod common;

mod examples;
mod properties;
mod batch;
mod unusual;
mod told;
mod bad_input;
mod engine;

use alerting::condition::KINDS;

#[test]
fn every_kind_stands_here() {
    let here: Vec<_> = examples::every().iter().map(|example| example.settings.name()).collect();
    for kind in KINDS {
        assert!(here.contains(kind), "{kind} has no example in alerting/tests/kinds/examples.rs");
    }
}
