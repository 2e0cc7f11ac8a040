//! The review queue: cases are listed, claimed, given back and decided.

use super::{off_thread, released};
use crate::Shared;
use crate::query::Query;
use crate::reply::Reply;
use domain::{Code, DecisionId, Position, Refusal, Span, Time, limits};
use engine::{ReviewAsked, ReviewCase, ReviewPage, ReviewQuery, ReviewVerb, Reviewed};
use std::sync::Arc;
use wire::{write_array, write_float, write_key, write_text, write_time, write_uint};

/// Cases returned unless the query says.
const LIMIT_DEFAULT: usize = 100;

/// What a call does to a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    Claim,
    Release,
    Decide,
}

/// Takes which cases are asked for out of a query.
pub(crate) fn take(query: &mut Query) -> Result<ReviewQuery, Refusal> {
    let wrong = |field: &str, message: &str| Refusal::new(Code::InvalidValue, field, message);
    let claimed = match query.value("claimed").as_deref() {
        None => None,
        Some("true") => Some(true),
        Some("false") => Some(false),
        Some(_) => return Err(wrong("claimed", "must be 'true' or 'false'")),
    };
    let older = query
        .value("older")
        .map(|text| Span::parse(&text).ok_or_else(|| wrong("older", "must be a duration, as in '30m'")));
    let after = query.value("after").map(|text| {
        let parts = text.split_once('/').and_then(|(id, name)| Some((DecisionId::parse(id)?, name.to_owned())));
        let parts = parts.map(|(id, name)| (id.position, name));
        parts.ok_or_else(|| wrong("after", "must be the `next` of the page before"))
    });
    let limit = query.limit(LIMIT_DEFAULT, limits::REVIEW_PAGE_MAX);
    let closed = match query.value("state").as_deref() {
        None | Some("open") => false,
        Some("decided") => true,
        Some(_) => return Err(wrong("state", "must be 'open' or 'decided'")),
    };
    Ok(ReviewQuery {
        decision: query.value("decision"),
        tier: query.value("tier"),
        claimed,
        by: query.value("by"),
        older: older.transpose()?,
        closed,
        after: after.transpose()?,
        limit: limit?,
    })
}

/// A part of the queue, once all that it says is durable.
pub(crate) async fn list(shared: &Arc<Shared>, asked: ReviewQuery, text: bool) -> Result<Reply, Refusal> {
    let page = off_thread(shared, move |shared| shared.engine.reviews(&asked)).await?;
    if page.position > Position::START {
        released(shared, page.position).await?;
    }
    Ok(if text { Reply::text(page_text(&page)) } else { Reply::json(written(|out| write_page(out, &page))) })
}

/// One case.
pub(crate) async fn read(shared: &Shared, decision: &str, id: &str, text: bool) -> Result<Reply, Refusal> {
    let (case, position) = shared.engine.review_case(parse(id)?, decision)?;
    released(shared, position).await?;
    Ok(if text { Reply::text(case_text(&case)) } else { Reply::json(written(|out| write_case(out, &case))) })
}

/// Claims, releases or decides a case; answers once that is durable.
pub(crate) async fn act(
    shared: &Arc<Shared>,
    act: Act,
    (decision, id): (&str, &str),
    bytes: &[u8],
    text: bool,
) -> Result<Reply, Refusal> {
    let body = wire::parse_review(bytes, act == Act::Decide)?;
    let verb = match act {
        Act::Claim => ReviewVerb::Claim,
        Act::Release => ReviewVerb::Release,
        Act::Decide => {
            ReviewVerb::Decide { answer: body.answer.unwrap_or_default(), reason: body.reason.unwrap_or_default() }
        }
    };
    let asked = ReviewAsked { case: parse(id)?, decision: decision.to_owned(), by: body.by, verb };
    let Reviewed { case, labelled, position } = off_thread(shared, move |shared| shared.engine.review(&asked)).await?;
    released(shared, position).await?;
    if text {
        return Ok(Reply::text(case_text(&case)));
    }
    Ok(Reply::json(written(|out| {
        write_key(out, "case");
        out.push(b'{');
        write_case(out, &case);
        out.push(b'}');
        if act == Act::Decide {
            write_key(out, "labelled");
            out.extend_from_slice(if labelled { b"true" } else { b"false" });
        }
    })))
}

fn parse(id: &str) -> Result<DecisionId, Refusal> {
    DecisionId::parse(id).ok_or_else(|| {
        let message = "a case is named by its decision's name and id, as in /v1/reviews/card_fraud/d1-4711";
        Refusal::new(Code::InvalidValue, "id", message)
    })
}

fn written(write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = vec![b'{'];
    write(&mut out);
    out.push(b'}');
    out
}

fn write_at(out: &mut Vec<u8>, name: &str, time: Time) {
    write_key(out, name);
    out.push(b'"');
    write_time(out, time);
    out.push(b'"');
}

fn cursor((position, decision): &(Position, String)) -> String {
    format!("{}/{decision}", DecisionId { epoch: 0, position: *position })
}

fn write_page(out: &mut Vec<u8>, page: &ReviewPage) {
    write_key(out, "cases");
    write_array(out, &page.cases, |out, case| {
        out.push(b'{');
        write_case(out, case);
        out.push(b'}');
    });
    write_key(out, "open");
    write_uint(out, page.open as u64);
    write_key(out, "gave_way");
    write_uint(out, page.gave_way);
    if let Some((_, time)) = page.since {
        write_at(out, "since", time);
    }
    write_key(out, "next");
    match &page.next {
        Some(next) => write_text(out, &cursor(next)),
        None => out.extend_from_slice(b"null"),
    }
}

fn write_case(out: &mut Vec<u8>, case: &ReviewCase) {
    write_key(out, "id");
    write_text(out, &case.id.to_string());
    for (name, value) in [
        ("decision", Some(&case.decision)),
        ("outcome", Some(&case.outcome)),
        ("tier", case.tier.as_ref()),
        ("event", case.event.as_ref()),
        ("reason", Some(&case.said)),
    ] {
        if let Some(value) = value {
            write_key(out, name);
            write_text(out, value);
        }
    }
    if case.given_fallback {
        out.extend_from_slice(b",\"given\":\"fallback\"");
    }
    write_key(out, "score");
    write_float(out, case.score);
    write_key(out, "plan");
    write_uint(out, u64::from(case.plan.0));
    write_at(out, "at", case.at);
    write_key(out, "age_ms");
    write_uint(out, case.age.0.max(0) as u64);
    if let Some((by, until)) = &case.claimed {
        write_key(out, "claimed");
        out.push(b'{');
        write_key(out, "by");
        write_text(out, by);
        write_at(out, "until", *until);
        out.push(b'}');
    }
    if let Some(closed) = &case.closed {
        write_key(out, "decided");
        out.push(b'{');
        for (name, value) in [("by", &closed.by), ("answer", &closed.answer), ("reason", &closed.reason)] {
            write_key(out, name);
            write_text(out, value);
        }
        write_at(out, "at", closed.at);
        out.push(b'}');
    }
}

fn page_text(page: &ReviewPage) -> String {
    let mut text: String = page.cases.iter().map(case_text).collect();
    text.push_str(&format!("{} cases wait", page.open));
    if page.gave_way > 0 {
        text.push_str(&format!("; {} have given way undecided", page.gave_way));
    }
    if let Some((_, time)) = page.since {
        text.push_str(&format!("; decisions before {time} are not among them"));
    }
    if let Some(next) = &page.next {
        text.push_str(&format!("; more: --after {}", cursor(next)));
    }
    text.push('\n');
    text
}

fn case_text(case: &ReviewCase) -> String {
    let tier = case.tier.as_ref().map_or("no tier", |tier| tier);
    let mut text = format!(
        "{} {}  {} ({tier}) {:.4}  {} ago, at {}",
        case.decision,
        case.id,
        case.outcome,
        case.score,
        Span(case.age.0 / 1_000 * 1_000),
        case.at
    );
    if let Some(event) = &case.event {
        text.push_str(&format!("  event {event}"));
    }
    if case.given_fallback {
        text.push_str("  (the caller was given the fallback)");
    }
    if let Some((by, until)) = &case.claimed {
        text.push_str(&format!("  claimed by {by} until {until}"));
    }
    if !case.said.is_empty() {
        text.push_str(&format!("\n    {}", case.said));
    }
    if let Some(closed) = &case.closed {
        text.push_str(&format!("\n    {}: {} at {}, {}", closed.by, closed.answer, closed.at, closed.reason));
    }
    text.push('\n');
    text
}
