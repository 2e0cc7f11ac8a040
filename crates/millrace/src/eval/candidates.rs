//! Given candidates: learn everything, then rank one held-out item among 99 negatives for every user.

use super::Report;
use super::measure::{Sums, round};
use crate::dataset::{Dataset, Judged};
use crate::{import, node};
use anyhow::{Result, bail, ensure};
use domain::{EntityId, Payload, Raw, Time};
use engine::Machine;
use recall::{Scratch, Side};
use serde_json::{Map, json};
use spec::Plan;
use spec::plan::RouteSource;
use std::collections::HashMap;
use std::fmt::Write;
use std::sync::Arc;
use std::time::Instant;

/// How candidates are scored: by the first route of a feed.
struct Arm {
    name: String,
    index: u16,
    recency: f64,
    context: usize,
    sums: Sums,
}

/// Items of each user in log order, each once.
type Histories = HashMap<String, Vec<EntityId>>;

pub(super) fn run(plan: &Arc<Plan>, data: Dataset, tests: &[Judged], limit: Option<u64>) -> Result<Report> {
    let started = Instant::now();
    let mut arms = arms(plan)?;
    let mut machine = Machine::new(plan.clone(), 1, 0);
    let (name, about) = (data.name.clone(), limit.map_or(data.about, |limit| limit.min(data.about)));
    let bar = node::bar(about, "learning");
    let mut histories = Histories::new();
    let mut events = 0;
    for payload in data.payloads.take(about as usize) {
        learn(&mut machine, &import::typed(plan, payload?), &mut histories)?;
        events += 1;
        bar.inc(1);
    }
    bar.finish_and_clear();
    let learned = started.elapsed().as_secs_f64();
    let bar = node::bar(tests.len() as u64, "ranking");
    let mut scratch = Scratch::new();
    for test in tests {
        let history = histories.get(&test.user).map_or(&[][..], Vec::as_slice);
        for arm in &mut arms {
            let place = place(&machine, arm, history, &test.candidates, &mut scratch);
            arm.sums.add(Some(place));
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(report(&name, &machine, &arms, (events, tests.len()), (learned, started.elapsed().as_secs_f64())))
}

/// One for each feed.
fn arms(plan: &Plan) -> Result<Vec<Arm>> {
    plan.feeds
        .iter()
        .map(|feed| match feed.routes.first().map(|route| &route.source) {
            Some(&RouteSource::CoVisited { index, recency, context, .. }) => {
                let (name, context) = (feed.name.clone(), usize::from(context));
                Ok(Arm { name, index, recency, context, sums: Sums::default() })
            }
            _ => bail!("the first route of the feed '{}' must be of `co_visited`", feed.name),
        })
        .collect()
}

fn learn(machine: &mut Machine, payload: &Payload<'static>, histories: &mut Histories) -> Result<()> {
    let Payload::Event(event) = payload else { bail!("this data set has events only") };
    ensure!(machine.plan.event(&event.kind).is_some(), "the spec has no event '{}'", event.kind);
    machine.apply(machine.position.next(), Time(0), payload);
    let key = |name: &str| {
        event.fields.iter().find_map(|field| match &field.value {
            Raw::Str(key) if field.name == name => Some(key.as_ref()),
            _ => None,
        })
    };
    if let (Some(user), Some(item)) = (key("user"), key("item").and_then(|item| item_of(machine, item))) {
        let history = histories.entry(user.to_owned()).or_default();
        if !history.contains(&item) {
            history.push(item);
        }
    }
    Ok(())
}

fn item_of(machine: &Machine, key: &str) -> Option<EntityId> {
    machine.names.entity(machine.plan.entity("item")?, key)
}

/// Where the first candidate is among all, those with an equal score before it.
fn place(machine: &Machine, arm: &Arm, history: &[EntityId], candidates: &[String], scratch: &mut Scratch) -> usize {
    let weights = std::iter::successors(Some(1.0), |weight| Some(weight * arm.recency));
    let context: Vec<(EntityId, f64)> = history.iter().rev().copied().take(arm.context).zip(weights).collect();
    // A candidate without events has no number, and any number without counters scores 0.
    let ids: Vec<EntityId> = candidates.iter().map(|key| item_of(machine, key).unwrap_or(EntityId(u32::MAX))).collect();
    let mut scores = Vec::with_capacity(ids.len());
    let indexes = machine.epoch.indexes();
    indexes.co_visited_score(arm.index, Side::Candidate, &context, &ids, machine.log_time, scratch, &mut scores);
    scores.iter().skip(1).filter(|score| **score >= scores[0]).count()
}

fn report(name: &str, machine: &Machine, arms: &[Arm], (events, users): (u64, usize), seconds: (f64, f64)) -> Report {
    let memory = machine.epoch.indexes().memory();
    let mut table = format!("{:>12}   hr@10 ndcg@10   memory of the index\n", "");
    let mut all = Map::new();
    for arm in arms {
        let figures = arm.sums.figures();
        let bytes = memory[usize::from(arm.index)].bytes;
        let [hr, ndcg] = [figures.hr, figures.ndcg].map(|figure| round(figure, 4));
        all.insert(arm.name.clone(), json!({ "hr@10": hr, "ndcg@10": ndcg, "memory_bytes": bytes }));
        let megabytes = bytes as f64 / 1e6;
        // Writing into a string cannot fail.
        let _ = writeln!(table, "{:>12} {hr:7.4} {ndcg:7.4}   {megabytes:.1} MB", arm.name);
    }
    let (learned, total) = seconds;
    let _ = writeln!(table, "{name}: {events} events learned in {learned:.1} s, {users} users ranked; {total:.1} s");
    let json = json!({
        "dataset": name,
        "requests": users,
        "events": events,
        "seconds": round(total, 1),
        "seconds_learning": round(learned, 1),
        "arms": all,
    });
    Report { json, table }
}
