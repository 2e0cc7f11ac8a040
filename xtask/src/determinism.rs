//! `cargo xtask determinism`: one made-up log through every mode and number of shards, its spec changed now and then. State must come
//! out the same everywhere, from the log and from every checkpoint, and every decision must come out the same when it is computed
//! again elsewhere.

mod changes;
mod script;
mod verdicts;

use crate::node::{self, Folder};
use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use domain::{Position, Refusal, Span};
use engine::{Clock, Config, Engine, LogFile, Mode, Plan};
use script::{Script, Step};
use serde_json::{Value, json};
use state::Digest;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, mpsc};
use verdicts::{ALARMS, DECISIONS, Lines, Said};

/// A feed of lists, and the lists, behind the example's last feed.
const LISTS: &str = "
  curated:
    for: user
    recall:
      picks: { list: picks, limit: 40 }
      hot:   { top: item.heat, limit: 100 }
    filter: ['!listed(item, blocked) || listed(user, vip)', item.in_stock]
    rank:  { score: recall.picks + recall.hot }
lists:
  picks:   { of: item, max: 60 }
  blocked: { of: item }
  vip:     { of: user, max: 100 }
";

/// Modes and shard counts that must not matter.
const SHARDS: [u32; 4] = [1, 2, 4, 8];
const MODES: [Mode; 2] = [Mode::Inline, Mode::Threaded];

/// Check that state and answers do not depend on shards, threads, checkpoints or the machine's pace
#[derive(Args)]
pub(crate) struct Determinism {
    /// How many decisions are computed again, at least
    #[arg(long, default_value_t = 10_000)]
    decisions: u64,
    /// What is sent
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

/// What the runs found.
#[derive(Default)]
pub(crate) struct Report {
    runs: u64,
    events: u64,
    checkpoints: u64,
    changes: u64,
    replayed: u64,
    identical: u64,
    verdicts: u64,
    verdicts_again: u64,
    alarms: u64,
    alarms_again: u64,
    pub(crate) wrong: Vec<String>,
}

/// One run's end: the digest of the whole log, and that of every checkpoint.
#[derive(PartialEq)]
struct Ended {
    last: Position,
    digest: Digest,
    checkpoints: Vec<(Position, Digest)>,
    /// Where each version of the spec stands.
    versions: Vec<Position>,
    /// What was decided on events, and the alarms that were raised.
    said: Lines,
}

/// A copy of a run's directory, with the plan that was in force.
struct Copied {
    dir: PathBuf,
    plan: Arc<Plan>,
}

impl Determinism {
    pub(crate) fn run(self, root: &Path) -> Result<()> {
        let report = check(root, self.seed, self.decisions)?;
        let digests_equal = !report.wrong.iter().any(|what| what.contains("digest"));
        if self.json {
            let report = json!({
                "digests_equal": digests_equal,
                "runs": report.runs,
                "events": report.events,
                "checkpoints": report.checkpoints,
                "spec_changes": report.changes,
                "replayed": report.replayed,
                "identical": report.identical,
                "verdicts": report.verdicts,
                "verdicts_again": report.verdicts_again,
                "alarms": report.alarms,
                "alarms_again": report.alarms_again,
            });
            println!("{report:#}");
        } else {
            println!(
                "{} runs of {} events, {} checkpoints, {} changes of the spec: digests {}",
                report.runs,
                report.events,
                report.checkpoints,
                report.changes,
                if digests_equal { "equal" } else { "DIFFER" }
            );
            println!("{} decisions computed again, {} identical", report.replayed, report.identical);
            println!("{} decisions on events, {} computed again", report.verdicts, report.verdicts_again);
            println!("{} alarms, {} derived again", report.alarms, report.alarms_again);
        }
        if !report.wrong.is_empty() {
            report.wrong.iter().take(10).for_each(|what| eprintln!("wrong: {what}"));
            bail!("repeat: cargo xtask determinism --decisions {} --seed {}", self.decisions, self.seed);
        }
        Ok(())
    }
}

/// The example with a chain of all rerankers in its first feed.
fn with_every_reranker(text: &str) -> Result<String> {
    const SPREAD: &str = "    rerank:  { spread: item.category, window: 5, max: 3 }\n";
    const ALL: &str = "    rerank:
      - { spread: [{ by: item.category, window: 5, max: 3 }, { when: item.price < 50.0, window: 8, min: 1 }] }
      - mmr: { by: similar, lambda: 0.8, depth: 60 }
      - slots: { at: 4, every: 10, from: fresh }
      - mix: { feed: popular, every: 7 }
      - fresh: { by: item.created, within: 3d, share: 0.1 }
      - fair: { of: item.category, target: proportional, window: 6h }
      - dpp: { by: item.category, theta: 0.9, depth: 30 }
";
    ensure!(text.contains(SPREAD), "the example's rerank step is not as this check expects it");
    Ok(text.replacen(SPREAD, ALL, 1))
}

/// Features over texts: in what state is kept, in what an index is ordered by, and strings that are made.
fn with_texts(text: &str) -> Result<String> {
    const RECENT: &str = "    recent:      last(view, item, 30)\n";
    const OF_USERS: &str = "    recent: last(view, item, 30)
    twelfths: count(view, 7d, item.title.endsWith('2'))
    tastes: last_n(view, item.category.upperAscii(), 5)
    kinds: distinct(view, item.category.substring(0, 2) + '-', 1d)
    taste: \"size(tastes) > 0 ? tastes[0].lowerAscii() + '.' : 'none'\"
    returns: seq(view(dwell > 5s), cart, buy, 1h)
    idle: absent(buy, cart, 10m)
    hectic: held(views_1h >= 3, 5s)
    patient: held(view, dwell > 10s, 30s)
";
    const CONVERSION: &str = "    conversion:  ";
    const OF_ITEMS: &str = "    label: item.category.upperAscii() + '.'
    lift: \"label.startsWith('C1') ? 2.0 * heat : heat\"
    unsold: absent(buy, view, 20m)
    conversion:  ";
    ensure!(text.contains(RECENT) && text.contains(CONVERSION), "the example's features are not as this check expects");
    Ok(text.replacen(RECENT, OF_USERS, 1).replacen(CONVERSION, OF_ITEMS, 1))
}

/// A feed of routes that the example does not use; `feeds` is the example's last section.
const ONWARD: &str = "
  onward:
    for: user
    fuse: interleave
    candidates: 40
    recall:
      next:  { session: { view: 1, cart: 3, buy: 5 }, from: user.recent, limit: 50, keep: 300, sessions: 20 }
      alike: { users_like: [view, buy], from: user.recent, limit: 50, half_life: 30d, known: keep, weight: 2 }
      hot:   { top: item.lift, limit: 30, min: 3, when: \"user.views_7d > 4 || user.taste.size() == 3\" }
      new:   { explore: impression, below: 5, limit: 20 }
      any:   { random: item, limit: 10 }
      kind:  { tags: item.category, from: user.recent, by: item.conversion, limit: 30 }
    filter: [item.in_stock, \"item.label != 'C7.' || user.taste == item.category + '.'\"]
    rank: { score: \"recall.score + (user.twelfths + user.kinds) / 1000 + (item.title < item.label ? 0.1 : 0.0)\" }
    policy: [{ boost: { by: 1.1, when: \"user.tastes.exists(taste, taste + '.' == item.label)\" } }]
";

/// Runs everything for one seed.
pub(crate) fn check(root: &Path, seed: u64, decisions: u64) -> Result<Report> {
    let program = node::program(root)?;
    let text = with_texts(&with_every_reranker(&crate::shop::spec_text(root)?)?)? + ONWARD + LISTS + DECISIONS + ALARMS;
    let plan = spec::compile("shop.yaml", &text).map_err(|errors| anyhow::anyhow!(spec::render(&errors)))?;
    let plan = Arc::new(plan);
    let runs: Vec<(Mode, u32)> = MODES.into_iter().flat_map(|mode| SHARDS.map(|shards| (mode, shards))).collect();
    let script = Script::new(seed, decisions.div_ceil(runs.len() as u64));
    let mut report = Report { events: script.events, ..Report::default() };
    let mut first: Option<Ended> = None;
    let bar = node::bar(runs.len() as u64, "running");
    for (number, &(mode, shards)) in runs.iter().enumerate() {
        let mut run = Run {
            plan: &plan,
            name: format!("{mode:?} with {shards} shards"),
            folder: Folder::new("determinism")?,
            mode,
            shards,
        };
        let ended = run.play(&script, &mut report)?;
        run.replay(&program, SHARDS[(number + 1) % SHARDS.len()], &mut report)?;
        match &first {
            Some(first) if *first != ended => {
                report.wrong.push(format!(
                    "{}: a digest, what was decided on events, or an alarm differs from the first run",
                    run.name
                ));
            }
            Some(_) => {}
            None => first = Some(ended),
        }
        if !report.wrong.is_empty() {
            run.folder.keep();
            eprintln!("the directory is left at {}", run.folder.path.display());
            break;
        }
        report.runs += 1;
        bar.inc(1);
    }
    bar.finish_and_clear();
    if report.wrong.is_empty() && report.replayed < decisions {
        report.wrong.push(format!("only {} decisions were computed again", report.replayed));
    }
    Ok(report)
}

struct Run<'a> {
    plan: &'a Arc<Plan>,
    name: String,
    folder: Folder,
    mode: Mode,
    shards: u32,
}

impl Run<'_> {
    fn data(&self) -> PathBuf {
        self.folder.path.join("data")
    }

    /// Runs the script through a node and compares all digests of this run with rebuilds from its log.
    fn play(&self, script: &Script, report: &mut Report) -> Result<Ended> {
        std::fs::create_dir_all(self.data())?;
        let config = Config {
            mode: self.mode,
            shards: self.shards,
            hash_seed: u64::from(self.shards) * 77,
            checkpoint_every: Span(0),
            ..Config::new(Clock::Log)
        };
        let options = journal::Options { segment_bytes: 1 << 20, ..Default::default() };
        let (engine, _) = Engine::open(node::disk(&self.data())?, options, self.plan.clone(), config, &mut |_, _| ())?;
        let mut copies = Vec::new();
        let (mut last, mut said) = (Position::START, Said::default());
        for step in &script.steps {
            match step {
                Step::Send(payloads) => {
                    let submitted = engine.submit(payloads, false)?;
                    last = last.max(submitted.last);
                    said.note(submitted);
                }
                Step::Ask(request) => {
                    let served = engine.recommend((**request).clone())?;
                    if request.pages {
                        // One more record in every run: how far an answer goes hangs on what was published when.
                        let page = served.next.map(|token| engine.page(&request.feed, &token, None));
                        if page.is_none_or(|page| page.is_err()) {
                            engine.recommend((**request).clone())?;
                        }
                    }
                }
                Step::Checkpoint => copies.push(self.checkpoint(&engine, last, copies.len())?),
                Step::Change(change) => {
                    changes::make(&engine, *change, &self.plan.text)
                        .with_context(|| format!("{}: the change {change:?}", self.name))?;
                    report.changes += 1;
                }
            }
        }
        settle(&engine, last)?;
        let mut said = said.finish(&engine, &self.name, report);
        said.extend(verdicts::alarms(&engine, &self.name, report)?);
        let versions = engine.spec_versions(1_000).into_iter().map(|of| of.position).collect();
        copies.push(Copied { dir: self.data(), plan: engine.plan() });
        let kept = verdicts::kept(&engine);
        engine.stop();
        drop(engine);
        self.restart(&copies, &kept, report)?;
        self.compare(&copies, (versions, said), report)
    }

    /// Opens a copy of what the run left: what is kept of decisions is there again.
    fn restart(&self, copies: &[Copied], kept: &str, report: &mut Report) -> Result<()> {
        let Some(Copied { dir, plan }) = copies.last() else { return Ok(()) };
        let copy = self.folder.path.join("restarted");
        node::copy(dir, &copy)?;
        let config = Config { shards: self.shards % 5 + 1, ..Config::new(Clock::Log) };
        let (engine, _) =
            Engine::open(node::disk(&copy)?, journal::Options::default(), plan.clone(), config, &mut |_, _| ())?;
        if verdicts::kept(&engine) != kept {
            report.wrong.push(format!("{}: after a restart other things are kept of decisions", self.name));
        }
        Ok(())
    }

    /// Writes a checkpoint and copies the directory, so that this checkpoint is the newest of the copy.
    fn checkpoint(&self, engine: &Engine, last: Position, number: usize) -> Result<Copied> {
        engine.checkpoint()?.context("something changed since the last checkpoint")?;
        settle(engine, last)?;
        let copy = self.folder.path.join(format!("checkpoint-{number}"));
        node::copy(&self.data(), &copy)?;
        Ok(Copied { dir: copy, plan: engine.plan() })
    }

    /// The copies, the run's own directory last, against rebuilds from the log.
    fn compare(
        &self,
        copies: &[Copied],
        (versions, said): (Vec<Position>, Lines),
        report: &mut Report,
    ) -> Result<Ended> {
        let log = LogFile::open(node::disk(&self.data())?, journal::Options::default())?;
        let digest = log.digest(self.plan, 1)?;
        for shards in [3, 8] {
            if log.digest(self.plan, shards)? != digest {
                report.wrong.push(format!("{}: the digest of the log with {shards} shards differs", self.name));
            }
        }
        let mut ended = Ended { last: log.last, digest, checkpoints: Vec::new(), versions, said };
        for Copied { dir, plan } in copies {
            let saved = if *dir == self.data() {
                engine::machine_of_checkpoint(&log.reader, plan, self.shards % 5 + 1)?
            } else {
                let copied = LogFile::open(node::disk(dir)?, journal::Options::default())?;
                engine::machine_of_checkpoint(&copied.reader, plan, self.shards % 5 + 1)?
            };
            let saved = saved.with_context(|| format!("{}: a checkpoint cannot be loaded", self.name))?;
            let rebuilt = log.build_to(plan, 2, saved.position, &mut |_, _| ())?;
            if saved.digest() != rebuilt.digest() {
                report.wrong.push(format!("{}: the digest of the checkpoint at {} differs", self.name, saved.position));
            }
            report.checkpoints += 1;
            ended.checkpoints.push((saved.position, saved.digest()));
        }
        Ok(ended)
    }

    /// Computes all decisions again: another process, a copy of the directory, another number of shards.
    fn replay(&self, program: &Path, shards: u32, report: &mut Report) -> Result<()> {
        let copy = self.folder.path.join("replayed");
        node::copy(&self.data(), &copy)?;
        let output = Command::new(program)
            .args(["replay", "--json", "--last", "100000000", "--shards", &shards.to_string(), "--dir"])
            .arg(&copy)
            .output()
            .context("starting millrace replay")?;
        let found: Value = serde_json::from_slice(&output.stdout)
            .with_context(|| format!("millrace replay: {}", String::from_utf8_lossy(&output.stderr)))?;
        let count = |name: &str| found[name].as_u64().unwrap_or_default();
        report.replayed += count("replayed");
        report.identical += count("identical");
        if count("replayed") != count("identical") {
            report.wrong.push(format!("{}: decisions came out differently: {}", self.name, found["different"]));
        }
        Ok(())
    }
}

/// Waits until everything up to the last change is applied, and nothing waits for the disk, decisions included.
fn settle(engine: &Engine, last: Position) -> Result<()> {
    let (sender, receiver) = mpsc::channel::<Result<(), Refusal>>();
    engine.when_released(last, Box::new(move |result| drop(sender.send(result))));
    receiver.recv().context("the engine answers")??;
    while engine.sync()? {}
    Ok(())
}
