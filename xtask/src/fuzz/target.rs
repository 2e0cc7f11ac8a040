//! What is fuzzed: a target has inputs to begin with and a promise that is asked of each input.

use super::{bodies, expressions, log, pages, specs};
use std::hash::{DefaultHasher, Hash, Hasher};

/// One reader and what it promises.
pub(crate) trait Target {
    /// Inputs to begin with, each good or nearly so.
    fn seeds(&self) -> Vec<Vec<u8>>;

    /// Pieces of text that mean something in its inputs.
    fn pieces(&self) -> &'static [&'static str];

    /// Runs one input; panics where a promise is broken. Gives what came of it, in short: an input with an outcome that none had
    /// before is mutated further.
    fn run(&mut self, input: &[u8]) -> u64;
}

/// How a target is made.
pub(crate) type Make = fn() -> Box<dyn Target>;

/// All targets by name.
pub(crate) const TARGETS: &[(&str, Make)] = &[
    ("expression", || Box::new(expressions::Texts)),
    ("evaluators", || Box::new(expressions::Written)),
    ("spec", || Box::new(specs::Specs::new())),
    ("request", || Box::new(specs::Requests::new())),
    ("body", || Box::new(bodies::Bodies)),
    ("record", || Box::new(log::Payloads)),
    ("recovery", || Box::new(log::Recovery::new())),
    ("page", || Box::new(pages::Pages::new())),
];

/// An outcome as a number.
pub(crate) fn outcome(of: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    of.hash(&mut hasher);
    hasher.finish()
}

/// Bytes as text, with marks in the place of what is none.
pub(crate) fn text(input: &[u8]) -> String {
    String::from_utf8_lossy(input).into_owned()
}
