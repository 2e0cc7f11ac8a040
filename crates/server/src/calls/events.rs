//! Events and bulk entities: parsed, submitted, and acknowledged line by line once they are durable.

use super::released;
use crate::Shared;
use crate::query::Query;
use crate::reply::{Reply, status_of};
use domain::{Code, Payload, Position, Refusal};
use hyper::StatusCode;
use wire::{Applied, Batch, Form, LineOutcome, LineRefusal};

/// Payloads submitted at once: other requests of this thread get their turn between two chunks.
const CHUNK: usize = 256;

/// What the query asks.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Options {
    /// All or nothing.
    atomic: bool,
    /// Whether taken lines are listed too.
    all_results: bool,
}

impl Options {
    /// Takes `atomic` and `results` out of the query.
    pub(crate) fn take(query: &mut Query) -> Result<Options, Refusal> {
        Ok(Options {
            atomic: query.choice("atomic", "true", "false")?,
            all_results: query.choice("results", "all", "refused")?,
        })
    }
}

/// What became of the lines so far.
struct Outcome {
    refused: Vec<LineRefusal>,
    taken: Vec<LineOutcome>,
    last: Position,
}

/// Takes a body of events, entities or entries of a list.
pub(crate) async fn send(shared: &Shared, batch: Batch<'_>, options: Options) -> Result<Reply, Refusal> {
    if let Some(reply) = shared.meter.events(batch.payloads.len() + batch.refused.len()) {
        return Ok(reply);
    }
    let mut outcome = Outcome { refused: batch.refused, taken: Vec::new(), last: Position::START };
    if options.atomic && !outcome.refused.is_empty() {
        for (payload, &line) in batch.payloads.iter().zip(&batch.lines) {
            let refusal = shared.engine.validate(payload).err();
            outcome.refused.extend(refusal.map(|refusal| LineRefusal { line, refusal }));
        }
    } else if options.atomic {
        submit(shared, &batch.payloads, &batch.lines, true, &mut outcome)?;
    } else {
        submit_in_chunks(shared, &batch.payloads, &batch.lines, &mut outcome).await?;
    }
    if !outcome.taken.is_empty() {
        released(shared, outcome.last).await?;
    }
    outcome.refused.sort_by_key(|bad| bad.line);
    Ok(reply(shared, batch.form, options, &outcome))
}

async fn submit_in_chunks(
    shared: &Shared,
    payloads: &[Payload<'_>],
    lines: &[u32],
    outcome: &mut Outcome,
) -> Result<(), Refusal> {
    let mut rest = payloads.chunks(CHUNK).zip(lines.chunks(CHUNK));
    while let Some((payloads, lines)) = rest.next() {
        if let Err(refusal) = submit(shared, payloads, lines, false, outcome) {
            if outcome.taken.is_empty() && outcome.refused.is_empty() {
                return Err(refusal);
            }
            // What was taken stays taken and must be said; the rest was not tried.
            let untried = lines.iter().chain(rest.flat_map(|(_, lines)| lines));
            outcome.refused.extend(untried.map(|&line| LineRefusal { line, refusal: refusal.clone() }));
            return Ok(());
        }
        tokio::task::yield_now().await;
    }
    Ok(())
}

fn submit(
    shared: &Shared,
    payloads: &[Payload<'_>],
    lines: &[u32],
    atomic: bool,
    outcome: &mut Outcome,
) -> Result<(), Refusal> {
    let submitted = shared.engine.submit(payloads, atomic)?;
    let kept = !atomic || submitted.results.iter().all(Result::is_ok);
    outcome.last = outcome.last.max(submitted.last);
    for (result, &line) in submitted.results.into_iter().zip(lines) {
        match result {
            Ok(accepted) if kept => {
                outcome.taken.push(LineOutcome { line, position: accepted.position, duplicate: accepted.duplicate })
            }
            Ok(_) => {}
            Err(refusal) => outcome.refused.push(LineRefusal { line, refusal }),
        }
    }
    Ok(())
}

fn reply(shared: &Shared, form: Form, options: Options, outcome: &Outcome) -> Reply {
    let duplicates = outcome.taken.iter().filter(|taken| taken.duplicate).count() as u64;
    let accepted = outcome.taken.len() as u64 - duplicates;
    shared.metrics.events(accepted, duplicates, &outcome.refused);
    if let (Form::One, Some(bad)) = (form, outcome.refused.first()) {
        return Reply::refused(&bad.refusal);
    }
    let whole = whole_refusal(options, outcome);
    let applied = Applied {
        accepted,
        duplicates,
        position: outcome.last,
        refused: &outcome.refused,
        taken: if options.all_results { &outcome.taken } else { &[] },
        error: whole.as_ref(),
    };
    let mut body = Vec::with_capacity(128);
    wire::write_applied(&mut body, &applied);
    let reply = Reply::json(body);
    match whole {
        Some(refusal) => Reply { code: Some(refusal.code), ..reply.with_status(status_of_all(&outcome.refused)) },
        None => reply,
    }
}

/// The refusal of a call of which nothing was taken.
fn whole_refusal(options: Options, outcome: &Outcome) -> Option<Refusal> {
    let first = outcome.refused.first().filter(|_| outcome.taken.is_empty())?;
    let count = outcome.refused.len();
    let message = match options.atomic {
        true => format!("nothing was taken: {count} refused of a call that is all or nothing; see results"),
        false => format!("nothing was taken: all {count} refused; see results"),
    };
    let code = if status_of(first.refusal.code).is_server_error() { first.refusal.code } else { Code::InvalidValue };
    Some(Refusal::new(code, "", message))
}

/// 400, unless it was the server that could not.
fn status_of_all(refused: &[LineRefusal]) -> StatusCode {
    let first = refused.first().map_or(StatusCode::BAD_REQUEST, |bad| status_of(bad.refusal.code));
    if first.is_server_error() { first } else { StatusCode::BAD_REQUEST }
}
