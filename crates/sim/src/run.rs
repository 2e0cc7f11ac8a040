//! One seed is one run: a machine with settings and faults of its own, a few hundred steps, crashes, and the checks.

use crate::check;
use crate::disk::Faults;
use crate::planted::Plant;
use crate::rng::Rng;
use crate::world::{Counts, Knobs, START, Verdict, World};

/// How a run ended.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// What was not as it must be.
    pub failure: Option<String>,
    /// Hash of everything that happened.
    pub trace: String,
    /// What happened, counted.
    pub counts: Counts,
}

/// Many runs together.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    /// Runs.
    pub seeds: u64,
    /// Steps taken.
    pub steps: u64,
    /// Power cuts.
    pub power_cuts: u64,
    /// Processes killed.
    pub kills: u64,
    /// Calls and answers that were acknowledged.
    pub acked: u64,
    /// Runs in which something acknowledged was lost.
    pub acked_lost: u64,
    /// Runs in which something stood in the log that must not, twice or at all.
    pub duplicated: u64,
    /// Runs in which state was not what the log says.
    pub digest_mismatch: u64,
    /// Digests compared.
    pub digests: u64,
    /// Checkpoints written.
    pub checkpoints: u64,
    /// Answers compared with the model.
    pub answers: u64,
    /// Decisions computed again.
    pub decisions_replayed: u64,
    /// Of these the same, bit for bit.
    pub identical: u64,
    /// Faults that the disk answered.
    pub faults: u64,
    /// Specs changed while running.
    pub changes: u64,
    /// What failed, each with the command that repeats it.
    pub failures: Vec<String>,
}

/// What a seed may choose from, and how often.
struct Mix {
    weights: [u64; 11],
    steps: u64,
    rot: bool,
}

impl Knobs {
    /// The settings of a seed: a random few of the faults, small limits.
    fn draw(rng: &mut Rng) -> Knobs {
        let faults = Faults {
            read_eio: if rng.percent(15) { 2_000 } else { 0 },
            write_eio: if rng.percent(20) { 4_000 } else { 0 },
            sync_eio: if rng.percent(30) { 15_000 } else { 0 },
            ..Faults::default()
        };
        Knobs {
            segment_bytes: rng.pick(&[4_096, 8_192, 16_384, 65_536]),
            call_max: rng.pick(&[1, 3, 8]),
            atomic: rng.percent(60),
            tick_every: rng.pick(&[0, 1_000, 60_000]),
            retain: if rng.percent(15) { Some(rng.pick(&[0, 60_000, 3_600_000, 86_400_000])) } else { None },
            unsynced_max: rng.pick(&[1_024, 8_192, 64 << 20]),
            faults,
        }
    }
}

impl Mix {
    fn draw(rng: &mut Rng) -> Mix {
        // submit, sync, recommend, publish, clock, checkpoint, inspect, tick, crash, space, change of the spec
        let mut weights = [30, 20, 12, 8, 10, 3, 4, 3, 2, 0, 0];
        for weight in &mut weights[1..8] {
            *weight *= rng.pick(&[0, 1, 1, 1, 3]);
        }
        weights[1] = weights[1].max(5);
        weights[8] = rng.pick(&[0, 1, 3, 6]);
        weights[9] = rng.pick(&[0, 0, 2]);
        weights[10] = rng.pick(&[0, 0, 4, 25]);
        Mix { weights, steps: 60 + rng.below(120), rot: rng.percent(20) }
    }

    fn step(&self, rng: &mut Rng) -> usize {
        let mut at = rng.below(self.weights.iter().sum());
        self.weights
            .iter()
            .position(|&weight| {
                at < weight || {
                    at -= weight;
                    false
                }
            })
            .unwrap_or(0)
    }
}

/// Runs one seed.
pub fn run_seed(seed: u64) -> Outcome {
    run(seed, None, false)
}

/// Runs one seed and prints every step.
pub(crate) fn tell_seed(seed: u64, plant: Option<Plant>) -> Outcome {
    run(seed, plant, true)
}

/// Runs one seed with a planted bug.
pub(crate) fn run_planted(seed: u64, plant: Plant) -> Outcome {
    run(seed, Some(plant), false)
}

fn run(seed: u64, plant: Option<Plant>, tell: bool) -> Outcome {
    let mut rng = Rng::new(seed).split(9);
    let (knobs, mix) = (Knobs::draw(&mut rng), Mix::draw(&mut rng));
    let mut world = World::new(seed, knobs, plant);
    world.tell = tell;
    let failure = live(&mut world, &mix, rng).err();
    world.counts.faults = world.storage.faulted();
    let trace = world.trace();
    Outcome { failure, trace, counts: world.counts }
}

fn live(world: &mut World, mix: &Mix, mut rng: Rng) -> Verdict {
    world.start()?;
    for _ in 0..mix.steps {
        world.counts.steps += 1;
        step(world, mix.step(&mut rng), &mut rng)?;
        world.collect()?;
        if world.storage.is_dead() || (world.failed() && rng.percent(40)) {
            let power = world.has_power_cut(&mut rng);
            restart(world, power, &mut rng)?;
        }
    }
    if mix.rot || world.has(Plant::DamageTakenForEnd) {
        rot(world, &mut rng)?;
    }
    finish(world)
}

fn step(world: &mut World, step: usize, rng: &mut Rng) -> Verdict {
    match step {
        0 => world.submit(),
        1 => world.sync(),
        2 if !world.pages.is_empty() && rng.percent(30) => world.page(),
        2 => world.recommend(),
        3 => world.publish(),
        4 => {
            let by = match rng.below(20) {
                0..6 => rng.within(0, 50),
                6..11 => rng.within(0, 10_000),
                11..15 => rng.within(0, 3_600_000),
                15..17 => rng.within(0, 10 * 3_600_000),
                17 => rng.within(0, 3 * 86_400_000),
                _ => -rng.within(0, 7_200_000),
            };
            world.set_clock((world.now + by).max(START));
            Ok(())
        }
        5 => world.checkpoint(),
        6 => world.inspect(3),
        7 => world.tick(),
        8 => crash(world, rng),
        9 => space(world, rng),
        _ => world.change(),
    }
}

/// A crash now, or at one of the next operations.
fn crash(world: &mut World, rng: &mut Rng) -> Verdict {
    if rng.percent(50) {
        let at = world.storage.ops() + 1 + rng.below(30);
        world.storage.with_faults(|faults| faults.crash_at = Some(at));
        world.note(|| format!("crash at operation {at}"));
        return Ok(());
    }
    let power = rng.percent(70);
    restart(world, power, rng)
}

fn restart(world: &mut World, power: bool, rng: &mut Rng) -> Verdict {
    world.stop(power)?;
    if rng.percent(50) {
        world.follow_log();
    } else if rng.percent(20) {
        let to = world.spec.tuned().filter(|_| rng.percent(50)).unwrap_or(world.spec.other());
        world.spec = if world.may_count_anew(to) { to } else { world.spec };
    }
    world.knobs.segment_bytes = rng.pick(&[4_096, 8_192, 65_536]);
    world.start()
}

/// The disk fills up, or there is room again.
fn space(world: &mut World, rng: &mut Rng) -> Verdict {
    let space = match world.knobs.faults.space {
        None => Some(world.storage.used() + rng.below(6_000)),
        Some(_) => None,
    };
    world.knobs.faults.space = space;
    world.storage.with_faults(|faults| faults.space = space);
    world.note(|| format!("space {space:?}"));
    Ok(())
}

impl World {
    fn has_power_cut(&self, rng: &mut Rng) -> bool {
        self.plant.is_some() || rng.percent(60)
    }
}

/// One bit goes bad. The node refuses by name and changes nothing, or opens with everything that was acknowledged; the last commit
/// before an unclean end is excepted. Put right, the bit leaves no trace.
fn rot(world: &mut World, rng: &mut Rng) -> Verdict {
    settle(world)?;
    world.stop(false)?;
    let files = world.storage.files();
    let whole = world.storage.fork();
    for _ in 0..4 {
        let (name, len) = files[rng.below(files.len() as u64) as usize].clone();
        let (offset, bit) = (rng.below(len), rng.below(8) as u8);
        let damaged = whole.fork();
        damaged.rot(&name, offset, bit);
        if world.has(Plant::DamageTakenForEnd) && name.starts_with("segment") {
            let later = |other: &str| !other.starts_with("segment") || *other > *name;
            damaged.guess_end(&name, offset / 512 * 512, later);
        }
        check::damaged(world, &damaged, &name)?;
        world.note(|| format!("rot {name} at {offset}"));
    }
    world.start()
}

/// Everything that was sent is acknowledged.
fn settle(world: &mut World) -> Verdict {
    world.heal();
    world.give_up_change();
    if world.failed() || world.storage.is_dead() {
        world.stop(true)?;
        world.start()?;
    }
    // A full group may have been held back, and what came meanwhile is another.
    for _ in 0..3 {
        world.sync()?;
    }
    world.collect()?;
    if world.is_waiting() && world.plant.is_none() {
        return Err("the disk is well and everything is synced, but somebody still waits".into());
    }
    Ok(())
}

/// Faults stop; all work ends; a last call is acknowledged; everything is checked once more.
pub(crate) fn finish(world: &mut World) -> Verdict {
    settle(world)?;
    world.submit()?;
    settle(world)?;
    world.inspect(12)?;
    check::decisions(world)?;
    world.checkpoint()?;
    world.recommend()?;
    settle(world)?;
    check::end(world)?;
    world.stop(true)?;
    world.start()?;
    world.inspect(4)
}

/// Runs `count` seeds from `first` on; `progress` hears of the seeds that are done.
pub fn run_seeds(first: u64, count: u64, progress: &mut dyn FnMut(u64)) -> Summary {
    let mut summary = Summary::default();
    for seed in first..first + count {
        summary.add(seed, &run_seed(seed));
        progress(seed - first + 1);
    }
    summary
}

impl Summary {
    fn add(&mut self, seed: u64, outcome: &Outcome) {
        let Counts {
            steps,
            power_cuts,
            kills,
            acked,
            checkpoints,
            answers,
            replayed,
            identical,
            digests,
            faults,
            changes,
        } = outcome.counts;
        self.seeds += 1;
        self.steps += steps;
        self.power_cuts += power_cuts;
        self.kills += kills;
        self.acked += acked;
        self.checkpoints += checkpoints;
        self.answers += answers;
        self.decisions_replayed += replayed;
        self.identical += identical;
        self.digests += digests;
        self.faults += faults;
        self.changes += changes;
        let Some(failure) = &outcome.failure else { return };
        self.acked_lost += u64::from(failure.contains("was acknowledged"));
        self.duplicated += u64::from(failure.contains("it must be") || failure.contains("were sent"));
        self.digest_mismatch += u64::from(failure.contains("digest"));
        self.failures.push(format!("seed {seed}: {failure}\n  repeat: cargo run -p sim --example seed -- {seed}"));
    }
}

/// Runs one seed aloud: every step is printed.
pub fn tell(seed: u64) -> Outcome {
    tell_seed(seed, None)
}
