//! Types of our own functions: those of numbers, and `default`. An int beside a float is promoted.

use super::{Checker, Found, Static, Typed};
use crate::Diagnostic;
use crate::ast::{Name, Node, NodeKind};
use crate::functions::ARGUMENTS_MAX;
use std::ops::Range;

/// A function of ours: its name, fewest and most arguments, what they are for a message.
pub(crate) type Own = (&'static str, (usize, usize), &'static str);

/// Our functions, by name.
pub(crate) const OWN: &[Own] = &[
    ("abs", (1, 1), "a number"),
    ("ceil", (1, 1), "a number"),
    ("clamp", (3, 3), "numbers: the value, the least and the most"),
    ("cosine", (2, 2), "two lists of numbers"),
    ("default", (2, 2), "two values of one type"),
    ("dot", (2, 2), "two lists of numbers"),
    ("dyn", (1, 1), "any value"),
    ("exp", (1, 1), "a number"),
    ("floor", (1, 1), "a number"),
    ("has", (1, 1), "any value"),
    ("ln", (1, 1), "a number"),
    ("log2", (1, 1), "a number"),
    ("max", (2, ARGUMENTS_MAX), "numbers"),
    ("min", (2, ARGUMENTS_MAX), "numbers"),
    ("pow", (2, 2), "numbers: the base and the exponent"),
    ("round", (1, 1), "a number"),
    ("sqrt", (1, 1), "a number"),
];

impl Checker<'_> {
    /// A call of one of our functions.
    pub(super) fn own(&mut self, own: &Own, name: &Name, args: &[Node], span: Range<usize>) -> Found {
        let (least, most) = own.1;
        if !(least..=most).contains(&args.len()) {
            return self.wrong_arity(own, args.len(), span);
        }
        let mut typed = self.nodes(args)?;
        let types: Vec<Static> = typed.iter().map(|arg| self.types.resolved(&arg.ty)).collect();
        let wrong = |index: usize| (index, types[index].clone());
        let ty = match own.0 {
            "has" => Ok(Static::Bool),
            "dyn" => Ok(Static::Dyn),
            "dot" | "cosine" => match types.iter().position(|ty| !is_vector(ty)) {
                Some(index) => Err(wrong(index)),
                None => Ok(Static::Float),
            },
            "default" => {
                let (y, x) = (typed.pop()?, typed.pop()?);
                match self.merged(x, y) {
                    Some((x, y, ty)) => {
                        typed = vec![x, y];
                        Ok(ty)
                    }
                    None => Err(wrong(1)),
                }
            }
            _ => match types.iter().position(|ty| !matches!(ty, Static::Int | Static::Float | Static::Dyn)) {
                Some(index) => Err(wrong(index)),
                None => Ok(number(own.0, &types)),
            },
        };
        match ty {
            Ok(ty) => {
                if matches!(own.0, "min" | "max" | "clamp") && types.contains(&Static::Float) {
                    typed = typed.into_iter().map(Typed::promoted).collect();
                }
                let args = typed.into_iter().map(|arg| arg.node).collect();
                Some(Typed::new(NodeKind::Call { name: name.clone(), args }, span, ty))
            }
            Err((index, ty)) => {
                let message = format!("`{}` takes {}, but this is {ty}", own.0, own.2);
                let help = format!("give `{}` {}", own.0, own.2);
                self.wrong_type(args[index].span.clone(), message, &help)
            }
        }
    }

    fn wrong_arity(&mut self, own: &Own, found: usize, span: Range<usize>) -> Found {
        let wanted = match own.1 {
            (1, 1) => "1 argument".to_owned(),
            (least, most) if least == most => format!("{least} arguments"),
            (least, most) => format!("{least} to {most} arguments"),
        };
        let message = format!("`{}` takes {wanted}, but there {}", own.0, counted(found));
        let help = format!("give `{}` {wanted}", own.0);
        self.refuse(Diagnostic::new("wrong_arity", span, message).with_help(help))
    }
}

/// `is 1`, `are 2`
pub(super) fn counted(found: usize) -> String {
    match found {
        1 => "is 1".to_owned(),
        more => format!("are {more}"),
    }
}

/// Whether it is, or may be, a list of numbers.
fn is_vector(ty: &Static) -> bool {
    match ty {
        Static::Dyn => true,
        Static::List(of) => matches!(**of, Static::Int | Static::Float | Static::Dyn),
        _ => false,
    }
}

/// What a function of numbers gives.
fn number(name: &str, types: &[Static]) -> Static {
    match name {
        "abs" | "min" | "max" | "clamp" if types.contains(&Static::Float) => Static::Float,
        "abs" | "min" | "max" | "clamp" if types.contains(&Static::Dyn) => Static::Dyn,
        "abs" | "min" | "max" | "clamp" => Static::Int,
        _ => Static::Float,
    }
}
