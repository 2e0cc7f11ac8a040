//! Nth-failure loops: a fixed workload, run once for every disk operation that it makes, with that operation failing.

use crate::disk::{Fault, Faults};
use crate::run;
use crate::world::{Knobs, Verdict, World};

/// What a sweep found.
#[derive(Clone, Debug, Default)]
pub struct SweepReport {
    /// Operations of the workload: as many runs per kind of failure.
    pub operations: u64,
    /// Runs.
    pub runs: u64,
    /// What was not as it must be.
    pub failures: Vec<String>,
}

/// How the Nth operation fails.
#[derive(Clone, Copy, Debug)]
enum Failure {
    Eio { for_ever: bool },
    Full { for_ever: bool },
    Crash { power: bool },
}

const FAILURES: [Failure; 6] = [
    Failure::Eio { for_ever: false },
    Failure::Eio { for_ever: true },
    Failure::Full { for_ever: false },
    Failure::Full { for_ever: true },
    Failure::Crash { power: true },
    Failure::Crash { power: false },
];

fn knobs() -> Knobs {
    Knobs {
        segment_bytes: 4_096,
        call_max: 4,
        atomic: true,
        tick_every: 1_000,
        retain: None,
        unsynced_max: 1 << 20,
        faults: Faults::default(),
    }
}

/// Fails every operation of the workload in turn, in every way, or one in `every`, others for each way; `at_once`: the spec's change
/// serves before it is filled.
pub fn sweep(seed: u64, at_once: bool, every: usize) -> SweepReport {
    let new = || {
        let mut world = World::new(seed, knobs(), None);
        world.fixed_at_once = at_once;
        world
    };
    let mut report = SweepReport::default();
    let mut quiet = new();
    if let Err(failure) = workload(&mut quiet, None) {
        report.failures.push(format!("without a failure: {failure}"));
        return report;
    }
    report.operations = quiet.storage.ops();
    for (first, failure) in (0..).zip(FAILURES) {
        for nth in (1 + first % every as u64..=report.operations).step_by(every) {
            report.runs += 1;
            let mut world = new();
            if let Err(found) = workload(&mut world, Some((nth, failure))) {
                report.failures.push(format!("{failure:?} at operation {nth} of seed {seed}: {found}"));
            }
        }
    }
    report
}

fn arm(world: &mut World, (nth, failure): (u64, Failure)) {
    let mut faults = Faults::default();
    match failure {
        Failure::Eio { for_ever } => faults.nth = Some((nth, Fault::Eio, for_ever)),
        Failure::Full { for_ever } => faults.nth = Some((nth, Fault::Full, for_ever)),
        Failure::Crash { .. } => faults.crash_at = Some(nth),
    }
    world.knobs.faults = faults.clone();
    world.storage.set_faults(faults);
}

/// Starts, works, changes the spec, writes checkpoints, restarts, works on; then the disk is well again and everything is checked.
fn workload(world: &mut World, failure: Option<(u64, Failure)>) -> Verdict {
    world.fixed = true;
    if let Some(failure) = failure {
        arm(world, failure);
    }
    let power = !matches!(failure, Some((_, Failure::Crash { power: false })));
    for round in 0..2 {
        world.start()?;
        for step in 0..11 {
            world.counts.steps += 1;
            match step % 7 {
                0 | 2 | 4 => world.submit()?,
                1 | 6 => world.sync()?,
                3 => world.recommend()?,
                _ => world.set_clock(world.now + 1_500),
            }
            if step == 9 {
                world.checkpoint()?;
            }
            if (round, step) == (0, 8) {
                world.change_whole()?;
            }
            world.collect()?;
            if world.storage.is_dead() || world.failed() {
                world.stop(power)?;
                world.follow_log();
                world.start()?;
            }
        }
        if round == 0 {
            world.stop(true)?;
        }
    }
    run::finish(world)
}
