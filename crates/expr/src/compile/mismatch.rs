//! What to say where an operator does not take its operands: the message, and what was probably meant.

use crate::{BinaryOp, Diagnostic, Node, NodeKind, UnaryOp};
use domain::Type;
use std::ops::Range;

/// The error of `left op right` with these types.
pub(super) fn of_binary(op: BinaryOp, left: (&Node, &Type), right: (&Node, &Type), span: Range<usize>) -> Diagnostic {
    let message = format!("`{}` does not take {} and {}", op.as_str(), left.1, right.1);
    let fault = Diagnostic::new("wrong_type", span, message);
    match binary_help(op, left, right) {
        Some(help) => fault.with_help(help),
        None => fault,
    }
}

fn binary_help(op: BinaryOp, (left, a): (&Node, &Type), (_, b): (&Node, &Type)) -> Option<&'static str> {
    let either = |ty: Type| *a == ty || *b == ty;
    let number = |ty: &Type| matches!(ty, Type::Int | Type::Float);
    let compares = op.binding() == BinaryOp::Less.binding();
    let left_compares = matches!(&left.kind, NodeKind::Binary { op, .. } if op.binding() == BinaryOp::Less.binding());
    Some(match (a, b) {
        _ if op == BinaryOp::In && !matches!(b, Type::List(_)) => "write `==`, or a list behind `in`",
        _ if op == BinaryOp::In => "the value has the type of the list's elements",
        _ if matches!(op, BinaryOp::And | BinaryOp::Or) => "compare first: `x > 0 && y == \"a\"`",
        (Type::List(_), _) | (_, Type::List(_)) => "of a list one asks `x in list` and `has(list)`",
        _ if compares && left_compares && *a == Type::Bool => "comparisons do not chain: write `a < b && b < c`",
        (Type::Str, Type::Str) if compares => "strings are compared by `==`, `!=` and `in`",
        (Type::Str, _) | (_, Type::Str) if !compares => "strings are not joined or counted",
        (Type::Bool, Type::Bool) if compares => "bools are compared by `==` and `!=`",
        (Type::Bool, _) | (_, Type::Bool) if !compares => "write `x ? 1 : 0` for the number of a bool",
        (Type::Span, other) | (other, Type::Span) if compares && number(other) => {
            "write a duration with its unit: `30s`, `10m`, `7d`"
        }
        (Type::Span, other) | (other, Type::Span) if number(other) => {
            "a duration divided by a duration is a number: `d / 1h`"
        }
        (Type::Time, Type::Span) | (Type::Span, Type::Time) if compares => {
            "the difference of two timestamps is a duration: `now - t < 7d`"
        }
        (Type::Time, Type::Time) => "timestamps are subtracted and compared; add a duration",
        _ if op == BinaryOp::Remainder && either(Type::Float) && number(a) && number(b) => "`%` takes two ints",
        (Type::Entity(_), _) | (_, Type::Entity(_)) => "an entity equals only an entity of its own type",
        _ => return None,
    })
}

/// Adds what was probably meant by a prefix operator.
pub(super) fn with_unary_help(fault: Diagnostic, op: UnaryOp, ty: &Type) -> Diagnostic {
    match (op, ty) {
        (UnaryOp::Not, Type::Int | Type::Float) => fault.with_help("compare first: `x == 0`"),
        (UnaryOp::Not, _) => fault.with_help("write `!has(x)` to ask whether a value is missing"),
        (UnaryOp::Negate, Type::Bool) => fault.with_help("write `!x`"),
        (UnaryOp::Negate, _) => fault,
    }
}
