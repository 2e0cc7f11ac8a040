//! The simulator's runs as the chores report them.

/// What a range of seeds found.
#[derive(Default)]
pub(crate) struct Simulated {
    pub(crate) power_cuts: u64,
    pub(crate) failures: Vec<String>,
}

/// Runs seeds.
pub(crate) fn run(_first: u64, _count: u64) -> Simulated {
    Simulated::default()
}

/// Planted bugs by name, and whether the simulator caught each.
pub(crate) fn planted() -> Vec<(String, bool)> {
    Vec::new()
}
