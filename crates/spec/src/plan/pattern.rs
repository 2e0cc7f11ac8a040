//! Patterns in time: conditions that hold for a while, events in order, events that do not come; and the alarms that are raised when
//! one of them comes true. The rules they follow stand in docs/spec.md.

use super::{EntityIndex, Program, ReasonPart};
use domain::Span;

/// What a pattern looks for in the events of a row.
#[derive(Clone, Debug)]
pub struct Pattern {
    /// How long: `within` of a sequence and of an absence, `for` of what is held.
    pub span: Span,
    /// Of what.
    pub kind: PatternKind,
}

/// The kinds of patterns. Order is that of the log; times are those of the events, but for `Held`.
#[derive(Clone, Debug)]
pub enum PatternKind {
    /// `seq(a, b, .., within)`: each step behind the one before it, the first of them younger than `within`. At least two.
    Sequence(Vec<PatternStep>),
    /// `absent(b, a, within)`: an `a` that no `b` has answered is at least `within` old.
    Absence {
        /// What was to come.
        awaited: PatternStep,
        /// What it was to come after.
        after: PatternStep,
    },
    /// `held(event, condition, for)`: the condition, the step's filter, has been met by every event since one at least `for` ago.
    Run(PatternStep),
    /// `held(condition, for)`: so it was, judged right before and right after each event that it counts, since one at least `for` ago;
    /// and so it is.
    Held(HeldOver),
}

/// Which events are a step of a pattern.
#[derive(Clone, Debug)]
pub struct PatternStep {
    /// Index into `Plan::events`.
    pub event: u16,
    /// Which of them; reads the event's fields, and what is computed of it, as slots.
    pub filter: Option<Program>,
}

/// A condition over a row.
#[derive(Clone, Debug)]
pub struct HeldOver {
    /// What the condition reads: slot `i` is the value of `facts[i]`.
    pub facts: Vec<RowFact>,
    /// The condition.
    pub condition: Program,
    /// What it means, with the meaning of all that it reads: equal texts, equal state.
    pub meaning: String,
}

/// A value of one row. It reads only facts before it.
#[derive(Clone, Debug)]
pub enum RowFact {
    /// `Plan::aggregates[i]`, of the row's own table.
    Aggregate(u16),
    /// Computed of facts before it: a feature.
    Derived(Program),
}

/// What is raised when a pattern comes true for an entity.
#[derive(Clone, Debug)]
pub struct Alarm {
    /// Its name.
    pub name: String,
    /// Whose features it reads.
    pub of: EntityIndex,
    /// The table of them: index into `Plan::tables`.
    pub table: u16,
    /// What its programs read: slot `i` is the value of `facts[i]`.
    pub facts: Vec<RowFact>,
    /// It is raised where this becomes true.
    pub when: Program,
    /// What it says; none: its `when`.
    pub reason: Vec<ReasonPart>,
    /// Words that it carries.
    pub tags: Vec<String>,
}

impl PatternKind {
    /// How the spec calls it.
    pub fn name(&self) -> &'static str {
        match self {
            PatternKind::Sequence(_) => "seq",
            PatternKind::Absence { .. } => "absent",
            PatternKind::Run(_) | PatternKind::Held(_) => "held",
        }
    }

    /// Its steps, in the order in which events are looked at: of an absence what is awaited is the second.
    pub fn steps(&self) -> Vec<&PatternStep> {
        match self {
            PatternKind::Sequence(steps) => steps.iter().collect(),
            PatternKind::Absence { awaited, after } => vec![after, awaited],
            PatternKind::Run(step) => vec![step],
            PatternKind::Held(_) => Vec::new(),
        }
    }

    /// How many words it keeps in a row.
    pub fn words(&self) -> usize {
        match self {
            PatternKind::Sequence(steps) => steps.len(),
            PatternKind::Absence { .. } => 3,
            PatternKind::Run(_) | PatternKind::Held(_) => 1,
        }
    }

    /// Whether it comes true by time alone, so that a timer has to be kept.
    pub fn is_timed(&self) -> bool {
        !matches!(self, PatternKind::Sequence(_))
    }
}

impl Pattern {
    /// What it means as text in which no number of the plan but those of events occurs.
    pub fn meaning(&self) -> String {
        let steps = self.kind.steps().into_iter().map(|step| {
            let filter = step.filter.as_ref().map(|filter| crate::build::canonical(filter.text()));
            format!("{} {filter:?}, ", step.event)
        });
        let over = if let PatternKind::Held(over) = &self.kind { over.meaning.as_str() } else { "" };
        format!("{} {} {}{over}", self.kind.name(), self.span, steps.collect::<String>())
    }
}
