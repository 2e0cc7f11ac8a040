//! What the copy of an index that is ahead took in, so that the other can take in the same; only powers are not worked out again.

use super::{Click, Sessions, at};
use domain::EntityId;
use state::Touched;

/// One thing taken in.
#[derive(Clone, Copy, Debug)]
pub(super) enum Done {
    /// An event.
    Click(Click),
    /// A user was forgotten.
    Forgotten(EntityId),
}

/// Everything taken in since the copy went ahead; nothing until it is kept.
#[derive(Clone, Debug, Default)]
pub(super) struct Trail {
    done: Vec<Done>,
    /// Items whose popularity changed.
    items: Touched,
}

impl Trail {
    pub(super) fn push(&mut self, done: Done) {
        if self.items.is_kept() {
            self.done.push(done);
        }
    }

    pub(super) fn item(&mut self, item: EntityId) {
        self.items.insert(item.0);
    }
}

impl Sessions {
    /// See `Indexes::lead`.
    pub(crate) fn lead(&mut self) {
        self.trail.done.clear();
        self.trail.items.clear();
        self.trail.items.keep();
    }

    /// See `Indexes::follow`.
    pub(crate) fn follow(&mut self, ahead: &Sessions) {
        self.trail.done.clear();
        self.trail.items.clear();
        for &done in &ahead.trail.done {
            match done {
                Done::Click(click) => drop(self.append(click)),
                Done::Forgotten(user) => self.forget(user),
            }
        }
        for &item in ahead.trail.items.ids() {
            *at(&mut self.popularity, item) = ahead.popularity(item);
        }
    }
}
