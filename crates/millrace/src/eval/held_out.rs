//! Held-out questions: learn the payloads, then ask for what came next, learning nothing more. Whole catalogue, ties against us.

use super::Report;
use super::measure::{AtTop, LISTED, round};
use super::prequential::{request, with_arms};
use crate::dataset::{Dataset, Held, Question, Shipped};
use crate::{import, node};
use anyhow::{Result, bail};
use decision::{Pace, Scratch};
use domain::{Payload, Recommended, Subject, Time};
use engine::Machine;
use serde_json::{Map, Value, json};
use spec::Plan;
use std::fmt::Write;
use std::sync::Arc;
use std::time::Instant;

/// A feed that is asked, and how it did.
struct Arm {
    name: String,
    /// Whether one route ranks alone, so that its own score says what is equal, and not the place in fusion.
    alone: bool,
    /// Over all questions; over those whose target is not in the visit; over those that another program has answered.
    all: AtTop,
    new: AtTop,
    shared: AtTop,
}

struct Run<'h> {
    machine: Machine,
    held: &'h Held,
    arms: Vec<Arm>,
    scratch: Scratch,
}

pub(super) fn run(plan: &Arc<Plan>, data: Dataset, held: &Held, limit: Option<u64>) -> Result<Report> {
    let started = Instant::now();
    let (plan, names) = with_arms(plan)?;
    let plan = Arc::new(plan);
    let mut machine = Machine::new(plan.clone(), 1, 0);
    let (name, about) = (data.name.clone(), limit.map_or(data.about, |limit| limit.min(data.about)));
    let bar = node::bar(about, "learning");
    for payload in data.payloads.take(about as usize) {
        learn(&mut machine, &import::typed(&plan, payload?))?;
        bar.inc(1);
    }
    bar.finish_and_clear();
    let learned = started.elapsed().as_secs_f64();
    let arms = names.into_iter().map(|name| arm(&plan, name, held.top)).collect();
    let mut run = Run { machine, held, arms, scratch: Scratch::default() };
    let bar = node::bar(held.questions.len() as u64, "asking");
    for (index, question) in held.questions.iter().enumerate() {
        run.ask(index, question)?;
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(run.report(&name, about, (learned, started.elapsed().as_secs_f64())))
}

fn arm(plan: &Plan, name: String, top: usize) -> Arm {
    let feed = plan.feed(&name).map(|feed| &plan.feeds[usize::from(feed)]);
    let alone = feed.is_some_and(|feed| feed.routes.len() == 1 && feed.terms.is_empty());
    Arm { name, alone, all: AtTop::new(top), new: AtTop::new(top), shared: AtTop::new(top) }
}

fn learn(machine: &mut Machine, payload: &Payload<'static>) -> Result<()> {
    let mut time = Time(0);
    if let Payload::Event(event) = payload {
        if machine.plan.event(&event.kind).is_none() {
            bail!("the spec has no event '{}'", event.kind);
        }
        time = event.time.unwrap_or(time);
    }
    machine.apply(machine.position.next(), time, payload);
    Ok(())
}

impl Run<'_> {
    /// Asks every arm and notes where the target is.
    fn ask(&mut self, index: usize, question: &Question) -> Result<()> {
        let is_new = !question.visit.contains(&question.target);
        let is_shared = self.held.shipped.iter().any(|shipped| shipped.question == index);
        let now = self.machine.log_time.max(question.time);
        for arm in &mut self.arms {
            let mut request = request(&arm.name, "");
            request.subject = question.user.clone().map_or(Subject::Anonymous, Subject::User);
            request.recent = question.visit.iter().take(domain::limits::REQUEST_RECENT_MAX).cloned().collect();
            let query = self.machine.query(&request)?;
            let pace = Pace::Live(&mut super::prequential::Endless);
            let answer = self.machine.answer(request, &query, now, pace, &mut self.scratch);
            let scored = answer.items.iter().map(|listed| (listed.item.as_str(), score(listed, arm.alone)));
            let place = place(scored, &question.target);
            arm.all.add(place);
            if is_new {
                arm.new.add(place);
            }
            if is_shared {
                arm.shared.add(place);
            }
        }
        Ok(())
    }

    fn report(&self, name: &str, events: u64, (learned, total): (f64, f64)) -> Report {
        let questions = self.held.questions.len();
        let visits = self.held.questions.iter().any(|question| !question.visit.is_empty());
        let shipped = shipped(self.held);
        let rows = self.arms.iter().map(|arm| (arm.name.as_str(), Some(arm.all), Some(arm.new), arm.shared));
        let other = ("shipped", None, None, shipped);
        let compared = shipped.requests() > 0;
        let mut arms = Map::new();
        let mut table = format!("{:>12}   all ({questions})", "");
        if visits {
            let new = self.arms.first().map_or(0, |arm| arm.new.requests());
            let _ = write!(table, "{:12} new to the visit ({new})", "");
        }
        if compared {
            let _ = write!(table, "   those of the shipped answers ({})", shipped.requests());
        }
        table.push('\n');
        for (name, all, new, shared) in rows.chain(compared.then_some(other)) {
            let groups =
                [("all", all), ("new_to_visit", new.filter(|_| visits)), ("shared", compared.then_some(shared))];
            let _ = write!(table, "{name:>12}");
            let mut figures = Map::new();
            for (group, sums) in groups.into_iter().filter(|(group, _)| visits || *group == "all") {
                let text = sums.map_or(String::new(), |sums| sums.text());
                let _ = write!(table, "   {text:<30}");
                figures.extend(sums.map(|sums| (group.to_owned(), sums.json())));
            }
            table.truncate(table.trim_end().len());
            table.push('\n');
            arms.insert(name.to_owned(), Value::Object(figures));
        }
        let memory: Vec<usize> = self.machine.epoch.indexes().memory().iter().map(|memory| memory.bytes).collect();
        let megabytes = memory.iter().sum::<usize>() as f64 / 1e6;
        let _ = writeln!(
            table,
            "{name}: {events} events learned in {learned:.1} s, indexes of {megabytes:.1} MB; {total:.1} s"
        );
        let json = json!({
            "dataset": name,
            "requests": questions,
            "events": events,
            "seconds": round(total, 1),
            "seconds_learning": round(learned, 1),
            "memory_bytes": memory,
            "arms": arms,
        });
        Report { json, table }
    }
}

/// The other program's answers, scored the same way. An item without a score is no answer.
fn shipped(held: &Held) -> AtTop {
    let mut sums = AtTop::new(held.top);
    for Shipped { question, items } in &held.shipped {
        let scored = items.iter().filter(|(_, score)| *score > 0.0).map(|(item, score)| (item.as_str(), *score));
        sums.add(place(scored, &held.questions[*question].target));
    }
    sums
}

fn score(listed: &Recommended, alone: bool) -> f64 {
    listed.routes.first().filter(|_| alone).map_or(listed.score, |hit| hit.score)
}

/// How many other items have at least the target's score; none if the target is not among them.
fn place<'i>(scored: impl Iterator<Item = (&'i str, f64)> + Clone, target: &str) -> Option<usize> {
    let (_, score) = scored.clone().find(|(item, _)| *item == target)?;
    Some(scored.filter(|(item, other)| *item != target && *other >= score).count().min(LISTED))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_scores_are_before_the_target() {
        let scored = [("a", 3.0), ("b", 2.0), ("c", 2.0), ("d", 1.0)];
        let at = |target| place(scored.into_iter(), target);
        assert_eq!((at("a"), at("b"), at("c"), at("d"), at("e")), (Some(0), Some(2), Some(2), Some(3), None));
    }

    #[test]
    fn the_other_program_is_scored_the_same_way() {
        let question = |target: &str| Question {
            name: String::new(),
            user: None,
            visit: Vec::new(),
            target: target.to_owned(),
            time: Time(0),
        };
        let items = [("a", 1.0), ("b", 1.0), ("c", 0.0)].map(|(item, score)| (item.to_owned(), score)).to_vec();
        let answers = (0..3).map(|question| Shipped { question, items: items.clone() }).collect();
        let held = Held { questions: vec![question("a"), question("c"), question("d")], shipped: answers, top: 20 };
        let sums = shipped(&held);
        assert_eq!(sums.requests(), 3);
        assert_eq!(sums.json(), json!({ "hr@20": 0.3333, "ndcg@20": 0.2103, "mrr@20": 0.1667 }));
    }
}
