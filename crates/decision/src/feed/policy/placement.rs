//! Placement: pins take their places, and what may not follow what stands before it waits. The order that reranking left is
//! pulled from the front, one candidate at a time and only as far as places are asked for.

use super::super::features::{Filling, Routes};
use super::super::filter::Gates;
use super::super::rerank::{Pick, Pulling};
use super::super::{Candidate, View};
use super::Removing;
use crate::facts::Test;
use crate::query::Names;
use crate::scratch::Scratch;
use domain::{Change, Effect, EntityId, Step, Value};
use spec::plan::{Action, Rerank};

/// The placement of one request, and its memory.
#[derive(Default)]
pub(crate) struct Placement {
    /// Pins to be placed, by place from 0.
    pins: Vec<Pinned>,
    /// How many of them have come.
    due: usize,
    /// The place that comes next.
    place: usize,
    /// What stands before it.
    before: Kind,
    /// How many candidates were pulled that are not pinned, and how many of them have come.
    pulled: usize,
    taken: usize,
    /// Passed over, best first.
    waiting: Vec<Waiting>,
    effects: Vec<(usize, Effect)>,
}

/// A pin that holds.
#[derive(Clone, Copy)]
struct Pinned {
    place: usize,
    policy: usize,
    item: EntityId,
    /// Its candidate.
    index: usize,
    kind: Kind,
}

/// Which sides of which `never_follow` policies a candidate is on: a bit per policy.
#[derive(Clone, Copy, Default)]
struct Kind {
    follows: u64,
    leads: u64,
}

impl Kind {
    /// The first policy that forbids this directly behind `before`.
    fn forbidden_behind(self, before: Kind) -> Option<usize> {
        let met = before.leads & self.follows;
        (met != 0).then(|| met.trailing_zeros() as usize)
    }
}

/// The `never_follow` policies that act, ready for one candidate after another.
struct Kinds<'v> {
    view: &'v View<'v>,
    /// What they read that are no facts; also what pins depend on.
    filling: Filling<'v>,
    /// Number, on what it depends, and its sides.
    rules: Vec<(usize, Test<'v>, Test<'v>, Test<'v>)>,
}

impl<'v> Kinds<'v> {
    fn new(view: &'v View<'v>, row: &mut [Value]) -> Kinds<'v> {
        let rules = view.policies.policies(view.feed).filter_map(|(policy, of)| {
            let Action::NeverFollow(rule) = &of.action else { return None };
            let facts = view.reads.policies.facts[policy];
            let when = Test::new(of.when.as_ref(), facts[0], view.texts);
            Some((
                policy,
                when,
                Test::new(Some(&rule.item), facts[1], view.texts),
                Test::new(Some(&rule.after), facts[2], view.texts),
            ))
        });
        Kinds { view, filling: Filling::new(view, &view.reads.policies.placement, row), rules: rules.collect() }
    }

    /// On which sides a candidate is; its slots are then filled.
    fn of(&self, candidate: &Candidate, found: Routes<'_>, row: &mut [Value]) -> Kind {
        self.filling.fill(candidate, found, row);
        let facts = self.view.epoch.facts(candidate.item);
        let mut kind = Kind::default();
        for &(policy, when, item, after) in &self.rules {
            kind.follows |= u64::from(item.holds(facts, row) && when.holds(facts, row)) << policy;
            kind.leads |= u64::from(after.holds(facts, row)) << policy;
        }
        kind
    }
}

/// The next candidate of the order.
#[derive(Clone, Copy)]
struct Waiting {
    pick: Pick,
    /// Its number among those pulled that are not pinned.
    number: usize,
    kind: Kind,
    /// The policy that made it wait.
    because: Option<usize>,
}

/// Makes the placement of a request ready.
pub(in super::super) fn start(view: &View<'_>, scratch: &mut Scratch) {
    let Placement { pins, due, place, before, pulled, taken, waiting, effects } = &mut scratch.placement;
    (*due, *place, *pulled, *taken, *before) = (0, 0, 0, 0, Kind::default());
    pins.clear();
    waiting.clear();
    effects.clear();
    if view.policies.pins > 0 {
        find_pins(view, scratch);
    }
}

/// The slate's order, pulled from its front.
pub(in super::super) struct Placing<'a> {
    view: &'a View<'a>,
    order: Pulling<'a>,
    placement: &'a mut Placement,
    /// What `never_follow` reads, and what removes, made when it is needed.
    kinds: Option<Kinds<'a>>,
    removing: Option<Removing<'a>>,
}

impl<'a> Placing<'a> {
    /// After `start`; goes on where the one before has stopped.
    pub(in super::super) fn new(view: &'a View<'a>, names: &'a dyn Names, scratch: &'a mut Scratch) -> Placing<'a> {
        let (order, placement) = Pulling::new(view, names, scratch);
        Placing { view, order, placement, kinds: None, removing: None }
    }

    /// What comes to the next place: a pin where one is due, else the best candidate that may stand there. Where none may, and
    /// where none is left, the pins that are still to come follow at once; then the order ends.
    pub(in super::super) fn next(&mut self) -> Option<Pick> {
        if self.view.policies.pins == 0 && !self.view.policies.apart {
            return self.pull();
        }
        let place = self.placement.place;
        let pin = self.placement.pins.get(self.placement.due).copied();
        let behind = pin.filter(|pin| pin.place == place + 1).map(|pin| pin.kind);
        let chosen = match pin {
            Some(pin) if pin.place <= place => None,
            _ => self.choose(behind),
        };
        let placement = &mut *self.placement;
        let (pick, kind) = match (chosen, pin) {
            (Some(chosen), _) => {
                let moved = placement.taken as i64 - chosen.number as i64;
                if let Some(policy) = chosen.because.filter(|_| moved > 0) {
                    placement.note(chosen.pick.index, policy, Change::Moved(moved as i16));
                }
                placement.taken += 1;
                (chosen.pick, chosen.kind)
            }
            (None, Some(pin)) => {
                placement.note(pin.index, pin.policy, Change::Placed);
                placement.due += 1;
                let score = self.order.candidate(pin.index).0.score;
                (Pick { index: pin.index, rank: None, score }, pin.kind)
            }
            (None, None) => return None,
        };
        (self.placement.place, self.placement.before) = (place + 1, kind);
        Some(pick)
    }

    /// The best candidate that may stand behind the one before and in front of `behind`.
    fn choose(&mut self, behind: Option<Kind>) -> Option<Waiting> {
        let before = self.placement.before;
        let forbidden = |kind: Kind| {
            kind.forbidden_behind(before).or_else(|| behind.and_then(|behind| behind.forbidden_behind(kind)))
        };
        let waiting = &mut self.placement.waiting;
        if let Some(at) = waiting.iter().position(|waiting| forbidden(waiting.kind).is_none()) {
            return Some(waiting.remove(at));
        }
        while let Some(pick) = self.pull() {
            let item = self.order.candidate(pick.index).0.item;
            if self.placement.pins.iter().any(|pin| pin.item == item) {
                continue;
            }
            let number = self.placement.pulled;
            self.placement.pulled += 1;
            let kind = self.kind_of(pick.index);
            let because = forbidden(kind).filter(|_| !self.has_kept_place(pick.index));
            let candidate = Waiting { pick, number, kind, because };
            if because.is_none() {
                return Some(candidate);
            }
            self.placement.waiting.push(candidate);
        }
        None
    }

    /// The next of the rerankers' order. What other feeds gave must pass this feed's policies too.
    fn pull(&mut self) -> Option<Pick> {
        let Placing { view, order, removing, .. } = self;
        loop {
            let pick = order.next()?;
            if pick.rank.is_some() || view.reads.policies.removing.is_empty() {
                return Some(pick);
            }
            let (candidate, found, row) = order.candidate(pick.index);
            let removing = removing.get_or_insert_with(|| Removing::new(view, row));
            if removing.first(candidate, found, row).is_none() {
                return Some(pick);
            }
        }
    }

    /// On which sides of the feed's `never_follow` policies a candidate is.
    fn kind_of(&mut self, index: usize) -> Kind {
        let Placing { view, order, kinds, .. } = self;
        if !view.policies.apart {
            return Kind::default();
        }
        let (candidate, found, row) = order.candidate(index);
        kinds.get_or_insert_with(|| Kinds::new(view, row)).of(candidate, found, row)
    }

    /// Whether a slot has brought the candidate up to its place: then it waits for nothing.
    fn has_kept_place(&self, index: usize) -> bool {
        self.order.effects(index).iter().any(|effect| match (effect.step, effect.change) {
            (Step::Rerank(step), Change::Moved(..0)) => {
                matches!(self.view.feed.reranks[usize::from(step)], Rerank::Slots(_))
            }
            _ => false,
        })
    }
}

impl Placement {
    /// What was done to a candidate.
    pub(in super::super) fn effects(&self, index: usize) -> impl Iterator<Item = Effect> {
        self.effects.iter().filter(move |(of, _)| *of == index).map(|(_, effect)| *effect)
    }

    /// Whether a pin has the candidate.
    pub(in super::super) fn is_pinned(&self, index: usize) -> bool {
        self.pins.iter().any(|pin| pin.index == index)
    }

    fn note(&mut self, index: usize, policy: usize, change: Change) {
        self.effects.push((index, Effect { step: Step::Policy(policy as u16), change }));
    }
}

/// Leaves the pins that hold in `scratch.placement.pins`, each with a candidate, by place. An item has one place: the first; and
/// of two pins that want one place the second has the next.
fn find_pins(view: &View<'_>, scratch: &mut Scratch) {
    scratch.placement.pins.clear();
    let pins = view.feed.policies.iter().enumerate().filter_map(|(index, policy)| match &policy.action {
        Action::Pin(pin) => Some((index, pin)),
        _ => None,
    });
    let mut wanted: Vec<(usize, usize, EntityId)> = pins
        .zip(&view.query.pinned)
        .filter(|((index, _), _)| view.policies.acts(*index))
        .filter_map(|((index, pin), item)| Some((usize::from(pin.place) - 1, index, (*item)?)))
        .collect();
    wanted.sort_unstable();
    let mut free = 0;
    for (place, policy, item) in wanted {
        let known = scratch.placement.pins.iter().any(|pin| pin.item == item);
        let Some((index, kind)) = pin_candidate(view, scratch, policy, item).filter(|_| !known) else { continue };
        let place = place.max(free);
        if place >= view.count() {
            return;
        }
        free = place + 1;
        scratch.placement.pins.push(Pinned { place, policy, item, index, kind });
    }
}

/// The candidate of a pinned item, made if no route has found it, and its kind; `None` if the pin does not hold for it, or if
/// the item must not be in the answer.
fn pin_candidate(view: &View<'_>, scratch: &mut Scratch, policy: usize, item: EntityId) -> Option<(usize, Kind)> {
    let itself = view.query.subject == Some((view.epoch.item_type(), item));
    if itself || !view.epoch.present(item) || view.query.exclude.contains(&item) || scratch.gone.contains(&item) {
        return None;
    }
    let known = scratch.candidates.iter().position(|candidate| candidate.item == item);
    let candidate = match known {
        Some(index) => scratch.candidates[index].clone(),
        None => Candidate { item, routes: 0..0, fused: 0.0, score: 0.0 },
    };
    let Scratch { routes, best, row, candidates, .. } = scratch;
    let found = Routes { hits: routes, best };
    if known.is_none() && Gates::new(view, row).failing(view, &candidate, found, false, row).is_some() {
        return None;
    }
    let kind = Kinds::new(view, row).of(&candidate, found, row);
    let when = Test::new(view.feed.policies[policy].when.as_ref(), view.reads.policies.facts[policy][0], view.texts);
    when.holds(view.epoch.facts(item), row).then(|| {
        let index = known.unwrap_or_else(|| {
            candidates.push(candidate);
            candidates.len() - 1
        });
        (index, kind)
    })
}
