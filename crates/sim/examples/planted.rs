//! How each planted bug shows: `cargo run -p sim --example planted`.

fn main() {
    for plant in sim::Plant::ALL {
        println!("{}: {:?}", plant.name(), sim::reveal(plant));
    }
    let report = sim::sweep(0, true, 1);
    println!("sweep: {} operations, {} runs, {:?}", report.operations, report.runs, report.failures);
}
