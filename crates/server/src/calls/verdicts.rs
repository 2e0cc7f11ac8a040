//! Decisions on events: each is taken, decided as of its own position, and told once it is durable. What is told goes to whoever listens:
//! a body, a stream of lines, or another protocol.

mod again;
mod json;
mod line_buffer;
mod stream;

pub(crate) use stream::Streaming;

use super::released_within;
use crate::Shared;
use crate::reply::Reply;
use again::Again;
use domain::{Code, DecisionId, Position, Refusal};
use engine::{Accepted, Decided, FiredEffect, Submitted, Telling, Verdicts};
use json::Json;
use std::sync::Arc;
use std::time::{Duration, Instant};
use wire::{Batch, LineRefusal, ReasonView, VerdictView};

/// Events submitted at once.
pub(crate) const CHUNK: usize = 256;

/// What is asked of events.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    /// The decision's name.
    pub(crate) name: Arc<str>,
    /// The type of its events.
    pub(crate) event: String,
    /// How long an answer may take.
    deadline: Option<Duration>,
    /// The outcome past it.
    fallback: String,
    /// Whether facts are told.
    facts: bool,
}

impl Asked {
    /// As the spec in force has the decision.
    ///
    /// # Errors
    /// `unknown_decision`.
    pub(crate) fn new(shared: &Shared, name: &Arc<str>, facts: bool) -> Result<Asked, Refusal> {
        let (plan, index) = shared.engine.decision_named(name)?;
        let decision = &plan.decisions[usize::from(index)];
        let deadline = decision.deadline.map(|deadline| Duration::from_millis(deadline.0.max(0) as u64));
        let event = plan.events[usize::from(decision.event)].name.clone();
        let fallback = decision.outcomes[usize::from(decision.fallback)].clone();
        Ok(Asked { name: name.clone(), event, deadline, fallback, facts })
    }
}

/// Hears what became of events, each once, in their order.
pub trait Listener {
    /// One was taken, now or before, and decided.
    fn decided(&mut self, verdict: &VerdictView<'_>);

    /// One was refused, or it is not known what became of it.
    fn refused(&mut self, line: u32, refusal: Refusal);
}

/// Takes events and answers what is decided on them: one as an object, several as one object per line, in their order.
pub(crate) async fn decide(shared: &Arc<Shared>, name: &str, bytes: &[u8], facts: bool) -> Result<Reply, Refusal> {
    let start = Instant::now();
    let asked = Asked::new(shared, &name.into(), facts)?;
    let batch = wire::parse_events_of(bytes, &asked.event)?;
    if let Some(reply) = shared.meter.events(batch.len()) {
        return Ok(reply);
    }
    let (form, mut json) = (batch.form, Json::for_lines(batch.len()));
    let taken = Taken::new(shared, asked.clone(), batch, start, false).await;
    if let Some(refusal) = taken.refused() {
        return Err(refusal.clone());
    }
    let late = taken.durable(shared).await?;
    taken.tell(shared, late, &mut json).await;
    Ok(json.reply(form))
}

/// Events of one call that have their place in the log, or were refused.
pub(crate) struct Taken {
    asked: Asked,
    chunks: Vec<Submitted>,
    /// Of all chunks.
    lines: Vec<u32>,
    /// Lines that could not be read.
    unread: Vec<LineRefusal>,
    /// Why nothing more is taken, if so, and how many chunks were before.
    stopped: Option<(usize, Refusal)>,
    end: Option<Instant>,
}

impl Taken {
    /// Takes the events of a batch that came at `start`. If others come right behind it, the disk may wait for those.
    pub(crate) async fn new(shared: &Shared, asked: Asked, batch: Batch<'_>, start: Instant, ahead: bool) -> Taken {
        let mut taken = Taken::none(asked, start);
        taken.take(shared, batch, ahead).await;
        taken
    }

    /// Nothing yet of what came at `start`.
    pub(crate) fn none(asked: Asked, start: Instant) -> Taken {
        let end = asked.deadline.map(|deadline| start + deadline);
        Taken { asked, chunks: Vec::new(), lines: Vec::new(), unread: Vec::new(), stopped: None, end }
    }

    /// Takes the events of a further batch.
    pub(crate) async fn take(&mut self, shared: &Shared, batch: Batch<'_>, ahead: bool) {
        let mut parts = batch.payloads.chunks(CHUNK).peekable();
        while let Some(payloads) = parts.next() {
            // All of them go to the disk together, since they are told together.
            let is_last = parts.peek().is_none();
            let engine = &shared.engine;
            let submitted = match &self.stopped {
                // What was taken stays taken and is said; the rest is not tried.
                Some((_, refusal)) => Err(refusal.clone()),
                None if is_last && !ahead => engine.submit(payloads, false),
                None => engine.submit_ahead(payloads),
            };
            self.chunks.push(submitted.unwrap_or_else(|refusal| {
                let refused = Submitted::refused(payloads.len(), &refusal);
                self.stopped.get_or_insert((self.chunks.len(), refusal));
                refused
            }));
            tokio::task::yield_now().await;
        }
        if batch.payloads.is_empty() && !ahead {
            // What came before, in other parts perhaps, waits for the disk, and nothing comes behind it.
            let _ = shared.engine.submit(&[], false);
        }
        self.lines.extend(batch.lines);
        self.unread.extend(batch.refused);
    }

    /// Lines that came between those that were taken are refused too.
    pub(crate) fn refuse_lines(&mut self, refused: impl Iterator<Item = LineRefusal>) {
        let had = self.unread.len();
        self.unread.extend(refused);
        if self.unread.len() > had {
            self.unread.sort_by_key(|refused| refused.line);
        }
    }

    /// Why nothing at all was taken, if so.
    pub(crate) fn refused(&self) -> Option<&Refusal> {
        self.stopped.as_ref().filter(|(before, _)| *before == 0).map(|(_, refusal)| refusal)
    }

    /// Of a batch of which nothing is taken.
    pub(crate) fn nothing(name: &Arc<str>, batch: Batch<'_>, refusal: &Refusal) -> Taken {
        let asked =
            Asked { name: name.clone(), event: String::new(), deadline: None, fallback: String::new(), facts: false };
        let chunks = batch.payloads.chunks(CHUNK).map(|payloads| Submitted::refused(payloads.len(), refusal)).collect();
        Taken {
            asked,
            chunks,
            lines: batch.lines,
            unread: batch.refused,
            stopped: Some((0, refusal.clone())),
            end: None,
        }
    }

    /// How many events.
    pub(crate) fn len(&self) -> usize {
        self.lines.len() + self.unread.len()
    }

    /// Waits until everything taken is durable; whether the deadline came first.
    ///
    /// # Errors
    /// As [`super::released`]: it is not known then whether the events were kept.
    pub(crate) async fn durable(&self, shared: &Shared) -> Result<bool, Refusal> {
        match self.chunks.iter().map(|chunk| chunk.last).max().unwrap_or_default() {
            Position::START => Ok(false),
            last => Ok(released_within(shared, last, self.end).await?.is_none()),
        }
    }

    /// Tells what was decided.
    pub(crate) async fn tell(self, shared: &Arc<Shared>, late: bool, listener: &mut impl Listener) {
        let again = Again::of(shared, &self.chunks).await;
        let Taken { asked, chunks, lines, unread, .. } = self;
        let mut tale =
            Tale { asked, late, unread: unread.into_iter().peekable(), listener, told: Told::default(), next: 0 };
        let mut lines = &lines[..];
        for chunk in chunks {
            let (numbers, rest) = lines.split_at(chunk.results.len());
            tale.chunk(chunk, numbers, &again);
            lines = rest;
        }
        tale.unread_before(u32::MAX);
        shared.engine.note_fallbacks(&tale.asked.name, &tale.told.fallbacks);
        shared.metrics.events(tale.told.accepted, tale.told.duplicates, &[]);
        tale.told.refused.iter().for_each(|code| shared.metrics.event_refused(*code));
    }

    /// Tells of each event that this came between, unless it had been refused before.
    pub(crate) fn tell_refused(self, shared: &Shared, refusal: &Refusal, listener: &mut impl Listener) {
        let results = self.chunks.into_iter().flat_map(|chunk| chunk.results);
        let taken =
            results.zip(self.lines).map(|(result, line)| (line, result.err().unwrap_or_else(|| refusal.clone())));
        let unread = self.unread.into_iter().map(|unread| (unread.line, unread.refusal));
        let mut all: Vec<(u32, Refusal)> = taken.chain(unread).collect();
        all.sort_by_key(|(line, _)| *line);
        for (line, refusal) in all {
            shared.metrics.event_refused(refusal.code);
            listener.refused(line, refusal);
        }
    }
}

/// What became of events, counted.
#[derive(Default)]
struct Told {
    accepted: u64,
    duplicates: u64,
    refused: Vec<Code>,
    /// Of which the fallback is told.
    fallbacks: Vec<DecisionId>,
}

/// Telling, event by event.
struct Tale<'l, L> {
    asked: Asked,
    /// Whether the deadline has passed before the events were durable.
    late: bool,
    /// Lines that could not be read, by line.
    unread: std::iter::Peekable<std::vec::IntoIter<LineRefusal>>,
    listener: &'l mut L,
    told: Told,
    /// How much of what was decided on the chunk's events is told: what comes next stands there.
    next: usize,
}

/// What was decided on the event at a position.
fn on(decided: &[Decided], position: Position) -> &[Decided] {
    let from = decided.partition_point(|decided| decided.id.position < position);
    first_on(&decided[from..], position)
}

/// The same, where nothing stands before it.
fn first_on(decided: &[Decided], position: Position) -> &[Decided] {
    let count = decided.iter().take_while(|decided| decided.id.position == position).count();
    &decided[..count]
}

impl<L: Listener> Tale<'_, L> {
    /// Tells of a chunk, and of the lines before them that could not be read.
    fn chunk(&mut self, chunk: Submitted, numbers: &[u32], again: &Again) {
        self.next = 0;
        for (result, &line) in chunk.results.into_iter().zip(numbers) {
            self.unread_before(line);
            let told = match result {
                Err(refusal) => Err(refusal),
                Ok(Accepted { position, duplicate: true }) => {
                    self.told.duplicates += 1;
                    let verdicts = again.at(position).and_then(|verdicts| verdicts.ok_or_else(|| self.undecided()));
                    verdicts.and_then(|verdicts| self.verdict(position, None, verdicts))
                }
                Ok(Accepted { position, .. }) => {
                    self.told.accepted += 1;
                    let verdicts = chunk.verdicts.first().ok_or_else(|| self.undecided());
                    verdicts.and_then(|verdicts| self.verdict(position, Some(self.next), verdicts))
                }
            };
            told.unwrap_or_else(|refusal| self.refuse(line, refusal));
        }
    }

    /// Tells what was decided on the event at a position: one of this chunk, of which so much was told, or a duplicate.
    fn verdict(&mut self, position: Position, next: Option<usize>, verdicts: &Verdicts) -> Result<(), Refusal> {
        if !verdicts.made() {
            return Err(self.not_yet());
        }
        verdicts.tell(|decided, telling| {
            // Mostly all of a chunk's events were decided, one after the other.
            let ahead = next.and_then(|next| decided.get(next..)).map_or(&[][..], |rest| first_on(rest, position));
            let decided = if ahead.is_empty() { on(decided, position) } else { ahead };
            self.next += if next.is_some() { decided.len() } else { 0 };
            let decided = decided.iter().find(|decided| *decided.decision().name == *self.asked.name);
            let decided = decided.ok_or_else(|| self.undecided())?;
            let view =
                VerdictView { duplicate: next.is_none(), ..view_of(decided, telling, self.asked.facts, self.late) };
            if view.fallback {
                self.told.fallbacks.push(view.id);
            }
            self.listener.decided(&view);
            Ok(())
        })
    }

    fn unread_before(&mut self, line: u32) {
        while let Some(unread) = self.unread.next_if(|unread| unread.line < line) {
            self.refuse(unread.line, unread.refusal);
        }
    }

    fn refuse(&mut self, line: u32, refusal: Refusal) {
        self.told.refused.push(refusal.code);
        self.listener.refused(line, refusal);
    }

    /// The event was taken, and consumers have not come to it.
    fn not_yet(&self) -> Refusal {
        let message = format!(
            "the event was taken, but its features were not there at the deadline: the fallback is '{}'; send the event again, with the \
             same id, for its decision",
            self.asked.fallback
        );
        Refusal::new(Code::Timeout, "decision", message)
    }

    /// The event was taken, but under a plan that decides nothing of this name on it.
    fn undecided(&self) -> Refusal {
        let message = format!(
            "the event was taken, but the spec in force at its position has no decision '{}' on it",
            self.asked.name
        );
        Refusal::new(Code::UnknownDecision, "decision", message)
    }
}

/// What was decided, as clients see it.
pub(crate) fn view_of<'d>(decided: &'d Decided, telling: &Telling<'_>, facts: bool, late: bool) -> VerdictView<'d> {
    let (decision, verdict) = (decided.decision(), &decided.verdict);
    let outcome = |index: u16| decision.outcomes[usize::from(index)].as_str();
    let reasons = verdict.fired.iter().map(|fired| {
        let rule = &decision.rules[fired.rule as usize];
        let (score, asked) = match fired.effect() {
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
        given_fallback: false,
        score: verdict.score,
        tier: verdict.tier.map(|tier| outcome(decision.tiers[usize::from(tier)].outcome)),
        reasons: reasons.collect(),
        missing: decided.missing_fields().collect(),
        duplicate: false,
        plan: decided.version,
        now: decided.facts.now,
        facts: facts.then(|| telling.facts(decided)),
    }
}
