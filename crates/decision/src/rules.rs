//! What a request asks beside what the spec says: its filter and boosts, and which slots they need.

use crate::reads::{Reads, closure, slot_of};
use spec::plan::SlotIndex;
use spec::{Overlay, Plan};
use std::collections::BTreeSet;

/// A request's compiled expressions, ready to be evaluated. They depend on the plan, the feed and the texts alone, but for
/// strings that the log has not known yet.
#[derive(Debug)]
pub struct Rules {
    pub(crate) overlay: Overlay,
    /// Slots that are the same for every candidate.
    pub(crate) subject: Reads,
    /// The candidate's slots that the filter reads.
    pub(crate) filter: Reads,
    /// The candidate's slots that the boosts read.
    pub(crate) boosts: Reads,
}

impl Rules {
    /// Of expressions compiled for this feed.
    pub fn new(plan: &Plan, feed: u16, overlay: Overlay) -> Rules {
        let feed = &plan.feeds[usize::from(feed)];
        let varies = |slot: &SlotIndex| slot_of(plan, &overlay.slots, *slot).per_candidate;
        let reads = |slots: &BTreeSet<SlotIndex>| Reads::with(plan, &overlay.slots, Some(feed), feed.subject, slots);
        let filter = closure(plan, overlay.filter.iter().flat_map(|filter| filter.slots()).copied());
        let boosts = closure(plan, overlay.boosts.iter().flat_map(|(_, when)| when.slots()).copied());
        let subject = filter.union(&boosts).copied().filter(|slot| !varies(slot)).collect();
        let (subject, filter, boosts) = (
            reads(&subject),
            reads(&filter.iter().copied().filter(varies).collect()),
            reads(&boosts.iter().copied().filter(varies).collect()),
        );
        Rules { overlay, subject, filter, boosts }
    }

    /// Strings that nothing in the log had when the expressions were compiled: once it has one of them, compile again.
    pub fn unknown(&self) -> &[String] {
        &self.overlay.unknown
    }
}
