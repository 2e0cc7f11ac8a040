//! What the library's functions take and give: CEL's standard ones, those of its string, math and optional extensions.

use super::Static;

/// One way to call a function.
#[derive(Clone, Debug)]
pub(crate) struct Signature {
    /// What it is called on, if it is.
    pub(crate) receiver: Option<Static>,
    pub(crate) params: Vec<Static>,
    pub(crate) result: Static,
    /// Type variables in it: `Var(0)` to one less than this.
    pub(crate) variables: usize,
}

/// Functions by name, with their signatures: `receiver.(params) result`, type variables in capitals.
const FUNCTIONS: &[(&str, &[&str])] = &[
    ("base64.decode", &["(string) bytes"]),
    ("base64.encode", &["(bytes) string"]),
    ("bool", &["(bool) bool", "(string) bool"]),
    ("bytes", &["(bytes) bytes", "(string) bytes"]),
    ("charAt", &["string.(int) string"]),
    ("contains", &["string.(string) bool"]),
    ("double", &["(double) double", "(int) double", "(uint) double", "(string) double"]),
    ("duration", &["(duration) duration", "(string) duration", "(int) duration"]),
    ("endsWith", &["string.(string) bool"]),
    ("format", &["string.(list(dyn)) string"]),
    ("getDate", CALENDAR),
    ("getDayOfMonth", CALENDAR),
    ("getDayOfWeek", CALENDAR),
    ("getDayOfYear", CALENDAR),
    ("getFullYear", CALENDAR),
    ("getHours", CLOCK),
    ("getMilliseconds", CLOCK),
    ("getMinutes", CLOCK),
    ("getMonth", CALENDAR),
    ("getSeconds", CLOCK),
    ("hasValue", &["optional(A).() bool"]),
    ("indexOf", &["string.(string) int", "string.(string,int) int"]),
    ("int", &["(int) int", "(uint) int", "(double) int", "(string) int", "(timestamp) int", "(duration) int"]),
    ("join", &["list(string).() string", "list(string).(string) string"]),
    ("lastIndexOf", &["string.(string) int", "string.(string,int) int"]),
    ("lowerAscii", &["string.() string"]),
    ("matches", &["string.(string) bool", "(string,string) bool"]),
    ("math.abs", NUMBER),
    ("math.bitAnd", BITS),
    ("math.bitNot", &["(int) int", "(uint) uint"]),
    ("math.bitOr", BITS),
    ("math.bitShiftLeft", SHIFT),
    ("math.bitShiftRight", SHIFT),
    ("math.bitXor", BITS),
    ("math.ceil", &["(double) double"]),
    ("math.floor", &["(double) double"]),
    ("math.greatest", &[]),
    ("math.isFinite", &["(double) bool"]),
    ("math.isInf", &["(double) bool"]),
    ("math.isNaN", &["(double) bool"]),
    ("math.least", &[]),
    ("math.round", &["(double) double"]),
    ("math.sign", NUMBER),
    ("math.sqrt", &["(double) double", "(int) double", "(uint) double"]),
    ("math.trunc", &["(double) double"]),
    ("optional.none", &["() optional(A)"]),
    ("optional.of", &["(A) optional(A)"]),
    ("optional.ofNonZeroValue", &["(A) optional(A)"]),
    ("or", &["optional(A).(optional(A)) optional(A)"]),
    ("orValue", &["optional(A).(A) A"]),
    ("replace", &["string.(string,string) string", "string.(string,string,int) string"]),
    ("reverse", &["string.() string"]),
    (
        "size",
        &[
            "(string) int",
            "(bytes) int",
            "(list(A)) int",
            "(map(A,B)) int",
            "string.() int",
            "bytes.() int",
            "list(A).() int",
            "map(A,B).() int",
        ],
    ),
    ("split", &["string.(string) list(string)", "string.(string,int) list(string)"]),
    ("startsWith", &["string.(string) bool"]),
    (
        "string",
        &[
            "(string) string",
            "(bool) string",
            "(int) string",
            "(uint) string",
            "(double) string",
            "(bytes) string",
            "(timestamp) string",
            "(duration) string",
        ],
    ),
    ("strings.quote", &["(string) string"]),
    ("substring", &["string.(int) string", "string.(int,int) string"]),
    ("timestamp", &["(timestamp) timestamp", "(string) timestamp", "(int) timestamp"]),
    ("trim", &["string.() string"]),
    ("type", &["(A) type(A)"]),
    ("uint", &["(uint) uint", "(int) uint", "(double) uint", "(string) uint"]),
    ("upperAscii", &["string.() string"]),
    ("value", &["optional(A).() A"]),
];

const CALENDAR: &[&str] = &["timestamp.() int", "timestamp.(string) int"];
const CLOCK: &[&str] = &["timestamp.() int", "timestamp.(string) int", "duration.() int"];
const NUMBER: &[&str] = &["(int) int", "(uint) uint", "(double) double"];
const BITS: &[&str] = &["(int,int) int", "(uint,uint) uint"];
const SHIFT: &[&str] = &["(int,int) int", "(uint,int) uint"];

fn entry(name: &str) -> Option<&'static (&'static str, &'static [&'static str])> {
    FUNCTIONS.binary_search_by_key(&name, |(name, _)| name).ok().map(|index| &FUNCTIONS[index])
}

/// Whether the library has a function of this name, with its namespace: `size`, `math.abs`.
pub(crate) fn is_function(name: &str) -> bool {
    entry(name).is_some()
}

/// The names of all functions.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    FUNCTIONS.iter().map(|(name, _)| *name)
}

/// The ways to call a function.
pub(crate) fn signatures(name: &str) -> impl Iterator<Item = Signature> {
    entry(name).into_iter().flat_map(|(_, texts)| texts.iter()).map(|text| signature(text))
}

fn signature(text: &str) -> Signature {
    let mut reader = Reader { rest: text, variables: 0 };
    let receiver = (!text.starts_with('(')).then(|| reader.ty());
    reader.take(".");
    reader.take("(");
    let mut params = Vec::new();
    while !reader.take(")") {
        params.push(reader.ty());
        reader.take(",");
    }
    reader.take(" ");
    let result = reader.ty();
    Signature { receiver, params, result, variables: reader.variables }
}

/// Reads the texts of `FUNCTIONS`, which are ours.
struct Reader<'t> {
    rest: &'t str,
    variables: usize,
}

impl<'t> Reader<'t> {
    fn take(&mut self, what: &str) -> bool {
        let rest = self.rest.strip_prefix(what);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn ty(&mut self) -> Static {
        let length = self.rest.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(self.rest.len());
        let (name, rest) = self.rest.split_at(length);
        self.rest = rest;
        match name {
            "list" => Static::List(self.inside()),
            "optional" => Static::Optional(self.inside()),
            "type" => Static::Type(self.inside()),
            "map" => {
                self.take("(");
                let key = self.ty();
                self.take(",");
                let value = self.ty();
                self.take(")");
                Static::Map(Box::new(key), Box::new(value))
            }
            "A" | "B" => {
                let variable = usize::from(name == "B");
                self.variables = self.variables.max(variable + 1);
                Static::Var(variable as u32)
            }
            name => simple(name).unwrap_or(Static::Dyn),
        }
    }

    fn inside(&mut self) -> Box<Static> {
        self.take("(");
        let of = self.ty();
        self.take(")");
        Box::new(of)
    }
}

fn simple(name: &str) -> Option<Static> {
    Some(match name {
        "bool" => Static::Bool,
        "int" => Static::Int,
        "uint" => Static::Uint,
        "double" => Static::Float,
        "string" => Static::Str,
        "bytes" => Static::Bytes,
        "timestamp" | "google.protobuf.Timestamp" => Static::Time,
        "duration" | "google.protobuf.Duration" => Static::Span,
        "null_type" => Static::Null,
        _ => return None,
    })
}

/// The type that a name means as a value: `int`, `list`, `optional_type`.
pub(crate) fn type_constant(name: &str) -> Option<Static> {
    let dynamic = || Box::new(Static::Dyn);
    Some(match name {
        "list" => Static::List(dynamic()),
        "map" => Static::Map(dynamic(), dynamic()),
        "type" => Static::Type(dynamic()),
        "optional_type" => Static::Optional(dynamic()),
        "timestamp" | "duration" => return None,
        name => return simple(name),
    })
}
