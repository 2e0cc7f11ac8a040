//! Rerankers: what makes a slate of an order of candidates. Each works on the order that the one before it left.

use domain::Span;
use expr::Program;

/// One reranker.
#[derive(Clone, Debug)]
pub enum Rerank {
    /// At most, or at least, so many of a kind in any few consecutive places.
    Spread(Vec<Rule>),
    /// Maximal marginal relevance.
    Mmr(Mmr),
    /// A determinantal point process.
    Dpp(Dpp),
    /// Places kept for some candidates. The first rule that a place belongs to and that has a candidate gives it.
    Slots(Vec<PlaceRule>),
    /// Places for the best items of another feed.
    Mix(Mix),
    /// At least so many new items in any few consecutive places.
    Fresh(Rule),
    /// Exposure that approaches a target.
    Fair(Fair),
}

impl Rerank {
    /// Its name in the spec language.
    pub fn kind(&self) -> &'static str {
        match self {
            Rerank::Spread(_) => "spread",
            Rerank::Mmr(_) => "mmr",
            Rerank::Dpp(_) => "dpp",
            Rerank::Slots(_) => "slots",
            Rerank::Mix(_) => "mix",
            Rerank::Fresh(_) => "fresh",
            Rerank::Fair(_) => "fair",
        }
    }

    /// The conditions that it asks of candidates.
    pub fn conditions(&self) -> impl Iterator<Item = &Program> {
        let (rules, places): (&[Rule], &[PlaceRule]) = match self {
            Rerank::Spread(rules) => (rules, &[]),
            Rerank::Slots(places) => (&[], places),
            _ => (&[], &[]),
        };
        rules
            .iter()
            .filter_map(|rule| match &rule.of {
                Of::Condition(program) => Some(program),
                _ => None,
            })
            .chain(places.iter().filter_map(|place| match &place.source {
                PlaceSource::Condition(program) => Some(program),
                PlaceSource::Route(_) => None,
            }))
    }
}

/// How many of a kind any `window` consecutive places hold.
#[derive(Clone, Debug)]
pub struct Rule {
    /// The kind.
    pub of: Of,
    /// Length of the sliding window.
    pub window: u16,
    /// Most items of one kind in it.
    pub most: Option<u16>,
    /// Fewest items of the kind in every full window, as long as there are candidates; 0 for attributes, which are of many kinds.
    pub least: u16,
}

/// Which items are of one kind.
#[derive(Clone, Debug)]
pub enum Of {
    /// Those that share a value of this attribute (index into the item type's fields), or an element of it, if it is a list.
    Attribute(u16),
    /// Those that meet the condition.
    Condition(Program),
    /// Those whose timestamp attribute lies less than `within` before the request's `now`.
    Age {
        /// Index into the item type's fields.
        field: u16,
        /// How old an item of the kind is at most.
        within: Span,
    },
}

/// Maximal marginal relevance (Carbonell and Goldstein, SIGIR 1998).
#[derive(Clone, Debug, PartialEq)]
pub struct Mmr {
    /// What makes two items similar.
    pub by: Likeness,
    /// Weight of relevance against difference: 1 leaves the order as it is.
    pub lambda: f64,
    /// How many of the best candidates are ordered anew.
    pub depth: u16,
}

/// Greedy maximum a posteriori inference of a determinantal point process (Chen, Zhang and Zhou, NeurIPS 2018).
#[derive(Clone, Debug, PartialEq)]
pub struct Dpp {
    /// What makes two items similar.
    pub by: Likeness,
    /// Weight of relevance against difference: 1 leaves the order as it is.
    pub theta: f64,
    /// How many of the best candidates are ordered anew.
    pub depth: u16,
}

/// What makes two items similar. Items that lack what is compared are similar to none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Likeness {
    /// 1 if the attribute (index into the item type's fields) is the same, else 0.
    Equal(u16),
    /// The share of common elements of a list of strings: of the intersection in the union.
    Shared(u16),
    /// The cosine of two lists of floats; 0 if their lengths differ.
    Cosine(u16),
    /// The normalised count of co-visits in this index of `Plan::indexes`.
    CoVisited(u16),
}

/// Places kept for some candidates.
#[derive(Clone, Debug)]
pub struct PlaceRule {
    /// The first such place, from 1.
    pub at: u16,
    /// The distance to the next ones; `None`: there is only one.
    pub every: Option<u16>,
    /// Who takes it.
    pub source: PlaceSource,
}

impl PlaceRule {
    /// Whether it keeps this place, counted from 0.
    pub fn keeps(&self, place: usize) -> bool {
        keeps(self.at, self.every, place)
    }
}

/// Who takes a kept place: the best remaining candidate of these.
#[derive(Clone, Debug)]
pub enum PlaceSource {
    /// Candidates that this route of the feed found.
    Route(u16),
    /// Candidates that meet the condition.
    Condition(Program),
}

/// Places for the best items of another feed that were not shown yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mix {
    /// Index into `Plan::feeds`. Its routes, filters and score are used, its rerankers are not.
    pub feed: u16,
    /// The first such place, from 1.
    pub at: u16,
    /// The distance to the next ones.
    pub every: u16,
    /// Where each of the other feed's context values stands in this feed's context.
    pub context: Vec<Option<u16>>,
    /// The names of the other feed's routes, as `other.hot`.
    pub routes: Vec<String>,
}

impl Mix {
    /// Whether this place, counted from 0, is the other feed's.
    pub fn keeps(&self, place: usize) -> bool {
        keeps(self.at, Some(self.every), place)
    }
}

fn keeps(at: u16, every: Option<u16>, place: usize) -> bool {
    let after = (place + 1).checked_sub(usize::from(at));
    after.is_some_and(|after| every.map_or(after == 0, |every| after.is_multiple_of(usize::from(every.max(1)))))
}

/// Fairness of exposure.
#[derive(Clone, Debug, PartialEq)]
pub struct Fair {
    /// Index into `Plan::exposures`: what is counted.
    pub exposure: u16,
    /// What each value's share of the impressions is to be.
    pub target: Target,
    /// Most that an item's relevance, scaled to 0..1, is raised or lowered by.
    pub strength: f64,
    /// How many of the best candidates are ordered anew.
    pub depth: u16,
}

/// A value's share of the impressions that is aimed at.
#[derive(Clone, Debug, PartialEq)]
pub enum Target {
    /// The same for every value that the catalogue has.
    Equal,
    /// That of the value's items in the catalogue.
    Proportional,
    /// As given, by string constant of the plan; other values are left alone.
    Shares(Vec<(u32, f64)>),
}

/// Impressions counted by an attribute of the item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exposure {
    /// Index into the item type's fields: a string.
    pub field: u16,
    /// How long an impression counts.
    pub window: Span,
}
