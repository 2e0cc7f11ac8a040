//! Features: their order of dependency, cycles, and which of them keep their order of entities over time.

use super::scope::{Place, Scope, held_paths, paths};
use super::{Builder, ITEM, Outcome};
use crate::diagnostic::{Issue, quoted};
use crate::plan::{Feature, Slot, SlotSource};
use crate::source::Source;
use crate::yaml::Text;
use domain::{Span, Type, limits};
use expr::{Ast, BinaryOp, Node, NodeKind};
use std::rc::Rc;

/// A declared feature.
struct Declared<'s> {
    table: u16,
    name: &'s Text,
    expression: &'s Text,
    ast: Option<Rc<Ast>>,
    /// Which declared features it reads.
    reads: Vec<usize>,
}

/// How far the search for an order has come with a feature.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Visit {
    New,
    Open,
    Closed,
}

impl Builder<'_> {
    /// Compiles all features in an order in which each reads only earlier ones.
    pub(super) fn features(&mut self, source: &Source) {
        let mut declared = self.declare(source);
        if declared.len() > limits::SPEC_ITEMS_MAX {
            let message =
                format!("there are {} features; at most {} are allowed", declared.len(), limits::SPEC_ITEMS_MAX);
            self.issues.push(Issue::new("too_many", &declared[0].name.span, message));
            return;
        }
        for feature in &mut declared {
            feature.ast = self.parse(feature.expression).map(Rc::new);
            let mut found = Vec::new();
            if let Some(ast) = &feature.ast {
                paths(self, ast.root(), &mut found);
                held_paths(self, ast.root(), &mut found);
            }
            let reads = found.iter().filter_map(|names| {
                let names: Vec<&str> = names.iter().map(|name| name.text.as_str()).collect();
                self.feature_of(feature.table, &names)
            });
            feature.reads = reads.collect();
        }
        self.asts = declared.iter().map(|feature| feature.ast.clone()).collect();
        for index in self.order(&declared) {
            if self.issues.full() {
                return;
            }
            self.outcomes[index] = self.feature(&declared[index], self.outcomes[index]);
        }
    }

    fn declare<'s>(&mut self, source: &'s Source) -> Vec<Declared<'s>> {
        let mut declared = Vec::new();
        for of in &source.tables {
            // A table with a wrong name has no row to count in: its features are left alone.
            let Some(table) = self.table(&of.name.text) else { continue };
            for (name, expression) in &of.features {
                self.check_attribute_name(table, name);
                self.declared.insert((table, name.text.clone()), declared.len());
                self.declared_tables.push(table);
                self.outcomes.push(Outcome::Pending);
                declared.push(Declared { table, name, expression, ast: None, reads: Vec::new() });
            }
        }
        declared
    }

    fn check_attribute_name(&mut self, table: u16, name: &Text) {
        let table = &self.tables[usize::from(table)];
        if table.cross.is_none() && self.field(table.entity, &name.text).is_some() {
            let message = format!("{} is an attribute of `{}` already", quoted(&name.text), table.name);
            self.issues.push(Issue::new("duplicate_name", &name.span, message).help("rename the feature"));
        }
    }

    /// An order in which each feature stands after those it reads. Cycles are noted and left out.
    fn order(&mut self, declared: &[Declared<'_>]) -> Vec<usize> {
        let mut visits = vec![Visit::New; declared.len()];
        let mut order = Vec::new();
        for start in 0..declared.len() {
            // Depth first with a stack of its own: (feature, how many of its reads are done).
            let mut stack = vec![(start, 0)];
            if visits[start] != Visit::New {
                continue;
            }
            visits[start] = Visit::Open;
            while let Some((index, done)) = stack.last_mut() {
                let index = *index;
                let Some(&read) = declared[index].reads.get(*done) else {
                    visits[index] = Visit::Closed;
                    order.push(index);
                    stack.pop();
                    continue;
                };
                *done += 1;
                match visits[read] {
                    Visit::New => {
                        visits[read] = Visit::Open;
                        stack.push((read, 0));
                    }
                    Visit::Open => self.cycle(declared, &stack, read),
                    Visit::Closed => {}
                }
            }
        }
        order
    }

    fn cycle(&mut self, declared: &[Declared<'_>], stack: &[(usize, usize)], back_to: usize) {
        let from = stack.iter().position(|(index, _)| *index == back_to).unwrap_or(0);
        let members: Vec<usize> = stack[from..].iter().map(|(index, _)| *index).collect();
        // Told from the member that comes first in the file, whichever way it was found.
        let first = (0..members.len()).min_by_key(|&at| members[at]).unwrap_or(0);
        let mut path: Vec<String> = Vec::new();
        for step in 0..=members.len() {
            let of = &declared[members[(first + step) % members.len()]];
            path.push(format!("{}.{}", self.tables[usize::from(of.table)].name, of.name.text));
        }
        for &member in &members {
            self.outcomes[member] = Outcome::Failed;
        }
        let message = format!("these features read each other: {}", path.join(" -> "));
        let issue = Issue::new("cycle", &declared[members[first]].expression.span, message);
        self.issues.push(issue.help("let one of them read aggregates only"));
    }

    /// Compiles one; a feature that was found in a cycle stays failed, but its other mistakes are noted too.
    fn feature(&mut self, declared: &Declared<'_>, before: Outcome) -> Outcome {
        let table = declared.table;
        let Some(ast) = &declared.ast else { return Outcome::Failed };
        let mut scope = Scope { builder: self, ast, place: Place::Feature { table }, more: Vec::new() };
        let result = expr::compile(ast, ast.root(), &mut scope);
        let more = std::mem::take(&mut scope.more);
        let clean = more.is_empty() && before != Outcome::Failed;
        self.note(declared.expression, more);
        let program = match result {
            Ok(program) if clean => program,
            Ok(_) => return Outcome::Failed,
            Err(diagnostics) => {
                self.note(declared.expression, diagnostics);
                return Outcome::Failed;
            }
        };
        let of = &self.tables[usize::from(table)];
        let name = format!("{}.{}", of.name, declared.name.text);
        let reads_candidate = program.slots().iter().any(|&slot| self.slots[usize::from(slot)].per_candidate);
        let per_candidate = of.entity == ITEM || of.cross.is_some() || reads_candidate;
        let recents = is_list_of_items(ast.root(), program.ty());
        if let Some(index) = self.known_feature(table, declared.name, &program) {
            return Outcome::Done { index, recents };
        }
        let index = self.features.len() as u16;
        let (source, per_candidate) = match self.is_new_table(table) || self.reads_unfilled(&program) {
            true => (SlotSource::Unfilled, false),
            false => (SlotSource::Feature(index), per_candidate),
        };
        let slot = Slot { name: name.clone(), ty: program.ty().clone(), source, per_candidate };
        let Some(slot) = self.slot(name, slot) else { return Outcome::Failed };
        let landmark = landmark(ast.root());
        let name = declared.name.text.clone();
        self.features.push(Feature { name, table, program, slot, landmark, hidden: false });
        Outcome::Done { index, recents }
    }
}

/// Whether it is exactly `last(event, <an item role>, n)`, or that of a list of events.
fn is_list_of_items(root: &Node, ty: &Type) -> bool {
    let last = matches!(&root.kind, NodeKind::Call { name, .. } if name.text == "last");
    last && *ty == Type::List(Box::new(Type::Entity(ITEM)))
}

/// The half-life `h` if this is a sum of `a * decayed(.., h)` with constant `a >= 0` and one `h`.
fn landmark(node: &Node) -> Option<Span> {
    match &node.kind {
        NodeKind::Call { name, args } if name.text == "decayed" => args.get(1).and_then(Node::as_span),
        NodeKind::Binary { op: BinaryOp::Add, left, right } => {
            let (left, right) = (landmark(left)?, landmark(right)?);
            (left == right).then_some(left)
        }
        NodeKind::Binary { op: BinaryOp::Multiply, left, right } => {
            let (factor, rest) = match (left.as_number(), right.as_number()) {
                (Some(factor), None) => (factor, right),
                (None, Some(factor)) => (factor, left),
                _ => return None,
            };
            if factor >= 0.0 { landmark(rest) } else { None }
        }
        _ => None,
    }
}
