//! Random well-typed expressions, written from a row of numbers, and the slots that they name. `cargo xtask fuzz` takes this file too.

use domain::Type;

/// The names of the slots in their order.
pub(crate) const SLOTS: &[(&str, &str)] = &[
    ("b", "x"),
    ("b", "y"),
    ("i", "x"),
    ("i", "y"),
    ("f", "x"),
    ("f", "y"),
    ("s", "x"),
    ("s", "y"),
    ("t", "x"),
    ("t", "y"),
    ("d", "x"),
    ("d", "y"),
    ("e", "x"),
    ("e", "y"),
    ("o", "x"),
    ("li", "x"),
    ("lf", "x"),
    ("ls", "x"),
    ("le", "x"),
    ("count", "view"),
];

/// The type of the slots with this first name.
pub(crate) fn slot_type(first: &str) -> Type {
    match first {
        "b" => Type::Bool,
        "i" => Type::Int,
        "f" | "count" => Type::Float,
        "s" => Type::Str,
        "t" => Type::Time,
        "d" => Type::Span,
        "e" => Type::Entity(0),
        "o" => Type::Entity(1),
        "li" => Type::List(Box::new(Type::Int)),
        "lf" => Type::List(Box::new(Type::Float)),
        "ls" => Type::List(Box::new(Type::Str)),
        _ => Type::List(Box::new(Type::Entity(0))),
    }
}

/// A well-typed expression of some type.
pub(crate) fn written(numbers: &[u16]) -> String {
    let mut writer = Writer(numbers.iter());
    let ty = writer.any_type();
    writer.text(&ty, 4)
}

/// Turns a row of random numbers into an expression; where they run out it takes the first choice, a leaf.
struct Writer<'a>(std::slice::Iter<'a, u16>);

impl Writer<'_> {
    fn choose(&mut self, count: usize) -> usize {
        self.0.next().map_or(0, |number| usize::from(*number) % count)
    }

    fn one(&mut self, texts: &[&str]) -> String {
        texts[self.choose(texts.len())].to_owned()
    }

    fn leaf(&mut self, ty: &Type) -> String {
        self.one(match ty {
            Type::Bool => &["b.x", "b.y", "true", "false"],
            Type::Int => &["i.x", "i.y", "0", "1", "-3", "9223372036854775807", "-9223372036854775808"],
            Type::Float => &["f.x", "f.y", "0.0", "1.5", "-2e3", "1e308", "9007199254740993.0", "count(view)"],
            Type::Str => &["s.x", "s.y", "'zero'", "\"one\"", "'two'"],
            Type::Time => &["t.x", "t.y"],
            Type::Span => &["d.x", "d.y", "10m", "-1.5s"],
            _ => &["e.x", "e.y"],
        })
    }

    fn two(&mut self, a: Type, ops: &[&str], b: Type, depth: u32) -> String {
        format!("({} {} {})", self.text(&a, depth), self.one(ops), self.text(&b, depth))
    }

    fn call(&mut self, names: &[&str], args: &[Type], depth: u32) -> String {
        let name = self.one(names);
        let args: Vec<String> = args.iter().map(|ty| self.text(ty, depth)).collect();
        format!("{name}({})", args.join(", "))
    }

    fn number(&mut self) -> Type {
        if self.choose(2) == 0 { Type::Int } else { Type::Float }
    }

    fn any_type(&mut self) -> Type {
        let types = [Type::Float, Type::Bool, Type::Int, Type::Str, Type::Time, Type::Span, Type::Entity(0)];
        types[self.choose(types.len())].clone()
    }

    /// An expression of this type, at most this deep.
    fn text(&mut self, ty: &Type, depth: u32) -> String {
        let Some(below) = depth.checked_sub(1) else { return self.leaf(ty) };
        match self.choose(8) {
            0 | 1 => self.leaf(ty),
            2 => {
                let which = self.text(&Type::Bool, below);
                format!("({which} ? {} : {})", self.text(ty, below), self.text(ty, below))
            }
            3 => self.call(&["default"], &[ty.clone(), ty.clone()], below),
            _ => match ty {
                Type::Bool => self.condition(below),
                Type::Int => self.int(below),
                Type::Float => self.float(below),
                Type::Time => match self.choose(2) {
                    0 => self.two(Type::Time, &["+", "-"], Type::Span, below),
                    _ => self.two(Type::Span, &["+"], Type::Time, below),
                },
                Type::Span => match self.choose(3) {
                    0 => self.two(Type::Time, &["-"], Type::Time, below),
                    1 => self.two(Type::Span, &["+", "-"], Type::Span, below),
                    _ => format!("(-{})", self.text(&Type::Span, below)),
                },
                Type::Str => match self.choose(3) {
                    0 => self.two(Type::Str, &["+"], Type::Str, below),
                    1 => format!("string({})", self.text(&Type::Int, below)),
                    _ => format!("{}.upperAscii()", self.text(&Type::Str, below)),
                },
                ty => self.leaf(ty),
            },
        }
    }

    fn int(&mut self, below: u32) -> String {
        match self.choose(6) {
            0 => format!("(-{})", self.text(&Type::Int, below)),
            1 => self.call(&["min", "max", "clamp"], &[Type::Int, Type::Int, Type::Int], below),
            2 => self.call(&["abs"], &[Type::Int], below),
            _ => self.two(Type::Int, &["+", "-", "*", "/", "%"], Type::Int, below),
        }
    }

    fn float(&mut self, below: u32) -> String {
        let (a, b) = (self.number(), self.number());
        let ops = &["+", "-", "*", "/"];
        match self.choose(15) {
            14 => {
                let (a, b) = (self.one(&["lf.x", "li.x"]), self.one(&["li.x", "default(lf.x, lf.x)"]));
                format!("{}({a}, {b})", self.one(&["dot", "cosine"]))
            }
            0 => self.two(Type::Span, &["/"], Type::Span, below),
            12 | 13 => self.chain(),
            1 => format!("(-{})", self.text(&Type::Float, below)),
            2 => self.call(&["min", "max"], &[a, Type::Float, b, Type::Float, Type::Float], below),
            3 => self.call(&["clamp", "min", "max"], &[a, Type::Float, b], below),
            4 => self.call(&["default"], &[Type::Int, Type::Float], below),
            5 => self.call(&["floor", "ceil", "round", "sqrt", "ln", "log2", "exp"], &[a], below),
            6 => self.call(&["pow"], &[a, b], below),
            7 => self.call(&["abs"], &[Type::Float], below),
            8 | 9 => self.two(Type::Float, ops, a, below),
            _ => self.two(a, ops, Type::Float, below),
        }
    }

    /// A sum of up to ten terms without brackets, as scores are written.
    fn chain(&mut self) -> String {
        let mut text = "f.x".to_owned();
        for _ in 0..1 + self.choose(9) {
            let number = self.number();
            let (factor, op) = (self.one(&["0.5", "-2", "i.x", "1e308"]), self.one(&["+", "-"]));
            let x = self.leaf(&number);
            let term = match self.choose(5) {
                0 => format!("{factor} * {x}"),
                1 => format!("{x} * {factor} * f.y * (f.x - 1.0) * default(f.y, 2)"),
                2 => format!("{factor} * default(f.y, 0.25)"),
                3 => format!("0.5 * (f.x - {x})"),
                _ => x,
            };
            text = format!("{text} {op} {term}");
        }
        format!("({text})")
    }

    fn condition(&mut self, below: u32) -> String {
        let ordered: &[&str] = &["<", "<=", ">", ">=", "==", "!="];
        let (a, b) = (self.number(), self.number());
        match self.choose(15) {
            0 | 1 => self.two(Type::Bool, &["&&", "||", "==", "!="], Type::Bool, below),
            2 => format!("!{}", self.text(&Type::Bool, below)),
            3 | 4 => self.two(a, ordered, b, below),
            5 => self.two(Type::Time, ordered, Type::Time, below),
            6 => self.two(Type::Span, ordered, Type::Span, below),
            7 => self.two(Type::Str, &["==", "!="], Type::Str, below),
            8 => self.two(Type::Entity(0), &["==", "!="], Type::Entity(0), below),
            9 => {
                let ty = self.any_type();
                self.call(&["has"], &[ty], below)
            }
            12 => self.over_a_list(below),
            13 => self.of_texts(),
            14 => {
                let list = format!("[{}, {}, 1]", self.text(&a, below), self.text(&b, below));
                format!("({} in {list})", self.text(&Type::Float, below))
            }
            _ => self.membership(below),
        }
    }

    /// What only the interpreter computes, beside what has closures.
    fn over_a_list(&mut self, below: u32) -> String {
        let (list, of) = match self.choose(3) {
            0 => ("li.x", Type::Int),
            1 => ("lf.x", Type::Float),
            _ => ("[1, 7, -3]", Type::Int),
        };
        let op = self.one(&["<", "==", ">="]);
        let x = self.text(&of, below);
        match self.choose(5) {
            0 => format!("{list}.exists(n, n {op} {x})"),
            1 => format!("{list}.all(n, n {op} {x})"),
            2 => format!("(size({list}.filter(n, n {op} {x})) {op} 2)"),
            3 => format!("({list}[1] {op} {x})"),
            _ => format!("{list}.map(n, n {op} {x}, abs(n)).exists_one(n, n == {x})"),
        }
    }

    fn of_texts(&mut self) -> String {
        let (a, b) = (self.leaf(&Type::Str), self.leaf(&Type::Str));
        self.one(&[
            &format!("({a} < {b})"),
            &format!("{a}.startsWith('t')"),
            &format!("({a} + {b}).matches('^[ot]')"),
            &format!("({a} in ls.x.map(n, n + 'x'))"),
            &format!("ls.x.exists(n, n == {a} && {a} != {b})"),
            &format!("({{{a}: 1, {b}: 2}}[?{b}].orValue(0) in [i.x, 2])"),
            &format!("(ls.x.filter(n, n != {a}) == [{b}])"),
            &format!("(dyn({a}) == {b})"),
            &format!("(string(i.x) + string(b.x) in ['7true', {a}])"),
            "(string(i.y) != '-1' && string(b.y) == 'true')",
            &format!("(base64.encode(bytes({a})) == 'dHdv' || string(f.x) == '0')"),
        ])
    }

    fn membership(&mut self, below: u32) -> String {
        let long = "[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 1.5, 9007199254740993, 9007199254740993.0]";
        let (ty, lists): (Type, &[&str]) = match self.choose(6) {
            0 => (Type::Str, &["['zero', 'two',]", "ls.x", "[]"]),
            1 => (Type::Span, &["[10m, 1s]"]),
            2 => (Type::Entity(0), &["le.x", "[]"]),
            3 => (Type::Bool, &["[true]"]),
            _ => (self.number(), &["li.x", "lf.x", "[]", "[1, -3.0, 0.5]", "[9007199254740993]", long]),
        };
        let list = self.one(lists);
        format!("({} in {list})", self.text(&ty, below))
    }
}
