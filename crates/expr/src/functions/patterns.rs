//! Regular expressions in the syntax of RE2, without back references, so that a search takes time linear in the text.

use crate::Fault;
use domain::limits::{EXPRESSION_DEPTH_MAX, EXPRESSION_VALUE_MAX, PATTERN_BYTES_MAX, PATTERN_COMPILED_BYTES_MAX};
use regex::{Regex, RegexBuilder};

/// Deepest nesting of groups.
const NEST_MAX: u32 = EXPRESSION_DEPTH_MAX as u32;

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
        compiled(pattern).map(Pattern).map_err(|error| match error {
            regex::Error::CompiledTooBig(_) => Fault::Limit,
            _ => Fault::Argument("this is no regular expression in the syntax of RE2"),
        })
    }

    /// What is wrong with a pattern, for a message.
    pub(crate) fn mistake(pattern: &str) -> Option<String> {
        if pattern.len() > PATTERN_BYTES_MAX {
            return Some(format!("a regular expression of {} bytes; the limit is {PATTERN_BYTES_MAX}", pattern.len()));
        }
        Some(match compiled(pattern).err()? {
            regex::Error::CompiledTooBig(_) => {
                format!("this regular expression needs more than {PATTERN_COMPILED_BYTES_MAX} bytes: repeat less in it")
            }
            // The library shows the pattern with a mark over several lines; the last one says what it is.
            error => {
                let text = error.to_string();
                let cause = text.lines().last().unwrap_or(&text).trim_start_matches("error: ");
                format!("this is no regular expression: {cause}")
            }
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

fn compiled(pattern: &str) -> Result<Regex, regex::Error> {
    RegexBuilder::new(pattern)
        .size_limit(PATTERN_COMPILED_BYTES_MAX)
        .dfa_size_limit(PATTERN_COMPILED_BYTES_MAX)
        .nest_limit(NEST_MAX)
        .build()
}
