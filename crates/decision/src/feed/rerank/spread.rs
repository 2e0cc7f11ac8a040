//! Rerank by spread: within any `window` consecutive items of the slate at most `max` share one value of an attribute.
//! Greedy and stable: each place takes the best remaining candidate that keeps the rule; where none does, the best
//! remaining one, and it goes on. Candidates without the attribute are not constrained.

use crate::feed::{Order, View};
use crate::scratch::Scratch;
use domain::Value;
use spec::plan::Spread;
use std::collections::VecDeque;

/// The slate being made, and the reranker's memory.
#[derive(Default)]
pub(crate) struct Places {
    /// Candidate and displacement (positive: down), in the final order.
    pub(crate) slate: Vec<(usize, i16)>,
    /// The attribute's values met so far.
    groups: Vec<Group>,
    /// Which group took each place.
    taken: Vec<Option<usize>>,
}

/// The candidates of one value.
struct Group {
    value: Value,
    /// How many are in the current window.
    inside: u16,
    /// Ranks of those passed over, best first.
    waiting: VecDeque<usize>,
}

/// Makes the slate's first `count` places.
pub(super) fn run(view: &View<'_>, spread: Spread, count: usize, scratch: &mut Scratch) {
    let Scratch { candidates, order, places, .. } = scratch;
    let value = |rank: usize, order: &mut Order| {
        let item = candidates[order.place(rank)].item;
        view.epoch.catalogue().attribute(view.epoch.item_type(), item, spread.field)
    };
    places.slate.clear();
    places.groups.clear();
    places.taken.clear();
    let mut next = 0;
    for place in 0..count {
        places.leave_window(spread);
        let (rank, group) = match places.best_waiting(spread, true) {
            Some(waiting) => waiting,
            None => loop {
                if next == order.len() {
                    break places.best_waiting(spread, false).expect("as many candidates are left as places");
                }
                let rank = next;
                next += 1;
                match places.group_of(value(rank, order)) {
                    Some(group) if places.groups[group].inside >= spread.max => {
                        places.groups[group].waiting.push_back(rank);
                    }
                    group => break (rank, group),
                }
            },
        };
        places.take(group, rank);
        places.slate.push((order.place(rank), (place as i64 - rank as i64) as i16));
    }
}

impl Places {
    /// Forgets the place that has left the window before the next one.
    fn leave_window(&mut self, spread: Spread) {
        let window = usize::from(spread.window.max(1));
        if let Some(left) = self.taken.len().checked_sub(window)
            && let Some(group) = self.taken[left]
        {
            self.groups[group].inside -= 1;
        }
    }

    /// Rank and group of the best candidate that was passed over; `free`: only of groups with room in the window.
    /// They rank before every candidate not yet looked at.
    fn best_waiting(&self, spread: Spread, free: bool) -> Option<(usize, Option<usize>)> {
        let groups = self.groups.iter().enumerate().filter(|(_, group)| !free || group.inside < spread.max);
        let heads = groups.filter_map(|(index, group)| Some((*group.waiting.front()?, Some(index))));
        heads.min()
    }

    /// The group of a value; `None` for a missing one.
    fn group_of(&mut self, value: Value) -> Option<usize> {
        if value == Value::Missing {
            return None;
        }
        let known = self.groups.iter().position(|group| group.value == value);
        Some(known.unwrap_or_else(|| {
            self.groups.push(Group { value, inside: 0, waiting: VecDeque::new() });
            self.groups.len() - 1
        }))
    }

    /// Gives the next place to the candidate of this rank.
    fn take(&mut self, group: Option<usize>, rank: usize) {
        self.taken.push(group);
        if let Some(group) = group {
            let group = &mut self.groups[group];
            group.inside += 1;
            if group.waiting.front() == Some(&rank) {
                group.waiting.pop_front();
            }
        }
    }
}
