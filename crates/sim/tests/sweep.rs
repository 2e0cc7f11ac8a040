//! Every disk operation of a fixed workload fails once, in every way.

#[test]
fn every_operation_may_fail() {
    for seed in 0..2 {
        let report = sim::sweep(seed);
        assert!(report.failures.is_empty(), "{}", report.failures.join("\n"));
        assert!(report.operations > 100, "{}", report.operations);
    }
}
