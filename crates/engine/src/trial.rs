//! An expression tried on a user and an item as they are now: its value, what it read, and why there is none.

use crate::core::Core;
use crate::generation::Generation;
use crate::serve::{query_of, subject_of, unknown_feed};
use crate::view::{entity_of, raw_of};
use decision::{Epoch, ReadSlot};
use domain::{Code, EntityId, FeedRequest, Position, Raw, Refusal, Span, Subject, Time, Trial, Value};
use expr::{Datum, Fault};
use journal::Disk;
use spec::Plan;
use state::Dictionary;

/// The value of a tried expression.
#[derive(Debug)]
pub struct TrialResult {
    /// The value; none if it is missing.
    pub value: Option<Raw<'static>>,
    /// Its type.
    pub ty: String,
    /// Why there is no value.
    pub why: Option<String>,
    /// What it read.
    pub reads: Vec<TrialRead>,
    /// The feed whose names it read.
    pub feed: String,
    /// The position that this is as of.
    pub position: Position,
    /// The time that windows were read at.
    pub now: Time,
}

/// One thing that a tried expression read.
#[derive(Debug)]
pub struct TrialRead {
    /// As the expression names it.
    pub name: String,
    /// Its type.
    pub ty: String,
    /// Its value; `Null` if it is missing.
    pub value: Raw<'static>,
    /// Why it is missing.
    pub why: Option<String>,
}

impl<D: Disk> Core<D> {
    /// Tries an expression on a user and an item as they are now. Changes nothing and is recorded nowhere.
    pub fn try_expression(&self, trial: &Trial) -> Result<TrialResult, Refusal> {
        self.read(|generation, epoch| self.try_under(generation, epoch, trial))
    }

    fn try_under(&self, generation: &Generation, epoch: &Epoch, trial: &Trial) -> Result<TrialResult, Refusal> {
        let Generation { plan, state, .. } = generation;
        let feed = feed_of(plan, trial)?;
        let tried = spec::trial(plan, feed, &trial.expression)?;
        let feed_plan = &plan.feeds[usize::from(feed)];
        let mut request = FeedRequest::new(&feed_plan.name, subject_in(plan, feed, trial), 1);
        request.context = trial.context.clone();
        let subject = subject_of(plan, feed, &request, &state.names.read())?;
        let rows = subject.map(|(entity, id)| state.shard(id).read().subject(entity, id));
        let position = rows.as_ref().map_or(epoch.position, |rows| rows.position.max(epoch.position));
        let names = state.names.read();
        let query = query_of(plan, feed, &request, subject, rows, None, &names)?;
        let item_type = plan.entity("item").expect("every plan has items");
        let item = trial.item.as_ref().and_then(|key| names.entity(item_type, key));
        let now = self.config.clock.now().max(epoch.log_time);
        let slots = (tried.slots.as_slice(), tried.checked.slots.as_slice());
        let texts = query.texts(&*names);
        let (row, read) = decision::row_of(plan, &request, &query, epoch, item, (now, &texts), slots);
        let known = Known {
            subject: subject.is_some(),
            item,
            present: item.is_some_and(|id| epoch.catalogue().present(item_type, id)),
        };
        let outcome = expr::evaluate(&tried.checked, &row, &texts);
        let show = |slot: &ReadSlot| raw_of(&slot.value, (&names, &texts), entity_of(&slot.ty).unwrap_or_default());
        let reads: Vec<TrialRead> = read.into_iter().map(|slot| read_of(show(&slot), slot, trial, &known)).collect();
        let why = outcome.as_ref().err().map(|fault| why(fault, &reads));
        Ok(TrialResult {
            value: outcome.ok().map(|value| raw_of_datum(&value, &names)),
            ty: tried.checked.ty.to_string(),
            why,
            reads,
            feed: feed_plan.name.clone(),
            position,
            now,
        })
    }
}

/// What the log knows of those whom the trial names.
struct Known {
    subject: bool,
    item: Option<EntityId>,
    /// Whether the item is in the catalogue.
    present: bool,
}

/// The feed that is named, or the first for a user, or for an item where only that is named.
fn feed_of(plan: &Plan, trial: &Trial) -> Result<u16, Refusal> {
    if let Some(name) = &trial.feed {
        return plan.feed(name).ok_or_else(|| unknown_feed(plan, name));
    }
    let for_users = plan.entity("user");
    let of_user = trial.user.is_some() || trial.item.is_none();
    let fits = |feed: &spec::plan::Feed| (Some(feed.subject) == for_users) == of_user;
    let found = plan.feeds.iter().position(fits).or_else(|| (!plan.feeds.is_empty() && !of_user).then_some(0));
    found.map(|feed| feed as u16).ok_or_else(|| {
        let message =
            "the spec has no feed for users whose names the expression could read; name a feed, or declare one";
        Refusal::new(Code::UnknownFeed, "feed", message)
    })
}

/// The subject that the feed is for.
fn subject_in(plan: &Plan, feed: u16, trial: &Trial) -> Subject {
    let for_users = Some(plan.feeds[usize::from(feed)].subject) == plan.entity("user");
    let key = if for_users { &trial.user } else { &trial.item };
    match key {
        None => Subject::Anonymous,
        Some(key) if for_users => Subject::User(key.clone()),
        Some(key) => Subject::Item(key.clone()),
    }
}

fn read_of(value: Raw<'static>, slot: ReadSlot, trial: &Trial, known: &Known) -> TrialRead {
    let missing = slot.value == Value::Missing;
    TrialRead {
        why: missing.then(|| why_missing(&slot, trial, known)),
        value,
        ty: slot.ty.to_string(),
        name: slot.name,
    }
}

fn why_missing(slot: &ReadSlot, trial: &Trial, known: &Known) -> String {
    if slot.of_request {
        return "the trial brought none; send it in `context`".to_owned();
    }
    let kind = if slot.of_item { "item" } else { "user" };
    let key = if slot.of_item { &trial.item } else { &trial.user };
    let heard_of = if slot.of_item { known.item.is_some() } else { known.subject };
    match key {
        None => format!("no {kind} was named; send `{kind}`"),
        Some(key) if !heard_of => format!("no event and no upsert has named the {kind} '{key}' yet"),
        Some(key) if slot.of_item && !known.present => format!("the item '{key}' is not in the catalogue"),
        Some(_) => {
            "nothing has set it: an attribute that was not sent, or no event that it would be made of".to_owned()
        }
    }
}

fn why(fault: &Fault, reads: &[TrialRead]) -> String {
    let missing: Vec<&str> = reads.iter().filter(|read| read.why.is_some()).map(|read| read.name.as_str()).collect();
    match fault {
        Fault::Missing if missing.is_empty() => "something in it has no value; `default(x, y)` replaces it".to_owned(),
        Fault::Missing => format!("{} has no value; `default(x, y)` replaces it", missing.join(", ")),
        Fault::NoOverload => "an operation in it is not for values of these types".to_owned(),
        Fault::NoSuchKey => "a map in it has no such key, or a list no such place".to_owned(),
        Fault::Overflow => "a number, a timestamp or a duration in it leaves its range".to_owned(),
        Fault::DivideByZero => "it divides by zero; guard it: `y == 0 ? 0 : x / y`".to_owned(),
        Fault::Argument(what) => format!("an argument in it is not taken: {what}"),
        Fault::Limit => "it takes too many steps, or too much memory".to_owned(),
    }
}

/// A value of the language as clients see it: a map is a list of pairs, bytes are hexadecimal.
fn raw_of_datum(value: &Datum, names: &Dictionary) -> Raw<'static> {
    const MILLISECOND: i128 = 1_000_000;
    let list = |all: &[Datum]| Raw::List(all.iter().map(|one| raw_of_datum(one, names)).collect());
    let ms = |ns: i128| i64::try_from(ns.div_euclid(MILLISECOND)).unwrap_or(i64::MAX);
    match value {
        Datum::Null | Datum::Optional(None) => Raw::Null,
        Datum::Bool(bool) => Raw::Bool(*bool),
        Datum::Int(int) => Raw::Int(*int),
        Datum::Uint(uint) => i64::try_from(*uint).map_or_else(|_| Raw::Str(uint.to_string().into()), Raw::Int),
        Datum::Float(float) if float.is_finite() => Raw::Float(*float),
        Datum::Float(float) => Raw::Str(float.to_string().into()),
        Datum::Str(text) => Raw::Str(text.to_string().into()),
        Datum::Symbol(symbol) => Raw::Str(names.text(*symbol).to_owned().into()),
        Datum::Bytes(bytes) => Raw::Str(bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>().into()),
        Datum::List(all) => list(all),
        Datum::Map(entries) => {
            let pair = |(key, value): &(Datum, Datum)| list(&[key.clone(), value.clone()]);
            Raw::List(entries.iter().map(pair).collect())
        }
        Datum::Time(ns) => Raw::Int(ms(*ns)),
        Datum::Span(ns) => Raw::Str(Span(ms(*ns)).to_string().into()),
        Datum::Type(name) => Raw::Str(name.to_string().into()),
        Datum::Optional(Some(value)) => raw_of_datum(value, names),
        Datum::Entity(of, id) => Raw::Str(names.key(*of, *id).to_owned().into()),
    }
}
