//! The plan: the resolved, immutable form of a spec. Every name is an index, every expression is compiled;
//! a plan that exists is valid, and nothing checks it again at run time.

mod attribution;
mod computed;
mod decision;
mod pattern;
mod policy;
mod rerank;
mod review;
mod sink;
mod sketch;
mod window;

pub use attribution::{AttributedEvent, Attribution};
pub use computed::Computed;
pub use decision::{
    Decision, DecisionLabels, DecisionRule, Effect, Fact, FactSource, Hit, ReasonPart, RowRead, RuleTable, Scorecard,
    ScorecardPart, Share, Tier,
};
pub use pattern::{Alarm, HeldOver, Pattern, PatternKind, PatternStep, RowFact};
pub use policy::{Action, Cap, Holdout, NeverFollow, Pin, Policy, Quota, QuotaCount};
pub use rerank::{Dpp, Exposure, Fair, Likeness, Mix, Mmr, Of, PlaceRule, PlaceSource, Rerank, Rule, Target};
pub use review::{DecisionReview, Guard, GuardAction, GuardAgainst, ReviewAnswer};
pub use sink::{Retry, Sink, SinkUrl};
pub use sketch::{Collection, ElementSource, Sketch};
pub use window::{Calendar, PaneLevel, Window};

use crate::diagnostic::Warning;
use domain::{Span, Symbol, Time, Type, Value};
use expr::Program;

/// Index of an entity type in `Plan::entities`.
pub type EntityIndex = u16;
/// Index into `Plan::slots`: one value of the row that feature and feed expressions read.
pub type SlotIndex = u16;

/// Index of `impression` in every plan's events.
pub const IMPRESSION: u16 = 0;

/// The resolved spec. Lists are in the spec's order; indexes between them are always in range.
#[derive(Clone, Debug)]
pub struct Plan {
    /// BLAKE3 of the canonical spec text.
    pub digest: [u8; 32],
    /// The spec as written: what the log keeps.
    pub text: String,
    /// String constants of all expressions.
    pub constants: Vec<String>,
    /// Their numbers, which stand in the programs: constant `k` is `Symbol(k)` unless the plan was bound to a dictionary that
    /// numbers them otherwise ([`bind`](crate::bind)).
    pub symbols: Vec<Symbol>,
    /// Entity types. `user` and `item` have their usual meaning.
    pub entities: Vec<EntityType>,
    /// Event types; `impression` is always among them.
    pub events: Vec<EventType>,
    /// Keyed tables: one per entity type that has features, and one per crossed entity.
    pub tables: Vec<Table>,
    /// What is counted: each is one ring of panes (or one list) per row, shared by every aggregate over it.
    pub streams: Vec<Stream>,
    /// What `distinct` and `top_k` take of events, those of one event type in the order in which `StreamValue::Elements` counts them.
    pub collections: Vec<Collection>,
    /// Aggregates over streams, each with a slot.
    pub aggregates: Vec<Aggregate>,
    /// The calendars that windows follow.
    pub calendars: Vec<Calendar>,
    /// Named features in dependency order: a feature reads only slots of aggregates, fields and earlier features.
    pub features: Vec<Feature>,
    /// What each slot of a row holds.
    pub slots: Vec<Slot>,
    /// Recall indexes, shared by the feeds that use them.
    pub indexes: Vec<Index>,
    /// Impressions that are counted by an attribute of the item.
    pub exposures: Vec<Exposure>,
    /// Lists, changed by the API and read by feeds.
    pub lists: Vec<List>,
    /// Feeds.
    pub feeds: Vec<Feed>,
    /// Decisions on events, in the spec's order.
    pub decisions: Vec<Decision>,
    /// Alarms, in the spec's order.
    pub alarms: Vec<Alarm>,
    /// Where outcomes go, in the spec's order.
    pub sinks: Vec<Sink>,
    /// What quotas count, shared by the feeds that use it.
    pub quotas: Vec<QuotaCount>,
    /// What is likely not meant; see [`Plan::warnings_at`].
    pub warnings: Vec<Warning>,
    /// What events are worth, by index into `Plan::events`, ascending; those that `weights` does not name are not there.
    pub weights: Vec<(u16, f64)>,
    /// How events are joined to decisions, if they are.
    pub attribution: Option<Attribution>,
    /// If this is a plan that serves until its state is filled ([`interim`](crate::interim())): how many of its features, the first
    /// ones, are those that the state is built by.
    pub interim: Option<u16>,
    /// Where its state begins, if the log was cut when it was put in force and the plan before had other state.
    pub carried: Option<crate::Carried>,
    /// Whether an expression reads the `decision` of an impression. Only then are its texts kept as symbols: they never recur.
    pub decision_read: bool,
}

/// A list of entities that the API keeps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct List {
    /// Its name.
    pub name: String,
    /// Whose entities stand on it.
    pub of: EntityIndex,
    /// Most entries.
    pub max: u32,
}

/// An entity type: `user`, `item`, `device`, ...
#[derive(Clone, Debug)]
pub struct EntityType {
    /// Its name.
    pub name: String,
    /// Its declared attributes.
    pub fields: Vec<FieldType>,
}

/// A declared attribute or event field.
#[derive(Clone, Debug)]
pub struct FieldType {
    /// Its name.
    pub name: String,
    /// Its type.
    pub ty: Type,
}

/// An event type.
#[derive(Clone, Debug)]
pub struct EventType {
    /// Its name.
    pub name: String,
    /// The entities it concerns, all required: role name (usually the entity type's) and entity type.
    pub roles: Vec<Role>,
    /// Its fields, all optional. An event's filter and value programs read them: slot `i` is field `i` here.
    pub fields: Vec<FieldType>,
    /// What is worked out of each event where its names become numbers: slot `fields.len() + i` of those programs is the `i`th.
    pub computed: Vec<Computed>,
}

/// An entity that an event names.
#[derive(Clone, Debug)]
pub struct Role {
    /// Name of the JSON field.
    pub name: String,
    /// Which type of entity.
    pub entity: EntityIndex,
}

/// A keyed table of rows.
#[derive(Clone, Debug)]
pub struct Table {
    /// `user`, or `user.category` for a crossed entity.
    pub name: String,
    /// The entity whose shard owns the rows.
    pub entity: EntityIndex,
    /// For a crossed entity, the second part of the key.
    pub cross: Option<Cross>,
    /// Whether it is kept for caps alone: then an owner may have `limits::CAPPED_ROWS_MAX` rows, and those whose lists are too old
    /// for every read are dropped first.
    pub for_caps: bool,
}

/// The second part of a crossed key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cross {
    /// An attribute (of type string, bool or int) of the event's item, as the catalogue has it at the event's position: index into the item type's fields.
    ItemField(u16),
    /// Another entity of the event.
    Entity(EntityIndex),
}

/// What one ring of panes (or list) per row collects: the events of one type that pass one filter, one value each.
#[derive(Clone, Debug)]
pub struct Stream {
    /// Index into `Plan::tables`.
    pub table: u16,
    /// The events, as indexes into `Plan::events` (one, but all events with user and item for `seen` without an event).
    pub events: Vec<u16>,
    /// Which of them count; reads the event's fields, and what is computed of it, as slots.
    pub filter: Option<Program>,
    /// What is collected of each.
    pub value: StreamValue,
    /// Granularities of panes that the windows over this stream need: sliding ones by ascending width, then the others.
    /// Empty for streams that only feed `decayed`, `last`, `seen` and the like.
    pub panes: Vec<PaneLevel>,
    /// Half-lives of the `decayed` aggregates over this stream, ascending.
    pub half_lives: Vec<Span>,
    /// Whether the time of the newest event is kept, for `time_since`.
    pub newest: bool,
    /// For `last(event, <role>, n)`, `seen`, `last_n` and `streak` of events: keep the newest this many (value, event time) entries;
    /// 0 = none.
    pub recents: u16,
    /// If all reads of that list are `CountRecents`, the longest window among them.
    pub recents_window: Option<Span>,
    /// Which partial results a pane must keep.
    pub parts: Parts,
    /// If each pane is a sketch, which: then it keeps no parts.
    pub sketch: Option<Sketch>,
}

/// What a stream takes of each event.
#[derive(Clone, Debug)]
pub enum StreamValue {
    /// Nothing: the event counts as 1.
    One,
    /// A number (int, float, bool as 0/1 or duration in seconds): reads the event's fields as slots. A missing value is not collected.
    Number(Program),
    /// The entity in this role of the event (index into `EventType::roles` of each of `Stream::events`, in parallel).
    Role(Vec<u8>),
    /// A value as it is, for lists of the newest: reads the event's fields as slots. A missing value is not collected.
    Listed(Program),
    /// Elements of the one event: number among those of `Plan::collections` that are of it. An event without any is not collected.
    Elements(u16),
    /// What a pattern looks for; the stream is its own.
    Pattern(Box<Pattern>),
}

/// Partial results that a pane keeps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Parts {
    /// How many.
    pub count: bool,
    /// Their sum.
    pub sum: bool,
    /// The smallest.
    pub min: bool,
    /// The largest.
    pub max: bool,
    /// The newest by (event time, position).
    pub last: bool,
    /// The oldest by (event time, position).
    pub first: bool,
    /// The sum of squared differences from the mean, beside the sum.
    pub variance: bool,
}

/// An aggregate over a stream, as an expression calls it.
#[derive(Clone, Debug)]
pub struct Aggregate {
    /// Index into `Plan::streams`.
    pub stream: u16,
    /// What is computed.
    pub op: AggregateOp,
    /// Where in a row its value goes.
    pub slot: SlotIndex,
}

/// The aggregate functions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AggregateOp {
    /// Number of events; float; 0 where there are none.
    Count(Window),
    /// Sum of the values; float; 0 where there are none.
    Sum(Window),
    /// Sum / count; missing where there are none.
    Mean(Window),
    /// Smallest value; missing where there are none.
    Min(Window),
    /// Largest value; missing where there are none.
    Max(Window),
    /// Sample variance: squared differences from the mean, divided by one less than their number; missing where there are fewer
    /// than two.
    Var(Window),
    /// Square root of `Var`.
    Stddev(Window),
    /// Oldest value within the window by (event time, position); missing where there is none.
    First(Window),
    /// Newest value within the window by (event time, position); missing where there is none.
    Last(Window),
    /// Number of events in a sliding window divided by its seconds; 0 where there are none.
    Rate(Span),
    /// Sum of `value * 2^(-(now - time) / half-life)`; 0 where there are none.
    Decayed(Span),
    /// How long ago the newest event happened, at least 0; duration; missing where there is none.
    TimeSince,
    /// The newest `n` entities, newest first, one entry per event: `[entity]`.
    LastEntities(u16),
    /// The newest `n` values, newest first: a list.
    LastValues(u16),
    /// How many of the newest events follow one another for which the value, a condition, holds; float; at most
    /// `limits::STREAK_EVENTS_MAX`.
    StreakEvents,
    /// How many calendar periods with an event follow one another, up to the current one or, if it has none yet, up to the one
    /// before it; float; at most `limits::STREAK_PERIODS_MAX`. Index into `Plan::calendars`.
    StreakPeriods(u16),
    /// Whether the candidate item is among the recents with an event time in the window. Reads the candidate.
    Seen(Span),
    /// How many of the recents are newer than `now - W`, to the millisecond, those ahead of `now` among them; float. As the list
    /// keeps the newest, the count is exact up to the list's length.
    CountRecents(Span),
    /// How many different elements; float; 0 where there are none. Exact while panes are small, else within the error of a HyperLogLog.
    Distinct(Window),
    /// The value of rank `floor(q * (n - 1))`, with `q` in millionths, within the relative error of the sketch; missing where there are none.
    Quantile(u32, Window),
    /// The `k` elements that came most often, most often first: `[string]` or `[entity]`.
    TopK(u16, Window),
    /// Whether the stream's pattern is there; bool.
    Pattern,
}

impl AggregateOp {
    /// The window that it reads panes of, if it does.
    pub fn window(self) -> Option<Window> {
        match self {
            AggregateOp::Count(window)
            | AggregateOp::Sum(window)
            | AggregateOp::Mean(window)
            | AggregateOp::Min(window)
            | AggregateOp::Max(window)
            | AggregateOp::Var(window)
            | AggregateOp::Stddev(window)
            | AggregateOp::First(window)
            | AggregateOp::Last(window)
            | AggregateOp::Distinct(window)
            | AggregateOp::Quantile(_, window)
            | AggregateOp::TopK(_, window) => Some(window),
            AggregateOp::Rate(span) => Some(Window::Sliding(span)),
            AggregateOp::StreakPeriods(calendar) => {
                Some(Window::Calendar { calendar, back: domain::limits::STREAK_PERIODS_MAX })
            }
            AggregateOp::Decayed(_)
            | AggregateOp::TimeSince
            | AggregateOp::LastEntities(_)
            | AggregateOp::LastValues(_)
            | AggregateOp::StreakEvents
            | AggregateOp::Seen(_)
            | AggregateOp::CountRecents(_)
            | AggregateOp::Pattern => None,
        }
    }

    /// Whether it reads sketches: then its panes are a ring of them.
    pub fn is_sketched(self) -> bool {
        matches!(self, AggregateOp::Distinct(_) | AggregateOp::Quantile(..) | AggregateOp::TopK(..))
    }

    /// Its value over no events.
    pub fn over_nothing(self) -> Value {
        match self {
            AggregateOp::Count(_)
            | AggregateOp::Sum(_)
            | AggregateOp::Rate(_)
            | AggregateOp::Decayed(_)
            | AggregateOp::StreakEvents
            | AggregateOp::StreakPeriods(_)
            | AggregateOp::CountRecents(_)
            | AggregateOp::Distinct(_) => Value::Float(0.0),
            AggregateOp::Mean(_)
            | AggregateOp::Min(_)
            | AggregateOp::Max(_)
            | AggregateOp::Var(_)
            | AggregateOp::Stddev(_)
            | AggregateOp::First(_)
            | AggregateOp::Last(_)
            | AggregateOp::TimeSince
            | AggregateOp::Quantile(..) => Value::Missing,
            AggregateOp::LastEntities(_) | AggregateOp::LastValues(_) | AggregateOp::TopK(..) => Value::List([].into()),
            AggregateOp::Seen(_) | AggregateOp::Pattern => Value::Bool(false),
        }
    }
}

/// A named feature of a table.
#[derive(Clone, Debug)]
pub struct Feature {
    /// Its name within the table.
    pub name: String,
    /// Index into `Plan::tables`.
    pub table: u16,
    /// Its expression over slots. An error inside it makes the feature missing.
    pub program: Program,
    /// Where its value goes.
    pub slot: SlotIndex,
    /// If it is a sum `a1*decayed(.., h) + a2*decayed(.., h) + ...` with one half-life and non-negative constant factors, that
    /// half-life: the order of entities by it does not change with time.
    pub landmark: Option<Span>,
    /// Whether the spec does not declare it: it is there for an index that an interim plan keeps, or cannot have a value under it.
    pub hidden: bool,
}

/// What a slot of the row holds.
#[derive(Clone, Debug)]
pub struct Slot {
    /// How expressions call it (`user.views_1h`, `item.category`, `count(view, 1h)`).
    pub name: String,
    /// Its type.
    pub ty: Type,
    /// Where its value comes from.
    pub source: SlotSource,
    /// Whether it differs between candidates of one request.
    pub per_candidate: bool,
}

/// Where a slot's value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SlotSource {
    /// `Plan::aggregates[i]`.
    Aggregate(u16),
    /// `Plan::features[i]`.
    Feature(u16),
    /// Attribute `field` of an entity: the subject's for `user` (or another subject), the candidate's for `item`.
    Attribute {
        /// The entity type.
        entity: EntityIndex,
        /// Index into its fields.
        field: u16,
    },
    /// `request.<name>`: index into `Feed::context` is resolved by the slot's name.
    Context,
    /// `recall.<route>` in a feed's expressions: the route's score of the candidate as a share of the route's best score in
    /// this answer (of `newest` and `list` routes: `1 - place / limit`); from 0 to 1, and 0 where the route did not find it.
    RouteScore {
        /// Index into `Plan::feeds`.
        feed: u16,
        /// Index into its routes.
        route: u16,
    },
    /// `recall.score`: the fused score of the candidate.
    FusedScore,
    /// `now`, a timestamp.
    Now,
    /// Nothing yet: under an interim plan, what has no state until it is filled. Always missing.
    Unfilled,
    /// `listed(item, list)` or `listed(user, list)`: whether the candidate, or the subject, stands on `Plan::lists[i]`.
    Listed(u16),
}

/// A recall index kept up to date for every event.
#[derive(Clone, Debug, PartialEq)]
pub enum Index {
    /// Items ordered by a feature of the `item` table.
    Top {
        /// Index into `Plan::features`.
        feature: u16,
    },
    /// Items that the same users interacted with.
    CoVisited(CoVisited),
    /// Items ordered by a timestamp attribute, newest first.
    Newest {
        /// Index into the item type's fields.
        field: u16,
    },
    /// Past sessions, or whole histories of users, to find the next items by.
    Sessions(Sessions),
    /// Items by how many events have named them, fewest first.
    Explore {
        /// The event that is counted, which names items: index into `Plan::events`.
        event: u16,
        /// Items with as many are not listed any more.
        below: u32,
    },
    /// Items by each element of an attribute.
    Tags {
        /// Index into the item type's fields: a string or `[string]`.
        field: u16,
        /// What the items of a tag are ordered by, largest first.
        by: TagsBy,
    },
}

/// What the items of a tag are ordered by, and what a match counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TagsBy {
    /// A feature: index into `Plan::features`. Items without it are not found.
    Feature(u16),
    /// A timestamp attribute, in milliseconds: index into the item type's fields. Items without it are not found.
    Time(u16),
    /// Nothing: a match counts 1.
    Nothing,
}

/// Parameters of incremental item-to-item co-visitation.
#[derive(Clone, Debug, PartialEq)]
pub struct CoVisited {
    /// The events that count, with their weights.
    pub events: Vec<(u16, f64)>,
    /// How many of the user's recent items each event is paired with.
    pub history: u16,
    /// How many recent items of a user are remembered, each once, so that a pair is counted once per user. At least `history`.
    pub keep: u16,
    /// How many counters each item keeps; a new one replaces the smallest by chance, in proportion to its weight.
    pub counters: u16,
    /// How many best neighbours of an item are read: of the context item when candidates are looked for, of the candidate when
    /// given candidates are scored. 0: all that have a counter.
    pub neighbours: u16,
    /// Factor per place of distance between two items of a user; 1 = order does not count.
    pub distance_decay: f64,
    /// Factor for a neighbour that came before the context item; 1 = direction does not count.
    pub backward: f64,
    /// Exponent of the candidate's own count in the normalisation; 0.5 with `context_exponent` 0.5 is the cosine.
    pub popularity_exponent: f64,
    /// Exponent of the context item's count in the normalisation.
    pub context_exponent: f64,
    /// Added to counts before the normalisation divides by them.
    pub shrinkage: f64,
    /// Half-life of counts; none = counts do not age.
    pub half_life: Option<Span>,
}

/// Parameters of neighbours by session.
#[derive(Clone, Debug, PartialEq)]
pub struct Sessions {
    /// The events that count, with their weights; at most `SESSION_EVENTS_MAX`.
    pub events: Vec<(u16, f64)>,
    /// Longest time between two events of a session; none = all events of a user are of one.
    pub gap: Option<Span>,
    /// Most events of a session, at least 1; the next event begins another.
    pub length: u16,
    /// How many sessions each item lists, the newest.
    pub sessions: u16,
    /// How many sessions are kept in all, at least 1 and at most `SESSIONS_MAX`.
    pub keep: u32,
    /// How many sessions most like the visit are read.
    pub neighbours: u16,
    /// Exponent of a neighbour's likeness in what it adds; 0 = all neighbours count the same.
    pub similarity_exponent: f64,
    /// Factor per place of distance to the matched item.
    pub distance_decay: f64,
    /// Factor for items that came before the matched item; 1 = direction does not count.
    pub backward: f64,
    /// Exponent of the candidate's own count of sessions, by which its score is divided.
    pub popularity_exponent: f64,
    /// Exponent of the context item's count of sessions, by which its weight is divided.
    pub context_exponent: f64,
    /// Added to counts before anything is divided by them.
    pub shrinkage: f64,
    /// Half-life of what a neighbour says, since its newest event; none = sessions do not age.
    pub half_life: Option<Span>,
}

/// A feed: how a slate is made.
#[derive(Clone, Debug)]
pub struct Feed {
    /// Its name.
    pub name: String,
    /// The entity type it is asked for: `user` or `item`.
    pub subject: EntityIndex,
    /// Names and types of the request context it reads.
    pub context: Vec<FieldType>,
    /// Recall routes.
    pub routes: Vec<Route>,
    /// How what the routes found becomes one list.
    pub fusion: Fusion,
    /// Conditions that a candidate must meet, in order; those that are early (`Plan::is_early`) before the others.
    pub filters: Vec<Program>,
    /// Additive terms of the score in order; the score is their sum from left to right. Empty: the fused score ranks.
    pub terms: Vec<Program>,
    /// Rerankers in order: each works on the order that the one before it left.
    pub reranks: Vec<Rerank>,
    /// Whether decision records are synced before the answer leaves.
    pub durable: bool,
    /// Policies, in the spec's order.
    pub policies: Vec<Policy>,
    /// Whom they spare.
    pub holdout: Option<Holdout>,
}

/// One recall route.
#[derive(Clone, Debug)]
pub struct Route {
    /// Its name.
    pub name: String,
    /// Where candidates come from.
    pub source: RouteSource,
    /// Most candidates it gives.
    pub limit: u16,
    /// Its weight in fusion.
    pub weight: f64,
    /// The route runs only if this holds; it reads nothing that differs between candidates. None: it always runs.
    pub when: Option<Program>,
    /// How many of its best are kept whatever the fused order is; all routes' together are at most `Fusion::candidates`.
    pub min: u16,
    /// Its share of `Fusion::candidates` under `FusionKind::Quota`, from 0 to 1; all routes' together are at most 1.
    pub quota: f64,
}

/// How what the routes of a feed found becomes one list of candidates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fusion {
    /// What the fused score is, and who is kept.
    pub kind: FusionKind,
    /// Most candidates that are kept, from 1 to `limits::CANDIDATES_MAX`.
    pub candidates: u16,
}

/// The ways of fusion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FusionKind {
    /// The fused score is the sum of `weight / (60 + place)` over an item's routes, places from 1.
    Rrf,
    /// As `Rrf`, but each route has a share of the places; what a route does not use, the others take in the spec's order.
    Quota,
    /// Routes take turns in proportion to their weights; the fused score is `1 / (60 + place)` by the place in that list.
    Interleave,
    /// The fused score is the sum of `weight * recall.<route>` over an item's routes.
    Score,
}

impl FusionKind {
    /// How the spec calls it.
    pub fn name(self) -> &'static str {
        match self {
            FusionKind::Rrf => "rrf",
            FusionKind::Quota => "quota",
            FusionKind::Interleave => "interleave",
            FusionKind::Score => "score",
        }
    }
}

/// Where a route's candidates come from.
#[derive(Clone, Debug)]
pub enum RouteSource {
    /// The best of `Plan::indexes[index]`, an `Index::Top`.
    Top {
        /// Index into `Plan::indexes`.
        index: u16,
    },
    /// Neighbours of the context items in `Plan::indexes[index]`, an `Index::CoVisited`.
    CoVisited {
        /// Index into `Plan::indexes`.
        index: u16,
        /// The context items.
        from: From,
        /// Factor per place in the context, newest first.
        recency: f64,
        /// How many context items are read.
        context: u16,
        /// Whether items that the user has visited before are left out: those that the index remembers of the user, and those
        /// of the visit at hand.
        skip_known: bool,
    },
    /// What the sessions most like the context went on with, in `Plan::indexes[index]`, an `Index::Sessions`.
    Sessions {
        /// Index into `Plan::indexes`.
        index: u16,
        /// The context items.
        from: From,
        /// Factor per place in the context, newest first.
        recency: f64,
        /// How many context items are read.
        context: u16,
        /// Whether items of the visit at hand and of the user's newest sessions are left out.
        skip_known: bool,
    },
    /// The head of `Plan::indexes[index]`, an `Index::Newest`.
    Newest {
        /// Index into `Plan::indexes`.
        index: u16,
    },
    /// The entries of `Plan::lists[list]`, best score first, ties by item id.
    List {
        /// Index into `Plan::lists`.
        list: u16,
    },
    /// Items of `Plan::indexes[index]`, an `Index::Explore`, fewest events first, of equal ones those that the request's seed draws.
    Explore {
        /// Index into `Plan::indexes`.
        index: u16,
    },
    /// Items that the request's seed draws of all.
    Random,
    /// Items with the tags that are looked for, in `Plan::indexes[index]`, an `Index::Tags`. The score is the sum of `weight * value`
    /// over the tags that the item has of them, `value` being what the index orders by.
    Tags {
        /// Index into `Plan::indexes`.
        index: u16,
        /// Where the tags come from.
        from: TagsFrom,
        /// Factor per place in the context, newest first.
        recency: f64,
        /// How many context items are read.
        context: u16,
        /// Whether the index orders by a timestamp; shares of the best score would then all be the same.
        by_time: bool,
    },
    /// The context items themselves, newest first, each once.
    History {
        /// The context items.
        from: From,
        /// The score is this to the power of the place.
        recency: f64,
    },
}

/// Where a `tags` route has its tags from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TagsFrom {
    /// A string or a `[string]` of the user or of the request, each weighing 1: the slot that holds it.
    Slot(SlotIndex),
    /// The tags of context items; a tag weighs as much as the items that have it together.
    Items(From),
}

/// Context items of a route. Items of the visit (`FeedRequest::recent`) come before those of a stored list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum From {
    /// A `last` feature of the user: the slot that holds it.
    Slot(SlotIndex),
    /// The request's item.
    RequestItem,
}

impl Plan {
    /// The features that the spec declares.
    pub fn declared_features(&self) -> impl Iterator<Item = &Feature> {
        self.features.iter().filter(|feature| !feature.hidden)
    }

    /// Index of an entity type by name.
    pub fn entity(&self, name: &str) -> Option<EntityIndex> {
        self.entities.iter().position(|entity| entity.name == name).map(|index| index as EntityIndex)
    }

    /// The text of a string constant; empty if there is no constant of this number.
    pub fn constant(&self, symbol: Symbol) -> &str {
        let at = self.symbols.iter().position(|known| *known == symbol);
        at.map_or("", |at| self.constants[at].as_str())
    }

    /// Index of an event type by name.
    pub fn event(&self, name: &str) -> Option<u16> {
        self.events.iter().position(|event| event.name == name).map(|index| index as u16)
    }

    /// The names of a feed's routes as answers number them: its own, then those of the feeds that it mixes in, as `other.hot`.
    pub fn route_names<'p>(&self, feed: &'p Feed) -> Vec<&'p str> {
        let own = feed.routes.iter().map(|route| route.name.as_str());
        let mixed = feed.reranks.iter().flat_map(|rerank| match rerank {
            Rerank::Mix(mix) => mix.routes.as_slice(),
            _ => &[],
        });
        own.chain(mixed.map(String::as_str)).collect()
    }

    /// The terms of a feed's score as answers number them: its own, then those of the feeds that it mixes in.
    pub fn term_names<'p>(&'p self, feed: &'p Feed) -> Vec<&'p str> {
        let terms = [feed].into_iter().chain(self.mixed(feed)).flat_map(|of| &of.terms);
        terms.map(|term| term.text()).collect()
    }

    /// The feeds that a feed mixes in, in the order of its rerankers.
    pub fn mixed<'p>(&'p self, feed: &'p Feed) -> impl Iterator<Item = &'p Feed> {
        feed.reranks.iter().filter_map(|rerank| match rerank {
            Rerank::Mix(mix) => Some(&self.feeds[usize::from(mix.feed)]),
            _ => None,
        })
    }

    /// What is likely not meant, or does nothing any more at this instant, in the order of the file.
    pub fn warnings_at(&self, now: Time) -> Vec<&crate::Diagnostic> {
        let told = self.warnings.iter().filter(|warning| warning.since.is_none_or(|since| since <= now));
        told.map(|warning| &warning.diagnostic).collect()
    }

    /// Index of a list by name.
    pub fn list(&self, name: &str) -> Option<u16> {
        self.lists.iter().position(|list| list.name == name).map(|index| index as u16)
    }

    /// Whether a filter is asked while routes look for candidates: it reads only what is at hand for any item, that is attributes,
    /// lists, `seen`, and what is the same for all candidates.
    pub fn is_early(&self, filter: &Program) -> bool {
        filter.slots().iter().all(|&slot| {
            let Slot { source, per_candidate, .. } = &self.slots[usize::from(slot)];
            match *source {
                _ if !per_candidate => true,
                SlotSource::Attribute { .. } | SlotSource::Listed(_) => true,
                SlotSource::Aggregate(index) => {
                    matches!(self.aggregates[usize::from(index)].op, AggregateOp::Seen(_))
                }
                SlotSource::Feature(index) => self.is_early(&self.features[usize::from(index)].program),
                _ => false,
            }
        })
    }

    /// The decisions on an event, with their indexes.
    pub fn decisions_on(&self, event: u16) -> impl Iterator<Item = (u16, &Decision)> {
        self.decisions.iter().enumerate().filter(move |(_, of)| of.event == event).map(|(at, of)| (at as u16, of))
    }

    /// Index of a decision by name.
    pub fn decision(&self, name: &str) -> Option<u16> {
        self.decisions.iter().position(|decision| decision.name == name).map(|index| index as u16)
    }

    /// Index of a feed by name.
    pub fn feed(&self, name: &str) -> Option<u16> {
        self.feeds.iter().position(|feed| feed.name == name).map(|index| index as u16)
    }
}
