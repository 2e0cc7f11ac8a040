//! The review queue: decisions that wait for a person are listed, claimed and decided. What a person does is judged under the
//! sequencer's lock, once all that was appended before it is known, and is then a record of the log like any.

use super::casebook::{Case, CaseKey, Casebook, Claimed};
use crate::core::{Core, Submitted, validated};
use crate::generation::Generation;
use crate::ring::{Latch, Message};
use crate::sequencer::{Prepared, Sequencer};
use domain::{
    Code, DecisionId, Event, Field, Payload, PlanVersion, Position, Raw, Refusal, Review, ReviewAct, Span, Time, Type,
    limits,
};
use journal::Disk;
use spec::Plan;
use spec::plan::{Decision, DecisionLabels, DecisionReview, ReviewAnswer};
use std::collections::BTreeSet;
use std::sync::Arc;

/// What label events made of reviews have as their source.
const SOURCE: &str = "review";

/// What a person asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReviewAsked {
    /// The decided event.
    pub case: DecisionId,
    /// The decision's name.
    pub decision: String,
    /// Who asks.
    pub by: String,
    /// What is to be done.
    pub verb: ReviewVerb,
}

/// What can be done with a case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReviewVerb {
    /// Take it, or go on having it.
    Claim,
    /// Give it back.
    Release,
    /// Answer it.
    Decide {
        /// One of the answers that the spec declares.
        answer: String,
        /// Why.
        reason: String,
    },
}

/// What came of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Reviewed {
    /// The case afterwards.
    pub case: ReviewCase,
    /// Whether a label event was written: a decided event without an id of its own cannot be labelled.
    pub labelled: bool,
    /// What must be durable before this is said.
    pub position: Position,
}

/// A case as people see it.
#[derive(Clone, Debug, PartialEq)]
pub struct ReviewCase {
    /// The decided event: with the decision's name it names the case.
    pub id: DecisionId,
    /// The decision's name.
    pub decision: String,
    /// What came out.
    pub outcome: String,
    /// The tier, if the score reached one.
    pub tier: Option<String>,
    /// The score.
    pub score: f64,
    /// What the rules that fired say.
    pub said: String,
    /// The client's id of the event.
    pub event: Option<String>,
    /// Whether a caller was given the decision's fallback instead of `outcome`, as far as that is remembered.
    pub given_fallback: bool,
    /// The plan that decided.
    pub plan: PlanVersion,
    /// The log's time at the event.
    pub at: Time,
    /// How long it has waited, or waited until it was decided.
    pub age: Span,
    /// Who has it, and until when.
    pub claimed: Option<(String, Time)>,
    /// What a person decided.
    pub closed: Option<ReviewClosed>,
}

/// What a person decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReviewClosed {
    /// Who.
    pub by: String,
    /// When, by log time.
    pub at: Time,
    /// The answer.
    pub answer: String,
    /// Why.
    pub reason: String,
}

/// Which cases are asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReviewQuery {
    /// Only of this decision.
    pub decision: Option<String>,
    /// Only of this tier.
    pub tier: Option<String>,
    /// Only those that somebody has, or nobody.
    pub claimed: Option<bool>,
    /// Only those that this person has.
    pub by: Option<String>,
    /// Only those that have waited for so long.
    pub older: Option<Span>,
    /// Those that were decided, instead of those that wait.
    pub closed: bool,
    /// Only those behind this one.
    pub after: Option<(Position, String)>,
    /// At most so many; at most `limits::REVIEW_PAGE_MAX`.
    pub limit: usize,
}

/// A part of the queue.
#[derive(Clone, Debug, PartialEq)]
pub struct ReviewPage {
    /// The oldest first.
    pub cases: Vec<ReviewCase>,
    /// How many wait in all.
    pub open: usize,
    /// How many have given way undecided, since there is room for `limits::REVIEWS_OPEN_MAX`.
    pub gave_way: u64,
    /// The last one, if there are more.
    pub next: Option<(Position, String)>,
    /// From where on decisions were looked at, if that is not the log's beginning.
    pub since: Option<(Position, Time)>,
    /// What must be durable before this is said.
    pub position: Position,
}

impl ReviewCase {
    fn of(book: &Casebook, (position, place): CaseKey, case: &Case, now: Time) -> ReviewCase {
        let tally = &book.tallies[usize::from(place)];
        let name = |place: u16| tally.outcomes[usize::from(place)].clone();
        let claimed = |held: &Claimed| (held.by.to_string(), held.until);
        ReviewCase {
            id: case.id(position),
            decision: tally.name.clone(),
            outcome: name(case.outcome),
            tier: case.tier.map(name),
            score: case.score,
            said: case.said.to_string(),
            event: case.client.as_ref().map(|id| id.to_string()),
            given_fallback: book.was_given((position, place), case.epoch),
            plan: case.version,
            at: case.log_time,
            age: now.since(case.log_time),
            claimed: case.held(now).map(claimed),
            closed: None,
        }
    }

    /// A case by its key, open or decided.
    fn at(book: &Casebook, key: CaseKey, now: Time) -> Option<ReviewCase> {
        if let Some(case) = book.queue.open.get(&key) {
            return Some(ReviewCase::of(book, key, case, now));
        }
        let of = book.queue.closed.get(&key)?;
        let closed = ReviewClosed {
            by: of.by.to_string(),
            at: of.at,
            answer: of.answer.to_string(),
            reason: of.reason.to_string(),
        };
        Some(ReviewCase { closed: Some(closed), claimed: None, ..ReviewCase::of(book, key, &of.case, of.at) })
    }

    fn find(book: &Casebook, id: DecisionId, decision: &str, now: Time) -> Option<ReviewCase> {
        ReviewCase::at(book, book.key_of(id, decision)?, now).filter(|case| case.id == id)
    }
}

impl ReviewQuery {
    /// Whether a case is asked for; looked at before anything is made of it, since thousands may wait.
    fn takes(&self, book: &Casebook, key: CaseKey, now: Time) -> bool {
        let is = |wanted: &Option<String>, found: Option<&str>| wanted.as_deref().is_none_or(|of| Some(of) == found);
        let closed = book.queue.closed.get(&key).filter(|_| self.closed);
        let Some(case) = closed.map(|of| &of.case).or_else(|| book.queue.open.get(&key)) else { return false };
        let (tally, held) = (&book.tallies[usize::from(key.1)], case.held(now).filter(|_| closed.is_none()));
        let by = held.map(|of| &*of.by).or(closed.map(|of| &*of.by));
        is(&self.decision, Some(&tally.name))
            && is(&self.tier, case.tier.map(|tier| tally.outcomes[usize::from(tier)].as_str()))
            && self.claimed.is_none_or(|wanted| wanted == held.is_some())
            && is(&self.by, by)
            && self.older.is_none_or(|least| closed.map_or(now, |of| of.at).since(case.log_time) >= least)
    }

    /// Names that nothing can have are a mistake, and no empty page.
    fn check(&self, book: &Casebook, plan: &Plan) -> Result<(), Refusal> {
        let declared = |name: &str| plan.decision(name).map(|at| &plan.decisions[usize::from(at)]);
        let counted = |name: &str| book.tallies.iter().find(|tally| tally.name == name);
        if let Some(name) = &self.decision
            && declared(name).is_none()
            && counted(name).is_none()
        {
            let known = plan.decisions.iter().filter(|of| of.review.is_some()).map(|of| of.name.as_str());
            let message = format!("there is no decision '{name}'; {}", one_of(known));
            return Err(Refusal::new(Code::UnknownDecision, "decision", message));
        }
        let Some(tier) = &self.tier else { return Ok(()) };
        let wanted = |name: &str| self.decision.as_deref().is_none_or(|of| of == name);
        let kept = book.tallies.iter().filter(|tally| wanted(&tally.name)).flat_map(|tally| &tally.outcomes);
        let of_plan = plan.decisions.iter().filter(|of| wanted(&of.name));
        let known: BTreeSet<&str> = of_plan
            .flat_map(|of| of.tiers.iter().map(|tier| of.outcomes[usize::from(tier.outcome)].as_str()))
            .collect();
        if known.contains(tier.as_str()) || kept.into_iter().any(|name| name == tier) {
            return Ok(());
        }
        Err(Refusal::new(Code::InvalidValue, "tier", format!("there is no tier '{tier}'; {}", one_of(known))))
    }
}

/// What may be asked for instead.
fn one_of<'n>(known: impl IntoIterator<Item = &'n str>) -> String {
    let known: Vec<&str> = known.into_iter().collect();
    if known.is_empty() {
        "the spec in force declares none".to_owned()
    } else {
        format!("ask for one of: {}", known.join(", "))
    }
}

impl<D: Disk> Core<D> {
    /// The log's time as it would be for a record now.
    pub(super) fn log_time_now(&self) -> Time {
        let now = self.config.clock.now();
        self.sequencer.lock().log_time.max(now)
    }

    /// A part of the review queue, the oldest first.
    ///
    /// # Errors
    /// `unknown_decision`; `invalid_value` for a tier that no decision has.
    pub fn reviews(&self, asked: &ReviewQuery) -> Result<ReviewPage, Refusal> {
        let now = self.log_time_now();
        let generation = self.generation();
        let book = generation.state.cases.lock();
        asked.check(&book, &generation.plan)?;
        let queue = &book.queue;
        let place = |name: &str| book.tallies.iter().position(|tally| tally.name == name);
        let after = asked.after.as_ref().map(|(position, name)| (*position, place(name).unwrap_or(usize::MAX)));
        let behind = |key: &CaseKey| after.is_none_or(|after| (key.0, usize::from(key.1)) > after);
        let from = (after.map_or(Position::START, |(position, _)| position), 0);
        let (open, closed) = (queue.open.range(from..), queue.closed.range(from..));
        let open = open.map(|(key, _)| *key).filter(|_| !asked.closed);
        let keys = open.chain(closed.map(|(key, _)| *key).filter(|_| asked.closed)).filter(behind);
        let (mut cases, mut next) = (Vec::new(), None);
        for case in keys.filter(|key| asked.takes(&book, *key, now)).filter_map(|key| ReviewCase::at(&book, key, now)) {
            if cases.len() >= asked.limit.clamp(1, limits::REVIEW_PAGE_MAX) {
                next = cases.last().map(|of: &ReviewCase| (of.id.position, of.decision.clone()));
                break;
            }
            cases.push(case);
        }
        let (open, gave_way) = (queue.open.len(), queue.gave_way);
        Ok(ReviewPage { cases, open, gave_way, next, since: book.since, position: book.seen })
    }

    /// One case, open or decided, and what must be durable before it is told.
    ///
    /// # Errors
    /// `unknown_review`.
    pub fn review_case(&self, id: DecisionId, decision: &str) -> Result<(ReviewCase, Position), Refusal> {
        let now = self.log_time_now();
        let generation = self.generation();
        let book = generation.state.cases.lock();
        let found = ReviewCase::find(&book, id, decision, now).map(|case| (case, book.seen));
        found.ok_or_else(|| {
            let message = format!("no case {id} of '{decision}' waits for a person or was decided lately");
            Refusal::new(Code::UnknownReview, "case", message)
        })
    }

    /// Claims, releases or decides a case.
    ///
    /// # Errors
    /// `unknown_review`; `review_claimed` if somebody else has it, `review_decided` if it was decided, each with who and when;
    /// `missing_field`, `invalid_value`, `too_large`; `unknown_decision` if the spec in force has no reviews of this name; what a label
    /// event is refused for.
    pub fn review(&self, asked: &ReviewAsked) -> Result<Reviewed, Refusal> {
        checked(asked)?;
        self.refuse_if_closed()?;
        // Before the lock: it is read from the disk.
        let event = self.reader.record(asked.case.position).ok().flatten();
        let event = event.as_ref().and_then(|of| match Payload::decode(of.header.kind, &of.payload) {
            Ok(Payload::Event(event)) if of.header.epoch == asked.case.epoch => Some(event),
            _ => None,
        });
        let mut sequencer = self.sequencer.lock();
        self.refuse_if_busy(&sequencer)?;
        self.let_consumers_pass(&sequencer);
        sequencer.advance(self.config.clock.now(), None);
        let generation = sequencer.generation.clone();
        let now = sequencer.log_time;
        let made = made(&generation, asked, event.as_ref(), now)?;
        let Made { payloads, labelled } = made;
        let position = match payloads.is_empty() {
            true => generation.state.cases.lock().seen,
            false => self.append_review(&mut sequencer, &generation.plan, &payloads)?,
        };
        self.let_consumers_pass(&sequencer);
        drop(sequencer);
        self.ask_for_sync(true);
        let case = ReviewCase::find(&generation.state.cases.lock(), asked.case, &asked.decision, now);
        let gone = || Refusal::new(Code::UnknownReview, "case", "the case has given way meanwhile; nothing is lost");
        Ok(Reviewed { case: case.ok_or_else(gone)?, labelled, position })
    }

    /// All of them or none.
    fn append_review(
        &self,
        sequencer: &mut Sequencer,
        plan: &Plan,
        payloads: &[Payload<'_>],
    ) -> Result<Position, Refusal> {
        let prepared = Prepared::new(payloads);
        validated(plan, payloads).into_iter().collect::<Result<Vec<()>, _>>()?;
        let mut results = self.judge_together(sequencer, payloads, &prepared);
        results.iter().cloned().collect::<Result<Vec<()>, _>>()?;
        let mut submitted = Submitted::of(payloads.len());
        self.sequence(sequencer, &prepared, &mut results, &mut submitted)?;
        submitted.results.iter().try_for_each(|result| result.as_ref().map(|_| ()).map_err(Refusal::clone))?;
        Ok(submitted.last)
    }

    /// Waits until every consumer has passed what was appended: what is kept of decisions is then as new as the log.
    fn let_consumers_pass(&self, sequencer: &Sequencer) {
        if let Some(ring) = &self.ring {
            let latch = Arc::new(Latch::new(sequencer.generation.state.consumers()));
            ring.push(Message::Pass(latch.clone()));
            latch.wait();
        }
    }
}

/// What is written for a review.
struct Made<'e> {
    /// The label event, if there is one, stands first: a crash between the two leaves a case that can be decided once more.
    payloads: Vec<Payload<'e>>,
    labelled: bool,
}

/// Judges a review by what is kept, and makes its records.
fn made<'e>(
    generation: &Generation,
    asked: &'e ReviewAsked,
    event: Option<&Event<'e>>,
    now: Time,
) -> Result<Made<'e>, Refusal> {
    let act = match &asked.verb {
        // How long is known once the case is.
        ReviewVerb::Claim => ReviewAct::Claim { lease: Span(0) },
        ReviewVerb::Release => ReviewAct::Release,
        ReviewVerb::Decide { answer, reason } => {
            ReviewAct::Decide { answer: answer.as_str().into(), reason: reason.trim().into() }
        }
    };
    let (decision, by) = (asked.decision.as_str().into(), asked.by.as_str().into());
    let mut review = Review { case: asked.case, decision, by, act };
    let (client, held) = {
        let book = generation.state.cases.lock();
        let case = book.queue.judge(book.key_of(asked.case, &asked.decision), &review, now)?;
        (case.client.clone(), case.claimed.is_some())
    };
    let mut payloads = Vec::new();
    match &mut review.act {
        ReviewAct::Release if !held => return Ok(Made { payloads, labelled: false }),
        ReviewAct::Release => {}
        ReviewAct::Claim { lease } => {
            let declared = declared(&generation.plan, &asked.decision).ok();
            *lease = declared.map_or(limits::CLAIM_DEFAULT, |(_, review, _)| review.claim);
        }
        ReviewAct::Decide { answer, .. } => {
            let (decision, review, labels) = declared(&generation.plan, &asked.decision)?;
            let declared = answer_of(review, answer)?;
            let label =
                client.map(|id| label(&generation.plan, (decision, labels), asked.case, declared, (&id, event)));
            payloads.extend(label.map(Payload::Event));
        }
    }
    let labelled = !payloads.is_empty();
    payloads.push(Payload::Review(review));
    Ok(Made { payloads, labelled })
}

/// What the spec in force says of a decision's reviews.
fn declared<'p>(plan: &'p Plan, name: &str) -> Result<(&'p Decision, &'p DecisionReview, &'p DecisionLabels), Refusal> {
    let decision = plan.decision(name).map(|at| &plan.decisions[usize::from(at)]);
    let found = decision.and_then(|of| Some((of, of.review.as_ref()?, of.labels.as_ref()?)));
    found.ok_or_else(|| {
        let message =
            format!("the spec in force declares no reviews of a decision '{name}'; declare its `review` again");
        Refusal::new(Code::UnknownDecision, "decision", message)
    })
}

fn answer_of<'p>(review: &'p DecisionReview, name: &str) -> Result<&'p ReviewAnswer, Refusal> {
    review.answers.iter().find(|answer| answer.name == name).ok_or_else(|| {
        let known: Vec<&str> = review.answers.iter().map(|answer| answer.name.as_str()).collect();
        let message =
            format!("'{name}' is no answer of this decision's reviews; answer with one of: {}", known.join(", "));
        Refusal::new(Code::InvalidValue, "answer", message)
    })
}

/// The label event of an answer: its entities, and fields of the same name and type, are those of the decided event.
fn label<'e>(
    plan: &Plan,
    (decision, labels): (&Decision, &DecisionLabels),
    case: DecisionId,
    answer: &ReviewAnswer,
    (client, event): (&str, Option<&Event<'e>>),
) -> Event<'e> {
    let (of, ty) = (&plan.events[usize::from(decision.event)], &plan.events[usize::from(labels.event)]);
    let named = ty.fields[usize::from(labels.of)].name.clone();
    let set = |name: &str| name == named || answer.sets.iter().any(|(field, _)| field == name);
    let type_of = |name: &str| -> Option<&Type> { ty.fields.iter().find(|of| of.name == name).map(|of| &of.ty) };
    let same = |field: &&Field<'e>| {
        let role = |role: &spec::plan::Role| role.name == *field.name;
        let roles = of.roles.iter().find(|of| role(of)).zip(ty.roles.iter().find(|of| role(of)));
        let typed = of.fields.iter().find(|known| known.name == *field.name).map(|known| &known.ty);
        roles.is_some_and(|(one, other)| one.entity == other.entity)
            || (typed.is_some() && typed == type_of(&field.name) && !set(&field.name))
    };
    let taken = event.into_iter().flat_map(|event| &event.fields).filter(same).cloned();
    let sets = answer.sets.iter().map(|(name, value)| Field { name: name.clone().into(), value: value.clone() });
    let of = Field { name: named.clone().into(), value: Raw::Str(client.to_owned().into()) };
    Event {
        kind: ty.name.clone().into(),
        source: SOURCE.into(),
        id: Some(format!("{case}/{}/{}", decision.name, answer.name).into()),
        time: None,
        fields: taken.chain([of]).chain(sets).collect(),
    }
}

/// What can be said of a request by itself.
fn checked(asked: &ReviewAsked) -> Result<(), Refusal> {
    let too_large = |field: &str, most: usize| {
        Refusal::new(Code::TooLarge, field, format!("at most {most} bytes are allowed; say it shorter"))
    };
    if asked.by.chars().any(char::is_control) {
        let message = "a name has no control characters";
        return Err(Refusal::new(Code::InvalidValue, "by", message));
    }
    if asked.by.trim().is_empty() {
        let message = "say who does this, as in {\"by\":\"anna\"}";
        return Err(Refusal::new(Code::MissingField, "by", message));
    }
    if asked.by.len() > limits::REVIEWER_BYTES_MAX {
        return Err(too_large("by", limits::REVIEWER_BYTES_MAX));
    }
    match &asked.verb {
        ReviewVerb::Decide { reason, .. } if reason.trim().is_empty() => {
            let message = "a case is decided with a reason, as in {\"reason\":\"the card was reported stolen\"}";
            Err(Refusal::new(Code::MissingField, "reason", message))
        }
        ReviewVerb::Decide { reason, .. } if reason.len() > limits::REVIEW_REASON_BYTES_MAX => {
            Err(too_large("reason", limits::REVIEW_REASON_BYTES_MAX))
        }
        _ => Ok(()),
    }
}
