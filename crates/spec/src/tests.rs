//! Whole specs: the plan of a good one, every mistake of bad ones, and what changes between two.

mod attribution;
mod bad_specs;
mod bundles;
mod decisions;
mod diagnostics;
mod differences;
mod golden;
mod interim;
mod lists;
mod mutations;
mod patterns;
mod places;
mod plans;
mod policies;
mod requests;
mod rerank;
mod routes;
mod schema;
mod sinks;
mod sketches;
mod texts;
mod windows;

use crate::{Diagnostics, Plan, compile};

/// A whole spec. A copy of its own, so that the example can change without these tests.
const SHOP: &str = include_str!("tests/shop.yaml");

/// The plan of a spec that has to be good.
fn plan(text: &str) -> Plan {
    compile("spec.yaml", text).unwrap_or_else(|diagnostics| panic!("{diagnostics}"))
}

/// The diagnostics of a spec that has to be bad.
fn refused(text: &str) -> Diagnostics {
    match compile("spec.yaml", text) {
        Ok(_) => panic!("this spec is refused:\n{text}"),
        Err(diagnostics) => diagnostics,
    }
}
