//! All indexes of a plan behind one door: one `apply` for every change of the log, one read per kind.

use crate::co_visited::{CoVisited, Known, Scratch, Side, Visit};
use crate::sessions::{Click, Sessions, Visitor};
use crate::{Hit, ItemScores, drawn::Drawn, explore::Explore, newest::Newest, tags::Tags, top::Top};
use domain::{EntityId, Position, Symbol, Time, limits};
use spec::plan::{EntityIndex, Index, Plan};
use state::{Change, EventChange, Resolved};
use std::sync::Arc;

/// One index, by kind.
#[derive(Clone)]
pub(crate) enum Kept {
    Top(Top),
    CoVisited(CoVisited),
    Newest(Newest),
    Sessions(Sessions),
    Tags(Tags),
    Explore(Explore),
}

/// The indexes of a plan. A clone costs as much as the indexes are large.
#[derive(Clone)]
pub struct Indexes {
    /// Parallel to `Plan::indexes`.
    pub(crate) kept: Vec<Kept>,
    /// Which roles of each event are items and which is the user.
    events: Arc<[EventRoles]>,
    pub(crate) item: Option<EntityIndex>,
    pub(crate) user: Option<EntityIndex>,
}

/// Roles of an event type by meaning.
#[derive(Clone, Debug)]
struct EventRoles {
    items: Vec<usize>,
    user: Option<usize>,
}

/// What an index takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// Items that it holds something of.
    pub items: usize,
    /// Bytes on the heap, estimated where the standard library does not say.
    pub bytes: usize,
}

impl Indexes {
    /// Empty indexes.
    pub fn new(plan: &Plan) -> Indexes {
        let (item, user) = (plan.entity("item"), plan.entity("user"));
        let events = plan.events.iter().map(|event| {
            let roles = event.roles.iter().enumerate();
            let items = roles.clone().filter(|(_, role)| Some(role.entity) == item).map(|(at, _)| at).collect();
            let user = roles.clone().find(|(_, role)| Some(role.entity) == user).map(|(at, _)| at);
            EventRoles { items, user }
        });
        let kept = plan.indexes.iter().map(|index| match index {
            Index::Top { feature } => Kept::Top(Top::new(plan, *feature)),
            Index::CoVisited(parameters) => Kept::CoVisited(CoVisited::new(parameters.clone())),
            Index::Newest { field } => Kept::Newest(Newest::new(*field)),
            Index::Explore { event, below } => Kept::Explore(Explore::new(*event, *below)),
            Index::Tags { field, by } => Kept::Tags(Tags::new(plan, *field, *by)),
            Index::Sessions(parameters) => Kept::Sessions(Sessions::new(parameters.clone())),
        });
        Indexes { kept: kept.collect(), events: events.collect(), item, user }
    }

    /// Goes on under the plan of `new`: empty indexes of a plan that has the same ones, perhaps over features of other numbers.
    pub fn adopt(&mut self, new: &Indexes) {
        self.events = new.events.clone();
        for pair in self.kept.iter_mut().zip(&new.kept) {
            match pair {
                (Kept::Top(top), Kept::Top(new)) => top.adopt(new),
                (Kept::Tags(tags), Kept::Tags(new)) => tags.adopt(new),
                _ => {}
            }
        }
    }

    /// The indexes under another plan: `from` says, for each of its indexes, which of these goes on. The others are empty until
    /// [`Indexes::rebuild`].
    pub fn carried(self, plan: &Plan, from: &[Option<u16>]) -> Indexes {
        let mut new = Indexes::new(plan);
        let mut kept: Vec<Option<Kept>> = self.kept.into_iter().map(Some).collect();
        for (index, from) in new.kept.iter_mut().zip(from) {
            let Some(mut before) = from.and_then(|from| kept[usize::from(from)].take()) else { continue };
            match (&mut before, &*index) {
                (Kept::Top(top), Kept::Top(new)) => top.adopt(new),
                (Kept::Tags(tags), Kept::Tags(new)) => tags.adopt(new),
                _ => {}
            }
            *index = before;
        }
        new
    }

    /// Takes in a change of the log that `scores` has already taken in. Every change must come, ticks too: time passes by them.
    pub fn apply(&mut self, resolved: &Resolved, scores: &dyn ItemScores) {
        let now = resolved.log_time;
        match &resolved.change {
            Change::Event(event) => self.event(event, resolved.position, now, scores),
            Change::Upsert { entity, id, .. } if Some(*entity) == self.item => self.item_changed(*id, now, scores),
            Change::Delete { entity, id } if Some(*entity) == self.item => self.item_changed(*id, now, scores),
            Change::Delete { entity, id } if Some(*entity) == self.user => self.user_deleted(*id),
            Change::Upsert { .. } | Change::Delete { .. } => {}
            Change::ListPut { .. } | Change::ListDelete { .. } | Change::None => {}
        }
        for kept in &mut self.kept {
            match kept {
                Kept::Top(top) => top.advance(now, scores, &mut |_| {}),
                Kept::Tags(tags) => tags.advance(now, scores),
                Kept::CoVisited(_) | Kept::Newest(_) | Kept::Sessions(_) | Kept::Explore(_) => {}
            }
        }
    }

    /// From now on notes what changes, so that a copy can [`follow`](Indexes::follow); what was noted before is forgotten.
    pub fn lead(&mut self) {
        self.kept.iter_mut().for_each(|kept| match kept {
            Kept::Top(top) => top.touched.keep(),
            Kept::CoVisited(index) => index.lead(),
            Kept::Newest(newest) => newest.touched.keep(),
            Kept::Sessions(index) => index.lead(),
            Kept::Tags(tags) => tags.lead(),
            Kept::Explore(explore) => explore.lead(),
        });
    }

    /// Takes over what changed in the copy that is ahead since this one was ahead of it; both were equal then.
    pub fn follow(&mut self, ahead: &Indexes) {
        for pair in self.kept.iter_mut().zip(&ahead.kept) {
            match pair {
                (Kept::Top(top), Kept::Top(ahead)) => top.follow(ahead),
                (Kept::CoVisited(index), Kept::CoVisited(ahead)) => index.follow(ahead),
                (Kept::Newest(newest), Kept::Newest(ahead)) => newest.follow(ahead),
                (Kept::Sessions(index), Kept::Sessions(ahead)) => index.follow(ahead),
                (Kept::Tags(tags), Kept::Tags(ahead)) => tags.follow(ahead),
                (Kept::Explore(explore), Kept::Explore(ahead)) => explore.follow(ahead),
                _ => unreachable!("copies are of one plan"),
            }
        }
    }

    fn event(&mut self, event: &EventChange, position: Position, now: Time, scores: &dyn ItemScores) {
        let Some(roles) = self.events.get(usize::from(event.event)) else { return };
        let items = roles.items.iter().map(|&role| event.entities[role]);
        for kept in &mut self.kept {
            match kept {
                Kept::Top(top) => items.clone().for_each(|item| top.touch(event.event, item, now, scores)),
                Kept::Explore(explore) => items.clone().for_each(|item| explore.touch(event.event, item, scores)),
                Kept::Tags(tags) => items.clone().for_each(|item| tags.touch(event.event, item, now, scores)),
                Kept::CoVisited(index) => {
                    if let (Some(weight), Some(user), Some(item)) =
                        (index.weight(event.event), roles.user, items.clone().next())
                    {
                        let visit = Visit { user: event.entities[user], item, weight, time: event.time, position };
                        index.visit(visit, scores.present(item));
                    }
                }
                Kept::Sessions(index) => {
                    if let (Some(kind), Some(user), Some(item)) =
                        (index.kind(event.event), roles.user, items.clone().next())
                    {
                        let click = Click { user: event.entities[user], item, kind, time: event.time };
                        index.visit(click, scores.present(item));
                    }
                }
                Kept::Newest(_) => {}
            }
        }
    }

    fn item_changed(&mut self, item: EntityId, now: Time, scores: &dyn ItemScores) {
        for kept in &mut self.kept {
            match kept {
                Kept::Top(top) => top.refresh(item, now, scores),
                Kept::CoVisited(index) => index.set_present(item, scores.present(item)),
                Kept::Sessions(index) => index.set_present(item, scores.present(item)),
                Kept::Newest(newest) => newest.refresh(item, scores),
                Kept::Tags(tags) => tags.refresh(item, now, scores),
                Kept::Explore(explore) => explore.refresh(item, scores),
            }
        }
    }

    fn user_deleted(&mut self, user: EntityId) {
        for kept in &mut self.kept {
            match kept {
                Kept::CoVisited(index) => index.forget_user(user),
                Kept::Sessions(index) => index.forget_user(user),
                Kept::Top(_) | Kept::Newest(_) | Kept::Tags(_) | Kept::Explore(_) => {}
            }
        }
    }

    /// Appends the best `limit` items of an `Index::Top`, best first, of equal scores the smallest id first. Items that are not
    /// present or whose score is missing or not finite are never among them, nor those that `skip` names. `now` is at or after
    /// the log time of the last change.
    ///
    /// Exact for a feature of landmark form (scores within 1e-11 of the feature's). For others exact while no pane of a listed
    /// item has expired since the last change; else the first `2 * limit + 32` are computed again and ordered anew, and an item
    /// further down that would have risen is missed until the log goes on. Features with `decayed` parts that are not of
    /// landmark form are listed with scores up to a sixteenth of the half-life old. The walk ends at `limits::ROUTE_WALK_MAX` items.
    pub fn top(
        &self,
        index: u16,
        limit: usize,
        now: Time,
        scores: &dyn ItemScores,
        skip: &dyn Fn(EntityId) -> bool,
        out: &mut Vec<Hit>,
    ) {
        if let Some(Kept::Top(top)) = self.kept.get(usize::from(index)) {
            top.read(limit, now, scores, skip, out);
        }
    }

    /// Appends the best `limit` candidates of an `Index::CoVisited` for weighted context items, best first, of equal scores the
    /// smallest id first: only present items that are not known and that `skip` does not name. Context items are candidates too.
    #[expect(
        clippy::too_many_arguments,
        reason = "the index, the question, the filter, and two buffers that callers keep"
    )]
    pub fn co_visited(
        &self,
        index: u16,
        context: &[(EntityId, f64)],
        limit: usize,
        now: Time,
        known: Known<'_>,
        scratch: &mut Scratch,
        skip: &dyn Fn(EntityId) -> bool,
        out: &mut Vec<Hit>,
    ) {
        if let Some(Kept::CoVisited(index)) = self.kept.get(usize::from(index)) {
            index.read(context, limit, now, known, scratch, skip, out);
        }
    }

    /// Appends the score of each given candidate for the context, 0 where it has none. With `Side::Context`, what `co_visited`
    /// gives it.
    #[expect(clippy::too_many_arguments, reason = "as `co_visited`")]
    pub fn co_visited_score(
        &self,
        index: u16,
        side: Side,
        context: &[(EntityId, f64)],
        candidates: &[EntityId],
        now: Time,
        scratch: &mut Scratch,
        out: &mut Vec<f64>,
    ) {
        match self.kept.get(usize::from(index)) {
            Some(Kept::CoVisited(index)) => index.scores(side, context, candidates, now, scratch, out),
            _ => out.extend(candidates.iter().map(|_| 0.0)),
        }
    }

    /// How much two items go together by an `Index::CoVisited`, from 0 to 1, whichever comes first: the larger of the two counts
    /// as a share of the geometric mean of what both items have, each increased by the index's shrinkage.
    pub fn co_visited_likeness(&self, index: u16, a: EntityId, b: EntityId, now: Time) -> f64 {
        match self.kept.get(usize::from(index)) {
            Some(Kept::CoVisited(index)) => index.likeness(a, b, now),
            _ => 0.0,
        }
    }

    /// Appends the best `limit` candidates of an `Index::Sessions` for weighted context items, best first, of equal scores the
    /// smallest id first: only present items that are not left out as known and that `skip` does not name. Context items are
    /// candidates too. `now` is what the age of sessions is reckoned from.
    #[expect(clippy::too_many_arguments, reason = "as `co_visited`")]
    pub fn sessions(
        &self,
        index: u16,
        context: &[(EntityId, f64)],
        limit: usize,
        now: Time,
        visitor: Visitor<'_>,
        scratch: &mut Scratch,
        skip: &dyn Fn(EntityId) -> bool,
        out: &mut Vec<Hit>,
    ) {
        if let Some(Kept::Sessions(index)) = self.kept.get(usize::from(index)) {
            index.read(context, limit, now, visitor, scratch, skip, out);
        }
    }

    /// Appends the newest `limit` items of an `Index::Newest`, newest first, of equal times the smallest id first: only present
    /// items that have the attribute and that `skip` does not name. The score is the time in milliseconds. The walk ends at
    /// `limits::ROUTE_WALK_MAX` items.
    pub fn newest(&self, index: u16, limit: usize, skip: &dyn Fn(EntityId) -> bool, out: &mut Vec<Hit>) {
        if let Some(Kept::Newest(newest)) = self.kept.get(usize::from(index)) {
            newest.read(limit, skip, out);
        }
    }

    /// Appends the best `limit` items of an `Index::Tags` that have one of these weighted tags, best first, of equal scores the
    /// smallest id first: only present items that `skip` does not name. The terms are ascending by tag, each once. The score is
    /// the sum of `weight * value` over the item's tags among them, `value` being what the index orders by.
    ///
    /// Of each tag the first `4 * limit + 32` items are read (looked at, of all tags together, at most `limits::ROUTE_WALK_MAX`), so that
    /// an item further down in the lists of several tags may be missed. Values are as exact as those of `top`.
    #[expect(clippy::too_many_arguments, reason = "as `co_visited`")]
    pub fn tagged(
        &self,
        index: u16,
        terms: &[(Symbol, f64)],
        limit: usize,
        now: Time,
        scores: &dyn ItemScores,
        skip: &dyn Fn(EntityId) -> bool,
        out: &mut Vec<Hit>,
    ) {
        if let Some(Kept::Tags(tags)) = self.kept.get(usize::from(index)) {
            tags.read(terms, limit, now, scores, skip, out);
        }
    }

    /// Appends `limit` items of an `Index::Explore`: those with the smallest count first, of equal ones those that the seed draws, in
    /// the order in which it does; only present items whose count is below the index's bound and that `skip` does not name. The
    /// score is what is missing to the bound. At most `limits::ROUTE_WALK_MAX` items are looked at.
    pub fn explore(&self, index: u16, seed: u64, limit: usize, skip: &dyn Fn(EntityId) -> bool, out: &mut Vec<Hit>) {
        if let Some(Kept::Explore(explore)) = self.kept.get(usize::from(index)) {
            explore.read(seed, limit, skip, out);
        }
    }

    /// Appends `limit` items that the seed draws of all, in the order in which it does, each with the score 1: only present ones
    /// that `skip` does not name. At most `limits::ROUTE_WALK_MAX` item numbers are looked at.
    pub fn random(
        seed: u64,
        limit: usize,
        scores: &dyn ItemScores,
        skip: &dyn Fn(EntityId) -> bool,
        out: &mut Vec<Hit>,
    ) {
        let drawn = Drawn::new(scores.item_count(), seed).iter().take(limits::ROUTE_WALK_MAX).map(EntityId);
        let there = drawn.filter(|&item| scores.present(item) && !skip(item));
        out.extend(there.take(limit).map(|item| Hit { item, score: 1.0 }));
    }

    /// The tags by which an `Index::Tags` lists an item, ascending.
    pub fn tags_of(&self, index: u16, item: EntityId) -> impl Iterator<Item = Symbol> {
        let tags = match self.kept.get(usize::from(index)) {
            Some(Kept::Tags(tags)) => tags.of(item),
            _ => &[],
        };
        tags.iter().map(|&tag| Symbol(tag))
    }

    /// What each index takes, in the plan's order.
    pub fn memory(&self) -> Vec<Memory> {
        let memory = self.kept.iter().map(|kept| match kept {
            Kept::Top(top) => Memory { items: top.ranked().len(), bytes: top.bytes() },
            Kept::Newest(newest) => Memory { items: newest.ranked().len(), bytes: newest.ranked().bytes() },
            Kept::CoVisited(index) => index.memory(),
            Kept::Sessions(index) => index.memory(),
            Kept::Tags(tags) => tags.memory(),
            Kept::Explore(explore) => explore.memory(),
        });
        memory.collect()
    }
}

#[cfg(test)]
mod tests;
