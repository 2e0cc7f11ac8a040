//! Runs one seed of the simulator aloud: `cargo run -p sim --example seed -- 1234`.

fn main() {
    let seed = std::env::args().nth(1).and_then(|seed| seed.parse().ok()).unwrap_or(0);
    let outcome = sim::tell(seed);
    println!("{:#?}\ntrace {}", outcome.counts, outcome.trace);
    match outcome.failure {
        None => println!("seed {seed} holds"),
        Some(failure) => println!("seed {seed} FAILED: {failure}"),
    }
}
