//! The simulator's runs with a progress bar: seeds, and planted bugs.

use crate::node;
use sim::Summary;

/// Runs `count` seeds from `first` on.
pub(crate) fn run(first: u64, count: u64) -> Summary {
    let bar = node::bar(count, "simulating");
    let summary = sim::run_seeds(first, count, &mut |done| bar.set_position(done));
    bar.finish_and_clear();
    summary
}

/// Planted bugs by name, and whether the simulator caught each.
pub(crate) fn planted() -> Vec<(&'static str, bool)> {
    let bar = node::bar(0, "planting bugs");
    let planted = sim::planted().into_iter().map(|(name, caught, _)| (name, caught)).collect();
    bar.finish_and_clear();
    planted
}
