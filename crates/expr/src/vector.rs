//! Products of vectors, in one fixed order of addition on every machine: sixteen lanes take the elements in turn, each product
//! rounded before it is added, and the lanes are then added in pairs (0 and 8, 1 and 9, ..; 0 and 4, ..; 0 and 2, ..; 0 and 1).

/// Lanes that are added side by side.
const LANES: usize = 16;

/// `dot(a, b)`: the sum of the products of elements with equal index. `None` if the lengths differ or an element is no number.
pub(crate) fn dot<E>(a: &[E], b: &[E], number: impl Fn(&E) -> Option<f64>) -> Option<f64> {
    if a.len() != b.len() {
        return None;
    }
    let mut lanes = [0.0; LANES];
    for (a, b) in a.chunks(LANES).zip(b.chunks(LANES)) {
        for ((lane, a), b) in lanes.iter_mut().zip(a).zip(b) {
            *lane += number(a)? * number(b)?;
        }
    }
    let mut width = LANES / 2;
    while width > 0 {
        for lane in 0..width {
            lanes[lane] += lanes[lane + width];
        }
        width /= 2;
    }
    Some(lanes[0])
}

/// `cosine(a, b)`: the product of both at length 1, from -1 to 1. `None` also for a vector of length 0.
pub(crate) fn cosine<E>(a: &[E], b: &[E], number: impl Fn(&E) -> Option<f64>) -> Option<f64> {
    let product = dot(a, b, &number)?;
    let lengths = dot(a, a, &number)?.sqrt() * dot(b, b, &number)?.sqrt();
    let cosine = product / lengths;
    (lengths > 0.0 && cosine.is_finite()).then(|| cosine.clamp(-1.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn number(x: &f64) -> Option<f64> {
        Some(*x)
    }

    proptest! {
        #[test]
        fn whole_numbers_add_up_exactly(pairs in prop::collection::vec((-99i32..99, -99i32..99), 0..80)) {
            let (a, b): (Vec<f64>, Vec<f64>) = pairs.iter().map(|&(a, b)| (f64::from(a), f64::from(b))).unzip();
            let exact: i32 = pairs.iter().map(|(a, b)| a * b).sum();
            prop_assert_eq!(dot(&a, &b, number), Some(f64::from(exact)));
            prop_assert_eq!(dot(&a, &b[..b.len().saturating_sub(1)], number).is_some(), b.is_empty());
        }

        #[test]
        fn the_order_is_the_documented_one(a in prop::collection::vec(-1.0e9f64..1.0e9, 0..80), factor in -3.0f64..3.0) {
            let b: Vec<f64> = a.iter().map(|x| x * factor + 0.1).collect();
            let lane = |lane: usize| {
                let of_lane = (lane..a.len()).step_by(16);
                of_lane.fold(0.0, |sum, at| sum + a[at] * b[at])
            };
            let eight = |at: usize| lane(at) + lane(at + 8);
            let four = |at: usize| eight(at) + eight(at + 4);
            let two = |at: usize| four(at) + four(at + 2);
            let expected: f64 = two(0) + two(1);
            prop_assert_eq!(dot(&a, &b, number).map(f64::to_bits), Some(expected.to_bits()));
        }

        #[test]
        fn a_cosine_is_one_with_itself_and_bounded(a in prop::collection::vec(-9.0f64..9.0, 1..40)) {
            let b: Vec<f64> = a.iter().rev().copied().collect();
            if let Some(cosine) = cosine(&a, &b, number) {
                prop_assert!((-1.0..=1.0).contains(&cosine));
            }
            let own = cosine(&a, &a, number);
            prop_assert!(own.is_none_or(|own| own > 1.0 - 1e-12));
            prop_assert_eq!(own.is_none(), a.iter().all(|x| x * x == 0.0));
        }
    }
}
