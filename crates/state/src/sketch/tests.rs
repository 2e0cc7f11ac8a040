//! Each sketch against counting everything: its error, and that order, repetition and grouping change nothing that they must not.

#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use super::dd::{Quantile, quantile};
use super::hll::{Distinct, distinct};
use super::top::{Top, most_frequent};
use crate::elements::Element;
use crate::saved::Reader;
use domain::limits::{DISTINCT_EXACT_MAX, DISTINCT_REGISTERS, QUANTILE_BUCKETS_MAX, TOP_COUNTERS_MAX};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use xxhash_rust::xxh3::xxh3_64;

fn element(number: u32) -> Element {
    Element { hash: xxh3_64(&number.to_le_bytes()), number }
}

fn set(numbers: impl IntoIterator<Item = u32>) -> Distinct {
    let mut set = Distinct::default();
    numbers.into_iter().for_each(|number| set.add(element(number).hash));
    set
}

fn values(values: &[f64]) -> Quantile {
    let mut sketch = Quantile::default();
    values.iter().for_each(|value| sketch.add(*value));
    sketch
}

fn counted(numbers: &[u32]) -> Top {
    let mut top = Top::default();
    numbers.iter().for_each(|number| top.add(element(*number)));
    top
}

/// The part of a list that falls into each of `parts` panes.
fn split<T: Copy>(all: &[T], parts: usize) -> Vec<Vec<T>> {
    let mut panes = vec![Vec::new(); parts];
    all.iter().enumerate().for_each(|(at, of)| panes[at * 7 % parts].push(*of));
    panes
}

/// Numbers whose k-th comes about as often as 1/k.
fn skewed(count: usize, different: u32, mut seed: u64) -> Vec<u32> {
    let mut next = || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed as f64 / u64::MAX as f64
    };
    (0..count).map(|_| (f64::from(different).powf(next()) - 1.0) as u32).collect()
}

#[test]
fn distinct_is_exact_while_small_and_within_its_error_beyond() {
    for n in [0, 1, 2, 100, 255, 256] {
        assert_eq!(distinct([&set((0..n).chain(0..n))].into_iter()), f64::from(n));
    }
    // In panes: each within its limit, all together within theirs.
    let panes: Vec<Distinct> = (0..17).map(|pane| set(pane * 50..pane * 50 + 200)).collect();
    assert_eq!(distinct(panes.iter()), 1_000.0);
    let same: Vec<Distinct> = (0..60).map(|_| set(0..256)).collect();
    assert_eq!(distinct(same.iter()), 256.0);
    let most = [u64::MAX, 0, u64::MAX - 1].map(|hash| {
        let mut one = Distinct::default();
        one.add(hash);
        one
    });
    assert_eq!(distinct(most.iter().chain(&most)), 3.0);
    for n in [257u32, 400, 1_000, 3_000, 10_000, 100_000] {
        let mut squares = 0.0;
        let runs = 60;
        for run in 0..runs {
            let one = set((0..n).map(|number| number + run * 1_000_000));
            let error = distinct([&one].into_iter()) / f64::from(n) - 1.0;
            assert!(error.abs() < 0.1, "{n}: {error}");
            squares += error * error;
        }
        // The standard error is 2.3 %; of 60 draws its estimate is within a quarter.
        let error = (squares / f64::from(runs)).sqrt();
        assert!(error < 0.023 * 1.25, "{n}: {error}");
    }
}

#[test]
fn many_small_panes_are_estimated_as_one() {
    let panes: Vec<Distinct> = (0..50).map(|pane| set(pane * 100..pane * 100 + 200)).collect();
    let whole = set(0..5_100);
    assert_eq!(distinct(panes.iter()), distinct([&whole].into_iter()), "the union of registers is that of the set");
}

#[test]
fn buckets_merge_when_there_are_too_many() {
    let steep: Vec<f64> = (0..3_000).map(|at| 1.013f64.powi(at)).collect();
    let sketch = values(&steep);
    let found = quantile([&sketch].into_iter(), 500_000).unwrap();
    let expected = steep[1_499];
    // 39 in logarithms, 1,940 buckets at 1 %: after two merges 485.
    assert!((found / expected - 1.0).abs() < 0.04, "{found} of {expected}");
    assert!((found / expected - 1.0).abs() > 0.0);
    let flat: Vec<f64> = (0..100_000).map(|at| f64::from(at % 1_000 + 1)).collect();
    for q in [0, 10_000, 500_000, 990_000, 1_000_000] {
        let found = quantile([&values(&flat)].into_iter(), q).unwrap();
        let expected = f64::from((999 * q / 1_000_000) + 1);
        assert!((found - expected).abs() <= 0.010_001 * expected, "{found} of {expected}");
    }
}

#[test]
fn extreme_values_have_buckets() {
    let all = [f64::MIN, -1.0, -f64::MIN_POSITIVE, -0.0, 0.0, 5e-324, f64::MIN_POSITIVE, 1e-9, 1.0, f64::MAX];
    let sketch = values(&all);
    for (rank, value) in all.iter().enumerate() {
        let q = (rank as f64 / 9.0 * 1e6).ceil() as u32;
        let found = quantile([&sketch].into_iter(), q).unwrap();
        assert!((found - value).abs() <= 0.010_001 * value.abs().max(f64::MIN_POSITIVE), "{found} of {value}");
    }
    let mut every = Quantile::default();
    for exponent in -1_074..1_024 {
        for sign in [-1.0, 1.0] {
            (0..50).for_each(|step| every.add(sign * libm::exp2(f64::from(exponent)) * (1.0 + f64::from(step) * 0.02)));
        }
    }
    assert!(every.heap_bytes() <= 8 * QUANTILE_BUCKETS_MAX);
    assert!(quantile([&every].into_iter(), 999_999).unwrap() > 1e100);
}

#[test]
fn a_top_list_is_exact_while_small() {
    let numbers = skewed(20_000, TOP_COUNTERS_MAX as u32, 5);
    let mut counts = BTreeMap::new();
    numbers.iter().for_each(|number| *counts.entry(*number).or_insert(0u32) += 1);
    let mut order: Vec<u32> = counts.keys().copied().collect();
    order.sort_by_key(|number| (std::cmp::Reverse(counts[number]), element(*number).hash));
    order.truncate(20);
    let panes: Vec<Top> = split(&numbers, 13).iter().map(|part| counted(part)).collect();
    assert_eq!(most_frequent(panes.iter(), 20), order);
    assert_eq!(most_frequent([&counted(&numbers)].into_iter(), 20), order);
}

#[test]
fn a_long_top_list_is_within_its_error() {
    for (seed, different) in [(1, 2_000), (2, 20_000), (3, 1_000_000)] {
        let numbers = skewed(60_000, different, seed);
        let mut counts = BTreeMap::new();
        numbers.iter().for_each(|number| *counts.entry(*number).or_insert(0u64) += 1);
        let mut sorted: Vec<u64> = counts.values().copied().collect();
        sorted.sort_unstable_by_key(|count| std::cmp::Reverse(*count));
        for parts in [1, 3, 24] {
            let panes: Vec<Top> = split(&numbers, parts).iter().map(|part| counted(part)).collect();
            let found = most_frequent(panes.iter(), 10);
            let error = numbers.len() as u64 / TOP_COUNTERS_MAX as u64;
            for number in &found {
                assert!(counts[number] + 2 * error >= sorted[9], "{number} came {} times only", counts[number]);
            }
            let must = counts.iter().filter(|(_, count)| **count > sorted[10] + 2 * error);
            assert!(must.clone().count() > 2, "the test needs some that are clear");
            assert!(must.clone().all(|(number, _)| found.contains(number)));
        }
    }
}

/// Reads what a sketch wrote, all of it.
macro_rules! reloaded {
    ($kind:ty, $sketch:expr) => {{
        let mut bytes = Vec::new();
        $sketch.save(&mut bytes);
        let mut reader = Reader::new(&bytes);
        let again = <$kind>::load(&mut reader).unwrap();
        assert!(reader.is_done());
        assert_eq!(again, $sketch);
        assert!((0..bytes.len()).all(|len| <$kind>::load(&mut Reader::new(&bytes[..len])).is_err()), "a cut sketch");
        bytes
    }};
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn order_repetition_and_grouping_leave_a_set_as_it_is(
        numbers in prop::collection::vec(0u32..2_000, 1..1_500), by in any::<prop::sample::Index>(), parts in 1usize..9,
    ) {
        let first = set(numbers.iter().copied());
        let mut other = numbers.clone();
        other.rotate_left(by.index(numbers.len()));
        other.reverse();
        other.extend_from_slice(&numbers[..by.index(numbers.len())]);
        let second = set(other.iter().copied());
        prop_assert_eq!(reloaded!(Distinct, first), reloaded!(Distinct, second));
        let different = numbers.iter().collect::<BTreeSet<_>>().len();
        prop_assert_eq!(matches!(first, Distinct::Exact(_)), different <= DISTINCT_EXACT_MAX);
        let panes: Vec<Distinct> = split(&numbers, parts).into_iter().map(set).collect();
        let forward = distinct(panes.iter());
        prop_assert_eq!(forward, distinct(panes.iter().rev()));
        prop_assert!((forward / different as f64 - 1.0).abs() < 0.1, "{} of {}", forward, different);
        prop_assert!(first.heap_bytes() <= DISTINCT_REGISTERS.max(8 * DISTINCT_EXACT_MAX));
    }

    #[test]
    fn order_and_grouping_leave_quantiles_as_they_are(
        all in prop::collection::vec(prop_oneof![-50.0f64..2_000.0, Just(0.0), -1e12f64..1e12, 1e-9f64..1.0], 1..900),
        by in any::<prop::sample::Index>(), parts in 1usize..9, millionths in 0u32..=1_000_000,
    ) {
        let first = values(&all);
        let mut other = all.clone();
        other.rotate_left(by.index(all.len()));
        other.reverse();
        prop_assert_eq!(reloaded!(Quantile, first), reloaded!(Quantile, values(&other)));
        let panes: Vec<Quantile> = split(&all, parts).iter().map(|part| values(part)).collect();
        let found = quantile(panes.iter(), millionths).unwrap();
        prop_assert_eq!(Some(found), quantile(panes.iter().rev(), millionths));
        other.sort_by(f64::total_cmp);
        let expected = other[(other.len() - 1) * millionths as usize / 1_000_000];
        // At most 900 different values make at most two merges: 4 %.
        prop_assert!((found - expected).abs() <= 0.040_001 * expected.abs(), "{} of {}", found, expected);
        prop_assert!(first.heap_bytes() <= 8 * QUANTILE_BUCKETS_MAX);
    }

    #[test]
    fn order_leaves_few_counters_as_they_are(
        numbers in prop::collection::vec(0u32..250, 1..800), by in any::<prop::sample::Index>(),
    ) {
        let first = counted(&numbers);
        let mut other = numbers.clone();
        other.rotate_left(by.index(numbers.len()));
        other.reverse();
        prop_assert_eq!(reloaded!(Top, first), reloaded!(Top, counted(&other)));
    }

    #[test]
    fn many_counters_are_a_function_of_the_order(numbers in prop::collection::vec(0u32..900, 600..1_500)) {
        let first = counted(&numbers);
        prop_assert_eq!(reloaded!(Top, first), reloaded!(Top, counted(&numbers)));
        // What a checkpoint cuts in two goes on as if it had not.
        let (before, after) = numbers.split_at(numbers.len() / 2);
        let bytes = reloaded!(Top, counted(before));
        let mut again = Top::load(&mut Reader::new(&bytes)).unwrap();
        after.iter().for_each(|number| again.add(element(*number)));
        prop_assert_eq!(again, first);
    }

    #[test]
    fn damaged_sketches_are_refused_or_sound(
        kind in 0u8..3, numbers in prop::collection::vec(0u32..600, 1..500),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut bytes = Vec::new();
        match kind {
            0 => set(numbers.iter().copied()).save(&mut bytes),
            1 => values(&numbers.iter().map(|of| f64::from(*of) - 40.0).collect::<Vec<_>>()).save(&mut bytes),
            _ => counted(&numbers).save(&mut bytes),
        }
        for (at, byte) in damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        let mut again = Vec::new();
        match kind {
            0 => if let Ok(mut sound) = Distinct::load(&mut Reader::new(&bytes)) {
                sound.save(&mut again);
                prop_assert!(distinct([&sound].into_iter()) > 0.0);
                (0..600).for_each(|number| sound.add(element(number).hash));
            },
            1 => if let Ok(mut sound) = Quantile::load(&mut Reader::new(&bytes)) {
                sound.save(&mut again);
                prop_assert!(quantile([&sound].into_iter(), 500_000).unwrap().is_finite());
                (0..600).for_each(|number| sound.add(f64::from(number) * 1e9));
            },
            _ => if let Ok(mut sound) = Top::load(&mut Reader::new(&bytes)) {
                sound.save(&mut again);
                (0..600).for_each(|number| sound.add(element(number)));
            },
        }
        prop_assert!(bytes.starts_with(&again), "what was read is what stood there");
    }
}
