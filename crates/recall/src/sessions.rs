//! Past sessions, kept event by event, and what they went on with: neighbours of a visit by the sequence of its items.
//!
//! A session is a run of a user's events, none more than `gap` after the one before (without a gap: all of them), at most
//! `length` long; then the next begins. Each item keeps the newest `sessions` sessions that came to hold it, and `keep` sessions
//! are kept in all; the oldest give way.
//!
//! A context item `i` of weight `w` (by its place in the visit) weighs `w_i = w / (n_i + shrinkage)^context_exponent`, `n` being
//! the number of sessions that have held an item. A session is as like the visit as the sum of `w_i` over the context items that
//! list it, and the `neighbours` most like it, of equal ones the newest, are read. A neighbour gives the item at its place `b`
//! the largest of `w_i * distance_decay^(|b - a| - 1)` over the places `a` of context items in it, with `backward` as one more
//! factor where `b` is before `a`. A candidate's score is the sum of that over the neighbours, times `likeness^similarity_exponent`,
//! times the weight of the neighbour's event, times `2^(-age / half_life)` of the neighbour, divided by
//! `(n + shrinkage)^popularity_exponent`.
//!
//! Of the family of V-SKNN (Ludewig and Jannach, "Evaluation of session-based recommendation algorithms", UMUAI 2018) and STAN
//! (Garg et al., "Sequence and time aware neighborhood for session-based recommendations", SIGIR 2019), from which it differs in
//! taking the best matched place for every item and not one for the whole neighbour.

mod saved;
mod scratch;
mod step;
mod trail;

pub(crate) use saved::SessionsSnapshot;
pub(crate) use scratch::SessionScratch;

use crate::co_visited::{Scratch, at, norm, usable};
use crate::{Hit, ItemScores, Memory};
use domain::{EntityId, Span, Time};
use state::Paged;
use std::collections::VecDeque;
use std::sync::Arc;
use step::Step;
use trail::{Done, Trail};

/// Of how many of the user's newest sessions the items are known.
const KNOWN_SESSIONS_MAX: usize = 100;

/// One kept session.
#[derive(Clone, Debug, Default)]
struct Session {
    /// Its events in log order.
    steps: Vec<Step>,
    /// Time of its newest event.
    time: Time,
    /// The same user's session before it; 0 if there is none.
    before: u32,
}

/// What one item keeps.
#[derive(Clone, Debug, Default)]
struct Item {
    /// How many sessions have held it.
    count: u32,
    /// The newest of them by when they came to hold it, newest last. Sessions that have given way may still be listed.
    sessions: VecDeque<u32>,
}

/// The index. Sessions are numbered from 1 in log order; the low 32 bits of a number name it, and it stands in the slot
/// `number % keep`. After four billion sessions names come again: whoever still lists the older one then finds a session that
/// does not hold the item, and takes nothing from it.
#[derive(Clone)]
pub(crate) struct Sessions {
    parameters: spec::plan::Sessions,
    /// Kept sessions by slot.
    kept: Paged<Session>,
    /// How many have ever begun.
    started: u64,
    items: Paged<Option<Arc<Item>>>,
    /// The newest session of each user; 0 if there is none.
    newest: Paged<u32>,
    /// `(count + shrinkage)^-popularity_exponent` by item; 0 for items that are not present, which thus are never candidates.
    popularity: Vec<f32>,
    trail: Trail,
}

/// An event as this index sees it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Click {
    pub(crate) user: EntityId,
    pub(crate) item: EntityId,
    /// Which of the counted events it is.
    pub(crate) kind: u8,
    pub(crate) time: Time,
}

/// Who asks for the neighbours of a visit.
#[derive(Clone, Copy, Debug, Default)]
pub struct Visitor<'a> {
    /// The user, whose newest session is no neighbour of itself.
    pub user: Option<EntityId>,
    /// Items of the visit.
    pub recent: &'a [EntityId],
    /// Whether those items, and those of the user's newest hundred sessions, are left out.
    pub skip_known: bool,
}

impl Sessions {
    pub(crate) fn new(parameters: spec::plan::Sessions) -> Sessions {
        Sessions {
            parameters,
            kept: Paged::new(),
            started: 0,
            items: Paged::new(),
            newest: Paged::new(),
            popularity: Vec::new(),
            trail: Trail::default(),
        }
    }

    /// Which of the counted events a type is; `None` if it does not count.
    pub(crate) fn kind(&self, event: u16) -> Option<u8> {
        self.parameters.events.iter().position(|(counted, _)| *counted == event).map(|kind| kind as u8)
    }

    /// Takes in an event. `present`: whether its item may be recommended.
    pub(crate) fn visit(&mut self, click: Click, present: bool) {
        self.trail.push(Done::Click(click));
        let is_first = self.append(click);
        if is_first || self.popularity(click.item.0) == 0.0 {
            self.set_present(click.item, present);
        }
    }

    /// Puts an event where it belongs. Returns whether it is the session's first on the item.
    fn append(&mut self, click: Click) -> bool {
        let name = self.session_for(click.user, click.time);
        let session = self.kept.get_mut(self.slot(name).expect("a user's session that goes on is kept"));
        let is_first = session.steps.iter().all(|step| step.item() != click.item.0);
        session.steps.push(Step::new(click.item.0, click.kind));
        session.time = session.time.max(click.time);
        if is_first {
            self.list(click.item.0, name);
        }
        is_first
    }

    /// The session that the user's event at `time` belongs to. A late event belongs to the newest.
    fn session_for(&mut self, user: EntityId, time: Time) -> u32 {
        let before = self.newest.get(user.0).copied().unwrap_or(0);
        let before = self.session(before).map_or(0, |session| {
            let goes_on = self.parameters.gap.is_none_or(|gap| time.since(session.time) <= gap);
            if goes_on && session.steps.len() < usize::from(self.parameters.length) { before } else { 0 }
        });
        if before != 0 { before } else { self.begin(user, time) }
    }

    fn begin(&mut self, user: EntityId, time: Time) -> u32 {
        self.started += 1;
        if self.started as u32 == 0 {
            self.started += 1;
        }
        let name = self.started as u32;
        let newest = self.newest.get_mut(user.0);
        let before = std::mem::replace(newest, name);
        let slot = self.slot(name).expect("the newest session of all is kept");
        *self.kept.get_mut(slot) = Session { steps: Vec::new(), time, before };
        name
    }

    /// Puts a session into the item's list.
    fn list(&mut self, item: u32, name: u32) {
        let (started, keep, most) = (self.started, self.parameters.keep, usize::from(self.parameters.sessions).max(1));
        let row = Arc::make_mut(self.items.get_mut(item).get_or_insert_default());
        row.count = row.count.saturating_add(1);
        while row.sessions.len() >= most || row.sessions.front().is_some_and(|&old| age(started, keep, old).is_none()) {
            row.sessions.pop_front();
        }
        row.sessions.push_back(name);
    }

    /// The slot of a session that is kept.
    fn slot(&self, name: u32) -> Option<u32> {
        let age = age(self.started, self.parameters.keep, name)?;
        Some(((self.started - u64::from(age)) % u64::from(self.parameters.keep)) as u32)
    }

    /// A session that is kept.
    fn session(&self, name: u32) -> Option<&Session> {
        self.slot(name).and_then(|slot| self.kept.get(slot))
    }

    /// The user's sessions that are kept, newest first.
    fn sessions_of(&self, user: EntityId) -> impl Iterator<Item = (u32, &Session)> {
        let named = |name: u32| self.session(name).map(|session| (name, session));
        let newest = self.newest.get(user.0).and_then(|&name| named(name));
        std::iter::successors(newest, move |(_, session)| named(session.before))
    }

    /// Says whether an item may be recommended.
    pub(crate) fn set_present(&mut self, item: EntityId, present: bool) {
        self.trail.item(item);
        let norm = norm(self.count(item.0) + self.parameters.shrinkage, self.parameters.popularity_exponent);
        *at(&mut self.popularity, item.0) = if present { norm as f32 } else { 0.0 };
    }

    /// Forgets a user's sessions that are still known as theirs.
    pub(crate) fn forget_user(&mut self, user: EntityId) {
        self.trail.push(Done::Forgotten(user));
        self.forget(user);
    }

    fn forget(&mut self, user: EntityId) {
        let names: Vec<u32> =
            self.sessions_of(user).map(|(name, _)| name).take(self.parameters.keep as usize).collect();
        for name in names {
            let slot = self.slot(name).expect("it was found there");
            let session = std::mem::take(self.kept.get_mut(slot));
            for step in session.steps {
                if let Some(row) = self.items.get_mut(step.item()) {
                    Arc::make_mut(row).sessions.retain(|&listed| listed != name);
                }
            }
        }
        if self.newest.get(user.0).is_some_and(|&name| name != 0) {
            *self.newest.get_mut(user.0) = 0;
        }
    }

    /// Recomputes what is not saved in a checkpoint.
    pub(crate) fn rebuild(&mut self, scores: &dyn ItemScores) {
        for id in 0..scores.item_count() {
            self.set_present(EntityId(id), scores.present(EntityId(id)));
        }
    }

    /// The best candidates for the context; see `Indexes::sessions`.
    #[expect(clippy::too_many_arguments, reason = "as `Indexes::sessions`")]
    pub(crate) fn read(
        &self,
        context: &[(EntityId, f64)],
        limit: usize,
        now: Time,
        visitor: Visitor<'_>,
        scratch: &mut Scratch,
        skip: &dyn Fn(EntityId) -> bool,
        out: &mut Vec<Hit>,
    ) {
        if limit == 0 {
            return;
        }
        let mut own = std::mem::take(&mut scratch.sessions);
        self.find(context, visitor.user, &mut own);
        scratch.start(self.popularity.len(), own.nearest.len() * 8);
        for at in 0..own.nearest.len() {
            self.add_neighbour(at, now, &mut own, scratch);
        }
        scratch.sessions = own;
        if visitor.skip_known {
            let past = visitor.user.into_iter().flat_map(|user| self.sessions_of(user).take(KNOWN_SESSIONS_MAX));
            scratch.forget(past.flat_map(|(_, session)| session.steps.iter().map(|step| step.item())));
            scratch.forget(visitor.recent.iter().map(|item| item.0));
        }
        scratch.hits(limit, skip, out);
    }

    /// Leaves the weights of the context items and the most alike sessions in `own`, the most alike first.
    fn find(&self, context: &[(EntityId, f64)], user: Option<EntityId>, own: &mut SessionScratch) {
        let row = |item: EntityId| self.items.get(item.0).and_then(Option::as_ref);
        own.weights.start(context.len());
        for &(item, weight) in context {
            if let Some(row) = row(item) {
                let count = f64::from(row.count) + self.parameters.shrinkage;
                let weight = weight * norm(count, self.parameters.context_exponent);
                if usable(weight) {
                    own.weights.add(item.0, weight);
                }
            }
        }
        let rows = own.weights.entries().iter().filter_map(|&(item, weight)| row(EntityId(item)).zip(Some(weight)));
        own.likeness.start(rows.clone().map(|(row, _)| row.sessions.len()).sum());
        let (started, keep) = (self.started, self.parameters.keep);
        let newest = user.and_then(|user| self.newest.get(user.0)).copied().unwrap_or(0);
        for (row, weight) in rows {
            for &name in &row.sessions {
                if let Some(age) = age(started, keep, name).filter(|_| name != newest) {
                    own.likeness.add(age, weight);
                }
            }
        }
        own.choose(usize::from(self.parameters.neighbours), |age| (started as u32).wrapping_sub(age));
    }

    /// Adds what one neighbour says of each of its items.
    fn add_neighbour(&self, at: usize, now: Time, own: &mut SessionScratch, scratch: &mut Scratch) {
        let (name, likeness) = own.nearest[at];
        let Some(session) = self.session(name) else { return };
        let spec::plan::Sessions { similarity_exponent, half_life, .. } = self.parameters;
        let worth = power(likeness, similarity_exponent) * half_life.map_or(1.0, |life| left(life, now, session.time));
        self.reach(session, own);
        scratch.add(session.steps.iter().zip(&own.reached).map(|(step, reached)| {
            let weight = self.parameters.events.get(usize::from(step.kind())).map_or(0.0, |event| event.1);
            (step.item(), worth * reached * weight * f64::from(self.popularity(step.item())))
        }));
    }

    /// How much each place of a session is reached by the context items in it: once forward and once back, each pass carrying the
    /// largest weight that has decayed so far.
    fn reach(&self, session: &Session, own: &mut SessionScratch) {
        let spec::plan::Sessions { distance_decay, backward, .. } = self.parameters;
        let SessionScratch { weights, matched, reached, .. } = own;
        matched.clear();
        matched.extend(session.steps.iter().map(|step| weights.value(step.item())));
        reached.clear();
        let mut carried = 0.0f64;
        for weight in &*matched {
            reached.push(carried);
            carried = weight.max(carried * distance_decay);
        }
        carried = 0.0;
        for (reached, weight) in reached.iter_mut().zip(&*matched).rev() {
            *reached = reached.max(carried);
            carried = (weight * backward).max(carried * distance_decay);
        }
    }

    fn count(&self, item: u32) -> f64 {
        self.items.get(item).and_then(Option::as_ref).map_or(0.0, |row| f64::from(row.count))
    }

    fn popularity(&self, item: u32) -> f32 {
        self.popularity.get(item as usize).copied().unwrap_or(0.0)
    }

    /// What it takes.
    pub(crate) fn memory(&self) -> Memory {
        const COUNTS_OF_ARC: usize = 16;
        let word = size_of::<u32>();
        let rows = self.items.iter().filter_map(|(_, row)| row.as_ref());
        let bytes = |row: &Item| size_of::<Item>() + COUNTS_OF_ARC + row.sessions.capacity() * word;
        let (items, rows) = rows.fold((0, 0), |(count, sum), row| (count + 1, sum + bytes(row)));
        let steps: usize = self.kept.iter().map(|(_, session)| session.steps.capacity() * word).sum();
        let sessions = steps + self.kept.len() as usize * size_of::<Session>();
        let pages = self.items.len() as usize * size_of::<Option<Arc<Item>>>() + self.newest.len() as usize * word;
        Memory { items, bytes: rows + sessions + pages + self.popularity.capacity() * size_of::<f32>() }
    }
}

/// How many sessions have begun after the one of this name; none if it is not kept.
fn age(started: u64, keep: u32, name: u32) -> Option<u32> {
    let age = (started as u32).wrapping_sub(name);
    (name != 0 && u64::from(age) < started.min(u64::from(keep))).then_some(age)
}

/// What age leaves of a session.
fn left(half_life: Span, now: Time, then: Time) -> f64 {
    libm::exp2(-(now.since(then).0.max(0) as f64) / half_life.0 as f64)
}

fn power(likeness: f64, exponent: f64) -> f64 {
    match exponent {
        0.0 => 1.0,
        0.5 => likeness.sqrt(),
        1.0 => likeness,
        2.0 => likeness * likeness,
        _ => libm::pow(likeness, exponent),
    }
}

#[cfg(test)]
mod tests;
