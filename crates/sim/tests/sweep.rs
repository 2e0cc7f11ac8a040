//! Every disk operation of a fixed workload fails once, in every way.

#[test]
fn every_operation_may_fail() {
    let report = sim::sweep(0);
    assert!(report.failures.is_empty(), "{}", report.failures.join("\n"));
    assert!(report.operations > 100 && report.runs > 1_000, "{report:?}");
}
