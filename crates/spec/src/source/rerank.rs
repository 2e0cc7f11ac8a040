//! Rerankers as written.

use crate::yaml::Text;
use domain::Span;
use std::ops::Range;

/// One step of `rerank`.
#[derive(Debug)]
pub(crate) struct RerankSource {
    pub(crate) kind: RerankKind,
    /// The step, for what is wrong with all of it.
    pub(crate) span: Range<usize>,
}

#[derive(Debug)]
pub(crate) enum RerankKind {
    Spread(Vec<RuleSource>),
    Mmr(DiverseSource),
    Dpp(DiverseSource),
    Slots(Vec<PlaceSource>),
    Mix { feed: Text, at: Option<u16>, every: u16 },
    Fresh { by: Text, within: Span, least: u16, window: u16 },
    Fair(FairSource),
}

#[derive(Debug)]
pub(crate) struct RuleSource {
    pub(crate) of: OfSource,
    pub(crate) window: u16,
    pub(crate) most: Option<u16>,
    pub(crate) least: u16,
    pub(crate) span: Range<usize>,
}

#[derive(Debug)]
pub(crate) enum OfSource {
    Attribute(Text),
    Condition(Text),
}

#[derive(Debug)]
pub(crate) struct DiverseSource {
    /// `item.<attribute>`, or a `co_visited` route.
    pub(crate) by: Text,
    /// `lambda` or `theta`.
    pub(crate) weight: f64,
    pub(crate) depth: u16,
}

#[derive(Debug)]
pub(crate) struct PlaceSource {
    pub(crate) at: u16,
    pub(crate) every: Option<u16>,
    pub(crate) from: FromSource,
}

#[derive(Debug)]
pub(crate) enum FromSource {
    Route(Text),
    Condition(Text),
}

#[derive(Debug)]
pub(crate) struct FairSource {
    pub(crate) of: Text,
    pub(crate) target: TargetSource,
    pub(crate) window: Span,
    pub(crate) strength: f64,
    pub(crate) depth: u16,
}

#[derive(Debug)]
pub(crate) enum TargetSource {
    Equal,
    Proportional,
    Shares(Vec<(Text, f64)>),
}
