//! A seeded simulator of disk, clock, arrivals and crashes around the real journal, state and engine, checked against a slow,
//! obvious reference model. One seed is one run: see `run.rs`; what must hold: `check.rs`; what must be caught: `planted.rs`.
//! Never shipped.

mod change;
mod check;
pub mod disk;
mod ledger;
pub mod model;
mod pages;
mod planted;
mod rng;
mod run;
mod specs;
mod sweep;
mod workload;
mod world;

pub use planted::{Plant, planted, reveal};
pub use rng::Rng;
pub use run::{Outcome, Summary, run_seed, run_seeds, tell};
pub use specs::Spec;
pub use sweep::{SweepReport, sweep};
pub use world::Counts;
