//! What came out: click-through by arm over the seeds, freshness, rates, durability; as text and as JSON.

use super::arm::Arm;
use super::ledger::{Ledger, SLICES, Sample};
use super::risk::Risk;
use super::run::Outcome;
use super::screen::{Screen, sparkline};
use super::shop::Shop;
use super::tour::Tour;
use serde_json::{Value, json};

/// The results of a show.
pub(super) struct Summary {
    runs: Vec<Outcome>,
    /// Freshness, waits and rates of all runs.
    figures: Ledger,
    /// What the last server was asked in the end.
    pub(super) tour: Option<Tour>,
}

/// Click-through over the seeds.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Spread {
    pub(super) mean: f64,
    pub(super) min: f64,
    pub(super) max: f64,
}

impl Spread {
    /// Of no values: all 0.
    fn of(values: impl Iterator<Item = f64> + Clone) -> Spread {
        let count = values.clone().count();
        if count == 0 {
            return Spread::default();
        }
        Spread {
            mean: values.clone().sum::<f64>() / count as f64,
            min: values.clone().fold(f64::INFINITY, f64::min),
            max: values.fold(f64::NEG_INFINITY, f64::max),
        }
    }
}

impl Summary {
    pub(super) fn new(runs: Vec<Outcome>, tour: Option<Tour>) -> Summary {
        let mut figures = runs.first().map(|run| run.ledger.clone()).unwrap_or_default();
        runs.iter().skip(1).for_each(|run| figures.add_figures(&run.ledger));
        Summary { runs, figures, tour }
    }

    /// An arm's click-through over the seeds.
    pub(super) fn ctr(&self, arm: Arm) -> Spread {
        Spread::of(self.runs.iter().filter_map(|run| run.ledger.arm(arm).ctr()))
    }

    /// How many times popularity's click-through the feed's is, over the seeds.
    pub(super) fn ratio(&self) -> Spread {
        let ratio = |run: &Outcome| Some(run.ledger.arm(Arm::Feed).ctr()? / run.ledger.arm(Arm::Popularity).ctr()?);
        Spread::of(self.runs.iter().filter_map(ratio).filter(|ratio| ratio.is_finite()))
    }

    /// The share of what the oracle gains over random that an arm gains too.
    pub(super) fn captured(&self, arm: Arm) -> Option<f64> {
        let [random, oracle] = [Arm::Random, Arm::Oracle].map(|arm| self.ctr(arm).mean);
        (oracle > random).then(|| (self.ctr(arm).mean - random) / (oracle - random))
    }

    /// A decision of the last run's feed, and that run's shop.
    pub(super) fn decision(&self) -> Option<(&str, &Shop)> {
        let run = self.runs.last()?;
        Some((run.ledger.decision.as_deref()?, &run.shop))
    }

    /// What was decided on payments.
    pub(super) fn risk(&self) -> &Risk {
        &self.figures.risk
    }

    fn pages(&self) -> u64 {
        self.runs.iter().map(|run| run.ledger.pages()).sum()
    }

    /// CPU microseconds of the server for an answer or an event.
    fn cpu_us(&self) -> Option<f64> {
        let work = (self.figures.answers + self.figures.events).max(1) as f64;
        self.figures.server_cpu.map(|seconds| seconds * 1e6 / work)
    }

    pub(super) fn print(&self, screen: &Screen) {
        let seeds = self.runs.len();
        screen.line(&format!("\nclick-through over {seeds} seed(s): mean, lowest to highest; by shop time, all seeds"));
        let slices = self.by_slice();
        let highest = slices.iter().flatten().flatten().copied().fold(0.0, f64::max);
        for arm in Arm::ALL {
            let Spread { mean, min, max } = self.ctr(arm);
            let line = sparkline(slices[arm as usize].iter().copied(), highest);
            screen.line(&format!(
                "  {:<12}{:>5.1} %   {:>4.1} to {:>4.1} %   {line}",
                arm.name(),
                mean * 100.0,
                min * 100.0,
                max * 100.0
            ));
        }
        let Spread { mean, min, max } = self.ratio();
        screen.line(&format!("  feed / popularity: {mean:.2}x ({min:.2}x to {max:.2}x)"));
        if let (Some(feed), Some(popularity)) = (self.captured(Arm::Feed), self.captured(Arm::Popularity)) {
            screen.line(&format!(
                "  of what knowing everything gains over chance, the feed captures {:.0} %, popularity {:.0} %",
                feed * 100.0,
                popularity * 100.0
            ));
        }
        self.print_figures(screen);
    }

    fn print_figures(&self, screen: &Screen) {
        let figures = &self.figures;
        let own = figures.own_fresh as f64 / figures.own_asked.max(1) as f64;
        screen.line("\nfreshness");
        screen.line(&format!(
            "  own events      in {:.2} % of {} answers to a user who had just been acknowledged one",
            own * 100.0,
            figures.own_asked
        ));
        screen.line(&format!(
            "  others' events  {} from the acknowledgement to an answer that has them ({} measured)",
            milliseconds(&figures.others_ms),
            figures.others_ms.len()
        ));
        screen.line("durability: nothing left before what it had read was on the disk (fdatasync)");
        screen.line(&format!("  answers waited  {} for the disk", milliseconds(&figures.wait_ms)));
        screen.line(&format!(
            "  events          {} until acknowledged, as the client sees it",
            milliseconds(&figures.ack_ms)
        ));
        screen.line("rates, with clients, server and disk on this machine");
        let per_s = |count: u64| count as f64 / figures.seconds.max(1e-9);
        screen.line(&format!(
            "  {} page views, {} answers ({:.0}/s), {} events ({:.0}/s); an answer takes {}",
            self.pages(),
            figures.answers,
            per_s(figures.answers),
            figures.events,
            per_s(figures.events),
            milliseconds(&figures.answer_ms)
        ));
        if let Some(cpu) = self.cpu_us() {
            screen.line(&format!("  {cpu:.0} us of the server's CPU for each answer or event"));
        }
        figures.risk.print(screen);
    }

    /// Click-through by arm and slice, over all seeds.
    fn by_slice(&self) -> [[Option<f64>; SLICES]; Arm::ALL.len()] {
        Arm::ALL.map(|arm| {
            std::array::from_fn(|slice| {
                let tallies = self.runs.iter().map(|run| run.ledger.slices[slice][arm as usize]);
                let (seen, clicks) = tallies.fold((0, 0), |(s, c), tally| (s + tally.seen, c + tally.clicks));
                (seen > 0).then(|| clicks as f64 / seen as f64)
            })
        })
    }

    /// All of it as one object.
    pub(super) fn json(&self) -> Value {
        let figures = &self.figures;
        let arms: serde_json::Map<String, Value> = Arm::ALL
            .iter()
            .map(|&arm| {
                let Spread { mean, min, max } = self.ctr(arm);
                (arm.name().to_owned(), json!({ "ctr_mean": mean, "ctr_min": min, "ctr_max": max }))
            })
            .collect();
        let Spread { mean, min, max } = self.ratio();
        json!({
            "seeds": self.runs.iter().map(|run| run.seed).collect::<Vec<_>>(),
            "arms": arms,
            "feed_to_popularity": { "mean": mean, "min": min, "max": max },
            "captured": { "feed": self.captured(Arm::Feed), "popularity": self.captured(Arm::Popularity) },
            "freshness": { "own_answers": figures.own_asked, "own_fresh": figures.own_fresh },
            "freshness_ms": quantiles(&figures.others_ms),
            "durability_wait_ms": quantiles(&figures.wait_ms),
            "answer_ms": quantiles(&figures.answer_ms),
            "acknowledgement_ms": quantiles(&figures.ack_ms),
            "rates": {
                "seconds": figures.seconds,
                "page_views": self.pages(),
                "answers": figures.answers,
                "answers_per_s": figures.answers as f64 / figures.seconds.max(1e-9),
                "events": figures.events,
                "events_per_s": figures.events as f64 / figures.seconds.max(1e-9),
                "server_cpu_us": self.cpu_us(),
            },
            "risk": figures.risk.json(),
            "replay": self.tour.as_ref().map(Tour::json),
        })
    }
}

/// `p50 1.2 ms, p99 5.6 ms`.
pub(super) fn milliseconds(sample: &Sample) -> String {
    match (sample.quantile(0.5), sample.quantile(0.99)) {
        (Some(half), Some(most)) => format!("p50 {half:.1} ms, p99 {most:.1} ms"),
        _ => "nothing measured".to_owned(),
    }
}

/// p50, p99 and count.
pub(super) fn quantiles(sample: &Sample) -> Value {
    json!({ "p50": sample.quantile(0.5), "p99": sample.quantile(0.99), "count": sample.len() })
}
