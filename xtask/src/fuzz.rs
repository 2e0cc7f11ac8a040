//! `cargo xtask fuzz`: inputs of many kinds, mutated without end, against the promises of whatever reads them. Each target runs in a
//! process of its own, so that a panic, an overflown stack and an endless loop are all found the same way: by the input that was
//! being read. That input is kept in a file.

mod bodies;
mod expressions;
mod house;
mod log;
mod mutate;
mod pages;
mod shrink;
mod specs;
mod target;
// Random expressions as the expression crate's own tests write them.
#[path = "../../crates/expr/src/tests/written.rs"]
mod written;

use anyhow::{Context, Result, bail};
use clap::Args;
use mutate::mutated;
use sim::Rng;
use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use target::{TARGETS, Target};

/// The longest that one input may take: none needs a hundredth of it.
const INPUT_TIME_MAX: Duration = Duration::from_secs(20);
/// Most inputs that are kept to be mutated further.
const CORPUS_MAX: usize = 4_096;

/// Mutate inputs of every reader: expressions, specs, bodies, filters, page tokens, the log's bytes
#[derive(Args)]
pub(crate) struct Fuzz {
    /// How long, shared out among the targets
    #[arg(long, default_value_t = 600.0)]
    seconds: f64,
    /// Where the random numbers begin; one seed tries the same inputs in the same order
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Only this target
    #[arg(long)]
    target: Option<String>,
    /// Run the input in this file, once, instead of new ones
    #[arg(long, requires = "target")]
    input: Option<PathBuf>,
    /// Run in this process, where the input is noted before it is read
    #[arg(long, hide = true, requires = "target")]
    noting: Option<PathBuf>,
}

impl Fuzz {
    pub(crate) fn run(self) -> Result<()> {
        let chosen: Vec<&str> = TARGETS.iter().map(|(name, _)| *name).collect();
        let chosen = match &self.target {
            Some(name) if chosen.contains(&name.as_str()) => vec![name.as_str()],
            Some(name) => bail!("there is no target {name}; there are {}", chosen.join(", ")),
            None => chosen,
        };
        if let Some(file) = &self.input {
            let bytes = fs::read(file).with_context(|| format!("reading {}", file.display()))?;
            watched(&Arc::default());
            made(chosen[0])?.run(&bytes);
            return Ok(());
        }
        if let Some(note) = &self.noting {
            return self.inputs(chosen[0], note);
        }
        println!("seed {}: {} s for {}", self.seed, self.seconds, chosen.join(", "));
        let each = self.seconds / chosen.len() as f64;
        let mut failed = 0;
        for name in chosen {
            failed += usize::from(!self.apart(name, each)?);
        }
        if failed > 0 {
            bail!("{failed} targets failed");
        }
        Ok(())
    }

    /// Runs a target in a process of its own; whether all went well.
    fn apart(&self, name: &str, seconds: f64) -> Result<bool> {
        let own = std::env::current_exe().context("finding this program")?;
        let folder = own.ancestors().nth(2).context("this program lies in a target directory")?.join("fuzz");
        fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
        let note = folder.join(format!("{name}.running"));
        let ended = Command::new(&own)
            .args(["fuzz", "--target", name, "--seed", &self.seed.to_string()])
            .args(["--seconds", &seconds.to_string(), "--noting"])
            .arg(&note)
            .status()
            .context("starting this program")?;
        if ended.success() {
            fs::remove_file(&note).context("removing the note of the last input")?;
            return Ok(true);
        }
        let bytes = fs::read(&note).context("reading the note of the last input")?;
        let file = folder.join(format!("{name}-{}.input", self.seed));
        fs::write(&file, shrink::shrunk(&own, name, bytes, &note)?).context("keeping the input")?;
        let again = format!("cargo run --package xtask -- fuzz --target {name} --input {}", file.display());
        eprintln!("{name}: failed ({ended}); repeat: {again}");
        Ok(false)
    }

    /// Mutates and runs inputs until the time is over.
    fn inputs(&self, name: &str, note: &Path) -> Result<()> {
        let done = Arc::new(AtomicU64::new(0));
        let note = OpenOptions::new().write(true).create(true).truncate(true).open(note).context("opening the note")?;
        watched(&done);
        let mut target = made(name)?;
        let pieces = target.pieces();
        let mut rng = Rng::new(self.seed);
        let (mut corpus, mut outcomes) = (target.seeds(), BTreeSet::new());
        let mut run = |input: &[u8]| -> Result<bool> {
            noted(&note, input)?;
            let outcome = target.run(input);
            done.fetch_add(1, Ordering::Relaxed);
            Ok(outcomes.insert(outcome))
        };
        for seed in &corpus {
            run(seed)?;
        }
        // What it takes to set a target up is not counted.
        let start = Instant::now();
        while start.elapsed().as_secs_f64() < self.seconds {
            let input = mutated(&corpus, pieces, &mut rng);
            if run(&input)? && corpus.len() < CORPUS_MAX {
                corpus.push(input);
            }
        }
        let (runs, outcomes) = (done.load(Ordering::Relaxed), outcomes.len());
        println!("{name}: {runs} inputs, {outcomes} outcomes, nothing wrong");
        Ok(())
    }
}

fn made(name: &str) -> Result<Box<dyn Target>> {
    let found = TARGETS.iter().find(|(known, _)| *known == name);
    found.map(|(_, make)| make()).with_context(|| format!("there is no target {name}"))
}

/// Writes down what is run next, for whoever finds this process dead.
fn noted(note: &File, input: &[u8]) -> Result<()> {
    note.write_all_at(input, 0).and_then(|()| note.set_len(input.len() as u64)).context("noting the input")
}

/// Ends the process where the number of inputs stands still.
fn watched(done: &Arc<AtomicU64>) {
    let done = Arc::clone(done);
    std::thread::spawn(move || {
        loop {
            let before = done.load(Ordering::Relaxed);
            std::thread::sleep(INPUT_TIME_MAX);
            if done.load(Ordering::Relaxed) == before {
                eprintln!("an input takes longer than {} s", INPUT_TIME_MAX.as_secs());
                std::process::exit(1);
            }
        }
    });
}
