//! The rules that were found on one event: a bit for each, and a bit for each word of them that has any, so that few among very many are
//! told in their order without a look at the rest.

/// A set of rules, emptied by being told.
#[derive(Clone, Debug, Default)]
pub(super) struct Found {
    words: Vec<u64>,
    touched: Vec<u64>,
}

impl Found {
    /// Room for this many rules. It is empty then.
    pub(super) fn make_room(&mut self, rules: usize) {
        let words = rules.div_ceil(64);
        if self.words.len() < words {
            self.words.resize(words, 0);
            self.touched.resize(words.div_ceil(64), 0);
        }
    }

    /// Adds a rule, which may be there already.
    #[inline(always)]
    pub(super) fn add(&mut self, rule: u32) {
        let word = rule as usize / 64;
        self.words[word] |= 1 << (rule % 64);
        self.touched[word / 64] |= 1 << (word % 64);
    }

    /// Takes all out, ascending.
    #[inline]
    pub(super) fn drain(&mut self, mut each: impl FnMut(u32)) {
        for (at, touched) in self.touched.iter_mut().enumerate() {
            let mut words = std::mem::take(touched);
            while words != 0 {
                let word = at * 64 + lowest(&mut words);
                let mut rules = std::mem::take(&mut self.words[word]);
                while rules != 0 {
                    each((word * 64 + lowest(&mut rules)) as u32);
                }
            }
        }
    }
}

/// Takes the lowest bit out; there is one.
#[inline(always)]
fn lowest(bits: &mut u64) -> usize {
    let lowest = bits.trailing_zeros() as usize;
    *bits &= *bits - 1;
    lowest
}

#[cfg(test)]
mod tests {
    use super::Found;
    use proptest::collection::vec;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_was_added_comes_out_in_order_and_once(rules in vec(prop_oneof![0..200u32, 0..20_000u32], 0..60)) {
            let mut found = Found::default();
            for _ in 0..2 {
                found.make_room(20_000);
                rules.iter().for_each(|rule| found.add(*rule));
                let mut expected = rules.clone();
                expected.sort_unstable();
                expected.dedup();
                let mut told = Vec::new();
                found.drain(|rule| told.push(rule));
                prop_assert_eq!(told, expected);
            }
        }
    }
}
