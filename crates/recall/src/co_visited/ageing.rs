//! Exponential ageing in landmark form: what an event adds grows with its time, so that what is kept never has to shrink.
//! Growth is split into eras of 32 half-lives; kept counts belong to an era, and moving them to a later one multiplies them by
//! an exact power of two.

use domain::{Span, Time};

/// Half-lives in one era.
const ERA: i64 = 32;

/// How counts age.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ageing {
    half_life: Option<Span>,
}

/// `2^(time / half-life)` as `factor * 2^(32 * era)`, with `1 <= factor < 2^32`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Growth {
    pub(crate) era: i64,
    pub(crate) factor: f64,
}

impl Ageing {
    pub(crate) fn new(half_life: Option<Span>) -> Ageing {
        Ageing { half_life: half_life.filter(|span| span.0 > 0) }
    }

    /// What one event of weight 1 at this time adds.
    pub(crate) fn growth(self, at: Time) -> Growth {
        let Some(Span(half_life)) = self.half_life else { return Growth { era: 0, factor: 1.0 } };
        let era_ms = half_life.saturating_mul(ERA);
        let within = at.0.rem_euclid(era_ms) as f64 / half_life as f64;
        Growth { era: at.0.div_euclid(era_ms), factor: libm::exp2(within) }
    }

    /// What one unit kept in `era` is worth at `now`.
    pub(crate) fn worth(self, era: i64, now: Time) -> f64 {
        let growth = self.growth(now);
        eras(era - growth.era) / growth.factor
    }

    /// What is left of a unit after `elapsed`; 1 for a time that has not passed.
    pub(crate) fn left(self, elapsed: Span) -> f64 {
        match self.half_life {
            Some(Span(half_life)) if elapsed.0 > 0 => libm::exp2(-(elapsed.0 as f64 / half_life as f64)),
            _ => 1.0,
        }
    }
}

/// `2^(32 * count)`, exact, 0 where it is too small for a float.
pub(crate) fn eras(count: i64) -> f64 {
    libm::ldexp(1.0, (count.saturating_mul(ERA)).clamp(-2_000, 1_023) as i32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn growth_and_worth_cancel() {
        let ageing = Ageing::new(Some(Span(60_000)));
        for ms in [0, 1, 59_999, 60_000, 1_919_999, 1_920_000, 1_700_000_000_123] {
            let growth = ageing.growth(Time(ms));
            assert!((1.0..4_294_967_296.0).contains(&growth.factor));
            assert!((growth.factor * ageing.worth(growth.era, Time(ms)) - 1.0).abs() < 1e-12);
            let later = growth.factor * ageing.worth(growth.era, Time(ms + 120_000));
            assert!((later - 0.25).abs() < 1e-12, "{ms}: {later}");
        }
        assert_eq!(Ageing::new(None).worth(0, Time(5)), 1.0);
    }

    #[test]
    fn eras_are_exact_powers() {
        assert_eq!(eras(1), 4_294_967_296.0);
        assert_eq!(eras(0), 1.0);
        assert_eq!(eras(-1_000_000), 0.0);
        assert_eq!(eras(i64::MIN), 0.0);
    }
}
