//! Planted bugs must be caught: what the simulator does not see it does not test.

#[test]
fn every_planted_bug_is_caught() {
    let found = sim::planted();
    let missed: Vec<_> = found.iter().filter(|(_, caught, _)| !caught).collect();
    println!("{found:?}");
    assert!(found.len() >= 8 && missed.is_empty(), "not caught: {missed:?}");
}
