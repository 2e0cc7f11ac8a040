//! Quantiles of a pane's values with a bounded relative error: counts in buckets of equal relative width (DDSketch, Masson et al.
//! 2019). Where buckets are too many, all merge pairwise (UDDSketch, Epicoco et al. 2020): the bytes are a function of the multiset of
//! values alone, whatever their order, since how often buckets merge only depends on how many would be in use without it.

use crate::saved::{LoadError, Reader, put_u32, put_u64};
use domain::limits::QUANTILE_BUCKETS_MAX;
use prefetch_index::prefetch_index;

/// `ln(1.01 / 0.99)`: a bucket is so wide in logarithms that its middle is within 1 % of all in it.
const WIDTH: f64 = 0.020_000_666_706_669_52;
/// Added to the index of a magnitude, so that it is positive for every float.
const BIAS: i32 = 1 << 17;
/// Added to a bucket's key, so that it is positive for every float.
const ORIGIN: i32 = 1 << 20;
/// Coarsest level: at it all floats fall into few enough buckets.
const LEVEL_MAX: u8 = 9;

/// The values of one pane.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Quantile {
    /// How often buckets have merged pairwise.
    level: u8,
    /// Key above count, ascending: keys are in the order of values.
    buckets: Vec<u64>,
}

impl Quantile {
    /// Adds a finite value.
    pub(crate) fn add(&mut self, value: f64) {
        let finest = key(value);
        loop {
            let key = raised(finest, self.level);
            match self.buckets.binary_search_by_key(&key, |bucket| key_of(*bucket)) {
                Ok(at) => return count_more(&mut self.buckets[at], 1),
                Err(at) if self.buckets.len() < QUANTILE_BUCKETS_MAX => {
                    super::make_room(&mut self.buckets, QUANTILE_BUCKETS_MAX);
                    return self.buckets.insert(at, bucket(key, 1));
                }
                Err(_) => {
                    self.level += 1;
                    coarsen(&mut self.buckets, 1);
                }
            }
        }
    }

    /// Asks for its memory.
    pub(crate) fn touch(&self) {
        prefetch_index(&self.buckets, 0);
    }

    /// Heap bytes, spare capacity included.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.buckets.capacity() * 8
    }

    /// Appends it.
    pub(crate) fn save(&self, out: &mut Vec<u8>) {
        out.push(self.level);
        put_u32(out, self.buckets.len() as u32);
        self.buckets.iter().for_each(|bucket| put_u64(out, *bucket));
    }

    /// Reads what `save` wrote.
    pub(crate) fn load(input: &mut Reader<'_>) -> Result<Quantile, LoadError> {
        let level = input.u8()?;
        let count = input.count(8)?;
        let buckets = input.words(count)?;
        let (least, most) = (raised(key(-f64::MAX), level.min(LEVEL_MAX)), raised(key(f64::MAX), level.min(LEVEL_MAX)));
        let in_range = |bucket: &u64| (least..=most).contains(&key_of(*bucket)) && *bucket as u32 > 0;
        let ascending = buckets.is_sorted_by(|a, b| key_of(*a) < key_of(*b));
        // A key is in the low half of the upper word: a higher bit would be lost unseen.
        let whole = buckets.iter().all(|of| bucket(key_of(*of), *of as u32) == *of);
        let sound = level <= LEVEL_MAX && (1..=QUANTILE_BUCKETS_MAX).contains(&count);
        if sound && ascending && whole && buckets.iter().all(in_range) {
            Ok(Quantile { level, buckets })
        } else {
            Err(LoadError::new("the buckets of a quantile are not sound"))
        }
    }
}

/// The value of rank `floor(q * (n - 1))` among the values of panes, `q` in millionths; `None` where there is none. It is within the
/// relative error of the coarsest pane: 1 %, doubled (to the power of `ln(1.01 / 0.99)`) with each level.
pub(crate) fn quantile<'p>(panes: impl Iterator<Item = &'p Quantile> + Clone, millionths: u32) -> Option<f64> {
    let level = panes.clone().map(|pane| pane.level).max()?;
    let mut all = Vec::with_capacity(panes.clone().map(|pane| pane.buckets.len()).sum());
    for pane in panes {
        let coarser = level - pane.level;
        all.extend(pane.buckets.iter().map(|of| bucket(raised(key_of(*of), coarser), *of as u32)));
    }
    all.sort_unstable();
    let count: u64 = all.iter().map(|of| u64::from(*of as u32)).sum();
    let rank = u128::from(count.checked_sub(1)?) * u128::from(millionths) / 1_000_000;
    let mut below = 0;
    let found = all.iter().find(|of| {
        below += u128::from(**of as u32);
        below > rank
    });
    found.map(|of| middle(key_of(*of), level))
}

/// A bucket's key and count in one word, in the order of keys.
fn bucket(key: i32, count: u32) -> u64 {
    u64::from((key + ORIGIN) as u32) << 32 | u64::from(count)
}

fn key_of(bucket: u64) -> i32 {
    // Only bytes that are not ours hold more than this.
    ((bucket >> 32) as u32 & (2 * ORIGIN as u32 - 1)) as i32 - ORIGIN
}

fn count_more(bucket: &mut u64, more: u32) {
    let count = (*bucket as u32).saturating_add(more);
    *bucket = *bucket >> 32 << 32 | u64::from(count);
}

/// The key at level 0: bucket `i` holds magnitudes in `(g^(i-1), g^i]`, `g` being 1.01 / 0.99.
fn key(value: f64) -> i32 {
    if value == 0.0 {
        return 0;
    }
    let index = (libm::log(value.abs()) / WIDTH).ceil() as i32 + BIAS;
    if value > 0.0 { index } else { -index }
}

/// The key that a key becomes after so many more levels: two indexes `2i - 1` and `2i` become `i`.
fn raised(key: i32, levels: u8) -> i32 {
    if key == 0 {
        return 0;
    }
    let index = key.abs() - BIAS;
    let index = (index + (1 << levels) - 1) >> levels;
    key.signum() * (index + BIAS)
}

fn coarsen(buckets: &mut Vec<u64>, levels: u8) {
    buckets.iter_mut().for_each(|of| *of = bucket(raised(key_of(*of), levels), *of as u32));
    buckets.dedup_by(|next, kept| {
        let same = key_of(*next) == key_of(*kept);
        if same {
            count_more(kept, *next as u32);
        }
        same
    });
}

/// The value whose relative distance to both ends of the bucket is the same: `2 g^i / (g + 1)` with the level's `g`.
fn middle(key: i32, level: u8) -> f64 {
    if key == 0 {
        return 0.0;
    }
    let width = WIDTH * f64::from(1u32 << level);
    let least = libm::exp(f64::from(key.abs() - BIAS - 1) * width);
    let magnitude = (least * (2.0 / (1.0 + libm::exp(-width)))).min(f64::MAX);
    if key > 0 { magnitude } else { -magnitude }
}
