//! What the stages did with one item, noted while an answer is computed again. Serving carries none: each hook is then one
//! look at an empty option.

use super::features::{Filling, Routes};
use super::filter::{self, OfRequest};
use super::policy::{self, Removing};
use super::{Candidate, View};
use crate::explain::TermOfItem;
use crate::reads::slot_of;
use crate::scratch::Scratch;
use domain::{Effect, EntityId, RouteHit, Type, Value};
use expr::Program;
use spec::plan::SlotIndex;
use std::sync::Arc;

/// What expressions read.
pub(crate) type ReadValues = Vec<ReadValue>;

/// A slot's name and type, and the value that it had.
#[derive(Debug)]
pub(crate) struct ReadValue {
    pub(crate) name: String,
    pub(crate) ty: Type,
    pub(crate) value: Value,
    /// The text of a string, which may have been made for this answer only.
    pub(crate) text: Option<Arc<str>>,
}

/// The notes on one item.
#[derive(Debug)]
pub struct Trace {
    pub(crate) item: EntityId,
    /// Whether the stages ran at all; a further page takes the first one's order.
    pub(crate) ran: bool,
    pub(crate) present: bool,
    /// Whether the answer is about the item itself.
    pub(crate) itself: bool,
    pub(crate) excluded: bool,
    /// Whether a filter removed it while routes looked for candidates.
    pub(crate) sieved: bool,
    /// By route.
    pub(crate) routes: Vec<Sought>,
    /// Fused score, and rank by it from 0; no rank if it came behind the most candidates that are kept.
    pub(crate) fused: Option<(f64, Option<usize>)>,
    pub(crate) gates: Vec<Gate>,
    pub(crate) score: Option<Scored>,
    pub(crate) effects: Vec<Effect>,
}

/// What one route had of the item.
#[derive(Debug)]
pub(crate) struct Sought {
    pub(crate) hit: Option<RouteHit>,
    /// How many candidates the route gave.
    pub(crate) given: u32,
    /// The score of the last of them.
    pub(crate) last: Option<f64>,
}

/// A filter, or a policy that removes.
#[derive(Debug)]
pub(crate) struct Gate {
    pub(crate) text: String,
    pub(crate) policy: bool,
    pub(crate) passes: bool,
    pub(crate) read: ReadValues,
}

/// How the item was scored.
#[derive(Debug)]
pub(crate) struct Scored {
    pub(crate) score: f64,
    /// Terms with their values; empty if the formula was not reached.
    pub(crate) terms: Vec<TermOfItem>,
    pub(crate) read: ReadValues,
    /// Rank by score from 0, and of how many.
    pub(crate) rank: usize,
    pub(crate) of: usize,
}

impl Trace {
    pub(crate) fn new(item: EntityId) -> Trace {
        Trace {
            item,
            ran: false,
            present: false,
            itself: false,
            excluded: false,
            sieved: false,
            routes: Vec::new(),
            fused: None,
            gates: Vec::new(),
            score: None,
            effects: Vec::new(),
        }
    }

    fn sought(&mut self, view: &View<'_>, route_counts: &[u32], scratch: &Scratch) {
        self.ran = true;
        self.present = view.epoch.present(self.item);
        self.itself = view.query.subject == Some((view.epoch.item_type(), self.item));
        self.excluded = view.query.exclude.contains(&self.item);
        self.sieved = scratch.sieved.has_removed(self.item);
        for (route, &given) in (0..).zip(route_counts) {
            let mut of = scratch.found.iter().filter(|found| found.hit.route == route);
            let hit = of.clone().find(|found| found.item == self.item).map(|found| found.hit.clone());
            self.routes.push(Sought { hit, given, last: of.next_back().map(|found| found.hit.score) });
        }
        let fused = scratch.fused.iter().find(|candidate| candidate.item == self.item);
        let kept = |candidate: &&Candidate| scratch.candidates.iter().any(|kept| kept.item == candidate.item);
        let ahead = |of: &Candidate| {
            scratch.candidates.iter().filter(|candidate| candidate.fused_place() < of.fused_place()).count()
        };
        self.fused = fused.map(|candidate| (candidate.fused, fused.filter(kept).map(ahead)));
    }

    /// Asks every filter and policy, also those after the first that removes, and of an item that no route has found too.
    fn gates(&mut self, view: &View<'_>, scratch: &mut Scratch) {
        let Scratch { candidates, routes, best, row, .. } = scratch;
        let unfound = Candidate { item: self.item, routes: 0..0, fused: 0.0, score: 0.0 };
        let candidate = candidates.iter().find(|candidate| candidate.item == self.item).unwrap_or(&unfound);
        let found = Routes { hits: routes, best };
        let filters = view.feed.filters.iter().zip(&view.reads.filters).zip(&view.reads.early);
        // Early filters are asked before the others.
        let (early, late): (Vec<_>, Vec<_>) = filters.partition(|(_, early)| **early);
        for ((filter, reads), _) in early.into_iter().chain(late) {
            Filling::new(view, reads, row).fill(candidate, found, row);
            let (text, passes) = (filter.text().to_owned(), filter.eval_bool_with(row, view.texts));
            self.gates.push(Gate { text, policy: false, passes, read: values(view, &[filter], row) });
        }
        if let (Some(own), Some(filter)) = (OfRequest::new(view, row), filter::of_request(view)) {
            let (text, passes) = (filter.text().to_owned(), own.passes(candidate, found, row));
            self.gates.push(Gate { text, policy: false, passes, read: values(view, &[filter], row) });
        }
        let removing = Removing::all(view, row);
        for (index, removes) in removing.each(candidate, found, row) {
            let policy = &view.feed.policies[index];
            let mut read = values(view, &policy.when.iter().collect::<Vec<_>>(), row);
            read.extend(policy::counted(view, policy).map(|slot| value(view, slot, row)));
            self.gates.push(Gate { text: policy.text.clone(), policy: true, passes: !removes, read });
        }
    }

    fn ranked(&mut self, view: &View<'_>, scratch: &mut Scratch) {
        let Some(index) = scratch.candidates.iter().position(|candidate| candidate.item == self.item) else { return };
        let values_of: Vec<f64> = scratch.terms_of(index, view.feed.terms.len()).collect();
        let Scratch { candidates, routes, best, row, order, .. } = scratch;
        let of = order.len();
        let rank = (0..of).find(|&rank| order.place(rank) == index).unwrap_or(of);
        let formula = &view.feed.terms;
        let told = |(term, value): (&Program, f64)| TermOfItem {
            term: term.text().to_owned(),
            value: (!value.is_nan()).then_some(value),
        };
        Filling::new(view, &view.reads.score, row).fill(&candidates[index], Routes { hits: routes, best }, row);
        self.score = Some(Scored {
            score: candidates[index].score,
            terms: formula.iter().zip(values_of).map(told).collect(),
            read: values(view, &formula.iter().collect::<Vec<_>>(), row),
            rank,
            of,
        });
    }

    fn placed(&mut self, scratch: &Scratch) {
        // One that another feed brought stands behind the feed's own.
        let index = scratch.candidates.iter().rposition(|candidate| candidate.item == self.item);
        index.into_iter().for_each(|index| policy::add_effects(scratch, index, &mut self.effects));
    }
}

/// The slots that programs read themselves, each once.
fn values(view: &View<'_>, programs: &[&Program], row: &[Value]) -> ReadValues {
    let mut slots: Vec<SlotIndex> = programs.iter().flat_map(|program| program.slots()).copied().collect();
    slots.sort_unstable();
    slots.dedup();
    slots.into_iter().map(|slot| value(view, slot, row)).collect()
}

fn value(view: &View<'_>, slot: SlotIndex, row: &[Value]) -> ReadValue {
    // Expressions of a request have slots of their own behind those of the plan.
    let own = view.rules.map_or(&[][..], |rules| &rules.overlay.slots);
    let of = slot_of(view.plan, own, slot);
    let value = row[usize::from(slot)].clone();
    let text = if let Value::Str(symbol) = &value { view.texts.text(*symbol) } else { None };
    ReadValue { name: of.name.clone(), ty: of.ty.clone(), value, text }
}

/// After fusion, before anything is removed.
pub(super) fn recalled(view: &View<'_>, route_counts: &[u32], scratch: &mut Scratch) {
    let Some(mut trace) = scratch.trace.take() else { return };
    trace.sought(view, route_counts, scratch);
    if trace.present {
        trace.gates(view, scratch);
    }
    scratch.trace = Some(trace);
}

/// After ranking.
pub(super) fn ranked(view: &View<'_>, scratch: &mut Scratch) {
    let Some(mut trace) = scratch.trace.take() else { return };
    trace.ranked(view, scratch);
    scratch.trace = Some(trace);
}

/// After the slate is made.
pub(super) fn placed(scratch: &mut Scratch) {
    let Some(mut trace) = scratch.trace.take() else { return };
    trace.placed(scratch);
    scratch.trace = Some(trace);
}
