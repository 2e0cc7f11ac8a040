//! What a run counts: clicks by arm and time slice, freshness, waits, rates.

use super::arm::Arm;
use super::risk::Risk;
use std::ops::AddAssign;

/// Time slices of a run.
pub(super) const SLICES: usize = 12;

/// Clicks of what was seen.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tally {
    pub(super) pages: u64,
    pub(super) seen: u64,
    pub(super) clicks: u64,
    pub(super) buys: u64,
}

impl Tally {
    /// Clicks per item seen; none if nothing was.
    pub(super) fn ctr(&self) -> Option<f64> {
        (self.seen > 0).then(|| self.clicks as f64 / self.seen as f64)
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Tally) {
        self.pages += other.pages;
        self.seen += other.seen;
        self.clicks += other.clicks;
        self.buys += other.buys;
    }
}

/// Measured times, or other figures whose distribution counts.
#[derive(Clone, Debug, Default)]
pub(super) struct Sample(Vec<f64>);

impl Sample {
    pub(super) fn push(&mut self, value: f64) {
        self.0.push(value);
    }

    pub(super) fn extend(&mut self, other: &Sample) {
        self.0.extend_from_slice(&other.0);
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// The smallest value that at least `share` of all are not above; none of nothing.
    pub(super) fn quantile(&self, share: f64) -> Option<f64> {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let rank = (share * sorted.len() as f64).ceil() as usize;
        sorted.get(rank.max(1) - 1).copied()
    }
}

/// Everything counted in a run.
#[derive(Clone, Debug, Default)]
pub(super) struct Ledger {
    /// By slice, then by arm.
    pub(super) slices: [[Tally; Arm::ALL.len()]; SLICES],
    pub(super) events: u64,
    pub(super) answers: u64,
    /// Answers for users with an acknowledged event before, and those of them that had it.
    pub(super) own_asked: u64,
    pub(super) own_fresh: u64,
    /// Milliseconds from an acknowledgement until an answer for somebody else had it.
    pub(super) others_ms: Sample,
    /// Milliseconds that answers were held back until what they had read was on the disk.
    pub(super) wait_ms: Sample,
    /// Milliseconds from asking to the answer, and from sending events to the acknowledgement, as the client sees it.
    pub(super) answer_ms: Sample,
    pub(super) ack_ms: Sample,
    /// What was decided on payments.
    pub(super) risk: Risk,
    /// The last decision of the feed that led to a click.
    pub(super) decision: Option<String>,
    /// Wall-clock seconds of the run.
    pub(super) seconds: f64,
    /// CPU seconds of the server's threads, where the system tells.
    pub(super) server_cpu: Option<f64>,
}

impl Ledger {
    /// An arm's counts over the whole run.
    pub(super) fn arm(&self, arm: Arm) -> Tally {
        let mut sum = Tally::default();
        self.slices.iter().for_each(|slice| sum += slice[arm as usize]);
        sum
    }

    /// Page views of all arms.
    pub(super) fn pages(&self) -> u64 {
        Arm::ALL.iter().map(|&arm| self.arm(arm).pages).sum()
    }

    /// Adds another run's freshness, waits and rates; clicks stay apart.
    pub(super) fn add_figures(&mut self, other: &Ledger) {
        self.events += other.events;
        self.answers += other.answers;
        self.own_asked += other.own_asked;
        self.own_fresh += other.own_fresh;
        self.others_ms.extend(&other.others_ms);
        self.wait_ms.extend(&other.wait_ms);
        self.answer_ms.extend(&other.answer_ms);
        self.ack_ms.extend(&other.ack_ms);
        self.risk.add_figures(&other.risk);
        self.seconds += other.seconds;
        self.server_cpu = self.server_cpu.zip(other.server_cpu).map(|(sum, more)| sum + more);
    }
}

#[cfg(test)]
mod tests {
    use super::Sample;

    #[test]
    fn quantiles_are_values_that_were_measured() {
        let mut sample = Sample::default();
        assert_eq!(sample.quantile(0.5), None);
        (1..=200).for_each(|value| sample.push(f64::from(value)));
        assert_eq!([0.0, 0.5, 0.99, 1.0].map(|share| sample.quantile(share)), [1.0, 100.0, 198.0, 200.0].map(Some));
    }
}
