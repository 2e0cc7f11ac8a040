//! What rerankers for variety cost and give: the feed as it is beside the same feed with one reranker, on one stream.

use super::measure::{Sums, TOP, round};
use super::{Report, feed};
use crate::dataset::Dataset;
use crate::{import, node};
use anyhow::{Context, Result, bail};
use decision::{Budget, Pace, Scratch};
use domain::{Event, FeedRequest, Payload, Raw, Subject, Time, Type, Value};
use engine::Machine;
use serde_json::{Map, json};
use spec::Plan;
use spec::plan::{Dpp, Feed, Likeness, Mmr, Of, Rerank, RouteSource, Rule};
use std::collections::{BTreeSet, HashSet};
use std::fmt::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A feed that is asked, and how it did.
#[derive(Default)]
struct Arm {
    name: String,
    ranks: Sums,
    /// Sum of the distances within lists, and of how many there are.
    distance: (f64, u64),
    /// Items among its first.
    shown: HashSet<String>,
    /// Sum of how many different values there are in a list.
    values: u64,
    took: Duration,
}

struct Endless;

impl Budget for Endless {
    fn spent(&mut self) -> bool {
        false
    }
}

/// For each event of a user and an item: asks every arm for ten items, then learns the event.
pub(super) fn run(plan: &Arc<Plan>, data: Dataset, limit: Option<u64>) -> Result<Report> {
    let started = Instant::now();
    let (plan, field) = with_arms(plan)?;
    let plan = Arc::new(plan);
    let whole = feed(&plan, "feed")?;
    let names = [plan.feeds[whole].name.clone()].into_iter();
    let added = plan.feeds.iter().filter(|feed| feed.name.starts_with('+')).map(|feed| feed.name.clone());
    let mut arms: Vec<Arm> = names.chain(added).map(|name| Arm { name, ..Arm::default() }).collect();
    let mut machine = Machine::new(plan.clone(), 1, 0);
    let (mut scratch, mut now, mut events) = (Scratch::default(), Time(0), 0);
    let bar = node::bar(limit.map_or(data.about, |limit| limit.min(data.about)), "asking, then learning");
    for payload in data.payloads {
        if limit.is_some_and(|limit| events >= limit) {
            break;
        }
        let payload = import::typed(&plan, payload?);
        if let Payload::Event(event) = &payload {
            if plan.event(&event.kind).is_none() {
                bail!("the spec has no event '{}'", event.kind);
            }
            now = now.max(event.time.unwrap_or(now));
            if let (Some(user), Some(item)) = (key(event, "user"), key(event, "item")) {
                arms.iter_mut().try_for_each(|arm| arm.ask(&machine, field, (user, item), now, &mut scratch))?;
            }
            events += 1;
        }
        machine.apply(machine.position.next(), now, &payload);
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(report(&data.name, &machine, &arms, started.elapsed().as_secs_f64()))
}

/// The plan with one more feed for each reranker, and the attribute that says how different items are.
fn with_arms(plan: &Plan) -> Result<(Plan, u16)> {
    let whole = &plan.feeds[feed(plan, "feed")?];
    let fields = &plan.entities[usize::from(plan.entity("item").unwrap_or_default())].fields;
    let tags = Type::List(Box::new(Type::Str));
    let field = fields.iter().position(|field| field.ty == tags);
    let field = field.context("the items need an attribute of type [string], by which lists are compared")? as u16;
    let together = whole.routes.iter().find_map(|route| match route.source {
        RouteSource::CoVisited { index, .. } => Some(Likeness::CoVisited(index)),
        _ => None,
    });
    let name = &fields[usize::from(field)].name;
    let spread = |max| {
        let rule = Rule { of: Of::Attribute(field), window: TOP as u16, most: Some(max), least: 0 };
        (format!("+spread {name} {max}"), Rerank::Spread(vec![rule]))
    };
    let mut steps = vec![spread(5), spread(3), spread(2)];
    for (of, by) in [(name.as_str(), Some(Likeness::Shared(field))), ("co_visited", together)] {
        let Some(by) = by else { continue };
        for weight in [0.9, 0.7, 0.5] {
            steps.push((format!("+mmr {of} {weight}"), Rerank::Mmr(Mmr { by, lambda: weight, depth: 100 })));
        }
        for weight in [0.95, 0.8, 0.65] {
            steps.push((format!("+dpp {of} {weight}"), Rerank::Dpp(Dpp { by, theta: weight, depth: 100 })));
        }
    }
    let mut all = plan.clone();
    all.feeds.extend(steps.into_iter().map(|(name, step)| Feed { name, reranks: vec![step], ..whole.clone() }));
    Ok((all, field))
}

impl Arm {
    fn ask(
        &mut self,
        machine: &Machine,
        field: u16,
        (user, item): (&str, &str),
        now: Time,
        scratch: &mut Scratch,
    ) -> Result<()> {
        let request = FeedRequest::new(&self.name, Subject::User(user.to_owned()), TOP as u16);
        let query = machine.query(&request)?;
        let started = Instant::now();
        let answer = machine.answer(request, &query, now, Pace::Live(&mut Endless), scratch);
        self.took += started.elapsed();
        self.ranks.add(answer.items.iter().position(|listed| listed.item == item));
        let sets: Vec<BTreeSet<u32>> = answer.items.iter().map(|listed| values(machine, field, &listed.item)).collect();
        if let Some(distance) = distance_within(&sets) {
            self.distance.0 += distance;
            self.distance.1 += 1;
            self.values += sets.iter().flatten().collect::<BTreeSet<_>>().len() as u64;
        }
        for listed in answer.items {
            if !self.shown.contains(&listed.item) {
                self.shown.insert(listed.item);
            }
        }
        Ok(())
    }
}

/// The elements of an item's list, as numbers.
fn values(machine: &Machine, field: u16, item: &str) -> BTreeSet<u32> {
    let Some(entity) = machine.plan.entity("item") else { return BTreeSet::new() };
    let Some(id) = machine.names.entity(entity, item) else { return BTreeSet::new() };
    match machine.epoch.catalogue().attribute(entity, id, field) {
        Value::List(list) => {
            list.iter().filter_map(|value| if let Value::Str(of) = value { Some(of.0) } else { None }).collect()
        }
        _ => BTreeSet::new(),
    }
}

/// The mean over all pairs of a list of 1 - Jaccard; none of fewer than two.
fn distance_within(sets: &[BTreeSet<u32>]) -> Option<f64> {
    let pairs = sets.iter().enumerate().flat_map(|(at, a)| sets[at + 1..].iter().map(move |b| (a, b)));
    let distances: Vec<f64> = pairs
        .map(|(a, b)| {
            let common = a.intersection(b).count() as f64;
            let all = (a.len() + b.len()) as f64 - common;
            if all > 0.0 { 1.0 - common / all } else { 1.0 }
        })
        .collect();
    (!distances.is_empty()).then(|| distances.iter().sum::<f64>() / distances.len() as f64)
}

fn report(dataset: &str, machine: &Machine, arms: &[Arm], seconds: f64) -> Report {
    let catalogue = machine.names.entity_count(machine.plan.entity("item").unwrap_or_default());
    let mut table = format!("{:>22}   hr@10 ndcg@10  of plain   ild@10  values  coverage     us\n", "");
    let mut all = Map::new();
    let plain = arms.first().map_or(0.0, |arm| arm.ranks.figures().ndcg);
    for arm in arms {
        let figures = arm.ranks.figures();
        let lists = arm.distance.1.max(1) as f64;
        let (distance, values) = (round(arm.distance.0 / lists, 4), round(arm.values as f64 / lists, 2));
        let coverage = round(arm.shown.len() as f64 / f64::from(catalogue.max(1)), 4);
        let us = round(arm.took.as_secs_f64() * 1e6 / arm.ranks.requests().max(1) as f64, 1);
        let (hr, ndcg) = (round(figures.hr, 4), round(figures.ndcg, 4));
        let of_plain = round(if plain > 0.0 { figures.ndcg / plain } else { 0.0 }, 3);
        let name = arm.name.trim_start_matches('+');
        all.insert(
            name.to_owned(),
            json!({
                "hr@10": hr, "ndcg@10": ndcg, "ndcg_of_plain": of_plain, "ild@10": distance, "values@10": values,
                "coverage": coverage, "us": us,
            }),
        );
        // Writing into a string cannot fail.
        let _ = writeln!(
            table,
            "{name:>22} {hr:7.4} {ndcg:7.4} {of_plain:9.3} {distance:8.4} {values:7.2} {coverage:9.4} {us:6.1}"
        );
    }
    let requests = arms.first().map_or(0, |arm| arm.ranks.requests());
    let _ = writeln!(table, "{dataset}: {requests} requests, {catalogue} items; {seconds:.1} s");
    let json = json!({
        "dataset": dataset, "requests": requests, "catalogue": catalogue, "seconds": round(seconds, 1), "arms": all,
    });
    Report { json, table }
}

/// The key that an event names in a field.
fn key<'e>(event: &'e Event<'static>, name: &str) -> Option<&'e str> {
    event.fields.iter().find(|field| field.name == name).and_then(|field| match &field.value {
        Raw::Str(key) => Some(key.as_ref()),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_distance_within_a_list_is_the_mean_over_pairs() {
        let sets: Vec<BTreeSet<u32>> = [vec![1, 2], vec![1, 2], vec![2, 3], vec![]].map(BTreeSet::from_iter).into();
        // 0, 2/3, 1, 2/3, 1, 1 over six pairs.
        assert!((distance_within(&sets).unwrap() - (4.0 / 3.0 + 3.0) / 6.0).abs() < 1e-12);
        assert_eq!(distance_within(&sets[..1]), None);
        assert_eq!(distance_within(&[BTreeSet::new(), BTreeSet::new()]), Some(1.0));
    }
}
