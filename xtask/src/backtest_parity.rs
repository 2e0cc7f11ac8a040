//! `cargo xtask backtest-parity`: random payments through nodes in every mode, each answer kept as it was given; then a backtest of the
//! live spec over the live log must give every one of them again: outcome, score by its bits, tier, rules that fired and what they say.

mod script;

use crate::node::{self, Folder};
use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use domain::{Position, Refusal, Span, Time};
use engine::{BacktestAsked, Both, Clock, Config, Decided, Engine, LogFile, Mode, Plan, Telling};
use journal::FileDisk;
use script::{SPEC, Script, Step};
use serde_json::json;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, mpsc};

/// Modes and numbers of shards that must not matter.
const RUNS: [(Mode, u32); 4] = [(Mode::Inline, 1), (Mode::Inline, 3), (Mode::Threaded, 1), (Mode::Threaded, 4)];

/// So long that nothing is dropped, and the first checkpoint is kept: a range may begin at it.
const KEPT: Span = Span(10_000 * Span::DAY.0);

/// Compare what was decided live with a backtest of the same spec over the same log, bit for bit
#[derive(Args)]
pub(crate) struct BacktestParity {
    /// How many payments each node decides
    #[arg(long, default_value_t = 20_000)]
    events: u64,
    /// What is sent
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

/// What was found.
#[derive(Default)]
struct Counts {
    runs: u64,
    compared: u64,
    different: u64,
    /// Of those compared, decisions of a range that began at a checkpoint.
    from_checkpoint: u64,
    /// Decisions in which a spec that is not the live one differs: the comparison sees something.
    control_different: u64,
}

/// Answers by decision and position, as they were given.
type Given = BTreeMap<(String, Position), String>;

impl BacktestParity {
    pub(crate) fn run(self) -> Result<()> {
        let plan = compiled(SPEC)?;
        let mut counts = Counts::default();
        let bar = node::bar(RUNS.len() as u64, "deciding, and again");
        for (at, (mode, shards)) in RUNS.into_iter().enumerate() {
            let folder = Folder::new("backtest-parity")?;
            let script = Script::new(self.seed.wrapping_add(at as u64), self.events);
            let given = live(&folder.path, &plan, (mode, shards), script)
                .with_context(|| format!("{mode:?} with {shards} shards"))?;
            compare(&folder.path, &plan, &given, &mut counts)?;
            counts.runs += 1;
            bar.inc(1);
        }
        bar.finish_and_clear();
        let Counts { runs, compared, different, from_checkpoint, control_different } = counts;
        if self.json {
            let report = json!({
                "runs": runs,
                "compared": compared,
                "different": different,
                "from_checkpoint": from_checkpoint,
                "control_different": control_different,
            });
            println!("{report:#}");
        } else {
            println!(
                "{runs} nodes, {compared} decisions compared ({from_checkpoint} from checkpoints), {different} different"
            );
        }
        if different > 0 {
            bail!("repeat: cargo xtask backtest-parity --events {} --seed {}", self.events, self.seed);
        }
        Ok(())
    }
}

fn compiled(text: &str) -> Result<Arc<Plan>> {
    let plan = spec::compile("decisions.yaml", text).map_err(|errors| anyhow::anyhow!(spec::render(&errors)))?;
    Ok(Arc::new(plan))
}

/// A decision with everything that must come out again.
fn told(decided: &Decided, telling: &Telling<'_>) -> ((String, Position), String) {
    let verdict = &decided.verdict;
    let reasons: Vec<String> = verdict.fired.iter().map(|fired| telling.reason(decided, fired.rule)).collect();
    let bits = verdict.score.to_bits();
    let text = format!("{} {bits:016x} {verdict:?} {reasons:?} {:?}", decided.id, telling.facts(decided));
    ((decided.decision().name.clone(), decided.id.position), text)
}

/// Runs a node through the script; what it answered.
fn live(dir: &Path, plan: &Arc<Plan>, (mode, shards): (Mode, u32), script: Script) -> Result<Given> {
    let config = Config {
        mode,
        shards,
        checkpoint_every: Span(0),
        tick_every: Span(0),
        retain: Some(KEPT),
        ..Config::new(Clock::Manual(0.into()))
    };
    let clock = config.clock.clone();
    let options = journal::Options { segment_bytes: 1 << 20, ..Default::default() };
    let (engine, _) = Engine::open(node::disk(dir)?, options, plan.clone(), config, &mut |_, _| ())?;
    let mut given = Given::new();
    for step in script {
        match step {
            Step::Checkpoint => drop(engine.checkpoint()?),
            Step::Send(now, payloads) => {
                clock.set(now);
                let submitted = engine.submit(&payloads, false)?;
                for result in &submitted.results {
                    ensure!(result.is_ok(), "refused: {result:?}");
                }
                released(&engine, submitted.last)?;
                for verdicts in &submitted.verdicts {
                    verdicts.tell(|decided, telling| given.extend(decided.iter().map(|of| told(of, telling))));
                }
            }
        }
    }
    while engine.sync()? {}
    engine.stop();
    Ok(given)
}

fn released(engine: &Engine, last: Position) -> Result<()> {
    let (sender, receiver) = mpsc::channel::<Result<(), Refusal>>();
    engine.when_released(last, Box::new(move |result| drop(sender.send(result))));
    receiver.recv().context("the engine answers")??;
    Ok(())
}

fn compare(dir: &Path, plan: &Arc<Plan>, given: &Given, counts: &mut Counts) -> Result<()> {
    let disk = FileDisk::open_to_read(dir)?;
    let (log, _) = LogFile::open_to_read(&Arc::new(disk))?;
    let middle = log.reader.record(Position(log.last.0 / 2))?.context("the log has a middle")?.header.log_time;
    for decision in &plan.decisions {
        let expected = given.keys().filter(|(name, _)| *name == decision.name).count() as u64;
        let (compared, different) = again(&log, plan, &decision.name, None, given)?;
        ensure!(compared == expected && expected > 0, "{compared} decisions in the backtest, {expected} live");
        let (late, late_different) = again(&log, plan, &decision.name, Some(middle), given)?;
        ensure!(late > 0, "nothing was decided in the second half");
        counts.compared += compared + late;
        counts.from_checkpoint += late;
        counts.different += different + late_different;
    }
    let other = compiled(&SPEC.replace("user.paid_1h > 300.0", "user.paid_1h > 310.0"))?;
    let (_, different) = again(&log, &other, "risk", None, given)?;
    ensure!(different > 0, "another spec decides the same: the comparison sees nothing");
    counts.control_different += different;
    Ok(())
}

/// How many decisions a backtest makes under the plan, and how many of them are not as they were given. Those of the old side are of
/// the live spec always, and must be as given.
fn again(
    log: &LogFile<FileDisk>,
    plan: &Arc<Plan>,
    decision: &str,
    from: Option<Time>,
    given: &Given,
) -> Result<(u64, u64)> {
    let (mut compared, mut different, mut old_different) = (0, 0, 0);
    let asked = BacktestAsked { decision: Some(decision.to_owned()), from, ..BacktestAsked::default() };
    let same = |side: Option<(&Decided, &Telling<'_>)>| {
        side.is_some_and(|(decided, telling)| {
            let (key, text) = told(decided, telling);
            given.get(&key) == Some(&text)
        })
    };
    let report = log.backtest(plan, &asked, &mut |_, _| true, &mut |both: &Both<'_>| {
        compared += 1;
        different += u64::from(!same(both.new));
        old_different += u64::from(!same(both.old));
    })?;
    ensure!(old_different == 0, "{old_different} decisions under the spec in force are not as they were given");
    if from.is_some() {
        ensure!(report.cost.0.begins > Position::START, "the range began at no checkpoint");
    }
    Ok((compared, different))
}
