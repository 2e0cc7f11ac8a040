//! What to say where an operator does not take its operands: the message, and what was probably meant.

use super::Static;
use crate::{BinaryOp, Diagnostic, Node, NodeKind, UnaryOp};
use std::ops::Range;

/// The error of `left op right` with these types.
pub(super) fn of_binary(
    op: BinaryOp,
    left: (&Node, &Static),
    right: (&Node, &Static),
    span: Range<usize>,
) -> Diagnostic {
    let message = format!("`{}` does not take {} and {}", op.as_str(), left.1, right.1);
    let fault = Diagnostic::new("wrong_type", span, message);
    match binary_help(op, left, right) {
        Some(help) => fault.with_help(help),
        None => fault,
    }
}

fn binary_help(op: BinaryOp, (left, a): (&Node, &Static), (_, b): (&Node, &Static)) -> Option<&'static str> {
    let either = |ty: Static| *a == ty || *b == ty;
    let number = |ty: &Static| matches!(ty, Static::Int | Static::Float);
    let compares = op.binding() == BinaryOp::Less.binding();
    let left_compares = matches!(&left.kind, NodeKind::Binary { op, .. } if op.binding() == BinaryOp::Less.binding());
    Some(match (a, b) {
        (Static::Null, _) | (_, Static::Null) => {
            "write `has(x)` to ask whether there is a value, `default(x, y)` to replace a missing one"
        }
        _ if op == BinaryOp::In && !matches!(b, Static::List(_) | Static::Map(..)) => {
            "write `==`, or a list behind `in`"
        }
        (_, Static::Map(..)) if op == BinaryOp::In => "the value has the type of the map's keys",
        _ if op == BinaryOp::In => "the value has the type of the list's elements",
        _ if matches!(op, BinaryOp::And | BinaryOp::Or) => "compare first: `x > 0 && y == \"a\"`",
        (Static::List(_), _) | (_, Static::List(_)) => {
            "of a list one asks `x in list`, `list.exists(x, ...)` and `size(list)`"
        }
        _ if compares && left_compares && *a == Static::Bool => "comparisons do not chain: write `a < b && b < c`",
        (Static::Str, _) | (_, Static::Str) if !compares => "strings are joined with strings: `x + string(y)`",
        (Static::Bool, _) | (_, Static::Bool) if !compares => "write `x ? 1 : 0` for the number of a bool",
        (Static::Span, other) | (other, Static::Span) if compares && number(other) => {
            "write a duration with its unit: `30s`, `10m`, `7d`"
        }
        (Static::Span, other) | (other, Static::Span) if number(other) => {
            "a duration divided by a duration is a number: `d / 1h`"
        }
        (Static::Time, Static::Span) | (Static::Span, Static::Time) if compares => {
            "the difference of two timestamps is a duration: `now - t < 7d`"
        }
        (Static::Time, Static::Time) => "timestamps are subtracted and compared; add a duration",
        _ if op == BinaryOp::Remainder && either(Static::Float) && number(a) && number(b) => "`%` takes two ints",
        (Static::Entity(_), _) | (_, Static::Entity(_)) => "an entity equals only an entity of its own type",
        _ if compares => "compare values of one type: strings with strings, numbers with numbers",
        _ => return None,
    })
}

/// Adds what was probably meant by a prefix operator.
pub(super) fn with_unary_help(fault: Diagnostic, op: UnaryOp, ty: &Static) -> Diagnostic {
    match (op, ty) {
        (UnaryOp::Not, Static::Int | Static::Float) => fault.with_help("compare first: `x == 0`"),
        (UnaryOp::Not, _) => fault.with_help("write `!has(x)` to ask whether a value is missing"),
        (UnaryOp::Negate, Static::Bool) => fault.with_help("write `!x`"),
        (UnaryOp::Negate, _) => fault.with_help("only numbers and durations have a negative"),
    }
}
