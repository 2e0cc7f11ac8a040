//! A feed's answer as JSON.

use super::{write_array, write_float, write_int, write_key, write_raw, write_text, write_uint};
use crate::time::write_time;
use domain::{Answer, DecisionId, FeedRequest, Recommended, Removal, Subject};

/// An answer and what its JSON needs beside it.
#[derive(Clone, Copy, Debug)]
pub struct AnswerView<'a> {
    /// The decision's id.
    pub decision: DecisionId,
    /// The answer.
    pub answer: &'a Answer,
    /// Names of the feed's routes, in the spec's order.
    pub routes: &'a [&'a str],
    /// Names of the terms of the feed's score, in the spec's order.
    pub terms: &'a [&'a str],
    /// Whether the request and examples of what filters removed are written too.
    pub detail: bool,
    /// How long the answer was held back until all that it read was durable, in microseconds.
    pub durability_wait_us: Option<u64>,
}

/// Appends the answer as a JSON object.
pub fn write_answer(out: &mut Vec<u8>, view: &AnswerView<'_>) {
    let answer = view.answer;
    out.push(b'{');
    write_key(out, "decision");
    write_text(out, &view.decision.to_string());
    write_key(out, "feed");
    write_text(out, &answer.request.feed);
    write_key(out, "plan");
    write_uint(out, u64::from(answer.plan.0));
    write_key(out, "positions");
    out.extend_from_slice(b"{\"rows\":");
    write_uint(out, answer.rows.0);
    out.extend_from_slice(b",\"epoch\":");
    write_uint(out, answer.epoch.0);
    out.push(b'}');
    write_key(out, "now");
    out.push(b'"');
    write_time(out, answer.now);
    out.push(b'"');
    write_key(out, "items");
    write_array(out, &answer.items, |out, item| write_item(out, item, view));
    write_key(out, "removed");
    write_array(out, &answer.removed, |out, removal| write_removal(out, removal, view.detail));
    write_effort(out, view);
    if view.detail {
        write_key(out, "request");
        write_request(out, &answer.request);
    }
    if let Some(wait_us) = view.durability_wait_us {
        write_key(out, "durability_wait_us");
        write_uint(out, wait_us);
    }
    out.push(b'}');
}

/// What was done, and how many candidates each route gave.
fn write_effort(out: &mut Vec<u8>, view: &AnswerView<'_>) {
    let effort = view.answer.effort;
    write_key(out, "effort");
    out.extend_from_slice(b"{\"routes_run\":");
    write_uint(out, u64::from(effort.routes_run));
    write_key(out, "candidates_scored");
    write_uint(out, u64::from(effort.candidates_scored));
    write_key(out, "reranked");
    out.extend_from_slice(if effort.reranked { b"true" } else { b"false" });
    out.push(b'}');
    write_key(out, "counts");
    out.push(b'{');
    for (route, &count) in view.answer.route_counts.iter().enumerate() {
        if route > 0 {
            out.push(b',');
        }
        name(out, view.routes, route);
        out.push(b':');
        write_uint(out, u64::from(count));
    }
    out.push(b'}');
    write_key(out, "candidates");
    write_uint(out, u64::from(view.answer.candidates));
}

fn write_item(out: &mut Vec<u8>, item: &Recommended, view: &AnswerView<'_>) {
    out.push(b'{');
    write_key(out, "item");
    write_text(out, &item.item);
    write_key(out, "score");
    write_float(out, item.score);
    write_key(out, "routes");
    write_array(out, &item.routes, |out, hit| {
        out.extend_from_slice(b"{\"route\":");
        name(out, view.routes, usize::from(hit.route));
        write_key(out, "rank");
        write_uint(out, u64::from(hit.rank));
        write_key(out, "score");
        write_float(out, hit.score);
        out.push(b'}');
    });
    write_key(out, "terms");
    write_array(out, &item.terms, |out, term| {
        out.extend_from_slice(b"{\"term\":");
        name(out, view.terms, usize::from(term.term));
        write_key(out, "value");
        write_float(out, term.value);
        out.push(b'}');
    });
    write_key(out, "moved");
    write_int(out, i64::from(item.moved));
    out.push(b'}');
}

/// A name by index; an index of another plan's is written as a number in quotes.
fn name(out: &mut Vec<u8>, names: &[&str], index: usize) {
    match names.get(index) {
        Some(name) => write_text(out, name),
        None => write_text(out, &index.to_string()),
    }
}

fn write_removal(out: &mut Vec<u8>, removal: &Removal, examples: bool) {
    out.push(b'{');
    write_key(out, "reason");
    write_text(out, &removal.reason);
    write_key(out, "count");
    write_uint(out, u64::from(removal.count));
    if examples {
        write_key(out, "examples");
        write_array(out, &removal.examples, |out, item| write_text(out, item));
    }
    out.push(b'}');
}

fn write_request(out: &mut Vec<u8>, request: &FeedRequest) {
    out.push(b'{');
    match &request.subject {
        Subject::Anonymous => {}
        Subject::User(user) => {
            write_key(out, "user");
            write_text(out, user);
        }
        Subject::Item(item) => {
            write_key(out, "item");
            write_text(out, item);
        }
    }
    write_key(out, "recent");
    write_array(out, &request.recent, |out, item| write_text(out, item));
    write_key(out, "exclude");
    write_array(out, &request.exclude, |out, item| write_text(out, item));
    write_key(out, "context");
    out.push(b'{');
    for (place, (name, value)) in request.context.iter().enumerate() {
        if place > 0 {
            out.push(b',');
        }
        write_text(out, name);
        out.push(b':');
        write_raw(out, value);
    }
    out.push(b'}');
    write_key(out, "count");
    write_uint(out, u64::from(request.count));
    write_key(out, "seed");
    write_uint(out, request.seed);
    if let Some(deadline) = request.deadline {
        write_key(out, "deadline");
        write_text(out, &deadline.to_string());
    }
    out.push(b'}');
}
