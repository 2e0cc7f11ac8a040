//! Routes `tags`: their options.

use super::{Decoder, Node, Text};
use crate::source::{RouteKind, TagsSource};

pub(super) const OPTIONS: [&str; 5] = ["tags", "from", "by", "context", "recency"];
/// Context items that are read if it is not said.
const CONTEXT: u16 = 20;
/// Weight of a context item as a share of that of the item before it.
const RECENCY: f64 = 0.8;

impl Decoder<'_> {
    pub(super) fn tags(&mut self, name: &Text, tags: &Node, entries: &[(Text, Node)]) -> RouteKind {
        let (mut from, mut by, mut context, mut recency) = (None, None, CONTEXT, RECENCY);
        for (key, value) in entries {
            let what = format!("`{}`", key.text);
            match key.text.as_str() {
                "from" => from = self.text(value, &what).cloned(),
                "by" => by = self.text(value, &what).cloned(),
                "context" => self.count(value, &what, &mut context),
                "recency" => self.factor(value, &what, 1.0, &mut recency),
                _ => {}
            }
        }
        self.only(entries, &OPTIONS);
        let help = "add `from: user.<attribute>`, `from: user.<list of items>`, `from: request.<context>` or, in a feed for items, \
                    `from: request.item`";
        self.required(name, entries, "from", "a `tags` route", help);
        let tags = self.text(tags, "`tags`").cloned();
        match (tags, from) {
            (Some(tags), Some(from)) => RouteKind::Tags(TagsSource { tags, from, by, context, recency }),
            _ => RouteKind::Broken,
        }
    }
}
