//! Alarms: conditions over the features of one entity that read at least one pattern, and what they say.

use super::Builder;
use super::row_facts::{Reader, RowFacts, RowScope};
use crate::diagnostic::{Issue, quoted};
use crate::plan::{Alarm, Plan, StreamValue};
use crate::source::{AlarmSource, Source};
use crate::yaml::Text;
use domain::{Type, limits};
use expr::Program;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

impl Builder<'_> {
    pub(super) fn alarms(&mut self, source: &Source) {
        let mut waited_for: BTreeMap<u16, BTreeSet<u16>> = BTreeMap::new();
        for declared in &source.alarms {
            if self.issues.full() {
                return;
            }
            let Some((alarm, patterns)) = self.alarm(declared) else { continue };
            let timed = patterns.into_iter().filter(|index| self.is_timed(*index));
            let of_table = waited_for.entry(alarm.table).or_default();
            of_table.extend(timed);
            if of_table.len() > limits::TIMERS_PER_ROW_MAX {
                let table = &self.tables[usize::from(alarm.table)].name;
                let most = limits::TIMERS_PER_ROW_MAX;
                let message = format!("the alarms of `{table}` wait for more than {most} different patterns");
                let issue = Issue::new("too_many", &declared.name.span, message);
                self.issues.push(issue.help("let alarms share patterns, or count in windows instead"));
                return;
            }
            self.alarms.push(alarm);
        }
    }

    /// Whether an aggregate, a pattern, comes true by time alone.
    fn is_timed(&self, aggregate: u16) -> bool {
        let stream = self.aggregates[usize::from(aggregate)].stream;
        match &self.streams[usize::from(stream)].value {
            StreamValue::Pattern(pattern) => pattern.kind.is_timed(),
            _ => false,
        }
    }

    /// An alarm and the patterns that it reads.
    fn alarm(&mut self, source: &AlarmSource) -> Option<(Alarm, Vec<u16>)> {
        let (of, table) = self.watched(source.of.as_ref()?)?;
        let mut facts = RowFacts::new(Reader::Alarm, table);
        let text = source.when.as_ref()?;
        let when = self.compile_over_row(&mut facts, text, 0..text.text.len())?;
        if *when.ty() != Type::Bool {
            let message = format!("this must be a condition (bool), but it is {}", when.ty());
            self.issues.push(Issue::new("wrong_type", &text.span, message).help("compare it with something"));
            return None;
        }
        let patterns = self.patterns_among(&facts);
        if patterns.is_empty() && self.kept.is_none() {
            let message = "this reads no pattern, so nothing says when it becomes true";
            let issue = Issue::new("no_pattern", &text.span, message);
            self.issues.push(issue.help("read a feature made of `seq`, `absent` or `held`"));
            return None;
        }
        let reason = match &source.reason {
            None => Vec::new(),
            Some(text) => self.template(text, |builder, part| builder.compile_over_row(&mut facts, text, part))?,
        };
        let (name, tags) = (source.name.text.clone(), source.tags.clone());
        Some((Alarm { name, of, table, facts: facts.list, when, reason, tags }, patterns))
    }

    /// The entity type and its table of features.
    fn watched(&mut self, of: &Text) -> Option<(u16, u16)> {
        let Some(entity) = self.entity(&of.text) else {
            self.unknown_entity(of);
            return None;
        };
        if let Some(table) = self.table(&of.text) {
            return Some((entity, table));
        }
        if !self.is_broken("table", &[&of.text]) {
            let message = format!("{} has no features", quoted(&of.text));
            let issue = Issue::new("unknown_name", &of.span, message);
            self.issues.push(issue.help(format!("declare a pattern under `features: {{ {}: .. }}`", of.text)));
        }
        None
    }

    /// Compiles a part of a text over a row.
    fn compile_over_row(&mut self, facts: &mut RowFacts, text: &Text, part: Range<usize>) -> Option<Program> {
        let result = expr::parse(&text.text[part.clone()]).and_then(|ast| {
            let mut scope = RowScope { builder: &mut *self, facts, ast: &ast, within: false, more: Vec::new() };
            let program = expr::compile(&ast, ast.root(), &mut scope)?;
            scope.refuse_texts(&program, &ast.root().span).map_err(|wrong| vec![wrong])?;
            Ok(program)
        });
        result
            .map_err(|mut wrong| {
                for diagnostic in &mut wrong {
                    diagnostic.span = diagnostic.span.start + part.start..diagnostic.span.end + part.start;
                }
                self.note(text, wrong);
            })
            .ok()
    }
}

impl Plan {
    /// The alarms of a table, with their indexes.
    pub fn alarms_of(&self, table: u16) -> impl Iterator<Item = (u16, &Alarm)> {
        self.alarms.iter().enumerate().filter(move |(_, of)| of.table == table).map(|(at, of)| (at as u16, of))
    }

    /// Index of an alarm by name.
    pub fn alarm(&self, name: &str) -> Option<u16> {
        self.alarms.iter().position(|alarm| alarm.name == name).map(|index| index as u16)
    }
}
