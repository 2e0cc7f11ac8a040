//! The row of one expression that is tried, for a subject and an item: filled as a feed's own expressions are.

use super::features::{Filling, Routes, fill_subject};
use super::{Candidate, InForce, View};
use crate::epoch::Epoch;
use crate::query::Query;
use crate::reads::{Reads, closure, slot_of};
use domain::{EntityId, FeedRequest, Time, Type, Value};
use spec::Plan;
use spec::plan::{Slot, SlotIndex, SlotSource};
use std::collections::BTreeSet;

/// What an expression reads itself.
#[derive(Clone, Debug, PartialEq)]
pub struct ReadSlot {
    /// As expressions name it.
    pub name: String,
    /// Its type.
    pub ty: Type,
    /// Its value.
    pub value: Value,
    /// Whether it is of the item.
    pub of_item: bool,
    /// Whether the request brings it.
    pub of_request: bool,
}

/// The row that an expression over these slots is evaluated on, and what of it the expression reads itself. `more` are slots behind the
/// plan's; without an item what is of an item stays missing.
pub fn row_of(
    plan: &Plan,
    request: &FeedRequest,
    query: &Query,
    epoch: &Epoch,
    item: Option<EntityId>,
    (now, texts): (Time, &dyn expr::Texts),
    (more, slots): (&[Slot], &[SlotIndex]),
) -> (Vec<Value>, Vec<ReadSlot>) {
    let feed = &plan.feeds[usize::from(query.feed)];
    let (reads, context) = (epoch.feed_reads(query.feed), query.context.as_slice());
    let policies = InForce::of(feed, request, now);
    let view = View { plan, feed, reads, request, query, rules: None, context, epoch, now, policies, texts };
    let varies = |slot: &SlotIndex| slot_of(plan, more, *slot).per_candidate;
    let (own, same): (BTreeSet<SlotIndex>, BTreeSet<SlotIndex>) =
        closure(plan, slots.iter().copied()).into_iter().partition(varies);
    let reads = |slots: &BTreeSet<SlotIndex>| Reads::with(plan, more, Some(feed), feed.subject, slots);
    let mut row = vec![Value::Missing; plan.slots.len() + more.len()];
    fill_subject(&view, &reads(&same), &mut row);
    if let Some(item) = item {
        let candidate = Candidate { item, routes: 0..0, fused: 0.0, score: 0.0 };
        let best = vec![1.0; feed.routes.len()];
        let own = reads(&own);
        Filling::new(&view, &own, &mut row).fill(&candidate, Routes { hits: &[], best: &best }, &mut row);
    }
    let told = |&slot: &SlotIndex| {
        let of = slot_of(plan, more, slot);
        ReadSlot {
            name: of.name.clone(),
            ty: of.ty.clone(),
            value: row[usize::from(slot)].clone(),
            of_item: of.per_candidate,
            of_request: of.source == SlotSource::Context,
        }
    };
    let told = slots.iter().map(told).collect();
    (row, told)
}
