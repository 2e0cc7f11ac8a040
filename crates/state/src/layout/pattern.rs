//! Patterns and alarms in a table's layout: which words a pattern has, and what conditions over a row read.

use super::AggregateRead;
use crate::layout::TableLayout;
use crate::read::ReadAt;
use crate::row::Row;
use domain::{Span, Time, Value};
use expr::Program;
use spec::plan::{Alarm, Pattern, PatternKind, RowFact};
use std::fmt;

/// A pattern of a table.
#[derive(Debug)]
pub(crate) struct PatternLayout {
    /// Its first word, counted from the first of all patterns.
    pub(crate) at: usize,
    pub(crate) words: usize,
    pub(crate) span: Span,
    pub(crate) kind: PatternOf,
}

/// What its words are.
#[derive(Debug)]
pub(crate) enum PatternOf {
    /// For each step the newest start of a chain that has come so far.
    Sequence,
    /// Since when one waits; the newest of those that wait; the newest of what they wait for.
    Absence,
    /// Since when every event has met the condition.
    Run,
    /// Since when the condition has held.
    Held(Box<Held>),
}

/// A condition over a row. None of it is part of the row's bytes.
#[derive(Default)]
pub(crate) struct Held {
    facts: Vec<FactLayout>,
    condition: Option<Program>,
}

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("condition")
    }
}

/// A value of one row.
pub(crate) enum FactLayout {
    Aggregate(AggregateRead),
    Derived(Program),
}

/// What alarms ask of the rows of one table.
#[derive(Default)]
pub(crate) struct Watched {
    pub(crate) alarms: Vec<AlarmLayout>,
    /// The patterns that come true by time alone and that one of them reads, ascending.
    pub(crate) timed: Vec<usize>,
}

/// An alarm over the rows of its table.
pub(crate) struct AlarmLayout {
    /// Index into `Plan::alarms`.
    pub(crate) alarm: u16,
    facts: Vec<FactLayout>,
    when: Program,
    /// Those of `Watched::timed` that it reads.
    pub(crate) timed: Vec<usize>,
}

impl PatternLayout {
    pub(super) fn new(pattern: &Pattern, at: usize) -> PatternLayout {
        let kind = match &pattern.kind {
            PatternKind::Sequence(_) => PatternOf::Sequence,
            PatternKind::Absence { .. } => PatternOf::Absence,
            PatternKind::Run(_) => PatternOf::Run,
            PatternKind::Held(_) => PatternOf::Held(Box::default()),
        };
        PatternLayout { at, words: pattern.kind.words(), span: pattern.span, kind }
    }

    /// Says what its condition reads, once all of the table has its place.
    pub(super) fn complete(&mut self, pattern: &Pattern, aggregates: &[AggregateRead]) {
        if let (PatternOf::Held(held), PatternKind::Held(over)) = (&mut self.kind, &pattern.kind) {
            held.facts = facts(&over.facts, aggregates);
            held.condition = Some(over.condition.clone());
        }
    }

    /// Whether it comes true by time alone.
    pub(crate) fn is_timed(&self) -> bool {
        !matches!(self.kind, PatternOf::Sequence)
    }
}

impl Held {
    /// Whether the condition holds over a row at an instant.
    pub(crate) fn holds(&self, row: Option<&Row>, layout: &TableLayout, now: Time) -> bool {
        let values = values(&self.facts, row, layout, (now, now));
        self.condition.as_ref().is_some_and(|condition| condition.eval(&values).is_true())
    }

    /// The aggregates that it reads.
    pub(crate) fn reads(&self) -> impl Iterator<Item = &AggregateRead> {
        self.facts.iter().filter_map(|fact| match fact {
            FactLayout::Aggregate(read) => Some(read),
            FactLayout::Derived(_) => None,
        })
    }
}

impl Watched {
    pub(super) fn add(&mut self, alarm: u16, of: &Alarm, aggregates: &[AggregateRead], layout: &TableLayout) {
        let facts = facts(&of.facts, aggregates);
        let patterns = facts.iter().filter_map(|fact| match fact {
            FactLayout::Aggregate(read) if read.op == spec::plan::AggregateOp::Pattern => Some(read.at),
            _ => None,
        });
        let mut timed: Vec<usize> = patterns.filter(|at| layout.patterns[*at].is_timed()).collect();
        timed.sort_unstable();
        self.timed.extend(&timed);
        self.timed.sort_unstable();
        self.timed.dedup();
        self.alarms.push(AlarmLayout { alarm, facts, when: of.when.clone(), timed });
    }
}

impl AlarmLayout {
    /// What the alarm reads of a row, if it is to be raised there: windows end at `now`, patterns are those of `log_time`.
    pub(crate) fn raised(
        &self,
        row: Option<&Row>,
        layout: &TableLayout,
        (now, log_time): (Time, Time),
    ) -> Option<Box<[Value]>> {
        let values = values(&self.facts, row, layout, (now, log_time));
        self.when.eval(&values).is_true().then(|| values.into())
    }
}

fn facts(facts: &[RowFact], aggregates: &[AggregateRead]) -> Vec<FactLayout> {
    let fact = |fact: &RowFact| match fact {
        RowFact::Aggregate(index) => FactLayout::Aggregate(aggregates[usize::from(*index)]),
        RowFact::Derived(program) => FactLayout::Derived(program.clone()),
    };
    facts.iter().map(fact).collect()
}

/// The values of facts over a row; windows end at `now`, patterns are those of `log_time`.
fn values(facts: &[FactLayout], row: Option<&Row>, layout: &TableLayout, (now, log_time): (Time, Time)) -> Vec<Value> {
    let mut values = Vec::with_capacity(facts.len());
    for fact in facts {
        let value = match fact {
            FactLayout::Derived(program) => program.eval(&values),
            FactLayout::Aggregate(read) => {
                let is_pattern = read.op == spec::plan::AggregateOp::Pattern;
                ReadAt::new(layout, read, if is_pattern { log_time } else { now }).value(row)
            }
        };
        values.push(value);
    }
    values
}
