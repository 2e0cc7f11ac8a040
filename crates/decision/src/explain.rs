//! What an answer says about itself, in words: which route found each item, what its score is made of, what was removed and
//! why, what was skipped, and how fresh it all is.

mod text;

#[cfg(test)]
pub(crate) mod tests;

use domain::{Answer, Position, Recommended, Removal, Time};
use spec::Plan;
use spec::plan::Feed;

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
    /// What was removed, by reason.
    pub removed: Vec<Removal>,
    /// How many candidates were left.
    pub left: u32,
    /// How many of them the formula scored; `None` if the feed has no formula and the fused score ranks.
    pub scored: Option<u32>,
    /// Whether the reranker ran; `None` if the feed has none.
    pub reranked: Option<bool>,
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
    /// Whether there was time for it.
    pub ran: bool,
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
    /// How many places the reranker moved it (positive: down).
    pub moved: i16,
    /// All that in one line.
    pub reason: String,
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
    let left = answer.removed.iter().filter(|removal| removal.reason != EXCLUDE).map(|removal| removal.count).sum();
    let left = answer.candidates.saturating_sub(left);
    let with_formula = feed.is_some_and(|feed| !feed.terms.is_empty());
    let all_scored = with_formula && u32::from(answer.effort.candidates_scored) >= left;
    Explanation {
        feed: answer.request.feed.clone(),
        plan: answer.plan.0,
        rows: answer.rows,
        epoch: answer.epoch,
        now: answer.now,
        routes: routes(feed, answer),
        candidates: answer.candidates,
        removed: answer.removed.clone(),
        left,
        scored: with_formula.then_some(u32::from(answer.effort.candidates_scored)),
        reranked: feed.filter(|feed| !feed.reranks.is_empty()).map(|_| answer.effort.reranked),
        skipped: feed.map(|feed| skipped(feed, answer, left)).unwrap_or_default(),
        items: answer
            .items
            .iter()
            .enumerate()
            .map(|(place, item)| explain_item(feed, all_scored, place, item))
            .collect(),
    }
}

/// The reason under which excluded items are counted. They are taken out of the routes and are no candidates.
const EXCLUDE: &str = "exclude";

fn routes(feed: Option<&Feed>, answer: &Answer) -> Vec<RouteExplanation> {
    let counts = answer.route_counts.iter().zip(0..);
    let route = |(&candidates, route): (&u32, u16)| RouteExplanation {
        route: route_name(feed, route),
        ran: route < answer.effort.routes_run,
        candidates,
    };
    counts.map(route).collect()
}

fn route_name(feed: Option<&Feed>, route: u16) -> String {
    let route_of_plan = feed.and_then(|feed| feed.routes.get(usize::from(route)));
    route_of_plan.map_or_else(|| format!("route {}", route + 1), |route| route.name.clone())
}

fn skipped(feed: &Feed, answer: &Answer, left: u32) -> Vec<String> {
    let mut skipped = Vec::new();
    let routes = feed.routes.iter().skip(usize::from(answer.effort.routes_run));
    let routes: Vec<&str> = routes.map(|route| route.name.as_str()).collect();
    if !routes.is_empty() {
        skipped.push(format!("no time for the routes: {}", routes.join(", ")));
    }
    let scored = u32::from(answer.effort.candidates_scored);
    if !feed.terms.is_empty() && scored < left {
        skipped.push(format!("no time to score {} of {left} candidates; they follow in fused order", left - scored));
    }
    if !feed.reranks.is_empty() && !answer.effort.reranked {
        skipped.push("no time for the reranker".to_owned());
    }
    skipped
}

fn explain_item(feed: Option<&Feed>, all_scored: bool, place: usize, item: &Recommended) -> ItemExplanation {
    let of_plan = feed.map_or(&[][..], |feed| &feed.terms);
    // If some were not scored, an item none of whose terms has a value shows by its score of 0: a fused score is above that.
    let scored = !item.terms.is_empty() || all_scored || (!of_plan.is_empty() && item.score == 0.0);
    let routes: Vec<RouteOfItem> = item
        .routes
        .iter()
        .map(|hit| RouteOfItem { route: route_name(feed, hit.route), rank: u32::from(hit.rank) + 1, score: hit.score })
        .collect();
    let value = |index: usize| item.terms.iter().find(|term| usize::from(term.term) == index).map(|term| term.value);
    let terms = of_plan.iter().enumerate().filter(|_| scored);
    let terms: Vec<TermOfItem> =
        terms.map(|(index, term)| TermOfItem { term: term.text().to_owned(), value: value(index) }).collect();
    ItemExplanation {
        place: place as u32 + 1,
        item: item.item.clone(),
        score: item.score,
        scored,
        reason: reason(&routes, &terms, item.moved),
        routes,
        terms,
        moved: item.moved,
    }
}

/// Such as `similar (rank 3), hot (rank 12); most by 0.8 * ctr; moved down 2 by the reranker`.
fn reason(routes: &[RouteOfItem], terms: &[TermOfItem], moved: i16) -> String {
    let found: Vec<String> = routes.iter().map(|of| format!("{} (rank {})", of.route, of.rank)).collect();
    let mut reason = found.join(", ");
    let valued = terms.iter().filter_map(|term| Some((term, term.value?)));
    let largest =
        valued.filter(|&(_, value)| value > 0.0).reduce(|best, next| if next.1 > best.1 { next } else { best });
    if let Some((term, _)) = largest.filter(|_| terms.len() > 1) {
        reason.push_str(&format!("; most by {}", term.term));
    }
    if moved != 0 {
        let way = if moved > 0 { "down" } else { "up" };
        reason.push_str(&format!("; moved {way} {} by the reranker", moved.unsigned_abs()));
    }
    reason
}
