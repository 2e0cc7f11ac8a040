//! What came of answers: a window of decisions, and the events joined to them by the decision's id and the item, counted by
//! feed, route and place. A function of the log like all state; kept once, beside the catalogue.

mod counts;
mod saved;

#[cfg(test)]
mod tests;

pub use counts::{Counts, FeedCounts, Unjoined};
pub use saved::AttributionSnapshot;

use crate::dictionary::Dictionary;
use crate::resolve::{Change, Resolved};
use domain::{Answer, DecisionId, EntityId, Event, Position, Raw, Time};
use spec::Plan;
use spec::plan::AttributedEvent;
use std::collections::VecDeque;
use std::sync::Arc;

/// Decisions per block: the unit that a snapshot shares.
const BLOCK: usize = 64;
/// The field of an event that names a decision.
const DECISION: &str = "decision";

/// What is remembered of an answer: its feed, and for each place the item and the routes that found it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decided {
    feed: u16,
    /// How many items came on the pages before.
    from: u16,
    places: Vec<(EntityId, u32)>,
}

impl Decided {
    /// Of an answer; none if the plan has no such feed.
    pub fn of(plan: &Plan, names: &Dictionary, answer: &Answer) -> Option<Decided> {
        let feed = plan.feed(&answer.request.feed)?;
        let item_type = plan.entity("item")?;
        let place = |item: &domain::Recommended| {
            let routes = item.routes.iter().fold(0, |mask, hit| mask | 1u32.checked_shl(hit.route.into()).unwrap_or(0));
            // A key that no record has named joins nothing.
            (names.entity(item_type, &item.item).unwrap_or(EntityId(u32::MAX)), routes)
        };
        let from = answer.request.page.as_ref().map_or(0, |page| page.from);
        Some(Decided { feed, from, places: answer.items.iter().map(place).collect() })
    }
}

/// A remembered decision; its places begin at `start` in its block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Remembered {
    id: DecisionId,
    log_time: Time,
    feed: u16,
    from: u16,
    start: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    item: EntityId,
    /// Bit `n`: the feed's route `n` found it.
    routes: u32,
    /// Bit `n`: the attributed event `n` was joined; each counts once.
    seen: u32,
}

#[derive(Clone, Debug, Default)]
struct Block {
    decisions: Vec<Remembered>,
    places: Vec<Place>,
}

impl Block {
    fn places_of(&self, at: usize) -> std::ops::Range<usize> {
        let end = self.decisions.get(at + 1).map_or(self.places.len(), |next| next.start as usize);
        self.decisions[at].start as usize..end
    }
}

/// An event as attribution sees it.
#[derive(Clone, Copy, Debug)]
struct Kind {
    /// Its number among the attributed ones.
    number: u8,
    /// Which of its roles is the item.
    role: u8,
}

/// Decisions of the last while, and what came of all.
#[derive(Clone)]
pub struct Attribution {
    plan: Arc<Plan>,
    /// By index into `Plan::events`.
    kinds: Vec<Option<Kind>>,
    /// The attributed events that are clicks, as bits.
    clicks: u32,
    /// Whether the spec in force at this point of the log attributes as the plan does: routes of another have other numbers.
    current: bool,
    blocks: VecDeque<Arc<Block>>,
    /// How many decisions of the first block are forgotten.
    forgotten: usize,
    len: usize,
    /// The last decision forgotten.
    forgotten_to: Position,
    feeds: Vec<FeedCounts>,
    unjoined: Unjoined,
    /// The last event that named a decision. Not state: only says what a reader has seen.
    position: Position,
}

impl Attribution {
    /// Nothing decided yet; none if the plan declares no attribution.
    pub fn new(plan: &Arc<Plan>) -> Option<Attribution> {
        let declared = plan.attribution.as_ref()?;
        let item = plan.entity("item")?;
        let mut kinds = vec![None; plan.events.len()];
        for (number, of) in declared.events.iter().enumerate() {
            let roles = &plan.events[usize::from(of.event)].roles;
            let role = roles.iter().position(|role| role.entity == item);
            kinds[usize::from(of.event)] = role.map(|role| Kind { number: number as u8, role: role as u8 });
        }
        let clicks = declared.events.iter().enumerate().filter(|(_, of)| of.click);
        Some(Attribution {
            kinds,
            clicks: clicks.fold(0, |mask, (number, _)| mask | 1 << number),
            current: false,
            blocks: VecDeque::new(),
            forgotten: 0,
            len: 0,
            forgotten_to: Position::START,
            feeds: plan.feeds.iter().map(|feed| FeedCounts::new(feed.routes.len(), declared.events.len())).collect(),
            unjoined: Unjoined::default(),
            position: Position::START,
            plan: plan.clone(),
        })
    }

    /// Goes on under a plan that attributes alike.
    pub fn adopt(&mut self, plan: &Arc<Plan>) {
        self.plan = plan.clone();
    }

    /// A spec came into force.
    pub fn spec(&mut self, text: &str) {
        self.current = spec::attributes_alike(&self.plan, text);
    }

    /// Remembers a decision, given in log order. Of one that an earlier spec answered the routes are not credited.
    pub fn decide(&mut self, id: DecisionId, log_time: Time, decided: &Decided) {
        self.expire(log_time);
        if self.len == self.declared().decisions as usize {
            let feed = self.oldest().map(|decision| decision.feed);
            feed.into_iter().for_each(|feed| self.feeds[usize::from(feed)].dropped += 1);
            self.forget_oldest();
        }
        let known = if self.current { u32::MAX } else { 0 };
        let feed = &mut self.feeds[usize::from(decided.feed)];
        feed.decisions += 1;
        for (place, (_, routes)) in (usize::from(decided.from)..).zip(&decided.places) {
            feed.cells(place, routes & known, |counts| counts.offered += 1);
        }
        if self.blocks.back().is_none_or(|block| block.decisions.len() == BLOCK) {
            self.blocks.push_back(Arc::default());
        }
        let block = Arc::make_mut(self.blocks.back_mut().expect("a block was pushed if there was no room"));
        let start = block.places.len() as u32;
        block.decisions.push(Remembered { id, log_time, feed: decided.feed, from: decided.from, start });
        let places = decided.places.iter().map(|&(item, routes)| Place { item, routes: routes & known, seen: 0 });
        block.places.extend(places);
        self.len += 1;
    }

    /// Joins an event of the log to the decision that it names, if it names one and is attributed.
    pub fn apply(&mut self, event: &Event<'_>, resolved: &Resolved) {
        let Change::Event(change) = &resolved.change else { return };
        let Some(kind) = self.kinds[usize::from(change.event)] else { return };
        let Some(Raw::Str(named)) = event.field(DECISION) else { return };
        self.expire(resolved.log_time);
        self.position = resolved.position;
        let item = change.entities[usize::from(kind.role)];
        match DecisionId::parse(named) {
            Some(id) if id.position <= self.forgotten_to => self.unjoined.expired += 1,
            Some(id) => self.join(id, item, kind.number),
            None => self.unjoined.unknown += 1,
        }
    }

    fn join(&mut self, id: DecisionId, item: EntityId, number: u8) {
        let Some((block, at)) = self.find(id) else { return self.unjoined.unknown += 1 };
        let places = self.blocks[block].places_of(at);
        let start = places.start;
        let Some(offset) = self.blocks[block].places[places].iter().position(|place| place.item == item) else {
            return self.unjoined.not_in_slate += 1;
        };
        let place = self.blocks[block].places[start + offset];
        let bit = 1 << number;
        if place.seen & bit != 0 {
            return self.unjoined.duplicate += 1;
        }
        let block = Arc::make_mut(&mut self.blocks[block]);
        block.places[start + offset].seen |= bit;
        let decision = block.decisions[at];
        let (before, after) = (place.seen, place.seen | bit);
        let clicked = |seen: u32| seen & self.clicks != 0;
        let both = |seen: u32| clicked(seen) && seen & 1 != 0;
        let (newly_clicked, newly_both) = (clicked(after) && !clicked(before), both(after) && !both(before));
        let feed = &mut self.feeds[usize::from(decision.feed)];
        feed.cells(usize::from(decision.from) + offset, place.routes, |counts| {
            counts.events[usize::from(number)] += 1;
            counts.clicks += u64::from(newly_clicked);
            counts.clicked_impressions += u64::from(newly_both);
        });
    }

    /// The block and the place in it of a decision that is remembered. A record of another writer epoch is another decision.
    fn find(&self, id: DecisionId) -> Option<(usize, usize)> {
        let after = self.blocks.partition_point(|block| block.decisions[0].id.position <= id.position);
        let block = after.checked_sub(1)?;
        let at =
            self.blocks[block].decisions.binary_search_by_key(&id.position, |decision| decision.id.position).ok()?;
        let forgotten = block == 0 && at < self.forgotten;
        (!forgotten && self.blocks[block].decisions[at].id == id).then_some((block, at))
    }

    /// Forgets decisions that are the window or longer before `log_time`.
    fn expire(&mut self, log_time: Time) {
        let kept_after = log_time.minus(self.declared().window);
        while self.oldest().is_some_and(|decision| decision.log_time <= kept_after) {
            self.forget_oldest();
        }
    }

    fn oldest(&self) -> Option<&Remembered> {
        self.blocks.front().and_then(|block| block.decisions.get(self.forgotten))
    }

    fn forget_oldest(&mut self) {
        let Some(oldest) = self.oldest() else { return };
        self.forgotten_to = oldest.id.position;
        self.len -= 1;
        self.forgotten += 1;
        if self.forgotten == self.blocks.front().map_or(0, |block| block.decisions.len()) {
            // A block that is not full yet is the last one: the next decision starts a new one.
            self.blocks.pop_front();
            self.forgotten = 0;
        }
    }

    fn declared(&self) -> &spec::plan::Attribution {
        self.plan.attribution.as_ref().expect("made only for plans that declare it")
    }

    /// How many decisions are remembered.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The events that are joined; the numbers of [`Counts::events`] are in this order.
    pub fn events(&self) -> &[AttributedEvent] {
        &self.declared().events
    }

    /// What was counted, by index into `Plan::feeds`.
    pub fn feeds(&self) -> &[FeedCounts] {
        &self.feeds
    }

    /// Position of the last event that named a decision, since state was loaded.
    pub fn position(&self) -> Position {
        self.position
    }

    /// Events that named a decision and were not joined.
    pub fn unjoined(&self) -> Unjoined {
        self.unjoined
    }
}
