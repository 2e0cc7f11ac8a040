//! How good scores are, by what was true in the end: measures over scores alone, equal scores being one threshold.

/// A score, and what was true.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct JudgedScore {
    /// The score.
    pub score: f64,
    /// Whether it was what the score looks for.
    pub bad: bool,
}

/// Most points of a curve.
const POINTS_MAX: usize = 200;

/// Bad and good ones at each score, from the highest.
fn by_score(judged: &[JudgedScore]) -> Vec<(f64, f64)> {
    let mut order: Vec<&JudgedScore> = judged.iter().collect();
    order.sort_by(|a, b| b.score.total_cmp(&a.score));
    let groups = order.chunk_by(|a, b| a.score == b.score);
    let counted = groups.map(|group| {
        let bad = group.iter().filter(|of| of.bad).count();
        (bad as f64, (group.len() - bad) as f64)
    });
    counted.collect()
}

/// The chance that a bad one has a higher score than a good one, half of it where they are equal; 0 without either.
pub fn auc(judged: &[JudgedScore]) -> f64 {
    let (mut wins, mut all_bad, mut all_good) = (0.0, 0.0, 0.0);
    for (bad, good) in by_score(judged) {
        wins += good * (all_bad + bad / 2.0);
        (all_bad, all_good) = (all_bad + bad, all_good + good);
    }
    if all_bad * all_good > 0.0 { wins / (all_bad * all_good) } else { 0.0 }
}

/// The sum over thresholds of precision times the gain in recall; 0 if none is bad.
pub fn average_precision(judged: &[JudgedScore]) -> f64 {
    let (mut seen, mut all_bad, mut sum) = (0.0, 0.0, 0.0);
    for (bad, good) in by_score(judged) {
        (seen, all_bad) = (seen + bad + good, all_bad + bad);
        sum += bad * all_bad / seen;
    }
    if all_bad > 0.0 { sum / all_bad } else { 0.0 }
}

/// The curve of (share of the good ones, share of the bad ones) at or above each threshold, from (0, 0) to (1, 1); thinned out to
/// some hundred points. Empty without both.
pub fn roc(judged: &[JudgedScore]) -> Vec<(f64, f64)> {
    let groups = by_score(judged);
    let (all_bad, all_good) = groups.iter().fold((0.0, 0.0), |sum, of| (sum.0 + of.0, sum.1 + of.1));
    if all_bad * all_good == 0.0 {
        return Vec::new();
    }
    let (mut points, mut at) = (vec![(0.0, 0.0)], (0.0, 0.0));
    let step = groups.len().div_ceil(POINTS_MAX).max(1);
    for (number, (bad, good)) in groups.iter().enumerate() {
        at = (at.0 + good, at.1 + bad);
        if (number + 1).is_multiple_of(step) || number + 1 == groups.len() {
            points.push((at.0 / all_good, at.1 / all_bad));
        }
    }
    points
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn judged(scores: &[(f64, bool)]) -> Vec<JudgedScore> {
        scores.iter().map(|&(score, bad)| JudgedScore { score, bad }).collect()
    }

    /// Figures of small cases by hand: pairs won of all pairs; precision at each bad one.
    #[test]
    fn figures_are_what_they_say() {
        let all = judged(&[(0.9, true), (0.8, false), (0.7, true), (0.7, false), (0.1, false)]);
        // Against three good ones the first bad one wins three, the second one and a half.
        assert!((auc(&all) - 4.5 / 6.0).abs() < 1e-12);
        assert!((average_precision(&all) - (1.0 + 2.0 / 4.0) / 2.0).abs() < 1e-12);
        let third = 1.0 / 3.0;
        assert_eq!(roc(&all), [(0.0, 0.0), (0.0, 0.5), (third, 0.5), (2.0 / 3.0, 1.0), (1.0, 1.0)]);
        let none = judged(&[(0.5, false)]);
        assert_eq!((auc(&none), average_precision(&none), roc(&none)), (0.0, 0.0, vec![]));
    }

    proptest! {
        /// Against pairs counted one by one; the area under the curve is the same figure.
        #[test]
        fn auc_counts_pairs(scores in prop::collection::vec((0u8..20, any::<bool>()), 0..120)) {
            let all: Vec<JudgedScore> =
                scores.iter().map(|(score, bad)| JudgedScore { score: f64::from(*score) / 4.0, bad: *bad }).collect();
            let (mut wins, mut pairs) = (0.0, 0.0);
            for bad in all.iter().filter(|of| of.bad) {
                for good in all.iter().filter(|of| !of.bad) {
                    pairs += 1.0;
                    wins += if bad.score > good.score { 1.0 } else if bad.score == good.score { 0.5 } else { 0.0 };
                }
            }
            let expected = if pairs > 0.0 { wins / pairs } else { 0.0 };
            prop_assert!((auc(&all) - expected).abs() < 1e-9);
            let area: f64 = roc(&all).windows(2).map(|w| (w[1].0 - w[0].0) * (w[1].1 + w[0].1) / 2.0).sum();
            prop_assert!((area - expected).abs() < 1e-9);
        }
    }
}
