//! Which entries were written, so that a second copy can take over just these.

/// Ids that were written since the last `clear`, each once; nothing until `keep` is called.
#[derive(Clone, Debug, Default)]
pub struct Touched {
    kept: bool,
    /// One bit by id, set for those in `ids`.
    bits: Vec<u64>,
    ids: Vec<u32>,
}

impl Touched {
    /// From now on ids are kept.
    pub fn keep(&mut self) {
        self.kept = true;
    }

    /// Whether ids are kept.
    pub fn is_kept(&self) -> bool {
        self.kept
    }

    /// Notes an id.
    #[inline]
    pub fn insert(&mut self, id: u32) {
        if self.kept {
            self.note(id);
        }
    }

    fn note(&mut self, id: u32) {
        let (word, bit) = (id as usize / 64, 1 << (id % 64));
        if self.bits.len() <= word {
            self.bits.resize(word + 1, 0);
        }
        if self.bits[word] & bit == 0 {
            self.bits[word] |= bit;
            self.ids.push(id);
        }
    }

    /// The ids, in the order of their first write.
    pub fn ids(&self) -> &[u32] {
        &self.ids
    }

    /// Forgets all ids.
    pub fn clear(&mut self) {
        for id in self.ids.drain(..) {
            self.bits[id as usize / 64] = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_id_once_and_none_after_a_clear() {
        let mut touched = Touched::default();
        touched.insert(3);
        assert!(touched.ids().is_empty(), "nobody asked");
        touched.keep();
        [3, 700, 3, 64, 65, 700].into_iter().for_each(|id| touched.insert(id));
        assert_eq!(touched.ids(), [3, 700, 64, 65]);
        touched.clear();
        assert!(touched.ids().is_empty());
        touched.insert(65);
        assert_eq!(touched.ids(), [65]);
    }
}
