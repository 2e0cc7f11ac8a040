//! Order keys: what items of a `top` index are sorted by, larger first.

use domain::{Span, Time};

/// Fraction bits of a landmark key: scores closer than 2e-13 of each other are ties.
const FRACTION_BITS: u32 = 42;
/// Above every logarithm of a score at any time, in fixed point.
const POSITIVE: i128 = 1 << 112;
const ONE: f64 = (1u64 << FRACTION_BITS) as f64;

/// How scores become order keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// By the score as it was last computed.
    Computed,
    /// The score halves every half-life, and so does everyone's: by `log2(score(t)) + t / half-life`, which stays as it is
    /// while nothing happens to the item (the landmark form of Cormode et al., "Forward decay", ICDE 2009).
    Landmark(Span),
}

impl Order {
    /// The key of a score at a time. Scores of 0 rank below positive and above negative ones.
    pub(crate) fn key(self, score: f64, at: Time) -> i128 {
        match self {
            Order::Computed => i128::from(ordered_bits(score)),
            Order::Landmark(_) if score == 0.0 => 0,
            Order::Landmark(half_life) => {
                let magnitude = POSITIVE + fixed(libm::log2(score.abs())) + half_lives(at, half_life);
                if score > 0.0 { magnitude } else { -magnitude }
            }
        }
    }

    /// What keys stand for at a time (computed ones for the same at any).
    pub(crate) fn at(self, time: Time) -> Scores {
        match self {
            Order::Computed => Scores(None),
            Order::Landmark(half_life) => Scores(Some(POSITIVE + half_lives(time, half_life))),
        }
    }
}

/// The scores that keys stand for at one time. Of landmark keys, what has to be taken from each is worked out once.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scores(Option<i128>);

impl Scores {
    /// The score of a key.
    pub(crate) fn of(self, key: i128) -> f64 {
        match self.0 {
            None => from_ordered_bits(key as i64),
            Some(_) if key == 0 => 0.0,
            Some(base) => {
                let exponent = key.abs() - base;
                // Nearly all are this small, and those are converted much faster.
                let exponent = i64::try_from(exponent).map_or(exponent as f64, |exponent| exponent as f64);
                let magnitude = libm::exp2(exponent / ONE);
                if key > 0 { magnitude } else { -magnitude }
            }
        }
    }
}

fn fixed(value: f64) -> i128 {
    (value * ONE).round_ties_even() as i128
}

/// `time / half_life` in fixed point, rounded down: the same for everyone at that time.
fn half_lives(time: Time, half_life: Span) -> i128 {
    (i128::from(time.0) << FRACTION_BITS).div_euclid(i128::from(half_life.0.max(1)))
}

/// An integer that orders as the float does; the two zeros are one.
fn ordered_bits(score: f64) -> i64 {
    let bits = (score + 0.0).to_bits() as i64;
    bits ^ (((bits >> 63) as u64) >> 1) as i64
}

fn from_ordered_bits(bits: i64) -> f64 {
    f64::from_bits((bits ^ (((bits >> 63) as u64) >> 1) as i64) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn computed_keys_order_and_return(a in prop::num::f64::NORMAL | prop::num::f64::ZERO, b in prop::num::f64::NORMAL | prop::num::f64::ZERO) {
            let order = Order::Computed;
            prop_assert_eq!(order.key(a, Time(0)).cmp(&order.key(b, Time(9))), a.partial_cmp(&b).unwrap());
            prop_assert_eq!(order.at(Time(5)).of(order.key(a, Time(0))), a);
        }

        #[test]
        fn landmark_keys_do_not_change_with_time(score in 1e-6f64..1e9, at in 0i64..2_000_000_000_000, later in 0i64..100_000_000, h in 1_000i64..1_000_000_000) {
            let order = Order::Landmark(Span(h));
            let (at, later) = (Time(at), Time(at + later.min(h * 500)));
            let then = score * (-(later.since(at).0 as f64) / h as f64).exp2();
            let key = order.key(score, at);
            prop_assert!((order.at(later).of(key) / then - 1.0).abs() < 2e-12);
            prop_assert!((order.key(then, later) - key).abs() < 8);
            prop_assert!(order.key(score * 1.000_001, at) > key);
            prop_assert!(order.key(-score, at) < 0 && order.key(-score * 1.1, at) < order.key(-score, at));
            prop_assert!((order.at(at).of(order.key(-score, at)) / score + 1.0).abs() < 2e-12);
        }
    }

    #[test]
    fn zero_is_between() {
        let order = Order::Landmark(Span(1_000));
        assert_eq!(order.key(0.0, Time(7)), order.key(-0.0, Time(9)));
        assert!(order.key(f64::MIN_POSITIVE, Time(0)) > 0);
        assert_eq!(order.at(Time(3)).of(0), 0.0);
    }
}
