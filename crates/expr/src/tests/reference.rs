//! The slow, obvious interpreter that the compiled closures are compared with: it walks the tree for every row,
//! finds the static type of a node anew each time, and knows nothing of operand shapes.

use super::slot;
use crate::{BinaryOp, Literal, Node, NodeKind, UnaryOp};
use domain::{Span, Symbol, Time, Type, Value};
use std::cmp::Ordering;

/// The value of a program: a NaN is missing.
pub(crate) fn evaluate(node: &Node, constants: &[String], row: &[Value]) -> Value {
    match (Reference { constants, row }).node(node) {
        Value::Float(float) if float.is_nan() => Value::Missing,
        value => value,
    }
}

struct Reference<'a> {
    constants: &'a [String],
    row: &'a [Value],
}

fn is_missing(value: &Value) -> bool {
    matches!(value, Value::Missing) || matches!(value, Value::Float(float) if float.is_nan())
}

/// The static type of a well-typed node.
fn ty(node: &Node) -> Type {
    match &node.kind {
        NodeKind::Literal(literal) => match literal {
            Literal::Bool(_) => Type::Bool,
            Literal::Int(_) => Type::Int,
            Literal::Float(_) => Type::Float,
            Literal::Str(_) => Type::Str,
            Literal::Span(_) => Type::Span,
            _ => panic!("not in a compiled expression"),
        },
        NodeKind::Path(names) => slot(&names[0].text, &names[1].text).unwrap().1,
        NodeKind::Call { name, args } => match name.text.as_str() {
            "has" => Type::Bool,
            "abs" => ty(&args[0]),
            "min" | "max" | "clamp" | "default" => args.iter().map(ty).reduce(both).unwrap(),
            _ => Type::Float,
        },
        NodeKind::Unary { op: UnaryOp::Not, .. } | NodeKind::Binary { op: BinaryOp::In, .. } => Type::Bool,
        NodeKind::Unary { operand, .. } => ty(operand),
        NodeKind::Binary { op, left, right } => match (op, ty(left), ty(right)) {
            (BinaryOp::Subtract, Type::Time, Type::Time) => Type::Span,
            (BinaryOp::Divide, Type::Span, Type::Span) => Type::Float,
            (BinaryOp::Add, Type::Span, Type::Time) => Type::Time,
            (BinaryOp::Add | BinaryOp::Subtract | BinaryOp::Multiply, a, b) => both(a, b),
            (BinaryOp::Divide | BinaryOp::Remainder, a, b) => both(a, b),
            _ => Type::Bool,
        },
        NodeKind::Conditional { then, otherwise, .. } => both(ty(then), ty(otherwise)),
        _ => panic!("a list has no place of its own"),
    }
}

fn both(a: Type, b: Type) -> Type {
    if a == Type::Int && b == Type::Float { b } else { a }
}

fn promoted(value: Value, to: &Type) -> Value {
    match value {
        Value::Int(int) if *to == Type::Float => Value::Float(int as f64),
        value => value,
    }
}

/// Numbers compared by their exact binary digits: a float is a whole number times a power of two.
fn compare(a: &Value, b: &Value) -> Option<Ordering> {
    match (a, b) {
        (Value::Int(a), Value::Int(b)) => Some(a.cmp(b)),
        (Value::Float(a), Value::Float(b)) => a.partial_cmp(b),
        (Value::Int(a), Value::Float(b)) => exactly(*a, *b),
        (Value::Float(a), Value::Int(b)) => exactly(*b, *a).map(Ordering::reverse),
        (Value::Time(a), Value::Time(b)) => Some(a.cmp(b)),
        (Value::Span(a), Value::Span(b)) => Some(a.cmp(b)),
        (a, b) => (a == b).then_some(Ordering::Equal),
    }
}

fn exactly(int: i64, float: f64) -> Option<Ordering> {
    if float.is_nan() {
        return None;
    }
    if float.abs() > 1e30 {
        return Some(if float > 0.0 { Ordering::Less } else { Ordering::Greater });
    }
    let (below, above) = (float.floor() as i128, float.ceil() as i128);
    let int = i128::from(int);
    Some(if int > below && int >= above && below != above {
        Ordering::Greater
    } else if below != above {
        Ordering::Less
    } else {
        int.cmp(&below)
    })
}

impl Reference<'_> {
    fn node(&self, node: &Node) -> Value {
        match &node.kind {
            NodeKind::Literal(literal) => self.literal(literal),
            NodeKind::Path(names) => self.row[usize::from(slot(&names[0].text, &names[1].text).unwrap().0)].clone(),
            NodeKind::Call { name, args } => self.call(&name.text, args, &ty(node)),
            NodeKind::Unary { op, operand } => match (op, self.node(operand)) {
                (UnaryOp::Not, Value::Bool(bool)) => Value::Bool(!bool),
                (UnaryOp::Negate, Value::Int(int)) => int.checked_neg().map_or(Value::Missing, Value::Int),
                (UnaryOp::Negate, Value::Float(float)) => Value::Float(-float),
                (UnaryOp::Negate, Value::Span(Span(ms))) => {
                    ms.checked_neg().map_or(Value::Missing, |ms| Value::Span(Span(ms)))
                }
                _ => Value::Missing,
            },
            NodeKind::Binary { op, left, right } => self.binary(*op, left, right, &ty(node)),
            NodeKind::Conditional { condition, then, otherwise } => match self.node(condition) {
                Value::Bool(true) => promoted(self.node(then), &ty(node)),
                Value::Bool(false) => promoted(self.node(otherwise), &ty(node)),
                _ => Value::Missing,
            },
            _ => panic!("a list has no value of its own"),
        }
    }

    fn literal(&self, literal: &Literal) -> Value {
        match literal {
            Literal::Bool(bool) => Value::Bool(*bool),
            Literal::Int(int) => Value::Int(*int),
            Literal::Float(float) => Value::Float(*float),
            Literal::Span(span) => Value::Span(*span),
            Literal::Str(text) => {
                Value::Str(Symbol(self.constants.iter().position(|constant| **constant == **text).unwrap() as u32))
            }
            _ => panic!("not in a compiled expression"),
        }
    }

    fn binary(&self, op: BinaryOp, left: &Node, right: &Node, of: &Type) -> Value {
        if let (BinaryOp::In, NodeKind::List(nodes)) = (op, &right.kind) {
            let list = nodes.iter().map(|node| self.node(node)).collect();
            return among(self.node(left), list);
        }
        let (a, b) = (self.node(left), self.node(right));
        match (op, &a, &b) {
            (BinaryOp::And, Value::Bool(false), _) | (BinaryOp::And, _, Value::Bool(false)) => Value::Bool(false),
            (BinaryOp::Or, Value::Bool(true), _) | (BinaryOp::Or, _, Value::Bool(true)) => Value::Bool(true),
            (_, Value::Missing, _) | (_, _, Value::Missing) => Value::Missing,
            (BinaryOp::And, ..) => Value::Bool(true),
            (BinaryOp::Or, ..) => Value::Bool(false),
            (BinaryOp::In, _, Value::List(list)) => among(a, list.to_vec()),
            (BinaryOp::Equal, ..) => Value::Bool(compare(&a, &b) == Some(Ordering::Equal)),
            (BinaryOp::NotEqual, ..) => Value::Bool(compare(&a, &b) != Some(Ordering::Equal)),
            (BinaryOp::Less, ..) => Value::Bool(compare(&a, &b) == Some(Ordering::Less)),
            (BinaryOp::Greater, ..) => Value::Bool(compare(&a, &b) == Some(Ordering::Greater)),
            (BinaryOp::LessEqual, ..) => Value::Bool(compare(&a, &b).is_some_and(|order| order.is_le())),
            (BinaryOp::GreaterEqual, ..) => Value::Bool(compare(&a, &b).is_some_and(|order| order.is_ge())),
            _ if *of == Type::Float && ty(left) != Type::Span => float_arithmetic(op, &a, &b),
            _ => whole_arithmetic(op, &a, &b).unwrap_or_default(),
        }
    }

    fn call(&self, name: &str, args: &[Node], of: &Type) -> Value {
        if name == "count" {
            return self.row[usize::from(slot("count", args[0].as_name().unwrap()).unwrap().0)].clone();
        }
        let values: Vec<Value> = args.iter().map(|arg| promoted(self.node(arg), of)).collect();
        match name {
            "has" => return Value::Bool(!is_missing(&values[0])),
            "default" if is_missing(&values[0]) => return values[1].clone(),
            "default" => return values[0].clone(),
            _ => {}
        }
        if values.contains(&Value::Missing) {
            return Value::Missing;
        }
        if *of == Type::Int {
            return int_function(name, &values.iter().map(whole).collect::<Vec<_>>());
        }
        float_function(name, &values.iter().map(|value| value.as_f64().unwrap()).collect::<Vec<_>>())
    }
}

fn whole(value: &Value) -> i64 {
    match value {
        Value::Int(int) => *int,
        _ => panic!("an int expression has ints in it"),
    }
}

fn among(x: Value, list: Vec<Value>) -> Value {
    match x {
        Value::Missing => Value::Missing,
        x => Value::Bool(
            list.iter().any(|element| *element != Value::Missing && compare(&x, element) == Some(Ordering::Equal)),
        ),
    }
}

fn float_arithmetic(op: BinaryOp, a: &Value, b: &Value) -> Value {
    let (a, b) = (a.as_f64().unwrap(), b.as_f64().unwrap());
    Value::Float(match op {
        BinaryOp::Add => a + b,
        BinaryOp::Subtract => a - b,
        BinaryOp::Multiply => a * b,
        _ => a / b,
    })
}

fn whole_arithmetic(op: BinaryOp, a: &Value, b: &Value) -> Option<Value> {
    let time = |ms: i128| {
        let representable = (-62_135_596_800_000..=253_402_300_799_999).contains(&ms);
        representable.then_some(Value::Time(Time(ms as i64)))
    };
    let ms = |value: &Value| match value {
        Value::Int(ms) | Value::Time(Time(ms)) | Value::Span(Span(ms)) => i128::from(*ms),
        _ => panic!("not a whole number"),
    };
    let (x, y) = (ms(a), ms(b));
    let exact = match op {
        BinaryOp::Add => x + y,
        BinaryOp::Subtract => x - y,
        BinaryOp::Multiply => x * y,
        BinaryOp::Divide if matches!(a, Value::Span(_)) => return Some(Value::Float(x as f64 / y as f64)),
        BinaryOp::Divide => x.checked_div(y)?,
        // As CEL: the remainder of the smallest int by -1 is an error, since the quotient is.
        _ if x == i128::from(i64::MIN) && y == -1 => return None,
        _ => x.checked_rem(y)?,
    };
    match (a, b) {
        (Value::Int(_), _) => i64::try_from(exact).ok().map(Value::Int),
        (Value::Time(_), Value::Time(_)) | (Value::Span(_), Value::Span(_)) => {
            i64::try_from(exact).ok().map(|ms| Value::Span(Span(ms)))
        }
        _ => time(exact),
    }
}

fn int_function(name: &str, args: &[i64]) -> Value {
    match name {
        "abs" => args[0].checked_abs().map_or(Value::Missing, Value::Int),
        "min" => Value::Int(*args.iter().min().unwrap()),
        "max" => Value::Int(*args.iter().max().unwrap()),
        _ if args[1] > args[2] => Value::Missing,
        _ => Value::Int(args[0].clamp(args[1], args[2])),
    }
}

fn float_function(name: &str, args: &[f64]) -> Value {
    let any_nan = args.iter().any(|arg| arg.is_nan());
    let first_best = |better: fn(&f64, &f64) -> bool| {
        let mut best = args[0];
        for arg in args {
            if better(arg, &best) {
                best = *arg;
            }
        }
        if any_nan { f64::NAN } else { best }
    };
    Value::Float(match name {
        "abs" => args[0].abs(),
        "floor" => args[0].floor(),
        "ceil" => args[0].ceil(),
        "round" => args[0].round(),
        "sqrt" => args[0].sqrt(),
        "ln" => libm::log(args[0]),
        "log2" => libm::log2(args[0]),
        "exp" => libm::exp(args[0]),
        "pow" => libm::pow(args[0], args[1]),
        "min" => first_best(f64::lt),
        "max" => first_best(f64::gt),
        _ if args[1].is_nan() || args[2].is_nan() || args[1] > args[2] => return Value::Missing,
        _ if args[0].is_nan() => f64::NAN,
        _ if args[0] < args[1] => args[1],
        _ if args[0] > args[2] => args[2],
        _ => args[0],
    })
}
