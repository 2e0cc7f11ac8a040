//! Runs many seeds of the simulator: `cargo run -p sim --example seeds -- FIRST COUNT`.

fn main() {
    let mut numbers = std::env::args().skip(1).map(|number| number.parse().unwrap_or(0));
    let (first, count) = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(100));
    let started = std::time::Instant::now();
    let summary = sim::run_seeds(first, count, &mut |_| ());
    println!("{summary:#?}\n{:.1} seeds/s", count as f64 / started.elapsed().as_secs_f64());
}
