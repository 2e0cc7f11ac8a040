//! Rerank by places that are kept: the best remaining candidate of a route, or that meets a condition, takes a kept place.
//! If there is none, the place is given back. At most [`AHEAD`] candidates are passed over in the search.

use super::{Entry, Ground, Source};
use spec::plan::{PlaceRule, PlaceSource};
use std::collections::VecDeque;

/// How far ahead a candidate for a kept place is searched.
pub(super) const AHEAD: usize = 1_000;

/// The memory of one step.
#[derive(Default)]
pub(super) struct Slots {
    /// Candidates that were passed over, best first, and which rules they serve, one bit each.
    waiting: VecDeque<(Entry, u32)>,
}

impl Slots {
    pub(super) fn clear(&mut self) {
        self.waiting.clear();
    }

    pub(super) fn next(
        &mut self,
        place: usize,
        rules: &[PlaceRule],
        source: &mut Source<'_>,
        ground: &mut Ground<'_>,
    ) -> Option<Entry> {
        for number in (0..rules.len()).filter(|&number| rules[number].keeps(place)) {
            if let Some(at) = self.find(number, rules, source, ground) {
                return self.waiting.remove(at).map(|(entry, _)| entry);
            }
        }
        self.waiting.pop_front().map(|(entry, _)| entry).or_else(|| source.next(ground))
    }

    /// Where the best candidate for a rule waits.
    fn find(
        &mut self,
        number: usize,
        rules: &[PlaceRule],
        source: &mut Source<'_>,
        ground: &mut Ground<'_>,
    ) -> Option<usize> {
        let serves = |served: u32| served >> number & 1 == 1;
        if let Some(at) = self.waiting.iter().position(|&(_, served)| serves(served)) {
            return Some(at);
        }
        while self.waiting.len() < AHEAD
            && let Some(entry) = source.next(ground)
        {
            let served = served(rules, source.number, entry, ground);
            self.waiting.push_back((entry, served));
            if serves(served) {
                return Some(self.waiting.len() - 1);
            }
        }
        None
    }
}

/// Which rules a candidate serves, one bit each.
fn served(rules: &[PlaceRule], step: usize, entry: Entry, ground: &mut Ground<'_>) -> u32 {
    if rules.iter().any(|rule| matches!(rule.source, PlaceSource::Condition(_))) {
        ground.read(step, entry.pick);
    }
    let own = ground.candidates[entry.pick.index].routes.clone();
    let hits = &ground.routes[own.start as usize..own.end as usize];
    let serves = |rule: &PlaceRule| match &rule.source {
        PlaceSource::Route(route) => hits.iter().any(|hit| hit.route == *route),
        PlaceSource::Condition(condition) => condition.eval_bool_with(ground.row, ground.view.texts),
    };
    rules.iter().enumerate().fold(0, |served, (number, rule)| served | u32::from(serves(rule)) << number)
}
