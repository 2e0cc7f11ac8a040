//! A stable 64-bit hash of texts and numbers in their order: no seed, the same on every machine, since it stands in checkpoints. Each is
//! hashed by itself, so that the processor works on several at once, and joined to those before it, with the mixing of wyhash (Wang Yi,
//! final version 4).

use crate::short_text::words;
use xxhash_rust::xxh3::xxh3_64;

/// Words without a pattern: wyhash's secret.
const SECRET: [u64; 3] = [0x2d35_8dcc_aa6c_78a5, 0x8bb8_4b93_962e_acc9, 0x4b33_a62e_d433_d4a3];

/// Kinds of parts, below this.
const KINDS: u64 = 8;

/// The hash of what came so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fingerprint(pub(crate) u64);

impl Fingerprint {
    /// Of nothing.
    pub(crate) const EMPTY: Fingerprint = Fingerprint(SECRET[0]);

    /// With one more text.
    #[inline(always)]
    pub(crate) fn text(self, text: &str) -> Fingerprint {
        let text = text.as_bytes();
        let [first, last] = words(text).unwrap_or_else(|| [xxh3_64(text), 0]);
        self.with(mixed(first ^ SECRET[0], last ^ spread(KINDS * text.len() as u64)))
    }

    /// With one more number. Each `kind` from 1 to 7 has its own.
    #[inline]
    pub(crate) fn number(self, number: u64, kind: u64) -> Fingerprint {
        self.with(mixed(number ^ SECRET[0], spread(kind)))
    }

    #[inline(always)]
    fn with(self, part: u64) -> Fingerprint {
        Fingerprint(mixed(self.0 ^ SECRET[1], part ^ SECRET[2]))
    }
}

/// A length or a kind over all bits of a word, so that texts which differ in a few bits do not make up for it.
#[inline]
fn spread(what: u64) -> u64 {
    (what ^ SECRET[1]).wrapping_mul(SECRET[2])
}

/// The product of two words, its halves laid over each other, and the words over them, so that a zero does not make the other forgotten:
/// what wyhash calls `_wymix`, with `WYHASH_CONDOM` 2.
#[inline]
fn mixed(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    a ^ b ^ product as u64 ^ (product >> 64) as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    /// Hashes that are as good as random numbers: none is there twice, and of their halves hardly any.
    fn assert_spread(hashes: impl Iterator<Item = u64>) {
        let hashes: Vec<u64> = hashes.collect();
        let count = hashes.len();
        assert!(count > 30_000, "so few, {count}, say little");
        assert_eq!(hashes.iter().collect::<BTreeSet<_>>().len(), count);
        // As many pairs as one expects meet in 32 bits, and some to spare.
        let spare = 10 + 4 * ((count * count) >> 33);
        for shift in [0, 16, 32] {
            let parts: BTreeSet<u32> = hashes.iter().map(|hash| (hash >> shift) as u32).collect();
            assert!(parts.len() + spare >= count, "{} of {count} from bit {shift} on", parts.len());
        }
    }

    /// All texts of some letters, of each length up to `longest`.
    fn texts(letters: &str, longest: usize) -> Vec<String> {
        let (mut all, mut last) = (vec![String::new()], vec![String::new()]);
        for _ in 0..longest {
            last = last.iter().flat_map(|text| letters.chars().map(move |letter| format!("{text}{letter}"))).collect();
            all.extend(last.iter().cloned());
        }
        all
    }

    #[test]
    fn texts_that_differ_little_have_different_hashes() {
        let hash = |text: &str| Fingerprint::EMPTY.text(text).0;
        assert_spread(texts("ab", 15).iter().map(|text| hash(text)));
        assert_spread(texts("0123", 8).iter().map(|text| hash(text)));
        // Lengths around those where texts are read otherwise, each with one byte changed.
        let runs = (0..=130usize).flat_map(|len| {
            let changed =
                move |at| ["1", "2", "\0", "~"].map(|byte| [&"0".repeat(at), byte, &"0".repeat(len - 1 - at)].concat());
            (0..len).flat_map(changed)
        });
        assert_spread(runs.map(|text| hash(&text)));
    }

    #[test]
    fn numbers_of_each_kind_have_different_hashes() {
        let numbers = (0..2_000u64).flat_map(|n| [n, !n - 2_000, n << 32 | 1 << 31, (n as f64 + 0.5).to_bits()]);
        assert_spread(numbers.flat_map(|number| (1..KINDS).map(move |kind| Fingerprint::EMPTY.number(number, kind).0)));
    }

    #[test]
    fn parts_cut_otherwise_or_in_another_order_have_different_hashes() {
        let texts = texts("01", 4);
        let all = |parts: &[&String]| parts.iter().fold(Fingerprint::EMPTY, |all, text| all.text(text));
        let pairs = texts.iter().flat_map(|a| texts.iter().map(move |b| [a, b]));
        let three = pairs.clone().flat_map(|[a, b]| texts.iter().map(move |c| [a, b, c]));
        let numbers = pairs.clone().flat_map(|pair| (0..20).map(move |n| all(&pair).number(n, 1).0));
        let before = pairs.clone().flat_map(|[a, b]| (0..20).map(move |n| all(&[a]).number(n, 1).text(b).0));
        assert_spread(
            pairs.clone().map(|pair| all(&pair).0).chain(three.map(|three| all(&three).0)).chain(numbers).chain(before),
        );
    }

    #[test]
    fn each_bit_of_a_part_changes_half_of_the_hash() {
        let hash = |number: u64| Fingerprint::EMPTY.number(number, 2).text("chip").number(7, 3).0;
        let changed: u32 =
            (0..1_000u64).flat_map(|n| (0..64).map(move |bit| (hash(n) ^ hash(n ^ 1 << bit)).count_ones())).sum();
        let share = f64::from(changed) / 64.0 / 64_000.0;
        assert!((0.49..0.51).contains(&share), "{share}");
    }

    #[test]
    fn hashes_stay_what_they_are() {
        let texts = ["", "u1", "user", "merchant_id", "a text of more than 16 bytes"];
        assert_eq!(
            texts.map(|text| Fingerprint::EMPTY.text(text).0),
            [6248274520641543071, 5095534857542802500, 6277752878726254585, 3320130514859563379, 6691783688222357819]
        );
        assert_eq!(
            [(0, 1), (u64::MAX, 7)].map(|(number, kind)| Fingerprint(1).number(number, kind).0),
            [14841586469077840475, 12683969914731998781]
        );
    }
}
