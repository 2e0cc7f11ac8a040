//! Conditions that contradict themselves: parts of an `&&` that compare one thing with constants and cannot hold together.

use super::cell::{Cut, HIGHEST, LOWEST};
use crate::build::stream::canonical;
use expr::{Ast, BinaryOp, Literal, Node, NodeKind};
use std::collections::BTreeMap;

/// Whether a condition can be seen to be never true.
pub(super) fn contradicts_itself(ast: &Ast) -> bool {
    let parts = ast.root().conjuncts();
    if parts.len() < 2 {
        return false;
    }
    let mut ranges: BTreeMap<String, (Cut, Cut)> = BTreeMap::new();
    let mut texts: BTreeMap<String, &str> = BTreeMap::new();
    for (op, left, right) in parts.into_iter().filter_map(compared) {
        let of = canonical(ast.slice(left));
        if let Some(number) = number(right) {
            let (from, to) = ranges.entry(of).or_insert((LOWEST, HIGHEST));
            let (least, most) = range(op, number);
            (*from, *to) = (least.max(*from), most.min(*to));
            if *from >= *to {
                return true;
            }
        } else if let (BinaryOp::Equal, NodeKind::Literal(Literal::Str(text))) = (op, &right.kind)
            && texts.insert(of, text).is_some_and(|before| before != &**text)
        {
            return true;
        }
    }
    false
}

/// A comparison with its constant on the right.
fn compared(node: &Node) -> Option<(BinaryOp, &Node, &Node)> {
    let NodeKind::Binary { op, left, right } = &node.kind else { return None };
    let mirrored = match op {
        BinaryOp::Less => BinaryOp::Greater,
        BinaryOp::LessEqual => BinaryOp::GreaterEqual,
        BinaryOp::Greater => BinaryOp::Less,
        BinaryOp::GreaterEqual => BinaryOp::LessEqual,
        BinaryOp::Equal => BinaryOp::Equal,
        _ => return None,
    };
    let constant = |node: &Node| matches!(node.kind, NodeKind::Literal(_));
    match (constant(left), constant(right)) {
        (false, true) => Some((*op, left, right)),
        (true, false) => Some((mirrored, right, left)),
        _ => None,
    }
}

/// A number, or the milliseconds of a duration: one thing is compared with constants of its own type only.
fn number(node: &Node) -> Option<f64> {
    node.as_number().or_else(|| node.as_span().map(|span| span.0 as f64))
}

/// The numbers for which a comparison holds.
fn range(op: BinaryOp, at: f64) -> (Cut, Cut) {
    // A zero has no sign here: both are equal.
    let at = at + 0.0;
    let (before, after) = (Cut { at, after: false }, Cut { at, after: true });
    match op {
        BinaryOp::Less => (LOWEST, before),
        BinaryOp::LessEqual => (LOWEST, after),
        BinaryOp::Greater => (after, HIGHEST),
        BinaryOp::GreaterEqual => (before, HIGHEST),
        _ => (before, after),
    }
}

#[cfg(test)]
mod tests {
    use super::contradicts_itself;

    #[test]
    fn what_cannot_hold_together_is_seen() {
        for (text, never) in [
            ("a > 5 && a < 3", true),
            ("a > 5 && a <= 5", true),
            ("a >= 5 && a <= 5", false),
            ("5 < a && b > 1 && a == 5", true),
            ("a == 5 && a == 5.0", false),
            ("a == -0.0 && a >= 0", false),
            ("a > 5 && b < 3", false),
            ("a > 5 || a < 3", false),
            ("a + 1 > 5 && a+1 < 5", true),
            ("d > 5m && d < 299s", true),
            ("d > 5m && d < 301s", false),
            ("c == 'x' && c == 'y'", true),
            ("c == 'x' && c == 'x'", false),
            ("c != 'x' && c == 'y'", false),
            ("(a > 5 && b) && (a < 5 && c)", true),
        ] {
            assert_eq!(contradicts_itself(&expr::parse(text).unwrap()), never, "{text}");
        }
    }
}
