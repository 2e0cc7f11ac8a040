//! Filter: takes out candidates that must not be in the answer, by the feed's filters and then by its policies, and counts them
//! by reason. Filters that are early have been asked by recall (`recall/sieve.rs`); here they are counted.
//! A condition without a value (something it reads is missing) does not hold, and its candidate goes.

use super::features::{Filling, Routes};
use super::policy::Removing;
use super::removed::Removed;
use super::{Candidate, View};
use crate::facts::Required;
use crate::query::Names;
use crate::scratch::Scratch;
use domain::{EntityId, Removal, Value};
use expr::{Program, Texts};

/// Removes excluded items and those for which one of the feed's filters, or the request's, is not true, or that a policy removes;
/// each is counted under the first that does, early filters before the others. Returns the reasons that removed something:
/// `exclude`, filters in the spec's order, the request's, policies. Examples are the best by fused score, of early filters those
/// that are known longest.
pub(super) fn run(view: &View<'_>, names: &dyn Names, scratch: &mut Scratch) -> Vec<Removal> {
    let mut excluded = Removed::default();
    scratch.excluded.iter().filter(|(_, met)| *met).for_each(|&(item, _)| excluded.add((), item));
    let mut removed: Vec<Removal> = excluded.told(view, names, "exclude").into_iter().collect();
    scratch.gone.clear();
    let (filters, policies) = (&view.feed.filters, &view.feed.policies);
    if filters.is_empty() && view.reads.policies.removing.is_empty() && of_request(view).is_none() {
        return removed;
    }
    let mut reasons: Vec<Removed<u64>> = vec![Removed::default(); filters.len() + 1 + policies.len()];
    let gates = Gates::new(view, &mut scratch.row);
    let mut kept = 0;
    for index in 0..scratch.candidates.len() {
        let candidate = &scratch.candidates[index];
        let found = Routes { hits: &scratch.routes, best: &scratch.best };
        if let Some(reason) = gates.failing(view, candidate, found, true, &mut scratch.row) {
            let (fused, item) = candidate.fused_place();
            reasons[reason].add(fused, item);
        } else {
            // A candidate that stays where it is need not be moved.
            if kept < index {
                scratch.candidates.swap(kept, index);
            }
            kept += 1;
        }
    }
    if view.policies.pins > 0 {
        scratch.gone.extend(scratch.candidates[kept..].iter().map(|candidate| candidate.item));
    }
    scratch.candidates.truncate(kept);
    for (number, late) in reasons.iter().enumerate() {
        let reason = Gates::reason(view, number);
        let early = scratch.sieved.removed().get(number).and_then(|early| early.told(view, names, reason));
        // A filter is early or it is not.
        removed.extend(early.or_else(|| late.told(view, names, reason)));
    }
    removed
}

/// The request's own filter.
pub(super) fn of_request<'a>(view: &View<'a>) -> Option<&'a Program> {
    view.rules.and_then(|rules| rules.overlay.filter.as_ref())
}

/// The request's own filter, ready for one candidate after another.
pub(super) struct OfRequest<'v> {
    filter: &'v Program,
    filling: Filling<'v>,
    texts: &'v dyn Texts,
}

impl<'v> OfRequest<'v> {
    /// None if the request has none.
    pub(super) fn new(view: &'v View<'v>, row: &mut [Value]) -> Option<OfRequest<'v>> {
        let rules = view.rules?;
        let filter = rules.overlay.filter.as_ref()?;
        Some(OfRequest { filter, filling: Filling::new(view, &rules.filter, row), texts: view.texts })
    }

    /// Whether it is true for the candidate.
    pub(super) fn passes(&self, candidate: &Candidate, found: Routes<'_>, row: &mut [Value]) -> bool {
        self.filling.fill(candidate, found, row);
        self.filter.eval_bool_with(row, self.texts)
    }

    /// Whether it is true for an item that no route of the feed has found: one of a feed that is mixed in.
    pub(super) fn passes_bare(&self, item: EntityId, best: &[f64], row: &mut [Value]) -> bool {
        let candidate = Candidate { item, routes: 0..0, fused: 0.0, score: 0.0 };
        self.passes(&candidate, Routes { hits: &[], best }, row)
    }
}

/// A filter of the feed, ready for one candidate after another.
pub(super) enum Condition<'v> {
    /// A fact of the item, by its bit.
    Fact(u64),
    /// One that reads the row.
    Row(&'v Program, Filling<'v>, &'v dyn Texts),
}

impl<'v> Condition<'v> {
    /// The feed's filter of this number.
    pub(super) fn new(view: &'v View<'v>, number: usize, row: &mut [Value]) -> Condition<'v> {
        match view.reads.facts[number] {
            Some(bit) => Condition::Fact(bit),
            None => {
                let filling = Filling::new(view, &view.reads.filters[number], row);
                Condition::Row(&view.feed.filters[number], filling, view.texts)
            }
        }
    }

    /// Its bit, if it is a fact.
    pub(super) fn bit(&self) -> Option<u64> {
        match self {
            Condition::Fact(bit) => Some(*bit),
            Condition::Row(..) => None,
        }
    }

    /// Whether it is true for a candidate with these facts. What earlier ones of the same kind read is in the row.
    pub(super) fn holds(&self, facts: u64, candidate: &Candidate, found: Routes<'_>, row: &mut [Value]) -> bool {
        match self {
            Condition::Fact(bit) => facts & bit != 0,
            Condition::Row(filter, filling, texts) => {
                filling.fill(candidate, found, row);
                filter.eval_bool_with(row, *texts)
            }
        }
    }
}

/// What removes candidates, ready for one after another.
pub(super) struct Gates<'v> {
    filters: Vec<Condition<'v>>,
    own: Option<OfRequest<'v>>,
    policies: Removing<'v>,
    /// What of a recalled candidate's facts is enough to pass; none if more than facts is asked.
    enough: Option<Required>,
}

impl<'v> Gates<'v> {
    /// The feed's filters, the request's, and policies.
    pub(super) fn new(view: &'v View<'v>, row: &mut [Value]) -> Gates<'v> {
        let filters = (0..view.feed.filters.len()).map(|number| Condition::new(view, number, row)).collect();
        let (own, policies) = (OfRequest::new(view, row), Removing::new(view, row));
        let mut gates = Gates { filters, own, policies, enough: None };
        gates.enough = gates.enough(view);
        gates
    }

    fn enough(&self, view: &View<'_>) -> Option<Required> {
        if self.own.is_some() {
            return None;
        }
        let late = self.filters.iter().zip(&view.reads.early).filter(|(_, early)| !**early);
        late.map(|(filter, _)| filter.bit()).try_fold(self.policies.required()?, |required, bit| {
            Some(Required { holds: required.holds | bit?, ..required })
        })
    }

    /// The number of the first that removes the candidate: filters from 0, then the request's, then policies. Later filters read
    /// what earlier ones of their kind have filled. Of a candidate that was `recalled` the early filters are known to be true.
    pub(super) fn failing(
        &self,
        view: &View<'_>,
        candidate: &Candidate,
        found: Routes<'_>,
        recalled: bool,
        row: &mut [Value],
    ) -> Option<usize> {
        let facts = view.epoch.facts(candidate.item);
        if recalled && self.enough.is_some_and(|required| required.is_met(facts)) {
            return None;
        }
        let filters = self.filters.iter().zip(&view.reads.early);
        let failing = filters.enumerate().find(|(_, (filter, early))| {
            let known = recalled && **early;
            !known && !filter.holds(facts, candidate, found, row)
        });
        if let Some((number, _)) = failing {
            return Some(number);
        }
        let filters = view.feed.filters.len();
        if self.own.as_ref().is_some_and(|own| !own.passes(candidate, found, row)) {
            return Some(filters);
        }
        Some(filters + 1 + self.policies.first(candidate, found, row)?)
    }

    /// The text of what has this number.
    pub(super) fn reason<'a>(view: &View<'a>, number: usize) -> &'a str {
        let filters = view.feed.filters.len();
        match view.feed.filters.get(number) {
            Some(filter) => filter.text(),
            None if number == filters => of_request(view).map_or("", |filter| filter.text()),
            None => view.feed.policies[number - filters - 1].text.as_str(),
        }
    }
}
