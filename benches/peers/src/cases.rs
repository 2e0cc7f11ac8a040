//! What is measured: expressions as each engine writes them, and the rows that they are evaluated on.

/// Rows that evaluations go round. As many as a block has.
pub(crate) const ROWS: usize = 64;

/// One row: what an expression may name. `None` is a missing value.
pub(crate) struct Row {
    pub(crate) numbers: Vec<(&'static str, Option<f64>)>,
    pub(crate) country: String,
}

pub(crate) struct Case {
    pub(crate) name: &'static str,
    text: fn() -> String,
    /// Where a language writes it otherwise.
    cel: Option<&'static str>,
    zen: Option<&'static str>,
}

/// An expression in each language.
pub(crate) struct Texts {
    pub(crate) ours: String,
    pub(crate) cel: String,
    pub(crate) zen: String,
}

impl Case {
    pub(crate) fn texts(&self) -> Texts {
        let ours = (self.text)();
        let (cel, zen) = (self.cel.map_or_else(|| ours.clone(), str::to_owned), self.zen.map(str::to_owned));
        let zen = zen.unwrap_or_else(|| ours.replace("&&", "and"));
        Texts { ours, cel, zen }
    }
}

/// The predicate is true in all its terms for each row, the worst case: no evaluator may stop early.
pub(crate) const CASES: &[Case] = &[
    Case {
        name: "predicate",
        text: || "amount > 1000.0 && country == \"US\" && risk >= 0.98".to_owned(),
        cel: None,
        zen: None,
    },
    Case {
        name: "score",
        text: || "0.5 * a + 0.3 * b - 0.2 * c + 0.1 * d + 0.05 * e + 0.01 * f".to_owned(),
        cel: None,
        zen: None,
    },
    Case { name: "in_100", text: in_100, cel: None, zen: None },
    Case {
        name: "default",
        text: || "default(a, 0.0) + 2.0 * default(absent, 1.0)".to_owned(),
        cel: Some("(has(row.a) ? row.a : 0.0) + 2.0 * (has(row.absent) ? row.absent : 1.0)"),
        zen: Some("(a ?? 0.0) + 2.0 * (absent ?? 1.0)"),
    },
    Case { name: "equality", text: || "country == \"US\"".to_owned(), cel: None, zen: None },
];

/// Countries of which the last is the rows'.
fn in_100() -> String {
    let mut names: Vec<String> = (0..99).map(|number| format!("\"C{number}\"")).collect();
    names.push("\"US\"".to_owned());
    format!("country in [{}]", names.join(", "))
}

/// The names of numbers, in the order of their slots.
pub(crate) const NUMBERS: [&str; 9] = ["amount", "risk", "a", "b", "c", "d", "e", "f", "absent"];

pub(crate) fn rows() -> Vec<Row> {
    let row = |number: usize| {
        let of = number as f64;
        let values = [1_001.0 + of, 0.98 + of / 4_096.0, of, of / 2.0, 3.0, of * 0.25, 1.5, -of];
        let present = NUMBERS.into_iter().zip(values).map(|(name, value)| (name, Some(value)));
        Row { numbers: present.chain([("absent", None)]).collect(), country: "US".to_owned() }
    };
    (0..ROWS).map(row).collect()
}
