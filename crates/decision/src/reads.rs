//! What a set of expressions needs in the row, and in which order it is filled: worked out once per plan, so that a request
//! fills slots by walking short lists.

use crate::facts::Conditions;
use domain::{Time, Type, Value};
use expr::Texts;
use spec::Plan;
use spec::plan::{Action, AggregateOp, Cross, EntityIndex, Feature, Feed, Slot, SlotIndex, SlotSource};
use std::collections::BTreeSet;

/// Slots to fill, by where their values come from; features last, each after what it reads.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reads {
    /// Aggregates of the candidate item's own rows.
    pub(crate) item: Vec<u16>,
    /// Aggregates of the subject's own rows.
    pub(crate) owned: Vec<u16>,
    /// Aggregates of the subject's crossed rows: they differ between candidates.
    pub(crate) crossed: Vec<u16>,
    /// Aggregates of entities that the request does not name: always those of an entity without events.
    pub(crate) foreign: Vec<u16>,
    /// `seen` aggregates.
    pub(crate) seen: Vec<(SlotIndex, u16)>,
    /// Attributes of the candidate item: slot and field.
    pub(crate) item_attributes: Vec<(SlotIndex, u16)>,
    /// Attributes of the subject: slot, entity type and field.
    pub(crate) attributes: Vec<(SlotIndex, EntityIndex, u16)>,
    /// Request context: slot and index into `Feed::context`.
    pub(crate) context: Vec<(SlotIndex, u16)>,
    /// Scores of routes: slot and index into `Feed::routes`.
    pub(crate) routes: Vec<(SlotIndex, u16)>,
    /// Slots of the fused score (none or one).
    pub(crate) fused: Vec<SlotIndex>,
    /// `listed(item, ..)`: slot and list.
    pub(crate) listed_item: Vec<(SlotIndex, u16)>,
    /// `listed(user, ..)`: slot and list.
    pub(crate) listed_subject: Vec<(SlotIndex, u16)>,
    /// Slots of `now` (none or one).
    pub(crate) now: Vec<SlotIndex>,
    /// Features, in the plan's order, which is that of their dependencies.
    pub(crate) features: Vec<u16>,
}

/// What the stages of one feed need.
#[derive(Clone, Debug, Default)]
pub(crate) struct FeedReads {
    /// Slots that are the same for every candidate.
    pub(crate) subject: Reads,
    /// For each filter the candidate's slots that no earlier filter of its kind has filled, facts not counted.
    pub(crate) filters: Vec<Reads>,
    /// For each filter its bit, if it is a fact: then its slots need not be filled.
    pub(crate) facts: Vec<Option<u64>>,
    /// For each filter whether it is asked while routes look for candidates.
    pub(crate) early: Vec<bool>,
    /// The candidate's slots that the terms of the score read.
    pub(crate) score: Reads,
    /// What they and the features in `score` read that is the same for every candidate, be it nothing.
    pub(crate) score_same: Vec<SlotIndex>,
    /// For each reranker the candidate's slots that its conditions read.
    pub(crate) reranks: Vec<Reads>,
    /// What the policies read.
    pub(crate) policies: PolicyReads,
}

/// What the policies of one feed need of a candidate, by stage.
#[derive(Clone, Debug, Default)]
pub(crate) struct PolicyReads {
    /// The policies that remove, in the order in which they are asked: what blocks, what allows, then caps and quotas.
    pub(crate) removing: Vec<u16>,
    /// All slots that these read or count by, to tell them.
    pub(crate) told: Reads,
    /// Slots of their conditions that are no facts.
    pub(crate) removal: Reads,
    /// The same of boosts and burials.
    pub(crate) scale: Reads,
    /// The same of pins and `never_follow`.
    pub(crate) placement: Reads,
    /// For each policy the bits of its conditions that are facts: on what it depends, and both sides of `never_follow`.
    pub(crate) facts: Vec<[Option<u64>; 3]>,
}

impl FeedReads {
    /// Of one feed.
    pub(crate) fn new(plan: &Plan, feed: &Feed, conditions: &Conditions) -> FeedReads {
        let varies = |slot: &SlotIndex| plan.slots[usize::from(*slot)].per_candidate;
        let reads = |slots: &BTreeSet<SlotIndex>| Reads::new(plan, Some(feed), feed.subject, slots);
        let scored = closure(plan, feed.terms.iter().flat_map(|term| term.slots()).copied());
        let mut filled = [BTreeSet::new(), BTreeSet::new()];
        let early: Vec<bool> = feed.filters.iter().map(|filter| plan.is_early(filter)).collect();
        let mut subject: BTreeSet<SlotIndex> = closure(plan, feed.routes.iter().filter_map(context_slot));
        let of_routes = feed.routes.iter().filter_map(|route| route.when.as_ref());
        subject.extend(closure(plan, of_routes.flat_map(|when| when.slots()).copied()));
        let facts: Vec<Option<u64>> = feed.filters.iter().map(|filter| conditions.bit(filter)).collect();
        let mut filters = Vec::new();
        for ((filter, &early), fact) in feed.filters.iter().zip(&early).zip(&facts) {
            let filled = &mut filled[usize::from(early)];
            let needed = closure(plan, filter.slots().iter().copied());
            let mut fills = |slot: &SlotIndex| varies(slot) && (fact.is_some() || filled.insert(*slot));
            filters.push(reads(&needed.iter().copied().filter(|slot| fills(slot)).collect()));
            subject.extend(needed);
        }
        let policies = PolicyReads::new(plan, feed, conditions, &mut subject);
        subject.extend(&scored);
        let mut reranks = Vec::new();
        for rerank in &feed.reranks {
            let needed = closure(plan, rerank.conditions().flat_map(|program| program.slots()).copied());
            reranks.push(reads(&needed.iter().copied().filter(varies).collect()));
            subject.extend(needed);
        }
        subject.retain(|slot| !varies(slot));
        let score = reads(&scored.into_iter().filter(varies).collect());
        let features = score.features.iter().map(|&feature| &plan.features[usize::from(feature)].program);
        let direct: BTreeSet<SlotIndex> =
            feed.terms.iter().chain(features).flat_map(|program| program.slots()).copied().collect();
        let is_filled = |slot: &SlotIndex| plan.slots[usize::from(*slot)].source != SlotSource::Unfilled;
        let score_same = direct.into_iter().filter(|slot| !(varies(slot) && is_filled(slot))).collect();
        FeedReads { subject: reads(&subject), filters, facts, early, score, score_same, reranks, policies }
    }
}

impl PolicyReads {
    /// Of one feed. What is the same for every candidate goes to `subject`.
    fn new(plan: &Plan, feed: &Feed, conditions: &Conditions, subject: &mut BTreeSet<SlotIndex>) -> PolicyReads {
        let mut needed = [BTreeSet::new(), BTreeSet::new(), BTreeSet::new(), BTreeSet::new()];
        let (mut removing, mut facts) = (Vec::new(), Vec::new());
        for (index, policy) in feed.policies.iter().enumerate() {
            let mut asked = [policy.when.as_ref(), None, None];
            let mut counted = None;
            let (stage, precedence) = match &policy.action {
                Action::Block => (0, Some(0)),
                Action::Allow => (0, Some(1)),
                Action::Cap(cap) => {
                    counted = Some(plan.aggregates[usize::from(cap.aggregate)].slot);
                    (0, Some(2))
                }
                Action::Quota(_) => (0, Some(2)),
                Action::Scale(_) => (1, None),
                Action::Pin(_) => (2, None),
                Action::NeverFollow(rule) => {
                    (asked[1], asked[2]) = (Some(&rule.item), Some(&rule.after));
                    (2, None)
                }
            };
            removing.extend(precedence.map(|precedence| (precedence, index as u16)));
            facts.push(asked.map(|program| program.and_then(|program| conditions.bit(program))));
            let of_row = asked.into_iter().flatten().filter(|program| conditions.bit(program).is_none());
            needed[stage].extend(closure(plan, of_row.flat_map(|program| program.slots()).copied()));
            if precedence.is_some() {
                let told = asked.into_iter().flatten().flat_map(|program| program.slots()).copied();
                needed[3].extend(closure(plan, told.chain(counted)));
            }
        }
        removing.sort_unstable();
        let mut reads = needed.map(|slots: BTreeSet<SlotIndex>| {
            let (varying, same): (BTreeSet<SlotIndex>, BTreeSet<SlotIndex>) =
                slots.into_iter().partition(|&slot| plan.slots[usize::from(slot)].per_candidate);
            subject.extend(same);
            Reads::new(plan, Some(feed), feed.subject, &varying)
        });
        let [removal, scale, placement, told] = reads.each_mut().map(std::mem::take);
        let removing = removing.into_iter().map(|(_, index)| index).collect();
        PolicyReads { removing, told, removal, scale, placement, facts }
    }
}

fn context_slot(route: &spec::plan::Route) -> Option<SlotIndex> {
    use spec::plan::{From, RouteSource, TagsFrom};
    match route.source {
        RouteSource::CoVisited { from: From::Slot(slot), .. }
        | RouteSource::Sessions { from: From::Slot(slot), .. }
        | RouteSource::Tags { from: TagsFrom::Slot(slot) | TagsFrom::Items(From::Slot(slot)), .. }
        | RouteSource::History { from: From::Slot(slot), .. } => Some(slot),
        _ => None,
    }
}

/// A slot of the plan, or of those behind them.
pub(crate) fn slot_of<'s>(plan: &'s Plan, more: &'s [Slot], slot: SlotIndex) -> &'s Slot {
    let index = usize::from(slot);
    plan.slots.get(index).unwrap_or_else(|| &more[index - plan.slots.len()])
}

/// The slots and all that the features among them read, directly or not.
pub(crate) fn closure(plan: &Plan, roots: impl IntoIterator<Item = SlotIndex>) -> BTreeSet<SlotIndex> {
    let mut open: Vec<SlotIndex> = roots.into_iter().collect();
    let mut closed = BTreeSet::new();
    while let Some(slot) = open.pop() {
        if closed.insert(slot)
            && let Some(SlotSource::Feature(feature)) = plan.slots.get(usize::from(slot)).map(|slot| slot.source)
        {
            open.extend(plan.features[usize::from(feature)].program.slots());
        }
    }
    closed
}

impl Reads {
    /// Of exactly these slots, for a subject of this type.
    pub(crate) fn new(plan: &Plan, feed: Option<&Feed>, subject: EntityIndex, slots: &BTreeSet<SlotIndex>) -> Reads {
        Reads::with(plan, &[], feed, subject, slots)
    }

    /// The same with slots behind those of the plan.
    pub(crate) fn with(
        plan: &Plan,
        more: &[Slot],
        feed: Option<&Feed>,
        subject: EntityIndex,
        slots: &BTreeSet<SlotIndex>,
    ) -> Reads {
        let mut reads = Reads::default();
        for &slot in slots {
            let of = slot_of(plan, more, slot);
            match of.source {
                SlotSource::Aggregate(aggregate) => reads.add_aggregate(plan, subject, slot, aggregate),
                SlotSource::Feature(feature) => reads.features.push(feature),
                SlotSource::Attribute { entity, field } if Some(entity) == plan.entity("item") => {
                    reads.item_attributes.push((slot, field));
                }
                SlotSource::Attribute { entity, field } => reads.attributes.push((slot, entity, field)),
                SlotSource::Context => reads.context.extend(context_index(feed, of).map(|index| (slot, index))),
                SlotSource::RouteScore { route, .. } => reads.routes.push((slot, route)),
                SlotSource::FusedScore => reads.fused.push(slot),
                SlotSource::Now => reads.now.push(slot),
                // Rows begin with nothing in them.
                SlotSource::Unfilled => {}
                SlotSource::Listed(list) if Some(plan.lists[usize::from(list)].of) == plan.entity("item") => {
                    reads.listed_item.push((slot, list));
                }
                SlotSource::Listed(list) => reads.listed_subject.push((slot, list)),
            }
        }
        reads.features.sort_unstable();
        reads
    }

    fn add_aggregate(&mut self, plan: &Plan, subject: EntityIndex, slot: SlotIndex, index: u16) {
        let aggregate = &plan.aggregates[usize::from(index)];
        let table = &plan.tables[usize::from(plan.streams[usize::from(aggregate.stream)].table)];
        let is_item = Some(table.entity) == plan.entity("item");
        match (aggregate.op, table.cross) {
            (AggregateOp::Seen(_), _) => self.seen.push((slot, index)),
            (_, None) if is_item => self.item.push(index),
            _ if table.entity != subject => self.foreign.push(index),
            (_, None) => self.owned.push(index),
            (_, Some(Cross::ItemField(_) | Cross::Entity(_))) => self.crossed.push(index),
        }
    }

    /// Whether nothing differs between candidates.
    pub(crate) fn is_same_for_all(&self) -> bool {
        let Reads { item, crossed, seen, item_attributes, routes, fused, listed_item, features, .. } = self;
        item.is_empty()
            && crossed.is_empty()
            && seen.is_empty()
            && item_attributes.is_empty()
            && routes.is_empty()
            && fused.is_empty()
            && listed_item.is_empty()
            && features.is_empty()
    }

    /// Fills the slots of aggregates with what an entity without any event has.
    pub(crate) fn fill_empty(&self, plan: &Plan, aggregates: &[u16], row: &mut [Value]) {
        for &aggregate in aggregates {
            let aggregate = &plan.aggregates[usize::from(aggregate)];
            row[usize::from(aggregate.slot)] = aggregate.op.over_nothing();
        }
    }

    /// Fills the slot of `now`.
    pub(crate) fn fill_now(&self, now: Time, row: &mut [Value]) {
        self.now.iter().for_each(|&slot| row[usize::from(slot)] = Value::Time(now));
    }

    /// Evaluates the features; everything that they read is filled.
    pub(crate) fn fill_features(&self, plan: &Plan, texts: &dyn Texts, row: &mut [Value]) {
        for &feature in &self.features {
            let Feature { program, slot, .. } = &plan.features[usize::from(feature)];
            // A float goes to its slot directly: see `state::Reading`.
            if *program.ty() == Type::Float {
                let float = program.eval_f64_with(row, texts);
                let slot = &mut row[usize::from(*slot)];
                match float {
                    Some(float) => *slot = Value::Float(float),
                    None => *slot = Value::Missing,
                }
            } else {
                row[usize::from(*slot)] = program.eval_with(row, texts);
            }
        }
    }
}

/// Which of the feed's context fields a slot named `request.<name>` holds.
fn context_index(feed: Option<&Feed>, slot: &Slot) -> Option<u16> {
    let name = slot.name.strip_prefix("request.")?;
    feed?.context.iter().position(|field| field.name == name).map(|index| index as u16)
}
