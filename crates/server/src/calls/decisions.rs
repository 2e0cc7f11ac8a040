//! Decisions: what was answered, why, and the same computed again.

use super::explanation::write_explanation;
use super::feeds::Names;
use crate::Shared;
use crate::replays::State;
use crate::reply::Reply;
use domain::{Answer, Code, DecisionId, Refusal};
use hyper::StatusCode;
use wire::AnswerView;

/// What was answered.
pub(crate) fn read(shared: &Shared, id: &str) -> Result<Reply, Refusal> {
    let id = parse(id)?;
    let answer = shared.engine.decision(id)?;
    let mut body = Vec::new();
    write(shared, id, &answer, &mut body)?;
    Ok(Reply::json(body))
}

/// Why, for people.
pub(crate) fn explain_as_text(shared: &Shared, id: &str) -> Result<Reply, Refusal> {
    Ok(Reply::text(shared.engine.explain(parse(id)?)?.to_string()))
}

/// Why.
pub(crate) fn explain(shared: &Shared, id: &str) -> Result<Reply, Refusal> {
    let explanation = shared.engine.explain(parse(id)?)?;
    let mut body = Vec::new();
    write_explanation(&mut body, &explanation);
    Ok(Reply::json(body))
}

/// The same again: 202 with the progress while it is computed, then the comparison.
pub(crate) fn replay(shared: &Shared, id: &str) -> Result<Reply, Refusal> {
    let id = parse(id)?;
    let mut body = b"{\"decision\":".to_vec();
    wire::write_text(&mut body, &id.to_string());
    match shared.replays.ask(&shared.engine, id)? {
        State::Running { done, total } => {
            body.extend_from_slice(b",\"state\":\"running\",\"done\":");
            wire::write_uint(&mut body, done);
            body.extend_from_slice(b",\"total\":");
            wire::write_uint(&mut body, total);
            body.push(b'}');
            Ok(Reply::json(body).with_status(StatusCode::ACCEPTED))
        }
        State::Failed(refusal) => Err(refusal),
        State::Done(replayed) => {
            body.extend_from_slice(b",\"state\":\"done\",\"identical\":");
            body.extend_from_slice(if replayed.identical { b"true" } else { b"false" });
            body.extend_from_slice(b",\"differences\":");
            wire::write_array(&mut body, &replayed.differences, |out, difference| wire::write_text(out, difference));
            body.extend_from_slice(b",\"answer\":");
            write(shared, id, &replayed.answer, &mut body)?;
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
