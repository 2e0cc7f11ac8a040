//! The spec as written: every field of every section with its place, names not yet resolved.

mod decision;
mod policy;
mod rerank;
mod sink;

pub(crate) use decision::{
    AlarmSource, BinSource, DecisionRuleSource, DecisionSource, EffectSource, GuardSource, LabelsSource, PartSource,
    PointsSource, ReviewSource, RowSource, RuleTableSource, ScorecardSource, ShareSource, TiersSource,
};
pub(crate) use policy::{CountSource, HoldoutSource, PolicyKind, PolicySource};
pub(crate) use rerank::{
    DiverseSource, FairSource, FromSource, OfSource, PlaceSource, RerankKind, RerankSource, RuleSource, TargetSource,
};
pub(crate) use sink::SinkSource;

use crate::plan::FusionKind;
use crate::yaml::Text;
use domain::{Span, Type};
use std::collections::BTreeSet;
use std::ops::Range;

/// The whole file. Sections with mistakes hold what could be read.
#[derive(Debug, Default)]
pub(crate) struct Source {
    pub(crate) entities: Vec<EntitySource>,
    pub(crate) events: Vec<EventSource>,
    pub(crate) tables: Vec<TableSource>,
    pub(crate) lists: Vec<ListSource>,
    pub(crate) feeds: Vec<FeedSource>,
    pub(crate) decisions: Vec<DecisionSource>,
    pub(crate) alarms: Vec<AlarmSource>,
    pub(crate) sinks: Vec<SinkSource>,
    pub(crate) weights: Vec<WeightSource>,
    pub(crate) attribution: Option<AttributionSource>,
    pub(crate) budget: BudgetSource,
    /// What was declared with a mistake already noted (`entity item.price`, `event view`, `table user`, `feature user.a`):
    /// reading it is no further mistake.
    pub(crate) broken: BTreeSet<String>,
}

/// What features may cost; where it is not said, the limits of the product.
#[derive(Debug, Default)]
pub(crate) struct BudgetSource {
    pub(crate) bytes_per_key: Option<usize>,
    pub(crate) ns_per_event: Option<u64>,
}

#[derive(Debug)]
pub(crate) struct WeightSource {
    pub(crate) event: Text,
    pub(crate) weight: f64,
}

#[derive(Debug)]
pub(crate) struct AttributionSource {
    pub(crate) span: std::ops::Range<usize>,
    pub(crate) window: Span,
    pub(crate) decisions: u32,
    /// None: all events with a weight above 0.
    pub(crate) click: Option<Vec<Text>>,
    /// None: all events with a weight.
    pub(crate) events: Option<Vec<Text>>,
}

#[derive(Debug)]
pub(crate) struct EntitySource {
    pub(crate) name: Text,
    pub(crate) fields: Vec<FieldSource>,
}

#[derive(Debug)]
pub(crate) struct FieldSource {
    pub(crate) name: Text,
    pub(crate) ty: Type,
}

#[derive(Debug)]
pub(crate) struct EventSource {
    pub(crate) name: Text,
    /// Role name and entity type.
    pub(crate) roles: Vec<(Text, Text)>,
    pub(crate) fields: Vec<FieldSource>,
}

#[derive(Debug)]
pub(crate) struct TableSource {
    pub(crate) name: Text,
    /// Feature name and expression.
    pub(crate) features: Vec<(Text, Text)>,
}

#[derive(Debug)]
pub(crate) struct ListSource {
    pub(crate) name: Text,
    /// The entity type; none if it was not said properly.
    pub(crate) of: Option<Text>,
    pub(crate) max: u32,
}

#[derive(Debug)]
pub(crate) struct FeedSource {
    pub(crate) name: Text,
    /// The entity type it is asked for; none if it was not said properly.
    pub(crate) subject: Option<Text>,
    pub(crate) context: Vec<FieldSource>,
    pub(crate) routes: Vec<RouteSource>,
    pub(crate) fusion: FusionSource,
    pub(crate) filters: Vec<Text>,
    pub(crate) score: Option<Text>,
    pub(crate) reranks: Vec<RerankSource>,
    pub(crate) durable: bool,
    pub(crate) policies: Vec<PolicySource>,
    pub(crate) holdout: Option<HoldoutSource>,
    /// Where the feed says that nobody reports its impressions.
    pub(crate) unreported: Option<std::ops::Range<usize>>,
}

#[derive(Debug)]
pub(crate) struct RouteSource {
    pub(crate) name: Text,
    pub(crate) kind: RouteKind,
    pub(crate) limit: u16,
    pub(crate) weight: f64,
    pub(crate) when: Option<Text>,
    /// With the place where it is said.
    pub(crate) min: Option<(u16, Range<usize>)>,
    /// With the place where it is said.
    pub(crate) quota: Option<(f64, Range<usize>)>,
}

/// How routes are fused, as written.
#[derive(Debug, Default)]
pub(crate) struct FusionSource {
    /// None: the default.
    pub(crate) kind: Option<(FusionKind, Range<usize>)>,
    pub(crate) candidates: Option<u16>,
}

#[derive(Debug)]
pub(crate) enum RouteKind {
    Top(Text),
    CoVisited(Box<CoVisitedSource>),
    Sessions(Box<SessionsSource>),
    Newest(Text),
    History(Text, f64),
    List(Text),
    Tags(TagsSource),
    /// The event and the bound.
    Explore(Text, u32),
    Random,
    /// Already reported.
    Broken,
}

#[derive(Debug)]
pub(crate) struct TagsSource {
    pub(crate) tags: Text,
    pub(crate) from: Text,
    pub(crate) by: Option<Text>,
    pub(crate) context: u16,
    pub(crate) recency: f64,
}

#[derive(Debug)]
pub(crate) struct CoVisitedSource {
    /// Without a weight of its own an event has that of `weights`, or 1.
    pub(crate) events: Vec<(Text, Option<f64>)>,
    pub(crate) from: Option<Text>,
    pub(crate) neighbours: u16,
    pub(crate) counters: u16,
    pub(crate) history: u16,
    pub(crate) keep: u16,
    pub(crate) distance_decay: f64,
    pub(crate) backward: f64,
    pub(crate) popularity_exponent: f64,
    pub(crate) context_exponent: f64,
    pub(crate) shrinkage: f64,
    pub(crate) half_life: Option<Span>,
    pub(crate) context: u16,
    pub(crate) recency: f64,
    pub(crate) skip_known: bool,
}

#[derive(Debug)]
pub(crate) struct SessionsSource {
    pub(crate) events: Vec<(Text, Option<f64>)>,
    pub(crate) from: Option<Text>,
    pub(crate) gap: Option<Span>,
    pub(crate) length: u16,
    pub(crate) sessions: u16,
    pub(crate) keep: u32,
    pub(crate) neighbours: u16,
    pub(crate) similarity_exponent: f64,
    pub(crate) distance_decay: f64,
    pub(crate) backward: f64,
    pub(crate) popularity_exponent: f64,
    pub(crate) context_exponent: f64,
    pub(crate) shrinkage: f64,
    pub(crate) half_life: Option<Span>,
    pub(crate) context: u16,
    pub(crate) recency: f64,
    pub(crate) skip_known: bool,
}
