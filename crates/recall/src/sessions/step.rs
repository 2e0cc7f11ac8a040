//! One event of a session in four bytes: its item, and which of the counted events it is.

use domain::limits::{ENTITIES_MAX, SESSION_EVENTS_MAX};

/// Bits that say which event.
const KIND_BITS: u32 = 6;
const ITEM_MASK: u32 = u32::MAX >> KIND_BITS;

const _: () = assert!(ENTITIES_MAX - 1 <= ITEM_MASK && SESSION_EVENTS_MAX <= 1 << KIND_BITS);

/// An item and the kind of event on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Step(u32);

impl Step {
    pub(super) fn new(item: u32, kind: u8) -> Step {
        Step(u32::from(kind) << (32 - KIND_BITS) | (item & ITEM_MASK))
    }

    /// Takes up a step as it was saved; none if item or kind are out of range.
    pub(super) fn from_word(word: u32, kinds: usize) -> Option<Step> {
        let step = Step(word);
        (step.item() < ENTITIES_MAX && usize::from(step.kind()) < kinds).then_some(step)
    }

    pub(super) fn word(self) -> u32 {
        self.0
    }

    pub(super) fn item(self) -> u32 {
        self.0 & ITEM_MASK
    }

    pub(super) fn kind(self) -> u8 {
        (self.0 >> (32 - KIND_BITS)) as u8
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn item_and_kind_come_back() {
        for (item, kind) in [(0, 0), (ENTITIES_MAX - 1, 63), (7, 1)] {
            let step = Step::new(item, kind);
            assert_eq!((step.item(), step.kind()), (item, kind));
            assert_eq!(Step::from_word(step.word(), 64), Some(step));
        }
        assert_eq!(Step::from_word(Step::new(1, 2).word(), 2), None);
        assert_eq!(Step::from_word(ITEM_MASK, 64), None);
    }
}
