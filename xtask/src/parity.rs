//! `cargo xtask parity`: the values that a running node served, against those of the training sets made of its log afterwards, bit
//! for bit, on three public data sets: with the spec that served, after a change that was filled, and with a spec that never served there.

mod live;
mod sets;

use crate::node::Folder;
use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use domain::{Position, Raw};
use engine::{LogFile, Plan, Samples, TrainingAsked, TrainingRow, TrainingSet};
use journal::FileDisk;
use live::{Lived, Served};
use serde_json::{Value, json};
use sets::{SETS, Set};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Compare what was served online with what training sets say, bit for bit
#[derive(Args)]
pub(crate) struct Parity {
    /// The folder with the data sets
    #[arg(long, default_value = "../shared/data")]
    data: PathBuf,
    /// Events of each data set
    #[arg(long, default_value_t = 20_000)]
    events: usize,
    /// Values are read online before one event in so many
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..))]
    every: u64,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

/// What was compared.
#[derive(Clone, Copy, Default)]
struct Counts {
    compared: u64,
    /// Of these, values that are not missing.
    present: u64,
    different: u64,
    /// Whether differences are expected, and not told.
    control: bool,
}

impl Counts {
    fn add(&mut self, other: Counts) {
        self.compared += other.compared;
        self.present += other.present;
        self.different += other.different;
    }

    fn compare(&mut self, what: &str, at: Position, online: &Raw<'_>, offline: &Raw<'_>) {
        self.compared += 1;
        self.present += u64::from(*online != Raw::Null);
        if bits(online) != bits(offline) {
            self.different += 1;
            if self.different <= 5 && !self.control {
                eprintln!("different: {what} at {at}: served {online:?}, the log gives {offline:?}");
            }
        }
    }

    fn to_json(self) -> Value {
        json!({ "values_compared": self.compared, "present": self.present, "different": self.different })
    }
}

/// The bits of a value, which tell also what compares as equal and is not the same.
fn bits(value: &Raw<'_>) -> String {
    match value {
        Raw::Float(float) => format!("{:016x}", float.to_bits()),
        Raw::List(list) => list.iter().map(bits).collect::<Vec<_>>().join(" "),
        other => format!("{other:?}"),
    }
}

impl Parity {
    pub(crate) fn run(self, root: &Path) -> Result<()> {
        let data = if self.data.is_absolute() { self.data.clone() } else { root.join(&self.data) };
        let (mut total, mut told) = (Counts::default(), serde_json::Map::new());
        for set in &SETS {
            if !data.join(set.file).is_file() {
                eprintln!(
                    "SKIPPED {}: {} is not there; nothing of it is compared",
                    set.name,
                    data.join(set.file).display()
                );
                told.insert(set.name.to_owned(), json!({ "skipped": "the data is not there" }));
                continue;
            }
            let (counts, of_set) = self.check(set, &data).with_context(|| set.name.to_owned())?;
            total.add(counts);
            told.insert(set.name.to_owned(), of_set);
        }
        let Counts { compared, present, different, .. } = total;
        if self.json {
            let report =
                json!({ "values_compared": compared, "present": present, "different": different, "sets": told });
            println!("{report:#}");
        } else {
            println!("{compared} values compared ({present} of them not missing), {different} different");
        }
        if different > 0 {
            bail!("repeat: cargo xtask parity --events {} --every {}", self.events, self.every);
        }
        Ok(())
    }

    fn check(&self, set: &Set, data: &Path) -> Result<(Counts, Value)> {
        let payloads = (set.read)(&data.join(set.file), self.events)?;
        let (old, new) = (set.spec()?, set.changed()?);
        let changed_folder = Folder::new("parity-changed")?;
        let always_folder = Folder::new("parity-always")?;
        let lived = live::run(&changed_folder.path, [&old, &new], &payloads, self.every)?;
        let always = live::run(&always_folder.path, [&new, &new], &payloads, self.every)?;
        let log = opened(&changed_folder.path)?;
        let mut parts = serde_json::Map::new();
        let mut total = Counts::default();
        for (name, plan, served) in [
            ("same_spec", &old, &lived.before),
            ("changed_and_filled", &new, &lived.after),
            ("never_served_there", &new, &always.before),
            ("never_served_there_after", &new, &always.after),
        ] {
            let counts = compare_events(&log, plan, set, served, Counts::default())?;
            ensure!(counts.present > 0, "{name}: no value was compared");
            total.add(counts);
            parts.insert(name.to_owned(), counts.to_json());
        }
        let control = Counts { control: true, ..Counts::default() };
        let control = compare_events(&log, &old, set, &lived.after, control)?;
        ensure!(
            control.different > 0,
            "values of the spec before are the same as those after: the comparison sees nothing"
        );
        parts.insert("control_different".to_owned(), json!(control.different));
        for (name, plan, version) in [("scores_same_spec", &old, 1), ("scores_changed_and_filled", &new, 2)] {
            let counts = compare_answers(&log, plan, set, &lived, version)?;
            ensure!(counts.present > 0, "{name}: no value was compared");
            total.add(counts);
            parts.insert(name.to_owned(), counts.to_json());
        }
        parts.insert("records".to_owned(), json!(payloads.len()));
        Ok((total, Value::Object(parts)))
    }
}

fn opened(dir: &Path) -> Result<LogFile<FileDisk>> {
    let disk = FileDisk::open_to_read(dir).with_context(|| format!("opening {}", dir.display()))?;
    Ok(LogFile::open_to_read(&Arc::new(disk))?.0)
}

fn training(
    log: &LogFile<FileDisk>,
    plan: &Arc<Plan>,
    samples: Samples,
    features: &[&str],
    take: &mut dyn FnMut(&TrainingSet, TrainingRow),
) -> Result<()> {
    let set = TrainingSet::new(
        plan,
        TrainingAsked {
            samples,
            features: features.iter().map(|name| (*name).to_owned()).collect(),
            labels: None,
            range: (Position(1), log.last),
            with_event: false,
            partial: false,
            rows_max: u64::MAX,
        },
    )?;
    log.training_rows(&set, &mut |_, _| (), &mut |row| {
        take(&set, row);
        Ok(())
    })?;
    Ok(())
}

/// Rows of all events against what was read before some of them; events are told by their number.
fn compare_events(
    log: &LogFile<FileDisk>,
    plan: &Arc<Plan>,
    set: &Set,
    served: &Served,
    mut counts: Counts,
) -> Result<Counts> {
    let mut number = 0;
    let samples = Samples::Events(set.events.iter().map(|event| (*event).to_owned()).collect());
    training(log, plan, samples, &[], &mut |training_set, row| {
        if let Some(values) = served.get(&number) {
            for ((name, _), offline) in training_set.columns().zip(&row.features) {
                if let Some(online) = values.get(name) {
                    counts.compare(name, row.position, online, offline);
                }
            }
        }
        number += 1;
    })?;
    Ok(counts)
}

/// Rows of what was shown against the terms of the scores in the records, which are the values themselves.
fn compare_answers(
    log: &LogFile<FileDisk>,
    plan: &Arc<Plan>,
    set: &Set,
    lived: &Lived,
    version: u32,
) -> Result<Counts> {
    let mut counts = Counts::default();
    training(log, plan, Samples::Shown(None), set.terms, &mut |_, row| {
        let Some((id, _, place)) = &row.shown else { return };
        let Some(answer) = lived.answers.get(id).filter(|answer| answer.plan.0 == version) else { return };
        let shown = &answer.items[usize::from(*place) - 1];
        for (index, (name, offline)) in set.terms.iter().zip(&row.features).enumerate() {
            let term = shown.terms.iter().find(|term| usize::from(term.term) == index);
            let online = term.map_or(Raw::Null, |term| Raw::Float(term.value));
            counts.compare(name, row.position, &online, offline);
        }
    })?;
    Ok(counts)
}
