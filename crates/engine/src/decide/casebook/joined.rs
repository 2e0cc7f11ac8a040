//! Decided events that a label may still be about, the newest.

use domain::limits;
use state::KeyTable;

/// What has been said of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// Hash of its id, and whose decision it is.
    pub(super) id: u128,
    pub(super) tally: u16,
    /// Its tier: see [`super::Tally::count`].
    pub(super) tier: Option<u16>,
    pub(super) said: Option<bool>,
}

/// A ring of them that is found in by id.
#[derive(Clone)]
pub(super) struct Joined {
    at: KeyTable<u128>,
    /// Full when it has the most; then the oldest is at `next`.
    pub(super) ring: Vec<Entry>,
    pub(super) next: usize,
}

impl Default for Joined {
    fn default() -> Joined {
        Joined { at: KeyTable::new(0), ring: Vec::new(), next: 0 }
    }
}

impl Joined {
    /// With what a checkpoint has.
    pub(super) fn with(ring: Vec<Entry>, next: usize) -> Joined {
        let mut at = KeyTable::new(0);
        // From the oldest, so that of two with one id the newer is found.
        let order = (next..ring.len()).chain(0..next.min(ring.len()));
        for place in order {
            at.insert(ring[place].id, place as u32);
        }
        Joined { at, ring, next }
    }

    /// One more; the oldest gives way.
    pub(super) fn remember(&mut self, id: u128, (tally, tier): (u16, Option<u16>)) {
        let entry = Entry { id, tally, tier, said: None };
        let place = if self.ring.len() < limits::LABELLED_DECISIONS_MAX {
            self.ring.push(entry);
            self.ring.len() - 1
        } else {
            let place = self.next;
            let old = std::mem::replace(&mut self.ring[place], entry);
            if self.at.find(&old.id) == Some(place as u32) {
                self.at.remove(&old.id);
            }
            self.next = (place + 1) % self.ring.len();
            place
        };
        self.at.insert(id, place as u32);
    }

    /// What a label says of one: what was said before, and its tier. None if it is not remembered.
    pub(super) fn say(&mut self, id: u128, bad: bool) -> Option<(Option<bool>, Option<u16>)> {
        let entry = &mut self.ring[self.at.find(&id)? as usize];
        Some((entry.said.replace(bad), entry.tier))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_give_way_and_the_newest_of_one_id_is_found() {
        let mut joined = Joined::default();
        let most = limits::LABELLED_DECISIONS_MAX as u128;
        (0..most + 10).for_each(|id| joined.remember(id, (0, Some(id as u16))));
        assert_eq!(joined.ring.len() as u128, most);
        assert!((0..10).all(|id| joined.say(id, true).is_none()));
        joined.remember(42, (0, None));
        assert_eq!(joined.say(42, true), Some((None, None)));
        assert_eq!(joined.say(42, false), Some((Some(true), None)));
        // Its older place gives way without taking the newer one with it.
        (most + 10..most + 60).for_each(|id| joined.remember(id, (0, None)));
        assert_eq!(joined.say(42, true), Some((Some(false), None)));
        let loaded = Joined::with(joined.ring.clone(), joined.next);
        let (mut one, mut other) = (joined, loaded);
        assert!((0..most + 60).all(|id| one.say(id, false) == other.say(id, false)));
    }
}
