//! What is wrong with an expression: a stable code, where, what, and what to write instead.

use std::fmt;
use std::ops::Range;

/// One error of an expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// The stable code, such as `wrong_type`; the crate's documentation lists them.
    pub code: &'static str,
    /// Where, in bytes of the expression's text; always on character boundaries.
    pub span: Range<usize>,
    /// What is wrong, in one sentence without a full stop.
    pub message: String,
    /// What to write instead, where that is known.
    pub help: Option<String>,
}

impl Diagnostic {
    /// An error without a help.
    pub fn new(code: &'static str, span: Range<usize>, message: impl Into<String>) -> Diagnostic {
        Diagnostic { code, span, message: message.into(), help: None }
    }

    /// The same error with a help.
    pub fn with_help(mut self, help: impl Into<String>) -> Diagnostic {
        self.help = Some(help.into());
        self
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}..{}: {}", self.code, self.span.start, self.span.end, self.message)?;
        self.help.iter().try_for_each(|help| write!(f, "; {help}"))
    }
}
