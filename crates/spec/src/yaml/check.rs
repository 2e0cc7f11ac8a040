//! What can be said of a text before it is read as YAML: its size and its characters.

use crate::diagnostic::{Issue, Issues, is_bidi};
use domain::limits;

/// What can be said of the text before YAML: size, control characters, tabs that indent.
pub(super) fn check_text(text: &str, issues: &mut Issues) -> bool {
    if text.len() > limits::SPEC_BYTES_MAX {
        let message = format!("the spec has {} bytes; at most {} are allowed", text.len(), limits::SPEC_BYTES_MAX);
        issues.push(Issue::new("too_large", &(0..0), message));
        return false;
    }
    if text.starts_with('\u{feff}') {
        let issue = Issue::new("byte_order_mark", &(0..3), "the file begins with a byte order mark");
        issues.push(issue.help("save it as UTF-8 without BOM"));
        return false;
    }
    let mut fine = true;
    let mut indent = true;
    for (at, c) in text.char_indices() {
        let span = at..at + c.len_utf8();
        if c == '\t' && indent {
            issues.push(Issue::new("tab", &span, "a tab cannot indent YAML").help("indent with spaces"));
            fine = false;
        } else if c.is_control() && !matches!(c, '\t' | '\n' | '\r') {
            let message = format!("the control character U+{:04X} is not allowed", c as u32);
            issues.push(
                Issue::new("bad_character", &span, message)
                    .help("remove it, or write it as an escape in double quotes"),
            );
            fine = false;
        } else if is_bidi(c) {
            let message = format!("U+{:04X} changes the direction of the text around it", c as u32);
            issues
                .push(Issue::new("bad_character", &span, message).help("remove it: what is read must be what is run"));
            fine = false;
        }
        indent = c == '\n' || (indent && matches!(c, ' ' | '\t'));
    }
    fine
}
