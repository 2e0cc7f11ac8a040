//! Syntax tree -> checked, typed form -> program. Both sides of an operator are checked before it gives up, so that
//! all errors of an expression are reported at once.

mod interpreted;
mod mismatch;

use self::interpreted::interpreted;
use crate::arithmetic::{arithmetic, comparison, negation};
use crate::builtin::{BUILTINS, Builtin, builtin, foreign};
use crate::check::{Slots, check};
use crate::form::{Form, Scalar};
use crate::membership::{Element, comparable, in_list, in_literals, literal_type};
use crate::sum;
use crate::typed::{Merge, Open, Typed};
use crate::{Ast, BinaryOp, Diagnostic, Literal, Name, Node, NodeKind, Program, Scope, UnaryOp, suggest};
use domain::{Symbol, Type};
use std::collections::BTreeSet;
use std::ops::Range;

/// Checks and compiles an expression, or a part of one: `node` is any node of `ast`.
///
/// # Types
/// Each operator takes the types of one line; anything else is refused. "number" is int or float; an int beside a
/// float is promoted to float (in `?:` and `default` too), and a result of two ints is an int.
///
/// | | takes | gives |
/// |---|---|---|
/// | `+ - *` | numbers | int: missing where it overflows; float: IEEE |
/// | `/` | numbers | int: truncated, missing for `x / 0` and where it overflows; float: IEEE, `1.0 / 0` is infinite |
/// | `%` | ints | int with the sign of the left one; missing for `x % 0` and where the quotient overflows |
/// | `-x` | number, duration | the same type; missing where it overflows |
/// | `t - t` | timestamps | duration |
/// | `t + d`, `d + t`, `t - d` | timestamp, duration | timestamp; missing outside of the years 1 to 9999 |
/// | `d + d`, `d - d` | durations | duration; missing beyond 10,000 years (315,576,000,000 s) |
/// | `d / d` | durations | float: how often the second is in the first |
/// | `< <= > >=` | numbers, timestamps, durations | bool; int and float compare exactly; a NaN compares as false |
/// | `== !=` | the same, strings, bools, entities of one type | bool; a NaN equals nothing |
/// | `x in list` | a literal list, or a slot with a list, of the type of `x` (or numbers) | bool: `x ==` one of them |
/// | `! && \|\|` | bools | bool |
/// | `c ? a : b` | bool; two values of one type | that type |
///
/// # Missing values
/// A slot may have no value, and an error inside (overflow, division by zero) is a missing value too.
///
/// | | with a missing operand |
/// |---|---|
/// | `false && x`, `x && false` | false |
/// | `true \|\| x`, `x \|\| true` | true |
/// | `c ? a : b` | missing if `c` is; the branch not taken does not matter |
/// | `has(x)`, `default(x, y)` | false; `y` |
/// | every other operator and function | missing |
///
/// A NaN is a float like another inside an expression, but counts as missing for `has` and `default` and as a
/// program's result: programs never give a NaN.
///
/// # Functions
/// | | takes | gives |
/// |---|---|---|
/// | `abs(x)` | number | the same type; missing for the smallest int |
/// | `min(x, y, ...)`, `max(x, y, ...)` | 2 to 64 numbers | int if all are; the first of equal ones |
/// | `clamp(x, least, most)` | numbers | int if all are; `min(max(x, least), most)`; missing unless `least <= most` |
/// | `floor(x)`, `ceil(x)`, `round(x)` | number | float; `round` takes halves away from zero |
/// | `sqrt(x)`, `exp(x)`, `ln(x)`, `log2(x)`, `pow(x, y)` | numbers | float, the same on every machine |
/// | `dot(a, b)`, `cosine(a, b)` | two lists of numbers | float; missing if their lengths differ, `cosine` also for a list of zeros |
/// | `default(x, y)` | two values of one type | `x`, or `y` where `x` is missing |
/// | `has(x)` | anything | bool: whether there is a value |
///
/// The scope is asked first, so its calls (the aggregates) hide functions of the same name: `min(view, price, 1h)` beside `min(x, y)` is the
/// scope's choice by the arguments, with `None` for what is not its own.
///
/// Departures from CEL: promotion of ints, duration literals, `d / d`, missing values instead of error values, no
/// order of strings and bools, and the functions.
///
/// Codes: `wrong_type`, `wrong_arity`, `unknown_function`, `misplaced_list`, and the scope's own.
///
/// # Errors
/// All that is wrong with it, in the order of the text; what the scope refuses is passed on as it is.
pub fn compile(ast: &Ast, node: &Node, scope: &mut dyn Scope) -> Result<Program, Vec<Diagnostic>> {
    let checked = check(node, &mut Slots(scope))?;
    let mut compiler = Compiler { scope, faults: Vec::new(), slots: BTreeSet::new() };
    let typed = compiler.node(&checked.node);
    let Compiler { faults, slots, .. } = compiler;
    match typed {
        Some(typed) if faults.is_empty() => Ok(Program::of(ast.slice(node), slots.into_iter().collect(), typed)),
        // What is well typed but has no closure is left to the interpreter.
        _ => interpreted(ast.slice(node), checked),
    }
}

struct Compiler<'a> {
    scope: &'a mut dyn Scope,
    faults: Vec<Diagnostic>,
    slots: BTreeSet<u16>,
}

struct Choose(Form<bool>);

impl Merge for Choose {
    fn merge<T: Scalar>(self, a: Form<T>, b: Form<T>) -> Form<T> {
        Form::choose(self.0, a, b)
    }
}

impl Compiler<'_> {
    fn refuse(&mut self, fault: Diagnostic) -> Option<Typed> {
        self.faults.push(fault);
        None
    }

    /// The piece for a node; `None` where something in it was reported.
    fn node(&mut self, node: &Node) -> Option<Typed> {
        self.open(node).map(Open::settled)
    }

    /// The same, but a float sum stays open for the operator around it.
    fn open(&mut self, node: &Node) -> Option<Open> {
        let span = node.span.clone();
        let typed = match &node.kind {
            NodeKind::Literal(literal) => self.literal(literal).or_else(|| self.uncovered(span)),
            NodeKind::Path(names) => self.path(names, span),
            NodeKind::Call { name, args } => return self.call(name, args, span),
            NodeKind::Unary { op, operand } => self.unary(*op, operand, span),
            NodeKind::Binary { op, left, right } => return self.operator(*op, left, right, span),
            NodeKind::Conditional { condition, then, otherwise } => self.conditional(condition, then, otherwise),
            NodeKind::List(_) => {
                let fault = Diagnostic::new("misplaced_list", span, "a list stands only behind `in`");
                self.refuse(fault.with_help("write `x in [\"a\", \"b\"]`"))
            }
            NodeKind::Slot(slot, ty) => self.slot(Ok((*slot, ty.clone()))),
            NodeKind::Promoted(inner) => self.node(inner)?.into_float().map(Typed::Float),
            _ => self.uncovered(span),
        };
        typed.map(Open::Typed)
    }

    fn operator(&mut self, op: BinaryOp, left: &Node, right: &Node, span: Range<usize>) -> Option<Open> {
        if op == BinaryOp::In {
            return self.membership(left, right, span).map(Open::Typed);
        }
        let (a, b) = (self.open(left), self.open(right));
        let (a, b) = match op {
            BinaryOp::Add | BinaryOp::Subtract | BinaryOp::Multiply => match sum::joined(op, a?, b?) {
                Ok(terms) => return Some(Open::Sum(terms)),
                Err(apart) => apart,
            },
            _ => (a?, b?),
        };
        self.binary(op, (left, a.settled()), (right, b.settled()), span).map(Open::Typed)
    }

    fn literal(&mut self, literal: &Literal) -> Option<Typed> {
        Some(match literal {
            Literal::Bool(bool) => Typed::Bool(Form::Fixed(Some(*bool))),
            Literal::Int(int) => Typed::Int(Form::Fixed(Some(*int))),
            Literal::Float(float) => Typed::Float(Form::Fixed(Some(*float))),
            Literal::Str(text) => Typed::Str(Form::Fixed(Some(self.scope.constant(text)))),
            Literal::Span(span) => Typed::Span(Form::Fixed(Some(*span))),
            Literal::Null | Literal::Uint(_) | Literal::Bytes(_) => return None,
        })
    }

    fn uncovered(&mut self, span: Range<usize>) -> Option<Typed> {
        self.refuse(Diagnostic::new("unsupported_syntax", span, "this part of the language is not available here"))
    }

    fn slot(&mut self, found: Result<(u16, Type), Diagnostic>) -> Option<Typed> {
        match found {
            Ok((slot, ty)) => {
                self.slots.insert(slot);
                Some(Typed::slot(slot, ty))
            }
            Err(fault) => self.refuse(fault),
        }
    }

    fn path(&mut self, names: &[Name], span: Range<usize>) -> Option<Typed> {
        let names: Vec<&str> = names.iter().map(|name| name.text.as_str()).collect();
        let found = self.scope.path(&names, span);
        self.slot(found)
    }

    fn call(&mut self, name: &Name, args: &[Node], span: Range<usize>) -> Option<Open> {
        if let Some(found) = self.scope.call(&name.text, args, span.clone()) {
            return self.slot(found).map(Open::Typed);
        }
        let Some(builtin) = builtin(&name.text) else {
            return self.unknown_function(name).map(Open::Typed);
        };
        let (least, most) = builtin.arity;
        if !(least..=most).contains(&args.len()) {
            return self.wrong_arity(builtin, args.len(), span).map(Open::Typed);
        }
        // All arguments are compiled before the first missing one ends it.
        let typed: Vec<Option<Typed>> = args.iter().map(|arg| self.node(arg)).collect();
        let typed = typed.into_iter().collect::<Option<Vec<Typed>>>()?;
        let types: Vec<Type> = typed.iter().map(Typed::ty).collect();
        match (builtin.build)(typed) {
            Ok(typed) => Some(Open::Typed(typed)),
            Err(index) => {
                let message = format!("`{}` takes {}, but this is {}", builtin.name, builtin.takes, types[index]);
                self.refuse(Diagnostic::new("wrong_type", args[index].span.clone(), message)).map(Open::Typed)
            }
        }
    }

    fn unknown_function(&mut self, name: &Name) -> Option<Typed> {
        let fault = Diagnostic::new(
            "unknown_function",
            name.span.clone(),
            format!("there is no function `{}` here", name.text.chars().take(64).collect::<String>()),
        );
        let known = self.scope.known_calls().into_iter().chain(BUILTINS.iter().map(|builtin| builtin.name));
        let fault = match (foreign(&name.text), suggest(&name.text, known)) {
            (Some(help), _) => fault.with_help(help),
            (None, Some(nearest)) => fault.with_help(format!("did you mean `{nearest}`?")),
            (None, None) => fault,
        };
        self.refuse(fault)
    }

    fn wrong_arity(&mut self, builtin: &Builtin, found: usize, span: Range<usize>) -> Option<Typed> {
        let wanted = match builtin.arity {
            (1, 1) => "1 argument".to_owned(),
            (least, most) if least == most => format!("{least} arguments"),
            (least, most) => format!("{least} to {most} arguments"),
        };
        let message = format!(
            "`{}` takes {wanted}, but there {}",
            builtin.name,
            match found {
                1 => "is 1".to_owned(),
                more => format!("are {more}"),
            }
        );
        self.refuse(Diagnostic::new("wrong_arity", span, message))
    }

    fn unary(&mut self, op: UnaryOp, operand: &Node, span: Range<usize>) -> Option<Typed> {
        let typed = self.node(operand)?;
        let ty = typed.ty();
        let made = match (op, typed) {
            (UnaryOp::Not, Typed::Bool(bool)) => Some(Typed::Bool(bool.not())),
            (UnaryOp::Not, _) => None,
            (UnaryOp::Negate, typed) => negation(typed),
        };
        made.or_else(|| {
            let message = format!("`{}` does not take {ty}", op.as_str());
            self.refuse(mismatch::with_unary_help(Diagnostic::new("wrong_type", span, message), op, &ty))
        })
    }

    fn binary(
        &mut self,
        op: BinaryOp,
        (left, a): (&Node, Typed),
        (right, b): (&Node, Typed),
        span: Range<usize>,
    ) -> Option<Typed> {
        let types = (a.ty(), b.ty());
        let made = match (op, a, b) {
            (BinaryOp::And, Typed::Bool(a), Typed::Bool(b)) => Some(Typed::Bool(a.logic(false, b))),
            (BinaryOp::Or, Typed::Bool(a), Typed::Bool(b)) => Some(Typed::Bool(a.logic(true, b))),
            (BinaryOp::And | BinaryOp::Or, ..) => None,
            (_, a, b) if op.binding() > BinaryOp::Less.binding() => arithmetic(op, a, b),
            (_, a, b) => comparison(op, a, b).map(Typed::Bool),
        };
        made.or_else(|| self.refuse(mismatch::of_binary(op, (left, &types.0), (right, &types.1), span)))
    }

    fn conditional(&mut self, condition: &Node, then: &Node, otherwise: &Node) -> Option<Typed> {
        let which = match self.node(condition) {
            Some(Typed::Bool(which)) => Some(which),
            Some(typed) => {
                let message = format!("the condition of `?:` is a bool, but this is {}", typed.ty());
                self.refuse(Diagnostic::new("wrong_type", condition.span.clone(), message));
                None
            }
            None => None,
        };
        let (a, b) = (self.node(then), self.node(otherwise));
        let (which, a, b) = (which?, a?, b?);
        let (first, second) = (a.ty(), b.ty());
        a.merge(b, Choose(which)).or_else(|| {
            let message = format!("both values of `?:` have one type, but these are {first} and {second}");
            self.refuse(Diagnostic::new("wrong_type", then.span.start..otherwise.span.end, message))
        })
    }

    /// `left in right`
    fn membership(&mut self, left: &Node, right: &Node, span: Range<usize>) -> Option<Typed> {
        let x = self.node(left);
        if let NodeKind::List(nodes) = &right.kind {
            let elements = self.elements(nodes, x.as_ref().map(Typed::ty));
            return Some(Typed::Bool(in_literals(x?, &elements?)));
        }
        let list = self.node(right);
        match (x?, list?) {
            (x, Typed::List(of, list)) if comparable(&x.ty(), &of) => Some(Typed::Bool(in_list(x, list))),
            (x, list) => {
                let fault = mismatch::of_binary(BinaryOp::In, (left, &x.ty()), (right, &list.ty()), span);
                self.refuse(fault)
            }
        }
    }

    /// The literals of a list; `None` where one is none or cannot equal a value of this type.
    fn elements(&mut self, nodes: &[Node], of: Option<Type>) -> Option<Vec<Element>> {
        let mut elements = Vec::with_capacity(nodes.len());
        for node in nodes {
            let NodeKind::Literal(literal) = &node.kind else {
                let fault = Diagnostic::new("misplaced_list", node.span.clone(), "a list holds literals only");
                self.refuse(fault.with_help("write `x == a || x == b`"));
                continue;
            };
            let Some(ty) = literal_type(literal) else {
                self.uncovered(node.span.clone());
                continue;
            };
            if let Some(of) = of.as_ref().filter(|of| !comparable(of, &ty)) {
                let message = format!("{of} is never in a list with {ty}");
                self.refuse(Diagnostic::new("wrong_type", node.span.clone(), message));
                continue;
            }
            let symbol = match literal {
                Literal::Str(text) => self.scope.constant(text),
                _ => Symbol::default(),
            };
            elements.push((literal.clone(), symbol));
        }
        (elements.len() == nodes.len()).then_some(elements)
    }
}
