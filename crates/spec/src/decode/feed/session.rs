//! Routes `session` and `users_like`: their options. Both are one index with other defaults.

use super::{Decoder, Node, Text, own_fields};
use crate::source::{RouteKind, SessionsSource};
use domain::{Span, limits};

pub(super) const OPTIONS: [&str; 16] = [
    "from",
    "gap",
    "length",
    "sessions",
    "keep",
    "neighbours",
    "similarity_exponent",
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
/// Sessions kept in all if it is not said.
const KEEP: u32 = 500_000;
/// Time without events that ends a session.
const GAP: Span = Span(30 * 60_000);

/// What the options are if they are not said.
fn defaults(whole_histories: bool) -> SessionsSource {
    let session = SessionsSource {
        events: Vec::new(),
        from: None,
        gap: Some(GAP),
        length: 50,
        sessions: 500,
        keep: KEEP,
        neighbours: 100,
        similarity_exponent: 0.5,
        distance_decay: 0.7,
        backward: 0.7,
        popularity_exponent: 0.1,
        context_exponent: 0.5,
        shrinkage: 10.0,
        half_life: None,
        context: 20,
        recency: 0.6,
        skip_known: true,
    };
    if !whole_histories {
        return session;
    }
    SessionsSource {
        gap: None,
        length: 200,
        neighbours: 100,
        similarity_exponent: 0.0,
        distance_decay: 0.8,
        backward: 0.4,
        recency: 0.7,
        ..session
    }
}

impl Decoder<'_> {
    pub(super) fn sessions(&mut self, name: &Text, entries: &[(Text, Node)]) -> RouteKind {
        let has = |field: &str| entries.iter().any(|(key, _)| key.text == field);
        let kind = if has("session") { "session" } else { "users_like" };
        let mut source = defaults(kind == "users_like");
        for (key, value) in entries {
            if key.text == kind {
                source.events = self.weighted_events(value, &format!("`{kind}`"));
                self.at_most(key, source.events.len(), limits::SESSION_EVENTS_MAX);
            } else {
                self.sessions_option(&mut source, key, value);
            }
        }
        self.only(entries, &own_fields(kind));
        let what = format!("a `{kind}` route");
        self.required(name, entries, "from", &what, "add `from: user.<feature>` or `from: request.item`");
        if source.events.is_empty() { RouteKind::Broken } else { RouteKind::Sessions(Box::new(source)) }
    }

    fn sessions_option(&mut self, source: &mut SessionsSource, key: &Text, value: &Node) {
        let what = format!("`{}`", key.text);
        match key.text.as_str() {
            "from" => source.from = self.text(value, &what).cloned(),
            "gap" => source.gap = self.gap(value).unwrap_or(source.gap),
            "length" => self.count(value, &what, &mut source.length),
            "sessions" => self.count(value, &what, &mut source.sessions),
            "keep" => {
                let keep = self.int(value, &what, 1..=i64::from(limits::SESSIONS_MAX));
                source.keep = keep.map_or(source.keep, |keep| keep as u32);
            }
            "neighbours" => self.count(value, &what, &mut source.neighbours),
            "context" => self.count(value, &what, &mut source.context),
            "similarity_exponent" => self.factor(value, &what, 4.0, &mut source.similarity_exponent),
            "distance_decay" => self.factor(value, &what, 1.0, &mut source.distance_decay),
            "backward" => self.factor(value, &what, 1.0, &mut source.backward),
            "popularity_exponent" => self.factor(value, &what, 2.0, &mut source.popularity_exponent),
            "context_exponent" => self.factor(value, &what, 2.0, &mut source.context_exponent),
            "shrinkage" => self.factor(value, &what, 1e9, &mut source.shrinkage),
            "recency" => self.factor(value, &what, 1.0, &mut source.recency),
            "half_life" => source.half_life = self.span(value, &what),
            "known" => source.skip_known = self.known(value).unwrap_or(source.skip_known),
            _ => {}
        }
    }

    /// A duration, or `none`: a user's events are never cut into sessions.
    fn gap(&mut self, value: &Node) -> Option<Option<Span>> {
        let text = self.text(value, "`gap`")?;
        if text.text == "none" { Some(None) } else { self.span(value, "`gap`").map(Some) }
    }
}
