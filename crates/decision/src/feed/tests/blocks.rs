//! The columns of a block of candidates against the row of each, for every slot of the plan.

use super::{ample, random_request, step, world};
use crate::Pace;
use crate::feed::View;
use crate::feed::features::{Filling, Routes, fill_subject};
use crate::feed::policy::InForce;
use crate::reads::Reads;
use domain::Value;
use expr::{BLOCK_ROWS, BlockScratch, Columns};
use proptest::prelude::*;
use spec::plan::{SlotIndex, SlotSource};
use std::collections::BTreeSet;

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn a_block_is_filled_as_its_rows(
        items in 0usize..100,
        steps in prop::collection::vec(step(), 0..120),
        request in random_request(),
    ) {
        let mut world = world(items, steps);
        // Leaves its candidates and what routes found.
        world.ask(request.clone(), Pace::Live(&mut ample()));
        let query = world.query(&request);
        let (plan, epoch, now, scratch) = (&*world.plan, &world.epoch, world.now, &world.scratch);
        let feed = &plan.feeds[usize::from(query.feed)];
        let (reads, policies) = (epoch.feed_reads(query.feed), InForce::of(feed, &request, now));
        let (context, texts) = (query.context.as_slice(), &world.names);
        let view = View { plan, feed, reads, request: &request, query: &query, rules: None, context, epoch, texts, now, policies };

        let is_read = |slot: &SlotIndex| match plan.slots[usize::from(*slot)].source {
            SlotSource::RouteScore { feed, .. } => feed == query.feed,
            _ => true,
        };
        let slots = (0..plan.slots.len() as SlotIndex).filter(is_read);
        let (varying, same): (BTreeSet<_>, BTreeSet<_>) = slots.partition(|slot| plan.slots[usize::from(*slot)].per_candidate);
        let reads = [&varying, &same].map(|slots| Reads::new(plan, Some(feed), feed.subject, slots));
        let mut row = vec![Value::Missing; plan.slots.len()];
        fill_subject(&view, &reads[1], &mut row);
        let filling = Filling::new(&view, &reads[0], &mut row);
        let (mut columns, mut memory) = (Columns::new(), BlockScratch::default());
        filling.fill_same(&same.iter().copied().collect::<Vec<_>>(), &row, &mut columns);
        let found = Routes { hits: &scratch.routes, best: &scratch.best };
        for block in scratch.candidates.chunks(BLOCK_ROWS) {
            filling.fill_block(block, found, &mut row, (&mut columns, &mut memory));
            for (at, candidate) in block.iter().enumerate() {
                filling.fill(candidate, found, &mut row);
                for slot in varying.union(&same) {
                    let column = columns.column(*slot).map(|column| column.value(at));
                    prop_assert_eq!(column.as_ref(), Some(&row[usize::from(*slot)]), "{}", plan.slots[usize::from(*slot)].name);
                }
            }
        }
    }
}
