//! What messages mean: events as the domain has them, verdicts as clients see them.

use crate::generated::value::Kind;
use crate::generated::{self as proto, decide_response::Answer};
use domain::{Code, Event, Field, Payload, Raw, Refusal, Time, limits};
use std::borrow::Cow;
use std::collections::BTreeMap;
use wire::{Batch, Form, LineRefusal, VerdictView};

/// The events of messages that follow one another, each on a line of its own number, from 1.
pub(crate) fn batch<'m>(events: impl Iterator<Item = Option<&'m proto::Event>>, kind: &'m str) -> Batch<'m> {
    let mut batch = Batch { form: Form::Many, payloads: Vec::new(), lines: Vec::new(), refused: Vec::new() };
    for (message, line) in events.zip(1..) {
        match event(message, kind) {
            Ok(event) => {
                batch.payloads.push(Payload::Event(event));
                batch.lines.push(line);
            }
            Err(refusal) => batch.refused.push(LineRefusal { line, refusal }),
        }
    }
    batch
}

/// An event of this type, within the limits that its JSON would have.
fn event<'m>(message: Option<&'m proto::Event>, kind: &'m str) -> Result<Event<'m>, Refusal> {
    let missing = || Refusal::new(Code::MissingField, "event", "send the event that is to be decided on");
    let message = message.ok_or_else(missing)?;
    if message.fields.len() > limits::FIELDS_MAX {
        let said = format!("an event has at most {} fields", limits::FIELDS_MAX);
        return Err(Refusal::new(Code::TooMany, "fields", said));
    }
    for (name, text) in [("id", &message.id), ("source", &message.source)] {
        bounded(name, text, limits::KEY_BYTES_MAX)?;
    }
    let time = message.time_ms.map(time_of).transpose()?;
    let fields = message.fields.iter().map(|(name, value)| {
        bounded(name, name, limits::NAME_BYTES_MAX)?;
        let value = raw(value, true).map_err(|(code, said)| Refusal::new(code, name.as_str(), said))?;
        Ok(Field { name: Cow::Borrowed(name.as_str()), value })
    });
    let fields = fields.collect::<Result<_, Refusal>>()?;
    let id = (!message.id.is_empty()).then_some(Cow::Borrowed(message.id.as_str()));
    Ok(Event { kind: Cow::Borrowed(kind), source: Cow::Borrowed(&message.source), id, time, fields })
}

fn bounded(field: &str, text: &str, max: usize) -> Result<(), Refusal> {
    if text.len() <= max {
        return Ok(());
    }
    Err(Refusal::new(
        Code::TooLarge,
        &field[..field.floor_char_boundary(64)],
        format!("at most {max} bytes are taken here"),
    ))
}

fn time_of(ms: i64) -> Result<Time, Refusal> {
    if (limits::TIME_MIN_MS..=limits::TIME_MAX_MS).contains(&ms) {
        return Ok(Time(ms));
    }
    Err(Refusal::new(Code::TimeOutOfRange, "time_ms", "the time must lie between the years 1970 and 9999"))
}

/// A value; a list only where none is around it already.
fn raw(value: &proto::Value, lists: bool) -> Result<Raw<'_>, (Code, String)> {
    Ok(match &value.kind {
        None => Raw::Null,
        Some(Kind::Truth(truth)) => Raw::Bool(*truth),
        Some(Kind::Integer(integer)) => Raw::Int(*integer),
        Some(Kind::Number(number)) if number.is_finite() => Raw::Float(*number),
        Some(Kind::Number(_)) => return Err((Code::InvalidValue, "send a finite number, or none".to_owned())),
        Some(Kind::Text(text)) if text.len() > limits::STRING_BYTES_MAX => {
            return Err((Code::TooLarge, format!("a string has at most {} bytes", limits::STRING_BYTES_MAX)));
        }
        Some(Kind::Text(text)) => Raw::Str(Cow::Borrowed(text)),
        Some(Kind::List(_)) if !lists => return Err((Code::WrongType, "a list holds no lists".to_owned())),
        Some(Kind::List(list)) if list.values.len() > limits::VECTOR_MAX => {
            return Err((Code::TooMany, format!("a list has at most {} elements", limits::VECTOR_MAX)));
        }
        Some(Kind::List(list)) => {
            Raw::List(list.values.iter().map(|value| raw(value, false)).collect::<Result<_, _>>()?)
        }
    })
}

/// Hears what became of events as messages.
#[derive(Default)]
pub(crate) struct Answers {
    pub(crate) answers: Vec<proto::DecideResponse>,
    /// How many messages came before those that are told of.
    pub(crate) before: u64,
    /// The first refusal, for a call of one event.
    pub(crate) refused: Option<Refusal>,
}

impl server::Listener for Answers {
    fn decided(&mut self, verdict: &VerdictView<'_>) {
        let number = self.before + self.answers.len() as u64 + 1;
        let answer = Some(Answer::Verdict(verdict_of(verdict)));
        self.answers.push(proto::DecideResponse { number, answer });
    }

    fn refused(&mut self, line: u32, refusal: Refusal) {
        let answer = Some(Answer::Error(error_of(&refusal)));
        self.answers.push(proto::DecideResponse { number: self.before + u64::from(line), answer });
        self.refused.get_or_insert(refusal);
    }
}

fn error_of(refusal: &Refusal) -> proto::Error {
    proto::Error {
        code: refusal.code.as_str().to_owned(),
        field: refusal.field.to_string(),
        message: refusal.message.clone(),
    }
}

pub(crate) fn verdict_of(view: &VerdictView<'_>) -> proto::Verdict {
    let reasons = view.reasons.iter().map(|reason| proto::Reason {
        rule: reason.rule.to_owned(),
        score: reason.score,
        outcome: reason.outcome.map(ToOwned::to_owned),
        reason: reason.reason.clone(),
        tags: reason.tags.to_vec(),
        shadow: reason.shadow,
    });
    let facts = view.facts.iter().flatten().map(|(name, value)| ((*name).to_owned(), value_of(value)));
    proto::Verdict {
        id: view.id.to_string(),
        decision: view.decision.to_owned(),
        outcome: view.outcome.to_owned(),
        fallback: view.fallback,
        score: view.score,
        tier: view.tier.map(ToOwned::to_owned),
        reasons: reasons.collect(),
        duplicate: view.duplicate,
        plan: view.plan.0,
        now_ms: view.now.0,
        facts: facts.collect::<BTreeMap<_, _>>(),
    }
}

pub(crate) fn value_of(raw: &Raw<'_>) -> proto::Value {
    let kind = match raw {
        Raw::Null => None,
        Raw::Bool(truth) => Some(Kind::Truth(*truth)),
        Raw::Int(integer) => Some(Kind::Integer(*integer)),
        Raw::Float(number) => Some(Kind::Number(*number)),
        Raw::Str(text) => Some(Kind::Text(text.to_string())),
        Raw::List(list) => Some(Kind::List(proto::List { values: list.iter().map(value_of).collect() })),
    };
    proto::Value { kind }
}
