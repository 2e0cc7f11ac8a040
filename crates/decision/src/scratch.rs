//! Working memory of one serving thread, kept from request to request so that the pipeline allocates next to nothing.

use crate::feed::{Candidate, Chain, Found, Order, Pick, Placement, Sieved, Trace};
use domain::{Effect, EntityId, RouteHit, Symbol, Value};
use expr::{BLOCK_ROWS, BlockScratch, Columns};
use recall::Hit;

/// One thread's working memory. It carries nothing from one answer to the next but capacity.
#[derive(Default)]
pub struct Scratch {
    /// One value per slot of the plan: the subject's slots for the whole request, the candidate's one candidate at a time.
    pub(crate) row: Vec<Value>,
    /// The row in which recall indexes evaluate features of items.
    pub(crate) item_row: Vec<Value>,
    /// Sums of co-visits by item.
    pub(crate) sums: recall::Scratch,
    /// Items that a route starts from, with weights.
    pub(crate) context: Vec<(EntityId, f64)>,
    /// Tags that a route looks for, with weights.
    pub(crate) tags: Vec<(Symbol, f64)>,
    /// What one route found.
    pub(crate) hits: Vec<Hit>,
    /// What filters said of the items that routes looked at.
    pub(crate) sieved: Sieved,
    /// Routes whose condition does not hold.
    pub(crate) off: Vec<u16>,
    /// The best score of each route.
    pub(crate) best: Vec<f64>,
    /// By item: its place in `fused`, or `u32::MAX`.
    pub(crate) places_of: Vec<u32>,
    /// Candidates in the order in which they were found, while they are fused.
    pub(crate) fused: Vec<Candidate>,
    /// What all routes found, route after route.
    pub(crate) found: Vec<Found>,
    /// Excluded items, ascending, and whether a route met them.
    pub(crate) excluded: Vec<(EntityId, bool)>,
    /// Each item that was found, once; after filters only those that passed; after ranking those in
    /// front that were scored, the others by fused score.
    pub(crate) candidates: Vec<Candidate>,
    /// Where they are put in order.
    pub(crate) sorted: Vec<Candidate>,
    /// The routes that found them; a candidate owns a range.
    pub(crate) routes: Vec<RouteHit>,
    /// The slots of a block of candidates, and what is needed to evaluate expressions over them.
    pub(crate) columns: Columns,
    pub(crate) block: BlockScratch,
    /// Values of the terms, block by block of candidates and of each block term by term; NaN where a term has no value.
    pub(crate) terms: Vec<[f64; BLOCK_ROWS]>,
    /// Which boosts of the request changed which candidates' scores, by candidate.
    pub(crate) boosted: Vec<(usize, u16)>,
    /// An ordering of candidates, as far as it is needed.
    pub(crate) order: Order,
    /// Candidates that filters and policies have removed, if the feed has pins.
    pub(crate) gone: Vec<EntityId>,
    /// What boosts and burials did to candidates, by candidate and in the order in which they did.
    pub(crate) scaled: Vec<(usize, Effect)>,
    /// The rerankers, and what they remember.
    pub(crate) chain: Chain,
    /// Pins, and what may not follow what.
    pub(crate) placement: Placement,
    /// What came to the slate.
    pub(crate) picks: Vec<Pick>,
    /// Notes on one item, if somebody asked for them.
    pub(crate) trace: Option<Box<Trace>>,
}

impl Scratch {
    /// The values of all `count` terms for a candidate, NaN where one has none; nothing if its block was not scored.
    pub(crate) fn terms_of(&self, index: usize, count: usize) -> impl Iterator<Item = f64> {
        let of_block = self.terms.chunks_exact(count.max(1)).nth(index / BLOCK_ROWS).unwrap_or_default();
        of_block.iter().map(move |values| values[index % BLOCK_ROWS])
    }

    /// Notes what the next answer does with an item.
    pub fn follow(&mut self, item: EntityId) {
        self.trace = Some(Box::new(Trace::new(item)));
    }

    /// The notes on the item that was followed.
    pub fn followed(&mut self) -> Option<Box<Trace>> {
        self.trace.take()
    }
}
