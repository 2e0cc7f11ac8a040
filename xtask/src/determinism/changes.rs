//! Changes of the spec in a determinism run: adopted, filled, rolled back, given up, and in force before they are filled.

use super::script::Change;
use anyhow::{Context, Result, bail, ensure};
use engine::{ChangeOutcome, ChangeStage, Engine};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// The longest that a change of such a log may be filled.
const FILL_MAX: Duration = Duration::from_secs(120);

/// Makes a change; when this returns it has come to its end. `first` is the spec that the run began with.
pub(super) fn make(engine: &Engine, change: Change, first: &str) -> Result<()> {
    match change {
        Change::Tuned => {
            let started = engine.change_spec("tuned", &tuned(first)?, None)?;
            ensure!(matches!(started.outcome, ChangeOutcome::Switched { .. }), "{:?}", started.outcome);
        }
        Change::Counted => filled(engine, engine.change_spec("counted", &counted(&tuned(first)?)?, None)?.outcome)?,
        Change::Back => filled(engine, engine.roll_back(engine.version_before(), None)?.outcome)?,
        Change::Cancelled => {
            filling(engine.change_spec("counted", &counted(first)?, None)?.outcome)?;
            engine.cancel_change()?;
        }
        Change::Interim => {
            filling(engine.change_spec_at_once("counted", &counted(first)?, None)?.outcome)?;
            engine.cancel_change()?;
            ensure!(engine.plan().is_interim(), "what is in force stays in force");
        }
        Change::Filled => {
            filled(engine, engine.change_spec_at_once("counted", &counted(first)?, None)?.outcome)?;
            ensure!(engine.plan().text == counted(first)?, "the filled spec is in force");
        }
        Change::First => filled(engine, engine.change_spec("first", first, None)?.outcome)?,
    }
    Ok(())
}

fn filling(outcome: ChangeOutcome) -> Result<()> {
    ensure!(matches!(outcome, ChangeOutcome::Filling | ChangeOutcome::Interim { .. }), "{outcome:?}");
    Ok(())
}

/// Waits until it is in force.
fn filled(engine: &Engine, outcome: ChangeOutcome) -> Result<()> {
    filling(outcome)?;
    let since = Instant::now();
    while since.elapsed() < FILL_MAX {
        match engine.change_status().context("a change was begun")?.stage {
            ChangeStage::Switched { .. } => return Ok(()),
            ChangeStage::Cancelled => bail!("nobody cancelled it"),
            ChangeStage::Failed(refusal) => bail!("{refusal}"),
            _ => sleep(Duration::from_millis(2)),
        }
    }
    bail!("it is not filled after {} s", FILL_MAX.as_secs())
}

/// Other formulas and filters.
fn tuned(text: &str) -> Result<String> {
    replaced(text, &[("+ 0.8 * recall.similar", "+ 0.3 * recall.similar"), ("weight: 0.01 }", "weight: 0.02 }")])
}

/// Other counts of users and of pairs, and another order of an index.
fn counted(text: &str) -> Result<String> {
    let changes = [
        ("count(view, 1h)", "count(view, 2h)"),
        ("dwell > 30s", "dwell > 10s"),
        ("3 * decayed(cart, 6h)", "4 * decayed(cart, 6h)"),
        ("decayed(impression, 12h)", "decayed(impression, 24h)"),
    ];
    replaced(text, &changes)
}

fn replaced(text: &str, changes: &[(&str, &str)]) -> Result<String> {
    changes.iter().try_fold(text.to_owned(), |text, (from, to)| {
        ensure!(text.contains(from), "the example has no '{from}' any more");
        Ok(text.replacen(from, to, 1))
    })
}
