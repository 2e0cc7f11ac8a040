//! Checked syntax tree -> typed form -> program. What has no form is left to the interpreter: a part of the expression where slots can
//! hold its value, else the whole.

mod interpreted;

use self::interpreted::{interpreted, interpreted_part};
use crate::arithmetic::{arithmetic, comparison, negation};
use crate::builtin::builtin;
use crate::check::{Slots, check};
use crate::form::{Form, Scalar};
use crate::membership::{Element, comparable, in_list, in_literals};
use crate::sum;
use crate::typed::{Merge, Open, Typed};
use crate::{Ast, BinaryOp, Diagnostic, Literal, Node, NodeKind, Program, Scope, UnaryOp};
use domain::Symbol;

/// Checks and compiles an expression, or a part of one: `node` is any node of `ast`.
///
/// # Types
/// Each operator takes the types of one line, or a `dyn`, which is only known when it is computed; anything else is refused. "number" is int or float; an int beside a
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
/// | `< <= > >=` | numbers, timestamps, durations, strings, bytes, bools | bool; int and float compare exactly; a NaN compares as false |
/// | `== !=` | numbers, or two values of one type | bool; a NaN equals nothing |
/// | `x in list`, `k in map` | a list of the type of `x` (or numbers), a map with such keys | bool: `x ==` one of them |
/// | `+` | strings, bytes, lists | both, one behind the other |
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
/// CEL's other functions and macros are those of `docs/language.md`.
///
/// # How it is run
/// Scalars of slots have closures and column kernels. What has none (macros, maps, functions of strings, lists that are computed) is run by the
/// interpreter, as a part of the others where its value is a bool, a number or an entity. Strings that are only compared for equality are symbols;
/// a program that reads their texts says so: [`Program::needs_texts`].
///
/// Departures from CEL: promotion of ints, exact comparison of ints and floats, duration literals, `d / d`, missing values instead of error values,
/// and the functions of numbers.
///
/// Codes: those of [`check`], `unsupported_result`, and the scope's own.
///
/// # Errors
/// All that is wrong with it, in the order of the text; what the scope refuses is passed on as it is.
pub fn compile(ast: &Ast, node: &Node, scope: &mut dyn Scope) -> Result<Program, Vec<Diagnostic>> {
    let checked = check(node, &mut Slots(scope))?;
    match (Compiler { scope: &mut *scope }).node(&checked.node) {
        Some(typed) => Ok(Program::of(ast.slice(node), checked.slots, typed)),
        None => {
            let guards = (Compiler { scope: &mut *scope }).guards(&checked.node);
            interpreted(ast.slice(node), checked, scope).map(|program| program.guarded(guards))
        }
    }
}

/// Makes forms of checked nodes; `None` where there is none, which is no error.
struct Compiler<'a> {
    scope: &'a mut dyn Scope,
}

struct Choose(Form<bool>);

impl Merge for Choose {
    fn merge<T: Scalar>(self, a: Form<T>, b: Form<T>) -> Form<T> {
        Form::choose(self.0, a, b)
    }
}

impl Compiler<'_> {
    fn node(&mut self, node: &Node) -> Option<Typed> {
        self.open(node).map(Open::settled)
    }

    /// The operands of `&&` that have forms, in a condition that has none as a whole.
    fn guards(&mut self, node: &Node) -> Vec<Form<bool>> {
        let guard = |node: &Node| match self.node(node) {
            Some(Typed::Bool(guard)) => Some(guard),
            _ => None,
        };
        node.conjuncts().into_iter().filter_map(guard).collect()
    }

    /// The same, but a float sum stays open for the operator around it.
    fn open(&mut self, node: &Node) -> Option<Open> {
        self.formed(node).or_else(|| interpreted_part(node, self.scope).map(Open::Typed))
    }

    fn formed(&mut self, node: &Node) -> Option<Open> {
        let typed = match &node.kind {
            NodeKind::Literal(literal) => self.literal(literal),
            NodeKind::Slot(slot, ty) => Some(Typed::slot(*slot, ty.clone())),
            NodeKind::Promoted(inner) => self.node(inner)?.into_float().map(Typed::Float),
            NodeKind::Call { name, args } => {
                let builtin = builtin(&name.text)?;
                let args = args.iter().map(|arg| self.node(arg)).collect::<Option<Vec<Typed>>>()?;
                (builtin.build)(args)
            }
            NodeKind::Unary { op: UnaryOp::Not, operand } => match self.node(operand)? {
                Typed::Bool(bool) => Some(Typed::Bool(bool.not())),
                _ => None,
            },
            NodeKind::Unary { op: UnaryOp::Negate, operand } => negation(self.node(operand)?),
            NodeKind::Binary { op: BinaryOp::In, left, right } => self.membership(left, right),
            NodeKind::Binary { op, left, right } => return self.binary(*op, left, right),
            NodeKind::Conditional { condition, then, otherwise } => match self.node(condition)? {
                Typed::Bool(which) => {
                    let (then, otherwise) = (self.node(then)?, self.node(otherwise)?);
                    then.merge(otherwise, Choose(which))
                }
                _ => None,
            },
            _ => None,
        };
        typed.map(Open::Typed)
    }

    fn literal(&mut self, literal: &Literal) -> Option<Typed> {
        Some(match literal {
            Literal::Bool(bool) => Typed::Bool(Form::Fixed(Some(*bool))),
            Literal::Int(int) => Typed::Int(Form::Fixed(Some(*int))),
            Literal::Float(float) => Typed::Float(Form::Fixed(Some(*float))),
            Literal::Str(text) => Typed::Str(Form::Fixed(Some(self.scope.constant(text)))),
            Literal::Span(span) => Typed::Span(Form::Fixed(Some(*span))),
            Literal::Symbol(symbol) => Typed::Str(Form::Fixed(Some(*symbol))),
            Literal::Null | Literal::Uint(_) | Literal::Bytes(_) => return None,
        })
    }

    fn binary(&mut self, op: BinaryOp, left: &Node, right: &Node) -> Option<Open> {
        let (a, b) = (self.open(left)?, self.open(right)?);
        let (a, b) = match op {
            BinaryOp::Add | BinaryOp::Subtract | BinaryOp::Multiply => match sum::joined(op, a, b) {
                Ok(terms) => return Some(Open::Sum(terms)),
                Err(apart) => apart,
            },
            _ => (a, b),
        };
        let typed = match (op, a.settled(), b.settled()) {
            (BinaryOp::And, Typed::Bool(a), Typed::Bool(b)) => Some(Typed::Bool(a.logic(false, b))),
            (BinaryOp::Or, Typed::Bool(a), Typed::Bool(b)) => Some(Typed::Bool(a.logic(true, b))),
            (BinaryOp::And | BinaryOp::Or, ..) => None,
            (_, a, b) if op.binding() > BinaryOp::Less.binding() => arithmetic(op, a, b),
            (_, a, b) => comparison(op, a, b).map(Typed::Bool),
        };
        typed.map(Open::Typed)
    }

    /// `left in right`
    fn membership(&mut self, left: &Node, right: &Node) -> Option<Typed> {
        let x = self.node(left)?;
        if let NodeKind::List(nodes) = &right.kind {
            let elements = self.elements(nodes)?;
            return Some(Typed::Bool(in_literals(x, &elements)));
        }
        match self.node(right)? {
            Typed::List(of, list) if comparable(&x.ty(), &of) => Some(Typed::Bool(in_list(x, list))),
            _ => None,
        }
    }

    /// The literals of a list; `None` where one is none.
    fn elements(&mut self, nodes: &[Node]) -> Option<Vec<Element>> {
        let mut elements = Vec::with_capacity(nodes.len());
        for node in nodes {
            let NodeKind::Literal(literal) = &node.kind else { return None };
            let symbol = match literal {
                Literal::Str(text) => self.scope.constant(text),
                Literal::Null | Literal::Uint(_) | Literal::Bytes(_) => return None,
                _ => Symbol::default(),
            };
            elements.push((literal.clone(), symbol));
        }
        Some(elements)
    }
}
