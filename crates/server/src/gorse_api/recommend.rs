//! Recommendations: feeds of the spec under the names of Gorse's recommenders.

use super::entities::item_view;
use super::{Asked, COUNT_DEFAULT, now};
use crate::calls::released;
use crate::reply::Reply;
use ::gorse::{Feedback, neighbours, parse_delay};
use domain::{Code, FeedRequest, Refusal, Subject, limits};
use std::collections::BTreeSet;

/// Most items of a user that `user-id` takes out of a list.
const READ_MAX: usize = 10_000;

type Scores = Vec<(String, f64)>;

impl Asked<'_> {
    pub(super) async fn recommend(&self) -> Result<Reply, Refusal> {
        let user = self.found.value("user");
        let delay = parse_delay(self.params.text("write-back-delay")).ok_or_else(|| {
            Refusal::new(Code::InvalidValue, "write-back-delay", "must be a duration such as 10m or 1h30m")
        })?;
        let scores = self.ask("home", Subject::User(user.to_owned()), Vec::new(), None).await?;
        let kind = self.params.text("write-back-type");
        if !kind.is_empty() {
            let time = now().plus(delay);
            let shown = scores.iter().map(|(item, _)| Feedback {
                kind: kind.into(),
                user: user.into(),
                item: item.as_str().into(),
                timestamp: (delay.0 > 0).then_some(time),
                ..Feedback::default()
            });
            self.take(&shown.collect::<Vec<_>>(), false).await?;
        }
        let mut body = Vec::new();
        if self.scores {
            ::gorse::write_scores(&mut body, &scores);
        } else {
            ::gorse::write_ids(&mut body, &scores);
        }
        Ok(Reply::json(body))
    }

    pub(super) async fn session(&self) -> Result<Reply, Refusal> {
        let mut list = ::gorse::read_feedback(&self.body)?;
        // Newest first; what has no time keeps its place at the end.
        list.sort_by_key(|one| std::cmp::Reverse(one.timestamp));
        let mut known = BTreeSet::new();
        let items = list.iter().filter(|one| known.insert(&one.item)).map(|one| one.item.to_string());
        let recent: Vec<String> = items.take(limits::REQUEST_RECENT_MAX).collect();
        let feed = self.gorse.shape.feed("session", false).unwrap_or("home");
        self.scored(self.ask(feed, Subject::Anonymous, recent, None).await?)
    }

    pub(super) async fn collaborative(&self) -> Result<Reply, Refusal> {
        let feed = self.gorse.shape.feed("collaborative", false).unwrap_or("home");
        let user = Subject::User(self.found.value("user").to_owned());
        self.scored(self.ask(feed, user, Vec::new(), self.reader()).await?)
    }

    /// The score of a latest item is its time in seconds.
    pub(super) async fn latest(&self) -> Result<Reply, Refusal> {
        let feed = self.feed("latest", false)?;
        let mut scores = self.ask(feed, Subject::Anonymous, Vec::new(), self.reader()).await?;
        for (item, score) in &mut scores {
            let view = self.shared.engine.entity("item", item)?;
            *score = item_view(item, &view).timestamp.map_or(0.0, |time| time.0.div_euclid(1_000) as f64);
        }
        self.scored(scores)
    }

    pub(super) async fn non_personalized(&self) -> Result<Reply, Refusal> {
        let name = self.found.value("name");
        let feed = self.feed(if name.is_empty() { "popular" } else { name }, false)?;
        self.scored(self.ask(feed, Subject::Anonymous, Vec::new(), self.reader()).await?)
    }

    pub(super) async fn item_to_item(&self) -> Result<Reply, Refusal> {
        let name = self.found.value("name");
        let feed = match (name, self.gorse.shape.related()) {
            ("", Some(feed)) => feed,
            ("", None) => return Err(not_found("item-to-item recommendation is not enabled: no feed is for: item")),
            (name, _) => self.feed(name, true)?,
        };
        let item = Subject::Item(self.found.value("item").to_owned());
        self.scored(self.ask(feed, item, Vec::new(), self.reader()).await?)
    }

    pub(super) fn user_to_user(&self) -> Result<Reply, Refusal> {
        let (offset, count) = (self.params.number("offset", 0)?, self.count()?);
        let most = offset.saturating_add(count).min(limits::GORSE_PAGE_MAX);
        let users = self.gorse.look(|mirror| neighbours(mirror, self.found.value("user"), most))?;
        self.scored(users.into_iter().skip(offset).take(count).collect())
    }

    fn scored(&self, scores: Scores) -> Result<Reply, Refusal> {
        let mut body = Vec::new();
        ::gorse::write_scores(&mut body, &scores);
        Ok(Reply::json(body))
    }

    fn feed(&self, name: &str, for_item: bool) -> Result<&str, Refusal> {
        let kind = if for_item { "item" } else { "user" };
        let message = || format!("recommender {name} not found: the spec has no feed of this name that is for: {kind}");
        self.gorse.shape.feed(name, for_item).ok_or_else(|| not_found(&message()))
    }

    /// The user whose items are to be left out.
    fn reader(&self) -> Option<&str> {
        Some(self.params.text("user-id")).filter(|user| !user.is_empty())
    }

    /// Asks a feed: `offset` items are skipped, `n` are returned, together no more than a slate has. Items that `reader` has
    /// any feedback for are left out.
    async fn ask(
        &self,
        feed: &str,
        subject: Subject,
        recent: Vec<String>,
        reader: Option<&str>,
    ) -> Result<Scores, Refusal> {
        let offset = self.params.number("offset", 0)?;
        let count = self.params.number("n", COUNT_DEFAULT)?;
        let in_path = Some(self.found.value("category")).filter(|category| !category.is_empty());
        let categories: Vec<&str> = match in_path {
            Some(category) => vec![category],
            None => self.params.all("category").collect(),
        };
        let context = self.gorse.shape.context(feed, &categories)?;
        let read: BTreeSet<String> = match reader {
            Some(user) => self.gorse.look(|mirror| owned(mirror.items_of(user, READ_MAX)))?,
            None => BTreeSet::new(),
        };
        let wanted = offset.saturating_add(count).saturating_add(read.len()).min(limits::SLATE_MAX);
        if wanted == 0 {
            return Ok(Scores::new());
        }
        let exclude = recent.clone();
        let request = FeedRequest { exclude, recent, context, ..FeedRequest::new(feed, subject, wanted as u16) };
        let served = self.shared.engine.recommend(request)?;
        released(self.shared, served.seen).await?;
        self.shared.metrics.answers.inc();
        let items = served.answer.items.into_iter().map(|item| (item.item, item.score));
        Ok(items.filter(|(item, _)| !read.contains(item)).skip(offset).take(count).collect())
    }
}

fn owned(items: Vec<&str>) -> BTreeSet<String> {
    items.into_iter().map(str::to_owned).collect()
}

fn not_found(message: &str) -> Refusal {
    Refusal::new(Code::NotFound, "", message)
}
