//! A node that lives through a data set: events one by one, values read before some of them, answers, and a change of the spec in the
//! middle.

use crate::node;
use anyhow::{Context, Result, bail, ensure};
use domain::{Answer, DecisionId, FeedRequest, Payload, Position, Raw, Refusal, Span, Subject, Time};
use engine::{ChangeOutcome, ChangeStage, Clock, Config, Engine, Plan};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, mpsc};

/// What was read online: by the event's number, values by name.
pub(super) type Served = BTreeMap<u64, BTreeMap<String, Raw<'static>>>;

/// What a node served.
#[derive(Default)]
pub(super) struct Lived {
    /// Until the spec was changed, and after that.
    pub(super) before: Served,
    pub(super) after: Served,
    /// Its answers, as they were recorded.
    pub(super) answers: BTreeMap<DecisionId, Answer>,
}

/// A node and where it is.
struct Life<'p> {
    engine: Engine,
    clock: Arc<Clock>,
    payloads: &'p [Payload<'static>],
    last: Position,
    /// Events so far.
    number: u64,
    now: Time,
    answers: BTreeMap<DecisionId, Answer>,
}

/// Runs a node in an empty directory through the payloads: the first half of the events under the first plan, the rest under the second.
pub(super) fn run(dir: &Path, plans: [&Arc<Plan>; 2], payloads: &[Payload<'static>], every: u64) -> Result<Lived> {
    let config = Config {
        shards: 2,
        tick_every: Span(0),
        checkpoint_every: Span(0),
        rollback_window: Span(0),
        ..Config::new(Clock::Manual(0.into()))
    };
    let clock = config.clock.clone();
    let (engine, _) =
        Engine::open(node::disk(dir)?, journal::Options::default(), plans[0].clone(), config, &mut |_, _| ())?;
    let (last, now) = (engine.status().position, Time(0));
    let mut life = Life { engine, clock, payloads, last, number: 0, now, answers: BTreeMap::new() };
    let bar = node::bar(payloads.len() as u64, "living");
    let (mut before, mut after) = (Served::new(), Served::new());
    let events = payloads.iter().filter(|payload| matches!(payload, Payload::Event(_))).count();
    // What comes before the events is no part of their halves.
    let middle = payloads.len() - events + events / 2;
    for index in 0..payloads.len() {
        let second = index >= middle;
        if index == middle && plans[0].text != plans[1].text {
            life.change(plans[1])?;
        }
        life.step(index, every, if second { &mut after } else { &mut before })?;
        bar.inc(1);
    }
    bar.finish_and_clear();
    life.settle()?;
    while life.engine.sync()? {}
    life.engine.stop();
    Ok(Lived { before, after, answers: life.answers })
}

impl Life<'_> {
    fn step(&mut self, index: usize, every: u64, served: &mut Served) -> Result<()> {
        let payload = &self.payloads[index];
        if let Payload::Event(event) = payload {
            self.now = self.now.max(event.time.unwrap_or(self.now));
            self.clock.set(self.now);
            if self.number.is_multiple_of(every) {
                self.settle()?;
                let user = text(event.field("user"))?;
                let request = FeedRequest::new("feed", Subject::User(user.to_owned()), 10);
                let answer = self.engine.recommend(request)?;
                self.answers.insert(answer.id, answer.answer);
                let found = self.read(user, text(event.field("item"))?);
                served.insert(self.number, found);
            }
            self.number += 1;
        }
        let submitted = self.engine.submit(std::slice::from_ref(payload), true)?;
        let [Ok(accepted)] = submitted.results.as_slice() else {
            bail!("payload {index} was refused: {:?}", submitted.results);
        };
        ensure!(!accepted.duplicate, "payload {index} is a duplicate");
        self.last = accepted.position;
        Ok(())
    }

    /// What the node says of both entities now; of an entity that it does not know, nothing.
    fn read(&self, user: &str, item: &str) -> BTreeMap<String, Raw<'static>> {
        let mut found = BTreeMap::new();
        for (kind, key) in [("user", user), ("item", item)] {
            if let Ok(view) = self.engine.entity(kind, key) {
                let values = view.fields.into_iter().chain(view.features);
                found.extend(values.map(|(name, value)| (format!("{kind}.{name}"), value)));
            }
        }
        found
    }

    /// Waits until all that was sent is applied and can be read.
    fn settle(&self) -> Result<()> {
        let (sender, receiver) = mpsc::channel::<Result<(), Refusal>>();
        self.engine.when_released(self.last, Box::new(move |result| drop(sender.send(result))));
        receiver.recv().context("the engine answers")??;
        Ok(())
    }

    fn change(&mut self, plan: &Arc<Plan>) -> Result<()> {
        self.settle()?;
        let started = self.engine.change_spec("changed", &plan.text, None)?;
        ensure!(started.outcome == ChangeOutcome::Filling, "the change needs no filling: it shows nothing");
        loop {
            match self.engine.change_status().map(|status| status.stage) {
                Some(ChangeStage::Switched { position, .. }) => {
                    self.last = position;
                    return self.settle();
                }
                Some(ChangeStage::Failed(refusal)) => bail!("the change failed: {refusal}"),
                _ => std::thread::yield_now(),
            }
        }
    }
}

fn text<'r>(value: Option<&'r Raw<'_>>) -> Result<&'r str> {
    match value {
        Some(Raw::Str(text)) => Ok(text),
        _ => bail!("the event lacks an entity"),
    }
}
