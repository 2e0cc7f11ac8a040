//! Thousands of seeds, the determinism of a seed, and one seed chosen by `SIM_SEED`.

/// How many seeds run here; `SIM_SEEDS` asks for another number.
const SEEDS: u64 = 2_000;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[test]
fn every_seed_holds() {
    let count = number("SIM_SEEDS").unwrap_or(SEEDS);
    let summary = sim::run_seeds(number("SIM_FIRST").unwrap_or(0), count, &mut |_| ());
    assert!(summary.failures.is_empty(), "{}", summary.failures.join("\n"));
    assert_eq!(summary.seeds, count);
    assert_eq!(summary.decisions_replayed, summary.identical);
    // A simulator in which little happens shows little.
    let per_seed = |counted: u64| counted as f64 / count as f64;
    assert!(per_seed(summary.power_cuts + summary.kills) > 2.0, "{summary:?}");
    assert!(per_seed(summary.acked) > 20.0 && per_seed(summary.digests) > 3.0, "{summary:?}");
    assert!(per_seed(summary.checkpoints) > 1.0 && per_seed(summary.answers) > 5.0, "{summary:?}");
}

#[test]
fn a_seed_is_the_same_twice() {
    for seed in 0..50 {
        let (first, second) = (sim::run_seed(seed), sim::run_seed(seed));
        assert_eq!(first.trace, second.trace, "seed {seed}");
        assert_eq!(first.counts, second.counts, "seed {seed}");
    }
}

#[test]
fn one_seed() {
    if let Some(seed) = number("SIM_SEED") {
        let outcome = sim::tell(seed);
        assert_eq!(outcome.failure, None, "seed {seed}");
    }
}
