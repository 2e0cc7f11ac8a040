//! Expressions with commas inside `{ }` and `[ ]`, which YAML takes apart: told once, as what they are.

use super::{Kind, Node, Reader, Text};
use crate::diagnostic::Issue;

impl Reader<'_, '_> {
    /// Inside `{ }` a comma ends a value, so that `n: count(view, 1d)` is `n: count(view` and a key `1d)` without a value:
    /// said once, where the expression begins, and the pieces are dropped.
    pub(super) fn mend_map(&mut self, map: &mut Vec<(Text, Node)>) {
        let mut open = 0;
        map.retain_mut(|(key, value)| {
            if open > 0 && value.kind == Kind::Empty {
                open += unclosed(&key.text);
                return false;
            }
            open = self.split_value(value);
            true
        });
    }

    pub(super) fn mend_list(&mut self, list: &mut Vec<Node>) {
        let mut open = 0;
        list.retain_mut(|node| match &node.kind {
            Kind::Scalar(text) if open > 0 && text.plain => {
                open += unclosed(&text.text);
                false
            }
            _ => {
                open = self.split_value(node);
                true
            }
        });
    }

    /// How many parentheses a value leaves open; if any, it is noted.
    fn split_value(&mut self, value: &mut Node) -> i32 {
        let Kind::Scalar(text) = &value.kind else { return 0 };
        let open = unclosed(&text.text);
        if !text.plain || open <= 0 {
            return 0;
        }
        let issue = Issue::new("split_expression", &value.span, "a comma ends a value inside `{ }` and `[ ]`");
        self.issues.push(issue.help("put the expression in quotes"));
        value.kind = Kind::Broken;
        open
    }
}

/// Opening minus closing parentheses.
fn unclosed(text: &str) -> i32 {
    text.bytes().map(|b| i32::from(b == b'(') - i32::from(b == b')')).sum()
}
