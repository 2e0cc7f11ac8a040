//! A feed's answer: computed at once, sent once all that it read is durable.

use super::{off_thread, released};
use crate::Shared;
use crate::reply::Reply;
use domain::Refusal;
use engine::Plan;
use std::sync::Arc;
use wire::AnswerView;

/// Answers a feed request.
pub(crate) async fn ask(shared: &Arc<Shared>, feed: &str, body: &[u8]) -> Result<Reply, Refusal> {
    let wire::FeedCall { mut request, explain, seeded, page } = wire::parse_feed(feed, body)?;
    if !seeded {
        request.seed = shared.engine.seed(&request);
    }
    let pages = request.pages || page.is_some();
    let served = match page {
        Some(page) if shared.engine.page_is_at_hand(&page.token) => {
            shared.engine.page(feed, &page.token, page.count)?
        }
        Some(page) => {
            let feed = feed.to_owned();
            off_thread(shared, move |shared| shared.engine.page(&feed, &page.token, page.count)).await?
        }
        None => shared.engine.recommend(request)?,
    };
    let wait = released(shared, served.seen).await?;
    shared.metrics.answers.inc();
    let names = if explain { Names::of(&served.plan, feed) } else { Names::of_routes(&served.plan, feed) };
    let view = AnswerView {
        decision: served.id,
        answer: &served.answer,
        routes: &names.routes,
        terms: &names.terms,
        reranks: &names.reranks,
        detail: explain,
        next: pages.then_some(served.next.as_deref()),
        durability_wait_us: Some(wait.as_micros() as u64),
    };
    let mut body = Vec::new();
    wire::write_answer(&mut body, &view);
    Ok(Reply::json(body))
}

/// Names of a feed's routes, terms and rerankers, as answers number them.
pub(crate) struct Names<'p> {
    pub(crate) routes: Vec<&'p str>,
    pub(crate) terms: Vec<&'p str>,
    pub(crate) reranks: Vec<&'p str>,
}

impl<'p> Names<'p> {
    /// The names of routes alone, which is what answers without their making have.
    fn of_routes(plan: &'p Plan, feed: &str) -> Names<'p> {
        let feed = plan.feed(feed).map(|feed| &plan.feeds[usize::from(feed)]);
        let routes = feed.map_or(Vec::new(), |feed| plan.route_names(feed));
        Names { routes, terms: Vec::new(), reranks: Vec::new() }
    }

    /// The names in this plan; none if it has no such feed.
    pub(crate) fn of(plan: &'p Plan, feed: &str) -> Names<'p> {
        let feed = plan.feed(feed).map(|feed| &plan.feeds[usize::from(feed)]);
        Names {
            routes: feed.map_or(Vec::new(), |feed| plan.route_names(feed)),
            terms: feed.map_or(Vec::new(), |feed| plan.term_names(feed)),
            reranks: feed.map_or(Vec::new(), |feed| feed.reranks.iter().map(|rerank| rerank.kind()).collect()),
        }
    }
}
