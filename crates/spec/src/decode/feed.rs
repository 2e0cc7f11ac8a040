//! Feeds: their routes, filters, score and rerank step.

mod drawn;
mod fusion;
mod session;
mod tags;

pub(crate) use drawn::BELOW_MAX;

use super::Decoder;
use crate::diagnostic::Issue;
use crate::source::{CoVisitedSource, FeedSource, FusionSource, RouteKind, RouteSource};
use crate::yaml::{Kind, Node, Text};
use domain::limits;

pub(super) const FEED: [&str; 12] = [
    "for",
    "context",
    "recall",
    "fuse",
    "candidates",
    "filter",
    "rank",
    "rerank",
    "durable",
    "policy",
    "holdout",
    "impressions",
];
pub(super) const KINDS: [&str; 10] =
    ["top", "co_visited", "newest", "history", "list", "session", "users_like", "tags", "explore", "random"];
/// Options of every route.
pub(super) const OPTIONS: [&str; 5] = ["limit", "weight", "when", "min", "quota"];
const CO_VISITED: [&str; 15] = [
    "co_visited",
    "from",
    "neighbours",
    "counters",
    "history",
    "keep",
    "distance_decay",
    "backward",
    "popularity_exponent",
    "context_exponent",
    "shrinkage",
    "half_life",
    "context",
    "recency",
    "known",
];
pub(super) const RANK: [&str; 1] = ["score"];
const HISTORY: [&str; 2] = ["history", "recency"];
/// Candidates of a route that states no `limit`.
const LIMIT: u16 = 100;
/// Score of an item of a `history` route as a share of that of the item before it.
const RECENCY: f64 = 0.7;
/// Largest count of counters, neighbours or history of an index.
pub(crate) const COUNT_MAX: i64 = 4_096;

impl Decoder<'_> {
    pub(super) fn feed(&mut self, name: &Text, node: &Node) -> Option<FeedSource> {
        self.name(name, "a feed");
        let entries = self.map(node, "a feed")?;
        let mut feed = FeedSource {
            name: name.clone(),
            subject: None,
            context: Vec::new(),
            routes: Vec::new(),
            fusion: FusionSource::default(),
            filters: Vec::new(),
            score: None,
            reranks: Vec::new(),
            durable: false,
            policies: Vec::new(),
            holdout: None,
            unreported: None,
        };
        for (key, value) in entries {
            match key.text.as_str() {
                "for" => feed.subject = self.text(value, "`for`").cloned(),
                "context" => feed.context = self.fields(&format!("context {}", name.text), value),
                "recall" => feed.routes = self.routes(key, value),
                "fuse" => feed.fusion.kind = self.fusion_kind(value),
                "candidates" => {
                    let count = self.int(value, "`candidates`", 1..=limits::CANDIDATES_MAX as i64);
                    feed.fusion.candidates = count.map(|count| count as u16);
                }
                "filter" => feed.filters = self.filters(key, value),
                "rank" => feed.score = self.rank(value),
                "rerank" => feed.reranks = self.reranks(key, value),
                "durable" => feed.durable = self.bool(value, "`durable`").unwrap_or(false),
                "policy" => feed.policies = self.policies(key, value),
                "holdout" => feed.holdout = self.holdout(key, value),
                "impressions" => feed.unreported = self.unreported(value),
                "explore" | "variants" => self.not_available(key),
                _ => self.unknown(key, "a feed", &FEED),
            }
        }
        self.required(name, entries, "for", "a feed", "add `for: user` or `for: item`");
        self.required(name, entries, "recall", "a feed", "add `recall: { hot: { top: item.<feature>, limit: 100 } }`");
        self.check_fusion(entries, &feed);
        Some(feed)
    }

    pub(super) fn required(&mut self, at: &Text, entries: &[(Text, Node)], field: &str, what: &str, help: &str) {
        // A key that was noted with "did you mean" is this one, misspelt: that says enough.
        let meant = |key: &Text| self.issues.suggests(&key.span, field);
        if !entries.iter().any(|(key, _)| key.text == field || meant(key)) {
            let issue = Issue::new("missing_field", &at.span, format!("{what} needs the field `{field}`"));
            self.issues.push(issue.help(help));
        }
    }

    fn filters(&mut self, key: &Text, node: &Node) -> Vec<Text> {
        let Some(list) = self.list(node, "`filter`") else { return Vec::new() };
        self.at_most(key, list.len(), limits::FILTERS_MAX);
        list.iter().filter_map(|node| self.text(node, "a filter").cloned()).collect()
    }

    pub(super) fn at_most(&mut self, key: &Text, count: usize, most: usize) {
        if count > most {
            let message = format!("`{}` has {count} entries; at most {most} are allowed", key.text);
            self.issues.push(Issue::new("too_many", &key.span, message));
        }
    }

    fn rank(&mut self, node: &Node) -> Option<Text> {
        let mut score = None;
        let entries = self.map(node, "`rank`")?;
        for (key, value) in entries {
            match key.text.as_str() {
                "score" => score = self.text(value, "`score`").cloned(),
                _ => self.unknown(key, "`rank`", &RANK),
            }
        }
        if entries.is_empty() {
            let issue = Issue::new("missing_field", &node.span, "`rank` needs the field `score`");
            self.issues.push(issue.help("write `rank: { score: item.<feature> }`, or leave `rank` out"));
        }
        score
    }

    fn routes(&mut self, key: &Text, node: &Node) -> Vec<RouteSource> {
        let Some(entries) = self.map(node, "`recall`") else { return Vec::new() };
        self.at_most(key, entries.len(), limits::ROUTES_MAX);
        if entries.is_empty() {
            let issue = Issue::new("missing_value", &key.span, "`recall` has no routes");
            self.issues.push(issue.help("a feed needs at least one, as in `hot: { top: item.heat, limit: 100 }`"));
        }
        let routes: Vec<RouteSource> = entries.iter().filter_map(|(name, node)| self.route(name, node)).collect();
        let total: usize = routes.iter().map(|route| usize::from(route.limit)).sum();
        if total > limits::CANDIDATES_MAX {
            let most = limits::CANDIDATES_MAX;
            let message = format!("the routes give up to {total} candidates together; at most {most} are allowed");
            self.issues.push(Issue::new("over_budget", &key.span, message).help("lower the routes' `limit`s"));
        }
        routes
    }

    fn route(&mut self, name: &Text, node: &Node) -> Option<RouteSource> {
        self.name(name, "a route");
        if name.text == "score" {
            self.reserved(name);
        }
        let entries = self.map(node, "a route")?;
        let mut route = RouteSource {
            name: name.clone(),
            kind: RouteKind::Broken,
            limit: LIMIT,
            weight: 1.0,
            when: None,
            min: None,
            quota: None,
        };
        let has = |field: &str| entries.iter().any(|(key, _)| key.text == field);
        if has("co_visited") {
            route.kind = self.co_visited(name, entries);
        } else if has("session") || has("users_like") {
            route.kind = self.sessions(name, entries);
        } else if let Some((_, value)) = entries.iter().find(|(key, _)| key.text == "explore") {
            route.kind = self.explore(value, entries);
        } else if let Some((_, value)) = entries.iter().find(|(key, _)| key.text == "random") {
            route.kind = self.random(value, entries);
        } else if let Some((_, value)) = entries.iter().find(|(key, _)| key.text == "tags") {
            route.kind = self.tags(name, value, entries);
        } else if let Some((key, value)) = entries.iter().find(|(key, _)| KINDS.contains(&key.text.as_str())) {
            route.kind = self.simple_route(&key.text, value);
            self.only(entries, &own_fields(&key.text));
        } else if let Some((key, _)) = entries.iter().find(|(key, _)| is_planned(&key.text)) {
            self.not_available(key);
        } else {
            self.no_source(name, entries);
        }
        for (key, value) in entries {
            match (key.text.as_str(), &mut route.kind) {
                ("recency", RouteKind::History(_, recency)) => {
                    *recency = self.number(value, "`recency`", 0.0..=1.0).unwrap_or(*recency);
                }
                _ => self.route_option(&mut route, key, value),
            }
        }
        Some(route)
    }

    /// One of the options that every route has.
    fn route_option(&mut self, route: &mut RouteSource, key: &Text, value: &Node) {
        let most = limits::CANDIDATES_MAX as i64;
        match key.text.as_str() {
            "limit" => route.limit = self.int(value, "`limit`", 1..=most).map_or(route.limit, |limit| limit as u16),
            "weight" => route.weight = self.number(value, "`weight`", 0.0..=1e6).unwrap_or(route.weight),
            "when" => route.when = self.text(value, "`when`").cloned(),
            "min" => {
                let min = self.int(value, "`min`", 1..=most);
                route.min = min.map(|min| (min as u16, value.span.clone()));
            }
            "quota" => {
                let quota = self.number(value, "`quota`", 0.0..=1.0);
                route.quota = quota.map(|quota| (quota, value.span.clone()));
            }
            _ => {}
        }
    }

    /// Notes a route without a source of candidates; a misspelt one is told as that.
    fn no_source(&mut self, name: &Text, entries: &[(Text, Node)]) {
        let plain = |key: &Text| OPTIONS.contains(&key.text.as_str());
        if entries.iter().all(|(key, _)| plain(key)) {
            let issue = Issue::new("missing_field", &name.span, "a route must say where its candidates come from");
            self.issues.push(issue.help(
                "give it one of `top`, `co_visited`, `session`, `users_like`, `newest`, `tags`, `list`, `history`, `explore`, `random`",
            ));
        }
        self.only(entries, &KINDS);
    }

    fn simple_route(&mut self, kind: &str, value: &Node) -> RouteKind {
        let Some(text) = self.text(value, &format!("`{kind}`")).cloned() else { return RouteKind::Broken };
        match kind {
            "top" => RouteKind::Top(text),
            "newest" => RouteKind::Newest(text),
            "list" => RouteKind::List(text),
            _ => RouteKind::History(text, RECENCY),
        }
    }

    /// Notes every field that is neither among these nor an option of every route.
    fn only(&mut self, entries: &[(Text, Node)], known: &[&str]) {
        let known: Vec<&str> = known.iter().copied().chain(OPTIONS).collect();
        for (key, _) in entries {
            if known.contains(&key.text.as_str()) {
                continue;
            }
            if KINDS.contains(&key.text.as_str()) {
                let issue =
                    Issue::new("several_kinds", &key.span, "a route has one source of candidates; this is a second");
                self.issues.push(issue.help("make it a route of its own"));
            } else if is_planned(&key.text) {
                self.not_available(key);
            } else {
                self.unknown(key, "this route", &known);
            }
        }
    }

    fn co_visited(&mut self, name: &Text, entries: &[(Text, Node)]) -> RouteKind {
        let mut source = CoVisitedSource {
            events: Vec::new(),
            from: None,
            neighbours: 0,
            counters: 200,
            history: 20,
            keep: 1_000,
            distance_decay: 0.8,
            backward: 1.0,
            popularity_exponent: 0.3,
            context_exponent: 0.5,
            shrinkage: 10.0,
            half_life: None,
            context: 20,
            recency: 0.8,
            skip_known: true,
        };
        for (key, value) in entries {
            self.co_visited_field(&mut source, key, value);
        }
        self.only(entries, &own_fields("co_visited"));
        if source.keep < source.history {
            let message =
                format!("`keep` is {} and `history` is {}; all paired items are kept", source.keep, source.history);
            let issue = Issue::new("out_of_range", &name.span, message);
            self.issues.push(issue.help("set `keep` to at least `history`"));
        }
        self.required(
            name,
            entries,
            "from",
            "a `co_visited` route",
            "add `from: user.<feature>` or `from: request.item`",
        );
        if source.events.is_empty() { RouteKind::Broken } else { RouteKind::CoVisited(Box::new(source)) }
    }

    fn co_visited_field(&mut self, source: &mut CoVisitedSource, key: &Text, value: &Node) {
        let what = format!("`{}`", key.text);
        match key.text.as_str() {
            "co_visited" => source.events = self.weighted_events(value, &what),
            "from" => source.from = self.text(value, &what).cloned(),
            "neighbours" => {
                let count = self.int(value, &what, 0..=COUNT_MAX);
                source.neighbours = count.map_or(source.neighbours, |count| count as u16);
            }
            "counters" => self.count(value, &what, &mut source.counters),
            "history" => self.count(value, &what, &mut source.history),
            "keep" => self.count(value, &what, &mut source.keep),
            "known" => source.skip_known = self.known(value).unwrap_or(source.skip_known),
            "context" => self.count(value, &what, &mut source.context),
            "distance_decay" => self.factor(value, &what, 1.0, &mut source.distance_decay),
            "backward" => self.factor(value, &what, 1.0, &mut source.backward),
            "popularity_exponent" => self.factor(value, &what, 2.0, &mut source.popularity_exponent),
            "context_exponent" => self.factor(value, &what, 2.0, &mut source.context_exponent),
            "shrinkage" => self.factor(value, &what, 1e9, &mut source.shrinkage),
            "recency" => self.factor(value, &what, 1.0, &mut source.recency),
            "half_life" => source.half_life = self.span(value, &what),
            _ => {}
        }
    }

    /// `skip` or `keep`: whether items that the user knows are left out.
    fn known(&mut self, value: &Node) -> Option<bool> {
        let text = self.text(value, "`known`")?;
        match text.text.as_str() {
            "skip" => Some(true),
            "keep" => Some(false),
            _ => {
                let issue = Issue::new("out_of_range", &text.span, "`known` is `skip` or `keep`");
                self.issues.push(issue.help("`skip` leaves out what the user has visited; `history` routes give that"));
                None
            }
        }
    }

    fn count(&mut self, value: &Node, what: &str, to: &mut u16) {
        *to = self.int(value, what, 1..=COUNT_MAX).map_or(*to, |count| count as u16);
    }

    fn factor(&mut self, value: &Node, what: &str, most: f64, to: &mut f64) {
        *to = self.number(value, what, 0.0..=most).unwrap_or(*to);
    }

    /// `view`, `[view, buy]` or `{view: 1, buy: 5}`.
    fn weighted_events(&mut self, node: &Node, what: &str) -> Vec<(Text, Option<f64>)> {
        let events: Vec<(Text, Option<f64>)> = match &node.kind {
            Kind::List(list) => {
                list.iter().filter_map(|node| Some((self.text(node, "an event")?.clone(), None))).collect()
            }
            Kind::Map(entries) => entries
                .iter()
                .filter_map(|(event, weight)| {
                    Some((event.clone(), Some(self.number(weight, "an event's weight", 1e-6..=1e6)?)))
                })
                .collect(),
            _ => self.text(node, what).map(|event| (event.clone(), None)).into_iter().collect(),
        };
        if matches!(&node.kind, Kind::List(list) if list.is_empty())
            || matches!(&node.kind, Kind::Map(map) if map.is_empty())
        {
            let issue = Issue::new("missing_value", &node.span, format!("{what} needs at least one event"));
            self.issues.push(issue.help("write `view`, `[view, buy]` or `{ view: 1, buy: 5 }`"));
        }
        events
    }
}

/// The fields of a route of this kind, without the options of every route.
pub(super) fn own_fields(kind: &str) -> Vec<&str> {
    match kind {
        "co_visited" => CO_VISITED.to_vec(),
        "session" | "users_like" => [kind].into_iter().chain(session::OPTIONS).collect(),
        "tags" => tags::OPTIONS.to_vec(),
        "explore" => drawn::EXPLORE.to_vec(),
        "history" => HISTORY.to_vec(),
        _ => vec![kind],
    }
}

/// Kinds of routes that the language will have.
fn is_planned(kind: &str) -> bool {
    matches!(kind, "nearest" | "trending" | "factors" | "graph")
}
