//! Disk operations of a fixed workload fail once each, in every way: all of them, or one in `SIM_EVERY`.

fn operations_fail(at_once: bool, every: usize) {
    let every = std::env::var("SIM_EVERY").ok().and_then(|every| every.parse().ok()).unwrap_or(every);
    let report = sim::sweep(0, at_once, every);
    assert!(report.failures.is_empty(), "{}", report.failures.join("\n"));
    assert!(report.operations > 100 && report.runs > 1_000, "{report:?}");
}

#[test]
fn every_operation_may_fail() {
    operations_fail(false, 1);
}

#[test]
fn operations_may_fail_while_a_spec_serves_before_it_is_filled() {
    // Each run applies its log three times over; all of them take minutes.
    operations_fail(true, 5);
}
