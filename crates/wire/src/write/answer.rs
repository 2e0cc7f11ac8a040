//! A feed's answer as JSON.

use super::{
    write_array, write_bool, write_float, write_id, write_int, write_key, write_named, write_text, write_uint,
};
use crate::time::write_instant;
use domain::{Answer, Change, DecisionId, Effect, FeedRequest, Recommended, Removal, Step, Subject};

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
    /// Kinds of the feed's rerankers, in the spec's order.
    pub reranks: &'a [&'a str],
    /// Whether how it came about is written too: the items' routes, terms and effects, the request, and examples of what filters
    /// removed.
    pub detail: bool,
    /// The token of the next page: none where pages were not asked for, `Some(None)` where there is no further one.
    pub next: Option<Option<&'a str>>,
    /// How long the answer was held back until all that it read was durable, in microseconds.
    pub durability_wait_us: Option<u64>,
}

/// What most items take at most, in bytes, in brief and in detail: an answer is written without moving it to larger memory.
const ITEM_BYTES: [usize; 2] = [64, 512];

/// Appends the answer as a JSON object.
pub fn write_answer(out: &mut Vec<u8>, view: &AnswerView<'_>) {
    let answer = view.answer;
    out.reserve(answer.items.len() * ITEM_BYTES[usize::from(view.detail)] + 1_024);
    out.extend_from_slice(b"{\"decision\":");
    write_id(out, view.decision);
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
    write_instant(out, answer.now);
    write_key(out, "seed");
    write_uint(out, answer.request.seed);
    write_key(out, "items");
    let pieces = view.detail.then(|| Pieces::new(view));
    write_array(out, &answer.items, |out, item| write_item(out, item, pieces.as_ref()));
    write_next(out, view);
    write_key(out, "removed");
    write_array(out, &answer.removed, |out, removal| write_removal(out, removal, view.detail));
    write_effort(out, view);
    if answer.holdout {
        write_key(out, "holdout");
        write_bool(out, true);
    }
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

/// How it goes on: which page this is, the token of the next one, and why there are no items if there are none.
fn write_next(out: &mut Vec<u8>, view: &AnswerView<'_>) {
    if let Some(page) = &view.answer.request.page {
        write_key(out, "page");
        out.extend_from_slice(b"{\"of\":");
        write_id(out, page.of);
        write_key(out, "from");
        write_uint(out, u64::from(page.from));
        out.push(b'}');
    }
    if let Some(next) = view.next {
        write_key(out, "next");
        match next {
            Some(token) => write_text(out, token),
            None => out.extend_from_slice(b"null"),
        }
    }
    if view.answer.items.is_empty() {
        write_empty(out, view.answer);
    }
}

/// Why there are no items: a stable word, and a sentence.
fn write_empty(out: &mut Vec<u8>, answer: &Answer) {
    let most = answer.removed.iter().max_by_key(|removal| removal.count);
    let (word, note) = match (most, &answer.request.page) {
        (Some(most), _) => {
            let all: u32 = answer.removed.iter().map(|removal| removal.count).sum();
            let text = format!("all {all} candidates were removed, most ({}) by: {}", most.count, most.reason);
            ("removed", text)
        }
        (None, Some(_)) => ("end", "there are no further items".to_owned()),
        (None, None) => ("no_candidates", "no route of the feed found an item".to_owned()),
    };
    write_key(out, "empty");
    write_text(out, word);
    write_key(out, "note");
    write_text(out, &note);
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
    write_bool(out, effort.reranked);
    out.push(b'}');
    write_key(out, "counts");
    out.push(b'{');
    for (route, &count) in view.answer.route_counts.iter().enumerate() {
        if route > 0 {
            out.push(b',');
        }
        match view.routes.get(route) {
            Some(name) => write_text(out, name),
            None => write_text(out, &route.to_string()),
        }
        out.push(b':');
        write_uint(out, u64::from(count));
    }
    out.push(b'}');
    if !view.answer.off.is_empty() {
        write_key(out, "off");
        write_array(out, &view.answer.off, |out, &route| match view.routes.get(usize::from(route)) {
            Some(name) => write_text(out, name),
            None => write_text(out, &route.to_string()),
        });
    }
    write_key(out, "candidates");
    write_uint(out, u64::from(view.answer.candidates));
}

/// An item has tens of small parts: what is the same in all items is written in one piece each.
fn write_item(out: &mut Vec<u8>, item: &Recommended, pieces: Option<&Pieces<'_>>) {
    out.extend_from_slice(b"{\"item\":");
    write_text(out, &item.item);
    out.extend_from_slice(b",\"score\":");
    write_float(out, item.score);
    if let Some(pieces) = pieces {
        write_detail(out, item, pieces);
    }
    out.push(b'}');
}

/// How an item came to its place.
fn write_detail(out: &mut Vec<u8>, item: &Recommended, pieces: &Pieces<'_>) {
    out.extend_from_slice(b",\"routes\":");
    write_array(out, &item.routes, |out, hit| {
        pieces.routes.write(out, usize::from(hit.route));
        write_uint(out, u64::from(hit.rank));
        out.extend_from_slice(b",\"score\":");
        write_float(out, hit.score);
        out.push(b'}');
    });
    out.extend_from_slice(b",\"terms\":");
    write_array(out, &item.terms, |out, term| {
        pieces.terms.write(out, usize::from(term.term));
        write_float(out, term.value);
        out.push(b'}');
    });
    out.extend_from_slice(b",\"moved\":");
    write_int(out, i64::from(item.moved));
    if !item.effects.is_empty() {
        out.extend_from_slice(b",\"effects\":");
        write_array(out, &item.effects, |out, effect| write_effect(out, *effect, pieces));
    }
}

/// What a step did, such as `{"step":"rerank 1: spread","moved":2}`.
fn write_effect(out: &mut Vec<u8>, effect: Effect, pieces: &Pieces<'_>) {
    if let (Step::Rerank(number), Change::Moved(places)) = (effect.step, effect.change)
        && let Some(whole) = pieces.moves.get(usize::from(number))
    {
        out.extend_from_slice(whole);
        write_int(out, i64::from(places));
        out.push(b'}');
        return;
    }
    write_step(out, effect.step, pieces.reranks);
    match effect.change {
        Change::Moved(places) => {
            out.extend_from_slice(MOVED);
            write_int(out, i64::from(places));
        }
        Change::Scaled(factor) => {
            out.extend_from_slice(b",\"scaled\":");
            write_float(out, factor);
        }
        Change::Placed => out.extend_from_slice(b",\"placed\":true"),
    }
    out.push(b'}');
}

const MOVED: &[u8] = b",\"moved\":";

/// The opening of an effect, up to its step.
fn write_step(out: &mut Vec<u8>, step: Step, reranks: &[&str]) {
    let (name, number): (&[u8], u16) = match step {
        Step::Rerank(number) => (b"{\"step\":\"rerank ", number),
        Step::Policy(number) => (b"{\"step\":\"policy ", number),
        Step::Boost(number) => (b"{\"step\":\"boost ", number),
    };
    out.extend_from_slice(name);
    write_uint(out, u64::from(number) + 1);
    if let Step::Rerank(number) = step
        && let Some(kind) = reranks.get(usize::from(number))
    {
        out.extend_from_slice(b": ");
        out.extend_from_slice(kind.as_bytes());
    }
    out.push(b'"');
}

/// By reranker: the opening of what it moved. Most effects are such.
fn moves(reranks: &[&str]) -> Vec<Vec<u8>> {
    let opening = |number: usize| {
        let mut out = Vec::with_capacity(64);
        write_step(&mut out, Step::Rerank(number as u16), reranks);
        out.extend_from_slice(MOVED);
        out
    };
    (0..reranks.len()).map(opening).collect()
}

/// What an answer's items have in common.
struct Pieces<'a> {
    routes: Named,
    terms: Named,
    moves: Vec<Vec<u8>>,
    reranks: &'a [&'a str],
}

impl<'a> Pieces<'a> {
    fn new(view: &AnswerView<'a>) -> Pieces<'a> {
        Pieces {
            routes: Named::new(b"{\"route\":", view.routes, b",\"rank\":"),
            terms: Named::new(b"{\"term\":", view.terms, b",\"value\":"),
            moves: moves(view.reranks),
            reranks: view.reranks,
        }
    }
}

/// The same JSON around each of some names, quoted once for all items.
struct Named {
    before: &'static [u8],
    behind: &'static [u8],
    whole: Vec<Vec<u8>>,
}

impl Named {
    fn new(before: &'static [u8], names: &[&str], behind: &'static [u8]) -> Named {
        let mut named = Named { before, behind, whole: Vec::with_capacity(names.len()) };
        for name in names {
            let mut out = Vec::with_capacity(before.len() + name.len() + 2 + behind.len());
            named.around(&mut out, name);
            named.whole.push(out);
        }
        named
    }

    /// The name of this index; an index of another plan's is written as a number in quotes.
    fn write(&self, out: &mut Vec<u8>, index: usize) {
        match self.whole.get(index) {
            Some(whole) => out.extend_from_slice(whole),
            None => self.around(out, &index.to_string()),
        }
    }

    fn around(&self, out: &mut Vec<u8>, name: &str) {
        out.extend_from_slice(self.before);
        write_text(out, name);
        out.extend_from_slice(self.behind);
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
    write_named(out, &request.context);
    write_key(out, "count");
    write_uint(out, u64::from(request.count));
    write_key(out, "seed");
    write_uint(out, request.seed);
    if let Some(deadline) = request.deadline {
        write_key(out, "deadline");
        write_text(out, &deadline.to_string());
    }
    if let Some(filter) = &request.filter {
        write_key(out, "filter");
        write_text(out, filter);
    }
    if !request.boosts.is_empty() {
        write_key(out, "boost");
        write_array(out, &request.boosts, |out, boost| {
            out.extend_from_slice(b"{\"by\":");
            write_float(out, boost.by);
            write_key(out, "when");
            write_text(out, &boost.when);
            out.push(b'}');
        });
    }
    if request.pages {
        write_key(out, "pages");
        write_bool(out, true);
    }
    out.push(b'}');
}
