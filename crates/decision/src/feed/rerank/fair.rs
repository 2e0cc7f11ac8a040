//! Rerank for fairness of exposure: a controller over log time. Impressions of the last `window` are counted by the value of an
//! attribute; a value that had less than its target share of them comes up, one that had more goes down:
//!
//! ```text
//! share(v)  = (impressions(v) + 100 * target(v)) / (impressions + 100)
//! error(v)  = clamp(5 * (target(v) - share(v)) / target(v), -1, 1)
//! relevance = relevance + strength * error(v)
//! ```
//!
//! So a value that is off its target by a fifth gets the full strength. The share of a rolling window is the controller's
//! memory of what it did; as the window forgets, nothing winds up. The 100 impressions that are taken as given keep it still
//! while there are few. Only the best `depth` are ordered anew.

use super::super::order::descending;
use super::numbers::Numbers;
use super::window::Window;
use super::{Entry, Ground, Source};
use domain::{Symbol, Value};
use spec::plan::{Fair, Target};
use state::Exposure;

/// What an error is multiplied by: full strength from a fifth of the target on.
const GAIN: f64 = 5.0;
/// Impressions that are taken as given in the shares aimed at.
const PRIOR: f64 = 100.0;

/// The memory of one step.
#[derive(Default)]
pub(super) struct Fairness {
    window: Window,
    /// Relevance by place, as far as exposure has changed it.
    adjusted: Vec<f64>,
    /// The places by that, best first: bits that ascend where it falls, then the place.
    order: Vec<(u64, u32)>,
    /// How many of them have gone on.
    gone: usize,
    /// The values met, and the error of each.
    values: Numbers,
    errors: Vec<f64>,
}

impl Fairness {
    pub(super) fn clear(&mut self) {
        self.window.clear();
        self.values.clear();
        self.errors.clear();
        self.order.clear();
        self.gone = 0;
    }

    pub(super) fn next(&mut self, fair: &Fair, source: &mut Source<'_>, ground: &mut Ground<'_>) -> Option<Entry> {
        if self.window.fill(fair.depth, source, ground) {
            self.adjust(fair, ground);
        }
        let Some(&(_, place)) = self.order.get(self.gone) else { return source.next(ground) };
        self.gone += 1;
        let mut entry = self.window.take(place as usize);
        entry.pick.score = self.window.score(self.adjusted[place as usize]);
        Some(entry)
    }

    fn adjust(&mut self, fair: &Fair, ground: &Ground<'_>) {
        let exposure = ground.view.epoch.exposure(fair.exposure);
        let field = ground.view.plan.exposures[usize::from(fair.exposure)].field;
        let total = exposure.impressions(ground.view.now);
        self.adjusted.clear();
        let column = ground.column(field);
        for (entry, relevance) in self.window.entries().iter().zip(self.window.relevance()) {
            let error = match column.and_then(|column| column.get(ground.candidates[entry.pick.index].item.0)) {
                Some(Value::Str(value)) => {
                    let number = self.values.of(u64::from(value.0));
                    if number == self.errors.len() {
                        self.errors.push(error(fair, exposure, *value, total, ground));
                    }
                    self.errors[number]
                }
                _ => 0.0,
            };
            self.adjusted.push(relevance + fair.strength * error);
        }
        self.gone = 0;
        self.order.clear();
        self.order.extend(self.adjusted.iter().zip(0..).map(|(&relevance, place)| (descending(relevance), place)));
        self.order.sort_unstable();
    }
}

fn error(fair: &Fair, exposure: &Exposure, value: Symbol, total: u64, ground: &Ground<'_>) -> f64 {
    let items = f64::from(exposure.items());
    let target = match &fair.target {
        Target::Equal => 1.0 / f64::from(exposure.values().max(1)),
        Target::Proportional => f64::from(exposure.items_of(value)) / items.max(1.0),
        Target::Shares(shares) => shares.iter().find(|(of, _)| *of == value.0).map_or(0.0, |(_, share)| *share),
    };
    if target <= 0.0 {
        return 0.0;
    }
    let seen = exposure.impressions_of(value, ground.view.now) as f64;
    let share = (seen + PRIOR * target) / (total as f64 + PRIOR);
    (GAIN * (target - share) / target).clamp(-1.0, 1.0)
}
