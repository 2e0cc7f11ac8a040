//! Types of operators: each takes the types of one line of the table in [`compile`](crate::compile), or what is only known when it is
//! computed.

use super::{Checker, Found, Static, Typed, mismatch};
use crate::Diagnostic;
use crate::ast::{BinaryOp, Node, NodeKind, UnaryOp};
use std::ops::Range;

impl Checker<'_> {
    pub(super) fn unary(&mut self, op: UnaryOp, operand: &Node, span: Range<usize>) -> Found {
        let operand = self.node(operand)?;
        let ty = match (op, self.types.resolved(&operand.ty)) {
            (UnaryOp::Not, Static::Bool | Static::Dyn) => Static::Bool,
            (UnaryOp::Negate, ty @ (Static::Int | Static::Float | Static::Span | Static::Dyn)) => ty,
            (op, ty) => {
                let message = format!("`{}` does not take {ty}", op.as_str());
                return self.refuse(mismatch::with_unary_help(Diagnostic::new("wrong_type", span, message), op, &ty));
            }
        };
        Some(Typed::new(NodeKind::Unary { op, operand: operand.boxed() }, span, ty))
    }

    pub(super) fn binary(&mut self, op: BinaryOp, left: &Node, right: &Node, span: Range<usize>) -> Found {
        let (a, b) = (self.node(left), self.node(right));
        let (mut a, mut b) = (a?, b?);
        if op == BinaryOp::In && !self.elements_comparable(&a, &b) {
            return None;
        }
        let (left_type, right_type) = (self.types.resolved(&a.ty), self.types.resolved(&b.ty));
        let Some(ty) = self.result(op, &a.ty, &b.ty) else {
            let fault = mismatch::of_binary(op, (left, &left_type), (right, &right_type), span);
            return self.refuse(fault);
        };
        let by_text = |ty: &Static| matches!(ty, Static::Str | Static::Dyn);
        let equality = matches!(op, BinaryOp::Equal | BinaryOp::NotEqual | BinaryOp::In | BinaryOp::And | BinaryOp::Or);
        self.texts |= !equality && (by_text(&left_type) || by_text(&right_type));
        if op.binding() > BinaryOp::Less.binding() {
            match (&left_type, &right_type) {
                (Static::Int, Static::Float) => a = a.promoted(),
                (Static::Float, Static::Int) => b = b.promoted(),
                _ => {}
            }
        }
        let kind = NodeKind::Binary { op, left: a.boxed(), right: b.boxed() };
        Some(Typed::new(kind, span, ty))
    }

    /// The type of `a op b`; `None` where the operator does not take them.
    fn result(&mut self, op: BinaryOp, a: &Static, b: &Static) -> Option<Static> {
        let (left, right) = (self.types.resolved(a), self.types.resolved(b));
        match op {
            BinaryOp::And | BinaryOp::Or => {
                let bool = |ty: &Static| matches!(ty, Static::Bool | Static::Dyn);
                (bool(&left) && bool(&right)).then_some(Static::Bool)
            }
            BinaryOp::Equal | BinaryOp::NotEqual => self.comparable(a, b).then_some(Static::Bool),
            BinaryOp::In => self.contains(b, a).then_some(Static::Bool),
            BinaryOp::Less | BinaryOp::LessEqual | BinaryOp::Greater | BinaryOp::GreaterEqual => {
                ordered(&left, &right).then_some(Static::Bool)
            }
            _ => self.arithmetic(op, (a, &left), (b, &right)),
        }
    }

    /// Whether `==` takes values of both types.
    fn comparable(&mut self, a: &Static, b: &Static) -> bool {
        let (left, right) = (self.types.resolved(a), self.types.resolved(b));
        let types = matches!((&left, &right), (Static::Type(_), Static::Type(_)));
        types || left.is_number() && right.is_number() || self.types.joined(a, b).is_some()
    }

    /// Whether `x in list` or `key in map` takes these types.
    fn contains(&mut self, list: &Static, x: &Static) -> bool {
        match self.types.shallow(list) {
            Static::List(of) => self.comparable(x, &of),
            Static::Map(key, _) => self.comparable(x, &key),
            Static::Dyn | Static::Var(_) => true,
            _ => false,
        }
    }

    /// Reports the elements of a list, written out behind `in`, that the value never equals.
    fn elements_comparable(&mut self, x: &Typed, list: &Typed) -> bool {
        let NodeKind::List(nodes) = &list.node.kind else { return true };
        let mut all = true;
        for node in nodes {
            let NodeKind::Literal(literal) = &node.kind else { continue };
            let ty = super::literal_type(literal);
            if !self.comparable(&x.ty, &ty) {
                let message = format!("{} is never in a list with {ty}", self.types.resolved(&x.ty));
                let help = "list values of the type that stands before `in`";
                self.wrong_type::<()>(node.span.clone(), message, help);
                all = false;
            }
        }
        all
    }

    fn arithmetic(&mut self, op: BinaryOp, a: (&Static, &Static), b: (&Static, &Static)) -> Option<Static> {
        use Static::{Bytes, Dyn, Float, Int, List, Span, Str, Time, Uint};
        let (add, subtract) = (op == BinaryOp::Add, op == BinaryOp::Subtract);
        let remainder = op == BinaryOp::Remainder;
        Some(match (a.1, b.1) {
            (Int, Int) => Int,
            (Uint, Uint) => Uint,
            (Float | Int, Float) | (Float, Int) if !remainder => Float,
            (Str, Str) if add => Str,
            (Bytes, Bytes) if add => Bytes,
            (List(_), List(_)) if add => self.types.joined(a.0, b.0)?,
            (Time, Span) if add || subtract => Time,
            (Span, Time) if add => Time,
            (Time, Time) if subtract => Span,
            (Span, Span) if add || subtract => Span,
            (Span, Span) if op == BinaryOp::Divide => Float,
            (Dyn, other) | (other, Dyn) => return by_one(op, other),
            _ => return None,
        })
    }

    /// `c ? a : b`
    pub(super) fn conditional(&mut self, condition: &Node, then: &Node, otherwise: &Node, span: Range<usize>) -> Found {
        let which = self.node(condition);
        if let Some(which) = &which {
            let ty = self.types.resolved(&which.ty);
            if !matches!(ty, Static::Bool | Static::Dyn) {
                let message = format!("the condition of `?:` is a bool, but this is {ty}");
                let help = "compare it with something: `x > 0 ? a : b`";
                self.wrong_type::<()>(condition.span.clone(), message, help);
            }
        }
        let (a, b) = (self.node(then), self.node(otherwise));
        let (which, a, b) = (which?, a?, b?);
        let types = (self.types.resolved(&a.ty), self.types.resolved(&b.ty));
        let Some((a, b, ty)) = self.merged(a, b) else {
            let message = format!("both values of `?:` have one type, but these are {} and {}", types.0, types.1);
            return self.wrong_type(then.span.start..otherwise.span.end, message, "give both the same type");
        };
        let (condition, then, otherwise) = (which.boxed(), a.boxed(), b.boxed());
        Some(Typed::new(NodeKind::Conditional { condition, then, otherwise }, span, ty))
    }

    /// Two values of one type; an int beside a float is promoted. `None` where the types differ.
    pub(super) fn merged(&mut self, a: Typed, b: Typed) -> Option<(Typed, Typed, Static)> {
        if let Some(ty) = self.types.joined(&a.ty, &b.ty) {
            return Some((a, b, ty));
        }
        match (self.types.resolved(&a.ty), self.types.resolved(&b.ty)) {
            (Static::Int, Static::Float) | (Static::Float, Static::Int) => {
                Some((a.promoted(), b.promoted(), Static::Float))
            }
            _ => None,
        }
    }
}

/// Whether `<` takes both.
fn ordered(a: &Static, b: &Static) -> bool {
    let order = |ty: &Static| {
        use Static::{Bool, Bytes, Dyn, Float, Int, Span, Str, Time, Uint};
        matches!(ty, Bool | Bytes | Dyn | Float | Int | Span | Str | Time | Uint)
    };
    order(a) && order(b) && (a == b || a.is_number() && b.is_number() || *a == Static::Dyn || *b == Static::Dyn)
}

/// The result where one operand is only known when it is computed.
fn by_one(op: BinaryOp, known: &Static) -> Option<Static> {
    let takes = match op {
        BinaryOp::Add => {
            use Static::{Bytes, Dyn, Float, Int, List, Span, Str, Time, Uint};
            matches!(known, Bytes | Dyn | Float | Int | List(_) | Span | Str | Time | Uint)
        }
        BinaryOp::Subtract => known.is_number() || matches!(known, Static::Time | Static::Span | Static::Dyn),
        BinaryOp::Divide => known.is_number() || matches!(known, Static::Span | Static::Dyn),
        BinaryOp::Multiply => known.is_number() || *known == Static::Dyn,
        _ => matches!(known, Static::Int | Static::Uint | Static::Dyn),
    };
    // A timestamp or a duration gives now the one, now the other; a number or a text always its own kind.
    takes.then(|| match known {
        Static::Time | Static::Span | Static::List(_) => Static::Dyn,
        known => known.clone(),
    })
}
