//! What the copy of an index that is ahead did, so that the other can do the same without working it out again.

use super::recents::Recent;
use super::{CoVisited, at, row};
use domain::EntityId;
use state::Touched;

/// One thing done.
#[derive(Clone, Copy, Debug)]
pub(super) enum Step {
    /// An item's counters moved to a later era.
    Era { row: u32, era: i64 },
    /// A counter became this.
    Count { place: u16, row: u32, item: u32, count: f32 },
    /// An item moved to the front of a user's recents.
    Recent { place: u16, user: u32, recent: Recent },
    /// A user's recents were forgotten.
    Forgotten { user: u32 },
}

/// Everything done since the copy went ahead; nothing until it is kept.
#[derive(Clone, Debug, Default)]
pub(super) struct Trail {
    steps: Vec<Step>,
    /// Items whose total or norms changed.
    items: Touched,
}

impl Trail {
    pub(super) fn push(&mut self, step: Step) {
        if self.items.is_kept() {
            self.steps.push(step);
        }
    }

    pub(super) fn item(&mut self, item: EntityId) {
        self.items.insert(item.0);
    }
}

impl CoVisited {
    /// See `Indexes::lead`.
    pub(crate) fn lead(&mut self) {
        self.trail.steps.clear();
        self.trail.items.clear();
        self.trail.items.keep();
    }

    /// See `Indexes::follow`.
    pub(crate) fn follow(&mut self, ahead: &CoVisited) {
        self.trail.steps.clear();
        self.trail.items.clear();
        ahead.trail.steps.iter().for_each(|&step| self.take(step));
        for &item in ahead.trail.items.ids() {
            if let Some(from) = ahead.items.get(item).and_then(Option::as_ref) {
                let row = row(&mut self.items, item);
                (row.total, row.at) = (from.total, from.at);
            }
            *at(&mut self.context_norms, item) = ahead.context_norm(item);
            *at(&mut self.popularity, item) = ahead.popularity(item);
        }
    }

    fn take(&mut self, step: Step) {
        let (keep, capacity) = (usize::from(self.parameters.keep), usize::from(self.parameters.counters));
        match step {
            Step::Era { row: of, era } => drop(row(&mut self.items, of).counters.enter(era)),
            Step::Count { place, row: of, item, count } => {
                row(&mut self.items, of).counters.set(usize::from(place), item, count, capacity);
            }
            Step::Recent { place, user, recent } => self.recents.get_mut(user).put(usize::from(place), recent, keep),
            Step::Forgotten { user } => *self.recents.get_mut(user) = Default::default(),
        }
    }
}
