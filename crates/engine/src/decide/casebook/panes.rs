//! Counts of outcomes by minute or by day of log time.

use domain::Time;
use std::collections::VecDeque;

/// Panes that one version more may add, beyond those of time.
const VERSIONS_MAX: usize = 256;

/// What was decided in one pane under one plan.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Pane {
    /// Its number: log time divided by its width.
    pub(crate) number: i64,
    /// The plan, by the first bytes of its digest.
    pub(crate) plan: u64,
    /// By outcome.
    pub(crate) outcomes: Vec<u32>,
    /// By outcome of the tier that was reached.
    pub(crate) tiers: Vec<u32>,
}

/// Panes of one width, the newest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Panes {
    /// In milliseconds.
    pub(crate) width: i64,
    /// How many numbers are kept.
    pub(crate) most: usize,
    pub(crate) list: VecDeque<Pane>,
    /// Before this instant the newest pane counts: time does not go back. Spares a division for each decision.
    pub(super) until: i64,
}

impl Panes {
    pub(crate) fn new(width: i64, most: usize) -> Panes {
        Panes { width, most, list: VecDeque::new(), until: i64::MIN }
    }

    fn number(&self, log_time: Time) -> i64 {
        log_time.0.div_euclid(self.width)
    }

    /// One decision.
    pub(crate) fn count(&mut self, log_time: Time, plan: u64, outcome: u16, tier: Option<u16>) {
        if log_time.0 >= self.until || self.list.back().is_none_or(|pane| pane.plan != plan) {
            self.begin(log_time, plan);
        }
        let pane = self.list.back_mut().expect("one has begun");
        add(&mut pane.outcomes, outcome);
        tier.into_iter().for_each(|tier| add(&mut pane.tiers, tier));
    }

    /// The newest pane is of this instant and plan.
    fn begin(&mut self, log_time: Time, plan: u64) {
        let number = self.number(log_time);
        self.until = (number + 1) * self.width;
        if self.list.back().is_none_or(|pane| pane.number != number || pane.plan != plan) {
            self.list.push_back(Pane { number, plan, ..Pane::default() });
            let oldest = number - self.most as i64;
            while self.list.front().is_some_and(|pane| pane.number <= oldest)
                || self.list.len() > self.most + VERSIONS_MAX
            {
                self.list.pop_front();
            }
        }
    }

    /// The counts of the last `panes` numbers up to an instant: by outcome, and by outcome of the tier.
    pub(crate) fn sum(&self, until: Time, panes: usize) -> (Vec<u64>, Vec<u64>) {
        let after = self.number(until) - panes as i64;
        let (mut outcomes, mut tiers) = (Vec::new(), Vec::new());
        for pane in self.list.iter().rev().take_while(|pane| pane.number > after) {
            add_all(&mut outcomes, &pane.outcomes);
            add_all(&mut tiers, &pane.tiers);
        }
        (outcomes, tiers)
    }

    /// How many decisions of a plan had an outcome, and how many there were, in the last `span` of time that it decided.
    pub(crate) fn share(&self, plan: u64, outcome: u16, span: i64) -> (u64, u64) {
        let of_plan = || self.list.iter().rev().filter(|pane| pane.plan == plan);
        let Some(last) = of_plan().next() else { return (0, 0) };
        let after = last.number - (span + self.width - 1).div_euclid(self.width);
        let within = of_plan().take_while(|pane| pane.number > after);
        within.fold((0, 0), |(hits, all), pane| {
            let of = |at: usize| u64::from(pane.outcomes.get(at).copied().unwrap_or(0));
            let total: u64 = (0..pane.outcomes.len()).map(of).sum();
            (hits + of(usize::from(outcome)), all + total)
        })
    }
}

fn add(counts: &mut Vec<u32>, at: u16) {
    let at = usize::from(at);
    if counts.len() <= at {
        counts.resize(at + 1, 0);
    }
    counts[at] = counts[at].saturating_add(1);
}

fn add_all(sums: &mut Vec<u64>, counts: &[u32]) {
    sums.resize(sums.len().max(counts.len()), 0);
    sums.iter_mut().zip(counts).for_each(|(sum, count)| *sum += u64::from(*count));
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn panes_count_as_a_list_of_all_decisions_does(
            steps in prop::collection::vec((0..250_i64, 0..3_u64, 0..4_u16, prop::option::of(0..3_u16)), 1..300),
            last in 1..40_usize,
        ) {
            // Minutes of a second, of which thirty are kept.
            let (mut panes, mut all, mut now) = (Panes::new(1_000, 30), Vec::new(), 5_000_000_i64);
            for (step, plan, outcome, tier) in steps {
                now += step * step;
                panes.count(Time(now), plan, outcome, tier);
                all.push((now.div_euclid(1_000), plan, outcome, tier));
            }
            let newest = now.div_euclid(1_000);
            let kept = |minute: i64, last: usize| minute > newest - last.min(30) as i64;
            let (outcomes, tiers) = panes.sum(Time(now), last.min(30));
            for wanted in 0..4_u16 {
                let at = |counts: &[u64]| counts.get(usize::from(wanted)).copied().unwrap_or(0);
                let count = all.iter().filter(|(minute, _, outcome, _)| kept(*minute, last) && *outcome == wanted).count();
                prop_assert_eq!(at(&outcomes), count as u64);
                let count = all.iter().filter(|(minute, .., tier)| kept(*minute, last) && *tier == Some(wanted)).count();
                prop_assert_eq!(at(&tiers), count as u64);
            }
            for plan in 0..3_u64 {
                let of_plan: Vec<_> = all.iter().filter(|of| of.1 == plan && kept(of.0, 30)).collect();
                let Some((end, ..)) = of_plan.last() else { continue };
                let within: Vec<_> = of_plan.iter().filter(|of| of.0 > end - last as i64).collect();
                let hits = within.iter().filter(|of| of.2 == 1).count() as u64;
                prop_assert_eq!(panes.share(plan, 1, last as i64 * 1_000), (hits, within.len() as u64));
            }
        }
    }
}
