//! Decisions on events: each is taken, decided as of its own position, and answered once it is durable.

use super::{off_thread, released_within};
use crate::Shared;
use crate::metrics::Metrics;
use crate::reply::{NDJSON, Reply};
use domain::{Code, Position, Refusal};
use engine::{Accepted, Decided, DecidedAgain, FiredEffect, Submitted, Telling, Verdicts};
use std::sync::Arc;
use std::time::{Duration, Instant};
use wire::{Batch, Form, LineRefusal, ReasonView, VerdictView};

/// Events submitted at once.
const CHUNK: usize = 256;
/// What most verdicts take, in bytes.
const VERDICT_BYTES: usize = 320;

/// A call's parts that are the same for all its lines.
struct Asked<'c> {
    /// The decision's name.
    name: &'c str,
    /// Whether facts are told.
    facts: bool,
}

/// Takes events and answers what is decided on them: one as an object, several as one object per line, in their order.
pub(crate) async fn decide(shared: &Arc<Shared>, name: &str, bytes: &[u8], facts: bool) -> Result<Reply, Refusal> {
    let start = Instant::now();
    let (plan, index) = shared.engine.decision_named(name)?;
    let decision = &plan.decisions[usize::from(index)];
    let batch = wire::parse_events_of(bytes, &plan.events[usize::from(decision.event)].name)?;
    if let Some(reply) = shared.meter.events(batch.payloads.len() + batch.refused.len()) {
        return Ok(reply);
    }
    let end = decision.deadline.map(|deadline| start + Duration::from_millis(deadline.0.max(0) as u64));
    let chunks = submit(shared, &batch).await?;
    let last = chunks.iter().map(|chunk| chunk.last).max().unwrap_or_default();
    let late = match last {
        Position::START => false,
        last => released_within(shared, last, end).await?.is_none(),
    };
    let again = Again::of(shared, &chunks).await;
    let mut lines = Lines {
        asked: Asked { name, facts },
        late,
        body: Vec::new(),
        unread: batch.refused.into_iter().peekable(),
        first: None,
        metrics: &shared.metrics,
        accepted: 0,
        duplicates: 0,
    };
    lines.body.reserve(batch.payloads.len() * VERDICT_BYTES);
    for (chunk, numbers) in chunks.into_iter().zip(batch.lines.chunks(CHUNK)) {
        lines.chunk(chunk, numbers, &again);
    }
    shared.metrics.events(lines.accepted, lines.duplicates, &[]);
    Ok(lines.finish(batch.form))
}

async fn submit(shared: &Shared, batch: &Batch<'_>) -> Result<Vec<Submitted>, Refusal> {
    let mut chunks = Vec::new();
    for payloads in batch.payloads.chunks(CHUNK) {
        match shared.engine.submit(payloads, false) {
            Ok(submitted) => chunks.push(submitted),
            Err(refusal) if chunks.is_empty() => return Err(refusal),
            // What was taken stays taken and is said; the rest was not tried.
            Err(refusal) => {
                let tried: usize = chunks.iter().map(|chunk: &Submitted| chunk.results.len()).sum();
                let untried = batch.payloads[tried..].chunks(CHUNK);
                chunks.extend(untried.map(|payloads| Submitted::refused(payloads.len(), &refusal)));
                break;
            }
        }
        tokio::task::yield_now().await;
    }
    Ok(chunks)
}

/// The answer while it grows.
struct Lines<'c> {
    asked: Asked<'c>,
    /// Whether the deadline has passed before the events were durable.
    late: bool,
    body: Vec<u8>,
    /// Lines that could not be read, by line.
    unread: std::iter::Peekable<std::vec::IntoIter<LineRefusal>>,
    /// The first refusal, for a body of one event.
    first: Option<Refusal>,
    metrics: &'c Metrics,
    accepted: u64,
    duplicates: u64,
}

/// What the events of a call were decided as that had been taken before it.
#[derive(Default)]
struct Again {
    /// Those in memory.
    recent: Vec<(Position, Verdicts)>,
    /// The others, from the log.
    again: DecidedAgain,
    /// Why there are no others.
    refused: Option<Refusal>,
}

impl Again {
    /// Of all duplicates of a call, so that the log is read once for all that are no longer in memory.
    async fn of(shared: &Arc<Shared>, chunks: &[Submitted]) -> Again {
        let taken = chunks.iter().flat_map(|chunk| &chunk.results).filter_map(|result| result.as_ref().ok());
        let (mut told, mut forgotten) = (Again::default(), Vec::new());
        for position in taken.filter(|accepted| accepted.duplicate).map(|accepted| accepted.position) {
            match shared.engine.decided_lately(position) {
                Some(verdicts) => told.recent.push((position, verdicts)),
                None => forgotten.push(position),
            }
        }
        told.recent.sort_by_key(|(position, _)| *position);
        if forgotten.is_empty() {
            return told;
        }
        match off_thread(shared, move |shared| shared.replays.decide(&shared.engine, &forgotten)).await {
            Ok(again) => told.again = again,
            Err(refusal) => told.refused = Some(refusal),
        }
        told
    }

    /// Where the decisions on the event at a position stand, if there are any.
    fn at(&self, position: Position) -> Result<Option<&Verdicts>, Refusal> {
        if let Ok(at) = self.recent.binary_search_by_key(&position, |(position, _)| *position) {
            return Ok(Some(&self.recent[at].1));
        }
        if let Some(refusal) = &self.refused {
            return Err(refusal.clone());
        }
        let refused = &self.again.refused;
        if let Ok(at) = refused.binary_search_by_key(&position, |(position, _)| *position) {
            return Err(refused[at].1.clone());
        }
        let has = |verdicts: &&Verdicts| verdicts.tell(|decided, _| !on(decided, position).is_empty());
        Ok(self.again.verdicts.iter().find(has))
    }
}

/// What was decided on the event at a position.
fn on(decided: &[Decided], position: Position) -> &[Decided] {
    let from = decided.partition_point(|decided| decided.id.position < position);
    let to = decided.partition_point(|decided| decided.id.position <= position);
    &decided[from..to]
}

impl Lines<'_> {
    /// Adds the lines of a chunk, and those before them that could not be read.
    fn chunk(&mut self, chunk: Submitted, numbers: &[u32], again: &Again) {
        for (result, &line) in chunk.results.into_iter().zip(numbers) {
            while let Some(unread) = self.unread.next_if(|unread| unread.line < line) {
                self.refuse(unread);
            }
            let told = match result {
                Err(refusal) => Err(refusal),
                Ok(Accepted { position, duplicate: true }) => {
                    self.duplicates += 1;
                    let verdicts = again.at(position).and_then(|verdicts| verdicts.ok_or_else(|| self.undecided()));
                    verdicts.and_then(|verdicts| self.verdict(position, true, verdicts))
                }
                Ok(Accepted { position, .. }) => {
                    self.accepted += 1;
                    let verdicts = chunk.verdicts.first().ok_or_else(|| self.undecided());
                    verdicts.and_then(|verdicts| self.verdict(position, false, verdicts))
                }
            };
            told.unwrap_or_else(|refusal| self.refuse(LineRefusal { line, refusal }));
        }
    }

    /// Adds what was decided on the event at a position.
    fn verdict(&mut self, position: Position, duplicate: bool, verdicts: &Verdicts) -> Result<(), Refusal> {
        verdicts.tell(|decided, telling| {
            let decided = on(decided, position).iter().find(|decided| decided.decision().name == self.asked.name);
            let decided = decided.ok_or_else(|| self.undecided())?;
            let view = VerdictView { duplicate, ..view_of(decided, telling, self.asked.facts, self.late) };
            wire::write_verdict(&mut self.body, &view);
            self.body.push(b'\n');
            Ok(())
        })
    }

    fn refuse(&mut self, refused: LineRefusal) {
        self.metrics.event_refused(refused.refusal.code);
        wire::write_undecided(&mut self.body, &refused);
        self.body.push(b'\n');
        self.first.get_or_insert(refused.refusal);
    }

    /// The event was taken, but under a plan that decides nothing of this name on it.
    fn undecided(&self) -> Refusal {
        let message = format!(
            "the event was taken, but the spec in force at its position has no decision '{}' on it",
            self.asked.name
        );
        Refusal::new(Code::UnknownDecision, "decision", message)
    }

    fn finish(mut self, form: Form) -> Reply {
        while let Some(unread) = self.unread.next() {
            self.refuse(unread);
        }
        match (form, &self.first) {
            (Form::One, Some(refusal)) => Reply::refused(refusal),
            (Form::One, None) => Reply::json(self.body),
            (Form::Many, _) => Reply { content_type: NDJSON, ..Reply::json(self.body) },
        }
    }
}

/// What was decided, as clients see it.
pub(crate) fn view_of<'d>(decided: &'d Decided, telling: &Telling<'_>, facts: bool, late: bool) -> VerdictView<'d> {
    let (decision, verdict) = (decided.decision(), &decided.verdict);
    let outcome = |index: u16| decision.outcomes[usize::from(index)].as_str();
    let reasons = verdict.fired.iter().map(|fired| {
        let rule = &decision.rules[fired.rule as usize];
        let (score, asked) = match fired.effect {
            FiredEffect::Added(score) => (Some(score), None),
            FiredEffect::Asked(asked) => (None, Some(outcome(asked))),
        };
        let reason = telling.reason(decided, fired.rule);
        ReasonView { rule: &rule.id, score, outcome: asked, reason, tags: &rule.tags, shadow: rule.shadow }
    });
    VerdictView {
        id: decided.id,
        decision: &decision.name,
        outcome: outcome(if late { decision.fallback } else { verdict.outcome }),
        fallback: late,
        score: verdict.score,
        tier: verdict.tier.map(|tier| outcome(decision.tiers[usize::from(tier)].outcome)),
        reasons: reasons.collect(),
        duplicate: false,
        plan: decided.version,
        now: decided.facts.now,
        facts: facts.then(|| telling.facts(decided)),
    }
}
