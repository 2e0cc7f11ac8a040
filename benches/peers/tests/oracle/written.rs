//! Random expressions of the shared subset, written from a row of numbers: well typed without any promotion, since CEL has none.

/// The types that are written.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Int,
    Uint,
    Float,
    Bool,
    Str,
    List,
}

/// An expression of some type.
pub(crate) fn written(numbers: &[u16]) -> String {
    let mut writer = Writer(numbers.iter());
    let kind = writer.kind();
    writer.text(kind, 4)
}

/// Where the numbers run out it takes the first choice, a leaf.
struct Writer<'a>(std::slice::Iter<'a, u16>);

impl Writer<'_> {
    fn choose(&mut self, count: usize) -> usize {
        self.0.next().map_or(0, |number| usize::from(*number) % count)
    }

    fn one(&mut self, texts: &[&str]) -> String {
        texts[self.choose(texts.len())].to_owned()
    }

    fn kind(&mut self) -> Kind {
        let all = [Kind::Bool, Kind::Int, Kind::Float, Kind::Str, Kind::List, Kind::Uint];
        all[self.choose(all.len())]
    }

    fn leaf(&mut self, kind: Kind) -> String {
        self.one(match kind {
            Kind::Int => &["i", "0", "1", "-3", "j", "9223372036854775807", "-9223372036854775808", "12"],
            Kind::Uint => &["2u", "0u", "18446744073709551615u", "7u"],
            Kind::Float => &["f", "0.0", "-0.0", "1.5", "-2e3", "1e308", "9007199254740993.0", "0.1"],
            Kind::Bool => &["b", "true", "false"],
            Kind::Str => &["s", "''", "'one'", "\"two\"", "'a b'", "'12'", "'-1.5'", "'zé'"],
            Kind::List => &["l", "[]", "[1]", "[3, 3, -1]"],
        })
    }

    fn two(&mut self, kind: Kind, ops: &[&str], below: u32) -> String {
        format!("({} {} {})", self.text(kind, below), self.one(ops), self.text(kind, below))
    }

    /// An expression of this type, at most this deep.
    fn text(&mut self, kind: Kind, depth: u32) -> String {
        let Some(below) = depth.checked_sub(1) else { return self.leaf(kind) };
        match self.choose(7) {
            0 => self.leaf(kind),
            1 => {
                let condition = self.text(Kind::Bool, below);
                format!("({condition} ? {} : {})", self.text(kind, below), self.text(kind, below))
            }
            _ => match kind {
                Kind::Int => self.int(below),
                Kind::Uint => self.uint(below),
                Kind::Float => self.float(below),
                Kind::Bool => self.condition(below),
                Kind::Str => self.string(below),
                Kind::List => self.list(below),
            },
        }
    }

    fn int(&mut self, below: u32) -> String {
        match self.choose(9) {
            0 => format!("(-({}))", self.text(Kind::Int, below)),
            1 => format!("size({})", self.text(Kind::List, below)),
            2 => format!("{}[{}]", self.text(Kind::List, below), self.text(Kind::Int, below)),
            3 => format!("int({})", self.text(Kind::Float, below)),
            4 => format!("int({})", self.text(Kind::Uint, below)),
            _ => self.two(Kind::Int, &["+", "-", "*", "/", "%"], below),
        }
    }

    fn uint(&mut self, below: u32) -> String {
        match self.choose(3) {
            0 => format!("uint({})", self.text(Kind::Int, below)),
            _ => self.two(Kind::Uint, &["+", "-", "*", "/", "%"], below),
        }
    }

    fn float(&mut self, below: u32) -> String {
        match self.choose(7) {
            0 => format!("(-({}))", self.text(Kind::Float, below)),
            1 => format!("double({})", self.text(Kind::Int, below)),
            2 => format!("double({})", self.one(&["'1.5'", "'x'", "'-2e3'", "s"])),
            _ => self.two(Kind::Float, &["+", "-", "*", "/"], below),
        }
    }

    fn condition(&mut self, below: u32) -> String {
        match self.choose(11) {
            0 | 1 => self.two(Kind::Bool, &["&&", "||", "==", "!="], below),
            2 => format!("!{}", self.text(Kind::Bool, below)),
            3 => self.two(Kind::Int, &["<", "<=", ">", ">=", "==", "!="], below),
            4 if self.choose(2) == 0 => self.two(Kind::Float, &["==", "!="], below),
            4 => self.ordered(below),
            5 => self.two(Kind::Str, &["<", "<=", ">", ">=", "==", "!="], below),
            6 => self.two(Kind::List, &["==", "!="], below),
            7 => format!("({} in {})", self.text(Kind::Int, below), self.text(Kind::List, below)),
            8 => {
                let name = self.one(&["contains", "startsWith", "endsWith"]);
                format!("{}.{name}({})", self.text(Kind::Str, below), self.text(Kind::Str, below))
            }
            9 => format!(
                "{}.matches({})",
                self.text(Kind::Str, below),
                self.one(&["'^o'", "'[a-z]+ b?'", "'1.$'", "''"])
            ),
            _ => {
                let (name, op) = (self.one(&["all", "exists", "exists_one"]), self.one(&["<", "==", ">="]));
                format!("{}.{name}(n, n {op} {})", self.text(Kind::List, below), self.text(Kind::Int, below))
            }
        }
    }

    /// Two floats that are no NaN: `cel` has no order for those.
    fn ordered(&mut self, below: u32) -> String {
        let int = self.text(Kind::Int, below);
        let (a, b) = (self.leaf(Kind::Float), self.leaf(Kind::Float));
        format!("(({a} {} {b}) {} double({int}))", self.one(&["+", "-"]), self.one(&["<", "<=", ">", ">="]))
    }

    fn string(&mut self, below: u32) -> String {
        match self.choose(4) {
            0 => format!("string({})", self.text(Kind::Int, below)),
            1 => format!("string({})", self.text(Kind::Str, below)),
            _ => self.two(Kind::Str, &["+"], below),
        }
    }

    fn list(&mut self, below: u32) -> String {
        match self.choose(5) {
            0 => format!(
                "{}.filter(n, n {} {})",
                self.text(Kind::List, below),
                self.one(&["<", "!=", ">="]),
                self.text(Kind::Int, below)
            ),
            1 => format!(
                "{}.map(n, n {} {})",
                self.text(Kind::List, below),
                self.one(&["+", "*", "/"]),
                self.text(Kind::Int, below)
            ),
            2 => format!("[{}, {}]", self.text(Kind::Int, below), self.text(Kind::Int, below)),
            _ => self.two(Kind::List, &["+"], below),
        }
    }
}
