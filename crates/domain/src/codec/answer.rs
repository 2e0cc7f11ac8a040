//! The binary form of a decision record: the answer and all that it read.

use super::{CodecError, Input, put_int, put_option_str, put_raw, put_str, put_uint};
use crate::{
    Answer, Boost, Change, DecisionId, Effect, Effort, FeedRequest, Page, PlanVersion, Position, Recommended, Removal,
    RouteHit, Span, Step, Subject, Term, Time,
};

pub(super) fn put(out: &mut Vec<u8>, answer: &Answer) {
    put_request(out, &answer.request);
    put_uint(out, u64::from(answer.plan.0));
    put_uint(out, answer.rows.0);
    put_uint(out, answer.epoch.0);
    put_int(out, answer.now.0);
    put_uint(out, u64::from(answer.effort.routes_run));
    put_uint(out, u64::from(answer.effort.candidates_scored));
    out.push(u8::from(answer.effort.reranked));
    put_list(out, &answer.route_counts, |out, &count| put_uint(out, u64::from(count)));
    put_uint(out, u64::from(answer.candidates));
    put_list(out, &answer.removed, |out, removal| {
        put_str(out, &removal.reason);
        put_uint(out, u64::from(removal.count));
        put_list(out, &removal.examples, |out, item| put_str(out, item));
    });
    put_list(out, &answer.items, put_item);
    put_list(out, &answer.later, put_item);
    out.push(u8::from(answer.holdout));
    put_list(out, &answer.off, |out, &route| put_uint(out, u64::from(route)));
}

pub(super) fn take(input: &mut Input<'_>) -> Result<Answer, CodecError> {
    Ok(Answer {
        request: take_request(input)?,
        plan: PlanVersion(small(input.uint()?)?),
        rows: Position(input.uint()?),
        epoch: Position(input.uint()?),
        now: Time(input.int()?),
        effort: Effort {
            routes_run: small(input.uint()?)?,
            candidates_scored: small(input.uint()?)?,
            reranked: flag(input)?,
        },
        route_counts: list(input, |input| small(input.uint()?))?,
        candidates: small(input.uint()?)?,
        removed: list(input, |input| {
            Ok(Removal { reason: input.string()?, count: small(input.uint()?)?, examples: list(input, Input::string)? })
        })?,
        items: list(input, take_item)?,
        later: list(input, take_item)?,
        holdout: flag(input)?,
        off: list(input, |input| small(input.uint()?))?,
    })
}

fn put_request(out: &mut Vec<u8>, request: &FeedRequest) {
    put_str(out, &request.feed);
    match &request.subject {
        Subject::Anonymous => out.push(0),
        Subject::User(key) => {
            out.push(1);
            put_str(out, key);
        }
        Subject::Item(key) => {
            out.push(2);
            put_str(out, key);
        }
    }
    put_list(out, &request.recent, |out, item| put_str(out, item));
    put_list(out, &request.context, |out, (name, value)| {
        put_str(out, name);
        put_raw(out, value);
    });
    put_list(out, &request.exclude, |out, item| put_str(out, item));
    put_uint(out, u64::from(request.count));
    put_uint(out, request.seed);
    put_option_str(out, None);
    match request.deadline {
        None => out.push(0),
        Some(deadline) => {
            out.push(1);
            put_int(out, deadline.0);
        }
    }
    put_option_str(out, request.filter.as_deref());
    put_list(out, &request.boosts, |out, boost| {
        put_float(out, boost.by);
        put_str(out, &boost.when);
    });
    out.push(u8::from(request.pages));
    match &request.page {
        None => out.push(0),
        Some(page) => {
            out.push(1);
            put_uint(out, u64::from(page.of.epoch));
            put_uint(out, page.of.position.0);
            put_uint(out, u64::from(page.from));
            put_list(out, &page.best, |out, &best| put_float(out, best));
            put_list(out, &page.items, put_item);
        }
    }
}

fn take_request(input: &mut Input<'_>) -> Result<FeedRequest, CodecError> {
    let feed = input.string()?;
    let subject = match input.byte()? {
        0 => Subject::Anonymous,
        1 => Subject::User(input.string()?),
        2 => Subject::Item(input.string()?),
        _ => return Err(CodecError),
    };
    let recent = list(input, Input::string)?;
    let context = list(input, |input| Ok((input.string()?, input.raw(true)?.into_owned())))?;
    let exclude = list(input, Input::string)?;
    let count = small(input.uint()?)?;
    let seed = input.uint()?;
    // Reserved for the experiment variant.
    input.option(Input::string)?;
    let deadline = input.option(|input| input.int().map(Span))?;
    let filter = input.option(Input::string)?;
    let boosts = list(input, |input| Ok(Boost { by: input.float()?, when: input.string()? }))?;
    let pages = flag(input)?;
    let page = input.option(take_page)?;
    Ok(FeedRequest { feed, subject, recent, context, exclude, count, seed, deadline, filter, boosts, pages, page })
}

fn take_page(input: &mut Input<'_>) -> Result<Page, CodecError> {
    let of = DecisionId { epoch: small(input.uint()?)?, position: Position(input.uint()?) };
    Ok(Page { of, from: small(input.uint()?)?, best: list(input, Input::float)?, items: list(input, take_item)? })
}

fn put_item(out: &mut Vec<u8>, item: &Recommended) {
    put_str(out, &item.item);
    put_float(out, item.score);
    put_list(out, &item.routes, |out, hit| {
        put_uint(out, u64::from(hit.route));
        put_uint(out, u64::from(hit.rank));
        put_float(out, hit.score);
    });
    put_list(out, &item.terms, |out, term| {
        put_uint(out, u64::from(term.term));
        put_float(out, term.value);
    });
    put_int(out, i64::from(item.moved));
    put_list(out, &item.effects, put_effect);
}

fn put_effect(out: &mut Vec<u8>, effect: &Effect) {
    let (step, index) = match effect.step {
        Step::Rerank(index) => (0, index),
        Step::Policy(index) => (1, index),
        Step::Boost(index) => (2, index),
    };
    out.push(step);
    put_uint(out, u64::from(index));
    match effect.change {
        Change::Moved(places) => {
            out.push(0);
            put_int(out, i64::from(places));
        }
        Change::Scaled(factor) => {
            out.push(1);
            put_float(out, factor);
        }
        Change::Placed => out.push(2),
    }
}

fn take_effect(input: &mut Input<'_>) -> Result<Effect, CodecError> {
    let step = input.byte()?;
    let index = small(input.uint()?)?;
    let step = match step {
        0 => Step::Rerank(index),
        1 => Step::Policy(index),
        2 => Step::Boost(index),
        _ => return Err(CodecError),
    };
    let change = match input.byte()? {
        0 => Change::Moved(i16::try_from(input.int()?).map_err(|_| CodecError)?),
        1 => Change::Scaled(input.float()?),
        2 => Change::Placed,
        _ => return Err(CodecError),
    };
    Ok(Effect { step, change })
}

fn take_item(input: &mut Input<'_>) -> Result<Recommended, CodecError> {
    Ok(Recommended {
        item: input.string()?,
        score: input.float()?,
        routes: list(input, |input| {
            Ok(RouteHit { route: small(input.uint()?)?, rank: small(input.uint()?)?, score: input.float()? })
        })?,
        terms: list(input, |input| Ok(Term { term: small(input.uint()?)?, value: input.float()? }))?,
        moved: i16::try_from(input.int()?).map_err(|_| CodecError)?,
        effects: list(input, take_effect)?,
    })
}

fn put_float(out: &mut Vec<u8>, value: f64) {
    out.extend_from_slice(&value.to_bits().to_le_bytes());
}

fn put_list<T>(out: &mut Vec<u8>, list: &[T], put: impl Fn(&mut Vec<u8>, &T)) {
    put_uint(out, list.len() as u64);
    list.iter().for_each(|element| put(out, element));
}

fn list<'a, T, L: FromIterator<T>>(
    input: &mut Input<'a>,
    take: impl Fn(&mut Input<'a>) -> Result<T, CodecError>,
) -> Result<L, CodecError> {
    let count = input.len()?;
    (0..count).map(|_| take(input)).collect()
}

fn small<T: TryFrom<u64>>(value: u64) -> Result<T, CodecError> {
    T::try_from(value).map_err(|_| CodecError)
}

fn flag(input: &mut Input<'_>) -> Result<bool, CodecError> {
    match input.byte()? {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(CodecError),
    }
}
