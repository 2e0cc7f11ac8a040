//! What is shown while the demo runs: a line per time slice, the last one growing in place where stdout is a terminal.

use super::arm::Arm;
use super::ledger::{SLICES, Tally};
use super::shop::DAYS;
use std::io::{IsTerminal, Write, stdout};

type Slices = [[Tally; Arm::ALL.len()]; SLICES];

/// Standard output.
pub(super) struct Screen {
    terminal: bool,
    /// Nothing is shown: the result is asked for as JSON.
    silent: bool,
    /// Whether the present run is shown slice by slice.
    in_detail: bool,
    printed: usize,
}

impl Screen {
    pub(super) fn new(silent: bool) -> Screen {
        Screen { terminal: stdout().is_terminal(), silent, in_detail: false, printed: 0 }
    }

    /// A line.
    pub(super) fn line(&self, text: &str) {
        if !self.silent {
            // Whoever reads our output may have left; the work goes on.
            let _ = writeln!(stdout(), "{text}");
        }
    }

    /// A line that the next one takes the place of.
    pub(super) fn status(&self, text: &str) {
        if self.terminal && !self.silent {
            let _ = write!(stdout(), "\r\x1b[K{text}");
            let _ = stdout().flush();
        }
    }

    /// Ends a status line.
    pub(super) fn clear(&self) {
        self.status("");
    }

    /// Begins a run: the first with a table, others with one line.
    pub(super) fn begin(&mut self, seed: u64, in_detail: bool) {
        (self.in_detail, self.printed) = (in_detail, 0);
        if in_detail {
            self.line(&format!("\nseed {seed}: click-through by shop time, in % of the items people looked at"));
            let names: String = Arm::ALL.iter().map(|arm| format!("{:>12}", arm.name())).collect();
            self.line(&format!("  shop time     {names}   page views"));
        }
    }

    /// Shows how far a run is, and what has happened in it.
    pub(super) fn progress(&mut self, seed: u64, slice: usize, slices: &Slices, story: &[String]) {
        if self.in_detail {
            while self.printed < slice {
                self.clear();
                self.line(&row(self.printed, &slices[self.printed]));
                self.printed += 1;
            }
            if !story.is_empty() {
                self.clear();
                story.iter().for_each(|line| self.line(line));
            }
            self.status(&format!("{} ...", row(slice, &slices[slice])));
        } else {
            self.status(&format!("{} ...", whole(seed, slices)));
        }
    }

    /// Ends a run.
    pub(super) fn finish(&mut self, seed: u64, slices: &Slices) {
        self.clear();
        if self.in_detail {
            let left = (self.printed..SLICES).filter(|&slice| slices[slice].iter().any(|tally| tally.pages > 0));
            left.for_each(|slice| self.line(&row(slice, &slices[slice])));
        }
        self.line(&whole(seed, slices));
    }
}

fn row(slice: usize, tallies: &[Tally]) -> String {
    let length = DAYS * 24.0 / SLICES as f64;
    let (day, hour) = ((slice as f64 * length / 24.0).floor(), slice as f64 * length % 24.0);
    format!("  {:<14}{}", format!("day {}, {hour:.0}-{:.0} h", day + 1.0, hour + length), cells(tallies))
}

fn whole(seed: u64, slices: &Slices) -> String {
    let mut sums = [Tally::default(); Arm::ALL.len()];
    for slice in slices {
        sums.iter_mut().zip(slice).for_each(|(sum, tally)| *sum += *tally);
    }
    format!("  {:<14}{}", format!("seed {seed}"), cells(&sums))
}

fn cells(tallies: &[Tally]) -> String {
    let shares: String = tallies
        .iter()
        .map(|tally| tally.ctr().map_or_else(|| format!("{:>12}", "-"), |ctr| format!("{:>12.1}", ctr * 100.0)))
        .collect();
    format!("{shares}{:>13}", tallies.iter().map(|tally| tally.pages).sum::<u64>())
}

/// Values as a row of blocks, from 0 to `highest`.
pub(super) fn sparkline(values: impl Iterator<Item = Option<f64>>, highest: f64) -> String {
    const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let block = |value: f64| BLOCKS[((value / highest.max(f64::MIN_POSITIVE) * 8.0) as usize).min(7)];
    values.map(|value| value.map_or(' ', block)).collect()
}

#[cfg(test)]
mod tests {
    use super::sparkline;

    #[test]
    fn sparklines_span_the_blocks() {
        let values = [Some(0.0), None, Some(0.5), Some(1.0), Some(2.0)];
        assert_eq!(sparkline(values.into_iter(), 1.0), "▁ ▅██");
    }
}
