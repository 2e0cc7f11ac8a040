//! The facts of one event: what a decision's programs read, as of the event's own position. Each part is filled by whoever has
//! it at that position: the sequencer, the shards that own the rows, and whoever comes last.

use domain::{EntityId, Time, Value};
use expr::{MadeTexts, Texts};
use spec::Plan;
use spec::plan::{EntityIndex, FactSource};
use state::{Catalogue, EventChange, Lists, Rows};
use std::sync::Arc;

/// The facts that one decision reads of one event.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Facts {
    /// Index into `Plan::decisions`.
    pub decision: u16,
    /// The instant that windows end at: the later of the event's time and the log's.
    pub now: Time,
    /// By index into `Decision::facts`.
    pub row: Vec<Value>,
    /// Strings in it that nothing else has: the `k`th stands as `Symbol(u32::MAX - k)`.
    pub made: Vec<Arc<str>>,
}

impl Facts {
    /// With what is known of the event where it gets its place in the log. `catalogue` and `lists` are as of that place; `key` gives
    /// an entity's key.
    pub fn open<'n>(
        plan: &Plan,
        decision: u16,
        (event, log_time): (&EventChange, Time),
        (catalogue, lists): (&Catalogue, &Lists),
        key: impl Fn(EntityIndex, EntityId) -> &'n str,
    ) -> Facts {
        let of = &plan.decisions[usize::from(decision)];
        let now = event.time.max(log_time);
        let roles = &plan.events[usize::from(of.event)].roles;
        let entity = |role: u8| (roles[usize::from(role)].entity, event.entities[usize::from(role)]);
        let row = of.facts.iter().map(|fact| match &fact.source {
            FactSource::Field(field) => event.values[usize::from(*field)].clone(),
            FactSource::Now => Value::Time(now),
            FactSource::Attribute { role, field } => {
                let (kind, id) = entity(*role);
                catalogue.attribute(kind, id, *field)
            }
            FactSource::Listed { role, list } => Value::Bool(lists.contains(*list, entity(*role).1, now)),
            FactSource::Share(share) => {
                let (kind, id) = entity(share.role);
                Value::Bool(share.holds(key(kind, id)))
            }
            FactSource::Aggregate { .. } | FactSource::Derived(_) => Value::Missing,
        });
        Facts { decision, now, row: row.collect(), made: Vec::new() }
    }

    /// Fills what these rows have in their scope: before the event is applied to them what is read without it, afterwards the rest.
    #[inline]
    pub fn read(&mut self, plan: &Plan, event: &EventChange, rows: &Rows, after: bool) {
        let reads = plan.decisions[usize::from(self.decision)].reads(after);
        if !reads.is_empty() {
            rows.facts(event, reads, self.now, &mut self.row);
        }
    }

    /// Computes what follows from the others.
    #[inline]
    pub fn derive(&mut self, plan: &Plan, texts: &dyn Texts) {
        let decision = &plan.decisions[usize::from(self.decision)];
        if decision.derived.is_empty() {
            return;
        }
        let texts = &self.texts(texts);
        for at in decision.derived.iter().map(|at| usize::from(*at)) {
            if let FactSource::Derived(program) = &decision.facts[at].source {
                self.row[at] = program.eval_with(&self.row, texts);
            }
        }
        self.made = texts.made();
    }

    /// The texts of its strings.
    pub fn texts<'t>(&self, known: &'t dyn Texts) -> MadeTexts<'t> {
        MadeTexts::with(known, self.made.iter().map(|text| &**text))
    }
}
