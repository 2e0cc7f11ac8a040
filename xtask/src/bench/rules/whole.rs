//! Decisions in this process: one core, six windows over three entities, 50 rules, from the bytes of an event to its outcome, without
//! the journal. In batches, as a server takes them, for how many there are in a second; one at a time for how long one takes.

use super::{Draw, line, plan_of};
use crate::bench::Figures;
use crate::bench::rows::per;
use crate::node;
use anyhow::{Context, Result};
use domain::{Payload, Position, Time};
use engine::Machine;
use serde_json::json;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Events of one batch.
const BATCH: usize = 256;

type Lines = Vec<(Time, String)>;

pub(super) fn measure(quick: bool, figures: &mut Figures) -> Result<()> {
    let plan = Arc::new(plan_of(50)?);
    let mut draw = Draw(3);
    let lines: Lines = (0..if quick { 60_000 } else { 600_000 })
        .map(|number| line(&mut draw, Time(1_790_000_000_000), number))
        .collect();
    let (warm, rest) = lines.split_at(lines.len() / 3);
    let (batched, alone) = rest.split_at(rest.len() / 2);
    let mut machine = Machine::new(plan.clone(), 1, 1);
    let mut outcomes = vec![0u64; plan.decisions[0].outcomes.len()];
    for some in warm.chunks(BATCH) {
        decide(&mut machine, some, &mut outcomes)?;
    }
    outcomes.fill(0);
    let start = node::thread_cpu()?;
    for some in batched.chunks(BATCH) {
        decide(&mut machine, some, &mut outcomes)?;
    }
    let cpu = node::thread_cpu()? - start;
    figures.number("events_per_s", batched.len() as f64 / cpu.max(Duration::from_nanos(1)).as_secs_f64());
    figures.number("decision_cpu_us", per(cpu, batched.len()) / 1e3);
    let named = plan.decisions[0].outcomes.iter().zip(&outcomes);
    figures.note(
        "outcomes",
        named.map(|(name, count)| (name.clone(), json!(count))).collect::<serde_json::Map<_, _>>().into(),
    );
    service_times(&mut machine, alone, figures)?;
    let keys: f64 =
        (0..plan.entities.len()).map(|kind| f64::from(machine.names.entity_count(kind as u16))).sum::<f64>().max(1.0);
    let bytes: usize = machine.shards.iter().map(|shard| shard.memory().bytes).sum();
    figures.number("bytes_per_key", bytes as f64 / keys);
    figures.note("keys", json!(keys));
    Ok(())
}

/// Decides on events that came together, and counts what comes out.
fn decide(machine: &mut Machine, lines: &[(Time, String)], outcomes: &mut [u64]) -> Result<()> {
    let mut records = Vec::with_capacity(lines.len());
    let first = machine.position.0 + 1;
    let mut shape = wire::Shape::default();
    for ((time, line), position) in lines.iter().zip(first..) {
        let event =
            wire::parse_event_like(line.as_bytes(), &mut shape).map_err(|refusal| anyhow::anyhow!("{refusal:?}"))?;
        records.push((Position(position), *time, Payload::Event(event)));
    }
    for decided in machine.apply_deciding_all(&records) {
        outcomes[usize::from(decided.verdict.outcome)] += 1;
    }
    Ok(())
}

/// One after another, by the clock on the wall.
fn service_times(machine: &mut Machine, lines: &[(Time, String)], figures: &mut Figures) -> Result<()> {
    let mut each = Vec::with_capacity(lines.len());
    let mut shape = wire::Shape::default();
    let start = node::thread_cpu()?;
    for (time, line) in lines {
        let begin = Instant::now();
        let event =
            wire::parse_event_like(line.as_bytes(), &mut shape).map_err(|refusal| anyhow::anyhow!("{refusal:?}"))?;
        let position = machine.position.next();
        let decided = machine.apply_deciding(position, *time, &Payload::Event(event));
        decided.first().context("every payment is decided")?;
        each.push(begin.elapsed());
    }
    figures.number("alone_cpu_us", per(node::thread_cpu()? - start, lines.len()) / 1e3);
    each.sort_unstable();
    let us = |share: f64| each[((each.len() - 1) as f64 * share) as usize].as_nanos() as f64 / 1e3;
    figures.number("p50_us", us(0.5));
    figures.number("p99_us", us(0.99));
    Ok(())
}
