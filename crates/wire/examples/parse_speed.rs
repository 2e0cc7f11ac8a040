//! Nanoseconds per event of `parse_event` and of `serde_json::Value`, on one thread: `cargo run --release -p wire --example parse_speed`.

use std::hint::black_box;
use std::time::Instant;

const EVENTS: [&str; 3] = [
    r#"{"event":"view","user":"u1","item":"i1"}"#,
    r#"{"event":"view","id":"0190a5f2-7c11-4b9e","source":"web","time":1767225600000,"user":"u-1234567","item":"i-7654321","dwell":31.25,"place":3,"new":true}"#,
    r#"{"event":"payment","id":"p-1","time":"2026-01-01T00:00:00.123Z","user":"u\u00fc1","device":"d9","amount":1234.56,"country":"DE","tags":["a","b","c"]}"#,
];

fn nanoseconds(rounds: u32, mut work: impl FnMut()) -> f64 {
    let mut best = f64::MAX;
    for _ in 0..7 {
        let start = Instant::now();
        (0..rounds).for_each(|_| work());
        best = best.min(start.elapsed().as_nanos() as f64 / f64::from(rounds));
    }
    best
}

fn main() {
    let rounds = 200_000;
    for line in EVENTS {
        let bytes = line.as_bytes();
        let ours = nanoseconds(rounds, || {
            black_box(wire::parse_event(black_box(bytes))).expect("a good event");
        });
        let checked = nanoseconds(rounds, || {
            wire::check(black_box(bytes)).expect("good JSON");
        });
        let theirs = nanoseconds(rounds, || {
            black_box(serde_json::from_slice::<serde_json::Value>(black_box(bytes))).expect("good JSON");
        });
        println!(
            "{:4} bytes: event {ours:6.1} ns, scan only {checked:6.1} ns, serde_json {theirs:6.1} ns",
            bytes.len()
        );
    }
    let body = format!("{}\n", EVENTS[1]).repeat(1_000);
    let batch = nanoseconds(200, || {
        black_box(wire::parse_events(black_box(body.as_bytes()))).expect("good events");
    });
    println!("NDJSON of 1000: {:.1} ns per event", batch / 1_000.0);
}
