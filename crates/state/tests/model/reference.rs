//! The slow, obvious model: every event ever, and each aggregate worked out from all of them when it is asked for.

use domain::{EntityId, Time, Value};
use spec::Plan;
use spec::plan::{Aggregate, AggregateOp, Stream, StreamValue};
use state::{Change, Element, EventChange, Resolved};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

/// All events so far, in log order.
#[derive(Default)]
pub(crate) struct Reference {
    events: Vec<EventChange>,
}

/// An event that a stream collects.
struct Collected {
    time: Time,
    number: f64,
    entity: Option<EntityId>,
    elements: Vec<Element>,
}

impl Reference {
    pub(crate) fn apply(&mut self, resolved: &Resolved) {
        if let Change::Event(event) = &resolved.change {
            self.events.push(event.clone());
        }
    }

    /// The value of an aggregate for an owner (and second key part) at an instant.
    pub(crate) fn value(&self, plan: &Plan, aggregate: &Aggregate, owner: EntityId, second: u32, now: Time) -> Value {
        let stream = &plan.streams[aggregate.stream as usize];
        let all = self.collected(plan, stream, owner, second);
        match aggregate.op {
            AggregateOp::Decayed(half_life) => {
                let (mut sum, mut since) = (0.0, Time(0));
                for event in &all {
                    let elapsed = |from: Time, to: Time| libm::exp2(-((to.0 - from.0) as f64) / half_life.0 as f64);
                    if event.time > since {
                        sum = sum * elapsed(since, event.time) + event.number;
                        since = event.time;
                    } else {
                        sum += event.number * elapsed(event.time, since);
                    }
                }
                let decay = libm::exp2(-((now.0 - since.0) as f64) / half_life.0 as f64);
                Value::Float(if sum == 0.0 { 0.0 } else { sum * decay })
            }
            AggregateOp::LastEntities(count) => {
                let newest = newest_first(&all);
                Value::List(newest.iter().take(count as usize).map(|c| Value::Entity(c.entity.unwrap())).collect())
            }
            AggregateOp::CountRecents(window) => {
                let newer = all.iter().filter(|c| c.time.0 > now.0 - window.0).count();
                Value::Float(newer.min(stream.recents.into()) as f64)
            }
            AggregateOp::Seen(_) => panic!("seen is asked with `seen`"),
            AggregateOp::Count(w)
            | AggregateOp::Sum(w)
            | AggregateOp::Mean(w)
            | AggregateOp::Min(w)
            | AggregateOp::Max(w)
            | AggregateOp::Last(w)
            | AggregateOp::Distinct(w)
            | AggregateOp::Quantile(_, w)
            | AggregateOp::TopK(_, w) => {
                let width = stream.panes.iter().find(|level| level.window >= w).unwrap().width.0;
                let mut panes: BTreeMap<i64, Vec<&Collected>> = BTreeMap::new();
                for event in &all {
                    panes.entry(event.time.0.div_euclid(width)).or_default().push(event);
                }
                panes.retain(|pane, _| (pane + 1) * width > now.0 - w.0 && pane * width <= now.0);
                windowed(aggregate.op, &panes)
            }
        }
    }

    /// Whether an item is among an owner's recents within the window.
    pub(crate) fn seen(&self, plan: &Plan, aggregate: &Aggregate, owner: EntityId, item: EntityId, now: Time) -> bool {
        let AggregateOp::Seen(window) = aggregate.op else { panic!("not a seen") };
        let stream = &plan.streams[aggregate.stream as usize];
        let all = self.collected(plan, stream, owner, 0);
        let kept = newest_first(&all).into_iter().take(stream.recents as usize);
        kept.into_iter().any(|c| c.entity == Some(item) && c.time.0 > now.0 - window.0 && c.time <= now)
    }

    fn collected(&self, plan: &Plan, stream: &Stream, owner: EntityId, second: u32) -> Vec<Collected> {
        let table = &plan.tables[stream.table as usize];
        let crossed: Vec<usize> = (0..plan.tables.len()).filter(|t| plan.tables[*t].cross.is_some()).collect();
        let cross = crossed.iter().position(|t| *t == stream.table as usize);
        let mut collected = Vec::new();
        for event in &self.events {
            let Some(nth) = stream.events.iter().position(|e| *e == event.event) else { continue };
            let roles = &plan.events[event.event as usize].roles;
            let role = roles.iter().position(|role| role.entity == table.entity).unwrap();
            let of_row = event.entities[role] == owner
                && cross.is_none_or(|cross| second != u32::MAX && event.crosses[cross] == second);
            let passes = stream.filter.as_ref().is_none_or(|f| f.eval(&event.values) == Value::Bool(true));
            if !of_row || !passes {
                continue;
            }
            let mut elements = Vec::new();
            let (number, entity) = match &stream.value {
                StreamValue::Elements(at) => {
                    elements = event.elements.as_ref().unwrap().of(*at as usize).to_vec();
                    ((!elements.is_empty()).then_some(1.0), None)
                }
                StreamValue::One => (Some(1.0), None),
                StreamValue::Role(roles) => (Some(1.0), Some(event.entities[roles[nth] as usize])),
                StreamValue::Number(program) => match program.eval(&event.values) {
                    Value::Bool(bool) => (Some(if bool { 1.0 } else { 0.0 }), None),
                    Value::Int(int) => (Some(int as f64), None),
                    Value::Float(float) => (Some(float), None),
                    Value::Span(span) => (Some(span.0 as f64 / 1000.0), None),
                    _ => (None, None),
                },
            };
            if let Some(number) = number {
                collected.push(Collected { time: event.time, number, entity, elements });
            }
        }
        collected
    }
}

/// By event time and then by position, newest first.
fn newest_first(all: &[Collected]) -> Vec<&Collected> {
    let mut order: Vec<(Time, usize)> = all.iter().enumerate().map(|(at, c)| (c.time, at)).collect();
    order.sort();
    order.iter().rev().map(|(_, at)| &all[*at]).collect()
}

fn windowed(op: AggregateOp, panes: &BTreeMap<i64, Vec<&Collected>>) -> Value {
    let all: Vec<&Collected> = panes.values().flatten().copied().collect();
    let count = all.len() as f64;
    // Sums are folded within each pane in log order, then over the panes.
    let sums = panes.values().map(|pane| pane[1..].iter().fold(pane[0].number, |sum, c| sum + c.number));
    let sum = sums.fold(0.0, |sum, pane| sum + pane);
    let elements = || all.iter().flat_map(|c| &c.elements);
    match op {
        AggregateOp::Distinct(_) => {
            let different: BTreeSet<(u64, u32)> = elements().map(|of| (of.hash, of.number)).collect();
            Value::Float(different.len() as f64)
        }
        AggregateOp::TopK(k, _) => {
            let mut counts: BTreeMap<(u64, u32), u64> = BTreeMap::new();
            elements().for_each(|of| *counts.entry((of.hash, of.number)).or_default() += 1);
            let mut order: Vec<_> = counts.into_iter().map(|(key, count)| (Reverse(count), key)).collect();
            order.sort_unstable();
            // The world's lists are of strings, but for one of items.
            let number = |(_, (_, number)): &(_, (u64, u32))| match k {
                3 => Value::Entity(EntityId(*number)),
                _ => Value::Str(domain::Symbol(*number)),
            };
            Value::List(order.iter().take(usize::from(k)).map(number).collect())
        }
        AggregateOp::Count(_) => Value::Float(count),
        AggregateOp::Sum(_) => Value::Float(sum),
        _ if all.is_empty() => Value::Missing,
        AggregateOp::Quantile(millionths, _) => {
            let mut numbers: Vec<f64> = all.iter().map(|c| c.number).collect();
            numbers.sort_by(f64::total_cmp);
            Value::Float(numbers[((numbers.len() - 1) as f64 * f64::from(millionths) / 1e6) as usize])
        }
        AggregateOp::Mean(_) => Value::Float(sum / count),
        AggregateOp::Min(_) => {
            Value::Float(all.iter().fold(f64::INFINITY, |m, c| if c.number < m { c.number } else { m }))
        }
        AggregateOp::Max(_) => {
            Value::Float(all.iter().fold(f64::NEG_INFINITY, |m, c| if c.number > m { c.number } else { m }))
        }
        _ => {
            let newest = all.iter().max_by_key(|c| c.time).unwrap().time;
            Value::Float(all.iter().rfind(|c| c.time == newest).unwrap().number)
        }
    }
}
