//! Every disk operation of a fixed workload fails once, in every way.

fn every_operation_fails(at_once: bool) {
    let report = sim::sweep(0, at_once);
    assert!(report.failures.is_empty(), "{}", report.failures.join("\n"));
    assert!(report.operations > 100 && report.runs > 1_000, "{report:?}");
}

#[test]
fn every_operation_may_fail() {
    every_operation_fails(false);
}

#[test]
fn every_operation_may_fail_while_a_spec_serves_before_it_is_filled() {
    every_operation_fails(true);
}
