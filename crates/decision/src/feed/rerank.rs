//! Rerank: a chain of steps, each of which works on the order that the one before it left, makes the order of the slate of
//! the order of the scores. Pulled from its end: a step looks at no more candidates than the places asked for need, each
//! candidate comes out exactly once, and whoever wants further places goes on asking.

mod alike;
mod dpp;
mod fair;
mod likeness;
mod mix;
mod mmr;
mod numbers;
mod slots;
mod spread;
mod window;

use super::features::{Filling, Routes};
use super::{Candidate, Order, Placement, View};
use crate::pace::Meter;
use crate::query::Names;
use crate::scratch::Scratch;
use domain::{Change, Effect, RouteHit, Step, Value};
use mix::Mixed;
pub(super) use mix::{context_of, view_of};
use spec::plan::{Of, Rerank};
use state::Paged;

/// A candidate on its way to the slate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Pick {
    /// Its index in `Scratch::candidates`.
    pub(crate) index: usize,
    /// Its place by score, from 0; `None` for an item of another feed.
    pub(crate) rank: Option<u32>,
    /// What its relevance is taken for: the score, changed by what steps before did to it.
    pub(crate) score: f64,
}

/// A pick, and the place that it had in the order before a step.
#[derive(Clone, Copy, Debug)]
struct Entry {
    pick: Pick,
    /// `None`: it comes from outside the order.
    place: Option<u32>,
}

/// The chain of one request and its memory.
#[derive(Default)]
pub(crate) struct Chain {
    /// How many places of the order of scores were taken.
    next: usize,
    steps: Vec<Running>,
    /// How many of the steps this request has.
    active: usize,
    effects: Effects,
}

/// What steps did, in the order in which they did.
#[derive(Default)]
struct Effects {
    /// Each with the number of the one before it of the same candidate.
    list: Vec<(Effect, u32)>,
    /// The number of the newest of each candidate.
    newest: Vec<u32>,
}

/// No effect.
const NONE: u32 = u32::MAX;

/// A step at work.
struct Running {
    work: Work,
    taken: u32,
    given: u32,
}

/// The memory of a step, by kind.
enum Work {
    Quotas(spread::Quotas),
    Mmr(mmr::Mmr),
    Dpp(dpp::Dpp),
    Slots(slots::Slots),
    Mix(Box<mix::Mixing>),
    Fair(fair::Fairness),
}

/// What steps read, and the candidates, to which mixing adds.
struct Ground<'a> {
    view: &'a View<'a>,
    names: &'a dyn Names,
    candidates: &'a mut Vec<Candidate>,
    routes: &'a [RouteHit],
    best: &'a [f64],
    order: &'a mut Order,
    row: &'a mut Vec<Value>,
    /// What the conditions of each step read.
    fillings: Vec<Option<Filling<'a>>>,
}

/// The final order, pulled from its front. Whatever places items after the rerankers pulls from here.
pub(super) struct Pulling<'a> {
    chain: &'a mut Chain,
    ground: Ground<'a>,
}

impl<'a> Pulling<'a> {
    /// After `start`; goes on where the one before has stopped. Beside it the placement's memory.
    pub(super) fn new(
        view: &'a View<'a>,
        names: &'a dyn Names,
        scratch: &'a mut Scratch,
    ) -> (Pulling<'a>, &'a mut Placement) {
        let Scratch { chain, candidates, routes, best, order, row, placement, .. } = scratch;
        let ground = Ground { view, names, candidates, routes, best, order, row, fillings: Vec::new() };
        (Pulling { chain, ground }, placement)
    }

    /// A candidate that has come, and the row to be filled for it.
    pub(super) fn candidate(&mut self, index: usize) -> (&Candidate, Routes<'_>, &mut Vec<Value>) {
        let Ground { candidates, routes, best, row, .. } = &mut self.ground;
        (&candidates[index], Routes { hits: routes, best }, row)
    }

    /// What the steps did to a candidate, in the order of the steps.
    pub(super) fn effects(&self, index: usize) -> Vec<Effect> {
        let mut effects = Vec::new();
        self.chain.add_effects(index, &mut effects);
        effects
    }

    /// The next best candidate; `None` if all have come. Each comes once.
    pub(super) fn next(&mut self) -> Option<Pick> {
        let Chain { next, steps, active, effects } = &mut *self.chain;
        Upstream { next, steps: &mut steps[..*active], effects }.next(&mut self.ground)
    }
}

/// Makes the chain ready: all of the feed's steps if the pace allows, else none.
pub(super) fn start(view: &View<'_>, meter: &mut Meter<'_>, scratch: &mut Scratch) {
    let chain = &mut scratch.chain;
    chain.next = 0;
    chain.effects.list.clear();
    chain.effects.newest.clear();
    chain.active = 0;
    let reranks = &view.feed.reranks;
    if reranks.is_empty() || !meter.rerank() {
        return;
    }
    chain.active = reranks.len();
    for (index, rerank) in reranks.iter().enumerate() {
        match chain.steps.get_mut(index) {
            Some(step) => step.restart(rerank),
            None => chain.steps.push(Running { work: Work::new(rerank), taken: 0, given: 0 }),
        }
    }
}

impl Chain {
    /// Appends what the steps did to a candidate, in the order of the steps.
    pub(super) fn add_effects(&self, index: usize, effects: &mut Vec<Effect>) {
        let start = effects.len();
        let mut next = self.effects.newest.get(index).copied().unwrap_or(NONE);
        while let Some(&(effect, before)) = self.effects.list.get(next as usize) {
            effects.push(effect);
            next = before;
        }
        effects[start..].reverse();
    }

    /// Where a candidate is from, if another feed was mixed in for it.
    pub(super) fn mixed(&self, index: usize) -> Option<Mixed<'_>> {
        let mixing = self.steps[..self.active].iter().filter_map(|step| match &step.work {
            Work::Mix(mixing) => Some(mixing),
            _ => None,
        });
        mixing.enumerate().find_map(|(nth, mixing)| mixing.find(nth, index))
    }
}

/// The order before a step: the scores', or that of the step before it.
struct Upstream<'a> {
    next: &'a mut usize,
    steps: &'a mut [Running],
    effects: &'a mut Effects,
}

impl Upstream<'_> {
    #[inline]
    fn next(&mut self, ground: &mut Ground<'_>) -> Option<Pick> {
        if self.steps.is_empty() { self.next_by_score(ground) } else { self.next_of_step(ground) }
    }

    #[inline]
    fn next_by_score(&mut self, ground: &mut Ground<'_>) -> Option<Pick> {
        let rank = *self.next;
        if rank == ground.order.len() {
            return None;
        }
        *self.next += 1;
        let index = ground.order.place(rank);
        Some(Pick { index, rank: Some(rank as u32), score: ground.candidates[index].score })
    }

    fn next_of_step(&mut self, ground: &mut Ground<'_>) -> Option<Pick> {
        let (step, before) = self.steps.split_last_mut()?;
        let number = before.len();
        let place = step.given;
        let upstream = Upstream { next: self.next, steps: before, effects: self.effects };
        let mut source = Source { upstream, taken: &mut step.taken, number };
        let entry = step.work.next(place, &mut source, ground)?;
        step.given += 1;
        let change = match entry.place {
            Some(before) if before == place => None,
            Some(before) => Some(Change::Moved((i64::from(place) - i64::from(before)) as i16)),
            None => Some(Change::Placed),
        };
        if let Some(change) = change {
            self.effects.push(entry.pick.index, Effect { step: Step::Rerank(number as u16), change });
        }
        Some(entry.pick)
    }
}

impl Effects {
    fn push(&mut self, index: usize, effect: Effect) {
        if self.newest.len() <= index {
            self.newest.resize(index + 1, NONE);
        }
        self.list.push((effect, self.newest[index]));
        self.newest[index] = self.list.len() as u32 - 1;
    }
}

/// Where a step takes its candidates from.
struct Source<'a> {
    upstream: Upstream<'a>,
    taken: &'a mut u32,
    /// The step's index among the feed's rerankers.
    number: usize,
}

impl Source<'_> {
    fn next(&mut self, ground: &mut Ground<'_>) -> Option<Entry> {
        let pick = self.upstream.next(ground)?;
        let place = *self.taken;
        *self.taken += 1;
        Some(Entry { pick, place: Some(place) })
    }
}

impl Running {
    fn restart(&mut self, rerank: &Rerank) {
        (self.taken, self.given) = (0, 0);
        match (&mut self.work, rerank) {
            (Work::Quotas(work), Rerank::Spread(_) | Rerank::Fresh(_)) => work.clear(),
            (Work::Mmr(work), Rerank::Mmr(_)) => work.clear(),
            (Work::Dpp(work), Rerank::Dpp(_)) => work.clear(),
            (Work::Slots(work), Rerank::Slots(_)) => work.clear(),
            (Work::Mix(work), Rerank::Mix(_)) => work.clear(),
            (Work::Fair(work), Rerank::Fair(_)) => work.clear(),
            (work, rerank) => *work = Work::new(rerank),
        }
    }
}

impl Work {
    fn new(rerank: &Rerank) -> Work {
        match rerank {
            Rerank::Spread(_) | Rerank::Fresh(_) => Work::Quotas(spread::Quotas::new()),
            Rerank::Mmr(_) => Work::Mmr(mmr::Mmr::default()),
            Rerank::Dpp(_) => Work::Dpp(dpp::Dpp::default()),
            Rerank::Slots(_) => Work::Slots(slots::Slots::default()),
            Rerank::Mix(_) => Work::Mix(Box::default()),
            Rerank::Fair(_) => Work::Fair(fair::Fairness::default()),
        }
    }

    /// What comes to this place, from 0. `None` if nothing is left.
    fn next(&mut self, place: u32, source: &mut Source<'_>, ground: &mut Ground<'_>) -> Option<Entry> {
        let view = ground.view;
        match (self, &view.feed.reranks[source.number]) {
            (Work::Quotas(work), Rerank::Spread(rules)) => work.next(rules, source, ground),
            (Work::Quotas(work), Rerank::Fresh(rule)) => work.next(std::slice::from_ref(rule), source, ground),
            (Work::Mmr(work), Rerank::Mmr(mmr)) => work.next(mmr, source, ground),
            (Work::Dpp(work), Rerank::Dpp(dpp)) => work.next(dpp, source, ground),
            // Who is held out has no kept places.
            (Work::Slots(_), Rerank::Slots(_)) if view.policies.holdout => source.next(ground),
            (Work::Slots(work), Rerank::Slots(rules)) => work.next(place as usize, rules, source, ground),
            (Work::Mix(work), Rerank::Mix(mix)) => work.next(place as usize, mix, source, ground),
            (Work::Fair(work), Rerank::Fair(fair)) => work.next(fair, source, ground),
            _ => unreachable!("`start` made the work of each step by its kind"),
        }
    }
}

impl Ground<'_> {
    /// All values of an item attribute.
    fn column(&self, field: u16) -> Option<&Paged<Value>> {
        let epoch = self.view.epoch;
        epoch.catalogue().column(epoch.item_type(), field)
    }

    /// An attribute of a candidate's item, where it has one.
    fn value(&self, pick: Pick, field: u16) -> Option<&Value> {
        self.column(field)?.get(self.candidates[pick.index].item.0)
    }

    /// Fills the row with what the conditions of step `number` read of a candidate.
    fn read(&mut self, number: usize, pick: Pick) {
        let Ground { view, candidates, routes, best, row, fillings, .. } = self;
        if fillings.len() <= number {
            fillings.resize_with(number + 1, || None);
        }
        let filling = fillings[number].get_or_insert_with(|| Filling::new(view, &view.reads.reranks[number], row));
        filling.fill(&candidates[pick.index], Routes { hits: routes, best }, row);
    }

    /// Whether a candidate is of a kind that a condition or an age makes.
    fn is_of(&mut self, number: usize, pick: Pick, of: &Of) -> bool {
        match of {
            Of::Attribute(_) => false,
            Of::Condition(condition) => {
                self.read(number, pick);
                condition.eval_bool_with(self.row, self.view.texts)
            }
            Of::Age { field, within } => match self.value(pick, *field) {
                Some(Value::Time(time)) => self.view.now.since(*time).0 < within.0,
                _ => false,
            },
        }
    }
}
