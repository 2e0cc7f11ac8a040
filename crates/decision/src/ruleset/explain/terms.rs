//! A rule's condition taken apart by its text: the operands of its `&&`, and what they compare.

use super::shown;
use crate::ruleset::Told;
use domain::{Symbol, Type, Value};
use expr::{BinaryOp, Diagnostic, Node, NodeKind, Program, Scope, Texts};
use spec::plan::Decision;
use std::ops::Range;

/// One operand of a condition's `&&`.
#[derive(Clone, Debug, PartialEq)]
pub struct TermOfRule {
    /// As it is written.
    pub text: String,
    /// True, false, or missing.
    pub value: Value,
    /// The two sides of a comparison; else the facts that it reads.
    pub operands: Vec<OperandOfRule>,
}

impl TermOfRule {
    /// Whether it holds; none if it has no value.
    pub fn is_true(&self) -> Option<bool> {
        match self.value {
            Value::Bool(bool) => Some(bool),
            _ => None,
        }
    }
}

/// Something that a term reads or compares.
#[derive(Clone, Debug, PartialEq)]
pub struct OperandOfRule {
    /// As it is written.
    pub text: String,
    /// Its value.
    pub value: Value,
    /// The value as people read it; `?` for a missing one.
    pub shown: String,
}

/// The terms of a condition. One whose text cannot be read on its own is a single term.
pub(super) fn terms(
    decision: &Decision,
    when: &Program,
    row: &[Value],
    texts: &dyn Texts,
    told: Told<'_>,
) -> Vec<TermOfRule> {
    let facts = |program: &Program| {
        let named = program.slots().iter().map(|slot| (&decision.facts[usize::from(*slot)], &row[usize::from(*slot)]));
        let operand = named.map(|(fact, value)| OperandOfRule {
            text: fact.name.clone(),
            value: value.clone(),
            shown: shown(value, &fact.ty, told),
        });
        operand.collect::<Vec<_>>()
    };
    let whole =
        || TermOfRule { text: when.text().to_owned(), value: when.eval_with(row, texts), operands: facts(when) };
    let Ok(ast) = expr::parse(when.text()) else { return vec![whole()] };
    let mut scope = FactNames { decision, texts };
    let mut compiled = |node: &Node| expr::compile(&ast, node, &mut scope).ok();
    let terms = ast.root().conjuncts().into_iter().map(|node| {
        let program = compiled(node)?;
        let sides = sides(node).into_iter().flatten().filter(|side| !matches!(side.kind, NodeKind::Literal(_)));
        let operands: Option<Vec<OperandOfRule>> = sides
            .filter(|side| !matches!(side.kind, NodeKind::List(_)))
            .map(|side| {
                let program = compiled(side)?;
                let value = program.eval_with(row, texts);
                let shown = shown(&value, program.ty(), told);
                Some(OperandOfRule { text: ast.slice(side).to_owned(), value, shown })
            })
            .collect();
        let operands = operands.filter(|operands| !operands.is_empty()).unwrap_or_else(|| facts(&program));
        Some(TermOfRule { text: ast.slice(node).to_owned(), value: program.eval_with(row, texts), operands })
    });
    terms.collect::<Option<Vec<_>>>().unwrap_or_else(|| vec![whole()])
}

/// The sides of a comparison.
fn sides(node: &Node) -> Option<[&Node; 2]> {
    match &node.kind {
        NodeKind::Binary { op, left, right } if is_comparison(*op) => Some([left, right]),
        _ => None,
    }
}

fn is_comparison(op: BinaryOp) -> bool {
    use BinaryOp::{Equal, Greater, GreaterEqual, In, Less, LessEqual, NotEqual};
    matches!(op, Equal | NotEqual | Less | LessEqual | Greater | GreaterEqual | In)
}

/// Numbers that a fact is compared with, in a condition whose comparisons are no tests of constants: `amount > 3 * user.mean_7d`.
pub(super) fn compared_with(
    decision: &Decision,
    when: &Program,
    row: &[Value],
    texts: &dyn Texts,
    into: &mut dyn FnMut(u16, f64),
) {
    let Ok(ast) = expr::parse(when.text()) else { return };
    let mut scope = FactNames { decision, texts };
    let mut open = vec![ast.root()];
    while let Some(node) = open.pop() {
        open.extend(node.children());
        let Some([left, right]) = sides(node) else { continue };
        for (fact, other) in [(left, right), (right, left)] {
            if let NodeKind::Path(_) = fact.kind
                && let Ok(fact) = expr::compile(&ast, fact, &mut scope)
                && let [slot] = fact.slots()
                && let Ok(other) = expr::compile(&ast, other, &mut scope)
                && let Some(number) = other.eval_f64_with(row, texts)
            {
                into(*slot, number);
            }
        }
    }
}

/// The names of a decision's facts.
struct FactNames<'a> {
    decision: &'a Decision,
    texts: &'a dyn Texts,
}

impl FactNames<'_> {
    fn fact(&self, name: &str, span: Range<usize>) -> Result<(u16, Type), Diagnostic> {
        let at = self.decision.facts.iter().position(|fact| fact.name == name);
        let at = at.ok_or_else(|| Diagnostic::new("unknown_name", span, "no fact is called so"))?;
        Ok((at as u16, self.decision.facts[at].ty.clone()))
    }
}

impl Scope for FactNames<'_> {
    fn path(&mut self, path: &[&str], span: Range<usize>) -> Result<(u16, Type), Diagnostic> {
        match path {
            ["event", name] => self.fact(name, span),
            path => self.fact(&path.join("."), span),
        }
    }

    fn call(&mut self, name: &str, args: &[Node], span: Range<usize>) -> Option<Result<(u16, Type), Diagnostic>> {
        if !matches!(name, "listed" | "before") {
            return None;
        }
        let written = args.iter().map(|arg| match &arg.kind {
            NodeKind::Path(names) => names.iter().map(|name| name.text.as_str()).collect::<Vec<_>>().join("."),
            _ => "?".to_owned(),
        });
        let whole = format!("{name}({})", written.collect::<Vec<_>>().join(", "));
        Some(self.fact(&whole, span))
    }

    fn constant(&mut self, text: &str) -> Symbol {
        self.texts.symbol(text).unwrap_or(Symbol(u32::MAX / 2))
    }

    fn known_calls(&self) -> Vec<&str> {
        vec!["before", "listed"]
    }
}
