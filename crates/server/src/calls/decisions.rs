//! Decisions: what was answered, why, and the same computed again.

use super::explanation::write_explanation;
use super::feeds::Names;
use super::journey::write_journey;
use super::{on_event, recorded};
use crate::Shared;
use crate::replays::{State, Wanted};
use crate::reply::Reply;
use domain::{Answer, Code, DecisionId, Refusal};
use hyper::StatusCode;
use wire::AnswerView;

/// What was answered.
pub(crate) fn read(shared: &Shared, id: DecisionId) -> Result<Reply, Refusal> {
    let mut body = Vec::new();
    match shared.engine.decision(id) {
        Ok(answer) => write(shared, id, &answer, &mut body)?,
        Err(refusal) if refusal.code == Code::UnknownDecision => return on_event::read(shared, id),
        Err(refusal) => return Err(refusal),
    }
    Ok(Reply::json(body))
}

/// Why; with an item the way of that item, once the decision has been computed again.
pub(crate) fn explain(shared: &Shared, id: DecisionId, item: Option<String>, text: bool) -> Result<Reply, Refusal> {
    if item.is_some() {
        return match again(shared, Wanted { id, item }, text) {
            Err(refusal) if refusal.code == Code::UnknownDecision && shared.engine.is_event(id) => {
                let message = format!("{id} is on an event, which has no items: leave `item` out");
                Err(Refusal::new(Code::InvalidValue, "item", message))
            }
            answer => answer,
        };
    }
    let explanation = match shared.engine.explain(id) {
        Err(refusal) if refusal.code == Code::UnknownDecision => return on_event::explain(shared, id, text),
        explanation => explanation?,
    };
    if text {
        return Ok(Reply::text(explanation.to_string()));
    }
    let mut body = Vec::new();
    write_explanation(&mut body, &explanation);
    Ok(Reply::json(body))
}

/// The same again: 202 with the progress while it is computed, then the comparison.
pub(crate) fn replay(shared: &Shared, id: DecisionId) -> Result<Reply, Refusal> {
    match again(shared, Wanted { id, item: None }, false) {
        Err(refusal) if refusal.code == Code::UnknownDecision => on_event::replay(shared, id),
        reply => reply,
    }
}

/// The decision that a path names, once its record is on the disk: that of a fresh answer still waits for it.
pub(crate) async fn named(shared: &Shared, id: &str) -> Result<DecisionId, Refusal> {
    let id = parse(id)?;
    recorded(shared, id).await?;
    Ok(id)
}

fn again(shared: &Shared, wanted: Wanted, text: bool) -> Result<Reply, Refusal> {
    let mut body = b"{\"decision\":".to_vec();
    wire::write_text(&mut body, &wanted.id.to_string());
    match shared.replays.ask(&shared.engine, &wanted)? {
        State::Running { done, total } => {
            body.extend_from_slice(b",\"state\":\"running\",\"done\":");
            wire::write_uint(&mut body, done);
            body.extend_from_slice(b",\"total\":");
            wire::write_uint(&mut body, total);
            body.push(b'}');
            Ok(Reply::json(body).with_status(StatusCode::ACCEPTED))
        }
        State::Failed(refusal) => Err(refusal),
        State::Told(journeyed) if text => Ok(Reply::text(journeyed.to_string())),
        State::Told(journeyed) => {
            body.extend_from_slice(b",\"state\":\"done\"");
            write_journey(&mut body, &journeyed);
            body.push(b'}');
            Ok(Reply::json(body))
        }
        State::Done(replayed) => {
            body.extend_from_slice(b",\"state\":\"done\",\"identical\":");
            wire::write_bool(&mut body, replayed.identical);
            body.extend_from_slice(b",\"differences\":");
            wire::write_array(&mut body, &replayed.differences, |out, difference| wire::write_text(out, difference));
            body.extend_from_slice(b",\"answer\":");
            write(shared, wanted.id, &replayed.answer, &mut body)?;
            body.push(b'}');
            Ok(Reply::json(body))
        }
    }
}

fn parse(id: &str) -> Result<DecisionId, Refusal> {
    let wrong = || Refusal::new(Code::InvalidValue, "id", "a decision's id is as the answer gave it, such as d1-42");
    DecisionId::parse(id).ok_or_else(wrong)
}

/// Writes an answer with the names of the plan that gave it.
fn write(shared: &Shared, id: DecisionId, answer: &Answer, out: &mut Vec<u8>) -> Result<(), Refusal> {
    let plan = shared.engine.plan_of(answer.plan)?;
    let names = Names::of(&plan, &answer.request.feed);
    let view = AnswerView {
        decision: id,
        answer,
        routes: &names.routes,
        terms: &names.terms,
        reranks: &names.reranks,
        detail: true,
        next: None,
        durability_wait_us: None,
    };
    wire::write_answer(out, &view);
    Ok(())
}
