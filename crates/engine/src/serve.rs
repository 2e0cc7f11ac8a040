//! A request for a slate: names to numbers, rows and epoch read once each, the pure pipeline, and the record of what it did.

use crate::core::{Core, stopping};
use crate::decide::Alarming;
use crate::generation::Generation;
use crate::page::expired;
use crate::ring::Batch;
use decision::{Budget, Epoch, Pace, Query, Rules, Scratch};
use domain::{
    Answer, Code, DecisionId, EntityId, FeedRequest, Page, Position, Raw, Refusal, Span, Subject, Symbol, Time, Type,
    Value, not_in_spec,
};
use journal::Disk;
use parking_lot::RwLock;
use spec::Plan;
use spec::plan::{EntityIndex, Feed};
use state::{Decided, Dictionary};
use std::cell::RefCell;
use std::sync::Arc;
use std::time::{Duration, Instant};

thread_local! {
    /// Working memory of the pipeline, one per serving thread, so that a request allocates next to nothing.
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// A feed's answer that may leave once `seen` is released.
#[derive(Debug)]
pub struct Served {
    /// Names the decision's record.
    pub id: DecisionId,
    /// The answer.
    pub answer: Answer,
    /// Everything up to here must be durable before the answer leaves.
    pub seen: Position,
    /// Asks for the next page; none if there is none, or none was asked for.
    pub next: Option<String>,
    /// The plan that it was answered under.
    pub plan: Arc<Plan>,
}

impl<D: Disk> Core<D> {
    /// Answers a feed request. Reads the subject's rows and the front epoch, writes one decision record, changes no state.
    pub fn recommend(&self, request: FeedRequest) -> Result<Served, Refusal> {
        self.refuse_if_closed()?;
        let mut served = self.serve(request)?;
        served.next = self.first_token(served.id, &served.answer);
        Ok(served)
    }

    /// A seed for a request that brings none: it differs between subjects, and moves on with the log.
    pub fn seed(&self, request: &FeedRequest) -> u64 {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&self.generation().state.epochs.read().position.0.to_le_bytes()).update(request.feed.as_bytes());
        if let Subject::User(key) | Subject::Item(key) = &request.subject {
            hasher.update(&[0]).update(key.as_bytes());
        }
        let hash = hasher.finalize();
        let seed = u64::from_le_bytes(hash.as_bytes()[..8].try_into().expect("a hash has more than eight bytes"));
        // Of a size that every reader of JSON keeps whole.
        seed >> 11
    }

    /// Answers a request for a first or a further page, and records the answer: under one plan from beginning to end, and the
    /// record stands between that plan's spec and the next. If the spec changes meanwhile, it is answered again under the new one.
    pub(crate) fn serve(&self, mut request: FeedRequest) -> Result<Served, Refusal> {
        let mut budget = Deadline::new(&request);
        loop {
            let generation = self.generation();
            let Some(epoch) = generation.epoch() else { continue };
            let answer = self.answer_under(&generation, &epoch, request, &mut budget)?;
            drop(epoch);
            match self.record(&generation, &answer)? {
                Some((id, seen)) => {
                    let plan = generation.plan.clone();
                    return Ok(Served { id, answer, seen, next: None, plan });
                }
                // The order that it goes on in was the old plan's.
                None if answer.request.page.is_some() => return Err(expired("the spec has changed since")),
                None => request = answer.request,
            }
        }
    }

    fn answer_under(
        &self,
        generation: &Generation,
        epoch: &Epoch,
        request: FeedRequest,
        budget: &mut Deadline,
    ) -> Result<Answer, Refusal> {
        let Generation { plan, version, state, .. } = generation;
        let feed = plan.feed(&request.feed).ok_or_else(|| unknown_feed(plan, &request.feed))?;
        // After the epoch was taken, in this order: rows are at least as new as the epoch, and names as the rows. What only names
        // know reads as cold, and what names do not know is in no row; now, and on replay.
        let subject = subject_of(plan, feed, &request, &state.names.read())?;
        let rows = subject.map(|(entity, id)| state.shard(id).read().subject(entity, id));
        let query = {
            let names = state.names.read();
            let rules = self.rules.of(plan, *version, feed, &request, &names)?;
            query_of(plan, feed, &request, subject, rows, rules, &names)?
        };
        let now = self.config.clock.now().max(epoch.log_time);
        let (names, pace) = (Names(&state.names), Pace::Live(budget));
        Ok(SCRATCH.with_borrow_mut(|scratch| {
            decision::answer(plan, *version, request, &query, epoch, now, pace, &names, scratch)
        }))
    }

    /// Appends the decision's record; returns its id and what must be durable before the answer leaves. None if another spec came
    /// into force since: then nothing is appended.
    fn record(&self, generation: &Arc<Generation>, answer: &Answer) -> Result<Option<(DecisionId, Position)>, Refusal> {
        let Generation { plan, since, state, .. } = &**generation;
        let durable = plan.feed(&answer.request.feed).is_some_and(|feed| plan.feeds[usize::from(feed)].durable);
        let seen = answer.rows.max(answer.epoch).max(*since);
        let mut payload = Vec::with_capacity(256 + 128 * answer.items.len());
        answer.encode(&mut payload);
        let attributed = plan.attribution.is_some();
        let decided = attributed.then(|| Decided::of(plan, &state.names.read(), answer)).flatten();
        let id = {
            let mut sequencer = self.sequencer.lock();
            if !Arc::ptr_eq(&sequencer.generation, generation) {
                return Ok(None);
            }
            self.refuse_if_behind(&sequencer)?;
            self.refuse_if_no_room_for_records(&sequencer)?;
            if sequencer.stopping {
                return Err(stopping());
            }
            sequencer.advance(self.config.clock.now(), None);
            let id = sequencer.decide(self.writer_epoch, &payload, decided.as_ref());
            if durable {
                // Who waits for the record itself waits at the gate, which opens at what consumers have passed.
                let (changes, last) = (Vec::new(), id.position);
                let (deciding, alarming) = (None, Alarming::new(generation, self.writer_epoch));
                self.publish(Batch { changes, last, state: state.clone(), deciding, alarming });
            }
            id
        };
        self.ask_for_sync(durable);
        let seen = if durable { id.position } else { seen };
        Ok(Some((id, seen)))
    }
}

/// Item keys for the slate, looked up under a lock held for each only.
pub(crate) struct Names<'a>(pub(crate) &'a RwLock<Dictionary>);

impl decision::Texts for Names<'_> {
    fn text(&self, symbol: Symbol) -> Option<Arc<str>> {
        decision::Texts::text(&*self.0.read(), symbol)
    }

    fn symbol(&self, text: &str) -> Option<Symbol> {
        self.0.read().symbol(text)
    }
}

impl decision::Names for Names<'_> {
    fn item(&self, item: spec::plan::EntityIndex, id: EntityId) -> String {
        self.0.read().key(item, id).to_owned()
    }
}

/// The request's deadline on the machine's monotonic clock.
struct Deadline(Option<Instant>);

impl Deadline {
    fn new(request: &FeedRequest) -> Deadline {
        let wait = request.deadline.map(|deadline| Duration::from_millis(deadline.0.max(0) as u64));
        Deadline(wait.map(|wait| Instant::now() + wait))
    }
}

impl Budget for Deadline {
    fn spent(&mut self) -> bool {
        self.0.is_some_and(|end| Instant::now() >= end)
    }

    fn is_endless(&self) -> bool {
        self.0.is_none()
    }
}

/// Whom or what a request is about; none if the log has not named it: it is cold.
pub(crate) fn subject_of(
    plan: &Plan,
    feed: u16,
    request: &FeedRequest,
    names: &Dictionary,
) -> Result<Option<(EntityIndex, EntityId)>, Refusal> {
    let feed_plan = &plan.feeds[usize::from(feed)];
    let key = match &request.subject {
        Subject::Anonymous => None,
        Subject::User(key) => Some(("user", key)),
        Subject::Item(key) => Some(("item", key)),
    };
    let wanted = &plan.entities[usize::from(feed_plan.subject)].name;
    if let Some((kind, _)) = key
        && kind != wanted
    {
        return Err(wrong_subject(&feed_plan.name, wanted, kind));
    }
    Ok(key.and_then(|(_, key)| names.entity(feed_plan.subject, key)).map(|id| (feed_plan.subject, id)))
}

/// Turns the request's other names into numbers. Unknown items are no error: they are cold.
pub(crate) fn query_of(
    plan: &Plan,
    feed: u16,
    request: &FeedRequest,
    subject: Option<(EntityIndex, EntityId)>,
    rows: Option<state::Subject>,
    rules: Option<Arc<Rules>>,
    names: &Dictionary,
) -> Result<Query, Refusal> {
    let item_type = plan.entity("item").expect("every plan has items");
    let items = |keys: &[String]| keys.iter().filter_map(|key| names.entity(item_type, key)).collect();
    let (context, unknown) = context_of(&plan.feeds[usize::from(feed)], request, rules.as_deref(), names)?;
    let of_page = |page: &Page| page.items.iter().map(|of| names.entity(item_type, &of.item)).collect();
    Ok(Query {
        feed,
        subject,
        rows,
        recent: items(&request.recent),
        exclude: items(&request.exclude),
        context,
        unknown,
        pinned: decision::pinned(&plan.feeds[usize::from(feed)], |key| names.entity(item_type, key)),
        page: request.page.as_ref().map(of_page),
        rules,
    })
}

fn context_of(
    feed: &Feed,
    request: &FeedRequest,
    rules: Option<&Rules>,
    names: &Dictionary,
) -> Result<(Vec<Value>, Vec<String>), Refusal> {
    for (name, _) in &request.context {
        if !feed.context.iter().any(|field| field.name == *name) {
            return Err(Refusal::new(
                Code::UnknownField,
                format!("context.{name}"),
                format!(
                    "the feed '{}' declares no context of this name; add it to the spec or leave it out",
                    feed.name
                ),
            ));
        }
    }
    // The same text in an expression of the request is the same symbol.
    let mut unknown: Vec<&str> = rules.map_or(&[][..], Rules::unknown).iter().map(String::as_str).collect();
    let given = |name: &str| request.context.iter().find(|(given, _)| given == name).map(|(_, value)| value);
    let values = feed.context.iter().map(|field| match given(&field.name) {
        None | Some(Raw::Null) => Ok(Value::Missing),
        Some(raw) => context_value(raw, &field.ty, names, &mut unknown).ok_or_else(|| {
            Refusal::new(Code::WrongType, format!("context.{}", field.name), format!("this must be a {}", field.ty))
        }),
    });
    let values = values.collect::<Result<_, Refusal>>()?;
    Ok((values, unknown.into_iter().map(str::to_owned).collect()))
}

/// A context value of its declared type; none if it is of another. Texts that no event or item has get symbols that are never
/// given out, each its own, from the highest down.
fn context_value<'r>(raw: &'r Raw<'_>, ty: &Type, names: &Dictionary, unknown: &mut Vec<&'r str>) -> Option<Value> {
    match (raw, ty) {
        (Raw::Bool(bool), Type::Bool) => Some(Value::Bool(*bool)),
        (Raw::Int(int), Type::Int) => Some(Value::Int(*int)),
        (Raw::Int(int), Type::Float) => Some(Value::Float(*int as f64)),
        (Raw::Float(float), Type::Float) => Some(Value::Float(*float)),
        (Raw::Str(text), Type::Str) => Some(Value::Str(names.symbol(text).unwrap_or_else(|| {
            let at = unknown.iter().position(|known| known == text).unwrap_or_else(|| {
                unknown.push(text);
                unknown.len() - 1
            });
            Symbol(u32::MAX - at as u32)
        }))),
        (Raw::Int(ms), Type::Time) => Some(Value::Time(Time(*ms))),
        (Raw::Str(text), Type::Time) => state::parse_timestamp(text).map(Value::Time),
        (Raw::Str(text), Type::Span) => Span::parse(text).map(Value::Span),
        (Raw::Int(seconds), Type::Span) => seconds.checked_mul(1_000).map(|ms| Value::Span(Span(ms))),
        (Raw::Float(seconds), Type::Span) => Some(Value::Span(Span((seconds * 1_000.0) as i64))),
        (Raw::List(list), Type::List(of)) => {
            let values: Option<Vec<Value>> = list.iter().map(|raw| context_value(raw, of, names, unknown)).collect();
            values.map(|values| Value::List(values.into()))
        }
        _ => None,
    }
}

pub(crate) fn unknown_feed(plan: &Plan, name: &str) -> Refusal {
    let known = plan.feeds.iter().map(|feed| feed.name.as_str());
    Refusal::new(Code::UnknownFeed, "feed", not_in_spec("feed", name, known))
}

fn wrong_subject(feed: &str, wanted: &str, given: &str) -> Refusal {
    Refusal::new(
        Code::InvalidValue,
        given,
        format!("the feed '{feed}' is for a {wanted}; name a {wanted} (or, for a visit without identity, neither)"),
    )
}
