//! Regular expressions in the syntax of RE2, without back references, so that a search takes time linear in the text.

use crate::Fault;
use domain::limits::{EXPRESSION_VALUE_MAX, PATTERN_BYTES_MAX, PATTERN_COMPILED_BYTES_MAX};
use regex::{Regex, RegexBuilder};

/// Deepest nesting of groups.
const NEST_MAX: u32 = 64;

/// A compiled regular expression; a program holds one for each pattern that is a literal.
#[derive(Clone, Debug)]
pub struct Pattern(Regex);

impl PartialEq for Pattern {
    fn eq(&self, other: &Pattern) -> bool {
        self.0.as_str() == other.0.as_str()
    }
}

impl Pattern {
    /// Compiles a pattern; takes tens of microseconds.
    ///
    /// # Errors
    /// `Fault::Argument` if it is none, `Fault::Limit` if it is too long or too large.
    pub(crate) fn new(pattern: &str) -> Result<Pattern, Fault> {
        if pattern.len() > PATTERN_BYTES_MAX {
            return Err(Fault::Limit);
        }
        let compiled = RegexBuilder::new(pattern)
            .size_limit(PATTERN_COMPILED_BYTES_MAX)
            .dfa_size_limit(PATTERN_COMPILED_BYTES_MAX)
            .nest_limit(NEST_MAX)
            .build();
        compiled.map(Pattern).map_err(|error| match error {
            regex::Error::CompiledTooBig(_) => Fault::Limit,
            _ => Fault::Argument("this is no regular expression in the syntax of RE2"),
        })
    }

    /// Whether it matches somewhere in a text.
    ///
    /// # Errors
    /// `Fault::Limit` for a text longer than the language makes.
    pub(crate) fn matches(&self, text: &str) -> Result<bool, Fault> {
        if text.len() > EXPRESSION_VALUE_MAX { Err(Fault::Limit) } else { Ok(self.0.is_match(text)) }
    }
}
