//! Decisions on events: what is read as of one event, the rules over it, and the tiers that a score falls into. Which rule wins over
//! which stands in docs/spec.md.

use super::{DecisionReview, Guard, Program};
use domain::{Span, Time, Type, Value};
use std::ops::Range;

/// A rule set over the events of one type: every such event is decided, as of its own position, itself included.
#[derive(Clone, Debug)]
pub struct Decision {
    /// Its name.
    pub name: String,
    /// The event: index into `Plan::events`.
    pub event: u16,
    /// What its programs read: slot `i` is the value of `facts[i]`. A fact reads only facts before it.
    pub facts: Vec<Fact>,
    /// The facts among them that rows of entities answer before the event is counted, those of one row together.
    pub reads_before: Vec<RowRead>,
    /// The same for those that they answer afterwards.
    pub reads_after: Vec<RowRead>,
    /// The facts among them that are computed of others: indexes into `facts`, ascending.
    pub derived: Vec<u16>,
    /// The facts among them that are fields of the event: indexes into `facts`, ascending.
    pub fields: Vec<u16>,
    /// The score that the rules add to; none: 0.
    pub score: Option<Program>,
    /// Rules in the spec's order, then the rows of the tables in theirs.
    pub rules: Vec<DecisionRule>,
    /// Decision tables: which rules are the rows of one, and how many of them may fire: see [`Decision::rule_after`].
    pub tables: Vec<RuleTable>,
    /// Scorecards; their totals and parts are facts.
    pub scorecards: Vec<Scorecard>,
    /// What can come out, by precedence: of several the first here is the outcome.
    pub outcomes: Vec<String>,
    /// Tiers in the spec's order: the score reaches the first whose threshold it is not below. A threshold that is missing is not
    /// reached.
    pub tiers: Vec<Tier>,
    /// The outcome of a score that reaches no tier: index into `outcomes`.
    pub otherwise: u16,
    /// How long an answer may take from the arrival of its event; none: as long as it takes.
    pub deadline: Option<Span>,
    /// What is answered past the deadline: index into `outcomes`.
    pub fallback: u16,
    /// Events that say later what was true; none: nothing does.
    pub labels: Option<DecisionLabels>,
    /// Which decisions wait for a person; none: none does.
    pub review: Option<DecisionReview>,
    /// What is watched when the spec changes.
    pub guards: Vec<Guard>,
}

/// Events that say of others what they were in truth. Decisions read nothing of this; backtests do.
#[derive(Clone, Debug)]
pub struct DecisionLabels {
    /// The label event: index into `Plan::events`.
    pub event: u16,
    /// Its field with the id that the client gave the decided event: index into the label event's fields.
    pub of: u16,
    /// What `when` reads: slot `i` is the value of the label event's field `reads[i]`.
    pub reads: Vec<u16>,
    /// Whether the label says "bad"; a missing value says so no more than a false one.
    pub when: Program,
}

/// One value that a decision's programs read.
#[derive(Clone, Debug)]
pub struct Fact {
    /// How expressions call it: `amount`, `device.cards_10m`, `before(user.payments_1h)`.
    pub name: String,
    /// Its type.
    pub ty: Type,
    /// Where it comes from.
    pub source: FactSource,
}

/// Where a fact comes from. A role is an index into the event's roles.
#[derive(Clone, Debug)]
pub enum FactSource {
    /// A field of the event: index into its fields.
    Field(u16),
    /// The instant that windows end at: the later of the event's time and the log's.
    Now,
    /// An attribute of the entity in a role, as the catalogue has it at the event's position.
    Attribute {
        /// Whose.
        role: u8,
        /// Index into the entity type's fields.
        field: u16,
    },
    /// Whether the entity in a role stands on `Plan::lists[list]` at the event's position.
    Listed {
        /// Whose.
        role: u8,
        /// Index into `Plan::lists`.
        list: u16,
    },
    /// `Plan::aggregates[aggregate]` of the row that the entity in a role owns.
    Aggregate {
        /// Whose; for a crossed table the owner's, the second part of the key being the event's own.
        role: u8,
        /// Index into `Plan::aggregates`.
        aggregate: u16,
        /// Whether it is read before the event is counted: `before(..)`.
        before: bool,
    },
    /// Whether the entity in a role is in a share of all: see [`Share`].
    Share(Share),
    /// Computed of facts before it: a feature, for one.
    Derived(Program),
}

/// A fact that is read of a row: a [`FactSource::Aggregate`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RowRead {
    /// Whose row: a role of the event.
    pub role: u8,
    /// Index into `Plan::tables`.
    pub table: u16,
    /// Index into `Plan::aggregates`.
    pub aggregate: u16,
    /// Index into `Decision::facts`.
    pub fact: u16,
}

/// A stable part of entities.
#[derive(Clone, Debug, PartialEq)]
pub struct Share {
    /// Whose: index into the event's roles.
    pub role: u8,
    /// How many of them, from 0 to 1.
    pub share: f64,
    /// Another salt takes others.
    pub salt: String,
}

/// One rule.
#[derive(Clone, Debug)]
pub struct DecisionRule {
    /// Its name within the decision.
    pub id: String,
    /// It fires where this is true; a missing value is not true.
    pub when: Program,
    /// What it does when it fires.
    pub effect: Effect,
    /// What it says when it fires; none: its `when`.
    pub reason: Vec<ReasonPart>,
    /// Words that answers carry.
    pub tags: Vec<String>,
    /// Not before this instant, by the decision's `now`.
    pub from: Option<Time>,
    /// Not from this instant on, by the decision's `now`.
    pub until: Option<Time>,
    /// It is evaluated and told, but does nothing.
    pub shadow: bool,
    /// A fact (`FactSource::Share`) without which it does not fire.
    pub share: Option<u16>,
}

/// A decision table. Its rows are rules called `<table>/1`, `<table>/2`, ... in the order of the table, without `from`, `until`, `share`
/// and `shadow`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleTable {
    /// Its name within the decision.
    pub name: String,
    /// How many rows may fire.
    pub hit: Hit,
    /// Its rows: a range of `Decision::rules`. Ranges of tables follow one another and end where the rules end.
    pub rules: Range<u32>,
}

/// How many rows of a decision table fire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hit {
    /// The first whose condition is true: those behind it are not asked.
    First,
    /// As `First`; the compiler has seen that no two rows can be true at once, so their order does not count.
    Unique,
    /// Every one, as if they were rules.
    Collect,
}

/// Points for what an event is like, added up.
#[derive(Clone, Debug)]
pub struct Scorecard {
    /// Its name within the decision: `scorecards.<name>` is the total.
    pub name: String,
    /// What the sum begins with.
    pub base: f64,
    /// The fact that holds the total: `base` and the points of the parts, summed in their order.
    pub total: u16,
    /// In the spec's order.
    pub parts: Vec<ScorecardPart>,
}

/// One characteristic of a scorecard.
#[derive(Clone, Debug)]
pub struct ScorecardPart {
    /// Its name within the scorecard.
    pub name: String,
    /// What is looked at.
    pub of: Program,
    /// The fact that holds its points, a float that is never missing.
    pub points: u16,
    /// What it says where it counts.
    pub reason: Vec<ReasonPart>,
}

/// What a rule does.
#[derive(Clone, Debug)]
pub enum Effect {
    /// Adds to the score. A missing value or one that is no number adds nothing.
    Score(Program),
    /// Asks for this outcome: index into `Decision::outcomes`.
    Outcome(u16),
}

/// A part of what a rule says.
#[derive(Clone, Debug)]
pub enum ReasonPart {
    /// As it is.
    Text(String),
    /// The value of an expression.
    Value(Program),
}

/// A range of scores.
#[derive(Clone, Debug)]
pub struct Tier {
    /// Index into `Decision::outcomes`.
    pub outcome: u16,
    /// The least score; reads facts, so it may move with hour and place.
    pub threshold: Program,
}

impl Share {
    /// Whether an entity is in it: the first 53 bits (little-endian) of BLAKE3 over salt, a zero byte and key, as a number from 0
    /// to 1, are below the share. So the same entities stay in when the share grows.
    pub fn holds(&self, key: &str) -> bool {
        super::policy::in_share(&self.salt, key, self.share)
    }
}

impl Decision {
    /// What rows are asked for, before the event is applied to them or afterwards.
    pub fn reads(&self, after: bool) -> &[RowRead] {
        if after { &self.reads_after } else { &self.reads_before }
    }

    /// The rule to be asked after one that has fired: the next one, or the first behind its table if no other row of that may fire.
    #[inline]
    pub fn rule_after(&self, fired: u32) -> u32 {
        if self.tables.is_empty() { fired + 1 } else { self.rule_after_row(fired) }
    }

    fn rule_after_row(&self, fired: u32) -> u32 {
        let at = self.tables.partition_point(|table| table.rules.end <= fired);
        match self.tables.get(at) {
            Some(table) if table.rules.contains(&fired) && table.hit != Hit::Collect => table.rules.end,
            _ => fired + 1,
        }
    }
}

impl Scorecard {
    /// The reason codes over these facts: the parts that give points above 0, most points first, of equal ones in the spec's order.
    pub fn reasons(&self, row: &[Value]) -> Vec<(&ScorecardPart, f64)> {
        let points = |part: &ScorecardPart| row.get(usize::from(part.points)).and_then(Value::as_f64);
        let given = self.parts.iter().filter_map(|part| Some((part, points(part).filter(|points| *points > 0.0)?)));
        let mut given: Vec<(&ScorecardPart, f64)> = given.collect();
        given.sort_by(|(_, one), (_, other)| other.total_cmp(one));
        given
    }
}

impl DecisionRule {
    /// Whether `now` lies between its `from` and its `until`.
    pub fn is_in_force(&self, now: Time) -> bool {
        self.from.is_none_or(|from| from <= now) && self.until.is_none_or(|until| now < until)
    }
}
