//! What an answer says about itself, in words: which route found each item, what its score is made of, what was removed and
//! why, what was skipped, and how fresh it all is.

mod text;

#[cfg(test)]
pub(crate) mod tests;

use domain::{Answer, Change, Effect, Position, Recommended, Removal, Step, Time};
use spec::Plan;
use spec::plan::{Feed, Rerank};

/// An answer explained. Plain data, ready to be written in any notation.
#[derive(Clone, Debug, PartialEq)]
pub struct Explanation {
    /// The feed's name.
    pub feed: String,
    /// Which plan answered.
    pub plan: u32,
    /// Position up to which the subject's events are in the answer.
    pub rows: Position,
    /// Position up to which everyone's events are in the answer.
    pub epoch: Position,
    /// The request's `now`.
    pub now: Time,
    /// The feed's routes in the spec's order.
    pub routes: Vec<RouteExplanation>,
    /// How many different candidates the routes gave together.
    pub candidates: u32,
    /// How they were fused: `rrf`, `quota`, `interleave` or `score`.
    pub fusion: String,
    /// How many of them fusion cut off.
    pub cut: u32,
    /// What was removed, by reason.
    pub removed: Vec<Removal>,
    /// How many candidates were left.
    pub left: u32,
    /// How many of them the formula scored; `None` if the feed has no formula and the fused score ranks.
    pub scored: Option<u32>,
    /// Whether the rerankers ran; `None` if the feed has none.
    pub reranked: Option<bool>,
    /// Kinds of the feed's rerankers, in the spec's order.
    pub reranks: Vec<String>,
    /// What was skipped to meet the deadline, one sentence each.
    pub skipped: Vec<String>,
    /// The slate.
    pub items: Vec<ItemExplanation>,
}

/// What a route did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteExplanation {
    /// Its name in the spec.
    pub route: String,
    /// Whether it ran: its condition held, and there was time for it.
    pub ran: bool,
    /// Whether its condition did not hold.
    pub off: bool,
    /// How many candidates it gave.
    pub candidates: u32,
}

/// Why an item is in its place.
#[derive(Clone, Debug, PartialEq)]
pub struct ItemExplanation {
    /// Its place, from 1.
    pub place: u32,
    /// Its key.
    pub item: String,
    /// Its score: that of the formula, or, if it was not scored, the fused one.
    pub score: f64,
    /// Whether the score is the formula's.
    pub scored: bool,
    /// The routes that found it.
    pub routes: Vec<RouteOfItem>,
    /// The terms of its score.
    pub terms: Vec<TermOfItem>,
    /// How many places it is from where its score would have it (positive: further down).
    pub moved: i16,
    /// What rerankers, policies and boosts did, in the order in which they did.
    pub effects: Vec<EffectOfItem>,
    /// All that in one line.
    pub reason: String,
}

/// What a step did to an item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EffectOfItem {
    /// The step, such as `rerank 1 (spread)`.
    pub step: String,
    /// Such as `moved up 3`.
    pub did: String,
}

/// A route that found an item.
#[derive(Clone, Debug, PartialEq)]
pub struct RouteOfItem {
    /// The route's name in the spec.
    pub route: String,
    /// Rank among the route's candidates, from 1.
    pub rank: u32,
    /// The route's own score.
    pub score: f64,
}

/// A term of an item's score.
#[derive(Clone, Debug, PartialEq)]
pub struct TermOfItem {
    /// The term as written in the spec.
    pub term: String,
    /// What it added; `None` if it had no finite value and added nothing.
    pub value: Option<f64>,
}

/// Explains an answer with the plan that gave it. Never fails: with another plan names may be missing (`route 3`).
pub fn explain(plan: &Plan, answer: &Answer) -> Explanation {
    let feed = plan.feed(&answer.request.feed).map(|feed| &plan.feeds[usize::from(feed)]);
    let page = answer.request.page.is_some();
    let early = feed.into_iter().flat_map(|feed| &feed.filters).filter(|filter| plan.is_early(filter));
    let early: Vec<&str> = early.map(|filter| filter.text()).chain([EXCLUDE]).collect();
    let of_candidates = |removal: &&Removal| page || !early.contains(&removal.reason.as_str());
    let left = answer.removed.iter().filter(of_candidates).map(|removal| removal.count).sum();
    let most = feed.filter(|_| !page).map_or(u32::MAX, |feed| u32::from(feed.fusion.candidates));
    let kept = most.min(answer.candidates);
    let left = kept.saturating_sub(left);
    let with_formula = !page && feed.is_some_and(|feed| !feed.terms.is_empty());
    let all_scored = with_formula && u32::from(answer.effort.candidates_scored) >= left;
    Explanation {
        feed: answer.request.feed.clone(),
        plan: answer.plan.0,
        rows: answer.rows,
        epoch: answer.epoch,
        now: answer.now,
        routes: routes(plan, feed, answer),
        candidates: answer.candidates,
        fusion: feed.map_or("", |feed| feed.fusion.kind.name()).to_owned(),
        cut: answer.candidates - kept,
        removed: answer.removed.clone(),
        left,
        scored: with_formula.then_some(u32::from(answer.effort.candidates_scored)),
        reranked: feed.filter(|feed| !page && !feed.reranks.is_empty()).map(|_| answer.effort.reranked),
        reranks: feed.map_or(Vec::new(), |feed| feed.reranks.iter().map(|of| of.kind().to_owned()).collect()),
        skipped: feed.map(|feed| skipped(feed, answer, left)).unwrap_or_default(),
        items: answer
            .items
            .iter()
            .enumerate()
            .map(|(place, item)| explain_item(plan, feed, all_scored, place, item))
            .collect(),
    }
}

/// The reason under which excluded items are counted. As those that early filters remove, they are taken out of the routes and
/// are no candidates.
const EXCLUDE: &str = "exclude";

fn routes(plan: &Plan, feed: Option<&Feed>, answer: &Answer) -> Vec<RouteExplanation> {
    let counts = answer.route_counts.iter().zip(0..);
    let route = |(&candidates, route): (&u32, u16)| RouteExplanation {
        route: route_name(plan, feed, route),
        ran: route < answer.effort.routes_run && !answer.off.contains(&route),
        off: answer.off.contains(&route),
        candidates,
    };
    counts.map(route).collect()
}

fn route_name(plan: &Plan, feed: Option<&Feed>, route: u16) -> String {
    let name = feed.and_then(|feed| plan.route_names(feed).get(usize::from(route)).copied());
    name.map_or_else(|| format!("route {}", route + 1), str::to_owned)
}

fn skipped(feed: &Feed, answer: &Answer, left: u32) -> Vec<String> {
    let mut skipped = Vec::new();
    if let Some(page) = &answer.request.page {
        return vec![format!(
            "all but the filters: this is a further page of {}, in its order from place {} on",
            page.of,
            u32::from(page.from) + 1
        )];
    }
    let routes = feed.routes.iter().skip(usize::from(answer.effort.routes_run));
    let routes: Vec<&str> = routes.map(|route| route.name.as_str()).collect();
    if !routes.is_empty() {
        skipped.push(format!("no time for the routes: {}", routes.join(", ")));
    }
    let scored = u32::from(answer.effort.candidates_scored);
    if (!feed.terms.is_empty() || !answer.request.boosts.is_empty()) && scored < left {
        skipped.push(format!("no time to score {} of {left} candidates; they follow in fused order", left - scored));
    }
    if !feed.reranks.is_empty() && !answer.effort.reranked {
        skipped.push("no time to rerank".to_owned());
    }
    skipped
}

fn explain_item(
    plan: &Plan,
    feed: Option<&Feed>,
    all_scored: bool,
    place: usize,
    item: &Recommended,
) -> ItemExplanation {
    let of_plan = terms_of(plan, feed, item);
    // If some were not scored, an item none of whose terms has a value shows by its score of 0: a fused score is above that.
    let scored = !item.terms.is_empty() || all_scored || (!of_plan.is_empty() && item.score == 0.0);
    let routes: Vec<RouteOfItem> = item
        .routes
        .iter()
        .map(|hit| RouteOfItem {
            route: route_name(plan, feed, hit.route),
            rank: u32::from(hit.rank) + 1,
            score: hit.score,
        })
        .collect();
    let value = |index: usize| item.terms.iter().find(|term| usize::from(term.term) == index).map(|term| term.value);
    let terms = of_plan.iter().filter(|_| scored);
    let terms: Vec<TermOfItem> =
        terms.map(|&(index, term)| TermOfItem { term: term.to_owned(), value: value(index) }).collect();
    let effects: Vec<EffectOfItem> = item.effects.iter().map(|effect| effect_of_item(feed, *effect)).collect();
    ItemExplanation {
        place: place as u32 + 1,
        item: item.item.clone(),
        score: item.score,
        scored,
        reason: reason(&routes, &terms, &effects),
        routes,
        terms,
        moved: item.moved,
        effects,
    }
}

/// Such as `similar (rank 3), hot (rank 12); most by 0.8 * ctr; moved down 2 by rerank 1 (spread)`.
fn reason(routes: &[RouteOfItem], terms: &[TermOfItem], effects: &[EffectOfItem]) -> String {
    let found: Vec<String> = routes.iter().map(|of| format!("{} (rank {})", of.route, of.rank)).collect();
    let mut reason = found.join(", ");
    let valued = terms.iter().filter_map(|term| Some((term, term.value?)));
    let largest =
        valued.filter(|&(_, value)| value > 0.0).reduce(|best, next| if next.1 > best.1 { next } else { best });
    if let Some((term, _)) = largest.filter(|_| terms.len() > 1) {
        reason.push_str(&format!("; most by {}", term.term));
    }
    for EffectOfItem { step, did } in effects {
        reason.push_str(&format!("; {did} by {step}"));
    }
    reason
}

pub(crate) fn effect_of_item(feed: Option<&Feed>, effect: Effect) -> EffectOfItem {
    let step = match effect.step {
        Step::Rerank(number) => {
            let rerank = feed.and_then(|feed| feed.reranks.get(usize::from(number)));
            format!("rerank {}{}", number + 1, rerank.map_or(String::new(), |of| format!(" ({})", of.kind())))
        }
        Step::Policy(number) => {
            let policy = feed.and_then(|feed| feed.policies.get(usize::from(number)));
            policy.map_or_else(|| format!("policy {}", number + 1), |of| format!("policy {}", of.text))
        }
        Step::Boost(number) => format!("boost {}", number + 1),
    };
    let did = match effect.change {
        Change::Moved(places) if places > 0 => format!("moved down {places}"),
        Change::Moved(places) => format!("moved up {}", places.unsigned_abs()),
        Change::Scaled(factor) => format!("scored {factor} times"),
        Change::Placed => "placed".to_owned(),
    };
    EffectOfItem { step, did }
}

/// The terms of an item's score with their numbers: the feed's, or those of the feed that it was mixed in from.
fn terms_of<'p>(plan: &'p Plan, feed: Option<&'p Feed>, item: &Recommended) -> Vec<(usize, &'p str)> {
    let Some(feed) = feed else { return Vec::new() };
    let mut feeds = vec![feed];
    for effect in item.effects.iter().filter(|effect| effect.change == Change::Placed) {
        if let Step::Rerank(number) = effect.step
            && let Some(Rerank::Mix(_)) = feed.reranks.get(usize::from(number))
        {
            let before = &feed.reranks[..=usize::from(number)];
            let nth = before.iter().filter(|rerank| matches!(rerank, Rerank::Mix(_))).count();
            feeds.extend(plan.mixed(feed).take(nth));
        }
    }
    let own = feeds.pop().unwrap_or(feed);
    let first: usize = feeds.iter().map(|feed| feed.terms.len()).sum();
    own.terms.iter().enumerate().map(|(index, term)| (first + index, term.text())).collect()
}
