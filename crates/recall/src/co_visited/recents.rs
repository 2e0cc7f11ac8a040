//! The items that a user visited last, each once.

use std::collections::VecDeque;

/// Items compared at once when one is searched.
const LANES: usize = 16;

/// A recent item of a user.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Recent {
    pub(super) item: u32,
    /// The heaviest event on it.
    pub(super) weight: f32,
}

/// Recent items in log order, the newest at the end.
#[derive(Clone, Debug, Default)]
pub(super) struct Recents(VecDeque<Recent>);

impl Recents {
    /// Newest first.
    pub(super) fn iter(&self) -> impl ExactSizeIterator<Item = &Recent> {
        self.0.iter().rev()
    }

    /// Where an item stands; one past the end if it does not.
    pub(super) fn find(&self, item: u32) -> usize {
        let (first, second) = self.0.as_slices();
        let place = find(first, item);
        if place < first.len() { place } else { place + find(second, item) }
    }

    /// The weight at a place; 0 past the end.
    pub(super) fn weight(&self, place: usize) -> f32 {
        self.0.get(place).map_or(0.0, |recent| recent.weight)
    }

    /// Takes away what stands at `place`, and puts `recent` at the end. Of a new item the oldest gives way, where there are `keep`.
    pub(super) fn put(&mut self, place: usize, recent: Recent, keep: usize) {
        if self.0.remove(place).is_none() && self.0.len() >= keep.max(1) {
            self.0.pop_front();
        }
        self.0.push_back(recent);
    }

    /// Bytes on the heap.
    pub(super) fn bytes(&self) -> usize {
        self.0.capacity() * size_of::<Recent>()
    }
}

/// From the newest to the oldest.
impl FromIterator<Recent> for Recents {
    fn from_iter<I: IntoIterator<Item = Recent>>(recents: I) -> Recents {
        let mut list: VecDeque<Recent> = recents.into_iter().collect();
        list.make_contiguous().reverse();
        Recents(list)
    }
}

fn find(recents: &[Recent], item: u32) -> usize {
    let same = |recent: &Recent| recent.item == item;
    let (blocks, _) = recents.as_chunks::<LANES>();
    let before = blocks.iter().take_while(|block| !block.iter().fold(false, |hit, recent| hit | same(recent)));
    let start = before.count() * LANES;
    recents[start..].iter().position(same).map_or(recents.len(), |place| start + place)
}
