//! What is read of one row alone, wherever an event or a timer finds it: features and aggregates of the row's own table, in an order
//! in which each reads only those before it. Conditions that are held and alarms are made of this.

use super::scope::{Found, Place, Scope, cascade, is_aggregate, near, paths};
use super::stream::canonical;
use super::{Builder, Outcome};
use crate::diagnostic::quoted;
use crate::plan::{AggregateOp, RowFact, SlotSource};
use domain::{Symbol, Type, Value, limits};
use expr::{Ast, Diagnostic, Node, NodeKind, Program};
use std::collections::BTreeMap;
use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;

/// Who reads a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reader {
    /// The condition of `held`.
    Held,
    /// An alarm.
    Alarm,
}

/// The facts of one reader while they are collected: what means the same is there once.
pub(super) struct RowFacts {
    reader: Reader,
    /// Index into `Plan::tables`.
    table: u16,
    pub(super) list: Vec<RowFact>,
    types: Vec<Type>,
    aggregates: BTreeMap<u16, u16>,
    /// By declared feature.
    features: BTreeMap<usize, u16>,
}

impl RowFacts {
    pub(super) fn new(reader: Reader, table: u16) -> RowFacts {
        let (list, types) = (Vec::new(), Vec::new());
        RowFacts { reader, table, list, types, aggregates: BTreeMap::new(), features: BTreeMap::new() }
    }

    /// The aggregates among them: indexes into `Plan::aggregates`.
    pub(super) fn aggregates(&self) -> impl Iterator<Item = u16> {
        self.aggregates.keys().copied()
    }

    fn push(&mut self, fact: RowFact, ty: &Type, span: &Range<usize>) -> Result<u16, Diagnostic> {
        if self.list.len() >= limits::FACTS_MAX {
            let message = format!("this reads more than {} values", limits::FACTS_MAX);
            return Err(Diagnostic::new("over_budget", span.clone(), message).with_help("read fewer features"));
        }
        self.list.push(fact);
        self.types.push(ty.clone());
        Ok((self.list.len() - 1) as u16)
    }

    fn found(&self, fact: u16) -> (u16, Type) {
        (fact, self.types[usize::from(fact)].clone())
    }

    /// All that they mean: equal texts, equal values.
    pub(super) fn meaning(&self, builder: &Builder<'_>) -> String {
        let meanings = self.list.iter().map(|fact| match fact {
            RowFact::Aggregate(index) => {
                let slot = builder.aggregates[usize::from(*index)].slot;
                format!("; {}", canonical(&builder.slots[usize::from(slot)].name))
            }
            RowFact::Derived(program) => format!("; {} of {:?}", canonical(program.text()), program.slots()),
        });
        meanings.collect()
    }
}

/// The names of a row's own table.
pub(super) struct RowScope<'s, 'a> {
    pub(super) builder: &'s mut Builder<'a>,
    pub(super) facts: &'s mut RowFacts,
    pub(super) ast: &'s Ast,
    /// Whether it is a feature's expression that is compiled.
    pub(super) within: bool,
    /// Further mistakes inside the arguments of aggregates.
    pub(super) more: Vec<Diagnostic>,
}

impl expr::Scope for RowScope<'_, '_> {
    fn path(&mut self, path: &[&str], span: Range<usize>) -> Found {
        match self.builder.feature_of(self.facts.table, path) {
            Some(declared) if self.builder.table_of(declared) == self.facts.table => self.feature(declared, &span),
            Some(_) => Err(self.elsewhere(path, span)),
            None => Err(self.unknown(path, span)),
        }
    }

    fn call(&mut self, name: &str, args: &[Node], span: Range<usize>) -> Option<Found> {
        if matches!(name, "listed" | "before") {
            let message = format!("{} cannot be asked here", quoted(name));
            return Some(Err(Diagnostic::new("not_here", span, message).with_help(self.reads())));
        }
        if !is_aggregate(self.builder, name, args) {
            return None;
        }
        if self.facts.reader == Reader::Alarm && !self.within {
            let message = format!("the aggregate {} cannot stand in an alarm", quoted(name));
            let help = "declare a feature for it, so that it is kept up to date, and read that";
            return Some(Err(Diagnostic::new("not_here", span, message).with_help(help)));
        }
        Some(self.aggregate(name, args, span))
    }

    fn constant(&mut self, text: &str) -> Symbol {
        self.builder.intern(text)
    }

    fn known_calls(&self) -> Vec<&str> {
        Vec::new()
    }
}

impl RowScope<'_, '_> {
    fn table_name(&self) -> &str {
        &self.builder.tables[usize::from(self.facts.table)].name
    }

    fn reads(&self) -> String {
        format!("only features of `{}` that are made of aggregates can be read here", self.table_name())
    }

    fn elsewhere(&self, path: &[&str], span: Range<usize>) -> Diagnostic {
        let message = format!("{} is of another table than `{}`", quoted(&path.join(".")), self.table_name());
        Diagnostic::new("not_here", span, message).with_help(self.reads())
    }

    fn unknown(&self, path: &[&str], span: Range<usize>) -> Diagnostic {
        let (table, whole) = (self.table_name().to_owned(), path.join("."));
        if self.builder.is_broken_feature(path) || self.builder.is_broken_feature(&[&table, &whole]) {
            return cascade(&span);
        }
        let is_known = path.len() > 1 && self.builder.entity(path[0]).is_some();
        let attribute = matches!(path, [entity, field]
            if self.builder.entity(entity).is_some_and(|of| self.builder.field(of, field).is_some()));
        if attribute || (is_known && self.builder.absolute_feature(path).is_some()) {
            let message = format!("{} cannot be read here", quoted(&whole));
            return Diagnostic::new("not_here", span, message).with_help(self.reads());
        }
        let message = format!("{} is not a feature of `{table}`", quoted(&whole));
        let declared = &self.builder.declared;
        let known = declared.keys().filter(|(of, _)| *of == self.facts.table).map(|(_, name)| name.as_str());
        near("unknown_name", span, message, path[path.len() - 1], known)
    }

    /// The fact of a declared feature. What it reads comes before it.
    fn feature(&mut self, declared: usize, span: &Range<usize>) -> Found {
        let mut open = vec![declared];
        while let Some(&declared) = open.last() {
            if self.facts.features.contains_key(&declared) {
                open.pop();
                continue;
            }
            let Outcome::Done { index, .. } = self.builder.outcomes[declared] else { return Err(cascade(span)) };
            let Some(ast) = self.builder.asts[declared].clone() else { return Err(cascade(span)) };
            let slot = &self.builder.slots[usize::from(self.builder.features[usize::from(index)].slot)];
            if slot.source == SlotSource::Unfilled {
                let ty = slot.ty.clone();
                let fact = self.unfilled(&ty, span)?;
                self.facts.features.insert(declared, fact);
                continue;
            }
            let unread = self.unread(&ast);
            if unread.is_empty() {
                let fact = self.derive(&ast, span)?;
                self.facts.features.insert(declared, fact);
            } else {
                open.extend(unread);
            }
        }
        self.facts.features.get(&declared).map(|fact| self.facts.found(*fact)).ok_or_else(|| cascade(span))
    }

    /// The features of this table that an expression reads and that are no facts yet.
    fn unread(&self, ast: &Ast) -> Vec<usize> {
        let mut found = Vec::new();
        paths(self.builder, ast.root(), &mut found);
        let reads = found.iter().filter_map(|names| {
            let names: Vec<&str> = names.iter().map(|name| name.text.as_str()).collect();
            self.builder.feature_of(self.facts.table, &names)
        });
        let own = reads.filter(|declared| self.builder.table_of(*declared) == self.facts.table);
        own.filter(|declared| !self.facts.features.contains_key(declared)).collect()
    }

    /// The fact of a feature of which all that it reads is there.
    fn derive(&mut self, ast: &Rc<Ast>, span: &Range<usize>) -> Result<u16, Diagnostic> {
        let RowScope { builder, facts, .. } = self;
        let mut scope = RowScope { builder, facts, ast, within: true, more: Vec::new() };
        // A mistake inside a feature is told where the feature is read.
        let here = |wrong: Diagnostic| Diagnostic { span: span.clone(), ..wrong };
        if let NodeKind::Call { name, args } = &ast.root().kind
            && is_aggregate(scope.builder, &name.text, args)
        {
            let found = scope.aggregate(&name.text, args, ast.root().span.clone());
            return found.map(|(fact, _)| fact).map_err(here);
        }
        let program = expr::compile(ast, ast.root(), &mut scope)
            .map_err(|mut all| if all.is_empty() { cascade(span) } else { here(all.swap_remove(0)) })?;
        self.refuse_texts(&program, span)?;
        let ty = program.ty().clone();
        self.facts.push(RowFact::Derived(program), &ty, span)
    }

    fn aggregate(&mut self, name: &str, args: &[Node], span: Range<usize>) -> Found {
        if name == "seen" {
            let message = "`seen` asks about a candidate, and here is none";
            return Err(Diagnostic::new("not_here", span, message).with_help(self.reads()));
        }
        if self.facts.reader == Reader::Held && matches!(name, "held" | "seq" | "absent") {
            let message = format!("the pattern {} cannot stand inside `held`", quoted(name));
            let help = "read both in a rule or in an alarm: `a && b`";
            return Err(Diagnostic::new("nested_aggregate", span, message).with_help(help));
        }
        let table = self.facts.table;
        let mut scope =
            Scope { builder: &mut *self.builder, ast: self.ast, place: Place::Feature { table }, more: Vec::new() };
        let found = scope.aggregate(table, name, args, span.clone());
        let mut more = std::mem::take(&mut scope.more);
        self.more.append(&mut more);
        let (slot, ty) = found?;
        match self.builder.slots[usize::from(slot)].source {
            SlotSource::Aggregate(index) => match self.facts.aggregates.get(&index) {
                Some(&fact) => Ok((fact, ty)),
                None => {
                    let fact = self.facts.push(RowFact::Aggregate(index), &ty, &span)?;
                    self.facts.aggregates.insert(index, fact);
                    Ok((fact, ty))
                }
            },
            SlotSource::Unfilled => Ok((self.unfilled(&ty, &span)?, ty)),
            _ => Err(cascade(&span)),
        }
    }

    /// What has no state yet, under an interim plan.
    fn unfilled(&mut self, ty: &Type, span: &Range<usize>) -> Result<u16, Diagnostic> {
        let never = Program::new("unfilled", ty.clone(), Vec::new(), Arc::new(|_: &[Value]| Value::Missing));
        self.facts.push(RowFact::Derived(never), ty, span)
    }

    /// Rows know numbers, not texts.
    pub(super) fn refuse_texts(&self, program: &Program, span: &Range<usize>) -> Result<(), Diagnostic> {
        if !program.needs_texts() {
            return Ok(());
        }
        let message = "functions of text cannot be asked here, where a row is all there is";
        Err(Diagnostic::new("not_here", span.clone(), message)
            .with_help("ask the text in a filter, as in `count(view, 1h, title.contains(\"boot\"))`"))
    }
}

impl Builder<'_> {
    /// How many of some facts are patterns.
    pub(super) fn patterns_among(&self, facts: &RowFacts) -> Vec<u16> {
        let is_pattern = |index: &u16| self.aggregates[usize::from(*index)].op == AggregateOp::Pattern;
        facts.aggregates().filter(is_pattern).collect()
    }
}
